"""A vLLM server of our own: started on a free loopback port, ready when it says so, gone when we are.

The server runs under `guard`, which ends all its processes whatever happens to this one. It asks for a key that is made
for this run and handed over in its environment (VLLM_API_KEY, which vLLM reads: ``vllm/envs.py``), never on the command
line, where every user of the machine could read it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fisherprep.llm.server_log import diagnosis, last_line, last_lines
from fisherprep.llm.settings import STARTUP_TIMEOUT_S

if TYPE_CHECKING:
    from rich.status import Status

MODULE = "vllm.entrypoints.openai.api_server"
STOP_GRACE_S = 15.0
"""Between SIGTERM and SIGKILL."""
POLL_S = 0.25
_GUARD = Path(__file__).with_name("guard.py")
_PORT_TAKEN = "address already in use"
_ATTEMPTS = 3


class ServerFailed(ChildProcessError):
    """The server could not be started, or is no longer there."""


class VllmServer:
    """``with VllmServer("openai/gpt-oss-120b") as server:`` a running server at `url`, which wants `key`.

    Args:
        model: hub repository or local folder; also the name by which requests ask for it.
        python: the interpreter of the environment that has vLLM; this one by default.
        context_length: tokens of prompt and answer together; the model's own by default.
        tensor_parallel: GPUs to split the model over.
        extra_args: further arguments of vLLM's server, as they are.
        log_path: where the server's output goes; an older log is overwritten.
        startup_timeout_s: seconds until the server has to be ready.

    Raises (on entering):
        ServerFailed: the server ended, did not get ready in time, or something else answers in its place.
    """

    def __init__(
        self,
        model: str,
        python: Path | None = None,
        context_length: int | None = None,
        tensor_parallel: int = 1,
        extra_args: Sequence[str] = (),
        log_path: Path = Path("vllm.log"),
        startup_timeout_s: float = STARTUP_TIMEOUT_S,
    ) -> None:
        self.model = model
        self.python = python or Path(sys.executable)
        self.log_path = log_path
        self.startup_timeout_s = startup_timeout_s
        self.key = secrets.token_urlsafe(32)
        self.url = ""
        self._options = ["--model", _absolute(model), "--served-model-name", model]
        self._options += ["--tensor-parallel-size", str(tensor_parallel)]
        self._options += ["--max-model-len", str(context_length)] if context_length else []
        self._options += extra_args
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        from rich.console import Console

        if not shutil.which(self.python):
            raise ServerFailed(
                f"{self.python}: found no program there; expected the Python interpreter of an environment with vLLM; "
                f"give its path, such as .venv-vllm/bin/python, with --vllm-python"
            )
        console = Console(stderr=True)
        began = time.monotonic()
        try:
            with console.status("") as status:
                self._start(began, status)
        except BaseException:
            self.stop()
            raise
        ready = f"vLLM ready after {time.monotonic() - began:.0f} s; its log: {self.log_path}"
        console.print(ready, markup=False, highlight=False, soft_wrap=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def failure(self) -> str | None:
        """What happened, if the server has ended by itself; None while it runs."""
        status = self._guard.poll() if self._guard else None
        if status is None:
            return None
        cause, advice = diagnosis(self.log_path, status, self.python, self.model)
        ended = f"was ended by signal {status - 128}" if status > 128 else f"ended with exit status {status}"
        shown = "\n".join(f"  | {line}" for line in last_lines(self.log_path)) or "  | (nothing)"
        said = f"\nwhat it said before: {cause}" if cause and cause not in shown else ""
        return (
            f"{self.log_path}: the vLLM server of {self.model} {ended}; the end of its log:\n{shown}{said}\n"
            f"expected a server that stays up; {advice}"
        )

    def stop(self) -> None:
        """End the server and all its processes, and wait until they are gone. Does nothing the second time."""
        running, self._guard = self._guard, None
        if running is None:
            return
        running.terminate()
        try:
            running.wait(STOP_GRACE_S + 15)
        except subprocess.TimeoutExpired:
            # A process in uninterruptible sleep (a hung driver) cannot be killed by anyone: leave the guard at it.
            return

    def _start(self, began: float, status: Status) -> None:
        """Start the server and wait until it is ready, on another port if someone was faster to take ours."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._launch()
            if self._ready(began, status):
                return
            failure = self.failure()
            assert failure is not None, "a server that is not ready has ended"
            if attempt == _ATTEMPTS or _PORT_TAKEN not in failure.lower():
                raise ServerFailed(failure)

    def _launch(self) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [str(self.python), "-m", MODULE, "--host", "127.0.0.1", "--port", str(port), *self._options]
        watched = [sys.executable, "-I", str(_GUARD), str(os.getpid()), str(STOP_GRACE_S), *command]
        environment = {**os.environ, "VLLM_API_KEY": self.key}
        environment.setdefault("VLLM_NO_USAGE_STATS", "1")  # vLLM reports its use to its makers unless told not to
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("wb") as log:
            log.write(f"$ {shlex.join(command)}\n".encode())
            log.flush()
            self._guard = subprocess.Popen(  # noqa: S603 - what --vllm-python and --model name is what shall run
                watched, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
            )

    def _ready(self, began: float, status: Status) -> bool:
        """Wait for the health endpoint; False if the server ended before."""
        from rich.text import Text

        assert self._guard is not None
        while self._guard.poll() is None:
            waited = time.monotonic() - began
            if self._healthy():
                self._check_identity()
                return True
            if waited > self.startup_timeout_s:
                raise ServerFailed(
                    f"{self.log_path}: the vLLM server of {self.model} is not ready after {waited:.0f} s; its last "
                    f"line: {last_line(self.log_path)!r}; expected {self.url}/health to answer within "
                    f"{self.startup_timeout_s:g} s; read the log, and allow more time with --startup-timeout if it was "
                    f"still loading"
                )
            status.update(Text(f"starting vLLM, {waited:.0f} s: {last_line(self.log_path)}", overflow="ellipsis"))
            time.sleep(POLL_S)
        return False

    def _healthy(self) -> bool:
        import httpx

        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == 200
        return False

    def _check_identity(self) -> None:
        """Transcripts go to our own server only: it knows the key and has the model."""
        import httpx

        try:
            answer = httpx.get(
                f"{self.url}/v1/models", headers={"Authorization": f"Bearer {self.key}"}, timeout=30, trust_env=False
            )
            served = {entry["id"] for entry in answer.json()["data"]} if answer.status_code == 200 else set()
            found = f"status {answer.status_code}, models {sorted(served)}"
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as err:
            served, found = set(), f"{type(err).__name__}: {err}"
        if self.model not in served:
            raise ServerFailed(
                f"{self.url}/v1/models: found {found}; expected our server with the model {self.model}; another "
                f"program may have taken the port, or an extra argument renamed the model: run the command again"
            )


def _absolute(model: str) -> str:
    """A local folder by its absolute path (with ``~`` expanded), which no hub id can be mistaken for."""
    folder = Path(model).expanduser()
    return str(folder.resolve()) if folder.is_dir() else model


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
