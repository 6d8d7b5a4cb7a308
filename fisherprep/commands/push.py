"""``fisherprep push``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fisherprep.commands.options import work_argument

if TYPE_CHECKING:
    from fisherprep.manifest import Manifest


@click.command()
@work_argument
@click.option("--repo", required=True, metavar="USER/NAME", help="Dataset repository; made where there is none.")
@click.option(
    "--private/--public",
    default=True,
    show_default=True,
    help="Whether only you and your organisation may read it. Public: never for LDC data, and only where the manifest "
    "has a license and redistribute: true.",
)
@click.option(
    "--manifest",
    "manifest_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The dataset's manifest.  [default: manifests/NAME.yaml, where there is one]",
)
def push(work: Path, data_root: Path, repo: str, private: bool, manifest_file: Path | None) -> None:
    """Put the codes and voices tables of WORK and their card into a hub's dataset repository, private as a rule.

    The token comes from the environment (HF_TOKEN), or from `hf auth login`.

    \b
    Example:
      HF_TOKEN=... fisherprep push data/coffee --repo me/coffee-codes
    """
    from huggingface_hub import HfApi, get_token

    from fisherprep.dataset.push import push as run
    from fisherprep.workfolder import WorkFolder

    folder = WorkFolder.open(work)
    manifest = _manifest(folder.name, manifest_file)
    token = get_token()
    if not token:
        raise click.ClickException("no token of the hub: set HF_TOKEN in the environment, or run `hf auth login`")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    pushed = run(folder, repo, api, not private, manifest)
    if pushed.from_ldc:
        click.echo(
            "warning: this is derived from LDC data: let only people with a licence into the repository, and keep it "
            "private",
            err=True,
        )
    seen = "private" if pushed.private else "public"
    deleted = f", {pushed.deleted} deleted" if pushed.deleted else ""
    click.echo(f"{pushed.url} ({seen}): {pushed.files} files, {pushed.num_bytes / 1e6:.1f} MB{deleted}")


def _manifest(name: str, file: Path | None) -> Manifest | None:
    from fisherprep.manifest import DEFAULT_DIR, load_manifest

    usual = Path(DEFAULT_DIR) / f"{name}.yaml"
    return load_manifest(file or usual) if file or usual.is_file() else None
