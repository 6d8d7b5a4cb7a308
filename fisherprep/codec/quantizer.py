"""The nearest entries of Mimi's codebooks for many frames at once, on an accelerator.

Legend: M frames, D width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

QUANTIZER_ROWS = 8192
"""Frames that are quantised at once, always as many: a matrix product of another size may sum in another order."""


class Quantizer:
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
