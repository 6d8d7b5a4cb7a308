"""A model talks offline: system prompt and user audio in, the agent's text and audio out, many dialogues at once.

Frame for frame what NVIDIA's ``moshi.offline`` does (NVIDIA/personaplex moshi/moshi/models/lm.py ``LMGen``), on PyPI
moshi's ``LMGen``. Two differences of the latter are met here:

- It takes the user's codes only for those codebooks that its depformer does not predict: with dep_q 16 it would not
  hear the user at all. So the model is shown to it with dep_q 8, which also halves the depth steps; the agent's
  codebooks come first in the depth order, so their tokens do not depend on the steps left out.
- It samples every token. The prompt's tokens are put in their place by its hooks.

Legend: B dialogues, K = 17 rows, P frames of a prompt, T frames of dialogue. Position p of a row with delay d holds
what was fed at frame p - d.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.packed_voice import PackedVoice
from finetune.prompt import AGENT, ROWS, USER
from fisherprep.schema import NUM_CODEBOOKS

if TYPE_CHECKING:
    import torch
    from moshi.models import LMGen
    from moshi.models.lm import LMModel

SPOKEN = 1 + NUM_CODEBOOKS
"""Rows that the agent produces: its text and its audio."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are drawn; defaults of NVIDIA's ``moshi.offline``."""

    greedy: bool = False
    temp_audio: float = 0.8
    temp_text: float = 0.7
    topk_audio: int = 250
    topk_text: int = 25
    seed: int = 0


@dataclass(frozen=True)
class Reply:
    """What the agent says. Frame t is played while the user's frame t is heard; see ``converse``."""

    text: np.ndarray
    """int64 ``[B, T]``"""
    audio: np.ndarray
    """int64 ``[B, 8, T]`` Mimi codes, delays taken out"""


def converse(
    model: LMModel,
    user_codes: np.ndarray,
    prompts: Sequence[np.ndarray],
    sampling: Sampling | None = None,
    voice: PackedVoice | None = None,
) -> Reply:
    """Let the model answer B users at once, each after a system prompt of its own.

    As in NVIDIA's ``moshi.offline``, T frames come out for T frames in, and the first of them is the prompt's last
    silence: what the agent says at frame t has been decided on user frames 0 to t - 2, and reaches the user with
    frame t. torch's random state is left as it was, and so is the model (mode, delays, gradient checkpointing).

    Args:
        model: as ``build_model`` or ``LMModel`` makes it, on any device; adapters need not be merged. It may be sharded
            (FSDP2): then every process calls this alike.
        user_codes: ``[B, 8, T]`` Mimi codes of the users.
        prompts: B arrays ``[17, P]`` as ``prompt.fed_rows`` makes them, of any lengths.
        voice: a packed voice for all B; the prompts are then made without one.

    Raises:
        ValueError: the arrays do not fit together or hold codes that the model does not have.
    """
    import torch

    sampling = sampling or Sampling()
    user_codes = np.asarray(user_codes, dtype=np.int64)
    _check(model, user_codes, prompts)
    if voice is not None:
        prompts = [np.concatenate([voice.last_frame, rows], axis=1) for rows in prompts]
    devices = [model.device] if model.device.type == "cuda" else []
    with (
        torch.no_grad(),
        torch.random.fork_rng(devices=devices),
        _ready(model, prompts, user_codes, voice),
        _training_precision(model),
    ):
        torch.manual_seed(sampling.seed)
        return _generate(model, user_codes, prompts, sampling, voice)


def _check(model: LMModel, user_codes: np.ndarray, prompts: Sequence[np.ndarray]) -> None:
    if user_codes.ndim != 3 or user_codes.shape[1] != NUM_CODEBOOKS or not user_codes.size:
        raise ValueError(f"user codes are {list(user_codes.shape)}, expected [B, {NUM_CODEBOOKS}, T], T above 0")
    if len(prompts) != len(user_codes):
        raise ValueError(f"{len(prompts)} prompts for {len(user_codes)} users; expected one each")
    audio = [user_codes, *(rows[1:] for rows in prompts)]
    if min(a.min() for a in audio) < 0 or max(a.max() for a in audio) >= model.card:
        raise ValueError(f"codes are out of range, expected 0 to {model.card - 1}")
    if (largest := max(int(rows[0].max()) for rows in prompts)) >= model.text_card:
        raise ValueError(f"a prompt has text token {largest}, but the model's vocabulary has {model.text_card} entries")


@contextlib.contextmanager
def _ready(
    model: Any, prompts: Sequence[np.ndarray], user_codes: np.ndarray, voice: PackedVoice | None
) -> Iterator[None]:
    """The model as generation needs it: listening, in eval mode, with a cache no longer than the dialogue."""
    from moshi.modules import transformer as moshi_transformer
    from moshi.modules.transformer import StreamingMultiheadAttention

    ring: Any = moshi_transformer.RingKVCache
    frames = max(rows.shape[1] for rows in prompts) + user_codes.shape[2] + (len(voice.embeddings) if voice else 0)
    attentions = [m for m in model.transformer.modules() if isinstance(m, StreamingMultiheadAttention)]
    transformers = [model.transformer, model.depformer]
    was = model.training, model.dep_q, [t.checkpointing for t in transformers], [a.context for a in attentions]
    complete = ring.complete

    def complete_in_any_dtype(cache: Any, k: Any, v: Any, exec_mask: Any) -> Any:
        # the ring has the weights' type (fp32 where they learn), keys under autocast have bf16
        return complete(cache, k.to(cache.cache.dtype), v.to(cache.cache.dtype), exec_mask)

    model.eval()
    model.dep_q = NUM_CODEBOOKS
    ring.complete = complete_in_any_dtype
    for transformer in transformers:
        transformer.checkpointing = False
    for attention in attentions:
        attention.context = min(attention.context or frames, frames)
    try:
        with _gathered_where_sharded(model):
            yield
    finally:
        ring.complete = complete
        model.train(was[0])
        model.dep_q = was[1]
        for transformer, checkpointing in zip(transformers, was[2], strict=True):
            transformer.checkpointing = checkpointing
        for attention, context in zip(attentions, was[3], strict=True):
            attention.context = context


@contextlib.contextmanager
def _gathered_where_sharded(model: torch.nn.Module) -> Iterator[None]:
    """Have FSDP bring the weights together for the entries that ``LMGen`` calls, as it does for ``forward``.

    Meanwhile only: ``forward`` calls them too, and FSDP would take the weights apart again in its midst.
    """
    from torch.distributed.fsdp import FSDPModule, register_fsdp_forward_method

    entries = ("forward_text", "forward_depformer") if isinstance(model, FSDPModule) else ()
    for entry in entries:
        register_fsdp_forward_method(model, entry)
    try:
        yield
    finally:
        for entry in entries:
            del vars(model)[entry]  # the object's own, before the class's


@contextlib.contextmanager
def _training_precision(model: LMModel) -> Iterator[None]:
    """A model in training form on a GPU has fp32 weights beside bf16 ones: it runs under autocast, as in training."""
    import torch
    from moshi.utils.compile import no_cuda_graph

    if model.device.type != "cuda" or all(p.dtype == torch.bfloat16 for p in model.parameters()):
        yield
        return
    with no_cuda_graph(), torch.autocast("cuda", dtype=torch.bfloat16):  # graphs would keep autocast's copies
        yield


def _generate(
    model: LMModel,
    user_codes: np.ndarray,
    prompts: Sequence[np.ndarray],
    sampling: Sampling,
    voice: PackedVoice | None,
) -> Reply:
    import torch
    from moshi.models import LMGen

    prompt = _Prompt(prompts, model.delays, model.device)
    batch, _, num_frames = user_codes.shape
    users = torch.cat([prompt.users, torch.from_numpy(user_codes).to(model.device)], dim=2)
    generator = LMGen(
        model,
        use_sampling=not sampling.greedy,
        temp=sampling.temp_audio,
        temp_text=sampling.temp_text,
        top_k=min(sampling.topk_audio, model.card),
        top_k_text=min(sampling.topk_text, model.text_card),
        on_text_hook=prompt.put_text,
        on_audio_hook=prompt.put_audio,
        support_out_of_sync=True,
    )
    said = []
    with generator.streaming(batch):
        if voice is not None:
            _enter_voice(generator, voice)
        for step in range(prompt.frames + num_frames - 1):
            if step < prompt.frames:
                generator.set_exec_mask(prompt.started(step))
            prompt.step = step
            tokens = generator.step(users[:, :, step : step + 1], prompt.whole_audio())
            assert tokens is not None, "out-of-sync mode always answers"
            if step >= prompt.frames - 1:
                said.append(tokens[:, :SPOKEN])
    rows = torch.cat(said, dim=2).cpu().numpy()
    return Reply(rows[:, 0], rows[:, AGENT])


def _enter_voice(generator: LMGen, voice: PackedVoice) -> None:
    """Bring a fresh stream to position N, as NVIDIA's ``step_embeddings`` does: one embedding at a time."""
    import torch

    model, state = generator.lm_model, generator._streaming_state
    assert state is not None, "streaming"
    for embedding in voice.embeddings.to(model.device, model.dtype):
        model.transformer(embedding.expand(state.batch_size, 1, -1))
    num = len(voice.embeddings)
    state.offsets += num
    state.offset_cpu += num
    state.cache[:, :, num % state.cache.shape[2]] = torch.from_numpy(voice.position).to(model.device)


class _Prompt:
    """B prompts of different lengths that end together, and what they dictate at each step.

    At step s a stream whose prompt starts at step ``start`` takes in its frame s - start and produces the tokens of
    the next position; a shorter prompt starts later.
    """

    def __init__(self, prompts: Sequence[np.ndarray], delays: Sequence[int], device: torch.device) -> None:
        import torch

        self.step = 0
        self.frames = max(rows.shape[1] for rows in prompts)
        shape = (len(prompts), ROWS, self.frames + max(delays))
        users = np.zeros((len(prompts), NUM_CODEBOOKS, self.frames), dtype=np.int64)
        targets, known = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
        for b, rows in enumerate(prompts):
            start = self.frames - rows.shape[1]
            users[b, :, start:] = rows[USER]
            known[b, :, :start] = True  # not listening yet: nothing to sample
            for row, delay in enumerate(delays):
                first = max(1 - delay, 0)  # the first frame's codes have no step before them that could produce them
                length = rows.shape[1] - first
                put = slice(start + first + delay - 1, start + first + delay - 1 + length)
                targets[b, row, put] = rows[row, first:]
                known[b, row, put] = True
        self.users = torch.from_numpy(users).to(device)
        self._targets, self._known = (torch.from_numpy(a).to(device) for a in (targets, known))
        self._starts = torch.tensor([self.frames - rows.shape[1] for rows in prompts], device=device)
        self._whole: list[bool] = np.ravel(known[:, AGENT].all(axis=(0, 1))).tolist()

    def started(self, step: int) -> torch.Tensor:
        """``[B]``: whose prompt has begun."""
        return self._starts <= step

    def put_text(self, sampled: torch.Tensor) -> None:
        """``[B]``, changed in place."""
        self._put(sampled[:, None], slice(0, 1))

    def put_audio(self, sampled: torch.Tensor) -> None:
        """``[B, 8]``, changed in place."""
        self._put(sampled, AGENT)

    def whole_audio(self) -> torch.Tensor | None:
        """``[B, 8, 1]`` where every codebook is dictated, so that the depth transformer need not run."""
        if self.step < len(self._whole) and self._whole[self.step]:
            return self._targets[:, AGENT, self.step : self.step + 1]
        return None

    def _put(self, sampled: torch.Tensor, rows: slice) -> None:
        import torch

        if self.step < self._targets.shape[2]:
            known = self._known[:, rows, self.step]
            sampled.copy_(torch.where(known, self._targets[:, rows, self.step], sampled))
