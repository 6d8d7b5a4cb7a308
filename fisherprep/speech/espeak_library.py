"""The espeak-ng library by way of ctypes: what is said, as samples and events."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fisherprep.speech.espeak import Voice

MISSING = "speech needs espeak-ng: install it with  pip install 'fisherprep[demo]'"

WORD, PHONEME = 1, 7
"""espeak_EVENT_TYPE of speak_lib.h"""
_SYNCHRONOUS = 2
"""AUDIO_OUTPUT_SYNCHRONOUS of speak_lib.h: audio goes to the callback, before espeak_Synth returns"""
_PHONEME_EVENTS, _DONT_EXIT = 0x0001, 0x8000
_UTF8, _PHONEME_INPUT = 1, 0x100
_RATE, _PITCH = 1, 3
_SEED = 1
"""Of the noise in breathy voices; espeak-ng takes the time of day otherwise."""
_WEAK_FORMS = {"a": "a#", "an": "a#n"}
"""Words that espeak gives another pronunciation alone than in a phrase, in its phoneme notation."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _RawEvent(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_RawEvent))


@dataclass(frozen=True)
class Event:
    type: int
    text_position: int
    """in characters, from 1"""
    sample: int
    phoneme: str


@dataclass(frozen=True)
class Spoken:
    samples: np.ndarray
    """int16 [N]"""
    events: list[Event]


class Library:
    """espeak-ng, initialised, with nothing said yet."""

    def __init__(self, handle: Any, data: str) -> None:
        self._lib = handle
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        options = _PHONEME_EVENTS | _DONT_EXIT
        self.rate_hz: int = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), options)
        if self.rate_hz <= 0:
            raise ValueError(f"espeak-ng cannot read its data in {data}; reinstall with pip install 'fisherprep[demo]'")
        self._lib.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))

    def speak(self, text: str, voice: Voice) -> Spoken:
        chunks: list[np.ndarray] = []
        events: list[Event] = []

        def take(wave: Any, count: int, raw: Any) -> int:
            if wave and count > 0:
                chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
            index = 0
            while raw[index].type != 0:
                e = raw[index]
                phoneme = e.id.string.decode("utf-8", "replace") if e.type == PHONEME else ""
                events.append(Event(e.type, e.text_position, e.sample, phoneme))
                index += 1
            return 0

        callback = _Callback(take)
        self._lib.espeak_SetSynthCallback(callback)
        name = f"gmw/{voice.language}+{voice.variant}"
        if self._lib.espeak_SetVoiceByName(name.encode()) != 0:
            raise ValueError(f"voice {voice.name!r}: espeak-ng knows no voice {name!r}; expected one of voices()")
        self._lib.espeak_SetParameter(_RATE, voice.rate_wpm, 0)
        self._lib.espeak_SetParameter(_PITCH, voice.pitch, 0)
        raw_text = text.encode()
        self._lib.espeak_Synth(raw_text, len(raw_text) + 1, 0, 1, 0, _UTF8 | _PHONEME_INPUT, None, None)
        return Spoken(np.concatenate(chunks) if chunks else np.zeros(0, np.int16), events)

    def in_phonemes(self, unit: str) -> str:
        """The unit in espeak's phoneme notation, its closing mark kept."""
        word = unit.rstrip(",.?!;:")
        phonemes = _WEAK_FORMS.get(word.lower()) or self._phonemes(word)
        return f"[[{phonemes}]]{unit[len(word) :]}"

    def _phonemes(self, word: str) -> str:
        text = ctypes.c_char_p(word.encode())
        parts = []
        while text.value:
            parts.append(self._lib.espeak_TextToPhonemes(ctypes.byref(text), _UTF8, 0).decode())
        return "".join(parts).replace(" ", "")


_loading = threading.Lock()


@contextmanager
def fresh_library() -> Iterator[Library]:
    """The library in its first state: loaded for one use, then unloaded."""
    import _ctypes

    try:
        import espeakng_loader
    except ImportError as err:
        raise ValueError(MISSING) from err
    with _loading:
        handle = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            yield Library(handle, espeakng_loader.get_data_path())
        finally:
            handle.espeak_Terminate()
            _ctypes.dlclose(handle._handle)
