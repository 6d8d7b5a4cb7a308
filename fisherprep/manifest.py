"""Dataset manifests: ``manifests/<name>.yaml``, one per dataset, read by every command that needs to know of it.

A manifest says where a dataset's tables are, how it is split, which side may be the agent and how often each prompt
level is drawn; a domain's manifest also says what to synthesise. Unknown keys are errors.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from fisherprep.domain import Domain, check_domain
from fisherprep.strict_yaml import Node, build, read_yaml

DEFAULT_DIR = "manifests"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
AGENTS = ("a", "b", "either")
SPLIT_BY = ("speaker", "script", "facts")


@dataclass(frozen=True)
class SplitRule:
    """Shares of calls held out. By ``speaker`` (recordings) and ``script``: see ``splits.py``; by ``facts`` (a domain
    with a grammar, or with scripts of several shops): see ``speech/dialogues.py``."""

    by: str = "speaker"
    valid: float = 0.05
    test: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Manifest:
    """One dataset. ``tables`` is its work folder, relative to the data root."""

    name: str
    tables: str
    split: SplitRule = SplitRule()
    agent: str = "either"
    prompt_levels: tuple[float, ...] = (1.0,)
    """Weights of the prompts, least detailed first; drawn among those that a side has."""
    prompt: str | None = None
    """Role prompt of the agent, for recordings that bring none of their own."""
    license: str | None = None
    """Licence of the tables for the dataset card, as hubs name it: cc-by-4.0, ..."""
    redistribute: bool = False
    """Whether that licence lets the tables be published; never so for what is derived from LDC data."""
    domain: Domain | None = None
    path: Path | None = None


def load_manifest(path: Path) -> Manifest:
    """Read one manifest.

    Raises:
        ValueError: the file is missing, is not YAML, has an unknown or missing key, or a value out of range; the
            message has the file, the line and the key.
    """
    try:
        node = read_yaml(path)
    except FileNotFoundError as err:
        raise ValueError(f"{path}: no such manifest") from err
    manifest = build(Manifest, node, path=path)
    _check(manifest, node)
    return manifest


def find_manifest(name: str, directory: Path) -> Manifest:
    """The manifest of dataset ``name`` in ``directory``.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    file = directory / f"{name}.yaml"
    if not file.is_file() or "/" in name or "\\" in name:
        known = ", ".join(sorted(p.stem for p in directory.glob("*.yaml"))) or "none"
        raise ValueError(f"dataset {name!r}: no manifest {file}; datasets with a manifest there: {known}")
    manifest = load_manifest(file)
    if manifest.name != name:
        raise ValueError(f"{file}: name: found {manifest.name!r}, expected {name!r}, as the file is called")
    return manifest


def _check(m: Manifest, node: Node) -> None:
    """What types cannot say."""
    keys = node.mapping()
    if not _NAME.fullmatch(m.name):
        keys["name"].fail("a name for files: letters, digits, '-' and '_'")
    if Path(m.tables).is_absolute() or ".." in Path(m.tables).parts:
        keys["tables"].fail("a folder below the data root")
    if m.agent not in AGENTS:
        keys["agent"].fail("a, b or either")
    if m.redistribute and not (m.license or "").strip():
        keys["redistribute"].fail("a `license` beside it, since redistribution needs one")
    if "prompt_levels" in keys:
        weights = m.prompt_levels
        if not weights or not all(math.isfinite(w) and w >= 0 for w in weights) or sum(weights) <= 0:
            keys["prompt_levels"].fail("weights of 0 or more, at least one above 0")
    if m.prompt and re.search(r"[{}<>]", m.prompt):
        keys["prompt"].fail("a prompt that is filled in, without { } < >")
    if "split" in keys:
        _check_split(m, keys["split"].mapping())
    if m.domain:
        check_domain(m.domain, keys["domain"])
        if m.split.by == "script" and m.domain.grammar is not None:
            keys["split"].fail("by: facts, since the domain draws fact sheets for a grammar", found="by: script")


def _check_split(m: Manifest, keys: dict[str, Node]) -> None:
    for key in ("valid", "test"):
        if key in keys and not 0 <= getattr(m.split, key) < 0.5:
            keys[key].fail("a share from 0 to below 0.5")
    if m.split.by not in SPLIT_BY:
        keys["by"].fail("speaker, script or facts")
