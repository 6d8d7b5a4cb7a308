"""``fisherprep label``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fisherprep.commands.model_options import MODEL_OPTIONS, ModelChoice, given, model_options, refuse
from fisherprep.commands.options import (
    checkpoint_option,
    engine_options,
    ray_cluster,
    shard_engine,
    strict_option,
    work_argument,
)
from fisherprep.commands.summary import print_rows, refuse_rejects, reject_rows, report, shards_row

if TYPE_CHECKING:
    from fisherprep.engine import Engine
    from fisherprep.label.llm import Labelled
    from fisherprep.llm.settings import Plan
    from fisherprep.workfolder import WorkFolder

_FOR_A_MODEL = MODEL_OPTIONS | {"checkpoint"}


@click.command()
@work_argument
@click.option(
    "--labeler",
    type=click.Choice(["topic"]),
    help="topic: role prompts that came with the calls, else prompts from the topic table; no model.",
)
@model_options("prompts", "calls", context="; longer calls are thinned out to fit")
@checkpoint_option
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that write shards; 0 is one per core.  [default: 0; 1 with a model]",
)
@engine_options
@strict_option
@click.pass_context
def label(ctx: click.Context, work: Path, data_root: Path, labeler: str | None, workers: int | None, strict: bool,
          engine: str, ray_address: str | None, **options: Any) -> None:  # fmt: skip
    """Write persona prompts for both sides of every call of WORK.

    A model's answers are kept in WORK: run the command again to go on where it was stopped. Servers that want a key
    get that of FISHERPREP_API_KEY or OPENAI_API_KEY.

    \b
    Examples:
      fisherprep label data/fisher --model openai/gpt-oss-120b
      fisherprep label data/fisher --server http://127.0.0.1:8000 --server http://127.0.0.1:8001
      fisherprep label data/fisher --labeler topic
    """
    if labeler:
        refuse(given(ctx, _FOR_A_MODEL), f"with --labeler {labeler}")
        _label_topics(work, shard_engine(ray_cluster(engine, ray_address, workers or 0), workers or 0, work), strict)
        return
    if not options["model"] and not options["server"]:
        raise click.UsageError("say who labels: --model NAME, --server URL or --labeler topic")
    cluster = ray_cluster(engine, ray_address, workers or 0)
    # While a model answers, one process writes with ease, and others would only take time from the asking.
    workers = (1 if cluster is None else 0) if workers is None else workers
    _label_with_model(work, shard_engine(cluster, workers, work), strict, ModelChoice.of(ctx, options))


def _label_topics(work: Path, engine: Engine, strict: bool) -> None:
    from fisherprep.label.label import label_topics
    from fisherprep.workfolder import WorkFolder

    report(work, label_topics(WorkFolder.open(work), engine), strict)


def _label_with_model(path: Path, engine: Engine, strict: bool, choice: ModelChoice) -> None:
    from fisherprep.label.llm import label_calls
    from fisherprep.workfolder import WorkFolder

    work = WorkFolder.open(path)
    plan, checkpoint = choice.plan(), choice.options["checkpoint"]
    if not given(click.get_current_context(), frozenset({"checkpoint"})):
        checkpoint = _tokenizer_at_hand(checkpoint)
    connect = choice.connect(plan, work.path / ".label" / "vllm.log")
    labelled = label_calls(work, plan, checkpoint, choice.limits(), connect, engine)
    _report(work, labelled, checkpoint)
    if labelled.stopped:
        raise click.ClickException(
            f"{labelled.stopped}\nall servers are lost, and calls are left unlabelled; every answer that came is kept: "
            "see to the servers and run the same command again"
        )
    _refuse_if_nothing_was_labelled(work, plan)
    refuse_rejects(path, labelled.summary, strict)


def _tokenizer_at_hand(checkpoint: str) -> str | None:
    """The default checkpoint if its tokenizer can be had; else None, told in a line: tokens are then estimated."""
    from fisherprep.checkpoint import locate

    try:
        locate(checkpoint, ("tokenizer",))
    except ValueError:
        click.echo(
            f"the tokenizer of {checkpoint} cannot be had: prompts' lengths are estimated (--checkpoint names another)",
            err=True,
        )
        return None
    return checkpoint


def _refuse_if_nothing_was_labelled(work: WorkFolder, plan: Plan) -> None:
    """Status 1 when calls were asked about and none has an answer of the model that can be used."""
    failed = [row for row in work.read("rejects").to_pylist() if row["stage"] == "label"]
    if failed and plan.model not in work.read("personas", columns=["labeler"])["labeler"].to_pylist():
        raise click.ClickException(
            f"no call was labelled: none of {len(failed):,} has an answer that can be used; the first: "
            f"{failed[0]['reason']}, {failed[0]['found']}; {failed[0]['fix']}"
        )


def _report(work: WorkFolder, labelled: Labelled, checkpoint: str | None) -> None:
    """The table at the end, and prompts to read."""
    from fisherprep.label.summary import examples, label_rows
    from fisherprep.label.tokens import prompt_counter

    summary = labelled.summary
    rows = label_rows(work, prompt_counter(checkpoint), labelled.counters())
    lost = [(f"server lost: {url}", why) for url, why in labelled.traffic.lost.items()]
    print_rows(str(work.path), [shards_row(summary), *rows, *reject_rows(summary), *lost])
    if chosen := examples(work):
        print_rows("examples", chosen)
