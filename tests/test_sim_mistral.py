"""Mistral's local twin: against bodies recorded from the real one, and the official SDK as a client.

Recorded: https://github.com/vercel/ai, packages/mistral/src/__fixtures__ (mistral-usage-raw-live of 2026-08-27,
mistral-large-4-* of 2026-10-06, mistral-text of 2026-01-22); refusals from the issues named beside them.
The SDK's models are generated from Mistral's published OpenAPI description: they are the schema here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import openai
import pytest
from mistralai.client import Mistral
from mistralai.client import models as schema
from mistralai.client.errors import HTTPValidationError, SDKError
from mistralai.client.utils.retries import BackoffStrategy, RetryConfig

from conftest import Caller
from labkit import facts
from labkit.sim import LocalServer

ASK: Any = [{"role": "user", "content": "What is the capital of France?"}]
NO_END = {"max_tokens": 6}

LARGE = """{"id": "e5ffd6f149884b47a22fd428e4399404", "created": 1791319073, "model": "mistral-large-4",
 "usage": {"prompt_tokens": 26, "total_tokens": 50, "completion_tokens": 24, "prompt_tokens_details":
 {"cached_tokens": 0}, "service_tier": "standard"}, "object": "chat.completion", "choices": [{"index": 0,
 "finish_reason": "stop", "message": {"role": "assistant", "tool_calls": null, "content": "There are 3"},
 "logprobs": null, "prompt_logprobs": null}]}"""
LARGE_THINKING = """{"id": "ef8044c3360843bdb1f55527e6c004fd", "created": 1791319070, "model": "mistral-large-4",
 "usage": {"prompt_tokens": 26, "total_tokens": 138, "completion_tokens": 112, "prompt_tokens_details":
 {"cached_tokens": 0}, "service_tier": "standard"}, "object": "chat.completion", "choices": [{"index": 0,
 "finish_reason": "stop", "message": {"role": "assistant", "tool_calls": null, "content": [{"type": "thinking",
 "thinking": [{"type": "text", "text": "The user is asking"}], "closed": true}, {"type": "text", "text": "3"}]},
 "logprobs": null, "prompt_logprobs": null}]}"""
JANUARY = """{"id": "5319bd0299614c679a0068a4f2c8ffd0", "created": 1769088720, "model": "mistral-small-latest",
 "usage": {"prompt_tokens": 13, "total_tokens": 447, "completion_tokens": 434}, "object": "chat.completion",
 "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "tool_calls": null,
 "content": "Hi"}}]}"""
STREAM = [
    '{"id":"b5810ef13dbb4811a20d34e1393d8431","object":"chat.completion.chunk","created":1787865810,"model":"mistral-small-latest","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
    '{"id":"b5810ef13dbb4811a20d34e1393d8431","object":"chat.completion.chunk","created":1787865810,"model":"mistral-small-latest","choices":[{"index":0,"delta":{"content":"OK"},"finish_reason":null}],"p":"abcdefghijklmnopqrstuvwxyz0123456789"}',
    '{"id":"b5810ef13dbb4811a20d34e1393d8431","object":"chat.completion.chunk","created":1787865810,"model":"mistral-small-latest","choices":[{"index":0,"delta":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":19,"total_tokens":21,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":0},"service_tier":"standard"},"p":"abcdef"}',
]


def masked(value: Any, kept: tuple[str, ...] = ("object", "role", "finish_reason", "type")) -> Any:
    """A body with what must differ taken out: numbers and texts, but for those that say what a thing is."""
    if isinstance(value, dict):
        return [(name, inner if name in kept else masked(inner, kept)) for name, inner in value.items()]
    if isinstance(value, list):
        return [masked(inner, kept) for inner in value]
    if isinstance(value, str):
        return "text" if value else ""
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else value


# --- against recorded bodies --------------------------------------------------------------------------------------


def test_a_plain_answer_has_the_recorded_fields_in_their_order(call: Caller) -> None:
    answer = call.chat("mistral", model="mistral-large-4")
    assert masked(answer) == masked(json.loads(LARGE))
    assert len(answer["id"]) == len(json.loads(LARGE)["id"])
    assert int(answer["id"], 16) >= 0


def test_a_reasoned_answer_is_a_list_of_parts(call: Caller) -> None:
    answer = call.chat("mistral", "What is 3 + 4?", model="mistral-large-4", reasoning_effort="high")
    assert masked(answer) == masked(json.loads(LARGE_THINKING))
    thinking, text = answer["choices"][0]["message"]["content"]
    assert thinking["thinking"][0]["text"]
    assert "</think>" not in thinking["thinking"][0]["text"] + text["text"]


def test_reasoning_comes_only_when_it_is_asked_for(call: Caller) -> None:
    for fields in ({}, {"reasoning_effort": "none"}):
        assert isinstance(call.chat("mistral", **fields)["choices"][0]["message"]["content"], str)


def test_the_model_that_an_answer_names_is_the_alias_that_was_asked_for(call: Caller) -> None:
    assert call.chat("mistral", model="mistral-small-latest")["model"] == "mistral-small-latest"


def test_a_stream_has_the_recorded_chunks(call: Caller) -> None:
    first, second, *_, last, done = call.stream("mistral", "Tell me a story.", max_tokens=2)
    assert [masked(chunk) for chunk in (first, second, last)] == [masked(json.loads(chunk)) for chunk in STREAM]
    assert done == "[DONE]"
    letters = json.loads(STREAM[1])["p"]
    assert letters.startswith(second["p"])
    assert letters.startswith(last["p"])


def test_a_stream_of_reasoning_has_lists_until_the_text_begins(call: Caller) -> None:
    chunks = call.stream("mistral", "What is 3 + 4?", reasoning_effort="high")[:-1]
    kinds = [type(chunk["choices"][0]["delta"]["content"]).__name__ for chunk in chunks[1:-1]]
    assert kinds == sorted(kinds)  # lists, then strings
    assert set(kinds) == {"list", "str"}


def test_in_january_usage_had_three_counts_and_choices_no_logprobs() -> None:
    with LocalServer(facts.load("2026-03-15"), pace="quick") as server:
        caller = Caller(server)
        assert masked(caller.chat("mistral")) == masked(json.loads(JANUARY))
        response = caller.post("mistral", caller.body("mistral", top_k=40))
        assert response.json()["message"]["detail"][0]["loc"] == ["body", "top_k"], "top_k came in October 2026"
        caller.http.close()
    assert facts.load("2026-11-20")["mistral"].parameters["top_k"].fate == "honoured"


# --- refusals in Mistral's words ----------------------------------------------------------------------------------


def flat(response: Any, status: int) -> dict[str, Any]:
    """A flat error body: there is no `error` around it."""
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert list(body)[:5] == ["object", "message", "type", "param", "code"]
    assert body["object"] == "error"
    return body


def test_a_field_that_is_not_known_is_a_422_with_its_place(call: Caller) -> None:
    # https://github.com/editor-code-assistant/eca/issues/231
    body = flat(call.post("mistral", call.body("mistral", max_completion_tokens=32000)), 422)
    assert body == {
        "object": "error",
        "message": {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "max_completion_tokens"],
                    "msg": "Extra inputs are not permitted",
                    "input": 32000,
                }
            ]
        },
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_p", 0.1),
        ("seed", 7),
        ("user", "me"),
        ("logit_bias", {"1": 1}),
        ("store", False),
        ("stream_options", {"include_usage": True}),
        ("safe_mode", True),
    ],
)
def test_fields_of_other_providers_are_refused(call: Caller, name: str, value: Any) -> None:
    detail = flat(call.post("mistral", call.body("mistral", **{name: value})), 422)["message"]["detail"]
    assert [(one["loc"], one["input"]) for one in detail] == [(["body", name], value)]


@pytest.mark.parametrize(
    ("turns", "loc"),
    [
        # https://github.com/nomtek/mistralai_client_dart/issues/44
        ([{"role": "user", "content": "Hi", "name": "me"}], ["body", "messages", 0, "user", "name"]),
        # https://github.com/charmbracelet/crush/issues/1590
        (
            [*ASK, {"role": "assistant", "content": "Paris", "reasoning_content": "..."}, *ASK],
            ["body", "messages", 1, "assistant", "reasoning_content"],
        ),
    ],
)
def test_a_messages_field_that_is_not_known_is_a_422_with_its_place(call: Caller, turns: Any, loc: list[Any]) -> None:
    body = flat(call.post("mistral", {**call.body("mistral"), "messages": turns}), 422)
    assert body["message"]["detail"][0]["type"] == "extra_forbidden"
    assert body["message"]["detail"][0]["loc"] == loc


def test_a_temperature_above_the_maximum(call: Caller) -> None:
    # https://github.com/vegu-ai/talemate/issues/102, when it was 1; https://github.com/SillyTavern/SillyTavern/pull/4856
    assert call.post("mistral", call.body("mistral", temperature=1.5, max_tokens=1)).status_code == 200
    body = flat(call.post("mistral", call.body("mistral", temperature=1.6)), 422)
    assert body["message"]["detail"] == [
        {
            "type": "less_than_equal",
            "loc": ["body", "temperature"],
            "msg": "Input should be less than or equal to 1.5",
            "input": 1.6,
        }
    ]


def test_the_order_of_messages(call: Caller) -> None:
    # https://github.com/datapizza-labs/datapizza-ai/issues/98 and https://github.com/NEKOparapa/AiNiee/issues/641
    tool = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [*ASK, {"role": "assistant", "content": "", "tool_calls": [tool]}]
    turns += [{"role": "tool", "tool_call_id": "abcdefghi", "name": "f", "content": "42"}]
    assert call.post("mistral", {**call.body("mistral", max_tokens=1), "messages": turns}).status_code == 200
    body = flat(call.post("mistral", {**call.body("mistral"), "messages": [*turns, *ASK]}), 400)
    assert body["message"] == "Unexpected role 'user' after role 'tool'"
    assert (body["type"], body["code"]) == ("invalid_request_message_order", "3230")
    last = [*ASK, {"role": "assistant", "content": "Par"}]
    body = flat(call.post("mistral", {**call.body("mistral"), "messages": last}), 400)
    assert body["message"].startswith("Expected last role User or Tool (or Assistant with prefix True)")
    last[-1] = {**last[-1], "prefix": True}
    assert call.post("mistral", {**call.body("mistral", max_tokens=1), "messages": last}).status_code == 200


PREFIX = "The capital of "


def begun(**fields: Any) -> dict[str, Any]:
    return {"messages": [*ASK, {"role": "assistant", "content": PREFIX, **fields}]}


def test_an_answer_goes_on_from_a_prefix_and_has_it_in_front(call: Caller) -> None:
    # https://docs.mistral.ai/guides/prefix/ cuts the prefix off itself: content[len(prefix):]
    answer = call.chat("mistral", max_tokens=3, temperature=0, **begun(prefix=True))
    content = answer["choices"][0]["message"]["content"]
    assert content.startswith(PREFIX)
    assert len(content) > len(PREFIX)
    assert answer["usage"]["completion_tokens"] <= 3  # the prefix is counted with the prompt
    asked = call.chat("mistral", max_tokens=3, temperature=0)
    assert answer["usage"]["prompt_tokens"] > asked["usage"]["prompt_tokens"]


def test_what_follows_a_prefix_is_what_the_model_says_after_that_text(call: Caller) -> None:
    # Anthropic's older models take the same beginning without a flag, and do not repeat it
    model = call.server.facts["anthropic"].model("sampling").id
    headers = {"x-api-key": call.server.facts["anthropic"].key.local, "anthropic-version": "2023-06-01"}
    said = [*ASK, {"role": "assistant", "content": PREFIX.strip()}]
    body = {"model": model, "max_tokens": 12, "temperature": 0, "messages": said}
    other = call.post("anthropic", body, path="/v1/messages", headers=headers).json()["content"][0]["text"]
    mine = call.chat("mistral", max_tokens=12, temperature=0, messages=said[:-1] + [{**said[-1], "prefix": True}])
    assert mine["choices"][0]["message"]["content"] == PREFIX.strip() + other


def test_a_stream_brings_the_prefix_first_in_one_piece(call: Caller) -> None:
    # https://github.com/vercel/ai/pull/3256: clients take the repeated text out of streams too
    *chunks, _ = call.stream("mistral", max_tokens=3, temperature=0, n=2, **begun(prefix=True))
    for index in (0, 1):
        deltas = [c["choices"][0]["delta"]["content"] for c in chunks if c["choices"][0]["index"] == index]
        assert deltas[:2] == ["", PREFIX]
        assert "".join(deltas[2:])
    whole = call.chat("mistral", max_tokens=3, temperature=0, n=2, **begun(prefix=True))
    assert "".join(deltas) == whole["choices"][1]["message"]["content"]


@pytest.mark.parametrize("prefix", [False, None])
def test_without_the_flag_a_last_word_of_the_assistant_is_refused(call: Caller, prefix: bool | None) -> None:
    response = call.post("mistral", call.body("mistral", **begun(prefix=prefix)))
    assert flat(response, 400)["message"].startswith("Expected last role User or Tool")


def test_a_prefix_in_the_middle_continues_nothing(call: Caller) -> None:
    turns = [*begun(prefix=True)["messages"], *ASK]
    answer = call.chat("mistral", max_tokens=3, messages=turns)
    assert not answer["choices"][0]["message"]["content"].startswith(PREFIX)


def test_where_the_facts_end_a_note_says_what_the_lab_does_with_a_prefix(call: Caller) -> None:
    form = {"response_format": {"type": "json_object"}}
    for fields, words in (({"reasoning_effort": "high"}, "while it reasons"), (form, "beside a response_format")):
        response = call.post("mistral", call.body("mistral", max_tokens=9, **fields, **begun(prefix=True)))
        assert response.status_code == 200, response.text
        assert words in response.headers["x-lab-note"]
        assert response.json()["choices"][0]["message"]["content"].startswith(PREFIX)


def test_an_unknown_model_is_a_400_with_a_code(call: Caller) -> None:
    # https://github.com/tmc/langchaingo/issues/1233
    for model in ("mistral-1", "mistral-small-2506"):
        body = flat(call.post("mistral", call.body("mistral", model=model)), 400)
        assert body["message"] == f"Invalid model: {model}"
        assert (body["type"], body["code"]) == ("invalid_model", "1500")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong-key-of-somebody"}])
def test_without_the_right_key(call: Caller, headers: dict[str, str]) -> None:
    # https://github.com/nextcloud/integration_openai/issues/332
    response = call.post("mistral", call.body("mistral"), headers=headers)
    assert (response.status_code, response.json()) == (401, {"detail": "Unauthorized"})


def test_a_wrong_path_is_answered_by_the_gateway_before_mistral(call: Caller) -> None:
    # https://github.com/nextcloud/assistant/issues/593
    response = call.get("mistral", "/chat/models")
    assert response.status_code == 404
    assert response.json()["message"] == "no Route matched with those values"
    assert list(response.json()) == ["message", "request_id"]


def test_a_wrong_type_is_named_as_the_validator_names_it(call: Caller) -> None:
    # https://docs.pydantic.dev/latest/errors/validation_errors/
    for value, kind in (("hot", "float_parsing"), ([1], "float_type")):
        detail = flat(call.post("mistral", call.body("mistral", temperature=value)), 422)["message"]["detail"]
        assert (detail[0]["type"], detail[0]["loc"]) == (kind, ["body", "temperature"])
    detail = flat(call.post("mistral", call.body("mistral", max_tokens=1.5)), 422)["message"]["detail"]
    assert detail[0]["type"] == "int_from_float"
    detail = flat(call.post("mistral", call.body("mistral", response_format={"type": "xml"})), 422)["message"]["detail"]
    assert detail[0]["loc"] == ["body", "response_format", "type"]
    assert detail[0]["msg"] == "Input should be 'text', 'json_object' or 'json_schema'"


# --- what takes effect --------------------------------------------------------------------------------------------


def test_random_seed_repeats_and_another_one_does_not(call: Caller) -> None:
    def text(seed: int) -> str:
        answer = call.chat("mistral", "Tell me a story about a fox.", random_seed=seed, max_tokens=20, temperature=1)
        return str(answer["choices"][0]["message"]["content"])

    assert text(7) == text(7) != text(8)


def test_logprobs_are_given_since_the_schema_has_them(call: Caller) -> None:
    content = call.chat("mistral", logprobs=True, top_logprobs=2)["choices"][0]["logprobs"]["content"]
    assert [len(one["top_logprobs"]) for one in content] == [2] * len(content)


def test_the_headers_that_count(call: Caller) -> None:
    # https://github.com/mistralai/client-ts/issues/169
    headers = call.post("mistral", call.body("mistral", max_tokens=2)).headers
    assert headers["x-ratelimit-limit-tokens-minute"] == "5000000"
    assert headers["x-ratelimit-limit-req-minute"] == "720"
    assert headers["x-ratelimit-remaining-req-minute"] == "719"
    assert int(headers["x-ratelimit-tokens-query-cost"]) > 0


# --- the official SDK ---------------------------------------------------------------------------------------------


@pytest.fixture
def client(call: Caller) -> Iterator[Mistral]:
    with Mistral(api_key=call.server.facts["mistral"].key.local, server_url=call.server.sdk_url("mistral")) as client:
        yield client


def test_the_schema_is_the_one_these_tests_were_written_for() -> None:
    assert version("mistralai").split(".")[0] == "3"


def test_the_sdk_chats(client: Mistral) -> None:
    answer = client.chat.complete(model="mistral-small-latest", messages=ASK, max_tokens=20)
    assert answer.choices[0].message is not None
    assert isinstance(answer.choices[0].message.content, str)
    assert answer.usage.total_tokens == (answer.usage.prompt_tokens or 0) + (answer.usage.completion_tokens or 0)


def test_the_sdk_streams(client: Mistral) -> None:
    with client.chat.stream(model="mistral-small-latest", messages=ASK, max_tokens=20) as stream:
        chunks = [event.data for event in stream]
    assert "".join(str(chunk.choices[0].delta.content or "") for chunk in chunks)
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] in ("stop", "length")
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_the_sdk_gives_a_prefix_and_takes_it_off_again(client: Mistral) -> None:
    turns: Any = begun(prefix=True)["messages"]
    answer = client.chat.complete(model="mistral-small-latest", messages=turns, max_tokens=5)
    assert answer.choices[0].message is not None
    content = str(answer.choices[0].message.content)
    assert content.startswith(PREFIX)
    assert content[len(PREFIX) :]


def test_the_sdk_reads_reasoning(client: Mistral) -> None:
    answer = client.chat.complete(model="mistral-large-4", messages=ASK, reasoning_effort="high")
    message = answer.choices[0].message
    assert message is not None
    assert isinstance(message.content, list)
    assert isinstance(message.content[0], schema.ThinkChunk)
    assert message.content[0].closed is True


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


def test_the_sdk_gets_a_tool_call_and_its_stream(client: Mistral) -> None:
    asked: Any = {"model": "mistral-small-latest", "messages": ASK, "tools": TOOLS, "tool_choice": "any"}
    answer = client.chat.complete(**asked, max_tokens=100)
    message = answer.choices[0].message
    assert message is not None
    assert message.tool_calls
    made = message.tool_calls[0]
    assert len(str(made.id)) == 9
    assert made.function.name == "get_weather"
    assert json.loads(str(made.function.arguments))["city"] in ("Paris", "Rome")
    assert answer.choices[0].finish_reason == "tool_calls"
    with client.chat.stream(**asked, max_tokens=100) as stream:
        chunks = [event.data for event in stream]
    calls = [one for chunk in chunks for one in chunk.choices[0].delta.tool_calls or []]
    assert json.loads(str(calls[0].function.arguments))["city"] in ("Paris", "Rome")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_sdk_lists_models(client: Mistral) -> None:
    listed = client.models.list().data or []
    small = next(card for card in listed if card.id == "mistral-small-2603")
    assert isinstance(small, schema.BaseModelCard)
    assert small.capabilities.completion_chat
    assert small.max_context_length == 256000
    assert small.aliases == ["mistral-small-latest"]
    found = client.models.retrieve(model_id="mistral-small-2603")
    assert found.id == "mistral-small-2603"


def test_the_sdks_own_error_classes(call: Caller, client: Mistral) -> None:
    with pytest.raises(HTTPValidationError) as refused:
        client.chat.complete(model="mistral-small-latest", messages=ASK, temperature=3)
    assert refused.value.status_code == 422
    with pytest.raises(SDKError) as unknown:
        client.chat.complete(model="mistral-nope", messages=ASK)
    assert unknown.value.status_code == 400
    assert json.loads(unknown.value.body)["code"] == "1500"
    with Mistral(api_key="wrong", server_url=call.server.sdk_url("mistral")) as stranger, pytest.raises(SDKError) as no:
        stranger.models.list()
    assert no.value.status_code == 401


def test_the_sdks_retries_wait_as_long_as_retry_after_says(call: Caller) -> None:
    # by its own timetable the SDK would wait for an hour
    retries = RetryConfig("backoff", BackoffStrategy(3_600_000, 3_600_000, 1, 7_200_000), retry_connection_errors=False)
    key, url = call.server.facts["mistral"].key.local, call.server.sdk_url("mistral")
    call.server.faults.add("mistral", "rate_limit", times=1, wait_s=1)
    with Mistral(api_key=key, server_url=url, retry_config=retries) as client:
        assert client.chat.complete(model="mistral-small-latest", messages=ASK, max_tokens=1).choices
    assert [record.status for record in call.server.log] == [429, 200]


def checked(model: Any, body: dict[str, Any]) -> None:
    """The body holds what the schema's model requires, and nothing that the model does not know."""
    read = model.model_validate(body)
    back = json.loads(read.model_dump_json(by_alias=True))

    def inside(sent: Any, kept: Any, at: str) -> None:
        if isinstance(sent, dict):
            unknown = {name for name in set(sent) - set(kept) if sent[name] is not None}
            assert not unknown, f"{at}: {unknown}"
            for name in set(sent) & set(kept):
                inside(sent[name], kept[name], f"{at}.{name}")
        elif isinstance(sent, list):
            for number, (one, other) in enumerate(zip(sent, kept, strict=True)):
                inside(one, other, f"{at}[{number}]")

    inside(body, back, model.__name__)


@pytest.mark.parametrize("fields", [{}, {"n": 2}, {"reasoning_effort": "high"}, {"logprobs": True}])
def test_answers_fit_the_published_schema(call: Caller, fields: dict[str, Any]) -> None:
    checked(schema.ChatCompletionResponse, call.chat("mistral", max_tokens=30, **fields))


@pytest.mark.parametrize("fields", [{}, {"reasoning_effort": "high"}])
def test_chunks_fit_the_published_schema_but_for_their_padding(call: Caller, fields: dict[str, Any]) -> None:
    for chunk in call.stream("mistral", max_tokens=30, **fields)[:-1]:
        checked(schema.CompletionChunk, {name: value for name, value in chunk.items() if name != "p"})


def test_the_list_of_models_fits_the_published_schema(call: Caller) -> None:
    for entry in call.get("mistral", "/models").json()["data"]:
        checked(schema.BaseModelCard, entry)


# --- an OpenAI client ---------------------------------------------------------------------------------------------


def test_an_openai_client_chats_and_meets_its_own_error_classes(call: Caller) -> None:
    key, url = call.server.facts["mistral"].key.local, call.server.provider_url("mistral")
    with openai.OpenAI(api_key=key, base_url=url, max_retries=0) as client:
        answer = client.chat.completions.create(model="mistral-small-latest", messages=ASK, max_tokens=9)
        assert answer.choices[0].message.content is not None
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            client.chat.completions.create(
                model="mistral-small-latest", messages=ASK, stream=True, stream_options={"include_usage": True}
            )
        assert refused.value.response.json()["message"]["detail"][0]["loc"] == ["body", "stream_options"]
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    with openai.OpenAI(api_key="wrong", base_url=url, max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
