"""Which encoder a run uses: plain float32, or the batched one where it gives the same codes with the user's weights.

Legend: T frames, K codebooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from fisherprep.codec.mimi import encode_channels, stream_channels

if TYPE_CHECKING:
    from moshi.models import MimiModel

    from fisherprep.codec.batch import BatchEncoder

MIN_SEMANTIC, MIN_ALL = 0.999, 0.995
"""Shares of equal codes, in codebook 0 and in all, below which a run falls back to plain float32."""

Encode = Callable[[Sequence[Any]], list[np.ndarray]]
"""Signals, float32 [N] at 24 kHz each, to codes int16 [K, T] each."""


@dataclass(frozen=True)
class Agreement:
    """Shares of codes that are equal."""

    by_codebook: tuple[float, ...]

    @property
    def semantic(self) -> float:
        """In codebook 0."""
        return self.by_codebook[0]

    @property
    def overall(self) -> float:
        """In all codebooks."""
        return sum(self.by_codebook) / len(self.by_codebook)

    @property
    def suffices(self) -> bool:
        """Whether both shares are high enough."""
        return self.semantic >= MIN_SEMANTIC and self.overall >= MIN_ALL


def agreement(codes: Sequence[np.ndarray], reference: Sequence[np.ndarray]) -> Agreement:
    """Compare codes [..., K, T] of the same signals; equal to each other where there are none."""
    num_codebooks = reference[0].shape[-2]
    equal, total = np.zeros(num_codebooks), 0
    for ours, theirs in zip(codes, reference, strict=True):
        same = (ours == theirs).reshape(-1, *ours.shape[-2:])
        equal += same.sum(axis=(0, 2))
        total += same.shape[0] * same.shape[2]
    return Agreement(tuple((equal / total).tolist()) if total else (1.0,) * num_codebooks)


@dataclass(frozen=True)
class Batched:
    """The batched encoder; signals that it cannot hold are encoded in plain float32."""

    mimi: MimiModel
    encoder: BatchEncoder

    def __call__(self, signals: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Codes of signals, in memory or on the accelerator."""
        import torch

        from fisherprep.codec.batch import OutOfRange

        try:
            return self.encoder.encode(signals)
        except OutOfRange:
            return _plain(self.mimi, [np.asarray(signal.cpu()) for signal in map(torch.as_tensor, signals)])

    def pinned(self, signals: Sequence[np.ndarray]) -> list[Any]:
        """The signals in page-locked memory, where the accelerator fetches them itself; for threads that read ahead."""
        import torch

        return [torch.from_numpy(signal).pin_memory() for signal in signals]


def is_batched(encode: Encode) -> TypeGuard[Batched]:
    """Whether the encoder gains from many signals at once."""
    return isinstance(encode, Batched)


def signal_encoder(mimi: MimiModel, precision: str = "auto", exact: bool = False) -> Encode:
    """The encoder of a run.

    Args:
        mimi: the codec, where it runs.
        precision: ``auto``: the batched encoder where the codec is on an accelerator that has one; ``fp32``: plain.
        exact: stream frame by frame, as a live server does, whatever the precision.
    """
    if exact:
        return lambda signals: _streamed(mimi, signals)
    if precision == "auto" and (batched := _batched(mimi)):
        return batched
    return lambda signals: _plain(mimi, signals)


_in_turn = Lock()
"""For threads that share a codec: moshi's holds state while it encodes."""


def _streamed(mimi: MimiModel, signals: Sequence[np.ndarray]) -> list[np.ndarray]:
    with _in_turn:
        return [stream_channels(mimi, signal[None])[0] for signal in signals]


def _plain(mimi: MimiModel, signals: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Neighbours of the same length, as a call's channels are, go together."""
    with _in_turn:
        return _pairs(mimi, signals)


def _pairs(mimi: MimiModel, signals: Sequence[np.ndarray]) -> list[np.ndarray]:
    codes: list[np.ndarray] = []
    while len(codes) < len(signals):
        first = len(codes)
        last = first + 1
        while last < min(len(signals), first + 2) and len(signals[last]) == len(signals[first]):
            last += 1
        codes += list(encode_channels(mimi, np.stack(signals[first:last])))
    return codes


def _batched(mimi: MimiModel) -> Batched | None:
    """The batched encoder; None where the device or the architecture has none."""
    import torch

    device = next(mimi.parameters()).device
    if device.type != "cuda" or torch.version.hip or torch.cuda.get_device_capability(device) < (8, 0):
        return None
    try:
        from fisherprep.codec.batch import BatchEncoder, Unsupported

        encoder = BatchEncoder(mimi)
    except (ImportError, Unsupported):
        return None

    return Batched(mimi, encoder)


@dataclass(frozen=True)
class Verdict:
    """What was found on a run's first calls."""

    suffices: bool
    text: str


def verified(mimi: MimiModel, encode: Encode, calls: Iterable[np.ndarray]) -> Verdict:
    """Encode calls, float32 [2, N] each, with a run's encoder and in plain float32, and compare."""
    ours, reference = [], []
    for samples in calls:
        ours.append(np.stack(encode(list(samples))))
        reference.append(encode_channels(mimi, samples))
    if not ours:
        return Verdict(True, "no call to verify the batched encoder on")
    same = agreement(ours, reference)
    shares = " ".join(f"{100 * share:.3f}" for share in same.by_codebook)
    told = f"batched encoder, {len(ours)} calls verified: codes equal to plain float32's by codebook: {shares} %"
    if not same.suffices:
        told += f"; less than {100 * MIN_SEMANTIC:g} % in the first or {100 * MIN_ALL:g} % in all: falling back to fp32"
    return Verdict(same.suffices, told)
