"""How a model is introduced to a held-out call when it is to talk: the same prompt and voice for every model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finetune.prompt import PromptTexts, fed_rows

if TYPE_CHECKING:
    from finetune.data.dataset import Call
    from finetune.data.windows import WindowSource


def prompt_of(call: Call, side: str) -> str:
    """The most detailed prompt of a side; empty where it has none."""
    return call.prompts[side][-1] if call.prompts[side] else ""


def introduce(source: WindowSource, texts: PromptTexts, call: Call, side: str, begin: int, end: int) -> np.ndarray:
    """``[17, P]`` as ``talk.converse`` takes it: the side's prompt, and a voice that does not overlap the frames
    ``begin`` to ``end``: of another call of the speaker where there is one."""
    bank, speaker = source.dataset.voices, call.speaker[side]
    voices = [*bank.of_other_calls(speaker, call.call_id).tolist(), *bank.of_call(speaker, call.call_id, side).tolist()]
    fitting = [voice for voice in voices if bank.may_introduce(voice, call.call_id, begin, end)]
    return fed_rows(bank.read(fitting[0]) if fitting else None, texts.tokens(prompt_of(call, side)))
