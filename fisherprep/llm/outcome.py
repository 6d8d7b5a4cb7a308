"""What a server's response to one try amounts to: a reply, or a reason to try again."""

from __future__ import annotations

import math
import re

import httpx

from fisherprep.llm.body import error_message, read_completion
from fisherprep.llm.cache import REFUSED, TOO_LONG, Reply
from fisherprep.llm.endpoint import KEY_VARIABLES, Endpoint
from fisherprep.llm.settings import Limits

_TOO_LONG = re.compile(
    r"context.?(length|window)|maximum (model |input )?length|max_model_len|too (long|many tokens)", re.I
)


class Busy(Exception):
    def __init__(self, wait_s: float | None) -> None:
        self.wait_s = wait_s


class Failed(Exception):
    """This try came to nothing. ``lost``: so will every other at this server; ``unheard``: nobody listens there."""

    def __init__(self, why: str, lost: bool = False, unheard: bool = False) -> None:
        super().__init__(why)
        self.lost = lost
        self.unheard = unheard


def completed(body: bytes, at: Endpoint) -> Reply:
    """The reply in a chat completion.

    Raises:
        Failed: it is none.
    """
    try:
        return read_completion(body)
    except ValueError as err:
        raise Failed(f"a reply that is no chat completion: {at.plain(body[:400].decode('utf-8', 'replace'))}") from err


def refusal(response: httpx.Response, body: bytes, at: Endpoint, limits: Limits) -> Reply:
    """A reply to a rejected request.

    Raises:
        Busy, Failed: the request was not rejected; the server could not take it.
    """
    status, said = response.status_code, at.plain(error_message(body))
    if status == 429:
        raise Busy(_retry_after_s(response, limits))
    if status in (401, 403):
        raise Failed(f"the key was not accepted ({status}); give it in {' or '.join(KEY_VARIABLES)}", lost=True)
    if status == 404:
        raise Failed(f"not found (404): {said}", lost=True)
    if not 400 <= status < 500 or status == 408:
        raise Failed(f"status {status}: {said}")
    too_long = status == 413 or _TOO_LONG.search(said) is not None
    return Reply(failure=TOO_LONG if too_long else REFUSED, detail=f"status {status}: {said}")


def _retry_after_s(response: httpx.Response, limits: Limits) -> float | None:
    """Seconds of the Retry-After header, within reason; None where it gives no number (a date is not heeded)."""
    try:
        wait_s = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return min(max(wait_s, limits.first_wait_s), 10 * limits.longest_wait_s) if math.isfinite(wait_s) else None
