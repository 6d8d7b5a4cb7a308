"""Which file is taken for a call when a copy holds several, and how two single-channel files make one call.

The first in this order is taken and each of the others is noted as ``duplicate``, and taken only when those before it
prove damaged (`fisherprep.corpus.call`):

1. a file (or pair) that is not empty;
2. the root given first;
3. one file before a pair, and both before anything lossy: ``.sph .flac .wav``, pairs of these, ``.ogg .opus .mp3``,
   pairs of these;
4. a transcript below a folder ``trans``;
5. fewer folders deep; then the path in alphabetical order.

A link to the file taken is no duplicate. Two sides are a pair when their names differ in the side alone: in one folder,
else anywhere below one root. A side without its other is noted, and where nothing else is there for the call, the call
is left out as ``missing_side``. Pairs named by a number alone (``7.A.wav``) are taken only when nothing else is there
for the call, there is one such pair, and the call has a transcript; else they are noted as ``ambiguous_name``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fisherprep.corpus.names import AUDIO_ENDINGS, LOSSY_ENDINGS, AudioName
from fisherprep.corpus.problems import problem

DUPLICATE = "duplicate"
"""Reason of the note of a candidate that was not taken."""
_FIX_DUPLICATE = "remove one of them, or give first the root whose file is to be taken"


class SourceFile(NamedTuple):
    """A file of the release. ``relative`` is its path below its root, with forward slashes."""

    root: int
    relative: str
    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    """when the file or its permissions last changed: a copy put back with its old time is noticed by this"""

    @property
    def mark(self) -> list[Any]:
        """What changes when the file does: path, size, time of change."""
        return [self.root, self.relative, self.size, self.mtime_ns, self.ctime_ns]

    @property
    def folder(self) -> str:
        """The folder below the root."""
        return self.relative.rpartition("/")[0]


Sources = tuple[SourceFile, ...]
"""A call's audio: one file with both sides, or the files of side a and of side b."""

Named = tuple[AudioName, SourceFile]


class _Candidate(NamedTuple):
    name: AudioName
    files: Sources


@dataclass
class Choice:
    """The audio taken for a call, if any; else a side that lacks its other; and notes of what was left."""

    files: Sources = ()
    spare: list[Sources] = field(default_factory=list)
    """what is taken instead, in this order, should the files prove unusable"""
    one_side: SourceFile | None = None
    notes: list[dict[str, Any]] = field(default_factory=list)


def choose_audio(call_id: str, named: list[Named], has_transcript: bool) -> Choice:
    """Take the best file or pair of a call by the order above."""
    choice = Choice()
    pairs, alone = _pairs([item for item in named if item[0].side])
    candidates = [_Candidate(name, (file,)) for name, file in named if name.side is None] + pairs
    sure = [c for c in candidates if not c.name.bare]
    in_doubt = [c for c in candidates if c.name.bare]
    if not sure and len(in_doubt) == 1 and has_transcript:
        sure, in_doubt = in_doubt, []
    if sure:
        ordered = [c.files for c in sorted(sure, key=_audio_order)]
        choice.files, *choice.spare = _without_links(ordered)
        choice.notes += _duplicates(call_id, "audio", choice.files, choice.spare)
    for candidate in in_doubt:
        choice.notes.append(_ambiguous(call_id, candidate.files[0], f"one of {len(in_doubt)} pairs for this number"))
    for name, file in alone:
        if name.bare:
            choice.notes.append(_ambiguous(call_id, file, f"side {name.side} without its other side"))
        elif not choice.files and choice.one_side is None:
            choice.one_side = file
        else:
            found = f"side {name.side} without its other side"
            choice.notes.append(problem(call_id, DUPLICATE, file.relative, found, "one audio a call", _FIX_DUPLICATE))
    return choice


def choose_transcripts(call_id: str, files: list[SourceFile], notes: list[dict[str, Any]]) -> list[SourceFile]:
    """The transcripts of a call in the order above: the one taken, then its spares, which are added to ``notes``."""
    first, *spare = _without_links([(file,) for file in sorted(files, key=_transcript_order)])
    notes += _duplicates(call_id, "transcript", first, spare)
    return [first[0], *(file for (file,) in spare)]


def _ambiguous(call_id: str, file: SourceFile, found: str) -> dict[str, Any]:
    expected = "one pair of that number, a transcript of that call, and no other audio of it"
    fix = f"if it is audio of the call, name it {call_id}_A or {call_id}_B"
    return problem(None, "ambiguous_name", file.relative, f"a name that is a number, {found}", expected, fix)


def _pairs(named: list[Named]) -> tuple[list[_Candidate], list[Named]]:
    """Pairs of sides (a, b), first those within a folder, then those below one root; and the sides left over."""
    pairs = []
    left = sorted(named, key=lambda item: plain_order(item[1]))
    places: tuple[Callable[[SourceFile], Any], ...] = (lambda f: (f.root, f.folder), lambda f: f.root)
    for place in places:
        waiting: dict[Any, list[Named]] = defaultdict(list)
        for name, file in left:
            same = waiting[place(file), name.style]
            if same and same[0][0].side != name.side:
                other = same.pop(0)[1]
                pairs.append(_Candidate(name, (file, other) if name.side == "a" else (other, file)))
            else:
                same.append((name, file))
        left = sorted((item for items in waiting.values() for item in items), key=lambda item: plain_order(item[1]))
    return pairs, left


def _without_links(ordered: list[Sources]) -> list[Sources]:
    """The candidates, but for links to the first."""
    first, *others = ordered
    return [first, *(other for other in others if not os.path.samefile(other[0].path, first[0].path))]


def _duplicates(call_id: str, kind: str, first: Sources, spare: list[Sources]) -> list[dict[str, Any]]:
    """Notes of the candidates that were not taken."""
    taken = sum(file.size for file in first)
    notes = []
    for other in spare:
        size = sum(file.size for file in other)
        found = f"a second {kind} of {size} bytes; the one taken has {taken}: {first[0].relative}"
        notes.append(problem(call_id, DUPLICATE, other[0].relative, found, f"one {kind} per call", _FIX_DUPLICATE))
    return notes


def plain_order(file: SourceFile) -> tuple[Any, ...]:
    """The root given first, fewer folders deep, alphabetical."""
    return file.root, file.relative.count("/"), file.relative


def _audio_order(candidate: _Candidate) -> tuple[Any, ...]:
    lossy = candidate.name.ending in LOSSY_ENDINGS
    rank = lossy, len(candidate.files), AUDIO_ENDINGS.index(candidate.name.ending)
    first = candidate.files[0]
    return any(file.size == 0 for file in candidate.files), first.root, rank, *plain_order(first)


def _transcript_order(file: SourceFile) -> tuple[Any, ...]:
    return file.size == 0, file.root, "trans" not in file.relative.lower().split("/"), *plain_order(file)
