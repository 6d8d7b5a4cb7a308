"""The ingest stage: a Fisher release on disk becomes the conversations and turns tables, and a report.

First a plan is made of all calls (files, tables, splits), then shards of ten calls are done, each file read once. A
call that cannot be used (no audio, no transcript, unreadable, not one turn) leaves a row in rejects and none in
conversations. What belongs to no call (tables, walk) is written under the name ``ingest-release``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fisherprep.corpus.audio import Audio
from fisherprep.corpus.call_audio import is_lossy, join_sides, read_call_files
from fisherprep.corpus.channels import checked
from fisherprep.corpus.errata import apply_errata, load_errata
from fisherprep.corpus.layout import Release, scan
from fisherprep.corpus.plan import Plan, make_plan
from fisherprep.corpus.problems import STAGE, BadInput, problem
from fisherprep.corpus.report import write_report
from fisherprep.corpus.tables import read_tables
from fisherprep.corpus.transcript import UNKNOWN, Transcript, Turn, parse_transcript, place_turns
from fisherprep.engine import Engine
from fisherprep.manifest import SplitRule
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, run_stage
from fisherprep.workfolder import WorkFolder, shard_of

MAX_TRANSCRIPT_BYTES = 16 << 20

FIX_FILE = "copy the file from the release again"


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


DEFAULT_OPTIONS = Options()


def ingest(
    roots: list[Path], out: Path, split: SplitRule, name: str, engine: Engine, options: Options = DEFAULT_OPTIONS
) -> StageSummary:
    """Bring the conversations and turns tables of a work folder up to date with a release, and write the report.

    Args:
        roots: one or more folders that together hold audio, transcripts and tables, in any layout.
        out: the work folder, made when missing.
        split: shares of calls to hold out; no speaker is in two splits.
        name: name of the dataset.
        engine: where shards are done.
        options: how strictly files are read.

    Returns:
        Counts of all shards: ``audio_s``, calls by part, transcriber and split, turns, words, flags, errata, rejects by
        reason.

    Raises:
        ValueError: the roots hold no release, or the work folder is another dataset's, of another version or in use.
    """
    release = scan(roots)
    plan = make_plan(release, read_tables(release), split, name)
    work = WorkFolder.create(out, name, [str(root) for root in release.roots])
    with work.lock(STAGE):
        summary = run_stage(work, CALLS, _shards(plan, release, options), vars(options), engine)
        if plan.release_notes or work.done(RELEASE.name):
            notes = [Shard("notes", plan.release_notes, plan.release_notes)] if plan.release_notes else []
            summary = _together(summary, run_stage(work, RELEASE, notes, {}, engine))
        write_report(work, summary)
    return summary


def _shards(plan: Plan, release: Release, options: Options) -> list[Shard]:
    """Shards of all calls that are planned or noted. Times of change are in the inputs alone, never in a table."""
    ids: dict[str, list[str]] = defaultdict(list)
    for call_id in sorted(plan.calls.keys() | plan.call_notes.keys()):
        ids[shard_of(call_id)].append(call_id)
    errata = load_errata() if options.errata else {}
    shards = []
    for shard, members in ids.items():
        planned = [c for c in members if c in plan.calls]
        notes = [note for c in members for note in plan.call_notes.get(c, [])]
        rows = [plan.calls[c] for c in planned]
        files = [(*release.audio[c], release.transcripts[c]) for c in planned]
        known = [erratum.mark for c in planned for erratum in errata.get(c, ())]
        inputs = [rows, [[file.mark for file in call] for call in files], notes, known]
        paths = [[file.path for file in call] for call in files]
        shards.append(Shard(shard, inputs, {"rows": rows, "paths": paths, "notes": notes}))
    return shards


def _together(calls: StageSummary, release: StageSummary) -> StageSummary:
    return StageSummary(
        shards=calls.shards,
        ran=calls.ran,
        removed=calls.removed,
        counters=calls.counters,
        rows=calls.rows + release.rows,
        rejects=calls.rejects + release.rejects,
    )


def process(payload: dict[str, Any], config: dict[str, Any]) -> ShardResult:
    """Read the files of a shard's calls: rows of conversations and turns, and rejects."""
    result = ShardResult({"conversations": [], "turns": []}, list(payload["notes"]))
    for row, paths in zip(payload["rows"], payload["paths"], strict=True):
        *audio, transcript = map(Path, paths)
        _ingest_call(row, audio, transcript, Options(**config), result)
    return result


def _ingest_call(
    row: dict[str, Any], audio_paths: list[Path], transcript_path: Path, options: Options, result: ShardResult
) -> None:
    call_id = row["call_id"]
    errata = load_errata().get(call_id, ()) if options.errata else ()
    try:
        place = " + ".join(filter(None, (row["audio_file"], row["audio_file_b"])))
        files = read_call_files(audio_paths, options.salvage, options.verify_checksum)
        audio = join_sides(files)
        mended = [_mended(call_id, place, *how) for file in files for how in zip(file.flags, file.notes, strict=True)]
        place = row["transcript_file"]
        transcript = _read_transcript(transcript_path, call_id, listed=row["transcriber"])
        corrections = apply_errata(transcript, errata)
        turns, outside = place_turns(transcript, audio.duration_s)
        odd = sorted([*transcript.odd, *outside], key=lambda item: item[0])
        result.rejects.extend(err.row(call_id, f"{place}:{line}" if line else place) for line, err in odd)
        if not turns:
            raise BadInput("no_turns", f"{len(odd)} unusable lines", "one utterance or more", FIX_FILE)
    except BadInput as err:
        result.rejects.append(err.row(call_id, place))
        return
    conversation = _conversation(row, files, audio, transcript)
    listed_bad = any(erratum.do == "flag" for erratum in errata)
    found = {**dict.fromkeys(audio.flags, True), "lossy_audio": is_lossy(audio), "listed_bad_audio": listed_bad}
    conversation["flags"] = [*row["flags"], *(flag for flag, holds in found.items() if holds)]
    if options.checks:
        conversation = checked(conversation, audio.samples, audio.rate_hz, turns)
    result.rejects.extend(mended)
    result.rows["conversations"].append(conversation)
    result.rows["turns"].extend(_turn_row(call_id, number, turn) for number, turn in enumerate(turns))
    result.counters.update(corrections)
    _count(result, conversation, turns)


def _mended(call_id: str, place: str, flag: str, note: str) -> dict[str, Any]:
    expected = "a file that needs no mending"
    return problem(call_id, flag, place, note, expected, f"{FIX_FILE}, or look for the flag {flag}")


def _read_transcript(path: Path, call_id: str, listed: str | None) -> Transcript:
    """The parsed file; its own comment says who transcribed it, else the file list does (``listed``)."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_TRANSCRIPT_BYTES + 1)
    except OSError as err:
        found = err.strerror or str(err)
        raise BadInput("unreadable_transcript", found, "a readable file", "check disk and permissions") from err
    if len(raw) > MAX_TRANSCRIPT_BYTES:
        raise BadInput("too_large", f"over {MAX_TRANSCRIPT_BYTES} bytes", "a transcript of one call", FIX_FILE)
    transcript = parse_transcript(raw)
    if transcript.named_calls and call_id not in transcript.named_calls:
        named = ", ".join(sorted(transcript.named_calls)[:3])
        raise BadInput("wrong_transcript", f"a comment that names {named}", call_id, "put each file under its own name")
    if transcript.transcriber == UNKNOWN:
        transcript.transcriber = listed or UNKNOWN
    return transcript


def _conversation(row: dict[str, Any], files: list[Audio], audio: Audio, transcript: Transcript) -> dict[str, Any]:
    if len(files) > 1:
        row = row | {"audio_bytes_b": files[1].num_bytes, "audio_sha256_b": files[1].sha256}
    return row | {
        "audio_format": audio.format,
        "audio_bytes": files[0].num_bytes,
        "audio_sha256": files[0].sha256,
        "sample_rate_hz": audio.rate_hz,
        "num_samples": audio.samples.shape[1],
        "duration_s": audio.duration_s,
        "transcriber": transcript.transcriber,
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


CALLS = Stage(STAGE, 2, ("conversations", "turns"), process)


def _process_notes(payload: list[dict[str, Any]], config: dict[str, Any]) -> ShardResult:
    return ShardResult({}, payload)


RELEASE = Stage(f"{STAGE}-release", 1, (), _process_notes)
