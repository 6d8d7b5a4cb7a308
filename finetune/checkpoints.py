"""Base models in: files of a checkpoint to an ``LMModel`` with 17 rows and a depformer over both audio streams.

Takes ``nvidia/personaplex-7b-v1`` (dep_q 16), ``kyutai/moshiko-pytorch-bf16`` (dep_q 8, expanded by copying) and toys
in their layout. Config keys that a checkpoint leaves out are completed by Moshi's own defaults; either layout of the
attention weights is read (``model/keys.py``). Tensors go from the file to their device one at a time, in the type they
are wanted in: a 7B model is never in memory twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune import checksums
from finetune.model.keys import DEP_Q, is_fused, parts
from finetune.prompt import ROWS, SILENCE_TOKENS, SINE_TOKENS, PromptTexts
from fisherprep.checkpoint import CheckpointFiles, locate, weight_files
from fisherprep.schema import NUM_CODEBOOKS, TEXT_EPAD, TEXT_PAD

if TYPE_CHECKING:
    import sentencepiece
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


@dataclass(frozen=True)
class BaseModel:
    """A base model whose files are found and whose configuration is checked; weights are read by ``load_model``."""

    files: CheckpointFiles
    lm: dict[str, Any]
    """Arguments of ``LMModel``, complete, with dep_q 16."""

    @property
    def weights(self) -> Path:
        """The LM's weights file, or the index of its parts."""
        assert self.files.moshi is not None, "opened with its LM"
        return self.files.moshi

    @property
    def weight_files(self) -> list[Path]:
        """The files that hold the LM's weights: one, or several parts."""
        return weight_files(self.weights)

    def prompt_texts(self) -> PromptTexts:
        """The checkpoint's tokenizer, ready for prompts.

        Raises:
            ValueError: the file is not a SentencePiece model.
        """
        return PromptTexts(self.tokenizer(), self.lm["text_card"])

    def tokenizer(self) -> sentencepiece.SentencePieceProcessor:
        """The checkpoint's tokenizer.

        Raises:
            ValueError: the file is not a SentencePiece model.
        """
        import sentencepiece

        try:
            return sentencepiece.SentencePieceProcessor(str(self.files.tokenizer))
        except (OSError, RuntimeError) as err:
            raise ValueError(f"{self.files.tokenizer}: cannot be read as a SentencePiece model ({err})") from err


def open_base(source: str, need: tuple[str, ...] = ("moshi", "tokenizer")) -> BaseModel:
    """Find a base model (folder or hub id) and check its configuration.

    Raises:
        ValueError: a file is missing, the hub cannot be reached, or the configuration is not that of a Moshi with 17
            rows.
    """
    return as_base(locate(source, need))


def as_base(files: CheckpointFiles) -> BaseModel:
    """The same for files that are found already; raises the same, and where a file is not as it was exported."""
    checksums.compare_export(files)
    source = files.source
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


def empty_model(base: BaseModel, gradient_checkpointing: bool = False) -> LMModel:
    """The base's architecture without weights (device ``meta``, fp32).

    Raises:
        ValueError: config.json's values do not make a model.
    """
    import torch
    from moshi.models.lm import LMModel

    try:
        return LMModel(device=torch.device("meta"), gradient_checkpointing=gradient_checkpointing, **base.lm)
    except (AssertionError, TypeError, ValueError, RuntimeError, ZeroDivisionError) as err:
        raise ValueError(
            f"{base.files.source}: config.json does not describe a model ({err or type(err).__name__})"
        ) from err


def load_model(
    base: BaseModel, device: torch.device, gradient_checkpointing: bool = False, dtype: torch.dtype | None = None
) -> LMModel:
    """The base model on ``device``, in ``dtype`` (default fp32).

    Raises:
        ValueError: the file is not safetensors, tensors are missing or have another shape than config.json says.
    """
    import torch

    model = empty_model(base, gradient_checkpointing).to(dtype or torch.float32)
    with open_weights(base) as weights:
        weights.check({key: value.shape for key, value in model.state_dict().items()})
        state = {key: weights.read(key, value, device) for key, value in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    return model.requires_grad_(True)


_UNLIKE = "the weights and config.json do not belong together (without a config.json it is taken for a 7B)"


class Weights:
    """An open weights file, or several, whose tensors are read one by one under their split keys."""

    def __init__(self, handles: Sequence[Any], where: str) -> None:
        self._where = where
        self._slices = {key: handle.get_slice(key) for handle in handles for key in handle.keys()}  # noqa: SIM118
        self._shapes = {key: tuple(values.get_shape()) for key, values in self._slices.items()}
        self._parts = parts(self._shapes)

    def check(self, expected: Mapping[str, Sequence[int]]) -> None:
        """Compare with the shapes that a model has.

        Raises:
            ValueError: a tensor is missing, is one too many, or has another shape.
        """
        if missing := sorted(expected.keys() - self._parts.keys()):
            raise ValueError(
                f"{self._where}: {len(missing)} of {len(expected)} tensors are missing (first: {missing[0]}); {_UNLIKE}"
            )
        if surplus := sorted(self._parts.keys() - expected.keys()):
            raise ValueError(
                f"{self._where}: {len(surplus)} tensors have no place in the model (first: {surplus[0]}); {_UNLIKE}"
            )
        wrong = [key for key in sorted(expected) if self._shape(key) not in (None, tuple(expected[key]))]
        if wrong:
            key = wrong[0]
            raise ValueError(
                f"{self._where}: {len(wrong)} tensors have another shape than config.json says (first: {key}: found "
                f"{list(self._shape(key) or ())}, expected {list(expected[key])}); {_UNLIKE}"
            )

    def read(self, key: str, like: torch.Tensor, device: torch.device) -> torch.Tensor:
        """A tensor of its own (nothing shared with another key's), on ``device``, with the shape and type of ``like``.

        Raises:
            ValueError: the file ends before the tensor does.
        """
        import torch

        part = self._parts[key]
        if part is None:
            return torch.zeros(like.shape, dtype=like.dtype, device=device)
        rows = like.shape[0] if like.ndim else 0
        data = self._slices[part.key]
        value = data[part.index * rows : (part.index + 1) * rows] if part.count > 1 else data[:]
        return value.to(device, like.dtype, copy=True)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the file's numbers."""
        return self._slices["text_linear.weight"][:1].dtype

    @property
    def fused(self) -> bool:
        """Whether the file has the released layout of the attention weights."""
        return is_fused(self._shapes)

    @property
    def for_agent_alone(self) -> bool:
        """Whether the file's depformer predicts the agent's 8 codebooks only, as moshiko's does."""
        return f"linears.{NUM_CODEBOOKS}.weight" not in self._shapes

    def _shape(self, key: str) -> tuple[int, ...] | None:
        part = self._parts[key]
        if part is None:
            return None
        rows, *rest = self._shapes[part.key] or (0,)
        return (rows // part.count, *rest) if self._shapes[part.key] else ()


@contextlib.contextmanager
def open_weights(base: BaseModel) -> Iterator[Weights]:
    """The base's weights, open.

    Raises:
        ValueError: it is not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with contextlib.ExitStack() as stack:
            handles = [stack.enter_context(safe_open(file, framework="pt")) for file in base.weight_files]
            yield Weights(handles, str(base.weights))
    except (SafetensorError, OSError) as err:
        where = base.weights
        raise ValueError(f"{where}: cannot be read as a safetensors file ({err}); fetch or copy it again") from err


def completed_config(base: BaseModel, names: dict[str, str], dep_q: int = DEP_Q) -> dict[str, Any]:
    """config.json of a result: complete, and nothing in it that PyPI moshi does not know.

    Args:
        names: ``moshi_name`` and the like.
    """
    given = base.files.config
    kept: dict[str, Any] = {key: given[key] for key in ("lm_gen_config", "model_id") if key in given}
    return {**base.lm, "dep_q": dep_q, **names, "model_type": "moshi", **kept}
