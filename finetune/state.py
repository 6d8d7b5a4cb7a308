"""Checkpoints of a run: everything needed to go on as if nothing had happened.

    RUN/config.json                                  the resolved configuration
    RUN/checkpoints/step-00000040/weights/*          what learns, in fp32, by PyPI moshi's names (``model/build.py``)
                                  moments/*          AdamW's two moments of each
                                  random.safetensors torch's random state on each rank
                                  state.json         step, position in the data, what data and base were; written last

What does not learn is the base model's and is not written; ``state.json`` names the base that it belongs to. The
tensors are those of all ranks (``shards.py``): any number of processes can read them.

A checkpoint is written under a name starting with ``.tmp-`` and renamed when whole, an old one is renamed before it is
deleted: whatever bears the name ``step-N`` is complete, whenever the process dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.config import Config, as_dict, make_config, merge
from finetune.metrics import write_json
from finetune.parallel import World
from finetune.progress import STATE, Progress, as_text

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

CONFIG = "config.json"
FOLDER = "checkpoints"
_PREFIX = "step-"
_UNFINISHED = ".tmp-"
_ALONE = World()


def completed(run: Path) -> list[Path]:
    """The run's checkpoints, oldest first."""
    found = (run / FOLDER).glob(f"{_PREFIX}*")
    return sorted(p for p in found if p.is_dir() and p.name.removeprefix(_PREFIX).isdecimal())  # no step-backup


def folder_of(run: Path, step: int) -> Path:
    """The checkpoint after ``step`` steps."""
    return run / FOLDER / f"{_PREFIX}{step:08d}"


def save(
    run: Path, progress: Progress, model: LMModel, optimizer: torch.optim.Optimizer, world: World = _ALONE
) -> Path:
    """Write a checkpoint; all ranks call it, and it is there for all when it returns.

    Raises:
        ValueError: it could not be written (disk full, say), by this rank or another; older ones are untouched.
    """
    from finetune.shards import write_tensors

    target = folder_of(run, progress.step)
    tmp = target.with_name(f"{_UNFINISHED}{target.name}")
    random_states = world.gather(_random_state())
    with world.together(), _explained(target):
        if world.is_main:
            _clear_unfinished(target.parent)
            tmp.mkdir(parents=True)
    with world.together(), _explained(target):
        write_tensors(tmp / "weights", trained(model))
        write_tensors(tmp / "moments", _moments(model, optimizer))
    with world.together(), _explained(target):
        if world.is_main:
            _write_rest(tmp, progress, random_states)
            if target.exists():  # a run that goes on from an earlier checkpoint writes this one again
                shutil.rmtree(target)
            os.replace(tmp, target)
            _flush(target.parent)
    return target


def trained(model: LMModel) -> dict[str, torch.Tensor]:
    """The learning tensors, or this rank's shards of them, by name."""
    from finetune.model.build import trained_state

    return {name: value.detach() for name, value in trained_state(model).items()}


def _write_rest(folder: Path, progress: Progress, random_states: list[dict[str, torch.Tensor]]) -> None:
    from safetensors.torch import save_file

    by_rank = {f"{rank}.{kind}": s for rank, states in enumerate(random_states) for kind, s in states.items()}
    save_file(by_rank, folder / "random.safetensors")
    (folder / STATE).write_text(as_text(progress, len(random_states)), encoding="utf-8")
    for file in (folder / "random.safetensors", folder / STATE, folder):
        _flush(file)


def prune(run: Path, keep: int, best: int | None) -> None:
    """Delete all checkpoints but the ``keep`` newest and that of step ``best``."""
    for old in completed(run)[:-keep]:
        if best is None or old != folder_of(run, best):
            doomed = old.with_name(f"{_UNFINISHED}old-{old.name}")
            os.replace(old, doomed)
            shutil.rmtree(doomed)


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """One message for what a failed write raises: safetensors, torch and the system each have an error of their own."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as err:
        with contextlib.suppress(OSError):
            _clear_unfinished(target.parent)
        reason = (str(err).splitlines() or [type(err).__name__])[0]
        raise ValueError(
            f"{target}: the checkpoint could not be written ({reason}); is the disk full? "
            "Earlier checkpoints are untouched: make room and go on with --resume"
        ) from err


def _clear_unfinished(folder: Path) -> None:
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _flush(file: Path) -> None:
    """Have a file's content, or a folder's names, on the disk."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _moments(model: LMModel, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """AdamW's moments by name; a parameter that has had no gradient yet has none."""
    from finetune.model.build import trained_state

    return {
        f"{kind}.{name}": optimizer.state[value][kind]
        for name, value in trained_state(model).items()
        for kind in _MOMENTS
        if kind in optimizer.state.get(value, {})
    }


_MOMENTS = ("exp_avg", "exp_avg_sq")


def _random_state() -> dict[str, torch.Tensor]:
    import torch

    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def read_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The learning tensors (fp32, PyPI moshi's names), whole, on the CPU.

    Raises:
        ValueError: a file cannot be read.
    """
    from finetune.shards import read_tensors

    with _readable(checkpoint / "weights", checkpoint):
        return read_tensors(checkpoint / "weights")


def restore(checkpoint: Path, progress: Progress, model: LMModel, optimizer: torch.optim.Optimizer, rank: int) -> None:
    """Put a checkpoint's weights, moments and random state into a model and its optimiser, sharded or not.

    Raises:
        ValueError: a file cannot be read or belongs to another model.
    """
    import torch

    from finetune.model.build import trained_state
    from finetune.shards import read_into, shapes

    with _readable(checkpoint / "weights", checkpoint):
        read_into(checkpoint / "weights", trained(model))
    with _readable(checkpoint / "moments", checkpoint):
        saved = shapes(checkpoint / "moments")
        moments: dict[str, torch.Tensor] = {}
        for name, value in trained_state(model).items():
            if f"{_MOMENTS[0]}.{name}" not in saved:
                continue
            step = torch.tensor(float(progress.step), device=value.device if value.is_cuda else "cpu")
            optimizer.state[value] = {"step": step, **{kind: torch.zeros_like(value) for kind in _MOMENTS}}
            moments |= {f"{kind}.{name}": optimizer.state[value][kind] for kind in _MOMENTS}
        read_into(checkpoint / "moments", moments)
    with _readable(checkpoint / "random.safetensors", checkpoint):
        _restore_random(checkpoint / "random.safetensors", rank)


def _restore_random(file: Path, rank: int) -> None:
    """Another number of processes than before: states are dealt out again, so that none has the one of its neighbour
    unless there are more of them than states."""
    import torch
    from safetensors.torch import load_file

    states = load_file(file)
    rank %= 1 + max(int(key.split(".")[0]) for key in states)
    torch.set_rng_state(states[f"{rank}.cpu"])
    if torch.cuda.is_available() and f"{rank}.cuda" in states:
        torch.cuda.set_rng_state(states[f"{rank}.cuda"])


@contextlib.contextmanager
def _readable(place: Path, checkpoint: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as err:
        reason = (str(err).splitlines() or [type(err).__name__])[0]
        raise ValueError(f"{place}: cannot be read ({reason}); delete {checkpoint} to use an earlier one") from err


def holds_run(folder: Path) -> bool:
    """Whether the folder is a run's: a checkpoint's config.json, say, is not a run's."""
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except OSError:
        return False
    except ValueError:
        return (folder / FOLDER).is_dir()
    return isinstance(values, dict) and isinstance(values.get("data"), dict) and "mix" in values["data"]


def write_config(run: Path, config: Config) -> None:
    """Save the resolved configuration with the run, making its folder.

    Raises:
        ValueError: it cannot be written there.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        write_json(run / CONFIG, as_dict(config))
    except OSError as err:
        raise ValueError(f"{run}: cannot be written to ({err}); give another --out") from err


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
    if not holds_run(run):
        raise ValueError(f"{run}: not a run of finetune.run ({CONFIG} is of something else)")
    return make_config(merge(values, overrides))


def newest(run: Path) -> Path:
    """The newest checkpoint.

    Raises:
        ValueError: the run has none yet.
    """
    if not (found := completed(run)):
        raise ValueError(f"{run}: has no checkpoint yet; let `python -m finetune.run` reach its first one")
    return found[-1]
