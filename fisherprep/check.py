"""Every invariant of a work folder's tables, verified shard by shard.

Each check is a function over one shard's tables that yields what it found wrong; ``check_work`` runs them all, then the
checks that need the whole corpus (unique ids, speaker-disjoint splits).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fisherprep.flags import FLAGS
from fisherprep.schema import (
    CODEBOOK_SIZE,
    FRAME_RATE_HZ,
    MASKED,
    NUM_CODEBOOKS,
    SIDES,
    SPLITS,
    TABLES,
    TEXT_EPAD,
    TEXT_PAD,
)
from fisherprep.workfolder import WorkFolder, sha256_file, shard_of

_TOLERANCE_S = 1e-6


@dataclass
class CheckReport:
    """What was checked and what was found; ``findings`` is empty when every invariant holds."""

    rows: Counter[str] = field(default_factory=Counter)
    checks: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Shard:
    name: str
    tables: dict[str, pa.Table]

    def frame(self, table: str, *columns: str) -> pd.DataFrame:
        return self.tables[table].select(list(columns)).to_pandas()

    def durations(self) -> dict[str, float]:
        calls = self.tables["conversations"]
        return dict(zip(calls["call_id"].to_pylist(), calls["duration_s"].to_pylist(), strict=True))


Check = Callable[[_Shard], Iterator[str]]


def check_work(work: WorkFolder) -> CheckReport:
    """Verify the tables of a work folder; a file that cannot be read is a finding as well."""
    report = CheckReport()
    report.findings += _files_match_records(work)
    report.checks += ["files equal their completion records", *(c.__name__.strip("_") for c in _SHARD_CHECKS)]
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
            report.findings += [f"{name}: {check.__name__.strip('_')}: {found}" for found in check(shard)]
    every = pd.concat(calls) if calls else pd.DataFrame(columns=["call_id", "split", "speaker_a", "speaker_b"])
    if every.empty:
        report.findings.append("conversations: no rows at all")
    report.findings += [*_ids_are_unique(every), *_splits_are_disjoint_by_speaker(every)]
    report.checks += ["ids are unique", "splits are disjoint by speaker", "no call is lost between tables"]
    if all_read:
        report.findings += _no_call_is_lost(work, set(every["call_id"]))
    return report


def _read(work: WorkFolder, name: str, report: CheckReport) -> _Shard | None:
    tables = {}
    for table in TABLES:
        if table == "rejects":
            continue
        try:
            tables[table] = work.read(table, name)
        except ValueError as err:
            report.findings.append(str(err))
            return None
    return _Shard(name, tables)


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


def _calls_belong_to_the_shard(shard: _Shard) -> Iterator[str]:
    known = set(shard.durations())
    for call_id in known:
        if shard_of(call_id) != shard.name:
            yield f"call {call_id} belongs to shard {shard_of(call_id)}"
    for table in ("turns", "words", "personas", "voices", "codes"):
        for call_id in sorted(set(shard.tables[table]["call_id"].to_pylist()) - known):
            yield f"{table}: call {call_id} is not in conversations"


def _durations_match_samples(shard: _Shard) -> Iterator[str]:
    calls = shard.frame("conversations", "call_id", "num_samples", "sample_rate_hz", "duration_s")
    for row in calls.itertuples():
        if row.sample_rate_hz <= 0 or abs(row.num_samples / row.sample_rate_hz - row.duration_s) > _TOLERANCE_S:
            yield f"call {row.call_id}: {row.num_samples} samples at {row.sample_rate_hz} Hz are not {row.duration_s} s"


def _values_are_known(shard: _Shard) -> Iterator[str]:
    for table in ("turns", "words", "personas", "voices"):
        if odd := set(shard.tables[table]["side"].to_pylist()) - set(SIDES):
            yield f"{table}: side {sorted(odd)}, expected {SIDES}"
    for table in ("conversations", "codes"):
        if odd := set(shard.tables[table]["split"].to_pylist()) - set(SPLITS):
            yield f"{table}: split {sorted(odd)}, expected {SPLITS}"
    for table in ("conversations", "turns"):
        if odd := {f for flags in shard.tables[table]["flags"].to_pylist() for f in flags or ()} - set(FLAGS):
            yield f"{table}: flag {sorted(odd)} is not declared in fisherprep/flags.py"


def _times_are_inside_the_audio(shard: _Shard) -> Iterator[str]:
    durations = shard.durations()
    for table in ("turns", "words", "voices"):
        rows = shard.frame(table, "call_id", "side", "start_s", "end_s")
        ends = rows["call_id"].map(durations).astype(float).fillna(math.inf)
        bad = ~((rows["start_s"] >= 0) & (rows["start_s"] < rows["end_s"]) & (rows["end_s"] <= ends + _TOLERANCE_S))
        for row in rows[bad].head(5).itertuples():
            where = f"{table}: call {row.call_id} side {row.side}"
            yield f"{where}: {row.start_s} to {row.end_s} s of {durations.get(row.call_id)} s"


def _turns_are_numbered_by_start(shard: _Shard) -> Iterator[str]:
    for call_id, turns in shard.frame("turns", "call_id", "turn", "start_s").groupby("call_id", sort=False):
        if turns["turn"].tolist() != list(range(len(turns))):
            yield f"turns: call {call_id}: numbers are not 0 to {len(turns) - 1} in order"
        elif not turns["start_s"].is_monotonic_increasing:
            yield f"turns: call {call_id}: starts are out of order"


def _words_are_those_of_their_turns(shard: _Shard) -> Iterator[str]:
    """Calls that have words at all must have every word of every turn, once, in order, on its side."""
    words = shard.frame("words", "call_id", "side", "turn", "index", "word", "start_s").groupby(["call_id", "turn"])
    found = {key: (rows["side"].iloc[0], rows) for key, rows in words}
    aligned = {call_id for call_id, _ in found}
    for turn in shard.frame("turns", "call_id", "turn", "side", "words").itertuples():
        if turn.call_id not in aligned:
            continue
        side, rows = found.pop((turn.call_id, turn.turn), (turn.side, None))
        given = [] if rows is None else rows["word"].tolist()
        where = f"words: call {turn.call_id} turn {turn.turn}"
        if given != list(turn.words):
            yield f"{where}: {given[:6]} differ from the turn's words {list(turn.words)[:6]}"
        elif rows is not None and (side != turn.side or rows["index"].tolist() != list(range(len(given)))):
            yield f"{where}: side or index differs from the turn's"
        elif rows is not None and not rows["start_s"].is_monotonic_increasing:
            yield f"{where}: starts go backwards"
    for call_id, turn in found:
        yield f"words: call {call_id} turn {turn}: no such turn"


def _personas_are_whole(shard: _Shard) -> Iterator[str]:
    personas = shard.frame("personas", "call_id", "side", "prompts")
    for call_id, rows in personas.groupby("call_id"):
        if sorted(rows["side"]) != list(SIDES):
            yield f"personas: call {call_id}: sides {sorted(rows['side'])}, expected one row each of {SIDES}"
    for row in personas.itertuples():
        if any(not prompt or not prompt.strip() for prompt in row.prompts):
            yield f"personas: call {row.call_id} side {row.side}: an empty prompt"


def _codes_are_rectangular(shard: _Shard) -> Iterator[str]:
    """Same T in all rows of a call, T from the audio's length, every code and token a valid id."""
    durations = shard.durations()
    for row in shard.tables["codes"].to_pylist() if shard.tables["codes"].num_rows else ():
        call_id, frames = row["call_id"], row["num_frames"]
        where = f"codes: call {call_id}"
        expected = math.ceil(round(durations.get(call_id, 0) * FRAME_RATE_HZ, 6))
        if frames != expected:
            yield f"{where}: num_frames {frames}, but the audio makes {expected}"
        for side in SIDES:
            lengths = {len(codebook) for codebook in row[f"codes_{side}"]} | {len(row[f"text_{side}"])}
            if lengths != {frames} or len(row[f"codes_{side}"]) != NUM_CODEBOOKS:
                yield f"{where} side {side}: rows of {sorted(lengths)} frames, expected {NUM_CODEBOOKS} of {frames}"
                continue
            if frames and np.min(row[f"codes_{side}"]) < 0:
                yield f"{where} side {side}: a code below 0"
            if frames and np.max(row[f"codes_{side}"]) >= CODEBOOK_SIZE:
                yield f"{where} side {side}: a code above {CODEBOOK_SIZE - 1}"
            yield from _text_row(np.asarray(row[f"text_{side}"]), f"{where} side {side}")
        if any(not 0 <= start < frames for start in row["starts"]) or any(a >= b for a, b in pairwise(row["starts"])):
            yield f"{where}: starts are not increasing frames of the call"


def _text_row(text: np.ndarray, where: str) -> Iterator[str]:
    if text.size and text.min() < MASKED:
        yield f"{where}: a text token below {MASKED}"
    following = np.append(text[1:], TEXT_PAD)
    stray = np.flatnonzero((text == TEXT_EPAD) & np.isin(following, (TEXT_PAD, TEXT_EPAD, MASKED)))
    if stray.size:
        yield f"{where}: EPAD at frame {stray[0]} is not directly before a word"


def _codes_agree_with_conversations(shard: _Shard) -> Iterator[str]:
    if shard.tables["codes"].num_rows == 0:
        return
    columns = ("call_id", "split", "speaker_a", "speaker_b")
    calls = {row[0]: row for row in shard.frame("conversations", *columns).itertuples(index=False, name=None)}
    for row in shard.frame("codes", *columns).itertuples(index=False, name=None):
        call_id = row[0]
        if call_id in calls and row != calls[call_id]:
            yield f"codes: call {call_id}: split or speakers differ from conversations; run encode again"


def _prompts_are_those_of_personas(shard: _Shard) -> Iterator[str]:
    prompts = {
        (row["call_id"], row["side"]): row["prompts"]
        for row in shard.tables["personas"].select(["call_id", "side", "prompts"]).to_pylist()
    }
    for row in shard.tables["codes"].select(["call_id", "prompts_a", "prompts_b"]).to_pylist():
        for side in SIDES:
            if row[f"prompts_{side}"] != prompts.get((row["call_id"], side)):
                yield f"codes: call {row['call_id']} side {side}: prompts differ from personas; run encode again"


def _rows_are_unique(shard: _Shard) -> Iterator[str]:
    for table, key in (("codes", ["call_id"]), ("personas", ["call_id", "side"])):
        rows = shard.frame(table, *key)
        for row in rows[rows.duplicated()].itertuples(index=False, name=None):
            yield f"{table}: {' side '.join(row)} appears more than once"


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


_SHARD_CHECKS: tuple[Check, ...] = (
    _calls_belong_to_the_shard,
    _durations_match_samples,
    _values_are_known,
    _times_are_inside_the_audio,
    _turns_are_numbered_by_start,
    _words_are_those_of_their_turns,
    _personas_are_whole,
    _codes_are_rectangular,
    _codes_agree_with_conversations,
    _prompts_are_those_of_personas,
    _rows_are_unique,
)
