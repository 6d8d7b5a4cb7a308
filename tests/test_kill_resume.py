"""``kill -9`` of every stage at random moments, then the same command again: the bytes of an undisturbed run."""

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KILLS_PER_STAGE = 2
NOT_COMPARED = {".lock", "timings.jsonl", "report.md"}
"""The lock; wall-clock times."""


def commands(ldc: Path, out: Path, toy: Path) -> dict[str, list[str]]:
    """The stages in order, on a release small enough for a test."""
    prep, tune = [sys.executable, "-m", "fisherprep"], [sys.executable, "-m"]
    manifests = ROOT / "manifests"
    fisher, coffee = str(out / "fisher"), str(out / "coffee")
    return {
        "demo-corpus": [*prep, "demo-corpus", str(out / "ldc"), "--calls", "4", "--seconds", "10", "--workers", "2"],
        "ingest": [*prep, "ingest", str(ldc), "--out", fisher, "--workers", "2"],
        "align": [*prep, "align", fisher, "--workers", "2"],
        "label": [*prep, "label", fisher, "--labeler", "topic"],
        "encode": [*prep, "encode", fisher, "--checkpoint", str(toy)],
        "synthesize": [*prep, "synthesize", str(manifests / "coffee.yaml"), "--dialogues", "6", "--out", coffee],
        "encode coffee": [*prep, "encode", coffee, "--checkpoint", str(toy)],
        "run": [*tune, "finetune.run", "--mix", "fisher:0.7,coffee:0.3", "--recipe", "debug_cpu", "--steps", "6",
                "--set", "save.every=2", "--checkpoint", str(toy), "--manifests", str(manifests),
                "--data-root", ".", "--out", "run", "--resume"],
    }  # fmt: skip


def start(command: list[str], out: Path) -> subprocess.Popen:
    """Start a command in ``out``: the run's configuration names its data relative to that."""
    return subprocess.Popen(command, cwd=out, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(command: list[str], out: Path) -> float:
    """Run a command to its end; returns the seconds it took."""
    began = time.monotonic()
    process = start(command, out)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return time.monotonic() - began


def digest(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in NOT_COMPARED and "tfevents" not in file.name
    }


@pytest.fixture(scope="module")
def straight(tmp_path_factory, toy_checkpoint):
    """An undisturbed run of every stage, and how long each took."""
    out = tmp_path_factory.mktemp("straight")
    ldc = out / "ldc"
    return out, {name: finish(command, out) for name, command in commands(ldc, out, toy_checkpoint).items()}


def test_killed_at_random_moments_and_run_again(straight, toy_checkpoint, tmp_path):
    undisturbed, took_s = straight
    seed = random.randrange(1_000_000)
    print(f"kill moments drawn with seed {seed}")
    moments = random.Random(seed)
    ldc = undisturbed / "ldc"  # work.json names the release, so both runs ingest the same one
    for name, command in commands(ldc, tmp_path, toy_checkpoint).items():
        for _ in range(KILLS_PER_STAGE):
            process = start(command, tmp_path)
            time.sleep(moments.uniform(0.1, took_s[name]))
            process.kill()
            process.communicate()
        finish(command, tmp_path)
    for folder in ("ldc", "fisher", "coffee", "run"):
        assert digest(tmp_path / folder) == digest(undisturbed / folder), folder
