"""What need not be encoded again is not, what must be is, and either way the tables are those of a run from scratch."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest
from codec_calls import build_work

from fisherprep.check import check_work
from fisherprep.codec import encode as stage
from fisherprep.codec import kept
from fisherprep.codec.call import Call, prepare_call
from fisherprep.codec.encode import encode
from fisherprep.codec.kept import kept_calls
from fisherprep.engine import InlineEngine
from fisherprep.schema import TABLES
from fisherprep.workfolder import DoneRecord, WorkFolder, fingerprint, sha256_file


@pytest.fixture(scope="module")
def done(tmp_path_factory, toy_checkpoint):
    work = build_work(tmp_path_factory.mktemp("reuse"), num_calls=4)
    encode(work, str(toy_checkpoint), "cpu", InlineEngine())
    return work


@pytest.fixture
def work(done, tmp_path):
    """A private copy, audio included."""
    shutil.copytree(done.path.parent, tmp_path / "copy")
    return WorkFolder.open(tmp_path / "copy" / "work")


@pytest.fixture
def encoded(monkeypatch):
    """Signals that were encoded, by call: the codec's own work is counted, nothing else."""
    counted: dict[str, int] = {}

    def count(call: Call, *rest, **more):
        prepared = prepare_call(call, *rest, **more)
        counted[call.row["call_id"]] = len(prepared.signals)
        return prepared

    monkeypatch.setattr(stage, "prepare_call", count)
    return counted


def change(work, table, edit):
    """Rows of a table changed by the stage that wrote them."""
    (file,) = work.files(table)
    rows = work.read(table).to_pylist()
    for row in rows:
        edit(row)
    (name,) = [s for s in ("ingest",) if (work.path / ".done" / s).is_dir()]
    (record,) = work.done(name).values()
    out = work.write_table(f"{table}/{file.name}", TABLES[table].from_rows(rows))
    outputs = record.outputs | {f"{table}/{file.name}": out}
    work.write_done(name, file.stem, DoneRecord(fingerprint([record.fingerprint, out]), outputs, record.counters))


def tables(work):
    return {name: work.read(name).to_pylist() for name in ("codes", "voices")}


def fresh(work, toy_checkpoint, **more):
    """The tables that a run without any past writes."""
    for name in ("codes", "voices", ".done/encode"):
        shutil.rmtree(work.path / name)
    encode(work, str(toy_checkpoint), "cpu", InlineEngine(), **more)
    return tables(work)


def test_other_prompts_encode_nothing_and_give_what_a_fresh_run_gives(work, toy_checkpoint, encoded):
    shutil.rmtree(work.path.parent / "audio")  # not even read
    change(work, "personas", lambda row: row.update(prompts=["another"]))
    summary = encode(work, str(toy_checkpoint), "cpu", InlineEngine())
    assert summary.ran == 1 and not encoded
    assert {row["prompts_a"][0] for row in work.read("codes").to_pylist()} == {"another"}
    assert not check_work(work).findings


def test_other_words_encode_only_the_voices_that_moved(work, toy_checkpoint, encoded):
    def later(row):
        if row["call_id"] == "call_002" and row["side"] == "a":
            row.update(start_s=row["start_s"] + 0.01, end_s=row["end_s"] + 0.01)

    change(work, "words", later)
    encode(work, str(toy_checkpoint), "cpu", InlineEngine())
    assert encoded == {"call_002": 1}
    found = tables(work)
    assert found == fresh(work, toy_checkpoint) and encoded["call_002"] == 4


def test_another_split_or_speaker_moves_into_the_kept_rows(work, toy_checkpoint, encoded):
    change(work, "conversations", lambda row: row.update(split="test", speaker_a="someone"))
    encode(work, str(toy_checkpoint), "cpu", InlineEngine())
    assert set(encoded.values()) == {0}
    found = tables(work)
    assert {voice["speaker"] for voice in found["voices"] if voice["side"] == "a"} == {"someone"}
    assert found == fresh(work, toy_checkpoint)


@pytest.mark.parametrize("more", [{"loudness": -20.0}, {"restore": "my_restore:double"}])
def test_whatever_changes_the_sound_or_the_way_of_encoding_encodes_anew(work, toy_checkpoint, encoded, more):
    encode(work, str(toy_checkpoint), "cpu", InlineEngine(), **more)
    assert all(count >= 3 for count in encoded.values()) and len(encoded) == 3
    assert tables(work) == fresh(work, toy_checkpoint, **more)


def test_every_part_of_the_way_of_encoding_is_in_the_hash():
    row = {"flags": [], "audio_sha256": "x"}
    config = dict.fromkeys(kept._CODEC, 1)
    keys = {kept.sound_key(Call(row, [], [], {}), config | {name: 2}) for name in kept._CODEC}
    keys |= {kept.sound_key(Call(row | {name: "y"}, [], [], {}), config) for name in kept._AUDIO}
    keys |= {kept.sound_key(Call(row | {"flags": [flag]}, [], [], {}), config) for flag in kept._MENDED}
    assert len(keys) == len(kept._CODEC) + len(kept._AUDIO) + len(kept._MENDED)
    assert "exact" in kept._CODEC and "truecase" not in kept._CODEC


def test_fewer_voices_encode_nothing(work, toy_checkpoint, encoded):
    encode(work, str(toy_checkpoint), "cpu", InlineEngine(), voices=0)
    assert set(encoded.values()) == {0} and not tables(work)["voices"]
    assert not check_work(work).findings


def test_the_checkpoints_name_does_not_matter_its_bytes_do(work, toy_checkpoint, tmp_path, encoded):
    shutil.copytree(toy_checkpoint, tmp_path / "elsewhere")
    assert encode(work, str(tmp_path / "elsewhere"), "cpu", InlineEngine()).ran == 0
    assert json.loads(tables(work)["codes"][0]["provenance"])["source"] == toy_checkpoint.name
    config = tmp_path / "elsewhere" / "mimi_config.json"
    config.write_text(config.read_text() + "\n")
    encode(work, str(tmp_path / "elsewhere"), "cpu", InlineEngine())
    assert len(encoded) == 3 and min(encoded.values()) >= 3


def test_only_tables_that_the_completion_record_names_are_believed(work, toy_checkpoint, encoded):
    """A codes table of one run beside a voices table of another is what a kill between the two leaves."""
    (record,) = work.done("encode").values()
    (voices,) = work.files("voices")
    shard = voices.stem
    assert set(kept_calls(work, shard, record.outputs)) == {"call_000", "call_002", "call_003"}
    rows = work.read("voices")
    pq.write_table(rows.slice(0, 1), voices)
    assert kept_calls(work, shard, record.outputs) == {}
    assert kept_calls(work, shard, {}) == {}
    other = {"sha256": sha256_file(voices), "bytes": voices.stat().st_size, "rows": 1}
    changed = record.outputs | {f"voices/{shard}.parquet": other}
    assert len(kept_calls(work, shard, changed)["call_002"][2].voices) == 0
    before = encode(work, str(toy_checkpoint), "cpu", InlineEngine())
    assert before.ran == 1 and len(encoded) == 3 and min(encoded.values()) >= 3
    assert work.read("voices").equals(rows)


def test_damaged_audio_is_told_when_it_is_needed(work, toy_checkpoint):
    shutil.rmtree(work.path.parent / "audio")
    change(work, "conversations", lambda row: row.update(loudness_lufs_a=-12.5))
    summary = encode(work, str(toy_checkpoint), "cpu", InlineEngine())
    assert summary.rejects == {"no_words": 1, "unreadable_audio": 3}
