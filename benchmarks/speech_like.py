"""Sound with the statistics of a telephone call, made from a seed: syllables of changing pitch, hiss and pauses.

It stands in for speech where a codec is measured: its spectrum, level and rhythm change as speech's do, and no two
seconds are alike. Legend: N samples.
"""

from __future__ import annotations

import numpy as np

RATE_HZ = 8000
SYLLABLE_S = (0.08, 0.3)
TURN_S = (1.0, 8.0)
FORMANTS_HZ = ((250, 900), (800, 2400), (2200, 3400))
HARMONICS = 24


def speech_like_call(seed: int, seconds: float) -> np.ndarray:
    """int16 [N, 2] at 8 kHz: the sides talk in turn over line noise."""
    rng = np.random.default_rng(seed)
    num_samples = round(seconds * RATE_HZ)
    talking = _turns(rng, num_samples)
    sides = [_side(rng, num_samples) * (talking if side == 0 else ~talking) for side in (0, 1)]
    noise = 12 * rng.standard_normal((2, num_samples), dtype=np.float32)
    return np.clip(np.stack(sides) + noise, -32768, 32767).astype(np.int16).T


def _turns(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """Whether side a is the one who talks, [N]."""
    lengths = rng.uniform(*TURN_S, 2 + int(num_samples / RATE_HZ / TURN_S[0]))
    owner = np.arange(len(lengths)) % 2 == rng.integers(2)
    return np.repeat(owner, (lengths * RATE_HZ).astype(int))[:num_samples]


def _side(rng: np.random.Generator, num_samples: int) -> np.ndarray:
    """A voice that never rests, float32 [N]."""
    count = 1 + int(num_samples / RATE_HZ / SYLLABLE_S[0])
    lengths = (rng.uniform(*SYLLABLE_S, count) * RATE_HZ).astype(int)
    of = np.repeat(np.arange(count), lengths)[:num_samples]
    place = np.concatenate([np.linspace(0, 1, n, dtype=np.float32) for n in lengths])[:num_samples]
    kind = rng.choice(3, count, p=(0.65, 0.2, 0.15))  # voiced, hiss, rest
    base_hz = rng.uniform(90, 220)
    pitch_hz = (base_hz * rng.uniform(0.8, 1.25, count))[of] * (1 + 0.1 * place)
    phase = np.cumsum(2 * np.pi * pitch_hz / RATE_HZ)
    formants = np.array([rng.uniform(*band, count) for band in FORMANTS_HZ])
    sound = np.zeros(num_samples, np.float32)
    turn, step = np.ones(num_samples, np.complex64), np.exp(1j * phase).astype(np.complex64)
    for harmonic in range(1, HARMONICS):
        turn *= step
        hz = harmonic * base_hz
        gain = sum(np.exp(-(((hz - f) / 150) ** 2)) for f in formants) * (hz < 3400) + 0.03
        sound += gain.astype(np.float32)[of] * turn.imag
    hiss = rng.standard_normal(num_samples, dtype=np.float32)
    hiss[1:] -= rng.uniform(0.0, 0.9) * hiss[:-1]
    level = (1500 * 10 ** rng.uniform(-1, 0.3, count)).astype(np.float32)[of] * np.sin(np.pi * place)
    return level * np.where(kind[of] == 0, sound, np.where(kind[of] == 1, 0.4 * hiss, 0.0))
