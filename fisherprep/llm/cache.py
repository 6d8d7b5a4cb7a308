"""A model's answers on disk: one line of JSON for each reply, in a file for each shard of calls or domain.

A reply is filed under the hash of the whole request it answers (model, sampling, schema, messages), so a request that
was ever answered is not sent again and one that differs in anything is. Lines are appended with a single write each:
killing the process at any instant loses at most the replies that had not arrived, and a line that was cut short
(power failure, full disk) or damaged counts as not there. Plain files, because work folders also lie on network file
systems, where SQLite's write-ahead log does not work.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fisherprep.workfolder import WorkFolder

TOO_LONG, REFUSED, NO_ANSWER = "too_long", "refused", "no_answer"
"""Why a request has no answer: it exceeds the model's context; the server rejects it; tries were used up."""
PASSING = frozenset({REFUSED, NO_ANSWER})
"""Failures that may be gone at the next run, which asks again."""


@dataclass(frozen=True)
class Reply:
    """What came of one request: the model's text as it came, or why there is none."""

    text: str = ""
    failure: str = ""
    """"", or TOO_LONG, REFUSED, NO_ANSWER"""
    detail: str = ""
    """of a failure: what the server or the network said"""
    tokens_in: int = 0
    tokens_out: int = 0
    cut_off: bool = False
    """the text ended because the limit of tokens was reached"""


class AnswerFile:
    """The replies to requests of one kind. Later lines replace earlier ones of the same request."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, work: WorkFolder, shard: str) -> AnswerFile:
        """The file of a shard of a work folder."""
        return cls(work.path / ".label" / "answers" / f"{shard}.jsonl")

    def read(self) -> dict[str, Reply]:
        """Replies by request key; empty where there is no file. Damaged lines are left out."""
        return dict(self._lines())

    def answered(self) -> dict[str, Reply]:
        """Replies that no other try would better: all but the passing failures."""
        return {key: reply for key, reply in self.read().items() if reply.failure not in PASSING}

    def append(self, key: str, reply: Reply) -> None:
        """Add a reply with one write, so that it is there whole or not at all when the process dies."""
        line = json.dumps({"key": key, **asdict(reply)}, ensure_ascii=True).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if _ends_within_a_line(handle):
                line = b"\n" + line
            written = os.write(handle, line)
            if written < len(line):
                raise OSError(f"{self.path}: only {written} of {len(line)} bytes could be written; is the disk full?")
        finally:
            os.close(handle)

    def _lines(self) -> Iterator[tuple[str, Reply]]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        for line in content.split(b"\n"):
            if entry := _parsed(line):
                yield entry


def _ends_within_a_line(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


def _parsed(line: bytes) -> tuple[str, Reply] | None:
    """The entry of a line; None where it is not exactly what `AnswerFile.append` writes."""
    try:
        entry: Any = json.loads(line)
        key = entry.pop("key")
        reply = Reply(**entry)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    sound = (
        all(isinstance(text, str) for text in (key, reply.text, reply.failure, reply.detail))
        and isinstance(reply.tokens_in, int)
        and isinstance(reply.tokens_out, int)
    )
    return (key, reply) if sound else None
