"""How two people time their talk, measured on the words table of a corpus: gaps, overlaps, pauses, backchannels.

Definitions, after Heldner & Edlund (2010, Journal of Phonetics 38, "Pauses, gaps and overlaps in conversations"), who
classify every silence and overlap by who speaks before and after it; made precise here:

- unit: words of one side without a silence of ``JOIN_S`` or more between them;
- floor: the unit that holds it is the one that ends last so far;
- pause: silence between two units of the side that holds the floor, nobody else speaking in between;
- transfer: a unit of the other side that outlasts the floor's; its floor-transfer offset (FTO; gaps and overlaps on one
  scale, as de Ruiter, Mitterer & Enfield 2006, Language 82, and ten Bosch, Oostdijk & Boves 2005, Speech Communication
  47, have them) is its start minus the end of the floor's unit: a gap above zero, an overlap below;
- interruption: a transfer with an overlap of ``INTERRUPTION_S`` or more (our choice);
- backchannel: a unit of at most ``BACKCHANNEL_S`` (our choice) that begins and ends inside the other side's unit.

Where speech is not known (spans of ``alignments.unknown``, words with times in proportion to letters) nothing is
measured that touches it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fisherprep.engine import Engine
from fisherprep.schema import SIDES
from fisherprep.speech.timing import FORMAT_VERSION, JOIN_S, quantiles_of
from fisherprep.stage import upstream
from fisherprep.workfolder import WorkFolder

BACKCHANNEL_S = 1.0
INTERRUPTION_S = 0.5
LONG_TURN_WORDS = 11
"""A turn of so many words has room for a backchannel."""
_LEFT_OUT = {"channels_swapped", "transcript_mismatch", "same_sound"}
_GUESSED = "proportional"

Span = tuple[float, float]


@dataclass
class Measured:
    """What was found, in seconds; ``places`` are parts of the other side's unit."""

    transfers: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    backchannels: list[float] = field(default_factory=list)
    places: list[float] = field(default_factory=list)
    long_units: int = 0
    acknowledged: int = 0
    """long units with a backchannel inside"""
    calls: int = 0
    seconds: float = 0.0

    @property
    def interruptions(self) -> list[float]:
        """Overlaps of transfers that are interruptions, as positive lengths."""
        return [-v for v in self.transfers if v <= -INTERRUPTION_S]

    def add(self, other: Measured) -> None:
        """Put another's values to these."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class _Unit:
    side: str
    start_s: float
    end_s: float
    words: int
    known: bool


def measure_call(
    words: Iterable[tuple[str, float, float, str]], unknown: Iterable[tuple[str, float, float]]
) -> Measured:
    """Measure one call.

    Args:
        words: (side, start_s, end_s, method) of every word.
        unknown: (side, start_s, end_s) of speech whose words are not known.
    """
    spans: dict[str, list[tuple[float, float, bool]]] = {side: [] for side in SIDES}
    for side, start_s, end_s, method in words:
        spans[side].append((start_s, end_s, method != _GUESSED))
    blurred = {side: [(start_s, end_s) for s, start_s, end_s in unknown if s == side] for side in SIDES}
    units = [unit for side in SIDES for unit in _units(side, spans[side], blurred[side])]
    return _walk(sorted(units, key=lambda unit: (unit.start_s, unit.end_s, unit.side)))


def _units(side: str, words: list[tuple[float, float, bool]], unknown: list[Span]) -> Iterator[_Unit]:
    spans = sorted([(a, b, 1, known) for a, b, known in words] + [(a, b, 0, False) for a, b in unknown])
    current: _Unit | None = None
    for start_s, end_s, count, known in spans:
        if current and start_s - current.end_s < JOIN_S:
            end_s = max(end_s, current.end_s)
            current = _Unit(side, current.start_s, end_s, current.words + count, current.known and known)
            continue
        if current:
            yield current
        current = _Unit(side, start_s, end_s, count, known)
    if current:
        yield current


def _walk(units: list[_Unit]) -> Measured:
    found = Measured(calls=1)
    floor: _Unit | None = None
    acknowledged = False
    for unit in units:
        if floor is None:
            floor = unit
            continue
        known = floor.known and unit.known
        if unit.side != floor.side and unit.end_s <= floor.end_s:
            if known and unit.end_s - unit.start_s <= BACKCHANNEL_S:
                found.backchannels.append(unit.end_s - unit.start_s)
                found.places.append((unit.start_s - floor.start_s) / (floor.end_s - floor.start_s))
                acknowledged = True
            continue
        if known:
            offsets = found.pauses if unit.side == floor.side else found.transfers
            offsets.append(unit.start_s - floor.end_s)
        _count_long(found, floor, acknowledged)
        floor, acknowledged = unit, False
    if floor:
        _count_long(found, floor, acknowledged)
    return found


def _count_long(found: Measured, unit: _Unit, acknowledged: bool) -> None:
    if unit.known and unit.words >= LONG_TURN_WORDS:
        found.long_units += 1
        found.acknowledged += acknowledged


def measure_work(work: WorkFolder, splits: tuple[str, ...], engine: Engine) -> Measured:
    """Measure all calls of these splits whose channels and words can be trusted.

    Raises:
        ValueError: there are no words yet.
    """
    shards = upstream(work, "conversations", "words", "alignments")
    total = Measured()
    jobs = [(work, shard, splits) for shard in shards]
    for part in sorted(engine.map(_measure_shard, jobs), key=lambda named: named[0]):
        total.add(part[1])
    return total


def _measure_shard(job: tuple[WorkFolder, str, tuple[str, ...]]) -> tuple[str, Measured]:
    work, shard, splits = job
    total = Measured()
    calls = work.read("conversations", shard, ["call_id", "split", "duration_s", "flags"]).to_pylist()
    words = _by_call(work, shard, "words", ["call_id", "side", "start_s", "end_s", "method"])
    sides = _by_call(work, shard, "alignments", ["call_id", "side", "unknown", "flags"])
    for call in calls:
        heard = sides.get(call["call_id"], [])
        doubtful = _LEFT_OUT & set(call["flags"]) or any("poorly_aligned" in row["flags"] for row in heard)
        if call["split"] not in splits or doubtful or call["call_id"] not in words:
            continue
        spoken = ((w["side"], w["start_s"], w["end_s"], w["method"]) for w in words[call["call_id"]])
        unknown = [(row["side"], span["start_s"], span["end_s"]) for row in heard for span in row["unknown"]]
        found = measure_call(spoken, unknown)
        found.seconds = call["duration_s"]
        total.add(found)
    return shard, total


def _by_call(work: WorkFolder, shard: str, table: str, columns: list[str]) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in work.read(table, shard, columns).to_pylist():
        rows.setdefault(row["call_id"], []).append(row)
    return rows


def timing_json(dataset: str, found: Measured) -> str:
    """The content of ``timing.json``: distributions and counts of the whole corpus, no text, no call's own values."""
    minutes = found.seconds / 60
    overlaps = sum(v < 0 for v in found.transfers)
    data = {
        "format": "fisherprep timing",
        "version": FORMAT_VERSION,
        "dataset": dataset,
        "calls": found.calls,
        "hours": round(found.seconds / 3600, 3),
        "definitions": {"join_s": JOIN_S, "backchannel_s": BACKCHANNEL_S, "interruption_s": INTERRUPTION_S},
        "transfers": _distribution(found.transfers),
        "overlap_share": round(overlaps / max(len(found.transfers), 1), 4),
        "pauses": _distribution(found.pauses),
        "interruptions": _distribution(found.interruptions),
        "interruption_share": round(len(found.interruptions) / max(len(found.transfers), 1), 4),
        "backchannels": _distribution(found.backchannels),
        "backchannel_places": _distribution(found.places),
        "backchannels_per_minute": round(len(found.backchannels) / minutes, 3) if minutes else None,
        "backchannel_share": round(found.acknowledged / max(found.long_units, 1), 4),
    }
    return json.dumps(data, indent=1) + "\n"


_FEWEST = 20
"""Fewer values than this are counted, but their distribution is not written: it would be about single people."""


def _distribution(values: list[float]) -> dict[str, Any]:
    if len(values) < _FEWEST:
        return {"count": len(values), "quantiles": None}
    return {"count": len(values), "quantiles": list(quantiles_of(np.array(values)))}


def summary(found: Measured) -> list[tuple[str, str]]:
    """What was measured, in words for people."""
    rows = [("calls", f"{found.calls:,} ({found.seconds / 3600:.2f} h)")]
    values = {
        "floor-transfer offsets": found.transfers,
        "pauses": found.pauses,
        "interruptions (overlap)": found.interruptions,
        "backchannels (length)": found.backchannels,
    }
    for name, part in values.items():
        middle = f", median {np.median(part):.2f} s" if part else ""
        rows.append((name, f"{len(part):,}{middle}"))
    transfers = max(len(found.transfers), 1)
    rows.append(("overlaps", f"{sum(v < 0 for v in found.transfers) / transfers:.1%} of transfers"))
    rows.append(("backchannels", f"in {found.acknowledged / max(found.long_units, 1):.1%} of long units"))
    return rows
