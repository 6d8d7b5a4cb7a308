"""What was said, clause by clause: whose doing it is, whether it is denied, supposed or over.

Fisher's transcripts have no punctuation, so clauses are cut at subjects ("i", "she", "my sister is") and at
conjunctions. The same reading serves facts, once "you" is turned into "i". It is a matter of closed word lists
(`fisherprep.label.grounding.lexicon`), not of a parser: it is wrong at times, and the rules that use it lean
towards dropping.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fisherprep.label.grounding.lexicon import (
    AGAINST,
    BOUNDARIES,
    ENDING,
    FILLED,
    KIN,
    MEN,
    NEGATORS,
    PRONOUNS,
    STOP,
    SUPPOSING,
    THIRD_VERBS,
    WITHOUT_POLARITY,
    WOMEN,
    word_set,
)
from fisherprep.label.grounding.numbers import DIGIT_WORDS, runs
from fisherprep.label.grounding.subjects import ASKED, GENERIC, NEUTRAL, OTHER, OWN, subject_at, with_what_leads
from fisherprep.label.grounding.wording import stem, tokens

_DENIABLE = word_set("more longer other one such way good need use")
"""Light words that "no" denies."""
_DOUBTED = word_set("think believe feel guess suppose")
"""What follows "i don't think" is denied."""
MAX_BACK = 12
"""Clauses that a pronoun looks back over."""
_SET_PHRASES = sorted({tuple(tokens(phrase)) for phrase in FILLED}, key=len, reverse=True)
_TEMPORAL = word_set("since when until after before while")
"""What leads into a clause aside, after which "so" goes on with the one before."""
_NOT_YET = {
    ("tried", "to"),
    ("next", "year"),
    ("next", "month"),
    ("next", "summer"),
    ("next", "spring"),
    ("next", "fall"),
    ("get", "married"),
    ("getting", "married"),
    ("wants", "to"),
    ("wanted", "to"),
}


@dataclass(frozen=True)
class Clause:
    """A stretch of words with one subject."""

    words: tuple[str, ...]
    subject: str
    disliked: bool = False
    """Whether "i hate it" follows."""

    imagined: bool = False
    """Whether it follows from an "if" before ("if i win i'm moving to hawaii")."""

    who: str = ""
    """Of somebody else's clause: the word for that person ("sister"), also where "she" stands for it."""

    @property
    def denied(self) -> bool:
        """Whether it holds a negation; "no" only before what it denies."""
        return self.denied_up_to(len(self.words))

    def denied_up_to(self, end: int) -> bool:
        """Whether a negation stands before word ``end``: "a parrot that won't shut up" denies no parrot."""
        for at, word in enumerate(self.words[:end]):
            if word == "no":
                after = self.words[at + 1 : at + 2]
                if after and (after[0] not in STOP or after[0] in _DENIABLE):
                    return True
            elif word in NEGATORS or stem(word) in AGAINST:
                return True
        return False

    @property
    def without_polarity(self) -> bool:
        return any(word in WITHOUT_POLARITY or stem(word) in WITHOUT_POLARITY for word in self.words)

    @property
    def supposed(self) -> bool:
        """Whether it is wished, planned or made up."""
        pairs = zip(self.words, self.words[1:], strict=False)
        return self.imagined or not SUPPOSING.isdisjoint(self.words) or any(pair in _NOT_YET for pair in pairs)

    @property
    def used_to(self) -> bool:
        """Whether it tells of what was once so ("used to", "retired from"; not "i am used to")."""
        gone = any(stem(word) in ENDING for word in self.words) or "give up" in " ".join(map(stem, self.words))
        if gone and not _cannot(self.words):
            return True
        pairs = zip(("", *self.words), self.words, self.words[1:], strict=False)
        return any(
            b == "used" and c == "to" and a not in ("am", "are", "is", "get", "got", "getting") for a, b, c in pairs
        )


def clauses(words: Sequence[str]) -> list[Clause]:
    """The clauses of a turn's words (as `fisherprep.label.grounding.wording.tokens` gives them)."""
    words = _without_repeats(list(words))
    for _ in range(2):
        words = _without_repeats(_without_set_phrases(words))
    cuts: dict[int, str | None] = {0: None}
    for at in range(len(words)):
        subject = subject_at(words, at)
        if subject is None and words[at] in ("my", "our") and cuts[max(cuts)] in (GENERIC, ASKED):
            subject = NEUTRAL
        if subject is not None:
            cuts[with_what_leads(words, at)] = subject
        elif _parts(words, at) or _just_after_no(words, at):
            cuts.setdefault(at, None)
    starts = sorted(cuts)
    found: list[Clause] = []
    subject = main = NEUTRAL
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        if start < end and words[start] in _TEMPORAL:
            main = subject
        subject = cuts[start] or (main if words[start : start + 1] == ["so"] else subject)
        if start < end:
            doubted = bool(found) and found[-1].denied and found[-1].words[-1] in _DOUBTED
            found.append(Clause((*(("not",) if doubted else ()), *words[start:end]), subject))
            if _not_yet(found) or _follows_from_if(found) or _goes_on_supposing(found):
                found[-1] = replace(found[-1], imagined=True)
            if subject != NEUTRAL:
                found[-1] = replace(found[-1], who=_person(found))
            if _dislikes_it(found[-1]) and (of := _what_it_is(found)) is not None:
                theirs = OTHER in (found[of].subject, subject) and found[of].who != found[-1].who
                found[of] = replace(found[of], disliked=found[of].disliked or not theirs)
    return found


def _follows_from_if(found: Sequence[Clause]) -> bool:
    """Whether the last clause tells what the speaker would do in the case of the one before."""
    if len(found) < 2 or found[-1].subject != OWN or not (found[-2].imagined or found[-2].words[0] == "if"):
        return False
    words = found[-1].words
    going_on = words[0] == "and" and "i" not in words
    return going_on or any(a in ("am", "are", "will") for a in words) or (found[-2].imagined and words[0] == "and")


def _goes_on_supposing(found: Sequence[Clause]) -> bool:
    """Whether a clause hangs on the "might" of the one before ("i might quit and be a painter")."""
    if len(found) < 2 or not found[-2].supposed or found[-1].words[0] not in ("and", "or", "when"):
        return False
    if found[-1].words[0] == "when":
        return True
    return found[-1].words[1:2] in (("be",), ("go",), ("get",), ("become",), ("start",), ("buy",), ("open",), ("move",))


def _parts(words: Sequence[str], at: int) -> bool:
    """Whether a conjunction begins a clause; "a while" is a time."""
    return words[at] in BOUNDARIES and not (words[at] == "while" and words[max(0, at - 1) : at] in (["a"], ["the"]))


def _just_after_no(words: Sequence[str], at: int) -> bool:
    """``no kids just cats``: what follows "just" is not denied."""
    after = words[at + 1 : at + 2]
    return (
        words[at] in ("just", "only")
        and ("no" in words[max(0, at - 4) : at] or words[at - 2 : at] == ["never", "have"])
        and bool(after)
        and after[0] not in THIRD_VERBS
    )


def _not_yet(found: Sequence[Clause]) -> bool:
    """``before i'm forty``."""
    words = found[-1].words
    after = len(found) > 1 and found[-2].words == ("before",)
    return (after or words[0] in ("before", "until")) and not {"am", "are", "turn", "get"}.isdisjoint(words)


def _cannot(words: Sequence[str]) -> bool:
    return any(a in ("can", "could") and b == "not" for a, b in itertools.pairwise(words))


def _person(found: Sequence[Clause]) -> str:
    """Whose the last clause is; "she" is the last woman spoken of, "they" the last people."""
    words = found[-1].words
    first = next((word for word in words if word in KIN or word in PRONOUNS), "")
    if found[-1].subject != OTHER:
        return "we" if "we" in words or (len(found) > 1 and found[-2].who == "we" and "i" not in words) else ""
    if first in KIN:
        at = words.index(first) + 1
        return words[at] if at < len(words) and words[at] in KIN else first
    if not first:
        return found[-2].who if len(found) > 1 and found[-2].subject == OTHER else ""
    others = MEN if first == "she" else WOMEN if first == "he" else frozenset()
    if first not in ("he", "she", "they", "who"):
        return ""
    for clause in reversed(found[-MAX_BACK:-1]):
        if clause.subject == OTHER and clause.who and clause.who not in others | {"he", "she", "they", "who"}:
            return clause.who
        for word in reversed(clause.words):
            if word in KIN and word not in others:
                return word
    return first


def _dislikes_it(clause: Clause) -> bool:
    """``i hate it``: what is disliked was said before."""
    return len(clause.words) <= 5 and clause.words[-1] in ("it", "that", "them") and clause.denied


def _what_it_is(found: Sequence[Clause]) -> int | None:
    """The last clause before, past conjunctions."""
    return next((at for at in range(len(found) - 2, -1, -1) if len(found[at].words) > 1), None)


def _without_set_phrases(words: list[str]) -> list[str]:
    """The words without set phrases; of "can't get enough" only the negation goes."""
    kept: list[str] = []
    at = 0
    while at < len(words):
        length = next((len(p) for p in _SET_PHRASES if tuple(words[at : at + len(p)]) == p), 0)
        if length:
            negated = words[at : at + 2] == ["can", "not"]
            kept += words[at + 2 : at + length] if negated else []
            at += length
        else:
            kept.append(words[at])
            at += 1
    return kept


def _without_repeats(words: list[str]) -> list[str]:
    """Words without stammered repetitions; digits may be said twice."""
    numbers = {at for run in runs(words) for at in range(run.start, run.end) if words[at] in DIGIT_WORDS}
    return [word for at, word in enumerate(words) if at in numbers or at == 0 or words[at - 1] != word]
