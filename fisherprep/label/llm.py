"""The label stage with a language model: what it says of each call becomes prompts for both sides.

Asking and writing are apart. Asking (`fisherprep.label.asking`) fills the answer files, over the whole run and across
shards. The stage itself is a pure function of tables and answer files, run shard by shard as any other, each as soon as
its answers are there; so a run that is killed, or whose servers die, leaves whole shards and asks for nothing twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fisherprep.checkpoint import locate
from fisherprep.engine import Engine
from fisherprep.label.answer import RESPONSE_FORMAT
from fisherprep.label.asking import Asking, CallRows, Connect, read_calls
from fisherprep.label.exchange import INVALID_ANSWER, NO_TURNS, OK, Exchange, Pending, Settled, budget_tokens
from fisherprep.label.instruction import INSTRUCTION_VERSION
from fisherprep.label.personas import persona_row
from fisherprep.label.role import has_role, role_persona
from fisherprep.label.tokens import prompt_counter
from fisherprep.llm.cache import NO_ANSWER, REFUSED, TOO_LONG, AnswerFile
from fisherprep.llm.client import Traffic
from fisherprep.llm.settings import Limits, Plan
from fisherprep.schema import SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, reject, run_stage, upstream
from fisherprep.workfolder import WorkFolder, fingerprint, sha256_file

_COUNTER = lru_cache(maxsize=1)(prompt_counter)


@dataclass(frozen=True)
class Labelled:
    """What a run of `label_calls` did: the table's counts, and the figures of this run alone."""

    summary: StageSummary
    traffic: Traffic
    asked_s: float
    """seconds during which requests were in flight"""
    known: int
    """calls that needed labelling and whose answers were there already"""
    stopped: str | None
    """why calls were left for another run: all servers were lost"""

    def counters(self) -> dict[str, float]:
        """The run's figures by the names that `fisherprep.label.summary.label_rows` knows."""
        traffic = self.traffic
        figures: dict[str, float] = {
            "requests": traffic.requests,
            "answers from the cache": self.known,
            "retries": self.summary.counters["answers: asked again"],
            "failed requests": traffic.failed,
        }
        if traffic.put_off:
            figures["put off by a busy server"] = traffic.put_off
        if traffic.requests:
            tokens = {"prompt_tokens": traffic.tokens_in, "completion_tokens": traffic.tokens_out}
            figures |= tokens | {"seconds": self.asked_s}
        return figures


def label_calls(
    work: WorkFolder, plan: Plan, checkpoint: str | None, limits: Limits, connect: Connect, engine: Engine
) -> Labelled:
    """Bring the personas table up to date with conversations, turns and the model's answers.

    Args:
        work: a folder with conversations and turns.
        plan: the model, sampling and context.
        checkpoint: local folder or hub repository whose text tokenizer counts a prompt's tokens; None: an estimate.
        limits: concurrency, timeouts and tries.
        connect: finds or starts the servers; called only when something is to be asked.
        engine: where shards are written.

    Raises:
        ValueError: tables or the tokenizer are missing, the context is too short, or no server could be had.
    """
    asking = Asking(work, plan, limits, connect)
    with work.lock("label"):
        tables = upstream(work, "conversations", "turns")
        config = _config(plan, checkpoint)
        payload = {"work": str(work.path), "checkpoint": checkpoint}
        shards = [Shard(name, hashes, {**payload, "shard": name}) for name, hashes in tables.items()]
        summary = run_stage(work, LABEL, shards, config, engine, asking.feed)
    return Labelled(summary, asking.traffic, asking.took_s, asking.known, asking.stopped)


def _config(plan: Plan, checkpoint: str | None) -> dict[str, Any]:
    """What the rows depend on besides the tables; where the server is and how it is asked are no part of it."""
    budget_tokens(plan)  # a context that is too short is one error, before anything starts
    tokenizer = locate(checkpoint, ("tokenizer",)).tokenizer if checkpoint else None
    return {
        "labeler": plan.model,
        "plan": asdict(plan),
        "instruction": INSTRUCTION_VERSION,
        "schema": fingerprint(RESPONSE_FORMAT),
        "tokenizer_sha256": sha256_file(tokenizer) if tokenizer else None,
    }


def process(payload: dict[str, Any], config: dict[str, Any]) -> ShardResult:
    """The personas of one shard's calls, from the answers that are there."""
    work, plan = WorkFolder.open(Path(payload["work"])), Plan(**config["plan"])
    replies = AnswerFile.of(work, payload["shard"]).read()
    count_tokens = _COUNTER(payload["checkpoint"])
    result = ShardResult({"personas": []})
    for rows in read_calls(work, payload["shard"]):
        if has_role(rows[0]):  # its prompt came with it, and no model is asked
            personas = [role_persona(rows[0], side) for side in SIDES]
            result.rows["personas"] += personas
            result.counters.update(sides=len(personas))
            result.counters.update(f"status: {persona['status']}" for persona in personas)
            continue
        step = Exchange(*rows, plan).step(replies)
        if isinstance(step, Pending):
            step = Settled(NO_ANSWER, None, step.key, "the answer is no longer in the work folder's .label/answers")
        personas = [
            persona_row(rows[0], side, rows[1], step.answer, step.status, plan.model, step.key, count_tokens)
            for side in SIDES
        ]
        result.rows["personas"] += personas
        result.counters += _counts(step, personas)
        if step.status not in (OK, NO_TURNS):
            result.rejects.append(_reject(rows, step, plan))
    return result


def _counts(step: Settled, personas: list[dict[str, Any]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for persona in personas:
        counts["sides"] += 1
        level = len(persona["prompts"])
        counts[f"sides: level {level}" if level > 1 else "sides: level 1 only"] += 1
        counts[f"status: {persona['status']}"] += 1
        counts.update(f"dropped facts: {fact['reason']}" for fact in persona["dropped"])
    counts["answers: asked again"] += step.asked_again
    counts["tokens: in"] += sum(reply.tokens_in for reply in step.replies)
    counts["tokens: out"] += sum(reply.tokens_out for reply in step.replies)
    return counts


_FIXES = {
    NO_ANSWER: "run the same command again, which asks for this call again; look at the server's log if it stays so",
    REFUSED: "see what the server says; it may lack an option (structured output, reasoning effort); then run again",
    TOO_LONG: "give --context-length as the server has it, or raise both",
    INVALID_ANSWER: "the side keeps the topic prompt; raise --retries or --max-tokens, or use a larger model",
}
_EXPECTED = "an answer that fits the schema, about both sides"


def _reject(rows: CallRows, step: Settled, plan: Plan) -> dict[str, Any]:
    """What was left out here is the model's answer; the call itself has its topic prompts."""
    call_id = rows[0]["call_id"]
    place = f"request {step.key[:12]} to {plan.model}" if step.key else f"request to {plan.model}"
    return reject(LABEL.name, call_id, step.status, place, step.detail, _EXPECTED, _FIXES[step.status])


LABEL = Stage(
    "label", 3, ("personas",), process, retry_rejects=True, settled=frozenset({INVALID_ANSWER, TOO_LONG})
)  # fmt: skip
