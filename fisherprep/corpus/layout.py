"""Finding a release's files: a walk that indexes by name, wherever the files lie. No path is ever computed.

What is looked for, in any folder and in any case of letters, ``names.py`` says; which of several candidates is taken,
``candidates.py``. Folders ``bbn_orig``, which hold BBN's own formats, ``__MACOSX`` and hidden files are passed over. A
folder that is reached twice (links, loops) is entered once. Archives are listed, not opened.
"""

from __future__ import annotations

import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fisherprep.corpus.candidates import SourceFile, Sources, choose_audio, choose_transcripts, plain_order
from fisherprep.corpus.names import (
    AUDIO_NAMES,
    TABLE_KINDS,
    TRANSCRIPT_NAMES,
    AudioName,
    audio_name,
    is_archive,
    looks_like_a_call,
    table_kind,
    transcript_call,
)
from fisherprep.corpus.problems import presentable, problem

_NOT_ENTERED = ("bbn_orig", "__macosx")


@dataclass
class Release:
    """The files of a release by call id (``fe_03_NNNNN``), its tables by kind, and what was found but not taken."""

    roots: list[Path]
    audio: dict[str, Sources] = field(default_factory=dict)
    transcripts: dict[str, SourceFile] = field(default_factory=dict)
    spare_audio: dict[str, list[Sources]] = field(default_factory=dict)
    spare_transcripts: dict[str, list[SourceFile]] = field(default_factory=dict)
    tables: dict[str, list[SourceFile]] = field(default_factory=dict)
    one_sided: dict[str, SourceFile] = field(default_factory=dict)
    """calls of which one side's file alone is there"""
    archives: list[str] = field(default_factory=list)
    """packed files lying about, relative to their root"""
    notes: list[dict[str, Any]] = field(default_factory=list)
    """rows for the rejects table"""


def scan(roots: list[Path]) -> Release:
    """Walk the roots and index what is there.

    Raises:
        ValueError: a root is no folder, is given twice or holds nothing of a release; or all together hold no audio,
            or no transcript.
    """
    roots = checked_roots(roots)
    index = _Index()
    entered: set[tuple[int, int]] = set()
    for number, root in enumerate(roots):
        found, endings = index.found, Counter(index.endings)
        for relative, name in walk(str(root), entered, index.notes):
            index.add(number, str(root), relative, name)
        if index.found == found:
            raise _nothing_found([root], "neither audio, transcripts nor tables", index.endings - endings)
    release = index.release(roots)
    if not release.audio and not release.one_sided:
        raise _nothing_found(roots, f"no audio: {AUDIO_NAMES}", index.endings)
    if not release.transcripts:
        raise _nothing_found(roots, f"no transcripts: {TRANSCRIPT_NAMES}", index.endings)
    return release


def checked_roots(roots: list[Path]) -> list[Path]:
    """The roots without links.

    Raises:
        ValueError: one is no folder, or lies in another.
    """
    if not roots:
        raise ValueError("no release folder given; expected one or more, such as /ldc/fisher")
    resolved: list[Path] = []
    for root in roots:
        if not root.is_dir():
            what = "is a file; unpack it and give the folder" if root.exists() else "no such folder"
            raise ValueError(f"{root}: {what}; expected a folder of recordings or of a Fisher release")
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


def walk(root: str, entered: set[tuple[int, int]], notes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(path below the root, name) of all files; each folder once, real ones before links, in alphabetical order."""
    stack = [""]
    while stack:
        below = stack.pop()
        folder = os.path.join(root, below)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda e: (e.is_symlink(), e.name))
        except OSError as err:
            notes.append(unreadable(below or ".", err))
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _NOT_ENTERED:
                continue
            relative = f"{below}/{entry.name}" if below else entry.name
            if _is_folder(entry):
                folders.append(relative)
            else:
                yield relative, entry.name
        stack.extend(reversed(folders))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links is no folder
        return False


def unreadable(place: str, err: OSError) -> dict[str, Any]:
    """A note of a file or folder that cannot be looked at."""
    found = err.strerror or str(err)
    return problem(None, "unreadable", place, found, "a readable file or folder", "check links and permissions")


class _Index:
    """Candidates by call while the walk goes on."""

    def __init__(self) -> None:
        self.audio: dict[str, list[tuple[AudioName, SourceFile]]] = defaultdict(list)
        self.transcripts: dict[str, list[SourceFile]] = defaultdict(list)
        self.tables: dict[str, list[SourceFile]] = {kind: [] for kind in TABLE_KINDS}
        self.strays: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.archives: list[str] = []
        self.endings: Counter[str] = Counter()
        self.notes: list[dict[str, Any]] = []
        self.found = 0

    def add(self, number: int, root: str, relative: str, name: str) -> None:
        """Put a file where its name says it belongs."""
        self.endings[os.path.splitext(name)[1].lower() or "files without ending"] += 1
        audio = audio_name(name)
        call_id = None if audio else transcript_call(name)
        kind = None if audio or call_id else table_kind(name)
        if not (audio or call_id or kind):
            if is_archive(name):
                self.archives.append(presentable(relative))
            elif looks_like_a_call(name):
                self.strays[relative.rpartition("/")[0] or ".", os.path.splitext(name)[1].lower()].append(name)
            return
        try:
            file = source_file(number, root, relative)
        except OSError as err:
            self.notes.append(unreadable(relative, err))
            return
        self.found += 1
        if audio:
            self.audio[audio.call_id].append((audio, file))
        elif call_id:
            self.transcripts[call_id].append(file)
        elif kind:
            self.tables[kind].append(file)

    def release(self, roots: list[Path]) -> Release:
        """The chosen files, and notes of all that was left."""
        tables = {kind: sorted(files, key=plain_order) for kind, files in self.tables.items()}
        release = Release(roots, tables=tables, archives=sorted(self.archives), notes=self.notes)
        for call_id, files in sorted(self.transcripts.items()):
            taken, *spare = choose_transcripts(call_id, files, release.notes)
            release.transcripts[call_id], release.spare_transcripts[call_id] = taken, spare
        for call_id, named in sorted(self.audio.items()):
            choice = choose_audio(call_id, named, call_id in release.transcripts)
            release.notes += choice.notes
            if choice.files:
                release.audio[call_id], release.spare_audio[call_id] = choice.files, choice.spare
            elif choice.one_side:
                release.one_sided[call_id] = choice.one_side
        for (folder, ending), names in sorted(self.strays.items()):
            found = f"{len(names)} files ending in {ending!r}, such as {presentable(min(names))}"
            expected, fix = f"{AUDIO_NAMES} or {TRANSCRIPT_NAMES}", "rename or convert them if they are calls"
            release.notes.append(problem(None, "unrecognised_file", folder, found, expected, fix))
        return release


def source_file(number: int, root: str, relative: str) -> SourceFile:
    """The file ``relative`` below root ``number``.

    Raises:
        OSError: it is no plain file, or its path cannot be written down.
    """
    path = os.path.join(root, relative)
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError("neither file nor folder")
    try:
        relative.encode()
    except UnicodeEncodeError:
        raise OSError("a path that is not UTF-8") from None
    return SourceFile(number, relative, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
