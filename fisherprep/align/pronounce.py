"""How a word of a transcript may have been said, in the phones of the acoustic model.

Words come as ingest leaves them (``fisherprep.corpus.normalize``) or as a script has them; case and punctuation around
them are ignored. What each form gives:

==========================================  =====================================================================
form                                        pronunciations
==========================================  =====================================================================
``the``, ``i'm``, ``b.``                    those of the dictionary, and those of `_SPOKEN` for interjections
``t.v.``, ``c.e.o.'s``, ``a.s``             names of the letters, and the ending
``401k``, ``90210``, ``1995``, ``5.15``     number, digits, pairs of digits; letters by name or as a word
``3rd``, ``90s``                            ordinal, plural
``th-``                                     the sounds of its letters, with and without a vowel after them
``-bout``, ``-'s``                          as the word without its dash
``pot-heads``                               its parts
``kids'``, ``karen'll``, ``goin'``          the stem and the ending
``texted``, ``scrapbooking``                stem and ending, or two words, where the dictionary has those
``hmmm``, ``brr``, ``nyc``                  its consonants, and the names of its letters
any other                                   letter-to-sound rules (`fisherprep.align.spelling`)
==========================================  =====================================================================
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import islice, product

from fisherprep.align.spelling import LETTER_NAMES, PHONES, sounds
from fisherprep.numbers import spoken_numbers

Pronunciation = tuple[str, ...]
Lookup = Callable[[str], str | None]
"""The dictionary: an entry's phones, separated by spaces; a word's further ones are under ``word(2)``, ``word(3)``."""

MAX_PRONUNCIATIONS = 6
MAX_LETTERS = 64
"""Letters of a word beyond these are not read: no one says so much in one word."""
VOWELS = frozenset(p for p in PHONES if p[0] in "AEIOU")
INITIALISM = re.compile(r"((?:[a-z]\.)+[a-z]?)('?s|'d|'ll|'re|'ve)?-?")
"""Letters with a dot after each, but perhaps the last; then an ending."""
DIGIT_RUNS = re.compile(r"[0-9]+(?:\.[0-9]+)*(?:st|nd|rd|th|s)?(?![a-z0-9])|[0-9]+(?:\.[0-9]+)*|[a-z]+")
"""What a word with digits is made of: numbers, with an ending where the word ends, and letters."""

_SPOKEN = {
    "hm": "HH M", "hmm": "HH M", "mhm": "M HH M|AH M HH AH M", "mm": "M", "mm-hm": "M HH M|AH M HH AH M",
    "mm-hmm": "M HH M|AH M HH AH M", "uh-huh": "AH HH AH|AH N HH AH", "huh-uh": "HH AH AH", "uh-uh": "AH AH",
    "um-hum": "AH M HH AH M|M HH M", "nuh-uh": "N AH AH", "'s": "S|Z|AH Z", "shh": "SH", "psst": "P S T",
    "um": "AH M|M",
}  # fmt: skip
"""Interjections whose spelling says little, or of which the dictionary lacks a common form."""


def pronounce(word: str, lookup: Lookup) -> list[Pronunciation]:
    """The pronunciations of a word, likeliest first: at most `MAX_PRONUNCIATIONS`, each of one phone or more.

    Never fails. Empty only for a word without a Latin letter or digit.

    Args:
        word: one item of a turn's words.
        lookup: the dictionary.
    """
    plain = _plain(word)
    found = _said(plain, lookup) or _by_spelling(re.sub(r"[^a-z]", "", plain))
    return _distinct(found)


def _plain(word: str) -> str:
    """Lower case, accents folded, nothing but letters, digits and ``' - .`` left."""
    word = word[:MAX_LETTERS].replace("\u2019", "'").lower()
    word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9'.-]", "", word.replace("ß", "ss").replace("æ", "ae").replace("ø", "o"))


def _said(word: str, lookup: Lookup) -> list[Pronunciation]:
    """By the first form that fits; empty where none does."""
    undashed, bare = word.strip(".-"), word.strip("'.-")
    return (
        _listed(word, lookup)
        or _initialism(word)
        or _partial(word, lookup)
        or _listed(undashed, lookup)
        or _with_digits(bare, lookup)
        or _with_ending(word, lookup)
        or _joined(bare, lookup)
        or (_said(bare, lookup) if bare and bare != word else [])
    )


def _listed(word: str, lookup: Lookup) -> list[Pronunciation]:
    """What the dictionary and `_SPOKEN` hold for exactly this word."""
    found = _SPOKEN[word].split("|") if word in _SPOKEN else []
    number, entry = 2, lookup(word) if word else None
    while entry and number <= MAX_PRONUNCIATIONS + 1:
        found.append(entry)
        entry = lookup(f"{word}({number})")
        number += 1
    return [tuple(p.split()) for p in found if PHONES.issuperset(p.split())]


def _initialism(word: str) -> list[Pronunciation]:
    """``t.v.``, ``c.e.o.'s``, ``a.s``: a dot after every letter, but perhaps the last."""
    match = INITIALISM.fullmatch(word)
    if not match:
        return []
    spelled, ending = match.groups()
    names = _letter_names(spelled)
    if re.fullmatch(r"[a-z]\.s", word):
        return [_plural(_letter_names(word[0])), names]
    return [_ENDINGS[ending](names)] if ending else [names]


def _letter_names(letters: str) -> Pronunciation:
    return tuple(phone for letter in letters if letter in LETTER_NAMES for phone in LETTER_NAMES[letter].split())


def _partial(word: str, lookup: Lookup) -> list[Pronunciation]:
    """``th-``: broken off. A consonant at its end may be let go of with a vowel; a vowel there may be long or short."""
    if not re.fullmatch(r"[a-z'.]*[a-z]'?-+", word):
        return []
    start = word.strip("'.-")
    heard = sounds(start) or _letter_names(start)
    if start[-1] in _LAST_VOWEL:
        onset = heard[:-1] if heard[-1] in VOWELS else heard
        said = [(*onset, *vowel.split()) for vowel in _LAST_VOWEL[start[-1]]]
    else:
        said = [heard, (*heard, "AH")]
    if start.endswith("th"):
        said += [tuple("DH" if p == "TH" else p for p in form) for form in said]
    whole = _listed(start, lookup)[:2] if re.search(r"[aeiouy]", start) else []
    return [*whole, *said]


_LAST_VOWEL = {
    "a": ("AE", "EY", "AH"), "e": ("EH", "IY"), "i": ("IH", "AY"), "o": ("OW", "AA", "AH"),
    "u": ("AH", "UW", "Y UW"), "y": ("Y AH", "AY", "IY"),
}  # fmt: skip


def _with_digits(word: str, lookup: Lookup) -> list[Pronunciation]:
    """``401k``, ``1995``, ``5.15``, ``3rd``: runs of digits as numbers, runs of letters by name or as a word."""
    if not re.search(r"[0-9]", word):
        return []
    runs = DIGIT_RUNS.findall(word)
    return _in_a_row(_number(run, lookup) if run[0].isdigit() else _letters_beside_digits(run, lookup) for run in runs)


def _number(run: str, lookup: Lookup) -> list[Pronunciation]:
    said = []
    for words in spoken_numbers(run):
        ending = words[-1] == "s"
        parts = words[:-1] if ending else words
        phones = tuple(p for part in parts for p in (_listed(part, lookup) or [sounds(part)])[0])
        said.append(_plural(phones) if ending else phones)
    return said


def _letters_beside_digits(run: str, lookup: Lookup) -> list[Pronunciation]:
    names = _letter_names(run)
    return [names] if len(run) < 3 else [*_listed(run, lookup)[:1], names]


def _in_a_row(parts: Iterable[list[Pronunciation]]) -> list[Pronunciation]:
    """Every combination, the likeliest of each part first."""
    combined = islice(product(*parts), MAX_PRONUNCIATIONS)
    return [tuple(phone for part in parts for phone in part) for parts in combined]


def _plural(stem: Pronunciation) -> Pronunciation:
    if stem[-1] in ("S", "Z", "SH", "ZH", "CH", "JH"):
        return (*stem, "AH", "Z")
    return (*stem, "S" if stem[-1] in ("P", "T", "K", "F", "TH") else "Z")


def _past(stem: Pronunciation) -> Pronunciation:
    if stem[-1] in ("T", "D"):
        return (*stem, "AH", "D")
    return (*stem, "T" if stem[-1] in ("P", "K", "F", "TH", "S", "SH", "CH") else "D")


def _adding(phones: str) -> Callable[[Pronunciation], Pronunciation]:
    return lambda stem: (*stem, *phones.split())


_ENDINGS: dict[str, Callable[[Pronunciation], Pronunciation]] = {
    "'s": _plural, "s'": _plural, "'d": _past, "n't": _adding("AH N T"), "'ll": _adding("AH L"), "'re": _adding("ER"),
    "'ve": _adding("AH V"), "'m": _adding("AH M"), "in'": _adding("IH N"), "'": _adding(""),
    "ings": _adding("IH NG Z"), "ing": _adding("IH NG"), "ness": _adding("N AH S"), "less": _adding("L AH S"),
    "ish": _adding("IH SH"), "able": _adding("AH B AH L"), "ly": _adding("L IY"), "ers": _adding("ER Z"),
    "er": _adding("ER"), "ed": _past, "es": _plural, "y": _adding("IY"), "s": _plural,
}  # fmt: skip


def _with_ending(word: str, lookup: Lookup) -> list[Pronunciation]:
    """``karen'll``, ``texted``: an ending after a stem. With an apostrophe any stem will do, else a listed one."""
    for ending, add in _ENDINGS.items():
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < 2:
            continue
        if "'" in ending:
            base = _listed(stem, lookup) or _said(stem, lookup) or _by_spelling(re.sub(r"[^a-z]", "", stem))
        else:
            base = next((said for form in _stems(stem) if (said := _listed(form, lookup))), [])
        if base:
            return [add(form) for form in base]
    return []


def _stems(stem: str) -> list[str]:
    """The stem as the dictionary may spell it: ``bak`` is bake, ``batt`` bat, ``carri`` carry."""
    forms = [stem, stem + "e"] if len(stem) > 2 else []
    if len(stem) > 3 and stem[-1] == stem[-2]:
        forms.append(stem[:-1])
    return [*forms, stem[:-1] + "y"] if len(stem) > 2 and stem[-1] == "i" else forms


def _joined(word: str, lookup: Lookup) -> list[Pronunciation]:
    """``pot-heads``: its parts; ``scrapbooking``: two words of the dictionary, as equal in length as can be."""
    if parts := [part for part in re.split(r"[-.]+", word) if part]:
        if len(parts) > 1:
            return _in_a_row(pronounce(part, lookup) for part in parts)
        for cut in sorted(range(3, len(word) - 2), key=lambda at: abs(2 * at - len(word))):
            left = _listed(word[:cut], lookup)
            if left and (right := _listed(word[cut:], lookup) or _with_ending(word[cut:], lookup)):
                return _in_a_row([left[:2], right[:2]])
    return []


def _by_spelling(letters: str) -> list[Pronunciation]:
    heard, names = sounds(letters), _letter_names(letters)
    if len(letters) == 1 or not heard:
        return [names] if names else []
    if re.search(r"[aeiouy]", letters) or len(letters) > 5:
        return [heard]
    return [heard, names]


def _distinct(found: list[Pronunciation]) -> list[Pronunciation]:
    return list(dict.fromkeys(form for form in found if form))[:MAX_PRONUNCIATIONS]
