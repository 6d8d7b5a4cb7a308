"""Voices behind one interface, in the synthesize stage; and what befalls the user's channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_synthesize import content, domain, run, table

from fisherprep.align.align import align
from fisherprep.check import check_work
from fisherprep.domain import Conditions, SpeechChoice
from fisherprep.engine import InlineEngine, LocalEngine
from fisherprep.manifest import load_manifest
from fisherprep.schema import FRAME_RATE_HZ
from fisherprep.speech.conditions import PRESETS, disturb
from fisherprep.speech.espeak import say, voices
from fisherprep.speech.synthesize import Sound, synthesize
from fisherprep.speech.timing import read_timing
from fisherprep.speech.tts import load_tts, spoken_text
from fisherprep.workfolder import WorkFolder

NUMBERS = tuple(str(i) for i in range(8))
PLAIN, TIMED = SpeechChoice("my_voice:plain", NUMBERS), SpeechChoice("my_voice:timed", NUMBERS)


def spoken(manifest, out: Path, speech: SpeechChoice | None = None, engine=None, **how):
    return synthesize(manifest, out, None, None, engine or InlineEngine(), Sound(speech=speech, **how))


# -- engines -------------------------------------------------------------------------------------------------------


def test_the_embedded_engine_is_espeak():
    tts = load_tts(SpeechChoice())
    assert tts.gives_words
    assert [s.name for s in tts.speakers()] == [v.name for v in voices()]
    words = ["two", "lattes,", "please."]
    assert tts.say(words, "us-m1", 3).samples.tobytes() == say(words, voices()[1]).samples.tobytes()
    few = load_tts(SpeechChoice("espeak", ("gb-f1", "us-m1")))
    assert [(s.name, s.sex) for s in few.speakers()] == [("gb-f1", "f"), ("us-m1", "m")]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (SpeechChoice("festival"), "expected one of espeak, kokoro, piper, or module:callable"),
        (SpeechChoice("espeak", ("us-x9",)), "found voice 'us-x9', expected one of us-f1"),
        (SpeechChoice("espeak", ("us-f1", "us-f1")), "comes twice"),
        (SpeechChoice("no_such_module:speak", ("a",)), "cannot be had .ModuleNotFoundError"),
        (SpeechChoice("my_voice:nobody", ("a",)), "cannot be had .AttributeError"),
        (SpeechChoice("my_voice:NUMBER", ("a",)), "found int, expected a callable"),
        (SpeechChoice("my_voice:plain"), "expected its voices"),
    ],
)
def test_engines_that_cannot_be_had_are_named(choice, message):
    with pytest.raises(ValueError, match=message):
        load_tts(choice)


@pytest.mark.parametrize(
    ("voice", "message"),
    [
        ("nothing", "returned NoneType"),
        ("silence", "returned samples of shape"),
        ("stereo", "returned samples of shape"),
        ("long", "up to 120 s"),
        ("rate", "a rate of 10 Hz"),
        ("endless rate", "cannot convert float infinity"),
        ("loud", "no float audio"),
        ("nan", "no float audio"),
    ],
)
def test_what_is_no_speech_is_refused(voice, message):
    tts = load_tts(SpeechChoice("my_voice:wrong", (voice,)))
    with pytest.raises(ValueError, match=message):
        tts.say(["hi"], voice, 0)
    with pytest.raises(ValueError, match="expected 2 in order"):
        load_tts(SpeechChoice("my_voice:few_times", ("x",))).say(["two", "words"], "x", 0)


def test_numbers_are_written_out_for_engines_that_read_text():
    assert (
        spoken_text(["That's", "$4.50,", "at", "9:05am", "mm-hm."]) == "That's four fifty, at nine oh five A m mm-hm."
    )
    assert spoken_text(["mm-hm."]) == "mm-hm."
    with pytest.raises(ValueError, match="nothing to say"):
        spoken_text(["--"])


# -- the stage -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return domain(tmp_path_factory.mktemp("voices"), dialogues=4)


@pytest.fixture(scope="module")
def wordless(manifest, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wordless") / "work"
    summary = spoken(manifest, out, PLAIN)
    assert (summary.counters["dialogues"], sum(summary.rejects.values())) == (4, 0)
    return out


def test_without_word_times_align_places_the_words(manifest, wordless, tmp_path):
    work = WorkFolder.open(wordless)
    assert not work.files("words") and not work.files("alignments")
    assert set(table(wordless, "conversations").speaker_a) <= {f"kiosk-{n}" for n in NUMBERS}
    summary = align(work, InlineEngine())
    assert summary.counters["coverage"] > 0.8
    assert spoken(manifest, wordless, PLAIN).ran == 0, "aligned words leave the dialogues up to date"
    assert not check_work(work).findings
    spoken(manifest, tmp_path / "timed", TIMED)
    assert set(table(tmp_path / "timed", "words").method) == {"synthesis"}
    with pytest.raises(ValueError, match="its words were placed by `align`"):
        spoken(manifest, wordless, TIMED)


def test_aligned_words_are_where_the_sound_is(wordless):
    work = WorkFolder.open(wordless)
    words, turns = table(wordless, "words"), table(wordless, "turns")
    joined = words.merge(turns, on=["call_id", "turn"], suffixes=("", "_turn"))
    assert (joined.start_s >= joined.start_s_turn - 1 / FRAME_RATE_HZ).mean() > 0.95
    assert (joined.end_s <= joined.end_s_turn + 1 / FRAME_RATE_HZ).mean() > 0.95
    for call in table(wordless, "conversations").to_dict("records"):
        samples, rate_hz = soundfile.read(work.audio_path(call))
        for turn in turns[turns.call_id == call["call_id"]].itertuples():
            sound = samples[round(turn.start_s * rate_hz) : round(turn.end_s * rate_hz), "ab".index(turn.side)]
            assert np.std(sound) > 0.01


def test_an_engine_without_words_takes_those_of_the_one_before_away(manifest, tmp_path):
    spoken(manifest, tmp_path / "work")
    assert WorkFolder.open(tmp_path / "work").files("words")
    spoken(manifest, tmp_path / "work", PLAIN)
    assert not WorkFolder.open(tmp_path / "work").files("words")
    fresh = {k: v for k, v in content(tmp_path / "work").items() if not k.startswith(".done")}
    spoken(manifest, tmp_path / "fresh", PLAIN, LocalEngine(2))
    assert {k: v for k, v in content(tmp_path / "fresh").items() if not k.startswith(".done")} == fresh


def test_a_voice_that_fails_costs_its_dialogue_only(manifest, tmp_path):
    summary = spoken(manifest, tmp_path / "work", SpeechChoice("my_voice:choosy", NUMBERS))
    assert (summary.counters["dialogues"], summary.rejects) == (3, {"cannot_be_spoken": 1})
    (rejected,) = table(tmp_path / "work", "rejects").to_dict("records")
    assert rejected["found"] == "my_voice:choosy failed with RuntimeError: no fifty two"


def test_too_few_voices_for_the_splits_are_an_error(manifest, tmp_path):
    with pytest.raises(ValueError, match=r"found 5 \(us-f1, .*\), expected at least 6, two for each split"):
        spoken(manifest, tmp_path / "work", SpeechChoice("espeak", ("us-f1", "us-m1", "us-f2", "us-m3", "us-f3")))


def test_the_manifest_chooses_voices_timing_and_conditions(manifest, tmp_path):
    text = manifest.path.read_text(encoding="utf-8").rstrip().removesuffix("}")
    file = manifest.path.with_name("chosen.yaml")
    speech = "speech: {engine: espeak, voices: [us-f1, us-m1, us-f2, us-m3, us-f3, us-m7]}"
    file.write_text(f"{text}, {speech}, conditions: {{gain: 1.0}}}}\n".replace("name: kiosk", "name: chosen"), "utf-8")
    chosen = load_manifest(file)
    run(chosen, tmp_path / "work")
    calls = table(tmp_path / "work", "conversations")
    named = {f"chosen-us-{v}" for v in ("f1", "m1", "f2", "m3", "f3", "m7")}
    assert set(calls.speaker_a) | set(calls.speaker_b) <= named
    assert {tuple(flags) for flags in calls["flags"]} == {("user_gain",)}
    file.write_text(f"{text}, conditions: {{gain: 1.5}}}}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"chosen.yaml:6: domain.conditions.gain: found 1.5, expected a number from 0"):
        load_manifest(file)
    file.write_text(f"{text}, timing: none.json}}\n".replace("name: kiosk", "name: chosen"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"none\.json: cannot be read as a timing file"):
        run(load_manifest(file), tmp_path / "other")
    with pytest.raises(ValueError, match="cannot be read as a timing file"):
        read_timing(tmp_path / "none.json")


# -- conditions ----------------------------------------------------------------------------------------------------


def both() -> np.ndarray:
    """Two seconds of the agent on side a, then two of the user on side b, at 24 kHz."""
    samples = np.zeros((2, 96_000), np.float32)
    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    samples[0, :48_000], samples[1, 48_000:] = 0.1 * noise, 0.05 * noise[::-1]
    return samples


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


@pytest.mark.parametrize("name", ["gain", "noise", "echo", "telephone"])
def test_only_the_user_is_disturbed_and_the_seed_decides(name):
    conditions = Conditions(**{name: 1.0})
    done, flags = disturb(both(), 24_000, "b", conditions, np.random.default_rng(1))
    assert flags == [f"user_{name}"]
    assert done.shape == both().shape and np.isfinite(done).all() and np.abs(done).max() <= 1.0
    assert np.array_equal(done[0], both()[0])
    assert not np.array_equal(done[1], both()[1])
    again, _ = disturb(both(), 24_000, "b", conditions, np.random.default_rng(1))
    other, _ = disturb(both(), 24_000, "a", conditions, np.random.default_rng(1))
    assert np.array_equal(again, done) and np.array_equal(other[1], both()[1])


def test_gain_and_noise_have_their_levels():
    gains, noises = [], []
    for seed in range(60):
        done, _ = disturb(both(), 24_000, "b", Conditions(gain=1.0), np.random.default_rng(seed))
        gains.append(20 * np.log10(rms(done[1]) / rms(both()[1])))
        noisy, _ = disturb(both(), 24_000, "b", Conditions(noise=1.0), np.random.default_rng(seed))
        if level := rms((noisy[1] - both()[1])[:24_000]):
            noises.append(20 * np.log10(level / 0.05))
    low, high = min(gains), max(gains)
    assert low == pytest.approx(-20, abs=4.5) and high == pytest.approx(11, abs=4.5)
    assert len(noises) > 30
    assert min(noises) > -31 and max(noises) < 7.5


def test_the_echo_is_the_agent_late_and_softer():
    for seed in range(8):
        done, _ = disturb(both(), 24_000, "b", Conditions(echo=1.0), np.random.default_rng(seed))
        echo = done[1, :48_000]
        assert np.abs(echo[: round(0.09 * 24_000)]).max() < 1e-9, "nothing before the shortest delay"
        found = np.fft.irfft(np.fft.rfft(echo, 96_000) * np.conj(np.fft.rfft(both()[0, :48_000], 96_000)))
        assert 0.099 <= np.argmax(np.abs(found)) / 24_000 <= 0.501
        assert rms(echo) < 0.3 * 0.1


def test_the_telephone_keeps_its_band_and_time():
    time_s = np.arange(48_000) / 24_000
    for hz, passes in ((1000, True), (6000, False), (80, False)):
        samples = np.stack([np.zeros(48_000), 0.3 * np.sin(2 * np.pi * hz * time_s)]).astype(np.float32)
        done, _ = disturb(samples, 24_000, "b", Conditions(telephone=1.0), np.random.default_rng(0))
        if passes:
            np.testing.assert_allclose(done[1, 4000:-4000], samples[1, 4000:-4000], atol=0.02)
        else:
            assert rms(done[1]) < 0.03


def test_shares_of_conditions_are_kept(manifest, tmp_path):
    flags = [disturb(both(), 24_000, "b", PRESETS["moshi"], np.random.default_rng(i))[1] for i in range(200)]
    shares = {name: sum(f"user_{name}" in f for f in flags) / 200 for name in ("gain", "noise", "echo", "telephone")}
    assert shares["gain"] == pytest.approx(0.5, abs=0.12)
    assert shares["noise"] == pytest.approx(0.3, abs=0.12) and shares["echo"] == pytest.approx(0.3, abs=0.12)
    assert shares["telephone"] == 0.0
    spoken(manifest, tmp_path / "quiet")
    spoken(manifest, tmp_path / "loud", conditions=PRESETS["telephone"])
    quiet, loud = (WorkFolder.open(tmp_path / name) for name in ("quiet", "loud"))
    calls = table(tmp_path / "loud", "conversations").to_dict("records")
    assert all("user_telephone" in call["flags"] for call in calls)
    before, after = (soundfile.read(work.audio_path(calls[0]))[0] for work in (quiet, loud))
    assert np.array_equal(before[:, 0], after[:, 0]) and not np.array_equal(before[:, 1], after[:, 1])
    words = [table(tmp_path / name, "words")[["word", "start_s"]] for name in ("quiet", "loud")]
    assert words[0].equals(words[1]), "conditions move no word"


# -- engines of the extras -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "package"), [("kokoro", "kokoro_onnx"), ("piper", "piper")])
def test_extras_say_what_they_need(engine, package, tmp_path, monkeypatch):
    import importlib.util

    if importlib.util.find_spec(package) is None:
        with pytest.raises(ValueError, match=rf"pip install 'fisherprep\[{engine}\]'"):
            load_tts(SpeechChoice(engine, ("x",), str(tmp_path)))
    else:
        with pytest.raises(ValueError, match="expected"):
            load_tts(SpeechChoice(engine, (str(tmp_path / "x.onnx"),), str(tmp_path)))


def test_kokoro_speaks():
    """FISHERPREP_KOKORO names a folder with its weights."""
    import os

    pytest.importorskip("kokoro_onnx")
    if not (folder := os.environ.get("FISHERPREP_KOKORO")):
        pytest.skip("FISHERPREP_KOKORO names no folder with weights")
    tts = load_tts(SpeechChoice("kokoro", (), folder))
    assert not tts.gives_words and len(tts.speakers()) >= 6
    speech = tts.say(["Hello", "there."], "af_heart", 0)
    assert 0.4 < len(speech.samples) / speech.rate_hz < 3 and rms(speech.samples) > 0.01
    assert np.array_equal(tts.say(["Hello", "there."], "af_heart", 1).samples, speech.samples)


def test_piper_speaks():
    """FISHERPREP_PIPER names a voice, *.onnx."""
    import os

    pytest.importorskip("piper")
    if not (voice := os.environ.get("FISHERPREP_PIPER")):
        pytest.skip("FISHERPREP_PIPER names no voice")
    tts = load_tts(SpeechChoice("piper", (voice,)))
    speech = tts.say(["Hello", "there."], voice, 0)
    assert 0.4 < len(speech.samples) / speech.rate_hz < 3 and rms(speech.samples) > 0.01
    tts.say(["Something", "else."], voice, 0)
    assert np.array_equal(tts.say(["Hello", "there."], voice, 0).samples, speech.samples)
