"""YAML that people write, read strictly: every value knows its file, line and key, so that every error can say them.

Scalars follow YAML 1.2's core rules: ``no`` and ``on`` are texts, and ``6:30`` is no number. A key that comes twice,
anchors and aliases are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", re.IGNORECASE)
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_MAX_DEPTH = 50
_MAX_DIGITS = 18
"""A longer number is a text: no key wants it."""


@dataclass(frozen=True)
class Node:
    """A value with its place. ``value``: text, number, bool, None, ``list[Node]`` or ``dict[str, Node]``."""

    value: Any
    file: Path
    line: int
    """from 1; of a key's value, the line of the key"""
    where: str
    """keys that lead here, joined by dots; empty for the whole file"""

    @property
    def place(self) -> str:
        """``FILE:LINE: KEYS``, as messages begin."""
        return f"{self.file}:{self.line}: {self.where or 'the file'}"

    def fail(self, expected: str, found: Any = ..., fix: str = "") -> NoReturn:
        """Raise the error that this value is not what was expected."""
        shown = self.plain() if found is ... else found
        text = repr(shown)
        text = text if len(text) <= 100 else text[:97] + "..."
        raise ValueError(f"{self.place}: found {text}, expected {expected}" + (f"; {fix}" if fix else ""))

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value

    def mapping(self, known: Sequence[str] | None = None, required: Sequence[str] = ()) -> dict[str, Node]:
        """Keys and values; with ``known``, no others, and all of ``required``."""
        if not isinstance(self.value, dict):
            raise ValueError(f"{self.place}: expected keys and values, found {self.plain()!r}")
        for key, node in self.value.items():
            if known is not None and key not in known:
                raise ValueError(f"{node.place}: unknown key {key!r}; known: {', '.join(sorted(known))}")
        for key in required:
            if key not in self.value:
                raise ValueError(f"{self.place}: the key {key!r} is missing; write it there")
        return self.value

    def items(self) -> list[Node]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            self.fail("a list")
        return self.value

    def text(self) -> str:
        """A text that is not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.fail("a text")
        return self.value

    def integer(self, low: int | None = None, high: int | None = None) -> int:
        """A whole number within bounds."""
        within = "" if low is None else f" of {low} or more" if high is None else f" from {low} to {high}"
        if type(self.value) is not int or (low is not None and self.value < low) or (
            high is not None and self.value > high
        ):  # fmt: skip
            self.fail(f"a whole number{within}")
        return self.value

    def number(self, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number within bounds."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.fail("a number" if low == -math.inf else f"a number from {low:g} to {high:g}")
        if not math.isfinite(value):
            self.fail("a finite number")
        return float(value)


def read_yaml(path: Path) -> Node:
    """Read a file.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it cannot be read, is not YAML, has a key twice, or uses anchors or several documents.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        _refuse_aliases_and_depths(text, path)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise
    except yaml.MarkedYAMLError as err:
        line = f":{err.problem_mark.line + 1}" if err.problem_mark else ""
        raise ValueError(f"{path}{line}: cannot be read as YAML ({err.problem or err.context})") from err
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as err:
        raise ValueError(f"{path}: cannot be read as YAML ({err})") from err
    return Node(None, path, 1, "") if root is None else _node(root, path, "", None, 0)


def _refuse_aliases_and_depths(text: str, path: Path) -> None:
    """Before anything is built of it: a few lines may stand for gigabytes."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"{path}:{line}: found an alias (*name), expected values written out; write them out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH + 1:
            raise ValueError(
                f"{path}:{line}: nested {depth} deep, expected at most {_MAX_DEPTH}; lay it out more flatly"
            )


def _node(node: Any, file: Path, where: str, line: int | None, depth: int) -> Node:
    import yaml

    line = line or node.start_mark.line + 1
    if depth > _MAX_DEPTH:
        raise ValueError(f"{file}:{line}: nested {depth} deep, expected at most {_MAX_DEPTH}; lay it out more flatly")
    if isinstance(node, yaml.MappingNode):
        return Node(_mapping(node, file, where, depth), file, line, where)
    if isinstance(node, yaml.SequenceNode):
        entries = [_node(e, file, f"{where}[{i}]", None, depth + 1) for i, e in enumerate(node.value)]
        return Node(entries, file, line, where)
    return Node(node.value if node.style else _scalar(node.value), file, line, where)


def _mapping(node: Any, file: Path, where: str, depth: int) -> dict[str, Node]:
    import yaml

    values: dict[str, Node] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"{file}:{line}: {where or 'the file'}: expected a plain key, found a list or mapping")
        name = str(key.value)
        if name in values:
            raise ValueError(f"{file}:{line}: {where or 'the file'}: the key {name!r} comes twice; keep one")
        values[name] = _node(value, file, f"{where}.{name}" if where else name, line, depth + 1)
    return values


def _scalar(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= _MAX_DIGITS else text
    return float(text.replace(".inf", "inf").replace(".nan", "nan")) if _FLOAT.fullmatch(text.lower()) else text


def build(cls: Any, node: Node, **given: Any) -> Any:
    """A dataclass from a mapping: its fields are the keys that are known, those without a default are required.

    Fields may be texts, numbers, bools, tuples, ``dict[str, ...]``, other dataclasses, or one of these or None.

    Args:
        cls: the dataclass.
        node: the mapping.
        given: fields that are not read from it.

    Raises:
        ValueError: an unknown or missing key, or a value of another kind.
    """
    hints = get_type_hints(cls)
    own = [f for f in fields(cls) if f.name not in given]
    required = [f.name for f in own if f.default is MISSING and f.default_factory is MISSING]
    found = node.mapping([f.name for f in own], required)
    return cls(**{key: _convert(hints[key], value) for key, value in found.items()}, **given)


def _convert(kind: Any, node: Node) -> Any:
    if get_origin(kind) in (Union, UnionType):
        (inner,) = (k for k in get_args(kind) if k is not NoneType)
        return None if node.value is None else _convert(inner, node)
    if get_origin(kind) is tuple:
        return tuple(_convert(get_args(kind)[0], entry) for entry in node.items())
    if get_origin(kind) is dict:
        return {key: _convert(get_args(kind)[1], value) for key, value in node.mapping().items()}
    if kind is str:
        return node.text()
    if kind is bool:
        return node.value if isinstance(node.value, bool) else node.fail("true or false")
    if kind is int:
        return node.integer()
    return node.number() if kind is float else build(kind, node)
