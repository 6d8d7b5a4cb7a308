"""``fisherprep encode``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.codec import DEFAULT_VERIFY, PRECISIONS
from fisherprep.codec.truecase import DEFAULT_RULE, RULES
from fisherprep.commands.options import checkpoint_option, strict_option, work_argument
from fisherprep.commands.summary import report


@click.command()
@work_argument
@checkpoint_option
@click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1 ...  [default: cuda where there is one]")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes.  [default: 1 per core; 1 on cuda]")
@click.option(
    "--truecase",
    type=click.Choice(RULES),
    default=DEFAULT_RULE,
    show_default=True,
    help="How words are written on the text row: with capitals and sentence marks by rule, or as transcribed.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=PRECISIONS[0],
    show_default=True,
    help="auto: batches on tensor cores, where their codes equal plain float32's; fp32: one call at a time.",
)
@click.option(
    "--verify",
    metavar="N",
    type=click.IntRange(min=0),
    default=DEFAULT_VERIFY,
    show_default=True,
    help="Calls to encode in plain float32 as well, before batches are relied on; too little agreement: fp32.",
)
@click.option("--exact", is_flag=True, help="Stream frame by frame, as a live server does: the reference, and slow.")
@strict_option
def encode(
    work: Path,
    data_root: Path,
    checkpoint: str,
    device: str | None,
    workers: int | None,
    truecase: str,
    precision: str,
    verify: int,
    exact: bool,
    strict: bool,
) -> None:
    """Encode both channels of every call with Mimi and lay the text on its frames.

    \b
    Example:
      fisherprep encode data/fisher --checkpoint nvidia/personaplex-7b-v1
    """
    from fisherprep.codec.encode import encode as run
    from fisherprep.dataset.card import write_card
    from fisherprep.engine import local_engine
    from fisherprep.workfolder import WorkFolder

    engine = local_engine(workers) if workers else None
    folder = WorkFolder.open(work)
    summary = run(folder, checkpoint, device, engine, truecase, precision, verify, exact)
    write_card(folder)
    report(work, summary, strict)
