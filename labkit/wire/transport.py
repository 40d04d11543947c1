"""The recording transports: the one seam through which `lab.client` sends.

Every call that `gate` lets pass becomes an `Exchange` in the log, with its times, whether it ends well or not. The
body is noted as the reader takes it, never ahead of him.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, cast

import httpx

from labkit.wire.capture import is_loopback
from labkit.wire.exchange import Exchange
from labkit.wire.gate import Gate, Route
from labkit.wire.log import ExchangeLog
from labkit.wire.recorder import Recorder
from labkit.wire.tape import played_back


class RecordingTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=…)`: sends, records, and refuses what was not asked for.

    inner: a transport of your own to send with; without one, httpx's, which reaches this machine directly and other
        hosts through the proxies of the environment (HTTPS_PROXY, ALL_PROXY, NO_PROXY).
    log: where exchanges are kept.  routes: the hosts that may be reached beside this machine.
    allow(request, route): called before a live call; raises to forbid it (the budget).
    settle(exchange, allowed): called once when an exchange is over, however it ended, with what `allow` returned;
        that is None for a local call.
    replay(request, route): an exchange that is played back instead of sending, or None.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport | None = None,
        log: ExchangeLog | None = None,
        *,
        routes: Iterable[Route] = (),
        allow: Callable[[httpx.Request, Route], Any] | None = None,
        settle: Callable[[Exchange, Any], None] | None = None,
        replay: Callable[[httpx.Request, Route], Exchange | None] | None = None,
    ) -> None:
        self._gate = Gate(log, routes, allow, settle, replay)
        self._inner = inner
        self._opened: dict[tuple[bool, str | None], httpx.HTTPTransport] = {}

    @property
    def log(self) -> ExchangeLog:
        """The exchanges that passed here."""
        return self._gate.log

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        kept = self._gate.replayed(request)
        if kept is not None:
            return played_back(kept, request)
        recorder, route = self._gate.open(request)
        inner = self._inner or self._direct(request.url)
        try:
            response = inner.handle_request(self._gate.outgoing(request, route, recorder.trace))
        except BaseException as error:
            recorder.failed(error)
            raise
        recorder.answered(response)
        if not response.is_stream_consumed:
            response.stream = _Stream(cast(httpx.SyncByteStream, response.stream), recorder)
        return response

    def close(self) -> None:
        for transport in (self._inner, *self._opened.values()):
            if transport is not None:
                transport.close()

    def _direct(self, url: httpx.URL) -> httpx.HTTPTransport:
        kind = (url.scheme == "https", _proxy_for(url))
        if kind not in self._opened:
            self._opened[kind] = httpx.HTTPTransport(verify=_trust(kind[0]), proxy=kind[1])
        return self._opened[kind]


class AsyncRecordingTransport(httpx.AsyncBaseTransport):
    """`RecordingTransport` for `httpx.AsyncClient`."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport | None = None,
        log: ExchangeLog | None = None,
        *,
        routes: Iterable[Route] = (),
        allow: Callable[[httpx.Request, Route], Any] | None = None,
        settle: Callable[[Exchange, Any], None] | None = None,
    ) -> None:
        self._gate = Gate(log, routes, allow, settle)
        self._inner = inner
        self._opened: dict[tuple[bool, str | None], httpx.AsyncHTTPTransport] = {}

    @property
    def log(self) -> ExchangeLog:
        """The exchanges that passed here."""
        return self._gate.log

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        recorder, route = self._gate.open(request)
        inner = self._inner or self._direct(request.url)
        try:
            response = await inner.handle_async_request(self._gate.outgoing(request, route, recorder.atrace))
        except BaseException as error:
            recorder.failed(error)
            raise
        recorder.answered(response)
        if not response.is_stream_consumed:
            response.stream = _AsyncStream(cast(httpx.AsyncByteStream, response.stream), recorder)
        return response

    async def aclose(self) -> None:
        for transport in (self._inner, *self._opened.values()):
            if transport is not None:
                await transport.aclose()

    def _direct(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        kind = (url.scheme == "https", _proxy_for(url))
        if kind not in self._opened:
            self._opened[kind] = httpx.AsyncHTTPTransport(verify=_trust(kind[0]), proxy=kind[1])
        return self._opened[kind]


class _Stream(httpx.SyncByteStream):
    """The body on its way to the reader, each part noted as it passes."""

    def __init__(self, inner: httpx.SyncByteStream, recorder: Recorder) -> None:
        self._inner, self._recorder = inner, recorder

    def __iter__(self) -> Iterator[bytes]:
        append, start = self._recorder.noting()
        clock = time.perf_counter
        try:
            for part in self._inner:
                append((clock() - start, part))
                yield part
        except Exception as error:
            self._recorder.failed(error)
            raise
        except BaseException:  # the reader stopped or was interrupted
            self._recorder.cut()
            raise
        self._recorder.complete()

    def close(self) -> None:
        self._recorder.cut()  # changes nothing when the end was reached
        self._inner.close()


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, recorder: Recorder) -> None:
        self._inner, self._recorder = inner, recorder

    async def __aiter__(self) -> AsyncIterator[bytes]:
        append, start = self._recorder.noting()
        clock = time.perf_counter
        try:
            async for part in self._inner:
                append((clock() - start, part))
                yield part
        except Exception as error:
            self._recorder.failed(error)
            raise
        except BaseException:
            self._recorder.cut()
            raise
        self._recorder.complete()

    async def aclose(self) -> None:
        self._recorder.cut()
        await self._inner.aclose()


def _proxy_for(url: httpx.URL) -> str | None:
    """The environment's proxy for `url`; never one for this machine."""
    if is_loopback(url.host):
        return None
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


@lru_cache(maxsize=2)
def _trust(tls: bool) -> ssl.SSLContext | bool:
    # Reading the certificates takes longer than a local call: plain HTTP goes without, and trusts none.
    return True if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
