"""What the codec hears of a call: both channels at 24 kHz, restored where asked, each brought to one loudness.

The gain is one number for a whole channel, so that what is soft in a call stays soft. It is held back where it would
lift the highest sample above `PEAK_DBFS`: nothing is ever clipped or compressed. Silence is left alone.

Legend: M samples at the file's rate, N at 24 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fisherprep.codec.restore import Restore, load_restore
from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.loudness import channel_loudness
from fisherprep.schema import CODEC_RATE_HZ, SIDES

if TYPE_CHECKING:
    from fisherprep.workfolder import WorkFolder

RESAMPLER = "soxr HQ"
PEAK_DBFS = -0.1
"""No gain lifts a sample above this."""
MAX_GAIN_DB = 30.0
"""The largest gain: a line on which there is hardly anything but noise is not blown up."""


@dataclass(frozen=True)
class Treatment:
    """What is done to a call's sound before it is encoded."""

    loudness: float | None = None
    """integrated loudness of each channel in LUFS; None: as recorded"""
    restore: Restore | None = None
    """bandwidth extension of recordings below 24 kHz"""


@dataclass(frozen=True)
class CodecAudio:
    """Both channels, float32 [2, N] at 24 kHz, and the gain of each in dB, which is in the samples already."""

    samples: np.ndarray
    gains_db: tuple[float, float] = (0.0, 0.0)


def codec_audio(work: WorkFolder, row: dict[str, Any], treatment: Treatment = Treatment()) -> CodecAudio:
    """Both channels of a conversations row, exactly as long as its audio.

    Raises:
        BadInput: a file cannot be read, is not the one that was ingested, is not two-channel, or cannot be restored.
    """
    audio = read_call_audio(work, row)
    known = tuple(row.get(f"loudness_lufs_{side}") for side in SIDES)
    return treated(audio.samples.astype(np.float32) / 32768.0, audio.rate_hz, treatment, known)


def treated(
    samples: np.ndarray, rate_hz: int, treatment: Treatment, known: tuple[float | None, ...] = (None, None)
) -> CodecAudio:
    """float32 [2, M] at any rate to what is encoded; ``known``: loudness of the channels in LUFS where it is.

    Raises:
        BadInput: the sound cannot be restored.
    """
    length = -(-samples.shape[1] * CODEC_RATE_HZ // rate_hz)
    if treatment.restore is not None and rate_hz < CODEC_RATE_HZ:
        samples, rate_hz = load_restore(treatment.restore)(samples, rate_hz)
        known = (None, None)
    resampled = to_codec_rate(samples, rate_hz, length)
    if treatment.loudness is None:
        return CodecAudio(resampled)
    gains_db = []
    for side, out in enumerate(resampled):
        lufs = channel_loudness(samples[side], rate_hz) if known[side] is None else known[side]
        gains_db.append(gain_db(lufs, out, treatment.loudness))
    for out, gain in zip(resampled, gains_db, strict=True):
        if gain:
            out *= np.float32(10.0 ** (gain / 20.0))
    return CodecAudio(resampled, (gains_db[0], gains_db[1]))


def gain_db(lufs: float | None, samples: np.ndarray, target_lufs: float) -> float:
    """The gain that brings a channel, float32 [N], of that loudness to the target, as float32 holds it."""
    if lufs is None:
        return 0.0
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)), 1e-9)
    return float(np.float32(min(target_lufs - lufs, MAX_GAIN_DB, PEAK_DBFS - 20 * np.log10(peak))))


def to_codec_rate(samples: np.ndarray, rate_hz: int, length: int | None = None) -> np.ndarray:
    """Resample float32 [2, M] to a new [2, N] at 24 kHz; N is ``length``, or ceil(M * 24000 / rate)."""
    import soxr

    if length is None:
        length = -(-samples.shape[1] * CODEC_RATE_HZ // rate_hz)
    out = np.zeros((len(samples), length), np.float32)
    for channel, new in zip(samples, out, strict=True):
        if rate_hz != CODEC_RATE_HZ:
            channel = soxr.resample(channel, rate_hz, CODEC_RATE_HZ, quality="HQ")
        new[: len(channel)] = channel[:length]
    return out
