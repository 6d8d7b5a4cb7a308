"""Reading ahead: work is begun by threads before it is asked for, and handed out in order.

Threads and not processes: decoding Parquet and copying arrays leave Python's lock to others, nothing has to be sent
between processes or kept in shared memory, and a CUDA context is never forked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

Job = TypeVar("Job")
Part = TypeVar("Part")
Result = TypeVar("Result")


def in_order(
    jobs: Iterator[Job],
    parts: Callable[[Job], tuple[Part, ...]],
    read: Callable[[Part], Result],
    workers: int,
    prefetch: int,
    device: torch.device | None = None,
) -> Iterator[tuple[Job, tuple[Result, ...]]]:
    """Each job with ``read`` of its parts, in the order of ``jobs``.

    What reading raises is raised here, at the turn of the job that it belongs to.

    Args:
        jobs: drawn by the caller's thread alone.
        workers: threads that read; 0: the caller's own reads, when a job is asked for.
        prefetch: jobs that are read ahead of the one handed out.
        device: the GPU that memory is pinned for in ``read``; a thread that pins for none would take the first.
    """
    if workers == 0:
        for job in jobs:
            yield job, tuple(map(read, parts(job)))
        return
    pool = ThreadPoolExecutor(workers, "read", _use, (device,))

    def begin(job: Job) -> tuple[Job, list[Future[Result]]]:
        return job, [pool.submit(read, part) for part in parts(job)]

    waiting: deque[tuple[Job, list[Future[Result]]]] = deque()
    try:
        for job in jobs:
            waiting.append(begin(job))
            if len(waiting) > prefetch:
                yield _finished(waiting.popleft())
        while waiting:
            yield _finished(waiting.popleft())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _finished(begun: tuple[Job, list[Future[Result]]]) -> tuple[Job, tuple[Result, ...]]:
    job, futures = begun
    return job, tuple(future.result() for future in futures)


def _use(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        import torch

        torch.cuda.set_device(device)
