"""Whether the verb of a fact was said of the fact's subject, in that tense, with that object's clause.

A common verb may stand for another one only if `licences` has it, the one who does it must be the one who was said to
do it, and the present is not proved by the past.
"""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.grounding.bonds import loosely_bound
from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said, answers
from fisherprep.label.grounding.lexicon import BOUNDARIES, IRREGULAR_PAST, KIN, SOFT, STOP, word_set
from fisherprep.label.grounding.licences import FREE, LICENSES, OF_THE_SPEAKER
from fisherprep.label.grounding.mood import mood_differs
from fisherprep.label.grounding.predicate import (
    ADVERBS,
    BE,
    PREPOSITIONS,
    Predicate,
    is_past,
    lemma,
    participle,
    predicate_of,
    verbless,
)
from fisherprep.label.grounding.subjects import GENERIC, NEUTRAL, OTHER, OWN
from fisherprep.label.grounding.wording import proves, stem

_AT_WORK = frozenset(
    map(stem, word_set("work job business office company employ commute hire boss career teach shift"))
)


_STANDING_IN = word_set("one it them")


def misattributed(claim: Claim, said: Said) -> str | None:
    """The rule that a fact breaks by its verb; None where the verb was said of its subject."""
    if reason := mood_differs(claim, said):
        return reason
    for number, clause in enumerate(claim.clauses):
        found = predicate_of(clause)
        if found is None or clause.subject not in (OWN, OTHER) or (number and clause.words[0] in BOUNDARIES):
            continue
        reason = _by_another(clause, found, said) or _unlicensed(claim, clause, found, said)
        reason = reason or _past_only(claim, clause, found, said)
        if reason:
            return reason
    if any(_not_bidden(a, b, v, said) for a, b, v in zip(claim.words, claim.words[1:], claim.words[2:], strict=False)):
        return "not_supported"
    return loosely_bound(claim, said)


def _not_bidden(a: str, b: str, verb: str, said: Said) -> bool:
    """Whether "wants me to stay" is claimed where nobody spoke of staying."""
    return (a, b) == ("me", "to") and verb not in STOP and not any(proves(w, verb) for w in said.words)


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
    if not saying or any(_same_subject(clause, c) for c in saying):
        return None
    if clause.subject == OWN and any(_joint(c) for c in saying):
        return None
    return "about_someone_else"


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


def _unlicensed(claim: Claim, clause: Clause, found: Predicate, said: Said) -> str | None:
    """Whether a common verb stands for something that was not said."""
    verb = lemma(found.verb)
    if claim.opinion:
        return None
    near = _near(claim, clause, said)
    told = clause.subject == OTHER and any(c.subject == OTHER and c.who == clause.who for c in said.clauses)
    things = [k for k in _keys(claim, clause) if k not in KIN]
    if told and near and things and not any(_tells_of(c, things, clause) for c in near):
        return "not_supported"
    if told:
        near = [c for c in near if not (c.subject == NEUTRAL and c.words[0] in PREPOSITIONS)]
    if not near and told and any(proves(w, k) for w in said.words for k in claim.hard):
        return "not_supported"
    if verb == "work" and "at" in claim.words[2:4] and _elsewhere_busy(claim, said):
        return "not_supported"
    if verb == "work" and any(name.place for name in claim.names) and not claim.hard:
        return None if not _AT_WORK.isdisjoint(map(stem, said.words)) or "at" in said.words else "not_supported"
    if verb == "make" and "living" in clause.words:
        return None
    licence = LICENSES.get(verb, frozenset() if verb in SOFT and verb not in FREE else None)
    if licence is None or not near:
        return None
    if clause.subject == OTHER:
        licence -= OF_THE_SPEAKER
    if not told and any(verbless(c) and any(proves(w, k) for w in c.words for k in _keys(claim, clause)) for c in near):
        return None
    getting = [c for c in near if verb == "have" and "getting" in c.words]
    if getting and all(c in getting or not _holds(c, claim.hard) for c in near):
        return "only_supposed"
    words = {form for c in near for word in _full_verbs(c.words) for form in (word, lemma(word))}
    if verb == "have" and any(stem(w) != stem(k) and proves(w, k) for c in near for w in c.words for k in claim.hard):
        words |= {"have"} if any(not BE.isdisjoint(c.words) for c in near) else set()
    words |= {"hate" for c in near if c.disliked}
    if verb not in ("want", "hope") and clause.subject == OWN:
        words |= {stem(word) for question in said.questions for word in question.words}
    elif clause.words[found.at + 1 : found.at + 2] == ("to",):
        licence |= word_set("would 'd if always could")
    if verb not in ("go", "take", "have"):
        words -= {form for word in claim.hard if stem(word) != verb for form in (word, stem(word))}
    if verb in words or not licence.isdisjoint(words):
        return None
    return "not_supported"


def _tells_of(clause: Clause, things: Sequence[str], of: Clause) -> bool:
    """Whether a clause about somebody speaks of the things, or of "one" of them."""
    return clause.subject != NEUTRAL and (
        _holds(clause, things) or (clause.who == of.who and not _STANDING_IN.isdisjoint(clause.words))
    )


def _holds(clause: Clause, words: Sequence[str]) -> bool:
    return any(proves(w, word) for w in clause.words for word in words)


def _full_verbs(words: Sequence[str]) -> list[str]:
    """The words without a "have" or "do" that only helps another verb ("i've played")."""
    kept = []
    for at, word in enumerate(words):
        after = next((w for w in words[at + 1 : at + 4] if w not in ADVERBS), "")
        helping = word in ("have", "has", "had") and (
            after == "been" or (participle(after) and after not in ("got", "had"))
        )
        if not helping and not (word in ("do", "does", "did") and words[at + 1 : at + 2] == ("not",)):
            kept.append(word)
    return kept


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


def _elsewhere_busy(claim: Claim, said: Said) -> bool:
    """Whether one only does something else at the place ("i do yoga at the community center")."""
    there = [c for c in said.clauses if any(proves(w, k) for w in c.words for k in claim.hard)]
    if not there or answers(said):
        return False
    working = _AT_WORK | BE
    return all(
        "at" in c.words and working.isdisjoint({*c.words, *map(stem, c.words)}) and not verbless(c) for c in there
    )
