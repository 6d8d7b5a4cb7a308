"""A slice of the fuzzer's inputs on every run; ``python -m tests.fuzz all`` does the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.run import damaged_input, fuzz
from fuzz.targets import TARGETS, Target

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_inputs_are_read_or_refused(target: str) -> None:
    report = fuzz(target, count=300, seed=1)
    assert report.failures == []
    assert report.inputs == 300 and report.refused < 300


def test_an_input_follows_from_its_number_alone() -> None:
    assert [damaged_input("transcript", 3, n)[0] for n in (5, 6)] == [
        damaged_input("transcript", 3, n)[0] for n in (5, 6)
    ]
    assert damaged_input("transcript", 3, 5)[0] != damaged_input("transcript", 4, 5)[0]


def test_the_fuzzer_sees_crashes_and_slow_inputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def parse(raw: bytes, rng: object) -> None:
        if raw != b"sound":
            raise KeyError(raw[:3])

    monkeypatch.setitem(TARGETS, "broken", Target(lambda: (b"sound",), parse))
    report = fuzz("broken", count=20, seed=0, save=tmp_path)
    assert len(report.failures) == len(list(tmp_path.iterdir())) > 10
    assert "KeyError" in report.failures[0]
    monkeypatch.setattr("fuzz.run.MAX_SECONDS", -1.0)
    assert " s" in fuzz("transcript", count=1, seed=0).failures[0]


def test_the_command_line_ends_with_a_summary() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "topics", "filelist", "--count", "5"]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout.splitlines()[-1])
    assert summary["inputs"] == {"topics": 5, "filelist": 5} and summary["failures"] == 0
