"""What the agent of a dialogue claims, held against its prompt: totals, prices, times, numbers, names, items."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fisherprep.speech.heard import CLOCK, DIGITS, MONEY, NUMBER, Heard, all_values, hear
from fisherprep.speech.prompt_facts import PromptFacts, mentions, vocabulary
from fisherprep.speech.script_sums import OrderLine, candidate_sums, order_cents
from fisherprep.speech.scripts import Script, ScriptLine

_TOTAL = re.compile(
    r"\b(?:total|altogether|all together|together|comes? to|that'll be|that will be|makes it|brings it)\b",
    re.IGNORECASE,
)
_CHANGE = re.compile(r"\b(?:change|back|owe|left|rest|difference)\b", re.IGNORECASE)
_PRICED = re.compile(r"\b(?:is|are|costs?|for)\b|'s\b|'re\b", re.IGNORECASE)
_NOT_SOLD = re.compile(
    r"n't\b|\b(?:no|not|never|none|nothing|sorry|afraid|unfortunately|out of|sold out|gone|ran out|without|instead|"
    r"cannot|anymore|tomorrow|nuts? in)\b",
    re.IGNORECASE,
)
_OWN_NAME = re.compile(r"\b(?:[Tt]his is|[Mm]y name is|[Mm]y name's|I'm|I am|[Yy]ou're speaking with)\s+([A-Z][a-z]+)")
_CAPITAL = re.compile(r"(?<![.?!:]\s)(?<!^)(?<![\w'])([A-Z][\w]*(?:['-][A-Za-z]+)*)")
_ALWAYS = frozenset({"i", "i'm", "i'll", "i've", "i'd", "ok", "okay", "oh", "mr", "mrs", "ms", "dr", "tv", "pm", "am"})
_WANTED = re.compile(
    r"\b(?:(?:can|could|may) (?:i|we) (?:get|have|order)|i(?:'d| would) like|i'll (?:have|take|get)|i want|give me)\s+"
    r"(?:an?|one|two|three|some)\s+((?:[a-z'-]+\s?){1,4})",
    re.IGNORECASE,
)
_NOT_IN_A_NAME = frozenset(
    {"please", "to", "with", "and", "or", "for", "if", "that", "too", "also", "as", "well", "then", "instead", "thanks"}
    | {"thank", "from", "in", "on", "at", "my", "but", "the", "now"}
)
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?!\d)")


def says_total(text: str) -> bool:
    """Whether a line says what something comes to."""
    return any(_TOTAL.search(s) and any(h.values(MONEY) for h in hear(s)) for s in _SENTENCE.split(text))


@dataclass(frozen=True)
class Violation:
    """Why a dialogue is dropped. ``line``: of the script, from 1; 0 for the whole."""

    reason: str
    line: int
    found: str
    expected: str
    fix: str


def short(text: str) -> str:
    """A text as it fits into a message."""
    return text if len(text) <= 160 else text[:157] + "..."


@dataclass
class Claims:
    """One dialogue under one prompt."""

    script: Script
    facts: PromptFacts
    agent: str
    offers: frozenset[str]
    orders: Mapping[int, tuple[OrderLine, ...]]

    def __post_init__(self) -> None:
        users = [line.text for line in self.script.lines if line.role != self.agent]
        self.user_money = all_values(users, MONEY)
        self.user_clocks = all_values(users, CLOCK)
        self.user_numbers = all_values(users, NUMBER)
        self.user_digits = {str(v) for u in users for h in hear(u) for k, v in h.readings if k == DIGITS}
        self.user_words = vocabulary(" ".join(users))
        self.found: list[Violation] = []

    def violations(self) -> list[Violation]:
        for index, line in enumerate(self.script.lines):
            if line.role == self.agent:
                self._check_order(index, line)
                self._check_numbers(index, line)
                self._check_names(line)
                self._check_items(index, line)
        return self.found

    def _add(self, reason: str, line: ScriptLine, found: str, expected: str, fix: str = "") -> None:
        fix = fix or "take it from the prompt, or write it there"
        self.found.append(Violation(reason, line.number, short(found), short(expected), fix))

    # -- totals --------------------------------------------------------------------------------------------------

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

    def _sums(self, index: int) -> set[int]:
        """What the amounts of a line may come to."""
        if not self.facts.offers:
            return set()
        texts = [li.text for li in self.script.lines[: index + 1]]
        sums = candidate_sums(texts, self.facts)
        if isinstance(ordered := order_cents(self.orders.get(index, ()), self.facts), int):
            sums.add(ordered)
        return sums | {s - d for s in sums for d in self.facts.discounts if s > d}

    def _check_numbers(self, index: int, line: ScriptLine) -> None:
        sums: set[int] | None = None
        for sentence in _SENTENCE.split(line.text):
            unnamed = sentence.replace(self.facts.company, "us") if self.facts.company else sentence
            for heard in hear(unnamed):  # "Two Rivers Coffee" counts nothing
                if not self._is_price_of_it(heard, unnamed):
                    self._add("wrong_price", line, f"{heard.text!r} in: {sentence}", "the price of what is named")
                    continue
                if self._given(heard, sentence):
                    continue
                if heard.values(MONEY):
                    sums = self._sums(index) if sums is None else sums
                    if not self._adds_up(heard, sentence, sums):
                        self._refuse_amount(line, heard, sentence)
                elif not self._is_change_or_count(index, heard):
                    kind = "invented_time" if heard.values(CLOCK) else "invented_number"
                    self._add(kind, line, f"{heard.text!r} in: {sentence}", "what the prompt gives, or the user said")

    def _is_price_of_it(self, heard: Heard, sentence: str) -> bool:
        """False where a sentence names one item and one amount, which is not the item's ("the scone is two ten")."""
        cents = heard.values(MONEY)
        is_time = any(self._same_time(minutes) for minutes in heard.values(CLOCK))
        if not cents or is_time or _TOTAL.search(sentence) or _CHANGE.search(sentence):
            return True
        named = {item for item, _, _ in mentions(sentence, self.facts.offers)}
        amounts = [other for other in hear(sentence) if other.values(MONEY)]
        if len(named) != 1 or len(amounts) != 1 or not _PRICED.search(sentence):
            return True
        counts = {1, *all_values([sentence], NUMBER)} - {0}
        return any(c == price * n for c in cents for price in self.facts.offers[min(named)].values() for n in counts)

    def _given(self, heard: Heard, sentence: str) -> bool:
        """Whether the prompt or the user has it, in one of its readings."""
        facts = self.facts
        if _TOTAL.search(sentence) and heard.values(MONEY) and facts.offers:
            return False  # a total has to add up, even where the amount is somebody's price
        return any(
            (kind == MONEY and (value in facts.money or value in self.user_money))
            or (kind == CLOCK and self._same_time(int(value)))
            or (kind == NUMBER and (value in (0, 1) or value in facts.numbers or value in self.user_numbers))
            or (kind == DIGITS and (str(value) in facts.digits or value in self.user_digits))
            for kind, value in heard.readings
        )

    def _same_time(self, minutes: int) -> bool:
        """A time without its half of the day fits either."""
        known = self.facts.clocks | self.user_clocks
        return minutes in known or (minutes < 720 and minutes + 720 in known)

    def _adds_up(self, heard: Heard, sentence: str, sums: set[int]) -> bool:
        if not self.facts.offers:
            return False
        paid = self.user_money | {100 * n for n in self.user_numbers if n <= 500} | self.facts.discounts
        return any(
            value in sums or (_CHANGE.search(sentence) and any(p - value in sums for p in paid))
            for value in heard.values(MONEY)
        )

    def _refuse_amount(self, line: ScriptLine, heard: Heard, sentence: str) -> None:
        if _TOTAL.search(sentence):
            expected = "a sum of the prompt's prices for what was mentioned"
            self._add("wrong_total", line, f"{heard.text!r} in: {sentence}", expected, "add up the prompt's prices")
        elif heard.values(CLOCK) and not heard.values(NUMBER):
            self._add("invented_time", line, f"{heard.text!r} in: {sentence}", "a time of the prompt")
        else:
            self._add("wrong_price", line, f"{heard.text!r} in: {sentence}", "a price of the prompt, or a sum of such")

    def _is_change_or_count(self, index: int, heard: Heard) -> bool:
        counts = {line.count for order in self.orders.values() for line in order}
        dollars = {money // 100 for money in self.facts.money if money % 100 == 0}
        return any(value in counts or value in dollars for value in heard.values(NUMBER))

    # -- names and items -----------------------------------------------------------------------------------------

    def _check_names(self, line: ScriptLine) -> None:
        own = {part.lower() for part in self.facts.name.split()}
        for match in _OWN_NAME.finditer(line.text):
            if own and match[1].lower() not in own:
                self._add("wrong_name", line, line.text, f"the agent's name, {self.facts.name}")
        for match in _CAPITAL.finditer(line.text):
            word = match[1].lower().removesuffix("'s")
            if word not in _ALWAYS and word not in self.facts.words and word not in self.user_words:
                self._add(
                    "invented_name", line, f"{match[1]!r} in: {line.text}", "names that the prompt or the user gives"
                )

    def _check_items(self, index: int, line: ScriptLine) -> None:
        if not self.facts.name:  # nothing is sold outside of a service prompt
            return
        for sentence in _SENTENCE.split(line.text):
            if _NOT_SOLD.search(sentence):
                continue
            for item, _, _ in mentions(sentence, self.offers | self.facts.sold_out | set(self.facts.offers)):
                if item in self.facts.sold_out:
                    self._add("sold_out", line, f"{item!r} in: {sentence}", "no sale of what is sold out")
                elif item not in self.facts.offers and not mentions(self.facts.text, [item]):
                    self._add("off_menu", line, f"{item!r} in: {sentence}", "an item of the prompt")
            if not _NOT_SOLD.search(line.text):
                self._check_wanted(index, line, sentence)

    def _check_wanted(self, index: int, line: ScriptLine, sentence: str) -> None:
        """Something that the user asks for, the prompt does not know, and the agent repeats as if it were sold."""
        before = next((li for li in reversed(self.script.lines[:index]) if li.role != self.agent), None)
        for match in _WANTED.finditer(before.text if before and self.facts.offers else ""):
            words: list[str] = []
            for word in match[1].lower().split():
                if word == "of":  # "a slice of banana bread": the bread is what is wanted
                    words = []
                    continue
                if word in _NOT_IN_A_NAME:
                    break
                words.append(word.strip("'-"))
            thing = words[-1] if words else ""
            if (
                len(thing) > 3
                and thing not in self.facts.words
                and re.search(rf"\b{re.escape(thing)}", sentence.lower())
            ):
                self._add("off_menu", line, f"{' '.join(words)!r} in: {sentence}", "an item of the prompt")
