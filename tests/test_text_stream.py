"""The text row: the Moshi paper's rule by hand and against Kyutai's code, masks, and invariants on random words."""

import io

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.codec.spell import word_speller
from fisherprep.codec.text_stream import Unknown, frame_of, text_stream
from fisherprep.schema import MASKED, TEXT_EPAD, TEXT_PAD

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


TIMES = st.one_of(st.integers(0, 1200), st.integers(0, 30), st.integers(1170, 1200), st.sampled_from([0, 8, 400, 401]))
"""Hundredths of a second: anywhere, crowded at both ends, and at the same instant."""
WORDS = st.lists(st.tuples(st.text("abcdefgh", min_size=1, max_size=7), TIMES), max_size=25).map(
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


# -- Kyutai's interleaver --------------------------------------------------------------------------------------------

SENTENCE = [("hi", 0.25), ("there", 0.5), ("b", 1.03), ("cd", 1.19), ("abc", 1.77), ("z", 2.39)]
KYUTAI = [
    3, 3, 0, 17, 18, 0, 29, 17, 14, 27, 14, 0, 11, 0, 12, 13, 3, 3, 3, 3, 3, 0, 10, 11, 12, 3, 3, 3, 0, 35, 3, 3
]  # fmt: skip
"""What kyutai-labs/moshi-finetune (finetune/data/interleaver.py, ``Interleaver(..., keep_main_only=True)``) makes of
SENTENCE with ``spell``; its ``keep_and_shift=True`` gives the same."""


def test_where_no_words_collide_the_row_is_that_of_kyutais_interleaver():
    stream = text_stream(SENTENCE, 32, spell)
    assert stream.tokens.tolist() == KYUTAI
    assert stream.shifted == 0


def test_where_words_collide_kyutais_default_drops_tokens_and_its_keep_and_shift_row_is_ours():
    words = [("abcd", 0.3), ("ef", 0.4), ("g", 1.5)]
    dropping = [3, 3, 0, 10, 11, 14, 15, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 16, 3, 3, 3]
    keeping = [3, 3, 0, 10, 11, 12, 13, 14, 15, 3, 3, 3, 3, 3, 3, 3, 3, 0, 16, 3, 3, 3]
    stream = text_stream(words, 22, spell)
    assert stream.tokens.tolist() == keeping != dropping
    assert stream.shifts.tolist() == [0, 0, 0, 0, 2, 2, 0]


def test_a_word_in_the_first_frame_follows_the_paper_where_kyutais_interleaver_has_no_epad():
    kyutai = [10, 11, 3, 3, 3, 0, 12, 3, 3, 3]
    assert row([("ab", 0.01), ("c", 0.5)], 10) == [E, 10, 11, P, P, E, 12, P, P, P] != kyutai


# -- spans whose text is unknown -------------------------------------------------------------------------------------

M = MASKED


def test_every_frame_that_an_unknown_span_touches_is_masked():
    stream = text_stream([("ab", 0.8)], 15, spell, [Unknown(0.15, 0.33, "low_score")])
    assert stream.tokens.tolist() == [P, M, M, M, M, P, P, P, P, E, 10, 11, P, P, P]
    assert stream.masked == {"low_score": 4} and not stream.left_out


def test_a_span_of_whole_frames_masks_no_frame_more():
    assert row_with([], 6, Unknown(0.16, 0.32, "x")) == [P, P, M, M, P, P]


def row_with(words, num_frames, *unknown):
    return text_stream(words, num_frames, spell, unknown).tokens.tolist()


def test_words_that_begin_in_a_span_are_left_out_and_others_keep_their_tokens_and_epad():
    words = [("abcd", 0.16), ("xyz", 0.4), ("e", 0.8), ("f", 1.2)]
    stream = text_stream(words, 16, spell, [Unknown(0.24, 0.8, "not_found")])
    assert stream.tokens.tolist() == [P, E, 10, 11, 12, 13, M, M, M, E, 14, P, P, P, E, 15]
    assert stream.left_out == {"not_found": 1} and stream.masked == {"not_found": 3}


def test_a_word_at_a_spans_first_instant_is_in_it_and_one_at_its_end_is_not():
    stream = text_stream([("ab", 2.32), ("cd", 2.72)], 40, spell, [Unknown(2.32, 2.72, "uncertain")])
    assert stream.left_out == {"uncertain": 1}
    assert stream.tokens[28:37].tolist() == [P, M, M, M, M, E, 12, 13, P]


def test_spans_may_overlap_and_run_past_the_audio():
    unknown = [Unknown(0.3, 0.5, "low_score"), Unknown(0.4, 9.0, "untranscribed"), Unknown(20.0, 30.0, "uncertain")]
    stream = text_stream([("a", 0.45), ("b", 0.6)], 10, spell, unknown)
    assert stream.tokens.tolist() == [P, P, P] + [M] * 7
    assert stream.masked == {"low_score": 4, "untranscribed": 3}
    assert stream.left_out == {"low_score": 1, "untranscribed": 1}


SPANS = st.lists(
    st.tuples(st.integers(0, 1400), st.integers(1, 300), st.sampled_from(["untranscribed", "low_score"])), max_size=6
).map(lambda spans: [Unknown(start / 100, (start + length) / 100, why) for start, length, why in spans])


@given(WORDS, SPANS, st.integers(0, 160))
@settings(max_examples=300, deadline=None)
def test_masks_are_only_where_text_is_unknown_and_never_over_a_known_word(words, unknown, room):
    num_frames = sum(len(w) for w, _ in words) + room
    stream = text_stream(words, num_frames, spell, unknown)
    tokens = stream.tokens
    known = [(w, s) for w, s in words if not any(u.start_s <= s < u.end_s for u in unknown)]
    assert tokens[tokens > P].tolist() == [t for w, _ in known for t in spell(w)]
    assert stream.left_out.total() == len(words) - len(known)

    touched = np.zeros(num_frames, dtype=bool)
    for u in unknown:  # frame t lasts from 8 t to 8 t + 8 hundredths of a second
        for t in range(num_frames):
            touched[t] |= 8 * t < round(u.end_s * 100) and round(u.start_s * 100) < 8 * t + 8
    assert not np.any((tokens == M) & ~touched) and not np.any((tokens == P) & touched)
    assert stream.masked.total() == (tokens == M).sum()
    unmasked = np.where(tokens == M, P, tokens)
    assert unmasked.tolist() == row(known, num_frames)


# -- word by word ----------------------------------------------------------------------------------------------------


def train(tmp_path, **options):
    """A SentencePiece model over English words with marks and capitals."""
    lines = [
        "Yeah, I'm from New York. the cat and the cat's mouse",
        "so what's your name? uh-huh 401k T.V. <x> it",
        "i don't know what you mean",
    ] * 40
    stream = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=stream, hard_vocab_limit=False, pad_id=3,
        minloglevel=2, num_threads=1, byte_fallback=True, character_coverage=1.0,
        **{"vocab_size": 420, "model_type": "bpe", **options},
    )  # fmt: skip
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.model"
    file.write_bytes(stream.getvalue())
    return file


@pytest.fixture(scope="module")
def released_kind(tmp_path_factory):
    """Models built as released ones are: a word mark before every word, no piece across a space."""
    folder = tmp_path_factory.mktemp("spm")
    options = [{}, {"model_type": "unigram", "vocab_size": 300}, {"user_defined_symbols": ["<x>", "<system>"]},
               {"remove_extra_whitespaces": False}]  # fmt: skip
    files = [train(folder, **each) for each in options]
    return [(word_speller(f), sentencepiece.SentencePieceProcessor(model_file=str(f))) for f in files]


WRITTEN = st.lists(
    st.one_of(
        st.sampled_from(
            ["yeah", "Yeah,", "th-", "-bout", "T.V.", "t.v.'s", "$4.50", "401k", "<x>", "<system>", "café"]
        ),
        st.text("abcdehirtuINTYé'.,-?!0145<x>", min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=12,
)


@given(WRITTEN)
@settings(max_examples=200, deadline=None)
def test_words_one_by_one_are_the_tokenizers_own_encoding_of_the_sentence(released_kind, words):
    for spell_word, processor in released_kind:
        assert [t for word in words for t in spell_word(word)] == processor.encode(" ".join(words))


@pytest.mark.parametrize("options", [{"add_dummy_prefix": False}, {"split_by_whitespace": False, "vocab_size": 600}])
def test_a_tokenizer_that_writes_words_otherwise_inside_a_sentence_is_refused(tmp_path, options):
    with pytest.raises(ValueError, match="writes a word otherwise alone than inside a sentence"):
        word_speller(train(tmp_path, **options))
