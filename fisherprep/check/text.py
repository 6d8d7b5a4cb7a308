"""Invariants of one shard's text rows: they hold the words that are known, and masks only where they are not.

Which tokens a word has is the tokenizer's business, and is not judged here: that a word's frame holds a token is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fisherprep.check.shard import Check, Shard
from fisherprep.schema import FRAME_RATE_HZ, MASKED, SIDES, TEXT_EPAD, TEXT_PAD

_ROUNDING = 1e-6
"""Frames: a time written in decimals must not fall on the wrong side of a boundary."""


def text_rows_hold_every_known_word(shard: Shard) -> Iterator[str]:
    """The frame that a known word's start asks for holds a token: the word's, or one that it waits for."""
    words = shard.frame("words", "call_id", "side", "start_s").groupby(["call_id", "side"])["start_s"]
    starts = {key: rows.to_numpy() * FRAME_RATE_HZ + _ROUNDING for key, rows in words}
    unknown = _unknown(shard)
    for where, key, text in _text_rows(shard):
        known = starts.get(key, np.empty(0))
        for first, last in unknown.get(key, ()):
            known = known[(known < first) | (known >= last)]
        tokens = ~np.isin(text, (TEXT_PAD, TEXT_EPAD, MASKED))
        if tokens.sum() < len(known):
            yield f"{where}: {tokens.sum()} text tokens for {len(known)} words; run encode again"
            continue
        frames = np.clip(known.astype(np.int64), 1, max(1, len(text) - 1))
        if len(text) > 1 and (lost := known[~tokens[frames]]).size:
            yield f"{where}: no text token for the word at {lost[0] / FRAME_RATE_HZ:.3f} s; run encode again"


def text_is_masked_where_it_is_unknown(shard: Shard) -> Iterator[str]:
    """Frames that an unknown span touches are masked or hold a word, and no others are masked."""
    unknown = _unknown(shard)
    for where, key, text in _text_rows(shard):
        touched = np.zeros(len(text), dtype=bool)
        for first, last in unknown.get(key, ()):
            touched[math.floor(first + _ROUNDING) : math.ceil(last - _ROUNDING)] = True
        for wrong, what in ((touched & (text == TEXT_PAD), "PAD"), (~touched & (text == MASKED), "masked")):
            if wrong.any():
                state = "inside" if what == "PAD" else "outside of"
                yield f"{where}: frame {wrong.argmax()} is {what} {state} unknown speech; run encode again"


def _unknown(shard: Shard) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """By call and side: start and end of each unknown span, in frames."""
    rows = shard.tables["alignments"].select(["call_id", "side", "unknown"]).to_pylist()
    return {
        (row["call_id"], row["side"]): [
            (span["start_s"] * FRAME_RATE_HZ, span["end_s"] * FRAME_RATE_HZ) for span in row["unknown"]
        ]
        for row in rows
    }


def _text_rows(shard: Shard) -> Iterator[tuple[str, tuple[str, str], np.ndarray]]:
    """For each text row: where it is, its call and side, and the row."""
    codes: list[dict[str, Any]] = shard.tables["codes"].select(["call_id", "text_a", "text_b"]).to_pylist()
    for row in codes:
        for side in SIDES:
            where = f"codes: call {row['call_id']} side {side}"
            yield where, (row["call_id"], side), np.asarray(row[f"text_{side}"], dtype=np.int64)


CHECKS: tuple[Check, ...] = (text_rows_hold_every_known_word, text_is_masked_where_it_is_unknown)
