"""Mu-law and A-law bytes as 16-bit samples (ITU-T G.711, on the 16-bit scale that sph2pipe and libsndfile use)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _ulaw_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 132) << ((code & 0x70) >> 4)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    mantissa, segment = code & 0x0F, (code & 0x70) >> 4
    lifted = ((mantissa << 4) + 0x108) << np.maximum(segment - 1, 0)
    magnitude = np.where(segment == 0, (mantissa << 4) + 8, lifted)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


ULAW_TO_PCM = _ulaw_table()
"""``[256]``: byte -> sample."""
ALAW_TO_PCM = _alaw_table()
"""``[256]``: byte -> sample."""
