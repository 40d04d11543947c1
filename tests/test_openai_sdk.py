"""The official openai SDK, unmodified, against the local providers: it must not be able to tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from conftest import Caller

PROVIDERS = ["lab", "openai", "deepseek"]
ASK: Any = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def clients(call: Caller) -> Iterator[Any]:
    made: list[openai.OpenAI] = []

    def client(provider: str, **options: Any) -> openai.OpenAI:
        options = {"api_key": call.server.facts[provider].key.local, "max_retries": 0, **options}
        options.setdefault("base_url", call.server.provider_url(provider))
        made.append(openai.OpenAI(**options))
        return made[-1]

    yield client
    for each in made:
        each.close()


def model(call: Caller, provider: str) -> str:
    return call.server.facts[provider].model("chat").id


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_chat(call: Caller, clients: Any, provider: str) -> None:
    answer = clients(provider).chat.completions.create(model=model(call, provider), messages=ASK, max_tokens=60)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content is not None
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_streamed_chat(call: Caller, clients: Any, provider: str) -> None:
    chunks = list(
        clients(provider).chat.completions.create(
            model=model(call, provider), messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] in (["stop"], ["length"])
    assert [chunk.usage.total_tokens > 0 for chunk in chunks if chunk.usage] == [True]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_sdks_own_stream_helper_puts_the_same_answer_together(call: Caller, clients: Any, provider: str) -> None:
    with clients(provider).chat.completions.stream(model=model(call, provider), messages=ASK) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert final.choices[0].message.content == text


def test_an_asynchronous_chat(call: Caller) -> None:
    async def ask() -> list[str]:
        key = call.server.facts["openai"].key.local
        async with openai.AsyncOpenAI(api_key=key, base_url=call.server.provider_url("openai")) as client:
            create = client.chat.completions.create
            answers = await asyncio.gather(*(create(model=model(call, "openai"), messages=ASK) for _ in range(4)))
        return [answer.id for answer in answers]

    assert len(set(asyncio.run(ask()))) == 4


@pytest.mark.parametrize("provider", PROVIDERS)
def test_models_listed_and_retrieved(call: Caller, clients: Any, provider: str) -> None:
    client = clients(provider)
    names = [each.id for each in client.models.list()]
    assert model(call, provider) in names
    assert client.models.retrieve(names[0]).id == names[0]


@pytest.mark.parametrize("provider", ["lab", "openai"])
def test_logprobs(call: Caller, clients: Any, provider: str) -> None:
    answer = clients(provider).chat.completions.create(
        model=model(call, provider), messages=ASK, logprobs=True, top_logprobs=3, max_tokens=4
    )
    content = answer.choices[0].logprobs.content
    assert [len(one.top_logprobs) for one in content] == [3] * len(content)
    assert b"".join(bytes(one.bytes) for one in content).decode() == answer.choices[0].message.content


def test_reasoning_at_deepseek(call: Caller, clients: Any) -> None:
    answer = clients("deepseek").chat.completions.create(model=model(call, "deepseek"), messages=ASK)
    assert answer.choices[0].message.reasoning_content
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_wrong_key_is_an_authentication_error(call: Caller, clients: Any, provider: str) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        clients(provider, api_key="sk-this-is-not-the-right-one").models.list()
    assert caught.value.status_code == 401
    assert "-one" in str(caught.value) or "****" in str(caught.value)
    assert "the-right" not in str(caught.value)


def test_an_unknown_model_is_not_found_at_openai_and_a_bad_request_at_deepseek(clients: Any) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        clients("openai").chat.completions.create(model="gpt-nope", messages=ASK)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="deepseek-v4-pro"):
        clients("deepseek").chat.completions.create(model="gpt-nope", messages=ASK)


def test_a_retired_model_is_a_bad_request_at_deepseek(clients: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="but you passed deepseek-chat"):
        clients("deepseek").chat.completions.create(model="deepseek-chat", messages=ASK)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_parameter_out_of_range_is_a_bad_request(call: Caller, clients: Any, provider: str) -> None:
    with pytest.raises(openai.BadRequestError, match="temperature"):
        clients(provider).chat.completions.create(
            model=model(call, provider),
            messages=ASK,
            temperature=3,
            **({"extra_body": {"thinking": {"type": "disabled"}}} if provider == "deepseek" else {}),
        )


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_doubled_path_is_not_found(call: Caller, clients: Any, provider: str) -> None:
    wrong = clients(provider, base_url=call.server.provider_url(provider) + "/chat/completions")
    with pytest.raises(openai.NotFoundError):
        wrong.chat.completions.create(model=model(call, provider), messages=ASK)


def test_openais_request_id_is_where_the_sdk_looks_for_it(call: Caller, clients: Any) -> None:
    answer = clients("openai").chat.completions.create(model=model(call, "openai"), messages=ASK, max_tokens=1)
    assert answer._request_id.startswith("req_")
    with pytest.raises(openai.NotFoundError) as caught:
        clients("openai").models.retrieve("gpt-nope")
    assert caught.value.request_id is not None


def test_a_server_that_is_gone_is_a_connection_error(clients: Any) -> None:
    with pytest.raises(openai.APIConnectionError):
        clients("openai", base_url="http://127.0.0.1:9/openai/v1").models.list()
