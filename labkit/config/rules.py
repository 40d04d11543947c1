"""The rules of LibreChat's schema that are code there and not data, each by its name in `schema.json`.

A rule gets the value and `say(path, sentence)`, and answers what becomes of the value. Simpler than the truth: patterns
that LibreChat compiles with an engine of its own (MIME types, filters) are compiled with Python's here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from labkit.config.variables import resolve

Say = Callable[[tuple[str | int, ...], str], None]

BUILT_IN = (
    "azureOpenAI",
    "openAI",
    "google",
    "anthropic",
    "assistants",
    "azureAssistants",
    "agents",
    "custom",
    "bedrock",
)
SPECIAL = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
_SPACE = "".join(map(chr, range(33)))
_FORBIDDEN_HOST = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")


def units(text: str) -> int:
    """How long JavaScript says a text is: a character beyond U+FFFF counts twice."""
    return len(text) + sum(char > "\uffff" for char in text)


def is_url(text: str) -> bool:
    """Whether JavaScript's `new URL(text)` takes it. Source: https://url.spec.whatwg.org/#url-parsing"""
    return scheme_of(text) is not None


def scheme_of(text: str) -> str | None:
    """The scheme of an absolute URL, lower case; None when it is none."""
    text = text.strip(_SPACE).replace("\t", "").replace("\n", "").replace("\r", "")
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)\Z", text, re.DOTALL)
    if not match:
        return None
    scheme, rest = match.group(1).lower(), match.group(2)
    if scheme in SPECIAL:
        host = re.match(r"[/\\]*([^/\\?#]*)", rest)
        return scheme if host and _good_host(host.group(1), special=True) else None
    if rest.startswith("//") and scheme != "file":
        host = re.match(r"//([^/?#]*)", rest)
        return scheme if host and _good_host(host.group(1), special=False) else None
    return scheme


def _good_host(authority: str, *, special: bool) -> bool:
    host = authority.rpartition("@")[2]
    port = ""
    if match := re.fullmatch(r"(.*):([^:\]]*)", host):
        host, port = match.groups()
    if port and (not re.fullmatch(r"[0-9]+", port) or int(port[:9]) > 65535):
        return False
    if host.startswith("["):
        return _is_ipv6(host[1:-1]) if host.endswith("]") else False
    if not special:
        return not re.search(r"[\x00\t\n\r #/:<>?@\[\\\]^|]", host)
    if not host:
        return False
    plain = unquote_to_bytes(host).decode("utf-8", "replace")
    if not plain or _FORBIDDEN_HOST.search(plain):
        return False
    labels = plain.rstrip(".").split(".")
    if re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", labels[-1]):
        return _is_ipv4(labels)
    return True


def _is_ipv4(labels: list[str]) -> bool:
    if len(labels) > 4:
        return False
    numbers = []
    for label in labels:
        if not re.fullmatch(r"0[xX][0-9a-fA-F]*|0[0-7]*|[1-9][0-9]*", label) or len(label) > 20:
            return False
        base = 16 if label[:2] in ("0x", "0X") else 8 if label[0] == "0" else 10
        numbers.append(int(label[2:] or "0", 16) if base == 16 else int(label, base))
    return all(n < 256 for n in numbers[:-1]) and numbers[-1] < 256 ** (5 - len(numbers))


def _is_ipv6(text: str) -> bool:
    from ipaddress import AddressValueError, IPv6Address

    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return "%" not in text


def _private_address(entry: str, say: Say) -> str:
    text = entry.lower().strip()
    match = re.fullmatch(r"\[([^\]]+)\]:(\d+)", text) or re.fullmatch(r"([^:]+):(\d+)", text)
    if not text:
        say((), "an entry of allowedAddresses may not be empty")
    elif "://" in entry or "/" in entry or re.search(r"\s", entry):
        say((), "an entry of allowedAddresses is host:port, without scheme, path or spaces")
    elif not match or not 1 <= int(match.group(2)[:9]) <= 65535:
        say((), "an entry of allowedAddresses needs a port: localhost:11434 or [::1]:11434")
    elif not _private(match.group(1)):
        say((), "an address in allowedAddresses must be a private one")
    return entry


def _private(host: str) -> bool:
    from ipaddress import ip_address

    if not re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}", host) and ":" not in host:
        return True  # a name
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return not address.is_global


def _engines(value: Any, say: Say) -> Any:
    names = value if isinstance(value, list) else str(value).split(",")
    return ",".join(kept for name in names if (kept := name.strip())) or None


def _git_ref(ref: str, say: Say) -> str:
    bad = (
        ref.startswith("/")
        or ref.endswith(("/", "."))
        or any(part in ref for part in ("..", "//", "\\", "@{"))
        or ref == "@"
        or any(ord(c) <= 32 or ord(c) == 127 or c in "~^:?*[" for c in ref)
        or any(not s or s.startswith(".") or s.endswith(".lock") for s in ref.split("/"))
    )
    if bad:
        say((), "it is not a valid Git reference")
    return ref


def _skill_path(path: str, say: Say) -> str:
    if not path.strip():
        say((), "it must not be empty")
        return path
    trimmed = path.strip().strip("/")
    trimmed = "" if trimmed == "." else trimmed
    if "\\" in trimmed or ".." in trimmed or not re.fullmatch(r"[a-zA-Z0-9._\-/]*", trimmed):
        say((), "it must have only letters, digits, dots, underscores, hyphens and slashes, and not go upwards")
    elif trimmed and any(part in ("", ".") for part in trimmed.split("/")):
        say((), "it must not have empty or dot segments")
    return trimmed


def _tenant_id(name: str, say: Say) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", name) or name == "__SYSTEM__":
        say((), "it is not a valid tenant id")
    return name


def _github_source(source: Any, say: Say) -> Any:
    if not source.get("credentialKey") and not source.get("token"):
        say(("credentialKey",), "either credentialKey or token is required")
    if source.get("credentialKey") and source.get("token"):
        say(("token",), "credentialKey and token may not stand together")
    return source


def _github_sync(github: Any, say: Say) -> Any:
    if github["enabled"] and not github["sources"]:
        say(("sources",), "a sync that is enabled needs a source")
    names = [source.get("id") for source in github["sources"] if isinstance(source, dict)]
    if len(set(names)) < len(names):
        say(("sources",), "two sources have one id")
    return github


def _oauth_client(oauth: Any, say: Say) -> Any:
    if oauth.get("client_secret") and not oauth.get("client_id"):
        say(("client_secret",), "client_secret needs client_id")
    elif oauth.get("client_secret") and not (oauth.get("authorization_url") and oauth.get("token_url")):
        say(("client_secret",), "client_secret needs authorization_url and token_url")
    return oauth


def _one_of(*schemes: str, sentence: str, instead: bool = False) -> Callable[[str, Say], str]:
    def rule(url: str, say: Say) -> str:
        scheme = scheme_of(url)
        if scheme is not None and (scheme in schemes) == instead:
            say((), sentence)
        return url

    return rule


def _cloudfront(data: Any, say: Say) -> Any:
    if data["invalidateOnDelete"] and not data.get("distributionId"):
        say(("distributionId",), "it is required when invalidateOnDelete is true")
    elif data["imageSigning"] == "cookies" and not data.get("cookieDomain"):
        say(("cookieDomain",), 'it is required when imageSigning is "cookies"')
    elif data["requireSignedAccess"] and data["imageSigning"] != "cookies":
        say(("requireSignedAccess",), 'it requires imageSigning "cookies"')
    return data


def _begins_with_dot(text: str, say: Say) -> str:
    if not text.startswith("."):
        say((), 'it must begin with a dot: ".example.com"')
    return text


def _pattern(sentence: str, *, linear: bool) -> Callable[[str, Say], str]:
    def rule(text: str, say: Say) -> str:
        try:
            re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", text))
        except (re.error, RecursionError, OverflowError):
            say((), sentence)
            return text
        if linear and re.search(r"\(\?<?[=!]|\\[1-9]", text):
            say((), sentence)
        return text

    return rule


_mime_pattern = _pattern("it is not a pattern that can be compiled", linear=False)
_linear_pattern = _pattern("it is not a pattern without look-around and back-references", linear=True)


def _preset_endpoint(preset: Any, say: Say) -> Any:
    if "endpoint" not in preset and not preset.get("agent_id"):
        say(("endpoint",), "a preset needs an endpoint, unless it names an agent_id")
    return preset


def _number_from_text(value: Any, say: Say) -> Any:
    if not isinstance(value, str):
        return value
    match = re.match(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)", value)
    return float(match.group(1)) if match else None


def _subagents(value: Any, say: Say) -> Any:
    if len(value.get("agent_ids") or ()) > 10:
        say(("agent_ids",), "there may be at most 10")
    return value


def _filter_sizes(filters: Any, say: Say) -> Any:
    patterns = [p for f in filters.values() for p in (((f or {}).get("pii") or {}).get("customPatterns") or ()) if p]
    if len(patterns) > 256:
        say((), "there may be at most 256 patterns in all")
    if sum(units(p.get("regex") or "") for p in patterns) > 8192:
        say((), "the patterns may have at most 8192 characters in all")
    return filters


def _message_patterns(pii: Any, say: Say) -> Any:
    for number, pattern in enumerate(pii.get("customPatterns") or ()):
        _mime_pattern(pattern["regex"], lambda at, text, n=number: say(("customPatterns", n, "regex"), text))  # type: ignore[misc]
    if sum(units(p["regex"]) for p in pii.get("customPatterns") or ()) > 8192:
        say(("customPatterns",), "the patterns may have at most 8192 characters in all")
    return pii


def _some_endpoint(endpoints: Any, say: Say) -> Any:
    if not endpoints:
        say((), "at least one endpoint must stand in it")
    return endpoints


def _web_search(params: Any, say: Say) -> Any:
    if "web_search" in params and not isinstance(params["web_search"], bool):
        say(("web_search",), "in addParams it must be true or false")
    return params


def _plain_http_url(text: str, say: Say) -> str:
    if scheme_of(text) not in ("http", "https") or "?" in text or "#" in text:
        say((), "it must be an http(s) address without query or fragment")
    return text


def _default_is_allowed(field: Any, say: Say) -> Any:
    if field["default"] not in field["allowed"]:
        say(("default",), "it must be one of `allowed`")
    return field


def _pairing(pairing: Any, say: Say) -> Any:
    if pairing.get("workerId") is None and pairing.get("allowPrincipalWorkers") is not True:
        say((), "it needs a workerId, or allowPrincipalWorkers: true")
    return pairing


def _code_sessions(value: Any, say: Say) -> Any:
    seen: set[str] = set()
    defaults = executable = 0
    environments = value.get("environments")
    for number, each in enumerate(environments or ()):
        pairing, at = each.get("pairing"), ("environments", number)
        worker = each.get("workerId")
        alone = bool(pairing) and pairing.get("allowPrincipalWorkers") is True and not pairing.get("workerId")
        alone = alone and worker is None
        if pairing is not None and (each["type"] != "attached" or each["owner"] != "deployment"):
            say((*at, "pairing"), "only attached environments of the deployment may be paired")
        if pairing is not None and not _secure(each["baseURL"]):
            say((*at, "baseURL"), "a paired environment needs https, except on this machine")
        if worker is not None and pairing and pairing.get("workerId") not in (None, worker):
            say((*at, "workerId"), "it must be that of `pairing`")
        if alone and each.get("default") is True:
            say((*at, "default"), "an environment only for pairing cannot be the default")
        if each["id"] in seen:
            say(("environments",), "two environments have one id")
        seen.add(each["id"])
        executable += not alone
        defaults += not alone and each.get("default") is True
    if executable and defaults != 1:
        say(("environments",), "exactly one environment must be the default")
    return value


def _secure(url: str) -> bool:
    scheme = scheme_of(url.strip())
    host = re.match(r"[^:]+:[/\\]*(?:[^/\\?#]*@)?(\[[^\]]*\]|[^/\\?#:]*)", url.strip())
    local = host is not None and host.group(1).lower() in ("localhost", "127.0.0.1", "[::1]")
    return scheme == "https" or (scheme == "http" and local)


def _https_url(url: str, say: Say) -> str:
    if not _secure(url) and not re.match(r"http://[^/?#:]*\.localhost(?=[/?#:]|\Z)", url, re.IGNORECASE):
        say((), "it must be https, except on this machine")
    return url


def _remote_oidc(oidc: Any, say: Say) -> Any:
    for name in ("issuer", "audience"):
        if oidc.get("enabled") is True and not oidc.get(name):
            say((name,), "it is required when this is enabled")
    return oidc


def _management_oidc(oidc: Any, say: Say) -> Any:
    if oidc["enabled"] is True:
        if not oidc.get("issuer"):
            say(("issuer",), "it is required when this is enabled")
        if not oidc.get("audience") and (oidc.get("tokenUse") != "access" or not oidc.get("requiredScopes")):
            say(("requiredScopes",), "an audience, or access tokens with scopes, is required when this is enabled")
    return oidc


def _management_auth(auth: Any, say: Say) -> Any:
    if auth["oidc"].get("enabled") is True and not auth["clients"]:
        say(("clients",), "a client is required when this is enabled")
    names = [client.get("clientId") for client in auth["clients"] if isinstance(client, dict)]
    if len(set(names)) < len(names):
        say(("clients",), "two clients have one id")
    return auth


def _no_comma(scope: str, say: Say) -> str:
    if "," in scope:
        say((), "scopes are separated by spaces")
    return scope


def _not_built_in(name: str, say: Say) -> str:
    if name in BUILT_IN:
        say((), "a custom endpoint may not have the name of a built-in one")
    return name


def _positive_minimum(value: Any, say: Say) -> Any:
    if value.get("positiveMin") is not None and value["positiveMin"] > value["max"]:
        say(("positiveMin",), "it may not exceed `max`")
    return value


RULES: dict[str, Callable[[Any, Say], Any]] = {
    "any": lambda value, say: value,
    "private-address": _private_address,
    "engines": _engines,
    "git-ref": _git_ref,
    "skill-path": _skill_path,
    "tenant-id": _tenant_id,
    "github-source": _github_source,
    "github-sync": _github_sync,
    "from-environment": lambda value, say: resolve(value, os.environ),
    "oauth-client": _oauth_client,
    "websocket-url": _one_of("ws", "wss", sentence="it must begin with ws:// or wss://"),
    "not-websocket-url": _one_of("ws", "wss", sentence="it must not begin with ws:// or wss://", instead=True),
    "proxy-url": _one_of("http", "https", "socks", "socks5", sentence="a proxy is http, https, socks or socks5"),
    "begins-with-dot": _begins_with_dot,
    "cloudfront": _cloudfront,
    "mime-pattern": _mime_pattern,
    "number-from-text": _number_from_text,
    "preset-endpoint": _preset_endpoint,
    "subagents": _subagents,
    "linear-pattern": _linear_pattern,
    "filter-sizes": _filter_sizes,
    "message-patterns": _message_patterns,
    "web-search-is-boolean": _web_search,
    "plain-http-url": _plain_http_url,
    "default-is-allowed": _default_is_allowed,
    "pairing": _pairing,
    "code-sessions": _code_sessions,
    "https-url": _https_url,
    "management-oidc": _management_oidc,
    "management-auth": _management_auth,
    "remote-oidc": _remote_oidc,
    "no-comma": _no_comma,
    "not-built-in": _not_built_in,
    "positive-minimum": _positive_minimum,
    "some-endpoint": _some_endpoint,
}
