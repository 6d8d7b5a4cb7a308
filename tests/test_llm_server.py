"""The vLLM server process: started, ready, gone; and what is said when it is not. A scripted server stands for vLLM."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_vllm
import httpx
import pytest

from fisherprep.llm import server as server_module
from fisherprep.llm.server import ServerFailed, VllmServer
from fisherprep.llm.server_log import last_line, last_lines


class Fake:
    """The scripted server's script, and what it tells of itself."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        monkeypatch.setenv("PYTHONPATH", str(fake_vllm.install(folder / "package")))
        monkeypatch.setattr(server_module, "STOP_GRACE_S", 1.0)
        self.log = folder / "logs" / "vllm.log"

    def server(self, model: str = "some/model", startup_timeout_s: float = 30, extra=(), **behaviour) -> VllmServer:
        behaviour["tells"] = str(self.folder / "tells.json")
        self.monkeypatch.setenv("FAKE_VLLM", json.dumps(behaviour))
        return VllmServer(
            model, log_path=self.log, startup_timeout_s=startup_timeout_s, context_length=2048, extra_args=extra
        )

    @property
    def told(self) -> dict:
        return json.loads((self.folder / "tells.json").read_text())


@pytest.fixture
def fake(tmp_path, monkeypatch):
    return Fake(tmp_path, monkeypatch)


def remaining(pids: list[int]) -> list[int]:
    """Those that still exist, zombies among them."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def gone_within(pids: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while remaining(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not remaining(pids)


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


@linux
def test_server_is_ready_inside_and_gone_after(fake):
    with fake.server(delay_s=0.5) as server:
        pids = fake.told["pids"]
        assert httpx.get(f"{server.url}/health").status_code == 200
        assert remaining(pids) == pids
        assert server.failure() is None
    assert remaining(pids) == []


def test_arguments_and_key_reach_the_server(fake):
    with fake.server(extra=["--enforce-eager"]) as server:
        told = fake.told
        unknown = httpx.get(f"{server.url}/v1/models")
    given = " ".join(told["argv"])
    assert "--model some/model --served-model-name some/model --tensor-parallel-size 1 --max-model-len 2048" in given
    assert "--host 127.0.0.1" in given and given.endswith("--enforce-eager")
    assert told["key"] == server.key and len(server.key) >= 32
    assert server.key not in given and server.key not in fake.log.read_text()
    assert unknown.status_code == 401


def test_two_servers_have_keys_and_ports_of_their_own(fake):
    with fake.server() as one, fake.server() as other:
        assert one.key != other.key and one.url != other.url


def test_local_folder_is_given_whole_and_served_by_its_name(fake, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    monkeypatch.chdir(tmp_path)
    with fake.server(model="weights"):
        argv = fake.told["argv"]
    assert argv[argv.index("--model") + 1] == str(tmp_path / "weights")
    assert argv[argv.index("--served-model-name") + 1] == "weights"


@linux
@pytest.mark.parametrize("stubborn", [False, True])
def test_an_exception_inside_ends_the_server(fake, stubborn):
    with pytest.raises(ZeroDivisionError), fake.server(stubborn=stubborn):
        pids = fake.told["pids"]
        raise ZeroDivisionError
    assert remaining(pids) == []


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_our_own_process_is_ended(fake, number):
    fake.server(stubborn=True)
    code = (
        "import sys, time; from pathlib import Path; from fisherprep.llm import server as s; s.STOP_GRACE_S = 0.5\n"
        "with s.VllmServer('m', log_path=Path(sys.argv[1])): print('ready', flush=True); time.sleep(60)"
    )
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(server_module.__file__).parents[2])])
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(fake.log)], env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    pids = fake.told["pids"]
    assert remaining(pids) == pids
    process.send_signal(number)
    process.wait(20)
    if number == signal.SIGINT:  # the with statement has ended the server before the process ends
        assert remaining(pids) == []
    assert gone_within(pids, 20)
    process.stdout.close()


@linux
def test_server_follows_a_guard_that_was_killed(fake):
    with fake.server():
        guard, server, _ = fake.told["pids"]
        os.kill(guard, signal.SIGKILL)
        assert gone_within([server], 20)
    os.kill(fake.told["pids"][2], signal.SIGKILL)  # nobody was left to end the server's child


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({"say": "/opt/python: No module named vllm"}, ["exit status 1", "has no vLLM", "--vllm-python"]),
        ({"say": "torch.OutOfMemoryError: CUDA out of memory. Tried to\nTraceback", "exit": 3},
         ["exit status 3", "does not fit in memory", "CUDA out of memory. Tried to"]),
        ({"say": "RepositoryNotFoundError: 404 Client Error"}, ["some/model is no model that vLLM can find"]),
        ({"say": "[bold]odd[/bold] [/end]"}, ["[bold]odd[/bold] [/end]", "read the whole log"]),
        ({"say": "", "signal": signal.SIGKILL}, ["ended by signal 9", "memory is short"]),
        ({"say": "No available memory for the cache blocks\n" + "more of a traceback\n" * 40},
         ["what it said before: No available memory", "--context-length"]),
    ],
)  # fmt: skip
def test_a_server_that_dies_at_start_says_why(fake, behaviour, expected):
    with pytest.raises(ServerFailed) as error, fake.server(**behaviour):
        pass
    assert [part for part in [str(fake.log), *expected] if part not in str(error.value)] == []
    assert "\x1b" not in str(error.value)


def test_an_environment_without_vllm(fake, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    python = Path(sys.executable)
    with (
        pytest.raises(ServerFailed, match=r"has no vLLM: install it there.*--vllm-python"),
        VllmServer("m", python, log_path=fake.log),
    ):
        pass


def test_an_interpreter_that_is_not_there(fake, tmp_path):
    with (
        pytest.raises(ServerFailed, match=r"nowhere/python: found no program.*--vllm-python"),
        VllmServer("m", tmp_path / "nowhere" / "python", log_path=fake.log),
    ):
        pass


def test_an_argument_that_vllm_does_not_know(fake):
    with (
        pytest.raises(ServerFailed, match=r"unrecognized arguments: --no-such(.|\n)*--vllm-args"),
        fake.server(extra=["--no-such"]),
    ):
        pass


@linux
def test_a_server_that_never_gets_ready_is_ended(fake):
    with (
        pytest.raises(ServerFailed, match=r"not ready after.*'INFO loading 100% red'.*1\.5 s"),
        fake.server(delay_s=60, startup_timeout_s=1.5),
    ):
        pass
    assert remaining(fake.told["pids"]) == []


def test_a_stranger_in_our_place_is_refused(fake):
    expected = r"models \['other'\]; expected our server with the model some/model"
    with pytest.raises(ServerFailed, match=expected), fake.server(models=["other"]):
        pass


def test_a_port_that_was_taken_meanwhile_is_left_for_another(fake):
    with fake.server(say="OSError: [Errno 98] Address already in use", once=True) as server:
        assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_server_that_dies_later_is_noticed(fake):
    with fake.server(lives_s=1) as server:
        deadline = time.monotonic() + 20
        while server.failure() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "ended with exit status 7" in (server.failure() or "")


def test_log_is_read_as_plain_lines(tmp_path):
    log = tmp_path / "vllm.log"
    log.write_bytes(b"x" * 100_000 + b"\nfirst\n 10%\r 20%\r\n\x1b[2K\x1b]0;title\x07done \xff\n\n \n")
    assert last_lines(log, 4) == ["first", " 10%", " 20%", "]0;titledone \N{REPLACEMENT CHARACTER}"]
    assert last_line(tmp_path / "none.log") == ""
