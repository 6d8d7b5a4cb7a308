"""The codes table as a dataset: row groups, windows, the card, and what ``datasets`` makes of both folders."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from dataset_calls import change_rows, codes_row, encoded_work, voice_row, write_stage

from fisherprep.dataset.card import write_card
from fisherprep.dataset.facts import facts_of
from fisherprep.dataset.windows import COLUMNS, CallWindows, ShardWindows, window
from fisherprep.manifest import load_manifest
from fisherprep.schema import CODES, SCHEMA_VERSION, VOICES
from fisherprep.workfolder import WorkFolder


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    work = encoded_work(tmp_path_factory.mktemp("published"))
    write_card(work)
    return work


def shard(work):
    return work.files("codes")[0]


def test_a_row_group_holds_one_call_with_statistics(work):
    file = pq.ParquetFile(shard(work))
    assert file.metadata.num_rows == file.metadata.num_row_groups == 4
    assert file.schema_arrow.metadata[b"fisherprep.version"] == str(SCHEMA_VERSION).encode()
    chunks = [file.metadata.row_group(1).column(i) for i in range(file.metadata.num_columns)]
    codes = next(chunk for chunk in chunks if chunk.path_in_schema.startswith("codes_a"))
    assert codes.compression == "ZSTD"
    expected = np.array(file.read_row_group(1)["codes_a"].to_pylist())
    assert (codes.statistics.min, codes.statistics.max) == (expected.min(), expected.max())


def expected_window(row, side, start, frames):
    other = "b" if side == "a" else "a"
    rows = [[row[f"text_{side}"]], row[f"codes_{side}"], row[f"codes_{other}"]]
    return np.concatenate([np.array(part) for part in rows])[:, start : start + frames]


@pytest.mark.parametrize(("number", "side", "start", "frames"), [(0, "a", 0, 5), (2, "b", 37, 64), (3, "a", 100, 999)])
def test_windows_are_those_of_the_whole_row(work, number, side, start, frames):
    table = CODES.from_rows(rows := work.read("codes").to_pylist())
    expected = expected_window(rows[number], side, start, frames)
    for found in (
        window(table, number, side, start, frames),
        ShardWindows(shard(work)).window(number, side, start, frames),
    ):
        assert found.dtype == np.int16
        np.testing.assert_array_equal(found, expected)


def test_windows_of_files_with_several_rows_to_a_group(work, tmp_path):
    rows = work.read("codes").to_pylist()
    pq.write_table(CODES.from_rows(rows), tmp_path / "x.parquet", row_group_size=3)
    windows = ShardWindows(tmp_path / "x.parquet")
    for number, row in enumerate(rows):
        np.testing.assert_array_equal(windows.window(number, "b", 3, 50), expected_window(row, "b", 3, 50))


def test_a_window_that_is_not_there_is_an_error(work, tmp_path):
    windows = ShardWindows(shard(work))
    for row, side, start, frames in [
        (4, "a", 0, 1),
        (-1, "a", 0, 1),
        (0, "c", 0, 1),
        (0, "a", 10**6, 1),
        (0, "a", 0, 0),
    ]:
        with pytest.raises(ValueError, match=r"row|side|frames"):
            windows.window(row, side, start, frames)
    with pytest.raises(ValueError, match="codes table"):
        ShardWindows(work.files("words")[0])
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(ValueError, match="cannot be read"):
        ShardWindows(tmp_path / "x.parquet")
    uneven = codes_row("x", 20)
    uneven["codes_b"][3] = uneven["codes_b"][3][:10]
    with pytest.raises(ValueError, match="fewer frames"):
        window(CODES.from_rows([uneven]), 0, "a", 5, 10)


def load(folder, *args, cache, **kwargs):
    import datasets

    return datasets.load_dataset(str(folder), *args, cache_dir=str(cache), **kwargs)


@pytest.mark.parametrize("folder", ["", "codes"])
def test_datasets_opens_the_work_folder_and_the_codes_folder(work, tmp_path, folder):
    rows = {row["call_id"]: row for row in work.read("codes").to_pylist()}
    loaded = load(work.path / folder, cache=tmp_path)
    assert list(loaded) == ["train"] and loaded["train"].num_rows == len(rows)
    streamed = list(load(work.path / folder, streaming=True, cache=tmp_path)["train"])
    assert streamed == list(loaded["train"]) == list(rows.values())
    for split, their_name in (("train", "train"), ("valid", "validation"), ("test", "test")):
        chosen = load(work.path / folder, split, cache=tmp_path)
        assert list(chosen) == [their_name]
        assert {row["split"] for row in chosen[their_name]} == {split}
    live = load(work.path / folder, "valid", streaming=True, cache=tmp_path)["validation"]
    assert [row["call_id"] for row in live] == ["call_001"]


def test_the_cards_line_gives_codes_in_their_own_type(tmp_path):
    work = encoded_work(tmp_path, 1)
    write_card(work)
    line = next(line for line in (work.path / "README.md").read_text().splitlines() if line.startswith("arrays = "))
    arrays = eval(line.removeprefix("arrays = "), {"calls": load(work.path, cache=tmp_path / "cache")["train"]})
    codes = arrays[0]["codes_a"]
    assert codes.dtype == np.int16 and codes.tolist() == work.read("codes")["codes_a"][0].as_py()


def test_a_damaged_call_gives_no_window(tmp_path):
    file = shard(encoded_work(tmp_path, 1))
    content = bytearray(file.read_bytes())
    column = next(i for i, name in enumerate(pq.ParquetFile(file).schema.names) if name == "element")
    content[pq.ParquetFile(file).metadata.row_group(0).column(column).data_page_offset + 200] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"CRC .*run `fisherprep encode` again"):
        ShardWindows(file).window(0, "a", 0, 5)


def test_datasets_opens_shards_without_rows_or_without_the_split(tmp_path):
    """First, in between and last; a work folder has such a shard where all its calls were rejected."""
    work = encoded_work(tmp_path, 2)
    rows = {"call_11": "valid", "call_13": "train", "call_14": "valid"}
    write_stage(work, "encode", {"codes": [], "voices": []}, shard="call_00")
    for shard in ("call_12", "call_15"):
        work.write_table(f"codes/{shard}.parquet", CODES.schema.empty_table(), row_group_size=1)
    for shard, split in rows.items():
        row = codes_row(f"{shard}0", 30, split=split)
        work.write_table(f"codes/{shard}.parquet", CODES.from_rows([row]), row_group_size=1)
    work.write_table("voices/call_13.parquet", VOICES.from_rows([voice_row("call_130", "a")]))
    write_card(work)
    assert len(ShardWindows(work.files("codes")[0])) == 0
    for streaming in (False, True):

        def ids(name, their_name, streaming=streaming):
            found = load(work.path, name, cache=tmp_path / "cache", streaming=streaming)[their_name]
            return [row["call_id"] for row in found]

        assert ids("codes", "train") == [f"{shard}0" for shard in rows]
        assert ids("valid", "validation") == ["call_110", "call_140"]
        assert ids("train", "train") == ids("voices", "train") == ["call_130"]


def test_without_voices_there_is_no_configuration_of_them(tmp_path):
    work = encoded_work(tmp_path, 1)
    assert "voices" in write_card(work)[0].read_text().split("---")[1]
    write_stage(work, "encode", {"codes": work.read("codes").to_pylist(), "voices": []})
    assert "voices" not in write_card(work)[0].read_text().split("---")[1]


def test_windows_of_what_datasets_gives(work, tmp_path):
    loaded = load(work.path, cache=tmp_path)["train"]
    voices = load(work.path, "voices", cache=tmp_path)["train"]
    assert np.array(voices[0]["codes"]).shape == (8, 20)
    for dataset in (loaded, loaded.shuffle(seed=3), loaded.select([2, 0]), loaded.with_format("numpy")):
        windows = CallWindows(dataset)
        assert len(windows) == len(dataset)
        for number, row in enumerate(dataset.with_format(None)):
            np.testing.assert_array_equal(windows.window(number, "a", 7, 40), expected_window(row, "a", 7, 40))
    with pytest.raises(ValueError, match="row 4"):
        CallWindows(loaded).window(4, "a", 0, 1)
    assert set(COLUMNS) < set(loaded.column_names)


def test_datasets_opens_it_without_a_network(work, tmp_path):
    code = f"from datasets import load_dataset; print(load_dataset({str(work.path)!r}, split='train').num_rows)"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert run.stdout.split()[-1:] == ["4"], run.stderr


def head(work):
    return yaml.safe_load((work.path / "README.md").read_text().split("---\n")[1])


def test_the_card_tells_what_the_tables_hold(work):
    card = (work.path / "README.md").read_text()
    frames = sum(row["num_frames"] for row in work.read("codes").to_pylist())
    assert f"| all | 4 | {frames / 12.5 / 3600:.2f} |" in card
    assert "| voice prompts | 8 |" in card and "11" * 32 in card and facts_of(work).fingerprint in card
    assert "| labelled by (sides of calls) | topic 8 |" in card
    assert head(work)["license"] == "other" and head(work)["size_categories"] == ["n<1K"]
    assert not {"toy", "ldc"} & set(head(work)["tags"])


def test_cards_are_written_again_only_when_they_change(tmp_path):
    work = encoded_work(tmp_path)
    assert {file.parent.name for file in write_card(work)} == {"work", "codes"}
    before = (work.path / "README.md").read_bytes()
    assert write_card(work) == []
    change_rows(work, "personas", lambda row: {"tone": "a | <b>b</b>\n# `c`"})
    assert len(write_card(work)) == 2
    text = (work.path / "README.md").read_text()
    assert "a &#124; &#60;b&#62;b&#60;/b&#62; &#35; &#96;c&#96; 8 |" in text and text.encode() != before
    (work.path / "README.md").write_text("mine\n")
    assert [file.parent.name for file in write_card(work)] == []
    assert (work.path / "README.md").read_text() == "mine\n"


@pytest.mark.parametrize(
    "mark",
    [
        {"part": 1},
        {"transcriber": "bbn"},
        {"transcriber": "ldc"},
        {"audio_format": "sphere-ulaw"},
        {"audio_file": "audio/fe_03_00001.wav"},  # of an export that was ingested again
        {"transcript_file": "LDC2004T19-text/one.json"},
    ],
)
def test_the_card_of_ldc_data_says_so(tmp_path, mark):
    work = encoded_work(tmp_path, 1, toy=True, **mark)
    write_card(work)
    assert "Do not redistribute" in (work.path / "codes/README.md").read_text()
    assert head(work)["license_name"] == "ldc-user-agreement" and {"ldc", "toy"} <= set(head(work)["tags"])


def test_a_name_that_only_resembles_fishers_is_free(tmp_path):
    work = encoded_work(tmp_path, 1, audio_file="cafe_03_0001.wav", transcript_file="ldc/one.json")
    assert not facts_of(work).from_ldc


def test_calls_that_no_conversation_knows_may_be_the_ldcs(tmp_path):
    work = encoded_work(tmp_path, 1)
    assert not facts_of(work).from_ldc
    rows = work.read("codes").to_pylist()
    write_stage(work, "encode", {"codes": [*rows, codes_row("stray", 30, provenance="{")], "voices": []})
    assert facts_of(work).from_ldc and facts_of(work).toy
    write_stage(work, "encode", {"codes": rows, "voices": [voice_row("stray", "a")]})
    assert facts_of(work).from_ldc


def test_without_codes_there_is_no_card(tmp_path):
    work = WorkFolder.create(tmp_path / "w", "empty", [])
    with pytest.raises(ValueError, match="run `fisherprep encode"):
        write_card(work)


def test_a_manifest_that_redistributes_names_a_licence(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("name: x\ntables: x\nredistribute: true\n")
    with pytest.raises(ValueError, match=r"x.yaml:3: redistribute: .*license"):
        load_manifest(file)
    file.write_text("name: x\ntables: x\nlicense: cc-by-4.0\nredistribute: true\n")
    assert json.dumps(load_manifest(file).license) == '"cc-by-4.0"'
