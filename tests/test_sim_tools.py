"""Tool calls over the wire, whatever the model would like to say. The oracle for schemas is the jsonschema library."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openai
import pytest

from conftest import Caller

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
ADD: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
SCHEMAS = {"get_weather": WEATHER, "add": ADD, "now": {"type": "object", "properties": {}}}
PROVIDERS = {"lab": {}, "openai": {}, "deepseek": {"thinking": {"type": "disabled"}}}


def tool(name: str, parameters: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters or SCHEMAS[name], **more}}


TOOLS = [tool(name) for name in SCHEMAS]
NAMED = {"type": "function", "function": {"name": "add"}}


def calls(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    """Names and arguments of an answer's calls, each held against its tool's schema."""
    made = []
    for call in answer["choices"][0]["message"]["tool_calls"]:
        arguments = json.loads(call["function"]["arguments"])
        jsonschema.validate(arguments, SCHEMAS[call["function"]["name"]])
        made.append((call["function"]["name"], arguments))
    return made


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("temperature", [0, 2])
def test_a_required_call_comes_and_its_arguments_satisfy_the_schema(
    call: Caller, provider: str, temperature: float
) -> None:
    for prompt in ("What is the weather in Paris?", "Tell me a story."):
        answer = call.chat(
            provider, prompt, tools=TOOLS, tool_choice="required", temperature=temperature, **PROVIDERS[provider]
        )
        assert calls(answer)
        assert answer["choices"][0]["finish_reason"] == "tool_calls"
        assert answer["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_named_tool_is_called_once(call: Caller, provider: str) -> None:
    answer = call.chat(provider, tools=TOOLS, tool_choice=NAMED, **PROVIDERS[provider])
    assert [name for name, _ in calls(answer)] == ["add"]
    assert answer["choices"][0]["finish_reason"] == ("stop" if provider == "openai" else "tool_calls")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_with_none_no_tool_is_called(call: Caller, provider: str) -> None:
    answer = call.chat(provider, "What is the weather in Rome?", tools=TOOLS, tool_choice="none", **PROVIDERS[provider])
    assert not answer["choices"][0]["message"].get("tool_calls")
    assert answer["choices"][0]["message"]["content"]


def test_without_parallel_calls_there_is_one(call: Caller) -> None:
    for seed in range(8):
        fields = {"tools": TOOLS, "tool_choice": "required", "temperature": 2, "seed": seed}
        assert len(calls(call.chat("openai", parallel_tool_calls=False, **fields))) == 1


def test_only_allowed_tools_are_called(call: Caller) -> None:
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}
    for seed in range(3):
        made = calls(call.chat("openai", tools=TOOLS, tool_choice=allowed, temperature=2, seed=seed))
        assert {name for name, _ in made} == {"add"}


def test_left_to_itself_the_model_writes_text_or_calls(call: Caller) -> None:
    for seed in range(8):
        answer = call.chat("openai", "What is the weather in Rome?", tools=TOOLS, seed=seed, temperature=1.5)
        choice = answer["choices"][0]
        if "tool_calls" in choice["message"]:
            assert calls(answer)
            assert choice["finish_reason"] == "tool_calls"
        else:
            assert choice["finish_reason"] in ("stop", "length")
        assert "<tool_call>" not in (choice["message"]["content"] or "")


def test_the_tools_are_part_of_the_prompt(call: Caller) -> None:
    bare, offered = call.chat("openai"), call.chat("openai", tools=TOOLS)
    assert offered["usage"]["prompt_tokens"] > bare["usage"]["prompt_tokens"] + 10


def test_a_call_cut_at_max_tokens_says_so(call: Caller) -> None:
    answer = call.chat("openai", tools=TOOLS, tool_choice=NAMED, max_tokens=14)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 14


def test_several_choices_call_each_for_itself(call: Caller) -> None:
    answer = call.chat("openai", tools=TOOLS, tool_choice="required", n=3, temperature=2)
    for choice in answer["choices"]:
        assert calls({"choices": [choice]})


# --- how calls look -------------------------------------------------------------------------------------------------

# Recorded, shortened: https://github.com/vercel/ai, packages/deepseek/src/chat/__fixtures__/deepseek-tool-call.json
# and .chunks.txt (2026-08-15).
DEEPSEEK = """{"role": "assistant", "content": "", "tool_calls": [{"index": 0, "id": "call_00_lCIkdHRa7AKmCG3TlxXz1061",
 "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}"""
OPENAI = """{"role": "assistant", "content": null, "tool_calls": [{"id": "call_qOfTGgDrItLORNfC6VwUbyLL",
 "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}], "refusal": null, "annotations": []}"""


@pytest.mark.parametrize(("provider", "recorded"), [("openai", OPENAI), ("deepseek", DEEPSEEK)])
def test_a_message_with_a_call_looks_like_a_recorded_one(call: Caller, provider: str, recorded: str) -> None:
    fields = {"tools": TOOLS[:1], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}}
    message = call.chat(provider, **fields, **PROVIDERS[provider])["choices"][0]["message"]
    model = json.loads(recorded)
    assert list(message) == list(model)
    assert message["content"] == model["content"]
    made, like = message["tool_calls"][0], model["tool_calls"][0]
    assert list(made) == list(like)
    assert list(made["function"]) == list(like["function"])
    assert len(made["id"]) == len(like["id"])
    assert made["id"][:5] == like["id"][:5]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_pieces_of_a_streamed_call_are_the_whole_one(call: Caller, provider: str) -> None:
    fields: dict[str, Any] = {"tools": TOOLS, "tool_choice": "required", "temperature": 0, **PROVIDERS[provider]}
    whole = call.chat(provider, **fields)["choices"][0]["message"]["tool_calls"]
    chunks = [chunk for chunk in call.stream(provider, **fields)[:-1] if chunk["choices"]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    joined: dict[int, dict[str, Any]] = {}
    for piece in (each for delta in deltas for each in delta.get("tool_calls", ())):
        if "id" in piece:
            assert piece["function"]["arguments"] == ""
            joined[piece["index"]] = {"id": piece["id"], **piece["function"]}
        else:
            assert list(piece) == ["index", "function"]
            joined[piece["index"]]["arguments"] += piece["function"]["arguments"]
    assert len({each["id"] for each in joined.values()}) == len(joined)
    shown = [(each["name"], each["arguments"]) for each in joined.values()]
    assert shown == [(each["function"]["name"], each["function"]["arguments"]) for each in whole]


def test_the_official_sdk_reads_calls_whole_and_streamed(call: Caller) -> None:
    with openai.OpenAI(
        api_key=call.server.facts["openai"].key.local, base_url=call.server.provider_url("openai"), max_retries=0
    ) as client:
        ask: Any = {
            "model": "gpt-4.1-mini",
            "messages": [{"role": "user", "content": "What is 3 plus 4?"}],
            "tools": TOOLS,
            "tool_choice": "required",
            "temperature": 0,
        }
        answer = client.chat.completions.create(**ask)
        made = answer.choices[0].message.tool_calls
        with client.chat.completions.stream(**ask) as stream:
            streamed = stream.get_final_completion().choices[0].message.tool_calls
        assert made
        assert streamed
        assert [each.function.arguments for each in made] == [each.function.arguments for each in streamed]
        results = [{"role": "tool", "tool_call_id": each.id, "content": "7"} for each in made]
        messages = [*ask["messages"], answer.choices[0].message, *results]
        after = client.chat.completions.create(model=ask["model"], messages=messages, tools=TOOLS, tool_choice="none")
        assert after.choices[0].message.content


def test_a_thinking_model_thinks_and_then_calls(call: Caller) -> None:
    answer = call.chat("lab", "What is 3 plus 4?", model="lab-chat-thinking", tools=TOOLS, tool_choice="required")
    choice = answer["choices"][0]
    if choice["finish_reason"] == "tool_calls":
        assert calls(answer)
    else:
        assert choice["finish_reason"] == "length"  # the working took all the room
    assert choice["message"]["reasoning_content"]
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


# --- conversations with calls -----------------------------------------------------------------------------------------


def past(*ids: str) -> dict[str, Any]:
    made = [{"id": id, "type": "function", "function": {"name": "add", "arguments": '{"a":1,"b":2}'}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": '{"sum": 3}'}


USER = {"role": "user", "content": "What is 1 + 2?"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_calls_and_results_of_the_past_are_read(call: Caller, provider: str) -> None:
    def tokens(*messages: Any) -> int:
        count: int = call.chat(provider, messages=list(messages), max_tokens=3)["usage"]["prompt_tokens"]
        return count

    assert tokens(USER, past("x"), result("x")) > tokens(USER, {"role": "assistant", "content": ""}, USER)
    assert tokens(USER, past("x", "y"), result("y"), result("x")) > tokens(USER, past("x"), result("x"))


@pytest.mark.parametrize(
    ("provider", "messages", "says"),
    [
        ("openai", [USER, result("x")], "Invalid parameter: messages with role 'tool' must be a response"),
        ("openai", [USER, past("x", "y"), result("y")], "did not have response messages: x"),
        ("openai", [USER, past("x"), USER], "did not have response messages: x"),
        ("openai", [USER, past()], "Invalid 'messages[1].tool_calls': empty array."),
        ("openai", [USER, past("x"), {"role": "tool", "content": "3"}], "must have a 'tool_call_id'"),
        ("openai", [USER, {**past(), "tool_calls": [{"id": "x"}]}], "'messages[1].tool_calls[0].function'"),
        ("deepseek", [USER, result("x")], "Messages with role 'tool' must be a response to a preceding message"),
        ("deepseek", [USER, past("x"), USER], "(insufficient tool messages following tool_calls message)"),
        ("lab", [USER, result("x")], "no message with tool_calls comes before it"),
    ],
)
def test_calls_without_results_and_the_reverse_are_refused(
    call: Caller, provider: str, messages: list[Any], says: str
) -> None:
    response = call.post(provider, call.body(provider, messages=messages))
    assert response.status_code == 400
    assert says in response.json()["error"]["message"]


# --- what is refused --------------------------------------------------------------------------------------------------

CONTRADICTION = {"type": "object", "properties": {"a": False}, "required": ["a"]}


@pytest.mark.parametrize(
    ("provider", "fields", "param", "code", "says"),
    [
        ("openai", {"tools": []}, "tools", "empty_array", "Invalid 'tools': empty array."),
        ("openai", {"tool_choice": "auto"}, "tool_choice", None, "'tool_choice' is only allowed when 'tools' are"),
        ("openai", {"tools": [{}]}, "tools[0].type", "missing_required_parameter", "'tools[0].type'."),
        ("openai", {"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter", "Missing"),
        ("openai", {"tools": ["x"]}, "tools[0]", "invalid_type", "expected an object, but got a string"),
        ("openai", {"tools": [tool("a b", ADD)]}, "tools[0].function.name", "invalid_value", "'^[a-zA-Z0-9_-]+$'"),
        (
            "openai",
            {"tools": [tool("f", {"type": "string"})]},
            "tools[0].function.parameters",
            "invalid_function_parameters",
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'.",
        ),
        (
            "openai",
            {"tools": [tool("f", {"type": "object"})]},
            "tools[0].function.parameters",
            "invalid_function_parameters",
            "In context=(), object schema missing properties.",
        ),
        (
            "openai",
            {"tools": [tool("f", ADD, strict=True)]},
            "tools[0].function.parameters",
            "invalid_function_parameters",
            "In context=(), 'additionalProperties' is required to be supplied and to be false.",
        ),
        (
            "openai",
            {"tools": [tool("now"), tool("f", CONTRADICTION)]},
            "tools[1].function.parameters",
            "invalid_function_parameters",
            "required property 'a' is unsatisfiable",
        ),
        (
            "openai",
            {"tools": TOOLS, "tool_choice": "any"},
            "tool_choice",
            "invalid_value",
            "'none', 'auto', 'required'",
        ),
        (
            "openai",
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "f"}}},
            "tool_choice",
            None,
            "Tool choice 'f' not found in 'tools' parameter.",
        ),
        (
            "deepseek",
            {"tools": [tool("f", {"type": "string"})]},
            None,
            "invalid_request_error",
            "got 'type: \"string\"'.",
        ),
        ("deepseek", {"tools": [tool("f", {"properties": {}})]}, None, "invalid_request_error", "got 'type: null'."),
        (
            "deepseek",
            {"tools": TOOLS, "tool_choice": "required"},
            None,
            "invalid_request_error",
            "Thinking mode does not support this tool_choice",
        ),
        ("deepseek", {"tools": TOOLS, "tool_choice": NAMED}, None, "invalid_request_error", "Thinking mode does not"),
        (
            "lab",
            {"tools": [tool("f", CONTRADICTION)]},
            "tools[0].function.parameters",
            "invalid_function_parameters",
            "f",
        ),
    ],
)
def test_tools_that_cannot_be_are_refused_in_the_providers_words(
    call: Caller, provider: str, fields: dict[str, Any], param: str | None, code: str | None, says: str
) -> None:
    response = call.post(provider, call.body(provider, **fields))
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert says in error["message"]


def test_a_strict_tool_must_require_all_of_its_properties(call: Caller) -> None:
    half = {**WEATHER, "required": ["city"]}
    response = call.post("openai", call.body("openai", tools=[tool("f", half, strict=True)]))
    assert "every key in properties. Missing 'unit'." in response.json()["error"]["message"]
    assert call.chat("openai", tools=[tool("get_weather", WEATHER, strict=True)], max_tokens=3)


def test_strange_names_do_not_confuse_the_reading_of_calls(call: Caller) -> None:
    names = ["f", "f_", "f-f", "arguments", "name", "tool_call"]
    tools = [tool(name, ADD) for name in names]
    for name in names:
        choice = {"type": "function", "function": {"name": name}}
        [made] = call.chat("openai", tools=tools, tool_choice=choice)["choices"][0]["message"]["tool_calls"]
        assert made["function"]["name"] == name
        jsonschema.validate(json.loads(made["function"]["arguments"]), ADD)
