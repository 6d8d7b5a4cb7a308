"""Calls for tests of the codec: noise with a transcript, in a work folder as the stages before encode leave it."""

import hashlib

import numpy as np
import soundfile

from fisherprep.engine import InlineEngine
from fisherprep.schema import CONVERSATIONS
from fisherprep.stage import Shard, ShardResult, Stage, run_stage
from fisherprep.workfolder import WorkFolder, shard_of


def signal(seed: int, num_samples: int, channels: int = 2) -> np.ndarray:
    """Bursts of coloured noise and near-silence, float32 [C, N]."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((channels, num_samples))
    tilted = np.cumsum(noise, axis=1) * 0.02 + noise
    level = np.repeat(rng.choice([0.001, 0.02, 0.2], (channels, num_samples // 4000 + 1)), 4000, axis=1)
    return (tilted / tilted.std() * level[:, :num_samples]).astype(np.float32)


def word(side, turn, index, text, start_s, end_s):
    return {
        "call_id": "x", "side": side, "turn": turn, "index": index, "word": text,
        "start_s": start_s, "end_s": end_s, "score": None, "method": "synthesis",
    }  # fmt: skip


def call_signal(seed: int, num_samples: int) -> np.ndarray:
    """Each side's noise where `SCRIPT` has it speak, and hiss 50 dB below, float32 [2, N] at 8 kHz."""
    samples = 0.9 * signal(seed, num_samples)
    time_s = np.arange(num_samples) / 8000
    speaks = np.stack([(start_s <= time_s) & (time_s < start_s + 4) for _, start_s in SCRIPT.values()])
    return np.where(speaks, samples, 0.003 * samples).astype(np.float32)


SCRIPT = {"a": ("hello there how are you today", 0.5), "b": ("fine thanks and you then", 5.0)}


WRITTEN = {"a": "Hello there how are you today.", "b": "Fine thanks and you then."}


def build_work(path, num_calls=3, without=(), unknown=()):
    """A work folder with all that encode reads, over generated audio; call 1 has no words.

    ``without``: tables to leave out; ``unknown``: spans of side a.
    """
    (path / "audio").mkdir(parents=True)
    tables = {"conversations": [], "turns": [], "words": [], "alignments": [], "personas": []}
    for number in range(num_calls):
        call_id = f"call_{number:03d}"
        file = path / "audio" / f"{call_id}.wav"
        soundfile.write(file, call_signal(number, 8000 * 11 + 7 * number).T, 8000, subtype="PCM_16")
        row = dict.fromkeys(c.name for c in CONVERSATIONS.columns)
        info = soundfile.info(file)
        row |= {
            "call_id": call_id, "corpus": "test", "audio_root": 0, "audio_file": file.name, "audio_format": "wav-pcm16",
            "audio_bytes": file.stat().st_size, "audio_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "sample_rate_hz": 8000, "num_samples": info.frames, "duration_s": info.frames / 8000,
            "transcriber": "script", "split": "train", "flags": [],
            "speaker_a": f"p{number}", "speaker_b": f"q{number}",
        }  # fmt: skip
        tables["conversations"].append(row)
        for index, (side, (text, start_s)) in enumerate(SCRIPT.items()):
            spoken = [] if number == 1 else text.split()
            turns = {"turn": index, "side": side, "start_s": start_s, "end_s": start_s + 4, "text": text}
            tables["turns"].append({"call_id": call_id, **turns, "words": spoken, "flags": []})
            tables["words"] += [
                {**word(side, index, i, w, start_s + 0.6 * i, start_s + 0.6 * i + 0.5), "call_id": call_id}
                for i, w in enumerate(spoken)
            ]
            spans = [dict(zip(("start_s", "end_s", "why"), span, strict=True)) for span in unknown if side == "a"]
            exact = {"coverage": 1.0, "score_p05": None, "score_median": None, "unknown": spans, "flags": []}
            tables["alignments"].append({"call_id": call_id, "side": side, "num_words": len(spoken), **exact})
            empty = {"tone": None, "topic": None, "facts": [], "dropped": [], "name": None, "request_key": None}
            prompts = {"prompts": [f"prompt {side}"], "labeler": "topic", "status": "ok"}
            tables["personas"].append({"call_id": call_id, "side": side, **empty, **prompts})
    work = WorkFolder.create(path / "work", "test", ["../audio"])
    tables = {name: rows for name, rows in tables.items() if name not in without}
    stage = Stage("ingest", 1, tuple(tables), lambda payload, config: ShardResult(payload))
    run_stage(work, stage, [Shard(shard_of("call_000"), {}, tables)], {}, InlineEngine())
    return work
