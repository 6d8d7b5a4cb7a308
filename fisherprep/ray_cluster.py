"""Joining a Ray cluster, or starting one on this machine for the time of a command."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from fisherprep.engine import WorkerDied

_STORE_BYTES = 100 * 2**20
"""Shards travel as names of files, so Ray's object store, for which it takes 30 % of the memory, can be small."""
_ANSWER_S = 10.0
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""How a gRPC client begins: the HTTP/2 preface and an empty SETTINGS frame (RFC 9113, 3.4); a server answers with its
own SETTINGS, a frame of type 4."""


class Cluster:
    """A Ray cluster that this process is joined to; a context manager that leaves it."""

    def __init__(self, address: str | None = None, cores: int = 0) -> None:
        """Join the cluster at ``address``: HOST:PORT, or ``auto`` for that of this machine; None: start one here.

        Args:
            address: where its head is.
            cores: of a cluster that is started here; 0: all.

        Raises:
            ValueError: Ray is not installed, nothing can be reached there, its releases differ, or it has no cores.
        """
        _check_address(address)
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        if address is None:
            # Only this machine, and only this command, can hand it work.
            os.environ.update(
                RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32)
            )
            os.environ.pop("RAY_ADDRESS", None)
        self._join(address, cores)
        _mute()
        if not self.count("CPU"):
            self.close()
            raise ValueError(
                f"Ray cluster at {address}: has no cores; expected at least one worker "
                "(`ray start --address=HEAD:6379`)"
            )

    def _join(self, address: str | None, cores: int) -> None:
        import ray

        options: dict[str, Any] = {"logging_level": "CRITICAL", "log_to_driver": False}
        if address is None:
            options |= {"address": "local", "num_cpus": cores or os.cpu_count(), "include_dashboard": False}
            options["object_store_memory"] = _STORE_BYTES
        else:
            options["address"] = address
        try:
            with _no_stderr():
                ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, OSError, SystemExit, ray.exceptions.RayError) as err:
            if isinstance(err, SystemExit) and err.code in (0, None):
                raise
            raise ValueError(f"Ray cluster at {address or 'this machine'}: {_reason(err)}") from err

    def see_head(self) -> None:
        """See that the head still runs.

        Raises:
            WorkerDied: it was lost.
        """
        import ray

        see(ray.get_runtime_context().gcs_address)

    def nodes(self) -> list[dict[str, Any]]:
        """The machines that may be given shards."""
        import ray

        return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]

    def count(self, resource: str) -> int:
        """How many of a resource (``CPU``, ``GPU``) the machines have together."""
        import ray

        return int(ray.cluster_resources().get(resource, 0))

    def close(self) -> None:
        """Leave it; one that was started here ends, workers of this command end in any case."""
        import ray

        ray.shutdown()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_address(address: str | None) -> None:
    if find_spec("ray") is None:  # it must not be imported yet: it reads its environment when it is
        raise ValueError("--engine ray: Ray is not installed; pip install 'fisherprep[ray]'")
    if address in (None, "auto"):
        return
    assert address is not None
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError(
            f"--ray-address {address!r}: expected HOST:PORT of the cluster's head (its port is 6379 unless told), or "
            "auto for a cluster that this machine belongs to"
        )
    expected = "expected a Ray head that runs there (`ray start --head --port=6379`)"
    try:
        speaks = _speaks_grpc(host.strip("[]"), int(port))
    except OSError as err:
        raise ValueError(f"--ray-address {address}: cannot be reached ({err.strerror or err}); {expected}") from err
    if not speaks:
        raise ValueError(f"--ray-address {address}: what answers there is not Ray; {expected}")


def see(head: str, patience_s: float = 20.0) -> None:
    """See that a head still runs: a minute after it was lost, Ray would end this process without a word.

    Args:
        head: HOST:PORT.
        patience_s: a head that is started anew, with its state in a store of its own, is found again.

    Raises:
        WorkerDied: it does not.
    """
    host, _, port = head.rpartition(":")
    until = time.monotonic() + patience_s
    while True:
        try:
            return socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
        except OSError as err:
            if time.monotonic() > until:
                raise WorkerDied(
                    f"the head of the Ray cluster ({head}) was lost ({err.strerror or err}): killed, out of memory, or "
                    "its machine is gone; finished shards are kept: run the same command again, once there is a head"
                ) from err
            time.sleep(1.0)


def _speaks_grpc(host: str, port: int) -> bool:
    """Whether Ray may run there: it would itself try for minutes with a port where it does not."""
    with socket.create_connection((host, port), timeout=_ANSWER_S) as connection:
        if os.environ.get("RAY_USE_TLS") == "1":
            return True
        connection.sendall(_HELLO)
        try:
            return connection.recv(9, socket.MSG_WAITALL)[3:4] == b"\x04"
        except OSError:
            return False


def _reason(err: BaseException) -> str:
    if "uthentication" in f"{err.__cause__} {err.__context__}":
        return (
            "asks for a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH (else "
            "~/.ray/auth_token) as where its head was started"
        )
    if isinstance(err, SystemExit):  # Ray's native code gave up
        return "did not answer; see whether a Ray head of the same release runs there"
    text = " ".join(line.strip() for line in str(err).splitlines() if line.strip())
    if "ersion mismatch" in text:
        here = f"Python {sys.version.split()[0]}, Ray {_ray_version()}"
        return f"runs other releases than this command ({here}): {text[:600]}"
    if isinstance(err, ConnectionError) and "any running Ray" in text:
        return "this machine belongs to no running cluster; expected `ray start` before, or --ray-address HOST:PORT"
    return text[:600]


def _ray_version() -> str:
    from importlib.metadata import version

    return version("ray")


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Meanwhile keep off the terminal what Ray's native code writes there while it tries to connect."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _mute() -> None:
    """Keep Ray's notices about lost workers off the terminal: their shards are done again, or an error says it."""
    with suppress(ImportError, AttributeError):
        from ray._private import worker

        worker.print_to_stdstream = lambda *_, **__: None
