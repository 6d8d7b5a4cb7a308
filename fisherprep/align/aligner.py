"""What an aligner is: words and the sound of turns in, a time for every word out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

ALIGNER_RATE_HZ = 16_000
"""Sample rate of what an aligner is given."""

BETWEEN = "between"
"""Method of a word that has no pronunciation and was placed between its neighbours."""
PROPORTIONAL = "proportional"
"""Method of a word whose turn could not be aligned: times in proportion to letters."""


@dataclass(frozen=True)
class AlignedWord:
    """When a word was said, from the start of the samples the aligner was given."""

    start_s: float
    end_s: float
    score: float | None
    """how well the sound fits the word, higher is better, on the aligner's own scale; None where nothing was heard"""
    method: str
    """name of the aligner, or `BETWEEN`"""


@dataclass(frozen=True, eq=False)
class Piece:
    """One speaker's turn and a little of the sound around it."""

    samples: np.ndarray
    """float32 [N], mono, 16 kHz, -1 to 1"""
    words: Sequence[str]
    """the turn's words, in order"""
    noise: np.ndarray | None = None
    """[257] power spectrum of the channel's steady noise, for aligners that mind it (`fisherprep.align.denoise`)"""


@dataclass(frozen=True)
class ScoreLimits:
    """Scores below which an aligner's words are not believed; each aligner has its own scale."""

    turn: float
    """score of a turn (`turn_score`) of which the transcript has no doubt"""
    uncertain_turn: float
    """the same, where the transcriber or an earlier alignment had doubts: flags ``uncertain`` and ``rejected``"""
    side_median: float
    """median of the scores of a side's words"""


def turn_score(words: Iterable[AlignedWord]) -> float | None:
    """Mean of the words' scores; None where no word was heard.

    It tells right text from wrong better than the median, or than the mean over frames does.
    """
    heard = [word.score for word in words if word.score is not None]
    return float(np.mean(heard)) if heard else None


class Aligner(Protocol):
    """Finds words in sound. What it answers for a piece depends on that piece alone, not on what else it was asked."""

    name: str
    limits: ScoreLimits

    def align_many(self, pieces: Sequence[Piece]) -> list[list[AlignedWord] | None]:
        """A time for each word of each piece.

        Args:
            pieces: any number of turns, of any length.

        Returns:
            An item a piece: as many words as it has, in order, none reaching into the next; None where its words cannot
            be found in its samples.
        """
        ...
