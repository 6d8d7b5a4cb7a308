"""Misreadings that keep the words of what was said: near a town for in it, from for to, fear for love, used for new."""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import LIKINGS, word_set
from fisherprep.label.grounding.support import name_said
from fisherprep.label.grounding.wording import any_proves, stem

_FEARS = word_set("afraid scared terrified frightened allergic phobia petrified nervous dread anxious")
_DISTANCES = word_set("hour hours minute minutes mile miles")
_WITHIN = 5
"""Words before a place that say how it is bound."""


def misread(claim: Claim, said: Said) -> str | None:
    """The rule that a fact breaks by reading the cited words against their sense; None where it reads them rightly."""
    if _loves_what_is_feared(claim, said) or _new_for_used(claim, said.words):
        return "contradicted"
    for name in claim.names:
        if name.place and (_only_near(claim, name.word, said) or _turned_round(claim, name.word, said)):
            return "place_not_said"
    return None


def _loves_what_is_feared(claim: Claim, said: Said) -> bool:
    if LIKINGS.isdisjoint(map(stem, claim.words)) or not _FEARS.isdisjoint(claim.words):
        return False
    about = [c for c in said.clauses if any(any_proves(c.words, word) for word in claim.hard)]
    return bool(about) and all(not _FEARS.isdisjoint(c.words) and LIKINGS.isdisjoint(map(stem, c.words)) for c in about)


def _new_for_used(claim: Claim, words: Sequence[str]) -> bool:
    """Whether "a new truck" is claimed where "a used truck" was said."""
    second_hand = any(
        a in ("a", "an", "our", "my") and b == "used" and c != "to"
        for a, b, c in zip(words, words[1:], words[2:], strict=False)
    )
    return "new" in claim.words and second_hand and "new" not in words


def _leads(words: Sequence[str], place: str) -> list[Sequence[str]]:
    """The words before each mention of a place, the nearest last."""
    return [words[max(0, at - _WITHIN) : at] for at, word in enumerate(words) if name_said(place, (word,))]


def _only_near(claim: Claim, place: str, said: Said) -> bool:
    """Whether "in tulsa" is claimed where "an hour from tulsa" was said."""
    if not _DISTANCES.isdisjoint(claim.words) or not {"from", "near", "outside", "around"}.isdisjoint(claim.words):
        return False
    leads = [lead for clause in said.clauses for lead in _leads(clause.words, place)]
    return bool(leads) and all(not _DISTANCES.isdisjoint(lead) and "from" in lead for lead in leads)


def _turned_round(claim: Claim, place: str, said: Said) -> bool:
    """Whether one moved "to" a place by the fact and "from" it by what was said, or the other way round."""
    claimed = {_direction(lead) for lead in _leads(claim.words, place)} - {""}
    found = {_direction(lead) for clause in said.clauses for lead in _leads(clause.words, place)} - {""}
    moved = any(stem(a) in ("move", "mov", "relocate") for a in claim.words)
    return moved and bool(claimed) and bool(found) and claimed.isdisjoint(found)


def _direction(lead: Sequence[str]) -> str:
    return next((word for word in reversed(lead) if word in ("to", "from")), "")
