"""A fact taken apart into what has to be proved, and whether it was said at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fisherprep.label.clauses import Clause, clauses
from fisherprep.label.evidence import Said
from fisherprep.label.lexicon import (
    BEING,
    KIN,
    LOCATING,
    OTHERS,
    PLACE_VERBS,
    SAME_NAMES,
    SOFT,
    word_set,
)
from fisherprep.label.numbers import Run, runs
from fisherprep.label.wording import any_proves, cased_tokens, is_light, proves, stem, tokens

MAX_UNSAID = 0.0
"""Share of a fact's hard words that need not be said: none. docs/labels.md has what other shares would let through."""

_TO_FIRST_PERSON = {"you": "i", "your": "my", "yours": "mine", "yourself": "myself"}
_OPINIONS = word_set("think believe feel consider value find agree disagree argue say see opinion view prefer")
_UNITS = word_set("year month week day hour minute time mile dollar percent old age cent pound foot")
_PAST_MARKS = word_set("used was were did had former formerly previously once past until before")


@dataclass(frozen=True)
class Name:
    """A capitalised word of a fact, in lower case."""

    word: str
    place: bool


@dataclass(frozen=True)
class Number:
    """A number of a fact and the words it counts."""

    values: frozenset[str]
    counts: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A fact in the first person, taken apart."""

    words: tuple[str, ...]
    clauses: tuple[Clause, ...]
    names: tuple[Name, ...]
    numbers: tuple[Number, ...]
    hard: tuple[str, ...]
    single: tuple[str, ...]
    """Nouns after "a"."""

    @property
    def opinion(self) -> bool:
        return any(stem(word) in _OPINIONS for word in self.words)

    @property
    def of_others(self) -> bool:
        """Whether somebody else is in the fact ("Your sister is a nurse")."""
        return not (KIN | OTHERS).isdisjoint(self.words)

    @property
    def past(self) -> bool:
        return not _PAST_MARKS.isdisjoint(self.words) or any(
            word.endswith("ed") or (word != stem(word) and word in _PAST_IRREGULAR) for word in self.words
        )


_PAST_IRREGULAR = word_set(
    "went grew taught drove bought thought knew saw took made came gave found felt left kept began wrote ran "
    "ate spoke broke chose flew sold told said spent lost met paid brought built heard held slept stood won "
    "wore sent got"
)


def read_claim(text: str) -> Claim:
    """A sentence in the second person as a claim; the first word is never a name."""
    cased = cased_tokens(text)
    words = [_TO_FIRST_PERSON.get(word, word) for word in tokens(text)]
    names = _names(cased)
    counted = {at for run in runs(words) for at in range(run.start, run.end)}
    name_words = {name.word for name in names}
    hard = [
        w for at, w in enumerate(words) if at not in counted and w not in name_words and not is_light(w) and w.isalnum()
    ]
    places = _lower_case_places(words)
    names += [Name(word, place=True) for word in places if word in hard]
    return Claim(
        words=tuple(words),
        clauses=tuple(clauses(words)),
        names=tuple(names),
        numbers=tuple(_number(words, run) for run in runs(words) if run.values != {"1"} or _counts(words, run)),
        hard=tuple(word for word in dict.fromkeys(hard) if word not in places),
        single=tuple(_single(words)),
    )


def _names(cased: Sequence[str]) -> list[Name]:
    names: list[Name] = []
    place = False
    for before, token in itertools.pairwise(cased):
        if not any(c.isupper() for c in token) or token in ("I", "You", "Your"):
            place = token.lower() in LOCATING or (place and token.lower() in ("the", "a", "an", "and", "or"))
            continue
        place = place or before.lower() in LOCATING
        names += [Name(part, place) for part in tokens(token) if len(part) > 1 and part != "'s"]
    return names


def _lower_case_places(words: Sequence[str]) -> list[str]:
    """What follows "live in", "grew up in", "moved to" in lower case: a place whatever the word is."""
    found = []
    for at, word in enumerate(words):
        if word not in ("in", "from", "to", "near") or at + 1 >= len(words):
            continue
        if any(stem(before) in PLACE_VERBS for before in words[max(0, at - 3) : at + 1]):
            after = words[at + 1 : at + 4]
            found += [w for w in after if not is_light(w) and w.isalpha()][:1]
    return found


def _single(words: Sequence[str]) -> Iterable[str]:
    """Nouns that "a" counts: in "a little boy" both words, for want of a parser."""
    for at, word in enumerate(words):
        if word in ("a", "an"):
            yield from _counts(words, Run(at, at + 1, frozenset()))


def _number(words: Sequence[str], run: Run) -> Number:
    return Number(run.values, tuple(_counts(words, run)))


def _counts(words: Sequence[str], run: Run) -> list[str]:
    """The words that a number counts: those of the three after it that mean something, up to a conjunction."""
    counted = []
    for word in words[run.end : run.end + 3]:
        if word in ("and", "or", "but", "i", "with", "in", "at", "for", "that", "who", "because", "of", "we", "so"):
            break
        if stem(word) in _UNITS or not is_light(word):
            counted.append(word)
    return counted


def unsaid(claim: Claim, said: Said) -> str | None:
    """The rule that a fact breaks by claiming what was not said."""
    words = said.words
    if not all(_number_said(number, said) for number in claim.numbers):
        return "number_not_said"
    if any(_is_one_of_several(noun, said) for noun in claim.single):
        return "number_not_said"
    for name in claim.names:
        if not name_said(name.word, words):
            return "place_not_said" if name.place else "name_not_said"
    asked = [word for question in said.questions for word in question.words]
    needed = claim.hard or (() if claim.names or claim.numbers else _light_content(claim))
    unproved = [word for word in needed if not any_proves(words, word)]
    if len([word for word in unproved if not any_proves(asked, word)]) > MAX_UNSAID * len(needed):
        return "not_supported"
    if len(unproved) == len(needed) and not claim.names and not claim.numbers:
        agreed = any(question.answer is not None for question in said.questions)
        return None if agreed and needed else "not_supported"
    return None


def _light_content(claim: Claim) -> tuple[str, ...]:
    """What a fact of light words alone rests on: those that are not mere grammar."""
    return tuple(word for word in claim.words if word in SOFT)


def name_said(name: str, words: Iterable[str]) -> bool:
    """Whether a name is among the words, perhaps in another of its forms (``TV``, television)."""
    words = list(words)
    if any(word == name or (stem(word) == stem(name)) for word in words):
        return True
    return any(name in group and not group.isdisjoint(words) for group in SAME_NAMES)


def _number_said(number: Number, said: Said) -> bool:
    """Whether the number was said, and counts the same thing there."""
    for clause in said.clauses:
        for run in runs(clause.words):
            if not run.values.isdisjoint(number.values) and _same_count(number.counts, clause.words, run):
                return True
        if number.values == {"1"} and _singular(number.counts, clause.words):
            return True
    return False


def _same_count(claimed: Sequence[str], words: Sequence[str], run: Run) -> bool:
    """Whether a number counts what the fact says; "she was fourteen" is an age."""
    said = _counts(words, run)
    if not claimed or any(proves(s, c) for s in said for c in claimed):
        return True
    age = run.start > 0 and words[run.start - 1] in BEING
    return not said and (not age or any(stem(word) in _UNITS for word in claimed))


def _is_one_of_several(noun: str, said: Said) -> bool:
    """Whether "a boy" is claimed where only "two boys" were spoken of."""
    counts = [
        run.values
        for clause in said.clauses
        for run in runs(clause.words)
        if any(proves(word, noun) and word != noun for word in _counts(clause.words, run))
    ]
    return (
        bool(counts)
        and not any("1" in v for v in counts)
        and not any(_singular((noun,), c.words) for c in said.clauses)
    )


def _singular(counted: Sequence[str], words: Sequence[str]) -> bool:
    """``a son`` says "one son"."""
    return any(
        word in ("a", "an") and any(proves(s, c) for s in words[at + 1 : at + 4] for c in counted)
        for at, word in enumerate(words)
    )
