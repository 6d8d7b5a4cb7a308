"""Written words: capitals, initialisms and sentence marks by rule, and what is never changed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.codec.truecase import LONG_PAUSE_S, SHORT_PAUSE_S, Spoken, truecase


def written(*turns):
    """Turns as (text, start_s, end_s), or texts far from each other; returns texts."""
    spoken = [(t, 100.0 * i, 100.0 * i + 1) if isinstance(t, str) else t for i, t in enumerate(turns)]
    return [" ".join(words) for words in truecase([Spoken(text.split(), *times) for text, *times in spoken])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yeah", "Yeah."),
        ("mm-hm", "Mm-hm."),
        ("so i think i'm right and i'll say i've said it", "So I think I'm right and I'll say I've said it."),
        ("i- i said it", "I- I said it."),
        ("we saw karen's americans on friday", "We saw Karen's Americans on Friday."),
        ("she's from new york city not new orleans", "She's from New York City not New Orleans."),
        ("a new car in the city", "A new car in the city."),
        ("t.v. at four p.m.", "TV at four p.m."),
        ("u.c.l.a.'s c.d.s are a.s", "UCLA's CDs are A's."),
        ("it's b. or c.", "It's B or C."),
        ("the 401k is 5.15", "The 401k is 5.15."),
        ("'cause why", "'Cause why."),
        ("i don't th-", "I don't th-"),
        ("-bout time", "-bout time."),
        ("well it was the", "Well it was the"),
        ("okay ok", "Okay OK."),
    ],
)
def test_words_are_written_as_base_models_write_them(text, expected):
    assert written(text) == [expected]


@pytest.mark.parametrize(
    "text",
    ["what", "so what's your name", "do you have kids", "well um did they", "how many dogs", "what kind of dog is it",
     "where are you from", "isn't it", "you like it don't you", "how about you", "hi how are you", "do uh you e- eat"],
)  # fmt: skip
def test_questions(text):
    assert written(text)[0].endswith("?")


@pytest.mark.parametrize(
    "text",
    ["what i mean is that one", "when i was young", "do the dishes", "who knows", "how nice", "yeah i do",
     "do you " + "really " * 20 + "know"],
)  # fmt: skip
def test_no_questions(text):
    assert written(text)[0].endswith(".")


def test_a_turn_after_a_short_pause_goes_on_with_the_sentence():
    assert written(("i went", 0, 1), ("to school", 1 + SHORT_PAUSE_S, 3)) == ["I went", "to school."]
    assert written(("i went", 0, 1), ("to school", 1.1 + SHORT_PAUSE_S, 3)) == ["I went.", "To school."]


def test_an_unfinished_turn_waits_longer_and_then_stays_without_a_mark():
    assert written(("i like the", 0, 1), ("dog", 1 + LONG_PAUSE_S, 9)) == ["I like the", "dog."]
    assert written(("i like th-", 0, 1), ("the dog", 1.1 + LONG_PAUSE_S, 9)) == ["I like th-", "The dog."]


def test_a_question_over_two_turns_has_its_mark_at_the_end():
    assert written(("so where", 0, 1), ("do you live", 1.2, 3)) == ["So where", "do you live?"]


@pytest.mark.parametrize("text", ["Hi, can I get a latte?", "that's four fifty, please", "Sure", "great.", "ok; then"])
def test_what_someone_wrote_is_left_as_it_is(text):
    assert written(("yeah", 0, 1), (text, 1.1, 2), ("mm-hm", 2.1, 3)) == ["Yeah.", text, "Mm-hm."]


def test_no_turns_and_turns_without_words():
    assert truecase([]) == []
    assert written("", "yeah", "") == ["", "Yeah.", ""]


TURNS = st.lists(
    st.tuples(
        st.lists(
            st.one_of(
                st.sampled_from(["i", "i'm", "the", "new", "york", "t.v.", "b.", "a.s", "th-", "401k", "do", "you"]),
                st.text("abi'-.é1", min_size=1, max_size=5).filter(lambda w: re.search(r"\w", w)),
            ),
            max_size=6,
        ),
        st.integers(0, 500),
    ),
    max_size=8,
)  # fmt: skip


@given(TURNS)
@settings(max_examples=300, deadline=None)
def test_no_word_is_lost_or_becomes_another(turns):
    spoken, at_s = [], 0.0
    for words, pause in turns:
        spoken.append(Spoken(words, at_s + pause / 100, at_s + pause / 100 + 1))
        at_s = spoken[-1].end_s
    result = truecase(spoken)
    assert truecase(spoken) == result
    assert [len(words) for words in result] == [len(turn.words) for turn in spoken]

    def bare(word):
        return re.sub(r"[^\w-]", "", word).lower()

    for turn, words in zip(spoken, result, strict=True):
        assert [bare(word) for word in words] == [bare(word) for word in turn.words]
    again = [Spoken(words, turn.start_s, turn.end_s) for words, turn in zip(result, spoken, strict=True)]
    for turn, words in zip(again, truecase(again), strict=True):
        if any(word != word.lower() for word in turn.words):
            assert words == turn.words
