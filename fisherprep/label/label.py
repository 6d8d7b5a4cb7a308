"""The label stage with the baseline labeler: prompts from the topic table, without a model.

Both sides of a call get the same two levels, since a topic says nothing of either speaker. A call that came with its
agent's role prompt (recordings) has that one instead.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from fisherprep.engine import Engine
from fisherprep.label.personas import OK, TOPIC_LABELER, persona_row
from fisherprep.label.role import ROLE_LABELER, has_role, role_persona
from fisherprep.label.tokens import estimated_tokens
from fisherprep.schema import SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, run_stage, upstream
from fisherprep.workfolder import WorkFolder

_COLUMNS = ["call_id", "topic_title", "topic_text", "role_prompt", "agent_side"]


def label_topics(work: WorkFolder, engine: Engine) -> StageSummary:
    """Bring the personas table up to date with conversations.

    Returns:
        Counts of all shards: ``sides``, ``sides: level 1 only``, ``sides: level 2`` and ``sides: role prompt``,
        ``status: STATUS``.

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
    calls = work.read("conversations", payload["shard"], _COLUMNS).to_pylist()
    personas = [
        role_persona(call, side)
        if has_role(call)
        else persona_row(call, side, [], None, OK, config["labeler"], None, estimated_tokens)
        for call in calls
        for side in SIDES
    ]
    counters: Counter[str] = Counter(f"status: {persona['status']}" for persona in personas)
    by_topic = [persona for persona in personas if persona["labeler"] == config["labeler"]]
    counters.update("sides: level 2" if len(p["prompts"]) > 1 else "sides: level 1 only" for p in by_topic)
    counters["sides: role prompt"] = sum(p["labeler"] == ROLE_LABELER and bool(p["prompts"]) for p in personas)
    counters = +counters
    counters["sides"] = len(personas)
    return ShardResult({"personas": personas}, counters=counters)


LABEL = Stage("label", 2, ("personas",), process)
