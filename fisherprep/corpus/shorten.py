"""Embedded Shorten (versions 1 and 2), decoded in process at the speed of compiled code.

The format is that of Tony Robinson, "SHORTEN: Simple lossless and near-lossless waveform compression" (Cambridge
University, CUED/F-INFENG/TR.156, 1994), as NIST and the LDC embed it in SPHERE files: the magic ``ajkg``, a version
byte, then a stream of bits, most significant first. Numbers are Rice codes: ``uvar(k)`` is a unary high part ended by a
1 and ``k`` low bits; ``var(k)`` folds the sign into the lowest bit; ``ulong`` gives its own ``k`` first.

A block is a command and, per sample, the residual of a polynomial predictor (DIFF0-3), of a linear predictor (QLPC), or
nothing (ZERO). Channels alternate block by block. What is here reads the stream's header and makes the tables; the loop
over bits is in `fisherprep.corpus.shorten_blocks`.

Legend: C channels, N samples per channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fisherprep.corpus.g711 import ULAW_TO_PCM

MAGIC = b"ajkg"
MAX_SHIFT = 12
MAX_BLOCK, MAX_ORDER, MAX_MEANS, MAX_CHANNELS, MAX_SKIP = 1 << 16, 64, 64, 8, 1024
"""What an encoder may choose; LDC's files have blocks of 256, order 0, up to 4 means, up to 2 channels, no skipping."""

_ULAW_TYPE, _PCM16_TYPES = 8, (3, 5)
_MIN_HISTORY = 3
"""Samples before a block that DIFF3 looks back on."""

CUT = "the compressed stream ends in the middle of a block"
TOO_LONG = "the compressed stream goes on past the samples that the header promises"
_ERRORS = (  # by the statuses of shorten_blocks
    None,
    CUT,
    "the compressed stream holds an unknown command",
    "the compressed stream holds an impossible value",
    TOO_LONG,
)


@dataclass(frozen=True)
class Stream:
    """What a stream held: the samples that are whole, and why there are no more."""

    samples: NDArray[np.int16]
    """``[C, N]``: whole blocks of all channels, up to the number asked for"""
    coding: str
    """``ulaw`` or ``pcm16``: what was compressed"""
    checksum: int
    """sum of the uncompressed values (mu-law bytes, or 16-bit samples) of all channels, modulo 65,536"""
    num_decoded: int
    """samples per channel that the stream held, those past the number asked for too"""
    num_sure: int
    """samples per channel before the last place where all channels started anew. A wrong bit that goes unnoticed shifts
    all samples after it, up to a block that depends on none before it; so damage that shows lies after this place, or
    has put the bits out of step shortly before it showed. 0 where running means make every block depend on others"""
    error: str | None
    """why decoding stopped early; None where the stream ended as it should"""


def decode(data: bytes, num_samples: int) -> Stream:
    """Decode the bytes that follow a SPHERE header. Memory: 2 bytes for each sample asked for, and the stream's size.

    Args:
        data: the stream, beginning with ``ajkg``.
        num_samples: samples per channel that the SPHERE header promises; at most so many are kept.

    Raises:
        ValueError: the stream's own header is damaged, or of a kind that is not supported.
    """
    from fisherprep.corpus import shorten_blocks  # imports numba

    version, fields, position = _read_header(data)
    sample_type, channels, block, max_order, num_means, _ = fields
    is_ulaw = sample_type == _ULAW_TYPE
    words, num_bits = _as_words(data)
    history = max(_MIN_HISTORY, max_order)
    out = np.empty((channels, num_samples), np.int16)
    fresh = np.zeros(channels, np.int64)
    status, decoded, checksum = shorten_blocks.decode_blocks(
        words,
        position,
        num_bits,
        version,
        out,
        _ulaw_table(),
        is_ulaw,
        np.zeros(history + block, np.int64),
        np.zeros((channels, history), np.int64),
        np.zeros((channels, num_means), np.int64),
        np.zeros(max_order, np.int64),
        fresh,
    )
    num_sure = int(fresh.min()) if num_means == 0 else 0
    kept = out if decoded >= num_samples else out[:, :decoded].copy()
    return Stream(kept, "ulaw" if is_ulaw else "pcm16", checksum, decoded, num_sure, _ERRORS[status])


def num_channels(data: bytes) -> int:
    """Channels of a stream.

    Raises:
        ValueError: as `decode`.
    """
    return _read_header(data)[1][1]


def _as_words(stream: bytes) -> tuple[NDArray[np.uint64], int]:
    """The stream as 64-bit words, with zeros after it so that looking ahead at its end stays inside the array."""
    padded = stream + bytes(24 - len(stream) % 8)
    return np.frombuffer(padded, ">u8").astype(np.uint64), 8 * len(stream)


def _read_header(data: bytes) -> tuple[int, tuple[int, ...], int]:
    """Version, the six fields after it (`_check_fields` names them), and the bit where the blocks begin."""
    if data[:4] != MAGIC or len(data) < 6:
        raise ValueError(f"data that begin with {data[:5]!r}: expected {MAGIC!r} and a version byte")
    version = data[4]
    if version not in (1, 2):
        raise ValueError(f"Shorten version {version}: expected 1 or 2")
    bits = _HeaderBits(data, position=40)
    fields = tuple(bits.ulong() for _ in range(6))
    _check_fields(fields)
    for _ in range(fields[5]):
        bits.uvar(7)
    return version, fields, bits.position


def _check_fields(fields: tuple[int, ...]) -> None:
    sample_type, channels, block, max_order, num_means, skip = fields
    if sample_type != _ULAW_TYPE and sample_type not in _PCM16_TYPES:
        raise ValueError(f"Shorten sample type {sample_type}: expected 8 (mu-law), 3 or 5 (16-bit PCM)")
    limits = (
        ("channel count", channels, 1, MAX_CHANNELS),
        ("block size", block, 1, MAX_BLOCK),
        ("predictor order", max_order, 0, MAX_ORDER),
        ("number of means", num_means, 0, MAX_MEANS),
        ("number of skipped bytes", skip, 0, MAX_SKIP),
    )
    for name, value, low, high in limits:
        if not low <= value <= high:
            raise ValueError(f"Shorten {name} {value}: expected {low} to {high}")


class _HeaderBits:
    """Reads the few numbers of a stream's header. ``position`` is the next bit."""

    def __init__(self, data: bytes, position: int) -> None:
        self._bits = bin(int.from_bytes(b"\1" + data[: 64 + 3 * MAX_SKIP]))[3:]
        self.position = position

    def uvar(self, low_bits: int) -> int:
        one = self._bits.find("1", self.position)
        end = one + 1 + low_bits
        if one < 0 or end > len(self._bits):
            raise ValueError("a Shorten stream that ends within its own header: expected six numbers and blocks")
        high = one - self.position
        low = self._bits[one + 1 : end]
        self.position = end
        return high << low_bits | int(low or "0", 2)

    def ulong(self) -> int:
        size = self.uvar(2)
        return self.uvar(min(size, 64))


@cache
def _ulaw_table() -> NDArray[np.int32]:
    """``[13, 256]``: for each bit shift and each rank (+128), the 16-bit sample times 256, plus the mu-law byte."""
    codes = ulaw_codes()
    table = ULAW_TO_PCM[codes].astype(np.int32) * 256 + codes
    table.flags.writeable = False
    return table


def ulaw_codes() -> NDArray[np.uint8]:
    """``[13, 256]``: the mu-law byte that each rank from -128 to 127 stands for under each bit shift.

    Without a shift ranks order the bytes by loudness: 0 to 127 are the positive codes 255 to 128, -1 is the negative
    zero (127), -2 to -128 are the negative codes 126 to 0. Under a shift, the ranks nearest to 0 stand for the codes
    that a shifted value can reach, in order of loudness, and those farther out for all the others, so that each shift
    is a way to number the bytes again.
    """
    codes = np.empty((MAX_SHIFT + 1, 256), np.uint8)
    for shift in range(MAX_SHIFT + 1):
        reached = _loudness_reached(shift)
        others = [n for n in range(128) if n not in reached]
        codes[shift, 128:] = [255 - n for n in reached + others]
        negative = reached[1:]
        if shift > 7:  # readers number the loudest negative code among those that large shifts reach
            negative, others = [*negative, 127], others[:-1]
        codes[shift, 127] = 127
        codes[shift, 126::-1] = [127 - n for n in [*negative, 0, *others][:127]]
    return codes


def _loudness_reached(shift: int) -> list[int]:
    """The loudness, as a number of quantisation steps above zero, of each code that a value shifted so can have.

    Steps double from one segment of 16 codes to the next (ITU-T G.711): a magnitude m under a shift s lies m * 2**s
    steps above zero where that is in the first segment, and in later ones correspondingly fewer.
    """
    reached = []
    for magnitude in range(128):
        start, loudness = 0, magnitude << shift
        for segment in range(1, shift + 1):
            start = 8 * segment + start // 2
            loudness = min(loudness, (magnitude << (shift - segment)) + start)
        if loudness < 128:
            reached.append(loudness)
    return reached
