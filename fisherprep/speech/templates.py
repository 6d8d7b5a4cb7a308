"""Texts with holes: ``<rule>``, ``{value.field}`` and ``[one way|another|]``, parsed once and checked when read.

Conditions are as small: ``drink.size``, ``not drink.size``, ``drink.count > 1``, ``place is 'here'``, joined by
``and``. Nothing else can be computed, and nothing but a fact sheet's values can be reached.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fisherprep.strict_yaml import Node

_PATH = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_TOKEN = re.compile(r"<[^<>]*>|\{[^{}]*\}|[\[\]|]|[^<>{}\[\]|]+|.", re.DOTALL)
_CONDITION = re.compile(
    rf"(?P<no>not )?(?P<path>{_PATH.pattern})(?: (?P<op>is not|is|>|<) (?P<than>'[^']*'|\d+|{_PATH.pattern}))?"
)


@dataclass(frozen=True)
class Rule:
    """``<name>``: another text is put here."""

    name: str


@dataclass(frozen=True)
class Path:
    """``{name.field}``: a value is put here."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Either:
    """``[a|b]``: one of these is put here."""

    ways: tuple[tuple[Part, ...], ...]


Part = str | Rule | Path | Either


@dataclass(frozen=True)
class Template:
    """A parsed text; ``node`` is where it was written."""

    parts: tuple[Part, ...]
    node: Node

    def walk(self) -> Iterator[Rule | Path]:
        """All rules and values that it refers to."""
        stack: list[Part] = list(self.parts)
        while stack:
            part = stack.pop()
            if isinstance(part, Either):
                stack += [p for way in part.ways for p in way]
            elif not isinstance(part, str):
                yield part


def parse_template(node: Node) -> Template:
    """A text of the file as a template.

    Raises:
        ValueError: brackets do not match, or a name in them is none.
    """
    text = node.text() if node.value != "" else ""
    stack: list[list[list[Part]]] = [[[]]]
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if piece == "[":
            stack.append([[]])
        elif piece == "]" and len(stack) > 1:
            ways = stack.pop()
            stack[-1][-1].append(Either(tuple(tuple(way) for way in ways)))
        elif piece == "|" and len(stack) > 1:
            stack[-1].append([])
        elif piece[0] == "<" and len(piece) > 2:
            stack[-1][-1].append(Rule(_name(piece[1:-1], node)))
        elif piece[0] == "{" and len(piece) > 2:
            stack[-1][-1].append(parse_path(piece[1:-1], node))
        elif piece[0] in "<>{}[]|":
            node.fail(f"matching <rule>, {{value}} and [this|that]; {piece!r} stands alone", found=text)
        else:
            stack[-1][-1].append(piece)
    if len(stack) > 1:
        node.fail("a ] for every [", found=text)
    return Template(tuple(stack[0][0]), node)


def _name(text: str, node: Node) -> str:
    return text if re.fullmatch(r"[a-z][a-z0-9_]*", text) else node.fail("the name of a rule in < >", found=text)


def parse_path(text: str, node: Node) -> Path:
    """``name.field`` as a path."""
    if not _PATH.fullmatch(text):
        node.fail("a value such as drink or drink.price", found=text)
    return Path(tuple(text.split(".")))


@dataclass(frozen=True)
class Test:
    """One comparison; without an operator: whether the value is there and is not 0 or empty."""

    path: Path
    negated: bool
    op: str | None
    than: str | Path | None


def parse_condition(node: Node) -> tuple[Test, ...]:
    """A condition: all of its tests must hold.

    Raises:
        ValueError: it is no condition.
    """
    tests = []
    for part in node.text().split(" and "):
        match = _CONDITION.fullmatch(part.strip())
        if not match or (match["no"] and match["op"]):
            node.fail("a condition such as: drink.size, not drink.size, drink.count > 1, place is 'here'", found=part)
        than: Any = match["than"]
        if than is not None and than[0] != "'" and not than.isdigit():
            than = parse_path(than, node)
        elif than is not None:
            than = than.strip("'")
        tests.append(Test(parse_path(match["path"], node), bool(match["no"]), match["op"], than))
    return tuple(tests)
