"""Drafts of dialogues from a domain's facts and grammar, each checked, and drafted anew where it fails."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from fisherprep.domain import SERVICE_PROMPT, Domain, Scenario
from fisherprep.manifest import Manifest
from fisherprep.speech.behave import behave
from fisherprep.speech.facts import FactSource, Sheet
from fisherprep.speech.facts_file import read_facts
from fisherprep.speech.grammar import ScenarioGrammar, all_bound, check_template, likely, read_grammar
from fisherprep.speech.grammar_run import SaidLine, fill, tell
from fisherprep.speech.planned import GRAMMAR, Dialogue, Dropped, Planned, beside, chance, dropped_for
from fisherprep.speech.script_checks import Checker
from fisherprep.speech.script_claims import Violation, short
from fisherprep.speech.script_sums import OrderLine
from fisherprep.speech.scripts import Problem, Script, ScriptLine, spoken_words
from fisherprep.speech.templates import Template, parse_template
from fisherprep.speech.values import Order
from fisherprep.strict_yaml import Node, read_yaml

_TRIES = 4
"""Drafts of one dialogue, each from another draw, until one passes its checks."""
DEFAULT_GRAMMAR = Path(__file__).parent / "default_grammar"
"""For a domain that has only facts; manifests name it ``default``."""
_DEFAULT_NAMES = ("shop", "business", "agent", "customer", "opens", "closes", "offers")


class Drafter:
    """Writes dialogues from a domain's facts and grammar."""

    def __init__(self, manifest: Manifest, domain: Domain) -> None:
        assert domain.facts is not None and domain.grammar is not None, "checked with the manifest"
        self._rule = manifest.split
        self._domain = domain
        self.facts: FactSource = read_facts(beside(manifest, domain.facts))
        folder = DEFAULT_GRAMMAR if domain.grammar == "default" else beside(manifest, domain.grammar)
        if domain.grammar == "default":
            _check_default_names(self.facts)
        self._grammars = read_grammar(folder, domain.behaviours, self.facts.names())
        self.scenarios: dict[str, Scenario] = domain.scenarios or {name: Scenario() for name in self._grammars}
        for name in self.scenarios:
            if name not in self._grammars:
                at = _nodes(manifest).get("scenarios")
                place = at.mapping()[name].place if at else f"{manifest.path}: domain.scenarios"
                raise ValueError(
                    f"{place}: found the scenario {name!r}, expected one of the grammar's {sorted(self._grammars)}"
                    f"{likely(name, self._grammars)}; mend the name or write its file"
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
            violations = report.violations + self._held_apart(dialogue, planned)
            planned.dropped += [dropped_for(call_id, f"{dialogue.origin}, {call_id}", v) for v in violations]
            if not violations:
                planned.counters.update(report.unchecked)
                planned.dialogues.append(dialogue)
                planned.counters[f"dialogues from {GRAMMAR}"] += 1
                return
        planned.counters["dialogues without a draft that passes"] += 1

    def _held_apart(self, dialogue: Dialogue, planned: Planned) -> list[Violation]:
        """No prompt with something drawn in it is in two splits; a dialogue that passes is noted."""
        names = self.scenarios[dialogue.scenario or ""].prompts
        drawn = [p for name, p in zip(names, dialogue.prompts, strict=True) if any(self._prompts[name].walk())]
        other = [p for p in drawn if planned.prompt_splits.get(p, dialogue.split) != dialogue.split]
        if not other:
            planned.prompt_splits.update(dict.fromkeys(drawn, dialogue.split))
        fix = "draw what it varies by from more values, with 'apart: true' in the facts"
        return [
            Violation("prompt_of_other_split", 0, short(p), f"no prompt of {planned.prompt_splits[p]}", fix)
            for p in other[:1]
        ]

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


def _check_default_names(facts: FactSource) -> None:
    """The embedded grammar's names are all there.

    Raises:
        ValueError: one is not.
    """
    for name in _DEFAULT_NAMES:
        if name not in facts.names():
            more = likely(name, facts.names() - set(_DEFAULT_NAMES))
            kind = "table" if name == "offers" else "value"
            raise ValueError(
                f"{facts.path}:1: the {kind} {name!r} is missing{more}; the default grammar needs exactly "
                f"{', '.join(_DEFAULT_NAMES)} (docs/domains.md)"
            )


def _nodes(manifest: Manifest) -> dict[str, Node]:
    """The keys of the manifest's domain with their places."""
    return read_yaml(manifest.path).mapping()["domain"].mapping() if manifest.path is not None else {}


def _prompt_templates(manifest: Manifest, domain: Domain) -> dict[str, Template]:
    """The prompts with their places in the manifest; the default one has none there."""
    keys = _nodes(manifest)
    nodes = keys["prompts"].mapping() if "prompts" in keys else {}
    line = keys["facts"].line if "facts" in keys else 1
    default = Node(SERVICE_PROMPT, manifest.path or Path(manifest.name), line, "domain.prompts.service (the default)")
    return {name: parse_template(nodes.get(name, default)) for name in domain.templates}
