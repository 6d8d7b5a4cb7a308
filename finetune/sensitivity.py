"""Prompt sensitivity: does the model read its prompt?

Every held-out window is fed twice with the same dialogue and voice: with its own text prompt, and with that of another
call of the dataset. How much the loss rises is what the prompt told the model. Windows without text prompt, and
datasets in which all prompts are alike, cannot tell.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from finetune.config import Config
from finetune.data.windows import Plan, WindowSource
from finetune.heldout import losses_of
from finetune.prompt import PromptTexts, prompt_frames

if TYPE_CHECKING:
    from moshi.models.lm import LMModel

SEED = 0
"""Which prompt takes another's place is the same for every model."""

Sensitivity = dict[str, Any]
"""``windows``, ``right`` and ``shuffled`` (``loss`` and streams, as held-out losses), ``rise`` (shuffled - right)."""


def shuffled_prompts(prompts: list[str], seed: int = SEED) -> list[str | None]:
    """For each prompt one of the others that reads differently; None where there is none."""
    rng = random.Random(seed)
    others = sorted(set(prompts))
    if len(others) < 2:
        return [None] * len(prompts)
    drawn: list[str | None] = []
    for prompt in prompts:
        place = rng.randrange(len(others) - 1)
        drawn.append(others[place if others[place] < prompt else place + 1])
    return drawn


def pairs(source: WindowSource, texts: PromptTexts, count: int) -> list[tuple[Plan, Plan]]:
    """At most ``count`` windows with their own and with another prompt, the same dialogue frames in both."""
    plans = [source.plan(index) for index in range(min(count, source.windows_per_epoch))]
    plans = [plan for plan in plans if plan.prompt]
    found = []
    for plan, other in zip(plans, shuffled_prompts([plan.prompt for plan in plans]), strict=True):
        if other is None:
            continue
        longer = prompt_frames(0, len(texts.tokens(other))) - prompt_frames(0, len(texts.tokens(plan.prompt)))
        dialogue = max(1, plan.dialogue_frames - max(0, longer))  # both fit into a window
        right = replace(plan, dialogue_frames=dialogue)
        found.append((right, replace(right, prompt=other, prompt_frames=plan.prompt_frames + longer)))
    return found


def prompt_sensitivity(
    model: LMModel, sources: dict[str, WindowSource], texts: PromptTexts, config: Config
) -> dict[str, Sensitivity | None]:
    """Dataset -> its sensitivity on at most ``config.heldout.windows`` windows; None where no window can tell."""
    result: dict[str, Sensitivity | None] = {}
    for name, source in sources.items():
        both = pairs(source, texts, config.heldout.windows)
        if not both:
            result[name] = None
            continue
        right, shuffled = (losses_of(model, source, [pair[which] for pair in both], config) for which in (0, 1))
        rise = {
            key: new - old
            for key, new in shuffled.items()
            if new is not None and (old := right[key]) is not None
        }  # fmt: skip
        result[name] = {"windows": len(both), "right": right, "shuffled": shuffled, "rise": rise}
    return result
