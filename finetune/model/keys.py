"""How the tensors of a Moshi are laid out: fused and split attention weights, depth steps for one or both streams.

Legend: "split" keys are those of PyPI moshi's ``LMModel.state_dict()`` (``in_projs.N.weight``); "fused" keys those of
the released files (``in_proj_weight``). S depth steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fisherprep.schema import NUM_CODEBOOKS

if TYPE_CHECKING:
    import torch

DEP_Q = 2 * NUM_CODEBOOKS
"""Codebooks that the depformer predicts: both audio streams."""

_FUSED = re.compile(r"(.+\.self_attn)\.(in|out)_proj(?:_weight|\.weight)")
_SPLIT = re.compile(r"(.+\.self_attn)\.(in|out)_projs\.(\d+)\.weight")
_PER_STEP = re.compile(
    r"(depformer\.layers\.\d+\.gating|depformer\.layers\.\d+\.self_attn\.(?:in|out)_projs|linears"
    r"|depformer_in|depformer_emb|depformer_norms)\.(\d+)\.(.+)"
)


@dataclass(frozen=True)
class Part:
    """Where a tensor's values are in a weights file: the ``index``-th of ``count`` equal shares of a tensor's rows."""

    key: str
    index: int = 0
    count: int = 1


def parts(shapes: Mapping[str, Sequence[int]]) -> dict[str, Part | None]:
    """Split key -> its part of a file with tensors of these shapes; None: the file has no values for it, use zeros.

    ``in_proj_weight`` is ``[S * 3 * dim, dim]`` and ``out_proj.weight`` ``[S * dim, dim]`` (S = 1 in the temporal
    transformer): moshi/modules/transformer.py ``StreamingMultiheadAttention._load_hook``.

    A depformer for 8 codebooks (the agent) becomes one for 16 (agent and user): step 8 + i takes the weights of step
    i, as NVIDIA's ``get_moshi_lm(copy_missing_weights=True)`` does (NVIDIA/personaplex moshi/moshi/models/loaders.py).
    One table has no step to be copied from: ``depformer_emb.7`` embeds the agent's last codebook for the user's first
    step, and a model of 8 lacks it (its last codebook is never an input). NVIDIA's loader has no rule for it: it says
    ``Missing depformer_emb.7.weight`` and fails when the model is moved to its device. Here it starts at zero, so that
    the user's first step begins with what the temporal transformer says, and learns.
    """
    split: dict[str, Part | None] = {}
    for key, shape in shapes.items():
        match = _FUSED.fullmatch(key)
        if match is None or len(shape) != 2:
            split[key] = Part(key)
            continue
        count = max(shape[0] // (shape[1] * (3 if match[2] == "in" else 1)), 1)
        for index in range(count):
            split[f"{match[1]}.{match[2]}_projs.{index}.weight"] = Part(key, index, count)
    half = NUM_CODEBOOKS
    if f"linears.{half - 1}.weight" in split and f"linears.{half}.weight" not in split:
        for key, part in list(split.items()):
            match = _PER_STEP.fullmatch(key)
            if match is not None and int(match[2]) < half:
                split[f"{match[1]}.{int(match[2]) + half}.{match[3]}"] = part
        split[f"depformer_emb.{half - 1}.weight"] = None
    return split


def fuse_attention(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Split attention keys, in any order, as the fused keys of the released files."""
    import torch

    fused: dict[str, dict[int, torch.Tensor]] = {}
    for key, value in state.items():
        match, step = _SPLIT.fullmatch(key), 0
        if match is not None:
            key = f"{match[1]}.in_proj_weight" if match[2] == "in" else f"{match[1]}.out_proj.weight"
            step = int(match[3])
        fused.setdefault(key, {})[step] = value
    return {
        key: torch.cat([steps[step] for step in sorted(steps)]) if len(steps) > 1 else steps[0]
        for key, steps in fused.items()
    }


def is_agents(key: str) -> bool:
    """Whether a tensor (split key, adapters included) belongs to a depformer for the agent's 8 codebooks alone."""
    match = _PER_STEP.fullmatch(key)
    if match is None:
        return True
    return int(match[2]) < NUM_CODEBOOKS - (match[1] == "depformer_emb")


def is_fused(keys: Iterable[str]) -> bool:
    """Whether a weights file has the released files' fused attention keys."""
    return any(_FUSED.fullmatch(key) for key in keys)
