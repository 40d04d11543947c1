"""The conversation of an Anthropic request: `system` and `messages` of content blocks, as plain turns.

Checked as the server's own validator does, whose paths name a block's number and kind: messages.0.content.1.text.text.
It reads text, tool calls and their results. What it cannot give to the lab's models (pictures, documents) it leaves
out and says so.
Source: https://github.com/anthropics/anthropic-sdk-python/tree/HEAD/src/anthropic/types, MessageParam and *BlockParam.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts
from labkit.sim.conversation import Message, PastCall
from labkit.sim.draws import digest, to_json
from labkit.sim.refusal import Refused, fits, refuse, shown, type_words

FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "text": {"text": ("string",)},
    "thinking": {"thinking": ("string",), "signature": ("string",)},
    "redacted_thinking": {"data": ("string",)},
    "tool_use": {"id": ("string",), "name": ("string",), "input": ("object",)},
    "tool_result": {"tool_use_id": ("string",)},
    "image": {"source": ("object",)},
    "document": {"source": ("object",)},
    "search_result": {"source": ("string",), "title": ("string",), "content": ("array",)},
}
"""Kinds of blocks that the lab checks, with the fields each must have."""
MORE = {
    "text": {"cache_control", "citations"},
    "thinking": set[str](),
    "redacted_thinking": set[str](),
    "tool_use": {"cache_control", "caller", "toolset_name"},
    "tool_result": {"cache_control", "content", "is_error"},
    "image": {"cache_control"},
    "document": {"cache_control", "citations", "context", "title"},
    "search_result": {"cache_control", "citations"},
}
"""Further fields that they may have."""
OTHERS = ("server_tool_use", "container_upload", "fallback", "compaction")
"""Kinds of blocks, and beginnings of their names, of tools that run at the provider: left out, unchecked."""
_NONCE_BYTES, _CHECK_BYTES = 232, 16


@dataclass
class Conversation:
    """What was said. opening: the answer's beginning, where the last message is the assistant's own."""

    turns: list[Message] = field(default_factory=list)
    opening: str = ""
    notes: list[str] = field(default_factory=list)


def read_conversation(provider: Provider, model: ModelFacts, body: Mapping[str, Any]) -> Conversation:
    """The turns of a request. Raises Refused for what the provider does not take from this model's callers."""
    messages: list[Any] = body["messages"]
    if not messages:
        raise refuse(provider, "messages_empty", param="messages")
    done = Conversation()
    if system := _system(provider, body.get("system")):
        done.turns.append(Message("system", system))
    before: Mapping[str, Any] = {}
    for index, message in enumerate(messages):
        _check_message(provider, message, index)
        last = index == len(messages) - 1
        for rule in provider.message_rules:
            holds = rule.when is None or rule.when.holds(model, thinking=provider.thinks(model, body), body=body)
            if holds and rule.broken(message["role"], before.get("role"), message, last=last):
                raise refuse(provider, "message_order", rule.answer, param=f"messages.{index}")
        blocks = _blocks(provider, message["content"], index, done.notes)
        _check_not_empty(provider, message, blocks, index, last=last)
        _check_pairs(provider, messages, index)
        _add(done, message["role"], blocks)
        before = message
    if done.turns and done.turns[-1].role == "assistant" and not done.turns[-1].calls:
        done.opening = done.turns.pop().content
        if done.opening != done.opening.rstrip():
            raise refuse(provider, "trailing_space", param="messages")
    if not done.turns:
        done.turns.append(Message("user", ""))  # pictures alone
    done.notes = list(dict.fromkeys(done.notes))
    return done


def _system(provider: Provider, system: Any) -> str:
    if system is None or isinstance(system, str):
        return system or ""
    for number, block in enumerate(system):
        _check_block(provider, block, f"system.{number}", ("text",), tagged=False)
    return "\n\n".join(block["text"] for block in system)


def _check_message(provider: Provider, message: Any, index: int) -> None:
    at = f"messages.{index}"
    if not isinstance(message, dict):
        raise wrong(provider, at, message, "object")
    for name in ("role", "content"):
        if name not in message:
            raise refuse(provider, "missing_field", param=f"{at}.{name}")
    if message["role"] not in provider.roles:
        raise refuse(provider, "unknown_role", param=f"{at}.role", index=index, role=shown(message["role"]))
    for name in message:
        if name not in ("role", "content"):
            raise extra(provider, f"{at}.{name}")
    if not fits(message["content"], ("string", "array")):
        raise wrong(provider, f"{at}.content", message["content"], "string", "array")


def _blocks(provider: Provider, content: Any, index: int, notes: list[str]) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    for number, block in enumerate(content):
        _check_block(provider, block, f"messages.{index}.content.{number}", tuple(FIELDS))
        kind = block["type"]
        if kind == "thinking" and not signed(block["signature"]):
            raise refuse(provider, "invalid_signature", param=f"messages.{index}.content.{number}")
        if kind in ("image", "document", "search_result"):
            notes.append("the lab's models read text only; pictures, documents and search results were left out")
        if kind.startswith(OTHERS) or kind not in FIELDS:
            notes.append("blocks of tools that run at the provider were left out")
    return [block for block in content if block["type"] in FIELDS]


def _check_block(provider: Provider, block: Any, at: str, kinds: Sequence[str], *, tagged: bool = True) -> None:
    if not isinstance(block, dict):
        raise wrong(provider, at, block, "object")
    if "type" not in block:
        raise refuse(provider, "missing_field", param=f"{at}.type")
    kind = block["type"]
    if isinstance(kind, str) and (kind.startswith(OTHERS) or kind.endswith("_tool_result")) and len(kinds) > 1:
        return
    if kind not in kinds:
        choices = ", ".join(f"'{known}'" for known in sorted(kinds))
        raise refuse(provider, "unknown_block", param=at, value=shown(kind), choices=choices)
    inside = f"{at}.{kind}" if tagged else at
    for name, types in FIELDS[kind].items():
        if name not in block:
            raise refuse(provider, "missing_field", param=f"{inside}.{name}")
        if not fits(block[name], types):
            raise wrong(provider, f"{inside}.{name}", block[name], *types)
    for name in block:
        if name != "type" and name not in FIELDS[kind] and name not in MORE[kind]:
            raise extra(provider, f"{inside}.{name}")
    if kind == "tool_result":
        content = block.get("content")
        if not fits(content, ("string", "array", "null")):
            raise wrong(provider, f"{inside}.content", content, "string", "array")
        for number, inner in enumerate(content if isinstance(content, list) else ()):
            place = f"{inside}.content.{number}"
            _check_block(provider, inner, place, ("text", "image", "document", "search_result"))


def _check_not_empty(
    provider: Provider, message: Mapping[str, Any], blocks: list[dict[str, Any]], index: int, *, last: bool
) -> None:
    if not message["content"] and not (last and message["role"] == "assistant"):
        raise refuse(provider, "empty_content", param=f"messages.{index}.content", index=index)
    if any(block["type"] == "text" and not block["text"] for block in blocks):
        raise refuse(provider, "empty_text", param=f"messages.{index}.content", index=index)


def _check_pairs(provider: Provider, messages: list[Any], index: int) -> None:
    """A tool_result answers a tool_use of the message before it, and each tool_use has its tool_result right after."""
    made, given = _ids(messages, index - 1, "tool_use", "id"), _ids(messages, index, "tool_result", "tool_use_id")
    for number, name in given.items():
        if name not in made.values():
            raise refuse(provider, "tool_result_alone", param=f"messages.{index}.content.{number}", value=shown(name))
    missing = [str(name) for name in made.values() if name not in given.values()]
    if missing:
        raise refuse(provider, "tool_use_alone", param=f"messages.{index - 1}", value=", ".join(missing))


def _ids(messages: list[Any], index: int, kind: str, name: str) -> dict[int, Any]:
    content = messages[index].get("content") if index >= 0 else None
    blocks = enumerate(content if isinstance(content, list) else ())
    return {number: b.get(name) for number, b in blocks if isinstance(b, dict) and b.get("type") == kind}


def _add(done: Conversation, role: str, blocks: list[dict[str, Any]]) -> None:
    """One message as turns: results of tools first, then what was said; neighbours of one role are one turn."""
    for block in blocks:
        if block["type"] == "tool_result":
            done.turns.append(Message("tool", _result(block.get("content"))))
    text = "\n\n".join(block["text"] for block in blocks if block["type"] == "text")
    calls = tuple(
        PastCall(block["name"], to_json(block["input"]).decode()) for block in blocks if block["type"] == "tool_use"
    )
    if not text and not calls:
        return
    before = done.turns[-1] if done.turns else None
    if before is not None and before.role == role and not before.calls and role != "system":
        done.turns[-1] = Message(role, f"{before.content}\n\n{text}" if text else before.content, calls)
    else:
        done.turns.append(Message(role, text, calls))


def _result(content: Any) -> str:
    if isinstance(content, list):
        return "\n\n".join(block["text"] for block in content if block["type"] == "text")
    return content or ""


# --- the validator's words ------------------------------------------------------------------------------------------


def wrong(provider: Provider, param: str, value: Any, *types: str) -> Refused:
    """A value of the wrong type. param: the validator's path to it."""
    return refuse(provider, "wrong_type", param=param, value=shown(value), input=value, **type_words(value, types))


def extra(provider: Provider, param: str) -> Refused:
    """A field that is not known."""
    return refuse(provider, "unknown_parameter", provider.unknown_parameter.refusal, param=param)


# --- signatures -----------------------------------------------------------------------------------------------------


def signature(key: bytes) -> str:
    """A signature for a thinking block: opaque, about as long as a real one, and recognised by `signed`."""
    nonce = b"\x12" + b"".join(digest(key, "signature", block) for block in range(8))[: _NONCE_BYTES - 1]
    return base64.b64encode(nonce + _check(nonce)).decode()


def signed(text: str) -> bool:
    """Whether the lab made this signature."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return len(data) == _NONCE_BYTES + _CHECK_BYTES and data[-_CHECK_BYTES:] == _check(data[:_NONCE_BYTES])


def _check(nonce: bytes) -> bytes:
    return hashlib.blake2b(nonce, digest_size=_CHECK_BYTES, person=b"lab-thinking").digest()
