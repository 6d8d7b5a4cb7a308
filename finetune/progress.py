"""Where a run stands, as ``state.json`` of a checkpoint has it, and what must not change while it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune.data.mixture import MixtureState
from finetune.run_folder import instead_of

STATE_VERSION = 2
STATE = "state.json"
_OTHER_BASE = "the base model's weights are not those that this run was started from"


@dataclass(frozen=True)
class Progress:
    """Where a run stands after ``step`` steps.

    Args:
        data: dataset -> fingerprint of its table.
        base: ``base_fingerprint`` of the weights that the run started from.
    """

    step: int
    mixture: MixtureState
    data: dict[str, str]
    base: str

    @classmethod
    def start(cls, data: dict[str, str], base: str) -> Progress:
        """Before the first step."""
        return cls(0, MixtureState.start(list(data)), data, base)

    def after(self, mixture: MixtureState) -> Progress:
        """One step on, with the mixture standing at ``mixture``."""
        return replace(self, step=self.step + 1, mixture=mixture)

    def on_same_inputs(self, fresh: Progress) -> Progress:
        """This progress itself, once it is sure that tables and base are those it was made with.

        Raises:
            ValueError: a dataset's table or the base model has changed since.
        """
        changed = sorted(n for n in fresh.data.keys() | self.data.keys() if fresh.data.get(n) != self.data.get(n))
        if changed:
            raise ValueError(
                f"the codes table of {', '.join(changed)} is not the one that this run was started with, so the run "
                "cannot go on as it began; start a new one with another --out"
            )
        if fresh.base != self.base:
            raise ValueError(
                f"{_OTHER_BASE}, so the run cannot go on as it began; say with --checkpoint where they are now, or "
                "start a new one with another --out"
            )
        return self


_SAMPLES, _SAMPLE_BYTES = 256, 1 << 14


def base_fingerprint(files: Sequence[Path]) -> str:
    """Hash of weights files: of each its size, its head (a safetensors header) and 256 spots of 16 KiB evenly over it.

    Raises:
        OSError: one cannot be read.
    """
    digest = hashlib.sha256()
    for weights in files:
        size = weights.stat().st_size
        digest.update(str(size).encode())
        with weights.open("rb") as file:
            digest.update(file.read(1 << 20))
            for spot in range(_SAMPLES):
                file.seek(size * spot // _SAMPLES)
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def as_text(progress: Progress, processes: int) -> str:
    """The content of ``state.json``, written by a run of so many processes."""
    values: dict[str, Any] = {
        "version": STATE_VERSION,
        "step": progress.step,
        "mixture": progress.mixture.as_dict(),
        "data": progress.data,
        "base": progress.base,
        "processes": processes,
    }
    return json.dumps(values, indent=1, sort_keys=True) + "\n"


def read_progress(checkpoint: Path) -> Progress:
    """What ``state.json`` of a checkpoint says.

    Raises:
        ValueError: it cannot be read or is of another version.
    """
    file = checkpoint / STATE
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if values["version"] == STATE_VERSION:
            mixture = MixtureState.from_dict(values["mixture"])
            return Progress(values["step"], mixture, dict(values["data"]), values["base"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ValueError(f"{file}: cannot be read ({err}); {instead_of(checkpoint)}") from err
    raise ValueError(
        f"{file}: of version {values['version']}, expected {STATE_VERSION}; finish this run with its own program"
    )


def refuse_other_base(checkpoint: Path, files: Sequence[Path]) -> None:
    """Raise ``ValueError`` where weights files are not the base of a checkpoint; one that names no base fits any."""
    file = checkpoint / STATE
    try:
        saved = json.loads(file.read_text(encoding="utf-8")).get("base")
    except (OSError, ValueError, AttributeError) as err:
        raise ValueError(f"{file}: cannot be read ({err}); {instead_of(checkpoint)}") from err
    if saved is not None and saved != base_fingerprint(files):
        raise ValueError(
            f"{checkpoint}: {_OTHER_BASE} (found {', '.join(map(str, files))}), so they do not belong together; give "
            "its own base model (--checkpoint of finetune.export and finetune.evaluate says where it is now)"
        )
