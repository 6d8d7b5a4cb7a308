"""Invariants of one shard's calls, turns and personas, and of what all tables share."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fisherprep.check.shard import TOLERANCE_S, Check, Shard
from fisherprep.flags import FLAGS
from fisherprep.schema import SIDES, SPLITS
from fisherprep.workfolder import shard_of


def calls_belong_to_the_shard(shard: Shard) -> Iterator[str]:
    known = set(shard.durations())
    for call_id in known:
        if shard_of(call_id) != shard.name:
            yield f"call {call_id} belongs to shard {shard_of(call_id)}"
    for table in ("turns", "words", "alignments", "personas", "voices", "codes"):
        for call_id in sorted(set(shard.tables[table]["call_id"].to_pylist()) - known):
            yield f"{table}: call {call_id} is not in conversations"


def durations_match_samples(shard: Shard) -> Iterator[str]:
    calls = shard.frame("conversations", "call_id", "num_samples", "sample_rate_hz", "duration_s")
    for row in calls.itertuples():
        if row.sample_rate_hz <= 0 or abs(row.num_samples / row.sample_rate_hz - row.duration_s) > TOLERANCE_S:
            yield f"call {row.call_id}: {row.num_samples} samples at {row.sample_rate_hz} Hz are not {row.duration_s} s"


def values_are_known(shard: Shard) -> Iterator[str]:
    for table in ("turns", "words", "alignments", "personas", "voices"):
        if odd := set(shard.tables[table]["side"].to_pylist()) - set(SIDES):
            yield f"{table}: side {sorted(odd)}, expected {SIDES}"
    for table in ("conversations", "codes"):
        if odd := set(shard.tables[table]["split"].to_pylist()) - set(SPLITS):
            yield f"{table}: split {sorted(odd)}, expected {SPLITS}"
    for table in ("conversations", "turns", "alignments"):
        if odd := {f for flags in shard.tables[table]["flags"].to_pylist() for f in flags or ()} - set(FLAGS):
            yield f"{table}: flag {sorted(odd)} is not declared in fisherprep/flags.py"


def times_are_inside_the_audio(shard: Shard) -> Iterator[str]:
    durations = shard.durations()
    for table in ("turns", "words", "voices"):
        rows = shard.frame(table, "call_id", "side", "start_s", "end_s")
        ends = rows["call_id"].map(durations).astype(float).fillna(math.inf)
        bad = ~((rows["start_s"] >= 0) & (rows["start_s"] < rows["end_s"]) & (rows["end_s"] <= ends + TOLERANCE_S))
        for row in rows[bad].head(5).itertuples():
            where = f"{table}: call {row.call_id} side {row.side}"
            yield f"{where}: {row.start_s} to {row.end_s} s of {durations.get(row.call_id)} s"


def turns_are_numbered_by_start(shard: Shard) -> Iterator[str]:
    for call_id, turns in shard.frame("turns", "call_id", "turn", "start_s").groupby("call_id", sort=False):
        if turns["turn"].tolist() != list(range(len(turns))):
            yield f"turns: call {call_id}: numbers are not 0 to {len(turns) - 1} in order"
        elif not turns["start_s"].is_monotonic_increasing:
            yield f"turns: call {call_id}: starts are out of order"


def personas_are_whole(shard: Shard) -> Iterator[str]:
    personas = shard.frame("personas", "call_id", "side", "prompts")
    for call_id, rows in personas.groupby("call_id"):
        if sorted(rows["side"]) != list(SIDES):
            yield f"personas: call {call_id}: sides {sorted(rows['side'])}, expected one row each of {SIDES}"
    for row in personas.itertuples():
        if any(not prompt or not prompt.strip() for prompt in row.prompts):
            yield f"personas: call {row.call_id} side {row.side}: an empty prompt"


def rows_are_unique(shard: Shard) -> Iterator[str]:
    for table, key in (("codes", ["call_id"]), ("personas", ["call_id", "side"]), ("alignments", ["call_id", "side"])):
        rows = shard.frame(table, *key)
        for row in rows[rows.duplicated()].itertuples(index=False, name=None):
            yield f"{table}: {' side '.join(row)} appears more than once"


CHECKS: tuple[Check, ...] = (
    calls_belong_to_the_shard,
    durations_match_samples,
    values_are_known,
    times_are_inside_the_audio,
    turns_are_numbered_by_start,
    personas_are_whole,
    rows_are_unique,
)
