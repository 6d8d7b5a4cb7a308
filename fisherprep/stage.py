"""Running a stage: only the shards that are missing or out of date, each written whole, progress shown.

A stage is a frozen description plus a function ``process(payload, config) -> ShardResult`` without hidden state. What
is done is judged by fingerprints (stage version, schema version, configuration, inputs), not by a file being there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fisherprep.engine import Engine
from fisherprep.schema import REJECTS, SCHEMA_VERSION, TABLES
from fisherprep.workfolder import DoneRecord, WorkFolder, fingerprint, sha256_file

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass(frozen=True)
class Stage:
    """Name and version of a stage and the tables it writes. Raise ``version`` when the same inputs give other rows."""

    name: str
    version: int
    tables: tuple[str, ...]
    process: Callable[[Any, dict[str, Any]], ShardResult]
    retry_rejects: bool = False
    """Try shards with rejects again at every run: for stages whose rejects come from files outside the work folder."""
    settled: frozenset[str] = frozenset()
    """Reasons of rejects that come from the tables alone, which need no other try."""


@dataclass(frozen=True)
class Shard:
    """One unit of work: ``inputs`` (JSON-able) says what it depends on, ``payload`` is what ``process`` is given."""

    name: str
    inputs: Any
    payload: Any


Feed = Callable[[list[Shard], "Progress"], Generator[Shard, None, None]]
"""Yields the shards that are to be done as each becomes ready (what it waits for arrived); may show its own progress.
Shards that it keeps back are left as they are. It is closed when the stage ends, however that happens."""


@dataclass
class ShardResult:
    """What a shard function returns: rows by table, rejects, and counters to be summed over shards.

    ``files`` are further outputs that the function itself wrote whole, relative to WORK; they belong to the shard as
    its tables do: when a table changes, or a file goes missing or changes its size, the shard is done again.
    """

    rows: dict[str, list[dict[str, Any]]]
    rejects: list[dict[str, Any]] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class StageSummary:
    """Counts over all shards of a stage, whether done now or before."""

    shards: int
    ran: int
    removed: int
    counters: Counter[str]
    rows: Counter[str]
    rejects: Counter[str]


def reject(
    stage: str, call_id: str | None, reason: str, place: str, found: str, expected: str, fix: str
) -> dict[str, Any]:
    """A row of the rejects table."""
    return {
        "stage": stage, "call_id": call_id, "reason": reason,
        "place": place, "found": found, "expected": expected, "fix": fix,
    }  # fmt: skip


def _file_of(stage: str, table: str, shard: str) -> str:
    return f"rejects/{stage}-{shard}.parquet" if table == "rejects" else f"{table}/{shard}.parquet"


@dataclass(frozen=True)
class _Job:
    work: WorkFolder
    stage: Stage
    shard: Shard
    config: dict[str, Any]
    fingerprint: str


def _run_job(job: _Job) -> str:
    """Process one shard and write it: tables first, completion record last. Runs in a worker."""
    result = job.stage.process(job.shard.payload, job.config)
    job.work.forget_done(job.stage.name, job.shard.name)  # from here on the files are those of no record
    tables = {name: TABLES[name].from_rows(result.rows.get(name, [])) for name in job.stage.tables}
    if result.rejects:
        tables["rejects"] = REJECTS.from_rows(result.rejects)
    outputs = {}
    for name, table in tables.items():
        relative = _file_of(job.stage.name, name, job.shard.name)
        outputs[relative] = job.work.write_table(relative, table, row_group_size=TABLES[name].group_rows)
    for relative in result.files:
        file = job.work.path / relative
        outputs[relative] = {"sha256": sha256_file(file), "bytes": file.stat().st_size}
    if "rejects" not in tables:
        (job.work.path / _file_of(job.stage.name, "rejects", job.shard.name)).unlink(missing_ok=True)
    counters: dict[str, float] = dict(result.counters)
    counters.update({f"reject:{k}": v for k, v in Counter(r["reason"] for r in result.rejects).items()})
    job.work.write_done(job.stage.name, job.shard.name, DoneRecord(job.fingerprint, outputs, counters))
    return job.shard.name


def _at_once(shards: list[Shard], progress: Progress) -> Generator[Shard, None, None]:
    yield from shards


_WRITTEN_BY = {
    "conversations": "ingest", "turns": "ingest", "words": "align", "alignments": "align", "personas": "label",
    "codes": "encode", "voices": "encode",
}  # fmt: skip


def _outputs(work: WorkFolder) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What the completion records name: stage, file, and the file's hash and size."""
    for stage in sorted(p.name for p in (work.path / ".done").glob("*") if p.is_dir()):
        for record in work.done(stage).values():
            for file, out in record.outputs.items():
                yield stage, file, out


def _stage_to_run(work: WorkFolder, table: str) -> str:
    """The stage that writes a table of this folder: synthesize writes most of what encode reads, perhaps no words."""
    is_its_own = any(stage == "synthesize" and file.startswith(f"{table}/") for stage, file, _ in _outputs(work))
    return "synthesize" if is_its_own else _WRITTEN_BY[table]


def recorded_tables(work: WorkFolder) -> set[str]:
    """The tables that completion records name: of a folder that was copied without records, none."""
    return {file.split("/")[0] for _, file, _ in _outputs(work)} & TABLES.keys()


def upstream(work: WorkFolder, *tables: str, unread: Container[str] = ()) -> dict[str, dict[str, str]]:
    """For each shard that has all of ``tables``: the hashes of their files, to be used as a stage's inputs.

    Args:
        work: a folder with completion records.
        tables: those that must all have the same shards.
        unread: of these the shards count alone; their files may be elsewhere.

    Raises:
        ValueError: one of the tables has not been written yet, lacks shards that the others have, or has a file that is
            not byte for byte what its stage wrote.
    """
    written = {file: (stage, out) for stage, file, out in _outputs(work) if file.split("/")[0] in tables}
    hashes: dict[str, dict[str, str]] = {table: {} for table in tables}
    for file, (_, out) in written.items():
        table, name = file.split("/")
        hashes[table][name.removesuffix(".parquet")] = out["sha256"]
    every = set().union(*(set(h) for h in hashes.values()))
    for table in tables:
        if lacking := every - set(hashes[table]):
            later = (
                ", then the later stages again" if table == tables[0] else ""
            )  # they may have what is planned no more
            raise ValueError(
                f"{work.path}: the {table} table lacks {len(lacking)} of {len(every)} shards (first: {min(lacking)}); "
                f"run `fisherprep {_stage_to_run(work, table)}` first{later}"
            )
    if not every:
        raise ValueError(f"{work.path}: no {tables[0]} table yet; run `fisherprep {_WRITTEN_BY[tables[0]]}` first")
    read = {file: out for file, (_, out) in written.items() if file.split("/")[0] not in unread}
    if changed := work.changed(read):
        stage = written[changed[0]][0]
        raise ValueError(
            f"{work.path / changed[0]}: is not what `{stage}` wrote ({len(changed)} such of {len(read)} files): "
            f"deleted, damaged, or changed by hand; run `fisherprep {stage}` again as before, which makes these anew"
        )
    return {shard: {table: hashes[table][shard] for table in tables} for shard in sorted(every)}


def run_stage(
    work: WorkFolder,
    stage: Stage,
    shards: Iterable[Shard],
    config: dict[str, Any],
    engine: Engine,
    feed: Feed = _at_once,
) -> StageSummary:
    """Bring a stage up to date and return its counts.

    Outputs of shards that are no longer planned are removed, so that the tables hold what the inputs hold.
    """
    _refuse_foreign_tables(work, stage)
    planned = {shard.name: shard for shard in shards}
    done = work.done(stage.name)
    marks = {
        name: fingerprint([stage.name, stage.version, SCHEMA_VERSION, config, shard.inputs])
        for name, shard in planned.items()
    }
    kept = _up_to_date(
        work, stage, {name: record for name, record in done.items() if record.fingerprint == marks.get(name)}
    )
    jobs = [_Job(work, stage, shard, config, marks[name]) for name, shard in planned.items() if name not in kept]
    removed = [name for name in done if name not in planned]
    for name in removed:
        _remove(work, stage, name)
    ran = _run_jobs(stage, jobs, engine, feed, already=len(planned) - len(jobs))
    return _summary(work, stage, ran=ran, removed=len(removed))


def _refuse_foreign_tables(work: WorkFolder, stage: Stage) -> None:
    for writer, file, _ in _outputs(work):
        if writer != stage.name and file.split("/")[0] in stage.tables:
            raise ValueError(
                f"{work.path / file}: the {file.split('/')[0]} table of this folder was written by `{writer}`, "
                f"so there is nothing for `{stage.name}` to do; go on with the next stage"
            )


def _up_to_date(work: WorkFolder, stage: Stage, records: dict[str, DoneRecord]) -> set[str]:
    """The shards whose outputs are as written, and need no other try."""
    changed = set(work.changed({file: out for record in records.values() for file, out in record.outputs.items()}))
    return {
        shard
        for shard, record in records.items()
        if changed.isdisjoint(record.outputs) and not (stage.retry_rejects and _open_rejects(stage, record))
    }


def _open_rejects(stage: Stage, record: DoneRecord) -> set[str]:
    names = {name.removeprefix("reject:") for name in record.counters if name.startswith("reject:")}
    return names - stage.settled


def _remove(work: WorkFolder, stage: Stage, shard: str) -> None:
    work.forget_done(stage.name, shard)
    for table in (*stage.tables, "rejects"):
        (work.path / _file_of(stage.name, table, shard)).unlink(missing_ok=True)


def _run_jobs(stage: Stage, jobs: list[_Job], engine: Engine, feed: Feed, already: int) -> int:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    job_of = {job.shard.name: job for job in jobs}
    ran = 0
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(stage.name, total=already + len(jobs), completed=already, unit="shards")
        with closing(feed([job.shard for job in jobs], progress)) as ready:
            for _ in engine.map(_run_job, (job_of[shard.name] for shard in ready)):
                progress.advance(task)
                ran += 1
    return ran


def _summary(work: WorkFolder, stage: Stage, ran: int, removed: int) -> StageSummary:
    counters: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    records = work.done(stage.name)
    for record in records.values():
        counters.update(record.counters)
        for file, out in record.outputs.items():
            if "rows" in out:
                rows[file.split("/")[0]] += out["rows"]
    rejects = Counter({k.removeprefix("reject:"): int(v) for k, v in counters.items() if k.startswith("reject:")})
    plain = Counter({k: v for k, v in counters.items() if not k.startswith("reject:")})
    return StageSummary(len(records), ran, removed, plain, rows, rejects)
