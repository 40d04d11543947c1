"""A LiteLLM proxy's configuration with the same endpoints: one entry a model, called `<endpoint>/<model>`.

LiteLLM is handed what LibreChat would have put on the wire itself: `addParams` as parameters of the model, dropped
names as `additional_drop_params`, both in the wire's spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labkit.config.profiles import CLIENT_NAMES
from labkit.config.request import harmless, missing, model_names
from labkit.config.to_librechat import dump
from labkit.config.variables import USER_PROVIDED, unfilled, variables_in

if TYPE_CHECKING:
    from labkit.config.file import Config

# What LiteLLM takes beside a model; everything else of addParams goes into `extra_body`.
_TAKEN = frozenset(
    "temperature top_p max_tokens max_completion_tokens stop seed frequency_penalty presence_penalty n response_format "
    "logprobs top_logprobs".split()
)


def to_litellm(config: Config) -> str:
    """The `config.yaml` of a LiteLLM proxy. Endpoints that LibreChat drops are left out, and a comment says so."""
    from labkit.config.export import endpoints_of, without_keys

    models: list[dict[str, Any]] = []
    remarks: list[str] = []
    for raw in endpoints_of(without_keys(config)):
        name = " ".join(str(raw.get("name") or "an endpoint without a name").split())
        if missing(raw):
            remarks.append(f"{name} is left out: {' and '.join(missing(raw))} missing.")
            continue
        names = model_names(raw)
        if not names:
            remarks.append(f"{name} is left out: its models are fetched, and LiteLLM wants their names.")
        if USER_PROVIDED in (raw.get("apiKey"), raw.get("baseURL")):
            remarks.append(f"{name}: what LibreChat asks of each user stands in a variable here.")
        models += [{"model_name": f"{name}/{model}", "litellm_params": _parameters(raw, model)} for model in names]
    head = "".join(f"# {line}\n" for line in ("A LiteLLM proxy: litellm --config THIS_FILE", *remarks))
    return head + dump({"model_list": models, "litellm_settings": {"drop_params": False}})


def _parameters(raw: Mapping[str, Any], model: str) -> dict[str, Any]:
    native = raw.get("provider") == "anthropic"
    base = str(raw["baseURL"])
    if raw.get("directEndpoint") is True:
        base = base.rstrip("/").removesuffix("/chat/completions")
    found: dict[str, Any] = {
        "model": f"{'anthropic' if native else 'openai'}/{model}",
        "api_base": _from_environment(base.rstrip("/"), raw, "BASE_URL"),
        "api_key": _from_environment(str(raw["apiKey"]), raw, "API_KEY"),
    }
    added = raw.get("addParams")
    extra: dict[str, Any] = {}
    for name, value in (added if isinstance(added, dict) else {}).items():
        wire = CLIENT_NAMES.get(name, name) or name
        if wire in _TAKEN:
            found[wire] = value
        elif wire not in ("model", "stream", "streaming", "messages", "web_search", "maxRetries", "user"):
            extra[wire] = value
    if extra:
        found["extra_body"] = extra
    dropped = raw.get("dropParams")
    names = [CLIENT_NAMES.get(str(name)) or str(name) for name in (dropped if isinstance(dropped, list) else ())]
    if names:
        found["additional_drop_params"] = list(dict.fromkeys(names))
    headers = raw.get("headers")
    kept = {k: v for k, v in (headers if isinstance(headers, dict) else {}).items() if _fixed(v)}
    if kept:
        found["extra_headers"] = kept
    return found


def _fixed(value: Any) -> bool:
    return isinstance(value, str) and not variables_in(value) and "{{" not in value


def _from_environment(text: str, raw: Mapping[str, Any], what: str) -> str:
    """`${NAME}` in LiteLLM's words; `user_provided` and what LiteLLM cannot put together become variables too."""
    from labkit.config.export import variable_for

    if unfilled(text):
        return f"os.environ/{unfilled(text)}"
    if text == USER_PROVIDED or variables_in(text):
        return f"os.environ/{variable_for(raw, what)}"
    return text if what == "BASE_URL" or harmless(raw) else f"os.environ/{variable_for(raw, what)}"
