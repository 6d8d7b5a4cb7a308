"""``fisherprep check``: silent on sound tables, loud on every kind of damage."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from fisherprep.check import check_work
from fisherprep.cli import main
from fisherprep.schema import MASKED, SIDES, TABLES, TEXT_EPAD, TEXT_PAD
from fisherprep.workfolder import DoneRecord, WorkFolder, sha256_file


@pytest.fixture
def work(demo_fisher, tmp_path):
    """A private copy of a whole work folder."""
    shutil.copytree(demo_fisher, tmp_path / "fisher")
    return WorkFolder.open(tmp_path / "fisher")


def edit(work, table, change, consistent=True):
    """Change the first row of a table for which ``change(row)`` returns True, and re-record the file's hash."""
    for file in work.files(table):
        rows = work.read(table, file.stem).to_pylist()
        if any(change(row) for row in rows):
            break
    else:
        raise AssertionError(f"no row of {table} could be damaged")
    write(work, table, file.stem, TABLES[table].from_rows(rows), consistent)


def write(work, table, shard, rows: pa.Table, consistent=True):
    file = work.path / table / f"{shard}.parquet"
    pq.write_table(rows, file)
    for stage in [p.name for p in (work.path / ".done").iterdir()] if consistent else ():
        for name, record in work.done(stage).items():
            if f"{table}/{shard}.parquet" in record.outputs:
                outputs = dict(record.outputs)
                outputs[f"{table}/{shard}.parquet"] = {
                    "sha256": sha256_file(file), "bytes": file.stat().st_size, "rows": rows.num_rows
                }  # fmt: skip
                work.write_done(stage, name, DoneRecord(record.fingerprint, outputs, record.counters))


def findings(work):
    return "\n".join(check_work(work).findings)


def test_sound_tables_pass(work):
    report = check_work(work)
    assert report.findings == [] and report.rows["codes"] > 0 and len(report.checks) >= 10


def test_the_command_says_so(work):
    good = CliRunner().invoke(main, ["check", str(work.path)])
    assert good.exit_code == 0 and "checks hold" in good.output
    edit(work, "turns", lambda row: not row.update(end_s=1e6))
    bad = CliRunner().invoke(main, ["check", str(work.path)])
    assert bad.exit_code == 1 and "times are inside the audio" in bad.output.replace("_", " ")


def shorten_text(row):
    row["text_a"] = row["text_a"][:-1]
    return True


def stray_epad(row):
    row["text_b"][-1] = TEXT_EPAD
    return True


def forget_the_text(row):
    row["text_a"] = [TEXT_PAD] * row["num_frames"]
    return True


def forget_a_word(row):
    at = next(i for i, token in enumerate(row["text_b"]) if token > TEXT_PAD)
    end = next(i for i in range(at, row["num_frames"]) if row["text_b"][i] <= TEXT_PAD)
    row["text_b"][at - 1 : end] = [TEXT_PAD] * (end - at + 1)
    row["text_b"][-(end - at) :] = [7] * (end - at)
    return True


def mask_silence(row):
    row["text_a"] = [MASKED if token == TEXT_PAD else token for token in row["text_a"]]
    return True


def negative_code(row):
    row["codes_a"][3][0] = -1
    return True


def code_5000(row):
    row["codes_b"][7][0] = 5000
    return True


def drop_a_frame(row):
    row["codes_b"] = [codebook[1:] for codebook in row["codes_b"]]
    return True


DAMAGE = {
    "a text row that is too short": ("codes", shorten_text, "expected 8 of"),
    "codebooks that are too short": ("codes", drop_a_frame, "expected 8 of"),
    "EPAD that no word follows": ("codes", stray_epad, "EPAD at frame"),
    "a code that no codebook has": ("codes", code_5000, "a code above 2047"),
    "a text row without its words": ("codes", forget_the_text, "0 text tokens for"),
    "a word that is not on its frame": ("codes", forget_a_word, "no text token for the word at"),
    "masks where nothing is unknown": ("codes", mask_silence, "is masked outside of unknown speech"),
    "unknown speech that is not masked": (
        "alignments",
        lambda r: not r.update(unknown=[{"start_s": 0.0, "end_s": 11.0, "why": "untranscribed"}]),
        "is PAD inside unknown speech",
    ),
    "other prompts": ("codes", lambda r: not r.update(prompts_a=["x"]), "differ from personas"),
    "a code below zero": ("codes", negative_code, "a code below 0"),
    "a number of frames that the audio does not make": ("codes", lambda r: not r.update(num_frames=3), "num_frames 3"),
    "a split that differs": ("codes", lambda r: not r.update(split="excluded"), "split or speakers differ"),
    "voices that are not numbered from 0": ("voices", lambda r: not r.update(index=5), "expected number 0"),
    "a voice that is not its span's": ("voices", lambda r: not r.update(end_s=r["end_s"] - 0.5), "but the span makes"),
    "a voice of nobody in the call": ("voices", lambda r: not r.update(speaker="x"), "speaker x, but codes says"),
    "a turn past the audio": ("turns", lambda r: not r.update(end_s=1e6), "times_are_inside_the_audio"),
    "a turn that ends before it starts": (
        "turns",
        lambda r: not r.update(end_s=r["start_s"] - 0.1),
        "times_are_inside",
    ),
    "a word before the audio": ("words", lambda r: not r.update(start_s=-0.5), "times_are_inside_the_audio"),
    "another word": ("words", lambda r: not r.update(word="zebra"), "differ from the turn's words"),
    "an unknown side": ("words", lambda r: not r.update(side="c"), "expected"),
    "an unknown flag": ("turns", lambda r: not r.update(flags=["odd"]), "not declared"),
    "an empty prompt": ("personas", lambda r: not r.update(prompts=["ok", " "]), "an empty prompt"),
    "a wrong duration": ("conversations", lambda r: not r.update(num_samples=5), "samples at"),
    "a call of another shard": ("conversations", lambda r: not r.update(call_id="fe_03_99999"), "belongs to shard"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(work, name):
    table, change, complaint = DAMAGE[name]
    edit(work, table, change)
    assert complaint in findings(work)


def test_a_lost_word_is_found(work):
    shard = work.files("words")[0].stem
    write(work, "words", shard, work.read("words", shard).slice(1))
    assert "differ from the turn's words" in findings(work)


def test_a_call_twice_is_found(work):
    shard = work.files("conversations")[0].stem
    rows = work.read("conversations", shard)
    write(work, "conversations", shard, pa.concat_tables([rows, rows.slice(0, 1)]))
    assert "appears more than once" in findings(work)


@pytest.mark.parametrize("table", ["words", "codes"])
def test_a_call_that_got_lost_is_found(work, table):
    shard = work.files(table)[0].stem
    write(work, table, shard, TABLES[table].schema.empty_table())
    assert "is missing, and no reject says why" in findings(work)


def test_codes_twice_are_found(work):
    shard = work.files("codes")[0].stem
    rows = work.read("codes", shard)
    write(work, "codes", shard, pa.concat_tables([rows, rows]))
    assert "codes: " in findings(work) and "appears more than once" in findings(work)


def test_a_speaker_in_two_splits_is_found(work):
    rows = [r for f in work.files("conversations") for r in work.read("conversations", f.stem).to_pylist()]
    test = next(r for r in rows if r["split"] == "test")

    def share_a_speaker(row):
        if row["split"] != "train":
            return False
        row["speaker_a"] = test["speaker_b"]
        return True

    edit(work, "conversations", share_a_speaker)
    assert "is in the splits" in findings(work)


@pytest.mark.parametrize("side", SIDES)
def test_a_missing_persona_is_found(work, side):
    shard = work.files("personas")[0].stem
    rows = [r for r in work.read("personas", shard).to_pylist() if r["side"] != side]
    write(work, "personas", shard, TABLES["personas"].from_rows(rows))
    assert "expected one row each" in findings(work)


def test_a_changed_file_is_found_by_its_hash(work):
    edit(work, "personas", lambda r: not r.update(topic="another"), consistent=False)
    assert "content differs from what stage label wrote" in findings(work)


def test_a_deleted_file_is_found(work):
    work.files("codes")[0].unlink()
    assert "missing, though stage encode recorded it" in findings(work)


def test_a_file_of_no_stage_is_found(work):
    first = work.files("words")[0]
    shutil.copy(first, first.with_name("copy.parquet"))
    assert "no stage recorded this file" in findings(work)


def test_a_file_that_is_no_parquet_is_a_finding_not_a_crash(work):
    work.files("turns")[0].write_bytes(b"no parquet")
    assert "cannot be read as a turns table" in findings(work)


def test_a_folder_without_rows_is_a_finding(tmp_path):
    assert "no rows at all" in findings(WorkFolder.create(tmp_path / "w", "fisher", []))


def test_a_damaged_completion_record_is_a_finding(work):
    record = next((work.path / ".done" / "ingest").glob("*.json"))
    record.write_text(json.dumps({"outputs": {}}))
    assert "no stage recorded this file" in findings(work)
