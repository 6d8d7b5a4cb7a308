"""Runs as typed: training, resuming, being killed, evaluating, exporting - and what bad input is answered."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from finetune_tiny import World, call_row, tiny_lm, write_work
from safetensors.torch import save_file

from finetune import checksums, run_folder, state
from finetune.checkpoints import load_model, open_base
from finetune.config import OptimConfig
from finetune.data.mixture import MixtureState
from finetune.data.sources import check_tables
from finetune.evaluate import main as evaluate
from finetune.export import main as export
from finetune.metrics import METRICS, TIMINGS, drop_after
from finetune.offline import assets
from finetune.optim import make_optimizer
from finetune.progress import Progress, read_progress
from finetune.run import main as run
from finetune.shards import read_tensors
from fisherprep.checkpoint import locate
from fisherprep.workfolder import DoneRecord, WorkFolder, sha256_file

pytest_plugins = ["finetune_fixtures"]
pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 6
SHORT = ("--steps", str(STEPS), "--set", "save.every=2", "--set", "save.keep=3", "--set", "heldout.every=3")


def invoke(command: Any, *args: str) -> Result:
    result = CliRunner().invoke(command, list(args))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def newest_weights(folder: Path) -> dict[str, torch.Tensor]:
    return state.read_weights(run_folder.newest(folder))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture(scope="module")
def straight(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps, undisturbed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("runs") / "straight"
    result = invoke(run, *world.args(out, *SHORT))
    torch.set_num_threads(threads)
    assert result.exit_code == 0, result.output
    assert "TOY weights" in result.output
    return out


# -- a run ------------------------------------------------------------------------------------------------------------


def test_a_run_leaves_what_it_says(straight: Path) -> None:
    summary = json.loads((straight / "summary.json").read_text())
    assert summary["toy"] is True and summary["steps"] == STEPS
    for name in ("calls", "shop"):
        assert summary["after"][name]["loss"] < summary["before"][name]["loss"]
    lines = [json.loads(line) for line in (straight / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert lines[-1]["frames"] == summary["frames"]
    assert set(lines[0]["streams"]["calls"]) == {
        *("text", "text_words", "agent_semantic", "agent_acoustic", "user_semantic", "user_acoustic")
    }
    timings = [json.loads(line) for line in (straight / TIMINGS).read_text().splitlines()]
    assert [line["step"] for line in timings] == list(range(1, STEPS + 1))
    assert all(line["peak_memory_bytes"] > 0 and line["frames_per_s"] > 0 for line in timings)
    assert [p.name for p in run_folder.completed(straight)] == ["step-00000003", "step-00000004", "step-00000006"]
    rows = [json.loads(line) for line in (straight / "heldout.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 3, 6]
    assert rows[0]["datasets"] == summary["before"] and rows[-1]["datasets"] == summary["after"]
    shares = {"calls": 0.7, "shop": 0.3}
    assert rows[1]["loss"] == pytest.approx(sum(shares[n] * rows[1]["datasets"][n]["loss"] for n in shares))
    assert json.loads((straight / "config.json").read_text())["data"]["max_frames"] == 90


def test_a_finished_run_can_be_asked_to_resume(world: World, straight: Path) -> None:
    before = (straight / METRICS).read_bytes()
    result = invoke(run, "--out", str(straight), "--resume")
    assert result.exit_code == 0, result.output
    assert (straight / METRICS).read_bytes() == before


def test_stopped_and_resumed_is_bit_for_bit_the_same(straight: Path, tmp_path: Path) -> None:
    """A run is taken back to its first checkpoint, with the traces of a death while saving and logging."""
    out = tmp_path / "run"
    shutil.copytree(straight, out)
    checkpoints = out / "checkpoints"
    (checkpoints / "step-00000006").rename(checkpoints / ".tmp-step-00000006")
    (checkpoints / "step-00000004").rename(checkpoints / ".tmp-old-step-00000004")
    (checkpoints / ".tmp-step-00000006" / "state.json").unlink()
    with (out / METRICS).open("a") as handle:
        handle.write('{"step": 7, "lo')
    result = invoke(run, "--out", str(out), "--resume")
    assert result.exit_code == 0, result.output
    assert "resumed after step 3" in result.output
    assert (out / METRICS).read_bytes() == (straight / METRICS).read_bytes()
    assert same(newest_weights(out), newest_weights(straight))
    assert same(_moments(out), _moments(straight))
    assert (out / "summary.json").read_bytes() == (straight / "summary.json").read_bytes()
    assert not list(checkpoints.glob(".tmp-*"))


def _moments(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(run_folder.newest(folder) / "moments")


def test_killed_at_any_instant_and_resumed_is_bit_for_bit_the_same(
    world: World, straight: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "finetune.run", *world.args(out, *SHORT)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (out / METRICS).exists() and len((out / METRICS).read_text().splitlines()) >= 3:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    errors = process.communicate()[1].decode()
    assert process.returncode == -signal.SIGKILL, errors
    result = invoke(run, "--out", str(out), "--resume")
    assert result.exit_code == 0, result.output
    assert (out / METRICS).read_bytes() == (straight / METRICS).read_bytes()
    assert same(newest_weights(out), newest_weights(straight))
    sums = [(run_folder.newest(folder) / checksums.NAME).read_text() for folder in (out, straight)]
    assert sums[0] == sums[1] and sums[0].count("\n") == 4, "the files, too, are the same bytes"


def test_a_run_killed_before_its_first_checkpoint_starts_again(world: World, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / ".tmp-config.json").write_text("{")
    result = invoke(run, *world.args(out, "--steps", "1", "--resume"))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("lines", [[], ['{"step": 1}\n'], ['{"step": 1}\n', '{"step": 2}\n', '{"step": 3}\n', '{"st']])
def test_logs_lose_what_comes_after_the_step(tmp_path: Path, lines: list[str]) -> None:
    file = tmp_path / "log"
    file.write_text("".join(lines))
    drop_after(file, 2)
    assert file.read_text() == "".join(lines[:2])


@pytest.mark.parametrize("damage", [b'{"step": 2, "lo', b"\xff\xfe", b"[]", b'{"step": "2"}', b""])
def test_a_damaged_line_costs_that_line_alone(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "log"
    file.write_bytes(b'{"step": 1}\n' + damage + b'\n{"step": 3}\n')
    assert drop_after(file, 3, range(1, 4)) == (
        f"{file}: 1 damaged lines dropped, 1 missing; what they held is lost, the run goes on"
    )
    assert file.read_text() == '{"step": 1}\n{"step": 3}\n'
    assert drop_after(file, 3) is None


@pytest.mark.parametrize("name", [METRICS, "heldout.jsonl"])
def test_a_run_that_has_lost_a_log_goes_on_and_says_so(straight: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "run"
    shutil.copytree(straight, out)
    shutil.rmtree(run_folder.newest(out))
    (out / name).unlink()
    result = invoke(run, "--out", str(out), "--resume")
    assert result.exit_code == 0, result.output
    assert _flat(result.output).count("damaged lines dropped") == 1
    assert re.search(rf"{name}: 0 damaged lines dropped, [14] missing", _flat(result.output))
    assert same(newest_weights(out), newest_weights(straight))
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (out, straight)]
    assert summaries[0]["after"] == summaries[1]["after"]
    assert summaries[0]["before"] == ({} if name == "heldout.jsonl" else summaries[1]["before"])
    assert bool(re.search(r"user_acoustic +│ +- │", result.output)) is (name == "heldout.jsonl")


# -- saving -----------------------------------------------------------------------------------------------------------


def _save(folder: Path, step: int) -> Path:
    model = tiny_lm(seed=step)
    progress = Progress(step, MixtureState.start(["calls"]), {"calls": "x"}, "base")
    return state.save(folder, progress, model, make_optimizer(model, OptimConfig()))


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    old = _save(tmp_path, 1)
    before = {file: file.read_bytes() for file in old.rglob("*") if file.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ValueError, match=r"step-00000002: the checkpoint could not be written .* is the disk full"):
            _save(tmp_path, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run_folder.completed(tmp_path) == [old]
    assert {file: file.read_bytes() for file in old.rglob("*") if file.is_file()} == before
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000001"]


def test_only_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 30, 4000):
        _save(tmp_path, step)
        state.prune(tmp_path, keep=2, best=1)
    assert [p.name for p in run_folder.completed(tmp_path)] == ["step-00000001", "step-00000030", "step-00004000"]
    state.prune(tmp_path, keep=1, best=None)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-00004000"]
    assert run_folder.newest(tmp_path) == run_folder.folder_of(tmp_path, 4000)
    assert read_progress(run_folder.newest(tmp_path)).step == 4000


PARTS = ["state.json", "moments", "weights", "random.safetensors"]


def _file_of(checkpoint: Path, part: str) -> Path:
    place = checkpoint / part
    return next(place.iterdir()) if place.is_dir() else place


def _flip(file: Path) -> None:
    """Change one bit in the middle of a file: its size and, of a safetensors file, its header stay."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_named(straight: Path, tmp_path: Path, part: str) -> None:
    out = tmp_path / "run"
    shutil.copytree(straight, out)
    newest = run_folder.newest(out)
    _flip(_file_of(newest, part))
    result = invoke(run, "--out", str(out), "--resume")
    assert result.exit_code == 1
    assert re.search(rf"{part}.*: is damaged.* delete .*{newest.name} to use .* step-00000004", _flat(result.output))
    shutil.rmtree(newest)
    result = invoke(run, "--out", str(out), "--resume")
    assert result.exit_code == 0 and "resumed after step 4" in result.output
    assert same(newest_weights(out), newest_weights(straight))


def test_damaged_weights_are_neither_examined_nor_exported(straight: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(straight, out)
    for older in run_folder.completed(out)[:-1]:
        shutil.rmtree(older)
    _flip(_file_of(run_folder.newest(out), "weights"))
    for command, *args in ((evaluate, out, "--turns", 0), (export, out, "--out", tmp_path / "x")):
        result = invoke(command, *map(str, args))
        assert result.exit_code == 1
        assert re.search("is damaged.* keeps none before it", _flat(result.output)), result.output


@pytest.mark.parametrize("part", PARTS)
def test_without_checksums_a_cut_file_is_refused_all_the_same(straight: Path, tmp_path: Path, part: str) -> None:
    out = tmp_path / "run"
    shutil.copytree(straight, out)
    (run_folder.newest(out) / checksums.NAME).unlink()
    assert invoke(run, "--out", str(out), "--resume").exit_code == 0, "of an older version of the program"
    file = _file_of(run_folder.newest(out), part)
    file.write_bytes(file.read_bytes()[:20])
    result = invoke(run, "--out", str(out), "--resume")
    assert result.exit_code == 1
    assert re.search(rf"{part}: cannot be read.* delete .* step-00000004", _flat(result.output))


@pytest.mark.parametrize("list_of_checksums", [b"\xff\xfe", b"half a li"])
def test_a_damaged_list_of_checksums_is_refused(straight: Path, tmp_path: Path, list_of_checksums: bytes) -> None:
    out = tmp_path / "run"
    shutil.copytree(straight, out)
    (run_folder.newest(out) / checksums.NAME).write_bytes(list_of_checksums)
    result = invoke(run, "--out", str(out), "--resume")
    assert result.exit_code == 1 and re.search("checksums.xxh128: .* to use the one", _flat(result.output))


def test_an_export_damaged_on_its_way_is_refused(straight: Path, tmp_path: Path) -> None:
    out = tmp_path / "exported"
    invoke(export, str(straight), "--out", str(out))
    assert set(checksums.recorded(out)) == {file.name for file in out.iterdir()} - {checksums.NAME}
    open_base(str(out))
    _flip(out / "model.safetensors")
    with pytest.raises(ValueError, match=r"model.safetensors: is damaged.* export or copy it again"):
        open_base(str(out))
    (out / checksums.NAME).unlink()
    open_base(str(out))


# -- evaluate and export ----------------------------------------------------------------------------------------------


def test_evaluate_shows_both_models_per_stream_and_dataset(straight: Path) -> None:
    result = invoke(evaluate, str(straight))
    assert result.exit_code == 0, result.output
    for word in ("base", "fine-tuned", "calls", "shop", "user_acoustic", "TOY"):
        assert word in result.output
    written = json.loads((straight / "evaluate-valid.json").read_text())
    summary = json.loads((straight / "summary.json").read_text())
    assert written["losses"] == {"base": summary["before"], "fine_tuned": summary["after"]}
    assert invoke(evaluate, str(straight), "--split", "test").exit_code == 0
    assert (straight / "evaluate-test.json").exists()


def test_an_exported_run_is_a_checkpoint_like_its_base(world: World, straight: Path, tmp_path: Path) -> None:
    out = tmp_path / "exported"
    result = invoke(export, str(straight), "--out", str(out))
    assert result.exit_code == 0 and "TOY" in result.output
    assert {p.name for p in out.iterdir()} == {p.name for p in world.checkpoint.iterdir()} | {checksums.NAME}
    files = locate(str(out), ("moshi", "mimi", "tokenizer"))
    assert files.toy
    assert files.tokenizer.read_bytes() == (world.checkpoint / "tokenizer_spm_32k_3.model").read_bytes()
    loaded = load_model(open_base(str(out)), torch.device("cpu")).state_dict()
    assert same(loaded, newest_weights(straight))


def test_an_exported_run_opens_in_moshi(straight: Path, tmp_path: Path) -> None:
    from moshi.models.loaders import get_moshi_lm

    out = tmp_path / "exported"
    invoke(export, str(straight), "--out", str(out))
    config = json.loads((out / "config.json").read_text())
    names = ("moshi_name", "mimi_name", "mimi_config_name", "tokenizer_name", "model_type")
    assert all((out / config[name]).is_file() for name in names[:-1])
    lm = get_moshi_lm(
        out / "model.safetensors", {k: v for k, v in config.items() if k not in names}, dtype=torch.float32
    )
    assert same(lm.state_dict(), newest_weights(straight))


# -- bad input --------------------------------------------------------------------------------------------------------


def _flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("extra", "status", "message"),
    [
        (["--mix", "nosuch:1"], 2, "dataset 'nosuch': no manifest .* datasets with a manifest there: calls, shop"),
        (["--mix", "calls:nan"], 2, "--mix: the weight of 'calls' is 'nan'; expected a finite number above 0"),
        (["--mix", ""], 2, "--mix: '' in '' is not NAME:WEIGHT"),
        (["--mix", "../calls:1"], 2, "no manifest"),
        (["--steps", "0"], 2, "config steps: found 0, expected 1 or more"),
        (["--steps", "x"], 2, "'x' is not a valid integer"),
        (["--lr", "-1"], 2, "--lr: found -1.0, expected a finite number above 0"),
        (["--micro-batch-size", "2"], 2, "a divisor of data.batch_size"),
        (["--recipe", "nosuch"], 2, "no recipe 'nosuch'"),
        (["--set", "loss.nosuch=1"], 2, "config loss.nosuch: unknown key"),
        (["--manifests", "/nonexistent"], 2, "datasets with a manifest there: none"),
        (["--data-root", "/nonexistent"], 1, "/nonexistent/calls: does not exist, .*`fisherprep encode"),
        (["--checkpoint", "/nonexistent/dir"], 1, "neither a folder here nor a hub repository id"),
        (["--device", "tpu"], 2, "--device: 'tpu' is not (a device|supported)"),
        (["--device", "cuda:7"], 2, "--device: 'cuda:7': this machine shows 0 GPUs"),
        (["--max-frames", "10"], 2, "config data.max_frames: found 10, expected [0-9]+ or more"),
        (["--set", "loss.preset=mine"], 2, "config loss.preset: found 'mine', expected one of personaplex, moshi"),
        (["--max-frames", "60"], 1, "raise --max-frames"),
    ],
)
def test_bad_input_is_answered_in_one_line(
    world: World, tmp_path: Path, extra: list[str], status: int, message: str
) -> None:
    result = invoke(run, *world.args(tmp_path / "run", *extra))
    assert result.exit_code == status, result.output
    assert re.search(message, _flat(result.output)), result.output
    assert not (tmp_path / "run").exists(), "nothing is left that would stop a second try"


def test_no_mix_and_no_run_is_a_usage_error(tmp_path: Path) -> None:
    assert invoke(run).exit_code == 2
    result = invoke(run, "--out", str(tmp_path / "none"), "--resume")
    assert result.exit_code == 2 and "as in --mix" in result.output


def test_a_checkpoint_of_another_shape_is_refused(world: World, tmp_path: Path) -> None:
    checkpoint = tmp_path / "c"
    checkpoint.mkdir()
    for file in world.checkpoint.iterdir():
        (checkpoint / file.name).write_bytes(file.read_bytes())
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "dim": 64}))
    result = invoke(run, *world.args(tmp_path / "run", "--checkpoint", str(checkpoint)))
    assert result.exit_code == 1
    assert "have another shape than config.json says" in _flat(result.output)


def test_a_hub_out_of_reach_is_told_with_what_to_give_instead(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    result = invoke(run, *world.args(tmp_path / "run", "--checkpoint", "nvidia/personaplex-7b-v1"))
    assert result.exit_code == 1
    assert re.search(
        "no such folder here, and fetching model.safetensors .* Give --checkpoint a folder", _flat(result.output)
    )


def test_datasets_without_train_rows_are_refused(world: World, tmp_path: Path) -> None:
    for name in ("calls", "shop"):
        write_work(tmp_path / name, [call_row("x", 90, world.checkpoint, 0, split="valid")], name)
    result = invoke(run, *world.args(tmp_path / "run", "--data-root", str(tmp_path)))
    assert result.exit_code == 1
    assert "has no train calls to use; its calls by split: valid 1" in _flat(result.output)


def _record(path: Path) -> WorkFolder:
    """Completion records for the tables of a work folder, as ingest and encode leave them."""
    work = WorkFolder.open(path)
    for file in work.files("codes"):
        outputs = {}
        for table in ("conversations", "codes", "voices"):
            there = path / table / file.name
            size, sha256 = (there.stat().st_size, sha256_file(there)) if there.exists() else (1, "")
            outputs[f"{table}/{file.name}"] = {"sha256": sha256, "bytes": size, "rows": 1}
        planned = {name: out for name, out in outputs.items() if name.startswith("conversations")}
        encoded = {name: out for name, out in outputs.items() if name not in planned}
        work.write_done("ingest", file.stem, DoneRecord("", planned, {}))
        work.write_done("encode", file.stem, DoneRecord("", encoded, {}))
    return work


def _killed_encode(path: Path) -> None:
    for table in ("codes", "voices"):
        (path / table / "part-003.parquet").unlink()
    (path / ".done/encode/part-003.json").unlink()


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_killed_encode, r"calls: the codes table lacks 1 of 2 shards \(first: part-003\); run `fisherprep encode`"),
        (
            lambda path: (path / "codes/part-000.parquet").unlink(),
            r"codes/part-000\.parquet: is not what `encode` wrote",
        ),
        (lambda path: _flip(path / "codes/part-000.parquet"), r"codes/part-000\.parquet: is not .*`fisherprep encode`"),
        (lambda path: _flip(path / "voices/part-003.parquet"), r"voices/part-003\.parquet: is not what `encode` wrote"),
        (lambda path: shutil.rmtree(path / ".done/encode"), "the codes table lacks 2 of 2 shards"),
    ],
)
def test_tables_that_are_not_as_encode_wrote_them_are_refused_at_the_start(
    world: World, tmp_path: Path, harm: Callable[[Path], None], message: str
) -> None:
    shutil.copytree(world.data, tmp_path / "data")
    work = _record(tmp_path / "data/calls")
    harm(work.path)
    result = invoke(run, *world.args(tmp_path / "run", "--data-root", str(tmp_path / "data")))
    assert result.exit_code == 1 and re.search(message, _flat(result.output))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kept", [".done", ".done/encode", ""])
def test_whole_tables_are_trained_on_whatever_else_was_copied_with_them(
    world: World, tmp_path: Path, kept: str
) -> None:
    shutil.copytree(world.data, tmp_path, dirs_exist_ok=True)
    work = _record(tmp_path / "calls")
    if kept != ".done":
        shutil.rmtree(work.path / ".done" / ("ingest" if kept else ""))
    check_tables(world.config(data__root=str(tmp_path)).data)


def test_an_existing_run_is_not_overwritten(world: World, straight: Path) -> None:
    result = invoke(run, *world.args(straight))
    assert result.exit_code == 2
    assert "already holds a run; add --resume" in _flat(result.output)


def test_a_folder_of_something_else_is_not_written_to(world: World, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    result = invoke(run, *world.args(tmp_path))
    assert result.exit_code == 2 and "is not empty and not a run" in _flat(result.output)
    result = invoke(run, *world.args(tmp_path / "thesis.tex"))
    assert result.exit_code == 2 and "is a file" in result.output
    result = invoke(run, *world.args(tmp_path / "thesis.tex" / "run"))
    assert result.exit_code == 2 and "not a folder that may be written to" in _flat(result.output)
    result = invoke(run, *world.args(world.checkpoint))
    assert result.exit_code == 2 and "is not empty and not a run" in _flat(result.output)
    assert invoke(run, *world.args(Path("/proc/nowhere/run"), "--steps", "1")).exit_code in (1, 2)


@pytest.mark.parametrize(("content", "message"), [(None, "config.json is missing"), ("{}", "is of something else")])
def test_a_run_without_its_configuration_says_what_to_restore(
    world: World, straight: Path, tmp_path: Path, content: str | None, message: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(straight, copy)
    (copy / "config.json").unlink()
    if content is not None:
        (copy / "config.json").write_text(content)
    for flags in (("--out", str(copy), "--resume"), world.args(copy)):
        result = invoke(run, *flags)
        assert result.exit_code == 2
        assert message in _flat(result.output) and "restore config.json" in _flat(result.output)


def test_resuming_with_other_values_is_refused(world: World, straight: Path) -> None:
    result = invoke(run, "--out", str(straight), "--resume", "--steps", "9", "--lr", "0.5")
    assert result.exit_code == 2
    assert "optim.depth_lr: 0.004 -> 1.0" in _flat(result.output) and "steps: 6 -> 9" in _flat(result.output)


def test_resuming_on_other_data_is_refused(world: World, straight: Path, tmp_path: Path) -> None:
    for name in ("calls", "shop"):
        write_work(tmp_path / name, [call_row("x", 90, world.checkpoint, 0)], name)
    result = invoke(run, "--out", str(straight), "--resume", "--data-root", str(tmp_path))
    assert result.exit_code == 1
    assert "codes table of calls, shop is not the one" in _flat(result.output)


def _other_base(world: World, folder: Path) -> Path:
    """The same base model but for its numbers."""
    shutil.copytree(world.checkpoint, folder)
    save_file(tiny_lm(seed=9).state_dict(), folder / "model.safetensors", {"toy": "true"})
    return folder


def test_a_result_on_another_base_is_refused(world: World, straight: Path, tmp_path: Path) -> None:
    """Given by hand, or put in the place of the old one; a run that has not noted its base goes with any."""
    other, out = _other_base(world, tmp_path / "other"), tmp_path / "run"
    shutil.copytree(straight, out)
    (out / "evaluate-valid.json").unlink(missing_ok=True)
    config = json.loads((out / "config.json").read_text())
    config["model"]["checkpoint"] = str(other)
    (out / "config.json").write_text(json.dumps(config))
    newest = run_folder.newest(out)
    refused = "base model's weights are not those that this run was started from .*other/model.safetensors"
    exporting = ("--out", str(tmp_path / "x"))
    for command, *args in (
        (export, str(straight), "--checkpoint", str(other), *exporting),
        (export, str(newest), *exporting),
        (evaluate, str(out), "--turns", "0"),
    ):
        result = invoke(command, *args)
        assert result.exit_code == 1 and re.search(refused, _flat(result.output)), result.output
    assert not (tmp_path / "x").exists() and not (out / "evaluate-valid.json").exists()
    with pytest.raises(ValueError, match=refused):
        assets(str(out), None, None, None)
    kept = json.loads((newest / "state.json").read_text())
    del kept["base"]
    (newest / "state.json").write_text(json.dumps(kept))
    assert invoke(export, str(out), *exporting).exit_code == 0


@pytest.mark.parametrize("command", [evaluate, export])
def test_what_is_no_run_can_be_neither_evaluated_nor_exported(command: Any, tmp_path: Path) -> None:
    more = ["--out", str(tmp_path / "x")] if command is export else []
    result = invoke(command, str(tmp_path), *more)
    assert result.exit_code == 2 and "not a run of finetune.run" in _flat(result.output)
    (tmp_path / "config.json").write_text('{"data": {"mix": {"calls": 1}}}')
    result = invoke(command, str(tmp_path), *more)
    assert result.exit_code == 1 and "has no checkpoint yet" in _flat(result.output)


def test_export_does_not_write_over_anything(world: World, straight: Path) -> None:
    result = invoke(export, str(straight), "--out", str(world.checkpoint))
    assert result.exit_code == 2 and "is not an empty folder" in _flat(result.output)
