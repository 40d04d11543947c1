"""The local Anthropic: held against recorded answers, streams and refusals, and against the official SDK."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Caller

ASK: Any = [{"role": "user", "content": "What is the capital of France?"}]
THINKS, SAMPLES = "claude-sonnet-5", "claude-haiku-4-5-20251001"
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
}

# Recorded, shortened. https://github.com/vercel/ai, packages/anthropic/src/__fixtures__:
# anthropic-claude-opus-5-reasoning-high.1.json, anthropic-claude-sonnet-5-reasoning-{summarized,generic}.chunks.txt
# (2026-08), anthropic-tool-call-root-union.1.chunks.txt (2026-09). The first three were captured before `container` and
# `diagnostics` were in every answer.
WHOLE = """{"model": "claude-opus-5", "id": "msg_011CdMNhurHSJCxCC2NB7WYc", "type": "message", "role": "assistant",
 "content": [{"type": "thinking", "thinking": "I need", "signature": "CAISqw=="}, {"type": "text", "text": "## Step"}],
 "stop_reason": "end_turn", "stop_sequence": null, "stop_details": null, "usage": {"input_tokens": 51,
 "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation": {"ephemeral_5m_input_tokens": 0,
 "ephemeral_1h_input_tokens": 0}, "output_tokens": 1699, "output_tokens_details": {"thinking_tokens": 139},
 "service_tier": "standard", "inference_geo": "global"}}"""
SUMMARISED = """{"type":"message_start","message":{"model":"claude-sonnet-5","id":"msg_011CdZqGg4K3tq97K7RDtTw7","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":47,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":2,"service_tier":"standard","inference_geo":"global"}}  }
{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}
{"type": "ping"}
{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"I"}          }
{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EsECCokBCBAYAipA"}       }
{"type":"content_block_stop","index":0        }
{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}
{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"# Finding"}   }
{"type":"content_block_stop","index":1       }
{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":47,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":373,"output_tokens_details":{"thinking_tokens":62}}    }
{"type":"message_stop"               }"""  # noqa: E501
TOOL = """{"type":"message_start","message":{"model":"claude-sonnet-4-6","id":"msg_011CfLsc7dMnX4ix7MuJF59r","type":"message","role":"assistant","content":[],"container":null,"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":830,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":7,"service_tier":"standard","inference_geo":"global"},"diagnostics":null}}
{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_01Go3YHrpoX5xrZ2zvrSCp3J","name":"lookup","input":{},"caller":{"type":"direct"}}}
{"type":"ping"}
{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}
{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}
{"type":"content_block_stop","index":0}
{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"container":null},"usage":{"input_tokens":830,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":54}}
{"type":"message_stop"}"""  # noqa: E501


def headers(call: Caller) -> dict[str, str]:
    return {"x-api-key": call.server.facts["anthropic"].key.local, "anthropic-version": "2023-06-01"}


def post(call: Caller, body: Any, path: str = "/v1/messages", **options: Any) -> httpx.Response:
    return call.post("anthropic", body, path=path, headers=options.pop("headers", headers(call)), **options)


def get(call: Caller, path: str) -> httpx.Response:
    return call.get("anthropic", path, headers=headers(call))


def body(**fields: Any) -> dict[str, Any]:
    return {"model": SAMPLES, "max_tokens": 60, "messages": ASK, **fields}


def message(call: Caller, **fields: Any) -> dict[str, Any]:
    response = post(call, body(**fields))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def events(call: Caller, **fields: Any) -> list[tuple[str, Any]]:
    """The name and the data of each event of a stream."""
    response = post(call, body(stream=True, **fields))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", response.text)
    assert "".join(f"event: {name}\ndata: {data}\n\n" for name, data in found) == response.text
    return [(name, json.loads(data)) for name, data in found]


def refused(call: Caller, status: int = 400, kind: str = "invalid_request_error", **fields: Any) -> str:
    """The message of the refusal of such a request; a field given as ... is left out."""
    sent = {name: value for name, value in body(**fields).items() if value is not ...}
    response = post(call, sent)
    answer = response.json()
    assert response.status_code == status, answer
    assert list(answer) == ["type", "error", "request_id"]
    assert (answer["type"], answer["error"]["type"]) == ("error", kind)
    assert answer["request_id"] == response.headers["request-id"]
    return str(answer["error"]["message"])


def shape(value: Any) -> Any:
    """Names in their order and kinds of values; words that say what something is stay."""
    if isinstance(value, dict):
        kept = ("type", "role", "stop_reason", "service_tier")
        return [(name, inner if name in kept else shape(inner)) for name, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def outline(recorded: list[Any]) -> list[Any]:
    """The shapes of a stream's events; neighbours that differ in nothing but their text count once."""
    shapes = [shape(event) for event in recorded]
    return [one for number, one in enumerate(shapes) if number == 0 or one != shapes[number - 1]]


# --- recorded answers and streams -----------------------------------------------------------------------------------


def test_an_answer_has_the_fields_of_a_recorded_one_in_its_order(summer: Caller) -> None:
    thinking = {"type": "adaptive", "display": "summarized"}
    answer = message(summer, model="claude-opus-5", thinking=thinking, max_tokens=300)
    assert shape(answer) == shape(json.loads(WHOLE))
    for name in ("id", "model"):
        recorded = re.sub(r"[0-9A-Za-z]", ".", json.loads(WHOLE)[name])
        assert re.sub(r"[0-9A-Za-z]", ".", answer[name]) == recorded


def test_a_stream_has_the_events_of_a_recorded_one(summer: Caller) -> None:
    recorded = [json.loads(line) for line in SUMMARISED.split("\n")]
    found = events(summer, model=THINKS, thinking={"type": "adaptive", "display": "summarized"}, max_tokens=300)
    assert all(name == data["type"] for name, data in found)
    assert outline([data for _, data in found]) == outline(recorded)


def test_where_the_working_is_not_shown_its_block_has_a_signature_alone(call: Caller) -> None:
    found = [data for _, data in events(call, model=THINKS, max_tokens=300)]
    deltas = [data["delta"]["type"] for data in found if data["type"] == "content_block_delta"]
    assert deltas[0] == "signature_delta"
    assert "thinking_delta" not in deltas
    whole = message(call, model=THINKS, max_tokens=300)
    assert whole["content"][0]["thinking"] == ""
    assert len(whole["content"][0]["signature"]) > 300
    assert whole["usage"]["output_tokens_details"]["thinking_tokens"] > 0


def test_a_tool_call_streams_as_recorded(call: Caller) -> None:
    found = [
        data
        for _, data in events(
            call, model="claude-sonnet-4-6", tools=[WEATHER], tool_choice={"type": "tool", "name": "get_weather"}
        )
    ]
    assert outline(found) == outline([json.loads(line) for line in TOOL.split("\n")])


def test_pings_and_padding_are_those_recorded(call: Caller) -> None:
    text = post(call, body(stream=True, model=THINKS, max_tokens=100)).text
    assert 'event: ping\ndata: {"type": "ping"}\n\n' in text
    blanks = [len(found) for found in re.findall(r'"message_stop"( *)}|"index":\d+( *)}\n', text) for found in found]
    assert max(blanks) <= 15
    assert sum(blanks) > 0


def test_an_answer_that_does_not_think_counts_thinking_only_on_newer_models(call: Caller) -> None:
    # issue-14707-claude-opus-4-7-temperature-live.json (2026-07) has thinking_tokens 0; the 4.6 stream above has none.
    assert message(call, model="claude-opus-4-7")["usage"]["output_tokens_details"] == {"thinking_tokens": 0}
    assert "output_tokens_details" not in message(call, model="claude-sonnet-4-6")["usage"]


def test_an_alias_is_answered_under_its_dated_name(call: Caller) -> None:
    assert message(call, model="claude-haiku-4-5")["model"] == "claude-haiku-4-5-20251001"


def test_every_answer_names_the_request_and_the_account(call: Caller) -> None:
    first, second = (post(call, body()).headers for _ in range(2))
    assert re.fullmatch(r"req_011C[0-9A-Za-z]{20}", first["request-id"])
    assert first["request-id"] != second["request-id"]
    assert first["anthropic-organization-id"]
    assert (first["x-lab-provider"], first["x-lab-model"]) == ("anthropic", "lab-chat")


# --- what parameters do ---------------------------------------------------------------------------------------------


def text(answer: dict[str, Any]) -> str:
    return "".join(block["text"] for block in answer["content"] if block["type"] == "text")


def test_temperature_0_repeats_and_1_varies(call: Caller) -> None:
    story = [{"role": "user", "content": "Tell me a story about a fox."}]
    cold = {text(message(call, messages=story, temperature=0)) for _ in range(3)}
    warm = {text(message(call, messages=story, temperature=1)) for _ in range(3)}
    assert (len(cold), len(warm)) == (1, 3)


def test_top_k_1_is_greedy(call: Caller) -> None:
    assert text(message(call, top_k=1)) == text(message(call, temperature=0))


def test_a_stop_sequence_ends_the_answer_and_is_named(call: Caller) -> None:
    whole = text(message(call, temperature=0))
    stop = whole[3:5]
    answer = message(call, temperature=0, stop_sequences=["never", stop])
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", stop)
    assert text(answer) == whole[: whole.index(stop)]
    last = events(call, temperature=0, stop_sequences=["never", stop])[-2][1]["delta"]
    assert (last["stop_reason"], last["stop_sequence"]) == ("stop_sequence", stop)


def test_max_tokens_ends_the_answer(call: Caller) -> None:
    answer = message(call, max_tokens=2)
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("max_tokens", None)
    assert answer["usage"]["output_tokens"] == 2


def test_max_tokens_0_reads_the_prompt_and_says_nothing(call: Caller) -> None:
    answer = message(call, max_tokens=0)
    assert (answer["content"], answer["usage"]["output_tokens"]) == ([], 0)
    assert answer["usage"]["input_tokens"] > 0
    assert [name for name, _ in events(call, max_tokens=0)] == ["message_start", "message_delta", "message_stop"]


def test_an_older_model_goes_on_from_the_assistants_own_words(call: Caller) -> None:
    begun = [*ASK, {"role": "assistant", "content": "The capital of"}]
    answer = message(call, messages=begun, temperature=0)
    assert not text(answer).startswith("The capital")
    assert text(answer).startswith(" ")


def test_system_is_read(call: Caller) -> None:
    plain, told = (message(call, **more)["usage"]["input_tokens"] for more in ({}, {"system": "Be brief."}))
    blocks = message(call, system=[{"type": "text", "text": "Be brief."}])["usage"]["input_tokens"]
    assert told == blocks > plain


def test_neighbours_of_one_role_are_one_turn(call: Caller) -> None:
    two = [{"role": "user", "content": "Hello."}, {"role": "user", "content": "Who are you?"}]
    one = [{"role": "user", "content": [{"type": "text", "text": text} for text in ("Hello.", "Who are you?")]}]
    assert message(call, messages=two)["usage"]["input_tokens"] == message(call, messages=one)["usage"]["input_tokens"]


@pytest.mark.parametrize(
    ("model", "thinking", "thinks"),
    [
        ("claude-haiku-5-5", None, True),
        ("claude-haiku-5-5", {"type": "disabled"}, False),
        ("claude-sonnet-5-5", {"type": "between_tools"}, False),
        ("claude-opus-4-8", None, False),
        ("claude-opus-4-8", {"type": "adaptive"}, True),
        ("claude-opus-4-6", {"type": "enabled", "budget_tokens": 1024}, True),
        ("claude-haiku-4-5", None, False),
        ("claude-haiku-4-5", {"type": "enabled", "budget_tokens": 1024}, True),
        ("claude-haiku-4-5", {"type": "disabled"}, False),
        ("claude-opus-5-5", None, True),
    ],
)
def test_who_thinks_is_as_documented(call: Caller, model: str, thinking: Any, thinks: bool) -> None:
    # https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (2026-10)
    kinds = [block["type"] for block in message(call, model=model, thinking=thinking, max_tokens=1100)["content"]]
    assert ("thinking" in kinds) is thinks


def test_counting_tokens_says_what_an_answer_then_costs(call: Caller) -> None:
    asked = {"model": THINKS, "messages": ASK, "system": "Be brief.", "tools": [WEATHER]}
    counted = post(call, asked, "/v1/messages/count_tokens")
    assert list(counted.json()) == ["input_tokens"]
    answer = message(call, **asked)
    assert counted.json()["input_tokens"] == answer["usage"]["input_tokens"]
    refusal = post(call, {**asked, "max_tokens": 5}, "/v1/messages/count_tokens")
    assert refusal.json()["error"]["message"] == "max_tokens: Extra inputs are not permitted"


# --- tools and formats ----------------------------------------------------------------------------------------------


def test_a_forced_tool_is_called_with_arguments_that_its_schema_accepts(call: Caller) -> None:
    for _ in range(5):
        answer = message(call, tools=[WEATHER], tool_choice={"type": "any"}, max_tokens=200)
        assert answer["stop_reason"] == "tool_use"
        for block in answer["content"]:
            assert re.fullmatch(r"toolu_01[0-9A-Za-z]{22}", block["id"])
            jsonschema.validate(block["input"], WEATHER["input_schema"])


def test_streamed_arguments_are_the_arguments(call: Caller) -> None:
    found = events(call, tools=[WEATHER], tool_choice={"type": "tool", "name": "get_weather"}, max_tokens=200)
    deltas = [data["delta"] for name, data in found if name == "content_block_delta"]
    jsonschema.validate(json.loads("".join(delta["partial_json"] for delta in deltas)), WEATHER["input_schema"])


def test_a_tools_answer_goes_back_to_the_model(call: Caller) -> None:
    made = message(call, tools=[WEATHER], tool_choice={"type": "any", "disable_parallel_tool_use": True})
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "18 C"}
        for block in made["content"]
        if block["type"] == "tool_use"
    ]
    talk = [*ASK, {"role": "assistant", "content": made["content"]}, {"role": "user", "content": results}]
    assert message(call, messages=talk, tools=[WEATHER])["usage"]["input_tokens"] > made["usage"]["input_tokens"]


def test_a_json_schema_is_kept(call: Caller) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}, "big": {"type": "boolean"}},
        "required": ["city", "big"],
        "additionalProperties": False,
    }
    for _ in range(3):
        answer = message(call, output_config={"format": {"type": "json_schema", "schema": schema}}, max_tokens=200)
        jsonschema.validate(json.loads(text(answer)), schema)


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status", "kind", "says"),
    [
        ({}, 401, "authentication_error", "x-api-key header is required"),
        ({"x-api-key": "sk-ant-nope"}, 401, "authentication_error", "invalid x-api-key"),
        ({"authorization": "Bearer sk-ant-nope"}, 401, "authentication_error", "Invalid bearer token"),
    ],
)
def test_a_key_is_needed(call: Caller, sent: dict[str, str], status: int, kind: str, says: str) -> None:
    response = post(call, body(), headers={"anthropic-version": "2023-06-01", **sent})
    assert response.status_code == status
    assert response.json()["error"] == {"type": kind, "message": says}


def test_a_key_may_come_as_a_bearer_token_since_september(call: Caller, summer: Caller) -> None:
    key = call.server.facts["anthropic"].key.local
    sent = {"anthropic-version": "2023-06-01", "authorization": f"Bearer {key}"}
    assert post(call, body(), headers=sent).status_code == 200
    assert post(summer, body(), headers=sent).json()["error"]["message"] == "Invalid bearer token"


def test_the_version_must_be_named(call: Caller) -> None:
    response = post(call, body(), headers={"x-api-key": headers(call)["x-api-key"]})
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "anthropic-version: header is required"


def test_the_version_of_october_2026_takes_no_sampling_parameters(call: Caller, summer: Caller) -> None:
    # https://platform.claude.com/docs/en/api/versioning: not even at their defaults, on no model
    new = {**headers(call), "anthropic-version": "2026-10-21"}
    for name in ("temperature", "top_p", "top_k"):
        says = post(call, body(**{name: 1}), headers=new).json()["error"]["message"]
        assert says == f"{name}: Extra inputs are not permitted"
    assert post(call, body(), headers=new).status_code == 200
    assert post(call, body(temperature=1)).status_code == 200
    assert post(summer, body(), headers=new).status_code == 400
    cited = [{"type": "text", "text": "a", "citations": [{"type": "char_location"}]}]
    assert post(call, body(messages=[{"role": "user", "content": cited}]), headers=new).status_code == 400
    assert post(call, body(messages=[{"role": "user", "content": cited}])).status_code == 200


def test_paths_and_methods(call: Caller) -> None:
    assert post(call, body(), "/v1/v1/messages").json()["error"] == {"type": "not_found_error", "message": "Not Found"}
    assert post(call, body(), "/v1/chat/completions").status_code == 404
    assert get(call, "/v1/messages").status_code == 405


# message -> what was sent. Sources of the words: configs/providers/anthropic.yaml, errors and parameters.
REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("max_tokens: Field required", {"max_tokens": ...}),
    ("model: Field required", {"model": ...}),
    ("messages: Field required", {"messages": ...}),
    ("messages: at least one message is required", {"messages": []}),
    ("seed: Extra inputs are not permitted", {"seed": 1}),
    ("context_management: Extra inputs are not permitted", {"context_management": {}}),
    ("max_completion_tokens: Extra inputs are not permitted", {"max_completion_tokens": 5}),
    ("messages.0.id: Extra inputs are not permitted", {"messages": [{"role": "user", "content": "x", "id": "1"}]}),
    (
        "messages.0.content.1.text.text: Input should be a valid string",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": None}]}]},
    ),
    (
        "messages.1: all messages must have non-empty content except for the optional final assistant message",
        {"messages": [*ASK, {"role": "assistant", "content": ""}, *ASK]},
    ),
    (
        "messages: text content blocks must be non-empty",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
    ),
    (
        "messages: final assistant content cannot end with trailing whitespace",
        {"messages": [*ASK, {"role": "assistant", "content": "It is "}]},
    ),
    ("stop_sequences: each stop sequence must contain non-whitespace", {"stop_sequences": ["\n"]}),
    (
        "max_tokens: 128001 > 64000, which is the maximum allowed number of output tokens for "
        "claude-haiku-4-5-20251001",
        {"model": "claude-haiku-4-5", "max_tokens": 128001},
    ),
    ("`temperature` is deprecated for this model.", {"model": "claude-haiku-5-5", "temperature": 0.5}),
    ("`top_k` is deprecated for this model.", {"model": "claude-opus-5-5", "top_k": 40}),
    ("`top_p` is deprecated for this model.", {"model": "claude-opus-5-5", "top_p": 0.9}),
    (
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        {"temperature": 0.5, "top_p": 0.5},
    ),
    (
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
        {"model": "claude-sonnet-4-6", "thinking": {"type": "adaptive"}, "temperature": 0.5},
    ),
    (
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.',
        {"model": "claude-opus-4-7", "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}},
    ),
    (
        '"thinking.type.disabled" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.',
        {"model": "claude-opus-5-5", "thinking": {"type": "disabled"}},
    ),
    ("adaptive thinking is not supported on this model", {"thinking": {"type": "adaptive"}}),
    (
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 400}},
    ),
    ("This model does not support the effort parameter.", {"output_config": {"effort": "low"}}),
    (
        'tool_choice: type "tool" and "any" are not supported for this model.',
        {"model": "claude-opus-5-5", "tools": [WEATHER], "tool_choice": {"type": "any"}},
    ),
    (
        "Thinking may not be enabled when tool_choice forces tool use.",
        {
            "model": "claude-opus-4-7",
            "tools": [WEATHER],
            "tool_choice": {"type": "any"},
            "thinking": {"type": "adaptive"},
        },
    ),
    ("tool_choice.any may only be specified while providing tools", {"tool_choice": {"type": "any"}}),
    ("Tool 'nope' not found in provided tools", {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "nope"}}),
    ("tools.0.custom.input_schema.type: Field required", {"tools": [{"name": "a", "input_schema": {"anyOf": []}}]}),
    ("tools.0.custom.foo: Extra inputs are not permitted", {"tools": [{**WEATHER, "foo": 1}]}),
    ("tools: Tool names must be unique.", {"tools": [WEATHER, WEATHER]}),
    (
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}}},
    ),
    (
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        {"model": "claude-sonnet-4-6", "messages": [*ASK, {"role": "assistant", "content": "It is"}]},
    ),
    (
        'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as '
        "an input message role.",
        {"messages": [{"role": "system", "content": "Be brief."}, *ASK]},
    ),
    (
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        {
            "messages": [
                *ASK,
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "RXNFQ0M="}]},
                *ASK,
            ]
        },
    ),
    (
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1. Each `tool_result` "
        "block must have a corresponding `tool_use` block in the previous message.",
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1"}]}]},
    ),
    (
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each "
        "`tool_use` block must have a corresponding `tool_result` block in the next message.",
        {
            "messages": [
                *ASK,
                {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "a", "input": {}}]},
                *ASK,
            ]
        },
    ),
]


@pytest.mark.parametrize(("says", "fields"), REFUSALS, ids=[says[:60] for says, _ in REFUSALS])
def test_a_refusal_has_the_known_words(call: Caller, says: str, fields: dict[str, Any]) -> None:
    assert refused(call, **fields) == says


def test_openais_way_of_asking_is_refused_field_by_field(call: Caller) -> None:
    for name in ("n", "logprobs", "presence_penalty", "frequency_penalty", "logit_bias", "stop", "user", "min_p"):
        assert refused(call, **{name: 1}) == f"{name}: Extra inputs are not permitted"
    openai_tool = {"type": "function", "function": {"name": "a", "parameters": {}}}
    assert refused(call, tools=[openai_tool]).startswith("tools.0: Input tag 'function' found using 'type' does not")
    assert refused(call, tool_choice="auto").startswith("tool_choice: Input should be a valid dictionary")


def test_unknown_and_retired_models_are_not_found(call: Caller) -> None:
    # https://github.com/anthropics/claude-code/issues/5349: the whole message is the name
    assert refused(call, 404, "not_found_error", model="sonnet4") == "model: sonnet4"
    gone = "claude-opus-4-1-20250805"
    assert refused(call, 404, "not_found_error", model=gone) == f"model: {gone}"


def test_something_that_is_not_json(call: Caller) -> None:
    says = post(call, b'{"model": ').json()["error"]["message"]
    assert says.startswith("The request body is not valid JSON: ")
    assert says.endswith(": line 1 column 11 (char 10)")
    assert post(call, b'"text"').status_code == 400


def test_a_prompt_beyond_the_context_is_too_long(call: Caller) -> None:
    long = [{"role": "user", "content": "0123456789" * 20_500}]
    assert re.fullmatch(r"prompt is too long: 20\d{4} tokens > 200000 maximum", refused(call, messages=long))


def test_system_messages_within_a_conversation_are_taken_by_newer_models(call: Caller) -> None:
    talk = [*ASK, {"role": "assistant", "content": "Paris."}, {"role": "system", "content": "Be brief."}, *ASK]
    assert message(call, model="claude-opus-4-8", messages=talk)["type"] == "message"
    assert refused(call, model="claude-opus-4-7", messages=talk).startswith('messages: Unexpected role "system"')


def test_thinking_blocks_may_be_sent_back(call: Caller) -> None:
    first = message(call, model=THINKS, max_tokens=300)
    talk = [*ASK, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": "And of Italy?"}]
    assert message(call, model=THINKS, messages=talk)["type"] == "message"
    first["content"][0]["signature"] = first["content"][0]["signature"][:-8] + "AAAAAAA="
    assert "Invalid `signature`" in refused(call, model=THINKS, messages=talk)


def test_pictures_are_left_out_and_the_answer_says_so(call: Caller) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    response = post(call, body(messages=[{"role": "user", "content": [picture]}]))
    assert response.status_code == 200
    assert "pictures" in response.headers["x-lab-note"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "name", "content", "role", "input_schema", "id", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
FIELDS = [
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "stop_sequences",
    "metadata",
    "top_k",
]
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "tool_use", "tool_result", "image", "server_tool_use", "nope"])},
    optional=dict.fromkeys(("text", "content", "id", "tool_use_id", "input", "source", "signature"), json_values),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3),
    blocks=st.lists(BLOCKS, max_size=3),
)
def test_no_request_brings_the_server_down(call: Caller, fields: dict[str, Any], blocks: list[Any]) -> None:
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": blocks},
    ]
    response = post(call, {**body(max_tokens=1, messages=talk), **fields})
    assert response.status_code in (200, 400), response.text
    assert response.json()["type"] in ("message", "error")


# --- limits, faults, the day ----------------------------------------------------------------------------------------


def test_headers_count_requests_and_tokens_apart(call: Caller) -> None:
    sent = post(call, body()).headers
    for what in ("requests", "tokens", "input-tokens", "output-tokens"):
        limit, left = (int(sent[f"anthropic-ratelimit-{what}-{name}"]) for name in ("limit", "remaining"))
        assert 0 < left < limit
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sent[f"anthropic-ratelimit-{what}-reset"])


@pytest.fixture(scope="module")
def summer() -> Iterator[Caller]:
    """A caller of the providers as they were on 2026-08-10."""
    from labkit import facts
    from labkit.sim import LocalServer

    with LocalServer(facts.load("2026-08-10"), pace="quick") as server:
        caller = Caller(server)
        yield caller
        caller.http.close()


def test_in_autumn_2025_other_models_live_and_nothing_is_known_of_stop_details(autumn_2025: Caller) -> None:
    model = autumn_2025.server.facts["anthropic"].model("chat").id
    assert model == "claude-sonnet-4-20250514"
    answer = message(autumn_2025, model=model)
    assert list(answer) == ["model", "id", "type", "role", "content", "stop_reason", "stop_sequence", "usage"]
    assert refused(autumn_2025, 404, "not_found_error", model="claude-haiku-5-5") == "model: claude-haiku-5-5"


# --- the official SDK -----------------------------------------------------------------------------------------------


@pytest.fixture
def sdk(call: Caller) -> Iterator[anthropic.Anthropic]:
    options: Any = {"api_key": headers(call)["x-api-key"], "base_url": call.server.sdk_url("anthropic")}
    with anthropic.Anthropic(**options, max_retries=0) as client:
        yield client


def test_the_sdk_reads_an_answer(sdk: anthropic.Anthropic) -> None:
    answer = sdk.messages.create(model="claude-haiku-5-5", max_tokens=300, messages=ASK)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.stop_reason in ("end_turn", "max_tokens")
    assert answer.usage.output_tokens_details is not None
    assert str(answer._request_id).startswith("req_")
    anthropic.types.Message.model_validate(answer.to_dict())  # strictly: create() alone does not validate


def test_the_sdk_reads_a_stream_and_puts_the_message_together(sdk: anthropic.Anthropic) -> None:
    thinking: Any = {"type": "adaptive", "display": "summarized"}
    with sdk.messages.stream(model=THINKS, max_tokens=300, messages=ASK, thinking=thinking) as stream:
        seen = list(stream)
        final = stream.get_final_message()
    kinds = [event.type for event in seen]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    said = "".join(event.text for event in seen if event.type == "text")
    thought = "".join(event.thinking for event in seen if event.type == "thinking")
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert (final.content[0].thinking, final.content[1].text) == (thought, said)  # type: ignore[union-attr]
    assert final.content[0].signature  # type: ignore[union-attr]
    assert final.usage.output_tokens > 0
    assert final.stop_reason in ("end_turn", "max_tokens")


def test_the_sdk_sends_a_message_back_as_it_came(sdk: anthropic.Anthropic) -> None:
    first = sdk.messages.create(model=THINKS, max_tokens=300, messages=ASK)
    talk: Any = [*ASK, first.to_param(), {"role": "user", "content": "And of Italy?"}]
    assert sdk.messages.create(model=THINKS, max_tokens=50, messages=talk).role == "assistant"


def test_the_sdk_reads_a_tool_call_whole_and_streamed(sdk: anthropic.Anthropic) -> None:
    asked: Any = {"model": SAMPLES, "max_tokens": 200, "messages": ASK, "tools": [WEATHER]}
    choice: Any = {"type": "any"}
    whole = sdk.messages.create(**asked, tool_choice=choice)
    with sdk.messages.stream(**asked, tool_choice=choice) as stream:
        streamed = stream.get_final_message()
    for answer in (whole, streamed):
        assert answer.stop_reason == "tool_use"
        jsonschema.validate(answer.content[-1].input, WEATHER["input_schema"])  # type: ignore[union-attr]


def test_the_sdk_parses_a_schema(sdk: anthropic.Anthropic) -> None:
    import pydantic

    class City(pydantic.BaseModel):
        capital: bool
        population: int

    answer = sdk.messages.parse(model=SAMPLES, max_tokens=100, messages=ASK, output_format=City)
    assert isinstance(answer.parsed_output, City)


def test_the_sdk_lists_models_page_by_page_and_counts_tokens(sdk: anthropic.Anthropic) -> None:
    names = [model.id for model in sdk.models.list(limit=5)]  # the iterator turns the pages
    assert len(names) == len(set(names)) > 5
    assert names[0] == "claude-haiku-5-5"
    one = sdk.models.retrieve("claude-haiku-4-5")
    assert (one.id, one.type, one.lifecycle) == ("claude-haiku-4-5-20251001", "model", "active")
    assert one.created_at.isoformat() == "2025-10-15T00:00:00+00:00"
    ending = sdk.models.retrieve("claude-sonnet-4-5")
    assert (ending.lifecycle, str(ending.retires_at)) == ("deprecated", "2026-11-30 00:00:00+00:00")
    assert sdk.models.retrieve("claude-opus-4-1-20250805").lifecycle == "retired"
    assert "claude-opus-4-1-20250805" not in names
    assert [model.lifecycle for model in sdk.models.list(lifecycle=["retired"])][:1] == ["retired"]
    assert sdk.messages.count_tokens(model=THINKS, messages=ASK).input_tokens > 5


def test_each_refusal_is_the_sdks_own_error(call: Caller, sdk: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.AuthenticationError, match="Invalid bearer token"):
        sdk.with_options(api_key="sk-ant-nope").models.list()
    with pytest.raises(anthropic.NotFoundError, match="model: nope") as caught:
        sdk.messages.create(model="nope", max_tokens=5, messages=ASK)
    assert str(caught.value.request_id).startswith("req_")
    old = {"anthropic-version": "2023-06-01"}
    for sent, says in (({}, "temperature: Extra inputs are not permitted"), (old, "deprecated for this model")):
        extra: Any = {"extra_body": {"temperature": 0.3}, "extra_headers": sent}
        with pytest.raises(anthropic.BadRequestError, match=says):
            sdk.messages.create(model=THINKS, max_tokens=5, messages=ASK, **extra)
    with pytest.raises(anthropic.APIConnectionError):
        sdk.with_options(base_url="http://127.0.0.1:9/anthropic").models.list()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limit", anthropic.RateLimitError),
        ("overloaded", anthropic.APIStatusError),
        ("server_error", anthropic.InternalServerError),
    ],
)
def test_a_fault_asked_for_is_the_sdks_own_error(sdk: anthropic.Anthropic, fault: str, error: Any) -> None:
    with pytest.raises(error) as caught:
        sdk.messages.create(model=SAMPLES, max_tokens=5, messages=ASK, extra_headers={"x-lab-fault": fault})
    status = {"rate_limit": 429, "overloaded": 529, "server_error": 500}[fault]
    assert caught.value.status_code == status
    assert caught.value.body["type"] == "error"
    assert caught.value.body["request_id"] == caught.value.request_id


def test_an_error_event_within_a_stream_is_the_sdks_own_error(sdk: anthropic.Anthropic) -> None:
    asked: Any = {"model": SAMPLES, "max_tokens": 40, "messages": ASK, "extra_headers": {"x-lab-fault": "error_event"}}
    with sdk.messages.stream(**asked) as stream, pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        stream.get_final_message()


def test_the_sdk_asks_again_when_it_may(call: Caller, sdk: anthropic.Anthropic) -> None:
    call.server.faults.add("anthropic", "overloaded", times=1)
    answer = sdk.with_options(max_retries=2).messages.create(model=SAMPLES, max_tokens=5, messages=ASK)
    assert answer.role == "assistant"
    assert [record.status for record in call.server.log] == [529, 200]


def test_four_at_once_through_the_asynchronous_sdk(call: Caller) -> None:
    async def ask() -> list[str]:
        options: Any = {"api_key": headers(call)["x-api-key"], "base_url": call.server.sdk_url("anthropic")}
        async with anthropic.AsyncAnthropic(**options, max_retries=0) as client:
            create = client.messages.create
            answers = await asyncio.gather(
                *(create(model=SAMPLES, max_tokens=20, messages=ASK) for _ in range(4)),
            )
        return [answer.id for answer in answers]

    assert len(set(asyncio.run(ask()))) == 4
