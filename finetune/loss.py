"""The training loss, and the mean cross-entropy of every stream.

With CE the cross-entropy in nats, w the weight of a target, and sums over all supervised targets of the whole step::

    loss = sum(w CE over text) / sum(w over text)  +  sum(w CE over audio) / sum(w over audio)

Text: w = 1, and ``text_pad`` (0.3) for PAD and EPAD. Audio: ``semantic`` (1) for the first codebook of a stream and
``acoustic`` (0.02) for the other seven, of the agent and (unless switched off) of the user.

Sources: one text and one audio term, each divided by its weights: the training loss of the Moshi paper, arXiv
2410.00037, and kyutai-labs/moshi-finetune's ``finetune/loss.py``. The three weights: ``config.LOSS_PRESETS``. Not
published is over what PersonaPlex divides; here it is over the whole step, on all ranks, so that the way a step is cut
into micro-batches and dealt to processes does not change its gradient.

Legend: B windows, K = 17 rows, T frames, D datasets, S streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finetune.config import LossConfig
from finetune.parallel import World
from finetune.prompt import AGENT, USER
from fisherprep.schema import TEXT_EPAD, TEXT_PAD

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMOutput

STREAMS = ("text", "text_words", "agent_semantic", "agent_acoustic", "user_semantic", "user_acoustic")
"""``text_words``: the text without PAD and EPAD. Means over a stream are unweighted."""


def target_weights(codes: torch.Tensor, mask: torch.Tensor, config: LossConfig) -> torch.Tensor:
    """``[B, K, T]`` weights of the targets; 0 where ``mask`` is false.

    Args:
        codes: ``[B, K, T]`` target ids.
        mask: ``[B, K, T]``, true where a target counts.
    """
    import torch

    weights = torch.full(codes.shape, config.acoustic, dtype=torch.float32, device=codes.device)
    weights[:, 0] = 1.0
    weights[:, 0][_is_padding(codes[:, 0])] = config.text_pad
    weights[:, AGENT.start] = config.semantic
    weights[:, USER.start] = config.semantic
    if not config.user_stream:
        weights[:, USER] = 0.0
    return weights * mask


def _is_padding(text: torch.Tensor) -> torch.Tensor:
    return (text == TEXT_PAD) | (text == TEXT_EPAD)


@dataclass(frozen=True)
class WeightTotals:
    """Sums of the weights over a whole step: what its loss is divided by."""

    text: float
    audio: float

    @classmethod
    def of(cls, weights: Iterable[torch.Tensor], world: World | None = None) -> WeightTotals:
        """Totals over the ``target_weights`` of this process's micro-batches, and of those of all others."""
        import torch

        totals = torch.zeros(2, dtype=torch.float64)
        for part in weights:
            totals += torch.stack([part[:, 0].double().sum(), part[:, 1:].double().sum()]).cpu()
        text, audio = (world or World()).sum(totals).tolist()
        return cls(text, audio)


def cross_entropy(output: LMOutput, codes: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """``[B, K, T]`` cross-entropy of each target in nats, in fp32; 0 where ``mask`` is false.

    Only logits of targets are touched: what else ``LMModel.forward`` returns, NaN included, reaches neither the loss
    nor the gradient.
    """
    import torch

    from finetune.cross_entropy import chunked_cross_entropy

    model_mask = torch.cat([output.text_mask, output.mask], dim=1)
    assert not bool((mask & ~model_mask).any()), "the mask holds targets for which the model gives no logits"
    text = chunked_cross_entropy(output.text_logits, codes[:, :1], mask[:, :1])
    return torch.cat([text, chunked_cross_entropy(output.logits, codes[:, 1:], mask[:, 1:])], dim=1)


def weighted_loss(values: torch.Tensor, weights: torch.Tensor, totals: WeightTotals) -> torch.Tensor:
    """This micro-batch's part of the step's loss; the parts of all micro-batches add up to it."""
    loss = values[:, :0].sum()  # 0, but with a gradient: without any target, all ranks still go backward together
    if totals.text > 0:
        loss = loss + (values[:, 0] * weights[:, 0]).sum() / totals.text
    if totals.audio > 0:
        loss = loss + (values[:, 1:] * weights[:, 1:]).sum() / totals.audio
    return loss


class StreamSums:
    """Sums of cross-entropy and counts of targets per dataset and stream, over any number of batches."""

    def __init__(self, datasets: tuple[str, ...]) -> None:
        import torch

        self.datasets = datasets
        self._sums = torch.zeros(len(datasets), len(STREAMS), dtype=torch.float64)
        self._counts = torch.zeros(len(datasets), len(STREAMS), dtype=torch.float64)

    def add(self, values: torch.Tensor, codes: torch.Tensor, mask: torch.Tensor, dataset_ids: torch.Tensor) -> None:
        """Add a batch: ``values``, ``codes`` and ``mask`` are ``[B, K, T]``, ``dataset_ids`` ``[B]`` on the CPU."""
        import torch

        words = mask[:, 0] & ~_is_padding(codes[:, 0])
        parts = [
            (values[:, 0], mask[:, 0]),
            (values[:, 0], words),
            (values[:, AGENT.start], mask[:, AGENT.start]),
            (values[:, AGENT.start + 1 : AGENT.stop], mask[:, AGENT.start + 1 : AGENT.stop]),
            (values[:, USER.start], mask[:, USER.start]),
            (values[:, USER.start + 1 : USER.stop], mask[:, USER.start + 1 : USER.stop]),
        ]
        sums = torch.stack([(v.detach() * m).flatten(1).double().sum(1) for v, m in parts], dim=1)
        counts = torch.stack([m.flatten(1).double().sum(1) for _, m in parts], dim=1)
        self._sums.index_add_(0, dataset_ids, sums.cpu())
        self._counts.index_add_(0, dataset_ids, counts.cpu())

    def over(self, world: World) -> StreamSums:
        """The same over all processes."""
        import torch

        everywhere = StreamSums(self.datasets)
        everywhere._sums, everywhere._counts = world.sum(torch.stack([self._sums, self._counts])).unbind()
        return everywhere

    def means(self) -> dict[str, dict[str, float | None]]:
        """Dataset -> stream -> mean cross-entropy in nats per target; None where a stream had no target."""
        return {
            name: {
                stream: float(self._sums[d, s] / self._counts[d, s]) if self._counts[d, s] else None
                for s, stream in enumerate(STREAMS)
            }
            for d, name in enumerate(self.datasets)
        }

    def losses(self, config: LossConfig) -> dict[str, float]:
        """Dataset -> the loss of the formula above, taken over that dataset alone."""
        return {name: self._loss(d, config) for d, name in enumerate(self.datasets)}

    def _loss(self, d: int, config: LossConfig) -> float:
        user = 1.0 if config.user_stream else 0.0
        pad = {"text": config.text_pad, "text_words": 1 - config.text_pad}
        audio = {
            "agent_semantic": config.semantic,
            "agent_acoustic": config.acoustic,
            "user_semantic": config.semantic * user,
            "user_acoustic": config.acoustic * user,
        }
        return self._weighted_mean(d, pad) + self._weighted_mean(d, audio)

    def _weighted_mean(self, d: int, weights: dict[str, float]) -> float:
        at = [STREAMS.index(stream) for stream in weights]
        scale = self._sums.new_tensor(list(weights.values()))
        total = float((self._counts[d, at] * scale).sum())
        return float((self._sums[d, at] * scale).sum()) / total if total > 0 else 0.0
