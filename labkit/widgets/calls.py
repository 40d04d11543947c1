"""One call, followed while it happens: what has been said so far, how it stands, what went wrong in a sentence.

It sends through `lab.client`, so that the call stands in `lab.log` and a live one keeps to the budget. No ipywidgets.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from labkit.cost import shown_usd, usage_usd
from labkit.errors import LabError
from labkit.keys import scrub
from labkit.probe.voices import Choice, voice_of
from labkit.widgets.beside import Run
from labkit.wire import Exchange
from labkit.wire.log import seconds

if TYPE_CHECKING:
    from labkit.facts import Provider
    from labkit.session import Lab

TIMEOUT_S = 60.0


class Call:
    """A request to one provider, from before it is sent until it is over.

    state: 'waiting' for the answer, 'arriving', 'complete', 'refused' (a status of 400 or more), 'stopped' by hand,
    'failed'.  said, working: the text so far.  problem: what went wrong, in a sentence, or ''.
    """

    def __init__(self, provider: Provider, body: Mapping[str, Any], place: str = "local", pace: str = "real") -> None:
        self.provider, self.body, self.place, self.pace = provider, dict(body), place, pace
        self.state, self.problem = "waiting", ""
        self.exchange: Exchange | None = None
        self.status: int | None = None
        self.error: BaseException | None = None
        self._content_type = ""
        self._parts: list[bytes] = []
        self._heard: tuple[int, Choice, str] = (-1, Choice(), "")
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def over(self) -> bool:
        return self.state not in ("waiting", "arriving")

    @property
    def raw(self) -> bytes:
        """The body of the answer as far as it has come."""
        return b"".join(self._parts)

    @property
    def said(self) -> str:
        """The text of the first choice so far."""
        return self._hear()[1].text

    @property
    def working(self) -> str:
        """What the model wrote before its answer, as far as it is shown."""
        return self._hear()[1].working

    @property
    def usage(self) -> dict[str, Any]:
        """The tokens as the answer counts them; {} before its end, and where it does not say."""
        return self.exchange.usage if self.exchange and self.over else {}

    @property
    def tokens(self) -> tuple[int | None, int | None]:
        """(tokens in, tokens out)."""
        return self.exchange.tokens if self.exchange and self.over else (None, None)

    def cost(self, lab: Lab) -> str:
        """What the tokens cost at the provider's price in force; a local call costs nothing in truth."""
        model, usage = self.provider.models.get(self.model), self.usage
        if model is None or not usage or self.provider.id == "lab":
            return "0 USD" if self.provider.id == "lab" else "not stated"
        try:
            return shown_usd(usage_usd(model, usage, lab.clock))
        except (KeyError, TypeError, ValueError):
            return "not stated"  # a usage without counts

    def first_s(self) -> float | None:
        """Seconds until the first part of the body."""
        chunks = self.exchange.chunks if self.exchange and self.over else ()
        return chunks[0][0] if chunks else None

    def figures(self, lab: Lab) -> list[tuple[str, str]]:
        """(name, value) of what is known once it is over."""
        if self.exchange is None:
            return []
        tokens_in, tokens_out = self.tokens
        whose = "cost" if self.place == "live" else "cost at list price"
        return [
            ("status", str(self.status)),
            ("tokens in", "not stated" if tokens_in is None else f"{tokens_in:,}"),
            ("tokens out", "not stated" if tokens_out is None else f"{tokens_out:,}"),
            (whose, self.cost(lab)),
            ("first byte", seconds(self.exchange.timings.first_byte_s)),
            ("total", seconds(self.exchange.timings.total_s)),
            ("pace", "live" if self.place == "live" else f"local, {self.pace}"),
        ]

    def spoke(self) -> str:
        """Who answered, where it was one of the lab's models."""
        return self.exchange.lab_model if self.exchange else ""

    def add(self, part: bytes) -> None:
        with self._lock:
            self._parts.append(part)

    def _hear(self) -> tuple[int, Choice, str]:
        with self._lock:
            parts = list(self._parts)
        if self.status is None or self._heard[0] == len(parts):
            return self._heard if self.status is not None else (-1, Choice(), "")
        content = b"".join(parts)
        if "event-stream" in self._content_type:
            content = content[: max(content.rfind(b"\n\n"), content.rfind(b"\r\n\r\n")) + 4]  # whole events only
        response = httpx.Response(self.status, headers={"content-type": self._content_type}, content=content)
        heard = voice_of(self.provider).hear(response)
        choice = heard.choices[0] if heard.choices else Choice()
        self._heard = (len(parts), choice, heard.message if self.status >= 400 else "")
        return self._heard

    def answered(self, response: httpx.Response) -> None:
        self.exchange = Exchange.of(response)
        self._content_type = response.headers.get("content-type", "")
        self.status, self.state = response.status_code, "arriving"

    def ended(self) -> None:
        if self.status is not None and self.status >= 400:
            self.state = "refused"
            self.problem = scrub(f"{self.provider.label} answers {self.status}: {self._hear()[2] or 'no words'}")
        else:
            self.state = "complete"

    def broke(self, error: BaseException, timeout_s: float) -> None:
        self.error, self.state = error, "failed"
        if self.exchange is None:
            with suppress(LabError):
                self.exchange = Exchange.of(error)
        self.problem = scrub(what_broke(error, self.provider.label, timeout_s, len(self.raw)))

    def stopped(self) -> None:
        self.state, self.problem = "stopped", "Stopped by hand; what had come until then is shown."


def what_broke(error: BaseException, label: str, timeout_s: float, received: int) -> str:
    """An exception of the connection in a sentence that says what to do."""
    if isinstance(error, LabError):
        return str(error)
    if isinstance(error, httpx.TimeoutException):
        return f"{label} sent nothing for {timeout_s:g} s, and the call was given up ({type(error).__name__})."
    if isinstance(error, httpx.ConnectError):
        return (
            f"Nobody answers at {label}'s address: the local server has stopped, or the address is wrong. "
            "lab = Lab() in a new kernel starts it again."
        )
    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
        if received:
            return f"The connection broke after {received:,} bytes: the answer is incomplete ({type(error).__name__})."
        return f"The connection broke before any answer came ({type(error).__name__})."
    said = " ".join(str(error).split())
    return f"The call failed: {type(error).__name__}{': ' + said if said else ''}."


def follow(
    lab: Lab,
    call: Call,
    *,
    tell: Callable[[], None] = lambda: None,
    run: Run | None = None,
    timeout_s: float = TIMEOUT_S,
    request: Callable[[httpx.Client], httpx.Request] | None = None,
) -> Call:
    """Send the call and read its answer to the end; never raises for what the network or the provider does.

    tell: called after each part.  run: the piece of work that this is; its being stopped ends the call.
    timeout_s: how long nothing may come.  request: makes what is to be sent, where that is not `call.body` to the
    chat's path.
    """
    try:
        with lab.client(call.provider.id, timeout=timeout_s) as client:
            made = request_of(client, call.provider, call.body) if request is None else request(client)
            response = client.send(made, stream=True)
            try:
                call.answered(response)
                if run is not None:
                    run.on_stop(lambda: _shut(response))
                tell()
                for part in response.iter_bytes():
                    call.add(part)
                    tell()
                    if run is not None and run.stopped:
                        break
            finally:
                response.close()
        call.stopped() if run is not None and run.stopped else call.ended()
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, LabError, OSError, ValueError) as error:
        call.stopped() if run is not None and run.stopped else call.broke(error, timeout_s)
    tell()
    return call


def request_of(client: httpx.Client, provider: Provider, body: Mapping[str, Any]) -> httpx.Request:
    """The request for a chat with this body, as the client will send it.

    Written as httpx writes JSON, but for half of a surrogate pair, which a field may hold: it goes as its escape.
    """
    text = json.dumps(dict(body), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    content, headers = text.encode("utf-8", "backslashreplace"), {"content-type": "application/json"}
    return client.build_request("POST", provider.address.paths["chat"].lstrip("/"), content=content, headers=headers)


def place_of(lab: Lab, provider: str) -> str:
    """'live' where a call to that provider leaves this machine, else 'local'."""
    host = httpx.URL(lab.url(provider)).host
    return "local" if host in ("127.0.0.1", "localhost", "::1") or host.endswith(".invalid") else "live"


def as_json(body: Mapping[str, Any]) -> str:
    """A body as it goes over the wire, one key a line."""
    return json.dumps(body, ensure_ascii=False, indent=2)


def _shut(response: httpx.Response) -> None:
    """Wake a reader that waits for more: closing alone would not."""
    with suppress(Exception):
        stream = response.extensions.get("network_stream")
        found = stream.get_extra_info("socket") if stream is not None else None
        if found is not None:
            found.shutdown(socket.SHUT_RDWR)
