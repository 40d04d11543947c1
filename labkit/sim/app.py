"""The local providers as one ASGI app: `/<provider>` is the provider's host, the rest of the path is its own.

It owns what all dialects share: who may call, reading the body, the record of each request, and sending. Every answer
passes `Providers._send`, where faults that were asked for set in. Beside the providers, `/_lab` is the lab's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from labkit.clock import Clock
from labkit.errors import LabError, ParameterError
from labkit.facts import Facts
from labkit.sim import admin, anthropic_messages, ollama_api, openai_chat
from labkit.sim.access import stranger
from labkit.sim.bent import Broken, bend, can_bend
from labkit.sim.body import LIMIT_BYTES
from labkit.sim.call import Call, Reply, refusal
from labkit.sim.draws import digest, to_json
from labkit.sim.failing import failing
from labkit.sim.pace import PaceName
from labkit.sim.refusal import Refused, refuse
from labkit.sim.world import World, load_model

if TYPE_CHECKING:
    from labkit.lm import LanguageModel

DIALECTS: dict[str, Callable[[Call], Awaitable[Reply]]] = {
    "openai-chat": openai_chat.answer,
    "anthropic-messages": anthropic_messages.answer,
    "ollama": ollama_api.answer,
}


def create_app(
    facts: Facts,
    *,
    clock: Clock | None = None,
    pace: PaceName = "quick",
    seed: int = 0,
    tiers: Mapping[str, str] | None = None,
    credit_usd: Mapping[str, Decimal | float | str] | None = None,
    allow_hosts: Iterable[str] = (),
    load: Callable[[str], LanguageModel] = load_model,
    address: Callable[[str], tuple[str, str]] | None = None,
    hang_up: Callable[[tuple[str, int]], bool] | None = None,
) -> Starlette:
    """The app of all providers in `facts`; its World is `app.state.world`. Raises FactsError where facts leave gaps.

    address: a provider's base URL and the SDK's, for the admin path to name.  hang_up: resets a client's connection.
    """
    world = World(facts, clock=clock, pace=pace, seed=seed, tiers=tiers, credit_usd=credit_usd, load=load)
    app = Starlette(routes=[Route("/{rest:path}", Providers(world, allow_hosts, address, hang_up))])
    app.state.world = world
    return app


class Providers:
    """The ASGI endpoint behind every path."""

    def __init__(
        self,
        world: World,
        allow_hosts: Iterable[str] = (),
        address: Callable[[str], tuple[str, str]] | None = None,
        hang_up: Callable[[tuple[str, int]], bool] | None = None,
    ) -> None:
        self.world, self.allow_hosts, self._address, self._hang_up = world, tuple(allow_hosts), address, hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        wrong = stranger(headers, self.allow_hosts)
        if wrong:
            await _plain(send, 403, wrong)
            return
        name, slash, rest = scope["path"].removeprefix("/").partition("/")
        if name == "_lab":
            await self._admin(scope, headers, slash + rest, receive, send)
            return
        if name not in self.world.facts:
            known = " ".join(f"/{provider}" for provider in self.world.facts)
            await _plain(send, 404, f"No provider is called {name!r} here. There are: {known}")
            return
        world, provider, path = self.world, self.world.facts[name], slash + rest
        record = world.log.begin(
            moment=world.clock.now().isoformat(),
            provider=name,
            method=scope["method"],
            path=path,
            headers=headers.items(),
        )
        with contextlib.suppress(ClientDisconnect):
            body = await _body(receive)
            _, ids = world.key(digest(name, scope["method"], path, body), None)
            call = Call(world, provider, record, scope["method"], path, headers, body, ids)
            call.query = scope.get("query_string", b"").decode("latin-1")
            try:
                await _while_connected(self._answer(call, send), receive, call)
            except Broken as broken:  # the app returns in the middle of an answer: the server closes the connection
                if broken.how == "reset" and self._hang_up is not None:
                    self._hang_up((scope.get("client") or ("", 0))[:2])
                    await asyncio.sleep(0)  # let the server see it, or it would answer that the app did not

    async def _admin(self, scope: Scope, headers: Mapping[str, str], path: str, receive: Receive, send: Send) -> None:
        wrong = admin.outsider(headers, scope.get("client"))
        if wrong:
            await _plain(send, 403, wrong)
            return
        with contextlib.suppress(ClientDisconnect):
            status, about = admin.answer(self.world, scope["method"], path, await _body(receive), self._address)
            await _plain(send, status, to_json(about).decode(), "application/json")

    async def _answer(self, call: Call, send: Send) -> None:
        try:
            await self._answer_or_fail(call, send)
        finally:
            if call.admission is not None:
                call.admission.settle(call.record.prompt_tokens or 0, call.record.completion_tokens or 0)

    async def _answer_or_fail(self, call: Call, send: Send) -> None:
        try:
            reply = failing(call) or await DIALECTS[call.provider.dialect](call)
        except ParameterError as wrong:  # of the x-lab-fault header
            await _plain(send, 400, str(wrong))
            return
        except Refused as refused:
            reply = refusal(call, refused.answer)
        except Exception as error:  # the lab's own trouble: the caller gets the provider's 500, the log the cause
            call.record.trouble = traceback.format_exc()
            reply = refusal(call, refuse(call.provider, "server_error").answer)
            cause = " ".join(str(error).split()) if isinstance(error, LabError) else "a defect: please report it"
            reply.lab["x-lab-note"] = f"not the provider's doing but the lab's: {cause}"
        await self._send(call, reply, send)

    async def _send(self, call: Call, reply: Reply, send: Send) -> None:
        """Send a reply. Every answer of every provider passes here: the place where faults asked for set in."""
        if call.record.fault is None:
            fault = call.world.faults.turn(call, "answer", lambda one: can_bend(reply, one))
            if fault is not None:
                call.record.fault = fault.kind
                reply = await bend(call, reply, fault)
        lab = {"x-lab-provider": call.provider.id, **reply.lab}
        if call.record.fault is not None:
            lab["x-lab-fault"] = call.record.fault
        counted: dict[str, str] = {}
        if call.admission is not None:
            if isinstance(reply.body, bytes):  # all is said: its tokens can be counted before the headers are written
                call.admission.settle(call.record.prompt_tokens or 0, call.record.completion_tokens or 0)
            counted = call.admission.headers()
        headers = {"date": call.world.clock.http_date(), **reply.headers, **counted, **lab}
        if isinstance(reply.body, bytes):
            headers["content-length"] = str(len(reply.body))
        call.record.status = reply.status
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        if isinstance(reply.body, bytes):
            await send({"type": "http.response.body", "body": reply.body})
            return
        try:
            await _send_pieces(call, reply.body, send)
        except Broken:
            raise
        except Exception:  # the head is out: all that is left is to end the line, as a server that fails does
            call.record.trouble = traceback.format_exc()
            raise


async def _send_pieces(call: Call, pieces: AsyncIterator[bytes], send: Send) -> None:
    async with contextlib.aclosing(pieces):  # type: ignore[type-var]
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _while_connected(work: Awaitable[None], receive: Receive, call: Call) -> None:
    """Do `work` until it is done or the client goes away; then it is cancelled, and the model stops."""
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            await asyncio.sleep(0)  # the end of an answer looks like a disconnect too: let it finish
        if not doing.done():
            call.record.gone = True
            doing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await doing
    finally:
        gone.cancel()
        doing.cancel()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    """The request's body; of one beyond the limit, enough to see that it is."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        if size <= LIMIT_BYTES:
            parts.append(part)
        size += len(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _plain(send: Send, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
    data = f"{text}\n".encode()
    head = [(b"content-type", kind.encode()), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": data})
