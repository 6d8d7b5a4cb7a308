"""What is checked of a dataset before it is trained on: the work folder, and what its codes were made with."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fisherprep.schema import CODES, SCHEMA_VERSION, VOICES
from fisherprep.stage import recorded_tables, upstream
from fisherprep.workfolder import WorkFolder

_ONE_TABLE = ("mimi_sha256", "mimi_config_sha256", "tokenizer_sha256", "truecase", "loudness", "resampler")
"""Of the provenance: what all rows of a table must share, since it decides what a token means or sounds like."""
_ALL_TABLES = ("mimi_sha256", "mimi_config_sha256")
"""What all datasets of a mix must share: codes of two codecs are two languages."""
_TOLD = ("truecase", "loudness")
"""What datasets may differ in, and are told to: a domain's scripts are written with capitals, LDC's words without."""

_LISTS = ("prompts_a", "prompts_b", "starts")
_AGAIN = "delete the file and run `fisherprep encode` again"


@dataclass(frozen=True)
class Vocabulary:
    """What the model can be fed: the checkpoint's id ranges, its tokenizer's hash, and whether it is a toy."""

    card: int
    text_card: int
    tokenizer_sha256: str
    toy: bool


def check_work_folder(name: str, work: Path, has_codes: bool) -> None:
    """Raise ``ValueError`` where there is no codes table or it is of another schema version."""
    if not has_codes:
        what = "holds no codes table" if work.is_dir() else "does not exist"
        raise ValueError(
            f"{work}: {what}, so dataset {name!r} cannot be trained on; make it with `fisherprep encode {work}`, "
            "or say with --data-root where the work folders are"
        )
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


def check_lists(file: Path, values: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where a list of a codes row holds null; a column's own nulls the schema forbids already."""
    for name in _LISTS:
        if None in values[name]:
            raise ValueError(f"{file}: call {values['call_id']}: {name} holds null, expected values alone; {_AGAIN}")


def check_span(file: Path, values: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where a voices row does not say where in its call it lies."""
    if not 0 <= values["start_s"] < values["end_s"] < math.inf:
        raise ValueError(
            f"{file}: a voice of call {values['call_id']} lies from {values['start_s']} s to {values['end_s']} s; "
            f"expected a start from 0 and a later end; {_AGAIN}"
        )


def check_records(work: Path) -> None:
    """Raise ``ValueError`` where codes or voices are not all that ``fisherprep encode`` has to write, byte for byte.

    Completion records tell. Tables that came without any, from a hub or from another tool, are taken as they are.
    """
    if not (work / ".done").is_dir():
        return
    folder = WorkFolder.open(work)
    if recorded := recorded_tables(folder):
        planned = {"conversations"} & recorded  # its shards are encode's; training itself does not read it
        upstream(folder, *planned, CODES.name, VOICES.name, unread=planned)


def check_provenance(work: Path, texts: list[str], vocabulary: Vocabulary) -> dict[str, Any]:
    """What all rows of a table were made with; only keys in which they do not differ.

    Raises:
        ValueError: an entry cannot be read; codes and checkpoint do not share the tokenizer, or one of them is a toy;
            parts of the table were made with another codec, tokenizer or way of writing.
    """
    entries = [_entry(work, text) for text in texts]
    for entry in entries:
        _check_checkpoint(work, entry, vocabulary)
    shared = dict(entries[0]) if entries else {}
    for entry in entries[1:]:
        for key in _ONE_TABLE:
            if entry.get(key) != shared.get(key):
                raise ValueError(
                    f"{work}: parts of the codes table differ in {key}: {_short(shared.get(key))} and "
                    f"{_short(entry.get(key))}; expected one for the whole table: run `fisherprep encode {work}` again"
                )
        shared = {key: value for key, value in shared.items() if entry.get(key) == value}
    return shared


def check_mix(made_with: Mapping[str, dict[str, Any]]) -> list[str]:
    """What the user should know of datasets that are trained on together, in lines.

    Args:
        made_with: dataset -> ``check_provenance``'s result.

    Raises:
        ValueError: two datasets were encoded by different codecs.
    """
    (first, expected), *others = made_with.items()
    notes = []
    for name, found in others:
        for key in _ALL_TABLES:
            if found.get(key) != expected.get(key):
                raise ValueError(
                    f"datasets {first!r} and {name!r} were encoded by different codecs ({key} "
                    f"{_short(expected.get(key))} and {_short(found.get(key))}); expected one for the whole mix: "
                    "encode both with the checkpoint that is trained"
                )
        for key in _TOLD:
            if found.get(key) != expected.get(key):
                notes.append(
                    f"note: {first} and {name} differ in {key}: {_short(expected.get(key))} and "
                    f"{_short(found.get(key))} (`fisherprep encode --help`)"
                )
    return notes


def _entry(work: Path, text: str) -> dict[str, Any]:
    try:
        entry = json.loads(text)
        entry["tokenizer_sha256"], entry["toy"]
    except (ValueError, KeyError, TypeError) as err:
        raise ValueError(f"{work}: a provenance entry of the codes table cannot be read ({err!r})") from err
    return entry


def _check_checkpoint(work: Path, entry: dict[str, Any], vocabulary: Vocabulary) -> None:
    sha256 = str(entry["tokenizer_sha256"])
    if sha256 != vocabulary.tokenizer_sha256:
        raise ValueError(
            f"{work}: encoded with the tokenizer of {entry.get('source')} (sha256 {sha256[:12]}), but the "
            f"checkpoint's is {vocabulary.tokenizer_sha256[:12]}: text ids would mean other words; "
            "encode with the checkpoint that is trained"
        )
    if entry["toy"] != vocabulary.toy:
        kinds = ("a toy", "not a toy")
        raise ValueError(
            f"{work}: its codec is {kinds[not entry['toy']]} but the checkpoint is {kinds[not vocabulary.toy]}; "
            "encode with the checkpoint that is trained"
        )


def _short(value: Any) -> str:
    """A value of the provenance for a message; of a hash, its beginning."""
    return "none" if value is None else str(value)[:12] if isinstance(value, str) else json.dumps(value)
