"""The local providers as one ASGI app: `/<provider>` is the provider's host, the rest of the path is its own.

It owns what all dialects share: who may call, reading the body, the record of each request, and sending. Every answer
passes `Providers._send`.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from labkit.clock import Clock
from labkit.errors import LabError
from labkit.facts import Facts
from labkit.sim import openai_chat
from labkit.sim.access import stranger
from labkit.sim.body import LIMIT_BYTES
from labkit.sim.call import Call, Reply, refusal
from labkit.sim.draws import digest
from labkit.sim.pace import PaceName
from labkit.sim.refusal import Refused, refuse
from labkit.sim.world import World, load_model

if TYPE_CHECKING:
    from labkit.lm import LanguageModel

DIALECTS: dict[str, Callable[[Call], Awaitable[Reply]]] = {"openai-chat": openai_chat.answer}


def create_app(
    facts: Facts,
    *,
    clock: Clock | None = None,
    pace: PaceName = "quick",
    seed: int = 0,
    allow_hosts: Iterable[str] = (),
    load: Callable[[str], LanguageModel] = load_model,
) -> Starlette:
    """The app of all providers in `facts`; its World is `app.state.world`. Raises FactsError where facts leave gaps."""
    world = World(facts, clock=clock, pace=pace, seed=seed, load=load)
    app = Starlette(routes=[Route("/{rest:path}", Providers(world, allow_hosts))])
    app.state.world = world
    return app


class Providers:
    """The ASGI endpoint behind every path."""

    def __init__(self, world: World, allow_hosts: Iterable[str] = ()) -> None:
        self.world, self.allow_hosts = world, tuple(allow_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        wrong = stranger(headers, self.allow_hosts)
        if wrong:
            await _plain(send, 403, wrong)
            return
        name, slash, rest = scope["path"].removeprefix("/").partition("/")
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
            await _while_connected(self._answer(call, send), receive, call)

    async def _answer(self, call: Call, send: Send) -> None:
        try:
            reply = await DIALECTS[call.provider.dialect](call)
        except Refused as refused:
            reply = refusal(call, refused.answer)
        except Exception as error:  # the lab's own trouble: the caller gets the provider's 500, the log the cause
            call.record.trouble = traceback.format_exc()
            reply = refusal(call, refuse(call.provider, "server_error").answer)
            cause = " ".join(str(error).split()) if isinstance(error, LabError) else "a defect: please report it"
            reply.lab["x-lab-note"] = f"not the provider's doing but the lab's: {cause}"
        await self._send(call, reply, send)

    async def _send(self, call: Call, reply: Reply, send: Send) -> None:
        """Send a reply. Every answer of every provider passes here: the place where faults asked for will set in."""
        lab = {"x-lab-provider": call.provider.id, **reply.lab}
        headers = {"date": call.world.clock.http_date(), **reply.headers, **lab}
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


async def _plain(send: Send, status: int, text: str) -> None:
    data = f"{text}\n".encode()
    head = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": data})
