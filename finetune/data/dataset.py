"""A dataset: the calls of one split in a work folder's codes table.

What windows are planned from (lengths, starts, prompts) is read at once and kept; codes are read shard by shard when a
window is cut, so that memory does not grow with the corpus. Everything is checked at opening, from the Parquet files'
own statistics where possible, so that hours of training do not end at a bad row.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fisherprep.manifest import Manifest
from fisherprep.schema import CODES, MASKED, NUM_CODEBOOKS, SCHEMA_VERSION, SIDES

_INDEX_COLUMNS = ("call_id", "split", "num_frames", "prompts_a", "prompts_b", "agent_side", "starts", "provenance")
_HEAVY_COLUMNS = ("codes_a", "codes_b", "text_a", "text_b", "voice_a", "voice_b")
_SHARDS_IN_MEMORY = 32
"""Shards kept decoded: ten ten-minute calls are about 3 MB."""


class EmptySplit(ValueError):
    """The dataset is in order but has no call of that split to use."""


@dataclass(frozen=True)
class Vocabulary:
    """What the model can be fed: the checkpoint's id ranges, its tokenizer's hash, and whether it is a toy."""

    card: int
    text_card: int
    tokenizer_sha256: str
    toy: bool


@dataclass(frozen=True)
class Call:
    """One call of the index. ``sides``: who may be the agent; ``voice_frames``: length of each side's voice, or 0."""

    call_id: str
    num_frames: int
    sides: tuple[str, ...]
    starts: np.ndarray
    prompts: dict[str, tuple[str, ...]]
    voice_frames: dict[str, int]
    shard: int
    row: int


@dataclass(frozen=True)
class CallCodes:
    """Codes ``[8, T]``, text ``[T]`` and voice ``[8, Tv]`` (or None) of each side of a call."""

    codes: dict[str, np.ndarray]
    text: dict[str, np.ndarray]
    voice: dict[str, np.ndarray | None]


class CodesDataset:
    """The calls of one split. Open with ``open_dataset``."""

    def __init__(
        self, manifest: Manifest, split: str, shards: list[Path], calls: list[Call], made_with: list[str]
    ) -> None:
        self.name = manifest.name
        self.split = split
        self.prompt_levels = manifest.prompt_levels
        self.calls = calls
        self.left_out: Counter[str] = Counter()
        """Reason -> calls of the split that cannot be used."""
        self._made_with = made_with
        self._shards = shards
        self._decoded: OrderedDict[int, pa.Table] = OrderedDict()

    @property
    def num_frames(self) -> int:
        """Frames of all calls."""
        return sum(call.num_frames for call in self.calls)

    def fingerprint(self) -> str:
        """Hash of what windows are planned from and encoded with; a resumed run must find it unchanged."""
        digest = hashlib.sha256(json.dumps([self.prompt_levels, self._made_with]).encode())
        for call in self.calls:
            line = [call.call_id, call.num_frames, call.sides, call.starts.tolist(), call.prompts, call.voice_frames]
            digest.update(json.dumps(line, sort_keys=True).encode())
        return digest.hexdigest()

    def read(self, call: Call) -> CallCodes:
        """The codes of a call.

        Raises:
            ValueError: the file has changed or vanished since it was opened.
        """
        table = self._shard(call.shard)
        if call.row >= table.num_rows or table["call_id"][call.row].as_py() != call.call_id:
            raise ValueError(f"{self._shards[call.shard]}: changed while in use; start again when encode has finished")
        codes = {side: _codes(table[f"codes_{side}"][call.row]) for side in SIDES}
        text = {side: table[f"text_{side}"][call.row].values.to_numpy() for side in SIDES}
        voice = {side: _codes(table[f"voice_{side}"][call.row]) for side in SIDES}
        for side in SIDES:
            found = codes[side]
            if found is None or found.shape[1] != call.num_frames or len(text[side]) != call.num_frames:
                raise ValueError(
                    f"{self._shards[call.shard]}: call {call.call_id}: rows of side {side} do not have the "
                    f"{call.num_frames} frames that num_frames says; run `fisherprep check`"
                )
        return CallCodes(codes, text, voice)  # type: ignore[arg-type]  # no side's codes are None here

    def _shard(self, index: int) -> pa.Table:
        if index in self._decoded:
            self._decoded.move_to_end(index)
            return self._decoded[index]
        self._decoded[index] = _read_table(self._shards[index], ("call_id", *_HEAVY_COLUMNS))
        if len(self._decoded) > _SHARDS_IN_MEMORY:
            self._decoded.popitem(last=False)
        return self._decoded[index]


def open_dataset(manifest: Manifest, data_root: Path, split: str, vocabulary: Vocabulary) -> CodesDataset:
    """Open one split of a dataset and check it against the checkpoint.

    Raises:
        EmptySplit: no call of the split can be used.
        ValueError: there is no codes table, it has another schema version, ids that the checkpoint does not know, or
            was encoded with another tokenizer.
    """
    work = data_root / manifest.tables
    shards = sorted((work / CODES.name).glob("*.parquet"))
    if not shards:
        raise ValueError(_no_table(manifest.name, work))
    _check_work_folder(work)
    calls: list[Call] = []
    left_out: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    provenances: set[str] = set()
    for index, file in enumerate(shards):
        _check_file(file, vocabulary)
        for row, values in enumerate(_index_rows(file)):
            splits[values["split"]] += 1
            provenances.add(values["provenance"])
            if values["split"] != split:
                continue
            call = _call(values, manifest, file, index, row)
            reason = _unusable(call)
            calls.append(call) if reason is None else left_out.update([reason])
    made_with = sorted(provenances)
    for text in made_with:
        _check_provenance(work, text, vocabulary)
    if not calls:
        found = ", ".join(f"{name} {count}" for name, count in sorted(splits.items())) or "no calls at all"
        unusable = "".join(f"; {count} left out: {reason}" for reason, count in sorted(left_out.items()))
        raise EmptySplit(
            f"{work}: dataset {manifest.name!r} has no {split} calls to use; its calls by split: {found}{unusable}"
        )
    dataset = CodesDataset(manifest, split, shards, calls, made_with)
    dataset.left_out = left_out
    return dataset


def _no_table(name: str, work: Path) -> str:
    what = "holds no codes table" if work.is_dir() else "does not exist"
    return (
        f"{work}: {what}, so dataset {name!r} cannot be trained on; make it with `fisherprep encode {work}`, "
        "or say with --data-root where the work folders are"
    )


def _check_work_folder(work: Path) -> None:
    file = work / "work.json"
    try:
        version = json.loads(file.read_text(encoding="utf-8"))["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ValueError(f"{file}: cannot be read ({err}); expected a work folder written by fisherprep") from err
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"{work}: written under schema version {version}, expected {SCHEMA_VERSION}; "
            "run ingest and the later stages again into a new folder"
        )


def _check_file(file: Path, vocabulary: Vocabulary) -> None:
    """Columns and id ranges of one shard; the ranges come from the Parquet statistics where the writer left them."""
    try:
        parquet = pq.ParquetFile(file)
        schema, metadata = parquet.schema_arrow, parquet.metadata
    except (OSError, pa.ArrowException) as err:
        raise ValueError(f"{file}: cannot be read ({err}); delete it and run `fisherprep encode` again") from err
    if not schema.equals(CODES.schema):
        raise ValueError(
            f"{file}: columns are not those of the codes table of schema version {SCHEMA_VERSION}; "
            "delete it and run `fisherprep encode` again"
        )
    for column in _HEAVY_COLUMNS:
        text = column.startswith("text")
        low, high = (MASKED, vocabulary.text_card) if text else (0, vocabulary.card)
        found = _range(file, metadata, column)
        if found is not None and not (low <= found[0] and found[1] < high):
            what = "text ids" if text else "codes"
            raise ValueError(
                f"{file}: {column} holds {what} from {found[0]} to {found[1]}, but the checkpoint knows {low} to "
                f"{high - 1}; encode with the checkpoint that is trained: `fisherprep encode --checkpoint ...`"
            )


def _range(file: Path, metadata: pq.FileMetaData, column: str) -> tuple[int, int] | None:
    """Smallest and largest value of a column; None where it has no values."""
    lows, highs = [], []
    for group in range(metadata.num_row_groups):
        chunks = [metadata.row_group(group).column(i) for i in range(metadata.num_columns)]
        statistics = [c.statistics for c in chunks if c.path_in_schema.split(".")[0] == column]
        if any(s is None or (s.num_values and not s.has_min_max) for s in statistics):
            return _range_by_reading(file, column)
        lows += [s.min for s in statistics if s.has_min_max]
        highs += [s.max for s in statistics if s.has_min_max]
    return (min(lows), max(highs)) if lows else None


def _range_by_reading(file: Path, column: str) -> tuple[int, int] | None:
    values: Any = _read_table(file, (column,))[column].combine_chunks()
    while pa.types.is_nested(values.type):
        values = values.flatten()
    numbers = values.drop_null().to_numpy()
    return (int(numbers.min()), int(numbers.max())) if len(numbers) else None


def _read_table(file: Path, columns: tuple[str, ...]) -> pa.Table:
    try:
        return pq.read_table(file, columns=list(columns), partitioning=None).combine_chunks()
    except (OSError, pa.ArrowException) as err:
        raise ValueError(f"{file}: cannot be read ({err}); delete it and run `fisherprep encode` again") from err


def _index_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The light columns of each row, and the lengths of its voice prompts."""
    table = _read_table(file, (*_INDEX_COLUMNS, "voice_a", "voice_b"))
    voices = {side: [_codes(value) for value in table[f"voice_{side}"]] for side in SIDES}
    for row, values in enumerate(table.select(_INDEX_COLUMNS).to_pylist()):
        values["voice_frames"] = {s: 0 if (v := voices[s][row]) is None else v.shape[1] for s in SIDES}
        yield values


def _codes(value: pa.FixedSizeListScalar) -> np.ndarray | None:
    """``[8, T]``; None for a null."""
    if not value.is_valid:
        return None
    codebooks = value.values
    lengths = set(np.diff(codebooks.offsets.to_numpy()).tolist())
    if len(lengths) > 1:
        raise ValueError(
            f"codes whose codebooks have {sorted(lengths)} frames, not all the same; run `fisherprep check`"
        )
    return codebooks.flatten().to_numpy().reshape(NUM_CODEBOOKS, -1)


def _call(values: dict[str, Any], manifest: Manifest, file: Path, shard: int, row: int) -> Call:
    starts = np.asarray(values["starts"], dtype=np.int64)
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
        prompts={s: tuple(values[f"prompts_{s}"] or ()) for s in SIDES},
        voice_frames=values["voice_frames"],
        shard=shard,
        row=row,
    )


def _unusable(call: Call) -> str | None:
    if len(call.starts) == 0:
        return "no frame at which a window may start"
    if not call.sides:
        return "the manifest's agent side is not the call's"
    return None


def _check_provenance(work: Path, text: str, vocabulary: Vocabulary) -> None:
    """Codes and checkpoint must share the tokenizer, and be toys both or neither."""
    try:
        made_with = json.loads(text)
        sha256, toy = made_with["tokenizer_sha256"], made_with["toy"]
    except (ValueError, KeyError, TypeError) as err:
        raise ValueError(f"{work}: a provenance entry of the codes table cannot be read ({err!r})") from err
    if sha256 != vocabulary.tokenizer_sha256:
        raise ValueError(
            f"{work}: encoded with the tokenizer of {made_with.get('source')} (sha256 {sha256[:12]}), but the "
            f"checkpoint's is {vocabulary.tokenizer_sha256[:12]}: text ids would mean other words; "
            "encode with the checkpoint that is trained"
        )
    if toy != vocabulary.toy:
        kinds = ("a toy", "not a toy")
        raise ValueError(
            f"{work}: its codec is {kinds[not toy]} but the checkpoint is {kinds[not vocabulary.toy]}; "
            "encode with the checkpoint that is trained"
        )
