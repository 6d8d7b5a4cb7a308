"""When each channel holds its own side's speech: noise floors, crosstalk between the channels, and what is left.

A frame is active where its power stands out of the channel's noise floor. It is the side's own where it also stands out
of what leaks from the other channel. All of it works on powers of 10 ms frames, so it does not mind codecs or echoes
that change the waveform; an echo may come up to `MAX_LAG_S` late.

Legend: F frames of 10 ms; C = 2 channels; powers are mean squares relative to full scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus.channels_levels import FRAME_S, decibels

SMOOTHING_FRAMES = 5
"""Powers are averaged over 50 ms: line noise then varies by about 0.4 dB, speech keeps its syllables."""
ABOVE_NOISE_DB = 6.0
"""How far an active frame is above the noise floor."""
BELOW_SPEECH_DB = 40.0
"""An active frame is at most this far below the channel's loud frames (95th percentile)."""
DIGITAL_SILENCE_DBFS = -78.0
"""No line noise is below this: one step of mu-law near zero is -72 dBFS. Quieter frames say nothing about noise."""
QUIETEST_FLOOR_DBFS = -72.0
ABOVE_CROSSTALK_DB = 6.0
"""How far the side's own speech is above what leaks from the other side."""
MAX_LAG_S = 0.5
"""The latest echo that is looked for."""
MIN_CROSSTALK_S = 1.0
"""Loud speech of the other side alone that is needed to measure its crosstalk."""
ASSUMED_CROSSTALK_DB = -20.0
"""Where there is less: what is taken for crosstalk then is at most this loud, and on time."""

_BLOCK_FRAMES, _BLOCK_PERCENTILE, _WINDOW_BLOCKS = 250, 10, 6
_PEAK_PERCENTILE = 95
_HOLD_FRAMES = 3
_AROUND_FRAMES = 25
_LOUD_DB = 10.0
_LAGS = round(MAX_LAG_S / FRAME_S)
_MAX_FRAMES = 1500
_LOUDEST_DB = 60.0
_MIN_CORRELATION_T = 6.0
"""Student's t of a correlation that is taken for crosstalk."""

Powers = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Activity:
    """What each channel holds, frame by frame; index 0 is side a, 1 side b."""

    active: Mask
    """[C, F] above the noise floor, whoever speaks"""
    own: Mask
    """[C, F] speech of the channel's own side"""
    noise_dbfs: tuple[float | None, float | None]
    """level in the pauses of both sides; None: digital silence, or no pause"""
    crosstalk_db: tuple[float | None, float | None]
    """the other side's level in this channel relative to its own; None: not to be heard, or not to be measured"""


@dataclass(frozen=True)
class _Leak:
    gain: float
    lag_frames: int
    measured: bool = True


def find_activity(powers: Powers) -> Activity:
    """The activity of both channels, from frame powers ``[C, F]``."""
    from scipy.ndimage import uniform_filter1d

    if powers.shape[1] == 0:
        nothing = np.zeros(powers.shape, bool)
        return Activity(nothing, nothing, (None, None), (None, None))
    smooth = np.maximum(uniform_filter1d(powers, SMOOTHING_FRAMES, axis=1), 0.0)
    floors = np.stack([_noise_floor(p) for p in smooth])
    active = np.stack([_stands_out(p, f) for p, f in zip(smooth, floors, strict=True)])
    excess = np.maximum(smooth - floors, 0.0)
    leaks = [_leak(excess, active, this) for this in (0, 1)]
    own = np.stack([_own(excess, active, this, leaks[this]) for this in (0, 1)])
    noise = [_pause_level(p, ~(active[0] | active[1])) for p in powers]
    gains = [float(decibels(leak.gain)) if leak and leak.measured else None for leak in leaks]
    return Activity(active, own, (noise[0], noise[1]), (gains[0], gains[1]))


def _noise_floor(smooth: Powers) -> Powers:
    """[F] power of the noise around each frame.

    The quiet tenth of every 2.5 s gives a level; the floor is the least of them in the 15 s before or in the 15 s
    after, whichever is higher, so that a pause is found in long speech and a step of the noise is followed at once.
    """
    from scipy.ndimage import minimum_filter1d

    level = decibels(smooth)
    starts = np.arange(0, level.size, _BLOCK_FRAMES)
    heard = [part[part > DIGITAL_SILENCE_DBFS] for part in np.split(level, starts[1:])]
    lows = np.array([np.percentile(h, _BLOCK_PERCENTILE) if h.size >= _BLOCK_FRAMES // 10 else np.nan for h in heard])
    known = np.flatnonzero(~np.isnan(lows))
    if not known.size:
        return np.full(level.size, 10.0 ** (QUIETEST_FLOOR_DBFS / 10.0))
    lows = np.interp(np.arange(lows.size), known, lows[known])
    half = _WINDOW_BLOCKS // 2
    before = minimum_filter1d(lows, _WINDOW_BLOCKS + 1, origin=half, mode="nearest")
    after = minimum_filter1d(lows, _WINDOW_BLOCKS + 1, origin=-half, mode="nearest")
    floor = np.maximum(np.maximum(before, after), QUIETEST_FLOOR_DBFS)
    return 10.0 ** (np.interp(np.arange(level.size), starts + _BLOCK_FRAMES / 2, floor) / 10.0)


def _stands_out(smooth: Powers, floor: Powers) -> Mask:
    peak = np.percentile(smooth, _PEAK_PERCENTILE)
    return (smooth > floor * _ratio(ABOVE_NOISE_DB)) & (smooth > peak * _ratio(-BELOW_SPEECH_DB))


def _leak(excess: Powers, active: Mask, this: int) -> _Leak | None:
    """How the other side's speech comes through in channel ``this``: regression of powers where this side is quiet.

    Frames in which this side speaks are left out with all that is around them. By a first guess it speaks where it is
    within 6 dB of the loudest of the other side lately; from then on, where it is above what is known to leak. None:
    nothing is to be heard of the other side.
    """
    from scipy.ndimage import binary_dilation, maximum_filter1d

    mine, other = excess[this], excess[1 - this]
    lately = maximum_filter1d(other, _LAGS + 1, origin=_LAGS // 2, mode="constant")
    loud = other > np.percentile(other, _PEAK_PERCENTILE) * _ratio(-_LOUD_DB)
    speaking = active[this] & (mine > lately * _ratio(-ABOVE_CROSSTALK_DB))
    leak: _Leak | None = None
    for fit in (_usual_ratio, _regression, _regression):
        quiet = ~binary_dilation(speaking, iterations=_AROUND_FRAMES)
        if np.count_nonzero(loud & quiet) * FRAME_S < MIN_CROSSTALK_S:
            return _Leak(_ratio(ASSUMED_CROSSTALK_DB), 0, measured=False)
        leak = fit(mine, other, quiet, loud)
        if leak is None:
            return None
        speaking = _above_leak(mine, other, active[this], leak)
    return leak


def _usual_ratio(mine: Powers, other: Powers, quiet: Mask, loud: Mask) -> _Leak | None:
    """The lag at which the channels' levels differ by the same number of dB most of the time, and the median of that.

    Robust where a part of the frames is this side's speech after all, but blind to what is below the noise.
    """
    frames = np.flatnonzero(loud[: -_LAGS or None])
    frames = frames[:: max(1, frames.size // _MAX_FRAMES)]
    best, best_spread = None, np.inf
    for lag in range(_LAGS):
        kept = frames[quiet[frames + lag]]
        if kept.size * FRAME_S < MIN_CROSSTALK_S / 2:
            continue
        level = np.maximum(decibels(mine[kept + lag] / other[kept]), -_LOUDEST_DB)
        low, median, high = np.percentile(level, (25, 50, 75))
        if high - low < best_spread:
            best, best_spread = _Leak(_ratio(median), lag), high - low
    return best


def _regression(mine: Powers, other: Powers, quiet: Mask, loud: Mask) -> _Leak | None:
    """The best line ``mine[f] = constant + gain * other[f - lag]`` over the quiet frames; None: no sure correlation."""
    weights = quiet.astype(np.float64)
    weights[:_LAGS] = 0.0
    num_frames = weights.sum()
    if num_frames == 0:
        return None
    y = weights * (mine - np.average(mine, weights=weights))
    mean_x = _lagged(weights, other) / num_frames
    variance = _lagged(weights, np.square(other)) - num_frames * np.square(mean_x)
    covariance = _lagged(y, other)
    r = covariance / np.sqrt(np.maximum(variance * np.square(y).sum(), 1e-40))
    lag = int(r.argmax())
    t = r[lag] * np.sqrt(num_frames / SMOOTHING_FRAMES / max(1.0 - r[lag] ** 2, 1e-9))
    return _Leak(float(covariance[lag] / variance[lag]), lag) if t > _MIN_CORRELATION_T else None


def _lagged(a: Powers, b: Powers) -> Powers:
    """[_LAGS] sums over f of ``a[f] * b[f - lag]``."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(a.size + _LAGS, real=True)
    return irfft(rfft(a, size) * np.conj(rfft(b, size)), size)[:_LAGS]


def _above_leak(mine: Powers, other: Powers, active: Mask, leak: _Leak) -> Mask:
    from scipy.ndimage import maximum_filter1d

    late = np.concatenate([np.zeros(leak.lag_frames), other])[: other.size]
    leaked = leak.gain * maximum_filter1d(late, 2 * _HOLD_FRAMES + 1)
    return active & (mine > leaked * _ratio(ABOVE_CROSSTALK_DB))


def _own(excess: Powers, active: Mask, this: int, leak: _Leak | None) -> Mask:
    if leak is None:
        return active[this]
    return _above_leak(excess[this], excess[1 - this], active[this], leak)


def _pause_level(power: Powers, pause: Mask) -> float | None:
    from scipy.ndimage import binary_erosion

    pause = binary_erosion(pause, iterations=2 * SMOOTHING_FRAMES)
    if not pause.any():
        return None
    level = float(decibels(power[pause].mean()))
    return level if level > DIGITAL_SILENCE_DBFS else None


def _ratio(level_db: float) -> float:
    return 10.0 ** (level_db / 10.0)
