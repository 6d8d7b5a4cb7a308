"""NIST SPHERE files as LDC ships them: a text header of 1,024 bytes, then samples, plain or in a Shorten stream.

Header fields and their order follow the sample files that come with sph2pipe; mu-law is ITU-T G.711.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fisherprep.demo.shorten import SampleType, encode

HEADER_BYTES = 1024
SHORTEN_CODING = "embedded-shorten-v2.00"

Coding = Literal["ulaw", "alaw", "pcm"]

_ULAW_BIAS = 132
"""G.711 mu-law on a 16-bit scale: 33 on the 14-bit scale of the recommendation."""
_ULAW_CLIP = 32767 - _ULAW_BIAS


def ulaw_bytes(samples: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Samples in -1..1 as G.711 mu-law bytes of the same shape; louder ones are clipped."""
    return ulaw_from_pcm(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16))


def ulaw_from_pcm(pcm: NDArray[np.int16]) -> NDArray[np.uint8]:
    """16-bit PCM as G.711 mu-law bytes of the same shape."""
    wide = pcm.astype(np.int32)
    magnitude = np.minimum(np.abs(wide), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.frexp(magnitude >> 7)[1].astype(np.int32) - 1
    step = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(wide < 0, 0x80, 0)
    return (~(sign | (segment << 4) | step) & 0xFF).astype(np.uint8)


def pcm_from_ulaw(ulaw: NDArray[np.uint8]) -> NDArray[np.int16]:
    """G.711 mu-law bytes as 16-bit PCM of the same shape."""
    bits = ~ulaw.astype(np.int32) & 0xFF
    magnitude = ((((bits & 0x0F) << 3) + _ULAW_BIAS) << ((bits >> 4) & 0x07)) - _ULAW_BIAS
    return np.where(bits & 0x80, -magnitude, magnitude).astype(np.int16)


def sphere_bytes(
    samples: NDArray,
    rate_hz: int,
    coding: Coding,
    *,
    shorten: bool,
    byte_format: str = "01",
    extra_fields: dict[str, str | int] | None = None,
) -> bytes:
    """A whole SPHERE file.

    Args:
        samples: ``[T, C]``: uint8 for ``ulaw`` and ``alaw``, int16 for ``pcm``.
        rate_hz: sample rate.
        coding: what the samples are.
        shorten: compress them into an embedded Shorten stream (A-law has none).
        byte_format: ``01`` little-endian or ``10`` big-endian, for ``pcm``.
        extra_fields: further header fields, written after the first ones.

    Raises:
        ValueError: samples, coding and byte format do not go together, or the header does not fit.
    """
    width = 2 if coding == "pcm" else 1
    if samples.ndim != 2 or samples.dtype != (np.int16 if width == 2 else np.uint8):
        raise ValueError(
            f"sphere: found {samples.dtype} samples of shape {samples.shape} for {coding}; expected [T, C]"
        )
    if byte_format not in ("01", "10") or (coding == "alaw" and shorten):
        raise ValueError(f"sphere: {coding} with byte format {byte_format}, shorten {shorten}: no such coding")
    fields: dict[str, str | int] = {
        **(extra_fields or {}),
        "channel_count": samples.shape[1],
        "sample_count": samples.shape[0],
        "sample_rate": rate_hz,
        **_range(samples, coding),
        "sample_n_bytes": width,
        "sample_byte_format": byte_format if width == 2 else "1",
        "sample_sig_bits": 8 * width,
        "sample_coding": f"{coding},{SHORTEN_CODING}" if shorten else coding,
        "sample_checksum": int(samples.sum(dtype=np.int64)) % 65536,
    }
    if shorten:
        pcm_type = SampleType.S16LH if byte_format == "01" else SampleType.S16HL
        return _header(fields) + encode(samples, pcm_type if coding == "pcm" else SampleType.ULAW)
    return _header(fields) + samples.astype((">i2" if byte_format == "10" else "<i2") if width == 2 else "u1").tobytes()


def _range(samples: NDArray, coding: Coding) -> dict[str, str | int]:
    """Lowest and highest sample, on the scale of 16-bit PCM."""
    if coding == "alaw" or samples.size == 0:
        return {}
    linear = pcm_from_ulaw(samples) if coding == "ulaw" else samples
    return {"sample_min": int(linear.min()), "sample_max": int(linear.max())}


def _header(fields: dict[str, str | int]) -> bytes:
    lines = ["NIST_1A", f"{HEADER_BYTES:7d}"]
    for name, value in fields.items():
        kind = "-i" if isinstance(value, int) else f"-s{len(value)}"
        lines.append(f"{name} {kind} {value}")
    header = "\n".join([*lines, "end_head", ""]).encode("ascii")
    if len(header) > HEADER_BYTES:
        raise ValueError(
            f"sphere: the header takes {len(header)} bytes; {HEADER_BYTES} are expected, give fewer fields"
        )
    return header.ljust(HEADER_BYTES, b" ")
