"""Checkpoints of a run: everything needed to go on as if nothing had happened.

    RUN/checkpoints/step-00000040/weights/*          what learns, in fp32, by PyPI moshi's names (``model/build.py``)
                                  moments/*          AdamW's two moments of each
                                  random.safetensors torch's random state on each rank
                                  state.json         step, position in the data, what data and base were
                                  checksums.xxh128   of all these (``checksums.py``)

What does not learn is the base model's and is not written; ``state.json`` names the base that it belongs to. The
tensors are those of all ranks (``shards.py``): any number of processes can read them.

A checkpoint is written under a name starting with ``.tmp-`` and renamed when whole, an old one is renamed before it is
deleted: whatever bears the name ``step-N`` is complete, whenever the process dies. What is read again is compared with
its checksums first; a checkpoint without any, of an older version of this program, is taken as it is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from finetune import checksums
from finetune.parallel import World
from finetune.progress import STATE, Progress, as_text
from finetune.run_folder import completed, folder_of, instead_of

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

_UNFINISHED = ".tmp-"
_ALONE = World()


def save(
    run: Path, progress: Progress, model: LMModel, optimizer: torch.optim.Optimizer, world: World = _ALONE
) -> Path:
    """Write a checkpoint; all ranks call it, and it is there for all when it returns.

    Raises:
        ValueError: it could not be written (disk full, say), by this rank or another; older ones are untouched.
    """
    from finetune.shards import settle_header, write_tensors

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
        if world.is_main:
            _write_rest(tmp, progress, random_states)
    names = checksums.share(world.from_main(checksums.files_of(tmp) if world.is_main else None), world)
    with world.together(), _explained(target):
        for name in names:
            if name.startswith(("weights/", "moments/")):
                settle_header(tmp / name)
        digests = checksums.digests_of(tmp, names)
    everyones = world.gather(digests)
    with world.together(), _explained(target):
        if world.is_main:
            checksums.write(tmp, {name: digest for part in everyones for name, digest in part.items()})
            _flush(tmp)
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
    for file in (folder / "random.safetensors", folder / STATE):
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


def verify(checkpoint: Path, world: World = _ALONE, part: str = "") -> None:
    """Compare a checkpoint's files, or those below ``part``, with the checksums that it was saved with.

    Each rank reads its share of them.

    Raises:
        ValueError: a file has changed since, or is gone; says which checkpoint to use instead.
    """
    try:
        expected = checksums.recorded(checkpoint)
        names = checksums.share([name for name in expected if name.startswith(part)], world)
        checksums.check(checkpoint, {name: expected[name] for name in names})
    except ValueError as err:
        raise ValueError(f"{err}; {instead_of(checkpoint)}") from err


def read_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The learning tensors (fp32, PyPI moshi's names), whole, on the CPU.

    Raises:
        ValueError: a file cannot be read, or is not as it was saved.
    """
    from finetune.shards import read_tensors

    verify(checkpoint, part="weights/")
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
        raise ValueError(f"{place}: cannot be read ({reason}); {instead_of(checkpoint)}") from err
