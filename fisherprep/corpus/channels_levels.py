"""Levels of one channel: loudness, clipping, DC offset, and the power of every 10 ms, from one pass over its samples.

Legend: N samples, F frames of 10 ms. Levels in dBFS are mean squares relative to full scale, so a sine of full
amplitude lies at -3 dBFS. A channel is filtered in blocks, so memory does not grow with the length of the audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.01
FULL_SCALE = 32768.0
CLIP_LEVEL = 32124
"""The largest value of mu-law as 16 bits (ITU-T G.711); A-law's and PCM's are above it."""
CLIP_RUN = 3
"""Samples in a row at the same end of the scale that count as clipped: single peaks reach it in loud speech too."""
SPEECH_ABOVE_HZ = 200.0
"""Frame powers are taken above this: mains hum and handling noise lie below, a telephone passes 300 to 3400 Hz."""

LOUDNESS_NEEDS_S = 0.4
"""A gating block; a shorter channel has no loudness."""

_BLOCK_FRAMES = 6000
_GATE_FRAMES, _GATE_STEP_FRAMES = round(LOUDNESS_NEEDS_S / FRAME_S), 10
"""400 ms gating blocks that overlap by 75 % (ITU-R BS.1770-4, annex 1)."""
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_LUFS_OFFSET = -0.691


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
    edges = _frame_edges(channel.size, rate_hz)
    weighted, power = _frame_powers(channel, edges, rate_hz, dc_offset)
    return Levels(_integrated(weighted), _clipped_ratio(channel), dc_offset, power)


def decibels(power: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Power in dB, -120 at the least."""
    return 10.0 * np.log10(np.maximum(power, 1e-12))


def _frame_edges(num_samples: int, rate_hz: int) -> NDArray[np.int64]:
    """[F + 1] first samples of the frames, and the end of the last; rates need not be multiples of 100 Hz."""
    num_frames = num_samples * 100 // rate_hz
    return np.arange(num_frames + 1, dtype=np.int64) * rate_hz // 100


def _frame_powers(
    channel: NDArray[np.int16], edges: NDArray[np.int64], rate_hz: int, dc_offset: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[F] mean squares of the K-weighted signal, and of the signal above `SPEECH_ABOVE_HZ`."""
    from scipy.signal import sosfilt

    num_frames = len(edges) - 1
    filters = _filters(rate_hz)
    states = [np.zeros((len(sos), 2)) for sos in filters]
    powers = np.zeros((len(filters), num_frames))
    for first in range(0, num_frames, _BLOCK_FRAMES):
        last = min(first + _BLOCK_FRAMES, num_frames)
        block = channel[edges[first] : edges[last]] / FULL_SCALE - dc_offset
        starts = edges[first:last] - edges[first]
        for i, sos in enumerate(filters):
            filtered, states[i] = sosfilt(sos, block, zi=states[i])
            powers[i, first:last] = np.add.reduceat(np.square(filtered), starts)
    powers /= np.maximum(np.diff(edges), 1)
    return powers[0], powers[1]


@lru_cache(maxsize=8)
def _filters(rate_hz: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Second-order sections of BS.1770's K-weighting [2, 6], and of the high-pass at `SPEECH_ABOVE_HZ` [1, 6].

    The weighting has pyloudnorm's parameters, which give the standard's filters at 48 kHz and hold at other rates.
    """
    from pyloudnorm.iirfilter import IIRfilter
    from scipy.signal import butter

    stages = (
        IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, rate_hz, "high_shelf"),
        IIRfilter(0.0, 0.5, 38.0, rate_hz, "high_pass"),
    )
    k_weighting = np.array([[*s.b, *s.a] for s in stages])
    return k_weighting, butter(2, SPEECH_ABOVE_HZ, "highpass", fs=rate_hz, output="sos")


def _integrated(weighted: NDArray[np.float64]) -> float | None:
    """Gated loudness (ITU-R BS.1770-4, equations 2 to 7) of K-weighted frame powers ``[F]``."""
    sums = np.concatenate([[0.0], np.cumsum(weighted)])
    blocks = (sums[_GATE_FRAMES:] - sums[:-_GATE_FRAMES])[::_GATE_STEP_FRAMES] / _GATE_FRAMES
    for gate_of in (lambda _: _ABSOLUTE_GATE_LUFS, lambda kept: _lufs(kept.mean()) + _RELATIVE_GATE_LU):
        if blocks.size:
            blocks = blocks[_lufs(blocks) > gate_of(blocks)]
    return float(_lufs(blocks.mean())) if blocks.size else None


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return _LUFS_OFFSET + decibels(power)


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
