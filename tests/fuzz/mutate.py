"""Damage as files suffer it (flipped bits, cuts, repeats, splices), and as an adversary would add it (numbers)."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

MAX_BYTES = 1 << 18

_NUMBER = re.compile(rb"[0-9]+")
_NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"2",
    b"255",
    b"65536",
    b"2147483648",
    b"4294967295",
    b"99999999999999999999",
    b"1e9",
    b"",
)
_BYTES = (
    b"\0",
    b"\xff",
    b"\n",
    b"\r",
    b" ",
    b"-",
    b"(",
    b"[",
    b",",
    b";",
    b"\t",
    b"\x80",
    b"\xed\xa0\x80",
    b"\xe2\x80\xa8",
)


def _span(rng: Random, size: int) -> tuple[int, int]:
    """A piece of a file: mostly short, sometimes of any length."""
    start = rng.randrange(size + 1)
    longest = size - start if rng.random() < 0.2 else min(size - start, 64)
    return start, start + rng.randint(0, longest)


def _flip(rng: Random, raw: bytes, other: bytes) -> bytes:
    damaged = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if damaged:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _flip_early(rng: Random, raw: bytes, other: bytes) -> bytes:
    """Bits of the first bytes of the data behind a header of 1,024 bytes, or of the file."""
    start = 1024 if len(raw) > 1100 and rng.random() < 0.7 else 0
    return raw[:start] + _flip(rng, raw[start : start + 64], other) + raw[start + 64 :]


def _cut_end(rng: Random, raw: bytes, other: bytes) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)]


def _cut_out(rng: Random, raw: bytes, other: bytes) -> bytes:
    start, stop = _span(rng, len(raw))
    return raw[:start] + raw[stop:]


def _repeat(rng: Random, raw: bytes, other: bytes) -> bytes:
    start, stop = _span(rng, len(raw))
    return raw[:stop] + raw[start:stop] * rng.choice((1, 2, 16, 256)) + raw[stop:]


def _splice(rng: Random, raw: bytes, other: bytes) -> bytes:
    start, stop = _span(rng, len(other))
    at, end = _span(rng, len(raw))
    return raw[:at] + other[start:stop] + raw[rng.choice((at, end)) :]


def _overwrite(rng: Random, raw: bytes, other: bytes) -> bytes:
    start, stop = _span(rng, len(raw))
    filling = rng.choice((bytes(stop - start), rng.randbytes(stop - start), b"\xff" * (stop - start)))
    return raw[:start] + filling + raw[stop:]


def _insert(rng: Random, raw: bytes, other: bytes) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + rng.choice(_BYTES) * rng.choice((1, 1, 3, 200, 5000)) + raw[at:]


def _renumber(rng: Random, raw: bytes, other: bytes) -> bytes:
    """Another number in place of one of the first that stand in the file as text."""
    found = list(_NUMBER.finditer(raw[:4096]))
    if not found:
        return raw
    number = rng.choice(found)
    return raw[: number.start()] + rng.choice(_NUMBERS) + raw[number.end() :]


def _relabel(rng: Random, raw: bytes, other: bytes) -> bytes:
    """A number of a header's binary field, all bits of it."""
    if len(raw) < 48:
        return raw
    at, width = rng.randrange(44), rng.choice((1, 2, 4))
    value = rng.choice((0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32))) & ((1 << 8 * width) - 1)
    return raw[:at] + value.to_bytes(width, "little") + raw[at + width :]


def _shuffle_lines(rng: Random, raw: bytes, other: bytes) -> bytes:
    """Lines dropped, doubled or out of order near the start."""
    lines = raw.split(b"\n", 30)
    if len(lines) > 2:
        i, j = rng.randrange(len(lines) - 1), rng.randrange(len(lines) - 1)
        lines[i] = rng.choice((lines[j], b"", lines[i] + b"\n" + lines[j]))
    return b"\n".join(lines)


_MUTATIONS: tuple[Callable[[Random, bytes, bytes], bytes], ...] = (
    _flip,
    _flip_early,
    _cut_end,
    _cut_out,
    _repeat,
    _splice,
    _overwrite,
    _insert,
    _renumber,
    _relabel,
    _shuffle_lines,
)


def mutated(rng: Random, seeds: tuple[bytes, ...]) -> bytes:
    """One of the seeds with one to four kinds of damage."""
    raw = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 2, 4))):
        raw = rng.choice(_MUTATIONS)(rng, raw, rng.choice(seeds))[:MAX_BYTES]
    return raw
