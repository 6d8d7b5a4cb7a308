"""What befalls the user's channel: gain, noise, the agent's echo, a room, a telephone. The agent's stays as it is.

Gain, noise and echo with their ranges are those of Moshi's instruct fine-tuning (arXiv 2410.00037, the section on data
augmentation): a gain of -24 to +15 dB (in half of the calls); noise at -30 to +6 dB relative to the speech, with silent
stretches of up to 30 s (in 30 %); the agent's own sound in the user's microphone, scaled by 0 to 0.2 and 100 to 500 ms
late, with reverberation (in 30 %). Theirs is recorded noise of the Deep Noise Suppression challenge; here it is
generated (white, pink, and mains hum). The reverberation is a decaying train of reflections in the manner of Defossez
et al. 2020 ("Real Time Speech Enhancement in the Waveform Domain"); its constants, and the telephone, are our choice.

Legend: samples are float32 [2, N], row 0 is side a.
"""

from __future__ import annotations

import numpy as np

from fisherprep.corpus.g711 import ULAW_TO_PCM
from fisherprep.domain import Conditions
from fisherprep.schema import SIDES
from fisherprep.speech.channel import TELEPHONE_BAND_HZ, TELEPHONE_RATE_HZ

PRESETS = {
    "none": Conditions(),
    "moshi": Conditions(gain=0.5, noise=0.3, echo=0.3),
    "telephone": Conditions(gain=0.5, noise=0.3, echo=0.3, telephone=1.0),
}
"""By the names that ``--conditions`` takes."""

GAIN_DB = (-24.0, 15.0)
NOISE_DB = (-30.0, 6.0)
SILENCE_S = 30.0
ECHO_SCALE = (0.0, 0.2)
ECHO_DELAY_S = (0.1, 0.5)
_ROOM_DECAY_S = (0.2, 0.6)
_ROOM_FIRST_S = (0.01, 0.03)
_ROOM_LEVEL = (0.05, 0.3)
"""of the first reflection"""


def disturb(
    samples: np.ndarray, rate_hz: int, user: str, conditions: Conditions, rng: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """The dialogue with the user's channel as a microphone or a line would give it.

    Args:
        samples: float32 [2, N].
        rate_hz: their rate.
        user: the user's side, a or b.
        conditions: what may happen, and how often.
        rng: decides all.

    Returns:
        float32 [2, N], and the flags of what was done: user_gain, user_noise, user_echo, user_telephone.
    """
    row = SIDES.index(user)
    agent, heard = samples[1 - row], samples[row].astype(np.float64)
    flags = [f"user_{name}" for name, share in vars(conditions).items() if rng.random() < share]
    if "user_gain" in flags:
        heard = heard * _amplitude(rng.uniform(*GAIN_DB))
    if "user_noise" in flags:
        heard = heard + _noise(heard, rate_hz, rng)
    if "user_echo" in flags:
        heard = _in_a_room(heard + _late(agent, round(rng.uniform(*ECHO_DELAY_S) * rate_hz)) * rng.uniform(*ECHO_SCALE),
                           rate_hz, rng)  # fmt: skip
    if "user_telephone" in flags:
        heard = _over_the_telephone(heard, rate_hz)
    done = samples.copy()
    done[row] = np.clip(heard, -1.0, 1.0)
    return done, flags


def _amplitude(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))


def _late(samples: np.ndarray, delay: int) -> np.ndarray:
    return np.concatenate([np.zeros(delay), samples])[: len(samples)]


def _noise(speech: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """Stretches of noise and, as often, of silence, at a level relative to the speech (its frames that sound)."""
    noise = _colour(len(speech), rate_hz, rng)
    silent = np.zeros(len(speech), bool)
    begin = 0
    while begin < len(speech):
        length = max(rate_hz, round(rng.uniform(0, SILENCE_S) * rate_hz))
        silent[begin : begin + length] = rng.random() < 0.5
        begin += length
    if not silent.all():  # what is flagged as noisy is noisy somewhere
        noise[silent] = 0.0
    hop = rate_hz // 50
    frames = speech[: len(speech) // hop * hop].reshape(-1, hop)
    power = np.mean(frames**2, axis=1)
    active = power[power > power.max(initial=0.0) * 1e-4]
    level = np.sqrt(active.mean()) if len(active) else 0.0
    return noise * level * _amplitude(rng.uniform(*NOISE_DB))


def _colour(length: int, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """White to pink noise with more or less mains hum, at an RMS of 1."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hz = np.maximum(np.fft.rfftfreq(length, 1 / rate_hz), 20.0)
    noise = np.fft.irfft(spectrum * hz ** -rng.uniform(0.0, 0.6), length)
    noise /= np.sqrt(np.mean(noise**2)) + 1e-12
    mains_hz, hum = rng.choice((50.0, 60.0)), rng.uniform(0.0, 0.7)
    noise += hum * np.sin(2 * np.pi * mains_hz * np.arange(length) / rate_hz)
    return noise / np.sqrt(np.mean(noise**2))


def _in_a_room(samples: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """The sound and its reflections: each later by about the first one's delay, and weaker with the room's decay."""
    first_s, decay_s, level = (rng.uniform(*span) for span in (_ROOM_FIRST_S, _ROOM_DECAY_S, _ROOM_LEVEL))
    answer = np.zeros(round(decay_s * rate_hz) + 1)
    answer[0] = 1.0
    at_s = first_s
    while at_s < decay_s:
        answer[round(at_s * rate_hz)] += level * 10.0 ** (-3.0 * at_s / decay_s)  # -60 dB after decay_s
        at_s += first_s * rng.uniform(0.5, 1.5)
    from scipy.signal import oaconvolve

    return oaconvolve(samples, answer)[: len(samples)]


def _over_the_telephone(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """The telephone's band at 8 kHz, its samples those of mu-law (ITU-T G.711)."""
    import soxr
    from scipy.signal import butter, sosfiltfilt

    band = butter(4, TELEPHONE_BAND_HZ, btype="bandpass", fs=TELEPHONE_RATE_HZ, output="sos")
    line = sosfiltfilt(band, soxr.resample(samples, rate_hz, TELEPHONE_RATE_HZ, quality="HQ"))
    steps = np.unique(ULAW_TO_PCM).astype(np.float64)
    pcm = np.clip(line * 32768.0, steps[0], steps[-1])
    coded = steps[np.searchsorted((steps[1:] + steps[:-1]) / 2, pcm)] / 32768.0
    back = soxr.resample(coded, TELEPHONE_RATE_HZ, rate_hz, quality="HQ")
    return np.pad(back[: len(samples)], (0, max(0, len(samples) - len(back))))
