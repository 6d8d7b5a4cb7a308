"""Where in a call a side can be heard alone: the spans its candidate voice prompts are cut from.

A candidate is speech of one side without interruption: words that surely are that side's and surely lie there, with
nothing else said, laughed or heard between them, while the other channel is far softer. How long NVIDIA's own training
prompts were is not published; their packaged voices, and these, are of the order of ten seconds.

Legend: B blocks of 100 ms.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from fisherprep.codec import DEFAULT_VOICES
from fisherprep.schema import CODEC_RATE_HZ, FRAME_RATE_HZ, SIDES

MIN_S, MAX_S = 2.0, 10.0
"""A shorter span is no voice prompt; a longer one is cut between words."""
PAUSE_S = 0.8
"""Words of one side with at most this between them make one stretch of speech."""
MARGIN_S = 0.1
"""Kept around words, of one's own as sound that belongs to them, of the other side's as sound to keep away from."""
APART_DB = 15.0
"""How far the other channel must lie below the side's own: speech, or its echo, would be closer."""
AUDIBLE_DBFS = -60.0
"""A softer span is no voice, whatever the transcript says."""
WINDOW_S = 2048 / FRAME_RATE_HZ
"""Length of a trained window: spans farther apart than this touch no window together."""
DOUBTFUL = frozenset({"uncertain", "rejected", "empty", "mended_times", "guessed_times"})
"""Flags of turns whose words or times are not sure, or that are no speech."""
BLOCK_S = 0.1

_BLOCK = round(BLOCK_S * CODEC_RATE_HZ)
_NOISE = re.compile(r"[<{]|\[(?!\s*u[hm]\s*\])", re.IGNORECASE)
"""Markup of laughter, noise or another language; ``[uh]`` and ``[um]`` are words."""

Span = tuple[float, float]
"""Start and end in the call, in seconds."""


@dataclass(frozen=True)
class Candidate:
    """A span of the call, and what qualifies it."""

    start_s: float
    end_s: float
    apart_db: float
    num_words: int

    @property
    def length_s(self) -> float:
        """Its length."""
        return self.end_s - self.start_s

    @property
    def why(self) -> str:
        """What qualifies it, in words."""
        return (
            f"{self.num_words} words in {self.length_s:.1f} s without a pause over {PAUSE_S} s, the other channel "
            f"{self.apart_db:.0f} dB below; no other turn, laughter, noise or doubtful word"
        )


def block_powers(samples: np.ndarray) -> np.ndarray:
    """Mean squares [2, B] of both channels, float32 [2, N] at 24 kHz, by blocks of 100 ms, without a short last one."""
    blocks = samples[:, : samples.shape[1] // _BLOCK * _BLOCK].reshape(2, -1, _BLOCK)
    return np.einsum("cbn,cbn->cb", blocks, blocks) / _BLOCK


def candidates(
    side: str,
    turns: Sequence[Mapping[str, Any]],
    words: Sequence[Mapping[str, Any]],
    powers: np.ndarray,
    unsure: Collection[Span] = (),
    count: int = DEFAULT_VOICES,
) -> list[Candidate]:
    """Up to ``count`` spans of a side's voice, the best first: the longest, and of those the one farthest apart.

    Where the call has two that no trained window can hold together, two such are among them.

    Args:
        side: whose voice.
        turns: rows of the turns table, one call.
        words: rows of the words table, the same call.
        powers: [2, B] of `block_powers`.
        unsure: spans in which somebody says something that the transcript does not tell.
        count: how many at the most.
    """
    guessed = {word["turn"] for word in words if word["method"] == "proportional"}
    sure = {turn["turn"] for turn in turns if turn["side"] == side and _is_sure(turn) and turn["turn"] not in guessed}
    own = sorted((w["start_s"], w["end_s"]) for w in words if w["turn"] in sure)
    others = sorted(
        [(turn["start_s"], turn["end_s"]) for turn in turns if turn["turn"] not in sure]
        + [(w["start_s"] - MARGIN_S, w["end_s"] + MARGIN_S) for w in words if w["turn"] not in sure]
        + list(unsure)
    )
    pieces = [piece for stretch in _stretches(own, _merged(others)) for piece in _pieces(stretch)]
    found = [one for span, size in pieces if (one := _heard(span, size, SIDES.index(side), powers))]
    return _spread(found, count)


def _is_sure(turn: Mapping[str, Any]) -> bool:
    return not DOUBTFUL.intersection(turn["flags"]) and not _NOISE.search(turn["text"])


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for start_s, end_s in spans:
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
        else:
            merged.append((start_s, end_s))
    return merged


def _stretches(own: Sequence[Span], others: Sequence[Span]) -> Iterator[list[Span]]:
    """Runs of words without a long pause and with nothing of ``others``, which are in order and apart, among them."""
    ends = [end_s for _, end_s in others]

    def clear(start_s: float, end_s: float) -> bool:
        following = bisect_right(ends, start_s)
        return following == len(others) or others[following][0] >= end_s

    run: list[Span] = []
    last_s = 0.0
    for start_s, end_s in own:
        if run and (start_s - last_s > PAUSE_S or not clear(last_s, end_s + MARGIN_S)):
            yield run
            run, last_s = [], 0.0
        if run or clear(start_s - MARGIN_S, end_s + MARGIN_S):
            run.append((start_s, end_s))
            last_s = max(last_s, end_s)
    if run:
        yield run


def _pieces(run: list[Span]) -> Iterator[tuple[Span, int]]:
    """Spans of a run of words, cut where it gets longer than a voice prompt may be, each with its number of words."""
    first = 0
    for i in range(1, len(run) + 1):
        if i == len(run) or run[i][1] - run[first][0] > MAX_S - 2 * MARGIN_S:
            start_s, end_s = run[first][0] - MARGIN_S, max(end_s for _, end_s in run[first:i]) + MARGIN_S
            if first > 0:
                start_s = max(start_s, run[first - 1][1])
            if i < len(run):
                end_s = min(end_s, run[i][0])
            yield (start_s, end_s), i - first
            first = i


def _heard(span: Span, num_words: int, channel: int, powers: np.ndarray) -> Candidate | None:
    """The span where it is long enough, and heard on its own channel far above the other."""
    start_s = round(max(0.0, span[0]), 6)
    end_s = round(min(span[1], start_s + MAX_S, powers.shape[1] * BLOCK_S), 6)
    inside = powers[:, int(start_s / BLOCK_S) : max(int(end_s / BLOCK_S), int(start_s / BLOCK_S) + 1)]
    if end_s - start_s < MIN_S or not inside.size:
        return None
    levels_db = 10 * np.log10(np.maximum(inside.mean(axis=1), 1e-12))
    apart_db = float(levels_db[channel] - levels_db[1 - channel])
    if levels_db[channel] < AUDIBLE_DBFS or apart_db < APART_DB:
        return None
    return Candidate(start_s, end_s, apart_db, num_words)


def _rank(one: Candidate) -> tuple[float, float, float]:
    return -round(one.length_s, 1), -one.apart_db, one.start_s


def _spread(found: list[Candidate], count: int) -> list[Candidate]:
    """The best ``count``, with the best pair that is a window apart among them where there is one."""
    ranked = sorted(found, key=_rank)
    far = ((i, j) for i, j in combinations(range(len(ranked)), 2) if _gap_s(ranked[i], ranked[j]) >= WINDOW_S)
    pair = min(far, key=lambda ij: (ij[1], ij[0]), default=()) if count > 1 else ()
    rest = [i for i in range(len(ranked)) if i not in pair]
    return [ranked[i] for i in sorted([*pair, *rest[: count - len(pair)]])]


def _gap_s(one: Candidate, other: Candidate) -> float:
    return max(one.start_s, other.start_s) - min(one.end_s, other.end_s)
