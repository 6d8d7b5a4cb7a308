"""Invariants of one shard's codes: shapes, ids, and agreement with the tables they were made from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from fisherprep.check.shard import Check, Shard
from fisherprep.schema import CODEBOOK_SIZE, FRAME_RATE_HZ, MASKED, NUM_CODEBOOKS, SIDES, TEXT_EPAD, TEXT_PAD


def codes_are_rectangular(shard: Shard) -> Iterator[str]:
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


def codes_agree_with_conversations(shard: Shard) -> Iterator[str]:
    if shard.tables["codes"].num_rows == 0:
        return
    columns = ("call_id", "split", "speaker_a", "speaker_b")
    calls = {row[0]: row for row in shard.frame("conversations", *columns).itertuples(index=False, name=None)}
    for row in shard.frame("codes", *columns).itertuples(index=False, name=None):
        call_id = row[0]
        if call_id in calls and row != calls[call_id]:
            yield f"codes: call {call_id}: split or speakers differ from conversations; run encode again"


def prompts_are_those_of_personas(shard: Shard) -> Iterator[str]:
    prompts = {
        (row["call_id"], row["side"]): row["prompts"]
        for row in shard.tables["personas"].select(["call_id", "side", "prompts"]).to_pylist()
    }
    for row in shard.tables["codes"].select(["call_id", "prompts_a", "prompts_b"]).to_pylist():
        for side in SIDES:
            if row[f"prompts_{side}"] != prompts.get((row["call_id"], side)):
                yield f"codes: call {row['call_id']} side {side}: prompts differ from personas; run encode again"


CHECKS: tuple[Check, ...] = (codes_are_rectangular, codes_agree_with_conversations, prompts_are_those_of_personas)
