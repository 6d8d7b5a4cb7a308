"""One process, or many under torchrun: who takes part, what they tell each other, and the model in shards.

Without torchrun there is one process and no process group. Under ``torchrun --nproc-per-node N`` every process is a
rank on a GPU of its own (or on the CPU, through gloo); the model is sharded with FSDP2: parameters, gradients and
AdamW's moments lie in parts on the ranks, in fp32; a layer is gathered, in bf16 on GPUs, while it is needed.

FSDP averages gradients over ranks. The loss of ``loss.py`` is divided by the whole step's weights already, so what is
wanted is their sum: ``step.py`` multiplies each rank's loss by ``World.size``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

    from finetune.checkpoints import BaseModel
    from finetune.config import ModelConfig


@dataclass(frozen=True)
class World:
    """The processes that train together. Every method that talks must be called by all of them."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes logs and speaks."""
        return self.rank == 0

    def sum(self, numbers: torch.Tensor) -> torch.Tensor:
        """The sum over all ranks of a tensor on the CPU."""
        if self.size > 1:
            import torch.distributed as dist

            numbers = numbers.clone()
            dist.all_reduce(numbers)
        return numbers

    def any(self, flag: bool) -> bool:
        """Whether it is so on any rank."""
        if self.size == 1:
            return flag
        import torch

        return bool(self.sum(torch.tensor([int(flag)])).item())

    def from_main(self, value: Any) -> Any:
        """The main process's value."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, in their order, on each of them."""
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        values = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What fails on one rank with a ``ValueError`` fails on all, with the same message; also a barrier at the end.

        Raises:
            ValueError: that of the first rank on which the block raised one.
        """
        failed: ValueError | None = None
        try:
            yield
        except ValueError as err:
            failed = err
        messages = self.gather(failed and str(failed))
        if failed is not None:
            raise failed
        if first := next((message for message in messages if message is not None), None):
            raise ValueError(first)


def torchrun_rank() -> int | None:
    """This process's rank under torchrun with several processes; None without."""
    return int(os.environ["RANK"]) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else None


@contextlib.contextmanager
def open_world(device_name: str) -> Iterator[tuple[World, torch.device]]:
    """The processes that torchrun started, and this one's device; a process alone is a world of its own.

    Raises:
        ValueError: the device is none, or not one that each process can have for itself.
    """
    from finetune.device import pick_device

    rank = torchrun_rank()
    if rank is None:
        yield World(), pick_device(device_name)
        return
    import torch.distributed as dist

    device = pick_device(device_name, int(os.environ["LOCAL_RANK"]))
    backend = "gloo"
    if device.type == "cuda":
        import torch

        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"  # models over NVLink and InfiniBand, numbers and messages over the CPUs
    dist.init_process_group(backend)
    try:
        yield World(rank, int(os.environ["WORLD_SIZE"])), device
    finally:
        dist.destroy_process_group()


def build_sharded(base: BaseModel, config: ModelConfig, world: World, device: torch.device) -> LMModel:
    """The model in training form (``model/build.py``), its parameters spread over the ranks where there are several.

    Raises:
        ValueError: the weights cannot be read or do not fit the configuration.
    """
    import torch

    from finetune.model.build import build_model, fill

    if world.size == 1:
        return build_model(base, config, device)
    frozen = torch.bfloat16 if device.type == "cuda" else torch.float32
    model = shard(build_model(base, config, torch.device("meta"), frozen), world, device)
    model.to_empty(device=device)
    fill(model, base)
    return model


def shard(model: LMModel, world: World, device: torch.device) -> LMModel:
    """The model with its parameters spread over the ranks.

    One FSDP unit for each layer of both transformers, one for embeddings, heads and norms.
    """
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    compute = torch.bfloat16 if device.type == "cuda" else None
    policy = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32)
    mesh = init_device_mesh(device.type, (world.size,))
    assert model.depformer is not None
    for layers in (model.transformer.layers, model.depformer.layers):
        for place, layer in enumerate(layers):
            layers[place] = _shardable(layer, _Plain)
            fully_shard(layers[place], mesh=mesh, mp_policy=policy, reshard_after_forward=True)
    model = _shardable(model, _TupleOut)
    fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=True)
    return model


def _shardable(module: Any, base: type) -> Any:
    """The same module (same parameters, same attributes) as an object of a class that ``fully_shard`` can extend.

    ``fully_shard`` assigns a new class to the module. Python refuses that for moshi's modules, because their first
    base is ``abc.ABC``, so that their objects are laid out otherwise than those of ``torch.nn.Module``; with a plain
    class as the first base they are laid out alike.
    """
    cls = type(module)
    same: Any = object.__new__(type(cls.__name__, (base, cls), {}))
    same.__dict__ = module.__dict__
    return same


class _Plain:
    """A class whose objects are laid out as those of ``FSDPModule``."""


class _TupleOut(_Plain):
    """An LM whose forward gives the fields of ``LMOutput`` as a tuple: FSDP looks for tensors in tuples, not in it."""

    def forward(self, codes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output = super().forward(codes)  # type: ignore[misc]  # LMModel's, which comes next
        return output.logits, output.mask, output.text_logits, output.text_mask
