"""Where a clause of unpunctuated speech begins, and whose doing it tells of."""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.grounding.bindings import LOCATING
from fisherprep.label.grounding.lexicon import (
    AUXILIARIES,
    BOUNDARIES,
    COPULA_BEFORE,
    IRREGULAR_PAST,
    KIN,
    LEADS,
    OTHERS,
    SELF,
    STOP,
    THIRD_VERBS,
    word_set,
)

OWN, NEUTRAL, OTHER, GENERIC, ASKED = "own", "neutral", "other", "generic", "asked"
"""Subjects. ``own``: the speaker; ``neutral``: none or "it"; ``other``: somebody else; ``generic``: "you" as anybody;
``asked``: the listener, in a question."""
_POSSESSIVES = word_set("my our his her their the a an this that these those one your")
_CARRIED = word_set("if wish hope what where how who why when")
_THINGS_IN_ING = word_set("wedding building clothing ring wing string evening morning cooking")
_OF_SEVERAL = word_set("oldest youngest older younger eldest middle")
_FILLING = word_set("one just still also always never really now actually usually sometimes even only probably")
_NO_RELATIVE = SELF | OTHERS | _POSSESSIVES | word_set("you 's is was")
"""What follows "that" where it does not stand for the person before it."""
_BEFORE_YOU = word_set("with for to from about tell bless thank behind")
"""After these the listener is spoken to, not of ("i'm with you on that")."""
IMPERSONAL = word_set("it that there this here")


def subject_at(words: Sequence[str], at: int) -> str | None:
    """The subject that begins with this word, if one does."""
    word = words[at]
    before = words[at - 1] if at else ""
    if word in SELF:
        return OWN
    if word in OTHERS:
        after = words[at + 1] if at + 1 < len(words) else ""
        begins = at == 0 or before in BOUNDARIES | LEADS
        return OTHER if word != "people" or begins or after in THIRD_VERBS | AUXILIARIES or _past(after) else None
    if word in _POSSESSIVES and words[at + 1 : at + 2] and words[at + 1] in _OF_SEVERAL:
        rest = [w for w in words[at + 2 : at + 6] if w not in _FILLING]
        if rest and (rest[0] in THIRD_VERBS or _past(rest[0])):
            return OTHER
    if word == "you" and before in _BEFORE_YOU:
        return None
    if word == "you":
        return ASKED if before in AUXILIARIES or (before == "not" and words[at - 2] in AUXILIARIES) else GENERIC
    if word == "mine" and words[at + 1 : at + 2] and words[at + 1] in THIRD_VERBS - {"is", "was", "'s", "are", "were"}:
        return OTHER
    if word == "that" and before in KIN and words[at + 1 : at + 2] and words[at + 1] not in _NO_RELATIVE:
        return OTHER
    if word in IMPERSONAL and words[at + 1 : at + 2] and words[at + 1] in ("'s", "is", "was", "are", "were", "has"):
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
        if noun > at + 1 and words[noun - 1] in _POSSESSIVES:
            break
        if words[noun] not in KIN:
            continue
        last = noun
        while last + 1 < len(words) and (words[last + 1] in KIN or words[last + 1] in ("in", "law")):
            last += 1
        if words[last + 1 : last + 3] == ["of", "mine"]:
            last += 2
        while last + 1 < len(words) and words[last + 1] in _FILLING and words[last + 1] != "one":
            last += 1
        for verb in (last + 1, last + 2):
            if verb < len(words) and (
                words[verb] in THIRD_VERBS
                or _past(words[verb])
                or (verb == last + 1 and (_does(words, verb) or _do(words, at, verb)))
            ):
                return 0 if _owned(words, at, verb) else verb
            if verb < len(words) and words[verb] in SELF | BOUNDARIES | OTHERS:
                break
        if at and words[at - 1] in ("is", "are", "was", "does", "did") and words[at] not in ("a", "an"):
            return last
    return 0


def _does(words: Sequence[str], verb: int) -> bool:
    """Whether a word after one person is a verb of the third person ("my brother raises alpacas")."""
    word = words[verb]
    ends = word.endswith("s") and not word.endswith(("ss", "'s", "us")) and len(word) > 4 and word not in KIN
    one = not words[verb - 1].endswith("s") or words[verb - 1] in _FILLING
    return ends and one and verb + 1 < len(words)


def _do(words: Sequence[str], at: int, verb: int) -> bool:
    """Whether a word after several people, with whom the sentence begins, is their verb ("my girls play soccer")."""
    word, begins = words[verb], at == 0 or words[at - 1] in BOUNDARIES | LEADS
    several = words[verb - 1].endswith("s") or words[verb - 1] in ("children", "people")
    plain = word.isalpha() and word not in STOP | LOCATING | BOUNDARIES and not word.endswith(("ing", "ly"))
    return begins and several and plain and verb + 1 < len(words)


def _past(word: str) -> bool:
    """Whether a word is a verb in the past tense."""
    return word not in KIN | {"named"} and (word in IRREGULAR_PAST or (word.endswith("ed") and len(word) > 4))


def _owned(words: Sequence[str], at: int, verb: int) -> bool:
    """Whether ``my daughter's`` is an object's owner ("i made my daughter's dress") and no subject."""
    if words[verb : verb + 2] == ["'s", "side"]:
        return True
    if words[verb] != "'s" or not at or verb + 1 >= len(words) or words[verb + 1] in COPULA_BEFORE:
        return False
    return words[at - 1] not in BOUNDARIES | LEADS and (
        not words[verb + 1].endswith("ing") or words[verb + 1] in _THINGS_IN_ING
    )


def with_what_leads(words: Sequence[str], at: int) -> int:
    """Where the clause of a subject begins: a question's auxiliary, "if" and "wish" before it belong to it."""
    start = at
    if start and words[start - 1] == "not" and start > 1 and words[start - 2] in AUXILIARIES:
        lead = start - 2
    elif start and words[start - 1] in AUXILIARIES and words[at] not in IMPERSONAL:
        lead = start - 1
    else:
        lead = start
    if not lead or words[lead - 1] not in SELF | OTHERS | {"you"}:
        start = lead
    while start and words[start - 1] in _CARRIED:
        start -= 1
    return start
