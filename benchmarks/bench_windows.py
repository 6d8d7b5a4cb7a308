"""Random windows of a codes table: what it costs to cut them, against reading whole rows.

Calls of random codes are written as encode writes them, opened with ``datasets.load_dataset`` on their folder, and
random windows (call, agent, first frame) are taken in four ways, each for the same time:

    windows         ``CallWindows`` of what load_dataset gives: the window alone, ``[17, L]``
    whole_rows      the row in numpy format, the window cut from it: what one gets without further ado
    shard_windows   ``ShardWindows``: from the Parquet files, one row group each
    whole_shards    the Parquet file of the call read whole (ten calls), the window cut from it

The last line is JSON: windows_per_s, whole_rows_per_s, ratio (of these two), shard_windows_per_s, whole_shards_per_s,
shard_ratio, mib (of the Parquet files), open_s (load_dataset, the first time) and reopen_s (from its cache).

Run: python benchmarks/bench_windows.py [--calls 1000] [--seconds 600] [--frames 2048] [--measure-s 10] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fisherprep.dataset.card import write_card
from fisherprep.dataset.windows import COLUMNS, CallWindows, ShardWindows, window
from fisherprep.schema import CODEBOOK_SIZE, CODES, FRAME_RATE_HZ, NUM_CODEBOOKS, SIDES
from fisherprep.workfolder import WorkFolder, shard_of

TEXT_CARD = 32_000
_Window = tuple[int, str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600.0, help="length of a call")
    parser.add_argument("--frames", type=int, default=2048, help="length of a window")
    parser.add_argument("--measure-s", type=float, default=10.0, help="how long each way is measured")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    num_frames = round(args.seconds * FRAME_RATE_HZ)
    with tempfile.TemporaryDirectory() as directory:
        work = WorkFolder.create(Path(directory) / "work", "windows", [])
        write_calls(work, args.calls, num_frames, args.seed)
        write_card(work)
        print(json.dumps(figures(work, Path(directory) / "cache", num_frames, args)))


def write_calls(work: WorkFolder, num_calls: int, num_frames: int, seed: int) -> None:
    """Shards of random calls, as encode writes them."""
    rng = np.random.default_rng(seed)
    shards: dict[str, list[str]] = {}
    for number in range(num_calls):
        call_id = f"call_{number:05d}"
        shards.setdefault(shard_of(call_id), []).append(call_id)
    for shard, call_ids in shards.items():
        parts = [_call(call_id, num_frames, rng) for call_id in call_ids]
        work.write_table(f"codes/{shard}.parquet", pa.concat_tables(parts), row_group_size=CODES.group_rows)


def _call(call_id: str, num_frames: int, rng: np.random.Generator) -> pa.Table:
    """One row of the codes table, made without Python lists."""
    provenance = json.dumps({"source": "random", "toy": True})
    light = {"call_id": call_id, "corpus": "windows", "split": "train", "num_frames": num_frames, "agent_side": None}
    light |= {"starts": [0], "provenance": provenance}
    columns: dict[str, Any] = {name: [value] for name, value in light.items()}
    for side in SIDES:
        codes = rng.integers(0, CODEBOOK_SIZE, NUM_CODEBOOKS * num_frames, dtype=np.int16)
        text = rng.integers(0, TEXT_CARD, num_frames, dtype=np.int16)
        text[rng.random(num_frames) < 0.7] = 3
        ends = np.arange(0, NUM_CODEBOOKS + 1, dtype=np.int32) * num_frames
        books = pa.ListArray.from_arrays(pa.array(ends), pa.array(codes))
        columns[f"codes_{side}"] = pa.FixedSizeListArray.from_arrays(books, NUM_CODEBOOKS)
        columns[f"text_{side}"] = pa.ListArray.from_arrays(pa.array([0, num_frames], pa.int32()), pa.array(text))
        columns |= {f"prompts_{side}": [[]], f"speaker_{side}": [f"{call_id}-{side}"], f"shifted_{side}": [0]}
    return pa.Table.from_arrays(
        [_array(columns.get(f.name, [None]), f.type) for f in CODES.schema], schema=CODES.schema
    )


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def figures(work: WorkFolder, cache: Path, num_frames: int, args: argparse.Namespace) -> dict[str, float]:
    """Windows per second in each way; all ways must give the same window."""
    import datasets

    datasets.disable_progress_bars()

    def load() -> datasets.Dataset:
        return datasets.load_dataset(str(work.path), split="train", cache_dir=str(cache))

    began = time.perf_counter()
    calls = load()
    opened = time.perf_counter()
    load()
    reopened = time.perf_counter()
    place: dict[int, tuple[int, int]] = {}
    files = work.files("codes")
    shards = [ShardWindows(file) for file in files]
    for index, shard in enumerate(shards):
        for row in range(len(shard)):
            place[len(place)] = (index, row)
    arrow, rows = CallWindows(calls), calls.with_format("numpy")

    def from_row(row: int, side: str, start: int) -> np.ndarray:
        found, stop = rows[row], start + args.frames
        other = SIDES[1 - SIDES.index(side)]
        parts = [found[f"text_{side}"][None], found[f"codes_{side}"], found[f"codes_{other}"]]
        return np.concatenate([np.stack(list(part))[:, start:stop] for part in parts])

    def from_whole_shard(row: int, side: str, start: int) -> np.ndarray:
        file, row = place[row]
        table = pq.read_table(files[file], columns=list(COLUMNS), partitioning=None)
        return window(table, row, side, start, args.frames)

    def from_shard(row: int, side: str, start: int) -> np.ndarray:
        file, row = place[row]
        return shards[file].window(row, side, start, args.frames)

    ways: dict[str, Callable[[int, str, int], np.ndarray]] = {
        "windows_per_s": lambda row, side, start: arrow.window(row, side, start, args.frames),
        "whole_rows_per_s": from_row,
        "shard_windows_per_s": from_shard,
        "whole_shards_per_s": from_whole_shard,
    }
    _same(ways, (args.calls - 1, "b", num_frames // 3))
    found = {name: _rate(way, args, num_frames) for name, way in ways.items()}
    return {
        **found,
        "ratio": found["windows_per_s"] / found["whole_rows_per_s"],
        "shard_ratio": found["shard_windows_per_s"] / found["whole_shards_per_s"],
        "calls": args.calls,
        "mib": sum(file.stat().st_size for file in files) / 2**20,
        "open_s": opened - began,
        "reopen_s": reopened - opened,
    }


def _same(ways: dict[str, Callable[[int, str, int], np.ndarray]], chosen: _Window) -> None:
    first, *others = (way(*chosen) for way in ways.values())
    assert all(np.array_equal(first, other) for other in others), "the ways give different windows"


def _rate(way: Callable[[int, str, int], np.ndarray], args: argparse.Namespace, num_frames: int) -> float:
    """Windows per second over the time that was asked for; every way takes the same windows in the same order."""
    rng = np.random.default_rng(args.seed + 1)
    last_start = max(1, num_frames - args.frames)
    began, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < args.measure_s:
        way(int(rng.integers(args.calls)), SIDES[rng.integers(2)], int(rng.integers(last_start)))
        count += 1
    return count / spent


if __name__ == "__main__":
    main()
