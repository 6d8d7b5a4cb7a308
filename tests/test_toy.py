"""The toy checkpoint: released layout, marked, reproducible, and a codec whose codes follow the sound."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from finetune.prompt import SILENCE_TOKENS, SINE_TOKENS, wrap
from finetune.toy import main, random_lm, train_tokenizer, training_text
from fisherprep.checkpoint import DEFAULT_NAMES, locate
from fisherprep.codec.audio import to_codec_rate
from fisherprep.codec.mimi import encode_channels, load_mimi
from fisherprep.corpus.audio import read_audio
from fisherprep.engine import InlineEngine

KINDS = ("moshi", "mimi", "tokenizer")


def load_codec(checkpoint: Path):
    files = locate(str(checkpoint), ("mimi",))
    return load_mimi(files.mimi, files.mimi_config, "cpu")


def perplexity(codes: np.ndarray) -> float:
    _, counts = np.unique(codes, return_counts=True)
    share = counts / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


# -- the repository ------------------------------------------------------------------------------------------------


def test_every_file_has_its_released_name_and_says_it_is_a_toy(toy_checkpoint):
    names = {p.name for p in toy_checkpoint.iterdir()}
    assert names == {"config.json", "mimi_config.json", "README.md", *DEFAULT_NAMES.values()}
    for kind in ("moshi", "mimi"):
        files = locate(str(toy_checkpoint), (kind,))
        assert files.toy and "TOY" in files.label
    assert json.loads((toy_checkpoint / "config.json").read_text())["model_id"]["toy"] is True
    assert "toy" in (toy_checkpoint / "README.md").read_text()


def test_moshis_own_loader_takes_it(toy_checkpoint):
    import torch
    from moshi.models.loaders import CheckpointInfo

    files = locate(str(toy_checkpoint), KINDS)
    info = CheckpointInfo.from_hf_repo(
        "nobody/nothing",
        moshi_weights=files.moshi,
        mimi_weights=files.mimi,
        tokenizer=files.tokenizer,
        config_path=toy_checkpoint / "config.json",
        mimi_config_path=files.mimi_config,
    )
    lm, mimi, tokenizer = info.get_moshi(dtype=torch.float32), info.get_mimi(), info.get_text_tokenizer()
    assert (lm.n_q, lm.dep_q, lm.card, lm.text_card) == (16, 16, 2048, tokenizer.vocab_size())
    assert lm.delays == [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1] and lm.context >= 3000
    assert (mimi.sample_rate, mimi.frame_rate, mimi.num_codebooks) == (24000, 12.5, 16)
    codes = torch.tensor([[[3] * 4, *([c] * 4 for c in SILENCE_TOKENS), *([c] * 4 for c in SINE_TOKENS)]])
    with torch.no_grad():
        out = lm(codes)
    assert torch.isfinite(out.text_logits).all() and torch.isfinite(out.logits[out.mask]).all()


def test_weights_carry_the_released_keys(toy_checkpoint):
    from safetensors import safe_open

    files = locate(str(toy_checkpoint), KINDS)
    with safe_open(files.moshi, "pt") as f:
        lm = {key: f.get_slice(key) for key in f.keys()}  # noqa: SIM118
        assert lm["depformer.layers.0.self_attn.in_proj_weight"].get_shape() == [16 * 3 * 64, 64]
        assert lm["transformer.layers.0.self_attn.out_proj.weight"].get_shape() == [128, 128]
        assert {s.get_dtype() for s in lm.values()} == {"BF16"}
    with safe_open(files.mimi, "pt") as f:
        mimi = set(f.keys())
    assert "encoder_transformer.transformer.layers.0.self_attn.in_proj_weight" in mimi
    assert "quantizer.rvq_rest.vq.layers.14._codebook.embedding_sum" in mimi
    assert not any("_projs." in key for key in (*lm, *mimi))


def test_the_command_gives_the_same_bytes_again(toy_checkpoint, tmp_path):
    again = tmp_path / "again"
    env = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    again.mkdir()
    (again / ".model.safetensors.tmp").write_bytes(b"what a killed run left")
    done = subprocess.run(
        [sys.executable, "-m", "finetune.toy", str(again)], capture_output=True, text=True, env=env, check=True
    )
    assert "toy" in done.stdout
    assert {p.name for p in again.iterdir()} == {p.name for p in toy_checkpoint.iterdir()}
    for file in toy_checkpoint.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name


def test_another_seed_gives_other_weights_and_leaves_the_global_generator_alone():
    import torch

    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second, other = random_lm(300, 0), random_lm(300, 0), random_lm(300, 1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["text_linear.weight"], other["text_linear.weight"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", '{"dim": 4096}'),
        ("config.json", "not json"),
        ("config.json", '{"model_id": {"sig": "e351c8d8"}}'),
        ("model.safetensors", "weights of someone else"),
    ],
)
def test_a_folder_with_another_checkpoint_is_refused_and_left_as_it_is(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 2 and "is not of a toy" in result.output
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == content


# -- the tokenizer -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer():
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_proto=train_tokenizer(training_text(0)))


def test_special_ids_are_those_of_moshi(tokenizer):
    assert (tokenizer.unk_id(), tokenizer.bos_id(), tokenizer.eos_id(), tokenizer.pad_id()) == (0, 1, 2, 3)
    assert 1000 <= tokenizer.vocab_size() <= 2000


@pytest.mark.parametrize("text", [wrap("You enjoy having a good conversation."), "it's $4.75", "naïve 咖啡 ☕"])
def test_any_text_is_written_without_unknowns(tokenizer, text):
    ids = tokenizer.encode(text)
    assert min(ids) > 3 and tokenizer.decode(ids) == text


def test_words_on_their_own_give_the_pieces_they_have_in_a_sentence(tokenizer):
    sentences = [line for line in training_text(1)[:400] if line]
    for sentence in sentences:
        assert tokenizer.encode(sentence) == [i for word in sentence.split() for i in tokenizer.encode(word)]


# -- the codec -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Speech that the codec was not fitted on, float32 [2, N] at 24 kHz: a demo release's calls, wideband dialogues."""
    from finetune.toy_speech import _conversation
    from fisherprep.demo.release import write_release

    release = tmp_path_factory.mktemp("release") / "ldc"
    write_release(release, 4, 60.0, 77, InlineEngine())
    audio = [read_audio(file) for file in sorted(release.rglob("*.sph"))]
    phone = [to_codec_rate(a.samples.astype(np.float32) / 32768, a.rate_hz) for a in audio]
    assert len(phone) == 4
    return {"telephone": phone, "wideband": [_conversation(f"held out {i}", wide=True) for i in range(4)]}


@pytest.fixture(scope="module")
def codes(toy_checkpoint, calls):
    """int16 [8, T] of each kind of speech, all sides and calls in a row."""
    mimi = load_codec(toy_checkpoint)
    return {
        kind: np.concatenate([side for c in cs for side in encode_channels(mimi, c)], axis=1)
        for kind, cs in calls.items()
    }


@pytest.mark.parametrize("kind", ["telephone", "wideband"])
def test_every_codebook_is_in_use(codes, kind):
    used = [perplexity(codebook) / 256 for codebook in codes[kind]]
    assert min(used) > 0.25, used


@pytest.mark.parametrize("kind", ["telephone", "wideband"])
def test_codes_tell_speech_from_silence(codes, calls, kind):
    frames = np.concatenate([_frames(side) for c in calls[kind] for side in c])
    loud = 10 * np.log10((frames**2).mean(1) + 1e-12) > -45
    learn, judge = codes[kind][0][::2], codes[kind][0][1::2]
    share = np.bincount(learn, loud[::2], 256) / np.maximum(np.bincount(learn, minlength=256), 1)
    assert ((share[judge] > 0.5) == loud[1::2]).mean() > 0.8


def _frames(side: np.ndarray) -> np.ndarray:
    return np.pad(side, (0, -len(side) % 1920)).reshape(-1, 1920)


def test_codes_follow_the_sound_and_not_its_phase(toy_checkpoint, calls):
    """One millisecond later is the same sound; another call is not."""
    mimi = load_codec(toy_checkpoint)
    call, other = (c[:, : 1920 * 400] for c in calls["telephone"][:2])
    here = encode_channels(mimi, call)[:, 0]
    later = encode_channels(mimi, np.pad(call, ((0, 0), (24, 0)))[:, : call.shape[1]])[:, 0]
    assert (here == later).mean() > 0.7
    assert (here == encode_channels(mimi, other)[:, 0]).mean() < 0.1
