"""Which words are plain English: the NIH's SPECIALIST lexicon, as the package lemminflect carries it.

It knows common nouns, verbs and adjectives and next to no names, so what it does not know may be one.
"""

from __future__ import annotations

from functools import lru_cache

from fisherprep.label.grounding.names import FIRST_NAMES


@lru_cache(maxsize=50_000)
def parts_of_speech(word: str) -> frozenset[str]:
    """``NOUN``, ``VERB``, ``ADJ``, ``ADV``: what a word of lower case can be; empty where the lexicon lacks it."""
    from lemminflect import getAllLemmas

    return frozenset(getAllLemmas(word))


def in_dictionary(word: str) -> bool:
    """Whether a word of lower case is plain English and no first name; ``'s`` and ``s'`` at its end do not count."""
    word = word.removesuffix("'s").removesuffix("'")
    return word not in FIRST_NAMES and bool(parts_of_speech(word))
