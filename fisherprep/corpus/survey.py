"""What an ingest would use, from names and tables alone: no audio is read, nothing is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fisherprep.corpus.layout import Release, scan
from fisherprep.corpus.names import LAST_CALL_OF_PART, TABLE_KINDS, part_of
from fisherprep.corpus.tables import read_tables

_MIB = 1 << 20
_EXAMPLES = 5


@dataclass
class Part:
    """Calls of one part of Fisher: how many there should be, and ids of those that are there or lack something."""

    expected: int | None
    audio: list[str] = field(default_factory=list)
    transcripts: list[str] = field(default_factory=list)
    usable: list[str] = field(default_factory=list)
    missing_audio: list[str] = field(default_factory=list)
    missing_transcripts: list[str] = field(default_factory=list)
    one_sided: list[str] = field(default_factory=list)
    absent: int | None = 0
    """calls of the release of which nothing is there"""


@dataclass
class Survey:
    """What the folders hold. ``parts`` by name: part 1, part 2, and no part for numbers that no release has."""

    roots: list[Path]
    parts: dict[str, Part]
    audio_bytes: int
    audio_kinds: Counter[str]
    """taken files by ending; ``pair of .wav`` where each side has its own"""
    tables: dict[str, list[str]]
    """paths below their roots, by kind"""
    duplicates: dict[str, int]
    """candidates not taken: audio, transcript"""
    archives: list[str]
    other_notes: Counter[str]
    """further rows of the rejects table that the ingest would write before reading audio, by reason"""

    def rows(self) -> list[tuple[str, str]]:
        """The survey as lines of a table."""
        rows = []
        for name, part in self.parts.items():
            of = f" of {part.expected:,}" if part.expected else ""
            rows.append((f"{name}: calls that would be used", f"{len(part.usable):,}{of}"))
            rows.append((f"{name}: with audio / with transcript", f"{len(part.audio):,} / {len(part.transcripts):,}"))
            for what in ("missing_audio", "missing_transcripts", "one_sided"):
                if ids := getattr(part, what):
                    rows.append((f"{name}: {what.replace('_', ' ')}", _some(ids)))
            if part.absent:
                rows.append((f"{name}: nothing there", f"{part.absent:,}"))
        rows.append(("audio taken", f"{self.audio_bytes / _MIB:,.1f} MiB"))
        rows += [(f"audio files: {kind}", f"{n:,}") for kind, n in sorted(self.audio_kinds.items())]
        rows += [(f"table {kind}", _some(self.tables.get(kind, []))) for kind in TABLE_KINDS]
        rows += [(f"duplicate {kind}", f"{n:,}") for kind, n in self.duplicates.items() if n]
        if self.archives:
            rows.append(("archives, not opened", _some(self.archives)))
        rows += [(f"note: {reason}", f"{n:,}") for reason, n in sorted(self.other_notes.items())]
        return rows


def survey(roots: list[Path]) -> Survey:
    """Say what an ingest of these folders would use.

    Raises:
        ValueError: as ingest does, where the folders hold no release.
    """
    release = scan(roots)
    notes = [*release.notes, *read_tables(release).problems]
    duplicates = [note for note in notes if note["reason"] == "duplicate"]
    transcripts = sum(note["expected"].startswith("one transcript") for note in duplicates)
    return Survey(
        roots=release.roots,
        parts=_parts(release),
        audio_bytes=sum(file.size for files in release.audio.values() for file in files),
        audio_kinds=Counter(map(_kind, release.audio.values())),
        tables={kind: [file.relative for file in files] for kind, files in release.tables.items()},
        duplicates={"audio": len(duplicates) - transcripts, "transcript": transcripts},
        archives=release.archives,
        other_notes=Counter(note["reason"] for note in notes if note["reason"] != "duplicate"),
    )


def _parts(release: Release) -> dict[str, Part]:
    first, last = LAST_CALL_OF_PART[1], LAST_CALL_OF_PART[2]
    parts = {1: Part(first), 2: Part(last - first), None: Part(None)}
    for call_id in sorted(release.audio.keys() | release.transcripts.keys() | release.one_sided.keys()):
        part = parts[part_of(call_id)]
        has_audio, has_transcript = call_id in release.audio, call_id in release.transcripts
        for holds, ids in (
            (has_audio, part.audio),
            (has_transcript, part.transcripts),
            (has_audio and has_transcript, part.usable),
            (not has_audio and call_id not in release.one_sided, part.missing_audio),
            (not has_transcript, part.missing_transcripts),
            (call_id in release.one_sided, part.one_sided),
        ):
            if holds:
                ids.append(call_id)
    for part in parts.values():
        there = set(part.audio) | set(part.transcripts) | set(part.one_sided)
        part.absent = part.expected - len(there) if part.expected else None
    named = {f"part {number}" if number else "no part": part for number, part in parts.items()}
    return {name: part for name, part in named.items() if part.expected or part.audio or part.transcripts}


def _kind(files: Any) -> str:
    ending = "." + files[0].relative.rpartition(".")[2].partition(";")[0].lower()
    return ending if len(files) == 1 else f"pair of {ending}"


def _some(ids: list[str]) -> str:
    if not ids:
        return "none"
    shown = ", ".join(ids[:_EXAMPLES])
    return f"{len(ids):,}: {shown}{', ...' if len(ids) > _EXAMPLES else ''}"
