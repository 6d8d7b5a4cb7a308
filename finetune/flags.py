"""From what was typed to one configuration: recipe, then flags; on ``--resume`` the run's own, which flags cannot bend.

Every complaint here is a ``ValueError`` that the command line shows as a usage error.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finetune.config import LOSS_PRESETS, Config
from finetune.configure import as_dict, differences, flat, load_recipe, make_config, merge
from finetune.data.mixture import find_manifests, parse_mix
from finetune.parallel import torchrun_rank
from finetune.run_folder import CONFIG, completed, holds_run, saved_config

PLACES = {
    "checkpoint": "model.checkpoint",
    "data_root": "data.root",
    "manifests": "data.manifests",
    "steps": "steps",
    "batch_size": "data.batch_size",
    "micro_batch_size": "data.micro_batch_size",
    "max_frames": "data.max_frames",
    "seed": "seed",
    "device": "device",
}
"""Flag -> the place in the configuration that it sets."""

MAY_CHANGE = {
    *("model.checkpoint", "data.root", "data.manifests", "device", "save.every", "save.keep", "heldout.every"),
    *("data.workers", "data.prefetch"),
    *("samples.every", "samples.count", "samples.seconds", "watch.tensorboard", "watch.wandb"),
}
"""Where things are, how they are read, how often to save, who looks on: may differ when a run goes on. All else decides
what it computes."""


RECIPE_HELP = "[default: debug_cpu for a toy checkpoint, full_8gpu under torchrun, else lora_1gpu]."


def default_recipe(toy: bool) -> str:
    """The recipe when none is named."""
    if toy:
        return "debug_cpu"
    return "lora_1gpu" if torchrun_rank() is None else "full_8gpu"


def overrides(mix: str | None, flags: Mapping[str, Any], settings: tuple[str, ...]) -> dict[str, Any]:
    """Values typed by the user, by their place in the configuration."""
    given = {PLACES[flag]: value for flag, value in flags.items() if value is not None}
    if mix is not None:
        try:
            given["data.mix"] = parse_mix(mix)
        except ValueError as err:
            raise ValueError(f"--mix: {err}") from err
    return given | dict(_setting(text) for text in settings)


def _setting(text: str) -> tuple[str, Any]:
    import yaml

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(f"--set: {text!r} is not KEY=VALUE; expected as in loss.text_pad=0.5")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as err:
        raise ValueError(f"--set {key}: {value!r} is not a value") from err


def run_folder(out: Path | None, mix: Mapping[str, float] | None, resume: bool) -> Path:
    """The run's folder: free for a new run, or with ``resume`` one that may hold a run."""
    if out is None and mix is None:
        raise ValueError("give --mix, as in --mix fisher:0.7,coffee:0.3 (or --out RUN --resume to go on with a run)")
    run = out or Path("runs") / "-".join(mix or ())
    if run.exists() and not run.is_dir():
        raise ValueError(f"--out: {run} is a file; give a folder")
    there = next(folder for folder in (run, *run.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"--out: {run} cannot be made: {there} is not a folder that may be written to")
    holds_a_run = holds_run(run)
    if holds_a_run and not resume:
        raise ValueError(f"--out: {run} already holds a run; add --resume to go on with it, or give another folder")
    if not holds_a_run and completed(run):
        found = "is of something else" if (run / CONFIG).exists() else "is missing"
        raise ValueError(
            f"--out: {run} holds a run's checkpoints, but its {CONFIG} {found}, without which the run cannot go on; "
            f"restore {CONFIG} from a copy of the run, or give another folder"
        )
    if not holds_a_run and run.exists() and any(not p.name.startswith(".tmp-") for p in run.iterdir()):
        raise ValueError(f"--out: {run} is not empty and not a run; give another folder")
    return run


def new_config(given: Mapping[str, Any], recipe: str | None, lr: float | None) -> Config:
    """A new run's configuration: the recipe (that for real weights when none is named) with what was typed."""
    return _with_manifests(_typed_over(load_recipe(recipe or default_recipe(toy=False)), given, lr))


def resumed_config(run: Path, given: Mapping[str, Any], recipe: str | None, lr: float | None) -> Config:
    """The configuration of a run that goes on: its own, with new places where things are.

    Raises:
        ValueError: what was typed would change what the run computes; the message lists it.
    """
    old = saved_config(run, {})
    values = merge(as_dict(old), flat(load_recipe(recipe))) if recipe is not None else as_dict(old)
    new = _typed_over(values, given, lr)
    if bent := [line for line in differences(old, new) if line.split(":")[0] not in MAY_CHANGE]:
        raise ValueError(
            f"{run}: was started with other values, so it cannot be resumed with these ({'; '.join(bent)}); "
            "leave those flags out, or start a new run with another --out"
        )
    return _with_manifests(new)


def _typed_over(values: Mapping[str, Any], given: Mapping[str, Any], lr: float | None) -> Config:
    if "loss.preset" in given and isinstance(values.get("loss"), Mapping):  # it replaces the recipe's own weights
        kept = {key: value for key, value in values["loss"].items() if key not in LOSS_PRESETS["moshi"]}
        values = {**values, "loss": kept}
    merged = merge(values, given)
    batch_size, micro = given.get("data.batch_size"), flat(merged).get("data.micro_batch_size")
    if "data.micro_batch_size" not in given and isinstance(batch_size, int) and isinstance(micro, int):
        merged = merge(merged, {"data.micro_batch_size": math.gcd(batch_size, micro) or 1})
    config = make_config(merged)
    return config if lr is None else _with_rate(config, lr)


def _with_rate(config: Config, lr: float) -> Config:
    """Both learning rates in the ratio they have, the temporal transformer's at ``lr``."""
    if not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"--lr: found {lr}, expected a finite number above 0")
    depth = lr * config.optim.depth_lr / config.optim.temporal_lr
    return make_config(merge(as_dict(config), {"optim.temporal_lr": lr, "optim.depth_lr": depth}))


def _with_manifests(config: Config) -> Config:
    try:
        find_manifests(config.data.mix, Path(config.data.manifests))
    except ValueError as err:
        raise ValueError(f"--mix: {err}") from err
    return config


def check_deal(config: Config, processes: int) -> None:
    """Raise ``ValueError`` where a step's micro-batches cannot be dealt evenly to so many processes."""
    count = config.data.batch_size // config.data.micro_batch_size
    if count % processes:
        raise ValueError(
            f"a step has {count} micro-batches ({config.data.batch_size} windows by {config.data.micro_batch_size}), "
            f"which {processes} processes cannot share evenly; give a --batch-size that is a multiple of "
            f"{processes} x {config.data.micro_batch_size}, or start another number of processes"
        )
