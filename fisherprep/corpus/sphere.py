"""NIST SPHERE: header and samples, as LDC ships them, plain or with embedded Shorten.

What the samples are is read from the data where the data tells (the Shorten magic ``ajkg``, its channels, its type),
from the header where it does not, and every claim of the header that can be compared with the data is compared: number
of samples, channels, sample width, and for Shorten the checksum. A claim that fails is an error, never noise and never
a short result.

Sources: the header as NIST's SPHERE manual and the sample files of sph2pipe have it; mu-law and A-law: ITU-T G.711.

Legend: C channels, N samples per channel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus.problems import BadInput, quoted

MAGIC = b"NIST_1A\n"
SHORTEN_MAGIC = b"ajkg"
MAX_HEADER_BYTES = 1 << 20
MAX_CHANNELS = 64
MAX_RATE_HZ = 384_000
MAX_PADDING_BYTES = 1024
"""Bytes allowed after the last sample: devices with fixed blocks fill up the last one."""
MAX_PADDING_SAMPLES = 256
"""Samples per channel allowed after the last one of a Shorten stream: one block, where an encoder fills up the last."""

FIX_COPY = "copy the file from the release again"

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
        rate_hz=integer("sample_rate", 1, MAX_RATE_HZ),
        sample_bytes=integer("sample_n_bytes", 1, 8),
        coding=fields.get("sample_coding", "pcm").lower(),
        byte_format=fields.get("sample_byte_format", ""),
        checksum=integer("sample_checksum", 0, 65535) if "sample_checksum" in fields else None,
        interleaved=fields.get("channels_interleaved", "TRUE").upper() != "FALSE",
    )


def decode(raw: bytes) -> tuple[NDArray[np.int16], int, str]:
    """Decode a SPHERE file: samples ``[C, N]``, rate in Hz, and what the content is (``sphere-ulaw-shorten``).

    Raises:
        BadInput: the header is damaged, a coding is unknown, or header and data disagree.
    """
    header = parse_header(raw)
    if not header.interleaved:
        raise _bad("channels_interleaved FALSE", "samples of all channels side by side", reason="unknown_coding")
    data = raw[header.size :]
    if not data:
        raise BadInput("truncated_audio", "a header and no data", f"{header.samples} samples", FIX_COPY)
    if data.startswith(SHORTEN_MAGIC):
        samples, name = _decode_shorten(header, data)
    else:
        samples, name = _decode_plain(header, data)
    return samples, header.rate_hz, f"sphere-{name}"


# -- plain samples ---------------------------------------------------------------------------------------------------


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


TABLES = {"ulaw": _ulaw_table(), "alaw": _alaw_table()}
"""Byte -> 16-bit sample (ITU-T G.711, on the 16-bit scale that sph2pipe and libsndfile use)."""


def _decode_plain(header: SphereHeader, data: bytes) -> tuple[NDArray[np.int16], str]:
    coding = _plain_coding(header)
    expected = header.samples * header.channels * header.sample_bytes
    claim = f"{expected} bytes for {header.samples} samples of {header.channels} channels"
    _, _, compression = header.coding.partition(",")
    if compression and len(data) != expected:
        # A header may still name the compression of a file that was decompressed; its length tells.
        raise BadInput(
            "unknown_coding",
            f"{header.coding} without the magic {SHORTEN_MAGIC!r}, {len(data)} bytes",
            f"a Shorten stream, or {claim} uncompressed",
            FIX_COPY,
        )
    if len(data) < expected:
        raise BadInput("truncated_audio", f"{len(data)} bytes of samples", claim, FIX_COPY)
    if len(data) > expected + MAX_PADDING_BYTES:
        raise BadInput("wrong_header", f"{len(data)} bytes of samples", claim, FIX_COPY)
    if coding == "pcm":
        order = {"01": "<i2", "10": ">i2"}[header.byte_format]
        flat = np.frombuffer(data, order, expected // 2).astype(np.int16)
        return _channels(flat, header.channels), "pcm16"
    return _channels(TABLES[coding][np.frombuffer(data, np.uint8, expected)], header.channels), coding


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


def _decode_shorten(header: SphereHeader, data: bytes) -> tuple[NDArray[np.int16], str]:
    channels, is_ulaw, pcm = _shorten_to_pcm(data)
    name = "ulaw" if is_ulaw else "pcm"
    if channels != header.channels:
        raise BadInput(
            "wrong_header",
            f"channel_count {header.channels}, and a Shorten stream of {channels} channels",
            "the same number of channels in header and stream",
            FIX_COPY,
        )
    flat = np.frombuffer(pcm, "<i2")
    decoded = len(flat) // channels
    if not header.samples <= decoded <= header.samples + MAX_PADDING_SAMPLES:
        reason = "truncated_audio" if decoded < header.samples else "wrong_header"
        raise BadInput(
            reason, f"{decoded} samples per channel decoded", f"{header.samples}, as the header says", FIX_COPY
        )
    flat = flat[: header.samples * channels]
    _check_sum(header, flat, is_ulaw)
    return _channels(flat, channels), f"{'ulaw' if name == 'ulaw' else 'pcm16'}-shorten"


def _shorten_to_pcm(data: bytes) -> tuple[int, bool, bytes]:
    import desphere_native

    try:
        return desphere_native.shorten_to_pcm(data)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as err:  # a panic of the native decoder is no Exception
        raise BadInput(
            "corrupt_audio", f"Shorten data that do not decode ({err})", "a Shorten v2 stream", FIX_COPY
        ) from err


def _check_sum(header: SphereHeader, flat: NDArray[np.int16], is_ulaw: bool) -> None:
    """Compare the header's checksum with the samples.

    One wrong bit of a Shorten stream spoils all that follows, often without an error of the decoder. Plain files are
    not checked: converters leave the field as it was. Mu-law is summed as bytes, and the decoder gives plus and minus
    zero (255 and 127) alike, so there the sums are compared modulo 128.
    """
    if header.checksum is None:
        return
    values = _ULAW_BYTES[flat.view(np.uint16)] if is_ulaw else flat
    modulus = 128 if is_ulaw else 65536
    found = int(values.sum(dtype=np.int64)) % modulus
    if found != header.checksum % modulus:
        raise BadInput(
            "corrupt_audio",
            f"checksum {found} (modulo {modulus}) of the decoded samples",
            f"{header.checksum % modulus}, from sample_checksum {header.checksum}",
            FIX_COPY,
        )


def _ulaw_inverse() -> NDArray[np.uint8]:
    inverse = np.zeros(65536, np.uint8)
    inverse[TABLES["ulaw"].view(np.uint16)] = np.arange(256, dtype=np.uint8)
    return inverse


_ULAW_BYTES = _ulaw_inverse()
"""16-bit sample (as unsigned) -> the mu-law byte that stands for it."""


def _channels(flat: NDArray[np.int16], channels: int) -> NDArray[np.int16]:
    return np.ascontiguousarray(flat.reshape(-1, channels).T)


def _bad(found: str, expected: str, reason: str = "wrong_header") -> BadInput:
    return BadInput(reason, found, f"{expected} (NIST SPHERE header)", FIX_COPY)
