"""Where torch runs: the device that was asked for, and how many threads a worker may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread meanwhile: the order of float sums depends on their number, and no table may.

    In a worker the other workers have the other cores anyway.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
