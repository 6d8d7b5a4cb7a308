"""A transcript against the channels: do its sides speak where it says, are the channels swapped, what is not in it.

Legend: F frames of 10 ms; C = 2 channels or sides. In the straight assignment side a is channel 1, as the corpus
states; in the crossed one it is channel 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus.channels_levels import FRAME_S
from fisherprep.schema import SIDES

MIN_EVIDENCE_S = 2.0
"""Speech of exactly one channel in turns of exactly one side that a verdict needs."""
SURE_SCORE = 0.5
"""Absolute score from which there is a verdict: three of four seconds of evidence agree."""
PADDING_S = 0.25
"""How far speech may spill out of its turn: transcript times have slack, forced alignments cut words."""
MAX_GAP_S = 0.3
"""Shorter pauses do not end a region of speech; longer ones do."""
MIN_REGION_S = 0.2
"""A region has at least so much of it outside of all padded turns."""
MIN_BURST_S = 0.06
"""Shorter bursts are no speech: clicks, drop-outs of the line."""

Mask = NDArray[np.bool_]
Region = tuple[float, float]


class Spoken(Protocol):
    """What is read of a turn; ``side`` is a or b, times are in seconds of the audio."""

    @property
    def side(self) -> str: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def words(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class SwapVerdict:
    """Whether side a is heard on channel 2 and side b on channel 1."""

    score: float | None
    """(straight - crossed) / (straight + crossed) seconds of evidence, from 1 to -1; None: no evidence at all"""
    swapped: bool | None
    """None: less than `MIN_EVIDENCE_S` of evidence, or neither assignment fits"""
    evidence_s: float


def swap_verdict(own: Mask, turns: Iterable[Spoken]) -> SwapVerdict:
    """Compare both assignments of the sides to the channels.

    Evidence are frames in which one side alone is transcribed (turns with words) and one channel alone holds speech of
    its own: overlaps, slack of the times, untranscribed speech and pauses weigh little or nothing, and levels are not
    compared between the channels.

    Args:
        own: ``[C, F]``, speech of each channel's own side.
        turns: the transcript.
    """
    said = turn_mask([t for t in turns if t.words], own.shape[1])
    only_a, only_b = said[0] & ~said[1], said[1] & ~said[0]
    only_1, only_2 = own[0] & ~own[1], own[1] & ~own[0]
    straight = np.count_nonzero(only_a & only_1) + np.count_nonzero(only_b & only_2)
    crossed = np.count_nonzero(only_a & only_2) + np.count_nonzero(only_b & only_1)
    evidence = straight + crossed
    if not evidence:
        return SwapVerdict(None, None, 0.0)
    score = (straight - crossed) / evidence
    sure = evidence * FRAME_S >= MIN_EVIDENCE_S and abs(score) >= SURE_SCORE
    return SwapVerdict(score, score < 0 if sure else None, evidence * FRAME_S)


def agreement(own: Mask, said: Mask) -> float | None:
    """Correlation of a channel's speech ``[F]`` with its side's turns ``[F]``; None where one of them never changes."""
    if not (0 < np.count_nonzero(own) < own.size and 0 < np.count_nonzero(said) < said.size):
        return None
    return float(np.corrcoef(own, said)[0, 1])


def untranscribed(own: Mask, turns: Iterable[Spoken], side: str) -> list[Region]:
    """Speech of a channel ``[F]`` outside of all the side's turns, whatever those hold.

    A region ends at a pause longer than `MAX_GAP_S`, and where a turn begins. It is kept when `MIN_REGION_S` of its
    speech are further than `PADDING_S` from every turn of the side.

    Returns:
        (start_s, end_s), in order, to hundredths of a second.
    """
    mine = [t for t in turns if t.side == side]
    row = SIDES.index(side)
    outside = ~turn_mask(mine, own.size)[row]
    far = ~turn_mask(mine, own.size, PADDING_S)[row]
    speech = _drop_short(own, MIN_BURST_S) & outside
    regions = []
    for first, last in _runs(_close_gaps(speech, MAX_GAP_S) & outside):
        if np.count_nonzero(speech[first:last] & far[first:last]) * FRAME_S >= MIN_REGION_S:
            regions.append((round(int(first) * FRAME_S, 2), round(int(last) * FRAME_S, 2)))
    return regions


def stretches(own: Mask, min_burst_s: float, max_gap_s: float) -> list[Region]:
    """Stretches of a channel's speech ``[F]``: without shorter bursts, and across pauses that are no longer."""
    runs = _runs(_close_gaps(_drop_short(own, min_burst_s), max_gap_s))
    return [(round(int(first) * FRAME_S, 2), round(int(last) * FRAME_S, 2)) for first, last in runs]


def turn_mask(turns: Iterable[Spoken], num_frames: int, padding_s: float = 0.0) -> Mask:
    """[C, F] frames inside the turns of each side, made longer by ``padding_s`` at both ends."""
    mask = np.zeros((len(SIDES), num_frames), bool)
    for turn in turns:
        first, last = ((turn.start_s - padding_s) / FRAME_S, (turn.end_s + padding_s) / FRAME_S)
        mask[SIDES.index(turn.side), max(round(first), 0) : max(round(last), 0)] = True
    return mask


def _runs(mask: Mask) -> NDArray[np.int64]:
    """[R, 2] first frame and end of each run of true frames."""
    return np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2)


def _drop_short(mask: Mask, min_s: float) -> Mask:
    kept = np.zeros_like(mask)
    for first, last in _runs(mask):
        kept[first:last] = (last - first) * FRAME_S >= min_s
    return kept


def _close_gaps(mask: Mask, max_s: float) -> Mask:
    """The mask with short false runs between true ones filled."""
    closed = mask.copy()
    runs = _runs(mask)
    for (_, end), (start, _) in pairwise(runs):
        if (start - end) * FRAME_S <= max_s:
            closed[end:start] = True
    return closed
