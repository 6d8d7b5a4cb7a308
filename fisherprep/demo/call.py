"""One call of a demo release: said, recorded, transcribed, and written with its gold word times.

Everything in it follows from the job alone, so it may be made in any process, in any order, and again after a kill.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fisherprep.demo.dialogue import conversation, person, topics
from fisherprep.demo.layout import call_id
from fisherprep.demo.plan import CallPlan, CallSide
from fisherprep.demo.sphere import sphere_bytes, ulaw_bytes
from fisherprep.demo.transcript import Heard, Row, bbn_texts, cut_at, ldc_text, transcript_rows
from fisherprep.schema import SIDES
from fisherprep.speech.channel import TELEPHONE_RATE_HZ, telephone
from fisherprep.speech.espeak import Voice, voices
from fisherprep.speech.timeline import Line, Timing, render

GOLD_SCHEMA = pa.schema(
    [
        ("call_id", pa.string()),
        ("side", pa.string()),
        ("turn_start_s", pa.float64()),
        ("turn_end_s", pa.float64()),
        ("index", pa.int32()),
        ("word", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
    ],
    metadata={"about": "exact word times of the synthesiser; turn times are those of the transcript's line"},
)

WORDS_PER_S = 5.0
"""More than two people can say: the dialogue is written longer than the recording."""
TAIL_S = 0.05
"""Quiet at the end of the recording: no word ends later."""


@dataclass(frozen=True)
class CallJob:
    """What a call is made from, and where it goes."""

    plan: CallPlan
    seed: int
    seconds: float
    release: Path
    gold: Path
    """folder of the gold, beside the release"""
    rate: float = 1.0
    """how much faster than their voices' own rate all speakers talk"""


@dataclass(frozen=True)
class CallRecord:
    """What a finished call holds; written last, as the sign that all its files are there."""

    files: tuple[str, ...]
    """paths in the release"""
    utterances: int
    words: int
    audio_bytes: int


def record_path(gold: Path, call: int) -> Path:
    """Where the record of a call lies."""
    return gold / "calls" / f"{call_id(call)}.json"


def gold_path(gold: Path, call: int) -> Path:
    """Where the gold words of a call lie."""
    return gold / "calls" / f"{call_id(call)}.parquet"


def read_record(job: CallJob) -> CallRecord | None:
    """The record of a call that is there with all its files, else None."""
    try:
        fields = json.loads(record_path(job.gold, job.plan.number).read_text(encoding="utf-8"))
        record = CallRecord(**{**fields, "files": tuple(fields["files"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    files = [*(job.release / f for f in record.files), gold_path(job.gold, job.plan.number)]
    return record if all(f.is_file() for f in files) else None


def put(target: Path, content: bytes, gold: Path) -> None:
    """Write a file whole or not at all; what is under way lies in the gold folder, never in the release."""
    tmp = gold / ".tmp" / f"{os.getpid()}-{target.name}"
    tmp.parent.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    tmp.write_bytes(content)
    os.replace(tmp, target)


def write_call(job: CallJob) -> CallRecord:
    """Make one call and write its files: audio, transcripts, gold, and the record last."""
    plan, part = job.plan, job.plan.part
    samples, heard = _record(job)
    rows = transcript_rows(heard, job.seconds, _random(job, "transcript"))
    audio = sphere_bytes(
        samples,
        TELEPHONE_RATE_HZ,
        "ulaw",
        shorten=plan.shorten,
        extra_fields={"database_id": "fisher", "database_version": "1.0", "utterance_id": call_id(plan.number)},
    )
    contents = {
        part.audio(plan.number): audio,
        part.transcript(plan.number): ldc_text(plan.number, rows, plan.transcriber).encode(),
    }
    if plan.transcriber == "bbn":
        for (folder, suffix), text in bbn_texts(plan.number, rows).items():
            contents[part.bbn(plan.number, folder, suffix)] = text.encode()
    for name, content in contents.items():
        put(job.release / name, content, job.gold)
    words = _gold(plan.number, rows)
    sink = pa.BufferOutputStream()
    pq.write_table(words, sink, compression="zstd")
    put(gold_path(job.gold, plan.number), sink.getvalue().to_pybytes(), job.gold)
    record = CallRecord(tuple(contents), len(rows), words.num_rows, len(audio))
    put(record_path(job.gold, plan.number), json.dumps(asdict(record), indent=1).encode(), job.gold)
    return record


def _random(job: CallJob, purpose: str) -> Random:
    return Random(f"{job.seed} {job.plan.number} {purpose}")


def _record(job: CallJob) -> tuple[np.ndarray, list[Heard]]:
    """The call as mu-law ``[T, 2]``, T exactly ``seconds`` long, and what is heard in it."""
    plan, rng = job.plan, _random(job, "sound")
    people = {side: person(_speaker_random(job.seed, plan.sides[side]), plan.sides[side].sex) for side in SIDES}
    num_words = round(job.seconds * WORDS_PER_S)
    said = conversation(topics()[plan.topic], people, plan.transcriber, _random(job, "dialogue"), num_words)
    said = [u for u in said if u.words]
    lines = [Line(u.side, tuple(t.spoken for t in u.words), u.kind) for u in said]
    generator = np.random.default_rng(rng.getrandbits(64))
    rendered = render(lines, _voices(job), generator, Timing(), job.seconds)
    rate_hz = rendered.rate_hz
    samples = np.zeros((2, round((job.seconds + 0.5) * rate_hz)), np.float32)
    length = min(samples.shape[1], rendered.samples.shape[1])
    samples[:, :length] = rendered.samples[:, :length]
    heard = []
    for placed in rendered.placed:
        assert placed.starts_s and placed.ends_s  # espeak knows when its words are
        whole = Heard(said[placed.line], placed.starts_s, placed.ends_s)
        left = cut_at(whole, job.seconds - TAIL_S)
        if left is not whole:
            end_s = left.ends_s[-1] if left else placed.starts_s[0]
            samples[SIDES.index(placed.side), round(end_s * rate_hz) : round(placed.ends_s[-1] * rate_hz) + 1] = 0
        heard += [left] if left else []
    for channel in samples:
        channel *= rng.uniform(0.35, 0.8)
    line = telephone(samples, rate_hz, generator, noise_dbfs=rng.uniform(-70, -52), crosstalk_db=rng.uniform(-52, -36))
    return ulaw_bytes(line[:, : round(job.seconds * TELEPHONE_RATE_HZ)].T), heard


def _speaker_random(seed: int, side: CallSide) -> Random:
    """Facts and voice belong to the speaker, whatever call it is in; one PIN may stand for two people."""
    return Random(f"{seed} speaker {side.pin} {side.sex}")


def _voices(job: CallJob) -> dict[str, Voice]:
    """A voice per side, of the speaker's sex, a little different for every speaker."""
    chosen = {}
    for side, seat in job.plan.sides.items():
        rng = _speaker_random(job.seed, seat)
        voice = rng.choice([v for v in voices() if v.sex == seat.sex])
        pitch, rate = voice.pitch + rng.randrange(-8, 9), voice.rate_wpm + rng.randrange(-10, 16)
        chosen[side] = replace(voice, pitch=pitch, rate_wpm=round(rate * job.rate))
    return chosen


def _gold(call: int, rows: list[Row]) -> pa.Table:
    words = [
        {
            "call_id": call_id(call),
            "side": row.side,
            "turn_start_s": row.start_s,
            "turn_end_s": row.end_s,
            "index": i,
            "word": token.word,
            "start_s": start,
            "end_s": end,
        }
        for row in rows
        if (h := row.heard)
        for i, (token, start, end) in enumerate(zip(h.utterance.words, h.starts_s, h.ends_s, strict=True))
    ]
    return pa.Table.from_pylist(words, schema=GOLD_SCHEMA)
