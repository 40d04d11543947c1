"""The local providers under strain: 10,000 malformed requests, and 200 streams at once."""

from __future__ import annotations

import asyncio
import json
import random
import string
import time
from collections import Counter
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Caller
from labkit.probe.voices import voice_of

MANY = 10_000
SEED = 20261120
# fmt: off
PATHS = (
    "", "/", "/chat/completions", "/models", "/models/x", "/v1/messages", "/v1/models", "/v1/messages/count_tokens",
    "/api/chat", "/api/generate", "/api/tags", "/api/show", "/api/ps", "/v1/chat/completions/", "/chat//completions",
    "/%00", "/%ff", "/..%2f..", "/models/%F0%9F%A6%8A", "/v1/v1/chat/completions",
)
METHODS = ("GET", "POST", "POST", "POST", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "WHATEVER")
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, 1e-308,
    "", "a", "user", "\x00", "🦊", "مرحبا", "a" * 3000, [], {}, [[]], [{}], [None], [1, "a", None], ["a"] * 200,
    {"": None}, {"type": "text"}, {"type": None}, {"type": "function"}, {"x": {"x": {"x": []}}}, [{"role": "user"}],
    [{"role": "user", "content": None}], [{"role": "user", "content": [{"type": "image_url"}]}],
    {"type": "json_schema", "json_schema": {"schema": {"type": "nothing"}}},
)
NAMES = (
    "model", "messages", "temperature", "top_p", "top_k", "min_p", "n", "stop", "seed", "stream", "stream_options",
    "logprobs", "top_logprobs", "logit_bias", "max_tokens", "max_completion_tokens", "tools", "tool_choice",
    "response_format", "user", "reasoning_effort", "thinking", "system", "stop_sequences", "output_config", "metadata",
    "options", "format", "think", "prompt", "suffix", "raw", "keep_alive", "random_seed", "models", "provider",
    "reasoning", "x", "",
)
# fmt: on


def some_body(chance: random.Random, good: dict[str, Any]) -> bytes:
    """A body that is wrong in one of many ways."""
    way = chance.random()
    if way < 0.06:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
    body = {**good}
    for _ in range(chance.randrange(1, 4)):
        value = chance.choice(STRANGE)
        if value in (2**31, 2**63, 10**30) and chance.random() < 0.9:
            value = -5
        body[chance.choice(NAMES)] = value
    if chance.random() < 0.2:
        body.pop(chance.choice(list(body)))
    if chance.random() < 0.2 and isinstance(body.get("messages"), list):
        body["messages"] = [{"role": chance.choice(("user", "wizard", 5)), "content": chance.choice(STRANGE)}]
    text = json.dumps(body).encode()
    if way < 0.14:
        return text[: chance.randrange(len(text))]
    if way < 0.18:
        return text.replace(b":", b"::", 1)
    return json.dumps(chance.choice(STRANGE)).encode() if way < 0.2 else text


def own_fault(response: httpx.Response) -> bool:
    """Whether the lab failed, and not the provider in its own words (Ollama answers a strange `format` with 500)."""
    note = response.headers.get("x-lab-note", "")
    return "not the provider's doing" in note or (response.status_code == 500 and "format" not in response.text)


def some_headers(chance: random.Random, good: dict[str, str]) -> dict[str, str]:
    headers = {**good}
    if chance.random() < 0.05:
        headers = {name: "".join(chance.choices(string.printable[:94], k=20)) for name in headers}
    headers["content-type"] = chance.choice(
        ("application/json", "application/json", "text/plain", "", "multipart/form-data")
    )
    return headers


def test_ten_thousand_malformed_requests_find_no_fault_of_the_servers_own(call: Caller) -> None:
    """No 500 that nobody asked for, no traceback, no answer without a status, and it is alive at the end."""
    chance = random.Random(SEED)
    providers = list(call.server.facts)
    statuses: Counter[int] = Counter()
    limit_of = {"anthropic": {"max_tokens": 2}}
    for number in range(MANY):
        name = chance.choice(providers)
        provider = call.server.facts[name]
        voice = voice_of(provider)
        good = voice.body(provider.model("chat").id, "Hi", {}, limit_of.get(name, {"max_tokens": 2}))
        key = {provider.key.header: f"{provider.key.scheme} {provider.key.local}".strip()}
        path = voice.path if chance.random() < 0.8 else chance.choice(PATHS)
        if name == "ollama" and chance.random() < 0.3:
            url = call.server.url + "/ollama" + chance.choice(("/api/chat", "/api/generate", "/api/show"))
        else:
            url = call.server.provider_url(name) + path
        method = "POST" if chance.random() < 0.85 else chance.choice(METHODS)
        body = some_body(chance, good)
        response = call.http.request(method, url, content=body, headers=some_headers(chance, {**key, **voice.headers}))
        statuses[response.status_code] += 1
        assert not own_fault(response), (number, method, url, body[:500], response.text)
        if number % 500 == 499:  # the log keeps every record: look and let go
            assert [record.trouble for record in call.server.log if record.trouble] == [], number
            call.server.reset()
    assert call.chat("lab", max_tokens=1)
    assert sum(statuses.values()) == MANY
    assert {200, 400, 401, 404} <= set(statuses), statuses


WILD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(["openai", "anthropic", "ollama", "mistral"]), field=st.sampled_from(NAMES), value=WILD)
def test_whatever_a_field_holds_the_provider_answers(call: Caller, name: str, field: str, value: Any) -> None:
    if field == "n":
        return  # a number without bound would be a number of answers
    provider = call.server.facts[name]
    voice = voice_of(provider)
    body = {**voice.body(provider.model("chat").id, "Hi", {}, {"max_tokens": 2}), field: value}
    key = {provider.key.header: f"{provider.key.scheme} {provider.key.local}".strip()}
    url = call.server.provider_url(name) + voice.path
    response = call.http.post(url, content=json.dumps(body).encode(), headers={**key, **voice.headers})
    assert not own_fault(response), response.text


# --- many at once ---------------------------------------------------------------------------------------------------

NO_END = {"0": -100, "2": -100}
"""The model is not to end its turn, so that every stream is as long."""


def test_two_hundred_streams_at_once_are_all_complete_and_none_mixes_with_another(call: Caller) -> None:
    url = call.server.provider_url("lab") + "/chat/completions"

    def body(number: int) -> dict[str, Any]:
        messages = [{"role": "user", "content": f"Tell me a story about number {number}."}]
        return {"model": "lab-chat", "messages": messages, "max_tokens": 40, "seed": number, "logit_bias": NO_END}

    async def one(http: httpx.AsyncClient, number: int) -> tuple[set[str], str, int]:
        ids, text, tokens = set(), "", 0
        options = {"stream": True, "stream_options": {"include_usage": True}}
        async with http.stream("POST", url, json={**body(number), **options}, headers=call.headers("lab")) as response:
            assert response.status_code == 200
            lines = [line async for line in response.aiter_lines()]
        assert lines[-2:] == ["data: [DONE]", ""] or lines[-1] == "data: [DONE]", lines[-3:]
        for line in lines:
            if line.startswith("data: {"):
                chunk = json.loads(line.removeprefix("data: "))
                ids.add(chunk["id"])
                text += "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
                tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
        return ids, text, tokens

    async def together() -> list[tuple[set[str], str, int]]:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(timeout=300, trust_env=False, limits=limits) as http:
            return list(await asyncio.gather(*(one(http, number) for number in range(200))))

    streams = asyncio.run(together())
    assert [tokens for _, _, tokens in streams] == [40] * 200
    assert all(len(ids) == 1 for ids, _, _ in streams)
    assert len({next(iter(ids)) for ids, _, _ in streams}) == 200
    for number in (0, 7, 99, 199):  # alone, each request has the same text
        alone = call.chat("lab", f"Tell me a story about number {number}.", **_rest(body(number)))
        assert alone["choices"][0]["message"]["content"] == streams[number][1]


def _rest(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in ("model", "messages")}


def test_a_client_that_goes_away_stops_its_generation(call: Caller) -> None:
    url = call.server.provider_url("lab") + "/chat/completions"
    body = call.body("lab", "Tell me a story.", max_tokens=900, stream=True, logit_bias=NO_END)
    with call.http.stream("POST", url, json=body, headers=call.headers("lab")) as response:
        next(response.iter_raw())
    record = call.server.log[-1]
    for _ in range(600):
        if record.gone:
            break
        time.sleep(0.05)
    assert record.gone
    assert (record.completion_tokens or 0) < 900
