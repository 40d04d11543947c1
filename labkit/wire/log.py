"""The log: every exchange that passed `lab.client`, in the order in which the calls began."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from labkit.keys import scrub
from labkit.wire.exchange import Exchange
from labkit.wire.sse import timed_events

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("call", "time", "place", "provider", "model", "status"),
    *("tokens_in", "tokens_out", "cost_usd", "first_byte_s", "first_token_s", "total_s", "state"),
)
Cost = Callable[[Exchange], "Decimal | None"]


class ExchangeLog(Sequence[Exchange]):
    """A list of exchanges that several threads may add to: `log[-1]`, `len(log)`, `for exchange in log`.

    html: makes the table that a notebook shows, given the exchanges and their costs (by whoever puts the lab
        together); without it a notebook shows the plain one.
    cost: what a call costs at its provider's price, in USD; None where that is not known.
    """

    def __init__(
        self,
        html: Callable[[Sequence[Exchange], Sequence[Decimal | None]], str] | None = None,
        cost: Cost | None = None,
    ) -> None:
        self._exchanges: list[Exchange] = []
        self._lock = threading.Lock()
        self._html, self._cost = html, cost

    def cost_usd(self, exchange: Exchange) -> Decimal | None:
        """What a call costs at its provider's price, whether it was paid (live) or not (local); None when unknown."""
        return self._cost(exchange) if self._cost is not None else None

    def add(self, exchange: Exchange) -> None:
        """Put an exchange at the end; it may still be open."""
        with self._lock:
            self._exchanges.append(exchange)

    def arrange(self, start: int) -> None:
        """Put the exchanges from number `start` on into the order in which they began: several threads added them."""
        with self._lock:
            self._exchanges[start:] = sorted(self._exchanges[start:], key=lambda one: one.started_at or 0.0)

    def clear(self) -> None:
        """Forget all exchanges."""
        with self._lock:
            self._exchanges.clear()

    def table(self) -> pd.DataFrame:
        """One row an exchange, as a DataFrame: see `COLUMNS`; times in seconds, unknown is NaN or None.

        time: when the call began, UTC.  cost_usd: at the provider's price; a call that stayed on this machine was
        free.  first_byte_s: until the answer's headers.  first_token_s: of a stream, until its first text.
        """
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=list(COLUMNS))

    def _rows(self) -> list[dict[str, object]]:
        return [row_of(number, exchange, self.cost_usd(exchange)) for number, exchange in enumerate(self)]

    def har(self) -> dict[str, Any]:
        """The log as a HAR 1.2 object."""
        from labkit.wire.har import har

        return har(self)

    def save_har(self, path: str | Path) -> Path:
        """Write the log as a HAR file, which a browser's network tab opens; returns its path. Raises StorageError."""
        from labkit.wire.har import save_har

        return save_har(self, path)

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> list[Exchange]: ...
    def __getitem__(self, index: int | slice) -> Exchange | list[Exchange]:
        with self._lock:
            return self._exchanges[index]

    def __len__(self) -> int:
        with self._lock:
            return len(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        with self._lock:
            return iter(list(self._exchanges))

    def __str__(self) -> str:
        if not len(self):
            return "no calls yet: send one with lab.client(...)"
        rows = [[column.removesuffix("_s") for column in COLUMNS]]
        rows += [[_cell(name, value) for name, value in row.items()] for row in self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return scrub("\n".join(lines))

    __repr__ = __str__

    def _repr_html_(self) -> str | None:
        exchanges = list(self)
        return self._html(exchanges, [self.cost_usd(each) for each in exchanges]) if self._html is not None else None


def row_of(number: int, exchange: Exchange, cost_usd: Decimal | None = None) -> dict[str, object]:
    """What a table says of one exchange, by `COLUMNS`; None is unknown."""
    tokens_in, tokens_out = exchange.tokens
    began = exchange.started_at
    return {
        "call": number,
        "time": datetime.fromtimestamp(began, UTC) if began is not None else None,
        "place": exchange.place,
        "provider": exchange.provider,
        "model": exchange.model,
        "status": exchange.status,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost_usd": float(cost_usd) if cost_usd is not None else None,
        "first_byte_s": exchange.timings.first_byte_s,
        "first_token_s": first_token_s(exchange),
        "total_s": exchange.timings.total_s,
        "state": exchange.error.kind if exchange.error else exchange.state,
    }


def first_token_s(exchange: Exchange) -> float | None:
    """Seconds from the start of a streamed call until its first piece of text, working or tool call was here.

    None for an answer that is no stream, whose times were not recorded, or in which nothing came.
    """
    if exchange.response is None or not exchange.chunks:
        return None
    if exchange.response.is_stream:
        return next((t_s for t_s, event in timed_events(exchange.chunks) if _holds_text(event.data)), None)
    if "ndjson" in exchange.response.headers.get("content-type"):
        return next((t_s for t_s, part in exchange.chunks if any(map(_holds_text, _lines(part)))), None)
    return None


def _lines(part: bytes) -> list[str]:
    return part.decode("utf-8", "replace").splitlines()


def _holds_text(data: str) -> bool:
    """Whether an event's JSON brings a piece of the answer, in any of the dialects."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if not isinstance(said, dict):
        return False
    choices = said.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    holders = (first.get("delta"), first.get("message"), said.get("delta"), said.get("message"), first, said)
    names = ("content", "text", "reasoning", "reasoning_content", "thinking", "tool_calls", "partial_json", "response")
    return any(isinstance(holder, dict) and any(holder.get(name) for name in names) for holder in holders)


def seconds(value_s: float | None) -> str:
    """A duration in the one form in which the lab writes it, '12 ms' or '1.3 s'; 'not recorded' for None.

    >>> seconds(0.0123), seconds(1.34), seconds(None)
    ('12 ms', '1.3 s', 'not recorded')
    """
    if value_s is None:
        return "not recorded"
    return f"{value_s * 1000:.0f} ms" if value_s < 0.9995 else f"{value_s:.1f} s"


def _cell(name: str, value: object) -> str:
    if name.endswith("_s"):
        return seconds(value) if isinstance(value, float) else "-"
    if isinstance(value, datetime):
        return f"{value:%H:%M:%S}"
    if name == "cost_usd" and isinstance(value, float):
        return f"{value:.2g}" if value < 0.0001 and value else f"{value:.6f}".rstrip("0").rstrip(".")
    return "-" if value is None or value == "" else "".join(c if c.isprintable() else "?" for c in str(value))
