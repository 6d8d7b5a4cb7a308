"""Windows of calls: which part of which call, who is the agent, which prompt - and the 17 rows of it.

The i-th window of a dataset is a function of (seed, dataset, i) alone: an epoch visits every stretch of ``max_frames``
of every call once (with ``agent="both"`` once for each side), in an order drawn for the epoch; within a stretch the
start, the agent's side, the text prompt and the voice prompt are drawn. ``plan`` decides without reading any codes,
``cut`` reads them, so that many readers can share one stream of plans.

Legend: Tp frames of prompt, L frames of dialogue; rows 0 text, 1-8 agent audio, 9-16 user audio.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from finetune.config import AGENTS
from finetune.data.dataset import Call, CallCodes, CodesDataset
from finetune.prompt import AGENT, ROWS, USER, PromptTexts, prompt_frames, system_prompt
from fisherprep.schema import MASKED, SIDES


@dataclass(frozen=True)
class Plan:
    """A window before its codes are read.

    ``start`` and ``dialogue_frames`` count frames of the call; ``voice`` is a number in the dataset's bank, or None.
    """

    dataset: str
    call: Call
    side: str
    prompt: str
    voice: int | None
    prompt_frames: int
    start: int
    dialogue_frames: int

    @property
    def num_frames(self) -> int:
        """Tp + L."""
        return self.prompt_frames + self.dialogue_frames


@dataclass(frozen=True)
class Window:
    """``rows [17, Tp + L]`` to be fed, and ``mask [17, Tp + L]``: which of them are targets."""

    dataset: str
    rows: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class _Stretches:
    """The stretches of all calls, ``[S]`` each: number of the call, and where in the call, from 0 to 1."""

    call: np.ndarray
    begin: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, calls: list[Call], max_frames: int) -> _Stretches:
        counts = [-(-call.num_frames // max_frames) for call in calls]
        begin = np.concatenate([np.arange(n) / n for n in counts])
        return cls(np.repeat(np.arange(len(counts)), counts), begin, begin + np.repeat([1 / n for n in counts], counts))


class WindowSource:
    """Plans and cuts the windows of one dataset.

    Args:
        max_prompt_share: part of a window that its prompt may take.
        agent: one of ``config.AGENTS``.
        drop_text_prompt: probability of a window without text prompt.
        drop_voice_prompt: probability of a window without voice prompt, independent of the text's.

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
        *,
        agent: str = "random",
        drop_text_prompt: float = 0.0,
        drop_voice_prompt: float = 0.0,
    ) -> None:
        assert agent in AGENTS, agent
        self.dataset = dataset
        self._texts = texts
        self._delays = np.asarray(delays)
        self._max_frames = max_frames
        self._max_prompt = int(max_frames * max_prompt_share)
        self._drop_text = drop_text_prompt
        self._drop_voice = drop_voice_prompt
        self._key = (seed, zlib.crc32(dataset.name.encode()))
        self._stretches = _Stretches.of(dataset.calls, max_frames)
        self._examples = self._list_examples(agent)
        self._epoch: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))
        self._refuse_long_prompts()

    @property
    def windows_per_epoch(self) -> int:
        """Windows in one pass over the dataset."""
        return len(self._examples)

    def _list_examples(self, agent: str) -> np.ndarray:
        """``[E, 2]``: stretch of each window of an epoch, and its agent's position in the call's sides (-1: drawn)."""
        sides = [len(self.dataset.calls[call].sides) if agent == "both" else 1 for call in self._stretches.call]
        stretch = np.repeat(np.arange(len(sides)), sides)
        side = np.concatenate([np.arange(n) for n in sides]) if agent == "both" else np.full(len(stretch), -1)
        return np.stack([stretch, side], axis=1)

    def _refuse_long_prompts(self) -> None:
        longest, where = 0, ""
        for call in self.dataset.calls:
            for side in call.sides:
                for text in call.prompts[side]:
                    needed = prompt_frames(0, len(self._texts.tokens(text)))
                    if needed > longest:
                        longest, where = needed, f"call {call.call_id}: a prompt of side {side}"
        if longest > self._max_prompt:
            enough = math.ceil(longest * self._max_frames / self._max_prompt) + 1 if self._max_prompt else 2 * longest
            raise ValueError(
                f"dataset {self.dataset.name!r}, {where} takes {longest} frames, more than the {self._max_prompt} that "
                f"windows of {self._max_frames} frames leave to prompts; raise --max-frames to {enough} "
                "(or --set data.max_prompt_share=...)"
            )

    def plan(self, index: int) -> Plan:
        """The window number ``index``, from 0, without end."""
        epoch, place = divmod(index, self.windows_per_epoch)
        stretch, position = self._examples[self._order(epoch)[place]].tolist()
        call = self.dataset.calls[self._stretches.call[stretch]]
        # one row of draws for the stretch, one for each side: none depends on what became of another
        draws = np.random.default_rng([*self._key, 1, epoch, stretch]).random((1 + len(SIDES), 4)).tolist()
        start_draw, side_draw, *_ = draws[0]
        side = call.sides[int(side_draw * len(call.sides)) if position < 0 else position]
        level, drop_text, drop_voice, voice_draw = draws[1 + SIDES.index(side)]
        prompt = "" if drop_text < self._drop_text else self._draw_prompt(call.prompts[side], level)
        num_tokens = len(self._texts.tokens(prompt))

        def place_with(voice_frames: int) -> tuple[int, int, int]:
            return self._place(stretch, prompt_frames(voice_frames, num_tokens), start_draw)

        if drop_voice >= self._drop_voice:
            for voice in self._candidates(call, side, num_tokens, voice_draw):
                at = place_with(int(self.dataset.voices.num_frames(voice)))
                if self.dataset.voices.may_introduce(voice, call.call_id, at[1], at[1] + at[2]):
                    return Plan(self.dataset.name, call, side, prompt, voice, *at)
        return Plan(self.dataset.name, call, side, prompt, None, *place_with(0))

    def _order(self, epoch: int) -> np.ndarray:
        if self._epoch[0] != epoch:
            rng = np.random.default_rng([*self._key, 0, epoch])
            self._epoch = (epoch, rng.permutation(self.windows_per_epoch))
        return self._epoch[1]

    def _candidates(self, call: Call, side: str, num_tokens: int, draw: float) -> list[int]:
        """Voice prompts that leave enough dialogue, in the order of trying: a drawn one of another call of the speaker,
        else those of the call itself from a drawn one on."""
        bank, speaker = self.dataset.voices, call.speaker[side]
        longest = self._max_prompt - prompt_frames(0, num_tokens)
        others = bank.of_other_calls(speaker, call.call_id)
        others = others[bank.num_frames(others) <= longest]
        if len(others):
            return [int(others[int(draw * len(others))])]
        own = bank.of_call(speaker, call.call_id, side)
        own = own[bank.num_frames(own) <= longest]
        return np.roll(own, -int(draw * len(own))).tolist()

    def _place(self, stretch: int, num_prompt: int, draw: float) -> tuple[int, int, int]:
        """Frames of prompt, first frame and frames of the dialogue, for a window with that prompt."""
        call = self.dataset.calls[self._stretches.call[stretch]]
        room = self._max_frames - num_prompt
        begin, end = (share[stretch] * call.num_frames for share in (self._stretches.begin, self._stretches.end))
        start = _draw_start(call, room, begin, end, draw)
        return num_prompt, start, min(room, call.num_frames - start)

    def _draw_prompt(self, prompts: tuple[str, ...], draw: float) -> str:
        """A prompt level by the manifest's weights, among those that the side has; no text where it has none."""
        if not prompts:
            return ""
        levels = (*self.dataset.prompt_levels, *([0.0] * len(prompts)))[: len(prompts)]
        if sum(levels) == 0:
            return prompts[-1]
        level = int(np.searchsorted(np.cumsum(levels) / sum(levels), draw, side="right"))
        return prompts[min(level, len(prompts) - 1)]

    def cut(self, plan: Plan) -> Window:
        """Read the codes of a planned window."""
        voice = None if plan.voice is None else self.dataset.voices.read(plan.voice)
        prompt = system_prompt(voice, self._texts.tokens(plan.prompt))
        dialogue = dialogue_rows(self.dataset.read(plan.call), plan.side, plan.start, plan.start + plan.dialogue_frames)
        mask = np.concatenate([np.zeros(prompt.shape, dtype=bool), dialogue_mask(dialogue, self._delays)], axis=1)
        return Window(plan.dataset, np.concatenate([prompt, dialogue], axis=1), mask)


def _draw_start(call: Call, room: int, begin: float, end: float, draw: float) -> int:
    """A start within ``[begin, end)`` that lets the window be full, or else the nearest earlier one that does.

    A call that fits whole begins at its first start.
    """
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
