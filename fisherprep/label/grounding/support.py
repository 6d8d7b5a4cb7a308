"""Whether what a fact claims was said at all: its names, its numbers, its words and its verbs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from fisherprep.label.grounding.bindings import SAME_NAMES
from fisherprep.label.grounding.claims import SPANS, Claim
from fisherprep.label.grounding.clauses import Clause
from fisherprep.label.grounding.counting import is_one_of_several, number_said
from fisherprep.label.grounding.dictionary import parts_of_speech
from fisherprep.label.grounding.evidence import STANDING_IN, Said, elliptic
from fisherprep.label.grounding.lexicon import IRREGULAR_PAST, KIN, LIKINGS, MEN, SOFT, WOMEN, word_set
from fisherprep.label.grounding.relations import LIGHT_FOR, PLEASING, SUPPORTED_BY
from fisherprep.label.grounding.subjects import NEUTRAL, OTHER, OWN
from fisherprep.label.grounding.synonyms import BROADER
from fisherprep.label.grounding.wording import any_proves, stem

_FOR_THINGS, _FOR_PERSONS = word_set("it that there"), word_set("he she him her we")
_FOR_SEVERAL = word_set("them they ones")


def unsaid(claim: Claim, said: Said) -> str | None:
    """The rule that a fact breaks by claiming what was not said."""
    words = said.words
    if not all(number_said(number, said) for number in claim.numbers):
        return "number_not_said"
    if any(is_one_of_several(noun, said) for noun in claim.single):
        return "number_not_said"
    confirmed = [word for question in said.questions if question.answer for word in question.words]
    for name in claim.names:
        if not name_said(name.word, words) and not name_said(name.word, confirmed):
            return "place_not_said" if name.place else "name_not_said"
    asked = [word for question in said.questions for word in question.turn]
    spoken = [*words, *asked]
    needed = claim.hard or (() if claim.names or claim.numbers else _light_content(claim))
    said_of = tuple(word for word in needed if not _general(word, claim, spoken))
    needed = said_of if claim.names or claim.numbers else said_of or needed
    unproved = [word for word in needed if not any_proves(words, word)]
    unasked = [word for word in unproved if not any_proves(asked, word) and not _lightly_said(word, said)]
    unasked = [word for word in unasked if len(unasked) == len(needed) or not any_proves(said.topic, word)]
    agreed = any(question.answer is not None for question in said.questions)
    proved = len(unproved) < len(needed) or claim.numbers or claim.names or agreed
    if unasked and not (proved and _one_phrase(unasked, claim, said) and _stood_for(unasked[0], claim, said)):
        return "not_supported"
    if not _supported(claim, said):
        return "not_supported"
    if len(unproved) == len(needed) and not claim.names and not claim.numbers:
        return None if agreed and needed else "not_supported"
    return None


GENERAL = word_set(
    "food foods cuisine dish dishes music song songs film films movie movies show shows program book books reading "
    "game games holiday sport sports language baby hobby dog breed season family people"
)
_GENERAL_PAIRS = frozenset(
    {"oldest child", "youngest child", "oldest kid", "studio apartment", "ranch house", "older child"}
)


def _general(word: str, claim: Claim, spoken: Sequence[str]) -> bool:
    """Whether a word only says of what kind a said one is ("italian food", "your favorite holiday is halloween")."""
    at = claim.words.index(word)
    if claim.words[at - 1] + " " + word in _GENERAL_PAIRS:
        return any_proves(spoken, claim.words[at - 1])
    if word in ("dollar", "dollars"):
        return bool(claim.numbers)
    if word not in GENERAL:
        return False
    said = [w for w in claim.words if w != word and (w in claim.hard or any(n.word == w for n in claim.names))]
    narrows = claim.words[at + 1 : at + 2] and claim.words[at + 1] in said
    beside = (claim.words[at - 1] in said and not narrows) or "favorite" in claim.words or word == "reading"
    return beside and bool(said) and all(any_proves(spoken, w) for w in said)


_DESCRIBING = word_set("allergic sick bad tired good afraid young old")


def _one_phrase(words: Sequence[str], claim: Claim, said: Said) -> bool:
    """Whether the words are one, or a compound that was said as such before ("flu shot")."""
    at = claim.words.index(words[0])
    if list(claim.words[at : at + len(words)]) != list(words):
        return False
    stems, wanted = [stem(word) for word in said.context], [stem(word) for word in words]
    return len(words) == 1 or any(stems[i : i + len(wanted)] == wanted for i in range(len(stems)))


def _stood_for(word: str, claim: Claim, said: Said) -> bool:
    """Whether a word may be what "it" or "she" stands for: said shortly before, with nothing of its kind said since."""
    speech = parts_of_speech(word)
    describes = ("ADJ" in speech and "NOUN" not in speech) or speech == {"VERB"} or word in _DESCRIBING
    if not any_proves(said.context, word) or word in SPANS or describes:
        return False
    standing = STANDING_IN.intersection(said.words)
    standing |= {"them", "it"} if any(elliptic(clause.words) for clause in said.clauses) else set()
    fitting = standing - _FOR_THINGS if word in KIN else standing - _FOR_PERSONS
    if not (fitting or said.questions) or (word in claim.single and not fitting & {"one", "mine"}):
        return False
    if word in MEN | WOMEN and not (MEN | WOMEN).isdisjoint(said.words):
        return False
    kinds = [special for special in BROADER.values() if stem(word) in special]
    return not any(stem(other) in special for special in kinds for other in said.words)


_PARTICIPLES = (IRREGULAR_PAST - {"got"}) | word_set("put cut hit let set hurt been gone done")


def _lightly_said(word: str, said: Said) -> bool:
    """Whether a light verb was said in a verb's place ("does soccer": plays)."""
    light = LIGHT_FOR.get(stem(word), frozenset())
    return any(
        stem(a) in light and not (a in ("have", "has") and (b in _PARTICIPLES or b.endswith(("ed", "en"))))
        for clause in said.clauses
        for a, b in itertools.zip_longest(clause.words, clause.words[1:], fillvalue="")
    )


def _supported(claim: Claim, said: Said) -> bool:
    """Whether each verb that says much of the speaker was said of the speaker, in that word or another."""
    own = [clause for clause in said.clauses if clause.subject != OTHER]
    near = [
        clause
        for before, clause, after in zip([None, *own], own, [*own[1:], None], strict=False)
        if _speaks_of(clause, claim)
        or (after and after.words[0] == "and" and _speaks_of(after, claim))
        or (before and len(clause.words) <= _SHORT and clause.words[-1] in ("to", "it") and _speaks_of(before, claim))
        or not _FOR_SEVERAL.isdisjoint(clause.words)
    ] or own
    elliptic = any(clause.subject == NEUTRAL for clause in near)
    words = {form for clause in near for word in _without_arrivals(clause.words) for form in (word, stem(word))}
    words |= {"hate" for clause in near if clause.disliked}
    words |= {stem(word) for question in said.questions for word in question.words}
    for clause in claim.clauses:
        if clause.subject == OTHER:
            continue
        if not {"mine", "ours"}.isdisjoint(said.words):
            words |= {form for word in said.context for form in (word, stem(word))}
        verbs = [
            "want" if pair in _WISHES else stem(pair[1])
            for pair in itertools.pairwise(("", *clause.words))
            if (pair[1] != "work" or (pair[0] == "i" and not elliptic)) and (pair[1] != "own" or pair[0] == "i")
        ]
        liked = any(verb in LIKINGS for verb in verbs) and not any(clause.subject == OWN for clause in near)
        if liked and claim.hard and words.isdisjoint(PLEASING):
            return False
        if any(verb in SUPPORTED_BY and SUPPORTED_BY[verb].isdisjoint(words) for verb in verbs):
            return False
    return True


_SHORT = 6
"""Words of a clause that only goes on with the one before ("i never looked for her i didn't want to")."""


def _without_arrivals(words: Sequence[str]) -> list[str]:
    """The words without a "got" that means coming somewhere or becoming so ("got back from the gym")."""
    pairs = itertools.zip_longest(words, words[1:], fillvalue="")
    return [word for word, after in pairs if stem(word) != "get" or after not in _ARRIVING]


_ARRIVING = word_set("back home up to in off out there from into on over done down through away")


def _speaks_of(clause: Clause, claim: Claim) -> bool:
    return "one" in clause.words or any(any_proves(clause.words, word) for word in claim.hard)


_WISHES = {("would", "like"), ("would", "love"), ("'d", "like"), ("'d", "love")}


def _light_content(claim: Claim) -> tuple[str, ...]:
    """What a fact of light words alone rests on: those that are not mere grammar."""
    content = [word for word in claim.words if word in SOFT]
    return tuple(word for word in content if word not in ("work", "job")) or tuple(content)


def name_said(name: str, words: Iterable[str]) -> bool:
    """Whether a name is among the words, perhaps in another of its forms (``TV``, television)."""
    words = list(words)
    if any(word == name or (stem(word) == stem(name)) for word in words):
        return True
    if name.endswith("n") and any(
        len(word) > 4 and name.startswith(word[:-1]) and 0 <= len(name) - len(word) < 3 for word in words
    ):
        return True
    return any(name in group and not group.isdisjoint(words) for group in SAME_NAMES)
