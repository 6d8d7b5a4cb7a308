"""Whether a fact denies, supposes or puts in the past what nobody denied, supposed or told as past."""

from __future__ import annotations

from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import SUPPOSING, word_set
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.predicate import is_past
from fisherprep.label.grounding.wording import proves, stem

_NEGATIONS = word_set(
    "not n't never no none nor neither without hardly barely nothing nobody cannot anymore only rarely"
)


_LOOKING_AHEAD = word_set("will going look think try retire trying looking like love should need someday")


_BIDDING = word_set("should ought must need better suppose supposed believe think feel want wish have against favor")


_POINTING = word_set("it that them one ones they")


_MAYBE = word_set("might may maybe plan planning hope hoping want wants wish would 'd considering thinking could hopes")


_FORMER = word_set("former formerly previously")


_PAST_TENSE = word_set("was were had did once used ago when then")


_UNDENIED = word_set("quit stop avoid hate stand allergic rid without lack refuse fail lose less enough out gone")


def mood_differs(claim: Claim, said: Said) -> str | None:
    """Whether the fact denies, supposes or puts in the past what nobody denied, supposed or told as past."""
    words = set(claim.words)
    heard = {form for word in said.words for form in (word, stem(word))}
    asked = {word for question in said.questions for word in question.turn}
    denying = not _NEGATIONS.isdisjoint(words) and "instead" not in words
    no_answer = any(question.answer is False for question in said.questions)
    disliked = any(c.disliked for c in said.clauses)
    if "never" in words and not no_answer and heard.isdisjoint({"never", "not", "no", "hardly", "nor"}):
        return "contradicted"
    if not denying and no_answer and claim.words[1] in claim.hard and claim.words[1] not in heard:
        if any(proves(w, claim.words[1]) for w in asked) or not (claim.names or claim.numbers or _heard(claim, said)):
            return "contradicted"
        return None
    if denying and not disliked and not no_answer and _NEGATIONS.isdisjoint(heard) and _UNDENIED.isdisjoint(heard):
        return "contradicted"
    formerly = ("used", "to") in zip(claim.words, claim.words[1:], strict=False) or not _FORMER.isdisjoint(words)
    if formerly and not any(c.used_to or _told_as_past(c) for c in said.clauses):
        return "contradicted"
    ages = [
        c for c in said.clauses for n in claim.numbers if any(not r.values.isdisjoint(n.values) for r in runs(c.words))
    ]
    if claim.words[1:2] == ("are",) and not claim.hard and ages and all(c.imagined for c in ages):
        return "only_supposed"
    if claim.words[1:2] in (("were",), ("was",)) and not any(c.used_to or _told_as_past(c) for c in said.clauses):
        return "contradicted"
    if claim.opinion and "should" in words and _BIDDING.isdisjoint(heard | asked):
        return "not_supported"
    supposing = claim.words[1:2] and claim.words[1] in ("might", "may", "plan", "hope", "want", "will")
    if supposing and (_MAYBE | SUPPOSING).isdisjoint(heard | asked) and _LOOKING_AHEAD.isdisjoint(heard):
        return "contradicted"
    return None


def _heard(claim: Claim, said: Said) -> bool:
    return any(proves(w, key) for w in said.words for key in claim.hard)


def _told_as_past(clause: Clause) -> bool:
    """Whether a verb of the clause is in the simple past; "i've got" is not."""
    return any(
        (w in _PAST_TENSE or (is_past(w) and w not in ("got", "been")))
        and clause.words[at - 1 : at] not in (("have",), ("has",), ("am",), ("are",), ("is",), ("'s",))
        for at, w in enumerate(clause.words)
    )
