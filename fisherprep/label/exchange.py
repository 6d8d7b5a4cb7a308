"""What is asked about a call, step by step: a pure function of the call and of the replies that are there.

The first request holds the instruction and the call. An answer that is not valid is followed by a request that quotes
it and says what is wrong; a request that exceeds the model's context by one with fewer turns. So the exchange about a
call can be taken up at any point from the cache, and comes out the same whoever follows it: the process that asks, or
a worker that only reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fisherprep.label.answer import RESPONSE_FORMAT, Answer, parse_answer
from fisherprep.label.instruction import INSTRUCTION, build_request
from fisherprep.llm.cache import TOO_LONG, Reply
from fisherprep.llm.request import TEMPLATE_TOKENS, Pending, estimate_tokens, pending
from fisherprep.llm.settings import Plan

OK, NO_TURNS, INVALID_ANSWER = "ok", "no_turns", "invalid_answer"
"""Status of a call whose exchange has ended: answered; nothing was said; no answer was valid. The others are those of
failed replies (`fisherprep.llm.cache`)."""

_QUOTED_CHARS = 1500
_CORRECTION_TOKENS = 700
"""An invalid answer of that many characters, quoted, with what is wrong with it."""
_SMALLEST_TRANSCRIPT_TOKENS = 100
_SHRINKS = 3
_SHRINK = 0.7
"""A request that is too long is tried so many times with that share of its transcript."""


@lru_cache(maxsize=8)
def budget_tokens(plan: Plan) -> int:
    """What the messages of a first request may take, so that a correction still fits.

    Raises:
        ValueError: nothing is left for a transcript.
    """
    budget = plan.context_length - plan.max_tokens - TEMPLATE_TOKENS - _CORRECTION_TOKENS
    least = estimate_tokens(INSTRUCTION) + _SMALLEST_TRANSCRIPT_TOKENS
    if budget < least:
        raise ValueError(
            f"a context of {plan.context_length} tokens less {plan.max_tokens} for the answer leaves no room for a "
            f"transcript; expected at least {plan.context_length - budget + least}: give a larger "
            "--context-length or a smaller --max-tokens"
        )
    return budget


@dataclass(frozen=True)
class Settled:
    """An exchange that has ended."""

    status: str
    answer: Answer | None = None
    key: str | None = None
    """of the last request"""
    detail: str = ""
    """why there is no answer"""
    replies: tuple[Reply, ...] = ()

    @property
    def asked_again(self) -> int:
        """Requests beyond the first."""
        return max(0, len(self.replies) - 1)


class Exchange:
    """The exchange about one call.

    Args:
        call: the conversations row.
        turns: its turns rows, in order.
        plan: whom to ask, and how.
    """

    def __init__(self, call: Mapping[str, Any], turns: Sequence[Mapping[str, Any]], plan: Plan) -> None:
        self.call, self.turns, self.plan = call, turns, plan
        self._first: dict[int, Pending] = {}
        """the request before any correction, by the budget of its messages"""

    def step(self, replies: Mapping[str, Reply]) -> Pending | Settled:
        """Where the exchange stands, given the replies that are there by request key."""
        if not any(turn["words"] for turn in self.turns):
            return Settled(NO_TURNS, detail="no turn of the call has words")
        budget, invalid, shrinks = budget_tokens(self.plan), 0, 0
        correction: list[dict[str, str]] = []
        used: list[Reply] = []
        while True:
            try:
                request = self._request(budget, correction)
            except ValueError as err:
                return Settled(TOO_LONG, detail=str(err), replies=tuple(used))
            key = request.key
            reply = replies.get(key)
            if reply is None:
                return request
            used.append(reply)
            if reply.failure == TOO_LONG and shrinks < _SHRINKS:
                shrinks += 1
                budget = _shrunk(self._first[budget].body["messages"])
                continue
            if reply.failure:
                return Settled(reply.failure, None, key, reply.detail, tuple(used))
            try:
                return Settled(OK, parse_answer(reply.text), key, replies=tuple(used))
            except ValueError as err:
                problem = self._problem(reply, err)
            if invalid == self.plan.retries:
                return Settled(INVALID_ANSWER, None, key, problem, tuple(used))
            invalid += 1
            correction = _correction(reply.text, problem, invalid)

    def _request(self, budget: int, correction: list[dict[str, str]]) -> Pending:
        if budget not in self._first:
            messages = build_request(self.call, self.turns, budget, estimate_tokens)
            self._first[budget] = pending(self.plan, messages, RESPONSE_FORMAT)
        first = self._first[budget]
        return pending(self.plan, first.body["messages"] + correction, RESPONSE_FORMAT) if correction else first

    def _problem(self, reply: Reply, err: ValueError) -> str:
        return f"the answer was cut off after {self.plan.max_tokens} tokens; {err}" if reply.cut_off else str(err)


def _shrunk(messages: list[dict[str, str]]) -> int:
    """A budget for the same call with less of its transcript."""
    system, user = (estimate_tokens(message["content"]) for message in messages)
    return system + math.floor(user * _SHRINK)


def _correction(text: str, problem: str, nth: int) -> list[dict[str, str]]:
    """The model's invalid answer and what is wrong with it, as messages. The number keeps each request a new one."""
    quoted = text[:_QUOTED_CHARS].strip() or "(nothing)"
    told = f"That cannot be used: {problem}. Answer again, with the JSON object only. (Correction {nth}.)"
    return [{"role": "assistant", "content": quoted}, {"role": "user", "content": told}]
