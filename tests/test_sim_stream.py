"""Streams of the local providers: their bytes, their pace, many at once, and a client that leaves."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import httpx
import pytest

from conftest import Caller
from labkit.facts.provider import Provider
from labkit.facts.schema import Speed
from labkit.sim.pace import Pace

NO_END = {"0": -100, "2": -100}

# Recorded chunks. https://github.com/vercel/ai, packages/{openai,deepseek}/src/chat/__fixtures__:
# openai-text.chunks.txt (2026-02-12); issue-19381-thinking-reasoning.chunks.txt and issue-19377-logprobs.chunks.txt
# (2026-08-24).
OPENAI_FIRST = '{"id":"chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0","object":"chat.completion.chunk","created":1770933892,"model":"gpt-4.1-nano-2025-04-14","service_tier":"default","system_fingerprint":"fp_de604bd877","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"Qup1BsQ3"}'  # noqa: E501
OPENAI_NEXT = '{"id":"chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0","object":"chat.completion.chunk","created":1770933892,"model":"gpt-4.1-nano-2025-04-14","service_tier":"default","system_fingerprint":"fp_de604bd877","choices":[{"index":0,"delta":{"content":" understanding"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"dfsGXLoAZ0Mn"}'  # noqa: E501
OPENAI_LAST = '{"id":"chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0","object":"chat.completion.chunk","created":1770933892,"model":"gpt-4.1-nano-2025-04-14","service_tier":"default","system_fingerprint":"fp_de604bd877","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null,"obfuscation":"zap0"}'  # noqa: E501
OPENAI_USAGE = '{"id":"chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0","object":"chat.completion.chunk","created":1770933892,"model":"gpt-4.1-nano-2025-04-14","service_tier":"default","system_fingerprint":"fp_de604bd877","choices":[],"usage":{"prompt_tokens":16,"completion_tokens":300,"total_tokens":316,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"obfuscation":"h9RiQLL"}'  # noqa: E501
DEEPSEEK_FIRST = '{"id":"d6611601-c1b0-47ba-9dea-b05359fa7e24","object":"chat.completion.chunk","created":1787605943,"model":"deepseek-v4-pro","system_fingerprint":"a307abda487cd1b463329ccb945ce396","choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":""},"logprobs":null,"finish_reason":null}],"usage":null}'  # noqa: E501
DEEPSEEK_NEXT = '{"id":"d6611601-c1b0-47ba-9dea-b05359fa7e24","object":"chat.completion.chunk","created":1787605943,"model":"deepseek-v4-pro","system_fingerprint":"a307abda487cd1b463329ccb945ce396","choices":[{"index":0,"delta":{"content":null,"reasoning_content":"We"},"logprobs":null,"finish_reason":null}],"usage":null}'  # noqa: E501
DEEPSEEK_LAST = '{"id":"d6611601-c1b0-47ba-9dea-b05359fa7e24","object":"chat.completion.chunk","created":1787605943,"model":"deepseek-v4-pro","system_fingerprint":"a307abda487cd1b463329ccb945ce396","choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":87,"completion_tokens":2,"total_tokens":89,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":2},"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":87}}'  # noqa: E501
DEEPSEEK_PLAIN_NEXT = '{"id":"26cd6d62-9cf3-4e11-bff3-0b7bee0b2d76","object":"chat.completion.chunk","created":1787605943,"model":"deepseek-v4-flash","system_fingerprint":"a26a7955944dc5c60445bff77fac9c8e","choices":[{"index":0,"delta":{"content":"OK"},"logprobs":{"content":[{"token":"OK","logprob":-0.00002467602,"bytes":[79,75],"top_logprobs":[{"token":"OK","logprob":-0.00002467602,"bytes":[79,75]}]}]},"finish_reason":null}],"usage":null}'  # noqa: E501


def masked(chunk: Any) -> Any:
    """A chunk with what must differ taken out: names, numbers and texts, but for those that say what a chunk is."""
    kept = {"object", "role", "finish_reason"}
    if isinstance(chunk, dict):
        return [(name, inner if name in kept else masked(inner)) for name, inner in chunk.items()]
    if isinstance(chunk, list):
        return [masked(inner) for inner in chunk[:1]]
    if isinstance(chunk, str):
        return "text" if chunk else ""
    return "number" if isinstance(chunk, (int, float)) and not isinstance(chunk, bool) else chunk


def test_openais_chunks_are_those_recorded(call: Caller) -> None:
    first, second, *_, last, usage, done = call.stream(
        "openai", max_tokens=6, logit_bias=NO_END, stream_options={"include_usage": True}
    )
    assert masked(first) == masked(json.loads(OPENAI_FIRST))
    assert masked(second) == masked(json.loads(OPENAI_NEXT))
    assert masked(last) == masked(json.loads(OPENAI_LAST.replace('"stop"', '"length"')))
    assert masked(usage) == masked(json.loads(OPENAI_USAGE))
    assert usage["usage"]["completion_tokens"] == 6
    assert done == "[DONE]"


def test_openais_padding_makes_lengths_as_alike_as_the_recorded_ones(call: Caller) -> None:
    recorded = {len(chunk) % 16 for chunk in (OPENAI_FIRST, OPENAI_NEXT, OPENAI_LAST, OPENAI_USAGE)}
    response = call.post("openai", call.body("openai", "Hello", stream=True, max_tokens=8))
    lengths = {len(event.removeprefix("data: ")) % 16 for event in response.text.split("\n\n") if "chunk" in event}
    assert lengths == recorded == {1}
    off = {"include_obfuscation": False}
    assert "obfuscation" not in call.stream("openai", "Hello", max_tokens=2, stream_options=off)[0]


def test_deepseeks_chunks_are_those_recorded_while_it_thinks(call: Caller) -> None:
    first, second, last, done = call.stream("deepseek", max_tokens=1, stream_options={"include_usage": True})
    assert masked(first) == masked(json.loads(DEEPSEEK_FIRST))
    assert masked(second) == masked(json.loads(DEEPSEEK_NEXT))
    assert masked(last) == masked(json.loads(DEEPSEEK_LAST))
    assert done == "[DONE]"


def test_deepseeks_chunks_are_those_recorded_when_it_does_not_think(call: Caller) -> None:
    off = {"thinking": {"type": "disabled"}, "logprobs": True, "top_logprobs": 1}
    first, second, *_, last, _ = call.stream("deepseek", max_tokens=3, **off)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert masked(second) == masked(json.loads(DEEPSEEK_PLAIN_NEXT))
    assert last["choices"][0]["delta"] == {"content": ""}
    assert last["usage"] is None  # not asked for


def test_all_working_comes_before_the_answer(call: Caller) -> None:
    deltas = [chunk["choices"][0]["delta"] for chunk in call.stream("deepseek", "What is 3 + 4?")[1:-2]]
    kinds = ["working" if delta["reasoning_content"] is not None else "answer" for delta in deltas]
    assert kinds == sorted(kinds, reverse=True)
    assert {"working", "answer"} == set(kinds)


@pytest.mark.parametrize("provider", ["lab", "openai", "deepseek"])
def test_every_event_is_one_line_of_data_between_empty_lines(call: Caller, provider: str) -> None:
    body = call.post(provider, call.body(provider, stream=True, max_tokens=5)).content
    assert body.endswith(b"data: [DONE]\n\n")
    for event in body.removesuffix(b"\n\n").split(b"\n\n"):
        assert event.startswith(b"data: ")
        assert b"\n" not in event


def test_several_choices_are_each_opened_and_closed_once(call: Caller) -> None:
    chunks = call.stream("lab", "Tell me a story.", n=3, max_tokens=9)[:-1]
    for index in range(3):
        mine = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == index]
        assert [choice["delta"].get("role") for choice in mine].count("assistant") == 1
        assert mine[0]["delta"]["role"] == "assistant"
        assert [choice["finish_reason"] for choice in mine if choice["finish_reason"]] == [mine[-1]["finish_reason"]]


def test_usage_comes_only_when_asked_for(call: Caller) -> None:
    assert all("usage" not in chunk for chunk in call.stream("openai", max_tokens=3)[:-1])
    *_, usage, _ = call.stream("lab", max_tokens=3, stream_options={"include_usage": True})
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 3


# --- pace ---------------------------------------------------------------------------------------------------------


def test_tokens_are_due_one_after_another_at_the_speed_of_the_facts() -> None:
    pace = Pace(Speed(first_token_s=0.5, tokens_per_s=10), real=True)
    assert [pace.due_s(count) for count in (0, 1, 2, 11)] == pytest.approx([0.5, 0.5, 0.6, 1.5])


def at_speed(call: Caller, provider: str, **speed: float) -> None:
    """Let a provider be as fast as said, at the real pace."""
    known = dict(call.server.facts)
    slow = Speed(**speed)
    models = {name: model.model_copy(update={"speed": slow}) for name, model in known[provider].models.items()}
    known[provider] = known[provider].model_copy(update={"models": models})
    call.server.reset(facts=facts_of(known, call), pace="real")


def facts_of(known: dict[str, Provider], call: Caller) -> Any:
    return type(call.server.facts)(known, call.server.facts.moment)


@pytest.fixture
def paced(call: Caller) -> Any:
    before = call.server.facts
    yield call
    call.server.reset(facts=before, pace="quick")


def test_while_deepseek_lets_a_stream_wait_it_sends_comments(paced: Caller) -> None:
    at_speed(paced, "deepseek", first_token_s=2.5, tokens_per_s=1000)
    body = paced.post("deepseek", paced.body("deepseek", stream=True, max_tokens=2)).text
    head, _, rest = body.partition("data: ")
    assert set(head.split("\n\n")) == {": keep-alive", ""}
    assert "keep-alive" not in rest


def test_while_deepseek_lets_a_plain_call_wait_it_sends_empty_lines(paced: Caller) -> None:
    at_speed(paced, "deepseek", first_token_s=2.5, tokens_per_s=1000)
    response = paced.post("deepseek", paced.body("deepseek", max_tokens=2))
    assert response.text.startswith("\n")
    assert response.json()["usage"]["completion_tokens"] == 2


def test_an_answer_that_cannot_keep_its_pace_says_how_late_it_is(paced: Caller) -> None:
    at_speed(paced, "lab", first_token_s=0, tokens_per_s=1e9)
    long: Any = {"max_tokens": 100, "n": 8, "logit_bias": NO_END}
    plain = paced.post("lab", paced.body("lab", **long))
    assert int(plain.headers["x-lab-late-ms"]) > 0
    streamed = paced.post("lab", paced.body("lab", stream=True, **long)).text
    assert int(streamed.partition("data: [DONE]\n\n: x-lab-late-ms=")[2]) > 0
    assert paced.server.log[-1].late_ms > 0


def test_at_the_quick_pace_nothing_is_late(call: Caller) -> None:
    assert "x-lab-late-ms" not in call.post("lab", call.body("lab")).headers


# --- several, and some that leave ---------------------------------------------------------------------------------


def test_many_streams_at_once_do_not_mix(call: Caller) -> None:
    asks = [(f"Tell me a story about number {i}.", i) for i in range(16)]

    def one(prompt: str, seed: int) -> str:
        chunks = call.stream("lab", prompt, seed=seed, max_tokens=20)[:-1]
        assert len({chunk["id"] for chunk in chunks}) == 1
        return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)

    alone = [one(*ask) for ask in asks]
    together: dict[int, str] = {}

    def run(number: int) -> None:
        together[number] = one(*asks[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(len(asks))] == alone


def until(true: Any) -> bool:
    deadline = time.monotonic() + 30
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(true())


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_model(call: Caller, stream: bool) -> None:
    body = json.dumps(call.body("lab", stream=stream, logit_bias=NO_END, n=16)).encode()
    head = f"POST /lab/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    head += f"Authorization: {call.headers('lab')['Authorization']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", call.server.port)) as sock:
        sock.sendall(head.encode() + body)
        if stream:
            assert sock.recv(1000)
        else:
            assert until(lambda: len(call.server.log) == 1 and call.server.log[0].prompt_tokens)
    assert until(lambda: call.server.log[0].gone)
    assert until(lambda: not call.server.busy)
    assert call.server.log[0].completion_tokens is None


def test_a_stream_can_be_read_as_it_comes(call: Caller) -> None:
    body = call.body("lab", stream=True, logit_bias=NO_END, max_tokens=40)
    url = call.server.provider_url("lab") + "/chat/completions"
    with httpx.stream("POST", url, json=body, headers=call.headers("lab"), timeout=60) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        pieces = list(response.iter_raw())
    assert len(pieces) > 10
