"""Invariants of one shard's words and of how well they were found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fisherprep.check.shard import TOLERANCE_S, Check, Shard
from fisherprep.schema import SIDES, UNKNOWN_WHY

POORLY_ALIGNED = "poorly_aligned"


def words_are_those_of_their_turns(shard: Shard) -> Iterator[str]:
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


def alignments_are_whole(shard: Shard) -> Iterator[str]:
    """Calls that have words have a row for each side, which counts its words."""
    counted = shard.frame("words", "call_id", "side").value_counts().to_dict()
    rows = shard.frame("alignments", "call_id", "side", "num_words")
    sides = rows.groupby("call_id")["side"].agg(sorted).to_dict()
    for call_id in sorted({call_id for call_id, _ in counted} | set(sides)):
        if sides.get(call_id, []) != list(SIDES):
            yield f"alignments: call {call_id}: sides {sides.get(call_id, [])}, expected one row each of {list(SIDES)}"
    for row in rows.itertuples():
        if row.num_words != (found := counted.get((row.call_id, row.side), 0)):
            yield f"alignments: call {row.call_id} side {row.side}: num_words {row.num_words}, but it has {found} words"


def unknown_spans_are_in_order(shard: Shard) -> Iterator[str]:
    """Inside the call, none reaching into the next, each for a known reason."""
    durations = shard.durations()
    for row in shard.tables["alignments"].select(["call_id", "side", "unknown"]).to_pylist():
        where = f"alignments: call {row['call_id']} side {row['side']}"
        end_s = 0.0
        for span in row["unknown"]:
            times = f"unknown from {span['start_s']} to {span['end_s']} s"
            if span["why"] not in UNKNOWN_WHY:
                yield f"{where}: {times}: why is {span['why']!r}, expected one of {UNKNOWN_WHY}"
            if not end_s <= span["start_s"] < span["end_s"]:
                yield f"{where}: {times} is out of order, after one that ends at {end_s} s"
            if span["end_s"] > durations.get(row["call_id"], span["end_s"]) + TOLERANCE_S:
                yield f"{where}: {times}, but the call is {durations[row['call_id']]} s long"
            end_s = max(end_s, span["end_s"])


def words_are_kept_or_left_out_whole(shard: Shard) -> Iterator[str]:
    """A word lies in unknown spans from its start to its end, or touches none of them."""
    own = dict(
        list(shard.frame("words", "call_id", "side", "turn", "word", "start_s", "end_s").groupby(["call_id", "side"]))
    )
    for row in shard.tables["alignments"].select(["call_id", "side", "unknown"]).to_pylist():
        words = own.get((row["call_id"], row["side"]))
        if words is None or not row["unknown"]:
            continue
        covered = np.zeros(len(words))
        for span in row["unknown"]:
            shared = np.minimum(words["end_s"], span["end_s"]) - np.maximum(words["start_s"], span["start_s"])
            covered += np.maximum(shared.to_numpy(), 0.0)
        partly = (covered > TOLERANCE_S) & (covered < (words["end_s"] - words["start_s"]).to_numpy() - TOLERANCE_S)
        for word in words[partly].head(5).itertuples():
            times = f"{word.start_s} to {word.end_s} s"
            yield f"words: call {row['call_id']} turn {word.turn}: {word.word!r}, {times}, is partly in an unknown span"


def sides_that_are_poorly_aligned_keep_no_word(shard: Shard) -> Iterator[str]:
    """Each of their words begins in an unknown span."""
    starts = dict(list(shard.frame("words", "call_id", "side", "start_s").groupby(["call_id", "side"])["start_s"]))
    for row in shard.tables["alignments"].select(["call_id", "side", "unknown", "flags"]).to_pylist():
        known = starts.get((row["call_id"], row["side"]))
        if known is None or POORLY_ALIGNED not in row["flags"]:
            continue
        for span in row["unknown"]:
            known = known[(known < span["start_s"] - TOLERANCE_S) | (known >= span["end_s"])]
        if len(known):
            where = f"alignments: call {row['call_id']} side {row['side']}"
            yield f"{where}: is {POORLY_ALIGNED}, but {len(known)} words are known, first at {known.iloc[0]} s"


CHECKS: tuple[Check, ...] = (
    words_are_those_of_their_turns,
    alignments_are_whole,
    unknown_spans_are_in_order,
    words_are_kept_or_left_out_whole,
    sides_that_are_poorly_aligned_keep_no_word,
)
