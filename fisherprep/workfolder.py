"""A work folder: where tables lie, how a shard is written, what is already done.

Layout, for a folder WORK::

    WORK/work.json                    dataset name, schema version, roots of the audio
    WORK/<table>/<shard>.parquet      one file a shard and table (rejects: <stage>-<shard>.parquet)
    WORK/.done/<stage>/<shard>.json   completion record, written last
    WORK/.label/                      a model's answers (see label/cache.py) and the log of its server
    WORK/.tmp/                        files under way; emptied when a stage starts

A file is written under ``.tmp`` and renamed, so a reader sees a whole shard or none. The completion record holds a
fingerprint of stage version, schema version, configuration and inputs, and the outputs' hashes; it holds no time and no
host, so that the same inputs give the same bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fisherprep.schema import SCHEMA_VERSION, TABLES

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def check_id(call_id: str) -> str:
    """The id itself, when it may become part of a file name.

    Raises:
        ValueError: it holds anything but letters, digits, dot, dash and underscore.
    """
    if not _SAFE_ID.fullmatch(call_id):
        raise ValueError(
            f"id {call_id!r} cannot be used: expected 1-128 letters, digits, '.', '_' or '-', "
            "starting with a letter or digit"
        )
    return call_id


def shard_of(call_id: str) -> str:
    """The shard a call belongs to: its id without the last digit, else a bucket of its hash.

    A function of the id alone, so adding calls to a corpus never moves the others.
    """
    check_id(call_id)
    if call_id[-1].isdigit() and len(call_id) > 1:
        return call_id[:-1]
    return f"{call_id[:32]}-{hashlib.sha256(call_id.encode()).hexdigest()[:2]}"


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON-able value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@dataclass(frozen=True)
class DoneRecord:
    """What a finished shard was made from, and what it left."""

    fingerprint: str
    outputs: dict[str, dict[str, Any]]
    """path relative to WORK -> {"sha256", "bytes", "rows"}"""
    counters: dict[str, float]

    def is_sound(self) -> bool:
        """Whether all is of the types declared, which a file that was damaged or written by hand need not be."""
        if not (isinstance(self.fingerprint, str) and isinstance(self.outputs, dict)):
            return False
        if not (isinstance(self.counters, dict) and all(type(n) in (int, float) for n in self.counters.values())):
            return False
        return all(
            isinstance(out, dict) and isinstance(out.get("sha256"), str) and type(out.get("bytes")) is int
            and type(out.get("rows", 0)) is int
            for out in self.outputs.values()
        )  # fmt: skip


class WorkFolder:
    """Paths, atomic writes and completion records of one work folder."""

    def __init__(self, path: Path, meta: dict[str, Any]) -> None:
        self.path = path
        self.meta = meta

    @classmethod
    def create(cls, path: Path, name: str, roots: list[str]) -> WorkFolder:
        """Open ``path`` for writing, making it when missing; the name and roots replace those recorded."""
        if (path / "work.json").exists():
            work = cls.open(path)
            if work.meta["name"] != name:
                raise ValueError(
                    f"{path}: holds the dataset {work.meta['name']!r}, but {name!r} is to be written there; "
                    "give another folder with --out"
                )
        elif path.exists() and any(p.name != ".lock" for p in path.iterdir()):
            raise ValueError(
                f"{path}: is not empty and is not a work folder (no work.json); give another folder with --out"
            )
        check_id(name)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise ValueError(f"{path}: cannot be made ({err.strerror}); give another folder with --out") from err
        work = cls(path, {"name": name, "schema_version": SCHEMA_VERSION, "roots": roots})
        with work.lock("ingest or synthesize"):  # a running command must not lose the roots that it reads
            work.write_text("work.json", json.dumps(work.meta, indent=1, sort_keys=True) + "\n")
        return work

    @classmethod
    def open(cls, path: Path) -> WorkFolder:
        """Open an existing work folder.

        Raises:
            ValueError: there is none, or it was written under another schema version.
        """
        file = path / "work.json"
        if not file.is_file():
            raise ValueError(
                f"{path}: no work folder here (work.json is missing); "
                f"make one with `fisherprep ingest RELEASE --out {path}`"
            )
        try:
            meta = json.loads(file.read_text(encoding="utf-8"))
            version = meta["schema_version"]
            meta["name"], meta["roots"]  # both must be there
        except (ValueError, KeyError, TypeError) as err:
            raise ValueError(f"{file}: not a work folder's description ({err}); run ingest into a new folder") from err
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"{path}: written under schema version {version}, this fisherprep reads version {SCHEMA_VERSION}; "
                "run ingest and the later stages again into a new folder"
            )
        return cls(path, meta)

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.meta["name"]

    def audio_path(self, row: dict[str, Any]) -> Path:
        """The audio file of a conversations row."""
        roots = self.meta["roots"]
        root = Path(roots[row["audio_root"]])
        root = root if root.is_absolute() else self.path / root
        return root / row["audio_file"]

    # -- writing -------------------------------------------------------------------------------------------------

    def _replace(self, relative: str, write: Any) -> Path:
        target = self.path / relative
        tmp = self.path / ".tmp" / f"{secrets.token_hex(6)}-{target.name}"  # no other process, of any host, has it
        tmp.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(tmp)
            os.replace(tmp, target)
        except OSError as err:
            with contextlib.suppress(OSError):  # what a full disk holds of it is of no use
                tmp.unlink(missing_ok=True)
            if err.errno is None:
                raise
            raise OSError(err.errno, err.strerror, str(target)) from err
        return target

    def write_text(self, relative: str, text: str) -> Path:
        """Write a text file whole or not at all."""
        return self._replace(relative, lambda tmp: tmp.write_text(text, encoding="utf-8"))

    def write_bytes(self, relative: str, content: bytes) -> Path:
        """Write a file whole or not at all."""
        return self._replace(relative, lambda tmp: tmp.write_bytes(content))

    def write_bytes_with(self, relative: str, write: Any) -> Path:
        """Let ``write(path)`` make a file, then put it in place whole."""
        return self._replace(relative, write)

    def write_table(self, relative: str, table: pa.Table, **options: Any) -> dict[str, Any]:
        """Write one Parquet file whole; returns its hash, size and rows. ``options``: those of ``pq.write_table``.

        Its pages have checksums, so that readers who know of no record see damage too.
        """

        def write(tmp: Path) -> None:
            pq.write_table(table, tmp, compression="zstd", write_page_checksum=True, **options)

        target = self._replace(relative, write)
        return {"sha256": sha256_file(target), "bytes": target.stat().st_size, "rows": table.num_rows}

    def write_done(self, stage: str, shard: str, record: DoneRecord) -> None:
        """Write the completion record: the last act of a shard."""
        self.write_text(f".done/{stage}/{shard}.json", json.dumps(record.__dict__, indent=1, sort_keys=True) + "\n")

    def forget_done(self, stage: str, shard: str) -> None:
        """Remove a completion record: the first act of writing a shard anew."""
        (self.path / ".done" / stage / f"{shard}.json").unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the folder for one writing command; a second one is refused. Freed by the system if the holder dies."""
        with (self.path / ".lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as err:
                raise ValueError(
                    f"{self.path}: another fisherprep command is writing here; once it has ended, run `{what}` again"
                ) from err
            shutil.rmtree(self.path / ".tmp", ignore_errors=True)
            yield
            shutil.rmtree(self.path / ".tmp", ignore_errors=True)

    # -- reading -------------------------------------------------------------------------------------------------

    def done(self, stage: str) -> dict[str, DoneRecord]:
        """Completion records of a stage by shard; a damaged record counts as missing."""
        records = {}
        for file in sorted((self.path / ".done" / stage).glob("*.json")):
            with contextlib.suppress(ValueError, TypeError):
                record = DoneRecord(**json.loads(file.read_text(encoding="utf-8")))
                if record.is_sound():
                    records[file.stem] = record
        return records

    def changed(self, outputs: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Those outputs of completion records that are gone, cannot be read, or are not what was written any more.

        Tables are compared byte for byte; other files, which may be hundreds of GB of audio, by their size.
        """

        def is_as_written(file: str) -> bool:
            path, out = self.path / file, outputs[file]
            try:
                return path.stat().st_size == out["bytes"] and ("rows" not in out or sha256_file(path) == out["sha256"])
            except OSError:
                return False

        with ThreadPoolExecutor() as pool:  # hashing lets go of the interpreter's lock
            return [file for file, same in zip(outputs, pool.map(is_as_written, outputs), strict=True) if not same]

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, in order."""
        return sorted((self.path / table).glob("*.parquet"))

    def read(self, table: str, shard: str | None = None, columns: list[str] | None = None) -> pa.Table:
        """A whole table, or one shard of it; empty where nothing was written.

        Raises:
            ValueError: a file cannot be read or its columns are not those declared in ``schema.py``.
        """
        files = self.files(table) if shard is None else [self.path / table / f"{shard}.parquet"]
        schema = TABLES[table].schema
        if columns is not None:
            schema = pa.schema([schema.field(c) for c in columns], metadata=schema.metadata)
        parts = []
        for file in files:
            if not file.exists():
                continue
            try:
                part = pq.read_table(file, columns=columns, partitioning=None, page_checksum_verification=True)
            except (OSError, pa.ArrowException) as err:
                raise ValueError(
                    f"{file}: cannot be read as a {table} table ({err}); delete it and run its stage again"
                ) from err
            if not part.schema.equals(schema):
                raise ValueError(
                    f"{file}: columns are not those of the {table} table of schema version {SCHEMA_VERSION}; "
                    "delete it and run its stage again"
                )
            parts.append(part)
        return pa.concat_tables(parts) if parts else schema.empty_table()
