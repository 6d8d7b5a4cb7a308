"""Mimi's encoder on tensor cores, with the accuracy of float32: Triton kernels and what calls them.

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
def _halves(x):
    hi = x.to(tl.float16)
    return hi, (x - hi.to(tl.float32)).to(tl.float16)


@triton.jit
def _elu(x):
    small = x * (1.0 + x * (0.5 + x * (1.0 / 6 + x * (1.0 / 24))))  # exp(x) - 1 cancels near 0
    return tl.where(x > 0, x, tl.where(x > -0.03, small, tl.exp(x) - 1.0))


@triton.jit
def _dot3(a_hi, a_lo, b_hi, b_lo, acc):
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
        acc = _dot3(x_hi, x_lo, b_hi, b_lo, acc)
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
            acc = _elu(acc)
        if ACT == 2:
            acc = 0.5 * acc * (1.0 + tl.erf(acc * 0.7071067811865476))
        hi, lo = _halves(acc)
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


LOUDER = 1024.0
"""Factor on the audio before it is split: the second half of a quiet sample would be below half precision's range."""


FIRST_ROWS, FIRST_WARPS = 64, 4
"""Rows and warps of a tile: the quickest on an H200. Not 64 and 8, for which Triton 3.6 makes a kernel that reads
beyond its shared memory (compute-sanitizer; it finds nothing with 64 and 4, or 128 and 8)."""


@triton.jit
def _first_kernel(
    audio, w0_hi, w0_lo, s0, b0, w1_hi, w1_lo, s1, b1, w2_hi, w2_lo, s2, b2, out_hi, out_lo, num_rows, steps, louder,
    TAPS0: tl.constexpr, TAPS1: tl.constexpr, C: tl.constexpr, H: tl.constexpr,
    JP: tl.constexpr, CP: tl.constexpr, HP: tl.constexpr, BM: tl.constexpr,
):  # fmt: skip
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    step = m % steps
    inside = m < num_rows
    j, c, h = tl.arange(0, JP), tl.arange(0, CP), tl.arange(0, HP)
    used_c, used_h = c < C, h < H
    at = j[:, None] * C + c[None, :]
    both = (j < TAPS0)[:, None] & used_c[None, :]
    f_hi, f_lo = tl.load(w0_hi + at, mask=both, other=0.0), tl.load(w0_lo + at, mask=both, other=0.0)
    gain = tl.load(s0 + c, mask=used_c, other=0.0) / louder
    start = tl.load(b0 + c, mask=used_c, other=0.0)
    both = used_c[:, None] & used_h[None, :]
    acc = tl.zeros((BM, HP), tl.float32)
    wave = tl.zeros((BM, CP), tl.float32)
    for tap in tl.static_range(TAPS1):
        back = TAPS1 - 1 - tap
        past = back + j
        there = (inside[:, None] & (step[:, None] >= past[None, :])) & (j < TAPS0)[None, :]
        x_hi, x_lo = _halves(tl.load(audio + (m[:, None] - past[None, :]), mask=there, other=0.0) * louder)
        wave = _dot3(x_hi, x_lo, f_hi, f_lo, tl.zeros((BM, CP), tl.float32)) * gain[None, :] + start[None, :]
        e_hi, e_lo = _halves(tl.where((step >= back)[:, None], _elu(wave), 0.0))
        at = (tap * C + c)[:, None] * H + h[None, :]
        acc = _dot3(
            e_hi, e_lo, tl.load(w1_hi + at, mask=both, other=0.0), tl.load(w1_lo + at, mask=both, other=0.0), acc
        )
    u = acc * tl.load(s1 + h, mask=used_h, other=0.0)[None, :] + tl.load(b1 + h, mask=used_h, other=0.0)[None, :]
    u_hi, u_lo = _halves(_elu(u))
    at = h[:, None] * C + c[None, :]
    both = used_h[:, None] & used_c[None, :]
    y = tl.zeros((BM, CP), tl.float32)
    y = _dot3(u_hi, u_lo, tl.load(w2_hi + at, mask=both, other=0.0), tl.load(w2_lo + at, mask=both, other=0.0), y)
    y = y * tl.load(s2 + c, mask=used_c, other=0.0)[None, :] + tl.load(b2 + c, mask=used_c, other=0.0)[None, :]
    hi, lo = _halves(_elu(y + wave))
    place = m.to(tl.int64)[:, None] * C + c[None, :]
    mask = inside[:, None] & used_c[None, :]
    tl.store(out_hi + place, hi, mask=mask)
    tl.store(out_lo + place, lo, mask=mask)


def first_block(audio: torch.Tensor, entry: Weight, inner: Weight, outer: Weight) -> Split:
    """The first convolution, the residual block on it (``inner``, ``outer``) and its ELU: [R, N] -> [R * N, C].

    ``entry`` has its taps in reverse, from the newest sample back: Triton joins loads of rising addresses, though they
    are not aligned here.
    """
    num_rows, channels, hidden = audio.numel(), inner.num_in, inner.num_out
    out = [torch.empty(num_rows, channels, device=audio.device, dtype=torch.half) for _ in range(2)]
    _first_kernel[(triton.cdiv(num_rows, FIRST_ROWS),)](
        audio, entry.hi, entry.lo, entry.scale, entry.bias, inner.hi, inner.lo, inner.scale, inner.bias,
        outer.hi, outer.lo, outer.scale, outer.bias, *out, num_rows, audio.shape[1], LOUDER,
        entry.taps, inner.taps, channels, hidden, 16, max(16, triton.next_power_of_2(channels)),
        max(16, triton.next_power_of_2(hidden)), FIRST_ROWS, num_warps=FIRST_WARPS,
    )  # fmt: skip
    return out[0], out[1]


@triton.jit
def _norm_kernel(x, weight, bias, out_hi, out_lo, eps, D: tl.constexpr, DP: tl.constexpr):
    d = tl.arange(0, DP)
    used = d < D
    place = tl.program_id(0).to(tl.int64) * D + d
    row = tl.load(x + place, mask=used, other=0.0)
    centred = tl.where(used, row - tl.sum(row) / D, 0.0)
    row = centred / tl.sqrt(tl.sum(centred * centred) / D + eps)
    row = row * tl.load(weight + d, mask=used, other=0.0) + tl.load(bias + d, mask=used, other=0.0)
    hi, lo = _halves(row)
    tl.store(out_hi + place, hi, mask=used)
    tl.store(out_lo + place, lo, mask=used)


def layer_norm(x: torch.Tensor, norm: Any) -> Split:
    """Halves of a LayerNorm's output over [M, D]."""
    hi, lo = torch.empty_like(x, dtype=torch.half), torch.empty_like(x, dtype=torch.half)
    width = x.shape[1]
    _norm_kernel[(len(x),)](
        x, norm.weight, norm.bias, hi, lo, norm.eps, width, triton.next_power_of_2(width), num_warps=4
    )
    return hi, lo


@triton.jit
def _rotate_kernel(
    qkv, cos, sin, step, hi, lo, num_rows, gain, H: tl.constexpr, W: tl.constexpr, WP: tl.constexpr, BM: tl.constexpr
):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    part = tl.program_id(1)  # head of the queries, of the keys, of the values
    d, j = tl.arange(0, 2 * WP), tl.arange(0, WP)
    inside = m < num_rows
    mask = inside[:, None] & (d < 2 * W)[None, :]
    place = m.to(tl.int64)[:, None] * (3 * H * 2 * W) + part * 2 * W + d[None, :]
    pairs = tl.reshape(tl.load(qkv + place, mask=mask, other=0.0), (BM, WP, 2))
    real, imag = tl.split(pairs)
    angle = tl.load(step + m, mask=inside, other=0)[:, None] * W + j[None, :]
    turn = inside[:, None] & (j < W)[None, :] & (part < 2 * H)
    c = tl.load(cos + angle, mask=turn, other=1.0)
    s = tl.load(sin + angle, mask=turn, other=0.0)
    turned = tl.reshape(tl.join(real * c - imag * s, real * s + imag * c), (BM, 2 * WP))
    first, second = _halves(turned * tl.where(part < H, gain, 1.0))
    tl.store(hi + place, first, mask=mask)
    tl.store(lo + place, second, mask=mask)


@triton.jit
def _attention_kernel(
    hi, lo, starts, ends, firsts, out_hi, out_lo, CONTEXT: tl.constexpr, PER_FRAME: tl.constexpr,
    H: tl.constexpr, D: tl.constexpr, DP: tl.constexpr, BQ: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    block, head = tl.program_id(0), tl.program_id(1)
    begin, end, first = tl.load(starts + block), tl.load(ends + block), tl.load(firsts + block)
    q = first + tl.arange(0, BQ)
    d = tl.arange(0, DP)
    width = 3 * H * D
    q_mask = (q < end)[:, None] & (d < D)[None, :]
    at = q.to(tl.int64)[:, None] * width + head * D + d[None, :]
    q_hi = tl.load(hi + at, mask=q_mask, other=0.0)
    q_lo = tl.load(lo + at, mask=q_mask, other=0.0)
    own = q - begin
    newest = own - own % PER_FRAME + PER_FRAME - 1  # the whole frame's keys enter before its first query
    peak = tl.full((BQ,), -1e30, tl.float32)
    total = tl.zeros((BQ,), tl.float32)
    acc = tl.zeros((BQ, DP), tl.float32)
    for key in range(tl.maximum(begin, first - CONTEXT), tl.minimum(first + BQ, end), BK):
        k = key + tl.arange(0, BK)
        k_mask = (k < end)[:, None] & (d < D)[None, :]
        k_at = k.to(tl.int64)[:, None] * width + (H + head) * D + d[None, :]
        k_hi = tl.load(hi + k_at, mask=k_mask, other=0.0)
        k_lo = tl.load(lo + k_at, mask=k_mask, other=0.0)
        v_hi = tl.load(hi + k_at + H * D, mask=k_mask, other=0.0)
        v_lo = tl.load(lo + k_at + H * D, mask=k_mask, other=0.0)
        score = _dot3(q_hi, q_lo, tl.trans(k_hi), tl.trans(k_lo), tl.zeros((BQ, BK), tl.float32))
        past = k - begin
        seen = (past[None, :] <= own[:, None]) & (past[None, :] > (newest - CONTEXT)[:, None])
        score = tl.where(seen, score, float("-inf"))
        higher = tl.maximum(peak, tl.max(score, 1))
        fade = tl.exp2(peak - higher)
        p = tl.exp2(score - higher[:, None])
        total = total * fade + tl.sum(p, 1)
        p_hi, p_lo = _halves(p)
        acc = _dot3(p_hi, p_lo, v_hi, v_lo, acc * fade[:, None])
        peak = higher
    out_a, out_b = _halves(acc / total[:, None])
    place = q.to(tl.int64)[:, None] * (H * D) + head * D + d[None, :]
    tl.store(out_hi + place, out_a, mask=q_mask)
    tl.store(out_lo + place, out_b, mask=q_mask)


@dataclass(frozen=True)
class Sequences:
    """Sequences one after the other in M rows, and the blocks of queries that attention works on."""

    step: torch.Tensor
    """int32 [M]: place of each row in its sequence"""
    starts: torch.Tensor
    ends: torch.Tensor
    firsts: torch.Tensor
    """int32 [blocks]: first and last + 1 row of the block's sequence, first row of the block"""


QUERIES = 64
"""Queries of one block of attention."""


def sequences(lengths: list[int], device: Any) -> Sequences:
    """The layout of sequences of these numbers of rows."""
    step = torch.cat([torch.arange(length, dtype=torch.int32) for length in lengths])
    rows, begin = [], 0
    for length in lengths:
        rows += [(begin, begin + length, first) for first in range(begin, begin + length, QUERIES)]
        begin += length
    table = torch.tensor(rows, dtype=torch.int32, device=device).T.contiguous()
    return Sequences(step.to(device), table[0], table[1], table[2])


def attention(qkv: torch.Tensor, rope: Split, layout: Sequences, heads: int, context: int, per_frame: int) -> Split:
    """Attention with the keys of a live encoder's ring, over [M, 3 * D]; halves [M, D].

    ``rope``: cosines and sines, float32 [S, D / H / 2], of moshi's interleaved rotary embedding.
    """
    num_rows, width = len(qkv), qkv.shape[1] // 3
    each = width // heads
    gain = 1.4426950408889634 / each**0.5  # softmax in powers of two
    hi, lo = torch.empty_like(qkv, dtype=torch.half), torch.empty_like(qkv, dtype=torch.half)
    half = triton.next_power_of_2(each // 2)
    _rotate_kernel[(triton.cdiv(num_rows, 32), 3 * heads)](
        qkv, *rope, layout.step, hi, lo, num_rows, gain, heads, each // 2, half, 32, num_warps=4
    )
    out = [torch.empty(num_rows, width, device=qkv.device, dtype=torch.half) for _ in range(2)]
    _attention_kernel[(len(layout.firsts), heads)](
        hi, lo, layout.starts, layout.ends, layout.firsts, *out, context, per_frame, heads, each,
        max(16, triton.next_power_of_2(each)), QUERIES, 64, num_warps=4, num_stages=2,
    )  # fmt: skip
    return out[0], out[1]
