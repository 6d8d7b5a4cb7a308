"""Where a server is, the key it wants, and what it says it serves."""

from __future__ import annotations

import json
import os
import re
import ssl
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from fisherprep.llm.body import Body, short

KEY_VARIABLES = ("FISHERPREP_API_KEY", "OPENAI_API_KEY")
_DETAIL_CHARS = 300
_LIST_BYTES = 4 * 2**20
"""More than any list of models has."""


def base_url(url: str) -> str:
    """A server's address up to ``/v1``, as in ``http://127.0.0.1:8000/v1``.

    Raises:
        ValueError: it is no plain http(s) address.
    """
    shown = _without_password(url.strip())
    try:
        parts = urlsplit(url.strip())
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment:
        raise ValueError(f"{shown!r} is no server's address; expected one like http://127.0.0.1:8000")
    if "@" in parts.netloc:
        raise ValueError(
            f"the address of {parts.hostname} holds a password; give the key in the environment ({KEY_VARIABLES[0]})"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else path + '/v1'}"


def _without_password(url: str) -> str:
    """An address to show: what precedes its last ``@`` may hold a password, and so may a query."""
    scheme = re.match(r"\w+://", url)
    if "@" in url:
        url = (scheme.group() if scheme else "") + "***@" + url.rpartition("@")[2]
    return short(re.sub(r"[?#].*", "?***", url, flags=re.S))


def api_key() -> str | None:
    """The key for servers that want one, from the environment only.

    Raises:
        ValueError: it cannot be sent: it holds something other than printable ASCII characters.
    """
    for name in KEY_VARIABLES:
        if key := os.environ.get(name, "").strip():
            if not (key.isascii() and key.isprintable()):
                raise ValueError(
                    f"{name}: holds characters that no key has; expected printable ASCII only: copy the key anew"
                )
            return key
    return None


@dataclass(frozen=True)
class Endpoint:
    """A server's address up to ``/v1`` and the key it wants, which is never shown."""

    url: str
    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> Endpoint:
        """A server named by a user, with the key of the environment.

        Raises:
            ValueError: the address is none.
        """
        return cls(base_url(url), api_key())

    def http_options(self, timeout_s: float) -> dict[str, Any]:
        """Options of an httpx client: the key, the time limits, no proxy to this machine."""
        authorization = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return {
            "headers": {"accept-encoding": "identity"} | authorization,
            "trust_env": urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1"),
            "timeout": httpx.Timeout(timeout_s, connect=min(20.0, timeout_s)),
            "verify": _trusted(),
        }

    def plain(self, text: str) -> str:
        """What the server said as one short line without control characters and without the key."""
        if self.key:
            text = text.replace(self.key, "***")
        return short(text, _DETAIL_CHARS)

    def said(self, err: Exception) -> str:
        """A network error in one line."""
        return self.plain(f"{type(err).__name__}: {err}".rstrip(": "))


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted; reading them takes longer than many a request."""
    return httpx.create_ssl_context()


def served_models(endpoint: Endpoint, timeout_s: float = 20.0) -> dict[str, int | None]:
    """The models that a server says it serves, each with its context length in tokens where it says so (vLLM does).

    Raises:
        ValueError: nobody answers there, or not as an OpenAI-compatible server does.
    """
    url = endpoint.url
    try:
        status, body = _read(f"{url}/models", endpoint, timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL) as err:
        raise ValueError(
            f"{url}: no server answers there ({endpoint.said(err)}); is it running, and is this its address?"
        ) from err
    if status in (401, 403):
        raise ValueError(f"{url}: asks for a key ({status}); give it in {' or '.join(KEY_VARIABLES)}")
    try:
        if status != 200:
            raise ValueError("not what a list of models comes with")
        return dict(_model(model) for model in json.loads(body)["data"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        said = endpoint.plain(body[:4000].decode("utf-8", "replace"))
        raise ValueError(
            f"{url}/models: not the reply of an OpenAI-compatible server (status {status}: {said}); "
            "is this its address?"
        ) from err


def _read(url: str, endpoint: Endpoint, timeout_s: float) -> tuple[int, bytes]:
    """Status and body, of which no more is read than a list of models can have, and for no longer than that.

    Raises:
        ValueError: it is longer, takes longer, or cannot be unpacked.
    """
    ends = time.monotonic() + timeout_s
    with httpx.Client(**endpoint.http_options(timeout_s)) as http, http.stream("GET", url) as response:
        try:
            body = Body(response, _LIST_BYTES)
            for part in response.iter_raw():
                body.add(part)
                if time.monotonic() > ends:
                    raise ValueError(f"a reply that has not ended after {timeout_s:g} s")
        except ValueError as err:
            raise ValueError(
                f"{url}: not the reply of an OpenAI-compatible server ({err}); is this its address?"
            ) from err
    return response.status_code, bytes(body.content)


def _model(entry: Any) -> tuple[str, int | None]:
    """Name and context length of an entry in a list of models.

    Raises:
        TypeError, KeyError, AttributeError: it is none.
    """
    name, length = entry["id"], entry.get("max_model_len")
    if not isinstance(name, str) or not name.strip():
        raise TypeError("a model's id is no text")
    sound = type(length) is int and 0 < length < 2**31
    return name, length if sound else None
