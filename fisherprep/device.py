"""Where torch runs: the device that was asked for, and how many threads a worker may take."""

from __future__ import annotations


def torch_device(name: str | None) -> str:
    """The device of that name; None: cuda where there is one, else cpu.

    Raises:
        ValueError: it cannot be used here.
    """
    import torch

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as err:
        reason = str(err).splitlines()[0][:80]
        raise ValueError(f"device {name!r} cannot be used here ({reason}); expected cpu, cuda, cuda:1 ...") from err
    return name


def one_thread_in_workers() -> None:
    """Keep torch to one thread where this process is a worker: the other workers have the other cores."""
    import multiprocessing

    import torch

    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
