"""Forced alignment with the English model that comes inside the pocketsphinx package.

What was found to matter, on synthetic telephone speech with known word times:

- Best-path search over the word lattice is switched off. It is pocketsphinx's default for grammars too, ignores that
  every word has to be used, and was what returned turns short of words or empty.
- The model is a wideband one, and digital silence has no logarithm of its energy: see `fisherprep.align.widen`.
- pocketsphinx learns noise from the turn alone, which is short; subtracting what the whole channel's pauses hold first
  (`fisherprep.align.denoise`) brought words within 80 ms at 10 dB of white noise from 94 to 96 %, of pink 95 to 97 %.
- Beams are tight at first, which is fast; a turn that does not reach its last word is searched again with wide ones.
- Every turn starts a new stream, or the noise estimate of the turn before would shift its times.

Scores are pocketsphinx's own: relative, in every frame, to the best of the states looked at there. Right words score
about -2 a frame, wrong ones about -5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fisherprep.align.accents import with_accents
from fisherprep.align.aligner import ALIGNER_RATE_HZ, AlignedWord, Piece, ScoreLimits
from fisherprep.align.denoise import denoised
from fisherprep.align.onsets import without_weak_starts
from fisherprep.align.place import fill_between
from fisherprep.align.pronounce import pronounce
from fisherprep.align.widen import widened

FRAME_S = 0.01
BEAMS = (1e-40, 1e-200)
"""Beam of the first try, and of the second."""
LEVEL_DBFS = -23.0
"""Level to which the loud parts of a turn are brought."""
MIN_FRAMES = 10
"""Below a tenth of a second there is no speech to find."""
_SCORE_SCALE = 1024.0
"""pocketsphinx shifts scores right by SENSCR_SHIFT = 10 bits (hmm.h) and does not shift those of words back."""


class PocketsphinxAligner:
    """`Aligner` on pocketsphinx's embedded model; one decoder serves any number of turns."""

    name = "pocketsphinx"
    limits = ScoreLimits(turn=-4.0, uncertain_turn=-3.6, side_median=-3.4)
    """Measured on generated telephone speech: scores of turns with their own words, and with another turn's words of
    about as many (docs/alignment.md has the figures)."""

    def __init__(self) -> None:
        self._decoder = _decoder()
        self._entries: dict[str, str | None] = {}

    def align_many(self, pieces: Sequence[Piece]) -> list[list[AlignedWord] | None]:
        """See `Aligner.align_many`: one piece after the other."""
        return [self.align(piece.samples, piece.words, piece.noise) for piece in pieces]

    def align(
        self, samples: np.ndarray, words: Sequence[str], noise: np.ndarray | None = None
    ) -> list[AlignedWord] | None:
        """One piece. Every pronunciation that `pronounce` gives is tried, and those of other accents."""
        entries = [self._entry(word) for word in words]
        spoken = [entry for entry in entries if entry]
        if not spoken or len(samples) < MIN_FRAMES * FRAME_S * ALIGNER_RATE_HZ:
            return None
        clean = samples if noise is None else denoised(samples, noise)
        sound = _sixteen_bit(widened(clean))
        for beam in BEAMS:
            found = self._search(clean, sound, spoken, beam)
            if found is not None:
                heard = iter(found)
                placed = [next(heard) if entry else None for entry in entries]
                return fill_between(words, placed, len(samples) / ALIGNER_RATE_HZ)
        return None

    def _entry(self, word: str) -> str | None:
        """The word's name in the decoder's dictionary, under which its pronunciations are added; None without any."""
        if word not in self._entries:
            forms = with_accents(pronounce(word, self._decoder.lookup_word))
            entry = f"_{len(self._entries)}"
            for number, phones in enumerate(forms, start=1):
                self._decoder.add_word(entry if number == 1 else f"{entry}({number})", " ".join(phones), False)
            self._entries[word] = entry if forms else None
        return self._entries[word]

    def _search(self, clean: np.ndarray, sound: bytes, entries: list[str], beam: float) -> list[AlignedWord] | None:
        decoder = self._decoder
        for name in ("beam", "pbeam", "wbeam"):
            decoder.config[name] = beam
        decoder.set_align_text(" ".join(entries))
        decoder.start_stream()
        decoder.start_utt()
        decoder.process_raw(sound, full_utt=True)
        decoder.end_utt()
        segments = [s for s in decoder.seg() or () if s.word.startswith("_")]
        if [s.word.partition("(")[0] for s in segments] != entries:
            return None
        onsets = [decoder.lookup_word(s.word).split()[0] for s in segments]
        return without_weak_starts(clean, [self._word(s) for s in segments], onsets)

    def _word(self, segment: Any) -> AlignedWord:
        start, end = segment.start_frame, segment.end_frame + 1
        score = math.log(max(segment.ascore, 1e-300)) * _SCORE_SCALE / (end - start)
        return AlignedWord(start * FRAME_S, end * FRAME_S, score, self.name)


def _decoder() -> Any:
    from pocketsphinx import Config, Decoder, get_model_path

    config = Config(
        hmm=get_model_path("en-us/en-us"),
        dict=get_model_path("en-us/cmudict-en-us.dict"),
        lm=None,
        loglevel="FATAL",
        bestpath=False,
        lw=1.0,
        silprob=0.5,
    )
    return Decoder(config)


def _sixteen_bit(samples: np.ndarray) -> bytes:
    return np.clip(np.rint(samples * (32768 * 10 ** (LEVEL_DBFS / 20))), -32768, 32767).astype("<i2").tobytes()
