"""``fisherprep ingest``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from fisherprep.commands.options import (
    FOLDER,
    data_root_option,
    engine_options,
    ray_cluster,
    shard_engine,
    strict_option,
    workers_option,
)
from fisherprep.commands.summary import print_rows, report
from fisherprep.manifest import DEFAULT_DIR, Manifest, SplitRule, find_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fisherprep.corpus.call import Options
    from fisherprep.engine import Engine
    from fisherprep.stage import StageSummary

_CHANNELS = {"left": "a", "right": "b", "a": "a", "b": "b", "either": None}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@click.command()
@click.argument("release", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@data_root_option
@click.option("--out", type=FOLDER, help="Work folder to write.  [default: DATA_ROOT/NAME]")
@click.option(
    "--layout",
    type=click.Choice(["fisher", "stereo"]),
    default="fisher",
    show_default=True,
    help="fisher: a release; stereo: recordings of your own with transcripts beside them.",
)
@click.option(
    "--name",
    help="Name of the dataset; its manifest gives the split.  [default: fisher; with --layout "
    "stereo the folder's name]",
)
@click.option("--manifests", type=FOLDER, default=Path(DEFAULT_DIR), show_default=True, help="Folder of manifests.")
@click.option(
    "--agent-channel",
    type=click.Choice(list(_CHANNELS)),
    help="Stereo: the agent's channel, where a recording does not say itself.  [default: the manifest's]",
)
@click.option(
    "--files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="JSONL",
    help="Stereo: take only the files of this list (moshi-finetune's); may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be used and what is missing; write nothing.")
@click.option("--salvage", is_flag=True, help="Take damaged audio as far as it decodes, flagged, not rejected.")
@click.option("--no-checksum", is_flag=True, help="Take audio that differs from its header's checksum, flagged.")
@click.option("--no-errata", is_flag=True, help="Leave the known errors of the release as they are.")
@click.option("--no-checks", is_flag=True, help="Leave out the checks of loudness, crosstalk, swapped channels, ...")
@workers_option
@engine_options
@strict_option
def ingest(release: tuple[Path, ...], data_root: Path, out: Path | None, layout: str, name: str | None, manifests: Path,
           agent_channel: str | None, files: tuple[Path, ...], dry_run: bool, salvage: bool, no_checksum: bool,
           no_errata: bool, no_checks: bool, workers: int, engine: str, ray_address: str | None,
           strict: bool) -> None:  # fmt: skip
    """Read a Fisher release, or recordings: one or more folders that hold audio, transcripts and tables.

    \b
    Examples:
      fisherprep ingest /ldc/fisher --dry-run
      fisherprep ingest /ldc/fisher
      fisherprep ingest LDC2004S13 LDC2004T19 LDC2005S13 LDC2005T19 --out data/fisher
      fisherprep ingest calls --layout stereo --name clinic --agent-channel left
    """
    from fisherprep.corpus.call import Options

    errata = layout == "fisher" and not no_errata
    options = Options(salvage, verify_checksum=not no_checksum, errata=errata, checks=not no_checks)

    def engine_for(target: Path) -> Engine:
        return shard_engine(ray_cluster(engine, ray_address, workers), workers, target, release)

    if layout == "stereo":
        if no_errata:
            raise click.UsageError("--no-errata: belongs to --layout fisher")
        name = release[0].resolve().name if name is None else name
        found = _ingest_stereo(release, out or data_root / name, name, manifests, agent_channel, files, dry_run,
                               engine_for, options)  # fmt: skip
    else:
        if agent_channel or files:
            raise click.UsageError(f"{'--files' if files else '--agent-channel'}: needs --layout stereo")
        name = "fisher" if name is None else name
        found = _ingest_release(release, out or data_root / name, name, manifests, dry_run, engine_for, options)
    if found is not None:
        target = out or data_root / name
        report(target, found, strict)
        click.echo(f"report: {target / 'ingest_report.md'}")


def _ingest_release(release: tuple[Path, ...], target: Path, name: str, manifests: Path, dry_run: bool,
                    engine_for: Callable[[Path], Engine], options: Options) -> StageSummary | None:  # fmt: skip
    from fisherprep.corpus.ingest import ingest as run
    from fisherprep.corpus.survey import survey

    if dry_run:
        print_rows("what would be used", survey(list(release)).rows())
        return None
    _check_name(name)
    manifest = _manifest(name, manifests)
    return run(list(release), target, manifest.split if manifest else SplitRule(), name, engine_for(target), options)


def _ingest_stereo(release: tuple[Path, ...], target: Path, name: str, manifests: Path, agent_channel: str | None,
                   files: tuple[Path, ...], dry_run: bool,
                   engine_for: Callable[[Path], Engine], options: Options,
                   ) -> StageSummary | None:  # fmt: skip
    from fisherprep.corpus.recordings.ingest import ingest_recordings, plan_recordings

    manifest = _manifest(name, manifests)
    if agent_channel is None and manifest is None:
        raise click.UsageError(
            "--layout stereo: say which channel is the agent: --agent-channel left (as moshi-finetune and J-Moshi have "
            f"it), right or either; or 'agent: a' in {manifests / f'{name}.yaml'}"
        )
    agent = _CHANNELS[agent_channel or (manifest.agent if manifest else "either")]
    split, prompt = (manifest.split, manifest.prompt) if manifest else (SplitRule(), None)
    if dry_run:
        print_rows("what would be used", plan_recordings(list(release), split, name, agent, prompt, files).summary())
        return None
    _check_name(name)
    return ingest_recordings(list(release), target, split, name, engine_for(target), agent, prompt, files, options)


def _manifest(name: str, manifests: Path) -> Manifest | None:
    source = click.get_current_context().get_parameter_source("manifests")
    if source is not ParameterSource.DEFAULT and not manifests.is_dir():
        raise click.BadParameter(f"{manifests} is no folder", param_hint="--manifests")
    return find_manifest(name, manifests) if (manifests / f"{name}.yaml").is_file() else None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} cannot name a folder; use letters, digits, - and _", param_hint="--name")
