"""Which aligner a run uses: what is asked for, what its words depend on, and the aligner itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from fisherprep.align.aligner import Aligner


@dataclass(frozen=True)
class AlignerChoice:
    """An aligner and how it runs; travels to the workers."""

    name: str = "pocketsphinx"
    model: str | None = None
    """hub repository or local folder of a model; pocketsphinx brings its own"""
    device: str | None = None
    """of torch; None: where there is an accelerator, there"""
    batch_s: float = 120.0
    """seconds of sound, padding included, that a model is given at once"""


def identity(choice: AlignerChoice) -> dict[str, Any]:
    """What the words depend on besides the tables: name, release and model of the aligner, but not where it runs.

    Raises:
        ValueError: there is no such aligner.
    """
    if choice.name == "pocketsphinx":
        return {"aligner": choice.name, "release": version("pocketsphinx")}
    raise ValueError(f"aligner: found {choice.name!r}, expected pocketsphinx")


@lru_cache(maxsize=1)
def load_aligner(choice: AlignerChoice) -> Aligner:
    """The aligner, loaded once per process.

    Raises:
        ValueError: there is no such aligner, or its model cannot be loaded.
    """
    if choice.name == "pocketsphinx":
        from fisherprep.align.pocketsphinx import PocketsphinxAligner

        return PocketsphinxAligner()
    raise ValueError(f"aligner: found {choice.name!r}, expected pocketsphinx")
