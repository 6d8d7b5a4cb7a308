"""A fact taken apart into what has to be proved, and whether it was said at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fisherprep.label.grounding.bindings import LOCATING, PLACE_VERBS, VISIT
from fisherprep.label.grounding.clauses import Clause, clauses
from fisherprep.label.grounding.lexicon import BEING, IRREGULAR_PAST, KIN, OTHERS, THIRD_VERBS, word_set
from fisherprep.label.grounding.numbers import Run, runs
from fisherprep.label.grounding.subjects import OTHER, OWN
from fisherprep.label.grounding.wording import cased_tokens, is_light, stem, tokens

_TO_FIRST_PERSON = {"you": "i", "your": "my", "yours": "mine", "yourself": "myself"}
_BEFORE_OBJECTS = word_set(
    "to for with from of by on at around near like without raised wanted asked helped called keep put let set hit cut "
    "hurt"
)
_NO_OBJECT = word_set("had has have 's does did do can will says said think thinks thought knows knew are were just")
_OPINIONS = word_set("think believe feel consider value find agree disagree argue say see opinion view prefer")
UNITS = frozenset(
    form
    for word in [
        "year",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "time",
        "mile",
        "dollar",
        "percent",
        "old",
        "age",
        "cent",
        "pound",
        "foot",
    ]
    for form in (word, stem(word), stem(word + "s"))
)
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
            (word.endswith("ed") and len(word) > 3) or (word != stem(word) and word in IRREGULAR_PAST)
            for word in self.words
        )


def read_claim(text: str) -> Claim:
    """A sentence in the second person as a claim; the first word is never a name."""
    cased = cased_tokens(text)
    words = _in_first_person(tokens(text))
    names = _names(cased)
    counted = {at for run in runs(words) for at in range(run.start, run.end)}
    name_words = {name.word for name in names}
    hard = [
        w
        for at, w in enumerate(words)
        if at not in counted and w not in name_words and w.isalnum() and (not is_light(w) or _firm(words, at))
    ]
    places = _lower_case_places(words)
    names += [Name(word, place=True) for word in places if word in hard]
    return Claim(
        words=tuple(words),
        clauses=tuple(part for clause in _own_relatives(clauses(words)) for part in _undertaken(clause)),
        names=tuple(names),
        numbers=tuple(_number(words, run) for run in runs(words) if run.values != {"1"} or counts(words, run)),
        hard=tuple(word for word in dict.fromkeys(hard) if word not in places),
        single=tuple(_single(words)),
    )


def _in_first_person(words: Sequence[str]) -> list[str]:
    """``your brother told you`` as "my brother told me"; "no longer" as "not anymore"; a driver's license is one."""
    turned = []
    for at, word in enumerate(words):
        before, after = words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else ""
        if word == "you" and at and (_takes_object(before) or not after):
            turned.append("me")
        elif (word, after) == ("no", "longer"):
            turned.append("not")
        elif (before, word) == ("no", "longer"):
            turned.append("anymore")
        elif (word == "driver" and after == "'s" and words[at + 2 : at + 3] == ["license"]) or (
            word == "'s" and before == "driver" and after == "license"
        ):
            continue
        else:
            turned.append(_TO_FIRST_PERSON.get(word, word))
    return turned


def _own_relatives(read: Sequence[Clause]) -> Iterable[Clause]:
    """``i am a fan | who grew up here``: the growing up is the speaker's."""
    before = None
    for clause in read:
        if clause.words[0] == "who" and before and before.subject == OWN and before.words[1] in BEING | {"are"}:
            clause = Clause(("i", *clause.words[1:]), OWN)
        yield clause
        before = clause


def _undertaken(clause: Clause) -> Iterable[Clause]:
    """``my mother taught me | to cook``: the cooking is the speaker's."""
    for at, pair in enumerate(itertools.pairwise(clause.words)):
        if clause.subject == OTHER and pair == ("me", "to") and "taught" in clause.words:
            return (replace(clause, words=clause.words[: at + 1]), Clause(clause.words[at + 1 :], OWN))
    return (clause,)


def _takes_object(word: str) -> bool:
    """Whether "you" after this word is an object."""
    return word in _BEFORE_OBJECTS or word in IRREGULAR_PAST or (word in THIRD_VERBS and word not in BEING | _NO_OBJECT)


def _firm(words: Sequence[str], at: int) -> bool:
    """Whether a light word means something here: "every day", "a month", "your back"."""
    before = words[at - 1] if at else ""
    if words[at] == "back":
        return before == "my"
    if words[at] in ("part", "time", "full"):
        return words[at : at + 2] in (["part", "time"], ["full", "time"]) or before in ("part", "full")
    if words[at] == "new":
        return True
    if words[at] == "life":
        return before == "my" and not {"all", "whole", "entire"}.isdisjoint(words[max(0, at - 3) : at])
    if words[at] == "once":
        return at == len(words) - 1
    if words[at] == "grown":
        return before in ("are", "is")
    if words[at] in ("work", "home"):
        return before in ("at", "from")
    return words[at] in SPANS and before in _EVERY


SPANS = word_set("day week month year hour night")
_EVERY = word_set("every each a an per last next")


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
        if any(PLACE_VERBS.get(stem(before), VISIT) != VISIT for before in words[max(0, at - 3) : at + 1]):
            after = words[at + 1 : at + 4] if words[at + 1] not in ("my", "our") else ()
            found += [w for w in after if not is_light(w) and w.isalpha()][:1]
    return found


def _single(words: Sequence[str]) -> Iterable[str]:
    """Nouns that "a" counts: in "a little boy" both words, for want of a parser."""
    for at, word in enumerate(words):
        if word in ("a", "an"):
            counted = counts(words, Run(at, at + 1, frozenset()))
            yield from (noun for noun in counted if stem(noun) not in UNITS and not runs([noun]))


def _number(words: Sequence[str], run: Run) -> Number:
    money = words[run.start].startswith("$")
    return Number(run.values, () if money else tuple(counts(words, run)))


_COUNT_ENDS = word_set(
    "and or but i with in at for that who because of we so a an she he they you is was were are while when after "
    "before during since until if till on by from to"
)


def counts(words: Sequence[str], run: Run) -> list[str]:
    """The words that a number counts: those of the three after it that mean something, up to a conjunction."""
    counted = []
    for word in words[run.end : run.end + 3]:
        if word in _COUNT_ENDS:
            break
        if stem(word) in UNITS or not is_light(word):
            counted.append(word)
    return counted
