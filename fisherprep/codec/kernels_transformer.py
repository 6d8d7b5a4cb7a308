"""LayerNorm and attention of Mimi's transformer, over many sequences laid one after the other; see `kernels`.

Legend: M rows (one per time step, all sequences one after the other), D width, H heads, S steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from fisherprep.codec.kernels import Split, dot3, halves


@triton.jit
def _norm_kernel(x, weight, bias, out_hi, out_lo, eps, D: tl.constexpr, DP: tl.constexpr):
    d = tl.arange(0, DP)
    used = d < D
    place = tl.program_id(0).to(tl.int64) * D + d
    row = tl.load(x + place, mask=used, other=0.0)
    centred = tl.where(used, row - tl.sum(row) / D, 0.0)
    row = centred / tl.sqrt(tl.sum(centred * centred) / D + eps)
    row = row * tl.load(weight + d, mask=used, other=0.0) + tl.load(bias + d, mask=used, other=0.0)
    hi, lo = halves(row)
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
    first, second = halves(turned * tl.where(part < H, gain, 1.0))
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
        score = dot3(q_hi, q_lo, tl.trans(k_hi), tl.trans(k_lo), tl.zeros((BQ, BK), tl.float32))
        past = k - begin
        seen = (past[None, :] <= own[:, None]) & (past[None, :] > (newest - CONTEXT)[:, None])
        score = tl.where(seen, score, float("-inf"))
        higher = tl.maximum(peak, tl.max(score, 1))
        fade = tl.exp2(peak - higher)
        p = tl.exp2(score - higher[:, None])
        total = total * fade + tl.sum(p, 1)
        p_hi, p_lo = halves(p)
        acc = dot3(p_hi, p_lo, v_hi, v_lo, acc * fade[:, None])
        peak = higher
    out_a, out_b = halves(acc / total[:, None])
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
