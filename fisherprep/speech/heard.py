"""Numbers in what people say and write: amounts of money, clock times, counts, digits read out one by one.

Speech leaves open what a number is ("six thirty" is a time or a price), so each is heard with all its readings.

Legend: money in cents, clocks in minutes from midnight (below 720 where nobody says which half of the day).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from fisherprep.numbers import ORDINALS, SMALL, TENS
from fisherprep.speech.letters import LETTERS

MONEY, CLOCK, NUMBER, DIGITS = "money", "clock", "number", "digits"

_ORDINALS = {word: value for word, value in ORDINALS.items() if 3 < value <= 30}
"""The first three are left out: they seldom count anything ("first name", "just a second")."""
_TOKEN = re.compile(
    r"\$ ?\d[\d,]*(?:\.\d\d)?|\d{1,2}:\d\d|\d+(?:st|nd|rd|th)?|[ap]\.?m\b\.?|" rf"{LETTERS}(?:'{LETTERS})?|[.,?!;:]"
)
_DIGIT_WORDS = {**{word: str(SMALL[word]) for word in list(SMALL)[:10]}, "oh": "0"}
_ALWAYS_CLOCK = {"at", "until", "till"}
_BEFORE_CLOCK = {"from", "to", "by", "before", "after", "since", "around"}
_AFTER_CLOCK = {"in", "on", "to", "every", "today", "tomorrow", "tonight", "sharp", "and", "or", "this", "monday",
                "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "until", "till", "is",
                "if", "but", "so", "then", "please"}  # fmt: skip
_DOLLARS = {"dollar", "dollars", "buck", "bucks"}
_AFTER_CENTS = {"back", "change", "please", "altogether", "more", "less", "extra", "each"}
_SUITS = {"work", "works", "suit", "suits"}
_PARTS = {"morning": "a", "afternoon": "p", "evening": "p"}
_OPENING = {"open", "opens", "opened", "close", "closes", "closed", "until", "till"}


@dataclass(frozen=True)
class Heard:
    """A number in a text, with what it may mean: (kind, value) each."""

    text: str
    start: int
    end: int
    readings: frozenset[tuple[str, int | str]]

    def values(self, kind: str) -> list[int]:
        """What it is as that kind."""
        return [v for k, v in self.readings if k == kind and isinstance(v, int)]


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def hear(text: str) -> tuple[Heard, ...]:
    """All numbers of a text, in order."""
    tokens = [_Token(m[0], m.start(), m.end()) for m in _TOKEN.finditer(text.lower().replace("-", " "))]
    found: list[Heard] = []
    index = 0
    while index < len(tokens):
        after, readings = _number_at(tokens, index)
        if after > index:
            start, end = tokens[index].start, tokens[after - 1].end
            found.append(Heard(text[start:end], start, end, frozenset(readings)))
        index = max(after, index + 1)
    return tuple(found)


def _number_at(tokens: list[_Token], i: int) -> tuple[int, list[tuple[str, int | str]]]:
    """Where a number that begins at token ``i`` ends, and its readings; ``i`` where none begins."""
    text = tokens[i].text
    if text[0] == "$":
        return i + 1, [(MONEY, _cents(text))]
    if ":" in text and text[0].isdecimal():
        hour, minute = map(int, text.split(":"))
        return _with_half(tokens, i + 1, hour * 60 + minute)
    if text in ("noon", "midnight"):
        return i + 1, [(CLOCK, 720 if text == "noon" else 0)]
    if text in _ORDINALS or (text[0].isdecimal() and text[-1].isalpha()):
        return i + 1, [(NUMBER, _ORDINALS.get(text) or int(text[:-2]))]
    if text == "a" and _word(tokens, i + 1) in _DOLLARS:
        return _with_cents(tokens, i + 2, 100)
    if (run := _digit_run(tokens, i)) - i >= 3:
        return run, _run_readings(tokens, i, run)
    after, value = _cardinal(tokens, i)
    return (i, []) if value is None else _with_unit(tokens, i, after, value)


def _cents(text: str) -> int:
    dollars, _, cents = text.strip("$ ").replace(",", "").partition(".")
    return 100 * int(dollars) + int(cents or 0)


def _digit_run(tokens: list[_Token], i: int) -> int:
    while i < len(tokens) and tokens[i].text in _DIGIT_WORDS:
        i += 1
    return i


def _run_readings(tokens: list[_Token], i: int, end: int) -> list[tuple[str, int | str]]:
    digits = "".join(_DIGIT_WORDS[t.text] for t in tokens[i:end])
    readings: list[tuple[str, int | str]] = [(DIGITS, digits)]
    if end - i == 3 and digits[1] == "0":  # four oh five
        readings += [(MONEY, int(digits)), (CLOCK, int(digits[0]) * 60 + int(digits[2]))]
    return readings


def _with_unit(tokens: list[_Token], i: int, after: int, value: int) -> tuple[int, list[tuple[str, int | str]]]:
    following = _word(tokens, after)
    if following in _DOLLARS:
        return _with_cents(tokens, after + 1, value * 100)
    if following in ("cent", "cents"):
        return after + 1, [(MONEY, value)]
    if following == "o'clock":
        return _with_half(tokens, after + 1, value * 60)
    part_of_day = following == "in" and _word(tokens, after + 1) == "the" and _word(tokens, after + 2) in _PARTS
    if value <= 12 and (part_of_day or re.fullmatch(r"[ap]\.?m\.?", following)):
        return _with_half(tokens, after, value * 60)
    end, second = _cardinal(tokens, after)
    if following == "oh" and _word(tokens, after + 1) in _DIGIT_WORDS:
        end, second = after + 2, int(_DIGIT_WORDS[_word(tokens, after + 1)])
    elif second is not None and not 10 <= second <= 99:
        second = None
    if second is not None:
        return _pair(tokens, i, end, value, second)
    readings: list[tuple[str, int | str]] = [(NUMBER, value)]
    if tokens[i].text.isdecimal():
        readings.append((DIGITS, tokens[i].text))
    before = _word(tokens, i - 1) if i else ""
    near = before in _BEFORE_CLOCK and (not following.isalpha() or following in _AFTER_CLOCK)
    if 1 <= value <= 12 and (near or before in _ALWAYS_CLOCK or _in_clock_range(tokens, i, after)):
        readings = [(CLOCK, value * 60 % 720)]
    elif 1 <= value <= 12 and following in _SUITS:
        readings.append((CLOCK, value * 60 % 720))
    return after, readings


def _in_clock_range(tokens: list[_Token], i: int, after: int) -> bool:
    """Whether the number of tokens ``i`` to ``after`` is an end of "nine to six", "between eight and seven"."""
    if _word(tokens, i - 1) == "and" and _word(tokens, i - 3) == "between":
        return not _word(tokens, after).isalpha()
    joint = {"and"} if _word(tokens, i - 1) == "between" else {"to", "till", "until"}
    if _word(tokens, after) not in joint:
        return False
    end, value = _cardinal(tokens, after + 1)
    following = _word(tokens, end)
    return value is not None and value <= 12 and (not following.isalpha() or following in _AFTER_CLOCK)


def _pair(tokens: list[_Token], i: int, end: int, first: int, second: int) -> tuple[int, list[tuple[str, int | str]]]:
    """Two numbers said as one: four fifty, six thirty, nineteen ninety-five."""
    if first <= 12 and second < 60 and re.fullmatch(r"[ap]\.?m\.?", _word(tokens, end)):
        return _with_half(tokens, end, first * 60 + second)
    readings: list[tuple[str, int | str]] = [(MONEY, 100 * first + second), (NUMBER, 100 * first + second)]
    if first == 1 and _word(tokens, i - 2) in ("the", "a", "an", "that", "this"):  # "the full one ninety-five"
        readings.append((NUMBER, second))
    if first <= 12 and second < 60:
        clock: tuple[str, int | str] = (CLOCK, (first * 60 + second) % 720)
        opening = any(token.text in _OPENING for token in tokens[max(0, i - 3) : i])
        readings = [clock] if opening else [*readings, clock]
    return end, readings


def _with_cents(tokens: list[_Token], i: int, cents: int) -> tuple[int, list[tuple[str, int | str]]]:
    at = i + 1 if _word(tokens, i) == "and" else i
    after, value = _cardinal(tokens, at) if at < len(tokens) else (at, None)
    if value is not None and _word(tokens, after) in ("cent", "cents"):
        return after + 1, [(MONEY, cents + value)]
    following = _word(tokens, after)
    ends = not following.isalpha() or following in _AFTER_CENTS
    if at == i and value is not None and (10 <= value <= 99 or (0 < value < 10 and ends)) and following not in _DOLLARS:
        return after, [(MONEY, cents + value)]  # "a dollar seventy-five", "a dollar five back"
    return i, [(MONEY, cents)]


def _with_half(tokens: list[_Token], i: int, minutes: int) -> tuple[int, list[tuple[str, int | str]]]:
    """A clock time and the half of the day that may follow it."""
    minutes %= 720
    said = _word(tokens, i)
    half = said[0] if re.fullmatch(r"[ap]\.?m\.?", said) else ""
    if not half:
        phrase = (said, _word(tokens, i + 1), _word(tokens, i + 2))
        part = phrase[2] if phrase[:2] == ("in", "the") else ""
        half = _PARTS.get(part, "")
        return i + (3 if half else 0), [(CLOCK, minutes + 720 * (half == "p"))]
    return i + 1, [(CLOCK, minutes + 720 * (half == "p"))]


def _word(tokens: list[_Token], i: int) -> str:
    return tokens[i].text if 0 <= i < len(tokens) else "."


def _cardinal(tokens: list[_Token], i: int) -> tuple[int, int | None]:
    """The longest number that begins at token ``i``: its end and value."""
    word = _word(tokens, i)
    if word.isdecimal():
        return i + 1, int(word[:12])
    if word == "a" and _word(tokens, i + 1) == "hundred":
        i, value = i + 1, 1
    else:
        i, below = _below_hundred(tokens, i)
        if below is None:
            return i, None
        value = below
    for unit, size in (("hundred", 100), ("thousand", 1000)):
        if _word(tokens, i) == unit and value < size:
            at = i + 2 if _word(tokens, i + 1) == "and" else i + 1
            end, rest = _below_hundred(tokens, at) if unit == "hundred" else _cardinal(tokens, at)
            value, i = value * size + (rest or 0), end if rest is not None else i + 1
    return i, value


def _below_hundred(tokens: list[_Token], i: int) -> tuple[int, int | None]:
    word = _word(tokens, i)
    if word in TENS:
        ones = SMALL.get(_word(tokens, i + 1), 0)
        ordinal = {"first": 1, "second": 2, "third": 3, **_ORDINALS}.get(_word(tokens, i + 1), 0)
        ones = ordinal or ones
        return (i + 2, TENS[word] + ones) if 1 <= ones <= 9 else (i + 1, TENS[word])
    return (i + 1, SMALL[word]) if word in SMALL else (i, None)


def all_values(texts: Iterable[str], kind: str) -> set[int]:
    """All readings of a kind in several texts."""
    return {value for text in texts for heard in hear(text) for value in heard.values(kind)}
