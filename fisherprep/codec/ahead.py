"""Results of slow reading, in order, made ahead of whoever consumes them.

Threads, not processes: the SPHERE decoder, soxr and hashing leave the interpreter free while they work, and a call's
115 MB of samples need not be copied from one process to another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

READERS = 8
"""Threads that read for one accelerator: they make audio twice as fast as an H200 takes it, and more of them slow the
thread that starts its kernels."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield ``function(item)`` for each item, in order; up to two results per worker are made ahead.

    An exception of ``function`` is raised where its result would come.
    """
    queue = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Result]] = deque(pool.submit(function, item) for item in islice(queue, 2 * workers))
        try:
            while pending:
                result = pending.popleft().result()
                pending.extend(pool.submit(function, item) for item in islice(queue, 1))
                yield result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
