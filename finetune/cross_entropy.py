"""Cross-entropy of large logits without a copy of them in fp32.

The obvious way, ``cross_entropy(logits.float(), ...)``, holds the logits once more in fp32 for the forward pass and
twice more in the backward: for 2,048 frames of sixteen codebooks of 2,048 entries and one of 32,000 that is 1.6 GB a
window. Here both passes go through the positions in chunks: beside the logits themselves there are their gradient, in
their own number format, and a chunk.

Legend: N positions (any leading dimensions), C classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_ELEMENTS = 1 << 25
"""Logits taken to fp32 at a time: 128 MiB."""


def chunked_cross_entropy(logits: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """``[...]`` cross-entropy in nats, fp32, of ``logits [..., C]``; 0 where ``mask`` is false, whatever is there."""
    classes = logits.shape[-1]
    flat = _CrossEntropy.apply(logits.reshape(-1, classes), targets.reshape(-1), mask.reshape(-1))
    return flat.view(targets.shape)


class _CrossEntropy(torch.autograd.Function):
    """-log softmax at the target; its gradient with respect to the logits is softmax minus one at the target."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        targets = targets.masked_fill(~mask, 0)
        norms = torch.empty(targets.shape, dtype=torch.float32, device=logits.device)
        values = torch.empty_like(norms)
        for at in _chunks(logits):
            chunk = logits[at].float()
            norms[at] = chunk.logsumexp(dim=1)
            values[at] = norms[at] - chunk.gather(1, targets[at, None])[:, 0]
        ctx.save_for_backward(logits, targets, mask, norms)
        return values.masked_fill_(~mask, 0.0)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        logits, targets, mask, norms = ctx.saved_tensors
        result = torch.empty_like(logits)
        for at in _chunks(logits):
            part = (logits[at].float() - norms[at, None]).exp_()
            part.scatter_add_(1, targets[at, None], part.new_full((part.shape[0], 1), -1.0))
            part.mul_(grad[at, None]).masked_fill_(~mask[at, None], 0.0)
            result[at] = part
        return result, None, None


def _chunks(logits: torch.Tensor) -> Iterator[slice]:
    size = max(1, CHUNK_ELEMENTS // logits.shape[1])
    for first in range(0, logits.shape[0], size):
        yield slice(first, first + size)
