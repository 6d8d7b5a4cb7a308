"""What an aligner is: words and the sound of a turn in, a time for every word out."""

from __future__ import annotations

from collections.abc import Sequence
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
    """log-likelihood per 10 ms frame, higher is better; None where nothing was heard"""
    method: str
    """name of the aligner, or `BETWEEN`"""


class Aligner(Protocol):
    """Finds words in sound. What it answers depends on its arguments alone, not on what it was asked before."""

    name: str

    def align(self, samples: np.ndarray, words: Sequence[str]) -> list[AlignedWord] | None:
        """A time for each word.

        Args:
            samples: float32 [N], mono, 16 kHz, -1 to 1: one speaker's turn and a little around it.
            words: the turn's words, in order.

        Returns:
            As many items as words, in order, none reaching into the next; None where the words cannot be found in the
            samples.
        """
        ...
