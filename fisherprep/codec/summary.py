"""Counts of what became of the text rows, for the summary of a run; they add up over sides, calls and shards."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from fisherprep.codec.text_stream import TextStream
from fisherprep.stage import StageSummary

_SHIFTS = (1, 2, 4, 8, 16)
"""Where counts of shifted tokens begin anew, in frames; counts by distance add up over shards, quantiles do not."""


def text_counters(stream: TextStream) -> Counter[str]:
    """Counts that add up over sides, calls and shards."""
    distance = np.abs(stream.shifts)
    counters = Counter(text_frames=len(stream.tokens), text_tokens=len(distance), text_tokens_shifted=stream.shifted)
    for low, high in zip(_SHIFTS, (*_SHIFTS[1:], None), strict=True):
        count = int(((distance >= low) & (distance < (high or np.inf))).sum())
        counters[f"text_tokens_shifted: {_span(low, high)} frames"] = count
    counters += Counter({f"text_frames_masked: {why}": count for why, count in stream.masked.items()})
    counters += Counter({f"words_left_out: {why}": count for why, count in stream.left_out.items()})
    return counters


def _span(low: int, high: int | None) -> str:
    return f"{low} or more" if high is None else str(low) if high == low + 1 else f"{low} to {high - 1}"


def with_shares(summary: StageSummary) -> StageSummary:
    """The summary with each count of masked frames as a share of all text frames beside it."""
    counters = Counter(summary.counters)
    for name, count in summary.counters.items():
        if name.startswith("text_frames_masked: "):
            counters[f"{name}, share"] = count / summary.counters["text_frames"]  # type: ignore[assignment]
    return replace(summary, counters=counters)
