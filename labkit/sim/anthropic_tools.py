"""Tools and output formats of an Anthropic request, checked and brought into the engine's neutral form.

A tool is a name, a description and an input_schema, without OpenAI's `function` around them; a choice is an object.
Source: https://github.com/anthropics/anthropic-sdk-python/tree/HEAD/src/anthropic/types, ToolParam, ToolChoiceParam.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labkit.facts.provider import Provider
from labkit.sim.anthropic_conversation import extra, wrong
from labkit.sim.calls import Form, Impossible, Tool
from labkit.sim.refusal import Refused, fits, refuse, shown

FIELDS = frozenset(
    "type name description input_schema cache_control strict allowed_callers defer_loading input_examples "
    "eager_input_streaming".split()
)
SERVER = re.compile(r"[a-z_]+_20\d{6}")
"""Types of tools that the provider itself defines and mostly runs: web_search_20250305."""


@dataclass(frozen=True)
class ToolUse:
    """What may be called. tools: those the lab can offer.  callable: names of those that may be; empty for all."""

    tools: tuple[Tool, ...] = ()
    choice: Literal["auto", "required", "none"] = "auto"
    callable: tuple[str, ...] = ()
    parallel: bool = True
    notes: list[str] = field(default_factory=list)


def read_tools(provider: Provider, body: Mapping[str, Any]) -> ToolUse:
    """The tools of a request and the choice among them. Raises Refused."""
    tools: list[Tool] = []
    names: list[str] = []
    notes: list[str] = []
    for index, tool in enumerate(body.get("tools") or ()):
        at = f"tools.{index}"
        if not isinstance(tool, dict):
            raise wrong(provider, at, tool, "object")
        kind = tool.get("type") or "custom"
        if isinstance(kind, str) and SERVER.fullmatch(kind):
            names.append(str(tool.get("name")))
            notes.append("tools that the provider defines are not served by the lab; they were left out")
            continue
        if kind != "custom":
            choices = "'custom' and those of the provider's own tools"
            raise refuse(provider, "unknown_block", param=at, value=shown(kind), choices=choices)
        tools.append(_tool(provider, tool, f"{at}.custom"))
        names.append(tool["name"])
    if len(set(names)) < len(names):
        raise refuse(provider, "tool_names_twice", param="tools")
    return _choice(provider, body.get("tool_choice") or {}, tuple(tools), names, list(dict.fromkeys(notes)))


def _tool(provider: Provider, tool: Mapping[str, Any], at: str) -> Tool:
    for name, types in (("name", ("string",)), ("input_schema", ("object",))):
        if name not in tool:
            raise refuse(provider, "missing_field", param=f"{at}.{name}")
        if not fits(tool[name], types):
            raise wrong(provider, f"{at}.{name}", tool[name], *types)
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]):
        raise refuse(provider, "tool_name", param=f"{at}.name")
    schema = tool["input_schema"]
    if "type" not in schema:
        raise refuse(provider, "missing_field", param=f"{at}.input_schema.type")
    if schema["type"] != "object":
        raise refuse(provider, "tool_schema_type", param=f"{at}.input_schema.type")
    if not fits(schema.get("properties", {}), ("object",)):
        raise refuse(provider, "tool_schema", param=f"{at}.input_schema")
    if not fits(tool.get("description"), ("string", "null")):
        raise wrong(provider, f"{at}.description", tool["description"], "string")
    for name in tool:
        if name not in FIELDS:
            raise extra(provider, f"{at}.{name}")
    return Tool(tool["name"], schema, tool.get("description") or "", strict=tool.get("strict") is True)


def _choice(
    provider: Provider, choice: Mapping[str, Any], tools: tuple[Tool, ...], names: list[str], notes: list[str]
) -> ToolUse:
    kind = choice.get("type", "auto")
    if choice and "type" not in choice:
        raise refuse(provider, "missing_field", param="tool_choice.type")
    parallel = choice.get("disable_parallel_tool_use") is not True
    if kind == "any" and not names:
        raise refuse(provider, "choice_without_tools", param="tool_choice.any")
    if kind == "tool":
        if "name" not in choice:
            raise refuse(provider, "missing_field", param="tool_choice.tool.name")
        if choice["name"] not in names:
            raise refuse(provider, "tool_missing", param="tool_choice", value=shown(choice["name"]))
        known = any(tool.name == choice["name"] for tool in tools)
        return ToolUse(tools, "required" if known else "auto", (choice["name"],) if known else (), False, notes)
    forced = kind == "any" and bool(tools)
    return ToolUse(tools, "required" if forced else "none" if kind == "none" else "auto", (), parallel, notes)


def read_form(provider: Provider, body: Mapping[str, Any]) -> Form | None:
    """What output_config asks the answer to be. Raises Refused."""
    wanted = (body.get("output_config") or {}).get("format")
    if wanted is None:
        return None
    at = "output_config.format"
    if not fits(wanted, ("object",)):
        raise wrong(provider, at, wanted, "object")
    if wanted.get("type") != "json_schema":
        raise refuse(provider, "unknown_block", param=at, value=shown(wanted.get("type")), choices="'json_schema'")
    if "schema" not in wanted:
        raise refuse(provider, "missing_field", param=f"{at}.schema")
    if not fits(wanted["schema"], ("object",)):
        raise wrong(provider, f"{at}.schema", wanted["schema"], "object")
    for name in wanted:
        if name not in ("type", "schema"):
            raise extra(provider, f"{at}.{name}")
    if _open_object(wanted["schema"]):
        raise refuse(provider, "open_object", param=f"{at}.schema")
    return Form(wanted["schema"])


def impossible(provider: Provider, body: Mapping[str, Any], error: Impossible) -> Refused:
    """The refusal of a schema that no text can meet."""
    if error.what == "form":
        return refuse(provider, "output_schema", param="output_config.format.schema", why=error.why)
    names = [tool.get("name") for tool in body.get("tools") or ()]
    index = names.index(error.name) if error.name in names else 0
    return refuse(provider, "tool_schema", param=f"tools.{index}.custom.input_schema", why=error.why)


def _open_object(schema: Any) -> bool:
    """Whether an object somewhere in the schema leaves open what else it may have."""
    if isinstance(schema, list):
        return any(_open_object(inner) for inner in schema)
    if not isinstance(schema, Mapping):
        return False
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return True
    inner = [schema[name] for name in ("items", "anyOf", "allOf", "prefixItems") if name in schema]
    named = [schema[name] for name in ("properties", "$defs", "definitions") if isinstance(schema.get(name), Mapping)]
    return any(_open_object(one) for one in inner) or any(_open_object(one) for many in named for one in many.values())
