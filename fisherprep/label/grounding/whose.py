"""Whether what was said of somebody else is claimed of the speaker, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import IRREGULAR_PAST, KIN, MEN, WOMEN, word_set
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.subjects import GENERIC, OTHER, OWN
from fisherprep.label.grounding.support import name_said
from fisherprep.label.grounding.wording import proves, stem

_REPORTING = word_set("think say believe feel tell claim")
_FAMILY = word_set("family kids children parents wife husband")
_UNRESOLVED = word_set("he she they")
_OTHERS_POSSESSIVES = word_set("his her their your 's")


def says(word: str, key: str) -> bool:
    return proves(word, key) or name_said(key, (word,))


def not_theirs(claim: Claim, clause: Clause, key: str, found: Clause) -> bool:
    """Whether a clause tells of somebody else than the fact's clause does."""
    if found.subject == GENERIC:
        return not claim.opinion
    if clause.subject == OTHER and clause.who:
        return not _about(clause.who, key, found)
    if found.subject != OTHER or _undergone(claim, found):
        return False
    if claim.opinion:
        return any(stem(word) in _REPORTING for word in found.words)
    if (
        claim.words[:2] in (("i", "are"), ("i", "were"))
        and clause.subject == OWN
        and found.who not in ("we", "they", "")
    ):
        return stem(key) != "marry"
    if found.who and any(word in KIN and (proves(found.who, word) or proves(word, found.who)) for word in claim.words):
        return False
    if found.who in _UNRESOLVED and _describes(claim, key, found):
        return False
    if claim.words[0] == "my" and claim.words[1] not in KIN and found.who in _UNRESOLVED:
        return False
    if claim.words[0] == "my" or claim.words[:2] in (("i", "have"), ("i", "am")):
        mine = any(word in claim.hard and _mine(found.words, at) for at, word in enumerate(found.words))
        return not mine and (key not in KIN or found.who not in ("they", ""))
    return not any(says(word, key) and word in KIN for word in found.words)


def _describes(claim: Claim, key: str, found: Clause) -> bool:
    """Whether "she's deaf" is told as "a deaf greyhound"."""
    at = claim.words.index(key) if key in claim.words else len(claim.words)
    having = (
        claim.words[:2] == ("i", "have") and claim.words[at + 1 : at + 2] != () and claim.words[at + 1] in claim.hard
    )
    return having and len(found.words) <= 4 and not {"is", "'s", "are"}.isdisjoint(found.words)


def _undergone(claim: Claim, found: Clause) -> bool:
    """Whether "they laid me off" is told as "you were laid off"."""
    passive = any(
        a in ("was", "were", "been", "got") and _passive(b) for a, b in zip(claim.words, claim.words[1:], strict=False)
    )
    return passive and "me" in found.words and found.who in ("they", "", "somebody", "someone")


def _passive(word: str) -> bool:
    return word.endswith(("ed", "en")) or word in IRREGULAR_PAST or word in ("laid", "let")


def _mine(words: Sequence[str], at: int) -> bool:
    return at > 0 and words[at - 1] in ("my", "our")


def _about(who: str, key: str, found: Clause) -> bool:
    """Whether a clause tells of the person (a word of `KIN`) whom the fact's clause is about."""
    if proves(key, who) or (who in _FAMILY and found.who == "we"):
        return True
    if found.subject == OTHER:
        unknown = found.who in ("", "they", "who") or (found.who == "he" and who not in WOMEN)
        return unknown or (found.who == "she" and who not in MEN) or proves(found.who, who)
    if found.subject == OWN and not ({"them"} | ({"him"} if who not in WOMEN else set())).isdisjoint(found.words):
        return True
    if found.subject == OWN:
        named = next((at for at, word in enumerate(found.words) if proves(word, who)), None)
        return named is not None and found.words[named + 1 : named + 2] != ("'s",)
    return True


def counted_for_another(claim: Claim, said: Said) -> bool:
    """Whether a number of the fact was said of somebody else only."""
    if not claim.clauses:
        return False
    clause = claim.clauses[0]
    for number in claim.numbers:
        if "old" in number.counts and number.counts[-1] in KIN:
            continue
        found = [c for c in said.clauses if any(not run.values.isdisjoint(number.values) for run in runs(c.words))]
        if found and clause.subject == OWN and all(not_theirs(claim, clause, "", c) for c in found):
            return True
    return False


def not_own(claim: Claim, said: Said) -> bool:
    """Whether "my own cooking" is claimed where "my mother's cooking" was spoken of."""
    if "own" not in claim.words[1:] or "my" not in claim.words:
        return False
    nouns = claim.words[claim.words.index("own", 1) + 1 :][:2]
    found = [c.words[max(0, at - 2) : at] for c in said.clauses for at, w in enumerate(c.words) if w in nouns]
    return bool(found) and all(not _OTHERS_POSSESSIVES.isdisjoint(lead) for lead in found)


def of_anothers(claim: Claim, said: Said) -> bool:
    """Whether "my dog" is claimed where only "her dog" is spoken of."""
    for before, noun in zip(claim.words, claim.words[1:], strict=False):
        having = before in ("a", "an") and claim.words[:2] == ("i", "have")
        if (before != "my" and not having) or noun not in KIN:
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
