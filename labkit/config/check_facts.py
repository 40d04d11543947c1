"""The check against the facts about providers: addresses, models, parameters, and keys given to the wrong one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labkit.config.body import TAKE_A_BUDGET, adapts
from labkit.config.findings import Finding, did_you_mean
from labkit.config.models import Endpoint
from labkit.config.rules import is_url
from labkit.config.variables import USER_PROVIDED, variables_in
from labkit.keys.masks import mask_url

if TYPE_CHECKING:
    from labkit.config.file import Config
    from labkit.facts import Facts, Provider

_PATHS = ("/chat/completions", "/v1/messages", "/completions", "/responses", "/models", "/embeddings", "/api/chat")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "host.docker.internal", "0.0.0.0")
MOST = 200  # models of one endpoint that are looked up
_OPEN = ("ollama", "openrouter")  # who serve more models than any list names


def against_facts(config: Config, facts: Facts, current: bool) -> Iterator[Finding]:
    """Findings about each custom endpoint, and about models that presets name."""
    by_name: dict[str, Provider] = {}
    for endpoint in config.endpoints:
        base = endpoint.baseURL
        provider = provider_of(base, facts) if base else None
        if base and base.strip() != USER_PROVIDED and "${" not in base:
            yield from _address(config, endpoint, base.strip(), provider, facts)
        if provider is None:
            continue
        by_name.setdefault(endpoint.name or "", provider)
        yield from _key(config, endpoint, provider, facts)
        yield from _models(config, endpoint, provider, facts)
        yield from _parameters(config, endpoint, provider)
    for spec in config.specs:
        preset = spec.preset or {}
        model, named = preset.get("model"), by_name.get(str(preset.get("endpoint")))
        if named is not None and isinstance(model, str):
            yield from _model(config, (*spec.keys, "preset", "model"), model, named, facts)


def provider_of(url: str, facts: Facts) -> Provider | None:
    """The provider that answers at an address: by its host, or in the lab by the first part of the path."""
    split = _split(url)
    if split is None:
        return None
    host, port, path = split
    for provider in facts.values():
        for known in (provider.address.base_url, *provider.address.also):
            theirs = _split(known)
            if theirs and theirs[0] == host and (theirs[1] == port or host not in _LOOPBACK):
                return provider
    if host in _LOOPBACK:
        first = path.strip("/").partition("/")[0]
        if port == 11434 and "ollama" in facts:
            return facts["ollama"]
        return facts[first] if first in facts else None
    return None


def _split(url: str) -> tuple[str, int | None, str] | None:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    return ((parts.hostname or "").lower(), port, parts.path) if parts.hostname else None


def _address(
    config: Config, endpoint: Endpoint, base: str, provider: Provider | None, facts: Facts
) -> Iterator[Finding]:
    at = config.place((*endpoint.keys, "baseURL"))

    def found(code: str, what: str, right: str) -> Finding:
        return Finding("surprising", code, at, what, right)

    shown = repr(mask_url(base))
    if not is_url(base) or not re.match(r"(?i)https?:", base):
        yield found("not-a-url", f"{shown} is not the address of a web service", "Begin with https:// (or http://)")
        return
    bare = base.split("?")[0].rstrip("/")
    end = next((path for path in _PATHS if bare.endswith(path)), "")
    if endpoint.directEndpoint:
        if not end:
            what = "directEndpoint sends the request to exactly this address, which does not end in a path of the API"
            yield found("direct-without-path", what, f"Write {mask_url(bare)}/chat/completions, or leave it out")
        return
    if end and not (end == "/v1/messages" and endpoint.provider == "anthropic"):
        what = f"{shown} already ends in the path, and LibreChat adds it once more"
        right = f"Give the base only: '{mask_url(bare.removesuffix(end))}' (or set directEndpoint: true)"
        yield found("base-url-has-path", what, right)
        bare = bare.removesuffix(end)
    if provider is None:
        return
    other = _named(endpoint, facts)
    if other is not None and other.id != provider.id and "lab" not in (other.id, provider.id):
        what = f"the endpoint is called {endpoint.name!r} and its address is {provider.label}'s"
        yield found("another-provider", what, f"{other.label} is at '{other.address.base_url}'")
    if provider.id == "anthropic":
        if endpoint.provider == "anthropic" and bare.endswith("/v1"):
            yield found("base-url-path", "with provider: anthropic LibreChat adds /v1/messages", f"Write '{bare[:-3]}'")
        elif endpoint.provider != "anthropic" and not end and not bare.endswith("/v1"):
            what = "here LibreChat speaks the OpenAI dialect, which Anthropic has under /v1 alone"
            yield found("base-url-path", what, "Write provider: anthropic, or add /v1")
        return
    good = {url.rstrip("/") for url in (provider.address.base_url, *provider.address.also)}
    split = _split(bare)
    paths = {urlsplit(url).path.rstrip("/") for url in good}
    path = split[2].rstrip("/") if split else ""
    if split and split[0] in _LOOPBACK and path.startswith(f"/{provider.id}") and split[1] != 11434:
        path = path.removeprefix(f"/{provider.id}")
    if path not in paths and not end:
        wanted = urlsplit(provider.address.base_url).path
        code = "base-url-without-path" if not path else "base-url-path"
        what = (
            f"{shown} lacks {wanted}"
            if wanted and not path
            else f"{provider.label}'s API has another path than {shown}"
        )
        yield found(code, what, f"{provider.label}'s address is '{provider.address.base_url}'")


def _named(endpoint: Endpoint, facts: Facts) -> Provider | None:
    """The provider that an endpoint's name speaks of."""
    name = re.sub(r"[^a-z]", "", (endpoint.name or "").lower())
    for provider in facts.values():
        if name and name in (provider.id, re.sub(r"[^a-z]", "", provider.label.lower())):
            return provider
    return None


def _key(config: Config, endpoint: Endpoint, provider: Provider, facts: Facts) -> Iterator[Finding]:
    for name in variables_in(endpoint.apiKey or ""):
        if name in provider.key.variables:
            continue
        owner = next((p for p in facts.values() if name in p.key.variables), None)
        if owner is not None:
            what = f"{name} is {owner.label}'s key, and the address is {provider.label}'s"
            right = f"Write ${{{provider.key.variables[0]}}}"
            yield Finding("surprising", "another-key", config.place((*endpoint.keys, "apiKey")), what, right)


def _models(config: Config, endpoint: Endpoint, provider: Provider, facts: Facts) -> Iterator[Finding]:
    listed = endpoint.models.default if endpoint.models else None
    for number, item in enumerate((listed or ())[:MOST]):
        name = item.get("name") if isinstance(item, dict) else item
        if isinstance(name, str):
            yield from _model(config, (*endpoint.keys, "models", "default", number), name, provider, facts)
    if endpoint.titleModel and endpoint.titleModel != "current_model" and not endpoint.titleEndpoint:
        yield from _model(config, (*endpoint.keys, "titleModel"), endpoint.titleModel, provider, facts)


def _model(config: Config, keys: tuple[Any, ...], name: str, provider: Provider, facts: Facts) -> Iterator[Finding]:
    place = config.place(keys)
    model = provider.models.get(name)
    alive = [n for n, m in provider.models.items() if m.alive(facts.moment)]
    if model is None:
        what = f"the facts about {provider.label} know no model {name!r}"
        near = did_you_mean(name, alive)
        right = near or (
            "Ask the provider's list of models" if provider.id in _OPEN else f"There are {', '.join(alive[:6])}"
        )
        yield Finding("surprising", "unknown-model", place, what, right)
    elif not model.alive(facts.moment):
        if model.retired and model.retired <= f"{facts.moment:%Y-%m-%dT%H:%M}":
            what = f"{provider.label} retired {name!r} on {model.retired[:10]}"
            yield Finding("surprising", "retired-model", place, what, f"There are {', '.join(alive[:6])}")
        else:
            what = f"{provider.label} has {name!r} only from {model.born} on"
            yield Finding("surprising", "retired-model", place, what, f"There are {', '.join(alive[:6])}")


def _parameters(config: Config, endpoint: Endpoint, provider: Provider) -> Iterator[Finding]:
    if endpoint.provider == "anthropic":
        yield from _thinking(config, endpoint, provider)
    if endpoint.provider == "anthropic" or provider.id == "anthropic":
        return  # another body altogether
    dropped = {name for name in endpoint.dropParams or () if isinstance(name, str)}
    added = endpoint.addParams or {}
    if "user" not in dropped and _refuses(provider, "user"):
        at = config.place((*endpoint.keys, "dropParams") if endpoint.dropParams is not None else endpoint.keys)
        what = f"LibreChat sends `user` with every request, and {provider.label} refuses it"
        yield Finding("surprising", "refused-parameter", at, what, "Add it: dropParams: [user]")
    for name in added:
        if name not in dropped and name in provider.parameters and _refuses(provider, name):
            at = config.place((*endpoint.keys, "addParams", name), key=True)
            yield Finding("surprising", "refused-parameter", at, f"{provider.label} refuses {name}", "Take it away")
    definitions = endpoint.customParams.paramDefinitions if endpoint.customParams else None
    for number, definition in enumerate(definitions or ()):
        key = definition.get("key")
        if isinstance(key, str) and definition.get("default") is not None and key in provider.parameters:
            if key not in dropped and _refuses(provider, key):
                at = config.place((*endpoint.keys, "customParams", "paramDefinitions", number, "default"))
                what = f"the default of {key} is sent, and {provider.label} refuses it"
                yield Finding("surprising", "refused-parameter", at, what, f"Add it to dropParams: {key}")


def _thinking(config: Config, endpoint: Endpoint, provider: Provider) -> Iterator[Finding]:
    """Models for which LibreChat adds a budget of tokens for thinking, though they refuse one."""
    listed = endpoint.models.default if endpoint.models else None
    for number, item in enumerate((listed or ())[:MOST]):
        name = item.get("name") if isinstance(item, dict) else item
        model = provider.models.get(name) if isinstance(name, str) else None
        if model is not None and not adapts(model.id) and model.family not in TAKE_A_BUDGET:
            place = config.place((*endpoint.keys, "models", "default", number))
            what = f"LibreChat gives {model.id} a budget of tokens for thinking, which {provider.label} refuses for it"
            yield Finding(
                "surprising", "refused-parameter", place, what, "Take it off the list; as titleModel it works"
            )


def _refuses(provider: Provider, name: str) -> bool:
    parameter = provider.parameters.get(name)
    return (parameter or provider.unknown_parameter).fate == "refused"
