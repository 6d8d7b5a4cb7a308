"""Mimi: loading it, and encoding whole calls to the codes that a live, frame-by-frame encoder gives.

Mimi's convolutions are causal, so they run in chunks of bounded memory with moshi's own streaming state. Its
transformer is the part that needs care: a live encoder feeds one frame (two 25 Hz steps) at a time into a ring of
``context`` keys, so the first step of a frame, whose key enters together with the second's, has already lost the oldest
key. ``MimiModel.encode`` over a whole call keeps that key and gives other codes once the call is longer than the
context (10 s). Here the attention runs over the whole call in blocks, with exactly the keys that the ring would hold.

Legend: C channels, N samples at 24 kHz, T frames of 1,920 samples, S encoder steps (two per frame), D width.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fisherprep.loudness import LOUDNESS_NEEDS_S
from fisherprep.schema import CODEC_RATE_HZ, FRAME_RATE_HZ, FRAME_SAMPLES, NUM_CODEBOOKS

if TYPE_CHECKING:
    import torch
    from moshi.models import MimiModel

CHUNK_FRAMES = 50
"""Frames that go through the convolutions at once: 4 s. Bounds memory; longer chunks were slower on a CPU."""
VOICE_LUFS = -24.0
"""Loudness of a voice prompt (NVIDIA/personaplex, moshi/moshi/models/lm.py, load_voice_prompt)."""
LOUDEST_SAMPLE = 2.0**31
"""Above full scale by as much as 32-bit integers that were never scaled; no recording has more."""


def load_mimi(weights: Path, architecture: Path | None, device: str) -> MimiModel:
    """The codec in float32 with its first 8 codebooks, on ``device``.

    Args:
        weights: safetensors file.
        architecture: JSON as ``moshi.models.loaders.get_mimi`` takes it; None: Mimi as released.

    Raises:
        ValueError: the architecture cannot be built or is not a 12.5 Hz, 24 kHz codec, or a tensor does not fit it.
    """
    from moshi.models import loaders

    config = _read_architecture(architecture) if architecture else None
    where = architecture or "the standard architecture"
    try:
        mimi = loaders.get_mimi(None, config, device, NUM_CODEBOOKS)
    except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as err:
        raise ValueError(f"{where}: no codec can be built from it ({type(err).__name__}: {err})") from err
    for what, found, expected in (
        ("sample rate", mimi.sample_rate, CODEC_RATE_HZ),
        ("frame rate", mimi.frame_rate, FRAME_RATE_HZ),
        ("channels", mimi.channels, 1),
    ):
        if found != expected:
            raise ValueError(f"{where}: {what} {found}; expected {expected}")
    _fill(mimi, weights, device)
    return mimi.eval()


def _read_architecture(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise ValueError(f"{file}: cannot be read as the codec's architecture ({err}); expected a JSON object") from err
    if not isinstance(config, dict):
        raise ValueError(f"{file}: expected a JSON object, found {type(config).__name__}")
    return config


def _fill(mimi: MimiModel, weights: Path, device: str) -> None:
    """Load the weights; every tensor must be there and fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(weights, device=device)
    except (OSError, SafetensorError) as err:
        raise ValueError(f"{weights}: cannot be read as safetensors ({err}); fetch it again") from err
    try:
        mimi.load_state_dict(state)
    except RuntimeError as err:
        problems = [line.strip() for line in str(err).splitlines()[1:]] or [str(err)]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ValueError(f"{weights}: does not fit the codec's architecture: {problems[0]}{more}") from err


def encode_channels(mimi: MimiModel, samples: np.ndarray) -> np.ndarray:
    """Mimi codes of a call, each channel from a fresh state, as a live encoder gives them.

    Args:
        samples: float32 [C, N] at 24 kHz.

    Returns:
        int16 [C, 8, T], T = ceil(N / 1920); the last frame is filled with zeros.

    Raises:
        ValueError: a sample is not finite.
    """
    import torch

    _check_finite(samples)
    channels, num_samples = samples.shape
    num_frames = -(-num_samples // FRAME_SAMPLES)
    if num_frames == 0:
        return np.zeros((channels, NUM_CODEBOOKS, 0), dtype=np.int16)
    padded = np.zeros((channels, 1, num_frames * FRAME_SAMPLES), dtype=np.float32)
    padded[:, 0, :num_samples] = samples
    with torch.inference_mode(), plain_float32():
        codes = mimi.quantizer.encode(_latents(mimi, torch.from_numpy(padded)))
    return codes.to(torch.int16).cpu().numpy()


def stream_channels(mimi: MimiModel, samples: np.ndarray) -> np.ndarray:
    """What ``encode_channels`` gives, made frame by frame by moshi's own streaming mode: the reference, and slow.

    Args:
        samples: float32 [C, N] at 24 kHz.

    Returns:
        int16 [C, 8, T], T = ceil(N / 1920); the last frame is filled with zeros.

    Raises:
        ValueError: a sample is not finite.
    """
    import torch

    _check_finite(samples)
    channels, num_samples = samples.shape
    if num_samples == 0:
        return np.zeros((channels, NUM_CODEBOOKS, 0), dtype=np.int16)
    padded = np.pad(samples, ((0, 0), (0, -num_samples % FRAME_SAMPLES)))
    audio = torch.from_numpy(padded)[:, None].to(next(mimi.parameters()).device)
    with torch.inference_mode(), plain_float32(), mimi.streaming(channels):
        codes = [mimi.encode(frame).clone() for frame in audio.split(FRAME_SAMPLES, dim=-1)]
    return torch.cat(codes, dim=-1).to(torch.int16).cpu().numpy()


def _check_finite(samples: np.ndarray) -> None:
    if not np.isfinite(samples).all():
        raise ValueError("samples that are not finite (NaN or infinite); expected float audio from -1 to 1")


def encode_voice(mimi: MimiModel, samples: np.ndarray) -> np.ndarray:
    """Codes of a voice prompt as NVIDIA's ``LMGen`` makes them: -24 LUFS, streamed from a fresh state.

    Args:
        samples: float32 [N] at 24 kHz.

    Returns:
        int16 [8, Tv]; the last frame is filled with zeros.

    Raises:
        ValueError: the span is silent, shorter than the 0.4 s over which loudness is defined, or holds numbers that no
            recording has.
    """
    return encode_channels(mimi, voice_level(samples)[None])[0]


def voice_level(samples: np.ndarray) -> np.ndarray:
    """A voice sample, float32 [N] at 24 kHz, brought to -24 LUFS.

    Raises:
        ValueError: the span is silent, shorter than the 0.4 s over which loudness is defined, or holds numbers that no
            recording has.
    """
    import pyloudnorm

    if len(samples) < round(LOUDNESS_NEEDS_S * CODEC_RATE_HZ):
        length_s = len(samples) / CODEC_RATE_HZ
        raise ValueError(f"the voice sample has {length_s:.2f} s; expected {LOUDNESS_NEEDS_S} s of speech or more")
    if not (peak := float(np.abs(samples).max())) <= LOUDEST_SAMPLE:
        raise ValueError(f"the voice sample has a peak of {peak:.3g}, full scale being 1; expected a recording")
    loudness = pyloudnorm.Meter(CODEC_RATE_HZ).integrated_loudness(samples)
    if not np.isfinite(loudness):
        raise ValueError("the voice sample is silent; expected speech")
    level = 10.0 ** ((VOICE_LUFS - loudness) / 20.0)
    return (samples * level).astype(np.float32)


def plain_float32() -> Any:
    """Full float32 on an accelerator too: TF32 convolutions would give other codes."""
    import torch

    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def _latents(mimi: Any, audio: torch.Tensor) -> torch.Tensor:
    """[C, 1, T * 1920] -> unquantised latents [C, D, T]."""
    import torch

    device = next(mimi.parameters()).device
    chunks = audio.split(CHUNK_FRAMES * FRAME_SAMPLES, dim=-1)
    with mimi.encoder.streaming(len(audio)):
        steps = torch.cat([mimi.encoder(chunk.to(device)) for chunk in chunks], dim=-1)
    per_frame = steps.shape[-1] * FRAME_SAMPLES // audio.shape[-1]
    return mimi.downsample(_transform(mimi.encoder_transformer, steps.transpose(1, 2), per_frame).transpose(1, 2))


def _transform(projected: Any, x: torch.Tensor, per_frame: int) -> torch.Tensor:
    """moshi's ``ProjectedTransformer`` over a whole call, [C, S, D], with the keys that a live encoder's ring holds."""
    from moshi.utils.compile import no_compile

    if projected.input_proj is not None:
        x = projected.input_proj(x)
    with no_compile():
        for layer in projected.transformer.layers:
            x = x + layer.layer_scale_1(_attend(layer.self_attn, layer.norm1(x), per_frame))
            x = layer._ff_block(x)
    return projected.output_projs[0](x)


def _attend(attention: Any, x: torch.Tensor, per_frame: int) -> torch.Tensor:
    """Causal attention in blocks of ``context`` queries; memory grows with S, not with its square."""
    import torch
    from einops import rearrange
    from torch.nn.functional import scaled_dot_product_attention

    queries, keys, values = rearrange(attention.in_projs[0](x), "c s (p h d) -> p c h s d", p=3, h=attention.num_heads)
    offset = torch.zeros(len(x), dtype=torch.long, device=x.device)
    queries, keys = attention.rope(queries, keys, offset, time_before_heads=False)
    context, num_steps = attention.context, x.shape[1]
    out = torch.empty_like(queries)
    for start in range(0, num_steps, context):
        stop, first = min(start + context, num_steps), max(0, start - context)
        query = torch.arange(start, stop, device=x.device)[:, None]
        key = torch.arange(first, stop, device=x.device)
        newest = query - query % per_frame + per_frame - 1  # the whole frame's keys enter before its first query
        seen = (key <= query) & (key > newest - context)
        block = queries[:, :, start:stop], keys[:, :, first:stop], values[:, :, first:stop]
        out[:, :, start:stop] = scaled_dot_product_attention(*block, attn_mask=seen)
    return attention.out_projs[0](rearrange(out, "c h s d -> c s (h d)"))
