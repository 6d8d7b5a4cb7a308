"""Turn-taking scores: against Full-Duplex-Bench's own scripts, on made-up calls, and with a model that talks."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.turns.heard import Heard, joined, levels_db, of_text, read_words, stretches_of, threshold_db
from finetune.turns.moments import KINDS, Moment, find_moments
from finetune.turns.scores import means, score

pytest_plugins = ["finetune_fixtures"]

GOLDEN = json.loads((Path(__file__).parent / "golden_turns" / "golden.json").read_text())
NOBODY = Heard((), ())


def heard(*words: tuple[float, float]) -> Heard:
    return Heard(joined(words), words)


@pytest.mark.parametrize("case", GOLDEN["replies"])
def test_replies_score_as_in_full_duplex_bench(case: dict[str, Any]) -> None:
    words = tuple((start_s, end_s) for start_s, end_s in case["words"])
    end_s = case["user_end_s"]
    scores = score(Moment("turn", 0.0, end_s, end_s, 60.0), heard(*words), NOBODY)
    assert scores["takeover"] == case["takeover"]
    assert scores["latency_s"] == (None if case["latency_s"] is None else pytest.approx(case["latency_s"]))
    pause = score(Moment("pause", 0.0, end_s, end_s + 1, 60.0), heard(*words), NOBODY)
    assert pause == {"takeover": case["pause_takeover"]}


@pytest.mark.parametrize("case", GOLDEN["backchannels"])
def test_backchannels_score_as_in_full_duplex_bench(case: dict[str, Any]) -> None:
    spans, others = (tuple((a, b) for a, b in case[key]) for key in ("spans", "other"))
    moment = Moment("backchannel", 0.0, 0.0, case["lasts_s"], case["lasts_s"])
    scores = score(moment, Heard(spans, spans), Heard(others, others))
    assert scores["takeover"] == case["takeover"]
    assert scores["per_s"] == pytest.approx(case["per_s"], abs=1e-4)  # the script prints four digits
    assert scores["jsd"] == pytest.approx(case["jsd"], rel=1e-9)


def test_a_long_stretch_is_no_backchannel_and_an_interrupted_agent_stops() -> None:
    stretch = Moment("backchannel", 0.0, 0.0, 10.0, 10.0)
    measure = heard((2.0, 2.4))
    assert score(stretch, heard((1.0, 1.5), (1.6, 2.9)), measure)["takeover"] == 1.0
    assert score(stretch, measure, measure) == {"takeover": 0.0, "per_s": 0.1, "jsd": pytest.approx(0.0, abs=1e-6)}
    cut_in = Moment("interruption", 5.0, 5.0, 7.0, 10.0)
    scores = score(cut_in, heard((4.0, 5.6), (7.5, 8.9)), NOBODY)
    assert scores == {"takeover": 1.0, "latency_s": pytest.approx(0.5), "stop_s": pytest.approx(0.6)}


def test_moments_of_a_made_up_call() -> None:
    user = ((1.0, 4.0), (10.0, 12.0), (12.8, 15.0), (25.0, 27.5), (40.0, 44.0), (45.0, 49.0), (62.0, 65.0))
    agent = ((4.5, 8.0), (15.4, 24.0), (28.0, 36.0), (42.0, 42.4), (60.0, 62.5), (65.4, 69.0))
    found = {kind: [m for m in find_moments(agent, user, 80.0) if m.kind == kind] for kind in KINDS}
    assert [m.end_s for m in found["turn"]] == [4.0, 15.0, 27.5, 65.0]
    assert [(m.begin_s, m.end_s) for m in found["pause"]] == [(12.0, 12.8)]
    assert [(m.begin_s, m.end_s) for m in found["backchannel"]] == [(40.0, 49.0)]
    assert [(m.begin_s, m.end_s) for m in found["interruption"]] == [(62.0, 65.0)]
    assert found["turn"][3].free_s == 62.5  # not before the agent's own speech has ended


def test_no_moment_reaches_past_the_call() -> None:
    assert list(find_moments(((4.5, 8.0),), ((1.0, 4.0),), 6.0)) == []
    assert list(find_moments((), (), 6.0)) == []


@given(st.lists(st.sampled_from([3, 0, -1, 7, 8]), max_size=60), st.integers(0, 5))
def test_words_of_a_text_row_come_in_order_and_do_not_overlap(tokens: list[int], first: int) -> None:
    words = read_words(np.array(tokens, dtype=np.int16), lambda token: token == 7, first)
    spoken = [t for t in tokens if t in (7, 8)]
    assert len(words) == spoken.count(7) + (1 if spoken and spoken[0] == 8 else 0)
    assert all(a < b for a, b in words)
    assert all(b <= c for (_, b), (c, _) in pairwise(words))
    assert not words or (first / 12.5 <= words[0][0] and words[-1][1] <= (first + len(tokens)) / 12.5)


def test_words_last_from_their_first_token_to_a_little_after_the_last() -> None:
    tokens = np.array([3, 0, 7, 8, 3, 3, 3, 3, 3, 3, 3, 3, 7, 3, 7])
    said = of_text(tokens, lambda token: token == 7)
    assert said.words == ((2 / 12.5, 6 / 12.5), (12 / 12.5, 14 / 12.5), (14 / 12.5, 15 / 12.5))
    assert said.stretches == ((2 / 12.5, 6 / 12.5), (12 / 12.5, 15 / 12.5))


def test_speech_is_found_in_a_waveform_where_it_is() -> None:
    rng = np.random.default_rng(0)
    audio = 0.0005 * rng.standard_normal(24000 * 5)
    for start_s, end_s in ((1.0, 2.0), (2.15, 2.6), (4.0, 4.04)):  # a short gap, and a click
        audio[int(start_s * 24000) : int(end_s * 24000)] += (
            0.1 * rng.standard_normal(int((end_s - start_s) * 24000) + 1)[: int(end_s * 24000) - int(start_s * 24000)]
        )
    levels = levels_db(audio)
    ((start_s, end_s),) = stretches_of(levels, threshold_db(levels), 10.0)
    assert start_s == pytest.approx(11.0, abs=0.03) and end_s == pytest.approx(12.6, abs=0.03)
    assert stretches_of(levels_db(np.zeros(24000)), threshold_db(levels_db(np.zeros(24000)))) == ()


def test_means_leave_out_what_says_nothing() -> None:
    rows = [("turn", {"takeover": 1.0, "latency_s": 0.4}), ("turn", {"takeover": 0.0, "latency_s": None})]
    assert means(rows) == {"turn": {"moments": 2.0, "takeover": 0.5, "latency_s": 0.4}}
