"""Every invariant of a work folder's tables, verified shard by shard.

Each check is a function over one shard's tables that yields what it found wrong; ``check_work`` runs them all, then the
checks that need the whole corpus (unique ids, speaker-disjoint splits).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd
import pyarrow.compute as pc

from fisherprep.check.calls import CHECKS as CALL_CHECKS
from fisherprep.check.codes import CHECKS as CODE_CHECKS
from fisherprep.check.shard import Shard
from fisherprep.check.text import CHECKS as TEXT_CHECKS
from fisherprep.check.words import CHECKS as WORD_CHECKS
from fisherprep.schema import SIDES, TABLES
from fisherprep.workfolder import WorkFolder, sha256_file

_SHARD_CHECKS = (*CALL_CHECKS, *WORD_CHECKS, *CODE_CHECKS, *TEXT_CHECKS)


@dataclass
class CheckReport:
    """What was checked and what was found; ``findings`` is empty when every invariant holds."""

    rows: Counter[str] = field(default_factory=Counter)
    checks: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def check_work(work: WorkFolder) -> CheckReport:
    """Verify the tables of a work folder; a file that cannot be read is a finding as well."""
    report = CheckReport()
    report.findings += _files_match_records(work)
    report.checks += ["files equal their completion records", *(c.__name__ for c in _SHARD_CHECKS)]
    calls: list[pd.DataFrame] = []
    all_read = True
    for name in sorted({file.stem for table in TABLES if table != "rejects" for file in work.files(table)}):
        shard = _read(work, name, report)
        if shard is None:
            all_read = False
            continue
        report.rows.update({table: rows.num_rows for table, rows in shard.tables.items()})
        calls.append(shard.frame("conversations", "call_id", "split", "speaker_a", "speaker_b"))
        for check in _SHARD_CHECKS:
            report.findings += [f"{name}: {check.__name__}: {found}" for found in check(shard)]
    every = pd.concat(calls) if calls else pd.DataFrame(columns=["call_id", "split", "speaker_a", "speaker_b"])
    if every.empty:
        report.findings.append("conversations: no rows at all")
    report.findings += [*_ids_are_unique(every), *_splits_are_disjoint_by_speaker(every)]
    report.checks += ["ids are unique", "splits are disjoint by speaker", "no call is lost between tables"]
    if all_read:
        report.findings += _no_call_is_lost(work, set(every["call_id"]))
    return report


def _read(work: WorkFolder, name: str, report: CheckReport) -> Shard | None:
    tables = {}
    for table in TABLES:
        if table == "rejects":
            continue
        try:
            tables[table] = work.read(table, name)
        except ValueError as err:
            report.findings.append(str(err))
            return None
    return Shard(name, tables)


def _files_match_records(work: WorkFolder) -> Iterator[str]:
    recorded: set[str] = set()
    for stage in sorted(p.name for p in (work.path / ".done").glob("*") if p.is_dir()):
        for record in work.done(stage).values():
            for relative, out in record.outputs.items():
                recorded.add(relative)
                file = work.path / relative
                if not file.is_file():
                    yield f"{file}: missing, though stage {stage} recorded it; run the stage again"
                elif sha256_file(file) != out["sha256"]:
                    yield f"{file}: content differs from what stage {stage} wrote; delete it and run the stage again"
    for table in TABLES:
        for file in work.files(table):
            if f"{table}/{file.name}" not in recorded:
                yield f"{file}: no stage recorded this file; remove it, or run its stage again"


def _no_call_is_lost(work: WorkFolder, calls: set[str]) -> Iterator[str]:
    """Once a stage has run, every call with words is in its table or in rejects."""
    spoken = _calls_with_words(work) & calls
    rejected = set(work.read("rejects", columns=["call_id"])["call_id"].to_pylist())
    for table in ("words", "personas", "codes"):
        if not work.files(table):
            continue
        expected = calls if table == "personas" else spoken
        found = set(work.read(table, columns=["call_id"])["call_id"].to_pylist())
        for call_id in sorted(expected - found - rejected)[:20]:
            yield f"{table}: call {call_id} is missing, and no reject says why; run the stage again"


def _calls_with_words(work: WorkFolder) -> set[str]:
    turns = work.read("turns", columns=["call_id", "words"])
    lengths = pc.list_value_length(turns["words"])
    return set(turns.filter(pc.greater(lengths, 0))["call_id"].to_pylist())


def _ids_are_unique(calls: pd.DataFrame) -> Iterator[str]:
    for call_id in calls["call_id"][calls["call_id"].duplicated()]:
        yield f"conversations: call {call_id} appears more than once"


def _splits_are_disjoint_by_speaker(calls: pd.DataFrame) -> Iterator[str]:
    used = calls[calls["split"] != "excluded"]
    sides = pd.concat([used[["split", f"speaker_{side}"]].set_axis(["split", "speaker"], axis=1) for side in SIDES])
    splits = sides.dropna().groupby("speaker")["split"].unique()
    for speaker, names in splits.items():
        if len(names) > 1:
            yield f"conversations: speaker {speaker} is in the splits {sorted(names)}"
