"""Steady line noise, taken out of telephone speech before it is aligned: spectral subtraction.

The noise is learned from a channel's pauses, where there are enough of them. Subtraction pays where noise is loud and
steady; in clean sound it only adds artefacts, and what varies as voices do is not what the pauses show. Both are left
alone.

Legend: N samples at 16 kHz, F frames of 20 ms every 10 ms, 257 frequencies.
"""

from __future__ import annotations

import numpy as np

from fisherprep.align.aligner import ALIGNER_RATE_HZ

FRAME = ALIGNER_RATE_HZ // 100
"""Samples of 10 ms."""
OVERSUBTRACTION = 2.0
"""How many times the noise is taken away; at 10 dB of white and pink noise, better than once."""
FLOOR_DB = -12.0
"""What is left of a frequency at least."""
LOUD_DB = -25.0
"""Noise that is further below its channel's speech is left alone."""
STEADY_DB = 6.0
"""So is noise whose 10th and 90th percentile over the pauses' frames differ by more."""
MIN_PAUSES_FRAMES = 100
_SMOOTHED = (3, 5)
"""Frames and frequencies over which power is averaged before it is compared with the noise."""
_FFT = 512


def noise_spectrum(samples: np.ndarray, pauses: np.ndarray, speech: float) -> np.ndarray | None:
    """The mean power spectrum [257] of a channel's noise; None where nothing should be subtracted.

    Args:
        samples: float32 [N].
        pauses: bool [N // 160], whole frames of 10 ms in which the side does not speak.
        speech: power of the loud parts of its speech.
    """
    power = np.square(samples[: len(pauses) * FRAME]).reshape(-1, FRAME).mean(axis=1)
    quiet = power[pauses]
    if len(quiet) < MIN_PAUSES_FRAMES:
        return None
    low, middle, high = np.quantile(quiet, (0.1, 0.5, 0.9))
    if middle < speech * 10 ** (LOUD_DB / 10) or high > low * 10 ** (STEADY_DB / 10):
        return None
    frames = np.flatnonzero(pauses[:-1] & pauses[1:] & (power[:-1] <= high))
    if not len(frames):
        return None
    return np.asarray((np.abs(_spectra(samples, frames)) ** 2).mean(axis=0))


def denoised(samples: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The samples with noise of that spectrum [257] subtracted: float32 [N]."""
    from scipy.ndimage import uniform_filter

    padded = np.pad(samples, (FRAME, 2 * FRAME))
    spectra = _spectra(padded, np.arange(len(padded) // FRAME - 1))
    power = uniform_filter(np.abs(spectra) ** 2, _SMOOTHED)
    left = 1.0 - OVERSUBTRACTION * noise / np.maximum(power, np.finfo(np.float32).tiny)
    spectra *= np.sqrt(np.maximum(left, 10 ** (FLOOR_DB / 10)))
    parts = np.fft.irfft(spectra, _FFT)[:, : 2 * FRAME].astype(np.float32)
    summed = np.zeros((len(parts) + 1, FRAME), np.float32)
    summed[:-1] += parts[:, :FRAME]
    summed[1:] += parts[:, FRAME:]
    return summed.ravel()[FRAME : FRAME + len(samples)]


def _spectra(samples: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Complex [len(frames), 257]: windows that begin at the given frames and sum to 1 where they overlap."""
    window = np.hanning(2 * FRAME + 1)[:-1].astype(np.float32)
    views = np.lib.stride_tricks.sliding_window_view(samples, 2 * FRAME)[::FRAME]
    return np.fft.rfft(views[frames] * window, _FFT)
