"""Speech of a side that none of its words tells: where a transcript leaves out a part of what is said.

Speech is what ingest takes for it (`fisherprep.corpus.channels_activity`): louder than the line's noise, and than what
leaks from the other side. What lies under a word or close to it is told; a laugh, a breath or a noise that the
transcript marks explains the sound between the words it stands between. A word that holds far more sound than its
letters need was stretched over what is not told.

Legend: F frames of 10 ms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fisherprep.align.turns import FoundTurn, Row, Span
from fisherprep.corpus.channels import MAX_RATE_HZ, MIN_RATE_HZ
from fisherprep.corpus.channels_activity import find_activity
from fisherprep.corpus.channels_levels import FRAME_S, measure
from fisherprep.corpus.normalize import normalize
from fisherprep.schema import SIDES

MIN_UNTOLD_S = 0.3
"""Speech in a region that no word tells. A syllable takes 0.2 s; words' ends, which aligners put early, take less."""
MIN_BURST_S = 0.05
MAX_PAUSE_S = 0.3
"""A region goes on across pauses up to this, as those of ingest do."""
BEFORE_WORD_S, AFTER_WORD_S = 0.1, 0.15
"""Sound this close to a word is the word's: half of what is searched around a turn, and a voice that dies away."""
AROUND_REGION_S = 0.1
"""Speech begins softly: a region is longer by this at both ends, as far as no word is there."""
AROUND_TURN_S = 0.25
"""How far the sound that a marker explains reaches out of its turn."""
STRETCHED_S, STRETCHED_LETTER_S = 0.7, 0.1
"""A word that holds more speech than this, and that for each letter, is stretched."""

Mask = NDArray[np.bool_]
_MARKER = re.compile(r"\[(?!\[|\s*(?:skip|uh|um)\s*\])[^\[\]]*\]|<[^<>]*noise[^<>]*>|\{[^{}]*\}", re.IGNORECASE)
"""Markup that stands for sound without words; ``[[skip]]`` and words of another language stand for speech."""


def explains_sound(text: str) -> bool:
    """Whether a turn's text has a marker of laughter, breath or noise."""
    return bool(_MARKER.search(text))


def own_speech(call: Row, samples: NDArray[np.int16], rate_hz: int) -> dict[str, Mask]:
    """By side: bool [F], frames in which it speaks; none where sides cannot be told apart.

    Args:
        call: its row in conversations.
        samples: [2, N].
        rate_hz: of the samples.
    """
    if "same_sound" in call["flags"] or not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        return {side: np.zeros(0, bool) for side in SIDES}
    activity = find_activity(np.stack([measure(channel, rate_hz).power for channel in samples]))
    return {side: _without_bursts(own) for side, own in zip(SIDES, activity.own, strict=True)}


def untold_speech(own: Mask, found: Sequence[FoundTurn], unspoken: Sequence[Row]) -> list[Span]:
    """Where a side speaks and none of its words tells what, in order; spans may reach into words beside them.

    Args:
        own: [F] of the side.
        found: its turns with words.
        unspoken: its other turns; what is heard in them is theirs, whether it is a laugh or speech in doubt.
    """
    told = np.zeros(len(own), bool)
    for turn in found:
        for start_s, end_s in turn.times_s:
            told[_frames(start_s - BEFORE_WORD_S, end_s + AFTER_WORD_S)] = True
        for start_s, end_s in _explained(turn):
            told[_frames(start_s, end_s)] = True
    for row in unspoken:
        told[_frames(row["start_s"] - AROUND_TURN_S, row["end_s"] + AROUND_TURN_S)] = True
    return [
        (start_s - AROUND_REGION_S, end_s + AROUND_REGION_S)
        for start_s, end_s, speech_s in _regions(own & ~told, ~told)
        if speech_s >= MIN_UNTOLD_S
    ]


def all_speech(own: Mask) -> list[Span]:
    """Where a side speaks at all, in order."""
    everywhere = np.ones(len(own), bool)
    return [(start - AROUND_REGION_S, end + AROUND_REGION_S) for start, end, _ in _regions(own, everywhere)]


def is_stretched(own: Mask, word: str, times_s: Span) -> bool:
    """Whether a word holds far more speech than it can be."""
    letters = sum(c.isalnum() for c in word)
    return bool(own[_frames(*times_s)].sum() * FRAME_S > STRETCHED_S + STRETCHED_LETTER_S * letters)


def _explained(found: FoundTurn) -> Iterator[Span]:
    """The gaps between a turn's words in which its text has a marker; all of the turn where they cannot be counted."""
    turn, text = found.turn, found.turn["text"]
    edges = [turn["start_s"] - AROUND_TURN_S, turn["end_s"] + AROUND_TURN_S]
    ends = [min(edges[0], found.times_s[0][0]), *(end_s for _, end_s in found.times_s)]
    starts = [*(start_s for start_s, _ in found.times_s), max(edges[1], found.times_s[-1][1])]
    for marker in _MARKER.finditer(text):
        before, after = len(normalize(text[: marker.start()])), len(normalize(text[marker.end() :]))
        if before + after == len(found.words):
            yield ends[before], starts[before]
        else:
            yield ends[0], starts[-1]


def _frames(start_s: float, end_s: float) -> slice:
    return slice(max(0, round(start_s / FRAME_S)), max(0, round(end_s / FRAME_S)))


def _regions(speech: Mask, open_: Mask) -> Iterator[tuple[float, float, float]]:
    """Start, end and seconds of speech of each region: across short pauses, and only where it is ``open_``."""
    joined = speech.copy()
    for (_, end), (start, _) in pairwise(_runs(speech)):
        if (start - end) * FRAME_S <= MAX_PAUSE_S and open_[end:start].all():
            joined[end:start] = True
    for first, last in _runs(joined):
        yield first * FRAME_S, last * FRAME_S, float(speech[first:last].sum() * FRAME_S)


def _without_bursts(mask: Mask) -> Mask:
    kept = np.zeros_like(mask)
    for first, last in _runs(mask):
        kept[first:last] = (last - first) * FRAME_S >= MIN_BURST_S
    return kept


def _runs(mask: Mask) -> list[tuple[int, int]]:
    """First frame and end of each run of true frames."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
