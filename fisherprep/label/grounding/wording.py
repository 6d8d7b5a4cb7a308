"""Words of prompts and of transcripts on common ground: what counts as the same word.

Both are cut into lower-case words with contractions taken apart (``i've`` is ``i have``, ``don't`` is ``do not``), so
that "Your sister's dog doesn't bite" and the transcript's "my sister's dog don't bite" can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from fisherprep.label.grounding.lexicon import IRREGULAR, SOFT, STOP
from fisherprep.label.grounding.synonyms import BROADER, EQUAL

_TOKEN = re.compile(r"\$?[0-9][0-9,]*(?:\.[0-9]+)?(?:st|nd|rd|th|s|k)?(?![a-z0-9])|[^\W_]+(?:'[^\W_]+)*|'[a-z]+")
_LETTERS = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u0060\u00b4", "'"))
_WHOLE = {
    "won't": ("will", "not"), "can't": ("can", "not"), "cannot": ("can", "not"), "ain't": ("is", "not"),
    "gonna": ("going", "to"), "wanna": ("want", "to"), "gotta": ("have", "to"), "let's": ("let", "us"),
    "'cause": ("cause",), "o'clock": ("o'clock",), "'em": ("them",), "y'all": ("you", "all"),
    "oughta": ("ought", "to"), "kinda": ("kind", "of"), "sorta": ("sort", "of"), "coulda": ("could", "have"),
    "shoulda": ("should", "have"), "woulda": ("would", "have"), "lotta": ("lot", "of"), "outta": ("out", "of"),
    "hafta": ("have", "to"), "gotcha": (), "gimme": ("give", "me"), "lemme": ("let", "me"),
}  # fmt: skip
_ENDINGS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "'d", "'s": "'s"}
_FILLERS = frozenset({"uh", "um", "er", "mhm", "ah", "hm", "huh", "eh", "uh-huh"})


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, contractions taken apart; broken-off words and hesitations left out."""
    words = _spelled([part for token in cased_tokens(text) for part in _parts(token.lower())])
    return _in_laws(words) if "law" in words or "laws" in words else words


_RELATED = frozenset({"mother", "father", "sister", "brother", "son", "daughter", "sisters", "brothers"})


def _spelled(words: list[str]) -> list[str]:
    """``t v`` as one word; "a" and "i" are words of their own at the beginning."""
    joined: list[str] = []
    open_run = False
    for word in words:
        letter = len(word) == 1 and word.isalpha()
        if letter and open_run:
            joined[-1] += word
        else:
            joined.append(word)
        open_run = letter and (open_run or word not in "aios")
    return joined


def _in_laws(words: list[str]) -> list[str]:
    """``mother in law`` as one word, since she is no mother."""
    joined: list[str] = []
    for word in words:
        if word in ("law", "laws") and joined[-1:] == ["in"] and joined[-2:-1] and joined[-2] in _RELATED:
            joined[-2:] = [f"{joined[-2]}inlaw"]
        elif word == "laws" and joined[-1:] == ["in"] and len(joined) > 1:
            joined[-1] = "inlaws"
        elif word != "law" or not joined or not joined[-1].endswith("inlaw"):
            joined.append(word)
    return joined


def cased_tokens(text: str) -> list[str]:
    """The words of a text as written; hyphens separate, initialisms are one word (``T.V.`` is ``TV``)."""
    text = text.translate(_APOSTROPHES)
    text = " ".join(word for word in text.split() if not (word.startswith("-") or word.endswith("-")))
    text = _LETTERS.sub(lambda match: match[0].replace(".", ""), text)
    return _TOKEN_ANY_CASE.findall(text)


_TOKEN_ANY_CASE = re.compile(_TOKEN.pattern, re.IGNORECASE)


@lru_cache(maxsize=50_000)
def _parts(word: str) -> tuple[str, ...]:
    if word in _FILLERS:
        return ()
    if word in _WHOLE:
        return _WHOLE[word]
    if word.endswith("n't") and len(word) > 3:
        return (word[:-3], "not")
    for ending, expanded in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return (word[: -len(ending)], expanded)
    return (word,)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without its inflection: ``dogs`` dog, ``taught`` teach, ``nursing`` and ``nurse`` nurs."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word.endswith("s") and word[:-1] in _BASES:
        return word[:-1]
    if word in _BASES or len(word) <= 3 or not word.isalpha():
        return word
    for ending, least in (
        ("ings", 3),
        ("ing", 3),
        ("ied", 2),
        ("ies", 2),
        ("ed", 3),
        ("ers", 3),
        ("er", 4),
        ("es", 3),
        ("s", 3),
    ):
        root = word[: -len(ending)]
        if not word.endswith(ending) or len(root) < least or (ending == "s" and word.endswith(("ss", "us", "is"))):
            continue
        if ending in ("ied", "ies"):
            return root + "ie" if root + "ie" in _BASES else root + "y"
        if ending == "es" and not root.endswith(("s", "x", "z", "ch", "sh", "o")):
            root += "e"
        return IRREGULAR.get(root, _bare(root))
    return _mute(word)


def _bare(root: str) -> str:
    """Doubled consonants and a silent e at the end go, except where the word is a base of the lists."""
    if root + "e" in _BASES or root in _BASES:
        return root if root in _BASES else root + "e"
    if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "aeiouls":
        return root[:-1]
    return _mute(root)


def _mute(root: str) -> str:
    return root[:-1] if root.endswith("e") and len(root) > 3 else root


_BASES = frozenset(IRREGULAR.values()) | frozenset(
    word for words in (*EQUAL, BROADER, SOFT) for word in words if len(word) > 2
)
"""Words of the lists keep their form, so that a stem can be looked up in them."""


@lru_cache(maxsize=1)
def _groups() -> dict[str, frozenset[int]]:
    groups: dict[str, set[int]] = {}
    for number, group in enumerate(EQUAL):
        for word in group:
            groups.setdefault(stem(word), set()).add(number)
    return {word: frozenset(numbers) for word, numbers in groups.items()}


@lru_cache(maxsize=1)
def _broader() -> dict[str, frozenset[str]]:
    return {stem(general): frozenset(stem(word) for word in special) for general, special in BROADER.items()}


@lru_cache(maxsize=200_000)
def proves(said: str, claimed: str) -> bool:
    """Whether a word that was said supports a word of a fact: the same, another form of it, or one that implies it."""
    if said == claimed:
        return True
    said, claimed = stem(said), stem(claimed)
    if said == claimed or said in _broader().get(claimed, ()):
        return True
    return not _groups().get(said, frozenset()).isdisjoint(_groups().get(claimed, frozenset()))


def any_proves(said: Sequence[str], claimed: str) -> bool:
    """Whether one of several words proves ``claimed``."""
    return any(proves(word, claimed) for word in said)


@lru_cache(maxsize=50_000)
def is_light(word: str) -> bool:
    """Whether a fact may use the word without its having been said."""
    if word in _NO_INFLECTION:
        return False
    return word in STOP or word in SOFT or stem(word) in _LIGHT_STEMS or len(word) == 1


_NO_INFLECTION = frozenset({"evening", "evenings", "wedding", "weddings", "news", "building", "buildings"})
"""What looks like a form of a light word and is none."""
_LIGHT_STEMS = frozenset(stem(word) for word in SOFT)
