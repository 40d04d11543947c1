"""The log: every exchange that passed `lab.client`, in the order in which the calls began."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from labkit.keys import scrub
from labkit.wire.exchange import Exchange

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("call", "place", "provider", "model", "status"),
    *("tokens_in", "tokens_out", "first_byte_s", "total_s", "state"),
)


class ExchangeLog(Sequence[Exchange]):
    """A list of exchanges that several threads may add to: `log[-1]`, `len(log)`, `for exchange in log`.

    html: makes the table that a notebook shows (given by whoever puts the lab together); without it a notebook
    shows the plain one.
    """

    def __init__(self, html: Callable[[Sequence[Exchange]], str] | None = None) -> None:
        self._exchanges: list[Exchange] = []
        self._lock = threading.Lock()
        self._html = html

    def add(self, exchange: Exchange) -> None:
        """Put an exchange at the end; it may still be open."""
        with self._lock:
            self._exchanges.append(exchange)

    def clear(self) -> None:
        """Forget all exchanges."""
        with self._lock:
            self._exchanges.clear()

    def table(self) -> pd.DataFrame:
        """One row an exchange, as a DataFrame: see `COLUMNS`; times in seconds, unknown is NaN or None."""
        import pandas as pd

        return pd.DataFrame([row_of(number, exchange) for number, exchange in enumerate(self)], columns=list(COLUMNS))

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
        rows += [[_cell(name, value) for name, value in row_of(n, exchange).items()] for n, exchange in enumerate(self)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return scrub("\n".join(lines))

    __repr__ = __str__

    def _repr_html_(self) -> str | None:
        return self._html(list(self)) if self._html is not None else None


def row_of(number: int, exchange: Exchange) -> dict[str, object]:
    """What a table says of one exchange, by `COLUMNS`; None is unknown."""
    tokens_in, tokens_out = exchange.tokens
    return {
        "call": number,
        "place": exchange.place,
        "provider": exchange.provider,
        "model": exchange.model,
        "status": exchange.status,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "first_byte_s": exchange.timings.first_byte_s,
        "total_s": exchange.timings.total_s,
        "state": exchange.error.kind if exchange.error else exchange.state,
    }


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
    return "-" if value is None or value == "" else "".join(c if c.isprintable() else "?" for c in str(value))
