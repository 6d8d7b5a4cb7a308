"""Windows of the codes table, cut where the codes lie: no other call is decoded, no row becomes Python objects.

Two sources: a table in memory or memory-mapped (``window``, ``CallWindows`` for what ``datasets.load_dataset`` gives),
and a shard of a work folder (``ShardWindows``), whose row groups hold one call each.

Legend: T frames of a call, L frames of a window; 17 rows: text of the agent, its 8 codebooks, the user's 8 codebooks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fisherprep.schema import NUM_CODEBOOKS, SIDES

if TYPE_CHECKING:
    import datasets

ROWS = 1 + 2 * NUM_CODEBOOKS
COLUMNS = tuple(f"{kind}_{side}" for kind in ("codes", "text") for side in SIDES)
"""What a window is cut from."""


def window(table: pa.Table, row: int, side: str, start: int, frames: int) -> np.ndarray:
    """A window of one call.

    Args:
        table: with the columns ``COLUMNS`` of the codes table.
        row: of the table.
        side: ``a`` or ``b``: the agent.
        start: first frame, from 0 to below T.
        frames: how many, at most: a window that reaches past the call's end is shorter.

    Returns:
        int16 ``[17, L]``, L = min(frames, T - start).

    Raises:
        ValueError: the row, the side or the frames are not there.
    """
    if not 0 <= row < table.num_rows:
        raise ValueError(f"row {row}: the table has rows 0 to {table.num_rows - 1}")
    if side not in SIDES:
        raise ValueError(f"side {side!r}: expected one of {', '.join(SIDES)}")
    user = SIDES[1 - SIDES.index(side)]
    text = table[f"text_{side}"][row].values
    if not 0 <= start < len(text) or frames < 1:
        raise ValueError(f"frames {start} to {start + frames}: the call has frames 0 to {len(text) - 1}")
    length = min(frames, len(text) - start)
    cut = np.empty((ROWS, length), np.int16)
    cut[0] = text.slice(start, length).to_numpy(zero_copy_only=False)
    for first, of in ((1, side), (1 + NUM_CODEBOOKS, user)):
        _cut_codes(table[f"codes_{of}"][row], start, cut[first : first + NUM_CODEBOOKS])
    return cut


def _cut_codes(call: pa.Scalar, start: int, into: np.ndarray) -> None:
    """Copy frames of a call's ``[8, T]`` codes into ``[8, L]``."""
    codebooks: Any = call.values  # a list of 8 lists
    offsets = codebooks.offsets.to_numpy()
    if (np.diff(offsets) < start + into.shape[1]).any():
        raise ValueError("a codebook has fewer frames than the text row; run `fisherprep check`")
    values = codebooks.values.to_numpy()
    for row, offset in enumerate(offsets[:-1]):
        into[row] = values[offset + start : offset + start + into.shape[1]]


class CallWindows:
    """Windows of what ``datasets.load_dataset`` gives: rows as that dataset numbers them, shuffled and selected too."""

    def __init__(self, dataset: datasets.Dataset) -> None:
        self._arrow = dataset.with_format("arrow", columns=list(COLUMNS))

    def __len__(self) -> int:
        return len(self._arrow)

    def window(self, row: int, side: str, start: int, frames: int) -> np.ndarray:
        """As ``window``."""
        if not 0 <= row < len(self):
            raise ValueError(f"row {row}: the dataset has rows 0 to {len(self) - 1}")
        return window(self._arrow[row], 0, side, start, frames)


class ShardWindows:
    """Windows of one Parquet file of the codes table; each call reads the one row group that holds the row.

    Not to be shared between threads.
    """

    def __init__(self, file: Path) -> None:
        """Open a shard.

        Raises:
            ValueError: it is no Parquet file, or not one of the codes table.
        """
        self._file = file
        try:
            self._parquet = pq.ParquetFile(file, memory_map=True, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as err:
            raise self._unreadable(err) from err
        if lacking := set(COLUMNS) - set(self._parquet.schema_arrow.names):
            raise ValueError(f"{file}: expected a shard of the codes table, which has {', '.join(sorted(lacking))}")
        metadata = self._parquet.metadata
        self._ends = np.cumsum([metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def row(self, row: int, columns: tuple[str, ...] = COLUMNS) -> pa.Table:
        """One row of the file as a table of one row.

        Raises:
            ValueError: there is no such row, or it is damaged.
        """
        if not 0 <= row < len(self):
            raise ValueError(f"row {row}: the shard has rows 0 to {len(self) - 1}")
        group = int(np.searchsorted(self._ends, row, side="right"))
        first = int(self._ends[group - 1]) if group else 0
        try:
            table = self._parquet.read_row_group(group, columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowException) as err:
            raise self._unreadable(err) from err
        return table.slice(row - first, 1)

    def _unreadable(self, err: Exception) -> ValueError:
        return ValueError(f"{self._file}: cannot be read ({err}); delete it and run `fisherprep encode` again")

    def window(self, row: int, side: str, start: int, frames: int) -> np.ndarray:
        """As ``window``."""
        return window(self.row(row), 0, side, start, frames)
