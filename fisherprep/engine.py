"""Where shard functions run: here, or in local worker processes (on other machines: `ray_engine.py`).

An engine maps a function over independent items and yields results as they finish. It knows nothing of tables.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Protocol


class WorkerDied(RuntimeError):
    """A worker process ended before its item did."""


class Engine(Protocol):
    """Maps ``function`` over ``items``; results come as they finish, in no fixed order."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]: ...


class InlineEngine:
    """Runs everything in this process, one item after the other."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yield ``function(item)`` for each item."""
        for item in items:
            yield function(item)


class LocalEngine:
    """Runs items in ``workers`` processes of this machine."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yield results as they finish; a bounded number of items is queued at a time.

        Raises:
            WorkerDied: a worker process was killed or crashed.
        """
        pool = ProcessPoolExecutor(
            self.workers, mp_context=get_context("spawn"), initializer=_die_with_parent, initargs=(os.getpid(),)
        )
        queue = iter(items)
        pending: set[Future[Any]] = set()
        try:
            while True:
                while len(pending) < 2 * self.workers and (item := next(queue, _END)) is not _END:
                    pending.add(pool.submit(function, item))
                if not pending:
                    return
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BrokenProcessPool as err:
            raise WorkerDied(
                "a worker process ended abruptly (killed, out of memory, or a crash in a native library); "
                "finished shards are kept: run the same command again, with fewer --workers if memory was short"
            ) from err
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class ThreadEngine:
    """Runs items in ``workers`` threads of this process, for functions that share one accelerator."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yield results as they finish; a bounded number of items is queued at a time."""
        queue = iter(items)
        pending: set[Future[Any]] = set()
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                while True:
                    while len(pending) < self.workers and (item := next(queue, _END)) is not _END:
                        pending.add(pool.submit(function, item))
                    if not pending:
                        return
                    finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


_END = object()


def once(engine: Engine | None, function: Callable[[Any], Any], item: Any) -> Any:
    """``function(item)`` where the engine's workers are, before there is work for all: tells what they can load.

    That is here, but for an engine with machines of its own, which has a method for it.
    """
    elsewhere = getattr(engine, "once", None)
    return elsewhere(function, item) if elsewhere else function(item)


def _die_with_parent(parent: int) -> None:
    """Worker start-up: leave when the parent is gone, which a pool's own workers would not notice."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def local_engine(workers: int) -> Engine:
    """The engine for ``workers`` processes; 0 means one per core."""
    workers = workers or os.cpu_count() or 1
    return InlineEngine() if workers == 1 else LocalEngine(workers)
