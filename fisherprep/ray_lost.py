"""What was lost when Ray could not do an item, in words."""

from __future__ import annotations

from fisherprep.engine import WorkerDied

TRIES = 5
"""Times that an item is done again whose worker or node was lost."""
_TIMES = TRIES + 1
_LOST = {
    "LocalRayletDiedError": "Ray ended on the machine of this command (its raylet, or an agent without which that does "
    "not run, was killed or crashed)",
    "OutOfMemoryError": "the machine that ran it had no memory left; fewer --workers need less",
    "NodeDiedError": f"the machine that ran it was lost, {_TIMES} times",
    "WorkerCrashedError": f"its worker was lost {_TIMES} times (killed, out of memory, a crash in a native library)",
    "RayActorError": f"its accelerator's worker was lost {_TIMES} times (killed, out of memory, a crash in a native "
    "library)",
}
"""By Ray's class of errors."""


def died(err: BaseException) -> WorkerDied:
    """What to raise for one of Ray's own errors."""
    told = (_LOST[kind.__name__] for kind in type(err).__mro__ if kind.__name__ in _LOST)
    return WorkerDied(
        f"a shard could not be done on the Ray cluster: {next(told, 'it failed in a way that cannot be told')} "
        f"({last_line(err)}); finished shards are kept: see Ray's logs (/tmp/ray/session_latest/logs), "
        "and run the same command again"
    )


def last_line(err: BaseException) -> str:
    """The end of a message, which has the reason."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(err).__name__
