"""What the learner's own librechat.yaml adds to a cause: where in the file it comes from, and the line that mends it.

It reads the file, the exchange and the facts. A key that stands in the file is never repeated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from labkit.config.address import provider_at
from labkit.config.profiles import RENAMED
from labkit.diagnosis.hints import named_parameter
from labkit.diagnosis.reading import Reading
from labkit.diagnosis.request_signs import provider_of

if TYPE_CHECKING:
    from labkit.config import Config
    from labkit.config.models import Endpoint
    from labkit.facts import Facts

ADDRESS = frozenset(
    {
        "path_doubled",
        "wrong_path",
        "web_page",
        "answer_no_json",
        "https_to_http",
        "unknown_host",
        "refused",
        "redirect",
        "unfilled_address",
    }
)
ADDRESS_FINDINGS = frozenset({"base-url-has-path", "base-url-path", "add-moves-path"})
KEY = frozenset({"missing_key", "wrong_key", "malformed_header", "other_key", "credential_kind", "key_in_other_header"})
FILE = frozenset({"config_invalid", "config_not_read"})


def in_file(cause: str, reading: Reading, facts: Facts, config: Config) -> str:
    """Sentences about the file for the cause of that id; '' when the file has nothing to do with it."""
    if cause in FILE:
        wrong = [f for f in config.check(facts) if f.grade in ("schema", "start-up", "dropped")]
        return str(wrong[0]) if wrong else f"{config.name} as it is here would be taken."
    endpoint = _endpoint(reading, facts, config)
    if endpoint is None:
        return ""
    if cause in ("parameter_refused", "parameter_value", "exclusive_fields"):
        return _parameter(re.split(r"[.\[]", named_parameter(reading))[0], endpoint, config, cause)
    if cause in ADDRESS:
        inside = config.place(tuple(endpoint.keys)).path
        found = [f for f in config.check(facts) if f.code in ADDRESS_FINDINGS and f.path.startswith(inside)]
        return " ".join(map(str, found))
    if cause in KEY:
        written = str(endpoint.raw.get("apiKey") or "")
        variable = re.search(r"\$\{\w+\}", written)
        whose = "each user's own" if written == "user_provided" else "written out in the file"
        return f"The key is {f'that of {variable[0]}' if variable else whose} ({_at(config, endpoint, 'apiKey')})."
    if cause in ("model_unknown", "model_retired"):
        asked, models = reading.asked.get("model"), endpoint.raw.get("models")
        listed = models.get("default") if isinstance(models, dict) else None
        if asked and isinstance(listed, list) and asked in [_name(item) for item in listed]:
            return f"The name stands in models.default ({_at(config, endpoint, 'models', 'default')})."
    return ""


def _parameter(name: str, endpoint: Endpoint, config: Config, cause: str) -> str:
    if not name or name in ("model", "messages", "stream"):
        return ""
    raw = endpoint.raw
    added, dropped = raw.get("addParams"), raw.get("dropParams")
    word = RENAMED.get(name, name)  # what LibreChat 0.8 calls the value inside
    if isinstance(added, dict) and name in added:
        return f"It comes from addParams ({_at(config, endpoint, 'addParams', name)}): change or remove that line."
    listed = dropped if isinstance(dropped, list) else []
    if word in listed:
        return f"dropParams has {word} already ({_at(config, endpoint, 'dropParams')}): was this file in use?"
    if name in listed:
        where = _at(config, endpoint, "dropParams")
        return f"dropParams says {name} ({where}), and LibreChat 0.8 knows the value as {word}: write that."
    if cause == "parameter_value":
        return ""
    rest = ", ".join([*map(str, listed), word])
    return f"In the endpoint {endpoint.name} ({_at(config, endpoint)}): dropParams: [{rest}]."


def _endpoint(reading: Reading, facts: Facts, config: Config) -> Endpoint | None:
    """The file's endpoint that the call went to, by the provider that answers at its base URL."""
    wanted = provider_of(reading, facts)
    for endpoint in config.endpoints:
        provider = provider_at(str(endpoint.raw.get("baseURL") or ""), facts)
        if wanted and provider is not None and provider.id == wanted:
            return endpoint
    return None


def _at(config: Config, endpoint: Endpoint, *keys: str) -> str:
    return f"{config.name}, line {config.place((*endpoint.keys, *keys), key=True).line}"


def _name(item: Any) -> Any:
    return item.get("name") if isinstance(item, dict) else item
