"""The ledger: what each provider's calls have cost so far, in exact decimals.

It adds up and sends nothing. Local calls stand in it with what they would cost, apart from the live ones.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from labkit.cost import Counts

COLUMNS = (
    *("provider", "place", "calls", "failed", "tokens_in", "tokens_cached", "tokens_out", "tokens_reasoning"),
    *("cost_usd", "unpriced_calls"),
)


@dataclass
class Sum:
    """The calls of one provider at one place. unpriced: answered calls whose cost nobody can say."""

    provider: str
    place: str
    calls: int = 0
    failed: int = 0
    unpriced: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0
    cost_usd: Decimal = field(default_factory=Decimal)

    def row(self) -> dict[str, object]:
        """What a table says of it, by `COLUMNS`."""
        return {
            "provider": self.provider,
            "place": self.place,
            "calls": self.calls,
            "failed": self.failed,
            "tokens_in": self.prompt,
            "tokens_cached": self.cached,
            "tokens_out": self.completion,
            "tokens_reasoning": self.reasoning,
            "cost_usd": None if self.unpriced and not self.cost_usd else self.cost_usd,
            "unpriced_calls": self.unpriced,
        }


class Ledger:
    """Sums by provider and place, which several threads may add to."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], Sum] = {}
        self._lock = threading.Lock()

    def book(
        self,
        provider: str,
        place: str,
        counts: Counts,
        cost_usd: Decimal | None,
        *,
        failed: bool,
        held_usd: Decimal | None = None,
    ) -> None:
        """Add one call. cost_usd: None when nobody can say; then `held_usd`, where money was set aside for it."""
        with self._lock:
            found = self._sums.setdefault((provider, place), Sum(provider, place))
            found.calls += 1
            found.failed += failed
            found.prompt += counts.prompt or 0
            found.cached += counts.cached or 0
            found.completion += counts.completion or 0
            found.reasoning += counts.reasoning or 0
            if cost_usd is not None:
                found.cost_usd += cost_usd
            elif held_usd is not None or not failed:
                found.unpriced += 1
                found.cost_usd += held_usd or 0

    def sums(self, places: Iterable[str] | None = None) -> list[Sum]:
        """A copy of the sums, by provider and place; those at `places` alone where given."""
        with self._lock:
            found = [Sum(**vars(one)) for one in self._sums.values()]
        wanted = None if places is None else set(places)
        chosen = [one for one in found if wanted is None or one.place in wanted]
        return sorted(chosen, key=lambda one: (one.place, one.provider))

    def total_usd(self, place: str) -> Decimal:
        """What all calls at `place` cost together."""
        return sum((one.cost_usd for one in self.sums([place])), Decimal(0))
