"""Voices, word times, the timeline of a dialogue, and the channels it is heard through."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.speech.channel import telephone, wideband
from fisherprep.speech.espeak import Speech, say, voices
from fisherprep.speech.lexicon import _INTERJECTIONS, LETTER_A, spoken_units
from fisherprep.speech.timeline import Line, Placed, Rendered, Timing, render

VOICE = voices()[0]
HARD = [
    "to a friend",
    "of the house",
    "in the end of it",
    "it was that one",
    "there is some of the most of",
    "i'm uh-huh sure",
    "mm-hm mm hmm mhm",
    "the n. b. a. is on t._v. at four p.m.",
    "four fifty",
    "$4.50 or $12 at 4:30",
    "1998 100 20% twenty-five 1,200",
    "well, i don't know. is it? no!",
    "the the i i i a a",
    "café \u201cnaïve\u201d y'all o'clock 'cause",
    "x-ray rock 'n' roll s'more",
    "Mr. Jones and Dr. Who",
    "b c d e w x y z a",
]


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) if samples.size else 0.0


def level_db(samples: np.ndarray) -> float:
    return 20 * np.log10(max(rms(samples), 1e-12))


def between(speech: Speech, start_s: float, end_s: float) -> np.ndarray:
    return speech.samples[round(start_s * speech.rate_hz) : round(end_s * speech.rate_hz)]


# -- voices and words ----------------------------------------------------------------------------------------------


def test_there_are_many_voices_and_all_of_them_are_in_the_wheel():
    import espeakng_loader

    data = Path(espeakng_loader.get_data_path())
    assert len(voices()) >= 16
    assert len({v.name for v in voices()}) == len(voices())
    assert {v.sex for v in voices()} == {"m", "f"}
    for voice in voices():
        assert (data / "lang" / "gmw" / voice.language).is_file(), voice
        assert (data / "voices" / "!v" / voice.variant).is_file(), voice


def test_no_two_voices_sound_the_same():
    sounds = {say(["hello", "there"], voice).samples.tobytes() for voice in voices()}
    assert len(sounds) == len(voices())


@pytest.mark.parametrize("text", HARD)
@pytest.mark.parametrize("voice", [voices()[0], voices()[11], voices()[15]], ids=lambda v: v.name)
def test_every_word_has_a_time_of_its_own(text, voice):
    words = text.split()
    speech = say(words, voice)
    length_s = len(speech.samples) / speech.rate_hz
    assert len(speech.starts_s) == len(speech.ends_s) == len(words)
    assert speech.starts_s[0] == 0.0
    assert speech.ends_s[-1] == pytest.approx(length_s, abs=1e-4)
    for start, end in zip(speech.starts_s, speech.ends_s, strict=True):
        assert 0.02 < end - start < 2.5
        assert rms(between(speech, start, end)) > 0.005
    assert all(end <= later for end, later in zip(speech.ends_s, speech.starts_s[1:], strict=False))


SHORT = "of the a to in it was had been that is not one i'm uh t. a. oh so, yeah."


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(SHORT.split()), min_size=1, max_size=10))
def test_word_times_are_in_order_whatever_the_words(words):
    speech = say(words, VOICE)
    times = [t for pair in zip(speech.starts_s, speech.ends_s, strict=True) for t in pair]
    assert len(times) == 2 * len(words)
    assert times == sorted(times)


def test_a_pause_lies_between_the_words_not_in_them():
    speech = say(["stop.", "go.", "stop."], VOICE)
    for end, start in zip(speech.ends_s, speech.starts_s[1:], strict=False):
        assert start - end > 0.1
        assert level_db(between(speech, end + 0.03, start)) < -60
    for start, end in zip(speech.starts_s, speech.ends_s, strict=True):
        assert level_db(between(speech, start, end)) > -30


def test_no_silence_is_left_at_the_ends():
    for voice in voices()[:6]:
        speech = say(["to", "a", "park"], voice)
        assert rms(speech.samples[: speech.rate_hz // 50]) > 0.002
        assert len(speech.samples) / speech.rate_hz < 1.5


def test_word_times_agree_with_a_recogniser():
    """pocketsphinx knows nothing of the synthesiser; its forced alignment is the independent witness."""
    import soxr
    from pocketsphinx import Decoder

    decoder = Decoder(lm=None, loglevel="FATAL")
    rng = np.random.default_rng(0)
    errors_s: list[float] = []
    for voice in (voices()[0], voices()[3], voices()[14]):
        for text in ("my sister works at a school and she says the children are happy this year",
                     "i have been living in the city for about ten years and i like the music there"):  # fmt: skip
            words = text.split()
            speech = say(words, voice)
            padded = np.pad(speech.samples, speech.rate_hz // 4)
            wave = soxr.resample(padded, speech.rate_hz, 16_000)
            wave = wave + 0.005 * rng.standard_normal(len(wave))
            decoder.set_align_text(text)
            decoder.start_utt()
            decoder.process_raw((np.clip(wave, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
            decoder.end_utt()
            found = [s for s in decoder.seg() if s.word not in ("<s>", "</s>", "<sil>", "(NULL)")]
            if len(found) == len(words):
                errors_s += [abs(f.start_frame / 100 - 0.25 - s) for f, s in zip(found, speech.starts_s, strict=True)]
    assert len(errors_s) > 45, "most utterances align"
    assert np.median(errors_s) < 0.02
    assert np.mean(np.array(errors_s) < 0.08) > 0.9


SAY_IN_A_PROCESS = """
import hashlib
from fisherprep.speech.espeak import say, voices
for voice in reversed(voices()):
    print(hashlib.sha256(say(["the", "same", "words", "once", "more"], voice).samples.tobytes()).hexdigest())
"""


def test_speech_depends_on_words_and_voice_alone():
    """Not on what was said before, nor on the process, nor on the time of day (in seconds)."""
    words = ["the", "same", "words", "once", "more"]
    first = [say(words, voice) for voice in voices()]
    time.sleep(1.1)
    for voice, before in zip(voices(), first, strict=True):
        say(["something", "else", "of", "the", "kind"], voice)
        again = say(words, voice)
        assert again.samples.tobytes() == before.samples.tobytes(), voice
        assert again.starts_s == before.starts_s
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    command = [sys.executable, "-c", SAY_IN_A_PROCESS]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.split() == [hashlib.sha256(s.samples.tobytes()).hexdigest() for s in reversed(first)]


def test_threads_do_not_disturb_each_other():
    jobs = [(["number", str(i), "of", "the", "lot"], voices()[i % 4]) for i in range(8)]
    alone = [say(*job).samples.tobytes() for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        together = [s.samples.tobytes() for s in pool.map(lambda job: say(*job), jobs)]
    assert together == alone


def test_a_word_that_cannot_be_spoken_is_named():
    with pytest.raises(ValueError, match=r"word 1 of 'yes --- no': found '---', expected letters or digits"):
        say(["yes", "---", "no"], VOICE)
    with pytest.raises(ValueError, match="no sound for '\u278c' in 'yes \u278c no'"):
        say(["yes", "\u278c", "no"], VOICE)
    with pytest.raises(ValueError, match="at least one word"):
        say([], VOICE)


def test_a_missing_synthesiser_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(ValueError, match=r"pip install 'fisherprep\[demo\]'"):
        say(["hello"], VOICE)


@pytest.mark.parametrize(
    ("word", "units"),
    [
        ("hello", ["hello"]),
        ("Hello,", ["Hello,"]),
        ("\u201cno\u201d", ["no"]),
        ("don\u2019t", ["don't"]),
        ("goin'", ["goin"]),
        ("wait...", ["wait,"]),
        ("well\u2014", ["well,"]),
        ("$4.50.", ["4", "50."]),
        ("$4.05", ["4", "oh", "5"]),
        ("$6", ["6", "dollars"]),
        ("$1", ["1", "dollar"]),
        ("$0.80?", ["80", "cents?"]),
        ("4:30", ["4", "30"]),
        ("7:00,", ["7,"]),
        ("9:05am", ["9", "oh", "5", "[['eI]]", "m"]),
        ("n.", ["n"]),
        ("t._v.", ["t", "v"]),
        ("n.b.a.", ["n", "b", "[['eI]]"]),
        ("I.", ["I."]),
        ("Mr.", ["Mr"]),
        ("24/7", ["24", "7"]),
        ("1,200", ["1200"]),
        ("R&B", ["R", "and", "B"]),
        ("20%", ["20", "percent"]),
        ("mm-hm,", ["[[m-h'm-]],"]),
        ("\u2014", []),
        ("...", []),
        ("", []),
        ("[[x]]", ["x"]),
    ],
)
def test_spoken_form(word, units):
    assert spoken_units(word) == units


@settings(max_examples=200)
@given(st.text(max_size=20))
def test_text_never_reaches_the_synthesiser_as_commands(text):
    """Brackets, markup and control characters are instructions to espeak; only our own phonemes may use brackets."""
    own = {LETTER_A, *(f"[[{phonemes}]]" for phonemes in _INTERJECTIONS.values())}
    for unit in spoken_units(text):
        word = unit.rstrip(",.?!;:")
        assert word in own or (word and not set(unit) & set("[]<>\x00\x01 \n"))


# -- timeline ------------------------------------------------------------------------------------------------------


def said(side: str, text: str, kind: str = "turn") -> Line:
    return Line(side, tuple(text.split()), kind)


LONG = "we moved to a new house in the spring and it has a little garden"
DIALOGUE = [
    said("a", "so how have you been doing since we last talked on the phone"),
    said("b", "oh, pretty good."),
    said("b", LONG),
    said("a", "uh-huh", "backchannel"),
    said("a", "that sounds really nice"),
    said("b", "it is and the kids like it a lot", "interruption"),
    said("a", "mm-hm", "backchannel"),
    said("a", "tell me about the garden"),
]
CAST = {"a": voices()[0], "b": voices()[1]}


def dialogue(seed: int, lines: list[Line] = DIALOGUE, max_s: float | None = None) -> Rendered:
    return render(lines, CAST, np.random.default_rng(seed), Timing(), max_s)


def span(placed: Placed) -> tuple[float, float]:
    return placed.starts_s[0], placed.ends_s[-1]


@pytest.mark.parametrize("seed", range(12))
def test_sides_never_overlap_themselves_and_words_are_where_the_sound_is(seed):
    rendered = dialogue(seed)
    length_s = rendered.samples.shape[1] / rendered.rate_hz
    assert [p.line for p in rendered.placed] == list(range(len(DIALOGUE)))
    for row, side in enumerate("ab"):
        spans = [span(p) for p in rendered.placed if p.side == side]
        assert all(end < start for (_, end), (start, _) in pairwise(spans))
        silent = np.ones(rendered.samples.shape[1], bool)
        for start, end in spans:
            assert 0 <= start < end <= length_s
            first, last = round(start * rendered.rate_hz), round(end * rendered.rate_hz)
            assert level_db(rendered.samples[row, first:last]) > -30
            silent[max(0, first - 1) : last + 1] = False
        assert not rendered.samples[row, silent].any()


@pytest.mark.parametrize("seed", range(12))
def test_backchannels_lie_inside_and_interruptions_overlap_the_end(seed):
    spans = [span(p) for p in dialogue(seed).placed]
    for backchannel, host in ((3, 2), (6, 5)):
        assert spans[host][0] < spans[backchannel][0] < spans[host][1]
    assert spans[3][1] <= spans[2][1]
    interrupted, interruption = spans[4], spans[5]
    assert interrupted[0] < interruption[0] < interrupted[1] < interruption[1]


def test_the_same_seed_gives_the_same_dialogue():
    assert dialogue(3).samples.tobytes() == dialogue(3).samples.tobytes()
    assert dialogue(3).placed != dialogue(4).placed


def test_max_s_stops_at_whole_lines():
    whole, part = dialogue(1), dialogue(1, max_s=5.0)
    assert part.placed == whole.placed[: len(part.placed)]
    ends = [span(p)[1] for p in part.placed]
    assert max(ends) >= 5.0 > max(ends[:-1])
    assert len(dialogue(1, max_s=0.0).placed) == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "without lines"),
        ([Line("c", ("hi",))], "found side 'c'"),
        ([Line("a", ("hi",), "shout")], "kind 'shout'"),
        ([Line("a", ("--",))], "expected letters or digits"),
    ],
)
def test_lines_that_cannot_be_rendered(lines, message):
    with pytest.raises(ValueError, match=message):
        dialogue(0, lines)


# -- channels ------------------------------------------------------------------------------------------------------


def tone(hz: float, rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def through_the_line(row_a: np.ndarray, rate_hz: int = 22_050) -> np.ndarray:
    samples = np.stack([row_a, np.zeros_like(row_a)])
    return telephone(samples, rate_hz, np.random.default_rng(0))


def test_telephone_passes_its_band_and_nothing_else():
    inside = through_the_line(tone(1000, 22_050))
    assert inside.shape == (2, 8000) and inside.dtype == np.float32
    middle = slice(1000, 7000)
    assert level_db(inside[0, middle]) == pytest.approx(-9.03, abs=0.3)
    for hz in (60, 100, 3900, 6000):
        assert level_db(through_the_line(tone(hz, 22_050))[0, middle]) < -40


def test_telephone_adds_crosstalk_and_noise_at_their_levels():
    silent = through_the_line(np.zeros(220_500, np.float32))
    for row in silent:
        assert level_db(row) == pytest.approx(-55, abs=0.5)
    loud = through_the_line(tone(1000, 22_050))
    heard = loud[1, 1000:7000]
    reference = tone(1000, 8_000)[1000:7000]
    leak = np.dot(heard, reference) / np.dot(reference, reference)
    assert 20 * np.log10(leak) == pytest.approx(-40, abs=0.5)


def test_telephone_keeps_time():
    burst = np.zeros(22_050, np.float32)
    burst[11_025:13_230] = tone(1000, 22_050, 0.1)
    heard = np.abs(through_the_line(burst)[0])
    onset = np.argmax(heard > 0.1)
    assert abs(onset / 8000 - 0.5) < 0.002


def test_wideband_leaves_no_digital_silence():
    quiet = wideband(np.zeros((2, 22_050), np.float32), 22_050, np.random.default_rng(0), 24_000)
    assert quiet.shape == (2, 24_000)
    for row in quiet:
        assert level_db(row) == pytest.approx(-65, abs=0.5)
    assert not np.array_equal(quiet[0], quiet[1])
    loud = wideband(np.stack([tone(440, 22_050)] * 2), 22_050, np.random.default_rng(0), 24_000)
    np.testing.assert_allclose(loud[0, 500:-500], tone(440, 24_000)[500:-500], atol=0.01)
