"""Telephone speech made fit for a wideband acoustic model.

Above 4 kHz telephone speech at 16 kHz holds nothing, while to a wideband model energy up there is what tells a
fricative from silence. So noise is added there, as loud as the top of the telephone band is, in frames where that
outweighs the voice. The same noise, far softer and over the whole band, keeps digital silence from having no energy.

On synthetic telephone speech with known word times the share of words that start within 80 ms of the truth went up
from 97.5 to 97.7 %, at 10 dB of noise from 90 to 92 %; of word ends from 95 to 97 % and from 70 to 83 %.

Legend: N samples at 16 kHz, F frames of 10 ms.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from fisherprep.align.aligner import ALIGNER_RATE_HZ

FRAME = ALIGNER_RATE_HZ // 100
"""Samples of 10 ms."""
VOICE_HZ = (250.0, 1000.0)
FRICTION_HZ = (2200.0, 3600.0)
ADDED_HZ = (3600.0, 7500.0)
EMPTY_ABOVE_HZ = 4200.0
EMPTY_DB = -40.0
"""Sound is telephone speech where what lies above `EMPTY_ABOVE_HZ` is this far below the rest."""
CONTRAST = 3
"""Power to which the share of friction in a frame is raised: the noise stays away from vowels."""
DITHER_DB = -45.0
"""Level of the noise under everything, relative to the loud parts."""
_NOISE_SAMPLES = 1 << 19
_FFT = 512


def widened(samples: np.ndarray) -> np.ndarray:
    """The samples at an even level (their loud parts at RMS 1), with noise in the empty band and a floor of noise.

    Args:
        samples: float32 [N], of which wideband ones get the floor alone.

    Returns:
        float32 [N], a function of the samples alone.
    """
    white, high = _noise()
    spectrum = _power_spectrum(samples)
    power = spectrum.sum(axis=1)
    loud = np.sqrt(np.quantile(power, 0.9)) or 1.0
    mixed = samples / np.float32(loud) + np.resize(white, len(samples)) * np.float32(10 ** (DITHER_DB / 20))
    if _band(spectrum, EMPTY_ABOVE_HZ, np.inf).sum() > 10 ** (EMPTY_DB / 10) * power.sum():
        return mixed
    voice, friction = _band(spectrum, *VOICE_HZ), _band(spectrum, *FRICTION_HZ)
    share = friction / np.maximum(friction + voice, np.finfo(np.float32).tiny)
    gain = np.sqrt(friction) * share**CONTRAST / loud
    centres = np.arange(len(gain)) * FRAME + FRAME
    return mixed + np.resize(high, len(samples)) * np.interp(np.arange(len(samples)), centres, gain).astype(np.float32)


def _power_spectrum(samples: np.ndarray) -> np.ndarray:
    """Power by frame and frequency, [F, 257], of windows of 20 ms; summed over frequency it is the mean square."""
    window = np.hanning(2 * FRAME).astype(np.float32)
    if len(samples) < 2 * FRAME:
        samples = np.pad(samples, (0, 2 * FRAME - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, 2 * FRAME)[::FRAME] * window
    return np.abs(np.fft.rfft(frames, _FFT)) ** 2 * (2.0 / (_FFT * np.square(window).sum()))


def _band(spectrum: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Power of each frame in a band, [F]."""
    hz = np.arange(spectrum.shape[1]) * ALIGNER_RATE_HZ / _FFT
    return spectrum[:, (hz >= low_hz) & (hz < high_hz)].sum(axis=1)


@cache
def _noise() -> tuple[np.ndarray, np.ndarray]:
    """White noise, and noise of `ADDED_HZ`, float32, both of RMS 1: always the same."""
    white = np.random.default_rng(0).standard_normal(_NOISE_SAMPLES)
    spectrum = np.fft.rfft(white)
    hz = np.fft.rfftfreq(_NOISE_SAMPLES, 1 / ALIGNER_RATE_HZ)
    high = np.fft.irfft(spectrum * ((hz >= ADDED_HZ[0]) & (hz < ADDED_HZ[1])), _NOISE_SAMPLES)
    return white.astype(np.float32), (high / np.sqrt(np.mean(high**2))).astype(np.float32)
