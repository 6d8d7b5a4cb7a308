"""Where a server is, the key it wants, and what it says it serves."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

KEY_VARIABLES = ("FISHERPREP_API_KEY", "OPENAI_API_KEY")
_DETAIL_CHARS = 300


def base_url(url: str) -> str:
    """A server's address up to ``/v1``, as in ``http://127.0.0.1:8000/v1``.

    Raises:
        ValueError: it is no plain http(s) address.
    """
    parts = urlsplit(url.strip())
    try:
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no server's address; expected one like http://127.0.0.1:8000")
    if parts.username or parts.password:
        raise ValueError(
            f"the address of {parts.hostname} holds a password; give the key in the environment ({KEY_VARIABLES[0]})"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else path + '/v1'}"


def api_key() -> str | None:
    """The key for servers that want one, from the environment only."""
    return next((key for name in KEY_VARIABLES if (key := os.environ.get(name, "").strip())), None)


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
        }

    def plain(self, text: str) -> str:
        """What the server said as one short line without control characters and without the key."""
        if self.key:
            text = text.replace(self.key, "***")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= _DETAIL_CHARS else line[:_DETAIL_CHARS] + "..."

    def said(self, err: Exception) -> str:
        """A network error in one line."""
        return self.plain(f"{type(err).__name__}: {err}".rstrip(": "))


def served_models(endpoint: Endpoint, timeout_s: float = 20.0) -> dict[str, int | None]:
    """The models that a server says it serves, each with its context length in tokens where it says so (vLLM does).

    Raises:
        ValueError: nobody answers there, or not as an OpenAI-compatible server does.
    """
    url = endpoint.url
    try:
        with httpx.Client(**endpoint.http_options(timeout_s)) as http:
            response = http.get(f"{url}/models")
    except (httpx.HTTPError, httpx.InvalidURL) as err:
        raise ValueError(
            f"{url}: no server answers there ({endpoint.said(err)}); is it running, and is this its address?"
        ) from err
    if response.status_code in (401, 403):
        raise ValueError(f"{url}: asks for a key ({response.status_code}); give it in {' or '.join(KEY_VARIABLES)}")
    try:
        models = response.raise_for_status().json()["data"]
        found = {model["id"]: model.get("max_model_len") for model in models}
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise ValueError(
            f"{url}/models: not the reply of an OpenAI-compatible server "
            f"(status {response.status_code}: {endpoint.plain(response.text)}); is this its address?"
        ) from err
    return {name: length if isinstance(length, int) else None for name, length in found.items()}
