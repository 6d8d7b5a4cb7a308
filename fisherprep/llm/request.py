"""A chat completion request: its body, the key of its reply, and about how many tokens a text takes in it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from fisherprep.llm.settings import Plan
from fisherprep.workfolder import fingerprint

TEMPLATE_TOKENS = 160
"""What a server's chat template adds around the messages (about 100 with gpt-oss)."""
_PIECE = re.compile(r"[a-zA-Z]{1,6}|[^\s]|\n")


@dataclass(frozen=True)
class Pending:
    """The next request to send, and the key to file its reply under."""

    key: str
    body: dict[str, Any]


def pending(plan: Plan, messages: list[dict[str, str]], response_format: dict[str, Any]) -> Pending:
    """A request of a plan. The key is the hash of the whole body: whatever differs in anything is another request."""
    sampling = asdict(plan)
    del sampling["context_length"], sampling["retries"]  # they shape the messages, and are not sent
    if plan.reasoning_effort is None:
        del sampling["reasoning_effort"]
    body = {**sampling, "messages": messages, "response_format": response_format}
    return Pending(fingerprint(body), body)


def json_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The ``response_format`` that binds an answer to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


def estimate_tokens(text: str) -> int:
    """Tokens of a text for a model whose tokenizer is not at hand: rather too many than too few.

    Six letters, a digit, a mark or a line's end are a token each; a letter beyond ASCII is one for each of its bytes.
    """
    return len(_PIECE.findall(text)) + (0 if text.isascii() else len(text.encode("utf-8", "replace")) - len(text))
