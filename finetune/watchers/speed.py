"""What a training step costs the machine: floating-point operations, and their share of the GPU's peak (MFU).

    operations a frame  =  4 N + 2 N_learning + 6 L d T

N: weights that a frame passes through, which is all but the embedding tables (each depth step has weights of its own,
so a frame passes through every one of them once); 2 N forward, 2 N for the gradient that passes back, 2 for each
weight that learns. L layers of the temporal transformer, d its width, T frames of the window: causal attention,
forward and backward. The form is that of PaLM's appendix B (Chowdhery et al. 2022, arXiv 2204.02311), whose "model
FLOPs utilization" leaves out what gradient checkpointing computes twice; so does this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

    from finetune.watch import StepReport

PEAK_FLOPS = {
    "B200": 2.25e15,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
    "A10": 125e12,
}
"""Dense bf16 operations per second by a part of the device's name, the first that fits: NVIDIA's data sheets."""


@dataclass(frozen=True)
class Cost:
    """Operations of one frame: ``flat`` for the weights, ``per_length`` for each frame of its window."""

    flat: float
    per_length: float
    peak_flops: float | None

    @classmethod
    def of(cls, model: LMModel, device: torch.device) -> Cost:
        """The cost of a model's training step on one GPU."""
        from finetune.model.build import part_of

        passed = learning = 0
        for name, parameter in model.named_parameters():
            if part_of(name) != "embeddings":
                passed += parameter.numel()
                learning += parameter.numel() * parameter.requires_grad
        attention = 6 * len(model.transformer.layers) * model.dim
        return cls(4 * passed + 2 * learning, attention, peak_flops(device))

    def mfu(self, report: StepReport) -> float | None:
        """Share of the peak that the step's operations on this rank were; None on a device whose peak is not known."""
        if self.peak_flops is None or report.step_s <= 0:
            return None
        operations = report.fed_frames * (self.flat + self.per_length * report.longest)
        return operations / report.step_s / self.peak_flops


def peak_flops(device: torch.device) -> float | None:
    """Dense bf16 peak of a GPU; None where it is not known."""
    if device.type != "cuda":
        return None
    import torch

    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory used so far: of the GPU, or of this process on a CPU."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
