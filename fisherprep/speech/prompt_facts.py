"""What a role prompt gives the agent to say: prices by item and size, what is sold out, times, numbers, names.

Read from the prompt's own text, so that a hand-written script is checked by the same rules as a drafted one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from fisherprep.numbers import SMALL
from fisherprep.speech.heard import CLOCK, DIGITS, MONEY, NUMBER, hear
from fisherprep.speech.letters import UPPER, WORD
from fisherprep.speech.prompt_hours import Hours, Slot, hours_of, slots_of
from fisherprep.speech.script_words import LOOKS
from fisherprep.speech.scripts import SERVICE_FORM
from fisherprep.speech.spoken import plural

SIZES = frozenset(
    {"small", "medium", "large", "regular", "tall", "short", "single", "double", "triple", "basic", "standard"}
    | {"premium", "plus", "hot", "iced"}
)
"""Words before a price that name a size, not an item; a domain's own sizes come to them."""
_AMOUNT = re.compile(r"\$ ?\d[\d,]*(?:\.\d\d)?")
_SENTENCE = re.compile(rf"(?<=[.?!])\s+(?=[\"'(]|{UPPER})")
_LEAD = re.compile(r"^(?:(?:an?|the|and|or|with|for|plus|each|every|only|just)\s+)+", re.IGNORECASE)
_TRAIL = re.compile(
    r"\s+(?:is|are|costs?|adds?|comes? (?:to|with)|ready|for|at|from|now|each|extra|only|just|about|per)\b.*$",
    re.IGNORECASE,
)
_NO_OFFER = re.compile(r"(?:up to|over|under|at least|less than|more than|save|off)\s*$", re.IGNORECASE)
_DISCOUNT = re.compile(r"up to\s*$", re.IGNORECASE)
_OFF = re.compile(r"^\s*(?:off|discount|credit|refund)\b", re.IGNORECASE)
_GONE_AFTER = re.compile(
    r"(?:sold out|out of stock|not available|unavailable)[^:.]*:\s*(?P<items>[^.]+)", re.IGNORECASE
)
_GONE_BEFORE = re.compile(
    r"^(?P<items>[^.:$]+?)\s+(?:is|are)\s+(?:all\s+)?(?:sold out|out of stock|not available|unavailable|out today)",
    re.IGNORECASE,
)
_MEASURE = re.compile(r"\d+ ?-?(?:ounce|oz|inch|liter|minute|hour|month)s?")
_SO_MANY = re.compile(rf"(?:{'|'.join(SMALL)}|\d+)(?: for)?")
"""Before a price, of what was named before: "Dumplings: six for $7.00"."""
_UNIT = re.compile(r"\s*(?:per|an?|each|/)\s*(hour|day|night|week|month|year|person|minute|visit)\b", re.IGNORECASE)
_IDIOM = re.compile(r"\b(?:in (?:that|any|this) case|just in case)\b", re.IGNORECASE)
_CONTAINER = re.compile(rf"^.* of (?!(?:{'|'.join(SMALL)}|\d+)$)")
"""Of a slice of lemon cake, the cake counts; a box of six is a box."""
_TOO_SHORT = frozenset({"coffee", "milk", "drink", "city", "plan", "visit", "half", "extra", "large", "small", "basic"})
"""Words that mean more than the one item of a menu that has them."""
_WORD = re.compile(WORD)


@dataclass(frozen=True)
class PromptFacts:
    """The facts of one prompt."""

    text: str
    company: str
    name: str
    """of the agent; both empty where the prompt has no service form"""
    offers: dict[str, dict[str, int]]
    """item in lower case -> size ("" for none) -> cents"""
    discounts: frozenset[int]
    sold_out: frozenset[str]
    money: frozenset[int]
    clocks: frozenset[int]
    numbers: frozenset[int]
    digits: frozenset[str]
    words: frozenset[str]
    """in lower case, plurals and singulars alike"""
    hours: Hours
    slots: tuple[Slot, ...]
    """free times of appointments"""
    nicknames: dict[str, str]
    """a word -> the one item that it may mean: "muffin" where only blueberry muffins are offered"""

    @property
    def sentences(self) -> list[str]:
        """Those of the prompt that hold facts."""
        return _sentences(self.text)

    def named(self, text: str) -> list[tuple[str, int, int]]:
        """Where items are named in a text, by their names or nicknames: item, start, end."""
        plain = _IDIOM.sub(lambda m: " " * len(m[0]), text)
        found = mentions(plain, self.offers)
        short = mentions(plain, self.nicknames)
        apart = [(self.nicknames[n], s, e) for n, s, e in short if not any(a < e and s < b for _, a, b in found)]
        return sorted(found + apart, key=lambda f: f[1])

    def price(self, item: str, size: str) -> int | None:
        """Cents of an item; None where the prompt does not sell it so."""
        sizes = self.offers.get(item.lower(), {})
        return sizes.get(size.lower(), next(iter(sizes.values())) if not size and len(sizes) == 1 else None)


def prompt_facts(prompt: str, sizes: Iterable[str] = ()) -> PromptFacts:
    """Read a prompt. ``sizes``: the domain's own names of sizes."""
    service = SERVICE_FORM.match(prompt)
    heard = hear(prompt)
    offers: dict[str, dict[str, int]] = {}
    discounts: set[int] = set()
    gone: set[str] = set()
    known_sizes = SIZES | {size.lower() for size in sizes}
    for sentence in _sentences(prompt):
        for item, size, cents in _offers(sentence, known_sizes, discounts):
            offers.setdefault(item, {})[size] = cents
        gone |= _sold_out(sentence)
    readings = {kind: {v for h in heard for k, v in h.readings if k == kind} for kind in (MONEY, CLOCK, NUMBER, DIGITS)}
    return PromptFacts(
        prompt,
        service["company"] if service else "",
        service["name"] if service else "",
        offers,
        frozenset(discounts),
        frozenset(gone),
        frozenset(int(v) for v in readings[MONEY]),
        frozenset(int(v) for v in readings[CLOCK]),
        frozenset(int(v) for v in readings[NUMBER]),
        frozenset(str(v) for v in readings[DIGITS]),
        vocabulary(prompt),
        hours_of(_sentences(prompt)),
        slots_of(_sentences(prompt)),
        _nicknames(offers, " ".join(_sentences(prompt))),
    )


def _nicknames(offers: Collection[str], text: str) -> dict[str, str]:
    """Heads of names, and their first words, that only one item has; first words only where the prompt's text has them
    for nothing else ("Book reservation: $1.00. Books may be kept for two weeks")."""
    found: dict[str, set[str]] = {}
    for _, start, end in reversed(mentions(text, offers)):
        text = text[:start] + text[end:]
    others = vocabulary(text)
    for item in offers:
        words = re.split(r" with | of | \(", _CONTAINER.sub("", item))[0].split()
        for word in {words[-1], *({words[0]} - others)} if len(words) > 1 or words[0] != item else ():
            if len(word) >= 3 and word.isalpha() and word not in _TOO_SHORT | LOOKS:
                found.setdefault(word, set()).add(item)
    return {word: items.pop() for word, items in found.items() if len(items) == 1 and word not in offers}


def vocabulary(text: str) -> frozenset[str]:
    """The words of a text in lower case, each in the singular and plural too, possessives without their ending."""
    words = {word.lower().replace("\u2019", "'").removesuffix("'s") for word in _WORD.findall(text)}
    words |= {part for word in words for part in word.split("-")}
    return frozenset(words | {plural(w) for w in words} | {w.removesuffix("s") for w in words})


def _sentences(prompt: str) -> list[str]:
    return _SENTENCE.split(prompt.partition("Information:")[2] or prompt)


def _offers(sentence: str, sizes: frozenset[str], discounts: set[int]) -> Iterator[tuple[str, str, int]]:
    """Item, size and cents of each price of a sentence."""
    head, last_item, at = "", "", 0
    sized = False  # "basic $60.00, full $95.00": beside a size, a word is a size
    for match in _AMOUNT.finditer(sentence):
        before = sentence[at : match.start()]
        at = match.end()
        cents = hear(match[0])[0].values(MONEY)[0]
        if _NO_OFFER.search(before) or _OFF.match(sentence[at:]):
            if _DISCOUNT.search(before) or _OFF.match(sentence[at:]):
                discounts.add(cents)
            continue
        unit = _UNIT.match(sentence[at:])
        at += unit.end() if unit else 0
        left, colon, right = before.rpartition(":")
        if colon:
            head = _item(left.rpartition(":")[2].partition(",")[0])
        label = _LEAD.sub("", re.split(r"[,;]|\band\b", right if colon else before)[-1].strip(" :,;")).lower()
        sized = label in sizes or _MEASURE.fullmatch(label) is not None or (sized and label.isalpha())
        if sized:
            yield head or last_item, label, cents
        else:
            named = "" if _SO_MANY.fullmatch(label) else _item(label)
            if not named and unit and last_item:  # "$12.00 per hour, $40.00 per day"
                yield last_item, unit[1].lower(), cents
                continue
            last_item = named or head or _item(re.split(r"[,:]", sentence)[0])
            yield last_item, unit[1].lower() if unit else "", cents


def _item(text: str) -> str:
    """The name of what is sold, without what is said of it."""
    found = _LEAD.sub("", text.strip(" :,;.")).strip()
    return _TRAIL.sub("", found).strip(" ,").lower()


def _sold_out(sentence: str) -> set[str]:
    match = _GONE_AFTER.search(sentence) or _GONE_BEFORE.search(sentence)
    items = re.split(r",|\band\b|\bor\b", match["items"]) if match else []
    return {_LEAD.sub("", item.strip()).lower() for item in items if item.strip()}


def mentions(text: str, items: Iterable[str]) -> list[tuple[str, int, int]]:
    """Where items are named in a text, in the singular or plural: item, start, end. The longest name wins."""
    found: list[tuple[str, int, int]] = []
    low = text.lower()
    for item in sorted(items, key=lambda i: (-len(i), i)):
        for match in _forms(item).finditer(low):
            if not any(start < match.end() and match.start() < end for _, start, end in found):
                found.append((item, match.start(), match.end()))
    return sorted(found, key=lambda f: f[1])


@cache
def _forms(item: str) -> re.Pattern[str]:
    forms = {item, plural(item), item.removesuffix("s"), item.removesuffix("es")}
    if item.endswith("ies"):
        forms.add(item[:-3] + "y")
    longest_first = sorted((form for form in forms if len(form) > 1), key=lambda form: (-len(form), form))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first)) or re.escape(item)})\b")
