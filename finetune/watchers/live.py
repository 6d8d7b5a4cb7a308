"""The run in the terminal: a view that is drawn anew at each step; where stderr is no terminal, a line now and then."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from finetune.watch import Start, StepReport, Watcher
from finetune.watchers.logs import timings
from finetune.watchers.speed import Cost

if TYPE_CHECKING:
    from pathlib import Path

LINE_EVERY_S = 30.0
SMOOTHED = 20
"""Steps that the shown losses are means of."""


def view() -> Watcher:
    """The view that suits stderr."""
    console = Console(stderr=True, highlight=False)
    return LiveView(console) if console.is_terminal else LineView(console)


class _View(Watcher):
    """What both views know."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.losses: deque[dict[str, Any]] = deque(maxlen=SMOOTHED)
        self.heldout: list[tuple[int, float]] = []

    def on_start(self, start: Start) -> None:
        self.start = start
        self._cost = Cost.of(start.model, start.device)

    def on_heldout(self, step: int, row: dict[str, Any]) -> None:
        if row["loss"] is not None:
            self.heldout.append((step, row["loss"]))

    def facts(self, report: StepReport) -> dict[str, str]:
        """What is shown of a step, in order."""
        metrics, timing = report.metrics, timings(report, self._cost)
        self.losses.append(metrics)
        mean = sum(m["loss"] for m in self.losses) / len(self.losses)
        return {
            "loss": f"{metrics['loss']:.4f} (mean of {len(self.losses)}: {mean:.4f})",
            "gradient": f"{metrics['grad_norm']:.3g}",
            "lr": f"{metrics['lr']['temporal']:.2e} temporal, {metrics['lr']['depth']:.2e} depth",
            "speed": f"{timing['frames_per_s']:.0f} frames/s, {timing['step_s']:.2f} s a step"
            + (f", MFU {timing['mfu']:.1%}" if timing["mfu"] is not None else ""),
            "waiting": f"{timing['data_share']:.1%} of the step for data",
            "memory": f"{timing['peak_memory_bytes'] / 2**30:.1f} GiB",
        }

    def best(self) -> str:
        """The held-out loss, first, last and best."""
        if not self.heldout:
            return "-"
        step, loss = min(self.heldout, key=lambda pair: pair[1])
        return f"{self.heldout[-1][1]:.4f} (step {self.heldout[-1][0]}); best {loss:.4f} (step {step})"


class LineView(_View):
    """A line after the first step, after the last, and now and then: for logs of a batch system."""

    _said_s = float("-inf")

    def on_step(self, report: StepReport) -> None:
        facts = self.facts(report)
        steps = self.start.config.steps
        now = time.monotonic()
        if now - self._said_s >= LINE_EVERY_S or report.step == steps:
            self._said_s = now
            text = ", ".join(f"{name} {value}" for name, value in facts.items())
            self.console.print(f"step {report.step}/{steps}: {text}", markup=False, soft_wrap=True)

    def on_heldout(self, step: int, row: dict[str, Any]) -> None:
        super().on_heldout(step, row)
        if row["loss"] is not None:
            self.console.print(f"held-out loss after step {step}: {row['loss']:.4f}", markup=False, soft_wrap=True)


class LiveView(_View):
    """Progress, the step's figures and every stream's loss, drawn in place."""

    def on_start(self, start: Start) -> None:
        super().on_start(start)
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._task = self._bar.add_task("training", total=start.config.steps, completed=start.step)
        self._live = Live(self._bar, console=self.console, refresh_per_second=4, transient=False)
        self._live.start()

    def on_step(self, report: StepReport) -> None:
        self._bar.update(self._task, completed=report.step)
        figures = Table.grid(padding=(0, 2))
        for name, value in self.facts(report).items():
            figures.add_row(name, value)
        figures.add_row("held-out", self.best())
        self._live.update(Group(self._bar, figures, stream_table(list(self.losses))))

    def on_checkpoint(self, step: int, folder: Path) -> None:
        self.console.print(f"saved {folder}", markup=False)

    def close(self) -> None:
        if hasattr(self, "_live"):
            self._live.stop()


def stream_table(metrics: list[dict[str, Any]]) -> Table:
    """Every dataset's streams, means over some steps' metrics."""
    from finetune.loss import STREAMS

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for stream in STREAMS:
        table.add_column(stream, justify="right")
    for name in metrics[-1]["streams"]:
        cells = []
        for stream in STREAMS:
            values = [v for m in metrics if (v := m["streams"][name][stream]) is not None]
            cells.append(f"{sum(values) / len(values):.3f}" if values else "-")
        table.add_row(name, *cells)
    return table
