"""Many channels at once on an accelerator: the codes of ``encode_channels`` at several times its speed.

Convolutions see 3,320 samples of the past at most, so signals are cut into pieces that overlap by that much; the pieces
of all signals run together. The transformer sees ten times its context, so its rows are whole signals, laid one after
the other without padding. What is computed for a signal does not depend on its neighbours: see
`fisherprep.codec.kernels`.

Legend: N samples at 24 kHz, T frames of 1,920 samples, S encoder steps (two per frame), D width, M rows, R pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from fisherprep.schema import FRAME_SAMPLES, NUM_CODEBOOKS

if TYPE_CHECKING:
    import torch
    from moshi.models import MimiModel

PIECE_FRAMES = 200
"""Frames of a piece, its overlap included: 16 s."""
PIECES = 32
"""Pieces that go through the convolutions at once; with 64 channels at 24 kHz that is 3 GB."""
BATCH_FRAMES = 150_000
"""Frames that go through the transformer at once: ten calls of ten minutes, both channels; 10 GB."""
QUANTIZER_ROWS = 8192
"""Frames that are quantised at once, always as many: a matrix product of another size may sum in another order."""


class Unsupported(ValueError):
    """The codec's architecture is not one that the batched path knows."""


class OutOfRange(ValueError):
    """A layer's output does not fit half precision."""


class BatchEncoder:
    """A codec's encoder prepared for batches on its accelerator. Safe to be called from several threads.

    Raises:
        Unsupported: the architecture has other parts than Mimi as released.
    """

    def __init__(self, mimi: MimiModel) -> None:
        import torch

        self._mimi: Any = mimi
        self._lock = Lock()
        with torch.inference_mode():
            self._stack = _ConvStack(mimi)
            self.device = self._stack.device
            self._transformer = _Transformer(mimi)
            self._quantizer = _Quantizer(mimi)

    def encode(self, signals: Sequence[np.ndarray | torch.Tensor]) -> list[np.ndarray]:
        """Codes of signals, each float32 [N] at 24 kHz, from a fresh state: int16 [8, T], T = ceil(N / 1920)."""
        import torch

        with self._lock, torch.inference_mode():
            codes = [codes for batch in _batches(signals) for codes in self._encode(batch)]
        return codes

    def _encode(self, signals: list[Any]) -> list[np.ndarray]:
        import torch

        frames = [-(-len(signal) // FRAME_SAMPLES) for signal in signals]
        if not any(frames):
            return [np.zeros((NUM_CODEBOOKS, 0), np.int16) for _ in signals]
        steps = self._stack.run([(s, n) for s, n in zip(signals, frames, strict=True) if n])
        latents = self._transformer.run(steps, [n for n in frames if n])
        codes = self._quantizer.run(latents)
        if not torch.isfinite(latents).all():
            raise OutOfRange("a layer's output is beyond the range of half precision")
        parts = np.split(codes.cpu().numpy(), np.cumsum(frames)[:-1], axis=1)
        return [np.ascontiguousarray(part) for part in parts]


def _batches(signals: Sequence[Any]) -> Iterator[list[Any]]:
    """Consecutive signals of at most `BATCH_FRAMES` together; a longer one is a batch of its own."""
    batch: list[Any] = []
    size = 0
    for signal in signals:
        frames = -(-len(signal) // FRAME_SAMPLES)
        if batch and size + frames > BATCH_FRAMES:
            yield batch
            batch, size = [], 0
        batch.append(signal)
        size += frames
    if batch:
        yield batch


class _ConvStack:
    """The convolutions: pieces of audio to steps [M, D]."""

    def __init__(self, mimi: Any) -> None:
        from moshi.modules.conv import StreamingConv1d
        from moshi.modules.seanet import SEANetResnetBlock
        from torch import nn

        from fisherprep.codec.kernels import as_weight

        modules = list(mimi.encoder.model)
        levels = (len(modules) - 3) // 3
        kinds = [StreamingConv1d, *[SEANetResnetBlock, nn.ELU, StreamingConv1d] * levels, nn.ELU, StreamingConv1d]
        if len(modules) != len(kinds) or not all(isinstance(m, k) for m, k in zip(modules, kinds, strict=True)):
            raise Unsupported("its convolutions are not those of a SEANet with one residual layer")
        convs = [m.conv.conv for m in mimi.encoder.modules() if isinstance(m, StreamingConv1d)]
        if any(not _is_plain(conv) for conv in convs) or convs[0].in_channels != 1:
            raise Unsupported("a convolution is grouped, dilated, has no bias, or a kernel that is not 2 strides")
        self.device = convs[0].weight.device
        self.per_frame = FRAME_SAMPLES // int(np.prod([conv.stride[0] for conv in convs]))
        self.halo_frames = _halo_frames(convs)
        self.width = convs[-1].out_channels
        first = convs[0]
        self.entry = as_weight(first.weight.flip(2), first.bias)  # from the newest sample back
        blocks = [m.block for m in modules[1:-2:3]]
        self.blocks = [tuple(as_weight(b[i].conv.conv.weight, b[i].conv.conv.bias) for i in (1, 3)) for b in blocks]
        downs = [m.conv.conv for m in modules[3:-2:3]]
        self.downs = [as_weight(conv.weight, conv.bias, conv.stride[0]) for conv in downs]
        self.last = as_weight(convs[-1].weight, convs[-1].bias)

    def run(self, signals: list[tuple[Any, int]]) -> torch.Tensor:
        """(samples [N], T) of each signal -> float32 [S of all, D], one signal after the other."""
        import torch

        fresh = PIECE_FRAMES - self.halo_frames
        counts = [max(1, -(-(frames - self.halo_frames) // fresh)) for _, frames in signals]
        pieces = torch.cat([self._pieces(s, count) for (s, _), count in zip(signals, counts, strict=True)])
        out = torch.cat([self._steps(part) for part in pieces.split(PIECES)])
        overlap = self.halo_frames * self.per_frame
        rows = []
        for part, (_, frames) in zip(out.split(counts), signals, strict=True):
            rows += [part[0], part[1:, overlap:].flatten(0, 1)]
            surplus = sum(map(len, rows[-2:])) - frames * self.per_frame
            rows[-2:] = [torch.cat(rows[-2:])[: -surplus or None]]
        return torch.cat(rows)

    def _pieces(self, signal: Any, count: int) -> torch.Tensor:
        """[N] -> overlapping pieces [count, PIECE_FRAMES * 1920], zeros after the end."""
        import torch

        fresh = (PIECE_FRAMES - self.halo_frames) * FRAME_SAMPLES
        size = PIECE_FRAMES * FRAME_SAMPLES
        padded = torch.zeros(fresh * (count - 1) + size, device=self.device)
        padded[: len(signal)].copy_(torch.as_tensor(signal), non_blocking=True)
        return padded.unfold(0, size, fresh)

    def _steps(self, pieces: torch.Tensor) -> torch.Tensor:
        """[R, N] -> [R, S, D]."""
        from fisherprep.codec.kernels import ELU, product
        from fisherprep.codec.kernels_first import first_block

        count, steps = pieces.shape
        x: Any = first_block(pieces.contiguous(), self.entry, *self.blocks[0])
        for level, down in enumerate(self.downs):
            steps //= down.num_in // x[0].shape[1]
            final = level + 1 == len(self.downs)
            skip, x = product(x, down, steps, act=ELU, raw=not final)
            if not final:
                inner, outer = self.blocks[level + 1]
                _, x = product(x, inner, steps, act=ELU, raw=False)
                _, x = product(x, outer, steps, skip, act=ELU, raw=False)
        out, _ = product(x, self.last, steps, act=None)
        assert out is not None
        return out.view(count, steps, self.width)


def _is_plain(conv: Any) -> bool:
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    return (
        conv.groups == conv.dilation[0] == 1 and conv.bias is not None and (stride == 1 or kernel == 2 * stride)
    )  # fmt: skip


def _halo_frames(convs: list[Any]) -> int:
    """Whole frames of the past that the convolutions see."""
    samples, stride = 0, 1
    for conv in convs:
        samples += (conv.kernel_size[0] - conv.stride[0]) * stride
        stride *= conv.stride[0]
    return -(-samples // FRAME_SAMPLES)


class _Transformer:
    """The transformer and the step down to frames: steps [M, D] to latents [T of all, D]."""

    def __init__(self, mimi: Any) -> None:
        from torch import nn

        from fisherprep.codec.kernels import as_weight

        projected = mimi.encoder_transformer
        if projected.input_proj is not None or not isinstance(projected.output_projs[0], nn.Identity):
            raise Unsupported("its transformer has projections of its own")
        self.layers = []
        for layer in projected.transformer.layers:
            attention = layer.self_attn
            plain = layer.gating is None and isinstance(layer.norm1, nn.LayerNorm) and attention.kv_repeat == 1
            if not plain or attention.rope is None or not attention.rope.interleave or attention.context is None:
                raise Unsupported("a layer of its transformer is not Mimi's")
            gains = [getattr(scale, "scale", None) for scale in (layer.layer_scale_1, layer.layer_scale_2)]
            weights = (
                as_weight(attention.in_projs[0].weight, None),
                as_weight(attention.out_projs[0].weight, None, gain=gains[0]),
                as_weight(layer.linear1.weight, None),
                as_weight(layer.linear2.weight, None, gain=gains[1]),
            )
            self.layers.append((layer, weights))
        down = mimi.downsample.conv.conv.conv
        self.per_frame = down.stride[0]
        if down.groups != 1 or down.bias is not None or down.kernel_size[0] != 2 * self.per_frame:
            raise Unsupported("its last convolution is not Mimi's")
        self.down = as_weight(down.weight, None, self.per_frame)
        self.rope = projected.transformer.rope

    def run(self, x: torch.Tensor, frames: list[int]) -> torch.Tensor:
        """Steps of signals of so many frames each -> latents."""
        from fisherprep.codec.kernels import GELU, product
        from fisherprep.codec.kernels_transformer import attention, layer_norm, sequences

        layout = sequences([n * self.per_frame for n in frames], x.device)
        turns = self._turns(max(frames) * self.per_frame, x)
        for layer, (into, out_of, up, down) in self.layers:
            qkv, _ = product(layer_norm(x, layer.norm1), into, act=None)
            own: Any = layer.self_attn
            seen = attention(qkv, turns, layout, own.num_heads, own.context, self.per_frame)  # type: ignore[arg-type]
            x = product(seen, out_of, skip=x, act=None)[0]  # type: ignore[assignment]
            _, hidden = product(layer_norm(x, layer.norm2), up, act=GELU, raw=False)
            x = product(hidden, down, skip=x, act=None)[0]  # type: ignore[assignment, arg-type]
        return self._frames(x, frames)

    def _turns(self, num_steps: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of the rotary embedding as moshi has them (moshi/modules/rope.py, apply_rope)."""
        import math

        import torch

        own = self.layers[0][0].self_attn
        width = own.embed_dim // own.num_heads
        exponents = torch.arange(width // 2, device=like.device, dtype=torch.float32)
        speeds = torch.exp(exponents * (-math.log(self.rope.max_period) * 2 / width))
        angles = speeds * torch.arange(num_steps, device=like.device, dtype=torch.float32)[:, None]
        return torch.cos(angles), torch.sin(angles)

    def _frames(self, x: torch.Tensor, frames: list[int]) -> torch.Tensor:
        """The convolution down to frames; what precedes a signal is its first step, over and over."""
        import torch

        from fisherprep.codec.kernels import Weight, product, split

        width = x.shape[1]
        now = x.view(-1, self.per_frame * width)
        before = now.roll(1, 0)
        first = torch.tensor(np.cumsum([0, *frames[:-1]]), device=x.device)
        before[first] = now[first, :width].repeat(1, self.per_frame)
        whole = Weight(self.down.hi, self.down.lo, self.down.scale, None, 1)
        out, _ = product(split(torch.cat([before, now], dim=1)), whole, act=None)
        assert out is not None
        return out


class _Quantizer:
    """Latents [M, D] to codes [8, M]: nearest entries in float32, level by level, as moshi's quantizer finds them."""

    def __init__(self, mimi: Any) -> None:
        self.parts = []
        for part in (mimi.quantizer.rvq_first, mimi.quantizer.rvq_rest):
            codebooks = [level._codebook.embedding for level in part.vq.layers[: part.n_q]]
            self.parts.append((part.input_proj.weight[:, :, 0].T.contiguous(), codebooks))

    def run(self, latents: torch.Tensor) -> torch.Tensor:
        import torch
        from torch.nn.functional import pad

        allowed, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, False
        try:
            padded = pad(latents, (0, 0, 0, -len(latents) % QUANTIZER_ROWS))
            codes = torch.cat([self._codes(rows) for rows in padded.split(QUANTIZER_ROWS)], dim=1)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = allowed
        return codes[:, : len(latents)]

    def _codes(self, rows: torch.Tensor) -> torch.Tensor:
        import torch

        found = []
        for projection, codebooks in self.parts:
            left = rows @ projection
            for entries in codebooks:
                distance = torch.addmm(entries.square().sum(1), left, entries.T, alpha=-2)  # less |left|^2
                nearest = distance.argmin(1)
                left = left - entries[nearest]
                found.append(nearest.to(torch.int16))
        return torch.stack(found)
