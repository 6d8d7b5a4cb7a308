"""How well words are aligned: the align stage on a demo release against the synthesiser's own word times.

Telephone-band speech of several voices, with line noise and crosstalk. The last line is JSON:

    within_frame         share of words whose start is within one Mimi frame (80 ms) of the truth
    median_error_ms      median distance of a word's start from the truth
    fallback_share       share of turns whose words got proportional times
    x_realtime_per_core  seconds of channels aligned per second of CPU time, reading and resampling included

Run: python benchmarks/bench_align.py [--calls 6] [--seconds 120] [--seed 11]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from fisherprep.align.align import align
from fisherprep.corpus.ingest import ingest
from fisherprep.demo.release import gold_folder, write_release
from fisherprep.engine import InlineEngine
from fisherprep.manifest import SplitRule
from fisherprep.workfolder import WorkFolder

FRAME_S = 0.08


def errors_s(work: WorkFolder, gold: Path) -> np.ndarray:
    """Start of each aligned word less its true start, in seconds."""
    truth = {
        (row["call_id"], row["side"], round(row["turn_start_s"], 2), row["index"]): row["start_s"]
        for row in pq.read_table(gold).to_pylist()
    }
    turns = {(row["call_id"], row["turn"]): round(row["start_s"], 2) for row in work.read("turns").to_pylist()}
    return np.array([
        row["start_s"] - truth[row["call_id"], row["side"], turns[row["call_id"], row["turn"]], row["index"]]
        for row in work.read("words").to_pylist()
    ])  # fmt: skip


def main() -> None:
    """Make a release, align it, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    engine = InlineEngine()
    with tempfile.TemporaryDirectory() as folder:
        release, out = Path(folder) / "ldc", Path(folder) / "work"
        write_release(release, options.calls, options.seconds, options.seed, engine)
        ingest([release], out, SplitRule(), "fisher", engine)
        work = WorkFolder.open(out)
        started = time.process_time()
        summary = align(work, engine)
        cpu_s = time.process_time() - started
        errors = errors_s(work, gold_folder(release) / "words.parquet")
    counters, far = summary.counters, np.quantile(np.abs(errors), 0.95)
    print(
        f"{len(errors)} words in {counters['turns']} turns; {counters['audio_s']:.0f} s of calls; {cpu_s:.1f} s of CPU"
    )
    print(f"start less true start: median {np.median(errors) * 1000:+.0f} ms; 95 % are within {far * 1000:.0f} ms")
    result = {
        "within_frame": round(float(np.mean(np.abs(errors) <= FRAME_S)), 4),
        "median_error_ms": round(float(np.median(np.abs(errors))) * 1000, 1),
        "fallback_share": round(counters["turns: fallback"] / counters["turns"], 4),
        "x_realtime_per_core": round(2 * counters["audio_s"] / cpu_s, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
