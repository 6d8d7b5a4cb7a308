"""Whether the numbers of a fact were said, and count the same things there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fisherprep.label.grounding.claims import UNITS, Number, counts
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import BEING, word_set
from fisherprep.label.grounding.names import MONTHS
from fisherprep.label.grounding.numbers import Run, runs
from fisherprep.label.grounding.wording import proves, stem


def number_said(number: Number, said: Said) -> bool:
    """Whether the number was said, and counts the same thing there ("three kids, all boys": three boys)."""
    found = [
        (clause, run)
        for clause in said.clauses
        for run in runs(clause.words)
        if not run.values.isdisjoint(number.values)
    ]
    if any(_same_count(number.counts, clause.words, run) for clause, run in found):
        return True
    if any(_dated(value, said) for value in number.values):
        return True
    if any(_short_year(value, clause.words) for value in number.values for clause in said.clauses):
        return True
    if found and any(a == "all" and b in number.counts for a, b in itertools.pairwise(said.words)):
        return True
    return number.values == {"1"} and any(_singular(number.counts, clause.words) for clause in said.clauses)


def _dated(value: str, said: Said) -> bool:
    """Whether "september 11" was said as "september eleventh"."""
    day = value.removesuffix("#")
    return any(
        not run.values.isdisjoint({day, f"{day}#"}) and run.start and clause.words[run.start - 1] in MONTHS
        for clause in said.clauses
        for run in runs(clause.words)
    )


def _short_year(value: str, words: Sequence[str]) -> bool:
    """Whether "in 1969" was said as "in sixty nine"."""
    if not (value.isdigit() and 1920 <= int(value) <= 2010):
        return False
    return any(
        str(int(value) % 100) in run.values and run.start and words[run.start - 1] in _BEFORE_YEARS
        for run in runs(words)
        if not counts(words, run)
    )


_BEFORE_YEARS = word_set("in since from of till until by back")


_ANY_THING = word_set("ones them one little guys")
"""What a number may count instead of a noun that was named before ("three little ones")."""


def _same_count(claimed: Sequence[str], words: Sequence[str], run: Run) -> bool:
    """Whether a number counts what the fact says; "she was fourteen" is an age."""
    said = [word for word in counts(words, run) if word not in _ANY_THING]
    if said and claimed and stem(claimed[0]) in UNITS and stem(said[0]) in UNITS and not proves(said[0], claimed[0]):
        return False
    if not claimed or any(proves(s, c) for s in said for c in claimed):
        return True
    age = run.start > 0 and words[run.start - 1] in BEING | {"under", "over"}
    return not said and (not age or "old" in claimed)


def is_one_of_several(noun: str, said: Said) -> bool:
    """Whether "a boy" is claimed where only "two boys" were spoken of."""
    numbers = [
        run.values
        for clause in said.clauses
        for run in runs(clause.words)
        if any(proves(word, noun) and word != noun for word in counts(clause.words, run))
    ]
    one = any(run.values == {"1"} and not counts(c.words, run) for c in said.clauses for run in runs(c.words))
    return (
        bool(numbers)
        and not one
        and not any("1" in v for v in numbers)
        and not any(_singular((noun,), c.words) for c in said.clauses)
    )


def _singular(counted: Sequence[str], words: Sequence[str]) -> bool:
    """``a son`` says "one son"."""
    return any(
        word in ("a", "an") and any(proves(s, c) for s in words[at + 1 : at + 4] for c in counted)
        for at, word in enumerate(words)
    )
