"""How quickly the trainer's windows are read: steps of a mixture over generated calls, one core.

The calls have random codes, text and turns, in shards of ten as ``encode`` writes them. What is timed is what a
training process does besides the model: planning, reading row groups, cutting, padding. The last line is JSON:

    windows_per_s         windows of ``Mixture.steps`` per second, read when asked for, on one thread
    windows_per_cpu_s     the same per second of CPU time: what one core gives where others want it too
    windows_per_s_ahead   per second with --workers threads that read ahead
    plans_per_s           windows planned per second, which every rank does for all ranks
    open_s                opening and checking the codes and voices tables
    voices                candidates of the bank that is opened by itself
    voices_open_s         opening it
    voices_bytes          bytes of its index's arrays
    voices_per_s          candidates read per second in random order
    peak_mib              resident memory of the process, its most

Run: python benchmarks/bench_stream.py [--calls 1000] [--seconds 600] [--calls-per-group 1] [--voice-calls 11699]
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from finetune.data.batches import Mixture
from finetune.data.checks import Vocabulary
from finetune.data.dataset import CodesDataset, open_dataset
from finetune.data.mixture import MixtureState
from finetune.data.voices import VoiceBank, open_voices
from finetune.data.windows import WindowSource
from finetune.prompt import PromptTexts
from fisherprep.manifest import Manifest
from fisherprep.schema import CODES, FRAME_RATE_HZ, NUM_CODEBOOKS, SCHEMA_VERSION, SIDES, VOICES

CARD, TEXT_CARD = 2048, 32000
CALLS_PER_SHARD = 10
CANDIDATES = 4
VOICE_FRAMES = 63
DELAYS = [0, *([0] + [1] * 7) * 2]
PROMPTS = ("You enjoy talking.", "You enjoy talking. Have a chat about tea.")
MADE_WITH = json.dumps({"tokenizer_sha256": "", "toy": True})


class Words:
    """One token a word: what reading costs does not depend on the tokenizer."""

    def encode(self, text: str) -> list[int]:
        return [4 + len(word) for word in text.split()]


def codes_column(rng: np.random.Generator, rows: int, frames: int) -> pa.Array:
    """``rows`` of ``[8, frames]`` random codes."""
    count = rows * NUM_CODEBOOKS
    values = pa.array(rng.integers(0, CARD, count * frames, dtype=np.int16))
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * frames)
    return pa.FixedSizeListArray.from_arrays(pa.ListArray.from_arrays(offsets, values), NUM_CODEBOOKS)


def write_table(file: Path, table: Any, columns: dict[str, Any], rows_per_group: int) -> None:
    """A file of one of fisherprep's tables."""
    file.parent.mkdir(exist_ok=True)
    arrays = [pa.array(columns[c.name], c.type) if isinstance(columns[c.name], list) else columns[c.name]
              for c in table.columns]  # fmt: skip
    rows = pa.Table.from_arrays(arrays, schema=table.schema)
    pq.write_table(rows, file, compression="zstd", row_group_size=rows_per_group)


def write_codes(work: Path, ids: list[str], frames: int, per_group: int, rng: np.random.Generator) -> None:
    """A shard of the codes table."""
    n = len(ids)
    text = rng.choice(np.array([3, 0, 300, 301], dtype=np.int16), n * frames, p=[0.65, 0.1, 0.15, 0.1])
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * frames)
    starts = [sorted({0, *rng.integers(0, frames, frames // 60).tolist()}) for _ in ids]
    columns: dict[str, Any] = {
        **{"call_id": ids, "corpus": ["bench"] * n, "split": ["train"] * n, "num_frames": [frames] * n},
        **{"agent_side": [None] * n, "starts": starts, "provenance": [MADE_WITH] * n},
    }
    for side in SIDES:
        columns |= {
            f"codes_{side}": codes_column(rng, n, frames),
            f"text_{side}": pa.ListArray.from_arrays(offsets, pa.array(text)),
            f"prompts_{side}": [list(PROMPTS)] * n,
            f"speaker_{side}": [speaker_of(call_id, side) for call_id in ids],
            f"shifted_{side}": [0] * n,
            f"gain_db_{side}": [None] * n,
        }
    write_table(work / CODES.name / f"{ids[0][:-1]}.parquet", CODES, columns, per_group)


def write_voices(work: Path, ids: list[str], rng: np.random.Generator) -> None:
    """A shard of the voices table: the candidates of each side of each call."""
    rows = list(itertools.product(ids, SIDES, range(CANDIDATES)))
    columns = {
        "call_id": [call_id for call_id, _, _ in rows],
        "side": [side for _, side, _ in rows],
        "speaker": [speaker_of(call_id, side) for call_id, side, _ in rows],
        "index": [index for _, _, index in rows],
        "start_s": [60.0 * index for _, _, index in rows],
        "end_s": [60.0 * index + VOICE_FRAMES / FRAME_RATE_HZ for _, _, index in rows],
        "codes": codes_column(rng, len(rows), VOICE_FRAMES),
        "why": ["bench"] * len(rows),
    }
    write_table(work / VOICES.name / f"{ids[0][:-1]}.parquet", VOICES, columns, len(rows))


def speaker_of(call_id: str, side: str) -> str:
    """Every speaker is in two calls, as a Fisher speaker is in about two."""
    return f"p{side}{int(call_id[-5:]) // 2}"


def shards_of(calls: int) -> list[list[str]]:
    ids = [f"fe_03_{number:05d}" for number in range(calls)]
    return [ids[first : first + CALLS_PER_SHARD] for first in range(0, calls, CALLS_PER_SHARD)]


def opened(work: Path) -> CodesDataset:
    """The dataset of a work folder."""
    vocabulary = Vocabulary(CARD, TEXT_CARD, "", toy=True)
    return open_dataset(Manifest(name="bench", tables=work.name), work.parent, "train", vocabulary)


def timed_steps(mixture: Mixture, args: argparse.Namespace, workers: int) -> tuple[float, float]:
    """Windows per second and per second of CPU time over ``--steps`` steps, after a first one."""
    steps = mixture.steps(MixtureState.start(mixture.names), args.batch_size, 1, workers=workers)
    next(steps)
    began, cpu_began = time.perf_counter(), time.process_time()
    windows = sum(step.windows for step, _ in itertools.islice(steps, args.steps))
    return windows / (time.perf_counter() - began), windows / (time.process_time() - cpu_began)


def voice_figures(work: Path, calls: int, rng: np.random.Generator) -> tuple[VoiceBank, float, float]:
    """The bank of so many calls, seconds to open it, candidates read per second."""
    for ids in shards_of(calls):
        write_voices(work, ids, rng)
    began = time.perf_counter()
    bank = open_voices(work, [call_id for ids in shards_of(calls) for call_id in ids], CARD)
    open_s = time.perf_counter() - began
    drawn = rng.integers(0, len(bank), min(len(bank), 500))
    began = time.perf_counter()
    for voice in drawn:
        bank.read(int(voice))
    return bank, open_s, len(drawn) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600, help="length of a call")
    parser.add_argument("--calls-per-group", type=int, default=1, help="calls in a row group of the codes table")
    parser.add_argument("--voice-calls", type=int, default=11699, help="calls of the bank that is opened by itself")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    pa.set_cpu_count(1)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "bench"
        work.mkdir()
        (work / "work.json").write_text(json.dumps({"name": "bench", "schema_version": SCHEMA_VERSION, "roots": []}))
        for ids in shards_of(args.calls):
            write_codes(work, ids, round(args.seconds * FRAME_RATE_HZ), args.calls_per_group, rng)
            write_voices(work, ids, rng)
        began = time.perf_counter()
        source = WindowSource(opened(work), PromptTexts(Words(), TEXT_CARD), DELAYS, 0, 2048, 0.5)
        open_s = time.perf_counter() - began
        mixture = Mixture({"bench": source}, {"bench": 1.0})
        began = time.perf_counter()
        for index in range(2000):
            source.plan(index)
        plans_per_s = 2000 / (time.perf_counter() - began)
        windows_per_s, windows_per_cpu_s = timed_steps(mixture, args, 0)
        ahead, _ = timed_steps(mixture, args, args.workers)
        (Path(folder) / "voices").mkdir()
        bank, voices_open_s, voices_per_s = voice_figures(Path(folder) / "voices", args.voice_calls, rng)
        figures = {
            "windows_per_s": round(windows_per_s, 1),
            "windows_per_cpu_s": round(windows_per_cpu_s, 1),
            "windows_per_s_ahead": round(ahead, 1),
            "plans_per_s": round(plans_per_s),
            "open_s": round(open_s, 2),
            "voices": len(bank),
            "voices_open_s": round(voices_open_s, 2),
            "voices_bytes": bank.nbytes,
            "voices_per_s": round(voices_per_s),
            "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
    for name, value in figures.items():
        print(f"{name:20} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
