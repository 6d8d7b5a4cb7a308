"""Low-rank adapters as Kyutai's ``moshi.modules.lora`` has them, so that its loaders take what is trained here.

``LoRALinear`` computes ``W x + scaling * B A x`` (LoRA, arXiv 2106.09685). Its parameters are ``frozen_W.weight``,
``lora_A.weight`` ``[rank, in]`` and ``lora_B.weight`` ``[out, rank]``; B starts at zero, so that training starts from
the base model.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FROZEN, A, B = ".frozen_W.", ".lora_A.", ".lora_B."


def add_adapters(module: torch.nn.Module, rank: int, scaling: float, wanted: Callable[[str], bool]) -> None:
    """Wrap every linear layer whose name is ``wanted`` in a ``LoRALinear`` with fp32 adapters, on the layer's device.

    Kyutai's ``replace_all_linear_with_lora``, for a choice of layers.
    """
    import torch
    from moshi.modules.lora import LoRALinear

    linears = [(name, child) for name, child in module.named_modules() if isinstance(child, torch.nn.Linear)]
    for name, child in linears:
        if wanted(name):
            shape = child.in_features, child.out_features
            adapted = LoRALinear(*shape, rank, scaling, device=child.weight.device, dtype=torch.float32)
            adapted.frozen_W = child
            parent, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(parent), leaf, adapted)


def is_adapter(name: str) -> bool:
    """Whether a parameter is an adapter's."""
    return A in name or B in name


def plain_name(name: str) -> str:
    """A parameter's name in the model without adapters."""
    return name.replace(FROZEN, ".")


def first_values(name: str, like: torch.Tensor) -> torch.Tensor:
    """What an adapter starts with, on the CPU: B zero, A as ``torch.nn.Linear`` does.

    A function of the name alone, so that any number of processes agrees on it.
    """
    import torch

    if B in name:
        return torch.zeros(like.shape, dtype=like.dtype)
    bound = 1 / math.sqrt(like.shape[1])
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.empty(like.shape, dtype=like.dtype).uniform_(-bound, bound, generator=generator)


def merged(weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scaling: float) -> torch.Tensor:
    """``W + scaling * B A``, computed in fp32. Where the adapter adds nothing, the weight keeps its very bits."""
    import torch

    if not bool(b.any()):
        return weight
    added = scaling * (b.float() @ a.float())
    return torch.where(added == 0, weight.float(), weight.float() + added)  # -0.0 + 0.0 would be 0.0
