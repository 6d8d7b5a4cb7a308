"""How long it takes to read a ten-minute call: SPHERE, mu-law, two channels, embedded Shorten, to int16 samples.

The call is generated: on each channel voiced and hissing stretches, pauses with line noise, and turns that alternate,
always the same. Ours reads the file, decodes it in process and hashes it, as ingest does. With ``--sph2pipe PATH`` the
reference reader converts the same file to 16-bit samples in a file beside it, in turn with ours, and the samples of
both must be equal. The last line is JSON: ``seconds`` and ``sph2pipe_seconds`` are medians, ``ratio`` is ours over
theirs.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

import fisherprep
from fisherprep.corpus.audio import read_audio
from fisherprep.demo.sphere import sphere_bytes, ulaw_from_pcm

RATE_HZ = 8000


def generated_call(seconds: float) -> np.ndarray:
    """mu-law bytes [N, 2] of something with the statistics of a call: one side talks, the other is quiet, in turn."""
    rng = np.random.default_rng(0)
    num_samples = int(seconds * RATE_HZ)
    t = np.arange(num_samples) / RATE_HZ
    sides = []
    for side in (0, 1):
        pitch_hz = (110, 190)[side] * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * t))
        phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
        vowel = sum(np.sin(h * phase) * np.exp(-((h - 4) ** 2) / 12) for h in range(1, 15))
        hiss = rng.standard_normal(num_samples)
        sound = (t * 5).astype(int) % 5  # 200 ms each: three of vowel, one of hiss, one of pause
        speech = np.where(sound < 3, 1500 * vowel, np.where(sound == 3, 500 * hiss, 0))
        is_talking = (t / 4).astype(int) % 2 == side
        sides.append(speech * is_talking + 12 * rng.standard_normal(num_samples))
    return ulaw_from_pcm(np.clip(np.stack(sides, axis=1), -32768, 32767).astype(np.int16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sph2pipe", type=Path, help="the reference reader's program")
    parser.add_argument("--seconds", type=float, default=600.0, help="length of the call")
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), args.sph2pipe, args.seconds, args.repeats)))


def measure(folder: Path, sph2pipe: Path | None, seconds: float, repeats: int) -> dict[str, object]:
    """Write the call, read it ``repeats`` times with each reader, and compare."""
    call, raw = folder / "call.sph", folder / "call.raw"
    call.write_bytes(sphere_bytes(generated_call(seconds), RATE_HZ, "ulaw", shorten=True))
    begin = time.perf_counter()
    read_audio(call)
    first_s = time.perf_counter() - begin
    ours, theirs = [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        samples = read_audio(call).samples
        ours.append(time.perf_counter() - begin)
        if sph2pipe:
            begin = time.perf_counter()
            subprocess.run([sph2pipe, "-p", "-f", "raw", call, raw], check=True)
            theirs.append(time.perf_counter() - begin)
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}"
    print(f"{platform.platform()}, {_processor()}; {versions}, fisherprep {fisherprep.__version__}")
    print(
        f"{seconds:g} s of two channels in {call.stat().st_size} bytes; first read {first_s:.2f} s (compiles or loads)"
    )
    if sph2pipe:
        reference = np.fromfile(raw, np.int16).reshape(-1, 2).T
        if not np.array_equal(samples, reference):
            raise SystemExit("the samples of both readers differ")
        print("samples equal to sph2pipe's, bit for bit")
    median_s = statistics.median(ours)
    reference_s = statistics.median(theirs) if theirs else None
    return {
        "seconds": round(median_s, 4),
        "sph2pipe_seconds": round(reference_s, 4) if reference_s else None,
        "ratio": round(median_s / reference_s, 3) if reference_s else None,
    }


def _processor() -> str:
    """The processor's name as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


if __name__ == "__main__":
    main()
