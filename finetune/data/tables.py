"""Reading a work folder's Parquet files: checked once at opening, then read row group by row group.

Of a shard only the row group that holds the wanted row is decoded, and the last decoded ones are kept within a bound of
bytes. Any number of threads may read.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fisherprep.schema import NUM_CODEBOOKS, SCHEMA_VERSION, Table

_BYTES_IN_MEMORY = 128 * 2**20
"""Bound of what stays decoded: a ten-minute call is about 0.3 MB, so a dataset of short dialogues stays whole."""


@dataclass(frozen=True)
class Place:
    """Where a row is: the number of the file, its row group, and the row within that."""

    file: int
    group: int
    row: int


def shards(work: Path, table: Table) -> list[Path]:
    """The files of a table, in order."""
    return sorted((work / table.name).glob("*.parquet"))


def check_columns(file: Path, table: Table) -> pq.FileMetaData:
    """The file's metadata.

    Raises:
        ValueError: it is no Parquet file, or its columns are not the table's.
    """
    try:
        with pq.ParquetFile(file) as parquet:
            schema, metadata = parquet.schema_arrow, parquet.metadata
    except (OSError, pa.ArrowException) as err:
        raise ValueError(_unreadable(file, err)) from err
    if not schema.equals(table.schema):
        raise ValueError(
            f"{file}: columns are not those of the {table.name} table of schema version {SCHEMA_VERSION}; "
            "delete it and run `fisherprep encode` again"
        )
    return metadata


def check_ids(file: Path, metadata: pq.FileMetaData, column: str, low: int, high: int, what: str) -> None:
    """Raise ``ValueError`` where a column holds an id below ``low`` or from ``high`` on.

    The range comes from the Parquet statistics where the writer left them, else from the values.
    """
    found = _range(file, metadata, column)
    if found is not None and not (low <= found[0] and found[1] < high):
        raise ValueError(
            f"{file}: {column} holds {what} from {found[0]} to {found[1]}, but the checkpoint knows {low} to "
            f"{high - 1}; encode with the checkpoint that is trained: `fisherprep encode --checkpoint ...`"
        )


def _range(file: Path, metadata: pq.FileMetaData, column: str) -> tuple[int, int] | None:
    """Smallest and largest value of a column; None where it has no values."""
    position = _position(metadata, column)
    lows, highs = [], []
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(position).statistics
        if statistics is None or (statistics.num_values and not statistics.has_min_max):
            return _range_by_reading(file, column)
        if statistics.has_min_max:
            lows.append(statistics.min)
            highs.append(statistics.max)
    return (min(lows), max(highs)) if lows else None


def _position(metadata: pq.FileMetaData, column: str) -> int:
    """Of a column's values among the leaves that Parquet stores."""
    return [metadata.schema.column(i).path.split(".")[0] for i in range(len(metadata.schema))].index(column)


def check_lengths(file: Path, metadata: pq.FileMetaData, column: str, calls: list[str], expected: np.ndarray) -> None:
    """Raise ``ValueError`` where a row group does not hold as many values of a column as its rows ask for.

    The Parquet file says how many there are, so that nothing is decoded.

    Args:
        calls: of every row.
        expected: values of every row.
    """
    position, first = _position(metadata, column), 0
    for group in range(metadata.num_row_groups):
        rows = slice(first, first + metadata.row_group(group).num_rows)
        found, needed = metadata.row_group(group).column(position).num_values, int(expected[rows].sum())
        if found != needed:
            raise ValueError(
                f"{file}: {column} of {', '.join(calls[rows])} holds {found} values, but num_frames asks for {needed}; "
                "run `fisherprep check`"
            )
        first = rows.stop


def _range_by_reading(file: Path, column: str) -> tuple[int, int] | None:
    values: Any = read_columns(file, (column,))[column].combine_chunks()
    while pa.types.is_nested(values.type):
        values = values.flatten()
    numbers = values.drop_null().to_numpy()
    return (int(numbers.min()), int(numbers.max())) if len(numbers) else None


def read_columns(file: Path, columns: tuple[str, ...]) -> pa.Table:
    """All rows of some columns.

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            return parquet.read(columns=list(columns), use_threads=False).combine_chunks()
    except (OSError, pa.ArrowException) as err:
        raise ValueError(_unreadable(file, err)) from err


def _unreadable(file: Path, err: Exception) -> str:
    return f"{file}: cannot be read ({err}); delete it and run `fisherprep encode` again"


def places(file: int, metadata: pq.FileMetaData) -> Iterator[Place]:
    """Where each row of a file is, in order."""
    for group in range(metadata.num_row_groups):
        for row in range(metadata.row_group(group).num_rows):
            yield Place(file, group, row)


class RowGroups:
    """Row groups of some columns of a table's files, the last ones used kept decoded."""

    def __init__(self, files: list[Path], columns: tuple[str, ...]) -> None:
        self.files = files
        self._columns = list(columns)
        self._decoded: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0

    def fingerprint(self) -> str:
        """Hash of the files' content: of their names, sizes, and a checksum of all bytes."""
        digest = hashlib.sha256()
        for file in self.files:
            checksum, size = 0, 0
            with file.open("rb") as handle:
                while block := handle.read(1 << 22):
                    checksum, size = zlib.crc32(block, checksum), size + len(block)
            digest.update(f"{file.name} {size} {checksum}\0".encode())
        return digest.hexdigest()

    def row(self, place: Place, call_id: str) -> dict[str, Any]:
        """The columns of one row, as Arrow scalars.

        Raises:
            ValueError: the file has changed or vanished since it was opened.
        """
        table = self._group(place.file, place.group)
        if table is None or place.row >= table.num_rows or table["call_id"][place.row].as_py() != call_id:
            raise ValueError(f"{self.files[place.file]}: changed while in use; start again when encode has finished")
        return {name: table[name][place.row] for name in self._columns}

    def _group(self, file: int, group: int) -> pa.Table | None:
        """A row group; None where the file has no such one."""
        with self._lock:
            if (file, group) in self._decoded:
                self._decoded.move_to_end((file, group))
                return self._decoded[file, group]
        table = self._decode(self.files[file], group)
        if table is None:
            return None
        with self._lock:
            if (file, group) not in self._decoded:  # another thread may have been quicker
                self._bytes += table.nbytes
            self._decoded[file, group] = table
            while self._bytes > _BYTES_IN_MEMORY and len(self._decoded) > 1:
                self._bytes -= self._decoded.popitem(last=False)[1].nbytes
        return table

    def _decode(self, file: Path, group: int) -> pa.Table | None:
        try:
            with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
                if group >= parquet.metadata.num_row_groups:
                    return None
                return parquet.read_row_group(group, columns=self._columns, use_threads=False).combine_chunks()
        except (OSError, pa.ArrowException) as err:
            raise ValueError(_unreadable(file, err)) from err


def codes_of(value: pa.FixedSizeListScalar) -> np.ndarray:
    """``[8, T]`` codes of a row.

    Raises:
        ValueError: there are none, or the codebooks are not of one length.
    """
    if not value.is_valid:
        raise ValueError("no codes at all, null; run `fisherprep check`")
    codebooks = value.values
    lengths = set(np.diff(codebooks.offsets.to_numpy()).tolist())
    if len(lengths) > 1:
        raise ValueError(
            f"codes whose codebooks have {sorted(lengths)} frames, not all the same; run `fisherprep check`"
        )
    return codebooks.flatten().to_numpy().reshape(NUM_CODEBOOKS, -1)
