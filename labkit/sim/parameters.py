"""What becomes of each parameter of a request, as the provider's facts say: honoured, ignored or refused.

It judges one field at a time (type, range, list, length, what it needs) and knows nothing of what a parameter does.
Called by the dialects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts, Treatment
from labkit.sim.refusal import fits, low_words, nearest, refuse, shown, type_words


@dataclass
class Treated:
    """The fields of a request, sorted.

    honoured: what takes effect, by the name the lab uses for it, defaults included.
    ignored: names without effect.  unknown: names of which nobody knows what the provider does with them.
    """

    honoured: dict[str, Any] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def check_types(provider: Provider, body: Mapping[str, Any], place: Mapping[str, Any]) -> None:
    """Raise Refused for the first field that is of a type its parameter does not take.

    place: line and column, or what else some messages name.
    """
    for name, value in body.items():
        parameter = provider.parameters.get(name)
        if parameter and parameter.fate != "unknown" and not fits(value, parameter.types):
            words = {"param": name, "value": shown(value), "input": value, **type_words(value, parameter.types)}
            raise refuse(provider, "wrong_type", parameter.wrong_type, **words, **place)


def treat(
    provider: Provider, model: ModelFacts, body: Mapping[str, Any], *, thinking: bool, place: Mapping[str, int]
) -> Treated:
    """Judge every field of `body`, in its order. Raises Refused at the first that the provider would not take."""
    done = Treated()
    values = {"model": model.id, **place}
    for name, value in body.items():
        if name in ("model", "messages"):
            continue
        parameter = provider.parameters.get(name)
        if parameter is None:
            general = provider.unknown_parameter
            if general.fate == "refused":
                words = {"param": name, "value": shown(value), "input": value}
                near = nearest(name, provider.parameters)
                raise refuse(provider, "unknown_parameter", general.refusal, nearest=near, **words, **values)
            done.ignored.append(name)
            continue
        if value is None:  # as if it had not been sent
            continue
        treatment = parameter.treatment(model, thinking=thinking, body=body)
        if treatment.fate == "unknown":
            done.unknown.append(name)
            continue
        _check(provider, model, name, value, treatment, body, values)
        value = _clamped(value, treatment)
        if treatment.fate == "honoured":
            known = treatment.same_as or name
            earlier = done.honoured.get(known)
            done.honoured[known] = min(earlier, value) if earlier is not None and known == "max_tokens" else value
        else:
            done.ignored.append(name)
    for name, parameter in provider.parameters.items():
        treatment = parameter.treatment(model, thinking=thinking, body=body)
        if (
            parameter.default is not None
            and (treatment.same_as or name) not in done.honoured
            and name not in ("model", "messages")
        ):
            done.honoured[treatment.same_as or name] = treatment.default
    return done


def _check(
    provider: Provider,
    model: ModelFacts,
    name: str,
    value: Any,
    treatment: Treatment,
    body: Mapping[str, Any],
    place: Mapping[str, Any],
) -> None:
    maximum = treatment.maximum
    if maximum is None and treatment.up_to_model and name in ("max_tokens", "max_completion_tokens"):
        maximum = model.max_output_tokens  # the upper end is the model's own
    minimum = treatment.minimum if treatment.minimum is not None else treatment.exclusive_minimum
    values = {
        **place,
        "param": name,
        "value": shown(value),
        "input": value,
        "minimum": number(minimum),
        "maximum": number(maximum),
        "maximum_items": treatment.max_items,
        "choices": ", ".join(f"'{choice}'" for choice in treatment.enum),
        "choices_or": one_of(treatment.enum, "'", " or "),
        "ticked_or": one_of(treatment.enum, "`", " or " if len(treatment.enum) < 3 else ", or "),
        "serde_choices": ", ".join(f"`{choice}`" for choice in treatment.enum),
        "needed": " and ".join(f"{key}: {shown(wanted)}" for key, wanted in treatment.needs.items()),
        **low_words(excluded=treatment.minimum is None and treatment.exclusive_minimum is not None),
        **type_words(value, treatment.types),
    }
    if treatment.fate == "refused":
        raise refuse(provider, "refused", treatment.refusal, **values)
    if not fits(value, treatment.types):
        raise refuse(provider, "wrong_type", treatment.wrong_type, **values)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not treatment.clamped:
        if (treatment.minimum is not None and value < treatment.minimum) or (
            treatment.exclusive_minimum is not None and value <= treatment.exclusive_minimum
        ):
            raise refuse(provider, "out_of_range_below", treatment.below, **values)
        if maximum is not None and value > maximum:
            raise refuse(provider, "out_of_range_above", treatment.above, **values)
    listed = isinstance(value, str) or "string" not in treatment.types  # a list of words binds words alone
    if treatment.enum and listed and value not in treatment.enum:
        raise refuse(provider, "not_in_list", treatment.wrong_value, **values)
    if treatment.max_items is not None and isinstance(value, list) and len(value) > treatment.max_items:
        raise refuse(provider, "too_many", treatment.too_many, **{**values, "got": len(value)})
    if value is not False and any(body.get(key) != wanted for key, wanted in treatment.needs.items()):
        raise refuse(provider, "unmet", treatment.unmet, **values)
    for index, item in enumerate(value if isinstance(value, list) and treatment.items else ()):
        if not fits(item, treatment.items):
            words = {"param": f"{name}[{index}]", "value": shown(item), "input": item}
            words |= type_words(item, treatment.items)
            raise refuse(provider, "wrong_type", treatment.wrong_type, **place, **words)
    for field_name, inner in (value if isinstance(value, Mapping) else {}).items():
        _check_field(provider, model, name, field_name, inner, treatment, body, place)


def _check_field(
    provider: Provider,
    model: ModelFacts,
    name: str,
    field_name: str,
    value: Any,
    outer: Treatment,
    body: Mapping[str, Any],
    place: Mapping[str, Any],
) -> None:
    """Judge one field of an object parameter."""
    known, param = outer.fields.get(field_name), f"{name}.{field_name}"
    if known is None:
        general = outer.unknown_field
        if general and general.fate == "refused":
            words = {"param": param, "field": field_name, "value": shown(value), "input": value}
            near = nearest(field_name, outer.fields)
            raise refuse(provider, "unknown_parameter", general.refusal, nearest=near, **place, **words)
    elif value is not None:
        treatment = known.treatment(model, thinking=provider.thinks(model, body), body=body)
        if treatment.fate != "unknown":
            _check(provider, model, param, value, treatment, body, {**place, "field": field_name})


def _clamped(value: Any, treatment: Treatment) -> Any:
    """A number brought to the nearest bound where the provider does so; anything else as it is."""
    if not treatment.clamped or isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    low, high = treatment.minimum, treatment.maximum
    value = low if low is not None and value < low else value
    return high if high is not None and value > high else value


def one_of(choices: Sequence[Any], mark: str, last: str) -> str:
    """The choices in a row, each between two marks, `last` before the last one.

    >>> one_of(["a", "b", "c"], "'", " or ")
    "'a', 'b' or 'c'"
    """
    marked = [f"{mark}{choice}{mark}" for choice in choices]
    return last.join([", ".join(marked[:-1]), *marked[-1:]] if len(marked) > 1 else marked)


def number(value: float | None) -> str:
    """A bound as a message shows it: 2, not 2.0."""
    return "" if value is None else str(int(value)) if float(value).is_integer() else str(value)
