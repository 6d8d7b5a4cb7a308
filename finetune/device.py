"""Where the model runs, and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def pick_device(name: str, local_rank: int | None = None) -> torch.device:
    """``auto`` is a GPU where there is one, else the CPU; with ``local_rank``, each process has a GPU of its own.

    Raises:
        ValueError: no such device, or this machine has none of that kind.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as err:
        raise ValueError(f"{name!r} is not a device; expected auto, cpu, cuda or cuda:N") from err
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"{name!r} is not supported; expected auto, cpu, cuda or cuda:N")
    if device.type == "cpu":
        return device
    if local_rank is not None:
        if device.index is not None:
            raise ValueError(f"{name!r}: torchrun's processes would share that GPU; give cuda or auto")
        device = torch.device("cuda", local_rank)
    device = torch.device("cuda", device.index or 0)
    if device.index >= torch.cuda.device_count():
        wanted = f"GPU {device.index}" if local_rank is None else f"process {local_rank} of this machine"
        raise ValueError(
            f"{name!r}: this machine shows {torch.cuda.device_count()} GPUs to torch, none for {wanted}; "
            "give cpu or auto, or start fewer processes"
        )
    return device


def precision(device: torch.device) -> AbstractContextManager[None]:
    """Forward passes: bf16 on a GPU (weights and updates stay fp32), fp32 on a CPU, where bf16 gains nothing.

    Weights in bf16 are made anew for each use and not kept: autocast's cache would hold half the model once more.
    """
    import torch

    enabled = device.type == "cuda"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled, cache_enabled=False)


def describe(device: torch.device) -> str:
    """The device and its precision in words."""
    import torch

    if device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} threads, fp32"
    return f"{torch.cuda.get_device_name(device)}, bf16 with fp32 weights"
