"""Fireworks' local twin: against bodies probed at the real one, its own schema, and the openai SDK as a client.

Probed: refusals of 2026-09-13 and the others named in the facts; no full answer of Fireworks' was found recorded, so
answers are held against the fields of its SDK's types (fw-ai-external/python-sdk, 2026-07-21).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from conftest import Caller
from labkit import facts
from labkit.clock import Clock
from labkit.sim import LocalServer

OSS = "accounts/fireworks/models/gpt-oss-20b"
PLAIN: Any = {"reasoning_effort": "none"}


def said(message: str) -> dict[str, Any]:
    kind = "invalid_request_error"
    return {"error": {"object": "error", "type": kind, "code": kind, "message": message}}


# --- refusals -----------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"reasoning_efort": 100}, "Extra inputs are not permitted, field: 'reasoning_efort', value: 100"),
    (
        {"vl_high_resolution_images": True},
        "Extra inputs are not permitted, field: 'vl_high_resolution_images', value: True",
    ),
    ({"reasoning_effort": -1}, "integer reasoning_effort must be positive"),
    (
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi", "reasoning": None}]},
        "Extra inputs are not permitted, field: 'messages[1].reasoning', value: None",
    ),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_refusals_in_the_probed_words(call: Caller, fields: Any, message: str) -> None:
    response = call.post("fireworks", {**call.body("fireworks"), **fields})
    assert (response.status_code, response.json()) == (400, said(message))


def test_a_value_of_no_kind_that_is_taken_is_refused_once_for_each_kind(call: Caller) -> None:
    found = call.post("fireworks", call.body("fireworks", reasoning_effort="minimal")).json()["error"]["message"]
    assert found.startswith("3 request validation errors: Input should be 'low', 'medium', 'high', 'xhigh', 'max', ")
    assert (
        "Input should be a valid integer, unable to parse string as an integer, field: 'reasoning_effort.int'" in found
    )
    for effort in ("low", "max", 512, True):
        assert call.chat("fireworks", reasoning_effort=effort, max_tokens=1)


def test_keys_models_and_paths(call: Caller) -> None:
    body = call.body("fireworks")
    wrong = call.post("fireworks", body, headers={"Authorization": "Bearer fw_wrong"})
    invalid = {"message": "The API key you provided is invalid.", "code": "UNAUTHORIZED", "type": "error"}
    assert (wrong.status_code, wrong.json()) == (401, {"error": invalid})
    assert call.get("fireworks", "/models", headers={}).status_code == 401
    for model in ("gpt-oss-20b", "accounts/fireworks/models/kimi-k2p6"):  # a name without its path; one that is gone
        response = call.post("fireworks", {**body, "model": model})
        assert response.status_code == 404
        assert response.json()["error"]["message"] == "Model not found, inaccessible, and/or not deployed"
        assert response.json()["error"]["code"] == "NOT_FOUND"
    nowhere = call.get("fireworks", "/nothing")
    assert (nowhere.status_code, nowhere.json()["error"]["message"]) == (404, "Path not found")


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("top_logprobs", 6, "less than or equal to 5"),
        ("top_k", 101, "less than or equal to 100"),
        ("n", 129, "less than or equal to 128"),
        ("temperature", 2.5, "less than or equal to 2"),
        ("min_p", -0.5, "greater than or equal to 0"),
    ],
)
def test_values_out_of_the_documented_range(call: Caller, name: str, value: float, bound: str) -> None:
    response = call.post("fireworks", call.body("fireworks", logprobs=True, **{name: value}))
    assert (response.status_code, response.json()) == (
        400,
        said(f"Input should be {bound}, field: '{name}', value: {value}"),
    )


# --- length -------------------------------------------------------------------------------------------------------


def test_max_tokens_is_lowered_to_fit_unless_an_error_is_wished_for(call: Caller) -> None:
    answer = call.chat("fireworks", max_tokens=2_000_000, **PLAIN)
    assert answer["choices"][0]["finish_reason"] == "stop"
    wish = {"model": OSS, "max_tokens": 131_072}
    assert call.post("fireworks", call.body("fireworks", "Hi", **wish)).status_code == 200
    behavior = {"context_length_exceeded_behavior": "error"}
    assert call.post("fireworks", call.body("fireworks", "Hi", **wish, **behavior)).status_code == 400
    assert call.post("fireworks", call.body("fireworks", "Hi", model=OSS, max_tokens=9, **behavior)).status_code == 200


def test_a_prompt_that_is_itself_too_long_fails_in_any_case(call: Caller) -> None:
    response = call.post("fireworks", call.body("fireworks", "7 " * 66_000, model=OSS))
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert re.fullmatch(r"The prompt is too long: 13\d{4}, model maximum context length: 131071", message)


# --- answers ------------------------------------------------------------------------------------------------------


def test_an_answer_has_the_fields_of_the_schema(call: Caller) -> None:
    answer = call.chat("fireworks", **PLAIN)
    assert set(answer) == {"id", "object", "created", "model", "choices", "usage"}
    assert set(answer["choices"][0]) == {"index", "message", "finish_reason"}
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}
    thinking = call.chat("fireworks", model=OSS)["choices"][0]["message"]
    assert set(thinking) == {"role", "content", "reasoning_content"}
    assert thinking["reasoning_content"]


def test_perf_metrics_are_headers_and_on_request_in_the_body(call: Caller) -> None:
    response = call.post("fireworks", call.body("fireworks", **PLAIN))
    tokens = response.json()["usage"]["prompt_tokens"]
    assert response.headers["fireworks-prompt-tokens"] == str(tokens)
    assert float(response.headers["fireworks-server-time-to-first-token"]) > 0
    assert "perf_metrics" not in response.json()
    metrics = call.chat("fireworks", perf_metrics_in_response=True, **PLAIN)["perf_metrics"]
    assert metrics["prompt-tokens"] == tokens
    assert metrics["server-processing-time"] > metrics["server-time-to-first-token"]


def test_a_stream_says_usage_and_metrics_in_its_last_chunk_only(call: Caller) -> None:
    fields: Any = {"max_tokens": 4, **PLAIN}
    *before, last, done = call.stream("fireworks", perf_metrics_in_response=True, **fields)
    assert done == "[DONE]"
    assert last["choices"][0]["finish_reason"] == "length"
    assert last["usage"]["completion_tokens"] == 4
    assert last["perf_metrics"]["prompt-tokens"] == last["usage"]["prompt_tokens"]
    assert all(chunk["usage"] is None and "perf_metrics" not in chunk for chunk in before)
    assert "perf_metrics" not in call.stream("fireworks", **fields)[-2]
    response = call.post("fireworks", call.body("fireworks", stream=True, **fields))
    assert "fireworks-prompt-tokens" not in response.headers


def test_more_knobs_than_openais_have_an_effect(call: Caller) -> None:
    story = "Tell me a story about a fox."
    for knob in ({"top_k": 1}, {"min_p": 1}, {"temperature": 0}):
        texts = {
            call.chat("fireworks", story, seed=seed, max_tokens=10, **PLAIN, **knob)["choices"][0]["message"]["content"]
            for seed in range(3)
        }
        assert len(texts) == 1
    assert len(call.chat("fireworks", story, n=3, max_tokens=2, **PLAIN)["choices"]) == 3
    noted = call.post("fireworks", call.body("fireworks", typical_p=0.5, max_tokens=1))
    assert "typical_p" in noted.headers["x-lab-note"]


def test_logprobs_may_be_a_number(call: Caller) -> None:
    response = call.post("fireworks", call.body("fireworks", logprobs=2, max_tokens=2, **PLAIN))
    shares = response.json()["choices"][0]["logprobs"]["content"]
    assert [len(share["top_logprobs"]) for share in shares] == [2, 2]
    assert "logprobs as a number" in response.headers["x-lab-note"]
    assert call.post("fireworks", call.body("fireworks", logprobs=6)).status_code == 400


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unpaid() -> Iterator[Caller]:
    """A caller whose account has no payment method."""
    clock = Clock(facts.course_moment())
    with LocalServer(facts.load(), clock=clock, pace="quick", tiers={"fireworks": "no payment method"}) as server:
        caller = Caller(server)
        yield caller
        caller.http.close()


def test_the_error_of_a_rate_limit_is_a_bare_string(unpaid: Caller) -> None:
    body = unpaid.body("fireworks", "Hi", max_tokens=1)
    answers = [unpaid.post("fireworks", body) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "10"
    assert answers[-1].json()["error"] == "Too Many Requests"
    assert "retry-after" not in answers[-1].headers
    unpaid.server.clock.advance(60)
    assert unpaid.post("fireworks", body).status_code == 200


# --- the openai SDK -----------------------------------------------------------------------------------------------


@pytest.fixture
def sdk(call: Caller) -> Iterator[openai.OpenAI]:
    key, url = call.server.facts["fireworks"].key.local, call.server.provider_url("fireworks")
    with openai.OpenAI(api_key=key, base_url=url, max_retries=0) as client:
        yield client


def test_the_sdk_reads_answers_streams_and_models(sdk: openai.OpenAI) -> None:
    turns: Any = [{"role": "user", "content": "What is the capital of France?"}]
    answer = sdk.chat.completions.create(model=OSS, messages=turns, max_tokens=20)
    assert answer.choices[0].message.model_extra
    assert answer.choices[0].message.model_extra["reasoning_content"]
    chunks = list(sdk.chat.completions.create(model=OSS, messages=turns, max_tokens=20, stream=True))
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens > 0
    shares = sdk.chat.completions.create(model=OSS, messages=turns, max_tokens=60, logprobs=True, top_logprobs=2)
    assert shares.choices[0].logprobs
    assert OSS in [model.id for model in sdk.models.list()]


def test_the_sdk_raises_by_status_whatever_the_form_of_the_error(sdk: openai.OpenAI) -> None:
    turns: Any = [{"role": "user", "content": "Hi"}]
    with pytest.raises(openai.NotFoundError, match="not deployed"):
        sdk.chat.completions.create(model="gpt-oss-20b", messages=turns)
    with pytest.raises(openai.BadRequestError, match="Extra inputs are not permitted"):
        sdk.chat.completions.create(model=OSS, messages=turns, store=True)
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="fw_wrong").models.list()
    with pytest.raises(openai.RateLimitError) as limited:
        sdk.chat.completions.create(model=OSS, messages=turns, extra_headers={"x-lab-fault": "rate_limit"})
    assert limited.value.body == "Too Many Requests"  # a string: body["message"] would be a TypeError
