"""What a worker of another machine is told, and what it looks at before it works.

Files and code must be the same on all machines, or a shard would end elsewhere, or differ.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PATIENCE_S = 5.0
"""A file made on one machine of a network file system may be seen on another somewhat later."""
_LIBRARIES = ("numpy", "pyarrow", "soxr", "torch", "moshi", "pocketsphinx", "transformers", "sentencepiece")
"""Those whose release a row's bytes may depend on."""


@dataclass(frozen=True)
class Ticket:
    """Admits a worker to the work of one command."""

    folder: str
    """where the command was started: relative paths are from there"""
    token: str
    """a file that the command made in the work folder"""
    needs: tuple[str, ...]
    """further files and folders that must be there"""
    versions: tuple[tuple[str, str], ...]
    """what the command runs"""


def admit(ticket: Ticket) -> None:
    """Go to the command's folder and see that everything is there.

    Raises:
        ValueError: the work folder is not that of the command or the command has ended, a file is missing, or the code
            differs.
    """
    with suppress(OSError):
        os.chdir(ticket.folder)
    until = time.monotonic() + _PATIENCE_S
    while not os.path.isfile(ticket.token):
        if time.monotonic() > until:
            raise ValueError(
                f"{platform.node()}: does not see the command's work folder ({ticket.token} is missing there); "
                "expected a file system that all machines of the cluster share, under the same path"
            )
        time.sleep(0.2)
    _once(ticket)


@lru_cache(maxsize=1)
def _once(ticket: Ticket) -> None:
    for need in ticket.needs:
        if not os.path.exists(need):
            raise ValueError(
                f"{platform.node()}: {need} is missing on this machine of the cluster; expected it on a file system "
                "that all machines share, under the same path"
            )
    here = dict(versions())
    for name, expected in ticket.versions:
        if here.get(name) != expected:
            raise ValueError(
                f"{platform.node()}: this machine of the cluster has {name} {here.get(name)}; expected {expected}, as "
                "where the command was started: install the same on all machines, and start Ray anew there"
            )


@lru_cache(maxsize=1)
def versions() -> tuple[tuple[str, str], ...]:
    """Names and releases of what makes the rows: this code and its libraries."""
    return (("fisherprep's code", _code()), *((name, _release(name)) for name in _LIBRARIES))


def _release(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _code() -> str:
    """The start of a hash over the package's files."""
    root, digest = Path(__file__).parent, hashlib.sha256()
    for file in sorted(file for file in root.rglob("*") if file.suffix in (".py", ".yaml")):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
