"""The JSON and the events of Anthropic's Messages API: content blocks as they grow, usage, lists of models.

Pure functions of facts and parts. What differs between models and periods is read from the facts (`response`).
Source: https://github.com/anthropics/anthropic-sdk-python/tree/HEAD/src/anthropic/types, Message and Raw*Event.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts, edge, fill
from labkit.sim.anthropic_conversation import signature
from labkit.sim.calls import CallPart
from labkit.sim.draws import Ids, to_json
from labkit.sim.engine import Part

Event = dict[str, Any]
DELTA_USAGE = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "output_tokens_details",
)
"""The counts that the last event but one tells, in their order."""
LOOSE = 15
"""At most so many blanks stand before an event's last brace."""


class Blocks:
    """An answer's content as it grows: push parts, take the events that tell of them.

    shown: whether the working's text is shown, or only its signature.
    """

    def __init__(self, provider: Provider, ids: Ids, *, shown: bool) -> None:
        self.content: list[dict[str, Any]] = []
        self.finish_reason: str | None = None
        self.stop: str | None = None
        self.tokens = self.thought = 0
        self._response, self._ids, self._shown = provider.response, ids, shown
        self._arguments = ""
        self._open = False

    def push(self, part: Part) -> list[Event]:
        """Take `part` in."""
        events: list[Event] = []
        self.tokens += part.tokens
        self.thought += part.thinking
        if part.thinking or part.working:
            events += self._begin("thinking", {"thinking": "", "signature": ""})
            if part.working and self._shown:
                self.content[-1]["thinking"] += part.working
                events.append(self._delta({"type": "thinking_delta", "thinking": part.working}))
        if part.text:
            events += self._begin("text", {"text": ""})
            self.content[-1]["text"] += part.text
            events.append(self._delta({"type": "text_delta", "text": part.text}))
        for call in part.calls:
            events += self._call(call)
        if part.finish_reason:
            self.finish_reason, self.stop = part.finish_reason, part.stop or None
            events += self._end()
        return events

    def _call(self, call: CallPart) -> list[Event]:
        events: list[Event] = []
        if call.name:
            events += self._end()
            name = {"id": self._ids.form(self._response.tool_call_id), "name": call.name, "input": {}}
            events += self._begin("tool_use", {**name, **self._response.call_extra})
            events.append(self._delta({"type": "input_json_delta", "partial_json": ""}))
            self._arguments = ""
        if call.arguments:
            self._arguments += call.arguments
            events.append(self._delta({"type": "input_json_delta", "partial_json": call.arguments}))
        return events + self._end() if call.closed else events

    def _begin(self, kind: str, fields: dict[str, Any]) -> list[Event]:
        if self._open and self.content[-1]["type"] == kind and kind != "tool_use":
            return []
        events = self._end()
        self.content.append({"type": kind, **fields})
        self._open = True
        # a copy: the block goes on growing, its first event shows it empty
        return [*events, self._event("content_block_start", content_block=dict(self.content[-1]))]

    def _end(self) -> list[Event]:
        if not self._open:
            return []
        self._open, block, events = False, self.content[-1], []
        if block["type"] == "thinking":
            block["signature"] = signature(self._ids.form("{hex:32}").encode())
            events.append(self._delta({"type": "signature_delta", "signature": block["signature"]}))
        if block["type"] == "tool_use":
            block["input"] = _object(self._arguments)
        return [*events, self._event("content_block_stop")]

    def _delta(self, delta: dict[str, Any]) -> Event:
        return self._event("content_block_delta", delta=delta)

    def _event(self, kind: str, **fields: Any) -> Event:
        return {"type": kind, "index": len(self.content) - 1, **fields}


def _object(arguments: str) -> dict[str, Any]:
    """The arguments of a call; those of one that was cut short are no JSON, and nothing is left of them."""
    try:
        value = json.loads(arguments)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class Shape:
    """How one answer of one provider looks. thinking: whether the model reasons first."""

    def __init__(self, provider: Provider, model: ModelFacts, ids: Ids, *, thinking: bool) -> None:
        self.response, self._ids = provider.response, ids
        self._counted = thinking or model.family in provider.response.thinking_counted
        self._padded = provider.stream.padding == "spaces"
        self.id = ids.form(self.response.id)
        self.model = model.snapshot if self.response.model == "snapshot" and model.snapshot else model.id

    def whole(self, blocks: Blocks, prompt_tokens: int) -> dict[str, Any]:
        """The body of a plain answer."""
        return self._message(blocks.content, self.reason(blocks), blocks.stop, self.usage(blocks, prompt_tokens))

    def opening(self, prompt_tokens: int) -> Event:
        """The event that opens a stream: the message, empty; one token of it is counted already."""
        usage = {k: v for k, v in self._usage(prompt_tokens, 1, 0).items() if k != "output_tokens_details"}
        return {"type": "message_start", "message": self._message([], None, None, usage)}

    def ending(self, blocks: Blocks, prompt_tokens: int) -> list[Event]:
        """The events that close a stream: why it ended and what it cost; then nothing more comes."""
        usage = self.usage(blocks, prompt_tokens)
        extra: dict[str, Any] = self.response.extra
        more: dict[str, Any] = {name: extra[name] for name in ("stop_details", "container") if name in extra}
        delta: dict[str, Any] = {"stop_reason": self.reason(blocks), "stop_sequence": blocks.stop, **more}
        counts = {name: usage[name] for name in DELTA_USAGE if name in usage}
        return [{"type": "message_delta", "delta": delta, "usage": counts}, {"type": "message_stop"}]

    def usage(self, blocks: Blocks, prompt_tokens: int) -> dict[str, Any]:
        """Tokens, as this provider reports them. The lab keeps no cache of prompts: nothing is ever read from one."""
        return self._usage(prompt_tokens, blocks.tokens, blocks.thought)

    def line(self, event: Event) -> bytes:
        """An event as it goes over the wire, with blanks before its last brace where the provider has them."""
        text = to_json(event)
        if self._padded:
            text = text[:-1] + b" " * (int(self._ids.form("{hex:2}"), 16) % (LOOSE + 1)) + b"}"
        return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), text)

    def _message(
        self, content: Sequence[dict[str, Any]], reason: str | None, stop: str | None, usage: dict[str, Any]
    ) -> dict[str, Any]:
        body = {
            "model": self.model,
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "content": list(content),
            "stop_reason": reason,
            "stop_sequence": stop,
            "usage": usage,
            **self.response.extra,
        }
        first = [name for name in self.response.order.get("body", ()) if name in body]
        return {name: body[name] for name in (*first, *(name for name in body if name not in first))}

    def _usage(self, prompt: int, completion: int, reasoning: int) -> dict[str, Any]:
        template = dict(self.response.usage)
        if self._counted and self.response.thinking_usage:  # as recorded: right after the tokens it is a part of
            names = list(template)
            at = names.index("output_tokens") + 1 if "output_tokens" in names else len(names)
            template = {
                **{k: template[k] for k in names[:at]},
                **self.response.thinking_usage,
                **{k: template[k] for k in names[at:]},
            }
        values = {"prompt": prompt, "completion": completion, "reasoning": reasoning, "cached": 0}
        filled: dict[str, Any] = fill(template, values)
        return filled

    def reason(self, blocks: Blocks) -> str | None:
        """Why the answer ended, in the provider's word."""
        if blocks.finish_reason == "stop" and blocks.stop is not None:
            return "stop_sequence"
        return self.response.finish_words.get(blocks.finish_reason or "", blocks.finish_reason)


PING = b'event: ping\ndata: {"type": "ping"}\n\n'
"""As recorded: with a blank that no other event has."""


def model_list(provider: Provider, models: Sequence[ModelFacts], now: datetime, *, more: bool) -> dict[str, Any]:
    """A page of the list of models."""
    entries = [model_entry(provider, model, now) for model in models]
    first, last = (entries[0]["id"], entries[-1]["id"]) if entries else (None, None)
    return {"data": entries, "has_more": more, "first_id": first, "last_id": last}


def model_entry(provider: Provider, model: ModelFacts, now: datetime) -> dict[str, Any]:
    """One model of the list."""
    values = {
        "id": model.id,
        "created_at": f"{edge(model.born or '1970'):%Y-%m-%dT%H:%M:%SZ}",
        "context_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
    }
    entry: dict[str, Any] = {**fill(provider.response.model_entry, values), **model.details}
    if not model.alive(now) and "lifecycle" in entry:
        entry |= {"lifecycle": "retired", "retires_at": f"{edge(model.retired or '1970'):%Y-%m-%dT%H:%M:%SZ}"}
    return entry
