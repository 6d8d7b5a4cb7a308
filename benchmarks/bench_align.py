"""How well words are aligned: the align stage on demo releases against the synthesiser's own word times.

Telephone-band speech of several voices at three rates, on several lines: as generated (line noise of -70 to -52 dBFS,
crosstalk of -52 to -36 dB), with white, pink and babble noise, with loud crosstalk. A signal-to-noise ratio is that of
the active speech level (ITU-T P.56) to the noise in the telephone's band. At last, a part of the transcripts' lines
gets the text of another line, to see how much of that is masked. The last line is JSON:

    within_frame_clean    share of words whose start is within one Mimi frame (80 ms) of the truth, lines as generated
    within_frame_10db     the same at 10 dB of white and pink noise, all words together
    within_frame_10db_babble   the same at 10 dB of babble of eight voices
    median_error_ms       median distance of a word's start from the truth, lines as generated
    p95_error_ms          its 95th percentile
    fallback_share        share of turns whose words got proportional times, over all conditions
    masked_right_share    share of turns with the right text that are masked for their score, over all conditions
    masked_wrong_share    share of turns with another line's text that are masked
    x_realtime_per_core   seconds of channels aligned per second of CPU time, reading and resampling included, clean

Run: python benchmarks/bench_align.py [--calls 6] [--seconds 120] [--seed 11] [--aligner ctc --ctc-model DIR]

A toy CTC model: python -m fisherprep.demo.toy_ctc DIR
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from line_conditions import CLEAN, CONDITIONS, Condition, disturbed

from fisherprep.align.align import align
from fisherprep.align.choice import AlignerChoice, load_aligner
from fisherprep.corpus.audio import read_audio
from fisherprep.corpus.ingest import ingest
from fisherprep.demo.release import gold_folder, write_release
from fisherprep.demo.sphere import sphere_bytes, ulaw_bytes
from fisherprep.engine import InlineEngine
from fisherprep.manifest import SplitRule
from fisherprep.speech.channel import TELEPHONE_RATE_HZ
from fisherprep.workfolder import WorkFolder

FRAME_S = 0.08
RATES = (0.75, 1.3)
"""Speaking rates besides the voices' own."""
WRONG_SHARE = 0.2
_LINE = re.compile(r"([0-9.]+ [0-9.]+ [AB]: )(.*?) *")

TurnKey = tuple[str, str, float]
"""call, side, start of the turn"""


@dataclass(frozen=True)
class Result:
    """What the stage made of one condition; turns are those with words."""

    name: str
    errors_s: np.ndarray
    """[W] start of each word less its true start"""
    fallback: dict[str, float]
    """share of a call's turns that fell back"""
    num_turns: int
    num_fallback: int
    masked: dict[str, int]
    """turns of right text and of wrong text that are masked"""
    planted: int
    """turns of wrong text"""
    cpu_s: float
    audio_s: float
    """of channels"""

    @property
    def within_frame(self) -> float:
        return float(np.mean(np.abs(self.errors_s) <= FRAME_S)) if len(self.errors_s) else 0.0

    def quantile_ms(self, share: float) -> float:
        return float(np.quantile(np.abs(self.errors_s), share)) * 1000

    @property
    def x_realtime(self) -> float:
        return self.audio_s / self.cpu_s

    @property
    def masked_right(self) -> float:
        return self.masked["right"] / (self.num_turns - self.planted)


def main() -> None:
    """Make releases, align them, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--aligner", choices=("pocketsphinx", "ctc"), default="pocketsphinx")
    parser.add_argument("--ctc-model", help="hub repository or folder of a wav2vec2-style CTC model")
    options = parser.parse_args()
    choice = AlignerChoice(options.aligner, options.ctc_model)
    load_aligner(choice)
    print(f"{'condition':20}  words  turns  within  median   p95   bias  fallback  worst call  masked      x")
    with tempfile.TemporaryDirectory() as folder:
        results = list(_results(Path(folder), options, choice))
    print(json.dumps(_summary({result.name: result for result in results})))


def _results(folder: Path, options: argparse.Namespace, choice: AlignerChoice) -> Iterator[Result]:
    """The result of each condition, printed as soon as it is there."""
    release = _release(folder / "ldc", options, 1.0)
    for condition in CONDITIONS:
        copy = _on_line(release, folder / "line", condition, options.seed)
        yield _shown(_measure(condition.name, copy, folder / "work", gold_folder(release), choice))
    for rate in RATES:
        other = _release(folder / f"rate{rate}", options, rate)
        yield _shown(_measure(f"clean, rate x {rate}", other, folder / "work", gold_folder(other), choice))
    planted = _plant(release, Random(options.seed))
    yield _shown(_measure("clean, wrong text", release, folder / "work", gold_folder(release), choice, planted))


def _release(path: Path, options: argparse.Namespace, rate: float) -> Path:
    write_release(path, options.calls, options.seconds, options.seed, InlineEngine(), rate)
    return path


def _on_line(release: Path, copy: Path, condition: Condition, seed: int) -> Path:
    """A copy of the release whose calls came over another line, mu-law again."""
    if condition is CLEAN:
        return release
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(release, copy)
    files = sorted(copy.rglob("*.sph"))
    calls = [read_audio(file).samples / 32768.0 for file in files]
    voices = [channel for call in calls for channel in call]
    for index, (file, call) in enumerate(zip(files, calls, strict=True)):
        noisy = disturbed(call, condition, voices, np.random.default_rng([seed, index]))
        file.write_bytes(sphere_bytes(ulaw_bytes(noisy.T), TELEPHONE_RATE_HZ, "ulaw", shorten=False))
    return copy


def _plant(release: Path, rng: Random) -> set[TurnKey]:
    """Give a share of the lines the text of another line of the release with about as many words."""
    files = sorted(release.rglob("data/trans/*/*.txt"))
    texts = [m[2] for file in files for line in file.read_text().splitlines() if (m := _LINE.fullmatch(line))]
    plain = [text for text in texts if re.fullmatch(r"[a-z' ]+", text)]
    planted: set[TurnKey] = set()
    for file in files:
        lines = file.read_text().splitlines()
        for index, line in enumerate(lines):
            match = _LINE.fullmatch(line)
            if not match or match[2] not in plain or rng.random() >= WRONG_SHARE:
                continue
            others = [text for text in plain if abs(len(text.split()) - len(match[2].split())) <= 1]
            wrong = rng.choice([text for text in others if not set(text.split()) & set(match[2].split())] or [""])
            if wrong:
                lines[index] = match[1] + wrong
                start, _, side = match[1].split()
                planted.add((file.stem, side[0].lower(), float(start)))
        file.write_text("\n".join(lines) + "\n")
    return planted


def _measure(
    name: str, release: Path, out: Path, gold: Path, choice: AlignerChoice, planted: Set[TurnKey] = frozenset()
) -> Result:
    shutil.rmtree(out, ignore_errors=True)
    ingest([release], out, SplitRule(), "fisher", InlineEngine())
    work = WorkFolder.open(out)
    started = time.process_time()
    summary = align(work, InlineEngine(), choice)
    cpu_s = time.process_time() - started
    truth = {
        (row["call_id"], row["side"], round(row["turn_start_s"], 2), row["index"]): row["start_s"]
        for row in pq.read_table(gold / "words.parquet").to_pylist()
    }
    turns: dict[TurnKey, list[dict[str, Any]]] = defaultdict(list)
    starts = {(row["call_id"], row["turn"]): round(row["start_s"], 2) for row in work.read("turns").to_pylist()}
    for row in work.read("words").to_pylist():
        turns[row["call_id"], row["side"], starts[row["call_id"], row["turn"]]].append(row)
    masked = _masked(work, turns)
    right = {key: rows for key, rows in turns.items() if key not in planted}
    errors = [row["start_s"] - truth[*key, row["index"]] for key, rows in right.items() for row in rows]
    fallback = defaultdict(list)
    for key, rows in turns.items():
        fallback[key[0]].append(rows[0]["method"] == "proportional")
    return Result(
        name,
        np.array(errors),
        {call: float(np.mean(values)) for call, values in fallback.items()},
        len(turns),
        sum(map(sum, fallback.values())),
        {"right": len(masked - planted), "wrong": len(masked & planted)},
        len(planted & turns.keys()),
        cpu_s,
        2 * summary.counters["audio_s"],
    )


def _masked(work: WorkFolder, turns: dict[TurnKey, list[dict[str, Any]]]) -> set[TurnKey]:
    """Turns whose words lie in unknown spans."""
    unknown = {(row["call_id"], row["side"]): row["unknown"] for row in work.read("alignments").to_pylist()}
    return {
        (call, side, start)
        for (call, side, start), rows in turns.items()
        if any(s["start_s"] <= rows[0]["start_s"] < s["end_s"] for s in unknown[call, side])
    }


def _shown(result: Result) -> Result:
    worst = max(result.fallback.values())
    bias_ms = float(np.median(result.errors_s)) * 1000
    print(
        f"{result.name:20} {len(result.errors_s):6} {result.num_turns:6} {result.within_frame:7.2%} "
        f"{result.quantile_ms(0.5):4.1f} ms {result.quantile_ms(0.95):5.0f} {bias_ms:+5.1f} "
        f"{result.num_fallback / result.num_turns:9.2%} {worst:11.2%} {result.masked_right:7.2%} "
        f"{result.x_realtime:6.0f}"
    )
    if result.planted:
        share = result.masked["wrong"] / result.planted
        print(f"{'':20} of {result.planted} turns with another line's text {share:.1%} are masked")
    return result


def _summary(results: dict[str, Result]) -> dict[str, float]:
    clean, every = results["clean"], list(results.values())
    steady = np.concatenate([results[f"{kind} noise, 10 dB"].errors_s for kind in ("white", "pink")])
    wrong = results["clean, wrong text"]
    turns = sum(result.num_turns for result in every)
    return {
        "within_frame_clean": round(clean.within_frame, 4),
        "within_frame_10db": round(float(np.mean(np.abs(steady) <= FRAME_S)), 4),
        "within_frame_10db_babble": round(results["babble, 10 dB"].within_frame, 4),
        "median_error_ms": round(clean.quantile_ms(0.5), 1),
        "p95_error_ms": round(clean.quantile_ms(0.95), 1),
        "fallback_share": round(sum(result.num_fallback for result in every) / turns, 4),
        "masked_right_share": round(sum(result.masked["right"] for result in every) / (turns - wrong.planted), 4),
        "masked_wrong_share": round(wrong.masked["wrong"] / wrong.planted, 4) if wrong.planted else None,
        "x_realtime_per_core": round(clean.x_realtime, 1),
    }


if __name__ == "__main__":
    main()
