"""An OpenAI-compatible server that does as a script says: a real HTTP server on loopback, for tests and benchmarks.

In a test, ``with FakeServer(script) as server``: ``script(body, nth)`` gets each request's JSON and its number, and
returns an `Act`. As a program (``python tests/fake_openai.py --latency-ms 200``) it prints its address and answers
every request soundly until it is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MODEL = "fake-model"


@dataclass
class Act:
    """What the server does with one request."""

    text: str | None = None
    """content of the completion; None: null"""
    status: int = 200
    body: bytes | None = None
    """sent in place of a completion"""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False
    """close the connection without a word"""
    cut: int | None = None
    """send so many bytes of the reply, then close the connection"""
    endless: bool = False
    """send without end, until the client leaves"""
    finish: str = "stop"
    message: dict[str, Any] = field(default_factory=dict)
    """further fields of the message"""


Script = Callable[[dict[str, Any], int], Act]


def error(status: int, message: str, **headers: str) -> Act:
    """A refusal in the form that vLLM gives it."""
    body = json.dumps({"error": {"message": message, "type": "Error", "code": status}}).encode()
    return Act(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def turns_of(body: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Number, side and words of the turns that a request shows."""
    shown = body["messages"][1]["content"]
    return [(int(n), side.lower(), words) for n, side, words in re.findall(r"(?m)^(\d+) ([AB]): (.*)$", shown)]


def sound_answer(body: dict[str, Any], nth: int = 0) -> str:
    """A valid answer about the call: a fact for each side, quoting its longest turn."""
    answer = {}
    for side in "ab":
        said = [(words, n) for n, s, words in turns_of(body) if s == side]
        words, n = max(said, key=lambda turn: len(turn[0])) if said else ("", 0)
        facts = [{"turns": [n], "text": f"You say that {words[:60]}."}] if said else []
        answer[side] = {"tone": "casual", "topic": "small talk", "name": None, "facts": facts}
    return json.dumps(answer)


def sound(body: dict[str, Any], nth: int) -> Act:
    """The script of a server without faults."""
    return Act(sound_answer(body, nth))


class FakeServer:
    """A server on a free loopback port, in a thread of its own; gone when the context ends."""

    def __init__(self, script: Script = sound, models: dict[str, int | None] | None = None, key: str | None = None):
        self.script = script
        self.models = {MODEL: 32_768} if models is None else models
        self.key = key
        self.list: Act | None = None
        """what is sent in place of the list of models"""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[tuple[float, float]] = []
        """of each completed reply: when its request had arrived, when it was sent"""
        self.most_in_flight = 0
        self.url = ""
        self._in_flight = 0
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> FakeServer:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def die(self) -> None:
        """Close the port and every connection, as a killed server does."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2**24)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        self._tasks.discard(task)
        writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; False when the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines if line)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            return await self._send(writer, error(401, "who are you?"), b"")
        if "/v1/models" in first:
            models = [{"id": name, "max_model_len": length} for name, length in self.models.items()]
            return await self._send(writer, self.list or Act(), json.dumps({"data": models}).encode())
        if "/v1/chat/completions" not in first:
            return await self._send(writer, error(404, "no such path"), b"")
        return await self._complete(writer, json.loads(content), headers)

    async def _complete(self, writer: asyncio.StreamWriter, body: dict[str, Any], headers: dict[str, str]) -> bool:
        arrived = time.monotonic()
        nth = len(self.requests)
        self.requests.append(body)
        self.headers.append(headers)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            act = self.script(body, nth)
            await asyncio.sleep(act.delay_s)
            if act.drop:
                return False
            going_on = await self._send(writer, act, completion(act, body))
            self.times.append((arrived, time.monotonic()))
            return going_on
        finally:
            self._in_flight -= 1

    async def _send(self, writer: asyncio.StreamWriter, act: Act, default: bytes) -> bool:
        body = default if act.body is None else act.body
        headers = {"content-type": "application/json", "content-length": str(len(body))} | act.headers
        if act.endless:
            headers["content-length"] = str(2**40)
        lines = [f"HTTP/1.1 {act.status} Said", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + body[: act.cut])
        await writer.drain()
        while act.endless:
            writer.write(b" " * 65536)
            await writer.drain()
            await asyncio.sleep(0.001)
        return act.cut is None


def completion(act: Act, body: dict[str, Any]) -> bytes:
    """A chat completion as vLLM words it."""
    message = {"role": "assistant", "content": act.text} | act.message
    usage = {"prompt_tokens": len(json.dumps(body["messages"])) // 4, "completion_tokens": len(act.text or "") // 4}
    choice = {"index": 0, "message": message, "finish_reason": act.finish}
    return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def main() -> None:
    """Serve until the end of standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-ms", type=float, default=200.0)
    options = parser.parse_args()

    def script(body: dict[str, Any], nth: int) -> Act:
        return Act(sound_answer(body, nth), delay_s=options.latency_ms / 1000)

    with FakeServer(script) as server:
        print(server.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while input() != "end":
                print(json.dumps(server.times), flush=True)
                server.times.clear()


if __name__ == "__main__":
    main()
