"""Voices of one's own for the tests: espeak-ng behind plain callables, and callables that go wrong."""

from __future__ import annotations

import numpy as np

from fisherprep.speech.espeak import say, voices


def plain(text, voice, seed):
    """A voice without word times; the seed gives the silence before it."""
    speech = say(text.split(), voices()[int(voice)])
    return np.concatenate([np.zeros(seed % 5000), speech.samples]), speech.rate_hz


def timed(text, voice, seed):
    """A voice with word times."""
    speech = say(text.split(), voices()[int(voice)])
    return speech.samples, speech.rate_hz, list(zip(speech.starts_s, speech.ends_s, strict=True))


timed.gives_words = True


def choosy(text, voice, seed):
    """Fails on one script's price."""
    if "fifty two" in text:
        raise RuntimeError("no fifty two")
    return plain(text, voice, seed)


ANSWERS = {
    "nothing": None,
    "silence": (np.zeros(0), 8000),
    "stereo": (np.zeros((2, 800)), 8000),
    "rate": (np.ones(800), 10),
    "endless rate": (np.ones(800), float("inf")),
    "loud": (np.full(800, 30000.0), 8000),
    "nan": (np.full(800, np.nan), 8000),
    "long": (np.ones(8000 * 130), 8000),
}


def wrong(text, voice, seed):
    """Returns what the voice's name asks for."""
    return ANSWERS[voice]


def few_times(text, voice, seed):
    """Word times for one word only."""
    return np.ones(8000), 8000, [(0.0, 0.5)]


few_times.gives_words = True
NUMBER = 5
