"""``fisherprep synthesize``."""

from __future__ import annotations

from pathlib import Path

import click

from fisherprep.commands.options import (
    FOLDER,
    data_root_option,
    engine_options,
    ray_cluster,
    shard_engine,
    strict_option,
    workers_option,
)
from fisherprep.commands.summary import report, tell_dropped
from fisherprep.domain import SpeechChoice
from fisherprep.manifest import Manifest, load_manifest


@click.command()
@click.argument("manifest", type=click.Path(dir_okay=False, path_type=Path))
@data_root_option
@click.option("--out", type=FOLDER, help="Work folder to write.  [default: DATA_ROOT/ and the manifest's `tables`]")
@click.option("--dialogues", type=click.IntRange(min=1), help="How many dialogues.  [default: the manifest's]")
@click.option("--seed", type=int, help="Another seed gives other drafts, voices and timing.  [default: the manifest's]")
@click.option("--tts", metavar="ENGINE", help="espeak, kokoro, piper or module:callable.  [default: the manifest's]")
@click.option(
    "--voice", "voices", multiple=True, metavar="NAME", help="A voice of the engine; give one option for each."
)
@click.option("--tts-model", metavar="DIR", help="Folder of the engine's weights (kokoro).")
@click.option(
    "--timing",
    type=click.Path(dir_okay=False, path_type=Path),
    help="timing.json that `fisherprep timing` measured.  [default: the manifest's, else built in]",
)
@click.option(
    "--conditions",
    type=click.Choice(["none", "moshi", "telephone"]),
    help="What befalls the user's channel: nothing; gain, noise and echo as for Moshi; a telephone line besides.",
)
@workers_option
@engine_options
@strict_option
def synthesize(
    manifest: Path,
    data_root: Path,
    out: Path | None,
    dialogues: int | None,
    seed: int | None,
    tts: str | None,
    voices: tuple[str, ...],
    tts_model: str | None,
    timing: Path | None,
    conditions: str | None,
    workers: int,
    engine: str,
    ray_address: str | None,
    strict: bool,
) -> None:
    """Speak a domain's dialogues: two-channel audio and all tables but the codes.

    They come from script files and from the domain's grammar, each from a fact sheet of its own; what breaks its own
    prompt is left out and counted (docs/domains.md). Voices, timing, conditions: docs/speech.md.

    \b
    Examples:
      fisherprep synthesize manifests/coffee.yaml --dialogues 200
      fisherprep synthesize manifests/coffee.yaml --timing data/fisher/timing.json --conditions moshi
    """
    from fisherprep.speech.conditions import PRESETS
    from fisherprep.speech.synthesize import Sound
    from fisherprep.speech.synthesize import synthesize as run

    domain: Manifest = load_manifest(manifest)
    target = out or data_root / domain.tables
    sound = Sound(_speech(domain, tts, voices, tts_model), timing, PRESETS[conditions] if conditions else None)
    where = shard_engine(ray_cluster(engine, ray_address, workers), workers, target)
    summary = run(domain, target, dialogues, seed, where, sound)
    _tell_rejects(target)
    report(target, summary, strict)
    if not summary.rows["conversations"]:
        reasons = ", ".join(f"{reason} ({n:,})" for reason, n in sorted(summary.rejects.items()))
        raise click.ClickException(f"no dialogue was spoken; rejected: {reasons}; for each see {target / 'rejects'}")


def _tell_rejects(target: Path) -> None:
    """Scripts and drafts that were not used, by file, line and reason."""
    from fisherprep.workfolder import WorkFolder

    rows = [row for row in WorkFolder.open(target).read("rejects").to_pylist() if row["stage"] == "synthesize"]
    told = [(row["reason"], row["place"], row["found"], row["expected"], row["fix"]) for row in rows]
    tell_dropped(told, False, f"see {target / 'rejects'}, or `fisherprep scripts --all`")


def _speech(manifest: Manifest, tts: str | None, voices: tuple[str, ...], model: str | None) -> SpeechChoice | None:
    """The manifest's choice with what the flags replace; another engine keeps nothing of it."""
    given = manifest.domain.speech if manifest.domain else SpeechChoice()
    if tts and tts != given.engine:
        return SpeechChoice(tts, voices, model)
    return SpeechChoice(given.engine, voices or given.voices, model or given.model)
