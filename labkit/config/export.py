"""`cfg.export(format)`: the same endpoints for LibreChat itself, for a LiteLLM proxy, as variables, for Postman.

No export holds a literal key: what stands in the file becomes a variable of a name made from the endpoint's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from labkit.config.request import harmless
from labkit.config.variables import USER_PROVIDED, can_be_set, variables_in
from labkit.errors import ConfigError, ParameterError, did_you_mean

if TYPE_CHECKING:
    from labkit.config.file import Config

FORMATS = ("librechat", "litellm", "env", "postman")


def export(config: Config, format: str = "librechat", **options: Any) -> str:
    """The configuration as text in another format: 'librechat', 'litellm', 'env' or 'postman'.

    options: of 'postman': base_urls, {endpoint: address} to put in the place of the file's own; model, profile.
    Raises ParameterError for another format, ConfigError for a file that holds no mapping.
    """
    from labkit.config.to_librechat import to_librechat
    from labkit.config.to_litellm import to_litellm
    from labkit.config.to_postman import to_postman

    makers: dict[str, Callable[..., str]] = {
        "librechat": to_librechat,
        "litellm": to_litellm,
        "env": to_env,
        "postman": to_postman,
    }
    if format not in makers:
        raise ParameterError(
            f"no export called {format!r}",
            where="export",
            right=f"There are {', '.join(FORMATS)}",
            do=did_you_mean(format, FORMATS),
        )
    if not isinstance(config.data, dict):
        raise ConfigError("holds no mapping, so there is nothing to export", where=config.name)
    return makers[format](config, **options)


def to_env(config: Config) -> str:
    """The variables that the file asks for, one a line, names without values."""
    names: dict[str, list[str]] = {}
    for raw in endpoints_of(without_keys(config)):
        for value in (raw.get("apiKey"), raw.get("baseURL"), *_map(raw.get("headers")).values()):
            for name in variables_in(value) if isinstance(value, str) else ():
                if can_be_set(name):
                    names.setdefault(name, [])
                    if str(raw.get("name")) not in names[name]:
                        names[name].append(str(raw.get("name")))
    lines = ["# The variables that the configuration asks for. Fill them in; never give this file away."]
    for name, users in names.items():
        lines += [f"# {', '.join(' '.join(user.split()) for user in users)}", f"{name}="]
    return "\n".join(lines) + "\n"


def endpoints_of(data: Any) -> list[Mapping[str, Any]]:
    """The custom endpoints that are mappings."""
    custom = _map(_map(data).get("endpoints")).get("custom")
    return [one for one in custom if isinstance(one, dict)] if isinstance(custom, list) else []


def without_keys(config: Config) -> dict[str, Any]:
    """The file's data with every literal key replaced by a variable."""
    given: dict[str, Any] = config.data if isinstance(config.data, dict) else {}
    data = _copied(given, "", frozenset(config.secrets))
    for before, raw in zip(endpoints_of(given), endpoints_of(data), strict=True):
        key = before.get("apiKey")
        if isinstance(key, str) and key and key != USER_PROVIDED and not variables_in(key) and not harmless(before):
            assert isinstance(raw, dict)
            raw["apiKey"] = f"${{{variable_for(raw)}}}"
        own = _map(raw.get("headers"))
        for name, value in own.items():
            own[name] = _header_kept(name, value, raw)
    return dict(data)


def variable_for(raw: Mapping[str, Any], what: str = "API_KEY") -> str:
    """A variable's name made from the endpoint's.

    >>> variable_for({"name": "My Mistral (EU)"})
    'MY_MISTRAL_EU_API_KEY'
    """
    word = re.sub(r"[^A-Za-z0-9]+", "_", str(raw.get("name") or "LLM")).strip("_").upper() or "LLM"
    return f"{'' if word[0].isalpha() else 'LLM_'}{word}_{what}"


def _header_kept(name: str, value: Any, raw: Mapping[str, Any]) -> Any:
    from labkit.keys.masks import credential

    if not isinstance(value, str) or variables_in(value) or "{{" in value:
        return value
    secret = credential(str(name), value)
    return value.replace(secret, f"${{{variable_for(raw)}}}") if secret else value


def _copied(value: Any, name: str, secrets: frozenset[str]) -> Any:
    if isinstance(value, dict):
        inner = str(value.get("name") or name) if isinstance(value.get("name"), str) else name
        return {key: _copied(one, inner, secrets) for key, one in value.items()}
    if isinstance(value, list):
        return [_copied(one, name, secrets) for one in value]
    if isinstance(value, str):
        for secret in sorted(secrets, key=len, reverse=True):
            if secret and secret in value:
                value = value.replace(secret, f"${{{variable_for({'name': name})}}}")
    return value


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
