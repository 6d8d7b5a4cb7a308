"""Invariants of one shard's text rows: they hold the words that are known, and masks only where they are not.

Which tokens a word has is the tokenizer's business, and is not judged here: that a word's frame holds a token is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fisherprep.check.shard import Check, Shard
from fisherprep.codec.text_stream import Unknown, frame_of
from fisherprep.schema import MASKED, SIDES, TEXT_EPAD, TEXT_PAD


def text_rows_hold_every_known_word(shard: Shard) -> Iterator[str]:
    """The frame that a known word's start asks for holds a token: the word's, or one that it waits for."""
    starts_s = {
        key: rows.to_numpy()
        for key, rows in shard.frame("words", "call_id", "side", "start_s").groupby(["call_id", "side"])["start_s"]
    }
    unknown = _unknown(shard)
    for where, key, text in _text_rows(shard):
        times_s = starts_s.get(key, np.empty(0))
        for span in unknown.get(key, ()):
            times_s = times_s[~span.holds(times_s)]
        tokens = ~np.isin(text, (TEXT_PAD, TEXT_EPAD, MASKED))
        if tokens.sum() < len(times_s):
            yield f"{where}: {tokens.sum()} text tokens for {len(times_s)} words; run encode again"
            continue
        frames = np.clip([frame_of(time_s) for time_s in times_s], 1, max(1, len(text) - 1))
        if len(text) > 1 and (lost := times_s[~tokens[frames.astype(np.int64)]]).size:
            yield f"{where}: no text token for the word at {lost[0]} s; run encode again"


def text_is_masked_where_it_is_unknown(shard: Shard) -> Iterator[str]:
    """Frames that an unknown span touches are masked or hold a word, and no others are masked."""
    unknown = _unknown(shard)
    for where, key, text in _text_rows(shard):
        touched = np.zeros(len(text), dtype=bool)
        for span in unknown.get(key, ()):
            touched[span.frames(len(text))] = True
        for wrong, what in ((touched & (text == TEXT_PAD), "PAD"), (~touched & (text == MASKED), "masked")):
            if wrong.any():
                state = "inside" if what == "PAD" else "outside of"
                yield f"{where}: frame {wrong.argmax()} is {what} {state} unknown speech; run encode again"


def _unknown(shard: Shard) -> dict[tuple[str, str], list[Unknown]]:
    rows = shard.tables["alignments"].select(["call_id", "side", "unknown"]).to_pylist()
    return {(row["call_id"], row["side"]): [Unknown(**span) for span in row["unknown"]] for row in rows}


def _text_rows(shard: Shard) -> Iterator[tuple[str, tuple[str, str], np.ndarray]]:
    """For each text row: where it is, its call and side, and the row."""
    codes: list[dict[str, Any]] = shard.tables["codes"].select(["call_id", "text_a", "text_b"]).to_pylist()
    for row in codes:
        for side in SIDES:
            where = f"codes: call {row['call_id']} side {side}"
            yield where, (row["call_id"], side), np.asarray(row[f"text_{side}"], dtype=np.int64)


CHECKS: tuple[Check, ...] = (text_rows_hold_every_known_word, text_is_masked_where_it_is_unknown)
