"""Channel checks: levels against known signals and pyloudnorm, swaps, crosstalk and untranscribed speech of calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from fisher_builder import Call as BuiltCall
from fisher_builder import noise, run, sphere, write_release
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.corpus.audio import read_audio
from fisherprep.corpus.call import Options
from fisherprep.corpus.channels import CHECK_COLUMNS, check_channels, checked, columns
from fisherprep.corpus.channels_levels import measure
from fisherprep.corpus.ingest import ingest
from fisherprep.corpus.transcript import Turn, parse_transcript, place_turns
from fisherprep.demo.release import write_release as write_demo
from fisherprep.demo.sphere import pcm_from_ulaw, ulaw_from_pcm
from fisherprep.engine import InlineEngine
from fisherprep.flags import FLAGS
from fisherprep.manifest import SplitRule
from fisherprep.schema import CONVERSATIONS
from fisherprep.workfolder import WorkFolder

RATE_HZ = 8000
SHORT_S = 20.0


def turn(side: str, start_s: float, end_s: float, words: tuple[str, ...] = ("hello",)) -> Turn:
    return Turn(0, side, start_s, end_s, " ".join(words), list(words), [])


def pcm(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)


def white(shape: tuple[int, ...] | int, level_dbfs: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape) * 10 ** (level_dbfs / 20)


# Levels -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100])
def test_loudness_is_that_of_pyloudnorm(rate_hz: int) -> None:
    import pyloudnorm

    seconds = 7.33
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    bursts = white(t.size, -20) * (np.sin(2 * np.pi * t / 2.5) > 0.3) + 0.05 * np.sin(2 * np.pi * 70 * t)
    samples = pcm(bursts + white(t.size, -60, 1) + 0.01)
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(samples / 32768.0)
    assert measure(samples, rate_hz).loudness_lufs == pytest.approx(expected, abs=0.05)


def test_a_full_sine_of_1_khz_at_48_khz_has_minus_3_lufs() -> None:
    t = np.arange(48000 * 2) / 48000
    # ITU-R BS.1770-4, annex 1: a 0 dBFS sine of 997 Hz on one front channel reads -3.01 LKFS
    assert measure(pcm(np.sin(2 * np.pi * 997 * t)), 48000).loudness_lufs == pytest.approx(-3.01, abs=0.05)


def test_loudness_is_not_known_of_silence_and_of_very_short_audio() -> None:
    assert measure(np.zeros(RATE_HZ, np.int16), RATE_HZ).loudness_lufs is None
    assert measure(pcm(white(3000, -20)), RATE_HZ).loudness_lufs is None


def test_dc_offset_and_clipping() -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    sine = np.sin(2 * np.pi * 50 * t)
    assert measure(pcm(0.1 * sine + 0.02), RATE_HZ).dc_offset == pytest.approx(0.02, abs=1e-4)
    assert measure(pcm(0.9 * sine), RATE_HZ).clipped_ratio == 0
    clipped = pcm(2 * sine)
    expected = np.mean(np.abs(2 * sine) >= 32124 / 32768)
    assert measure(clipped, RATE_HZ).clipped_ratio == pytest.approx(expected, abs=0.01)
    coded = pcm_from_ulaw(ulaw_from_pcm(clipped))
    assert measure(coded, RATE_HZ).clipped_ratio == pytest.approx(expected, abs=0.03)  # its last step begins at 31612
    lone_peaks = np.zeros(RATE_HZ, np.int16)
    lone_peaks[::10], lone_peaks[1::10], lone_peaks[5::20] = 32767, 32767, -32768
    assert measure(lone_peaks, RATE_HZ).clipped_ratio == 0


@pytest.mark.parametrize("level_dbfs", [-70.0, -57.0, -45.0])
def test_noise_alone_is_no_speech_and_its_level_is_known(level_dbfs: float) -> None:
    samples = pcm_from_ulaw(ulaw_from_pcm(pcm(white((2, 20 * RATE_HZ), level_dbfs))))
    checks = check_channels(samples, RATE_HZ, [])
    assert checks.a.speech_ratio == checks.b.speech_ratio == 0
    # the high-pass leaves 95 % of white noise; mu-law's own noise adds a little at the lowest level
    assert checks.a.noise_dbfs == pytest.approx(level_dbfs, abs=0.8)


def test_a_step_of_the_noise_is_no_speech() -> None:
    samples = white((2, 60 * RATE_HZ), -65)
    samples[:, 30 * RATE_HZ :] *= 10
    samples[1, : 20 * RATE_HZ] = 0
    checks = check_channels(pcm(samples), RATE_HZ, [])
    assert checks.a.speech_ratio < 0.1 and checks.b.speech_ratio < 0.1


# Generated calls ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    samples: np.ndarray
    turns: list[Turn]
    spoken: dict[tuple[str, float, float], tuple[float, float]]
    """first start and last end of the words, by side and times of their turn"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("channels") / "ldc"
    write_demo(root, 6, SHORT_S, 5, InlineEngine())
    return root


@pytest.fixture(scope="module")
def generated(release: Path) -> list[Call]:
    gold: dict[str, dict] = {}
    for word in pq.read_table(release.parent / "ldc_gold/words.parquet").to_pylist():
        key = (word["side"], round(word["turn_start_s"], 2), round(word["turn_end_s"], 2))
        spans = gold.setdefault(word["call_id"], {})
        spans[key] = (min(spans.get(key, (1e9, 0))[0], word["start_s"]), word["end_s"])
    transcripts = {path.stem: path for path in release.rglob("data/trans/*/fe_03_*.txt")}
    made = []
    for path in sorted(release.rglob("*.sph")):
        audio = read_audio(path)
        turns, _ = place_turns(parse_transcript(transcripts[path.stem].read_bytes()), audio.duration_s)
        made.append(Call(audio.samples, turns, gold[path.stem]))
    return made


def with_crosstalk(samples: np.ndarray, level_db: float, delay_s: float = 0.0) -> np.ndarray:
    delay = round(delay_s * RATE_HZ)
    other = np.pad(samples[::-1], ((0, 0), (delay, 0)))[:, : samples.shape[1]]
    mixed = samples + 10 ** (level_db / 20) * other.astype(np.float64)
    return pcm_from_ulaw(ulaw_from_pcm(np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)))


def changed(call: Call, how: str) -> tuple[np.ndarray, list[Turn]]:
    samples, turns = call.samples, call.turns
    rng = np.random.default_rng(7)
    if how == "crosstalk at -20 dB":
        return with_crosstalk(samples, -20), turns
    if how == "noise and crosstalk":
        return with_crosstalk(samples + pcm(white(samples.shape, -45)), -20), turns
    if how == "an echo of 200 ms":
        return with_crosstalk(samples, -20, 0.2), turns
    if how == "one side 15 dB softer":
        return with_crosstalk((samples * np.array([[1.0], [10 ** (-15 / 20)]])).astype(np.int16), -20), turns
    if how == "a third of the turns missing":
        return samples, [t for t in turns if rng.random() > 0.33]
    if how == "times off by 0.3 s":
        off = [(t.start_s + rng.normal(0, 0.3), t.end_s + rng.normal(0, 0.3)) for t in turns]
        return samples, [t._replace(start_s=s, end_s=max(e, s)) for t, (s, e) in zip(turns, off, strict=True)]
    return samples, turns


@pytest.mark.parametrize(
    "how",
    ["as it is", "crosstalk at -20 dB", "noise and crosstalk", "an echo of 200 ms", "one side 15 dB softer",
     "a third of the turns missing", "times off by 0.3 s"],
)  # fmt: skip
def test_swapped_channels_are_found_and_straight_ones_are_not(generated: list[Call], how: str) -> None:
    for call in generated:
        samples, turns = changed(call, how)
        straight = check_channels(samples, RATE_HZ, turns).swap
        crossed = check_channels(np.ascontiguousarray(samples[::-1]), RATE_HZ, turns).swap
        assert straight.swapped is False and crossed.swapped is True
        assert straight.score == pytest.approx(-crossed.score, abs=1e-9) and straight.score > 0.8


@pytest.mark.parametrize(("level_db", "delay_s"), [(-10.0, 0.0), (-20.0, 0.0), (-20.0, 0.15), (-30.0, 0.4)])
def test_crosstalk_level(generated: list[Call], level_db: float, delay_s: float) -> None:
    found = []
    for call in generated:
        checks = check_channels(with_crosstalk(call.samples, level_db, delay_s), RATE_HZ, call.turns)
        found += [checks.a.crosstalk_db, checks.b.crosstalk_db]
        assert ("loud_crosstalk" in checks.flags) is (level_db > -15)
    known = np.array([level for level in found if level is not None])
    assert len(known) >= 0.8 * len(found)
    # undelayed, the crosstalk of -52 to -36 dB that is there already adds to it
    assert np.all(np.abs(known - level_db) < 2.0) and abs(np.median(known) - level_db) < 1.0


def test_crosstalk_is_unknown_where_the_other_side_does_not_speak() -> None:
    samples = pcm(white((2, 5 * RATE_HZ), -60))
    checks = check_channels(samples, RATE_HZ, [])
    assert checks.a.crosstalk_db is checks.b.crosstalk_db is None


@pytest.mark.parametrize("crosstalk_db", [None, -20.0])
def test_speech_of_turns_that_were_left_out_is_untranscribed(generated: list[Call], crosstalk_db: float | None) -> None:
    hits = false = missed = 0
    for number, call in enumerate(generated):
        samples = call.samples if crosstalk_db is None else with_crosstalk(call.samples, crosstalk_db)
        kept = [t for i, t in enumerate(call.turns) if (i + number) % 3]
        checks = check_channels(samples, RATE_HZ, kept)
        for side, found in (("a", checks.a.untranscribed), ("b", checks.b.untranscribed)):
            mine = {(side, t.start_s, t.end_s) for t in kept if t.side == side}
            in_turns = milliseconds([key[1:] for key in mine])
            absent = [span for key, span in call.spoken.items() if key[0] == side and key not in mine]
            true, reported = milliseconds(absent) & ~in_turns, milliseconds(found)
            assert not (reported & in_turns).any()
            assert all(start < end for start, end in found) and list(found) == sorted(found)
            hits += np.count_nonzero(true & reported)
            false += np.count_nonzero(reported & ~true)
            missed += np.count_nonzero(true & ~reported)
    assert hits > 10_000 and hits / (hits + false) > 0.95 and hits / (hits + missed) > 0.95


def milliseconds(spans) -> np.ndarray:
    mask = np.zeros(round(SHORT_S * 1000), bool)
    for start_s, end_s in spans:
        mask[round(start_s * 1000) : round(end_s * 1000)] = True
    return mask


def test_whole_transcripts_leave_next_to_nothing_untranscribed(generated: list[Call]) -> None:
    rest = [check_channels(with_crosstalk(c.samples, -20), RATE_HZ, c.turns) for c in generated]
    lengths = [end - start for r in rest for side in (r.a, r.b) for start, end in side.untranscribed]
    assert sum(lengths) < 0.005 * 2 * SHORT_S * len(rest)
    assert all(r.flags == [] for r in rest)
    assert all(side.agreement > 0.6 and 0.1 < side.speech_ratio < 0.9 for r in rest for side in (r.a, r.b))


def test_another_calls_transcript_is_no_swap(generated: list[Call]) -> None:
    others = [*generated[1:], generated[0]]
    found = [check_channels(c.samples, RATE_HZ, o.turns) for c, o in zip(generated, others, strict=True)]
    assert sum(c.swap.swapped is None for c in found) >= 4
    long = np.concatenate([c.samples for c in generated], axis=1)
    shifted = [
        t._replace(start_s=t.start_s + SHORT_S * i, end_s=t.end_s + SHORT_S * i)
        for i, other in enumerate(others)
        for t in other.turns
    ]
    checks = check_channels(long, RATE_HZ, shifted)
    assert checks.flags == ["transcript_mismatch"] and checks.swap.swapped is None


def test_a_mix_on_both_channels_is_named(generated: list[Call]) -> None:
    mix = np.repeat(generated[0].samples.sum(axis=0, keepdims=True) // 2, 2, axis=0).astype(np.int16)
    checks = check_channels(mix, RATE_HZ, generated[0].turns)
    assert checks.flags == ["same_sound"] and checks.swap.swapped is None
    assert checks.a.untranscribed is None and checks.a.crosstalk_db is None


def test_a_dead_channel_and_a_clipped_one_are_flagged(generated: list[Call]) -> None:
    samples = generated[0].samples.copy()
    samples[0] = 0
    samples[1] = np.clip(samples[1].astype(np.int32) * 40, -32768, 32767)
    checks = check_channels(samples, RATE_HZ, generated[0].turns)
    assert {"quiet_channel", "clipped"} <= set(checks.flags) and checks.swap.swapped is False
    assert checks.a.loudness_lufs is None and checks.a.noise_dbfs is None and checks.a.speech_ratio == 0


# Little evidence ----------------------------------------------------------------------------------------------------


def speech(seconds: float, spans: list[tuple[float, float]], seed: int) -> np.ndarray:
    """Noise with syllables in the spans, over a quiet line."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    inside = np.zeros(t.size, bool)
    for start_s, end_s in spans:
        inside |= (t >= start_s) & (t < end_s)
    return white(t.size, -25, seed) * inside * (1 + np.sin(2 * np.pi * 4 * t)) + white(t.size, -65, seed + 1)


def test_a_turn_or_two_are_too_little_for_a_verdict() -> None:
    samples = pcm(np.stack([speech(3, [(1.0, 1.5)], 0), speech(3, [(2.0, 2.5)], 9)]))
    checks = check_channels(samples, RATE_HZ, [turn("a", 1.0, 1.5), turn("b", 2.0, 2.5)])
    assert checks.swap.score == pytest.approx(1.0) and checks.swap.swapped is None
    assert check_channels(samples, RATE_HZ, []).swap.score is None


def test_turns_of_one_side_are_evidence() -> None:
    samples = pcm(np.stack([speech(12, [(1, 4), (6, 9)], 0), speech(12, [(4.2, 5.8), (9.2, 11)], 9)]))
    one_side = [turn("b", 1.0, 4.0), turn("b", 6.0, 9.0)]
    checks = check_channels(samples, RATE_HZ, one_side)
    assert checks.swap.swapped is True and checks.flags == ["channels_swapped"]
    wordless = [t._replace(words=[]) for t in one_side]
    assert check_channels(samples, RATE_HZ, wordless).swap.swapped is None


def test_untranscribed_regions_merge_over_short_pauses_and_spare_what_spills_out_of_turns() -> None:
    spans = [(0.85, 2.2), (4.0, 4.6), (4.8, 5.4), (6.5, 6.6), (7.7, 9.0)]
    samples = pcm(np.stack([speech(11, spans, 0), speech(11, [], 9)]))
    found = check_channels(samples, RATE_HZ, [turn("a", 1.0, 2.0), turn("a", 8.5, 8.9), turn("b", 4.0, 5.0)])
    np.testing.assert_allclose(found.a.untranscribed, [(4.0, 5.4), (7.7, 8.5)], atol=0.06)
    assert found.b.untranscribed == ()


# Whatever comes -----------------------------------------------------------------------------------------------------

TURNS = st.lists(
    st.builds(
        turn,
        st.sampled_from("ab"),
        st.floats(-5, 20),
        st.floats(-5, 20),
        st.sampled_from([(), ("oh",)]),
    ),
    max_size=6,
)


@cache
def odd_channel(kind: str, length: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return {
        "silence": lambda: np.zeros(length, np.int16),
        "constant": lambda: np.full(length, 1234, np.int16),
        "lowest": lambda: np.full(length, -32768, np.int16),
        "noise": lambda: rng.integers(-32768, 32768, length).astype(np.int16),
        "square": lambda: np.where(np.arange(length) // 40 % 2, 32767, -32768).astype(np.int16),
        "bursts": lambda: (rng.integers(-9000, 9000, length) * (np.arange(length) // 4000 % 2)).astype(np.int16),
        "one click": lambda: np.where(np.arange(length) == length // 2, 32767, 0).astype(np.int16),
    }[kind]()


KINDS = ("silence", "constant", "lowest", "noise", "square", "bursts", "one click")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.sampled_from(KINDS),
    st.sampled_from([0, 1, 79, 80, 81, 799, 4000, 20_000]),
    st.sampled_from([4000, 8000, 11_025, 48_000]),
    TURNS,
)
def test_no_sound_and_no_turns_are_too_odd(a: str, b: str, length: int, rate_hz: int, turns: list[Turn]) -> None:
    checks = check_channels(np.stack([odd_channel(a, length), odd_channel(b, length)]), rate_hz, turns)
    row = columns(checks)
    assert row.keys() == set(CHECK_COLUMNS) and set(checks.flags) <= FLAGS.keys()
    for name, value in row.items():
        if isinstance(value, list):
            assert all(0 <= r["start_s"] < r["end_s"] <= length / rate_hz + 0.005 for r in value), name
        elif value is not None:
            assert np.isfinite(value), name
    if {a, b} <= {"silence", "constant", "lowest"}:
        assert checks.a.speech_ratio == checks.b.speech_ratio == 0


def test_samples_of_another_kind_are_refused() -> None:
    for samples in (np.zeros((2, 9)), np.zeros((1, 9), np.int16), np.zeros(9, np.int16)):
        with pytest.raises(ValueError, match="expected int16"):
            check_channels(samples, RATE_HZ, [])
    with pytest.raises(ValueError, match="500 Hz"):
        check_channels(np.zeros((2, 9), np.int16), 500, [])
    row = checked({"flags": ["no_topic"]}, np.zeros((2, 9), np.int16), 500, [])
    assert row == {"flags": ["no_topic"]} | dict.fromkeys(CHECK_COLUMNS)


# In the tables ------------------------------------------------------------------------------------------------------


def test_ingest_writes_the_checks_and_keeps_a_swapped_call_as_it_is(
    release: Path, generated: list[Call], tmp_path: Path
) -> None:
    out = tmp_path / "work"
    ingest([release], out, SplitRule(), "fisher", InlineEngine())
    rows = WorkFolder.open(out).read("conversations").to_pylist()
    assert len(rows) == len(generated)
    assert all(row["channels_swapped"] is False and row["swap_score"] > 0.9 for row in rows)
    first = min(rows, key=lambda r: r["call_id"])
    for name, value in columns(check_channels(generated[0].samples, RATE_HZ, generated[0].turns)).items():
        written = first[name]
        assert written == (value if isinstance(value, list) else pytest.approx(value, rel=1e-5)), name
    call = generated[0]
    lines = [f"{t.start_s} {t.end_s} {t.side.upper()}: {t.text}" for t in call.turns]
    swapped = sphere(ulaw_from_pcm(call.samples[::-1].T))
    root = write_release(tmp_path / "swapped", [BuiltCall(1, ("2001", "2002"), lines, audio=swapped)])
    summary, tables = run(tmp_path / "of_swapped", root, options=Options())
    (row,) = tables["conversations"]
    assert row["channels_swapped"] is True and row["swap_score"] < -0.9 and row["flags"] == ["channels_swapped"]
    assert summary.counters["flag: channels_swapped"] == 1 and row["pin_a"] == "2001"
    assert [t["side"] for t in tables["turns"]] == [t.side for t in call.turns]
    assert sum(r["end_s"] - r["start_s"] for r in row["untranscribed_a"]) > 1


def test_checks_can_be_left_out(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", [BuiltCall(1, ("2001", "2002"), audio=sphere(noise(1)))])
    ingest([root], tmp_path / "work", SplitRule(), "fisher", InlineEngine(), Options(checks=False))
    (row,) = WorkFolder.open(tmp_path / "work").read("conversations").to_pylist()
    assert all(row[name] is None for name in CHECK_COLUMNS)
    assert set(CHECK_COLUMNS) <= {c.name for c in CONVERSATIONS.columns if c.nullable}
    ingest([root], tmp_path / "work", SplitRule(), "fisher", InlineEngine())
    (row,) = WorkFolder.open(tmp_path / "work").read("conversations").to_pylist()
    assert row["speech_ratio_a"] is not None
