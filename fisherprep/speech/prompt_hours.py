"""Opening and closing times by day, as a prompt gives them and as somebody claims them.

Legend: minutes from midnight; a time said without its half of the day is below 720 and fits either half.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from fisherprep.speech.heard import CLOCK, Heard, hear

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OPENS, CLOSES, IS_OPEN = "opens", "closes", "is open"
_DAY = rf"(?:{'|'.join(DAYS)})s?"
_RANGE = re.compile(rf"({_DAY})\s*(?:to|through|thru|until|till|-|\u2013)\s*({_DAY})", re.IGNORECASE)
_ONE_DAY = re.compile(rf"\b({_DAY})\b", re.IGNORECASE)
_WEEK = re.compile(
    r"\b(?:every (?:single )?day|daily|all week|seven days|7 days|any day|each day|all days)\b", re.IGNORECASE
)
_OTHER_DAY = re.compile(r"\b(?:tomorrow|other days?|otherwise|the rest of)\b", re.IGNORECASE)
_EXCEPT = re.compile(r"\b(?:except|but|apart from|besides)\b(?: for| on)?", re.IGNORECASE)
_GROUPS = {"weekday": DAYS[:5], "weekend": DAYS[5:]}
_SHUT = re.compile(r"\b(?:closed|not open|n't open|isn't open|day off|never open)\b", re.IGNORECASE)
_BETWEEN = re.compile(
    r"\s*(?:in the (?:morning|afternoon|evening)\s*)?(?:,?\s*(?:to|until|till|through|-|\u2013)|"
    r"and we close at|and close at|and)\s*",
    re.IGNORECASE,
)
_STATE = re.compile(
    r"(?:\b(?:are|be|is|you|anybody|somebody|anyone|someone)|'re) (?:still |already |all )?(?:open|here|there|around) "
    r"(?:at|by|around) (?:about )?$",
    re.IGNORECASE,
)
_COMES = re.compile(
    r"\bcome\b[^.?!\d]*\b(?:at|around) $|"
    r"\b(?:stop|drop|swing|pick|bring|leave|get|reach|call|find)\b[^.?!\d]*"
    r"\b(?:by|in|over|off|up|here|there|it|them|you|someone|somebody|anyone|anybody)\b[^.?!\d]*\b(?:at|around) $",
    re.IGNORECASE,
)
_ROLES = (
    (
        OPENS,
        re.compile(r"(?:n't|\bnot|\bnever) open (?:up )?(?:again )?(?:until|till|before)[^.\d]{0,12}$", re.IGNORECASE),
    ),
    (IS_OPEN, _STATE),
    (IS_OPEN, _COMES),
    (CLOSES, re.compile(r"\b(?:clos\w*|until|till|'til|shuts?|through|ends?)\b[^.\d]{0,12}$", re.IGNORECASE)),
    (OPENS, re.compile(r"\b(?:open(?:s|ing)?|starts?|from|begins?|'re back)\b[^.\d]{0,12}$", re.IGNORECASE)),
)
_CLAUSE = re.compile(r";|,\s+(?=closed|but\b|so\b|on\b|and on\b)|(?<!day)(?<!days)\s+but\s+", re.IGNORECASE)
_PART = re.compile(r"\b(?:morning|afternoon|evening|tonight|night)\b", re.IGNORECASE)
_ENDS = {"morning": 720, "afternoon": 1080, "evening": 1320}
"""When a part of the day is over, at the latest."""
_FROM = re.compile(rf"\b(\w+) ({'|'.join(_ENDS)}) from (\d[\d:]*\s*[ap]\.?m\b)", re.IGNORECASE)
SLOTS = re.compile(
    r"\b(?:free|available|open) (?:slots?|appointments?|times?|visits?|spots?)\b|\bslots?:|\bappointments?:",
    re.IGNORECASE,
)
_HALF = re.compile(r"[ap]\.?m\b|in the (?:morning|afternoon|evening)", re.IGNORECASE)


@dataclass(frozen=True)
class Edge:
    """The start or end of a time of being open."""

    role: str
    minutes: int
    days: frozenset[str]
    """empty: whatever the day"""
    heard: Heard
    part: str = ""
    """morning, tonight ...: what else says which half of the day it is"""


@dataclass(frozen=True)
class Hours:
    """All that a text says of them."""

    edges: tuple[Edge, ...]
    open_days: frozenset[str]
    closed_days: frozenset[str]

    def fits(self, edge: Edge) -> bool:
        """Whether a claim is one of these; where nothing is known of its role or day, it is."""
        if edge.role == IS_OPEN:
            return self._is_open(edge)
        same = [own for own in self.edges if own.role == edge.role]
        for_day = [own for own in same if not own.days or not edge.days or edge.days & own.days]
        if not same or (not for_day and not any(edge.days & own.days for own in same)):
            return not same
        return any(same_time(edge.minutes, own.minutes, edge.heard.text) for own in for_day)

    def _is_open(self, edge: Edge) -> bool:
        """Whether a time lies within the hours, or at an end of them, in a half of the day that it may mean."""
        spans = [
            (opens.minutes, closes.minutes if closes.minutes > opens.minutes else closes.minutes + 1440)
            for opens, closes in pairwise(self.edges)
            if (opens.role, closes.role) == (OPENS, CLOSES)
            and (edge.days & opens.days or not (edge.days and opens.days))
        ]
        meant = _halves(edge)
        return not spans or any(start <= at <= end for start, end in spans for m in meant for at in (m, m + 1440))


def _halves(edge: Edge) -> list[int]:
    """The times of day that an edge may mean."""
    if edge.minutes >= 720 or _HALF.search(edge.heard.text) or edge.heard.text in ("noon", "midnight"):
        return [edge.minutes]
    if not edge.part:
        return [edge.minutes, edge.minutes + 720]
    return [edge.minutes + (0 if edge.part.lower() == "morning" else 720)]


def in_slot(claimed: int, slots: Iterable[Slot]) -> bool:
    """Whether a claimed time lies in free time that the prompt gives."""
    return any(slot.start <= at <= slot.end for slot in slots for at in (claimed, claimed + 720 * (claimed < 720)))


def same_time(claimed: int, known: int, said: str = "") -> bool:
    """Whether a claimed time is the known one; without its half of the day it fits either."""
    halves = 0 if _HALF.search(said) else 720
    return claimed == known or (claimed < 720 and claimed + halves == known) or (known < 720 and known + 720 == claimed)


def days_in(text: str) -> frozenset[str]:
    """The days that a text names: Monday to Friday, weekends, every day but Sunday."""
    parts = _EXCEPT.split(text, maxsplit=1) if _WEEK.search(text) else [text]
    found = set(DAYS) if _WEEK.search(text) else set()
    for first, last in _RANGE.findall(parts[0]):
        start, end = (DAYS.index(day.lower().removesuffix("s")) for day in (first, last))
        found |= {DAYS[i % 7] for i in range(start, end + 1 if end >= start else end + 8)}
    found |= {day.lower().removesuffix("s") for day in _ONE_DAY.findall(parts[0])}
    for word, days in _GROUPS.items():
        found |= set(days) if re.search(rf"\b{word}s?\b", parts[0], re.IGNORECASE) else set()
    return frozenset(found - (days_in(parts[1]) if len(parts) > 1 else frozenset()))


@dataclass(frozen=True)
class Slot:
    """A free time: minutes from midnight."""

    days: frozenset[str]
    start: int
    end: int


def slots_of(sentences: list[str]) -> tuple[Slot, ...]:
    """The free times that a prompt gives by their beginning ("Saturday morning from 9 am"), to the end of that part."""
    found = []
    for sentence in sentences:
        if SLOTS.search(sentence):
            for day, part, start in _FROM.findall(sentence):
                begins = hear(start)[0].values(CLOCK)
                found += [Slot(days_in(day), begin, max(begin, _ENDS[part.lower()])) for begin in begins]
    return tuple(found)


def clauses(sentence: str) -> list[str]:
    """The parts of a sentence that say things of different days."""
    return [part for part in _CLAUSE.split(sentence) if part.strip()]


def hours_of(sentences: list[str], asked: str = "") -> Hours:
    """What sentences say of being open and closed.

    Args:
        sentences: those of a prompt, or of a claim.
        asked: the question that they answer, which says of what a bare time is the time, and of which day.
    """
    edges: list[Edge] = []
    opened: set[str] = set()
    closed: set[str] = set()
    for sentence in sentences:
        for clause in clauses(sentence):
            days = days_in(clause)
            if _SHUT.search(clause):
                closed |= days
                continue
            week = _EXCEPT.split(clause, maxsplit=1) if _WEEK.search(clause) else []
            closed |= days_in(week[1]) if len(week) > 1 else set()
            other_day = days_in(sentence) or _OTHER_DAY.search(sentence)
            asks_hours = re.search(r"\b(?:open|close|hours)\b", asked, re.IGNORECASE)
            asked_days = days_in(asked) if asks_hours and not other_day else frozenset()
            found = list(_edges(clause, days or asked_days, asked))
            edges += found
            if found or re.search(r"\b(?:open|hours|daily|here)\b", clause, re.IGNORECASE):
                opened |= days
    if closed and not opened and edges:  # "open 7 am to 4 pm, closed on Monday"
        opened = set(DAYS)
    return Hours(tuple(edges), frozenset(opened - closed), frozenset(closed))


def _edges(clause: str, days: frozenset[str], asked: str) -> Iterator[Edge]:
    times = [h for h in hear(clause) if h.values(CLOCK)]
    at = 0
    own = days
    for i, heard in enumerate(times):
        after = times[i + 1] if i + 1 < len(times) else None
        begins = after is not None and _is_between(clause, heard, after)
        ends = i > 0 and _is_between(clause, times[i - 1], heard)
        if not ends:  # "Monday to Friday 8 am to 5 pm, Saturday 9 am to 1 pm"
            own = days_in(clause[at : heard.start]) or days
        role = OPENS if begins else CLOSES if ends else _role(clause[at : heard.start], clause, asked)
        at = heard.end
        if role:
            part = _PART.search(clause)
            yield Edge(role, heard.values(CLOCK)[0], own, heard, part[0] if part else "")


def _is_between(clause: str, first: Heard, second: Heard) -> bool:
    """Whether two times are the ends of one: "nine to six", "between nine and six"; not "at nine and at six"."""
    joint = clause[first.end : second.start]
    if joint.strip() == "and":
        return re.search(r"\b(?:between|from|open)\s*$", clause[: first.start], re.IGNORECASE) is not None
    return _BETWEEN.fullmatch(joint) is not None


def _role(before: str, whole: str, asked: str) -> str | None:
    for role, pattern in _ROLES:
        if pattern.search(before):
            return role
    if re.search(r"\b(?:back|change|total|dollars?|owe)\b", whole, re.IGNORECASE):
        return None
    asks = re.search(r"\b(?:when|time|how late|how early|until when)\b", asked, re.IGNORECASE)
    if asks and re.search(r"\bclose|\buntil\b|\bhow late\b|\btill\b", asked, re.IGNORECASE):
        return CLOSES
    return (
        OPENS if asks and re.search(r"\bdo you (?:guys )?open\b|\byou open\b(?! until)", asked, re.IGNORECASE) else None
    )
