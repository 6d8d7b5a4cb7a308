"""Base models: configuration completed, key layouts, 8 to 16 codebooks, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from finetune_tiny import tiny_lm, tiny_lm_config, train_tokenizer, write_checkpoint
from huggingface_hub.errors import EntryNotFoundError
from safetensors.torch import load_file, save_file

from finetune.checkpoints import LM_DEFAULTS, load_model, open_base
from finetune.model.keys import fuse_attention, is_fused
from finetune.progress import base_fingerprint

pytest_plugins = ["finetune_fixtures"]
pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_defaults_are_moshis_own() -> None:
    from moshi.models import loaders

    assert loaders._lm_kwargs == LM_DEFAULTS


def test_a_minimal_config_is_completed(tmp_path: Path, tokenizer: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "c", tokenizer)
    (checkpoint / "config.json").write_text('{"model_type": "personaplex", "version": "7b-v1"}')
    assert open_base(str(checkpoint)).lm == {**LM_DEFAULTS, "dep_q": 16}


@pytest.mark.parametrize("on_the_hub", [False, True])
def test_without_a_config_it_is_a_7b(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch, on_the_hub: bool
) -> None:
    """kyutai/moshiko-pytorch-bf16 has no config.json."""
    checkpoint = write_checkpoint(tmp_path / "c", tokenizer)
    (checkpoint / "config.json").unlink()

    def download(repo: str, name: str) -> str:
        if not (checkpoint / name).is_file():
            raise EntryNotFoundError(f"404: {name}")
        return str(checkpoint / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("fisherprep.checkpoint._hub_answers", lambda: True)
    base = open_base("kyutai/moshiko-pytorch-bf16" if on_the_hub else str(checkpoint))
    assert base.lm == {**LM_DEFAULTS, "dep_q": 16} and base.weights == checkpoint / "model.safetensors"
    with pytest.raises(ValueError, match=r"without a config\.json it is taken for a 7B"):
        load_model(base, CPU)


def test_fused_and_split_keys_load_alike(tmp_path: Path, tokenizer: Path) -> None:
    split = tiny_lm().state_dict()
    fused = fuse_attention(split)
    assert is_fused(list(fused)) and not is_fused(list(split))
    assert fused["depformer.layers.0.self_attn.in_proj_weight"].shape == (16 * 3 * 16, 16)
    assert fused["transformer.layers.0.self_attn.out_proj.weight"].shape == (32, 32)
    models = []
    for name, state in (("fused", fused), ("split", split)):
        checkpoint = write_checkpoint(tmp_path / name, tokenizer)
        save_file(state, checkpoint / "model.safetensors")
        models.append(load_model(open_base(str(checkpoint)), CPU).state_dict())
    assert models[0].keys() == models[1].keys() == split.keys()
    assert all(torch.equal(models[0][key], split[key]) and torch.equal(models[1][key], split[key]) for key in split)


def _split_up(checkpoint: Path) -> Path:
    """The weights in three files with an index, as ``save_pretrained`` leaves large ones."""
    state = load_file(checkpoint / "model.safetensors")
    (checkpoint / "model.safetensors").unlink()
    places = {key: f"model-0000{1 + number % 3}-of-00003.safetensors" for number, key in enumerate(sorted(state))}
    for name in set(places.values()):
        part = {key: value for key, value in state.items() if places[key] == name}
        save_file(part, checkpoint / name, {"toy": "true"})
    index = checkpoint / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return index


def test_weights_in_several_files_are_one_model(tmp_path: Path, tokenizer: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "c", tokenizer)
    whole = load_file(checkpoint / "model.safetensors")
    index = _split_up(checkpoint)
    base = open_base(str(checkpoint))
    loaded = load_model(base, CPU).state_dict()
    assert base.files.toy and all(torch.equal(loaded[key], whole[key]) for key in whole)
    before = base_fingerprint(base.weight_files)
    (checkpoint / "model-00002-of-00003.safetensors").write_bytes(b"x")
    assert base_fingerprint(base.weight_files) != before
    (checkpoint / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(ValueError, match=r"model-00002-of-00003.safetensors: missing"):
        open_base(str(checkpoint))
    for bad in ("{}", '{"weight_map": {"a": "../model.safetensors"}}', '{"weight_map": {"a": 1}}'):
        index.write_text(bad)
        with pytest.raises(ValueError, match=r"index.json: expected `weight_map`"):
            open_base(str(checkpoint))


def test_our_split_is_moshis_own(tmp_path: Path, tokenizer: Path) -> None:
    """PyPI moshi loads the fused keys by a hook of its own; ours must put every row where that hook does."""
    from moshi.models.loaders import get_moshi_lm

    torch.manual_seed(3)
    fused = {key: torch.randn_like(value) for key, value in fuse_attention(tiny_lm().state_dict()).items()}
    checkpoint = write_checkpoint(tmp_path / "c", tokenizer)
    save_file(fused, checkpoint / "model.safetensors")
    theirs = get_moshi_lm(checkpoint / "model.safetensors", tiny_lm_config(), dtype=torch.float32).state_dict()
    ours = load_model(open_base(str(checkpoint)), CPU).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    for state in (ours, dict(sorted(ours.items()))):  # sorted, step 10 comes before step 2
        assert all(torch.equal(value, fused[key]) for key, value in fuse_attention(state).items())


def test_eight_codebooks_become_sixteen_by_copying(tmp_path: Path, tokenizer: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "c", tokenizer, dep_q=8)
    old = load_file(checkpoint / "model.safetensors")
    new = load_model(open_base(str(checkpoint)), CPU).state_dict()
    for step in range(8):
        for kept in (step, step + 8):
            assert torch.equal(new[f"linears.{kept}.weight"], old[f"linears.{step}.weight"])
            assert torch.equal(new[f"depformer_in.{kept}.weight"], old[f"depformer_in.{step}.weight"])
            for part in (
                "gating.{}.linear_in",
                "gating.{}.linear_out",
                "self_attn.in_projs.{}",
                "self_attn.out_projs.{}",
            ):
                key = "depformer.layers.0." + part + ".weight"
                assert torch.equal(new[key.format(kept)], old[key.format(step)])
    for step in range(7):
        assert torch.equal(new[f"depformer_emb.{step + 8}.weight"], old[f"depformer_emb.{step}.weight"])
    assert not new["depformer_emb.7.weight"].any()
    same = ("text_emb.weight", "emb.0.weight", "emb.15.weight", "depformer_text_emb.weight", "text_linear.weight")
    assert all(torch.equal(new[key], old[key]) for key in same)


def test_the_expanded_model_says_of_the_agent_what_the_old_one_did(tmp_path: Path, tokenizer: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "c", tokenizer, dep_q=8)
    old = tiny_lm(8)
    old.load_state_dict(load_file(checkpoint / "model.safetensors"))
    codes = torch.randint(0, 30, (1, 17, 9))
    with torch.no_grad():
        was, now = old(codes), load_model(open_base(str(checkpoint)), CPU)(codes)
    assert torch.allclose(was.logits, now.logits[:, :8], atol=1e-6, equal_nan=True)
    assert torch.allclose(was.text_logits, now.text_logits, atol=1e-6)


def test_copies_do_not_share_memory(tmp_path: Path, tokenizer: Path) -> None:
    """Shared, the optimiser would move the agent's and the user's weights as one."""
    model = load_model(open_base(str(write_checkpoint(tmp_path / "c", tokenizer, dep_q=8))), CPU)
    pointers = [parameter.untyped_storage().data_ptr() for parameter in model.parameters()]
    assert len(set(pointers)) == len(pointers)
    assert all(parameter.requires_grad and parameter.dtype == torch.float32 for parameter in model.parameters())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"n_q": 8}, "n_q is 8, expected 16"),
        ({"delays": [0] * 9}, "delays is .* expected 17"),
        ({"card": 256}, "card is 256, expected above 2008"),
        ({"existing_text_padding_id": 5}, "existing_text_padding_id is 5, expected 3"),
        ({"text_card": "many"}, "text_card is 'many'"),
        ({"depformer_weights_per_step": False}, "depformer_weights_per_step is False"),
        ({"conditioners": {"x": 1}}, "config.json sets conditioners"),
    ],
)
def test_another_kind_of_model_is_refused(
    tmp_path: Path, tokenizer: Path, config: dict[str, Any], message: str
) -> None:
    checkpoint = write_checkpoint(tmp_path / "c", tokenizer, **config)
    with pytest.raises(ValueError, match=message):
        open_base(str(checkpoint))


def _damaged(checkpoint: Path, what: str) -> str:
    file = checkpoint / "model.safetensors"
    state = load_file(file)
    if what == "missing":
        del state["text_linear.weight"]
    if what == "surplus":
        state["extra.weight"] = torch.zeros(1)
    if what == "shape":
        state["text_linear.weight"] = torch.zeros(3, 3)
    save_file(state, file)
    if what == "cut":
        file.write_bytes(file.read_bytes()[:-1000])
    if what == "config":
        config = json.loads((checkpoint / "config.json").read_text())
        (checkpoint / "config.json").write_text(json.dumps({**config, "num_heads": 5}))
    return str(checkpoint)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", r"1 of \d+ tensors are missing \(first: text_linear.weight\)"),
        ("surplus", r"1 tensors have no place in the model \(first: extra.weight\)"),
        ("shape", r"first: text_linear.weight: found \[3, 3\], expected \[48, 32\]"),
        ("cut", "cannot be read as a safetensors file"),
        ("config", "config.json does not describe a model"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, tokenizer: Path, what: str, message: str) -> None:
    base = open_base(_damaged(write_checkpoint(tmp_path / "c", tokenizer), what))
    with pytest.raises(ValueError, match=message):
        load_model(base, CPU)


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path, tokenizer: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "c", tokenizer)
    (checkpoint / "tokenizer_spm_32k_3.model").write_text("not a model")
    with pytest.raises(ValueError, match="cannot be read as a SentencePiece model"):
        open_base(str(checkpoint)).prompt_texts()
