"""What `plan_dialogues` gives: dialogues to be spoken, what was dropped, and counts."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fisherprep.manifest import Manifest
from fisherprep.speech.script_checks import Checker
from fisherprep.speech.script_claims import Violation
from fisherprep.speech.scripts import Problem, Script

SCRIPTS, GRAMMAR = "scripts", "grammar"


@dataclass(frozen=True)
class Dialogue:
    """One dialogue to be spoken."""

    call_id: str
    split: str
    source: str
    """scripts, grammar or llm"""
    origin: str
    """its file, relative to the manifest's folder"""
    scenario: str | None
    script: Script
    """the lines, and the most detailed prompt"""
    prompts: tuple[str, ...]
    """from the least to the most detailed"""


@dataclass(frozen=True)
class Dropped:
    """A script or draft that is not used, and why."""

    call_id: str | None
    reason: str
    problem: Problem


@dataclass
class Planned:
    """The dialogues of a domain, what was dropped, and counts."""

    checker: Checker = field(repr=False, compare=False)
    """what every dialogue of the domain is held against"""
    dialogues: list[Dialogue] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    prompt_splits: dict[str, str] = field(default_factory=dict, repr=False)
    """prompts with facts in them, each with the one split that it is in"""


def beside(manifest: Manifest, name: str) -> Path:
    """A file or folder that a manifest names."""
    return (manifest.path.parent if manifest.path else Path()) / name


def chance(seed: int, call_id: str, what: str) -> random.Random:
    """The source of chance of one matter of one dialogue."""
    digest = hashlib.sha256(f"{seed}:{call_id}:{what}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def dropped_for(call_id: str | None, place: str, v: Violation) -> Dropped:
    """What a violation of the checks costs: the dialogue."""
    return Dropped(call_id, v.reason, Problem(f"{place}:{v.line}" if v.line else place, v.found, v.expected, v.fix))
