"""One side of a call as a row of the personas table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fisherprep.label.answer import Answer, Fact
from fisherprep.label.compose import DEFAULT_CAPS, compose, tone_and_topic
from fisherprep.label.grounding.ground import TOPIC_IDENTIFIES, Grounded, ground, ground_topic, shown
from fisherprep.label.grounding.privacy import identifies

TOPIC_LABELER = "topic"
"""Labeler of prompts that come from the topic table, without a model."""
OK, NO_TOPIC, NO_FACTS = "ok", "no_topic", "no_facts"
"""Status of a side. ``no_topic``: nothing names the call's topic, so only level 1 is given. ``no_facts``: the model
answered, but gave neither a fact nor a name that holds, so there is no level 3."""

TOPIC_REFUSED = "topic_refused"
"""Why an answer's topic is dropped, but for `TOPIC_IDENTIFIES`: it is no plain phrase, or was not talked of. The
assigned one stands in its place."""


def persona_row(
    call: Mapping[str, Any],
    side: str,
    turns: Sequence[Mapping[str, Any]],
    answer: Answer | None,
    status: str,
    model: str,
    request_key: str | None,
    count_tokens: Callable[[str], int],
    caps: Sequence[int] = DEFAULT_CAPS,
) -> dict[str, Any]:
    """The personas row of a side.

    Args:
        call: the conversations row.
        side: a or b.
        turns: the call's turns rows, both sides, in order.
        answer: what the model said of both sides; None keeps the topic prompt, with ``status`` saying why.
        status: ``ok``, or why there is no answer.
        model: name of the model that was asked.
        request_key: hash of the request, where one was made.
        count_tokens: tokens of a prompt with its tags (`fisherprep.label.tokens.prompt_counter`).
        caps: most tokens of a prompt, by level.
    """
    grounded = Grounded()
    side_answer = None
    if answer is not None:
        side_answer = answer.side(side)
        assigned = f"{call.get('topic_title') or ''} {call.get('topic_text') or ''}"
        grounded = ground(side_answer, side, turns, assigned)
        topic = ground_topic(side_answer.topic, call, turns)
        if topic is None:
            reason = TOPIC_IDENTIFIES if identifies(side_answer.topic) else TOPIC_REFUSED
            grounded.dropped.append((Fact(turns=(), text=shown(side_answer.topic)), reason))
        side_answer = side_answer.model_copy(update={"topic": topic or ""})
    tone, topic = tone_and_topic(call, side_answer, count_tokens, caps)
    prompts = compose(call, side_answer, grounded, count_tokens, caps)
    if status == OK and len(prompts) < 3:
        status = NO_TOPIC if topic is None else status if answer is None else NO_FACTS
    return {
        "call_id": call["call_id"],
        "side": side,
        "tone": tone,
        "topic": topic,
        "facts": [_fact(fact) for fact in grounded.facts],
        "name": grounded.name,
        "dropped": [{**_fact(fact), "reason": reason} for fact, reason in grounded.dropped],
        "prompts": prompts,
        "labeler": TOPIC_LABELER if answer is None else model,
        "request_key": request_key,
        "status": status,
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {"text": fact.text, "turns": list(fact.turns)}
