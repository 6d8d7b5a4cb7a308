"""Invariants of one shard's codes and voices: shapes, ids, and agreement with the tables they were made from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from fisherprep.check.shard import Check, Shard
from fisherprep.schema import (
    CODEBOOK_SIZE,
    CODEC_RATE_HZ,
    FRAME_RATE_HZ,
    FRAME_SAMPLES,
    MASKED,
    NUM_CODEBOOKS,
    SIDES,
    TEXT_EPAD,
    TEXT_PAD,
)


def codes_are_rectangular(shard: Shard) -> Iterator[str]:
    """Same T in all rows of a call, T from the audio's length, every code and token a valid id."""
    durations = shard.durations()
    table = shard.tables["codes"]
    for i, row in enumerate(table.select(["call_id", "num_frames", "starts"]).to_pylist()):
        call_id, frames = row["call_id"], row["num_frames"]
        where = f"codes: call {call_id}"
        expected = math.ceil(round(durations.get(call_id, 0) * FRAME_RATE_HZ, 6))
        if frames != expected:
            yield f"{where}: num_frames {frames}, but the audio makes {expected}"
        for side in SIDES:
            codes, text = _codebooks(table[f"codes_{side}"][i]), table[f"text_{side}"][i].values.to_numpy()
            lengths = {len(codebook) for codebook in codes} | {len(text)}
            if lengths != {frames}:
                yield f"{where} side {side}: rows of {sorted(lengths)} frames, expected {NUM_CODEBOOKS} of {frames}"
                continue
            yield from _ids(codes, f"{where} side {side}")
            yield from _text_row(text, f"{where} side {side}")
        if any(not 0 <= start < frames for start in row["starts"]) or any(a >= b for a, b in pairwise(row["starts"])):
            yield f"{where}: starts are not increasing frames of the call"


def _codebooks(cell: Any) -> list[np.ndarray]:
    """The rows of one cell of codes, whatever their lengths."""
    lists = cell.values
    offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy()
    return [values[a:b] for a, b in pairwise(offsets)]


def _ids(codes: list[np.ndarray], where: str) -> Iterator[str]:
    if min(codebook.min(initial=0) for codebook in codes) < 0:
        yield f"{where}: a code below 0"
    if max(codebook.max(initial=0) for codebook in codes) >= CODEBOOK_SIZE:
        yield f"{where}: a code above {CODEBOOK_SIZE - 1}"


def _text_row(text: np.ndarray, where: str) -> Iterator[str]:
    if text.size and text.min() < MASKED:
        yield f"{where}: a text token below {MASKED}"
    following = np.append(text[1:], TEXT_PAD)
    stray = np.flatnonzero((text == TEXT_EPAD) & np.isin(following, (TEXT_PAD, TEXT_EPAD, MASKED)))
    if stray.size:
        yield f"{where}: EPAD at frame {stray[0]} is not directly before a word"


def voices_are_numbered_and_whole(shard: Shard) -> Iterator[str]:
    """Candidates of a side are numbered from 0, and have as many frames as their span makes, every code a valid id."""
    table = shard.tables["voices"]
    counted: dict[tuple[str, str], int] = {}
    for i, row in enumerate(table.drop(["codes"]).to_pylist()):
        key = row["call_id"], row["side"]
        where = f"voices: call {row['call_id']} side {row['side']} candidate {row['index']}"
        if row["index"] != counted.get(key, 0):
            yield f"{where}: expected number {counted.get(key, 0)}"
        counted[key] = counted.get(key, 0) + 1
        codes = _codebooks(table["codes"][i])
        samples = round(row["end_s"] * CODEC_RATE_HZ) - round(row["start_s"] * CODEC_RATE_HZ)
        if {len(codebook) for codebook in codes} != {frames := -(-samples // FRAME_SAMPLES)}:
            yield f"{where}: rows of {sorted({len(c) for c in codes})} frames, but the span makes {frames}"
        yield from _ids(codes, where)


def voices_are_those_of_the_calls_speakers(shard: Shard) -> Iterator[str]:
    """A candidate has its side's speaker, and its call is in the codes table."""
    speakers = {
        (row["call_id"], side): row[f"speaker_{side}"]
        for row in shard.tables["codes"].select(["call_id", "speaker_a", "speaker_b"]).to_pylist()
        for side in SIDES
    }
    for row in shard.tables["voices"].select(["call_id", "side", "speaker"]).to_pylist():
        where = f"voices: call {row['call_id']} side {row['side']}"
        if (row["call_id"], row["side"]) not in speakers:
            yield f"{where}: no such call and side in codes; run encode again"
        elif row["speaker"] != (found := speakers[row["call_id"], row["side"]]):
            yield f"{where}: speaker {row['speaker']}, but codes says {found}; run encode again"


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


CHECKS: tuple[Check, ...] = (
    codes_are_rectangular,
    voices_are_numbered_and_whole,
    voices_are_those_of_the_calls_speakers,
    codes_agree_with_conversations,
    prompts_are_those_of_personas,
)
