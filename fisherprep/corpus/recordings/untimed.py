"""Plain text without times: each line is given the stretch of its side's channel in which it is most likely spoken.

Lines are ``A: text`` and ``B: text`` in the order they are spoken. A channel's speech is cut at its pauses into
stretches; the lines of its side share them in order, so that each line's part of the speech is near its part of the
letters, and pauses lie between lines rather than within them. It is a guess from energy alone: the turns are flagged
``guessed_times``, `align` searches their words there, and masks what it does not hear.

Legend: m lines, n stretches, both of one side.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus.channels import MAX_RATE_HZ, MIN_RATE_HZ
from fisherprep.corpus.channels_activity import find_activity
from fisherprep.corpus.channels_agreement import Region, stretches
from fisherprep.corpus.channels_levels import measure
from fisherprep.corpus.normalize import normalize
from fisherprep.corpus.problems import BadInput, quoted
from fisherprep.corpus.transcript import MAX_LINE_CHARS, Turn
from fisherprep.schema import SIDES

MAX_UNTIMED_S = 120.0
"""A longer recording needs times: an error in one line moves all lines after it."""
MIN_BURST_S = 0.06
MAX_GAP_S = 0.2
"""A shorter pause does not end a stretch."""
SPREAD = 0.3
"""Standard deviation of a line's length as a share of what its letters ask for, and, in seconds, of any line's."""
PAUSE_COST_PER_S = 4.0
"""What a pause within a line costs."""

_FIX = "write START END before each line's side, in seconds"
_LINE = re.compile(r"\s*([ABab])\s*:(.*)")
_NAMED = re.compile(r"\s*(?:[\d.,:]+\s+[\d.,:]+\s+)?([A-Za-z][\w .-]{0,30}):")
"""A line of another speaker, with times or without."""


class Line(NamedTuple):
    """A line of the file."""

    number: int
    side: str
    text: str
    words: list[str]


def read_lines(lines: Sequence[str]) -> tuple[list[Line], list[tuple[str, BadInput]]]:
    """The lines that are ``A: text`` or ``B: text``, and what is wrong with the others by number.

    Raises:
        BadInput: lines begin with other names than A and B.
    """
    read, odd = [], []
    names: Counter[str] = Counter()
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line) if len(line) <= MAX_LINE_CHARS else None
        if match:
            read.append(Line(number, match[1].lower(), match[2].strip(), normalize(match[2])))
        elif line.strip() and not line.strip().startswith("#"):
            err = BadInput("bad_line", quoted(line), "A: text, B: text, a comment (#) or nothing", "mend the line")
            odd.append((str(number), err))
            if name := _NAMED.match(line):
                names[name[1].strip()] += 1
    if sum(names.values()) > max(1, len(read) // 10):
        found = ", ".join(f"{name!r} ({count} lines)" for name, count in names.most_common(4))
        fix = "write A: before the lines of the left channel and B: before those of the right channel"
        raise BadInput("unknown_speakers", quoted(found), "A: text and B: text", fix)
    return read, odd


def place_lines(lines: Sequence[Line], samples: NDArray[np.int16], rate_hz: int) -> list[Turn]:
    """Turns of the lines that hold words, in order of start.

    Args:
        lines: both sides, each in order.
        samples: ``[2, N]``, side a first.
        rate_hz: their rate.

    Raises:
        BadInput: the recording is too long, or a side has fewer stretches of speech than lines.
    """
    duration_s = samples.shape[1] / rate_hz
    if duration_s > MAX_UNTIMED_S or not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        found = f"lines without times, for a recording of {duration_s:.1f} s at {rate_hz} Hz"
        expected = f"START END SIDE: text, or a recording of at most {MAX_UNTIMED_S:.0f} s"
        raise BadInput("no_times", found, expected, _FIX)
    own = find_activity(np.stack([measure(channel, rate_hz).power for channel in samples])).own
    turns: list[Turn] = []
    for side, heard in zip(SIDES, own, strict=True):
        mine = [line for line in lines if line.side == side and line.words]
        regions = [(start, min(end, duration_s)) for start, end in stretches(heard, MIN_BURST_S, MAX_GAP_S)]
        if len(regions) < len(mine):
            found = f"side {side}: {len(mine)} lines, {len(regions)} stretches of speech on its channel"
            raise BadInput("no_times", found, "a pause between the lines of a side, or times", _FIX)
        for line, (start_s, end_s) in zip(mine, _shared([line.words for line in mine], regions), strict=True):
            turns.append(Turn(line.number, side, start_s, end_s, line.text, line.words, ["guessed_times"]))
    return sorted(turns, key=lambda t: (t.start_s, t.end_s, t.side, t.line))


def _shared(lines: Sequence[Sequence[str]], regions: Sequence[Region]) -> list[Region]:
    """Start and end of each line: n stretches in m groups of one or more, the cheapest by dynamic programming."""
    if not lines:
        return []
    m, n = len(lines), len(regions)
    letters = np.array([sum(map(len, words)) for words in lines], float)
    starts, ends = np.array(regions).T
    spoken = np.concatenate([[0.0], np.cumsum(ends - starts)])
    wanted = letters / letters.sum() * spoken[-1]
    best = np.full((m + 1, n + 1), np.inf)
    best[0, 0] = 0.0
    cut = np.zeros((m + 1, n + 1), int)
    for i in range(1, m + 1):
        for j in range(i, n - (m - i) + 1):
            first = np.arange(i - 1, j)
            length = spoken[j] - spoken[first]
            pauses = ends[j - 1] - starts[first] - length
            cost = ((length - wanted[i - 1]) / (SPREAD * (wanted[i - 1] + 1.0))) ** 2 + PAUSE_COST_PER_S * pauses
            total = best[i - 1, first] + cost
            cut[i, j] = first[np.argmin(total)]
            best[i, j] = total.min()
    spans, j = [], n
    for i in range(m, 0, -1):
        spans.append((float(starts[cut[i, j]]), float(ends[j - 1])))
        j = cut[i, j]
    return spans[::-1]
