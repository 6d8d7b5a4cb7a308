"""Stereo recordings: three forms of transcript, one result; what cannot be used is said; the chain to codes."""

import json
import math
import os
from collections import Counter
from itertools import pairwise

import pytest
import soundfile
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_files import Dialogue, beeps

from fisherprep.align.align import align
from fisherprep.check import check_work
from fisherprep.cli import main
from fisherprep.codec.encode import encode
from fisherprep.corpus.audio import read_audio
from fisherprep.corpus.candidates import SourceFile
from fisherprep.corpus.problems import BadInput
from fisherprep.corpus.recordings.ingest import ingest_recordings
from fisherprep.corpus.recordings.layout import recording_id
from fisherprep.corpus.recordings.transcript import parse_json, read_told
from fisherprep.corpus.recordings.words import TURN_PAUSE_S, items_of, turns_of, written_words
from fisherprep.engine import InlineEngine
from fisherprep.label.label import label_topics
from fisherprep.manifest import SplitRule
from fisherprep.schema import TABLES
from fisherprep.stage import upstream
from fisherprep.workfolder import WorkFolder, check_id

ENGINE = InlineEngine()
PROMPT = "You work for Corner Cup which is a coffee shop and your name is Ida."


@pytest.fixture(scope="module")
def dialogue():
    return Dialogue.of()


def ingest(tmp_path, folder="in", split=SplitRule(), agent="a", **options):  # noqa: B008
    roots = [tmp_path / folder]
    summary = ingest_recordings(roots, tmp_path / "work", split, "shop", ENGINE, agent, **options)
    return WorkFolder.open(tmp_path / "work"), summary


def rows(work, table):
    return work.read(table).to_pylist()


def rejects(work):
    """The first reject of each reason."""
    return {row["reason"]: row for row in reversed(rows(work, "rejects"))}


def one(tmp_path, transcript, name="x.json", seconds=2.0, **options):
    """A recording of beeps with this transcript, ingested: its work folder."""
    beeps(tmp_path / "in" / "x.wav", seconds)
    (tmp_path / "in" / name).write_text(transcript if isinstance(transcript, str) else json.dumps(transcript))
    return ingest(tmp_path, **options)[0]


# -- the three forms -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "rate_hz"), [("wav", 22_050), ("flac", 48_000), ("wav", 8000)])
def test_all_forms_give_the_same_turns_and_words(tmp_path, dialogue, ending, rate_hz):
    forms = {"kyutai.json": dialogue.moshi_finetune(), "jmoshi.json": dialogue.j_moshi(),
             "timed.txt": dialogue.timed_text(), "plain.txt": dialogue.plain_text()}  # fmt: skip
    for name, text in forms.items():
        dialogue.write(tmp_path / "in" / "sub" / f"{name.split('.')[0]}.{ending}", rate_hz)
        (tmp_path / "in" / "sub" / name).write_text(text)
    work, summary = ingest(tmp_path, split=SplitRule(valid=0, test=0))
    assert not summary.rejects and summary.rows["conversations"] == 4
    align(work, ENGINE)
    truth = [(side, text.split()) for side, _, _, text in dialogue.turns]
    for name in forms:
        call_id = f"sub__{name.split('.')[0]}"
        turns = [t for t in rows(work, "turns") if t["call_id"] == call_id]
        assert [(t["side"], t["words"]) for t in turns] == truth, name
        slack = 0.15 if name == "plain.txt" else 0.0011
        for turn, (_, start_s, end_s, _) in zip(turns, dialogue.turns, strict=True):
            assert turn["start_s"] == pytest.approx(start_s, abs=slack)
            assert turn["end_s"] == pytest.approx(end_s, abs=slack)
        words = [w for w in rows(work, "words") if w["call_id"] == call_id]
        assert [w["word"] for w in words] == [w for _, own in truth for w in own]
        exact = name.endswith(".json")
        assert {w["method"] for w in words} == ({"given"} if exact else {"pocketsphinx"})
        errors = sorted(abs(w["start_s"] - t[1]) for w, t in zip(words, dialogue.words, strict=True))
        assert errors[-1] <= 0.0011 if exact else errors[len(errors) // 2] < 0.05, (name, errors)
    calls = {c["call_id"]: c for c in rows(work, "conversations")}
    one, two = calls["sub__kyutai"], calls["sub__jmoshi"]
    names = {"call_id", "audio_file", "transcript_file", "speaker_a", "speaker_b"}
    assert {k: v for k, v in one.items() if k not in names} == {k: v for k, v in two.items() if k not in names}
    assert not check_work(work).findings


def test_the_channels_are_checked(tmp_path, dialogue):
    dialogue.samples = dialogue.samples[::-1]
    try:
        dialogue.write(tmp_path / "in" / "x.wav")
    finally:
        dialogue.samples = dialogue.samples[::-1]
    (tmp_path / "in" / "x.json").write_text(dialogue.j_moshi())
    call = rows(ingest(tmp_path)[0], "conversations")[0]
    assert call["swap_score"] < -0.9 and "transcript_mismatch" not in call["flags"]


def test_only_the_main_speaker_transcribed_leaves_the_other_sides_speech_unknown(tmp_path, dialogue):
    dialogue.write(tmp_path / "in" / "x.wav")
    data = json.loads(dialogue.moshi_finetune())
    data["alignments"] = [item for item in data["alignments"] if item[2] == "SPEAKER_MAIN"]
    (tmp_path / "in" / "x.json").write_text(json.dumps(data))
    work, _ = ingest(tmp_path)
    align(work, ENGINE)
    a, b = rows(work, "alignments")
    assert a["num_words"] == 10 and not a["unknown"] and a["coverage"] == 1.0
    assert b["num_words"] == 0 and len(b["unknown"]) == 3
    assert {span["why"] for span in b["unknown"]} == {"untranscribed"}


def test_audio_and_text_in_two_folders_as_j_moshi_has_them(tmp_path):
    beeps(tmp_path / "in" / "audio" / "S1.wav")
    (tmp_path / "in" / "text").mkdir()
    (tmp_path / "in" / "text" / "S1.json").write_text('[{"speaker": "A", "word": "hi", "start": 0.1, "end": 0.4}]')
    (tmp_path / "in" / "text" / "S2.json").write_text("[]")
    work, _ = ingest(tmp_path)
    assert [c["transcript_file"] for c in rows(work, "conversations")] == ["text/S1.json"]
    assert rejects(work)["missing_audio"]["place"] == "text/S2.json"


# -- plain text without times --------------------------------------------------------------------------------------


def test_untimed_lines_longer_than_their_limit_are_refused(tmp_path):
    work = one(tmp_path, "A: hello\nB: hi\n", "x.txt", seconds=121)
    assert rejects(work)["no_times"]["expected"].startswith("START END SIDE")


def test_more_lines_than_stretches_of_speech_are_refused(tmp_path):
    work = one(tmp_path, "A: one\nA: two\nA: three\nA: four\nA: five\n", "x.txt")
    assert "5 lines" in rejects(work)["no_times"]["found"]


def test_a_short_pause_inside_a_line_does_not_shift_the_next(tmp_path):
    talk = (
        ("a", 0.5, "well"), ("a", 1.1, "i was in boston last week"), ("b", 4.5, "oh really"),
        ("a", 6.5, "it was cold"), ("b", 9.0, "i can imagine that it was"),
    )  # fmt: skip
    dialogue = Dialogue.of(talk)
    dialogue.write(tmp_path / "in" / "x.wav")
    (tmp_path / "in" / "x.txt").write_text(
        "A: well i was in boston last week\nB: oh really\nA: it was cold\nB: i can imagine that it was\n"
    )
    turns = rows(ingest(tmp_path)[0], "turns")
    assert [round(t["start_s"], 1) for t in turns] == pytest.approx([0.5, 4.5, 6.5, 9.0], abs=0.11)
    assert all(t["flags"] == ["guessed_times"] for t in turns)


# -- what is bad ---------------------------------------------------------------------------------------------------

ITEM = ["hi", [0.1, 0.4], "SPEAKER_MAIN"]


def alignments(*items):
    return {"alignments": [ITEM, *items]}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (["hi", [1.0, 0.5], "Bob"], "unknown_speaker"),
        (["hi", [float("nan"), 0.5], "SPEAKER_MAIN"], "bad_times"),
        (["hi", [0.5, float("inf")], "SPEAKER_MAIN"], "bad_times"),
        (["hi", [0.5, None], "SPEAKER_MAIN"], "bad_times"),
        (["hi", [True, 1.0], "SPEAKER_MAIN"], "bad_times"),
        (["hi", ["0.5", "1.0"], "SPEAKER_MAIN"], "bad_times"),
        (["hi", [0.5, 10**400], "SPEAKER_MAIN"], "bad_times"),
        (["hi", [9.0, 0.5], "SPEAKER_MAIN"], "bad_times"),
        (["hi", [2.5, 2.8], "SPEAKER_MAIN"], "outside_audio"),
        (["hi", [-1.0, -0.2], "SPEAKER_MAIN"], "outside_audio"),
        (["hi", [0.5], "SPEAKER_MAIN"], "bad_item"),
        (["hi", [0.5, 0.6]], "bad_item"),
        ([7, [0.5, 0.6], "SPEAKER_MAIN"], "bad_item"),
        (["hi", [0.5, 0.6], None], "bad_item"),
        (["x" * 500, [0.5, 0.6], "SPEAKER_MAIN"], "bad_item"),
        ("hi", "bad_item"),
        (None, "bad_item"),
        (ITEM, "repeated_word"),
    ],
)
def test_an_item_that_cannot_be_used_is_said_and_the_others_stay(tmp_path, item, reason):
    more = [["you", [0.5, 0.7], "Ann"]] if reason == "unknown_speaker" else []
    work = one(tmp_path, alignments(item, *more))
    reject = rejects(work)[reason]
    assert reject["place"].startswith("x.json:alignments[1]") and reject["call_id"] == "x" and reject["fix"]
    assert [t["words"] for t in rows(work, "turns")] == [["hi"]]


@pytest.mark.parametrize(
    ("item", "words", "span", "flags"),
    [
        (["a b", [0.5, 1.1], "SPEAKER_MAIN"], ["hi", "a", "b"], (0.1, 1.1), ["mended_words"]),
        (["yes", [0.9, 0.6], "SPEAKER_MAIN"], ["hi", "yes"], (0.1, 0.9), ["mended_times"]),
        (["yes", [0.6, 0.6], "SPEAKER_MAIN"], ["hi", "yes"], (0.1, 0.9), ["mended_times"]),
        (["yes", [-0.05, 0.3], "SPEAKER_MAIN"], ["yes", "hi"], (0.0, 0.4), ["mended_times"]),
        (["yes", [0.3, 0.6], "SPEAKER_MAIN"], ["hi", "yes"], (0.1, 0.6), ["mended_times"]),
        (["yes", [0.6, 3.2], "SPEAKER_MAIN"], ["hi", "yes"], (0.1, 2.0), ["mended_times"]),
        ([" Yes,", [0.6, 0.8], "SPEAKER_MAIN"], ["hi", "Yes,"], (0.1, 0.8), []),
        (["<system>yes", [0.6, 0.8], "SPEAKER_MAIN"], ["hi", "yes"], (0.1, 0.8), []),
        (["ye\ud800s\u0000", [0.6, 0.8], "SPEAKER_MAIN"], ["hi", "ye", "s"], (0.1, 0.8), ["mended_words"]),
        (["[laughter]", [0.6, 0.8], "SPEAKER_MAIN"], ["hi"], (0.1, 0.4), []),
        (["...", [0.6, 0.8], "SPEAKER_MAIN"], ["hi"], (0.1, 0.4), []),
    ],
)
def test_what_can_be_mended_is_mended_and_flagged(tmp_path, item, words, span, flags):
    work = one(tmp_path, alignments(item))
    (turn,) = rows(work, "turns")
    assert (turn["words"], (turn["start_s"], turn["end_s"]), turn["flags"]) == (words, span, flags)
    assert len(turn["word_times"]) == len(words)
    assert not work.files("rejects")


def test_order_in_the_file_means_nothing(tmp_path, dialogue):
    items = items_of(json.loads(dialogue.moshi_finetune()))
    assert turns_of(items[::-1], 20.0).turns == turns_of(items, 20.0).turns


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty_transcript"),
        ("  \n", "empty_transcript"),
        ('{"alignments": [', "broken_json"),
        ("\x80\x81", "broken_json"),
        ("[" * 100_000, "broken_json"),
        ("[1" + "0" * 5000 + "]", "broken_json"),
        ("{}", "unknown_form"),
        ("3", "unknown_form"),
        ('{"segments": []}', "unknown_form"),
        ("[]", "no_turns"),
        ('{"alignments": []}', "no_turns"),
        ('[{"speaker": "A", "word": "hi", "start": 8, "end": 9}]', "no_turns"),
    ],
    ids=str,
)
def test_a_json_file_that_is_no_transcript_is_refused(tmp_path, text, reason):
    beeps(tmp_path / "in" / "x.wav")
    (tmp_path / "in" / "x.json").write_bytes(text.encode("latin-1"))
    work, summary = ingest(tmp_path)
    assert summary.rejects[reason] == 1 and summary.rows["conversations"] == 0
    assert all(rejects(work)[reason][key] for key in ("place", "found", "expected", "fix"))


@pytest.mark.parametrize("text", ["hello there\n", "Customer: hi\n", "1.0 2.0 C: hi\n", "\x00\x01", "# nothing\n"])
def test_a_text_file_without_a_line_of_a_side_is_refused(tmp_path, text):
    assert "no_turns" in rejects(one(tmp_path, text, "x.txt"))


def test_the_next_transcript_is_taken_where_the_first_is_broken(tmp_path):
    beeps(tmp_path / "in" / "x.wav")
    (tmp_path / "in" / "x.json").write_text("{")
    work = one(tmp_path, "0.1 0.4 A: hi\n", "x.txt")
    (call,) = rows(work, "conversations")
    assert call["transcript_file"] == "x.txt" and call["flags"] == ["spare_file"]


def test_times_past_the_end_of_a_text(tmp_path):
    work = one(tmp_path, "0.1 0.4 A: hi\n1.5 2.2 B: yes\n5.0 6.0 A: late\n", "x.txt")
    assert [(t["words"], t["end_s"], t["flags"]) for t in rows(work, "turns")] == [
        (["hi"], 0.4, []), (["yes"], 2.0, ["mended_times"]),
    ]  # fmt: skip
    assert rejects(work)["outside_audio"]["place"] == "x.txt:3"


@pytest.mark.parametrize("channels", [1, 3])
def test_a_wrong_number_of_channels_is_refused(tmp_path, channels):
    beeps(tmp_path / "in" / "x.wav", channels=channels)
    (tmp_path / "in" / "x.txt").write_text("0.1 0.4 A: hi\n")
    work, summary = ingest(tmp_path)
    assert summary.rows["conversations"] == 0 and f"{channels} channels" in rejects(work)["wrong_channels"]["found"]


def test_files_that_are_no_recordings(tmp_path):
    folder = tmp_path / "in"
    beeps(folder / "good.wav")
    for name in ("good", "empty", "cut", "lossy", "hidden", "nothing"):
        (folder / f"{name}.txt").write_text("0.1 0.4 A: hi\n")
    (folder / "empty.wav").write_bytes(b"")
    beeps(folder / "nothing.wav", seconds=0)
    beeps(folder / "alone.flac")
    (folder / "cut.wav").write_bytes((folder / "good.wav").read_bytes()[:9000])
    (folder / "lossy.mp3").write_bytes(b"ID3")
    soundfile.write(folder / "hidden.wav", soundfile.read(folder / "good.wav")[0], 8000, format="OGG")
    work, summary = ingest(tmp_path)
    assert [c["call_id"] for c in rows(work, "conversations")] == ["good"]
    expected = {"empty_audio": 1, "corrupt_audio": 1, "truncated_audio": 1, "missing_transcript": 1, "wrong_format": 2}
    assert {k: summary.rejects[k] for k in expected} == expected
    assert {row["place"] for row in rows(work, "rejects") if row["reason"] == "wrong_format"} == {
        "hidden.wav", "lossy.mp3",
    }  # fmt: skip


def test_a_folder_without_recordings_is_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.mp3").write_bytes(b"ID3")
    with pytest.raises(ValueError, match=r"no WAV or FLAC file .* found instead: 1 mp3"):
        ingest(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["A", "B", "SPEAKER_MAIN"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TIME = st.floats(-2, 12) | st.integers(-2, 12) | st.just(math.nan) | JSON
LABEL = st.sampled_from(["SPEAKER_MAIN", "SPEAKER_00", "A", "b", "left", ""]) | JSON
ALIGNMENT = st.tuples(st.text(max_size=12) | JSON, st.tuples(TIME, TIME).map(list) | JSON, LABEL).map(list) | JSON
LISTED = st.fixed_dictionaries({"speaker": LABEL, "word": st.text(max_size=12) | JSON, "start": TIME, "end": TIME})


@given(st.lists(ALIGNMENT, max_size=30).map(lambda a: {"alignments": a}) | st.lists(LISTED | JSON, max_size=30) | JSON)
@settings(max_examples=300, deadline=None)
def test_any_json_gives_turns_that_hold_or_a_reason(data):
    try:
        turns, odd, _ = turns_of(items_of(parse_json(json.dumps(data).encode())), 10.0)
    except BadInput as err:
        assert err.found and err.expected and err.fix
        return
    assert all(err.row("x", place) for place, err in odd)
    for side in "ab":
        times = [span for turn in turns if turn.side == side for span in turn.word_times]
        assert all(0 <= start < end <= 10.0 for start, end in times)
        assert all(end <= start for (_, end), (start, _) in pairwise(times))
        spans = [(turn.start_s, turn.end_s) for turn in turns if turn.side == side]
        assert all(start - end >= TURN_PAUSE_S - 1e-9 for (_, end), (start, _) in pairwise(spans))
    for turn in turns:
        assert len(turn.words) == len(turn.word_times) and turn.words
        assert all(word and not set(word) & set("<> \n") for word in turn.words)
        assert (turn.word_times[0][0], turn.word_times[-1][1]) == (turn.start_s, turn.end_s)
        "".join(turn.words).encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_reason(raw):
    try:
        parse_json(raw)
    except BadInput as err:
        assert err.reason == "broken_json"


@given(st.text(max_size=60))
def test_written_words_are_single_words(text):
    assert all(word.split() == [word] for word in written_words(text))


TEXT_LINE = st.tuples(
    st.sampled_from(["A: ", "b:", "0.1 0.4 A: ", "1.0 9.0 B: ", "# ", "C: ", ""]), st.text(max_size=10)
).map("".join)


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    return read_audio(beeps(tmp_path_factory.mktemp("audio") / "x.wav", 4.0))


@given(st.lists(TEXT_LINE, max_size=8).map("\n".join).map(str.encode) | st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_turns_inside_the_audio_or_a_reason(tmp_path_factory, audio, raw):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(raw)
    told, refused = read_told([SourceFile(0, "any.txt", str(path), len(raw), 0, 0)], audio)
    assert (told is None) == bool(refused)
    if told:
        assert all(0 <= turn.start_s < turn.end_s <= audio.duration_s for turn in told.turns)
        assert [t.start_s for t in told.turns] == sorted(t.start_s for t in told.turns)
        assert all(turn.word_times is None for turn in told.turns)
        assert all(err.row("x", place) for place, err in told.odd)


def test_odd_names_of_files(tmp_path):
    names = ["a [b] c", "new\nline", "\u00e9t\u00e9", "-dash", "x" * 180, "sub/.hidden", "con.prompt"]
    for name in names:
        beeps(tmp_path / "in" / f"{name}.wav", seconds=1)
        (tmp_path / "in" / f"{name}.TXT").write_text("0.1 0.4 A: hi\n")
    os.symlink(tmp_path / "in", tmp_path / "in" / "sub" / "loop")
    (tmp_path / "in").joinpath(os.fsdecode(b"bad\xff.wav")).write_bytes(b"")
    os.mkfifo(tmp_path / "in" / "pipe.wav")
    work, summary = ingest(tmp_path)
    assert summary.rows["conversations"] == 5
    assert summary.rejects == Counter(unreadable=2, missing_transcript=1)
    assert all(check_id(call["call_id"]) for call in rows(work, "conversations"))


# -- ids, prompts, speakers, splits, lists -------------------------------------------------------------------------


@given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1), min_size=1))
def test_every_path_is_an_id(parts):
    assert check_id(recording_id("/".join(parts)))


def test_ids_of_different_paths_differ():
    stems = ["a/b", "a__b", "a.b", "a b", "a-b", "-a", "r-a", "ä", "x" * 150, "x" * 151, "a/b/c", "a/b__c", "a__b/c"]
    assert len({recording_id(stem) for stem in stems}) == len(stems)
    assert recording_id("clinic/day 1/c") != recording_id("clinic/day-1/c") == "clinic__day-1__c"


def test_agent_prompt_and_speakers_come_from_the_nearest_place(tmp_path):
    folder = tmp_path / "in"
    text = alignments()
    for name, keys in {
        "file": {"prompt": "of the transcript"},
        "json": {"text_prompt": "of the\ntranscript", "agent": "right", "speaker_a": "p1", "speaker_b": 7},
        "bad": {"prompt": "<system> you are", "agent": "middle", "speaker_a": ""},
        "none": {},
    }.items():
        beeps(folder / f"{name}.wav")
        (folder / f"{name}.json").write_text(json.dumps(text | keys))
    (folder / "file.prompt.txt").write_text("of its\nown file\n")
    work, summary = ingest(tmp_path, prompt="of the manifest")
    calls = {c["call_id"]: c for c in rows(work, "conversations")}
    prompts = {k: c["role_prompt"] for k, c in calls.items()}
    assert prompts == {
        "file": "of its own file", "json": "of the transcript", "bad": "of the manifest", "none": "of the manifest",
    }  # fmt: skip
    assert {k: c["agent_side"] for k, c in calls.items()} == {"file": "a", "json": "b", "bad": "a", "none": "a"}
    assert (calls["json"]["speaker_a"], calls["json"]["speaker_b"]) == ("p1", "7")
    assert calls["none"]["speaker_b"] == "none_b"
    assert {k: summary.rejects[k] for k in ("bad_prompt", "bad_agent", "bad_speaker")} == dict.fromkeys(
        ("bad_prompt", "bad_agent", "bad_speaker"), 1
    )
    label_topics(work, ENGINE)
    personas = {(p["call_id"], p["side"]): p for p in rows(work, "personas")}
    assert personas["json", "b"]["prompts"] == ["of the transcript"] and personas["json", "b"]["labeler"] == "role"
    assert personas["json", "a"]["prompts"] == []


def test_a_prompt_without_an_agent_is_said(tmp_path):
    work = one(tmp_path, alignments() | {"prompt": PROMPT}, agent=None)
    assert rows(work, "conversations")[0]["role_prompt"] is None and "prompt_without_agent" in rejects(work)


def test_no_speaker_is_in_two_splits_and_the_seed_decides(tmp_path):
    for number in range(24):
        beeps(tmp_path / "in" / f"r{number}.wav", seconds=1)
        keys = {"speaker_a": f"agent{number // 6}"} if number < 18 else {}
        (tmp_path / "in" / f"r{number}.json").write_text(json.dumps(alignments() | keys))
    drawn = []
    for seed in (0, 1, 0):
        work, _ = ingest(tmp_path, split=SplitRule(valid=0.1, test=0.3, seed=seed))
        calls = rows(work, "conversations")
        splits = {}
        for call in calls:
            splits.setdefault(call["speaker_a"], set()).update({call["split"]} - {"excluded"})
        assert all(len(found) <= 1 for found in splits.values())
        drawn.append({c["call_id"]: c["split"] for c in calls})
    assert drawn[0] == drawn[2] != drawn[1]
    assert Counter(drawn[0].values())["test"] in (6, 7)


def test_a_list_of_files_says_which_and_what(tmp_path):
    folder = tmp_path / "in"
    for name in ("one", "two", "three"):
        beeps(folder / "data_stereo" / f"{name}.wav")
        (folder / "data_stereo" / f"{name}.json").write_text(json.dumps(alignments()))
    (folder / "set.jsonl").write_text(
        '{"path": "data_stereo/one.wav", "duration": 2.0, "speaker_a": "p1", "prompt": "Be kind."}\n'
        '{"path": "data_stereo/two.wav", "duration": 3.5}\n\n'
        '{"path": "data_stereo/two.wav", "duration": 3.5}\n'
        '{"path": "data_stereo/four.wav", "duration": 1.0}\n{"path": 3}\n{"path": "\\ud800"}\nnonsense\n'
    )
    work, summary = ingest(tmp_path, lists=[folder / "set.jsonl"])
    calls = {c["call_id"]: c for c in rows(work, "conversations")}
    assert set(calls) == {"data_stereo__one", "data_stereo__two"}
    assert calls["data_stereo__one"]["speaker_a"] == "p1" and calls["data_stereo__one"]["role_prompt"] == "Be kind."
    assert summary.rejects == Counter({"bad_line": 3, "repeated_line": 1, "not_found": 1, "odd_value": 1})
    (folder / "set.jsonl").write_text("\n")
    with pytest.raises(ValueError, match="names no recording"):
        ingest(tmp_path, lists=[folder / "set.jsonl"])


# -- the stage and the chain ---------------------------------------------------------------------------------------


def test_only_what_changed_is_done_again_and_what_is_gone_is_removed(tmp_path):
    for name in ("r10", "r20", "r30"):
        beeps(tmp_path / "in" / f"{name}.wav")
        (tmp_path / "in" / f"{name}.json").write_text(json.dumps(alignments()))
    work, first = ingest(tmp_path, split=SplitRule(valid=0, test=0))
    files = {f.name: f.read_bytes() for f in work.files("turns")}
    assert (first.ran, ingest(tmp_path, split=SplitRule(valid=0, test=0))[1].ran) == (3, 0)
    (work.path / ".done" / "ingest" / "r1.json").unlink()
    assert ingest(tmp_path, split=SplitRule(valid=0, test=0))[1].ran == 1
    assert files == {f.name: f.read_bytes() for f in work.files("turns")}
    (tmp_path / "in" / "r20.json").write_text(json.dumps(alignments(["more", [1.0, 1.2], "SPEAKER_MAIN"])))
    (tmp_path / "in" / "r30.wav").unlink()
    _, again = ingest(tmp_path, split=SplitRule(valid=0, test=0))
    assert (again.ran, again.removed, again.rows["turns"]) == (1, 1, 3)


def test_the_chain_ends_in_codes_that_check(tmp_path, dialogue, toy_checkpoint):
    for number, text in enumerate((dialogue.moshi_finetune(prompt=PROMPT), dialogue.j_moshi(), dialogue.plain_text())):
        dialogue.write(tmp_path / "in" / f"call{number}.wav", 16_000)
        (tmp_path / "in" / f"call{number}.{'json' if number < 2 else 'txt'}").write_text(text)
    work, _ = ingest(tmp_path, split=SplitRule(valid=0, test=0))
    align(work, ENGINE)
    label_topics(work, ENGINE)
    encode(work, str(toy_checkpoint), "cpu", ENGINE)
    assert set(upstream(work, *(t for t in TABLES if t not in ("rejects", "voices")))) == {"call"}
    result = CliRunner().invoke(main, ["check", str(work.path)])
    assert result.exit_code == 0, result.output
    codes = rows(work, "codes")
    assert [c["agent_side"] for c in codes] == ["a"] * 3 and codes[0]["prompts_a"] == [PROMPT]
    assert codes[0]["text_a"] == codes[1]["text_a"] and codes[0]["codes_b"] == codes[2]["codes_b"]


def test_the_command(tmp_path):
    beeps(tmp_path / "in" / "x.wav")
    (tmp_path / "in" / "x.json").write_text(json.dumps(alignments()))
    (tmp_path / "m").mkdir()
    base = ["ingest", str(tmp_path / "in"), "--manifests", str(tmp_path / "m"), "--data-root", str(tmp_path / "data")]
    stereo = [*base, "--layout", "stereo", "--name", "shop"]

    def run(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args])

    assert "--agent-channel left" in run(*stereo).output and run(*stereo).exit_code == 2
    assert run(*base, "--agent-channel", "left").exit_code == 2
    dry = run(*stereo, "--agent-channel", "right", "--dry-run")
    assert dry.exit_code == 0 and "agent: b" in dry.output and not (tmp_path / "data").exists()
    (tmp_path / "m" / "shop.yaml").write_text("name: shop\ntables: shop\nagent: b\nprompt: Be kind.\n")
    done = run(*stereo, "--strict")
    assert done.exit_code == 0, done.output
    (call,) = rows(WorkFolder.open(tmp_path / "data" / "shop"), "conversations")
    assert (call["agent_side"], call["role_prompt"], call["corpus"]) == ("b", "Be kind.", "shop")


def many(label_of, scale=1.0):
    """Twenty words of two sides in two seconds."""
    return [[f"w{i}", [round(i * 0.1 * scale, 3), round((i * 0.1 + 0.05) * scale, 3)], label_of(i)] for i in range(20)]


def test_a_stray_label_costs_its_own_word_and_no_side(tmp_path):
    other = ["SPEAKER_MAIN", "SPEAKER_01"]
    work = one(tmp_path, json.dumps({"alignments": many(lambda i: "SPEAKER_02" if i == 7 else other[i % 2])}))
    assert {t["side"] for t in rows(work, "turns")} == {"a", "b"}
    assert sum(len(t["words"]) for t in rows(work, "turns")) == 19
    assert rejects(work)["unknown_speaker"]["place"] == "x.json:alignments[7]"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", json.dumps({"alignments": many(lambda i: ["agent", "customer"][i % 2])})),
        ("x.json", json.dumps({"alignments": many(lambda i: ["A", "customer"][i % 2])})),
        ("x.json", json.dumps([{"speaker": "agent", "word": "a", "start": i, "end": i} for i in range(9)])),
        ("x.txt", "Agent: hello there\nCustomer: hi\nAgent: bye\n"),
        ("x.txt", "0.1 0.5 Agent: hello there\n0.6 0.9 Customer: hi\n1.0 1.2 Agent: bye\n"),
    ],
)
def test_speakers_of_other_names_are_a_reject_that_says_how_to_name_them(tmp_path, name, text):
    work = one(tmp_path, text, name)
    reject = rejects(work)["unknown_speakers"]
    assert rows(work, "turns") == [] and ("gent" in reject["found"] or "customer" in reject["found"])
    assert "A" in reject["fix"] and "left channel" in reject["fix"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", json.dumps({"alignments": many(lambda i: ["SPEAKER_MAIN", "B"][i % 2], 1000)})),
        ("x.txt", "100 500 A: hello there\n600 900 B: hi\n1000 1200 A: bye\n"),
    ],
)
def test_times_in_milliseconds_are_named(tmp_path, name, text):
    reject = rejects(one(tmp_path, text, name))["times_in_ms"]
    assert "2.00 s of audio" in reject["found"] and "1000" in reject["fix"]
