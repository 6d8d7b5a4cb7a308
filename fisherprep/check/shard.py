"""The tables of one shard, as the checks see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class Shard:
    name: str
    tables: dict[str, pa.Table]

    def frame(self, table: str, *columns: str) -> pd.DataFrame:
        return self.tables[table].select(list(columns)).to_pandas()

    def durations(self) -> dict[str, float]:
        calls = self.tables["conversations"]
        return dict(zip(calls["call_id"].to_pylist(), calls["duration_s"].to_pylist(), strict=True))


Check = Callable[[Shard], Iterator[str]]
"""One invariant: yields what does not hold. Its name, read as a sentence, is what a finding says."""
