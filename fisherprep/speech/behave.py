"""What people do beside taking turns: backchannels, interruptions and long pauses, put into a grammar's lines."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from fisherprep.domain import Behaviours
from fisherprep.speech.grammar_run import SaidLine

LONG_TURN_WORDS = 9
"""A turn of so many words leaves room for the other side inside it."""
_SHORTEST_PAUSED_WORDS = 4
BACKCHANNELS = ("Mm-hm.", "Okay.", "Uh-huh.", "Right.", "Sure.", "Yeah.", "Oh, okay.", "Got it.", "Mhm.", "Oh, nice.")
HESITATIONS = ("Um, let me see.", "Uh, let me think.", "Hmm.", "Um, one second.", "Uh, so.", "Well, um.", "Let's see.")


def behave(
    lines: Sequence[SaidLine], shares: Behaviours, rng: random.Random, phrase: Callable[[str], str | None]
) -> list[SaidLine]:
    """The lines with behaviours drawn at the given shares.

    Args:
        lines: a dialogue's lines.
        shares: how often.
        rng: the source of chance.
        phrase: the domain's own text for the rule ``backchannel`` or ``hesitation``; None where it has none.
    """
    done: list[SaidLine] = []
    for index, line in enumerate(lines):
        after = done[-1] if done else None
        plain = line.role == "user" and line.kind == "turn" and after is not None and after.role != line.role
        may_interrupt = plain and len(done) > 1 and after is not None and after.kind == "turn" and _long(after)
        if may_interrupt and rng.random() < shares.interruption:
            line = replace(line, kind="interruption")
        elif plain and _words(line) >= _SHORTEST_PAUSED_WORDS and rng.random() < shares.long_pause:
            done.append(SaidLine("user", "turn", phrase("hesitation") or rng.choice(HESITATIONS)))
            line = replace(line, kind="pause")
        done.append(line)
        follows = lines[index + 1] if index + 1 < len(lines) else None
        if _may_be_acknowledged(line, follows) and rng.random() < shares.backchannel:
            other = "agent" if line.role == "user" else "user"
            said = phrase("backchannel") or rng.choice(BACKCHANNELS)
            done.append(SaidLine(other, "backchannel", said))
    return done


def _may_be_acknowledged(line: SaidLine, follows: SaidLine | None) -> bool:
    """A question wants an answer, not a "mm-hm"."""
    statement = line.kind == "turn" and "?" not in line.text
    return statement and _long(line) and (follows is None or follows.kind in ("turn", "pause"))


def _long(line: SaidLine) -> bool:
    return _words(line) >= LONG_TURN_WORDS


def _words(line: SaidLine) -> int:
    return len(line.text.split())
