"""Fact sheets: every dialogue draws its own from a domain's ``facts.yaml``, so that the agent has to read its prompt.

::

    values:
      shop: {one_of: [Corner Cup, Little Owl, ...], apart: true}   # apart: no value is in two splits
      opens: {clock: [6 am, 8 am], step: 30}                       # minutes
      wait: {number: [2, 8]}
      order_number: {digits: 3}
      deposit: {money: [5.00, 20.00], step: 0.50}
    tables:
      drinks:
        take: [3, 4]                      # rows of a sheet
        sizes: [[small, large], [small, medium, large]]
        larger: [0.40, 0.90]              # what each next size adds
        sold_out: [0, 1]                  # further rows, as `sold_out_drinks`
        apart: true                       # no row is in two splits
        rows: [{name: latte, price: [3.60, 4.80]}, ...]

A row's other keys are texts or values of the kinds above. The rows that a sheet does not take are ``missing_drinks``:
what it does not sell.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fisherprep.manifest import SplitRule
from fisherprep.speech.values import Clock, Digits, Money, Number, Row, Table, Text, Value
from fisherprep.workfolder import fingerprint

_TRIES = 2000


@dataclass(frozen=True)
class Spec:
    """What one value is drawn from: texts, or the numbers ``low`` to ``high`` in steps (cents, minutes, digits)."""

    kind: str
    texts: tuple[str, ...] = ()
    apart: bool = False
    low: int = 0
    high: int = 0
    step: int = 1
    place: str = ""
    """file, line and keys, for messages"""

    def draw(self, rng: random.Random) -> Value:
        if self.kind == "one_of":
            return Text(rng.choice(self.texts))
        if self.kind == "digits":
            return Digits("".join(str(rng.randint(1 if i == 0 else 0, 9)) for i in range(self.low)))
        value = self.low + self.step * rng.randint(0, (self.high - self.low) // self.step)
        return Money(value) if self.kind == "money" else Clock(value) if self.kind == "clock" else Number(value)


@dataclass(frozen=True)
class RowSpec:
    fields: dict[str, Spec]
    price: Spec | None


@dataclass(frozen=True)
class TableSpec:
    rows: tuple[RowSpec, ...]
    take: tuple[int, int]
    sold_out: tuple[int, int]
    sizes: tuple[tuple[str, ...], ...]
    larger: Spec | None
    apart: bool = False
    place: str = ""


@dataclass(frozen=True)
class Sheet:
    """The facts of one dialogue."""

    values: dict[str, Value]
    key: str
    """hash of its prices: no two splits have a sheet with the same"""


@dataclass(frozen=True)
class FactSource:
    """What fact sheets are drawn from."""

    path: Path
    values: dict[str, Spec]
    tables: dict[str, TableSpec]

    def names(self) -> frozenset[str]:
        """Everything that a sheet of this source may hold, by name."""
        more = (f"{kind}_{name}" for name in self.tables for kind in ("sold_out", "missing"))
        return frozenset((*self.values, *self.tables, *more))

    def offers(self) -> frozenset[str]:
        """Names of all that is sold in some sheet, in lower case."""
        specs = [row for table in self.tables.values() for row in table.rows if row.price]
        return frozenset(row.fields["name"].texts[0].lower() for row in specs)

    def sizes(self) -> frozenset[str]:
        """All names of sizes."""
        return frozenset(size for table in self.tables.values() for choice in table.sizes for size in choice)

    def draw(self, rng: random.Random, split: str, rule: SplitRule, taken: frozenset[str] = frozenset()) -> Sheet:
        """A fact sheet for a dialogue of ``split``.

        Values and rows that are ``apart`` come from the split's part of their pool; prices are drawn until their hash
        is one of the split's, so that no price table is in two splits either.

        Args:
            rng: the source of chance.
            split: train, valid or test.
            rule: the shares and the seed of the division.
            taken: texts that hand-written scripts use, left out of the pools.

        Raises:
            ValueError: a pool is too small to be divided, or prices vary too little.
        """
        pools = {name: self._pool(name, split, rule, taken) for name, spec in self.values.items() if spec.apart}
        rows = {name: self._rows(name, split, rule) for name in self.tables}
        for _ in range(_TRIES):
            values: dict[str, Value] = {
                name: Text(rng.choice(pools[name])) if name in pools else spec.draw(rng)
                for name, spec in self.values.items()
            }
            for name, table in self.tables.items():
                values |= _draw_table(name, table, rows[name], rng)
            key = _key(values)
            if _split_of(key, rule) == split:
                return Sheet(values, key)
        raise ValueError(
            f"{self.path}: {_TRIES} fact sheets in a row fell to other splits than {split}: prices vary too little to "
            "be kept apart; give wider price ranges or more rows"
        )

    def _pool(self, name: str, split: str, rule: SplitRule, taken: frozenset[str]) -> list[str]:
        texts = [text for text in self.values[name].texts if text not in taken]
        part = _part(texts, name, split, rule)
        if not part:
            raise ValueError(
                f"{self.values[name].place or self.path}: found {len(texts)} values that are apart, too few to be "
                "divided among train, valid and test (those that scripts use are left out); give at least 3"
            )
        return part

    def _rows(self, name: str, split: str, rule: SplitRule) -> tuple[RowSpec, ...]:
        table = self.tables[name]
        if not table.apart:
            return table.rows
        own = {row.fields["name"].texts[0]: row for row in table.rows}
        part = _part(list(own), name, split, rule)
        wanted = table.take[1] + table.sold_out[1]
        if len(part) < wanted:
            raise ValueError(
                f"{table.place}: found {len(own)} rows that are apart, of which {split} has {len(part)}; expected "
                f"{wanted} or more for 'take' and 'sold_out'; give more rows, or take fewer"
            )
        return tuple(own[text] for text in part)


def _part(texts: list[str], name: str, split: str, rule: SplitRule) -> list[str]:
    """The split's part of a pool: a share of it, at least one where the share is above 0."""
    order = sorted(texts, key=lambda t: hashlib.sha256(f"{rule.seed}:{name}:{t}".encode()).hexdigest())
    parts: dict[str, list[str]] = {}
    for held_out, share in (("test", rule.test), ("valid", rule.valid)):
        size = max(1, round(share * len(texts))) if share > 0 else 0
        parts[held_out], order = order[:size], order[size:]
    return (parts | {"train": order})[split]


def _draw_table(name: str, table: TableSpec, own: tuple[RowSpec, ...], rng: random.Random) -> dict[str, Value]:
    order = rng.sample(own, len(own))
    taken = rng.randint(*table.take)
    gone = rng.randint(*table.sold_out)
    sizes = rng.choice(table.sizes) if table.sizes else ("",)
    rows = [_draw_row(row, table, sizes, rng) for row in order]
    parts = {
        name: rows[:taken],
        f"sold_out_{name}": rows[taken : taken + gone],
        f"missing_{name}": rows[taken + gone :],
    }
    return {part: Table(tuple(found)) for part, found in parts.items()}


def _draw_row(row: RowSpec, table: TableSpec, sizes: tuple[str, ...], rng: random.Random) -> Row:
    fields = {name: spec.draw(rng) for name, spec in row.fields.items()}
    prices: dict[str, int] = {}
    if row.price:
        cents = _cents(row.price.draw(rng))
        for size in sizes:
            prices[size] = cents
            cents += _cents(table.larger.draw(rng)) if table.larger else 0
    return Row(fields, prices)


def _cents(value: Any) -> int:
    assert isinstance(value, Money)
    return value.cents


def _key(values: dict[str, Value]) -> str:
    """Hash of the prices; of everything drawn, where nothing has a price."""
    prices = sorted(_prices(values))
    return fingerprint(prices or sorted(f"{name}={value!r}" for name, value in values.items()))


def _prices(values: dict[str, Value]) -> Iterator[tuple[str, str, int]]:
    for name, value in values.items():
        if isinstance(value, Table) and not name.startswith(("sold_out_", "missing_")):
            for row in value.rows:
                yield from ((row.name, size, cents) for size, cents in row.prices.items())
        elif isinstance(value, Money):
            yield (name, "", value.cents)


def _split_of(key: str, rule: SplitRule) -> str:
    place = int(hashlib.sha256(f"{rule.seed}:{key}".encode()).hexdigest()[:12], 16) / 16**12
    return "test" if place < rule.test else "valid" if place < rule.test + rule.valid else "train"
