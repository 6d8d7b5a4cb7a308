"""Voices: one interface for every engine that speaks, and how an engine is found by its name.

Engines: ``espeak`` (embedded), ``kokoro`` and ``piper`` (extras), and any ``module:callable``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from fisherprep.domain import SpeechChoice
from fisherprep.numbers import spoken_numbers
from fisherprep.speech.lexicon import LETTER_A, spoken_units

ENGINES = ("espeak", "kokoro", "piper")


@dataclass(frozen=True)
class Speaker:
    """A voice of an engine, by its name."""

    name: str
    sex: str | None = None
    """m or f, where it is known"""


@dataclass(frozen=True)
class Speech:
    """One utterance, from the start of its first sound to the end of its last.

    Engines that do not know their words' times leave ``starts_s`` and ``ends_s`` None.
    """

    samples: np.ndarray
    """float32 [N], mono, -1 to 1"""
    rate_hz: int
    starts_s: tuple[float, ...] | None = None
    """start of each word's first sound; inside a phrase a stop's closure belongs to its word"""
    ends_s: tuple[float, ...] | None = None
    """end of each word's last sound: the next word's start where there is no pause"""


class Tts(Protocol):
    """An engine. What it says must follow from words, voice and seed alone, in whatever order it is asked."""

    gives_words: bool
    """whether it knows when each word is said"""
    identity: dict[str, Any]
    """JSON-able; another value means another sound: versions and hashes of weights"""

    def speakers(self) -> tuple[Speaker, ...]:
        """Its voices, always in the same order."""
        ...

    def say(self, words: Sequence[str], speaker: str, seed: int) -> Speech:
        """Speak the words in one breath. Raises ValueError where that cannot be done."""
        ...


@cache
def load_tts(choice: SpeechChoice) -> Tts:
    """The engine of a choice; loaded once a process.

    Raises:
        ValueError: an unknown engine or voice, a package or weights that are not there.
    """
    if choice.engine == "espeak":
        from fisherprep.speech.espeak import Espeak

        return Espeak(choice.voices)
    if choice.engine == "kokoro":
        from fisherprep.speech.kokoro import KokoroVoices

        return KokoroVoices(choice.voices, choice.model)
    if choice.engine == "piper":
        from fisherprep.speech.piper import PiperVoices

        return PiperVoices(choice.voices)
    if ":" in choice.engine:
        from fisherprep.speech.external import External

        return External(choice.engine, choice.voices)
    raise ValueError(
        f"speech engine {choice.engine!r}: expected one of {', '.join(ENGINES)}, or module:callable of your own"
    )


def chosen(names: Sequence[str], known: Sequence[Speaker], engine: str) -> tuple[Speaker, ...]:
    """The voices of these names, all where there are none.

    Raises:
        ValueError: a name is unknown or comes twice.
    """
    by_name = {speaker.name: speaker for speaker in known}
    for name in names:
        if name not in by_name:
            raise ValueError(f"{engine}: found voice {name!r}, expected one of {', '.join(by_name)}")
    if len(set(names)) != len(names):
        raise ValueError(f"{engine}: a voice comes twice in {', '.join(names)}; name each once")
    return tuple(by_name[name] for name in names) if names else tuple(known)


def spoken_text(words: Sequence[str]) -> str:
    """The words as plain text for engines that read text: numbers and prices written out as they are said.

    Raises:
        ValueError: nothing that can be said.
    """
    said = []
    for word in words:
        units = spoken_units(word)
        if any(c.isdigit() for c in word):
            said += [_in_letters(unit) for unit in units]
        elif units:
            said.append(word)
    if not said:
        raise ValueError(f"nothing to say in {' '.join(words)!r}: expected letters or digits")
    return " ".join(said)


def _in_letters(unit: str) -> str:
    unit = unit.replace(LETTER_A, "A")
    number = unit.rstrip(",.?!;:")
    forms = spoken_numbers(number) if number.isdigit() else []
    return " ".join(forms[0]) + unit[len(number) :] if forms else unit
