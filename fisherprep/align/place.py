"""Times for words that no aligner placed: between their neighbours, or in proportion to their letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise

from fisherprep.align.aligner import BETWEEN, PROPORTIONAL, AlignedWord
from fisherprep.word_times import held_within

MIN_WORD_S = 0.06
"""What a word between two others takes at least, from its neighbours if it must."""
MAX_EDGE_WORD_S = 0.3
"""What a word at the edge of a turn takes at most of the sound beyond its neighbour."""


def proportional(words: Sequence[str], start_s: float, end_s: float, method: str = PROPORTIONAL) -> list[AlignedWord]:
    """Share a span among words by their number of letters; scores are None."""
    letters = [max(1, sum(c.isalnum() for c in word)) for word in words]
    edges = [start_s + (end_s - start_s) * n / sum(letters) for n in accumulate(letters, initial=0)]
    return [AlignedWord(start, end, None, method) for start, end in pairwise(edges)]


def fill_between(words: Sequence[str], placed: Sequence[AlignedWord | None], duration_s: float) -> list[AlignedWord]:
    """Give each word that is None a time between its neighbours; ``placed`` holds one other at least.

    Words between two others share the gap; where it is too small they take up to half of each neighbour.
    """
    filled = list(placed)
    for missing, indices in groupby(range(len(words)), key=lambda i: placed[i] is None):
        if missing:
            run = list(indices)
            _fill_run(words, filled, run[0], run[-1] + 1, duration_s)
    return [word for word in filled if word is not None]


def _fill_run(words: Sequence[str], filled: list[AlignedWord | None], first: int, stop: int, duration_s: float) -> None:
    """Place the words ``first`` to ``stop - 1``, whose neighbours are placed."""
    before = filled[first - 1] if first else None
    after = filled[stop] if stop < len(words) else None
    start_s, end_s = _room(before, after, stop - first, duration_s)
    if before and before.end_s > start_s:
        filled[first - 1] = replace(before, end_s=start_s)
    if after and after.start_s < end_s:
        filled[stop] = replace(after, start_s=end_s)
    filled[first:stop] = proportional(words[first:stop], start_s, end_s, BETWEEN)


def _room(before: AlignedWord | None, after: AlignedWord | None, count: int, duration_s: float) -> tuple[float, float]:
    """Start and end of the time for ``count`` words between two neighbours, either of which may be missing."""
    start_s = before.end_s if before else max(0.0, after.start_s - count * MAX_EDGE_WORD_S) if after else 0.0
    end_s = after.start_s if after else min(duration_s, start_s + count * MAX_EDGE_WORD_S)
    lacking = count * MIN_WORD_S - (end_s - start_s)
    if lacking > 0:
        spare_before = (before.end_s - before.start_s) / 2 if before else 0.0
        spare_after = (after.end_s - after.start_s) / 2 if after else 0.0
        share = min(1.0, lacking / (spare_before + spare_after))
        start_s, end_s = start_s - share * spare_before, end_s + share * spare_after
    return start_s, end_s


def in_milliseconds(words: Sequence[AlignedWord], offset_s: float, limit_ms: int) -> list[tuple[int, int]]:
    """Starts and ends as whole milliseconds of the audio: ``offset_s`` added, each word 1 ms long at least.

    No word reaches into the next, the first starts at 0 or later, the last ends at ``limit_ms`` or earlier.

    Raises:
        ValueError: there are more words than milliseconds.
    """
    if len(words) > limit_ms:
        raise ValueError(f"{len(words)} words do not fit into {limit_ms} ms of audio")
    times: list[tuple[int, int]] = []
    free = 0
    for word in words:
        start = max(free, round((offset_s + word.start_s) * 1000))
        free = max(start + 1, round((offset_s + word.end_s) * 1000))
        times.append((start, free))
    return held_within(times, limit_ms)
