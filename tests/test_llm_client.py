"""The client against a scripted server on loopback: what it bears, what it gives up, what it says."""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fake_openai import MODEL, Act, FakeServer, Script, error, sound_answer
from rich.console import Console
from rich.progress import Progress

from fisherprep.llm.body import Body
from fisherprep.llm.cache import Reply
from fisherprep.llm.client import AllServersLost, ServerPool, Traffic
from fisherprep.llm.endpoint import Endpoint, api_key, base_url, served_models
from fisherprep.llm.notes import note
from fisherprep.llm.settings import Limits

QUICK = Limits(concurrency=8, timeout_s=5.0, first_wait_s=0.01, longest_wait_s=0.05, all_unheard_s=0.3)
BODY = {"model": MODEL, "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "1 A: hello"}]}


USAGE = b'{"choices": [{"message": {"content": "{}"}}], "usage": {"prompt_tokens": %s}}'


def endpoint(server: FakeServer, key: str | None = None) -> Endpoint:
    return Endpoint(base_url(server.url), key)


def ask(script: Script, requests: int = 1, limits: Limits = QUICK) -> tuple[list[Reply], Traffic]:
    with FakeServer(script) as server:
        return ask_servers([endpoint(server)], requests, limits)


def ask_servers(endpoints: list[Endpoint], requests: int = 1, limits: Limits = QUICK) -> tuple[list[Reply], Traffic]:
    async def run() -> tuple[list[Reply], Traffic]:
        async with ServerPool(endpoints, limits) as pool:
            replies = await asyncio.gather(*(pool.ask({**BODY, "n": n}) for n in range(requests)))
            return list(replies), pool.traffic

    return asyncio.run(run())


def first(act: Act, times: int = 1) -> Script:
    """``act`` for the first requests, then sound answers."""
    return lambda body, nth: act if nth < times else Act("{}")


def test_text_usage_and_being_cut_off_come_through():
    (reply,), traffic = ask(lambda body, nth: Act("abcdefgh", finish="length"))
    assert reply == Reply("abcdefgh", tokens_in=reply.tokens_in, tokens_out=2, cut_off=True)
    assert reply.tokens_in > 0 and (traffic.answers, traffic.tokens_out) == (1, 2)


@pytest.mark.parametrize("thought", [None, "", "reasoning"])
def test_an_answer_that_is_all_thinking_is_an_empty_text(thought):
    (reply,), _ = ask(lambda body, nth: Act(None, message={"reasoning_content": thought}))
    assert reply.text == "" and not reply.failure


@pytest.mark.parametrize(
    "act",
    [
        error(500, "out of luck"),
        error(503, "loading"),
        Act(drop=True),
        Act("{}", cut=40),
        Act(body=b'{"choices": [{"message": {"con'),
        Act(body=b'{"choices": []}'),
        Act(body=b'{"choices": [{"message": {"content": 7}}]}'),
        Act(body=b"<html>hello</html>"),
        Act(body=b"[" * 100_000),
        Act(body=USAGE % b"Infinity"),
        Act(body=USAGE % (b"9" * 400)),
        Act(body=USAGE % b'"many"'),
        Act(body=gzip.compress(bytes(2**24)), headers={"content-encoding": "gzip"}),
        Act(body=b"no gzip", headers={"content-encoding": "gzip"}),
        Act(body=b"?", headers={"content-encoding": "br"}),
        Act(body=b'{"choices": [{"message": {"content": [{"type": "text"}]}}]}'),
    ],
    ids=[
        "500",
        "503",
        "dropped",
        "cut",
        "truncated",
        "no choice",
        "no text",
        "html",
        "deep",
        "infinite",
        "400 digits",
        "no number",
        "bomb",
        "no gzip",
        "brotli",
        "part without text",
    ],
)
def test_what_may_pass_is_asked_again(act):
    (reply,), traffic = ask(first(act, 2))
    assert reply.text == "{}"
    assert (traffic.requests, traffic.failed, traffic.answers) == (3, 2, 1)


def test_a_busy_server_is_left_alone_for_as_long_as_it_says():
    began = time.monotonic()
    (reply,), traffic = ask(first(error(429, "busy", retry_after="0.3")))
    assert reply.text == "{}" and time.monotonic() - began > 0.3
    assert (traffic.put_off, traffic.failed) == (1, 0)


@pytest.mark.parametrize("value", ["nan", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "inf"])
def test_odd_waits_of_a_busy_server_are_no_trouble(value):
    (reply,), _ = ask(first(error(429, "busy", retry_after=value)))
    assert reply.text == "{}"


def test_a_server_that_is_busy_for_ever_gives_no_answer():
    (reply,), _ = ask(lambda body, nth: error(429, "busy"), limits=replace(QUICK, busy_tries=3))
    assert reply.failure == "no_answer" and "429" in reply.detail


PATIENT = replace(QUICK, concurrency=2, timeout_s=0.2, busy_s=0.4)


def test_a_server_that_is_nothing_but_busy_is_given_up_in_time_and_it_is_said_once(capsys):
    began = time.monotonic()
    with FakeServer(lambda body, nth: error(429, "busy", retry_after="90000")) as server, pytest.raises(AllServersLost):
        ask_servers([endpoint(server)], 12, PATIENT)
    assert 0.4 <= time.monotonic() - began < 4
    said = capsys.readouterr().err
    assert said.count("busy (429); asked again in") == 1 and server.url in said


def test_a_note_has_a_line_of_its_own_above_a_live_display(capsys):
    with Progress(console=Console(stderr=True, force_terminal=True, width=80)) as progress:
        progress.add_task("asking")
        progress.refresh()
        note("a server is busy")
    assert re.search(r"(?:^|\n|\x1b\[2K)a server is busy *\n", capsys.readouterr().err)


def test_the_last_request_of_a_server_that_is_nothing_but_busy_has_no_answer():
    replies, traffic = ask(lambda body, nth: error(429, "busy", retry_after="90000"), 2, PATIENT)
    assert {reply.failure for reply in replies} == {"no_answer"} and all("429" in reply.detail for reply in replies)
    assert ["put off every request" in why for why in traffic.lost.values()] == [True]


def test_a_busy_server_that_answers_now_and_then_is_kept():
    began, busy = time.monotonic(), error(429, "busy", retry_after="0.1")
    limits = replace(PATIENT, busy_s=0.8, longest_wait_s=0.1)
    replies, traffic = ask(lambda body, nth: Act("{}") if nth % 3 == 2 else busy, 12, limits)
    assert time.monotonic() - began > limits.busy_s, "busy for longer than a server may be that never answers"
    assert not any(reply.failure for reply in replies) and not traffic.lost


def test_another_server_answers_for_one_that_is_nothing_but_busy():
    with (
        FakeServer(lambda body, nth: error(429, "busy")) as busy,
        FakeServer(lambda b, n: Act("{}", delay_s=0.1)) as good,
    ):
        replies, traffic = ask_servers([endpoint(busy), endpoint(good)], 20, PATIENT)
    assert not any(reply.failure for reply in replies) and list(traffic.lost) == [f"{busy.url}/v1"]


def test_a_slow_reply_is_given_up_and_asked_again():
    (reply,), traffic = ask(first(Act("{}", delay_s=30)), limits=replace(QUICK, timeout_s=0.3))
    assert reply.text == "{}" and traffic.failed == 1


def test_a_request_that_never_gets_an_answer_is_given_up_and_the_others_are_not():
    def poisoned(body: dict[str, Any], nth: int) -> Act:
        return error(500, "cannot do this one") if body["n"] == 3 else Act("{}")

    replies, traffic = ask(poisoned, 40)
    assert [n for n, reply in enumerate(replies) if reply.failure] == [3]
    assert replies[3].failure == "no_answer" and "cannot do this one" in replies[3].detail
    assert not traffic.lost


def test_endless_output_ends():
    limits = replace(QUICK, max_reply_bytes=300_000)
    (reply,), traffic = ask(lambda body, nth: Act("x", endless=True), limits=limits)
    assert reply.failure == "no_answer" and "300,000 bytes" in reply.detail and traffic.requests == limits.tries


@pytest.mark.parametrize(
    ("act", "failure"),
    [
        (error(400, "This model's maximum context length is 2048 tokens. However, you requested 4000"), "too_long"),
        (error(400, "The decoder prompt (length 9000) is longer than the maximum model length of 8192."), "too_long"),
        (error(413, "no"), "too_long"),
        (error(400, "response_format is not supported"), "refused"),
        (error(422, "no"), "refused"),
    ],
)
def test_rejected_requests_are_not_sent_again(act, failure):
    (reply,), traffic = ask(lambda body, nth: act)
    assert reply.failure == failure and traffic.requests == 1 and not traffic.lost


def test_content_in_parts_is_read_and_thinking_is_left_out():
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": '{"a"'}, {"type": "text", "text": ": 1}"}]
    (reply,), _ = ask(lambda body, nth: Act(message={"content": parts}))
    assert reply.text == '{"a": 1}'


def test_a_packed_reply_is_read():
    body = gzip.compress(USAGE % b"7.0")
    (reply,), traffic = ask(lambda _, nth: Act(body=body, headers={"content-encoding": "gzip"}))
    assert (reply.text, reply.tokens_in, traffic.failed) == ("{}", 7, 0)


def test_a_bomb_is_never_unpacked_beyond_the_limit():
    bomb = gzip.compress(bytes(2**26))
    body = Body(httpx.Response(200, headers={"content-encoding": "gzip"}), 100_000)
    with pytest.raises(ValueError, match="100,000 bytes"):
        body.add(bomb)
    assert len(body.content) == 100_001


@pytest.mark.parametrize(
    "act",
    [
        Act(endless=True),
        Act(body=gzip.compress(bytes(2**24)), headers={"content-encoding": "gzip"}),
        Act(body=b'{"data": [{"id": null}]}'),
        Act(body=b'{"data": [{"id": 7}]}'),
        Act(body=b'{"data": [{"id": ["x"]}]}'),
        Act(body=b'{"data": {"id": "x"}}'),
        Act(body=b"[" * 100_000),
        Act(status=500, body=b"no"),
    ],
    ids=["endless", "bomb", "null", "number", "list", "no list", "deep", "500"],
)
def test_an_odd_list_of_models_is_one_clear_error(act):
    with FakeServer() as server:
        server.list = act
        with pytest.raises(ValueError, match="not the reply of an OpenAI-compatible server") as err:
            served_models(endpoint(server))
    assert len(str(err.value)) < 600


def test_a_key_that_cannot_be_sent_names_its_variable(monkeypatch):
    monkeypatch.setenv("FISHERPREP_API_KEY", "clé")
    with pytest.raises(ValueError, match=r"FISHERPREP_API_KEY.*ASCII") as err:
        Endpoint.of("http://127.0.0.1:1")
    assert "clé" not in str(err.value)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_does_not_let_us_in_is_lost_at_once(status):
    with pytest.raises(AllServersLost, match=str(status)):
        ask(lambda body, nth: error(status, "go away"), 5)


def test_a_server_that_always_fails_is_given_up():
    limits = replace(QUICK, tries=100)
    with pytest.raises(AllServersLost, match=r"status 500.*8 failures in a row"):
        ask(lambda body, nth: error(500, "broken"), 8, limits)


def test_a_server_that_rejects_everything_is_given_up():
    with pytest.raises(AllServersLost, match="rejects every request: status 400: reasoning_effort"):
        ask(lambda body, nth: error(400, "reasoning_effort is not known here"), 40)


def test_requests_that_fail_together_count_once():
    """64 requests in flight when a server stumbles once are no 64 failures in a row."""
    replies, traffic = ask(first(Act(drop=True), 64), 64, replace(QUICK, concurrency=64))
    assert not traffic.lost and all(reply.text == "{}" for reply in replies)


def test_nobody_listening_says_so_for_each_server():
    with FakeServer() as one, FakeServer() as two:
        gone = [endpoint(one), endpoint(two)]
    with pytest.raises(AllServersLost) as lost:
        ask_servers(gone, 3)
    assert all(at.url in str(lost.value) for at in gone)


def test_when_a_server_dies_the_other_does_its_work():
    with FakeServer() as good, FakeServer() as bad:

        def dies(body: dict[str, Any], nth: int) -> Act:
            if nth == 5:
                bad._loop.create_task(bad._close())
            return Act("{}", delay_s=0.05)

        bad.script = dies
        good.script = lambda body, nth: Act("{}", delay_s=0.05)
        replies, traffic = ask_servers([endpoint(good), endpoint(bad)], 60, replace(QUICK, longest_wait_s=0.01))
        assert len(replies) == 60 and not any(reply.failure for reply in replies)
        assert list(traffic.lost) == [endpoint(bad).url]
        assert len(good.requests) >= 54


def dying(server: FakeServer, after: int) -> Script:
    """Sound answers until the server closes its port and every connection."""

    def script(body: dict[str, Any], nth: int) -> Act:
        if nth == after:
            server._loop.create_task(server._close())
        return Act("{}", delay_s=0.002)

    return script


@pytest.mark.parametrize("requests", [150])
@pytest.mark.parametrize("after", [None, 30])
def test_losing_the_last_server_ends_every_request_that_waits(requests, after):
    """A task group cancels all waiting tasks at once: none may keep the others from ending. Several rounds."""
    limits = replace(QUICK, concurrency=64, tries=100)

    async def lose(at: Endpoint) -> None:
        async with ServerPool([at], limits) as pool, asyncio.TaskGroup() as group:
            for n in range(requests):
                group.create_task(pool.ask({**BODY, "n": n}))

    def round_() -> None:
        with FakeServer(lambda body, nth: error(500, "broken")) as server:
            if after is not None:
                server.script = dying(server, after)
            try:
                asyncio.run(lose(endpoint(server)))
            except* AllServersLost as lost:
                told.append(str(lost.exceptions[0]))

    told: list[str] = []
    for nth in range(3):
        thread = threading.Thread(target=round_, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive() and len(told) == nth + 1


def test_a_place_freed_for_a_cancelled_request_goes_to_the_next():
    async def run(at: Endpoint) -> Reply:
        async with ServerPool([at], replace(QUICK, concurrency=1)) as pool:
            asked = [asyncio.create_task(pool.ask({**BODY, "n": n})) for n in range(4)]
            await asyncio.sleep(0.05)
            asked[1].cancel()
            asked[2].cancel()
            replies = await asyncio.gather(*asked, return_exceptions=True)
            assert [isinstance(reply, asyncio.CancelledError) for reply in replies] == [False, True, True, False]
            return replies[3]

    with FakeServer(lambda body, nth: Act("{}", delay_s=0.1)) as server:
        assert asyncio.run(run(endpoint(server))).text == "{}"


def test_a_request_that_failed_is_asked_at_another_server():
    """Though the one that fails has the fewest requests in flight all the time, and is not given up."""
    patient = replace(QUICK, failures=1000)
    with FakeServer(lambda body, nth: error(500, "no")) as bad, FakeServer(slow_but_sound) as good:
        replies, traffic = ask_servers([endpoint(bad), endpoint(good)], 40, patient)
    assert not [reply for reply in replies if reply.failure] and not traffic.lost
    assert bad.requests and len(good.requests) == 40


def slow_but_sound(body: dict[str, Any], nth: int) -> Act:
    return Act("{}", delay_s=0.03)


def test_places_go_round_in_the_order_of_asking():
    """One that asks again and again takes no place from one that waits."""

    async def ask_thrice(pool: ServerPool, who: str) -> None:
        for _ in range(3):
            await pool.ask({**BODY, "who": who})

    async def run(at: Endpoint) -> None:
        async with ServerPool([at], replace(QUICK, concurrency=1)) as pool:
            await asyncio.gather(*(ask_thrice(pool, who) for who in "xyz"))

    with FakeServer() as server:
        asyncio.run(run(endpoint(server)))
    assert "".join(body["who"] for body in server.requests) == "xyzxyzxyz"


def test_servers_share_the_load_and_keep_to_the_concurrency():
    def slow(body: dict[str, Any], nth: int) -> Act:
        return Act("{}", delay_s=0.02)

    with FakeServer(slow) as one, FakeServer(slow) as two:
        ask_servers([endpoint(one), endpoint(two)], 60, replace(QUICK, concurrency=4))
        assert one.most_in_flight == two.most_in_flight == 4
        assert abs(len(one.requests) - len(two.requests)) < 20


def test_the_key_goes_to_the_server_and_into_no_message(monkeypatch):
    monkeypatch.delenv("FISHERPREP_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert api_key() == "sk-secret"
    with FakeServer(lambda body, nth: error(400, "your key sk-secret is fine"), key="sk-secret") as server:
        at = Endpoint.of(server.url)
        (reply,), _ = ask_servers([at])
        assert served_models(at) == {MODEL: 32_768}
    assert reply.failure == "refused" and "***" in reply.detail
    assert "sk-secret" not in reply.detail + repr(at)


def test_a_missing_key_says_which_variables(monkeypatch):
    monkeypatch.delenv("FISHERPREP_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with FakeServer(key="k") as server:
        with pytest.raises(ValueError, match="FISHERPREP_API_KEY"):
            served_models(Endpoint.of(server.url))
        with pytest.raises(AllServersLost, match="FISHERPREP_API_KEY"):
            ask_servers([Endpoint.of(server.url)])


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("https://api.example.org/openai/v1/", "https://api.example.org/openai/v1"),
        ("http://[::1]:80/v1/chat/completions", "http://[::1]:80/v1"),
    ],
)
def test_addresses(given, url):
    assert base_url(given) == url


@pytest.mark.parametrize("given", ["", "localhost:8000", "ftp://x", "http://", "http://x:99999", "http://x?q=1"])
def test_what_is_no_address_is_refused(given):
    with pytest.raises(ValueError, match="expected one like"):
        base_url(given)


@pytest.mark.parametrize(
    "given",
    [
        "http://me:hunter2@example.org/v1",
        "http://me:hunter2@example.org/v1?x=1",
        "http://me:hunter2@example.org?x=a@b",
        "http://me:hun?hunter2@example.org",
        "http://me:hunter2@[::1",
        "me:hunter2@example.org",
        "http://example.org?key=hunter2",
    ],
)
def test_a_password_in_an_address_is_not_repeated(given):
    with pytest.raises(ValueError, match="address") as err:
        base_url(given)
    assert "hunter2" not in str(err.value)


def test_something_that_is_no_model_server_is_named():
    with FakeServer(models={}) as server:
        assert served_models(endpoint(server)) == {}
        with pytest.raises(ValueError, match="OpenAI-compatible"):
            served_models(Endpoint(server.url + "/nowhere"))
    with pytest.raises(ValueError, match="no server answers"):
        served_models(endpoint(server))


def test_the_sound_answer_is_about_the_turns_shown():
    body = {"messages": [{}, {"content": "Topic\n1 A: hi\n2 B: i have two dogs\n"}]}
    assert "i have two dogs" in sound_answer(body)


def test_a_server_that_comes_back_is_asked_again() -> None:
    """Nobody listens for longer than eight tries would have taken, and no request is lost."""
    limits = replace(QUICK, all_unheard_s=20.0)
    with FakeServer() as server:
        asyncio.run_coroutine_threadsafe(server._close(), server._loop).result(10)

        async def run() -> list[Reply]:
            async with ServerPool([endpoint(server)], limits) as pool:
                asked = asyncio.gather(*(pool.ask({**BODY, "n": n}) for n in range(4)))
                await asyncio.sleep(1.5)
                again = asyncio.start_server(server._accept, "127.0.0.1", server._port, limit=2**24)
                server._server = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(again, server._loop))
                return list(await asked)

        replies = asyncio.run(run())
        assert len(replies) == 4 and not any(reply.failure for reply in replies)


def test_servers_that_are_all_gone_are_given_up_after_their_time() -> None:
    with FakeServer() as one, FakeServer() as two:
        gone = [endpoint(one), endpoint(two)]
    with pytest.raises(AllServersLost, match="nobody has listened there"):
        ask_servers(gone, 3, replace(QUICK, all_unheard_s=0.1))
