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

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from labkit.clock import Clock, moment_of
from labkit.errors import FactsError, did_you_mean
from labkit.yamls import read_yaml

CONFIGS = Path(__file__).resolve().parent.parent / "configs"

Fate = Literal["honoured", "ignored", "refused", "unknown"]
Evidence = Literal["wire", "schema", "docs", "client", "inferred", "invented"]


def _usd(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


Usd = Annotated[Decimal, BeforeValidator(_usd), Field(ge=0)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class Fact(BaseModel):
    """What every level of a facts file may carry beside its own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: Names = ()
    evidence: Evidence | None = None
    invented: bool = False
    note: str = ""
    from_: str | None = Field(None, alias="from")
    until: str | None = None


class Source(BaseModel):
    """Where a fact was read and how old that page is. as_of: YYYY, YYYY-MM or YYYY-MM-DD; no url: `what` describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str | None = Field(pattern=r"^(https?://|labkit/)")
    as_of: str = Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")
    what: str = Field(min_length=5)


class Answer(Fact):
    """One refusal as it goes over the wire. `{name}` in its strings is filled from the case; body is JSON, text is not."""

    status: int = Field(ge=100, le=599)
    headers: dict[str, str | None] = {}
    body: Any = None
    text: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Answer:
        if (self.body is None) == (self.text is None):
            raise ValueError("give either `body` (JSON) or `text`, and only one of them")
        return self

    def filled(self, values: Mapping[str, object]) -> Answer:
        """The same answer with every `{name}` that `values` knows replaced; other braces stay."""
        return self.model_copy(update={"body": fill(self.body, values), "text": fill(self.text, values)})


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
    """When a case holds: every field given must hold. body: fields of the request and the value each must have."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    models: Names = ()
    family: Names = ()
    thinking: bool | None = None
    body: dict[str, Any] = {}

    def holds(self, model: ModelFacts, *, thinking: bool, body: Mapping[str, Any]) -> bool:
        """Whether this case applies to a request for `model`."""
        return (
            (not self.models or model.id in self.models)
            and (not self.family or model.family in self.family)
            and (self.thinking is None or self.thinking == thinking)
            and all(body.get(name) == value for name, value in self.body.items())
        )


class Treatment(Fact):
    """What becomes of a parameter: its fate, what it may be, and the answer when it is not that."""

    fate: Fate
    types: Names = ()  # JSON types: number integer boolean string array object null
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    max_items: int | None = None
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
    """USD per million tokens. None is unknown. peak: other prices in `hours_utc` ('01:00-04:00') on `days` (0 = Monday)."""

    input_usd_per_mtok: Usd | None
    output_usd_per_mtok: Usd | None
    cached_input_usd_per_mtok: Usd | None = None
    peak: PeakPrices | None = None
    long_above_tokens: int | None = None  # a longer input makes the whole request cost the factors below
    long_input_factor: Usd | None = None
    long_output_factor: Usd | None = None


class PeakPrices(Fact):
    """Prices at the provider's busy hours."""

    input_usd_per_mtok: Usd
    output_usd_per_mtok: Usd
    cached_input_usd_per_mtok: Usd | None = None
    hours_utc: tuple[str, ...]
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    def holds(self, now: datetime) -> bool:
        """Whether `now` (UTC) lies in the busy hours."""
        text = f"{now:%H:%M}"
        return now.weekday() in self.days and any(start <= text < end for start, end in (h.split("-") for h in self.hours_utc))


class Speed(Fact):
    """What a caller sees: seconds to the first token, tokens a second after it."""

    first_token_s: float = Field(ge=0)
    tokens_per_s: float = Field(gt=0)


class ModelFacts(Fact):
    """One model id of a provider.

    thinking: whether it reasons first ('never', 'always', or 'by default', to be switched off).
    family: the word by which parameters' cases name it. roles: what a lesson may want it for.
    """

    id: str = ""
    spoken_by: Literal["lab-chat", "lab-coder", "lab-reasoner", "lab-mini"]
    born: str | None = None
    retired: str | None = None
    alias_of: str | None = None
    snapshot: str | None = None  # the dated id that answers carry
    family: str = "classic"
    thinking: Literal["never", "always", "by default"] = "never"
    roles: tuple[str, ...] = ()
    owned_by: str | None = None
    created: int | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    listed: bool = True
    prices: Prices | None = None
    speed: Speed | None = None
    strengths: str | None = None

    def alive(self, now: datetime) -> bool:
        """Whether it can be called at `now`."""
        return in_force(self.born, self.retired, now)


class Address(Fact):
    """Where the provider answers. paths are below base_url; sdk_base_url is what its own SDK takes."""

    base_url: str = Field(pattern=r"^https?://[^/].*[^/]$")
    sdk_base_url: str = Field(pattern=r"^(https?://|labkit/)")
    also: tuple[str, ...] = ()
    paths: dict[str, str]


class Key(Fact):
    """How a caller identifies itself. variables: environment names, the usual one first. local: the lab's own fake."""

    variables: tuple[str, ...]
    header: str = "authorization"
    scheme: str = "Bearer"
    local: str
    page: str | None = None


class Response(Fact):
    """The parts of an answer in which providers of one dialect differ.

    id: form with {hex:N}, {base62:N} or {uuid}. model: which id the answer names. extra, message_extra,
    chunk_extra: constant fields. usage: fields beside the three counts; '{cached}', '{missed}', '{reasoning}' are filled.
    """

    id: str
    model: Literal["snapshot", "asked"] = "asked"
    fingerprint: str | None = None
    extra: dict[str, Any] = {}
    message_extra: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    thinking_usage: dict[str, Any] = {}
    reasoning_field: str | None = None
    headers: dict[str, str] = {}
    error_headers: dict[str, str] = {}
    content_type: str = "application/json"


class Stream(Fact):
    """The parts of a streamed answer in which providers of one dialect differ."""

    usage_in: Literal["own chunk", "last chunk"]
    usage_when: Literal["asked", "always"]
    usage_null: Literal["always", "when asked", "never"] = "never"
    first_delta: dict[str, Any]
    first_delta_thinking: dict[str, Any] | None = None
    delta_extra: dict[str, Any] = {}
    last_delta: dict[str, Any] = {}
    chunk_extra: dict[str, Any] = {}
    padding: str | None = None  # name of a field that holds random padding
    keep_alive: str | None = None
    keep_alive_every_s: float | None = None
    content_type: str = "text/event-stream"


class ThinkingSwitch(Fact):
    """The request field that turns thinking off and on: a dotted path and the values that mean off."""

    field: str
    off: tuple[Any, ...]


class Provider(Fact):
    """Everything known of one provider as of a moment. `null` means unknown wherever it stands."""

    id: str
    label: str
    dialect: Literal["openai-chat"]
    pace_as_of: str | None = None
    sources: dict[str, Source]
    address: Address
    key: Key
    models: dict[str, ModelFacts]
    parameters: dict[str, Parameter]
    unknown_parameter: Treatment
    thinking_switch: ThinkingSwitch | None = None
    roles: tuple[str, ...] = ("system", "user", "assistant", "tool")
    errors: dict[str, Answer]
    response: Response
    stream: Stream
    speed: Speed | None = None
    moment: datetime
    raw: dict[str, Any] = Field(repr=False)

    @model_validator(mode="before")
    @classmethod
    def _name_models(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("models"), dict):
            data = {**data, "models": {k: {"id": k, **v} if isinstance(v, dict) else v for k, v in data["models"].items()}}
        return data

    def alive(self, now: datetime | None = None) -> dict[str, ModelFacts]:
        """The models that can be called at `now` (the facts' moment unless given), in the file's order."""
        return {k: m for k, m in self.models.items() if m.alive(now or self.moment)}

    def thinks(self, model: ModelFacts, body: Mapping[str, Any]) -> bool:
        """Whether `model` reasons before it answers this request."""
        if model.thinking != "by default" or self.thinking_switch is None:
            return model.thinking != "never"
        value: Any = body
        for name in self.thinking_switch.field.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value not in self.thinking_switch.off

    def model(self, role: str = "chat") -> ModelFacts:
        """The first living model for `role`. Raises FactsError naming the roles there are."""
        living = self.alive().values()
        for model in living:
            if role in model.roles:
                return model
        roles = sorted({r for m in living for r in m.roles})
        raise FactsError(
            f"{self.label} has no model for the role {role!r} on {self.moment:%Y-%m-%d}",
            where=f"configs/providers/{self.id}.yaml",
            right=f"Roles there are: {', '.join(roles)}. {did_you_mean(role, roles)}".strip(),
        )

    def speed_of(self, model: ModelFacts) -> Speed:
        """The model's own speed, else the provider's typical one."""
        speed = model.speed or self.speed
        return speed if speed else Speed(first_token_s=0.0, tokens_per_s=1e9, invented=True)

    def sources_of(self, path: str) -> tuple[Source, ...]:
        """The sources of the fact at `path` ('parameters.temperature.maximum'): those of the nearest level that names any."""
        here: Any = self.raw
        found: tuple[str, ...] = tuple(_names(here.get("source")) or ())  # type: ignore[call-overload]
        rest = path.split(".")
        while rest and isinstance(here, dict):  # ids hold dots ('gpt-4.1'), so the longest fitting key is taken
            for cut in range(len(rest), 0, -1):
                key = ".".join(rest[:cut])
                if key in here:
                    here, rest = here[key], rest[cut:]
                    break
            else:
                raise FactsError(f"no fact at {path!r}", where=f"configs/providers/{self.id}.yaml", right=did_you_mean(rest[0], here))
            if isinstance(here, dict) and here.get("source"):
                found = tuple(_names(here["source"]))  # type: ignore[arg-type]
        return tuple(self.sources[name] for name in found)


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
                right=f"Providers there are: {', '.join(self._providers)}. {did_you_mean(name, self._providers)}".strip(),
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
    """All providers' facts as of `moment` (the lab's moment unless given). Raises FactsError with file, line and path."""
    at = course_moment() if moment is None else moment_of(moment)
    folder = folder or CONFIGS / "providers"
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise FactsError("no facts files found", where=str(folder), do="Restore them: git checkout -- configs")
    return Facts({path.stem: load_file(path, at) for path in sorted(files, key=lambda p: (p.stem != "lab", p.stem))}, at)


def load_file(path: Path, moment: datetime) -> Provider:
    """One provider's facts as of `moment`."""
    document = read_yaml(path)
    raw = document.data
    if not isinstance(raw, dict):
        raise FactsError("the file holds no mapping", where=str(path), right="It begins with `id:` and `label:`")
    for name in ("moment", "raw"):
        if name in raw:
            raise FactsError(f"`{name}` is not a field of a facts file", where=document.place((name,)))
    try:
        then = _at(raw, moment)
        provider = Provider.model_validate({**then, "moment": moment, "raw": raw})
    except ValidationError as error:
        first = error.errors()[0]
        keys = tuple(k for k in first["loc"] if k != "[key]")
        hint = did_you_mean(str(keys[-1]), _fields_at(keys[:-1])) if first["type"] == "extra_forbidden" else ""
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise FactsError(first["msg"].removeprefix("Value error, ") + more, where=document.place(keys), right=hint) from None
    except ValueError as error:
        raise FactsError(str(error), where=str(path)) from None
    if provider.id != path.stem:
        raise FactsError(f"`id` is {provider.id!r} but the file is {path.name}", where=document.place(("id",)), right="They are the same word")
    for name, where in _named_sources(raw):
        if name not in provider.sources:
            raise FactsError(
                f"source {name!r} is not in `sources`", where=document.place(where), right=did_you_mean(name, provider.sources)
            )
    return provider


def boundaries(path: Path) -> list[datetime]:
    """Every moment at which something in the file begins or ends: what a test must read it as of."""
    found: set[datetime] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.update(_edge(node[k]) for k in ("from", "until", "born", "retired") if isinstance(node.get(k), str))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(read_yaml(path).data)
    return sorted(found)


def in_force(begin: str | None, end: str | None, moment: datetime) -> bool:
    """Whether `moment` lies in [begin, end); None is open."""
    return (begin is None or _edge(begin) <= moment) and (end is None or moment < _edge(end))


def price_in_force(model: ModelFacts, clock: Clock) -> Prices | PeakPrices | None:
    """What a token of `model` costs now, peak hours included; None when unknown."""
    prices = model.prices
    return prices.peak if prices and prices.peak and prices.peak.holds(clock.now()) else prices


def _edge(text: str) -> datetime:
    if re.fullmatch(r"\d{4}(-\d{2}){0,2}", text):
        year, month, day = (text.split("-") + ["01", "01"])[:3]
        return datetime(int(year), int(month), int(day), tzinfo=timezone.utc)
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"{text!r} is no moment; write 2026, 2026-07, 2026-07-24 or 2026-07-24T15:59Z") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


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
    return isinstance(node, dict) and ("from" in node or "until" in node) and not in_force(node.get("from"), node.get("until"), moment)


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
            inner = [a for a in (fields[key].annotation, *getattr(fields[key].annotation, "__args__", ())) if hasattr(a, "model_fields")]
            kind = inner[0] if inner else kind
    return [f.alias or name for name, f in getattr(kind, "model_fields", {}).items()]


Prices.model_rebuild()
