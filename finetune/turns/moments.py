"""Where in a call a listener has something to decide: the user's turn ends, pauses, runs long, or cuts in.

The four situations are those of Full-Duplex-Bench (Lin et al. 2025, arXiv 2503.04721), which has recordings made for
each; here they are found in held-out calls, where the other person's own behaviour can be scored beside the model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from finetune.turns.heard import Span

KINDS = ("turn", "pause", "backchannel", "interruption")

LONG_TURN_S = 1.0
"""Speech that is a turn and not a backchannel lasts at least so long (Full-Duplex-Bench, turn_duration_threshold)."""
REPLY_S = 3.0
"""How long after the user's turn a reply is waited for; the user says nothing in it."""
SOON_S = 2.0
"""The other person answered within so long of the user's end, else it was no end of a turn."""
EARLY_S = 0.3
"""... and began at most so much before it."""
PAUSES_S = (0.4, 2.0)
"""Silence within a turn that counts as a pause."""
LONG_STRETCH_S = 6.0
"""A stretch of the user's speech that invites backchannels lasts so long, its pauses at most ``PAUSES_S[1]``."""
LEAD_S = 4.0
"""The model is free at most so long before the moment: it may come in early, as it may when used."""


@dataclass(frozen=True)
class Moment:
    """One of ``KINDS``. ``free_s``: from when on the model speaks for itself; the rest depends on the kind.

    turn: begin_s = end_s, where the user's turn ends. pause: the silence. backchannel: the user's long stretch.
    interruption: what the user says into the agent's turn. ``until_s``: where listening stops.
    """

    kind: str
    free_s: float
    begin_s: float
    end_s: float
    until_s: float


def find_moments(agent: tuple[Span, ...], user: tuple[Span, ...], duration_s: float) -> Iterator[Moment]:
    """The moments of a call, given both sides' stretches of speech, in no particular order."""
    for number, (start_s, end_s) in enumerate(user):
        following_s = user[number + 1][0] if number + 1 < len(user) else duration_s
        if end_s + REPLY_S > duration_s:
            continue
        if _is_turn_end((start_s, end_s), following_s, agent):
            silent_s = max((b for _, b in agent if b < end_s - EARLY_S), default=0.0)
            yield Moment("turn", max(start_s, end_s - LEAD_S, silent_s), end_s, end_s, end_s + REPLY_S)
        if _is_pause((start_s, end_s), following_s, agent) and following_s + LONG_TURN_S <= duration_s:
            yield Moment("pause", max(start_s, end_s - LEAD_S), end_s, following_s, following_s + LONG_TURN_S)
        if _is_interruption((start_s, end_s), following_s, agent):
            yield Moment("interruption", start_s, start_s, end_s, end_s + REPLY_S)
    for start_s, end_s in _long_stretches(agent, user):
        yield Moment("backchannel", start_s, start_s, end_s, end_s)


def _speech_s(spans: tuple[Span, ...], begin_s: float, end_s: float) -> float:
    return sum(max(0.0, min(b, end_s) - max(a, begin_s)) for a, b in spans)


def _is_turn_end(turn: Span, following_s: float, agent: tuple[Span, ...]) -> bool:
    """The user has the floor, ends, and the other person soon speaks at length while the user keeps silent."""
    start_s, end_s = turn
    if end_s - start_s < LONG_TURN_S or following_s < end_s + REPLY_S:
        return False
    if _speech_s(agent, end_s - LONG_TURN_S, end_s - EARLY_S) > 0:
        return False
    answers = [(a, b) for a, b in agent if end_s - EARLY_S <= a <= end_s + SOON_S]
    return bool(answers) and answers[0][1] - answers[0][0] >= LONG_TURN_S


def _is_pause(turn: Span, following_s: float, agent: tuple[Span, ...]) -> bool:
    """The user stops, goes on, and the other person has said nothing from before to after."""
    start_s, end_s = turn
    shortest_s, longest_s = PAUSES_S
    lasts = shortest_s <= following_s - end_s <= longest_s
    return lasts and end_s - start_s >= LONG_TURN_S and _speech_s(agent, start_s, following_s + LONG_TURN_S) == 0


def _is_interruption(turn: Span, following_s: float, agent: tuple[Span, ...]) -> bool:
    """The user comes in while the other person has been speaking for a while, and gets the floor."""
    start_s, end_s = turn
    if end_s - start_s < LONG_TURN_S or following_s < end_s + REPLY_S:
        return False
    return any(a + LONG_TURN_S <= start_s < b - PAUSES_S[0] / 2 and b <= end_s for a, b in agent)


def _long_stretches(agent: tuple[Span, ...], user: tuple[Span, ...]) -> Iterator[Span]:
    """The user's stretches, pauses in them, in which the other person says only short things, at least one."""
    whole: list[Span] = []
    for start_s, end_s in user:
        near = whole and start_s - whole[-1][1] <= PAUSES_S[1]
        taken = near and any(whole[-1][0] < b and a < end_s and b - a >= LONG_TURN_S for a, b in agent)
        if near and not taken:
            whole[-1] = (whole[-1][0], end_s)
        else:
            whole.append((start_s, end_s))
    for start_s, end_s in whole:
        said = [(a, b) for a, b in agent if a < end_s and b > start_s]
        if end_s - start_s >= LONG_STRETCH_S and said and all(b - a < LONG_TURN_S for a, b in said):
            yield start_s, end_s
