"""The demo release: its layout, its tables, its audio and transcripts against the gold, and how it is written."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import desphere
import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.demo.dialogue import conversation, person, sample_text, topics
from fisherprep.demo.layout import PARTS, part_of
from fisherprep.demo.plan import LISTED_BAD, plan_release
from fisherprep.demo.release import gold_folder, write_release
from fisherprep.demo.transcript import CUT_S, PADDING_S, Heard, cut_at, transcript_rows
from fisherprep.demo.utterance import Token, Utterance
from fisherprep.engine import InlineEngine

CALLS, SECONDS, SEED = 6, 10.0, 3
RATE_HZ = 8000
LINE = re.compile(r"(\d+\.\d\d) (\d+\.\d\d) ([AB]): (\S.*) ")
MARKERS = re.compile(r"\[+[a-z]+\]+|\(\(|\)\)")

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "ldc"
    return out, write_release(out, CALLS, SECONDS, SEED, InlineEngine())


@pytest.fixture(scope="module")
def gold(release):
    return pq.read_table(release[1].gold).to_pylist()


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def named(folder: Path, pattern: str) -> dict[str, Path]:
    return {p.stem: p for p in sorted(folder.glob(pattern))}


def transcripts(out: Path) -> dict[str, Path]:
    return named(out, "LDC200?T19/fe_03_p?_tran/data/trans/*/*.txt")


def lines_of(file: Path) -> list[tuple[float, float, str, str]]:
    """The utterances of a transcript, after checking its form."""
    head, _, body = file.read_text(encoding="ascii").partition("\n\n")
    assert re.fullmatch(rf"# {file.stem}\.sph\n# Transcribed (at the LDC|by BBN/WordWave)", head)
    matches = [LINE.fullmatch(line) for line in body.rstrip("\n").split("\n\n")]
    assert all(matches)
    return [(float(m[1]), float(m[2]), m[3].lower(), m[4]) for m in matches if m]


def samples_of(file: Path) -> np.ndarray:
    """Samples [T, 2] by desphere."""
    samples, rate_hz = soundfile.read(io.BytesIO(desphere.transcode_bytes(file.read_bytes())), always_2d=True)
    assert rate_hz == RATE_HZ
    return samples


# -- layout and tables -------------------------------------------------------------------------------------------------


def test_every_file_has_its_place(release):
    out, _ = release
    shapes = [
        r"LDC2004S13/fisher_eng_tr_sp_d[1-7]/(0readme|filetable|volume_id)\.txt",
        r"LDC2004S13/fisher_eng_tr_sp_d[1-7]/audio/(\d{3})/fe_03_\1\d\d\.sph",
        r"LDC2005S13/fe_03_p2_sph[1-7]/(index\.html|docs/filetable2\.txt)",
        r"LDC2005S13/fe_03_p2_sph[1-7]/audio/(\d{3})/fe_03_\1\d\d\.sph",
        r"LDC200(4T19/fe_03_p1|5T19/fe_03_p2)_tran/index\.html",
        r"LDC200(4T19/fe_03_p1|5T19/fe_03_p2)_tran/data/trans/(\d{3})/fe_03_\2\d\d\.txt",
        r"LDC200(4T19/fe_03_p1|5T19/fe_03_p2)_tran/data/bbn_orig/(\d{3})/originals/fe_03_\2\d\d\.txo",
        r"LDC200(4T19/fe_03_p1|5T19/fe_03_p2)_tran/data/bbn_orig/(\d{3})/(auto-segmented|rejected)/fe_03_\2\d\d\.(ana|trn)",
        r"LDC200(4T19/fe_03_p1|5T19/fe_03_p2)_tran/doc/fe_03_(pindata\.tbl|topics\.sgm|readme\.txt|p[12]_(calldata|filelist)\.tbl)",
    ]
    used = Counter(next((s for s in shapes if re.fullmatch(s, name)), name) for name in contents(out))
    assert used.keys() == set(shapes)


def test_calls_have_audio_and_transcript_and_both_parts_have_folder_058(release):
    out, summary = release
    audio = named(out, "LDC200?S13/*/audio/*/*.sph")
    assert len(audio) == summary.calls == CALLS
    assert audio.keys() == transcripts(out).keys()
    for root in ("LDC2004S13/*/audio", "LDC2005S13/*/audio", "LDC2004T19/*/data/trans", "LDC2005T19/*/data/trans"):
        assert list(out.glob(f"{root}/058"))
    for name, file in audio.items():
        part = 1 if int(name[-5:]) <= 5850 else 2
        assert file.relative_to(out).parts[0] == f"LDC200{3 + part}S13"


def test_calldata_and_pindata_agree(release):
    out, summary = release
    pindata = [f.read_text() for f in sorted(out.glob("*/*/doc/fe_03_pindata.tbl"))]
    assert len(pindata) == 2 and pindata[0] == pindata[1]
    header, *rows = [line.split(",") for line in pindata[0].splitlines()]
    assert header[:6] == ["PIN", "S_SEX", "S_AGE", "EDU", "NATIVE_LANG", "WHERE_RAISED"]
    assert {len(row) for row in rows} == {8} and len(rows) == summary.speakers
    seats = {seat: row[0] for row in rows for seat in row[7].split(";")}
    assert all(int(row[6]) == len(row[7].split(";")) for row in rows)

    calls: dict[str, list[str]] = {}
    for part in (1, 2):
        file = out / f"LDC200{3 + part}T19/fe_03_p{part}_tran/doc/fe_03_p{part}_calldata.tbl"
        head, *lines = file.read_text().splitlines()
        assert head == (
            "CALL_ID,DATE_TIME,TOPICID,SIG_GRADE,CNV_GRADE,"
            "APIN,ASX.DL,APHNUM,APHSET,APHTYP,BPIN,BSX.DL,BPHNUM,BPHSET,BPHTYP"
        )
        calls |= {row[0]: row for row in (line.split(",") for line in lines)}
    assert {f"fe_03_{number}" for number in calls} == transcripts(out).keys()
    for number, row in calls.items():
        assert len(row) == 15
        assert re.fullmatch(r"200[23]\d{4}_\d\d:\d\d:\d\d", row[1])
        assert re.fullmatch(r"(ENG(0[1-9]|[1-3]\d|40))?", row[2])
        assert all(re.fullmatch(r"\d(\.\d)?", grade) for grade in row[3:5])
        assert seats[f"{number}_A/{row[6]}"] == row[5].strip()
        assert seats[f"{number}_B/{row[11]}"] == row[10].strip()
    assert [row[2] for row in calls.values()].count("") == 1


def test_file_lists_name_the_calls(release):
    out, _ = release
    listed = {}
    for file in out.glob("*/*/doc/*_filelist.tbl"):
        for line in file.read_text().splitlines():
            volume, number, sexes, transcriber = line.split("\t")
            listed[f"fe_03_{number}"] = f"{volume} fe_03_{number}.sph {sexes}"
            said = transcripts(out)[f"fe_03_{number}"].read_text().splitlines()[1]
            assert said == {"LDC": "# Transcribed at the LDC", "BBN": "# Transcribed by BBN/WordWave"}[transcriber]
    assert listed.keys() == transcripts(out).keys()
    tables = [*out.glob("LDC2004S13/*/filetable.txt"), *out.glob("LDC2005S13/*/docs/filetable2.txt")]
    assert sorted(line for t in tables for line in t.read_text().splitlines()) == sorted(listed.values())


def test_bbn_files_exist_for_bbn_calls_only(release):
    out, _ = release
    for name, file in transcripts(out).items():
        originals = list(file.parents[2].glob(f"bbn_orig/*/originals/{name}.txo"))
        assert len(originals) == ("BBN" in file.read_text().splitlines()[1])


def test_topics_are_no_xml_and_there_are_forty(release):
    out, _ = release
    first, second = [f.read_text() for f in sorted(out.glob("*/*/doc/fe_03_topics.sgm"))]
    assert first == second
    found = dict(re.findall(r'<topic id="(ENG\d\d)" title="([^"]+)" >', first))
    assert sorted(found) == [f"ENG{n:02d}" for n in range(1, 41)]
    assert found["ENG01"] == "Professional Sports on TV." and found["ENG06"] == "Hypothetical Situations. Perjury."
    assert "<<$5.15 an hour" in first
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring(first)


# -- sound, transcripts, gold ------------------------------------------------------------------------------------------


def test_audio_is_two_channels_of_exactly_the_length_asked_for(release):
    out, summary = release
    plain = 0
    for file in out.rglob("*.sph"):
        header, data = desphere.read_sphere(file)
        assert samples_of(file).shape == (SECONDS * RATE_HZ, 2)
        assert header.sample_count == SECONDS * RATE_HZ
        if data.startswith(b"ajkg"):
            assert header.sample_coding == "ulaw,embedded-shorten-v2.00"
        else:
            plain += 1
            assert header.sample_coding == "ulaw"
            assert soundfile.read(file)[0].tolist() == samples_of(file).tolist()
    assert plain == summary.plain_ulaw == 1


def test_transcript_lines_are_those_of_the_gold(release, gold):
    """Every gold turn is a line of the transcript, with the same words, and no other line has words."""
    out, summary = release
    turns: dict[tuple, list[str]] = {}
    for row in gold:
        turns.setdefault((row["call_id"], row["side"], row["turn_start_s"], row["turn_end_s"]), []).append(row["word"])
    found, count = {}, 0
    for name, file in transcripts(out).items():
        for start, end, side, text in lines_of(file):
            count += 1
            assert 0 <= start < end <= SECONDS
            if words := MARKERS.sub(" ", text).replace("_", "").split():
                found[name, side, start, end] = words
    assert found == turns
    assert count == summary.utterances
    assert len(gold) == summary.words


def test_gold_words_follow_each_other_inside_their_lines(gold):
    for before, after in pairwise(gold):
        if after["index"] > 0:
            assert after["index"] == before["index"] + 1
            assert before["start_s"] < before["end_s"] <= after["start_s"] + 1e-9
    for row in gold:
        assert row["turn_start_s"] - CUT_S[1] - 0.01 <= row["start_s"]
        assert row["end_s"] <= min(SECONDS, row["turn_end_s"] + CUT_S[1] + 0.01)
        assert row["start_s"] - row["turn_start_s"] <= PADDING_S[1] + 0.01 or row["index"] > 0


def test_words_sound_where_the_gold_says_and_nowhere_else(release, gold):
    out, _ = release
    for name, file in named(out, "LDC200?S13/*/audio/*/*.sph").items():
        samples = samples_of(file)
        for channel, side in enumerate("ab"):
            mine = [r for r in gold if r["call_id"] == name and r["side"] == side]
            spans = [samples[round(r["start_s"] * RATE_HZ) : round(r["end_s"] * RATE_HZ), channel] for r in mine]
            spoken = np.zeros(len(samples), bool)
            for r in mine:
                spoken[round((r["start_s"] - 0.02) * RATE_HZ) : round((r["end_s"] + 0.02) * RATE_HZ)] = True
            floor = samples[~spoken, channel].std()
            assert np.median([s.std() for s in spans]) > 10 * floor
            assert np.mean([s.std() > 2 * floor for s in spans]) > 0.98


def test_dialogue_fills_the_call(gold):
    for name in {r["call_id"] for r in gold}:
        assert SECONDS - 2.5 < max(r["end_s"] for r in gold if r["call_id"] == name) <= SECONDS


def test_sides_take_turns_and_overlap(release):
    out, _ = release
    overlaps = 0
    for file in transcripts(out).values():
        lines = lines_of(file)
        assert {side for _, _, side, _ in lines} == {"a", "b"}
        overlaps += sum(a[1] > b[0] and a[2] != b[2] for a, b in pairwise(lines))
        for side in "ab":
            mine = sorted(line for line in lines if line[2] == side)
            assert all(a[1] <= b[0] for a, b in pairwise(mine))
    assert overlaps >= 3


# -- how it is written -------------------------------------------------------------------------------------------------


class Backwards:
    """Runs the last item first."""

    def map(self, function, items):
        yield from map(function, reversed(list(items)))


class DiesAfterOne:
    """Stands for a run that is killed."""

    def map(self, function, items):
        yield function(next(iter(items)))
        raise KeyboardInterrupt


def test_order_and_interruptions_leave_no_trace(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    write_release(whole, 2, 6.0, 1, InlineEngine())
    with pytest.raises(KeyboardInterrupt):
        write_release(killed, 2, 6.0, 1, DiesAfterOne())
    assert len(list(killed.rglob("*.sph"))) == 1
    assert write_release(killed, 2, 6.0, 1, Backwards()).written == 1
    assert contents(killed) == contents(whole)
    assert contents(gold_folder(killed)) == contents(gold_folder(whole))
    assert not [name for name in contents(killed) if name.endswith(".tmp") or "/." in name]


def test_another_process_makes_the_same_bytes(tmp_path, release):
    """Another hash seed, another order, a worker process: nothing of it shows."""
    code = (
        "import sys; from pathlib import Path; from fisherprep.demo.release import write_release;"
        "from fisherprep.engine import InlineEngine;"
        f"write_release(Path(sys.argv[1]), {CALLS}, {SECONDS}, {SEED}, InlineEngine())"
    )
    out = tmp_path / "again"
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    subprocess.run([sys.executable, "-c", code, str(out)], check=True, env=environment, capture_output=True)
    assert contents(out) == contents(release[0])
    assert pq.read_table(gold_folder(out) / "words.parquet").equals(pq.read_table(release[1].gold))


def test_a_second_run_writes_nothing_and_mends_what_is_missing(release):
    out, summary = release
    before = contents(out)
    times = {p: p.stat().st_mtime_ns for p in [*out.rglob("*"), *gold_folder(out).rglob("*.*")] if p.is_file()}
    again = write_release(out, CALLS, SECONDS, SEED, InlineEngine())
    assert again.written == 0
    assert {**vars(again), "written": CALLS} == vars(summary)
    assert {p: p.stat().st_mtime_ns for p in times} == times
    next(out.rglob("*.sph")).unlink()
    next(out.rglob("fe_03_topics.sgm")).unlink()
    assert write_release(out, CALLS, SECONDS, SEED, InlineEngine()).written == 1
    assert contents(out) == before


def test_arguments_and_folders_that_do_not_fit_are_refused(release, tmp_path):
    out, _ = release
    engine = InlineEngine()
    for arguments in ((CALLS + 1, SECONDS, SEED), (CALLS, SECONDS + 1, SEED), (CALLS, SECONDS, SEED + 1)):
        with pytest.raises(ValueError, match="was made with"):
            write_release(out, *arguments, engine)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else"):
        write_release(tmp_path, 2, 6.0, 1, engine)
    with pytest.raises(ValueError, match="holds something else"):
        write_release(tmp_path / "notes.txt", 2, 6.0, 1, engine)
    for calls, seconds in ((0, 10.0), (11700, 10.0), (2, 4.9), (2, 721.0), (2, float("nan"))):
        with pytest.raises(ValueError, match=r"found .* expected"):
            write_release(tmp_path / "new", calls, seconds, 0, engine)
    assert not (tmp_path / "new").exists()
    manifest = gold_folder(tmp_path / "torn") / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text("{")
    with pytest.raises(ValueError, match="was made with"):
        write_release(tmp_path / "torn", 2, 6.0, 1, engine)


def test_a_damaged_record_counts_as_missing(tmp_path):
    out = tmp_path / "ldc"
    write_release(out, 1, 5.0, 9, InlineEngine())
    before = contents(out)
    (record,) = (gold_folder(out) / "calls").glob("*.json")
    for damage in ("{", "[]", json.dumps({"files": 3}), json.dumps({"files": []})):
        record.write_text(damage)
        assert write_release(out, 1, 5.0, 9, InlineEngine()).written == 1
    assert contents(out) == before


# -- plans -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 80), st.integers(0, 10_000))
def test_plans(calls, seed):
    plan = plan_release(calls, seed)
    numbers = [c.number for c in plan.calls]
    assert numbers == sorted(set(numbers)) and not LISTED_BAD.intersection(numbers)
    parts = Counter(part_of(n).number for n in numbers)
    assert parts[1] - parts[2] in (0, 1)
    if calls >= 2:
        assert {part_of(n).number for n in numbers if n // 100 == 58} == {1, 2}
    pins = {s.pin: s for s in plan.speakers}
    seats = Counter(side.pin for c in plan.calls for side in c.sides.values())
    assert seats.keys() == pins.keys() and max(seats.values()) <= 2
    twice = sum(n == 2 for n in seats.values())
    assert calls < 4 or abs(twice / len(pins) - 1 / 6) < 0.08
    odd = [s for c in plan.calls for s in c.sides.values() if s.sex != pins[s.pin].sex]
    assert len(odd) == (calls >= 12)
    assert all(len({s.pin for s in c.sides.values()}) == 2 for c in plan.calls)
    partners = Counter(c.number for c in plan.calls for s in c.sides.values() if seats[s.pin] == 2)
    assert max(partners.values(), default=0) <= 1  # so calls hang together in pairs at most
    if calls >= 20:
        assert {c.transcriber for c in plan.calls} == {"ldc", "bbn"}
        assert 0.1 < sum(not c.shorten for c in plan.calls) / calls < 0.3
        assert 0 < sum(not c.topic_listed for c in plan.calls) < 0.15 * calls
        assert any("." in c.signal_grade + c.conversation_grade for c in plan.calls)
        assert any("NA" in vars(s).values() for s in plan.speakers)


def test_volumes_are_those_of_the_guides():
    for part, examples in zip(
        PARTS, ({1: 1, 799: 1, 800: 2, 5850: 7}, {5851: 1, 6700: 2, 8399: 3, 11699: 7}), strict=True
    ):
        assert {call: part.volume(call) for call in examples} == examples


def test_a_plan_of_the_whole_corpus_has_every_call():
    assert [c.number for c in plan_release(11_699, 0).calls] == list(range(1, 11_700))


# -- dialogue ----------------------------------------------------------------------------------------------------------


def talk(seed: int, transcriber="bbn", num_words=190) -> list[Utterance]:
    rng = Random(seed)
    people = {"a": person(rng, "f"), "b": person(rng, "m")}
    return conversation(topics()[seed % 40], people, transcriber, rng, num_words)


def test_calls_differ_and_have_a_rich_vocabulary():
    calls = [talk(seed) for seed in range(16)]
    words = {t.word for call in calls for u in call for t in u.words}
    assert len(words) >= 600
    assert len({" ".join(u.text for u in call) for call in calls}) == 16
    assert [u.text for u in talk(5)] == [u.text for u in calls[5]]


def test_text_has_all_that_fisher_has():
    calls = [u for seed in range(60) for u in talk(seed, "ldc" if seed % 2 else "bbn")]
    text = " ".join(u.text for u in calls)
    assert re.fullmatch(r"[a-z0-9'._\-\[\]() ]+", text)
    for part in (r"\buh-huh\b", r"\bmhm\b", r"\bt\._v\.", r"\bn\._b\._a\.", r"'cause\b", r"\b[a-z]{1,2}- ", r"\bi'm\b"):
        assert re.search(part, text)
    for part in ("[laughter]", "[noise]", "[mn]", "(( ", " ))"):
        assert part in text
    assert {u.kind for u in calls} == {"turn", "backchannel", "interruption"}
    assert all(u.words for u in calls)
    for u in calls:
        assert len(u.words) == len(MARKERS.sub(" ", u.text).split())


def test_double_brackets_follow_the_transcriber():
    def bracketed(transcriber):
        marked = [u.text for seed in range(60) for u in talk(seed, transcriber) if "((" in u.text]
        assert all(text.count("((") == text.count("))") == 1 for text in marked)
        return marked

    assert all(text.startswith("(( ") and text.endswith(" ))") for text in bracketed("bbn"))
    ldc = bracketed("ldc")
    assert any(not text.startswith("((") for text in ldc) and any("(( ))" in text for text in ldc)


def test_one_asks_about_the_person_and_the_other_answers():
    text = " | ".join(u.text for seed in range(60) for u in talk(seed))
    for fact in ("i live in", "what do you do", "named", "do you have any", "my name is"):
        assert fact in text


def test_questions_and_statements_are_spoken_as_such():
    last = {u.words[-1].spoken[-1] for seed in range(10) for u in talk(seed)}
    assert {".", "?"} <= last


def test_sample_text():
    lines = sample_text(4, 300)
    assert len(lines) == 300 and lines == sample_text(4, 300) != sample_text(5, 300)
    assert len(set(lines)) > 150
    assert not re.search(r"[\[\]()_]", " ".join(lines))


# -- transcripts -------------------------------------------------------------------------------------------------------


def heard(side: str, start_s: float, texts: str) -> Heard:
    """An utterance whose words, 0.3 s each, follow at once; words in brackets are markers."""
    tokens = tuple(Token(t, "" if MARKERS.fullmatch(t) else t) for t in texts.split())
    starts = tuple(start_s + 0.3 * i for i in range(sum(bool(t.spoken) for t in tokens)))
    return Heard(Utterance(side, "turn", tokens), starts, tuple(s + 0.3 for s in starts))


@pytest.mark.parametrize(
    ("limit_s", "left"),
    [
        (9.0, "(( one [noise] two three )) [laughter]"),
        (1.89, "(( one [noise] two ))"),
        (1.59, "(( one ))"),
        (1.2, None),
    ],
)
def test_a_recording_ends_between_words(limit_s, left):
    cut = cut_at(heard("a", 1.0, "(( one [noise] two three )) [laughter]"), limit_s)
    assert (" ".join(t.text for t in cut.utterance.tokens) if cut else None) == left
    assert cut is None or len(cut.starts_s) == len(cut.ends_s) == len(cut.utterance.words)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3), st.integers(1, 5)), max_size=12), st.integers(0, 99))
def test_lines_of_a_side_never_overlap_and_stay_inside(gaps, seed):
    free, said = {"a": 0.0, "b": 0.0}, []
    for side, gap_s, words in gaps:
        said.append(heard(side, free[side] + gap_s, "word " * words))
        free[side] = said[-1].ends_s[-1]
    seconds = max(free.values()) + 0.0449
    rows = transcript_rows(said, seconds, Random(seed))
    assert sorted(id(r.heard) for r in rows if r.heard) == sorted(map(id, said))
    for side in "ab":
        mine = sorted((r for r in rows if r.side == side), key=lambda r: r.start_s)
        assert all(0 <= r.start_s < r.end_s <= seconds for r in mine)
        assert all(x.end_s <= y.start_s for x, y in pairwise(mine))
    for row in rows:
        if h := row.heard:
            assert row.start_s - CUT_S[1] - 0.01 <= h.starts_s[0] and h.ends_s[-1] <= row.end_s + CUT_S[1] + 0.01
