"""What the codec hears: channels at one loudness, never clipped, silence left alone; sound restored by others' code."""

from __future__ import annotations

import json

import my_restore
import numpy as np
import pyloudnorm
import pytest
from codec_calls import build_work, call_signal, signal
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.check import check_work
from fisherprep.codec.audio import MAX_GAIN_DB, PEAK_DBFS, Treatment, codec_audio, to_codec_rate, treated
from fisherprep.codec.encode import encode
from fisherprep.codec.restore import load_restore, restore_of
from fisherprep.corpus.channels_levels import measure
from fisherprep.corpus.problems import BadInput
from fisherprep.engine import InlineEngine
from fisherprep.loudness import channel_loudness

NORMAL = Treatment(-24.0)
TOLERANCE_LU = 1.5
"""At 24 kHz: the gain is that of the file's rate, where the weighting differs by 0.3 dB at the most, and what of this
noise, whose band ends nowhere, lies near 4 kHz is lost in resampling. At the file's rate it is held much closer."""


def loudness(samples: np.ndarray, rate_hz: int) -> float:
    """By pyloudnorm: another implementation."""
    return pyloudnorm.Meter(rate_hz).integrated_loudness(samples.astype(np.float64))


# -- loudness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8000, 11025, 24000, 48000])
def test_loudness_is_pyloudnorms(rate_hz):
    for seed in range(4):
        samples = signal(seed, rate_hz * 7 + 13)[0]
        assert channel_loudness(samples, rate_hz) == pytest.approx(loudness(samples, rate_hz), abs=0.1)


def test_loudness_is_what_ingest_measures():
    pcm = (signal(1, 8000 * 9)[0] * 32767).astype(np.int16)
    assert channel_loudness(pcm / np.float32(32768), 8000) == pytest.approx(measure(pcm, 8000).loudness_lufs, abs=1e-4)


@pytest.mark.parametrize("samples", [np.zeros(80000), np.full(80000, 1e-5), np.ones(3000), np.zeros(0)])
def test_what_is_silent_or_too_short_has_no_loudness(samples):
    assert channel_loudness(samples.astype(np.float32), 8000) is None


@given(st.integers(0, 1000), st.floats(-40, 10), st.floats(-40, 10))
@settings(max_examples=15, deadline=None)
def test_each_channel_comes_to_the_target_or_as_near_as_its_peak_allows(seed, gain_a_db, gain_b_db):
    samples = signal(seed, 8000 * 2) * np.float32(10.0) ** (np.array([[gain_a_db], [gain_b_db]]) / 20)
    samples = np.clip(samples, -1, 1).astype(np.float32)
    audio = treated(samples, 8000, NORMAL)
    plain = to_codec_rate(samples, 8000)
    ceiling = 10 ** (PEAK_DBFS / 20)
    for raw, out, before, gain_db in zip(samples, audio.samples, plain, audio.gains_db, strict=True):
        np.testing.assert_allclose(out, before * 10 ** (gain_db / 20), rtol=1e-5, atol=1e-7)
        assert np.abs(out).max() <= ceiling + 1e-6 and gain_db <= MAX_GAIN_DB
        if gain_db == 0 and loudness(raw, 8000) < -69.9:
            continue  # below the gate of BS.1770 there is no loudness
        held_back = np.abs(out).max() >= ceiling - 1e-4 or gain_db == MAX_GAIN_DB
        assert held_back or loudness(raw, 8000) + gain_db == pytest.approx(-24, abs=0.1)
        assert held_back or loudness(out, 24000) == pytest.approx(-24, abs=TOLERANCE_LU)


def test_silence_is_left_alone_and_off_changes_nothing():
    samples = np.stack([np.zeros(40000), signal(0, 40000)[0]]).astype(np.float32)
    audio = treated(samples, 8000, NORMAL)
    assert audio.gains_db[0] == 0 and not audio.samples[0].any() and audio.gains_db[1] != 0
    off = treated(samples, 8000, Treatment())
    assert off.gains_db == (0, 0) and np.array_equal(off.samples, to_codec_rate(samples, 8000))


def test_a_known_loudness_is_believed_and_the_callers_samples_stay_as_they_are():
    samples = signal(3, 24000 * 2)
    before = samples.copy()
    known = tuple(channel_loudness(channel, 24000) for channel in samples)
    told, found = treated(samples, 24000, NORMAL, known), treated(samples, 24000, NORMAL)
    assert told.gains_db == found.gains_db and np.array_equal(told.samples, found.samples)
    assert np.array_equal(samples, before)


def test_rows_hold_the_gain_and_a_call_of_another_level_gets_nearly_the_same_codes(toy_checkpoint, tmp_path):
    work = build_work(tmp_path)
    encode(work, str(toy_checkpoint), "cpu", InlineEngine())
    row, call = work.read("codes").to_pylist()[0], work.read("conversations").to_pylist()[0]
    audio = codec_audio(work, call, NORMAL)
    assert (row["gain_db_a"], row["gain_db_b"]) == audio.gains_db and all(audio.gains_db)
    assert json.loads(row["provenance"])["loudness"] == -24.0
    encode(work, str(toy_checkpoint), "cpu", InlineEngine(), loudness=None)
    row = work.read("codes").to_pylist()[0]
    assert (row["gain_db_a"], row["gain_db_b"]) == (0, 0) and json.loads(row["provenance"])["loudness"] is None


# -- restoring -----------------------------------------------------------------------------------------------------


def restored(spec, samples, rate_hz=8000):
    return load_restore(restore_of(spec))(samples, rate_hz)


def test_restored_sound_is_the_callables_and_exactly_as_long_as_the_call():
    samples = call_signal(0, 8003)
    out, rate_hz = restored("my_restore:double", samples)
    assert rate_hz == 16000 and np.array_equal(out, np.repeat(samples, 2, axis=1))
    out, rate_hz = restored("my_restore:folded", samples)
    assert rate_hz == 24000 and out.shape == (2, 3 * 8003) and out.dtype == np.float32
    audio = treated(samples, 8000, Treatment(None, restore_of("my_restore:folded")))
    assert np.array_equal(audio.samples, out)
    wide = treated(signal(1, 24000), 24000, Treatment(None, restore_of("my_restore:folded")))
    assert np.array_equal(wide.samples, signal(1, 24000)), "nothing is to be extended at the codec's own rate"


def test_loudness_is_that_of_the_restored_sound():
    samples = call_signal(0, 8000 * 6)
    known = tuple(channel_loudness(channel, 8000) for channel in samples)
    audio = treated(samples, 8000, Treatment(-30.0, restore_of("my_restore:folded")), known)
    for out in audio.samples:
        assert loudness(out, 24000) == pytest.approx(-30, abs=0.1)


def test_a_callable_may_not_write_into_the_call():
    samples = call_signal(0, 8000)
    before = samples.copy()
    restored("my_restore:changing", samples)
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("answer", list(my_restore.ANSWERS))
def test_what_is_no_sound_of_the_same_length_is_refused(answer):
    with pytest.raises(BadInput, match="not restored: found my_restore:answers") as refused:
        restored(f"my_restore:answers.{answer.replace(' ', '_')}", call_signal(0, 8001))
    assert len(str(refused.value)) < 600


def test_channels_of_two_rates_and_a_callable_that_leaves_are_refused():
    samples = np.stack([np.full(800, 0.1), np.full(800, -0.1)]).astype(np.float32)
    with pytest.raises(BadInput, match=r"channels at \[16000, 24000\] Hz"):
        restored("my_restore:of_two_minds", samples)
    with pytest.raises(BadInput, match="SystemExit"):
        restored("my_restore:leaves", samples)


@pytest.mark.parametrize("spec", ["my_restore", "my_restore:", ":double", "no_such_module:x", "my_restore:nothing_here",
                                  "my_restore:NUMBER", ""])  # fmt: skip
def test_a_callable_that_cannot_be_had_is_one_error_before_anything_runs(spec):
    with pytest.raises(ValueError, match="restore"):
        restore_of(spec)


def test_restored_calls_say_so_failed_ones_are_rejects_and_another_callable_encodes_anew(toy_checkpoint, tmp_path):
    work, checkpoint = build_work(tmp_path, num_calls=4), str(toy_checkpoint)
    plain = encode(work, checkpoint, "cpu", InlineEngine())
    before = {row["call_id"]: row for row in work.read("codes").to_pylist()}
    summary = encode(work, checkpoint, "cpu", InlineEngine(), restore="my_restore:choosy")
    assert plain.rows["codes"] == 3 and summary.rejects == {"no_words": 1, "not_restored": 1}
    rows = work.read("codes").to_pylist()
    (rejected,) = [row for row in work.read("rejects").to_pylist() if row["reason"] == "not_restored"]
    assert rejected["call_id"] == "call_003" and "an odd number of samples" in rejected["found"]
    for row in rows:
        told = json.loads(row["provenance"])["restore"]
        assert told["callable"] == "my_restore:choosy" and len(told["sha256"]) == 64
        assert row["codes_a"] != before[row["call_id"]]["codes_a"]
    assert not check_work(work).findings
