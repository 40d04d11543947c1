"""Whose address a base URL is, by the facts: scheme, host and port; the path tells nobody apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labkit.keys import MASK

if TYPE_CHECKING:
    import httpx

    from labkit.facts import Facts, Provider

_HERE = ("localhost", "127.0.0.1", "::1", "host.docker.internal", "ollama")  # how Ollama's host is written


def provider_at(url: str, facts: Facts) -> Provider | None:
    """The provider that answers at `url`, None for an address that the facts do not have.

    >>> from labkit import facts
    >>> provider_at("https://api.groq.com/openai/v1", facts.load()).id
    'groq'
    """
    wanted = _origin(url)
    for provider in facts.values():
        known = (provider.address.base_url, provider.address.sdk_base_url, *provider.address.also)
        if wanted is not None and wanted in map(_origin, known):
            return provider
    return None


def sendable(request: httpx.Request, facts: Facts, local: Mapping[str, str], keys: Mapping[str, str]) -> httpx.Request:
    """`request` as the lab sends it: at the local provider's address, a key in the place of what stands for one.

    local: {provider: base URL of the local one}; a provider that is not in it keeps its own address.  keys: {provider:
    what goes into the header}. An address of nobody's is left as it is.
    """
    import httpx

    provider = provider_at(str(request.url), facts)
    if provider is None:
        return request
    url = str(request.url)
    if provider.id in local:
        path = urlsplit(provider.address.base_url).path.rstrip("/")
        root = local[provider.id].removesuffix(path)
        url = root + request.url.raw_path.decode("ascii")
    headers = [(k, _with_key(v, keys[provider.id])) for k, v in request.headers.multi_items() if k != "host"]
    return httpx.Request(request.method, url, headers=headers, content=request.content)


def _with_key(value: str, key: str) -> str:
    """A header's value with the key in place of a variable, a hidden key or `user_provided`, after its scheme."""
    stands = re.fullmatch(rf"(Bearer |Basic )?(?:\$\{{\w+\}}|{re.escape(MASK)}|user_provided)", value)
    return f"{stands[1] or ''}{key}" if stands else value


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if not host:
        return None
    return parts.scheme, "localhost" if port == 11434 and host in _HERE else host, port
