"""The verb of one clause of a fact: which word it is, its tense and voice.

The other rules look for each word of a fact by itself; `attribution`, `mood` and `bonds` read it as subject, verb and
complement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.lexicon import AUXILIARIES, BEING, IRREGULAR_PAST, KIN, STOP, THIRD_VERBS, word_set
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.subjects import NEUTRAL
from fisherprep.label.grounding.wording import stem

BE = BEING | word_set("be being 're 'm")


PRESENT_BE = word_set("am is are 's be")


HELPERS = AUXILIARIES | BE | word_set("have has had having will would 'd may might must get got 've not never no to")


ADVERBS = word_set(
    "also still now always often usually just currently really rarely once recently never not mostly mainly sometimes "
    "frequently previously formerly no longer only even occasionally generally typically already actually both all"
)


@dataclass(frozen=True)
class Predicate:
    """The verb of one clause of a fact."""

    verb: str
    at: int
    present: bool
    passive: bool


def predicate_of(clause: Clause) -> Predicate | None:
    """The first verb that is no auxiliary; a form of "be" where nothing else follows it; None if it cannot be told."""
    words = clause.words
    at = _after_subject(words)
    if at is None:
        return None
    helpers: list[str] = []
    while at < len(words) and (words[at] in HELPERS or words[at] in ADVERBS or adverb(words[at])):
        helpers.append(words[at])
        at += 1
    if "used" in words[at : at + 1] and words[at + 1 : at + 2] == ("to",):
        helpers.append("used")
        at += 2
    being = any(word in BE for word in helpers)
    if at >= len(words) or not (participle(words[at]) or not being):
        verb = "be" if being else "have"
        present = (
            helpers[-1:] != ["been"] and PRESENT_BE.isdisjoint(helpers) is False if being else "had" not in helpers
        )
        return Predicate(verb, max(0, at - 1), bool(present), passive=False)
    if helpers and stem(helpers[-1]) in ("have", "get") and not participle(words[at]):
        return Predicate(stem(helpers[-1]), at - 1, helpers[-1] not in ("had", "got"), passive=False)
    passive = being and not words[at].endswith("ing")
    past = is_past(words[at]) or not {"used", "was", "were", "had", "did", "have", "has"}.isdisjoint(helpers)
    return Predicate(words[at], at, not past, passive)


def adverb(word: str) -> bool:
    return word.endswith("ly") and len(word) > 5 and word not in ("supply", "family")


def _after_subject(words: Sequence[str]) -> int | None:
    """Where the words after the subject begin ("i", "my younger sister")."""
    if not words:
        return None
    if words[0] in ("i", "we", "he", "she", "they", "to", "who"):
        return 1
    if words[0] not in ("my", "our"):
        return None
    for at in range(2, min(len(words), 6)):
        word = words[at]
        if word in KIN and words[at - 1] not in KIN:
            continue
        if word in THIRD_VERBS or word in HELPERS or is_past(word) or (word.endswith("s") and words[at - 1] in KIN):
            return at if word != "'s" or words[at + 1 : at + 2] not in (("name",),) else None
        if words[at - 1] in KIN and words[at - 1].endswith(("s", "children")) and word.isalpha() and word not in STOP:
            return at
    return None


def participle(word: str) -> bool:
    if runs([word]):
        return False
    return word.endswith(("ing", "ed", "en")) or word in IRREGULAR_PAST or word in ("gone", "grown", "born", "done")


def is_past(word: str) -> bool:
    return word in IRREGULAR_PAST or (word.endswith("ed") and len(word) > 4)


def lemma(verb: str) -> str:
    """The stem of a verb; "lives" is no plural here."""
    return "live" if verb == "lives" else stem(verb)


def verbless(clause: Clause) -> bool:
    """Whether a clause is an answer without a verb ("two boys and a girl")."""
    if clause.subject != NEUTRAL:
        return False
    return not any(w in HELPERS - {"not", "no", "to"} or w in THIRD_VERBS or is_past(w) for w in clause.words)
