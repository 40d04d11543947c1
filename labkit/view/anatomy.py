"""`show`: a call as it went over the wire, request and response, headers and bodies, times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from labkit.errors import ParameterError
from labkit.keys import scrub
from labkit.view.bodies import html_body, plain_body
from labkit.view.html import Html, badge, card, join, note, pre, table, visible
from labkit.wire import Exchange, Headers
from labkit.wire.log import COLUMNS, row_of, seconds

# What a status of this hundred means, in a word, and its tone.
MEANING = {
    1: ("interim", "info"),
    2: ("success", "good"),
    3: ("redirect", "info"),
    4: ("refused, see the request", "warn"),
    5: ("failed at the server", "bad"),
}
NO_BODY = {
    "unread": "body not read yet: call .read() first, or take it from a stream",
    "open": "body not read to its end yet",
    "streamed": "the body was read as a stream and not kept: lab.client(...) keeps it",
}


class View:
    """Something to look at: `print(view)` gives plain text, a notebook shows the HTML. Both hold the same."""

    def __init__(self, text: str, html: str) -> None:
        self._text, self._html = scrub(text), scrub(html)

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self._text, "text/html": self._html}


def show(source: Any, *, body: bool | str = True, headers: bool | Iterable[str] = True) -> View:
    """How the call behind `source` looked on the wire, without its key.

    source: a response, a request or an exception of httpx, httpx2 or an SDK built on them, or an exchange of lab.log.
    body: False leaves bodies out; 'all' prints them whole in plain text too, where long ones are else cut short
        (HTML folds them and leaves nothing out).
    headers: False leaves them out; names show only these.
    Raises LabError for something that holds no exchange. A body that was not read stays unread.
    """
    if not isinstance(body, bool) and body != "all":
        raise ParameterError(f"body={body!r}", where="show", right="It is True, False or 'all'")
    exchange = Exchange.of(source)
    return View(
        "\n".join(_plain(exchange, body, headers)),
        join(_html(exchange, body, headers)),
    )


def log_html(exchanges: Sequence[Exchange]) -> str:
    """The log as an HTML table, for `ExchangeLog(html=log_html)`."""
    if not exchanges:
        return note("no calls yet: send one with lab.client(...)")
    rows: list[list[object]] = []
    for number, exchange in enumerate(exchanges):
        row = row_of(number, exchange)
        row["status"] = badge(*_short(exchange))
        rows.append([_cell(name, row[name]) for name in COLUMNS])
    head = [name.removesuffix("_s").replace("_", " ") for name in COLUMNS]
    return scrub(table(rows, head, numbers=(0, 5, 6, 7, 8)))


def _plain(exchange: Exchange, body: bool | str, headers: bool | Iterable[str]) -> Iterable[str]:
    sent, answer = exchange.request, exchange.response
    yield visible(f"{sent.method} {sent.url}".strip())
    yield from (visible(f"{name}: {value}") for name, value in _chosen(sent.headers, headers))
    if body and sent.body != b"":
        yield ""
        yield _plain_or(sent.body, sent.headers, "(body sent as a stream, not kept)", body)
    yield ""
    if answer is not None:
        yield visible(_status_line(exchange))
        yield from (visible(f"{name}: {value}") for name, value in _chosen(answer.headers, headers))
        if body:
            yield ""
            yield _plain_or(answer.body, answer.headers, f"({NO_BODY.get(exchange.state, 'no body')})", body)
        yield ""
    yield from (visible(line) for line in _closing(exchange))


def _html(exchange: Exchange, body: bool | str, headers: bool | Iterable[str]) -> Iterable[Html]:
    sent, answer = exchange.request, exchange.response
    title = join([badge(sent.method or "request", "info"), " ", sent.url])
    inside = [_html_headers(_chosen(sent.headers, headers))]
    if body and sent.body != b"":
        inside.append(_html_or(sent.body, sent.headers, "body sent as a stream, not kept"))
    yield card(title, join(inside), "info")
    if answer is not None:
        word, tone = _meaning(exchange)
        title = join([badge(answer.status, tone), f" {_reason(exchange)} ", badge(word, tone)])
        inside = [_html_headers(_chosen(answer.headers, headers))]
        if body:
            inside.append(_html_or(answer.body, answer.headers, NO_BODY.get(exchange.state, "no body")))
        yield card(title, join(inside), tone)
    if exchange.error is not None:
        yield card(join([badge("error", "bad"), f" {exchange.error}"]), pre("\n".join(exchange.error.causes)), "bad")
    yield from (note(line) for line in _closing(exchange) if not line.startswith(("error:", "  beneath:")))


def _closing(exchange: Exchange) -> Iterable[str]:
    """The lines beneath: what broke, who answered, the times, and the same by curl."""
    if exchange.error is not None:
        yield f"error: {exchange.error}"
        yield from (f"  beneath: {cause}" for cause in exchange.error.causes)
    if exchange.state == "cut":
        yield "The answer was cut off: the reader stopped, or the connection broke, before its end."
    if exchange.lab_model:
        spoke = f"{exchange.place} provider {exchange.provider}".strip()
        yield f"Answered by {exchange.lab_model}, a model of the lab, speaking as the {spoke}."
    if exchange.state == "not sent":
        yield "Not sent: this is a request."
    else:
        yield _times(exchange)
    if exchange.request.url:
        yield "The same with curl: print(curl(…)) with what you gave to show."


def _times(exchange: Exchange) -> str:
    times = exchange.timings
    if times.total_s is None and times.first_byte_s is None:
        return "Times: not recorded."
    if times.first_byte_s is None and exchange.started_at is None:
        return f"Times: total {seconds(times.total_s)}; the steps are recorded for calls by lab.client only."
    steps = [f"connect {seconds(times.connect_s)}"] if times.connect_s is not None else []
    steps += ["connection reused"] if times.reused else []
    steps += [f"TLS {seconds(times.tls_s)}"] if times.tls_s is not None else []
    steps += [f"first byte {seconds(times.first_byte_s)}"] if times.first_byte_s is not None else []
    if exchange.response is not None and exchange.response.is_stream and exchange.chunks:
        steps.append(f"first event {seconds(exchange.chunks[0][0])}")
    steps.append(f"total {seconds(times.total_s)}")
    return f"Times: {', '.join(steps)}."


def _chosen(headers: Headers, which: bool | Iterable[str]) -> list[tuple[str, str]]:
    if isinstance(which, bool):
        return list(headers) if which else []
    names = {which.lower()} if isinstance(which, str) else {name.lower() for name in which}
    return [(name, value) for name, value in headers if name.lower() in names]


def _html_headers(headers: Sequence[tuple[str, str]]) -> Html:
    lines = [join([Html(f"<b>{join([name])}</b>"), f": {value}"]) for name, value in headers]
    return join([pre(join(lines, "\n")), Html('<div style="height: 8px"></div>')]) if lines else Html()


def _plain_or(body: bytes | None, headers: Headers, otherwise: str, how: bool | str) -> str:
    if body is None:
        return otherwise
    return plain_body(body, headers.get("content-type"), whole=how == "all")


def _html_or(body: bytes | None, headers: Headers, otherwise: str) -> Html:
    return note(otherwise) if body is None else html_body(body, headers.get("content-type"))


def _status_line(exchange: Exchange) -> str:
    return f"{exchange.status} {_reason(exchange)} ({_meaning(exchange)[0]})"


def _reason(exchange: Exchange) -> str:
    answer = exchange.response
    return " · ".join(part for part in (answer.reason, answer.http_version) if part) if answer else ""


def _meaning(exchange: Exchange) -> tuple[str, str]:
    return MEANING.get((exchange.status or 0) // 100, ("no known status", "warn"))


def _short(exchange: Exchange) -> tuple[str, str]:
    if exchange.status is None:
        return ("no answer", "bad")
    return (str(exchange.status), _meaning(exchange)[1])


def _cell(name: str, value: object) -> object:
    if name.endswith("_s"):
        return seconds(value) if isinstance(value, float) else "–"
    return "–" if value is None or value == "" else value
