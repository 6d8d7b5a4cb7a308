"""Prompt rows against NVIDIA's ``LMGen.step_system_prompts``, as recorded in ``golden/nvidia_prompts`` (see README)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finetune_tiny import DELAYS, call_row, tiny_lm, voice_row, write_work

from finetune.data.checks import Vocabulary
from finetune.data.dataset import open_dataset
from finetune.data.windows import WindowSource
from finetune.model.forward import delay, forward_delayed
from finetune.prompt import AGENT, SILENCE_FRAMES, PromptTexts, fed_rows, system_prompt, wrap
from fisherprep.manifest import Manifest

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden" / "nvidia_prompts" / "prompts.json").read_text(encoding="utf-8")
)
CASES = {case["name"]: case for case in RECORDED}
WHOLE = [name for name, case in CASES.items() if case["error"] is None]
TEXT_CARD = 1500


class NvidiasTokens:
    """Knows only the string that NVIDIA's ``wrap_with_system_tags`` made, and its tokens."""

    def encode(self, text: str) -> list[int]:
        return {case["wrapped"]: case["text_tokens"] for case in RECORDED if case["text"]}[text]


def voice_of(case: dict[str, Any]) -> np.ndarray | None:
    """``[8, Tv]`` codes of the voice that the case was recorded with."""
    num_frames = case["prompt_frames"] - 2 * SILENCE_FRAMES - len(case["text_tokens"])
    return np.array(case["handed_to_step"])[AGENT, :num_frames] if num_frames else None


def test_all_kinds_of_prompt_were_recorded() -> None:
    assert WHOLE == ["voice_and_text", "text_only", "voice_only", "neither"]
    voices = [voice_of(CASES[name]) for name in ("voice_and_text", "voice_only")]
    assert voices[0] is not None and voices[0].shape == (8, 21) and np.array_equal(*voices)
    assert voice_of(CASES["text_only"]) is voice_of(CASES["neither"]) is None


@pytest.mark.parametrize("name", WHOLE)
def test_rows_are_those_handed_to_nvidias_model_step_by_step(name: str) -> None:
    case = CASES[name]
    tokens = PromptTexts(NvidiasTokens(), TEXT_CARD).tokens(case["text"])
    rows = fed_rows(voice_of(case), tokens)
    assert rows.tolist() == [row[: case["prompt_frames"]] for row in case["handed_to_step"]]


def test_what_nvidias_offline_script_does_without_a_text_fails_after_the_first_silence() -> None:
    case = CASES["voice_only_as_offline_py_has_it"]
    assert "'NoneType' object is not iterable" in case["error"]
    whole = np.array(CASES["voice_only"]["handed_to_step"])
    assert np.array_equal(np.array(case["handed_to_step"]), whole[:, : 21 + SILENCE_FRAMES])


def test_the_wrapped_text_is_nvidias() -> None:
    case = CASES["text_only"]
    assert wrap(case["text"]) == case["wrapped"] == wrap(case["wrapped"])


@pytest.mark.parametrize("name", WHOLE)
def test_the_model_sees_in_training_what_it_saw_in_nvidias_inference(name: str, tmp_path: Path) -> None:
    """The whole way: tables, window, batch, forward pass - against the inputs of NVIDIA's temporal transformer."""
    case = CASES[name]
    window = window_of(case, tmp_path)
    assert window[0].tolist() == [*system_prompt(voice_of(case), case["text_tokens"])[0], *case["dialogue"][0]]
    assert seen_in_training(window) == case["seen_by_model"]


def window_of(case: dict[str, Any], tmp_path: Path) -> np.ndarray:
    """``[17, T]`` rows of a window cut from a work folder that holds the recorded dialogue, text and voice."""
    dialogue, voice, texts = case["dialogue"], voice_of(CASES["voice_only"]), [CASES["text_only"]["text"]]
    codes = {"codes_a": dialogue[1:9], "codes_b": dialogue[9:], "text_a": dialogue[0]}
    same = {"agent_side": "a", "speaker_a": "p", "starts": [0], "prompts_a": texts}
    rows = [call_row("c0", len(dialogue[0]), None, 0, **codes, **same), call_row("c1", 9, None, 1, split="valid")]
    other = call_row("c2", 9, None, 2, **(same | {"agent_side": "b", "prompts_b": []}))
    voices = [voice_row("c2", "a", 0, speaker="p", codes=voice.tolist())]  # type: ignore[union-attr]
    write_work(tmp_path / "d", [*rows, other], "d", voices)
    vocabulary = Vocabulary(2048, TEXT_CARD, "", toy=True)
    dataset = open_dataset(Manifest(name="d", tables="d"), tmp_path, "train", vocabulary)
    dropped = {"drop_text_prompt": float(not case["text"]), "drop_voice_prompt": float(voice_of(case) is None)}
    source = WindowSource(dataset, PromptTexts(NvidiasTokens(), TEXT_CARD), DELAYS, 0, 200, 0.9, **dropped)
    plan = next(plan for plan in (source.plan(i) for i in range(10)) if plan.call.call_id == "c0")
    return source.cut(plan).rows


def seen_in_training(rows: np.ndarray) -> list[list[int]]:
    """``[17][T]`` what enters the embeddings of moshi's LMModel in the training's forward pass."""
    model = tiny_lm(text_card=TEXT_CARD)
    seen: dict[int, list[int]] = {}
    for row, embedding in enumerate((model.text_emb, *model.emb)):
        embedding.register_forward_pre_hook(lambda _, ids, row=row: seen.update({row: ids[0][0].tolist()}))
    codes = torch.from_numpy(rows)[None]
    with torch.no_grad():
        delayed, _ = delay(model, codes, torch.zeros_like(codes, dtype=torch.bool))
        forward_delayed(model, delayed)
    return [seen[row] for row in range(17)]
