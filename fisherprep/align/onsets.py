"""Starts of words that the search put into a pause, or into the hiss at the end of the word before.

The states of a stop, and of a vowel in an accent that the model does not know, fit silence and weak sound about as well
as anything, so that a word may begin up to 0.3 s early. A word that begins with a vowel, a nasal, an approximant or a
voiced stop does not begin with a long weak stretch: it begins behind that.

Legend: N samples at 16 kHz, F frames of 10 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fisherprep.align.aligner import ALIGNER_RATE_HZ, AlignedWord

FRAME_S = 0.01
WEAK_DB = -24.0
"""Sound this far below the loud parts of the turn is no vowel."""
ABOVE_NOISE_DB = 3.0
"""Nor is sound no further above the quietest parts of the turn, whatever its level."""
LEAST_FRAMES = 8
"""A weak stretch that is shorter may be the closure of a stop."""
HEAD_FRAMES = 3
"""The stretch begins this near to the word's start: the search may give the word the last of what is before it."""
MIN_WORD_FRAMES = 4
"""What a word keeps at least when its start moves."""
WEAK_ONSETS = frozenset(["CH", "F", "HH", "JH", "K", "P", "S", "SH", "T", "TH", "V", "Z", "ZH"])
"""Phones that are weak or begin with a closure: words that begin with them are left alone."""


def without_weak_starts(samples: np.ndarray, words: Sequence[AlignedWord], onsets: Sequence[str]) -> list[AlignedWord]:
    """The words, those with a long weak stretch at their start without it; what is before them is not changed.

    Args:
        samples: float32 [N], in which the words' times count from 0.
        words: in order, none reaching into the next.
        onsets: the first phone of each.
    """
    weak = _weak(samples)
    return [
        word if onset in WEAK_ONSETS else replace(word, start_s=_behind_weak(weak, word) * FRAME_S)
        for word, onset in zip(words, onsets, strict=True)
    ]


def _weak(samples: np.ndarray) -> np.ndarray:
    """bool [F]: whole frames far below the loud ones, or no louder than noise."""
    size = round(ALIGNER_RATE_HZ * FRAME_S)
    power = np.square(samples[: len(samples) // size * size]).reshape(-1, size).mean(axis=1)
    floor, loud = np.quantile(power, (0.05, 0.9))
    return np.asarray(power < max(loud * 10 ** (WEAK_DB / 10), floor * 10 ** (ABOVE_NOISE_DB / 10)))


def _behind_weak(weak: np.ndarray, word: AlignedWord) -> int:
    """The frame in which the word begins: behind a weak stretch at its start, if that is long and not nearly all."""
    start, end = round(word.start_s / FRAME_S), round(word.end_s / FRAME_S)
    head = np.flatnonzero(weak[start : min(end, start + HEAD_FRAMES)])
    if not len(head):
        return start
    first = start + int(head[0])
    loud = np.flatnonzero(~weak[first:end])
    if not len(loud) or loud[0] < LEAST_FRAMES or end - first - loud[0] < MIN_WORD_FRAMES:
        return start
    return first + int(loud[0])
