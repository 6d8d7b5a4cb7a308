"""The label stage with the baseline labeler: prompts from the topic table, without a model.

Both sides of a call get the same two levels, since a topic says nothing of either speaker.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from fisherprep.engine import Engine
from fisherprep.label.personas import OK, TOPIC_LABELER, persona_row
from fisherprep.label.tokens import estimated_tokens
from fisherprep.schema import SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, run_stage, upstream
from fisherprep.workfolder import WorkFolder


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
    personas = [
        persona_row(call, side, [], None, OK, config["labeler"], None, estimated_tokens)
        for call in calls
        for side in SIDES
    ]
    counters: Counter[str] = Counter(f"status: {persona['status']}" for persona in personas)
    counters.update("sides: level 2" if len(p["prompts"]) > 1 else "sides: level 1 only" for p in personas)
    counters["sides"] = len(personas)
    return ShardResult({"personas": personas}, counters=counters)


LABEL = Stage("label", 1, ("personas",), process)
