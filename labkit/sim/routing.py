"""A router's way from a request to a model and its host, as far as the facts know it.

It reads the list of fallbacks, the variants after a model's colon, aliases, and the wishes in `provider`. It asks
nobody: a host of the lab's is never down, so the next model is tried only where the one before it cannot be found.
Source: https://openrouter.ai/docs/guides/routing/provider-selection and .../model-fallbacks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts
from labkit.sim.refusal import Refused, refuse, shown


def asked_models(provider: Provider, body: Mapping[str, Any]) -> list[str]:
    """The ids of models that the request names, the preferred one first; the router's default where it names none."""
    name, more = body.get("model"), body.get("models") if provider.routing else ()
    names = [each for each in (name, *(more or ())) if isinstance(each, str) and each]
    if not names and name is None and provider.routing:
        return [provider.routing.default_model]
    return names


def find_route(
    provider: Provider,
    names: list[str],
    body: Mapping[str, Any],
    look: Callable[[str], ModelFacts | None],
    missing: Callable[[str], Exception],
) -> tuple[ModelFacts, str | None]:
    """The first of the models that can be had, and the host that serves it. Raises Refused, as the last of them fails.

    look: the living model of an id.  missing: the refusal for an id that there is not, or not any more.
    """
    failed: Exception | None = None
    for name in names:
        try:
            model = _model(provider, name, look, missing)
            return model, _host(provider, model, body)
        except Refused as refused:
            failed = refused
    raise failed or missing("")


def _model(
    provider: Provider,
    name: str,
    look: Callable[[str], ModelFacts | None],
    missing: Callable[[str], Exception],
) -> ModelFacts:
    model, routing = look(name), provider.routing
    if routing and model is None and name not in provider.models:
        base, _, variant = name.rpartition(":")
        model = look(base)
        if model and variant not in routing.shortcuts:
            raise refuse(provider, "no_route", model=shown(name))
    if model is None:
        raise missing(name)
    return (look(model.alias_of) or model) if routing and model.alias_of else model


def _host(provider: Provider, model: ModelFacts, body: Mapping[str, Any]) -> str | None:
    wishes = body.get("provider")
    wishes = wishes if isinstance(wishes, Mapping) else {}
    if wishes.get("data_collection") == "deny" and model.id.endswith(":free"):
        raise refuse(provider, "data_policy", model=model.id)
    if wishes.get("require_parameters") is True and _unsupported(provider, model, body):
        raise refuse(provider, "no_capable_host", model=model.id)
    only, ignored, order = (_slugs(wishes.get(name)) for name in ("only", "ignore", "order"))
    hosts = [host for host in model.hosts if (not only or slug(host) in only) and slug(host) not in ignored]
    hosts.sort(key=lambda host: order.index(slug(host)) if slug(host) in order else len(order))
    if order and wishes.get("allow_fallbacks") is False:
        hosts = [host for host in hosts if slug(host) in order]
    if model.hosts and not hosts:
        names = {"hosts": [slug(host) for host in model.hosts], "asked_hosts": only or order}
        raise refuse(provider, "no_allowed_host", model=model.id, **names)
    return hosts[0] if hosts else None


def _unsupported(provider: Provider, model: ModelFacts, body: Mapping[str, Any]) -> list[str]:
    """Parameters of the request that this model would drop."""
    routed = {
        name for name, parameter in provider.parameters.items() if any(c.when.unsupported for c in parameter.cases)
    }
    return [name for name, value in body.items() if name in routed and value is not None and name not in model.supports]


def slug(host: str) -> str:
    """A host as requests name it.

    >>> slug("Google AI Studio"), slug("DeepInfra")
    ('google-ai-studio', 'deepinfra')
    """
    return host.lower().replace(" ", "-")


def _slugs(wished: Any) -> list[str]:
    names = wished if isinstance(wished, list) else ()
    return [slug(name).partition("/")[0] for name in names if isinstance(name, str)]
