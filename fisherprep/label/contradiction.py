"""How a fact disagrees with what was said though its words were said: of whom, whether, when and where."""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.claims import Claim, name_said
from fisherprep.label.clauses import GENERIC, OTHER, Clause
from fisherprep.label.evidence import Said
from fisherprep.label.lexicon import (
    AGAINST,
    BEING,
    ENDING,
    KIN,
    LIKINGS,
    PAST_FORMS,
    PLACE_AGREES,
    PLACE_VERBS,
    SUPPOSING_FACT,
    word_set,
)
from fisherprep.label.wording import proves, stem

_REPORTING = word_set("think say believe feel tell claim")
_OTHERS_POSSESSIVES = word_set("his her their your 's")


def contradiction(claim: Claim, said: Said) -> str | None:
    """The rule that a fact breaks though its words were said: of whom, whether, when and where."""
    answered = tuple(Clause((*(("no",) if q.answer is False else ()), *q.words), "neutral") for q in said.questions)
    for clause in claim.clauses:
        keys = [word for word in clause.words if word in claim.hard or any(n.word == word for n in claim.names)]
        for key in keys:
            found = [c for c in said.clauses if any(_says(word, key) for word in c.words)]
            found = found or [c for c in answered if any(_says(word, key) for word in c.words)]
            if found and (reason := _clash(claim, clause, key, found)):
                return reason
    if _of_anothers(claim, said):
        return "about_someone_else"
    return None


def _says(word: str, key: str) -> bool:
    return proves(word, key) or name_said(key, (word,))


def _clash(claim: Claim, clause: Clause, key: str, found: Sequence[Clause]) -> str | None:
    """How a word of a fact disagrees with every clause in which it was said."""
    if all(_not_theirs(claim, c) for c in found):
        return "about_someone_else"
    own = [c for c in found if not _not_theirs(claim, c)]
    if not clause.without_polarity and all(_denied(c, claim, clause) != clause.denied for c in own):
        return "contradicted"
    if all(c.used_to for c in own) and not claim.past and not any(stem(word) in ENDING for word in claim.words):
        return "no_longer_so"
    if not claim.past and _tense_differs(clause, own):
        return "no_longer_so"
    if all(c.supposed for c in own) and SUPPOSING_FACT.isdisjoint({*claim.words, *map(stem, claim.words)}):
        return None if "used" in claim.words else "only_supposed"
    if any(name.word == key and name.place for name in claim.names) and _place_differs(clause, key, own):
        return "place_not_said"
    return None


def _denied(found: Clause, claim: Claim, clause: Clause) -> bool:
    """Whether a clause denies what the fact speaks of; as the fact has it where that cannot be told."""
    if found.without_polarity:
        return clause.denied
    if "allergic" in found.words and "allergic" not in claim.words:
        return True
    sentiment = any(stem(word) in LIKINGS or stem(word) in AGAINST for word in clause.words)
    return found.denied or (found.disliked and sentiment)


def _not_theirs(claim: Claim, found: Clause) -> bool:
    """Whether a clause tells of somebody that the fact does not mention."""
    if found.subject == OTHER:
        if claim.opinion:
            return any(stem(word) in _REPORTING for word in found.words)
        return not claim.of_others
    return found.subject == GENERIC and not claim.opinion


def _tense_differs(clause: Clause, found: Sequence[Clause]) -> bool:
    """Whether a verb in the present is said in the past only."""
    verb = next((word for word in clause.words if word in PAST_FORMS or word in ("am", "is")), None)
    verb = "are" if verb in ("am", "is") else verb
    if verb is None or "been" in clause.words:
        return False
    past = frozenset(PAST_FORMS[verb].split())
    return all(not past.isdisjoint(c.words) and not _still(c, verb) for c in found)


def _still(clause: Clause, verb: str) -> bool:
    return any(word in ("have", "has", "been", "am", "is", "are", "'s", verb) for word in clause.words)


def _place_differs(clause: Clause, place: str, found: Sequence[Clause]) -> bool:
    claimed = _bond(clause.words, place)
    if claimed is None:
        return False
    said = [_bond(c.words, place) for c in found]
    return all(bond is not None and bond not in PLACE_AGREES[claimed] for bond in said)


def _bond(words: Sequence[str], place: str) -> str | None:
    """How a place is bound to the speaker: by the nearest verb before it that says so."""
    at = next((i for i, word in enumerate(words) if _says(word, place)), 0)
    for i in range(at - 1, max(-1, at - 8), -1):
        if words[i] in BEING and words[i + 1] in ("in", "at", "near"):
            return "live"
        if words[i] == "been" and words[i + 1] == "to":
            return "visit"
        if (bond := PLACE_VERBS.get(stem(words[i]))) is not None:
            if "originally" in words[max(0, i - 2) : i]:
                return "origin"
            moved = bond == "from" and any(stem(w) == "move" for w in words[max(0, i - 3) : i])
            return "origin" if moved else bond
    return None


def _of_anothers(claim: Claim, said: Said) -> bool:
    """Whether "my dog" is claimed where only "her dog" is spoken of."""
    for before, noun in zip(claim.words, claim.words[1:], strict=False):
        if before != "my" or noun not in KIN:
            continue
        found = [
            clause.words[max(0, at - 2) : at]
            for clause in said.clauses
            for at, word in enumerate(clause.words)
            if proves(word, noun)
        ]
        if found and all(not _OTHERS_POSSESSIVES.isdisjoint(lead) and "my" not in lead for lead in found):
            return True
    return False
