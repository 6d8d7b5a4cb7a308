"""Times and days that the agent says, held against the prompt's hours, days and free appointments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fisherprep.speech.heard import CLOCK, NUMBER, hear
from fisherprep.speech.prompt_facts import PromptFacts, vocabulary
from fisherprep.speech.prompt_hours import CLOSES, DAYS, IS_OPEN, SLOTS, clauses, days_in, hours_of, in_slot

_OPENNESS = re.compile(
    r"\b(?:open|opens|close|closes|hours|here|come (?:by|in|any)|stop by|every|always|all)\b", re.IGNORECASE
)
_OFFERED = re.compile(
    r"\b(?:free|available|works?|have|could do|can do|can come|could come|come|open|slot|appointment|fine|"
    r"possible|fits?)\b",
    re.IGNORECASE,
)
_PART = re.compile(rf"\b({'|'.join(DAYS)}) (morning|afternoon|evening|night)\b", re.IGNORECASE)
_NOT = re.compile(r"n't\b|\b(?:no|not|never|closed|except|but|sorry|afraid|only)\b", re.IGNORECASE)
_THEN = re.compile(
    r"(?:\bare|\bbe|'re|'ll be) (?:still )?(?:open|here|around)(?: then| by then| at that time)?[.!]?$", re.IGNORECASE
)
_ASKS_WHEN = re.compile(r"\b(?:when|what time|how (?:late|early))\b", re.IGNORECASE)
_ASKS_OPEN = re.compile(r"\b(?:open|close|here|come (?:by|in)|hours)\b", re.IGNORECASE)
_ALWAYS = re.compile(r"\b(?:holidays?|christmas|thanksgiving|new year'?s?|easter|around the clock|24/7|"
                     r"twenty-four seven|"
                     r"24 hours|all night|all day|year-round|all year|weekends?|weekdays?|every ?day|daily|all week|"
                     r"seven days|any ?time|any day)\b", re.IGNORECASE)  # fmt: skip
_WEEK = {"weekends": DAYS[5:], "weekend": DAYS[5:], "weekday": DAYS[:5], "weekdays": DAYS[:5]}
_ALL_DAYS = {"everyday", "every day", "daily", "all week", "seven days", "any day", "anytime", "any time"}


@dataclass(frozen=True)
class Claim:
    """What an agent's sentence says, and the question before it."""

    sentence: str
    asked: str
    """the user's line before; empty where there is none"""
    agreed: bool
    """the agent says yes to it"""


def as_answer(sentence: str, asked: str) -> str:
    """A sentence, with "at" before a bare number that answers when: "what time do you open?" - "seven"."""
    first = next(iter(hear(sentence)), None)
    bare = first is not None and first.start == 0 and re.match(r"\W|$", sentence[first.end :].lstrip())
    hour = bare and first is not None and any(1 <= n <= 12 for n in first.values(NUMBER))
    return f"At {sentence}" if hour and _ASKS_WHEN.search(asked) else sentence


def wrong_times(claim: Claim, facts: PromptFacts) -> Iterator[tuple[str, str]]:
    """What was found and what was expected, for every claim that the prompt's hours do not give."""
    hours = facts.hours
    told = hours_of([claim.sentence], claim.asked)
    for edge in told.edges:
        if not hours.fits(edge):
            yield edge.heard.text, f"when it {edge.role}, as the prompt says"
    if claim.agreed or _THEN.search(claim.sentence):
        for edge in hours_of([claim.asked]).edges:
            known = edge.role == CLOSES and re.search(r"\bclos", claim.asked, re.IGNORECASE)
            if "?" in claim.asked and not hours.fits(edge if known else replace(edge, role=IS_OPEN)):
                yield edge.heard.text, f"when it {edge.role}, as the prompt says"
    texts = [claim.sentence]
    if claim.agreed and _ASKS_OPEN.search(claim.asked) and "?" in claim.asked:
        texts.append(claim.asked)
    for text in texts:
        for clause in clauses(text):
            yield from _wrong_days(clause, claim, facts)
            yield from _wrong_slots(clause, claim, facts)
    for day in told.closed_days & hours.open_days:
        yield day, "a day on which the prompt is closed"


def _wrong_slots(clause: str, claim: Claim, facts: PromptFacts) -> Iterator[tuple[str, str]]:
    """Times that are said after a day that has free ones."""
    days = days_in(clause)
    of_day = [slot for slot in facts.slots if slot.days & days]
    if len(days) != 1 or _NOT.search(clause) or _ASKS_OPEN.search(f"{claim.asked} {clause}"):
        return
    at = max(0, clause.lower().find(min(days)))
    for heard in hear(clause[at:]):
        times = heard.values(CLOCK)
        if of_day and times and not any(in_slot(time, of_day) for time in times):
            yield heard.text, "a time that the prompt offers"


def _wrong_days(clause: str, claim: Claim, facts: PromptFacts) -> Iterator[tuple[str, str]]:
    hours = facts.hours
    own = clause is claim.asked or not _NOT.search(clause)
    known = hours.open_days | days_in(facts.text)
    if own and _OPENNESS.search(clause if clause is claim.asked else claim.sentence):
        for match in _ALWAYS.finditer(clause):
            word = match[0].lower()
            days = set(_WEEK.get(word, DAYS if word in _ALL_DAYS else ()))
            given = days <= (hours.open_days or frozenset(DAYS)) - hours.closed_days if days else False
            needs_all = word in _ALL_DAYS and not hours.open_days and not re.search("any", word)
            if not (vocabulary(word) <= facts.words) and (not given or needs_all):
                yield match[0], "days that the prompt gives"
        for day in sorted(days_in(re.sub(_ALWAYS, " ", clause))):
            if day in hours.closed_days or day not in known:
                yield day.capitalize(), "a day on which the prompt is open"
    slots = [s for s in facts.sentences if SLOTS.search(s)]
    if slots and own and _OFFERED.search(clause) and not re.search(r"\bopen\b|\bclose", clause, re.IGNORECASE):
        free = days_in(" ".join(slots))
        for day in sorted(days_in(clause) - free):
            yield day.capitalize(), "a day that the prompt offers"
        parts = {(d.lower(), p.lower()) for d, p in _PART.findall(" ".join(slots))}
        for day, part in _PART.findall(clause):
            if any(d == day.lower() for d, _ in parts) and (day.lower(), part.lower()) not in parts:
                yield f"{day} {part}", "a time that the prompt offers"
