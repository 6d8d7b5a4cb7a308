"""``fisherprep encode``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.codec.truecase import DEFAULT_RULE, RULES
from fisherprep.commands.options import (
    audio_roots,
    checkpoint_option,
    cluster_device,
    engine_options,
    ray_cluster,
    shard_engine,
    strict_option,
    work_argument,
)
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
@engine_options
@strict_option
def encode(
    work: Path,
    data_root: Path,
    checkpoint: str,
    device: str | None,
    workers: int | None,
    truecase: str,
    engine: str,
    ray_address: str | None,
    strict: bool,
) -> None:
    """Encode both channels of every call with Mimi and lay the text on its frames.

    \b
    Example:
      fisherprep encode data/fisher --checkpoint nvidia/personaplex-7b-v1
    """
    from fisherprep.codec.encode import encode as run
    from fisherprep.workfolder import WorkFolder

    folder = WorkFolder.open(work)
    cluster = ray_cluster(engine, ray_address, workers or 0)
    device = cluster_device(cluster, device)
    chosen = None
    if cluster or workers:
        needs = [*audio_roots(folder), *_files(checkpoint)] if cluster else ()
        chosen = shard_engine(cluster, workers or 0, work, needs, gpus=device not in (None, "cpu"))
    report(work, run(folder, checkpoint, device, chosen, truecase), strict)


def _files(checkpoint: str) -> list[Path]:
    """What every machine must have of a checkpoint."""
    from fisherprep.checkpoint import locate

    files = locate(checkpoint, ("mimi", "tokenizer"))
    return [file for file in (files.mimi, files.mimi_config, files.tokenizer) if file]
