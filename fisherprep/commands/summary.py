"""How commands print what they did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fisherprep.stage import StageSummary

SHOWN = 20
"""Of what was dropped, so much is told without being asked for."""


def report(work: Path, summary: StageSummary, strict: bool) -> None:
    """Print a stage's counts; with ``strict``, rejects become exit status 1."""
    rows = [shards_row(summary)]
    rows += [(f"{table} rows", f"{n:,}") for table, n in sorted(summary.rows.items())]
    rows += [(name, f"{value:,.4g}" if isinstance(value, float) else f"{value:,}")
             for name, value in sorted(summary.counters.items())]  # fmt: skip
    rows += reject_rows(summary)
    print_rows(str(work), rows)
    refuse_rejects(work, summary, strict)


def shards_row(summary: StageSummary) -> tuple[str, str]:
    """How many shards there are and what was done."""
    return "shards", f"{summary.shards:,} ({summary.ran:,} done now, {summary.removed:,} removed)"


def reject_rows(summary: StageSummary) -> list[tuple[str, str]]:
    """What was rejected, by reason."""
    return [(f"rejected: {reason}", f"{n:,}") for reason, n in sorted(summary.rejects.items())]


def refuse_rejects(work: Path, summary: StageSummary, strict: bool) -> None:
    """With ``strict``, rejects become exit status 1."""
    if strict and summary.rejects:
        raise click.ClickException(
            f"{sum(summary.rejects.values())} rejects (--strict); for each place and reason see {work / 'rejects'}"
        )


def tell_dropped(problems: Sequence[tuple[str, str, str, str, str]], whole: bool, further: str) -> None:
    """Reason, place, found, expected and fix of what was dropped, so that whoever wrote it can mend it.

    Args:
        problems: in the order in which they are told.
        whole: all of them, not only the first `SHOWN`.
        further: how to see the others.
    """
    shown = problems if whole else problems[:SHOWN]
    for reason, place, found, expected, fix in shown:
        click.echo(f"dropped, {reason}: {place}: found {found!r}, expected {expected}; {fix}", err=True)
    if more := len(problems) - len(shown):
        click.echo(f"and {more:,} more that were dropped: {further}", err=True)


def print_rows(title: str, rows: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", title=Text(title), show_header=False, title_justify="left")
    for name, value in rows:
        table.add_row(Text(name, overflow="fold"), Text(value, overflow="fold"))
    Console().print(table)
