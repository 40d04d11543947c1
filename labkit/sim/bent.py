"""A good answer, bent by a fault on its way to the caller: late, cut, truncated, filtered, with a broken tool call.

It works on the bytes that a dialect made, whole or piece by piece, and tells the dialects' forms apart by what stands
in the JSON. A piece is what the provider sends at once: an event of a stream (`data: …`), a line of NDJSON.
Connections are broken by the app, which holds them: here that is `Broken`, raised where it is to happen.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any, Literal

from labkit.sim.call import Call, Reply
from labkit.sim.draws import to_json
from labkit.sim.faults import Fault

HEAD = ("id", "object", "created", "model", "provider")
"""Fields that all chunks of an answer share."""

Data = dict[str, Any]
Event = tuple[str, Data | None, bytes]
"""One piece: what stands before its JSON, the JSON, and the piece as it was; None for a piece without any."""


class Broken(Exception):
    """The connection ends here. how: 'closed' as if the server had gone, 'reset' with an RST."""

    def __init__(self, how: Literal["closed", "reset"]) -> None:
        super().__init__(how)
        self.how = how


def can_bend(reply: Reply, fault: Fault) -> bool:
    """Whether this answer can go wrong in that way: a text can, a list of models or a refusal cannot."""
    if fault.kind in ("slow_first_byte", "reset"):
        return True
    return reply.status == 200 and "x-lab-model" in reply.lab


async def bend(call: Call, reply: Reply, fault: Fault) -> Reply:
    """The reply as the fault leaves it. Waiting for the first byte is done here."""
    after, seconds = int(fault.options.get("after", 0)), float(fault.options.get("seconds", 0))
    if fault.kind == "slow_first_byte":
        await asyncio.sleep(seconds)  # real seconds: it is the caller's own timeout that this is about
        return reply
    if fault.kind == "reset" and not after:
        await close(reply)
        raise Broken("reset")
    if isinstance(reply.body, bytes):
        return _whole(call, reply, reply.body, fault, seconds)
    return Reply(reply.status, reply.headers, _pieces(call, reply.body, fault, after, seconds), reply.lab)


async def close(reply: Reply) -> None:
    """Let a reply that is not sent go: its model stops."""
    if not isinstance(reply.body, bytes):
        closing = getattr(reply.body, "aclose", None)
        if closing:
            await closing()


# --- whole answers ------------------------------------------------------------------------------------------------


def _whole(call: Call, reply: Reply, body: bytes, fault: Fault, seconds: float) -> Reply:
    half = len(body.decode("utf-8", "replace")) // 2
    start = body.decode("utf-8", "replace")[:half].encode()
    if fault.kind == "truncated_json":
        return Reply(reply.status, reply.headers, start, reply.lab)
    if fault.kind == "error_event":
        return Reply(reply.status, reply.headers, to_json(stream_error(call)), reply.lab)
    if fault.kind in ("stall", "cut", "reset"):
        headers = {**reply.headers, "content-length": str(len(body))}
        return Reply(reply.status, headers, _halves(start, body[len(start) :], fault.kind, seconds), reply.lab)
    return Reply(reply.status, reply.headers, to_json(_CHANGES[fault.kind](call, json.loads(body))), reply.lab)


async def _halves(start: bytes, rest: bytes, kind: str, seconds: float) -> AsyncIterator[bytes]:
    yield start
    if kind != "stall":
        await asyncio.sleep(0.05)  # let the first half arrive: a reset throws away what is still on its way
        raise Broken("closed" if kind == "cut" else "reset")
    await asyncio.sleep(seconds)
    yield rest


def _tool_call_whole(call: Call, body: Data) -> Data:
    name, broken, call_id = broken_call(call, body)
    if "choices" in body:
        for choice in body["choices"]:
            made = {"id": call_id, "type": "function", "function": {"name": name, "arguments": broken}}
            choice["message"] = {**choice["message"], "content": None, "tool_calls": [made]}
            choice["finish_reason"] = "tool_calls"
    elif body.get("type") == "message":
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        body = {**body, "content": [block], "stop_reason": "tool_use"}
    else:
        made = {"function": {"name": name, "arguments": {}}}
        body = {**body, "message": {**body.get("message", {"role": "assistant"}), "content": "", "tool_calls": [made]}}
    return body


def _empty_whole(_: Call, body: Data) -> Data:
    if "choices" in body:
        for choice in body["choices"]:
            choice["message"] = {k: v for k, v in choice["message"].items() if k != "tool_calls"} | {"content": ""}
            choice["finish_reason"] = "stop"
        return body
    if body.get("type") == "message":
        return {**body, "content": [], "stop_reason": "end_turn"}
    empty = {"message": {**body["message"], "content": ""}} if "message" in body else {"response": ""}
    return {**body, **empty, "done_reason": "stop"}


def _without_whole(call: Call, body: Data) -> Data:
    return {**body, "choices": []} if "choices" in body else _empty_whole(call, body)


def _filtered_whole(_: Call, body: Data) -> Data:
    if "choices" in body:
        for choice in body["choices"]:
            choice["message"] = {**choice["message"], "content": _start(choice["message"].get("content"))}
            choice["finish_reason"] = "content_filter"
        return body
    blocks = [{**b, "text": _start(b["text"])} if "text" in b else b for b in body.get("content", [])]
    return {**body, "content": blocks, "stop_reason": "refusal"}


def _start(text: Any) -> Any:
    return text[: len(text) // 2] if isinstance(text, str) else text


_CHANGES: dict[str, Callable[[Call, Data], Data]] = {
    "malformed_tool_call": _tool_call_whole,
    "empty_choice": _empty_whole,
    "no_choices": _without_whole,
    "content_filter": _filtered_whole,
}


# --- streams ------------------------------------------------------------------------------------------------------


async def _pieces(
    call: Call, body: AsyncIterator[bytes], fault: Fault, after: int, seconds: float
) -> AsyncIterator[bytes]:
    async with aclosing(body):  # type: ignore[type-var]
        if fault.kind in ("malformed_tool_call", "empty_choice", "no_choices"):
            async for piece in _changed(call, body, fault.kind):
                yield piece
            return
        number = 0
        async for piece in body:
            _, data, _ = event = read_event(piece)
            if data is None:
                yield piece
                continue
            if number == after:
                if fault.kind in ("cut", "reset"):
                    await asyncio.sleep(0.05)
                    raise Broken("closed" if fault.kind == "cut" else "reset")
                if fault.kind == "stall":
                    await asyncio.sleep(seconds)
                elif fault.kind == "truncated_json":
                    piece = _torn(event)
                elif fault.kind == "error_event":
                    yield error_piece(call, event)
                    return
                elif fault.kind == "content_filter":
                    async for last in _ending(body, event):
                        yield last
                    return
            number += 1
            yield piece


def read_event(piece: bytes) -> Event:
    """A piece taken apart.

    >>> read_event(b'event: ping\\ndata: {"type": "ping"}\\n\\n')[:2]
    ('event: ping\\ndata: ', {'type': 'ping'})
    """
    found = re.match(rb"(?s)(\A(?:(?:event|id):[^\n]*\n)*data: |)(\{.*\})\s*\Z", piece)
    if not found:
        return "", None, piece
    try:
        return found[1].decode(), json.loads(found[2]), piece
    except ValueError:
        return "", None, piece


def write_event(before: str, data: Data) -> bytes:
    """A piece put together again; the event's name is that of its JSON where the JSON has one."""
    if before.startswith("event:") and "type" in data:
        before = f"event: {data['type']}\ndata: "
    return before.encode() + to_json(data) + (b"\n\n" if before else b"\n")


def _torn(event: Event) -> bytes:
    before, data, _ = event
    whole = to_json(data).decode()
    return before.encode() + whole[: len(whole) // 2].encode() + (b"\n\n" if before else b"\n")


def stream_error(call: Call, head: Data | None = None) -> Data:
    """The JSON of an error inside an answer that began well. head: what all chunks of it have."""
    errors = call.provider.errors
    answer = errors.get("stream_error") or errors.get("overloaded") or errors["server_error"]
    words = {"model": call.record.model or "", "request_id": call.own_id(), "wait_s": 0, **(head or {})}
    body = answer.filled(words).body
    return body if isinstance(body, dict) else {"error": {"message": body or answer.text}}


def error_piece(call: Call, event: Event) -> bytes:
    """That error as the stream in which `event` stands sends it.

    Anthropic names the event `error`; the others that stream events send the bare JSON, OpenRouter with the fields of a
    chunk around it; Ollama's native stream has a line of its own.
    """
    before, data, _ = event
    head = {name: value for name, value in (data or {}).items() if name in HEAD}
    error = stream_error(call, head)
    if before.startswith("event:"):
        return b"event: error\ndata: " + to_json(error) + b"\n\n"
    if not before and isinstance(error.get("error"), dict):  # Ollama: a bare string
        error = {"error": error["error"].get("message")}
    return write_event(before, {**head, **error} if "choices" in error else error)


async def _ending(body: AsyncIterator[bytes], event: Event) -> AsyncIterator[bytes]:
    """The end of a stream that the filter cut: its last chunks, without the text between."""
    while True:
        before, data, piece = event
        if data is None:
            yield piece
        elif "choices" in data:
            if not data["choices"]:
                yield piece
            elif data["choices"][0].get("finish_reason"):
                data["choices"][0] |= {"finish_reason": "content_filter", "delta": {}}
                yield write_event(before, data)
        elif data.get("type") == "message_delta":
            yield write_event(before, {**data, "delta": {**data["delta"], "stop_reason": "refusal"}})
        elif data.get("type") in ("content_block_stop", "message_stop"):
            yield piece
        try:
            event = read_event(await anext(body))
        except StopAsyncIteration:
            return


async def _changed(call: Call, body: AsyncIterator[bytes], kind: str) -> AsyncIterator[bytes]:
    opened = False
    async for piece in body:
        before, data, _ = read_event(piece)
        if data is None:
            yield piece
            continue
        for made in _stream_change(call, data, kind, opened):
            yield write_event(before, made)
        opened = opened or "choices" in data or data.get("type") == "message_start" or "done" in data


def _stream_change(call: Call, data: Data, kind: str, opened: bool) -> Iterator[Data]:
    """What stands in place of one chunk: nothing for text, the broken call after the opening, another ending."""
    broken = kind == "malformed_tool_call"
    if "choices" in data:
        if kind == "no_choices":
            yield from [] if opened and "usage" not in data else [{**data, "choices": []}]
        elif not data["choices"]:
            yield data
        else:
            yield from _chunk_change(call, data, broken, opened)
    elif "type" in data:
        yield from _block_change(call, data, broken)
    else:
        yield from _line_change(call, data, broken)


def _chunk_change(call: Call, data: Data, broken: bool, opened: bool) -> Iterator[Data]:
    choice = data["choices"][0]
    delta = choice.get("delta", {})
    if "role" in delta or not opened:
        first = {**delta, "content": None if broken else ""}
        yield {**data, "choices": [{**choice, "delta": first, "finish_reason": None}]}
        if broken:
            name, text, call_id = broken_call(call, {})
            made = {"index": 0, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
            yield {**data, "choices": [{**choice, "delta": {"tool_calls": [made]}, "finish_reason": None}]}
            rest = {"index": 0, "function": {"arguments": text}}
            yield {**data, "choices": [{**choice, "delta": {"tool_calls": [rest]}, "finish_reason": None}]}
    if choice.get("finish_reason"):
        yield {**data, "choices": [{**choice, "delta": {}, "finish_reason": "tool_calls" if broken else "stop"}]}


def _block_change(call: Call, data: Data, broken: bool) -> Iterator[Data]:
    kind = data["type"]
    if kind in ("message_start", "ping"):
        yield data
    elif kind == "message_delta":
        if broken:
            name, text, call_id = broken_call(call, {})
            block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            yield {"type": "content_block_start", "index": 0, "content_block": block}
            delta = {"type": "input_json_delta", "partial_json": text}
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
            yield {"type": "content_block_stop", "index": 0}
        yield {**data, "delta": {**data["delta"], "stop_reason": "tool_use" if broken else "end_turn"}}
    elif kind == "message_stop":
        yield data


def _line_change(call: Call, data: Data, broken: bool) -> Iterator[Data]:
    if not data.get("done"):
        return
    if broken and "message" in data:
        made = {"function": {"name": broken_call(call, {})[0], "arguments": {}}}
        head: Data = {name: value for name, value in data.items() if name in ("model", "created_at")}
        yield {**head, "message": {"role": "assistant", "content": "", "tool_calls": [made]}, "done": False}
    yield {**data, "done_reason": "stop"}


# --- what all share -----------------------------------------------------------------------------------------------


def broken_call(call: Call, body: Data) -> tuple[str, str, str]:
    """Name, arguments and id of a tool call whose arguments end too early.

    The answer's own call when it has one, else the first tool that was offered; none offered: one that nobody knows.
    """
    for choice in body.get("choices", ()):
        for made in choice["message"].get("tool_calls") or ():
            text = made["function"]["arguments"]
            return made["function"]["name"], text[: max(1, len(text) * 2 // 3)].rstrip("}"), made["id"]
    offered = (call.record.body or {}).get("tools") or [{}]
    tool = offered[0] if isinstance(offered[0], dict) else {}
    about = tool.get("function", tool)
    schema = about.get("parameters") or about.get("input_schema") or {}
    first = next(iter(schema.get("properties") or {"city": {}}), "city")
    form = "toolu_01{base62:22}" if call.provider.dialect != "openai-chat" else "call_{base62:24}"
    own = getattr(call.provider.response, "tool_call_id", None) or form
    return str(about.get("name") or "get_weather"), f'{{"{first}": "Par', call.ids.form(own)
