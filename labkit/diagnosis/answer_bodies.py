"""An answer's text, working, tool calls and end, whole or streamed, in the dialects of the providers.

Each `of_` gives fields of a `Reading` by name.
"""

from __future__ import annotations

import json
from typing import Any

from labkit.diagnosis.error_bodies import error_words, is_error, is_wrapped
from labkit.diagnosis.shapes import as_dict, as_json, as_list, as_text
from labkit.wire import Exchange, sse_events


def of_stream(exchange: Exchange) -> dict[str, Any]:
    """What the events of a streamed answer say, as far as it came."""
    body = exchange.response.body if exchange.response and exchange.response.body else b""
    if not body and exchange.chunks:
        body = b"".join(part for _, part in exchange.chunks)
    parts, ended, half = [], False, ""
    for event in sse_events([body]):
        data = event.data.strip()
        if data == "[DONE]" or event.event == "message_stop":
            ended = True
        elif data and event.kind in ("data", "unfinished"):
            try:
                part = json.loads(data)
            except (ValueError, RecursionError):
                half = data
                continue
            if isinstance(part, dict):
                parts.append(part)
    return of_parts(parts, ended, half, exchange)


def of_parts(parts: list[dict[str, Any]], ended: bool, half: str, exchange: Exchange) -> dict[str, Any]:
    """A stream's parts put together: what was said, how it ended, whether an error came instead."""
    content, reasoning, finish, error = "", "", "", None
    calls: dict[Any, dict[str, Any]] = {}
    for part in parts:
        _join_calls(calls, part)
        if isinstance(part.get("response"), str) and "done" in part:  # Ollama's generate
            content += part["response"]
        if is_error(part):
            error = part
        for choice in as_list(part.get("choices"))[:1]:
            delta = as_dict(choice.get("delta") or choice.get("message"))
            content += as_text(delta.get("content"))
            reasoning += as_text(delta.get("reasoning_content") or delta.get("reasoning"))
            finish = str(choice.get("finish_reason") or finish)
        for candidate in as_list(part.get("candidates"))[:1]:
            pieces = as_list(as_dict(candidate.get("content")).get("parts"))
            content += "".join(as_text(piece.get("text")) for piece in pieces if not piece.get("thought"))
            finish = str(candidate.get("finishReason") or finish)
        if str(part.get("type", "")).startswith("response."):  # OpenAI's Responses
            content += as_text(part.get("delta")) if part["type"] == "response.output_text.delta" else ""
            whole = as_dict(part.get("response"))
            reason = as_dict(whole.get("incomplete_details")).get("reason")
            finish = "length" if reason == "max_output_tokens" else str(reason or finish)
            error = whole if whole.get("error") else error
            finish = finish or ("stop" if part["type"] == "response.completed" else "")
        delta = as_dict(part.get("delta"))
        content += as_text(delta.get("text"))
        reasoning += as_text(delta.get("thinking"))
        finish = str(delta.get("stop_reason") or part.get("done_reason") or finish)
        message = part.get("message")
        if isinstance(message, dict) and "choices" not in part and isinstance(message.get("content"), str):
            content += message["content"]
            reasoning += as_text(message.get("thinking"))
    words, codes, param = error_words(error) if error else ("", (), "")
    says = "\n".join(part for part in (words, str(exchange.error or "")) if part)
    return {
        "says": says,
        "codes": codes,
        "param": param,
        "content": content if parts else None,
        "reasoning": reasoning,
        "finish": finish,
        "calls": tuple(calls.values()),
        "is_answer": bool(parts) and error is None,
        "is_stream": True,
        "ended": ended or (bool(finish) and exchange.state == "complete"),
        "error_in_stream": error is not None,
        "wrapped": is_wrapped(error),
        "cut_json": bool(half),
    }


def of_answer(body: dict[str, Any]) -> dict[str, Any]:
    """A whole answer of the OpenAI (chat, Responses), Anthropic, Gemini, Bedrock, Cohere or Ollama dialect."""
    output = body.get("output")
    if isinstance(output, dict) and (output.get("choices") or isinstance(output.get("text"), str)):
        body = {**body, **output}  # DashScope's own API
    if isinstance(body.get("choices"), list):
        choice = next((c for c in body["choices"] if isinstance(c, dict)), None)
        if choice is None:
            return {"is_answer": True, "content": None}
        message = as_dict(choice.get("message"))
        thought = message.get("reasoning_content") or message.get("reasoning")
        calls = as_list(message.get("tool_calls"))
        content = as_text(message.get("content")) or as_text(choice.get("text"))
        refused = not content and not calls and bool(message.get("refusal"))
        native = str(choice.get("native_finish_reason") or "")
        told = native if native.isupper() or native == "refusal" else ""  # a router's host, in its own words
        finish = "refusal" if refused else told if not content else choice.get("finish_reason")
        return _answered(content, as_text(thought), finish or choice.get("finish_reason"), calls)
    if isinstance(output, list) and body.get("object") == "response":  # OpenAI's Responses
        items = [part for item in as_list(output) for part in as_list(item.get("content"))]
        calls = [item for item in as_list(output) if item.get("type") == "function_call"]
        thought = "working" if any(item.get("type") == "reasoning" for item in as_list(output)) else ""
        reason = as_dict(body.get("incomplete_details")).get("reason") or body.get("status")
        finish = {"max_output_tokens": "length", "completed": "stop"}.get(str(reason), reason)
        refused = any(part.get("type") == "refusal" for part in items)
        text = "".join(as_text(part.get("text")) for part in items)
        return _answered(text, thought, "refusal" if refused else finish, calls)
    if isinstance(output, dict) and isinstance(output.get("message"), dict):  # Bedrock's Converse
        blocks = as_list(output["message"].get("content"))
        text = "".join(as_text(b.get("text")) for b in blocks)
        return _answered(text, "", body.get("stopReason"), [b for b in blocks if "toolUse" in b])
    if isinstance(body.get("content"), list):
        blocks = as_list(body["content"])
        text = "".join(as_text(b.get("text")) for b in blocks if b.get("type") == "text")
        thought = "".join(as_text(b.get("thinking")) for b in blocks)
        return _answered(text, thought, body.get("stop_reason"), [b for b in blocks if b.get("type") == "tool_use"])
    if isinstance(body.get("candidates"), list):  # Gemini's own API
        first = next((c for c in body["candidates"] if isinstance(c, dict)), None)
        if first is None:
            return {"is_answer": True, "content": None}
        pieces = as_list(as_dict(first.get("content")).get("parts"))
        text = "".join(as_text(p.get("text")) for p in pieces if not p.get("thought"))
        thought = "".join(as_text(p.get("text")) for p in pieces if p.get("thought"))
        calls = [p for p in pieces if "functionCall" in p]
        return _answered(text, thought, first.get("finishReason"), calls)
    if isinstance(body.get("message"), dict):
        said = body["message"]
        finish, calls = body.get("done_reason") or body.get("finish_reason"), as_list(said.get("tool_calls"))
        return _answered(as_text(said.get("content")), as_text(said.get("thinking")), finish, calls)
    if isinstance(body.get("response"), str) and "done" in body:  # Ollama's generate
        return _answered(body["response"], as_text(body.get("thinking")), body.get("done_reason"), [])
    if isinstance(body.get("text"), str) and body.get("finish_reason"):  # Cohere's first API
        return _answered(body["text"], "", body["finish_reason"], as_list(body.get("tool_calls")))
    return {}


def _answered(content: str, reasoning: str, finish: Any, calls: list[dict[str, Any]]) -> dict[str, Any]:
    said = {"content": content, "reasoning": reasoning, "finish": str(finish or "")}
    return {**said, "calls": tuple(calls), "is_answer": True}


def _join_calls(calls: dict[Any, dict[str, Any]], part: dict[str, Any]) -> None:
    """Add a stream's piece of a tool call (OpenAI's or Anthropic's) to the calls so far, by their index."""
    for choice in as_list(part.get("choices"))[:1]:
        for piece in as_list(as_dict(choice.get("delta") or choice.get("message")).get("tool_calls")):
            call = calls.setdefault(piece.get("index", len(calls)), {"function": {"name": "", "arguments": ""}})
            function = as_dict(piece.get("function"))
            call["function"]["name"] += as_text(function.get("name"))
            call["function"]["arguments"] += as_text(function.get("arguments"))
    block = as_dict(part.get("content_block"))
    if block.get("type") == "tool_use":
        calls[part.get("index")] = {"function": {"name": as_text(block.get("name")), "arguments": ""}}
    more = as_dict(part.get("delta")).get("partial_json")
    if isinstance(more, str) and part.get("index") in calls:
        calls[part.get("index")]["function"]["arguments"] += more


def is_lines(text: str) -> bool:
    """Whether a text is several JSON objects, one a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and all(isinstance(as_json(line), dict) for line in lines[:3])


def lines_of(text: str) -> list[dict[str, Any]]:
    """The JSON objects that stand one a line; other lines are left out."""
    found = (as_json(line) for line in text.splitlines() if line.strip())
    return [part for part in found if isinstance(part, dict)]
