"""The JSON object in a model's text, past thinking parts, channel marks, code fences and chatter around it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_MAX_STARTS = 40
"""Places at which a JSON object is looked for."""
_THINKING_END = re.compile(r"</(?:think|thinking|reasoning)>|<\|channel\|>\s*final\b[^<]{0,40}<\|message\|>", re.I)
_CHANNEL_LEFTOVER = re.compile(r"assistantfinal(?=\s*(?:```|\{|json))")
"""gpt-oss without a reasoning parser: special tokens are dropped and the names of role and channel run together."""
_THINKING = re.compile(r"<(?:think|thinking|reasoning)>", re.I)


def read_answer(text: str, read: Callable[[dict[str, Any]], T], keys: frozenset[str]) -> T:
    """What ``read`` makes of the first object of a text that it accepts.

    Args:
        text: a model's.
        read: takes an object, or raises a ValueError that says what is wrong with it.
        keys: of an answer; an object with none of them is no answer, and what is wrong with it does not matter.

    Raises:
        ValueError: there is none; the message says what is wrong in words that can go back to the model.
    """
    text = spoken_part(text)
    problem = "the answer holds no JSON object"
    decoder = json.JSONDecoder()
    at = text.find("{")
    for attempt in range(_MAX_STARTS):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as err:
            problem = problem if attempt else f"the answer is not valid JSON ({_short(err)})"
            at = text.find("{", at + 1)
            continue
        try:
            return read(value)
        except ValueError as err:
            if attempt == 0 or not keys.isdisjoint(value):  # else a part of a broken answer
                problem = str(err)
        at = text.find("{", end)
    raise ValueError(problem)


def spoken_part(text: str) -> str:
    """What follows the last mark that ends a model's thinking, up to thinking that does not end."""
    for mark in (_THINKING_END, _CHANNEL_LEFTOVER):
        ends = [match.end() for match in mark.finditer(text)]
        if ends:
            text = text[ends[-1] :]
    endless = _THINKING.search(text)
    return text[: endless.start()] if endless else text


def _short(err: Exception) -> str:
    return "nested too deeply" if isinstance(err, RecursionError) else str(err)[:120]
