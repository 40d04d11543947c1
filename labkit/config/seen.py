"""What a LibreChat user reads when a call fails, beside what the server said.

LibreChat shows what OpenAI's JavaScript SDK makes of an answer, and that reads `body.error.message` alone: of every
other body it says 'status code (no body)'. Measured on 0.8.8-rc1; which statuses are tried again, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.keys import scrub

if TYPE_CHECKING:
    from labkit.wire import Exchange

LINKS = {401: "MODEL_AUTHENTICATION", 404: "MODEL_NOT_FOUND", 429: "MODEL_RATE_LIMIT"}
ONCE = frozenset({*range(400, 408), 409, 413})  # never tried again
ALL = 7  # the first request and six more, 60 to 130 s in all
UNAVAILABLE = "The selected model is unavailable from this provider"
WRAP = "Something went wrong. Here's the specific error message we encountered: "
_HINT = re.compile(r"try again in ([\d.]+)\s*s", re.IGNORECASE)


@dataclass(frozen=True)
class Seen:
    """message: what LibreChat shows, '' for none.  body: the true one, as text.  sent: requests in all.

    remark: what else there is to say of it, in a sentence.
    """

    message: str
    body: str
    sent: int
    remark: str = ""

    def __str__(self) -> str:
        shown = f"{WRAP}An error occurred while processing the request: {self.message}" if self.message else "no error"
        lines = [f"A LibreChat user sees: {shown}", f"The server said: {self.body or '(nothing)'}"]
        lines.append(f"LibreChat sends it {self.sent} time{'s' if self.sent > 1 else ''}.")
        return "\n".join([*lines, *([self.remark] if self.remark else [])])

    def _repr_html_(self) -> str:
        from labkit.view.html import card, folded, join, note, pre

        shown = f"{WRAP}An error occurred while processing the request: {self.message}" if self.message else "no error"
        parts = [note("A LibreChat user sees:"), pre(shown), note("The server said:"), folded(self.body or "(nothing)")]
        parts.append(note(f"LibreChat sends it {self.sent} time{'s' if self.sent > 1 else ''}. {self.remark}"))
        return scrub(card("What becomes of the answer in LibreChat", join(parts), "bad" if self.message else "plain"))


def seen(source: Any) -> Seen:
    """What a LibreChat user sees of an answer or a failed call: a response or exception of httpx's shape, an exchange.

    Raises LabError for something that holds no call.
    """
    from labkit.wire import Exchange

    exchange = source if isinstance(source, Exchange) else Exchange.of(source)
    if exchange.response is None:
        return Seen("Connection error.", "", ALL, "A connection that fails is tried again.")
    status, body = exchange.response.status, _text(exchange)
    if status < 400:
        return _of_success(exchange, body)
    message = message_of(status, body)
    sent = _requests(status, body, _header(exchange, "retry-after"))
    remark = ""
    if status in LINKS:
        remark = f"LangChain adds a link to its page {LINKS[status]}."
    if status == 404:
        remark += f" The window then says '{UNAVAILABLE}', though a wrong path in baseURL gives the same 404."
    if "(no body)" in message:
        remark = f"{remark} There was a body: it has no error.message, and only that is read.".strip()
    return Seen(message, body, sent, remark.strip())


def message_of(status: int, body: str) -> str:
    """What OpenAI's JavaScript SDK says of an error with this body.

    >>> message_of(422, '{"object": "error", "message": {"detail": []}}')
    '422 status code (no body)'
    >>> message_of(404, "404 page not found")
    '404 404 page not found'
    """
    try:
        data = json.loads(body)
    except ValueError:
        return f"{status} {body}" if body else f"{status} status code (no body)"
    error = data.get("error") if isinstance(data, dict) else None
    if not error:
        return f"{status} status code (no body)"
    told = error.get("message") if isinstance(error, dict) else None
    if told:
        return f"{status} {told if isinstance(told, str) else _json(told)}"
    return f"{status} {_json(error)}"


def _requests(status: int, body: str, retry_after: str) -> int:
    if status == 429:
        if re.search(r"insufficient_quota|quota|billing|credit balance", body, re.IGNORECASE):
            return 1
        hint = _HINT.search(body)
        wait = retry_after if re.fullmatch(r"\d+(\.\d+)?", retry_after) else hint[1].rstrip(".") if hint else ""
        return ALL if wait and float(wait) <= 60 else 1
    return 1 if status in ONCE else ALL


def _of_success(exchange: Exchange, body: str) -> Seen:
    kind = _header(exchange, "content-type").lower()
    asked = b'"stream":true' in (exchange.request.body or b"").replace(b" ", b"")
    if not asked:
        return Seen("", body, 1)
    if "event-stream" not in kind:
        return Seen("", body, 1, f"It sees an empty answer: a stream was asked for, and {kind or 'no type'} came.")
    if re.search(r'^data: ?\{"error"', body, re.MULTILINE):
        return Seen("Provider disconnected", body, 1, "The text up to the error stays (code 502).")
    if "[DONE]" not in body:
        return Seen("", body, 1, "The stream ends early: part of the text, and no error.")
    return Seen("", body, 1)


def _text(exchange: Exchange) -> str:
    from labkit.wire.bodies import text_of

    response = exchange.response
    assert response is not None
    return text_of(response.body or b"", _header(exchange, "content-type"))[0] or ""


def _header(exchange: Exchange, name: str) -> str:
    response = exchange.response
    return next((v for k, v in response.headers if k.lower() == name), "") if response is not None else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
