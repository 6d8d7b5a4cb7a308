"""Piper's voices through ``piper-tts`` (extra ``piper``): fast, offline, without word times.

A voice is the path of its ``*.onnx``, its configuration beside it (``*.onnx.json``); with ``#N`` after it, speaker N of
a model of several. Chance is left out (both noise scales are 0): the engine's own would make a sound depend on what was
said before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep.speech.tts import Speaker, Speech, spoken_text
from fisherprep.workfolder import sha256_file


class PiperVoices:
    """Piper behind the interface of ``tts.py``."""

    gives_words = False

    def __init__(self, names: Sequence[str]) -> None:
        try:
            release = version("piper-tts")
        except PackageNotFoundError as err:
            raise ValueError("piper: needs its package: pip install 'fisherprep[piper]'") from err
        if not names or len(set(names)) != len(names):
            raise ValueError("piper: expected paths of its *.onnx voices, each once, under `voices:` or with --voice")
        self._voices = {name: _split(name) for name in names}
        self._models: dict[Path, Any] = {}
        files = sorted({file for file, _ in self._voices.values()})
        for file in files:
            if not file.is_file() or not file.with_name(file.name + ".json").is_file():
                raise ValueError(f"piper: {file}: expected a voice there, and its {file.name}.json beside it")
        self.identity: dict[str, Any] = {
            "engine": "piper",
            "piper-tts": release,
            "weights": [sha256_file(f) for file in files for f in (file, file.with_name(file.name + ".json"))],
        }

    def speakers(self) -> tuple[Speaker, ...]:
        """The voices that were named; their sex is not known."""
        return tuple(Speaker(name) for name in self._voices)

    def say(self, words: Sequence[str], speaker: str, seed: int) -> Speech:
        """One utterance. There is no chance in it, so the seed is of no effect.

        Raises:
            ValueError: nothing can be said.
        """
        from piper.config import SynthesisConfig

        file, number = self._voices[speaker]
        voice = self._model(file)
        how = SynthesisConfig(speaker_id=number, noise_scale=0.0, noise_w_scale=0.0, normalize_audio=False)
        chunks = [chunk.audio_float_array for chunk in voice.synthesize(spoken_text(words), how)]
        if not chunks:
            raise ValueError(f"piper gave no sound for {' '.join(words)!r}")
        return Speech(np.concatenate(chunks).astype(np.float32), int(voice.config.sample_rate))

    def _model(self, file: Path) -> Any:
        if file not in self._models:
            from piper import PiperVoice

            self._models[file] = PiperVoice.load(file)
        return self._models[file]


def _split(name: str) -> tuple[Path, int | None]:
    file, mark, number = name.rpartition("#")
    return (Path(file), int(number)) if mark and number.isdigit() else (Path(name), None)
