"""Mimi's first convolution and residual block as one kernel: at 24 kHz its 64 channels never leave the chip.

Legend: R pieces of N samples, C channels, H hidden channels, J taps of the first convolution; see `kernels`.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from fisherprep.codec.kernels import Split, Weight, dot3, elu, halves

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
        x_hi, x_lo = halves(tl.load(audio + (m[:, None] - past[None, :]), mask=there, other=0.0) * louder)
        wave = dot3(x_hi, x_lo, f_hi, f_lo, tl.zeros((BM, CP), tl.float32)) * gain[None, :] + start[None, :]
        e_hi, e_lo = halves(tl.where((step >= back)[:, None], elu(wave), 0.0))
        at = (tap * C + c)[:, None] * H + h[None, :]
        acc = dot3(
            e_hi, e_lo, tl.load(w1_hi + at, mask=both, other=0.0), tl.load(w1_lo + at, mask=both, other=0.0), acc
        )
    u = acc * tl.load(s1 + h, mask=used_h, other=0.0)[None, :] + tl.load(b1 + h, mask=used_h, other=0.0)[None, :]
    u_hi, u_lo = halves(elu(u))
    at = h[:, None] * C + c[None, :]
    both = used_h[:, None] & used_c[None, :]
    y = tl.zeros((BM, CP), tl.float32)
    y = dot3(u_hi, u_lo, tl.load(w2_hi + at, mask=both, other=0.0), tl.load(w2_lo + at, mask=both, other=0.0), y)
    y = y * tl.load(s2 + c, mask=used_c, other=0.0)[None, :] + tl.load(b2 + c, mask=used_c, other=0.0)[None, :]
    hi, lo = halves(elu(y + wave))
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
