"""Where the model runs, and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> torch.device:
    """``auto`` is the first GPU where there is one, else the CPU.

    Raises:
        ValueError: no such device, or this machine has none of that kind.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as err:
        raise ValueError(f"{name!r} is not a device; expected auto, cpu, cuda or cuda:N") from err
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"{name!r} is not supported; expected auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"{name!r}: this machine shows {torch.cuda.device_count()} GPUs to torch; give cpu or auto")
    return device


def precision(device: torch.device) -> AbstractContextManager[None]:
    """Forward passes: bf16 on a GPU (weights and updates stay fp32), fp32 on a CPU, where bf16 gains nothing."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def describe(device: torch.device) -> str:
    """The device and its precision in words."""
    import torch

    if device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} threads, fp32"
    return f"{torch.cuda.get_device_name(device)}, bf16 with fp32 weights"
