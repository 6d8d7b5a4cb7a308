"""Calls whose transcripts have the times of their words (recordings): these are taken as they stand."""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.align.confidence import counters, given_row
from fisherprep.align.turns import Row
from fisherprep.schema import SIDES
from fisherprep.stage import ShardResult

GIVEN = "given"
"""Method of a word whose time the transcript gives."""


def has_times(turns: Sequence[Row]) -> bool:
    """Whether every turn with words has their times, and there is one."""
    with_words = [turn for turn in turns if turn["words"]]
    return bool(with_words) and all(turn["word_times"] for turn in with_words)


def add_given(call: Row, turns: Sequence[Row], result: ShardResult) -> None:
    """Add the rows and counts of a call that `has_times`."""
    words = [word for turn in turns for word in _words(turn)]
    result.rows["words"] += words
    for side in SIDES:
        row = given_row(call, side, [(word["start_s"], word["end_s"]) for word in words if word["side"] == side])
        result.rows["alignments"].append(row)
        result.counters += counters(row)
    turns_with_words = sum(bool(turn["words"]) for turn in turns)
    result.counters.update({"turns": turns_with_words, "words": len(words), f"words: {GIVEN}": len(words)})
    result.counters["audio_s"] += call["duration_s"]


def _words(turn: Row) -> list[Row]:
    shared = {"call_id": turn["call_id"], "side": turn["side"], "turn": turn["turn"], "score": None, "method": GIVEN}
    return [
        {**shared, **span, "index": index, "word": word}
        for index, (word, span) in enumerate(zip(turn["words"], turn["word_times"] or (), strict=True))
    ]
