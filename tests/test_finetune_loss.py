"""The loss: its formula, its masks, and that the way a step is cut into micro-batches does not change it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from finetune_tiny import World, tiny_lm

from finetune.checkpoints import open_base
from finetune.config import LossConfig, OptimConfig
from finetune.data.batches import Batch, Mixture, StepBatch, micro_batches
from finetune.data.mixture import MixtureState
from finetune.data.sources import open_sources
from finetune.loss import STREAMS, StreamSums, WeightTotals, cross_entropy, target_weights, weighted_loss
from finetune.model.forward import delay
from finetune.optim import group_of, learning_rates, make_optimizer
from finetune.step import accumulate_gradient, target_losses, train_step

pytest_plugins = ["finetune_fixtures"]
pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = LossConfig()


@pytest.fixture(scope="module")
def windows(world: World) -> list[Any]:
    """Four windows of unlike lengths from both datasets."""
    base = open_base(str(world.checkpoint))
    data = world.config().data
    sources = open_sources(data, "train", base, base.prompt_texts(), 1)
    stream = Mixture(sources, data.mix).plans(MixtureState.start(list(data.mix)))
    return [sources[plan.dataset].cut(plan) for plan, _ in itertools.islice(stream, 4)]


def batch_of(windows: list[Any], size: int) -> StepBatch:
    return StepBatch(tuple(micro_batches(windows, ["calls", "shop"], size)), len(windows), 0, 0)


def loss_and_gradient(model: Any, output: Any, codes: torch.Tensor, mask: torch.Tensor) -> tuple[float, torch.Tensor]:
    """The loss of one batch, and its gradient with respect to every parameter, end to end."""
    weights = target_weights(codes, mask, CONFIG)
    loss = weighted_loss(cross_entropy(output, codes, mask), weights, WeightTotals.of([weights]))
    gradients = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    return float(loss.detach()), torch.cat([g.flatten() for g in gradients])


def test_targets_inside_prompt_and_padding_do_not_matter_and_real_ones_do(windows: list[Any]) -> None:
    model = tiny_lm()
    batch = batch_of(windows, 4).micro_batches[0]
    output = model(batch.codes)
    loss, gradient = loss_and_gradient(model, output, batch.codes, batch.mask)
    generator = torch.Generator().manual_seed(0)
    other = torch.randint(0, 40, batch.codes.shape, generator=generator)

    outside = torch.where(batch.mask, batch.codes, other)
    assert (outside != batch.codes).any()
    same_loss, same_gradient = loss_and_gradient(model, output, outside, batch.mask)
    assert same_loss == loss and torch.equal(same_gradient, gradient)

    inside = torch.where(batch.mask, other, batch.codes)
    new_loss, new_gradient = loss_and_gradient(model, output, inside, batch.mask)
    assert new_loss != loss and not torch.allclose(new_gradient, gradient)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_cut_into_micro_batches_does_not_change_the_gradient(world: World, windows: list[Any], size: int) -> None:
    config = world.config()
    results = []
    for micro_batch_size in (4, size):
        model = tiny_lm()
        sums = StreamSums(("calls", "shop"))
        loss = accumulate_gradient(model, batch_of(windows, micro_batch_size), config, sums)
        gradient = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
        results.append((loss, gradient, sums.means()))
    (loss, gradient, means), (cut_loss, cut_gradient, cut_means) = results
    assert cut_loss == pytest.approx(loss, rel=1e-6)
    assert torch.allclose(cut_gradient, gradient, atol=1e-7, rtol=1e-4)
    for name, stream in itertools.product(("calls", "shop"), STREAMS):
        assert cut_means[name][stream] == pytest.approx(means[name][stream], rel=1e-5)


def test_delayed_codes_give_the_same_losses_and_gradient_as_moshis_own_forward(windows: list[Any]) -> None:
    model = tiny_lm()
    batch = batch_of(windows, 4).micro_batches[0]
    loss, gradient = loss_and_gradient(model, model(batch.codes), batch.codes, batch.mask)
    plain = cross_entropy(model(batch.codes), batch.codes, batch.mask)

    codes, mask, values = target_losses(model, batch)
    weights = target_weights(codes, mask, CONFIG)
    ours = weighted_loss(values, weights, WeightTotals.of([weights]))
    gradients = torch.autograd.grad(ours, list(model.parameters()))
    assert float(ours.detach()) == pytest.approx(loss, rel=1e-6)
    assert torch.allclose(torch.cat([g.flatten() for g in gradients]), gradient, atol=1e-7, rtol=1e-4)
    for row in range(17):
        assert torch.equal(codes[:, row][mask[:, row]], batch.codes[:, row][batch.mask[:, row]])
        assert torch.allclose(values[:, row][mask[:, row]], plain[:, row][batch.mask[:, row]], atol=1e-5)


def test_a_target_that_a_delay_moves_past_the_end_is_a_mistake_of_the_caller() -> None:
    codes = torch.zeros(1, 17, 5, dtype=torch.long)
    with pytest.raises(AssertionError, match="falls past the end"):
        delay(tiny_lm(), codes, torch.ones_like(codes, dtype=torch.bool))


def test_windows_of_a_batch_do_not_see_each_other(windows: list[Any]) -> None:
    model = tiny_lm()
    together = batch_of(windows, 4).micro_batches[0]
    values = cross_entropy(model(together.codes), together.codes, together.mask)
    for place, alone in enumerate(batch_of(windows, 1).micro_batches):
        length = alone.codes.shape[2]
        expected = cross_entropy(model(alone.codes), alone.codes, alone.mask)[0]
        assert torch.allclose(values[place, :, :length], expected, atol=1e-5)


def test_the_weights_are_those_of_the_formula() -> None:
    codes = torch.zeros(1, 17, 4, dtype=torch.long)
    codes[0, 0] = torch.tensor([3, 0, 7, -1])
    mask = codes != -1
    weights = target_weights(codes, mask, CONFIG)
    assert weights[0, 0].tolist() == pytest.approx([0.3, 0.3, 1.0, 0.0])
    for row in range(1, 17):
        assert weights[0, row].tolist() == pytest.approx([1.0 if row in (1, 9) else 0.02] * 4)
    agent_only = target_weights(codes, mask, LossConfig(user_stream=False))
    assert torch.equal(agent_only[:, :9], weights[:, :9]) and not agent_only[:, 9:].any()


def test_loss_and_metrics_against_a_plain_computation(windows: list[Any]) -> None:
    """Every target one by one, in Python numbers."""
    model = tiny_lm().eval()
    batch = batch_of(windows, 4).micro_batches[0]
    with torch.no_grad():
        output = model(batch.codes)
    text_log, audio_log = output.text_logits.double().log_softmax(-1), output.logits.double().log_softmax(-1)
    text, audio = [0.0, 0.0], [0.0, 0.0]
    streams: dict[tuple[int, str], list[float]] = {}
    for b, k, t in batch.mask.nonzero().tolist():
        target = int(batch.codes[b, k, t])
        ce = -float(text_log[b, 0, t, target] if k == 0 else audio_log[b, k - 1, t, target])
        dataset = int(batch.dataset_ids[b])
        if k == 0:
            weight = 0.3 if target in (0, 3) else 1.0
            names = ["text"] if target in (0, 3) else ["text", "text_words"]
        else:
            weight = 1.0 if k in (1, 9) else 0.02
            names = [("agent_" if k < 9 else "user_") + ("semantic" if k in (1, 9) else "acoustic")]
        term = text if k == 0 else audio
        term[0] += weight * ce
        term[1] += weight
        for name in names:
            streams.setdefault((dataset, name), []).append(ce)
    expected = text[0] / text[1] + audio[0] / audio[1]

    weights = target_weights(batch.codes, batch.mask, CONFIG)
    values = cross_entropy(output, batch.codes, batch.mask)
    assert float(weighted_loss(values, weights, WeightTotals.of([weights]))) == pytest.approx(expected, rel=1e-5)
    sums = StreamSums(("calls", "shop"))
    sums.add(values, batch.codes, batch.mask, batch.dataset_ids)
    for (dataset, stream), found in streams.items():
        assert sums.means()[("calls", "shop")[dataset]][stream] == pytest.approx(sum(found) / len(found), rel=1e-5)
    one = StreamSums(("all",))
    one.add(values, batch.codes, batch.mask, torch.zeros(4, dtype=torch.long))
    assert one.losses(CONFIG)["all"] == pytest.approx(expected, rel=1e-5)


def test_invalid_logits_reach_neither_loss_nor_gradient() -> None:
    model = tiny_lm()
    codes = torch.randint(4, 40, (1, 17, 6))
    mask = torch.ones_like(codes, dtype=torch.bool)
    mask[:, [*range(2, 9), *range(10, 17)], -1] = False
    output = model(codes)
    assert output.logits.isnan().any(), "moshi fills a delayed codebook's last frame with NaN"
    loss, gradient = loss_and_gradient(model, output, codes, mask)
    assert torch.isfinite(torch.tensor(loss)) and gradient.isfinite().all()


def test_a_target_without_logits_is_a_mistake_of_the_caller() -> None:
    codes = torch.randint(4, 40, (1, 17, 6))
    with pytest.raises(AssertionError, match="no logits"):
        cross_entropy(tiny_lm()(codes), codes, torch.ones_like(codes, dtype=torch.bool))


def test_a_stream_without_targets_is_left_out() -> None:
    codes = torch.full((1, 17, 4), -1)
    sums = StreamSums(("x",))
    mask = codes != -1
    sums.add(torch.zeros(codes.shape), codes, mask, torch.zeros(1, dtype=torch.long))
    assert set(sums.means()["x"].values()) == {None}
    assert sums.losses(CONFIG) == {"x": 0.0}
    assert WeightTotals.of([target_weights(codes, mask, CONFIG)]) == WeightTotals(0.0, 0.0)


def test_a_step_that_is_not_finite_leaves_the_weights_alone(world: World, windows: list[Any]) -> None:
    model = tiny_lm()
    with torch.no_grad():
        model.text_linear.weight[5, 5] = float("inf")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = make_optimizer(model, OptimConfig())
    with pytest.raises(ValueError, match=r"step 7: the loss is .* training has diverged"):
        train_step(model, optimizer, batch_of(windows, 4), 7, world.config(), ["calls", "shop"])
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_learning_rates_rise_then_fall_by_a_cosine() -> None:
    config = OptimConfig(depth_lr=4.0, temporal_lr=2.0, warmup_share=0.1, final_lr_share=0.1)
    rates = [learning_rates(step, 100, config) for step in range(1, 101)]
    temporal = [rate["temporal"] for rate in rates]
    assert temporal[:10] == pytest.approx([0.2 * n for n in range(1, 11)])
    assert temporal[54] == pytest.approx(2 * (0.1 + 0.9 * 0.5))
    assert temporal[-1] == pytest.approx(0.2)
    assert all(a > b for a, b in itertools.pairwise(temporal[9:]))
    assert all(rate["depth"] == pytest.approx(2 * rate["temporal"]) for rate in rates)


def test_each_parameter_is_in_the_group_that_its_name_says() -> None:
    model = tiny_lm()
    groups = {group["name"]: len(group["params"]) for group in make_optimizer(model, OptimConfig()).param_groups}
    names = [name for name, _ in model.named_parameters()]
    depth = [name for name in names if group_of(name) == "depth"]
    assert groups == {"depth": len(depth), "temporal": len(names) - len(depth)}
    assert {name.split(".")[0] for name in depth} == {
        *("depformer", "depformer_in", "depformer_emb", "depformer_text_emb", "linears")
    }
    rest = {name.split(".")[0] for name in names} - {name.split(".")[0] for name in depth}
    assert rest == {"emb", "text_emb", "text_linear", "transformer", "out_norm"}


def test_masked_text_feeds_nothing_and_counts_nowhere(world: World, windows: list[Any]) -> None:
    """Text -1 in the middle of a dialogue: zero embeddings, no part in loss or metrics; audio stays supervised."""
    model = tiny_lm()
    nothing = torch.tensor([[-1]])
    assert not model.text_emb(nothing).any() and not model.depformer_text_emb(nothing).any()
    batch = batch_of(windows, 4).micro_batches[0]
    place = batch.mask[:, 0].nonzero()[::3]
    codes, mask = batch.codes.clone(), batch.mask.clone()
    codes[place[:, 0], 0, place[:, 1]] = -1
    mask[place[:, 0], 0, place[:, 1]] = False
    masked = Batch(codes, mask, batch.dataset_ids)
    counted = []
    for each in (batch, masked):
        row, targets, values = target_losses(model, each)
        assert torch.isfinite(values).all() and (values[:, 1:][targets[:, 1:]] > 0).all()
        counted.append((int(targets[:, 0].sum()), int(targets[:, 1:].sum())))
        assert not values[:, 0][row[:, 0] == -1].any()
        sums = StreamSums(("calls", "shop"))
        sums.add(values, row, targets, each.dataset_ids)
        means = sums.means()
        assert all(means[name]["text"] == pytest.approx(_mean(values, targets, each, d), rel=1e-5)
                   for d, name in enumerate(("calls", "shop")))  # fmt: skip
    assert counted[1] == (counted[0][0] - len(place), counted[0][1])
    batch_loss = accumulate_gradient(
        model, StepBatch((masked,), 4, 0, 0), world.config(), StreamSums(("calls", "shop"))
    )
    assert batch_loss > 0 and all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def _mean(values: torch.Tensor, targets: torch.Tensor, batch: Batch, dataset: int) -> float:
    mine = (batch.dataset_ids == dataset)[:, None] & targets[:, 0]
    return float(values[:, 0][mine].detach().mean())
