"""Kokoro-82M's voices through ``kokoro-onnx`` (extra ``kokoro``): natural speech, offline, without word times.

The weights are two files of one folder, which the manifest names (``model: FOLDER``): one ``*.onnx``, and the voices,
``voices*.bin`` (NumPy's archive of style vectors, as kokoro-onnx's releases have it) or ``voices/*.bin`` (one file of
float32 [510, 256] a voice, as in the ONNX community's repository).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep.speech.tts import Speaker, Speech, chosen, spoken_text
from fisherprep.workfolder import sha256_file

_LANGUAGES = {"a": "en-us", "b": "en-gb"}
"""By the first letter of a voice's name; the second is f or m. Others are of other languages."""
_STYLE = (1, 256)


class KokoroVoices:
    """Kokoro behind the interface of ``tts.py``."""

    gives_words = False

    def __init__(self, names: Sequence[str], model: str | None) -> None:
        try:
            import onnxruntime
            from kokoro_onnx import Kokoro

            release = version("kokoro-onnx")
        except (ImportError, PackageNotFoundError) as err:
            raise ValueError("kokoro: needs its package: pip install 'fisherprep[kokoro]'") from err
        weights, voices = _files(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the order of sums, and so the sound
        session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._styles = _styles(voices)
        self._kokoro = _without_voices(Kokoro, session, weights)
        english = [Speaker(n, n[1]) for n in sorted(self._styles) if n[0] in _LANGUAGES and n[1:2] in ("f", "m")]
        self._speakers = chosen(names, english, "kokoro")
        self.identity: dict[str, Any] = {
            "engine": "kokoro",
            "kokoro-onnx": release,
            "weights": [sha256_file(file) for file in (weights, *voices)],
        }

    def speakers(self) -> tuple[Speaker, ...]:
        """The English voices, or those that were chosen."""
        return self._speakers

    def say(self, words: Sequence[str], speaker: str, seed: int) -> Speech:
        """One utterance at 24 kHz. There is no chance in it, so the seed is of no effect.

        Raises:
            ValueError: nothing can be said.
        """
        style = self._styles[speaker]
        samples, rate_hz = self._kokoro.create(spoken_text(words), voice=style, lang=_LANGUAGES[speaker[0]])
        return Speech(np.asarray(samples, np.float32), int(rate_hz))


def _files(model: str | None) -> tuple[Path, list[Path]]:
    folder = Path(model) if model else None
    if folder is None or not folder.is_dir():
        raise ValueError(f"kokoro: found {model!r}, expected a folder of weights (`model:`)")
    weights = sorted([*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")])
    voices = sorted(folder.glob("voices*.bin")) or sorted(folder.glob("voices/*.bin"))
    if len(weights) != 1 or not voices:
        raise ValueError(
            f"{folder}: found {len(weights)} *.onnx and {len(voices)} files of voices, expected one *.onnx and "
            "voices*.bin or voices/*.bin"
        )
    return weights[0], voices


def _styles(files: list[Path]) -> dict[str, np.ndarray]:
    """Style vectors float32 [n, 1, 256] by name of voice."""
    if files[0].parent.name == "voices":
        return {file.stem: np.fromfile(file, np.float32).reshape(-1, *_STYLE) for file in files}
    with np.load(files[0], allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _without_voices(kokoro: Any, session: Any, weights: Path) -> Any:
    """kokoro-onnx's object; it wants a file of voices, and gets an empty one: styles are given by value."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "voices.npz"
        np.savez(empty)
        return kokoro.from_session(session, str(empty))
