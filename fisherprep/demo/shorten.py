"""Shorten version 2, the lossless compression inside LDC's SPHERE files: the encoder.

A stream is the magic ``ajkg``, a version byte and then one kind of symbol only, ``uvar(value, k)``: value >> k zero
bits, a one bit, the k low bits of the value (a Rice code). Arrays of values and ks are built for many blocks at once
and packed into bits together, so that nothing loops over samples or bits.

Format: T. Robinson, "SHORTEN: Simple lossless and near-lossless waveform compression", Cambridge University Engineering
Department, CUED/F-INFENG/TR.156, 1994; the constants of version 2 as LDC's reader has them (sph2pipe, ``shorten_x.c``).

Legend: C channels, T samples per channel, B blocks, L samples per block and channel, S symbols.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

MAGIC = b"ajkg"
VERSION = 2
BLOCK_SAMPLES = 256

Ints = NDArray[np.int32]


class SampleType(IntEnum):
    """File types of the stream's header (sph2pipe ``TYPE_*``)."""

    S16HL = 3
    """16-bit PCM, big-endian in the SPHERE file (byte format 10)."""
    S16LH = 5
    """16-bit PCM, little-endian (byte format 01)."""
    ULAW = 8
    """mu-law bytes, put in order of amplitude without loss (``TYPE_AU2``)."""


FN_DIFF0, FN_QUIT, FN_BLOCKSIZE, FN_ZERO = 0, 4, 5, 8
FN_BITS, ENERGY_BITS, ULONG_BITS = 2, 3, 2
NUM_PREDICTORS = 4
"""DIFF0 to DIFF3: the polynomial predictors of order 0 to 3 (TR.156, section 3.2)."""
HISTORY = 3
"""Samples before a block that DIFF3 looks back on; zeros before the first block."""

DEFAULT_NUM_MEANS = {SampleType.ULAW: 0, SampleType.S16HL: 4, SampleType.S16LH: 4}
"""Blocks whose means DIFF0 subtracts, as in the sample files that come with sph2pipe (0 for mu-law, 4 for PCM)."""

_GROUP_BLOCKS = 512
"""Blocks coded together: bounds memory, and keeps the arrays in the processor's cache."""


def encode(samples: NDArray, sample_type: SampleType, num_means: int | None = None) -> bytes:
    """Compress samples into a Shorten stream that ends on a 32-bit word, as the readers' ``word_get`` needs it.

    Args:
        samples: ``[T, C]``: mu-law bytes (uint8) for ``ULAW``, else int16 PCM.
        sample_type: what the samples are, and for PCM which byte order a reader shall restore.
        num_means: length of the running mean of DIFF0; None: as LDC's files of that type have it.

    Raises:
        ValueError: the array is not ``[T, C]`` or its type does not fit ``sample_type``.
    """
    expected = np.uint8 if sample_type is SampleType.ULAW else np.int16
    if samples.ndim != 2 or samples.shape[1] == 0 or samples.dtype != expected:
        raise ValueError(
            f"shorten: found {samples.dtype} samples of shape {samples.shape}; "
            f"expected {np.dtype(expected)} of shape [T, C] for {sample_type.name}"
        )
    num_means = DEFAULT_NUM_MEANS[sample_type] if num_means is None else num_means
    num_samples, channels = samples.shape
    num_blocks, tail = divmod(num_samples, BLOCK_SAMPLES)
    x = np.zeros((channels, HISTORY + num_samples), np.int32)
    x[:, HISTORY:] = (_ordered(samples) if sample_type is SampleType.ULAW else samples).T
    offsets = _running_means(x[:, HISTORY:], num_blocks, num_means)

    bits = _BitWriter()
    for value in (sample_type, channels, BLOCK_SAMPLES, 0, num_means, 0):  # maxnlpc 0; no bytes to skip
        bits.put_ulong(value)
    for first in range(0, num_blocks, _GROUP_BLOCKS):
        last = min(first + _GROUP_BLOCKS, num_blocks)
        span = x[:, first * BLOCK_SAMPLES : last * BLOCK_SAMPLES + HISTORY]
        bits.put(*_code_blocks(span, offsets[:, first:last]))
    if tail:
        bits.put(np.array([FN_BLOCKSIZE]), np.array([FN_BITS]))
        bits.put_ulong(tail)
        bits.put(*_code_blocks(x[:, num_blocks * BLOCK_SAMPLES :], offsets[:, num_blocks:]))
    bits.put(np.array([FN_QUIT]), np.array([FN_BITS]))
    return MAGIC + bytes([VERSION]) + bits.to_bytes()


def _ordered(ulaw: NDArray[np.uint8]) -> NDArray[np.int16]:
    """mu-law bytes in order of amplitude, -128 to 127, one to one (the inverse of sph2pipe's ``ulaw_outward[0]``)."""
    byte = ulaw.astype(np.int16)
    return np.where(byte >= 128, 255 - byte, byte - 128).astype(np.int16)


def _running_means(x: Ints, num_blocks: int, num_means: int) -> Ints:
    """``[C, B + 1]``: what DIFF0 subtracts in each whole block, and in the tail: the mean of the means before it."""
    if num_means == 0:
        return np.zeros((x.shape[0], num_blocks + 1), np.int32)
    whole = x[:, : num_blocks * BLOCK_SAMPLES].reshape(x.shape[0], num_blocks, BLOCK_SAMPLES)
    means = _divide(whole.sum(axis=2, dtype=np.int64) + BLOCK_SAMPLES // 2, BLOCK_SAMPLES)
    sums = np.cumsum(np.pad(means, ((0, 0), (num_means + 1, 0))), axis=1)
    return _divide(sums[:, num_means:] - sums[:, :-num_means] + num_means // 2, num_means).astype(np.int32)


def _divide(a: NDArray[np.int64], b: int) -> NDArray[np.int64]:
    """Division that rounds towards zero, as C's does."""
    return np.sign(a) * (np.abs(a) // b)


@dataclass(frozen=True)
class _Coded:
    """Every block under one predictor and the Rice parameter that suits it best."""

    bits: NDArray[np.int64]
    """[C, B] bits that the residuals take."""
    rice: Ints
    """[C, B] low bits of a residual."""
    residuals: Ints
    """[C, B, L], signs folded into the lowest bit."""


def _code_blocks(x: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """Symbols ``(values [S], ks [S])`` of consecutive blocks: block by block, in each one channel after the other.

    Args:
        x: ``[C, HISTORY + B * L]``.
        offsets: ``[C, B]``, what DIFF0 subtracts.
    """
    best = _rice(_residuals(x, 0, offsets))
    predictor = np.zeros_like(best.rice)
    for order in range(1, NUM_PREDICTORS):
        other = _rice(_residuals(x, order, offsets))
        better = other.bits < best.bits
        predictor[better] = order
        best = _Coded(
            np.where(better, other.bits, best.bits),
            np.where(better, other.rice, best.rice),
            np.where(better[:, :, None], other.residuals, best.residuals),
        )
    silent = ~x[:, HISTORY:].reshape(best.residuals.shape).any(axis=2)

    channels, blocks, length = best.residuals.shape
    values = np.empty((blocks, channels, 2 + length), np.int32)
    ks = np.empty_like(values)
    values[:, :, 0] = np.where(silent, FN_ZERO, predictor).T
    values[:, :, 1] = best.rice.T - 1  # the reader adds the bit of the sign
    values[:, :, 2:] = best.residuals.transpose(1, 0, 2)
    ks[:, :, 0] = FN_BITS
    ks[:, :, 1] = ENERGY_BITS
    ks[:, :, 2:] = best.rice.T[:, :, None]
    written = np.ones(values.shape, bool)
    written[silent.T, 1:] = False
    return values[written], ks[written]


def _residuals(x: Ints, order: int, offsets: Ints) -> Ints:
    """``[C, B, L]``: what the predictor of that order leaves, signs folded into the lowest bit."""
    left = np.diff(x[:, HISTORY - order :], n=order).reshape(*offsets.shape, -1)
    if order == FN_DIFF0:
        left = left - offsets[:, :, None]
    return (left << 1) ^ (left >> 31)


def _rice(residuals: Ints) -> _Coded:
    """The Rice parameter (1 or more) that codes each block in the fewest bits, by trying all of them."""
    length = residuals.shape[2]
    halved = residuals >> 1
    bits = halved.sum(axis=2, dtype=np.int64) + 2 * length
    rice = np.ones(bits.shape, np.int32)
    for k in range(2, max(2, int(residuals.max(initial=0)).bit_length() + 1)):
        halved >>= 1
        other = halved.sum(axis=2, dtype=np.int64) + (k + 1) * length
        rice[other < bits] = k
        np.minimum(bits, other, out=bits)
    return _Coded(bits, rice, residuals)


class _BitWriter:
    """Packs symbols into 32-bit words, most significant bit first; the last word may be partly filled."""

    def __init__(self) -> None:
        self._words: list[NDArray[np.uint32]] = []
        self._open_word = 0
        self._open_bits = 0

    def put(self, values: NDArray, ks: NDArray) -> None:
        """Append ``uvar(value, k)`` for each pair; values at least 0, ks at most 30."""
        values, ks = values.astype(np.int64), ks.astype(np.int64)
        ends = np.cumsum((values >> ks) + 1 + ks) + self._open_bits
        code = (values & ((1 << ks) - 1)) | (1 << ks)  # zero bits before it need no writing
        word = (ends - 1) >> 5
        code <<= 31 - ((ends - 1) & 31)
        num_words = int(word[-1]) + 1
        packed = _sum_by_word(word, code & 0xFFFFFFFF, num_words)
        crossing = np.flatnonzero(code >> 32)
        packed += _sum_by_word(word[crossing] - 1, code[crossing] >> 32, num_words)
        packed[0] |= self._open_word
        self._open_bits = int(ends[-1]) & 31
        full = num_words - (self._open_bits > 0)
        self._open_word = int(packed[full]) if self._open_bits else 0
        self._words.append(packed[:full].astype(np.uint32))

    def put_ulong(self, value: int) -> None:
        """Append a number of any size: how many bits it has, then these."""
        size = int(value).bit_length()
        self.put(np.array([size, value]), np.array([ULONG_BITS, size]))

    def to_bytes(self) -> bytes:
        """Everything so far, filled up with zero bits to a whole word."""
        words = [*self._words, np.array([self._open_word] if self._open_bits else [], np.uint32)]
        return np.concatenate(words).astype(">u4").tobytes()


def _sum_by_word(word: NDArray[np.int64], code: NDArray[np.int64], num_words: int) -> NDArray[np.int64]:
    """Put codes into their words. Codes of one word share no bit, so their sum is their union (exact: below 2**53)."""
    return np.bincount(word, weights=code, minlength=num_words).astype(np.int64)
