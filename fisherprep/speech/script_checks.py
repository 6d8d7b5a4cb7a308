"""What is checked of every dialogue, whoever wrote it: against its prompt's own text.

- Totals are what the prompt's prices add up to; nothing is sold that the prompt does not offer, or calls sold out.
- The agent says no amount, number, time or name that its prompt does not give. What the user said may be repeated, and
  amounts may be sums of prices of what was mentioned, or the change from what was paid.
- The sides take turns as two people do, at a length that fits.

A prompt without prices, or not in the service form, leaves some of that unknown: this is counted, and not held against
the dialogue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fisherprep.speech.heard import NUMBER, all_values
from fisherprep.speech.prompt_facts import prompt_facts
from fisherprep.speech.script_claims import Claims, Violation, short
from fisherprep.speech.script_sums import OrderLine
from fisherprep.speech.scripts import Script

MIN_LINES, MAX_LINES = 2, 80
MAX_WORDS = 90
"""Words of one line: about half a minute of speech."""
MAX_TURNS_IN_A_ROW = 3


@dataclass
class Report:
    """Of one dialogue."""

    violations: list[Violation] = field(default_factory=list)
    unchecked: Counter[str] = field(default_factory=Counter)


class Checker:
    """Checks the dialogues of one domain.

    Args:
        roles: the agent's and the user's.
        offers: names of what is sold in the domain at all, in lower case: naming one that the prompt does not have is
            selling off the menu.
        sizes: the domain's names of sizes.
    """

    def __init__(self, roles: tuple[str, str], offers: frozenset[str], sizes: frozenset[str] = frozenset()) -> None:
        self._agent = roles[0]
        self._offers = offers
        self._sizes = sizes

    def check(
        self, script: Script, prompts: Sequence[str], orders: Mapping[int, tuple[OrderLine, ...]] | None = None
    ) -> Report:
        """Check a dialogue under each of its prompts.

        Args:
            script: its lines.
            prompts: all prompts that it will be trained with.
            orders: index of a line that says a total -> what had been ordered by then, where that is known.
        """
        report = Report(_form(script))
        seen = []
        for prompt in prompts:
            run = Claims(script, prompt_facts(prompt, self._sizes), self._agent, self._offers, orders or {})
            report.violations += [v for v in run.violations() if v not in report.violations]
            seen.append(run.facts)
        if not any(facts.offers for facts in seen):
            report.unchecked["dialogues whose prompt has no prices: totals not checked"] += 1
        if not any(facts.name for facts in seen):
            report.unchecked["dialogues without a service prompt: the agent's name not checked"] += 1
        return report

    def unsaid(self, script: Script, order: Sequence[OrderLine]) -> list[Violation]:
        """What is said to be paid for in the end, and is not what the dialogue's lines name; nothing where the prompt
        has no prices."""
        facts = prompt_facts(script.prompt, self._sizes)
        texts = [line.text for line in script.lines]
        named = Counter(item for text in texts for item, _, _ in facts.named(text))
        numbers = all_values(texts, NUMBER)
        found = []
        for line in order if facts.offers else ():
            many = line.count > max(2, named[line.item.lower()]) and line.count not in numbers
            if many or not all(named[item.lower()] for item in (line.item, *line.extras)):
                expected = "an order of what the turns name, as often as they say"
                found.append(Violation("wrong_order", 0, short(f"order: {line}"), expected, "write what is ordered"))
        return found


def _form(script: Script) -> list[Violation]:
    """Alternation and length."""
    found = []
    if not MIN_LINES <= len(script.lines) <= MAX_LINES:
        expected = f"{MIN_LINES} to {MAX_LINES} lines"
        found.append(Violation("length", 0, f"{len(script.lines)} lines", expected, "write a dialogue of that length"))
    in_a_row, holder = 0, ""
    for line in script.lines:
        if len(line.words) > MAX_WORDS:
            found.append(
                Violation("length", line.number, f"{len(line.words)} words", f"at most {MAX_WORDS}", "split the line")
            )
        if line.kind in ("backchannel", "interruption") and holder in ("", line.role):
            expected = f"a line of the other side before this {line.kind}"
            found.append(Violation("turn_order", line.number, short(line.text), expected, "reorder the lines"))
        if line.kind == "backchannel":
            continue
        in_a_row, holder = in_a_row + 1 if line.role == holder else 1, line.role
        if in_a_row > MAX_TURNS_IN_A_ROW:
            expected = f"at most {MAX_TURNS_IN_A_ROW} turns of a side in a row"
            found.append(Violation("turn_order", line.number, short(line.text), expected, "join them into one turn"))
    return found
