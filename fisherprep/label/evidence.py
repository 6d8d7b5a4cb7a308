"""What a side said in the turns that a fact cites, and what it was asked just before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fisherprep.label.clauses import ASKED, Clause, clauses
from fisherprep.label.lexicon import NEGATORS, word_set
from fisherprep.label.privacy import instructs
from fisherprep.label.wording import tokens

_YES = word_set("yeah yes yep yup sure definitely absolutely certainly mhm")
_NO = word_set("no nope nah")
_DISCOURSE = word_set("well oh so actually like uh-huh okay right")


@dataclass(frozen=True)
class Question:
    """What the other side asked before a cited turn: words that the answer may take as said."""

    words: tuple[str, ...]
    answer: bool | None
    """True: answered with yes, False: with no, None: with neither."""


@dataclass(frozen=True)
class Said:
    """The clauses of the cited turns, without questions to the other side."""

    clauses: tuple[Clause, ...]
    questions: tuple[Question, ...]

    @property
    def words(self) -> list[str]:
        return [word for clause in self.clauses for word in clause.words]


class Evidence:
    """The turns of a call as one side's evidence."""

    def __init__(self, side: str, turns: Sequence[Mapping[str, Any]]) -> None:
        self._side = side
        self._turns = {int(turn["turn"]): turn for turn in turns}
        spoken = [int(turn["turn"]) for turn in turns if turn["words"]]
        self._before = dict(zip(spoken[1:], spoken, strict=False))
        self._read: dict[int, Said] = {}

    def refuses(self, cited: Sequence[int]) -> str | None:
        """Why these turns can prove nothing; None where they may."""
        if not cited:
            return "no_turns"
        if any(number not in self._turns for number in cited):
            return "unknown_turn"
        if any(self._turns[number]["side"] != self._side for number in cited):
            return "other_side"
        return "instruction" if any(instructs(self._text(number)) for number in cited) else None

    def of(self, cited: Sequence[int]) -> Said:
        """What was said in turns that `refuses` lets pass."""
        read = [self._of_turn(number) for number in cited]
        return Said(tuple(c for said in read for c in said.clauses), tuple(q for said in read for q in said.questions))

    def _text(self, number: int) -> str:
        return " ".join(self._turns[number]["words"])

    def _of_turn(self, number: int) -> Said:
        if number not in self._read:
            words = tokens(self._text(number))
            stated = tuple(clause for clause in clauses(words) if clause.subject != ASKED)
            self._read[number] = Said(stated, self._asked_before(number, words))
        return self._read[number]

    def _asked_before(self, number: int, answer: Sequence[str]) -> tuple[Question, ...]:
        before = self._before.get(number)
        if before is None or self._turns[before]["side"] == self._side or instructs(self._text(before)):
            return ()
        asked = [c for c in clauses(tokens(self._text(before))) if c.subject == ASKED]
        return tuple(Question(clause.words, _answered(answer)) for clause in asked[-1:])


def _answered(words: Sequence[str]) -> bool | None:
    for at, word in enumerate(words[:4]):
        if word in _DISCOURSE:
            continue
        if word in _NO or (word == "not" and words[at + 1 : at + 2] in (["really"], ["me"], ["anymore"], ["yet"])):
            return False
        return True if word in _YES else _short_answer(words[at : at + 3])
    return None


def _short_answer(words: Sequence[str]) -> bool | None:
    """``i do`` and ``we have`` say yes, ``i don't`` says no."""
    if len(words) < 2 or words[0] not in ("i", "we") or words[1] not in ("do", "am", "have", "did", "are"):
        return None
    if len(words) > 2 and words[2] in NEGATORS:
        return False
    return True if len(words) == 2 else None


def evidence_of(side: str, turns: Sequence[Mapping[str, Any]]) -> Evidence:
    """The turns of a call as evidence for one side's facts."""
    return Evidence(side, turns)
