#!/usr/bin/env python3
"""How fast a domain's dialogues are drafted, how much they repeat, and what the checks find.

Each dialogue is first checked by its text alone, as a script of unknown source is: what is found then is a false alarm.
Then one claim of the agent is changed at a time (a total, another amount, a time, a number, its name, the shop's name,
a sale of something that is not on the menu), and the dialogue is checked again. A change may be right by coincidence,
when it hits another price or another sum.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fisherprep.domain import Domain
from fisherprep.manifest import load_manifest
from fisherprep.speech.dialogues import domain_of, plan_dialogues
from fisherprep.speech.drafting import Drafter
from fisherprep.speech.heard import CLOCK, MONEY, NUMBER, Heard, hear
from fisherprep.speech.planned import Dialogue
from fisherprep.speech.script_checks import Checker
from fisherprep.speech.script_claims import says_total
from fisherprep.speech.scripts import Script, spoken_words
from fisherprep.speech.spoken import clock_written, money_said, number_words

Change = Callable[[str, Dialogue, random.Random], str | None]


def wrong_amount(total: bool) -> Change:
    """Another amount, in lines that say a total or in lines that do not."""

    def change(text: str, dialogue: Dialogue, rng: random.Random) -> str | None:
        heard = [h for h in hear(text) if h.values(MONEY) and not h.values(CLOCK)]
        if not heard or says_total(text) != total:
            return None
        return _put(
            text, heard[-1], money_said(max(5, heard[-1].values(MONEY)[0] + rng.choice((-35, 10, 25, 100))), rng)
        )

    return change


def wrong_time(text: str, dialogue: Dialogue, rng: random.Random) -> str | None:
    """An hour or more off."""
    heard = [h for h in hear(text) if h.values(CLOCK) and not h.values(MONEY)]
    if not heard:
        return None
    return _put(text, heard[-1], clock_written((heard[-1].values(CLOCK)[0] + rng.choice((60, 90, 120))) % 1440))


def wrong_number(text: str, dialogue: Dialogue, rng: random.Random) -> str | None:
    """A count far off."""
    heard = [h for h in hear(text) if not h.values(MONEY) and any(n > 1 for n in h.values(NUMBER))]
    return _put(text, heard[-1], number_words(heard[-1].values(NUMBER)[0] + rng.choice((7, 11, 13)))) if heard else None


def wrong_name(place: int, other: str) -> Change:
    """Another name in place of the company's (0) or the agent's (1)."""

    def change(text: str, dialogue: Dialogue, rng: random.Random) -> str | None:
        own = dialogue.script.own_names
        return text.replace(own[place], other) if own and own[place] in text else None

    return change


def off_menu(offers: frozenset[str]) -> Change:
    """A sale of what other fact sheets of the domain sell."""

    def change(text: str, dialogue: Dialogue, rng: random.Random) -> str | None:
        others = [offer for offer in sorted(offers) if offer not in dialogue.script.prompt.lower()]
        return f"Sure, and {rng.choice(others)} for you. {text}" if others and dialogue.script.own_names else None

    return change


def _put(text: str, heard: Heard, said: str) -> str | None:
    changed = text[: heard.start] + said + text[heard.end :]
    return changed if changed != text else None


def planted(dialogue: Dialogue, change: Change, agent: str, rng: random.Random) -> Script | None:
    """The dialogue with the change in one of the agent's turns; None where none allows it."""
    lines = list(dialogue.script.lines)
    for index in rng.sample(range(len(lines)), len(lines)):
        line = lines[index]
        text = change(line.text, dialogue, rng) if line.role == agent and line.kind != "backchannel" else None
        if text:
            lines[index] = replace(line, text=text, words=spoken_words(text))
            return replace(dialogue.script, lines=tuple(lines))
    return None


def detection(dialogues: list[Dialogue], domain: Domain, checker: Checker, offers: frozenset[str]) -> dict[str, float]:
    """Share of the planted changes that are found, by kind."""
    changes: dict[str, Change] = {
        "total": wrong_amount(True), "amount": wrong_amount(False), "time": wrong_time, "number": wrong_number,
        "company": wrong_name(0, "Velvet Crow"), "agent_name": wrong_name(1, "Xander"), "off_menu": off_menu(offers),
    }  # fmt: skip
    rng, tried, found = random.Random(0), Counter[str](), Counter[str]()
    for dialogue in dialogues:
        for kind, change in changes.items():
            if script := planted(dialogue, change, domain.agent_role, rng):
                tried[kind] += 1
                found[kind] += bool(checker.check(script, dialogue.prompts).violations)
    for kind in tried:
        print(f"{kind}: {found[kind]} of {tried[kind]} found")
    return {kind: round(found[kind] / tried[kind], 3) for kind in tried}


def main() -> None:
    """Draft, check, change, check again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, default=Path(__file__).parent.parent / "manifests" / "coffee.yaml")
    parser.add_argument("--dialogues", type=int, default=200)
    arguments = parser.parse_args()
    manifest = load_manifest(arguments.manifest)
    domain = domain_of(manifest)
    began = time.perf_counter()
    planned = plan_dialogues(manifest, arguments.dialogues, domain.seed)
    seconds = time.perf_counter() - began
    offers, sizes = Drafter(manifest, domain).lexicon() if domain.grammar else (frozenset(), frozenset())
    checker = Checker((domain.agent_role, domain.user_role), offers, sizes)
    alarms = sum(bool(checker.check(d.script, d.prompts).violations) for d in planned.dialogues)
    drafted = [d for d in planned.dialogues if d.source == "grammar"] or planned.dialogues
    turns = [line.text for d in drafted for line in d.script.lines if line.kind != "backchannel"]
    texts = {tuple(line.text for line in d.script.lines) for d in drafted}
    print(f"{manifest.name}: {len(planned.dialogues)} dialogues, {len(planned.dropped)} drafts dropped")
    figures = {
        "dialogues_per_s": round(len(planned.dialogues) / seconds, 1),
        "distinct_dialogue_share": round(len(texts) / len(drafted), 3),
        "distinct_turn_share": round(len(set(turns)) / len(turns), 3),
        "dropped": len(planned.dropped),
        "false_alarms": alarms,
        "planted_found_share": detection(planned.dialogues, domain, checker, offers),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
