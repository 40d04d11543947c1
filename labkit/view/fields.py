"""What each field of a call means: its meaning, its range, what this provider makes of it, and where that is written.

Meanings stand in `fields.yaml`; range, treatment and sources come from the facts of the provider that the call went to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.wire import Exchange
from labkit.yamls import read_yaml

if TYPE_CHECKING:
    from labkit.facts import Parameter, Provider, Treatment

MEANINGS = Path(__file__).with_name("fields.yaml")
SHOWN = 60  # characters of a value
FATES = {"honoured": "honoured", "ignored": "accepted and ignored", "refused": "refused", "unknown": "not documented"}
NO_MEANING = "Not one of the usual fields."


@dataclass(frozen=True)
class FieldNote:
    """One field of a call. path: where it stands ('usage.prompt_tokens', list items as []); value: it, short.

    range: what it may be, '' when nothing is stated.  treatment: what this provider makes of it, '' when its facts do
    not say.  source: where that is written and as of when.
    """

    path: str
    value: str
    meaning: str
    range: str = ""
    treatment: str = ""
    source: str = ""

    def lines(self) -> list[tuple[str, str]]:
        """(what, words) for each thing that is known."""
        said = (("meaning", self.meaning), ("range", self.range), ("here", self.treatment), ("source", self.source))
        return [(what, words) for what, words in said if words]


def request_notes(exchange: Exchange, facts: Mapping[str, Provider] | None) -> list[FieldNote]:
    """A note for each field of the request's JSON; [] when there is none."""
    asked = exchange.request.json()
    if not isinstance(asked, dict):
        return []
    provider = facts[exchange.provider] if facts is not None and exchange.provider in facts else None
    return [_asked(str(name), value, asked, provider) for name, value in asked.items()]


def answer_notes(exchange: Exchange) -> list[FieldNote]:
    """A note for each field of the answer's JSON that has a usual meaning, and for all at its top; [] when none."""
    body = exchange.response.json() if exchange.response is not None else None
    if not isinstance(body, dict):
        return []
    known = _meanings()["answer"]
    return [
        FieldNote(path, _short(value), known.get(path, NO_MEANING))
        for path, value in _paths(body)
        if path in known or "." not in path
    ]


def _asked(name: str, value: Any, body: Mapping[str, Any], provider: Provider | None) -> FieldNote:
    meaning = _meanings()["request"].get(name, NO_MEANING)
    if provider is None:
        return FieldNote(name, _short(value), meaning)
    known = provider.parameters.get(name)
    if known is None:
        return FieldNote(name, _short(value), meaning, treatment=f"{provider.label}'s facts do not name it.")
    treatment, model = _treated(known, body, provider)
    said = f"{provider.label}: {FATES.get(treatment.fate, treatment.fate)}{model}."
    if treatment.invented:
        said += " Invented where nothing is documented."
    sources = provider.sources_of(f"parameters.{name}")
    source = "; ".join(f"{s.url or s.what} (as of {s.as_of})" for s in sources)
    return FieldNote(name, _short(value), meaning, _range(treatment), said, source)


def _treated(known: Parameter, body: Mapping[str, Any], provider: Provider) -> tuple[Treatment, str]:
    """The treatment in this very request, and for which model that was said."""
    model = provider.models.get(str(body.get("model")))
    if model is None:
        return known, ""
    treatment = known.treatment(model, thinking=provider.thinks(model, body), body=body)
    return treatment, f" by {model.id}" if known.cases else ""


def _range(treatment: Treatment) -> str:
    low, high = treatment.minimum, treatment.maximum
    parts = [" or ".join(t for t in treatment.types if t != "null")]
    if low is not None or treatment.exclusive_minimum is not None:
        parts.append(f"from {low:g}" if low is not None else f"above {treatment.exclusive_minimum:g}")
    if high is not None:
        parts.append(f"to {high:g}")
    if treatment.enum:
        parts.append(f"one of {', '.join(map(str, treatment.enum))}")
    if treatment.max_items is not None:
        parts.append(f"at most {treatment.max_items} items")
    words = " ".join(part for part in parts if part)
    default = f"default {json.dumps(treatment.default)}" if treatment.default is not None else ""
    return "; ".join(part for part in (words, default) if part)


def _paths(node: Mapping[str, Any], above: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        path = f"{above}{name}"
        yield path, value
        if isinstance(value, dict) and depth < 3:
            yield from _paths(value, f"{path}.", depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], dict) and path == "choices":
            yield from _paths(value[0], f"{path}[].", depth + 1)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


@lru_cache(maxsize=1)
def _meanings() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = read_yaml(MEANINGS).data
    return found
