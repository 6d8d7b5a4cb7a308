"""To a hub: the codes and voices tables with their card, and nothing of LDC data where everybody can get it.

Private is the rule. A public repository takes only a dataset whose manifest states a licence and ``redistribute: true``
and whose tables bear no mark of the LDC. The hub is asked whether the repository is private before anything is sent,
again before what was sent becomes visible, and once more afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fisherprep.dataset.card import CARD, card, is_foreign
from fisherprep.dataset.facts import TABLES, Facts, facts_of
from fisherprep.manifest import Manifest
from fisherprep.stage import upstream
from fisherprep.workfolder import WorkFolder

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


@dataclass(frozen=True)
class Pushed:
    """What was sent where."""

    url: str
    files: int
    deleted: int
    num_bytes: int
    private: bool
    from_ldc: bool


def push(work: WorkFolder, repo: str, api: HfApi, public: bool = False, manifest: Manifest | None = None) -> Pushed:
    """Make a dataset repository hold the codes and voices tables as they are here, in one commit.

    Args:
        work: a work folder that is encoded.
        repo: ``USER/NAME``; made when it does not exist.
        api: of the hub, with a token.
        public: whether everybody may read the repository; otherwise one that everybody can read is refused.
        manifest: of the dataset.

    Raises:
        ValueError: a table is not what its stage wrote, the data may not be public, the repository is public, or the
            hub refuses.
    """
    from huggingface_hub.errors import HfHubHTTPError

    if not _REPO.fullmatch(repo):
        raise ValueError(f"repository {repo!r}: expected USER/NAME")
    with work.lock("push"):
        _check_tables(work, public)
        facts = facts_of(work)
        if public:
            check_public(work, facts, manifest)
        try:
            return _push(work, repo, api, public, facts, manifest)
        except HfHubHTTPError as err:
            raise ValueError(
                f"{repo}: the hub refused ({err}); check the name, and that the token may write there"
            ) from err


def _check_tables(work: WorkFolder, public: bool) -> None:
    """Refuse files that are not what encode wrote and, since they tell whose the data is, other conversations than
    ingest's where everybody can get it."""
    shards = upstream(work, *TABLES, *(("conversations",) if public else ()))
    for file in (file for table in TABLES for file in work.files(table)):
        if file.stem not in shards:
            raise ValueError(
                f"{file}: no stage recorded this file, so nothing tells what it was made from; remove it, or run "
                "`fisherprep encode` again"
            )


def check_public(work: WorkFolder, facts: Facts, manifest: Manifest | None) -> None:
    """Refuse what must not be public.

    Raises:
        ValueError: the data is the LDC's or may be, or no manifest says that its licence allows it.
    """
    if facts.from_ldc:
        what = f"{facts.ldc_calls:,} calls derived from LDC data"
        if facts.unknown_calls:
            what += f" and {facts.unknown_calls:,} calls whose source the tables do not tell"
        raise ValueError(
            f"{work.path}: found {what}; the LDC's licence forbids redistribution, so this goes to no public "
            "repository, whatever a manifest says; push without --public to a private repository of people with a "
            "licence"
        )
    if manifest is None or not manifest.redistribute:
        where = manifest.path if manifest else f"no manifest of dataset {work.name!r}"
        raise ValueError(
            f"{where}: expected `redistribute: true` and a `license`, which say that this dataset may be published; "
            "write them there (--manifest names another file), or push without --public"
        )
    if manifest.name != work.name:
        raise ValueError(f"{manifest.path}: is of dataset {manifest.name!r}, but {work.path} holds {work.name!r}")


def _push(work: WorkFolder, repo: str, api: HfApi, public: bool, facts: Facts, manifest: Manifest | None) -> Pushed:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    info = _repository(repo, api, public)
    files = _files(work, facts, manifest)
    additions = [CommitOperationAdd(name, content) for name, content in files.items()]
    gone = sorted({s.rfilename for s in info.siblings or () if _is_table(s.rfilename)} - files.keys())
    api.preupload_lfs_files(repo, additions, repo_type="dataset")
    _check_private(repo, api, public)
    operations: list[Any] = [*additions, *(CommitOperationDelete(name) for name in gone)]
    message = f"{work.name}: {facts.num_calls} calls, content {facts.fingerprint[:12]}"
    api.create_commit(repo, operations, commit_message=message, repo_type="dataset")
    private = _check_private(repo, api, public)
    sizes = sum(c.stat().st_size if isinstance(c, Path) else len(c) for c in files.values())
    url = f"{api.endpoint}/datasets/{repo}"
    return Pushed(url, len(files), len(gone), sizes, private, facts.from_ldc)


def _repository(repo: str, api: HfApi, public: bool) -> Any:
    """The repository's description; it is made, private unless ``public``, when there is none."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        api.repo_info(repo, repo_type="dataset")
    except RepositoryNotFoundError:
        api.create_repo(repo, repo_type="dataset", private=not public)
    _check_private(repo, api, public)
    return api.repo_info(repo, repo_type="dataset")


def _check_private(repo: str, api: HfApi, public: bool) -> bool:
    """Whether the hub says that the repository is private.

    Raises:
        ValueError: it does not, and it must be.
    """
    private = api.repo_info(repo, repo_type="dataset").private is True
    if not private and not public:
        raise ValueError(
            f"{repo}: everybody can read this repository (a gated one too, once they are let in), and this push is "
            "private; make it private in its settings, name another, or see --public"
        )
    return private


def _files(work: WorkFolder, facts: Facts, manifest: Manifest | None) -> dict[str, Path | bytes]:
    """What the repository is to hold: the tables, and the card or the README.md that somebody wrote in its place."""
    tables = {f"{table}/{file.name}": file for table in TABLES for file in work.files(table)}
    own = work.path / CARD
    text = card(work.name, facts, manifest=manifest).encode()
    return {CARD: own.read_bytes() if is_foreign(own) else text, **tables}


def _is_table(name: str) -> bool:
    folder, _, file = name.partition("/")
    return folder in TABLES and file.endswith(".parquet")
