"""What a training step costs the machine: operations and their share of the GPU's peak (``flops.py``), memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from finetune.flops import peak_flops, step_flops

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

    from finetune.watch import StepReport


@dataclass(frozen=True)
class Cost:
    """A model on one GPU, whose peak is not always known."""

    model: LMModel
    peak: float | None

    @classmethod
    def of(cls, model: LMModel, device: torch.device) -> Cost:
        """The cost of a model's steps on a device."""
        return cls(model, peak_flops(device))

    def mfu(self, report: StepReport) -> float | None:
        """Share of the peak that the step's operations on this rank were; None on a device whose peak is not known."""
        if self.peak is None or report.step_s <= 0:
            return None
        return step_flops(self.model, report.fed_frames, report.longest) / report.step_s / self.peak


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory used so far: of the GPU, or of this process on a CPU."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
