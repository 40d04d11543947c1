"""The log as HAR 1.2, which a browser's network tab and other viewers open.

Source: https://w3c.github.io/web-performance/specs/HAR/Overview.html. What was not recorded is -1 where
the format allows it. An exchange holds no key, so neither does the file; its text is cleaned once more all the same.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from labkit.errors import StorageError
from labkit.keys import scrub
from labkit.wire.exchange import Exchange, Headers

NOT_RECORDED = -1


def har(exchanges: Iterable[Exchange]) -> dict[str, Any]:
    """The exchanges as one HAR object, in their order. Requests that were never sent are left out."""
    entries = [_entry(exchange) for exchange in exchanges if exchange.state != "not sent"]
    creator = {"name": "labkit", "version": "0.1.0"}
    found: dict[str, Any] = {"log": {"version": "1.2", "creator": creator, "entries": entries}}
    return found


def save_har(exchanges: Iterable[Exchange], path: str | Path) -> Path:
    """Write the exchanges to `path`, as UTF-8; an existing file is replaced. Raises StorageError."""
    target = Path(path)
    text = scrub(json.dumps(har(exchanges), indent=1, ensure_ascii=True))
    try:
        target.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StorageError(
            f"the file cannot be written: {error.strerror or error}",
            where=str(target),
            do="Name a file in a folder that exists and that you may write to, as in lab.log.save_har('calls.har')",
        ) from None
    return target


def _entry(exchange: Exchange) -> dict[str, Any]:
    sent, answer, times = exchange.request, exchange.response, exchange.timings
    version = (answer.http_version if answer else "") or "HTTP/1.1"
    began = datetime.fromtimestamp(exchange.started_at or 0, UTC)
    timings = _timings(exchange)
    entry: dict[str, Any] = {
        "startedDateTime": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": max(0.0, _ms(times.total_s)),
        "request": {
            "method": sent.method,
            "url": sent.url,
            "httpVersion": version,
            "cookies": [],
            "headers": _headers(sent.headers),
            "queryString": [
                {"name": name, "value": value} for name, value in parse_qsl(urlsplit(sent.url).query, True)
            ],
            "headersSize": NOT_RECORDED,
            "bodySize": len(sent.body) if sent.body is not None else NOT_RECORDED,
        },
        "response": _response(exchange, version),
        "cache": {},
        "timings": timings,
    }
    if sent.body:
        kind = sent.headers.get("content-type") or "application/octet-stream"
        entry["request"]["postData"] = {"mimeType": kind, **_text(sent.body)}
        entry["request"]["postData"].pop("encoding", None)  # the format knows it for answers only
    said = [exchange.state if exchange.state != "complete" else "", "" if exchange.started_at else "start not recorded"]
    if any(said):
        entry["comment"] = ", ".join(filter(None, said))
    return entry


def _response(exchange: Exchange, version: str) -> dict[str, Any]:
    """The answer; status 0 and `_error`, as browsers write it, where none came."""
    answer = exchange.response
    headers = answer.headers if answer else Headers()
    body = (answer.body if answer else None) or b""
    found: dict[str, Any] = {
        "status": answer.status if answer else 0,
        "statusText": answer.reason if answer else "",
        "httpVersion": version,
        "cookies": [],
        "headers": _headers(headers),
        "content": {"size": len(body), "mimeType": headers.get("content-type") or "x-unknown", **_text(body)},
        "redirectURL": headers.get("location"),
        "headersSize": NOT_RECORDED,
        "bodySize": len(body) if answer and answer.body is not None else NOT_RECORDED,
    }
    if exchange.error is not None:
        found["_error"] = str(exchange.error)
    return found


def _timings(exchange: Exchange) -> dict[str, float]:
    """Milliseconds; `connect` contains `ssl`, as the format wants it."""
    times = exchange.timings
    connect = _ms(None if times.connect_s is None else times.connect_s + (times.tls_s or 0.0))
    before = max(0.0, connect)
    if times.first_byte_s is None:
        wait, receive = max(0.0, _ms(times.total_s) - before), 0.0
    else:
        wait = max(0.0, _ms(times.first_byte_s) - before)
        receive = max(0.0, _ms(times.total_s) - _ms(times.first_byte_s)) if times.total_s is not None else 0.0
    unknown = float(NOT_RECORDED)
    dns_ssl = {"blocked": unknown, "dns": unknown, "connect": connect, "ssl": _ms(times.tls_s)}
    return {**dns_ssl, "send": 0.0, "wait": wait, "receive": receive}


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _text(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode("ascii"), "encoding": "base64"}


def _ms(seconds: float | None) -> float:
    return float(NOT_RECORDED) if seconds is None else round(seconds * 1000, 3)
