"""A Fisher-shaped release of synthetic calls: the four folders that LDC ships, and gold word times beside them.

The gold lies in ``<release>_gold``: ``words.parquet`` (exact word times), ``manifest.json`` (the arguments), and
``calls/`` with the words and the completion record of each call, so that a killed run goes on where it was. Nothing but
the corpus is in the release itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fisherprep.demo.call import CallJob, CallRecord, gold_path, put, read_record, write_call
from fisherprep.demo.layout import PARTS
from fisherprep.demo.plan import Plan, plan_release
from fisherprep.demo.tables import release_texts
from fisherprep.engine import Engine

GENERATOR = "fisherprep demo-corpus 2"
"""Raised when the same arguments give other content; a release of another generator is refused."""
SECONDS = (5.0, 720.0)
"""Length of a call, shortest and longest."""


@dataclass(frozen=True)
class ReleaseSummary:
    """What a release holds."""

    calls: int
    part_1: int
    part_2: int
    hours: float
    speakers: int
    utterances: int
    words: int
    plain_ulaw: int
    """calls whose audio is not compressed"""
    audio_mb: float
    written: int
    """calls made by this run; the others were there"""
    gold: Path
    """exact word times"""


def gold_folder(release: Path) -> Path:
    """Where the gold of a release lies: beside it, never inside."""
    release = release.absolute()
    return release.parent / f"{release.name}_gold"


def write_release(
    out: Path, calls: int, seconds: float, seed: int, engine: Engine, rate: float = 1.0
) -> ReleaseSummary:
    """Write a release of ``calls`` calls, ``seconds`` long each; what is there already is kept.

    ``rate`` makes all speakers talk faster (above 1) or slower than their voices do.

    Raises:
        ValueError: an argument is out of range, ``out`` holds something else or a release of other arguments, or
            another run is writing there.
    """
    low, high = SECONDS
    if not low <= seconds <= high:
        raise ValueError(
            f"seconds: found {seconds:g}, expected {low:g} to {high:g}: Fisher calls last up to 12 minutes"
        )
    plan = plan_release(calls, seed)
    gold = gold_folder(out)
    arguments = {"generator": GENERATOR, "calls": calls, "seconds": float(seconds), "seed": seed}
    _claim(out, gold, arguments if rate == 1.0 else arguments | {"rate": rate})
    with _only_writer(gold):
        jobs = [CallJob(c, seed, float(seconds), out, gold, rate) for c in plan.calls]
        records = {job.plan.number: record for job in jobs if (record := read_record(job))}
        missing = [job for job in jobs if job.plan.number not in records]
        for part in PARTS:
            for name, text in release_texts(plan, part).items():
                _put_once(out / name, text.encode(), gold)
        made = _make(missing, engine)
        _join_gold(plan, gold, again=bool(missing))
    return _summary(plan, [*records.values(), *made], float(seconds), len(missing), gold / "words.parquet")


def _claim(out: Path, gold: Path, arguments: dict[str, Any]) -> None:
    """Make sure that ``out`` is ours: empty, or begun with the same arguments."""
    manifest = gold / "manifest.json"
    if manifest.exists():
        try:
            found = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if found != arguments:
            raise ValueError(
                f"{manifest}: {out} was made with {found}, now asked for {arguments}; "
                "give the same arguments, another folder, or delete both"
            )
    elif _in_use(out) or _in_use(gold):
        place = out if _in_use(out) else gold
        raise ValueError(f"{place}: holds something else than a demo release; give a folder that is empty or new")
    else:
        put(manifest, (json.dumps(arguments, indent=1) + "\n").encode(), gold)
    out.mkdir(parents=True, exist_ok=True)


def _in_use(folder: Path) -> bool:
    if not folder.exists():
        return False
    return not folder.is_dir() or any(p.name not in (".lock", ".tmp") for p in folder.iterdir())


@contextlib.contextmanager
def _only_writer(gold: Path) -> Iterator[None]:
    """Refuse a second run on the same release; the system frees the lock when its holder dies."""
    with (gold / ".lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise ValueError(f"{gold}: another run is writing this release; wait for it") from err
        shutil.rmtree(gold / ".tmp", ignore_errors=True)
        yield
        shutil.rmtree(gold / ".tmp", ignore_errors=True)


def _put_once(target: Path, content: bytes, gold: Path) -> None:
    if not target.is_file():
        put(target, content, gold)


def _make(jobs: list[CallJob], engine: Engine) -> list[CallRecord]:
    """Make the calls, with a progress bar on stderr."""
    if not jobs:
        return []
    from rich.console import Console
    from rich.progress import Progress

    made = []
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("calls", total=len(jobs))
        for record in engine.map(write_call, jobs):
            made.append(record)
            progress.advance(task)
    return made


def _join_gold(plan: Plan, gold: Path, again: bool) -> None:
    """Put the gold words of all calls into one table."""
    target = gold / "words.parquet"
    if target.is_file() and not again:
        return
    words = pa.concat_tables([pq.read_table(gold_path(gold, c.number), partitioning=None) for c in plan.calls])
    sink = pa.BufferOutputStream()
    pq.write_table(words, sink, compression="zstd")
    put(target, sink.getvalue().to_pybytes(), gold)


def _summary(plan: Plan, records: list[CallRecord], seconds: float, written: int, gold: Path) -> ReleaseSummary:
    by_part = [sum(c.part is part for c in plan.calls) for part in PARTS]
    return ReleaseSummary(
        calls=len(plan.calls),
        part_1=by_part[0],
        part_2=by_part[1],
        hours=round(len(plan.calls) * seconds / 3600, 3),
        speakers=len(plan.speakers),
        utterances=sum(r.utterances for r in records),
        words=sum(r.words for r in records),
        plain_ulaw=sum(not c.shorten for c in plan.calls),
        audio_mb=round(sum(r.audio_bytes for r in records) / 1e6, 2),
        written=written,
        gold=gold,
    )
