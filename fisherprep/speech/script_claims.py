"""What the agent of a dialogue claims, held against its prompt: prices, times, numbers, names, goods, discounts.

Each claim has to be licensed by the prompt. What the user says licenses names and numbers that are repeated, and the
money that is paid; no price, no hours and no goods. A "yes" to the user's question claims what it asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fisherprep.speech.heard import CLOCK, DIGITS, MONEY, NUMBER, Heard, all_values, hear
from fisherprep.speech.letters import UPPER, WORD
from fisherprep.speech.prompt_facts import PromptFacts, mentions, vocabulary
from fisherprep.speech.prompt_hours import DAYS, in_slot, same_time
from fisherprep.speech.script_amounts import SENTENCE, TOTAL, cents_of, is_handed, is_priced
from fisherprep.speech.script_compared import wrong_comparison
from fisherprep.speech.script_discounts import invented_discounts
from fisherprep.speech.script_goods import Phrase, agrees, is_given, refuses, sold_by_agent, wanted_by_user
from fisherprep.speech.script_hours import Claim, as_answer, wrong_times
from fisherprep.speech.script_prices import Prices
from fisherprep.speech.script_sums import OrderLine, order_cents
from fisherprep.speech.scripts import Script, ScriptLine

_CAPITALISED = rf"((?={UPPER}){WORD}\w*)"
_OWN_NAME = re.compile(rf"\b(?:[Tt]his is|[Mm]y name(?: is|'s)|I'm|I am|[Yy]ou're speaking with)\s+{_CAPITALISED}")
_CAPITAL = re.compile(rf"(?<![.?!:]\s)(?<!^)(?<![\w']){_CAPITALISED}")
_ALWAYS = frozenset({"i", "i'm", "i'll", "i've", "i'd", "ok", "okay", "oh", "mr", "mrs", "ms", "dr", "tv", "pm", "am"})
_TALK = 4
"""Lines before one that say what its discount is on."""
_OR_TWO = re.compile(r"\b(?P<one>an?|one|the)(?P<of> \w+) or (?:two|so)\b", re.IGNORECASE)
"""Counts nothing: "a minute or two"."""
_LONG = re.compile(r"\b(?:an?|one|full|whole|entire) (?:full |whole |entire )?(year|month|week)\b", re.IGNORECASE)


def says_total(text: str) -> bool:
    """Whether a line says what something comes to."""
    return any(TOTAL.search(s) and any(h.values(MONEY) for h in hear(s)) for s in SENTENCE.split(text))


@dataclass(frozen=True)
class Violation:
    """Why a dialogue is dropped. ``line``: of the script, from 1; 0 for the whole."""

    reason: str
    line: int
    found: str
    expected: str
    fix: str


def _digits(text: str) -> Iterator[str]:
    """Digits in the order in which they are read out, in however many groups."""
    for heard in hear(text):
        yield from (str(value) for kind, value in heard.readings if kind == DIGITS)


def _plain(name: str) -> str:
    """A name as a vocabulary has it."""
    return name.lower().replace("\u2019", "'").removesuffix("'s")


def short(text: str) -> str:
    """A text as it fits into a message."""
    return text if len(text) <= 160 else text[:157] + "..."


class Claims:
    """One dialogue under one prompt."""

    def __init__(
        self,
        script: Script,
        facts: PromptFacts,
        agent: str,
        offers: frozenset[str],
        orders: Mapping[int, tuple[OrderLine, ...]],
    ) -> None:
        self.script, self.facts, self.agent, self.offers, self.orders = script, facts, agent, offers, orders
        self.prices = Prices(script, facts, agent)
        users = [line.text for line in script.lines if line.role != agent]
        self.user_clocks = all_values(users, CLOCK)
        self.user_numbers = all_values(users, NUMBER)
        self.user_digits = " ".join(["".join(_digits(u)) for u in users])
        self.user_words = vocabulary(" ".join(users))
        self.found: list[Violation] = []

    def violations(self) -> list[Violation]:
        """All of the dialogue, in the order of its lines."""
        for index, line in enumerate(self.script.lines):
            if line.role == self.agent:
                self._check_order(index, line)
                self._check_amounts(index, line)
                self._check_names(line)
                if self.facts.name:  # nothing is sold, and nothing open, outside of a service prompt
                    self._check_hours(index, line)
                    self._check_comparisons(index, line)
                    self._check_discounts(index, line)
                    self._check_known_goods(line)
                    self._check_goods(index, line)
        return self.found

    def _add(self, reason: str, line: ScriptLine, found: str, expected: str, fix: str = "") -> None:
        fix = fix or "take it from the prompt, or write it there"
        violation = Violation(reason, line.number, short(found), short(expected), fix)
        if not any(v.reason == reason and v.line == line.number for v in self.found):
            self.found.append(violation)

    def _before(self, index: int) -> str:
        """What the user said just before, backchannels left out."""
        for line in reversed(self.script.lines[:index]):
            if line.role == self.agent and line.kind != "backchannel":
                return ""
            if line.role != self.agent and line.kind != "backchannel":
                return line.text
        return ""

    # -- numbers -------------------------------------------------------------------------------------------------

    def _check_order(self, index: int, line: ScriptLine) -> None:
        """Where it is known what was ordered: every item is on the menu, and the total is theirs."""
        order = self.orders.get(index)
        if not order:
            return
        cents = order_cents(order, self.facts)
        if isinstance(cents, str):
            self._add("off_menu", line, cents, f"one of {sorted(self.facts.offers)}", "sell what the prompt offers")
            return
        said = {value for heard in hear(line.text) for value in heard.values(MONEY)}
        if cents not in said:
            told = f"{line.text} (ordered: {', '.join(map(str, order))})"
            self._add("wrong_total", line, told, f"${cents / 100:.2f}", "add up the prompt's prices")

    def _check_amounts(self, index: int, line: ScriptLine) -> None:
        earlier, asked = "", self._before(index)
        for sentence in SENTENCE.split(line.text):
            told = as_answer(sentence, asked)
            unnamed = told.replace(self.facts.company, "us") if self.facts.company else told
            unnamed = _OR_TWO.sub(r"\g<one>\g<of>", unnamed)
            for reason, heard, expected in self.prices.wrong(index, unnamed, earlier):
                if not self._given_otherwise(heard, unnamed):
                    self._add(reason, line, f"{heard.text!r} in: {sentence}", expected)
            for heard in hear(unnamed):  # "Two Rivers Coffee" counts nothing
                if cents_of(heard, True) and (TOTAL.search(unnamed) or is_priced(unnamed, heard)):
                    continue
                if (
                    self._counts_item(heard, unnamed)
                    or self.prices.is_change(index, unnamed, heard)
                    or is_handed(unnamed, heard)
                    or self.prices.is_apart(index, unnamed, heard)
                    or self.prices.is_bare_sum(index, unnamed, heard)
                    or self.prices.is_in_dollars(index, unnamed, heard)
                    or re.match(r" sec(?:ond)?s?\b", unnamed[heard.end :])
                ):
                    continue
                if not heard.values(MONEY) and not self._given(heard) and not self._is_count(heard):
                    kind = "invented_time" if heard.values(CLOCK) else "invented_number"
                    self._add(kind, line, f"{heard.text!r} in: {sentence}", "what the prompt gives, or the user said")
            earlier = sentence
            for match in _LONG.finditer(unnamed):
                if match[1].lower() not in self.facts.words | self.user_words and self.facts.name:
                    self._add("invented_number", line, f"{match[0]!r} in: {sentence}", "a time that the prompt gives")
        if agreed := self.prices.agreed_wrong(index):
            self._add("wrong_price", line, f"yes to {agreed[0].text!r} in: {agreed[1]}", "the price of what is named")

    def _given_otherwise(self, heard: Heard, sentence: str) -> bool:
        """Whether what may be an amount is a time, a count or digits that the prompt or the user gives."""
        if heard.text.startswith("$") or re.search(r"dollar|cent|buck", heard.text) or TOTAL.search(sentence):
            return False
        if self.prices.is_price_alone(sentence):
            return any(kind == DIGITS and self._is_known(kind, value) for kind, value in heard.readings)
        return any(kind != MONEY and self._is_known(kind, value) for kind, value in heard.readings if kind != NUMBER)

    def _given(self, heard: Heard) -> bool:
        """Whether the prompt or the user has it, in one of its readings."""
        return any(self._is_known(kind, value) for kind, value in heard.readings)

    def _is_known(self, kind: str, value: int | str) -> bool:
        if kind == CLOCK:
            known = self.facts.clocks | self.user_clocks
            return in_slot(int(value), self.facts.slots) or any(same_time(int(value), own) for own in known)
        if kind == DIGITS:
            return str(value) in self.facts.digits or str(value) in self.user_digits
        hours = {clock // 60 for clock in self.user_clocks}  # "four o'clock?" - "four it is"
        return kind == NUMBER and (value in {0, 1} | hours or value in self.facts.numbers or value in self.user_numbers)

    def _counts_item(self, heard: Heard, sentence: str) -> bool:
        """Whether a small number stands before an item: "two large lattes"; the total says whether it is right."""
        after = " ".join(sentence[heard.end :].split()[:3])
        return any(1 <= n <= 12 for n in heard.values(NUMBER)) and bool(self.facts.named(after))

    def _is_count(self, heard: Heard) -> bool:
        dollars = {money // 100 for money in self.facts.money if money % 100 == 0}
        dozen = {12} if "dozen" in self.user_words else set()
        return any(value in dollars | dozen for value in heard.values(NUMBER))

    # -- names, hours, discounts -------------------------------------------------------------------------------------

    def _check_names(self, line: ScriptLine) -> None:
        own = vocabulary(self.facts.name) | _ALWAYS
        for match in _OWN_NAME.finditer(line.text):
            if self.facts.name and _plain(match[1]) not in own:
                self._add("wrong_name", line, line.text, f"the agent's name, {self.facts.name}")
        days = DAYS if self.facts.hours.open_days | self.facts.hours.closed_days else ()  # which: the hours' checks
        for match in _CAPITAL.finditer(line.text):
            word = _plain(match[1])
            given = word.removesuffix("s") in days
            if word not in _ALWAYS and word not in self.facts.words and word not in self.user_words and not given:
                self._add(
                    "invented_name", line, f"{match[1]!r} in: {line.text}", "names that the prompt or the user gives"
                )

    def _check_hours(self, index: int, line: ScriptLine) -> None:
        asked = self._before(index)
        agreed = bool(asked) and agrees(line.text) and line.kind != "backchannel"
        for number, sentence in enumerate(SENTENCE.split(line.text)):
            claim = Claim(as_answer(sentence, asked), asked, agreed and number == 0)
            for found, expected in wrong_times(claim, self.facts):
                self._add("invented_time", line, f"{found!r} in: {sentence}", expected)

    def _check_comparisons(self, index: int, line: ScriptLine) -> None:
        asked = self._before(index)
        for number, sentence in enumerate(SENTENCE.split(line.text)):
            if wrong_comparison(sentence, number == 0, asked, self.facts):
                self._add("wrong_price", line, sentence, "what the prompt's prices say, held against each other")

    def _check_discounts(self, index: int, line: ScriptLine) -> None:
        said = [li.text for li in self.script.lines[max(0, index - _TALK) : index + 1]]
        for what, sentence in invented_discounts(SENTENCE.split(line.text), " ".join(said), self.facts):
            self._add("invented_discount", line, f"{what}, in: {sentence}", "a discount that the prompt gives")

    # -- goods -------------------------------------------------------------------------------------------------------

    def _check_known_goods(self, line: ScriptLine) -> None:
        """What the domain sells somewhere, or the prompt calls sold out."""
        for sentence in SENTENCE.split(line.text):
            if refuses(sentence) or "tomorrow" in sentence.lower():
                continue
            for item, _, _ in mentions(sentence, self.offers | self.facts.sold_out | set(self.facts.offers)):
                if item in self.facts.sold_out:
                    self._add("sold_out", line, f"{item!r} in: {sentence}", "no sale of what is sold out")
                elif item not in self.facts.offers and not mentions(self.facts.text, [item]):
                    self._add("off_menu", line, f"{item!r} in: {sentence}", "an item of the prompt")

    def _check_goods(self, index: int, line: ScriptLine) -> None:
        """Whatever is named where goods are named."""
        if not self.facts.offers:
            return
        for sentence in SENTENCE.split(line.text):
            if not refuses(sentence):
                for phrase in sold_by_agent(sentence):
                    self._refuse_unknown(line, phrase, sentence)
        asked = self._before(index)
        if asked and agrees(line.text) and line.kind != "backchannel":
            for sentence in SENTENCE.split(asked)[-2:]:
                if not refuses(sentence):
                    for phrase, _ in wanted_by_user(sentence):
                        if not self._refused_later(index, phrase):
                            self._refuse_unknown(line, phrase, f"{asked} - {line.text}")

    def _refused_later(self, index: int, phrase: Phrase) -> bool:
        """Whether the agent takes back its "sure"."""
        later = [line.text for line in self.script.lines[index + 1 :] if line.role == self.agent]
        return any(refuses(text) and set(phrase.words[-1:]) & vocabulary(text) for text in later)

    def _refuse_unknown(self, line: ScriptLine, phrase: Phrase, sentence: str) -> None:
        sizes = frozenset(size for sizes in self.facts.offers.values() for size in sizes)
        head = vocabulary(" ".join(phrase.words[-1:]))
        sold = {word for item in self.facts.offers for word in vocabulary(item)}
        if any(phrase.text in gone or (head & vocabulary(gone) and not head & sold) for gone in self.facts.sold_out):
            self._add("sold_out", line, f"{phrase.text!r} in: {sentence}", "no sale of what is sold out")
        elif not is_given(phrase, self.facts, sizes):
            self._add("off_menu", line, f"{phrase.text!r} in: {sentence}", "goods that the prompt gives")
