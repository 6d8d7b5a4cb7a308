"""Shards on Ray, on a cluster of this machine: the bytes of local runs, whatever is killed; clear errors."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

if find_spec("ray") is None:  # not imported here: Ray reads its environment when it is
    pytest.skip("Ray is not installed", allow_module_level=True)
if not Path("/proc/self/stat").exists():
    pytest.skip("looks for workers in /proc", allow_module_level=True)

from fisherprep.align.align import align
from fisherprep.cli import main
from fisherprep.codec.encode import encode
from fisherprep.corpus.ingest import ingest
from fisherprep.engine import InlineEngine, WorkerDied
from fisherprep.label.label import label_topics
from fisherprep.manifest import SplitRule
from fisherprep.ray_cluster import Cluster, see
from fisherprep.ray_engine import RayEngine
from fisherprep.ray_lost import died
from fisherprep.ray_ticket import Ticket, admit, versions
from fisherprep.workfolder import WorkFolder

TESTS = Path(__file__).parent
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "a" * 64,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's way to stay on the loopback interface
    "PYTHONPATH": os.pathsep.join([str(TESTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
}


@pytest.fixture(scope="module")
def head(request):
    """A running cluster: its process and its address. It starts while the demo is made."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        command = [sys.executable, str(TESTS / "ray_head.py")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        request.getfixturevalue("demo_fisher")
        try:
            address = process.stdout.readline().strip()
            assert address, "no Ray could be started"
            yield process.pid, address
        finally:
            process.stdin.close()
            process.wait(60)


@pytest.fixture(scope="module")
def cluster(head):
    with Cluster(head[1]) as joined:
        yield joined


def digest(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != ".lock"
    }


def family(pid):
    """Titles of the processes below one, by their ids."""
    parents, titles = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
            titles[int(stat.parent.name)] = (stat.parent / "cmdline").read_text()
        except OSError:
            continue
    below = {pid}
    for _ in range(4):
        below |= {child for child, parent in parents.items() if parent in below}
    return {child: titles[child] for child in below - {pid}}


def kill_workers(pid, title, number, done):
    """Kill that many workers that are at work, each when it is found."""
    killed = []
    until = time.monotonic() + 120
    while len(killed) < number and not done.is_set() and time.monotonic() < until:
        for worker, shown in family(pid).items():
            if shown.startswith(title) and worker not in killed and len(killed) < number:
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)
        time.sleep(0.02)
    return killed


def with_killing(head, title, number, run):
    """Run something while workers are killed; how many were, and what it gave."""
    done, killed = threading.Event(), []
    killer = threading.Thread(target=lambda: killed.extend(kill_workers(head[0], title, number, done)))
    killer.start()
    try:
        given = run()
    finally:
        done.set()
        killer.join()
    return killed, given


def test_the_demo_through_ray_with_workers_killed_gives_the_same_bytes(head, cluster, demo_fisher, toy_checkpoint,
                                                                       tmp_path):  # fmt: skip
    path = tmp_path / "fisher"
    on_ray = RayEngine(cluster, path)
    ingest([demo_fisher.parent / "ldc"], path, SplitRule(), "fisher", on_ray)
    work = WorkFolder.open(path)
    killed, summary = with_killing(head, "ray::_work", 2, lambda: align(work, on_ray))
    assert len(killed) == 2
    assert summary.ran == summary.shards
    label_topics(work, on_ray)
    on_gpus = RayEngine(cluster, path, gpus=True)
    killed, _ = with_killing(head, "ray::_Worker.work", 1, lambda: encode(work, str(toy_checkpoint), "cpu", on_gpus))
    assert len(killed) == 1
    assert digest(path) == digest(demo_fisher)


def test_a_killed_command_typed_again_goes_on_where_it_was_and_is_quiet(head, demo_fisher, tmp_path):
    path = tmp_path / "fisher"
    shutil.copytree(demo_fisher, path)
    shutil.rmtree(path / ".done" / "align")
    command = [sys.executable, "-m", "fisherprep", "align", "fisher", "--engine", "ray", "--ray-address", head[1]]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    records = path / ".done" / "align"
    while not list(records.glob("*.json")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    until = time.monotonic() + 30
    while any(title.startswith("ray::_work") for title in family(head[0]).values()):
        assert time.monotonic() < until, "workers outlive their command"
        time.sleep(0.1)
    left = len(list((path / "conversations").iterdir())) - len(list(records.glob("*.json")))
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert f"({left} done now" in told.stdout
    assert "ray" not in (told.stdout + told.stderr).lower()
    assert digest(path) == digest(demo_fisher)


def test_an_error_of_an_item_is_that_of_a_local_run(cluster, tmp_path):
    told = []
    for engine in (InlineEngine(), RayEngine(cluster, tmp_path)):
        with pytest.raises(ValueError, match="invalid literal") as error:
            list(engine.map(int, ["1", "one"]))
        told.append((type(error.value), str(error.value)))
    assert told[0] == told[1]


def test_a_machine_that_lacks_files_is_refused(cluster, tmp_path):
    with pytest.raises(ValueError, match="is missing on this machine"):
        list(RayEngine(cluster, tmp_path, [tmp_path / "release"]).map(len, ["a", "b"]))
    assert list(RayEngine(cluster, tmp_path).map(len, ["ab", "cd"])) == [2, 2]
    assert not list((tmp_path / ".tmp").iterdir())


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("LocalRayletDiedError", "Ray ended on the machine of this command"),
        ("WorkerCrashedError", "its worker was lost 6 times"),
        ("ActorDiedError", "its accelerator's worker was lost 6 times"),
        ("ObjectFreedError", "cannot be told"),
    ],
)
def test_an_error_says_what_was_lost(lost, told):
    from ray import exceptions

    err = getattr(exceptions, lost)
    assert told in str(died(err("0" * 56, "", "") if lost.startswith("Object") else err()))


def test_a_head_that_is_gone_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        see(address, patience_s=0.0)
    with pytest.raises(WorkerDied, match=f"head of the Ray cluster .{address}. was lost .*run the same command again"):
        see(address, patience_s=0.0)


def test_an_accelerators_worker_is_that_which_loaded_the_model(cluster, tmp_path):
    engine = RayEngine(cluster, tmp_path, gpus=True)
    loaded_in = engine.once(lambda _: os.getpid(), None)
    assert set(engine.map(lambda _: os.getpid(), range(3))) == {loaded_in}
    with pytest.raises(ValueError, match="invalid literal"):
        engine.once(int, "one")
    assert list(engine.map(int, ["1"])) == [1]


def test_workers_look_for_the_folder_and_at_the_code(tmp_path, monkeypatch):
    monkeypatch.setattr("fisherprep.ray_ticket._PATIENCE_S", 0.0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").touch()
    ticket = Ticket(str(tmp_path), "token", (), versions())
    admit(ticket)
    with pytest.raises(ValueError, match=r"has fisherprep's code .* expected another"):
        admit(replace(ticket, versions=(("fisherprep's code", "another"),)))
    (tmp_path / "token").unlink()
    with pytest.raises(ValueError, match="does not see the command's work folder"):
        admit(ticket)


def label(folder, *options):
    return CliRunner().invoke(main, ["label", str(folder), "--labeler", "topic", *options])


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nowhere", "expected HOST:PORT"),
        ("ray://127.0.0.1:10001", "expected HOST:PORT"),
        ("nowhere.invalid:6379", "cannot be reached"),
        ("127.0.0.1:1", "cannot be reached"),
    ],
)
def test_bad_addresses(demo_fisher, address, told):
    result = label(demo_fisher, "--engine", "ray", "--ray-address", address)
    assert result.exit_code == 1
    assert told in result.output.replace("\n", " ")


def test_what_answers_must_be_ray(demo_fisher):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            connection, _ = server.accept()
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()

        threading.Thread(target=greet, daemon=True).start()
        result = label(demo_fisher, "--engine", "ray", "--ray-address", f"127.0.0.1:{server.getsockname()[1]}")
    assert result.exit_code == 1
    assert "is not Ray" in result.output


def test_flags_that_do_not_fit(demo_fisher, monkeypatch):
    assert label(demo_fisher, "--ray-address", "auto").exit_code == 2
    monkeypatch.setattr("fisherprep.ray_cluster.find_spec", lambda _: None)
    result = label(demo_fisher, "--engine", "ray")
    assert result.exit_code == 1
    assert "pip install 'fisherprep[ray]'" in result.output


_SLEEP = """
import sys, time
from pathlib import Path
from fisherprep.ray_cluster import Cluster
from fisherprep.ray_engine import RayEngine
with Cluster(sys.argv[1]) as cluster:
    list(RayEngine(cluster, Path(sys.argv[2])).map(time.sleep, [60.0]))
"""


def test_a_ray_that_ends_is_named(head, tmp_path):
    """The last test that uses the cluster, since it is lost."""
    command = [sys.executable, "-c", _SLEEP, head[1], str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not any(title.startswith("ray::_work") for title in family(head[0]).values()):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.1)
    agent = next(pid for pid, title in family(head[0]).items() if title.startswith("ray::DashboardAgent"))
    os.kill(agent, signal.SIGKILL)
    told = process.communicate(timeout=60)[1]
    assert "WorkerDied: a shard could not be done on the Ray cluster: Ray ended on the machine" in told
