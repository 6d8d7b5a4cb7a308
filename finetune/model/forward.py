"""The forward pass of training: ``LMModel.forward`` on codes that are delayed already.

``LMModel.forward`` delays the codes, runs the model, and shifts the logits back to the undelayed frames. For a loss
the shift back is not needed: delayed targets meet delayed logits just as well. It is also the dearest part of a step,
because the backward pass of each of its sixteen row selections fills a zero tensor as large as all logits (half the
time of a step of a small model on a CPU). So codes and mask are delayed here, and the model runs with all delays at 0,
where moshi's code skips both shifts. The numbers are the same; ``tests/test_finetune_loss.py`` compares the two.

Legend: B windows, K = 17 rows, T frames.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel, LMOutput


def delay(model: LMModel, codes: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and mask ``[B, K, T]`` with each row moved to later frames by its delay.

    The frames that open up hold the initial token, and are no targets; what is moved past the end is dropped, and must
    not be a target (``data/windows.py`` sees to it).
    """
    import torch

    delayed = model._get_initial_token().repeat(codes.shape[0], 1, codes.shape[2])
    delayed_mask = torch.zeros_like(mask)
    for row, shift in enumerate(model.delays):
        kept = codes.shape[2] - shift
        delayed[:, row, shift:] = codes[:, row, :kept]
        delayed_mask[:, row, shift:] = mask[:, row, :kept]
        assert not bool(mask[:, row, kept:].any()), "a delayed row has a target that falls past the end"
    return delayed, delayed_mask


def forward_delayed(model: LMModel, delayed: torch.Tensor) -> LMOutput:
    """``model.forward`` on codes from ``delay``; its logits ``[B, K, T, card]`` belong to the delayed codes."""
    from moshi.models.lm import LMOutput

    with _without_delays(model):
        output = model(delayed)
    return output if isinstance(output, LMOutput) else LMOutput(*output)  # a sharded model gives a tuple


def contiguous_steps(model: LMModel) -> None:
    """Have each depth step's layers given their input in one piece.

    moshi hands them ``x[:, step : step + 1]``, ``[B x T, 1, dim]`` with gaps. Where the weight learns, torch copies
    that and multiplies once (``mm``); where it does not (frozen, or no gradient is taken at all), it multiplies frame
    by frame (``bmm``): a step with adapters then took three times as long as one in full (H200).
    """
    assert model.depformer is not None
    layer: Any
    for layer in model.depformer.layers:
        for module in (*layer.gating, *layer.self_attn.in_projs, *layer.self_attn.out_projs):
            module.register_forward_pre_hook(_contiguous)


def still_first_step(model: LMModel) -> None:
    """Keep rounding noise out of the gradient of the first depth step's queries and keys.

    That step attends to itself alone, whatever they are, so their gradient is zero. Computed, it is noise of about
    1e-11 that depends on how a step is cut into micro-batches; AdamW, which divides by its size, made weights of it
    that differed by 3e-4 after 40 steps of a toy on one and on two processes.
    """
    assert model.depformer is not None
    layer: Any
    for layer in model.depformer.layers:
        layer.self_attn.in_projs[0].register_forward_hook(_values_alone)


def _values_alone(module: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
    """Queries, keys and values ``[..., 3 x dim]`` with a gradient of the values alone."""
    import torch

    dim = output.shape[-1] // 3
    return torch.cat([output[..., : 2 * dim].detach(), output[..., 2 * dim :]], dim=-1)


def _contiguous(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (inputs[0].contiguous(),)


@contextlib.contextmanager
def _without_delays(model: LMModel) -> Iterator[None]:
    delays = model.delays
    model.delays = [0] * len(delays)
    try:
        yield
    finally:
        model.delays = delays
