"""Every refusal of the local providers, made over HTTP, is named right by `diagnose`."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from labkit import facts
from labkit.diagnosis import diagnose
from labkit.facts import in_force
from labkit.facts.provider import Provider
from labkit.sim.faults import KINDS, own_cases

FACTS = facts.load()
PROVIDERS = [name for name in FACTS if name != "lab"]
NATIVE = {"anthropic": "/messages", "ollama": "/chat/completions"}


def chat_of(provider: Provider, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": provider.model("chat").id, "messages": [{"role": "user", "content": "Hi"}]}
    if provider.dialect == "anthropic-messages":
        body["max_tokens"] = 20
    return {**body, **fields}


def headers_of(provider: Provider, key: str | None = None) -> dict[str, str]:
    headers = {provider.key.header: f"{provider.key.scheme} {key or provider.key.local}".strip()}
    return {**headers, **provider.address.headers}


# what is done to a good call, and what may be named first; a provider that answers 200 to it has nothing to diagnose
SITUATIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no key": ({"no_key": True}, {"missing_key"}),
    "wrong key": ({"key": "wrong-key-of-nobody"}, {"wrong_key"}),
    "wrong path": ({"path": "/chat/completion"}, {"wrong_path"}),
    "path doubled": ({"path_twice": True}, {"path_doubled"}),
    "wrong method": ({"method": "GET"}, {"wrong_method", "wrong_path"}),
    "not JSON": ({"content": b'{"model": "x", '}, {"not_json"}),
    "a list": ({"content": b"[]"}, {"not_json"}),
    "no model": ({"without": "model"}, {"missing_field"}),
    "no messages": ({"without": "messages"}, {"missing_field"}),
    "empty messages": ({"sent": {"messages": []}}, {"missing_field", "message_order"}),
    "unknown role": ({"sent": {"messages": [{"role": "robot", "content": "Hi"}]}}, {"message_order"}),
    "no content": ({"sent": {"messages": [{"role": "user"}]}}, {"empty_message"}),
    "unknown model": ({"sent": {"model": "no-such-model-9"}}, {"model_unknown"}),
    "unknown field": ({"sent": {"a_field_nobody_knows": 1}}, {"parameter_refused"}),
    "wrong type": ({"sent": {"temperature": "warm"}}, {"parameter_value"}),
    "out of range": ({"sent": {"temperature": 99}}, {"parameter_value", "parameter_refused"}),
    "tool result alone": (
        {"sent": {"messages": [{"role": "tool", "tool_call_id": "a", "content": "1"}]}},
        {"tool_history", "message_order"},
    ),
    "empty tools": ({"sent": {"tools": []}}, {"tool_definition", "missing_field"}),
    "context too long": ({"long": True}, {"context_too_long"}),
}


def answer_to(call: Any, name: str, change: dict[str, Any]) -> httpx.Response:
    provider = FACTS[name]
    path = change.get("path") or provider.address.paths["chat"]
    if change.get("path_twice"):
        path = provider.address.paths["chat"] * 2
    body = {**chat_of(provider), **change.get("sent", {})}
    if change.get("long"):
        alive = [m for m in provider.models.values() if m.context_tokens and in_force(m.born, m.retired, FACTS.moment)]
        small = min(alive, key=lambda m: m.context_tokens or 0)
        body["model"], words = small.id, "word " * int((small.context_tokens or 0) * 1.3)
        body["messages"] = [{"role": "user", "content": words}]
    body.pop(change.get("without", ""), None)
    headers = headers_of(provider, change.get("key"))
    if change.get("no_key"):
        headers.pop(provider.key.header)
    sent = {"content": change["content"]} if "content" in change else {"json": body}
    if "content" in change:
        headers["content-type"] = "application/json"
    url = call.server.provider_url(name) + path
    response: httpx.Response = call.http.request(change.get("method", "POST"), url, headers=headers, **sent)
    return response


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_refused_request_is_named(call: Any, name: str, situation: str) -> None:
    change, wanted = SITUATIONS[situation]
    response = answer_to(call, name, change)
    if response.status_code == 200:
        assert FACTS[name].dialect in ("openai-chat", "anthropic-messages", "ollama")
        found = diagnose(response, facts=FACTS)
        assert found.fine or found.causes, found
        assert found.first is None or found.first.id not in ("missing_key", "wrong_key", "model_unknown"), found
        return
    found = diagnose(response, facts=FACTS)
    assert found.first is not None, f"{response.text}\n{found}"
    assert found.first.id in wanted, f"{response.text}\n{found}"


INSTEAD = {
    "rate_limit": {"rate_limit", "overloaded"},
    "no_credit": {"no_credit"},
    "server_error": {"server_error"},
    "bad_gateway": {"gateway_page"},
    "overloaded": {"overloaded"},
    "timeout": {"gateway_page", "model_timeout"},
    "capacity": {"overloaded"},
    "forbidden": {"forbidden", "content_policy"},
    "redirect": {"redirect"},
}
OWN = {
    "spend_limit": "no_credit",
    "suspended": "no_credit",
    "no_route": "model_unknown",
    "data_policy": "no_route",
    "no_capable_host": "model_cannot",
    "over_minute_budget": "above_minute_budget",
    "wrong_bearer": "wrong_key",
    "missing_version": "bad_version",
    "missing_max_tokens": "missing_field",
    "missing_content": "empty_message",
    "empty_text": "empty_message",
    "trailing_space": "message_order",
    "blank_stop": "parameter_value",
    "tool_names_twice": "tool_definition",
    "choice_without_tools": "tool_definition",
    "choice_while_thinking": "tool_definition",
    "open_object": "tool_definition",
    "budget_above_max_tokens": "parameter_value",
    "json_word": "json_word",
    "tool_alone": "tool_history",
    "calls_unanswered": "tool_history",
}


def faults_of(name: str) -> list[str]:
    provider = FACTS[name]
    usual = [kind for kind, known in KINDS.items() if known.level == "instead"]
    had = [kind for kind in usual if kind in ("redirect", "bad_gateway", "timeout") or kind in provider.errors]
    return [*had, *own_cases(provider)]


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name in PROVIDERS for fault in faults_of(name)])
def test_a_provider_that_fails_is_named(call: Any, name: str, fault: str) -> None:
    provider = FACTS[name]
    response = call.http.post(
        call.server.provider_url(name) + provider.address.paths["chat"],
        json=chat_of(provider),
        headers={**headers_of(provider), "x-lab-fault": fault},
    )
    found = diagnose(response, facts=FACTS)
    assert found.first is not None, f"{response.text}\n{found}"
    wanted = INSTEAD.get(fault) or ({OWN[fault]} if fault in OWN else None)
    assert wanted is not None, f"say in this test what {fault} is: {response.status_code} {response.text}"
    if fault == "missing_content" and "Input required" in response.text:
        wanted = {"missing_field"}  # a good request was refused in these words, which do not tell more
    assert found.first.id in wanted, f"{response.text}\n{found}"


BENT = {
    "truncated_json": "json_cut",
    "empty_choice": "empty_answer",
    "no_choices": "no_choices",
    "content_filter": "finish_filter",
}


@pytest.mark.parametrize("fault", BENT)
def test_a_bent_answer_is_named(call: Any, fault: str) -> None:
    response = call.post("openai", call.body("openai"), headers={**call.headers("openai"), "x-lab-fault": fault})
    found = diagnose(response, facts=FACTS)
    assert found.first is not None, response.text
    assert found.first.id == BENT[fault], f"{response.text}\n{found}"


def test_a_stream_that_breaks_is_named(call: Any) -> None:
    headers = {**call.headers("openai"), "x-lab-fault": "cut; after=2"}
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        call.post("openai", call.body("openai", stream=True), headers=headers)
    first = diagnose(caught.value, facts=FACTS).first
    assert first is not None
    assert first.id == "stream_cut"


@pytest.mark.parametrize("name", ["openrouter", "anthropic", "openai"])
def test_an_error_inside_a_stream_is_named(call: Any, name: str) -> None:
    provider = FACTS[name]
    response = call.http.post(
        call.server.provider_url(name) + provider.address.paths["chat"],
        json=chat_of(provider, stream=True),
        headers={**headers_of(provider), "x-lab-fault": "error_event; after=2"},
    )
    found = diagnose(response, facts=FACTS)
    assert [c.id for c in found.causes if c.id in ("error_in_stream", "overloaded", "server_error", "gateway_page")]


def test_a_length_is_named_with_its_arithmetic(call: Any) -> None:
    response = call.post("openai", call.body("openai", max_completion_tokens=2))
    first = diagnose(response, facts=FACTS).first
    assert first is not None
    assert first.id in ("finish_length", "reasoning_spent")
    assert "max_tokens was 2" in first.note


def test_a_closed_port_is_named() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    with pytest.raises(httpx.ConnectError) as caught:
        httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json={}, trust_env=False)
    first = diagnose(caught.value, facts=FACTS).first
    assert first is not None
    assert first.id == "refused"


def test_https_spoken_to_http_is_named(call: Any) -> None:
    url = call.server.provider_url("openai").replace("http://", "https://")
    with pytest.raises(httpx.ConnectError) as caught:
        httpx.post(f"{url}/chat/completions", json={}, trust_env=False)
    first = diagnose(caught.value, facts=FACTS).first
    assert first is not None
    assert first.id == "https_to_http"


def test_a_good_answer_is_not_called_a_fault(call: Any) -> None:
    for name in ("openai", "deepseek", "mistral"):
        response = call.post(name, call.body(name, max_tokens=400) if name != "openai" else call.body(name))
        found = diagnose(response, facts=FACTS)
        assert found.fine or found.causes[0].id == "finish_length", found
