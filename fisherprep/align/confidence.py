"""How well a side's words were found, and where its text must not be believed: a row of the alignments table.

In an unknown span the side speaks, but what it says, or when, is not known; a model that learned "no token" there would
learn to be silent while it speaks. What makes a span unknown:

==============  ==================================================================================================
``untranscribed``  speech outside of all turns, as ingest found it; speech that no word of the side tells, inside of
                   turns or at their edges, and words stretched over such speech (`fisherprep.align.untold`)
``uncertain``      a turn that the transcriber or an earlier alignment doubted, ``(( ))``, and whose score is below the
                   aligner's limit for such turns; or one without words where there is sound, unless a marker of
                   laughter or noise explains it
``low_score``      any other turn whose score is below the limit, or any turn of a side that is poorly aligned
``not_found``      a turn whose words are placed in proportion to letters, for whatever reason, silence included: the
                   words are not where the text would put them
==============  ==================================================================================================

Spans and words keep clear of each other: a word lies in unknown spans as a whole, and is left out of the text, or
touches none of them, and is kept. A side that is poorly aligned keeps no word: all its turns and all its speech are
unknown. Where turns of a side overlap and a word to be kept would lie across one to be left
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
from fisherprep.align.untold import Mask, all_speech, explains_sound, is_stretched, untold_speech
from fisherprep.schema import UNKNOWN_WHY

UNTRANSCRIBED, UNCERTAIN, LOW_SCORE, NOT_FOUND = UNKNOWN_WHY
DOUBTED = frozenset({"uncertain", "rejected"})
"""Flags of turns in ``(( ))``."""
MIN_COVERAGE = 0.8
"""A side of whose words fewer than this share were heard is flagged ``poorly_aligned``."""
SUSPECT = frozenset({"transcript_mismatch", "channels_swapped"})
"""Flags of a call whose sides need not be that bad:"""
MAX_DOUBTED = 0.5
"""there, one of whose words more than this share are in turns that are not believed is poorly aligned too."""
_SPEECH_LEFT_OUT = re.compile(r"\[\[?\s*skip|<(?![^<>]*noise)[^<>]*\w", re.IGNORECASE)
"""Markup that stands for speech: ``[[skip]]``, and words of another language."""


@dataclass(frozen=True)
class _Unknown:
    start_s: float
    end_s: float
    why: str


@dataclass(frozen=True, eq=False)
class HeardSide:
    """One side of a call as it was heard.

    Args:
        turns: its turns that have no words.
        found: its other turns.
        channel: its sound.
        own: bool [F], 10 ms frames in which it speaks.
    """

    turns: Sequence[Row]
    found: Sequence[FoundTurn]
    channel: Channel
    own: Mask


def alignment_row(call: Row, side: str, heard: HeardSide, limits: ScoreLimits) -> Row:
    """The row of one side of a call.

    Args:
        call: its row in conversations.
        side: a or b.
        heard: what was heard of it.
        limits: of the aligner that found the words.
    """
    scores = [word.score for turn in heard.found for word in turn.words if word.score is not None]
    num_words = sum(len(turn.words) for turn in heard.found)
    coverage = len(scores) / num_words if num_words else None
    median = float(np.median(scores)) if scores else None
    poor = coverage is not None and (
        coverage < MIN_COVERAGE
        or (median is not None and median < limits.side_median)
        or (not SUSPECT.isdisjoint(call["flags"]) and _share_doubted(heard.found, limits) > MAX_DOUBTED)
    )
    untranscribed = call[f"untranscribed_{side}"] or ()
    spans = [_Unknown(s["start_s"], s["end_s"], UNTRANSCRIBED) for s in untranscribed]
    unknown = _all_unknown(heard, limits) if poor else _unknown(heard, limits)
    return {
        "call_id": call["call_id"],
        "side": side,
        "num_words": num_words,
        "coverage": coverage,
        "score_p05": float(np.quantile(scores, 0.05)) if scores else None,
        "score_median": median,
        "unknown": [vars(span) for span in _sorted_out(spans + unknown.spans, unknown.words, heard.channel.duration_s)],
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


@dataclass(frozen=True)
class _Found:
    """Spans, and the words with why they are not known (None: they are)."""

    spans: list[_Unknown]
    words: list[tuple[Span, str | None]]


def _unknown(heard: HeardSide, limits: ScoreLimits) -> _Found:
    spans = [_Unknown(t["start_s"], t["end_s"], UNCERTAIN) for t in heard.turns if _is_unheard_speech(t, heard.channel)]
    spans += [_Unknown(*span, UNTRANSCRIBED) for span in untold_speech(heard.own, heard.found, heard.turns)]
    words: list[tuple[Span, str | None]] = []
    for turn in heard.found:
        if why := doubt(turn, limits):
            spans.append(_whole(turn, why))
        for text, times in zip(turn.turn["words"], turn.times_s, strict=True):
            words.append((times, why or (UNTRANSCRIBED if is_stretched(heard.own, text, times) else None)))
    return _Found(spans, words)


def _all_unknown(heard: HeardSide, limits: ScoreLimits) -> _Found:
    """Of a side that is poorly aligned: every word, every turn and all speech."""
    spans = [_Unknown(t["start_s"], t["end_s"], UNCERTAIN) for t in heard.turns]
    spans += [_Unknown(*span, UNTRANSCRIBED) for span in all_speech(heard.own)]
    whys = [doubt(turn, limits) or LOW_SCORE for turn in heard.found]
    spans += [_whole(turn, why) for turn, why in zip(heard.found, whys, strict=True)]
    return _Found(spans, [(times, why) for turn, why in zip(heard.found, whys, strict=True) for times in turn.times_s])


def _whole(found: FoundTurn, why: str) -> _Unknown:
    """A turn's own extent, and that of its words."""
    start_s = min(found.turn["start_s"], found.times_s[0][0])
    return _Unknown(start_s, max(found.turn["end_s"], found.times_s[-1][1]), why)


def _share_doubted(found: Sequence[FoundTurn], limits: ScoreLimits) -> float:
    """The share of a side's words that are in turns that are not believed; it has one at least."""
    doubted = sum(len(turn.words) for turn in found if doubt(turn, limits))
    return doubted / sum(len(turn.words) for turn in found)


def _is_unheard_speech(turn: Row, channel: Channel) -> bool:
    """Whether a turn without words is speech all the same: sound that no marker of laughter or noise explains."""
    doubted = not DOUBTED.isdisjoint(turn["flags"]) or bool(_SPEECH_LEFT_OUT.search(turn["text"]))
    if not doubted and explains_sound(turn["text"]):
        return False
    return not channel.is_silent(turn["start_s"], turn["end_s"])


def _sorted_out(
    spans: Sequence[_Unknown], words: Sequence[tuple[Span, str | None]], duration_s: float
) -> list[_Unknown]:
    """The spans of a side, clear of the words that are kept; of words that overlap each other all or none are kept."""
    kept: list[Span] = []
    lost: list[_Unknown] = []
    for group in _overlapping(words):
        if why := next((why for _, why in group if why), None):
            lost += [_Unknown(*times, why) for times, _ in group]
        else:
            kept += [times for times, _ in group]
    return _apart(_clipped(_rounded([*lost, *spans], duration_s), kept))


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
