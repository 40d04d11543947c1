"""Takes down one call as it happens: what both transports write and `Exchange` is read from."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import httpx

from labkit.keys import Secret
from labkit.keys.scrub import known
from labkit.wire.bodies import decoded_parts
from labkit.wire.capture import (
    RECORDED,
    answer_of,
    answer_scrubber,
    causes_of,
    clean_error,
    failure_of,
    sent_of,
    whereabouts,
)
from labkit.wire.exchange import Exchange, Timings

logger = logging.getLogger("labkit.wire")


class Recorder:
    """One call, from `trace` (before the bytes leave) to `complete`, `cut` or `failed`, whichever comes first.

    secret: the key that goes out in this call in place of its placeholder, or None.
    provider, place: whose address it is, where that is known beforehand.
    """

    def __init__(
        self,
        request: httpx.Request,
        secret: Secret | None,
        settle: Callable[[Exchange], None] | None,
        provider: str = "",
        place: str = "",
    ) -> None:
        self._known = known()
        sent, self._keys = sent_of(request, self._known)
        self._told = bool(provider)  # else the answer may say who it was
        if not provider:
            provider, place = whereabouts(sent.url, None)
        self.exchange = Exchange(sent, provider=provider, place=place, state="open", started_at=time.time())
        self._url, self._secret, self._settle = str(request.url), secret, settle
        self._theirs = request.extensions.get("trace")
        self._marks: dict[str, float] = {}
        self._over = False
        self._start = time.perf_counter()

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """httpcore's trace hook: when what began and ended. `info` holds keys and is not kept."""
        if name.startswith("connection."):
            self._marks[name] = time.perf_counter()
        elif not self._marks:
            self._marks["sent"] = time.perf_counter()  # the connection was there already
        if self._theirs is not None:
            self._theirs(name, info)

    async def atrace(self, name: str, info: dict[str, Any]) -> None:
        """`trace` as httpcore's async half wants it."""
        theirs, self._theirs = self._theirs, None
        self.trace(name, info)
        self._theirs = theirs
        if theirs is not None:
            await theirs(name, info)

    def answered(self, response: httpx.Response) -> None:
        """The answer's headers are here; its body, if it was not read yet, will come by `part`."""
        first_byte_s = time.perf_counter() - self._start
        exchange = self.exchange
        exchange.timings = Timings(
            connect_s=self._took("connection.connect_tcp"),
            tls_s=self._took("connection.start_tls"),
            first_byte_s=first_byte_s,
            reused="connection.connect_tcp.started" not in self._marks if self._marks else None,
        )
        if self._secret is not None:
            self._keys.append(self._secret.unwrap())
        self._clean = answer_scrubber(self._url, self._keys, response.status_code, self._known)
        exchange.response = answer_of(response, None, self._clean)
        if not self._told:
            exchange.provider, exchange.place = whereabouts(self._url, exchange.response)
        self._encoding = response.headers.get("content-encoding", "")
        response.extensions[RECORDED] = exchange
        if response.is_stream_consumed:  # a transport that answers from memory
            self.part(response.content)
            self._encoding = ""
            self.complete()

    def part(self, data: bytes) -> None:
        """So much of the body has arrived."""
        self.exchange._parts.append((time.perf_counter() - self._start, data))

    def noting(self) -> tuple[Callable[[tuple[float, bytes]], None], float]:
        """What `part` does, for a loop that runs once a piece: (append, the start to be taken from each time)."""
        return self.exchange._parts.append, self._start

    def complete(self) -> None:
        """The body has ended as it should."""
        self._finish("complete")

    def cut(self) -> None:
        """The reader went away before the end. Does nothing when the end had been reached."""
        if not self._over and self._has_ended():
            return self._finish("complete")
        return self._finish("cut")

    def failed(self, error: BaseException) -> None:
        """No answer came, or it broke off. The exchange goes with the exception; frames that saw a key do not."""
        if self._over:
            return
        keys = [*self._keys, *([self._secret.unwrap()] if self._secret is not None else [])]
        clean_error(error, keys)
        self.exchange.error = failure_of(error, keys)
        if isinstance(error, Exception):
            error.labkit_exchange = self.exchange  # type: ignore[attr-defined]
        if self._secret is not None:
            _forget_frames(error)
        self._finish("cut" if self.exchange.response is not None else "failed")

    def _finish(self, state: str) -> None:
        if self._over:
            return
        self._over = True
        exchange = self.exchange
        total_s = time.perf_counter() - self._start
        old = exchange.timings
        exchange.timings = Timings(old.connect_s, old.tls_s, old.first_byte_s, total_s, old.reused)
        if exchange.response is not None:
            parts = exchange._parts
            if self._encoding:
                parts = decoded_parts(parts, self._encoding)
            clean = self._clean.parts([part for _, part in parts])
            exchange._parts = [(t_s, part) for (t_s, _), part in zip(parts, clean, strict=True)]
            answer = exchange.response
            exchange.response = type(answer)(
                *(answer.status, answer.reason, answer.http_version, answer.headers),
                clean[0] if len(clean) == 1 else b"".join(clean),
            )
        exchange.state = state
        self._keys.clear()
        self._secret = None
        if logger.isEnabledFor(logging.INFO):
            _tell(exchange)
        if self._settle is not None:
            self._settle(exchange)

    def _has_ended(self) -> bool:
        """Whether all of a body of announced length is here, though its end was not waited for."""
        answer = self.exchange.response
        length = answer.headers.get("content-length") if answer is not None else ""
        return length.isdigit() and sum(len(part) for _, part in self.exchange._parts) >= int(length)

    def _took(self, what: str) -> float | None:
        start, end = self._marks.get(f"{what}.started"), self._marks.get(f"{what}.complete")
        return None if start is None or end is None else end - start


def _tell(exchange: Exchange) -> None:
    """One record a call for whoever listens to `labkit.wire`: a warning when it failed. The exchange goes with it."""
    answer, (tokens_in, tokens_out) = exchange.response, exchange.tokens
    came = str(answer.status) if answer is not None else str(exchange.error or "no answer")
    counted = f", {tokens_in} tokens in, {tokens_out} out" if tokens_in is not None else ""
    broke = f", {exchange.error}" if answer is not None and exchange.error is not None else ""
    state = f", {exchange.state}" if exchange.state == "cut" else ""
    failed = answer is None or answer.status >= 400 or exchange.state == "cut"
    logger.log(
        logging.WARNING if failed else logging.INFO,
        "%s %s → %s in %.3f s%s%s%s",
        *(exchange.request.method, exchange.request.url, came, exchange.timings.total_s or 0.0),
        *(counted, state, broke),
        extra={"exchange": exchange},
    )


def _forget_frames(error: BaseException) -> None:
    """Drop the frames below the transport: a traceback that prints local variables would show the key in them."""
    for cause in causes_of(error):
        cause.__traceback__ = None
