"""Reading a domain's facts file, strictly (``facts.py`` says what it holds)."""

from __future__ import annotations

import re
from pathlib import Path

from fisherprep.speech.facts import FactSource, RowSpec, Spec, TableSpec
from fisherprep.speech.spoken import clock_written
from fisherprep.strict_yaml import Node, read_yaml

_KINDS = ("one_of", "money", "clock", "number", "digits")
_STEP = {"money": 5, "clock": 30, "number": 1}
"""Where a file gives none: cents, minutes, ones."""
_CLOCK = re.compile(r"(1[0-2]|[1-9])(?::([0-5]\d))? ?([ap])m", re.IGNORECASE)
_HOLE = re.compile(r"[{}<>]")
_NIGHT = 5 * 60
"""Minutes from midnight."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def read_facts(path: Path) -> FactSource:
    """Read a domain's facts file.

    Raises:
        ValueError: it is missing, or something in it is not as it should be; with file and line.
    """
    try:
        root = read_yaml(path)
    except FileNotFoundError as err:
        raise ValueError(f"{path}: no such facts file; write one, or mend 'facts' in the manifest") from err
    keys = root.mapping(("values", "tables"), ("values",))
    values = {name: _spec(_named(name, node)) for name, node in keys["values"].mapping().items()}
    tables: dict[str, TableSpec] = {}
    for name, node in keys["tables"].mapping().items() if "tables" in keys else ():
        if name in values:
            node.fail("another name: there is a value of this name", found=name)
        tables[name] = _table(_named(name, node))
    _check_hours(values, keys["values"].mapping())
    return FactSource(path, values, tables)


def _check_hours(values: dict[str, Spec], nodes: dict[str, Node]) -> None:
    """What opens does so before it closes, in every draw; a time until `_NIGHT` closes is of the night after."""
    for name, closes in values.items():
        opens = values.get(name.replace("closes", "opens"))
        if "closes" not in name or opens is None or (opens.kind, closes.kind) != ("clock", "clock"):
            continue
        if closes.low <= opens.high and closes.high > _NIGHT:
            latest = clock_written(opens.high)
            nodes[name].fail(f"times after {latest}, when {name.replace('closes', 'opens')!r} may be at the latest")


def _plain(node: Node) -> str:
    """A text that is put into prompts and lines as it stands."""
    text = node.text()
    if found := _HOLE.search(text):
        node.fail(f"a text without {found[0]!r}: facts are put in as they stand, and have no places of their own")
    return text


def _named(name: str, node: Node) -> Node:
    if not _NAME.fullmatch(name):
        node.fail("a name of small letters, digits and _", found=name)
    return node


def _spec(node: Node) -> Spec:
    keys = node.mapping((*_KINDS, "apart", "step"))
    kinds = [kind for kind in _KINDS if kind in keys]
    if len(kinds) != 1:
        node.fail(f"exactly one of {', '.join(_KINDS)}")
    kind = kinds[0]
    if kind == "one_of":
        texts = tuple(_plain(entry) for entry in keys[kind].items())
        if not texts or len(set(texts)) < len(texts):
            keys[kind].fail("one text or more, none twice")
        return Spec(kind, texts, apart=_apart(keys), place=node.place)
    if "apart" in keys:
        keys["apart"].fail("'apart' beside one_of only: numbers are kept apart by their price table")
    if kind == "digits":
        return Spec(kind, low=keys[kind].integer(1, 12))
    low, high = _range(keys[kind], kind)
    return Spec(kind, low=low, high=high, step=_step(keys, kind))


def _step(keys: dict[str, Node], kind: str) -> int:
    if "step" not in keys:
        return _STEP[kind]
    step = _amount(keys["step"], "number" if kind == "clock" else kind)
    return step if step > 0 else keys["step"].fail("a step above 0")


def _apart(keys: dict[str, Node]) -> bool:
    if "apart" not in keys:
        return False
    said = keys["apart"].value
    return said if isinstance(said, bool) else keys["apart"].fail("true or false")


def _range(node: Node, kind: str) -> tuple[int, int]:
    entries = node.value if isinstance(node.value, list) else [node, node]
    if len(entries) != 2:
        node.fail("a value, or [lowest, highest]")
    low, high = (_amount(entry, kind) for entry in entries)
    if low > high:
        node.fail("the lowest first")
    return low, high


def _amount(node: Node, kind: str) -> int:
    if kind == "number":
        return node.integer(0, 999_999)
    if kind == "money":
        cents = node.number(0, 100_000) * 100
        return round(cents) if abs(cents - round(cents)) < 1e-6 else node.fail("dollars with two decimals")
    found = _CLOCK.fullmatch(node.text())
    if not found:
        node.fail("a time such as 6:30 am")
    return (int(found[1]) % 12 + 12 * (found[3].lower() == "p")) * 60 + int(found[2] or 0)


def _table(node: Node) -> TableSpec:
    keys = node.mapping(("take", "rows", "sizes", "larger", "sold_out", "apart"), ("rows",))
    rows = tuple(_row(entry) for entry in keys["rows"].items())
    if not rows:
        keys["rows"].fail("one row or more")
    names = [row.fields["name"].texts[0] for row in rows]
    if len(set(names)) < len(names):
        keys["rows"].fail("another name for every row", found=max(names, key=names.count))
    take = _range(keys["take"], "number") if "take" in keys else (len(rows), len(rows))
    sold_out = _range(keys["sold_out"], "number") if "sold_out" in keys else (0, 0)
    if take[0] < 1 or take[1] + sold_out[1] > len(rows):
        keys["take" if "take" in keys else "rows"].fail(f"at least 1, and with sold_out at most {len(rows)} rows")
    sizes = tuple(tuple(s.text() for s in entry.items()) for entry in keys["sizes"].items()) if "sizes" in keys else ()
    larger = _price(keys["larger"]) if "larger" in keys else None
    if any(len(choice) > 1 for choice in sizes) and larger is None:
        keys["sizes"].fail("'larger' beside it: what each next size adds")
    return TableSpec(rows, take, sold_out, sizes, larger, _apart(keys), node.place)


def _row(node: Node) -> RowSpec:
    keys = node.mapping(required=("name",))
    fields = {}
    for name, value in keys.items():
        if name != "price":
            _named(name, value)
            fields[name] = _spec(value) if isinstance(value.value, dict) else Spec("one_of", (_plain(value),))
    return RowSpec(fields, _price(keys["price"]) if "price" in keys else None)


def _price(node: Node) -> Spec:
    """An amount, ``[lowest, highest]``, or either with a step: ``{money: [80, 140], step: 10}``."""
    if isinstance(node.value, dict):
        spec = _spec(node)
        return spec if spec.kind == "money" else node.fail("an amount of money")
    low, high = _range(node, "money")
    return Spec("money", low=low, high=high, step=_STEP["money"])
