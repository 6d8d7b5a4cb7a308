"""Finding recordings: WAV and FLAC files in any folder below the roots, and what belongs to each.

========================  ==========================================================================================
file                      is
========================  ==========================================================================================
``NAME.flac``, ``.wav``   a recording, left channel side a, right channel side b
``NAME.json``, ``.txt``   its transcript: beside it, else the only one of that name below the root (folders ``audio``
                          and ``text``, as J-Moshi has them)
``NAME.prompt.txt``       its agent's role prompt, beside it
========================  ==========================================================================================

A recording's id is its path below the root without the ending, with ``__`` for each slash. Where that is no id, or
could be another path's too, unsuitable characters become ``-`` and a hash of the path follows.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fisherprep.corpus.candidates import DUPLICATE, SourceFile, Sources, plain_order
from fisherprep.corpus.layout import checked_roots, source_file, unreadable, walk
from fisherprep.corpus.problems import presentable, problem

AUDIO_ENDINGS = ("flac", "wav")
"""In order of preference."""
TRANSCRIPT_ENDINGS = ("json", "txt")
PROMPT_ENDING = ".prompt.txt"
MAX_ID_CHARS = 100
_OTHER_AUDIO = ("mp3", "ogg", "opus", "m4a", "aac", "wma", "aif", "aiff", "sph", "mp4", "webm")
_FIX_FORMAT = "convert it to WAV or FLAC, from the original if there is one"


class Recording(NamedTuple):
    """A recording's files, in order of preference."""

    call_id: str
    audio: list[Sources]
    transcripts: list[SourceFile]
    prompt: SourceFile | None

    @property
    def mark(self) -> list[Any]:
        """What changes when a file does."""
        files = [*(file for (file,) in self.audio), *self.transcripts]
        return [file.mark for file in files]


@dataclass
class Found:
    """The recordings below the roots by id, and rows for the rejects table."""

    roots: list[Path]
    recordings: dict[str, Recording] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Index:
    audio: dict[tuple[int, str], list[SourceFile]] = field(default_factory=lambda: defaultdict(list))
    texts: dict[tuple[int, str], list[SourceFile]] = field(default_factory=lambda: defaultdict(list))
    prompts: dict[tuple[int, str], SourceFile] = field(default_factory=dict)
    endings: Counter[str] = field(default_factory=Counter)


def scan_recordings(roots: list[Path]) -> Found:
    """Walk the roots and put together what belongs together.

    Raises:
        ValueError: a root is no folder or lies in another, or there is no WAV or FLAC file below them.
    """
    found = Found(checked_roots(roots))
    index = _Index()
    entered: set[tuple[int, int]] = set()
    for number, root in enumerate(found.roots):
        for relative, name in walk(str(root), entered, found.notes):
            _add(index, found.notes, number, str(root), relative, name)
    if not index.audio:
        there = ", ".join(f"{n} {e or 'without ending'}" for e, n in sorted(index.endings.items())[:8]) or "no files"
        raise ValueError(
            f"{', '.join(map(str, roots))}: holds no WAV or FLAC file in any folder below; found instead: {there}. "
            "Expected stereo recordings with their transcripts beside them (docs/recordings.md)"
        )
    strays = _Strays(index)
    for key in sorted(index.audio, key=lambda key: plain_order(index.audio[key][0])):
        _add_recording(found, index, strays, key)
    found.notes += strays.notes()
    return found


def _add(index: _Index, notes: list[dict[str, Any]], number: int, root: str, relative: str, name: str) -> None:
    ending = os.path.splitext(name)[1].lower().removeprefix(".")
    index.endings[ending] += 1
    if ending in _OTHER_AUDIO:
        found = f"a file ending in .{presentable(ending)}"
        notes.append(problem(None, "wrong_format", relative, found, "a WAV or FLAC file", _FIX_FORMAT))
    if ending not in (*AUDIO_ENDINGS, *TRANSCRIPT_ENDINGS):
        return
    try:
        file = source_file(number, root, relative)
    except OSError as err:
        notes.append(unreadable(relative, err))
        return
    if name.lower().endswith(PROMPT_ENDING):
        index.prompts[number, relative[: -len(PROMPT_ENDING)]] = file
    else:
        kind = index.audio if ending in AUDIO_ENDINGS else index.texts
        kind[number, os.path.splitext(relative)[0]].append(file)


class _Strays:
    """Transcripts that lie beside no recording, by root and name."""

    def __init__(self, index: _Index) -> None:
        self.by_name: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
        for number, stem in sorted(index.texts.keys() - index.audio.keys()):
            self.by_name[number, os.path.basename(stem)].append((number, stem))
        self.texts = index.texts
        self.taken: set[tuple[int, str]] = set()

    def only_one(self, number: int, stem: str) -> list[SourceFile]:
        """The transcripts of that name, where they lie in one folder and no other recording took them."""
        keys = self.by_name.get((number, os.path.basename(stem)), [])
        if len(keys) != 1 or keys[0] in self.taken:
            return []
        self.taken.add(keys[0])
        return self.texts[keys[0]]

    def notes(self) -> list[dict[str, Any]]:
        """JSON files without a recording; other texts may be anything (a README)."""
        fix = "put them beside their recordings, under the same names"
        left = [
            file.relative
            for keys in self.by_name.values()
            for key in keys
            if key not in self.taken
            for file in self.texts[key]
            if file.relative.lower().endswith(".json")
        ]
        if not left:
            return []
        found = f"{len(left)} JSON files without a recording of the same name, such as {min(left)}"
        return [problem(None, "missing_audio", min(left), found, "a WAV or FLAC file for each", fix)]


def _add_recording(found: Found, index: _Index, strays: _Strays, key: tuple[int, str]) -> None:
    number, stem = key
    call_id = recording_id(stem)
    audio = sorted(index.audio[key], key=lambda file: (file.size == 0, _rank(file, AUDIO_ENDINGS), file.relative))
    texts = sorted(
        index.texts.get(key) or strays.only_one(number, stem),
        key=lambda file: (file.size == 0, _rank(file, TRANSCRIPT_ENDINGS), file.relative),
    )
    if call_id in found.recordings:
        taken = found.recordings[call_id].audio[0][0].relative
        fix = "remove one of them, or give first the root whose file is to be taken"
        for file in audio:
            expected = f"one recording of this name; the one taken is {taken}"
            found.notes.append(problem(call_id, DUPLICATE, file.relative, "another of this name", expected, fix))
        return
    for kind, files in (("recording", audio), ("transcript", texts)):
        for other in files[1:]:
            said = f"a second {kind}; the one taken is {files[0].relative}"
            fix = "nothing to do, or remove the one that is not meant"
            found.notes.append(problem(call_id, DUPLICATE, other.relative, said, f"one {kind} of this name", fix))
    if not texts:
        said, expected = "no transcript of this name", "NAME.json or NAME.txt beside it"
        fix = "add the transcript (docs/recordings.md says in which forms)"
        found.notes.append(problem(call_id, "missing_transcript", audio[0].relative, said, expected, fix))
        return
    found.recordings[call_id] = Recording(call_id, [(file,) for file in audio], texts, index.prompts.get(key))


def _rank(file: SourceFile, endings: tuple[str, ...]) -> int:
    return endings.index(os.path.splitext(file.relative)[1].lower().removeprefix("."))


def recording_id(stem: str) -> str:
    """The id of a recording, from its path below its root without the ending."""
    plain = "__".join(stem.split("/"))
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", plain)[:MAX_ID_CHARS]
    if safe == plain and safe[0].isalnum() and "__" not in stem:
        return plain
    return f"{safe if safe[:1].isalnum() else 'r' + safe}-{hashlib.sha256(stem.encode()).hexdigest()[:8]}"
