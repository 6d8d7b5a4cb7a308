"""Held-out loss: before the first step, every so many steps, and after the last; it tells which checkpoint is best.

RUN/heldout.jsonl   one line a measurement: step, loss (over all datasets, by the mix's weights), datasets
RUN/best.json       the line's step and loss, and the checkpoint that belongs to it
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.config import Config
from finetune.metrics import write_json
from finetune.parallel import World
from finetune.run_folder import folder_of

if TYPE_CHECKING:
    from moshi.models.lm import LMModel

    from finetune.data.windows import Plan, WindowSource

HELD_OUT = "heldout.jsonl"
BEST = "best.json"
_ALONE = World()

Losses = dict[str, dict[str, float | None]]
"""Dataset -> ``loss`` and each stream of ``loss.py`` -> nats per target, besides ``windows`` and ``frames``."""


def held_out_losses(model: LMModel, sources: dict[str, WindowSource], config: Config, world: World = _ALONE) -> Losses:
    """The loss on at most ``config.heldout.windows`` windows of each source; all ranks call it and share the work."""
    losses: Losses = {}
    for name, source in sources.items():
        plans = [source.plan(i) for i in range(min(config.heldout.windows, source.windows_per_epoch))]
        frames = sum(plan.dialogue_frames for plan in plans)
        losses[name] = {**losses_of(model, source, plans, config, world), "windows": len(plans), "frames": frames}
    return losses


def losses_of(
    model: LMModel, source: WindowSource, plans: list[Plan], config: Config, world: World = _ALONE
) -> dict[str, float | None]:
    """``loss`` and each stream's mean cross-entropy over the windows of these plans, of one source."""
    import torch

    from finetune.data.batches import micro_batches
    from finetune.loss import StreamSums
    from finetune.step import target_losses

    model.eval()
    name, size = source.dataset.name, config.data.micro_batch_size
    plans = sorted(plans, key=lambda plan: -plan.dialogue_frames)
    groups = [plans[first : first + size] for first in range(0, len(plans), size)]
    sums = StreamSums((name,))
    for turn in range(math.ceil(len(groups) / world.size)):
        place = turn * world.size + world.rank
        group = groups[min(place, len(groups) - 1)]  # a shard of the model is on every rank, so each takes part
        batch = next(micro_batches((source.cut(p) for p in group), [name], size))
        with torch.no_grad():
            codes, mask, values = target_losses(model, batch)
        if place < len(groups):
            sums.add(values, codes, mask, batch.dataset_ids)
    sums = sums.over(world)
    return {"loss": sums.losses(config.loss)[name], **sums.means()[name]}


def mixed_loss(losses: Losses, mix: dict[str, float]) -> float | None:
    """One number for all datasets: their losses' mean by the weights of the mix; None where none is held out."""
    found = {name: values["loss"] for name, values in losses.items()}
    total = sum(mix[name] for name in found)
    return sum(mix[name] / total * (loss or 0.0) for name, loss in found.items()) if found else None


class HeldOut:
    """A run's held-out measurements: on the way, when they are due, and in its log."""

    def __init__(self, run: Path, config: Config, sources: dict[str, WindowSource], world: World) -> None:
        self._run, self._config, self._world = run, config, world
        self._sources = sources if config.heldout.windows else {}
        self.rows: list[dict[str, Any]] = world.from_main(_read(run / HELD_OUT) if world.is_main else None)

    @property
    def is_main(self) -> bool:
        """Whether this process writes."""
        return self._world.is_main

    def due(self, step: int) -> bool:
        """Whether the loss is to be measured after ``step`` steps."""
        every = self._config.heldout.every
        return step in (0, self._config.steps) or (every > 0 and step % every == 0)

    def measure(self, model: LMModel, step: int) -> dict[str, Any] | None:
        """Measure and log what is due after ``step`` steps; None where it was known already, or is not due."""
        if not self.due(step) or any(row["step"] == step for row in self.rows):
            return None
        losses = held_out_losses(model, self._sources, self._config, self._world)
        row = {"step": step, "loss": mixed_loss(losses, self._config.data.mix), "datasets": losses}
        self.rows.append(row)
        if self._world.is_main:
            with (self._run / HELD_OUT).open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
            self._note_best()
        return row

    @property
    def best(self) -> int | None:
        """The step with the lowest loss among those with a checkpoint; None before the first."""
        there = [row for row in self.rows if row["loss"] is not None and folder_of(self._run, row["step"]).is_dir()]
        return min(there, key=lambda row: row["loss"])["step"] if there else None

    def losses(self, step: int) -> Losses:
        """What was measured after ``step`` steps; empty where the log has lost it."""
        return next((row["datasets"] for row in self.rows if row["step"] == step), {})

    def _note_best(self) -> None:
        if (step := self.best) is not None:
            loss = next(row["loss"] for row in self.rows if row["step"] == step)
            write_json(self._run / BEST, {"checkpoint": folder_of(Path(), step).as_posix(), "step": step,
                                          "loss": loss})  # fmt: skip


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def best_checkpoint(run: Path) -> Path:
    """The run's checkpoint with the lowest held-out loss.

    Raises:
        ValueError: no held-out loss has been measured, or its checkpoint is gone.
    """
    try:
        folder = run / json.loads((run / BEST).read_text(encoding="utf-8"))["checkpoint"]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ValueError(f"{run / BEST}: cannot be read ({err}); use the newest checkpoint instead") from err
    if not folder.is_dir():
        raise ValueError(f"{folder}: the best checkpoint is gone; use the newest instead")
    return folder
