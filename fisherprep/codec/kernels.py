"""Matrix products on tensor cores with the accuracy of float32: what all of Mimi's layers are made of here.

Half precision alone changes one code in six of a codec whose codes follow the sound, TF32 rounds as coarsely. Here each
number is the sum of two halves, ``x = hi + lo`` with 22 bits of mantissa, and a product is ``hi*hi + hi*lo + lo*hi`` in
three passes of the half-precision tensor cores, summed in float32 (as Ootomo & Yokota 2022, arXiv 2203.03341, do for
single-precision matrix products). Each output element is summed in an order that depends on the weights' shape alone,
so a signal's latents do not depend, in any bit, on what else is in the batch.

A strided convolution of kernel 2s and stride s over C channels is one of kernel 2 and stride 1 over s * C channels of
the same memory, so that every layer is a matrix product over one, two or three "taps" of consecutive rows.

Legend: M rows (one per time step, all sequences one after the other), D width, K inputs, N outputs, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

Split = tuple[torch.Tensor, torch.Tensor]
"""Halves ``hi, lo`` of a matrix [M, D]."""

NONE, ELU, GELU = 0, 1, 2


@dataclass(frozen=True)
class Weight:
    """A layer as a matrix: halves [taps * K, N] of the weight over ``scale`` [N], which brings it to at most 1."""

    hi: torch.Tensor
    lo: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor | None
    taps: int

    @property
    def num_in(self) -> int:
        """K."""
        return self.hi.shape[0] // self.taps

    @property
    def num_out(self) -> int:
        """N."""
        return self.hi.shape[1]


def as_weight(weight: torch.Tensor, bias: torch.Tensor | None, stride: int = 1, gain: Any = None) -> Weight:
    """A convolution's weight [N, C, k] or a linear layer's [N, C]; ``gain`` [N] is a layer scale."""
    if weight.ndim == 2:
        weight = weight[:, :, None]
    matrix = weight.detach().float().permute(2, 1, 0).flatten(0, 1).contiguous()
    scale = torch.exp2(torch.ceil(torch.log2(matrix.abs().amax(0).clamp(min=1e-30))))
    hi, lo = split(matrix / scale)
    return Weight(hi, lo, scale if gain is None else scale * gain.detach(), bias, weight.shape[2] // stride)


def split(x: torch.Tensor) -> Split:
    """The halves of float32 numbers."""
    hi = x.half()
    return hi, (x - hi.float()).half()


@triton.jit
def halves(x):
    """The halves of float32 numbers, inside a kernel."""
    hi = x.to(tl.float16)
    return hi, (x - hi.to(tl.float32)).to(tl.float16)


@triton.jit
def elu(x):
    """ELU of float32 numbers."""
    small = x * (1.0 + x * (0.5 + x * (1.0 / 6 + x * (1.0 / 24))))  # exp(x) - 1 cancels near 0
    return tl.where(x > 0, x, tl.where(x > -0.03, small, tl.exp(x) - 1.0))


@triton.jit
def dot3(a_hi, a_lo, b_hi, b_lo, acc):
    """``acc`` plus the product of two matrices in halves, without ``lo * lo``."""
    acc = tl.dot(a_lo, b_hi, acc)
    acc = tl.dot(a_hi, b_lo, acc)
    return tl.dot(a_hi, b_hi, acc)


@triton.jit
def _product_kernel(
    a_hi, a_lo, w_hi, w_lo, scale, bias, skip, raw, out_hi, out_lo, num_rows, steps,
    num_in: tl.constexpr, num_out: tl.constexpr, TAPS: tl.constexpr, ACT: tl.constexpr, HAS_BIAS: tl.constexpr,
    HAS_SKIP: tl.constexpr, HAS_RAW: tl.constexpr, HAS_OUT: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    blocks_n: tl.constexpr = (num_out + BN - 1) // BN
    blocks_k: tl.constexpr = (num_in + BK - 1) // BK
    whole: tl.constexpr = (num_in % BK == 0) and (num_out % BN == 0)
    pid = tl.program_id(0)
    n = (pid % blocks_n) * BN + tl.arange(0, BN)
    m = (pid // blocks_n) * BM + tl.arange(0, BM)
    step = m % steps
    inside = m < num_rows
    acc = tl.zeros((BM, BN), tl.float32)
    for i in range(TAPS * blocks_k):
        tap = i // blocks_k
        k = (i % blocks_k) * BK + tl.arange(0, BK)
        back = TAPS - 1 - tap
        there = (inside & (step >= back))[:, None]
        offset = (m - back).to(tl.int64)[:, None] * num_in + k[None, :]
        at = (tap * num_in + k)[:, None] * num_out + n[None, :]
        if whole:
            b_hi = tl.load(w_hi + at)
            b_lo = tl.load(w_lo + at)
        else:
            there = there & (k < num_in)[None, :]
            used = (k < num_in)[:, None] & (n < num_out)[None, :]
            b_hi = tl.load(w_hi + at, mask=used, other=0.0)
            b_lo = tl.load(w_lo + at, mask=used, other=0.0)
        x_hi = tl.load(a_hi + offset, mask=there, other=0.0)
        x_lo = tl.load(a_lo + offset, mask=there, other=0.0)
        acc = dot3(x_hi, x_lo, b_hi, b_lo, acc)
    used_n = n < num_out
    acc = acc * tl.load(scale + n, mask=used_n, other=0.0)[None, :]
    if HAS_BIAS:
        acc += tl.load(bias + n, mask=used_n, other=0.0)[None, :]
    place = m.to(tl.int64)[:, None] * num_out + n[None, :]
    mask = inside[:, None] & used_n[None, :]
    if HAS_SKIP:
        acc += tl.load(skip + place, mask=mask, other=0.0)
    if HAS_RAW:
        tl.store(raw + place, acc, mask=mask)
    if HAS_OUT:
        if ACT == 1:
            acc = elu(acc)
        if ACT == 2:
            acc = 0.5 * acc * (1.0 + tl.erf(acc * 0.7071067811865476))
        hi, lo = halves(acc)
        tl.store(out_hi + place, hi, mask=mask)
        tl.store(out_lo + place, lo, mask=mask)


def product(
    x: Split, weight: Weight, steps: int = 1, skip: torch.Tensor | None = None, act: int | None = NONE, raw: bool = True
) -> tuple[torch.Tensor | None, Split | None]:
    """One layer over [M, K]: ``x @ weight + bias + skip`` as float32 [M, N], and the halves of its activation.

    Args:
        x: halves [M', K'] with M' * K' = M * K: read as [M, K].
        weight: the layer.
        steps: rows of one sequence; rows before its first are zeros to the earlier taps.
        skip: float32 [M, N].
        act: activation of the second result; None: without it.
        raw: whether the first result is wanted.
    """
    num_rows = x[0].numel() // weight.num_in
    new = torch.empty
    device, shape = x[0].device, (num_rows, weight.num_out)
    out = new(shape, device=device) if raw else None
    halves = None
    if act is not None:
        halves = new(shape, device=device, dtype=torch.half), new(shape, device=device, dtype=torch.half)
    bm, bn, bk, warps, stages = _tiles(weight.num_in, weight.num_out)
    grid = (triton.cdiv(num_rows, bm) * triton.cdiv(weight.num_out, bn),)
    unused = weight.scale
    _product_kernel[grid](
        *x, weight.hi, weight.lo, weight.scale,
        unused if weight.bias is None else weight.bias, unused if skip is None else skip,
        unused if out is None else out, *((unused, unused) if halves is None else halves), num_rows, steps,
        weight.num_in, weight.num_out, weight.taps, act or NONE, weight.bias is not None,
        skip is not None, raw, act is not None, bm, bn, bk, num_warps=warps, num_stages=stages,
    )  # fmt: skip
    return out, halves


def _tiles(num_in: int, num_out: int) -> tuple[int, int, int, int, int]:
    """Rows, columns and depth of a tile, warps, stages; a function of the layer alone, as the order of sums must be."""
    bn = min(128, max(16, triton.next_power_of_2(num_out)))
    bk = min(64, max(16, triton.next_power_of_2(num_in)))
    return (128, bn, bk, 8, 3) if bn == 128 else (256, bn, min(bk, 32), 8, 4)  # as measured on an H200
