"""What a topic's title is in a sentence: ``Arms Inspections in Iraq.`` becomes ``arms inspections in Iraq``.

Titles come from the release's topic table and are written as headings. The rules, for any title:

- A heading before the topic proper goes: ``Hypothetical Situations. Time Travel.`` is ``time travel``.
- Full stops and other marks at the end go, and characters that have no place in a prompt (angle brackets, control
  characters); white space becomes one blank.
- Words become lower case, except those that are names: acronyms (``US``; ``T.V.`` is ``TV``), words with a capital
  inside (``iPods``), names that are listed here (``Iraq``, ``September``, ``Middle East``), and words that the topic's
  own text has with a capital inside a sentence and never without. A title all in capitals is no sign of acronyms.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_WORDING_CHARS = 120

_HEADINGS = re.compile(r"^(?:hyp(?:othetical)?\.?(?: situations?)?) *[.:;-]\s*(?=\S)", re.IGNORECASE)
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_WORD = re.compile(r"[^\W\d_](?:\w|['\u2019.](?=\w))*")
_ACRONYMS = """
ABC AIDS ATM BBC CBS CD CEO CIA CNN DNA DVD EU FBI FDA HBO HIV HMO IQ IRS MTV NAFTA NASA NATO NBA NBC NCAA NFL NHL NPR
OK PBS PC SARS SAT SUV TV UFO UK UN US USA USSR VCR WTO WWII
"""
"""Acronyms, for titles all in capitals; elsewhere the capitals tell."""
_NAMES = """
January February April June July August September October November December Monday Tuesday Wednesday Thursday Friday
Saturday Sunday Christmas Easter Thanksgiving Halloween Hanukkah Ramadan Africa African Afghanistan America American
Americans Asia Asian Australia Britain British California Canada Canadian China Chinese Christian Christianity Congress
Cuba Democrat Democrats England English Europe European Florida France French German Germany God Google Hispanic
Hollywood India Indian Iran Iraq Iraqi Ireland Irish Islam Islamic Israel Israeli Italian Italy Japan Japanese Jewish
Korea Korean Latino London Mexican Mexico Microsoft Muslim Muslims Olympic Olympics Pakistan Palestine Palestinian
Republican Republicans Russia Russian Spain Spanish Syria Texas Vietnam Vietnamese Washington
"""
"""Single words that are names wherever they stand (March and May may be words)."""
_PHRASES = (
    "Middle East", "Far East", "New York City", "New York", "United States", "United Kingdom", "United Nations",
    "North Korea", "South Korea", "Saudi Arabia", "Supreme Court", "White House", "Wall Street", "World War",
    "Super Bowl", "Los Angeles", "Las Vegas", "San Francisco", "New England", "Puerto Rico", "Social Security",
)  # fmt: skip
"""Names of several words, each an ordinary word by itself."""


@lru_cache(maxsize=4_000)
def topic_wording(title: str | None, text: str | None = None) -> str | None:
    """The topic as a noun phrase to follow "about"; None where the title says nothing.

    Never fails. At most `MAX_WORDING_CHARS` characters, cut between words.

    Args:
        title: the topic's title.
        text: the instruction that went with it, as evidence for names.
    """
    plain = _HEADINGS.sub("", _presentable(title or ""), count=1)
    plain = _DOTTED.sub(lambda match: match[0].replace(".", ""), plain).strip(" .,;:!?-\"'")
    if not any(c.isalnum() for c in plain):
        return None
    shouting = plain.upper() == plain and len(plain.split()) > 1
    names = _names_in(_presentable(text or ""))
    wording = _WORD.sub(lambda match: _cased(match[0], shouting, names), plain)
    for phrase in _PHRASES:
        wording = re.sub(rf"\b{phrase}\b", phrase, wording, flags=re.IGNORECASE)
    return _shortened(wording)


def _presentable(text: str) -> str:
    """One line without anything that could pass for a prompt's own markup."""
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in unicodedata.normalize("NFKC", text))
    return " ".join(re.sub(r"[<>{}\[\]|\\]", " ", text).split())


def _cased(word: str, shouting: bool, names: set[str]) -> str:
    """A word of the title as it is inside a sentence."""
    capitals = sum(c.isupper() for c in word)
    bare = re.sub(r"['\u2019]s$", "", word)
    if shouting:
        if bare.upper() in _ACRONYMS.split():
            return word
        word, bare = word.capitalize(), bare.capitalize()
    elif capitals > 1 or (capitals == 1 and not word[0].isupper()):
        return word
    return word if bare in _NAMES.split() or bare in names else word.lower()


def _names_in(text: str) -> set[str]:
    """Words that the text has with a capital inside a sentence, and nowhere without one."""
    plain = {match[0] for match in _WORD.finditer(text) if match[0].islower()}
    inside = re.finditer(rf"(?<=[\w,] ){_WORD.pattern}", text)
    return {match[0] for match in inside if match[0][0].isupper() and match[0].lower() not in plain} - {"I"}


def _shortened(wording: str) -> str:
    if len(wording) <= MAX_WORDING_CHARS:
        return wording
    return wording[: MAX_WORDING_CHARS + 1].rsplit(" ", 1)[0][:MAX_WORDING_CHARS].rstrip(" ,;:-")
