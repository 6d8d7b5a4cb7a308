"""Letters, words and capitals in regular expressions, of any script: ``[A-Za-z]`` ends "Renée" after its "n"."""

from __future__ import annotations

import re

LETTERS = "(?:[^\\W\\d_][\u0300-\u036f]*)+"
"""One letter or more, with the accents that are written apart."""
WORD = rf"{LETTERS}(?:['\u2019-]{LETTERS})*"
"""Letters, also across an apostrophe or a hyphen: O'Neill, Jean-Luc."""
UPPER = f"[{''.join(c for c in map(chr, range(0x2000)) if c.isupper())}]"
"""One capital letter, of Latin, Greek, Cyrillic and all else that has capitals below U+2000."""
LOWER = f"[{''.join(c for c in map(chr, range(0x2000)) if c.islower() and c.isalpha())}]"
"""One small letter."""


def words_of(text: str) -> list[str]:
    """Runs of letters in lower case."""
    return re.findall(LETTERS, text.lower())
