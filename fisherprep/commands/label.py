"""``fisherprep label``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fisherprep.commands.options import checkpoint_option, strict_option, work_argument
from fisherprep.commands.summary import print_rows, refuse_rejects, reject_rows, report, shards_row
from fisherprep.llm.settings import Limits, Plan

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fisherprep.label.llm import Labelled
    from fisherprep.llm.servers import Servers
    from fisherprep.workfolder import WorkFolder

_FOR_A_MODEL = {
    "model", "server", "vllm_python", "vllm_args", "tensor_parallel", "concurrency", "context_length", "temperature",
    "top_p", "max_tokens", "seed", "reasoning_effort", "retries", "timeout", "checkpoint",
}  # fmt: skip
_HUB_ANSWERS_S = 5.0
_FOR_A_SERVER_OF_OUR_OWN = {"vllm_python", "vllm_args", "tensor_parallel"}


def _fraction(_: click.Context, option: click.Parameter, value: float) -> float:
    """FloatRange lets NaN through; this does not."""
    if value != value:
        raise click.BadParameter("is not a number", param=option)
    return value


@click.command()
@work_argument
@click.option(
    "--labeler",
    type=click.Choice(["topic"]),
    help="topic: role prompts that came with the calls, else prompts from the topic table; no model.",
)
@click.option("--model", metavar="NAME", help="Model that writes the prompts: hub repository or folder. Starts vLLM.")
@click.option(
    "--server",
    metavar="URL",
    multiple=True,
    help="Running OpenAI-compatible server to ask instead; repeat it to share the calls among several.",
)
@click.option(
    "--vllm-python",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Python of the environment that has vLLM.  [default: this one]",
)
@click.option("--vllm-args", metavar="ARGS", default="", help="Further arguments of the vLLM server, in one string.")
@click.option(
    "--tensor-parallel",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="GPUs that vLLM splits the model over.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 4096),
    default=Limits.concurrency,
    show_default=True,
    help="Requests in flight, per server.",
)
@click.option(
    "--context-length",
    type=click.IntRange(min=1),
    default=Plan.context_length,
    show_default=True,
    help="Tokens of a request and its answer; longer calls are thinned out to fit.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    default=Plan.max_tokens,
    show_default=True,
    help="Tokens of an answer, thinking included.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, 2),
    default=Plan.temperature,
    show_default=True,
    callback=_fraction,
    help="Sampling temperature.",
)
@click.option(
    "--top-p",
    type=click.FloatRange(0, 1, min_open=True),
    default=Plan.top_p,
    show_default=True,
    callback=_fraction,
    help="Nucleus sampling.",
)
@click.option("--seed", type=int, default=Plan.seed, show_default=True, help="Seed of the sampling.")
@click.option(
    "--reasoning-effort",
    type=click.Choice(["low", "medium", "high"]),
    help="How long a reasoning model thinks (gpt-oss).  [default: the model's own]",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 20),
    default=Plan.retries,
    show_default=True,
    help="Further requests after an answer that is not valid.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=Limits.timeout_s,
    show_default=True,
    callback=_fraction,
    help="Seconds within which a request must be answered.",
)
@checkpoint_option
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that write shards; 0 is one per core.  [default: 0; 1 with a model]",
)
@strict_option
@click.pass_context
def label(ctx: click.Context, work: Path, data_root: Path, labeler: str | None, workers: int | None, strict: bool,
          **options: Any) -> None:  # fmt: skip
    """Write persona prompts for both sides of every call of WORK.

    A model's answers are kept in WORK: run the command again to go on where it was stopped. Servers that want a key
    get that of FISHERPREP_API_KEY or OPENAI_API_KEY.

    \b
    Examples:
      fisherprep label data/fisher --model openai/gpt-oss-120b
      fisherprep label data/fisher --server http://127.0.0.1:8000 --server http://127.0.0.1:8001
      fisherprep label data/fisher --labeler topic
    """
    given = {name for name in _FOR_A_MODEL if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
    if labeler:
        _refuse(given, f"--labeler {labeler}")
        _label_topics(work, workers or 0, strict)
        return
    if not options["model"] and not options["server"]:
        raise click.UsageError("say who labels: --model NAME, --server URL or --labeler topic")
    if options["server"]:
        _refuse(given & _FOR_A_SERVER_OF_OUR_OWN, "--server")
    # While a model answers, one process writes with ease, and others would only take time from the asking.
    _label_with_model(work, 1 if workers is None else workers, strict, options, "checkpoint" in given)


def _refuse(given: set[str], with_: str) -> None:
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(given))
        raise click.UsageError(f"{flags}: has no meaning with {with_}")


def _label_topics(work: Path, workers: int, strict: bool) -> None:
    from fisherprep.engine import local_engine
    from fisherprep.label.label import label_topics
    from fisherprep.workfolder import WorkFolder

    report(work, label_topics(WorkFolder.open(work), local_engine(workers)), strict)


def _label_with_model(path: Path, workers: int, strict: bool, options: dict[str, Any], checkpoint_given: bool) -> None:
    from fisherprep.engine import local_engine
    from fisherprep.label.llm import label_calls
    from fisherprep.llm.endpoint import Endpoint, api_key
    from fisherprep.llm.servers import joined, only_model, started
    from fisherprep.workfolder import WorkFolder

    if options["server"]:
        api_key()  # one that cannot be sent is no fault of a flag
    with _flag("--server"):
        endpoints = [Endpoint.of(url) for url in options["server"]]
    with _flag("--vllm-args"):
        extra_args = shlex.split(options["vllm_args"])
    work = WorkFolder.open(path)
    model = options["model"] or only_model(endpoints)
    names = ("temperature", "top_p", "max_tokens", "seed", "reasoning_effort", "context_length", "retries")
    plan = Plan(model, **{name: options[name] for name in names})
    limits = Limits(concurrency=options["concurrency"], timeout_s=options["timeout"])

    def connect() -> AbstractContextManager[Servers]:
        if endpoints:
            return joined(endpoints, plan)
        log = work.path / ".label" / "vllm.log"
        return started(plan, options["vllm_python"], options["tensor_parallel"], extra_args, log)

    checkpoint = options["checkpoint"] if checkpoint_given else _tokenizer_at_hand(options["checkpoint"])
    labelled = label_calls(work, plan, checkpoint, limits, connect, local_engine(workers))
    _report(work, labelled, checkpoint)
    if labelled.stopped:
        raise click.ClickException(
            f"{labelled.stopped}\nall servers are lost, and calls are left unlabelled; every answer that came is kept: "
            "see to the servers and run the same command again"
        )
    _refuse_if_nothing_was_labelled(work, plan)
    refuse_rejects(path, labelled.summary, strict)


@contextmanager
def _flag(name: str) -> Iterator[None]:
    """What is wrong with a flag's value is told with the flag's name."""
    try:
        yield
    except ValueError as err:
        raise click.UsageError(f"{name}: {err}") from err


def _tokenizer_at_hand(checkpoint: str) -> str | None:
    """The default checkpoint if its tokenizer can be had; else None, told in a line: tokens are then estimated."""
    import httpx
    from huggingface_hub import constants, try_to_load_from_cache

    from fisherprep.checkpoint import CONFIG_NAME, locate

    try:
        if not constants.HF_HUB_OFFLINE and not isinstance(try_to_load_from_cache(checkpoint, CONFIG_NAME), str):
            httpx.head(constants.ENDPOINT, timeout=_HUB_ANSWERS_S)  # the hub's client tries for half a minute
        locate(checkpoint, ("tokenizer",))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        click.echo(
            f"the tokenizer of {checkpoint} cannot be had: prompts' lengths are estimated (--checkpoint names another)",
            err=True,
        )
        return None
    return checkpoint


def _refuse_if_nothing_was_labelled(work: WorkFolder, plan: Plan) -> None:
    """Status 1 when requests failed and no call has an answer of the model."""
    from fisherprep.llm.cache import PASSING

    failed = [row for row in work.read("rejects").to_pylist() if row["stage"] == "label" and row["reason"] in PASSING]
    if failed and plan.model not in work.read("personas", columns=["labeler"])["labeler"].to_pylist():
        raise click.ClickException(
            f"no call was labelled: none of {len(failed):,} has an answer; the first: {failed[0]['reason']}, "
            f"{failed[0]['found']}; {failed[0]['fix']}"
        )


def _report(work: WorkFolder, labelled: Labelled, checkpoint: str | None) -> None:
    """The table at the end, and prompts to read."""
    from fisherprep.label.summary import examples, label_rows
    from fisherprep.label.tokens import prompt_counter

    summary = labelled.summary
    rows = label_rows(work, prompt_counter(checkpoint), labelled.counters())
    lost = [(f"server lost: {url}", why) for url, why in labelled.traffic.lost.items()]
    print_rows(str(work.path), [shards_row(summary), *rows, *reject_rows(summary), *lost])
    print_rows("examples", examples(work))
