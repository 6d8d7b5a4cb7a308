"""``fisherprep synthesize``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import FOLDER, data_root_option, strict_option, workers_option
from fisherprep.commands.summary import report
from fisherprep.manifest import Manifest, load_manifest


@click.command()
@click.argument("manifest", type=click.Path(dir_okay=False, path_type=Path))
@data_root_option
@click.option("--out", type=FOLDER, help="Work folder to write.  [default: DATA_ROOT/ and the manifest's `tables`]")
@click.option("--dialogues", type=click.IntRange(min=1), help="How many dialogues.  [default: the manifest's]")
@click.option("--seed", type=int, help="Another seed gives other drafts, voices and timing.  [default: the manifest's]")
@workers_option
@strict_option
def synthesize(manifest: Path, data_root: Path, out: Path | None, dialogues: int | None, seed: int | None,
               workers: int, strict: bool) -> None:  # fmt: skip
    """Speak a domain's dialogues: two-channel audio and all tables but the codes.

    They come from script files and from the domain's grammar, each from a fact sheet of its own; what breaks its own
    prompt is left out and counted (docs/domains.md).

    \b
    Example:
      fisherprep synthesize manifests/coffee.yaml --dialogues 200
    """
    from fisherprep.engine import local_engine
    from fisherprep.speech.synthesize import synthesize as run

    domain: Manifest = load_manifest(manifest)
    target = out or data_root / domain.tables
    report(target, run(domain, target, dialogues, seed, local_engine(workers)), strict)
