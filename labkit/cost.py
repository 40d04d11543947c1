"""Money: what a call costs from its usage and the price in force, what it may cost at most, and the budget.

Amounts are exact decimals in USD. It reads facts and numbers, sends nothing and knows no HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from labkit.errors import LiveRefused, ParameterError

if TYPE_CHECKING:
    from labkit.clock import Clock
    from labkit.facts import ModelFacts

MILLION = Decimal(1_000_000)


def usage_usd(model: ModelFacts, usage: Mapping[str, Any], clock: Clock) -> Decimal | None:
    """What an answer's `usage` object costs at `clock`'s moment; None when no price is known.

    Cached input is charged at its own price where the provider says how much it was: `prompt_cache_hit_tokens` and
    `prompt_tokens_details.cached_tokens` are part of `prompt_tokens`, Anthropic's `cache_read_input_tokens` stand
    beside `input_tokens`. What writing to a cache costs is not in the facts: None then.
    """
    if "prompt_tokens" in usage:
        details = usage.get("prompt_tokens_details") or {}
        cached = usage.get("prompt_cache_hit_tokens", details.get("cached_tokens", 0)) or 0
        prompt, completion = usage["prompt_tokens"], usage.get("completion_tokens") or 0
    else:
        if usage.get("cache_creation_input_tokens"):
            return None
        cached = usage.get("cache_read_input_tokens") or 0
        prompt, completion = usage["input_tokens"] + cached, usage.get("output_tokens") or 0
    return tokens_usd(model, int(prompt), int(completion), clock, cached=int(cached))


def tokens_usd(model: ModelFacts, prompt: int, completion: int, clock: Clock, *, cached: int = 0) -> Decimal | None:
    """What so many tokens cost now. cached: the part of `prompt` that the provider read from its cache."""
    from labkit.facts import Prices, price_in_force

    prices = price_in_force(model, clock)
    if prices is None or prices.input_usd_per_mtok is None or prices.output_usd_per_mtok is None:
        return None
    if min(prompt, completion, cached) < 0 or cached > prompt:
        raise ParameterError(
            f"{prompt} prompt, {cached} cached and {completion} completion tokens",
            where="usage",
            right="None is negative, cached is part of prompt",
        )
    price_in, price_out = prices.input_usd_per_mtok, prices.output_usd_per_mtok
    price_cached = prices.cached_input_usd_per_mtok if prices.cached_input_usd_per_mtok is not None else price_in
    if isinstance(prices, Prices) and prices.long_above_tokens is not None and prompt > prices.long_above_tokens:
        factor_in, factor_out = prices.long_input_factor or Decimal(1), prices.long_output_factor or Decimal(1)
        price_in, price_cached, price_out = price_in * factor_in, price_cached * factor_in, price_out * factor_out
    return ((prompt - cached) * price_in + cached * price_cached + completion * price_out) / MILLION


def ceiling_usd(model: ModelFacts, body: Mapping[str, Any], body_bytes: int, clock: Clock) -> Decimal | None:
    """The most that a request can cost: every byte of its body a token, and the longest answer it allows, `n` times.

    A token of a byte-level tokenizer is at least one byte long, so this cannot be too low by counting; None when the
    price or the longest answer is unknown.
    """
    longest = body.get("max_completion_tokens") or body.get("max_tokens") or model.max_output_tokens
    if longest is None:
        return None
    choices = body.get("n")
    return tokens_usd(
        model, body_bytes, int(longest) * (choices if isinstance(choices, int) and choices > 0 else 1), clock
    )


def shown_usd(amount: Decimal | None) -> str:
    """`amount` for people: '0.000123 USD', two significant digits at least; 'not stated' when unknown.

    >>> shown_usd(Decimal("0.00001234")), shown_usd(None), shown_usd(Decimal("0"))
    ('0.000012 USD', 'not stated', '0 USD')
    """
    if amount is None:
        return "not stated"
    if amount == 0:
        return "0 USD"
    digits = max(2, 1 - amount.adjusted())
    return f"{amount:.{digits}f} USD"


class Budget:
    """A sum that live calls may not pass: each reserves its ceiling before it is sent and settles for what it cost."""

    def __init__(self, limit_usd: Decimal | float | str = "0.25") -> None:
        self.limit_usd = Decimal(str(limit_usd))
        self._spent = self._reserved = Decimal(0)
        self._lock = threading.Lock()

    @property
    def spent_usd(self) -> Decimal:
        """What settled calls cost."""
        with self._lock:
            return self._spent

    def reserve(self, ceiling_usd: Decimal | None, what: str) -> Decimal:
        """Set `ceiling_usd` aside. Raises LiveRefused when it is unknown or would pass the limit."""
        with self._lock:
            if ceiling_usd is None:
                raise LiveRefused(
                    f"nobody can say what {what} costs at most",
                    do="Give max_tokens, or choose a model whose price the facts hold",
                )
            if self._spent + self._reserved + ceiling_usd > self.limit_usd:
                raise LiveRefused(
                    f"{what} may cost up to {shown_usd(ceiling_usd)}, and of the budget of {shown_usd(self.limit_usd)} "
                    f"only {shown_usd(self.limit_usd - self._spent - self._reserved)} is left",
                    do="Lower max_tokens, or raise it: Lab(live=[…], budget_usd=…)",
                )
            self._reserved += ceiling_usd
            return ceiling_usd

    def settle(self, reserved: Decimal, cost_usd: Decimal | None) -> None:
        """Give a reservation back and book the cost; an unknown cost books the whole reservation."""
        with self._lock:
            self._reserved -= reserved
            self._spent += reserved if cost_usd is None else cost_usd
