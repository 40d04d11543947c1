"""What the facts say of themselves: how old, what ends next, what is unknown, what was invented. For `lab facts`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from labkit import facts
from labkit.clock import moment_of


def lines(day: str | None = None, *, most: int = 10) -> list[str]:
    """The report as of `day` (the lab's moment unless given), one line of text each; lists are cut at `most`."""
    moment = moment_of(day) if day else facts.course_moment()
    known = facts.load(moment)
    out = [f"Facts about {len(known)} providers as of {moment:%Y-%m-%d}, from configs/providers/."]
    for title, found in (
        ("Oldest sources", sorted(_sources(known))),
        ("Next retirements", sorted(_retirements(known, moment))),
        ("Not stated by any source", sorted(_unknown(known))),
        ("Invented by the lab", sorted(_invented(known))),
    ):
        out += ["", f"{title}: {len(found) or 'none'}", *(f"  {line}" for line in found[:most])]
        if len(found) > most:
            out.append(f"  … and {len(found) - most} more")
    return out


def _sources(known: facts.Facts) -> Iterator[str]:
    for name, provider in known.items():
        for source in provider.sources.values():
            yield f"{source.as_of:<10}  {name}: {source.what}"


def _retirements(known: facts.Facts, moment: datetime) -> Iterator[str]:
    for name, provider in known.items():
        for model in provider.alive().values():
            if model.retired:
                yield f"{model.retired[:10]:<10}  {name}: {model.id}"


def _unknown(known: facts.Facts) -> Iterator[str]:
    for name, provider in known.items():
        for place, value in _walk({key: value for key, value in provider.raw.items() if key != "sources"}):
            if value is None:
                yield f"{name}: {place}"


def _invented(known: facts.Facts) -> Iterator[str]:
    for name, provider in known.items():
        for place, value in _walk(provider.raw):
            if place.endswith("invented") and value is True:
                yield f"{name}: {place.removesuffix('.invented')}"


# Below these keys stands what goes over the wire, where null is a value and not an unknown.
WIRE = {
    "body",
    "cases",
    "chunk_extra",
    "default",
    "delta_extra",
    "enum",
    "extra",
    "first_delta",
    "first_delta_thinking",
    "headers",
    "last_delta",
    "message_extra",
    "needs",
    "off",
    "usage",
    "thinking_usage",
}


def _walk(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in WIRE:
                yield from _walk(value, f"{place}.{key}" if place else str(key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _walk(value, f"{place}[{number}]")
    else:
        yield place, node
