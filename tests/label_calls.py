"""Work folders of generated calls without audio, for labelling: conversations and turns as ingest leaves them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from fisherprep.schema import CONVERSATIONS, TABLES
from fisherprep.workfolder import DoneRecord, WorkFolder, shard_of

TOPICS = ("Pets", "Minimum Wage.", "Hypothetical Situations. Time Travel.", "Bioterrorism", "Life Partners")
SAID = (
    "hi my name is {name}", "i live in {place} now", "i have {n} dogs and a cat", "uh-huh", "yeah right",
    "well i used to work as a {job} you know", "i really like cooking on sundays", "mhm", "my sister is a {job}",
    "what do you think about that", "it costs {n} dollars around here", "oh wow", "i grew up in {place}",
)  # fmt: skip
WORDS = {
    "name": ("jane", "omar", "lucy", "peter"),
    "place": ("boston", "ohio", "san francisco", "texas"),
    "n": ("two", "three", "fifteen"),
    "job": ("nurse", "baker", "paralegal", "teacher"),
}


def turns_of(call_id: str, num_turns: int, seed: int) -> list[dict[str, Any]]:
    """Turns of both sides in alternation, two seconds each."""
    rng = random.Random(f"{call_id}-{seed}")
    turns = []
    for turn in range(num_turns):
        text = rng.choice(SAID).format(**{key: rng.choice(values) for key, values in WORDS.items()})
        turns.append({
            "call_id": call_id, "turn": turn, "side": "ab"[turn % 2], "start_s": 2.0 * turn, "end_s": 2.0 * turn + 1.5,
            "text": text, "words": text.split(), "flags": [],
        })  # fmt: skip
    return turns


def call_row(call_id: str, topic: str | None, duration_s: float) -> dict[str, Any]:
    """A conversations row with everything that may be null left null."""
    row: dict[str, Any] = {column.name: None for column in CONVERSATIONS.columns}
    return row | {
        "call_id": call_id, "corpus": "fisher", "audio_root": 0, "audio_file": f"{call_id}.wav",
        "audio_format": "wav-pcm16", "audio_bytes": 1, "audio_sha256": "0", "sample_rate_hz": 8000,
        "num_samples": round(duration_s * 8000), "duration_s": duration_s, "transcriber": "ldc", "split": "train",
        "flags": [], "topic_title": topic, "topic_text": topic and f"Please discuss {topic}",
    }  # fmt: skip


def make_work(
    path: Path, num_calls: int, num_turns: int = 12, seed: int = 0, turns: dict[str, list[str]] | None = None
) -> WorkFolder:
    """A work folder of calls fe_03_00001, ...; ``turns`` gives what is said in some calls, side a first."""
    work = WorkFolder.create(path, "fisher", ["."])
    shards: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for number in range(1, num_calls + 1):
        call_id = f"fe_03_{number:05d}"
        said = turns_of(call_id, num_turns, seed)
        if turns and call_id in turns:
            said = [{**turns_of(call_id, 1, 0)[0], "turn": n, "side": "ab"[n % 2], "start_s": 2.0 * n,
                     "end_s": 2.0 * n + 1.5, "text": text, "words": text.split()}
                    for n, text in enumerate(turns[call_id])]  # fmt: skip
        rows = shards.setdefault(shard_of(call_id), {"conversations": [], "turns": []})
        rows["conversations"].append(call_row(call_id, TOPICS[number % len(TOPICS)], 2.0 * max(1, len(said))))
        rows["turns"] += said
    for shard, tables in shards.items():
        outputs = {
            f"{table}/{shard}.parquet": work.write_table(f"{table}/{shard}.parquet", TABLES[table].from_rows(rows))
            for table, rows in tables.items()
        }
        work.write_done("ingest", shard, DoneRecord("generated", outputs, {}))
    return work
