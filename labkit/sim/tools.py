"""The tools of a request in OpenAI's form: checked, then as the engine knows them.

Providers differ in what they check and in their words; where the facts have no case of their own, a nearer general one
answers. Called by the OpenAI dialect.
Source: https://github.com/openai/openai-openapi, ChatCompletionTool and ChatCompletionToolChoiceOption.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labkit.facts.provider import Provider
from labkit.sim.calls import Impossible, Tool
from labkit.sim.refusal import Refused, fits, refuse, shown, type_words

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)

Place = Mapping[str, Any]


@dataclass(frozen=True)
class ToolUse:
    """What the model may call. Fields as in engine.Ask. named: whether the request named the tool to be called."""

    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "required", "none"] = "auto"
    callable: tuple[str, ...] = ()
    parallel: bool = True
    named: bool = False


def read_tools(provider: Provider, honoured: Mapping[str, Any], place: Place, *, thinking: bool = False) -> ToolUse:
    """The tools and the choice among them. honoured: the request's fields that take effect. Raises Refused."""
    offered, choice, parallel = (honoured.get(name) for name in ("tools", "tool_choice", "parallel_tool_calls"))
    if not offered:
        _check_alone(provider, offered, {"tool_choice": choice, "parallel_tool_calls": parallel}, place)
        return ToolUse()
    tools = tuple(_tool(provider, tool, index, place) for index, tool in enumerate(offered))
    use = _choice(provider, tools, choice, place)
    if thinking and use.tool_choice == "required" and "choice_while_thinking" in provider.errors:
        raise refuse(provider, "choice_while_thinking", param="tool_choice", value=shown(choice), **place)
    return ToolUse(tools, use.tool_choice, use.callable, parallel is not False and not use.named, use.named)


def impossible(provider: Provider, error: Impossible, use: ToolUse, form_name: str, place: Place) -> Refused:
    """The refusal of a tool or a form that the engine could not serve. form_name: what the request calls the form."""
    if error.what == "form":
        return first_of(
            provider, ("schema_form",), {}, "response_format", why=words(error.why), name=form_name, **place
        )
    index = next(i for i, tool in enumerate(use.tools) if tool.name == error.name)
    return _bad_schema(provider, "schema_tool", use.tools[index], index, words(error.why), place)


def words(why: str) -> str:
    """The grammar library's reason in the words that OpenAI has for the commonest one."""
    found = re.match(r'Unimplemented keys: \["([^"]+)"', why)
    return f"In context=(), '{found[1]}' is not permitted." if found else why


def first_of(provider: Provider, cases: tuple[str, ...], value: Any, param: str, **values: Any) -> Refused:
    """The refusal by the first of `cases` that the provider's facts have, else as a wrong type."""
    case = next((case for case in cases if case in provider.errors), "wrong_type")
    kinds = type_words(value, ("object",) if isinstance(value, dict) else ("string",))
    if case == "wrong_type" and "why" in values:
        kinds |= {"expected": "a JSON Schema that can be met", "serde_expected": "a JSON Schema that can be met"}
    parent, _, field = param.rpartition(".")
    spoken = {"value": shown(value), "input": value, "parent": parent, "field": field or param, **kinds, **values}
    return refuse(provider, case, param=param, **spoken)


def need(provider: Provider, holder: Mapping[str, Any], name: str, at: str, kind: str, place: Place) -> Any:
    """A field that must be there, of one JSON type. Raises Refused."""
    param = f"{at}.{name}"
    if name not in holder:
        raise first_of(provider, ("missing_field",), None, param, **type_words(None, (kind,)), **place)
    return typed(provider, holder[name], param, kind, place)


def typed(provider: Provider, value: Any, param: str, kind: str, place: Place) -> Any:
    """`value`, which must be of one JSON type. Raises Refused."""
    if not fits(value, (kind,)):
        raise refuse(
            provider, "wrong_type", param=param, value=shown(value), input=value, **type_words(value, (kind,)), **place
        )
    return value


def _tool(provider: Provider, tool: Any, index: int, place: Place) -> Tool:
    at = f"tools[{index}]"
    typed(provider, tool, at, "object", place)
    kind = need(provider, tool, "type", at, "string", place)
    if kind != "function":
        choices = {"choices": "'function'", "serde_choices": "`function`"}
        raise first_of(provider, ("not_in_list",), kind, f"{at}.type", **choices, **place)
    function = need(provider, tool, "function", at, "object", place)
    at = f"{at}.function"
    name = need(provider, function, "name", at, "string", place)
    if not NAME.fullmatch(name):
        raise first_of(provider, ("tool_name",), name, f"{at}.name", name=shown(name), index=index, **place)
    for field, expected in (("description", "string"), ("parameters", "object"), ("strict", "boolean")):
        if function.get(field) is not None:
            typed(provider, function[field], f"{at}.{field}", expected, place)
    made = Tool(
        name, function.get("parameters") or {}, function.get("description") or "", function.get("strict") is True
    )
    _check_schema(provider, made, index, place)
    return made


def _check_schema(provider: Provider, tool: Tool, index: int, place: Place) -> None:
    kind = tool.parameters.get("type")
    if kind != "object" and tool.parameters and ("type" in tool.parameters or "tool_schema_type" in provider.errors):
        why = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {json.dumps(kind)}'."
        raise _bad_schema(provider, "tool_schema_type", tool, index, why, place)
    wrong = next(unstrict(tool.parameters), None) if tool.strict and "strict_tool" in provider.errors else None
    if wrong:
        raise _bad_schema(provider, "strict_tool", tool, index, wrong, place)
    named = tool.parameters.get("properties", {})
    if "strict_tool" in provider.errors and kind == "object" and "properties" not in tool.parameters:
        why = "In context=(), object schema missing properties."
        raise _bad_schema(provider, "schema_tool", tool, index, why, place)
    if not isinstance(named, dict):
        why = f"{shown(named)} is not of type 'object'."
        raise _bad_schema(provider, "schema_tool", tool, index, why, place)


def _bad_schema(provider: Provider, case: str, tool: Tool, index: int, why: str, place: Place) -> Refused:
    kind = tool.parameters.get("type")
    said = {"type_json": json.dumps(kind), "type_python": str(kind), "name": tool.name, "index": index, "why": why}
    param = f"tools[{index}].function.parameters"
    return first_of(provider, (case, "schema_tool"), dict(tool.parameters), param, **said, **place)


def unstrict(schema: Any, context: tuple[str, ...] = ()) -> Iterator[str]:
    """What OpenAI's strict mode finds wrong with a schema, in its words: outer objects first.

    Every object must shut out other properties and require all of its own.
    Source: https://developers.openai.com/api/docs/guides/structured-outputs, "Supported schemas".
    """
    if not isinstance(schema, Mapping):
        return
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    where = f"In context=({', '.join(map(repr, context))}{',' if len(context) == 1 else ''})"
    if schema.get("type") == "object" or properties:
        if schema.get("additionalProperties") is not False:
            yield f"{where}, 'additionalProperties' is required to be supplied and to be false."
        required = schema.get("required")
        missing = [name for name in properties if not isinstance(required, list) or name not in required]
        if missing:
            yield (
                f"{where}, 'required' is required to be supplied and to be an array including every key in properties. "
                f"Missing '{missing[0]}'."
            )
    for name, inner in properties.items():
        yield from unstrict(inner, (*context, "properties", name))
    if "items" in schema:
        yield from unstrict(schema["items"], (*context, "items"))
    for key in ("$defs", "definitions"):
        for name, inner in (schema.get(key) or {}).items() if isinstance(schema.get(key), Mapping) else ():
            yield from unstrict(inner, (*context, key, name))
    for number, inner in enumerate(schema["anyOf"] if isinstance(schema.get("anyOf"), list) else ()):
        yield from unstrict(inner, (*context, "anyOf", str(number)))


def _check_alone(provider: Provider, tools: Any, others: Mapping[str, Any], place: Place) -> None:
    """Raise Refused for an empty list of tools, and for what makes sense with tools only, where the provider minds."""
    if tools is not None and "tools_empty" in provider.errors:
        raise refuse(provider, "tools_empty", param="tools", input=tools, **place)
    for name, value in others.items():
        if value is not None and "choice_without_tools" in provider.errors:
            raise refuse(provider, "choice_without_tools", param=name, value=shown(value), input=value, **place)


def _choice(provider: Provider, tools: tuple[Tool, ...], choice: Any, place: Place) -> ToolUse:
    if choice is None:
        return ToolUse()
    if isinstance(choice, str):
        if choice not in provider.tool_choices:
            raise _not_a_choice(provider, choice, "tool_choice", place)
        required = choice in ("required", "any")
        return ToolUse(tool_choice="required" if required else "none" if choice == "none" else "auto")
    kind = need(provider, choice, "type", "tool_choice", "string", place)
    if kind == "allowed_tools":
        return _allowed(provider, tools, need(provider, choice, kind, "tool_choice", "object", place), place)
    if kind != "function":
        raise _not_a_choice(provider, kind, "tool_choice.type", place)
    name = _named(provider, tools, choice, "tool_choice", place)
    return ToolUse(tool_choice="required", callable=(name,), named=True)


def _allowed(provider: Provider, tools: tuple[Tool, ...], allowed: Mapping[str, Any], place: Place) -> ToolUse:
    """OpenAI's choice among some of the tools."""
    at = "tool_choice.allowed_tools"
    mode = need(provider, allowed, "mode", at, "string", place)
    if mode not in ("auto", "required"):
        raise _not_a_choice(provider, mode, f"{at}.mode", place)
    names = []
    for index, each in enumerate(need(provider, allowed, "tools", at, "array", place)):
        typed(provider, each, f"{at}.tools[{index}]", "object", place)
        names.append(_named(provider, tools, each, f"{at}.tools[{index}]", place))
    return ToolUse(tool_choice="required" if mode == "required" else "auto", callable=tuple(names))


def _named(provider: Provider, tools: tuple[Tool, ...], holder: Mapping[str, Any], at: str, place: Place) -> str:
    function = need(provider, holder, "function", at, "object", place)
    name: str = need(provider, function, "name", f"{at}.function", "string", place)
    if name not in [tool.name for tool in tools]:
        values = {"name": shown(name), "choices": ", ".join(f"'{tool.name}'" for tool in tools)}
        values["serde_choices"] = values["choices"].replace("'", "`")
        raise first_of(provider, ("tool_choice_unknown", "not_in_list"), name, f"{at}.function.name", **values, **place)
    return name


def _not_a_choice(provider: Provider, value: str, param: str, place: Place) -> Refused:
    plain = ", ".join(f"'{word}'" for word in provider.tool_choices)
    return first_of(
        provider, ("not_in_list",), value, param, choices=plain, serde_choices=plain.replace("'", "`"), **place
    )
