"""The text row of one side: a token per 80 ms frame, by the Moshi paper's rule (arXiv 2410.00037, section 3.4.4).

The row starts as all PAD. A word that starts at ``start_s`` has its tokens on frames t, t + 1, ... with
t = floor(start_s * 12.5), and EPAD on t - 1 unless an earlier word's token is there. (The rule as it is known to us
says nothing of rounding; floor is what Kyutai's interleaver does: moshi-finetune, finetune/data/interleaver.py,
``build_token_stream``.)

Where the paper's rule leaves a choice, nothing is ever dropped:

- A word starting in the first frame puts EPAD on frame 0 and its tokens from frame 1. (The paper counts frames from 1
  and states this case as t = 1.)
- A word whose frame still holds tokens of the word before it starts on the next free frame, without an EPAD.
- Tokens that would run past the last frame T - 1 move earlier: the last word ends on frame T - 1 at the latest, the
  word before it ends where that one starts at the latest, and so on until a word fits where it was. EPAD and PAD give
  way only as far as needed, from the end backwards, so any text with at most T tokens fits.

A word's own tokens always stay together.

Where a side speaks but its words or their times are not known (``Unknown``), PAD would teach silence over speech: every
frame that such a span touches is MASKED unless a token or an EPAD of a known word is on it. Words that begin in a span
are left out and counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fisherprep.schema import FRAME_RATE_HZ, MASKED, TEXT_EPAD, TEXT_PAD

_ROUNDING = 1e-6
"""Frames. 2.32 s is frame 29, but 2.32 * 12.5 gives 28.999999999999996: decimals must not fall short of a boundary."""


@dataclass(frozen=True)
class Unknown:
    """A span, from ``start_s`` up to ``end_s``, in which the side says what is not known; ``why`` is for counting."""

    start_s: float
    end_s: float
    why: str

    def holds(self, times_s: np.ndarray) -> np.ndarray:
        """Which of the times are in the span, as a boolean array of their shape."""
        first, last = self.start_s * FRAME_RATE_HZ - _ROUNDING, self.end_s * FRAME_RATE_HZ - _ROUNDING
        return (first <= times_s * FRAME_RATE_HZ) & (times_s * FRAME_RATE_HZ < last)

    def frames(self, num_frames: int) -> slice:
        """The frames that the span touches, of ``num_frames``."""
        last = math.ceil(self.end_s * FRAME_RATE_HZ - _ROUNDING)
        return slice(min(max(0, frame_of(self.start_s)), num_frames), min(max(0, last), num_frames))


@dataclass(frozen=True)
class TextStream:
    """A text row and how it came about.

    ``tokens`` int16 [T]; ``shifts`` int64 [tokens]: by how many frames each token is later (or, at the audio's end,
    earlier: negative) than its word's start asks for; ``masked`` and ``left_out``: frames that are MASKED and words
    that are left out, by reason.
    """

    tokens: np.ndarray
    shifts: np.ndarray
    masked: Counter[str]
    left_out: Counter[str]

    @property
    def shifted(self) -> int:
        """How many tokens are not on the frame that their word's start asks for."""
        return int(np.count_nonzero(self.shifts))


def frame_of(time_s: float) -> int:
    """The frame that holds a time: floor(time_s * 12.5).

    Raises:
        ValueError: the time is not a finite number.
    """
    if not math.isfinite(time_s):
        raise ValueError(f"a time of {time_s} s; expected a finite number of seconds")
    return math.floor(time_s * FRAME_RATE_HZ + _ROUNDING)


def text_stream(
    words: Sequence[tuple[str, float]],
    num_frames: int,
    encode: Callable[[str], list[int]],
    unknown: Sequence[Unknown] = (),
) -> TextStream:
    """Lay out one side's words on T = ``num_frames`` frames.

    Args:
        words: (word, start_s) in the order they are spoken.
        num_frames: T, as the audio gives it.
        encode: the tokens of one word. Each word is encoded on its own; SentencePiece puts its word mark in front of
            it, so the pieces are those of the word inside a sentence.
        unknown: spans to mask. A frame or word in more than one of them counts for the first.

    Raises:
        ValueError: there are more tokens than frames, a time is not finite, or ``encode`` gives PAD or EPAD as a
            token, which would read as silence.
    """
    known, left_out = _known(words, unknown)
    spoken = [(frame_of(start_s), ids) for word, start_s in known if (ids := _checked(word, encode(word)))]
    wanted = np.array([frame for frame, _ in spoken], dtype=np.int64)
    lengths = np.array([len(ids) for _, ids in spoken], dtype=np.int64)
    if lengths.sum() > num_frames:
        raise ValueError(
            f"{lengths.sum()} text tokens for {num_frames} frames of audio; expected at most one per frame"
        )

    starts = _place(wanted.tolist(), lengths.tolist(), num_frames)
    row = np.full(num_frames, TEXT_PAD, dtype=np.int16)
    row[starts[starts > 0] - 1] = TEXT_EPAD  # before the tokens, so that a frame wanted by both is the token's
    offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    row[np.repeat(starts, lengths) + offsets] = [token for _, ids in spoken for token in ids]
    return TextStream(row, np.repeat(starts - wanted, lengths), _mask(row, unknown), left_out)


def _known(
    words: Sequence[tuple[str, float]], unknown: Sequence[Unknown]
) -> tuple[list[tuple[str, float]], Counter[str]]:
    """The words that begin outside of every span, and how many begin inside, by reason."""
    times_s = np.array([start_s for _, start_s in words])
    span_of = np.full(len(words), -1)
    for index in reversed(range(len(unknown))):
        span_of[unknown[index].holds(times_s)] = index
    known = [word for word, span in zip(words, span_of, strict=True) if span < 0]
    return known, Counter(unknown[span].why for span in span_of if span >= 0)


def _mask(row: np.ndarray, unknown: Sequence[Unknown]) -> Counter[str]:
    """Put MASKED in place of PAD wherever a span touches; returns the number of frames by reason."""
    masked: Counter[str] = Counter()
    for span in unknown:
        part = row[span.frames(len(row))]
        silent = part == TEXT_PAD
        part[silent] = MASKED
        if count := int(silent.sum()):
            masked[span.why] += count
    return masked


def _checked(word: str, ids: list[int]) -> list[int]:
    if TEXT_PAD in ids or TEXT_EPAD in ids:
        raise ValueError(f"the word {word!r} has the tokens {ids}; {TEXT_PAD} and {TEXT_EPAD} stand for PAD and EPAD")
    return ids


def _place(wanted: list[int], lengths: list[int], num_frames: int) -> np.ndarray:
    """First frame of each word's tokens: forward to the next free frame, then back from the end of the audio."""
    starts = []
    free = 1  # frame 0 is kept for the first word's EPAD
    for frame, length in zip(wanted, lengths, strict=True):
        starts.append(max(frame, free))
        free = starts[-1] + length
    limit = num_frames
    for i in reversed(range(len(starts))):
        if starts[i] + lengths[i] <= limit:
            break
        starts[i] = limit = limit - lengths[i]
    return np.array(starts, dtype=np.int64)
