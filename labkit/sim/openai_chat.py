"""The dialect of OpenAI's chat completions: which requests there are, how they are checked, what answers them.

The order of the checks (key, JSON, types, model, messages, parameters, length) is a choice: no provider documents its
own, and recorded refusals show one fault at a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts, in_force, price_in_force
from labkit.sim import completion
from labkit.sim.access import check_key
from labkit.sim.begun import begun
from labkit.sim.body import LIMIT_BYTES, NotJson, end_of, read_json
from labkit.sim.call import Call, Reply, provider_headers
from labkit.sim.conversation import Message, read_messages
from labkit.sim.draws import canonical, to_json
from labkit.sim.engine import Ask, Form, Impossible, TooLong
from labkit.sim.formats import form_name, read_form
from labkit.sim.limits import admit
from labkit.sim.openai_reply import Answered
from labkit.sim.pace import Pace
from labkit.sim.parameters import Treated, check_types, treat
from labkit.sim.refusal import fits, low_words, refuse, shown, type_words
from labkit.sim.routing import asked_models, find_route
from labkit.sim.tools import ToolUse, impossible, read_tools

SAMPLING = ("temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty")
NOT_YET = (
    "functions",
    "function_call",
    "verbosity",
    "modalities",
    "prediction",
    "min_tokens",
    "prompt_logprobs",
    "prompt_mode",
    "safe_prompt",
    "guardrails",
    "top_a",
    "typical_p",
    "mirostat_target",
    "mirostat_lr",
    "prompt_truncate_len",
    "echo",
    "echo_last",
    "raw_output",
    "ignore_eos",
    "return_token_ids",
    "speculation",
)
"""Parameters that the provider honours and the lab's models do not serve yet: an x-lab-note says so."""
MOST_SHARES = 100
"""The most likeliest tokens that are named where a provider's own bound is not known."""
MOST_CHOICES = 128
"""The most choices that are made where a provider's own bound is not known or higher."""
NOT_OF_THE_TEXT = (
    "stream",
    "stream_options",
    "logprobs",
    "top_logprobs",
    "reasoning_format",
    "include_reasoning",
    "debug",
    "perf_metrics_in_response",
)
"""Parameters that leave the text as it is: with or without them a request draws the same tokens."""


async def answer(call: Call) -> Reply:
    """The reply to any request below the provider's mount. Raises Refused."""
    method = "GET" if call.method == "HEAD" else call.method
    for base in (call.provider.address.base_url, *call.provider.address.also):
        prefix = urlsplit(base).path.rstrip("/")
        chat, models = (prefix + call.provider.address.paths[name] for name in ("chat", "models"))
        if call.path == chat:
            _need_method(call, method, "POST")
            check_key(call.world.facts, call.provider, call.headers)
            return await _chat(call)
        if call.path == models or (call.path.startswith(models + "/") and len(call.path) > len(models) + 1):
            _need_method(call, method, "GET")
            check_key(call.world.facts, call.provider, call.headers, "models")
            return _models(call, call.path[len(models) + 1 :])
    raise refuse(call.provider, "wrong_path", method=call.method, path=call.path, **_event_id(call))


def _need_method(call: Call, method: str, right: str) -> None:
    if method != right:
        raise refuse(call.provider, "wrong_method", method=call.method, path=call.path, allowed=right)


def _event_id(call: Call) -> dict[str, str]:
    return {"event_id": call.ids.form(f"30-inst-128-{call.world.clock.now():%Y%m%d%H%M%S}-{{hex:8}}")}


def _models(call: Call, name: str) -> Reply:
    provider = call.provider
    living = [model for model in provider.alive(call.world.clock.now()).values() if model.listed]
    if name:
        found = provider.named(name, call.world.clock.now())
        if found is None or not found.listed:
            raise _no_model(call, name)
        body = completion.model_entry(provider, found)
    else:
        body = completion.model_list(provider, living)
    headers = {"content-type": provider.response.content_type, **provider_headers(call, provider.response.headers)}
    return Reply(200, headers, to_json(body))


# --- a chat, checked ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Chat:
    """A request that may be answered. opening: the answer's beginning, where the last message asks to be continued."""

    model: ModelFacts
    host: str | None
    turns: list[Message]
    thinking: bool
    treated: Treated
    tool_use: ToolUse
    form: Form | None
    place: dict[str, int]
    notes: list[str]
    opening: str = ""


def _read(call: Call) -> _Chat:
    """Check everything that can be checked without the model. Raises Refused."""
    provider = call.provider
    if len(call.body) > LIMIT_BYTES:
        raise refuse(provider, "too_large", limit=LIMIT_BYTES)
    try:
        body = read_json(call.body)
    except NotJson as error:
        raise refuse(provider, "not_json", json_error=str(error), line=error.line, column=error.column) from None
    line, column = end_of(call.body)  # where exactly a parser stops is its own affair; the end is near enough
    place = {"line": line, "column": column}
    if not isinstance(body, dict):
        raise refuse(provider, "body_not_object", input=body, **type_words(body, ("object",)), **place)
    call.record.body = body
    check_types(provider, body, place)
    names, messages = asked_models(provider, body), body.get("messages")
    call.record.model = names[0] if names else None
    if not names:
        raise refuse(provider, "missing_model", input=body, **place)
    if messages is None:
        raise refuse(provider, "missing_messages", input=body, **place)
    turns, notes = read_messages(provider, messages, place)
    model, host = find_route(
        provider, names, body, lambda name: call.world.model(provider, name), lambda name: _no_model(call, name)
    )
    if not turns:
        raise refuse(provider, "messages_empty", param="messages", input=messages, **place)
    opening, thinking = _opening(provider, messages, turns), provider.thinks(model, body)
    if opening and thinking:
        notes.append(f"what {provider.label} does with a prefix while it reasons is not known; here it does not reason")
        thinking = False
    treated = treat(provider, model, body, thinking=thinking, place=place)
    _check_bias(provider, treated, place)
    _check_inside(provider, treated, place)
    if treated.unknown:
        notes.append(
            f"what {provider.label} does with {', '.join(treated.unknown)} is not known; here it has no effect"
        )
    idle = [
        name
        for name in NOT_YET
        if body.get(name) not in (None, [], {"type": "text"}, False) and name in treated.honoured
    ]
    if idle:
        notes.append(f"the lab does not serve {', '.join(idle)} yet; here it has no effect")
    if isinstance(body.get("logprobs"), int) and not isinstance(body["logprobs"], bool):
        notes.append("logprobs as a number means the older form of lists; here they come in the newer one")
    if isinstance(treated.honoured.get("n"), int) and treated.honoured["n"] > MOST_CHOICES:
        notes.append(f"the lab's server gives {MOST_CHOICES} choices at most")
    tool_use = read_tools(provider, treated.honoured, place, thinking=thinking)
    form = read_form(provider, treated.honoured, turns, place)
    if opening and (form or (tool_use.tools and tool_use.tool_choice != "none")):
        what = "a response_format" if form else "tools"
        notes.append(
            f"what {provider.label} makes of a prefix beside {what} is not known; here only what follows obeys"
        )
    return _Chat(model, host, turns, thinking, treated, tool_use, form, place, notes, opening)


def _opening(provider: Provider, messages: list[Any], turns: list[Message]) -> str:
    """The text from which the answer is to go on, taken from the turns; '' where none is asked for."""
    asked = provider.continuing is not None and messages and messages[-1].get(provider.continuing.field) is True
    if not asked or turns[-1].role != "assistant" or turns[-1].calls:
        return ""
    return turns.pop().content


def _no_model(call: Call, name: str) -> Exception:
    provider, now = call.provider, call.world.clock.now()
    known = provider.models.get(name)
    living = [model.id for model in provider.alive(now).values() if model.listed]
    gone = known is not None and known.retired is not None and not in_force(None, known.retired, now)
    values = {"models": ", ".join(living), "models_or": " or ".join(living)}
    return refuse(provider, "model_retired" if gone else "model_unknown", model=shown(name), **values)


def _check_bias(provider: Provider, treated: Treated, place: dict[str, int]) -> None:
    """logit_bias must map whole numbers, written as strings, to -100..100."""
    for key, value in (treated.honoured.get("logit_bias") or {}).items():
        words = {"param": f"logit_bias.{shown(key)}", "value": shown(value), "minimum": -100, "maximum": 100, **place}
        words |= {"input": value, **low_words(excluded=False)}
        if not re.fullmatch(r"\d{1,9}", key, re.ASCII):
            raise refuse(provider, "wrong_type", **{**words, **type_words(key, ("integer",))})
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise refuse(provider, "wrong_type", **{**words, **type_words(value, ("number",))})
        if not -100 <= value <= 100:
            raise refuse(provider, "out_of_range_above" if value > 0 else "out_of_range_below", **words)


def _check_inside(provider: Provider, treated: Treated, place: dict[str, int]) -> None:
    """What lies inside a list or an object: stop strings are strings, include_usage is a boolean."""
    stop = treated.honoured.get("stop")
    inside = [(f"stop[{i}]", text, "string") for i, text in enumerate(stop if isinstance(stop, list) else ())]
    options = treated.honoured.get("stream_options") or {}
    names = ("include_usage", "include_obfuscation")
    inside += [(f"stream_options.{name}", options[name], "boolean") for name in names if options.get(name) is not None]
    for param, value, kind in inside:
        if not fits(value, (kind,)):
            words = type_words(value, (kind,))
            raise refuse(provider, "wrong_type", param=param, value=shown(value), input=value, **words, **place)


def _at_least_one(max_tokens: int | None) -> int | None:
    """What a provider that checks no range makes of it: 0 is one token, anything below is no limit."""
    return None if max_tokens is None or max_tokens < 0 else max(1, max_tokens)


def _ask(call: Call, chat: _Chat, key: bytes) -> Ask:
    params = chat.treated.honoured
    sampling = {name: params[name] for name in SAMPLING if params.get(name) is not None}
    if sampling.get("top_p") == 0:
        sampling["top_p"] = 1e-9  # what a bound of 0 can only mean: the likeliest token alone
    stop = params.get("stop") or ()
    logprobs = None
    if params.get("logprobs"):
        number = 0 if params["logprobs"] is True else params["logprobs"]  # a number is how many, in the older form
        logprobs = min(int(params.get("top_logprobs") or number), MOST_SHARES)
    return Ask(
        turns=chat.turns,
        thinking=chat.thinking,
        key=key,
        sampling=sampling,
        logit_bias={int(id): float(value) for id, value in (params.get("logit_bias") or {}).items()},
        n=min(int(params.get("n") or 1), MOST_CHOICES),
        max_tokens=_at_least_one(params.get("max_tokens")),
        stop=tuple(text for text in ([stop] if isinstance(stop, str) else stop) if text),
        logprobs=logprobs,
        context_tokens=call.provider.served_context_tokens or chat.model.context_tokens,
        overflow=call.provider.overflow,
        counts_answer=_counts_answer(call.provider, params),
        tools=chat.tool_use.tools,
        tool_choice=chat.tool_use.tool_choice,
        callable=chat.tool_use.callable,
        parallel=chat.tool_use.parallel,
        form=chat.form,
        opening=chat.opening,
    )


def _counts_answer(provider: Provider, params: Mapping[str, Any]) -> bool:
    """Whether max_tokens must fit into the context too: where the refusal names it, or the request wants it so."""
    if "context_too_long_with_answer" in provider.errors:
        return params.get("context_length_exceeded_behavior") != "truncate"
    return "{in_completion}" in str(provider.errors["context_too_long"].body)


# --- a chat, answered ---------------------------------------------------------------------------------------------


async def _chat(call: Call) -> Reply:
    chat = _read(call)
    world, provider, params = call.world, call.provider, chat.treated.honoured
    turns = [[turn.role, turn.content, *([call.name, call.arguments] for call in turn.calls)] for turn in chat.turns]
    same = {k: v for k, v in params.items() if k not in (*NOT_OF_THE_TEXT, "seed")}
    begun_with = (
        {"opening": chat.opening} if chat.opening else {}
    )  # only then: the draws of all others stay as they are
    request = canonical(
        {
            "provider": provider.id,
            "model": chat.model.id,
            "thinking": chat.thinking,
            "turns": turns,
            **begun_with,
            **same,
        }
    )
    key, call.ids = world.key(request, params.get("seed"))
    seed = params.get("seed")
    if seed is None and provider.response.draws_seed:  # the answer will name it, and it must then give this very text
        seed = int.from_bytes(key[:4], "big") // 2
        key, call.ids = world.key(request, seed)
    ask = _ask(call, chat, key)
    record = call.record
    record.params, record.spoken_by, record.stream = params, chat.model.spoken_by, bool(params.get("stream"))
    pace = Pace(provider.speed_of(chat.model), real=world.pace == "real")

    def refusal(error: TooLong | Impossible) -> Exception:
        if isinstance(error, Impossible):
            return impossible(provider, error, chat.tool_use, form_name(params), chat.place)
        counts = {"in_messages": error.in_messages, "in_completion": error.in_completion}
        total = error.in_messages + error.in_completion
        both = ask.counts_answer and error.in_completion and "context_too_long_with_answer" in provider.errors
        case = "context_too_long_with_answer" if both else "context_too_long"
        words = {"limit": error.limit, "last": error.limit - 1, "requested": total, **counts}
        return refuse(provider, case, **words)

    async with begun(call, chat.model, ask, refusal) as (job, steps, start):
        admit(call, chat.model, prompt_tokens=start.prompt_tokens, max_tokens=ask.max_tokens)
        if start.dropped:
            chat.notes.append(f"left out, as {provider.label} does in silence: {start.dropped} of the oldest messages")
        if start.strange_ids:
            chat.notes.append(f"logit_bias: {start.strange_ids} of the ids are not in the lab model's vocabulary")
        shape = completion.Shape(
            provider,
            chat.model,
            call.ids,
            world.clock.timestamp(),
            thinking=chat.thinking,
            logprobs=ask.logprobs is not None,
            shown=provider.reasoning_shown(chat.model, record.body) if chat.thinking else "field",
            request_id=call.own_id(),
            seed=seed,
            prices=price_in_force(chat.model, world.clock),
            named=chat.tool_use.named,
            host=chat.host,
            body=record.body,
        )
        answered = Answered(call, chat.model, ask, shape, pace, start, job, chat.notes)
        return await (answered.streamed(steps) if record.stream else answered.whole(steps))
