"""What the model must answer for a call, as a JSON schema for the server and as a model for what comes back.

The schema keeps to keywords that xgrammar compiles (type, enum, anyOf, properties, required, additionalProperties,
items, maxItems, minLength, maxLength, minimum). In each fact the turns come before the text, so that a model that
writes from left to right finds the proof first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator

from fisherprep.llm.json_answer import read_answer

TONES = (
    "casual", "empathetic", "reflective", "deep", "technical", "friendly", "humorous", "serious", "thoughtful",
    "lively", "curious", "nostalgic", "supportive", "critical", "skeptical", "passionate", "cautious", "practical",
)  # fmt: skip
"""Adjectives that fit "Have a TONE conversation". The first five are those of the published prompts (README.md and
moshi/moshi/offline.py of NVIDIA/personaplex); the others are this project's."""

MAX_FACTS = 10
MAX_FACT_CHARS = 160
MAX_FACT_TURNS = 6
UNKNOWN_TURN = -1
"""In place of what is no turn's number: no call has such a turn, so the fact that cites it proves nothing."""
MAX_TOPIC_CHARS = 100
MAX_NAME_CHARS = 30
MAX_ANSWER_CHARS = 200_000
"""A longer text is no answer; 20 facts of the longest kind take under 8,000."""
_SLACK = 4
"""An answer may exceed the schema's lengths by this factor, where a server did not enforce it; rules drop the rest."""

ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        side: {
            "type": "object",
            "properties": {
                "tone": {"type": "string", "enum": list(TONES)},
                "topic": {"type": "string", "minLength": 3, "maxLength": MAX_TOPIC_CHARS},
                "name": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}, {"type": "null"}]},
                "facts": {
                    "type": "array",
                    "maxItems": MAX_FACTS,
                    "items": {
                        "type": "object",
                        "properties": {
                            "turns": {
                                "type": "array",
                                "items": {"type": "integer", "minimum": 0},
                                "maxItems": MAX_FACT_TURNS,
                            },
                            "text": {"type": "string", "minLength": 5, "maxLength": MAX_FACT_CHARS},
                        },
                        "required": ["turns", "text"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["tone", "topic", "name", "facts"],
            "additionalProperties": False,
        }
        for side in ("a", "b")
    },
    "required": ["a", "b"],
    "additionalProperties": False,
}

RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "personas", "strict": True, "schema": ANSWER_SCHEMA},
}
"""The request's ``response_format``."""


def _plain(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _named(value: Any) -> Any:
    """Ways in which models write that there is no name."""
    return None if _plain(value) in ("", "null", "none", "unknown", "n/a") else value


def _turn(value: Any, read: Callable[[Any], int]) -> int:
    """A turn's number; what is none costs its fact, not the whole answer."""
    try:
        return read(value)
    except ValidationError:
        return UNKNOWN_TURN


def _cited(value: Any) -> list[Any]:
    """What a fact cites: nothing where it is no list; of one that is much too long, enough to tell that it is."""
    cited = value if isinstance(value, list | tuple) else []
    most = MAX_FACT_TURNS * _SLACK
    return [*cited] if len(cited) <= most else [*cited[:most], UNKNOWN_TURN]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


_Turn = Annotated[int, Field(ge=0, lt=2**31), WrapValidator(_turn)]


class Fact(_Part):
    """One statement in the second person, and the numbers of the turns that prove it (`turns.turn`)."""

    turns: Annotated[tuple[_Turn, ...], BeforeValidator(_cited)] = ()
    text: str = Field(max_length=MAX_FACT_CHARS * _SLACK)


class SideAnswer(_Part):
    """What the model says of one side as the agent."""

    tone: Annotated[Literal[TONES], BeforeValidator(_plain)]  # type: ignore[valid-type]
    topic: str = Field(min_length=1, max_length=MAX_TOPIC_CHARS * _SLACK)
    name: Annotated[Annotated[str, Field(max_length=MAX_NAME_CHARS * _SLACK)] | None, BeforeValidator(_named)] = None
    facts: tuple[Fact, ...] = Field(max_length=MAX_FACTS * _SLACK)


class Answer(_Part):
    """The whole answer: both sides of a call."""

    a: SideAnswer
    b: SideAnswer

    def side(self, side: str) -> SideAnswer:
        """The part of side ``a`` or ``b``."""
        return {"a": self.a, "b": self.b}[side]


def parse_answer(text: str) -> Answer:
    """The answer in a model's text, past thinking parts, channel marks, code fences and chatter around it.

    Raises:
        ValueError: there is no valid answer; the message says what is wrong in words that can go back to the model.
    """
    if len(text) > MAX_ANSWER_CHARS:
        raise ValueError(f"the answer has {len(text):,} characters; expected one JSON object of under 8,000")
    try:
        return read_answer(text, _read, frozenset("ab"))
    except ValueError as err:
        raise ValueError(
            f'{err}; expected one JSON object {{"a": {{...}}, "b": {{...}}}}, each with tone, topic, name and facts, '
            "and nothing else"
        ) from err


def _read(value: dict[str, Any]) -> Answer:
    try:
        return Answer.model_validate(value)
    except ValidationError as err:
        raise ValueError(_problems(err)) from err


def _problems(err: ValidationError) -> str:
    """The first errors, each with its place; nothing of the answer's own text."""
    found = [f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in err.errors()[:5]]
    more = f" (and {err.error_count() - 5} more)" if err.error_count() > 5 else ""
    return f"the answer does not fit the schema: {'; '.join(found)}{more}"
