"""What a card and a push must know of a work folder's codes table, read from its tables shard by shard."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from fisherprep.ldc import SOURCE, is_ldc
from fisherprep.schema import FRAME_RATE_HZ
from fisherprep.workfolder import WorkFolder, fingerprint, sha256_file

TABLES = ("codes", "voices")
"""What is published; the other tables hold transcripts, tables of speakers and this machine's paths."""


@dataclass
class Facts:
    """Counts over the codes table, and where its calls come from."""

    calls: Counter[str] = field(default_factory=Counter)
    """by split"""
    frames: Counter[str] = field(default_factory=Counter)
    """by split"""
    agents: Counter[str] = field(default_factory=Counter)
    """by ``a``, ``b`` or ``either``: who may be the agent"""
    speakers: set[str] = field(default_factory=set)
    prompts: int = 0
    voices: int = 0
    tones: Counter[str] = field(default_factory=Counter)
    labelers: Counter[str] = field(default_factory=Counter)
    provenance: set[str] = field(default_factory=set)
    num_bytes: int = 0
    ldc_calls: int = 0
    unknown_calls: int = 0
    """calls of the published tables that the conversations table does not have"""
    fingerprint: str = ""
    """over the content of every file of the published tables"""

    @property
    def num_calls(self) -> int:
        """Rows of the codes table."""
        return self.calls.total()

    @property
    def toy(self) -> bool:
        """Whether any row was made by a toy codec; one whose provenance cannot be read counts as such."""
        return any(made_with(text).get("toy") is not False for text in self.provenance)

    @property
    def from_ldc(self) -> bool:
        """Whether any call is the LDC's, or may be for all that the tables say."""
        return bool(self.ldc_calls or self.unknown_calls)


PER_CALL = ("sound", "voices_key")
"""Keys of a row's provenance that are the call's own."""


def shared(provenance: str) -> str:
    """What a provenance entry has in common with those of other calls, as JSON; an unreadable one as it is."""
    found = made_with(provenance)
    return json.dumps({k: v for k, v in found.items() if k not in PER_CALL}, sort_keys=True) if found else provenance


def made_with(provenance: str) -> dict:
    """A provenance entry of the codes table; empty where it is no JSON object."""
    try:
        found = json.loads(provenance)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def hours(frames: int) -> float:
    """Of two-channel audio."""
    return frames / FRAME_RATE_HZ / 3600


def facts_of(work: WorkFolder) -> Facts:
    """Read what there is.

    Raises:
        ValueError: there is no codes table, or a file cannot be read.
    """
    if not work.files("codes"):
        raise ValueError(f"{work.path}: no codes table yet; run `fisherprep encode {work.path}` first")
    facts = Facts()
    for shard in sorted({file.stem for table in TABLES for file in work.files(table)}):
        _add_shard(work, shard, facts)
    facts.fingerprint = fingerprint(_hashes(work, facts))
    return facts


def _add_shard(work: WorkFolder, shard: str, facts: Facts) -> None:
    columns = ["call_id", "split", "num_frames", "prompts_a", "prompts_b", "agent_side", "provenance"]
    rows = work.read("codes", shard, [*columns, "speaker_a", "speaker_b"]).to_pylist()
    voices = work.read("voices", shard, ["call_id"])["call_id"].to_pylist()
    sources = {row["call_id"]: row for row in work.read("conversations", shard, SOURCE).to_pylist()}
    published = {row["call_id"] for row in rows} | set(voices)
    facts.unknown_calls += len(published - sources.keys())
    facts.ldc_calls += sum(is_ldc(sources[call_id]) for call_id in published & sources.keys())
    facts.voices += len(voices)
    for row in rows:
        facts.calls[row["split"]] += 1
        facts.frames[row["split"]] += row["num_frames"]
        facts.agents[row["agent_side"] or "either"] += 1
        facts.speakers |= {row["speaker_a"], row["speaker_b"]}
        facts.prompts += len(row["prompts_a"]) + len(row["prompts_b"])
        facts.provenance.add(shared(row["provenance"]))
    for persona in work.read("personas", shard, ["call_id", "tone", "labeler"]).to_pylist():
        facts.labelers[persona["labeler"]] += 1
        if persona["tone"]:
            facts.tones[persona["tone"]] += 1


def _hashes(work: WorkFolder, facts: Facts) -> dict[str, str]:
    """Hash of each published file: the completion records' where there are any."""
    known = {file: out["sha256"] for record in work.done("encode").values() for file, out in record.outputs.items()}
    hashes = {}
    for table in TABLES:
        for file in work.files(table):
            relative = f"{table}/{file.name}"
            facts.num_bytes += file.stat().st_size
            hashes[relative] = known.get(relative) or sha256_file(file)
    return hashes
