"""The world of a trial: a local provider of its own, what came over the wire, a clock, money, and faults on demand.

It is not the notebook's server: what happens in a check changes nothing for the cells around it. Each case finds it as
freshly started. `Lab` says how such a server is started; which one it is, nobody here knows.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx

from labkit.clock import Clock
from labkit.cost import Budget, tokens_usd
from labkit.errors import ParameterError
from labkit.exercises.exercise import MOST_CALLS
from labkit.exercises.judging import missed
from labkit.exercises.trial import Allowance

if TYPE_CHECKING:
    from labkit.facts import Facts
    from labkit.sim import LocalServer
    from labkit.sim.faults import Fault
    from labkit.sim.records import Record

TIMEOUT_S = 60.0


class TooManyCalls(BaseException):
    """Raised in an answer that calls without end. No Exception, so that few answers catch it."""


class World:
    """What a case and an answer find around them. start: makes the server, when it is needed first."""

    def __init__(self, start: Callable[[], LocalServer]) -> None:
        self._start = start
        self._server: LocalServer | None = None
        self._transport: httpx.HTTPTransport | None = None
        self._making = threading.Lock()
        self.allowance = Allowance(0)
        self.fresh(self.allowance)

    # for whoever runs the cases -------------------------------------------------------------------------------

    def fresh(self, allowance: Allowance, most_calls: int = MOST_CALLS) -> None:
        """As freshly started, for the next case. most_calls: what its clients may call; then TooManyCalls is raised."""
        self.allowance, self._most_calls = allowance, most_calls
        self._sent = itertools.count(1)
        self.slept_s: list[float] = []
        self.bare_sleeps_s: list[float] = []
        self._sleeps_at: list[tuple[int, float]] = []
        if self._server is not None:
            self._reset(self._server)

    def abandon(self) -> None:
        """Leave this server to an answer that would not end; the next case gets another."""
        server, self._server = self._server, None
        transport, self._transport = self._transport, None

        def end() -> None:  # the server first: a call that waits for it fails then
            if server is not None:
                server.stop()
            if transport is not None:
                transport.close()

        threading.Thread(target=end, name="lab-abandon", daemon=True).start()

    def close(self) -> None:
        """Stop the server."""
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.stop()
        self._server = self._transport = None

    # for cases and answers ------------------------------------------------------------------------------------

    @property
    def server(self) -> LocalServer:
        """The local providers behind it."""
        with self._making:
            if self._server is None:
                with self.allowance.held():
                    self._server = self._start()
                    self._reset(self._server)
            return self._server

    @property
    def clock(self) -> Clock:
        """Lab time: it stands still until somebody sleeps."""
        return self.server.clock

    @property
    def facts(self) -> Facts:
        """All providers' facts."""
        return self.server.facts

    def url(self, provider: str) -> str:
        """The provider's base URL in this world."""
        return self.server.provider_url(provider)

    def key(self, provider: str) -> str:
        """The key that the provider takes."""
        return self.facts[provider].key.local

    def model(self, provider: str, role: str = "chat") -> str:
        """A living model of the provider, for a role."""
        return self.facts[provider].model(role).id

    def client(self, provider: str, *, key: str | None = None, **options: Any) -> httpx.Client:
        """A plain httpx.Client with the provider's address and key, or another key."""
        known = self.facts[provider]
        value = f"{known.key.scheme} {self.key(provider) if key is None else key}".strip()
        headers = {known.key.header: value, **known.address.headers, **dict(options.pop("headers", None) or {})}
        return httpx.Client(
            base_url=self.url(provider),
            headers=headers,
            timeout=options.pop("timeout", TIMEOUT_S),
            transport=_Shared(self._connections(), self._sent, self._most_calls),
            **options,
        )

    def sleep(self, seconds: float) -> None:
        """What answers are handed as `sleep`: lab time passes, real time does not. Raises ParameterError."""
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e7:
            raise ParameterError(f"sleep({seconds!r})", where="sleep", right="It takes seconds, a number from 0 on")
        self._sleeps_at.append((len(self.log), float(seconds)))
        self.slept_s.append(float(seconds))
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let lab time pass."""
        self.clock.advance(seconds)

    def fault(self, provider: str, kind: str, **options: Any) -> Fault:
        """Have the provider misbehave, as `lab.fault` does."""
        return self.server.faults.add(provider, kind, **options)

    def account(
        self, *, tier: Mapping[str, str] | None = None, credit_usd: Mapping[str, Decimal | float | str] | None = None
    ) -> None:
        """Another account: its tier, its money. The log begins anew."""
        self.server.reset(tiers=tier, credit_usd=credit_usd)

    def budget(self, limit_usd: Decimal | float | str) -> Budget:
        """A sum that calls may not pass; for answers that are to keep to one."""
        return Budget(limit_usd)

    @property
    def log(self) -> list[Record]:
        """What the server saw, oldest first, whichever client sent it; empty while nothing has called."""
        return list(self._server.log) if self._server else []

    @property
    def calls(self) -> list[Record]:
        """Those of the log that ask a model for text."""
        return [record for record in self.log if record.method == "POST"]

    @property
    def waits_s(self) -> list[float]:
        """How much lab time lies between each of `calls` and the one before it; one number less than calls."""
        at = [datetime.fromisoformat(record.moment).timestamp() for record in self.calls]
        return [round(later - earlier, 3) for earlier, later in pairwise(at)]

    @property
    def spent_usd(self) -> Decimal:
        """What the calls so far would have cost at the prices in force."""
        spent = Decimal(0)
        for record in self.log:
            model = self.facts[record.provider].models.get(record.model or "")
            if model is not None and record.prompt_tokens is not None:
                cost = tokens_usd(model, record.prompt_tokens, record.completion_tokens or 0, self.clock)
                spent += cost or 0
        return spent

    def need_calls(self) -> None:
        """Miss an answer of which nothing came over the wire."""
        if not self.log:
            missed(
                "Nothing came over the wire: send your request through the client that your function is handed.",
                expected="at least one request",
                got="none",
            )

    def wire(self) -> list[str]:
        """What the answer did, a line for each request and each wait, in order."""
        lines = []
        records = self.log
        for number in range(len(records) + 1):
            lines += [f"waited {seconds:g} s" for at, seconds in self._sleeps_at if at == number]
            if number < len(records):
                r = records[number]
                what = f"{r.provider}: {r.method} {r.path} → {r.status if r.status is not None else 'no answer'}"
                lines.append(what + (f" ({r.fault})" if r.fault else ""))
        return lines

    def _connections(self) -> httpx.HTTPTransport:
        if self._transport is None:
            self._transport = httpx.HTTPTransport(verify=False)  # plain http to this machine: nothing to verify
        return self._transport

    @staticmethod
    def _reset(server: LocalServer) -> None:
        server.reset(clock=Clock(server.facts.moment), pace="quick", seed=0)


class _Shared(httpx.BaseTransport):
    """Connections that outlive the client: making one is cheap then, and closing it closes nothing of others.

    sent: counts the calls of all clients of a case.  most: how many there may be.
    """

    def __init__(self, inner: httpx.BaseTransport, sent: Iterator[int], most: int) -> None:
        self._inner, self._sent, self._most = inner, sent, most

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if next(self._sent) > self._most:
            raise TooManyCalls(f"more than {self._most} calls")
        return self._inner.handle_request(request)
