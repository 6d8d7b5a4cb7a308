"""Exports: their form, what their consumers' own code reads of them, and what runs, kills and options leave behind.

Consumers are other people's programs. Their tests run where an environment variable says where they are:
``MOSHI_FINETUNE`` and ``J_MOSHI`` name checkouts, ``LHOTSE_PYTHON`` an environment's Python (or lhotse is installed).
"""

import contextlib
import gzip
import hashlib
import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import sentencepiece
import soundfile
from click.testing import CliRunner
from codec_calls import WRITTEN, build_work, call_signal
from dataset_calls import change_rows, encoded_work, write_stage

from fisherprep import schema
from fisherprep.cli import main
from fisherprep.engine import InlineEngine
from fisherprep.export import DEFAULT_SPLITS, FORMATS, SPLITS
from fisherprep.export.calls import Choice
from fisherprep.export.run import export as run_export

CONSUMERS = Path(__file__).parent / "consumers"
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Calls 0 (train), 1 (valid; no words; its agent is b), 2 (test), 3 (excluded; its agent is b), 4 (train)."""
    return encoded_work(tmp_path_factory.mktemp("exported"), 5, agents=(None, "b", None, "b", None))


def export(work, format_name, out, splits=DEFAULT_SPLITS, agent_side="auto", truecase="rule"):
    return run_export(work, format_name, out, Choice(tuple(splits), agent_side, truecase), InlineEngine())[0]


def files(out):
    """Name -> hash of all files; those that vanish while this looks are not there."""
    found = {}
    for file in sorted(out.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            if file.is_file() and file.name != ".lock":
                found[file.relative_to(out).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def jsonl(file):
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [json.loads(line) for line in text.decode().splitlines()]


def read_by(script, python, checkout, *arguments):
    environment = os.environ | {"HF_HUB_OFFLINE": "1"} | ({"PYTHONPATH": checkout} if checkout else {})
    command = [python, str(CONSUMERS / script), *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=CONSUMERS, timeout=300)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def checkout_of(variable):
    if not os.environ.get(variable):
        pytest.skip(f"{variable} names no checkout")
    return os.environ[variable]


# -- moshi-finetune ----------------------------------------------------------------------------------------------------


def test_moshi_finetune_has_the_agent_on_the_left(work, tmp_path):
    out = tmp_path / "out"
    summary = export(work, "moshi-finetune", out, [*DEFAULT_SPLITS, "excluded"])
    assert summary.counters["items"] == 4 and summary.rejects == {"no_words": 1}
    listed = {split: jsonl(out / f"{split}.jsonl") for split in ("train", "test", "excluded")}
    assert [line["path"] for line in listed["train"]] == ["audio/call_000.wav", "audio/call_004.wav"]
    assert not (out / "valid.jsonl").exists()
    for split, number, agent in (("train", 0, "a"), ("excluded", 3, "b")):
        line = listed[split][0]
        audio, rate = soundfile.read(out / line["path"])
        assert rate == 24_000 and soundfile.info(out / line["path"]).subtype == "PCM_16"
        assert line["duration"] == len(audio) / rate
        at_8khz = audio[::3].T if agent == "a" else audio[::3].T[::-1]
        original = call_signal(number, 8000 * 11 + 7 * number)
        for mine, theirs in zip(at_8khz, original, strict=True):
            assert np.corrcoef(mine, theirs)[0, 1] > 0.95
        alignments = json.loads((out / line["path"]).with_suffix(".json").read_text())["alignments"]
        said = " ".join(word for word, _, speaker in alignments if speaker == "SPEAKER_MAIN")
        heard = " ".join(word for word, _, speaker in alignments if speaker == "SPEAKER_USER")
        assert {said, heard} == set(WRITTEN.values()) and said == WRITTEN[agent]
        starts = [times[0] for _, times, _ in alignments]
        assert starts == sorted(starts) and all(start < end for _, (start, end), _ in alignments)


def test_moshi_finetune_agents(work, tmp_path):
    export(work, "moshi-finetune", tmp_path / "both", ("train", "excluded"), "both", truecase="off")
    names = {file.stem for file in (tmp_path / "both/audio").glob("*.wav")}
    assert names == {"call_000-a", "call_000-b", "call_003-b", "call_004-a", "call_004-b"}
    left, right = (soundfile.read(tmp_path / f"both/audio/call_000-{side}.wav")[0] for side in "ab")
    np.testing.assert_array_equal(left, right[:, ::-1])
    words = json.loads((tmp_path / "both/audio/call_000-b.json").read_text())
    assert words["alignments"][0] == ["hello", [0.5, 1.0], "SPEAKER_USER"] and words["prompts"] == ["prompt b"]
    summary = export(work, "moshi-finetune", tmp_path / "a", ("train", "excluded"), "a")
    assert summary.counters["items"] == 2 and summary.rejects == {"agent_side": 1}


def test_moshi_finetune_reads_it(work, tmp_path):
    checkout = checkout_of("MOSHI_FINETUNE")
    export(work, "moshi-finetune", tmp_path / "out")
    text = tmp_path / "text.txt"
    text.write_text("\n".join(WRITTEN.values()))
    sentencepiece.SentencePieceTrainer.train(  # Moshi's own has bytes for what it does not know, such as a line end
        input=str(text), model_prefix=str(tmp_path / "spm"), vocab_size=300, hard_vocab_limit=False, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, pad_id=3, minloglevel=2,
    )  # fmt: skip
    jsonl_file = tmp_path / "out/train.jsonl"
    samples = read_by("moshi_finetune_reads.py", sys.executable, checkout, jsonl_file, tmp_path / "spm.model")
    assert len(samples) == 2
    for number, sample in zip((0, 4), samples, strict=True):
        assert sample["shape"] == [17, 250]
        assert sample["text"] == WRITTEN["a"]
        levels, num_frames = np.array(sample["levels"]), -(-(8000 * 11 + 7 * number) * 3 // 1920)
        assert (levels[:, num_frames:] == -1).all()
        original = call_signal(number, 8000 * 11 + 7 * number)
        blocks = np.pad(np.abs(original), ((0, 0), (0, 640))).reshape(2, -1)[:, : num_frames * 640]
        peaks = blocks.reshape(2, num_frames, 640).max(-1)
        for mine, theirs in zip(levels[:, :num_frames], peaks, strict=True):
            assert np.corrcoef(mine, theirs)[0, 1] > 0.9


# -- J-Moshi -----------------------------------------------------------------------------------------------------------


def expected_streams(row, side):
    return np.array([row[f"text_{side}"], *row[f"codes_{side}"]])


def test_j_moshi_has_both_speakers_as_9_by_t(work, tmp_path):
    summary = export(work, "j-moshi", tmp_path / "out", (*DEFAULT_SPLITS, "excluded"))
    assert summary.counters["items"] == 5 and not summary.rejects
    rows = {row["call_id"]: row for row in work.read("codes").to_pylist()}
    for split, names in (("train", ["call_000", "call_004"]), ("valid", ["call_001"]), ("excluded", ["call_003"])):
        (file,) = (tmp_path / "out" / split).glob("*.parquet")
        table = pq.read_table(file, partitioning=None)
        assert table.column_names == ["dialogue_id", "A", "B"]
        assert table["dialogue_id"].to_pylist() == names
        for dialogue in table.to_pylist():
            row = rows[dialogue["dialogue_id"]]
            agent, user = "ab" if row["agent_side"] is None else "ba"
            np.testing.assert_array_equal(dialogue["A"], expected_streams(row, agent))
            np.testing.assert_array_equal(dialogue["B"], expected_streams(row, user))


def test_j_moshi_refuses_uneven_codes(tmp_path):
    work = encoded_work(tmp_path, 1)
    rows = work.read("codes").to_pylist()
    rows[0]["codes_b"][5].pop()
    write_stage(work, "encode", {"codes": rows, "voices": work.read("voices").to_pylist()})
    assert export(work, "j-moshi", tmp_path / "out").rejects == {"uneven_codes": 1}


def test_j_moshi_reads_it(work, tmp_path):
    checkout = checkout_of("J_MOSHI")
    export(work, "j-moshi", tmp_path / "out")
    pattern = tmp_path / "out/train/*.parquet"
    examples = read_by("j_moshi_reads.py", sys.executable, checkout, pattern, tmp_path / "cache")
    rows = [row for row in work.read("codes").to_pylist() if row["split"] == "train"]
    expected = [(row, sides) for sides in ("ab", "ba") for row in rows]
    assert len(examples) == len(expected)
    for example, (row, (agent, user)) in zip(examples, expected, strict=True):
        streams = np.concatenate([expected_streams(row, agent), expected_streams(row, user)[1:]])
        np.testing.assert_array_equal(example["streams"], streams)
        assert example["labels_kept"] and example["text_without_loss"] >= (streams[0] == -1).sum() > 0


# -- lhotse ------------------------------------------------------------------------------------------------------------


def test_lhotse_manifests(work, tmp_path):
    summary = export(work, "lhotse", tmp_path / "out")
    assert summary.counters["recordings"] == 4 and summary.counters["turns_without_words"] == 2
    (first, _) = jsonl(tmp_path / "out/test_recordings_train.jsonl.gz")
    assert first == {
        "id": "call_000",
        "sources": [{"type": "file", "channels": [0, 1], "source": str(tmp_path / "out/audio/call_000.flac")}],
        "sampling_rate": 8000,
        "num_samples": 88_000,
        "duration": 11.0,
        "channel_ids": [0, 1],
    }
    audio, _ = soundfile.read(first["sources"][0]["source"], dtype="int16")
    original, _ = soundfile.read(work.path.parent / "audio/call_000.wav", dtype="int16")
    np.testing.assert_array_equal(audio, original)
    supervisions = jsonl(tmp_path / "out/test_supervisions_train.jsonl.gz")
    assert [(s["id"], s["channel"], s["speaker"]) for s in supervisions[:2]] == [
        ("call_000-a-00000", 0, "p0"),
        ("call_000-b-00001", 1, "q0"),
    ]
    assert supervisions[0]["gender"] == "female" and "gender" not in supervisions[1]
    assert supervisions[0]["alignment"]["word"][0] == ["hello", 0.5, 0.5, None]
    assert " ".join(word[0] for word in supervisions[0]["alignment"]["word"]) == supervisions[0]["text"]


def test_lhotse_reads_it(work, tmp_path):
    python = os.environ.get("LHOTSE_PYTHON") or (sys.executable if importlib.util.find_spec("lhotse") else None)
    if python is None:
        pytest.skip("lhotse is not installed, and LHOTSE_PYTHON names no Python that has it")
    export(work, "lhotse", tmp_path / "out")
    manifests = [tmp_path / f"out/test_{what}_train.jsonl.gz" for what in ("recordings", "supervisions")]
    cuts = read_by("lhotse_reads.py", python, None, *manifests)
    assert [cut["id"] for cut in cuts] == ["call_000", "call_004"]
    assert cuts[1]["shape"] == [2, 8000 * 11 + 28] and cuts[1]["rate"] == 8000
    assert cuts[0]["turns"][1] == [1, "fine thanks and you then", "q0"]
    assert cuts[0]["words"][0] == ["hello", 0.5, 0.5] and len(cuts[0]["words"]) == 11


# -- all of them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_bytes_again_and_nothing_left_of_other_choices(work, tmp_path, format_name):
    first, second = tmp_path / "first", tmp_path / "second"
    export(work, format_name, first, ("test",))
    assert export(work, format_name, first, ("test",)).ran == 0
    export(work, format_name, first, ("train",))
    export(work, format_name, second, ("train",))
    told = {name: content for name, content in files(first).items() if name != "README.md"}
    expected = {name: content for name, content in files(second).items() if name != "README.md"}
    if format_name == "lhotse":  # sources are absolute
        told.pop("test_recordings_train.jsonl.gz"), expected.pop("test_recordings_train.jsonl.gz")
    assert told == expected
    assert not any("test" in Path(name).name and "train" not in name for name in told if format_name != "lhotse")


@pytest.mark.parametrize("format_name", ["moshi-finetune", "lhotse"])
def test_a_full_disk_is_one_line(work, tmp_path, full_disk, format_name):
    command = [sys.executable, "-B", "-m", "fisherprep", "export", str(work.path), "--format", format_name]
    with full_disk(8192):
        run = subprocess.run(
            [*command, "--out", str(tmp_path), "--workers", "2"], cwd=ROOT, capture_output=True, text=True
        )
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert "File too large: '" in run.stderr.splitlines()[-1] and f"{tmp_path}/audio/" in run.stderr.splitlines()[-1]


@pytest.mark.parametrize("format_name", FORMATS)
def test_killed_at_any_moment_it_goes_on(tmp_path, format_name):
    work = encoded_work(tmp_path, 9)
    command = [sys.executable, "-m", "fisherprep", "export", str(work.path), "--format", format_name, "--workers", "1"]
    export(work, format_name, tmp_path / "out")
    expected = files(tmp_path / "out")
    export(work, format_name, tmp_path / "out", ("excluded",))  # other files are there, and are to go
    before = files(tmp_path / "out").keys()
    process = subprocess.Popen([*command, "--out", str(tmp_path / "out")], cwd=ROOT, stderr=subprocess.DEVNULL)
    while process.poll() is None and files(tmp_path / "out").keys() == before:
        time.sleep(0.005)
    time.sleep(random.Random(format_name).uniform(0, 0.1))
    process.kill()
    process.wait()
    for file in (tmp_path / "out").glob("*.jsonl"):
        assert all((tmp_path / "out" / line["path"]).is_file() for line in jsonl(file))
    export(work, format_name, tmp_path / "out")
    assert files(tmp_path / "out") == expected


@pytest.mark.parametrize("format_name", FORMATS)
def test_calls_that_vanish_from_the_tables_vanish_from_the_export(tmp_path, format_name):
    work = encoded_work(tmp_path, 3)
    export(work, format_name, tmp_path / "out")
    change_rows(work, "conversations", lambda row: {"split": "excluded"} if row["call_id"] == "call_000" else {})
    rows = [
        row | {"split": "excluded"} if row["call_id"] == "call_000" else row for row in work.read("codes").to_pylist()
    ]
    write_stage(work, "encode", {"codes": rows, "voices": []})
    export(work, format_name, tmp_path / "out")
    assert not any("call_000." in name or "train" in name for name in files(tmp_path / "out"))


def test_damaged_audio_is_a_reject_and_is_tried_again(tmp_path):
    work = encoded_work(tmp_path, 3)
    audio = tmp_path / "audio/call_000.wav"
    content = audio.read_bytes()
    audio.write_bytes(content[:1000])
    for format_name in ("moshi-finetune", "lhotse"):
        summary = export(work, format_name, tmp_path / format_name)
        assert sum(summary.rejects.values()) == 1 + (format_name == "moshi-finetune")
    audio.write_bytes(content)
    for format_name in ("moshi-finetune", "lhotse"):
        export(work, format_name, tmp_path / format_name)
        assert any("call_000" in name for name in files(tmp_path / format_name))


@pytest.mark.parametrize(
    ("format_name", "own", "lists"),
    [
        ("moshi-finetune", "my_subset.jsonl", ["test.jsonl", "train.jsonl"]),
        (
            "lhotse",
            "test_recordings_mine.jsonl.gz",
            ["test_recordings_test.jsonl.gz", "test_recordings_train.jsonl.gz"],
        ),
    ],
)
def test_lists_of_the_users_own_stay(work, tmp_path, format_name, own, lists):
    export(work, format_name, tmp_path)
    (tmp_path / own).write_text("mine")
    export(work, format_name, tmp_path)  # nothing to do
    kept = {lists[1], own}
    export(work, format_name, tmp_path, ("train",), truecase="off")
    assert (tmp_path / own).read_text() == "mine"
    assert {name for name in files(tmp_path) if name in (*lists, own)} == kept


def invoke(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_another_folders_export_is_refused(work, tmp_path):
    out = tmp_path / "out"
    assert invoke(work.path, "--format", "j-moshi", "--out", out, "--workers", "1").exit_code == 0
    before = files(out)
    result = invoke(work.path, "--format", "lhotse", "--out", out)
    assert result.exit_code == 1 and "holds an export of format j-moshi" in result.output
    other = encoded_work(tmp_path / "other", 2)
    result = invoke(other.path, "--format", "j-moshi", "--out", out)
    assert result.exit_code == 1 and "another work folder" in result.output
    for folder in (work.path, work.path.parent):
        result = invoke(work.path, "--format", "j-moshi", "--out", folder)
        assert result.exit_code == 1 and "is no export" in result.output
    assert files(out) == before
    (out / "export.json").write_text("{")
    assert "cannot be read" in invoke(work.path, "--format", "j-moshi", "--out", out).output


@pytest.mark.parametrize(
    ("format_name", "counted"), [("moshi-finetune", "items"), ("j-moshi", "items"), ("lhotse", "recordings")]
)
def test_that_nothing_was_exported_is_said(tmp_path, format_name, counted):
    work = encoded_work(tmp_path, 1)
    for _ in range(2):  # the second time nothing is left to do
        result = invoke(
            work.path, "--format", format_name, "--out", tmp_path / "o", "--split", "test", "--workers", "1"
        )
        assert result.exit_code == 0 and re.search(rf"{counted} +│ 0 ", result.output)
    whole = invoke(work.path, "--format", format_name, "--out", tmp_path / "o", "--workers", "1")
    assert re.search(rf"{counted} +│ 1 ", whole.output)


def test_splits_are_those_of_the_tables():
    assert SPLITS == schema.SPLITS


def test_the_command_says_what_is_wrong(work, tmp_path):
    out = tmp_path / "out"
    strict = invoke(work.path, "--format", "moshi-finetune", "--out", out, "--workers", "1", "--strict")
    assert strict.exit_code == 1 and "1 rejects" in strict.output and str(out) in strict.output.replace("\n", "")
    for arguments in (("lhotse", "--agent-side", "a"), ("j-moshi", "--truecase", "off"), ("wav",)):
        assert invoke(work.path, "--format", *arguments, "--out", out).exit_code == 2
    assert "no work folder here" in invoke(tmp_path / "none", "--format", "lhotse", "--out", out).output


def test_tables_that_are_missing_are_named(tmp_path):
    work = build_work(tmp_path, 1, without=("words",))
    for format_name, stage in (("moshi-finetune", "align"), ("j-moshi", "encode")):
        result = invoke(work.path, "--format", format_name, "--out", tmp_path / "out")
        assert result.exit_code == 1 and f"run `fisherprep {stage}` first" in result.output
    assert not (tmp_path / "out").exists()


def test_ldc_data_carries_its_duties(tmp_path):
    work = encoded_work(tmp_path, 1, transcriber="bbn")
    result = invoke(work.path, "--format", "j-moshi", "--out", tmp_path / "out", "--workers", "1")
    assert result.exit_code == 0 and "derived from LDC data" in result.output
    assert "never put it on a public hub" in (tmp_path / "out/README.md").read_text()


def test_an_id_that_is_no_file_name_is_an_error(tmp_path):
    work = encoded_work(tmp_path, 1)
    rows = [row | {"call_id": "../call_000"} for row in work.read("codes").to_pylist()]
    write_stage(work, "encode", {"codes": rows, "voices": []})
    with pytest.raises(ValueError, match="cannot be used"):
        export(work, "j-moshi", tmp_path / "out")
