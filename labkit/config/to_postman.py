"""A Postman collection (v2.1): for each endpoint the chat, its title and the list of models, with variables.

Each request carries a test of its status, so that `newman run` says which one the provider did not answer as meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx

from labkit.config.export import variable_for
from labkit.config.request import make, missing
from labkit.config.titles import make_title
from labkit.config.variables import USER_PROVIDED, resolve, unfilled
from labkit.errors import ConfigError

if TYPE_CHECKING:
    from labkit.config.file import Config

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_UNSENT = frozenset({"host", "content-length"})


def to_postman(
    config: Config,
    *,
    base_urls: Mapping[str, str] | None = None,
    profile: str = "current",
    title: str = "LibreChat's endpoints",
) -> str:
    """The collection as JSON. base_urls: {endpoint: address}, to call the local providers in place of the real ones.

    Keys are collection variables without a value; an endpoint that LibreChat drops or refuses is not in it.
    """
    folders: list[dict[str, Any]] = []
    variables: dict[str, str] = {}
    for endpoint in config.endpoints:
        if missing(endpoint.raw) or any(folder["name"] == endpoint.name for folder in folders):
            continue
        try:
            folders.append(_folder(config, endpoint.raw, dict(base_urls or {}), profile, variables))
        except ConfigError:
            continue
    collection = {
        "info": {"name": title, "schema": SCHEMA, "description": f"What LibreChat sends ({profile})."},
        "item": folders,
        "variable": [{"key": key, "value": value, "type": "string"} for key, value in variables.items()],
    }
    return json.dumps(collection, ensure_ascii=False, indent=2) + "\n"


def _folder(
    config: Config, raw: Mapping[str, Any], base_urls: Mapping[str, str], profile: str, variables: dict[str, str]
) -> dict[str, Any]:
    name = str(raw["name"])
    written = str(raw["baseURL"])
    made = make(config, name, profile=profile, user_url="https://user.invalid")
    base = _base(made.request, raw)
    address, key = variable_for(raw, "BASE_URL"), _key_variable(raw)
    shown = base_urls.get(name, "" if USER_PROVIDED in written or unfilled(resolve(written, {})) else base)
    variables[address] = shown.rstrip("/") if raw.get("directEndpoint") is not True else shown
    variables.setdefault(key, "")
    items = [_item("chat", made.request, base, address, key)]
    second = make_title(config, name, profile=profile, user_url="https://user.invalid")
    if second is not None and second.name == name:
        items.append(_item("title", second.request, base, address, key))
    if raw.get("directEndpoint") is not True:
        path = "/v1/models" if raw.get("provider") == "anthropic" else "/models"
        listed = httpx.Request("GET", base.rstrip("/") + path, headers=made.request.headers)
        items.append(_item("models", listed, base, address, key))
    return {"name": name, "item": items}


def _base(request: httpx.Request, raw: Mapping[str, Any]) -> str:
    if raw.get("directEndpoint") is True:
        return str(request.url)
    return re.sub(r"/(chat/completions|responses|v1/messages)$", "", str(request.url))


def _key_variable(raw: Mapping[str, Any]) -> str:
    return unfilled(str(raw.get("apiKey") or "")) or variable_for(raw)


def _item(name: str, request: httpx.Request, base: str, address: str, key: str) -> dict[str, Any]:
    rest = str(request.url).removeprefix(base.rstrip("/"))
    headers = []
    for header, value in request.headers.items():
        if header in _UNSENT or (request.method == "GET" and header == "content-type"):
            continue
        if header == "authorization" and value.startswith("Bearer "):
            value = f"Bearer {{{{{key}}}}}"
        elif header == "x-api-key":
            value = f"{{{{{key}}}}}"
        else:
            value = re.sub(r"\$\{(\w+)\}", r"{{\1}}", value)
        headers.append({"key": header, "value": value, "type": "text"})
    raw = f"{{{{{address}}}}}{rest}"
    path = [part for part in rest.split("?")[0].split("/") if part]
    found: dict[str, Any] = {
        "method": request.method,
        "header": headers,
        "url": {"raw": raw, "host": [f"{{{{{address}}}}}"], "path": path},
    }
    if request.content:
        text = json.dumps(json.loads(request.content), ensure_ascii=False, indent=2)
        found["body"] = {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    script = ['pm.test("is answered with 200", () => pm.response.to.have.status(200));']
    test = {"listen": "test", "script": {"type": "text/javascript", "exec": script}}
    return {"name": name, "request": found, "response": [], "event": [test]}
