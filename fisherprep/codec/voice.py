"""Where in a call a side can be heard alone: the span its voice prompt is cut from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MIN_S, MAX_S = 2.0, 8.0
"""A shorter span is no voice prompt; a longer one is cut."""
PAUSE_S = 0.5
"""Turns of one side with at most this between them make one stretch of speech."""
DOUBTFUL = frozenset({"uncertain", "rejected", "empty", "mended_times", "fallback"})
"""Flags of turns whose words or times are not sure, or that are no speech."""


@dataclass(frozen=True)
class Span:
    """A span of the call, and what qualifies it."""

    start_s: float
    end_s: float
    why: str


def voice_span(turns: Sequence[Mapping[str, Any]], side: str, fallback: Collection[int] = ()) -> Span | None:
    """The longest stretch of a side's own turns during which nothing else is said, at most 8 s of it.

    Args:
        turns: rows of the turns table, one call.
        side: whose voice.
        fallback: numbers of turns that failed to align.

    Returns:
        None where no stretch lasts 2 s.
    """
    sure = [t["side"] == side and not DOUBTFUL.intersection(t["flags"]) and t["turn"] not in fallback for t in turns]
    own = sorted((t["start_s"], t["end_s"]) for t, ok in zip(turns, sure, strict=True) if ok)
    others = sorted((t["start_s"], t["end_s"]) for t, ok in zip(turns, sure, strict=True) if not ok)
    alone = [part for stretch in _joined(own) for part in _outside(stretch, others)]
    start_s, end_s = max(alone, key=lambda part: (part[1] - part[0], -part[0]), default=(0.0, 0.0))
    if end_s - start_s < MIN_S:
        return None
    why = f"longest stretch of the side's own sure turns ({end_s - start_s:.1f} s), the other side silent"
    return Span(start_s, min(end_s, start_s + MAX_S), why)


def _joined(own: list[tuple[float, float]]) -> list[tuple[float, float]]:
    stretches: list[tuple[float, float]] = []
    for start_s, end_s in own:
        if stretches and start_s - stretches[-1][1] <= PAUSE_S:
            stretches[-1] = (stretches[-1][0], max(stretches[-1][1], end_s))
        else:
            stretches.append((start_s, end_s))
    return stretches


def _outside(stretch: tuple[float, float], others: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The parts of a stretch that none of ``others`` (in order of start) touches."""
    start_s, end_s = stretch
    for other_start_s, other_end_s in others:
        if other_start_s > start_s:
            yield start_s, min(end_s, other_start_s)
        start_s = max(start_s, other_end_s)
        if start_s >= end_s:
            return
    yield start_s, end_s
