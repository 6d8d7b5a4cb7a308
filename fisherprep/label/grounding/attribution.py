"""Whether the verb of a fact was said of the fact's subject, in that tense, with that object's clause.

The one who does it must be the one who was said to do it, and the present is not proved by the past.
"""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.grounding.bonds import loosely_bound
from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import BOUNDARIES, IRREGULAR_PAST, KIN, SOFT, STOP, word_set
from fisherprep.label.grounding.mood import mood_differs
from fisherprep.label.grounding.predicate import BE, Predicate, is_past, lemma, participle, predicate_of
from fisherprep.label.grounding.subjects import GENERIC, NEUTRAL, OTHER, OWN
from fisherprep.label.grounding.wording import proves, stem


def misattributed(claim: Claim, said: Said) -> str | None:
    """The rule that a fact breaks by its verb; None where the verb was said of its subject."""
    if reason := mood_differs(claim, said):
        return reason
    for number, clause in enumerate(claim.clauses):
        found = predicate_of(clause)
        if found is None or clause.subject not in (OWN, OTHER) or (number and clause.words[0] in BOUNDARIES):
            continue
        reason = _by_another(clause, found, said) or _past_only(claim, clause, found, said)
        if reason:
            return reason
    return loosely_bound(claim, said)


def _same_subject(clause: Clause, other: Clause) -> bool:
    """Whether two clauses tell of the same one; "we" are the speaker and whoever else."""
    if clause.subject == OWN:
        return other.subject in (OWN, NEUTRAL, GENERIC)
    if other.subject == NEUTRAL:
        return other.words[0] not in ("it", "that", "this")
    if other.subject == OWN:
        return other.who == "we" or any(w in KIN and proves(w, clause.who) for w in other.words[:4])
    return not clause.who or not other.who or other.who in ("they", "who", "he", "she") or _akin(other.who, clause.who)


def _akin(a: str, b: str) -> bool:
    return proves(a, b) or proves(b, a)


def _by_another(clause: Clause, found: Predicate, said: Said) -> str | None:
    """Whether the verb was said, but only of somebody else ("you taught her" for "she taught me")."""
    verb = lemma(found.verb)
    if verb in ("be", "have", "get", "go", "do", "know", "think", "live", "like", "love", "work") or found.passive:
        return None
    saying = [c for c in said.clauses if any(stem(w) == verb and w not in KIN for w in c.words)]
    active = verb not in _MUTUAL and _UNDERGOING.isdisjoint(clause.words[max(0, found.at - 2) : found.at])
    if saying and active and all(_undergone(c, verb) for c in saying):
        return "about_someone_else"
    if not saying or any(_same_subject(clause, c) for c in saying):
        return None
    if clause.subject == OWN and any(_joint(c) for c in saying):
        return None
    return "about_someone_else"


_MUTUAL = word_set("marry engage divorce involve use suppose bear")
"""Verbs of which the passive says no less of oneself."""
_PAST_AS_PRESENT = word_set("hit cut hurt put set let beat shut")
_UNDERGOING = word_set("got get getting was were been being is are am")


def _undergone(clause: Clause, verb: str) -> bool:
    """Whether a verb is said in the passive wherever a clause has it ("my car got stolen")."""
    said = [(a, b) for a, b in zip(("", *clause.words), clause.words, strict=False) if stem(b) == verb]
    return all(a in _UNDERGOING and (participle(b) or b in _PAST_AS_PRESENT) and not b.endswith("ing") for a, b in said)


def _joint(clause: Clause) -> bool:
    return not {"us", "we", "our"}.isdisjoint(clause.words) and "with" not in clause.words


def _keys(claim: Claim, clause: Clause) -> list[str]:
    """The words of a fact's clause that carry meaning besides its verb."""
    keys = [w for w in clause.words if w in claim.hard or any(n.word == w for n in claim.names)]
    return keys or [w for w in clause.words if w not in STOP and w not in SOFT and w not in KIN]


def _near(claim: Claim, clause: Clause, said: Said) -> list[Clause]:
    """The clauses about the same one that hold a word of the fact's clause, and what "it" goes on with."""
    keys = _keys(claim, clause)
    own = [c for c in said.clauses if _same_subject(clause, c)]
    near: list[Clause] = []
    for at, c in enumerate(own):
        if any(proves(w, key) for w in c.words for key in keys):
            near += own[max(0, at - 1) : at + 2]
    return near if keys else list(said.clauses)


def _holds(clause: Clause, words: Sequence[str]) -> bool:
    return any(proves(w, word) for w in clause.words for word in words)


def _past_only(claim: Claim, clause: Clause, found: Predicate, said: Said) -> str | None:
    """Whether the present is claimed of what was told in the past only."""
    if not found.present or claim.opinion or not {"ever", "never", "past", "once", "ago"}.isdisjoint(clause.words):
        return None
    verb = stem(found.verb)
    near = [c for c in (_near(claim, clause, said) or said.clauses) if _same_subject(clause, c)]
    doing = [c for c in near if _holds(c, _keys(claim, clause))]
    if doing and "try" not in map(stem, claim.words) and all("tried" in c.words for c in doing):
        return "no_longer_so"
    if verb == "be":
        forms = [w for c in near for w in c.words if w in BE]
        return "no_longer_so" if clause.subject == OTHER and forms and set(forms) <= {"was", "were"} else None
    forms = [w for c in near for w in c.words if stem(w) == verb and w not in KIN]
    aside = [c for c in near for at, w in enumerate(c.words) if stem(w) == verb and _in_passing(c, at)]
    if forms and len(aside) == len(forms):
        return "no_longer_so"
    always = any("always" in c.words or "have" in c.words or "been" in c.words or "just" in c.words for c in near)
    if forms and all(is_past(w) for w in forms) and not always and verb not in ("want", "buy"):
        return "no_longer_so"
    return None


def _in_passing(clause: Clause, at: int) -> bool:
    """Whether a verb only tells how something came about ("i hurt my knee playing basketball")."""
    words = clause.words
    lead = words[max(0, at - 2) : at]
    told = any(w in IRREGULAR_PAST and w not in ("got", "read") for w in words[:at]) and words[0] in ("i", "we")
    return words[at].endswith("ing") and told and BE.isdisjoint(lead) and not {"started", "kept"} & set(words[:at])
