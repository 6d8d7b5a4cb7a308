"""Recordings for tests: two synthetic voices in a stereo file, with transcripts in each of the forms."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from fisherprep.speech.espeak import Speech, say, voices

LINES = (
    ("b", 0.6, "hello can i get a small latte please"),
    ("a", 3.4, "sure that is four fifty"),
    ("b", 5.6, "and a blueberry muffin"),
    ("a", 7.8, "of course anything else today"),
    ("b", 10.4, "no that is all thank you"),
)
"""Side, start and words; nobody interrupts."""


@cache
def _spoken(side: str, text: str) -> Speech:
    return say(text.split(), voices()[0 if side == "a" else 5])


@dataclass
class Dialogue:
    """Both sides' speech, and the truth of every word: side, start, end, text."""

    rate_hz: int = 22_050
    words: list[tuple[str, float, float, str]] = field(default_factory=list)
    turns: list[tuple[str, float, float, str]] = field(default_factory=list)

    @classmethod
    def of(cls, lines=LINES) -> Dialogue:
        dialogue = cls()
        parts = []
        for side, start_s, text in lines:
            speech = _spoken(side, text)
            own = [
                (side, round(start_s + a, 3), round(start_s + b, 3), word)
                for word, a, b in zip(text.split(), speech.starts_s, speech.ends_s, strict=True)
            ]
            dialogue.words += own
            dialogue.turns.append((side, own[0][1], own[-1][2], text))
            parts.append((side, round(start_s * speech.rate_hz), speech.samples))
        dialogue.samples = np.zeros((2, max(at + len(x) for _, at, x in parts) + dialogue.rate_hz), np.float32)
        for side, at, x in parts:
            dialogue.samples["ab".index(side), at : at + len(x)] += 0.5 * x
        rng = np.random.default_rng(0)
        dialogue.samples += rng.standard_normal(dialogue.samples.shape).astype(np.float32) * 1e-3
        return dialogue

    def write(self, path: Path, rate_hz: int | None = None) -> Path:
        """A WAV or FLAC file, by the name's ending."""
        import soxr

        path.parent.mkdir(parents=True, exist_ok=True)
        rate_hz = rate_hz or self.rate_hz
        sound = soxr.resample(self.samples.T, self.rate_hz, rate_hz)
        soundfile.write(path, sound, rate_hz, subtype="PCM_16")
        return path

    def moshi_finetune(self, **keys) -> str:
        """Words of both sides in time, the left channel's as SPEAKER_MAIN, with Whisper's leading spaces."""
        labels = {"a": "SPEAKER_MAIN", "b": "SPEAKER_USER"}
        rows = [[f" {word}", [start, end], labels[side]] for side, start, end, word in sorted(self.words, key=by_start)]
        return json.dumps({"alignments": rows, **keys})

    def j_moshi(self) -> str:
        rows = sorted(self.words, key=by_start)
        return json.dumps([{"speaker": s.upper(), "word": w, "start": a, "end": b} for s, a, b, w in rows])

    def timed_text(self) -> str:
        return "".join(f"{start:.3f} {end:.3f} {side.upper()}: {text}\n" for side, start, end, text in self.turns)

    def plain_text(self) -> str:
        return "".join(f"{side.upper()}: {text}\n" for side, _, _, text in self.turns)


def by_start(word):
    return word[1]


def beeps(path: Path, seconds: float = 2.0, channels: int = 2, rate_hz: int = 8000) -> Path:
    """A file that is no speech, for transcripts whose words nobody aligns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * rate_hz))[:, None] / rate_hz
    sound = 0.2 * np.sin(2 * np.pi * t * np.linspace(300, 500, channels)) * (t % 1.0 < 0.5)
    soundfile.write(path, sound, rate_hz, subtype="PCM_16")
    return path
