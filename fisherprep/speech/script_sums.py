"""What a dialogue's prices may add up to."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from fisherprep.speech.heard import NUMBER, hear
from fisherprep.speech.prompt_facts import PromptFacts, vocabulary

_MOST_SUMS = 20_000
_WORDS_BEFORE = 6
"""A count or a size stands at most so many words before its item ("two large oat milk lattes")."""
_FOR = re.compile(r"^\s*(?:each )?for (?:the )?(\w+)", re.IGNORECASE)
UNITS = frozenset({"hour", "day", "night", "week", "month", "year", "person", "minute", "visit"})


@dataclass(frozen=True)
class OrderLine:
    """So many of an item, with its extras."""

    item: str
    size: str = ""
    count: int = 1
    extras: tuple[str, ...] = ()

    def __str__(self) -> str:
        extras = f" with {' and '.join(self.extras)}" if self.extras else ""
        return " ".join(f"{self.count} {self.size} {self.item}".split()) + extras


@dataclass(frozen=True)
class Named:
    """An item in a text, with the numbers and sizes that stand with it."""

    item: str
    counts: frozenset[int]
    sizes: frozenset[str]


def order_cents(order: Sequence[OrderLine], facts: PromptFacts) -> int | str:
    """What an order costs by the prompt's prices; the item that the prompt does not sell, where there is one."""
    total = 0
    for line in order:
        for item, size in ((line.item, line.size), *((extra, "") for extra in line.extras)):
            cents = facts.price(item, size)
            if cents is None or item.lower() in facts.sold_out:
                return f"{size} {item}".strip()
            total += cents * line.count
    return total


def named_in(text: str, facts: PromptFacts) -> list[Named]:
    """The items of a text. A number or a size belongs to the item after it, a unit ("for two days") to that before."""
    found = []
    places = facts.named(text)
    for i, (item, start, end) in enumerate(places):
        before = text[places[i - 1][2] if i else 0 : start].lower().replace(",", " , ").split()[-_WORDS_BEFORE:]
        while "," in before:
            before = before[before.index(",") + 1 :]
        after = text[end : places[i + 1][1] if i + 1 < len(places) else len(text)]
        sizes = set(before) & set(facts.offers[item])
        if not sizes:  # "a latte, large"
            sizes = set(after.lower().replace(",", " ").replace(".", " ").split()) & set(facts.offers[item])
        numbers = {v for h in hear(" ".join(before)) for v in h.values(NUMBER) if 1 <= v <= 20}
        if vocabulary(after) & UNITS & vocabulary(" ".join(facts.offers[item])):
            numbers |= {v for h in hear(after) for v in h.values(NUMBER) if 1 <= v <= 31}
        if people := _FOR.search(after):  # "breakfast for two"
            numbers |= {v for h in hear(people[1]) for v in h.values(NUMBER) if 1 <= v <= 31}
        if {"dozen"} & set(before):
            numbers.add(12)
        found.append(Named(item, frozenset(numbers), frozenset(sizes)))
    return found


def candidate_sums(texts: Sequence[str], facts: PromptFacts, needed: Collection[str] = ()) -> set[int]:
    """All sums of prices of items that were mentioned, each in the sizes and numbers that were mentioned or fewer.

    Args:
        texts: the lines so far.
        facts: of the prompt.
        needed: items that have to be in the sum.
    """
    counts: dict[str, set[int]] = {}
    sizes: dict[str, set[str]] = {}
    words: set[str] = set()
    alone: set[int] = set()
    numbers_said: set[int] = set()
    for text in texts:
        for named in named_in(text, facts):
            counts.setdefault(named.item, {1}).update(named.counts)
            sizes.setdefault(named.item, set()).update(named.sizes)
        if not facts.named(text):  # "I'll take two"
            alone |= {v for heard in hear(text) for v in heard.values(NUMBER) if 1 <= v <= 12}
        words |= vocabulary(text)
        numbers_said |= {v for heard in hear(text) for v in heard.values(NUMBER) if 1 <= v <= 31}
    for item, found in sizes.items():  # "make it a large": a size that is said alone may be any item's
        found.update(size for size in facts.offers[item] if size in words)
        if UNITS & set(facts.offers[item]):
            counts[item] |= numbers_said | {a * b for a in numbers_said for b in numbers_said if a <= 12 and b <= 12}
    most = max([max(c) for c in counts.values()] + list(alone), default=1)
    sums = {0}
    for item, numbers in counts.items():
        priced = facts.offers[item]
        prices = [priced[size] for size in sizes[item] or priced]
        multiples = numbers | (set(range(1, most + 1)) if len(priced) == 1 else set())
        own = {price * n for price in prices for n in multiples}
        if len(sizes[item]) > 1:  # "one small and one large"
            own |= {a * n + b * m for a, b in combinations(prices, 2) for n in numbers for m in numbers}
        more = {s + cents for s in sums for cents in own}
        sums = more if item in needed else sums | more
        if len(sums) > _MOST_SUMS:
            break
    return sums
