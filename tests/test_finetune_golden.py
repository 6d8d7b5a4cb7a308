"""Equality with NVIDIA's PersonaPlex code: logits, prompts, dialogues, the offline script (golden_model/README.md)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from finetune_golden import GOLDEN, tiny, write_golden_checkpoint
from safetensors.torch import load_file

from finetune import offline
from finetune.checkpoints import load_model, open_base
from finetune.export import export
from finetune.model.result import open_result
from finetune.packed_voice import load_packed_voice
from finetune.prompt import fed_rows
from finetune.talk import Reply, Sampling, converse

pytest_plugins = ["finetune_fixtures"]
pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
GREEDY = Sampling(greedy=True)
FILES = ("moshi", "mimi", "tokenizer")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_golden_checkpoint(tmp_path_factory.mktemp("golden") / "tiny")


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Any:
    return load_model(open_base(str(checkpoint)), CPU)


def golden(name: str, folder: Path = GOLDEN) -> dict[str, np.ndarray]:
    values = json.loads((folder / f"{name}.json").read_text())
    return {key: np.array(value) for key, value in values.items()}


def same_logits(found: Any, expected: Any) -> bool:
    audio, text = found.logits[..., ::64].numpy(), found.text_logits.numpy()
    return np.allclose(audio, expected["audio"], atol=1e-5, rtol=0, equal_nan=True) and np.allclose(
        text, expected["text"], atol=1e-5, rtol=0
    )


def test_logits_of_exported_weights_are_nvidias(checkpoint: Path, tmp_path: Path) -> None:
    export(open_result(str(checkpoint), FILES), "personaplex", tmp_path / "out")
    exported = load_model(open_base(str(tmp_path / "out")), CPU)
    with torch.no_grad():
        assert same_logits(exported(torch.from_numpy(tiny.codes())), golden("logits"))


def test_another_weight_gives_other_logits(model: Any, checkpoint: Path) -> None:
    changed = load_model(open_base(str(checkpoint)), CPU)
    with torch.no_grad():
        changed.linears[15].weight[0] += 0.01
        assert same_logits(model(torch.from_numpy(tiny.codes())), golden("logits"))
        assert not same_logits(changed(torch.from_numpy(tiny.codes())), golden("logits"))


def said(reply: Reply) -> np.ndarray:
    return np.concatenate([reply.text[:, None], reply.audio], axis=1)


def test_dialogues_after_each_kind_of_prompt_are_nvidias(model: Any) -> None:
    """Three prompts of different lengths in one batch: voice and text, text only, voice only."""
    prompts = [fed_rows(voice, text) for voice, text in tiny.prompts()]
    reply = converse(model, tiny.user_codes(), prompts, GREEDY)
    assert np.array_equal(said(reply), golden("dialogues")["tokens"])


def talked(checkpoint: Path, tmp_path: Path, voice: Path, *more: str) -> tuple[np.ndarray, list[str]]:
    user, _ = tiny.write_recordings(tmp_path)
    out, text = tmp_path / "agent.wav", tmp_path / "agent.json"
    args = ["--hf-repo", checkpoint, "--input-wav", user, "--output-wav", out, "--output-text", text, "--device", "cpu"]
    args += ["--text-prompt", tiny.TEXT_PROMPT, "--voice-prompt", voice, "--greedy", *more]
    result = CliRunner().invoke(offline.main, list(map(str, args)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    samples, rate_hz = soundfile.read(out, dtype="float32")
    assert rate_hz == 24000
    return samples, json.loads(text.read_text())


@pytest.mark.parametrize("voice", ["voice.wav", "voice.pt"])
def test_the_offline_script_says_what_nvidias_says(checkpoint: Path, tmp_path: Path, voice: str) -> None:
    expected = golden("offline")
    file = tmp_path / voice
    if voice == "voice.pt":
        packed = golden("voice")
        embeddings = torch.from_numpy(packed["embeddings"]).float()
        torch.save({"embeddings": embeddings, "cache": torch.from_numpy(packed["cache"])}, file)
    samples, pieces = talked(checkpoint, tmp_path, file)
    assert pieces == expected["pieces"].tolist()
    assert len(samples) == 60000
    assert np.allclose(samples[::8] * 32767, expected["samples"], atol=5)


def test_a_packed_voice_of_another_model_is_refused(model: Any, tmp_path: Path) -> None:
    torch.save({"embeddings": torch.zeros(3, 1, 1, 7), "cache": torch.zeros(1, 17, 4)}, tmp_path / "v.pt")
    with pytest.raises(ValueError, match="not a packed voice for this model"):
        load_packed_voice(tmp_path / "v.pt", model)
    (tmp_path / "v.pt").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="not a packed voice for this model"):
        load_packed_voice(tmp_path / "v.pt", model)


@pytest.mark.skipif("PERSONAPLEX" not in os.environ, reason="PERSONAPLEX names no checkout of NVIDIA/personaplex")
def test_nvidias_code_on_exported_files(checkpoint: Path, tmp_path: Path) -> None:
    """The files that export writes, loaded and run by NVIDIA's own loaders and offline script."""
    files, out = tmp_path / "files", tmp_path / "out"
    export(open_result(str(checkpoint), FILES), "personaplex", files)
    out.mkdir()
    path = os.pathsep.join([str(Path(os.environ["PERSONAPLEX"]) / "moshi"), str(GOLDEN)])
    command = [sys.executable, GOLDEN / "nvidia.py", files / "model.safetensors"]
    subprocess.run(
        [*map(str, command), str(files / "tokenizer-e351c8d8-checkpoint125.safetensors"), str(out)],
        env={**os.environ, "PYTHONPATH": path, "NO_TORCH_COMPILE": "1"},
        check=True,
        capture_output=True,
    )
    model = load_model(open_base(str(files)), CPU)
    with torch.no_grad():
        assert same_logits(model(torch.from_numpy(tiny.codes())), golden("logits", out))
    assert np.array_equal(golden("dialogues", out)["tokens"], golden("dialogues")["tokens"])
    _, pieces = talked(files, tmp_path, out / "voice.pt")
    assert pieces == golden("offline", out)["pieces"].tolist()
    assert load_file(files / "model.safetensors").keys() == load_file(checkpoint / "model.safetensors").keys()
