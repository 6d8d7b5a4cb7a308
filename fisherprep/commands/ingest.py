"""``fisherprep ingest``."""

from __future__ import annotations

import re
from pathlib import Path

import click
from click.core import ParameterSource

from fisherprep.commands.options import FOLDER, data_root_option, strict_option, workers_option
from fisherprep.commands.summary import print_rows, report
from fisherprep.manifest import DEFAULT_DIR, SplitRule, find_manifest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@click.command()
@click.argument("release", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@data_root_option
@click.option("--out", type=FOLDER, help="Work folder to write.  [default: DATA_ROOT/NAME]")
@click.option("--name", default="fisher", show_default=True, help="Name of the dataset; its manifest gives the split.")
@click.option("--manifests", type=FOLDER, default=Path(DEFAULT_DIR), show_default=True, help="Folder of manifests.")
@click.option("--dry-run", is_flag=True, help="Only say what would be used and what is missing; write nothing.")
@click.option("--salvage", is_flag=True, help="Take damaged audio as far as it decodes, flagged, not rejected.")
@click.option("--no-checksum", is_flag=True, help="Take audio that differs from its header's checksum, flagged.")
@click.option("--no-errata", is_flag=True, help="Leave the known errors of the release as they are.")
@click.option("--no-checks", is_flag=True, help="Leave out the checks of loudness, crosstalk, swapped channels, ...")
@workers_option
@strict_option
def ingest(release: tuple[Path, ...], data_root: Path, out: Path | None, name: str, manifests: Path, dry_run: bool,
           salvage: bool, no_checksum: bool, no_errata: bool, no_checks: bool, workers: int,
           strict: bool) -> None:  # fmt: skip
    """Read a Fisher release: one or more folders holding its audio, transcripts and tables.

    \b
    Examples:
      fisherprep ingest /ldc/fisher --dry-run
      fisherprep ingest /ldc/fisher
      fisherprep ingest LDC2004S13 LDC2004T19 LDC2005S13 LDC2005T19 --out data/fisher
    """
    from fisherprep.corpus.call import Options
    from fisherprep.corpus.ingest import ingest as run
    from fisherprep.corpus.survey import survey
    from fisherprep.engine import local_engine

    if dry_run:
        print_rows("what would be used", survey(list(release)).rows())
        return
    source = click.get_current_context().get_parameter_source("manifests")
    if source is not ParameterSource.DEFAULT and not manifests.is_dir():
        raise click.BadParameter(f"{manifests} is no folder", param_hint="--manifests")
    if not _NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} cannot name a folder; use letters, digits, - and _", param_hint="--name")
    rule = find_manifest(name, manifests).split if (manifests / f"{name}.yaml").is_file() else SplitRule()
    target = out or data_root / name
    options = Options(salvage, verify_checksum=not no_checksum, errata=not no_errata, checks=not no_checks)
    summary = run(list(release), target, rule, name, local_engine(workers), options)
    report(target, summary, strict)
    click.echo(f"report: {target / 'ingest_report.md'}")
