"""Who calls whom, when, about what: everything about a demo release that is decided before anybody speaks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from fisherprep.demo.dialogue import topics
from fisherprep.demo.layout import LDC_ONLY_FROM, PARTS, SHARED_FOLDER, Part, part_of
from fisherprep.demo.utterance import Transcriber
from fisherprep.schema import SIDES

LISTED_BAD = frozenset({27, 265, 446, 991, 1243, 1326, 6716, 10282, 10677, 11487})
"""Calls of the real corpus with known errors, which readers mend by number: used last."""
FIRST_DAY, DAYS = datetime(2002, 12, 4, 9), 320
MIN_LINKED, MIN_CONFLICT = 4, 12
"""Calls from which on a speaker appears twice, and a PIN is used by two people."""

_LANGUAGES = ("Spanish", "Hindi", "Russian", "Mandarin", "Tagalog", "Polish")
_STATES = ("WA", "NY", "PA", "TX", "CA", "OH", "GA", "IL", "MA", "FL", "NC", "MI", "KS", "NJ", "ME")
_COUNTRIES = ("Canada", "India", "Mexico", "Russia", "Jamaica", "England")


@dataclass(frozen=True)
class Speaker:
    """A row of pindata. ``NA`` stands where a value is missing."""

    pin: str
    sex: str
    """m or f"""
    age: str
    education: str
    native_language: str
    where_raised: str


@dataclass(frozen=True)
class CallSide:
    """One side of a call, as calldata has it."""

    pin: str
    sex: str
    dialect: str
    """a (American) or o (other)"""
    phone_number: str
    phone_set: str
    phone_type: str


@dataclass(frozen=True)
class CallPlan:
    """One call."""

    number: int
    sides: dict[str, CallSide]
    """by side, a and b"""
    topic: int
    """index of what they talk about"""
    topic_listed: bool
    """whether calldata gives the topic"""
    date_time: datetime
    signal_grade: str
    conversation_grade: str
    transcriber: Transcriber
    shorten: bool
    """False: plain mu-law"""

    @property
    def part(self) -> Part:
        """The part it belongs to."""
        return part_of(self.number)


@dataclass(frozen=True)
class Plan:
    """A whole release."""

    calls: tuple[CallPlan, ...]
    """in order of number"""
    speakers: tuple[Speaker, ...]
    """in order of PIN"""


def plan_release(calls: int, seed: int) -> Plan:
    """Plan a release of that many calls.

    About half of the calls fall in each part, with one in folder 058 of either when there are two or more. A sixth of
    the speakers take part in two calls, and no call shares speakers with more than one other: the calls fall
    into many groups without a common speaker. From ``MIN_CONFLICT`` calls on, one PIN is used by a man and a woman.

    Raises:
        ValueError: more or fewer calls than the corpus can have.
    """
    available = PARTS[1].last_call
    if not 1 <= calls <= available:
        raise ValueError(f"calls: found {calls}, expected 1 to {available}, as many as the corpus has")
    rng = Random(f"plan {seed}")
    numbers = sorted(_numbers(PARTS[0], (calls + 1) // 2, rng) + _numbers(PARTS[1], calls // 2, rng))
    sides, speakers = _sides(calls, rng)
    untitled = _some(rng, calls, 0.05)
    by_ldc = _some(rng, calls, 0.12)
    plain = _some(rng, calls, 0.2)
    order = _topic_order(calls, rng)
    plans = tuple(
        CallPlan(
            number=number,
            sides=sides[i],
            topic=order[i],
            topic_listed=i not in untitled,
            date_time=_date(number, rng),
            signal_grade=_grade(rng, 0, 4),
            conversation_grade=_grade(rng, 1, 5),
            transcriber="ldc" if i in by_ldc or number >= LDC_ONLY_FROM else "bbn",
            shorten=i not in plain,
        )
        for i, number in enumerate(numbers)
    )
    return Plan(plans, speakers)


def _numbers(part: Part, count: int, rng: Random) -> list[int]:
    """Call numbers of a part: one in the shared folder first, then from one volume after the other."""
    by_volume: dict[int, list[int]] = {}
    numbers = list(range(part.first_call, part.last_call + 1))
    rng.shuffle(numbers)
    numbers.sort(key=lambda n: (n in LISTED_BAD, n // 100 != SHARED_FOLDER))
    for number in numbers:
        by_volume.setdefault(part.volume(number), []).append(number)
    shared = part.volume(100 * SHARED_FOLDER + 50 + part.number - 1)
    volumes = [shared, *rng.sample(sorted(by_volume.keys() - {shared}), len(by_volume) - 1)]
    drawn: list[int] = []
    while len(drawn) < count:
        for volume in volumes:
            if by_volume[volume] and len(drawn) < count:
                drawn.append(by_volume[volume].pop(0))
    return drawn


def _sides(calls: int, rng: Random) -> tuple[list[dict[str, CallSide]], tuple[Speaker, ...]]:
    """Both sides of every call, and the speakers."""
    num_links = round(2 * calls / 7) if calls >= MIN_LINKED else 0
    pins = [str(pin) for pin in rng.sample(range(1006, 99998), 2 * calls - num_links)]
    speakers = [_speaker(pin, rng) for pin in pins]
    seats = [(call, side) for call in range(calls) for side in SIDES]
    partners = rng.sample(range(calls), 2 * num_links)
    linked = {}
    for first, second in zip(partners[::2], partners[1::2], strict=True):
        linked[second, rng.choice(SIDES)] = (first, rng.choice(SIDES))
    free = iter(speakers)
    taken = {seat: next(free) for seat in seats if seat not in linked}
    taken.update({seat: taken[other] for seat, other in linked.items()})
    sides = [{side: _call_side(taken[call, side], side, rng) for side in SIDES} for call in range(calls)]
    if calls >= MIN_CONFLICT:
        call, side = min(linked)
        known = sides[call][side]
        sides[call][side] = replace(known, sex="f" if known.sex == "m" else "m")
    return sides, tuple(sorted(speakers, key=lambda s: int(s.pin)))


def _speaker(pin: str, rng: Random) -> Speaker:
    def known(value: str) -> str:
        return "NA" if rng.random() < 0.06 else value

    foreign = rng.random() < 0.12
    return Speaker(
        pin=pin,
        sex=rng.choice("mf"),
        age=known(str(rng.randrange(18, 75))),
        education=known(str(rng.randrange(10, 21))),
        native_language=known(rng.choice(_LANGUAGES) if foreign else "English"),
        where_raised=known(rng.choice(_COUNTRIES if foreign else _STATES)),
    )


def _call_side(speaker: Speaker, side: str, rng: Random) -> CallSide:
    hidden = f"no_{side.upper()}PHNUM"
    return CallSide(
        pin=speaker.pin,
        sex=speaker.sex,
        dialect="a" if speaker.native_language in ("English", "NA") else "o",
        phone_number=hidden if rng.random() < 0.1 else "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=10)),
        phone_set=rng.choice(("1", "2", "3", "4", "4", "4", "")),
        phone_type=rng.choice(("1", "2", "3", "3", "")),
    )


def _some(rng: Random, calls: int, share: float) -> set[int]:
    """A share of the calls, at least one where there are four or more."""
    count = max(round(share * calls), int(calls >= 4))
    return set(rng.sample(range(calls), count))


def _topic_order(calls: int, rng: Random) -> list[int]:
    """Topics in random order, none again before all were used."""
    order: list[int] = []
    while len(order) < calls:
        order += rng.sample(range(len(topics())), len(topics()))
    return order


def _date(number: int, rng: Random) -> datetime:
    """When the call took place; later calls have higher numbers."""
    day = DAYS * number // PARTS[1].last_call
    return FIRST_DAY + timedelta(days=day, seconds=rng.randrange(14 * 3600))


def _grade(rng: Random, low: int, high: int) -> str:
    """A grade as calldata has it: ``N`` or ``N.N``."""
    return f"{rng.randrange(2 * low, 2 * high + 1) / 2:g}"
