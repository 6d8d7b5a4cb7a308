"""Integrated loudness (ITU-R BS.1770-4) of one channel, in blocks, so that memory does not grow with its length.

Legend: N samples, F frames of 10 ms. Gating blocks of 400 ms begin every 100 ms and are made of whole frames.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.01
LOUDNESS_NEEDS_S = 0.4
"""A gating block; a shorter channel has no loudness."""

_BLOCK_FRAMES = 6000
_GATE_FRAMES, _GATE_STEP_FRAMES = round(LOUDNESS_NEEDS_S / FRAME_S), 10
"""400 ms gating blocks that overlap by 75 % (ITU-R BS.1770-4, annex 1)."""
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_LUFS_OFFSET = -0.691


def channel_loudness(samples: NDArray[np.float32], rate_hz: int) -> float | None:
    """Integrated loudness in LUFS of float samples ``[N]``; None: shorter than 0.4 s, or all below -70 LUFS."""
    mean = samples.mean(dtype=np.float64) if samples.size else 0.0
    return gated(frame_powers(samples, rate_hz, [k_weighting(rate_hz)], 1.0, float(mean))[0])


def frame_powers(
    channel: NDArray, rate_hz: int, filters: list[NDArray[np.float64]], full_scale: float, dc_offset: float
) -> NDArray[np.float64]:
    """[filters, F] mean squares of the channel ``[N]`` after each filter (second-order sections), full scale being 1.

    Rates need not be multiples of 100 Hz; a last part of a frame is left out.
    """
    from scipy.signal import sosfilt

    num_frames = channel.size * 100 // rate_hz
    edges = np.arange(num_frames + 1, dtype=np.int64) * rate_hz // 100
    states = [np.zeros((len(sos), 2)) for sos in filters]
    powers = np.zeros((len(filters), num_frames))
    for first in range(0, num_frames, _BLOCK_FRAMES):
        last = min(first + _BLOCK_FRAMES, num_frames)
        block = channel[edges[first] : edges[last]].astype(np.float64) / full_scale - dc_offset
        starts = edges[first:last] - edges[first]
        for i, sos in enumerate(filters):
            filtered, states[i] = sosfilt(sos, block, zi=states[i])
            powers[i, first:last] = np.add.reduceat(np.square(filtered), starts)
    return powers / np.maximum(np.diff(edges), 1)


@lru_cache(maxsize=8)
def k_weighting(rate_hz: int) -> NDArray[np.float64]:
    """Second-order sections [2, 6] of BS.1770's K-weighting.

    They have pyloudnorm's parameters, which give the standard's filters at 48 kHz and hold at other rates.
    """
    from pyloudnorm.iirfilter import IIRfilter

    stages = (
        IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, rate_hz, "high_shelf"),
        IIRfilter(0.0, 0.5, 38.0, rate_hz, "high_pass"),
    )
    return np.array([[*s.b, *s.a] for s in stages])


def gated(weighted: NDArray[np.float64]) -> float | None:
    """Gated loudness (ITU-R BS.1770-4, equations 2 to 7) of K-weighted frame powers ``[F]``."""
    sums = np.concatenate([[0.0], np.cumsum(weighted)])
    blocks = (sums[_GATE_FRAMES:] - sums[:-_GATE_FRAMES])[::_GATE_STEP_FRAMES] / _GATE_FRAMES
    for gate_of in (lambda _: _ABSOLUTE_GATE_LUFS, lambda kept: _lufs(kept.mean()) + _RELATIVE_GATE_LU):
        if blocks.size:
            blocks = blocks[_lufs(blocks) > gate_of(blocks)]
    return float(_lufs(blocks.mean())) if blocks.size else None


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return _LUFS_OFFSET + 10.0 * np.log10(np.maximum(power, 1e-12))
