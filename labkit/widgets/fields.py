"""The fields of a request as controls: what a provider documents of each, its range, what becomes of it here and now.

It reads facts; it builds bodies and sends nothing. No ipywidgets: the request playground is a shell over it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal
from urllib.parse import urlsplit

from labkit.errors import ParameterError, did_you_mean
from labkit.facts import ModelFacts, Provider
from labkit.facts.schema import Treatment
from labkit.view.html import Html, badge, details, join, note, table

Kind = Literal["slider", "number", "switch", "choice", "json"]
APART = ("model", "messages", "system", "stream", "stream_options")  # these have controls of their own
TONE = {"honoured": "good", "ignored": "warn", "refused": "bad", "unknown": "plain"}
STEPS = 200  # a slider has about so many


@dataclass(frozen=True)
class Field:
    """One parameter of a provider as a control.

    kind: 'slider' where the facts state both ends, 'number' where they do not, 'switch', 'choice' of `choices`, or
    'json' for a text, list or object.  whole: whether only whole numbers are meant.  start: where the control begins.
    """

    name: str
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    choices: tuple[Any, ...] = ()
    start: Any = None

    @property
    def step(self) -> float:
        """The step of a slider."""
        if self.whole or self.minimum is None or self.maximum is None:
            return 1.0
        return 0.01 if self.maximum - self.minimum <= 4 else round((self.maximum - self.minimum) / STEPS, 2)

    @property
    def range(self) -> str:
        """The range in words; '' where there is none."""
        if self.choices and self.kind == "choice":
            return ", ".join(map(str, self.choices))
        if self.minimum is None and self.maximum is None:
            return ""
        low = "…" if self.minimum is None else f"{self.minimum:g}"
        return f"{low} to {'…' if self.maximum is None else f'{self.maximum:g}'}"


@dataclass(frozen=True)
class Judged:
    """What becomes of a field in this request. fate: honoured, ignored, refused or unknown.  why: a sentence or ''.
    source: where that was read, with its date.  brief: the same in a few words.  invented: whether no source says so.
    """

    name: str
    fate: str
    why: str
    source: str
    invented: bool = False

    @property
    def brief(self) -> str:
        where, _, date = self.source.rpartition(" (")
        where = urlsplit(where).netloc if where.startswith("http") else where
        return f"{where if len(where) <= 36 else where[:35].rstrip() + '…'} ({date}" if date else ""

    def html(self) -> Html:
        """The fate as a badge, and why."""
        said = f" {self.why}" if self.why else ""
        return join([badge(self.fate + (" (invented)" if self.invented else ""), TONE[self.fate]), said])


def typed_json(text: str) -> Any:
    """JSON that a person typed. Raises ValueError where it is none, NaN and numbers beyond a float among it.

    >>> typed_json("1e2")
    100.0
    """

    def finite(digits: str) -> float:
        if not isfinite(number := float(digits)):
            raise ValueError(f"{digits} is no number that JSON can carry")
        return number

    return json.loads(text, parse_constant=finite, parse_float=finite)


def fields_of(provider: Provider) -> dict[str, Field]:
    """Every parameter that the provider's facts name, but model, messages and streaming, as a control."""
    return {name: field_of(provider, name) for name in provider.parameters if name not in APART}


def field_of(provider: Provider, name: str) -> Field:
    """One parameter as a control. Raises ParameterError for one that the facts do not name."""
    known = provider.parameters.get(name)
    if known is None:
        raise ParameterError(
            f"{provider.label} documents no parameter {name!r}",
            where="fields",
            right=did_you_mean(name, provider.parameters),
            do="Further fields go into the JSON below",
        )
    types = set(known.types) - {"null"}
    low = known.minimum if known.minimum is not None else known.exclusive_minimum
    high = known.maximum
    if known.enum:
        return Field(name, "choice", choices=known.enum, start=known.default or known.enum[-1])
    if types == {"boolean"}:
        return Field(name, "switch", choices=(True, False), start=True)
    if types and types <= {"number", "integer"}:
        whole = types == {"integer"}
        start = known.default if isinstance(known.default, (int, float)) else _start(name, low, high)
        if low is not None and high is not None and low < high:
            lowest = low if known.exclusive_minimum is None else low + (1 if whole else 0.01)
            return Field(name, "slider", lowest, high, whole, start=max(lowest, min(high, start)))
        return Field(name, "number", low, high, whole, start=start)
    return Field(name, "json", start=EXAMPLES.get(name, _example(types)))


# Where a field of several types begins: the shortest thing that is meant by it.
EXAMPLES: dict[str, Any] = {
    "stop": ["\n\n"],
    "stop_sequences": ["\n\n"],
    "logit_bias": {"100": -5},
    "response_format": {"type": "json_object"},
    "thinking": {"type": "disabled"},
    "tool_choice": "auto",
    "tools": [],
    "user": "reader-1",
    "top_k": 40,
    "min_p": 0.05,
    "repetition_penalty": 1.1,
    "seed": 7,
    "n": 2,
    "max_completion_tokens": 100,
    "reasoning_effort": "low",
}


def _example(types: set[str]) -> Any:
    return {} if types == {"object"} else [] if types == {"array"} else "…"


def _start(name: str, low: float | None, high: float | None) -> float:
    usual: dict[str, float] = {
        "max_tokens": 128,
        "max_completion_tokens": 128,
        "seed": 7,
        "random_seed": 7,
        "top_k": 40,
    }
    wanted = usual.get(name, 1.0 if high is None or high >= 1 else high)
    return wanted if low is None else max(low, wanted)


def body_of(
    provider: Provider,
    model: str,
    messages: Sequence[Mapping[str, Any]],
    fields: Mapping[str, Any],
    *,
    stream: bool = True,
) -> dict[str, Any]:
    """The body of a chat request in the provider's dialect.

    messages: role and content; empty ones are left out. In Anthropic's dialect the system's text is a field of its own.
    stream: with it, usage is asked for where the provider sends it only when asked.
    """
    kept = [dict(message) for message in messages if str(message.get("content", "")) != ""]
    body: dict[str, Any] = {"model": model}
    if provider.dialect == "anthropic-messages":
        system = "\n\n".join(str(m["content"]) for m in kept if m.get("role") == "system")
        kept = [m for m in kept if m.get("role") != "system"]
        if system:
            body["system"] = system
    body["messages"] = kept
    body |= fields
    if stream:
        body["stream"] = True
        if provider.stream.usage_when == "asked":
            body["stream_options"] = {"include_usage": True}
    return body


def judged(provider: Provider, model: ModelFacts | None, body: Mapping[str, Any], name: str) -> Judged:
    """What becomes of the field `name` of this request, by the facts: its general treatment, or the case that holds."""
    known = provider.parameters.get(name)
    if known is None:
        return Judged(
            name, _word(provider.unknown_parameter), "not documented", _sources(provider, "unknown_parameter")
        )
    treatment: Treatment = known
    if model is not None:
        treatment = known.treatment(model, thinking=provider.thinks(model, body), body=body)
    why = "" if treatment.fate == "refused" else out_of_range(treatment, body.get(name))
    unmet = [f"{k} = {json.dumps(v)}" for k, v in treatment.needs.items() if body.get(k) != v]
    if not why and unmet and treatment.unmet is not None and body.get(name) is not None:
        why = f"needs {', '.join(unmet)}"
    fate = "refused" if why and not treatment.clamped else _word(treatment)
    if treatment is not known and not why:
        why = "for this model and request"
    return Judged(name, fate, why, _sources(provider, f"parameters.{name}"), treatment.invented)


def out_of_range(treatment: Treatment, value: Any) -> str:
    """Why a value is not what the treatment allows, in a few words; '' when it is, or nothing is known."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if treatment.minimum is not None and value < treatment.minimum:
            return f"{value:g} is below {treatment.minimum:g}"
        if treatment.exclusive_minimum is not None and value <= treatment.exclusive_minimum:
            return f"{value:g} is not above {treatment.exclusive_minimum:g}"
        if treatment.maximum is not None and value > treatment.maximum:
            return f"{value:g} is above {treatment.maximum:g}"
    if treatment.max_items is not None and isinstance(value, list) and len(value) > treatment.max_items:
        return f"{len(value)} items, at most {treatment.max_items}"
    if treatment.enum and isinstance(value, str) and value not in treatment.enum and set(treatment.types) <= {
        "string", "null"
    }:  # fmt: skip
        return f"{value!r} is none of {', '.join(map(str, treatment.enum))}"
    return ""


def judged_table(provider: Provider, model: ModelFacts | None, body: Mapping[str, Any]) -> Html:
    """Every parameter that the provider documents: sent or not, its fate here and now, its range, the source."""
    rows: list[list[object]] = []
    controls = fields_of(provider)
    for name in controls:
        one = judged(provider, model, body, name)
        sent = json.dumps(body[name], ensure_ascii=False) if name in body else "–"
        rows.append([name, sent, one.html(), controls[name].range or "–", one.brief])
    full = sorted({judged(provider, model, body, name).source for name in controls} - {""})
    head = ("parameter", "sent", "here and now", "range", "source")
    return join([table(rows, head), details(f"{len(full)} sources in full", join([note(line) for line in full]))])


def _word(treatment: Treatment) -> str:
    return str(treatment.fate)


def _sources(provider: Provider, path: str) -> str:
    return "; ".join(f"{source.url or source.what} ({source.as_of})" for source in provider.sources_of(path)[:1])
