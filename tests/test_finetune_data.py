"""Datasets, windows, mixture and batches: what is cut, from where, in which shares, and resumed where."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from finetune_tiny import DELAYS, PROMPTS, World, call_row, voice_row, write_work
from hypothesis import given
from hypothesis import strategies as st

from finetune.checkpoints import open_base
from finetune.data.batches import Mixture, collate
from finetune.data.checks import Vocabulary, check_mix
from finetune.data.dataset import CodesDataset, EmptySplit, open_dataset
from finetune.data.mixture import MixtureState, parse_mix
from finetune.data.sources import describe_sources, open_held_out, open_sources, vocabulary_of
from finetune.data.windows import Plan, WindowSource, dialogue_mask
from finetune.prompt import PromptTexts, prompt_frames, system_prompt
from fisherprep.manifest import Manifest
from fisherprep.schema import SCHEMA_VERSION

pytest_plugins = ["finetune_fixtures"]

WORDS = Vocabulary(card=2048, text_card=48, tokenizer_sha256="", toy=True)


class Letters:
    """One token per character, within 48 ids."""

    def encode(self, text: str) -> list[int]:
        return [4 + ord(c) % 40 for c in text]


Rows = list[dict[str, Any]]
RULES = ("agent", "drop_text_prompt", "drop_voice_prompt")


def source(
    tmp_path: Path, rows: Rows, max_frames: int = 120, voices: Rows | None = None, share: float = 0.75, **changes: Any
) -> WindowSource:
    """The windows of a work folder with these rows; ``changes`` of the manifest, ``by_*`` for the windows' rules."""
    rules = {key: changes.pop(f"by_{key}") for key in RULES if f"by_{key}" in changes}
    dataset = dataset_of(tmp_path, rows, voices, **changes)
    return WindowSource(dataset, PromptTexts(Letters(), 48), DELAYS, 0, max_frames, share, **rules)


def dataset_of(
    tmp_path: Path, rows: Rows, voices: Rows | None = None, split: str = "train", **manifest: Any
) -> CodesDataset:
    if not (tmp_path / "d").exists():
        write_work(tmp_path / "d", rows, "d", voices)
    return open_dataset(Manifest(**{"name": "d", "tables": "d", **manifest}), tmp_path, split, WORDS)


def plans(windows: WindowSource, count: int) -> list[Plan]:
    return [windows.plan(i) for i in range(count)]


# -- windows ----------------------------------------------------------------------------------------------------------


def test_a_window_is_its_prompt_and_then_the_calls_own_rows(tmp_path: Path) -> None:
    row = call_row("c0", 200, None, 0, speaker_a="p0")
    voice = voice_row("c1", "b", 1, speaker="p0")
    windows = source(tmp_path, [row, call_row("c1", 20, None, 1)], voices=[voice])
    drawn = [plan for plan in plans(windows, 12) if plan.call.call_id == "c0"]
    assert {plan.voice for plan in drawn} == {0, None}
    for plan in drawn:
        window = windows.cut(plan)
        codes = np.array(voice["codes"]) if plan.side == "a" else None
        prompt = system_prompt(codes, Letters().encode(f"<system> {plan.prompt} <system>"))
        other = "b" if plan.side == "a" else "a"
        span = slice(plan.start, plan.start + plan.dialogue_frames)
        assert np.array_equal(window.rows[:, : prompt.shape[1]], prompt)
        assert np.array_equal(window.rows[0, prompt.shape[1] :], np.array(row[f"text_{plan.side}"])[span])
        assert np.array_equal(window.rows[1:9, prompt.shape[1] :], np.array(row[f"codes_{plan.side}"])[:, span])
        assert np.array_equal(window.rows[9:17, prompt.shape[1] :], np.array(row[f"codes_{other}"])[:, span])
        assert not window.mask[:, : prompt.shape[1]].any()
        assert window.rows.shape[1] == plan.num_frames <= 120


def test_windows_start_only_where_one_may_and_are_full_where_the_call_is_long(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", n, None, i) for i, n in enumerate((500, 90, 1000))]
    drawn = plans(source(tmp_path, rows), 200)
    for plan in drawn:
        assert plan.start in plan.call.starts
        room = 120 - prompt_frames(0, len(f"<system> {plan.prompt} <system>"))
        if plan.call.num_frames > room + 13:
            assert plan.dialogue_frames == room
    assert len({(plan.call.call_id, plan.start) for plan in drawn}) > 30
    assert {plan.side for plan in drawn} == {"a", "b"}


def test_a_dialogue_that_fits_is_taken_whole(tmp_path: Path) -> None:
    row = call_row("c0", 40, None, 0, starts=[2, 20], prompts_a=["tea"], prompts_b=["tea"])
    for plan in plans(source(tmp_path, [row]), 6):
        assert (plan.start, plan.dialogue_frames) == (2, 38)


def test_an_epoch_visits_every_stretch_of_every_call_once(tmp_path: Path) -> None:
    lengths = {"c0": 500, "c1": 90, "c2": 1000}
    windows = source(tmp_path, [call_row(c, n, None, i) for i, (c, n) in enumerate(lengths.items())])
    expected = {call: -(-n // 120) for call, n in lengths.items()}
    assert windows.windows_per_epoch == sum(expected.values())
    for epoch in range(3):
        first = epoch * windows.windows_per_epoch
        seen = Counter(windows.plan(first + i).call.call_id for i in range(windows.windows_per_epoch))
        assert seen == expected
    starts = [sorted(p.start for p in plans(windows, 15) if p.call.call_id == "c2")]
    assert max(np.diff(starts[0])) <= 2 * 120, "the stretches cover the call"


def test_the_same_seed_gives_the_same_windows_in_any_order_of_asking(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 300, None, i) for i in range(4)]
    once, again = source(tmp_path, rows), source(tmp_path, rows)
    forwards = [_essence(p) for p in plans(once, 40)]
    assert [_essence(again.plan(i)) for i in reversed(range(40))][::-1] == forwards
    other = WindowSource(once.dataset, PromptTexts(Letters(), 48), DELAYS, 1, 120, 0.75)
    assert [_essence(p) for p in plans(other, 40)] != forwards


def _essence(plan: Plan) -> tuple[Any, ...]:
    return plan.call.call_id, plan.side, plan.prompt, plan.start, plan.dialogue_frames, plan.voice


def test_prompt_levels_follow_the_manifest(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 200, None, i, prompts_b=["only one"]) for i in range(4)]
    drawn = plans(source(tmp_path, rows, prompt_levels=(0.25, 0.75)), 600)
    side_a = Counter(p.prompt for p in drawn if p.side == "a")
    assert 0.68 < side_a[PROMPTS[1]] / side_a.total() < 0.82
    assert {p.prompt for p in drawn if p.side == "b"} == {"only one"}


def test_a_side_without_the_wanted_level_takes_its_most_detailed(tmp_path: Path) -> None:
    row = call_row("c0", 200, None, 0, prompts_a=["plain"], prompts_b=[])
    drawn = plans(source(tmp_path, [row], prompt_levels=(0.0, 1.0)), 30)
    assert {(p.side, p.prompt) for p in drawn} == {("a", "plain"), ("b", "")}


def test_a_voice_prompt_that_leaves_too_little_dialogue_is_left_out(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 300, None, i, prompts_a=["x"], prompts_b=["x"]) for i in range(2)]
    voices = [voice_row("c1", "a", 1, 60, speaker="c0-a"), voice_row("c1", "b", 2, 61, speaker="c0-b")]
    needed = prompt_frames(60, len("<system> x <system>"))
    windows = source(tmp_path, rows, needed * 2, voices, share=0.5)
    drawn = [p for p in plans(windows, 40) if p.call.call_id == "c0"]
    assert {(p.side, p.voice is not None) for p in drawn} == {("a", True), ("b", False)}


def test_a_text_prompt_that_leaves_too_little_dialogue_is_refused(tmp_path: Path) -> None:
    row = call_row("c0", 300, None, 0, prompts_b=["y" * 100])
    with pytest.raises(ValueError, match=r"call c0: a prompt of side b takes 129 frames, more than the 90"):
        source(tmp_path, [row])


@pytest.mark.parametrize(
    ("agent", "row_side", "sides"), [("either", None, "ab"), ("a", None, "a"), ("either", "b", "b"), ("b", "b", "b")]
)
def test_only_the_allowed_side_is_the_agent(tmp_path: Path, agent: str, row_side: str | None, sides: str) -> None:
    drawn = plans(source(tmp_path, [call_row("c0", 200, None, 0, agent_side=row_side)], agent=agent), 20)
    assert {p.side for p in drawn} == set(sides)


def test_unknown_text_and_the_last_delayed_codes_are_no_targets() -> None:
    rows = np.full((17, 5), 7)
    rows[0, 1:3] = -1
    mask = dialogue_mask(rows, np.asarray(DELAYS))
    assert mask[0].tolist() == [True, False, False, True, True]
    assert mask[1].all() and mask[9].all()
    assert all(mask[row].tolist() == [True] * 4 + [False] for row in (*range(2, 9), *range(10, 17)))


def test_masked_text_is_fed_as_it_is_and_only_it_is_no_target(tmp_path: Path) -> None:
    """Text of unknown speech on one side: the codes stay targets, and the other side's window has no mask."""
    text = [3] * 100
    text[20:30] = [-1] * 10
    row = call_row("c0", 100, None, 0, text_a=text, starts=[0], prompts_a=["x"], prompts_b=["x"])
    windows = source(tmp_path, [row], max_frames=200)
    for side, masked in (("a", list(range(20, 30))), ("b", [])):
        plan = next(p for p in plans(windows, 20) if p.side == side)
        window = windows.cut(plan)
        first = window.rows.shape[1] - 100
        assert np.flatnonzero(window.rows[0, first:] == -1).tolist() == masked
        assert np.flatnonzero(~window.mask[0, first:]).tolist() == masked
        assert window.mask[1, first:].all() and window.mask[9, first:].all()


# -- mixture ----------------------------------------------------------------------------------------------------------


def test_shares_of_frames_converge_on_the_weights(tmp_path: Path) -> None:
    sources = {}
    for name, length in (("long", 900), ("short", 35), ("other", 120)):
        rows = [call_row(f"{name}{i}", length + i, None, i) for i in range(5)]
        write_work(tmp_path / name, rows, name)
        dataset = open_dataset(Manifest(name=name, tables=name), tmp_path, "train", WORDS)
        sources[name] = WindowSource(dataset, PromptTexts(Letters(), 48), DELAYS, 0, 200, 0.5)
    mixture = Mixture(sources, {"long": 6, "short": 3, "other": 1})
    counted: Counter[str] = Counter()
    for plan, state in itertools.islice(mixture.plans(MixtureState.start(mixture.names)), 2000):
        counted[plan.dataset] += plan.dialogue_frames
        assert counted == Counter(state.frames)
    for name, share in (("long", 0.6), ("short", 0.3), ("other", 0.1)):
        assert abs(counted[name] / counted.total() - share) < 0.01


def test_fisher_and_coffee_are_trained_on_as_the_mix_says(tmp_path: Path) -> None:
    """2,000 examples as batches hand them out, long calls beside short dialogues, resumed half way: what counts is the
    frames that are targets of the agent's first codebook, which are those of the dialogue."""
    sources = {}
    for name, lengths in (("fisher", (3000, 2400, 3600)), ("coffee", (90, 240, 410, 150, 330))):
        rows = [call_row(f"{name}{i}", length, None, i) for i, length in enumerate(lengths)]
        write_work(tmp_path / name, rows, name)
        dataset = open_dataset(Manifest(name=name, tables=name), tmp_path, "train", WORDS)
        sources[name] = WindowSource(dataset, PromptTexts(Letters(), 48), DELAYS, 0, 256, 0.5)
    mix = parse_mix("fisher:0.7,coffee:0.3")
    state, trained = MixtureState.start(list(mix)), Counter[str]()
    for _ in range(2):
        mixture = Mixture(sources, mix)
        steps = list(itertools.islice(mixture.steps(state, 20, 10), 50))
        state = steps[-1][1]
        for step, _ in steps:
            for batch in step.micro_batches:
                frames = batch.mask[:, 1].sum(dim=1).tolist()
                for dataset_id, count in zip(batch.dataset_ids.tolist(), frames, strict=True):
                    trained[mixture.names[dataset_id]] += count
    assert sum(state.windows.values()) == 2000
    assert trained == Counter(state.frames)
    assert abs(trained["fisher"] / trained.total() - 0.7) < 0.01


def test_the_stream_goes_on_from_any_state_as_if_undisturbed(world: World) -> None:
    def mixture() -> Mixture:
        base = open_base(str(world.checkpoint))
        config = world.config().data
        return Mixture(open_sources(config, "train", base, base.prompt_texts(), 5), config.mix)

    straight = list(itertools.islice(mixture().steps(MixtureState.start(["calls", "shop"]), 4, 2), 6))
    saved = MixtureState.from_dict(json.loads(json.dumps(straight[2][1].as_dict())))
    resumed = list(itertools.islice(mixture().steps(saved, 4, 2, workers=2), 3))
    for (batch, state), (again, state_again) in zip(straight[3:], resumed, strict=True):
        assert state == state_again
        assert len(batch.micro_batches) == 2 and batch.windows == 4
        for micro, micro_again in zip(batch.micro_batches, again.micro_batches, strict=True):
            assert micro.codes.equal(micro_again.codes) and micro.mask.equal(micro_again.mask)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not NAME:WEIGHT"),
        ("fisher,coffee:1", "is not NAME:WEIGHT"),
        ("fisher:0.7,", "is not NAME:WEIGHT"),
        (":1", "is not NAME:WEIGHT"),
        ("fisher:x", "expected a finite number above 0"),
        ("fisher:", "expected a finite number above 0"),
        ("fisher:nan", "expected a finite number above 0"),
        ("fisher:inf", "expected a finite number above 0"),
        ("fisher:0", "expected a finite number above 0"),
        ("fisher:-1", "expected a finite number above 0"),
        ("fisher:1,fisher:2", "comes twice"),
    ],
)
def test_a_bad_mix_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_mix(text)


@given(st.text(alphabet="ab:,.0123456789-eEnaif ", max_size=20))
def test_any_mix_parses_to_positive_numbers_or_is_refused(text: str) -> None:
    try:
        mix = parse_mix(text)
    except ValueError:
        return
    assert mix and all(0 < weight < float("inf") for weight in mix.values())


def test_a_mix_keeps_its_order() -> None:
    assert list(parse_mix(" fisher:0.7, coffee:0.3 ").items()) == [("fisher", 0.7), ("coffee", 0.3)]


# -- batches ----------------------------------------------------------------------------------------------------------


def test_padding_feeds_nothing_and_is_no_target(tmp_path: Path) -> None:
    lengths = (60, 33, 47)
    rows = [call_row(f"c{i}", n, None, i, prompts_a=["x"], prompts_b=["x"]) for i, n in enumerate(lengths)]
    windows = source(tmp_path, rows)
    cut = [windows.cut(plan) for plan in plans(windows, 3)]
    batch = collate(cut, ["d"])
    for place, window in enumerate(cut):
        length = window.rows.shape[1]
        assert np.array_equal(batch.codes[place, :, :length], window.rows)
        assert (batch.codes[place, :, length:] == -1).all()
        assert np.array_equal(batch.mask[place, :, :length], window.mask)
        assert not batch.mask[place, :, length:].any()


# -- datasets ---------------------------------------------------------------------------------------------------------


def test_rows_of_other_splits_are_not_seen(world: World) -> None:
    base = open_base(str(world.checkpoint))
    data = world.config().data
    for split, expected in (("train", ["c0", "c1", "c2"]), ("valid", ["c3"]), ("test", ["c4"])):
        sources = open_sources(data, split, base, base.prompt_texts(), 0)
        assert [call.call_id for call in sources["calls"].dataset.calls] == expected


def test_calls_without_a_start_are_left_out_and_counted(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [call_row("c0", 50, None, 0, starts=[]), call_row("c1", 50, None, 1)])
    assert [call.call_id for call in dataset.calls] == ["c1"]
    assert dict(dataset.left_out) == {"no frame at which a window may start": 1}


def test_the_fingerprint_changes_with_what_windows_are_planned_from(tmp_path: Path) -> None:
    made_with = json.dumps({"tokenizer_sha256": "", "toy": True, "resampler": "another"})
    changed: list[dict[str, Any]] = [{}, {"starts": [1]}, {"prompts_a": ["other"]}, {"provenance": made_with}]
    prints = [
        dataset_of(tmp_path / str(i), [call_row("c0", 50, None, 0, **changes)]).fingerprint()
        for i, changes in enumerate([*changed, {}])
    ]
    assert len(set(prints)) == 4 and prints[0] == prints[-1]


def test_sides_without_a_prompt_are_told(world: World, tmp_path: Path) -> None:
    """A null in a column of lists that may not be null is written as an empty list."""
    rows = [call_row(f"c{i}", 100, world.checkpoint, i, **c) for i, c in enumerate(({}, {"prompts_a": None}))]
    write_work(tmp_path / "calls", rows, "calls")
    base = open_base(str(world.checkpoint))
    config = world.config(data__root=str(tmp_path), data__mix={"calls": 1.0})
    lines = describe_sources(open_sources(config.data, "train", base, base.prompt_texts(), 0))
    assert "calls: 1 of 4 sides that may be the agent have no text prompt: their windows carry none" in lines


def test_a_dataset_without_held_out_calls_is_told_and_the_others_stay(world: World, tmp_path: Path) -> None:
    write_work(tmp_path / "calls", [call_row("c0", 90, world.checkpoint, 0, split="valid")], "calls")
    write_work(tmp_path / "shop", [call_row("s0", 90, world.checkpoint, 0)], "shop")
    base = open_base(str(world.checkpoint))
    sources, missing = open_held_out(world.config(data__root=str(tmp_path)).data, "valid", base, base.prompt_texts())
    assert list(sources) == ["calls"]
    assert len(missing) == 1 and "no held-out loss for shop" in missing[0] and "by split: train 1" in missing[0]


def _break(work: Path, what: str) -> None:
    part = work / "codes" / "part-000.parquet"
    if what == "folder":
        work.rename(work.with_name("gone"))
    if what == "table":
        part.unlink()
    if what == "version":
        (work / "work.json").write_text(json.dumps({"name": "d", "schema_version": 0, "roots": []}))
    if what == "work.json":
        (work / "work.json").write_text("{")
    if what == "columns":
        pq.write_table(pq.read_table(part).drop_columns(["starts"]), part)
    if what == "garbage":
        part.write_bytes(b"PAR1 no")
    if what == "damage":
        pq.write_table(pq.read_table(part), part, compression="none", write_page_checksum=True)
        content = part.read_bytes()
        part.write_bytes(content.replace(b"c0-a", b"c1-a", 1))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("folder", "does not exist, so dataset 'd' cannot be trained on; make it with `fisherprep encode"),
        ("table", "holds no codes table"),
        ("version", f"schema version 0, expected {SCHEMA_VERSION}"),
        ("work.json", "expected a work folder"),
        ("columns", "columns are not those of the codes table"),
        ("garbage", "cannot be read"),
        ("damage", "CRC checksum"),
    ],
)
def test_a_broken_work_folder_is_refused(tmp_path: Path, what: str, message: str) -> None:
    work = write_work(tmp_path / "d", [call_row("c0", 50, None, 0)], "d")
    _break(work, what)
    with pytest.raises(ValueError, match=message):
        open_dataset(Manifest(name="d", tables="d"), tmp_path, "train", WORDS)


def _codes(value: int) -> list[list[int]]:
    return [[value] * 50] * 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codes_a": _codes(2048)}, "codes_a holds codes from 2048 to 2048, but the checkpoint knows 0 to 2047"),
        ({"codes_b": _codes(-1)}, "codes_b holds codes from -1 to -1"),
        ({"text_a": [48] * 50}, "text_a holds text ids from 48 to 48, but the checkpoint knows -1 to 47"),
        ({"text_b": [-2] * 50}, "text_b holds text ids from -2"),
        ({"starts": [0, 50]}, "starts are not rising frames from 0 to below 50"),
        ({"starts": [9, 3]}, "starts are not rising"),
        ({"starts": [0, None]}, "call c0: starts holds null, expected values alone"),
        ({"prompts_a": [None]}, "call c0: prompts_a holds null"),
        ({"split": "valid"}, "has no train calls to use; its calls by split: valid 1"),
        ({"starts": []}, "1 left out: no frame at which a window may start"),
        ({"provenance": "x"}, "provenance entry of the codes table cannot be read"),
        ({"provenance": json.dumps({"toy": True, "tokenizer_sha256": "ab"})}, "with the tokenizer of"),
        ({"provenance": json.dumps({"toy": False, "tokenizer_sha256": ""})}, "its codec is not a toy"),
    ],
)
def test_rows_that_do_not_fit_the_checkpoint_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    write_work(tmp_path / "d", [call_row("c0", 50, None, 0, **changes)], "d")
    with pytest.raises(ValueError, match=message):
        open_dataset(Manifest(name="d", tables="d"), tmp_path, "train", WORDS)


def _made_with(**changes: Any) -> str:
    entry = {"source": "tiny", "tokenizer_sha256": "", "toy": True, "mimi_sha256": "ab12", "truecase": "off"}
    return json.dumps({**entry, "loudness": None, "fisherprep": "1", **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truecase": "rules"}, "parts of the codes table differ in truecase: off and rules"),
        ({"mimi_sha256": "cd34"}, "differ in mimi_sha256: ab12 and cd34"),
        ({"loudness": -23.0}, r"differ in loudness: -23\.0 and none"),
        ({"resampler": "other"}, "differ in resampler: other and none"),
    ],
)
def test_a_table_that_was_encoded_in_two_ways_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    rows = [call_row(f"c{i}", 50, None, i, provenance=_made_with(**c)) for i, c in enumerate(({}, changes))]
    with pytest.raises(ValueError, match=message):
        dataset_of(tmp_path, rows)


def test_a_table_of_two_versions_of_the_program_is_taken(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 50, None, i, provenance=_made_with(fisherprep=str(i))) for i in range(2)]
    dataset = dataset_of(tmp_path, rows)
    assert "fisherprep" not in dataset.made_with and dataset.made_with["truecase"] == "off"


def test_datasets_of_two_codecs_are_refused_and_other_differences_told() -> None:
    ldc, shop = (json.loads(_made_with(**c)) for c in ({}, {"truecase": "rules", "loudness": -23.0}))
    assert check_mix({"fisher": ldc, "again": ldc}) == []
    assert check_mix({"fisher": ldc, "coffee": shop}) == [
        "note: fisher and coffee differ in truecase: off and rules (`fisherprep encode --help`)",
        "note: fisher and coffee differ in loudness: none and -23.0 (`fisherprep encode --help`)",
    ]
    with pytest.raises(ValueError, match=r"'fisher' and 'coffee' were encoded by different codecs \(mimi_sha256 ab12"):
        check_mix({"fisher": ldc, "coffee": ldc | {"mimi_sha256": "cd34"}})


def test_ranges_are_checked_without_statistics_too(tmp_path: Path) -> None:
    work = write_work(tmp_path / "d", [call_row("c0", 50, None, 0, codes_b=_codes(3000))], "d")
    part = work / "codes" / "part-000.parquet"
    pq.write_table(pq.read_table(part), part, write_statistics=False)
    with pytest.raises(ValueError, match="codes_b holds codes from 3000 to 3000"):
        open_dataset(Manifest(name="d", tables="d"), tmp_path, "train", WORDS)


def test_an_empty_split_is_its_own_kind_of_error(tmp_path: Path) -> None:
    with pytest.raises(EmptySplit):
        dataset_of(tmp_path, [call_row("c0", 50, None, 0)], split="test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text_b": [3] * 49}, "text_b of c0, c1 holds 99 values, but num_frames asks for 100"),
        ({"codes_a": [[1] * 51] * 8}, "codes_a of c0, c1 holds 808 values, but num_frames asks for 800"),
        ({"codes_b": None}, "codes_b of c0, c1 holds 408 values"),
        ({"num_frames": 60}, "codes_a of c0, c1 holds 800 values, but num_frames asks for 880"),
    ],
)
def test_rows_shorter_or_longer_than_they_say_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    rows = [call_row("c0", 50, None, 0), {**call_row("c1", 50, None, 1), **changes}]
    with pytest.raises(ValueError, match=rf"part-000.parquet: {message}.*; run `fisherprep check`"):
        dataset_of(tmp_path, rows)


def test_rows_whose_lengths_make_up_for_each_other_are_refused_when_read(tmp_path: Path) -> None:
    rows = [call_row(f"c{i}", 50, None, i, text_b=[3] * length) for i, length in enumerate((49, 51))]
    dataset = dataset_of(tmp_path, rows)
    with pytest.raises(ValueError, match="call c0: rows of side b do not have the 50 frames"):
        dataset.read(dataset.calls[0])


def test_codebooks_of_unlike_lengths_are_refused(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [call_row("c0", 50, None, 0, codes_a=[[1] * 49, [1] * 51, *[[1] * 50] * 6])])
    with pytest.raises(ValueError, match=r"codebooks have \[49, 50, 51\] frames"):
        dataset.read(dataset.calls[0])


def test_shards_are_read_again_once_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetune.data.tables._BYTES_IN_MEMORY", 1)
    rows = [call_row(f"c{i}", 40, None, i) for i in range(7)]
    dataset = dataset_of(tmp_path, rows)
    for i in (0, 6, 3, 0, 5):
        assert dataset.read(dataset.calls[i]).codes["a"].tolist() == rows[i]["codes_a"]


def test_windows_longer_than_the_models_context_are_refused(world: World) -> None:
    base = open_base(str(world.checkpoint))
    with pytest.raises(ValueError, match="windows of 3001 frames are longer than the model's context of 3000"):
        open_sources(world.config(data__max_frames=3001).data, "train", base, base.prompt_texts(), 0)


def test_the_checkpoint_says_what_it_can_be_fed(world: World) -> None:
    known = vocabulary_of(open_base(str(world.checkpoint)))
    assert (known.card, known.text_card, known.toy, len(known.tokenizer_sha256)) == (2048, 48, True, 64)
