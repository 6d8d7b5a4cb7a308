"""How well a side's words were found, and where its text must not be believed: a row of the alignments table.

In an unknown span the side speaks, but what it says, or when, is not known; a model that learned "no token" there would
learn to be silent while it speaks. What makes a span unknown:

==============  ==================================================================================================
``untranscribed``  speech outside of all turns, as ingest found it
``uncertain``      a turn that the transcriber or an earlier alignment doubted, ``(( ))``, and whose score is below the
                   aligner's limit for such turns; or of which nothing but the doubt is written, where there is sound
``low_score``      any other turn whose score is below the limit
``not_found``      a turn whose words are placed in proportion to letters, for whatever reason, silence included: the
                   words are not where the text would put them
==============  ==================================================================================================

Spans and words keep clear of each other: a word lies in unknown spans as a whole, and is left out of the text, or
touches none of them, and is kept. Where turns of a side overlap and a word to be kept would lie across one to be left
out, it is left out as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fisherprep.align.aligner import ScoreLimits, turn_score
from fisherprep.align.channel import Channel
from fisherprep.align.turns import FoundTurn, Row, Span
from fisherprep.schema import UNKNOWN_WHY

UNTRANSCRIBED, UNCERTAIN, LOW_SCORE, NOT_FOUND = UNKNOWN_WHY
DOUBTED = frozenset({"uncertain", "rejected"})
"""Flags of turns in ``(( ))``."""
MIN_COVERAGE = 0.8
"""A side of whose words fewer than this share were heard is flagged ``poorly_aligned``."""
_SPEECH_LEFT_OUT = re.compile(r"\[\[?\s*skip|<(?![^<>]*noise)[^<>]*\w", re.IGNORECASE)
"""Markup that stands for speech: ``[[skip]]``, and words of another language."""


@dataclass(frozen=True)
class _Unknown:
    start_s: float
    end_s: float
    why: str


def alignment_row(
    call: Row, side: str, turns: Sequence[Row], found: Sequence[FoundTurn], channel: Channel, limits: ScoreLimits
) -> Row:
    """The row of one side of a call.

    Args:
        call: its row in conversations.
        side: a or b.
        turns: the side's turns that have no words.
        found: the side's other turns.
        channel: the side's sound.
        limits: of the aligner that found them.
    """
    scores = [word.score for turn in found for word in turn.words if word.score is not None]
    num_words = sum(len(turn.words) for turn in found)
    coverage = len(scores) / num_words if num_words else None
    median = float(np.median(scores)) if scores else None
    poor = coverage is not None and (coverage < MIN_COVERAGE or (median is not None and median < limits.side_median))
    return {
        "call_id": call["call_id"],
        "side": side,
        "num_words": num_words,
        "coverage": coverage,
        "score_p05": float(np.quantile(scores, 0.05)) if scores else None,
        "score_median": median,
        "unknown": [vars(span) for span in _unknown(call, side, turns, found, channel, limits)],
        "flags": ["poorly_aligned"] if poor else [],
    }


def given_row(call: Row, side: str, words: Sequence[Span]) -> Row:
    """The row of one side whose words came with their times: all are believed.

    Args:
        call: its row in conversations.
        side: a or b.
        words: start and end of the side's words, in order.
    """
    spans = [_Unknown(s["start_s"], s["end_s"], UNTRANSCRIBED) for s in call[f"untranscribed_{side}"] or ()]
    unknown = _apart(_clipped(_rounded(spans, int(call["duration_s"] * 1000) / 1000), words))
    row: Row = {"call_id": call["call_id"], "side": side, "num_words": len(words), "flags": []}
    row |= {"coverage": 1.0 if words else None, "score_p05": None, "score_median": None}
    return row | {"unknown": [vars(span) for span in unknown]}


def doubt(found: FoundTurn, limits: ScoreLimits) -> str | None:
    """Why a turn's words are not to be believed; None: they are."""
    score = turn_score(found.words)
    doubted = not DOUBTED.isdisjoint(found.turn["flags"])
    if found.fallback or score is None:
        return UNCERTAIN if doubted else NOT_FOUND
    if doubted:
        return UNCERTAIN if score < limits.uncertain_turn else None
    return LOW_SCORE if score < limits.turn else None


def _unknown(
    call: Row, side: str, turns: Sequence[Row], found: Sequence[FoundTurn], channel: Channel, limits: ScoreLimits
) -> list[_Unknown]:
    spans = [_Unknown(s["start_s"], s["end_s"], UNTRANSCRIBED) for s in call[f"untranscribed_{side}"] or ()]
    spans += [_Unknown(t["start_s"], t["end_s"], UNCERTAIN) for t in turns if _is_unheard_speech(t, channel)]
    words: list[tuple[Span, str | None]] = []
    for turn in found:
        why = doubt(turn, limits)
        words += [(times, why) for times in turn.times_s]
        if why:
            start_s = min(turn.turn["start_s"], turn.times_s[0][0])
            spans.append(_Unknown(start_s, max(turn.turn["end_s"], turn.times_s[-1][1]), why))
    kept, lost = _sorted_out(words)
    return _apart(_clipped(_rounded(spans + lost, channel.duration_s), kept))


def _is_unheard_speech(turn: Row, channel: Channel) -> bool:
    """Whether a turn without words is speech all the same: one in doubt, or left out of the text; not laughter."""
    marked = not DOUBTED.isdisjoint(turn["flags"]) or bool(_SPEECH_LEFT_OUT.search(turn["text"]))
    return marked and not channel.is_silent(turn["start_s"], turn["end_s"])


def _sorted_out(words: Sequence[tuple[Span, str | None]]) -> tuple[list[Span], list[_Unknown]]:
    """Words to keep, and the others as spans; of words that overlap each other all or none are kept."""
    kept: list[Span] = []
    lost: list[_Unknown] = []
    for group in _overlapping(words):
        if why := next((why for _, why in group if why), None):
            lost += [_Unknown(*span, why) for span, _ in group]
        else:
            kept += [span for span, _ in group]
    return kept, lost


def _overlapping(words: Sequence[tuple[Span, str | None]]) -> Iterator[list[tuple[Span, str | None]]]:
    group: list[tuple[Span, str | None]] = []
    end_s = 0.0
    for word in sorted(words, key=lambda word: word[0]):
        if group and word[0][0] >= end_s:
            yield group
            group = []
        end_s = max(end_s, word[0][1]) if group else word[0][1]
        group.append(word)
    if group:
        yield group


def _rounded(spans: Iterable[_Unknown], limit_s: float) -> Iterator[_Unknown]:
    """To whole milliseconds inside the audio."""
    for span in spans:
        yield _Unknown(round(max(span.start_s, 0.0), 3), round(min(span.end_s, limit_s), 3), span.why)


def _clipped(spans: Iterable[_Unknown], kept: Sequence[Span]) -> Iterator[_Unknown]:
    """What the words to keep leave of each span; words in order of start."""
    for span in spans:
        start_s = span.start_s
        for word in kept:
            if word[1] > start_s and word[0] < span.end_s:
                yield _Unknown(start_s, word[0], span.why)
                start_s = word[1]
        yield _Unknown(start_s, span.end_s, span.why)


def _apart(spans: Iterable[_Unknown]) -> list[_Unknown]:
    """In order, none reaching into the next, each longer than nothing; the same reason side by side is one span."""
    result: list[_Unknown] = []
    for span in sorted(spans, key=lambda span: (span.start_s, -span.end_s, span.why)):
        start_s = max(span.start_s, result[-1].end_s) if result else span.start_s
        if result and result[-1].why == span.why and start_s == result[-1].end_s >= span.start_s:
            result[-1] = _Unknown(result[-1].start_s, max(result[-1].end_s, span.end_s), span.why)
        elif start_s < span.end_s:
            result.append(_Unknown(start_s, span.end_s, span.why))
    return result


def counters(row: Row) -> Counter[str]:
    """What a row of the alignments table adds to the stage's counts."""
    count: Counter[str] = Counter({f"flagged sides: {flag}": 1 for flag in row["flags"]})
    for span in row["unknown"]:
        count[f"masked_s: {span['why']}"] += span["end_s"] - span["start_s"]
    return count
