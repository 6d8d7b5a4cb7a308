"""Whether a fact has somebody like what they said they hate."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import AGAINST, LIKINGS, word_set
from fisherprep.label.grounding.subjects import OTHER, OWN
from fisherprep.label.grounding.wording import any_proves, proves, stem

_POINTING = word_set("it that them those")
_LOOKED_BACK = 3
"""Clauses in which "it" is looked for."""


def likes_what_is_hated(claim: Claim, clause: Clause, said: Said) -> bool:
    """Whether a clause of a fact has the speaker, or somebody else, like what they said they hate."""
    if clause.denied or LIKINGS.isdisjoint(map(stem, clause.words)):
        return False
    if clause.who:
        theirs = {stem(w) for c in said.clauses if c.subject == OTHER and proves(c.who, clause.who) for w in c.words}
        return not AGAINST.isdisjoint(theirs) and LIKINGS.isdisjoint(theirs)
    return clause.subject == OWN and any(_hated(word, said.clauses) for word in claim.hard)


def _hated(thing: str, said: Sequence[Clause]) -> bool:
    """Whether the speaker hates a thing by its name or by "it", and nowhere likes it."""
    own = [c for c in said if c.subject != OTHER]
    liked = any(not c.denied and not LIKINGS.isdisjoint(map(stem, c.words)) and any_proves(c.words, thing) for c in own)
    for at, c in enumerate(said):
        if c.subject == OTHER or not _against(c.words):
            continue
        meant = [c, *(said[max(0, at - _LOOKED_BACK) : at] if not _POINTING.isdisjoint(c.words) else ())]
        if any(any_proves(other.words, thing) for other in meant):
            return not liked
    return False


def _against(words: Sequence[str]) -> bool:
    stands = any(trio == ("can", "not", "stand") for trio in zip(words, words[1:], words[2:], strict=False))
    pairs = [(a, stem(b)) for a, b in itertools.pairwise(("", *words))]
    return stands or any((b in AGAINST and a != "not") or (b in LIKINGS and a == "not") for a, b in pairs)
