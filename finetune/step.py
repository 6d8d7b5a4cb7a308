"""One optimiser step: gradient over all micro-batches, checks, clipping, update."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from finetune.config import Config
from finetune.data.batches import Batch, StepBatch
from finetune.device import precision
from finetune.loss import StreamSums, WeightTotals, cross_entropy, target_weights, weighted_loss
from finetune.model.forward import delay, forward_delayed
from finetune.optim import clip_gradient, learning_rates, set_learning_rates
from finetune.parallel import World

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

ALONE = World()


def train_step(
    model: LMModel,
    optimizer: torch.optim.Optimizer,
    batch: StepBatch,
    step: int,
    config: Config,
    names: list[str],
    world: World = ALONE,
) -> dict[str, Any]:
    """Update the model once; returns the step's metrics (see ``metrics.py``), which are those of all ranks together.

    Args:
        batch: this rank's micro-batches of the step, as many as every other's.
        step: its number, from 1.
        names: the datasets, in the order of ``Batch.dataset_ids``.

    Raises:
        ValueError: the loss or the gradient is not finite (on all ranks, then); the weights have not been touched.
    """
    model.train()
    optimizer.zero_grad(set_to_none=True)
    sums = StreamSums(tuple(names))
    loss = accumulate_gradient(model, batch, config, sums, world)
    norm = clip_gradient(model, config.optim.clip_norm, world)
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise ValueError(
            f"step {step}: the loss is {loss} and the gradient's norm {norm}: training has diverged. "
            "The last checkpoint is good; start a new run with a lower --lr"
        )
    rates = learning_rates(step, config.steps, config.optim)
    set_learning_rates(optimizer, rates)
    optimizer.step()
    return {"step": step, "loss": loss, "grad_norm": norm, "lr": rates, "streams": sums.over(world).means()}


def accumulate_gradient(
    model: LMModel, batch: StepBatch, config: Config, sums: StreamSums, world: World = ALONE
) -> float:
    """Add the step's gradient to the parameters' and this rank's streams to ``sums``; returns the whole step's loss.

    The weights are summed over all micro-batches of all ranks before the first is run, so that each contributes its
    exact share. FSDP takes the mean of the ranks' gradients, and what is wanted is their sum: hence the factor.
    """
    import torch

    totals = WeightTotals.of((target_weights(m.codes, m.mask, config.loss) for m in batch.micro_batches), world)
    loss = torch.zeros((), dtype=torch.float64)
    for micro in batch.micro_batches:
        codes, mask, values = target_losses(model, micro)
        part = weighted_loss(values, target_weights(codes, mask, config.loss), totals)
        (part * world.size if world.size > 1 else part).backward()
        sums.add(values, codes, mask, micro.dataset_ids)
        loss += part.detach().cpu()
    return float(world.sum(loss))


def target_losses(model: LMModel, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes, mask and cross-entropy of every target of a batch: three tensors ``[B, 17, T]``, delayed alike."""
    device = model.device
    codes, mask = delay(model, batch.codes.to(device), batch.mask.to(device))
    with precision(device):
        output = forward_delayed(model, codes)
    return codes, mask, cross_entropy(output, codes, mask)
