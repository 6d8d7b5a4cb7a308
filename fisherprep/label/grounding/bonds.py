"""How the complements of a fact are bound: to the verb, to the speaker, to a place."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said, answers
from fisherprep.label.grounding.lexicon import KIN, STOP, word_set
from fisherprep.label.grounding.predicate import ADVERBS, HELPERS, PRESENT_BE, verbless
from fisherprep.label.grounding.subjects import OTHER
from fisherprep.label.grounding.wording import proves, stem

_DOING = HELPERS | ADVERBS | word_set("i we and") | {""}


_WAYS = word_set("flight drive way road train bus plane")


_LEAVING = word_set("since before after until till than without")


_RELATED = PRESENT_BE | word_set("was were been as half part become get work call consider")


def loosely_bound(claim: Claim, said: Said) -> str | None:
    """Complements that the cited words bind otherwise: "since college" for in it, "a building inspector": builder."""
    for before, word in zip(claim.words, claim.words[1:], strict=False):
        leads = [
            c.words[at - 1] if at else ""
            for c in said.clauses
            for at, other in enumerate(c.words)
            if word not in STOP and proves(other, word)
        ]
        if before in ("in", "at") and leads and _LEAVING.issuperset(leads):
            return "not_supported"
        if before == "in" and _only_on_the_way(word, said):
            return "place_not_said"
    if ("about", "to") in zip(claim.words, claim.words[1:], strict=False) and not any(c.supposed for c in said.clauses):
        return "contradicted"
    if ("get", "up") in itertools.pairwise(claim.words) and _RISING.isdisjoint([*said.words, *_asked(said)]):
        return "not_supported"
    if (elsewhere := _elsewhere(claim, said)) is not None:
        return elsewhere
    if claim.clauses and claim.clauses[0].subject == OTHER and {"is", "'s"} & set(claim.clauses[0].words[2:4]):
        heads = [w for w in claim.words[3:7] if w in claim.hard and w not in KIN][-1:]
        if heads and all(
            _part_of_another(heads[0], c) for c in said.clauses if any(proves(w, heads[0]) for w in c.words)
        ):
            return "not_supported" if any_said(heads[0], said) else None
    if claim.words[:2] in (("i", "are"), ("i", "am"), ("i", "were"), ("i", "was")):
        return _not_predicated(claim, said)
    return None


def _only_on_the_way(place: str, said: Said) -> bool:
    """Whether "in denver" is claimed where only "a flight to denver" was spoken of."""
    leads = [c.words[max(0, at - 2) : at] for c in said.clauses for at, w in enumerate(c.words) if w == place]
    return bool(leads) and all(lead[1:] == ("to",) and lead[0] in _WAYS for lead in leads)


def been_ever_since(words: Sequence[str]) -> bool:
    """``i've been in phoenix ever since``: one lives there."""
    return "been" in words and not {"have", "has"}.isdisjoint(words) and not _LASTING.isdisjoint(words)


_LASTING = word_set("ever years months always")


def _done(head: str, clause: Clause) -> bool:
    """Whether the speaker is said to do what makes them so ("i teach": a teacher; not "a sore arm from pitching")."""
    retired = "retire" in map(stem, clause.words)
    return any(
        proves(w, head)
        and (w != head or head.endswith("ed"))
        and (retired or w in KIN or before in _DOING)
        and (w not in KIN or stem(w) != stem(head))
        for before, w in zip(("", *clause.words), clause.words, strict=False)
    )


def _not_predicated(claim: Claim, said: Said) -> str | None:
    """Whether "you are italian" rests on a clause that says so of nobody ("i make a lot of italian")."""
    heads = [w for w in claim.words[2:7] if w in claim.hard or any(n.word == w and not n.place for n in claim.names)]
    if (
        not heads
        or "fan" in claim.words
        or answers(said)
        or claim.words[2] in ("in", "on", "at", "for", "against")
        or claim.words[2].endswith("ing")
    ):
        return None
    studied = not _STUDIES.isdisjoint(map(stem, claim.words))
    return None if any(_predicated(head, studied, said) for head in heads) else "not_supported"


def _predicated(head: str, studied: bool, said: Said) -> bool:
    """Whether a clause says of the speaker that they are so, or do what makes them so (teaches: a teacher)."""
    clauses = [c for c in said.clauses if c.subject != OTHER and any(proves(w, head) for w in c.words)]
    if not clauses:
        return True
    for c in clauses:
        if (_relates(c, studied) and _said_to_be(head, c)) or verbless(c):
            if not _modifier_only(head, c):
                return True
        elif _done(head, c):
            return True
    return False


def _said_to_be(head: str, clause: Clause) -> bool:
    """Whether nothing between "am" or "as" and the word makes it somebody else ("waiting for the plumber")."""
    words = clause.words
    for at in (at for at, w in enumerate(words) if proves(w, head)):
        start = next((i for i in range(at - 1, -1, -1) if words[i] in _RELATED or stem(words[i]) in _RELATED), None)
        if start is not None and _MET.isdisjoint(words[start + 1 : at]):
            return True
    return False


_MET = word_set("for from to with by my your his her their")


def _asked(said: Said) -> list[str]:
    return [word for question in said.questions for word in question.turn]


def _relates(clause: Clause, studied: bool) -> bool:
    """Whether a clause says what somebody is; "i've got" says what they have, and a degree is not yet a trade."""
    forms = {*map(stem, clause.words), *clause.words} & _RELATED
    if ("have", "got") in itertools.pairwise(clause.words):
        forms -= {"get", "have"}
    return bool(forms) and (studied or _STUDIES.isdisjoint(map(stem, clause.words)))


_STUDIES = frozenset(map(stem, word_set("degree study major student graduate")))
_RISING = word_set("up wake waking woke rise early")


def any_said(word: str, said: Said) -> bool:
    """Whether a word was said in any clause."""
    return any(proves(w, word) for c in said.clauses for w in c.words)


def _part_of_another(head: str, clause: Clause) -> bool:
    """Whether a noun only narrows the one after it ("a cowboys fan")."""
    at = [at for at, w in enumerate(clause.words) if proves(w, head)]
    return bool(at) and all(
        clause.words[i + 1 : i + 2] in (("fan",), ("fans",), ("person",), ("inspector",)) for i in at
    )


_RESIDING = word_set(
    "live be am is are 's stay home house rent own buy bought move moved here down out up my our lived apartment raised"
)


_TRANSIENT = word_set("go went visit trip vacation honeymoon once flew fly stationed met")


_ARRIVED = word_set("come came move moved transfer transferred relocate relocated")


def _elsewhere(claim: Claim, said: Said) -> str | None:
    """Whether "you live in jamaica" rests on having been there, or come from there."""
    verb = next((w for w in claim.words[1:3] if w in ("live", "lives", "reside", "from")), None)
    if verb is None or claim.words[0] != "i" or not claim.names:
        return None
    for name in (name.word for name in claim.names if name.place):
        found = [(c, at) for c in said.clauses for at, w in enumerate(c.words) if w == name]
        if found and not any(_resides(c, at, verb) for c, at in found):
            return "place_not_said"
        if found and all(c.words[at + 1 : at + 2] == ("city",) for c, at in found) and "city" not in claim.words:
            return "place_not_said"
    return None


def _resides(clause: Clause, at: int, verb: str) -> bool:
    words = clause.words
    lead = next(
        (w for w in reversed(words[max(0, at - 4) : at]) if w in ("in", "to", "from", "near", "of", "around")), ""
    )
    arrived = not _ARRIVED.isdisjoint(words)
    past_only = {"was", "were"} & set(words) and not {"am", "are", "is", "live", "'s", "have", "lived"} & set(words)
    if verb == "from":
        return lead != "to" and _TRANSIENT.isdisjoint(words)
    if lead == "to":
        return arrived
    if lead == "from" and (arrived or past_only):
        return False
    return been_ever_since(words) or (not past_only and (verbless(clause) or not _RESIDING.isdisjoint(words)))


def _modifier_only(head: str, clause: Clause) -> bool:
    """Whether a trade was only part of another ("a building inspector": builder)."""
    at = [at for at, w in enumerate(clause.words) if proves(w, head)]
    return bool(at) and all(
        clause.words[i] != head
        and clause.words[i].endswith("ing")
        and clause.words[i - 1 : i] in (("a",), ("an",), ("the",))
        and i + 1 < len(clause.words)
        for i in at
    )
