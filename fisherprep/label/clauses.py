"""What was said, clause by clause: whose doing it is, whether it is denied, supposed or over.

Fisher's transcripts have no punctuation, so clauses are cut at subjects ("i", "she", "my sister is") and at
conjunctions. The same reading serves facts, once "you" is turned into "i". It is a matter of closed word lists
(`fisherprep.label.lexicon`), not of a parser: it is wrong at times, and the rules that use it lean towards dropping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fisherprep.label.lexicon import (
    AGAINST,
    AUXILIARIES,
    BOUNDARIES,
    ENDING,
    FILLED,
    KIN,
    NEGATORS,
    OTHERS,
    SELF,
    SUPPOSING,
    THIRD_VERBS,
    WITHOUT_POLARITY,
    word_set,
)
from fisherprep.label.numbers import DIGIT_WORDS, runs
from fisherprep.label.wording import stem, tokens

OWN, NEUTRAL, OTHER, GENERIC, ASKED = "own", "neutral", "other", "generic", "asked"
"""Subjects. ``own``: the speaker; ``neutral``: none or "it"; ``other``: somebody else; ``generic``: "you" as anybody;
``asked``: the listener, in a question."""
_POSSESSIVES = word_set("my our his her their the a an this that these those one your")
_DOUBTED = word_set("think believe feel guess suppose")
"""What follows "i don't think" is denied."""
_CARRIED = word_set("if wish hope what where how who why when")
_SET_PHRASES = sorted({tuple(tokens(phrase)) for phrase in FILLED}, key=len, reverse=True)
_IMPERSONAL = word_set("it that there this here")


@dataclass(frozen=True)
class Clause:
    """A stretch of words with one subject."""

    words: tuple[str, ...]
    subject: str
    disliked: bool = False
    """Whether "i hate it" follows."""

    @property
    def denied(self) -> bool:
        """Whether it holds a negation; "no" only before what it denies."""
        for at, word in enumerate(self.words):
            if word == "no":
                after = self.words[at + 1 : at + 2]
                if after and after[0] not in NEGATORS | _IMPERSONAL | {"just", "actually", "but"}:
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
        return not SUPPOSING.isdisjoint(self.words)

    @property
    def used_to(self) -> bool:
        """Whether it tells of what was once so ("used to", "retired from"; not "i am used to")."""
        if any(stem(word) in ENDING for word in self.words) or "give up" in " ".join(map(stem, self.words)):
            return True
        pairs = zip(("", *self.words), self.words, self.words[1:], strict=False)
        return any(
            b == "used" and c == "to" and a not in ("am", "are", "is", "get", "got", "getting") for a, b, c in pairs
        )


def clauses(words: Sequence[str]) -> list[Clause]:
    """The clauses of a turn's words (as `fisherprep.label.wording.tokens` gives them)."""
    words = _without_repeats(list(words))
    for _ in range(2):
        words = _without_repeats(_without_set_phrases(words))
    cuts: dict[int, str | None] = {0: None}
    for at in range(len(words)):
        subject = _subject_at(words, at)
        if subject is not None:
            cuts[_with_what_leads(words, at)] = subject
        elif words[at] in BOUNDARIES:
            cuts.setdefault(at, None)
    starts = sorted(cuts)
    found: list[Clause] = []
    subject = NEUTRAL
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        subject = cuts[start] or subject
        if start < end:
            doubted = bool(found) and found[-1].denied and found[-1].words[-1] in _DOUBTED
            found.append(Clause((*(("not",) if doubted else ()), *words[start:end]), subject))
            if _dislikes_it(found[-1]) and (of := _what_it_is(found)) is not None:
                found[of] = replace(found[of], disliked=True)
    return found


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


def _subject_at(words: Sequence[str], at: int) -> str | None:
    """The subject that begins with this word, if one does."""
    word = words[at]
    before = words[at - 1] if at else ""
    if word in SELF:
        return OWN
    if word in OTHERS:
        return OTHER
    if word == "you":
        return ASKED if before in AUXILIARIES or (before == "not" and words[at - 2] in AUXILIARIES) else GENERIC
    if word in _IMPERSONAL and words[at + 1 : at + 2] and words[at + 1] in ("'s", "is", "was", "are", "were", "has"):
        return NEUTRAL
    if word in _POSSESSIVES and (verb := _verb_after_kin(words, at)):
        if before == "and" and at > 1 and words[at - 2] in ("i", "me"):
            return None
        return _whose(words, at, verb)
    return None


def _whose(words: Sequence[str], at: int, verb: int) -> str:
    if words[at] != "your":
        return OTHER
    return ASKED if at and words[at - 1] in AUXILIARIES | {"'s"} else GENERIC


def _verb_after_kin(words: Sequence[str], at: int) -> int:
    """Position of the verb in "my younger sister dave works"; 0 where this is not such a subject."""
    for noun in range(at + 1, min(at + 4, len(words))):
        if words[noun] not in KIN:
            continue
        last = noun
        while last + 1 < len(words) and (words[last + 1] in KIN or words[last + 1] in ("in", "law")):
            last += 1
        for verb in (last + 1, last + 2):
            if verb < len(words) and words[verb] in THIRD_VERBS:
                return verb
            if verb < len(words) and words[verb] in SELF | BOUNDARIES | OTHERS:
                break
        if at and words[at - 1] in ("is", "are", "was", "does", "did"):
            return last
    return 0


def _with_what_leads(words: Sequence[str], at: int) -> int:
    """Where the clause of a subject begins: a question's auxiliary, "if" and "wish" before it belong to it."""
    start = at
    if start and words[start - 1] == "not" and start > 1 and words[start - 2] in AUXILIARIES:
        start -= 2
    elif start and words[start - 1] in AUXILIARIES and words[at] not in _IMPERSONAL:
        start -= 1
    while start and words[start - 1] in _CARRIED:
        start -= 1
    return start
