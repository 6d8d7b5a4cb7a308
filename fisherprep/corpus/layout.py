"""Finding a release's files: a walk that indexes by name, wherever the files lie. No path is ever computed.

What is looked for, in any folder and in any case of letters:

- audio: ``fe_03_NNNNN.sph``, ``.wav`` or ``.flac`` (what the content is, is told when it is read);
- transcripts: ``fe_03_NNNNN.txt`` (folders ``bbn_orig``, which hold BBN's own formats, are not entered);
- tables: ``*calldata.tbl``, ``*pindata.tbl``, ``*filelist.tbl``, ``filetable*.txt``, ``*topics.sgm``.

Where a call has several candidates, the first in this order is taken and each of the others is noted as ``duplicate``:
a file that is not empty; the root given first; ``.sph``, ``.flac``, ``.wav``; a transcript below a folder ``trans``;
fewer folders deep; the path in alphabetical order. Hidden files and ``__MACOSX`` are passed over. A folder that is
reached twice (symbolic links, loops) is entered once.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fisherprep.corpus.problems import presentable, problem

_FLAGS = re.IGNORECASE | re.ASCII
_AUDIO = re.compile(r"fe_03_([0-9]{5})\.(sph|flac|wav)", _FLAGS)
_TRANSCRIPT = re.compile(r"fe_03_([0-9]{5})\.txt", _FLAGS)
_TABLES = {
    "calldata": re.compile(r".*calldata\.tbl", _FLAGS),
    "pindata": re.compile(r".*pindata\.tbl", _FLAGS),
    "filelist": re.compile(r".*filelist\.tbl|filetable.*\.txt", _FLAGS),
    "topics": re.compile(r".*topics\.sgm", _FLAGS),
}
_AUDIO_ORDER = ("sph", "flac", "wav")
_LOOKS_LIKE_A_CALL = re.compile(r".*\.(sph|flac|wav|mp3|ogg|opus|m4a|aiff?)|fe_03_[0-9]{5}.*", _FLAGS)
_NOT_ENTERED = ("bbn_orig", "__macosx")

AUDIO_NAMES = "fe_03_NNNNN.sph (or .wav, .flac)"
TRANSCRIPT_NAMES = "fe_03_NNNNN.txt"


@dataclass(frozen=True)
class SourceFile:
    """A file of the release. ``relative`` is its path below its root, with forward slashes."""

    root: int
    relative: str
    path: Path
    size: int
    mtime_ns: int

    @property
    def mark(self) -> list[Any]:
        """What changes when the file does: path, size, time of change."""
        return [self.root, self.relative, self.size, self.mtime_ns]


@dataclass
class Release:
    """The files of a release by call id (``fe_03_NNNNN``), its tables by kind, and what was found but not taken."""

    roots: list[Path]
    audio: dict[str, SourceFile] = field(default_factory=dict)
    transcripts: dict[str, SourceFile] = field(default_factory=dict)
    tables: dict[str, list[SourceFile]] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    """rows for the rejects table"""


def scan(roots: list[Path]) -> Release:
    """Walk the roots and index what is there.

    Raises:
        ValueError: a root is no folder, is given twice or holds nothing of a release; or all together hold no audio,
        or no
            transcript.
    """
    roots = _checked(roots)
    index = _Index()
    entered: set[tuple[int, int]] = set()
    for number, root in enumerate(roots):
        found, endings = index.found, Counter(index.endings)
        for path in _walk(root, entered, index.notes, root):
            index.add(path, number, root)
        if index.found == found:
            raise _nothing_found([root], "neither audio, transcripts nor tables", index.endings - endings)
    release = index.release(roots)
    if not release.audio:
        raise _nothing_found(roots, f"no audio: {AUDIO_NAMES}", index.endings)
    if not release.transcripts:
        raise _nothing_found(roots, f"no transcripts: {TRANSCRIPT_NAMES}", index.endings)
    return release


def _checked(roots: list[Path]) -> list[Path]:
    if not roots:
        raise ValueError("no release folder given; expected one or more, such as /ldc/fisher")
    resolved: list[Path] = []
    for root in roots:
        if not root.is_dir():
            what = "is a file; unpack it and give the folder" if root.exists() else "no such folder"
            raise ValueError(f"{root}: {what}; expected a folder of a Fisher release")
        real = root.resolve()
        for other in resolved:
            if real == other or other in real.parents or real in other.parents:
                raise ValueError(f"{root}: lies in, holds or is {other}, which is given too; give only the outer one")
        resolved.append(real)
    return resolved


def _nothing_found(roots: list[Path], what: str, endings: Counter[str]) -> ValueError:
    there = ", ".join(f"{count} {ending}" for ending, count in sorted(endings.items(), key=lambda e: (-e[1], e[0]))[:8])
    return ValueError(
        f"{', '.join(map(str, roots))}: holds {what} in any folder below; found instead: {there or 'no files'}. "
        "Expected the folders of LDC2004S13/LDC2005S13 (audio) and LDC2004T19/LDC2005T19 (transcripts), unpacked: "
        "give one folder that holds them all, or each of them"
    )


def _walk(folder: Path, entered: set[tuple[int, int]], notes: list[dict[str, Any]], root: Path) -> Iterator[Path]:
    """Files below ``folder``; each folder once, real ones before links to them, in alphabetical order."""
    stack = [folder]
    while stack:
        current = stack.pop()
        try:
            stat = current.stat()
            if (stat.st_dev, stat.st_ino) in entered:
                continue
            entered.add((stat.st_dev, stat.st_ino))
            with os.scandir(current) as found:
                entries = sorted(found, key=lambda e: (e.is_symlink(), e.name))
        except OSError as err:
            notes.append(_unreadable(current.relative_to(root).as_posix(), err))
            continue
        below = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _NOT_ENTERED:
                continue
            if _is_folder(entry):
                below.append(current / entry.name)
            else:
                yield current / entry.name
        stack.extend(reversed(below))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links is no folder
        return False


def _unreadable(place: str, err: OSError) -> dict[str, Any]:
    found = err.strerror or str(err)
    return problem(None, "unreadable", place, found, "a readable file or folder", "check links and permissions")


class _Index:
    """Candidates by call while the walk goes on."""

    def __init__(self) -> None:
        self.audio: dict[str, list[SourceFile]] = defaultdict(list)
        self.transcripts: dict[str, list[SourceFile]] = defaultdict(list)
        self.tables: dict[str, list[SourceFile]] = {kind: [] for kind in _TABLES}
        self.strays: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.endings: Counter[str] = Counter()
        self.notes: list[dict[str, Any]] = []
        self.found = 0

    def add(self, path: Path, number: int, root: Path) -> None:
        """Put a file where its name says it belongs."""
        self.endings[path.suffix.lower() or "files without ending"] += 1
        target = self._target(path.name)
        relative = path.relative_to(root).as_posix()
        if target is None:
            if _LOOKS_LIKE_A_CALL.fullmatch(path.name):
                self.strays[path.parent.relative_to(root).as_posix(), path.suffix.lower()].append(path.name)
            return
        try:
            stat = path.stat()
            relative.encode()
        except OSError as err:
            self.notes.append(_unreadable(relative, err))
            return
        except UnicodeEncodeError:
            self.notes.append(_unreadable(relative, OSError("a path that is not UTF-8")))
            return
        self.found += 1
        target.append(SourceFile(number, relative, path, stat.st_size, stat.st_mtime_ns))

    def _target(self, name: str) -> list[SourceFile] | None:
        if match := _AUDIO.fullmatch(name):
            return self.audio[f"fe_03_{match[1]}"]
        if match := _TRANSCRIPT.fullmatch(name):
            return self.transcripts[f"fe_03_{match[1]}"]
        for kind, pattern in _TABLES.items():
            if pattern.fullmatch(name):
                return self.tables[kind]
        return None

    def release(self, roots: list[Path]) -> Release:
        """The chosen files, and notes of all that was left."""
        release = Release(
            roots, tables={k: sorted(f, key=_plain_order) for k, f in self.tables.items()}, notes=self.notes
        )
        release.audio = self._choose(self.audio, "audio", _audio_order, release.notes)
        release.transcripts = self._choose(self.transcripts, "transcript", _transcript_order, release.notes)
        for (folder, ending), names in sorted(self.strays.items()):
            release.notes.append(
                problem(
                    None,
                    "unrecognised_file",
                    folder,
                    f"{len(names)} files ending in {ending!r}, such as {presentable(min(names))}",
                    f"{AUDIO_NAMES} or {TRANSCRIPT_NAMES}",
                    "rename or convert them if they are calls",
                )
            )
        return release

    def _choose(
        self, candidates: dict[str, list[SourceFile]], kind: str, order: Any, notes: list[dict[str, Any]]
    ) -> dict[str, SourceFile]:
        chosen = {}
        for call_id in sorted(c for c in candidates if candidates[c]):
            first, *others = sorted(candidates[call_id], key=order)
            chosen[call_id] = first
            for other in others:
                found = f"a second {kind} of {other.size} bytes; the one taken has {first.size}: {first.relative}"
                fix = "remove one of them, or give first the root whose file is to be taken"
                notes.append(problem(call_id, "duplicate", other.relative, found, f"one {kind} per call", fix))
        return chosen


def _plain_order(file: SourceFile) -> tuple[Any, ...]:
    return file.root, file.relative.count("/"), file.relative


def _audio_order(file: SourceFile) -> tuple[Any, ...]:
    return file.size == 0, file.root, _AUDIO_ORDER.index(file.path.suffix[1:].lower()), *_plain_order(file)


def _transcript_order(file: SourceFile) -> tuple[Any, ...]:
    return file.size == 0, file.root, "trans" not in file.relative.lower().split("/"), *_plain_order(file)
