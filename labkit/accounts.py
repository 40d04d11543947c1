"""The accounts of one lab: what each call costs by the price in force when it was made, the budget, the running totals.

It is handed facts, clock and exchanges, and sends nothing. Local calls are priced by the lab's clock, and that price is
what they would cost; live ones by the calendar's, from the facts of that hour.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit import facts as facts_module
from labkit.clock import Clock
from labkit.cost import Budget, counts_of, request_usd, shown_usd, stated_usd, usage_usd
from labkit.errors import FactsError, did_you_mean
from labkit.ledger import COLUMNS, Ledger

if TYPE_CHECKING:
    import httpx

    from labkit.estimates import Estimate
    from labkit.facts import Facts, Provider
    from labkit.view.frames import Table
    from labkit.wire import Exchange, Route

NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")
"""Failures before anything reached the provider: nothing can have been charged."""
LOCAL_NOTE = "would cost, in lab tokens; nothing spent"


class Reserved(NamedTuple):
    """What a live call has set aside, and the moment by which it is priced."""

    held_usd: Decimal
    moment: datetime


class Planned(NamedTuple):
    """So many calls to a provider, all with one body."""

    provider: str
    body: Mapping[str, Any]
    times: int


class Accounts:
    """Facts and clock of the lab, the names of its live providers, the calendar's clock and the budget's limit."""

    def __init__(
        self,
        facts: Facts,
        clock: Clock,
        live: Collection[str],
        calendar: Clock,
        budget_usd: Decimal | float | str,
    ) -> None:
        self.budget, self.ledger = Budget(budget_usd), Ledger()
        self._facts, self._clock, self._live, self._calendar = facts, clock, live, calendar
        self._of_hour: dict[datetime, Facts] = {}
        self._announced: set[str] = set()

    # before a call --------------------------------------------------------------------------------------------

    def ceiling_usd(self, provider: str, body: Mapping[str, Any]) -> Decimal | None:
        """The most that a chat with this body can cost; None when nobody can say."""
        known, clock = self._priced(provider)
        return request_usd(known, known.address.paths["chat"], body, len(json.dumps(body)), clock)[0]

    def estimate(self, provider: str, body: Mapping[str, Any]) -> Estimate:
        """What a request is expected to cost. Raises FactsError for a model that the facts do not have."""
        from labkit.estimates import estimate

        known, clock = self._priced(provider)
        name = str(body.get("model"))
        model = known.named(name, clock.now()) or known.models.get(name)
        if model is None:
            raise FactsError(
                f"{known.label} has no model {name!r}", where="lab.estimate", right=did_you_mean(name, known.models)
            )
        return estimate(model, body, clock, think=known.thinks(model, body))

    def plan(self, calls: Iterable[Planned]) -> str:
        """What those of these calls that are live are expected to cost, and what at most; '' when none is live.

        A line for each model, and one for all with the budget. A provider whose calls are planned counts as announced.
        """
        lines: dict[tuple[str, str], Sums] = {}
        for call in calls:
            if call.provider not in self._live:
                continue
            said, most = self.estimate(call.provider, call.body), self.ceiling_usd(call.provider, call.body)
            one = lines.setdefault((call.provider, said.model), Sums())
            one.add(call.times, said, most)
            self._announced.add(call.provider)
        if not lines:
            return ""
        whole = Sums()
        for one in lines.values():
            whole.include(one)
        left = self.budget.limit_usd - self.budget.spent_usd
        from labkit.estimates import tokenizer_name

        told = [f"Live, before anything is sent (estimates count with {tokenizer_name()}):"]
        told += [f"  {self._facts[name].label} {model}: {one}" for (name, model), one in lines.items()]
        told += [f"  All together: {whole}"] if len(lines) > 1 else []
        told.append(
            f"  Budget {shown_usd(self.budget.limit_usd)}, of which {shown_usd(self.budget.spent_usd)} is spent."
            + (" It may stop the calls before all are made." if whole.most_usd > left else "")
            + (" Calls whose price nobody can say are not sent." if whole.unpriced else "")
        )
        return "\n".join(told)

    def reserve(self, request: httpx.Request, route: Route) -> Reserved | None:
        """Set aside the most that a live call may cost, before it is sent; asking for lists of models is free.

        The first one to each provider is announced. Raises LiveRefused.
        """
        if request.method != "POST":
            return None
        body = _json_object(request.content)
        known, clock = self._priced(route.provider)
        ceiling, why = request_usd(known, request.url.path, body, len(request.content), clock)
        held = self.budget.reserve(ceiling, f"this call to {known.label}", why)
        if route.provider not in self._announced:
            self._announced.add(route.provider)
            print(
                f"First live call to {known.label}: {self.estimate(route.provider, body)} It can cost at most "
                f"{shown_usd(ceiling)}; budget {shown_usd(self.budget.limit_usd)}, of which "
                f"{shown_usd(self.budget.spent_usd)} is spent."
            )
        return Reserved(held, clock.now())

    # after it -------------------------------------------------------------------------------------------------

    def settle(self, exchange: Exchange, reserved: Reserved | None) -> None:
        """Price a call that is over, pay for a live one, and book it."""
        exchange.moment = reserved.moment if reserved is not None else self._now(exchange.place)
        if exchange.request.method != "POST" or exchange.provider not in self._facts:
            return
        if reserved is not None:
            exchange.held_usd = reserved.held_usd
            self.budget.settle(reserved.held_usd, self.cost_usd(exchange))
        self.book(exchange)

    def book(self, exchange: Exchange) -> None:
        """Add a call to the running totals; one that is played back costs nothing anew, and is added as it was."""
        if exchange.request.method != "POST" or exchange.provider not in self._facts:
            return
        failed = exchange.response is None or exchange.response.status >= 400
        counts = counts_of(exchange.usage)
        cost, held = self.cost_usd(exchange), exchange.held_usd
        self.ledger.book(exchange.provider, exchange.place, counts, cost, failed=failed, held_usd=held)

    def cost_usd(self, exchange: Exchange) -> Decimal | None:
        """What a call costs, from its usage and the price in force when it was made; None when unknown."""
        moment = exchange.moment or self._now(exchange.place)
        known = self._facts_for(exchange.place, moment)
        if exchange.provider not in known:
            return None
        if exchange.response is None:
            return Decimal(0) if exchange.error is not None and exchange.error.kind in NEVER_SENT else None
        if exchange.response.status >= 400:
            return Decimal(0)
        usage = exchange.usage
        stated = stated_usd(usage) if exchange.place == "live" else None
        provider = known[exchange.provider]
        model = provider.named(exchange.model, moment) or provider.models.get(exchange.model)
        return stated if stated is not None or model is None else usage_usd(model, usage, Clock(moment))

    # what came of it ------------------------------------------------------------------------------------------

    def table(self) -> Table:
        """The running totals: see `labkit.ledger.COLUMNS`."""
        from labkit.view.frames import Table

        sums = self.ledger.sums()
        notes = [f"local: {LOCAL_NOTE}"] if any(one.place != "live" for one in sums) else []
        if self._live or any(one.place == "live" for one in sums):
            spent, limit = shown_usd(self.ledger.total_usd("live")), shown_usd(self.budget.limit_usd)
            notes.append(f"live: {spent} spent of a budget of {limit}")
        return Table.of([one.row() for one in sums], COLUMNS, note="; ".join(notes) or "no calls yet")

    def estimates(self, exchanges: Iterable[Exchange]) -> Table:
        """Estimated prompts beside counted ones, of these calls and of published examples."""
        from labkit import estimates
        from labkit.view.frames import Table

        rows = []
        for exchange in exchanges:
            body, counted = exchange.request.json(), counts_of(exchange.usage).prompt
            if isinstance(body, dict) and counted:
                guess = estimates.prompt_tokens(body, think=self._thinks(exchange.provider, body))
                off = estimates.off_percent(guess, counted)
                row = {"provider": exchange.provider, "model": exchange.model, "place": exchange.place}
                rows.append({**row, "estimated_tokens": guess, "tokens_in": counted, "off_percent": off})
        note = (
            f"Estimated with {estimates.tokenizer_name()}; tokens_in is what the answer counted. Published: examples "
            f"beside which OpenAI prints its count, {estimates.PUBLISHED_SOURCE}."
        )
        return Table.of([*rows, *estimates.published_rows()], estimates.COLUMNS, note=note, blank="–")

    # inside ---------------------------------------------------------------------------------------------------

    def _thinks(self, provider: str, body: Mapping[str, Any]) -> bool:
        known = self._facts[provider] if provider in self._facts else None
        model = known.named(str(body.get("model"))) if known is not None else None
        return known is not None and model is not None and known.thinks(model, body)

    def _now(self, place: str) -> datetime:
        return (self._calendar if place == "live" else self._clock).now()

    def _facts_for(self, place: str, moment: datetime) -> Facts:
        if place != "live":
            return self._facts
        hour = moment.replace(minute=0, second=0, microsecond=0)
        if hour not in self._of_hour:
            self._of_hour[hour] = facts_module.load(hour)
        return self._of_hour[hour]

    def _priced(self, provider: str) -> tuple[Provider, Clock]:
        """The provider and the clock by which its calls are priced now."""
        if provider not in self._live:
            return self._facts[provider], self._clock
        now = self._calendar.now()
        return self._facts_for("live", now)[provider], Clock(now)


@dataclass
class Sums:
    """Estimates and ceilings added up. unpriced: calls whose price nobody can say; they are in no other sum."""

    calls: int = 0
    tokens_in: int = 0
    expected_usd: Decimal = field(default_factory=Decimal)
    most_usd: Decimal = field(default_factory=Decimal)
    unpriced: int = 0

    def add(self, times: int, said: Estimate, most_usd: Decimal | None) -> None:
        """Add so many calls with this estimate and this ceiling."""
        self.calls += times
        self.tokens_in += times * said.prompt_tokens
        if most_usd is None or said.most_usd is None:
            self.unpriced += times
        else:
            self.expected_usd += times * said.most_usd
            self.most_usd += times * most_usd

    def include(self, other: Sums) -> None:
        """Add another's sums."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self) -> str:
        calls = f"{self.calls} call{'s' if self.calls > 1 else ''}, about {self.tokens_in:,} tokens in"
        if self.unpriced == self.calls:
            return f"{calls}; their price is not stated."
        rest = f", and {self.unpriced} of unknown price" if self.unpriced else ""
        return (
            f"{calls}; about {shown_usd(self.expected_usd)} with the longest answers, at most "
            f"{shown_usd(self.most_usd)}{rest}."
        )


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
