"""Server-sent events: from bytes, cut anywhere, to events.

It follows the WHATWG rules for interpreting an event stream and keeps what they throw away: comments, blank lines
and an unfinished end come out as events of their own kind, each with its raw bytes, so that the raws joined are the
stream. It does not read what is inside `data`; that is JSON with most providers, and '[DONE]' at the end.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from labkit.errors import LabError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One block of an event stream, up to and with the blank line that ends it.

    kind: 'data' is what a browser would hand out; 'comment' is a block of comment lines alone (a keep-alive);
        'blank' is a blank line alone; 'fields' has fields but no data, and a browser drops it; 'unfinished' is what
        was left when the stream ended without a blank line, and a browser drops it too.
    data: the data lines joined by line feeds; for 'comment' the comment's text.
    event: the event's type, 'message' unless the server says otherwise.  id: the last id the server gave, or ''.
    raw: the bytes of the block as they came.
    """

    kind: str
    data: str
    event: str
    id: str
    raw: bytes


class EventParser:
    """Takes bytes as they come and gives back the events that they complete.

    >>> parser = EventParser()
    >>> parser.feed(b'data: {"a"'), [e.data for e in parser.feed(b': 1}\\n\\n')]
    ([], ['{"a": 1}'])
    """

    def __init__(self) -> None:
        self._rest = bytearray()  # bytes after the last whole line
        self._seen = 0  # of these, so many hold no line end
        self._first_line = True
        self._id = ""
        self._raw = bytearray()
        self._clear()

    def feed(self, data: bytes) -> list[Event]:
        """The events that end in `data`, of whatever length, cut wherever."""
        self._rest += data
        events: list[Event] = []
        start = 0
        while (end := _LINE_END.search(self._rest, max(start, self._seen))) is not None:
            if end.group() == b"\r" and end.end() == len(self._rest):
                break  # the other half of CRLF may be on its way
            event = self._take(bytes(self._rest[start : end.start()]), bytes(self._rest[start : end.end()]))
            if event is not None:
                events.append(event)
            start = end.end()
            self._seen = 0
        del self._rest[:start]
        self._seen = len(self._rest) - 1 if self._rest.endswith(b"\r") else len(self._rest)
        return events

    def close(self) -> list[Event]:
        """What is left at the end of the stream: nothing, or one block (see `Event.kind`)."""
        left = bytes(self._rest)
        self._rest.clear()
        self._seen = 0
        last = self._take(left.removesuffix(b"\r"), left) if left else None
        if last is None and self._raw:
            last = self._ended(unfinished=True)
        return [last] if last is not None else []

    def _take(self, line: bytes, raw: bytes) -> Event | None:
        self._raw += raw
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._ended()
        # UTF-8 never has a CR or LF byte inside a character, so a line can be decoded by itself.
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if not name and colon:
            self._comments.append(value)
            return None
        self._fields = True
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        # 'retry' tells a browser how long to wait before it connects again; any other name is ignored.
        return None

    def _ended(self, *, unfinished: bool = False) -> Event:
        text = "\n".join(self._data)
        if self._data:
            kind = "data"
        elif self._fields:
            kind = "fields"
        elif self._comments:
            kind, text = "comment", "\n".join(self._comments)
        else:
            kind = "blank"
        event = Event("unfinished" if unfinished else kind, text, self._event or "message", self._id, bytes(self._raw))
        self._clear()
        return event

    def _clear(self) -> None:
        self._data: list[str] = []
        self._comments: list[str] = []
        self._fields = False
        self._event = ""
        self._raw = bytearray()


def sse_events(parts: Iterable[bytes]) -> Iterator[Event]:
    """The events in a stream of bytes, each as soon as it is complete; the same wherever the bytes are cut.

    >>> [(e.kind, e.data) for e in sse_events([b": keep-alive\\n\\nda", b"ta: [DONE]\\n\\n"])]
    [('comment', 'keep-alive'), ('data', '[DONE]')]
    """
    parser = EventParser()
    for part in parts:
        yield from parser.feed(part)
    yield from parser.close()


def events(source: Any) -> Iterator[Event]:
    """The server-sent events of a response, an exchange, bytes or parts of bytes.

    A response whose body was not read yet is read here, event by event as they arrive (inside
    `with httpx.stream(...) as response:`). Raises LabError for anything else.
    """
    if isinstance(source, str):
        source = source.encode("utf-8")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return sse_events([bytes(source)])
    if hasattr(source, "chunks") and hasattr(source, "timings"):
        return sse_events(part for _, part in source.chunks)
    if hasattr(source, "status_code") and hasattr(source, "iter_bytes"):
        stream = getattr(source, "stream", None)
        if hasattr(stream, "__aiter__") and not hasattr(stream, "__iter__") and not source.is_stream_consumed:
            raise LabError(
                "this response belongs to an async client",
                where="events",
                do="Feed it yourself: `parser = EventParser()`, then `parser.feed(part)` for each part of "
                "`async for part in response.aiter_bytes()`",
            )
        return sse_events(source.iter_bytes())
    if isinstance(source, Iterable) and not isinstance(source, dict):
        return sse_events(source)
    raise LabError(
        f"events() cannot read a {type(source).__name__}",
        where="events",
        right="Give it a response, an exchange of lab.log, or bytes",
    )


def timed_events(parts: Iterable[tuple[float, bytes]]) -> Iterator[tuple[float, Event]]:
    """The events of `Exchange.chunks`, each with the time at which its last byte had arrived: (t_s, event)."""
    parser = EventParser()
    t_s = 0.0
    for t_s, part in parts:
        for event in parser.feed(part):
            yield t_s, event
    for event in parser.close():
        yield t_s, event
