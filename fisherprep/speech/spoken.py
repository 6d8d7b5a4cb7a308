"""How amounts, times and numbers are written in a prompt and said over a counter.

Money is in cents, a clock time in minutes from midnight.
"""

from __future__ import annotations

import random

from fisherprep.numbers import spoken_numbers

_AN = ("a", "e", "i", "o", "u", "8", "11", "18")
_VOWEL_NOT_SOUNDED = ("one", "once", "uni", "use", "usb", "euro")


def article(noun: str) -> str:
    """``a`` or ``an``, as the noun's first sound asks."""
    low = noun.lower()
    return "an" if low.startswith(_AN) and not low.startswith(_VOWEL_NOT_SOUNDED) else "a"


def plural(noun: str) -> str:
    """The regular plural: lattes, boxes, pastries."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def number_words(value: int) -> str:
    """``twenty-three``, ``one hundred five``."""
    words = spoken_numbers(str(value))[0]
    if len(words) >= 2 and words[-2].endswith("ty") and words[-1] in _ONES:
        words = [*words[:-2], f"{words[-2]}-{words[-1]}"]
    return " ".join(words)


_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def digit_words(digits: str) -> str:
    """One by one: ``four oh two``."""
    return " ".join("oh" if d == "0" else _ONES[int(d) - 1] for d in digits)


def money_written(cents: int) -> str:
    """``$4.75``."""
    return f"${cents // 100}.{cents % 100:02d}"


def money_said(cents: int, rng: random.Random) -> str:
    """``four seventy-five``, ``fifty cents``, ``six dollars``; at times ``four dollars and five cents``."""
    dollars, rest = divmod(cents, 100)
    cents_said = f"{number_words(rest)} cent" + ("" if rest == 1 else "s")
    dollars_said = f"{number_words(dollars)} dollar" + ("" if dollars == 1 else "s")
    if not dollars:
        return cents_said
    if not rest:
        return dollars_said
    if dollars >= 100 or rng.random() < 0.12:
        return f"{dollars_said} and {cents_said}"
    return f"{number_words(dollars)} {'oh ' if rest < 10 else ''}{number_words(rest)}"


def clock_written(minutes: int) -> str:
    """``6:30 am``, ``5 pm``."""
    hour, minute = divmod(minutes, 60)
    half = "am" if hour < 12 else "pm"
    return f"{(hour - 1) % 12 + 1}" + (f":{minute:02d}" if minute else "") + f" {half}"


def clock_said(minutes: int, rng: random.Random) -> str:
    """``six thirty``, ``six thirty a.m.``, ``five in the afternoon``."""
    hour, minute = divmod(minutes, 60)
    said = number_words((hour - 1) % 12 + 1)
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{number_words(minute)}"
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 17 else "in the evening"
    half = "a.m." if hour < 12 else "p.m."
    return said + rng.choice(("", "", f" {half}", f" {part}"))


def listed(parts: list[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""
