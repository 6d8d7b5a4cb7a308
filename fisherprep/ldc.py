"""Whether a call is the LDC's: what may be published, and what must be said of it, depends on that."""

from __future__ import annotations

import re
from typing import Any

_LDC_TRANSCRIBERS = {"ldc", "bbn"}
_LDC_NAME = re.compile(r"(?<![a-z0-9])(fe_03_|fisher_eng_tr_|ldc(19|20)?[0-9]{2}[st][0-9])", re.IGNORECASE)
"""How Fisher's files, its folders and the LDC's catalogue are called, wherever a name holds it."""
_NAMES = ("call_id", "audio_file", "audio_file_b", "transcript_file")
SOURCE = ["part", "transcriber", "audio_format", *_NAMES]
"""Columns of the conversations table that tell where a call comes from."""


def is_ldc(conversation: dict[str, Any]) -> bool:
    """By any mark of a release in a row with the columns ``SOURCE``: one that was lost in a conversion, or in an export
    that was ingested again, does not make a call free."""
    names = (conversation[column] or "" for column in _NAMES)
    return (
        conversation["part"] is not None
        or conversation["transcriber"] in _LDC_TRANSCRIBERS
        or conversation["audio_format"].startswith("sphere")
        or any(_LDC_NAME.search(name) for name in names)
    )
