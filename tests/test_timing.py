"""How talk is timed: what is measured on words, what is drawn, and that the rendered dialogue has what was drawn."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.engine import InlineEngine, LocalEngine
from fisherprep.speech.espeak import Voice, voices
from fisherprep.speech.placing import Floor
from fisherprep.speech.timeline import Line, render
from fisherprep.speech.timing import JOIN_S, Timing, draw, quantiles_of, read_timing
from fisherprep.speech.timing_measure import Measured, measure_call, measure_work, timing_json
from fisherprep.speech.tts import Speech
from fisherprep.workfolder import WorkFolder

RNG = np.random.default_rng


def word(side: str, start_s: float, end_s: float, method: str = "synthesis") -> tuple[str, float, float, str]:
    return side, start_s, end_s, method


# -- measuring -----------------------------------------------------------------------------------------------------


def test_gaps_overlaps_and_pauses_are_told_apart():
    found = measure_call(
        [
            word("a", 0.0, 0.5),
            word("a", 0.6, 2.0),  # 0.1 s after: the same unit
            word("a", 2.5, 4.0),  # a pause of 0.5 s
            word("b", 4.3, 6.0),  # a gap of 0.3 s
            word("a", 5.9, 8.0),  # an overlap of 0.1 s
            word("b", 7.2, 9.0),  # an overlap of 0.8 s: an interruption
        ],
        [],
    )
    assert found.pauses == pytest.approx([0.5])
    assert found.transfers == pytest.approx([0.3, -0.1, -0.8])
    assert found.interruptions == pytest.approx([0.8])
    assert found.backchannels == []


def test_a_short_unit_inside_the_others_is_a_backchannel_and_no_transfer():
    long_talk = [word("a", i * 0.5, i * 0.5 + 0.45) for i in range(12)]  # 0 to 5.95 s, twelve words
    found = measure_call([*long_talk, word("b", 3.0, 3.4), word("b", 6.2, 7.0)], [])
    assert found.backchannels == pytest.approx([0.4])
    assert found.places == pytest.approx([3.0 / 5.95])
    assert found.transfers == pytest.approx([6.2 - 5.95])
    assert (found.long_units, found.acknowledged) == (1, 1)
    too_long = measure_call([*long_talk, word("b", 3.0, 4.4)], [])
    assert (too_long.backchannels, too_long.transfers) == ([], [])


def test_nothing_is_measured_beside_speech_that_is_not_known():
    words = [word("a", 0.0, 1.0), word("b", 2.0, 3.0), word("a", 3.2, 4.0)]
    assert measure_call(words, []).transfers == pytest.approx([1.0, 0.2])
    assert measure_call(words, [("a", 1.1, 1.9)]).transfers == pytest.approx([0.2])
    guessed = [word("a", 0.0, 1.0, "proportional"), *words[1:]]
    assert measure_call(guessed, []).transfers == pytest.approx([0.2])


times = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 60), st.floats(0.05, 3)), max_size=30)


@settings(max_examples=100)
@given(times)
def test_measuring_bears_any_words(spans):
    found = measure_call([word(side, start_s, start_s + length_s) for side, start_s, length_s in spans], [])
    assert all(pause >= JOIN_S - 1e-9 for pause in found.pauses)
    assert all(0 <= place <= 1 for place in found.places)


# -- drawing -------------------------------------------------------------------------------------------------------


def distance(values: list[float], quantiles: tuple[float, ...]) -> float:
    from scipy.stats import kstest

    probabilities = (np.arange(len(quantiles)) + 0.5) / len(quantiles)
    return float(kstest(values, lambda v: np.interp(v, quantiles, probabilities, left=0, right=1)).statistic)


def test_the_default_has_its_stated_shape():
    transfers = np.array(Timing().transfer_s)
    counts, edges = np.histogram(transfers, bins=np.arange(-0.75, 1.75, 0.1))
    assert abs(edges[counts.argmax()] + 0.05 - 0.2) <= 0.1
    assert 0.2 < np.mean(transfers < 0) < 0.3
    assert 0.25 < transfers.mean() < 0.31
    assert min(Timing().pause_s) > JOIN_S


def test_draws_have_the_distribution_in_random_order():
    source = quantiles_of(RNG(0).gamma(2.0, 0.3, 5000) - 0.4)
    drawn = draw(source, RNG(1), 400)
    assert distance(list(drawn), source) < 0.01
    assert list(drawn) != sorted(drawn)
    many = np.concatenate([draw(source, RNG(i), 3) for i in range(300)])
    assert distance(list(many), source) < 0.05


def written(tmp_path: Path, found: Measured) -> Path:
    file = tmp_path / "timing.json"
    file.write_text(timing_json("fisher", found), encoding="utf-8")
    return file


def test_what_was_measured_is_read_back(tmp_path):
    rng = RNG(2)
    found = Measured(transfers=list(rng.normal(0.1, 0.4, 900)), pauses=list(0.2 + rng.exponential(0.4, 500)), calls=7)
    found.seconds, found.places, found.backchannels = 3600.0, list(rng.random(50)), list(rng.random(50))
    timing = read_timing(written(tmp_path, found))
    assert distance(found.transfers, timing.transfer_s) < 0.01
    assert distance(found.pauses, timing.pause_s) < 0.01
    assert distance(found.places, timing.backchannel_place) < 0.03
    assert timing.source == "measured on fisher"
    data = json.loads((tmp_path / "timing.json").read_text())
    assert (data["calls"], data["hours"], data["transfers"]["count"]) == (7, 1.0, 900)
    assert data["overlap_share"] == pytest.approx(np.mean(np.array(found.transfers) < 0), abs=1e-4)
    few = Measured(transfers=found.transfers, pauses=[0.5] * 3)
    assert read_timing(written(tmp_path, few)).pause_s == Timing().pause_s, "too few to be written"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "found no timing file of version 1"),
        ('{"format": "fisherprep timing", "version": 9}', "found no timing file of version 1"),
        ('{"format": "fisherprep timing", "version": 1, "transfers": {"count": 4}}', "found 4, expected at least 50"),
        (
            '{"format": "fisherprep timing", "version": 1, "transfers": {"count": 400, "quantiles": [2, 1]}}',
            "increasing",
        ),
        (
            '{"format": "fisherprep timing", "version": 1, "transfers": {"count": 400, "quantiles": ["x"]}}',
            "increasing",
        ),
    ],
)
def test_what_is_no_timing_file_is_named(tmp_path, content, message):
    file = tmp_path / "timing.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_timing(file)


# -- placing -------------------------------------------------------------------------------------------------------

lengths = st.lists(st.floats(0.1, 4.0), min_size=1, max_size=3)
lines = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from(["turn", "turn", "backchannel", "interruption", "pause"]), lengths
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(lines, st.integers(0, 2**31))
def test_no_side_ever_speaks_over_itself(parts, seed):
    floor = Floor(Timing(), RNG(seed))
    units = []
    for first in range(0, len(parts), 16):
        units += [u for side, kind, spans in parts[first : first + 16] for u in floor.add(side, kind, spans)]
        floor.place()
    for side in "ab":
        own = sorted((u.start_s, u.end_s) for u in units if u.side == side)
        assert all(start >= end + JOIN_S - 1e-6 for (_, end), (start, _) in pairwise(own))
    assert all(u.start_s >= 0 for u in units)


def tones(words: tuple[str, ...], voice: str, _: int) -> Speech:
    """Words of a third of a second each, in one go."""
    starts = tuple(i / 3 for i in range(len(words)))
    return Speech(np.full(len(words) * 800, 0.3, np.float32), 2400, starts, tuple(t + 1 / 3 for t in starts))


def talk(seed: int, timing: Timing, words: tuple[int, int] = (2, 16)) -> tuple[list[Line], list]:
    rng = RNG(seed)
    said = [Line("ab"[i % 2], ("word",) * int(rng.integers(*words))) for i in range(24)]
    return said, list(render(said, {"a": "", "b": ""}, rng, timing, None, tones).placed)


def measured(timing: Timing, dialogues: int = 40) -> Measured:
    total = Measured()
    for seed in range(dialogues):
        _, placed = talk(seed, timing)
        words = [word(p.side, *span) for p in placed for span in zip(p.starts_s, p.ends_s, strict=True)]
        total.add(measure_call(words, []))
    return total


@pytest.mark.parametrize("spread", [0.25, 0.45])
def test_a_measurement_of_what_was_rendered_finds_the_source(spread, tmp_path):
    source = Timing(transfer_s=quantiles_of(RNG(3).normal(0.15, spread, 4000)))
    found = measured(source)
    assert len(found.transfers) > 850
    assert distance(found.transfers, source.transfer_s) < 0.03
    shifted = tuple(v + 0.1 for v in source.transfer_s)
    assert distance(found.transfers, shifted) > 0.05, "the distance tells sources apart"


def test_interrupted_sides_break_off_at_a_word():
    said = [Line("a", ("one",) * 9), Line("b", ("two",) * 6, "interruption"), Line("a", ("cost", "$3.50") * 4)]
    said.append(Line("b", ("four",) * 6, "interruption"))
    cut = [render(said, {"a": "", "b": ""}, RNG(i), Timing(cut_share=1.0), None, tones).placed for i in range(20)]
    for first, second, third, _ in cut:
        assert first.cut == (len(first.words) < 9)
        assert len(first.words) == len(first.ends_s) >= 5
        assert first.start_s < second.start_s < first.end_s < second.end_s
        assert third.words == said[2].words, "no number is cut off"
    assert all(placed[0].cut for placed in cut)
    kept = render(said, {"a": "", "b": ""}, RNG(0), Timing(), None, tones).placed
    assert not any(p.cut for p in kept)


def test_a_backchannel_without_room_is_a_turn():
    said = [Line("a", ("hi",)), Line("b", ("mm-hm",), "backchannel"), Line("a", ("well",) * 5)]
    first, second, third = render(said, {"a": "", "b": ""}, RNG(0), Timing(), None, tones).placed
    assert first.start_s < second.start_s and second.end_s > first.end_s
    assert third.end_s > second.end_s


def test_engines_without_word_times_are_placed_by_their_sound():
    voice: Voice = voices()[0]

    def untimed(words, _, index):
        from fisherprep.speech.espeak import say

        speech = say(words, voice)
        edge = np.zeros(speech.rate_hz // 2, np.float32)
        return Speech(np.concatenate([edge, speech.samples, edge]), speech.rate_hz)

    said = [Line("a", ("hello", "there.")), Line("b", ("good", "morning."))]
    rendered = render(said, {"a": "", "b": ""}, RNG(0), Timing(), None, untimed)
    for row, placed in enumerate(rendered.placed):
        assert placed.starts_s is None and placed.words == said[row].words
        sound = np.flatnonzero(rendered.samples[row])
        assert sound[0] / rendered.rate_hz == pytest.approx(placed.start_s, abs=0.02)
        assert sound[-1] / rendered.rate_hz == pytest.approx(placed.end_s, abs=0.02)
        assert placed.end_s - placed.start_s < 1.5, "silence around the sound is left out"


# -- a work folder -------------------------------------------------------------------------------------------------


def test_a_corpus_is_measured_by_its_own_tables(aligned_work):
    work = WorkFolder.open(aligned_work)
    found = measure_work(work, ("train", "valid", "test"), InlineEngine())
    assert found.calls == work.read("conversations").num_rows
    assert len(found.transfers) > 5 and found.seconds > 0
    two = measure_work(work, ("train", "valid", "test"), LocalEngine(2))
    assert timing_json("x", two) == timing_json("x", found)
    text = timing_json("x", found)
    assert not set(json.loads(text)) & {"words", "text"}
    none = measure_work(work, (), InlineEngine())
    assert (none.calls, none.transfers) == (0, [])


@pytest.fixture(scope="module")
def aligned_work(tmp_path_factory) -> Path:
    from test_synthesize import domain, run

    folder = tmp_path_factory.mktemp("timing")
    run(domain(folder), folder / "work")
    return folder / "work"
