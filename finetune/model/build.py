"""The model in training form: which of its parts learn, and their weights as a checkpoint of the run holds them.

What learns has ``requires_grad``; everything else is frozen and stays the base's, so that a run's checkpoint holds the
learning tensors alone. Keys are those of PyPI moshi's parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finetune.checkpoints import BaseModel, load_model
from finetune.config import ModelConfig

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel


def build_model(base: BaseModel, config: ModelConfig, device: torch.device) -> LMModel:
    """The base model on ``device``, its learning parts in fp32 with ``requires_grad``.

    Raises:
        ValueError: the weights do not fit the configuration.
    """
    return load_model(base, device, config.gradient_checkpointing)


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
            value.copy_(state[name])


def full_state(model: LMModel) -> dict[str, torch.Tensor]:
    """The whole model's tensors (split keys), adapters merged: what ``export`` writes and ``LMModel`` loads."""
    return dict(model.state_dict())
