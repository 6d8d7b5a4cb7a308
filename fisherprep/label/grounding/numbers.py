"""Numbers in running words as values: ``twenty five``, ``twenty-five`` and ``25`` are all 25.

A run is a stretch of number words. It is read as a cardinal (``two hundred thousand``), as a year said in pairs
(``nineteen eighty five``), else each number in it stands alone. ``dozen`` is 12, ``twice`` 2; "a couple" and "half" are
words and no numbers, since neither is a count that a prompt may sharpen. ``a`` and ``one`` are told apart by their
users.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fisherprep.numbers import ORDINALS, SCALES, SMALL, TENS

_SMALL = SMALL | {"oh": 0}
DIGIT_WORDS = frozenset([*list(SMALL)[:10], "oh"])
"""Words of single digits, which are said twice where a digit stands twice."""
_SCALES = SCALES | {"dozen": 12}
_ORDINALS = {word: str(value) for word, value in ORDINALS.items() if value > 2}
"""The first two are left out: they seldom count anything ("first name", "just a second")."""
_WORDS = {"twice": "2", "thrice": "3"}
_DIGITS = re.compile(r"\$?([0-9][0-9,]*(?:\.[0-9]+)?)%?(s|st|nd|rd|th|k)?")
_ORDINAL_MARK = "#"
_LONGEST = 12
"""Words of a run: a phone number said with its area code has ten."""


@dataclass(frozen=True)
class Run:
    """A number in words ``[start, end)``; ``values`` are the ways to read it (``5``, ``1995``, ``3#`` for third)."""

    start: int
    end: int
    values: frozenset[str]


def runs(words: Sequence[str]) -> list[Run]:
    """The numbers in words (lower case, hyphens split), from left to right."""
    found = []
    at = 0
    while at < len(words):
        run = _run_at(words, at)
        if run is None:
            at += 1
        else:
            found += run
            at = run[-1].end
    return found


def _run_at(words: Sequence[str], at: int) -> list[Run] | None:
    word = words[at]
    if match := _DIGITS.fullmatch(word):
        scale = _SCALES.get(words[at + 1]) if at + 1 < len(words) else None
        if scale and match[1].isdigit() and not match[2]:
            return [Run(at, at + 2, frozenset({str(int(match[1]) * scale)}))]
        return [Run(at, at + 1, frozenset({_digits(match)}))]
    if word in _ORDINALS or word in _WORDS:
        value = _ORDINALS[word] + _ORDINAL_MARK if word in _ORDINALS else _WORDS[word]
        return [Run(at, at + 1, frozenset({value}))]
    if word == "oh" or not _is_number(word):
        return None
    end = at
    while end < min(len(words), at + _LONGEST) and (_is_number(words[end]) or _joins(words, at, end)):
        end += 1
    return _readings(words, at, end)


def _digits(match: re.Match[str]) -> str:
    digits, ending = match[1].replace(",", ""), match[2]
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    digits = digits.lstrip("0") or "0"
    if ending == "k":
        return digits + "000"
    return digits + _ORDINAL_MARK if ending in ("st", "nd", "rd", "th") else digits


def _is_number(word: str) -> bool:
    return word in _SMALL or word in TENS or word in _SCALES or _plural_tens(word) is not None


def _plural_tens(word: str) -> int | None:
    return TENS.get(word[:-3] + "y") if word.endswith("ies") else None


def _joins(words: Sequence[str], start: int, at: int) -> bool:
    """``and`` in "a hundred and five"; never "two and three"."""
    return (
        words[at] == "and"
        and at > start
        and words[at - 1] in ("hundred", "thousand")
        and at + 1 < len(words)
        and (words[at + 1] in _SMALL or words[at + 1] in TENS)
    )


def _readings(words: Sequence[str], start: int, end: int) -> list[Run]:
    """A run as one number where it can be one, else as the numbers it is made of."""
    part = [w for w in words[start:end] if w != "and"]
    values = set()
    if (value := _cardinal(part)) is not None:
        values.add(value)
    if (value := _year(part)) is not None:
        values.add(value)
    if len(part) >= 3 and all(w in _SMALL and _SMALL[w] < 10 for w in part):
        values.add(int("".join(str(_SMALL[w]) for w in part)))
    if values:
        return [Run(start, end, frozenset(map(str, values)))]
    split = end - 1
    while split > start:
        if words[split] != "and" and (value := _cardinal([w for w in words[start:split] if w != "and"])) is not None:
            return [Run(start, split, frozenset({str(value)})), *_readings(words, split, end)]
        split -= 1
    return [Run(start, end, frozenset())]


def _cardinal(part: Sequence[str]) -> int | None:
    """The value of ``two hundred thousand five``; None where the words do not make up one number."""
    total = group = 0
    last = 10**12
    for word in part:
        if word in _SCALES:
            scale = _SCALES[word]
            if scale in (100, 12):
                group = (group or 1) * scale
                last = scale
            else:
                total, group, last = total + (group or 1) * scale, 0, 10**12
            continue
        value = _SMALL.get(word, TENS.get(word, _plural_tens(word)))
        if value is None or word == "oh" or value >= last or (last < 20) or (20 <= last < 100 and value > 9):
            return None
        group += value
        last = value if value < 100 else last
    return total + group if part else None


def _year(part: Sequence[str]) -> int | None:
    """``nineteen eighty five``, ``twenty oh one``, ``two thousand three`` is a cardinal already."""
    for split in range(1, len(part)):
        century = _cardinal(part[:split])
        rest = list(part[split:])
        if rest[0] == "oh":
            year = _cardinal(rest[1:]) if len(rest) == 2 else None
        else:
            year = _cardinal(rest)
            year = year if year is not None and year >= 10 else None
        if century is not None and 13 <= century <= 20 and year is not None and year < 100:
            return century * 100 + year
    return None
