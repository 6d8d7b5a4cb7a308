"""Base models in: files of a checkpoint to an ``LMModel`` with 17 rows and a depformer over both audio streams.

Takes ``nvidia/personaplex-7b-v1`` (dep_q 16), ``kyutai/moshiko-pytorch-bf16`` (dep_q 8, expanded by copying) and toys
in their layout. Config keys that a checkpoint leaves out are completed by Moshi's own defaults; attention weights may
be fused (``in_proj_weight``, as released) or split by depth step (``in_projs.N.weight``, PyPI moshi's parameters).

Legend: "split" keys are those of PyPI moshi's ``LMModel.state_dict()``; "fused" keys those of the released files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.prompt import ROWS, SILENCE_TOKENS, SINE_TOKENS, PromptTexts
from fisherprep.checkpoint import CheckpointFiles, locate
from fisherprep.schema import TEXT_EPAD, TEXT_PAD

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

LM_DEFAULTS: dict[str, Any] = {
    "dim": 4096,
    "text_card": 32000,
    "existing_text_padding_id": TEXT_PAD,
    "n_q": 16,
    "dep_q": 8,
    "card": 2048,
    "num_heads": 32,
    "num_layers": 32,
    "hidden_scale": 4.125,
    "causal": True,
    "layer_scale": None,
    "context": 3000,
    "max_period": 10000,
    "gating": "silu",
    "norm": "rms_norm_f32",
    "positional_embedding": "rope",
    "depformer_dim": 1024,
    "depformer_dim_feedforward": 4224,
    "depformer_num_heads": 16,
    "depformer_num_layers": 6,
    "depformer_layer_scale": None,
    "depformer_multi_linear": True,
    "depformer_context": 8,
    "depformer_max_period": 10000,
    "depformer_gating": "silu",
    "depformer_pos_emb": "none",
    "depformer_weights_per_step": True,
    "delays": [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1],
}
"""The 7B model where config.json is silent (moshi/models/loaders.py ``_lm_kwargs``, the same in NVIDIA's fork)."""

OPTIONAL_KEYS = ("norm_emb", "bias_proj", "depformer_norm", "existing_text_end_padding_id")
REFUSED_KEYS = (
    "conditioners",
    "cross_attention",
    "demux_second_stream",
    "demux_second_text_stream",
    "depformer_low_rank_embeddings",
    "depformer_weights_per_step_schedule",
    "extra_heads_num_heads",
    "fuser",
    "lora",
    "quantize",
)
"""Keys that make another kind of model of it (Hibiki, TTS, adapters): refused when set."""

DEP_Q = 16
"""Codebooks that the depformer predicts: both audio streams."""

_FUSED = re.compile(r"(.+\.self_attn)\.(in|out)_proj(?:_weight|\.weight)")
_SPLIT = re.compile(r"(.+\.self_attn)\.(in|out)_projs\.(\d+)\.weight")
_PER_STEP = re.compile(
    r"(depformer\.layers\.\d+\.gating|depformer\.layers\.\d+\.self_attn\.(?:in|out)_projs|linears"
    r"|depformer_in|depformer_emb|depformer_norms)\.(\d+)\.(.+)"
)


@dataclass(frozen=True)
class BaseModel:
    """A base model whose files are found and whose configuration is checked; weights are read by ``load_model``."""

    files: CheckpointFiles
    lm: dict[str, Any]
    """Arguments of ``LMModel``, complete, with dep_q 16."""

    @property
    def weights(self) -> Path:
        """The LM's weights file."""
        assert self.files.moshi is not None, "opened with its LM"
        return self.files.moshi

    def prompt_texts(self) -> PromptTexts:
        """The checkpoint's tokenizer, ready for prompts.

        Raises:
            ValueError: the file is not a SentencePiece model.
        """
        import sentencepiece

        try:
            tokenizer = sentencepiece.SentencePieceProcessor(str(self.files.tokenizer))
        except (OSError, RuntimeError) as err:
            raise ValueError(f"{self.files.tokenizer}: cannot be read as a SentencePiece model ({err})") from err
        return PromptTexts(tokenizer, self.lm["text_card"])


def open_base(source: str, need: tuple[str, ...] = ("moshi", "tokenizer")) -> BaseModel:
    """Find a base model (folder or hub id) and check its configuration.

    Raises:
        ValueError: a file is missing, the hub cannot be reached, or the configuration is not that of a Moshi with 17
            rows.
    """
    files = locate(source, need)
    config = {key: value for key, value in files.config.items() if key in LM_DEFAULTS or key in OPTIONAL_KEYS}
    if refused := [key for key in REFUSED_KEYS if files.config.get(key)]:
        raise ValueError(f"{source}: config.json sets {refused[0]}; expected a plain Moshi or PersonaPlex model")
    lm = {**LM_DEFAULTS, **config, "dep_q": DEP_Q}
    _check_lm(source, lm)
    return BaseModel(files, lm)


def _check_lm(source: str, lm: dict[str, Any]) -> None:
    def need(ok: bool, key: str, expected: str) -> None:
        if not ok:
            raise ValueError(f"{source}: config.json: {key} is {lm[key]!r}, expected {expected}")

    largest = max(*SILENCE_TOKENS, *SINE_TOKENS)
    need(lm["n_q"] == ROWS - 1, "n_q", f"{ROWS - 1} (two audio streams of 8 codebooks)")
    delays = lm["delays"]
    good = isinstance(delays, list) and len(delays) == ROWS and all(isinstance(d, int) and d >= 0 for d in delays)
    need(good, "delays", f"{ROWS} whole numbers of 0 or more")
    need(isinstance(lm["card"], int) and lm["card"] > largest, "card", f"above {largest}, the prompt's largest code")
    need(lm["existing_text_padding_id"] == TEXT_PAD, "existing_text_padding_id", f"{TEXT_PAD}")
    need(lm.get("existing_text_end_padding_id", TEXT_EPAD) == TEXT_EPAD, "existing_text_end_padding_id", f"{TEXT_EPAD}")
    need(isinstance(lm["text_card"], int) and lm["text_card"] > TEXT_PAD, "text_card", f"a number above {TEXT_PAD}")
    need(lm["depformer_weights_per_step"] is True, "depformer_weights_per_step", "true")
    need(lm["depformer_multi_linear"] is True, "depformer_multi_linear", "true")


def load_model(base: BaseModel, device: torch.device, gradient_checkpointing: bool = False) -> LMModel:
    """The base model in fp32 on ``device``, ready to train.

    Raises:
        ValueError: the file is not safetensors, tensors are missing or have another shape than config.json says.
    """
    state = expand_depformer(split_attention(_read(base.weights)))
    return model_from(base, state, str(base.weights), device, gradient_checkpointing)


def model_from(
    base: BaseModel,
    state: dict[str, torch.Tensor],
    where: str,
    device: torch.device,
    gradient_checkpointing: bool = False,
) -> LMModel:
    """A model of the base's shape with the weights ``state`` (split keys), in fp32 on ``device``.

    Raises:
        ValueError: config.json's values do not make a model, or the weights are not those of one of its shape.
    """
    import torch
    from moshi.models.lm import LMModel

    try:
        model = LMModel(device=torch.device("meta"), gradient_checkpointing=gradient_checkpointing, **base.lm)
    except (AssertionError, TypeError, ValueError, RuntimeError, ZeroDivisionError) as err:
        raise ValueError(f"{base.files.source}: config.json does not describe a model ({err})") from err
    load_weights(model, state, where)
    return model.to(device)


def load_weights(model: LMModel, state: dict[str, torch.Tensor], where: str) -> None:
    """Put ``state`` (split keys) into ``model`` in fp32.

    Raises:
        ValueError: a tensor is missing, is one too many, or has another shape.
    """
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    if missing := sorted(expected.keys() - found.keys()):
        raise ValueError(
            f"{where}: {len(missing)} of {len(expected)} tensors are missing (first: {missing[0]}); "
            "the weights and config.json do not belong together"
        )
    if surplus := sorted(found.keys() - expected.keys()):
        raise ValueError(
            f"{where}: {len(surplus)} tensors have no place in the model (first: {surplus[0]}); "
            "the weights and config.json do not belong together"
        )
    if wrong := [key for key in sorted(expected) if expected[key] != found[key]]:
        key = wrong[0]
        raise ValueError(
            f"{where}: {len(wrong)} tensors have another shape than config.json says "
            f"(first: {key}: found {list(found[key])}, expected {list(expected[key])})"
        )
    import torch

    model.load_state_dict({key: value.to(torch.float32, copy=True) for key, value in state.items()}, assign=True)


def _read(file: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (SafetensorError, OSError) as err:
        raise ValueError(f"{file}: cannot be read as a safetensors file ({err}); fetch or copy it again") from err


def split_attention(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Fused attention keys as split keys; split keys stay.

    ``in_proj_weight`` is ``[S * 3 * dim, dim]`` and ``out_proj.weight`` ``[S * dim, dim]`` for S depth steps (S = 1 in
    the temporal transformer): moshi/modules/transformer.py ``StreamingMultiheadAttention._load_hook``.
    """
    split = {}
    for key, value in state.items():
        match = _FUSED.fullmatch(key)
        if match is None:
            split[key] = value
            continue
        rows_per_step = value.shape[1] * (3 if match[2] == "in" else 1)
        for step, part in enumerate(value.split(rows_per_step)):
            split[f"{match[1]}.{match[2]}_projs.{step}.weight"] = part
    return split


def fuse_attention(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Split attention keys as the fused keys of the released files; the inverse of ``split_attention``."""
    import torch

    fused: dict[str, list[torch.Tensor]] = {}
    for key, value in state.items():
        match = _SPLIT.fullmatch(key)
        if match is not None:
            key = f"{match[1]}.in_proj_weight" if match[2] == "in" else f"{match[1]}.out_proj.weight"
        fused.setdefault(key, []).append(value)  # steps come in order: state_dict lists modules in order
    return {key: torch.cat(parts) if len(parts) > 1 else parts[0] for key, parts in fused.items()}


def expand_depformer(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Depformer weights for 8 codebooks (the agent) as weights for 16 (agent and user); 16 stay as they are.

    Step 8 + i takes the weights of step i, as NVIDIA's ``get_moshi_lm(copy_missing_weights=True)`` does
    (NVIDIA/personaplex moshi/moshi/models/loaders.py). One table has no step to be copied from: ``depformer_emb.7``
    embeds the agent's last codebook for the user's first step, and a model of 8 lacks it (its last codebook is never an
    input). NVIDIA's loader has no rule for it and stops there; here it starts at zero, so that the user's first step
    begins with what the temporal transformer says, and learns.
    """
    import torch

    half = DEP_Q // 2
    if f"linears.{half}.weight" in state or f"linears.{half - 1}.weight" not in state:
        return state
    expanded = dict(state)
    for key, value in state.items():
        match = _PER_STEP.fullmatch(key)
        if match is not None and int(match[2]) < half:
            expanded[f"{match[1]}.{int(match[2]) + half}.{match[3]}"] = value
    expanded[f"depformer_emb.{half - 1}.weight"] = torch.zeros_like(state["depformer_emb.0.weight"])
    return expanded


def completed_config(base: BaseModel, names: dict[str, str]) -> dict[str, Any]:
    """config.json of a result: the base's, complete, with dep_q 16 and the given file names."""
    return {**base.files.config, **base.lm, **names}


def is_fused(keys: list[str]) -> bool:
    """Whether a weights file has the released files' fused attention keys."""
    return any(_FUSED.fullmatch(key) for key in keys)
