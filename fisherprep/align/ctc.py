"""Forced alignment with a CTC model of characters: any wav2vec2-style checkpoint of transformers.

A turn's words are spelled with the model's characters, its word delimiter between them, and the likeliest path through
the model's log-probabilities that says just these says when each is said. A word lasts from its first character's first
frame to its last character's last. CTC models are sure of a character for a frame or two and give blanks in between,
so a word's end tends to be early; its start, which places text on Mimi's frames, is what matters.

A score is the mean log-probability per frame of the word's characters, 0 at best.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fisherprep.align.aligner import ALIGNER_RATE_HZ, AlignedWord, Piece, ScoreLimits
from fisherprep.align.ctc_model import CtcFiles, CtcModel
from fisherprep.align.place import fill_between
from fisherprep.align.viterbi import Paths, forced_paths
from fisherprep.device import one_thread

if TYPE_CHECKING:
    from torch import Tensor

_GUESS, _DOUBT = -math.log(30), -math.log(10)
"""Score of a character drawn at random, the models have some thirty; and of one in ten."""
LATTICE_CELLS = 1 << 26
"""States times frames of the items that are searched at once; a byte each."""
MAX_LATTICE_CELLS = 1 << 30
"""Of one item: half an hour of speech without a pause. More is not searched."""


class CtcAligner:
    """`Aligner` on a CTC model; what it answers for a piece depends on that piece alone, but for float rounding.

    Args:
        files: the checkpoint.
        device: of torch.
        batch_seconds: sound that the model hears at once.

    Raises:
        ValueError: transformers is not installed, or the files are no model that fits (`CtcModel`).
    """

    name = "ctc"
    limits = ScoreLimits(turn=_GUESS, uncertain_turn=_DOUBT, side_median=_DOUBT)
    """Defaults from what a score means, tuned on no speech: a turn whose characters are no likelier than a guess is not
    heard there, and where there is doubt, or over a whole side, three times as likely is asked for."""

    def __init__(self, files: CtcFiles, device: str, batch_seconds: float) -> None:
        self._model = CtcModel(files, device)
        self._batch_seconds = batch_seconds

    def align_many(self, pieces: Sequence[Piece]) -> list[list[AlignedWord] | None]:
        """See `Aligner.align_many`. None where no word has a character, or the piece has too few frames for them."""
        texts = [self._text(piece.words) for piece in pieces]
        with one_thread():
            return self._found(pieces, texts)

    def _found(self, pieces: Sequence[Piece], texts: Sequence[_Text]) -> list[list[AlignedWord] | None]:
        asked = [at for at, (piece, text) in enumerate(zip(pieces, texts, strict=True)) if self._has_room(piece, text)]
        heard = self._model.log_probs([pieces[at].samples for at in asked], self._batch_seconds)
        found: list[list[AlignedWord] | None] = [None] * len(pieces)
        for batch in _batches([(len(probs), len(texts[at].labels)) for at, probs in zip(asked, heard, strict=True)]):
            here = [asked[index] for index in batch]
            paths = self._paths([heard[index] for index in batch], [texts[at].labels for at in here])
            for row, at in enumerate(here):
                found[at] = self._words(pieces[at], texts[at], paths, row) if paths.feasible[row] else None
        return found

    def _text(self, words: Sequence[str]) -> _Text:
        alphabet = self._model.alphabet
        labels: list[int] = []
        spans: list[tuple[int, int] | None] = []
        for word in words:
            spelled = alphabet.spell(word)
            if spelled and labels and alphabet.delimiter is not None:
                labels.append(alphabet.delimiter)
            spans.append((len(labels), len(labels) + len(spelled)) if spelled else None)
            labels += spelled
        return _Text(labels, spans)

    def _has_room(self, piece: Piece, text: _Text) -> bool:
        frames, labels = self._model.num_frames(len(piece.samples)), len(text.labels)
        return 0 < labels <= frames and _cells(frames, labels) <= MAX_LATTICE_CELLS

    def _paths(self, heard: list[Tensor], labels: list[list[int]]) -> Paths:
        """Of a batch; its results are on the CPU."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        device = heard[0].device
        targets = pad_sequence([torch.tensor(item) for item in labels], batch_first=True).to(device)
        lengths = torch.tensor([len(item) for item in heard], device=device)
        target_lengths = torch.tensor([len(item) for item in labels], device=device)
        with torch.inference_mode():
            log_probs = pad_sequence(heard, batch_first=True)
            return forced_paths(log_probs, lengths, targets, target_lengths, self._model.alphabet.blank).cpu()

    def _words(self, piece: Piece, text: _Text, paths: Paths, row: int) -> list[AlignedWord]:
        starts, ends, scores = (part[row].numpy() for part in (paths.starts, paths.ends, paths.scores))
        duration_s = len(piece.samples) / ALIGNER_RATE_HZ
        placed: list[AlignedWord | None] = []
        for span in text.spans:
            if span is None:
                placed.append(None)
                continue
            said = slice(*span)
            score = float(np.average(scores[said], weights=ends[said] - starts[said]))
            start_s, end_s = self._time_s(starts[said][0]), min(duration_s, self._time_s(ends[said][-1]))
            placed.append(AlignedWord(start_s, end_s, score, self.name))
        return fill_between(piece.words, placed, duration_s)

    def _time_s(self, frame: int) -> float:
        """Where a frame's share of the sound begins."""
        return float(frame * self._model.stride + self._model.offset) / ALIGNER_RATE_HZ


@dataclass(frozen=True)
class _Text:
    """A turn in a model's characters."""

    labels: list[int]
    spans: list[tuple[int, int] | None]
    """of each word, the first of its labels and the one after its last; None: it has none"""


def _cells(frames: int, labels: int) -> int:
    return frames * (2 * labels + 1)


def _batches(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Items of so many frames and labels in batches of similar ones, padded to `LATTICE_CELLS` at most."""
    batch: list[int] = []
    most_labels = 0
    for index in sorted(range(len(sizes)), key=lambda at: (sizes[at], at)):
        frames, labels = sizes[index]
        most_labels = max(most_labels, labels)
        if batch and (len(batch) + 1) * _cells(frames, most_labels) > LATTICE_CELLS:
            yield batch
            batch, most_labels = [], labels
        batch.append(index)
    if batch:
        yield batch
