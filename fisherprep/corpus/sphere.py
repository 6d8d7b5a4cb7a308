"""NIST SPHERE: header and samples, as LDC ships them, plain or with embedded Shorten.

What the samples are is read from the data where the data tells (the Shorten magic ``ajkg``, its channels, its type),
from the header where it does not, and every claim of the header that can be compared with the data is compared: number
of samples, channels, sample width, checksum. A claim that fails is an error, never noise and never
a short result; where salvage is asked for, what is whole of a cut or damaged file is decoded and flagged.

Source: the header as NIST's SPHERE manual and the sample files of sph2pipe have it.

Legend: C channels, N samples per channel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from fisherprep.corpus import shorten
from fisherprep.corpus.decoded import (
    CHECKSUM_MISMATCH,
    FIX_COPY,
    FIX_OR_SALVAGE,
    MAX_RATE_HZ,
    MIN_RATE_HZ,
    SALVAGED,
    Decoded,
    check_length,
)
from fisherprep.corpus.g711 import ALAW_TO_PCM, ULAW_TO_PCM
from fisherprep.corpus.problems import BadInput, quoted

MAGIC = b"NIST_1A\n"
MAX_HEADER_BYTES = 1 << 20
MAX_CHANNELS = 64
MAX_PADDING_BYTES = 1024
"""Bytes, all alike, allowed after the last sample: devices with fixed blocks fill up the last one."""
MAX_PADDING_SAMPLES = 256
"""Samples per channel allowed after the last one of a Shorten stream: one block, where an encoder fills up the last."""
DROPPED_SAMPLES = 2048
"""Salvage drops so many samples per channel, or more, before the place where a Shorten stream proves to be damaged:
damage that puts the bits out of step makes noise up to there. In 2,700 streams with flipped bits, overwritten or
missing pieces that was noticed within 512 samples."""

TABLES = {"ulaw": ULAW_TO_PCM, "alaw": ALAW_TO_PCM}
"""Byte -> 16-bit sample."""

_REQUIRED = ("channel_count", "sample_count", "sample_rate", "sample_n_bytes")
_USED = (*_REQUIRED, "sample_coding", "sample_byte_format", "sample_checksum", "channels_interleaved")
_FIELD = re.compile(r"(\S+)[ \t]+-(i|r|s)([0-9]*)(?:[ \t](.*))?", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_CODINGS = {"ulaw": "ulaw", "mu-law": "ulaw", "mulaw": "ulaw", "alaw": "alaw", "a-law": "alaw", "pcm": "pcm"}


@dataclass(frozen=True)
class SphereHeader:
    """The fields that say how to read the samples. ``size`` is the offset of the first data byte."""

    size: int
    channels: int
    samples: int
    """per channel, as claimed"""
    rate_hz: int
    sample_bytes: int
    coding: str
    byte_format: str
    checksum: int | None
    """sum of the uncompressed samples modulo 65,536"""
    interleaved: bool


def parse_header(raw: bytes) -> SphereHeader:
    """Read the header of a SPHERE file.

    Fields that are not needed are skipped, also when they are odd; a needed one that is missing, odd or given twice
    with different values is an error.

    Raises:
        BadInput: what is wrong with the header.
    """
    size = _header_size(raw)
    text = raw[len(MAGIC) : size].decode("latin-1")
    body, end, _ = text.partition("end_head")
    if not end:
        raise _bad("no end_head in the header", "a line end_head that closes the fields")
    fields: dict[str, str] = {}
    for line in body.split("\n")[1:]:
        match = _FIELD.fullmatch(line.strip("\r\0 \t"))
        if not match or match[1] not in _USED:
            continue
        name, value = match[1], (match[4] or "").strip()
        if fields.setdefault(name, value) != value:
            raise _bad(f"{name} twice, {quoted(fields[name])} and {quoted(value)}", "each field once")
    return _typed(fields, size)


def _header_size(raw: bytes) -> int:
    if not raw.startswith(MAGIC):
        raise _bad(f"first bytes {raw[:8]!r}", f"{MAGIC!r}")
    line = raw[len(MAGIC) : len(MAGIC) + 16].split(b"\n")[0].strip()
    if not line.isdigit() or not 2 * len(MAGIC) <= int(line) <= MAX_HEADER_BYTES:
        raise _bad(f"header size {line!r}", "the size of the header in bytes, usually 1024")
    if int(line) > len(raw):
        raise BadInput("truncated_audio", f"{len(raw)} bytes", f"a header of {int(line)} bytes, and data", FIX_COPY)
    return int(line)


def _typed(fields: dict[str, str], size: int) -> SphereHeader:
    if missing := [name for name in _REQUIRED if name not in fields]:
        raise _bad(f"no field {', '.join(missing)}", f"fields {', '.join(_REQUIRED)}")

    def integer(name: str, low: int, high: int) -> int:
        text = fields[name]
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise _bad(f"{name} {quoted(text)}", f"a whole number from {low} to {high}")
        return int(text)

    return SphereHeader(
        size=size,
        channels=integer("channel_count", 1, MAX_CHANNELS),
        samples=integer("sample_count", 1, 1 << 40),
        rate_hz=integer("sample_rate", MIN_RATE_HZ, MAX_RATE_HZ),
        sample_bytes=integer("sample_n_bytes", 1, 8),
        coding=fields.get("sample_coding", "pcm").lower(),
        byte_format=fields.get("sample_byte_format", ""),
        checksum=integer("sample_checksum", 0, 65535) if "sample_checksum" in fields else None,
        interleaved=fields.get("channels_interleaved", "TRUE").upper() != "FALSE",
    )


def decode(raw: bytes, salvage: bool = False, verify_checksum: bool = True) -> Decoded:
    """Decode a SPHERE file.

    Args:
        raw: the whole file.
        salvage: decode a cut file, or a damaged Shorten stream, up to its last whole block, and flag it.
        verify_checksum: refuse samples that do not add up to the header's checksum; else flag them.

    Raises:
        BadInput: the header is damaged, a coding is unknown, or header and data disagree.
    """
    header = parse_header(raw)
    if not header.interleaved:
        raise _bad("channels_interleaved FALSE", "samples of all channels side by side", reason="unknown_coding")
    data = raw[header.size :]
    if not data:
        raise BadInput("truncated_audio", "a header and no data", f"{header.samples} samples", FIX_COPY)
    if data.startswith(shorten.MAGIC):
        return _decode_shorten(header, data, salvage, verify_checksum)
    return _decode_plain(header, data, salvage, verify_checksum)


# -- plain samples ---------------------------------------------------------------------------------------------------


def _decode_plain(header: SphereHeader, data: bytes, salvage: bool, verify_checksum: bool) -> Decoded:
    coding = _plain_coding(header)
    frame_bytes = header.channels * header.sample_bytes
    expected = header.samples * frame_bytes
    claim = f"{expected} bytes for {header.samples} samples of {header.channels} channels"
    _, _, compression = header.coding.partition(",")
    if compression and len(data) != expected:
        # A header may still name the compression of a file that was decompressed; its length tells.
        raise BadInput(
            "unknown_coding",
            f"{header.coding} without the magic {shorten.MAGIC!r}, {len(data)} bytes",
            f"a Shorten stream, or {claim} uncompressed",
            FIX_COPY,
        )
    padding = data[expected:]
    if len(padding) > MAX_PADDING_BYTES or len(set(padding)) > 1:
        raise BadInput("wrong_header", f"{len(data)} bytes of samples", claim, FIX_COPY)
    kept = min(header.samples, len(data) // frame_bytes)
    if kept < header.samples and not (salvage and kept):
        raise BadInput("truncated_audio", f"{len(data)} bytes of samples", claim, FIX_OR_SALVAGE)
    check_length(kept, header.channels)
    order = {"01": "<i2", "10": ">i2"}[header.byte_format] if coding == "pcm" else "u1"
    values = np.frombuffer(data, order, kept * header.channels)
    flat = values.astype(np.int16) if coding == "pcm" else TABLES[coding][values]
    samples = np.ascontiguousarray(flat.reshape(-1, header.channels).T)
    decoded = Decoded(samples, header.rate_hz, "sphere-pcm16" if coding == "pcm" else f"sphere-{coding}")
    if kept < header.samples:
        return _salvaged(decoded, header, f"{len(data)} bytes of {expected}")
    return _with_checksum(header, int(values.sum(dtype=np.int64)) % 65536, decoded, verify_checksum)


def _plain_coding(header: SphereHeader) -> str:
    coding = _CODINGS.get(header.coding.split(",")[0].strip())
    width = 2 if coding == "pcm" else 1
    if coding is None or header.sample_bytes != width:
        raise BadInput(
            "unknown_coding",
            f"sample_coding {quoted(header.coding)} in {header.sample_bytes} bytes a sample",
            "ulaw or alaw in 1 byte, or pcm in 2 bytes",
            "convert the file to 16-bit WAV or FLAC",
        )
    if coding == "pcm" and header.byte_format not in ("01", "10"):
        raise _bad(f"sample_byte_format {quoted(header.byte_format)}", "01 or 10 for 16-bit pcm")
    return coding


# -- Shorten ---------------------------------------------------------------------------------------------------------


def _decode_shorten(header: SphereHeader, data: bytes, salvage: bool, verify_checksum: bool) -> Decoded:
    check_length(header.samples, header.channels)
    try:
        _check_channels(header, shorten.num_channels(data))
        stream = shorten.decode(data, header.samples)
    except BadInput:
        raise
    except ValueError as err:
        raise BadInput("corrupt_audio", f"Shorten data that do not decode: {err}", "a whole stream", FIX_COPY) from err
    if stream.coding == "ulaw" and header.coding.startswith(("alaw", "a-law")):
        raise _bad("sample_coding alaw, and a mu-law Shorten stream", "one coding", reason="unknown_coding")
    decoded = Decoded(stream.samples, header.rate_hz, f"sphere-{stream.coding}-shorten")
    if stream.error == shorten.TOO_LONG or stream.num_decoded > header.samples + MAX_PADDING_SAMPLES:
        raise BadInput("wrong_header", f"{stream.num_decoded} samples per channel or more", _claim(header), FIX_COPY)
    complete = stream.num_decoded >= header.samples
    if complete and stream.error == shorten.CUT and stream.checksum == header.checksum:
        return decoded  # only the mark of the end is cut off, and the checksum proves the samples
    if stream.error or not complete:
        return _salvage_shorten(header, stream, decoded, salvage)
    return _with_checksum(header, stream.checksum, decoded, verify_checksum)


def _check_channels(header: SphereHeader, found: int) -> None:
    if found != header.channels:
        raise BadInput(
            "wrong_header",
            f"channel_count {header.channels}, and a Shorten stream of {found} channels",
            "the same number of channels in header and stream",
            FIX_COPY,
        )


def _salvage_shorten(header: SphereHeader, stream: shorten.Stream, decoded: Decoded, salvage: bool) -> Decoded:
    """What is whole of a stream that breaks off: every block of a cut one, those well before the damage of another."""
    found = f"{min(stream.num_decoded, header.samples)} samples per channel decoded, then {stream.error or 'its end'}"
    kept = decoded.samples.shape[1]
    proven = stream.error is None and stream.checksum == header.checksum  # only the claimed number is wrong
    if stream.error != shorten.CUT and not proven:
        kept = min(kept - DROPPED_SAMPLES, stream.num_sure)
    if not salvage or kept <= 0:
        reason = "truncated_audio" if stream.error in (None, shorten.CUT) else "corrupt_audio"
        raise BadInput(reason, found, _claim(header), FIX_OR_SALVAGE if kept > 0 else FIX_COPY)
    samples = np.ascontiguousarray(decoded.samples[:, :kept])
    return _salvaged(replace(decoded, samples=samples), header, found)


def _salvaged(decoded: Decoded, header: SphereHeader, found: str) -> Decoded:
    note = f"salvaged {decoded.samples.shape[1]} samples per channel of {header.samples}: found {found}"
    return replace(decoded, flags=(SALVAGED,), notes=(note,))


def _with_checksum(header: SphereHeader, found_sum: int, decoded: Decoded, verify: bool) -> Decoded:
    """Compare the header's checksum with the samples: damage may well decode without complaint."""
    if header.checksum is None or header.checksum == found_sum:
        return decoded
    found = f"checksum {found_sum} of the decoded samples"
    if verify:
        raise BadInput(
            "wrong_checksum",
            f"{found}, whose number is as it should be",
            f"sample_checksum {header.checksum}, as the header says",
            f"{FIX_COPY}; if many files say so, their headers are stale: accept them with --no-checksum",
        )
    note = f"found {found}; the header says {header.checksum}"
    return replace(decoded, flags=(CHECKSUM_MISMATCH,), notes=(note,))


def _claim(header: SphereHeader) -> str:
    return f"{header.samples} samples per channel, as the header says"


def _bad(found: str, expected: str, reason: str = "wrong_header") -> BadInput:
    return BadInput(reason, found, f"{expected} (NIST SPHERE header)", FIX_COPY)
