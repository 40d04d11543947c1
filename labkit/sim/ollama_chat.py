"""/api/chat and /api/generate: a request read and checked, then what the model is to do.

The order of the checks follows server/routes.go: body and types, model, what the model can, options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts
from labkit.sim.begun import begun
from labkit.sim.call import Call, Reply
from labkit.sim.calls import Form, Impossible, Tool
from labkit.sim.conversation import Message, PastCall
from labkit.sim.draws import canonical
from labkit.sim.engine import Ask, TooLong
from labkit.sim.formats import of_schema
from labkit.sim.limits import admit
from labkit.sim.ollama_api import need_model, plain, read_body, room
from labkit.sim.ollama_json import duration_s, instant
from labkit.sim.ollama_models import load, native_of, unload
from labkit.sim.ollama_reply import Told
from labkit.sim.pace import Pace
from labkit.sim.parameters import Treated, treat
from labkit.sim.refusal import Refused, fits, refuse, type_words

SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "frequency_penalty", "presence_penalty")
OF_CHAT, OF_GENERATE = ("messages", "tools"), ("prompt", "system", "suffix", "template", "context", "raw", "images")
NOT_OF_THE_TEXT = ("stream", "logprobs", "top_logprobs", "keep_alive", "model", "options")


@dataclass
class _Job:
    """A request that may be answered, as far as it is read."""

    model: ModelFacts
    body: dict[str, Any]
    keep_alive_s: float | None
    thinking: bool = False
    treated: Treated = field(default_factory=Treated)
    options: Treated = field(default_factory=Treated)
    turns: list[Message] = field(default_factory=list)
    tools: tuple[Tool, ...] = ()
    form: Form | None = None
    notes: list[str] = field(default_factory=list)


async def chat(call: Call) -> Reply:
    """The reply to POST /api/chat. Raises Refused."""
    job = _begin(call, "ChatRequest", without=OF_GENERATE)
    messages = job.body.get("messages") or []
    if not messages:
        return _loaded(call, job, {"message": {"role": "assistant", "content": ""}})
    job.turns = _turns(call.provider, messages, job.notes)
    job.tools = tuple(_tool(call.provider, tool) for tool in job.treated.honoured.get("tools") or ())
    return await _say(call, job, "chat")


async def generate(call: Call) -> Reply:
    """The reply to POST /api/generate. Raises Refused."""
    job = _begin(call, "GenerateRequest", without=OF_CHAT)
    body = job.body
    if not body.get("prompt"):
        return _loaded(call, job, {"response": ""})
    if body.get("raw") and (body.get("template") or body.get("system") or body.get("context")):
        raise refuse(call.provider, "raw_alone")
    if body.get("suffix"):
        raise refuse(call.provider, "no_insert", model=job.model.id)
    for name in ("raw", "template", "images"):
        if body.get(name):
            job.notes.append(f"the lab's models do not serve `{name}`; here it has no effect")
    system = [Message("system", body["system"])] if body.get("system") else []
    job.turns = [*system, *_remembered(call, job), Message("user", body["prompt"])]
    return await _say(call, job, "generate")


# --- read ---------------------------------------------------------------------------------------------------------


def _begin(call: Call, struct: str, *, without: tuple[str, ...]) -> _Job:
    provider = call.provider
    fields = {name: parameter for name, parameter in provider.parameters.items() if name not in without}
    call.provider = provider = provider.model_copy(update={"parameters": fields})
    body = read_body(call, struct)
    try:
        keep = None if body.get("keep_alive") is None else duration_s(body["keep_alive"])
    except ValueError as error:
        raise refuse(provider, "wrong_duration", what=str(error)) from None
    job = _Job(need_model(call, body), body, keep)
    job.thinking = provider.thinks(job.model, body)
    job.treated = treat(provider, job.model, body, thinking=job.thinking, place={})
    job.options = _options(provider, job.model, body.get("options") or {})
    job.form = _form(provider, body.get("format"))
    return job


def _options(provider: Provider, model: ModelFacts, options: dict[str, Any]) -> Treated:
    """The options that take effect, by the lab's names, defaults included."""
    errors = {**provider.errors, "wrong_type": provider.errors["wrong_option"]}
    face = provider.model_copy(update={"parameters": native_of(provider).options, "errors": errors})
    treated = treat(face, model, options, thinking=False, place={})
    if not all(isinstance(text, str) for text in treated.honoured.get("stop") or ()):
        raise refuse(provider, "wrong_stop")
    return treated


def _form(provider: Provider, wanted: Any) -> Form | None:
    if wanted in (None, ""):
        return None
    if wanted != "json" and not isinstance(wanted, dict):
        text = json.dumps(wanted, ensure_ascii=False, separators=(",", ":"))
        raise refuse(provider, "wrong_format", quoted=json.dumps(text, ensure_ascii=False))
    return of_schema(wanted, strict=False)


def _turns(provider: Provider, messages: list[Any], notes: list[str]) -> list[Message]:
    """The conversation. Any role is taken; what is no text is left out and noted."""
    turns = []
    for message in messages:
        each = {} if message is None else message
        if not isinstance(each, dict):
            raise _wrong(provider, each, "messages", "api.Message")
        role, content, made = (each.get(name) for name in ("role", "content", "tool_calls"))
        for name, value in (("role", role), ("content", content)):
            if not isinstance(value, (str, type(None))):
                raise _wrong(provider, value, f"messages.{name}", "string")
        if not isinstance(made, (list, type(None))):
            raise _wrong(provider, made, "messages.tool_calls", "[]api.ToolCall")
        if each.get("images"):
            notes.append("the lab's models read text only; images were left out")
        turns.append(Message((role or "").lower(), content or "", tuple(_past(provider, one) for one in made or ())))
    notes[:] = dict.fromkeys(notes)
    return turns


def _past(provider: Provider, call: Any) -> PastCall:
    at = "messages.tool_calls"
    function = call.get("function") if isinstance(call, dict) else call
    if not isinstance(function, dict):
        raise _wrong(provider, function, f"{at}.function", "api.ToolCallFunction")
    name, arguments = function.get("name"), function.get("arguments")
    if not isinstance(name, (str, type(None))):
        raise _wrong(provider, name, f"{at}.function.name", "string")
    if not isinstance(arguments, (dict, type(None))):
        raise _wrong(provider, arguments, f"{at}.function.arguments", "api.ToolCallFunctionArguments")
    return PastCall(name or "", json.dumps(arguments or {}, ensure_ascii=False))


def _tool(provider: Provider, tool: Any) -> Tool:
    function = tool.get("function") if isinstance(tool, dict) else tool
    if not isinstance(function, dict):
        raise _wrong(provider, function, "tools.function", "api.ToolFunction")
    schema, name, told = (function.get(key) for key in ("parameters", "name", "description"))
    if not isinstance(schema, (dict, type(None))):
        raise _wrong(provider, schema, "tools.function.parameters", "api.ToolFunctionParameters")
    for key, value in (("name", name), ("description", told)):
        if not isinstance(value, (str, type(None))):
            raise _wrong(provider, value, f"tools.function.{key}", "string")
    return Tool(name or "", schema or {}, told or "")


def _wrong(provider: Provider, value: Any, path: str, wanted: str) -> Refused:
    struct = "GenerateRequest" if "prompt" in provider.parameters else "ChatRequest"
    words = {**type_words(value, ("object",)), "go_expected": wanted}
    return refuse(provider, "wrong_type", struct=struct, bare=path, **words)


def _remembered(call: Call, job: _Job) -> list[Message]:
    """The conversation that an earlier answer's `context` holds: tokens of the lab's model, read back as turns."""
    ids = job.body.get("context") or []
    if not ids or not all(fits(id, ("integer",)) for id in ids):
        return []
    tokenizer = call.world.load(job.model.spoken_by).tokenizer
    text = tokenizer.decode([id for id in ids if 0 <= id < tokenizer.vocab_size], skip_special=False)
    found = re.findall(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|(?=<\|im_start\|>)|$)", text, re.DOTALL)
    return [Message(role, content.rpartition("</think>")[2]) for role, content in found]


# --- answered -----------------------------------------------------------------------------------------------------


def _loaded(call: Call, job: _Job, empty: dict[str, Any]) -> Reply:
    """Nothing to say: the model is loaded, or with keep_alive 0 unloaded."""
    if job.keep_alive_s == 0:
        unload(call, job.model)
    else:
        load(call, job.model, _room(call, job), job.keep_alive_s)
    reason = "unload" if job.keep_alive_s == 0 else "load"
    head = {"model": job.model.id, "created_at": instant(call.world.clock.now())}
    return plain(call, {**head, **empty, "done": True, "done_reason": reason})


def _room(call: Call, job: _Job) -> int:
    asked = job.options.honoured.get("num_ctx")
    return room(call.provider, job.model, None if asked is None else int(asked))


def _ask(call: Call, job: _Job, key: bytes) -> Ask:
    options, params = job.options.honoured, job.treated.honoured
    sampling = {name: options[name] for name in SAMPLING if options.get(name) is not None}
    sampling["top_k"] = int(sampling["top_k"])
    sampling["top_p"] = sampling["top_p"] or 1e-9  # what a bound of 0 can only mean: the likeliest token alone
    predict = options.get("max_tokens")
    return Ask(
        turns=job.turns,
        thinking=job.thinking,
        key=key,
        sampling=sampling,
        max_tokens=None if predict is None or predict < 0 else max(1, int(predict)),
        stop=tuple(text for text in options.get("stop") or () if text),
        logprobs=int(params.get("top_logprobs") or 0) if params.get("logprobs") else None,
        context_tokens=_room(call, job),
        overflow="refused" if params.get("truncate") is False else "cut",
        tools=job.tools,
        form=job.form,
    )


async def _say(call: Call, job: _Job, kind: Literal["chat", "generate"]) -> Reply:
    world, provider, model = call.world, call.provider, job.model
    options = job.options.honoured
    seed = int(options["seed"]) if options.get("seed") is not None and options["seed"] != -1 else None
    key, call.ids = world.key(_identity(provider, job, kind), seed)
    ask, record = _ask(call, job, key), call.record
    record.params = {**job.treated.honoured, **({"options": options} if options else {})}
    record.spoken_by, record.stream = model.spoken_by, job.body.get("stream") is not False
    load_s = load(call, model, _room(call, job), job.keep_alive_s)
    speed = provider.speed_of(model)
    pace = Pace(
        speed.model_copy(update={"first_token_s": speed.first_token_s + load_s}),
        real=world.pace == "real",
    )

    def refusal(error: TooLong | Impossible) -> Exception:
        if isinstance(error, Impossible):
            return refuse(provider, "impossible_form")
        return refuse(provider, "context_too_long", limit=error.limit, in_messages=error.in_messages)

    async with begun(call, model, ask, refusal) as (work, steps, start):
        admit(call, model, prompt_tokens=start.prompt_tokens, max_tokens=ask.max_tokens)
        if start.dropped:
            job.notes.append(f"left out, as Ollama does in silence: {start.dropped} of the oldest messages")
        told = Told(call, model, ask, kind, pace, start, work, job.notes, load_s, speed)
        reply = await (told.streamed(steps) if record.stream else told.whole(steps))
    if job.keep_alive_s == 0:
        unload(call, model)
    return reply


def _identity(provider: Provider, job: _Job, kind: str) -> bytes:
    """What two requests share that draw the same tokens."""
    turns = [[turn.role, turn.content, [[call.name, call.arguments] for call in turn.calls]] for turn in job.turns]
    fields: Mapping[str, Any] = {k: v for k, v in job.treated.honoured.items() if k not in NOT_OF_THE_TEXT}
    options = {name: value for name, value in job.options.honoured.items() if name != "seed"}
    of = {"provider": provider.id, "model": job.model.id, "kind": kind, "thinking": job.thinking, "turns": turns}
    return canonical({**of, "options": options, **{k: v for k, v in fields.items() if k not in ("messages", "prompt")}})
