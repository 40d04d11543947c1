"""The exchange: one request, its answer, the times between, as plain values without any key.

It owns the values and what can be read out of them (JSON, model, usage). How they are captured is in `capture` and
`transport`; how they look is in `labkit.view`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from labkit.keys import mask_header, scrub
from labkit.keys.masks import may_hide
from labkit.keys.scrub import Scrubber
from labkit.wire.sse import sse_events


class Headers:
    """Header lines in their order and spelling, keys masked: iterate for (name, value), `.get(name)` for one.

    Names are looked up in any case; of a repeated one `get` gives the first.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        """Masks as it takes them in, so that no unmasked Headers exist."""
        self._lines = tuple([(name, mask_header(name, value) if may_hide(name) else value) for name, value in lines])

    def get(self, name: str, default: str = "") -> str:
        """The value of the header `name`, or `default`."""
        name = name.lower()
        return next((value for key, value in self._lines if key.lower() == name), default)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key.lower() == name.lower() for key, _ in self._lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(self._lines)

    def __repr__(self) -> str:
        return f"Headers({list(self._lines)!r})"


@dataclass(frozen=True, slots=True)
class Sent:
    """The request as it was sent. body: its bytes, or None when it was streamed and nobody kept it."""

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    body: bytes | None = b""

    def json(self) -> Any:
        """The body as JSON, or None when it is not JSON."""
        return _json(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """The response. body: its bytes, decompressed; None when it was not read yet, or read without being kept."""

    status: int
    reason: str = ""
    http_version: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the body is server-sent events, by its content type."""
        return self.headers.get("content-type").split(";")[0].strip().lower() == "text/event-stream"

    def json(self) -> Any:
        """The body as JSON, or None when it is not JSON."""
        return _json(self.body)


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds; None is 'not recorded', which is so for whatever did not pass `lab.client`.

    connect_s: name look-up and TCP connection.  tls_s: the TLS handshake.  Both durations, None on a reused
    connection.  first_byte_s: from the start of the call until the answer's headers had come.  total_s: from the start
    until the last byte.  reused: whether an open connection was used again.
    """

    connect_s: float | None = None
    tls_s: float | None = None
    first_byte_s: float | None = None
    total_s: float | None = None
    reused: bool | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception instead of an answer, or in the middle of one.

    kind: the exception's class name.  message: its text, without keys.  causes: what lay beneath, outermost first,
    as 'ClassName: text'.
    """

    kind: str
    message: str
    causes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


@dataclass(eq=False, repr=False)
class Exchange:
    """One call: `request`, `response` (None when none came), `chunks`, `timings`, `error`, `provider`, `place`.

    state: 'complete'; 'open' while the body is still being read; 'unread' for a response whose body nobody has read;
        'streamed' for one that was read piece by piece outside `lab.client`, where nothing is kept; 'cut' when the
        reader stopped or the connection broke half-way; 'failed' when no answer came; 'not sent' for a mere request.
    place: 'local', 'live' or 'self-hosted'; '' when that cannot be told.
    started_at: seconds since 1970 by the real clock, or None when not recorded.
    moment: the time by which it is priced: the lab's for a local call, the calendar's for a live one; None: not priced.
    held_usd: what was set aside for it before it was sent; None for what costs nothing.
    No key is in here: headers, addresses and bodies are cleaned when they are captured.
    """

    request: Sent
    response: Answer | None = None
    timings: Timings = Timings()
    error: Failure | None = None
    provider: str = ""
    place: str = ""
    state: str = "complete"
    started_at: float | None = None
    moment: datetime | None = None
    held_usd: Decimal | None = None
    _parts: list[tuple[float, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, source: Any) -> Exchange:
        """The exchange behind a response, a request or an exception of httpx, httpx2 or an SDK built on them.

        What passed `lab.client` comes with all its times; anything else with what it still knows. A body that was
        not read yet is left unread. Raises LabError for an object that holds no exchange.
        """
        from labkit.wire.capture import exchange_of

        return exchange_of(source)

    @property
    def chunks(self) -> tuple[tuple[float, bytes], ...]:
        """The body as it arrived: (t_s since the start of the call, decompressed bytes). Empty when not recorded."""
        parts = list(self._parts)
        if self.state != "open":
            return tuple(parts)
        clean = Scrubber().parts([part for _, part in parts])
        return tuple((t_s, part) for (t_s, _), part in zip(parts, clean, strict=True))

    @property
    def status(self) -> int | None:
        """The status code, or None when no answer came."""
        return self.response.status if self.response else None

    @property
    def model(self) -> str:
        """The model that was asked for, as the request spells it; '' when it names none."""
        asked = self.request.json()
        return str(asked.get("model") or "") if isinstance(asked, dict) else ""

    @property
    def lab_model(self) -> str:
        """The lab's model that really spoke (`x-lab-model`); '' when the answer is not the lab's."""
        return self.response.headers.get("x-lab-model") if self.response else ""

    @property
    def usage(self) -> dict[str, Any]:
        """The answer's own count of tokens, as it gave it; of a stream, all that its events said. {} when none."""
        if self.response is None or not self.response.body:
            return {}
        if not self.response.is_stream:
            return _usage_in(self.response.json())
        usage: dict[str, Any] = {}
        for event in sse_events([self.response.body]):
            if '"usage"' in event.data:
                usage.update(_usage_in(_json(event.data)))
        return usage

    @property
    def tokens(self) -> tuple[int | None, int | None]:
        """(tokens in, tokens out) of `usage`; None where the answer does not say."""
        usage = self.usage
        return _first_int(usage, "prompt_tokens", "input_tokens"), _first_int(
            usage, "completion_tokens", "output_tokens"
        )

    def __repr__(self) -> str:
        what = f"{self.request.method} {self.request.url}"
        came = self.status if self.status is not None else (self.error.kind if self.error else "no answer")
        return scrub(f"<Exchange {what} → {came}{'' if self.state == 'complete' else f', {self.state}'}>")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_parts": list(self.chunks)}


def _json(body: bytes | str | None) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _usage_in(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        return {}
    inner = body.get("message")  # Anthropic's stream begins with the count of the prompt, inside `message`
    usage = body.get("usage") or (inner.get("usage") if isinstance(inner, dict) else None)
    return usage if isinstance(usage, dict) else {}


def _first_int(usage: dict[str, Any], *names: str) -> int | None:
    return next((v for name in names if isinstance(v := usage.get(name), int) and not isinstance(v, bool)), None)
