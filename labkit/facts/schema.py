"""The schema of a facts file: pydantic models, frozen, nothing unknown allowed.

The pieces, down to a model and a parameter; `provider` puts them together. Read by `labkit.facts.load`; see there for
the rules of periods and sources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from labkit.clock import Clock

Fate = Literal["honoured", "ignored", "refused", "unknown"]
Evidence = Literal["wire", "schema", "docs", "client", "inferred", "invented"]


def _usd(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def names(value: object) -> object:
    return [value] if isinstance(value, str) else value


Usd = Annotated[Decimal, BeforeValidator(_usd), Field(ge=0)]


def edge(text: str) -> datetime:
    if re.fullmatch(r"\d{4}(-\d{2}){0,2}", text):
        year, month, day = [*text.split("-"), "01", "01"][:3]
        return datetime(int(year), int(month), int(day), tzinfo=UTC)
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"{text!r} is no moment; write 2026, 2026-07, 2026-07-24 or 2026-07-24T15:59Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _moment(text: str) -> str:
    edge(text)
    return text


Moment = Annotated[str, AfterValidator(_moment)]
Names = Annotated[tuple[str, ...], BeforeValidator(names)]


class Fact(BaseModel):
    """What every level of a facts file may carry beside its own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: Names = ()
    evidence: Evidence | None = None
    invented: bool = False
    note: str = ""
    from_: Moment | None = Field(None, alias="from")
    until: Moment | None = None


class Source(BaseModel):
    """Where a fact was read and how old that page is. as_of: YYYY[-MM[-DD]]; without a url `what` tells."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str | None = Field(pattern=r"^(https?://|labkit/)")
    as_of: str = Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")
    what: str = Field(min_length=5)


class Answer(Fact):
    """One refusal as it goes over the wire: JSON `body` or plain `text`, `{name}` in it filled from the case."""

    status: int = Field(ge=100, le=599)
    headers: dict[str, str | None] = {}
    body: Any = None
    text: str | None = None
    hint: str = ""  # what `{hint}` becomes when a known name is near: ", did you mean '{nearest}'?"

    @model_validator(mode="after")
    def _one_form(self) -> Answer:
        if (self.body is None) == (self.text is None):
            raise ValueError("give either `body` (JSON) or `text`, and only one of them")
        return self

    def filled(self, values: Mapping[str, object]) -> Answer:
        """The same answer with every `{name}` that `values` knows replaced; other braces stay."""
        values = {**values, "hint": fill(self.hint, values) if values.get("nearest") else ""}
        return self.model_copy(update={part: fill(getattr(self, part), values) for part in ("body", "text", "headers")})


def fill(template: Any, values: Mapping[str, object]) -> Any:
    """`template` with `{name}` replaced in every string; a string that is one `{name}` takes the value's own type."""
    if isinstance(template, str):
        whole = re.fullmatch(r"\{(\w+)\}", template)
        if whole and whole[1] in values:
            return values[whole[1]]
        return re.sub(r"\{(\w+)\}", lambda m: str(values[m[1]]) if m[1] in values else m[0], template)
    if isinstance(template, Mapping):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [fill(value, values) for value in template]
    return template


class When(BaseModel):
    """When a case holds: every field given must hold.

    body: fields of the request and the value each must have; `reasoning.exclude` is a field inside an object.
    sent: fields that the request must have at all.  unsupported: parameters that the model lacks (`supports`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    models: Names = ()
    family: Names = ()
    thinking: bool | None = None
    body: dict[str, Any] = {}
    sent: Names = ()
    unsupported: Names = ()

    def holds(self, model: ModelFacts, *, thinking: bool, body: Mapping[str, Any]) -> bool:
        """Whether this case applies to a request for `model`."""
        return (
            (not self.models or model.id in self.models)
            and (not self.family or model.family in self.family)
            and (self.thinking is None or self.thinking == thinking)
            and all(field_at(body, name) == value for name, value in self.body.items())
            and all(field_at(body, name) is not None for name in self.sent)
            and not any(name in model.supports for name in self.unsupported)
        )


def field_at(body: Any, path: str) -> Any:
    """The value at a dotted path of a request; None when there is none."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


class Treatment(Fact):
    """What becomes of a parameter: its fate, what it may be, and the answer when it is not that."""

    fate: Fate
    types: Names = ()  # JSON types: number integer boolean string array object null
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    up_to_model: bool = True  # where max_tokens has no maximum: whether the model's own output limit is one
    max_items: int | None = None
    items: Names = ()  # JSON types of a list's items
    fields: dict[str, Parameter] = {}  # an object's own fields, judged as parameters called `thinking.type`
    unknown_field: Treatment | None = None  # any other field of the object; None: taken as it is
    clamped: bool = False  # a value out of range is brought to the nearest bound, without a word
    enum: tuple[Any, ...] = ()
    default: Any = None
    needs: dict[str, Any] = {}  # other fields and the value each must have
    same_as: str | None = None  # another name of that parameter
    refusal: Answer | None = None  # fate refused
    below: Answer | None = None
    above: Answer | None = None
    wrong_type: Answer | None = None
    wrong_value: Answer | None = None
    too_many: Answer | None = None
    unmet: Answer | None = None  # `needs` does not hold

    @model_validator(mode="after")
    def _refused_says_how(self) -> Treatment:
        if self.fate == "refused" and self.refusal is None:
            raise ValueError("fate is 'refused' but there is no `refusal` that says with which answer")
        return self


class Case(BaseModel):
    """A treatment that replaces fields of the general one when its condition holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    when: When
    then: dict[str, Any]


class Parameter(Treatment):
    """A request field: the general treatment, and the cases that differ (the first that holds wins)."""

    cases: tuple[Case, ...] = ()

    def treatment(self, model: ModelFacts, *, thinking: bool, body: Mapping[str, Any]) -> Treatment:
        """How this request's use of the parameter is treated."""
        for number, case in enumerate(self.cases):
            if case.when.holds(model, thinking=thinking, body=body):
                return _cased(self, number)
        return self

    @model_validator(mode="after")
    def _cases_are_treatments(self) -> Parameter:
        for number in range(len(self.cases)):
            _cased(self, number)
        return self


def _cased(parameter: Parameter, number: int) -> Treatment:
    general = {name: getattr(parameter, name) for name in Treatment.model_fields if name in parameter.model_fields_set}
    general["from"] = general.pop("from_", None)
    return Treatment.model_validate({**general, **parameter.cases[number].then})


class Prices(Fact):
    """USD per million tokens; None is unknown. peak: the prices of busy hours."""

    input_usd_per_mtok: Usd | None
    output_usd_per_mtok: Usd | None
    cached_input_usd_per_mtok: Usd | None = None
    peak: PeakPrices | None = None
    long_above_tokens: int | None = None  # a longer input makes the whole request cost the factors below
    long_input_factor: Usd | None = None
    long_output_factor: Usd | None = None


class PeakPrices(Fact):
    """Prices in `hours_utc` ('01:00-04:00', end excluded) on `days` (0 is Monday)."""

    input_usd_per_mtok: Usd
    output_usd_per_mtok: Usd
    cached_input_usd_per_mtok: Usd | None = None
    hours_utc: tuple[str, ...]
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    def holds(self, now: datetime) -> bool:
        """Whether `now` (UTC) lies in the busy hours."""
        text = f"{now:%H:%M}"
        return now.weekday() in self.days and any(
            start <= text < end for start, end in (h.split("-") for h in self.hours_utc)
        )


class Speed(Fact):
    """What a caller sees: seconds to the first token, tokens a second after it."""

    first_token_s: float = Field(ge=0)
    tokens_per_s: float = Field(gt=0)
    prompt_tokens_per_s: float | None = Field(None, gt=0)  # how fast a prompt is read, where answers tell it


class ModelFacts(Fact):
    """One model id of a provider.

    thinking: whether it reasons first ('never', 'always', 'by default', to be switched off, or 'on request').
    family: the word by which parameters' cases name it. roles: what a lesson may want it for.
    hosts: who serves it behind a router, the usual one first.  native_words: what that host calls a finish_reason.
    supports: the parameters that a router's catalogue names for it.
    """

    id: str = ""
    spoken_by: Literal["lab-chat", "lab-coder", "lab-reasoner", "lab-mini"]
    born: Moment | None = None
    retired: Moment | None = None
    alias_of: str | None = None
    snapshot: str | None = None  # the dated id that answers carry
    family: str = "classic"
    hosts: Names = ()
    native_words: dict[str, str] = {}
    supports: Names = ()
    thinking: Literal["never", "always", "by default", "on request"] = "never"
    roles: tuple[str, ...] = ()
    owned_by: str | None = None
    created: int | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    listed: bool = True
    capabilities: Names = ()  # where a list of models names them
    details: dict[str, Any] = {}  # what the provider tells of the model beside all this
    prices: Prices | None = None
    speed: Speed | None = None
    strengths: str | None = None

    def alive(self, now: datetime) -> bool:
        """Whether it can be called at `now`."""
        return in_force(self.born, self.retired, now)


def in_force(begin: str | None, end: str | None, moment: datetime) -> bool:
    """Whether `moment` lies in [begin, end); None is open."""
    return (begin is None or edge(begin) <= moment) and (end is None or moment < edge(end))


def price_in_force(model: ModelFacts, clock: Clock) -> Prices | PeakPrices | None:
    """What a token of `model` costs now, peak hours included; None when unknown."""
    prices = model.prices
    return prices.peak if prices and prices.peak and prices.peak.holds(clock.now()) else prices


Prices.model_rebuild()
Treatment.model_rebuild()
