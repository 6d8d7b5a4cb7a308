"""LDC's transcript files: utterances with times, sides and text, from both transcribers.

A file holds comment lines (``#``), blank lines, and utterances ``START END SIDE: text`` with times in seconds. Nothing
is taken from a line's position in the file. Lines that are none of the three are rejected with their number.

``(( ))`` means two things. LDC's transcribers put unclear words in it: flag ``uncertain``. In calls transcribed by
BBN, LDC put whole utterances in it whose forced alignment scored low: flag ``rejected``; a part of a BBN utterance in
``(( ))`` is ``uncertain``, and so is all of it where the transcriber is not known.

Times are mended by these rules, and the turn is flagged ``mended_times`` where they move by more than rounding
explains:

- end before start: swapped, up to a length of `MAX_SWAPPED_S`; a longer span is rejected;
- most of the utterance before 0 or past the end of the audio: rejected (``outside_audio``); else cut to the audio;
- no length: 0.3 s a word, up to the side's next utterance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fisherprep.corpus.normalize import normalize
from fisherprep.corpus.problems import BadInput, quoted, text_lines

OUTSIDE_AUDIO = "outside_audio"
"""Reason of a line whose middle is not within the audio."""
UNKNOWN = "unknown"
MAX_LINE_CHARS = 10_000
MAX_ODD_LINES = 1000
"""A file with more lines that cannot be used is no transcript; the others are counted in one further row."""
MAX_SWAPPED_S = 30.0
"""Fisher's utterances last up to 20 s, so a longer span between swapped times is a typing error in one of them."""
WORD_S = 0.3
"""Length given to each word of an utterance whose start and end are the same."""
ROUNDING_S = 0.0101
"""Times have two decimals; a smaller move is not worth a flag."""

_NUMBER = r"([+-]?(?:[0-9]{1,7}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}))"
_UTTERANCE = re.compile(rf"\s*{_NUMBER}\s+{_NUMBER}\s+([ABab])\s*:(.*)", re.DOTALL)
_NAMED_CALL = re.compile(r"fe_03_[0-9]{5}", re.IGNORECASE)
_DOUBTED = re.compile(r"\(\(.*?(?:\)\)|$)", re.DOTALL)


class Utterance(NamedTuple):
    """A line of the file, as it stands there."""

    line: int
    side: str
    start_s: float
    end_s: float
    text: str


@dataclass
class Transcript:
    """A parsed file. ``odd`` holds line numbers and what is wrong with them."""

    transcriber: str = UNKNOWN
    named_calls: set[str] = field(default_factory=set)
    """call ids named in comments"""
    utterances: list[Utterance] = field(default_factory=list)
    odd: list[tuple[int, BadInput]] = field(default_factory=list)
    corrected: dict[int, str] = field(default_factory=dict)
    """line -> the words that an erratum gives it, or its own text where the erratum gives another start"""


class Turn(NamedTuple):
    """An utterance with times inside the audio, its normalised words and its flags."""

    line: int
    side: str
    start_s: float
    end_s: float
    text: str
    words: list[str]
    flags: list[str]
    word_times: list[tuple[float, float]] | None = None
    """start and end of each word in seconds, where the transcript gives them"""


def parse_transcript(raw: bytes) -> Transcript:
    """Parse a transcript file; any bytes are taken, what cannot be parsed is listed in ``odd``."""
    transcript = Transcript()
    seen: dict[tuple[Any, ...], int] = {}
    unread = []
    for number, line in enumerate(text_lines(raw), start=1):
        stripped = line.strip()
        if stripped.startswith("#"):
            _read_comment(transcript, stripped)
        elif stripped and len(transcript.odd) >= MAX_ODD_LINES:
            unread.append(number)
        elif stripped:
            try:
                utterance = _parse_line(number, line)
                _refuse_repeated(seen, utterance)
                transcript.utterances.append(utterance)
            except BadInput as err:
                transcript.odd.append((number, err))
    if unread:
        found = f"{len(unread)} further lines, not read after {MAX_ODD_LINES} bad ones"
        transcript.odd.append((unread[0], BadInput("bad_line", found, "a transcript", "put the file right")))
    return transcript


def _read_comment(transcript: Transcript, comment: str) -> None:
    lower = comment.lower()
    transcript.named_calls.update(_NAMED_CALL.findall(lower))
    if "transcri" in lower and transcript.transcriber == UNKNOWN:
        names = {"bbn": "bbn", "wordwave": "bbn", "ldc": "ldc"}
        transcript.transcriber = next((who for name, who in names.items() if name in lower), UNKNOWN)


def _parse_line(number: int, line: str) -> Utterance:
    match = _UTTERANCE.fullmatch(line) if len(line) <= MAX_LINE_CHARS else None
    if not match:
        raise BadInput("bad_line", quoted(line), "START END SIDE: text, a comment (#) or nothing", "mend the line")
    return Utterance(number, match[3].lower(), float(match[1]), float(match[2]), match[4].strip())


def _refuse_repeated(seen: dict[tuple[Any, ...], int], u: Utterance) -> None:
    first = seen.setdefault((u.side, u.start_s, u.end_s, u.text), u.line)
    if first != u.line:
        raise BadInput("repeated_line", f"line {first} again: {quoted(u.text)}", "each utterance once", "nothing to do")


def place_turns(transcript: Transcript, duration_s: float) -> tuple[list[Turn], list[tuple[int, BadInput]]]:
    """Turns inside the audio, both sides together, in order of start; and the lines that have no place in it.

    Args:
        transcript: what the file says.
        duration_s: length of the decoded audio; every turn has 0 <= start_s < end_s <= duration_s.
    """
    turns, odd = [], []
    limits = _next_starts(transcript.utterances)
    for u in transcript.utterances:
        words = normalize(transcript.corrected.get(u.line, u.text))
        try:
            start_s, end_s = _span(u, duration_s, len(words), limits.get(u.line, float("inf")))
        except BadInput as err:
            odd.append((u.line, err))
            continue
        flags = _text_flags(u.text, words, transcript.transcriber)
        if abs(start_s - u.start_s) > ROUNDING_S or abs(end_s - u.end_s) > ROUNDING_S:
            flags.append("mended_times")
        if u.line in transcript.corrected:
            flags.append("erratum")
        turns.append(Turn(u.line, u.side, start_s, end_s, u.text, words, flags))
    return sorted(turns, key=lambda t: (t.start_s, t.end_s, t.side, t.line)), odd


def _next_starts(utterances: list[Utterance]) -> dict[int, float]:
    """Line -> the first later start on the same side (infinity where there is none); empty where none needs it."""
    limits: dict[int, float] = {}
    if all(u.start_s != u.end_s for u in utterances):
        return limits
    upcoming: dict[str, tuple[float, float]] = {}
    for u in sorted(utterances, key=lambda u: u.start_s, reverse=True):
        start, after = upcoming.get(u.side, (float("inf"), float("inf")))
        limits[u.line] = start if start > u.start_s else after
        upcoming[u.side] = (u.start_s, limits[u.line])
    return limits


def _span(u: Utterance, duration_s: float, num_words: int, limit_s: float) -> tuple[float, float]:
    if 0 <= u.start_s < u.end_s <= duration_s:
        return u.start_s, u.end_s
    start_s, end_s = min(u.start_s, u.end_s), max(u.start_s, u.end_s)
    stated = f"{u.start_s:.2f} {u.end_s:.2f} {u.side.upper()}"
    if u.end_s < u.start_s and end_s - start_s > MAX_SWAPPED_S:
        expected = f"an end after the start, or at most {MAX_SWAPPED_S:.0f} s before it"
        raise BadInput("bad_times", stated, expected, "mend the line")
    if not 0 <= (start_s + end_s) / 2 < duration_s:
        raise BadInput(
            OUTSIDE_AUDIO,
            stated,
            f"times from 0 to {duration_s:.2f} s, the audio's length",
            "mend the line, or copy the audio again if it is the shorter",
        )
    start_s = max(start_s, 0.0)
    if end_s == start_s:
        end_s = min(start_s + WORD_S * max(num_words, 1), limit_s)
    return start_s, min(end_s, duration_s)


def _text_flags(text: str, words: list[str], transcriber: str) -> list[str]:
    flags = []
    if "((" in text:
        outside = _DOUBTED.sub(" ", text)
        whole = outside.isspace() or not normalize(outside)
        flags.append("rejected" if whole and transcriber == "bbn" else "uncertain")
    if not words:
        flags.append("empty")
    return flags
