"""From the turns of a side to words in time: where to cut, what to search, and what to do where nothing is found.

A turn is cut out with a little of the silence around it, never with a part of the same side's neighbouring turns: where
those are nearer than the margin, or overlap, the middle between them is the border. So words never go backwards from
one turn to the next, unless one turn lies wholly inside another.

Where the words are not found, or their first or last has a score so low that the cut may have lost a part of it, more
of the sound around is searched, and the better of the two is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from fisherprep.align.aligner import AlignedWord, Aligner, Piece, ScoreLimits, turn_score
from fisherprep.align.channel import Channel
from fisherprep.align.place import in_milliseconds, proportional

MARGIN_S = 0.2
"""Sound on either side of a turn that is searched too: transcripts' times cut words."""
WIDE_MARGIN_S = 0.7
"""Sound on either side where the turn's words were not found, or its edges may be cut."""
WORTH_IT = 0.25
"""How much better a turn's score must be with the wide margin, which offers more places for a word to go wrong."""
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
    wide: Span

    @property
    def own(self) -> Span:
        """The turn's own times, inside the audio."""
        limit_s = self.channel.duration_s
        return min(self.turn["start_s"], limit_s), min(self.turn["end_s"], limit_s)

    @property
    def second(self) -> Span:
        """A second chance: with the wide margin, and all of the turn where a neighbour overlaps it."""
        return min(self.wide[0], self.own[0]), max(self.wide[1], self.own[1])

    def piece(self, span: Span) -> Piece:
        return Piece(self.channel.cut(*span), self.turn["words"], self.channel.noise)


def find_turns(sides: Sequence[tuple[Channel, list[Row]]], aligner: Aligner) -> list[FoundTurn]:
    """The words of all turns of some sides, each given by its channel and its turns (with words, in order of start).

    The aligner is asked at most twice, each time for as many turns as there are.
    """
    searches = [
        _Search(channel, *search)
        for channel, turns in sides
        if turns
        for search in zip(
            turns, cuts(turns, channel.duration_s), cuts(turns, channel.duration_s, WIDE_MARGIN_S), strict=True
        )
    ]
    audible = [index for index, s in enumerate(searches) if not s.channel.is_silent(*s.span)]
    found = _ask(aligner, {i: (searches[i], searches[i].span) for i in audible})
    again = [i for i in audible if searches[i].second != searches[i].span and _doubtful(found.get(i), aligner.limits)]
    for i, answer in _ask(aligner, {i: (searches[i], searches[i].second) for i in again}).items():
        if i not in found or _score(answer[0]) > _score(found[i][0]) + WORTH_IT:
            found[i] = answer
    heard = set(audible)
    return [
        _in_call(search, *found[i], None) if i in found else _fallback(search, i in heard)
        for i, search in enumerate(searches)
    ]


_Answer = tuple[list[AlignedWord], float]
"""A turn's words, and the time in the call that theirs count from."""


def _ask(aligner: Aligner, searches: dict[int, tuple[_Search, Span]]) -> dict[int, _Answer]:
    """What the aligner finds in a span of each search, by the same numbers; those without an answer are left out."""
    answers = aligner.align_many([search.piece(span) for search, span in searches.values()])
    spans = [span for _, span in searches.values()]
    return {i: (words, span[0]) for i, words, span in zip(searches, answers, spans, strict=True) if words}


def _doubtful(answer: _Answer | None, limits: ScoreLimits) -> bool:
    """Whether the words were not found, or the first or the last of them may be cut."""
    return answer is None or any((word.score or 0.0) < limits.turn for word in (answer[0][0], answer[0][-1]))


def _score(words: list[AlignedWord]) -> float:
    score = turn_score(words)
    return -math.inf if score is None else score


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


def cuts(turns: Sequence[Row], duration_s: float, margin_s: float = MARGIN_S) -> list[Span]:
    """Where to cut one side's turns (in order of start) out of its channel: start and end of each, in seconds."""
    ends = list(accumulate((turn["end_s"] for turn in turns), max))
    borders = [(end + after["start_s"]) / 2 for end, (_, after) in zip(ends, pairwise(turns), strict=False)]
    spans = []
    for turn, left, right in zip(turns, [0.0, *borders], [*borders, duration_s], strict=True):
        start = min(max(turn["start_s"] - margin_s, left, 0.0), duration_s)
        end = min(turn["end_s"] + margin_s, right, duration_s)
        if end - start < MIN_CUT_S:
            start, end = min(turn["start_s"], duration_s), min(turn["end_s"], duration_s)
        spans.append((start, end))
    return spans
