"""Tensors of a checkpoint on disk: safetensors files, written and read by torch's distributed checkpoint (DCP).

Every process writes the shards it holds; a file's header says which part of which tensor lies in it. Hence a checkpoint
can be read by any number of processes, by one without a process group, and by nothing that runs code from the file.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

FILE_BYTES = 4 << 30
"""Aimed at per file: DCP makes up each file in memory before it is written."""


def write_tensors(folder: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write whole tensors or shards of them, flushed to the disk; every process calls it with the same names.

    Raises:
        OSError: a file could not be written, by this process or another one.
    """
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter

    writer = HuggingFaceStorageWriter(str(folder), fqn_to_index_mapping=_files(tensors), save_distributed=True)
    with _quiet(), _first_failure():
        dcp.save(dict(tensors), storage_writer=writer, no_dist=_alone())


def settle_header(file: Path) -> None:
    """Give a file's metadata a fixed order, so that the same tensors are the same bytes.

    safetensors writes the keys of ``__metadata__`` in an order drawn for each process. The rest of a file is settled.
    """
    with file.open("r+b") as handle:
        length = int.from_bytes(handle.read(8), "little")
        header = json.loads(handle.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(text) <= length, "the same JSON in another order"
        handle.seek(8)
        handle.write(text.ljust(length))
        handle.flush()
        os.fsync(handle.fileno())


def read_into(folder: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Fill tensors, or the shards of them that this process holds, in place.

    Raises:
        ValueError: a tensor is missing, is one too many, or has another shape.
        OSError: a file cannot be read.
    """
    import torch.distributed.checkpoint as dcp

    with _quiet(), _first_failure():
        found = shapes(folder)
        if odd := sorted(found.keys() ^ tensors.keys()):
            raise ValueError(f"holds {len(found)} tensors, expected {len(tensors)}; the first that differs: {odd[0]}")
        for name, tensor in tensors.items():
            if tuple(tensor.shape) != found[name]:
                raise ValueError(f"{name}: found {list(found[name])}, expected {list(tensor.shape)}")
        dcp.load(dict(tensors), storage_reader=_reader(folder), no_dist=_alone())


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors, whole, on the CPU, in this process alone.

    Raises:
        OSError: a file cannot be read.
    """
    import torch
    import torch.distributed.checkpoint as dcp

    with _quiet(), _first_failure():
        metadata = _reader(folder).read_metadata().state_dict_metadata
        tensors: dict[str, Any] = {
            name: torch.empty(entry.size, dtype=entry.properties.dtype) for name, entry in metadata.items()
        }
        dcp.load(tensors, storage_reader=_reader(folder), no_dist=True)
    return tensors


def shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each whole tensor in a folder."""
    return {name: tuple(entry.size) for name, entry in _reader(folder).read_metadata().state_dict_metadata.items()}


def _reader(folder: Path) -> Any:
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    return HuggingFaceStorageReader(str(folder))


def _files(tensors: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Tensor -> number of the file it goes to, from 1; about ``FILE_BYTES`` each."""
    numbers, size = {}, 0
    for name, tensor in tensors.items():
        numbers[name] = 1 + size // FILE_BYTES
        size += tensor.numel() * tensor.element_size()
    in_use = {number: place for place, number in enumerate(sorted(set(numbers.values())), 1)}
    return {name: in_use[number] for name, number in numbers.items()}


def _alone() -> bool:
    import torch.distributed as dist

    return not dist.is_initialized()


@contextmanager
def _first_failure() -> Iterator[None]:
    """DCP's own exception, which is no ``Exception``, as an ``OSError`` with the first process's reason."""
    from safetensors import SafetensorError
    from torch.distributed.checkpoint.api import CheckpointException

    try:
        yield
    except CheckpointException as err:
        reason = next(iter(err.failures.values()))[0]
        raise OSError(str(reason) or type(reason).__name__) from err
    except (SafetensorError, KeyError, RuntimeError) as err:
        raise OSError(str(err) or type(err).__name__) from err


@contextmanager
def _quiet() -> Iterator[None]:
    """Without DCP's remarks on its own internals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
