"""The words of numbers, and the ways in which a written number may be spoken."""

from __future__ import annotations

import re

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
SMALL = {word: value for value, word in enumerate(_ONES)}
"""Words from zero to nineteen."""
_TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
TENS = {word: 10 * value for value, word in enumerate(_TENS) if value > 1}
"""Words from twenty to ninety."""
_THOUSANDS = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
SCALES = {"hundred": 100, **{name: size for size, name in reversed(_THOUSANDS)}}


def _ordinal(word: str) -> str:
    return _ORDINALS.get(word) or (word[:-1] + "ieth" if word.endswith("y") else word + "th")


ORDINALS = {_ordinal(word): value for word, value in (SMALL | TENS).items() if value}
"""Ordinal words of one word: first to twentieth, thirtieth to ninetieth."""
_NUMBER = re.compile(r"([0-9]+)((?:\.[0-9]+)*)(st|nd|rd|th|s)?")


def spoken_numbers(text: str) -> list[list[str]]:
    """The ways to say a number in digits (``5.15``, ``1995``, ``3rd``, ``90s``), likeliest first; never empty.

    A plural ends with the item ``s``. Numbers of more than twelve digits are said digit by digit.

    Raises:
        ValueError: the text is not a number.
    """
    match = _NUMBER.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r}: expected digits, perhaps with points between and an ending such as th or s")
    digits, points, ending = match.groups()
    if points:
        return _with_points(digits, points[1:].split("."))
    ways = _ways(digits)
    if ending == "s":
        return [[*way, "s"] for way in ways]
    return [[*way[:-1], _ordinal(way[-1])] for way in ways] if ending else ways


def _ways(digits: str) -> list[list[str]]:
    one_by_one = [[_ONES[int(d)] for d in digits]]
    if "0" in digits:
        one_by_one.insert(0, ["oh" if d == "0" else _ONES[int(d)] for d in digits])
    if (digits[0] == "0" and len(digits) > 1) or len(digits) > 12:
        return one_by_one
    number = _cardinal(int(digits))
    if len(digits) == 4 and digits[2:] != "00" and digits[1] != "0":
        return [_in_pairs(digits), number, *one_by_one]
    if len(digits) == 4 and digits[1:] != "000":
        return [number, _in_pairs(digits), *one_by_one]
    if len(digits) == 3 and digits[1:] != "00":
        return [number, *one_by_one, [_ONES[int(digits[0])], *_pair(digits[1:])]]
    return [number] if len(digits) < 3 else [number, *one_by_one]


def _in_pairs(digits: str) -> list[str]:
    """``1995`` nineteen ninety five, ``2001`` twenty oh one, ``1900`` nineteen hundred."""
    return [*_pair(digits[:2]), *(["hundred"] if digits[2:] == "00" else _pair(digits[2:]))]


def _pair(digits: str) -> list[str]:
    return ["oh", _ONES[int(digits[1])]] if digits[0] == "0" else _cardinal(int(digits))


def _with_points(whole: str, after: list[str]) -> list[list[str]]:
    said = _ways(whole)[0] + [word for part in after for word in ["point", *_ways("0" + part)[0][1:]]]
    if len(after) == 1 and len(after[0]) == 2:
        return [said, [*_ways(whole)[0], *_pair(after[0])]]
    return [said]


def _cardinal(number: int) -> list[str]:
    for size, name in _THOUSANDS:
        if number >= size:
            rest = number % size
            return [*_cardinal(number // size), name, *(_cardinal(rest) if rest else [])]
    if number >= 100:
        return [_ONES[number // 100], "hundred", *(_cardinal(number % 100) if number % 100 else [])]
    if number >= 20:
        return [_TENS[number // 10], *([_ONES[number % 10]] if number % 10 else [])]
    return [_ONES[number]]
