"""What a file's name says: whose call, which side, which table. Letters in any case; no folder is looked at.

=====================================  ==================================================================
name                                   is
=====================================  ==================================================================
``fe_03_NNNNN.sph .flac .wav .mp3``    a call's audio, both sides; also ``.ogg``, ``.opus``
``fe_03_NNNNNA.wav``, ``_A``, ``.A``   one side of it; ``A`` is side a, ``B`` side b
``fe_03_NNNNN_c1.wav``, ``_ch2``       one side of it; channel 1 is side a, channel 2 side b
``<n>.A.wav``, ``<n>_c2.mp3``          one side of call ``<n>``, in doubt: any corpus may hold such names
``fe_03_NNNNN.txt``                    a transcript
``*calldata.tbl`` and its like         a table
=====================================  ==================================================================

A converter's doubled ending (``.sph.wav``) and an ISO-9660 version (``;1``) hurt nowhere.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LAST_CALL_OF_PART = {1: 5850, 2: 11699}
"""Calls 00001-05850 are Part 1 and 05851-11699 Part 2, none skipped (LDC2004S13, LDC2005S13)."""
LOSSY_ENDINGS = ("ogg", "opus", "mp3")
AUDIO_ENDINGS = ("sph", "flac", "wav", *LOSSY_ENDINGS)
"""In order of preference: as LDC ships it, lossless, perhaps requantised, lossy."""
AUDIO_NAMES = "fe_03_NNNNN.sph (or .wav, .flac, .mp3, .ogg; or one file a side, such as fe_03_NNNNN_A.wav)"
TRANSCRIPT_NAMES = "fe_03_NNNNN.txt"

_FLAGS = re.IGNORECASE | re.ASCII
_VERSION = r"(?:;[0-9]+)?"
_CHANNEL = r"(?:([ab])|ch?([12]))"
_ENDING = rf"(?:\.sph)?\.({'|'.join(AUDIO_ENDINGS)}){_VERSION}"
_AUDIO = re.compile(rf"fe_03_([0-9]{{5}})(?:[._ -]?{_CHANNEL})?{_ENDING}", _FLAGS)
_BARE_SIDE = re.compile(rf"([0-9]{{1,5}})[._-]{_CHANNEL}{_ENDING}", _FLAGS)
_TRANSCRIPT = re.compile(rf"fe_03_([0-9]{{5}})\.txt{_VERSION}", _FLAGS)
_TABLES = {
    "calldata": re.compile(rf".*calldata\.tbl{_VERSION}", _FLAGS),
    "pindata": re.compile(rf".*pindata\.tbl{_VERSION}", _FLAGS),
    "filelist": re.compile(rf".*filelist\.tbl{_VERSION}|filetable.*\.txt{_VERSION}", _FLAGS),
    "topics": re.compile(rf".*topics\.sgm{_VERSION}", _FLAGS),
}
TABLE_KINDS = tuple(_TABLES)
_ARCHIVE = re.compile(r".*\.(?:zip|tgz|tar|tar\.[a-z0-9]+|[gx]z|bz2|7z|rar|iso|z[0-9]{2})(?:\.[0-9]{3})?", _FLAGS)
_LOOKS_LIKE_A_CALL = re.compile(r".*\.(sph|flac|wav|mp3|ogg|opus|m4a|aiff?)|fe_03_[0-9]{5}.*", _FLAGS)


class AudioName(NamedTuple):
    """What the name of an audio file says. ``style`` is what two sides' names must share to be a pair."""

    call_id: str
    side: str | None
    ending: str
    style: str
    bare: bool
    """the call's number alone, without ``fe_03_``"""


def audio_name(name: str) -> AudioName | None:
    """The call, and perhaps the side, that an audio file is named for."""
    if match := _AUDIO.fullmatch(name):
        return _audio_name(name, match, bare=False)
    if (match := _BARE_SIDE.fullmatch(name)) and 1 <= int(match[1]) <= max(LAST_CALL_OF_PART.values()):
        return _audio_name(name, match, bare=True)
    return None


def _audio_name(name: str, match: re.Match[str], bare: bool) -> AudioName:
    number, letter, channel, ending = match.groups()
    side = letter.lower() if letter else "ab"[int(channel) - 1] if channel else None
    at = match.start(2 if letter else 3) if side else len(name)
    style = (name[:at] + "?" + name[at + 1 :]).lower()
    return AudioName(f"fe_03_{number:0>5}", side, ending.lower(), style, bare)


def transcript_call(name: str) -> str | None:
    """The call that a transcript is named for."""
    match = _TRANSCRIPT.fullmatch(name)
    return f"fe_03_{match[1]}" if match else None


def table_kind(name: str) -> str | None:
    """Which table of the release a file is: calldata, pindata, filelist or topics."""
    return next((kind for kind, pattern in _TABLES.items() if pattern.fullmatch(name)), None)


def is_archive(name: str) -> bool:
    """Whether the file is packed, or a part of something packed."""
    return _ARCHIVE.fullmatch(name) is not None


def looks_like_a_call(name: str) -> bool:
    """Whether a user may have meant the file to be read."""
    return _LOOKS_LIKE_A_CALL.fullmatch(name) is not None


def part_of(call_id: str) -> int | None:
    """Fisher part of a call, 1 or 2; None for a number that no release holds."""
    number = int(call_id[-5:])
    return next((part for part, last in LAST_CALL_OF_PART.items() if 1 <= number <= last), None)
