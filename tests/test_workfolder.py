"""Work folders: refusals, atomic writes, one writer at a time."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fisherprep.schema import REJECTS, SCHEMA_VERSION, TABLES
from fisherprep.workfolder import WorkFolder, check_id, fingerprint, shard_of


@pytest.fixture
def work(tmp_path):
    return WorkFolder.create(tmp_path / "work", "fisher", [])


@pytest.mark.parametrize("bad", ["", "../x", "a/b", "a\\b", ".hidden", "-flag", "a b", "a\n", "x" * 129, "é"])
def test_ids_that_could_leave_the_folder_are_refused(bad):
    with pytest.raises(ValueError, match="cannot be used"):
        check_id(bad)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", fullmatch=True))
def test_a_shard_is_a_safe_name_and_a_function_of_the_id(call_id):
    assert check_id(shard_of(call_id)) == shard_of(call_id)


def test_ten_neighbouring_calls_share_a_shard():
    assert {shard_of(f"fe_03_0585{i}") for i in range(10)} == {"fe_03_0585"}


def test_a_fingerprint_ignores_the_order_of_keys_only():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1, "b": [1, 2]}) != fingerprint({"a": 1, "b": [2, 1]})


def test_a_folder_of_another_schema_version_is_refused(work):
    meta = json.loads((work.path / "work.json").read_text())
    meta["schema_version"] = SCHEMA_VERSION + 1
    (work.path / "work.json").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match=f"schema version {SCHEMA_VERSION + 1}.*reads version {SCHEMA_VERSION}"):
        WorkFolder.open(work.path)


def test_a_missing_folder_says_how_to_make_one(tmp_path):
    with pytest.raises(ValueError, match="fisherprep ingest"):
        WorkFolder.open(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1}', "\x00"])
def test_a_damaged_description_is_refused(work, text):
    (work.path / "work.json").write_text(text)
    with pytest.raises(ValueError, match=r"work\.json"):
        WorkFolder.open(work.path)


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match="not a work folder"):
        WorkFolder.create(tmp_path, "fisher", [])
    assert [p.name for p in tmp_path.iterdir()] == ["photo.jpg"]


def test_another_dataset_is_not_overwritten(work):
    with pytest.raises(ValueError, match="holds the dataset 'fisher'"):
        WorkFolder.create(work.path, "coffee", [])


def test_a_write_that_fails_leaves_the_old_file(work):
    work.write_text("note.txt", "old")

    def fail(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        work.write_bytes_with("note.txt", fail)
    assert (work.path / "note.txt").read_text() == "old"


def test_a_full_disk_is_told_with_the_files_name_and_keeps_nothing_of_it(work, full_disk):
    with full_disk(8192), pytest.raises(OSError, match=r"File too large: '.*/audio/a\.wav'"):
        work.write_bytes("audio/a.wav", bytes(10_000))
    assert not list((work.path / "audio").iterdir()) and not list((work.path / ".tmp").iterdir())


def test_a_second_writer_is_refused_while_the_first_holds_the_folder(work):
    code = (
        "import sys; from pathlib import Path; from fisherprep.workfolder import WorkFolder\n"
        "with WorkFolder.open(Path(sys.argv[1])).lock('align'): pass"
    )
    with work.lock("ingest"):
        second = subprocess.run([sys.executable, "-c", code, str(work.path)], capture_output=True, text=True)
    assert second.returncode != 0 and "another fisherprep command is writing here" in second.stderr
    third = subprocess.run([sys.executable, "-c", code, str(work.path)], capture_output=True, text=True)
    assert third.returncode == 0


def test_a_running_command_keeps_its_roots(work):
    code = (
        "import sys; from pathlib import Path; from fisherprep.workfolder import WorkFolder\n"
        "WorkFolder.create(Path(sys.argv[1]), 'fisher', ['/elsewhere'])"
    )
    with work.lock("align"):
        second = subprocess.run([sys.executable, "-c", code, str(work.path)], capture_output=True, text=True)
    assert second.returncode != 0 and WorkFolder.open(work.path).meta["roots"] == []


def test_a_table_with_other_columns_is_refused(work):
    (work.path / "turns").mkdir()
    pq.write_table(pa.table({"call_id": ["x"]}), work.path / "turns" / "x.parquet")
    with pytest.raises(ValueError, match="columns are not those of the turns table"):
        work.read("turns")


def test_a_table_file_that_is_no_parquet_is_refused(work):
    (work.path / "turns").mkdir()
    (work.path / "turns" / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="cannot be read as a turns table"):
        work.read("turns")


def test_a_damaged_page_is_refused_by_whoever_reads_it(work):
    row = dict.fromkeys(("stage", "reason", "place", "found", "expected", "fix"), "some text, long enough to be hit")
    work.write_table("rejects/x.parquet", REJECTS.from_rows([row]))
    file = work.path / "rejects" / "x.parquet"
    content = bytearray(file.read_bytes())
    content[content.index(b"long enough")] ^= 1  # zstd keeps what it cannot shorten as it is
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be read as a rejects table .*CRC.*delete it"):
        work.read("rejects")


def test_rows_must_hold_exactly_the_declared_columns():
    with pytest.raises(ValueError, match="place"):
        REJECTS.from_rows([{"stage": "x"}])


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_is_documented(table):
    assert all(column.doc for column in table.columns)
    assert table.schema.metadata[b"fisherprep.version"] == str(SCHEMA_VERSION).encode()


WRITTEN = {"sha256": "0", "bytes": 1, "rows": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": 1, "outputs": [], "counters": None},
        {"fingerprint": 1},
        {"outputs": []},
        {"outputs": {"words/x.parquet": 3}},
        {"outputs": {"words/x.parquet": {"bytes": 1}}},
        {"outputs": {"words/x.parquet": WRITTEN | {"bytes": "1"}}},
        {"outputs": {"words/x.parquet": WRITTEN | {"rows": None}}},
        {"counters": None},
        {"counters": {"words": "many"}},
        {"more": 1},
    ],
)
def test_a_completion_record_of_other_types_counts_as_missing(work, changes):
    sound = {"fingerprint": "f", "outputs": {"words/x.parquet": WRITTEN}, "counters": {"words": 1, "hours": 0.5}}
    for shard, values in (("x", sound), ("y", sound | changes)):
        work.write_text(f".done/align/{shard}.json", json.dumps(values))
    for shard, text in (("z", "[]"), ("zz", "3"), ("zzz", "{")):
        work.write_text(f".done/align/{shard}.json", text)
    assert list(work.done("align")) == ["x"]
