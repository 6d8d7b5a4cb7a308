"""Asking a model about the calls of many shards: as many requests in flight as allowed, across the shards' borders.

Requests run in an event loop of a thread of its own. Every reply goes to its shard's answer file as it arrives, and a
shard is handed on to be written as soon as the exchanges about all its calls have ended. A server is looked for (or
started) only when something is to be asked.
"""

from __future__ import annotations

import asyncio
import gc
import queue
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fisherprep.label.exchange import Exchange, Pending, Settled
from fisherprep.label.role import has_role
from fisherprep.llm.cache import AnswerFile, Reply
from fisherprep.llm.client import AllServersLost, ServerPool, Traffic
from fisherprep.llm.servers import Connect, Servers
from fisherprep.llm.settings import Limits, Plan
from fisherprep.stage import Shard
from fisherprep.workfolder import WorkFolder

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SWITCH_S = 0.0005
_GARBAGE_OBJECTS = 20_000
"""New objects after which garbage is looked for; a shard that is read has as many."""
_EXCHANGES = 2
"""Exchanges under way for each place at a server: when a place is freed, the next request is there to take it."""
CALL_COLUMNS = ["call_id", "topic_title", "topic_text", "role_prompt", "agent_side"]
TURN_COLUMNS = ["call_id", "turn", "side", "words"]

CallRows = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]


def read_calls(work: WorkFolder, shard: str) -> list[CallRows]:
    """A shard's conversations rows, each with its turns rows in order."""
    turns: dict[str, list[Mapping[str, Any]]] = {}
    for turn in work.read("turns", shard, TURN_COLUMNS).to_pylist():
        turns.setdefault(turn["call_id"], []).append(turn)
    calls = work.read("conversations", shard, CALL_COLUMNS).to_pylist()
    return [(call, turns.get(call["call_id"], [])) for call in calls]


@dataclass
class _OpenShard:
    """A shard some of whose calls are still to be asked about."""

    shard: Shard
    file: AnswerFile
    replies: dict[str, Reply]
    num_calls: int
    known: int
    """calls whose answers were there"""
    open: list[tuple[Exchange, Pending]]
    left: int

    def keep(self, key: str, reply: Reply) -> None:
        """Add a reply, on disk first."""
        self.file.append(key, reply)
        self.replies[key] = reply


class Asking:
    """One run's asking; `feed` is what the stage runner calls. Afterwards the figures of the run are there."""

    def __init__(self, work: WorkFolder, plan: Plan, limits: Limits, connect: Connect) -> None:
        self.work, self.plan, self.limits, self.connect = work, plan, limits, connect
        self.traffic = Traffic()
        self.took_s = 0.0
        self.known = 0
        """calls of shards to be done whose answers were there already"""
        self.stopped: str | None = None
        """why calls were left unasked"""

    def feed(self, shards: list[Shard], progress: Progress) -> Generator[Shard, None, None]:
        """Yield each shard once every one of its calls has been answered or given up.

        Ends early, with `stopped` set, when all servers are lost.
        """
        total = sum(self.work.read("conversations", shard.name, ["call_id"]).num_rows for shard in shards)
        task = progress.add_task("asking", total=total, unit="calls")
        first: list[_OpenShard] = []
        left = iter(shards)
        for shard in left:
            opened = self.open(shard)
            if opened.open:
                first.append(opened)
            else:
                self.known += opened.known
                progress.advance(task, opened.num_calls)
                yield shard
            if sum(one.left for one in first) >= _EXCHANGES * self.limits.concurrency:
                break
        if first:
            yield from self._asked(first, left, progress, task)

    def _asked(
        self, first: list[_OpenShard], others: Iterator[Shard], progress: Progress, task: TaskID
    ) -> Generator[Shard, None, None]:
        progress.stop()  # a server that is started shows its own
        with self.connect() as servers:
            progress.start()
            began = time.monotonic()

            def advance(calls: int, said: str | None = None) -> None:
                speed = self.traffic.tokens_out / max(time.monotonic() - began, 0.001)
                progress.update(task, advance=calls, unit=f"calls, {said or f'{speed:,.0f} tokens/s'}")

            with _short_pauses():
                loop = _Loop(self, first, others, servers, advance)
                try:
                    yield from loop.shards()
                finally:
                    loop.end()

    def open(self, shard: Shard) -> _OpenShard:
        """Read a shard and see what is still to be asked about its calls."""
        file = AnswerFile.of(self.work, shard.name)
        replies = file.answered()
        calls = read_calls(self.work, shard.name)
        exchanges = [Exchange(*rows, self.plan) for rows in calls if not has_role(rows[0])]
        steps = [(exchange, exchange.step(replies)) for exchange in exchanges]
        known = sum(1 for _, step in steps if isinstance(step, Settled) and step.key)
        pending = [(exchange, step) for exchange, step in steps if isinstance(step, Pending)]
        return _OpenShard(shard, file, replies, len(calls), known, pending, len(pending))


@contextmanager
def _short_pauses() -> Iterator[None]:
    """Let the event loop run soon after a reply came, though other threads read and write shards.

    They give way after `_SWITCH_S` (5 ms is usual), and collecting garbage, which stops all threads, does not go
    through what was there before (0.1 s with the usual modules).
    """
    usual_s, usual_counts = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(_GARBAGE_OBJECTS, *usual_counts[1:])
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual_counts)
        sys.setswitchinterval(usual_s)


class _Loop:
    """The event loop's thread, from its start to its end."""

    def __init__(
        self,
        asking: Asking,
        first: list[_OpenShard],
        others: Iterator[Shard],
        servers: Servers,
        advance: Callable[..., None],
    ) -> None:
        self.asking, self.servers, self.advance = asking, servers, advance
        self._ready: queue.SimpleQueue[Shard | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._main = self._loop.create_task(self._ask_all(first, others))
        self._thread = threading.Thread(target=self._run, name="asking", daemon=True)
        self._thread.start()

    def shards(self) -> Generator[Shard, None, None]:
        """The shards whose calls are all settled, as they come.

        Raises:
            Exception: whatever ended the asking before its end.
        """
        while (shard := self._ready.get()) is not None:
            yield shard
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Cancel what is still under way and wait for the thread."""
        with suppress(RuntimeError):  # the loop has ended by itself and is closed
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        except BaseException as err:
            self._error = err
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self._ready.put(None)

    async def _ask_all(self, first: list[_OpenShard], others: Iterator[Shard]) -> None:
        async with ServerPool(self.servers.endpoints, self.asking.limits, partial(self.advance, 0)) as pool:
            self.asking.traffic = pool.traffic
            began = time.monotonic()
            num_exchanges = _EXCHANGES * pool.slots
            calls: asyncio.Queue[tuple[_OpenShard, Exchange, Pending] | None] = asyncio.Queue(1)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._read(first, others, calls, num_exchanges))
                    for _ in range(num_exchanges):
                        group.create_task(self._converse(calls, pool))
            except* AllServersLost as lost:
                self.asking.stopped = self.servers.post_mortem() or str(lost.exceptions[0])
            except* Exception as errors:
                raise _first(errors) from None
            finally:
                self.asking.took_s = time.monotonic() - began

    async def _read(
        self, first: list[_OpenShard], others: Iterator[Shard], calls: asyncio.Queue, num_exchanges: int
    ) -> None:
        """Put what is to be asked in line, and read the other shards ahead of the requests."""
        for opened in first:
            await self._put_in_line(opened, calls)
        for shard in others:
            await self._put_in_line(await asyncio.to_thread(self.asking.open, shard), calls)
        for _ in range(num_exchanges):
            await calls.put(None)

    async def _put_in_line(self, opened: _OpenShard, calls: asyncio.Queue) -> None:
        self.asking.known += opened.known
        self.advance(opened.num_calls - opened.left)
        if not opened.open:
            self._ready.put(opened.shard)
        for exchange, step in opened.open:
            await calls.put((opened, exchange, step))

    async def _converse(self, calls: asyncio.Queue, pool: ServerPool) -> None:
        """Take one call after another and follow its exchange to the end."""
        while (item := await calls.get()) is not None:
            opened, exchange, step = item
            while isinstance(step, Pending):
                opened.keep(step.key, await pool.ask(step.body))
                step = exchange.step(opened.replies)
            opened.left -= 1
            self.advance(1)
            if not opened.left:
                self._ready.put(opened.shard)


def _first(errors: BaseExceptionGroup) -> BaseException:
    """The first error in nested groups."""
    err: BaseException = errors
    while isinstance(err, BaseExceptionGroup):
        err = err.exceptions[0]
    return err
