"""A dataset: the calls of one split in a work folder's codes table.

What windows are planned from (lengths, starts, prompts, voices) is read at once and kept; codes are read row group by
row group when a window is cut, so that memory does not grow with the corpus. Everything is checked at opening, from the
Parquet files' own statistics where possible, so that hours of training do not end at a bad row.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from finetune.data.checks import Vocabulary, check_lists, check_provenance, check_work_folder
from finetune.data.tables import (
    Place,
    RowGroups,
    check_columns,
    check_ids,
    check_lengths,
    codes_of,
    places,
    read_columns,
    shards,
)
from finetune.data.voices import VoiceBank, open_voices
from fisherprep.manifest import Manifest
from fisherprep.schema import CODES, MASKED, NUM_CODEBOOKS, SIDES, VOICES

_INDEX_COLUMNS = (
    *("call_id", "split", "num_frames", "prompts_a", "prompts_b", "agent_side", "starts"),
    *("speaker_a", "speaker_b", "provenance"),
)
_HEAVY_COLUMNS = ("codes_a", "codes_b", "text_a", "text_b")


class EmptySplit(ValueError):
    """The dataset is in order but has no call of that split to use."""


@dataclass(frozen=True)
class Call:
    """One call of the index. ``sides``: who may be the agent."""

    call_id: str
    num_frames: int
    sides: tuple[str, ...]
    starts: np.ndarray
    prompts: dict[str, tuple[str, ...]]
    speaker: dict[str, str]
    place: Place


@dataclass(frozen=True)
class CallCodes:
    """Codes ``[8, T]`` and text ``[T]`` of each side of a call."""

    codes: dict[str, np.ndarray]
    text: dict[str, np.ndarray]


@dataclass(frozen=True)
class CodesDataset:
    """The calls of one split. Open with ``open_dataset``."""

    name: str
    split: str
    prompt_levels: tuple[float, ...]
    calls: list[Call]
    voices: VoiceBank
    made_with: dict[str, Any]
    """Provenance that all rows share."""
    provenances: list[str]
    left_out: Counter[str]
    """Reason -> calls of the split that cannot be used."""
    notes: list[str]
    """What the user should know, in lines."""
    _groups: RowGroups = field(repr=False)

    @property
    def num_frames(self) -> int:
        """Frames of all calls."""
        return sum(call.num_frames for call in self.calls)

    def fingerprint(self) -> str:
        """Hash of what windows are planned from and encoded with; a resumed run must find it unchanged."""
        head = [self.prompt_levels, self.provenances, self.voices.fingerprint(), self._groups.fingerprint()]
        digest = hashlib.sha256(json.dumps(head).encode())
        for call in self.calls:
            line = [call.call_id, call.num_frames, call.sides, call.starts.tolist(), call.prompts, call.speaker]
            digest.update(json.dumps(line, sort_keys=True).encode())
        return digest.hexdigest()

    def read(self, call: Call) -> CallCodes:
        """The codes of a call.

        Raises:
            ValueError: the file has changed or vanished since it was opened, or its rows are not as long as they say.
        """
        row = self._groups.row(call.place, call.call_id)
        file = self._groups.files[call.place.file]
        try:
            codes = {side: codes_of(row[f"codes_{side}"]) for side in SIDES}
            text = {side: row[f"text_{side}"].values.to_numpy() for side in SIDES if row[f"text_{side}"].is_valid}
        except ValueError as err:
            raise ValueError(f"{file}: call {call.call_id}: {err}") from err
        for side in SIDES:
            if codes[side].shape[1] != call.num_frames or len(text.get(side, ())) != call.num_frames:
                raise ValueError(
                    f"{file}: call {call.call_id}: rows of side {side} do not have the "
                    f"{call.num_frames} frames that num_frames says; run `fisherprep check`"
                )
        return CallCodes(codes, text)


@dataclass
class _Found:
    """What reading the index of all shards gathers."""

    calls: list[Call] = field(default_factory=list)
    of_split: list[str] = field(default_factory=list)
    """Every call of the split, usable or not: their voices are the split's."""
    left_out: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    provenances: set[str] = field(default_factory=set)


def open_dataset(manifest: Manifest, data_root: Path, split: str, vocabulary: Vocabulary) -> CodesDataset:
    """Open one split of a dataset and check it against the checkpoint.

    Raises:
        EmptySplit: no call of the split can be used.
        ValueError: there is no codes table, it has another schema version, ids that the checkpoint does not know, or
            was encoded with another tokenizer.
    """
    work = data_root / manifest.tables
    files = shards(work, CODES)
    check_work_folder(manifest.name, work, bool(files))
    found = _Found()
    for number, file in enumerate(files):
        _read_index(number, file, manifest, split, vocabulary, found)
    provenances = sorted(found.provenances)
    made_with = check_provenance(work, provenances, vocabulary)
    if not found.calls:
        raise EmptySplit(_empty(manifest.name, work, split, found))
    voices = open_voices(work, found.of_split, vocabulary.card)
    return CodesDataset(
        manifest.name,
        split,
        manifest.prompt_levels,
        found.calls,
        voices,
        made_with,
        provenances,
        found.left_out,
        _notes(manifest.name, work, split, voices),
        RowGroups(files, ("call_id", *_HEAVY_COLUMNS)),
    )


def _read_index(number: int, file: Path, manifest: Manifest, split: str, vocabulary: Vocabulary, found: _Found) -> None:
    metadata = check_columns(file, CODES)
    for side in SIDES:
        check_ids(file, metadata, f"codes_{side}", 0, vocabulary.card, "codes")
        check_ids(file, metadata, f"text_{side}", MASKED, vocabulary.text_card, "text ids")
    rows = read_columns(file, _INDEX_COLUMNS).to_pylist()
    calls, frames = [row["call_id"] for row in rows], np.array([row["num_frames"] for row in rows], dtype=np.int64)
    for side in SIDES:
        check_lengths(file, metadata, f"codes_{side}", calls, frames * NUM_CODEBOOKS)
        check_lengths(file, metadata, f"text_{side}", calls, frames)
    for values, place in zip(rows, places(number, metadata), strict=True):
        found.splits[values["split"]] += 1
        found.provenances.add(values["provenance"])
        if values["split"] != split:
            continue
        found.of_split.append(values["call_id"])
        call = _call(values, manifest, file, place)
        reason = _unusable(call)
        if reason is None:
            found.calls.append(call)
        else:
            found.left_out[reason] += 1


def _call(values: dict[str, Any], manifest: Manifest, file: Path, place: Place) -> Call:
    check_lists(file, values)
    starts = np.asarray(values["starts"], dtype=np.int32)
    num_frames = values["num_frames"]
    if len(starts) and not (starts[0] >= 0 and starts[-1] < num_frames and np.all(np.diff(starts) > 0)):
        raise ValueError(
            f"{file}: call {values['call_id']}: starts are not rising frames from 0 to below {num_frames}; "
            "run `fisherprep check`"
        )
    allowed = {s for s in SIDES if manifest.agent in (s, "either") and values["agent_side"] in (s, None)}
    return Call(
        call_id=values["call_id"],
        num_frames=num_frames,
        sides=tuple(s for s in SIDES if s in allowed),
        starts=starts,
        prompts={s: tuple(values[f"prompts_{s}"]) for s in SIDES},
        speaker={s: values[f"speaker_{s}"] for s in SIDES},
        place=place,
    )


def _unusable(call: Call) -> str | None:
    if len(call.starts) == 0:
        return "no frame at which a window may start"
    if not call.sides:
        return "the manifest's agent side is not the call's"
    return None


def _empty(name: str, work: Path, split: str, found: _Found) -> str:
    splits = ", ".join(f"{name} {count}" for name, count in sorted(found.splits.items())) or "no calls at all"
    unusable = "".join(f"; {count} left out: {reason}" for reason, count in sorted(found.left_out.items()))
    return f"{work}: dataset {name!r} has no {split} calls to use; its calls by split: {splits}{unusable}"


def _notes(name: str, work: Path, split: str, voices: VoiceBank) -> list[str]:
    if len(voices):
        return []
    if shards(work, VOICES):
        return [f"{name}: no voice prompts: the voices table holds none of a {split} call; windows carry text alone"]
    return [
        f"{name}: no voice prompts: {work} holds no voices table, so windows carry text alone; "
        f"`fisherprep encode {work}` writes it"
    ]
