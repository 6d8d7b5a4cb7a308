"""Which facts of an answer hold: nothing is claimed of a speaker that the speaker did not say.

A fact must cite turns of its own side (the question just before may come along), and what it claims must have been said
there; `REASONS` lists the rules in the order in which they are applied, the first that fails drops the fact. Rules err
towards dropping: a true fact lost costs a little detail, an invented one teaches the model to make things up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from fisherprep.label.answer import MAX_FACT_CHARS, MAX_TOPIC_CHARS, Fact, SideAnswer
from fisherprep.label.grounding.attribution import misattributed
from fisherprep.label.grounding.claims import read_claim
from fisherprep.label.grounding.common import KNOWN_CAPITALS
from fisherprep.label.grounding.contradiction import contradiction
from fisherprep.label.grounding.evidence import Evidence, evidence_of
from fisherprep.label.grounding.lexicon import STOP, word_set
from fisherprep.label.grounding.misreadings import misread
from fisherprep.label.grounding.names import NOT_NAMES, OWN_NAMES
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.privacy import identifies, unsafe
from fisherprep.label.grounding.support import name_said, unsaid
from fisherprep.label.grounding.wording import any_proves, is_light, stem, tokens
from fisherprep.label.topic import topic_wording

TOPIC_IDENTIFIES = "topic_identifies_person"

REASONS = {
    "markup": "holds brackets, control characters, a web address or other marks that are no plain sentence",
    "instruction": "speaks to a model, or the turns it cites do",
    "too_long": f"over {MAX_FACT_CHARS} characters, or more than one sentence",
    "repetitive": "says the same words over and over",
    "cut_off": "breaks off before its end",
    "not_second_person": 'does not speak of "you", or speaks in the first person',
    "is_the_name": "states the speaker's own name, which has a field of its own",
    "about_other_party": "speaks of the other speaker, the call or the study",
    "identifies_person": "holds a last name, phone number, address, e-mail address, birth date, employer or school",
    "no_turns": "cites no turn",
    "unknown_turn": "cites a turn that the call does not have",
    "other_side": "cites a turn of the other side that asks nothing which a cited turn answers",
    "number_not_said": "a number is not in the cited turns, or belongs to something else there",
    "place_not_said": "a place is not in the cited turns, or the speaker is otherwise connected with it",
    "name_not_said": (
        "a name is not in the cited turns; for the name field: the speaker does not introduce themself by it"
    ),
    "not_supported": "other words that carry the statement are not in the cited turns",
    "about_someone_else": "what the cited turns say is said of somebody else, or asked of the other speaker",
    "contradicted": "affirms what the cited turns deny, or the other way round",
    "only_supposed": "states as real what the cited turns wish, plan or make up",
    "no_longer_so": "states as present what the cited turns tell of the past",
    "repeated": "says what a fact before it says",
    TOPIC_IDENTIFIES: "the topic of the answer identifies a person; the assigned one stands in its place",
}
"""Why a fact is dropped, in the order of the checks."""

_LEFT_OPEN = word_set("and or but the a an of your with because is are am was were than my very who which if so 's")
"""What no sentence ends with."""
_SENTENCE_END = re.compile(r"[.!?;](?=\s+\S)")
_ABBREVIATION = re.compile(r"(?:\b(?:St|Ft|Mt|Mr|Mrs|Ms|Dr|Jr|Sr|vs|etc|U\.S|a\.m|p\.m)|\b[A-Z])$")
_SECOND_PERSON = re.compile(r"\b(?:you|your|yours|you're|you've|you'd|you'll)\b", re.IGNORECASE)
_FIRST_PERSON = word_set("i me my mine we us our ours myself ourselves")
_OTHER_PARTY = re.compile(
    r"\bthe other (?:speaker|person|party|caller|side|participant|one|guy|woman|man|lady)\b|\bspeaker [ab]\b"
    r"|\bside [ab]\b"
    r"|\b(?:conversation|conversational|call|phone|discussion|talking|dialogue) partner\b|\bthe caller\b"
    r"|\bother speaker"
    r"|\b(?:this|the|a) (?:phone )?(?:call|conversation|recording|transcript|study|survey)\b"
    r"|\bthe (?:interviewer|participant)\b",
    re.IGNORECASE,
)
_OWN_NAME = re.compile(r"(?:Your (?:first |full )?name|You(?: are|'re) (?:named|called)|You go by|You call yourself)\b")
_NAMED_SELF = re.compile(r"\b(?:my (?:first )?name(?: is|'s)|call me)$")
_INTRODUCED = re.compile(r"\b(?:i am|i'm)$|^(?:(?:yeah|yes|okay|good|morning|evening|and) )*(?:this is|it is|it's)$")


@dataclass(frozen=True)
class Grounded:
    """What holds of a side's answer: facts in their order, the name, and what was dropped with its reason."""

    facts: list[Fact] = field(default_factory=list)
    dropped: list[tuple[Fact, str]] = field(default_factory=list)
    name: str | None = None


def ground(side_answer: SideAnswer, side: str, turns: Sequence[Mapping[str, Any]], topic: str = "") -> Grounded:
    """Check a side's facts and name against the call's turns.

    Args:
        side_answer: what the model says of the side.
        side: a or b.
        turns: the call's turns rows, both sides, in order.
        topic: the assigned topic, whose words both sides need not say ("i think they should raise it").
    """
    evidence = evidence_of(side, turns, topic)
    name = introduced_name(side_answer.name, side, turns)
    result = Grounded(name=name)
    if side_answer.name and not name:
        result.dropped.append((Fact(turns=(), text=f"Your name is {shown(side_answer.name)}."), "name_not_said"))
    kept: list[frozenset[str]] = []
    for fact in side_answer.facts:
        text = " ".join(fact.text.split()) if fact.text.isprintable() else fact.text
        fact = fact.model_copy(update={"turns": tuple(sorted(set(fact.turns)))})
        reason = _reason(text, fact.turns, evidence)
        words = frozenset(tokens(text))
        if reason is None and any(words == before for before in kept):
            reason = "repeated"
        if reason is None:
            kept.append(words)
            own = tuple(evidence.own(fact.turns))
            result.facts.append(fact.model_copy(update={"text": _sentence(text), "turns": own}))
        else:
            result.dropped.append((fact.model_copy(update={"text": shown(fact.text)}), reason))
    return result


def _reason(text: str, cited: Sequence[int], evidence: Evidence) -> str | None:
    """The first rule that a fact breaks."""
    if reason := _form(text):
        return reason
    if reason := evidence.refuses(cited):
        return reason
    claim = read_claim(text)
    said = evidence.of(cited)
    return unsaid(claim, said) or contradiction(claim, said) or misread(claim, said) or misattributed(claim, said)


def _form(text: str) -> str | None:
    """What can be told from the fact alone."""
    if reason := unsafe(text):
        return reason
    ends = [m for m in _SENTENCE_END.finditer(text) if not _ABBREVIATION.search(text[: m.start()])]
    if len(text) > MAX_FACT_CHARS or ends:
        return "too_long"
    words = tokens(text)
    if _repeats(words):
        return "repetitive"
    possessive = text.rstrip(" .").lower().rpartition(" ")[2] in KNOWN_CAPITALS
    if words and ((_open_end(words) and not possessive) or text.rstrip(" .").endswith((",", "-"))):
        return "cut_off"
    if not _SECOND_PERSON.search(text) or not _FIRST_PERSON.isdisjoint(words) or len(words) < 2:
        return "not_second_person"
    if _OWN_NAME.match(text):
        return "is_the_name"
    if _OTHER_PARTY.search(text):
        return "about_other_party"
    return "identifies_person" if identifies(text) else None


def _open_end(words: Sequence[str]) -> bool:
    """Whether a sentence breaks off; "it was your grandfather's" does not."""
    return words[-1] in _LEFT_OPEN and not (
        words[-1] == "'s" and not {"is", "was", "are", "were"}.isdisjoint(words[-6:])
    )


def _repeats(words: Sequence[str]) -> bool:
    """Whether a text goes round: a word that carries meaning three times, or four words in a row twice."""
    numbers = {at for run in runs(words) for at in range(run.start, run.end)}
    words = [word for at, word in enumerate(words) if at not in numbers]
    counted = Counter(stem(word) for word in words if word not in STOP)
    fours = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    return any(n > 2 for n in counted.values()) or any(n > 1 for n in fours.values())


def _sentence(text: str) -> str:
    return text.rstrip(" .!?,;:-") + "."


def shown(text: str) -> str:
    """A refused text, fit to be stored: UTF-8 can hold it and it is not long."""
    return text.encode("utf-8", "replace").decode("utf-8")[:MAX_FACT_CHARS]


def introduced_name(name: str | None, side: str, turns: Sequence[Mapping[str, Any]]) -> str | None:
    """The first of the given names, if the side introduces itself by it; last names are left off.

    Ways to say it: "my name is X", "call me X"; with a common first name also "i'm X", and at a turn's beginning "this
    is X", "it's X" and "X here".
    """
    if not name or not (match := re.match(r"\s*([^\W\d_][^\W\d_'’-]{1,19})(?![\w@.<>])", name)):
        return None
    wanted = match[1].lower()
    if wanted in NOT_NAMES or is_light(wanted):
        return None
    for turn in turns:
        if turn["side"] != side:
            continue
        words = [
            w.lower() for w in turn["words"] if w.lower() not in ("uh", "um", "er", "well", "oh", "hi", "hello", "hey")
        ]
        for at, word in enumerate(words):
            if word == wanted and _introduces(words, at):
                return wanted[0].upper() + wanted[1:]
    return None


def _introduces(words: Sequence[str], at: int) -> bool:
    """Whether the word here is the name that a turn's speaker gives as their own."""
    before = " ".join(words[max(0, at - 5) : at])
    if _NAMED_SELF.search(before):
        return True
    here = words[at + 1 : at + 2] == ["here"] and at < 2
    return words[at] in OWN_NAMES and (here or _INTRODUCED.search(before) is not None)


@lru_cache(maxsize=4_000)
def _tokens_of_turn(text: str) -> tuple[str, ...]:
    """A turn's words; kept, since the topics of both sides are compared with all turns of the call."""
    return tuple(tokens(text))


def _sentence_case(topic: str) -> str:
    """A title ("Family Values and Traditions") without its capitals, which say nothing of names."""
    long = [word for word in topic.split() if len(word) > 3]
    titled = len(long) > 1 and all(word[0].isupper() or not word[0].isalpha() for word in long)
    return topic.lower() if titled else topic


def ground_topic(topic: str, call: Mapping[str, Any], turns: Sequence[Mapping[str, Any]]) -> str | None:
    """The topic as a phrase for a prompt; None where it may not stand in one.

    Its words that carry meaning must mostly have been said by either side, or be in the call's assigned topic; names
    and numbers all of them.
    """
    topic = " ".join(topic.split()).strip(" .,;:!?-\"'")
    phrase = 3 <= len(topic) <= MAX_TOPIC_CHARS and not _SENTENCE_END.search(topic)
    if not phrase or unsafe(topic) or identifies(_sentence_case(topic)):
        return None
    words = tokens(topic)
    if {"you", "your", "i", "my"} & set(words):
        return None
    given = tokens(f"{call.get('topic_title') or ''} {call.get('topic_text') or ''}")
    spoken = [_tokens_of_turn(" ".join(turn["words"])) for turn in turns]
    said = sorted({*given, *(word for words in spoken for word in words)})
    claim = read_claim(topic)
    if not all(name_said(name.word, said) for name in claim.names):
        return None
    if claim.numbers:
        values = {value for words in (given, *spoken) for run in runs(words) for value in run.values}
        if not all(number.values & values for number in claim.numbers):
            return None
    missing = [word for word in claim.hard if not any_proves(said, word)]
    if len(missing) > len(claim.hard) / 2:
        return None
    first, _, rest = topic.partition(" ")
    return f"{topic_wording(first) or first}{' ' * bool(rest)}{rest}"
