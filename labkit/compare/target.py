"""A target: whom to ask, for which model, with which further fields; and the request that asks it.

What a provider calls the limit of an answer's length, and whether it must be asked for usage in a stream, is read from
its facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.errors import ParameterError, did_you_mean

if TYPE_CHECKING:
    from labkit.facts import Facts, Provider

Prompt = str | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Target:
    """A model of a provider. label: its name in tables and plots.  fields: further fields of its requests."""

    provider: str
    model: str
    label: str
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)


def target_of(asked: object, facts: Facts) -> Target:
    """The target that a word, a pair or a mapping means.

    'groq': its chat model.  'groq:reasoner': its model for that role.  ('groq', id): that model.  A mapping has
    `provider`, and `role`, `model` or `label`; its other keys are fields of each request.
    Raises FactsError for an unknown provider or role, ParameterError for another form.
    """
    if isinstance(asked, Target):
        return asked
    if isinstance(asked, str):
        name, _, role = asked.partition(":")
        return Target(name, facts[name].model(role or "chat").id, asked)
    if isinstance(asked, tuple) and len(asked) == 2 and all(isinstance(part, str) for part in asked):
        return target_of({"provider": asked[0], "model": asked[1]}, facts)
    if isinstance(asked, Mapping) and isinstance(asked.get("provider"), str):
        rest = dict(asked)
        name, role, model = rest.pop("provider"), rest.pop("role", "chat"), rest.pop("model", None)
        known = facts[name]
        if model is not None and known.named(str(model)) is None and str(model) not in known.models:
            raise ParameterError(
                f"the facts have no model {model!r} of {known.label}",
                where="compare: targets",
                right=did_you_mean(str(model), known.models),
            )
        chosen = str(model) if model is not None else known.model(role).id
        label = str(rest.pop("label", None) or (f"{name} {chosen}" if model is not None or role != "chat" else name))
        return Target(name, chosen, label, rest)
    raise ParameterError(
        f"{asked!r} is no target",
        where="compare: targets",
        right="Write 'groq', 'groq:reasoner', ('groq', a model's id) or {'provider': 'groq', 'temperature': 0}",
    )


def body_of(
    target: Target, provider: Provider, prompt: Prompt, fields: Mapping[str, Any], *, max_tokens: int, stream: bool
) -> dict[str, Any]:
    """The request that asks `target` this prompt. fields: further ones, which the target's own go before."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [dict(one) for one in prompt]
    body: dict[str, Any] = {"model": target.model, "messages": messages}
    if provider.dialect == "anthropic-messages":
        system = [str(one["content"]) for one in messages if one.get("role") == "system"]
        body["messages"] = [one for one in messages if one.get("role") != "system"]
        if system:
            body["system"] = "\n".join(system)
    body |= {**fields, **target.fields}
    if not {"max_tokens", "max_completion_tokens"} & body.keys():
        body[limit_name(provider, body)] = max_tokens
    if stream:
        body["stream"] = True
        if provider.stream.usage_when == "asked":
            body.setdefault("stream_options", {"include_usage": True})
    return body


def limit_name(provider: Provider, body: Mapping[str, Any]) -> str:
    """What this request may call the limit of its answer's length."""
    model = provider.named(str(body.get("model")))
    parameter = provider.parameters.get("max_tokens")
    if model is None or parameter is None:
        return "max_tokens"
    treatment = parameter.treatment(model, thinking=provider.thinks(model, body), body=body)
    return "max_completion_tokens" if treatment.fate == "refused" else "max_tokens"


def named(prompt: Prompt) -> str:
    """A prompt as a table names it: its text, or what was said last."""
    if isinstance(prompt, str):
        return prompt
    return str(prompt[-1].get("content", "")) if prompt else ""
