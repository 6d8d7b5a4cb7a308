"""A spoken dialogue as rows of the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fisherprep.schema import CODEC_RATE_HZ, CONVERSATIONS
from fisherprep.speech.timeline import Placed
from fisherprep.workfolder import sha256_file


def conversation_row(plan: dict[str, Any], audio: Path, num_samples: int, flags: list[str]) -> dict[str, Any]:
    """A dialogue, by its plan and its audio file."""
    row: dict[str, Any] = dict.fromkeys(column.name for column in CONVERSATIONS.columns)
    row.update(
        call_id=plan["call_id"],
        corpus=plan["corpus"],
        audio_root=0,
        audio_file=audio.name,
        audio_format="flac-pcm16",
        audio_bytes=audio.stat().st_size,
        audio_sha256=sha256_file(audio),
        sample_rate_hz=CODEC_RATE_HZ,
        num_samples=num_samples,
        duration_s=num_samples / CODEC_RATE_HZ,
        transcript_file=plan["script_file"],
        transcriber="script",
        topic_title=plan["scenario"],
        role_prompt=plan["script"]["prompt"],
        agent_side=plan["agent"],
        split=plan["split"],
        flags=flags,
    )
    for side, voice in plan["voices"].items():
        name = voice["name"].replace("\\", "/").rsplit("/", 1)[-1]  # a piper voice is named by its path
        row[f"speaker_{side}"] = f"{plan['corpus']}-{name}"
        row[f"sex_{side}"] = voice["sex"]
    return row


def turn_row(call_id: str, turn: int, placed: Placed, text: str) -> dict[str, Any]:
    """An utterance; ``text`` is the script's."""
    return {
        "call_id": call_id,
        "turn": turn,
        "side": placed.side,
        "start_s": placed.start_s,
        "end_s": placed.end_s,
        "text": text,
        "words": list(placed.words),
        "flags": ["broke_off"] if placed.cut else [],
    }


def words_rows(call_id: str, turn: int, placed: Placed) -> list[dict[str, Any]]:
    """The score is null: these times are no aligner's guess. None where the engine gave none."""
    if placed.starts_s is None or placed.ends_s is None:
        return []
    shared = {"call_id": call_id, "side": placed.side, "turn": turn, "score": None, "method": "synthesis"}
    times = zip(placed.words, placed.starts_s, placed.ends_s, strict=True)
    return [
        {**shared, "index": index, "word": word, "start_s": start_s, "end_s": end_s}
        for index, (word, start_s, end_s) in enumerate(times)
    ]


def alignment_row(call_id: str, side: str, placed: list[Placed]) -> dict[str, Any]:
    """All words are where they are; no aligner scored them."""
    num_words = sum(len(p.words) for p in placed if p.side == side)
    row: dict[str, Any] = {"call_id": call_id, "side": side, "num_words": num_words, "unknown": [], "flags": []}
    return {**row, "coverage": 1.0 if num_words else None, "score_p05": None, "score_median": None}


def persona_row(call_id: str, side: str, prompts: list[str]) -> dict[str, Any]:
    """A side as the agent; the user's has no prompts."""
    return {
        "call_id": call_id,
        "side": side,
        "tone": None,
        "topic": None,
        "facts": [],
        "name": None,
        "dropped": [],
        "prompts": prompts,
        "labeler": "role",
        "request_key": None,
        "status": "ok" if prompts else "not an agent",
    }
