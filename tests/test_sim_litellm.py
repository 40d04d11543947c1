"""litellm's `completion` against each local provider: it must not be able to tell.

litellm wants older versions of SDKs than these tests use, so it lives in an environment of its own (tests/outside.py,
which names the pinned version) and a process of its own (tests/litellm_client.py) that may not leave the machine.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import outside
import pytest

from conftest import Caller
from labkit import facts
from labkit.clock import Clock

ASK: Any = [{"role": "user", "content": "What is the capital of France?"}]
PROVIDERS = {
    "openai": "openai",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "groq": "groq",
    "openrouter": "openrouter",
    "ollama": "ollama",
    "ollama_chat": "ollama",
    "fireworks_ai": "fireworks",
    "anthropic": "anthropic",
}
PATHS = {"ollama": "/api/generate", "ollama_chat": "/api/chat", "anthropic": "/v1/messages"}
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]},
        },
    }
]
Completion = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def litellm() -> Iterator[subprocess.Popen[str]]:
    """litellm at work; skipped where its environment was not made, but not where LAB_CI is set."""
    if not outside.ready("litellm"):
        if os.environ.get("LAB_CI"):
            pytest.fail("litellm is not installed: `python tests/outside.py litellm` must run before the tests")
        pytest.skip("litellm is not installed beside the lab; `python tests/outside.py litellm` does it")
    command = [str(outside.python("litellm")), str(outside.TESTS / "litellm_client.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as client:
        yield client
        assert client.stdin
        client.stdin.close()
        assert client.wait(60) == 0


@pytest.fixture
def completion(call: Caller, litellm: subprocess.Popen[str]) -> Completion:
    """litellm.completion of a provider as litellm names it; its model, address and key unless others are given."""

    def done(name: str, **fields: Any) -> dict[str, Any]:
        server, provider = call.server, PROVIDERS[name]
        root = provider in ("ollama", "anthropic")  # litellm adds the rest of the path itself
        model = fields.pop("model", None) or server.facts[provider].model("chat").id
        sent = {
            "model": f"{name}/{model}",
            "api_base": server.sdk_url(provider) if root else server.provider_url(provider),
            "api_key": server.facts[provider].key.local,
            "messages": ASK,
            **fields,
        }
        assert litellm.stdin
        assert litellm.stdout
        litellm.stdin.write(json.dumps(sent) + "\n")
        litellm.stdin.flush()
        answer: dict[str, Any] = json.loads(litellm.stdout.readline())
        return answer

    return done


def heard(call: Caller, name: str) -> list[Any]:
    """What the provider was asked; litellm also asks what an Ollama model can do, in the background."""
    return [one for one in call.server.log if one.provider == PROVIDERS[name] and one.path != "/api/show"]


def said(told: dict[str, Any]) -> dict[str, Any]:
    assert "answer" in told, told
    answer: dict[str, Any] = told["answer"]
    return answer


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_chat(call: Caller, completion: Completion, name: str) -> None:
    answer = said(completion(name, max_tokens=60))
    (choice,) = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["finish_reason"] in ("stop", "length")
    usage = answer["usage"]
    assert usage["prompt_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    (record,) = heard(call, name)
    assert record.status == 200
    assert record.path.endswith(PATHS.get(name, "/chat/completions"))


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_streamed_chat_says_the_same_as_the_whole(call: Caller, completion: Completion, name: str) -> None:
    whole = said(completion(name, max_tokens=60))["choices"][0]
    call.server.reset(pace="quick", seed=0)
    told = completion(name, max_tokens=60, stream=True)
    assert "chunks" in told, told
    choices = [choice for chunk in told["chunks"] for choice in chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    assert text == whole["message"]["content"]
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == [whole["finish_reason"]]


@pytest.mark.parametrize("name", ["deepseek", "groq", "fireworks_ai"])
def test_reasoning_comes_beside_the_answer(completion: Completion, name: str) -> None:
    message = said(completion(name))["choices"][0]["message"]
    assert message.get("reasoning_content") or message.get("reasoning")
    assert message["content"]


@pytest.mark.parametrize("name", ["openai", "mistral", "groq", "openrouter", "ollama_chat", "anthropic"])
def test_a_tool_call(completion: Completion, name: str) -> None:
    forced = {} if name == "ollama_chat" else {"tool_choice": "required"}
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]  # Ollama leaves it to the model to call
    choice = said(completion(name, messages=asked, tools=TOOLS, max_tokens=200, **forced))["choices"][0]
    (made,) = choice["message"]["tool_calls"]
    assert made["function"]["name"] == "get_weather"
    assert json.loads(made["function"]["arguments"])["city"] in ("Paris", "Rome")
    assert choice["finish_reason"] == "tool_calls"


# --- its error classes --------------------------------------------------------------------------------------------

UNKNOWN_MODEL = {
    "openai": ("NotFoundError", 404),
    "deepseek": ("BadRequestError", 400),
    "mistral": ("BadRequestError", 400),
    "groq": ("NotFoundError", 404),
    "openrouter": ("BadRequestError", 400),
    "ollama": ("NotFoundError", 404),
    "ollama_chat": ("NotFoundError", 404),
    "fireworks_ai": ("NotFoundError", 404),
    "anthropic": ("NotFoundError", 404),
}
WRONG_KEY = {
    "openai": "AuthenticationError",
    "deepseek": "BadRequestError",  # litellm reads `invalid_request_error` in the body before it reads the status
    "mistral": "AuthenticationError",
    "groq": "BadRequestError",  # the same
    "openrouter": "AuthenticationError",
    "fireworks_ai": "AuthenticationError",
    "anthropic": "AuthenticationError",
}
LIMITED: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "openai": ("free", {}, None),
    "mistral": ("free", {}, None),
    "groq": ("free", {}, None),
    "openrouter": ("below 10 credits", {"model": "liquid/lfm-2.5-2.6b:free"}, None),
    "fireworks_ai": ("no payment method", {}, None),
    "anthropic": ("tier 1", {}, "2025-09-14"),  # 50 requests a minute; its smallest tier of today has 1000
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_unknown_model(completion: Completion, name: str) -> None:
    told = completion(name, model="no-such-model")
    assert (told.get("error"), told.get("status")) == UNKNOWN_MODEL[name], told


@pytest.mark.parametrize("name", WRONG_KEY)
def test_a_wrong_key(call: Caller, completion: Completion, name: str) -> None:
    told = completion(name, api_key="sk-this-is-not-the-right-one")
    assert (told.get("error"), told.get("status")) == (WRONG_KEY[name], 401), told
    assert [record.status for record in heard(call, name)] == [401]


@pytest.mark.parametrize("name", ["ollama", "ollama_chat"])
def test_ollama_asks_for_no_key(completion: Completion, name: str) -> None:
    assert said(completion(name, api_key="sk-this-is-not-the-right-one"))["choices"]


@pytest.mark.parametrize("name", LIMITED)
def test_a_limited_account(call: Caller, completion: Completion, name: str) -> None:
    tier, fields, day = LIMITED[name]
    then = facts.load(day)
    call.server.reset(facts=then, clock=Clock(then.moment), tiers={PROVIDERS[name]: tier})
    try:
        for _ in range(60):
            told = completion(name, max_tokens=1, **fields)
            if "error" in told:
                break
        assert (told.get("error"), told.get("status")) == ("RateLimitError", 429), told
        *before, last = [record.status for record in heard(call, name)]
        assert last == 429
        assert before
        assert set(before) == {200}
    finally:
        now = facts.load()
        call.server.reset(facts=now, clock=Clock(now.moment), tiers={})


def test_too_many_at_once_at_deepseek(call: Caller, completion: Completion) -> None:
    call.server.faults.add("deepseek", "rate_limit", times=1)  # its limit is 2500 at once
    told = completion("deepseek")
    assert (told.get("error"), told.get("status")) == ("RateLimitError", 429), told
    assert said(completion("deepseek", max_tokens=2))


@pytest.mark.parametrize("name", ["ollama", "ollama_chat"])
def test_an_ollama_whose_queue_is_full(call: Caller, completion: Completion, name: str) -> None:
    call.server.faults.add("ollama", "overloaded", times=1)
    told = completion(name)
    assert (told.get("error"), told.get("status")) == ("ServiceUnavailableError", 503), told
