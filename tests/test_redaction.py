"""No six characters of a key come out of the lab: random canaries in the environment, every way out tried."""

from __future__ import annotations

import base64
import itertools
import json
import logging
import os
import pickle
import string
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import httpx
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Got, Reply, loopback

from labkit import curl, show
from labkit.errors import LabError
from labkit.keys import MASK, Secret, find, install_log_filter, mask_header, mask_url, scrub, scrub_bytes
from labkit.view import log_html
from labkit.wire import Exchange, ExchangeLog, RecordingTransport, Route, events, placeholder

RUN = 6
VARIABLES = ("DEEPSEEK_API_KEY", "OPENAI_API_KEY", "OPENROUTER_KEY", "HF_TOKEN", "CLIENT_SECRET")
# What keys are made of, and what a header may carry beside.
letters = string.ascii_letters + string.digits + "-_"
prefixes = st.sampled_from(["", "sk-", "sk-proj-", "sk-ant-api03-", "sk-or-v1-", "gsk_", "fw_", "hf_", "AIza"])


def drawn_from(signs: str) -> st.SearchStrategy[str]:
    """Texts of these signs alone: `st.text` would also try the words of the lab's own source."""
    return st.lists(st.sampled_from(signs), min_size=16, max_size=48).map("".join)


canaries = st.builds(
    lambda prefix, rest: prefix + rest, prefixes, drawn_from(letters) | drawn_from(letters + "+/=.~!$&'%<>\"\\:?@#")
).filter(lambda key: len({key[i : i + 3] for i in range(len(key) - 2)}) > 12)


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    with patch.dict(os.environ, values):
        yield


def survivors(key: str, *outputs: str) -> list[str]:
    """Runs of six characters of `key` in what came out, the lab's own words aside."""
    text = "\n".join(outputs).replace(MASK, "\0")
    runs = {key[i : i + RUN] for i in range(len(key) - RUN + 1)}
    return sorted(run for run in runs if run in text)


def pictures(key: str) -> list[str]:
    """How providers quote a key back: whole, masked, in JSON, in HTML, in base64, in an address."""
    return [
        f"Incorrect API key provided: {key}. You can find yours at https://x.example/account",
        f"Your api key: ****{key[-4:]} is invalid",
        f"Incorrect API key provided: {key[:8]}********************{key[-4:]}.",
        f"Invalid key {key[:6]}…{key[-4:]}, Invalid key {key[:7]}...{key[-4:]}",
        f"Authorization was: Basic {base64.b64encode(f'user:{key}'.encode()).decode()}",
    ]


def outputs_of(exchange: Exchange, log: ExchangeLog) -> list[str]:
    """Everything by which an exchange can be looked at or kept."""
    view = show(exchange, body="all")
    return [
        repr(exchange), str(exchange.request), str(exchange.response), str(exchange.chunks), str(exchange.error),
        str(view), repr(view), view._repr_html_(), json.dumps(view._repr_mimebundle_()),
        curl(exchange), curl(exchange, "powershell"),
        str(log), log.table().to_string(), log_html(log), repr(list(events(exchange))),
        pickle.dumps(exchange).decode("latin-1"),
        json.dumps({**vars(exchange)}, default=str),
    ]  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(key=canaries, other=canaries)
def test_a_live_call_shows_no_key_whatever_the_provider_says_back(key: str, other: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert key in request.headers["authorization"]
        body = {"error": {"message": pictures(key), "also": other, "header": request.headers["authorization"]}}
        return httpx.Response(401, json=body, headers={"x-echo": key.encode(), "set-cookie": b"id=" + key.encode()})

    with environment({"DEEPSEEK_API_KEY": key, "OTHER_TOKEN": other}):
        secret = find(["DEEPSEEK_API_KEY"], dotenv=None)
        assert secret is not None
        transport = RecordingTransport(
            httpx.MockTransport(answer), routes=[Route("deepseek", "https://api.deepseek.com", secret=secret)]
        )
        with httpx.Client(transport=transport) as client:
            response = client.post(
                "https://api.deepseek.com/chat/completions",
                headers={"Authorization": f"Bearer {placeholder('deepseek')}"},
                json={"user": key, "model": other},
            )
        exchange = Exchange.of(response)
        outputs = outputs_of(exchange, transport.log)
    assert not survivors(key, *outputs)
    assert not survivors(other, *outputs)
    assert exchange.response is not None
    assert exchange.response.body is not None
    assert f"****{key[-4:]}" not in exchange.response.body.decode()
    assert "****" not in exchange.response.body.decode()


@pytest.mark.parametrize("library", [httpx, httpx2])
@settings(max_examples=8, deadline=None)
@given(key=canaries, typed=canaries)
def test_a_call_by_plain_httpx_shows_no_key_when_looked_at(library: Any, key: str, typed: str) -> None:
    request = library.Request(
        "POST",
        library.URL("https://api.mistral.ai/v1/chat/completions", params={"api_key": key, "q": "1"}),
        headers={"x-api-key": typed, "authorization": f"Bearer {key}", "cookie": f"s={key}"},
        json={"key": key},
    )
    response = library.Response(401, json={"pictures": pictures(typed) + pictures(key)}, request=request)
    with environment({"MISTRAL_API_KEY": key}):
        outputs = outputs_of(Exchange.of(response), ExchangeLog())
        outputs += outputs_of(Exchange.of(library.ReadTimeout(f"under {key}", request=request)), ExchangeLog())
    assert not survivors(key, *outputs)
    assert not survivors(typed, *outputs)


@settings(max_examples=15, deadline=None)
@given(key=canaries, variable=st.sampled_from(VARIABLES), seams=st.lists(st.integers(1, 400), max_size=5))
def test_a_key_in_a_stream_is_hidden_wherever_the_stream_is_cut(key: str, variable: str, seams: list[int]) -> None:
    body = "".join(f"data: {json.dumps({'text': text})}\n\n" for text in pictures(key)).encode()
    cuts = [0, *sorted(s % len(body) for s in seams), len(body)]
    parts = [body[a:b] for a, b in itertools.pairwise(cuts)]

    class Parts(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from parts

    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Parts())
    transport = RecordingTransport(httpx.MockTransport(lambda request: answer))
    with environment({variable: key}), httpx.Client(transport=transport) as client:
        with client.stream("GET", "http://127.0.0.1/x") as response:
            reader = response.iter_raw()
            for _ in zip(range(2), reader, strict=False):
                pass
            half_way = str(transport.log[0].chunks)
            assert b"".join(reader) is not None
        outputs = outputs_of(transport.log[0], transport.log)
    assert not survivors(key, half_way, *outputs)


@settings(max_examples=40, deadline=None)
@given(key=canaries)
def test_nothing_that_takes_a_text_gives_a_key_back(key: str) -> None:
    with environment({"GROQ_API_KEY": key}):
        held = find(["GROQ_API_KEY"], dotenv=None)
        outputs = [repr(held), str(held), f"{held}", str({"key": held}), json.dumps([held], default=str)]
        outputs += [scrub(text) for text in pictures(key)]
        outputs += [scrub_bytes(text.encode()).decode() for text in pictures(key)]
        outputs += [mask_header("authorization", f"Bearer {key}"), mask_header("cookie", f"s={key}")]
        outputs += [mask_url(str(httpx.URL("https://h/x", params={"key": key})))]
        for wrong in ({"key": key}, [key], Secret(key)):
            with pytest.raises(LabError) as refused:
                show(wrong)
            outputs += [str(refused.value), repr(refused.value)]
    assert not survivors(key, *outputs)


@settings(max_examples=12, deadline=None)
@given(key=canaries)
def test_no_traceback_of_a_failed_live_call_shows_the_key(key: str) -> None:
    def fails(request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers)
        try:
            raise OSError(5, f"broken while sending {headers}")
        except OSError as error:
            raise httpx.WriteError(f"could not write {headers['authorization']}") from error

    live = Route("deepseek", "https://api.deepseek.com", secret=Secret(key))
    transport = RecordingTransport(httpx.MockTransport(fails), routes=[live])
    del live  # a Secret prints as one; the point is the frames below
    with httpx.Client(transport=transport) as client:
        try:
            client.get("https://api.deepseek.com/x", headers={"authorization": f"Bearer {placeholder('deepseek')}"})
            raise AssertionError("the call must fail")
        except httpx.WriteError as error:
            trace = traceback.TracebackException.from_exception(error, capture_locals=True)
            outputs = [repr(error), str(error), *outputs_of(Exchange.of(error), transport.log)]
    trace.stack[0].locals.pop("key", None)  # this test's own variable
    assert not survivors(key, "".join(trace.format()), *outputs)


@settings(max_examples=6, deadline=None)
@given(key=canaries)
def test_no_log_record_of_a_call_shows_the_key(key: str) -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record) + str(record.__dict__))

    before, handler, root = logging.getLogRecordFactory(), Keep(), logging.getLogger()
    level = root.level
    install_log_filter()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        reply = Reply(headers={"set-cookie": f"id={key}", "x-echo": key.replace("\\", "")})
        with environment({"OPENAI_API_KEY": key}), loopback(reply) as server:
            for library in (httpx, httpx2):
                with library.Client() as client:
                    client.get(f"{server.url}/v1", params={"key": key}, headers={"x-api-key": key})
            logging.getLogger("uvicorn.access").info('"GET /x?key=%s" 200', key)
            logging.getLogger("labkit.wire").error("failed", exc_info=ValueError(key))
    finally:
        logging.setLogRecordFactory(before)
        root.removeHandler(handler)
        root.setLevel(level)
    assert any("HTTP Request" in line for line in lines)
    assert not survivors(key, *lines)


def test_the_check_itself_would_see_a_leak() -> None:
    key = "sk-A1b2C3d4E5f6"
    assert survivors(key, f"it was {key[3:9]}!") == [key[3:9]]
    assert not survivors(key, f"it was {key[3:8]}!")


def test_a_key_that_a_lesson_sends_to_this_machine_is_not_in_the_servers_echo() -> None:
    def echo(got: Got) -> Reply:
        return Reply(parts=[json.dumps(dict(got.headers)).encode()])

    key = "gsk_A1b2C3d4E5f6G7h8"
    with environment({"GROQ_API_KEY": key}), loopback(echo) as server:
        response = httpx.get(f"{server.url}/groq/x", headers={"Authorization": f"Bearer {key}"})
        assert key in response.text
        assert not survivors(key, *outputs_of(Exchange.of(response), ExchangeLog()))
