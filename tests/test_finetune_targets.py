"""What is a target: shuffled inside prompts, padding and unknown text nothing changes, anywhere else it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from finetune_tiny import DELAYS, call_row, tiny_lm, voice_row, write_work
from test_finetune_data import WORDS, Letters

from finetune.config import LossConfig
from finetune.data.batches import Batch, collate
from finetune.data.dataset import open_dataset
from finetune.data.windows import Plan, WindowSource
from finetune.loss import WeightTotals, cross_entropy, target_weights, weighted_loss
from finetune.prompt import PromptTexts
from fisherprep.manifest import Manifest

pytest_plugins = ["finetune_fixtures"]

Graded = Callable[[torch.Tensor], tuple[float, torch.Tensor]]


@pytest.fixture(scope="module")
def batch_and_plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Batch, list[Plan]]:
    """Windows of four lengths, with each kind of prompt, padded, unknown text in the middle of two."""
    root = tmp_path_factory.mktemp("targets")
    text = [[3, 3, 0, 10, 11][t % 5] for t in range(40)]
    text[12:20] = [-1] * 8
    same = {"speaker_a": "p", "agent_side": "a", "starts": [0], "prompts_a": ["x"]}
    rows = [call_row("c0", 40, None, 0, text_a=text, **same), call_row("c1", 25, None, 1, **same)]
    write_work(root / "d", rows, "d", [voice_row(f"c{i}", "a", i, 7 + i, speaker="p") for i in range(2)])
    dataset = open_dataset(Manifest(name="d", tables="d"), root, "train", WORDS)
    plans, windows = [], []
    for dropped in (0.0, 1.0):
        source = WindowSource(
            dataset,
            PromptTexts(Letters(), 48),
            DELAYS,
            0,
            120,
            0.6,
            drop_text_prompt=dropped,
            drop_voice_prompt=dropped,
        )
        plans += [source.plan(i) for i in range(2)]
        windows += [source.cut(plan) for plan in plans[-2:]]
    return collate(windows, ["d"]), plans


@pytest.fixture
def graded(batch_and_plans: tuple[Batch, list[Plan]], one_thread: None) -> Graded:
    """Loss of a batch with other targets, and its gradient by all parameters; what is fed stays the same."""
    batch, _ = batch_and_plans
    model = tiny_lm()
    output: Any = model(batch.codes)

    def grade(codes: torch.Tensor) -> tuple[float, torch.Tensor]:
        weights = target_weights(codes, batch.mask, LossConfig())
        loss = weighted_loss(cross_entropy(output, codes, batch.mask), weights, WeightTotals.of([weights]))
        gradients = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        return float(loss.detach()), torch.cat([g.flatten() for g in gradients])

    return grade


def shuffled(codes: torch.Tensor, where: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """The same ids, those at ``where`` in another order."""
    order = torch.randperm(int(where.sum()), generator=torch.Generator().manual_seed(seed))
    return codes.masked_scatter(where, codes[where][order])


def test_the_mask_is_the_dialogue_without_unknown_text_and_what_comes_too_late(
    batch_and_plans: tuple[Batch, list[Plan]],
) -> None:
    batch, plans = batch_and_plans
    assert len({plan.num_frames for plan in plans}) == 4
    assert [(bool(p.prompt), p.voice is not None) for p in plans] == [(True, True)] * 2 + [(False, False)] * 2
    expected = np.zeros(batch.mask.shape, dtype=bool)
    for place, plan in enumerate(plans):
        for row, delay in enumerate(DELAYS):
            expected[place, row, plan.prompt_frames : plan.num_frames - delay] = True
        if plan.call.call_id == "c0":
            expected[place, 0, plan.prompt_frames + 12 : plan.prompt_frames + 20] = False
    assert np.array_equal(batch.mask.numpy(), expected)


def test_shuffling_prompt_padding_and_unknown_text_changes_neither_loss_nor_gradient(
    batch_and_plans: tuple[Batch, list[Plan]], graded: Graded
) -> None:
    batch, _ = batch_and_plans
    loss, gradient = graded(batch.codes)
    for seed in range(3):
        other = shuffled(batch.codes, ~batch.mask, seed)
        assert (other != batch.codes).sum() > 1000
        other_loss, other_gradient = graded(other)
        assert other_loss == loss and torch.equal(other_gradient, gradient)


@pytest.mark.parametrize("rows", [[0], [1], [2, 3, 4, 5, 6, 7, 8], [9], [10, 11, 12, 13, 14, 15, 16]])
def test_shuffling_the_targets_of_any_stream_changes_both(
    batch_and_plans: tuple[Batch, list[Plan]], graded: Graded, rows: list[int]
) -> None:
    batch, _ = batch_and_plans
    loss, gradient = graded(batch.codes)
    where = torch.zeros_like(batch.mask)
    where[:, rows] = batch.mask[:, rows]
    other_loss, other_gradient = graded(shuffled(batch.codes, where))
    assert other_loss != loss and not torch.allclose(other_gradient, gradient)
