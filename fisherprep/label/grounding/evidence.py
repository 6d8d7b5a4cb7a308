"""What a side said in the turns that a fact cites, and what it was asked just before."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fisherprep.label.grounding.clauses import Clause, clauses
from fisherprep.label.grounding.lexicon import AUXILIARIES, BOUNDARIES, NEGATORS, STOP, word_set
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.privacy import instructs
from fisherprep.label.grounding.relations import implied
from fisherprep.label.grounding.subjects import ASKED, NEUTRAL
from fisherprep.label.grounding.wording import is_light, proves, tokens

_YES = word_set("yeah yes yep yup sure definitely absolutely certainly mhm")
_NO = word_set("no nope nah")
_ASKING = word_set("what where when who why how which")
_AFTER_ASKING = AUXILIARIES | word_set(
    "'s 're about kind sort type many much long old often far big come you else part your"
)
_SUBJECTS = word_set("you they he she it your")
_COUNTED = word_set("day days time thing of more year week month night")
STANDING_IN = word_set("it she he they him her them one ones mine ours that there we")
MAX_CONTEXT = 60
"""Words of a turn before that are looked back on."""
BACK = 4
"""Turns that "it" and "there" are looked back for."""
_DISCOURSE = word_set("well oh so actually like uh-huh okay right")


@dataclass(frozen=True)
class Question:
    """What the other side asked before a cited turn: words that the answer may take as said."""

    words: tuple[str, ...]
    answer: bool | None
    """True: answered with yes, False: with no, None: with neither."""
    turn: tuple[str, ...] = ()
    """The whole of the turn that asks."""


@dataclass(frozen=True)
class Said:
    """The clauses of the cited turns, without questions to the other side."""

    clauses: tuple[Clause, ...]
    questions: tuple[Question, ...]
    context: tuple[str, ...] = ()
    """Words of the turns before that "it", "she" or "the one" of a cited turn may stand for."""
    topic: tuple[str, ...] = ()
    """Words of the call's assigned topic."""

    @cached_property
    def words(self) -> list[str]:
        """All that was said, and what its phrases amount to."""
        return [word for clause in self.clauses for word in (*clause.words, *implied(clause.words))]


class Evidence:
    """The turns of a call as one side's evidence."""

    def __init__(self, side: str, turns: Sequence[Mapping[str, Any]], topic: str = "") -> None:
        self._topic = tuple(tokens(topic))
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
        own = self.own(cited)
        if not own or any(number not in own and not self._answered_in(number, own) for number in cited):
            return "other_side"
        return "instruction" if any(instructs(self._text(number)) for number in cited) else None

    def own(self, cited: Sequence[int]) -> list[int]:
        """The cited turns of this side."""
        return [number for number in cited if self._turns[number]["side"] == self._side]

    def _answered_in(self, number: int, own: Sequence[int]) -> bool:
        """Whether a turn of the other side asks what the cited turn after it answers."""
        return _asks(tokens(self._text(number))) and any(self._before.get(answer) == number for answer in own)

    def of(self, cited: Sequence[int]) -> Said:
        """What was said in turns that `refuses` lets pass."""
        read = [self._of_turn(number) for number in self.own(cited)]
        return Said(
            tuple(c for said in read for c in said.clauses),
            tuple(q for said in read for q in said.questions),
            tuple(word for said in read for word in said.context),
            self._topic,
        )

    def _text(self, number: int) -> str:
        return " ".join(self._turns[number]["words"])

    def _of_turn(self, number: int) -> Said:
        if number not in self._read:
            words = tokens(self._text(number))
            own = self._own_words(number, words)
            stated = tuple(clause for clause in clauses(own) if clause.subject != ASKED and not _inquires(clause))
            questions = self._asked_before(number, words)
            refers = bool(questions) or not STANDING_IN.isdisjoint(_without_counts(words)) or elliptic(words)
            self._read[number] = Said(stated, questions, self._stood_for(number) if refers else ())
        return self._read[number]

    def _own_words(self, number: int, words: list[str]) -> list[str]:
        """A turn's words without a beginning that only says again what the other side just said ("four kids wow")."""
        before = self._before.get(number)
        if before is None or self._turns[before]["side"] == self._side or not _ALSO.isdisjoint(words[:_ECHO_WORDS]):
            return words
        heard = tokens(self._text(before))
        if _asks(heard):
            return words
        end = next(
            (at for at, word in enumerate(words) if word in _SPEAKING_OF_SELF or not _again(word, heard)), len(words)
        )
        return words[end:] if any(not is_light(word) or runs([word]) for word in words[:end]) else words

    def _stood_for(self, number: int) -> tuple[str, ...]:
        """The words of the turns before."""
        turns: list[int] = []
        while len(turns) < BACK and (before := self._before.get(turns[-1] if turns else number)) is not None:
            turns.append(before)
        return tuple(
            word for n in turns if not instructs(self._text(n)) for word in tokens(self._text(n))[-MAX_CONTEXT:]
        )

    def _asked_before(self, number: int, answer: Sequence[str]) -> tuple[Question, ...]:
        before = self._before.get(number)
        if before is None or self._turns[before]["side"] == self._side or instructs(self._text(before)):
            return ()
        said = tokens(self._text(before))[-MAX_CONTEXT:]
        read = clauses(said)
        asked = next((at for at in range(len(read) - 1, -1, -1) if read[at].subject == ASKED), None)
        if asked is not None:
            words = tuple(word for clause in read[asked:] for word in clause.words)
            return (Question(words, _answered(answer), tuple(said)),)
        if not _asks(said):
            return ()
        return (Question(tuple(said) if _ASKING.isdisjoint(said) else (), _answered(answer), tuple(said)),)


def elliptic(words: Sequence[str]) -> bool:
    """Whether what is begun or counted was named before ("i started when i was ten", "two in diapers")."""
    begun = any(a in _BEGUN and b in _AFTER_BEGUN for a, b in itertools.zip_longest(words, words[1:], fillvalue=""))
    return begun or any(
        run.values != {"1"} and words[run.end : run.end + 1] in (["in"], ["under"], ["of"]) for run in runs(words)
    )


_BEGUN = word_set("started start quit stopped began")
_AFTER_BEGUN = BOUNDARIES | word_set("in at about around again") | {""}


def _again(word: str, heard: Sequence[str]) -> bool:
    return word in _WONDER or word in STOP or any(proves(other, word) or proves(word, other) for other in heard)


_WONDER = word_set("wow gosh goodness lord boy man god cool neat nice great awesome sweet interesting")
_ALSO = word_set("too also same me either here mine neither exactly")
"""Where one of these begins a turn, it says the same of the speaker."""
_SPEAKING_OF_SELF = word_set("i my we our mine us how what where when why who do does did")
_ECHO_WORDS = 8


def _without_counts(words: Sequence[str]) -> list[str]:
    """The words without a "one" that counts ("one day")."""
    return [
        w for w, after in itertools.zip_longest(words, words[1:], fillvalue="") if w != "one" or after not in _COUNTED
    ]


def _inquires(clause: Clause) -> bool:
    """Whether a clause without a subject asks ("how many kids"), or one about others ("do they sleep in the bed")."""
    turned = clause.words[0] in AUXILIARIES and clause.words[1:2] in (("he",), ("she",), ("they",))
    if turned and len(clause.words) > 3 and clause.words[2] not in AUXILIARIES | {"'s"}:
        return True
    many = any(a == "how" and b in ("many", "much") for a, b in zip(clause.words, clause.words[1:], strict=False))
    return clause.subject == NEUTRAL and (many or clause.words[0] in ("how", "what", "where", "which"))


def _asks(words: Sequence[str]) -> bool:
    """Whether a turn asks something: a question word, or a verb before its subject ("do they", "is your")."""
    turned = any(a in AUXILIARIES and b in _SUBJECTS for a, b in itertools.pairwise(words))
    inquiring = any(a in _ASKING - {"who", "which"} and b in _AFTER_ASKING for a, b in itertools.pairwise(words))
    inquiring = inquiring or not _ASKING.isdisjoint(words[:4])
    return turned or inquiring or "so you" in " ".join(words[:4])


def _answered(words: Sequence[str]) -> bool | None:
    for at, word in enumerate(words[:4]):
        if word in _DISCOURSE:
            continue
        if word in _NO or (
            word == "not" and words[at + 1 : at + 2] in (["really"], ["me"], ["anymore"], ["yet"], ["at"])
        ):
            return False
        return True if word in _YES else _short_answer(words[at : at + 3])
    return None


def _short_answer(words: Sequence[str]) -> bool | None:
    """``i do`` and ``we have`` say yes, ``i don't`` says no."""
    if tuple(words) in (("i", "love", "it"), ("i", "like", "it"), ("i", "enjoy", "it")):
        return True
    if len(words) < 2 or words[0] not in ("i", "we") or words[1] not in ("do", "am", "have", "did", "are"):
        return None
    if len(words) > 2 and words[2] in NEGATORS:
        return False
    return True if len(words) == 2 or words[2] in _YES else None


def answers(said: Said) -> bool:
    """Whether a cited turn says yes or no to a question."""
    return any(question.answer is not None for question in said.questions)


def evidence_of(side: str, turns: Sequence[Mapping[str, Any]], topic: str = "") -> Evidence:
    """The turns of a call as evidence for one side's facts."""
    return Evidence(side, turns, topic)
