"""What was said, where it lies in time, and the transcript files of a call in LDC's and in BBN's form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from fisherprep.demo.layout import call_id
from fisherprep.demo.utterance import CLOSE, OPEN, Token, Transcriber, Utterance
from fisherprep.schema import SIDES

PADDING_S = (0.05, 0.2)
"""Slack of the transcriber's segmentation on either side of the speech."""
CUT_S = (0.01, 0.06)
"""How much a forced alignment cuts off, in ``CUT_SHARE`` of the line ends."""
CUT_SHARE = 0.05
NOISE_SHARE = 0.04
"""Share of a side's pauses in which the transcriber notes a noise."""
SWAP_SHARE = 0.02
"""Share of lines that stand one place too late."""
_RATE_HZ = 8000


@dataclass(frozen=True)
class Heard:
    """An utterance with the times of its spoken tokens."""

    utterance: Utterance
    starts_s: tuple[float, ...]
    ends_s: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """One line of a transcript."""

    side: str
    start_s: float
    end_s: float
    """to hundredths of a second, as written"""
    tokens: tuple[Token, ...]
    heard: Heard | None
    """None: a line with nothing but a noise"""

    @property
    def text(self) -> str:
        """The line's text."""
        return " ".join(t.text for t in self.tokens)

    @property
    def rejected(self) -> bool:
        """Whether the whole line is in ``(( ))``, as LDC wrapped what BBN's alignment rejected."""
        return bool(self.heard) and self.tokens[0].text == OPEN and self.tokens[-1].text == CLOSE


def cut_at(heard: Heard, limit_s: float) -> Heard | None:
    """What is left of an utterance when the recording ends: the words that end in time; None where there is none."""
    kept = sum(end <= limit_s for end in heard.ends_s)
    if kept == len(heard.ends_s):
        return heard
    if kept == 0:
        return None
    spoken = [i for i, t in enumerate(heard.utterance.tokens) if t.spoken]
    tokens = heard.utterance.tokens[: spoken[kept - 1] + 1]
    texts = [t.text for t in tokens]
    if texts.count(OPEN) > texts.count(CLOSE):
        tokens = (*tokens, Token(CLOSE))
    return Heard(replace(heard.utterance, tokens=tokens), heard.starts_s[:kept], heard.ends_s[:kept])


def transcript_rows(heard: Sequence[Heard], seconds: float, rng: Random) -> list[Row]:
    """The lines of a transcript, roughly in order of start: speech with a little slack, and noises in the pauses.

    Args:
        heard: utterances inside ``seconds``; those of one side do not overlap.
        seconds: length of the audio.
        rng: source of the slack and of the noises.
    """
    rows = []
    for side in SIDES:
        mine = sorted((h for h in heard if h.utterance.side == side), key=lambda h: h.starts_s[0])
        if not mine:
            continue
        walls = [0.0, *((a.ends_s[-1] + b.starts_s[0]) / 2 for a, b in pairwise(mine)), math.floor(seconds * 100) / 100]
        spoken = [_row(h, low, high, rng) for h, (low, high) in zip(mine, pairwise(walls), strict=True)]
        rows += spoken + _noises(side, spoken, rng)
    rows.sort(key=lambda r: (r.start_s, r.side))
    for i in range(1, len(rows)):
        if rng.random() < SWAP_SHARE:
            rows[i - 1], rows[i] = rows[i], rows[i - 1]
    return rows


def _row(heard: Heard, low_s: float, high_s: float, rng: Random) -> Row:
    def slack() -> float:
        cut = rng.random() < CUT_SHARE
        return -min(rng.uniform(*CUT_S), longest_cut_s) if cut else rng.uniform(*PADDING_S)

    longest_cut_s = 0.2 * (heard.ends_s[-1] - heard.starts_s[0])
    start = max(low_s, heard.starts_s[0] - slack())
    end = min(high_s, heard.ends_s[-1] + slack())
    return Row(heard.utterance.side, round(start, 2), round(end, 2), heard.utterance.tokens, heard)


def _noises(side: str, spoken: Sequence[Row], rng: Random) -> list[Row]:
    """Lines of a noise alone, in some of the pauses of a side."""
    rows = []
    for before, after in pairwise(spoken):
        pause_s = after.start_s - before.end_s
        if pause_s < 0.6 or rng.random() >= NOISE_SHARE:
            continue
        length = min(pause_s - 0.2, rng.uniform(0.3, 1.2))
        start = round(before.end_s + rng.uniform(0.05, pause_s - length - 0.05), 2)
        text = rng.choice(("[laughter]", "[noise]", "[mn]", "[cough]", "(( ))", "(( [noise] ))"))
        rows.append(Row(side, start, round(start + length, 2), tuple(Token(t) for t in text.split()), None))
    return rows


def ldc_text(call: int, rows: Sequence[Row], transcriber: Transcriber) -> str:
    """The transcript as LDC publishes it."""
    by = "Transcribed at the LDC" if transcriber == "ldc" else "Transcribed by BBN/WordWave"
    lines = [f"{r.start_s:.2f} {r.end_s:.2f} {r.side.upper()}: {r.text} \n" for r in rows]
    return f"# {call_id(call)}.sph\n# {by}\n\n" + "\n".join(lines)


def bbn_texts(call: int, rows: Sequence[Row]) -> dict[tuple[str, str], str]:
    """(folder, suffix) -> content of BBN's own files: the typed text, the aligned lines and the rejected ones."""
    numbered = [(r, f"{call_id(call)}-{r.side.upper()}-{i:04d}") for i, r in enumerate(rows, start=1) if r.heard]
    texts = {("originals", "txo"): "".join(_typed(r) for r, _ in numbered)}
    for folder, rejected in (("auto-segmented", False), ("rejected", True)):
        chosen = [(r, name) for r, name in numbered if r.rejected is rejected]
        if chosen:
            texts[folder, "trn"] = "".join(f"{_snor(r)}  ({name})\n" for r, name in chosen)
            texts[folder, "ana"] = "".join(_segment(call, r, name) for r, name in chosen)
    return texts


def _bare(row: Row) -> list[str]:
    return [t.text for t in row.tokens if t.text not in (OPEN, CLOSE)]


def _typed(row: Row) -> str:
    words = [w.replace("[laughter]", "[LAUGH]").replace("[mn]", "[MN]").replace("_", "") for w in _bare(row)]
    mark = "?" if row.tokens[-1].spoken.endswith("?") else "."
    text = " ".join(words)
    return f"{'LR'[SIDES.index(row.side)]}: {text[:1].upper()}{text[1:]}{mark}\n\n"


def _snor(row: Row) -> str:
    return " ".join(w.replace("_", "").upper() for w in _bare(row) if not w.startswith("["))


def _segment(call: int, row: Row, name: str) -> str:
    channel = SIDES.index(row.side) + 1
    span = f"{round(row.start_s * _RATE_HZ)}-{round(row.end_s * _RATE_HZ)}"
    return f"{call_id(call)} -c {channel} -t NIST_1A -f {span} -o {name}\n"
