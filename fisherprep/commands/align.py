"""``fisherprep align``."""

from __future__ import annotations

import math
from pathlib import Path

import click

from fisherprep.commands.options import (
    audio_roots,
    cluster_device,
    engine_options,
    ray_cluster,
    shard_engine,
    strict_option,
    work_argument,
)
from fisherprep.commands.summary import report


def _finite(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"found {value}; expected a number of seconds")
    return value


@click.command()
@work_argument
@click.option(
    "--aligner",
    type=click.Choice(["auto", "pocketsphinx", "ctc"]),
    default="auto",
    show_default=True,
    help="What finds the words; auto is ctc where --ctc-model is given, else pocketsphinx, which works offline.",
)
@click.option(
    "--ctc-model",
    metavar="REPO_OR_DIR",
    help="Hub repository or local folder of a wav2vec2-style CTC model, such as facebook/wav2vec2-base-960h.",
)
@click.option("--device", metavar="DEVICE", help="Of the CTC model: cpu, cuda, cuda:1 ...  [default: cuda if present]")
@click.option(
    "--batch-seconds",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    default=120.0,
    show_default=True,
    help="Sound that the CTC model hears at once.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=0,
    help="Worker processes; 0 is one per core, and a single one on cuda.  [default: 0]",
)
@engine_options
@strict_option
def align(
    work: Path,
    data_root: Path,
    aligner: str,
    ctc_model: str | None,
    device: str | None,
    batch_seconds: float,
    workers: int,
    engine: str,
    ray_address: str | None,
    strict: bool,
) -> None:
    """Align every word of WORK with its speaker's channel.

    \b
    Examples:
      fisherprep align data/fisher
      fisherprep align data/fisher --ctc-model facebook/wav2vec2-base-960h
    """
    from fisherprep.align.align import align as run
    from fisherprep.align.choice import AlignerChoice, located, usual_workers
    from fisherprep.workfolder import WorkFolder

    if ctc_model is not None and not ctc_model.strip():
        raise click.UsageError("--ctc-model: is empty; expected a hub repository or a local folder")
    if aligner == "auto":
        aligner = "ctc" if ctc_model else "pocketsphinx"
    if aligner == "ctc" and not ctc_model:
        raise click.UsageError("--aligner ctc: needs --ctc-model with a hub repository or a local folder")
    if aligner != "ctc" and ctc_model:
        raise click.UsageError(f"--ctc-model: --aligner {aligner} takes no model; leave one of them out")
    folder = WorkFolder.open(work)
    cluster = ray_cluster(engine, ray_address, workers)
    choice = AlignerChoice(aligner, ctc_model, cluster_device(cluster, device), batch_seconds)
    choice = located(choice, elsewhere=cluster is not None)
    if cluster is None:
        workers = workers or usual_workers(choice)
    needs = [*audio_roots(folder), *([choice.files.directory] if choice.files else [])]
    on_gpus = choice.files is not None and choice.device != "cpu"
    report(work, run(folder, shard_engine(cluster, workers, work, needs, on_gpus), choice), strict)
