"""The values of a fact sheet, and what a template may ask of them (``{drink.a}``, ``{total}``).

Each kind has a fixed list of fields; nothing else can be reached. A value is shown in the style of its place: digits in
a prompt ("written"), words in a line ("said").
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from fisherprep.speech import spoken


@dataclass(frozen=True)
class Style:
    """How values are shown; ``rng`` chooses among the ways of saying one."""

    written: bool
    rng: random.Random


@dataclass(frozen=True)
class Text:
    text: str

    def show(self, style: Style) -> str:
        return self.text

    def get(self, name: str) -> Any:
        """``a``: with its article; ``many``: in the plural; ``lower``."""
        ways = {
            "a": lambda: Text(f"{spoken.article(self.text)} {self.text}"),
            "many": lambda: Text(spoken.plural(self.text)),
            "lower": lambda: Text(self.text.lower()),
        }
        return ways[name]() if name in ways else None


@dataclass(frozen=True)
class Money:
    cents: int

    def show(self, style: Style) -> str:
        return spoken.money_written(self.cents) if style.written else spoken.money_said(self.cents, style.rng)

    def get(self, name: str) -> Any:
        return None


@dataclass(frozen=True)
class Clock:
    minutes: int

    def show(self, style: Style) -> str:
        return spoken.clock_written(self.minutes) if style.written else spoken.clock_said(self.minutes, style.rng)

    def get(self, name: str) -> Any:
        return None


@dataclass(frozen=True)
class Number:
    value: int

    def show(self, style: Style) -> str:
        return str(self.value) if style.written else spoken.number_words(self.value)

    def get(self, name: str) -> Any:
        return None


@dataclass(frozen=True)
class Digits:
    """A number that is said digit by digit: of a ticket, of an order."""

    digits: str

    def show(self, style: Style) -> str:
        return self.digits if style.written else spoken.digit_words(self.digits)

    def get(self, name: str) -> Any:
        return None


@dataclass(frozen=True)
class Row:
    """A row of a table: its fields, and for an offer its price by size (size "" where it has one size)."""

    fields: dict[str, Any]
    prices: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.fields["name"].text

    def show(self, style: Style) -> str:
        return self.name

    def get(self, name: str) -> Any:
        if name in self.fields:
            return self.fields[name]
        if name in ("one", "a"):
            return self.fields.get("one") or Text(f"{spoken.article(self.name)} {self.name}")
        if name == "many":
            return Text(spoken.plural(self.name))
        if name == "sizes":
            return Text(spoken.listed(list(self.prices), "or"))
        if name == "price" and len(self.prices) == 1:
            return Money(next(iter(self.prices.values())))
        if name == "menu":
            return Menu((self,))
        return None


@dataclass(frozen=True)
class Menu:
    """Rows with their prices as a prompt lists them."""

    rows: tuple[Row, ...]

    def show(self, style: Style) -> str:
        return " ".join(self._row(row, style) for row in self.rows)

    @staticmethod
    def _row(row: Row, style: Style) -> str:
        prices = ", ".join(f"{size} {Money(c).show(style)}".strip() for size, c in row.prices.items())
        return f"{row.name[:1].upper()}{row.name[1:]}: {prices}."

    def get(self, name: str) -> Any:
        return None


@dataclass(frozen=True)
class Table:
    rows: tuple[Row, ...]

    def show(self, style: Style) -> str:
        return spoken.listed([row.name for row in self.rows])

    def get(self, name: str) -> Any:
        """``menu``: with prices; ``many``, ``ones``: what there is, for speech; ``either``: the names with "or"."""
        if name == "menu":
            return Menu(self.rows)
        if name in ("many", "ones"):
            which = {"many": "many", "ones": "one"}[name]
            return Text(spoken.listed([row.get(which).text for row in self.rows]))
        if name == "either":
            return Text(spoken.listed([row.name for row in self.rows], "or"))
        return Number(len(self.rows)) if name == "count" else None


@dataclass(frozen=True)
class Pick:
    """An offer as someone asks for it: how many, which size, with which extras."""

    row: Row
    size: str = ""
    count: int = 1
    extras: tuple[Row, ...] = ()

    @property
    def each(self) -> int:
        """Cents of one, extras included."""
        return self.row.prices[self.size] + sum(next(iter(extra.prices.values())) for extra in self.extras)

    def show(self, style: Style) -> str:
        return self._phrase(style, self.size, self.extras)

    def _phrase(self, style: Style, size: str, extras: tuple[Row, ...]) -> str:
        if self.count == 1:
            one = self.row.get("one").text
            base = f"{spoken.article(size)} {size} {self.row.name}" if size else one
        else:
            many = self.row.get("many").text
            base = f"{spoken.number_words(self.count)} {size} {many}".replace("  ", " ")
        return f"{base} with {spoken.listed([e.name for e in extras])}" if extras else base

    def get(self, name: str) -> Any:
        """``bare``: without its size; ``plain``: without extras; ``price``: of one without extras; ``each``;
        ``total``; ``size``; ``count``; ``it`` or "them"; ``the`` (your lattes), ``mine``; and whatever the row has."""
        style = Style(False, random.Random(0))
        ways = {
            "bare": lambda: Text(self._phrase(style, "", ())),
            "plain": lambda: Text(self._phrase(style, self.size, ())),
            "price": lambda: Money(self.row.prices[self.size]),
            "each": lambda: Money(self.each),
            "total": lambda: Money(self.each * self.count),
            "size": lambda: Text(self.size) if self.size else None,
            "count": lambda: Number(self.count),
            "it": lambda: Text("it" if self.count == 1 else "them"),
            "mine": lambda: Text(f"my {self.row.name if self.count == 1 else self.row.get('many').text}"),
            "the": lambda: Text(f"your {self.row.name if self.count == 1 else self.row.get('many').text}"),
        }
        return ways[name]() if name in ways else self.row.get(name)


@dataclass(frozen=True)
class Order:
    """What has been asked for so far."""

    picks: tuple[Pick, ...] = ()

    @property
    def cents(self) -> int:
        return sum(pick.each * pick.count for pick in self.picks)

    def show(self, style: Style) -> str:
        return spoken.listed([pick.show(style) for pick in self.picks])

    def get(self, name: str) -> Any:
        if name == "total":
            return Money(self.cents)
        return Number(len(self.picks)) if name == "count" else None

    def without(self, pick: Pick) -> Order:
        left = list(self.picks)
        left.remove(pick)
        return replace(self, picks=tuple(left))


Value = Text | Money | Clock | Number | Digits | Row | Menu | Table | Pick | Order
