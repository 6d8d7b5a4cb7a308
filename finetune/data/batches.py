"""Batches: the stream of optimiser steps' windows, padded, each with the state that follows it.

The state belongs to the batch that is handed out, never to one prepared ahead: saved with the step that used the batch,
it makes a resumed run continue with exactly the window that an undisturbed one would have used.

Every rank walks the same stream of plans, which needs no codes, and forms the same micro-batches of each step; then it
reads those that fall to it. So the windows of a step, and how they are padded, do not depend on how many ranks there
are.

Legend: B windows of a micro-batch, T frames of its longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finetune.data.ahead import in_order
from finetune.data.mixture import MixtureState, most_lagging
from finetune.data.windows import Plan, Window, WindowSource
from finetune.prompt import ROWS
from fisherprep.schema import MASKED

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """One micro-batch: ``codes`` and ``mask`` ``[B, 17, T]``; ``dataset_ids`` ``[B]``, positions in the mix."""

    codes: torch.Tensor
    mask: torch.Tensor
    dataset_ids: torch.Tensor

    def pinned(self) -> Batch:
        """The same in page-locked memory, from which a GPU copies while it computes."""
        return Batch(self.codes.pin_memory(), self.mask.pin_memory(), self.dataset_ids.pin_memory())


@dataclass(frozen=True)
class StepBatch:
    """One rank's windows of one optimiser step, as micro-batches; ``step_frames``: dialogue frames of all ranks."""

    micro_batches: tuple[Batch, ...]
    windows: int
    dialogue_frames: int
    step_frames: int


@dataclass(frozen=True)
class _StepPlan:
    """A rank's part of a step before its codes are read: the plans of its micro-batches, and the state afterwards."""

    micro_batches: tuple[list[Plan], ...]
    step_frames: int
    state: MixtureState

    @property
    def plans(self) -> list[Plan]:
        """Of all the rank's micro-batches."""
        return [plan for micro in self.micro_batches for plan in micro]


def collate(windows: list[Window], names: list[str]) -> Batch:
    """Pad windows to the longest: -1 in every row past a window's end, where nothing is fed and nothing is a target."""
    import torch

    longest = max(window.rows.shape[1] for window in windows)
    codes = np.full((len(windows), ROWS, longest), MASKED, dtype=np.int64)
    mask = np.zeros(codes.shape, dtype=bool)
    for place, window in enumerate(windows):
        codes[place, :, : window.rows.shape[1]] = window.rows
        mask[place, :, : window.rows.shape[1]] = window.mask
    ids = torch.tensor([names.index(window.dataset) for window in windows])
    return Batch(torch.from_numpy(codes), torch.from_numpy(mask), ids)


class Mixture:
    """The endless stream of windows of several datasets, by shares of dialogue frames."""

    def __init__(self, sources: dict[str, WindowSource], mix: dict[str, float]) -> None:
        assert sources.keys() == mix.keys(), "each dataset has a weight"
        self.names = list(mix)
        self._sources = sources
        self._mix = mix

    def fingerprints(self) -> dict[str, str]:
        """Dataset -> fingerprint of its calls."""
        return {name: source.dataset.fingerprint() for name, source in self._sources.items()}

    def plans(self, state: MixtureState) -> Iterator[tuple[Plan, MixtureState]]:
        """Planned windows from ``state`` on, each with the state that follows it."""
        while True:
            name = most_lagging(state, self._mix)
            plan = self._sources[name].plan(state.windows[name])
            state = state.after(name, plan.dialogue_frames)
            yield plan, state

    def steps(
        self,
        state: MixtureState,
        batch_size: int,
        micro_batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        *,
        workers: int = 0,
        prefetch: int = 2,
        device: torch.device | None = None,
    ) -> Iterator[tuple[StepBatch, MixtureState]]:
        """This rank's part of each step of ``batch_size`` windows from ``state`` on, with the state that follows it.

        The step's micro-batches are the same for any number of ranks; rank r takes every ``world_size``-th from the
        r-th on.

        Args:
            workers: threads that read ahead; 0: none.
            prefetch: steps that are read ahead.
            device: memory is pinned for it where it is a GPU.

        Raises:
            ValueError: the micro-batches cannot be dealt out evenly.
        """
        if batch_size % (micro_batch_size * world_size):
            raise ValueError(
                f"{batch_size} windows a step cannot be dealt out evenly to {world_size} processes in micro-batches of "
                f"{micro_batch_size}; give a --batch-size that is a multiple of {micro_batch_size * world_size} "
                "(micro-batch size times processes), or another --micro-batch-size"
            )
        planned = self._step_plans(state, batch_size, micro_batch_size, rank, world_size)
        pin = device is not None and device.type == "cuda"

        def read(plans: list[Plan]) -> Batch:
            batch = collate([self._sources[plan.dataset].cut(plan) for plan in plans], self.names)
            return batch.pinned() if pin else batch

        done = in_order(planned, lambda step: step.micro_batches, read, workers, prefetch, device if pin else None)
        return ((_step_batch(step, batches), step.state) for step, batches in done)

    def _step_plans(
        self, state: MixtureState, batch_size: int, micro_batch_size: int, rank: int, world_size: int
    ) -> Iterator[_StepPlan]:
        stream = self.plans(state)
        while True:
            drawn = [next(stream) for _ in range(batch_size)]
            plans = sorted((plan for plan, _ in drawn), key=lambda plan: -plan.num_frames)
            micro = [plans[first : first + micro_batch_size] for first in range(0, batch_size, micro_batch_size)]
            frames = sum(plan.dialogue_frames for plan in plans)
            yield _StepPlan(tuple(micro[rank::world_size]), frames, drawn[-1][1])


def _step_batch(step: _StepPlan, batches: tuple[Batch, ...]) -> StepBatch:
    plans = step.plans
    return StepBatch(batches, len(plans), sum(plan.dialogue_frames for plan in plans), step.step_frames)


def micro_batches(windows: Iterable[Window], names: list[str], size: int) -> Iterator[Batch]:
    """Batches of ``size`` windows of like length, so that little is padded; the longest come first."""
    by_length = sorted(windows, key=lambda window: -window.rows.shape[1])
    for first in range(0, len(by_length), size):
        yield collate(by_length[first : first + size], names)
