"""The codes that providers document, read strictly from codes.yaml: which cause a code names, and who says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Any

from labkit.diagnosis.reading import Reading
from labkit.errors import ConfigError
from labkit.yamls import Document, read_yaml

CODES = Path(__file__).with_name("codes.yaml")
CERTAIN = 98  # points of a code that says for certain what is wrong; more than any words have
_FIELDS = {"provider", "source", "read", "where", "points", "codes"}
_LOOKED_AT = 4_000  # characters of the body in which `where` is searched


@dataclass(frozen=True)
class Told:
    """What a code names. code: as documented.  cause: a rule's id.  points: 0-100.  where: what the call must have."""

    code: str
    cause: str
    points: int
    where: re.Pattern[str] | None
    provider: str
    source: str
    read: str

    def said(self, code: str) -> str:
        """The evidence, in a sentence."""
        shown = code if "*" in self.code else self.code
        return f"code {shown} of {self.provider} ({self.source}, read {self.read})"


def told(reading: Reading) -> dict[str, tuple[int, str]]:
    """The causes that the codes of an error name: points and evidence of each."""
    found: dict[str, tuple[int, str]] = {}
    exact, patterns = _all()
    place = ""
    for code in reading.codes:
        entries = [*exact.get(code, ()), *(entry for pattern, entry in patterns if pattern.match(code))]
        for entry in entries:
            if entry.where is not None:
                place = place or f"{reading.host}\n{reading.body_text[:_LOOKED_AT]}"
                if entry.where.search(place) is None:
                    continue
            if entry.points > found.get(entry.cause, (0, ""))[0]:
                found[entry.cause] = (entry.points, entry.said(code))
    return found


def causes() -> frozenset[str]:
    """Every cause that some code names."""
    exact, patterns = _all()
    return frozenset(entry.cause for entries in exact.values() for entry in entries) | {e.cause for _, e in patterns}


@lru_cache(maxsize=1)
def _all() -> tuple[dict[str, list[Told]], list[tuple[re.Pattern[str], Told]]]:
    document = read_yaml(CODES)
    exact: dict[str, list[Told]] = {}
    patterns: list[tuple[re.Pattern[str], Told]] = []
    for number, table in enumerate(document.data):
        for code, entry in _of_table(table, (number,), document):
            if "*" in code:
                patterns.append((re.compile(translate(code.lower())), entry))
            else:
                exact.setdefault(code.lower(), []).append(entry)
    return exact, patterns


def _of_table(table: Any, at: tuple[Any, ...], document: Document) -> list[tuple[str, Told]]:
    if not isinstance(table, dict) or not {"provider", "source", "read", "codes"} <= set(table) <= _FIELDS:
        raise ConfigError("a table of codes has other fields", where=document.place(at), right=f"{sorted(_FIELDS)}")
    try:
        where = re.compile(table["where"], re.IGNORECASE | re.DOTALL) if "where" in table else None
    except re.error as error:
        raise ConfigError(f"a pattern cannot be read: {error}", where=document.place((*at, "where"))) from None
    points = table.get("points", CERTAIN)
    by_cause: list[tuple[str, Told]] = []
    for cause, codes in table["codes"].items():
        for code in map(str, codes):
            entry = Told(code, cause, points, where, table["provider"], table["source"], str(table["read"]))
            by_cause.append((code, entry))
    return by_cause
