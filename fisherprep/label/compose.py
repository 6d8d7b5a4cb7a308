"""Prompts of one side from the fields of its answer: the public format, never longer than a cap per level.

The fields go into fixed sentences here, so a model decides what is said and never how a prompt is built. What is too
long loses whole facts from the end, then the name; a topic that is too long falls back to the assigned one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fisherprep.label.answer import SideAnswer
from fisherprep.label.grounding import Grounded
from fisherprep.label.prompts import conversation_prompts
from fisherprep.label.topic import topic_wording

DEFAULT_CAPS = (24, 64, 192)
"""Tokens of a prompt with its tags, by level. Each token takes a frame (80 ms) of the training window: 192 are 15 s of
the 163.84 s that PersonaPlex trains on, and well under half of a window, which is all that the trainer grants to
prompts
(``data.max_prompt_share`` of finetune). The longest published conversation prompt has 76 words."""

TOPIC_TONE = "casual"
"""Tone of a prompt whose labeler has not read the call."""


def compose(
    call_row: Mapping[str, Any],
    side_answer: SideAnswer | None,
    grounded: Grounded | None,
    count_tokens: Callable[[str], int],
    caps: Sequence[int] = DEFAULT_CAPS,
) -> list[str]:
    """One to three prompts, from the least to the most detailed; the same for the same arguments.

    Args:
        call_row: the conversations row, for the assigned topic.
        side_answer: tone and topic (as checked by `fisherprep.label.grounding.ground_topic`); None keeps to the
            assigned topic.
        grounded: the facts and the name that hold; None or empty leaves level 3 out.
        count_tokens: tokens of a prompt with its tags (`fisherprep.label.tokens.prompt_counter`).
        caps: most tokens of levels 1, 2 and 3. Level 1 is always given.
    """
    tone, topic = tone_and_topic(call_row, side_answer, count_tokens, caps)
    if side_answer is None or grounded is None:
        return conversation_prompts(tone, topic)
    name, facts = grounded.name, [fact.text for fact in grounded.facts]
    while True:
        prompts = conversation_prompts(tone, topic, name, facts)
        if len(prompts) < 3 or count_tokens(prompts[2]) <= caps[2]:
            return prompts
        if facts:
            facts.pop()
        else:
            name = None


def tone_and_topic(
    call_row: Mapping[str, Any],
    side_answer: SideAnswer | None,
    count_tokens: Callable[[str], int],
    caps: Sequence[int] = DEFAULT_CAPS,
) -> tuple[str | None, str | None]:
    """Tone and topic as the prompts word them: the answer's where its level 2 fits the cap, else the assigned topic's.

    Both None where neither gives one that fits.
    """
    assigned = topic_wording(call_row["topic_title"], call_row["topic_text"])
    tone = side_answer.tone if side_answer else TOPIC_TONE
    for topic in (side_answer.topic if side_answer else None, assigned):
        if topic and count_tokens(conversation_prompts(tone, topic)[-1]) <= caps[1]:
            return tone, topic
    return None, None
