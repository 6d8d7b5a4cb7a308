"""Two logs, one line a step each.

metrics.jsonl holds only what the computation itself gives, so that a run that was killed and resumed leaves the same
bytes as one that was not:

    step, loss, grad_norm, lr {depth, temporal}      loss: the formula of loss.py, over the step
    frames {dataset: n}                              dialogue frames trained on so far
    streams {dataset: {stream: CE}}                  mean cross-entropy in nats; null: no target of that stream

timings.jsonl holds what depends on the machine: step, step_s, data_s (of it, waiting for windows), data_share,
frames_per_s (dialogue frames, all ranks), mfu (``speed.py``; null on a CPU), peak_memory_bytes.
"""

from __future__ import annotations

import json
from typing import Any

from finetune.metrics import METRICS, TIMINGS
from finetune.watch import Start, StepReport, Watcher
from finetune.watchers.speed import Cost, peak_memory_bytes


def timings(report: StepReport, cost: Cost) -> dict[str, Any]:
    """The step's line of timings.jsonl."""
    mfu = cost.mfu(report)
    return {
        "step": report.step,
        "step_s": round(report.step_s, 4),
        "data_s": round(report.data_s, 4),
        "data_share": round(report.data_s / report.step_s, 4),
        "frames_per_s": round(report.step_frames / report.step_s, 1),
        "mfu": None if mfu is None else round(mfu, 4),
        "peak_memory_bytes": peak_memory_bytes(report.device),
    }


class RunLog(Watcher):
    """Writes both logs."""

    def on_start(self, start: Start) -> None:
        self._cost = Cost.of(start.model, start.device)
        self._metrics = (start.run / METRICS).open("a", encoding="utf-8")
        self._timings = (start.run / TIMINGS).open("a", encoding="utf-8")

    def on_step(self, report: StepReport) -> None:
        for handle, values in ((self._metrics, report.metrics), (self._timings, timings(report, self._cost))):
            handle.write(json.dumps(values) + "\n")
            handle.flush()

    def close(self) -> None:
        if hasattr(self, "_timings"):
            self._metrics.close()
            self._timings.close()
