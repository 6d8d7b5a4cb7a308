"""Curves elsewhere: TensorBoard (where the package is there) and Weights & Biases (where a project is named)."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from typing import Any

from finetune.configure import as_dict
from finetune.watch import Start, StepReport, Watcher
from finetune.watchers.logs import timings
from finetune.watchers.speed import Cost

FOLDER = "tensorboard"


def scalars(report: StepReport, cost: Cost) -> Iterator[tuple[str, float]]:
    """Every number of a step by its name on a board."""
    metrics, timing = report.metrics, timings(report, cost)
    yield "loss", metrics["loss"]
    yield "grad_norm", metrics["grad_norm"]
    for group, rate in metrics["lr"].items():
        yield f"lr/{group}", rate
    for dataset, streams in metrics["streams"].items():
        for stream, value in streams.items():
            if value is not None:
                yield f"train/{dataset}/{stream}", value
    for dataset, frames in metrics["frames"].items():
        yield f"frames/{dataset}", frames
    for name in ("step_s", "data_share", "frames_per_s", "mfu"):
        if timing[name] is not None:
            yield f"machine/{name}", timing[name]
    yield "machine/peak_memory_gib", timing["peak_memory_bytes"] / 2**30


def heldout_scalars(row: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Every number of a held-out measurement."""
    if row["loss"] is not None:
        yield "heldout/loss", row["loss"]
    for dataset, values in row["datasets"].items():
        for name, value in values.items():
            if value is not None and name not in ("windows", "frames"):
                yield f"heldout/{dataset}/{name}", value


class TensorBoard(Watcher):
    """Event files in RUN/tensorboard; nothing where the package is missing."""

    _writer: Any = None

    def on_start(self, start: Start) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._cost = Cost.of(start.model, start.device)
        # what a killed run wrote past its last checkpoint is hidden by purge_step
        self._writer = SummaryWriter(str(start.run / FOLDER), purge_step=start.step + 1)

    def on_step(self, report: StepReport) -> None:
        if self._writer is not None:
            for name, value in scalars(report, self._cost):
                self._writer.add_scalar(name, value, report.step)

    def on_heldout(self, step: int, row: dict[str, Any]) -> None:
        if self._writer is not None:
            for name, value in heldout_scalars(row):
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class WeightsAndBiases(Watcher):
    """A run of a project that the configuration names; the key comes from the environment, as wandb wants it."""

    def __init__(self, project: str) -> None:
        """Raises ``ValueError`` where the package is missing: the run was told to use it."""
        if importlib.util.find_spec("wandb") is None:
            raise ValueError(
                "watch.wandb names a project but the package wandb is not installed; `pip install wandb`, or leave "
                "watch.wandb empty"
            )
        self._project = project
        self._run: Any = None

    def on_start(self, start: Start) -> None:
        import wandb

        self._cost = Cost.of(start.model, start.device)
        name = start.run.resolve().name
        key = hashlib.sha256(str(start.run.resolve()).encode()).hexdigest()[:16]
        self._run = wandb.init(
            project=self._project, name=name, id=key, resume="allow", dir=str(start.run), config=as_dict(start.config)
        )

    def on_step(self, report: StepReport) -> None:
        self._run.log(dict(scalars(report, self._cost)), step=report.step)

    def on_heldout(self, step: int, row: dict[str, Any]) -> None:
        self._run.log(dict(heldout_scalars(row)), step=step)

    def close(self) -> None:
        if self._run is not None:
            self._run.finish()
