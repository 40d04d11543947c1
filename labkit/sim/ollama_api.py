"""The dialect of Ollama's own API: which paths there are and what the ones that make no text answer.

/api/chat and /api/generate are in `ollama_chat`; /v1 speaks OpenAI's dialect and is handed on.
Source: https://github.com/ollama/ollama/blob/HEAD/docs/api.md and server/routes.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts, in_force
from labkit.sim import ollama_models, openai_chat
from labkit.sim.body import LIMIT_BYTES, NotJson
from labkit.sim.call import Call, Reply, refusal
from labkit.sim.draws import to_json
from labkit.sim.ollama_json import read_value
from labkit.sim.parameters import check_types
from labkit.sim.refusal import Refused, refuse, shown, type_words

UNSERVED = (
    "/api/embed /api/embeddings /api/pull /api/push /api/create /api/copy /api/delete /api/blobs /api/me /api/signout "
    "/api/status /v1/completions /v1/embeddings /v1/responses /v1/messages /v1/images/generations"
).split()
"""Paths that Ollama has and the lab's copy has not."""


async def answer(call: Call) -> Reply:
    """The reply to any request below the provider's mount. Raises Refused."""
    if any(call.path == path or call.path.startswith(path + "/") for path in UNSERVED):
        words = {"method": call.method, "path": call.path}
        reply = refusal(call, refuse(call.provider.face(call.path), "wrong_path", **words).answer)
        reply.lab["x-lab-note"] = f"Ollama has {call.path}; the lab's copy does not serve it"
        return reply
    whole = call.provider
    call.provider = whole.face(call.path)
    if call.provider is whole:
        return await _openai(call)
    method = "GET" if call.method == "HEAD" else call.method
    if call.path not in ROUTES:
        raise refuse(call.provider, "wrong_path", method=call.method, path=call.path)
    right, serve = ROUTES[call.path]
    if method != right:
        raise refuse(call.provider, "wrong_method", method=call.method, path=call.path, allowed=right)
    return await serve(call)


async def _openai(call: Call) -> Reply:
    """A request to /v1: read as Go reads it, answered by OpenAI's dialect; the model is loaded then."""
    if call.method == "POST":
        try:
            value = read_value(call.body)
        except NotJson as error:
            if call.path == urlsplit(call.provider.address.base_url).path + call.provider.address.paths["chat"]:
                raise refuse(call.provider, "not_json", json_error=str(error), line=1, column=0) from None
        else:
            call.body = to_json({} if value is None else value)
    reply = await openai_chat.answer(call)
    model = call.world.model(call.provider, call.record.model)
    if reply.status == 200 and model is not None:
        ollama_models.load(call, model, room(call.provider, model), None)
    return reply


def room(provider: Provider, model: ModelFacts, asked: int | None = None) -> int:
    """How many tokens of a conversation `model` reads: what was asked for, at most what it can; else the usual."""
    most = model.context_tokens
    wanted = max(asked, 4) if asked is not None else provider.served_context_tokens or most or 0
    return wanted if most is None else min(wanted, most)


def read_body(call: Call, struct: str) -> dict[str, Any]:
    """A request's fields, their types checked. struct: the name of Go's type for them. Raises Refused."""
    provider = call.provider
    if len(call.body) > LIMIT_BYTES:
        raise refuse(provider, "too_large", limit=LIMIT_BYTES)
    try:
        body = read_value(call.body)
    except NotJson as error:
        empty = str(error) == "EOF" and "empty_body" in provider.errors
        raise refuse(provider, "empty_body" if empty else "not_json", json_error=str(error)) from None
    if body is None:  # null leaves a struct as it is
        body = {}
    if not isinstance(body, dict):
        raise refuse(provider, "body_not_object", struct=struct, **type_words(body, ("object",)))
    call.record.body = body
    check_types(provider, {name: value for name, value in body.items() if value is not None}, {"struct": struct})
    return body


def need_model(call: Call, body: Mapping[str, Any], *, also: str = "model") -> ModelFacts:
    """The model that the request names. also: another field that may name it. Raises Refused."""
    name = body.get("model") or body.get(also)
    if not name:
        raise refuse(call.provider, "missing_model")
    call.record.model = name
    model = call.world.model(call.provider, name)
    if model is None:
        raise _no_model(call, str(name))
    return model


def _no_model(call: Call, name: str) -> Refused:
    known = call.provider.models.get(name)
    gone = known is not None and not in_force(None, known.retired, call.world.clock.now())
    return refuse(call.provider, "model_retired" if gone else "model_unknown", model=shown(name))


def plain(call: Call, value: Any) -> Reply:
    """A JSON answer in one piece."""
    return Reply(200, {"content-type": call.provider.response.content_type}, to_json(value))


async def _root(call: Call) -> Reply:
    return Reply(200, {"content-type": "text/plain; charset=utf-8"}, b"Ollama is running")


async def _version(call: Call) -> Reply:
    return plain(call, {"version": ollama_models.native_of(call.provider).version})


async def _tags(call: Call) -> Reply:
    living = call.provider.alive(call.world.clock.now())
    return plain(
        call, ollama_models.tags(call.provider, {name: model for name, model in living.items() if model.listed})
    )


async def _ps(call: Call) -> Reply:
    return plain(call, ollama_models.processes(call))


async def _show(call: Call) -> Reply:
    model = need_model(call, read_body(call, "ShowRequest"), also="name")
    return plain(call, ollama_models.shown(call.provider, model))


async def _chat(call: Call) -> Reply:
    from labkit.sim import ollama_chat

    return await ollama_chat.chat(call)


async def _generate(call: Call) -> Reply:
    from labkit.sim import ollama_chat

    return await ollama_chat.generate(call)


ROUTES: dict[str, tuple[str, Callable[[Call], Awaitable[Reply]]]] = {
    "/": ("GET", _root),
    "/api/version": ("GET", _version),
    "/api/tags": ("GET", _tags),
    "/api/ps": ("GET", _ps),
    "/api/show": ("POST", _show),
    "/api/chat": ("POST", _chat),
    "/api/generate": ("POST", _generate),
}
"""Each path with its method and what serves it."""
