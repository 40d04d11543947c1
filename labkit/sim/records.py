"""What the local providers remember of each request: their own log, which exercises judge by. Keys are never in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from labkit.keys import scrub

KEY_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"})


@dataclass
class Record:
    """One request and what became of it.

    moment: lab time, ISO 8601.  path: as the provider sees it.  body: the JSON sent, or None.
    params: what took effect, defaults included.
    status, model, finish_reasons and the token counts are filled as the answer is made; None is 'did not come so far'.
    gone: the client left before the end.  late_ms: how far the answer fell behind its pace.
    fault: the fault that was asked for and happened to it.  trouble: the traceback of an error of the lab's own.
    """

    number: int
    moment: str
    provider: str
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
    status: int | None = None
    model: str | None = None
    spoken_by: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    stream: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reasons: list[str | None] = field(default_factory=list)
    late_ms: int = 0
    gone: bool = False
    fault: str | None = None
    trouble: str | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep what came and what was made of it without any key that a caller put into a field."""
        super().__setattr__(name, _without_keys(value) if name in ("body", "params") else value)


def _without_keys(value: Any) -> Any:
    """A JSON value with every known secret in it hidden; the same object where there is none."""
    text = json.dumps(value, ensure_ascii=False)
    hidden = scrub(text)
    return value if hidden == text else json.loads(hidden)


class ServerLog:
    """The server's records, oldest first. Safe to read while requests run."""

    def __init__(self, keep: int = 10_000) -> None:
        self._records: list[Record] = []
        self._count, self._keep, self._lock = 0, keep, threading.Lock()

    def begin(
        self, *, moment: str, provider: str, method: str, path: str, headers: Iterable[tuple[str, str]]
    ) -> Record:
        """A new record, already in the log."""
        shown = {name.lower(): value for name, value in headers if name.lower() not in KEY_HEADERS}
        with self._lock:
            record = Record(self._count, moment, provider, method, path, shown)
            self._count += 1
            self._records.append(record)
            del self._records[: -self._keep]
        return record

    def clear(self) -> None:
        """Forget all and count from 0 again."""
        with self._lock:
            self._records, self._count = [], 0

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._records))

    def __getitem__(self, index: int) -> Record:
        return self._records[index]
