"""How a place is bound to somebody: lived in, come from, visited."""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.grounding.bindings import FROM, LIVE, ORIGIN, PLACE_AGREES, PLACE_VERBS, VISIT
from fisherprep.label.grounding.bonds import been_ever_since
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import BEING, word_set
from fisherprep.label.grounding.subjects import OTHER
from fisherprep.label.grounding.whose import says
from fisherprep.label.grounding.wording import proves, stem

_LOCATED = word_set("in over up down out")
_TOWARDS = word_set("in at near out here up down over right just outside around of the from now way all back currently")


def is_pointed_to(said: Said) -> bool:
    """Whether a place named elsewhere is spoken of ("my grandparents were from there")."""
    return any(
        a in ("from", "live", "lived", "up", "born", "moved") and b == "there"
        for c in said.clauses
        for a, b in zip(c.words, c.words[1:], strict=False)
    )


def place_differs(clause: Clause, place: str, found: Clause) -> bool:
    if clause.subject == OTHER and any(
        proves(w, clause.who) and not _LOCATED.isdisjoint(found.words[at + 1 : at + 3])
        for at, w in enumerate(found.words)
    ):
        return False
    if "lived" in clause.words and {"years", "months", "year"} & set(found.words):
        return False
    claimed = _bond(clause.words, place)
    said = _bond(found.words, place)
    return claimed is not None and said is not None and said not in PLACE_AGREES[claimed]


def _bond(words: Sequence[str], place: str) -> str | None:
    """How a place is bound to the speaker: by the nearest verb before it that says so."""
    at = next((i for i, word in enumerate(words) if says(word, place)), 0)
    for i in range(at - 1, max(-1, at - 8), -1):
        if words[i] in BEING and all(word in _TOWARDS or says(word, place) for word in words[i + 1 : at]):
            return (
                LIVE
                if words[i] not in ("was", "were", "been") or been_ever_since(words)
                else ORIGIN
                if "from" in words[i:at]
                else VISIT
            )
        if words[i] in ("was", "were") and words[i + 1] in ("in", "at"):
            return VISIT
        if words[i] == "been" and words[i + 1] == "to":
            return VISIT
        if words[i] != "called" and (bond := PLACE_VERBS.get(stem(words[i]))) is not None:
            if "originally" in words[max(0, i - 2) : i]:
                return ORIGIN
            moved = bond == FROM and any(stem(w) == "move" for w in words[max(0, i - 3) : i])
            return ORIGIN if moved else bond
    return None
