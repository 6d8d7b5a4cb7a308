"""What a line may do to a call, at levels that are defined: noise below active speech, and the other side's voice.

Levels of speech are active speech levels (ITU-T P.56, method B): pauses do not count, so that a quiet side gets no less
noise than a talkative one. Noise passes the telephone's band as the voice does, and its level is measured behind it.

Legend: samples are float64 [2, N] at 8 kHz, row 0 is side a.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fisherprep.speech.channel import TELEPHONE_BAND_HZ, TELEPHONE_RATE_HZ

TALKERS = 8
"""Voices in babble."""
MARGIN_DB = 15.9
"""P.56, method B: the threshold of activity lies this far below the active level."""


@dataclass(frozen=True)
class Condition:
    """A line: noise of a kind at a signal-to-noise ratio, or crosstalk at a level relative to its own channel."""

    name: str
    kind: str = "none"
    """none, white, pink, babble or crosstalk"""
    level_db: float = 0.0


CLEAN = Condition("clean")
CONDITIONS = (
    CLEAN,
    Condition("white noise, 20 dB", "white", 20.0),
    Condition("white noise, 10 dB", "white", 10.0),
    Condition("pink noise, 10 dB", "pink", 10.0),
    Condition("babble, 10 dB", "babble", 10.0),
    Condition("crosstalk, -20 dB", "crosstalk", -20.0),
)


def disturbed(
    samples: np.ndarray, condition: Condition, voices: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """The call on such a line.

    Args:
        samples: [2, N].
        condition: the line.
        voices: channels of other calls, [M] each, of which babble is made.
        rng: source of the noise.
    """
    if condition.kind == "none":
        return samples
    if condition.kind == "crosstalk":
        return samples + 10 ** (condition.level_db / 20) * samples[::-1]
    noisy = []
    for channel in samples:
        noise = _noise(condition.kind, len(channel), voices, rng)
        level_db = active_level_dbfs(channel) - condition.level_db
        noisy.append(channel + noise * 10 ** (level_db / 20) / np.sqrt(np.mean(noise**2)))
    return np.stack(noisy)


def _noise(kind: str, length: int, voices: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    from scipy.signal import butter, sosfiltfilt

    if kind == "babble":
        babble = np.zeros(length)
        for index in rng.integers(len(voices), size=TALKERS):
            talker = np.resize(np.roll(voices[index], rng.integers(len(voices[index]))), length)
            babble += talker * 10 ** (-active_level_dbfs(talker) / 20)
        return babble
    noise = rng.standard_normal(length)
    if kind == "pink":
        spectrum = np.fft.rfft(noise)
        spectrum[1:] /= np.sqrt(np.fft.rfftfreq(length)[1:])
        noise = np.fft.irfft(spectrum, length)
    band = butter(4, TELEPHONE_BAND_HZ, btype="bandpass", fs=TELEPHONE_RATE_HZ, output="sos")
    return np.asarray(sosfiltfilt(band, noise))


def active_level_dbfs(samples: np.ndarray) -> float:
    """Active speech level of [N] at 8 kHz, dB relative to full scale, by ITU-T P.56 method B.

    The envelope (two poles of 30 ms), with a hangover of 200 ms, is compared with thresholds an octave apart; the level
    is where the mean power while it is above a threshold is 15.9 dB above that threshold, between two of them by
    interpolation.

    Raises:
        ValueError: the samples are silent.
    """
    from scipy.ndimage import maximum_filter1d
    from scipy.signal import lfilter

    keep = np.exp(-1 / (0.03 * TELEPHONE_RATE_HZ))
    envelope = np.abs(samples)
    for _ in range(2):
        envelope = lfilter([1 - keep], [1, -keep], envelope)
    hangover = round(0.2 * TELEPHONE_RATE_HZ)
    held = maximum_filter1d(envelope, hangover, origin=(hangover - 1) // 2)
    energy, before = float(np.square(samples).sum()), None
    for threshold in 2.0 ** np.arange(-15, 1):
        active = int(np.count_nonzero(held >= threshold))
        if not active or not energy:
            break
        level = 10 * np.log10(energy / active)
        margin = level - 20 * np.log10(threshold)
        if margin <= MARGIN_DB:
            if before is None:
                return float(level)
            part = (before[1] - MARGIN_DB) / (before[1] - margin)
            return float(before[0] + part * (level - before[0]))
        before = level, margin
    raise ValueError("no speech level: the samples are silent")
