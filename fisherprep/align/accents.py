"""Other accents' pronunciations of words for which the dictionary has American ones.

Fisher's speakers come from all of the United States and from elsewhere. A word whose vowels or ``th`` the model does
not find is pulled to where it fits less badly, often over the pause before it; the words around it follow. So each
pronunciation is offered in other accents too, a whole word at a time. Vowels go by the names of Wells's lexical sets
(Accents of English, 1982), in the nearest phones that the model has:

===================  ==============================================================================================
without r            r only before vowels, NURSE and letter a schwa, GOAT from a schwa, LOT rounded (England, the
                     Caribbean, parts of New England and New York)
with stops for th    THINK as *tink*, THEY as *dey* (the Caribbean, African American English, New York, many learners)
Scottish             NURSE with a vowel and r, TRAP open, LOT rounded
===================  ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Pronunciation = tuple[str, ...]

ACCENTED = 2
"""How many of a word's pronunciations, the likeliest, are given in other accents."""
_STOPS = {"TH": ("T",), "DH": ("D",)}
_SCOTTISH = {"ER": ("EH", "R"), "AE": ("AA",), "AA": ("AO",)}
_VOWEL_LETTERS = frozenset("AEIOU")


def with_accents(said: Sequence[Pronunciation]) -> list[Pronunciation]:
    """The pronunciations given, and after them those of other accents, each once."""
    found = list(said)
    for phones in said[:ACCENTED]:
        without_r = _without_r(phones)
        found += [without_r, _changed(phones, _SCOTTISH), _changed(without_r, _STOPS), _changed(phones, _STOPS)]
    return list(dict.fromkeys(found))


def _changed(phones: Iterable[str], changes: Mapping[str, tuple[str, ...]]) -> Pronunciation:
    return tuple(other for phone in phones for other in changes.get(phone, (phone,)))


def _without_r(phones: Pronunciation) -> Pronunciation:
    said: list[str] = []
    for i, phone in enumerate(phones):
        before = phones[i - 1] if i else ""
        after = phones[i + 1] if i + 1 < len(phones) else ""
        vowel_follows = after[:1] in _VOWEL_LETTERS
        if phone == "R" and before and not vowel_follows:
            said += ["AH"] if before in ("EH", "IH", "UH") else []
        elif phone == "ER":
            said += ["AH", "R"] if vowel_follows else ["AH"]
        elif phone == "OW":
            said += ["AH", "UH"]
        elif phone == "AA" and after != "R":
            said.append("AO")
        else:
            said.append(phone)
    return tuple(said)
