"""Many processes train as one does; what is stopped goes on as if it had not been; disks that are full."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from finetune_tiny import World as Data

from finetune import run_folder
from finetune.heldout import BEST, HELD_OUT, best_checkpoint
from finetune.metrics import METRICS
from finetune.run import main as run
from finetune.shards import read_tensors
from finetune.watch import StepReport, Watcher
from finetune.watchers.logs import RunLog

pytest_plugins = ["finetune_fixtures"]
pytestmark = pytest.mark.usefixtures("one_thread")

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
STEPS = 8
BATCHES = ("--batch-size", "4", "--micro-batch-size", "2", "--set", "data.workers=2")
SHORT = ("--steps", str(STEPS), "--set", "save.every=2", "--set", "heldout.every=4", *BATCHES)


def alone(*args: str) -> Result:
    """``finetune.run`` in this process."""
    result = CliRunner().invoke(run, list(args))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def torchrun(*args: str) -> None:
    """``finetune.run`` as two processes, as a user starts them."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launcher, "-m", "finetune.run", *args], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def start_two(*args: str) -> list[subprocess.Popen]:
    """``finetune.run`` as two processes without their launcher, which is what can be killed at one instant."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "finetune.run", *args]
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [
        subprocess.Popen(command, env={**ENVIRONMENT, **place, "RANK": rank, "LOCAL_RANK": rank},
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for rank in ("0", "1")
    ]  # fmt: skip


def finish(processes: list[subprocess.Popen]) -> str:
    """What the first one says, once both have ended well."""
    errors = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    return errors[0]


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def tensors(folder: Path, what: str = "weights") -> dict[str, torch.Tensor]:
    return read_tensors(run_folder.newest(folder) / what)


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.fixture(scope="module")
def runs(world: Data, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The same run by one process and by two, undisturbed."""
    folder = tmp_path_factory.mktemp("runs")
    result = alone(*world.args(folder / "1", *SHORT))
    assert result.exit_code == 0, result.output
    torchrun(*world.args(folder / "2", *SHORT))
    return {processes: folder / str(processes) for processes in (1, 2)}


def test_two_processes_train_as_one_does(runs: dict[int, Path]) -> None:
    one, two = metrics(runs[1]), metrics(runs[2])
    assert [line["step"] for line in two] == list(range(1, STEPS + 1))
    for a, b in zip(one, two, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-6)
        assert b["grad_norm"] == pytest.approx(a["grad_norm"], rel=1e-6)
        assert b["frames"] == a["frames"] and b["lr"] == a["lr"]
        for name, streams in a["streams"].items():
            assert b["streams"][name] == pytest.approx(streams, rel=1e-6)
    assert furthest(tensors(runs[1]), tensors(runs[2])) < 1e-6
    assert furthest(tensors(runs[1], "moments"), tensors(runs[2], "moments")) < 1e-6
    for a, b in zip(*((runs[n] / HELD_OUT).read_text().splitlines() for n in (1, 2)), strict=True):
        assert json.loads(b)["loss"] == pytest.approx(json.loads(a)["loss"], rel=1e-6)
    assert len(list((run_folder.newest(runs[2]) / "weights").iterdir())) == 2, "each process wrote its shards"


def test_two_processes_killed_and_resumed_are_bit_for_bit_the_same(
    world: Data, runs: dict[int, Path], tmp_path: Path
) -> None:
    """``kill -9`` of both, as when the machine dies, with windows read ahead."""
    out = tmp_path / "run"
    processes = start_two(*world.args(out, *SHORT))
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        if (out / METRICS).exists() and len((out / METRICS).read_text().splitlines()) >= 3:
            break
        time.sleep(0.005)
    for process in processes:
        process.kill()
    assert [process.wait() for process in processes] == [-signal.SIGKILL] * 2, processes[0].communicate()[1]
    assert "resumed after step" in finish(start_two("--out", str(out), "--resume"))
    for name in (METRICS, HELD_OUT, BEST, "summary.json", "config.json"):
        assert (out / name).read_bytes() == (runs[2] / name).read_bytes(), name
    assert furthest(tensors(out), tensors(runs[2])) == 0
    assert furthest(tensors(out, "moments"), tensors(runs[2], "moments")) == 0


def test_a_run_of_two_processes_goes_on_with_one(runs: dict[int, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(runs[2], out)
    shutil.rmtree(run_folder.newest(out))
    result = alone("--out", str(out), "--resume")
    assert result.exit_code == 0 and "resumed after step 6" in result.output
    for a, b in zip(metrics(runs[2]), metrics(out), strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-6)
    assert furthest(tensors(out), tensors(runs[2])) < 1e-6


# -- signals ----------------------------------------------------------------------------------------------------------


class Signals(Watcher):
    """Sends a signal to this process after the third step, as if it had come while that was under way."""

    def __init__(self, number: int) -> None:
        self._number = number

    def on_step(self, report: StepReport) -> None:
        if report.step == 3:
            os.kill(os.getpid(), self._number)
            assert signal.getsignal(self._number) == signal.SIG_DFL, "a second one ends the process at once"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_the_step_under_way_and_ends(
    world: Data, runs: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    out = tmp_path / "run"
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("finetune.run.watchers", lambda config, world: [Signals(number), RunLog()])
    result = alone(*world.args(out, *SHORT, "--set", "save.every=100"))
    assert result.exit_code == status, result.output
    assert f"stopped by {signal.Signals(number).name} after step 3; saved. Go on with: " in result.output
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    assert run_folder.newest(out) == run_folder.folder_of(out, 3) and len(metrics(out)) == 3
    monkeypatch.undo()
    result = alone("--out", str(out), "--resume", "--set", "save.every=2")
    assert result.exit_code == 0, result.output
    assert (out / METRICS).read_bytes() == (runs[1] / METRICS).read_bytes()
    assert furthest(tensors(out), tensors(runs[1])) == 0


# -- saving -----------------------------------------------------------------------------------------------------------


def test_the_best_checkpoint_is_kept_and_named(runs: dict[int, Path]) -> None:
    rows = [json.loads(line) for line in (runs[1] / HELD_OUT).read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 4, 8]
    best = min(rows[1:], key=lambda row: row["loss"])
    noted = json.loads((runs[1] / BEST).read_text())
    assert (noted["step"], noted["loss"]) == (best["step"], best["loss"])
    assert best_checkpoint(runs[1]) == run_folder.folder_of(runs[1], best["step"])
    assert {p.name for p in run_folder.completed(runs[1])} == {"step-00000006", "step-00000008"} | {noted_name(noted)}


def noted_name(noted: dict) -> str:
    return Path(noted["checkpoint"]).name


def test_a_disk_full_while_saving_leaves_what_was_saved(runs: dict[int, Path], tmp_path: Path) -> None:
    """No file may grow to the size that the next checkpoint's would have."""
    out = tmp_path / "run"
    shutil.copytree(runs[1], out)
    shutil.rmtree(run_folder.newest(out))
    before = tensors(out)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        result = alone("--out", str(out), "--resume")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.exit_code == 1
    assert "step-00000008: the checkpoint could not be written" in result.output and "disk full?" in result.output
    assert run_folder.newest(out).name == "step-00000006" and furthest(tensors(out), before) == 0
    assert not list((out / run_folder.FOLDER).glob(".tmp-*"))
    assert alone("--out", str(out), "--resume").exit_code == 0
    assert furthest(tensors(out), tensors(runs[1])) == 0


def test_adapters_train_on_two_processes(world: Data, tmp_path: Path) -> None:
    """Frozen and learning parts in one shard, activations computed again in the backward pass."""
    lora = ("--set", "model.train=lora", "--set", "model.lora.rank=4", "--set", "model.embeddings=false")
    more = ("--steps", "2", "--set", "heldout.windows=0", "--set", "model.gradient_checkpointing=true", *BATCHES)
    assert alone(*world.args(tmp_path / "1", *more, *lora)).exit_code == 0
    finish(start_two(*world.args(tmp_path / "2", *more, *lora)))
    one, two = tensors(tmp_path / "1"), tensors(tmp_path / "2")
    assert all("lora" in name for name in one)
    assert furthest(one, two) < 1e-6


def test_two_processes_refuse_damaged_shards_with_one_message(runs: dict[int, Path], tmp_path: Path) -> None:
    """Each compares its share; what one finds, all are told."""
    out = tmp_path / "run"
    shutil.copytree(runs[2], out)
    shard = max((run_folder.newest(out) / "weights").iterdir())
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    processes = start_two("--out", str(out), "--resume")
    errors = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1]
    assert all(f"{shard}: is damaged" in error and "step-00000006" in error for error in errors), errors
