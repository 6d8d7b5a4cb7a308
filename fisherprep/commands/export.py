"""``fisherprep export``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.codec.truecase import DEFAULT_RULE, RULES
from fisherprep.commands.options import FOLDER, strict_option, work_argument, workers_option
from fisherprep.commands.summary import report
from fisherprep.export import AGENT_SIDES, DEFAULT_SPLITS, FORMATS, SPLITS


@click.command()
@work_argument
@click.option("--format", "format_name", type=click.Choice(FORMATS), required=True, help="Whose form.")
@click.option("--out", type=FOLDER, required=True, metavar="DIR", help="Folder to write: new, or of the same export.")
@click.option(
    "--split",
    "splits",
    type=click.Choice(SPLITS),
    multiple=True,
    default=DEFAULT_SPLITS,
    show_default=True,
    help="Calls of this split; give one option for each.",
)
@click.option(
    "--agent-side",
    type=click.Choice(AGENT_SIDES),
    help="Who is the agent: the call's own agent side, else a (auto); that side; each side that may be, in turn."
    "  [default: auto; lhotse: none is]",
)
@click.option(
    "--truecase",
    type=click.Choice(RULES),
    help=f"moshi-finetune: how words are written, as for encode.  [default: {DEFAULT_RULE}]",
)
@workers_option
@strict_option
def export(
    work: Path,
    data_root: Path,
    format_name: str,
    out: Path,
    splits: tuple[str, ...],
    agent_side: str | None,
    truecase: str | None,
    workers: int,
    strict: bool,
) -> None:
    """Write WORK in the form of another tool: audio and alignments, codes, or manifests (docs/exports.md).

    \b
    Examples:
      fisherprep export data/coffee --format moshi-finetune --out coffee-moshi
      fisherprep export data/fisher --format j-moshi --out fisher-j --split train --agent-side both
      fisherprep export data/fisher --format lhotse --out fisher-lhotse
    """
    if agent_side and format_name == "lhotse":
        raise click.UsageError("--agent-side: lhotse's manifests have both sides alike; leave it out")
    if truecase and format_name != "moshi-finetune":
        raise click.UsageError(f"--truecase: {format_name} takes the text as the tables have it; leave it out")
    from fisherprep.engine import local_engine
    from fisherprep.export.calls import Choice
    from fisherprep.export.run import LDC_WARNING
    from fisherprep.export.run import export as run
    from fisherprep.workfolder import WorkFolder

    chosen = tuple(split for split in SPLITS if split in splits)
    choice = Choice(chosen, agent_side or AGENT_SIDES[0], truecase or DEFAULT_RULE)
    summary, folder, holds_ldc = run(WorkFolder.open(work), format_name, out, choice, local_engine(workers))
    if holds_ldc:
        click.echo(f"warning: {LDC_WARNING}", err=True)
    report(folder.path, summary, strict)
