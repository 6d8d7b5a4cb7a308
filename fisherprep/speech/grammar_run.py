"""One dialogue from a grammar and a fact sheet: a walk through the scenario's steps with a seeded source of chance.

Recursion and length are bounded; what cannot be evaluated names its file and line.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fisherprep.speech.grammar import ScenarioGrammar, Step, Way, bounds
from fisherprep.speech.letters import LOWER
from fisherprep.speech.templates import Either, Part, Path, Rule, Template, Test
from fisherprep.speech.values import Money, Number, Order, Pick, Row, Style, Table, Value

MAX_DEPTH = 60
MAX_LINES = 120

_SPACES = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r" +([,.?!;:])")
_DOUBLE_MARK = re.compile(r"([,.?!;:])[,.;:]+")
_INITIAL = re.compile(rf"(?:^|(?<=[.?!] )(?<![ap]\.m\. ))[\"'(]?{LOWER}")
"""Where a sentence begins; "at seven a.m. on Friday" begins none."""


@dataclass(frozen=True)
class SaidLine:
    """A line of a dialogue. ``order``: what had been asked for, where the line says what it comes to."""

    role: str
    """user or agent"""
    kind: str
    text: str
    order: Order | None = None


@dataclass
class _Run:
    scenario: ScenarioGrammar
    env: dict[str, Value]
    rng: random.Random
    lines: list[SaidLine] = field(default_factory=list)
    told_total: bool = False


@dataclass(frozen=True)
class Told:
    """What a run came to: its lines, and the values that its prompts may name."""

    lines: tuple[SaidLine, ...]
    env: Mapping[str, Value]


def tell(scenario: ScenarioGrammar, facts: Mapping[str, Value], rng: random.Random) -> Told:
    """The lines of one dialogue.

    Raises:
        ValueError: a step cannot be done (a pick from an empty table, a value that is not there yet), or the grammar
            does not come to an end.
    """
    run = _Run(scenario, {**facts, "order": Order()}, rng)
    _steps(run, scenario.steps, 0)
    return Told(tuple(run.lines), run.env)


def fill(text: Template, scenario: ScenarioGrammar, env: Mapping[str, Value], rng: random.Random) -> str:
    """A template with its values as they are written (``$4.75``, ``6:30 am``): a prompt."""
    run = _Run(scenario, dict(env), rng)
    return tidy(_expand(run, text.parts, text, Style(True, rng), 0))


def tidy(text: str) -> str:
    """One space between words, none before a mark, a capital where a sentence begins."""
    text = _SPACES.sub(" ", text).strip()
    text = _DOUBLE_MARK.sub(r"\1", _BEFORE_MARK.sub(r"\1", text).replace("...", "\u2026")).replace("\u2026", "...")
    return _INITIAL.sub(lambda m: m[0].upper(), text)


def _steps(run: _Run, steps: Sequence[Step], depth: int) -> None:
    for step in steps:
        if depth > MAX_DEPTH:
            step.node.fail(
                f"an end after at most {MAX_DEPTH} calls within each other", fix="call less within each other"
            )
        if len(run.lines) >= MAX_LINES:
            step.node.fail(f"at most {MAX_LINES} lines of a dialogue", fix="repeat less")
        _DO[step.kind](run, step, depth)


def _line(run: _Run, step: Step, depth: int) -> None:
    way = _choose(run, step.ways, step)
    run.told_total = False
    text = tidy(_expand(run, way.text.parts, way.text, Style(False, run.rng), depth))
    if not text:
        way.text.node.fail("a line with at least one word", found=text)
    order = run.env["order"] if run.told_total else None
    assert order is None or isinstance(order, Order)
    run.lines.append(SaidLine(*step.line, text, order))


def _choose(run: _Run, ways: Sequence[Way], step: Step | None = None) -> Way:
    fitting = [way for way in ways if way.weight > 0 and _holds(run, way.when)]
    if not fitting:
        ways[0].text.node.fail("a way whose condition holds", found="none here", fix="add one without 'when'")
    return run.rng.choices(fitting, [way.weight for way in fitting])[0]


def _expand(run: _Run, parts: Sequence[Part], text: Template, style: Style, depth: int) -> str:
    if depth > MAX_DEPTH:
        text.node.fail(f"rules within each other at most {MAX_DEPTH} deep", fix="nest them less")
    said = []
    for part in parts:
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, Either):
            said.append(_expand(run, run.rng.choice(part.ways), text, style, depth + 1))
        elif isinstance(part, Rule):
            way = _choose(run, run.scenario.rules[part.name])
            said.append(_expand(run, way.text.parts, way.text, style, depth + 1))
        else:
            said.append(_need(run, part, text.node).show(style))
    return "".join(said)


def _need(run: _Run, path: Path, node: Any) -> Any:
    value = _value(run, path)
    if value is None:
        node.fail("a value that is there by then", found=".".join(path.names))
    return value


def _value(run: _Run, path: Path) -> Any:
    """The value of a path; None where there is none."""
    names = path.names
    if names[0] == "total":
        names = ("order", "total", *names[1:])
    run.told_total = run.told_total or names[:2] == ("order", "total")
    value: Any = run.env.get(names[0])
    for name in names[1:]:
        value = value.get(name) if value is not None else None
    return value


def _holds(run: _Run, tests: Sequence[Test]) -> bool:
    told = run.told_total
    held = all(_test(run, test) for test in tests)
    run.told_total = told  # a condition says nothing
    return held


def _test(run: _Run, test: Test) -> bool:
    value = _value(run, test.path)
    if test.op is None:
        return _there(value) != test.negated
    than = _value(run, test.than) if isinstance(test.than, Path) else test.than
    if test.op in (">", "<"):
        left, right = _amount(value), _amount(than)
        return left > right if test.op == ">" else left < right
    return (_written(value) == _written(than)) != (test.op == "is not")


def _there(value: Any) -> bool:
    if isinstance(value, Table):
        return bool(value.rows)
    if isinstance(value, Order):
        return bool(value.picks)
    return value is not None and value != Number(0)


def _amount(value: Any) -> int:
    if isinstance(value, str):
        return int(value) if value.isdigit() else 0
    return value.cents if isinstance(value, Money) else value.value if isinstance(value, Number) else 0


def _written(value: Any) -> str:
    shown = "" if value is None else value if isinstance(value, str) else value.show(Style(True, random.Random(0)))
    return shown.lower()


def _pick(run: _Run, step: Step, depth: int) -> None:
    table = _need(run, step.paths["from"], step.keys["from"])
    excluded = set()
    if "not" in step.keys:
        nodes = step.keys["not"].value if isinstance(step.keys["not"].value, list) else [step.keys["not"]]
        excluded = {v.name if isinstance(v, Row) else v.row.name for n in nodes if (v := run.env.get(n.text()))}  # type: ignore[union-attr]
    rows = [row for row in table.rows if row.name not in excluded] if isinstance(table, Table) else []
    if not rows:
        step.keys["from"].fail("a table with a row to pick", fix="take more rows, or ask with 'if' first")
    row = run.rng.choice(rows)
    count = run.rng.randint(*bounds(step.keys["count"])) if "count" in step.keys else 1
    run.env[step.node.text()] = Pick(row, run.rng.choice(list(row.prices)), count) if row.prices else row


def _picked(run: _Run, step: Step) -> Pick:
    value = run.env.get(step.node.text())
    return value if isinstance(value, Pick) else step.node.fail("something with a price that was picked before")


def _order(run: _Run, step: Step, depth: int) -> None:
    order = run.env["order"]
    assert isinstance(order, Order)
    run.env["order"] = replace(order, picks=(*order.picks, _picked(run, step)))


def _unorder(run: _Run, step: Step, depth: int) -> None:
    order, pick = run.env["order"], _picked(run, step)
    assert isinstance(order, Order)
    if pick not in order.picks:
        step.node.fail("something that was ordered")
    run.env["order"] = order.without(pick)


def _change(run: _Run, step: Step, depth: int) -> None:
    before = _picked(run, step)
    after = before
    if "size" in step.keys:
        after = replace(after, size=run.rng.choice([s for s in before.row.prices if s != before.size] or [before.size]))
    if "count" in step.keys:
        low, high = bounds(step.keys["count"])
        after = replace(after, count=run.rng.choice([n for n in range(low, high + 1) if n != before.count] or [low]))
    if "extra" in step.keys:
        extra = _need(run, step.paths["extra"], step.keys["extra"])
        after = replace(after, extras=(*before.extras, extra.row if isinstance(extra, Pick) else extra))
    run.env[step.node.text()] = after
    order = run.env["order"]
    assert isinstance(order, Order)
    if before in order.picks:
        place = order.picks.index(before)
        run.env["order"] = replace(order, picks=(*order.picks[:place], after, *order.picks[place + 1 :]))


def _set(run: _Run, step: Step, depth: int) -> None:
    for name, path in step.paths.items():
        run.env[name] = _need(run, path, step.node)


def _sum(run: _Run, step: Step, depth: int) -> None:
    for name, node in step.node.value.items():
        terms = [
            (-1 if term.text().startswith("-") else 1, _need(run, step.paths[f"{name}.{i}"], term))
            for i, term in enumerate(node.items())
        ]
        kinds = {type(value) for _, value in terms}
        if len(kinds) != 1 or not kinds <= {Money, Number}:
            node.fail("amounts of money only, or numbers only")
        total = sum(sign * _amount(value) for sign, value in terms)
        if total < 0:
            node.fail("a sum of 0 or more", found=total)
        run.env[name] = Money(total) if kinds == {Money} else Number(total)


def _round_up(run: _Run, step: Step, depth: int) -> None:
    amount, unit = _need(run, step.paths["from"], step.keys["from"]), step.keys["to"].value * 100
    run.env[step.node.text()] = Money(-(-_amount(amount) // unit) * unit)


def _call(run: _Run, step: Step, depth: int) -> None:
    _steps(run, run.scenario.blocks[step.node.text()], depth + 1)


def _if(run: _Run, step: Step, depth: int) -> None:
    _steps(run, step.branches[0 if _holds(run, step.when) else 1][1], depth + 1)


def _chance(run: _Run, step: Step, depth: int) -> None:
    _steps(run, step.branches[0 if run.rng.random() < step.chance else 1][1], depth + 1)


def _either(run: _Run, step: Step, depth: int) -> None:
    (steps,) = run.rng.choices([b for _, b in step.branches], [w for w, _ in step.branches])
    _steps(run, steps, depth + 1)


def _repeat(run: _Run, step: Step, depth: int) -> None:
    for _ in range(run.rng.randint(*bounds(step.node))):
        _steps(run, step.branches[0][1], depth + 1)


_DO = {
    "line": _line, "pick": _pick, "order": _order, "unorder": _unorder, "change": _change, "set": _set, "sum": _sum,
    "round_up": _round_up, "call": _call, "if": _if, "chance": _chance, "either": _either, "repeat": _repeat,
}  # fmt: skip
