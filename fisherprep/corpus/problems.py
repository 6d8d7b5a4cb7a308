"""What is wrong with an input, said once: as an error message, or as a row of the rejects table.

Also the two helpers that keep untrusted bytes presentable: text lines of unknown encoding, and short quotations of
them.
"""

from __future__ import annotations

from typing import Any

from fisherprep.stage import reject

QUOTE_CHARS = 120
STAGE = "ingest"


class BadInput(ValueError):
    """Input that cannot be used. Holds what a row of the rejects table holds; ``str`` gives all of it in one line."""

    def __init__(self, reason: str, found: str, expected: str, fix: str, place: str = "") -> None:
        where = f"{place}: " if place else ""
        super().__init__(f"{where}{reason.replace('_', ' ')}: found {found}; expected {expected}; {fix}")
        self.reason, self.found, self.expected, self.fix = reason, found, expected, fix

    def at(self, place: str) -> BadInput:
        """The same error, saying where."""
        return BadInput(self.reason, self.found, self.expected, self.fix, place)

    def row(self, call_id: str | None, place: str) -> dict[str, Any]:
        """The same as a row of the rejects table."""
        return problem(call_id, self.reason, place, self.found, self.expected, self.fix)


def problem(call_id: str | None, reason: str, place: str, found: str, expected: str, fix: str) -> dict[str, Any]:
    """A row of the rejects table, written by ingest."""
    return reject(STAGE, call_id, reason, presentable(place), presentable(found), expected, fix)


def presentable(text: str) -> str:
    """The text without what UTF-8 cannot hold (file names may carry undecodable bytes)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def quoted(text: str) -> str:
    """A short quotation of untrusted text for a message: control characters escaped, long text cut."""
    return repr(text if len(text) <= QUOTE_CHARS else text[:QUOTE_CHARS] + "...")


def text_lines(raw: bytes) -> list[str]:
    """The lines of a text whose encoding is not known; never fails.

    Each line is taken as UTF-8, else cp1252, else latin-1, so one odd byte spoils nothing around it. A byte order mark
    is dropped. UTF-16 is told by its mark or its zeros. Line ends are LF, CRLF or CR and nothing else, so numbers are
    those an editor shows.
    """
    if encoding := _utf16(raw[:4096]):
        raw = raw.decode(encoding, "replace").encode("utf-8")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        return _without_last_end(raw.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    except UnicodeDecodeError:
        return [_decoded(line) for line in raw.splitlines()]


def _utf16(start: bytes) -> str | None:
    """Which UTF-16 a file is in by its start, if any: by its mark, or by the zero in nearly every second byte."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    pairs = len(start) // 2
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = start[first::2].count(0), start[1 - first :: 2].count(0)
        if pairs and zeros > 0.7 * pairs and not others:
            return encoding
    return None


def _without_last_end(lines: list[str]) -> list[str]:
    """A line end at the end of a file starts no line."""
    return lines if lines[-1] else lines[:-1]


def _decoded(line: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")
