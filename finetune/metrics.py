"""What a run leaves to read: metrics.jsonl, timings.jsonl, and a progress bar on stderr.

metrics.jsonl, one line a step, holds only what the computation itself gives, so that a run that was killed and resumed
leaves the same bytes as one that was not:

    step, loss, grad_norm, lr {depth, temporal}      loss: the formula of loss.py, over the step
    frames {dataset: n}                              dialogue frames trained on so far
    streams {dataset: {stream: CE}}                  mean cross-entropy in nats; null: no target of that stream

timings.jsonl, one line a step, holds what depends on the machine: step, step_s, data_s (of it, reading windows),
frames_per_s (dialogue frames), peak_memory_bytes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from finetune.watch import Start, StepReport, Watcher

if TYPE_CHECKING:
    import torch

METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"


def drop_after(file: Path, step: int) -> None:
    """Keep a log's lines up to ``step``: later ones, which a resumed run writes again, go; so does a torn last one."""
    if not file.exists():
        return
    kept = []
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            break
    tmp = file.with_name(f".tmp-{file.name}")
    tmp.write_text("".join(kept), encoding="utf-8")
    os.replace(tmp, file)


class RunLog(Watcher):
    """Both logs and the progress bar of a run."""

    def on_start(self, start: Start) -> None:
        for name in (METRICS, TIMINGS):
            drop_after(start.run / name, start.step)
        self._metrics = (start.run / METRICS).open("a", encoding="utf-8")
        self._timings = (start.run / TIMINGS).open("a", encoding="utf-8")
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps  loss {task.fields[loss]}  {task.fields[speed]} frames/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        steps = start.config.steps
        self._task = self._bar.add_task("training", total=steps, completed=start.step, loss="-", speed="-")
        self._bar.start()

    def on_step(self, report: StepReport) -> None:
        frames_per_s = report.step_frames / report.step_s
        timings = {
            "step": report.step,
            "step_s": round(report.step_s, 4),
            "data_s": round(report.data_s, 4),
            "frames_per_s": round(frames_per_s, 1),
            "peak_memory_bytes": peak_memory_bytes(report.device),
        }
        for handle, values in ((self._metrics, report.metrics), (self._timings, timings)):
            handle.write(json.dumps(values) + "\n")
            handle.flush()
        self._bar.update(self._task, advance=1, loss=f"{report.metrics['loss']:.4f}", speed=f"{frames_per_s:.0f}")

    def close(self) -> None:
        if hasattr(self, "_bar"):
            self._bar.stop()
            self._metrics.close()
            self._timings.close()


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory used so far: of the GPU, or of this process on a CPU."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write_json(file: Path, values: Any) -> None:
    """Write a JSON file whole or not at all."""
    tmp = file.with_name(f".tmp-{file.name}")
    tmp.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    os.replace(tmp, file)
