"""Output formats over the wire, whatever the model would like to say. The oracle is the jsonschema library."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openai
import pydantic
import pytest

from conftest import Caller
from labkit.sim.calls import closed
from labkit.sim.formats import of_schema

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
        "pets": {"type": "array", "items": {"$ref": "#/$defs/pet"}, "maxItems": 2},
    },
    "required": ["name", "age", "pets"],
    "additionalProperties": False,
    "$defs": {
        "pet": {
            "type": "object",
            "properties": {"kind": {"enum": ["cat", "dog"]}},
            "required": ["kind"],
            "additionalProperties": False,
        }
    },
}


def form(schema: Any, name: str = "person", **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, **more}}


def content(answer: dict[str, Any]) -> str:
    assert answer["choices"][0]["finish_reason"] == "stop"
    text: str = answer["choices"][0]["message"]["content"]
    return text


@pytest.mark.parametrize("provider", ["lab", "openai", "deepseek"])
@pytest.mark.parametrize("temperature", [0, 2])
def test_json_object_yields_a_json_object(call: Caller, provider: str, temperature: float) -> None:
    for prompt in ("A person, as json.", "Is json a language?"):
        fields: dict[str, Any] = {"response_format": {"type": "json_object"}, "temperature": temperature}
        if provider == "deepseek":
            fields["thinking"] = {"type": "disabled"}
        assert isinstance(json.loads(content(call.chat(provider, prompt, **fields))), dict)


@pytest.mark.parametrize("provider", ["lab", "openai"])
@pytest.mark.parametrize("strict", [True, False])
def test_json_schema_yields_what_the_schema_accepts(call: Caller, provider: str, strict: bool) -> None:
    for temperature in (0, 1, 2):
        answer = call.chat(provider, response_format=form(PERSON, strict=strict), temperature=temperature)
        jsonschema.validate(json.loads(content(answer)), PERSON)


def test_a_streamed_form_is_the_whole_one(call: Caller) -> None:
    fields: dict[str, Any] = {"response_format": form(PERSON), "temperature": 0}
    whole = content(call.chat("openai", **fields))
    deltas = [c["choices"][0]["delta"] for c in call.stream("openai", **fields)[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == whole


def test_every_choice_has_the_form_and_its_logprobs(call: Caller) -> None:
    answer = call.chat("openai", response_format=form(PERSON), n=3, logprobs=True, temperature=2)
    for choice in answer["choices"]:
        jsonschema.validate(json.loads(choice["message"]["content"]), PERSON)
        shown = b"".join(bytes(share["bytes"]) for share in choice["logprobs"]["content"])
        assert shown.decode() == choice["message"]["content"]


def test_text_is_text(call: Caller) -> None:
    same = {"seed": 5}
    assert content(call.chat("openai", response_format={"type": "text"}, **same))


def test_a_thinking_model_thinks_freely_and_answers_in_the_form(call: Caller) -> None:
    answer = call.chat("lab", model="lab-chat-thinking", response_format=form(PERSON), temperature=0)
    message = answer["choices"][0]["message"]
    assert message["reasoning_content"]
    assert not message["reasoning_content"].startswith("{")
    if answer["choices"][0]["finish_reason"] == "stop":
        jsonschema.validate(json.loads(message["content"]), PERSON)


def test_with_tools_the_answer_is_a_call_or_has_the_form(call: Caller) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    for seed in range(6):
        answer = call.chat("openai", tools=tools, response_format=form(PERSON), seed=seed, temperature=2)
        choice = answer["choices"][0]
        if choice["finish_reason"] == "tool_calls":
            assert {each["function"]["arguments"] for each in choice["message"]["tool_calls"]} == {"{}"}
        else:
            jsonschema.validate(json.loads(choice["message"]["content"]), PERSON)


class Pet(pydantic.BaseModel):
    kind: str


class Person(pydantic.BaseModel):
    name: str
    age: int
    pets: list[Pet]


def test_the_official_sdk_parses_the_form_into_a_class(call: Caller) -> None:
    with openai.OpenAI(
        api_key=call.server.facts["openai"].key.local, base_url=call.server.provider_url("openai"), max_retries=0
    ) as client:
        answer = client.chat.completions.parse(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": "A person"}], response_format=Person
        )
        assert isinstance(answer.choices[0].message.parsed, Person)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "wanted", "param", "says"),
    [
        ("openai", {"type": "json_object"}, "messages", "'messages' must contain the word 'json' in some form"),
        ("openai", {}, "response_format.type", "Missing required parameter: 'response_format.type'."),
        ("openai", {"type": "xml"}, "response_format.type", "'text', 'json_object', 'json_schema'"),
        ("openai", {"type": 3}, "response_format.type", "expected a string"),
        ("openai", {"type": "json_schema"}, "response_format.json_schema", "Missing required parameter"),
        (
            "openai",
            {"type": "json_schema", "json_schema": {"schema": PERSON}},
            "response_format.json_schema.name",
            "Missing",
        ),
        (
            "openai",
            form({"type": "array", "items": {}}),
            "response_format",
            "Invalid schema for response_format 'person': schema must be a JSON Schema of 'type: \"object\"'",
        ),
        (
            "openai",
            form({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, strict=True),
            "response_format",
            "Invalid schema for response_format 'person': In context=(), 'additionalProperties' is required to be "
            "supplied and to be false.",
        ),
        (
            "openai",
            form(
                {
                    **PERSON,
                    "properties": {"a": {"type": "object", "properties": {"b": {}}, "additionalProperties": False}},
                    "required": ["a"],
                },
                strict=True,
            ),
            "response_format",
            "In context=('properties', 'a'), 'required' is required to be supplied",
        ),
        (
            "openai",
            form({"type": "object", "properties": {}, "additionalProperties": False, "not": {}}, strict=True),
            "response_format",
            "In context=(), 'not' is not permitted.",
        ),
        ("lab", form({"type": "objekt"}), "response_format", "No answer can meet the schema 'person'"),
        ("deepseek", {"type": "json_object"}, None, "Prompt must contain the word 'json' in some form"),
        ("deepseek", form(PERSON), None, "This response_format type is unavailable now"),
    ],
)
def test_formats_that_cannot_be_are_refused_in_the_providers_words(
    call: Caller, provider: str, wanted: Any, param: str | None, says: str
) -> None:
    response = call.post(provider, call.body(provider, response_format=wanted))
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert says in error["message"]
    assert error["param"] == param


def test_a_bare_schema_or_the_word_json_is_a_form() -> None:
    assert of_schema("json").schema is None
    assert of_schema(PERSON).schema == PERSON


def test_closing_a_schema_shuts_out_nothing_that_it_names() -> None:
    open_schema = {
        "type": "object",
        "properties": {"a": {"properties": {"b": {}}}, "c": {"additionalProperties": {"type": "string"}}},
        "anyOf": [{"required": ["a"]}, {"required": ["c"]}],
    }
    shut = closed(open_schema)
    assert "additionalProperties" not in shut  # beside anyOf: its parts may name further properties
    assert shut["properties"]["a"]["additionalProperties"] is False
    assert shut["properties"]["c"]["additionalProperties"] == {"type": "string"}
    both = {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}
    assert closed(both) == both
