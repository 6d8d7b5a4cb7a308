"""What a dialogue's prices may add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fisherprep.speech.heard import NUMBER, hear
from fisherprep.speech.prompt_facts import PromptFacts, mentions, vocabulary

_MOST_SUMS = 20_000
_WORDS_BEFORE = 6
"""A count or a size stands at most so many words before its item ("two large oat milk lattes")."""


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


def candidate_sums(texts: Sequence[str], facts: PromptFacts) -> set[int]:
    """All sums of prices of items that were mentioned, each in the sizes and numbers that were mentioned or fewer."""
    counts: dict[str, set[int]] = {}
    sizes: dict[str, set[str]] = {}
    for text in texts:
        for item, start, _ in mentions(text, facts.offers):
            clause = text[:start].lower().replace(",", " , ").split()[-_WORDS_BEFORE:]
            while "," in clause:
                clause = clause[clause.index(",") + 1 :]
            numbers = {v for heard in hear(" ".join(clause)) for v in heard.values(NUMBER) if 1 <= v <= 20}
            counts.setdefault(item, {1}).update(numbers)
            sizes.setdefault(item, set()).update(set(clause) & set(facts.offers[item]))
        words = {word for text in texts for word in vocabulary(text)}
    for item, found in sizes.items():  # "make it a large": a size that is said alone may be any item's
        found.update(size for size in facts.offers[item] if size in words)
    most = max((max(c) for c in counts.values()), default=1)
    sums = {0}
    for item, numbers in counts.items():
        priced = facts.offers[item]
        prices = [priced[size] for size in sizes[item] or priced]
        multiples = numbers | (set(range(1, most + 1)) if len(priced) == 1 else set())
        sums |= {s + price * n for s in sums for price in prices for n in multiples}
        if len(sums) > _MOST_SUMS:
            break
    return sums
