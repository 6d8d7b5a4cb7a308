"""What two strangers say to each other on a Fisher call: a seeded grammar over assigned topics and personal facts.

How an utterance is written and spoken is in ``utterance.py``. Phrases and topics are data (``phrases.yaml``,
``topics.yaml``); all choices come from the random generator passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from fisherprep.demo.utterance import Kind, Transcriber, Utterance, disfluent, tokens_of, uncertain

_CHOICE = re.compile(r"\{([^{}]*)\}")
_SLOT = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Topic:
    """One assigned topic."""

    id: str
    title: str
    text: str
    """What the two are asked to discuss, as the topics file has it."""
    about: str
    """How a caller names it."""
    questions: tuple[str, ...]
    views: tuple[str, ...]


@cache
def topics() -> tuple[Topic, ...]:
    """The forty topics, in order of id."""
    return tuple(
        Topic(**{**entry, "questions": tuple(entry["questions"]), "views": tuple(entry["views"])})
        for entry in _load("topics.yaml")
    )


@cache
def _phrases() -> dict[str, Any]:
    return _load("phrases.yaml")


def _load(name: str) -> Any:
    import yaml

    return yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))


def person(rng: Random, sex: str) -> dict[str, str]:
    """Facts about a made-up person of that sex (m or f): name, city, job, family, pet and so on."""
    facts = {kind: rng.choice(options) for kind, options in _phrases()["facts"].items()}
    return {**facts, "name": facts[f"name_{sex}"]}


def conversation(
    topic: Topic, people: Mapping[str, Mapping[str, str]], transcriber: Transcriber, rng: Random, num_words: int
) -> list[Utterance]:
    """A conversation of at least ``num_words`` spoken words, in order of speaking; it ends after an exchange.

    Args:
        topic: what they were asked to discuss.
        people: facts of side a and of side b (see ``person``).
        transcriber: whose convention for ``(( ))`` the text follows: LDC marks unclear words, BBN whole turns.
        rng: source of all choices.
        num_words: how much to say.
    """
    talk = _Talk(topic, people, rng)
    said: list[Utterance] = []
    count = 0
    for exchange in talk.exchanges():
        said += [uncertain(u, transcriber, rng) for u in exchange]
        count += sum(len(u.words) for u in exchange)
        if count >= num_words:
            return said
    raise AssertionError("a conversation has no end of its own")


def sample_text(seed: int, lines: int) -> list[str]:
    """Lines of what is said in such calls, without markers: text to train a small tokenizer on."""
    rng = Random(f"sample text {seed}")
    text: list[str] = []
    while len(text) < lines:
        people = {side: person(rng, rng.choice("mf")) for side in "ab"}
        for utterance in conversation(rng.choice(topics()), people, "bbn", rng, num_words=200):
            text.append(" ".join(t.word for t in utterance.words))
    return text[:lines]


class _Talk:
    """The state of one conversation: who speaks, what was said already."""

    def __init__(self, topic: Topic, people: Mapping[str, Mapping[str, str]], rng: Random) -> None:
        self._rng = rng
        self._topic = topic
        self._phrases = _phrases()
        self._used: set[str] = set()
        self._facts = {}
        for side, partner in (("a", "b"), ("b", "a")):
            other = people[partner]
            self._facts[side] = {**people[side], "other": other["name"], "pet_name_other": other["pet_name"]}

    def exchanges(self) -> Iterator[list[Utterance]]:
        """Greetings, the topic, then exchanges without end."""
        first, second = self._rng.sample("ab", 2)
        yield self._greeting(first, second)
        yield self._opening(*self._rng.sample("ab", 2))
        moves = (self._topic_question, self._view, self._personal, self._argument, self._aside)
        while True:
            move = self._rng.choices(moves, weights=(4, 4, 4, 2, 0.5))[0]
            yield move(*self._rng.sample("ab", 2))

    # -- exchanges -------------------------------------------------------------------------------------------------

    def _greeting(self, first: str, second: str) -> list[Utterance]:
        return [
            self._turn(first, self._phrases["greetings"]),
            self._turn(second, self._phrases["greetings_back"]),
            self._turn(first, self._phrases["introductions"]),
            self._turn(second, self._phrases["replies"]),
        ]

    def _opening(self, opener: str, other: str) -> list[Utterance]:
        return [
            self._turn(opener, self._phrases["openers"]),
            self._backchannel(other),
            self._turn(other, self._topic.views, self._phrases["reasons"]),
        ]

    def _topic_question(self, asker: str, answerer: str) -> list[Utterance]:
        talk = [self._question(asker, self._topic.questions)]
        talk.append(self._turn(answerer, self._views(), *self._sometimes(0.5, "reasons")))
        if self._chance(0.6):
            talk.append(self._backchannel(asker))
        if self._chance(0.5):
            talk.append(self._turn(answerer, self._phrases["stories"]))
        return talk

    def _view(self, speaker: str, other: str) -> list[Utterance]:
        talk = [self._turn(speaker, self._views(), *self._sometimes(0.6, "reasons"))]
        if self._chance(0.5):
            talk.append(self._backchannel(other))
            talk.append(self._turn(speaker, self._phrases["stories"], *self._sometimes(0.3, "reasons")))
        talk.append(self._turn(other, self._phrases["agreements" if self._chance(0.7) else "doubts"]))
        return talk

    def _personal(self, asker: str, answerer: str) -> list[Utterance]:
        kind = self._fresh(sorted(self._phrases["personal"]))
        ways = self._phrases["personal"][kind]
        talk = [self._question(asker, ways["ask"]), self._turn(answerer, ways["answer"])]
        if self._chance(0.5):
            talk.append(self._backchannel(asker))
        talk.append(self._turn(asker, ways["follow"]))
        if self._chance(0.5):
            talk.append(self._turn(asker, ways["answer"]))
        return talk

    def _argument(self, speaker: str, other: str) -> list[Utterance]:
        return [
            self._turn(speaker, self._views(), self._phrases["reasons"], self._phrases["stories"]),
            self._turn(other, self._phrases["interruptions"], self._views(), kind="interruption"),
            self._turn(speaker, self._phrases["doubts"]),
            self._turn(other, self._phrases["agreements"], *self._sometimes(0.5, "reasons")),
        ]

    def _aside(self, speaker: str, other: str) -> list[Utterance]:
        return [self._turn(speaker, self._phrases["asides"]), self._backchannel(other)]

    # -- utterances --------------------------------------------------------------------------------------------------

    def _turn(self, side: str, *parts: Sequence[str], kind: Kind = "turn", mark: str = ".") -> Utterance:
        """A turn of one phrase of each part, with the disfluencies of free speech."""
        words = " ".join(self._expand(self._fresh(part), side) for part in parts).split()
        return Utterance(side, kind, tokens_of(disfluent(words, self._phrases, self._rng), mark))

    def _question(self, side: str, options: Sequence[str]) -> Utterance:
        return self._turn(side, options, mark="?")

    def _backchannel(self, side: str) -> Utterance:
        words = self._rng.choice(self._phrases["backchannels"]).split()
        if self._chance(0.1):
            words.insert(self._rng.randrange(2), "[laughter]")
        return Utterance(side, "backchannel", tokens_of(words, "."))

    def _views(self) -> tuple[str, ...]:
        """Views on the topic; when all were given, the talk drifts to another topic."""
        if self._used.issuperset(self._topic.views):
            self._topic = self._rng.choice(topics())
        return self._topic.views

    def _sometimes(self, share: float, phrases: str) -> tuple[Sequence[str], ...]:
        return (self._phrases[phrases],) if self._chance(share) else ()

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _fresh(self, options: Sequence[str]) -> str:
        """One of the options, not one chosen before while there are others."""
        choice = self._rng.choice([o for o in options if o not in self._used] or options)
        self._used.add(choice)
        return choice

    def _expand(self, phrase: str, side: str) -> str:
        phrase = phrase.replace("<about>", self._topic.about)
        phrase = _CHOICE.sub(lambda m: self._rng.choice(m[1].split("|")), phrase)
        return _SLOT.sub(lambda m: self._facts[side][m[1]], phrase)
