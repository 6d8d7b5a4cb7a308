"""Pronunciations of other accents: what they change, and what they leave."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fisherprep.align.accents import with_accents
from fisherprep.align.spelling import PHONES

PHONE = st.sampled_from(sorted(PHONES))


def accented(phones: str) -> set[str]:
    return {" ".join(form) for form in with_accents([tuple(phones.split())])[1:]}


def test_r_is_kept_before_vowels_alone() -> None:
    assert "K AA" in accented("K AA R")
    assert "DH EH AH" in accented("DH EH R")
    assert "V EH R IY" not in accented("V EH R IY")  # what is said already is not said twice
    assert not accented("R EH D")


def test_nurse_has_a_vowel_and_r_or_a_vowel_alone() -> None:
    assert {"F AH S T", "F EH R S T"} <= accented("F ER S T")
    assert "HH AH R IH NG" in accented("HH ER IH NG")


def test_th_may_be_a_stop() -> None:
    assert {"D AE T"} <= accented("DH AE T")
    assert {"T AH D IY"} <= accented("TH ER D IY")


def test_goat_and_lot() -> None:
    assert "T AH UH L D" in accented("T OW L D")
    assert "N AO T" in accented("N AA T")
    assert "S T AO T" not in accented("S T AA R T")


@given(st.lists(st.lists(PHONE, min_size=1, max_size=8).map(tuple), min_size=1, max_size=6, unique=True))
def test_those_given_come_first_and_none_twice(said: list[tuple[str, ...]]) -> None:
    found = with_accents(said)
    assert found[: len(said)] == said
    assert len(set(found)) == len(found)
    assert all(form and PHONES.issuperset(form) for form in found)
