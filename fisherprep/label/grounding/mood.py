"""Whether a fact denies, supposes or puts in the past what nobody denied, supposed or told as past."""

from __future__ import annotations

from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import SUPPOSING, word_set
from fisherprep.label.grounding.licences import forms_of
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.predicate import ADVERBS, BE, PREPOSITIONS, adverb, is_past, verbless
from fisherprep.label.grounding.subjects import OTHER
from fisherprep.label.grounding.wording import proves, stem

_NEGATIONS = word_set(
    "not n't never no none nor neither without hardly barely nothing nobody cannot anymore only rarely"
)


_LOOKING_AHEAD = word_set("will going look think try retire trying looking like love should need someday")


_ENDING_VERBS = forms_of("quit stop drop retire give")


_BIDDING = word_set("should ought must need better suppose supposed believe think feel want wish have against favor")


_POINTING = word_set("it that them one ones they")


_MAYBE = word_set("might may maybe plan planning hope hoping want wants wish would 'd considering thinking could hopes")


_FORMER = word_set("former formerly previously")


_PAST_TENSE = word_set("was were had did once used ago when then")


_UNDENIED = word_set("quit stop avoid hate stand allergic rid without lack refuse fail lose less enough out gone")


def _age_of_another(claim: Claim, said: Said) -> bool:
    """Whether "my daughter is nineteen" is claimed where "i had her at nineteen" was said."""
    if len(claim.numbers) != 1 or claim.numbers[0].counts or claim.words[2:3] not in (("is",), ("'s",)):
        return False
    value = claim.numbers[0].values
    leads = [
        c.words[r.start - 1] for c in said.clauses for r in runs(c.words) if r.start and not r.values.isdisjoint(value)
    ]
    return bool(leads) and set(leads) == {"at"}


def _apart(claim: Claim, said: Said) -> bool:
    """Whether a verb and its object were said, but in sentences that have nothing to do with each other."""
    words = tuple(w for at, w in enumerate(claim.words) if at != 1 or (w not in ADVERBS and not adverb(w)))
    if words[0] != "i" or len(words) < 3 or words[1] not in claim.hard or stem(words[1]) in _ENDING_VERBS:
        return False
    thing = next((w for w in words[2:5] if w in claim.hard), None)
    between = words[2 : words.index(thing)] if thing else ()
    if thing is None or any(w in PREPOSITIONS | {"and", "to", "about", "out", "of", "off", "up"} for w in between):
        return False
    doing = [c for c in said.clauses if any(proves(w, words[1]) for w in c.words)]
    naming = [c for c in said.clauses if any(proves(w, thing) for w in c.words)]
    if not doing or not naming or any(c in naming for c in doing):
        return False
    if any(len(c.words) <= 3 for c in doing):
        return False
    linked = any(not _POINTING.isdisjoint(c.words) for c in doing + naming)
    return not linked and not any(verbless(c) for c in doing + naming)


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
    if claim.words[:3] == ("i", "are", "in") and claim.hard and _only_taught_there(claim.hard[-1], said):
        return "not_supported"
    if claim.words[1:2] in (("were",), ("was",)) and not any(c.used_to or _told_as_past(c) for c in said.clauses):
        return "contradicted"
    if claim.clauses and claim.clauses[0].subject == OTHER and _age_of_another(claim, said):
        return "number_not_said"
    if _apart(claim, said):
        return "not_supported"
    if claim.opinion and "should" in words and _BIDDING.isdisjoint(heard | asked):
        return "not_supported"
    supposing = claim.words[1:2] and claim.words[1] in ("might", "may", "plan", "hope", "want", "will")
    if supposing and (_MAYBE | SUPPOSING).isdisjoint(heard | asked) and _LOOKING_AHEAD.isdisjoint(heard):
        return "contradicted"
    return None


def _heard(claim: Claim, said: Said) -> bool:
    return any(proves(w, key) for w in said.words for key in claim.hard)


def _only_taught_there(place: str, said: Said) -> bool:
    there = [c for c in said.clauses if any(proves(w, place) for w in c.words)]
    return bool(there) and all({"teach", "work"} & set(map(stem, c.words)) and BE.isdisjoint(c.words) for c in there)


def _told_as_past(clause: Clause) -> bool:
    """Whether a verb of the clause is in the simple past; "i've got" is not."""
    return any(
        (w in _PAST_TENSE or (is_past(w) and w not in ("got", "been")))
        and clause.words[at - 1 : at] not in (("have",), ("has",), ("am",), ("are",), ("is",), ("'s",))
        for at, w in enumerate(clause.words)
    )
