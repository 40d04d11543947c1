"""What was seen beside what the facts say: agreement, contradiction, or news about what the facts do not know.

It reads the facts anew, with no help from the local providers' code, so that an error there shows as a difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.probe.seen import Bound, Finding, Refusal, Seen

if TYPE_CHECKING:
    from labkit.facts import ModelFacts, Provider
    from labkit.facts.schema import Answer, Treatment

_JSON = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the facts say. news: the facts leave it open, so nothing is contradicted."""

    where: str
    facts: str
    seen: str
    news: bool = False

    def __str__(self) -> str:
        return f"{self.where}: the facts say {self.facts}; seen: {self.seen}"


def compare(seen: Seen, provider: Provider) -> list[Difference]:
    """All differences, in the order of what was tried. Raises FactsError for a model that the facts do not have."""
    provider = provider.natively() if seen.native else provider
    model = provider.named(seen.model)
    if model is None:
        return [Difference(f"models.{seen.model}", "that there is no such model", "it answers")]
    out: list[Difference] = []
    for finding in seen.findings:
        if finding.verdict != "not tried":
            out += _of_parameter(provider, model, seen, finding)
    for refusal in seen.refusals:
        out += _of_refusal(provider, refusal)
    return [*out, *_of_models(provider, seen)]


# --- parameters -----------------------------------------------------------------------------------------------------


def _of_parameter(provider: Provider, model: ModelFacts, seen: Seen, finding: Finding) -> list[Difference]:
    where = f"parameters.{finding.parameter}"
    told = _told(provider, model, seen, finding)
    if told is None:
        return []
    fate, status, treatment = told
    if fate == "unknown":
        return [Difference(where, "that it is not known", _short(finding), news=True)]
    out = []
    if (fate == "refused") != (finding.verdict == "refused") or (
        finding.verdict in ("honoured", "ignored") and finding.verdict != fate
    ):
        out.append(Difference(where, _fate(fate, status), _short(finding)))
    elif finding.verdict == "refused" and status is not None and status != finding.status:
        out.append(Difference(where, _fate(fate, status), _short(finding)))
    if treatment is not None and finding.verdict != "refused":
        out += [d for bound in finding.bounds for d in _of_bound(provider, model, finding, bound, treatment)]
        out += _of_type(provider, finding, treatment)
    return out


def _told(
    provider: Provider, model: ModelFacts, seen: Seen, finding: Finding
) -> tuple[str, int | None, Treatment | None] | None:
    """Fate, status of a refusal, and treatment that the facts give the fields that were sent; None: nothing is told."""
    body = _nested({**seen.body, **finding.fields})
    names = finding.parameter.split(".")
    top = names[0]
    table = provider.parameters
    if seen.native and top == "options" and provider.native is not None:
        table, names, top = provider.native.options, names[1:], names[1]
        body = {**body, **body.get("options", {})}
    thinks = provider.thinks(model, body)
    parameter = table.get(top)
    if parameter is None:
        general = provider.unknown_parameter
        if seen.native:
            return "ignored", None, None
        return general.fate, general.refusal.status if general.refusal else None, None
    treatment: Treatment = parameter.treatment(model, thinking=thinks, body=body)
    forced = body.get("tool_choice") if top == "tool_choice" else None
    if thinks and "choice_while_thinking" in provider.errors and (forced == "required" or isinstance(forced, dict)):
        return "refused", provider.errors["choice_while_thinking"].status, treatment
    status = _refused_with(provider, treatment, body.get(top), body, model=model, thinks=thinks)
    if status is not None and treatment.fate != "unknown":
        return "refused", status, treatment
    for other in finding.fields:  # a companion that is refused takes the parameter with it
        if other == top or other.split(".")[0] == top or other not in table:
            continue
        beside = table[other].treatment(model, thinking=thinks, body=body)
        lost = _refused_with(provider, beside, body.get(other), body, model=model, thinks=thinks)
        if lost is not None:
            return "refused", lost, treatment
    return treatment.fate, None, treatment


def _refused_with(
    provider: Provider, treatment: Treatment, value: Any, body: Mapping[str, Any], *, model: ModelFacts, thinks: bool
) -> int | None:
    """The status that the facts give this value of a parameter, None where it is taken."""
    if treatment.fate == "unknown" or value is None:
        return None
    if treatment.fate == "refused":
        return treatment.refusal.status if treatment.refusal else None
    if not _fits(value, treatment.types):
        return _status(provider, treatment.wrong_type, "wrong_type")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not treatment.clamped:
        low, open_low, high = treatment.minimum, treatment.exclusive_minimum, treatment.maximum
        if (low is not None and value < low) or (open_low is not None and value <= open_low):
            return _status(provider, treatment.below, "out_of_range_below")
        if high is not None and value > high:
            return _status(provider, treatment.above, "out_of_range_above")
    if treatment.enum and value not in treatment.enum:
        return _status(provider, treatment.wrong_value, "not_in_list")
    if value is not False and any(body.get(key) != wanted for key, wanted in treatment.needs.items()):
        return _status(provider, treatment.unmet, "unmet")
    for name, inner in value.items() if isinstance(value, Mapping) else ():
        known = treatment.fields.get(name)
        if known is not None:
            inside = known.treatment(model, thinking=thinks, body=body)
            status = _refused_with(provider, inside, inner, body, model=model, thinks=thinks)
            if status is not None:
                return status
        elif treatment.unknown_field is not None and treatment.unknown_field.refusal is not None:
            return treatment.unknown_field.refusal.status
    return None


def _of_bound(
    provider: Provider, model: ModelFacts, finding: Finding, bound: Bound, treatment: Treatment
) -> list[Difference]:
    told: float | None
    if bound.side == "items":
        told, name, own, case = treatment.max_items, "max_items", treatment.too_many, "too_many"
    elif bound.side == "above":
        told, name, own, case = treatment.maximum, "maximum", treatment.above, "out_of_range_above"
    else:
        told, name, own, case = treatment.minimum, "minimum", treatment.below, "out_of_range_below"
        if told is None and treatment.exclusive_minimum is not None:
            told, name = treatment.exclusive_minimum, "exclusive_minimum"
    if treatment.clamped and bound.side != "items":
        told = None
    where = f"parameters.{finding.parameter}.{name}"
    if told is None or bound.refused is None or bound.taken is None:
        agrees = (told is None) == (bound.refused is None)
        return [] if agrees else [Difference(where, "no bound" if told is None else f"{told:g}", _edge(bound))]
    low, high = sorted((bound.taken, bound.refused))
    if not low - 1e-9 <= told <= high + 1e-9:
        return [Difference(where, f"{told:g}", _edge(bound))]
    status = _status(provider, own, case)
    if status is not None and bound.status != status:
        return [Difference(f"{where} refused with", str(status), str(bound.status))]
    return []


def _of_type(provider: Provider, finding: Finding, treatment: Treatment) -> list[Difference]:
    if finding.wrong_type is None or not treatment.types or _fits(finding.wrong_sent, treatment.types):
        return []
    inside = finding.parameter.startswith("options.") and "wrong_option" in provider.errors
    told = _status(provider, treatment.wrong_type, "wrong_option" if inside else "wrong_type")
    if told is None or told == finding.wrong_type:
        return []
    seen = "it was taken" if finding.wrong_type < 400 else str(finding.wrong_type)
    return [Difference(f"parameters.{finding.parameter}: a value of another type", str(told), seen)]


# --- refusals and models --------------------------------------------------------------------------------------------


def _of_refusal(provider: Provider, refusal: Refusal) -> list[Difference]:
    told = provider.errors.get(refusal.case)
    if told is None or refusal.why_not:
        return []
    where = f"errors.{refusal.case}"
    if refusal.status < 400:
        wanted = not provider.key.required and refusal.case in ("missing_key", "wrong_key")
        wanted |= provider.routing is not None and refusal.case == "missing_model"  # the account's default answers
        return [] if wanted else [Difference(where, f"status {told.status}", f"status {refusal.status}")]
    if refusal.status != told.status:
        return [Difference(where, f"status {told.status}", f"status {refusal.status}: {_cut(refusal.text)}")]
    if told.evidence in ("wire", "schema", "docs", "client") and not matches(told, refusal.text):
        words = told.text if told.text is not None else json.dumps(told.body, ensure_ascii=False)
        return [Difference(f"{where}.body", _cut(words), _cut(refusal.text))]
    return []


def matches(told: Answer, text: str) -> bool:
    """Whether a body is the facts' own, whatever fills its `{words}`."""
    if told.text is not None:
        return re.fullmatch(_pattern(told.text), text.rstrip("\n"), re.DOTALL) is not None
    try:
        return _same(told.body, json.loads(text))
    except ValueError:
        return False


def _same(told: Any, found: Any) -> bool:
    if isinstance(told, Mapping):
        return isinstance(found, Mapping) and set(told) == set(found) and all(_same(told[k], found[k]) for k in told)
    if isinstance(told, list):
        return isinstance(found, list) and len(told) == len(found) and all(map(_same, told, found))
    if isinstance(told, str):
        whole = re.fullmatch(r"\{\w+(:\d+)?\}", told)
        return whole is not None or (
            isinstance(found, str) and re.fullmatch(_pattern(told), found, re.DOTALL) is not None
        )
    return bool(told == found)


def _pattern(words: str) -> str:
    return ".*".join(re.escape(part) for part in re.split(r"\{\w+(?::\d+)?\}", words))


def _of_models(provider: Provider, seen: Seen) -> list[Difference]:
    if seen.models is None:
        return []
    ours = {model.id for model in provider.alive().values() if model.listed}
    theirs = set(seen.models)
    out = [
        Difference(f"models.{name}", "that it lives and is listed", "it is not listed")
        for name in sorted(ours - theirs)
    ]
    new = sorted(theirs - ours)
    if new:
        shown = ", ".join(new[:10]) + (f" and {len(new) - 10} more" if len(new) > 10 else "")
        out.append(Difference("models", "nothing of them", f"listed: {shown}", news=True))
    return out


# --- words ----------------------------------------------------------------------------------------------------------


def _status(provider: Provider, own: Answer | None, case: str) -> int | None:
    answer = own or provider.errors.get(case)
    return answer.status if answer else None


def _fits(value: Any, types: tuple[str, ...]) -> bool:
    kind = "null" if value is None else _JSON[type(value)]
    return not types or kind in types or (kind == "integer" and "number" in types)


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in fields.items():
        outer, dot, inner = name.partition(".")
        if dot:
            body.setdefault(outer, {})[inner] = value
        else:
            body[name] = value
    return body


def _fate(fate: str, status: int | None) -> str:
    return f"{fate} with {status}" if status else fate


def _short(finding: Finding) -> str:
    told = f" with {finding.status}: {_cut(finding.message)}" if finding.status else f" ({finding.why})"
    return finding.verdict + told


def _edge(bound: Bound) -> str:
    if bound.refused is None:
        return f"{bound.taken:g} is taken"
    return f"{bound.taken:g} is taken, {bound.refused:g} refused"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:160] + "…"
