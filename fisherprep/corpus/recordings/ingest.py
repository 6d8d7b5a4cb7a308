"""The ingest stage for recordings: stereo files with transcripts become the conversations and turns tables.

As with a release, a plan is made first (files, prompts, speakers, splits), then shards of calls are done. A recording
that cannot be used leaves a row in rejects and none in conversations.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fisherprep.corpus.call import Options, add_call, read_sound
from fisherprep.corpus.ingest import run_ingest
from fisherprep.corpus.problems import STAGE, BadInput, problem
from fisherprep.corpus.recordings.about import About, about_files, prompt_text, speakers
from fisherprep.corpus.recordings.layout import Found, Recording, scan_recordings
from fisherprep.corpus.recordings.listing import length_note, listed
from fisherprep.corpus.recordings.transcript import read_told
from fisherprep.engine import Engine
from fisherprep.manifest import SplitRule
from fisherprep.schema import CONVERSATIONS, SIDES
from fisherprep.splits import assign_splits
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary
from fisherprep.workfolder import WorkFolder, shard_of

DEFAULT_OPTIONS = Options(errata=False)
MAX_LENGTH_ERROR_S = 0.1
"""A list's durations are those of other programs; a difference up to this is rounding."""


@dataclass
class RecordingsPlan:
    """``rows``: what conversations will hold of each recording, by id, before its files are read."""

    found: Found
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    stated_s: dict[str, float | None] = field(default_factory=dict)
    notes: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """rows for rejects, by id; those of no planned recording under ``""``"""

    def summary(self) -> list[tuple[str, str]]:
        """The plan as lines of a table."""
        rows = self.rows.values()
        agents = Counter(row["agent_side"] or "either" for row in rows)
        counts = {"recordings with a transcript": len(self.rows)}
        counts |= {f"agent: {agent}": n for agent, n in sorted(agents.items())}
        counts |= {"with a role prompt": sum(row["role_prompt"] is not None for row in rows)}
        counts |= {"speakers": len({row[f"speaker_{side}"] for row in rows for side in SIDES})}
        reasons = Counter(note["reason"] for notes in self.notes.values() for note in notes)
        counts |= {f"would be noted: {reason}": n for reason, n in sorted(reasons.items())}
        return [(what, f"{count:,}") for what, count in counts.items()]


def ingest_recordings(
    roots: list[Path],
    out: Path,
    split: SplitRule,
    name: str,
    engine: Engine,
    agent: str | None,
    prompt: str | None = None,
    lists: Sequence[Path] = (),
    options: Options = DEFAULT_OPTIONS,
) -> StageSummary:
    """Bring the conversations and turns tables of a work folder up to date with recordings, and write the report.

    Args:
        roots: folders with stereo WAV or FLAC files and transcripts, in any layout.
        out: the work folder, made when missing.
        split: shares of recordings to hold out; no speaker is in two splits.
        name: name of the dataset.
        engine: where shards are done.
        agent: the agent's side, a or b, where a recording does not say itself; None: either side.
        prompt: the agent's role prompt, where a recording brings none.
        lists: moshi-finetune's lists of files; when given, only recordings they name are taken.
        options: how strictly audio is read.

    Returns:
        Counts of all shards, as of a release, and ``recordings: role prompt``.

    Raises:
        ValueError: there are no recordings, the split is not by speaker, the prompt cannot be used, a list cannot be
            read, or the work folder is another dataset's, of another version or in use.
    """
    plan = plan_recordings(roots, split, name, agent, prompt, lists)
    work = WorkFolder.create(out, name, [str(root) for root in plan.found.roots])
    config = vars(options) | {"layout": "stereo"}
    return run_ingest(work, RECORDINGS, _shards(plan), config, plan.notes[""], engine)


def plan_recordings(
    roots: list[Path], split: SplitRule, name: str, agent: str | None, prompt: str | None, lists: Sequence[Path]
) -> RecordingsPlan:
    """Put files, prompts and speakers together and draw the splits; arguments and errors of `ingest_recordings`."""
    if split.by != "speaker":
        raise ValueError(f"dataset {name}: split.by is {split.by!r}; recordings are split by 'speaker'")
    default = About(agent=agent, prompt=None if prompt is None else prompt_text(prompt))
    plan = RecordingsPlan(scan_recordings(roots))
    said = listed(plan.found, lists) if lists else dict.fromkeys(plan.found.recordings, About())
    for call_id in sorted(said):
        recording = plan.found.recordings[call_id]
        about = about_files(call_id, recording.prompt, recording.transcripts[0], plan.notes[call_id])
        about = about.over(said[call_id]).over(default)
        plan.rows[call_id] = _row(recording, about, name, plan.notes[call_id])
        plan.stated_s[call_id] = about.duration_s
    for note in plan.found.notes:
        plan.notes[note["call_id"] if note["call_id"] in plan.rows else ""].append(note)
    groups = {call_id: (row["speaker_a"], row["speaker_b"]) for call_id, row in plan.rows.items()}
    for call_id, drawn in assign_splits(groups, split.valid, split.test, split.seed).items():
        plan.rows[call_id]["split"] = drawn
        if drawn == "excluded":
            plan.rows[call_id]["flags"].append("shares_heldout_speaker")
    return plan


def _row(recording: Recording, about: About, name: str, notes: list[dict[str, Any]]) -> dict[str, Any]:
    prompt = about.prompt
    if prompt and about.agent is None:
        place, expected = recording.audio[0][0].relative, "an agent that it is the prompt of"
        fix = "say which channel is the agent: --agent-channel left or right"
        notes.append(problem(recording.call_id, "prompt_without_agent", place, "a role prompt", expected, fix))
        prompt = None
    row: dict[str, Any] = dict.fromkeys(column.name for column in CONVERSATIONS.columns)
    row |= {"call_id": recording.call_id, "corpus": name, "agent_side": about.agent, "role_prompt": prompt, "flags": []}
    return row | speakers(recording.call_id, about)


def _shards(plan: RecordingsPlan) -> list[Shard]:
    ids: dict[str, list[str]] = defaultdict(list)
    for call_id in sorted(plan.rows):
        ids[shard_of(call_id)].append(call_id)
    shards = []
    for shard, members in ids.items():
        payload: dict[str, list[Any]] = {
            "rows": [plan.rows[c] for c in members],
            "recordings": [plan.found.recordings[c] for c in members],
            "stated_s": [plan.stated_s[c] for c in members],
            "notes": [note for c in members for note in plan.notes[c]],
        }
        inputs = {**payload, "recordings": [recording.mark for recording in payload["recordings"]]}
        shards.append(Shard(shard, inputs, payload))
    return shards


def process(payload: dict[str, Any], config: dict[str, Any]) -> ShardResult:
    """Read the files of a shard's recordings: rows of conversations and turns, and rejects."""
    result = ShardResult({"conversations": [], "turns": []}, list(payload["notes"]))
    options = Options(**{key: value for key, value in config.items() if key != "layout"})
    for row, recording, stated_s in zip(payload["rows"], payload["recordings"], payload["stated_s"], strict=True):
        _add_recording(row, recording, stated_s, options, result)
    return result


def _add_recording(
    row: dict[str, Any], recording: Recording, stated_s: float | None, options: Options, result: ShardResult
) -> None:
    sound, refused = read_sound(recording.audio, options)
    if sound and not sound.audio.format.startswith(("wav", "flac")):
        found, fix = f"{sound.audio.format} under this name", "convert it to WAV or FLAC"
        refused[sound.sources[0].relative] = BadInput("wrong_format", found, "a WAV or FLAC file", fix)
        sound = None
    told = None
    if sound:
        told, refused_texts = read_told(recording.transcripts, sound.audio)
        refused |= refused_texts
    add_call(row, sound, told, refused, options, result)
    if not (sound and told):
        return
    result.counters["recordings: role prompt"] += row["role_prompt"] is not None
    duration_s = sound.audio.duration_s
    if stated_s is not None and abs(duration_s - stated_s) > MAX_LENGTH_ERROR_S:
        result.rejects.append(length_note(row["call_id"], sound.sources[0].relative, duration_s, stated_s))


RECORDINGS = Stage(STAGE, 1, ("conversations", "turns"), process)
