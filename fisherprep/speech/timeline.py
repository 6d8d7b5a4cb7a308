"""A dialogue on two separate channels: who speaks when, with gaps, overlaps, backchannels and interruptions.

Legend: floor-transfer offset (FTO) is the start of a turn minus the end of the other side's turn before it; above zero
it is a gap, below zero an overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fisherprep.schema import SIDES
from fisherprep.speech.espeak import Speech, Voice, say

KINDS = ("turn", "backchannel", "interruption", "pause")


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
    """An utterance with its times from the start of the audio, one per word."""

    line: int
    """index into the lines that were given"""
    side: str
    words: tuple[str, ...]
    starts_s: tuple[float, ...]
    ends_s: tuple[float, ...]


@dataclass(frozen=True)
class Timing:
    """Distributions that times are drawn from.

    FTO: a normal distribution with another spread on either side of its mode. Heldner & Edlund (2010, Journal of
    Phonetics 38, "Pauses, gaps and overlaps in conversations") and Stivers et al. (2009, PNAS 106, "Universals and
    cultural variation in turn-taking in conversation") report one mode between 0 and about 200 ms and tails on both
    sides, the longer one towards gaps. The defaults have their mode at 200 ms, their mean near 280 ms and overlaps at
    about a quarter of the turns; the two spreads are a choice of this package, not a fit.

    Pauses of a side that goes on speaking: log-normal, as silent pauses usually are; median and spread are a choice.
    """

    fto_mode_s: float = 0.2
    fto_early_s: float = 0.35
    """spread below the mode"""
    fto_late_s: float = 0.45
    """spread above the mode"""
    fto_limits_s: tuple[float, float] = (-0.8, 1.8)
    pause_median_s: float = 0.5
    pause_log_spread: float = 0.5
    pause_limits_s: tuple[float, float] = (0.2, 2.0)
    long_pause_s: tuple[float, float] = (1.5, 3.5)
    """silence before a line of kind ``pause``, uniform: longer than any that a turn's end leaves"""
    backchannel_span: tuple[float, float] = (0.3, 0.9)
    """part of the other side's utterance in which a backchannel may begin"""
    interruption_s: tuple[float, float] = (0.3, 1.0)
    """how long before the other side's end an interruption begins, uniform"""
    lead_in_s: tuple[float, float] = (0.3, 0.8)
    """silence before the first utterance, uniform"""
    lead_out_s: float = 0.5
    """silence after the last utterance"""

    def transfer_s(self, rng: np.random.Generator) -> float:
        """One floor-transfer offset."""
        early, late = self.fto_early_s, self.fto_late_s
        below = rng.random() < early / (early + late)
        deviation = abs(rng.standard_normal())
        offset = self.fto_mode_s + (-early if below else late) * deviation
        return float(np.clip(offset, *self.fto_limits_s))

    def pause_s(self, rng: np.random.Generator) -> float:
        """One pause between two utterances of the same side."""
        pause = self.pause_median_s * np.exp(self.pause_log_spread * rng.standard_normal())
        return float(np.clip(pause, *self.pause_limits_s))


@dataclass(frozen=True)
class Rendered:
    """A dialogue as sound and words."""

    samples: np.ndarray
    """float32 [2, N]; row 0 is side a, row 1 side b"""
    rate_hz: int
    placed: tuple[Placed, ...]
    """in the order of the lines"""


@dataclass
class _Floor:
    """Where the dialogue stands: the latest utterance that holds the floor, and when each side is free."""

    timing: Timing
    rng: np.random.Generator
    side: str = ""
    start_s: float = 0.0
    end_s: float = 0.0
    word_ends_s: tuple[float, ...] = ()
    free_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SIDES, 0.0))

    def begin(self, line: Line, length_s: float) -> float:
        """When the line begins: as its kind asks, and never while its own side is still speaking."""
        timing, rng = self.timing, self.rng
        if not self.side:
            return float(rng.uniform(*timing.lead_in_s))
        if line.kind == "pause":
            return max(self.end_s, self.free_s[line.side]) + float(rng.uniform(*timing.long_pause_s))
        if line.side == self.side:
            return self.free_s[line.side] + timing.pause_s(rng)
        if line.kind == "backchannel":
            wanted = self._inside(length_s)
        elif line.kind == "interruption":
            wanted = self.end_s - self._at_most_half(float(rng.uniform(*timing.interruption_s)), length_s)
        else:
            offset = timing.transfer_s(rng)
            wanted = self.end_s + (offset if offset >= 0 else -self._at_most_half(-offset, length_s))
        return max(wanted, self.free_s[line.side] + (timing.pause_limits_s[0] if self.free_s[line.side] else 0.0))

    def _at_most_half(self, overlap_s: float, length_s: float) -> float:
        """An overlap covers at most half of either utterance, so that both can be followed."""
        return min(overlap_s, (self.end_s - self.start_s) / 2, length_s / 2)

    def _inside(self, length_s: float) -> float:
        """The end of a word inside the floor holder's utterance, early enough for a backchannel to fit."""
        spoken_s = self.end_s - self.start_s
        earliest, latest = (self.start_s + part * spoken_s for part in self.timing.backchannel_span)
        latest = max(earliest, min(latest, self.end_s - length_s))
        word_ends = [t for t in self.word_ends_s if earliest <= t <= latest]
        return float(self.rng.choice(word_ends)) if word_ends else float(self.rng.uniform(earliest, latest))

    def take(self, line: Line, placed: Placed) -> None:
        """Note a placed line; a backchannel leaves the floor where it is."""
        self.free_s[line.side] = placed.ends_s[-1]
        if line.kind == "backchannel" and self.side and self.side != line.side:
            return
        self.side, self.start_s, self.end_s = line.side, placed.starts_s[0], placed.ends_s[-1]
        self.word_ends_s = placed.ends_s


def render(
    lines: Sequence[Line],
    voices: dict[str, Voice],
    rng: np.random.Generator,
    timing: Timing,
    max_s: float | None,
) -> Rendered:
    """Speak the lines on two channels and place them in time.

    Args:
        lines: utterances in the order in which they begin.
        voices: the voice of side a and of side b.
        rng: where the times are drawn from; what it yields decides all of them.
        timing: the distributions.
        max_s: no further line is added once the dialogue is this long; lines are never cut. None: all lines.

    Raises:
        ValueError: there are no lines, or a line has an unknown side or kind or nothing that can be spoken.
    """
    if not lines:
        raise ValueError("a dialogue without lines: expected at least one")
    floor = _Floor(timing, rng)
    spoken: list[tuple[Placed, Speech]] = []
    for index, line in enumerate(lines):
        if line.side not in SIDES or line.kind not in KINDS:
            raise ValueError(f"line {index}: found side {line.side!r}, kind {line.kind!r}; expected {SIDES}, {KINDS}")
        if spoken and max_s is not None and max(floor.free_s.values()) >= max_s:
            break
        speech = say(line.words, voices[line.side])
        rate_hz = speech.rate_hz
        begin_s = round(floor.begin(line, len(speech.samples) / rate_hz) * rate_hz) / rate_hz
        starts = tuple(begin_s + t for t in speech.starts_s)
        ends = tuple(begin_s + t for t in speech.ends_s)
        placed = Placed(index, line.side, line.words, starts, ends)
        floor.take(line, placed)
        spoken.append((placed, speech))
    return _mix(spoken, timing.lead_out_s)


def _mix(spoken: list[tuple[Placed, Speech]], lead_out_s: float) -> Rendered:
    rate_hz = spoken[0][1].rate_hz
    firsts = [round(placed.starts_s[0] * rate_hz) for placed, _ in spoken]
    end = max(first + len(speech.samples) for first, (_, speech) in zip(firsts, spoken, strict=True))
    samples = np.zeros((2, end + round(lead_out_s * rate_hz)), np.float32)
    for first, (placed, speech) in zip(firsts, spoken, strict=True):
        samples[SIDES.index(placed.side), first : first + len(speech.samples)] = speech.samples
    return Rendered(samples, rate_hz, tuple(placed for placed, _ in spoken))
