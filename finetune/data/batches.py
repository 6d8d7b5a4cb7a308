"""Batches: the stream of optimiser steps' windows, padded, each with the state that follows it.

The state belongs to the batch that is handed out, never to one prepared ahead: saved with the step that used the batch,
it makes a resumed run continue with exactly the window that an undisturbed one would have used.

Legend: B windows of a micro-batch, T frames of its longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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


@dataclass(frozen=True)
class StepBatch:
    """One rank's windows of one optimiser step, as micro-batches; ``step_frames``: dialogue frames of all ranks."""

    micro_batches: tuple[Batch, ...]
    windows: int
    dialogue_frames: int
    step_frames: int


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
        self, state: MixtureState, batch_size: int, micro_batch_size: int, rank: int = 0, world_size: int = 1
    ) -> Iterator[tuple[StepBatch, MixtureState]]:
        """Batches of ``batch_size`` windows from ``state`` on, each with the state that follows it.

        A step's micro-batches are formed of all its windows and dealt to the ranks.
        """
        stream = self.plans(state)
        while True:
            drawn = [next(stream) for _ in range(batch_size)]
            yield self._step([plan for plan, _ in drawn], micro_batch_size, rank, world_size), drawn[-1][1]

    def _step(self, plans: list[Plan], micro_batch_size: int, rank: int, world_size: int) -> StepBatch:
        windows = [self._sources[plan.dataset].cut(plan) for plan in plans]
        batches = tuple(micro_batches(windows, self.names, micro_batch_size))[rank::world_size]
        frames = sum(plan.dialogue_frames for plan in plans)
        return StepBatch(batches, sum(len(b.codes) for b in batches), frames, frames)


def micro_batches(windows: Iterable[Window], names: list[str], size: int) -> Iterator[Batch]:
    """Batches of ``size`` windows of like length, so that little is padded; the longest come first."""
    by_length = sorted(windows, key=lambda window: -window.rows.shape[1])
    for first in range(0, len(by_length), size):
        yield collate(by_length[first : first + size], names)
