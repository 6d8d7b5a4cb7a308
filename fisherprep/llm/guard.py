"""Runs one command and leaves nothing of it behind: ``python guard.py PARENT_PID GRACE_S COMMAND...``.

A server that loads a model is a tree of processes, some in sessions of their own, and a parent that is killed with
SIGKILL cannot end them. This small process stands between: it ends the whole tree when it is asked to (SIGTERM), when
PARENT_PID is no longer its parent, and when the command's own process has ended. SIGTERM goes to the command first,
then to all, and after GRACE_S seconds SIGKILL. The exit status is the command's (128 + N if signal N ended it).

On Linux it adopts orphans of the tree (PR_SET_CHILD_SUBREAPER, prctl(2)), so it finds all of them, and the command
gets SIGTERM should the guard itself be killed (PR_SET_PDEATHSIG). Elsewhere it ends the command's process group.

Run as a script, by its path: it needs the standard library and nothing of the project.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_S = 0.1
LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def main(parent: int, grace_s: float, command: list[str]) -> int:
    """Run ``command`` to its end or ours; returns its exit status."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child = subprocess.Popen(  # noqa: S603 - the command is what we are for
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_follow_guard if LINUX else None
    )
    while child.poll() is None and not asked and os.getppid() == parent:
        time.sleep(POLL_S)
    _end_tree(child, grace_s)
    return 128 - child.returncode if child.returncode < 0 else child.returncode


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _follow_guard() -> None:
    """In the child, before it becomes the command: end with the guard."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_tree(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """End what is left of the tree: ask the command, which may have its own order of doing it; ask all; kill."""
    if child.poll() is None:
        child.terminate()
    _wait_until_gone(child, grace_s / 2)
    _signal_all(child, signal.SIGTERM)
    _wait_until_gone(child, grace_s / 2)
    while _alive(child):
        _signal_all(child, signal.SIGKILL)
        time.sleep(POLL_S)


def _wait_until_gone(child: subprocess.Popen[bytes], longest_s: float) -> None:
    deadline = time.monotonic() + longest_s
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _alive(child: subprocess.Popen[bytes]) -> bool:
    """Whether anything of the tree still runs; takes leave of what has ended."""
    running = child.poll() is None
    if not LINUX:
        return running
    for pid in _descendants(os.getpid()):
        if pid == child.pid:
            continue
        with contextlib.suppress(ChildProcessError):  # a grandchild, whose own parent waits for it
            os.waitpid(pid, os.WNOHANG)
        running |= Path(f"/proc/{pid}").exists()
    return running


def _signal_all(child: subprocess.Popen[bytes], number: int) -> None:
    """Signal every process of the tree; where /proc does not tell them, the command's process group."""
    targets = _descendants(os.getpid()) if LINUX else [-child.pid]
    for target in targets:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(target, number)


def _descendants(root: int) -> list[int]:
    """Process ids below ``root``, from the parents that /proc names (proc(5), field 4 of ``stat``)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, front = [], [root]
    while front:
        below = children.get(front.pop(), [])
        found += below
        front += below
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
