"""AdamW with one learning rate for the depth transformer and one for the rest, on a cosine with warm-up.

Two rates as in PersonaPlex (4e-6 and 2e-6) and Moshi's Fisher stage (arXiv 2410.00037, table 1). The rate is a
function of the step alone, so there is no scheduler whose state could be lost.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finetune.config import OptimConfig
from finetune.parallel import World

if TYPE_CHECKING:
    import torch

DEPTH = "depth"
TEMPORAL = "temporal"


def group_of(parameter_name: str) -> str:
    """``depth`` for the depformer, its embeddings, its inputs and its output heads (``linears``), else ``temporal``."""
    return DEPTH if parameter_name.startswith(("depformer", "linears.")) else TEMPORAL


def make_optimizer(model: torch.nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over the trainable parameters, in the groups ``depth`` and ``temporal``."""
    import torch

    groups: dict[str, list[torch.nn.Parameter]] = {DEPTH: [], TEMPORAL: []}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[group_of(name)].append(parameter)
    on_gpu = any(parameter.is_cuda for parameters in groups.values() for parameter in parameters)
    return torch.optim.AdamW(
        [{"params": parameters, "name": name} for name, parameters in groups.items() if parameters],
        lr=config.temporal_lr,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=on_gpu,  # one pass over the memory, and no copies of it
    )


def learning_rates(step: int, steps: int, config: OptimConfig) -> dict[str, float]:
    """Rates of step ``step`` (the first is 1) of ``steps``: linear warm-up to the peak, then half a cosine down."""
    warmup = round(config.warmup_share * steps)
    if step <= warmup:
        factor = step / warmup
    else:
        done = (step - warmup) / max(steps - warmup, 1)
        factor = config.final_lr_share + (1 - config.final_lr_share) * 0.5 * (1 + math.cos(math.pi * done))
    return {DEPTH: config.depth_lr * factor, TEMPORAL: config.temporal_lr * factor}


def set_learning_rates(optimizer: torch.optim.Optimizer, rates: dict[str, float]) -> None:
    """Give each group its rate."""
    for group in optimizer.param_groups:
        group["lr"] = rates[group["name"]]


def clip_gradient(model: torch.nn.Module, max_norm: float, world: World) -> float:
    """Scale the gradient of all ranks' shards down to ``max_norm`` (0: leave it) and return the norm it had.

    The norm is summed in fp64, so that its fp32 value does not depend on how the gradient is spread over ranks.
    """
    import torch

    gradients = [_shard(p.grad) for p in model.parameters() if p.grad is not None]
    norms = [torch.linalg.vector_norm(gradient, dtype=torch.float64) for gradient in gradients]
    norm = math.sqrt(float(world.sum(torch.stack(norms).square().sum().cpu())))
    if max_norm and norm > max_norm:
        torch._foreach_mul_(gradients, max_norm / norm)
    return norm


def _shard(gradient: torch.Tensor) -> torch.Tensor:
    """This rank's part of a sharded gradient; a whole one as it is."""
    return gradient.to_local() if hasattr(gradient, "to_local") else gradient
