"""Levels of one channel: loudness, clipping, DC offset, and the power of every 10 ms, from one pass over its samples.

Legend: N samples, F frames of 10 ms. Levels in dBFS are mean squares relative to full scale, so a sine of full
amplitude lies at -3 dBFS. A channel is filtered in blocks, so memory does not grow with the length of the audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fisherprep.loudness import FRAME_S, LOUDNESS_NEEDS_S, frame_powers, gated, k_weighting

__all__ = ["FRAME_S", "LOUDNESS_NEEDS_S", "Levels", "decibels", "measure"]

FULL_SCALE = 32768.0
CLIP_LEVEL = 32124
"""The largest value of mu-law as 16 bits (ITU-T G.711); A-law's and PCM's are above it."""
CLIP_RUN = 3
"""Samples in a row at the same end of the scale that count as clipped: single peaks reach it in loud speech too."""
SPEECH_ABOVE_HZ = 200.0
"""Frame powers are taken above this: mains hum and handling noise lie below, a telephone passes 300 to 3400 Hz."""


@dataclass(frozen=True)
class Levels:
    """Levels of one channel."""

    loudness_lufs: float | None
    """integrated loudness; None: shorter than `LOUDNESS_NEEDS_S`, or all below -70 LUFS"""
    clipped_ratio: float
    """share of samples in runs of at least `CLIP_RUN` at full scale"""
    dc_offset: float
    """mean of the samples, full scale is 1"""
    power: NDArray[np.float64]
    """[F] mean square above `SPEECH_ABOVE_HZ`, full scale is 1; a last part of a frame is left out"""


def measure(channel: NDArray[np.int16], rate_hz: int) -> Levels:
    """The levels of one channel ``[N]``; no audio is too short or too odd for it."""
    dc_offset = float(channel.mean(dtype=np.float64)) / FULL_SCALE if channel.size else 0.0
    filters = [k_weighting(rate_hz), _speech_band(rate_hz)]
    weighted, power = frame_powers(channel, rate_hz, filters, FULL_SCALE, dc_offset)
    return Levels(gated(weighted), _clipped_ratio(channel), dc_offset, power)


def decibels(power: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Power in dB, -120 at the least."""
    return 10.0 * np.log10(np.maximum(power, 1e-12))


@lru_cache(maxsize=8)
def _speech_band(rate_hz: int) -> NDArray[np.float64]:
    """Second-order section [1, 6] of the high-pass at `SPEECH_ABOVE_HZ`."""
    from scipy.signal import butter

    return butter(2, SPEECH_ABOVE_HZ, "highpass", fs=rate_hz, output="sos")


def _clipped_ratio(channel: NDArray[np.int16]) -> float:
    if not channel.size:
        return 0.0
    clipped = 0
    for at_limit in (channel >= CLIP_LEVEL, channel <= -CLIP_LEVEL):
        places = np.flatnonzero(at_limit)
        if places.size:
            lengths = np.diff(np.flatnonzero(np.diff(places, prepend=-2, append=channel.size + 2) > 1))
            clipped += int(lengths[lengths >= CLIP_RUN].sum())
    return clipped / channel.size
