"""``fisherprep label``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import strict_option, work_argument, workers_option
from fisherprep.commands.summary import report


@click.command()
@work_argument
@click.option(
    "--labeler",
    type=click.Choice(["topic"]),
    help="topic: role prompts that came with the calls, else prompts from the topic table; no model.",
)
@click.option("--model", metavar="NAME", help="Model that writes prompts through vLLM (not built yet).")
@workers_option
@strict_option
def label(work: Path, data_root: Path, labeler: str | None, model: str | None, workers: int, strict: bool) -> None:
    """Write persona prompts for both sides of every call of WORK.

    \b
    Example:
      fisherprep label data/fisher --labeler topic
    """
    if model:
        raise click.UsageError(
            "--model: labelling through a model is not available in this version; use --labeler topic"
        )
    if not labeler:
        raise click.UsageError("say who labels: --labeler topic")
    from fisherprep.engine import local_engine
    from fisherprep.label.label import label_topics
    from fisherprep.workfolder import WorkFolder

    report(work, label_topics(WorkFolder.open(work), local_engine(workers)), strict)
