"""Pronunciations: the forms of words that transcripts hold, numbers, and letter-to-sound rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.align.pronounce import MAX_PRONUNCIATIONS, VOWELS, pronounce
from fisherprep.align.spelling import LETTER_NAMES, PHONES, sounds
from fisherprep.corpus.normalize import normalize
from fisherprep.numbers import spoken_numbers

Lookup = Callable[[str], str | None]


@pytest.fixture(scope="module")
def entries() -> dict[str, str]:
    """pocketsphinx's dictionary."""
    from pocketsphinx import get_model_path

    with open(get_model_path("en-us/cmudict-en-us.dict"), encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(" ", 1) for line in file)


def said(word: str, lookup: Lookup) -> list[str]:
    return [" ".join(phones) for phones in pronounce(word, lookup)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("school", "S K UW L"),
        ("Don\u2019t", "D OW N T"),
        ("(hello!)", "HH AH L OW"),
        ("b.", "B IY"),
        ("t.v.", "T IY V IY"),
        ("c.e.o.'s", "S IY IY OW Z"),
        ("f.b.i.'ll", "EH F B IY AY AH L"),
        ("a.s", "EY Z"),
        ("n.s", "EH N Z"),
        ("401k", "F AO R OW W AH N K EY"),
        ("mp3", "EH M P IY TH R IY"),
        ("espn2", "IY EH S P IY EH N T UW"),
        ("5.15", "F AY V F IH F T IY N"),
        ("90s", "N AY N T IY Z"),
        ("21st", "T W EH N T IY F ER S T"),
        ("th-", "DH AH"),
        ("r-", "R AH"),
        ("wa-", "W EY"),
        ("-bout", "B AW T"),
        ("-'s", "Z"),
        ("pot-heads", "P AA T HH EH D Z"),
        ("mhm", "M HH M"),
        ("kids'", "K IH D Z"),
        ("kalamazoo's", "K AE L AH M AH Z UW Z"),
        ("roommate'll", "R UW M EY T AH L"),
        ("cheatin'", "CH IY T IH N"),
        ("texted", "T EH K S T AH D"),
        ("scrapbooks", "S K R AE P B UH K S"),
        ("na\u00efve", "N AY IY V"),
        ("brr", "B R"),
        ("dvr", "D IY V IY AA R"),
    ],
)
def test_forms(word: str, expected: str, entries: dict[str, str]) -> None:
    found = said(word, entries.get)
    assert expected in found or expected.replace(" AH D", " IH D") in found, found


def test_a_listed_word_has_the_pronunciations_of_the_dictionary(entries: dict[str, str]) -> None:
    assert said("the", entries.get) == [entries["the"], entries["the(2)"]]


@pytest.mark.parametrize("word", ["", "-", "'", "...", "\u4f60\u597d", "_", "  ", "()"])
def test_nothing_to_say(word: str, entries: dict[str, str]) -> None:
    assert pronounce(word, entries.get) == []


@settings(max_examples=300, deadline=None)
@given(word=st.one_of(st.text(max_size=20), st.from_regex(r"[a-z0-9'.-]{1,15}", fullmatch=True)))
def test_never_fails_and_says_only_phones(word: str, entries: dict[str, str]) -> None:
    for lookup in (entries.get, lambda _: None):
        found = pronounce(word, lookup)
        assert len(found) <= MAX_PRONUNCIATIONS
        assert len(set(found)) == len(found)
        assert all(phones and PHONES.issuperset(phones) for phones in found)
        assert found or not re.search(r"[a-zA-Z0-9]", word)


@given(text=st.text(max_size=60))
def test_every_word_of_a_transcript_with_a_latin_letter_can_be_said(text: str, entries: dict[str, str]) -> None:
    for word in normalize(text):
        assert pronounce(word, entries.get) or not re.search(r"[a-z0-9]", word)


def test_a_dictionary_of_noises_is_not_believed() -> None:
    assert said("cough", lambda _: "+NSN+") == [" ".join(sounds("cough"))]


# -- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("0", ["zero"]),
        ("7", ["seven"]),
        ("10", ["ten"]),
        ("45", ["forty five"]),
        ("007", ["oh oh seven", "zero zero seven"]),
        ("100", ["one hundred"]),
        ("365", ["three hundred sixty five", "three sixty five", "three six five"]),
        ("911", ["nine one one"]),
        ("1900", ["nineteen hundred"]),
        ("1998", ["nineteen ninety eight"]),
        ("2001", ["two thousand one", "twenty oh one"]),
        ("90210", ["nine oh two one oh"]),
        ("250000", ["two hundred fifty thousand"]),
        ("3000000", ["three million"]),
        ("5.15", ["five point one five", "five fifteen"]),
        ("2.0", ["two point oh"]),
        ("1st", ["first"]),
        ("12th", ["twelfth"]),
        ("40th", ["fortieth"]),
        ("16s", ["sixteen s"]),
        ("1234567890123", ["one two three four five six seven eight nine zero one two three"]),
    ],
)
def test_numbers(text: str, ways: list[str]) -> None:
    found = [" ".join(way) for way in spoken_numbers(text)]
    assert set(ways) <= set(found), found


@given(st.from_regex(r"[0-9]{1,14}(\.[0-9]{1,3}){0,2}(st|nd|rd|th|s)?", fullmatch=True))
def test_any_number_can_be_said(text: str) -> None:
    assert all(way and all(word.isalpha() for word in way) for way in spoken_numbers(text))


def test_words_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="expected digits"):
        spoken_numbers("five")


# -- letters to sounds -----------------------------------------------------------------------------------------------


def distance(a: list[str], b: list[str]) -> int:
    """Phones to insert, delete or replace."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        above, row = row, [i]
        for j, y in enumerate(b, start=1):
            row.append(min(above[j - 1] + (x != y), above[j] + 1, row[j - 1] + 1))
    return row[-1]


def test_rules_come_near_the_dictionary(entries: dict[str, str]) -> None:
    words = [word for word in entries if len(word) > 3 and re.fullmatch("[a-z]+", word)]
    wrong = total = wrong_consonants = consonants = 0
    for word in Random(2).sample(words, 1500):
        heard, listed = list(sounds(word)), entries[word].split()
        wrong += distance(heard, listed)
        total += len(listed)
        heard, listed = ([p for p in phones if p not in VOWELS] for phones in (heard, listed))
        wrong_consonants += distance(heard, listed)
        consonants += len(listed)
    assert wrong / total < 0.22
    assert wrong_consonants / consonants < 0.11


@pytest.mark.parametrize(
    ("word", "expected"),
    [("blicket", "B L IH K EH T"), ("droving", "D R OW V IH NG"), ("knoffer", "N AA F ER"), ("glate", "G L EY T"),
     ("phanch", "F AE N CH"), ("quibbly", "K W IH B L IY"), ("stration", "S T R EY SH AH N"),
     ("wrackle", "R AE K AH L")],
)  # fmt: skip
def test_made_up_words(word: str, expected: str) -> None:
    assert " ".join(sounds(word)) == expected


@given(st.text(max_size=30))
def test_sounds_never_fail(text: str) -> None:
    assert PHONES.issuperset(sounds(text))


def test_letter_names_are_those_of_the_dictionary(entries: dict[str, str]) -> None:
    assert {letter: entries[f"{letter}."] for letter in LETTER_NAMES} == LETTER_NAMES
    assert all(ord(b) == ord(a) + 1 for a, b in pairwise(LETTER_NAMES))
