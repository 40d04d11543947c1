"""Who may call: the provider's check of the API key, and the lab's own of where a request comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from labkit.facts import Facts
from labkit.facts.provider import Provider
from labkit.sim.refusal import refuse

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def check_key(facts: Facts, provider: Provider, headers: Mapping[str, str], path: str = "chat") -> None:
    """Raise Refused unless the provider's local key is in its header. path: its name among `address.paths`.

    Told apart as providers do: no header, one of another form, another provider's key, any other key.
    """
    if not provider.key.required or path in provider.key.open_paths:
        return
    sent = headers.get(provider.key.header.lower(), "").strip()
    if not sent:
        raise refuse(provider, "missing_key")
    scheme = provider.key.scheme
    if scheme:
        found, _, key = sent.partition(" ")
        if found.lower() != scheme.lower():
            raise refuse(provider, "malformed_header", **masked(sent))
        key = key.strip()
        if not key:
            raise refuse(provider, "missing_key")
    else:
        key = sent
    if key == provider.key.local:
        return
    foreign = any(key == other.key.local for other in facts.values() if other.id != provider.id)
    raise refuse(provider, "foreign_key" if foreign else "wrong_key", **masked(key))


def masked(key: str) -> dict[str, str]:
    """The little of a key that providers repeat in their messages: at most its last four characters.

    >>> masked("sk-abcdefghijklmnop")
    {'key_tail': 'mnop', 'key_masked': 'sk-************mnop'}
    """
    safe = key.isascii() and key.isprintable()
    tail = key[-4:] if len(key) >= 12 and safe else "*" * min(len(key), 4)
    head = "sk-" if key.startswith("sk-") else ""
    return {"key_tail": tail, "key_masked": head + "*" * max(0, min(len(key), 40) - len(head) - len(tail)) + tail}


def stranger(headers: Mapping[str, str], allowed: Iterable[str] = ()) -> str | None:
    """A sentence when a request must not be answered at all, else None.

    The lab answers on this machine's own names only: a web page that makes a browser call it under another name (DNS
    rebinding) or from another origin gets nothing.
    Source: https://en.wikipedia.org/wiki/DNS_rebinding; RFC 6454 for Origin.
    """
    names = LOOPBACK | {name.lower() for name in allowed}
    host = _name_in(f"//{headers.get('host', '')}")
    if host not in names:
        name = host or "(none)"
        return f"The lab does not answer under the name {name}. Call 127.0.0.1, or start it with --allow-host NAME."
    origin = headers.get("origin")
    if origin is not None and _name_in(origin) not in names:
        return "The lab does not answer web pages of other origins."
    return None


def _name_in(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
