"""Bodies for the eye: JSON with air, events one by one, text folded, bytes in hex. Nothing is changed or left out.

JSON is re-spaced as text, not parsed and written again: repeated keys, long numbers and escapes stay as they came.
"""

from __future__ import annotations

import json
import re
from typing import Any

from labkit.view.html import Html, badge, details, folded, join, note, pre, visible
from labkit.wire.bodies import text_of
from labkit.wire.sse import Event, sse_events

LINE = 96  # characters; a JSON value that fits is kept on one line
PLAIN_CHARACTERS = 4000  # of a body in plain text, unless all of it is asked for
FIRST_EVENTS, LAST_EVENTS = 8, 3
HEX_BYTES = 256  # in sight; the rest is folded

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def plain_body(body: bytes, content_type: str = "", *, whole: bool = False) -> str:
    """A body as plain text. whole: print all of it, however long."""
    if not body:
        return "(no body)"
    if _is_stream(content_type):
        return _plain_events(list(sse_events([body])), whole)
    text, remark = text_of(body, content_type)
    head = f"({remark})\n" if remark and text is not None else ""
    if text is None:
        text, head = _hex(body if whole else body[:HEX_BYTES]), f"({len(body):,} bytes, {_kind(content_type)})\n"
        return head + text + ("" if whole or len(body) <= HEX_BYTES else f"\n{_more(len(body) - HEX_BYTES, 'bytes')}")
    text = visible(pretty(text) or text)
    if whole or len(text) <= PLAIN_CHARACTERS:
        return head + text
    return f"{head}{text[:PLAIN_CHARACTERS]}\n{_more(len(text) - PLAIN_CHARACTERS, 'characters')}"


def html_body(body: bytes, content_type: str = "") -> Html:
    """A body as HTML: all of it, what is long folded."""
    if not body:
        return note("(no body)")
    if _is_stream(content_type):
        return _html_events(list(sse_events([body])))
    text, remark = text_of(body, content_type)
    if text is None:
        head = note(f"{len(body):,} bytes, {_kind(content_type)}")
        rest = [details(f"{len(body) - HEX_BYTES:,} more bytes", pre(_hex(body[HEX_BYTES:], HEX_BYTES)))]
        return join([head, pre(_hex(body[:HEX_BYTES])), *(rest if len(body) > HEX_BYTES else [])])
    return join([*([note(remark)] if remark else []), folded(pretty(text) or text)])


def pretty(text: str, line: int = LINE) -> str | None:
    """JSON with line breaks and indents where it is long; None when `text` is not JSON.

    >>> print(pretty('{"b":[1,2.50],"a":"x"}', line=12))
    {
      "b": [1, 2.50],
      "a": "x"
    }
    """
    try:
        json.loads(text)
        tokens = _TOKEN.findall(text)
        node, _ = _node(tokens, 0)
        return _laid_out(node, "", line)
    except (ValueError, RecursionError):
        return None


def _node(tokens: list[str], at: int) -> tuple[Any, int]:
    """Scalars as their text, containers as (opening sign, [(key or '', node), …])."""
    token = tokens[at]
    if token not in "{[":
        return token, at + 1
    items: list[tuple[str, Any]] = []
    at += 1
    while tokens[at] not in "}]":
        key = ""
        if token == "{":
            key, at = f"{tokens[at]}: ", at + 2
        item, at = _node(tokens, at)
        items.append((key, item))
        at += tokens[at] == ","
    return (token, items), at + 1


def _flat(node: Any) -> str:
    if isinstance(node, str):
        return node
    sign: str = node[0]
    items: list[tuple[str, Any]] = node[1]
    return sign + ", ".join(key + _flat(item) for key, item in items) + ("}" if sign == "{" else "]")


def _laid_out(node: Any, indent: str, line: int) -> str:
    flat = _flat(node)
    if isinstance(node, str) or len(indent) + len(flat) <= line:
        return flat
    sign, items = node
    inner = indent + "  "
    if all(isinstance(item, str) and not key for key, item in items):  # a list of plain values fills its lines
        lines = [inner]
        for _, item in items:
            if len(lines[-1]) + len(item) > line and lines[-1] != inner:
                lines.append(inner)
            lines[-1] += f"{item}, "
        body = "\n".join(text.rstrip() for text in lines).rstrip(",")
    else:
        body = ",\n".join(f"{inner}{key}{_laid_out(item, inner, line)}" for key, item in items)
    return f"{sign}\n{body}\n{indent}{'}' if sign == '{' else ']'}"


def _plain_events(events: list[Event], whole: bool) -> str:
    lines = [f"[{number}] {_said(event)}" for number, event in enumerate(events, 1)]
    hidden = len(lines) - FIRST_EVENTS - LAST_EVENTS
    if hidden > 1 and not whole:
        lines[FIRST_EVENTS:-LAST_EVENTS] = [_more(hidden, "events")]
    if not whole:
        lines = [
            line if len(line) <= PLAIN_CHARACTERS else f"{line[:PLAIN_CHARACTERS]} {_more(len(line), 'characters')}"
            for line in lines
        ]
    return "\n".join(lines)


def _html_events(events: list[Event]) -> Html:
    rows = [_event_row(number, event) for number, event in enumerate(events, 1)]
    hidden = len(rows) - FIRST_EVENTS - LAST_EVENTS
    if hidden > 1:
        rows[FIRST_EVENTS:-LAST_EVENTS] = [details(f"{hidden} more events", join(rows[FIRST_EVENTS:-LAST_EVENTS]))]
    return join(rows)


def _event_row(number: int, event: Event) -> Html:
    kind = "" if event.kind == "data" else join([" ", badge(event.kind)])
    return Html(
        '<div style="display: flex; border-top: 1px solid #8c8c8c55; padding: 2px 0">'
        f'<div style="min-width: 40px; font-size: 12px">{number}</div>'
        f'<div style="flex-grow: 1; min-width: 0">{folded(_said(event))}{kind}</div></div>'
    )


def _said(event: Event) -> str:
    """The block as it came, without the blank line at its end."""
    text = event.raw.decode("utf-8", "replace").rstrip("\r\n")
    return visible(text) if text else "(a blank line)"


def _hex(body: bytes, start: int = 0) -> str:
    rows = []
    for at in range(0, len(body), 16):
        row = body[at : at + 16]
        letters = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in row)
        rows.append(f"{start + at:08x}  {row.hex(' '):<47}  {letters}")
    return "\n".join(rows)


def _is_stream(content_type: str) -> bool:
    return content_type.split(";")[0].strip().lower() == "text/event-stream"


def _kind(content_type: str) -> str:
    return visible(content_type.split(";")[0].strip()) or "binary"


def _more(count: int, what: str) -> str:
    return f'… {count:,} more {what}: print(show(…, body="all"))'
