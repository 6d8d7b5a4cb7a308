"""Voice prompts as NVIDIA packs them: what the model took in, instead of codes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from finetune.prompt import ROWS

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel


@dataclass(frozen=True)
class PackedVoice:
    """A voice prompt of N + 1 frames as NVIDIA packs it (``voices/*.pt``): the model's inputs instead of codes."""

    embeddings: torch.Tensor
    """``[N, dim]``: inputs of the temporal transformer, positions 0 to N - 1"""
    position: np.ndarray
    """int64 ``[17]``: the tokens at position N"""
    last_frame: np.ndarray
    """int64 ``[17, 1]``: the last frame as it was fed, number N"""


def load_packed_voice(file: Path, model: LMModel) -> PackedVoice:
    """Read a file that NVIDIA's ``LMGen`` saved: ``embeddings`` [N, 1, 1, dim] and its ring of tokens ``cache``.

    The ring is ``[1, 17, max delay + 3]``; position p lies at p modulo its length (``prepare_step_input``).

    Raises:
        ValueError: the file is another kind of file, or belongs to a model of another width.
    """
    import torch

    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
        embeddings, ring = saved["embeddings"], saved["cache"]
        num = len(embeddings)
        embeddings = embeddings.reshape(num, model.dim)
        _, rows, length = ring.shape
        ring = ring[0].numpy()
    except Exception as err:  # a file of another kind makes the unpickler stumble in any way
        unsafe = isinstance(err, pickle.UnpicklingError)  # torch's own advice is to load it all the same
        reason = "it holds more than tensors" if unsafe else (str(err) or type(err).__name__).splitlines()[0]
        raise ValueError(
            f"{file}: not a packed voice for this model ({reason}); expected `embeddings` [N, 1, 1, {model.dim}] and "
            "`cache` as NVIDIA's voices/*.pt hold them, or give a WAV file"
        ) from err
    if rows != ROWS or length < max(model.delays) + 2:
        raise ValueError(
            f"{file}: cache is {list(saved['cache'].shape)}, expected [1, {ROWS}, {max(model.delays) + 3}]"
        )
    last = [ring[row, (num + delay) % length] for row, delay in enumerate(model.delays)]
    return PackedVoice(embeddings, ring[:, num % length].astype(np.int64), np.asarray(last, dtype=np.int64)[:, None])
