"""The configuration: strict, complete, saved and read back; flags over recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune import flags
from finetune.config import Config
from finetune.configure import RECIPES, as_dict, differences, load_recipe, make_config, merge

MIX = {"data": {"mix": {"fisher": 1}}}


@pytest.mark.parametrize("name", sorted(p.stem for p in RECIPES.glob("*.yaml")))
def test_recipes_are_complete_and_valid(name: str) -> None:
    values = load_recipe(name)
    everything = as_dict(make_config(merge(values, {"data.mix": {"fisher": 1.0}})))
    for section, part in everything.items():
        if isinstance(part, dict):
            chosen_elsewhere = {
                "data": {"mix", "root", "manifests"},
                "model": {"checkpoint"},
                "loss": {"text_pad", "semantic", "acoustic"},  # by the preset
            }
            assert values[section].keys() == part.keys() - chosen_elsewhere.get(section, set())


def test_full_fine_tuning_is_personaplex_s() -> None:
    config = make_config(merge(load_recipe("full_8gpu"), {"data.mix": {"fisher": 1.0}}))
    assert config == make_config(MIX)
    assert (config.optim.depth_lr, config.optim.temporal_lr, config.data.max_frames) == (4e-6, 2e-6, 2048)
    assert (config.loss.semantic, config.loss.acoustic, config.loss.text_pad) == (1.0, 0.02, 0.3)


@pytest.mark.parametrize(("toy", "world_size", "recipe"), [
    (True, "1", "debug_cpu"), (True, "8", "debug_cpu"), (False, "1", "lora_1gpu"), (False, "8", "full_8gpu"),
])  # fmt: skip
def test_without_a_recipe_it_is_the_one_for_what_is_there(
    monkeypatch: pytest.MonkeyPatch, toy: bool, world_size: str, recipe: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", world_size)
    monkeypatch.setenv("RANK", "0")
    assert flags.default_recipe(toy) == recipe


def test_loss_weights_come_from_the_preset_and_single_ones_go_over_it(
    manifests: dict[str, str], tmp_path: Path
) -> None:
    moshi = make_config({**MIX, "loss": {"preset": "moshi"}}).loss
    assert (moshi.text_pad, moshi.semantic, moshi.acoustic) == (0.5, 100.0, 1.0)
    assert make_config({**MIX, "loss": {"preset": "moshi", "acoustic": 2}}).loss.acoustic == 2.0
    assert make_config(as_dict(make_config({**MIX, "loss": {"preset": "moshi"}}))).loss == moshi
    (tmp_path / "own.yaml").write_text("loss: {text_pad: 0.1, user_stream: false}\n")
    given = flags.overrides("fisher:1", {}, ("loss.preset=moshi",)) | manifests
    config = flags.new_config(given, str(tmp_path / "own.yaml"), None).loss
    assert (config.text_pad, config.user_stream) == (0.5, False)


@pytest.mark.parametrize(("batch_size", "micro", "processes", "fits"), [
    (32, 1, 8, True), (32, 2, 16, True), (32, 1, 3, False), (4, 4, 2, False),
])  # fmt: skip
def test_a_step_is_dealt_evenly_or_refused(batch_size: int, micro: int, processes: int, fits: bool) -> None:
    config = make_config(merge(MIX, {"data.batch_size": batch_size, "data.micro_batch_size": micro}))
    if fits:
        flags.check_deal(config, processes)
    else:
        with pytest.raises(ValueError, match=f"{processes} processes cannot share evenly; give a --batch-size"):
            flags.check_deal(config, processes)


def test_a_config_survives_being_saved() -> None:
    config = make_config(merge(MIX, {"optim.betas": [0.8, 0.9], "loss.user_stream": False}))
    assert make_config(as_dict(config)) == config
    assert differences(config, config) == []
    assert differences(config, make_config(merge(as_dict(config), {"steps": 7}))) == ["steps: 2000 -> 7"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stepz": 1}, "config stepz: unknown key; known here: .*steps"),
        ({"data": {"max_frame": 1}}, "config data.max_frame: unknown key"),
        ({"data": 3}, "config data.: expected keys and values"),
        ({"steps": "many"}, "config steps: expected a whole number, found 'many'"),
        ({"steps": True}, "config steps: expected a whole number"),
        ({"steps": 0}, "config steps: found 0, expected 1 or more"),
        ({"loss": {"user_stream": 1}}, "config loss.user_stream: expected true or false"),
        ({"loss": {"acoustic": -1}}, "weights of 0 or more"),
        ({"loss": {"acoustic": 0, "semantic": 0}}, "semantic or acoustic above 0"),
        ({"loss": {"text_pad": float("nan")}}, "config loss.text_pad: found nan, expected a finite number"),
        ({"optim": {"betas": [0.9]}}, "config optim.betas: expected 2 numbers"),
        ({"optim": {"betas": [0.9, 1.0]}}, "from 0 to below 1"),
        ({"optim": {"depth_lr": 0}}, "config optim.depth_lr: found 0.0, expected a number above 0"),
        ({"optim": {"warmup_share": 1.0}}, "config optim.warmup_share"),
        ({"data": {"mix": {"fisher": 1}, "batch_size": 6, "micro_batch_size": 4}}, "a divisor of data.batch_size"),
        ({"data": {"mix": {}}}, "at least one dataset"),
        ({"data": {"mix": {"fisher": -1}}}, "config data.mix.fisher: found -1.0"),
        ({"data": {"mix": "fisher"}}, "expected names and numbers"),
        ({"seed": -1}, "config seed"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_config({**MIX, **values})


@pytest.mark.parametrize("value", ["x", "2024-01-01", "{a: 1}", "[1]", ""])
@pytest.mark.parametrize("key", ["steps", "data", "data.max_frames", "optim.temporal_lr", "loss.user_stream"])
def test_whatever_a_recipe_holds_is_taken_or_refused(tmp_path: Path, key: str, value: str) -> None:
    section, _, name = key.rpartition(".")
    (tmp_path / "r.yaml").write_text(f"{section}: {{{name}: {value}}}" if section else f"{key}: {value}")
    given = flags.overrides("fisher:1", {"batch_size": 4}, ())
    with pytest.raises(ValueError, match=r"config|data|--mix"):
        flags.new_config(given, str(tmp_path / "r.yaml"), lr=1e-3)


def test_a_rate_without_a_dot_is_a_number() -> None:
    """YAML 1.1 reads 2e-6 as a text."""
    assert make_config({**MIX, "optim": {"depth_lr": "2e-6"}}).optim.depth_lr == 2e-6


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("steps: 5\noptim: {depth_lr: 1.0e-3}\n")
    config = make_config(merge(load_recipe(str(file)), {"data.mix": {"fisher": 1.0}}))
    assert (config.steps, config.optim.depth_lr, config.optim.temporal_lr) == (5, 1e-3, Config().optim.temporal_lr)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_a_recipe_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"r\.yaml: "):
        load_recipe(str(tmp_path / "r.yaml"))


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="no recipe 'nosuch': expected a YAML file or one of debug_cpu, full_8gpu, lora_1gpu"
    ):
        load_recipe("nosuch")


@pytest.fixture
def manifests(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "fisher.yaml").write_text("name: fisher\ntables: fisher\n")
    return {"data.manifests": str(tmp_path)}


def test_flags_go_over_the_recipe(manifests: dict[str, str]) -> None:
    typed = {"steps": 9, "max_frames": 100, "seed": None}
    given = flags.overrides("fisher:2", typed, ("loss.text_pad=0.5", "optim.betas=[0.5, 0.6]"))
    config = flags.new_config(given | manifests, "debug_cpu", lr=1e-3)
    assert (config.steps, config.data.max_frames, config.data.mix) == (9, 100, {"fisher": 2.0})
    assert (config.loss.text_pad, config.optim.betas) == (0.5, (0.5, 0.6))
    assert (config.optim.temporal_lr, config.optim.depth_lr) == (1e-3, pytest.approx(2e-3))


@pytest.mark.parametrize(("batch_size", "micro"), [(8, 4), (6, 2), (1, 1)])
def test_the_micro_batch_follows_the_batch(manifests: dict[str, str], batch_size: int, micro: int) -> None:
    given = flags.overrides("fisher:1", {"batch_size": batch_size}, ("save.every=3",)) | manifests
    assert flags.new_config(given, "debug_cpu", lr=None).data.micro_batch_size == micro


@pytest.mark.parametrize("setting", ["loss.text_pad", "=3", "loss.text_pad=[", "nosuch=3", "steps.x=3", "loss=3"])
def test_a_bad_setting_is_refused(manifests: dict[str, str], setting: str) -> None:
    with pytest.raises(ValueError, match=r"--set|config|steps"):
        flags.new_config(flags.overrides("fisher:1", {}, (setting,)) | manifests, None, None)
