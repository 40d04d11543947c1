"""What an account may send: requests and tokens by minute and day, requests at once, money.

The facts say how much each tier may, how it is counted and how answers tell of it; here it is counted, by the lab's
clock alone: while the clock stands still nothing comes back, and `clock.advance(10)` brings back ten seconds' worth.

A bucket that fills steadily is what the providers' own numbers show: OpenAI's 'Limit 30000, Used 29937, Requested 385.
Please try again in 644ms' is (29937 + 385 - 30000) tokens at 500 a second. A refused request costs nothing here.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from labkit.clock import Clock
from labkit.errors import FactsError, ParameterError, did_you_mean
from labkit.facts.provider import Limits, Provider, Tier
from labkit.facts.schema import ModelFacts, fill, price_in_force
from labkit.sim.refusal import Refused, refuse

if TYPE_CHECKING:
    from labkit.sim.call import Call

WINDOW_S = {
    "requests_per_second": 1,
    "requests_per_minute": 60,
    "requests_per_day": 86400,
    "tokens_per_minute": 60,
    "tokens_per_day": 86400,
    "input_tokens_per_minute": 60,
    "output_tokens_per_minute": 60,
}
"""The limits that a tier can have, in the order in which they are checked."""
NO_LIMITS = Limits.model_validate({"tiers": {"": {}}, "default": ""})


class Meter:
    """One limit, counted.

    limit: how much the window holds.  steady: it fills by the second, else all at once when a window begins.
    """

    def __init__(self, limit: float, window_s: float, *, steady: bool) -> None:
        self.limit, self.window_s, self.steady = limit, window_s, steady
        self._used, self._at_s = 0.0, -math.inf

    def used(self, now_s: float) -> float:
        """How much of the limit is taken at `now_s` (seconds since 1970)."""
        if self.steady:
            return max(0.0, self._used - max(0.0, now_s - self._at_s) * self.limit / self.window_s)
        return self._used if now_s // self.window_s == self._at_s // self.window_s else 0.0

    def wait_s(self, cost: float, now_s: float) -> float:
        """Seconds until `cost` fits; 0 when it does now, infinite when it never will."""
        over = self.used(now_s) + cost - self.limit
        if over <= 0:
            return 0.0
        if cost > self.limit:
            return math.inf
        return over * self.window_s / self.limit if self.steady else self.window_s - now_s % self.window_s

    def reset_s(self, now_s: float) -> float:
        """Seconds until nothing is taken any more."""
        return self.used(now_s) * self.window_s / self.limit if self.steady else self.window_s - now_s % self.window_s

    def take(self, cost: float, now_s: float) -> None:
        """Take `cost`, or give it back when it is negative; may go below what is left (tokens already said)."""
        self._used, self._at_s = max(0.0, self.used(now_s) + cost), now_s


@dataclass
class Admission:
    """One request at the account's door: what it was charged, and what its answer's headers say.

    limited: it was refused for the time being.  wait_s: for how long.  cost: its tokens as the provider counts them.
    open: it is still being answered.  used_up: the limit that is to look as if nothing were left of it.
    like: the model whose limits are shown, when it is another.
    """

    account: Account
    model: str
    charged: dict[str, float] = field(default_factory=dict)
    limited: bool = False
    wait_s: float = 0.0
    cost: int = 0
    prices: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))
    open: bool = False
    used_up: str = ""
    like: str = ""

    def settle(self, prompt_tokens: int, completion_tokens: int) -> None:
        """The answer is over: charge what was really used, where that is what counts. A second time does nothing."""
        if self.open:
            self.open = False
            self.account.settle(self, prompt_tokens, completion_tokens)

    def headers(self) -> dict[str, str]:
        """What this provider tells of the account's limits in the headers of this answer."""
        return self.account.headers(self)


class Account:
    """The lab's account with one provider. tier: its name in the facts.  credit_usd: its money; None never ends."""

    def __init__(self, provider: Provider, tier: str, credit_usd: Decimal | None, clock: Clock) -> None:
        self.provider, self.limits = provider, provider.limits or NO_LIMITS
        self.tier, self.credit_usd, self._clock = tier, credit_usd, clock
        self.working: Counter[str] = Counter()
        self._meters: dict[tuple[str, str], Meter] = {}
        self._lock = threading.Lock()

    def need_credit(self, model: ModelFacts, prompt_tokens: int, max_tokens: int | None, admission: Admission) -> None:
        """Raise Refused when the account's money does not do for a request; note what its tokens will cost."""
        prices = price_in_force(model, self._clock)
        per_token = [(price or Decimal(0)) / 1_000_000 for price in _in_and_out(prices)]
        admission.prices = (per_token[0], per_token[1])
        if self.credit_usd is None:
            return
        wanted = max_tokens or model.max_output_tokens or 0
        left = max(Decimal(0), self.credit_usd - prompt_tokens * per_token[0])
        affordable = int(left / per_token[1]) if per_token[1] else wanted
        short = self.limits.credit == "affordable" and affordable < wanted
        if self.credit_usd <= 0 or short:
            words = {"requested": wanted, "affordable": affordable if self.credit_usd > 0 else 0}
            raise refuse(self.provider, "no_credit", **words, model=admission.model)

    def admit(self, model: ModelFacts, prompt_tokens: int, max_tokens: int | None, admission: Admission) -> None:
        """Charge a request, or raise Refused and charge nothing."""
        with self._lock:
            at_once, name = self._tier(admission.model).concurrent_requests.get(model.id), admission.model
            if at_once is not None and self.working[name] >= at_once:
                admission.limited = True
                raise self._refused(
                    "too_many_at_once", admission, limit=at_once, used=self.working[name] + 1, requested=1
                )
            now_s, costs = self._now_s(), self._costs(prompt_tokens, max_tokens)
            admission.cost = int(costs["tokens_per_minute"])
            meters = self._meters_of(name)
            worst = max(meters, key=lambda kind: meters[kind].wait_s(costs[kind], now_s), default=None)
            if worst and (wait_s := meters[worst].wait_s(costs[worst], now_s)):
                raise self.refusal(admission, worst, costs[worst], wait_s)
            for kind, meter in meters.items():
                meter.take(costs[kind], now_s)
            admission.charged = {kind: costs[kind] for kind in meters}
            self.working[name] += 1
            admission.open = True

    def refusal(self, admission: Admission, kind: str, cost: float, wait_s: float) -> Refused:
        """The 429 for a limit that is reached, or what the provider says of a request that never fits."""
        meter = self._meters_of(admission.like or admission.model).get(kind) or Meter(
            max(cost, 1), WINDOW_S[kind], steady=True
        )
        never, now_s = math.isinf(wait_s), self._now_s()
        admission.limited, admission.wait_s = not never, 0.0 if never else wait_s
        case = "rate_limit_requests" if kind.startswith("requests") else "rate_limit"
        words: dict[str, object] = {"limit": _whole(meter.limit), "limit_grouped": f"{_whole(meter.limit):,}"}
        words |= {"used": math.floor(meter.used(now_s)), "requested": _whole(cost)}
        if admission.used_up:
            words["used"] = _whole(meter.limit)
        return self._refused("over_minute_budget" if never else case, admission, kind, **words)

    def used_up(self, admission: Admission, wait_s: float) -> Refused:
        """The 429 of a limit that is reached, though it is not: for who wants to see one. Nothing is counted."""
        at_once = self._tier(admission.model).concurrent_requests
        if at_once:
            limit = at_once.get(admission.model) or min(at_once.values())
            admission.limited, admission.wait_s = True, wait_s
            return self._refused("too_many_at_once", admission, limit=limit, used=limit + 1, requested=1)
        if not self._meters_of(admission.model):  # a model without limits borrows those of one that has some
            admission.like = next((name for name in self.limits.tiers[self.tier].models if self._meters_of(name)), "")
        kinds = list(self._meters_of(admission.like or admission.model))
        tokens = [kind for kind in kinds if "tokens" in kind]
        admission.used_up = tokens[0] if tokens else kinds[-1] if kinds else "tokens_per_minute"
        return self.refusal(admission, admission.used_up, 1, wait_s)

    def settle(self, admission: Admission, prompt_tokens: int, completion_tokens: int) -> None:
        """Give back the place of a request that is over; tokens and money as they were used."""
        used = {
            "input_tokens_per_minute": prompt_tokens,
            "output_tokens_per_minute": completion_tokens,
            **dict.fromkeys(("tokens_per_minute", "tokens_per_day"), prompt_tokens + completion_tokens),
        }
        with self._lock:
            now_s, meters = self._now_s(), self._meters_of(admission.model)
            for kind, charged in admission.charged.items():
                if kind in used and (self.limits.counts == "usage" or not kind.startswith("tokens")):
                    meters[kind].take(used[kind] - charged, now_s)
            self.working[admission.model] -= 1
            if self.limits.counts == "usage":
                admission.cost = prompt_tokens + completion_tokens
            if self.credit_usd is not None:
                self.credit_usd -= prompt_tokens * admission.prices[0] + completion_tokens * admission.prices[1]

    def headers(self, admission: Admission) -> dict[str, str]:
        """The headers of an answer, and of a refusal the further ones."""
        with self._lock:
            values = self._values(admission)
        forms = {**self.limits.headers, **(self.limits.limited_headers if admission.limited else {})}
        filled = {name.lower(): str(fill(form, values)) for name, form in forms.items()}
        return {name: text for name, text in filled.items() if "{" not in text}

    def _values(self, admission: Admission) -> dict[str, object]:
        """The words for headers: see labkit.facts.provider.Limits."""
        now_s, values = self._now_s(), dict[str, object]()
        for kind, meter in self._meters_of(admission.like or admission.model).items():
            gone = kind == admission.used_up
            reset_s = admission.wait_s if gone else meter.reset_s(now_s)
            reset_at = datetime.fromtimestamp(math.ceil(now_s + reset_s), UTC)
            values |= {
                f"{kind}_limit": _whole(meter.limit),
                f"{kind}_remaining": 0 if gone else max(0, math.floor(meter.limit - meter.used(now_s) + 1e-6)),
                f"{kind}_reset": duration(reset_s),
                f"{kind}_reset_s": math.ceil(reset_s - 1e-9),
                f"{kind}_reset_at": f"{reset_at:%Y-%m-%dT%H:%M:%SZ}",
                f"{kind}_reset_epoch_ms": round((now_s + reset_s) * 1000),
            }
        wait = {"wait_s": math.ceil(admission.wait_s - 1e-9), "wait_ms": math.ceil(admission.wait_s * 1000 - 1e-6)}
        return {**values, **wait, "cost": admission.cost}

    def _refused(self, case: str, admission: Admission, kind: str = "", **words: object) -> Refused:
        names = self.limits.dimensions.get(kind) or (kind.replace("_", " "), kind.partition("_")[0])
        own = self.provider.errors.get(case) or self.provider.errors.get("rate_limit")
        whose = {"tier": self.tier, "organization": "org_lab", "model": admission.model}
        if own is None:
            raise FactsError("`errors` lacks rate_limit", where=f"configs/providers/{self.provider.id}.yaml")
        waits = {"wait": duration(admission.wait_s), "dimension": names[0], "kind": names[1]}
        reset = {"reset_epoch_ms": round((self._now_s() + admission.wait_s) * 1000)}
        return refuse(self.provider, case, own, **{**self._values(admission), **whose, **waits, **reset, **words})

    def _costs(self, prompt_tokens: int, max_tokens: int | None) -> dict[str, float]:
        both = {"prompt and max_tokens": prompt_tokens + (max_tokens or 0), "usage": prompt_tokens}
        tokens = both.get(self.limits.counts, max(prompt_tokens, max_tokens or 0))
        of_tokens = {"tokens_per_minute": tokens, "tokens_per_day": tokens, "input_tokens_per_minute": prompt_tokens}
        # tokens of the answer are counted as they are said: the first must have room
        return {**dict.fromkeys(WINDOW_S, 1.0), **of_tokens, "output_tokens_per_minute": 1.0}

    def _tier(self, model: str) -> Tier:
        tier = self.limits.tiers[self.tier]
        return tier.models.get(model, tier)

    def _meters_of(self, model: str) -> dict[str, Meter]:
        tier, shared = self._tier(model), self.limits.shared and model not in self.limits.tiers[self.tier].models
        found = {}
        for kind, window_s in WINDOW_S.items():
            limit = getattr(tier, kind)
            if limit is not None:
                key = ("" if shared else model, kind)
                made = self._meters.get(key) or Meter(limit, window_s, steady=self.limits.refill == "steady")
                found[kind] = self._meters[key] = made
        return found

    def _now_s(self) -> float:
        return (self._clock.now() - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)


class Accounts:
    """The lab's accounts with all providers, freshly opened.

    tiers: provider -> tier, where it is not the facts' default.  credit_usd: provider -> money, without end unless
    given. Raises ParameterError for a tier that there is not, FactsError for an unknown provider.
    """

    def __init__(
        self,
        facts: Mapping[str, Provider],
        clock: Clock,
        tiers: Mapping[str, str] | None = None,
        credit_usd: Mapping[str, Decimal | float | str] | None = None,
    ) -> None:
        self._facts, self._clock = facts, clock
        self._accounts: dict[str, Account] = {}
        for name in {**dict(tiers or {}), **dict(credit_usd or {})}:
            self.open(name, (tiers or {}).get(name), (credit_usd or {}).get(name))

    def __getitem__(self, provider: str) -> Account:
        return self._accounts.get(provider) or self.open(provider)

    def open(self, provider: str, tier: str | None = None, credit_usd: Decimal | float | str | None = None) -> Account:
        """A new account with `provider`, nothing used yet; the old one is forgotten."""
        known = self._facts[provider]
        limits = known.limits or NO_LIMITS
        tier = limits.default if tier is None else tier
        if tier not in limits.tiers:
            there = ", ".join(repr(name) for name in limits.tiers if name) or "none"
            raise ParameterError(
                f"{known.label} has no account tier {tier!r}",
                where="tier",
                right=f"Tiers there are: {there}. {did_you_mean(tier, limits.tiers)}".strip(),
            )
        if credit_usd is not None and "no_credit" not in known.errors:
            raise ParameterError(
                f"how {known.label} refuses an account without money is not known",
                where="credit_usd",
                right="Providers that are known for it have `no_credit` among their errors",
            )
        credit = None if credit_usd is None else Decimal(str(credit_usd))
        self._accounts[provider] = account = Account(known, tier, credit, self._clock)
        return account


def admit(call: Call, model: ModelFacts, *, prompt_tokens: int, max_tokens: int | None) -> None:
    """Let a request for text in, or raise Refused as the provider does; what dialects call once the prompt is counted.

    max_tokens: as asked for, None when it was not.
    """
    account = call.world.accounts[call.provider.id]
    admission = Admission(account, model.alias_of or model.id)
    account.need_credit(model, prompt_tokens, max_tokens, admission)  # its refusal says nothing of limits
    call.admission = admission
    account.admit(model, prompt_tokens, max_tokens, admission)


def duration(seconds: float) -> str:
    """Seconds as Go prints a duration, to the millisecond: the form of OpenAI's and Groq's headers.

    Source: https://pkg.go.dev/time#Duration.String

    >>> duration(360), duration(1), duration(0.644), duration(179.56), duration(11.455), duration(578.016), duration(0)
    ('6m0s', '1s', '644ms', '2m59.56s', '11.455s', '9m38.016s', '0s')
    """
    ms = math.ceil(seconds * 1000 - 1e-6)
    if 0 < ms < 1000:
        return f"{ms}ms"
    minutes, ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{ms / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}" if minutes else text


def _whole(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number


def _in_and_out(prices: object) -> tuple[Decimal | None, Decimal | None]:
    return getattr(prices, "input_usd_per_mtok", None), getattr(prices, "output_usd_per_mtok", None)
