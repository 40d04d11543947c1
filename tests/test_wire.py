"""The wire: every call recorded as it was, nothing leaving this machine unasked, no key kept."""

from __future__ import annotations

import asyncio
import copy
import gzip
import json
import pickle
import re
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import httpx2
import pytest
from loopback import Got, Reply, loopback

from labkit.errors import LabError, LiveRefused
from labkit.keys import Secret
from labkit.wire import (
    AsyncRecordingTransport,
    Exchange,
    ExchangeLog,
    Headers,
    RecordingTransport,
    Route,
    events,
    placeholder,
)
from labkit.wire.bodies import text_of
from labkit.wire.capture import is_loopback, whereabouts
from labkit.wire.log import first_token_s

KEY = "sk-live-A1b2C3d4E5f6G7h8fcc2"
CHAT = {"model": "m-1", "messages": [{"role": "user", "content": "Grüße 😀"}]}
STREAM = [b'data: {"n": 1}\n\n', b'data: {"n": 2}\n\nda', b"ta: [DONE]\n\n"]
SSE = {"content-type": "text/event-stream"}
ANSWER = b'{"usage": {"prompt_tokens": 3, "completion_tokens": 5}}'


@contextmanager
def recorded(transport: RecordingTransport | None = None, **options: Any) -> Iterator[tuple[httpx.Client, ExchangeLog]]:
    transport = transport or RecordingTransport(**options)
    with httpx.Client(transport=transport, timeout=10) as client:
        yield client, transport.log


def in_memory(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(answer)


# --- what is recorded ------------------------------------------------------------------------------------------


def test_a_call_is_recorded_as_it_went_over_the_wire() -> None:
    reply = Reply(parts=[ANSWER], headers={"content-type": "application/json", "x-lab-model": "lab-chat"})
    with loopback(reply) as server, recorded() as (client, log):
        response = client.post(f"{server.url}/deepseek/chat/completions", json=CHAT)
    exchange = log[0]
    got = server.got[0]
    assert (exchange.request.method, exchange.request.url) == ("POST", f"{server.url}/deepseek/chat/completions")
    assert exchange.request.body == got.body
    assert list(exchange.request.headers) == got.headers
    assert exchange.response is not None
    assert exchange.response.body == response.content == ANSWER
    assert [value.encode() for _, value in exchange.response.headers] == [v for _, v in response.headers.raw]
    assert (exchange.status, exchange.response.reason, exchange.response.http_version) == (200, "OK", "HTTP/1.1")
    assert (exchange.model, exchange.lab_model, exchange.tokens) == ("m-1", "lab-chat", (3, 5))
    assert exchange.state == "complete"


def test_times_are_there_and_in_order_and_a_second_call_reuses_the_connection() -> None:
    with loopback() as server, recorded() as (client, log):
        client.get(server.url)
        client.get(server.url)
    first, second = log[0].timings, log[1].timings
    assert first.connect_s is not None
    assert first.first_byte_s is not None
    assert first.total_s is not None
    assert 0 < first.connect_s < first.first_byte_s <= first.total_s
    assert (first.reused, first.tls_s) == (False, None)
    assert (second.reused, second.connect_s) == (True, None)


def test_a_trace_of_the_callers_own_is_called_too_and_his_request_is_not_changed() -> None:
    seen: list[str] = []
    with loopback() as server, recorded() as (client, log):
        request = client.build_request("GET", server.url, extensions={"trace": lambda name, info: seen.append(name)})
        before = (dict(request.extensions), request.headers.raw)
        client.send(request)
    assert "connection.connect_tcp.complete" in seen
    assert log[0].timings.connect_s is not None
    assert {**request.extensions} == {**before[0], "timeout": request.extensions["timeout"]}
    assert request.headers.raw == before[1]


def test_the_parts_of_a_stream_come_with_rising_times_and_the_reader_gets_the_same_bytes() -> None:
    with loopback(Reply(headers=SSE, parts=STREAM, chunked=True)) as server, recorded() as (client, log):
        with client.stream("POST", server.url, json=CHAT) as response:
            assert log[0].state == "open"
            read = b"".join(response.iter_raw())
    chunks = log[0].chunks
    assert b"".join(part for _, part in chunks) == read == b"".join(STREAM)
    assert [t for t, _ in chunks] == sorted(t for t, _ in chunks)
    assert [e.data for e in events(log[0])] == ['{"n": 1}', '{"n": 2}', "[DONE]"]
    assert log[0].state == "complete"


def test_a_stream_that_is_left_half_way_is_recorded_as_cut() -> None:
    with loopback(Reply(headers=SSE, parts=STREAM * 50, chunked=True)) as server, recorded() as (client, log):
        with client.stream("GET", server.url) as response:
            next(response.iter_raw(chunk_size=4))
        assert log[0].state == "cut"
        assert log[0].response is not None
        assert log[0].response.body is not None
        assert log[0].response.body.startswith(b"data")
        with client.stream("GET", server.url):
            pass
        assert (log[1].state, log[1].chunks) == ("cut", ())


def test_a_reader_who_stops_at_done_has_read_a_body_of_known_length_to_its_end() -> None:
    with loopback(Reply(headers=SSE, parts=STREAM)) as server, recorded() as (client, log):
        with client.stream("GET", server.url) as response:
            for line in response.iter_lines():
                if line == "data: [DONE]":
                    break
    assert log[0].state == "complete"


def test_a_connection_that_breaks_in_the_body_leaves_what_had_come() -> None:
    with loopback(Reply(parts=[b'{"half": '], cut=True)) as server, recorded() as (client, log):
        with pytest.raises(httpx.RemoteProtocolError) as broken:
            client.get(server.url)
    exchange = log[0]
    assert exchange.state == "cut"
    assert exchange.response is not None
    assert exchange.response.body == b'{"half": '
    assert exchange.error is not None
    assert exchange.error.kind == "RemoteProtocolError"
    assert Exchange.of(broken.value) is exchange


def test_a_refused_connection_is_an_exchange_with_its_cause() -> None:
    with loopback() as server:
        gone = server.url
    with recorded() as (client, log), pytest.raises(httpx.ConnectError) as refused:
        client.get(f"{gone}/deepseek/models")
    exchange = Exchange.of(refused.value)
    assert exchange is log[0]
    assert (exchange.state, exchange.status) == ("failed", None)
    assert exchange.error is not None
    assert exchange.error.kind == "ConnectError"
    assert any("ConnectionRefusedError" in cause for cause in exchange.error.causes)


def test_a_compressed_body_is_kept_as_it_reads() -> None:
    packed = gzip.compress(ANSWER * 200)
    reply = Reply(
        headers={"content-type": "application/json", "content-encoding": "gzip"}, parts=[packed[:40], packed[40:]]
    )
    with loopback(reply) as server, recorded() as (client, log):
        response = client.get(server.url)
    assert log[0].response is not None
    assert log[0].response.body == response.content == ANSWER * 200
    assert b"".join(part for _, part in log[0].chunks) == response.content


def test_a_transport_that_answers_from_memory_is_recorded_too() -> None:
    inner = in_memory(lambda request: httpx.Response(201, json={"a": 1}))
    with recorded(RecordingTransport(inner)) as (client, log):
        client.get("http://localhost/v1")
    assert log[0].response is not None
    assert (log[0].status, log[0].response.json(), log[0].state) == (201, {"a": 1}, "complete")
    assert (log[0].place, log[0].timings.reused) == ("self-hosted", None)


def test_an_async_client_records_the_same() -> None:
    async def calls(url: str) -> tuple[ExchangeLog, bytes]:
        transport = AsyncRecordingTransport()
        async with httpx.AsyncClient(transport=transport) as client:
            await client.post(url, json=CHAT)
            async with client.stream("GET", url) as response:
                read = b"".join([part async for part in response.aiter_raw()])
            async with client.stream("GET", url) as response:
                async for _ in response.aiter_raw(chunk_size=4):
                    break
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:9/")
        return transport.log, read

    with loopback(Reply(headers=SSE, parts=STREAM * 20, chunked=True)) as server:
        log, read = asyncio.run(calls(server.url))
    assert [exchange.state for exchange in log] == ["complete", "complete", "cut", "failed"]
    assert log[0].request.json() == CHAT
    assert log[0].timings.connect_s is not None
    assert b"".join(part for _, part in log[1].chunks) == read


# --- what may leave --------------------------------------------------------------------------------------------


def nowhere(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"sent to {request.url}")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.deepseek.com/chat/completions",
        "http://api.deepseek.com/chat/completions",
        "https://api.deepseek.com:8443/x",
        "https://api.deepseek.com.evil.example/x",
        "https://127.0.0.1.example.org/x",
        "https://localhost.example.org/",
        "http://192.168.0.5:11434/v1",
        "http://2130706433/",
    ],
)
def test_a_host_that_nobody_asked_for_is_refused_before_anything_is_sent(url: str) -> None:
    with recorded(RecordingTransport(in_memory(nowhere), routes=[Route("groq", "https://api.groq.com")])) as (
        client,
        log,
    ):
        with pytest.raises(LiveRefused, match=r"is not on this machine, and nobody asked for it.*Lab\(live="):
            client.get(f"{url}?key=abc")
        assert len(log) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST", "[::1]", "lab.localhost"])
def test_this_machine_is_reached_without_asking(host: str) -> None:
    assert is_loopback(host)
    with recorded(RecordingTransport(in_memory(lambda r: httpx.Response(200)))) as (client, _):
        assert client.get(f"http://{host}:8000/").status_code == 200


def test_a_redirect_to_another_host_is_refused_too() -> None:
    inner = in_memory(lambda r: httpx.Response(307, headers={"location": "https://elsewhere.example/take?key=1"}))
    with recorded(RecordingTransport(inner)) as (client, log):
        with pytest.raises(LiveRefused, match=r"elsewhere\.example"):
            client.post("http://127.0.0.1/v1", json={}, follow_redirects=True)
    assert [exchange.status for exchange in log] == [307]


def test_a_live_call_carries_the_key_and_nothing_that_can_be_looked_at_does() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"echo": request.headers["authorization"]}, headers={"x-echo": KEY})

    live = Route("deepseek", "https://api.deepseek.com", secret=Secret(KEY))
    with recorded(RecordingTransport(in_memory(answer), routes=[live])) as (client, log):
        shown = {
            "Authorization": f"Bearer {placeholder('deepseek')}",
            "x-lab-fault": "none",
            "X-Other": placeholder("deepseek"),
        }
        response = client.post("https://api.deepseek.com/chat/completions", headers=shown, json=CHAT)
    assert sent[0].headers["authorization"] == f"Bearer {KEY}"
    assert sent[0].headers["x-other"] == placeholder("deepseek")
    assert "x-lab-fault" not in sent[0].headers
    assert response.request.headers["authorization"] == f"Bearer {placeholder('deepseek')}"
    exchange = log[0]
    assert (exchange.provider, exchange.place) == ("deepseek", "live")
    assert exchange.request.headers.get("authorization") == "Bearer [hidden]"
    assert exchange.response is not None
    assert exchange.response.json() == {"echo": "Bearer [hidden]"}
    assert exchange.response.headers.get("x-echo") == "[hidden]"
    assert KEY[5:11].encode() not in pickle.dumps(exchange)


@pytest.mark.parametrize(
    ("route", "url"),
    [
        (Route("deepseek", "https://api.deepseek.com", secret=Secret(KEY)), "https://api.groq.com/x"),
        (Route("deepseek", "http://api.deepseek.com", secret=Secret(KEY)), "http://api.deepseek.com/x"),
    ],
)
def test_a_key_goes_to_its_own_host_only_and_never_in_the_clear(route: Route, url: str) -> None:
    sent: list[httpx.Request] = []
    inner = in_memory(lambda request: (sent.append(request), httpx.Response(200))[1])
    with recorded(RecordingTransport(inner, routes=[route, Route("groq", "https://api.groq.com")])) as (client, _):
        client.get(url, headers={"x-api-key": placeholder("deepseek")})
    assert sent[0].headers["x-api-key"] == placeholder("deepseek")


def test_an_error_that_pictures_the_live_key_is_cleaned() -> None:
    body = {"error": {"message": "Authentication Fails, Your api key: ****fcc2 is invalid"}}
    live = Route("deepseek", "https://api.deepseek.com", secret=Secret(KEY))
    transport = RecordingTransport(in_memory(lambda request: httpx.Response(401, json=body)), routes=[live])
    with recorded(transport) as (client, log):
        client.get("https://api.deepseek.com/x", headers={"Authorization": f"Bearer {placeholder('deepseek')}"})
    assert log[0].response is not None
    assert log[0].response.json()["error"]["message"] == "Authentication Fails, Your api key: [hidden] is invalid"


def test_a_made_up_key_may_be_quoted_back_on_this_machine() -> None:
    body = {"error": {"message": "Your api key: ****-key is invalid"}}
    with recorded(RecordingTransport(in_memory(lambda request: httpx.Response(401, json=body)))) as (client, log):
        client.get("http://127.0.0.1/deepseek", headers={"Authorization": "Bearer a-wrong-key"})
    assert log[0].response is not None
    assert log[0].response.json() == body


def test_no_frame_that_saw_a_key_is_left_in_the_traceback() -> None:
    def fails(request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers)
        try:
            raise OSError(f"the wire broke under {headers['authorization']}")
        except OSError as error:
            raise httpx.ReadError("broken") from error

    live = Route("deepseek", "https://api.deepseek.com", secret=Secret(KEY))
    with recorded(RecordingTransport(in_memory(fails), routes=[live])) as (client, log):
        with pytest.raises(httpx.ReadError) as broken:
            client.get("https://api.deepseek.com/x", headers={"Authorization": f"Bearer {placeholder('deepseek')}"})
    text = "".join(traceback.TracebackException.from_exception(broken.value, capture_locals=True).format())
    assert "the wire broke under Bearer [hidden]" in text
    assert KEY[8:20] not in text
    assert broken.value.__cause__ is not None
    assert broken.value.__cause__.__traceback__ is None
    assert log[0].error is not None
    assert KEY[8:14] not in str(log[0].error.causes)


def test_an_exception_that_quotes_the_header_does_not_quote_the_key() -> None:
    with loopback() as server, recorded() as (client, log):
        with pytest.raises(httpx.LocalProtocolError) as refused:
            client.get(server.url, headers={"Authorization": "Bearer sk-with-a-line-end\n"})
    assert "Illegal header value" in str(refused.value)
    shown = "".join(traceback.format_exception(refused.value)).replace('"Bearer sk-with-a-line-end\\n"', "")
    assert "a-line" not in shown + str(log[0].error) + str(log[0].request.headers)


def test_a_call_that_is_not_allowed_is_not_sent_and_not_logged() -> None:
    def forbid(request: httpx.Request, route: Route) -> None:
        raise LiveRefused(f"{route.provider} is beyond the budget")

    transport = RecordingTransport(in_memory(nowhere), routes=[Route("groq", "https://api.groq.com")], allow=forbid)
    with recorded(transport) as (client, log), pytest.raises(LiveRefused, match="groq is beyond the budget"):
        client.get("https://api.groq.com/x")
    assert len(log) == 0


def test_every_call_is_settled_once_with_what_allow_gave_for_it() -> None:
    settled: list[tuple[str, Any]] = []
    transport = RecordingTransport(
        in_memory(lambda request: httpx.Response(200, json={})),
        routes=[Route("groq", "https://api.groq.com")],
        allow=lambda request, route: f"held for {route.provider}",
        settle=lambda exchange, held: settled.append((exchange.state, held)),
    )
    with recorded(transport) as (client, _):
        client.get("https://api.groq.com/x")
        client.get("http://127.0.0.1/x")
    assert settled == [("complete", "held for groq"), ("complete", None)]


def test_dead_proxies_in_the_environment_do_not_come_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    with loopback() as server, recorded() as (client, _):
        assert client.get(server.url).status_code == 200


def test_a_live_call_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with loopback() as proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        with recorded(routes=[Route("hosted", "http://models.invalid", "self-hosted")]) as (client, _):
            client.get("http://models.invalid/v1/models")
        assert proxy.got[0].path == "http://models.invalid/v1/models"
        monkeypatch.setenv("no_proxy", "models.invalid")
        with recorded(routes=[Route("hosted", "http://models.invalid", "self-hosted")]) as (client, _):
            with pytest.raises(httpx.ConnectError):
                client.get("http://models.invalid/v1/models")


def test_on_one_host_the_path_tells_the_providers_apart() -> None:
    routes = [Route(name, f"http://127.0.0.1:8000/{name}", "local") for name in ("deepseek", "deep", "lab")]
    with recorded(RecordingTransport(in_memory(lambda r: httpx.Response(200)), routes=routes)) as (client, log):
        for path in ("deepseek/chat/completions", "deep/x", "lab", "labs"):
            client.get(f"http://127.0.0.1:8000/{path}")
    assert [(e.provider, e.place) for e in log][:3] == [("deepseek", "local"), ("deep", "local"), ("lab", "local")]
    assert log[3].provider != "lab"


# --- reading other people's objects ----------------------------------------------------------------------------


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_responses_of_httpx_and_httpx2_are_read_alike(library: Any) -> None:
    with loopback(Reply(status=404, parts=[b'{"error": "none"}'])) as server:
        response = library.post(f"{server.url}/openai/v1/x?api_key=zzz", json=CHAT, headers={"api-key": "zzz"})
    exchange = Exchange.of(response)
    assert exchange.request.json() == CHAT
    assert exchange.request.url.endswith("/openai/v1/x?api_key=[hidden]")
    assert exchange.request.headers.get("API-KEY") == "[hidden]"
    assert exchange.response is not None
    assert (exchange.status, exchange.response.json(), exchange.state) == (404, {"error": "none"}, "complete")
    assert exchange.timings.total_s is not None
    assert exchange.timings.connect_s is None


def test_a_response_that_was_not_read_stays_unread() -> None:
    with loopback(Reply(headers=SSE, parts=STREAM)) as server, httpx.Client() as client:
        with client.stream("GET", server.url) as response:
            exchange = Exchange.of(response)
            assert exchange.response is not None
            assert (exchange.state, exchange.response.body) == ("unread", None)
            assert b"".join(response.iter_bytes()) == b"".join(STREAM)
        assert Exchange.of(response).state == "streamed"


def test_a_request_alone_is_an_exchange_that_was_not_sent() -> None:
    exchange = Exchange.of(httpx.Request("POST", "https://api.mistral.ai/v1/chat/completions", json=CHAT))
    assert (exchange.state, exchange.provider, exchange.response) == ("not sent", "mistral", None)


def test_a_body_sent_as_a_stream_is_said_to_be_unknown() -> None:
    with loopback() as server:
        response = httpx.post(server.url, content=(part for part in [b"a", b"b"]))
        assert server.got[0].body == b"ab"
    assert Exchange.of(response).request.body is None


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_errors_of_the_openai_sdk_lead_to_their_exchange(status: int) -> None:
    openai = pytest.importorskip("openai")
    body = b'{"error": {"message": "no", "type": "t", "param": null, "code": "c"}}'
    with loopback(Reply(status=status, parts=[body])) as server:
        client = openai.OpenAI(base_url=f"{server.url}/openai/v1", api_key="sk-made-up-key", max_retries=0)
        with pytest.raises(openai.APIStatusError) as error, client:
            client.chat.completions.create(model="m-1", messages=[{"role": "user", "content": "Hi"}])
    exchange = Exchange.of(error.value)
    assert (exchange.status, exchange.model) == (status, "m-1")
    assert exchange.response is not None
    assert exchange.response.body == body
    assert exchange.request.headers.get("authorization") == "Bearer [hidden]"


def test_raw_and_streamed_responses_of_the_openai_sdk_lead_to_their_exchange() -> None:
    openai = pytest.importorskip("openai")
    chat = {"id": "1", "object": "chat.completion", "created": 1, "model": "m-1", "choices": []}
    asked: dict[str, Any] = {"model": "m-1", "messages": [{"role": "user", "content": "Hi"}]}

    def reply(got: Got) -> Reply:
        return (
            Reply(headers=SSE, parts=STREAM)
            if b'"stream":true' in got.body
            else Reply(parts=[json.dumps(chat).encode()])
        )

    with loopback(reply) as server, openai.OpenAI(base_url=server.url, api_key="sk-made-up-key") as client:
        raw = client.chat.completions.with_raw_response.create(**asked)
        exchange = Exchange.of(raw)
        assert exchange.response is not None
        assert exchange.response.json() == chat
        stream = client.chat.completions.create(**asked, stream=True)
        assert Exchange.of(stream).state == "unread"
        stream.close()
        with pytest.raises(LabError, match=r"no HTTP exchange in a ChatCompletion.*with_raw_response"):
            Exchange.of(raw.parse())


def test_a_connection_error_of_the_openai_sdk_leads_to_its_request() -> None:
    openai = pytest.importorskip("openai")
    with loopback() as server:
        gone = server.url
    with openai.OpenAI(base_url=f"{gone}/openai/v1", api_key="sk-made-up-key", max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError) as error:
            client.models.list()
    exchange = Exchange.of(error.value)
    assert (exchange.request.method, exchange.state, exchange.provider) == ("GET", "failed", "openai")
    assert exchange.error is not None
    assert any("ConnectionRefused" in cause for cause in exchange.error.causes)


@pytest.mark.parametrize("thing", [{"choices": []}, "text", 200, None, ValueError("x")])
def test_anything_else_is_told_what_is_wanted(thing: Any) -> None:
    with pytest.raises(LabError, match=r"there is no HTTP exchange in a \w+.*Give it a response"):
        Exchange.of(thing)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.groq.com/openai/v1/x", ("groq", "live")),
        ("https://openrouter.ai/api/v1", ("openrouter", "live")),
        ("http://127.0.0.1:8765/mistral/v1/x", ("mistral", "local")),
        ("http://127.0.0.1:11434/v1/models", ("", "self-hosted")),
        ("http://192.168.1.4:8000/v1", ("", "self-hosted")),
        ("http://host.docker.internal:11434/v1", ("", "self-hosted")),
        ("", ("", "")),
    ],
)
def test_the_address_tells_provider_and_place(url: str, expected: tuple[str, str]) -> None:
    assert whereabouts(url, None) == expected


def test_an_exchange_is_copied_and_pickled_whole() -> None:
    exchange = Exchange.of(httpx.Response(200, json={"a": 1}, request=httpx.Request("GET", "http://localhost/x")))
    for twin in (copy.deepcopy(exchange), pickle.loads(pickle.dumps(exchange))):
        assert (twin.request, twin.response, twin.state) == (exchange.request, exchange.response, exchange.state)
    assert repr(exchange) == "<Exchange GET http://localhost/x → 200>"


def test_headers_keep_their_order_and_spelling_and_are_found_in_any_case() -> None:
    headers = Headers([("X-A", "1"), ("x-a", "2"), ("B", "3")])
    assert list(headers) == [("X-A", "1"), ("x-a", "2"), ("B", "3")]
    assert (headers.get("x-A"), headers.get("c", "none"), "b" in headers, len(headers)) == ("1", "none", True, 3)


def test_usage_is_read_from_streams_of_both_dialects() -> None:
    openai = (
        b'data: {"usage": null}\n\n'
        b'data: {"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 9}}\n\ndata: [DONE]\n\n'
    )
    anthropic = (
        b'event: message_start\ndata: {"type": "message_start", "message": {"usage": {"input_tokens": 2}}}\n\n'
        b'event: message_delta\ndata: {"type": "message_delta", "usage": {"output_tokens": 9}}\n\n'
    )
    for body in (openai, anthropic):
        assert Exchange.of(httpx.Response(200, headers=SSE, content=body)).tokens == (2, 9)


# --- bodies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "label", "text", "remark"),
    [
        (b"", "", "", ""),
        ("😀é".encode(), "text/plain", "😀é", ""),
        ("é".encode("latin-1"), "text/plain; charset=latin-1", "é", ""),
        ("é".encode(), "text/plain; charset=nonsense", "é", "not nonsense as labelled; read as UTF-8"),
        ("naïve café".encode("latin-1"), "text/plain", "naïve café", "not UTF-8; read as Latin-1"),
        ("𝄞 cut é".encode()[:-1], "application/json", "𝄞 cut \ufffd", "ends in the middle of a character"),
        ("é".encode("utf-16"), "text/plain", "é", "read as UTF-16, by its first bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", None, "binary"),
        (b"\x00\x01\x02", "text/plain; charset=utf-8", None, "binary"),
        (b"\x1b[31mred\x1b[0m", "text/plain", "\x1b[31mred\x1b[0m", ""),
    ],
)
def test_bytes_have_the_last_word_on_what_they_are(body: bytes, label: str, text: str | None, remark: str) -> None:
    assert text_of(body, label) == (text, remark)


# --- the log ---------------------------------------------------------------------------------------------------


def some_log() -> ExchangeLog:
    log = ExchangeLog()
    request = httpx.Request("POST", "http://127.0.0.1:1/deepseek/chat", json=CHAT)
    log.add(Exchange.of(httpx.Response(200, content=ANSWER, headers={"x-lab-provider": "deepseek"}, request=request)))
    log.add(Exchange.of(httpx.ConnectError("refused", request=request)))
    return log


def test_a_log_is_a_list_of_exchanges() -> None:
    log = some_log()
    assert (len(log), log[-1].state, [e.status for e in log[0:2]], log[0] in log) == (2, "failed", [200, None], True)
    log.clear()
    assert str(log) == "no calls yet: send one with lab.client(...)"


def test_a_log_shows_as_text_and_as_a_data_frame() -> None:
    lines = str(some_log()).splitlines()
    assert lines[0].split() == [
        "call", "time", "place", "provider", "model", "status", "tokens_in", "tokens_out", "cost_usd",
        "first_byte", "first_token", "total", "state",
    ]  # fmt: skip
    row = ["0", "-", "local", "deepseek", "m-1", "200", "3", "5", "-", "-", "-", "-", "complete"]
    assert lines[1].split() == row
    assert lines[2].split()[-1] == "ConnectError"
    frame = some_log().table()
    assert frame.loc[0, ["provider", "status", "tokens_out"]].tolist() == ["deepseek", 200, 5]
    assert frame["status"].isna().tolist() == [False, True]


def test_a_notebook_shows_the_table_that_the_log_was_given() -> None:
    assert ExchangeLog()._repr_html_() is None
    assert ExchangeLog(html=lambda calls, costs: f"<b>{len(calls)}{len(costs)}</b>")._repr_html_() == "<b>00</b>"


def test_a_log_asks_for_the_cost_of_each_call() -> None:
    log = ExchangeLog(cost=lambda exchange: Decimal("0.00000123") if exchange.status else None)
    for exchange in some_log():
        log.add(exchange)
    assert "1.2e-06" in str(log)
    assert log.table()["cost_usd"].tolist()[0] == pytest.approx(1.23e-6)
    assert log.table()["cost_usd"].isna().tolist() == [False, True]


def test_the_first_token_is_the_first_event_that_brings_text() -> None:
    exchange = Exchange.of(httpx.Response(200, headers={"content-type": "text/event-stream"}, content=b""))
    opening, text = b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n', b'data: {"choices": [{"delta": '
    exchange._parts = [(0.1, b": keep-alive\n\n"), (0.2, opening), (0.3, text), (0.5, b'{"content": "Hi"}}]}\n\n')]
    assert first_token_s(exchange) == 0.5
    thinking = b'data: {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm"}}\n\n'
    exchange._parts = [(0.4, thinking)]
    assert first_token_s(exchange) == 0.4
    exchange._parts = [(0.1, b"data: [DONE]\n\n")]
    assert first_token_s(exchange) is None


def test_each_call_is_told_to_standard_logging_and_failures_as_warnings(caplog: pytest.LogCaptureFixture) -> None:
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 5}}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429 if "late" in request.url.path else 200, json=usage)

    with caplog.at_level("INFO", logger="labkit.wire"):
        with httpx.Client(transport=RecordingTransport(httpx.MockTransport(answer))) as client:
            client.get("http://127.0.0.1/soon")
            client.get("http://127.0.0.1/late")
    soon, late = caplog.records
    assert (soon.levelname, late.levelname) == ("INFO", "WARNING")
    assert re.fullmatch(r"GET http://127\.0\.0\.1/soon → 200 in \d\.\d{3} s, 3 tokens in, 5 out", soon.getMessage())
    assert late.exchange.status == 429  # type: ignore[attr-defined]


def test_many_threads_may_add_at_once() -> None:
    log = ExchangeLog()
    exchange = some_log()[0]
    threads = [threading.Thread(target=lambda: [log.add(exchange) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(list(log)) <= 4000
    assert len(log) == 4000
