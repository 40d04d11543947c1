"""The `messages` of a chat request: checked as a server checks them, then as plain role and text.

It reads text and tool calls. What it cannot give to the lab's models (pictures, sound) it leaves out and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.facts.provider import Provider
from labkit.sim.refusal import Refused, fits, nearest, refuse, shown, type_of, type_words
from labkit.sim.tools import need


@dataclass(frozen=True)
class PastCall:
    """A tool call that the assistant made earlier. arguments: JSON text, as it was written."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """One turn: who speaks and what is said, and the tool calls that follow it. A tool's answer has the role 'tool'."""

    role: str
    content: str
    calls: tuple[PastCall, ...] = ()


def read_messages(provider: Provider, messages: list[Any], place: Mapping[str, Any]) -> tuple[list[Message], list[str]]:
    """The turns, and notes on what was left out. Raises Refused for what no provider of the dialect takes."""
    turns: list[Message] = []
    notes: list[str] = []
    for index, message in enumerate(messages):
        at = f"messages[{index}]"
        if not isinstance(message, dict):
            raise _wrong(provider, at, message, "object", index=index, **place)
        role = message.get("role")
        if not isinstance(role, str):
            raise _wrong(provider, f"{at}.role", role, "string", index=index, **place)
        if provider.roles and role not in provider.roles:
            plain = ", ".join(f"'{known}'" for known in provider.roles)
            serde = ", ".join(f"`{known}`" for known in provider.roles)
            raise refuse(
                provider,
                "unknown_role",
                index=index,
                role=shown(role),
                roles=plain,
                serde_roles=serde,
                param=f"messages[{index}].role",
                input=role,
                **place,
            )
        _check_fields(provider, message, role, index, place)
        said = {**place, "index": index, "role": role, "tag": role}
        if "name" in message and not isinstance(message["name"], (str, type(None))):
            raise _wrong(provider, f"{at}.name", message["name"], "string", **said)
        calls = message.get("tool_calls")
        if calls is not None and not (isinstance(calls, list) and all(isinstance(call, dict) for call in calls)):
            raise _wrong(provider, f"{at}.tool_calls", calls, "array", **said)
        if calls == [] and "tools_empty" in provider.errors:
            raise refuse(provider, "tools_empty", param=f"{at}.tool_calls", input=calls, **said)
        past = tuple(_past_call(provider, call, f"{at}.tool_calls[{i}]", said) for i, call in enumerate(calls or ()))
        turns.append(Message(role, _text(provider, message, at, bool(calls), notes, said), past))
    _check_order(provider, messages, place)
    _check_answers(provider, messages, place)
    return turns, list(dict.fromkeys(notes))


def _past_call(provider: Provider, call: dict[str, Any], at: str, place: Mapping[str, Any]) -> PastCall:
    need(provider, call, "id", at, "string", place)
    function = need(provider, call, "function", at, "object", place)
    name = need(provider, function, "name", f"{at}.function", "string", place)
    arguments = function.get("arguments")
    if arguments is not None and not fits(arguments, provider.arguments):
        raise _wrong(provider, f"{at}.function.arguments", arguments, *provider.arguments, **place)
    if not isinstance(arguments, str):
        arguments = need(provider, function, "arguments", f"{at}.function", provider.arguments[-1], place)
        arguments = json.dumps(arguments, ensure_ascii=False)
    return PastCall(name, arguments)


def _check_answers(provider: Provider, messages: list[Any], place: Mapping[str, Any]) -> None:
    """Raise Refused where a tool answers no call, or a call has no answer, and the provider minds."""
    pending: list[str] | None = None  # the ids of the calls that are to be answered; None where no tool may speak
    for index, message in enumerate([*messages, {"role": ""}]):
        if message["role"] == "tool":
            if pending is None and "tool_alone" in provider.errors:
                raise refuse(provider, "tool_alone", param=f"messages[{index}].role", index=index, **place)
            if message.get("tool_call_id") is None and "tool_id_missing" in provider.errors:
                raise refuse(provider, "tool_id_missing", param=f"messages[{index}]", index=index, **place)
            pending = [id for id in pending or () if id != message.get("tool_call_id")]
            continue
        if pending and "calls_unanswered" in provider.errors:
            raise refuse(
                provider,
                "calls_unanswered",
                param=f"messages[{index}].role",
                index=index,
                ids=", ".join(pending),
                **place,
            )
        pending = [call["id"] for call in message.get("tool_calls") or ()] or None


def _check_fields(
    provider: Provider, message: Mapping[str, Any], role: str, index: int, place: Mapping[str, Any]
) -> None:
    """Raise Refused for a field that messages of this role may not have."""
    known, general = provider.message_fields.get(role), provider.unknown_message_field
    for name in message if known is not None and general and general.fate == "refused" else ():
        if name not in (known or ()):
            words = {"param": f"messages[{index}].{name}", "field": name, "role": role, "index": index, "tag": role}
            near, value = nearest(name, known or ()), message[name]
            raise refuse(
                provider,
                "unknown_parameter",
                general.refusal if general else None,
                nearest=near,
                value=shown(value),
                input=value,
                **words,
                **place,
            )


def _check_order(provider: Provider, messages: list[Any], place: Mapping[str, Any]) -> None:
    """Raise Refused for an order of messages that the provider does not take."""
    before: str | None = None
    for index, message in enumerate(messages):
        role, last = message["role"], index == len(messages) - 1
        for rule in provider.message_rules:
            if rule.broken(role, before, message, last=last):
                raise refuse(provider, "message_order", rule.answer, role=role, before=before, index=index, **place)
        before = role


def _text(
    provider: Provider, message: dict[str, Any], at: str, calls: bool, notes: list[str], place: Mapping[str, Any]
) -> str:
    content, at = message.get("content"), f"{at}.content"
    if content is None:
        if message["role"] == "assistant" and calls:
            return ""
        words = type_words(None, ("string", "array"))
        raise refuse(provider, "missing_content", param=at, value="null", input=None, **words, **place)
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _wrong(provider, at, content, "string", "array", **place)
    if "content_parts" in provider.errors:  # a provider that takes text alone
        raise refuse(provider, "content_parts", param=at, input=content, **type_words(content, ("string",)), **place)
    texts = []
    for number, part in enumerate(content):
        where = f"{at}[{number}]"
        if not isinstance(part, dict):
            raise _wrong(provider, where, part, "object", **place)
        if not isinstance(part.get("type"), str):
            raise _wrong(provider, f"{where}.type", part.get("type"), "string", **place)
        if part["type"] not in ("text", "refusal"):
            notes.append("the lab's models read text only; other content parts were left out")
            continue
        text = part.get(part["type"])
        if not isinstance(text, str):
            raise _wrong(provider, f"{where}.{part['type']}", text, "string", **place)
        texts.append(text)
    return "".join(texts)


def _wrong(provider: Provider, param: str, value: Any, *types: str, **values: Any) -> Refused:
    words = type_words(value, types)
    if types == ("string", "array") and type_of(value) != "null":
        words["expected"] = "one of a string or array of objects"  # OpenAI's own words for `content`
    case = "wrong_message_type" if "role" in values else "wrong_type"
    return refuse(provider, case, param=param, value=shown(value), input=value, **words, **values)
