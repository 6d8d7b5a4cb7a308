"""Short calls read by hand: statements that are true of a caller, and false ones, each with the turns cited for it.

``annotated/*.txt``: ``# topic`` opens a call; ``3b words`` is turn 3, side b; ``+ a 3,4 text`` a true statement about
side a citing turns 3 and 4 (``?`` at the end: it needs more than the turn's own words), ``- a 3 text`` a false one, in
later sets ``!`` one that nothing in the call speaks of.
``dev``, ``fresh`` and ``private`` (facts that identify) were looked at while rules were written, ``test`` after it had
been measured once; the others were each written by somebody who did not know the rules, and measured before they were
read.

``PYTHONPATH=. python tests/annotated_calls.py`` prints how many of each kind are judged wrongly; the last line is JSON.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from planted_facts import PlantedCall, Told, planted_calls

from fisherprep.label.answer import Fact, SideAnswer
from fisherprep.label.grounding.ground import ground

HALVES = ("dev", "test", "last", "fresh", "private", "unseen", "judge", "plain", "talk", "wide", "everyday")

_TURN = re.compile(r"(\d+)([ab]) (.+)")
_TOLD = re.compile(r"([+!-]) ([ab]) ([\d,]+) (.+?)( \?)?\s*")


_HOW = {"-": "false statement", "!": "invented"}


def annotated_calls(half: str) -> list[PlantedCall]:
    """The calls of one of `HALVES`."""
    text = (Path(__file__).parent / "annotated" / f"{half}.txt").read_text(encoding="utf-8")
    parts = re.split(r"(?m)^# (.*)\n", text)[1:]
    return [_call(topic, part) for topic, part in zip(parts[::2], parts[1::2], strict=True)]


def _call(topic: str, text: str) -> PlantedCall:
    call = PlantedCall([], [], topic)
    for line in text.splitlines():
        if turn := _TURN.fullmatch(line):
            assert int(turn[1]) == len(call.turns), line
            row = {"turn": len(call.turns), "side": turn[2], "text": turn[3], "words": turn[3].split(), "flags": []}
            call.turns.append(row)
        elif told := _TOLD.fullmatch(line):
            true = told[1] == "+"
            how = _HOW[told[1]] if not true else "true, paraphrased" if told[5] else "true"
            call.told.append(Told(told[2], told[4], tuple(map(int, told[3].split(","))), true, how))
        else:
            assert not line, line
    call.told.extend(list(_crossed(call)))
    return call


def _crossed(call: PlantedCall) -> Iterator[Told]:
    """True statements about one side told of the other: with the turns that prove them, and with the other's own."""
    sides = {turn["turn"]: turn["side"] for turn in call.turns}
    for told in [told for told in call.told if told.how == "true"]:
        other = "b" if told.side == "a" else "a"
        yield Told(other, told.text, told.turns, False, "other side's turn")
        near = [turn for turn in sides if sides[turn] == other and abs(turn - told.turns[-1]) == 1]
        if near:
            yield Told(other, told.text, (near[0],), False, "other side's fact, own turn")


def judged(calls: Iterable[PlantedCall]) -> tuple[Counter[str], Counter[str]]:
    """Statements made, and those judged wrongly, by how they were made."""
    made: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for call in calls:
        for told in call.told:
            fact = Fact(text=told.text, turns=told.turns)
            answer = SideAnswer(tone="casual", topic="pets", name=None, facts=(fact,))
            made[told.how] += 1
            wrong[told.how] += bool(ground(answer, told.side, call.turns, call.topic).facts) != told.true
    return made, wrong


def _print_measures() -> None:
    sets = {half: annotated_calls(half) for half in HALVES}
    sets |= {
        f"{family}, seed {seed}": planted_calls(family, 20, seed) for family, seed in (("tuned", 1), ("held out", 1))
    }
    measured = {}
    for name, calls in sets.items():
        made, wrong = judged(calls)
        measured[name] = {how: [wrong[how], made[how]] for how in sorted(made)}
        planted = [how for how in made if not how.startswith("true")]
        lost = ", ".join(f"{how} lost {wrong[how]} of {made[how]}" for how in sorted(set(made) - set(planted)))
        print(f"{name}: {lost}; planted kept {sum(wrong[h] for h in planted)} of {sum(made[h] for h in planted)}")
    print(json.dumps(measured))


if __name__ == "__main__":
    _print_measures()
