"""How a fact disagrees with what was said though its words were said: of whom, whether, when and where."""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said, elliptic
from fisherprep.label.grounding.lexicon import (
    AGAINST,
    ENDING,
    IRREGULAR_PAST,
    KIN,
    LIKINGS,
    NEGATORS,
    PAST_FORMS,
    STOP,
    SUPPOSING_FACT,
    WITHOUT_POLARITY,
    word_set,
)
from fisherprep.label.grounding.relations import only_studied, opposed
from fisherprep.label.grounding.sentiment import likes_what_is_hated
from fisherprep.label.grounding.subjects import OTHER, OWN
from fisherprep.label.grounding.support import GENERAL
from fisherprep.label.grounding.whereabouts import is_pointed_to, place_differs
from fisherprep.label.grounding.whose import counted_for_another, not_own, not_theirs, of_anothers, says
from fisherprep.label.grounding.wording import is_light, proves, stem

MAX_TAKEN_UP = 20
"""Clauses looked at for one that the next clause goes on with."""
_TRADES = word_set("teach work coach manage study drive")
_STANDING_IN = word_set("one it them there here")
_OF_MOOD = ("contradicted", "only_supposed")
_POINTING = word_set("it it's them that one ones")
_ASIDE = word_set("of in on at for from with about after before during near around by as you every")
"""What leads to a word that is not what a fact says, only what it is about, where or when."""


def contradiction(claim: Claim, said: Said) -> str | None:
    """The rule that a fact breaks though its words were said: of whom, whether, when and where."""
    answered = tuple(Clause((*(("not",) if q.answer is False else ()), *q.words), "neutral") for q in said.questions)
    for clause in claim.clauses:
        keys = [word for word in clause.words if word in claim.hard or any(n.word == word for n in claim.names)]
        if not claim.hard and not claim.names:
            keys = [word for word in clause.words if word not in STOP]
        for key in keys:
            found = [c for c in said.clauses if any(says(word, key) for word in c.words)]
            found = found or [c for c in answered if any(says(word, key) for word in c.words)]
            if found and (reason := _clash(claim, clause, key, found, said)):
                return reason
    aged = any("old" in number.counts for number in claim.numbers)
    if any(opposed(word, said.words) for word in claim.words if not (aged and word == "old")):
        return "contradicted"
    if any(likes_what_is_hated(claim, clause, said) for clause in claim.clauses):
        return "contradicted"
    if any(only_studied(word, said.words) for word in claim.hard):
        return "not_supported"
    if counted_for_another(claim, said) or of_anothers(claim, said) or not_own(claim, said):
        return "about_someone_else"
    return None


def _clash(claim: Claim, clause: Clause, key: str, found: Sequence[Clause], said: Said) -> str | None:
    """How a word of a fact disagrees with every clause in which it was said."""
    own = [c for c in found if not not_theirs(claim, clause, key, c)]
    if not own and any(_taken_up(clause, c, said) for c in found[:MAX_TAKEN_UP]):
        return None
    if not own and key in KIN and any(c.subject == OWN and elliptic(c.words) for c in said.clauses):
        return None
    if not own:
        return None if _done_beside(claim, clause, key, found, said) else "about_someone_else"
    if key in KIN and any(proves(c.who, key) for c in own if c.subject == OTHER):
        return None
    mine = [claim.words[max(0, at - 2) : at] for at, word in enumerate(claim.words) if word == key]
    if any("my" in lead for lead in mine) and any(w != key for w in claim.hard):
        return None
    is_place = any(name.word == key and name.place for name in claim.names)
    checks = (
        ("contradicted", lambda c: _granted(claim, key, c) or _agrees(c, claim, clause, key)),
        ("contradicted", lambda c: is_place or not _used_to(clause) or _tells_of_past(c)),
        (
            "no_longer_so",
            lambda c: (
                _presupposes(claim, key, c) or (not _over(c, claim) and (claim.past or not _tense_differs(clause, c)))
            ),
        ),
        ("only_supposed", lambda c: _presupposes(claim, key, c) or not c.supposed or _supposes(claim)),
        ("place_not_said", lambda c: not is_place or is_pointed_to(said) or not place_differs(clause, key, c)),
    )
    for reason, holds in checks:
        own = [c for c in own if holds(c)]
        if not own:
            elsewhere = reason in _OF_MOOD and not _used_to(clause) and _told_elsewhere(claim, clause, key, said)
            return None if elsewhere else reason
    return None


def _told_elsewhere(claim: Claim, clause: Clause, key: str, said: Said) -> bool:
    """Whether a denied word only stands aside of what the fact says in another clause.

    "i don't care for soccer i think it's boring" (it), "i don't fly i'm too scared" (scared *of flying*), "i don't
    drink coffee just tea" (the drinking is denied of something else).
    """
    if not any(says(w, key) for c in said.clauses for w in c.words):
        return False
    at = clause.words.index(key)
    for other in (word for word in clause.words if word != key and word in claim.hard and word not in KIN):
        done_to = clause.words[at + 1 : at + 2] == (other,) and _of_another_thing(key, other, said)
        for c in said.clauses:
            heard = any(says(w, other) for w in c.words) and not any(says(w, key) for w in c.words)
            if not heard or (c.subject == OTHER and not claim.opinion) or not _agrees(c, claim, clause, other):
                continue
            if done_to or _aside(claim, clause.words, at) or not _POINTING.isdisjoint(c.words):
                return True
    return False


def _aside(claim: Claim, words: Sequence[str], at: int) -> bool:
    """Whether a word is led to by a preposition; "to" counts after what it explains ("afraid to fly")."""
    lead = words[max(0, at - 3) : at]
    return not _ASIDE.isdisjoint(lead) or (len(lead) > 1 and lead[-1] == "to" and lead[-2] in claim.hard)


def _of_another_thing(verb: str, thing: str, said: Said) -> bool:
    """Whether a verb is said with an object of its own wherever it is said ("i don't drink coffee")."""
    after = [c.words[at + 1 : at + 2] for c in said.clauses for at, w in enumerate(c.words) if says(w, verb)]
    return bool(after) and all(word and not is_light(word[0]) and not says(word[0], thing) for word in after)


def _taken_along(words: Sequence[str]) -> bool:
    """Whether a clause takes up what was named beside it: "bakes it every day", "taught me" and no more."""
    return not {"it", "them"}.isdisjoint(words) or words[-1] == "me"


def _done_beside(claim: Claim, clause: Clause, key: str, found: Sequence[Clause], said: Said) -> bool:
    """Whether somebody is said to do it just beside ("i took piano lessons my grandmother taught me")."""
    verbs = [word for word in clause.words[2:4] if word in claim.hard and word != key]
    if not clause.who or not verbs:
        return False
    beside = {i + step for i, c in enumerate(said.clauses) if c in found for step in (-2, -1, 1, 2)}
    return any(
        proves(said.clauses[i].who, clause.who)
        and _taken_along(said.clauses[i].words)
        and any(says(w, verb) for w in said.clauses[i].words for verb in verbs)
        for i in beside
        if 0 <= i < len(said.clauses) and said.clauses[i].who
    )


def _granted(claim: Claim, key: str, found: Clause) -> bool:
    """Whether what is denied leaves the word as it is."""
    return (
        _modifies(claim, key)
        or _wedded(claim, key, found)
        or (not claim.clauses[0].denied and _presupposes(claim, key, found))
    )


def _presupposes(claim: Claim, key: str, found: Clause) -> bool:
    """Whether "my student loans" says that there are some, whatever is said of them."""
    if claim.words[:2] not in (("i", "have"), ("i", "live"), ("i", "own")):
        return False
    if found.supposed and not {"open", "buy", "get", "start", "have", "build"}.isdisjoint(map(stem, found.words)):
        return False
    return any("my" in found.words[max(0, at - 2) : at] for at, word in enumerate(found.words) if says(word, key))


def _wedded(claim: Claim, key: str, found: Clause) -> bool:
    """Whether "my wife" says that one is married, whatever is denied of her."""
    ended = not {"ex", "late", "left", "lost", "died"}.isdisjoint(found.words)
    spouse = any(a == "my" and b in ("wife", "husband") for a, b in zip(found.words, found.words[1:], strict=False))
    return claim.words[:2] == ("i", "are") and stem(key) == "marry" and spouse and not ended


def _used_to(clause: Clause) -> bool:
    return ("used", "to") in zip(clause.words, clause.words[1:], strict=False)


def _tells_of_past(found: Clause) -> bool:
    return found.used_to or any(
        w in IRREGULAR_PAST or w in ("was", "were", "had", "did", "once", "been") or w.endswith("ed")
        for w in found.words
    )


def _agrees(found: Clause, claim: Claim, clause: Clause, key: str) -> bool:
    shared = {stem(w) for w in clause.words} & {stem(w) for w in found.words} & WITHOUT_POLARITY
    if shared:
        return NEGATORS.isdisjoint(found.words) == NEGATORS.isdisjoint(clause.words)
    return clause.without_polarity or _denied(found, claim, clause, key) == clause.denied


def _over(found: Clause, claim: Claim) -> bool:
    """Whether a clause tells of what was once so, and the fact does not."""
    return found.used_to and not claim.past and not any(stem(word) in ENDING for word in claim.words)


def _supposes(claim: Claim) -> bool:
    return not SUPPOSING_FACT.isdisjoint({*claim.words, *map(stem, claim.words)}) or "used" in claim.words


def _denied(found: Clause, claim: Claim, clause: Clause, key: str) -> bool:
    """Whether a clause denies what the fact speaks of; as the fact has it where that cannot be told."""
    if found.without_polarity:
        return clause.denied
    if "allergic" in found.words and {"allergic", "allergy", "allergies"}.isdisjoint(claim.words):
        return True
    sentiment = any(stem(word) in LIKINGS or stem(word) in AGAINST for word in clause.words)
    ends = [at for at, word in enumerate(found.words) if says(word, key)]
    denied = found.denied if not ends else found.denied_up_to(ends[-1] + 1)
    return denied or (found.disliked and sentiment)


def _taken_up(clause: Clause, found: Clause, said: Said) -> bool:
    """Whether the clause after goes on with it about the fact's person ("i want a shop, my aunt had one")."""
    if not clause.who or found.denied or found not in said.clauses:
        return False
    at = said.clauses.index(found)
    return any(
        proves(c.who, clause.who) and not _STANDING_IN.isdisjoint(c.words)
        for c in said.clauses[at + 1 : at + 2]
        if c.who and c.subject == OTHER
    )


def _modifies(claim: Claim, key: str) -> bool:
    """Whether a word stands before the one that it narrows ("baseball game")."""
    at_verb = 2 if claim.words[:1] == ("i",) else 0
    return any(
        a == key and b in claim.hard and b not in GENERAL
        for a, b in zip(claim.words[at_verb:], claim.words[at_verb + 1 :], strict=False)
    )


def _tense_differs(clause: Clause, found: Clause) -> bool:
    """Whether a verb in the present is said in the past only."""
    verb = next((word for word in clause.words if word in PAST_FORMS or word in ("am", "is")), None)
    verb = "are" if verb in ("am", "is") else verb
    never = "never" in found.words and clause.denied
    if verb is None or never or "been" in clause.words or (verb == "have" and _bore(found)):
        return False
    past = word_set(PAST_FORMS[verb]) | ({"was"} if verb in _TRADES and verb not in found.words else frozenset())
    return not past.isdisjoint(found.words) and not _still(found, verb)


def _bore(clause: Clause) -> bool:
    """Whether somebody "had twins": they have them still."""
    at = clause.words.index("had") if "had" in clause.words else -1
    return at >= 0 and any(proves(word, "child") for word in clause.words[at + 1 : at + 4])


def _still(clause: Clause, verb: str) -> bool:
    return any(word in ("have", "has", "been", "am", "is", "are", "'s", verb) for word in clause.words)
