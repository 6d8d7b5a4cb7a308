"""What is said for a written word: initialisms, prices, times of day, interjections, and the rest as it stands.

espeak-ng reads plain words well; what it mangles (``$4.50``, ``4:30``, ``n.``, ``mm-hm``) is spelled out here. The
result is a list of units, each one spoken word; a unit in double brackets is in espeak's phoneme notation.
"""

from __future__ import annotations

import re

_INTERJECTIONS = {
    "hm": "hm-:",
    "hmm": "hm-:",
    "mhm": "m-h'm-",
    "mm": "m-:",
    "mm-hm": "m-h'm-",
    "mm-hmm": "m-h'm-",
    "mmm": "m-:",
    "sh": "S:",
    "shh": "S:",
    "em": "@m",
    "ms": "m'Iz",
}
"""Words that espeak would spell letter by letter, in its phoneme notation."""

_ABBREVIATIONS = ("mr", "mrs", "dr", "st")
"""Words whose full stop ends no sentence."""
LETTER_A = "[['eI]]"
_CLOSING = re.compile(r"[.,?!;:\-]+$")
_INITIALISM = re.compile(r"((?:[a-z][._]+)+[a-z]?)('?s)?", re.IGNORECASE)
_PRICE = re.compile(r"\$(\d+)(?:\.(\d\d))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)([ap]\.?m\.?)?", re.IGNORECASE)
_PLAIN = {
    "\u2019": "'",
    "\u2018": "'",
    "\u2010": "-",
    "\u2011": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2026": "...",
    "`": "'",
}
_SIGNS = {"&": " and ", "%": " percent ", "#": " number ", "+": " plus ", "@": " at "}


def spoken_units(word: str) -> list[str]:
    """The spoken words of one written word, closing punctuation on the last; empty where nothing can be spoken."""
    for found, plain in _PLAIN.items():
        word = word.replace(found, plain)
    word = re.sub(r"^[^\w$#&@%+]+|[^\w.,?!;:%&+\-]+$", "", word)
    core, mark = _split_mark(word)
    if not re.search(r"[^\W_]|[&%#+@]", core):
        return []
    initials = _INITIALISM.fullmatch(word.rstrip(",?!;:-"))
    if initials and word.lower() != "i.":
        return _with_mark(_letters(initials[1], initials[2] or ""), mark if mark != "." else "")
    if core.lower() in _ABBREVIATIONS:
        return [core]
    if phonemes := _INTERJECTIONS.get(core.lower()):
        return _with_mark([f"[[{phonemes}]]"], mark)
    return _with_mark(_plain_units(core), mark)


def _split_mark(word: str) -> tuple[str, str]:
    """The word without its closing punctuation, and the one mark that espeak is given for it."""
    closing = _CLOSING.search(word)
    if not closing:
        return word, ""
    marks = closing[0]
    mark = "," if marks.startswith(("-", "..")) else marks[-1]
    return word[: closing.start()], mark


def _with_mark(units: list[str], mark: str) -> list[str]:
    return [*units[:-1], units[-1] + mark] if units else []


def _letters(initials: str, suffix: str) -> list[str]:
    letters = [c.lower() for c in initials if c.isalpha()]
    units = [LETTER_A if c == "a" else c for c in letters]
    return [*units[:-1], units[-1] + "'s"] if suffix and units[-1] != LETTER_A else units


def _plain_units(core: str) -> list[str]:
    if price := _PRICE.fullmatch(core):
        return _price(int(price[1]), int(price[2] or 0)).split()
    if clock := _CLOCK.fullmatch(core):
        hour, minute = int(clock[1]), int(clock[2])
        spoken = [str(hour)] + ([] if minute == 0 else ["oh", str(minute)] if minute < 10 else [str(minute)])
        return spoken + (_letters(clock[3], "") if clock[3] else [])
    for sign, name in _SIGNS.items():
        core = core.replace(sign, name)
    core = re.sub(r"(?<=\d),(?=\d)", "", core)
    core = re.sub(r"[^\w'.\-]|_", " ", core)
    return [unit for part in core.split() if re.search(r"\w", unit := part.strip("'-."))]


def _price(dollars: int, cents: int) -> str:
    """As a price is said over a counter: "four fifty", "six dollars", "eighty cents"."""
    if dollars and cents:
        return f"{dollars} oh {cents}" if cents < 10 else f"{dollars} {cents}"
    if dollars:
        return f"{dollars} dollar" + "s" * (dollars != 1)
    return f"{cents} cent" + "s" * (cents != 1)
