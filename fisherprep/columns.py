"""One column of a table, from Python values or straight from NumPy arrays: no number becomes a Python object.

Legend: K codebooks, T frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def column(values: list[Any], type_: pa.DataType) -> pa.Array:
    """An Arrow array of ``type_``. Lists of numbers may be given as arrays [T], lists of K lists as arrays [K, T].

    Raises:
        ValueError: arrays have another number of rows than the type's lists (K).
    """
    if not values or not all(isinstance(value, np.ndarray) for value in values):
        return pa.array([v.tolist() if isinstance(v, np.ndarray) else v for v in values], type_)
    if not pa.types.is_fixed_size_list(type_):
        return _lists(values, type_)
    rows = type_.list_size
    if any(value.ndim != 2 or len(value) != rows for value in values):
        raise ValueError(f"arrays of shapes {sorted({v.shape for v in values})}, expected [{rows}, T]")
    inner = _lists([row for value in values for row in value], type_.value_type)
    return pa.FixedSizeListArray.from_arrays(inner, type=type_)


def _lists(values: list[np.ndarray], type_: pa.DataType) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(value) for value in values])]).astype(np.int32)
    flat = pa.array(np.concatenate(values), type_.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), flat, type=type_)
