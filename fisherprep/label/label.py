"""The label stage with the baseline labeler: prompts from the topic table, without a model.

Both sides of a call get the same two levels, since a topic says nothing of either speaker.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from fisherprep.engine import Engine
from fisherprep.label.prompts import conversation_prompts
from fisherprep.label.topic import topic_wording
from fisherprep.schema import SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, run_stage, upstream
from fisherprep.workfolder import WorkFolder

TOPIC_LABELER = "topic"
TONE = "casual"
"""Tone of a prompt whose labeler has not read the call."""
OK, NO_TOPIC = "ok", "no_topic"
"""Status of a side. ``no_topic``: the call has no topic, or one without a usable title, so only level 1 is given."""


def label_topics(work: WorkFolder, engine: Engine) -> StageSummary:
    """Bring the personas table up to date with conversations.

    Returns:
        Counts of all shards: ``sides``, ``sides: level 1 only`` and ``sides: level 2``, ``status: STATUS``.

    Raises:
        ValueError: there are no conversations yet, or another command is writing to the folder.
    """
    with work.lock("label"):
        tables = upstream(work, "conversations")
        shards = [Shard(name, hashes, {"work": str(work.path), "shard": name}) for name, hashes in tables.items()]
        return run_stage(work, LABEL, shards, {"labeler": TOPIC_LABELER}, engine)


def process(payload: dict[str, Any], config: dict[str, Any]) -> ShardResult:
    """The personas of one shard's calls."""
    work = WorkFolder.open(Path(payload["work"]))
    calls = work.read("conversations", payload["shard"], ["call_id", "topic_title", "topic_text"]).to_pylist()
    personas = [_persona(call, side, config["labeler"]) for call in calls for side in SIDES]
    counters: Counter[str] = Counter(f"status: {persona['status']}" for persona in personas)
    counters.update("sides: level 2" if len(p["prompts"]) > 1 else "sides: level 1 only" for p in personas)
    counters["sides"] = len(personas)
    return ShardResult({"personas": personas}, counters=counters)


LABEL = Stage("label", 1, ("personas",), process)


def _persona(call: dict[str, Any], side: str, labeler: str) -> dict[str, Any]:
    topic = topic_wording(call["topic_title"], call["topic_text"])
    tone = TONE if topic else None
    return {
        "call_id": call["call_id"],
        "side": side,
        "tone": tone,
        "topic": topic,
        "facts": [],
        "name": None,
        "prompts": conversation_prompts(tone, topic),
        "labeler": labeler,
        "request_key": None,
        "status": OK if topic else NO_TOPIC,
    }
