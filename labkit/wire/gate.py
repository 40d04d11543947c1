"""The gate: which hosts may be called, as whom, and with which key. It sends nothing; the transports ask it.

Nothing leaves this machine unless it was asked for by name: every host is refused but loopback and those of the
`Route`s. A live key is put into a request here and nowhere else: what callers hold is a placeholder, which is swapped
for the key in the copy that goes out, over TLS, to the provider's own host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import httpx

from labkit.errors import LiveRefused
from labkit.keys import Secret, not_secret
from labkit.wire.capture import is_loopback
from labkit.wire.exchange import Exchange
from labkit.wire.log import ExchangeLog
from labkit.wire.recorder import Recorder

KEY_HEADERS = ("authorization", "x-api-key")


def placeholder(provider: str) -> str:
    """What stands for a live key everywhere outside the transport; harmless, and worth nothing to anybody.

    >>> placeholder("deepseek")
    'lab-live-key-of-deepseek'
    """
    value = f"lab-live-key-of-{provider}"
    not_secret(value)
    return value


@dataclass(frozen=True)
class Route:
    """An address that may be reached beside the loopback ones, and as whom.

    base_url: scheme, host and port count; a path tells providers on one host apart.  place: 'live', 'self-hosted',
    or 'local' for a provider of the lab's own server.  secret: the key that replaces `placeholder(provider)` on its
    way to this very host, or None.
    """

    provider: str
    base_url: str
    place: str = "live"
    secret: Secret | None = None

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port."""
        return _origin(_parsed(self.base_url))

    def agreement(self, url: httpx.URL) -> int:
        """How many characters of the path agree: the longest names the provider; -1 for another one's path."""
        path, asked = _path_of(self.base_url), url.path
        return len(path) if asked == path or asked.startswith(f"{path}/") else -1


class Gate:
    """What both transports do before sending: who may be called, as whom, in which words."""

    def __init__(
        self,
        log: ExchangeLog | None,
        routes: Iterable[Route],
        allow: Callable[[httpx.Request, Route], Any] | None,
        settle: Callable[[Exchange, Any], None] | None,
        replay: Callable[[httpx.Request, Route], Exchange | None] | None = None,
    ) -> None:
        self._replay = replay
        self.log = log if log is not None else ExchangeLog()
        self._by_origin: dict[tuple[str, str, int | None], tuple[Route, ...]] = {}
        for route in routes:
            self._by_origin[route.origin] = (*self._by_origin.get(route.origin, ()), route)
        self.allow, self.settle = allow, settle

    def replayed(self, request: httpx.Request) -> Exchange | None:
        """What is played back instead of sending this request; it stands in the log then. None: send it."""
        route = self._route(request.url) if self._replay is not None else None
        if self._replay is None or route is None:
            return None
        kept = self._replay(request, route)
        if kept is not None:
            self.log.add(kept)
        return kept

    def open(self, request: httpx.Request) -> tuple[Recorder, Route | None]:
        """A recorder for this call; raises LiveRefused when the call must not be made."""
        route = self._route(request.url)
        home = is_loopback(request.url.host)
        if route is None and not home:
            raise LiveRefused(
                f"{request.url.host or 'an address without a host'} is not on this machine, and nobody asked for it",
                where=f"{request.method} {request.url.copy_with(query=None, userinfo=b'')}",
                do='Ask for the provider by name, Lab(live=["…"]), which needs its key and may cost money; or call the '
                'local one at lab.url("…")',
            )
        held = None
        if route is not None and route.place == "live" and self.allow is not None:
            held = self.allow(request, route)
        settle = partial(_settle, self.settle, held) if self.settle is not None else None
        swap = route.secret if route is not None and _may_carry_a_key(request.url) else None
        recorder = Recorder(request, swap, settle, *((route.provider, route.place) if route is not None else ()))
        self.log.add(recorder.exchange)
        return recorder, route

    def outgoing(self, request: httpx.Request, route: Route | None, trace: Callable[..., Any]) -> httpx.Request:
        """A copy of `request` for the wire: traced, the placeholder swapped, `x-lab-` headers kept at home."""
        # Same stream and body, headers and extensions of its own: the caller's request must not change, and building
        # one anew would cost more than all the rest of the recording.
        copy = object.__new__(httpx.Request)
        copy.__dict__.update(request.__dict__)
        copy.extensions = {**request.extensions, "trace": trace}
        home = is_loopback(request.url.host)
        swaps = route is not None and route.secret is not None and _may_carry_a_key(request.url)
        if swaps or not home:
            lines = (_line(*line, route if swaps else None) for line in request.headers.raw)
            copy.headers = httpx.Headers([line for line in lines if home or not line[0].lower().startswith(b"x-lab-")])
        return copy

    def _route(self, url: httpx.URL) -> Route | None:
        fitting = self._by_origin.get(_origin(url), ())
        if not fitting:
            return None
        agreed = [(route.agreement(url), route) for route in fitting]
        if is_loopback(url.host):  # many providers on one host: the path must be one's own
            agreed = [one for one in agreed if one[0] >= 0]
        return max(agreed, key=lambda one: one[0], default=(0, None))[1]


def _settle(settle: Callable[[Exchange, Any], None], held: Any, exchange: Exchange) -> None:
    settle(exchange, held)


def _line(name: bytes, value: bytes, route: Route | None) -> tuple[bytes, bytes]:
    if route is None or route.secret is None or name.lower().decode("latin-1") not in KEY_HEADERS:
        return name, value
    return name, value.replace(placeholder(route.provider).encode("ascii"), route.secret.unwrap().encode("ascii"))


def _may_carry_a_key(url: httpx.URL) -> bool:
    """A key goes out over TLS only, or to this machine."""
    return url.scheme == "https" or is_loopback(url.host)


@lru_cache(maxsize=128)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


@lru_cache(maxsize=128)
def _path_of(url: str) -> str:
    return _parsed(url).path.rstrip("/")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
