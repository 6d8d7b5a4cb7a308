"""One call of a release: its files in, rows of conversations and turns, and rejects, out.

Of several files for a call the first that is sound is taken; where none is, the first that the options let pass. The
files passed over are rejects with what is wrong in them, and the call is flagged ``spare_file``. A call without usable
audio, or without a usable transcript, has rejects and no row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from fisherprep.corpus.audio import Audio
from fisherprep.corpus.call_audio import is_lossy, join_sides, read_call_files
from fisherprep.corpus.candidates import DUPLICATE, SourceFile, Sources
from fisherprep.corpus.channels import checked
from fisherprep.corpus.errata import Erratum, apply_errata, load_errata
from fisherprep.corpus.problems import BadInput, problem
from fisherprep.corpus.transcript import OUTSIDE_AUDIO, UNKNOWN, Transcript, Turn, parse_transcript, place_turns
from fisherprep.stage import ShardResult

MAX_TRANSCRIPT_BYTES = 16 << 20

FIX_FILE = "copy the file from the release again"

Refusals = dict[str, BadInput]
"""What is wrong with the files that were not taken, by place."""


@dataclass(frozen=True)
class Options:
    """How strictly a release is read."""

    salvage: bool = False
    """take damaged audio as far as it decodes, flagged, instead of rejecting it"""
    verify_checksum: bool = True
    """reject audio whose samples are not those of the header's checksum"""
    errata: bool = True
    """mend known errors of the release (errata.yaml)"""
    checks: bool = True
    """check both channels of every call (`fisherprep.corpus.channels`); else those columns are null"""


class CallFiles(NamedTuple):
    """A call's files, in order of preference."""

    audio: list[Sources]
    transcripts: list[SourceFile]

    @property
    def mark(self) -> list[Any]:
        """What changes when a file does."""
        return [[[file.mark for file in files] for files in self.audio], [file.mark for file in self.transcripts]]


class Sound(NamedTuple):
    """The audio taken for a call."""

    sources: Sources
    parts: list[Audio]
    """one of both sides, or one a side"""
    audio: Audio


class Told(NamedTuple):
    """The transcript taken for a call."""

    source: SourceFile
    transcriber: str
    turns: list[Turn]
    odd: list[tuple[str, BadInput]]
    """what is wrong in it, by place: a line's number"""
    corrections: Counter[str]


def ingest_call(row: dict[str, Any], files: CallFiles, options: Options, result: ShardResult) -> None:
    """Read a call's files and add its rows to the result.

    Args:
        row: what is known of the call without its files, a row of conversations in the making.
        files: those of the call.
        options: how strictly they are read.
        result: of the shard.
    """
    call_id = row["call_id"]
    errata = load_errata().get(call_id, ()) if options.errata else ()
    sound, refused = read_sound(files.audio, options)
    told = None
    if sound:
        listed = row["transcriber"]
        told, refused_texts = _read_text(files.transcripts, call_id, listed, errata, sound.audio.duration_s)
        refused |= refused_texts
    listed_bad = any(erratum.do == "flag" for erratum in errata)
    flagged = row | {"flags": [*row["flags"], *(["listed_bad_audio"] if listed_bad else [])]}
    add_call(flagged, sound, told, refused, options, result)


def add_call(
    row: dict[str, Any],
    sound: Sound | None,
    told: Told | None,
    refused: Refusals,
    options: Options,
    result: ShardResult,
) -> None:
    """Add a call's rows, rejects and counts to the result; no rows where audio or transcript is None.

    Args:
        row: what is known of the call without its files.
        sound: its audio.
        told: its transcript.
        refused: what is wrong with the files that were not taken.
        options: whether channels are checked.
        result: of the shard.
    """
    call_id = row["call_id"]
    result.rejects.extend(err.row(call_id, place) for place, err in refused.items())
    if not (sound and told):
        return
    place = told.source.relative
    result.rejects.extend(err.row(call_id, f"{place}:{line}" if line else place) for line, err in told.odd)
    result.rejects.extend(_mendings(call_id, sound))
    if refused:
        _no_longer_duplicates(result, call_id, {sound.sources[0].relative, place})
    conversation = _conversation(row, sound, told)
    conversation["flags"] = [*row["flags"], *_flags(sound, told, spare=bool(refused))]
    if options.checks:
        conversation = checked(conversation, sound.audio.samples, sound.audio.rate_hz, told.turns)
    result.rows["conversations"].append(conversation)
    result.rows["turns"].extend(_turn_row(call_id, number, turn) for number, turn in enumerate(told.turns))
    result.counters.update(told.corrections)
    _count(result, conversation, told.turns)


def read_sound(candidates: list[Sources], options: Options) -> tuple[Sound | None, Refusals]:
    """The first sound candidate, else the first that the options let pass."""
    refused: Refusals = {}
    ways = dict.fromkeys([(False, True), (options.salvage, options.verify_checksum)])
    for (salvage, verify_checksum), sources in product(ways, candidates):
        place = " + ".join(file.relative for file in sources)
        try:
            parts = read_call_files([Path(file.path) for file in sources], salvage, verify_checksum)
            audio = join_sides(parts)
        except BadInput as err:
            refused[place] = err.with_traceback(None)  # which would keep the samples
        else:
            refused.pop(place, None)
            return Sound(sources, parts, audio), refused
    return None, refused


def _read_text(
    candidates: list[SourceFile], call_id: str, listed: str | None, errata: tuple[Erratum, ...], duration_s: float
) -> tuple[Told | None, Refusals]:
    """The first candidate with a turn that can be used."""
    refused: Refusals = {}
    for source in candidates:
        try:
            transcript = _read_transcript(Path(source.path), call_id, listed)
            corrections = apply_errata(transcript, errata)
            turns, outside = place_turns(transcript, duration_s)
            odd = [
                (str(line or ""), err) for line, err in sorted([*transcript.odd, *outside], key=lambda item: item[0])
            ]
            if not turns:
                found = f"{len(odd)} unusable lines" if source.size else "a file of 0 bytes"
                raise BadInput("no_turns", found, "one utterance or more", FIX_FILE)
        except BadInput as err:
            refused[source.relative] = err.with_traceback(None)
        else:
            return Told(source, transcript.transcriber, turns, odd, corrections), refused
    return None, refused


def _mendings(call_id: str, sound: Sound) -> list[dict[str, Any]]:
    place = " + ".join(file.relative for file in sound.sources)
    expected = "a file that needs no mending"
    return [
        problem(call_id, flag, place, note, expected, f"{FIX_FILE}, or look for the flag {flag}")
        for part in sound.parts
        for flag, note in zip(part.flags, part.notes, strict=True)
    ]


def _no_longer_duplicates(result: ShardResult, call_id: str, taken: set[str]) -> None:
    """Spare files that were taken after all are no duplicates."""
    result.rejects[:] = [
        note
        for note in result.rejects
        if (note["call_id"], note["reason"]) != (call_id, DUPLICATE) or note["place"] not in taken
    ]


def _flags(sound: Sound, told: Told, spare: bool) -> list[str]:
    found = {
        "lossy_audio": is_lossy(sound.audio),
        "spare_file": spare,
        "audio_ends_early": sum(err.reason == OUTSIDE_AUDIO for _, err in told.odd) > 1,
    }
    return [*dict.fromkeys(sound.audio.flags), *(flag for flag, holds in found.items() if holds)]


def read_bytes(path: Path) -> bytes:
    """A transcript's bytes.

    Raises:
        BadInput: it cannot be read, or is no transcript of one call by its size.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_TRANSCRIPT_BYTES + 1)
    except OSError as err:
        found = err.strerror or str(err)
        raise BadInput("unreadable_transcript", found, "a readable file", "check disk and permissions") from err
    if len(raw) > MAX_TRANSCRIPT_BYTES:
        raise BadInput("too_large", f"over {MAX_TRANSCRIPT_BYTES} bytes", "a transcript of one call", FIX_FILE)
    return raw


def _read_transcript(path: Path, call_id: str, listed: str | None) -> Transcript:
    """The parsed file; its own comment says who transcribed it, else the file list does (``listed``)."""
    transcript = parse_transcript(read_bytes(path))
    if transcript.named_calls and call_id not in transcript.named_calls:
        named = ", ".join(sorted(transcript.named_calls)[:3])
        raise BadInput("wrong_transcript", f"a comment that names {named}", call_id, "put each file under its own name")
    if transcript.transcriber == UNKNOWN:
        transcript.transcriber = listed or UNKNOWN
    return transcript


def _conversation(row: dict[str, Any], sound: Sound, told: Told) -> dict[str, Any]:
    first, *second = sound.sources
    parts, audio = sound.parts, sound.audio
    return row | {
        "audio_root": first.root,
        "audio_file": first.relative,
        "audio_format": audio.format,
        "audio_bytes": parts[0].num_bytes,
        "audio_sha256": parts[0].sha256,
        "audio_file_b": second[0].relative if second else None,
        "audio_bytes_b": parts[1].num_bytes if second else None,
        "audio_sha256_b": parts[1].sha256 if second else None,
        "sample_rate_hz": audio.rate_hz,
        "num_samples": audio.samples.shape[1],
        "duration_s": audio.duration_s,
        "transcript_file": told.source.relative,
        "transcriber": told.transcriber,
    }


def _turn_row(call_id: str, number: int, turn: Turn) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "turn": number,
        "side": turn.side,
        "start_s": turn.start_s,
        "end_s": turn.end_s,
        "text": turn.text,
        "words": turn.words,
        "flags": turn.flags,
        "word_times": turn.word_times and [{"start_s": start_s, "end_s": end_s} for start_s, end_s in turn.word_times],
    }


def _count(result: ShardResult, conversation: dict[str, Any], turns: list[Turn]) -> None:
    counters = result.counters
    counters["calls"] += 1
    counters["audio_s"] += conversation["duration_s"]
    for name in ("part", "transcriber", "split"):
        counters[f"calls: {name} {conversation[name] or UNKNOWN}"] += 1
    counters["turns"] += len(turns)
    counters["words"] += sum(len(turn.words) for turn in turns)
    counters.update(f"flag: {flag}" for item in (conversation["flags"], *(t.flags for t in turns)) for flag in item)
