"""Floating-point operations of a training step, and what GPUs can do at best: for the share of it that is used (MFU).

Counted is what the computation needs (PaLM, arXiv 2204.02311, appendix B): what gradient checkpointing computes a
second time is not, so a step that does so has the lower MFU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

PEAK_BF16 = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}
"""Part of a GPU's name -> dense bf16 operations a second, by the vendors' data sheets (SXM where there are several)."""


def step_flops(model: LMModel, num_frames: int, window_frames: float) -> float:
    """Operations to train on ``num_frames`` frames in windows of ``window_frames``.

    A linear layer takes 2 operations a weight and frame forward, as many for the gradient of its input, and as many
    for that of its weight, if it learns. Each frame passes every weight once: the depth transformer has weights of its
    own for each of its steps. Attention over the frames before takes 2 x dim x frames forward (half of all pairs, twice
    for keys and values), and twice as many backward.
    """
    weights = 0.0
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if type(module).__name__ == "Linear" and weight is not None:
            weights += weight.numel() * (6 if weight.requires_grad else 4)
    attention = 6 * model.dim * window_frames * len(model.transformer.layers)
    return num_frames * (weights + attention)


def peak_flops(device: torch.device) -> float | None:
    """The GPU's dense bf16 peak; None where it is not known."""
    if device.type != "cuda":
        return None
    import torch

    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAK_BF16.items() if part in name), None)
