"""The align stage: a time for every word of every turn, from the audio of its speaker's own channel.

A turn is cut out with a little of the silence around it, never with a part of the same side's neighbouring turns: where
those are nearer than the margin, or overlap, the middle between them is the border. So words never go backwards from
one turn to the next, unless one turn lies wholly inside another.

A turn in which the words are not found gets times in proportion to letters, method ``proportional``; why is counted. A
call whose audio is gone or is no longer the file that was ingested gets no words at all, and a row in rejects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep.align.aligner import ALIGNER_RATE_HZ, AlignedWord, Aligner
from fisherprep.align.place import in_milliseconds, proportional
from fisherprep.align.pocketsphinx import PocketsphinxAligner
from fisherprep.corpus.audio import Audio, read_audio
from fisherprep.corpus.problems import BadInput
from fisherprep.engine import Engine
from fisherprep.schema import SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, reject, run_stage, upstream
from fisherprep.workfolder import WorkFolder

MARGIN_S = 0.2
"""Sound on either side of a turn that is searched too: transcripts' times cut words."""
MIN_CUT_S = 0.1
"""A turn whose neighbours leave it less than this is cut at its own times."""
SILENT_DBFS = -65.0
"""A turn with less than 100 ms that are louder than this is silent."""
SILENT_BELOW_SPEECH_DB = 35.0
"""So is one as far below its channel's speech, as crosstalk is,"""
SILENT_ABOVE_NOISE_DB = 6.0
"""and one no further above its channel's noise."""
SHORT_WORD_S = 0.05
"""A turn in which nothing was found, with less time a word than this, is called too short."""

Row = dict[str, Any]


def align(work: WorkFolder, engine: Engine) -> StageSummary:
    """Bring the words table up to date with conversations and turns.

    Returns:
        Counts of all shards: ``turns`` (with words), ``turns: fallback``, ``fallback: REASON``, ``words``, ``words:
        METHOD``, ``audio_s`` (of calls, both channels at once), rejects by reason.

    Raises:
        ValueError: there are no turns yet, or another command is writing to the folder.
    """
    config = {"aligner": PocketsphinxAligner.name, "release": version("pocketsphinx")}
    with work.lock("align"):
        tables = upstream(work, "conversations", "turns")
        shards = [Shard(name, hashes, {"work": str(work.path), "shard": name}) for name, hashes in tables.items()]
        return run_stage(work, ALIGN, shards, config, engine)


def process(payload: Row, config: Row) -> ShardResult:
    """The words of one shard's calls."""
    work, shard = WorkFolder.open(Path(payload["work"])), payload["shard"]
    aligner = PocketsphinxAligner()
    turns = work.read("turns", shard).to_pylist()
    result = ShardResult({"words": []})
    for call in work.read("conversations", shard).to_pylist():
        spoken = [turn for turn in turns if turn["call_id"] == call["call_id"] and turn["words"]]
        try:
            audio = _audio_of(work, call, spoken)
        except BadInput as err:
            row = reject("align", call["call_id"], err.reason, call["audio_file"], err.found, err.expected, err.fix)
            result.rejects.append(row)
            continue
        words = _align_call(audio, spoken, aligner, result.counters)
        result.rows["words"] += sorted(words, key=lambda row: (row["turn"], row["index"]))
        result.counters["audio_s"] += call["duration_s"]
    return result


ALIGN = Stage("align", 1, ("words",), process, retry_rejects=True)


def _audio_of(work: WorkFolder, call: Row, turns: list[Row]) -> Audio:
    """The call's audio, which must be what was ingested.

    Raises:
        BadInput: it cannot be read, has changed, or is too short to hold the words of its turns at all.
    """
    audio = read_audio(work.audio_path(call))
    if audio.sha256 != call["audio_sha256"]:
        found, expected = f"sha256 {audio.sha256[:12]}...", f"{call['audio_sha256'][:12]}..., as ingested"
        raise BadInput("changed_audio", found, expected, "run ingest again")
    most = max((len(turn["words"]) for turn in turns), default=0)
    if most > audio.duration_s * 1000 - 1:
        found = f"a turn of {most} words in {audio.duration_s:.3f} s of audio"
        raise BadInput("too_many_words", found, "1 ms a word at least", "check that this is the call's transcript")
    return audio


def _align_call(audio: Audio, turns: list[Row], aligner: Aligner, counters: Counter[str]) -> list[Row]:
    rows = []
    for channel, side in zip(audio.samples, SIDES, strict=True):
        own = [turn for turn in turns if turn["side"] == side]
        if own:
            rows += _align_side(_Channel.of(channel, audio.rate_hz, own), own, aligner, counters)
    return rows


@dataclass(frozen=True)
class _Channel:
    """One side's sound, ready for the aligner."""

    samples: np.ndarray
    """float32 [N], 16 kHz"""
    length_ms: int
    """of the file's own samples"""
    silence: float
    """power below which nothing is speech, full scale 1"""

    @classmethod
    def of(cls, samples: np.ndarray, rate_hz: int, turns: list[Row]) -> _Channel:
        """From int16 [N] at the file's rate; the whole channel is resampled at once."""
        import soxr

        sound = soxr.resample(samples.astype(np.float32) / 32768.0, rate_hz, ALIGNER_RATE_HZ, quality="HQ")
        power = _power(sound)
        inside = np.zeros(len(power), bool)
        for turn in turns:
            inside[round(turn["start_s"] * 100) : round(turn["end_s"] * 100)] = True
        return cls(sound, len(samples) * 1000 // rate_hz, _silence(power, power[inside]))

    @property
    def duration_s(self) -> float:
        return self.length_ms / 1000

    def cut(self, start_s: float, end_s: float) -> np.ndarray:
        return self.samples[round(start_s * ALIGNER_RATE_HZ) : round(end_s * ALIGNER_RATE_HZ)]

    def is_silent(self, start_s: float, end_s: float) -> bool:
        """Whether the span has not even 100 ms of sound that could be speech."""
        power = np.sort(_power(self.cut(start_s, end_s)))[-10:]
        return len(power) == 0 or bool(power[0] < self.silence)


def _silence(power: np.ndarray, in_turns: np.ndarray) -> float:
    """The limit of silence, from the power of all of a channel's 10 ms frames and of those inside turns."""
    noise = float(np.quantile(power, 0.1)) if len(power) else 0.0
    speech = float(np.quantile(in_turns, 0.9)) if len(in_turns) else 0.0
    limits = (1.0, SILENT_DBFS), (speech, -SILENT_BELOW_SPEECH_DB), (noise, SILENT_ABOVE_NOISE_DB)
    return max(level * 10 ** (decibels / 10) for level, decibels in limits)


def _power(samples: np.ndarray) -> np.ndarray:
    """Mean power of each whole 10 ms."""
    frame = ALIGNER_RATE_HZ // 100
    return np.square(samples[: len(samples) // frame * frame]).reshape(-1, frame).mean(axis=1)


def _align_side(channel: _Channel, turns: list[Row], aligner: Aligner, counters: Counter[str]) -> list[Row]:
    rows = []
    for turn, (start_s, end_s) in zip(turns, cuts(turns, channel.duration_s), strict=True):
        found, offset_s, reason = _find(channel, turn, start_s, end_s, aligner)
        times = in_milliseconds(found, offset_s, channel.length_ms)
        rows += [_word(turn, index, word, time) for index, (word, time) in enumerate(zip(found, times, strict=True))]
        counters.update(f"words: {word.method}" for word in found)
        counters.update({"turns": 1, "words": len(found)})
        if reason:
            counters.update(["turns: fallback", f"fallback: {reason}"])
    return rows


def cuts(turns: Sequence[Row], duration_s: float) -> list[tuple[float, float]]:
    """Where to cut one side's turns (in order of start) out of its channel: start and end of each, in seconds."""
    ends = list(accumulate((turn["end_s"] for turn in turns), max))
    borders = [(end + after["start_s"]) / 2 for end, (_, after) in zip(ends, pairwise(turns), strict=False)]
    spans = []
    for turn, left, right in zip(turns, [0.0, *borders], [*borders, duration_s], strict=True):
        start = min(max(turn["start_s"] - MARGIN_S, left, 0.0), duration_s)
        end = min(turn["end_s"] + MARGIN_S, right, duration_s)
        spans.append((start, end) if end - start >= MIN_CUT_S else _own(turn, duration_s))
    return spans


def _own(turn: Row, duration_s: float) -> tuple[float, float]:
    return min(turn["start_s"], duration_s), min(turn["end_s"], duration_s)


def _find(
    channel: _Channel, turn: Row, start_s: float, end_s: float, aligner: Aligner
) -> tuple[list[AlignedWord], float, str | None]:
    """A turn's words, what their times count from, and why they are no more than proportional (None: they are)."""
    own = _own(turn, channel.duration_s)
    if channel.is_silent(start_s, end_s):
        reason = "silent"
    else:
        # Where an overlapping neighbour took a part of the turn, the whole of it is a second chance.
        whole = (min(start_s, own[0]), max(end_s, own[1]))
        for left, right in dict.fromkeys([(start_s, end_s), whole]):
            if found := aligner.align(channel.cut(left, right), turn["words"]):
                return found, left, None
        too_short = own[1] - own[0] < SHORT_WORD_S * len(turn["words"])
        reason = "too_short" if too_short else "not_found"
    inner = max(start_s, own[0]), min(end_s, own[1])
    return proportional(turn["words"], *(inner if inner[0] < inner[1] else own)), 0.0, reason


def _word(turn: Row, index: int, word: AlignedWord, time_ms: tuple[int, int]) -> Row:
    return {
        "call_id": turn["call_id"],
        "side": turn["side"],
        "turn": turn["turn"],
        "index": index,
        "word": turn["words"][index],
        "start_s": time_ms[0] / 1000,
        "end_s": time_ms[1] / 1000,
        "score": word.score,
        "method": word.method,
    }
