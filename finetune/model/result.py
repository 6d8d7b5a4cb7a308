"""A model to be used, wherever it is: a run's checkpoint, or a checkpoint folder or repository as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finetune import run_folder, state
from finetune.checkpoints import BaseModel, load_model, open_base
from finetune.config import ModelConfig
from finetune.model.build import build_model, load_trained, plain_model
from finetune.progress import refuse_other_base
from fisherprep.checkpoint import DEFAULT_NAMES, read_config

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel


@dataclass(frozen=True)
class Result:
    """A base model, and what a run has made of it (``checkpoint`` None: nothing)."""

    base: BaseModel
    config: ModelConfig
    checkpoint: Path | None = None

    @property
    def label(self) -> str:
        """Which weights these are."""
        return f"{self.checkpoint}, made from {self.base.files.label}" if self.checkpoint else self.base.files.label

    def build(self, device: torch.device, frozen_dtype: torch.dtype | None = None) -> LMModel:
        """The model in training form, as ``build_model`` makes it, with the trained weights.

        Raises:
            ValueError: a file cannot be read, or weights do not fit.
        """
        model = build_model(self.base, self.config, device, frozen_dtype)
        if self.checkpoint is not None:
            load_trained(model, state.read_weights(self.checkpoint), str(self.checkpoint))
        return model

    def plain(self, device: torch.device, dtype: torch.dtype) -> LMModel:
        """The model as anyone runs it: adapters merged, nothing learning, on ``device`` in ``dtype``.

        Raises:
            ValueError: a file cannot be read, or weights do not fit.
        """
        import torch

        if self.checkpoint is None:
            return load_model(self.base, device, dtype=dtype).requires_grad_(False).eval()
        return plain_model(self.build(torch.device("cpu"), frozen_dtype=dtype), self.base, device, dtype)


def open_result(source: str, need: tuple[str, ...], base_model: str | None = None, step: int | None = None) -> Result:
    """Find a run, one of its checkpoints, a checkpoint folder or a hub repository.

    Args:
        source: RUN, RUN/checkpoints/step-N, a folder with config.json and weights, or a hub id.
        need: which files, as for ``open_base``.
        base_model: where a run's base model is now; default: where it was.
        step: which of a run's checkpoints; default: the newest.

    Raises:
        ValueError: something is missing or cannot be read, or the base model is not the one that the run was trained
            from; says what.
    """
    folder = Path(source)
    run = folder.parent.parent if folder.parent.name == run_folder.FOLDER else folder
    if not is_run(run):
        if step is not None or base_model is not None:
            raise ValueError(f"{source}: not a run of finetune.run, so it has no steps and no base model to choose")
        return Result(open_base(source, need), ModelConfig(checkpoint=source))
    config = run_folder.saved_config(run, {"model.checkpoint": base_model} if base_model else {}).model
    checkpoint = _checkpoint(run, step) if run is folder else folder
    if not checkpoint.is_dir():
        raise ValueError(f"{checkpoint}: no such checkpoint")
    base = open_base(config.checkpoint, need)
    refuse_other_base(checkpoint, base.weight_files)
    return Result(base, config, checkpoint)


def refuse_neither(source: str) -> None:
    """Raise ``ValueError`` where ``source`` is a folder, and neither a run nor a checkpoint."""
    folder = Path(source)
    told = any((folder / name).is_file() for name in (run_folder.CONFIG, DEFAULT_NAMES["moshi"]))
    if folder.is_dir() and folder.parent.name != run_folder.FOLDER and not told:
        raise ValueError(
            f"{source}: not a run of finetune.run and no checkpoint folder ({run_folder.CONFIG} is missing)"
        )


def is_run(folder: Path) -> bool:
    """Whether a folder is one of ``finetune.run``: its config.json is a trainer's, not a model's."""
    file = folder / run_folder.CONFIG
    return file.is_file() and isinstance(read_config(file).get("data"), dict)


def _checkpoint(run: Path, step: int | None) -> Path:
    newest = run_folder.newest(run)
    if step is None:
        return newest
    found = {int(path.name.rpartition("-")[2]): path for path in run_folder.completed(run)}
    if step not in found:
        raise ValueError(f"{run}: has no checkpoint of step {step}; it has {', '.join(map(str, found))}")
    return found[step]
