"""OpenRouter's local twin: against bodies and streams recorded from the real one, and the openai SDK as a client.

Recorded: https://github.com/ethanpil/or-toolbox, tests/fixtures/openrouter (2026-10-02), and the cassettes of
https://github.com/pydantic/pydantic-ai (2026-05-22 and 2026-08-11). What an answer must have and may have is read from
OpenRouter's OpenAPI description as of 2026-08-22 (ChatResult, ChatStreamChunk, ChatUsage).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest

from conftest import Caller
from labkit import facts
from labkit.clock import Clock
from labkit.sim import LocalServer

LIQUID, SOL, LLAMA = "liquid/lfm-2.5-2.6b:free", "openai/gpt-6.1-sol", "meta-llama/llama-3.3-70b-instruct"

WHOLE = """{"id": "gen-1790981403-wrnRYGs8VBhCEKopNY1F", "object": "chat.completion", "created": 1790981403,
 "model": "liquid/lfm-2.5-2.6b:free", "provider": "Liquid", "system_fingerprint": "vllm", "service_tier": null,
 "choices": [{"index": 0, "logprobs": null, "finish_reason": "stop", "native_finish_reason": "stop", "message":
 {"role": "assistant", "content": "pong", "refusal": null, "reasoning": "The user", "reasoning_details":
 [{"type": "reasoning.text", "text": "The user", "format": "unknown", "index": 0}]}}], "usage": {"prompt_tokens": 16,
 "completion_tokens": 80, "total_tokens": 96, "cost": 0, "is_byok": false, "prompt_tokens_details": {"cached_tokens": 0,
 "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0}, "cost_details": {"upstream_inference_cost": 0,
 "upstream_inference_prompt_cost": 0, "upstream_inference_completions_cost": 0}, "completion_tokens_details":
 {"reasoning_tokens": 76, "image_tokens": 0, "audio_tokens": 0}}}"""
STREAM = [
    """{"id":"gen-1786465029-CAkqUciXgQW34RmFaTck","object":"chat.completion.chunk","created":1786465029,
    "model":"openai/gpt-4.1-mini","provider":"OpenAI","choices":[{"index":0,"delta":{"content":"https",
    "role":"assistant"},"finish_reason":null,"native_finish_reason":null}]}""",
    """{"id":"gen-1786465029-CAkqUciXgQW34RmFaTck","object":"chat.completion.chunk","created":1786465029,
    "model":"openai/gpt-4.1-mini","provider":"OpenAI","choices":[{"index":0,"delta":{"content":"","role":"assistant"},
    "finish_reason":"stop","native_finish_reason":"completed"}]}""",
    """{"id":"gen-1786465029-CAkqUciXgQW34RmFaTck","object":"chat.completion.chunk","created":1786465029,
    "model":"openai/gpt-4.1-mini","provider":"OpenAI","service_tier":"default","choices":[{"index":0,"delta":
    {"content":"","role":"assistant"},"finish_reason":"stop","native_finish_reason":"completed"}],"usage":
    {"prompt_tokens":8174,"completion_tokens":30,"total_tokens":8204,"cost":0.0133176,"is_byok":false,
    "prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0,"video_tokens":0},
    "cost_details":{"upstream_inference_cost":0.0133176,"upstream_inference_prompt_cost":0.0032696,
    "upstream_inference_completions_cost":0.000048},"completion_tokens_details":{"reasoning_tokens":0,
    "image_tokens":0,"audio_tokens":0}}}""",
]
MODEL = """{"id": "openai/gpt-6.1-sol", "canonical_slug": "openai/gpt-6.1-sol-20260929", "hugging_face_id": null,
 "name": "OpenAI: GPT-6.1 Sol", "created": 1790702882, "context_length": 1050000, "architecture": {"modality":
 "text+image+file->text", "input_modalities": ["file", "image", "text"], "output_modalities": ["text"], "tokenizer":
 "GPT", "instruct_type": null}, "per_request_limits": null, "supported_parameters": ["include_reasoning",
 "max_completion_tokens", "max_tokens", "reasoning", "reasoning_effort", "response_format", "seed",
 "structured_outputs", "tool_choice", "tools", "verbosity"], "default_parameters": {}, "supported_voices": null,
 "knowledge_cutoff": null, "expiration_date": null, "reasoning": {"mandatory": true, "default_enabled": true,
 "supported_efforts": ["max", "xhigh", "high", "medium", "low"], "default_effort": "medium"}}"""
USER = "user_2lab0000fake0000account000"


def keys(value: Any) -> Any:
    """The names of all fields in their order, the kind of each value, nothing of what it says."""
    if isinstance(value, dict):
        return [(name, keys(inner)) for name, inner in value.items()]
    if isinstance(value, list):
        return [keys(inner) for inner in value]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


# --- against recorded bodies --------------------------------------------------------------------------------------


def test_an_answer_has_the_recorded_fields_in_their_order(call: Caller) -> None:
    answer, recorded = call.chat("openrouter", model=LIQUID), json.loads(WHOLE)
    answer["system_fingerprint"] = ""  # null at hosts that have none (recorded 2026-05-22), so here
    assert keys(answer) == keys(recorded)
    assert answer["usage"]["cost"] == 0


def test_a_stream_has_the_recorded_chunks(call: Caller) -> None:
    first, *_, closing, usage, done = call.stream("openrouter", max_tokens=30)
    recorded = [json.loads(chunk) for chunk in STREAM]
    recorded[2]["service_tier"] = None  # null at other hosts (captured 2026-08-02)
    assert [keys(chunk) for chunk in (first, closing, usage)] == [keys(chunk) for chunk in recorded]
    assert closing["choices"] == usage["choices"] == recorded[1]["choices"]
    assert done == "[DONE]"


def test_a_comment_comes_before_the_first_chunk_and_no_field_but_data(call: Caller) -> None:
    text = call.post("openrouter", call.body("openrouter", stream=True, max_tokens=3)).text
    lines = [line for line in text.split("\n") if line]
    assert lines[0] == ": OPENROUTER PROCESSING"
    assert all(line.startswith("data: ") for line in lines[1:])


def test_the_header_names_the_generation(call: Caller) -> None:
    for stream in (False, True):
        response = call.post("openrouter", call.body("openrouter", stream=stream, max_tokens=2))
        assert f'"id":"{response.headers["x-generation-id"]}"' in response.text
        assert "x-ratelimit-limit" not in response.headers


def test_the_catalogue_needs_no_key_and_looks_as_recorded(call: Caller) -> None:
    response = call.get("openrouter", "/models", headers={})
    assert response.status_code == 200
    body = response.json()
    assert list(body) == ["data", "total_count", "links"]
    entry = next(model for model in body["data"] if model["id"] == SOL)
    recorded = json.loads(MODEL)
    assert {name: entry[name] for name in recorded} == recorded
    assert entry["pricing"] == {"prompt": "0.000002", "completion": "0.00001"}
    assert entry["top_provider"] == {"context_length": 1050000, "max_completion_tokens": 128000, "is_moderated": False}


def test_what_the_official_description_requires_is_there(call: Caller) -> None:
    answer = call.chat("openrouter", max_tokens=3)
    assert {"id", "choices", "created", "model", "object", "system_fingerprint"} <= set(answer)
    for chunk in call.stream("openrouter", max_tokens=3)[:-1]:
        assert {"id", "choices", "created", "model", "object"} <= set(chunk)
        for choice in chunk["choices"]:
            assert {"delta", "finish_reason", "index"} <= set(choice)


# --- cost, reasoning, parameters ----------------------------------------------------------------------------------


def test_the_cost_is_the_price_of_this_very_call(call: Caller) -> None:
    usage = call.chat("openrouter", model=LLAMA)["usage"]  # 0.10 and 0.32 USD a million (models.dev, 2026-07-02)
    inside, outside = Decimal(usage["prompt_tokens"]), Decimal(usage["completion_tokens"])
    expected = (inside * Decimal("0.10") + outside * Decimal("0.32")) / 1_000_000
    assert Decimal(str(usage["cost"])) == expected
    details = usage["cost_details"]
    parts = details["upstream_inference_prompt_cost"], details["upstream_inference_completions_cost"]
    assert sum(Decimal(str(part)) for part in parts) == expected


def test_reasoning_is_shown_hidden_or_off(call: Caller) -> None:
    model = "deepseek/deepseek-v4-flash"
    message = call.chat("openrouter", model=model)["choices"][0]["message"]
    assert message["reasoning"] == message["reasoning_details"][0]["text"] != ""
    hidden = call.chat("openrouter", model=model, reasoning={"exclude": True})
    assert hidden["choices"][0]["message"]["reasoning"] is None
    assert hidden["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    for off in ({"reasoning": {"effort": "none"}}, {"reasoning": {"enabled": False}}, {"reasoning_effort": "none"}):
        answer = call.chat("openrouter", model=model, **off)
        assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0
    claude = "anthropic/claude-haiku-4.5"
    assert call.chat("openrouter", model=claude, max_tokens=4)["choices"][0]["message"]["reasoning"] is None
    asked = call.chat("openrouter", model=claude, reasoning={"effort": "low"})
    assert asked["choices"][0]["message"]["reasoning"]


def test_reasoning_streams_beside_empty_content(call: Caller) -> None:
    first = call.stream("openrouter", model=LIQUID, max_tokens=5)[0]["choices"][0]["delta"]
    assert list(first) == ["content", "role", "reasoning", "reasoning_details"]
    assert first["content"] == ""


def test_what_a_model_does_not_support_is_dropped_without_a_word(call: Caller) -> None:
    story = "Tell me a story about a fox."
    for model, drops in (("openai/gpt-4o-mini", True), (LLAMA, False)):
        greedy, free = (
            {
                call.chat("openrouter", story, model=model, seed=seed, max_tokens=12, **top)["choices"][0]["message"][
                    "content"
                ]
                for seed in range(4)
            }
            for top in ({"top_k": 1}, {})
        )
        assert (greedy == free) is drops
        assert len(free) > 1
        assert (len(greedy) == 1) is not drops
    assert (
        "temperature" not in call.get("openrouter", "/models").text.split(SOL + '"')[1].split('"default_parameters"')[0]
    )


def test_debug_shows_what_was_sent_on(call: Caller) -> None:
    fields: Any = {"model": "openai/gpt-4o-mini", "top_k": 5, "temperature": 0.5, "debug": {"echo_upstream_body": True}}
    first = call.stream("openrouter", max_tokens=2, **fields)[0]
    assert first["choices"] == []
    sent = first["debug"]["echo_upstream_body"]
    assert sent["model"] == "gpt-4o-mini"
    assert sent["temperature"] == 0.5
    assert "top_k" not in sent
    assert "debug" not in sent
    assert "debug" not in call.chat("openrouter", max_tokens=2, **fields)


# --- routes -------------------------------------------------------------------------------------------------------


def test_the_next_model_answers_where_the_first_cannot_be_found(call: Caller) -> None:
    body: Any = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    answer = call.post("openrouter", {**body, "models": ["nope/nope", LLAMA]}).json()
    assert answer["model"] == LLAMA
    answer = call.post("openrouter", {**body, "model": "stepfun/step-3.5-flash:free", "models": [LLAMA]}).json()
    assert answer["model"] == LLAMA
    failed = call.post("openrouter", {**body, "model": "nope/nope", "models": ["nope/worse"]})
    assert failed.json()["error"]["message"] == "nope/worse is not a valid model ID"
    assert call.post("openrouter", body).json()["model"] == "openai/gpt-4o-mini"  # the account's default


def test_variants_and_aliases_are_answered_by_what_they_stand_for(call: Caller) -> None:
    for name in (f"{LLAMA}:nitro", f"{LLAMA}:floor"):
        assert call.chat("openrouter", model=name, max_tokens=1)["model"] == LLAMA
    assert call.chat("openrouter", model="~openai/gpt-sol-latest", max_tokens=1)["model"] == SOL


def test_who_hosts_can_be_wished_for(call: Caller) -> None:
    model = "anthropic/claude-haiku-4.5"
    for wish, host in (
        ({}, "Anthropic"),
        ({"only": ["amazon-bedrock"]}, "Amazon Bedrock"),
        ({"order": ["google", "anthropic"]}, "Google"),
        ({"ignore": ["anthropic"]}, "Amazon Bedrock"),
    ):
        body = {**call.body("openrouter", model=model, max_tokens=1), "provider": wish}
        assert call.post("openrouter", body).json()["provider"] == host


ROUTE_FAILS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"model": "openai/gpt-4o-mini", "provider": {"only": ["mistral"]}},
        {
            "message": "No allowed providers are available for the selected model.",
            "code": 404,
            "metadata": {"available_providers": ["openai", "azure"], "requested_providers": ["mistral"]},
        },
    ),
    (
        {"model": LIQUID, "provider": {"data_collection": "deny"}},
        {
            "message": "No endpoints found matching your data policy (Free model training). Configure: "
            "https://openrouter.ai/settings/privacy",
            "code": 404,
            "metadata": {
                "routing_funnel": [{"step": "Initial Endpoints", "endpoint_count": 1}],
                "failed_routing_step": "Filter by Data Policy",
            },
        },
    ),
    ({"model": f"{LLAMA}:free"}, {"message": f"No endpoints found for {LLAMA}:free.", "code": 404}),
]


@pytest.mark.parametrize(("fields", "error"), ROUTE_FAILS)
def test_a_route_that_there_is_not_is_a_404(call: Caller, fields: Any, error: Any) -> None:
    response = call.post("openrouter", {**call.body("openrouter"), **fields})
    assert response.status_code == 404
    assert response.json()["error"] == error


def test_require_parameters_turns_silence_into_a_404(call: Caller) -> None:
    quiet = call.body("openrouter", model=SOL, temperature=0.2, max_tokens=1)
    assert call.post("openrouter", quiet).status_code == 200
    loud = call.post("openrouter", {**quiet, "provider": {"require_parameters": True}})
    assert loud.status_code == 404
    assert loud.json()["error"]["message"].startswith("No endpoints found that can handle the requested parameters")


# --- refusals -----------------------------------------------------------------------------------------------------

NO_INPUT = {"error": {"message": 'Input required: specify "prompt" or "messages"', "code": 400}, "user_id": USER}
REFUSED: list[tuple[Any, int, Any]] = [
    (
        b"{",
        400,
        {"error": {"message": "Input must have at least 1 token.", "code": 400, "metadata": {"provider_name": None}}},
    ),
    ({"model": LLAMA}, 400, NO_INPUT),
    ({"model": LLAMA, "messages": "Hi", "max_tokens": "many"}, 400, NO_INPUT),
    (
        {"model": "acme/fake-1.0", "messages": [{"role": "user", "content": "Hi"}]},
        400,
        {"error": {"message": "acme/fake-1.0 is not a valid model ID", "code": 400}, "user_id": USER},
    ),
    (
        {"model": LIQUID, "messages": [{"role": "user", "content": "Hi"}], "reasoning": {"effort": "none"}},
        400,
        {
            "error": {
                "message": "Reasoning is mandatory for this endpoint and cannot be disabled.",
                "code": 400,
                "metadata": {"provider_name": None},
            }
        },
    ),
]


@pytest.mark.parametrize(("body", "status", "said"), REFUSED, ids=lambda value: str(value)[:30])
def test_refusals_in_the_recorded_words(call: Caller, body: Any, status: int, said: Any) -> None:
    response = call.post("openrouter", body)
    assert (response.status_code, response.json()) == (status, said)


def test_keys_in_the_recorded_words(call: Caller) -> None:
    body = call.body("openrouter")
    missing = call.post("openrouter", body, headers={})
    assert (missing.status_code, missing.json()["error"]["message"]) == (401, "No cookie auth credentials found")
    wrong = call.post("openrouter", body, headers={"Authorization": "Bearer sk-or-v1-0123456789"})
    assert wrong.json() == {"error": {"message": "User not found.", "code": 401}}
    nowhere = call.get("openrouter", "/nothing")
    assert (nowhere.status_code, nowhere.json()) == (404, {"error": {"message": "Not Found", "code": 404}})


def test_a_context_too_long_counts_the_answer_where_it_was_asked_for(call: Caller) -> None:
    long = call.body("openrouter", "7 " * 33_000, model=LIQUID)
    said = call.post("openrouter", long).json()["error"]["message"]
    assert said.startswith("This endpoint's maximum context length is 65536 tokens. However, you requested about 66")
    assert 'of text input). Please reduce the length of either one, or use the "middle-out" transform' in said
    short = call.body("openrouter", "Hi", model=LIQUID, max_tokens=65536)
    assert ", 65536 in the output)" in call.post("openrouter", short).json()["error"]["message"]


# --- limits, credit, faults ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def poor() -> Iterator[Caller]:
    """A caller whose account has little credit and never bought ten."""
    clock = Clock(facts.course_moment())
    with LocalServer(
        facts.load(),
        clock=clock,
        pace="quick",
        tiers={"openrouter": "below 10 credits"},
        credit_usd={"openrouter": 0.01},
    ) as server:
        caller = Caller(server)
        yield caller
        caller.http.close()


def test_the_twenty_first_request_of_a_minute_to_a_free_model_is_limited(poor: Caller) -> None:
    body = poor.body("openrouter", "Hi", model=LIQUID, max_tokens=1)
    assert [poor.post("openrouter", body).status_code for _ in range(20)] == [200] * 20
    response = poor.post("openrouter", body)
    assert response.status_code == 429
    found = response.json()["error"]
    assert found["message"].startswith("Rate limit exceeded: free-models-per-min.")
    told = found["metadata"]["headers"]
    assert (told["X-RateLimit-Limit"], told["X-RateLimit-Remaining"]) == ("20", "0")
    now_ms = poor.server.clock.timestamp() * 1000
    assert now_ms < int(told["X-RateLimit-Reset"]) <= now_ms + 60_000
    assert poor.chat("openrouter", "Hi", model=LLAMA, max_tokens=1)  # models that cost are not limited


def test_little_credit_affords_little(poor: Caller) -> None:
    response = poor.post("openrouter", poor.body("openrouter", "Hi", model=SOL, max_tokens=8192))
    assert response.status_code == 402
    said = response.json()["error"]["message"]
    assert "You requested up to 8192 tokens, but can only afford " in said
    assert 900 < int(said.split("afford ")[1].split(".")[0]) <= 1000  # 10 USD a million


def test_an_error_in_mid_stream_is_an_event_of_a_200(call: Caller) -> None:
    headers = {**call.headers("openrouter"), "x-lab-fault": "error_event; after=2"}
    response = call.post("openrouter", call.body("openrouter", stream=True, max_tokens=20), headers=headers)
    assert response.status_code == 200
    events = [json.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: {")]
    last = events[-1]
    assert last["error"]["code"] == 502
    assert last["error"]["metadata"]["error_type"] == "provider_unavailable"
    assert last["choices"] == [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
    assert {name: last[name] for name in ("id", "object", "model", "provider")} == {
        name: events[0][name] for name in ("id", "object", "model", "provider")
    }


# --- the openai SDK -----------------------------------------------------------------------------------------------


@pytest.fixture
def sdk(call: Caller) -> Iterator[openai.OpenAI]:
    key, url = call.server.facts["openrouter"].key.local, call.server.provider_url("openrouter")
    with openai.OpenAI(api_key=key, base_url=url, max_retries=0) as client:
        yield client


def test_the_sdk_reads_answers_streams_and_models(sdk: openai.OpenAI) -> None:
    turns: Any = [{"role": "user", "content": "What is the capital of France?"}]
    answer = sdk.chat.completions.create(model=LLAMA, messages=turns, max_tokens=10)
    assert answer.choices[0].message.content
    assert answer.usage
    assert answer.usage.model_extra
    assert answer.usage.model_extra["cost"] > 0
    assert answer.model_extra
    assert answer.model_extra["provider"] == "DeepInfra"
    chunks = list(sdk.chat.completions.create(model=LLAMA, messages=turns, max_tokens=10, stream=True))
    assert chunks[-1].usage
    assert chunks[-1].choices[0].delta.content == ""
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert LIQUID in [model.id for model in sdk.models.list()]
    routed = sdk.chat.completions.create(
        model="nope/nope", messages=turns, max_tokens=2, extra_body={"models": [LLAMA], "provider": {"sort": "price"}}
    )
    assert routed.model == LLAMA


def test_the_sdk_raises_by_status_and_finds_a_number_as_code(sdk: openai.OpenAI) -> None:
    turns: Any = [{"role": "user", "content": "Hi"}]
    with pytest.raises(openai.BadRequestError) as bad:
        sdk.chat.completions.create(model="nope/nope", messages=turns)
    assert bad.value.body == {"message": "nope/nope is not a valid model ID", "code": 400}
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.create(model=f"{LLAMA}:free", messages=turns)
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="sk-or-v1-wrong").chat.completions.create(model=LLAMA, messages=turns)
    with pytest.raises(openai.RateLimitError):
        sdk.chat.completions.create(model=LLAMA, messages=turns, extra_headers={"x-lab-fault": "capacity"})


def test_the_sdk_raises_at_an_error_in_mid_stream(sdk: openai.OpenAI) -> None:
    turns: Any = [{"role": "user", "content": "Tell me a story"}]
    fault = {"x-lab-fault": "error_event; after=2"}
    stream = sdk.chat.completions.create(model=LLAMA, messages=turns, stream=True, extra_headers=fault)
    with pytest.raises(openai.APIError, match="Provider disconnected unexpectedly"):
        list(stream)
