"""The folder of an export: whose it is, its index files, and what of an earlier run is to go.

Layout, for a folder OUT::

    OUT/export.json              format and work folder that it was made from; another's export is refused
    OUT/README.md                what is there, how its consumer reads it, duties
    OUT/<index files>            written last, and absent while files that they name are being written
    OUT/<folders of the format>  one or more files a call, or one a shard
    OUT/rejects/                 what was left out, and why
    OUT/.done, .parts, .tmp      completion records as of a work folder, and each shard's lines of the index files

The format's folders are the export's own: what lies there and no completion record names is deleted. Of the folder
itself only index files are, by the names that the format gives them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from fisherprep.schema import SCHEMA_VERSION, SPLITS
from fisherprep.workfolder import WorkFolder

_PARTS = ".parts"
_OWN_NAMES = {".lock", ".tmp"}


@dataclass(frozen=True)
class Payload:
    """One shard to be exported."""

    work: WorkFolder
    out: WorkFolder
    shard: str


def open_folder(out: Path, work: WorkFolder, format_name: str) -> WorkFolder:
    """Make the folder, or open it again.

    Raises:
        ValueError: it holds something else, another format, or an export of another work folder.
    """
    marks = {
        "format": format_name,
        "dataset": work.name,
        "schema_version": SCHEMA_VERSION,
        "work": hashlib.sha256(str(work.path.resolve()).encode()).hexdigest(),
    }
    file = out / "export.json"
    if file.is_file():
        _check_marks(out, file, marks)
    elif out.exists() and (not out.is_dir() or any(p.name not in _OWN_NAMES for p in out.iterdir())):
        raise ValueError(f"{out}: is not empty and is no export (no export.json); give another folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise ValueError(f"{out}: cannot be made ({err.strerror}); give another folder with --out") from err
    folder = WorkFolder(out, marks)
    if not file.is_file():
        folder.write_text(file.name, json.dumps(marks, indent=1, sort_keys=True) + "\n")
    return folder


def _check_marks(out: Path, file: Path, marks: dict[str, Any]) -> None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        told = f"format {found['format']}, dataset {found['dataset']!r}"
    except (ValueError, KeyError, TypeError) as err:
        raise ValueError(f"{file}: cannot be read ({err!r}); give another folder with --out") from err
    if found == marks:
        return
    if all(found[key] == marks[key] for key in ("format", "dataset")):
        told += " of another work folder, of another schema version, or from before the work folder was moved"
    raise ValueError(
        f"{out}: holds an export of {told}, but {marks['format']} of {marks['dataset']!r} is to be written there; "
        "delete it, or give another folder with --out"
    )


def write_part(payload: Payload, lines: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    """Keep a shard's lines of the index files, (index file, line) each; returns the files written."""
    texts: dict[str, list[str]] = {}
    for index, line in lines:
        texts.setdefault(index, []).append(json.dumps(line, ensure_ascii=False) + "\n")
    files = {f"{_PARTS}/{index}.parts/{payload.shard}.lines": "".join(text) for index, text in texts.items()}
    for relative, text in files.items():
        payload.out.write_text(relative, text)
    return sorted(files)


def write_indexes(out: WorkFolder, complete: Callable[[dict[str, Any]], dict[str, Any]]) -> set[str]:
    """Put the shards' lines together, one index file after the other; names that end in ``.gz`` are compressed.

    Args:
        out: the export's folder.
        complete: what a line becomes in the index.

    Returns:
        The names of the index files.
    """
    current = _current_files(out)
    names = set()
    for folder in sorted((out.path / _PARTS).glob("*.parts")):
        parts = [file for file in sorted(folder.iterdir()) if f"{_PARTS}/{folder.name}/{file.name}" in current]
        if parts:
            names.add(name := folder.name.removesuffix(".parts"))
            out.write_bytes_with(name, partial(_write_index, name=name, parts=parts, complete=complete))
    return names


def _write_index(tmp: Path, name: str, parts: list[Path], complete: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    with tmp.open("wb") as raw, _compressed(raw) if name.endswith(".gz") else nullcontext(raw) as file:
        for part in parts:
            with part.open(encoding="utf-8") as lines:
                for line in lines:
                    file.write((json.dumps(complete(json.loads(line)), ensure_ascii=False) + "\n").encode())


def _compressed(raw: IO[bytes]) -> IO[bytes]:
    """The header has neither name nor time, so that the same lines are the same bytes."""
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0)  # type: ignore[return-value]


def _current_files(out: WorkFolder) -> set[str]:
    return {file for record in out.done("export").values() for file in record.outputs}


def sweep(out: WorkFolder, folders: Iterable[str], names: Iterable[str], indexes: set[str]) -> None:
    """Delete files of the format's folders, and index files, that no completion record and no index names any more."""
    current = _current_files(out)
    for folder in (*folders, _PARTS):
        for file in (out.path / folder).rglob("*"):
            if file.is_file() and file.relative_to(out.path).as_posix() not in current:
                file.unlink()
    drop_indexes(out, names, keep=indexes)


def drop_indexes(out: WorkFolder, names: Iterable[str], keep: Iterable[str] = ()) -> None:
    """Delete the index files that an export of this dataset writes; others that lie beside them are the user's.

    ``names``: the format's, with ``{dataset}`` and ``{split}`` where these stand.
    """
    for name in {name.format(dataset=out.meta["dataset"], split=split) for name in names for split in SPLITS}:
        if name not in keep:
            (out.path / name).unlink(missing_ok=True)
