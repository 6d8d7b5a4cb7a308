"""Recordings in, the agent's voice out: WAV files and Mimi, 24 kHz."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fisherprep.schema import CODEC_RATE_HZ, FRAME_SAMPLES
from fisherprep.sound import sound_bytes

if TYPE_CHECKING:
    import torch
    from moshi.models import MimiModel

    from finetune.checkpoints import BaseModel


def read_mono(file: Path) -> tuple[np.ndarray, list[str]]:
    """The first channel of a recording as float32 ``[N]`` at 24 kHz, and what was done to it, in words.

    Any rate is resampled (soxr HQ, as the training data is); of several channels the first counts, as in NVIDIA's
    ``moshi.offline``.

    Raises:
        ValueError: it cannot be read, is empty, or holds numbers that are not finite.
    """
    import soundfile
    import soxr

    try:
        samples, rate_hz = soundfile.read(file, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as err:
        raise ValueError(f"{file}: cannot be read as a recording ({err}); expected a WAV or FLAC file") from err
    if not len(samples):
        raise ValueError(f"{file}: holds no sound")
    if not np.isfinite(samples).all():
        raise ValueError(f"{file}: holds samples that are not finite numbers")
    notes = []
    if samples.shape[1] > 1:
        notes.append(f"{file}: {samples.shape[1]} channels; the first is used")
    mono = samples[:, 0]
    if rate_hz != CODEC_RATE_HZ:
        notes.append(f"{file}: resampled from {rate_hz} Hz to {CODEC_RATE_HZ} Hz")
        mono = soxr.resample(mono, rate_hz, CODEC_RATE_HZ, quality="HQ").astype(np.float32)
    if not len(mono):
        raise ValueError(f"{file}: holds no sound after resampling")
    return mono, notes


def load_codec(base: BaseModel, device: torch.device) -> MimiModel:
    """The codec of a base model that was opened with it.

    Raises:
        ValueError: it cannot be read, or does not know all codes that the LM may say.
    """
    from fisherprep.codec.mimi import load_mimi

    assert base.files.mimi is not None, "opened with its codec"
    mimi = load_mimi(base.files.mimi, base.files.mimi_config, str(device))
    if mimi.cardinality < base.lm["card"]:
        raise ValueError(
            f"{base.files.mimi}: the codec has {mimi.cardinality} entries in a codebook, but the model may say any of "
            f"{base.lm['card']}: they do not belong together, so nothing can be listened to (a run: "
            "--set samples.every=0; an evaluation: --turns 0)"
        )
    return mimi


def speak(mimi: MimiModel, codes: np.ndarray, num_samples: int) -> np.ndarray:
    """Codes ``[8, T]`` as float32 ``[num_samples]`` at 24 kHz, decoded frame by frame as a live decoder does.

    Cut or filled with zeros to ``num_samples``.
    """
    import torch

    tokens = torch.from_numpy(np.asarray(codes, dtype=np.int64))[None].to(next(mimi.parameters()).device)
    with torch.no_grad(), mimi.streaming(1):
        frames = [mimi.decode(frame)[0, 0].cpu().numpy() for frame in tokens.split(1, dim=2)]
    samples = np.zeros(max(num_samples, len(frames) * FRAME_SAMPLES), dtype=np.float32)
    samples[: len(frames) * FRAME_SAMPLES] = np.concatenate(frames)
    return samples[:num_samples]


def write_wav(file: Path, samples: np.ndarray) -> None:
    """Float32 ``[N]`` at 24 kHz as a 16-bit mono WAV file, whole or not at all.

    Raises:
        OSError: it could not be written; nothing is left of it.
    """
    import contextlib
    import os
    import zlib

    tmp = file.with_name(f".tmp-{zlib.crc32(os.fsencode(file.name)):08x}")  # no longer than the longest name there is
    try:
        tmp.write_bytes(wav_bytes(samples))
        os.replace(tmp, file)
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(file)) from err
    finally:
        with contextlib.suppress(OSError):
            tmp.unlink(missing_ok=True)


def wav_bytes(samples: np.ndarray) -> bytes:
    """Float32 ``[N]`` or ``[N, channels]`` at 24 kHz as the bytes of a 16-bit WAV file."""
    pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
    return sound_bytes(pcm, CODEC_RATE_HZ, "WAV")
