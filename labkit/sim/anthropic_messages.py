"""The dialect of Anthropic's Messages API: which requests there are, how they are checked, what answers them.

The order of the checks (key, version, JSON, fields, types, model, conversation, tools, parameters, length) is a choice:
the provider documents none, and recorded refusals show one fault at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts, in_force
from labkit.sim import anthropic_reply
from labkit.sim.access import check_key
from labkit.sim.anthropic_conversation import Conversation, extra, read_conversation, wrong
from labkit.sim.anthropic_stream import Answered
from labkit.sim.anthropic_tools import ToolUse, impossible, read_form, read_tools
from labkit.sim.begun import begun
from labkit.sim.body import LIMIT_BYTES, NotJson, read_json
from labkit.sim.call import Call, Reply, provider_headers
from labkit.sim.calls import Form, Impossible
from labkit.sim.draws import canonical, to_json
from labkit.sim.engine import Ask, TooLong
from labkit.sim.limits import admit
from labkit.sim.pace import Pace
from labkit.sim.parameters import Treated, check_types, treat
from labkit.sim.refusal import refuse, shown, type_words

SAMPLING = ("temperature", "top_p", "top_k")
NOT_OF_THE_TEXT = ("stream", "cache_control", "metadata")
"""Parameters that leave the text as it is: with or without them a request draws the same tokens."""
COUNTED = frozenset(
    "model messages system tools tool_choice thinking output_config cache_control speed context_management".split()
)
"""Fields that count_tokens takes. Source: the SDK, MessageCountTokensParams."""


async def answer(call: Call) -> Reply:
    """The reply to any request below the provider's mount. Raises Refused."""
    method = "GET" if call.method == "HEAD" else call.method
    address = call.provider.address
    prefix = urlsplit(address.base_url).path.rstrip("/")
    chat, count, models = (prefix + address.paths[name] for name in ("chat", "count_tokens", "models"))
    if call.path in (chat, count):
        _admit(call, method, "POST")
        return await _message(call, counting=call.path == count)
    if call.path == models or (call.path.startswith(models + "/") and len(call.path) > len(models) + 1):
        _admit(call, method, "GET")
        return _models(call, call.path[len(models) + 1 :])
    raise refuse(call.provider, "wrong_path", method=call.method, path=call.path)


def _admit(call: Call, method: str, right: str) -> None:
    """Raise Refused for a wrong method, key or version of the API."""
    provider, headers = call.provider, call.headers
    if method != right:
        raise refuse(provider, "wrong_method", method=call.method, path=call.path, allowed=right)
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and not headers.get(provider.key.header):
        if provider.key.also.get("authorization") != "Bearer" or token.strip() != provider.key.local:
            raise refuse(provider, "wrong_bearer")
    else:
        check_key(call.world.facts, provider, headers)
    version = headers.get("anthropic-version", "")
    if not version:
        raise refuse(provider, "missing_version")
    if version not in provider.versions:
        raise refuse(provider, "unknown_version", value=shown(version))


# --- models ---------------------------------------------------------------------------------------------------------


def _models(call: Call, name: str) -> Reply:
    provider, now = call.provider, call.world.clock.now()
    if name:
        known = provider.models.get(name)
        if known is not None and known.alias_of:
            known = provider.models.get(known.alias_of)
        if known is None or not in_force(known.born, None, now):
            raise refuse(provider, "model_unknown", model=shown(name))
        return _json(call, anthropic_reply.model_entry(provider, known, now))
    asked = parse_qs(call.query)
    stages = {*asked.get("lifecycle", ()), *asked.get("lifecycle[]", ())} or {"active", "deprecated"}
    there = [m for m in provider.models.values() if m.listed and in_force(m.born, None, now)]
    entries = {m.id: anthropic_reply.model_entry(provider, m, now) for m in there}
    models = [m for m in there if entries[m.id].get("lifecycle", "active") in stages]
    limit = _limit(provider, asked.get("limit", ["20"])[-1])
    ids = [model.id for model in models]
    after, before = asked.get("after_id", [""])[-1], asked.get("before_id", [""])[-1]
    if before in ids:
        rest = models[: ids.index(before)]
        page, more = rest[-limit:], len(rest) > limit
    else:
        rest = models[ids.index(after) + 1 :] if after in ids else models
        page, more = rest[:limit], len(rest) > limit
    return _json(call, anthropic_reply.model_list(provider, page, now, more=more))


def _limit(provider: Provider, text: str) -> int:
    if not text.isdecimal():
        raise wrong(provider, "limit", text, "integer")
    if not 1 <= int(text[:9]) <= 1000:
        case = "out_of_range_above" if int(text[:9]) else "out_of_range_below"
        raise refuse(provider, case, param="limit", value=text, minimum=1, maximum=1000)
    return int(text)


def _json(call: Call, body: Any) -> Reply:
    response = call.provider.response
    return Reply(
        200, {"content-type": response.content_type, **provider_headers(call, response.headers)}, to_json(body)
    )


# --- a message, checked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Message:
    """A request that may be answered. shown: whether the working's text is."""

    model: ModelFacts
    conversation: Conversation
    thinking: bool
    shown: bool
    treated: Treated
    tools: ToolUse
    form: Form | None
    notes: list[str]


def _read(call: Call, *, counting: bool) -> _Message:
    """Check everything that can be checked without the model. Raises Refused."""
    provider, body = call.provider, _body(call)
    call.record.body = body
    check_types(provider, body, {})
    name = body.get("model")
    call.record.model = name if isinstance(name, str) else None
    needed = ("model", "messages") if counting else ("model", "messages", "max_tokens")
    for field in needed:
        if body.get(field) is None:
            raise refuse(provider, f"missing_{field}", param=field)
    for field in body if counting else ():
        if field not in COUNTED:
            raise extra(provider, field)
    _check_version(call, body)
    model = call.world.model(provider, name)
    if model is None:
        raise _no_model(call, shown(name))
    conversation = read_conversation(provider, model, body)
    tools, form = read_tools(provider, body), read_form(provider, body)
    thinking = provider.thinks(model, body)
    place: dict[str, Any] = {"model": model.snapshot or model.id}
    treated = treat(provider, model, body, thinking=thinking, place=place)
    _check_thinking(provider, body, conversation, thinking=thinking)
    if any(not text.strip() for text in treated.honoured.get("stop") or ()):
        raise refuse(provider, "blank_stop", param="stop_sequences")
    notes = [*conversation.notes, *tools.notes]
    return _Message(model, conversation, thinking, _shown(provider, model, body), treated, tools, form, notes)


def _body(call: Call) -> dict[str, Any]:
    provider = call.provider
    if len(call.body) > LIMIT_BYTES:
        raise refuse(provider, "too_large", limit=LIMIT_BYTES)
    try:
        body = read_json(call.body)
    except NotJson as error:
        lines = call.body.decode("utf-8", "replace").split("\n")
        char = sum(len(line) + 1 for line in lines[: error.line - 1]) + max(0, error.column - 1)
        where = {"line": error.line, "column": error.column, "char": char}
        raise refuse(provider, "not_json", json_error=str(error), **where) from None
    if not isinstance(body, dict):
        raise refuse(provider, "body_not_object", **type_words(body, ("object",)))
    return body


def _check_version(call: Call, body: Mapping[str, Any]) -> None:
    """Raise Refused for what the named version of the API does not take any more."""
    provider, version = call.provider, call.provider.versions[call.headers["anthropic-version"]]
    for name in version.removed:
        if name in body:
            raise refuse(provider, "removed_field", param=name)
    for index, message in enumerate(body["messages"]):
        content = message.get("content") if isinstance(message, dict) else None
        for number, block in enumerate(content if isinstance(content, list) else ()):
            kind = block.get("type") if isinstance(block, dict) else None
            at = f"messages.{index}.content.{number}"
            if kind == "document" and message.get("role") == "assistant" and not version.documents_said:
                raise refuse(provider, "document_said", param=at)
            if kind == "text" and message.get("role") == "user" and not version.citations_asked:
                if block.get("citations"):
                    raise refuse(provider, "citations_asked", param=f"{at}.text.citations")


def _no_model(call: Call, name: str) -> Exception:
    provider, now = call.provider, call.world.clock.now()
    known = provider.models.get(name)
    gone = known is not None and known.retired is not None and not in_force(None, known.retired, now)
    return refuse(provider, "model_retired" if gone else "model_unknown", model=name)


def _check_thinking(provider: Provider, body: Mapping[str, Any], conversation: Conversation, *, thinking: bool) -> None:
    asked = body.get("thinking") or {}
    if asked and "type" not in asked:
        raise refuse(provider, "missing_field", param="thinking.type")
    if asked.get("type") == "enabled":
        if "budget_tokens" not in asked:
            raise refuse(provider, "missing_field", param="thinking.enabled.budget_tokens")
        if asked["budget_tokens"] >= body.get("max_tokens", asked["budget_tokens"] + 1):
            raise refuse(provider, "budget_above_max_tokens", param="thinking.budget_tokens")
    if thinking and conversation.opening:
        index = len(body["messages"]) - 1
        raise refuse(provider, "opening_while_thinking", param=f"messages.{index}.content.0.type")


def _shown(provider: Provider, model: ModelFacts, body: Mapping[str, Any]) -> bool:
    display = provider.parameters["thinking"].fields["display"]
    asked = (body.get("thinking") or {}).get("display")
    return bool((asked or display.treatment(model, thinking=True, body=body).default) != "omitted")


def _ask(message: _Message, key: bytes, *, counting: bool) -> Ask:
    params, tools = message.treated.honoured, message.tools
    sampling = {name: params[name] for name in SAMPLING if params.get(name) is not None}
    if sampling.get("top_p") == 0:
        sampling["top_p"] = 1e-9  # what a bound of 0 can only mean: the likeliest token alone
    stop = tuple(params.get("stop") or ())
    return Ask(
        turns=message.conversation.turns,
        thinking=message.thinking,
        key=key,
        sampling=sampling,
        max_tokens=params.get("max_tokens"),
        stop=stop,
        context_tokens=None if counting else message.model.context_tokens,
        tools=tools.tools,
        tool_choice=tools.choice,
        callable=tools.callable,
        parallel=tools.parallel,
        form=message.form,
        opening=message.conversation.opening,
        names_stop=bool(stop),
    )


# --- a message, answered --------------------------------------------------------------------------------------------


async def _message(call: Call, *, counting: bool) -> Reply:
    message = _read(call, counting=counting)
    world, provider, record = call.world, call.provider, call.record
    params = message.treated.honoured
    key, call.ids = world.key(_canonical(call, message), None)
    ask = _ask(message, key, counting=counting)
    record.params, record.spoken_by, record.stream = params, message.model.spoken_by, bool(params.get("stream"))
    pace = Pace(provider.speed_of(message.model), real=world.pace == "real")

    def refusal(error: TooLong | Impossible) -> Exception:
        if isinstance(error, Impossible):
            return impossible(provider, record.body, error)
        words = {"limit": error.limit, "in_messages": error.in_messages, "in_completion": error.in_completion}
        return refuse(provider, "context_too_long", **words)

    async with begun(call, message.model, ask, refusal) as (job, steps, start):
        if counting:
            job.cancel()
            return _json(call, {"input_tokens": start.prompt_tokens})
        admit(call, message.model, prompt_tokens=start.prompt_tokens, max_tokens=ask.max_tokens)
        shape = anthropic_reply.Shape(provider, message.model, call.ids, thinking=message.thinking)
        blocks = anthropic_reply.Blocks(provider, call.ids, shown=message.shown)
        answered = Answered(call, message.model, shape, blocks, pace, start, job, message.notes, ask.max_tokens == 0)
        return await (answered.streamed(steps) if record.stream else answered.whole(steps))


def _canonical(call: Call, message: _Message) -> bytes:
    """What makes two requests the same to the model."""
    turns = [
        [turn.role, turn.content, [[past.name, past.arguments] for past in turn.calls]]
        for turn in message.conversation.turns
    ]
    same = {k: v for k, v in message.treated.honoured.items() if k not in NOT_OF_THE_TEXT}
    whose = {"provider": call.provider.id, "model": message.model.id, "thinking": message.thinking}
    return canonical({**whose, "turns": turns, "opening": message.conversation.opening, **same})
