"""Ingest: from a release on disk to conversations and turns, with nothing lost unsaid."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from fisher_builder import Call, calls, noise, reasons, run, sphere, write, write_release

from fisherprep.cli import main
from fisherprep.corpus.call import Options
from fisherprep.engine import InlineEngine, LocalEngine
from fisherprep.flags import FLAGS
from fisherprep.manifest import SplitRule
from fisherprep.schema import CONVERSATIONS, SPLITS
from fisherprep.workfolder import WorkFolder


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


def test_a_clean_release(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 5849, 5851))
    summary, tables = run(tmp_path / "work", root)
    assert not tables["rejects"] and not summary.rejects
    row = tables["conversations"][0]
    assert row["call_id"] == "fe_03_00001" and row["corpus"] == "fisher" and row["part"] == 1
    assert (row["audio_format"], row["sample_rate_hz"], row["num_samples"]) == ("sphere-ulaw", 8000, 16000)
    assert row["duration_s"] == 2.0 and row["transcriber"] == "ldc" and row["date_time"] == "2003-01-05T14:30:01"
    assert (row["topic_id"], row["topic_title"]) == ("ENG01", "Garden Tools.") and "<<$5.15" in row["topic_text"]
    assert (row["pin_a"], row["speaker_a"], row["sex_a"], row["pin_sex_a"], row["age_a"]) == (
        "2001",
        "2001",
        "f",
        "f",
        54,
    )
    assert row["flags"] == [] and row["role_prompt"] is row["agent_side"] is None
    work = WorkFolder.open(tmp_path / "work")
    assert work.audio_path(row).read_bytes() == calls(1)[0].audio_bytes()
    assert [r["part"] for r in tables["conversations"]] == [1, 1, 2]
    first = [t for t in tables["turns"] if t["call_id"] == "fe_03_00001"]
    assert [(t["turn"], t["side"], t["start_s"], t["end_s"]) for t in first] == [(0, "a", 0.1, 0.6), (1, "b", 0.5, 1.2)]
    assert first[1]["text"] == "hi (( how are ))" and first[1]["words"] == ["hi", "how", "are"]
    assert first[1]["flags"] == ["uncertain"]
    assert summary.counters["audio_s"] == 6.0 and summary.counters["calls: part 1"] == 2
    assert summary.counters["turns"] == 6 and summary.counters["words"] == 15
    assert summary.counters["calls: transcriber ldc"] == 3 and summary.counters["flag: uncertain"] == 3


def test_every_defect_is_named_and_none_hurts_the_others(tmp_path: Path) -> None:
    damaged = calls(*range(1, 16))
    good = damaged[0].audio_bytes()
    damaged[1].audio = good[:9000]
    damaged[2].audio = b""
    damaged[3].audio = sphere(noise(4), sample_count=20000)
    damaged[4].audio = sphere(noise(5, channels=1))
    damaged[5].audio = sphere(noise(6), sample_rate=16000)
    damaged[6].transcript = b"# fe_03_00001.sph\n0.1 0.5 A: of another call\n"
    damaged[7].transcript = b""
    damaged[8].lines = ["0.10 0.60 A: fine", "no times here", "90.00 91.00 B: past the end"]
    damaged[9].transcript = "# caf\u00e9\n0.10 0.60 A: caf\u00e9 [mn]\n".encode("cp1252")
    damaged[10].topic, damaged[10].pins = "", ("", "4011")
    damaged[11].lines = ["0.60 0.10 A: turned round"]
    damaged[12].topic = "ENG77"
    root = write_release(tmp_path / "ldc", damaged)
    (root / "fisher_eng_tr_sp_d1/audio/000/fe_03_00014.sph").unlink()
    (root / "fe_03_p1_tran/data/trans/000/fe_03_00015.txt").unlink()
    summary, tables = run(tmp_path / "work", root)
    assert sorted(reasons(tables)) == [
        ("fe_03_00002", "truncated_audio"), ("fe_03_00003", "empty_audio"), ("fe_03_00004", "truncated_audio"),
        ("fe_03_00005", "wrong_channels"), ("fe_03_00006", "wrong_rate"), ("fe_03_00007", "wrong_transcript"),
        ("fe_03_00008", "no_turns"), ("fe_03_00009", "bad_line"), ("fe_03_00009", "outside_audio"),
        ("fe_03_00013", "odd_value"), ("fe_03_00014", "missing_audio"), ("fe_03_00015", "missing_transcript"),
    ]  # fmt: skip
    assert summary.rejects == Counter(reason for _, reason in reasons(tables))
    usable = {1, 9, 10, 11, 12, 13}
    assert [r["call_id"] for r in tables["conversations"]] == [f"fe_03_{n:05d}" for n in sorted(usable)]
    assert {t["call_id"] for t in tables["turns"]} == {r["call_id"] for r in tables["conversations"]}
    by_call = {r["call_id"]: r for r in tables["conversations"]}
    eleven = by_call["fe_03_00011"]
    assert eleven["flags"] == ["no_topic"] and eleven["speaker_a"] == "fe_03_00011_a" and eleven["pin_a"] is None
    place = next(r["place"] for r in tables["rejects"] if r["reason"] == "bad_line")
    assert place == "fe_03_p1_tran/data/trans/000/fe_03_00009.txt:6"
    assert all(r["stage"] == "ingest" and r["found"] and r["expected"] and r["fix"] for r in tables["rejects"])
    flags = {flag for name in ("conversations", "turns") for row in tables[name] for flag in row["flags"]}
    assert flags <= FLAGS.keys() and {"uncertain", "mended_times", "no_topic"} <= flags


def test_missing_and_partial_tables(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2))
    doc = root / "fe_03_p1_tran/doc"
    (doc / "fe_03_pindata.tbl").unlink()
    table = doc / "fe_03_p1_calldata.tbl"
    table.write_text(table.read_text().replace("00002,", "00003,") + "spoilt line\n")
    tables = run(tmp_path / "work", root)[1]
    assert sorted(r for _, r in reasons(tables)) == ["bad_row", "missing_table", "not_on_disk"]
    one, two = tables["conversations"]
    assert one["flags"] == [] and one["pin_sex_a"] is None
    assert two["flags"] == ["no_topic", "not_in_calldata"]
    assert (two["sex_a"], two["speaker_b"]) == ("f", "fe_03_00002_b")  # the file list still gives the sex


def test_a_pin_of_two_sexes_is_flagged(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2))
    table = root / "fe_03_p1_tran/doc/fe_03_pindata.tbl"
    table.write_text(table.read_text().replace("2001,F", "2001,M"))
    tables = run(tmp_path / "work", root)[1]
    assert [r["flags"] for r in tables["conversations"]] == [["pin_sex_conflict"], []]


def test_tables_that_disagree_are_noted_and_a_copy_is_read_once(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2))
    table = root / "fe_03_p1_tran/doc/fe_03_pindata.tbl"
    table.write_text(table.read_text().replace("2001,F,54,16,English,WA,1,", "2001,F,54,16,English,WA,1,00002_A/f.a"))
    table.write_text(table.read_text() + "spoilt\n")
    write(root / "again" / table.name, table.read_bytes())
    tables = run(tmp_path / "work", root)[1]
    assert sorted(reasons(tables), key=str) == [("fe_03_00002", "table_conflict"), (None, "bad_row")]
    assert [r["pin_a"] for r in tables["conversations"]] == ["2001", "2002"]


def test_side_data_names_the_speakers_of_a_call_that_calldata_lacks(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2))
    doc = root / "fe_03_p1_tran/doc"
    pins = doc / "fe_03_pindata.tbl"
    pins.write_text(pins.read_text().replace("4002,M,54,16,English,WA,1,", "4002,M,54,16,English,WA,1,00002_B/m.o"))
    table = doc / "fe_03_p1_calldata.tbl"
    table.write_text("".join(line for line in table.open() if not line.startswith("00002")))
    row = run(tmp_path / "work", root)[1]["conversations"][1]
    assert (row["speaker_a"], row["speaker_b"], row["dialect_b"]) == ("fe_03_00002_a", "4002", "o")
    assert row["age_b"] == 54 and "not_in_calldata" in row["flags"]


def test_the_file_list_says_who_transcribed_when_the_transcript_does_not(tmp_path: Path) -> None:
    release = calls(1)
    release[0].transcriber = "# nobody"
    release[0].lines = ["0.10 0.60 A: (( all ))"]
    root = write_release(tmp_path / "ldc", release)
    listed = root / "fe_03_p1_tran/doc/fe_03_p1_filelist.tbl"
    listed.write_text(listed.read_text().replace("LDC", "BBN"))
    tables = run(tmp_path / "work", root)[1]
    assert tables["conversations"][0]["transcriber"] == "bbn" and tables["turns"][0]["flags"] == ["rejected"]


def test_splits_share_no_speaker(tmp_path: Path) -> None:
    # every caller calls again, so that all hang together and some calls must be left out
    release = [Call(n, pins=(str(1000 + n), str(1001 + n))) for n in range(1, 31)]
    root = write_release(tmp_path / "ldc", release)
    tables = run(tmp_path / "work", root, split=SplitRule(valid=0.1, test=0.1))[1]
    held: dict[str, set[str]] = {name: set() for name in SPLITS}
    for row in tables["conversations"]:
        held[row["split"]] |= {row["speaker_a"], row["speaker_b"]}
    assert held["train"] and held["valid"] and held["test"]
    assert not held["train"] & held["valid"] and not held["train"] & held["test"] and not held["valid"] & held["test"]
    excluded = {r["call_id"] for r in tables["conversations"] if r["split"] == "excluded"}
    assert excluded
    assert excluded == {r["call_id"] for r in tables["conversations"] if "shares_heldout_speaker" in r["flags"]}


def test_a_split_by_anything_but_speaker_is_refused(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    with pytest.raises(ValueError, match="split by 'speaker'"):
        run(tmp_path / "work", root, split=SplitRule(by="script"))


def test_again_does_nothing_and_a_changed_file_redoes_its_shard(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 2, 11, 21))
    out = tmp_path / "work"
    assert run(out, root)[0].ran == 3
    before = files_below(out)
    summary = run(out, root)[0]
    assert (summary.ran, summary.shards) == (0, 3) and summary.counters["calls"] == 4
    assert files_below(out) == before
    write(root / "fe_03_p1_tran/data/trans/000/fe_03_00011.txt", b"0.10 0.50 A: changed\n")
    summary, tables = run(out, root)
    assert summary.ran == 1
    changed = {name for name, content in files_below(out).items() if content != before[name]}
    assert changed == {"turns/fe_03_0001.parquet"}
    assert ["changed"] in [t["words"] for t in tables["turns"]]


def test_a_touched_file_gives_the_same_bytes(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    out = tmp_path / "work"
    run(out, root)
    before = files_below(out)
    os.utime(root / "fisher_eng_tr_sp_d1/audio/000/fe_03_00001.sph", (1, 1))
    assert run(out, root)[0].ran == 1
    assert files_below(out) == before


def test_a_removed_call_leaves_the_tables_and_mended_notes_leave_the_rejects(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1, 11))
    stray = write(root / "fe_03_00001_old.sph", b"x")
    out = tmp_path / "work"
    assert reasons(run(out, root)[1]) == [(None, "unrecognised_file")]
    stray.unlink()
    (root / "fisher_eng_tr_sp_d1/audio/000/fe_03_00011.sph").unlink()
    (root / "fe_03_p1_tran/data/trans/000/fe_03_00011.txt").unlink()
    table = root / "fe_03_p1_tran/doc/fe_03_p1_calldata.tbl"
    table.write_text("".join(line for line in table.open() if not line.startswith("00011")))
    summary, tables = run(out, root)
    assert (summary.removed, tables["rejects"]) == (1, [])
    assert [r["call_id"] for r in tables["conversations"]] == ["fe_03_00001"]


def test_a_shard_whose_record_is_lost_is_done_again_to_the_same_bytes(tmp_path: Path) -> None:
    """A kill between tables and completion record leaves exactly this."""
    root = write_release(tmp_path / "ldc", calls(1, 11))
    out = tmp_path / "work"
    run(out, root)
    before = files_below(out)
    (out / ".done/ingest/fe_03_0001.json").unlink()
    (out / "turns/fe_03_0000.parquet").unlink()
    assert run(out, root)[0].ran == 2
    assert files_below(out) == before


def test_two_workers_give_the_bytes_of_one(tmp_path: Path) -> None:
    release = calls(1, 2, 11, 21, 5851)
    release[2].lines.append("spoilt")
    root = write_release(tmp_path / "ldc", release)
    one = run(tmp_path / "one", root, options=Options())[0]
    two = run(tmp_path / "two", root, engine=LocalEngine(2), options=Options())[0]
    assert files_below(tmp_path / "one") == files_below(tmp_path / "two")
    assert one == two


def test_tables_do_not_depend_on_where_the_release_lies(tmp_path: Path) -> None:
    release = calls(1, 2)
    release[1].audio = b"junk"
    for place in ("here", "elsewhere"):
        run(tmp_path / f"work {place}", write_release(tmp_path / place / "ldc", release))
    assert files_below(tmp_path / "work here") == files_below(tmp_path / "work elsewhere")
    roots = json.loads((tmp_path / "work here" / "work.json").read_text())["roots"]
    assert roots == [str((tmp_path / "here/ldc").resolve())]


def test_every_column_is_declared_and_filled(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    row = run(tmp_path / "work", root)[1]["conversations"][0]
    needed = {c.name for c in CONVERSATIONS.columns if not c.nullable}
    assert needed <= {name for name, value in row.items() if value is not None}


def test_the_demo_release_gives_the_words_that_were_spoken(tmp_path: Path) -> None:
    """Against the synthesiser's own record, which ingest never sees: every word of every side, in order."""
    pytest.importorskip("espeakng_loader")
    from fisherprep.demo.release import write_release as write_demo_release

    made = write_demo_release(tmp_path / "ldc", 3, 10.0, 4, InlineEngine())
    summary, tables = run(tmp_path / "work", tmp_path / "ldc")
    assert not tables["rejects"] and summary.counters["calls"] == 3
    assert {r["audio_format"] for r in tables["conversations"]} <= {"sphere-ulaw-shorten", "sphere-ulaw"}
    assert summary.counters["audio_s"] == pytest.approx(30.0)
    spoken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in pq.read_table(made.gold, partitioning=None).to_pylist():
        spoken[row["call_id"], row["side"]].append(row["word"])
    written: dict[tuple[str, str], list[str]] = defaultdict(list)
    for turn in tables["turns"]:
        written[turn["call_id"], turn["side"]] += turn["words"]
    assert spoken and written == spoken


def test_a_call_cut_after_the_middle_is_flagged(tmp_path: Path) -> None:
    lines = ["0.10 0.60 A: hello there", "2.50 2.90 B: hi", "3.50 3.90 A: how are you"]
    root = write_release(tmp_path / "ldc", [Call(1, lines=lines), Call(2, lines=lines[:2])])
    tables = run(tmp_path / "work", root)[1]
    flags = [row["flags"] for row in tables["conversations"]]
    assert "audio_ends_early" in flags[0] and "audio_ends_early" not in flags[1]  # one line may be a slip of the pen
    assert Counter(reasons(tables))["fe_03_00001", "outside_audio"] == 2


def test_utf16_is_read_without_its_mark(tmp_path: Path) -> None:
    text = Call(1).transcript_bytes().decode()
    for number, encoding in enumerate(("utf-16-le", "utf-16-be")):
        root = write_release(tmp_path / encoding, [Call(1, transcript=text.encode(encoding))])
        tables = run(tmp_path / f"work{number}", root)[1]
        assert len(tables["turns"]) == 2 and not tables["rejects"]


def test_an_empty_table_is_noted(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    (root / "fe_03_p1_tran/doc/fe_03_p1_calldata.tbl").write_bytes(b"\n\n")
    assert (None, "empty_table") in reasons(run(tmp_path / "work", root)[1])


@pytest.mark.parametrize("flag", [["--manifests", "no/such/folder"], ["--name", "../up"], ["--name", ""]])
def test_odd_names_are_usage_errors(tmp_path: Path, flag: list[str]) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    done = CliRunner().invoke(main, ["ingest", str(root), "--data-root", str(tmp_path / "data"), *flag])
    assert done.exit_code == 2 and flag[0] in done.output and not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    root = write_release(tmp_path / "ldc", calls(1))
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["ingest", str(root), "--out", str(tmp_path / "file" / "x")])
    assert done.exit_code == 1 and "--out" in done.output and "cannot be made" in done.output
