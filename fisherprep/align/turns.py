"""From the turns of a side to words in time: where to cut, what to search, and what to do where nothing is found.

A turn is cut out with a little of the silence around it, never with a part of the same side's neighbouring turns: where
those are nearer than the margin, or overlap, the middle between them is the border. So words never go backwards from
one turn to the next, unless one turn lies wholly inside another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from fisherprep.align.aligner import AlignedWord, Aligner, Piece
from fisherprep.align.channel import Channel
from fisherprep.align.place import in_milliseconds, proportional

MARGIN_S = 0.2
"""Sound on either side of a turn that is searched too: transcripts' times cut words."""
MIN_CUT_S = 0.1
"""A turn whose neighbours leave it less than this is cut at its own times."""
SHORT_WORD_S = 0.05
"""A turn in which nothing was found, with less time a word than this, is called too short."""

Row = dict[str, Any]
Span = tuple[float, float]


@dataclass(frozen=True)
class FoundTurn:
    """A turn's words in the time of its call."""

    turn: Row
    words: list[AlignedWord]
    """their times are those of a piece: `times_s` has the call's"""
    times_s: list[Span]
    """start and end of each word, whole milliseconds"""
    fallback: str | None
    """why the times are no more than proportional: silent, too_short or not_found; None: they are not"""


@dataclass(frozen=True)
class _Search:
    """A turn, and the span of its channel in which its words are looked for."""

    channel: Channel
    turn: Row
    span: Span

    @property
    def own(self) -> Span:
        """The turn's own times, inside the audio."""
        limit_s = self.channel.duration_s
        return min(self.turn["start_s"], limit_s), min(self.turn["end_s"], limit_s)

    @property
    def whole(self) -> Span:
        """Where an overlapping neighbour took a part of the turn, the whole of it is a second chance."""
        return min(self.span[0], self.own[0]), max(self.span[1], self.own[1])

    def piece(self, span: Span) -> Piece:
        return Piece(self.channel.cut(*span), self.turn["words"], self.channel.noise)


def find_turns(sides: Sequence[tuple[Channel, list[Row]]], aligner: Aligner) -> list[FoundTurn]:
    """The words of all turns of some sides, each with its channel and its turns (with words, in order of start).

    The aligner is asked at most twice, each time for as many turns as there are.
    """
    searches = [
        _Search(channel, turn, span)
        for channel, turns in sides
        for turn, span in zip(turns, cuts(turns, channel.duration_s) if turns else [], strict=True)
    ]
    audible = [index for index, s in enumerate(searches) if not s.channel.is_silent(*s.span)]
    found: dict[int, tuple[list[AlignedWord], float]] = {}
    for attempt in ("span", "whole"):
        asked = [i for i in audible if i not in found and (attempt == "span" or searches[i].whole != searches[i].span)]
        spans = [getattr(searches[i], attempt) for i in asked]
        answers = aligner.align_many([searches[i].piece(span) for i, span in zip(asked, spans, strict=True)])
        found |= {i: (words, span[0]) for i, words, span in zip(asked, answers, spans, strict=True) if words}
    heard = set(audible)
    return [
        _in_call(search, *found[i], None) if i in found else _fallback(search, i in heard)
        for i, search in enumerate(searches)
    ]


def _in_call(search: _Search, words: list[AlignedWord], offset_s: float, fallback: str | None) -> FoundTurn:
    times = in_milliseconds(words, offset_s, search.channel.length_ms)
    return FoundTurn(search.turn, words, [(start / 1000, end / 1000) for start, end in times], fallback)


def _fallback(search: _Search, heard: bool) -> FoundTurn:
    """Times in proportion to letters."""
    words, own = search.turn["words"], search.own
    too_short = own[1] - own[0] < SHORT_WORD_S * len(words)
    reason = "silent" if not heard else "too_short" if too_short else "not_found"
    inner = max(search.span[0], own[0]), min(search.span[1], own[1])
    return _in_call(search, proportional(words, *(inner if inner[0] < inner[1] else own)), 0.0, reason)


def cuts(turns: Sequence[Row], duration_s: float) -> list[Span]:
    """Where to cut one side's turns (in order of start) out of its channel: start and end of each, in seconds."""
    ends = list(accumulate((turn["end_s"] for turn in turns), max))
    borders = [(end + after["start_s"]) / 2 for end, (_, after) in zip(ends, pairwise(turns), strict=False)]
    spans = []
    for turn, left, right in zip(turns, [0.0, *borders], [*borders, duration_s], strict=True):
        start = min(max(turn["start_s"] - MARGIN_S, left, 0.0), duration_s)
        end = min(turn["end_s"] + MARGIN_S, right, duration_s)
        if end - start < MIN_CUT_S:
            start, end = min(turn["start_s"], duration_s), min(turn["end_s"], duration_s)
        spans.append((start, end))
    return spans
