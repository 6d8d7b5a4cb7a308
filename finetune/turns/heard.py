"""Who speaks when: spans of speech in seconds, from the words of a text row or from the waveform.

Legend: T frames of 80 ms, N samples. A span is (start_s, end_s).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from fisherprep.schema import CODEC_RATE_HZ, FRAME_RATE_HZ, MASKED, TEXT_EPAD, TEXT_PAD

Span = tuple[float, float]

EARS = ("text", "audio")
"""What is heard: the words of the text row; the level of the decoded codes."""

PAUSE_S = 0.3
"""Silence that ends a stretch of speech; shorter ones are within an utterance (a stop consonant, a slow word)."""
SHORTEST_S = 0.1
"""Less is no speech: a click, a breath."""
TAIL_FRAMES = 3
"""Frames that a word is taken to last from its last token on: a text row says when words begin, not when they end."""
BELOW_SPEECH_DB = 25.0
"""Level under the speaker's loud frames (their 95th percentile) at which speech ends."""
THRESHOLDS_DB = (-55.0, -35.0)
"""The threshold stays within these (dB re full scale), whatever was heard before."""
HOP_S = 0.01


@dataclass(frozen=True)
class Heard:
    """Stretches of speech and the single words of one speaker, both in order."""

    stretches: tuple[Span, ...]
    words: tuple[Span, ...]

    def within(self, begin_s: float, end_s: float) -> Heard:
        """What begins in ``[begin_s, end_s)``, or is under way at ``begin_s``: cut to that span."""
        return Heard(_cut(self.stretches, begin_s, end_s), _cut(self.words, begin_s, end_s))

    def num_words(self, span: Span) -> int:
        """Words that touch a span."""
        return sum(start_s < span[1] and end_s > span[0] for start_s, end_s in self.words)


def _cut(spans: Iterable[Span], begin_s: float, end_s: float) -> tuple[Span, ...]:
    return tuple((max(a, begin_s), min(b, end_s)) for a, b in spans if a < end_s and b > begin_s)


def joined(spans: Iterable[Span], pause_s: float = PAUSE_S) -> tuple[Span, ...]:
    """Spans in order of start, those less than ``pause_s`` apart as one."""
    whole: list[Span] = []
    for start_s, end_s in spans:
        if whole and start_s - whole[-1][1] < pause_s:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end_s))
        else:
            whole.append((start_s, end_s))
    return tuple(whole)


def read_words(tokens: np.ndarray, begins_word: Callable[[int], bool], first_frame: int = 0) -> tuple[Span, ...]:
    """The words of a text row ``[T]``, which starts at frame ``first_frame`` of the call.

    A word lasts from its first token to ``TAIL_FRAMES`` after its last one, but not into the next word.
    """
    starts: list[int] = []
    lasts: list[int] = []
    for frame, token in enumerate(tokens.tolist()):
        if token in (TEXT_PAD, TEXT_EPAD, MASKED):
            continue
        if begins_word(token) or not starts:
            starts.append(frame)
            lasts.append(frame)
        else:
            lasts[-1] = frame
    followings = [*starts, len(tokens)][1:]
    ends = [min(last + TAIL_FRAMES, following) for last, following in zip(lasts, followings, strict=True)]
    return tuple(
        ((first_frame + start) / FRAME_RATE_HZ, (first_frame + max(end, start + 1)) / FRAME_RATE_HZ)
        for start, end in zip(starts, ends, strict=True)
    )


def of_text(tokens: np.ndarray, begins_word: Callable[[int], bool], first_frame: int = 0) -> Heard:
    """Speech as a text row ``[T]`` tells it: stretches are words less than ``PAUSE_S`` apart."""
    words = read_words(tokens, begins_word, first_frame)
    return Heard(joined(words), words)


def levels_db(samples: np.ndarray) -> np.ndarray:
    """Level of every 10 ms of ``[N]`` samples at 24 kHz, over 20 ms around it, in dB re full scale."""
    hop = round(HOP_S * CODEC_RATE_HZ)
    power = np.asarray(samples, dtype=np.float64)[: len(samples) // hop * hop].reshape(-1, hop) ** 2
    means = power.mean(axis=1)
    smooth = np.convolve(means, [0.5, 0.5], mode="full")[: len(means)]
    return 10 * np.log10(np.maximum(smooth, 1e-12))


def threshold_db(levels: np.ndarray) -> float:
    """Where a speaker's speech ends, judged by levels at which the speaker has been heard."""
    low, high = THRESHOLDS_DB
    return float(np.clip(np.percentile(levels, 95) - BELOW_SPEECH_DB, low, high)) if len(levels) else high


def stretches_of(levels: np.ndarray, threshold: float, first_s: float = 0.0) -> tuple[Span, ...]:
    """Stretches in which levels (one per 10 ms, the first at ``first_s``) are above the threshold."""
    above = np.concatenate([[False], levels > threshold, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(above)).reshape(-1, 2) * HOP_S + first_s
    whole = joined((float(start_s), float(end_s)) for start_s, end_s in edges)
    return tuple((start_s, end_s) for start_s, end_s in whole if end_s - start_s >= SHORTEST_S)
