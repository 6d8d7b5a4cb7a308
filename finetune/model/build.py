"""The model in training form: which of its parts learn, and their weights as a checkpoint of the run holds them.

What learns has ``requires_grad`` and is fp32; everything else is frozen, stays the base's, and may be bf16. So a run's
checkpoint holds the learning tensors alone. Keys are those of PyPI moshi's parameters.

For FSDP2: ``build_model`` on device ``meta``, ``fully_shard`` each of ``model.transformer.layers`` and
``model.depformer.layers`` and the model, ``model.to_empty(device=...)``, then ``fill``, which reads each tensor and
keeps the process's own shard. No process ever holds more than one whole tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finetune.checkpoints import BaseModel, empty_model, open_weights
from finetune.config import LORA, ModelConfig
from finetune.model import lora
from finetune.model.forward import contiguous_steps, still_first_step

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

PARTS = ("temporal", "depth", "embeddings", "heads")


def part_of(name: str) -> str:
    """The part of the model that a parameter belongs to, one of ``PARTS``."""
    if name.startswith(("emb.", "text_emb.", "depformer_emb.", "depformer_text_emb.")):
        return "embeddings"
    if name.startswith(("text_linear.", "linears.")):
        return "heads"
    return "depth" if name.startswith("depformer") else "temporal"


def build_model(
    base: BaseModel, config: ModelConfig, device: torch.device, frozen_dtype: torch.dtype | None = None
) -> LMModel:
    """The base model on ``device``, its learning parts in fp32 with ``requires_grad``.

    Args:
        device: where to; ``meta`` leaves the weights out (see ``fill``).
        frozen_dtype: type of what does not learn; default bf16 on a GPU, fp32 elsewhere.

    Raises:
        ValueError: the weights do not fit the configuration.
    """
    import torch

    model = on_meta(base, config, frozen_dtype or (torch.bfloat16 if device.type == "cuda" else torch.float32))
    with open_weights(base) as weights:
        weights.check({key: value.shape for key, value in empty_model(base).state_dict().items()})
    if device.type != "meta":
        fill(model, base, device)
    return model


def on_meta(base: BaseModel, config: ModelConfig, frozen_dtype: torch.dtype) -> LMModel:
    """The training form without weights (device ``meta``): what ``fill`` reads them into."""
    import torch

    model = empty_model(base, config.gradient_checkpointing)
    if config.train == LORA:
        lora.add_adapters(model, config.lora.rank, config.lora.scaling, lambda name: _adapted(name, config))
    for name, parameter in list(model.named_parameters()):
        learns = _learns(name, config)
        dtype = torch.float32 if learns else frozen_dtype
        _replace(model, name, torch.empty(parameter.shape, dtype=dtype, device="meta"), learns)
    contiguous_steps(model)
    still_first_step(model)
    return model


def _adapted(name: str, config: ModelConfig) -> bool:
    part = part_of(name + ".")
    if part == "heads" and config.embeddings:
        return False  # they learn in full
    return config.lora.targets == "all" or part == config.lora.targets


def _learns(name: str, config: ModelConfig) -> bool:
    if part_of(name) in ("embeddings", "heads") and not lora.is_adapter(name):
        return config.embeddings
    return config.train != LORA or lora.is_adapter(name)


def fill(model: LMModel, base: BaseModel, device: torch.device | None = None) -> None:
    """Read the base's weights into a model of ``build_model``, tensor by tensor; adapters get their first values.

    Args:
        device: where tensors that are still on ``meta`` go; those that have a place (sharded ones too) stay there.

    Raises:
        ValueError: the file cannot be read.
    """
    import torch

    with open_weights(base) as weights:
        for name, parameter in list(model.named_parameters()):
            target = device if parameter.is_meta and device is not None else parameter.device
            if lora.is_adapter(name):
                value = lora.first_values(name, parameter).to(target)
            else:
                value = weights.read(lora.plain_name(name), parameter, target)
            if parameter.is_meta:
                _replace(model, name, value, parameter.requires_grad)
            else:
                with torch.no_grad():
                    _copy(parameter, value)


def _replace(model: torch.nn.Module, name: str, value: torch.Tensor, learns: bool) -> None:
    import torch

    owner, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(owner), leaf, torch.nn.Parameter(value, requires_grad=learns))


def _copy(parameter: torch.Tensor, value: torch.Tensor) -> None:
    """Whole values into a parameter, which may be sharded: each process keeps its part of its own copy."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if isinstance(parameter, DTensor):
        value = distribute_tensor(
            value.to(parameter.device, parameter.dtype), parameter.device_mesh, parameter.placements, src_data_rank=None
        )
    parameter.copy_(value)


def describe_parts(model: LMModel) -> list[str]:
    """A line for each part: how many of its parameters learn, how many are frozen."""
    counts = {part: [0, 0, 0] for part in PARTS}
    for name, parameter in model.named_parameters():
        kind = 2 if not parameter.requires_grad else int(lora.is_adapter(name))
        counts[part_of(name)][kind] += parameter.numel()
    lines = []
    for part, (full, adapters, frozen) in counts.items():
        learning = [f"{full:,} learn"] * bool(full) + [f"{adapters:,} in adapters learn"] * bool(adapters)
        lines.append(f"{part}: {', '.join([*learning, f'{frozen:,} frozen'] if frozen else learning)}")
    return lines


def trained_state(model: LMModel) -> dict[str, torch.Tensor]:
    """The learning tensors by name."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def load_trained(model: LMModel, state: dict[str, torch.Tensor], where: str) -> None:
    """Put the tensors of ``trained_state`` back into a model that ``build_model`` made.

    Raises:
        ValueError: a tensor is missing, is one too many, or has another shape.
    """
    import torch

    learning = trained_state(model)
    if odd := sorted(learning.keys() ^ state.keys()):
        raise ValueError(f"{where}: the learning tensors are not the model's (first that differs: {odd[0]})")
    for name, value in learning.items():
        if value.shape != state[name].shape:
            raise ValueError(f"{where}: {name}: found {list(state[name].shape)}, expected {list(value.shape)}")
    with torch.no_grad():
        for name, value in learning.items():
            _copy(value, state[name])


def full_state(model: LMModel, dtype: torch.dtype | None = None) -> dict[str, torch.Tensor]:
    """The whole model's tensors (split keys), adapters merged: what ``export`` writes and ``LMModel`` loads.

    Args:
        dtype: of the result; default: as they are, merged ones fp32.
    """
    tensors = {name: _whole(value.detach()) for name, value in model.named_parameters()}
    scalings = {name: module.scaling for name, module in model.named_modules() if hasattr(module, "lora_A")}
    state = {}
    for name, value in tensors.items():
        if lora.is_adapter(name):
            continue
        owner, frozen, leaf = name.partition(lora.FROZEN)
        if frozen and leaf == "weight":
            a, b = tensors[f"{owner}{lora.A}weight"], tensors[f"{owner}{lora.B}weight"]
            value = lora.merged(value, a, b, scalings[owner])
        state[lora.plain_name(name)] = value if dtype is None else value.to(dtype)
    return state


def plain_model(model: LMModel, base: BaseModel, device: torch.device, dtype: torch.dtype) -> LMModel:
    """The model as anyone runs it: adapters merged, nothing learning, on ``device`` in ``dtype``."""
    plain = empty_model(base)
    plain.load_state_dict({key: value.to(device, dtype) for key, value in full_state(model).items()}, assign=True)
    return plain.requires_grad_(False).eval()


def _whole(value: Any) -> torch.Tensor:
    """A sharded tensor in one piece."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value
