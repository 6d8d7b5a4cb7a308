"""What lies between a voice and a recording: the telephone's band, line noise, crosstalk, or just a room's quiet.

Legend: samples are float32 [2, N], row 0 is side a; levels are RMS in dB relative to full scale (a sine of amplitude 1
lies at -3 dB).
"""

from __future__ import annotations

import numpy as np

TELEPHONE_RATE_HZ = 8_000
TELEPHONE_BAND_HZ = (300.0, 3400.0)
"""Pass band of a telephone channel (ITU-T G.712)."""


def telephone(
    samples: np.ndarray,
    rate_hz: int,
    rng: np.random.Generator,
    noise_dbfs: float = -55.0,
    crosstalk_db: float = -40.0,
) -> np.ndarray:
    """Both channels as a telephone line delivers them.

    Args:
        samples: float32 [2, N], one speaker per row.
        rate_hz: their rate.
        rng: source of the line noise.
        noise_dbfs: level of the noise on each channel.
        crosstalk_db: level at which each side is heard on the other's channel, relative to its own.

    Returns:
        float32 [2, M] at 8 kHz, in time with the input: the band filter has no delay.
    """
    from scipy.signal import butter, sosfiltfilt

    low, high = TELEPHONE_BAND_HZ
    band = butter(4, (low, high), btype="bandpass", fs=TELEPHONE_RATE_HZ, output="sos")
    line = _resample(samples, rate_hz, TELEPHONE_RATE_HZ)
    line = line + _gain(crosstalk_db) * line[::-1]
    noise = sosfiltfilt(band, rng.standard_normal(line.shape), axis=-1)
    noise *= _gain(noise_dbfs) / np.sqrt(np.mean(noise**2))
    heard = sosfiltfilt(band, line, axis=-1) + noise
    return np.clip(heard, -1.0, 1.0).astype(np.float32)


def wideband(
    samples: np.ndarray,
    rate_hz: int,
    rng: np.random.Generator,
    out_rate_hz: int,
    noise_dbfs: float = -65.0,
) -> np.ndarray:
    """Both channels at ``out_rate_hz`` with a light noise floor, so that no pause is digital silence.

    Returns:
        float32 [2, M], in time with the input.
    """
    clean = _resample(samples, rate_hz, out_rate_hz)
    noise = rng.standard_normal(clean.shape) * _gain(noise_dbfs)
    return np.clip(clean + noise, -1.0, 1.0).astype(np.float32)


def _resample(samples: np.ndarray, rate_hz: int, out_rate_hz: int) -> np.ndarray:
    import soxr

    return soxr.resample(samples.T.astype(np.float64), rate_hz, out_rate_hz, quality="HQ").T


def _gain(level_db: float) -> float:
    return 10.0 ** (level_db / 20.0)
