"""Windows of calls: which part of which call, who is the agent, which prompt - and the 17 rows of it.

The i-th window of a dataset is a function of (seed, dataset, i) alone: an epoch visits every stretch of ``max_frames``
of every call once, in an order drawn for the epoch; within a stretch the start, the agent's side and the prompt are
drawn. ``plan`` decides without reading any codes, ``cut`` reads them, so that many readers can share one stream of
plans.

Legend: Tp frames of prompt, L frames of dialogue; rows 0 text, 1-8 agent audio, 9-16 user audio.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from finetune.data.dataset import Call, CallCodes, CodesDataset
from finetune.prompt import AGENT, ROWS, USER, PromptTexts, prompt_frames, system_prompt
from fisherprep.schema import MASKED, SIDES


@dataclass(frozen=True)
class Plan:
    """A window before its codes are read. ``start`` and ``dialogue_frames`` count frames of the call."""

    dataset: str
    call: Call
    side: str
    prompt: str
    with_voice: bool
    start: int
    dialogue_frames: int


@dataclass(frozen=True)
class Window:
    """``rows [17, Tp + L]`` to be fed, and ``mask [17, Tp + L]``: which of them are targets."""

    dataset: str
    rows: np.ndarray
    mask: np.ndarray


class WindowSource:
    """Plans and cuts the windows of one dataset.

    Raises (when made):
        ValueError: a call's prompt would take more than its share of a window.
    """

    def __init__(
        self,
        dataset: CodesDataset,
        texts: PromptTexts,
        delays: list[int],
        seed: int,
        max_frames: int,
        max_prompt_share: float,
    ) -> None:
        self.dataset = dataset
        self._texts = texts
        self._delays = np.asarray(delays)
        self._max_frames = max_frames
        self._max_prompt = int(max_frames * max_prompt_share)
        self._key = (seed, zlib.crc32(dataset.name.encode()))
        stretches = [-(-call.num_frames // max_frames) for call in dataset.calls]
        self._call_of = np.repeat(np.arange(len(stretches)), stretches)
        self._part_of = np.concatenate([np.arange(n) / n for n in stretches])
        self._share_of = np.repeat([1 / n for n in stretches], stretches)
        self._epoch: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))
        self._refuse_long_prompts()

    @property
    def windows_per_epoch(self) -> int:
        """Windows in one pass over the dataset."""
        return len(self._call_of)

    def _refuse_long_prompts(self) -> None:
        for call in self.dataset.calls:
            for side in call.sides:
                for text in call.prompts[side]:
                    needed = prompt_frames(0, len(self._texts.tokens(text)))
                    if needed > self._max_prompt:
                        raise ValueError(
                            f"dataset {self.dataset.name!r}, call {call.call_id}: a prompt of side {side} takes "
                            f"{needed} frames, more than the {self._max_prompt} that windows of {self._max_frames} "
                            "frames leave to prompts; raise --max-frames (or --set data.max_prompt_share=...)"
                        )

    def plan(self, index: int) -> Plan:
        """The window number ``index``, from 0, without end."""
        epoch, place = divmod(index, self.windows_per_epoch)
        stretch = self._order(epoch)[place]
        call = self.dataset.calls[self._call_of[stretch]]
        rng = np.random.default_rng([*self._key, 1, index])
        side = call.sides[int(rng.integers(len(call.sides)))]
        prompt = self._draw_prompt(call.prompts[side], rng)
        num_tokens = len(self._texts.tokens(prompt))
        with_voice = call.voice_frames[side] > 0 and self._fits(call.voice_frames[side], num_tokens)
        room = self._max_frames - prompt_frames(call.voice_frames[side] if with_voice else 0, num_tokens)
        begin = self._part_of[stretch] * call.num_frames
        start = _draw_start(call, room, begin, begin + self._share_of[stretch] * call.num_frames, rng)
        return Plan(
            self.dataset.name, call, side, prompt, with_voice, start, dialogue_frames=min(room, call.num_frames - start)
        )

    def _order(self, epoch: int) -> np.ndarray:
        if self._epoch[0] != epoch:
            rng = np.random.default_rng([*self._key, 0, epoch])
            self._epoch = (epoch, rng.permutation(self.windows_per_epoch))
        return self._epoch[1]

    def _fits(self, voice_frames: int, num_tokens: int) -> bool:
        return prompt_frames(voice_frames, num_tokens) <= self._max_prompt

    def _draw_prompt(self, prompts: tuple[str, ...], rng: np.random.Generator) -> str:
        """A prompt level by the manifest's weights, among those that the side has; no text where it has none."""
        draw = float(rng.random())
        if not prompts:
            return ""
        levels = (*self.dataset.prompt_levels, *([0.0] * len(prompts)))[: len(prompts)]
        if sum(levels) == 0:
            return prompts[-1]
        level = int(np.searchsorted(np.cumsum(levels) / sum(levels), draw, side="right"))
        return prompts[min(level, len(prompts) - 1)]

    def cut(self, plan: Plan) -> Window:
        """Read the codes of a planned window."""
        codes = self.dataset.read(plan.call)
        voice = codes.voice[plan.side] if plan.with_voice else None
        prompt = system_prompt(voice, self._texts.tokens(plan.prompt))
        dialogue = dialogue_rows(codes, plan.side, plan.start, plan.start + plan.dialogue_frames)
        mask = np.concatenate([np.zeros(prompt.shape, dtype=bool), dialogue_mask(dialogue, self._delays)], axis=1)
        return Window(plan.dataset, np.concatenate([prompt, dialogue], axis=1), mask)


def _draw_start(call: Call, room: int, begin: float, end: float, rng: np.random.Generator) -> int:
    """A start within ``[begin, end)`` that lets the window be full, or else the nearest earlier one that does.

    A call that fits whole begins at its first start.
    """
    draw = float(rng.random())
    full = call.starts[call.starts <= max(call.num_frames - room, call.starts[0])]
    inside = full[(full >= begin) & (full < end)]
    if len(inside) == 0:
        return int(full[max(np.searchsorted(full, begin, side="right") - 1, 0)])
    return int(inside[int(draw * len(inside))])


def dialogue_rows(codes: CallCodes, side: str, start: int, end: int) -> np.ndarray:
    """``[17, L]`` rows of frames ``start`` to ``end`` of a call, with ``side`` as the agent."""
    other = SIDES[1 - SIDES.index(side)]
    rows = np.empty((ROWS, end - start), dtype=np.int64)
    rows[0] = codes.text[side][start:end]
    rows[AGENT] = codes.codes[side][:, start:end]
    rows[USER] = codes.codes[other][:, start:end]
    return rows


def dialogue_mask(rows: np.ndarray, delays: np.ndarray) -> np.ndarray:
    """``[17, L]``: true where there is a target.

    Not one: text of unknown place (-1), and the last frames of a delayed codebook, which the model would predict only
    after the window's end, where it hears nothing.
    """
    num_frames = rows.shape[1]
    return (rows != MASKED) & (np.arange(num_frames) < num_frames - delays[:, None])
