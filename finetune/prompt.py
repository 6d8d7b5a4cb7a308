"""The hybrid system prompt: the rows a PersonaPlex model sees before the dialogue, and its constants.

Order (NVIDIA/personaplex, moshi/moshi/models/lm.py ``LMGen.step_system_prompts``): voice prompt, silence, text prompt,
silence. Rows: 0 text, 1-8 agent audio, 9-16 user audio.

    segment        text row                agent rows            user rows
    voice prompt   PAD                     codes of the voice    sine
    silence        PAD                     silence               sine
    text prompt    one token per frame     silence               sine
    silence        PAD                     silence               sine

Without a voice or a text prompt its segment is left out and both silences stay, one after the other where nothing is
between them; the text row is PAD wherever there is no text. So NVIDIA's code does it, recorded in
``tests/golden/nvidia_prompts``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from fisherprep.schema import NUM_CODEBOOKS, TEXT_PAD
from fisherprep.schema import PROMPT_TAG as TAG

ROWS = 1 + 2 * NUM_CODEBOOKS
AGENT = slice(1, 1 + NUM_CODEBOOKS)
USER = slice(1 + NUM_CODEBOOKS, ROWS)

SILENCE_TOKENS = (948, 243, 1178, 546, 1736, 1030, 1978, 2008)
"""Mimi codes of the agent's silence, one per codebook (moshi/moshi/models/lm.py SILENCE_TOKENS)."""
SINE_TOKENS = (430, 1268, 381, 1611, 1095, 1495, 56, 472)
"""Mimi codes of the 440 Hz tone that stands for the user (moshi/moshi/models/lm.py SINE_TOKENS)."""
SILENCE_FRAMES = 6
"""int(0.5 s x 12.5 Hz) frames of silence after each of the two prompts, given or not (moshi/moshi/offline.py,
``audio_silence_frame_cnt``)."""


class Tokenizer(Protocol):
    """What is needed of ``sentencepiece.SentencePieceProcessor``."""

    def encode(self, text: str) -> list[int]: ...


def wrap(text: str) -> str:
    """``<system> text <system>``; a text that already has both tags stays as it is."""
    text = text.strip()
    return text if text.startswith(TAG) and text.endswith(TAG) else f"{TAG} {text} {TAG}"


class PromptTexts:
    """Text prompts as tokens, each text encoded once."""

    def __init__(self, tokenizer: Tokenizer, text_card: int) -> None:
        self._tokenizer = tokenizer
        self._text_card = text_card
        self._known: dict[str, np.ndarray] = {}

    def tokens(self, text: str) -> np.ndarray:
        """``[N]`` token ids of the wrapped text; none at all for an empty text.

        Raises:
            ValueError: the tokenizer gives an id that the model has no embedding for.
        """
        if text not in self._known:
            ids = self._tokenizer.encode(wrap(text)) if text.strip() else []
            if ids and max(ids) >= self._text_card:
                raise ValueError(
                    f"the tokenizer gives token {max(ids)} for {text[:60]!r}, but the model's text vocabulary has "
                    f"{self._text_card} entries: tokenizer and weights do not belong together"
                )
            self._known[text] = np.asarray(ids, dtype=np.int64)
        return self._known[text]


def prompt_frames(voice_frames: int, text_tokens: int) -> int:
    """Length of ``system_prompt``'s result, in frames."""
    return voice_frames + text_tokens + 2 * SILENCE_FRAMES - 1


def fed_rows(voice: np.ndarray | None, text_tokens: Iterable[int]) -> np.ndarray:
    """``[17, Tv + 6 + N + 6]``: what ``step_system_prompts`` hands to ``LMGen.step``, frame by frame.

    Args:
        voice: ``[8, Tv]`` Mimi codes of the voice prompt, or None to leave the segment out.
        text_tokens: the N tokens of the wrapped text; none to leave the segment out.
    """
    text = np.asarray(list(text_tokens), dtype=np.int64)
    if voice is None:
        voice = np.empty((NUM_CODEBOOKS, 0), dtype=np.int64)
    num_frames = voice.shape[1] + 2 * SILENCE_FRAMES + len(text)
    rows = np.empty((ROWS, num_frames), dtype=np.int64)
    rows[0] = TEXT_PAD
    rows[AGENT] = np.asarray(SILENCE_TOKENS)[:, None]
    rows[USER] = np.asarray(SINE_TOKENS)[:, None]
    rows[AGENT, : voice.shape[1]] = voice
    start = voice.shape[1] + SILENCE_FRAMES
    rows[0, start : start + len(text)] = text
    return rows


def system_prompt(voice: np.ndarray | None, text_tokens: Iterable[int]) -> np.ndarray:
    """``[17, Tp]``: the prompt as the model sees it, which is what it is trained with.

    ``LMGen.step`` puts the initial token over everything written at its first position (``state.offset == 0`` in
    NVIDIA's ``prepare_step_input``; ``is_init`` in Kyutai's ``_step``) and over the delayed codebooks of the second,
    so the first frame fed never reaches the model. ``LMModel.forward`` prepends that initial token itself; hence the
    first frame is dropped here, and training and inference see the same tokens at the same positions.
    """
    return fed_rows(voice, text_tokens)[:, 1:]
