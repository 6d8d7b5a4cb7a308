"""The ingest stage: a Fisher release on disk becomes the conversations and turns tables, and a report.

First a plan is made of all calls (files, tables, splits), then shards of ten calls are done, each file read once. A
call that cannot be used (no audio, no transcript, unreadable, not one turn) leaves a row in rejects and none in
conversations. What belongs to no call (tables, walk) is written under the name ``ingest-release``.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from fisherprep.corpus.call import CallFiles, Options, ingest_call
from fisherprep.corpus.errata import load_errata
from fisherprep.corpus.layout import Release, scan
from fisherprep.corpus.plan import Plan, make_plan
from fisherprep.corpus.problems import STAGE
from fisherprep.corpus.report import write_report
from fisherprep.corpus.tables import read_tables
from fisherprep.engine import Engine
from fisherprep.manifest import SplitRule
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, run_stage
from fisherprep.workfolder import WorkFolder, shard_of

DEFAULT_OPTIONS = Options()


def ingest(
    roots: list[Path], out: Path, split: SplitRule, name: str, engine: Engine, options: Options = DEFAULT_OPTIONS
) -> StageSummary:
    """Bring the conversations and turns tables of a work folder up to date with a release, and write the report.

    Args:
        roots: one or more folders that together hold audio, transcripts and tables, in any layout.
        out: the work folder, made when missing.
        split: shares of calls to hold out; no speaker is in two splits.
        name: name of the dataset.
        engine: where shards are done.
        options: how strictly files are read.

    Returns:
        Counts of all shards: ``audio_s``, calls by part, transcriber and split, turns, words, flags, errata, rejects by
        reason.

    Raises:
        ValueError: the roots hold no release, or the work folder is another dataset's, of another version or in use.
    """
    release = scan(roots)
    plan = make_plan(release, read_tables(release), split, name)
    work = WorkFolder.create(out, name, [str(root) for root in release.roots])
    return run_ingest(work, CALLS, _shards(plan, release, options), vars(options), plan.release_notes, engine)


def run_ingest(
    work: WorkFolder,
    stage: Stage,
    shards: list[Shard],
    config: dict[str, Any],
    release_notes: list[dict[str, Any]],
    engine: Engine,
) -> StageSummary:
    """Run a stage that ingests calls, write what belongs to no call into rejects, and write the report."""
    with work.lock(STAGE):
        summary = run_stage(work, stage, shards, config, engine)
        if release_notes or work.done(RELEASE.name):
            notes = [Shard("notes", release_notes, release_notes)] if release_notes else []
            summary = _together(summary, run_stage(work, RELEASE, notes, {}, engine))
        write_report(work, summary)
    return summary


def _shards(plan: Plan, release: Release, options: Options) -> list[Shard]:
    """Shards of all calls that are planned or noted. Times of change are in the inputs alone, never in a table."""
    ids: dict[str, list[str]] = defaultdict(list)
    for call_id in sorted(plan.calls.keys() | plan.call_notes.keys()):
        ids[shard_of(call_id)].append(call_id)
    errata = load_errata() if options.errata else {}
    shards = []
    for shard, members in ids.items():
        planned = [c for c in members if c in plan.calls]
        notes = [note for c in members for note in plan.call_notes.get(c, [])]
        rows = [plan.calls[c] for c in planned]
        files = [_call_files(release, c) for c in planned]
        known = [erratum.mark for c in planned for erratum in errata.get(c, ())]
        inputs = [rows, [call.mark for call in files], notes, known]
        shards.append(Shard(shard, inputs, {"rows": rows, "files": files, "notes": notes}))
    return shards


def _call_files(release: Release, call_id: str) -> CallFiles:
    audio = [release.audio[call_id], *release.spare_audio[call_id]]
    return CallFiles(audio, [release.transcripts[call_id], *release.spare_transcripts[call_id]])


def _together(calls: StageSummary, release: StageSummary) -> StageSummary:
    return StageSummary(
        shards=calls.shards,
        ran=calls.ran,
        removed=calls.removed,
        counters=calls.counters,
        rows=calls.rows + release.rows,
        rejects=calls.rejects + release.rejects,
    )


def process(payload: dict[str, Any], config: dict[str, Any]) -> ShardResult:
    """Read the files of a shard's calls: rows of conversations and turns, and rejects."""
    result = ShardResult({"conversations": [], "turns": []}, list(payload["notes"]))
    for row, files in zip(payload["rows"], payload["files"], strict=True):
        ingest_call(row, files, Options(**config), result)
    return result


CALLS = Stage(STAGE, 3, ("conversations", "turns"), process)


def _process_notes(payload: list[dict[str, Any]], config: dict[str, Any]) -> ShardResult:
    return ShardResult({}, payload)


RELEASE = Stage(f"{STAGE}-release", 1, (), _process_notes)
