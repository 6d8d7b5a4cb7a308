"""Do synthesised dialogues time their talk as the distribution they are drawn from?

Dialogues of the coffee shop are synthesised by the ``synthesize`` stage, in its own voices, and what is in their tables
is measured as ``fisherprep timing`` measures any corpus; that knows nothing of how times were drawn. The distance is
Kolmogorov-Smirnov's, the largest difference of two cumulative distributions, of floor-transfer offsets (gaps above
zero, overlaps below). Three sources: the built-in default; a timing file measured on a demo release, ingested and
aligned; and a hard one, with overlaps of up to 2 s at half of the transfers, more than a counter's short turns can
hold. The last line is JSON:

    ks_distance           the larger distance of the default and of the measured file
    ks_default            of the built-in default
    ks_measured           of the measured file
    ks_hard               of the hard source; shown, not part of ks_distance
    ks_pauses             pauses, the larger distance of the default and of the measured file
    transfers             how many transfers the default's dialogues have
    overlap_share         share of overlaps in the default's dialogues, and in their source
    source_overlap_share
    median_gap_s          median offset in the default's dialogues, and in their source
    source_median_gap_s
    seconds               seconds that the default's dialogues took to make, two workers

Run: python benchmarks/bench_timing.py [--dialogues 200] [--calls 16] [--seconds 120] [--seed 5]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from fisherprep.align.align import align
from fisherprep.corpus.ingest import ingest
from fisherprep.demo.release import write_release
from fisherprep.engine import LocalEngine
from fisherprep.manifest import SplitRule, load_manifest
from fisherprep.speech.synthesize import Sound, synthesize
from fisherprep.speech.timing import Quantiles, Timing, read_timing
from fisherprep.speech.timing_measure import Measured, measure_work, timing_json
from fisherprep.workfolder import WorkFolder

MANIFEST = Path(__file__).parent.parent / "manifests" / "coffee.yaml"
SPLITS = ("train", "valid", "test")


def main() -> None:
    """Make, measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=200)
    parser.add_argument("--calls", type=int, default=16, help="calls of the demo release that is measured")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of each of them")
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        measured = _measured_file(place, args.calls, args.seconds, args.seed)
        try:
            given = read_timing(measured)
        except ValueError as err:
            raise SystemExit(f"{err}: give more --calls or --seconds") from err
        hard = _hard_file(place)
        began = time.monotonic()
        default = _synthesised(place / "default", args.dialogues, None)
        seconds = time.monotonic() - began
        alike = _synthesised(place / "alike", args.dialogues, measured)
        strained = _synthesised(place / "hard", args.dialogues, hard)
        source = Timing()
        _show("built-in default", default, source)
        _show("measured on a demo release", alike, given)
        _show("hard source", strained, read_timing(hard))
        distances = [distance(default.transfers, source.transfer_s), distance(alike.transfers, given.transfer_s)]
        pauses = [distance(default.pauses, source.pause_s), distance(alike.pauses, given.pause_s)]
        figures = {
            "ks_distance": round(max(distances), 4),
            "ks_default": round(distances[0], 4),
            "ks_measured": round(distances[1], 4),
            "ks_hard": round(distance(strained.transfers, read_timing(hard).transfer_s), 4),
            "ks_pauses": round(max(pauses), 4),
            "transfers": len(default.transfers),
            "overlap_share": round(float(np.mean(np.array(default.transfers) < 0)), 4),
            "source_overlap_share": round(float(np.mean(np.array(source.transfer_s) < 0)), 4),
            "median_gap_s": round(float(np.median(default.transfers)), 3),
            "source_median_gap_s": round(float(np.median(source.transfer_s)), 3),
            "seconds": round(seconds, 1),
        }
    print(json.dumps(figures))


def distance(values: list[float], quantiles: Quantiles) -> float:
    """Kolmogorov-Smirnov's distance of some values from a distribution given by its quantiles."""
    ordered = np.sort(values)
    probabilities = (np.arange(len(quantiles)) + 0.5) / len(quantiles)
    expected = np.interp(ordered, quantiles, probabilities, left=0.0, right=1.0)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.abs(expected - steps[:-1]).max(), np.abs(expected - steps[1:]).max()))


def _measured_file(place: Path, calls: int, seconds: float, seed: int) -> Path:
    """Timing of a demo release, by the way that a user's own Fisher goes."""
    release = place / "release"
    write_release(release, calls, seconds, seed, LocalEngine(2))
    work = place / "fisher"
    ingest([release], work, SplitRule(valid=0.0, test=0.0), "fisher", LocalEngine(2))
    folder = WorkFolder.open(work)
    align(folder, LocalEngine(2))
    target = place / "timing.json"
    target.write_text(timing_json("fisher", measure_work(folder, SPLITS, LocalEngine(2))), encoding="utf-8")
    return target


def _hard_file(place: Path) -> Path:
    """Half of the transfers overlap, evenly up to 2 s; gaps are even up to 1 s."""
    found = Measured(transfers=list(np.concatenate([np.linspace(-2, 0, 500), np.linspace(0, 1, 500)])), calls=1)
    found.seconds = 3600.0
    target = place / "hard.json"
    target.write_text(timing_json("hard", found), encoding="utf-8")
    return target


def _synthesised(out: Path, dialogues: int, timing: Path | None) -> Measured:
    synthesize(load_manifest(MANIFEST), out, dialogues, None, LocalEngine(2), Sound(timing=timing))
    found = measure_work(WorkFolder.open(out), SPLITS, LocalEngine(2))
    if not found.transfers or not found.pauses:
        raise SystemExit(f"{dialogues} dialogues have too few transfers to be compared; give more --dialogues")
    return found


def _show(name: str, found: Measured, source: Timing) -> None:
    shares = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    print(f"{name}: {len(found.transfers)} transfers, {len(found.pauses)} pauses, {found.calls} dialogues")
    print("  quantile    " + "".join(f"{p:8.2f}" for p in shares))
    print("  synthesised " + "".join(f"{v:8.3f}" for v in np.quantile(found.transfers, shares)))
    print("  source      " + "".join(f"{v:8.3f}" for v in np.quantile(source.transfer_s, shares)))


if __name__ == "__main__":
    main()
