"""A full-size Fisher, but for the length of its calls, ingested; beside lhotse on the same tree where it is installed.

Writes 11,699 calls of a second or two in the layout that lhotse needs (Shorten mu-law SPHERE, transcripts of 190
utterances, calldata, pindata, file lists, topics), ingests them on two cores without the channel checks and with them,
and measures time and memory (the sum over the process and its workers). lhotse's `prepare_fisher_english` does the same
work as we do without checks (metadata, durations, turns), in an environment of its own:

    python -m venv lhotse-env && lhotse-env/bin/pip install lhotse torch soundfile
    python benchmarks/bench_ingest.py --lhotse-python lhotse-env/bin/python --sph2pipe SPH2PIPE

The last line is JSON: `seconds` and `peak_mib` without the checks, the same with them, `lhotse_seconds` and
`ratio_vs_lhotse` (null without it), the same of processor time, which another load on the machine disturbs less, and
`check_seconds_per_audio_hour`: the channel checks alone, on an hour of generated audio.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fisherprep.corpus.names import LAST_CALL_OF_PART, part_of
from fisherprep.demo.shorten import SampleType, encode
from fisherprep.demo.tables import CALLDATA_HEADER, PINDATA_HEADER

RATE_HZ = 8000
UTTERANCES = 190
"""Of a call: 1,113,586 in the 5,849 calls of Part 2 (emeinhardt/fisher-lm)."""
RECORDINGS = 16
SENTENCES = 20_000
WORDS = (
    "i yeah the and you to a that it of uh in know like so is was they do have um oh just but we it's don't one "
    "right think my for that's there i'm what people with on be at he not really well if this she had me all or go "
    "then about get up can would because them no as when are out some good time lot too your how mean more see"
)
MARKERS = ("[laughter]", "[noise]", "[mn]", "[breath]", "(( oh ))", "((", "t._v.", "th-", "'cause", "[sigh]")
LHOTSE = """
import sys
from lhotse.recipes.fisher_english import prepare_fisher_english
made = prepare_fisher_english(sys.argv[1], sys.argv[2], num_jobs=2)
print(len(made["recordings"]), "recordings", len(made["supervisions"]), "supervisions")
"""


def write_skeleton(root: Path, num_calls: int, seed: int = 0) -> None:
    """Write the release; fewer calls than all are those around the border of the two parts."""
    rng = random.Random(seed)
    recordings = [_recording(seed, i) for i in range(RECORDINGS)]
    sentences = [_sentence(rng) for _ in range(SENTENCES)]
    first = min(max(1, LAST_CALL_OF_PART[1] - num_calls // 2), max(LAST_CALL_OF_PART.values()) - num_calls + 1)
    numbers = range(first, first + num_calls)
    for number in numbers:
        name, folder, part = f"fe_03_{number:05d}", f"{number:05d}"[:3], 1 + (number > LAST_CALL_OF_PART[1])
        release = root / f"LDC200{3 + part}S13" / f"fe_03_p{part}_sph1" / "audio" / folder
        release.mkdir(parents=True, exist_ok=True)
        seconds, audio = recordings[number % RECORDINGS]
        (release / f"{name}.sph").write_bytes(audio)
        trans = root / f"LDC200{3 + part}T19" / "data" / "trans" / folder
        trans.mkdir(parents=True, exist_ok=True)
        (trans / f"{name}.txt").write_text(_transcript(name, seconds, sentences, rng), encoding="ascii")
    for part in sorted(LAST_CALL_OF_PART):
        members = [n for n in numbers if part_of(f"fe_03_{n:05d}") == part]
        _write_tables(root / f"LDC200{3 + part}T19" / "doc", part, members, numbers)


def _recording(seed: int, index: int) -> tuple[float, bytes]:
    seconds = 1.0 + index / RECORDINGS
    codes = np.random.default_rng([seed, index]).integers(96, 160, (int(seconds * RATE_HZ), 2), dtype=np.uint8)
    fields = {"channel_count": 2, "sample_count": len(codes), "sample_rate": RATE_HZ, "sample_n_bytes": 1}
    lines = ["NIST_1A", "   1024", *(f"{name} -i {value}" for name, value in fields.items())]
    lines += ["sample_byte_format -s1 1", "sample_coding -s26 ulaw,embedded-shorten-v2.00", "end_head", ""]
    return seconds, "\n".join(lines).encode().ljust(1024) + encode(codes, SampleType.ULAW)


def _sentence(rng: random.Random) -> str:
    words = rng.choices(WORDS.split(), k=max(1, round(rng.expovariate(1 / 9.2))))
    if rng.random() < 0.12:
        marker = rng.choice(MARKERS)
        words = ["((", *words, "))"] if marker == "((" else [*words, marker]
    return " ".join(words)


def _transcript(name: str, seconds: float, sentences: list[str], rng: random.Random) -> str:
    lines = [f"# {name}.sph", f"# Transcribed {rng.choice(['at the LDC', *['by BBN/WordWave'] * 7])}", ""]
    step = (seconds - 0.1) / UTTERANCES
    first = rng.randrange(SENTENCES - UTTERANCES)
    for i in range(UTTERANCES):
        lines += [f"{i * step:.2f} {i * step + 0.08:.2f} {'AB'[i % 2]}: {sentences[first + i]} ", ""]
    return "\n".join(lines)


def _write_tables(doc: Path, part: int, members: list[int], everyone: Sequence[int]) -> None:
    doc.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{n:05d},20030105_14:30:{n % 60:02d},ENG{1 + n % 40:02d},3,3.5,"
        f"{_pin(n)},f.a,ab{n},4,1,{_pin(n + 1)},m.o,cd{n},2,3"
        for n in members
    ]
    (doc / f"fe_03_p{part}_calldata.tbl").write_text("\n".join([CALLDATA_HEADER, *rows, ""]))
    pins = sorted({_pin(n + i) for n in everyone for i in (0, 1)})
    people = [f"{pin},{'FM'[pin % 2]},{18 + pin % 60},16,English,WA,2," for pin in pins]
    (doc / "fe_03_pindata.tbl").write_text("\n".join([PINDATA_HEADER, *people, ""]))
    (doc / f"fe_03_p{part}_filelist.tbl").write_text(
        "".join(f"fe_03_p{part}_sph1\t{n:05d}\tfm\tBBN\n" for n in members)
    )
    (doc / "fe_03_topics.sgm").write_text(
        "".join(f'<topic id="ENG{i:02d}" title="Topic {i}." >\nWhat of {i}?\n</topic>\n' for i in range(1, 41))
    )


def _pin(number: int) -> int:
    return 1006 + (number * 7) // 10


@dataclass
class Run:
    """What a command took: wall clock, processor time, and the highest sum of resident memory of its processes."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def measure(command: list[str], cores: set[int], on_path: Sequence[str] = ()) -> Run:
    """Run a command to its end on these cores, with these folders on PATH besides."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"TQDM_DISABLE": "1", "PATH": os.pathsep.join([os.environ["PATH"], *on_path])}
    process = subprocess.Popen(command, env=environment, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    peak = _PeakMemory(process.pid)
    status = process.wait()
    seconds = time.perf_counter() - started
    peak.stop()
    if status:
        raise SystemExit(f"status {status}: {' '.join(command)}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu_seconds, peak.peak_bytes / (1 << 20))


class _PeakMemory:
    """Watches the resident memory of a process and all below it; pages that they share are counted for each."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid, self._stop = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._stop.wait(0.1):
            self.peak_bytes = max(self.peak_bytes, page * sum(map(_resident_pages, _family(self._pid))))

    def stop(self) -> None:
        """No more watching."""
        self._stop.set()
        self._thread.join()


def _family(pid: int) -> list[int]:
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(member for child in below for member in _family(int(child)))]


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def check_seconds_per_audio_hour(calls: int = 6, seconds: int = 600) -> float | None:
    """Processor time of the channel checks for an hour of calls; None where there are no such checks."""
    try:
        from fisherprep.corpus.channels import check_channels
    except ImportError:
        return None
    from fisherprep.corpus.transcript import Turn

    rng = np.random.default_rng(0)
    talk = np.repeat(rng.integers(0, 2, seconds), RATE_HZ)
    voices = rng.normal(0, 1500, (2, seconds * RATE_HZ)) * np.stack([talk, 1 - talk])
    samples = (voices + rng.normal(0, 30, voices.shape)).astype(np.int16)
    sides = ["b" if on == 0 else "a" for on in talk[::RATE_HZ]]
    turns = [Turn(i, side, float(i), i + 1.0, "so", ["so"], []) for i, side in enumerate(sides)]
    check_channels(samples[:, : 60 * RATE_HZ], RATE_HZ, turns[:60])  # what is compiled or loaded once
    started = time.process_time()
    for _ in range(calls):
        check_channels(samples, RATE_HZ, turns)
    return (time.process_time() - started) * 3600 / (calls * seconds)


def main() -> None:
    """Write, ingest, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=max(LAST_CALL_OF_PART.values()))
    parser.add_argument("--lhotse-python", metavar="PATH", help="a Python with lhotse")
    parser.add_argument("--sph2pipe", type=Path, metavar="PATH", help="the program, for lhotse, if not on PATH")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the tree here and leave it")
    args = parser.parse_args()
    cores = set(sorted(os.sched_getaffinity(0))[:2])
    root = args.keep or Path(tempfile.mkdtemp(prefix="bench-ingest-"))
    try:
        corpus, work = root / "corpus", root / "work"
        if not corpus.is_dir():
            write_skeleton(corpus, args.calls)
        shutil.rmtree(work, ignore_errors=True)
        command = [sys.executable, "-m", "fisherprep", "ingest", str(corpus), "--out", str(work), "--workers", "2"]
        ours = measure([*command, "--no-checks"], cores)
        shutil.rmtree(work)
        checked = measure(command, cores)
        lhotse = None
        if args.lhotse_python:
            shutil.rmtree(root / "lhotse", ignore_errors=True)
            tools = [str(args.sph2pipe.resolve().parent)] if args.sph2pipe else []
            lhotse = measure([args.lhotse_python, "-c", LHOTSE, str(corpus), str(root / "lhotse")], cores, tools)
        report = json.loads((work / "ingest_report.json").read_text())
    finally:
        if not args.keep:
            shutil.rmtree(root, ignore_errors=True)
    checks = check_seconds_per_audio_hour()
    print(
        json.dumps(
            {
                "calls": report["calls"],
                "turns": report["turns"],
                "seconds": round(ours.seconds, 2),
                "cpu_seconds": round(ours.cpu_seconds, 2),
                "peak_mib": round(ours.peak_mib, 1),
                "seconds_with_checks": round(checked.seconds, 2),
                "peak_mib_with_checks": round(checked.peak_mib, 1),
                "lhotse_seconds": lhotse and round(lhotse.seconds, 2),
                "lhotse_cpu_seconds": lhotse and round(lhotse.cpu_seconds, 2),
                "ratio_vs_lhotse": lhotse and round(lhotse.seconds / ours.seconds, 2),
                "cpu_ratio_vs_lhotse": lhotse and round(lhotse.cpu_seconds / ours.cpu_seconds, 2),
                "check_seconds_per_audio_hour": checks and round(checks, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
