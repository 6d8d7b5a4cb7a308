"""What a user chooses about asking a model: what is asked, and what is put up with in asking."""

from __future__ import annotations

from dataclasses import dataclass

STARTUP_TIMEOUT_S = 1800.0
"""Seconds until a server that is started has to be ready: a large model may have to be downloaded first."""


@dataclass(frozen=True)
class Plan:
    """Who is asked and how; with a call it determines every request."""

    model: str
    temperature: float = 0.3
    top_p: float = 0.95
    max_tokens: int = 4096
    """of an answer, thinking included: an output that does not end ends there"""
    seed: int = 0
    reasoning_effort: str | None = None
    context_length: int = 16_384
    """tokens that the server takes: request and answer"""
    retries: int = 2
    """further requests after an answer that is not valid"""


@dataclass(frozen=True)
class Limits:
    """What a client puts up with."""

    concurrency: int = 64
    """requests in flight per server"""
    timeout_s: float = 600.0
    """from sending a request to the end of its reply"""
    tries: int = 4
    """of one request, not counting those that a busy server put off"""
    busy_tries: int = 100
    """of one request at busy servers"""
    busy_s: float = 600.0
    """that a server puts off (429) whatever is sent there until it is given up; or `timeout_s` where that is longer:
    for so long a reply may be under way"""
    failures: int = 8
    """of a server in a row until it is given up"""
    refusals: int = 20
    """of a server in a row until it is given up: it takes no request as we write them"""
    unheard_s: float = 60.0
    """that nobody listens at a server until it is given up"""
    all_unheard_s: float = 8.0
    """the same where nobody listens at any server"""
    first_wait_s: float = 0.5
    """after a failure; twice that after the next, and so on up to `longest_wait_s`"""
    longest_wait_s: float = 30.0
    max_reply_bytes: int = 4 * 2**20

    def wait_s(self, nth: int) -> float:
        """Seconds to wait after the ``nth`` failure in a row, from 1."""
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(nth - 1, 20))
