"""Starts of words that lie in silence: moved to the sound, and only for words that begin with a voice."""

from __future__ import annotations

import numpy as np
import pytest

from fisherprep.align.aligner import ALIGNER_RATE_HZ, AlignedWord
from fisherprep.align.onsets import without_weak_starts


def sound(*spans_s: tuple[float, float]) -> np.ndarray:
    """A second of faint noise, and loud noise in the spans."""
    samples = np.random.default_rng(1).standard_normal(ALIGNER_RATE_HZ).astype(np.float32)
    level = np.full(len(samples), 1e-3, np.float32)
    for start_s, end_s in spans_s:
        level[round(start_s * ALIGNER_RATE_HZ) : round(end_s * ALIGNER_RATE_HZ)] = 0.1
    return samples * level


def word(start_s: float, end_s: float) -> AlignedWord:
    return AlignedWord(start_s, end_s, -2.0, "pocketsphinx")


@pytest.mark.parametrize(
    ("onset", "found_s", "start_s"),
    [("B", 0.3, 0.5), ("AY", 0.28, 0.5), ("S", 0.3, 0.3), ("T", 0.3, 0.3), ("B", 0.45, 0.45)],
)
def test_a_voice_begins_where_it_is_heard(onset: str, found_s: float, start_s: float) -> None:
    samples = sound((0.0, 0.3), (0.5, 0.9))
    first, second = without_weak_starts(samples, [word(0.0, found_s), word(found_s, 0.9)], ["M", onset])
    assert (first.start_s, first.end_s) == (0.0, found_s)
    assert second.start_s == pytest.approx(start_s)
    assert second.end_s == 0.9


def test_a_word_in_silence_or_in_even_noise_stays() -> None:
    silent = word(0.4, 0.6)
    assert without_weak_starts(sound((0.0, 0.3)), [silent], ["AY"]) == [silent]
    assert without_weak_starts(sound(), [silent], ["AY"]) == [silent]
