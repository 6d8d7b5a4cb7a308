"""Sound as the bytes of a WAV or FLAC file, 16 bits.

Nothing lets libsndfile write to the disk itself: of a full one it raises a ``RuntimeError`` that names no cause, where
Python's own writing of these bytes raises the ``OSError`` that commands know how to show.
"""

from __future__ import annotations

import io
from typing import Literal

import numpy as np


def sound_bytes(pcm: np.ndarray, rate_hz: int, kind: Literal["WAV", "FLAC"]) -> bytes:
    """A file's content; ``pcm``: int16 ``[N]`` or ``[N, channels]``."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, pcm, rate_hz, format=kind, subtype="PCM_16")
    return content.getvalue()
