"""One side's sound as the align stage hears it: at the aligner's rate, and knowing what is silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fisherprep.align.aligner import ALIGNER_RATE_HZ
from fisherprep.align.denoise import noise_spectrum

SILENT_DBFS = -65.0
"""A span with less than 100 ms that are louder than this is silent."""
SILENT_BELOW_SPEECH_DB = 35.0
"""So is one as far below its channel's speech, as crosstalk is,"""
SILENT_ABOVE_NOISE_DB = 2.5
"""and one no further above its channel's noise. What is searched for nothing gets a low score."""
_FRAME = ALIGNER_RATE_HZ // 100
_LEAST_FRAMES = 10
_AROUND_FRAMES = 30
"""Turns' times cut words: a pause begins and ends this far from them."""


@dataclass(frozen=True, eq=False)
class Channel:
    """One side's sound, ready for the aligner."""

    samples: np.ndarray
    """float32 [N], 16 kHz"""
    length_ms: int
    """of the file's own samples"""
    silence: float
    """power below which nothing is speech, full scale 1"""
    noise: np.ndarray | None
    """[257] power spectrum of steady noise (`fisherprep.align.denoise`); None: none that matters"""

    @classmethod
    def of(cls, samples: np.ndarray, rate_hz: int, turns: Sequence[dict[str, Any]]) -> Channel:
        """From int16 [N] at the file's rate; the whole channel is resampled at once.

        ``turns`` are those of the side that have words: what is loud in them is taken for its speech.
        """
        import soxr

        sound = soxr.resample(samples.astype(np.float32) / 32768.0, rate_hz, ALIGNER_RATE_HZ, quality="HQ")
        power = _power(sound)
        inside, around = np.zeros(len(power), bool), np.zeros(len(power), bool)
        for turn in turns:
            start, end = round(turn["start_s"] * 100), round(turn["end_s"] * 100)
            inside[start:end] = True
            around[max(0, start - _AROUND_FRAMES) : end + _AROUND_FRAMES] = True
        speech = float(np.quantile(power[inside], 0.9)) if inside.any() else 0.0
        noise = noise_spectrum(sound, ~around, speech)
        return cls(sound, len(samples) * 1000 // rate_hz, _silence(power, speech), noise)

    @property
    def duration_s(self) -> float:
        return self.length_ms / 1000

    def cut(self, start_s: float, end_s: float) -> np.ndarray:
        """float32 [M]: the samples of a span."""
        return self.samples[round(start_s * ALIGNER_RATE_HZ) : round(end_s * ALIGNER_RATE_HZ)]

    def is_silent(self, start_s: float, end_s: float) -> bool:
        """Whether the span has not even 100 ms of sound that could be speech."""
        power = np.sort(_power(self.cut(start_s, end_s)))[-_LEAST_FRAMES:]
        return len(power) == 0 or bool(power[0] < self.silence)


def _silence(power: np.ndarray, speech: float) -> float:
    """The limit of silence, from the power of all of a channel's 10 ms frames and of its speech."""
    noise = float(np.quantile(power, 0.1)) if len(power) else 0.0
    limits = (1.0, SILENT_DBFS), (speech, -SILENT_BELOW_SPEECH_DB), (noise, SILENT_ABOVE_NOISE_DB)
    return max(level * 10 ** (decibels / 10) for level, decibels in limits)


def _power(samples: np.ndarray) -> np.ndarray:
    """Mean power of each whole 10 ms."""
    return np.square(samples[: len(samples) // _FRAME * _FRAME]).reshape(-1, _FRAME).mean(axis=1)
