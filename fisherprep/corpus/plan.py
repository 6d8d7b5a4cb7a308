"""Which calls are ingested, with what the tables say of them: everything that is known before any audio is read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from fisherprep.corpus.layout import Release
from fisherprep.corpus.names import AUDIO_NAMES, TRANSCRIPT_NAMES, part_of
from fisherprep.corpus.problems import problem
from fisherprep.corpus.tables import Record, Tables
from fisherprep.manifest import SplitRule
from fisherprep.schema import CONVERSATIONS
from fisherprep.splits import assign_splits

_FROM_CALLDATA = (
    "date_time", "topic_id", "signal_grade", "conversation_grade", "transcriber", "volume",
    *(f"{name}_{side}" for side in "ab"
      for name in ("pin", "sex", "dialect", "phone_number", "phone_set", "phone_type")),
)  # fmt: skip
_FROM_PINDATA = ("pin_sex", "age", "education", "native_language", "where_raised", "sides_listed")


@dataclass(frozen=True)
class Plan:
    """``calls``: rows of the conversations table by call id, as far as they are known. Notes are rows for rejects."""

    calls: dict[str, Record]
    call_notes: dict[str, list[dict[str, Any]]]
    """by call id"""
    release_notes: list[dict[str, Any]]


def make_plan(release: Release, tables: Tables, rule: SplitRule, corpus: str) -> Plan:
    """Put files and tables together; calls that lack audio or transcript are noted.

    Speakers are PINs. A side without one is a speaker of its own, named after call and side.

    Raises:
        ValueError: the split rule is not by speaker.
    """
    if rule.by != "speaker":
        raise ValueError(f"dataset {corpus}: split.by is {rule.by!r}; a Fisher release is split by 'speaker'")
    notes = [*release.notes, *tables.problems, *_not_on_disk(release, tables)]
    calls = {}
    sexes = _sexes_by_pin(tables)
    present = release.audio.keys() | release.transcripts.keys() | release.one_sided.keys()
    for call_id in sorted(present):
        if call_id not in release.audio or call_id not in release.transcripts:
            notes.append(_incomplete(call_id, release))
            continue
        calls[call_id] = _row(call_id, tables, corpus)
        calls[call_id]["flags"] = _flags(calls[call_id], call_id in tables.calls, sexes)
        notes.extend(_disagreements(call_id, calls[call_id], tables))
    _assign(calls, rule)
    by_call: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for note in notes:
        if note["call_id"] in present:
            by_call[note["call_id"]].append(note)
    return Plan(calls, by_call, [n for n in notes if n["call_id"] not in by_call])


def _incomplete(call_id: str, release: Release) -> dict[str, Any]:
    if call_id in release.audio:
        place, lacking, expected = release.audio[call_id][0].relative, "transcript", TRANSCRIPT_NAMES
    elif call_id in release.one_sided:
        place, lacking, expected = release.one_sided[call_id].relative, "side", "the other side's file too"
    else:
        place, lacking, expected = release.transcripts[call_id].relative, "audio", AUDIO_NAMES
    expected = f"{expected.replace('fe_03_NNNNN', call_id)} in any folder"
    fix = "give also the root that holds it"
    return problem(call_id, f"missing_{lacking}", place, f"no {lacking} for this file", expected, fix)


def _not_on_disk(release: Release, tables: Tables) -> list[dict[str, Any]]:
    """One note for all calls that calldata lists and that are not on the disk: users may well hold a part only."""
    there = release.audio.keys() | release.transcripts.keys() | release.one_sided.keys()
    absent = sorted(tables.calls.keys() - there)
    if not absent:
        return []
    found = f"{len(absent)} of {len(tables.calls)} calls without audio and transcript, such as {absent[0]}"
    return [problem(None, "not_on_disk", "calldata", found, "the listed calls", "give also the roots that hold them")]


def _row(call_id: str, tables: Tables, corpus: str) -> Record:
    """All columns that tables give; calldata comes first, then pindata's SIDE_DATA, then the file lists."""
    sources = [t.get(call_id, {}) for t in (tables.calls, tables.sides, tables.listed)]
    row: Record = dict.fromkeys((column.name for column in CONVERSATIONS.columns), None)
    for name in _FROM_CALLDATA:
        row[name] = next((s[name] for s in sources if s.get(name) is not None), None)
    row |= tables.topics.get(row["topic_id"], {})
    row |= {
        "call_id": call_id,
        "corpus": corpus,
        "part": part_of(call_id),
    }
    for side in "ab":
        row[f"speaker_{side}"] = row[f"pin_{side}"] or f"{call_id}_{side}"
        speaker = tables.speakers.get(row[f"pin_{side}"], {})
        row |= {f"{name}_{side}": speaker.get(name) for name in _FROM_PINDATA}
    return row


def _sexes_by_pin(tables: Tables) -> dict[str, set[str]]:
    """Every sex that calldata, SIDE_DATA and pindata give a PIN."""
    sexes: dict[str, set[str]] = defaultdict(set)
    for call in (*tables.calls.values(), *tables.sides.values()):
        for side in "ab":
            sexes[call.get(f"pin_{side}") or ""].add(call.get(f"sex_{side}") or "")
    for pin, speaker in tables.speakers.items():
        sexes[pin].add(speaker["pin_sex"] or "")
    return {pin: found - {""} for pin, found in sexes.items() if pin}


def _flags(row: Record, in_calldata: bool, sexes: dict[str, set[str]]) -> list[str]:
    conflict = any(len(sexes.get(row[f"pin_{side}"], ())) > 1 for side in "ab")
    flags = {"no_topic": row["topic_id"] is None, "not_in_calldata": not in_calldata, "pin_sex_conflict": conflict}
    return [name for name, holds in flags.items() if holds]


def _disagreements(call_id: str, row: Record, tables: Tables) -> list[dict[str, Any]]:
    """Where tables name different things for the same side, or a topic that is not listed."""
    notes = []
    fix = "mend the table, or leave it so"
    for side in "ab":
        other = tables.sides.get(call_id, {}).get(f"pin_{side}")
        if other is not None and other != row[f"pin_{side}"]:
            found, expected = f"side {side} is PIN {other} in SIDE_DATA", f"{row[f'pin_{side}']}, of calldata"
            notes.append(problem(call_id, "table_conflict", "pindata", found, expected, fix))
    if row["topic_id"] and tables.topics and row["topic_id"] not in tables.topics:
        found = f"topic {row['topic_id']}, not in the topics file"
        notes.append(problem(call_id, "odd_value", "calldata", found, "a topic of the topics file", fix))
    return notes


def _assign(calls: dict[str, Record], rule: SplitRule) -> None:
    groups = {call_id: (row["speaker_a"], row["speaker_b"]) for call_id, row in calls.items()}
    for call_id, split in assign_splits(groups, rule.valid, rule.test, rule.seed).items():
        calls[call_id]["split"] = split
        if split == "excluded":
            calls[call_id]["flags"].append("shares_heldout_speaker")
