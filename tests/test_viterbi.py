"""Forced paths through CTC log-probabilities: against every path there is, and against torchaudio's."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.align.viterbi import Paths, forced_paths

BLANK = 0


def log_probs_of(seed: int, frames: int, labels: int) -> torch.Tensor:
    """float32 [T, V] of a seeded random distribution per frame."""
    logits = np.random.default_rng(seed).normal(0, 2, (frames, labels))
    return torch.log_softmax(torch.tensor(logits, dtype=torch.float32), dim=1)


def align(items: list[tuple[torch.Tensor, list[int]]]) -> Paths:
    """Items of different lengths in one padded batch; what pads them is as misleading as can be."""
    frames, labels = max(len(p) for p, _ in items), max(len(t) for _, t in items)
    log_probs = torch.zeros(len(items), frames, items[0][0].shape[1])
    targets = torch.full((len(items), labels), 1)
    for row, (probs, target) in enumerate(items):
        log_probs[row, : len(probs)] = probs
        targets[row, : len(target)] = torch.tensor(target, dtype=torch.int64)
    lengths = torch.tensor([len(p) for p, _ in items])
    return forced_paths(log_probs, lengths, targets, torch.tensor([len(t) for _, t in items]), BLANK)


def every_score(log_probs: torch.Tensor, target: list[int]) -> dict[tuple[int, ...], float]:
    """Score of each sequence of one label per frame that says the target: repeats merged, blanks left out."""
    frames, labels = log_probs.shape
    return {
        path: float(sum(log_probs[t, label] for t, label in enumerate(path)))
        for path in product(range(labels), repeat=frames)
        if [label for label, _ in groupby(path) if label != BLANK] == target
    }


def path_of(found: Paths, row: int, frames: int, target: list[int]) -> tuple[int, ...]:
    """One label per frame from the spans of the labels."""
    path = [BLANK] * frames
    for label, start, end in zip(target, found.starts[row].tolist(), found.ends[row].tolist(), strict=False):
        assert 0 <= start < end <= frames
        assert path[start:end] == [BLANK] * (end - start), "labels overlap"
        path[start:end] = [label] * (end - start)
    return tuple(path)


@st.composite
def lattices(draw: st.DrawFn) -> tuple[torch.Tensor, list[int]]:
    frames, labels = draw(st.integers(1, 6)), draw(st.integers(2, 4))
    target = draw(st.lists(st.integers(1, labels - 1), max_size=3))
    return log_probs_of(draw(st.integers(0, 10_000)), frames, labels), target


@settings(max_examples=150, deadline=None)
@given(lattices())
def test_no_path_is_better(lattice: tuple[torch.Tensor, list[int]]) -> None:
    log_probs, target = lattice
    scores = every_score(log_probs, target)
    found = align([lattice])
    assert found.feasible.tolist() == [bool(scores)]
    if not scores:
        assert not found.ends.any()
        return
    path = path_of(found, 0, len(log_probs), target)
    assert path in scores
    assert scores[path] == pytest.approx(max(scores.values()), abs=1e-4)
    for label, start, end, score in zip(target, found.starts[0], found.ends[0], found.scores[0], strict=True):
        assert float(score) == pytest.approx(float(log_probs[start:end, label].mean()), abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_a_batch_answers_as_one_by_one(seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    items = [
        (log_probs_of(seed + row, int(rng.integers(1, 30)), 5), rng.integers(1, 5, rng.integers(0, 9)).tolist())
        for row in range(data.draw(st.integers(2, 6)))
    ]
    together = align(items)
    for row, (log_probs, target) in enumerate(items):
        alone, count = align([(log_probs, target)]), len(target)
        assert together.feasible[row] == alone.feasible[0]
        assert torch.equal(together.starts[row, :count], alone.starts[0])
        assert torch.equal(together.ends[row, :count], alone.ends[0])
        assert torch.equal(together.scores[row, :count], alone.scores[0])
        assert not together.ends[row, count:].any()


def test_equal_labels_need_a_frame_between_them() -> None:
    log_probs = log_probs_of(1, 3, 3)
    assert align([(log_probs, [1, 1])]).feasible.tolist() == [True]
    assert align([(log_probs, [1, 1, 2])]).feasible.tolist() == [False]
    assert align([(log_probs, [1, 2, 1])]).feasible.tolist() == [True]


def test_impossible_items_do_not_disturb_the_others() -> None:
    good = (log_probs_of(2, 12, 4), [1, 2, 2, 3])
    not_a_number = torch.full((12, 4), float("nan"))
    impossible = torch.full((12, 4), float("-inf"))
    batch = align([(good[0][:3], good[1]), good, (not_a_number, [1]), (impossible, [1, 2]), (good[0][:0], [1])])
    assert batch.feasible.tolist() == [False, True, False, False, False]
    assert torch.equal(batch.starts[1], align([good]).starts[0])


def test_long_paths_keep_their_precision() -> None:
    """After 20,000 frames at -12 each, float32 sums would no longer tell a good frame from a bad one."""
    frames, last = 20_000, 19_990
    log_probs = torch.full((frames, 3), -12.0)
    log_probs[last, 2] = -11.999
    found = align([(log_probs, [1, 2])])
    assert found.starts[0, 1] <= last < found.ends[0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_as_torchaudio_does(seed: int) -> None:
    functional = pytest.importorskip("torchaudio.functional", exc_type=ImportError)
    log_probs = log_probs_of(seed, 200, 30)
    target = np.random.default_rng(seed).integers(1, 30, 60).tolist()
    path, _ = functional.forced_align(log_probs[None], torch.tensor([target], dtype=torch.int32), blank=BLANK)
    assert path_of(align([(log_probs, target)]), 0, 200, target) == tuple(path[0].tolist())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
def test_an_accelerator_finds_the_same_paths() -> None:
    log_probs, targets = torch.stack([log_probs_of(n, 300, 32) for n in range(4)]), torch.randint(1, 32, (4, 90))
    given = (log_probs, torch.tensor([300, 250, 200, 299]), targets, torch.tensor([90, 60, 90, 1]))
    here, there = forced_paths(*given, BLANK), forced_paths(*(value.cuda() for value in given), BLANK)
    assert torch.equal(here.starts, there.starts.cpu())
    assert torch.equal(here.ends, there.ends.cpu())
