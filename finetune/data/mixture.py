"""The mixture of datasets: ``--mix fisher:0.7,coffee:0.3`` gives shares of the trained frames.

Each window comes from the dataset whose frames so far lag most behind its share. That needs no randomness, and at any
time no dataset is more than about one window away from its share.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fisherprep.manifest import Manifest, find_manifest


def parse_mix(text: str) -> dict[str, float]:
    """``fisher:0.7,coffee:0.3`` as weights by dataset, in the order given.

    Raises:
        ValueError: the text is empty, an entry is not NAME:WEIGHT, a weight is not a finite number above 0, or a name
            comes twice.
    """
    mix: dict[str, float] = {}
    if re.fullmatch(r"[A-Za-z0-9_-]+", text.strip()):
        return {text.strip(): 1.0}  # one dataset needs no share
    for entry in text.split(","):
        name, colon, number = (part.strip() for part in entry.partition(":"))
        if not name or not colon:
            raise ValueError(f"{entry.strip()!r} in {text!r} is not NAME:WEIGHT; expected as in fisher:0.7,coffee:0.3")
        if name in mix:
            raise ValueError(f"dataset {name!r} comes twice in {text!r}; name each once")
        mix[name] = _weight(name, number)
    return mix


def _weight(name: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise ValueError(f"the weight of {name!r} is {number!r}; expected a finite number above 0")
    return weight


def find_manifests(mix: dict[str, float], directory: Path) -> list[Manifest]:
    """The manifest of each dataset of the mix, in its order.

    Raises:
        ValueError: a dataset has no manifest; the message lists those that have one.
    """
    return [find_manifest(name, directory) for name in mix]


@dataclass(frozen=True)
class MixtureState:
    """Where the mixture stands: windows taken from each dataset, and the dialogue frames in them."""

    windows: dict[str, int]
    frames: dict[str, int]

    @classmethod
    def start(cls, names: list[str]) -> MixtureState:
        """Before the first window. Names are kept in alphabetical order, as a saved state has them."""
        return cls(dict.fromkeys(sorted(names), 0), dict.fromkeys(sorted(names), 0))

    def after(self, name: str, num_frames: int) -> MixtureState:
        """The state once a window of ``num_frames`` has been taken from ``name``."""
        return MixtureState(
            {**self.windows, name: self.windows[name] + 1}, {**self.frames, name: self.frames[name] + num_frames}
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-able values; ``from_dict`` reads them back."""
        return {"windows": self.windows, "frames": self.frames}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MixtureState:
        """Read ``as_dict``'s values."""
        return cls(dict(values["windows"]), dict(values["frames"]))


def most_lagging(state: MixtureState, mix: dict[str, float]) -> str:
    """The dataset whose share of the frames so far is furthest below its weight's share."""
    total = sum(state.frames.values()) + 1
    scale = sum(mix.values())
    return max(mix, key=lambda name: mix[name] / scale * total - state.frames[name])
