"""The local providers on a socket: uvicorn in a thread of this process, on the loopback interface.

It starts with `Lab()` in a notebook and with `lab serve` in a terminal, says nothing, installs no signal handlers and
dies with its process: a restarted kernel leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labkit.clock import Clock
from labkit.errors import ServerError
from labkit.facts import Facts
from labkit.sim.faults import Faults
from labkit.sim.pace import PaceName
from labkit.sim.records import ServerLog
from labkit.sim.rough import Rough, reset
from labkit.sim.said import Said
from labkit.sim.world import load_model

if TYPE_CHECKING:
    from labkit.lm import LanguageModel

START_S = 20.0
"""How long the server may take to come up before something is plainly wrong."""


class LocalServer:
    """All local providers behind one port.

    pace: 'quick' answers at once, 'real' at each provider's speed.  port: 0 takes a free one.
    tiers: provider -> account tier, where it is not the facts' default.  credit_usd: provider -> money, else no end.
    host: an interface; beside loopback only when a container must reach the lab, and then name it in `allow_hosts`.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        clock: Clock | None = None,
        pace: PaceName = "quick",
        seed: int = 0,
        tiers: Mapping[str, str] | None = None,
        credit_usd: Mapping[str, Decimal | float | str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_hosts: Iterable[str] = (),
        load: Callable[[str], LanguageModel] = load_model,
    ) -> None:
        from labkit.sim.app import create_app

        names = (*allow_hosts, host)
        self._app = create_app(
            facts,
            clock=clock,
            pace=pace,
            seed=seed,
            tiers=tiers,
            credit_usd=credit_usd,
            allow_hosts=names,
            load=load,
            address=lambda provider: (self.provider_url(provider), self.sdk_url(provider)),
            hang_up=lambda client: reset(self._server.server_state.connections, client),
        )
        self._rough = Rough()
        self._world = self._app.state.world
        self._host, self._port = host, port
        self._thread: threading.Thread | None = None
        self._server: Any = None
        self.running = False

    def start(self) -> LocalServer:
        """Bind, serve, and return when requests are answered; the models load meanwhile. Raises ServerError."""
        if self.running:
            return self
        sock = bind(self._host, self._port)
        self._port = sock.getsockname()[1]
        ready, failed = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(target=self._serve, args=(sock, ready, failed), name="lab-server", daemon=True)
        self._thread.start()
        threading.Thread(target=self._load_ahead, name="lab-load", daemon=True).start()
        if not ready.wait(START_S) or failed:
            sock.close()
            cause = f" ({failed[0]})" if failed else ""
            raise ServerError(f"the local server did not start{cause}", do="Restart the kernel and try again")
        self.running = True
        return self

    def stop(self) -> None:
        """Stop serving and give the port back. Models at work stop at their next token."""
        if self._server is not None:
            self._server.should_exit = True
        self._world.workers.stop()
        if self._thread is not None:
            self._thread.join(START_S)
        self._rough.close()
        self.running = False

    def tell_again(self) -> LocalServer:
        """From now on, tell an answer again that was made before for the same request and chance, instead of making it.

        What is answered stays the same; only the time is not the model's.
        """
        self._world.said = Said()
        return self

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it answers, seen from this machine: http://127.0.0.1:PORT."""
        if self._port == 0:
            raise ServerError("the local server has no address yet", do="Call start() first")
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def provider_url(self, provider: str) -> str:
        """The provider's base URL here: the real one with another scheme and host. FactsError for an unknown id.

        While a fault of its address is in force, an address that fails in that way.
        """
        return self._here(provider, self.facts[provider].address.base_url)

    def sdk_url(self, provider: str) -> str:
        """What the provider's own SDK takes as its base URL, here."""
        return self._here(provider, self.facts[provider].address.sdk_base_url)

    def describe(self) -> dict[str, Any]:
        """What a client needs to call: for each provider its addresses, its local key and its living models."""
        now = self.clock.now()
        return {
            "providers": {
                name: {
                    "base_url": self.provider_url(name),
                    "sdk_base_url": self.sdk_url(name),
                    "key": provider.key.local,
                    "models": [model.id for model in provider.alive(now).values() if model.listed],
                }
                for name, provider in self.facts.items()
            }
        }

    @property
    def facts(self) -> Facts:
        """The facts it answers by."""
        facts: Facts = self._world.facts
        return facts

    @property
    def clock(self) -> Clock:
        """The lab's clock that it reads."""
        clock: Clock = self._world.clock
        return clock

    @property
    def pace(self) -> PaceName:
        """'real' or 'quick'."""
        pace: PaceName = self._world.pace
        return pace

    @pace.setter
    def pace(self, pace: PaceName) -> None:
        self._world.pace = pace

    @property
    def log(self) -> ServerLog:
        """Its own record of every request."""
        log: ServerLog = self._world.log
        return log

    @property
    def faults(self) -> Faults:
        """The faults in force; ask for one with `.add(provider, kind, times=…)`."""
        faults: Faults = self._world.faults
        return faults

    @property
    def busy(self) -> int:
        """How many answers the models are working on."""
        busy: int = self._world.workers.busy
        return busy

    def reset(
        self,
        *,
        facts: Facts | None = None,
        clock: Clock | None = None,
        pace: PaceName | None = None,
        seed: int | None = None,
        tiers: Mapping[str, str] | None = None,
        credit_usd: Mapping[str, Decimal | float | str] | None = None,
    ) -> None:
        """As freshly started, on the same port: log empty, accounts new, no faults; what is given changes."""
        self._world.change(facts=facts, clock=clock, pace=pace, seed=seed, tiers=tiers, credit_usd=credit_usd)

    def _here(self, provider: str, real: str) -> str:
        url, fault = f"{self.url}/{provider}{urlsplit(real).path.rstrip('/')}", self.faults.address(provider)
        return self._rough.address(fault.kind, provider, url) if fault else url

    def _load_ahead(self) -> None:
        """Have the models ready before they are asked; a model that cannot load fails where it is asked for."""
        for name in sorted({m.spoken_by for p in self.facts.values() for m in p.alive().values()}):
            try:
                self._world.load(name)
            except Exception:
                continue

    def _serve(self, sock: socket.socket, ready: threading.Event, failed: list[BaseException]) -> None:
        try:
            import uvicorn

            for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):  # no server text ever reaches a cell
                logger = logging.getLogger(name)
                logger.handlers, logger.propagate = [logging.NullHandler()], False

            class Quiet(uvicorn.Server):
                async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                    await super().startup(sockets)
                    ready.set()

            config = uvicorn.Config(
                self._app,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                http="h11",
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,  # longer than clients keep idle connections, so that they close first
                timeout_graceful_shutdown=1,
            )
            self._server = Quiet(config)
            loop = asyncio.new_event_loop()
            loop.set_exception_handler(lambda *_: None)
            try:
                loop.run_until_complete(self._server.serve(sockets=[sock]))
                loop.run_until_complete(_hang_up(self._server))
            finally:
                loop.close()
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()


async def _hang_up(server: Any) -> None:
    """Close what is still open after the server has stopped, and let the loop see it closed."""
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises ServerError with what to do."""
    if not 0 <= port <= 65535:
        raise ServerError(f"{port} is not a port", right="Ports go from 1 to 65535; 0 takes a free one")
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that name it. Without it each answer, sent
    # in two pieces, would wait 40 ms for the client's delayed acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let two servers share one port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise _no_port(host, port, error) from None
    return sock


def _no_port(host: str, port: int, error: OSError) -> ServerError:
    if error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", -1)):
        return ServerError(
            f"port {port} is taken by another program",
            where=f"{host}:{port}",
            do=f"Choose another, for instance --port {port + 1 if port < 65535 else 8765}, or --port 0 for a free one",
        )
    if error.errno in (errno.EACCES, getattr(errno, "WSAEACCES", -1)):
        return ServerError(
            f"port {port} needs administrator rights", where=f"{host}:{port}", do="Choose one above 1023"
        )
    return ServerError(f"cannot listen there ({error.strerror})", where=f"{host}:{port}", right="Use --host 127.0.0.1")
