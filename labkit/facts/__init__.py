"""Facts about providers, read strictly from configs/providers/*.yaml into frozen values as of a moment.

It owns the schema and the rules of time and provenance; it knows no HTTP and judges nothing. The local
providers, prices, tables, diagnosis and tests read what it returns.

Rules of a facts file:
- Any mapping may carry `from` and/or `until` (from inclusive, until exclusive; YYYY, YYYY-MM, YYYY-MM-DD or a UTC
  moment). Outside its period it is as if it were not there. `periods: [...]` holds variants of one mapping; the one
  in force is laid over the mapping's other keys.
- `source` names entries of the file's `sources` (url + as_of) at the nearest level that is true for all below it.
- `null` is 'unknown': it stays unknown and tables show 'not stated'. `invented: true` marks what no source gives.
- YAML is read by 1.2 core rules: `no` and `12:30` are strings, `1e-5` is a number; a duplicate key is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit.clock import moment_of
from labkit.errors import FactsError, did_you_mean
from labkit.facts.provider import Provider
from labkit.facts.schema import Answer, ModelFacts, Parameter, Prices, Source, Treatment, edge, in_force, price_in_force
from labkit.yamls import read_yaml

__all__ = [
    "CONFIGS",
    "Answer",
    "Facts",
    "ModelFacts",
    "Parameter",
    "Prices",
    "Provider",
    "Source",
    "Treatment",
    "boundaries",
    "course_moment",
    "in_force",
    "load",
    "load_file",
    "price_in_force",
]

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"


class Facts(Mapping[str, Provider]):
    """All providers as of one moment, by id. An unknown id raises FactsError with the nearest one."""

    def __init__(self, providers: dict[str, Provider], moment: datetime) -> None:
        self._providers, self.moment = providers, moment

    def __getitem__(self, name: str) -> Provider:
        try:
            return self._providers[name]
        except KeyError:
            raise FactsError(
                f"no provider is called {name!r}",
                right=f"There are {', '.join(self._providers)}. {did_you_mean(name, self._providers)}".strip(),
                do="A new provider is a new file in configs/providers/",
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._providers)

    def __len__(self) -> int:
        return len(self._providers)

    def __contains__(self, name: object) -> bool:
        return name in self._providers


@lru_cache(maxsize=1)
def course_moment() -> datetime:
    """The lab's moment from configs/course.yaml, in UTC."""
    path = CONFIGS / "course.yaml"
    data = read_yaml(path).data
    if not isinstance(data, dict) or not isinstance(data.get("moment"), str):
        raise FactsError("`moment` is missing", where=str(path), right='Write it as moment: "2026-11-20T12:00:00Z"')
    return moment_of(data["moment"])


def load(moment: datetime | str | None = None, folder: Path | None = None) -> Facts:
    """All providers' facts as of `moment`, the lab's unless given. Raises FactsError with file, line and path."""
    at = course_moment() if moment is None else moment_of(moment)
    folder = folder or CONFIGS / "providers"
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise FactsError("no facts files found", where=str(folder), do="Restore them: git checkout -- configs")
    return Facts(
        {path.stem: load_file(path, at) for path in sorted(files, key=lambda p: (p.stem != "lab", p.stem))}, at
    )


def load_file(path: Path, moment: datetime) -> Provider:
    """One provider's facts as of `moment`; frozen, so that a file that did not change is read once."""
    try:
        known = path.stat()
    except OSError:
        return _read(path, moment, ())
    return _read(path, moment, (known.st_mtime_ns, known.st_size))


@lru_cache(maxsize=128)
def _read(path: Path, moment: datetime, _: tuple[int, ...]) -> Provider:
    document = read_yaml(path)
    raw = document.data
    if not isinstance(raw, dict):
        raise FactsError("the file holds no mapping", where=str(path), right="It begins with `id:` and `label:`")
    for name in ("moment", "raw"):
        if name in raw:
            raise FactsError(f"`{name}` is not a field of a facts file", where=document.place((name,)))
    try:
        then = _at(raw, moment)
        provider = Provider.model_validate({**then, "moment": moment, "raw": then})
    except ValidationError as error:
        first = error.errors()[0]
        keys = tuple(k for k in first["loc"] if k != "[key]")
        hint = did_you_mean(str(keys[-1]), _fields_at(keys[:-1])) if first["type"] == "extra_forbidden" else ""
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise FactsError(
            first["msg"].removeprefix("Value error, ") + more, where=document.place(keys), right=hint
        ) from None
    except ValueError as error:
        raise FactsError(str(error), where=str(path)) from None
    if provider.id != path.stem:
        raise FactsError(
            f"`id` is {provider.id!r} but the file is {path.name}",
            where=document.place(("id",)),
            right="They are the same word",
        )
    for name, where in _named_sources(raw):
        if name not in provider.sources:
            raise FactsError(
                f"source {name!r} is not in `sources`",
                where=document.place(where),
                right=did_you_mean(name, provider.sources),
            )
    return provider


def boundaries(path: Path) -> list[datetime]:
    """Every moment at which something in the file begins or ends: what a test must read it as of."""
    found: set[datetime] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.update(edge(node[k]) for k in ("from", "until", "born", "retired") if isinstance(node.get(k), str))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(read_yaml(path).data)
    return sorted(found)


def _at(node: Any, moment: datetime) -> Any:
    if isinstance(node, list):
        return [_at(item, moment) for item in node if not _gone(item, moment)]
    if not isinstance(node, dict):
        return node
    kept = {key: _at(value, moment) for key, value in node.items() if key != "periods" and not _gone(value, moment)}
    for period in node.get("periods") or ():
        if not _gone(period, moment):
            kept.update(_at(period, moment))
            break
    return kept


def _gone(node: Any, moment: datetime) -> bool:
    return (
        isinstance(node, dict)
        and ("from" in node or "until" in node)
        and not in_force(node.get("from"), node.get("until"), moment)
    )


def _named_sources(node: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "source":
                yield from ((name, (*where, key)) for name in ([value] if isinstance(value, str) else value or ()))
            elif key != "sources":
                yield from _named_sources(value, (*where, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _named_sources(value, (*where, number))


def _fields_at(keys: tuple[Any, ...]) -> list[str]:
    """The field names that the schema knows at a place, for 'did you mean'."""
    kind: Any = Provider
    by_key = {"models": ModelFacts, "parameters": Parameter, "errors": Answer, "sources": Source}
    for key in keys:
        fields: dict[str, Any] = getattr(kind, "model_fields", {})
        if key in by_key and kind is Provider:
            kind = by_key[key]
        elif key in fields:
            inner = [
                a
                for a in (fields[key].annotation, *getattr(fields[key].annotation, "__args__", ()))
                if hasattr(a, "model_fields")
            ]
            kind = inner[0] if inner else kind
    return [f.alias or name for name, f in getattr(kind, "model_fields", {}).items()]
