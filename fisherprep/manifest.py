"""Dataset manifests: ``manifests/<name>.yaml``, one per dataset, read by every command that needs to know of it.

A manifest says where a dataset's tables are, how it is split, which side may be the agent and how often each prompt
level is drawn; a domain's manifest also says what to synthesise. Unknown keys are errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

DEFAULT_DIR = "manifests"
AGENTS = ("a", "b", "either")


@dataclass(frozen=True)
class SplitRule:
    """Shares of calls held out; see ``splits.py`` for the rule."""

    by: str = "speaker"
    valid: float = 0.05
    test: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Domain:
    """What to synthesise: script files beside the manifest, the role names in them, how many dialogues."""

    scripts: str
    agent_role: str
    user_role: str
    dialogues: int = 20
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
    domain: Domain | None = None
    path: Path | None = None


def load_manifest(path: Path) -> Manifest:
    """Read one manifest.

    Raises:
        ValueError: the file is missing, is not YAML, has an unknown or missing key, or a value out of range.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise ValueError(f"{path}: no such manifest") from err
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        raise ValueError(f"{path}: cannot be read as YAML ({err})") from err
    data = _mapping(data, path, "")
    if "split" in data:
        data["split"] = _build(SplitRule, data["split"], path, "split")
    if data.get("domain") is not None:
        data["domain"] = _build(Domain, data["domain"], path, "domain")
    if "prompt_levels" in data:
        if not isinstance(data["prompt_levels"], list):
            raise ValueError(f"{path}: prompt_levels: expected a list of weights, found {data['prompt_levels']!r}")
        data["prompt_levels"] = tuple(data["prompt_levels"])
    manifest = _build(Manifest, data, path, "", path=path)
    _validate(manifest, path)
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


def _mapping(value: Any, path: Path, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{path}: {where or 'the file'}: expected keys and values, found {value!r}")
    return dict(value)


def _build(cls: Any, value: Any, file: Path, where: str, **extra: Any) -> Any:
    data = _mapping(value, file, where)
    known = {f.name for f in fields(cls)} - {"path"}
    if unknown := sorted(map(str, data.keys() - known)):
        raise ValueError(
            f"{file}: {where or 'the file'}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}"
        )
    try:
        return cls(**data, **extra)
    except TypeError as err:
        raise ValueError(f"{file}: {where or 'the file'}: {str(err).split('__init__() ')[-1]}") from err


def _validate(m: Manifest, path: Path) -> None:
    def need(ok: bool, what: str, found: Any, expected: str) -> None:
        if not ok:
            raise ValueError(f"{path}: {what}: found {found!r}, expected {expected}")

    def number(x: Any) -> bool:
        return isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)

    for key in ("name", "tables"):
        need(isinstance(getattr(m, key), str) and bool(getattr(m, key)), key, getattr(m, key), "a text")
    need(m.agent in AGENTS, "agent", m.agent, "a, b or either")
    need(m.prompt is None or isinstance(m.prompt, str), "prompt", m.prompt, "a text")
    levels = m.prompt_levels
    need(
        len(levels) > 0 and all(number(w) and w >= 0 for w in levels) and sum(levels) > 0,
        "prompt_levels",
        list(levels),
        "weights of 0 or more, at least one above 0",
    )
    for key in ("valid", "test"):
        share = getattr(m.split, key)
        need(number(share) and 0 <= share < 0.5, f"split.{key}", share, "a share from 0 to below 0.5")
    need(m.split.by in ("speaker", "script"), "split.by", m.split.by, "speaker or script")
    need(isinstance(m.split.seed, int), "split.seed", m.split.seed, "a whole number")
    if m.domain:
        for key in ("scripts", "agent_role", "user_role"):
            text = getattr(m.domain, key)
            need(isinstance(text, str) and bool(text.strip()), f"domain.{key}", text, "a text")
        need(type(m.domain.seed) is int, "domain.seed", m.domain.seed, "a whole number")
        need(
            isinstance(m.domain.dialogues, int) and m.domain.dialogues > 0,
            "domain.dialogues",
            m.domain.dialogues,
            "1 or more",
        )
        need(
            m.domain.agent_role != m.domain.user_role,
            "domain.user_role",
            m.domain.user_role,
            "another name than agent_role",
        )
