"""The format that a request wants its answer in: checked, then as the engine knows it.

Three ways lead to JSON: OpenAI's `response_format` (an object, or JSON Schema), Fireworks' schema beside
`json_object`, and a bare schema or the word "json" (Ollama). Which types a provider takes is in its facts.
Source: https://github.com/openai/openai-openapi, ResponseFormatJsonSchema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.facts.provider import Provider
from labkit.sim.calls import Form
from labkit.sim.conversation import Message
from labkit.sim.refusal import Refused, refuse
from labkit.sim.tools import NAME, Place, first_of, need, typed, unstrict


def of_schema(value: str | Mapping[str, Any], *, strict: bool = True) -> Form:
    """The form that a bare schema means; the word 'json' means any object."""
    return Form(None if isinstance(value, str) else value, strict)


def read_form(provider: Provider, honoured: Mapping[str, Any], turns: Sequence[Message], place: Place) -> Form | None:
    """The form of the answer; None for free text. honoured: the request's fields that take effect. Raises Refused."""
    wanted = honoured.get("response_format")
    if wanted is None:
        return None
    at = "response_format"
    kind = need(provider, wanted, "type", at, "string", place)
    if kind == "json_object":
        return _any_object(provider, wanted, turns, place)
    if kind == "json_schema":
        return _json_schema(provider, need(provider, wanted, kind, at, "object", place), place)
    if kind != "text":
        choices = "'text', 'json_object', 'json_schema'"
        spelt = {"choices": choices, "serde_choices": choices.replace("'", "`")}
        raise first_of(provider, ("not_in_list",), kind, f"{at}.type", **spelt, **place)
    return None


def form_name(honoured: Mapping[str, Any]) -> str:
    """What the request calls its schema; '' where it does not."""
    wanted = honoured.get("response_format") or {}
    return str((wanted.get("json_schema") or {}).get("name") or "") if isinstance(wanted, Mapping) else ""


def _any_object(provider: Provider, wanted: Mapping[str, Any], turns: Sequence[Message], place: Place) -> Form:
    if "json_word" in provider.errors and not any("json" in turn.content.lower() for turn in turns):
        raise refuse(provider, "json_word", param="messages", **place)
    schema = wanted.get("schema")
    if schema is None or "schema" not in provider.parameters["response_format"].fields:
        return Form()
    return Form(typed(provider, schema, "response_format.schema", "object", place))


def _json_schema(provider: Provider, wanted: Mapping[str, Any], place: Place) -> Form:
    at = "response_format.json_schema"
    known = "missing_field" in provider.errors
    name = need(provider, wanted, "name", at, "string", place) if known else wanted.get("name") or ""
    if known and not NAME.fullmatch(name):
        raise first_of(provider, ("tool_name",), name, f"{at}.name", name=name, **place)
    spelling = "schema_definition" if "schema_definition" in wanted else "schema"  # the former in Mistral's Python
    schema = need(provider, wanted, spelling, at, "object", place)
    if wanted.get("strict") is not None:
        typed(provider, wanted["strict"], f"{at}.strict", "boolean", place)
    strict = wanted.get("strict") is True
    if "strict_form" in provider.errors:
        wrong = _not_an_object(schema) or (next(unstrict(schema), None) if strict else None)
        if wrong:
            raise _bad_schema(provider, str(name), wrong, place)
    return Form(schema, strict)


def _not_an_object(schema: Mapping[str, Any]) -> str | None:
    if schema.get("type") == "object":
        return None
    return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."


def _bad_schema(provider: Provider, name: str, why: str, place: Place) -> Refused:
    return refuse(provider, "strict_form", param="response_format", name=name, why=why, **place)
