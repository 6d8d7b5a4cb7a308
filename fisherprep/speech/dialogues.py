"""Which dialogues a domain has: from script files and from its grammar, each checked, each in its split.

What held out means, where a manifest says ``split: {by: facts}``: no value of a pool that is ``apart`` (shops, names)
and no price table is in two splits; scenarios that are ``test_only`` are in test alone; a script file is in one split,
and what it calls its shop and agent is in no pool. With ``by: script`` the dialogues of a script file are in one split.

The first N dialogues do not depend on how many are asked for.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fisherprep.domain import SERVICE_PROMPT, Domain, Scenario
from fisherprep.manifest import Manifest
from fisherprep.speech.behave import behave
from fisherprep.speech.facts import FactSource, Sheet
from fisherprep.speech.facts_file import read_facts
from fisherprep.speech.grammar import ScenarioGrammar, all_bound, check_template, read_grammar
from fisherprep.speech.grammar_run import SaidLine, fill, tell
from fisherprep.speech.script_checks import Checker
from fisherprep.speech.script_claims import Violation
from fisherprep.speech.script_sums import OrderLine
from fisherprep.speech.scripts import Problem, Script, ScriptLine, read_scripts, spoken_words
from fisherprep.speech.templates import Template, parse_template
from fisherprep.speech.values import Order
from fisherprep.splits import assign_splits
from fisherprep.strict_yaml import Node, read_yaml
from fisherprep.workfolder import check_id

_TRIES = 4
"""Drafts of one dialogue, each from another draw, until one passes its checks."""
_SCRIPTS_BESIDE_GRAMMAR = 0.1
SCRIPTS, GRAMMAR = "scripts", "grammar"
DEFAULT_GRAMMAR = Path(__file__).parent / "default_grammar"
"""For a domain that has only facts; manifests name it ``default``."""


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


def plan_dialogues(manifest: Manifest, count: int, seed: int) -> Planned:
    """The first ``count`` dialogues of a manifest's domain.

    Raises:
        ValueError: the manifest has no domain; its files are missing, not as they should be, or all unusable.
    """
    domain = domain_of(manifest)
    if count < 1:
        raise ValueError(f"dialogues: found {count}, expected 1 or more")
    grammar = Drafter(manifest, domain) if domain.grammar else None
    checker = Checker((domain.agent_role, domain.user_role), *(grammar.lexicon() if grammar else (frozenset(),)))
    planned = Planned(checker)
    scripts = _usable_scripts(manifest, domain, checker, planned) if domain.scripts else []
    share = domain.scripts_share if domain.scripts_share is not None else _SCRIPTS_BESIDE_GRAMMAR
    share = 1.0 if grammar is None else share if scripts else 0.0
    ids = [check_id(f"{manifest.name}_{index:04d}") for index in range(count)]
    from_scripts = [i for place, i in enumerate(ids) if _falls(place, share)]
    _add_scripts(manifest, domain, scripts, from_scripts, planned)
    drafted = [i for place, i in enumerate(ids) if not _falls(place, share)]
    if grammar:
        taken = frozenset(name for script in scripts for name in script.own_names)
        for place, call_id in enumerate(drafted):
            grammar.add(call_id, _split_at(place, manifest), seed, taken, checker, planned)
    if not planned.dialogues:
        first = planned.dropped[0]
        raise ValueError(
            f"{manifest.path}: none of {count} dialogues passes its checks; the first, {first.problem.place}: "
            f"{first.reason}, found {first.problem.found!r}, expected {first.problem.expected}; {first.problem.fix}"
        )
    planned.dialogues.sort(key=lambda d: d.call_id)
    return planned


def domain_of(manifest: Manifest) -> Domain:
    """The manifest's domain.

    Raises:
        ValueError: it has none.
    """
    if manifest.domain is None:
        raise ValueError(
            f"{manifest.path or manifest.name}: has no 'domain', so there is nothing to synthesise; expected scripts "
            "or grammar, agent_role and user_role under 'domain:', as manifests/coffee.yaml has them"
        )
    return manifest.domain


def _falls(place: int, share: float) -> bool:
    """Whether place number ``place`` is one of the share that is spread evenly over all places."""
    return math.floor((place + 1) * share + 0.5) > math.floor(place * share + 0.5)


def _split_at(place: int, manifest: Manifest) -> str:
    """The split of place number ``place``: held-out places are spread evenly, and so are test places among them."""
    rule = manifest.split
    held_out = rule.test + rule.valid
    if not _falls(place, held_out):
        return "train"
    return "test" if _falls(math.floor(place * held_out + 0.5), rule.test / held_out) else "valid"


# -- script files -----------------------------------------------------------------------------------------------------


def _usable_scripts(manifest: Manifest, domain: Domain, checker: Checker, planned: Planned) -> list[Script]:
    folder = _beside(manifest, domain.scripts or "")
    scripts, problems = read_scripts(folder, (domain.agent_role, domain.user_role))
    planned.dropped += [Dropped(None, "bad_script", problem) for problem in problems]
    usable = []
    for script in scripts:
        report = checker.check(script, (script.prompt,))
        planned.counters.update(report.unchecked)
        planned.dropped += [_dropped(None, f"{script.file}", v) for v in report.violations]
        if not report.violations:
            usable.append(script)
    if not usable and domain.grammar is None:
        p = planned.dropped[0].problem
        raise ValueError(
            f"{folder}: no script can be used; {p.place}: found {p.found!r}, expected {p.expected}; {p.fix}"
        )
    return usable


def _add_scripts(manifest: Manifest, domain: Domain, scripts: list[Script], ids: list[str], planned: Planned) -> None:
    chosen = {call_id: scripts[index % len(scripts)] for index, call_id in enumerate(ids)}
    rule = manifest.split
    if rule.by == "facts":
        found = assign_splits({s.file: [s.file] for s in scripts}, rule.valid, rule.test, rule.seed)
        splits = {call_id: found[script.file] for call_id, script in chosen.items()}
    else:
        splits = assign_splits({i: [s.file] for i, s in chosen.items()}, rule.valid, rule.test, rule.seed)
    for call_id, script in chosen.items():
        origin = f"{domain.scripts}/{script.file}"
        split = script.split or splits[call_id]
        planned.dialogues.append(Dialogue(call_id, split, SCRIPTS, origin, None, script, (script.prompt,)))
        planned.counters[f"dialogues from {SCRIPTS}"] += 1


# -- grammar ----------------------------------------------------------------------------------------------------------


class Drafter:
    """Writes dialogues from a domain's facts and grammar."""

    def __init__(self, manifest: Manifest, domain: Domain) -> None:
        assert domain.facts is not None and domain.grammar is not None, "checked with the manifest"
        self._rule = manifest.split
        self._domain = domain
        self.facts: FactSource = read_facts(_beside(manifest, domain.facts))
        folder = DEFAULT_GRAMMAR if domain.grammar == "default" else _beside(manifest, domain.grammar)
        self._grammars = read_grammar(folder, domain.behaviours, self.facts.names())
        self.scenarios: dict[str, Scenario] = domain.scenarios or {name: Scenario() for name in self._grammars}
        for name in self.scenarios:
            if name not in self._grammars:
                raise ValueError(
                    f"{manifest.path}: domain.scenarios: found {name!r}, expected one of the grammar's "
                    f"{sorted(self._grammars)}; mend the name or write its file"
                )
        self._prompts = _prompt_templates(manifest, domain)
        for name, scenario in self.scenarios.items():
            self._check_prompts(self._grammars[name], scenario)

    def lexicon(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names of all that the domain sells, and of its sizes, as the checks need them."""
        return self.facts.offers(), self.facts.sizes()

    def _check_prompts(self, grammar: ScenarioGrammar, scenario: Scenario) -> None:
        known = self.facts.names() | all_bound(grammar)
        for name in scenario.prompts:
            check_template(self._prompts[name], grammar.rules, known)

    def add(
        self, call_id: str, split: str, seed: int, taken: frozenset[str], checker: Checker, planned: Planned
    ) -> None:
        """Draft a dialogue until one passes the checks; note what did not."""
        name = self._scenario(chance(seed, call_id, "scenario"), split)
        for attempt in range(_TRIES):
            rng = chance(seed, call_id, f"draft {attempt}")
            sheet = self.facts.draw(rng, split, self._rule, taken)
            try:
                dialogue, orders = self._draft(call_id, split, name, sheet, rng)
            except ValueError as err:  # a step that only some draws lead to
                place = f"{self._grammars[name].file.name}, {call_id}"
                fix = "mend the grammar there, or ask with 'if' or 'when' first"
                problem = Problem(place, str(err), "a dialogue that can be told", fix)
                planned.dropped.append(Dropped(call_id, "cannot_be_told", problem))
                continue
            report = checker.check(dialogue.script, dialogue.prompts, orders)
            planned.dropped += [_dropped(call_id, f"{dialogue.origin}, {call_id}", v) for v in report.violations]
            if not report.violations:
                planned.counters.update(report.unchecked)
                planned.dialogues.append(dialogue)
                planned.counters[f"dialogues from {GRAMMAR}"] += 1
                return
        planned.counters["dialogues without a draft that passes"] += 1

    def _scenario(self, rng: random.Random, split: str) -> str:
        open_to = {
            n: s.weight for n, s in self.scenarios.items() if s.weight > 0 and (split == "test" or not s.test_only)
        }
        return rng.choices(list(open_to), list(open_to.values()))[0]

    def _draft(
        self, call_id: str, split: str, name: str, sheet: Sheet, rng: random.Random
    ) -> tuple[Dialogue, dict[int, tuple[OrderLine, ...]]]:
        grammar, domain = self._grammars[name], self._domain
        told = tell(grammar, sheet.values, rng)

        def phrase(rule: str) -> str | None:
            return fill(rng.choice(grammar.rules[rule]).text, grammar, told.env, rng) if rule in grammar.rules else None

        lines = behave(told.lines, domain.behaviours, rng, phrase)
        prompts = tuple(fill(self._prompts[p], grammar, told.env, rng) for p in self.scenarios[name].prompts)
        roles = {"agent": domain.agent_role, "user": domain.user_role}
        script = Script(
            name, prompts[-1], tuple(_script_line(i, li, roles) for i, li in enumerate(lines)), grammar.file.name
        )
        orders = {i: order_lines(line.order) for i, line in enumerate(lines) if line.order}
        origin = f"{domain.grammar}/{grammar.file.name}"
        return Dialogue(call_id, split, GRAMMAR, origin, name, script, prompts), orders


def order_lines(order: Order) -> tuple[OrderLine, ...]:
    """An order as the checks take it."""
    return tuple(OrderLine(p.row.name, p.size, p.count, tuple(e.name for e in p.extras)) for p in order.picks)


def _script_line(index: int, line: SaidLine, roles: Mapping[str, str]) -> ScriptLine:
    return ScriptLine(index + 1, roles[line.role], line.kind, line.text, spoken_words(line.text))


def _prompt_templates(manifest: Manifest, domain: Domain) -> dict[str, Template]:
    """The prompts with their places in the manifest; the default one has none there."""
    nodes: dict[str, Node] = {}
    if manifest.path is not None:
        nodes = read_yaml(manifest.path).mapping()["domain"].mapping()
        nodes = nodes["prompts"].mapping() if "prompts" in nodes else {}
    default = Node(SERVICE_PROMPT, manifest.path or Path(manifest.name), 1, "domain.prompts.service")
    return {name: parse_template(nodes.get(name, default)) for name in domain.templates}


def _beside(manifest: Manifest, name: str) -> Path:
    return (manifest.path.parent if manifest.path else Path()) / name


def chance(seed: int, call_id: str, what: str) -> random.Random:
    """The source of chance of one matter of one dialogue."""
    digest = hashlib.sha256(f"{seed}:{call_id}:{what}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def _dropped(call_id: str | None, place: str, v: Violation) -> Dropped:
    return Dropped(call_id, v.reason, Problem(f"{place}:{v.line}" if v.line else place, v.found, v.expected, v.fix))
