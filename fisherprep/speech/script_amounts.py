"""How amounts of money stand in a sentence: as a price, a total, a bill that is handed over, or alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fisherprep.speech.heard import MONEY, NUMBER, Heard, hear
from fisherprep.speech.letters import UPPER
from fisherprep.speech.script_sums import UNITS

TOTAL = re.compile(
    r"\b(?:total|altogether|all together|together|comes? to|(?:that|you|they)(?:'ll|'d| will| would) be|makes?|"
    r"brings it|owe|in all)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(rf"(?<=[.?!])(?<![ap]\.m\.)\s+(?!\d)|(?<=[ap]\.m\.)\s+(?={UPPER})")
_IN_ALL = re.compile(r"\s*(?:in )?(?:total|altogether|(?:all )?together|all)\b")
_BARE = re.compile(r"\W*(?:(?:so|okay|then|alright|great|perfect|sure|and),?\s+)*$", re.IGNORECASE)
_BARE_AFTER = re.compile(r"\s*,?\s*(?:then|please|even|all in|for both)?\W*$", re.IGNORECASE)
_HANDED = re.compile(r"\b(?:out of|from (?:your|a|the)|for your)\s+(?:an?\s+)?$", re.IGNORECASE)
FOR = re.compile(r"\s*(?:extra )?for\b")
_NUMBER_FOR = re.compile(r"\s*for (?:the|an?|each|your)\b")
_OWN_CLAUSE = re.compile(r"(?:,| and\b)[^,]*(?:\b(?:is|are|costs?)|'s)\s*$")
_BILLS = frozenset({1, 5, 10, 20, 50, 100})


def cents_of(heard: Heard, plain: bool) -> list[int]:
    """What it is in cents; with ``plain``, also a number without "dollars" ("that's ninety altogether")."""
    numbers = [100 * n for n in heard.values(NUMBER) if plain and n >= 20]
    numbers += [n for n in heard.values(NUMBER) if plain and 20 <= n <= 99]  # "ninety for the shot": cents
    return heard.values(MONEY) + numbers


def is_priced(sentence: str, heard: Heard) -> bool:
    """Whether a number is what something costs ("the battery is forty-five")."""
    if _NUMBER_FOR.match(sentence[heard.end :]):
        return True
    before = re.search(
        r"(?:\b(?:is|are|costs?|runs|so|plus|be|be at|looking at)|'re at|'s|'re) (?:only |just |about )?$",
        sentence[: heard.start],
    )
    after = re.match(
        rf"\s*(?:[.,?!]|(?:and|so|but|even|then|please)\b|(?:an?|per|each) (?:{'|'.join(UNITS)})\b|$)",
        sentence[heard.end :],
    )
    return bool(before and after)


def is_total(sentence: str, amounts: Sequence[Heard], place: int) -> bool:
    """Whether one of a sentence's amounts is its total: the words for it stand before it, or after the last."""
    before = sentence[amounts[place - 1].end if place else 0 : amounts[place].start]
    after = sentence[amounts[place].end :]
    return bool(TOTAL.search(before) or (place == len(amounts) - 1 and TOTAL.search(after)) or _IN_ALL.match(after))


def is_handed(sentence: str, heard: Heard) -> bool:
    """Whether a number is the bill that somebody was given ("out of ten")."""
    return bool(_HANDED.search(sentence[: heard.start])) and bool(_BILLS & set(heard.values(NUMBER)))


def next_price(text: str) -> int:
    """Where what belongs to the next price begins: "for the latte, and the sandwich is six"."""
    for heard in hear(text):
        if heard.values(MONEY) or _NUMBER_FOR.match(text[heard.end :]):
            clause = _OWN_CLAUSE.search(text[: heard.start])
            return clause.start() if clause else heard.start
    return len(text)


def own_start(sentence: str, at: int, heard: Heard) -> int:
    """Where what belongs to an amount begins, from ``at`` on: after "seven for the dumplings, "."""
    for other in hear(sentence):
        if at <= other.start < heard.start and _NUMBER_FOR.match(sentence[other.end :]):
            at = other.end + next_price(sentence[other.end :])
    return at


def is_alone(sentence: str, heard: Heard) -> bool:
    """Whether a sentence is but a number ("Ninety-two, then")."""
    return bool(_BARE.match(sentence[: heard.start]) and _BARE_AFTER.match(sentence[heard.end :]))
