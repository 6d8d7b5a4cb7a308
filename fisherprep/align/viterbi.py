"""The best way through CTC log-probabilities that says a given sequence of labels: exact, batched, on any device.

CTC (Graves et al. 2006, "Connectionist Temporal Classification", section 3) says a sequence with one label a frame:
a label may last several frames, blanks may stand anywhere, and between two equal labels one has to. So the states of
the lattice are the labels with a blank before, between and after them; from frame to frame a path stays, goes on to
the next state, or passes over a blank that lies between two different labels.

Legend: B items, T frames, V labels of the vocabulary, L labels to say, S = 2 L + 1 states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_STEPS = 3
"""A path comes from its own state, the one before, or the one before that: the step back is 0, 1 or 2."""


@dataclass(frozen=True)
class Paths:
    """Where each label is said. What belongs to no label (padding, items without a path) is 0."""

    starts: Tensor
    """int64 [B, L]: first frame of each label"""
    ends: Tensor
    """int64 [B, L]: the frame after its last"""
    scores: Tensor
    """float32 [B, L]: mean log-probability of the label over its frames"""
    feasible: Tensor
    """bool [B]: whether there is a path at all. Too few frames have none, nor have probabilities of 0 or NaN."""

    def cpu(self) -> Paths:
        """The same in the CPU's memory."""
        return Paths(self.starts.cpu(), self.ends.cpu(), self.scores.cpu(), self.feasible.cpu())


def forced_paths(log_probs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor, blank: int) -> Paths:
    """The likeliest path of each item through all of its labels, in order.

    An item's path does not depend on the others of its batch. Memory is B T S bytes besides the log-probabilities.

    Args:
        log_probs: float32 [B, T, V].
        lengths: int64 [B], frames of each item, 0 to T.
        targets: int64 [B, L], padded with anything that is a label.
        target_lengths: int64 [B], labels of each item, 0 to L.
        blank: the blank's number in the vocabulary; no target within its length may be it.
    """
    import torch

    labels = _with_blanks(targets, blank)
    may_skip = torch.zeros_like(labels, dtype=torch.bool)
    may_skip[:, 3::2] = targets[:, 1:] != targets[:, :-1]
    scores = _before_the_first_frame(labels, log_probs)
    steps = torch.zeros((log_probs.shape[1], *labels.shape), dtype=torch.int8, device=log_probs.device)
    for frame in range(log_probs.shape[1]):
        best, step = _arrivals(scores, may_skip, first=frame == 0).max(dim=0)
        best = best + log_probs[:, frame].gather(1, labels)
        # Paths are compared with each other only, so the best may always be near 0, where float32 is at its finest.
        best = best - best.amax(dim=1, keepdim=True).clamp(min=torch.finfo(best.dtype).min)
        under_way = (frame < lengths)[:, None]
        scores = torch.where(under_way, best, scores)
        steps[frame] = torch.where(under_way, step, 0)
    last, feasible = _last_states(scores, target_lengths)
    states = _backwards(steps, last)
    return _spans(states, log_probs, lengths, targets, feasible & (lengths > 0))


def _with_blanks(targets: Tensor, blank: int) -> Tensor:
    """Label of each state, [B, S]."""
    labels = targets.new_full((targets.shape[0], 2 * targets.shape[1] + 1), blank)
    labels[:, 1::2] = targets
    return labels


def _before_the_first_frame(labels: Tensor, log_probs: Tensor) -> Tensor:
    """Scores [B, S] from which the first frame reaches the first blank (staying) and the first label (going on)."""
    scores = log_probs.new_full(labels.shape, float("-inf"))
    scores[:, 0] = 0.0
    return scores


def _arrivals(scores: Tensor, may_skip: Tensor, first: bool) -> Tensor:
    """Score [3, B, S] of arriving in each state by each step."""
    arrivals = scores.new_full((_STEPS, *scores.shape), float("-inf"))
    arrivals[0] = scores
    arrivals[1, :, 1:] = scores[:, :-1]
    if not first:
        arrivals[2, :, 2:] = scores[:, :-2].masked_fill(~may_skip[:, 2:], float("-inf"))
    return arrivals


def _last_states(scores: Tensor, target_lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The state [B] in which each path ends, the last label or the blank after it, and whether it can be reached."""
    import torch

    ends = torch.stack([2 * target_lengths, (2 * target_lengths - 1).clamp(min=0)], dim=1)
    best, which = scores.gather(1, ends).max(dim=1)
    return ends.gather(1, which[:, None])[:, 0], best.isfinite()


def _backwards(steps: Tensor, last: Tensor) -> Tensor:
    """State of every frame, [B, T], from the steps [T, B, S] that led there."""
    import torch

    state = last
    states = []
    for step in steps.flip(0) if len(steps) else ():
        states.append(state)
        state = state - step.gather(1, state[:, None])[:, 0]
    return torch.stack(states[::-1], dim=1) if states else last.new_zeros((len(last), 0))


def _spans(states: Tensor, log_probs: Tensor, lengths: Tensor, targets: Tensor, feasible: Tensor) -> Paths:
    """Frames and mean log-probability of every label, from the state of every frame."""
    import torch

    (batch, frames), count = states.shape, targets.shape[1]
    frame = torch.arange(frames, device=states.device).expand(batch, -1)
    on_label = (states % 2 == 1) & (frame < lengths[:, None]) & feasible[:, None]
    # What is on no label goes to one more place at the end, which is cut off.
    owner = torch.where(on_label, states // 2, count)
    said = torch.cat([targets, targets.new_zeros(batch, 1)], dim=1).gather(1, owner)
    heard = log_probs.gather(2, said[:, :, None])[:, :, 0]
    starts = states.new_full((batch, count + 1), frames).scatter_reduce(1, owner, frame, "amin")[:, :count]
    lasts = states.new_full((batch, count + 1), -1).scatter_reduce(1, owner, frame, "amax")[:, :count]
    sums = log_probs.new_zeros(batch, count + 1).scatter_add(1, owner, torch.where(on_label, heard, 0.0))[:, :count]
    found = lasts >= 0
    ends = torch.where(found, lasts + 1, 0)
    starts = torch.where(found, starts, 0)
    return Paths(starts, ends, sums / (ends - starts).clamp(min=1), feasible)
