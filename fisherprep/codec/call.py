"""One call: audio at 24 kHz, words and prompts in; a row of the codes table and its voice prompts out.

Legend: N samples, T frames of 80 ms; side a is row 0 of the audio, side b row 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from fisherprep.codec import DEFAULT_VOICES
from fisherprep.codec.audio import CodecAudio
from fisherprep.codec.mimi import voice_level
from fisherprep.codec.text_stream import TextStream, Unknown, frame_of, text_stream
from fisherprep.codec.truecase import Spoken, truecase
from fisherprep.codec.voice import block_powers, candidates
from fisherprep.corpus.problems import BadInput
from fisherprep.schema import CODEC_RATE_HZ, FRAME_RATE_HZ, MASKED, SIDES, TEXT_EPAD, TEXT_PAD


@dataclass(frozen=True)
class Kept:
    """What an earlier run made of the same sound: codes [8, T] of both sides, their gains, rows of the voices table."""

    sides: tuple[np.ndarray, ...]
    gains_db: tuple[float | None, ...]
    voices: list[dict[str, Any]]


@dataclass(frozen=True)
class Call:
    """What the tables hold of a call; rows as dictionaries, prompts and unknown spans by side."""

    row: dict[str, Any]
    turns: list[dict[str, Any]]
    words: list[dict[str, Any]]
    prompts: dict[str, list[str]]
    unknown: dict[str, list[Unknown]] = field(default_factory=dict)

    def words_of(self, side: str) -> list[dict[str, Any]]:
        """One side's words in order of time."""
        own = (word for word in self.words if word["side"] == side)
        return sorted(own, key=lambda word: (word["start_s"], word["turn"], word["index"]))

    def unsure(self) -> list[tuple[float, float]]:
        """Spans in which somebody says what no transcript tells, or what could not be followed."""
        untold = [span for side in SIDES for span in self.row.get(f"untranscribed_{side}") or ()]
        unknown = [span for spans in self.unknown.values() for span in spans]
        return [(s["start_s"], s["end_s"]) for s in untold] + [(u.start_s, u.end_s) for u in unknown]


@dataclass(frozen=True)
class Encoded:
    """A row of the codes table without ``provenance``, the rows of the voices table, and the text row of each side."""

    row: dict[str, Any]
    voices: list[dict[str, Any]]
    text: dict[str, TextStream]


@dataclass(frozen=True)
class Prepared:
    """A call that waits for the codes of its ``signals``, float32 [N] each.

    ``sides`` are codes of sides a and b that need no encoding, or None: they are the first two signals. ``voices`` are
    rows of the voices table; each without codes has a signal, in order.
    """

    call: Call
    signals: Sequence[Any]
    voices: list[dict[str, Any]]
    gains_db: tuple[float | None, ...] = (0.0, 0.0)
    sides: tuple[np.ndarray, ...] | None = None


def check_words(call: Call) -> None:
    """Refuse a call without words.

    Raises:
        BadInput: there are no words.
    """
    if not call.words:
        raise BadInput("no_words", "no words on either side", "a transcript with words", "see the rejects of ingest")


def prepare_call(call: Call, audio: CodecAudio, num_voices: int = DEFAULT_VOICES, kept: Kept | None = None) -> Prepared:
    """What is to be encoded of a call; ``kept``: codes that were made of the same sound before.

    Raises:
        BadInput: there are no words.
    """
    check_words(call)
    found = voice_rows(call, audio, num_voices)
    kept_codes = {} if kept is None else {_span(row): row["codes"] for row in kept.voices}
    voices = [row | {"codes": kept_codes[_span(row)]} if _span(row) in kept_codes else row for row, _ in found]
    signals = [signal for row, signal in found if _span(row) not in kept_codes]
    if kept is not None:
        return Prepared(call, signals, voices, kept.gains_db, kept.sides)
    return Prepared(call, [*audio.samples, *signals], voices, audio.gains_db)


def _span(voice: dict[str, Any]) -> tuple[str, float, float]:
    return voice["side"], voice["start_s"], voice["end_s"]


def finish_call(
    prepared: Prepared, codes: list[np.ndarray], spell: Callable[[str], list[int]], rule: str = "off"
) -> Encoded:
    """The rows of a call.

    Args:
        prepared: what was encoded.
        codes: of its signals, int16 [8, T] each.
        spell: the text tokens of one word.
        rule: how words are written, one of ``truecase.RULES``.

    Raises:
        BadInput: the words cannot be laid on the frames.
    """
    call, fresh = prepared.call, iter(codes)
    of_sides = prepared.sides or (next(fresh), next(fresh))
    voices = [row if "codes" in row else row | {"codes": next(fresh)} for row in prepared.voices]
    num_frames = of_sides[0].shape[1]
    text = {side: _text(call, side, num_frames, spell, rule) for side in SIDES}
    row: dict[str, Any] = {key: call.row[key] for key in ("call_id", "corpus", "split", "agent_side")}
    row |= {"num_frames": num_frames, "starts": window_starts(call, text)}
    for side, found, gain_db in zip(SIDES, of_sides, prepared.gains_db, strict=True):
        row |= {
            f"codes_{side}": found,
            f"text_{side}": text[side].tokens,
            f"prompts_{side}": call.prompts.get(side, []),
            f"speaker_{side}": call.row[f"speaker_{side}"],
            f"shifted_{side}": text[side].shifted,
            f"gain_db_{side}": gain_db,
        }
    return Encoded(row, voices, text)


def text_of(call: Call, side: str, num_frames: int, spell: Callable[[str], list[int]], rule: str = "off") -> TextStream:
    """The text row of one side, its words written by ``rule``, masked where the side's text is unknown.

    Raises:
        ValueError: as ``text_stream`` does.
    """
    words = written_words(call.words_of(side), rule)
    return text_stream(words, num_frames, spell, call.unknown.get(side, ()))


def written_words(words: list[dict[str, Any]], rule: str) -> list[tuple[str, float]]:
    """(word as it is written, start_s) of one side's words, which come and stay in order of time."""
    if rule == "off":
        return [(word["word"], word["start_s"]) for word in words]
    turns = [
        sorted(turn, key=lambda word: word["index"])
        for _, turn in groupby(sorted(words, key=lambda word: word["turn"]), key=lambda word: word["turn"])
    ]
    spoken = [Spoken([word["word"] for word in turn], turn[0]["start_s"], turn[-1]["end_s"]) for turn in turns]
    written = {
        (word["turn"], word["index"]): text
        for turn, texts in zip(turns, truecase(spoken), strict=True)
        for word, text in zip(turn, texts, strict=True)
    }
    return [(written[word["turn"], word["index"]], word["start_s"]) for word in words]


def _text(call: Call, side: str, num_frames: int, spell: Callable[[str], list[int]], rule: str) -> TextStream:
    try:
        return text_of(call, side, num_frames, spell, rule)
    except ValueError as err:
        raise BadInput(
            "text_does_not_fit", f"side {side}: {err}", "text that the frames can hold", "check the transcript"
        ) from err


def voice_rows(call: Call, audio: CodecAudio, count: int) -> list[tuple[dict[str, Any], np.ndarray]]:
    """Rows of the voices table without their codes, each with its signal at -24 LUFS."""
    powers = block_powers(audio.samples) / 10.0 ** (np.array(audio.gains_db)[:, None] / 10.0)  # as recorded
    found: list[tuple[dict[str, Any], np.ndarray]] = []
    for channel, side in enumerate(SIDES):
        index = 0
        for one in candidates(side, call.turns, call.words, powers, call.unsure(), count):
            first, last = (round(time_s * CODEC_RATE_HZ) for time_s in (one.start_s, one.end_s))
            try:
                signal = voice_level(audio.samples[channel, first:last])
            except ValueError:  # sound, but nothing that an ear would hear
                continue
            row = {"call_id": call.row["call_id"], "side": side, "speaker": call.row[f"speaker_{side}"]}
            row |= {"index": index, "start_s": one.start_s, "end_s": one.end_s, "why": one.why}
            found.append((row, signal))
            index += 1
    return found


def window_starts(call: Call, text: dict[str, TextStream]) -> np.ndarray:
    """Frames at which a window may start, increasing, one at least.

    Frame 0, and the frame before a turn's first word on either side, where at its beginning nobody is inside a word and
    neither text row is inside one or masked. Frame 0 is left out only where it is masked and there is another.
    """
    num_frames = len(text[SIDES[0]].tokens)
    first_words = [word["start_s"] for word in call.words if word["index"] == 0]
    frames = np.unique([0, *(max(0, frame_of(start_s) - 1) for start_s in first_words)])
    frames = frames[frames < num_frames]
    times_s = frames[:, None] / FRAME_RATE_HZ
    starts_s, ends_s = (np.array([word[key] for word in call.words]) for key in ("start_s", "end_s"))
    spoken = ((starts_s < times_s) & (times_s < ends_s)).any(axis=1)
    rows = np.stack([text[side].tokens[frames] for side in SIDES])
    silent = np.isin(rows, (TEXT_PAD, TEXT_EPAD)).all(axis=0)
    masked = (rows == MASKED).any(axis=0)
    fit = frames[(~spoken & silent) | ((frames == 0) & ~masked)]
    return fit if len(fit) else frames[:1]
