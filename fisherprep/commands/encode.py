"""``fisherprep encode``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from fisherprep.codec import DEFAULT_LUFS, DEFAULT_VERIFY, DEFAULT_VOICES, PRECISIONS
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


class LoudnessType(click.ParamType):
    """A loudness in LUFS, or ``off``, which is None."""

    name = "loudness"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """The loudness; a usage error where it is no number that sound can have."""
        if value is None or value == "off":
            return None
        try:
            lufs = float(value)
        except ValueError:
            lufs = math.nan
        if not -60 <= lufs <= -5:
            self.fail(f"{value!r}: expected a loudness from -60 to -5 LUFS, or off", param, ctx)
        return lufs


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
@click.option(
    "--voices",
    metavar="N",
    type=click.IntRange(min=0),
    default=DEFAULT_VOICES,
    show_default=True,
    help="Candidate voice prompts of each side of a call, at the most.",
)
@click.option(
    "--loudness",
    metavar="LUFS",
    type=LoudnessType(),
    default=f"{DEFAULT_LUFS:g}",
    show_default=True,
    help="Integrated loudness to which each channel is brought, without clipping; off: as recorded.",
)
@click.option(
    "--restore",
    metavar="MODULE:CALLABLE",
    help="Your own bandwidth extension for recordings below 24 kHz (docs/codes.md).",
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
    precision: str,
    verify: int,
    exact: bool,
    voices: int,
    loudness: float | None,
    restore: str | None,
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
    from fisherprep.dataset.card import write_card
    from fisherprep.workfolder import WorkFolder

    folder = WorkFolder.open(work)
    cluster = ray_cluster(engine, ray_address, workers or 0)
    device = cluster_device(cluster, device)
    chosen = None
    if cluster or workers:
        needs = [*audio_roots(folder), *_files(checkpoint)] if cluster else ()
        chosen = shard_engine(cluster, workers or 0, work, needs, gpus=device not in (None, "cpu"))
    summary = run(
        folder, checkpoint, device, chosen, truecase, precision, verify, exact, voices, loudness, restore
    )  # fmt: skip
    write_card(folder)
    report(work, summary, strict)


def _files(checkpoint: str) -> list[Path]:
    """What every machine must have of a checkpoint."""
    from fisherprep.checkpoint import locate

    files = locate(checkpoint, ("mimi", "tokenizer"))
    return [file for file in (files.mimi, files.mimi_config, files.tokenizer) if file]
