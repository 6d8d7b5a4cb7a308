"""How fast whole calls become Mimi codes, beside moshi's own encoder run as most tools do: one call at a time, float32.

Calls are generated, written as SPHERE files (mu-law, two channels, embedded Shorten) and read once, so that they lie
in the page cache. The codec has Mimi's size and random weights, conditioned on the same kind of sound so that its
codes follow it (see `finetune.toy_codec`: a plain random one is no judge of precision). Ours goes from files to codes
as the encode stage does: read, hash, decode, resample to 24 kHz, bring each channel to -24 LUFS (its loudness is known
from ingest, here measured before), encode. The peer, moshi's ``MimiModel.encode`` in float32, gets decoded audio,
call by call, both channels together, and is timed without any reading; it sees further back than a live encoder does,
so agreement is measured against the plain float32 path that live encoders equal. Both are warm when they are timed.
The last line is JSON. ``x_realtime``: seconds of channel per second, end to end; ``encoder_x_realtime``: audio already
decoded; ``semantic_agreement`` and ``all_agreement``: shares of equal codes in codebook 0 and in all.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_TORCH_COMPILE", "1")

import numpy as np
import torch
from speech_like import RATE_HZ, speech_like_call

from fisherprep.codec import DEFAULT_LUFS
from fisherprep.codec.ahead import READERS, in_order
from fisherprep.codec.audio import Treatment, treated
from fisherprep.codec.mimi import encode_channels, plain_float32
from fisherprep.codec.precision import Encode, agreement, is_batched, signal_encoder
from fisherprep.corpus.audio import read_audio
from fisherprep.demo.sphere import sphere_bytes, ulaw_from_pcm
from fisherprep.loudness import channel_loudness
from fisherprep.schema import CODEC_RATE_HZ, FRAME_SAMPLES

CALLS_AT_ONCE = 4
WARM_UP_CALLS = 24
SEGMENT_S = 20
FRAMES_PER_ENTRY = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=600.0, help=f"length of a call, {SEGMENT_S} or more")
    parser.add_argument("--compare", type=int, default=16, help="calls whose codes are compared with float32's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--toy", action="store_true", help="a small codec instead of one of Mimi's size")
    args = parser.parse_args()
    if args.calls < 1 or args.compare < 1:
        parser.error(f"--calls {args.calls} --compare {args.compare}: expected 1 or more of each")
    if not args.seconds >= SEGMENT_S:
        parser.error(f"--seconds {args.seconds:g}: the codec is conditioned on {SEGMENT_S} s at a time; give as many")
    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            jobs = [(Path(folder) / f"call_{i:03d}.sph", i, args.seconds) for i in range(args.calls)]
            files = list(pool.map(_write_call, jobs))
        print(json.dumps(measure(files, args.device, args.compare, args.toy)))


def _write_call(job: tuple[Path, int, float]) -> Path:
    path, seed, seconds = job
    ulaw = ulaw_from_pcm(speech_like_call(seed, seconds))
    path.write_bytes(sphere_bytes(ulaw, RATE_HZ, "ulaw", shorten=True))
    return path


def measure(files: list[Path], device: str, num_compared: int, toy: bool) -> dict[str, object]:
    """Encode all files in both ways."""
    sources = list(in_order(_measured, files, os.cpu_count() or 1))
    audio = list(in_order(_read, sources, os.cpu_count() or 1))
    mimi = conditioned(audio, device, toy)
    encode = signal_encoder(mimi)
    _from_files(sources[:WARM_UP_CALLS], encode)  # compiles, and takes the page-locked memory that a run goes on using
    seconds = sum(call.size for call in audio) / CODEC_RATE_HZ
    _versions(device)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    codes, ours_s = _timed(device, lambda: _from_files(sources, encode))
    peak = torch.cuda.max_memory_allocated() / 2**30 if device != "cpu" else None
    groups = [audio[i : i + CALLS_AT_ONCE] for i in range(0, len(audio), CALLS_AT_ONCE)]
    encoder_s = _encoder_alone(groups, encode, device)
    peer_s = _peer(mimi, audio, device)
    same = agreement(codes[:num_compared], [encode_channels(mimi, call) for call in audio[:num_compared]])
    print(f"agreement by codebook: {' '.join(f'{100 * share:.3f}' for share in same.by_codebook)} %")
    print(f"entries in use by codebook: {[len(np.unique(codes[0][:, level])) for level in range(codes[0].shape[1])]}")
    return {
        "x_realtime": round(seconds / ours_s, 1),
        "encoder_x_realtime": round(seconds / encoder_s, 1),
        "peer_x_realtime": round(seconds / peer_s, 1),
        "ratio": round(peer_s / ours_s, 2),
        "semantic_agreement": round(same.semantic, 6),
        "all_agreement": round(same.overall, 6),
        "peak_gib": peak and round(peak, 2),
    }


@dataclass(frozen=True)
class Source:
    """A file, and the loudness of its channels as the conversations table has it."""

    path: Path
    loudness_lufs: tuple[float | None, ...]


def _measured(path: Path) -> Source:
    audio = read_audio(path)
    return Source(path, tuple(channel_loudness(c.astype(np.float32) / 32768.0, audio.rate_hz) for c in audio.samples))


def _read(source: Source) -> np.ndarray:
    audio = read_audio(source.path)
    samples = audio.samples.astype(np.float32) / 32768.0
    return treated(samples, audio.rate_hz, Treatment(DEFAULT_LUFS), source.loudness_lufs).samples


def _from_files(sources: list[Source], encode: Encode) -> list[np.ndarray]:
    """Files to codes [2, 8, T]: reading, decoding and resampling run ahead of the encoder."""

    def read(source: Source) -> Sequence[Any]:
        return encode.pinned(list(_read(source))) if is_batched(encode) else list(_read(source))

    codes: list[np.ndarray] = []
    group: list[Any] = []
    for index, call in enumerate(in_order(read, sources, READERS)):
        group += call
        if len(group) == 2 * CALLS_AT_ONCE or index + 1 == len(sources):
            found = encode(group)
            codes += [np.stack(pair) for pair in zip(found[::2], found[1::2], strict=True)]
            group = []
    return codes


def _encoder_alone(groups: list[list[np.ndarray]], encode: Encode, device: str) -> float:
    """Seconds from audio on the device to codes."""
    ready: list[list[Any]] = [[side for call in group for side in call] for group in groups]
    if device != "cpu":
        ready = [[torch.from_numpy(side).to(device) for side in signals] for signals in ready]
    return _timed(device, lambda: [encode(signals) for signals in ready])[1]


def _peer(mimi: Any, audio: list[np.ndarray], device: str) -> float:
    """Seconds that moshi's own encoder takes, copying to the device included."""

    def encode() -> None:
        for call in audio:
            mimi.encode(torch.from_numpy(call)[:, None].to(device)).cpu()

    with torch.inference_mode(), plain_float32():
        mimi.encode(torch.from_numpy(audio[0])[:, None].to(device))
        return _timed(device, encode)[1]


def _timed(device: str, run: Any) -> tuple[Any, float]:
    if device != "cpu":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    result = run()
    if device != "cpu":
        torch.cuda.synchronize()
    return result, time.perf_counter() - begin


def conditioned(audio: list[np.ndarray], device: str, toy: bool) -> Any:
    """A codec with 8 codebooks whose codes follow sound like ``audio``."""
    from moshi.models import loaders

    from finetune.toy_codec import FITTED_ENTRIES, MIMI_CONFIG, condition

    config: dict[str, Any] = copy.deepcopy(MIMI_CONFIG if toy else loaders._mimi_config)
    config["quantizer"]["n_q"] = 8
    torch.manual_seed(0)
    mimi = loaders.get_mimi(None, config, device, 8)
    entries = FITTED_ENTRIES if toy else config["quantizer"]["bins"]
    wanted = FRAMES_PER_ENTRY * entries * FRAME_SAMPLES
    size = SEGMENT_S * CODEC_RATE_HZ
    sides = [side[: size * (len(side) // size)].reshape(-1, size) for call in audio for side in call]
    segments = np.concatenate(sides)
    chosen = np.random.default_rng(0).permutation(len(segments))[: max(8, wanted // size)]
    with plain_float32():
        condition(mimi, torch.from_numpy(segments[chosen]), 0, entries)
    return mimi.eval()


def _versions(device: str) -> None:
    from importlib.metadata import version

    name = torch.cuda.get_device_name() if device != "cpu" else platform.processor() or platform.machine()
    print(f"{name}, {os.cpu_count()} cores; Python {platform.python_version()}, torch {torch.__version__}, moshi "
          f"{version('moshi')}")  # fmt: skip


if __name__ == "__main__":
    main()
