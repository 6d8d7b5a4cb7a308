"""Bandwidth extension of one's own for the tests: a plain one, and callables that go wrong."""

from __future__ import annotations

import numpy as np


def double(samples, rate_hz):
    """Twice the rate, each sample twice: images of the band fill the upper half."""
    return np.repeat(samples, 2), 2 * rate_hz


def folded(samples, rate_hz):
    """Three times the rate by linear interpolation, softer, and three samples too long, as models in blocks are."""
    places = np.arange(3 * len(samples) + 3) / 3
    return 0.5 * np.interp(places, np.arange(len(samples)), samples), 3 * rate_hz


def choosy(samples, rate_hz):
    """Fails on sound without any silence at its start."""
    if len(samples) % 2:
        raise RuntimeError("an odd number of samples")
    return double(samples, rate_hz)


def changing(samples, rate_hz):
    """Writes into what it was given."""
    samples[:] = 0
    return np.repeat(samples + 0.1, 2), 2 * rate_hz


def leaves(samples, rate_hz):
    """Ends the process, or would."""
    raise SystemExit(3)


def of_two_minds(samples, rate_hz):
    """Another rate for each channel."""
    factor = 2 if samples[0] > 0 else 3
    return np.repeat(samples, factor), factor * rate_hz


ANSWERS = {
    "nothing": lambda x, hz: None,
    "a lone array": lambda x, hz: x,
    "stereo": lambda x, hz: (np.stack([x, x]), hz),
    "nan": lambda x, hz: (np.full_like(x, np.nan), hz),
    "sixteen bits": lambda x, hz: (np.full(len(x), 30000), hz),
    "half as long": lambda x, hz: (x[: len(x) // 2], hz),
    "a little long": lambda x, hz: (np.pad(x, (0, hz // 20)), hz),
    "a lower rate": lambda x, hz: (x[::2], hz // 2),
    "no rate": lambda x, hz: (x, None),
    "an endless rate": lambda x, hz: (x, float("inf")),
    "half a rate": lambda x, hz: (x, hz + 0.5),
    "words": lambda x, hz: (["a"] * len(x), hz),
    "an error": lambda x, hz: 1 / 0,
}


class Answers:
    """Callables by attribute: ``my_restore:answers.nan``."""

    def __getattr__(self, name):
        return ANSWERS[name.replace("_", " ")]


answers = Answers()
NUMBER = 5
