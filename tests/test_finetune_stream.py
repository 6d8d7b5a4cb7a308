"""The stream of steps: dealt out to ranks, read ahead by threads, resumed exactly."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finetune_tiny import DELAYS, World, call_row, voice_row, write_work
from test_finetune_data import WORDS, Letters

from finetune.checkpoints import open_base
from finetune.data.ahead import in_order
from finetune.data.batches import Batch, Mixture, StepBatch
from finetune.data.dataset import CodesDataset, open_dataset
from finetune.data.mixture import MixtureState
from finetune.data.sources import open_held_out, open_sources
from finetune.data.windows import WindowSource
from finetune.prompt import PromptTexts
from fisherprep.manifest import Manifest

pytest_plugins = ["finetune_fixtures"]

Steps = list[tuple[StepBatch, MixtureState]]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CodesDataset]:
    """Long calls and short dialogues, with voices."""
    root = tmp_path_factory.mktemp("stream")
    opened = {}
    for name, lengths in (("long", (900, 500, 700)), ("short", (35, 60, 20, 44))):
        rows = [call_row(f"{name}{i}", n, None, i, speaker_a="p") for i, n in enumerate(lengths)]
        voices = [voice_row(row["call_id"], "a", i, speaker="p") for i, row in enumerate(rows)]
        write_work(root / name, rows, name, voices)
        opened[name] = open_dataset(Manifest(name=name, tables=name), root, "train", WORDS)
    return opened


def mixture_of(datasets: dict[str, CodesDataset], **rules: Any) -> Mixture:
    def windows(dataset: CodesDataset) -> WindowSource:
        return WindowSource(dataset, PromptTexts(Letters(), 48), DELAYS, 3, 160, 0.6, **rules)

    return Mixture({name: windows(dataset) for name, dataset in datasets.items()}, {"long": 0.6, "short": 0.4})


def steps_of(datasets: dict[str, CodesDataset], count: int, *args: int, **reading: Any) -> Steps:
    mixture = mixture_of(datasets)
    return list(itertools.islice(mixture.steps(MixtureState.start(mixture.names), *args, **reading), count))


def same(a: Batch, b: Batch) -> bool:
    return all(getattr(a, field.name).equal(getattr(b, field.name)) for field in dataclasses.fields(Batch))


@pytest.mark.parametrize("world_size", [2, 3, 6])
def test_a_step_is_the_same_micro_batches_for_any_number_of_ranks(
    datasets: dict[str, CodesDataset], world_size: int
) -> None:
    alone = steps_of(datasets, 4, 12, 2)
    ranks = [steps_of(datasets, 4, 12, 2, rank, world_size) for rank in range(world_size)]
    for number, (step, state) in enumerate(alone):
        parts = [steps[number][0] for steps in ranks]
        assert {steps[number][1] == state for steps in ranks} == {True}
        for place, batch in enumerate(step.micro_batches):
            rank, turn = place % world_size, place // world_size
            assert same(batch, parts[rank].micro_batches[turn])
        assert sum(len(part.micro_batches) for part in parts) == len(step.micro_batches) == 6
        assert sum(part.windows for part in parts) == step.windows == 12
        assert sum(part.dialogue_frames for part in parts) == step.dialogue_frames
        assert {part.step_frames for part in parts} == {step.step_frames} == {step.dialogue_frames}


def test_windows_of_like_length_share_a_micro_batch(datasets: dict[str, CodesDataset]) -> None:
    for step, _ in steps_of(datasets, 3, 12, 3):
        lengths = [batch.codes.shape[2] for batch in step.micro_batches]
        assert lengths == sorted(lengths, reverse=True)
        shortest = [int((batch.codes != -1).any(dim=1).sum(dim=1).min()) for batch in step.micro_batches]
        assert all(short >= longest for short, longest in zip(shortest, lengths[1:], strict=False))


@pytest.mark.parametrize(("workers", "prefetch"), [(1, 1), (3, 1), (2, 4)])
def test_reading_ahead_changes_nothing(datasets: dict[str, CodesDataset], workers: int, prefetch: int) -> None:
    plain = steps_of(datasets, 6, 4, 2)
    ahead = steps_of(datasets, 6, 4, 2, workers=workers, prefetch=prefetch)
    for (step, state), (again, state_again) in zip(plain, ahead, strict=True):
        assert state == state_again
        assert all(map(same, step.micro_batches, again.micro_batches))


def test_the_state_is_that_of_the_step_handed_out_not_of_one_read_ahead(datasets: dict[str, CodesDataset]) -> None:
    mixture = mixture_of(datasets)
    for number, (_, state) in enumerate(
        itertools.islice(mixture.steps(MixtureState.start(mixture.names), 4, 2, workers=2, prefetch=8), 5)
    ):
        assert sum(state.windows.values()) == 4 * (number + 1)


def test_a_run_goes_on_with_another_number_of_ranks(datasets: dict[str, CodesDataset]) -> None:
    straight = steps_of(datasets, 4, 12, 2)
    mixture = mixture_of(datasets)
    for rank in range(2):
        steps = mixture.steps(straight[1][1], 12, 2, rank, 2, workers=2)
        for (step, state), (again, state_again) in zip(straight[2:], itertools.islice(steps, 2), strict=True):
            assert state == state_again
            assert all(map(same, step.micro_batches[rank::2], again.micro_batches))


@pytest.mark.parametrize(("batch", "micro", "world_size"), [(3, 2, 1), (8, 2, 3), (4, 4, 2)])
def test_batches_that_cannot_be_dealt_out_evenly_are_refused_at_once(
    datasets: dict[str, CodesDataset], batch: int, micro: int, world_size: int
) -> None:
    mixture = mixture_of(datasets)
    with pytest.raises(ValueError, match=f"{batch} windows a step cannot be dealt out evenly to {world_size} process"):
        mixture.steps(MixtureState.start(mixture.names), batch, micro, 0, world_size)


def test_what_a_reader_meets_is_told_at_its_turn_and_reading_stops(tmp_path: Path) -> None:
    write_work(tmp_path / "d", [call_row(f"c{i}", 60, None, i) for i in range(9)], "d")
    dataset = open_dataset(Manifest(name="d", tables="d"), tmp_path, "train", WORDS)
    source = WindowSource(dataset, PromptTexts(Letters(), 48), DELAYS, 0, 160, 0.6)
    mixture = Mixture({"d": source}, {"d": 1.0})
    steps = mixture.steps(MixtureState.start(["d"]), 1, 1, workers=2, prefetch=2)
    calls = [source.plan(i).call for i in range(9)]
    next(steps)
    file = sorted((tmp_path / "d" / "codes").glob("*.parquet"))[calls[5].place.file]
    file.write_bytes(b"gone")
    with pytest.raises(ValueError, match=rf"{file.name}: cannot be read .* run `fisherprep encode` again"):
        for _ in range(8):
            next(steps)
    assert list(steps) == []


def test_results_come_in_order_however_long_each_takes() -> None:
    gate = threading.Event()

    def read(part: int) -> int:
        if part == 0:
            assert gate.wait(10)
        else:
            gate.set()  # a later part is read while the first still waits
        return part

    jobs = iter([(0, 1), (2,), (), (3, 4)])
    assert [done for _, done in in_order(jobs, tuple, read, 2, 2)] == [(0, 1), (2,), (), (3, 4)]


def test_no_more_is_read_ahead_than_asked_for() -> None:
    begun: list[int] = []

    def jobs() -> Any:
        for number in range(100):
            begun.append(number)
            yield number

    stream = in_order(jobs(), lambda job: (job,), lambda part: part, 2, 3)
    for number in range(5):
        assert next(stream) == (number, (number,))
        assert len(begun) == number + 1 + 3
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("read") and not _ends(t)]


def _ends(thread: threading.Thread) -> bool:
    thread.join(10)
    return not thread.is_alive()


# -- both sides -------------------------------------------------------------------------------------------------------


def test_both_gives_each_stretch_once_for_either_side_from_the_same_start(datasets: dict[str, CodesDataset]) -> None:
    source = WindowSource(datasets["long"], PromptTexts(Letters(), 48), DELAYS, 3, 160, 0.6, agent="both")
    one_side = WindowSource(datasets["long"], PromptTexts(Letters(), 48), DELAYS, 3, 160, 0.6)
    assert source.windows_per_epoch == 2 * one_side.windows_per_epoch
    for epoch in range(2):
        first = epoch * source.windows_per_epoch
        found = [source.plan(first + i) for i in range(source.windows_per_epoch)]
        per_call = {call.call_id: -(-call.num_frames // 160) for call in datasets["long"].calls}
        assert Counter((p.call.call_id, p.side) for p in found) == {
            (call, side): count for call, count in per_call.items() for side in "ab"
        }
        starts = {side: sorted((p.call.call_id, p.start) for p in found if p.side == side) for side in "ab"}
        assert np.mean([a == b for a, b in zip(starts["a"], starts["b"], strict=True)]) > 0.8


def test_both_keeps_to_the_sides_that_may_be_the_agent(tmp_path: Path) -> None:
    rows = [call_row("c0", 60, None, 0, agent_side="b"), call_row("c1", 60, None, 1)]
    write_work(tmp_path / "d", rows, "d")
    dataset = open_dataset(Manifest(name="d", tables="d"), tmp_path, "train", WORDS)
    source = WindowSource(dataset, PromptTexts(Letters(), 48), DELAYS, 0, 160, 0.6, agent="both")
    found = [source.plan(i) for i in range(source.windows_per_epoch)]
    assert sorted((p.call.call_id, p.side) for p in found) == [("c0", "b"), ("c1", "a"), ("c1", "b")]


def test_the_configuration_reaches_the_windows(world: World) -> None:
    base = open_base(str(world.checkpoint))
    config = world.config(data__agent="both", data__drop_text_prompt=1.0, data__drop_voice_prompt=1.0)
    source = open_sources(config.data, "train", base, base.prompt_texts(), 0)["calls"]
    found = [source.plan(i) for i in range(source.windows_per_epoch)]
    assert {(p.prompt, p.voice) for p in found} == {("", None)}
    assert Counter(p.side for p in found)["a"] == len(found) / 2


def test_held_out_windows_have_their_prompts_and_are_the_same_for_every_run(world: World) -> None:
    base = open_base(str(world.checkpoint))
    found = []
    for changes in ({}, {"data__agent": "both", "data__drop_text_prompt": 1.0, "data__drop_voice_prompt": 1.0}):
        sources, _ = open_held_out(world.config(**changes).data, "valid", base, base.prompt_texts())
        found.append([[s.plan(i) for i in range(s.windows_per_epoch)] for s in sources.values()])
    essences = [[(p.call.call_id, p.side, p.start, p.prompt, p.voice) for ps in one for p in ps] for one in found]
    assert essences[0] == essences[1] and all(prompt for *_, prompt, _ in essences[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_are_pinned_for_a_gpu(datasets: dict[str, CodesDataset]) -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    ((step, _),) = steps_of(datasets, 1, 4, 2, workers=2, device=device)
    assert all(batch.codes.is_pinned() and batch.mask.is_pinned() for batch in step.micro_batches)
