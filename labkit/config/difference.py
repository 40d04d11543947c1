"""Two requests beside each other: address, headers, the JSON of the body, its bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from labkit.keys import scrub

if TYPE_CHECKING:
    from labkit.config.file import Config

ABSENT = "—"
_UNTOLD = frozenset({"content-length", "host"})


@dataclass(frozen=True)
class Line:
    """One place in which they differ; '—' stands for what is not there. Values are JSON."""

    where: str
    first: str
    second: str


@dataclass(frozen=True)
class Difference:
    """lines: the places, in order.  first, second: the bodies' bytes."""

    lines: tuple[Line, ...]
    first: bytes
    second: bytes

    def __bool__(self) -> bool:
        return bool(self.lines)

    def __str__(self) -> str:
        if not self.lines:
            return f"No difference; both bodies have {len(self.first):,} bytes."
        rows = [f"{line.where}: {line.first} → {line.second}" for line in self.lines]
        return scrub("\n".join([*rows, f"bytes of the body: {len(self.first):,} → {len(self.second):,}"]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from labkit.view.html import card, table

        rows = [(line.where, line.first, line.second) for line in self.lines]
        rows.append(("bytes of the body", f"{len(self.first):,}", f"{len(self.second):,}"))
        return scrub(card("What differs", table(rows, ("where", "without", "with"))))


def diff(config: Config, with_: Any, without: Any, **options: Any) -> Difference:
    """What differs between two requests.

    with_, without: each the name of an endpoint, a mapping of options of `cfg.request` ({"endpoint": "Mistral",
    "profile": "legacy"}), or an `httpx.Request`, which another Config may have made.  options: for both.
    """
    return compare(_request(config, without, options), _request(config, with_, options))


def compare(first: httpx.Request, second: httpx.Request) -> Difference:
    """`diff` of two requests, the first as it was, the second as it is."""
    lines: list[Line] = []
    if first.method != second.method:
        lines.append(Line("method", first.method, second.method))
    if first.url != second.url:
        lines.append(Line("address", str(first.url), str(second.url)))
    names = dict.fromkeys([*first.headers, *second.headers])
    for name in names:
        old, new = first.headers.get(name, ABSENT), second.headers.get(name, ABSENT)
        if old != new and name not in _UNTOLD:
            lines.append(Line(f"header {name}", old, new))
    old_json, new_json = _json(first.content), _json(second.content)
    if old_json is None or new_json is None:
        if first.content != second.content:
            lines.append(Line("body", f"{len(first.content)} bytes", f"{len(second.content)} bytes"))
    else:
        lines += [Line(*line) for line in _compared("body", old_json, new_json)]
    return Difference(tuple(lines), first.content, second.content)


def _request(config: Config, what: Any, options: Mapping[str, Any]) -> httpx.Request:
    from labkit.config.request import request

    if isinstance(what, httpx.Request):
        return what
    chosen = dict(what) if isinstance(what, Mapping) else {"endpoint": str(what)}
    return request(config, **{**options, **chosen})


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _compared(where: str, old: Any, new: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from _compared(f"{where}.{name}", old.get(name, ...), new.get(name, ...))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _compared(f"{where}[{number}]", one, other)
    elif old is ... or new is ... or type(old) is not type(new) or old != new:
        yield where, _shown(old), _shown(new)


def _shown(value: Any) -> str:
    return ABSENT if value is ... else json.dumps(value, ensure_ascii=False)
