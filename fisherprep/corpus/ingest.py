"""The ingest stage: a Fisher release on disk becomes the conversations and turns tables.

First a plan is made of all calls (files, tables, splits), then shards of ten calls are done, each file read once. A
call that cannot be used (no audio, no transcript, unreadable, not one turn) leaves a row in rejects and none in
conversations. What belongs to no call (tables, walk) is written under the name ``ingest-release``.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from fisherprep.corpus.audio import Audio, read_audio
from fisherprep.corpus.channels import checked
from fisherprep.corpus.layout import Release, scan
from fisherprep.corpus.plan import Plan, make_plan
from fisherprep.corpus.problems import STAGE, BadInput
from fisherprep.corpus.tables import read_tables
from fisherprep.corpus.transcript import UNKNOWN, Transcript, Turn, parse_transcript, place_turns
from fisherprep.engine import Engine
from fisherprep.manifest import SplitRule
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, run_stage
from fisherprep.workfolder import WorkFolder, shard_of

FISHER_RATE_HZ = 8000
"""Rate of every SPHERE file of the releases; converted files may have another."""
MAX_TRANSCRIPT_BYTES = 16 << 20

FIX_FILE = "copy the file from the release again"


def ingest(
    roots: list[Path], out: Path, split: SplitRule, name: str, engine: Engine, checks: bool = True
) -> StageSummary:
    """Bring the conversations and turns tables of a work folder up to date with a release.

    Args:
        roots: one or more folders that together hold audio, transcripts and tables, in any layout.
        out: the work folder, made when missing.
        split: shares of calls to hold out; no speaker is in two splits.
        name: name of the dataset.
        engine: where shards are done.
        checks: check both channels of every call (`fisherprep.corpus.channels`); else those columns are null.

    Returns:
        Counts of all shards: ``audio_s``, calls by part, transcriber and split, turns, words, flags, rejects by reason.

    Raises:
        ValueError: the roots hold no release, or the work folder is another dataset's, of another version or in use.
    """
    release = scan(roots)
    plan = make_plan(release, read_tables(release), split, name)
    work = WorkFolder.create(out, name, [str(root) for root in release.roots])
    with work.lock(STAGE):
        calls = run_stage(work, CALLS, _shards(plan, release), {"checks": checks}, engine)
        if not plan.release_notes and not work.done(RELEASE.name):
            return calls
        notes = [Shard("notes", plan.release_notes, plan.release_notes)] if plan.release_notes else []
        return _together(calls, run_stage(work, RELEASE, notes, {}, engine))


def _shards(plan: Plan, release: Release) -> list[Shard]:
    """Shards of all calls that are planned or noted. Times of change are in the inputs alone, never in a table."""
    ids: dict[str, list[str]] = defaultdict(list)
    for call_id in sorted(plan.calls.keys() | plan.call_notes.keys()):
        ids[shard_of(call_id)].append(call_id)
    shards = []
    for shard, members in ids.items():
        planned = [c for c in members if c in plan.calls]
        notes = [note for c in members for note in plan.call_notes.get(c, [])]
        rows = [plan.calls[c] for c in planned]
        files = [(release.audio[c], release.transcripts[c]) for c in planned]
        inputs = [rows, [[audio.mark, text.mark] for audio, text in files], notes]
        paths = [(str(audio.path), str(text.path)) for audio, text in files]
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
    for row, (audio, transcript) in zip(payload["rows"], payload["paths"], strict=True):
        _ingest_call(row, Path(audio), Path(transcript), result, config.get("checks", True))
    return result


def _ingest_call(
    row: dict[str, Any], audio_path: Path, transcript_path: Path, result: ShardResult, checks: bool
) -> None:
    call_id = row["call_id"]
    try:
        place = row["audio_file"]
        audio = _read_call_audio(audio_path)
        place = row["transcript_file"]
        transcript = _read_transcript(transcript_path, call_id, listed=row["transcriber"])
        turns, outside = place_turns(transcript, audio.duration_s)
        odd = sorted([*transcript.odd, *outside], key=lambda item: item[0])
        result.rejects.extend(err.row(call_id, f"{place}:{line}") for line, err in odd)
        if not turns:
            raise BadInput("no_turns", f"{len(odd)} unusable lines", "one utterance or more", FIX_FILE)
    except BadInput as err:
        result.rejects.append(err.row(call_id, place))
        return
    conversation = _conversation(row, audio, transcript)
    if checks:
        conversation = checked(conversation, audio.samples, audio.rate_hz, turns)
    result.rows["conversations"].append(conversation)
    result.rows["turns"].extend(_turn_row(call_id, number, turn) for number, turn in enumerate(turns))
    _count(result, conversation, turns)


def _read_call_audio(path: Path) -> Audio:
    audio = read_audio(path)
    channels = audio.samples.shape[0]
    if channels != 2:
        raise BadInput("wrong_channels", f"{channels} channels", "2: side A, side B", "give the file with both sides")
    if audio.format.startswith("sphere") and audio.rate_hz != FISHER_RATE_HZ:
        raise BadInput("wrong_rate", f"{audio.rate_hz} Hz", f"{FISHER_RATE_HZ} Hz in Fisher's SPHERE files", FIX_FILE)
    return audio


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


def _conversation(row: dict[str, Any], audio: Audio, transcript: Transcript) -> dict[str, Any]:
    return row | {
        "audio_format": audio.format,
        "audio_bytes": audio.num_bytes,
        "audio_sha256": audio.sha256,
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
