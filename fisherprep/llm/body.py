"""What servers send: read within limits, and taken apart without trust."""

from __future__ import annotations

import json
import zlib
from typing import Any

import httpx

from fisherprep.llm.cache import Reply

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_SHOWN_CHARS = 120
_NO_SUCH_COUNT = 2**31


class Body:
    """A reply's content as its raw parts come, unpacked, up to a limit: a few compressed bytes can hold gigabytes.

    Raises:
        ValueError: it is packed in a way that was not asked for, and that is not gzip or deflate.
    """

    def __init__(self, response: httpx.Response, limit: int) -> None:
        encoding = response.headers.get("content-encoding", "").strip().lower() or "identity"
        if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
            raise ValueError(f"a reply packed as {short(encoding, 20)}; expected it as it is")
        self.content = bytearray()
        self.limit = limit
        self._unpack = None if encoding == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)

    def add(self, part: bytes) -> None:
        """Append the next raw part.

        Raises:
            ValueError: the content exceeds the limit, or cannot be unpacked.
        """
        if self._unpack is not None:
            try:
                part = self._unpack.decompress(part, self.limit + 1 - len(self.content))
            except zlib.error as err:
                raise ValueError(f"a reply that cannot be unpacked ({err})") from err
        self.content += part
        if len(self.content) > self.limit:
            raise ValueError(f"a reply of more than {self.limit:,} bytes")


def read_completion(body: bytes) -> Reply:
    """The text and the usage in a chat completion.

    Raises:
        ValueError: it is none.
    """
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        text = _text(choice["message"].get("content"))
        usage = completion.get("usage") or {}
        tokens_in, tokens_out = (_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as err:
        raise ValueError("no chat completion") from err
    return Reply(text, "", "", tokens_in, tokens_out, choice.get("finish_reason") == "length")


def _text(content: Any) -> str:
    """The text of a message's content: a string, or a list of parts, of which those that are text count.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part["type"] in ("text", "output_text"))
    if content is not None and not isinstance(content, str):
        raise TypeError(f"content is {type(content).__name__}")
    return content or ""  # null: the whole answer was thinking


def _count(tokens: Any) -> int:
    """A number of tokens as a server reports it, 0 where it reports none.

    Raises:
        ValueError: no request has so many, or it is no number.
    """
    if tokens is None:
        return 0
    if isinstance(tokens, float) and tokens.is_integer():
        tokens = int(tokens)
    if not isinstance(tokens, int) or not 0 <= tokens < _NO_SUCH_COUNT:
        raise ValueError("a number of tokens that cannot be")
    return tokens


def error_message(body: bytes) -> str:
    """The message in an error as OpenAI-compatible servers word it; else the body."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return body.decode("utf-8", "replace")


def short(text: str, chars: int = _SHOWN_CHARS) -> str:
    """A text of a user or a server as one line that is not too long for a message."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= chars else line[:chars] + "..."
