"""The audio of a call, whatever its file is called: SPHERE, WAV, FLAC, MP3 or Ogg, told apart by content.

Legend: C channels, N samples per channel.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from fisherprep.corpus import converted, sphere
from fisherprep.corpus.decoded import FIX_COPY, MAX_SAMPLES, Decoded
from fisherprep.corpus.problems import BadInput

MAX_FILE_BYTES = 8 * MAX_SAMPLES + (1 << 20)
"""A larger file is no call: more than `MAX_SAMPLES` samples of 64 bits each."""


@dataclass(frozen=True)
class Audio(Decoded):
    """A decoded file, and the identity of the bytes it came from."""

    sha256: str = ""
    num_bytes: int = 0

    @property
    def duration_s(self) -> float:
        """Length of what was decoded, in seconds."""
        return self.samples.shape[1] / self.rate_hz


def read_audio(path: Path, salvage: bool = False, verify_checksum: bool = True) -> Audio:
    """Read and decode one audio file; the file is read once.

    Args:
        path: the file; its name does not matter.
        salvage: decode a cut or damaged file up to its last whole block instead of refusing it. The result carries the
            flag ``salvaged``, and its notes say what was found.
        verify_checksum: refuse a SPHERE file whose samples do not add up to the header's checksum although the stream
            is whole; otherwise the result carries the flag ``checksum_mismatch``.

    Raises:
        BadInput: (a ``ValueError``) the file cannot be read, is not audio of a known kind, is cut or damaged, or its
            header and its data disagree; the message says where, what was found, what was expected and what to do.
    """
    try:
        raw = _read(path)
        decoded = decode_audio(raw, salvage, verify_checksum)
    except BadInput as err:
        raise err.at(str(path)) from err
    return Audio(**vars(decoded), sha256=hashlib.sha256(raw).hexdigest(), num_bytes=len(raw))


def _read(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for a writer
            raise BadInput("unreadable_audio", "no plain file", "a file", "remove it from the release")
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as err:
        found = err.strerror or str(err)
        raise BadInput("unreadable_audio", found, "a readable file", "check disk and permissions") from err
    if len(raw) > MAX_FILE_BYTES:
        found, fix = f"over {MAX_FILE_BYTES} bytes", "remove it from the release"
        raise BadInput("too_large", found, "a recording of one call", fix)
    return raw


def decode_audio(raw: bytes, salvage: bool = False, verify_checksum: bool = True) -> Decoded:
    """Decode the bytes of one audio file; arguments and errors as of `read_audio`."""
    if not raw:
        raise BadInput("empty_audio", "a file of 0 bytes", "audio", FIX_COPY)
    if raw.startswith(b"NIST"):
        return sphere.decode(raw, salvage, verify_checksum)
    if kind := converted.kind_of(raw):
        return converted.decode(raw, kind, salvage)
    raise BadInput(
        "unknown_audio",
        f"a file that starts with {raw[:8]!r}",
        "NIST SPHERE, WAV, FLAC, MP3 or Ogg",
        "give the release's own .sph file, or convert this one to 16-bit WAV or FLAC",
    )
