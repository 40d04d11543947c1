"""What has an effect, and another one than it seems: parameters, variables, titles, names, the menu."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labkit.config.findings import Finding, did_you_mean
from labkit.config.models import Endpoint
from labkit.config.profiles import CLIENT_NAMES, DROP_INSTEAD
from labkit.config.variables import REFUSED, USER_PROVIDED

if TYPE_CHECKING:
    from labkit.config.file import Config

VERSION = (1, 3, 17)
BUILT_IN = ("openAI", "azureOpenAI", "google", "anthropic", "assistants", "azureAssistants", "agents", "bedrock")
TITLE_KEYS = ("titleConvo", "titleModel", "titleMethod", "titlePrompt", "titlePromptTemplate", "titleEndpoint")
_MODEL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.:/@+-]*")
# Fields of an endpoint that no provider's body has; one of them in addParams is indented too deep.
ENDPOINT_FIELDS = (
    "apiKey baseURL dropParams addParams customParams headers iconURL modelDisplayLabel directEndpoint titleConvo "
    "titleModel titleMethod titlePrompt titleEndpoint titleTiming"
).split()
_LOST = tuple(name for name, wire in CLIENT_NAMES.items() if wire is None)


def surprising(config: Config, current: bool) -> Iterator[Finding]:
    """All findings of this grade that need no facts about providers."""
    if current:
        yield from _version(config)
    yield from _all(config)
    seen: dict[str, Endpoint] = {}
    names = dict.fromkeys((*BUILT_IN, *(e.name for e in config.endpoints if e.name)))
    for endpoint in config.endpoints:
        yield from _variables(config, endpoint)
        if current:
            yield from _dropped_params(config, endpoint)
            yield from _added_params(config, endpoint)
            yield from _definitions(config, endpoint)
        yield from _titles(config, endpoint, names)
        yield from _models(config, endpoint)
        if endpoint.name is not None and endpoint.name in seen:
            first = config.place(seen[endpoint.name].keys).line
            what = f"a second endpoint is called {endpoint.name!r}; LibreChat finds the one of line {first}"
            yield _found(config, endpoint, ("name",), "same-name", what, "Give each a name of its own")
        seen.setdefault(endpoint.name or "", endpoint)
    yield from _specs(config)


def _found(
    config: Config, endpoint: Endpoint, keys: tuple[Any, ...], code: str, what: str, right: str, *, key: bool = False
) -> Finding:
    return Finding("surprising", code, config.place((*endpoint.keys, *keys), key=key), what, right)


def _version(config: Config) -> Iterator[Finding]:
    version = config.data.get("version") if isinstance(config.data, dict) else None
    if isinstance(version, str) and (match := re.fullmatch(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", version.strip())):
        if tuple(map(int, match.groups())) < VERSION:
            yield Finding(
                "surprising",
                "old-version",
                config.place(("version",)),
                f"LibreChat logs that version {version} is outdated, and reads the file all the same",
                f'The version now is "{".".join(map(str, VERSION))}"',
            )


def _all(config: Config) -> Iterator[Finding]:
    every = config.builtin("all")
    if every is None:
        return
    own = [e.name or "an endpoint" for e in config.endpoints if any(key in e.raw for key in TITLE_KEYS)]
    what = "for titles `all` takes the place of each endpoint's settings as a whole; it is not merged with them"
    right = (
        f"The title settings of {', '.join(own)} have no effect" if own else "Set every title key that you need here"
    )
    yield Finding("surprising", "endpoints-all", config.place(("endpoints", "all"), key=True), what, right)


def _variables(config: Config, endpoint: Endpoint) -> Iterator[Finding]:
    raw = endpoint.raw
    texts: list[tuple[tuple[Any, ...], Any]] = [(("apiKey",), raw.get("apiKey")), (("baseURL",), raw.get("baseURL"))]
    headers = raw.get("headers")
    texts += [(("headers", name), text) for name, text in headers.items()] if isinstance(headers, dict) else []
    for keys, text in texts:
        if isinstance(text, str):
            for code, what, right in _variable(text, keys[0]):
                yield _found(config, endpoint, keys, code, what, right)
    if isinstance(headers, dict) and headers and raw.get("baseURL") == USER_PROVIDED:
        what = "headers are not sent while baseURL is user_provided"
        yield _found(config, endpoint, ("headers",), "headers-not-sent", what, "Set baseURL here", key=True)


def _variable(text: str, field: str) -> Iterator[tuple[str, str, str]]:
    trimmed = text.strip()
    whole = re.fullmatch(r"\$\{(.+)\}", trimmed)
    name = whole.group(1) if whole else ""
    right = "Write ${NAME}, with letters, digits and _ alone"
    if whole and "}" in name:
        yield (
            "two-variables",
            "two variables are read as one whose name has braces in it; nothing is put in",
            "Begin or end with another sign (x${A}-${B}), or make it one variable",
        )
    elif whole and ":-" in name:
        yield "shell-syntax", "LibreChat knows no defaults: nothing is put in for ${NAME:-…}", right
    elif whole and name != name.strip():
        yield "spaces-in-variable", "the spaces belong to the variable's name: nothing is put in", right
    elif whole and name in REFUSED:
        yield "infrastructure-secret", f"LibreChat never puts {name} into a request", "Use a variable of its own"
    elif whole and name == "OPENROUTER_API_KEY" and field == "apiKey":
        yield (
            "openrouter-variable",
            "a variable called OPENROUTER_API_KEY also sends the built-in OpenAI endpoint to OpenRouter",
            "Call it OPENROUTER_KEY",
        )
    if "$${" in trimmed:
        yield "doubled-dollar", "the first $ stays: this is the escape of docker-compose", "Write ${NAME}"
    elif re.fullmatch(r"\$[A-Za-z_]\w*", trimmed, re.ASCII):
        yield "no-braces", "without braces nothing is put in", f"Write ${{{trimmed[1:]}}}"
    if field in ("apiKey", "baseURL") and trimmed.lower().replace("-", "_").replace(" ", "_") == USER_PROVIDED:
        if trimmed != USER_PROVIDED:
            yield "user-provided", "only the exact word asks each user", f'Write "{USER_PROVIDED}"'


def _dropped_params(config: Config, endpoint: Endpoint) -> Iterator[Finding]:
    names = endpoint.raw.get("dropParams")
    for number, name in enumerate(names if isinstance(names, list) else ()):
        at = ("dropParams", number)
        if isinstance(name, str) and name in DROP_INSTEAD:
            what = f"{name!r} is sent all the same: LibreChat 0.8 knows the value as {DROP_INSTEAD[name]!r}"
            if name == "stream":
                what = "'stream' is sent all the same"
            right = "Add disableStreaming: true to addParams" if name == "stream" else f"Write {DROP_INSTEAD[name]}"
            yield _found(config, endpoint, at, "drop-has-no-effect", what, right)
        elif name == "model":
            what = "without a model LangChain puts its own in: the request asks for gpt-3.5-turbo"
            yield _found(config, endpoint, at, "drop-model", what, "Leave model in")
        elif name == "messages":
            yield _found(config, endpoint, at, "drop-has-no-effect", "messages are always sent", "Take it away")


def _added_params(config: Config, endpoint: Endpoint) -> Iterator[Finding]:
    added = endpoint.raw.get("addParams")
    for name, value in added.items() if isinstance(added, dict) else ():
        at = ("addParams", name)
        if name == "max_tokens":
            what, right = "max_tokens is not sent: LangChain lays its own over it, which is unset", "Write maxTokens"
            yield _found(config, endpoint, at, "add-max-tokens", what, right, key=True)
        elif name in _LOST:
            what = f"{name} is lost: LangChain takes it as an option of a call, and LibreChat's call has none"
            yield _found(config, endpoint, at, "add-is-lost", what, "There is no other name for it", key=True)
        elif name == "stream":
            what = "stream has no effect: the answer is streamed all the same"
            yield _found(config, endpoint, at, "add-stream", what, "Write disableStreaming: true", key=True)
        elif name in ENDPOINT_FIELDS:
            what = f"{name} is sent to the provider as a field of the body"
            right = "It belongs to the endpoint: indent it as addParams itself"
            yield _found(config, endpoint, at, "add-is-a-setting", what, right, key=True)
        elif name == "messages":
            what = "messages cannot be replaced"
            yield _found(config, endpoint, at, "add-messages", what, "Take it away", key=True)
        elif name == "model":
            what = "every request asks for this model, whatever the menu says"
            yield _found(config, endpoint, at, "add-model", what, "List it under models.default instead", key=True)
        elif (name == "web_search" or name == "useResponsesApi") and value is True and not _is_openrouter(endpoint):
            what = f"{name} sends the request to /responses; a server that knows only chat completions answers 404"
            yield _found(
                config, endpoint, at, "add-moves-path", what, "Take it away unless the provider has it", key=True
            )


def _is_openrouter(endpoint: Endpoint) -> bool:
    return "openrouter" in f"{endpoint.name} {endpoint.baseURL}".lower()


def _definitions(config: Config, endpoint: Endpoint) -> Iterator[Finding]:
    definitions = endpoint.customParams.paramDefinitions if endpoint.customParams else None
    for number, definition in enumerate(definitions or ()):
        at = ("customParams", "paramDefinitions", number, "default")
        if definition.get("key") == "max_tokens" and definition.get("default") is not None:
            what = "the default of max_tokens is shown and not sent"
            yield _found(config, endpoint, at, "default-max-tokens", what, "Put maxTokens into addParams", key=True)


def _titles(config: Config, endpoint: Endpoint, names: Mapping[str, None]) -> Iterator[Finding]:
    if endpoint.kept and "titleConvo" not in endpoint.raw and config.builtin("all") is None:
        what = "titles are on: each new conversation sends a second request"
        model = "" if endpoint.titleModel else ", and set titleModel if you leave it on"
        yield _found(config, endpoint, (), "titles-on", what, f"Write titleConvo: false to turn them off{model}")
    other = endpoint.titleEndpoint
    if other and other not in names:
        what = f"there is no endpoint {other!r} for the titles"
        yield _found(config, endpoint, ("titleEndpoint",), "no-such-endpoint", what, did_you_mean(other, names))


def _models(config: Config, endpoint: Endpoint) -> Iterator[Finding]:
    if endpoint.models is None or not isinstance(endpoint.models.default, list):
        return
    for number, item in enumerate(endpoint.models.default):
        name = item.get("name") if isinstance(item, dict) else item
        if isinstance(name, str) and (len(name) > 256 or not _MODEL_ID.fullmatch(name)):
            what = "LibreChat refuses to send a model id with these signs"
            right = "An id has letters, digits and _ . : / @ + - alone, and begins with a letter or digit"
            yield _found(config, endpoint, ("models", "default", number), "model-id", what, right)


def _specs(config: Config) -> Iterator[Finding]:
    by_name = {e.name: e for e in reversed(config.endpoints) if e.name}
    for spec in config.specs:
        preset = spec.raw.get("preset")
        wanted = preset.get("endpoint") if isinstance(preset, dict) else None
        if not isinstance(preset, dict) or not isinstance(wanted, str):
            continue
        at = (*spec.keys, "preset")
        if wanted not in by_name and wanted not in BUILT_IN:
            right = did_you_mean(wanted, [*by_name, *BUILT_IN]) or "Name an endpoint of this file"
            place = config.place((*at, "endpoint"))
            yield Finding("surprising", "no-such-endpoint", place, f"there is no endpoint {wanted!r}", right)
            continue
        endpoint, model = by_name.get(wanted), preset.get("model")
        if endpoint and not endpoint.kept:
            place = config.place((*at, "endpoint"))
            yield Finding("surprising", "no-such-endpoint", place, f"{wanted!r} is left out (see there)", "Complete it")
        elif endpoint and isinstance(model, str) and endpoint.models and not endpoint.models.fetch:
            if endpoint.apiKey != USER_PROVIDED and model not in endpoint.models.names:
                place = config.place((*at, "model"))
                what = f"{wanted!r} does not list {model!r}: LibreChat refuses it as illegal_model_request"
                right = did_you_mean(model, endpoint.models.names) or "Add it to models.default"
                yield Finding("surprising", "model-not-listed", place, what, right)
