#!/usr/bin/env python3
"""How well the channel checks find swapped channels and untranscribed speech, and how fast they are.

Calls are generated (telephone band, mu-law, line noise of -70 to -52 dBFS, crosstalk of -52 to -36 dB) and kept in a
folder for the next run. A fifth of them gets its channels swapped. Every fourth turn is then left out of the
transcript, and the regions that the checks report are compared with where its words are, to the millisecond. All of it
is done with the calls as they are, and with crosstalk at -20 dB added and coded as mu-law again.

The last line is JSON. A call without a verdict counts as not swapped. Precision and recall of untranscribed speech are
shares of its duration.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from fisherprep.corpus.call_audio import join_sides, read_call_files
from fisherprep.corpus.channels import check_channels
from fisherprep.corpus.layout import scan
from fisherprep.corpus.transcript import Turn, parse_transcript, place_turns
from fisherprep.demo.release import write_release
from fisherprep.demo.sphere import pcm_from_ulaw, ulaw_from_pcm
from fisherprep.engine import local_engine
from fisherprep.schema import SIDES

SWAPPED_SHARE = 0.2
LEFT_OUT_SHARE = 0.25
CROSSTALK_DB = -20.0

Span = tuple[float, float]


@dataclass(frozen=True)
class Call:
    """A generated call; ``spoken`` gives, by side and times of the turn, first start and last end of its words."""

    samples: np.ndarray
    rate_hz: int
    turns: list[Turn]
    spoken: dict[tuple[str, float, float], Span]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples.shape[1] / self.rate_hz


@dataclass
class Counts:
    """Hits, false alarms and misses, in calls or in seconds."""

    hits: float = 0.0
    false: float = 0.0
    missed: float = 0.0

    @property
    def precision(self) -> float:
        """Share of what was reported that is true."""
        return round(self.hits / (self.hits + self.false), 4) if self.hits + self.false else 0.0

    @property
    def recall(self) -> float:
        """Share of what is true that was reported."""
        return round(self.hits / (self.hits + self.missed), 4) if self.hits + self.missed else 0.0


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40, help="calls to generate (default 40)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="of calls, swaps and what is left out (default 1)")
    default_cache = Path(tempfile.gettempdir()) / "fisherprep-bench-channels"
    parser.add_argument("--cache", type=Path, default=default_cache, help="where generated calls are kept")
    args = parser.parse_args()
    calls = load(args.cache, args.calls, args.seconds, args.seed)
    rng = np.random.default_rng(args.seed)
    check_channels(calls[0].samples, calls[0].rate_hz, calls[0].turns)  # imports are no part of the time
    result: dict[str, float] = {"calls": len(calls), "seconds": args.seconds}
    for name, crosstalk_db in (("native", None), ("crosstalk_20_db", CROSSTALK_DB)):
        heard = [c.samples if crosstalk_db is None else with_crosstalk(c.samples, crosstalk_db) for c in calls]
        found = {**swaps(calls, heard, rng), **left_out(calls, heard, rng)}
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in found.items()))
        suffix = "" if crosstalk_db is None else f"_{name}"
        result |= {f"{key}{suffix}": value for key, value in found.items()}
    print(json.dumps(result))


def load(cache: Path, calls: int, seconds: float, seed: int) -> list[Call]:
    """The generated calls, read as ingest reads them; made when they are not there."""
    root = cache / f"{calls}x{seconds:g}s-{seed}"
    summary = write_release(root, calls, seconds, seed, local_engine(0))
    spoken: dict[str, dict[tuple[str, float, float], Span]] = {}
    for word in pq.read_table(summary.gold).to_pylist():
        turn = (word["side"], round(word["turn_start_s"], 2), round(word["turn_end_s"], 2))
        of_call = spoken.setdefault(word["call_id"], {})
        start_s, end_s = of_call.get(turn, (word["start_s"], word["end_s"]))
        of_call[turn] = (min(start_s, word["start_s"]), max(end_s, word["end_s"]))
    release = scan([root])
    loaded = []
    for call_id, files in sorted(release.audio.items()):
        audio = join_sides(read_call_files([Path(file.path) for file in files]))
        transcript = parse_transcript(Path(release.transcripts[call_id].path).read_bytes())
        turns, _ = place_turns(transcript, audio.duration_s)
        loaded.append(Call(audio.samples, audio.rate_hz, turns, spoken.get(call_id, {})))
    return loaded


def with_crosstalk(samples: np.ndarray, level_db: float) -> np.ndarray:
    """Both channels with the other one mixed in at ``level_db``, as mu-law keeps it."""
    mixed = samples + 10.0 ** (level_db / 20.0) * samples[::-1].astype(np.float64)
    return pcm_from_ulaw(ulaw_from_pcm(np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)))


def swaps(calls: Sequence[Call], heard: Sequence[np.ndarray], rng: np.random.Generator) -> dict[str, float]:
    """Swap a share of the calls, and compare the verdicts."""
    swapped = set(rng.permutation(len(calls))[: round(SWAPPED_SHARE * len(calls))].tolist())
    counts, undecided, took_s, cpu_s = Counts(), 0, 0.0, 0.0
    for i, (call, samples) in enumerate(zip(calls, heard, strict=True)):
        given = np.ascontiguousarray(samples[::-1]) if i in swapped else samples
        start, cpu_start = time.perf_counter(), time.process_time()
        verdict = check_channels(given, call.rate_hz, call.turns).swap.swapped
        took_s += time.perf_counter() - start
        cpu_s += time.process_time() - cpu_start
        undecided += verdict is None
        counts.hits += i in swapped and verdict is True
        counts.missed += i in swapped and verdict is not True
        counts.false += i not in swapped and verdict is True
    hours = sum(call.duration_s for call in calls) / 3600
    return {
        "swap_precision": counts.precision,
        "swap_recall": counts.recall,
        "swap_undecided": undecided,
        "check_seconds_per_audio_hour": round(took_s / hours, 2),
        "check_cpu_seconds_per_audio_hour": round(cpu_s / hours, 2),
    }


def left_out(calls: Sequence[Call], heard: Sequence[np.ndarray], rng: np.random.Generator) -> dict[str, float]:
    """Leave turns out of the transcripts, and compare the untranscribed regions with the words of those turns."""
    counts = Counts()
    for call, samples in zip(calls, heard, strict=True):
        kept = [turn for turn in call.turns if not turn.words or rng.random() >= LEFT_OUT_SHARE]
        checks = check_channels(samples, call.rate_hz, kept)
        for side, found in zip(SIDES, (checks.a, checks.b), strict=True):
            in_turns = [(t.start_s, t.end_s) for t in kept if t.side == side]
            known = {(side, round(start_s, 2), round(end_s, 2)) for start_s, end_s in in_turns}
            absent = [span for turn, span in call.spoken.items() if turn[0] == side and turn not in known]
            true = _milliseconds(absent, call) & ~_milliseconds(in_turns, call)
            reported = _milliseconds(found.untranscribed or (), call)
            counts.hits += np.count_nonzero(true & reported)
            counts.false += np.count_nonzero(reported & ~true)
            counts.missed += np.count_nonzero(true & ~reported)
    return {"untranscribed_precision": counts.precision, "untranscribed_recall": counts.recall}


def _milliseconds(spans: Sequence[Span], call: Call) -> np.ndarray:
    mask = np.zeros(round(call.duration_s * 1000), bool)
    for start_s, end_s in spans:
        mask[round(start_s * 1000) : round(end_s * 1000)] = True
    return mask


if __name__ == "__main__":
    main()
