"""What a decoder of one kind of audio file hands back, and the limits and words that all of them share.

Legend: C channels, N samples per channel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus.problems import BadInput

MAX_SAMPLES = 72_000_000
"""Samples of all channels together: both sides of 12.5 minutes at 48 kHz. A few bytes of a compressed stream may claim
any length; this bounds what they can take, in memory (144 MB) and time."""
MIN_RATE_HZ, MAX_RATE_HZ = 1000, 384_000

SALVAGED = "salvaged"
"""Flag: the file is cut or damaged, and only what comes before the damage was decoded."""
CHECKSUM_MISMATCH = "checksum_mismatch"
"""Flag: header and samples have different checksums, and that is accepted, on request."""

FIX_COPY = "copy the file from the release again"
FIX_OR_SALVAGE = f"{FIX_COPY}, or keep its whole part with --salvage"


@dataclass(frozen=True)
class Decoded:
    """Samples, and what had to be mended to get them."""

    samples: NDArray[np.int16]
    """``[C, N]``, contiguous by channel"""
    rate_hz: int
    format: str
    """what the content is: sphere-ulaw-shorten, sphere-ulaw, wav-pcm16, flac-pcm16, ogg-vorbis, mp3, ..."""
    flags: tuple[str, ...] = ()
    """``salvaged``, ``checksum_mismatch``"""
    notes: tuple[str, ...] = ()
    """for each flag, what was found and what was done, in words"""


def check_rate(rate_hz: int) -> None:
    """Refuse a rate that no recording of speech has.

    Raises:
        BadInput: the rate is outside `MIN_RATE_HZ` to `MAX_RATE_HZ`.
    """
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise BadInput("wrong_header", f"a sample rate of {rate_hz} Hz", f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz", FIX_COPY)


def check_length(num_samples: int, channels: int) -> None:
    """Refuse a claim of more samples than a call can have, before memory is taken for them.

    Raises:
        BadInput: more than `MAX_SAMPLES` in all.
    """
    if num_samples * channels > MAX_SAMPLES:
        claim = f"{num_samples} samples of {channels} channels"
        raise BadInput("too_large", claim, f"at most {MAX_SAMPLES} in all", "remove it from the release")
