"""The ``domain`` part of a manifest: what to synthesise, from which sources, about what, and how people behave."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fisherprep.strict_yaml import Node

SERVICE_PROMPT = "You work for {shop} which is {business.a} and your name is {agent}. Information: <information>"
"""PersonaPlex's service form (NVIDIA/personaplex, README.md: ``You work for <Company> which is a <business> and your
name is <Name>. Information: <facts>.``), with a fact sheet's values in its places."""


MAX_DIALOGUES = 1_000_000
_NO_ROLE = re.compile(r"[:()\n]|^#|^\s*$")
"""What script files could not begin a line with."""


@dataclass(frozen=True)
class Scenario:
    """One kind of dialogue."""

    weight: float = 1.0
    """how often it is drawn, relative to the others"""
    test_only: bool = False
    """held out whole: no dialogue of it is in train or valid"""
    prompts: tuple[str, ...] = ("service",)
    """names of prompt templates, from the least to the most detailed; a dialogue gets them all"""
    about: str = ""
    """one sentence for a language model that writes such a dialogue"""


@dataclass(frozen=True)
class Behaviours:
    """Shares, 0 to 1. A grammar may use their names as chances."""

    interruption: float = 0.1
    """of the user's turns after a long turn of the agent: they begin before it ends"""
    backchannel: float = 0.2
    """of long turns: the other side says "mm-hm" inside them"""
    long_pause: float = 0.08
    """of the user's turns: first a hesitation, a long pause, and then the turn"""
    correction: float = 0.15
    """of what a grammar marks with it: the speaker corrects themselves"""

    def share(self, name: str) -> float | None:
        """The share of that name; None where there is none."""
        return getattr(self, name) if name in self.__dataclass_fields__ else None


@dataclass(frozen=True)
class SpeechChoice:
    """Which engine speaks, and in which voices; see ``speech/tts.py``."""

    engine: str = "espeak"
    """espeak, kokoro, piper, or module:callable"""
    voices: tuple[str, ...] = ()
    """the engine's names of voices; none: all that it has"""
    model: str | None = None
    """folder with the engine's weights, where it needs one"""


@dataclass(frozen=True)
class Conditions:
    """What may befall the user's channel, and how often (shares, 0 to 1); see ``speech/conditions.py``."""

    gain: float = 0.0
    noise: float = 0.0
    echo: float = 0.0
    """the agent heard through the user's microphone, and the room's reverberation"""
    telephone: float = 0.0


@dataclass(frozen=True)
class Domain:
    """What to synthesise; folders and files are relative to the manifest's folder.

    Dialogues come from script files (``scripts``), from a grammar (``grammar`` with ``facts``), or from both.
    """

    agent_role: str
    user_role: str
    scripts: str | None = None
    """folder of ``*.txt``; in subfolders train, valid and test a script's split is that of its folder"""
    scripts_share: float | None = None
    """share of dialogues from script files; None: all where there is no grammar, else a tenth"""
    grammar: str | None = None
    """folder of ``*.yaml`` with scenarios; ``default``: the one that comes with fisherprep"""
    facts: str | None = None
    """file that says what a fact sheet is drawn from"""
    prompts: dict[str, str] = field(default_factory=dict)
    """prompt templates by name, beside or in place of ``service``"""
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    """by name, as in the grammar; empty: all of the grammar, equally often"""
    behaviours: Behaviours = Behaviours()
    speech: SpeechChoice = SpeechChoice()
    timing: str | None = None
    """``timing.json`` that `fisherprep timing` measured; None: the built-in default"""
    conditions: Conditions = Conditions()
    dialogues: int = 20
    seed: int = 0

    @property
    def templates(self) -> dict[str, str]:
        """All prompt templates by name."""
        return {"service": SERVICE_PROMPT, **self.prompts}


def check_domain(domain: Domain, node: Node) -> None:
    """What types cannot say.

    Raises:
        ValueError: a value out of range, or keys that do not go together.
    """
    keys = node.mapping()
    if not 1 <= domain.dialogues <= MAX_DIALOGUES:
        keys["dialogues"].fail(f"1 or more, up to {MAX_DIALOGUES:,}")
    for key in ("agent_role", "user_role"):
        if _NO_ROLE.search(keys[key].text()):
            keys[key].fail("a name without colon and brackets: lines of scripts begin with it and a colon")
    if domain.agent_role.lower() == domain.user_role.lower():
        keys["user_role"].fail("another name than agent_role")
    if domain.scripts is None and domain.grammar is None:
        node.fail("scripts (a folder of .txt files), grammar (a folder of .yaml files), or both", found=sorted(keys))
    if (domain.grammar is None) != (domain.facts is None):
        node.fail("grammar and facts together, or neither", found=sorted(keys))
    if domain.scripts_share is not None:
        keys["scripts_share"].number(0, 1)
        if domain.scripts is None:
            keys["scripts_share"].fail("no share, since there is no scripts folder")
    if "conditions" in keys:
        for share in keys["conditions"].mapping().values():
            share.number(0, 1)
    _check_scenarios(domain, node)


def _check_scenarios(domain: Domain, node: Node) -> None:
    keys = node.mapping()
    for name, scenario in domain.scenarios.items():
        at = keys["scenarios"].mapping()[name]
        if scenario.weight < 0:
            at.mapping()["weight"].fail("a weight of 0 or more")
        if not scenario.prompts or len(set(scenario.prompts)) != len(scenario.prompts):
            at.mapping()["prompts"].fail("names of prompts, each once")
        for prompt in scenario.prompts:
            if prompt not in domain.templates:
                at.fail(f"one of the prompts {sorted(domain.templates)}", found=prompt)
    if domain.scenarios and not any(s.weight > 0 and not s.test_only for s in domain.scenarios.values()):
        keys["scenarios"].fail("at least one with a weight above 0 that is not test_only")
    if "behaviours" in keys:
        for share in keys["behaviours"].mapping().values():
            share.number(0, 1)
