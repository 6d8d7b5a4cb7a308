"""A voice of the user's own: ``module:callable``, called for one utterance at a time.

::

    def speak(text: str, voice: str, seed: int):
        return samples, rate_hz                 # float32 [N], -1 to 1
        return samples, rate_hz, word_times     # [(start_s, end_s), ...], one for each word of text.split()

A callable that returns word times has the attribute ``gives_words = True``; without it, `fisherprep align` places the
words. It is not trusted: what it raises or returns amiss costs its dialogue only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fisherprep.plugin import find_callable, source_hash
from fisherprep.speech.tts import Speaker, Speech, spoken_text

MAX_S = 120.0
_RATES_HZ = (8_000, 192_000)


class External:
    """A callable behind the interface of ``tts.py``."""

    def __init__(self, spec: str, names: Sequence[str]) -> None:
        self._spec = spec
        self._function = find_callable(spec, "speech engine")
        if not names or len(set(names)) != len(names):
            raise ValueError(f"speech engine {spec!r}: expected its voices, each once, under `voices:` or with --voice")
        self._speakers = tuple(Speaker(name) for name in names)
        self.gives_words = getattr(self._function, "gives_words", False) is True
        self.identity: dict[str, Any] = {
            "engine": spec,
            "gives_words": self.gives_words,
            "version": str(getattr(self._function, "version", "")),
            "source": source_hash(self._function),
        }

    def speakers(self) -> tuple[Speaker, ...]:
        """The voices that were named; their sex is not known."""
        return self._speakers

    def say(self, words: Sequence[str], speaker: str, seed: int) -> Speech:
        """What the callable returns, once it has been found to be speech.

        With word times, ``text.split()`` are the words as they are written; without, numbers are written out.

        Raises:
            ValueError: it raised something, or returned something else.
        """
        text = " ".join(words) if self.gives_words else spoken_text(words)
        try:
            answer = self._function(text, speaker, seed)
        except (Exception, SystemExit) as err:  # the user's code may raise anything
            raise ValueError(f"{self._spec} failed with {type(err).__name__}: {err}") from err
        try:
            samples, rate_hz, *rest = answer
            samples, rate_hz = np.asarray(samples, np.float32), int(rate_hz)
            times = np.asarray(rest[0], float) if self.gives_words else None
        except (TypeError, ValueError, IndexError, OverflowError) as err:
            expected = "(samples, rate_hz, word_times)" if self.gives_words else "(samples, rate_hz)"
            raise ValueError(f"{self._spec} returned {type(answer).__name__} ({err}), expected {expected}") from err
        return self._checked(samples, rate_hz, times, len(words))

    def _checked(self, samples: np.ndarray, rate_hz: int, times: np.ndarray | None, num_words: int) -> Speech:
        if not _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1]:
            raise ValueError(f"{self._spec} returned a rate of {rate_hz} Hz, expected {_RATES_HZ[0]} to {_RATES_HZ[1]}")
        if samples.ndim != 1 or not 0 < len(samples) <= MAX_S * rate_hz:
            raise ValueError(f"{self._spec} returned samples of shape {samples.shape}, expected [N], up to {MAX_S:g} s")
        if not np.isfinite(samples).all() or np.abs(samples).max() > 2.0:
            raise ValueError(f"{self._spec} returned samples that are no float audio, expected -1 to 1")
        samples = np.clip(samples, -1.0, 1.0)
        if times is None:
            return Speech(samples, rate_hz)
        flat = times.reshape(-1) if times.shape == (num_words, 2) else np.array([np.nan])
        inside = np.isfinite(flat).all() and flat[0] >= 0 and flat[-1] <= len(samples) / rate_hz + 1e-3
        if not inside or (np.diff(flat) < 0).any() or (times[:, 1] <= times[:, 0]).any():
            raise ValueError(f"{self._spec} returned word times {times.tolist()!r:.80}, expected {num_words} in order")
        start_s = float(times[0, 0])
        sound = samples[round(start_s * rate_hz) : round(float(times[-1, 1]) * rate_hz)]
        starts, ends = ((times[:, column] - start_s).tolist() for column in (0, 1))
        return Speech(sound, rate_hz, tuple(starts), tuple(ends))
