"""The codec and the tokenizer of a run: which files they are, loaded once per process, and verified before use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from fisherprep.checkpoint import CheckpointFiles
from fisherprep.codec.audio import Treatment, codec_audio
from fisherprep.codec.mimi import load_mimi
from fisherprep.codec.precision import Encode, is_batched, signal_encoder, verified
from fisherprep.codec.spell import word_speller
from fisherprep.corpus.problems import BadInput
from fisherprep.device import torch_device
from fisherprep.workfolder import WorkFolder, sha256_file

if TYPE_CHECKING:
    from moshi.models import MimiModel


@dataclass(frozen=True)
class Model:
    """Files of the codec and the tokenizer with their hashes, and where the codec runs."""

    mimi: Path
    mimi_sha256: str
    architecture: Path | None
    architecture_sha256: str | None
    tokenizer: Path
    tokenizer_sha256: str
    device: str
    precision: str
    exact: bool


def _model(files: CheckpointFiles, device: str, precision: str, exact: bool) -> Model:
    assert files.mimi is not None and files.tokenizer is not None, "located with both"
    architecture = files.mimi_config
    return Model(
        files.mimi,
        sha256_file(files.mimi),
        architecture,
        sha256_file(architecture) if architecture else None,
        files.tokenizer,
        sha256_file(files.tokenizer),
        device,
        precision,
        exact,
    )


@dataclass(frozen=True)
class Loaded:
    """What a process encodes with."""

    mimi: MimiModel
    encode: Encode
    spell: Callable[[str], list[int]]


@lru_cache(maxsize=1)
def load(model: Model) -> Loaded:
    """Codec and tokenizer, loaded once per process; other bytes under the same names are another model."""
    mimi = load_mimi(model.mimi, model.architecture, model.device)
    return Loaded(mimi, signal_encoder(mimi, model.precision, model.exact), word_speller(model.tokenizer))


_loading = Lock()


def load_once(model: Model) -> Loaded:
    """The model of this process, also for threads that ask together."""
    with _loading:
        return load(model)


@dataclass(frozen=True)
class Asked:
    """What a model is made from where the shards will be done."""

    work: WorkFolder
    inputs: dict[str, Any]
    files: CheckpointFiles
    device: str | None
    precision: str
    exact: bool
    verify: int
    treatment: Treatment


def ready(asked: Asked) -> tuple[Model, list[str]]:
    """The model, once it could be loaded on a device that is there and its codes are those of plain float32."""
    model = _model(asked.files, torch_device(asked.device), asked.precision, asked.exact)
    loaded = load(model)  # a checkpoint that does not fit is one error before any shard starts
    told = [f"codec and tokenizer: {asked.files.label}; device: {model.device}"]
    if asked.verify and is_batched(loaded.encode):
        calls = _first_audio(asked.work, asked.inputs, asked.verify, asked.treatment)
        verdict = verified(loaded.mimi, loaded.encode, calls)
        told.append(verdict.text)
        model = model if verdict.suffices else replace(model, precision="fp32")
    return model, told


def _first_audio(work: WorkFolder, shards: Iterable[str], num_calls: int, treatment: Treatment) -> Iterator[np.ndarray]:
    """The audio of the first calls that can be read; the same ones however much of the run is done already."""
    for shard in shards:
        for row in work.read("conversations", shard).to_pylist():
            try:
                samples = codec_audio(work, row, treatment).samples
            except BadInput:
                continue
            yield samples
            num_calls -= 1
            if not num_calls:
                return
