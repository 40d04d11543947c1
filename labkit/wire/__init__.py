"""The wire: what was sent, what came back, and when.

`RecordingTransport` is the one seam through which `lab.client` sends; it makes an `Exchange` of every call and keeps
it in an `ExchangeLog`. `Exchange.of` makes one of any response or exception shaped like httpx's. `events` reads
server-sent events. Nothing here decides how an exchange looks; that is `labkit.view`.
"""

from __future__ import annotations

from labkit.wire.exchange import Answer, Exchange, Failure, Headers, Sent, Timings
from labkit.wire.gate import Route, placeholder
from labkit.wire.log import ExchangeLog
from labkit.wire.sse import Event, EventParser, events, sse_events, timed_events
from labkit.wire.transport import AsyncRecordingTransport, RecordingTransport

__all__ = [
    "Answer",
    "AsyncRecordingTransport",
    "Event",
    "EventParser",
    "Exchange",
    "ExchangeLog",
    "Failure",
    "Headers",
    "RecordingTransport",
    "Route",
    "Sent",
    "Timings",
    "events",
    "placeholder",
    "sse_events",
    "timed_events",
]
