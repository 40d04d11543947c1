"""The state that all local providers share: facts, clock, chance, log and the threads in which models compute."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from labkit.clock import Clock
from labkit.facts import Facts
from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts
from labkit.sim.draws import Ids, digest
from labkit.sim.faults import Faults
from labkit.sim.limits import Accounts
from labkit.sim.pace import PaceName
from labkit.sim.records import ServerLog
from labkit.sim.refusal import need_all_cases
from labkit.sim.said import Said
from labkit.sim.workers import Workers

if TYPE_CHECKING:
    from labkit.lm import LanguageModel


def load_model(name: str) -> LanguageModel:
    """The lab's model of that name (see labkit.lm.load)."""
    from labkit.lm import load

    return load(name)


class World:
    """What the local providers are at one moment. `change` makes it another world on the same address."""

    def __init__(
        self,
        facts: Facts,
        *,
        clock: Clock | None = None,
        pace: PaceName = "quick",
        seed: int = 0,
        tiers: Mapping[str, str] | None = None,
        credit_usd: Mapping[str, Decimal | float | str] | None = None,
        load: Callable[[str], LanguageModel] = load_model,
    ) -> None:
        self.log = ServerLog()
        self.workers = Workers()
        self.load = load
        self.said: Said | None = None  # answers to tell again; None computes each anew
        self.memory: dict[str, Any] = {}  # what a dialect keeps between requests, by its name
        self._asked: Counter[bytes] = Counter()
        self._lock = threading.Lock()
        self.facts, self.clock, self.pace, self.seed = facts, clock or Clock(facts.moment), pace, seed
        self.change(facts=facts, tiers=tiers, credit_usd=credit_usd)

    def change(
        self,
        *,
        facts: Facts | None = None,
        clock: Clock | None = None,
        pace: PaceName | None = None,
        seed: int | None = None,
        tiers: Mapping[str, str] | None = None,
        credit_usd: Mapping[str, Decimal | float | str] | None = None,
    ) -> None:
        """Take over what is given, forget what was asked, end all faults, and begin the log anew.

        tiers, credit_usd: as in Accounts; the accounts are opened anew. Raises FactsError, ParameterError.
        """
        if facts is not None:
            for provider in facts.values():
                need_all_cases(provider)
            self.facts = facts
        self.clock = clock or self.clock
        self.accounts = Accounts(self.facts, self.clock, tiers, credit_usd)
        self.faults = Faults(self.facts, self.clock)
        self.pace = pace or self.pace
        self.seed = self.seed if seed is None else seed
        with self._lock:
            self._asked.clear()
            self.memory = {}
        self.log.clear()

    def key(self, request: bytes, seed: int | None) -> tuple[bytes, Ids]:
        """What the tokens of an answer derive from, and what its ids derive from.

        request: its canonical form, seed left out.  seed: the caller's, where the provider honours it; then the tokens
        depend on it and the request alone. Else on the lab's seed, the request and how often it came before.
        """
        with self._lock:
            number = self._asked[digest(request, seed)]
            self._asked[digest(request, seed)] += 1
        draws = digest("seed", seed, request) if seed is not None else digest("lab", self.seed, request, number)
        return draws, Ids(digest("ids", self.seed, request, seed, number))

    def model(self, provider: Provider, name: object) -> ModelFacts | None:
        """The living model of that id."""
        return provider.named(name, self.clock.now()) if isinstance(name, str) else None
