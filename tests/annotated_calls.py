"""Short calls read by hand: statements that are true of a caller, and false ones, each with the turns cited for it.

``annotated/*.txt``: ``# topic`` opens a call; ``3b words`` is turn 3, side b; ``+ a 3,4 text`` a true statement about
side a citing turns 3 and 4 (``?`` at the end: it needs more than the turn's own words), ``- a 3 text`` a false one.
``dev`` was looked at while the rules were written; ``test`` was measured before and read then; ``last`` came last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from planted_facts import PlantedCall, Told

_TURN = re.compile(r"(\d+)([ab]) (.+)")
_TOLD = re.compile(r"([+-]) ([ab]) ([\d,]+) (.+?)( \?)?\s*")


def annotated_calls(half: str) -> list[PlantedCall]:
    """The calls of ``dev``, ``test`` or ``last``."""
    text = (Path(__file__).parent / "annotated" / f"{half}.txt").read_text(encoding="utf-8")
    return [_call(part) for part in re.split(r"(?m)^# .*\n", text)[1:]]


def _call(text: str) -> PlantedCall:
    call = PlantedCall([], [])
    for line in text.splitlines():
        if turn := _TURN.fullmatch(line):
            assert int(turn[1]) == len(call.turns), line
            row = {"turn": len(call.turns), "side": turn[2], "text": turn[3], "words": turn[3].split(), "flags": []}
            call.turns.append(row)
        elif told := _TOLD.fullmatch(line):
            true = told[1] == "+"
            how = "false statement" if not true else "true, paraphrased" if told[5] else "true"
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
