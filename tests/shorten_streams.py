"""Shorten streams that use every command of the format, written sample by sample with plain loops.

The package's own encoder writes what LDC's files hold: polynomial predictors and silence. Here are also bit shifts,
running means, linear predictors, changing block sizes, verbatim bytes and version 1, so that the decoder can be held
against other readers on all of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

DIFF0, DIFF1, DIFF2, DIFF3, QUIT, BLOCKSIZE, BITSHIFT, QLPC, ZERO, VERBATIM = range(10)
ULAW, PCM_BIG, PCM_LITTLE = 8, 3, 5
WRAP = 3


class Bits:
    """The format's numbers, appended to one string of zeros and ones."""

    def __init__(self) -> None:
        self.text = ""

    def uvar(self, value: int, k: int) -> None:
        low = format(value & ((1 << k) - 1), f"0{k}b") if k else ""
        self.text += "0" * (value >> k) + "1" + low

    def var(self, value: int, k: int) -> None:
        self.uvar(value << 1 if value >= 0 else (~value << 1) | 1, k + 1)

    def ulong(self, value: int) -> None:
        self.uvar(value.bit_length(), 2)
        self.uvar(value, value.bit_length())

    def to_bytes(self) -> bytes:
        """Filled up to 32 bits, as the readers take words."""
        text = self.text + "0" * (-len(self.text) % 32)
        return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


@dataclass
class Writer:
    """One stream under way. ``shift`` multiplies all samples of the blocks that follow."""

    kind: int = PCM_LITTLE
    channels: int = 1
    block: int = 16
    max_order: int = 0
    num_means: int = 0
    version: int = 2
    skip: bytes = b""
    shift: int = 0
    bits: Bits = field(default_factory=Bits)

    def __post_init__(self) -> None:
        for value in (self.kind, self.channels, self.block, self.max_order, self.num_means, len(self.skip)):
            self.bits.ulong(value)
        for byte in self.skip:
            self.bits.uvar(byte, 7)
        self.past = [[0] * max(WRAP, self.max_order) for _ in range(self.channels)]
        self.means = [[0] * self.num_means for _ in range(self.channels)]

    def command(self, number: int) -> None:
        self.bits.uvar(number, 2)

    def set_shift(self, shift: int) -> None:
        self.command(BITSHIFT)
        self.bits.uvar(shift, 2)
        self.shift = shift

    def set_block(self, block: int) -> None:
        self.command(BLOCKSIZE)
        self.bits.ulong(block)
        self.block = block

    def verbatim(self, content: bytes) -> None:
        self.command(VERBATIM)
        self.bits.uvar(len(content), 5)
        for byte in content:
            self.bits.uvar(byte, 8)

    def put(self, channel: int, samples: list[int], command: int, coefficients: tuple[int, ...] = ()) -> None:
        """One block of one channel, samples before the shift."""
        assert len(samples) == self.block
        mean = self._mean(channel)
        self.command(command)
        if command != ZERO:
            self._put_residuals(self._residuals(channel, samples, command, mean, coefficients), command, coefficients)
        if self.num_means:
            total = sum(samples) + (self.block // 2 if self.version > 1 else 0)
            new = _towards_zero(total, self.block) << (self.shift if self.version > 1 else 0)
            self.means[channel] = [*self.means[channel][1:], new]
        self.past[channel] = (self.past[channel] + samples)[-len(self.past[channel]) :]

    def finish(self) -> bytes:
        self.command(QUIT)
        return b"ajkg" + bytes([self.version]) + self.bits.to_bytes()

    def _mean(self, channel: int) -> int:
        if not self.num_means:
            return 0
        total = sum(self.means[channel]) + (self.num_means // 2 if self.version > 1 else 0)
        mean = _towards_zero(total, self.num_means)
        return mean >> self.shift if self.version > 1 else mean

    def _residuals(
        self, channel: int, samples: list[int], command: int, mean: int, coefficients: tuple[int, ...]
    ) -> list[int]:
        x = self.past[channel] + samples
        residuals = []
        for i in range(len(self.past[channel]), len(x)):
            a, b, c = x[i - 1], x[i - 2], x[i - 3]
            if command == QLPC:
                around = sum(k * (x[i - 1 - j] - mean) for j, k in enumerate(coefficients))
                guess = ((around + (32 if self.version > 1 else 0)) >> 5) + mean
            else:
                guess = {DIFF0: mean, DIFF1: a, DIFF2: 2 * a - b, DIFF3: 3 * (a - b) + c}[command]
            residuals.append(x[i] - guess)
        return residuals

    def _put_residuals(self, residuals: list[int], command: int, coefficients: tuple[int, ...]) -> None:
        energy = max(1, sum(abs(r) for r in residuals) // len(residuals)).bit_length() - 1
        self.bits.uvar(energy, 3)
        if command == QLPC:
            self.bits.uvar(len(coefficients), 2)
            for k in coefficients:
                self.bits.var(k, 5)
        for r in residuals:
            self.bits.var(r, energy)


def _towards_zero(a: int, b: int) -> int:
    return a // b if a >= 0 else -(-a // b)


def random_stream(seed: int) -> tuple[Writer, bytes, int]:
    """A stream of random commands: (its writer, the stream, samples per channel). The same for the same seed."""
    rng = random.Random(seed)
    kind = rng.choice([ULAW, PCM_BIG, PCM_LITTLE])
    version = 2 if kind == ULAW else rng.choice([1, 2, 2])
    max_order = rng.choice([0, 4, 9]) if version > 1 else 0  # sph2pipe leaves the rounding of version 1 undefined
    writer = Writer(kind, rng.choice([1, 2]), rng.choice([16, 40]), max_order, rng.choice([0, 1, 4, 7]), version)
    largest, num_samples = writer.block, 0
    for _ in range(rng.randrange(1, 12)):
        if rng.random() < 0.4:
            writer.set_shift(rng.randrange(13) if rng.random() < 0.7 else 0)
        if rng.random() < 0.2:
            writer.set_block(rng.randrange(max(1, max_order), largest + 1))
        bound = 127 if kind == ULAW else 32767 >> writer.shift
        for channel in range(writer.channels):
            _put_random_block(rng, writer, channel, bound)
        num_samples += writer.block
    return writer, writer.finish(), num_samples


def _put_random_block(rng: random.Random, writer: Writer, channel: int, bound: int) -> None:
    predictors = [DIFF0, DIFF1, DIFF2, DIFF3, ZERO, QLPC if writer.max_order else DIFF1]
    command = rng.choice(predictors)
    if command == ZERO:
        writer.put(channel, [0] * writer.block, ZERO)
        return
    order = rng.randrange(0, writer.max_order + 1) if command == QLPC else 0
    coefficients = tuple(rng.randrange(-20, 21) for _ in range(order))
    step, value, samples = rng.choice([1, 5, 60, 2000]), rng.randrange(-bound, bound + 1), []
    for _ in range(writer.block):
        value = max(-bound - 1, min(bound, value + rng.randrange(-step, step + 1)))
        samples.append(value)
    writer.put(channel, samples, command, coefficients)
