"""Calls for tests: synthetic telephone speech with known word times, in a work folder as ingest leaves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep.corpus.normalize import normalize
from fisherprep.schema import CONVERSATIONS, TABLES
from fisherprep.speech.channel import telephone
from fisherprep.speech.espeak import say, voices
from fisherprep.workfolder import DoneRecord, WorkFolder, sha256_file, shard_of

RATE_HZ = 8000


@dataclass
class Call:
    """A call under construction: what is said, and what the transcript claims."""

    call_id: str
    duration_s: float
    turns: list[dict[str, Any]] = field(default_factory=list)
    gold: dict[int, list[float]] = field(default_factory=dict)
    """by turn: the start of each word"""

    def __post_init__(self) -> None:
        self._speech_hz = 22_050
        self._speech = np.zeros((2, round(self.duration_s * self._speech_hz)), np.float32)

    def say(self, side: str, start_s: float, text: str, spoken: str | None = None, **claims: Any) -> int:
        """Speak ``text`` from ``start_s`` (or ``spoken``, an item a word) and write its turn; returns its number.

        ``claims`` overrides what the turn says of itself.
        """
        words = normalize(text)
        speech = say((spoken or text).split(), voices()[0 if side == "a" else 5])
        assert speech.rate_hz == self._speech_hz and len(speech.starts_s) == len(words)
        at = round(start_s * self._speech_hz)
        self._speech["ab".index(side), at : at + len(speech.samples)] += speech.samples
        end_s = start_s + len(speech.samples) / self._speech_hz
        number = self.claim(side, start_s, end_s, words)
        self.turns[number] |= {"text": text} | claims
        self.gold[number] = [start_s + t for t in speech.starts_s]
        return number

    def claim(self, side: str, start_s: float, end_s: float, words: list[str]) -> int:
        """A turn of the transcript, whatever is heard there; turns come in order of start."""
        turn = {"call_id": self.call_id, "turn": len(self.turns), "side": side, "start_s": start_s, "end_s": end_s}
        self.turns.append({**turn, "text": " ".join(words), "words": words, "flags": []})
        return len(self.turns) - 1

    def samples(self, noise_dbfs: float = -55.0) -> np.ndarray:
        """int16 [2, N] at 8 kHz."""
        line = telephone(self._speech * 0.3, self._speech_hz, np.random.default_rng(1), noise_dbfs=noise_dbfs)
        return np.rint(line * 32767).astype(np.int16)


def work_folder(path: Path, calls: list[Call], **columns: Any) -> WorkFolder:
    """A work folder that holds the calls as ingest would leave them; ``columns`` overrides conversations."""
    import soundfile

    work = WorkFolder.create(path / "work", "fisher", ["../audio"])
    (path / "audio").mkdir(exist_ok=True)
    shards: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for call in calls:
        file = path / "audio" / f"{call.call_id}.wav"
        samples = call.samples()
        soundfile.write(file, samples.T, RATE_HZ, subtype="PCM_16")
        row: dict[str, Any] = {column.name: None for column in CONVERSATIONS.columns}
        row |= {
            "call_id": call.call_id, "corpus": "fisher", "audio_root": 0, "audio_file": file.name,
            "audio_format": "wav-pcm16", "audio_bytes": file.stat().st_size, "audio_sha256": sha256_file(file),
            "sample_rate_hz": RATE_HZ, "num_samples": samples.shape[1], "duration_s": samples.shape[1] / RATE_HZ,
            "transcriber": "ldc", "split": "train", "flags": [],
        }  # fmt: skip
        rows = shards.setdefault(shard_of(call.call_id), {"conversations": [], "turns": []})
        rows["conversations"].append(row | columns)
        rows["turns"] += call.turns
    for shard, tables in shards.items():
        outputs = {
            f"{table}/{shard}.parquet": work.write_table(f"{table}/{shard}.parquet", TABLES[table].from_rows(rows))
            for table, rows in tables.items()
        }
        work.write_done("ingest", shard, DoneRecord("made by a test", outputs, {}))
    return work
