"""What a cell of a release's comma-separated tables may hold, and what it becomes; None for a blank."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

MAX_SIDES = 23_398
"""Of one PIN: all there are."""
PHONE_SETS = {"1": "speaker-phone", "2": "headset", "3": "ear-bud", "4": "hand-held"}
PHONE_TYPES = {"1": "cell", "2": "cordless", "3": "land-line"}
_BLANK = {"", "na", "n/a", "none", "null", "unknown", "unk", "-"}


class Odd(ValueError):
    """A value that is neither blank nor of the expected form; the message says what was expected."""


def text(value: str) -> str | None:
    """Any text."""
    return None if value.lower() in _BLANK or value.lower().startswith("no_") else value


def _matching(pattern: str, expected: str, convert: Callable[[str], Any] = str) -> Callable[[str], Any]:
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)

    def parse(value: str) -> Any:
        if text(value) is None:
            return None
        if not compiled.fullmatch(value):
            raise Odd(expected)
        return convert(value)

    return parse


def _up_to(high: int) -> Callable[[str], Any]:
    def convert(value: str) -> int:
        if int(value) > high:
            raise Odd(f"at most {high}")
        return int(value)

    return convert


def date(value: str) -> str | None:
    """A time of day as ISO 8601.

    Raises:
        Odd: it is none.
    """
    if text(value) is None:
        return None
    try:
        return datetime.strptime(value, "%Y%m%d_%H:%M:%S").isoformat()
    except ValueError as err:
        raise Odd("YYYYMMDD_HH:MM:SS") from err


pin = _matching(r"[0-9]{1,9}", "a number", lambda v: str(int(v)))
grade = _matching(r"[0-9]{1,3}(\.[0-9]{0,3})?", "a grade such as 3 or 3.5", float)
topic = _matching(r"ENG[0-9]{1,4}", "ENGnn", str.upper)
sex_dialect = _matching(r"[mf]?\.?[ao]?", "m or f, a dot, a or o", str.lower)
sex = _matching(r"[mf]", "M or F", str.lower)
age = _matching("[0-9]{1,9}", "years", _up_to(120))
education = _matching("[0-9]{1,9}", "years", _up_to(60))
sides_listed = _matching("[0-9]{1,9}", "a count", _up_to(MAX_SIDES))
