"""Speech from espeak-ng, with the exact time of every word.

The library and its voices come in the ``espeakng-loader`` wheel; nothing of the system is needed. espeak-ng keeps state
from one utterance to the next (flutter, glottal phase), so that the same words sound different the second time, and
``espeak_Terminate`` does not reset it. Each call therefore loads the library afresh, sets its random seed, and unloads
it: about 5 ms, and every utterance is a function of its words and voice alone.

Word times are the sample positions of the synthesiser's own events. espeak speaks some pairs of short words as one
("of the", "it was", "at all"); a word that got no event of its own is given as phonemes instead, which espeak never
joins.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from fisherprep.speech.espeak_library import MISSING, PHONEME, WORD, Event, fresh_library
from fisherprep.speech.lexicon import spoken_units
from fisherprep.speech.tts import Speaker, Speech, chosen


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng: accent, variant (larynx and vocal tract), pitch and rate."""

    name: str
    language: str
    """Name of an English accent of espeak-ng (a file of its ``lang/gmw`` folder)."""
    variant: str
    """Name of a variant (a file of its ``voices/!v`` folder)."""
    pitch: int
    """0 to 99; 50 is the variant's own pitch."""
    rate_wpm: int
    """Words per minute, 80 to 450."""
    sex: str
    """m or f."""


_VOICES = (
    Voice("us-f1", "en-US", "f1", 50, 145, "f"),
    Voice("us-m1", "en-US", "m1", 50, 150, "m"),
    Voice("us-f2", "en-US", "f2", 46, 160, "f"),
    Voice("us-m3", "en-US", "m3", 50, 155, "m"),
    Voice("us-f3", "en-US", "f3", 40, 150, "f"),
    Voice("us-m7", "en-US", "m7", 56, 145, "m"),
    Voice("us-f4", "en-US", "f4", 52, 165, "f"),
    Voice("us-m4", "en-US", "m4", 44, 165, "m"),
    Voice("us-f5", "en-US", "f5", 58, 155, "f"),
    Voice("us-m2", "en-US", "m2", 60, 160, "m"),
    Voice("nyc-f2", "en-US-nyc", "f2", 56, 170, "f"),
    Voice("nyc-m3", "en-US-nyc", "m3", 42, 170, "m"),
    Voice("gb-f1", "en", "f1", 44, 150, "f"),
    Voice("gb-m1", "en", "m1", 42, 145, "m"),
    Voice("rp-f4", "en-GB-x-rp", "f4", 46, 145, "f"),
    Voice("rp-m7", "en-GB-x-rp", "m7", 48, 155, "m"),
    Voice("scot-f3", "en-GB-scotland", "f3", 48, 155, "f"),
    Voice("scot-m3", "en-GB-scotland", "m3", 56, 150, "m"),
    Voice("carib-f5", "en-029", "f5", 50, 145, "f"),
    Voice("carib-m4", "en-029", "m4", 52, 150, "m"),
)


def voices() -> tuple[Voice, ...]:
    """The English voices, always in the same order: half of them female, half male."""
    return _VOICES


class Espeak:
    """The embedded voices behind the interface of ``tts.py``."""

    gives_words = True

    def __init__(self, names: Sequence[str] = ()) -> None:
        try:
            release = version("espeakng-loader")
        except PackageNotFoundError as err:
            raise ValueError(MISSING) from err
        self._voices = {voice.name: voice for voice in _VOICES}
        self._speakers = chosen(names, [Speaker(v.name, v.sex) for v in _VOICES], "espeak")
        self.identity: dict[str, Any] = {"engine": "espeak", "espeakng-loader": release}

    def speakers(self) -> tuple[Speaker, ...]:
        """The voices that were chosen."""
        return self._speakers

    def say(self, words: Sequence[str], speaker: str, seed: int) -> Speech:
        """As the function ``say``; espeak-ng has no chance in it, so the seed is of no effect."""
        return say(words, self._voices[speaker])


def say(words: Sequence[str], voice: Voice) -> Speech:
    """Speak ``words`` in one breath; closing punctuation (``, . ? ! ; :``) shapes melody and pauses.

    A word may be an initialism (``n.``, ``t._v.``), hold digits, or be several spoken words ("four fifty"); it gets one
    start and one end in any case.

    Raises:
        ValueError: ``espeakng-loader`` is not installed, no words are given, or one has nothing that can be spoken.
    """
    if not words:
        raise ValueError("nothing to say: expected at least one word")
    owners: list[int] = []
    units: list[str] = []
    for index, word in enumerate(words):
        parts = spoken_units(word)
        owners += [index] * len(parts)
        units += parts
        if not parts:
            raise ValueError(f"word {index} of {' '.join(words)!r}: found {word!r}, expected letters or digits")
    wave, rate_hz, spans = _synthesise(units, voice)
    first: dict[int, tuple[int, int]] = {}
    last: dict[int, tuple[int, int]] = {}
    for owner, span in zip(owners, spans, strict=True):
        first.setdefault(owner, span)
        last[owner] = span
    start, end = spans[0][0], spans[-1][1]
    return Speech(
        samples=_faded(wave[start:end].astype(np.float32) / 32768.0, rate_hz),
        rate_hz=rate_hz,
        starts_s=tuple((first[i][0] - start) / rate_hz for i in range(len(words))),
        ends_s=tuple((last[i][1] - start) / rate_hz for i in range(len(words))),
    )


def _faded(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """The utterance without the clicks that cutting it out leaves: 2 ms of fade at either end."""
    length = min(rate_hz // 500, len(samples) // 2)
    ramp = np.linspace(0.0, 1.0, length, endpoint=False, dtype=np.float32)
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp[::-1]
    return samples


def _synthesise(units: list[str], voice: Voice) -> tuple[np.ndarray, int, list[tuple[int, int]]]:
    """Samples, their rate and each unit's first and last-plus-one sample."""
    given = list(units)
    while True:
        with fresh_library() as espeak:
            spoken = espeak.speak(" ".join(given), voice)
            spans = _spans(given, spoken.events)
            missing = [i for i, span in enumerate(spans) if span is None]
            if not missing:
                return spoken.samples, espeak.rate_hz, [span for span in spans if span is not None]
            for i in missing:
                if given[i] != units[i]:
                    raise ValueError(f"espeak-ng has no sound for {units[i]!r} in {' '.join(units)!r}; leave it out")
                given[i] = espeak.in_phonemes(units[i])


def _spans(units: list[str], events: list[Event]) -> list[tuple[int, int] | None]:
    """First and last-plus-one sample of each unit; None for a unit without a word event of its own.

    A pause belongs to no word. After a pause a word starts with its first sound, otherwise where the word before ends.
    """
    offsets = list(accumulate((len(unit) + 1 for unit in units[:-1]), initial=0))
    spans: list[tuple[int, int] | None] = [None] * len(units)
    owner, onset, paused = 0, 0, True
    marks = [e for e in events if e.type in (WORD, PHONEME)]
    for mark, following in pairwise(marks):
        if mark.type == WORD:
            owner, onset = bisect_right(offsets, mark.text_position - 1) - 1, mark.sample
        elif mark.phoneme.startswith("_"):
            paused = True
        else:
            span = spans[owner] or (mark.sample if paused else onset, 0)
            spans[owner] = (span[0], following.sample)
            paused = False
    return spans
