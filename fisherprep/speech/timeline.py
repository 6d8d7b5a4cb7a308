"""A dialogue on two separate channels: every line spoken, cut into units, placed in time, and mixed.

Legend: a unit is speech of one side without a pause (``timing.JOIN_S``); a line has one or more of them. Times are laid
out by ``placing.py``, so that a measurement of the result finds the distributions of ``timing.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from fisherprep.schema import SIDES
from fisherprep.speech.espeak import say as say_espeak
from fisherprep.speech.placing import Floor, Unit
from fisherprep.speech.timing import JOIN_S, Timing
from fisherprep.speech.tts import Speech

__all__ = ["KINDS", "Line", "Placed", "Rendered", "Timing", "render"]

KINDS = ("turn", "backchannel", "interruption", "pause")
_BLOCK = 16
"""Lines that are placed together: what they ask of time is weighed against each other."""
_SOUND_DB = -45.0
"""Quieter than an utterance's loudest frame by so much is silence, where an engine does not say when its words are."""
_FRAME_S = 0.01
_MAX_CUT_WORDS = 3


@dataclass(frozen=True)
class Line:
    """One utterance of a dialogue, in the order in which the utterances begin.

    A ``backchannel`` is laid inside the other side's latest utterance; an ``interruption`` begins before that one ends;
    a ``pause`` is a turn after a long silence.
    """

    side: str
    words: tuple[str, ...]
    kind: str = "turn"


@dataclass(frozen=True)
class Placed:
    """An utterance with its times from the start of the audio."""

    line: int
    """index into the lines that were given"""
    side: str
    words: tuple[str, ...]
    """those that are said: of an utterance that was broken off, not all"""
    start_s: float
    end_s: float
    starts_s: tuple[float, ...] | None
    """one per word; None where the engine gives no word times"""
    ends_s: tuple[float, ...] | None
    cut: bool = False
    """the other side interrupted it, and it broke off"""


@dataclass(frozen=True)
class Rendered:
    """A dialogue as sound and words."""

    samples: np.ndarray
    """float32 [2, N]; row 0 is side a, row 1 side b"""
    rate_hz: int
    placed: tuple[Placed, ...]
    """in the order of the lines"""


@dataclass(frozen=True)
class _Piece:
    """The sound of one unit; word times from its own start, none where the engine gives none."""

    samples: np.ndarray
    words: int
    starts_s: tuple[float, ...]
    ends_s: tuple[float, ...]


@dataclass
class _Spoken:
    """A line, its sound, and its units once they are placed."""

    index: int
    line: Line
    pieces: list[_Piece]
    timed: bool
    cut: bool = False
    units: list[Unit] | None = None


def render(
    lines: Sequence[Line],
    voices: Mapping[str, Any],
    rng: np.random.Generator,
    timing: Timing,
    max_s: float | None,
    say: Callable[[tuple[str, ...], Any, int], Speech] | None = None,
) -> Rendered:
    """Speak the lines on two channels and place them in time.

    Args:
        lines: utterances in the order in which they begin.
        voices: the voice of side a and of side b, as ``say`` takes them.
        rng: where the times are drawn from; what it yields decides all of them.
        timing: the distributions.
        max_s: no further line is added once the dialogue is this long; lines are never cut. None: all lines.
        say: speaks the words of a line (by its number) in a voice; None: espeak-ng, in one of its own voices.

    Raises:
        ValueError: there are no lines, or a line has an unknown side or kind or nothing that can be spoken.
    """
    if not lines:
        raise ValueError("a dialogue without lines: expected at least one")
    for index, line in enumerate(lines):
        if line.side not in SIDES or line.kind not in KINDS:
            raise ValueError(f"line {index}: found side {line.side!r}, kind {line.kind!r}; expected {SIDES}, {KINDS}")
    speak = say or (lambda words, voice, _: say_espeak(words, voice))
    floor = Floor(timing, rng)
    done: list[_Spoken] = []
    rate_hz = 0
    for block in _blocks(lines):
        spoken: list[_Spoken] = []
        for index, line in block:
            speech = speak(line.words, voices[line.side], index)
            rate_hz = rate_hz or speech.rate_hz
            spoken.append(_pieces(index, line, _at_rate(speech, rate_hz), rate_hz))
        _place(spoken, floor, rate_hz)
        for part in spoken:
            done.append(part)
            if max_s is not None and max(_end_s(s) for s in done) >= max_s:
                return _mix(done, rate_hz, timing.lead_out_s)
    return _mix(done, rate_hz, timing.lead_out_s)


def _blocks(lines: Sequence[Line]) -> Iterator[list[tuple[int, Line]]]:
    numbered = list(enumerate(lines))
    for first in range(0, len(numbered), _BLOCK):
        yield numbered[first : first + _BLOCK]


def _end_s(spoken: _Spoken) -> float:
    assert spoken.units
    return spoken.units[-1].end_s


# -- from speech to units --------------------------------------------------------------------------------------------


def _at_rate(speech: Speech, rate_hz: int) -> Speech:
    """All of a dialogue's sound has one rate, that of its first utterance."""
    if speech.rate_hz == rate_hz:
        return speech
    import soxr

    samples = soxr.resample(speech.samples, speech.rate_hz, rate_hz, quality="HQ").astype(np.float32)
    return replace(speech, samples=samples, rate_hz=rate_hz)


def _pieces(index: int, line: Line, speech: Speech, rate_hz: int) -> _Spoken:
    if speech.starts_s is None or speech.ends_s is None:
        spans = _sounding(speech.samples, rate_hz)
        return _Spoken(index, line, [_Piece(speech.samples[a:b], 0, (), ()) for a, b in spans], timed=False)
    pieces = []
    for first, last in _runs(speech.starts_s, speech.ends_s):
        start_s, end_s = speech.starts_s[first], speech.ends_s[last - 1]
        starts = tuple(t - start_s for t in speech.starts_s[first:last])
        ends = tuple(t - start_s for t in speech.ends_s[first:last])
        sound = speech.samples[round(start_s * rate_hz) : round(end_s * rate_hz)]
        pieces.append(_Piece(sound, last - first, starts, ends))
    return _Spoken(index, line, pieces, timed=True)


def _runs(starts_s: Sequence[float], ends_s: Sequence[float]) -> Iterator[tuple[int, int]]:
    """First and last-plus-one of the words that no pause parts."""
    first = 0
    for i in range(1, len(starts_s)):
        if starts_s[i] - ends_s[i - 1] >= JOIN_S:
            yield first, i
            first = i
    yield first, len(starts_s)


def _sounding(samples: np.ndarray, rate_hz: int) -> list[tuple[int, int]]:
    """First and last-plus-one sample of each stretch of sound; a shorter silence than a pause parts nothing."""
    hop = round(_FRAME_S * rate_hz)
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop).astype(np.float64)
    level = np.sqrt(np.mean(frames**2, axis=1)) if len(frames) else np.zeros(0)
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (_SOUND_DB / 20))
    if not len(loud):
        raise ValueError("the voice gave silence, expected sound")
    breaks = [i for i, (a, b) in enumerate(pairwise(loud), 1) if (b - a - 1) * hop >= JOIN_S * rate_hz]
    runs = np.split(loud, breaks)
    return [(int(run[0]) * hop, min((int(run[-1]) + 1) * hop, len(samples))) for run in runs]


# -- placing -----------------------------------------------------------------------------------------------------------


def _place(block: list[_Spoken], floor: Floor, rate_hz: int) -> None:
    """Give every line of a block its units, with their times on whole samples."""
    for before, spoken in pairwise(block):
        interrupts = spoken.line.kind == "interruption" and before.line.side != spoken.line.side
        if interrupts and before.line.kind != "backchannel" and floor.rng.random() < floor.timing.cut_share:
            _break_off(before, floor.rng, rate_hz)
    for spoken in block:
        lengths = [len(piece.samples) / rate_hz for piece in spoken.pieces]
        spoken.units = floor.add(spoken.line.side, spoken.line.kind, lengths)
    floor.place()
    for spoken in block:
        for unit in spoken.units or ():
            unit.start_s = round(unit.start_s * rate_hz) / rate_hz


def _break_off(spoken: _Spoken, rng: np.random.Generator, rate_hz: int) -> None:
    """Take up to three words from the end of what is interrupted, at most half of its last unit, and no number."""
    last = spoken.pieces[-1]
    most = min(_MAX_CUT_WORDS, last.words // 2)
    count = int(rng.integers(1, _MAX_CUT_WORDS + 1))
    words = spoken.line.words[len(spoken.line.words) - count :]
    if not spoken.timed or count > most or any(c.isdigit() for word in words for c in word):
        return
    left = last.words - count
    sound = last.samples[: round(last.ends_s[left - 1] * rate_hz)].copy()
    fade = min(rate_hz // 100, len(sound))
    sound[len(sound) - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    spoken.pieces[-1] = _Piece(sound, left, last.starts_s[:left], last.ends_s[:left])
    spoken.cut = True


def _mix(spoken: list[_Spoken], rate_hz: int, lead_out_s: float) -> Rendered:
    end_s = max(_end_s(s) for s in spoken)
    samples = np.zeros((2, round((end_s + lead_out_s) * rate_hz)), np.float32)
    placed = []
    for part in spoken:
        starts: list[float] = []
        ends: list[float] = []
        assert part.units
        for unit, piece in zip(part.units, part.pieces, strict=True):
            first = round(unit.start_s * rate_hz)
            samples[SIDES.index(part.line.side), first : first + len(piece.samples)] += piece.samples
            starts += [unit.start_s + t for t in piece.starts_s]
            ends += [unit.start_s + t for t in piece.ends_s]
        words = part.line.words[: len(starts)] if part.timed else part.line.words
        start_s, last_s = (starts[0], ends[-1]) if part.timed else (part.units[0].start_s, _end_s(part))
        times = (tuple(starts), tuple(ends)) if part.timed else (None, None)
        placed.append(Placed(part.index, part.line.side, words, start_s, last_s, times[0], times[1], part.cut))
    return Rendered(samples, rate_hz, tuple(placed))
