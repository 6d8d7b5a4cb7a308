"""The repository itself: generated pages are current, nothing in it could be corpus data."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def load(script):
    spec = importlib.util.spec_from_file_location(script, ROOT / "scripts" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tracked():
    try:
        names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in names.splitlines()]


def test_generated_pages_are_current():
    check = [sys.executable, "scripts/make_docs.py", "--check"]
    result = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_no_tracked_file_could_hold_corpus_data():
    reason_to_refuse = load("refuse_corpus_files").reason_to_refuse
    assert [(f.name, reason) for f in tracked() if (reason := reason_to_refuse(f))] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fe_03_00001.txt", b""),
        ("call.sph", b""),
        ("anything.bin", b"NIST_1A\n   1024\n"),
        ("notes.md", b"# fe_03_00001.sph\n"),
        ("fe_03_p1_calldata.tbl", b""),
        ("codes.parquet", b""),
        ("big.txt", b"x" * 600_000),
    ],
)
def test_the_hook_refuses_what_may_be_corpus_data(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert load("refuse_corpus_files").main([str(tmp_path / name)]) == 1


def test_the_hook_lets_code_pass(tmp_path):
    (tmp_path / "code.py").write_text("print()")
    assert load("refuse_corpus_files").main([str(tmp_path / "code.py")]) == 0
