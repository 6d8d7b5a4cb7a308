"""Word times: against the synthesiser's own, and what happens where they cannot be had."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from align_calls import RATE_HZ, Call, work_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.align.align import align
from fisherprep.align.aligner import BETWEEN, PROPORTIONAL, AlignedWord
from fisherprep.align.place import MIN_WORD_S, fill_between, in_milliseconds, proportional
from fisherprep.align.pocketsphinx import PocketsphinxAligner
from fisherprep.align.turns import MARGIN_S, cuts
from fisherprep.corpus.ingest import ingest
from fisherprep.demo.release import gold_folder, write_release
from fisherprep.engine import InlineEngine, LocalEngine
from fisherprep.manifest import SplitRule
from fisherprep.workfolder import WorkFolder

FRAME_S = 0.08
INLINE = InlineEngine()


@pytest.fixture(scope="module")
def aligner() -> PocketsphinxAligner:
    return PocketsphinxAligner()


def sound(call: Call, turn: int, margin_s: float = MARGIN_S) -> np.ndarray:
    """float32 [N], 16 kHz: a turn cut out of its channel."""
    import soxr

    row = call.turns[turn]
    channel = call.samples()["ab".index(row["side"])].astype(np.float32) / 32768
    start, end = row["start_s"] - margin_s, row["end_s"] + margin_s
    return soxr.resample(channel[round(start * RATE_HZ) : round(end * RATE_HZ)], RATE_HZ, 16_000)


def words_of(work: WorkFolder, call_id: str, turn: int) -> list[dict[str, Any]]:
    rows = work.read("words").to_pylist()
    return [row for row in rows if row["call_id"] == call_id and row["turn"] == turn]


# -- the whole stage against gold ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[WorkFolder, Path]:
    root = tmp_path_factory.mktemp("aligned")
    write_release(root / "ldc", calls=4, seconds=30.0, seed=5, engine=INLINE)
    ingest([root / "ldc"], root / "work", SplitRule(), "fisher", INLINE)
    work = WorkFolder.open(root / "work")
    summary = align(work, INLINE)
    assert summary.ran == summary.shards > 1
    assert not summary.rejects
    assert summary.counters["audio_s"] == 120.0
    return work, gold_folder(root / "ldc")


def test_words_start_where_the_synthesiser_put_them(demo: tuple[WorkFolder, Path]) -> None:
    work, gold = demo
    starts = {
        (row["call_id"], row["side"], round(row["turn_start_s"], 2), row["index"]): row["start_s"]
        for row in pq.read_table(gold / "words.parquet").to_pylist()
    }
    turns = {(row["call_id"], row["turn"]): row for row in work.read("turns").to_pylist()}
    errors = []
    for row in work.read("words").to_pylist():
        turn = turns[row["call_id"], row["turn"]]
        errors.append(row["start_s"] - starts[row["call_id"], row["side"], round(turn["start_s"], 2), row["index"]])
    distance = np.abs(errors)
    assert len(distance) > 200
    assert np.mean(distance <= FRAME_S) >= 0.95
    assert np.median(distance) <= 0.02


def test_every_word_of_every_turn_is_there_in_order(demo: tuple[WorkFolder, Path]) -> None:
    work, _ = demo
    words = work.read("words").to_pylist()
    durations = {row["call_id"]: row["duration_s"] for row in work.read("conversations").to_pylist()}
    expected = [
        (turn["call_id"], turn["side"], turn["turn"], index, word)
        for turn in work.read("turns").to_pylist()
        for index, word in enumerate(turn["words"])
    ]
    assert [(w["call_id"], w["side"], w["turn"], w["index"], w["word"]) for w in words] == expected
    assert all(0 <= w["start_s"] < w["end_s"] <= durations[w["call_id"]] for w in words)
    assert all(round(w["start_s"], 3) == w["start_s"] and round(w["end_s"], 3) == w["end_s"] for w in words)
    assert {w["method"] for w in words} == {"pocketsphinx"}
    assert all(w["score"] <= 0 for w in words)
    for side in {(w["call_id"], w["side"]) for w in words}:
        own = [w for w in words if (w["call_id"], w["side"]) == side]
        assert all(a["end_s"] <= b["start_s"] for a, b in pairwise(own))


def test_two_workers_write_what_one_does_and_a_second_run_does_nothing(
    demo: tuple[WorkFolder, Path], tmp_path: Path
) -> None:
    work, _ = demo
    before = {file.name: file.read_bytes() for file in work.files("words")}
    again = align(work, INLINE)
    assert again.ran == 0
    assert again.rows["words"] == work.read("words").num_rows
    for file in work.files("words"):
        file.unlink()
    assert align(work, LocalEngine(2)).ran == len(before)
    assert {file.name: file.read_bytes() for file in work.files("words")} == before


# -- what is hard in a turn ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("we drove from winnemucca to ypsilanti with quincy", None),
        ("my 401k is down since 1998", "my 401k is down since nineteen-ninety-eight"),
        ("they had it on t._v. and n._p._r. last night", "they had it on t._v. and n._p._r. last night"),
        ("i th- think uh-huh it's the kids' mhm birthday", "i thuh think uh-huh it's the kids mhm birthday"),
    ],
)
def test_words_that_no_dictionary_holds(aligner: PocketsphinxAligner, text: str, spoken: str | None) -> None:
    call = Call("fe_03_00001", 8.0)
    turn = call.say("a", 1.0, text, spoken)
    found = aligner.align(sound(call, turn), call.turns[turn]["words"])
    assert found is not None
    errors = [word.start_s + 1.0 - MARGIN_S - start for word, start in zip(found, call.gold[turn], strict=True)]
    assert np.max(np.abs(errors)) < 0.2, dict(zip(call.turns[turn]["words"], errors, strict=True))


def test_digital_silence_around_speech_loses_no_word(aligner: PocketsphinxAligner) -> None:
    call = Call("fe_03_00001", 8.0)
    turns = [call.say("a", 0.5, "no kidding where are you from"), call.say("b", 3.0, "i guess so yeah"),
             call.say("b", 5.0, "oh that is really something you know")]  # fmt: skip
    for turn in turns:
        inner = sound(call, turn, margin_s=0.0)
        padded = np.concatenate([np.zeros(4000, np.float32), inner, np.zeros(4000, np.float32)])
        found = aligner.align(padded, call.turns[turn]["words"])
        assert found is not None
        errors = [
            w.start_s - 0.25 + call.turns[turn]["start_s"] - g for w, g in zip(found, call.gold[turn], strict=True)
        ]
        assert np.median(np.abs(errors)) < 0.05


def test_an_answer_depends_on_the_question_alone(aligner: PocketsphinxAligner) -> None:
    call = Call("fe_03_00001", 8.0)
    turns = [call.say("a", 0.5, "we had a big dinner"), call.say("b", 3.0, "who paid for it then"),
             call.say("a", 5.0, "kalamazoo of all places")]  # fmt: skip
    questions = [(sound(call, turn), call.turns[turn]["words"]) for turn in turns]
    forward = [aligner.align(*question) for question in questions]
    backward = [PocketsphinxAligner().align(*question) for question in reversed(questions)]
    assert forward == backward[::-1]


def test_louder_or_softer_is_the_same(aligner: PocketsphinxAligner) -> None:
    call = Call("fe_03_00001", 6.0)
    turn = call.say("a", 1.0, "nobody worried about it back then")
    samples, words = sound(call, turn), call.turns[turn]["words"]
    starts = [[w.start_s for w in aligner.align(samples * gain, words) or []] for gain in (1.0, 0.01, 3.0)]
    assert len(starts[0]) == len(words)
    assert np.abs(np.subtract(starts[0], starts[1])).max() <= 0.02
    assert np.abs(np.subtract(starts[0], starts[2])).max() <= 0.02


def test_wrong_words_score_lower(aligner: PocketsphinxAligner) -> None:
    call = Call("fe_03_00001", 6.0)
    turn = call.say("a", 1.0, "the vet bills are outrageous")

    def score(words: str) -> float:
        return float(np.mean([w.score for w in aligner.align(sound(call, turn), words.split()) or []]))

    wrong = ["my old uncle smoked a", "i never learned to swim", "we should leave before it rains", "sounds lovely"]
    gaps = [score("the vet bills are outrageous") - score(words) for words in wrong]
    assert min(gaps) > 0 and np.median(gaps) > 1.0


def test_a_word_without_a_letter_goes_between_its_neighbours(aligner: PocketsphinxAligner) -> None:
    call = Call("fe_03_00001", 6.0)
    turn = call.say("a", 1.0, "so we went to the lake")
    words = ["so", "we", "\u4f60\u597d", "went", "to", "the", "lake", "\u4f60"]
    found = aligner.align(sound(call, turn), words)
    assert found is not None
    assert [w.method for w in found] == [BETWEEN if not w.isascii() else "pocketsphinx" for w in words]
    assert found[2].score is None
    assert all(a.start_s < a.end_s <= b.start_s + 1e-9 for a, b in pairwise(found))
    assert aligner.align(sound(call, turn), ["\u4f60"]) is None


@pytest.mark.parametrize("words", [["<sil>"], ["the(2)"], ["</s>", "_0"], ["a b"], ["x" * 5000], ["%s", "\n"]])
def test_odd_words_are_no_trouble(aligner: PocketsphinxAligner, words: list[str]) -> None:
    call = Call("fe_03_00001", 3.0)
    turn = call.say("a", 0.5, "well i don't know about that")
    found = aligner.align(sound(call, turn), words)
    assert found is None or len(found) == len(words)


@pytest.mark.parametrize("length", [0, 1, 100, 1700])
def test_too_little_sound_is_no_trouble(aligner: PocketsphinxAligner, length: int) -> None:
    assert aligner.align(np.zeros(length, np.float32), ["hello", "there"]) is None


# -- turns and calls that cannot be aligned --------------------------------------------------------------------------


def test_turns_that_fail_get_proportional_times(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 9.0)
    good = call.say("a", 0.5, "i was telling my sister about it")
    silent = call.claim("a", 4.0, 5.0, ["yes", "probably"])
    short = call.claim("b", 5.5, 5.6, ["one", "two", "three", "four", "five", "six", "seven", "eight"])
    call.say("b", 6.0, "sure enough")
    summary = align(work := work_folder(tmp_path, [call]), INLINE)
    assert {word["method"] for word in words_of(work, call.call_id, good)} == {"pocketsphinx"}
    times = [(w["start_s"], w["end_s"], w["score"], w["method"]) for w in words_of(work, call.call_id, silent)]
    assert times == [(4.0, 4.273, None, PROPORTIONAL), (4.273, 5.0, None, PROPORTIONAL)]
    rushed = words_of(work, call.call_id, short)
    assert [w["word"] for w in rushed] == call.turns[short]["words"]
    assert rushed[0]["start_s"] == 5.5 and rushed[-1]["end_s"] == 5.6
    assert summary.counters["turns"] == 4
    assert summary.counters["turns: fallback"] == 2
    assert summary.counters["fallback: silent"] + summary.counters["fallback: too_short"] == 2
    assert summary.counters["fallback: silent"] >= 1
    assert summary.counters["words: proportional"] == 10


def test_speech_too_short_for_its_words(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 4.0)
    turn = call.say("a", 1.0, "hello", words=["hello", *["everybody"] * 30], end_s=1.4)
    summary = align(work := work_folder(tmp_path, [call]), INLINE)
    assert summary.counters["fallback: too_short"] == 1
    assert len(words_of(work, call.call_id, turn)) == 31


def test_transcript_times_that_cut_words(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 6.0)
    turn = call.say("a", 1.0, "grandma made potato soup")
    call.turns[turn]["start_s"] += 0.15
    call.turns[turn]["end_s"] -= 0.15
    align(work := work_folder(tmp_path, [call]), INLINE)
    starts = [word["start_s"] for word in words_of(work, call.call_id, turn)]
    assert np.abs(np.subtract(starts, call.gold[turn])).max() < FRAME_S


def test_overlapping_turns_of_a_side_do_not_go_backwards(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 8.0)
    first = call.say("a", 1.0, "we never go outside anymore")
    end_s = call.turns[first]["end_s"]
    call.turns[first]["end_s"] += 0.3
    second = call.say("a", end_s + 0.1, "it rains every single day")
    align(work := work_folder(tmp_path, [call]), INLINE)
    one, two = words_of(work, call.call_id, first), words_of(work, call.call_id, second)
    assert one[-1]["end_s"] <= two[0]["start_s"]
    assert np.abs(np.subtract([w["start_s"] for w in one], call.gold[first])).max() < 0.15
    assert np.abs(np.subtract([w["start_s"] for w in two], call.gold[second])).max() < 0.15


def test_each_side_is_heard_on_its_own_channel(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 6.0)
    turns = [call.say("a", 1.0, "what kind of work do you do"), call.say("b", 1.2, "the owners are just as greedy")]
    align(work := work_folder(tmp_path, [call]), INLINE)
    for turn in turns:
        starts = [word["start_s"] for word in words_of(work, call.call_id, turn)]
        assert np.median(np.abs(np.subtract(starts, call.gold[turn]))) < 0.04


def test_calls_whose_audio_is_gone_or_changed_are_rejected(tmp_path: Path) -> None:
    calls = [Call(f"fe_03_0000{n}", 3.0) for n in (1, 2, 3)]
    for call in calls:
        call.say("a", 0.5, "hello there")
    work = work_folder(tmp_path, calls)
    (tmp_path / "audio" / "fe_03_00001.wav").unlink()
    changed = tmp_path / "audio" / "fe_03_00002.wav"
    changed.write_bytes(changed.read_bytes()[:-2] + b"\x55\x55")
    summary = align(work, INLINE)
    assert summary.rejects == {"unreadable_audio": 1, "changed_audio": 1}
    rejects = {row["call_id"]: row for row in work.read("rejects").to_pylist()}
    assert rejects["fe_03_00001"]["place"] == "fe_03_00001.wav"
    assert rejects["fe_03_00002"]["fix"] == "run `fisherprep ingest` again"
    assert {row["call_id"] for row in work.read("words").to_pylist()} == {"fe_03_00003"}


def test_more_words_than_the_audio_could_ever_hold(tmp_path: Path) -> None:
    call = Call("fe_03_00001", 0.2)
    call.claim("a", 0.0, 0.1, ["no"] * 500)
    summary = align(work_folder(tmp_path, [call]), INLINE)
    assert summary.rejects == {"too_many_words": 1}


def test_without_turns_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fisherprep ingest"):
        align(WorkFolder.create(tmp_path / "work", "fisher", ["."]), INLINE)


# -- placing ---------------------------------------------------------------------------------------------------------

NUMBERS = st.floats(0, 20, allow_nan=False)


@given(st.lists(st.tuples(NUMBERS, st.floats(0.01, 5)), min_size=1, max_size=12), st.floats(0.5, 30))
def test_cuts_lie_inside_the_audio_and_apart(spans: list[tuple[float, float]], duration_s: float) -> None:
    turns = [{"start_s": start, "end_s": start + length} for start, length in sorted(spans)]
    found = cuts(turns, duration_s)
    assert all(0 <= start <= end <= duration_s for start, end in found)
    assert all(
        t["start_s"] - start <= MARGIN_S + 1e-9
        for t, (start, _) in zip(turns, found, strict=True)
        if start < duration_s
    )
    apart = [(a, b) for a, b in pairwise(turns) if a["end_s"] <= b["start_s"]]
    if len(apart) == len(turns) - 1:
        long_enough = [s for s, t in zip(found, turns, strict=True) if t["end_s"] - t["start_s"] >= 0.1]
        assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(long_enough))


@given(
    st.lists(st.tuples(st.floats(-1, 30), st.floats(-1, 3)), min_size=1, max_size=20),
    st.floats(0, 10),
    st.integers(20, 9000),
)
def test_milliseconds_are_in_order_and_inside(spans: list[tuple[float, float]], offset_s: float, limit: int) -> None:
    words = [AlignedWord(start, start + length, None, "x") for start, length in spans]
    times = in_milliseconds(words, offset_s, limit)
    flat = [t for pair in times for t in pair]
    assert all(start < end for start, end in times)
    assert flat == sorted(flat)
    assert flat[0] >= 0 and flat[-1] <= limit


def test_milliseconds_leave_good_times_alone() -> None:
    words = [AlignedWord(0.1, 0.25, None, "x"), AlignedWord(0.25, 0.4004, None, "x"), AlignedWord(0.6, 0.9, None, "x")]
    assert in_milliseconds(words, 1.0, 5000) == [(1100, 1250), (1250, 1400), (1600, 1900)]
    with pytest.raises(ValueError, match="3 words do not fit into 2 ms"):
        in_milliseconds(words, 0.0, 2)


def test_proportional_times_follow_letters() -> None:
    times = [(w.start_s, w.end_s) for w in proportional(["ab", "abcdef", "-", "t.v."], 1.0, 12.0)]
    assert times == [(1.0, 3.0), (3.0, 9.0), (9.0, 10.0), (10.0, 12.0)]


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.tuples(st.floats(0, 0.5), st.floats(0.03, 0.5))), min_size=1, max_size=9))
def test_words_between_keep_their_place(pattern: list[tuple[float, float] | None]) -> None:
    placed: list[AlignedWord | None] = []
    at = 0.0
    for item in pattern:
        if item is None:
            placed.append(None)
        else:
            placed.append(AlignedWord(at + item[0], at + item[0] + item[1], -1.0, "heard"))
            at += sum(item)
    if all(word is None for word in placed):
        return
    filled = fill_between(["word"] * len(placed), placed, at)
    assert [w.method for w in filled] == [BETWEEN if p is None else "heard" for p in placed]
    assert all(w.start_s <= w.end_s for w in filled)
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(filled))
    assert filled[0].start_s >= -1e-9 and filled[-1].end_s <= at + 1e-9


def test_a_word_in_a_narrow_gap_takes_from_its_neighbours() -> None:
    placed = [AlignedWord(0.0, 0.4, -1.0, "x"), None, AlignedWord(0.4, 0.8, -1.0, "x")]
    filled = fill_between(["a", "b", "c"], placed, 0.8)
    assert filled[1].end_s - filled[1].start_s == pytest.approx(MIN_WORD_S)
    assert filled[0].end_s == filled[1].start_s and filled[2].start_s == filled[1].end_s
