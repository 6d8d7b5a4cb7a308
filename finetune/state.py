"""Checkpoints of a run: everything needed to go on as if nothing had happened.

    RUN/config.json                                     the resolved configuration
    RUN/checkpoints/step-00000040/weights.safetensors   the model, fp32, PyPI moshi's keys
                                  optimizer.pt          AdamW's moments and torch's random state
                                  state.json            step, position in the data, what the data was; written last

A checkpoint is written under a name starting with ``.tmp-`` and renamed when whole, an old one is renamed before it is
deleted: whatever bears the name ``step-N`` is complete, whenever the process dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.config import Config, as_dict, make_config, merge
from finetune.data.mixture import MixtureState
from finetune.metrics import write_json
from finetune.model.build import trained_state

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

CONFIG = "config.json"
FOLDER = "checkpoints"
STATE_VERSION = 1
_PREFIX = "step-"
_UNFINISHED = ".tmp-"


@dataclass(frozen=True)
class Progress:
    """Where a run stands after ``step`` steps. ``data``: dataset -> fingerprint of its table."""

    step: int
    mixture: MixtureState
    data: dict[str, str]

    @classmethod
    def start(cls, data: dict[str, str]) -> Progress:
        """Before the first step."""
        return cls(0, MixtureState.start(list(data)), data)

    def after(self, mixture: MixtureState) -> Progress:
        """One step on, with the mixture standing at ``mixture``."""
        return Progress(self.step + 1, mixture, self.data)

    def on_same_data(self, fresh: Progress) -> Progress:
        """This progress itself, once it is sure that the tables are those it was made with.

        Raises:
            ValueError: a dataset's table has changed since.
        """
        changed = sorted(n for n in fresh.data.keys() | self.data.keys() if fresh.data.get(n) != self.data.get(n))
        if changed:
            raise ValueError(
                f"the codes table of {', '.join(changed)} is not the one that this run was started with, so the run "
                "cannot go on as it began; start a new one with another --out"
            )
        return self


def completed(run: Path) -> list[Path]:
    """The run's checkpoints, oldest first."""
    return sorted(p for p in (run / FOLDER).glob(f"{_PREFIX}*") if p.is_dir())


def save(run: Path, progress: Progress, model: LMModel, optimizer: torch.optim.Optimizer, keep: int) -> Path:
    """Write a checkpoint and delete all but the ``keep`` newest.

    Raises:
        ValueError: it could not be written (disk full, say); older checkpoints are untouched.
    """
    import torch
    from safetensors.torch import save_file

    folder = run / FOLDER
    target = folder / f"{_PREFIX}{progress.step:08d}"
    tmp = folder / f"{_UNFINISHED}{target.name}"
    with _explained(target):
        _clear_unfinished(folder)
        tmp.mkdir(parents=True)
        save_file(
            {key: value.detach().cpu().contiguous() for key, value in trained_state(model).items()},
            tmp / "weights.safetensors",
        )
        torch.save({"optimizer": optimizer.state_dict(), "rng": _rng_state()}, tmp / "optimizer.pt")
        text = json.dumps(_as_dict(progress), indent=1, sort_keys=True) + "\n"
        (tmp / "state.json").write_text(text, encoding="utf-8")
        for file in tmp.iterdir():
            _flush(file)
        os.replace(tmp, target)
    for old in completed(run)[:-keep]:
        doomed = folder / f"{_UNFINISHED}old-{old.name}"
        os.replace(old, doomed)
        shutil.rmtree(doomed)
    return target


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """One message for what a failed write raises: safetensors, torch and the system each have an error of their own."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as err:
        with contextlib.suppress(OSError):
            _clear_unfinished(target.parent)
        raise ValueError(
            f"{target}: the checkpoint could not be written ({str(err).splitlines()[0]}); is the disk full? "
            "Earlier checkpoints are untouched: make room and go on with --resume"
        ) from err


def _clear_unfinished(folder: Path) -> None:
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover)


def _flush(file: Path) -> None:
    """Have the file's content on the disk before its folder gets its final name."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _rng_state() -> dict[str, Any]:
    import torch

    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _as_dict(progress: Progress) -> dict[str, Any]:
    return {
        "version": STATE_VERSION,
        "step": progress.step,
        "mixture": progress.mixture.as_dict(),
        "data": progress.data,
    }


def read_progress(checkpoint: Path) -> Progress:
    """What ``state.json`` of a checkpoint says.

    Raises:
        ValueError: it cannot be read or is of another version.
    """
    file = checkpoint / "state.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        version = values["version"]
        progress = Progress(values["step"], MixtureState.from_dict(values["mixture"]), dict(values["data"]))
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ValueError(f"{file}: cannot be read ({err}); delete {checkpoint} to resume from an earlier one") from err
    if version != STATE_VERSION:
        raise ValueError(
            f"{file}: of version {version}, expected {STATE_VERSION}; finish this run with its own program"
        )
    return progress


def read_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The model's tensors (fp32, PyPI moshi's keys), on the CPU.

    Raises:
        ValueError: the file cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = checkpoint / "weights.safetensors"
    try:
        return load_file(file)
    except (OSError, SafetensorError) as err:
        raise ValueError(f"{file}: cannot be read ({err}); delete {checkpoint} to use an earlier one") from err


def restore_optimizer(checkpoint: Path, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint's moments and random state back.

    Raises:
        ValueError: the file cannot be read or belongs to another model.
    """
    import pickle

    import torch

    file = checkpoint / "optimizer.pt"
    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
        optimizer.load_state_dict(saved["optimizer"])
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as err:
        raise ValueError(
            f"{file}: cannot be restored ({err}); delete {checkpoint} to resume from an earlier one"
        ) from err
    torch.set_rng_state(saved["rng"]["cpu"])
    if torch.cuda.is_available() and len(saved["rng"]["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(saved["rng"]["cuda"])


def write_config(run: Path, config: Config) -> None:
    """Save the resolved configuration with the run, making its folder."""
    run.mkdir(parents=True, exist_ok=True)
    write_json(run / CONFIG, as_dict(config))


def saved_config(run: Path, overrides: Mapping[str, Any]) -> Config:
    """The configuration that a run was started with, with single values replaced.

    Raises:
        ValueError: the folder is not a run.
    """
    file = run / CONFIG
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise ValueError(f"{run}: not a run of finetune.run ({CONFIG} is missing)") from err
    except (OSError, ValueError) as err:
        raise ValueError(f"{file}: cannot be read ({err})") from err
    return make_config(merge(values, overrides))


def newest(run: Path) -> Path:
    """The newest checkpoint.

    Raises:
        ValueError: the run has none yet.
    """
    if not (found := completed(run)):
        raise ValueError(f"{run}: has no checkpoint yet; let `python -m finetune.run` reach its first one")
    return found[-1]
