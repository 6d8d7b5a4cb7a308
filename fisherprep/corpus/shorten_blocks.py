"""The bit loop of the Shorten decoder, compiled by numba. `fisherprep.corpus.shorten` says what the numbers mean.

One compiled entry, `decode_blocks`, of one signature: it is compiled once per machine and kept in numba's cache (beside
this file, or in the user's cache folder where this one is read-only). The cache follows changes of this file alone, so
all that is compiled, constants too, stands here. Nothing in it allocates or raises: buffers come from the caller, and a
damaged stream ends with a status.

Legend: C channels, N samples per channel, H samples of history, L samples of a block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit as _njit
from numba import types
from numba.extending import intrinsic as _intrinsic

njit: Any = _njit  # the annotations of numba know neither all of its options nor what its decorators return
intrinsic: Any = _intrinsic

DIFF0, DIFF1, DIFF2, DIFF3, QUIT, BLOCKSIZE, BITSHIFT, QLPC, ZERO, VERBATIM = range(10)
CLEAN, CUT, UNKNOWN, IMPOSSIBLE, TOO_LONG = range(5)

# Low bits of the stream's numbers. Not plain int: numba would compile its functions once for each literal.
FUNCTION_BITS, ENERGY_BITS, SHIFT_BITS, ULONG_BITS = (np.int64(k) for k in (2, 3, 2, 2))
ORDER_BITS, COEFFICIENT_BITS, COUNT_BITS, BYTE_BITS = (np.int64(k) for k in (2, 5, 5, 8))
MAX_ENERGY = 30


_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_inner = njit(no_cpython_wrapper=True, **_OPTIONS)
"""For functions that only compiled ones call: they travel inside the entry's machine code."""


def _entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """`numba.njit`, cached on disk where there is a folder for it, else compiled anew in each process."""
    try:
        return njit(function, cache=True, **_OPTIONS)
    except RuntimeError:  # neither this folder nor the user's cache folder can be written
        return njit(function, **_OPTIONS)


@intrinsic
def _leading_zeros(typingctx, word):
    """Zero bits before the first one of a 64-bit word: one machine instruction; 64 for a word of zeros."""

    def codegen(context, builder, signature, args):
        return builder.ctlz(args[0], context.get_constant(types.boolean, False))

    return types.int64(types.uint64), codegen


@_inner
def _peek(words, position):
    """The 64 bits from ``position`` on."""
    index, used = position >> 6, np.uint64(position & 63)
    one, top = np.uint64(1), np.uint64(63)
    return (words[index] << used) | ((words[index + 1] >> one) >> (top - used))


@_inner
def _uvar(words, position, num_bits, low_bits):
    """One Rice code of up to 32 low bits: (value, new position). Past the end of the stream: (0, num_bits + 1)."""
    high = 0
    while position < num_bits:
        zeros = _leading_zeros(_peek(words, position))
        high += zeros
        position += zeros
        if zeros < 64:
            break
    position += 1 + low_bits
    if position > num_bits:
        return 0, num_bits + 1
    low = np.int64((_peek(words, position - low_bits) >> np.uint64(1)) >> np.uint64(63 - low_bits))
    return (high << low_bits) | low, position


@_inner
def _read_residuals(words, position, num_bits, low_bits, target, start, stop):
    """Read signed Rice codes into ``target[start:stop]``: the hot loop. Returns the new position.

    ``word`` holds the next ``left`` bits, leftmost first, and is filled again when a code does not fit in them.
    """
    fixed = low_bits + 1
    to_low = np.uint64(64 - low_bits)
    word, left = np.uint64(0), 0
    for i in range(start, stop):
        zeros = _leading_zeros(word)
        if zeros + fixed > left:
            word, left = _peek(words, position), 63
            zeros = _leading_zeros(word)
        used = zeros + fixed
        if used <= left:
            low = np.int64((word << np.uint64(zeros + 1)) >> to_low)
            value = (zeros << low_bits) | low
            word <<= np.uint64(used)
            left -= used
            position += used
        else:
            value, position = _uvar(words, position, num_bits, low_bits)
            if position > num_bits:
                return position
            left = 0
        target[i] = (value >> 1) ^ -(value & 1)
    return position


@_inner
def _divide(a, b):
    """Division that truncates toward zero, as C's does."""
    return a // b if a >= 0 else -((-a) // b)


@_inner
def _mean(means, version, shift):
    """What DIFF0 and QLPC predict around: the mean of the last blocks' means, in the units of the present shift."""
    if means.size == 0:
        return 0
    total = means.size // 2 if version > 1 else 0
    for i in range(means.size):
        total += means[i]
    mean = _divide(total, means.size)
    return mean >> shift if version > 1 else mean


@_inner
def _remember_mean(x, start, stop, means, version, shift):
    total = (stop - start) // 2 if version > 1 else 0
    for i in range(start, stop):
        total += x[i]
    for i in range(1, means.size):
        means[i - 1] = means[i]
    means[means.size - 1] = _divide(total, stop - start) << (shift if version > 1 else 0)


@_inner
def _integrate(x, start, stop, command, mean):
    """Turn residuals ``x[start:stop]`` into samples by the polynomial predictor; what precedes them is history."""
    last, before, third = x[start - 1], x[start - 2], x[start - 3]
    if command == DIFF0:
        for i in range(start, stop):
            x[i] += mean
    elif command == DIFF1:
        for i in range(start, stop):
            last += x[i]
            x[i] = last
    elif command == DIFF2:
        for i in range(start, stop):
            last, before = x[i] + 2 * last - before, last
            x[i] = last
    else:
        for i in range(start, stop):
            last, before, third = x[i] + 3 * (last - before) + third, last, before
            x[i] = last


@_inner
def _predict_linear(x, start, stop, mean, coefficients, order, version):
    """Turn residuals into samples by a quantised linear predictor around the mean."""
    rounding = 1 << COEFFICIENT_BITS if version > 1 else 0
    for i in range(start - order, start):
        x[i] -= mean
    for i in range(start, stop):
        total = rounding
        for j in range(order):
            total += coefficients[j] * x[i - 1 - j]
        x[i] += total >> COEFFICIENT_BITS
    for i in range(start, stop):
        x[i] += mean


@_inner
def _emit_ulaw(x, start, count, table, out, at):
    """Write samples; returns the sum of their mu-law bytes, and bits that are set where a rank was out of range."""
    total, odd = 0, 0
    for i in range(count):
        rank = x[start + i] + 128
        odd |= rank
        entry = table[rank & 255]
        out[at + i] = entry >> 8
        total += entry & 255
    return total, odd & ~255


@_inner
def _emit_pcm(x, start, count, shift, out, at):
    """Write samples; returns their sum, and bits that are set where one does not fit in 16 bits."""
    total, odd = 0, 0
    for i in range(count):
        sample = x[start + i] << shift
        odd |= sample + 32768
        out[at + i] = sample
        total += sample
    return total, odd & ~65535


@_inner
def _read_block(words, position, num_bits, command, x, start, stop, mean, coefficients, version):
    """Decode one block of one channel into ``x[start:stop]``: (status, new position)."""
    if command == ZERO:
        for i in range(start, stop):
            x[i] = 0
        return CLEAN, position
    energy, position = _uvar(words, position, num_bits, ENERGY_BITS)
    if energy > MAX_ENERGY:
        return IMPOSSIBLE, position
    order = 0
    if command == QLPC:
        order, position = _uvar(words, position, num_bits, ORDER_BITS)
        if order > coefficients.size:
            return IMPOSSIBLE, position
        position = _read_residuals(words, position, num_bits, COEFFICIENT_BITS + 1, coefficients, np.int64(0), order)
    if position <= num_bits:
        position = _read_residuals(words, position, num_bits, energy + 1, x, start, stop)
    if position > num_bits:
        return CUT, position
    if command == QLPC:
        _predict_linear(x, start, stop, mean, coefficients, order, version)
    else:
        _integrate(x, start, stop, command, mean)
    return CLEAN, position


@_inner
def _copy(source, start, target, count):
    """``target[:count] = source[start : start + count]``, which numba would compile for seconds."""
    for i in range(count):
        target[i] = source[start + i]


@_inner
def _emit(x, start, count, shift, table, is_ulaw, out, at):
    if is_ulaw:
        return _emit_ulaw(x, start, count, table[shift], out, at)
    return _emit_pcm(x, start, count, shift, out, at)


@_inner
def _read_block_size(words, position, num_bits):
    """(block size, new position); size 0 stands for one that cannot be."""
    low_bits, position = _uvar(words, position, num_bits, ULONG_BITS)
    if low_bits > 32:
        return 0, position
    return _uvar(words, position, num_bits, low_bits)


@_inner
def _skip_verbatim(words, position, num_bits):
    count, position = _uvar(words, position, num_bits, COUNT_BITS)
    while count > 0 and position <= num_bits:
        _, position = _uvar(words, position, num_bits, BYTE_BITS)
        count -= 1
    return position


@_entry
def decode_blocks(words, position, num_bits, version, out, table, is_ulaw, x, past, means, coefficients, fresh):
    """Run the commands of a stream.

    Args:
        words: the stream as uint64, first bit leftmost, with two words of zeros after its end.
        position: bit where the first command stands.
        num_bits: length of the stream.
        version: 1 or 2 (running means and rounding differ).
        out: ``[C, N]`` int16, filled block by block; samples past N are decoded, counted and dropped.
        table: ``[S, 256]`` int32: 16-bit sample and mu-law byte of each rank under each of the S shifts that there are.
        is_ulaw: samples are ranks of mu-law codes.
        x: ``[H + L]`` int64, room for a block and what precedes it.
        past: ``[C, H]`` int64 of zeros: each channel's last samples.
        means: ``[C, M]`` int64 of zeros: each channel's running means.
        coefficients: int64, as many as the highest order of the linear predictor.
        fresh: ``[C]`` int64: gets the sample at which each channel last had a block that depends on nothing before it.

    Returns:
        ``(status, samples that every channel has, checksum of those that were kept)``.
    """
    channels, wanted = out.shape
    history = past.shape[1]
    largest = block = x.size - history
    decoded: Any = np.int64(0)
    channel = shift = checksum = partial = decoded
    status = CLEAN
    while status == CLEAN:
        command, position = _uvar(words, position, num_bits, FUNCTION_BITS)
        if position > num_bits or (command == QUIT and channel != 0):
            status = CUT
        elif command == QUIT:
            break
        elif command == BLOCKSIZE:
            block, position = _read_block_size(words, position, num_bits)
            if block < 1 or block > largest or channel != 0:
                status = IMPOSSIBLE
        elif command == BITSHIFT:
            shift, position = _uvar(words, position, num_bits, SHIFT_BITS)
            if shift >= table.shape[0]:
                status = IMPOSSIBLE
        elif command == VERBATIM:
            position = _skip_verbatim(words, position, num_bits)
        elif command > ZERO:
            status = UNKNOWN
        elif decoded >= wanted + largest:
            status = TOO_LONG
        else:
            stop = history + block
            mean = _mean(means[channel], version, shift)
            _copy(past[channel], np.int64(0), x, history)
            status, position = _read_block(
                words, position, num_bits, command, x, history, stop, mean, coefficients, version
            )
            if status != CLEAN:
                break
            _copy(x, block, past[channel], history)
            if means.shape[1] > 0:
                _remember_mean(x, history, stop, means[channel], version, shift)
            count = max(0, min(block, wanted - decoded))
            total, odd = _emit(x, history, count, shift, table, is_ulaw, out[channel], decoded)
            if odd != 0:
                status = IMPOSSIBLE
                break
            if command in (ZERO, DIFF0):
                fresh[channel] = decoded
            partial += total
            channel += 1
            if channel == channels:
                channel, partial, checksum = 0, 0, (checksum + partial) & 65535
                decoded += block
    return status, decoded, checksum
