"""Audio that someone converted: WAV, FLAC, MP3 and Ogg, decoded by libsndfile and checked for what it lets pass.

libsndfile reads a cut WAV or Ogg without complaint, so what their own structure claims is compared with the bytes that
are there. It is asked for a little at a time, which bounds memory and lets salvage keep what comes before the damage.

Sources: RIFF chunks as in Microsoft's "Multimedia Programming Interface and Data Specifications 1.0"; Ogg pages:
RFC 3533, section 6; MPEG frames: ISO/IEC 11172-3, section 2.4.1.

Legend: C channels, N samples per channel.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus.decoded import (
    FIX_COPY,
    FIX_OR_SALVAGE,
    MAX_SAMPLES,
    SALVAGED,
    Decoded,
    check_length,
    check_rate,
)
from fisherprep.corpus.problems import BadInput

if TYPE_CHECKING:
    import soundfile

_CHUNK = 4096
"""Samples per channel asked for at once; damage loses at most so many that are whole."""
_UNKNOWN_SIZES = (0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF)
"""What ffmpeg and sox write as the size of the data where they write to a pipe and cannot know it."""
_UNKNOWN_LENGTH = 1 << 40
"""libsndfile gives a stream of unknown length the highest number of samples there is."""
_MAX_FLOAT = 8.0
"""Float samples go from -1 to 1, and somewhat beyond where a converter overshot; more is another scale."""


def kind_of(raw: bytes) -> str | None:
    """``wav``, ``flac``, ``ogg`` or ``mp3`` by the first bytes; None for anything else."""
    if raw.startswith(b"RIFF") and raw[8:12] == b"WAVE":
        return "wav"
    if raw.startswith(b"fLaC"):
        return "flac"
    if raw.startswith(b"OggS"):
        return "ogg"
    is_frame = len(raw) > 2 and raw[0] == 0xFF and raw[1] & 0xE6 == 0xE2 and raw[2] & 0xF0 != 0xF0
    return "mp3" if is_frame or raw.startswith(b"ID3") else None


def decode(raw: bytes, kind: str, salvage: bool = False) -> Decoded:
    """Decode a file of a kind that `kind_of` names.

    Args:
        raw: the whole file.
        kind: what `kind_of` says.
        salvage: decode a cut or damaged file up to the damage, and flag it.

    Raises:
        BadInput: the file does not decode, is cut, or its header and its data disagree.
    """
    cut = {"wav": _cut_wav, "ogg": _cut_ogg}.get(kind, lambda _: None)(raw)
    if cut and not salvage:
        raise BadInput("truncated_audio", cut, "a whole file", FIX_OR_SALVAGE)
    samples, rate_hz, name, damage = _read(raw, kind)
    problem = cut or damage
    if not problem:
        return Decoded(samples, rate_hz, name)
    if not salvage or samples.shape[1] == 0:
        reason = "corrupt_audio" if samples.shape[1] == 0 else "truncated_audio"
        raise BadInput(reason, problem, "a whole file", FIX_OR_SALVAGE if samples.shape[1] else FIX_COPY)
    note = f"salvaged {samples.shape[1]} samples per channel: found {problem}"
    return Decoded(samples, rate_hz, name, (SALVAGED,), (note,))


def _read(raw: bytes, kind: str) -> tuple[NDArray[np.int16], int, str, str | None]:
    """Samples ``[C, N]``, rate, format, and what is wrong with the file, if anything."""
    try:
        file = _reader()(io.BytesIO(raw))
    except Exception as err:  # soundfile raises its own errors, and numpy's and Python's for damaged headers
        why = getattr(err, "error_string", err)  # without the address of what was opened, another in each run
        found = f"{kind.upper()} that does not decode ({why})"
        raise BadInput("corrupt_audio", found, "a whole file", FIX_COPY) from err
    with file:
        check_rate(file.samplerate)
        channels, rate_hz, subtype = file.channels, file.samplerate, file.subtype
        claimed = file.frames if 0 <= file.frames < _UNKNOWN_LENGTH else None
        check_length(claimed or 0, channels)
        room = MAX_SAMPLES // channels if claimed is None else claimed
        out = np.empty((channels, room), np.int16)  # takes memory only where it is written to
        num_samples, damage = _read_into(file, out)
    if damage is None and claimed not in (None, num_samples):
        damage = f"{num_samples} samples per channel, where the header says {claimed}"
    if damage is None and num_samples == 0:
        damage = "a file of no samples"
    samples = out if num_samples == room else out[:, :num_samples].copy()
    name = "mp3" if kind == "mp3" else f"{kind}-{subtype.lower().replace('_', '')}"
    return samples, rate_hz, name, damage


@cache
def _reader() -> type[soundfile.SoundFile]:
    """soundfile's reader without the seek after each read, which fails at the end of streams of unknown length."""
    import soundfile

    class Sequential(soundfile.SoundFile):
        def seekable(self) -> bool:
            return False

    return Sequential


def _read_into(file: soundfile.SoundFile, out: NDArray[np.int16]) -> tuple[int, str | None]:
    """Fill ``out`` up to the end or the damage: samples per channel, and what the damage is."""
    is_float = file.subtype in ("FLOAT", "DOUBLE")
    at = 0
    while True:
        try:
            chunk = file.read(_CHUNK, dtype="float64" if is_float else "int16", always_2d=True)
        except Exception as err:  # as above
            return at, f"data that do not decode after {at} samples per channel ({err})"
        if len(chunk) == 0:
            return at, None
        check_length(at + len(chunk), len(out))
        if at + len(chunk) > out.shape[1]:
            return at, f"more samples per channel than the {out.shape[1]} of the header"
        out[:, at : at + len(chunk)] = (_int16(chunk) if is_float else chunk).T
        at += len(chunk)


def _int16(chunk: NDArray[np.float64]) -> NDArray[np.int16]:
    peak = np.abs(chunk).max()
    if not peak <= _MAX_FLOAT:  # also true of a peak that is no number
        raise BadInput("corrupt_audio", f"float samples up to {peak:g}", "numbers from -1 to 1", FIX_COPY)
    return np.clip(np.rint(chunk * 32768.0), -32768, 32767).astype(np.int16)


def _cut_wav(raw: bytes) -> str | None:
    """What is missing of a WAV file: the size of its data chunk is compared with the bytes that are there."""
    at = 12
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + 8], "little")
        if raw[at : at + 4] == b"data":
            left = len(raw) - at - 8
            is_cut = size > left and size not in _UNKNOWN_SIZES
            return f"{left} bytes of samples, where the header says {size}" if is_cut else None
        at += 8 + size + size % 2
    return "a WAV file without a data chunk"


def _cut_ogg(raw: bytes) -> str | None:
    """What is missing of an Ogg file: its pages must follow each other up to one that is marked as the last."""
    at, is_last = 0, False
    while raw[at : at + 4] == b"OggS" and at + 27 <= len(raw):
        is_last = bool(raw[at + 5] & 4)
        num_segments = raw[at + 26]
        at += 27 + num_segments + sum(raw[at + 27 : at + 27 + num_segments])
        if at > len(raw):
            return "an Ogg file that ends within a page"
    return None if is_last else f"an Ogg file without a last page, {len(raw) - at} bytes before its end"
