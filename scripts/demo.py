#!/usr/bin/env python3
"""The whole way on a laptop: a generated release and a coffee shop, to a fine-tuned, evaluated, exported toy model.

``python scripts/demo.py DIR`` runs the commands a user would type, one after the other, shows each with its time and
peak memory, and ends with a table. Every command resumes, so an interrupted demo goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

MIX = "fisher:0.7,coffee:0.3"
CALLS, SECONDS, SEED = 16, 60, 0
DIALOGUES = 24


@dataclass(frozen=True)
class Step:
    """One command, with what it took."""

    name: str
    wall_s: float
    peak_mib: float


def commands(out: Path) -> dict[str, list[str]]:
    """The demo's commands by name, as a user would type them (with this environment's Python)."""
    prep = [sys.executable, "-m", "fisherprep"]
    tune = [sys.executable, "-m"]
    root = ["--data-root", str(out)]
    toy, run = str(out / "toy"), str(out / "run")
    return {
        "demo release": [*prep, "demo-corpus", str(out / "ldc"), "--calls", str(CALLS), "--seconds", str(SECONDS),
                         "--seed", str(SEED)],
        "ingest": [*prep, "ingest", str(out / "ldc"), "--out", str(out / "fisher")],
        "align": [*prep, "align", str(out / "fisher")],
        "label": [*prep, "label", str(out / "fisher"), "--labeler", "topic"],
        "toy checkpoint": [*tune, "finetune.toy", toy],
        "encode fisher": [*prep, "encode", str(out / "fisher"), "--checkpoint", toy],
        "synthesize coffee": [*prep, "synthesize", "manifests/coffee.yaml", "--dialogues", str(DIALOGUES),
                              "--out", str(out / "coffee")],
        "encode coffee": [*prep, "encode", str(out / "coffee"), "--checkpoint", toy],
        "check fisher": [*prep, "check", str(out / "fisher")],
        "check coffee": [*prep, "check", str(out / "coffee")],
        "fine-tune": [*tune, "finetune.run", "--mix", MIX, "--recipe", "debug_cpu", "--checkpoint", toy, *root,
                      "--out", run, "--resume"],
        "evaluate": [*tune, "finetune.evaluate", run, "--split", "test", "--turns", "4"],
        "report": [*tune, "finetune.report", run],
        "export": [*tune, "finetune.export", run, "--out", str(out / "export")],
    }  # fmt: skip


def shown(command: list[str]) -> str:
    """A command as one would type it."""
    text = " ".join(command)
    return text.replace(f"{sys.executable} -m fisherprep", "fisherprep").replace(sys.executable, "python")


def run_step(name: str, command: list[str], console: Console) -> Step:
    """Run one command to its end; the demo stops where a command fails."""
    console.print(f"\n[bold]$ {shown(command)}[/bold]", highlight=False, soft_wrap=True)
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(
            f"demo: `{name}` ended with status {code}; its message is above. After mending it, run the demo again."
        )
    kib = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Step(name, time.monotonic() - started, kib / 1024)


def summary_rows(out: Path) -> list[tuple[str, str, str]]:
    """Name, Fisher's and coffee's value: read from the tables and the run, not from what was printed."""
    from fisherprep.workfolder import WorkFolder

    rows = []
    works = [WorkFolder.open(out / name) for name in ("fisher", "coffee")]
    calls = [w.read("conversations") for w in works]
    rows.append(("calls", [f"{t.num_rows}" for t in calls]))
    rows.append(("hours of two-channel audio", [f"{sum(t['duration_s'].to_pylist()) / 3600:.3f}" for t in calls]))
    rows.append(("words aligned", [f"{w.read('words', columns=['word']).num_rows:,}" for w in works]))
    rows.append(("rejects", [f"{w.read('rejects').num_rows}" for w in works]))
    rows.append(("frames", [f"{sum(w.read('codes', columns=['num_frames'])[0].to_pylist()):,}" for w in works]))
    losses = json.loads((out / "run" / "summary.json").read_text())
    for when in ("before", "after"):
        rows.append((f"held-out loss {when}", [f"{losses[when][w.name]['loss']:.3f}" for w in works]))
    return [(name, fisher, coffee) for name, (fisher, coffee) in rows]


def main() -> None:
    """Run every command, then print what came of it."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    console = Console()
    shutil.rmtree(out / "export", ignore_errors=True)  # export writes to an empty folder only
    steps = [run_step(name, command, console) for name, command in commands(out).items()]

    cost = Table("step", "seconds", "peak MiB", title="what it took", title_justify="left")
    for step in steps:
        cost.add_row(step.name, f"{step.wall_s:.1f}", f"{step.peak_mib:,.0f}")
    cost.add_row("total", f"{sum(s.wall_s for s in steps):.1f}", f"{max(s.peak_mib for s in steps):,.0f}")
    console.print("\n", cost)
    packages = ("moshi", "torch", "datasets", "pyarrow", "pocketsphinx")
    versions = ", ".join(f"{p} {version(p)}" for p in packages)
    console.print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}", highlight=False)

    result = Table(
        "", "fisher", "coffee", title="what came of it (generated speech, toy weights)", title_justify="left"
    )
    for row in summary_rows(out):
        result.add_row(*row)
    console.print(result)


if __name__ == "__main__":
    main()
