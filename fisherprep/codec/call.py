"""One call: audio at 24 kHz, words and prompts in; a row of the codes table and its voice prompts out.

Legend: N samples, T frames of 80 ms; side a is row 0 of the audio, side b row 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from fisherprep.codec.mimi import voice_level
from fisherprep.codec.text_stream import TextStream, Unknown, frame_of, text_stream
from fisherprep.codec.truecase import Spoken, truecase
from fisherprep.codec.voice import voice_span
from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.corpus.problems import BadInput
from fisherprep.schema import CODEC_RATE_HZ, FRAME_RATE_HZ, MASKED, SIDES, TEXT_EPAD, TEXT_PAD

if TYPE_CHECKING:
    from fisherprep.workfolder import WorkFolder

RESAMPLER = "soxr HQ"


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


def codec_audio(work: WorkFolder, row: dict[str, Any]) -> np.ndarray:
    """Both channels of a call as float32 [2, N] at 24 kHz, exactly as long as its audio.

    Raises:
        BadInput: a file cannot be read, is not the one that was ingested, or is not two-channel.
    """
    audio = read_call_audio(work, row)
    return to_codec_rate(audio.samples.astype(np.float32) / 32768.0, audio.rate_hz)


def to_codec_rate(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Resample float32 [2, M] to [2, N] at 24 kHz, N = ceil(M * 24000 / rate)."""
    import soxr

    if rate_hz == CODEC_RATE_HZ:
        return samples
    length = -(-samples.shape[1] * CODEC_RATE_HZ // rate_hz)
    resampled = np.stack([soxr.resample(channel, rate_hz, CODEC_RATE_HZ, quality="HQ") for channel in samples])
    return np.pad(resampled[:, :length], ((0, 0), (0, max(0, length - resampled.shape[1]))))


@dataclass(frozen=True)
class Encoded:
    """A row of the codes table without ``provenance``, the rows of the voices table, and the text row of each side."""

    row: dict[str, Any]
    voices: list[dict[str, Any]]
    text: dict[str, TextStream]


@dataclass(frozen=True)
class Prepared:
    """A call that waits for its codes: ``signals`` are side a, side b and the voice prompts, float32 [N] each.

    ``voices`` are rows of the voices table without their codes.
    """

    call: Call
    signals: Sequence[Any]
    voices: list[dict[str, Any]]


def prepare_call(call: Call, samples: np.ndarray) -> Prepared:
    """What is to be encoded of a call, whose audio is float32 [2, N] at 24 kHz.

    Raises:
        BadInput: there are no words.
    """
    if not call.words:
        raise BadInput("no_words", "no words on either side", "a transcript with words", "see the rejects of ingest")
    found = [voice for side in SIDES if (voice := _voice(call, side, samples))]
    return Prepared(call, [*samples, *(signal for _, signal in found)], [row for row, _ in found])


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
    call, sides = prepared.call, dict(zip(SIDES, codes, strict=False))
    num_frames = sides[SIDES[0]].shape[1]
    text = {side: _text(call, side, num_frames, spell, rule) for side in SIDES}
    spoken = zip(prepared.voices, codes[len(SIDES) :], strict=True)
    voices = [voice | {"codes": found.tolist()} for voice, found in spoken]
    prompts = {voice["side"]: voice["codes"] for voice in voices}
    row: dict[str, Any] = {key: call.row[key] for key in ("call_id", "corpus", "split", "agent_side")}
    row |= {"num_frames": num_frames, "starts": window_starts(call, text).tolist()}
    for side in SIDES:
        row |= {
            f"codes_{side}": sides[side].tolist(),
            f"text_{side}": text[side].tokens.tolist(),
            f"prompts_{side}": call.prompts.get(side, []),
            f"voice_{side}": prompts.get(side),
            f"speaker_{side}": call.row[f"speaker_{side}"],
            f"shifted_{side}": text[side].shifted,
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


def _voice(call: Call, side: str, samples: np.ndarray) -> tuple[dict[str, Any], np.ndarray] | None:
    """A row of the voices table without its codes, and the samples, where a span of the side qualifies."""
    fallback = {word["turn"] for word in call.words if word["method"] == "proportional"}
    span = voice_span(call.turns, side, fallback)
    if span is None:
        return None
    first, last = (round(time_s * CODEC_RATE_HZ) for time_s in (span.start_s, span.end_s))
    try:
        signal = voice_level(samples[SIDES.index(side), first:last])
    except ValueError:  # silence where the transcript has words: no voice to be heard
        return None
    row = {
        "call_id": call.row["call_id"],
        "side": side,
        "speaker": call.row[f"speaker_{side}"],
        "start_s": span.start_s,
        "end_s": span.end_s,
        "why": span.why,
    }
    return row, signal


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
