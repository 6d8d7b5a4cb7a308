"""Damaged inputs through one target, with an eye on time and memory."""

from __future__ import annotations

import contextlib
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from .mutate import mutated
from .targets import TARGETS

MAX_SECONDS = 2.0
"""Processor time one input may take."""
MAX_MIB = 500
"""Memory that reading may take, beyond what the process held before."""


@dataclass
class Report:
    """What came of a run."""

    target: str
    inputs: int = 0
    refused: int = 0
    """by a ``ValueError``; the others were read"""
    worst_s: float = 0.0
    worst_input: int = 0
    peak_mib: int = 0
    failures: list[str] = field(default_factory=list)


def damaged_input(target: str, seed: int, number: int) -> tuple[bytes, Random]:
    """The input of that number, and the source of random choices for the parser's options."""
    rng = Random(f"{target}/{seed}/{number}")
    return mutated(rng, TARGETS[target].seeds()), rng


def fuzz(target: str, count: int, seed: int, first: int = 0, save: Path | None = None) -> Report:
    """Run inputs ``first`` to ``first + count - 1``; failing ones are written to the folder ``save``."""
    for raw in TARGETS[target].seeds():  # sound inputs first: what is compiled on first use is no input's time
        TARGETS[target].parse(raw, Random(0))
    report, held_mib = Report(target), _restart_peak()
    for number in range(first, first + count):
        failure = _run_one(report, seed, number, held_mib)
        if failure:
            report.failures.append(f"input {number}: {failure}")
            if save:
                save.mkdir(parents=True, exist_ok=True)
                (save / f"{target}-{seed}-{number}").write_bytes(damaged_input(target, seed, number)[0])
    return report


def _run_one(report: Report, seed: int, number: int, held_mib: int) -> str | None:
    raw, rng = damaged_input(report.target, seed, number)
    failure = None
    begin = time.process_time()
    try:
        TARGETS[report.target].parse(raw, rng)
    except ValueError:
        report.refused += 1
    except Exception:
        failure = traceback.format_exc(limit=-3)
    took_s = time.process_time() - begin
    report.inputs += 1
    if took_s > report.worst_s:
        report.worst_s, report.worst_input = took_s, number
    before, report.peak_mib = report.peak_mib, max(report.peak_mib, _memory_mib("VmHWM") - held_mib)
    if took_s > MAX_SECONDS:
        failure = failure or f"{took_s:.1f} s"
    if report.peak_mib > MAX_MIB and report.peak_mib > before:
        failure = failure or f"{report.peak_mib} MiB"
    return failure


def _restart_peak() -> int:
    """Begin counting peak memory anew; returns what the process holds now, in MiB, which is no parser's doing."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _memory_mib("VmHWM")  # the peak of old where it cannot be reset


def _memory_mib(what: str) -> int:
    """A line of this process's status, such as ``VmHWM`` (the most since the last restart); 0 where it is not told."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) >> 10
    return 0
