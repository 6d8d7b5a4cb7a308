"""The model in training form: what learns, adapters, sharding; and the three exports, read by those they are for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from finetune_tiny import tiny_lm, train_tokenizer, write_checkpoint
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from finetune import export as exporting
from finetune import state
from finetune.checkpoints import BaseModel, load_model, open_base
from finetune.config import LoraConfig, ModelConfig
from finetune.configure import make_config
from finetune.export import export
from finetune.model.build import (
    build_model,
    describe_parts,
    fill,
    full_state,
    load_trained,
    part_of,
    trained_state,
)
from finetune.model.keys import fuse_attention
from finetune.model.result import Result, open_result

pytest_plugins = ["finetune_fixtures"]
pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
FILES = ("moshi", "mimi", "tokenizer")
LORA = ModelConfig(train="lora", lora=LoraConfig(rank=4), embeddings=False)
LORA_AND_TABLES = ModelConfig(train="lora", lora=LoraConfig(rank=4, scaling=0.5))
DEPTH_LORA = ModelConfig(train="lora", lora=LoraConfig(rank=2, targets="depth"), embeddings=False)
CHOICES = [ModelConfig(), ModelConfig(embeddings=False), LORA, LORA_AND_TABLES, DEPTH_LORA]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Base checkpoints: moshiko's shape (8 codebooks) and PersonaPlex's (16), fp32 and bf16, fused."""
    root = tmp_path_factory.mktemp("bases")
    tokenizer = train_tokenizer(root)
    found = {}
    for name, dep_q, dtype in (
        ("moshiko", 8, torch.float32),
        ("personaplex", 16, torch.float32),
        ("bf16", 16, torch.bfloat16),
    ):
        found[name] = write_checkpoint(root / name, tokenizer, dep_q=dep_q, toy=name != "moshiko")
        weights = {key: value.to(dtype) for key, value in fuse_attention(tiny_lm(dep_q, seed=4).state_dict()).items()}
        weights["transformer.layers.0.self_attn.in_proj_weight"][0, :4] = -0.0  # a bit pattern that adding 0 loses
        metadata = {"toy": "true"} if name != "moshiko" else {}
        save_file(weights, found[name] / "model.safetensors", metadata)
    return found


def base_of(sources: dict[str, Path], name: str) -> BaseModel:
    return open_base(str(sources[name]), FILES)


def codes(frames: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    rows = torch.randint(0, 2048, (2, 17, frames), generator=generator)
    rows[:, 0] %= 48
    return rows


def logits(model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        out = model(codes())
    return out.logits.nan_to_num(), out.text_logits


def near(one: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor], dep_q: int = 16) -> bool:
    return torch.allclose(one[0][:, :dep_q], other[0][:, :dep_q], atol=1e-5) and torch.allclose(
        one[1], other[1], atol=1e-5
    )


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    def bits(value: torch.Tensor) -> torch.Tensor:
        return value.view(torch.int16 if value.element_size() == 2 else torch.int32)

    return one.keys() == other.keys() and all(torch.equal(bits(one[key]), bits(other[key])) for key in one)


def moved(model: Any) -> dict[str, torch.Tensor]:
    """The learning tensors after a step in a random direction, which the model has taken."""
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for value in trained_state(model).values():
            value.add_(0.05 * torch.randn(value.shape, generator=generator))
    return {name: value.detach().clone() for name, value in trained_state(model).items()}


@pytest.fixture
def as_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """A result whose checkpoint holds the given tensors."""

    def make(base: BaseModel, config: ModelConfig, weights: dict[str, torch.Tensor]) -> Result:
        monkeypatch.setattr(state, "read_weights", lambda checkpoint: weights)
        return Result(base, config, tmp_path / "step-00000001")

    return make


# -- training form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", CHOICES, ids=["full", "full-but-tables", "lora", "lora-and-tables", "depth-lora"])
def test_training_starts_from_the_base_and_only_what_learns_gets_a_gradient(
    sources: dict[str, Path], config: ModelConfig
) -> None:
    base = base_of(sources, "moshiko")
    model = build_model(base, config, CPU)
    assert near(logits(model), logits(load_model(base, CPU)))
    out = model(codes())
    (out.logits.nan_to_num().square().sum() + out.text_logits.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.dtype == torch.float32


def test_what_learns_by_choice(sources: dict[str, Path]) -> None:
    base = base_of(sources, "personaplex")
    parts = []
    for config in CHOICES:
        learning = trained_state(build_model(base, config, torch.device("meta")))
        parts.append({(part_of(name), "lora" in name) for name in learning})
    whole, adapters = {"temporal", "depth"}, {("temporal", True), ("depth", True)}
    assert parts[0] == {(part, False) for part in (*whole, "embeddings", "heads")}
    assert parts[1] == {(part, False) for part in whole}
    assert parts[2] == adapters | {("heads", True)}
    assert parts[3] == adapters | {("embeddings", False), ("heads", False)}
    assert parts[4] == {("depth", True)}


def test_frozen_weights_may_be_bf16_and_the_parts_are_listed(sources: dict[str, Path]) -> None:
    model = build_model(base_of(sources, "bf16"), LORA, CPU, frozen_dtype=torch.bfloat16)
    for parameter in model.parameters():
        assert parameter.dtype == (torch.float32 if parameter.requires_grad else torch.bfloat16)
    lines = describe_parts(model)
    assert [line.split(":")[0] for line in lines] == ["temporal", "depth", "embeddings", "heads"]
    assert "in adapters learn" in lines[0] and "frozen" in lines[0] and "learn" not in lines[2]
    numbers = [int(word.replace(",", "")) for line in lines for word in line.split() if word[0].isdigit()]
    assert sum(numbers) == sum(parameter.numel() for parameter in model.parameters())


def test_gradient_checkpointing_changes_no_gradient(sources: dict[str, Path]) -> None:
    gradients = []
    for again in (False, True):
        config = ModelConfig(train="lora", lora=LoraConfig(rank=4), gradient_checkpointing=again)
        model = build_model(base_of(sources, "personaplex"), config, CPU)
        moved(model)
        model(codes()).text_logits.square().sum().backward()
        model(codes()).logits.nan_to_num().square().sum().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.allclose(gradients[0][name], gradients[1][name], atol=1e-5) for name in gradients[0])


def test_a_model_filled_after_sharding_is_the_same(sources: dict[str, Path]) -> None:
    from torch.distributed import HashStore, destroy_process_group, init_process_group
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    base = base_of(sources, "moshiko")
    plain = build_model(base, LORA_AND_TABLES, CPU)
    trained = moved(plain)
    sharded = build_model(base, LORA_AND_TABLES, torch.device("meta"))
    init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        for name, empty in list(sharded.named_parameters()):
            owner, _, leaf = name.rpartition(".")
            value = distribute_tensor(torch.full(empty.shape, 9.0, dtype=empty.dtype), mesh, [Shard(0)])
            shard = torch.nn.Parameter(value, requires_grad=empty.requires_grad)
            setattr(sharded.get_submodule(owner), leaf, shard)
        fill(sharded, base)
        load_trained(sharded, trained, "here")
        assert same_bits(full_state(sharded), full_state(plain))
    finally:
        destroy_process_group()


def test_trained_tensors_come_back_and_others_are_refused(sources: dict[str, Path]) -> None:
    base = base_of(sources, "personaplex")
    model, fresh = (build_model(base, LORA, CPU) for _ in range(2))
    trained = moved(model)
    load_trained(fresh, trained, "here")
    assert near(logits(fresh), logits(model))
    with pytest.raises(ValueError, match="here: the learning tensors are not the model's"):
        load_trained(build_model(base, DEPTH_LORA, CPU), trained, "here")
    with pytest.raises(ValueError, match=r"found \[4, \d+\], expected \[8, \d+\]"):
        wider = ModelConfig(train="lora", lora=LoraConfig(rank=8), embeddings=False)
        load_trained(build_model(base, wider, CPU), trained, "here")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"train": "half"}, "model.train: found 'half', expected full or lora"),
        ({"train": "full", "lora": {"rank": 8}}, "model.lora.rank: found 8, expected nothing"),
        ({"train": "lora"}, "model.lora.rank: found 0, expected 1 or more"),
        ({"train": "lora", "lora": {"rank": 8, "targets": "mlp"}}, "one of all, temporal, depth"),
        ({"train": "lora", "lora": {"rank": 8, "scaling": -1}}, "model.lora.scaling: found -1"),
        ({"lora": {"alpha": 1}}, "model.lora.alpha: unknown key"),
    ],
)
def test_contradicting_choices_are_refused(model: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_config({"data": {"mix": {"calls": 1}}, "model": model})


# -- exports ----------------------------------------------------------------------------------------------------------


def kyutai(folder: Path, weights: Path | None = None, lora: Path | None = None, **more: Any) -> Any:
    """The folder's model by PyPI moshi's own loader."""
    from moshi.models.loaders import CheckpointInfo

    info = CheckpointInfo.from_hf_repo(
        "no/repository",
        moshi_weights=weights or folder / "model.safetensors",
        mimi_weights=folder / "tokenizer-e351c8d8-checkpoint125.safetensors",
        tokenizer=folder / "tokenizer_spm_32k_3.model",
        config_path=folder / "config.json",
        mimi_config_path=folder / "mimi_config.json",
        lora_weights=lora,
    )
    assert info.model_type == "moshi"
    return info.get_moshi(dtype=torch.float32, **more)


@pytest.mark.parametrize("name", ["personaplex", "bf16"])
@pytest.mark.parametrize("config", [ModelConfig(), LORA])
def test_weights_that_did_not_move_keep_their_bits(
    sources: dict[str, Path], name: str, config: ModelConfig, tmp_path: Path, as_run: Callable[..., Result]
) -> None:
    base = base_of(sources, name)
    start = {key: value.detach() for key, value in trained_state(build_model(base, config, CPU)).items()}
    for out in ("out", "again"):
        export(as_run(base, config, start), "personaplex", tmp_path / out)
    files = [(tmp_path / out / "model.safetensors").read_bytes() for out in ("out", "again")]
    assert files[0] == files[1]
    assert same_bits(load_file(tmp_path / "out" / "model.safetensors"), load_file(base.weights))
    assert open_base(str(tmp_path / "out")).files.toy


@pytest.mark.parametrize("name", ["moshiko", "personaplex"])
@pytest.mark.parametrize("config", [LORA, LORA_AND_TABLES, DEPTH_LORA], ids=["lora", "lora-and-tables", "depth"])
def test_adapters_in_kyutais_loader_are_the_merged_model(
    sources: dict[str, Path], name: str, config: ModelConfig, tmp_path: Path, as_run: Callable[..., Result]
) -> None:
    base = base_of(sources, name)
    model = build_model(base, config, CPU)
    run = as_run(base, config, moved(model))
    for form in exporting.FORMATS:
        export(run, form, tmp_path / form)
    expected = logits(model)
    assert not near(expected, logits(load_model(base, CPU)))
    assert near(logits(load_model(open_base(str(tmp_path / "personaplex")), CPU)), expected)
    assert near(logits(kyutai(tmp_path / "kyutai")), expected, dep_q=8)
    for fuse in (False, True):
        adapted = kyutai(tmp_path / "lora", base.weights, tmp_path / "lora" / "lora.safetensors", fuse_lora=fuse)
        assert adapted.dep_q == (8 if name == "moshiko" else 16)
        assert near(logits(adapted), expected, adapted.dep_q)


def test_only_the_agents_half_hears_the_user_in_moshis_generator(sources: dict[str, Path], tmp_path: Path) -> None:
    """PyPI moshi's LMGen drops the user's codes where the depformer predicts them: hence dep_q 8 for Kyutai."""
    from moshi.models import LMGen

    run = open_result(str(sources["personaplex"]), FILES)
    answers = {}
    for form in ("personaplex", "kyutai"):
        export(run, form, tmp_path / form)
        model = kyutai(tmp_path / form)
        for user in (1, 2):
            generator = LMGen(model, use_sampling=False)
            with generator.streaming(1):
                said = [generator.step(torch.full((1, 8, 1), 100 * user)) for _ in range(12)]
            answers[form, user] = torch.cat([tokens for tokens in said if tokens is not None], dim=2)
    assert torch.equal(answers["personaplex", 1], answers["personaplex", 2])
    assert not torch.equal(answers["kyutai", 1], answers["kyutai", 2])


def test_a_model_with_keys_that_moshi_does_not_know_is_exported_without_them(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    """personaplex-7b-v1's config.json has a ``version``, on which PyPI moshi's loader would stumble."""
    base = tmp_path / "base"
    shutil.copytree(sources["bf16"], base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "version": "7b-v1", "model_id": {"sig": "x"}}))
    export(open_result(str(base), FILES), "kyutai", tmp_path / "out")
    assert kyutai(tmp_path / "out").dep_q == 8
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_id"] == {"sig": "x"}


def test_files_have_the_names_that_nvidias_programs_know(sources: dict[str, Path], tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(sources["moshiko"], base)
    for kind, old in (("moshi", "model.safetensors"), ("tokenizer", "tokenizer_spm_32k_3.model")):
        (base / old).rename(base / f"my-{old}")
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps({**config, f"{kind}_name": f"my-{old}"}))
    export(open_result(str(base), FILES), "personaplex", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "checksums.xxh128",
        "config.json",
        "mimi_config.json",
        "model.safetensors",
        "tokenizer-e351c8d8-checkpoint125.safetensors",
        "tokenizer_spm_32k_3.model",
    }
    with safe_open(tmp_path / "out" / "model.safetensors", "pt") as handle:
        assert handle.metadata() == {"format": "pt"}
        assert "depformer.layers.0.self_attn.in_proj_weight" in handle.keys()  # noqa: SIM118
    assert not open_base(str(tmp_path / "out")).files.toy


def test_a_full_disk_leaves_nothing(sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch

    def full(tensors: Any, file: Path, metadata: Any) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(ValueError, match=r"No space left on device.*Nothing was left"):
        export(open_result(str(sources["bf16"]), FILES), "personaplex", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_cleared(sources: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / ".tmp-out").mkdir()
    (tmp_path / ".tmp-out" / "junk").write_text("x")
    export(open_result(str(sources["bf16"]), FILES), "personaplex", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not (tmp_path / "out" / "junk").exists()


def invoke(*args: Any) -> Any:
    return CliRunner().invoke(exporting.main, list(map(str, args)))


def test_command_line(sources: dict[str, Path], tmp_path: Path) -> None:
    result = invoke(sources["bf16"], "--format", "kyutai", "--out", tmp_path / "out")
    assert result.exit_code == 0 and "TOY" in result.output
    for args, status, message in (
        ([sources["bf16"], "--out", tmp_path / "out"], 2, "not an empty folder"),
        ([sources["bf16"], "--out", tmp_path / "b", "--format", "lora"], 2, "not a LoRA run"),
        ([sources["bf16"], "--out", tmp_path / "b", "--format", "gguf"], 2, "gguf"),
        ([sources["bf16"], "--out", tmp_path / "b", "--step", "3"], 1, "it has no steps"),
        ([tmp_path, "--out", tmp_path / "b"], 2, "not a run of finetune.run and no checkpoint folder"),
    ):
        found = invoke(*args)
        assert found.exit_code == status and message in " ".join(found.output.split()), found.output
        assert not (tmp_path / "b").exists()


# -- the first depth step ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [ModelConfig(gradient_checkpointing=False), LORA], ids=["full", "lora"])
def test_queries_and_keys_of_the_first_depth_step_have_no_gradient_at_all(
    sources: dict[str, Path], config: ModelConfig
) -> None:
    """It attends to itself alone. Without care the gradient is rounding noise, of which AdamW makes weights."""
    model = build_model(base_of(sources, "personaplex"), config, CPU)
    plain = load_model(base_of(sources, "personaplex"), CPU)
    output = model(codes())
    assert torch.equal(output.logits[:, :, 2:-2], plain(codes()).logits[:, :, 2:-2])
    output.logits[:, :, 2:-2].square().sum().backward()
    suffix = "lora_B.weight" if config.train == "lora" else "weight"
    for step, learns in ((0, False), (1, True)):
        gradient = model.get_parameter(f"depformer.layers.0.self_attn.in_projs.{step}.{suffix}").grad
        assert gradient is not None and bool(gradient[:32].any()) is learns, "queries and keys"
        assert bool(gradient[32:].any()), "values"
