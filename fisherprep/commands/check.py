"""``fisherprep check``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import work_argument
from fisherprep.commands.summary import print_rows


@click.command()
@work_argument
def check(work: Path, data_root: Path) -> None:
    """Verify every invariant of the tables in WORK; exit status 1 if one does not hold.

    \b
    Example:
      fisherprep check data/fisher
    """
    from fisherprep.check import check_work
    from fisherprep.workfolder import WorkFolder

    report = check_work(WorkFolder.open(work))
    print_rows(f"{work}: rows", [(table, f"{n:,}") for table, n in report.rows.items()])
    for finding in report.findings[:50]:
        click.echo(f"error: {finding}", err=True)
    if report.findings:
        raise click.ClickException(
            f"{work}: {len(report.findings)} violated invariants, {len(report.checks)} checks made"
        )
    click.echo(f"{work}: all {len(report.checks)} checks hold")
