"""`show`: a call as it went over the wire, request and response, headers and bodies, times."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from labkit.cost import shown_usd
from labkit.errors import ParameterError
from labkit.keys import scrub
from labkit.view.bodies import html_body, plain_body
from labkit.view.fields import FieldNote, answer_notes, request_notes
from labkit.view.html import Html, badge, card, details, indented, join, note, opening, pre, table, visible
from labkit.view.html import beside as side_by_side
from labkit.view.timeline import steps_of, timeline_html, timeline_text
from labkit.wire import Exchange, Headers
from labkit.wire.log import row_of, seconds

if TYPE_CHECKING:
    from decimal import Decimal

    from labkit.facts import Provider

# What a status of this hundred means, in a word, and its tone.
MEANING = {
    1: ("interim", "info"),
    2: ("success", "good"),
    3: ("redirect", "info"),
    4: ("refused, see the request", "warn"),
    5: ("failed at the server", "bad"),
}
BRIEF = 3000  # characters of a body beneath a row of the log
COLUMN = 64  # characters of each of two columns of plain text
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


def show(
    source: Any,
    *,
    body: bool | str = True,
    headers: bool | Iterable[str] = True,
    explain: bool | str | Iterable[str] = False,
    timeline: bool = False,
    beside: bool = False,
    facts: Mapping[str, Provider] | None = None,
) -> View:
    """How the call behind `source` looked on the wire, without its key.

    source: a response, a request or an exception of httpx, httpx2 or an SDK built on them, or an exchange of lab.log.
    body: False leaves bodies out; 'all' prints them whole in plain text too, where long ones are else cut short
        (HTML folds them and leaves nothing out).
    headers: False leaves them out; names show only these.
    explain: what the fields mean, in plain text too (HTML has it folded): True for all, names for these. Each with its
        meaning, its range, what this provider makes of it, and the source.
    timeline: when what happened, as bars in plain text too (HTML has it folded).
    beside: plain text in two columns, the request on the left; HTML is so where there is room.
    facts: what is known of the providers; those of the lab's moment unless given.
    Raises LabError for something that holds no exchange. A body that was not read stays unread.
    """
    if not isinstance(body, bool) and body != "all":
        raise ParameterError(f"body={body!r}", where="show", right="It is True, False or 'all'")
    exchange = Exchange.of(source)
    notes = (request_notes(exchange, _known(exchange, facts)), answer_notes(exchange))
    closing = [*_explained(notes, explain), *(["", timeline_text(exchange)] if timeline else [])]
    plain = [*_plain(exchange, body, headers, beside), *(visible(line) for line in closing)]
    return View("\n".join(plain), join(_html(exchange, body, headers, notes)))


LOG_PX = (32, 64, 84, 170, 96, 64, 64, 84, 76, 72)
OPENABLE = 100  # of the newest calls; what is older is told in its row alone


def log_html(exchanges: Sequence[Exchange], costs: Sequence[Decimal | None] = ()) -> str:
    """The log as an HTML table whose rows open, for `ExchangeLog(html=log_html)`. costs: one for each, in USD."""
    if not exchanges:
        return note("no calls yet: send one with lab.client(...)")
    rows: list[tuple[list[object], str]] = []
    for number, exchange in enumerate(exchanges):
        cost = costs[number] if number < len(costs) else None
        row = row_of(number, exchange, cost)
        counted = [row["tokens_in"], row["tokens_out"]]
        cells: list[object] = [number, f"{row['time']:%H:%M:%S}" if row["time"] is not None else "–"]
        cells += [_cell("", row["provider"] or row["place"]), _cell("", row["model"]), badge(*_short(exchange))]
        cells += [_cell("", value) for value in counted]
        cells += [shown_usd(cost).removesuffix(" USD") if cost is not None else "–"]
        cells += [_cell("first_s", row["first_token_s"] or row["first_byte_s"]), _cell("total_s", row["total_s"])]
        rows.append((cells, _opened(exchange) if number >= len(exchanges) - OPENABLE else note("not kept open here")))
    head = ["", "time (UTC)", "provider", "model", "status", "tokens in", "out", "cost, USD", "first", "total"]
    said = (
        "A row opens when clicked; show(lab.log[-1]) shows the last call whole. first: until the first text of a "
        "stream, else the first byte. cost: at the provider's price; calls that stayed on this machine were free."
    )
    return scrub(join([opening(rows, head, LOG_PX), note(said)]))


def _opened(exchange: Exchange) -> str:
    """An exchange in short, beneath its row: what was sent and what came, long bodies cut."""
    sent, answer = exchange.request, exchange.response
    left = [note(f"{sent.method} {sent.url}".strip()), pre(_brief(sent.body, sent.headers))]
    right = [note(_status_line(exchange) if answer is not None else str(exchange.error or "no answer"))]
    if answer is not None:
        right.append(pre(_brief(answer.body, answer.headers)))
    if exchange.error is not None:
        right.append(pre("\n".join([str(exchange.error), *exchange.error.causes])))
    return join([side_by_side([join(left), join(right)]), *map(note, _closing(exchange)), timeline_html(exchange)])


def _brief(body: bytes | None, headers: Headers) -> str:
    return plain_body(body, headers.get("content-type"))[:BRIEF] if body else "(no body)"


def _known(exchange: Exchange, facts: Mapping[str, Provider] | None) -> Mapping[str, Provider] | None:
    """The facts of the provider that the call went to, or None."""
    if facts is not None or not exchange.provider or not isinstance(exchange.request.json(), dict):
        return facts
    from labkit import facts as facts_module

    path = facts_module.CONFIGS / "providers" / f"{exchange.provider}.yaml"
    if not re.fullmatch(r"[a-z0-9-]+", exchange.provider) or not path.is_file():
        return None
    return {exchange.provider: facts_module.load_file(path, facts_module.course_moment())}


def _explained(
    notes: tuple[Sequence[FieldNote], Sequence[FieldNote]], which: bool | str | Iterable[str]
) -> Iterator[str]:
    """The fields in plain text: all, or those whose path or last name was asked for."""
    if which is False:
        return
    names = None if which is True else {which} if isinstance(which, str) else set(which)
    for title, part in zip(("Fields of the request", "Fields of the answer"), notes, strict=True):
        chosen = [n for n in part if names is None or n.path in names or n.path.split(".")[-1] in names]
        if chosen:
            yield from ("", title)
        for each in chosen:
            yield f"  {each.path} = {each.value}"
            yield from (f"    {what + ':':<9}{words}" for what, words in each.lines())


def _folded_notes(title: str, notes: Sequence[FieldNote]) -> Html:
    """The fields as blocks that open one by one."""
    if not notes:
        return Html()
    inner = [details(f"{n.path} = {n.value}", table(n.lines())) for n in notes]
    return details(title, indented(join(inner)))


def _plain(exchange: Exchange, body: bool | str, headers: bool | Iterable[str], beside: bool = False) -> Iterable[str]:
    left, right = list(_plain_sent(exchange, body, headers)), list(_plain_came(exchange, body, headers))
    if beside:
        yield from _columns(left, right)
        yield ""
    else:
        yield from left
        yield ""
        yield from right
        if right:
            yield ""
    yield from (visible(line) for line in _closing(exchange))


def _plain_sent(exchange: Exchange, body: bool | str, headers: bool | Iterable[str]) -> Iterable[str]:
    sent = exchange.request
    yield visible(f"{sent.method} {sent.url}".strip())
    yield from (visible(f"{name}: {value}") for name, value in _chosen(sent.headers, headers))
    if body and sent.body != b"":
        yield ""
        yield _plain_or(sent.body, sent.headers, "(body sent as a stream, not kept)", body)


def _plain_came(exchange: Exchange, body: bool | str, headers: bool | Iterable[str]) -> Iterable[str]:
    answer = exchange.response
    if answer is None:
        return
    yield visible(_status_line(exchange))
    yield from (visible(f"{name}: {value}") for name, value in _chosen(answer.headers, headers))
    if body:
        yield ""
        yield _plain_or(answer.body, answer.headers, f"({NO_BODY.get(exchange.state, 'no body')})", body)


def _columns(left: Sequence[str], right: Sequence[str]) -> Iterator[str]:
    """Two texts side by side, long lines wrapped."""
    parts = [
        [
            line
            for text in side
            for whole in text.split("\n")
            for line in textwrap.wrap(whole, COLUMN, replace_whitespace=False, drop_whitespace=False) or [""]
        ]
        for side in (left, right)
    ]
    for one, other in zip_longest(*parts, fillvalue=""):
        yield f"{one:<{COLUMN}} │ {other}".rstrip()


def _html(
    exchange: Exchange,
    body: bool | str,
    headers: bool | Iterable[str],
    notes: tuple[Sequence[FieldNote], Sequence[FieldNote]],
) -> Iterable[Html]:
    sent, answer = exchange.request, exchange.response
    title = join([badge(sent.method or "request", "info"), " ", sent.url])
    inside = [_html_headers(_chosen(sent.headers, headers))]
    if body and sent.body != b"":
        inside.append(_html_or(sent.body, sent.headers, "body sent as a stream, not kept"))
    inside.append(_folded_notes("what each field of the request means", notes[0]))
    blocks = [card(title, join(inside), "info")]
    if answer is not None:
        word, tone = _meaning(exchange)
        title = join([badge(answer.status, tone), f" {_reason(exchange)} ", badge(word, tone)])
        inside = [_html_headers(_chosen(answer.headers, headers))]
        if body:
            inside.append(_html_or(answer.body, answer.headers, NO_BODY.get(exchange.state, "no body")))
        inside.append(_folded_notes("what each field of the answer means", notes[1]))
        blocks.append(card(title, join(inside), tone))
    if exchange.error is not None:
        blocks.append(
            card(join([badge("error", "bad"), f" {exchange.error}"]), pre("\n".join(exchange.error.causes)), "bad")
        )
    yield side_by_side(blocks)
    yield from (note(line) for line in _closing(exchange) if not line.startswith(("error:", "  beneath:")))
    if exchange.state != "not sent" and steps_of(exchange):
        yield timeline_html(exchange)


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
