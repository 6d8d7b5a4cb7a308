"""The tiny model, codec and recordings that the golden results were made with: functions of names alone.

Every tensor is drawn by numpy from a generator seeded with its name, so that neither the order of initialisation nor
the version of torch matters. Imports nothing of this project: NVIDIA's code runs on it too.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np

LM: dict[str, Any] = {
    "dim": 32,
    "text_card": 37,
    "existing_text_padding_id": 3,
    "n_q": 16,
    "dep_q": 16,
    "card": 2048,
    "num_heads": 2,
    "num_layers": 2,
    "hidden_scale": 4.125,
    "causal": True,
    "layer_scale": None,
    "context": 3000,
    "max_period": 10000,
    "gating": "silu",
    "norm": "rms_norm_f32",
    "positional_embedding": "rope",
    "depformer_dim": 16,
    "depformer_dim_feedforward": 66,
    "depformer_num_heads": 2,
    "depformer_num_layers": 1,
    "depformer_layer_scale": None,
    "depformer_multi_linear": True,
    "depformer_context": 8,
    "depformer_max_period": 10000,
    "depformer_gating": "silu",
    "depformer_pos_emb": "none",
    "depformer_weights_per_step": True,
    "delays": [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1],
}
MIMI: dict[str, Any] = {
    "sample_rate": 24000,
    "channels": 1,
    "frame_rate": 12.5,
    "seanet": {
        "channels": 1,
        "dimension": 16,
        "causal": True,
        "n_filters": 2,
        "n_residual_layers": 1,
        "activation": "ELU",
        "compress": 2,
        "dilation_base": 2,
        "disable_norm_outer_blocks": 0,
        "kernel_size": 7,
        "residual_kernel_size": 3,
        "last_kernel_size": 3,
        "norm": "none",
        "pad_mode": "constant",
        "ratios": [8, 6, 5, 4],
        "true_skip": True,
    },
    "quantizer": {"dimension": 8, "n_q": 16, "bins": 2048, "input_dimension": 16, "output_dimension": 16},
    "transformer": {
        "d_model": 16,
        "num_heads": 2,
        "num_layers": 1,
        "causal": True,
        "layer_scale": 0.5,
        "context": 250,
        "conv_layout": True,
        "max_period": 10000,
        "gating": "none",
        "norm": "layer_norm",
        "positional_embedding": "rope",
        "dim_feedforward": 32,
        "input_dimension": 16,
        "output_dimensions": [16],
    },
}
TEXT_PROMPT = "You work for Corner Coffee and your name is Ida."
SAMPLE_RATE = 24000


def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32 values of the tensor of that name: unit gain for a matrix, around 1 for a norm's scale."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    drawn = rng.standard_normal(shape, dtype=np.float32)
    if name.endswith(("cluster_usage", "_initialized")):
        return np.ones(shape, dtype=np.float32)
    if name.endswith(("alpha", "norm1.weight", "norm2.weight", "scale")):
        return 1 + 0.1 * drawn
    if name.endswith("bias"):
        return 0.1 * drawn
    if name.endswith("embedding_sum"):
        return drawn
    fan_in = max(int(np.prod(shape[1:])), 1) if len(shape) > 1 else 1
    return drawn * np.float32(1.5 / np.sqrt(fan_in))


def fill(state: dict[str, Any]) -> dict[str, Any]:
    """The same tensors with the values of their names."""
    import torch

    return {name: torch.from_numpy(values(name, tuple(t.shape))).to(t.dtype) for name, t in state.items()}


def codes(frames: int = 7) -> np.ndarray:
    """int64 ``[2, 17, frames]``: rows to train on, some of them masked out (-1)."""
    rng = np.random.default_rng(17)
    rows = np.concatenate(
        [rng.integers(0, LM["text_card"], (2, 1, frames)), rng.integers(0, 2048, (2, 16, frames))], axis=1
    )
    rows[1, 1:9, frames - 2 :] = -1
    return rows


def user_codes(frames: int = 24) -> np.ndarray:
    """int64 ``[3, 8, frames]``: what three users say."""
    return np.random.default_rng(18).integers(0, 2048, (3, 8, frames))


def prompts() -> list[tuple[np.ndarray | None, list[int]]]:
    """Voice codes ``[8, Tv]`` and text tokens of three prompts: voice and text, text only, voice only."""
    voice = np.random.default_rng(19).integers(0, 2048, (8, 9))
    return [(voice, [5, 6, 7, 30, 36]), (None, [5, 9]), (voice[:, :4], [])]


def sound(kind: str, seconds: float) -> np.ndarray:
    """float32 ``[N]`` at 24 kHz: a voice-like buzz whose pitch and loudness wander."""
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 120 + 60 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    loud = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time)
    return (0.1 * buzz * loud + 0.005 * rng.standard_normal(len(time))).astype(np.float32)


def wav(kind: str, seconds: float) -> bytes:
    """The same as a 16-bit WAV file."""
    import wave

    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((sound(kind, seconds) * 32767).astype("<i2").tobytes())
    return data.getvalue()


def write_recordings(folder: Path) -> tuple[Path, Path]:
    """``user.wav`` (2.5 s) and ``voice.wav`` (0.9 s)."""
    files = folder / "user.wav", folder / "voice.wav"
    for file, seconds in zip(files, (2.5, 0.9), strict=True):
        file.write_bytes(wav(file.stem, seconds))
    return files
