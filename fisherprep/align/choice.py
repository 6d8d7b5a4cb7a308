"""Which aligner a run uses: what is asked for, what its words depend on, and the aligner itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fisherprep.align.aligner import Aligner

if TYPE_CHECKING:
    from fisherprep.align.ctc_model import CtcFiles

ALIGNERS = ("pocketsphinx", "ctc")


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
    files: CtcFiles | None = None
    """the model on this disk, once `located`"""

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return f"{self.name}, model: {self.files.label}; device: {self.device}" if self.files else self.name


def located(choice: AlignerChoice, elsewhere: bool = False) -> AlignerChoice:
    """The choice with its model's files found, or fetched, and its device settled: done once, before any worker starts.

    Args:
        choice: what is asked for.
        elsewhere: workers run on other machines, so whether there is such a device is not looked at here.

    Raises:
        ValueError: there is no such aligner or device, or its model cannot be found.
    """
    if choice.name not in ALIGNERS:
        raise ValueError(f"aligner: found {choice.name!r}, expected {' or '.join(ALIGNERS)}")
    if choice.name != "ctc" or choice.files:
        return choice
    if choice.model is None:
        raise ValueError("aligner ctc: no model; expected a hub repository or a local folder (--ctc-model)")
    from fisherprep.align.ctc_model import locate_ctc
    from fisherprep.device import torch_device

    device = choice.device if elsewhere else torch_device(choice.device)
    return replace(choice, files=locate_ctc(choice.model), device=device)


def identity(choice: AlignerChoice) -> dict[str, Any]:
    """What the words depend on besides the tables: name, release and model of the aligner, but not where it runs.

    Raises:
        ValueError: there is no such aligner.
    """
    if files := located(choice).files:
        return {"aligner": choice.name, "sha256": dict(files.sha256)}
    return {"aligner": choice.name, "release": version("pocketsphinx")}


def usual_workers(choice: AlignerChoice) -> int:
    """Worker processes where none are asked for: one per core (0), or this one alone where an accelerator is shared."""
    return 0 if located(choice).device in (None, "cpu") else 1


def load_aligner(choice: AlignerChoice) -> Aligner:
    """The aligner, loaded once per process; other bytes under the same names are another one.

    Raises:
        ValueError: there is no such aligner, or its model cannot be loaded.
    """
    return _load(located(choice))


@lru_cache(maxsize=1)
def _load(choice: AlignerChoice) -> Aligner:
    if choice.files and choice.device:
        from fisherprep.align.ctc import CtcAligner

        return CtcAligner(choice.files, choice.device, choice.batch_s)
    from fisherprep.align.pocketsphinx import PocketsphinxAligner

    return PocketsphinxAligner()
