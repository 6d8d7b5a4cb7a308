"""The options of commands that ask a language model, and what follows from them: whom to ask, how, and what to bear."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fisherprep.commands.options import not_nan
from fisherprep.llm.settings import STARTUP_TIMEOUT_S, Limits, Plan

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fisherprep.llm.endpoint import Endpoint
    from fisherprep.llm.servers import Connect, Servers

_OF_A_PLAN = ("temperature", "top_p", "max_tokens", "seed", "reasoning_effort", "context_length", "retries")
_FOR_A_SERVER_OF_OUR_OWN = {"vllm_python", "vllm_args", "tensor_parallel", "startup_timeout"}
_Option = Callable[[Callable[..., Any]], Callable[..., Any]]
MODEL_OPTIONS = frozenset({*_OF_A_PLAN, *_FOR_A_SERVER_OF_OUR_OWN, "model", "server", "concurrency", "timeout"})
"""Names of the parameters that mean something only where a model is asked."""


def model_options(
    writes: str,
    shares: str,
    context: str = "",
    temperature: float = Plan.temperature,
    seed: int | None = Plan.seed,
    seed_help: str = "Seed of the sampling.",
) -> _Option:
    """All options about the model and its servers.

    Args:
        writes: what the model writes, for the help.
        shares: what several servers share.
        context: said of ``--context-length`` beside what it is.
        temperature: default of ``--temperature``.
        seed: default of ``--seed``, which a command may use for more than sampling; None: the command has its own.
        seed_help: what ``--seed`` does.
    """
    options = (*_servers(writes, shares), *_requests(context), *_sampling(temperature, seed, seed_help))

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def _program(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    """The path of a program. A bare name is looked for on PATH, and a `Path` would make one of "./python3"."""
    if value is None:
        return None
    return Path(value).absolute() if os.sep in value else Path(value)


def _servers(writes: str, shares: str) -> tuple[_Option, ...]:
    """Whom to ask: a running server, or one of our own."""
    return (
        click.option(
            "--model", metavar="NAME",
            help=f"Model that writes the {writes}: hub repository or folder. Starts vLLM.",
        ),
        click.option(
            "--server", metavar="URL", multiple=True,
            help=f"Running OpenAI-compatible server to ask instead; repeat it to share the {shares} among several.",
        ),
        click.option(
            "--vllm-python", metavar="PATH", type=click.Path(), callback=_program,
            help="Python of the environment that has vLLM.  [default: this one]",
        ),
        click.option(
            "--vllm-args", metavar="ARGS", default="", help="Further arguments of the vLLM server, in one string."
        ),
        click.option(
            "--tensor-parallel", type=click.IntRange(min=1), default=1, show_default=True,
            help="GPUs that vLLM splits the model over.",
        ),
        click.option(
            "--startup-timeout", type=click.FloatRange(min=1), default=STARTUP_TIMEOUT_S, show_default=True,
            callback=not_nan, help="Seconds within which a vLLM server that is started must be ready.",
        ),
    )  # fmt: skip


def _requests(context: str) -> tuple[_Option, ...]:
    """How to ask, and what to put up with."""
    return (
        click.option(
            "--concurrency", type=click.IntRange(1, 4096), default=Limits.concurrency, show_default=True,
            help="Requests in flight, per server.",
        ),
        click.option(
            "--context-length", type=click.IntRange(min=1), default=Plan.context_length, show_default=True,
            help=f"Tokens of a request and its answer{context}.",
        ),
        click.option(
            "--max-tokens", type=click.IntRange(min=1), default=Plan.max_tokens, show_default=True,
            help="Tokens of an answer, thinking included.",
        ),
        click.option(
            "--retries", type=click.IntRange(0, 20), default=Plan.retries, show_default=True,
            help="Further requests after an answer that is not valid.",
        ),
        click.option(
            "--timeout", type=click.FloatRange(min=0.1), default=Limits.timeout_s, show_default=True,
            callback=not_nan, help="Seconds within which a request must be answered.",
        ),
    )  # fmt: skip


def _sampling(temperature: float, seed: int | None, seed_help: str) -> tuple[_Option, ...]:
    """What the model is to do."""
    return (
        click.option(
            "--temperature", type=click.FloatRange(0, 2), default=temperature, show_default=True,
            callback=not_nan, help="Sampling temperature.",
        ),
        click.option(
            "--top-p", type=click.FloatRange(0, 1, min_open=True), default=Plan.top_p, show_default=True,
            callback=not_nan, help="Nucleus sampling.",
        ),
        click.option("--seed", type=int, default=seed, show_default=seed is not None, help=seed_help),
        click.option(
            "--reasoning-effort", type=click.Choice(["low", "medium", "high"]),
            help="How long a reasoning model thinks (gpt-oss).  [default: the model's own]",
        ),
    )  # fmt: skip


def given(ctx: click.Context, names: frozenset[str]) -> set[str]:
    """Those of the parameters that the user gave."""
    return {name for name in names if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}


def refuse(names: set[str], where: str) -> None:
    """Refuse options that would do nothing.

    Raises:
        click.UsageError: there are some.
    """
    if names:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(names))
        raise click.UsageError(f"{flags}: has no meaning {where}")


@contextmanager
def _flag(name: str) -> Iterator[None]:
    """What is wrong with a flag's value is told with the flag's name."""
    try:
        yield
    except ValueError as err:
        raise click.UsageError(f"{name}: {err}") from err


@dataclass(frozen=True)
class ModelChoice:
    """What the options say. Making one looks at nothing but the options."""

    options: dict[str, Any]
    endpoints: list[Endpoint]
    vllm_args: list[str]

    @classmethod
    def of(cls, ctx: click.Context, options: dict[str, Any]) -> ModelChoice:
        """The choice that a command line makes.

        Raises:
            click.UsageError: options that do not go together or cannot be read.
        """
        from fisherprep.llm.endpoint import Endpoint, api_key

        if options["server"]:
            refuse(given(ctx, frozenset(_FOR_A_SERVER_OF_OUR_OWN)), "with --server")
            api_key()  # one that cannot be sent is no fault of a flag
        with _flag("--server"):
            endpoints = [Endpoint.of(url) for url in options["server"]]
        with _flag("--vllm-args"):
            return cls(options, endpoints, shlex.split(options["vllm_args"]))

    def plan(self, seed: int | None = None) -> Plan:
        """Whom to ask, and how; where no model is named, the servers are asked which one they have.

        Args:
            seed: in place of that of the options.

        Raises:
            ValueError: they serve several, or none answers.
        """
        from fisherprep.llm.servers import only_model

        model = self.options["model"] or only_model(self.endpoints)
        chosen = {name: self.options[name] for name in _OF_A_PLAN}
        return Plan(model, **(chosen if seed is None else chosen | {"seed": seed}))

    def limits(self) -> Limits:
        """What is put up with in asking."""
        return Limits(concurrency=self.options["concurrency"], timeout_s=self.options["timeout"])

    def connect(self, plan: Plan, log: Path) -> Connect:
        """Joins the servers named, or starts one, whose output goes to ``log``."""
        from fisherprep.llm.servers import joined, started

        def connect() -> AbstractContextManager[Servers]:
            if self.endpoints:
                return joined(self.endpoints, plan)
            options = self.options
            return started(
                plan,
                options["vllm_python"],
                options["tensor_parallel"],
                self.vllm_args,
                log,
                options["startup_timeout"],
            )

        return connect
