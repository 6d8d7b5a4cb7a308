"""Candidate voice prompts: which spans qualify, how they are ranked and spread, and that they sound like one side."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.codec.voice import BLOCK_S, MAX_S, MIN_S, WINDOW_S, block_powers, candidates


def turn(number, side, start_s, end_s, *flags, text="hello there"):
    return {"turn": number, "side": side, "start_s": start_s, "end_s": end_s, "flags": list(flags), "text": text}


def words_of(turns, length_s=0.5, method="pocketsphinx"):
    """Words one after the other from a turn's start to its end."""
    return [
        {"side": t["side"], "turn": t["turn"], "start_s": s, "end_s": min(s + length_s, t["end_s"]), "method": method}
        for t in turns
        for s in np.arange(t["start_s"], t["end_s"] - 0.01, length_s)
    ]


def powers_of(turns, seconds, quiet=1e-7):
    """What the channels' blocks would be if every turn were as loud as -20 dBFS."""
    powers = np.full((2, round(seconds / BLOCK_S)), quiet)
    for t in turns:
        powers["ab".index(t["side"]), int(t["start_s"] / BLOCK_S) : int(np.ceil(t["end_s"] / BLOCK_S))] = 1e-2
    return powers


def spans(turns, side="a", words=None, powers=None, **more):
    words = words_of(turns) if words is None else words
    powers = powers_of(turns, max([t["end_s"] for t in turns], default=0) + 20) if powers is None else powers
    return [(c.start_s, c.end_s) for c in candidates(side, turns, words, powers, **more)]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([turn(0, "a", 1, 5), turn(1, "b", 6, 9)], [(0.9, 5.1)]),
        ([turn(0, "a", 1, 4), turn(1, "a", 4.7, 7)], [(0.9, 7.1)]),  # a short pause joins
        ([turn(0, "a", 1, 4), turn(1, "a", 5, 7)], [(0.9, 4.1), (4.9, 7.1)]),  # a long one does not
        ([turn(0, "a", 0.5, 15.5)], [(0.4, 10.0), (10.0, 15.6)]),  # cut between words
        ([turn(0, "a", 0.5, 9), turn(1, "b", 3, 4)], [(4.4, 9.1), (0.4, 2.6)]),  # without what is overlapped
        ([turn(0, "a", 0, 3), turn(1, "b", 1, 2)], []),  # nothing of 2 s is left
        ([turn(0, "a", 0.5, 6, "uncertain"), turn(1, "a", 10, 13)], [(9.9, 13.1)]),
        ([turn(0, "a", 0.5, 6, "guessed_times")], []),
        ([turn(0, "a", 0.5, 6, text="so [laughter] yes")], []),
        ([turn(0, "a", 0.5, 6, text="so <noise> yes")], []),
        ([turn(0, "a", 0.5, 6, text="so [uh] yes [um]")], [(0.4, 6.1)]),  # fillers are words
        ([turn(0, "a", 0.5, 6), turn(1, "b", 3, 4, text="[laughter]")], [(0.4, 2.6)]),
        ([turn(0, "b", 0, 6)], []),
        ([], []),
    ],
)  # fmt: skip
def test_spans_are_one_sides_undisturbed_speech(turns, expected):
    assert spans(turns) == [pytest.approx(span) for span in expected]


def test_words_that_were_not_heard_where_others_speak_or_nobody_knows_what_give_no_voice():
    turns = [turn(0, "a", 0.5, 6), turn(1, "a", 10, 13)]
    guessed = [w | {"method": "proportional" if w["turn"] == 0 else "ctc"} for w in words_of(turns)]
    assert spans(turns, words=guessed) == [pytest.approx((9.9, 13.1))]
    assert spans(turns, unsure=[(2.0, 4.0)]) == [pytest.approx((9.9, 13.1))]


def test_a_channel_that_is_silent_or_not_far_above_the_other_is_no_voice():
    turns = [turn(0, "a", 0.5, 6), turn(1, "a", 10, 13)]
    powers = powers_of(turns, 20)
    powers[1, :80] = 1e-3  # 10 dB below, where 15 are asked for: an echo, or speech that nobody wrote down
    assert spans(turns, powers=powers) == [pytest.approx((9.9, 13.1))]
    assert spans(turns, powers=powers[::-1]) == [], "sides are swapped"
    assert spans(turns, powers=powers * 1e-5) == [], "too soft to be heard"


def test_the_longest_comes_first_and_no_more_than_asked_for():
    turns = [turn(i, "a", 20 * i + 1, 20 * i + 3 + i) for i in range(6)]
    found = spans(turns, count=3)
    assert found == [pytest.approx((20 * i + 0.9, 20 * i + 3.1 + i)) for i in (5, 4, 3)]
    assert spans(turns, count=0) == []
    assert len(spans(turns, count=1)) == 1


def test_two_are_a_window_apart_where_the_call_has_such():
    turns = [turn(i, "a", 20 * i + 1, 20 * i + 10) for i in range(6)] + [turn(6, "a", 400, 402.5)]
    found = spans(turns)
    assert any(abs(one[0] - other[1]) > WINDOW_S for one, other in combinations(found, 2))
    assert len(found) == 4 and found[-1] == pytest.approx((399.9, 402.6)), "the best first"


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_the_turns_candidates_are_clean(data):
    """Against a check of its own: no other turn or word of the call comes near, no two share sound."""
    turns, start_s = [], 0.0
    for number in range(data.draw(st.integers(0, 25))):
        start_s += data.draw(st.floats(0, 12))
        length_s = data.draw(st.floats(0.1, 25))
        flags = data.draw(st.sampled_from([(), (), (), ("uncertain",)]))
        turns.append(turn(number, data.draw(st.sampled_from("ab")), start_s, start_s + length_s, *flags))
    duration_s = max([t["end_s"] for t in turns], default=0) + 1
    powers = powers_of([t for t in turns if t["side"] == "a"], duration_s)
    found = candidates("a", turns, words_of(turns), powers, count=8)
    assert len(found) <= 8
    for one in found:
        assert one.start_s >= 0 and one.end_s <= duration_s and MIN_S <= one.length_s <= MAX_S + 1e-6
        for t in turns:
            if t["side"] == "b" or t["flags"]:
                assert t["end_s"] <= one.start_s + 0.1001 or t["start_s"] >= one.end_s - 0.1001
    for one, other in combinations(found, 2):
        assert one.end_s <= other.start_s or other.end_s <= one.start_s


def test_powers_are_mean_squares_of_whole_blocks():
    samples = np.zeros((2, 24_000 + 7), np.float32)
    samples[0, :2400] = 0.5
    powers = block_powers(samples)
    assert powers.shape == (2, 10) and powers[0, 0] == pytest.approx(0.25) and powers[0, 1:].max() == 0
    assert block_powers(samples[:, :100]).shape == (2, 0)
