"""``fisherprep demo-corpus``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import FOLDER, not_nan, workers_option
from fisherprep.commands.summary import print_rows


@click.command("demo-corpus")
@click.argument("directory", type=FOLDER)
@click.option("--calls", type=click.IntRange(1, 11_699), default=16, show_default=True, help="Number of calls.")
@click.option("--seconds", type=click.FloatRange(5, 720), default=60.0, show_default=True, callback=not_nan,
              help="Length of a call.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed gives other calls.")
@workers_option
def demo_corpus(directory: Path, calls: int, seconds: float, seed: int, workers: int) -> None:
    """Write a generated release of Fisher's shape, with exact word times beside it.

    \b
    Example:
      fisherprep demo-corpus demo/ldc --calls 16 --seconds 60 --seed 0
    """
    from fisherprep.demo.release import write_release
    from fisherprep.engine import local_engine

    summary = write_release(directory, calls, seconds, seed, local_engine(workers))
    print_rows(f"demo release in {directory}", [(k, str(v)) for k, v in vars(summary).items()])
