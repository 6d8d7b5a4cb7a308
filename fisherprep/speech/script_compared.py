"""Prices held against each other: how much more one thing costs than another, and which is the cheaper.

A difference is one of two sizes of a thing, of two things that were named, or the price of what is added. A comparison
is wrong only where no sizes of the two could make it true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, product

from fisherprep.speech.heard import MONEY, Heard, hear
from fisherprep.speech.letters import words_of
from fisherprep.speech.prompt_facts import PromptFacts
from fisherprep.speech.script_goods import agrees, refuses
from fisherprep.speech.script_sums import Named, named_in

_AFTER = re.compile(r"\s*(?:dollars? |bucks )?(?:more|less|extra|cheaper|on top|difference|higher|lower)\b")
_BEFORE = re.compile(r"\b(?:difference|differ|apart|goes up|up charge|upcharge)\b[^.?!]{0,20}$", re.IGNORECASE)
_AGAINST = re.compile(r"\b(?:than|instead|compared|versus|difference|between|upgrade)\b", re.IGNORECASE)
_ASKS_DIFFERENCE = re.compile(r"\bdifference\b|\bhow much (?:more|less|extra|cheaper)\b", re.IGNORECASE)
_LESS, _MORE, _SAME = "less", "more", "same"
_COMPARED = {
    _LESS: r"\b(?:cheaper|cheapest|(?:less|least) expensive|costs? less|less(?= than\b)|(?:is|are) less(?=\W*$))",
    _MORE: r"\b(?:(?:more|most) expensive|pricier|dearer|costs? more|more(?= than\b)|(?:is|are) more(?=\W*$))",
    _SAME: r"\b(?:costs? the same|the same price|(?:is|are) the same as)\b",
}
_CLAUSE = re.compile(r"[,;]|\b(?:so|and|but|because|since)\b", re.IGNORECASE)
_NO = re.compile(r"^\W*(?:no|nope|nah),?\s+", re.IGNORECASE)
_FEW_WORDS = 6
"""An answer to "which is cheaper" that only names it."""


def is_difference(sentence: str, heard: Heard) -> bool:
    """Whether an amount is said to be what one thing costs more or less than another."""
    return bool(_AFTER.match(sentence[heard.end :]) or _BEFORE.search(sentence[: heard.start]))


def asks_difference(text: str) -> bool:
    """Whether a question wants to know by how much two prices differ."""
    return _ASKS_DIFFERENCE.search(text) is not None


def differences(said: str, before: Sequence[str], facts: PromptFacts) -> set[int]:
    """What an amount "more" may be, in cents.

    Args:
        said: the question and the answer that has the amount.
        before: the lines before them, which say what "it" is where they name nothing.
        facts: of the prompt.
    """
    texts = [said, *reversed(before)]
    text = next((t for t in texts if named_in(t, facts)), "")
    named = named_in(text, facts)
    prices = {n.item: _prices(n, f"{said} {text}", facts) for n in named}
    found = {abs(a - b) for one, two in combinations(prices.values(), 2) for a, b in product(one, two)}
    for item, own in prices.items():
        pairs = combinations(own, 2) if len(own) > 1 else product(own, facts.offers[item].values())
        found |= {abs(a - b) for a, b in pairs}
        if not set(rivals := _rivals(item, facts)) & set(prices):
            found |= {abs(a - b) for a in own for rival in rivals for b in facts.offers[rival].values()}
        if not _AGAINST.search(said):
            found |= own
    counts = {1}.union(*(n.counts for n in named)) if named else {1}
    return {n * cents for cents in found for n in counts} - {0}


def _prices(named: Named, text: str, facts: PromptFacts) -> set[int]:
    """Of an item, in the sizes that a text names."""
    priced = facts.offers[named.item]
    words = set(words_of(text))
    return {priced[size] for size in priced if size in words} or set(priced.values())


def _rivals(item: str, facts: PromptFacts) -> list[str]:
    """Other things of the same kind: the basic plan and the family plan."""
    return [other for other in facts.offers if other != item and other.split()[-1:] == item.split()[-1:]]


def wrong_comparison(sentence: str, answer: bool, asked: str, facts: PromptFacts) -> bool:
    """Whether a sentence says of a thing that it costs less, more or the same, and it does not.

    Args:
        sentence: the agent's.
        answer: it is the first one after the question.
        asked: what the user said before it.
        facts: of the prompt.
    """
    question = _comparison(asked)
    if answer and question and not _comparison(sentence):
        if re.search(r"\b(?:which|what)\b", asked, re.IGNORECASE):
            names_it = len(sentence.split()) <= _FEW_WORDS and not any(h.values(MONEY) for h in hear(sentence))
            subject = named_in(sentence, facts) if names_it and not refuses(sentence) else []
            return len(subject) == 1 and _is_wrong(question[0], subject[0], _others(asked, subject[0], facts), facts)
        return agrees(sentence) and _states_wrongly(asked, "", facts)
    sentence = _NO.sub("", sentence)  # it denies the question, not what follows
    return not refuses(sentence) and not sentence.rstrip().endswith("?") and _states_wrongly(sentence, asked, facts)


def _comparison(text: str) -> tuple[str, int, int] | None:
    found = ((way, re.search(pattern, text, re.IGNORECASE)) for way, pattern in _COMPARED.items())
    return next(((way, match.start(), match.end()) for way, match in found if match), None)


def _states_wrongly(text: str, asked: str, facts: PromptFacts) -> bool:
    found = _comparison(text)
    if found is None:
        return False
    way, start, end = found
    subject = named_in(_CLAUSE.split(text[:start])[-1], facts)
    asked_of = named_in(asked, facts)
    if way == _SAME and not subject and len(asked_of) == 2:  # "they cost the same"
        subject = asked_of[:1]
    if len(subject) != 1 or subject[0].counts - {1}:
        return False
    objects = named_in(_CLAUSE.split(text[end:])[0], facts) or _others(asked, subject[0], facts)
    return _is_wrong(way, subject[0], objects, facts)


def _others(asked: str, subject: Named, facts: PromptFacts) -> list[Named]:
    return [named for named in named_in(asked, facts) if named.item != subject.item]


def _is_wrong(way: str, subject: Named, objects: list[Named], facts: PromptFacts) -> bool:
    """Whether no sizes that were not ruled out make it true; nothing is known of what names nothing."""
    if not objects:
        return False
    holds = {_LESS: int.__lt__, _MORE: int.__gt__, _SAME: int.__eq__}[way]
    own = [facts.offers[subject.item][size] for size in subject.sizes or facts.offers[subject.item]]
    return not all(
        any(holds(a, facts.offers[other.item][size]) for a in own for size in other.sizes or facts.offers[other.item])
        for other in objects
    )
