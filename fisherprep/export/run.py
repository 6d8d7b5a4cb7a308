"""Export a work folder: shard by shard through the stage runner, then the index files, then what is no longer
needed."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fisherprep.engine import Engine
from fisherprep.export import AGENT_SIDES, FORMATS, SPLITS, j_moshi, lhotse, moshi_finetune
from fisherprep.export.calls import Choice
from fisherprep.export.folder import Payload, drop_indexes, open_folder, sweep, write_indexes
from fisherprep.ldc import SOURCE, is_ldc
from fisherprep.stage import Shard, Stage, StageSummary, run_stage, upstream
from fisherprep.workfolder import WorkFolder

if TYPE_CHECKING:
    from rich.progress import Progress

_FORMATS = dict(zip(FORMATS, (moshi_finetune, j_moshi, lhotse), strict=True))
LDC_WARNING = (
    "This export holds what is derived from LDC data: its licence is theirs. Keep it where only people with a licence "
    "can get it, and never put it on a public hub."
)


def export(
    work: WorkFolder, format_name: str, out: Path, choice: Choice, engine: Engine
) -> tuple[StageSummary, WorkFolder, bool]:
    """Bring an export up to date.

    Args:
        work: the work folder.
        format_name: one of ``FORMATS``.
        out: a new folder, or one of the same format and work folder.
        choice: which calls, and who is their agent.
        engine: where shards run.

    Returns:
        Counts over all shards; the export's folder; whether it holds what is derived from LDC data.

    Raises:
        ValueError: a table that the format needs is missing, the choice is none, or ``out`` holds something else.
    """
    if format_name not in FORMATS:
        raise ValueError(f"format {format_name!r}: expected one of {', '.join(FORMATS)}")
    if choice.agent_side not in AGENT_SIDES or not choice.splits or not set(choice.splits) <= set(SPLITS):
        raise ValueError(f"{choice}: expected splits of {', '.join(SPLITS)} and a side of {', '.join(AGENT_SIDES)}")
    made = _FORMATS[format_name]
    inputs = upstream(work, *made.TABLES)
    folder = open_folder(out, work, format_name)
    with folder.lock("export"):
        shards = [Shard(name, hashes, Payload(work, folder, name)) for name, hashes in inputs.items()]
        stage = Stage("export", made.VERSION, (), made.write_shard, retry_rejects=True, settled=made.SETTLED)
        gone = bool(folder.done(stage.name).keys() - inputs.keys())

        def without_indexes(waiting: list[Shard], progress: Progress) -> Generator[Shard, None, None]:
            if waiting or gone:  # from here on an index could name files that are about to change
                drop_indexes(folder, made.INDEXES)
            yield from waiting

        config = {"format": format_name, "choice": asdict(choice)}
        summary = run_stage(work=folder, stage=stage, shards=shards, config=config, engine=engine, feed=without_indexes)
        summary.counters[made.COUNTED] += 0  # none at all is said too
        indexes = write_indexes(folder, partial(made.index_line, folder))
        sweep(folder, made.FOLDERS, made.INDEXES, indexes)
        holds_ldc = _holds_ldc(work, inputs)
        _write_readme(folder, work.name, made.README, holds_ldc)
    return summary, folder, holds_ldc


def _holds_ldc(work: WorkFolder, shards: dict[str, dict[str, str]]) -> bool:
    return any(is_ldc(row) for shard in shards for row in work.read("conversations", shard, SOURCE).to_pylist())


def _write_readme(folder: WorkFolder, dataset: str, text: str, holds_ldc: bool) -> None:
    told = text.replace("{dataset}", dataset).replace("{out}", str(folder.path)).strip()
    duties = f"\n\n## Duties\n\n**{LDC_WARNING}**" if holds_ldc else ""
    folder.write_text("README.md", f"{told}{duties}\n")
