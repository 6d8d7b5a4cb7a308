"""Every benchmark runs, at its smallest, and ends with the line of JSON that it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SMALLEST = {
    "bench_align": (["--calls", "1", "--seconds", "10"], {"within_frame_clean", "x_realtime_per_core"}),
    "bench_encode": (
        ["--calls", "2", "--seconds", "20", "--device", "cpu", "--toy"],
        {"x_realtime", "peer_x_realtime", "ratio", "semantic_agreement", "all_agreement", "peak_gib"},
    ),
    "bench_channels": (["--calls", "4", "--seconds", "20"], {"swap_precision", "swap_recall"}),
    "bench_dialogues": (["--dialogues", "8"], {"distinct_turn_share", "false_alarms", "planted_found_share"}),
    "bench_ingest": (["--calls", "20"], {"ratio_vs_lhotse", "peak_mib", "check_seconds_per_audio_hour"}),
    "bench_text_stream": (["--calls", "1", "--seconds", "10"], {"frames_per_s", "rates", "aligned", "interpolated"}),
    "bench_label": (["--calls", "20", "--turns", "20", "--latency-ms", "20", "--rounds", "1"], {"ratio_vs_flat_out"}),
    "bench_timing": (["--dialogues", "2", "--calls", "4", "--seconds", "60"], {"ks_distance", "transfers", "seconds"}),
    "bench_windows": (
        ["--calls", "12", "--seconds", "20", "--frames", "64", "--measure-s", "0.1"],
        {"windows_per_s", "whole_rows_per_s", "ratio"},
    ),
    "bench_stream": (
        ["--calls", "10", "--seconds", "60", "--voice-calls", "20", "--steps", "2"],
        {"windows_per_s", "windows_per_s_ahead", "plans_per_s", "voices_bytes", "peak_mib"},
    ),
    "bench_train": (
        ["--toy", "--frames", "64", "--micro-batches", "1", "--warm-up", "1", "--steps", "1", "--device", "cpu"],
        {"step_s", "frames_per_s", "mfu", "peak_gib", "learning_parameters"},
    ),
    "bench_sphere": (["--seconds", "5", "--repeats", "1"], {"seconds", "sph2pipe_seconds", "ratio"}),
}


def test_every_benchmark_is_tried() -> None:
    assert {path.stem for path in BENCHMARKS.glob("bench_*.py")} == SMALLEST.keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--calls", "2", "--seconds", "10"], "20 s at a time"), (["--calls", "0"], "expected 1 or more")],
)
def test_an_encoder_benchmark_without_enough_sound_is_refused(arguments: list[str], message: str) -> None:
    command = [sys.executable, str(BENCHMARKS / "bench_encode.py"), *arguments, "--compare", "1", "--toy"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 2 and message in run.stderr and "Traceback" not in run.stderr


@pytest.mark.parametrize("name", SMALLEST)
def test_ends_with_its_figures(name: str, tmp_path: Path) -> None:
    arguments, promised = SMALLEST[name]
    environment = os.environ | {"TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "COLUMNS": "200"}
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert run.returncode == 0, run.stderr
    assert promised <= json.loads(run.stdout.splitlines()[-1]).keys()
