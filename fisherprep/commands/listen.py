"""``fisherprep listen``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import not_nan, work_argument


@click.command()
@work_argument
@click.option("--calls", type=click.IntRange(min=1), default=10, show_default=True, help="How many calls.")
@click.option("--call", "only", multiple=True, metavar="CALL_ID", help="This call; give one option for each.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    callback=not_nan,
    default=120.0,
    show_default=True,
    help="How much of each call, from its start: a page of whole Fisher calls is too large for browsers.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Page to write.  [default: WORK/listen.html]"
)
def listen(work: Path, data_root: Path, calls: int, only: tuple[str, ...], seconds: float, out: Path | None) -> None:
    """Write a page to listen to calls of WORK: players, waveforms, words where they are said, prompts.

    \b
    Example:
      fisherprep listen data/coffee --calls 10 --out sheet.html
    """
    from fisherprep.speech.listen import LDC_WARNING, listening_sheet, write_sheet
    from fisherprep.workfolder import WorkFolder

    sheet = listening_sheet(WorkFolder.open(work), calls, seconds, only)
    target = out or work / "listen.html"
    write_sheet(sheet, target)
    for problem in sheet.left_out:
        click.echo(f"left out: {problem}", err=True)
    if sheet.holds_ldc:
        click.echo(f"warning: {LDC_WARNING}", err=True)
    click.echo(f"{target}: {sheet.calls} calls, {target.stat().st_size / 1e6:.1f} MB")
