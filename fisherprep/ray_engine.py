"""Shards on many machines: the shard functions that local workers run, handed to Ray.

On CPUs a shard is a Ray task, so Ray decides where it runs, does it again when its worker or its node is lost, and uses
nodes that join. On accelerators an actor for each GPU keeps the model and takes a few shards at a time. A shard writes
its files itself, so the folder it writes to must be the same one on all machines: a worker looks for a token in it
before every shard, and finds none either once the command that it works for has ended.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from fisherprep.ray_cluster import Cluster
from fisherprep.ray_lost import TRIES, died, last_line
from fisherprep.ray_ticket import Ticket, admit, versions

_SHARDS_PER_GPU = 3
"""Shards under way on an accelerator: one is read and one is written while one is encoded."""
_SHARDS_PER_CORE = 2
"""Shards handed to Ray for each core: one is done, one is at hand when it ends."""
_LOOK_S = 60.0
"""A node that has not answered by then is not ready to work."""
_LOOK_AGAIN_S = 5.0
"""While no item ends, the head is looked for so often."""
_END = object()


class RayEngine:
    """Runs items on a Ray cluster.

    Args:
        cluster: where to.
        folder: what the items write to; it must exist once there is an item.
        needs: further files and folders that all machines must have.
        gpus: one actor for each GPU of the cluster instead of a task for each core.
        limit: items under way at most, without GPUs; 0: by the cluster's cores.
    """

    def __init__(
        self, cluster: Cluster, folder: Path, needs: Iterable[Path] = (), gpus: bool = False, limit: int = 0
    ) -> None:
        self.cluster, self.folder, self.needs = cluster, folder, tuple(needs)
        self.gpus, self.limit = gpus, limit
        self._warm: _Tasks | _Actors | None = None

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yield results as they finish; a bounded number of items is under way at a time.

        Raises:
            WorkerDied: an item's workers were lost too often, or the cluster's head.
            ValueError: a machine of the cluster does not see the folder, or runs other code.
            Exception: what the function raised.
        """
        queue = iter(items)
        first = next(queue, _END)
        if first is _END:
            return
        with self._ticket() as ticket:
            self._look_around(ticket)
            yield from self._run(function, chain([first], queue), ticket)

    def once(self, function: Callable[[Any], Any], item: Any) -> Any:
        """``function(item)`` on one worker. ``map`` goes on with it: a model that was loaded is loaded."""
        workers = self._workers()
        with self._ticket() as ticket:
            try:
                workers.grow(at_most=1)
                slot = workers.free.popleft()
                result = _result(slot.start(ticket, function, item))
            except BaseException:
                workers.end()
                raise
        workers.free.append(slot)
        self._warm = workers
        return result

    @contextmanager
    def _ticket(self) -> Iterator[Ticket]:
        """What workers are told; the token is gone when the work ends, and with the folder's ``.tmp`` at the latest."""
        token = self.folder / ".tmp" / f"ray-{secrets.token_hex(8)}"
        token.parent.mkdir(parents=True, exist_ok=True)
        token.touch()
        try:
            yield Ticket(str(Path.cwd()), str(token), tuple(map(str, self.needs)), versions())
        finally:
            token.unlink(missing_ok=True)

    def _look_around(self, ticket: Ticket) -> None:
        """Let every machine say whether it can work.

        Raises:
            ValueError: one cannot.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        look: Any = ray.remote(num_cpus=0)(_look)
        asked = {}
        for node in self.cluster.nodes():
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[look.options(scheduling_strategy=there).remote(ticket)] = node["NodeManagerHostname"]
        answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_LOOK_S)
        for ref in answered:
            try:
                found = ray.get(ref)
            except ray.exceptions.RayError as err:
                raise ValueError(
                    f"{asked[ref]}: a worker of this machine of the cluster cannot start ({last_line(err)}); expected "
                    "the same fisherprep to be installed on every machine, with the extra 'ray'"
                ) from err
            if found:
                raise ValueError(found)
        if silent:
            raise ValueError(f"{asked[silent[0]]}: no answer of this machine of the cluster within {_LOOK_S:.0f} s")

    def _run(self, function: Callable[[Any], Any], items: Iterator[Any], ticket: Ticket) -> Iterator[Any]:
        import ray

        workers, self._warm = self._warm or self._workers(), None
        under_way: dict[Any, Slot] = {}
        more = True
        try:
            while more or under_way:
                self.cluster.see_head()
                workers.grow(self.limit)
                while more and workers.free:
                    if (item := next(items, _END)) is _END:
                        more = False
                        break
                    slot = workers.free.popleft()
                    under_way[slot.start(ticket, function, item)] = slot
                if not more:
                    workers.leave(set(under_way.values()))
                for ref in ray.wait(list(under_way), num_returns=1, timeout=_LOOK_AGAIN_S)[0] if under_way else ():
                    workers.free.append(under_way.pop(ref))
                    yield _result(ref)
        finally:
            workers.end(under_way)

    def _workers(self) -> _Tasks | _Actors:
        return (_Actors if self.gpus else _Tasks)(self.cluster)


class Slot(Protocol):
    """Where one item can be started now."""

    def start(self, ticket: Ticket, function: Callable[[Any], Any], item: Any) -> Any: ...


class _Tasks:
    """Tasks of one core each. Ray keeps their processes, so that a model is loaded once in each."""

    def __init__(self, cluster: Cluster) -> None:
        import ray

        self.cluster = cluster
        self.free: deque[Slot] = deque()
        self._slots = 0
        self._task: Any = ray.remote(num_cpus=1, max_retries=TRIES)(_work)

    def start(self, ticket: Ticket, function: Callable[[Any], Any], item: Any) -> Any:
        """Hand an item to Ray."""
        return self._task.remote(ticket, function, item)

    def grow(self, at_most: int) -> None:
        """Add slots for cores that joined; cores that are lost are Ray's business."""
        wanted = at_most or _SHARDS_PER_CORE * self.cluster.count("CPU")
        self.free.extend([self] * (wanted - self._slots))
        self._slots = max(wanted, self._slots)

    def leave(self, busy: set[Slot]) -> None:
        """Nothing to do: a task holds its core only while it runs."""

    def end(self, under_way: Iterable[Any] = ()) -> None:
        """Stop what is under way."""
        import ray

        for ref in under_way:
            with suppress(ray.exceptions.RayError):
                ray.cancel(ref, force=True)


class _Actors:
    """An actor for each GPU. A lost one is started again, where there is a GPU for it, with the items it had."""

    def __init__(self, cluster: Cluster) -> None:
        import ray

        self.cluster = cluster
        self.free: deque[Slot] = deque()
        self._actors: list[_Actor] = []
        actor: Any = ray.remote(_Worker)
        self._kind = actor.options(
            num_gpus=1, num_cpus=1, max_restarts=-1, max_task_retries=TRIES, max_concurrency=_SHARDS_PER_GPU
        )

    def grow(self, at_most: int) -> None:
        """Start actors for GPUs that joined."""
        gpus = self.cluster.count("GPU")
        for _ in range(min(gpus, at_most or gpus) - len(self._actors)):
            actor = _Actor(self._kind.remote())
            self._actors.append(actor)
            self.free.extend([actor] * _SHARDS_PER_GPU)

    def leave(self, busy: set[Slot]) -> None:
        """End idle actors: a lost one may be waiting for such a GPU, with the last items of a run."""
        for actor in self._actors:
            if actor not in busy:
                actor.end()
        self.free.clear()

    def end(self, under_way: Iterable[Any] = ()) -> None:
        """End all actors."""
        for actor in self._actors:
            actor.end()


class _Actor:
    """The driver's side of an actor."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def start(self, ticket: Ticket, function: Callable[[Any], Any], item: Any) -> Any:
        """Hand an item to the actor."""
        return self._handle.work.remote(ticket, function, item)

    def end(self) -> None:
        """Let its GPU go."""
        import ray

        ray.kill(self._handle)


class _Worker:
    """The worker's side of an actor: the model that a function loads stays in its process."""

    def work(self, ticket: Ticket, function: Callable[[Any], Any], item: Any) -> Any:
        return _work(ticket, function, item)


def _work(ticket: Ticket, function: Callable[[Any], Any], item: Any) -> Any:
    admit(ticket)
    return function(item)


def _look(ticket: Ticket) -> str:
    """What keeps this machine from working; empty: nothing."""
    try:
        admit(ticket)
    except ValueError as err:
        return str(err)
    return ""


def _result(ref: Any) -> Any:
    """The value of a finished item, or its exception as a local worker would raise it."""
    import ray

    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as err:
        if isinstance(err.cause, ray.exceptions.RayError) or not isinstance(err.cause, Exception):
            raise died(err.cause) from err
        raise err.cause from err
    except ray.exceptions.RayError as err:
        raise died(err) from err
