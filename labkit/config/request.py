"""The `httpx.Request` that an endpoint means, in either profile; nothing is sent.

With `env=` (a mapping) variables are filled in exactly as LibreChat does, and what it would refuse is refused. Without
it the request is made to be shown and to be sent by `lab.send`: a variable whose name says that it holds a key stays
`${LIKE_THIS}`, and the lab puts the right key in its place on the way out; a key that is written out in the file never
gets into a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from labkit.config.address import provider_at
from labkit.config.body import Asked, Draft, current, is_openrouter, legacy
from labkit.config.file import MESSAGE
from labkit.config.profiles import Profile, profile_of
from labkit.config.variables import (
    USER,
    USER_PROVIDED,
    WithoutKeys,
    can_be_set,
    fill_placeholders,
    resolve,
    unfilled,
)
from labkit.errors import ConfigError, did_you_mean
from labkit.keys import MASK
from labkit.keys.masks import mask_header

if TYPE_CHECKING:
    from labkit.config.file import Config

MODEL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.:/@+-]{0,255}")
ROUTER_HEADERS = {
    "HTTP-Referer": "https://librechat.ai",
    "X-Title": "LibreChat",
    "X-OpenRouter-Title": "LibreChat",
    "X-OpenRouter-Categories": "general-chat,personal-agent",
}
# Endpoints that LibreChat has without any entry, as a title's request may need them.
BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "openAI": {"name": "openAI", "baseURL": "https://api.openai.com/v1", "apiKey": "${OPENAI_API_KEY}"},
    "anthropic": {
        "name": "anthropic",
        "baseURL": "https://api.anthropic.com",
        "apiKey": "${ANTHROPIC_API_KEY}",
        "provider": "anthropic",
    },
}


@dataclass(frozen=True)
class Made:
    """A request with what is known of its making. raw: the endpoint's own mapping.  chosen: the panel's values."""

    request: httpx.Request
    draft: Draft
    raw: Mapping[str, Any]
    name: str
    model: str
    profile: Profile
    chosen: Mapping[str, Any]
    path: tuple[str | int, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body, parsed."""
        found: dict[str, Any] = json.loads(self.request.content)
        return found


def request(config: Config, endpoint: str = "", message: str = MESSAGE, **options: Any) -> httpx.Request:
    """The chat request that LibreChat would make for one message to `endpoint`. Options as in `make`."""
    return make(config, endpoint, message, **options).request


def make(
    config: Config,
    endpoint: str = "",
    message: str = MESSAGE,
    *,
    spec: str = "",
    model: str = "",
    chosen: Mapping[str, Any] | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    profile: str | Profile = "current",
    env: Mapping[str, str] | None = None,
    user: Mapping[str, str] = USER,
    user_key: str = "",
    user_url: str = "",
    title: bool = False,
) -> Made:
    """`request`, with what is known of its making.

    spec: a model spec by name; its preset chooses endpoint, model and values.  model: the first of the list unless
    given.  chosen: what the user set in LibreChat's panel, by its names (temperature, top_p, max_tokens, …), and
    `promptPrefix`, which becomes a system message.  messages: a whole conversation in place of `message`.
    env: see above.  user: who asks.  user_key, user_url: what the user stored for `user_provided`.
    Raises ConfigError where LibreChat would refuse, in its words, and where it drops the endpoint in silence.
    """
    style = profile_of(profile)
    values = dict(chosen or {})
    if spec:
        preset = preset_of(config, spec)
        endpoint = endpoint or str(preset.get("endpoint") or "")
        model = model or str(preset.get("model") or "")
        skipped = ("endpoint", "model", "spec", "iconURL", "greeting")
        values = {**{k: v for k, v in preset.items() if k not in skipped}, **values}
    raw, path = raw_of(config, endpoint)
    name = str(raw.get("name") or endpoint)
    where = str(config.place(path)) if path else config.name
    lacks = missing(raw)
    if lacks:
        raise ConfigError(
            f"LibreChat drops the endpoint {name!r} without a word: {' and '.join(lacks)} missing",
            where=where,
            right="It needs name, apiKey, baseURL, and models with `default` or `fetch`",
        )
    known: Mapping[str, str] = WithoutKeys() if env is None else env
    base = _base_url(raw, known, user_url, name, where)
    key = _key(raw, known, user_key, name, where, exact=env is not None)
    model = model or first_model(raw, base)
    if not title:  # a title's model is not asked about
        _gate(raw, model, name, where)
    system = values.get("promptPrefix")
    said: list[Mapping[str, Any]] = [{"role": "system", "content": str(system)}] if system and not title else []
    said += list(messages) if messages is not None else [{"role": "user", "content": message}]
    asked = Asked(model, said, {} if title else values, user.get("id", ""), name, base, title)
    draft = (legacy if style.word == "legacy" else current)(raw, asked)
    headers = _headers(raw, draft, key, known, user, name, base, style)
    content = json.dumps(draft.body, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")
    try:
        made = httpx.Request("POST", _url(raw, base, draft), headers=headers, content=content)
    except (httpx.InvalidURL, UnicodeEncodeError, ValueError) as error:
        raise ConfigError(f"no request can be made of it ({error})", where=where, do="Look at baseURL") from None
    return Made(made, draft, raw, name, model, style, values, path)


def models_request(config: Config, endpoint: str, *, env: Mapping[str, str] | None = None) -> httpx.Request | None:
    """The request for the list of models that `models.fetch: true` makes; None where it is not asked for."""
    raw, path = raw_of(config, endpoint)
    models = raw.get("models")
    if not isinstance(models, dict) or models.get("fetch") is not True:
        return None
    known: Mapping[str, str] = WithoutKeys() if env is None else env
    where, name = str(config.place(path)), str(raw.get("name") or endpoint)
    base = _base_url(raw, known, "", name, where)
    if raw.get("directEndpoint") is True:
        base = re.sub(r"/(chat/)?completions/?$", "", base)
    key = _key(raw, known, "", name, where, exact=env is not None)
    headers = httpx.Headers({"authorization": f"Bearer {key}"})
    headers.update(_own_headers(raw, known, USER))
    user = f"?user={USER['id']}" if models.get("userIdQuery") is True else ""
    return httpx.Request("GET", f"{base.rstrip('/')}/models{user}", headers=headers)


def raw_of(config: Config, name: str) -> tuple[Mapping[str, Any], tuple[str | int, ...]]:
    """An endpoint's own mapping and its place in the file; a built-in one that the file does not speak of, too."""
    own = [e for e in config.endpoints if e.name == name] or [
        e for e in config.endpoints if str(e.name).lower() == "ollama" == name.lower()
    ]
    if own:
        return own[0].raw, tuple(own[0].keys)
    if name in BUILT_IN:
        data = config.data.get("endpoints") if isinstance(config.data, dict) else None
        extra = data.get(name) if isinstance(data, dict) else None
        return {**BUILT_IN[name], **(extra if isinstance(extra, dict) else {})}, ("endpoints", name) if extra else ()
    names = [str(e.name) for e in config.endpoints if e.name]
    raise ConfigError(
        f"there is no endpoint {name!r}" if name else "which endpoint?",
        where=config.name,
        right=f"There are {', '.join(names) or 'none'}",
        do=did_you_mean(name, names) if name else "",
    )


def preset_of(config: Config, spec: str) -> Mapping[str, Any]:
    """The preset of a model spec. Raises ConfigError."""
    for one in config.specs:
        if one.name == spec:
            preset = one.raw.get("preset")
            return preset if isinstance(preset, dict) else {}
    names = [str(one.name) for one in config.specs]
    raise ConfigError(
        f"there is no model spec {spec!r}",
        where=config.name,
        right=f"There are {', '.join(names) or 'none'}",
        do=did_you_mean(spec, names),
    )


def missing(raw: Mapping[str, Any]) -> list[str]:
    """What the endpoint lacks for LibreChat to keep it."""
    lacks = [name for name in ("name", "apiKey", "baseURL") if not raw.get(name)]
    models = raw.get("models")
    if not models:
        lacks.append("models")
    elif not isinstance(models, dict) or not (models.get("fetch") or models.get("default")):
        lacks.append("models.default or models.fetch")
    return lacks


def model_names(raw: Mapping[str, Any]) -> list[str]:
    """The ids in `models.default`."""
    models = raw.get("models")
    given = models.get("default") if isinstance(models, dict) else None
    items = given if isinstance(given, list) else []
    return [str(item.get("name") if isinstance(item, dict) else item) for item in items]


def first_model(raw: Mapping[str, Any], base: str) -> str:
    """The model that stands first; of a list that must be fetched, the provider's chat model by the facts."""
    names = model_names(raw)
    if names:
        return names[0]
    from labkit import facts

    known = provider_at(base, facts.load())
    return known.model("chat").id if known else "unknown-model"


def _gate(raw: Mapping[str, Any], model: str, name: str, where: str) -> None:
    names, models = model_names(raw), raw.get("models")
    free = USER_PROVIDED in (raw.get("apiKey"), raw.get("baseURL")) or (
        isinstance(models, dict) and models.get("fetch") is True
    )
    if MODEL_ID.fullmatch(model) and (free or not names or model in names):
        return
    raise ConfigError(
        f"LibreChat refuses the model {model!r} of {name!r} (illegal_model_request)",
        where=where,
        right=f"`models.default` has {', '.join(names) or 'none'}",
        do=did_you_mean(model, names),
    )


def _base_url(raw: Mapping[str, Any], env: Mapping[str, str], user_url: str, name: str, where: str) -> str:
    written = str(raw.get("baseURL") or "")
    if written == USER_PROVIDED:
        if user_url:
            return user_url
        raise ConfigError(
            f"no user has stored a base URL for {name!r} (no_base_url)", where=where, do="Give it as user_url="
        )
    base = resolve(written, env)
    if unfilled(base):
        raise ConfigError(
            f"Missing Base URL for {name}.", where=where, right=f"{unfilled(base)!r} has to be a variable that is set"
        )
    return base


def _key(raw: Mapping[str, Any], env: Mapping[str, str], user_key: str, name: str, where: str, *, exact: bool) -> str:
    written = str(raw.get("apiKey") or "")
    if USER_PROVIDED in (written, raw.get("baseURL")):
        if exact and not user_key:
            raise ConfigError(
                f"no user has stored a key for {name!r} (no_user_key)", where=where, do="Give one as user_key="
            )
        return user_key or USER_PROVIDED
    key = resolve(written, env)
    left = unfilled(key)
    if left and (exact or not can_be_set(left)):
        raise ConfigError(
            f"Missing API Key for {name}.",
            where=where,
            right=f"{left!r} is read as the name of one variable" if not can_be_set(left) else f"{left} is not set",
            do="Write a single variable, such as ${MISTRAL_API_KEY}",
        )
    if not exact and "${" not in written and not harmless(raw):
        return MASK  # written out in the file: it is nobody's to see
    return key


def harmless(raw: Mapping[str, Any]) -> bool:
    """Whether the key that is written out in the file is no secret, as a local Ollama's is."""
    from labkit import facts
    from labkit.keys.scrub import is_harmless

    key = str(raw.get("apiKey") or "")
    known = provider_at(str(raw.get("baseURL") or ""), facts.load())
    return is_harmless(key) or bool(known and not known.key.required and key == known.key.local)


def _own_headers(raw: Mapping[str, Any], env: Mapping[str, str], user: Mapping[str, str]) -> dict[str, str]:
    given = raw.get("headers")
    if not isinstance(given, dict) or raw.get("baseURL") == USER_PROVIDED:
        return {}
    filled = {k: fill_placeholders(resolve(v, env), user) for k, v in given.items() if isinstance(v, str)}
    if isinstance(env, WithoutKeys):
        filled = {k: mask_header(k, v) for k, v in filled.items()}
    return filled


def _headers(
    raw: Mapping[str, Any],
    draft: Draft,
    key: str,
    env: Mapping[str, str],
    user: Mapping[str, str],
    name: str,
    base: str,
    profile: Profile,
) -> httpx.Headers:
    headers = httpx.Headers({"content-type": "application/json"})
    if draft.api == "messages":
        headers.update({"x-api-key": key, "anthropic-version": "2023-06-01"})
    else:
        headers["authorization"] = f"Bearer {key}"
    if is_openrouter(name, base):
        router = dict(list(ROUTER_HEADERS.items())[:2]) if profile.word == "legacy" else ROUTER_HEADERS
        headers.update(router)
    headers.update(_own_headers(raw, env, user))
    return headers


def _url(raw: Mapping[str, Any], base: str, draft: Draft) -> str:
    if raw.get("directEndpoint") is True:
        return base
    path = {"chat": "/chat/completions", "responses": "/responses", "messages": "/v1/messages"}[draft.api]
    return base.rstrip("/") + path
