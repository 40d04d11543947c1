"""The local Ollama: held against captured bodies, and against the official SDKs (ollama 0.6.3, openai 3.54.0)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import openai
import pytest

from conftest import Caller
from labkit import facts, lm
from labkit.clock import Clock
from labkit.sim.body import NotJson
from labkit.sim.ollama_json import duration_s, read_value

CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather now",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
# Captured from Ollama 0.40.1 on 2026-10-08, shortened: nonstream-success.body, qwen3-nonstream-thinking.body,
# stream-max-tokens-5-length.body, tags.body, ps-loaded.body, models.body, error-context-overflow.body.
# https://github.com/Kak-Palel/myjournal/tree/HEAD/test/fixtures/ollama-live
V1 = """{"id":"chatcmpl-18","object":"chat.completion","created":1791470418,"model":"llama3.2:1b",
"system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"Take a deep breath"},
"finish_reason":"stop"}],"usage":{"prompt_tokens":61,"prompt_tokens_details":{"cached_tokens":60},
"completion_tokens":24,"total_tokens":85}}"""
V1_THINKING = """{"id":"chatcmpl-365","object":"chat.completion","created":1791470470,"model":"qwen3:1.7b",
"system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"You're not alone",
"reasoning":"Okay, the user"},"finish_reason":"stop"}],"usage":{"prompt_tokens":39,
"prompt_tokens_details":{"cached_tokens":38},"completion_tokens":140,"total_tokens":179}}"""
TAGS = """{"models":[{"name":"llama3.2:1b","model":"llama3.2:1b","modified_at":"2026-10-08T14:39:00.407983817Z",
"size":1321083462,"digest":"e46eecde01315a992598e53b50e5771d3e863f4782c5e469a4157159d05e6548","details":{"parent_model":
"llama3.2-1b-q8.gguf","format":"gguf","family":"llama","families":["llama"],"parameter_size":"1.2B",
"quantization_level":"Q8_0","context_length":131072,"embedding_length":2048,"runner":"llamacpp"},
"capabilities":["tools","completion"]}]}"""
PS = """{"models":[{"name":"qwen3:1.7b","model":"qwen3:1.7b","size":1904622959,"digest":"e37222736760a7fbebe7b4f0397266b
","details":{"parent_model":"","format":"gguf","family":"qwen3","families":["qwen3"],"parameter_size":"1.7B",
"quantization_level":"Q4_K_M"},"expires_at":"2026-10-08T14:46:52.420411998Z","size_vram":1119774310,
"context_length":4096,"runner":"llamacpp"}]}"""
# The example of the API page (docs/api.md), as the fields stand in Go's struct.
NATIVE = """{"model":"llama3.2","created_at":"2023-12-12T14:13:43.416799Z","message":{"role":"assistant",
"content":"Hello"},"done":true,"done_reason":"stop","total_duration":5191566416,"load_duration":2154458,
"prompt_eval_count":26,"prompt_eval_cached_count":0,"prompt_eval_duration":383809000,"eval_count":298,
"eval_duration":4799921000}"""


def shape(value: Any) -> Any:
    """Names in their order and kinds of values; a number is a number."""
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def recorded(text: str) -> Any:
    return shape(json.loads(text.replace("\n", "")))


class Native:
    """Plain HTTP to /api."""

    def __init__(self, call: Caller) -> None:
        self.call, self.url = call, call.server.sdk_url("ollama")

    def get(self, path: str) -> httpx.Response:
        return self.call.http.get(self.url + path)

    def post(self, path: str, body: Any = None, **fields: Any) -> httpx.Response:
        sent = body if isinstance(body, bytes) else json.dumps(fields if body is None else body).encode()
        return self.call.http.post(self.url + path, content=sent)

    def chat(self, messages: Any = CAPITAL, model: str = "llama3.2", **fields: Any) -> dict[str, Any]:
        """A chat in one piece that must succeed."""
        response = self.post("/api/chat", model=model, messages=messages, **{"stream": False, **fields})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def lines(self, path: str = "/api/chat", **fields: Any) -> list[dict[str, Any]]:
        """A streamed answer, line by line."""
        sent = {"model": "llama3.2", **({"messages": CAPITAL} if path == "/api/chat" else {}), **fields}
        response = self.post(path, **sent)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/x-ndjson"
        assert response.text.endswith("\n")
        return [json.loads(line) for line in response.text.splitlines()]


@pytest.fixture
def api(call: Caller) -> Iterator[Native]:
    yield Native(call)
    call.server.reset(clock=Clock(facts.course_moment()))


@pytest.fixture
def sdk(call: Caller) -> Iterator[ollama.Client]:
    with ollama.Client(host=call.server.sdk_url("ollama"), trust_env=False) as client:
        yield client


@pytest.fixture
def v1(call: Caller) -> Iterator[openai.OpenAI]:
    url = call.server.provider_url("ollama")
    with openai.OpenAI(base_url=url, api_key="anything", max_retries=0) as client:
        yield client


# --- shapes -------------------------------------------------------------------------------------------------------


def test_v1_has_the_fields_of_captured_bodies_in_their_order(call: Caller) -> None:
    assert shape(call.chat("ollama")) == recorded(V1)
    assert shape(call.chat("ollama", model="qwen3:8b", max_tokens=3)) == recorded(V1_THINKING)


def test_the_native_answer_has_the_fields_of_the_documented_one(api: Native) -> None:
    assert shape(api.chat()) == recorded(NATIVE)


def test_the_lists_have_the_fields_of_captured_ones(api: Native) -> None:
    assert shape(api.get("/api/tags").json()) == recorded(TAGS)
    api.chat(options={"num_predict": 1})
    assert shape(api.get("/api/ps").json()) == recorded(PS)
    dates = [model["modified_at"] for model in api.get("/api/tags").json()["models"]]
    assert dates == sorted(dates, reverse=True)
    created = [model["created"] for model in api.get("/v1/models").json()["data"]]
    assert created == sorted(created, reverse=True)
    assert {model["owned_by"] for model in api.get("/v1/models").json()["data"]} == {"library"}


def test_a_v1_stream_is_that_of_the_capture(call: Caller) -> None:
    chunks = call.stream("ollama", max_tokens=2, stream_options={"include_usage": True})
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-2]]
    assert [list(delta) for delta in deltas] == [["role", "content"], ["content"], []]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-2]] == [None, None, "length"]
    assert list(chunks[0]) == ["id", "object", "created", "model", "system_fingerprint", "choices"]
    assert list(chunks[0]["choices"][0]) == ["index", "delta", "finish_reason"]
    assert (chunks[-2]["choices"], chunks[-2]["usage"]["completion_tokens"]) == ([], 2)
    thinking = call.stream("ollama", model="qwen3:8b", max_tokens=2)
    assert [list(chunk["choices"][0]["delta"]) for chunk in thinking[:-1]] == [
        ["role", "content", "reasoning"],
        ["content", "reasoning"],
        [],
    ]
    assert thinking[0]["choices"][0]["delta"]["content"] == ""


def test_a_native_stream_is_lines_of_json_and_ends_with_the_counts(api: Native) -> None:
    lines = api.lines(options={"num_predict": 3})
    assert [line["done"] for line in lines] == [False, False, False, True]
    assert all(list(line) == ["model", "created_at", "message", "done"] for line in lines[:-1])
    last = lines[-1]
    assert (last["message"], last["done_reason"], last["eval_count"]) == (
        {"role": "assistant", "content": ""},
        "length",
        3,
    )
    whole = api.chat(options={"num_predict": 3, "seed": 7})
    parts = api.lines(options={"num_predict": 3, "seed": 7})
    assert "".join(line["message"]["content"] for line in parts) == whole["message"]["content"]


def test_durations_are_nanoseconds_and_add_up(api: Native) -> None:
    answer = api.chat()
    speed = api.call.server.facts["ollama"].speed
    assert speed is not None
    assert math.isclose(answer["eval_count"] / answer["eval_duration"] * 1e9, speed.tokens_per_s)
    parts = (answer["load_duration"], answer["prompt_eval_duration"], answer["eval_duration"])
    assert answer["total_duration"] == sum(parts)
    tokenizer = lm.load().tokenizer
    assert answer["prompt_eval_count"] == len(lm.chat_ids(tokenizer, CAPITAL))
    assert answer["eval_count"] == len(tokenizer.encode(answer["message"]["content"]))


# --- loading ------------------------------------------------------------------------------------------------------


def test_the_first_call_loads_the_model_and_five_minutes_later_it_is_gone(api: Native) -> None:
    def loading_s() -> float:
        return api.chat(options={"num_predict": 1})["load_duration"] / 1e9

    assert api.get("/api/ps").json() == {"models": []}
    assert loading_s() > 1 > loading_s()
    assert [model["name"] for model in api.get("/api/ps").json()["models"]] == ["llama3.2:latest"]
    api.call.server.clock.advance(299)
    assert loading_s() < 1
    api.call.server.clock.advance(301)
    assert api.get("/api/ps").json() == {"models": []}
    assert loading_s() > 1


def test_another_num_ctx_loads_anew(api: Native) -> None:
    api.chat(options={"num_predict": 1})
    assert api.chat(options={"num_predict": 1, "num_ctx": 512})["load_duration"] > 1e9
    assert api.get("/api/ps").json()["models"][0]["context_length"] == 512


def test_no_messages_load_a_model_and_keep_alive_0_unloads_it(api: Native) -> None:
    loaded = api.post("/api/chat", model="llama3.2", messages=[], keep_alive=-1).json()
    assert (loaded["done"], loaded["done_reason"], loaded["message"]["content"]) == (True, "load", "")
    assert api.get("/api/ps").json()["models"][0]["expires_at"].startswith("2319")
    unloaded = api.post("/api/generate", model="llama3.2", keep_alive=0).json()
    assert (unloaded["response"], unloaded["done_reason"]) == ("", "unload")
    assert api.get("/api/ps").json() == {"models": []}
    api.chat(keep_alive=0, options={"num_predict": 1})
    assert api.get("/api/ps").json() == {"models": []}


@pytest.mark.parametrize(
    ("value", "seconds"), [(90, 90), ("10m", 600), ("1h30m", 5400), ("1.5s", 1.5), (-1, math.inf), ("-5m", math.inf)]
)
def test_keep_alive_takes_seconds_and_durations(value: Any, seconds: float) -> None:
    assert duration_s(value) == seconds


# --- context ------------------------------------------------------------------------------------------------------


def test_the_oldest_messages_go_in_silence_when_the_context_is_full(api: Native) -> None:
    system = {"role": "system", "content": "You are kind."}
    talk = [system, *({"role": "user", "content": f"Number {n} is nice."} for n in range(60)), *CAPITAL]
    tokenizer = lm.load().tokenizer
    whole = len(lm.chat_ids(tokenizer, talk))
    for room in (128, 400):
        options = {"num_ctx": room, "num_predict": 1}
        response = api.post("/api/chat", model="llama3.2", messages=talk, stream=False, options=options)
        assert response.status_code == 200
        count = response.json()["prompt_eval_count"]
        counts = [len(lm.chat_ids(tokenizer, [system, *talk[first:]])) for first in range(1, len(talk))]
        assert count == max(n for n in counts if n <= options["num_ctx"]) < whole
        assert "of the oldest messages" in response.headers["x-lab-note"]
    refused = api.post(
        "/api/chat", model="llama3.2", messages=talk, stream=False, truncate=False, options={"num_ctx": 128}
    )
    assert refused.status_code == 400
    said = json.loads(refused.json()["error"])["error"]
    assert (said["type"], said["n_prompt_tokens"], said["n_ctx"]) == ("exceed_context_size_error", whole, 128)


def test_a_last_message_that_does_not_fit_alone_is_refused(call: Caller) -> None:
    long = [{"role": "user", "content": "word " * 5000}]
    response = call.post("ollama", {"model": "llama3.2", "messages": [*CAPITAL, *long]})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, None)
    said = json.loads(error["message"])["error"]
    assert list(said) == ["code", "message", "type", "n_prompt_tokens", "n_ctx"]
    assert said["n_ctx"] == 4096
    tokens = said["n_prompt_tokens"]
    assert said["message"] == (
        f"request ({tokens} tokens) exceeds the available context size (4096 tokens), try increasing it"
    )


# --- parameters ---------------------------------------------------------------------------------------------------


def test_v1_drops_what_it_does_not_know_and_checks_no_range(call: Caller) -> None:
    odd = {"max_completion_tokens": 1, "n": 3, "tool_choice": "required", "logit_bias": {"1": 100}, "nonsense": {}}
    answer = call.chat("ollama", "Tell me a story about a fox.", temperature=9, top_p=7, max_tokens=4, **odd)
    assert len(answer["choices"]) == 1
    assert answer["usage"]["completion_tokens"] == 4, "max_completion_tokens is dropped"
    assert call.chat("ollama", max_tokens=0)["usage"]["completion_tokens"] == 1
    assert call.chat("ollama", max_tokens=-1)["choices"][0]["finish_reason"] == "stop"


def test_a_role_that_nobody_knows_is_taken(call: Caller, api: Native) -> None:
    messages = [{"role": "wizard", "content": "Hello"}]
    assert call.post("ollama", {"model": "llama3.2", "messages": messages, "max_tokens": 1}).status_code == 200
    assert api.chat(messages, options={"num_predict": 1})["eval_count"] == 1


def test_each_api_has_its_own_defaults(call: Caller, api: Native) -> None:
    call.chat("ollama", max_tokens=1)
    params = call.server.log[-1].params
    assert (params["temperature"], params["top_p"], params["top_k"]) == (1.0, 1.0, 40)
    api.chat(options={"num_predict": 1})
    options = call.server.log[-1].params["options"]
    assert (options["temperature"], options["top_p"], options["top_k"]) == (0.8, 0.9, 40)


def test_a_seed_repeats_the_text(api: Native) -> None:
    story = [{"role": "user", "content": "Tell me a story about a fox."}]

    def texts(**options: Any) -> list[str]:
        return [api.chat(story, options={"num_predict": 12, **options})["message"]["content"] for _ in range(3)]

    assert len(set(texts(seed=5))) == 1
    assert len(set(texts(seed=-1))) > 1, "-1 draws one"
    assert len(set(texts(temperature=0))) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1},
        {"temperature": 1e30},
        {"top_p": 0},
        {"top_p": 5},
        {"top_k": -3},
        {"top_k": 2.7},
        {"min_p": 9},
        {"repeat_penalty": 0},
        {"num_predict": 0},
        {"num_ctx": 64},
        {"num_ctx": 10**12},
        {"num_gpu": 1, "mirostat": 2, "nonsense": []},
        {"stop": ["", "Paris"]},
        {"seed": 3.9},
        {"temperature": None},
    ],
)
def test_no_option_is_refused_for_its_value(api: Native, options: dict[str, Any]) -> None:
    assert api.chat(options={"num_predict": 2, **options})["done"]


# --- thinking, tools, formats -------------------------------------------------------------------------------------


def test_thinking_is_on_unless_it_is_turned_off(call: Caller, api: Native) -> None:
    assert api.chat(model="qwen3:8b", options={"num_predict": 3})["message"]["thinking"]
    assert "thinking" not in api.chat(model="qwen3:8b", think=False, options={"num_predict": 3})["message"]
    assert "reasoning" in call.chat("ollama", model="qwen3:8b", max_tokens=3)["choices"][0]["message"]
    for off in ({"reasoning_effort": "none"}, {"reasoning": {"effort": "none"}}):
        assert "reasoning" not in call.chat("ollama", model="qwen3:8b", max_tokens=3, **off)["choices"][0]["message"]
    assert call.post("ollama", call.body("ollama", reasoning_effort="none", max_tokens=1)).status_code == 200
    refused = call.post("ollama", call.body("ollama", model="llama3.2", reasoning_effort="high"))
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, '"llama3.2" does not support thinking')


def test_the_format_of_an_answer_holds(api: Native) -> None:
    assert isinstance(json.loads(api.chat(format="json")["message"]["content"]), dict)
    schema = {"type": "object", "properties": {"label": {"enum": ["noise", "signal"]}}, "required": ["label"]}
    said = json.loads(api.chat(format={**schema, "additionalProperties": False})["message"]["content"])
    assert said["label"] in ("noise", "signal")


def test_a_tool_call_comes_whole_and_its_arguments_are_an_object(api: Native) -> None:
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    calls = []
    for seed in range(12):
        answer = api.chat(asked, tools=[WEATHER], options={"seed": seed, "num_predict": 60})
        calls += answer["message"].get("tool_calls", [])
        if calls:
            lines = api.lines(messages=asked, tools=[WEATHER], options={"seed": seed, "num_predict": 60})
            assert [line["message"]["tool_calls"] for line in lines if "tool_calls" in line["message"]]
            assert (answer["done_reason"], answer["message"]["content"]) == ("stop", "")
            break
    assert calls, "in twelve answers the model called no tool"
    assert list(calls[0]) == ["id", "function"]
    assert list(calls[0]["function"]) == ["index", "name", "arguments"]
    assert isinstance(calls[0]["function"]["arguments"]["city"], str)
    past = {"role": "assistant", "content": "", "tool_calls": calls}
    told = {"role": "tool", "tool_name": "get_weather", "content": "sunny"}
    assert api.chat([*asked, past, told], tools=[WEATHER], options={"num_predict": 2})["done"]


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        ({"model": "nope", "messages": CAPITAL}, 404, "model 'nope' not found"),
        ({"messages": CAPITAL}, 400, "model is required"),
        (b"", 400, "missing request body"),
        (b'{"model"', 400, "unexpected EOF"),
        (b"hello", 400, "invalid character 'h' looking for beginning of value"),
        (
            {"model": "llama3.2", "messages": ["Hi"]},
            400,
            "json: cannot unmarshal string into Go struct field ChatRequest.messages of type api.Message",
        ),
        (
            {"model": "llama3.2", "messages": [{"role": "user", "content": ["Hi"]}]},
            400,
            "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string",
        ),
        (
            {
                "model": "llama3.2",
                "messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}],
            },
            400,
            "json: cannot unmarshal string into Go struct field ChatRequest.messages.tool_calls.function.arguments of "
            "type api.ToolCallFunctionArguments",
        ),
        ({"model": "llama3.2", "messages": CAPITAL, "think": True}, 400, '"llama3.2" does not support thinking'),
        (
            {"model": "qwen3:8b", "messages": CAPITAL, "think": "hard"},
            400,
            'invalid think value: "hard" (must be "high", "medium", "low", "max", true, or false)',
        ),
        (
            {"model": "llama3.2", "messages": CAPITAL, "top_logprobs": 25},
            400,
            "top_logprobs must be between 0 and 20",
        ),
        (
            {"model": "gemma3:4b", "messages": CAPITAL, "tools": [WEATHER]},
            400,
            "registry.ollama.ai/library/gemma3:4b does not support tools",
        ),
        (
            {"model": "llama3.2", "messages": CAPITAL, "options": {"num_ctx": "8k"}},
            500,
            'option "num_ctx" must be of type integer',
        ),
        (
            {"model": "llama3.2", "messages": CAPITAL, "options": {"temperature": "hot"}},
            500,
            'option "temperature" must be of type float32',
        ),
        (
            {"model": "llama3.2", "messages": CAPITAL, "options": {"stop": "."}},
            500,
            'option "stop" must be of type array',
        ),
        (
            {"model": "llama3.2", "messages": CAPITAL, "keep_alive": "5"},
            400,
            'time: missing unit in duration "5"',
        ),
        (
            {"model": "llama3.2", "messages": CAPITAL, "format": "xml"},
            500,
            'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object',
        ),
    ],
)
def test_a_refusal_is_one_plain_string(api: Native, sent: Any, status: int, says: str) -> None:
    response = api.post("/api/chat", sent)
    assert (response.status_code, response.json()) == (status, {"error": says})


def test_the_same_refusals_have_openais_skeleton_on_v1(call: Caller) -> None:
    def refused(body: Any) -> tuple[int, str, str, str]:
        response = call.post("ollama", body)
        error = response.json()["error"]
        assert (error["param"], error["code"]) == (None, None)
        return response.status_code, error["type"], error["message"], response.headers["content-type"]

    gin = "application/json; charset=utf-8"
    bad, missing = "invalid_request_error", "not_found_error"
    assert refused({"model": "nope:1b", "messages": CAPITAL}) == (
        404,
        missing,
        "model 'nope:1b' not found",
        "application/json",
    )
    assert refused(b'{"model"') == (400, bad, "unexpected EOF", gin)
    assert refused({"model": "llama3.2", "messages": []}) == (400, bad, "[] is too short - 'messages'", gin)
    assert refused({"model": "llama3.2"}) == (400, bad, "[] is too short - 'messages'", gin)
    assert refused({"messages": CAPITAL}) == (400, bad, "model is required", "application/json")


def test_paths_and_methods_are_answered_in_plain_text(api: Native) -> None:
    for path in ("/api", "/api/nothing", "/v1/nothing", "/v1/v1/chat/completions", "/models"):
        response = api.get(path)
        assert (response.status_code, response.text) == (404, "404 page not found")
        assert response.headers["content-type"] == "text/plain"
    for path in ("/v1/chat/completions", "/api/chat"):
        response = api.get(path)
        assert (response.status_code, response.text) == (405, "405 method not allowed")
        assert response.headers["allow"] == "POST"
    assert api.get("/").text == "Ollama is running"
    assert api.get("/api/version").json() == {"version": "0.40.1"}
    embed = api.post("/api/embed", model="llama3.2", input="x")
    assert (embed.status_code, "does not serve" in embed.headers["x-lab-note"]) == (404, True)


def test_no_key_is_wanted_and_any_is_taken(call: Caller) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic x"}):
        assert call.get("ollama", "/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"nul", "unexpected EOF"),
        (b"not json", "invalid character 'o' in literal null (expecting 'u')"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b"{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b'{"a":"x\ny"}', "invalid character '\\n' in string literal"),
        (b'{"a":"\\q"}', "invalid character 'q' in string escape code"),
        (b'{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_in_gos_words(text: bytes, says: str) -> None:
    # the sentences of encoding/json's scanner: https://go.dev/src/encoding/json/scanner.go
    with pytest.raises(NotJson) as caught:
        read_value(text)
    assert str(caught.value) == says


def test_go_reads_the_first_value_and_takes_broken_characters() -> None:
    assert read_value(b'{"a": 1} and more') == {"a": 1}
    assert read_value(b'{"a": "\xff", "b": "\\ud800"}') == {"a": "�", "b": "�"}


def test_on_an_earlier_day_there_are_the_models_of_that_day(autumn_2025: Caller) -> None:
    alive = autumn_2025.server.facts["ollama"].alive()
    assert {"llama3.2:latest", "gpt-oss:20b"} <= set(alive)
    assert "gpt-oss:20b" not in facts.load("2025-07-01")["ollama"].alive()


def test_every_native_fact_has_a_source() -> None:
    provider = facts.load()["ollama"].natively()
    places = [f"errors.{case}" for case in provider.errors]
    places += [f"parameters.{name}" for name in provider.parameters]
    places += [f"options.{name}" for name in provider.raw["options"]]
    assert [place for place in places if not provider.sources_of(place)] == []
    for case, answer in provider.errors.items():
        assert answer.invented == (answer.evidence == "invented"), case


# --- the official SDKs --------------------------------------------------------------------------------------------


def test_the_ollama_sdk_chats_and_streams(sdk: ollama.Client) -> None:
    answer = sdk.chat(model="llama3.2", messages=CAPITAL, options={"temperature": 0})
    assert (answer.message.role, answer.done, answer.done_reason) == ("assistant", True, "stop")
    assert answer.eval_count
    assert answer.message.content
    parts = list(sdk.chat(model="llama3.2", messages=CAPITAL, options={"temperature": 0}, stream=True))
    assert "".join(part.message.content or "" for part in parts) == answer.message.content
    assert [part.done for part in parts][-2:] == [False, True]
    thought = sdk.chat(model="qwen3:8b", messages=CAPITAL, think=True, options={"num_predict": 3})
    assert thought.message.thinking
    shares = sdk.chat(model="llama3.2", messages=CAPITAL, logprobs=True, top_logprobs=2, options={"num_predict": 2})
    assert shares.logprobs
    assert len(shares.logprobs) == 2
    assert len(shares.logprobs[0].top_logprobs or ()) == 2


def test_the_ollama_sdk_generates_and_remembers(sdk: ollama.Client) -> None:
    first = sdk.generate(model="llama3.2", prompt="Hello", system="You are kind.", options={"num_predict": 3})
    assert first.response
    assert first.context
    again = sdk.generate(model="llama3.2", prompt="Hello", context=first.context, options={"num_predict": 1})
    assert (again.prompt_eval_count or 0) > (first.prompt_eval_count or 0)
    assert len(list(sdk.generate(model="llama3.2", prompt="Hello", stream=True, options={"num_predict": 2}))) == 3


def test_the_ollama_sdk_lists_shows_and_holds_formats(sdk: ollama.Client) -> None:
    assert "llama3.2:latest" in [model.model for model in sdk.list().models]
    shown = sdk.show("qwen3:8b")
    assert shown.capabilities == ["tools", "thinking", "completion"]
    assert shown.modelinfo
    assert shown.modelinfo["qwen3.context_length"] == 40960
    assert shown.details
    assert shown.details.parameter_size == "8.2B"
    schema = {"type": "object", "properties": {"capital": {"type": "string"}}, "required": ["capital"]}
    answer = sdk.chat(model="llama3.2", messages=CAPITAL, format={**schema, "additionalProperties": False})
    assert list(json.loads(answer.message.content or "")) == ["capital"]
    assert [model.model for model in sdk.ps().models] == ["llama3.2:latest"]


def test_the_ollama_sdk_raises_its_own_errors(sdk: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nope' not found") as caught:
        sdk.chat(model="nope", messages=CAPITAL)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="does not support tools"):
        list(sdk.chat(model="gemma3:4b", messages=CAPITAL, tools=[WEATHER], stream=True))
    with (
        ollama.Client(host="http://127.0.0.1:9", trust_env=False) as nobody,
        pytest.raises(ConnectionError, match="Failed to connect to Ollama"),
    ):
        nobody.list()


def test_the_openai_sdk_speaks_to_v1(v1: openai.OpenAI) -> None:
    answer = v1.chat.completions.create(model="llama3.2", messages=CAPITAL, max_tokens=8)  # type: ignore[arg-type]
    assert answer.system_fingerprint == "fp_ollama"
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 8
    stream = v1.chat.completions.create(
        model="llama3.2",
        messages=CAPITAL,  # type: ignore[arg-type]
        max_tokens=3,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    assert len(v1.models.list().data) == 4
    assert v1.models.retrieve("llama3.2").id == "llama3.2"
    with pytest.raises(openai.NotFoundError, match="model 'nope' not found"):
        v1.chat.completions.create(model="nope", messages=CAPITAL)  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError, match="does not support tools"):
        v1.chat.completions.create(model="gemma3:4b", messages=CAPITAL, tools=[WEATHER])  # type: ignore[arg-type,list-item]
