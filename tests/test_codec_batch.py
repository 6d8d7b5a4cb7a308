"""The batched encoder: its kernels under Triton's interpreter, packing, precision and what falls back to float32."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from codec_calls import build_work, signal
from hypothesis import given
from hypothesis import strategies as st

from fisherprep.checkpoint import locate
from fisherprep.codec import encode as stage
from fisherprep.codec import precision
from fisherprep.codec.ahead import in_order
from fisherprep.codec.batch import _batches
from fisherprep.codec.mimi import encode_channels, load_mimi, stream_channels
from fisherprep.codec.precision import Batched, agreement, signal_encoder, verified
from fisherprep.engine import InlineEngine, ThreadEngine

INTERPRETED = Path(__file__).parent / "interpreted_batch.py"


@pytest.fixture(scope="module")
def mimi(toy_checkpoint):
    files = locate(str(toy_checkpoint), ("mimi",))
    return load_mimi(files.mimi, files.mimi_config, "cpu")


def test_batches_give_the_codes_of_single_calls_whatever_is_beside_them(toy_checkpoint):
    pytest.importorskip("triton")
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(INTERPRETED), str(toy_checkpoint)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert run.returncode == 0, run.stderr[-2000:]


@given(st.lists(st.integers(0, 100 * 1920), max_size=12))
def test_batches_hold_every_signal_once_and_in_order(lengths):
    signals = [np.zeros(n, np.int8) for n in lengths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fisherprep.codec.batch.BATCH_FRAMES", 120)
        batches = list(_batches(signals))
    assert [id(s) for batch in batches for s in batch] == [id(s) for s in signals]
    assert all(sum(-(-len(s) // 1920) for s in batch) <= 120 for batch in batches)


def test_streaming_frame_by_frame_is_what_exact_means(mimi):
    samples = signal(1, 24000 * 2 + 5)
    exact = signal_encoder(mimi, exact=True)(list(samples))
    assert np.array_equal(np.stack(exact), stream_channels(mimi, samples))
    assert (np.stack(exact) == encode_channels(mimi, samples)).mean() > 0.999


def test_a_cpu_encodes_one_call_at_a_time(mimi):
    encode = signal_encoder(mimi)
    assert not precision.is_batched(encode)
    signals = [*signal(2, 30000), signal(3, 9000)[0], np.zeros(0, np.float32)]
    codes = encode(signals)
    assert [c.shape for c in codes] == [(8, 16), (8, 16), (8, 5), (8, 0)]
    assert all(np.array_equal(c, encode_channels(mimi, s[None])[0]) for c, s in zip(codes, signals, strict=True))


def test_agreement_counts_by_codebook():
    reference = np.zeros((2, 8, 10), np.int16)
    codes = reference.copy()
    codes[1, 3, :5] = 1
    same = agreement([codes, codes[0]], [reference, reference[0]])
    assert same.by_codebook == pytest.approx([1, 1, 1, 25 / 30, 1, 1, 1, 1])
    assert same.semantic == 1 and same.overall == pytest.approx(1 - 5 / 240) and not same.suffices


@pytest.mark.parametrize(("wrong", "suffices"), [(0, True), (2, True), (40, False)])
def test_the_first_calls_decide(mimi, wrong, suffices):
    calls = [signal(seed, 24000 * 8) for seed in range(2)]

    def encode(signals):
        codes = [encode_channels(mimi, s[None])[0] for s in signals]
        codes[0][5, :wrong] += 1
        return codes

    verdict = verified(mimi, encode, calls)
    assert verdict.suffices is suffices and "2 calls verified" in verdict.text
    assert ("falling back to fp32" in verdict.text) is not suffices


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_run_whose_batches_disagree_is_encoded_in_plain_float32(toy_checkpoint, tmp_path, monkeypatch, capsys, wrong):
    """A stand-in for the accelerator's encoder, since its results are what matters here."""

    def batched(mimi):
        def encode(signals):
            return [encode_channels(mimi, s[None])[0] + np.int16(wrong) for s in signals]

        return Batched(mimi, SimpleNamespace(encode=encode))

    plain, tried = build_work(tmp_path / "plain", num_calls=4), build_work(tmp_path / "tried", num_calls=4)
    stage.encode(plain, str(toy_checkpoint), "cpu", InlineEngine())
    monkeypatch.setattr(precision, "_batched", batched)
    monkeypatch.setattr(Batched, "pinned", lambda self, signals: signals)
    stage._load.cache_clear()
    try:
        stage.encode(tried, str(toy_checkpoint), "cpu", ThreadEngine(2))
    finally:
        stage._load.cache_clear()
    assert ("falling back" in capsys.readouterr().err) is bool(wrong)
    for table in ("codes", "voices", "rejects"):
        assert plain.read(table).equals(tried.read(table)), table


def test_reading_ahead_keeps_the_order_and_its_errors():
    assert list(in_order(lambda n: n * n, range(20), 3)) == [n * n for n in range(20)]
    results = in_order(lambda n: 6 // n, [3, 2, 0, 1], 2)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_threads_give_every_result_once():
    assert sorted(ThreadEngine(3).map(lambda n: n + 1, range(10))) == list(range(1, 11))
