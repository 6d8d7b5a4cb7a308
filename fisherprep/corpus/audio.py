"""The audio of a call, whatever its file is called: SPHERE, WAV or FLAC, told apart by content.

Legend: C channels, N samples per channel.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus import sphere
from fisherprep.corpus.problems import BadInput

MAX_FILE_BYTES = 1 << 30
"""A larger file is no call: twelve minutes of 32-bit stereo at 48 kHz are 276 MB."""


@dataclass(frozen=True)
class Audio:
    """A decoded file, and the identity of the bytes it came from."""

    samples: NDArray[np.int16]
    """[C, N], contiguous by channel"""
    rate_hz: int
    format: str
    """what the content is: sphere-ulaw-shorten, sphere-ulaw, wav-pcm16, flac-pcm16, ..."""
    sha256: str
    num_bytes: int
    flags: tuple[str, ...] = ()
    """how it was mended: ``salvaged``, ``checksum_mismatch``"""
    notes: tuple[str, ...] = ()
    """for each flag, what was found and what was done, in words"""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples.shape[1] / self.rate_hz


def read_audio(path: Path, salvage: bool = False, verify_checksum: bool = True) -> Audio:
    """Read and decode one audio file; the file is read once.

    Raises:
        BadInput: (a ``ValueError``) the file cannot be read, is not audio of a known kind, is truncated or corrupt, or
        its
            header and its data disagree; the message says where, what was found, what was expected and what to do.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise BadInput("too_large", f"{size} bytes", f"at most {MAX_FILE_BYTES}", "remove it from the release")
        raw = path.read_bytes()
        samples, rate_hz, name = _decode(raw)
    except OSError as err:
        raise BadInput(
            "unreadable_audio", err.strerror or str(err), "a readable file", "check disk and permissions", str(path)
        ) from err
    except BadInput as err:
        raise err.at(str(path)) from err
    return Audio(samples, rate_hz, name, hashlib.sha256(raw).hexdigest(), len(raw))


def _decode(raw: bytes) -> tuple[NDArray[np.int16], int, str]:
    if not raw:
        raise BadInput("empty_audio", "a file of 0 bytes", "audio", sphere.FIX_COPY)
    if raw.startswith(b"NIST"):
        return sphere.decode(raw)
    if raw.startswith(b"RIFF") and raw[8:12] == b"WAVE":
        _check_wav_is_whole(raw)
        return _decode_soundfile(raw, "wav")
    if raw.startswith(b"fLaC"):
        return _decode_soundfile(raw, "flac")
    if raw.startswith(b"ID3") or (len(raw) > 1 and raw[0] == 0xFF and raw[1] & 0xE6 == 0xE2):
        return _decode_soundfile(raw, "mp3")
    raise BadInput(
        "unknown_audio",
        f"a file that starts with {raw[:8]!r}",
        "NIST SPHERE, WAV, FLAC or MP3",
        "give the release's own .sph file, or convert this one to 16-bit WAV or FLAC",
    )


def _check_wav_is_whole(raw: bytes) -> None:
    """A cut WAV decodes without complaint, so the data chunk's claim is compared with the bytes that are there."""
    at = 12
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + 8], "little")
        if raw[at : at + 4] == b"data":
            if size > (left := len(raw) - at - 8):
                raise BadInput(
                    "truncated_audio", f"{left} bytes of samples", f"{size}, as the header says", sphere.FIX_COPY
                )
            return
        at += 8 + size + size % 2
    raise BadInput("truncated_audio", "no data chunk", "a WAV file with samples", sphere.FIX_COPY)


def _decode_soundfile(raw: bytes, kind: str) -> tuple[NDArray[np.int16], int, str]:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            claimed, rate_hz, subtype = file.frames, file.samplerate, file.subtype
            is_float = subtype in ("FLOAT", "DOUBLE")
            frames = file.read(dtype="float64" if is_float else "int16", always_2d=True)
    except Exception as err:  # soundfile raises its own errors, and numpy's and Python's for damaged headers
        raise BadInput(
            "corrupt_audio", f"{kind.upper()} that does not decode ({err})", "a whole file", sphere.FIX_COPY
        ) from err
    if len(frames) != claimed or claimed == 0:
        raise BadInput(
            "truncated_audio",
            f"{len(frames)} samples per channel",
            f"{claimed}, as the header says, and some",
            sphere.FIX_COPY,
        )
    if is_float:
        if not np.isfinite(frames).all():
            raise BadInput(
                "corrupt_audio", "samples that are not finite numbers", "numbers from -1 to 1", sphere.FIX_COPY
            )
        frames = np.clip(np.rint(frames * 32768.0), -32768, 32767).astype(np.int16)
    name = kind if kind == "mp3" else f"{kind}-{subtype.lower().replace('_', '')}"
    return np.ascontiguousarray(frames.T), rate_hz, name
