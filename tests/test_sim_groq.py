"""Groq's local twin: against bodies recorded from the real one, and the official SDK as a client.

Recorded: https://github.com/vercel/ai, packages/groq/src/__fixtures__ (groq-text of 2026-02-11, groq-qwen-reasoning-*
of 2026-08-24); refusals from the issues named beside them. The SDK's types are generated from Groq's published OpenAPI
description: they are the schema here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import groq
import pytest
from groq.types import Model
from groq.types.chat import ChatCompletion, ChatCompletionChunk
from test_sim_mistral import ASK, TOOLS, masked

from conftest import Caller
from labkit import facts
from labkit.sim import LocalServer

QWEN: Any = {"model": "qwen/qwen3.6-27b", "max_tokens": 20}
STORY = "Tell me a story about a fox."

PLAIN = """{"id": "chatcmpl-2a4f57ae-54bd-4935-b111-e7b8f561424b", "object": "chat.completion", "created": 1787594836,
 "model": "qwen/qwen3.6-27b", "choices": [{"index": 0, "message": {"role": "assistant", "content": "To calculate"},
 "logprobs": null, "finish_reason": "length"}], "usage": {"queue_time": 0.003839846, "prompt_tokens": 29,
 "prompt_time": 0.001949866, "completion_tokens": 64, "completion_time": 0.137555244, "total_tokens": 93,
 "total_time": 0.13950511}, "usage_breakdown": null, "system_fingerprint": "fp_56957dc726", "x_groq":
 {"id": "req_01m0tf92p4e8xaf14nvq2s4bvg", "seed": 1098143431}, "service_tier": "on_demand"}"""
REASONED = """{"id": "chatcmpl-1c3dada5-e92a-42f7-8378-fe0ab56b9d1c", "object": "chat.completion",
 "created": 1787594830, "model": "qwen/qwen3.6-27b", "choices": [{"index": 0, "message": {"role": "assistant",
 "content": "", "reasoning": "Here's a thinking process"}, "logprobs": null, "finish_reason": "length"}],
 "usage": {"queue_time": 0.469115043, "prompt_tokens": 27, "prompt_time": 0.002253896, "completion_tokens": 64,
 "completion_time": 0.141174868, "total_tokens": 91, "total_time": 0.143428764, "completion_tokens_details":
 {"reasoning_tokens": 64}}, "usage_breakdown": null, "system_fingerprint": "fp_b545673577", "x_groq":
 {"id": "req_01m0tf8wb1e5r8bd32g6a983sz", "seed": 1937480571}, "service_tier": "on_demand"}"""
STREAM = [
    '{"id":"chatcmpl-7eb08824-fb8d-47af-a1f0-3aa786f2d1f3","object":"chat.completion.chunk","created":1770770839,"model":"llama-3.3-70b-versatile","system_fingerprint":"fp_f8b414701e","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"x_groq":{"id":"req_01kh52ndshfr2azv0xe6tnv4fx","seed":1535227698}}',
    '{"id":"chatcmpl-7eb08824-fb8d-47af-a1f0-3aa786f2d1f3","object":"chat.completion.chunk","created":1770770839,"model":"llama-3.3-70b-versatile","system_fingerprint":"fp_f8b414701e","choices":[{"index":0,"delta":{"content":"Int"},"logprobs":null,"finish_reason":null}]}',
    '{"id":"chatcmpl-7eb08824-fb8d-47af-a1f0-3aa786f2d1f3","object":"chat.completion.chunk","created":1770770842,"model":"llama-3.3-70b-versatile","system_fingerprint":"fp_f8b414701e","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"x_groq":{"id":"req_01kh52ndshfr2azv0xe6tnv4fx","usage":{"queue_time":0.041905864,"prompt_tokens":45,"prompt_time":0.003940145,"completion_tokens":662,"completion_time":2.652230333,"total_tokens":707,"total_time":2.656170478}},"usage":{"queue_time":0.041905864,"prompt_tokens":45,"prompt_time":0.003940145,"completion_tokens":662,"completion_time":2.652230333,"total_tokens":707,"total_time":2.656170478}}',
]


# --- against recorded bodies --------------------------------------------------------------------------------------


def test_a_plain_answer_has_the_recorded_fields_in_their_order(call: Caller) -> None:
    answer = call.chat("groq", STORY, **{**QWEN, "reasoning_effort": "none", "max_tokens": 3})
    recorded = json.loads(PLAIN)
    assert masked(answer) == masked(recorded)
    for name in ("id", "system_fingerprint"):
        assert re.sub(r"\w", ".", answer[name]) == re.sub(r"\w", ".", recorded[name])
    assert re.fullmatch(r"req_01[0-9a-hjkmnp-tv-z]{24}", answer["x_groq"]["id"])


def test_a_reasoned_answer_has_the_recorded_fields_in_their_order(call: Caller) -> None:
    answer = call.chat("groq", "What is 17 times 19?", **{**QWEN, "reasoning_format": "parsed", "max_tokens": 2})
    assert masked(answer) == masked(json.loads(REASONED))


def test_a_stream_has_the_recorded_chunks(call: Caller) -> None:
    fields = {**QWEN, "reasoning_effort": "none", "max_tokens": 3}
    first, second, *_, last, done = call.stream("groq", STORY, **fields)
    assert [masked(chunk) for chunk in (first, second, last)] == [masked(json.loads(chunk)) for chunk in STREAM]
    assert first["x_groq"]["id"] == last["x_groq"]["id"]
    assert last["x_groq"]["usage"] == last["usage"]
    assert done == "[DONE]"


def test_the_request_has_one_id_in_header_and_body(call: Caller) -> None:
    response = call.post("groq", call.body("groq", max_tokens=2))
    assert response.headers["x-request-id"] == response.json()["x_groq"]["id"]


def test_usage_tells_the_speed_that_the_facts_have(call: Caller) -> None:
    usage = call.chat("groq", STORY, max_tokens=40)["usage"]
    speed = call.server.facts["groq"].model("chat").speed
    assert speed is not None
    assert usage["completion_tokens"] / usage["completion_time"] == pytest.approx(speed.tokens_per_s)
    assert usage["total_time"] == pytest.approx(usage["prompt_time"] + usage["completion_time"])
    assert usage["queue_time"] > 0


# --- how reasoning is shown ---------------------------------------------------------------------------------------


def message(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["choices"][0]["message"]
    return found


def test_reasoning_is_shown_as_asked_and_counted_always(call: Caller) -> None:
    # https://console.groq.com/docs/reasoning
    fields: Any = {"model": "qwen/qwen3.6-27b", "seed": 5}
    parsed = call.chat("groq", "What is 3 + 4?", **fields, reasoning_format="parsed")
    raw = call.chat("groq", "What is 3 + 4?", **fields, reasoning_format="raw")
    hidden = call.chat("groq", "What is 3 + 4?", **fields, reasoning_format="hidden")
    working, text = message(parsed)["reasoning"], message(parsed)["content"]
    assert working
    assert message(raw) == {"role": "assistant", "content": f"<think>{working}</think>{text}"}
    assert message(hidden) == {"role": "assistant", "content": text}
    counts = [answer["usage"]["completion_tokens_details"]["reasoning_tokens"] for answer in (parsed, raw, hidden)]
    assert len(set(counts)) == 1
    assert counts[0] > 0


@pytest.mark.parametrize("shown", ["parsed", "raw", "hidden"])
def test_a_stream_of_reasoning_says_the_same_as_the_whole(call: Caller, shown: str) -> None:
    fields: Any = {"model": "qwen/qwen3.6-27b", "seed": 5, "reasoning_format": shown}
    whole = message(call.chat("groq", "What is 3 + 4?", **fields))
    deltas = [chunk["choices"][0]["delta"] for chunk in call.stream("groq", "What is 3 + 4?", **fields)[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == whole["content"]
    assert "".join(delta.get("reasoning") or "" for delta in deltas) == whole.get("reasoning", "")


def test_gpt_oss_reasons_in_a_field_that_can_be_left_out(call: Caller) -> None:
    assert message(call.chat("groq", "What is 3 + 4?"))["reasoning"]
    assert "reasoning" not in message(call.chat("groq", "What is 3 + 4?", include_reasoning=False))


# --- what takes effect, and what does not -------------------------------------------------------------------------


def test_the_seed_that_an_answer_names_gives_that_answer_again(call: Caller) -> None:
    fields: Any = {**QWEN, "reasoning_effort": "none"}
    first, other = (call.chat("groq", STORY, **fields) for _ in range(2))
    assert first["x_groq"]["seed"] != other["x_groq"]["seed"]
    again = call.chat("groq", STORY, **fields, seed=first["x_groq"]["seed"])
    assert again["x_groq"]["seed"] == first["x_groq"]["seed"]
    assert message(again) == message(first)


def test_penalties_are_silently_ignored(call: Caller) -> None:
    def run(**fields: Any) -> list[Any]:
        call.server.reset()
        return [call.chat("groq", STORY, max_tokens=20, **fields)["choices"] for _ in range(3)]

    assert run(frequency_penalty=2, presence_penalty=2) == run()


def test_usage_comes_with_a_stream_whether_asked_for_or_not(call: Caller) -> None:
    for fields in ({}, {"stream_options": {"include_usage": False}}):
        *_, last, _ = call.stream("groq", max_tokens=3, **fields)
        assert last["usage"]["total_tokens"] > 3


# --- refusals in Groq's words -------------------------------------------------------------------------------------


def said(call: Caller, status: int = 400, **fields: Any) -> dict[str, Any]:
    response = call.post("groq", call.body("groq", **fields))
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert list(body) == ["error"]
    return dict(body["error"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("reasoning", "property 'reasoning' is unsupported"),  # https://github.com/musistudio/llms/pull/64
        ("top_k", "property 'top_k' is unsupported, did you mean 'top_p'?"),
        ("temprature", "property 'temprature' is unsupported, did you mean 'temperature'?"),
        ("repetition_penalty", None),
        ("min_p", None),
    ],
)
def test_a_field_that_is_not_known(call: Caller, name: str, message: str | None) -> None:
    found = said(call, **{name: 1})
    assert set(found) == {"message", "type"}, "no param, no code"
    assert found["type"] == "invalid_request_error"
    assert found["message"].startswith(f"property '{name}' is unsupported")
    assert message is None or found["message"] == message


def test_the_suggestion_recorded_when_store_was_not_known() -> None:
    # https://github.com/fanenr/chatbot/issues/21
    from labkit.sim.refusal import nearest

    groq_then = [name for name in facts.load()["groq"].parameters if name != "store"]
    assert nearest("store", groq_then) == "stop"


def test_a_messages_field_that_is_not_known(call: Caller) -> None:
    # https://github.com/SimonSchubert/Kai/issues/265
    turns = [*ASK, {"role": "assistant", "content": "Paris", "reasoning_content": "..."}, *ASK]
    assert said(call, messages=turns)["message"] == (
        "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property "
        "'reasoning_content' is unsupported)]"
    )


def test_a_wrong_type_inside_and_outside_of_messages(call: Caller) -> None:
    # https://github.com/OpenHands/OpenHands/issues/4643 and https://github.com/ai-shifu/ChatALL/issues/901
    assert said(call, messages=[{"role": "system", "content": {"text": "Hi"}}])["message"] == (
        "'messages.0' : for 'role:system' the following must be satisfied[('messages.0.content' : value must be a "
        "string)]"
    )
    assert said(call, temperature="hot")["message"] == "'temperature' : value must be a number"


def test_more_tokens_than_the_model_can_write(call: Caller) -> None:
    # https://github.com/Alishahryar1/free-claude-code/issues/955
    found = said(call, model="qwen/qwen3.6-27b", max_completion_tokens=40_000)
    assert found["message"].replace("`", "") == (
        "max_completion_tokens must be less than or equal to 16384, the maximum value for max_completion_tokens is "
        "less than the context_window for this model"
    )
    assert found["param"] == "max_completion_tokens"


def test_efforts_differ_from_model_to_model(call: Caller) -> None:
    # https://github.com/earendil-works/pi/issues/1745 and https://github.com/brendanlong/lion-reader/pull/1325
    found = said(call, model="qwen/qwen3.6-27b", reasoning_effort="high")
    assert found["message"].replace("`", "") == "reasoning_effort must be one of none or default"
    found = said(call, model="groq/compound", reasoning_effort="low")
    assert found["message"].replace("`", "") == "reasoning_effort is not supported with this model"


@pytest.mark.parametrize(("name", "value"), [("logprobs", True), ("logit_bias", {"1": 1}), ("n", 2)])
def test_what_the_guide_says_is_not_supported(call: Caller, name: str, value: Any) -> None:
    # https://console.groq.com/docs/openai
    assert name in said(call, **{name: value})["message"]


def test_models_that_are_not_there(call: Caller) -> None:
    for model in ("nope", "llama-3.3-70b-versatile"):
        assert said(call, 404, model=model) == {
            "message": f"The model `{model}` does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "code": "model_not_found",
        }


def test_llama_answered_until_august() -> None:
    with LocalServer(facts.load("2026-08-15"), pace="quick") as server:
        caller = Caller(server)
        assert caller.chat("groq", model="llama-3.3-70b-versatile", max_tokens=2)["model"] == "llama-3.3-70b-versatile"
        caller.http.close()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer gsk_wrong"}])
def test_without_the_right_key(call: Caller, headers: dict[str, str]) -> None:
    response = call.post("groq", call.body("groq"), headers=headers)
    assert response.status_code == 401
    assert response.json() == {
        "error": {"message": "Invalid API Key", "type": "invalid_request_error", "code": "invalid_api_key"}
    }


def test_a_wrong_method_is_an_unknown_url_too(call: Caller) -> None:
    # https://github.com/TAGonSoft/groq-dart/issues/15
    response = call.get("groq", "/chat/completions")
    assert response.status_code == 404
    assert response.json()["error"] == {
        "message": "Unknown request URL: GET /openai/v1/chat/completions. Please check the URL for typos, or see the "
        "docs at https://console.groq.com/docs/",
        "type": "invalid_request_error",
        "code": "unknown_url",
    }
    assert call.post("groq", {}, path="/v1/chat/completions").json()["error"]["code"] == "unknown_url"


# --- the official SDK ---------------------------------------------------------------------------------------------


@pytest.fixture
def client(call: Caller) -> Iterator[groq.Groq]:
    key = call.server.facts["groq"].key.local
    with groq.Groq(api_key=key, base_url=call.server.sdk_url("groq"), max_retries=0) as client:
        yield client


def test_the_schema_is_the_one_these_tests_were_written_for() -> None:
    assert version("groq").split(".")[0] == "1"


def test_the_sdk_chats(client: groq.Groq) -> None:
    answer = client.chat.completions.create(model="openai/gpt-oss-20b", messages=ASK, max_tokens=60)
    assert answer.choices[0].message.reasoning
    assert answer.usage is not None
    assert answer.usage.completion_time is not None
    assert answer.x_groq is not None


def test_the_sdk_streams(client: groq.Groq) -> None:
    asked: Any = {"model": "qwen/qwen3.6-27b", "messages": ASK, "reasoning_effort": "none", "max_tokens": 20}
    whole = client.chat.completions.create(**asked, seed=3).choices[0].message.content
    chunks = list(client.chat.completions.create(**asked, seed=3, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    assert chunks[-1].x_groq is not None
    assert chunks[-1].x_groq.usage is not None


def test_the_sdk_gets_a_tool_call_and_its_stream(client: groq.Groq) -> None:
    asked: Any = {"model": "qwen/qwen3.6-27b", "messages": ASK, "tools": TOOLS, "tool_choice": "required"}
    asked |= {"reasoning_effort": "none", "max_tokens": 100}
    choice = client.chat.completions.create(**asked).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    assert json.loads(choice.message.tool_calls[0].function.arguments)["city"] in ("Paris", "Rome")
    chunks = list(client.chat.completions.create(**asked, stream=True))
    calls = [one for chunk in chunks for one in chunk.choices[0].delta.tool_calls or []]
    assert calls[0].function is not None
    assert json.loads(calls[0].function.arguments or "")["city"] in ("Paris", "Rome")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_sdk_lists_models(client: groq.Groq) -> None:
    assert "openai/gpt-oss-20b" in [model.id for model in client.models.list().data]
    assert client.models.retrieve("openai/gpt-oss-20b").owned_by == "OpenAI"


def test_the_sdks_own_error_classes(call: Caller, client: groq.Groq) -> None:
    create = client.chat.completions.create
    with pytest.raises(groq.NotFoundError, match="does not exist"):
        create(model="nope", messages=ASK)
    with pytest.raises(groq.BadRequestError, match="number must be at most 2"):
        create(model="openai/gpt-oss-20b", messages=ASK, temperature=3)
    with pytest.raises(groq.AuthenticationError):
        client.with_options(api_key="gsk_wrong").models.list()
    for kind, error in (
        ("rate_limit", groq.RateLimitError),
        ("forbidden", groq.PermissionDeniedError),
        ("server_error", groq.InternalServerError),
        ("overloaded", groq.InternalServerError),
    ):
        with call.server.faults.add("groq", kind), pytest.raises(error):
            create(model="openai/gpt-oss-20b", messages=ASK)
    with call.server.faults.add("groq", "capacity"), pytest.raises(groq.APIStatusError, match="498"):
        create(model="openai/gpt-oss-20b", messages=ASK)
    with call.server.faults.add("groq", "slow_first_byte", seconds=30), pytest.raises(groq.APITimeoutError):
        client.with_options(timeout=0.5).chat.completions.create(model="openai/gpt-oss-20b", messages=ASK)


def test_the_sdk_retries_after_as_long_as_retry_after_says(call: Caller, client: groq.Groq) -> None:
    call.server.faults.add("groq", "rate_limit", times=2, wait_s=1)
    patient = client.with_options(max_retries=2)
    assert patient.chat.completions.create(model="openai/gpt-oss-20b", messages=ASK, max_tokens=2).choices
    assert [record.status for record in call.server.log] == [429, 429, 200]


def test_a_one_word_prompt_can_be_larger_than_the_minute(call: Caller) -> None:
    # https://github.com/HunorLaczko/ha-groq-cloud-api/issues/27 and the maplibre issue among the facts' sources
    call.server.reset(tiers={"groq": "free"})
    key, url = call.server.facts["groq"].key.local, call.server.sdk_url("groq")
    with groq.Groq(api_key=key, base_url=url, max_retries=0) as client, pytest.raises(groq.APIStatusError) as caught:
        client.chat.completions.create(
            model="openai/gpt-oss-20b", messages=[{"role": "user", "content": "Hi"}], max_completion_tokens=32_000
        )
    assert caught.value.status_code == 413
    error = caught.value.response.json()["error"]
    assert (error["type"], error["code"]) == ("tokens", "rate_limit_exceeded")
    assert "on tokens per minute (TPM): Limit 8000, Requested 320" in error["message"]
    call.server.reset(tiers={})


def fits(model: Any, body: dict[str, Any]) -> None:
    """The body holds what the schema's type requires, and nothing that the type does not know."""
    read = model.model_validate(body)

    def inside(found: Any, at: str) -> None:
        if isinstance(found, list):
            for number, one in enumerate(found):
                inside(one, f"{at}[{number}]")
        elif hasattr(found, "model_extra"):
            unknown = {name for name, value in (found.model_extra or {}).items() if value is not None}
            assert not unknown, f"{at}: {unknown}"
            for name in type(found).model_fields:
                inside(getattr(found, name), f"{at}.{name}")

    inside(read, model.__name__)


@pytest.mark.parametrize("fields", [{}, {"include_reasoning": False}, {**QWEN, "reasoning_effort": "none"}])
def test_answers_and_chunks_fit_the_published_schema(call: Caller, fields: dict[str, Any]) -> None:
    fits(ChatCompletion, call.chat("groq", **{"max_tokens": 20, **fields}))
    for chunk in call.stream("groq", **{"max_tokens": 20, **fields})[:-1]:
        fits(ChatCompletionChunk, {name: value for name, value in chunk.items() if name != "usage"})


def test_the_list_of_models_holds_what_the_published_schema_requires(call: Caller) -> None:
    for entry in call.get("groq", "/models").json()["data"]:
        assert Model.model_validate(entry).id == entry["id"]
