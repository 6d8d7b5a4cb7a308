"""The ``fisherprep`` command: each subcommand parses, calls one function and prints its summary."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fisherprep import __version__
from fisherprep.checkpoint import DEFAULT_CHECKPOINT
from fisherprep.manifest import DEFAULT_DIR, Manifest, SplitRule, find_manifest, load_manifest

if TYPE_CHECKING:
    from fisherprep.stage import StageSummary

_FOLDER = click.Path(file_okay=False, path_type=Path)


class _CleanErrors(click.Group):
    """Turns errors about data and files into one clear message and exit status 1.

    FISHERPREP_TRACEBACK=1 in the environment shows where in the code the error arose.
    """

    def invoke(self, ctx: click.Context) -> Any:
        from fisherprep.engine import WorkerDied

        try:
            return super().invoke(ctx)
        except (ValueError, OSError, WorkerDied) as err:
            if os.environ.get("FISHERPREP_TRACEBACK"):
                raise
            raise click.ClickException(str(err)) from err


def _work_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """WORK, defaulting to the Fisher work folder under ``--data-root``."""

    def default(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path:
        return value or ctx.params["data_root"] / "fisher"

    function = click.argument("work", type=_FOLDER, required=False, callback=default, metavar="[WORK]")(function)
    return _data_root(function)


def _data_root(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--data-root", type=_FOLDER, default=Path("data"), show_default=True, is_eager=True,
        help="Folder of the work folders; WORK defaults to its subfolder of the dataset's name.",
    )(function)  # fmt: skip


_workers = click.option(
    "--workers", type=click.IntRange(min=0), default=0, help="Worker processes; 0 is one per core.  [default: 0]"
)
_strict = click.option("--strict", is_flag=True, help="Exit with status 1 if anything was rejected.")
_checkpoint = click.option(
    "--checkpoint", default=DEFAULT_CHECKPOINT, show_default=True, metavar="REPO_OR_DIR",
    help="Hub repository or local folder with Mimi and the text tokenizer.",
)  # fmt: skip


@click.group(cls=_CleanErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Prepare LDC Fisher and domain dialogues for fine-tuning PersonaPlex/Moshi.

    \b
    The way through:
      fisherprep ingest /ldc/fisher          conversations and turns
      fisherprep align                       word times
      fisherprep label --labeler topic       persona prompts
      fisherprep encode                      Mimi codes and text tokens
      python -m finetune.run --mix fisher:0.7,coffee:0.3
    """


@main.command()
@click.argument("release", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@_data_root
@click.option("--out", type=_FOLDER, help="Work folder to write.  [default: DATA_ROOT/NAME]")
@click.option("--name", default="fisher", show_default=True, help="Name of the dataset; its manifest gives the split.")
@click.option("--manifests", type=_FOLDER, default=Path(DEFAULT_DIR), show_default=True, help="Folder of manifests.")
@click.option("--dry-run", is_flag=True, help="Only say what would be used and what is missing; write nothing.")
@click.option("--salvage", is_flag=True, help="Take damaged audio as far as it decodes, flagged, not rejected.")
@click.option("--no-checksum", is_flag=True, help="Take audio that differs from its header's checksum, flagged.")
@click.option("--no-errata", is_flag=True, help="Leave the known errors of the release as they are.")
@click.option("--no-checks", is_flag=True, help="Leave out the checks of loudness, crosstalk, swapped channels, ...")
@_workers
@_strict
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
    from fisherprep.corpus.ingest import Options
    from fisherprep.corpus.ingest import ingest as run
    from fisherprep.corpus.survey import survey
    from fisherprep.engine import local_engine

    if dry_run:
        _print_rows("what would be used", survey(list(release)).rows())
        return
    rule = find_manifest(name, manifests).split if (manifests / f"{name}.yaml").is_file() else SplitRule()
    target = out or data_root / name
    options = Options(salvage, verify_checksum=not no_checksum, errata=not no_errata, checks=not no_checks)
    summary = run(list(release), target, rule, name, local_engine(workers), options)
    _report(target, summary, strict)
    click.echo(f"report: {target / 'ingest_report.md'}")


@main.command()
@_work_argument
@_workers
@_strict
def align(work: Path, data_root: Path, workers: int, strict: bool) -> None:
    """Align every word of WORK with its speaker's channel.

    \b
    Example:
      fisherprep align data/fisher
    """
    from fisherprep.align.align import align as run
    from fisherprep.engine import local_engine
    from fisherprep.workfolder import WorkFolder

    _report(work, run(WorkFolder.open(work), local_engine(workers)), strict)


@main.command()
@_work_argument
@click.option("--labeler", type=click.Choice(["topic"]), help="topic: prompts from the topic table, without a model.")
@click.option("--model", metavar="NAME", help="Model that writes prompts through vLLM (not built yet).")
@_workers
@_strict
def label(work: Path, data_root: Path, labeler: str | None, model: str | None, workers: int, strict: bool) -> None:
    """Write persona prompts for both sides of every call of WORK.

    \b
    Example:
      fisherprep label data/fisher --labeler topic
    """
    if model:
        raise click.UsageError(
            "--model: labelling through a model is not available in this version; use --labeler topic"
        )
    if not labeler:
        raise click.UsageError("say who labels: --labeler topic")
    from fisherprep.engine import local_engine
    from fisherprep.label.label import label_topics
    from fisherprep.workfolder import WorkFolder

    _report(work, label_topics(WorkFolder.open(work), local_engine(workers)), strict)


@main.command()
@_work_argument
@_checkpoint
@click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1 ...  [default: cuda where there is one]")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes.  [default: 1 per core; 1 on cuda]")
@_strict
def encode(work: Path, data_root: Path, checkpoint: str, device: str | None, workers: int | None, strict: bool) -> None:
    """Encode both channels of every call with Mimi and lay the text on its frames.

    \b
    Example:
      fisherprep encode data/fisher --checkpoint nvidia/personaplex-7b-v1
    """
    from fisherprep.codec.encode import encode as run
    from fisherprep.engine import local_engine
    from fisherprep.workfolder import WorkFolder

    engine = local_engine(workers) if workers else None
    _report(work, run(WorkFolder.open(work), checkpoint, device, engine), strict)


@main.command()
@click.argument("manifest", type=click.Path(dir_okay=False, path_type=Path))
@_data_root
@click.option("--out", type=_FOLDER, help="Work folder to write.  [default: DATA_ROOT/ and the manifest's `tables`]")
@click.option("--dialogues", type=click.IntRange(min=1), help="How many dialogues.  [default: the manifest's]")
@click.option("--seed", type=int, help="Another seed gives other voices and timing.  [default: the manifest's]")
@_workers
@_strict
def synthesize(manifest: Path, data_root: Path, out: Path | None, dialogues: int | None, seed: int | None,
               workers: int, strict: bool) -> None:  # fmt: skip
    """Speak a domain's scripts: two-channel audio and all tables but the codes.

    \b
    Example:
      fisherprep synthesize manifests/coffee.yaml --out data/coffee
    """
    from fisherprep.engine import local_engine
    from fisherprep.speech.synthesize import synthesize as run

    domain: Manifest = load_manifest(manifest)
    target = out or data_root / domain.tables
    _report(target, run(domain, target, dialogues, seed, local_engine(workers)), strict)


def _number(_: click.Context, option: click.Parameter, value: float) -> float:
    """FloatRange lets NaN through; this does not."""
    if value != value:
        raise click.BadParameter("is not a number", param=option)
    return value


@main.command("demo-corpus")
@click.argument("directory", type=_FOLDER)
@click.option("--calls", type=click.IntRange(1, 11_699), default=16, show_default=True, help="Number of calls.")
@click.option("--seconds", type=click.FloatRange(5, 720), default=60.0, show_default=True, callback=_number,
              help="Length of a call.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed gives other calls.")
@_workers
def demo_corpus(directory: Path, calls: int, seconds: float, seed: int, workers: int) -> None:
    """Write a generated release of Fisher's shape, with exact word times beside it.

    \b
    Example:
      fisherprep demo-corpus demo/ldc --calls 16 --seconds 60 --seed 0
    """
    from fisherprep.demo.release import write_release
    from fisherprep.engine import local_engine

    summary = write_release(directory, calls, seconds, seed, local_engine(workers))
    _print_rows(f"demo release in {directory}", [(k, str(v)) for k, v in vars(summary).items()])


@main.command()
@_work_argument
def check(work: Path, data_root: Path) -> None:
    """Verify every invariant of the tables in WORK; exit status 1 if one does not hold.

    \b
    Example:
      fisherprep check data/fisher
    """
    from fisherprep.check import check_work
    from fisherprep.workfolder import WorkFolder

    report = check_work(WorkFolder.open(work))
    _print_rows(f"{work}: rows", [(table, f"{n:,}") for table, n in report.rows.items()])
    for finding in report.findings[:50]:
        click.echo(f"error: {finding}", err=True)
    if report.findings:
        raise click.ClickException(
            f"{work}: {len(report.findings)} violated invariants, {len(report.checks)} checks made"
        )
    click.echo(f"{work}: all {len(report.checks)} checks hold")


def _report(work: Path, summary: StageSummary, strict: bool) -> None:
    """Print a stage's counts; with ``strict``, rejects become exit status 1."""
    rows = [("shards", f"{summary.shards:,} ({summary.ran:,} done now, {summary.removed:,} removed)")]
    rows += [(f"{table} rows", f"{n:,}") for table, n in sorted(summary.rows.items())]
    rows += [(name, f"{value:,.4g}" if isinstance(value, float) else f"{value:,}")
             for name, value in sorted(summary.counters.items())]  # fmt: skip
    rows += [(f"rejected: {reason}", f"{n:,}") for reason, n in sorted(summary.rejects.items())]
    _print_rows(str(work), rows)
    if strict and summary.rejects:
        raise click.ClickException(
            f"{sum(summary.rejects.values())} rejects (--strict); for each place and reason see {work / 'rejects'}"
        )


def _print_rows(title: str, rows: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", title=Text(title), show_header=False, title_justify="left")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    Console().print(table)
