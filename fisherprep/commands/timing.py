"""``fisherprep timing``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import work_argument, workers_option
from fisherprep.commands.summary import print_rows


@click.command()
@work_argument
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: WORK/timing.json]"
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(["train", "valid", "test"]),
    default=("train",),
    show_default=True,
    help="Calls to measure; may be given several times.",
)
@workers_option
def timing(work: Path, data_root: Path, out: Path | None, splits: tuple[str, ...], workers: int) -> None:
    """Measure how the people of WORK time their talk: gaps, overlaps, pauses, backchannels.

    `fisherprep synthesize --timing FILE` draws from what this writes. The file holds distributions over all calls, no
    text; measured on LDC data it is derived from it, so keep it with that data.

    \b
    Example:
      fisherprep timing data/fisher
      fisherprep synthesize manifests/coffee.yaml --timing data/fisher/timing.json
    """
    from fisherprep.engine import local_engine
    from fisherprep.speech.timing import MIN_TRANSFERS
    from fisherprep.speech.timing_measure import measure_work, summary, timing_json
    from fisherprep.workfolder import WorkFolder

    folder = WorkFolder.open(work)
    with folder.lock("timing"):
        found = measure_work(folder, splits, local_engine(workers))
        text = timing_json(folder.name, found)
        if out is None:
            target = folder.write_text("timing.json", text)
        else:
            target = out
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text, encoding="utf-8")
    print_rows(str(target), summary(found))
    if len(found.transfers) < MIN_TRANSFERS:
        click.echo(
            f"warning: {len(found.transfers)} transfers, less than the {MIN_TRANSFERS} `synthesize --timing` needs: "
            f"it will refuse {target}; measure more calls (the splits measured: {', '.join(splits)})",
            err=True,
        )
