"""The servers of a run: running ones that are joined, or one of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fisherprep.llm.body import short
from fisherprep.llm.endpoint import Endpoint, served_models
from fisherprep.llm.notes import note
from fisherprep.llm.server import VllmServer
from fisherprep.llm.settings import STARTUP_TIMEOUT_S, Plan

_NAMED = 10
"""Models that a message lists."""


@dataclass(frozen=True)
class Servers:
    """Who can be asked, and what is known of why nobody can be any more."""

    endpoints: Sequence[Endpoint]
    post_mortem: Callable[[], str | None] = lambda: None


Connect = Callable[[], AbstractContextManager[Servers]]
"""Finds or starts servers, once something is to be asked."""


@contextmanager
def joined(endpoints: Sequence[Endpoint], plan: Plan) -> Iterator[Servers]:
    """Those of the servers that answer; the others are told of and left out.

    Raises:
        ValueError: none answers, one does not serve the model, or takes fewer tokens than the plan has.
    """
    reached, silent = [], []
    for endpoint in endpoints:
        try:
            models = served_models(endpoint)
        except ValueError as err:
            silent.append(str(err))
            continue
        _check(endpoint, models, plan)
        reached.append(endpoint)
    if not reached:
        raise ValueError("; ".join(silent))
    for problem in silent:
        note(f"left out: {problem}")
    yield Servers(reached)


def _check(endpoint: Endpoint, models: dict[str, int | None], plan: Plan) -> None:
    if plan.model not in models:
        served = _listed(models) or "nothing"
        raise ValueError(
            f"{endpoint.url}: does not serve {short(plan.model)}; it serves {served}: give one of these with --model"
        )
    length = models[plan.model]
    if length is not None and length < plan.context_length:
        raise ValueError(
            f"{endpoint.url}: takes {length} tokens, but requests may have {plan.context_length}; "
            f"give {_fitting(plan, length)}, or start the server with a longer context"
        )


def _fitting(plan: Plan, length: int) -> str:
    """The flags that make requests fit a shorter context: the answer must leave most of it to the call."""
    flags = f"--context-length {length}"
    return f"{flags} --max-tokens {length // 4}" if plan.max_tokens > length // 2 else flags


def _listed(models: Iterable[str]) -> str:
    names = sorted(models)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(short(name) for name in names[:_NAMED]) + more


@contextmanager
def started(
    plan: Plan,
    python: Path | None,
    tensor_parallel: int,
    extra_args: Sequence[str],
    log_path: Path,
    startup_timeout_s: float = STARTUP_TIMEOUT_S,
) -> Iterator[Servers]:
    """A vLLM server of our own, ended with the context.

    Raises:
        OSError: it cannot be started (`fisherprep.llm.server.ServerFailed` says why).
    """
    server = VllmServer(
        plan.model,
        python,
        context_length=plan.context_length,
        tensor_parallel=tensor_parallel,
        extra_args=extra_args,
        log_path=log_path,
        startup_timeout_s=startup_timeout_s,
    )
    with server:
        yield Servers([Endpoint(f"{server.url}/v1", server.key)], server.failure)


def only_model(endpoints: Sequence[Endpoint]) -> str:
    """The model that the first server that answers serves.

    Raises:
        ValueError: it serves several, or no server answers.
    """
    silent = []
    for endpoint in endpoints:
        try:
            models = sorted(served_models(endpoint))
        except ValueError as err:
            silent.append(str(err))
            continue
        if len(models) != 1:
            raise ValueError(f"{endpoint.url}: serves {_listed(models) or 'no model'}; say which with --model")
        return models[0]
    raise ValueError("; ".join(silent))
