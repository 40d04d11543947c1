"""A case: a failure written down as data, and the exchange it stands for. Rules, tests and the benchmark use it.

{status: 429, body: {…}}                          an answer; text: instead of body where it is no JSON
{status: 400, sent: {…}, url: …, headers: {…}}    with the request's JSON, address, and headers of the answer
{error: "ConnectTimeout: timed out"}              an exception, as 'Class: text', status beside it if one came
{line: "Error: 422 status code (no body)"}        a pasted line
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from labkit.errors import ParameterError
from labkit.wire import Answer, Exchange, Failure, Headers, Sent

URL = "https://api.example.com/v1/chat/completions"
_FIELDS = {
    "status",
    "body",
    "text",
    "headers",
    "sent",
    "url",
    "method",
    "error",
    "line",
    "key_kind",
    "long_prompt",
    "auth",
}
_KEYS = {"openai": "sk-proj-", "groq": "gsk_", "anthropic": "sk-ant-", "openrouter": "sk-or-v1-"}


def exchange_of_case(case: Mapping[str, Any]) -> Any:
    """What to hand to `diagnose` for a case. Raises ParameterError for a field that no case has.

    auth: the request's authorization header ('Bearer …' unless given, '' for none).  key_kind: whose key was sent.
    long_prompt: so many characters of prompt.
    """
    strange = set(case) - _FIELDS
    if strange:
        raise ParameterError(f"a case has no {sorted(strange)[0]!r}", where="case", right=f"It has {sorted(_FIELDS)}")
    if "line" in case:
        return str(case["line"])
    prompt = "word " * (case["long_prompt"] // 5) if "long_prompt" in case else "Hi"
    asked = {"model": "some-model", "messages": [{"role": "user", "content": prompt}], **case.get("sent", {})}
    auth = case.get("auth", "Bearer •••")
    request = Sent(
        case.get("method", "POST"),
        case.get("url", URL),
        Headers([("content-type", "application/json"), *([("authorization", auth)] if auth else [])]),
        json.dumps(asked).encode(),
    )
    answer = None
    if "status" in case:
        text = json.dumps(case["body"], ensure_ascii=False) if "body" in case else str(case.get("text", ""))
        kind = "application/json" if "body" in case else "text/plain"
        headers = {"content-type": kind, **case.get("headers", {})}
        answer = Answer(case["status"], "", "HTTP/1.1", Headers(headers.items()), text.encode())
    error = None
    if "error" in case:
        name, _, said = str(case["error"]).partition(": ")
        error = Failure(name, said)
    state = "complete" if error is None else "cut" if answer else "failed"
    exchange = Exchange(request, answer, error=error, state=state)
    if "key_kind" not in case:
        return exchange
    key = _KEYS[case["key_kind"]] + "0" * 20
    return _response(exchange, {"authorization": f"Bearer {key}"})


def _response(exchange: Exchange, headers: dict[str, str]) -> Any:
    """The exchange as an HTTP library's response, with the request's own headers beside it."""
    sent, answer = exchange.request, exchange.response
    assert answer is not None
    request = SimpleNamespace(method=sent.method, url=sent.url, headers=headers, content=sent.body)
    values = {"status_code": answer.status, "headers": dict(answer.headers), "url": sent.url, "request": request}
    return _Response(answer.body or b"", **values)


class _Response(SimpleNamespace):
    def __init__(self, content: bytes, **values: Any) -> None:
        super().__init__(**values)
        self._body = content

    @property
    def content(self) -> bytes:
        """The body."""
        return self._body
