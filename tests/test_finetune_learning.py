"""That training learns: one dialogue by heart, and to answer as the prompt says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finetune_tiny import PROMPTS, World, call_row, tiny_lm, write_work

from finetune.checkpoints import open_base
from finetune.data.batches import Mixture, StepBatch, collate
from finetune.data.mixture import MixtureState
from finetune.data.sources import open_sources
from finetune.data.windows import Plan, WindowSource
from finetune.loss import StreamSums
from finetune.optim import make_optimizer
from finetune.prompt import prompt_frames
from finetune.step import target_losses, train_step

pytest_plugins = ["finetune_fixtures"]
pytestmark = pytest.mark.usefixtures("one_thread")

FAST = {
    "optim__depth_lr": 0.02,
    "optim__temporal_lr": 0.02,
    "optim__weight_decay": 0.0,
    "optim__final_lr_share": 0.01,
}


def source_of(config: Any, split: str) -> WindowSource:
    base = open_base(config.model.checkpoint)
    return open_sources(config.data, split, base, base.prompt_texts(), 1)["shop"]


def test_overfits_one_dialogue_to_near_zero(world: World) -> None:
    config = world.config(steps=60, data__max_frames=90, data__mix={"shop": 1.0}, **FAST)
    source = source_of(config, "train")
    batch = collate([source.cut(source.plan(0))], ["shop"])
    step_of = StepBatch((batch,), 1, 0, 0)
    model = tiny_lm()
    optimizer = make_optimizer(model, config.optim)
    metrics = [train_step(model, optimizer, step_of, step, config, ["shop"]) for step in range(1, 61)]
    assert metrics[0]["loss"] > 9
    assert metrics[-1]["loss"] < 0.02
    semantic = ("text", "agent_semantic", "user_semantic")
    assert all(metrics[-1]["streams"]["shop"][stream] < 0.02 for stream in semantic)


def persona_call(call_id: str, persona: int, checkpoint: Path, **changes: Any) -> dict[str, Any]:
    """A short call whose side a says what its persona would; side b says anything."""
    frames = 16
    rng = np.random.default_rng([persona, len(call_id), int(call_id)])
    mine = np.full((8, frames), 10 + 20 * persona) + np.arange(frames) % 2
    return call_row(
        call_id, frames, checkpoint, 0, codes_a=mine.tolist(), codes_b=rng.integers(0, 40, (8, frames)).tolist(),
        text_a=[10 + persona + 2 * (t % 2) for t in range(frames)], prompts_a=[PROMPTS[persona]], starts=[0], **changes,
    )  # fmt: skip


def agent_loss(model: Any, source: WindowSource, plans: list[Plan]) -> float:
    """Mean cross-entropy of the agent's text and first codebook, in nats."""
    sums = StreamSums(("shop",))
    batch = collate([source.cut(plan) for plan in plans], ["shop"])
    with torch.no_grad():
        codes, mask, values = target_losses(model.eval(), batch)
    sums.add(values, codes, mask, batch.dataset_ids)
    means = sums.means()["shop"]
    return ((means["text"] or 0.0) + (means["agent_semantic"] or 0.0)) / 2


def prompt_sensitivity(model: Any, source: WindowSource) -> tuple[float, float]:
    """Loss with each window's own prompt, and with that of the next window of the other persona."""
    plans = [source.plan(i) for i in range(source.windows_per_epoch)]
    texts = source._texts
    swapped = []
    for plan in plans:
        other = PROMPTS[1 - PROMPTS.index(plan.prompt)]
        swapped.append(replace(plan, prompt=other, prompt_frames=prompt_frames(0, len(texts.tokens(other)))))
    return agent_loss(model, source, plans), agent_loss(model, source, swapped)


def test_learns_to_answer_by_its_prompt(world: World, tmp_path: Path) -> None:
    train = [persona_call(str(i), i % 2, world.checkpoint) for i in range(12)]
    held_out = [persona_call(str(100 + i), i % 2, world.checkpoint, split="valid") for i in range(6)]
    write_work(tmp_path / "shop", [*train, *held_out], "shop")
    config = world.config(steps=70, data__mix={"shop": 1.0}, data__root=str(tmp_path), **FAST)
    mixture = Mixture({"shop": source_of(config, "train")}, {"shop": 1.0})
    model = tiny_lm()
    optimizer = make_optimizer(model, config.optim)
    valid = source_of(config, "valid")
    before, before_swapped = prompt_sensitivity(model, valid)
    assert abs(before_swapped - before) < 0.05
    batches = mixture.steps(MixtureState.start(["shop"]), 2, 2)
    for step in range(1, config.steps + 1):
        train_step(model, optimizer, next(batches)[0], step, config, ["shop"])
    right, swapped = prompt_sensitivity(model, valid)
    assert right < 0.2, "calls that were not trained on are answered as their prompt says"
    assert swapped - right > 0.5
