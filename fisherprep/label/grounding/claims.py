"""A fact taken apart into what has to be proved, and whether it was said at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fisherprep.label.grounding.clauses import NEUTRAL, OTHER, OWN, Clause, clauses
from fisherprep.label.grounding.evidence import STANDING_IN, Said
from fisherprep.label.grounding.lexicon import (
    BEING,
    BROADER,
    IRREGULAR_PAST,
    KIN,
    LIKINGS,
    LOCATING,
    MEN,
    OTHERS,
    PLACE_VERBS,
    SAME_NAMES,
    SOFT,
    THIRD_VERBS,
    VISIT,
    WOMEN,
    word_set,
)
from fisherprep.label.grounding.numbers import Run, runs
from fisherprep.label.grounding.relations import LIGHT_FOR, PLEASING, SUPPORTED_BY
from fisherprep.label.grounding.wording import any_proves, cased_tokens, is_light, proves, stem, tokens

_TO_FIRST_PERSON = {"you": "i", "your": "my", "yours": "mine", "yourself": "myself"}
_BEFORE_OBJECTS = word_set(
    "to for with from of by on at around near like without raised wanted asked helped called keep"
)
_NO_OBJECT = word_set("had has have 's does did do can will says said think thinks thought knows knew are were just")
_FOR_THINGS, _FOR_PERSONS = word_set("it that there"), word_set("he she him her we")
_FOR_SEVERAL = word_set("them they ones")
_OPINIONS = word_set("think believe feel consider value find agree disagree argue say see opinion view prefer")
_UNITS = frozenset(
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
            word.endswith("ed") or (word != stem(word) and word in IRREGULAR_PAST) for word in self.words
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
        clauses=tuple(part for clause in clauses(words) for part in _undertaken(clause)),
        names=tuple(names),
        numbers=tuple(_number(words, run) for run in runs(words) if run.values != {"1"} or _counts(words, run)),
        hard=tuple(word for word in dict.fromkeys(hard) if word not in places),
        single=tuple(_single(words)),
    )


def _in_first_person(words: Sequence[str]) -> list[str]:
    """``your brother told you`` as "my brother told me"; "no longer" as "not anymore", "driver's license" as "license"."""
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
    if words[at] == "once":
        return at == len(words) - 1
    if words[at] == "grown":
        return before in ("are", "is")
    if words[at] in ("work", "home"):
        return before in ("at", "from")
    return words[at] in _SPANS and before in _EVERY


_SPANS = word_set("day week month year hour night")
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
            after = words[at + 1 : at + 4]
            found += [w for w in after if not is_light(w) and w.isalpha()][:1]
    return found


def _single(words: Sequence[str]) -> Iterable[str]:
    """Nouns that "a" counts: in "a little boy" both words, for want of a parser."""
    for at, word in enumerate(words):
        if word in ("a", "an"):
            yield from _counts(words, Run(at, at + 1, frozenset()))


def _number(words: Sequence[str], run: Run) -> Number:
    money = words[run.start].startswith("$")
    return Number(run.values, () if money else tuple(_counts(words, run)))


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
    if any(_is_one_of_several(noun, said) for noun in claim.single) or _multiplied(claim, said):
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
    agreed = any(question.answer is not None for question in said.questions)
    proved = len(unproved) < len(needed) or claim.numbers or claim.names or agreed
    if unasked and not (proved and len(unasked) == 1 and _stood_for(unasked[0], claim, said)):
        return "not_supported"
    if not _supported(claim, said):
        return "not_supported"
    if len(unproved) == len(needed) and not claim.names and not claim.numbers:
        return None if agreed and needed else "not_supported"
    return None


_GENERAL = word_set(
    "food foods cuisine dish dishes music song songs film films movie movies show shows program book books reading game "
    "games holiday sport sports language baby hobby dog breed season family people"
)


_GENERAL_PAIRS = frozenset(
    {"oldest child", "youngest child", "oldest kid", "studio apartment", "ranch house", "older child"}
)


def _general(word: str, claim: Claim, spoken: Sequence[str]) -> bool:
    """Whether a word only says of what kind a said one is ("italian food", "your favorite holiday is halloween")."""
    at = claim.words.index(word)
    if claim.words[at - 1] + " " + word in _GENERAL_PAIRS:
        return any_proves(spoken, claim.words[at - 1])
    if word not in _GENERAL:
        return False
    said = [w for w in claim.words if w != word and (w in claim.hard or any(n.word == w for n in claim.names))]
    beside = claim.words[at - 1] in said or "favorite" in claim.words or word == "reading"
    return beside and bool(said) and all(any_proves(spoken, w) for w in said)


def _stood_for(word: str, claim: Claim, said: Said) -> bool:
    """Whether a word may be what "it" or "she" stands for: said shortly before, with nothing of its kind said since."""
    if not any_proves(said.context, word) or word in _SPANS:
        return False
    standing = STANDING_IN.intersection(said.words)
    fitting = standing - _FOR_THINGS if word in KIN else standing - _FOR_PERSONS
    if not (fitting or said.questions) or (word in claim.single and not fitting & {"one", "mine"}):
        return False
    if word in MEN | WOMEN and not (MEN | WOMEN).isdisjoint(said.words):
        return False
    kinds = [special for special in BROADER.values() if stem(word) in special]
    return not any(stem(other) in special for special in kinds for other in said.words)


def _lightly_said(word: str, said: Said) -> bool:
    """Whether a light verb was said in a verb's place ("does soccer": plays)."""
    light = LIGHT_FOR.get(stem(word), frozenset())
    return any(
        stem(a) in light and not (a in ("have", "has") and (b in IRREGULAR_PAST - {"got"} or b.endswith(("ed", "en"))))
        for clause in said.clauses
        for a, b in itertools.zip_longest(clause.words, clause.words[1:], fillvalue="")
    )


def _supported(claim: Claim, said: Said) -> bool:
    """Whether each verb that says much of the speaker was said of the speaker, in that word or another."""
    own = [clause for clause in said.clauses if clause.subject != OTHER]
    near = [
        clause
        for clause, after in itertools.zip_longest(own, own[1:])
        if _speaks_of(clause, claim)
        or (after and after.words[0] == "and" and _speaks_of(after, claim))
        or not _FOR_SEVERAL.isdisjoint(clause.words)
    ] or own
    elliptic = any(clause.subject == NEUTRAL for clause in near)
    words = {form for clause in near for word in clause.words for form in (word, stem(word))}
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
            if pair[1] != "work" or (pair[0] == "i" and not elliptic)
        ]
        liked = any(verb in LIKINGS for verb in verbs) and not any(clause.subject == OWN for clause in near)
        if liked and claim.hard and words.isdisjoint(PLEASING):
            return False
        if any(verb in SUPPORTED_BY and SUPPORTED_BY[verb].isdisjoint(words) for verb in verbs):
            return False
    return True


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


def _number_said(number: Number, said: Said) -> bool:
    """Whether the number was said, and counts the same thing there ("three kids, all boys": three boys)."""
    found = [
        (clause, run)
        for clause in said.clauses
        for run in runs(clause.words)
        if not run.values.isdisjoint(number.values)
    ]
    if any(_same_count(number.counts, clause.words, run) for clause, run in found):
        return True
    if any(_short_year(value, clause.words) for value in number.values for clause in said.clauses):
        return True
    if found and any(a == "all" and b in number.counts for a, b in itertools.pairwise(said.words)):
        return True
    return number.values == {"1"} and any(_singular(number.counts, clause.words) for clause in said.clauses)


def _short_year(value: str, words: Sequence[str]) -> bool:
    """Whether "in 1969" was said as "in sixty nine"."""
    if not (value.isdigit() and 1920 <= int(value) <= 2010):
        return False
    return any(
        str(int(value) % 100) in run.values and run.start and words[run.start - 1] in _BEFORE_YEARS
        for run in runs(words)
        if not _counts(words, run)
    )


_BEFORE_YEARS = word_set("in since from of till until by back")


def _same_count(claimed: Sequence[str], words: Sequence[str], run: Run) -> bool:
    """Whether a number counts what the fact says; "she was fourteen" is an age."""
    said = _counts(words, run)
    if said and claimed and stem(claimed[0]) in _UNITS and stem(said[0]) in _UNITS and not proves(said[0], claimed[0]):
        return False
    if not claimed or any(proves(s, c) for s in said for c in claimed):
        return True
    age = run.start > 0 and words[run.start - 1] in BEING | {"under", "over"}
    return not said and (not age or "old" in claimed)


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


_MANY = word_set("many several multiple numerous various")
_PLENTY = word_set("many several lot lots bunch tons ton few couple all every always number dozens hundreds whole")


def _multiplied(claim: Claim, said: Said) -> bool:
    """Whether "many games" is claimed where one was spoken of."""
    if _MANY.isdisjoint(claim.words) or not _PLENTY.isdisjoint(said.words):
        return False
    return not any(run.values.isdisjoint({"1"}) for clause in said.clauses for run in runs(clause.words))


def _singular(counted: Sequence[str], words: Sequence[str]) -> bool:
    """``a son`` says "one son"."""
    return any(
        word in ("a", "an") and any(proves(s, c) for s in words[at + 1 : at + 4] for c in counted)
        for at, word in enumerate(words)
    )
