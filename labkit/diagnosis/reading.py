"""What a failed exchange says, taken apart once: words of the error, its codes, the answer's text and how it ended.

It reads the exchange alone, in any dialect; what that means is in the rules. A pasted line of a log is read as well.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from labkit.errors import LabError
from labkit.keys import scrub
from labkit.wire import Exchange, Headers, sse_events

LONGEST_TEXT = 20_000  # characters of an error that are read; a page of HTML says what it is much earlier
_CODE_NAMES = frozenset(
    "code type status error_code error_type error_name __type reason errorcode quotaid blockreason status_code "
    "err_code errcode exception error_num".split()
)  # compared in lower case: Tencent writes Code, Azure code
_TEXT_NAMES = frozenset(
    "message error_msg msg detail details error raw title description errors status_msg reason_phrase error_message "
    "errormessage error_description errmsg faultstring fault innererror _errors cause "
    "hint internal_message output_text".split()
)
_STATUS = re.compile(
    r"(?:status(?:[ _]?code)?\s*(?:is|of)?[\"':=\s]*|(?:error|code)[:\s]*|HTTP(?:/[\d.]+)?\s+|code[\"']?\s*[:=]\s*)"
    r"([1-5]\d\d)\b"
    r"|\b([45]\d\d)\b(?=\s+(?:status code|\{|\"|[A-Z]|error\b))",
    re.IGNORECASE,
)
_WRAPPING = re.compile(
    r"something went wrong\.? here.s the specific error message we encountered:?|unhandled error type", re.IGNORECASE
)  # what LibreChat puts before any error
_INNER_STATUS = re.compile(r"\b(?:HTTP|status(?: code)?|error code)[:=\s(]{1,3}(4\d\d)\b", re.IGNORECASE)
_PASSED_ON = frozenset("message raw body error detail msg details error_message error_msg".split())
_QUOTES = str.maketrans("‘’“”\u00a0", "''\"\" ")


@dataclass(frozen=True)
class Reading:
    """An exchange as the rules see it. Texts are without keys.

    status: None when no answer came or a log line names none.  says: all words of the error, each part on its line.
    codes: what stands in fields such as code and type, lower case.  param: the field that the error names, or ''.
    failure: exception and causes, or ''.  asked: the request's JSON, {} when unknown.
    content, reasoning: text of the answer's first choice; None when there is no answer with choices.
    finish: the answer's finish word; '' when it is null or missing.  ended: whether a stream came to its proper end.
    cut_json: whether a body that should be JSON stops half-way.  readable: whether the body is JSON or events.
    wrapped: whether a program between passes on the error of another.
    key_kind: whose keys begin like the one sent, or ''.
    """

    exchange: Exchange | None
    status: int | None
    says: str
    codes: tuple[str, ...] = ()
    param: str = ""
    failure: str = ""
    url: str = ""
    method: str = ""
    headers: Headers = field(default_factory=Headers)
    content_type: str = ""
    body_text: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    content: str | None = None
    reasoning: str = ""
    finish: str = ""
    calls: tuple[dict[str, Any], ...] = ()
    is_answer: bool = False
    is_stream: bool = False
    ended: bool = True
    error_in_stream: bool = False
    cut_json: bool = False
    readable: bool = True
    wrapped: bool = False
    usage: dict[str, Any] = field(default_factory=dict)
    key_kind: str = ""

    @property
    def first_status(self) -> int | None:
        """The status that tells most: the one a router names in words, where its own says only that it failed."""
        open_to_words = self.status is None or self.status == 200 or self.status >= 500 or self.wrapped
        named = _INNER_STATUS.search(self.says) if open_to_words else None
        return int(named.group(1)) if named else self.status

    @property
    def went_well(self) -> bool:
        """Whether an answer came, with status 200 and without a failure."""
        return self.is_answer and self.status == 200 and not self.failure

    @property
    def path(self) -> str:
        """The path of the address."""
        return urlsplit(self.url).path

    @property
    def host(self) -> str:
        """The host of the address, lower case."""
        return (urlsplit(self.url).hostname or "").lower()


def read(source: Any) -> Reading:
    """The reading of a response, an exception, an exchange or a pasted line. Raises LabError for anything else."""
    if isinstance(source, str):
        return _of_line(source)
    try:
        exchange = Exchange.of(source)
    except LabError:
        if isinstance(source, BaseException):
            return _of_line(f"{type(source).__name__}: {source}", failure=True)
        raise
    return _of_exchange(exchange, key_kind(source))


def _of_line(line: str, *, failure: bool = False) -> Reading:
    text = _WRAPPING.sub("", scrub(line))[:LONGEST_TEXT]
    found = _STATUS.search(text)
    status = int(found.group(1) or found.group(2)) if found else None
    body = _object_in(text)
    words, codes, param = _error_words(body) if body is not None else ("", (), "")
    told = re.findall(r"\b(?:code|type|status)[\"']?\s*[:=]\s*[\"']?([A-Za-z]\w{3,})", text)
    codes = tuple(dict.fromkeys([*codes, *(word.lower() for word in told)]))
    named = re.search(r"\bhttps?://[^\s'\"<>)]+", text)
    broken = failure or re.search(r"\b(?:E[A-Z]{4,}|\w+Error|\w+Exception|\w+Timeout)\b", text)
    plain = text.replace("\\n", " ").replace('\\"', '"')  # an error as a string inside another
    return Reading(
        exchange=None,
        status=status,
        says=_even(f"{plain}\n{words}"),
        codes=codes,
        param=param,
        failure=_even(plain) if broken else "",
        url=named.group(0) if named and status is None else "",
        body_text=text,
        content_type="text/html" if re.search(r"<!doctype html|<html", text, re.IGNORECASE) else "",
    )


def _of_exchange(exchange: Exchange, kind: str) -> Reading:
    sent, answer = exchange.request, exchange.response
    asked = sent.json()
    failure = _even("\n".join([str(exchange.error), *exchange.error.causes])) if exchange.error else ""
    common: dict[str, Any] = {
        "exchange": exchange,
        "failure": failure,
        "url": sent.url,
        "method": sent.method,
        "asked": asked if isinstance(asked, dict) else {},
        "key_kind": kind,
    }
    if answer is None:
        return Reading(status=None, says=failure, **common)
    text = (answer.body or b"").decode("utf-8", "replace")
    common |= {"headers": answer.headers, "content_type": answer.headers.get("content-type").lower()}
    common |= {"status": answer.status, "body_text": text[:LONGEST_TEXT], "usage": exchange.usage}
    if answer.is_stream and answer.status < 400:
        return Reading(**common, **_of_stream(exchange))
    body = answer.json()
    lines = _lines_of(text) if body is None and ("ndjson" in common["content_type"] or _is_lines(text)) else None
    if lines is not None:
        return Reading(**common, **_of_parts(lines, bool(lines and lines[-1].get("done")), "", exchange))
    if answer.status < 400 and isinstance(body, dict) and not _is_error(body):
        return Reading(**common, says=failure, **_of_answer(body))
    words, codes, param = _error_words(body)
    if body is None:
        words = _of_page(text) if _looks_html(text, common["content_type"]) else text[:LONGEST_TEXT]
    half = body is None and text.lstrip()[:1] in ("{", "[") and "json" in common["content_type"]
    says = "\n".join(part for part in (_even(words), failure) if part)
    common |= {"cut_json": half, "readable": body is not None, "wrapped": _is_wrapped(body)}
    return Reading(**common, says=says, codes=codes, param=param)


def _of_stream(exchange: Exchange) -> dict[str, Any]:
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
    return _of_parts(parts, ended, half, exchange)


def _of_parts(parts: list[dict[str, Any]], ended: bool, half: str, exchange: Exchange) -> dict[str, Any]:
    """A stream's parts put together: what was said, how it ended, whether an error came instead."""
    content, reasoning, finish, error = "", "", "", None
    calls: dict[Any, dict[str, Any]] = {}
    for part in parts:
        _join_calls(calls, part)
        if isinstance(part.get("response"), str) and "done" in part:  # Ollama's generate
            content += part["response"]
        if _is_error(part):
            error = part
        for choice in _list(part.get("choices"))[:1]:
            delta = _dict(choice.get("delta") or choice.get("message"))
            content += _text(delta.get("content"))
            reasoning += _text(delta.get("reasoning_content") or delta.get("reasoning"))
            finish = str(choice.get("finish_reason") or finish)
        for candidate in _list(part.get("candidates"))[:1]:
            pieces = _list(_dict(candidate.get("content")).get("parts"))
            content += "".join(_text(piece.get("text")) for piece in pieces if not piece.get("thought"))
            finish = str(candidate.get("finishReason") or finish)
        if str(part.get("type", "")).startswith("response."):  # OpenAI's Responses
            content += _text(part.get("delta")) if part["type"] == "response.output_text.delta" else ""
            whole = _dict(part.get("response"))
            reason = _dict(whole.get("incomplete_details")).get("reason")
            finish = "length" if reason == "max_output_tokens" else str(reason or finish)
            error = whole if whole.get("error") else error
            finish = finish or ("stop" if part["type"] == "response.completed" else "")
        delta = _dict(part.get("delta"))
        content += _text(delta.get("text"))
        reasoning += _text(delta.get("thinking"))
        finish = str(delta.get("stop_reason") or part.get("done_reason") or finish)
        message = part.get("message")
        if isinstance(message, dict) and "choices" not in part and isinstance(message.get("content"), str):
            content += message["content"]
            reasoning += _text(message.get("thinking"))
    words, codes, param = _error_words(error) if error else ("", (), "")
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
        "wrapped": _is_wrapped(error),
        "cut_json": bool(half),
    }


def _of_answer(body: dict[str, Any]) -> dict[str, Any]:
    """A whole answer of the OpenAI (chat, Responses), Anthropic, Gemini, Bedrock, Cohere or Ollama dialect."""
    output = body.get("output")
    if isinstance(output, dict) and (output.get("choices") or isinstance(output.get("text"), str)):
        body = {**body, **output}  # DashScope's own API
    if isinstance(body.get("choices"), list):
        choice = next((c for c in body["choices"] if isinstance(c, dict)), None)
        if choice is None:
            return {"is_answer": True, "content": None}
        message = _dict(choice.get("message"))
        thought = message.get("reasoning_content") or message.get("reasoning")
        calls = _list(message.get("tool_calls"))
        content = _text(message.get("content")) or _text(choice.get("text"))
        refused = not content and not calls and bool(message.get("refusal"))
        native = str(choice.get("native_finish_reason") or "")
        told = native if native.isupper() or native == "refusal" else ""  # a router's host, in its own words
        finish = "refusal" if refused else told if not content else choice.get("finish_reason")
        return _answered(content, _text(thought), finish or choice.get("finish_reason"), calls)
    if isinstance(output, list) and body.get("object") == "response":  # OpenAI's Responses
        items = [part for item in _list(output) for part in _list(item.get("content"))]
        calls = [item for item in _list(output) if item.get("type") == "function_call"]
        thought = "working" if any(item.get("type") == "reasoning" for item in _list(output)) else ""
        reason = _dict(body.get("incomplete_details")).get("reason") or body.get("status")
        finish = {"max_output_tokens": "length", "completed": "stop"}.get(str(reason), reason)
        refused = any(part.get("type") == "refusal" for part in items)
        text = "".join(_text(part.get("text")) for part in items)
        return _answered(text, thought, "refusal" if refused else finish, calls)
    if isinstance(output, dict) and isinstance(output.get("message"), dict):  # Bedrock's Converse
        blocks = _list(output["message"].get("content"))
        text = "".join(_text(b.get("text")) for b in blocks)
        return _answered(text, "", body.get("stopReason"), [b for b in blocks if "toolUse" in b])
    if isinstance(body.get("content"), list):
        blocks = _list(body["content"])
        text = "".join(_text(b.get("text")) for b in blocks if b.get("type") == "text")
        thought = "".join(_text(b.get("thinking")) for b in blocks)
        return _answered(text, thought, body.get("stop_reason"), [b for b in blocks if b.get("type") == "tool_use"])
    if isinstance(body.get("candidates"), list):  # Gemini's own API
        first = next((c for c in body["candidates"] if isinstance(c, dict)), None)
        if first is None:
            return {"is_answer": True, "content": None}
        pieces = _list(_dict(first.get("content")).get("parts"))
        text = "".join(_text(p.get("text")) for p in pieces if not p.get("thought"))
        thought = "".join(_text(p.get("text")) for p in pieces if p.get("thought"))
        calls = [p for p in pieces if "functionCall" in p]
        return _answered(text, thought, first.get("finishReason"), calls)
    if isinstance(body.get("message"), dict):
        said = body["message"]
        finish, calls = body.get("done_reason") or body.get("finish_reason"), _list(said.get("tool_calls"))
        return _answered(_text(said.get("content")), _text(said.get("thinking")), finish, calls)
    if isinstance(body.get("response"), str) and "done" in body:  # Ollama's generate
        return _answered(body["response"], _text(body.get("thinking")), body.get("done_reason"), [])
    if isinstance(body.get("text"), str) and body.get("finish_reason"):  # Cohere's first API
        return _answered(body["text"], "", body["finish_reason"], _list(body.get("tool_calls")))
    return {}


def _answered(content: str, reasoning: str, finish: Any, calls: list[dict[str, Any]]) -> dict[str, Any]:
    said = {"content": content, "reasoning": reasoning, "finish": str(finish or "")}
    return {**said, "calls": tuple(calls), "is_answer": True}


def _is_error(body: dict[str, Any]) -> bool:
    """Whether a body is an error whatever its status says: several providers tell of a refusal inside a 200."""
    if body.get("error") or body.get("type") == "error" or body.get("object") in ("error", "Error"):
        return True
    if _dict(body.get("Response")).get("Error") or body.get("fault"):  # Tencent, Apigee
        return True
    if body.get("choices") or body.get("candidates") or body.get("content") or body.get("data"):
        return False
    words = any(isinstance(body.get(name), str) and body[name] for name in ("message", "msg", "error_msg", "detail"))
    if body.get("output") and not words:
        return False
    told = _dict(body.get("base_resp")).get("status_code") or _dict(body.get("promptFeedback")).get("blockReason")
    return bool(told) or body.get("success") is False or (words and bool(body.get("code") or body.get("error_code")))


def _error_words(body: Any) -> tuple[str, tuple[str, ...], str]:
    """(words, codes, the field it names) of an error body of any shape."""
    words: list[str] = []
    codes: list[str] = []
    param = ""
    for name, value, holder in _walk(body, 0):
        name = name.lower()
        if name in _CODE_NAMES and isinstance(value, (str, int)) and not isinstance(value, bool):
            codes.append(str(value).lower())
            if name == "blockreason":
                words.append(f"blockReason {value}")
            if not re.fullmatch(r"\d+|error|[A-Za-z]+Error", str(value)):
                words.append(str(value)) if name in ("reason",) else None
        elif name in ("param", "field") and isinstance(value, str):
            param = param or value
        elif name == "loc" and isinstance(value, list):
            param = param or ".".join(str(piece) for piece in value if piece != "body")
        elif name == "path" and isinstance(value, str) and value.startswith("/"):
            words.append(f"path {value}")
        elif name in _TEXT_NAMES and isinstance(value, str):
            at = holder.get("loc")
            words.append(f"{value} ({'.'.join(map(str, at))})" if isinstance(at, list) else value)
    return _even("\n".join(dict.fromkeys(words))[:LONGEST_TEXT]), tuple(dict.fromkeys(codes)), param


def _even(text: str) -> str:
    """The lines of a text with single blanks and plain quotation marks: spacing must not hide what is said."""
    text = text.translate(_QUOTES)
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))


def _walk(node: Any, depth: int, name: str = "") -> Iterator[tuple[str, Any, dict[str, Any]]]:
    if depth > 8:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key), value, node
            if isinstance(value, (dict, list)):
                yield from _walk(value, depth + 1, str(key))
            elif isinstance(value, str) and str(key).lower() in _PASSED_ON:
                inner = _passed_on(value)
                if inner is not None:
                    yield from _walk(inner, depth + 1)
    elif isinstance(node, list):
        for item in node:
            if isinstance(item, str) and name.lower() in _TEXT_NAMES:
                yield name, item, {}
            yield from _walk(item, depth + 1, name)


def _passed_on(text: str) -> Any:
    """The error of another that a program between passes on in a text: JSON, or the words of a page; None when none."""
    if re.search(r"<(!doctype html|html|pre)\b", text, re.IGNORECASE):
        return {"message": _of_page(text[:LONGEST_TEXT])}
    inner = _object_in(text[:LONGEST_TEXT])
    return inner if isinstance(inner, (dict, list)) and inner else None


def _is_wrapped(body: Any) -> bool:
    """Whether some text of an error holds the error of another, or a field says that it is another's."""
    for name, value, _ in _walk(body, 0):
        if not isinstance(value, str):
            continue
        if name.lower() in _PASSED_ON and _passed_on(value) is not None:
            return True
        if re.search(r"upstream_error|one_api_error|new_api_error|when proxying|provider returned error", value, re.I):
            return True
    return False


def _join_calls(calls: dict[Any, dict[str, Any]], part: dict[str, Any]) -> None:
    """Add a stream's piece of a tool call (OpenAI's or Anthropic's) to the calls so far, by their index."""
    for choice in _list(part.get("choices"))[:1]:
        for piece in _list(_dict(choice.get("delta") or choice.get("message")).get("tool_calls")):
            call = calls.setdefault(piece.get("index", len(calls)), {"function": {"name": "", "arguments": ""}})
            function = _dict(piece.get("function"))
            call["function"]["name"] += _text(function.get("name"))
            call["function"]["arguments"] += _text(function.get("arguments"))
    block = _dict(part.get("content_block"))
    if block.get("type") == "tool_use":
        calls[part.get("index")] = {"function": {"name": _text(block.get("name")), "arguments": ""}}
    more = _dict(part.get("delta")).get("partial_json")
    if isinstance(more, str) and part.get("index") in calls:
        calls[part.get("index")]["function"]["arguments"] += more


def _object_in(text: str) -> Any:
    """The JSON, or Python's way of printing it, inside a line of a log; None when there is none."""
    start = min((at for at in (text.find("{"), text.find("[{")) if at >= 0), default=-1)
    if start < 0:
        return None
    piece = text[start:]
    try:
        return json.JSONDecoder().raw_decode(piece)[0]
    except (ValueError, RecursionError):
        pass
    end = max(piece.rfind("}"), piece.rfind("]"))
    try:
        return ast.literal_eval(piece[: end + 1])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _looks_html(text: str, content_type: str) -> bool:
    return "html" in content_type or bool(re.match(r"\s*<(!doctype|html|head|center)", text, re.IGNORECASE))


def _of_page(text: str) -> str:
    said = (
        re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", text, re.IGNORECASE | re.DOTALL) for tag in ("title", "h1", "pre", "p")
    )
    words = dict.fromkeys(" ".join(found.group(1).split())[:200] for found in said if found)
    return f"a page of HTML: {'; '.join(words)}" if words else "a page of HTML"


def _is_lines(text: str) -> bool:
    """Whether a text is several JSON objects, one a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and all(isinstance(_json(line), dict) for line in lines[:3])


def _lines_of(text: str) -> list[dict[str, Any]]:
    found = (_json(line) for line in text.splitlines() if line.strip())
    return [part for part in found if isinstance(part, dict)]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, list):  # parts of a content
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


_KINDS = (
    ("anthropic", r"sk-ant-"),
    ("openrouter", r"sk-or-"),
    ("groq", r"gsk_"),
    ("fireworks", r"fw_"),
    ("google", r"AIza"),
    ("xai", r"xai-"),
    ("perplexity", r"pplx-"),
    ("huggingface", r"hf_"),
    ("openai", r"sk-proj-|sk-svcacct-"),
)


def key_kind(source: Any) -> str:
    """Whose keys begin like the one that the request carried: a provider's name, never a part of the key; '' unknown.

    Exchanges hold no keys, so this looks into the request behind a response or an exception.
    """
    for holder in (source, getattr(source, "response", None), getattr(source, "http_response", None)):
        try:
            headers = getattr(getattr(holder, "request", None), "headers", None)
        except RuntimeError:  # httpx: the request is not set yet
            continue
        if headers is None:
            continue
        for name in ("authorization", "x-api-key", "api-key"):
            value = str(headers.get(name) or "").removeprefix("Bearer ").strip()
            for provider, beginning in _KINDS:
                if re.match(beginning, value):
                    return provider
    return ""
