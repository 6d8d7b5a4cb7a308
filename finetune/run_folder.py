"""A run's folder: its configuration, and which checkpoints it holds.

RUN/config.json                   the resolved configuration
RUN/checkpoints/step-00000040/    a whole checkpoint (``state.py``)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finetune.config import Config
from finetune.configure import as_dict, make_config, merge
from finetune.metrics import write_json

CONFIG = "config.json"
FOLDER = "checkpoints"
_PREFIX = "step-"


def completed(run: Path) -> list[Path]:
    """The run's checkpoints, oldest first."""
    found = (run / FOLDER).glob(f"{_PREFIX}*")
    return sorted(p for p in found if p.is_dir() and p.name.removeprefix(_PREFIX).isdecimal())  # no step-backup


def folder_of(run: Path, step: int) -> Path:
    """The checkpoint after ``step`` steps."""
    return run / FOLDER / f"{_PREFIX}{step:08d}"


def newest(run: Path) -> Path:
    """The newest checkpoint.

    Raises:
        ValueError: the run has none yet.
    """
    if not (found := completed(run)):
        raise ValueError(f"{run}: has no checkpoint yet; let `python -m finetune.run` reach its first one")
    return found[-1]


def instead_of(checkpoint: Path) -> str:
    """What to do where a checkpoint is damaged: which one to use in its place."""
    run = checkpoint.parent.parent
    if before := [other for other in completed(run) if other.name < checkpoint.name]:
        return f"delete {checkpoint} to use the one before it, {before[-1].name}"
    return f"{run} keeps none before it: copy {checkpoint} again if it is a copy, or start a new run"


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
