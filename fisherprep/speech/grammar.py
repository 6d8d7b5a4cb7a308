"""A domain's grammar, read from the ``*.yaml`` files of a folder and checked as a whole.

A file may hold ``rules`` (texts by name), ``blocks`` (steps by name), and one ``scenario`` with its ``steps``; rules
and blocks beside a scenario are its own and go before those of other files. docs/domains.md lists the steps.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fisherprep.domain import Behaviours
from fisherprep.speech import templates
from fisherprep.speech.grammar_circles import check_circles
from fisherprep.speech.templates import Template, Test, parse_condition, parse_path, parse_template
from fisherprep.strict_yaml import Node, read_yaml

LINE = re.compile(r"(user|agent)(?: \((backchannel|interrupts|pause)\))?")
KINDS = {None: "turn", "backchannel": "backchannel", "interrupts": "interruption", "pause": "pause"}
BUILT_IN = ("order", "total")
"""What an evaluation always has: the order so far, and what it comes to."""
_STEPS = {
    "pick": ("from", "count", "size", "not"),
    "change": ("size", "count", "extra"),
    "order": (), "unorder": (), "set": (), "sum": (), "round_up": ("from", "to"), "call": (),
    "if": ("then", "else"), "chance": ("then", "else"), "either": (), "repeat": ("steps",),
}  # fmt: skip
"""The kinds of a step, each with the keys that go with it."""


@dataclass(frozen=True)
class Way:
    """One way of wording a rule or a line."""

    text: Template
    weight: float = 1.0
    when: tuple[Test, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step: its kind, what it says under that key, and the parts that were parsed."""

    kind: str
    node: Node
    keys: dict[str, Node]
    ways: tuple[Way, ...] = ()
    line: tuple[str, str] = ("", "")
    """role (user, agent) and kind of a line"""
    when: tuple[Test, ...] = ()
    chance: float = 0.0
    paths: dict[str, templates.Path] = field(default_factory=dict)
    branches: tuple[tuple[float, tuple[Step, ...]], ...] = ()
    """weight and steps of each: then and else, the ways of either, or what is repeated"""


@dataclass(frozen=True)
class Part:
    """What one file defines."""

    path: Path
    rules: dict[str, tuple[Way, ...]]
    blocks: dict[str, tuple[Step, ...]]
    scenario: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class ScenarioGrammar:
    """All that a scenario can use."""

    name: str
    file: Path
    steps: tuple[Step, ...]
    rules: Mapping[str, tuple[Way, ...]]
    blocks: Mapping[str, tuple[Step, ...]]


def read_grammar(folder: Path, behaviours: Behaviours, facts: frozenset[str]) -> dict[str, ScenarioGrammar]:
    """The scenarios of a folder, by name.

    Args:
        folder: where the files lie.
        behaviours: shares that ``chance`` may name.
        facts: the names that a fact sheet holds.

    Raises:
        ValueError: with file and line, whatever is wrong; no scenario; a name defined twice.
    """
    files = sorted(folder.glob("*.yaml"))
    parts = [_read_part(file, behaviours) for file in files]
    shared_rules = _joined(parts, "rules")
    shared_blocks = _joined(parts, "blocks")
    scenarios: dict[str, ScenarioGrammar] = {}
    for part in parts:
        if part.scenario is None:
            continue
        if part.scenario in scenarios:
            raise ValueError(f"{part.path}: scenario {part.scenario!r} is also in {scenarios[part.scenario].file}")
        scenario = ScenarioGrammar(
            part.scenario, part.path, part.steps, {**shared_rules, **part.rules}, {**shared_blocks, **part.blocks}
        )
        scenarios[part.scenario] = scenario
    if not scenarios:
        raise ValueError(f"{folder}: found no scenario, expected files *.yaml with 'scenario:' and 'steps:'")
    known = facts | set(BUILT_IN) | {name for s in scenarios.values() for name in all_bound(s)}
    for scenario in scenarios.values():
        _check(scenario, known)
    return scenarios


def _joined(parts: list[Part], what: str) -> dict[str, Any]:
    """Rules or blocks of the files without a scenario."""
    joined: dict[str, Any] = {}
    homes: dict[str, Path] = {}
    for part in parts:
        for name, value in getattr(part, what).items() if part.scenario is None else ():
            if name in joined:
                raise ValueError(f"{part.path}: {what}.{name}: is also in {homes[name]}; expected one of each name")
            joined[name], homes[name] = value, part.path
    return joined


def _read_part(file: Path, behaviours: Behaviours) -> Part:
    root = read_yaml(file)
    keys = root.mapping(("scenario", "steps", "rules", "blocks"))
    if ("scenario" in keys) != ("steps" in keys):
        root.fail("scenario and steps together, or neither", found=sorted(keys))
    rules = {n: read_ways(v) for n, v in keys["rules"].mapping().items()} if "rules" in keys else {}
    blocks = {n: _steps(v, behaviours) for n, v in keys["blocks"].mapping().items()} if "blocks" in keys else {}
    steps = _steps(keys["steps"], behaviours) if "steps" in keys else ()
    return Part(file, rules, blocks, keys["scenario"].text() if "scenario" in keys else None, steps)


def read_ways(node: Node) -> tuple[Way, ...]:
    """A text, or a list of texts and of ``{text, weight, when}``."""
    entries = node.value if isinstance(node.value, list) else [node]
    if not entries:
        node.fail("one text or more")
    ways = []
    for entry in entries:
        if not isinstance(entry.value, dict):
            ways.append(Way(parse_template(entry)))
            continue
        keys = entry.mapping(("text", "weight", "when"), ("text",))
        weight = keys["weight"].number(0, 1e6) if "weight" in keys else 1.0
        ways.append(Way(parse_template(keys["text"]), weight, parse_condition(keys["when"]) if "when" in keys else ()))
    return tuple(ways)


def _steps(node: Node, behaviours: Behaviours) -> tuple[Step, ...]:
    return tuple(_step(entry, behaviours) for entry in node.items())


def _step(node: Node, behaviours: Behaviours) -> Step:
    keys = node.mapping()
    kinds = [key for key in keys if LINE.fullmatch(key) or key in _STEPS]
    if len(kinds) != 1:
        node.fail(f"one of the keys user, agent, {', '.join(_STEPS)}", found=sorted(keys))
    kind = kinds[0]
    if spoken := LINE.fullmatch(kind):
        node.mapping((kind,))
        return Step("line", keys[kind], {}, ways=read_ways(keys[kind]), line=(spoken[1], KINDS[spoken[2]]))
    keys = node.mapping((kind, *_STEPS[kind]))
    rest = {key: value for key, value in keys.items() if key != kind}
    when = parse_condition(keys["if"]) if kind == "if" else ()
    chance = _chance(keys["chance"], behaviours) if kind == "chance" else 0.0
    paths = _paths(kind, keys)
    return Step(kind, keys[kind], rest, (), ("", ""), when, chance, paths, _branches(kind, keys, node, behaviours))


def _branches(
    kind: str, keys: dict[str, Node], node: Node, behaviours: Behaviours
) -> tuple[tuple[float, tuple[Step, ...]], ...]:
    if kind in ("if", "chance"):
        if "then" not in keys:
            node.fail("'then' with steps", found=sorted(keys))
        return tuple((1.0, _steps(keys[k], behaviours) if k in keys else ()) for k in ("then", "else"))
    if kind == "repeat":
        bounds(keys["repeat"])
        return ((1.0, _steps(keys["steps"] if "steps" in keys else node.fail("'steps' to repeat"), behaviours)),)
    if kind != "either":
        return ()
    branches = []
    for entry in keys["either"].items():
        weighted = isinstance(entry.value, dict)
        inner = entry.mapping(("weight", "steps"), ("steps",)) if weighted else {"steps": entry}
        weight = inner["weight"].number(0, 1e6) if "weight" in inner else 1.0
        branches.append((weight, _steps(inner["steps"], behaviours)))
    return tuple(branches) or keys["either"].fail("one list of steps or more")


def _chance(node: Node, behaviours: Behaviours) -> float:
    if isinstance(node.value, str):
        share = behaviours.share(node.value)
        names = ", ".join(Behaviours.__dataclass_fields__)
        return share if share is not None else node.fail(f"a chance from 0 to 1, or one of {names}")
    return node.number(0, 1)


def _paths(kind: str, keys: dict[str, Node]) -> dict[str, templates.Path]:
    """The values that a step reads, by the key or by the name that they are given."""
    paths = {}
    if kind in ("set", "sum"):
        for name, node in keys[kind].mapping().items():
            terms = node.items() if kind == "sum" else [node]
            for i, term in enumerate(terms):
                paths[f"{name}.{i}" if kind == "sum" else name] = parse_path(term.text().removeprefix("-"), term)
    if kind == "round_up":
        paths["from"] = parse_path(
            keys["from"].text() if "from" in keys else keys[kind].fail("'from' beside it"), keys[kind]
        )
        (keys["to"] if "to" in keys else keys[kind].fail("'to' beside it: dollars")).integer(1, 100)
    if kind == "pick":
        paths["from"] = parse_path(
            (keys["from"] if "from" in keys else keys[kind].fail("'from' a table")).text(), keys["from"]
        )
    if "extra" in keys:
        paths["extra"] = parse_path(keys["extra"].text(), keys["extra"])
    if "count" in keys:
        bounds(keys["count"])
    return paths


def bounds(node: Node) -> tuple[int, int]:
    """A number, or fewest and most."""
    entries = node.value if isinstance(node.value, list) else [node, node]
    if len(entries) != 2 or entries[0].integer(0, 20) > entries[1].integer(0, 20):
        node.fail("a number, or [fewest, most]")
    return entries[0].value, entries[1].value


def walk_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps, those within branches too."""
    for step in steps:
        yield step
        for _, branch in step.branches:
            yield from walk_steps(branch)


def bound_names(steps: tuple[Step, ...]) -> set[str]:
    """The names that steps give values to."""
    names: set[str] = set()
    for step in walk_steps(steps):
        if step.kind in ("pick", "round_up"):
            names.add(step.node.text())
        elif step.kind in ("set", "sum"):
            names |= step.node.value.keys()
    return names


def all_bound(scenario: ScenarioGrammar) -> set[str]:
    """The names that a scenario and the blocks it may call give values to."""
    return bound_names(scenario.steps).union(*(bound_names(block) for block in scenario.blocks.values()))


def _check(scenario: ScenarioGrammar, known: set[str] | frozenset[str]) -> None:
    """Every rule, block and value that is named is defined somewhere, and none by itself."""
    blocks = [step for steps in scenario.blocks.values() for step in walk_steps(steps)]
    steps = [*walk_steps(scenario.steps), *blocks]
    for step in steps:
        if step.kind == "call" and step.node.text() not in scenario.blocks:
            step.node.fail(f"one of the blocks {sorted(scenario.blocks)}")
        names = [path.names[0] for path in step.paths.values()] + [test.path.names[0] for test in step.when]
        names += [step.node.text()] if step.kind in ("order", "unorder", "change") else []
        for name in names:
            if name not in known:
                step.node.fail("the name of a fact or of something picked before", found=name)
    for way in [w for step in steps for w in step.ways] + [w for ways in scenario.rules.values() for w in ways]:
        check_template(way.text, scenario.rules, known)
        for test in way.when:
            if test.path.names[0] not in known:
                way.text.node.fail("the name of a fact or of something picked before", found=test.path.names[0])
    check_circles({name: _calls(block) for name, block in scenario.blocks.items()}, "calls")
    check_circles({name: _rules_in(ways) for name, ways in scenario.rules.items()}, "rules")


def _calls(steps: tuple[Step, ...]) -> dict[str, Node]:
    return {step.node.text(): step.node for step in walk_steps(steps) if step.kind == "call"}


def _rules_in(ways: tuple[Way, ...]) -> dict[str, Node]:
    parts = [(part, way.text.node) for way in ways for part in way.text.walk()]
    return {part.name: node for part, node in parts if isinstance(part, templates.Rule)}


def likely(name: str, known: Iterable[str]) -> str:
    """A guess at what a misspelt name should be, as a message has it."""
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f" (found {close[0]!r}: is it meant?)" if close else ""


def check_template(text: Template, rules: Mapping[str, Any], known: set[str] | frozenset[str]) -> None:
    """Every rule and value that a template names is defined.

    Raises:
        ValueError: one is not; with file and line.
    """
    for part in text.walk():
        if isinstance(part, templates.Rule) and part.name not in rules:
            text.node.fail(f"one of the rules {sorted(rules)}", found=f"<{part.name}>")
        if isinstance(part, templates.Path) and part.names[0] not in known:
            expected = f"the name of a fact or of something picked before{likely(part.names[0], known)}"
            text.node.fail(expected, found="{" + part.names[0] + "}")
