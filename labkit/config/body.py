"""The JSON body of a chat, from an endpoint's fields and what the user chose: what goes in, under which name, and why.

`Draft.notes` says of each declared field what became of it, by its path in the endpoint ('addParams.max_tokens').
Rows of the measured table are test vectors; what was only read in LibreChat's source is noted with '(by its source)'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.config.profiles import CLIENT_NAMES, DROP_INSTEAD, KNOWN, RENAMED, SETTINGS

Message = Mapping[str, Any]
LANGCHAIN_MODEL = "gpt-3.5-turbo"  # ChatOpenAI's own default
THINKING = {"type": "enabled", "budget_tokens": 2000}
TAKE_A_BUDGET = ("plain", "budget", "mixed")  # families of Claude in the facts that take such a budget
NOTHING = "nothing"
BODY_ORDER = (
    "model temperature top_p frequency_penalty presence_penalty logprobs top_logprobs n logit_bias stop user stream "
    "audio modalities service_tier"
).split()
_SAMPLING = ("frequencyPenalty", "presencePenalty", "temperature", "topP", "logitBias", "n", "logprobs")
_SEARCH_LACKS = (
    "frequency_penalty presence_penalty reasoning reasoning_effort temperature top_p top_k stop logit_bias seed "
    "response_format n logprobs user"
).split()


@dataclass
class Draft:
    """A body on its way. api: 'chat', 'responses' or 'messages'.  notes: path -> (what leaves, why)."""

    body: dict[str, Any]
    api: str = "chat"
    notes: dict[str, tuple[str, str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def note(self, path: str, leaves: str, why: str = "") -> None:
        """Say what became of the field at `path`."""
        self.notes[path] = (leaves, why)


@dataclass(frozen=True)
class Asked:
    """What a body is made for. chosen: values of the user or the preset, by the names of LibreChat's panel."""

    model: str
    messages: Sequence[Message]
    chosen: Mapping[str, Any]
    user: str
    name: str
    base_url: str
    title: bool = False


def is_openrouter(name: str, base_url: str) -> bool:
    """Whether LibreChat takes the endpoint for OpenRouter."""
    return "openrouter" in name.lower() or "openrouter" in base_url.lower()


def reasons(model: str) -> bool:
    """Whether LangChain takes the model for one of OpenAI's reasoning models."""
    return bool(re.match(r"o\d", model)) or (model.startswith("gpt-5") and not model.startswith("gpt-5-chat"))


def current(raw: Mapping[str, Any], asked: Asked) -> Draft:
    """The body that LibreChat 0.8 makes of an endpoint."""
    custom = raw.get("customParams") if isinstance(raw.get("customParams"), dict) else {}
    assert isinstance(custom, dict)
    if raw.get("provider") == "anthropic":
        return _messages(raw, asked)
    if custom.get("defaultParamsEndpoint") == "anthropic":
        return _anthropic_shaped(raw, asked)
    return _langchain(raw, asked, custom)


def _langchain(raw: Mapping[str, Any], asked: Asked, custom: Mapping[str, Any]) -> Draft:
    draft = Draft({})
    chosen = {k: v for k, v in asked.chosen.items() if v is not None}
    openrouter = is_openrouter(asked.name, asked.base_url)
    # What LangChain's client is made with, and what it adds to every body as it is.
    client: dict[str, Any] = {"streaming": True, "model": asked.model, "user": asked.user}
    body: dict[str, Any] = {}
    origin: dict[str, str] = {}  # client name or body name -> the declared path that set it last
    search = chosen.pop("web_search", None)
    effort, summary = chosen.pop("reasoning_effort", None), chosen.pop("reasoning_summary", None)
    if chosen.get("verbosity"):
        body["verbosity"] = chosen["verbosity"]
        origin["verbosity"] = "chosen.verbosity"
    for name, value in chosen.items():
        if name in ("model", "promptPrefix", "modelLabel", "maxContextTokens", "resendFiles", "imageDetail"):
            continue
        if name == "verbosity":
            continue
        if custom.get("defaultParamsEndpoint") == "google" and name in ("maxOutputTokens", "topK"):
            body[name], origin[name] = value, f"chosen.{name}"
            continue
        client[RENAMED.get(name, name)] = value
        origin[RENAMED.get(name, name)] = f"chosen.{name}"
    for number, item in enumerate(_list(custom.get("paramDefinitions"))):
        if not isinstance(item, dict) or "key" not in item or item.get("default") is None:
            continue
        name, path = str(item["key"]), f"customParams.paramDefinitions[{number}]"
        value = item["default"]
        if name == "web_search":
            search = value if search is None and isinstance(value, bool) else search
            draft.note(path, "the address", "turns web search on where the user has not chosen")
        elif (name in RENAMED and RENAMED[name] in client) or name in client or name in body:
            draft.note(path, NOTHING, f"the user has chosen `{name}`")
        elif name in KNOWN:
            client[name], origin[name] = value, path
        else:
            body[name], origin[name] = value, path
    for name, value in _map(raw.get("addParams")).items():
        path = f"addParams.{name}"
        if name == "web_search":
            search = value if isinstance(value, bool) else search
            draft.note(path, "the address" if value is True else NOTHING, "web search is no field of the body")
        elif name in KNOWN:
            _overridden(draft, origin, name, path)
            client[name], origin[name] = value, path
        else:
            _overridden(draft, origin, name, path)
            if RENAMED.get(name) in client and name != "max_tokens":
                _overridden(draft, origin, RENAMED[name], path)
            body[name], origin[name] = value, path
    _reasoning(draft, raw, custom, asked, effort, summary, openrouter, client, body)
    dropped = [str(name) for name in _list(raw.get("dropParams"))]
    if "web_search" in dropped:
        search = False
    if search and openrouter:
        body["plugins"] = [{"id": "web"}]
        draft.note("addParams.web_search", 'body.plugins = [{"id": "web"}]', "OpenRouter takes it as a plugin")
    elif search:
        client["useResponsesApi"] = True
        draft.note(
            "addParams.web_search", "POST …/responses", "web search exists in the Responses API alone: another address"
        )
    _model_rules(draft, asked.model, client, origin)
    _drop(draft, dropped, client, body, origin)
    if asked.title:
        for name in ("maxTokens", "maxCompletionTokens"):
            if name in client:
                del client[name]
                draft.note(origin.get(name, name), NOTHING, "a title's request has no limit of tokens")
        for name in ("max_tokens", "max_completion_tokens"):
            body.pop(name, None)
        client["streaming"] = False
    if client.get("disableStreaming"):
        client["streaming"] = False
        draft.note(origin.get("disableStreaming", "disableStreaming"), "body.stream = false", "LangChain's own switch")
    return _on_the_wire(draft, asked, client, body, origin)


def _on_the_wire(
    draft: Draft, asked: Asked, client: dict[str, Any], extra: dict[str, Any], origin: dict[str, str]
) -> Draft:
    """What LangChain makes of its own names, and of what is to be added."""
    model = str(client.get("model") or client.get("modelName") or LANGCHAIN_MODEL)
    fields: dict[str, Any] = {}
    for name, value in client.items():
        path = origin.get(name, "")
        if name in CLIENT_NAMES:
            wire = CLIENT_NAMES[name]
            if wire is None:
                draft.note(path, NOTHING, f"LangChain takes `{name}` as an option of a call only: it is lost")
            elif wire != "max_tokens":
                fields[wire] = value
                if path and wire not in extra:
                    draft.note(path, f"body.{wire} = {_short(value)}", _renamed(name, wire))
                elif path and path not in draft.notes:
                    draft.note(path, NOTHING, f"`{wire}` is laid over it")
        elif name in SETTINGS:
            if path and SETTINGS[name]:
                draft.note(path, NOTHING, SETTINGS[name])
        elif name == "top_p":
            draft.note(path, NOTHING, "a value chosen as `top_p` is never renamed to LangChain's `topP`: it is lost")
        elif path:
            draft.note(path, NOTHING, "LangChain's client knows no such name")
    fields["model"] = model
    fields["stream"] = bool(client.get("streaming"))
    body = {name: fields[name] for name in BODY_ORDER if name in fields}
    for name, value in extra.items():
        if name in ("max_tokens", "max_completion_tokens") and (
            name == ("max_completion_tokens" if reasons(model) else "max_tokens")
        ):
            draft.note(origin.get(name, name), NOTHING, "LangChain writes its own `maxTokens`, which is unset, over it")
            continue
        body[name] = value
        if name in origin:
            draft.note(origin[name], f"body.{name} = {_short(value)}", "no name of LangChain's: added as it is")
    limit = client.get("maxCompletionTokens", client.get("maxTokens"))
    limit_path = origin.get("maxCompletionTokens") or origin.get("maxTokens", "")
    if limit is not None and limit != -1:
        wire = "max_completion_tokens" if reasons(model) else "max_tokens"
        body[wire] = limit
        draft.note(limit_path, f"body.{wire} = {_short(limit)}", "LangChain's `maxTokens`")
    messages = [
        {**m, "role": "developer"} if m.get("role") == "system" and reasons(model) else dict(m) for m in asked.messages
    ]
    if client.get("useResponsesApi"):
        draft.api = "responses"
        body.pop("stop", None)
        for old in ("max_tokens", "max_completion_tokens"):
            if old in body:
                body["max_output_tokens"] = body.pop(old)
        if "useResponsesApi" in origin:
            draft.note(origin["useResponsesApi"], "POST …/responses", "another API at another address")
        search = "addParams.web_search" in draft.notes or asked.chosen.get("web_search")
        body = {**body, **({"tools": [{"type": "web_search"}]} if search else {}), "input": messages}
    else:
        body["messages"] = messages
    if "messages" in extra:
        draft.note("addParams.messages", NOTHING, "the conversation is written last and cannot be replaced")
    draft.body = body
    return draft


def _reasoning(
    draft: Draft,
    raw: Mapping[str, Any],
    custom: Mapping[str, Any],
    asked: Asked,
    effort: Any,
    summary: Any,
    openrouter: bool,
    client: dict[str, Any],
    body: dict[str, Any],
) -> None:
    form = custom.get("reasoningFormat")
    given = {k: v for k, v in (("effort", effort), ("summary", summary)) if v}
    if isinstance(client.get("reasoning"), dict):
        value = client.pop("reasoning")
        if reasons(asked.model) and value.get("effort"):
            body["reasoning_effort"] = value["effort"]
            draft.note("addParams.reasoning", f"body.reasoning_effort = {_short(value['effort'])}", "(by its source)")
        else:
            draft.note(
                "addParams.reasoning", NOTHING, "a name of LangChain's, for OpenAI's reasoning models (by its source)"
            )
    if openrouter:
        body["reasoning"] = given or {"enabled": True}
        if effort:
            draft.note("chosen.reasoning_effort", f"body.reasoning = {_short(given)}", "OpenRouter's own form")
        return
    if not given:
        return
    if form == "disabled":
        draft.note("chosen.reasoning_effort", NOTHING, "`reasoningFormat: disabled`")
        draft.note("customParams.reasoningFormat", NOTHING, "keeps the effort out of the body")
    elif form == "reasoning_object":
        body["reasoning"] = given
        draft.note("chosen.reasoning_effort", f"body.reasoning = {_short(given)}", "`reasoningFormat`")
        draft.note("customParams.reasoningFormat", "body.reasoning", "an object in place of a word")
    elif effort:
        body["reasoning_effort"] = effort
        draft.note("chosen.reasoning_effort", f"body.reasoning_effort = {_short(effort)}", "")


def _model_rules(draft: Draft, model: str, client: dict[str, Any], origin: dict[str, str]) -> None:
    """What LibreChat takes out by the model's name alone. The name is the one that was chosen, not one of addParams."""
    names: Sequence[str] = ()
    if re.search(r"\b(o[13]|gpt-5)(?!\.|-chat)(?:-|$)", model):
        names, why = _SAMPLING, f"LibreChat takes it out for reasoning models such as {model}"
    elif re.search(r"gpt-4o.*search", model):
        names, why = _SEARCH_LACKS, f"LibreChat takes it out for {model}"
    for name in names:
        if name in client:
            del client[name]
            if name in origin:
                draft.note(origin.pop(name), NOTHING, why)
    if re.search(r"\bgpt-[5-9](?:\.\d+)?\b", model, re.IGNORECASE) and client.get("maxTokens") is not None:
        path = origin.pop("maxTokens", "chosen.max_tokens")
        del client["maxTokens"]
        draft.note(path, NOTHING, "renamed for gpt-5 and later, then overwritten by LangChain with nothing")


def _drop(
    draft: Draft, dropped: Sequence[str], client: dict[str, Any], body: dict[str, Any], origin: dict[str, str]
) -> None:
    for number, name in enumerate(dropped):
        path = f"dropParams[{number}]"
        if name == "web_search":
            draft.note(path, "no web search", "read by name")
            continue
        hit = name in client or name in body
        lost = name == "top_p" and name not in body
        for place in (client, body):
            if name in place:
                del place[name]
                if name in origin:
                    draft.note(origin[name], NOTHING, f"`dropParams` takes `{name}` out, last of all")
        still = RENAMED.get(name)
        if still is not None and still in client:
            draft.note(
                path,
                f"`{name}` is still sent",
                f"by then it is called `{still}`: write `{still}` to take it out",
            )
        elif lost:
            draft.note(path, NOTHING, "a `top_p` that the user chose never arrives anyway")
        elif hit:
            draft.note(path, f"no {name} in the body" if name != "model" else f"model = {LANGCHAIN_MODEL}",
                       "taken out" if name != "model" else "LangChain fills in its own default")  # fmt: skip
        elif name in DROP_INSTEAD:
            right = DROP_INSTEAD[name]
            why = (
                "`addParams: {disableStreaming: true}` is what turns streaming off"
                if name == "stream"
                else f"LibreChat calls it `{right}` by then"
            )
            draft.note(path, NOTHING, why)
        else:
            draft.note(path, NOTHING, "there was nothing of that name")


def _messages(raw: Mapping[str, Any], asked: Asked) -> Draft:
    """Anthropic's own API: `provider: anthropic`."""
    draft = Draft({}, api="messages")
    draft.note("provider", "POST …/v1/messages", "Anthropic's own API, with its key in x-api-key")
    limit = asked.chosen.get("maxOutputTokens") or asked.chosen.get("max_tokens") or anthropic_limit(asked.model)
    body: dict[str, Any] = {"model": asked.model, "max_tokens": limit, "stream": not asked.title}
    if not asked.title:
        body["thinking"] = _thinking(asked.model)
    wire = {"topK": "top_k", "topP": "top_p", "stop": "stop_sequences"}
    for name, value in asked.chosen.items():
        if name in ("maxOutputTokens", "max_tokens"):
            draft.note(f"chosen.{name}", f"body.max_tokens = {_short(limit)}", "")
        elif name in wire and value is not None and (name == "stop" or not adapts(asked.model)):
            body[wire[name]] = value
            draft.note(f"chosen.{name}", f"body.{wire[name]} = {_short(value)}", "")
        else:
            draft.note(f"chosen.{name}", NOTHING, "not sent to a Claude that thinks (by its source)")
    body["metadata"] = {"user_id": asked.user}
    _add_and_drop(draft, raw, body)
    system = [m["content"] for m in asked.messages if m.get("role") == "system"]
    if system:
        body["system"] = "\n".join(str(part) for part in system)
    body["messages"] = [dict(m) for m in asked.messages if m.get("role") != "system"]
    draft.body = body
    return draft


def anthropic_limit(model: str) -> int:
    """The max_tokens that LibreChat gives a Claude where nobody chose one, by the model's name."""
    opus = re.search(r"claude-opus[-.]?(?:4[-.]?([5-9]|\d{2,})|[5-9]|\d{2,})", model)
    if (opus and opus[1] != "5") or (adapts(model) and not opus):
        return 128_000  # the day in 'claude-opus-4-20250514' counts as a version here: LibreChat's own slip
    if opus or re.search(r"claude-(?:sonnet|haiku)[-.]?[4-9]", model):
        return 64_000
    return 32_000 if re.search(r"claude-opus[-.]?[4-9]", model) else 8_192


def adapts(model: str) -> bool:
    """Whether LibreChat takes a Claude for one that thinks as much as it needs; the others get a budget of tokens.

    It knows Opus and Sonnet from 4.6 on, Fable and Mythos; no Haiku.
    """
    found = re.search(r"claude-(?:opus|sonnet)[-.]?(\d)(?:[-.]?(\d{1,2})(?!\d))?", model)
    if found:
        return (int(found[1]), int(found[2] or 0)) >= (4, 6)
    return bool(re.search(r"claude-(fable|mythos)", model))


def _thinking(model: str) -> dict[str, Any]:
    return {"type": "adaptive"} if adapts(model) else dict(THINKING)


def _anthropic_shaped(raw: Mapping[str, Any], asked: Asked) -> Draft:
    """An OpenAI body with Anthropic's fields, for proxies that translate."""
    draft = Draft({})
    draft.note(
        "customParams.defaultParamsEndpoint",
        "body.thinking, body.metadata, body.max_tokens, body.promptCache",
        "Anthropic's fields in a body of OpenAI's form, for a proxy that translates; others may refuse them",
    )
    body: dict[str, Any] = {"model": asked.model, "stream": not asked.title}
    if asked.chosen.get("temperature") is not None:
        body["temperature"] = asked.chosen["temperature"]
    if not asked.title:
        limit = asked.chosen.get("maxOutputTokens") or asked.chosen.get("max_tokens")
        body["max_tokens"] = limit or anthropic_limit(asked.model)
        body["thinking"] = _thinking(asked.model)
    body["metadata"] = {"user_id": asked.user}
    body["promptCache"] = True
    _add_and_drop(draft, raw, body)
    body["messages"] = [dict(m) for m in asked.messages]
    draft.body = body
    return draft


def legacy(raw: Mapping[str, Any], asked: Asked) -> Draft:
    """The body that LibreChat up to 0.7 made: addParams laid over it, what dropParams names deleted from it."""
    draft = Draft({})
    body: dict[str, Any] = {"model": asked.model}
    if asked.title:
        body |= {"temperature": 0.2, "presence_penalty": 0, "frequency_penalty": 0, "max_tokens": 16}
    else:
        for name, value in asked.chosen.items():
            unsent = ("model", "promptPrefix", "modelLabel", "maxContextTokens", "resendFiles", "imageDetail")
            if value is not None and name not in unsent:
                body[name] = value
                draft.note(f"chosen.{name}", f"body.{name} = {_short(value)}", "")
        body |= {"user": asked.user, "stream": True}
    messages = [dict(m) for m in asked.messages]
    if (
        any(host in asked.base_url for host in ("api.mistral.ai", "api.perplexity.ai"))
        and len(messages) == 1
        and messages[0].get("role") == "system"
    ):
        messages[0]["role"] = "user"
    body["messages"] = messages
    _add_and_drop(draft, raw, body)
    for unknown in ("customParams", "provider"):
        if unknown in raw:
            draft.note(unknown, NOTHING, "0.7 did not know it")
    draft.body = body
    return draft


def _add_and_drop(draft: Draft, raw: Mapping[str, Any], body: dict[str, Any]) -> None:
    for name, value in _map(raw.get("addParams")).items():
        if name in body:
            draft.note(f"chosen.{name}", NOTHING, "`addParams` is laid over it")
        body[name] = value
        draft.note(f"addParams.{name}", f"body.{name} = {_short(value)}", "laid over the body")
    for number, name in enumerate(_list(raw.get("dropParams"))):
        there = str(name) in body
        body.pop(str(name), None)
        if there and f"addParams.{name}" in draft.notes:
            draft.note(f"addParams.{name}", NOTHING, "`dropParams` takes it out again")
        draft.note(
            f"dropParams[{number}]",
            f"no {name} in the body" if there else NOTHING,
            "deleted from the body" if there else "there was nothing of that name",
        )


def _overridden(draft: Draft, origin: Mapping[str, str], name: str, path: str) -> None:
    before = origin.get(name)
    if before:
        draft.note(before, NOTHING, f"`{path}` is laid over it")


def _renamed(name: str, wire: str) -> str:
    return "" if name == wire else f"LangChain's `{name}` is `{wire}` on the wire"


def _short(value: Any) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
