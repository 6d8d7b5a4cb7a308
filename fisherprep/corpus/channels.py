"""Checks on both channels of a call: levels, crosstalk, a channel-swap verdict, speech that nobody transcribed.

Everything is computed from the samples that ingest has decoded anyway, and lands in columns of the conversations table
(`columns`) and in its flags (`ChannelChecks.flags`).

A call whose channels are swapped is flagged ``channels_swapped`` and otherwise kept as it is: audio and turns stay on
the sides that the release gives them, and a person decides. Its columns hold what is true of it as it is, so almost all
of its speech is untranscribed.

Untranscribed regions are there for whoever trains on the call: the side is not silent in them though the text stream
has no words, so they must not be trained as silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus.channels_activity import find_activity
from fisherprep.corpus.channels_agreement import (
    Region,
    Spoken,
    SwapVerdict,
    agreement,
    swap_verdict,
    turn_mask,
    untranscribed,
)
from fisherprep.corpus.channels_levels import LOUDNESS_NEEDS_S, measure
from fisherprep.schema import SIDES

QUIET_LUFS = -45.0
"""About 20 LU below the -24 LUFS of voice prompts: a dead line, or a voice that a codec hardly keeps."""
CLIPPED_RATIO = 1e-3
"""Share of clipped samples from which a channel is flagged: 0.6 s of a ten-minute call."""
LOUD_CROSSTALK_DB = -15.0
"""From here on the other side is understood in this channel, and a model would hear it in the agent's stream."""
SAME_SOUND = 0.97
"""Correlation of the channels' samples from which they hold the same recording (a mix, or one side twice)."""

MIN_MISMATCH_S = 10.0
"""Evidence that makes a call without a verdict one whose transcript does not belong to its audio."""

NO_VERDICT = SwapVerdict(score=None, swapped=None, evidence_s=0.0)

_SIDE_COLUMNS = (
    "loudness_lufs", "clipped_ratio", "dc_offset", "noise_dbfs", "speech_ratio", "crosstalk_db", "agreement",
    "untranscribed",
)  # fmt: skip
CHECK_COLUMNS = ("swap_score", "channels_swapped", *(f"{name}_{side}" for name in _SIDE_COLUMNS for side in SIDES))

MIN_RATE_HZ, MAX_RATE_HZ = 4000, 384_000
"""Rates of speech recordings; at any other a call is not checked."""

_BLOCK_SAMPLES = 1 << 16


@dataclass(frozen=True)
class SideChecks:
    """One side's channel; units are in the docs of the columns of the same names."""

    loudness_lufs: float | None
    clipped_ratio: float
    dc_offset: float
    noise_dbfs: float | None
    speech_ratio: float
    crosstalk_db: float | None
    agreement: float | None
    untranscribed: tuple[Region, ...] | None
    """None where both channels hold the same sound"""


@dataclass(frozen=True)
class ChannelChecks:
    """Both channels of a call."""

    a: SideChecks
    b: SideChecks
    swap: SwapVerdict
    same_sound: bool
    duration_s: float

    @property
    def flags(self) -> list[str]:
        """Flags of the conversation, declared in the schema."""
        sides = (self.a, self.b)
        found = {
            "channels_swapped": self.swap.swapped is True,
            "transcript_mismatch": self._is_mismatch(),
            "same_sound": self.same_sound,
            "quiet_channel": any(self._is_quiet(s) for s in sides),
            "clipped": any(s.clipped_ratio >= CLIPPED_RATIO for s in sides),
            "loud_crosstalk": any(s.crosstalk_db is not None and s.crosstalk_db >= LOUD_CROSSTALK_DB for s in sides),
        }
        return [flag for flag, holds in found.items() if holds]

    def _is_mismatch(self) -> bool:
        undecided = self.swap.swapped is None and not self.same_sound
        return undecided and self.swap.evidence_s >= MIN_MISMATCH_S

    def _is_quiet(self, side: SideChecks) -> bool:
        loud = side.loudness_lufs is not None and side.loudness_lufs >= QUIET_LUFS
        return not loud and self.duration_s >= LOUDNESS_NEEDS_S


def checked(row: dict[str, Any], samples: NDArray[np.int16], rate_hz: int, turns: Sequence[Spoken]) -> dict[str, Any]:
    """A row of conversations with its checks' columns and flags; all null at a rate that is not one of speech.

    Args:
        row: with ``flags``, to which those of the checks are added.
        samples, rate_hz, turns: as for `check_channels`.
    """
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        return row | dict.fromkeys(CHECK_COLUMNS)
    checks = check_channels(samples, rate_hz, turns)
    return row | columns(checks) | {"flags": [*row["flags"], *checks.flags]}


def check_channels(samples: NDArray[np.int16], rate_hz: int, turns: Sequence[Spoken]) -> ChannelChecks:
    """Check a call; whatever the samples and turns are, there is a result.

    Args:
        samples: ``[2, N]``, side a first.
        rate_hz: their rate, `MIN_RATE_HZ` to `MAX_RATE_HZ`.
        turns: the transcript, in any order; times may lie outside of the audio.

    Raises:
        ValueError: the samples are not int16 of two channels, or the rate is out of range.
    """
    if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[0] != len(SIDES):
        raise ValueError(f"samples: found {samples.dtype} {samples.shape}, expected int16 [2, N], side a first")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"rate: found {rate_hz} Hz, expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")
    levels = [measure(channel, rate_hz) for channel in samples]
    activity = find_activity(np.stack([level.power for level in levels]))
    same_sound = _is_same_sound(samples)
    heard = activity.active if same_sound else activity.own
    said = turn_mask(turns, heard.shape[1])
    sides = [
        SideChecks(
            loudness_lufs=levels[i].loudness_lufs,
            clipped_ratio=levels[i].clipped_ratio,
            dc_offset=levels[i].dc_offset,
            noise_dbfs=activity.noise_dbfs[i],
            speech_ratio=float(heard[i].mean()) if heard[i].size else 0.0,
            crosstalk_db=None if same_sound else activity.crosstalk_db[i],
            agreement=agreement(heard[i], said[i]),
            untranscribed=None if same_sound else tuple(untranscribed(heard[i], turns, side)),
        )
        for i, side in enumerate(SIDES)
    ]
    verdict = NO_VERDICT if same_sound else swap_verdict(heard, turns)
    return ChannelChecks(sides[0], sides[1], verdict, same_sound, samples.shape[1] / rate_hz)


def columns(checks: ChannelChecks) -> dict[str, Any]:
    """The checks' columns of a row of conversations, `CHECK_COLUMNS`; their units are in the schema."""
    row: dict[str, Any] = {"swap_score": checks.swap.score, "channels_swapped": checks.swap.swapped}
    for side, values in zip(SIDES, (checks.a, checks.b), strict=True):
        row |= {f"{name}_{side}": getattr(values, name) for name in _SIDE_COLUMNS}
        if values.untranscribed is not None:
            row[f"untranscribed_{side}"] = [{"start_s": start, "end_s": end} for start, end in values.untranscribed]
    return row


def _is_same_sound(samples: NDArray[np.int16]) -> bool:
    products, sums = np.zeros((2, 2)), np.zeros(2)
    for first in range(0, samples.shape[1], _BLOCK_SAMPLES):
        block = samples[:, first : first + _BLOCK_SAMPLES].astype(np.float64)
        products += np.einsum("in,jn->ij", block, block)
        sums += block.sum(axis=1)
    covariance = products - np.outer(sums, sums) / max(samples.shape[1], 1)
    return bool(abs(covariance[0, 1]) > SAME_SOUND * np.sqrt(covariance[0, 0] * covariance[1, 1]))
