"""Who speaks when: units of two sides laid out so that gaps, overlaps and pauses have a given distribution.

An overlap must fit between the two units it joins, and no side may run into itself. Cutting draws down to what fits
would distort the distribution, so draws are dealt out instead: the longest overlaps choose among the places that can
hold them, interruptions first, and the others take what is left. Only what fits nowhere is shortened.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fisherprep.speech.timing import JOIN_S, Timing, draw

_APART_S = JOIN_S + 0.05
"""Silence that a side leaves between two of its units at the least, so that they stay two."""
_EDGE_S = 0.05
"""By how much a unit outlasts an overlap at either end of it."""
_LEAST_INTERRUPTION_S = 0.15


@dataclass(eq=False)
class Unit:
    """Speech of one side without a pause."""

    side: str
    length_s: float
    start_s: float = 0.0
    room_s: float = 0.0
    """how much of it may still be overlapped, from either end"""

    def __post_init__(self) -> None:
        self.room_s = self.length_s - _APART_S

    @property
    def end_s(self) -> float:
        return self.start_s + self.length_s


@dataclass(eq=False)
class _Slot:
    """The time between two units that hold the floor one after the other."""

    before: Unit
    after: Unit
    kind: str
    offset_s: float = 0.0

    def limit_s(self) -> float:
        """The longest overlap that fits now; below zero: the shortest gap."""
        shorter = min(self.before.length_s, self.after.length_s) - _EDGE_S
        return min(shorter, self.before.room_s, self.after.room_s)

    def take(self, offset_s: float) -> None:
        self.offset_s = offset_s
        self.before.room_s -= max(-offset_s, 0.0)
        self.after.room_s -= max(-offset_s, 0.0)


@dataclass(eq=False)
class _Backchannel:
    unit: Unit
    host: Unit


class Floor:
    """The state of a dialogue: lines are added in blocks, and ``place`` gives the units of a block their starts."""

    def __init__(self, timing: Timing, rng: np.random.Generator) -> None:
        self.timing = timing
        self.rng = rng
        self._last: Unit | None = None
        self._hosts: list[Unit] = []
        """units of the latest line that no backchannel is laid in yet"""
        self._new: list[Unit] = []
        self._slots: list[_Slot] = []
        self._backchannels: list[_Backchannel] = []
        self._units: list[Unit] = []

    def add(self, side: str, kind: str, lengths_s: list[float]) -> list[Unit]:
        """A line's units, still without times.

        A backchannel is one unit inside the other side's line; where it has more, or that line has no unit long enough
        to hold it, it is a turn.
        """
        units = [Unit(side, length_s) for length_s in lengths_s]
        if kind == "backchannel" and len(units) == 1 and (host := self._holder(units[0])):
            host.room_s -= units[0].length_s + 2 * _APART_S
            self._hosts.remove(host)
            self._backchannels.append(_Backchannel(units[0], host))
            return units
        for unit in units:
            if self._last:
                first = unit is units[0]
                self._slots.append(_Slot(self._last, unit, _slot_kind(self._last, unit, kind if first else "turn")))
            self._last = unit
        self._new += units
        self._hosts = list(units)
        return units

    def _holder(self, unit: Unit) -> Unit | None:
        """One of the units of the line before that can hold a backchannel, if that line is the other side's."""
        needed_s = unit.length_s + 2 * _APART_S
        fitting = [host for host in self._hosts if host.side != unit.side and host.room_s > needed_s]
        return fitting[int(self.rng.integers(len(fitting)))] if fitting else None

    def place(self) -> None:
        """Place all that was added since the last call."""
        self._deal_transfers()
        pauses = [slot for slot in self._slots if slot.kind == "pause"]
        for slot, pause_s in zip(pauses, draw(self.timing.pause_s, self.rng, len(pauses)), strict=True):
            slot.offset_s = max(float(pause_s), JOIN_S + 0.005)
        for slot in self._slots:
            if slot.kind == "long pause":
                slot.offset_s = float(self.rng.uniform(*self.timing.long_pause_s))
        if self._new and not self._units:
            self._new[0].start_s = float(self.rng.uniform(*self.timing.lead_in_s))
            self._units.append(self._new[0])
        for slot in self._slots:
            slot.after.start_s = max(slot.before.end_s + slot.offset_s, self._free_s(slot.after.side))
            self._units.append(slot.after)
        for backchannel in self._backchannels:
            self._lay_inside(backchannel)
        self._new, self._slots, self._backchannels = [], [], []

    def _free_s(self, side: str) -> float:
        """A side never speaks over itself, whatever was drawn."""
        ends = [unit.end_s for unit in self._units[-4:] if unit.side == side]
        return max(ends, default=-_APART_S) + JOIN_S

    def _deal_transfers(self) -> None:
        slots = [slot for slot in self._slots if slot.kind in ("transfer", "interruption")]
        waiting = sorted(float(v) for v in draw(self.timing.transfer_s, self.rng, len(slots)))
        for slot in slots:
            if slot.kind == "interruption":
                self._interrupt(slot, waiting)
        free = [slot for slot in slots if slot.kind == "transfer"]
        left = []
        for offset_s in waiting:
            fitting = [slot for slot in free if -offset_s <= slot.limit_s()]
            if not fitting:
                left.append(offset_s)
                continue
            slot = fitting[int(self.rng.integers(len(fitting)))]
            slot.take(offset_s)
            free.remove(slot)
        for slot, offset_s in zip(free, left, strict=True):
            slot.take(max(offset_s, -slot.limit_s()))

    def _interrupt(self, slot: _Slot, waiting: list[float]) -> None:
        """The longest overlap of those that were drawn; one of the interruptions' own where there is none."""
        limit_s = slot.limit_s()
        fitting = [v for v in waiting if -limit_s <= v <= -_LEAST_INTERRUPTION_S]
        if fitting:
            waiting.remove(fitting[0])
            slot.take(fitting[0])
            return
        waiting.pop(0)
        wanted_s = float(draw(self.timing.interruption_s, self.rng)[0])
        slot.take(-max(min(wanted_s, limit_s), min(_EDGE_S, slot.before.length_s / 2, slot.after.length_s / 2)))

    def _lay_inside(self, backchannel: _Backchannel) -> None:
        """A start inside the host, clear of all that the own side says before and after."""
        unit, host = backchannel.unit, backchannel.host
        own = [other for other in self._units if other.side == unit.side]
        before = [other.end_s + _APART_S for other in own if other.start_s <= host.start_s]
        after = [other.start_s - _APART_S for other in own if other.start_s > host.start_s]
        low = max([host.start_s + _EDGE_S, *before])
        high = min([host.end_s - _EDGE_S, *after]) - unit.length_s
        place = float(draw(self.timing.backchannel_place, self.rng)[0])
        unit.start_s = float(np.clip(host.start_s + place * host.length_s, low, high))
        host.room_s = min(host.room_s, host.end_s - unit.end_s - _APART_S)
        self._units.append(unit)


def _slot_kind(before: Unit, after: Unit, kind: str) -> str:
    if kind == "pause":
        return "long pause"
    if before.side == after.side:
        return "pause"
    return "interruption" if kind == "interruption" else "transfer"
