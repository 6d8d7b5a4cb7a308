"""Talking offline: many dialogues at once, and the command line with whatever people type."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from finetune_golden import tiny, write_golden_checkpoint

from finetune import offline
from finetune.checkpoints import load_model, open_base
from finetune.config import LoraConfig, ModelConfig
from finetune.model.build import build_model, full_state, plain_model, trained_state
from finetune.prompt import fed_rows
from finetune.sound import read_mono, write_wav
from finetune.talk import Sampling, converse

pytest_plugins = ["finetune_fixtures"]
pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_golden_checkpoint(tmp_path_factory.mktemp("talk") / "tiny")


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Any:
    return load_model(open_base(str(checkpoint)), CPU, gradient_checkpointing=True)


def prompts() -> list[np.ndarray]:
    return [fed_rows(voice, text) for voice, text in tiny.prompts()]


def test_a_seed_gives_one_reply_and_leaves_no_trace(model: Any) -> None:
    model.train()
    torch.manual_seed(7)
    before, parameters = torch.get_rng_state(), [p.requires_grad for p in model.parameters()]
    first, again = (converse(model, tiny.user_codes(), prompts(), Sampling(seed=1)) for _ in range(2))
    other = converse(model, tiny.user_codes(), prompts(), Sampling(seed=2))
    assert np.array_equal(first.audio, again.audio) and np.array_equal(first.text, again.text)
    assert not np.array_equal(first.audio, other.audio)
    assert first.audio.shape == (3, 8, 24) and first.text.shape == (3, 24)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training and model.dep_q == 16 and model.transformer.checkpointing
    assert model.transformer.layers[0].self_attn.context == 3000 and not model.is_streaming
    assert [p.requires_grad for p in model.parameters()] == parameters


def test_the_user_is_heard_and_the_future_is_not(model: Any) -> None:
    """Frame t of the reply was decided on user frames 0 to t - 2 (acoustic codes included)."""
    users = tiny.user_codes()
    changed = users.copy()
    changed[:, :, 10:] = (changed[:, :, 10:] + 7) % 2048
    one, two = (converse(model, codes, prompts(), Sampling(greedy=True)) for codes in (users, changed))
    assert np.array_equal(one.audio[:, 0, :12], two.audio[:, 0, :12])
    assert np.array_equal(one.text[:, :12], two.text[:, :12])
    assert not np.array_equal(one.audio[:, 0, 12:], two.audio[:, 0, 12:])


def test_the_reply_is_the_likeliest_continuation_in_training_form(model: Any) -> None:
    """The rows of prompt, user and greedy reply through the training entry: each reply token has the top logit."""
    from finetune.prompt import AGENT, USER, system_prompt

    voice, text = tiny.prompts()[0]
    user = tiny.user_codes()[:1]
    reply = converse(model, user, prompts()[:1], Sampling(greedy=True))
    prompt = system_prompt(voice, text)
    rows = np.concatenate([prompt, np.zeros((17, user.shape[2] - 1), dtype=np.int64)], axis=1)
    start = prompt.shape[1]
    rows[0, start:], rows[AGENT, start:] = reply.text[0, 1:], reply.audio[0, :, 1:]
    rows[USER, start:] = user[0, :, :-1]
    with torch.no_grad():
        out = model(torch.from_numpy(rows)[None])
    assert np.array_equal(out.text_logits[0, 0, start:].argmax(-1).numpy(), rows[0, start:])
    agent = out.logits[0, :8, start:-1].argmax(-1).numpy()  # acoustic logits of the last frame lie past the end
    assert np.array_equal(agent[0], rows[1, start:-1])
    assert np.array_equal(agent[1:], rows[2:9, start:-1])


def test_adapters_talk_as_the_merged_model_does(checkpoint: Path) -> None:
    base = open_base(str(checkpoint))
    config = ModelConfig(train="lora", lora=LoraConfig(rank=4), embeddings=False)
    adapted = build_model(base, config, CPU)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in trained_state(adapted).values():
            value.add_(0.1 * torch.randn(value.shape, generator=generator))
    merged = plain_model(adapted, base, CPU, torch.float32)
    assert full_state(adapted).keys() == merged.state_dict().keys()
    one, two = (converse(m, tiny.user_codes(), prompts(), Sampling(greedy=True)) for m in (adapted, merged))
    assert np.array_equal(one.text[:, :6], two.text[:, :6]) and np.array_equal(one.audio[..., :6], two.audio[..., :6])


def test_a_sharded_model_talks_too(checkpoint: Path, model: Any) -> None:
    from types import SimpleNamespace

    from torch.distributed import HashStore, destroy_process_group, init_process_group

    from finetune.model.build import fill

    parallel = pytest.importorskip("finetune.parallel")
    base = open_base(str(checkpoint))
    init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        sharded = parallel.shard(build_model(base, ModelConfig(), torch.device("meta")), SimpleNamespace(size=1), CPU)
        sharded.to_empty(device="cpu")
        fill(sharded, base)
        users, asked = tiny.user_codes(6)[:2], prompts()[:2]
        one = converse(model, users, asked, Sampling(greedy=True))
        for _ in range(2):
            two = converse(sharded, users, asked, Sampling(greedy=True))
            assert np.array_equal(one.audio, two.audio) and np.array_equal(one.text, two.text)
    finally:
        destroy_process_group()


@pytest.mark.parametrize(
    ("shape", "largest", "count", "message"),
    [
        ((3, 8), 5, 3, r"expected \[B, 8, T\]"),
        ((3, 8, 0), 5, 3, "T above 0"),
        ((3, 8, 4), 2048, 3, "out of range, expected 0 to 2047"),
        ((3, 8, 4), 5, 2, "2 prompts for 3 users"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    model: Any, shape: tuple[int, ...], largest: int, count: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        converse(model, np.full(shape, largest), prompts()[:count])


# -- the command line -------------------------------------------------------------------------------------------------


def run(checkpoint: Path, tmp_path: Path, *more: Any, user: Path | None = None) -> Any:
    recorded, _ = tiny.write_recordings(tmp_path)
    args = ["--hf-repo", checkpoint, "--input-wav", user or recorded, "--output-wav", tmp_path / "agent.wav"]
    args += ["--output-text", tmp_path / "agent.json", "--device", "cpu", "--text-prompt", "You are Ida.", *more]
    return CliRunner().invoke(offline.main, [str(arg) for arg in args])


def said(tmp_path: Path) -> tuple[bytes, list[str]]:
    return (tmp_path / "agent.wav").read_bytes(), json.loads((tmp_path / "agent.json").read_text())


def test_a_seed_gives_the_same_files(checkpoint: Path, tmp_path: Path) -> None:
    replies = []
    for seed in (5, 5, 6):
        result = run(checkpoint, tmp_path, "--seed", seed)
        assert result.exit_code == 0, result.output
        replies.append(said(tmp_path))
    assert replies[0] == replies[1] != replies[2]
    assert len(replies[0][1]) == 32 and replies[0][1][0] == "PAD"


def test_single_files_replace_those_of_the_repository(checkpoint: Path, tmp_path: Path) -> None:
    """As with NVIDIA's script; nothing is asked of the hub when all three are given."""
    assert run(checkpoint, tmp_path, "--greedy").exit_code == 0
    expected = said(tmp_path)
    files = [
        "--moshi-weight",
        checkpoint / "model.safetensors",
        "--tokenizer",
        checkpoint / "tokenizer_spm_32k_3.model",
    ]
    files += ["--mimi-weight", checkpoint / "tokenizer-e351c8d8-checkpoint125.safetensors"]
    result = run(Path("no/repository"), tmp_path, "--greedy", *files)
    assert result.exit_code == 0, result.output
    assert said(tmp_path) == expected


def test_any_rate_and_any_number_of_channels(tmp_path: Path) -> None:
    sound = tiny.sound("user", 1.0)
    soundfile.write(tmp_path / "a.wav", np.stack([sound, -sound], axis=1), 24000)
    samples, notes = read_mono(tmp_path / "a.wav")
    assert np.allclose(samples, sound, atol=1e-4) and "2 channels" in notes[0]
    soundfile.write(tmp_path / "b.flac", sound[::3], 8000)
    samples, notes = read_mono(tmp_path / "b.flac")
    assert len(samples) == 24000 and "8000 Hz" in notes[0]


def test_a_voice_out_of_the_repositorys_archive(checkpoint: Path, tmp_path: Path, monkeypatch: Any) -> None:
    with tarfile.open(tmp_path / "voices.tgz", "w:gz") as tar:
        for name in ("voices/NATF2.wav", "../../evil.wav"):
            content = tiny.wav("voice", 0.9)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    monkeypatch.setattr("fisherprep.checkpoint.Source.file", lambda self, name: tmp_path / name)
    with offline.voice_file("NATF2.wav", None, "nvidia/personaplex-7b-v1") as file:
        assert file.read_bytes() == tiny.wav("voice", 0.9)
    with (
        pytest.raises(ValueError, match="neither a file here nor one of"),
        offline.voice_file("NOBODY.pt", None, "nvidia/personaplex-7b-v1"),
    ):
        pass


def _user(tmp_path: Path, what: str) -> Path:
    file = tmp_path / f"{what}.wav"
    if what == "empty":
        soundfile.write(file, np.zeros(0), 24000)
    if what == "text":
        file.write_text("hello")
    if what == "nan":
        soundfile.write(file, np.full(2400, np.nan, dtype=np.float32), 24000, subtype="FLOAT")
    return file


@pytest.mark.parametrize(
    ("what", "status", "message"),
    [
        ("empty", 1, "holds no sound"),
        ("text", 1, "cannot be read as a recording"),
        ("nan", 1, "not finite numbers"),
        ("missing", 2, "does not exist"),
    ],
)
def test_bad_recordings(checkpoint: Path, tmp_path: Path, what: str, status: int, message: str) -> None:
    result = run(checkpoint, tmp_path, user=_user(tmp_path, what))
    assert result.exit_code == status and message in " ".join(result.output.split())
    assert not (tmp_path / "agent.wav").exists()


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        (["--device", "tpu"], 2, "is not a device"),
        (["--voice-prompt", "nobody.wav"], 2, "no such file"),
        (["--voice-prompt", "nobody.wav", "--voice-prompt-dir", "."], 2, "no nobody.wav in ."),
        (["--temp-audio", "-1"], 2, "-1"),
        (["--temp-audio", "nan"], 2, "'--temp-audio': found nan, expected a finite number"),
        (["--temp-text", "inf"], 2, "'--temp-text': found inf, expected a finite number"),
        (["--seed", str(2**64)], 2, "'--seed'"),
        (["--output-wav", "/no/such/folder/a.wav"], 2, "its folder does not exist"),
        (["--text-prompt", "word " * 4000], 1, "the model remembers 3000"),
        (["--hf-repo", "/nowhere/at/all"], 1, "nowhere"),
    ],
)
def test_bad_flags(checkpoint: Path, tmp_path: Path, more: list[str], status: int, message: str) -> None:
    result = run(checkpoint, tmp_path, *more)
    assert result.exit_code == status and message in " ".join(result.output.split()), result.output
    assert not (tmp_path / "agent.wav").exists()


def test_sound_that_cannot_be_written_is_one_line_and_costs_no_text(
    checkpoint: Path, tmp_path: Path, full_disk: Any
) -> None:
    user, _ = tiny.write_recordings(tmp_path)
    before = {file.name for file in tmp_path.iterdir()}
    args = ["--hf-repo", checkpoint, "--input-wav", user, "--output-wav", tmp_path / "agent.wav", "--device", "cpu"]
    args += ["--output-text", tmp_path / "agent.json", "--text-prompt", "You are Ida."]
    with full_disk(8192):
        result = CliRunner().invoke(offline.main, [str(arg) for arg in args])
    assert result.exit_code == 1 and f"File too large: '{tmp_path / 'agent.wav'}'" in result.output, result.output
    assert {file.name for file in tmp_path.iterdir()} - before == {"agent.json"}
    assert len(json.loads((tmp_path / "agent.json").read_text())) == 32


def test_a_wav_file_that_cannot_be_there_is_an_os_error_and_a_long_name_is_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"'/proc/o\.wav'"):
        write_wav(Path("/proc/o.wav"), np.zeros(1920, np.float32))
    write_wav(tmp_path / f"{'n' * 251}.wav", np.zeros(1920, np.float32))
    assert [len(file.name) for file in tmp_path.iterdir()] == [255]


def test_no_file_is_given_twice(checkpoint: Path, tmp_path: Path) -> None:
    user, _ = tiny.write_recordings(tmp_path)
    recorded = user.read_bytes()
    (tmp_path / "link").symlink_to(user)
    for more, message in (
        (["--output-text", tmp_path / "agent.wav"], "--output-text: .* is the file of --output-wav too"),
        (["--output-wav", user], "--output-wav: .* is the file of --input-wav too"),
        (["--output-text", tmp_path / "link"], "--output-text: .* is the file of --input-wav too"),
    ):
        result = run(checkpoint, tmp_path, *more)
        assert result.exit_code == 2 and re.search(message, " ".join(result.output.split())), result.output
    assert user.read_bytes() == recorded and not (tmp_path / "agent.wav").exists()


def _with_a_peak(height: float) -> np.ndarray:
    sound = tiny.sound("voice", 0.9).astype(np.float32)
    sound[5000] = height
    return sound


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (np.zeros(24000), "prompt.wav: the voice sample is silent; expected speech"),
        (tiny.sound("voice", 0.3), "prompt.wav: the voice sample has 0.30 s; expected 0.4 s of speech or more"),
        (_with_a_peak(1e20), "prompt.wav: the voice sample has a peak of 1e+20, full scale being 1"),
        (_with_a_peak(1e10), "prompt.wav: the voice sample has a peak of 1e+10, full scale being 1"),
    ],
)
def test_what_is_no_voice_is_no_voice_prompt(checkpoint: Path, tmp_path: Path, sound: np.ndarray, message: str) -> None:
    soundfile.write(tmp_path / "prompt.wav", sound, 24000, subtype="FLOAT")
    result = run(checkpoint, tmp_path, "--voice-prompt", tmp_path / "prompt.wav")
    assert result.exit_code == 1 and message in " ".join(result.output.split()), result.output
