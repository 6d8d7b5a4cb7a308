"""An asynchronous client of one or several OpenAI-compatible servers (vLLM, as a rule) that share the load.

What may go wrong with a request, and what is done about it:

- Busy (429): nothing is sent there for as long as ``Retry-After`` says, or ever longer; then ask again. A server that
  puts off all that is sent there for `Limits.busy_s` is given up.
- Failed (5xx, a dropped connection, a timeout, a reply that is no chat completion): ask again, ever later, up to
  `Limits.tries` times, and at another server where there is one.
- Nobody listens: ask again every second or two, or ask another; it says nothing of the request. A server may be
  restarting: it is given up after `Limits.unheard_s`, or after `Limits.all_unheard_s` where no other one listens.
- Not let in (401, 403) or not the model's server (404): the server is given up at once.
- Rejected (other 4xx): a reply that says so; asking again would change nothing. A server that rejects one request
  after another is given up: it does not know an option that all of them have.

A server that fails twice in a row rests, ever longer; after `Limits.failures` failures in a row, with no success
between, it is given up and the others go on. When none is left, `AllServersLost` says why for each of them.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx

from fisherprep.llm.body import Body
from fisherprep.llm.cache import NO_ANSWER, REFUSED, Reply
from fisherprep.llm.endpoint import Endpoint
from fisherprep.llm.notes import note
from fisherprep.llm.outcome import Busy, Failed, completed, refusal
from fisherprep.llm.settings import Limits

if importlib.util.find_spec("sniffio") is None:
    # httpcore looks for it at every request, which costs a third of the client's time where it is not installed; a
    # module that is None is known to be missing.
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

_PER_CLIENT = 8
"""Requests in flight per httpx client."""
_TIMERS_ARE_EARLY_S = 0.001
"""An event loop calls back up to its clock's resolution too early."""
_LISTEN_AGAIN_S = 2.0
"""At most so long until a server at which nobody listened is tried again."""


class AllServersLost(RuntimeError):
    """No server is left to ask."""


@dataclass(eq=False)
class _Server:
    at: Endpoint
    clients: list[httpx.AsyncClient]
    free: list[httpx.AsyncClient]
    """a place for each further request that may be in flight; the last one was used last, so its connection is open"""
    in_flight: int = 0
    failures: int = 0
    refusals: int = 0
    last_failed: float = -1.0
    unheard_since: float | None = None
    busy_since: float | None = None
    told_busy: bool = False
    resting_until: float = 0.0
    lost: str | None = None

    def take(self) -> _Place:
        """One of the free places."""
        self.in_flight += 1
        return self, self.free.pop()


_Place = tuple[_Server, httpx.AsyncClient]


@dataclass
class Traffic:
    """What went over the wire, for progress and the summary of a run."""

    requests: int = 0
    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    put_off: int = 0
    failed: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    """servers given up, and why"""


class ServerPool:
    """Sends requests to the server with the fewest in flight. Use as an async context manager.

    Args:
        endpoints: the servers.
        limits: what is put up with.
        show: shows, until something else is to be shown, that a server is busy, and when it is asked again.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], limits: Limits, show: Callable[[str], None] = lambda said: None
    ) -> None:
        self.limits, self._show = limits, show
        self.traffic = Traffic()
        self._servers = [self._server(at) for at in dict.fromkeys(endpoints)]
        self._waiting: dict[asyncio.Future[_Place | None], list[_Server]] = {}
        """who waits for a place, in the order of coming, and at which servers"""

    @property
    def slots(self) -> int:
        """Requests that can be in flight at once, over all servers."""
        return self.limits.concurrency * len(self._servers)

    def _server(self, at: Endpoint) -> _Server:
        # An httpx client looks through all its connections at each request, so each has a few only. A server may close
        # an idle connection just as we send; vLLM's does so after 5 s.
        kept = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=3.0)
        options = at.http_options(self.limits.timeout_s)
        sizes = [_PER_CLIENT] * (self.limits.concurrency // _PER_CLIENT)
        if rest := self.limits.concurrency % _PER_CLIENT:
            sizes.append(rest)
        clients = [httpx.AsyncClient(limits=kept, **options) for _ in sizes]
        return _Server(at, clients, [http for http, size in zip(clients, sizes, strict=True) for _ in range(size)])

    async def __aenter__(self) -> ServerPool:
        return self

    async def __aexit__(self, kind: type | None, err: BaseException | None, trace: TracebackType | None) -> None:
        for server in self._servers:
            if server.lost is None and server.unheard_since is not None:
                self._give_up(server, "nobody listened there any more")
            for http in server.clients:
                await http.aclose()

    async def ask(self, body: dict[str, Any]) -> Reply:
        """The reply to a chat completion request; a failure of this request alone is a reply too.

        Raises:
            AllServersLost: no server is left.
        """
        content = json.dumps(body).encode()
        failed = put_off = 0
        failed_at: Counter[_Server] = Counter()
        while True:
            server, http = await self._acquire(failed_at)
            began = asyncio.get_running_loop().time()
            try:
                reply = await self._send(server.at, http, content)
                self._count_reply(server, reply)
                return reply
            except Busy as busy:
                put_off += 1
                self._count_busy(server, busy.wait_s or self.limits.wait_s(put_off))
                if put_off == self.limits.busy_tries or all(other.lost for other in self._servers):
                    return Reply(failure=NO_ANSWER, detail=f"{server.at.url}: busy (429) {put_off} times in a row")
                continue
            except Failed as err:
                self._count_failure(server, began, err)
                failed_at[server] += 1
                failed += not (err.unheard or err.lost)
                if failed == self.limits.tries:
                    return Reply(failure=NO_ANSWER, detail=f"{server.at.url}: {err}")
            finally:
                self._release(server, http)
            await asyncio.sleep(self.limits.wait_s(failed) if failed else 0)

    async def _acquire(self, failed_at: Counter[_Server]) -> _Place:
        """A place at the server with the fewest requests in flight; waits while all are full or rest.

        Of several servers only those count at which this request failed least often, so that one that fails cannot use
        up the tries of a request which another would answer. Each waiter has a future of its own and no lock is held
        while waiting, so that cancelling every task at once (all servers are lost, Ctrl-C) leaves nothing behind that
        another would wait for.
        """
        while True:
            alive = [server for server in self._servers if server.lost is None]
            if not alive:
                raise AllServersLost("; ".join(f"{server.at.url}: {server.lost}" for server in self._servers))
            fewest = min(failed_at[server] for server in alive)
            fit = [server for server in alive if failed_at[server] == fewest]
            now = asyncio.get_running_loop().time()
            free = [server for server in fit if server.free and server.resting_until <= now]
            if free:
                return min(free, key=lambda server: server.in_flight).take()
            if place := await self._offered(fit):
                return place

    async def _offered(self, fit: list[_Server]) -> _Place | None:
        """The next place that is freed at one of these servers; None to look again, since a server was lost."""
        waiter: asyncio.Future[_Place | None] = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = fit
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (place := waiter.result()):
                self._release(*place)  # the place that this one was given is another's
            raise
        finally:
            del self._waiting[waiter]

    def _release(self, server: _Server, http: httpx.AsyncClient) -> None:
        server.in_flight -= 1
        server.free.append(http)
        self._hand_out(server)

    def _hand_out(self, server: _Server) -> None:
        """Give the free places of a server to those that have waited longest for one there."""
        if server.lost is not None or server.resting_until > asyncio.get_running_loop().time():
            return
        for waiter, fit in self._waiting.items():
            if not server.free:
                return
            if server in fit and not waiter.done():
                waiter.set_result(server.take())

    def _rest(self, server: _Server, wait_s: float) -> None:
        """Send nothing there for so long."""
        loop = asyncio.get_running_loop()
        server.resting_until = max(server.resting_until, loop.time() + wait_s)
        loop.call_at(server.resting_until + _TIMERS_ARE_EARLY_S, self._hand_out, server)

    def _count_busy(self, server: _Server, wait_s: float) -> None:
        """One more request that a server puts off: leave it alone and say so, or give it up."""
        self.traffic.put_off += 1
        now = asyncio.get_running_loop().time()
        server.busy_since = now if server.busy_since is None else server.busy_since
        busy_s, patience_s = now - server.busy_since, max(self.limits.busy_s, self.limits.timeout_s)
        if busy_s >= patience_s:
            self._give_up(server, f"busy (429): for {busy_s:.0f} s it has put off every request")
            return
        self._rest(server, min(wait_s, patience_s - busy_s))
        wait_s = server.resting_until - now
        self._show(
            f"a server is busy (429), next try at {time.strftime('%H:%M:%S', time.localtime(time.time() + wait_s))}"
        )
        if not server.told_busy:
            server.told_busy = True
            note(
                f"{server.at.url}: busy (429); asked again in {wait_s:.1f} s, and given up if it puts off every "
                f"request for {patience_s:.0f} s"
            )

    def _count_failure(self, server: _Server, began: float, err: Failed) -> None:
        """One more failure of a server. Requests that were in flight together fail together: that counts once."""
        self.traffic.failed += 1
        if err.unheard:
            self._count_unheard(server, err)
            return
        server.unheard_since = None
        if began > server.last_failed:
            server.failures += 1
            server.last_failed = asyncio.get_running_loop().time()
            if server.failures > 1:
                self._rest(server, self.limits.wait_s(server.failures - 1))
        if server.lost is None and (err.lost or server.failures >= self.limits.failures):
            again = "" if err.lost else f" ({server.failures} failures in a row)"
            self._give_up(server, f"{err}{again}")

    def _count_unheard(self, server: _Server, err: Failed) -> None:
        """Nobody listened: look again soon, since a server that comes back says so by listening."""
        now = asyncio.get_running_loop().time()
        server.unheard_since = now if server.unheard_since is None else server.unheard_since
        self._rest(server, min(_LISTEN_AGAIN_S, max(self.limits.first_wait_s, now - server.unheard_since)))
        alive = [other for other in self._servers if other.lost is None]
        alone = all(other.unheard_since is not None for other in alive)
        patience_s = self.limits.all_unheard_s if alone else self.limits.unheard_s
        for other in alive if alone else [server]:
            if other.unheard_since is not None and now - other.unheard_since >= patience_s:
                self._give_up(other, f"{err} (nobody has listened there for {now - other.unheard_since:.0f} s)")

    def _give_up(self, server: _Server, why: str) -> None:
        if server.lost is None:
            server.lost = self.traffic.lost[server.at.url] = why
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _count_reply(self, server: _Server, reply: Reply) -> None:
        server.failures = 0
        server.unheard_since = server.busy_since = None
        server.refusals = server.refusals + 1 if reply.failure == REFUSED else 0
        if server.refusals >= self.limits.refusals:
            self._give_up(server, f"rejects every request: {reply.detail}")
        self.traffic.answers += not reply.failure
        self.traffic.tokens_in += reply.tokens_in
        self.traffic.tokens_out += reply.tokens_out

    async def _send(self, at: Endpoint, http: httpx.AsyncClient, content: bytes) -> Reply:
        """One try.

        Raises:
            Busy, Failed: it came to nothing.
        """
        self.traffic.requests += 1
        headers = {"content-type": "application/json"}
        url = f"{at.url}/chat/completions"
        try:
            async with (
                asyncio.timeout(self.limits.timeout_s),
                http.stream("POST", url, content=content, headers=headers) as response,
            ):
                reply = Body(response, self.limits.max_reply_bytes)
                async for part in response.aiter_raw():
                    reply.add(part)
        except TimeoutError as err:
            raise Failed(f"no reply within {self.limits.timeout_s:g} s (--timeout)") from err
        except (httpx.ConnectError, httpx.ConnectTimeout) as err:
            raise Failed(at.said(err), unheard=True) from err
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as err:
            raise Failed(at.said(err)) from err
        except ValueError as err:
            raise Failed(at.plain(str(err))) from err
        if response.status_code == 200:
            return completed(bytes(reply.content), at)
        return refusal(response, bytes(reply.content), at, self.limits)
