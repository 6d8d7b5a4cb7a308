"""What is known of how well words were found: the alignments table, its unknown spans, its flags, and check."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from align_calls import Call, work_folder
from hypothesis import given
from hypothesis import strategies as st

from fisherprep.align.align import align
from fisherprep.align.aligner import AlignedWord, ScoreLimits
from fisherprep.align.channel import Channel
from fisherprep.align.confidence import HeardSide, alignment_row, doubt
from fisherprep.align.turns import FoundTurn
from fisherprep.align.untold import is_stretched
from fisherprep.check import check_work
from fisherprep.engine import InlineEngine
from fisherprep.workfolder import WorkFolder

INLINE = InlineEngine()
LOOSE = ScoreLimits(turn=-4.0, uncertain_turn=-3.0, side_median=-5.0)
LIMITS = ScoreLimits(turn=-4.0, uncertain_turn=-3.0, side_median=-3.5)


def row_of(work: WorkFolder, side: str) -> dict[str, Any]:
    (row,) = [row for row in work.read("alignments").to_pylist() if row["side"] == side]
    return row


def spans(row: dict[str, Any]) -> list[tuple[float, float, str]]:
    return [(s["start_s"], s["end_s"], s["why"]) for s in row["unknown"]]


def is_inside(word: dict[str, Any], row: dict[str, Any]) -> bool:
    return any(s["start_s"] <= word["start_s"] and word["end_s"] <= s["end_s"] for s in row["unknown"])


def masked_s(row: dict[str, Any], start_s: float, end_s: float) -> float:
    return sum(max(0.0, min(end_s, s["end_s"]) - max(start_s, s["start_s"])) for s in row["unknown"])


# -- the stage -------------------------------------------------------------------------------------------------------


def test_good_words_are_covered_and_nothing_is_masked(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 6.0)
    call.say("a", 1.0, "nobody worried about it back then")
    summary = align(work := work_folder(tmp_path, [call]), INLINE)
    row = row_of(work, "a")
    assert (row["num_words"], row["coverage"], row["unknown"], row["flags"]) == (6, 1.0, [], [])
    assert LIMITS.turn < row["score_p05"] <= row["score_median"] <= 0
    quiet = row_of(work, "b")
    assert (quiet["num_words"], quiet["coverage"], quiet["score_median"], quiet["unknown"]) == (0, None, None, [])
    assert summary.rows["alignments"] == 2
    assert summary.counters["coverage"] == 1.0
    assert summary.counters["sides' median score, percentile 50"] == pytest.approx(row["score_median"])


def test_each_reason_masks_its_span_and_nothing_else(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 30.0)
    good = call.say("a", 1.0, "i was telling my sister about it")
    wrong = call.say("a", 6.0, "we never go outside anymore", words=["grandma", "made", "potato", "soup", "yesterday"])
    silent = call.claim("a", 12.0, 13.0, ["yes", "probably"])
    doubted = call.say("a", 15.0, "it rains every single day", flags=["uncertain"])
    wordless, laughter = call.say("a", 20.0, "who paid for it then"), call.say("a", 25.0, "ha ha")
    call.turns[wordless] |= {"text": "(( ))", "words": [], "flags": ["rejected", "empty"]}
    call.turns[laughter] |= {"text": "[laughter]", "words": [], "flags": ["empty"]}
    untranscribed = [{"start_s": 23.0, "end_s": 24.0}]
    work = work_folder(tmp_path, [call], untranscribed_a=untranscribed)
    summary = align(work, INLINE)
    row = row_of(work, "a")
    assert [why for _, _, why in spans(row)] == ["low_score", "not_found", "uncertain", "untranscribed"]
    words = work.read("words").to_pylist()
    masked = {turn: [is_inside(w, row) for w in words if w["turn"] == turn] for turn in (good, wrong, silent, doubted)}
    assert {turn: set(values) for turn, values in masked.items()} == {
        good: {False}, wrong: {True}, silent: {True}, doubted: {False},
    }  # fmt: skip
    start, end, _ = spans(row)[0]
    assert start <= call.turns[wrong]["start_s"] and call.turns[wrong]["end_s"] <= end
    assert spans(row)[2][:2] == pytest.approx([call.turns[wordless][key] for key in ("start_s", "end_s")], abs=1e-3)
    assert not any(start < call.turns[laughter]["end_s"] and call.turns[laughter]["start_s"] < end
                   for start, end, _ in spans(row))  # fmt: skip
    assert summary.counters["masked_s: untranscribed"] == 1.0
    assert summary.counters["masked_s: low_score"] > 1.0
    assert check_work(work).findings == []


def test_a_side_with_another_calls_transcript_is_flagged(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 20.0)
    said = ["we had a big dinner last night", "kalamazoo of all places i guess", "the owners are just as greedy"]
    claimed = [
        "nobody worried about it back then",
        "my uncle smoked a pack each day",
        "they moved to the lake for good",
    ]
    for index, (text, words) in enumerate(zip(said, claimed, strict=True)):
        call.say("a", 1.0 + 6 * index, text, words=words.split())
        call.say("b", 1.0 + 6 * index, text)
    summary = align(work := work_folder(tmp_path, [call]), INLINE)
    assert row_of(work, "a")["flags"] == ["poorly_aligned"]
    assert row_of(work, "b")["flags"] == row_of(work, "b")["unknown"] == []
    assert summary.counters["flagged sides: poorly_aligned"] == 1
    assert all(is_inside(word, row_of(work, "a")) for word in work.read("words").to_pylist() if word["side"] == "a")
    for turn in call.turns:
        if turn["side"] == "a":
            assert masked_s(row_of(work, "a"), turn["start_s"], turn["end_s"]) > 0.99 * (
                turn["end_s"] - turn["start_s"]
            )
    assert check_work(work).findings == []


@pytest.mark.parametrize("kept", [slice(None, 4), slice(4, None), slice(2, 6)])
def test_what_a_turn_leaves_out_is_unknown(tmp_path: Path, kept: slice) -> None:
    text = "grandma made potato soup nobody worried about it"
    call = Call("fe_03_00001", 12.0)
    call.say("a", 1.0, text, words=text.split()[kept])
    call.say("a", 7.0, text)
    work = work_folder(tmp_path, [call])
    align(work, INLINE)
    row = row_of(work, "a")
    assert {why for *_, why in spans(row)} <= {"untranscribed", "low_score"}
    edges = [*call.gold[0], call.turns[0]["end_s"]]
    spoken = list(pairwise(edges))
    lost = [span for span in spoken if span not in spoken[kept]]
    assert sum(masked_s(row, *span) for span in lost) > 0.75 * sum(end - start for start, end in lost)
    assert masked_s(row, call.turns[1]["start_s"], call.turns[1]["end_s"]) == 0
    assert check_work(work).findings == []


@pytest.mark.parametrize(
    ("text", "explained"),
    [
        ("grandma made potato soup [laughter]", True),
        ("grandma made potato soup {breath}", True),
        ("[noise] grandma made potato soup", False),
        ("grandma made potato soup [[skip]]", False),
        ("grandma made potato soup <german ja wohl>", False),
    ],
)
def test_a_marker_explains_the_sound_where_it_stands(tmp_path: Path, text: str, explained: bool) -> None:
    call = Call("fe_03_00001", 7.0)
    call.say("a", 1.0, "grandma made potato soup nobody worried about it")
    call.turns[0] |= {"text": text, "words": ["grandma", "made", "potato", "soup"]}
    align(work := work_folder(tmp_path, [call]), INLINE)
    assert (row_of(work, "a")["unknown"] == []) == explained


@pytest.mark.parametrize(
    ("text", "whys"),
    [("... --- ''", {"uncertain"}), ("", {"uncertain"}), ("[laughter]", set()), ("<noise> ...", set())],
)
def test_only_markers_explain_a_turn_without_words(tmp_path: Path, text: str, whys: set[str]) -> None:
    call = Call("fe_03_00001", 7.0)
    call.say("a", 1.0, "nobody worried about it")
    call.say("a", 4.0, "who paid for it then")
    call.turns[1] |= {"text": text, "words": [], "flags": ["empty"]}
    call.claim("a", 6.4, 6.8, [])
    align(work := work_folder(tmp_path, [call]), INLINE)
    assert {why for *_, why in spans(row_of(work, "a"))} == whys


def test_a_word_stretched_over_speech_is_unknown() -> None:
    own = np.ones(500, bool)
    assert is_stretched(own, "soup", (1.0, 3.0)) and not is_stretched(own, "soup", (1.0, 1.8))
    assert not is_stretched(np.zeros(500, bool), "soup", (1.0, 3.0))


def test_a_suspect_call_is_judged_more_strictly() -> None:
    found = [_found(number, 3.0 * number, 2.0, score, 2, False, False) for number, score in enumerate((-4.1, -1, -4.1))]
    channel = Channel(np.zeros(0, np.float32), 36_000, 0.0, None)
    for flags, expected in (([], []), (["clipped"], []), (["transcript_mismatch"], ["poorly_aligned"])):
        call = {"call_id": "x", "flags": flags, "untranscribed_a": None}
        row = alignment_row(call, "a", HeardSide([], found, channel, np.zeros(3600, bool)), LOOSE)
        assert row["flags"] == expected


def test_a_cut_through_words_is_widened(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 12.0)
    turn = call.say("a", 2.0, "we never go outside anymore because it rains")
    call.turns[turn]["start_s"] += 0.5
    call.turns[turn]["end_s"] -= 0.5
    align(work := work_folder(tmp_path, [call]), INLINE)
    starts = [word["start_s"] for word in work.read("words").to_pylist()]
    assert np.abs(np.subtract(starts, call.gold[turn])).max() < 0.15


def test_a_turn_of_half_a_minute(tmp_path: Path) -> None:
    text = "so i was telling my sister that it rains every single day and nobody worried about it back then "
    call = Call("fe_03_00001", 45.0)
    turn = call.say("a", 1.0, text * 7)
    assert call.turns[turn]["end_s"] > 31
    align(work := work_folder(tmp_path, [call]), INLINE)
    distance = np.abs(np.subtract([word["start_s"] for word in work.read("words").to_pylist()], call.gold[turn]))
    assert np.mean(distance <= 0.08) > 0.95


def test_loud_steady_noise_does_not_hide_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call("fe_03_00001", 14.0)
    turns = [call.say("a", 2.0, "i was telling my sister about it"), call.say("a", 8.0, "it rains every single day")]
    quiet = call.samples
    monkeypatch.setattr(call, "samples", lambda: quiet(noise_dbfs=-30.0))
    align(work := work_folder(tmp_path, [call]), INLINE)
    words = work.read("words").to_pylist()
    for turn in turns:
        starts = [word["start_s"] for word in words if word["turn"] == turn]
        assert np.median(np.abs(np.subtract(starts, call.gold[turn]))) <= 0.04


# -- unknown spans ---------------------------------------------------------------------------------------------------

TURN = st.tuples(st.floats(0, 30), st.floats(0.2, 4), st.floats(-6, 0), st.integers(1, 4), st.booleans(), st.booleans())


@given(st.lists(TURN, max_size=8), st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 2)), max_size=4))
def test_words_are_masked_whole_or_not_at_all(
    turns: list[tuple[float, float, float, int, bool, bool]], speech: list[tuple[float, float]]
) -> None:
    found = [_found(number, *turn) for number, turn in enumerate(sorted(turns))]
    call = {
        "call_id": "x",
        "flags": [],
        "untranscribed_a": [{"start_s": s, "end_s": s + length} for s, length in speech],
    }
    channel = Channel(np.zeros(0, np.float32), 36_000, 0.0, None)
    row = alignment_row(call, "a", HeardSide([], found, channel, np.zeros(3600, bool)), LIMITS)
    unknown = row["unknown"]
    assert all(0 <= s["start_s"] < s["end_s"] <= 36.0 for s in unknown)
    assert all(a["end_s"] <= b["start_s"] for a, b in pairwise(unknown))
    for turn in found:
        for start, end in turn.times_s:
            covered = sum(max(0.0, min(end, s["end_s"]) - max(start, s["start_s"])) for s in unknown)
            assert covered < 1e-9 or covered > end - start - 1e-9
            if doubt(turn, LIMITS):
                assert covered > 0


def _found(
    number: int, start_s: float, length: float, score: float, count: int, doubted: bool, lost: bool
) -> FoundTurn:
    start_s = round(start_s, 2)
    edges = [round(t, 3) for t in np.linspace(start_s - 0.1 if start_s > 0.1 else start_s, start_s + length, count + 1)]
    turn = {"turn": number, "start_s": start_s, "end_s": start_s + length, "flags": ["uncertain"] * doubted}
    turn |= {"text": "x " * count, "words": ["x"] * count}
    words = [AlignedWord(a, b, None if lost else score, "x") for a, b in pairwise(edges)]
    return FoundTurn(turn, words, list(pairwise(edges)), "not_found" if lost else None)


# -- check -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row["unknown"][0].update(why="tired"), "expected one of"),
        (lambda row: row["unknown"][0].update(end_s=1e6), "s long"),
        (lambda row: row["unknown"].reverse() or row["unknown"].append(dict(row["unknown"][0])), "out of order"),
        (lambda row: row["unknown"][0].update(end_s=1.3), "partly in an unknown span"),
        (lambda row: row.update(flags=["poorly_aligned"]), "is poorly_aligned, but 6 words are known"),
        (lambda row: row.update(num_words=99), "num_words 99"),
        (lambda row: row.update(side="b"), "one row each"),
        (lambda row: row.update(flags=["tired"]), "not declared"),
    ],
)
def test_check_finds_damaged_alignments(tmp_path: Path, change: Any, message: str) -> None:
    from fisherprep.schema import ALIGNMENTS

    call = Call("fe_03_00001", 6.0)
    call.say("a", 1.0, "nobody worried about it back then")
    work = work_folder(tmp_path, [call], untranscribed_a=[{"start_s": 0.1, "end_s": 0.4}])
    align(work, INLINE)
    assert check_work(work).findings == []
    rows = work.read("alignments").to_pylist()
    change(rows[0])
    (file,) = work.files("alignments")
    work.write_table(f"alignments/{file.name}", ALIGNMENTS.from_rows(rows))
    assert any(message in finding for finding in check_work(work).findings)
