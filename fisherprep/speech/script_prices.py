"""Amounts of money that the agent says: prices of what is named, totals of what was ordered, change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product

from fisherprep.speech.heard import CLOCK, MONEY, NUMBER, Heard, all_values, hear
from fisherprep.speech.prompt_facts import PromptFacts, vocabulary
from fisherprep.speech.script_amounts import (
    FOR,
    SENTENCE,
    TOTAL,
    cents_of,
    is_alone,
    is_handed,
    is_priced,
    is_total,
    next_price,
    own_start,
)
from fisherprep.speech.script_compared import asks_difference, differences, is_difference
from fisherprep.speech.script_goods import agrees, refuses
from fisherprep.speech.script_sums import Named, candidate_sums, named_in
from fisherprep.speech.scripts import Script

_CHANGE = re.compile(r"\b(?:change|back|owe|left|rest|difference|out of|from your)\b", re.IGNORECASE)
_PAID = re.compile(
    r"\b(?:out of|from your|you gave|you paid|you were charged|you said|your bill|charged)\b", re.IGNORECASE
)
_ASKS_PRICE = re.compile(
    r"\bhow much|\bprice|\bcosts?\b|\bwhat(?:'s| is| are| does| do| would)\b|\bhow expensive\b", re.IGNORECASE
)
_ORDERS = re.compile(
    r"\b(?:(?:can|could|may) (?:i|we)|i'd like|we'd like|i would like|i'll|we'll|i want|i need|we need|"
    r"give me|let me get|"
    r"please|add|and|one for|for me)\b|^\W*(?:(?:um|uh|hi|hello|hey|okay|then|sure|yes),?\W+)*(?:an?|one|two|"
    r"three|four|five|six)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\b(?:how (?!about)\w+|do you|are there|is there|is the|are the|what|which|does|did)\b", re.IGNORECASE
)
_CHANGES = re.compile(
    r"\b(?:instead|actually|change|cancel|never ?mind|no|not|without|scratch|forget|rather|wait|swap|remove|take off|"
    r"skip|leave out|just|only|sorry|i mean|make (?:it|that)|or|if|maybe|switch|free|card|points?|stamps?|"
    r"coupon|included)\b|n't\b",
    re.IGNORECASE,
)
_PAYS = re.compile(r"\b(?:here's|here is|here you|here are|card|paid|keep the|there you)\b", re.IGNORECASE)
_TIME = re.compile(
    r"\b(?:at|from|until|till|by|between|around|before|after|open\w*|clos\w*|hours?|[ap]\.?m|o'clock|morning|afternoon|"
    r"evening|tonight|today|tomorrow|noon|visits?|appointments?|book\w*|\w+days?)\b",
    re.IGNORECASE,
)
_ROUGHLY = re.compile(r"\b(?:about|almost|around|roughly|nearly|some|like) $", re.IGNORECASE)
_ROUGHLY_OFF = 0.2
"""How far "almost a dollar" may be from it."""


def _and(items: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(sorted(items)))


class Prices:
    """What the amounts of one dialogue may be, under one prompt."""

    def __init__(self, script: Script, facts: PromptFacts, agent: str):
        self.script, self.facts, self.agent = script, facts, agent
        users = [line.text for line in script.lines if line.role != agent]
        self.user_money = all_values(users, MONEY)
        self.paid = self.user_money | {100 * n for n in all_values(users, NUMBER) if n <= 500}

    def wrong(self, index: int, sentence: str, earlier: str = "") -> Iterator[tuple[str, Heard, str]]:
        """Reason, amount and what was expected, for every amount of an agent's sentence that nothing licenses."""
        sums_up = bool(TOTAL.search(sentence))
        asked = self._asked(index, earlier)
        amounts = [
            h
            for h in hear(sentence)
            if cents_of(h, sums_up or is_priced(sentence, h)) and not self._is_time(sentence, h)
        ]
        at = 0
        for place, heard in enumerate(amounts):
            if self.is_apart(index, sentence, heard):
                continue
            alone, total = len(amounts) == 1, is_total(sentence, amounts, place)
            at = own_start(sentence, at, heard)
            named = self._named_beside(index, sentence, at, heard, asked if alone else [])
            if place and total:  # what it sums up is no name of it
                named = []
            at = heard.end + (next_price(sentence[heard.end :]) if FOR.match(sentence[heard.end :]) else 0)
            fits = self._fits_named(index, sentence, named, heard)
            if named and not fits:
                yield "wrong_total" if total else "wrong_price", heard, f"the price of {_and(n.item for n in named)}"
            elif not (named and (not total or asked or heard is not amounts[-1])) and not self._fits(
                index, sentence, heard, alone and not asked
            ):
                counted = self._has_to_hold(index, sentence, alone and not asked)
                ordered = f" that has all that was ordered: {_and(counted)}" if counted else ""
                expected = "a sum of the prompt's prices" if total or counted else "a price of the prompt"
                yield "wrong_total" if total else "wrong_price", heard, expected + ordered

    def _is_time(self, sentence: str, heard: Heard) -> bool:
        if self.is_price_alone(sentence):
            return False
        known = self.facts.clocks
        clocks = any(c in known or c + 720 in known for c in heard.values(CLOCK))
        return clocks and heard.text[0] != "$" and not set(heard.values(MONEY)) & self.facts.money

    def is_price_alone(self, sentence: str) -> bool:
        """Whether a sentence speaks of goods and of no time: its "six thirty" is money."""
        return bool(self.facts.named(sentence)) and not _TIME.search(sentence)

    # -- prices of what is named -------------------------------------------------------------------------------------

    def _named_beside(self, index: int, sentence: str, at: int, heard: Heard, asked: list[Named]) -> list[Named]:
        """The items that an amount is the price of, by the words beside it or by the question before."""
        if _CHANGE.search(sentence) or _PAID.search(sentence) or not self.facts.offers:
            return []
        rest = sentence[heard.end :]
        until = next_price(rest)
        clauses = re.split(r"\bbut\b|;", sentence[at : heard.start])
        named = named_in(clauses[-1], self.facts) or named_in(sentence[at : heard.start], self.facts)
        if not named and FOR.match(rest):
            named = named_in(rest[:until], self.facts)
        if named:
            return [] if len(named) > 4 else named
        words = vocabulary(sentence[at : heard.start] + rest[:until])
        sized = [item for item, sizes in self.facts.offers.items() if "" not in sizes and words & set(sizes)]
        if sized and not TOTAL.search(sentence):  # "the small is four dollars"
            before = [n.item for line in self.script.lines[: index + 1] for n in named_in(line.text, self.facts)]
            item = next((i for i in reversed(before) if i in sized), None)
            return [Named(item, frozenset(), words & set(self.facts.offers[item]))] if item else []
        return asked if not re.search(r"\b(?:total|together|altogether)\b", sentence) else []

    def _fits_named(self, index: int, sentence: str, named: list[Named], heard: Heard) -> bool:
        """Whether an amount is a price, or a sum of prices, of items."""
        before = [line.text for line in self.script.lines[max(0, index - 1) : index]]
        counts = {1, *all_values([sentence, *before], NUMBER)} - {0}
        allowed = self._sums_of(named, {c for c in counts if c <= 31}, index)
        cents = cents_of(heard, True)
        return any(value in allowed for value in cents) or self._so_far(index, sentence, heard)

    def _so_far(self, index: int, sentence: str, heard: Heard) -> bool:
        """A running total that says only its last item ("and with the muffin it's seven fifty")."""
        if not re.search(r"\b(?:with|and|add(?:ed)?|plus|then|so|both|everything)\b", sentence, re.IGNORECASE):
            return bool(TOTAL.search(sentence)) and self._adds_up(index, heard, self._needed(index, sentence))
        return self._adds_up(index, heard, self._needed(index, sentence)) and not self._only_prices(sentence)

    def _only_prices(self, sentence: str) -> bool:
        """ "The small is ... and the large is ...": two prices, and no sum."""
        return (
            len([h for h in hear(sentence) if h.values(MONEY)]) > 1
            and len(re.findall(r"\b(?:is|are|costs?)\b", sentence)) > 1
        )

    def _sums_of(self, named: list[Named], counts: set[int], index: int) -> set[int]:
        """Sums of all the items, in the sizes that are said; without one, in the size that was said before."""
        sums = {0}
        for item in named:
            priced = self.facts.offers[item.item]
            sizes = item.sizes or self._sizes_before(index, item.item) or priced
            numbers = counts | item.counts | {1}
            sums = {s + priced[size] * n for s, size, n in product(sums, sizes, numbers)}
        return self._reduced(sums)

    def _sizes_before(self, index: int, item: str) -> frozenset[str]:
        for line in reversed(self.script.lines[: index + 1]):
            sizes = [n.sizes for n in named_in(line.text, self.facts) if n.item == item and n.sizes]
            if sizes:
                return sizes[-1]
            if said := frozenset(w.strip(".,?!").lower() for w in line.text.split()) & set(self.facts.offers[item]):
                return said
        return frozenset()

    def _asked(self, index: int, earlier: str) -> list[Named]:
        """What "it" is in "it's four dollars": of the agent's sentence before, or of the user's question."""
        if (named := named_in(earlier, self.facts)) and len(named) == 1:
            return named
        line = self.script.lines[index - 1] if index else None
        if line is None or line.role == self.agent or not _ASKS_PRICE.search(line.text):
            return []
        sentences = [s for s in SENTENCE.split(line.text) if _ASKS_PRICE.search(s)]
        return named_in(sentences[-1], self.facts) if sentences and len(named_in(line.text, self.facts)) <= 2 else []

    # -- totals and bare amounts -----------------------------------------------------------------------------------

    def _fits(self, index: int, sentence: str, heard: Heard, alone: bool) -> bool:
        """Whether an amount is one that the prompt gives, a sum that has all that was ordered, or the change."""
        facts, values = self.facts, cents_of(heard, True)
        if not facts.offers:
            return any(v in facts.money or v in self.user_money for v in values)
        named = named_in(sentence, facts)
        if _PAID.search(sentence) and any(v in self.paid for v in values):
            return True
        if sentence.rstrip().endswith("?") and any(v in self.user_money for v in values) and not TOTAL.search(sentence):
            return True
        if any(v in facts.discounts for v in values):
            return True
        others = facts.money - {cents for sizes in facts.offers.values() for cents in sizes.values()}
        bare = alone and not named
        needed = self._has_to_hold(index, sentence, alone)
        if not TOTAL.search(sentence) and any(
            v in facts.money if not (bare and needed) else v in others for v in values
        ):
            return True
        if self._adds_up(index, heard, needed):
            return True
        return bool(_CHANGE.search(sentence)) and self._is_change(index, values)

    def _has_to_hold(self, index: int, sentence: str, alone: bool) -> frozenset[str]:
        """The items that an amount has to have in it: those of a total, or of an amount that names nothing."""
        bare = alone and not named_in(sentence, self.facts)
        return self._needed(index, sentence) if TOTAL.search(sentence) or bare else frozenset()

    def is_change(self, index: int, sentence: str, heard: Heard) -> bool:
        """Whether a number without "dollars" is the change ("and three back")."""
        return bool(_CHANGE.search(sentence)) and self._is_change(index, [100 * n for n in heard.values(NUMBER)])

    def is_apart(self, index: int, sentence: str, heard: Heard) -> bool:
        """Whether an amount is told, or asked for, as what two prices of what is talked about differ by."""
        *before, asked = ["", *(line.text for line in self.script.lines[:index])]
        if not is_difference(sentence, heard) and not asks_difference(asked):
            return False
        earlier = self.script.lines[index].text.partition(sentence)[0]
        told = sentence[: heard.end + next_price(sentence[heard.end :])]
        apart = differences(f"{asked} {earlier} {told}", before, self.facts)
        off = _ROUGHLY_OFF if _ROUGHLY.search(sentence[: heard.start]) else 0.0
        values = [*heard.values(MONEY), *(100 * n for n in heard.values(NUMBER))]
        return any(abs(value - cents) <= off * cents for value in values for cents in apart)

    def is_in_dollars(self, index: int, sentence: str, heard: Heard) -> bool:
        """Whether a small number is what is named before it comes to ("three bagels is nine")."""
        at = max((h.end for h in hear(sentence) if h.end <= heard.start and h.values(MONEY)), default=0)
        named = named_in(sentence[at : heard.start], self.facts) if is_priced(sentence, heard) else []
        return bool(named) and any(100 * n in self._sums_of(named, set(), index) for n in heard.values(NUMBER))

    def is_bare_sum(self, index: int, sentence: str, heard: Heard) -> bool:
        """Whether a sentence is but a number, and that a total ("Ninety-two, then")."""
        return is_alone(sentence, heard) and self._adds_up(index, heard, self._needed(index, sentence))

    def _is_change(self, index: int, values: list[int]) -> bool:
        sums = self._sums(index, frozenset())
        paid = self.paid | self.facts.discounts | self._handed(index)
        return any(p - value in sums or value in self.facts.discounts for p in paid for value in values)

    def _handed(self, index: int) -> set[int]:
        """Bills that the agent says they were given: "out of ten"."""
        text = self.script.lines[index].text
        return {100 * n for h in hear(text) if is_handed(text, h) for n in h.values(NUMBER)}

    def _adds_up(self, index: int, heard: Heard, needed: frozenset[str]) -> bool:
        return any(value in self._sums(index, needed) for value in cents_of(heard, True))

    def _sums(self, index: int, needed: frozenset[str]) -> set[int]:
        sums = candidate_sums([li.text for li in self.script.lines[: index + 1]], self.facts, needed)
        return self._reduced(sums)

    def _reduced(self, sums: set[int]) -> set[int]:
        """The sums, and what the prompt's discounts leave of them."""
        facts, low = self.facts, self.facts.text.lower()
        found = sums | {s - d for s in sums for d in facts.discounts if s > d}
        for percent in {int(p) for p in re.findall(r"(\d{1,2}) ?(?:%|percent)", low)}:
            found |= {s * (100 - percent) // 100 + up for s in sums for up in (0, 1)}
        if re.search(r"\bhalf[ -](?:price|off)\b", low):
            halves = [cents for sizes in facts.offers.values() for cents in sizes.values()]
            found |= {s - h // 2 - up for s in sums for h in halves for up in (0, 1) if s > h // 2 + 1}
        return found

    def _needed(self, index: int, sentence: str) -> frozenset[str]:
        """Items that the user has plainly ordered, or that the agent reads out with the total."""
        lines = self.script.lines
        needed: set[str] = set()
        for i, line in enumerate(lines[:index]):
            said = {n.item for n in named_in(line.text, self.facts)}
            if line.role == self.agent:
                if refuses(line.text) or _CHANGES.search(line.text):
                    needed -= said
                elif TOTAL.search(line.text) and i < index - 1:
                    needed.clear()
                continue
            if _CHANGES.search(line.text) or _PAYS.search(line.text):
                needed.clear()
            elif said and not _ASKS.search(line.text) and _ORDERS.search(line.text):
                needed |= said
        line = lines[index]
        if _CHANGES.search(line.text) or len(hear(line.text)) > 3:
            return frozenset()
        return frozenset(needed | {n.item for n in named_in(sentence, self.facts)})

    # -- what the user says and the agent agrees to ------------------------------------------------------------------

    def agreed_wrong(self, index: int) -> tuple[Heard, str] | None:
        """A price that the user names for an item, wrongly, and the agent says yes to."""
        before = self.script.lines[index - 1] if index else None
        if before is None or before.role == self.agent or not agrees(self.script.lines[index].text):
            return None
        for sentence in SENTENCE.split(before.text):
            amounts = [h for h in hear(sentence) if h.values(MONEY)]
            named = named_in(sentence, self.facts)
            claims = re.search(r"\b(?:is|are|costs?|was|were)\b|'s\b", sentence) and not _PAYS.search(sentence)
            if len(amounts) == 1 and named and claims:
                allowed = self._sums_of(named, {1, *all_values([sentence], NUMBER)}, index - 1)
                if not any(v in allowed for v in amounts[0].values(MONEY)):
                    return amounts[0], before.text
        return None
