"""The system prompt's rows, against what NVIDIA's code was seen to feed and a restatement of it."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.prompt import PromptTexts, fed_rows, prompt_frames, system_prompt, wrap

SILENCE = [948, 243, 1178, 546, 1736, 1030, 1978, 2008]
SINE = [430, 1268, 381, 1611, 1095, 1495, 56, 472]

SEEN_BY_NVIDIA = {
    0: [100, 3, 3, 3, 3, 3, 3, 3, 3, 50, 51, 52, 53, 3, 3, 3, 3, 3, 3],
    1: [2048, 10, 20, *[948] * 16],
    2: [2048, 2048, 40, 50, *[243] * 15],
    9: [2048, *[430] * 18],
    10: [2048, 2048, *[1268] * 17],
}
"""Inputs of the temporal transformer while NVIDIA's ``LMGen.step_system_prompts`` ran (and one step more) with text
vocabulary 100, voice codes ``arange(24).reshape(8, 3) * 10`` and text tokens 50-53: rows 0, 1, 2, 9 and 10."""


def restated(voice: list[list[int]], text: list[int]) -> list[list[int]]:
    """Frames in the order of ``step_system_prompts``, written out: [text, agent 8, user 8] each."""
    frames = [[3, *codes, *SINE] for codes in voice]
    frames += [[3, *SILENCE, *SINE] for _ in range(6)]
    frames += [[token, *SILENCE, *SINE] for token in text]
    frames += [[3, *SILENCE, *SINE] for _ in range(6)]
    return frames


@pytest.mark.parametrize("num_voice", [0, 1, 4])
@pytest.mark.parametrize("text", [[], [7], [7, 8, 9]])
def test_rows_are_those_of_a_restatement(num_voice: int, text: list[int]) -> None:
    voice = np.arange(8 * num_voice).reshape(8, num_voice)
    rows = fed_rows(voice if num_voice else None, text)
    assert rows.T.tolist() == restated(voice.T.tolist(), text)


def test_the_model_sees_in_training_what_it_sees_in_nvidias_inference() -> None:
    voice = np.arange(24).reshape(8, 3) * 10
    rows = system_prompt(voice, [50, 51, 52, 53])
    for row, seen in SEEN_BY_NVIDIA.items():
        delay = 0 if row in (0, 1, 9) else 1
        initial = 100 if row == 0 else 2048
        # LMModel.forward: the row delayed, with the initial token before it
        fed = [initial] * (1 + delay) + rows[row].tolist()
        assert fed[: len(seen)] == seen


def test_length_is_known_without_building() -> None:
    assert system_prompt(np.zeros((8, 5), dtype=np.int64), [1, 2]).shape == (17, prompt_frames(5, 2))
    assert system_prompt(None, []).shape == (17, prompt_frames(0, 0)) == (17, 11)


def test_text_has_the_same_tag_at_both_ends_once() -> None:
    assert wrap(" You like tea. ") == "<system> You like tea. <system>"
    assert wrap("<system> You like tea. <system>") == "<system> You like tea. <system>"
    assert "</system>" not in wrap("x")


class Letters:
    """A tokenizer that counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, text: str) -> list[int]:
        self.calls += 1
        return [ord(c) for c in text]


def test_texts_are_encoded_whole_and_once() -> None:
    letters = Letters()
    texts = PromptTexts(letters, 200)
    assert texts.tokens("hi").tolist() == texts.tokens("hi").tolist() == [ord(c) for c in "<system> hi <system>"]
    assert letters.calls == 1
    assert texts.tokens(" ").size == 0


def test_a_tokenizer_larger_than_the_model_is_refused() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        PromptTexts(Letters(), 100).tokens("hi")
