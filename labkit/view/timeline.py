"""When what happened in a call: connecting, TLS, waiting, the pieces of the answer, the end.

Times are those that `lab.client` recorded; of any other response there is nothing to draw, and it says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labkit.view.html import TONES, Html, details, escape, note, table
from labkit.wire import Exchange
from labkit.wire.log import first_token_s, seconds

WIDTH = 40  # signs of a whole bar in plain text
MOST_TICKS = 60
NOT_RECORDED = "The timeline is not recorded: only calls by lab.client have one."


@dataclass(frozen=True)
class Step:
    """From when to when, in seconds since the call began. tone: of its bar."""

    name: str
    start_s: float
    end_s: float
    tone: str = "info"
    remark: str = ""


def steps_of(exchange: Exchange) -> list[Step]:
    """The steps of a call in order; [] when they were not recorded."""
    times = exchange.timings
    if times.first_byte_s is None and (times.total_s is None or exchange.started_at is None):
        return []
    steps, at = [], 0.0
    if times.connect_s is not None:
        steps.append(Step("connect", at, times.connect_s, "plain", "name look-up and TCP"))
        at = times.connect_s
    if times.tls_s is not None:
        steps.append(Step("TLS", at, at + times.tls_s, "plain", "handshake"))
        at += times.tls_s
    end = times.total_s
    first = times.first_byte_s
    reused = "on an open connection" if times.reused else ""
    if first is not None:
        steps.append(Step("wait", at, first, "warn", f"until the first byte{', ' + reused if reused else ''}"))
    pieces = [t_s for t_s, part in exchange.chunks if part]
    if first is not None and end is not None:
        stream = exchange.response is not None and exchange.response.is_stream
        token = first_token_s(exchange) if stream else None
        said = f"{len(pieces)} pieces" + (f", the first text after {seconds(token)}" if token is not None else "")
        steps.append(
            Step("tokens" if stream else "body", first, end, "good", said if stream else "until the last byte")
        )
    if end is not None:
        broke = exchange.error is not None or exchange.state == "cut"
        steps.append(Step("end", end, end, "bad" if broke else "good", "broke off" if broke else "complete"))
    return steps


def timeline_text(exchange: Exchange) -> str:
    """A line a step: its name, its place in the whole as a bar, when it was over."""
    steps = steps_of(exchange)
    if not steps:
        return NOT_RECORDED
    whole = max(step.end_s for step in steps) or 1e-9
    return "\n".join(
        f"{step.name:<8}▏{_placed(step, whole)}▕ {_span(step)}{'  ' + step.remark if step.remark else ''}"
        for step in steps
    )


def timeline_html(exchange: Exchange) -> Html:
    """The same as bars, the pieces of a stream as ticks, closed until clicked; a remark when nothing was recorded."""
    steps = steps_of(exchange)
    if not steps:
        return note(NOT_RECORDED)
    whole = max(step.end_s for step in steps) or 1e-9
    ticks = _ticks(exchange, whole)
    rows = [
        [step.name, _bar(step, whole, ticks if step.name == "tokens" else ()), _span(step), step.remark]
        for step in steps
    ]
    return details("timeline", table(rows, numbers=(2,)))


def _span(step: Step) -> str:
    return f"at {seconds(step.end_s)}" if step.name == "end" else seconds(step.end_s - step.start_s)


def _placed(step: Step, whole: float) -> str:
    start = min(int(step.start_s / whole * WIDTH), WIDTH - 1)
    length = max(1, round((step.end_s - step.start_s) / whole * WIDTH))
    length = min(length, WIDTH - start)
    return " " * start + "█" * length + " " * (WIDTH - start - length)


def _bar(step: Step, whole: float, ticks: tuple[float, ...]) -> Html:
    """Spacer, bar and spacer, as wide as their shares; ticks are thin lines in the bar."""
    start, end = step.start_s / whole, step.end_s / whole
    inside = "".join(_ticked(ticks)) if ticks else ""
    return Html(
        '<div style="display: flex; width: 320px; max-width: 100%; height: 12px; border-left: 1px solid #8c8c8c55; '
        'border-right: 1px solid #8c8c8c55; margin-top: 3px">'
        f'{_share(start)}<div style="flex-grow: {max(end - start, 0.004):.4f}; height: 12px; '
        f'background-color: {TONES[step.tone]}; border-radius: 2px; display: flex; min-width: 2px">{inside}</div>'
        f"{_share(1 - end)}</div>"
    )


def _share(share: float, inner: str = "") -> str:
    return f'<div style="flex-grow: {max(share, 0.0):.4f}">{escape(inner)}</div>'


def _ticks(exchange: Exchange, whole: float) -> tuple[float, ...]:
    """Where in the stream's own span (0 to 1) pieces came, thinned to at most MOST_TICKS."""
    first = exchange.timings.first_byte_s or 0.0
    span = whole - first
    places = [min(max((t_s - first) / span, 0.0), 1.0) for t_s, part in exchange.chunks if part] if span > 0 else []
    step = max(1, -(-len(places) // MOST_TICKS))
    return tuple(places[::step])


def _ticked(ticks: tuple[float, ...]) -> Iterator[str]:
    before = 0.0
    for place in ticks:
        yield _share(place - before)
        yield '<div style="width: 1px; height: 12px; background-color: #ffffffaa"></div>'
        before = place
    yield _share(1 - before)
