"""The text row: the Moshi paper's rule on small cases by hand, and its invariants on random words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.codec.text_stream import frame_of, text_stream
from fisherprep.schema import TEXT_EPAD, TEXT_PAD

P, E = TEXT_PAD, TEXT_EPAD


def spell(word: str) -> list[int]:
    """A stand-in tokenizer: one token per letter, never below 10."""
    return [10 + ord(letter) - ord("a") for letter in word]


def row(words, num_frames):
    return text_stream(words, num_frames, spell).tokens.tolist()


def test_a_word_has_epad_before_it_and_its_tokens_from_its_start_frame():
    assert row([("abc", 0.24)], 8) == [P, P, E, 10, 11, 12, P, P]


def test_start_is_floored_to_the_frame_that_holds_it():
    assert row([("a", 0.319)], 5) == [P, P, E, 10, P]


def test_a_word_in_the_first_frame_leaves_it_to_epad_and_shifts_by_one():
    stream = text_stream([("ab", 0.0), ("c", 0.32)], 6, spell)
    assert stream.tokens.tolist() == [E, 10, 11, E, 12, P]
    assert stream.shifted == 2
    assert text_stream([("ab", 0.08)], 6, spell).shifted == 0


def test_epad_never_overwrites_an_earlier_words_token():
    assert row([("abc", 0.08), ("d", 0.32)], 6) == [E, 10, 11, 12, 13, P]


def test_a_colliding_word_waits_for_the_next_free_frame_and_nothing_is_lost():
    stream = text_stream([("abcd", 0.08), ("ef", 0.16), ("g", 0.8)], 12, spell)
    assert stream.tokens.tolist() == [E, 10, 11, 12, 13, 14, 15, P, P, E, 16, P]
    assert stream.shifted == 2


def test_tokens_past_the_end_move_back_only_as_far_as_needed():
    stream = text_stream([("a", 0.08), ("bcd", 0.56)], 8, spell)
    assert stream.tokens.tolist() == [E, 10, P, P, E, 11, 12, 13]
    assert stream.shifted == 3


def test_a_full_row_gives_up_every_epad_before_any_token():
    assert row([("ab", 0.0), ("cde", 0.1)], 5) == [10, 11, 12, 13, 14]
    assert row([("ab", 5.0), ("cde", 9.0)], 6) == [E, 10, 11, 12, 13, 14]


def test_more_tokens_than_frames_is_an_error():
    with pytest.raises(ValueError, match="5 text tokens for 4 frames"):
        row([("ab", 0.0), ("cde", 0.1)], 4)


def test_no_words_is_all_pad():
    assert row([], 3) == [P, P, P]
    assert row([("", 0.1)], 3) == [P, P, P]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_start_that_is_no_time_is_an_error(bad):
    with pytest.raises(ValueError, match="finite"):
        row([("a", bad)], 4)


def test_a_tokenizer_that_cannot_write_a_word_is_an_error():
    with pytest.raises(ValueError, match="PAD and EPAD"):
        text_stream([("x", 0.5)], 10, lambda word: [7, E])


def test_frames_of_times_written_in_decimals():
    hundredths = np.arange(70_000)
    assert [frame_of(k / 100) for k in hundredths] == (hundredths * 125 // 1000).tolist()


WORDS = st.lists(st.tuples(st.text("abcdefgh", min_size=1, max_size=7), st.integers(0, 1200)), max_size=25).map(
    lambda items: sorted(((w, ms / 100) for w, ms in items), key=lambda item: item[1])
)


@given(WORDS, st.integers(0, 160), st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_token_once_in_order_epad_only_before_a_word(words, frames, tight):
    total = sum(len(w) for w, _ in words)
    num_frames = total + (0 if tight else frames)
    stream = text_stream(words, num_frames, spell)
    tokens = stream.tokens
    assert tokens.dtype == np.int16 and tokens.shape == (num_frames,)
    spoken = tokens[(tokens != P) & (tokens != E)].tolist()
    assert spoken == [t for w, _ in words for t in spell(w)]

    positions = np.flatnonzero((tokens != P) & (tokens != E))
    heads, at = [], 0
    for word, _ in words:  # a word's tokens are neighbours
        assert np.all(np.diff(positions[at : at + len(word)]) == 1)
        heads.append(int(positions[at]))
        at += len(word)
    epads = np.flatnonzero(tokens == E).tolist()
    assert set(epads) <= {head - 1 for head in heads}
    # EPAD is missing only where the frame before the word is another word's, or there is none
    assert {h - 1 for h in heads if h > 0 and tokens[h - 1] == P} == set()
    on_time = [h == frame_of(s) for h, (_, s) in zip(heads, words, strict=True)]
    assert stream.shifted == sum(len(w) for (w, _), ok in zip(words, on_time, strict=True) if not ok)


@given(WORDS)
@settings(max_examples=100, deadline=None)
def test_with_room_at_the_end_no_word_is_early_and_late_words_are_packed(words):
    tokens = text_stream(words, 2000, spell).tokens
    free = 1
    for word, start_s in words:  # the paper's rule, told as a reading of the row
        at = max(frame_of(start_s), free)
        assert tokens[at : at + len(word)].tolist() == spell(word)
        free = at + len(word)
