"""``fisherprep align``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import strict_option, work_argument, workers_option
from fisherprep.commands.summary import report


@click.command()
@work_argument
@workers_option
@strict_option
def align(work: Path, data_root: Path, workers: int, strict: bool) -> None:
    """Align every word of WORK with its speaker's channel.

    \b
    Example:
      fisherprep align data/fisher
    """
    from fisherprep.align.align import align as run
    from fisherprep.engine import local_engine
    from fisherprep.workfolder import WorkFolder

    report(work, run(WorkFolder.open(work), local_engine(workers)), strict)
