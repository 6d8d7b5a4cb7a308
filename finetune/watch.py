"""What may look on while a model trains: logs, a live view, TensorBoard, samples. Watching changes nothing.

``run.py`` tells every watcher of its list what happened; a new kind of watcher is a subclass of ``Watcher`` and one
entry in ``run.watchers``. Watchers are there on every rank, for what all ranks must do together (a sharded model can
only speak when all take part); those that write or draw do so where ``Start.world.is_main``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from finetune.config import Config
from finetune.parallel import World

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

    from finetune.checkpoints import BaseModel


@dataclass(frozen=True)
class Start:
    """What a run has in hand when it begins or goes on; ``step`` steps are done."""

    run: Path
    config: Config
    base: BaseModel
    model: LMModel
    device: torch.device
    world: World
    step: int


@dataclass(frozen=True)
class StepReport:
    """One optimiser step.

    Args:
        metrics: the step's line of metrics.jsonl (``metrics.py``): loss, gradient norm, rates, streams.
        step_frames: dialogue frames trained on, over all ranks.
        fed_frames: frames that this rank's GPU worked on: prompts, padding and dialogue.
        longest: frames of the longest window of this rank.
        step_s: what the step took, ``data_s`` of it waiting for data.
    """

    metrics: dict[str, Any]
    step_frames: int
    fed_frames: int
    longest: int
    step_s: float
    data_s: float
    device: torch.device

    @property
    def step(self) -> int:
        """The step's number, from 1."""
        return self.metrics["step"]


class Watcher:
    """Overridden where something is to be done; ``close`` is called whatever happens."""

    def on_start(self, start: Start) -> None:
        """Before the first step."""

    def on_step(self, report: StepReport) -> None:
        """After the model was updated."""

    def on_heldout(self, step: int, row: dict[str, Any]) -> None:
        """A line of heldout.jsonl was measured."""

    def on_checkpoint(self, step: int, folder: Path) -> None:
        """A checkpoint is whole."""

    def on_end(self, summary: dict[str, Any]) -> None:
        """The last step is done, measured and saved; ``summary`` is what summary.json holds."""

    def close(self) -> None:
        """The run ends, for whatever reason."""


class Watchers(Watcher):
    """Several, told in their order."""

    def __init__(self, watchers: list[Watcher]) -> None:
        self._watchers = watchers

    def on_start(self, start: Start) -> None:
        for watcher in self._watchers:
            watcher.on_start(start)

    def on_step(self, report: StepReport) -> None:
        for watcher in self._watchers:
            watcher.on_step(report)

    def on_heldout(self, step: int, row: dict[str, Any]) -> None:
        for watcher in self._watchers:
            watcher.on_heldout(step, row)

    def on_checkpoint(self, step: int, folder: Path) -> None:
        for watcher in self._watchers:
            watcher.on_checkpoint(step, folder)

    def on_end(self, summary: dict[str, Any]) -> None:
        for watcher in self._watchers:
            watcher.on_end(summary)

    def __enter__(self) -> Watchers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all of them; what goes wrong with that is raised only where it would not hide why the run ends."""
        failures = []
        for watcher in self._watchers:
            try:
                watcher.close()
            except (OSError, ValueError) as err:
                failures.append(err)
        if failures and error is None:
            raise failures[0]
