"""Money: what a call costs from its usage and the price in force, what it may cost at most, and the budget.

Amounts are exact decimals in USD. It reads facts and numbers, sends nothing and knows no HTTP.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from labkit.errors import LiveRefused, ParameterError

if TYPE_CHECKING:
    from labkit.clock import Clock
    from labkit.facts import ModelFacts, Provider

MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Counts:
    """The tokens of one answer by its own count. prompt contains cached, completion contains reasoning.

    None is 'the answer does not say'.
    """

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None


def counts_of(usage: Mapping[str, Any]) -> Counts:
    """The counts in an answer's `usage`, of whichever provider.

    `prompt_cache_hit_tokens` and `prompt_tokens_details.cached_tokens` are part of `prompt_tokens`, Anthropic's
    `cache_read_input_tokens` and `cache_creation_input_tokens` stand beside `input_tokens`.
    """
    into, out = (_details(usage, name) for name in ("prompt_tokens_details", "completion_tokens_details"))
    cached = _count(usage, "prompt_cache_hit_tokens", "cache_read_input_tokens")
    cached = _count(into, "cached_tokens") if cached is None else cached
    reasoning = _count(out, "reasoning_tokens")
    if reasoning is None:
        reasoning = _count(_details(usage, "output_tokens_details"), "thinking_tokens")
    prompt = _count(usage, "prompt_tokens")
    if prompt is None and (new := _count(usage, "input_tokens")) is not None:
        prompt = new + (cached or 0) + (_count(usage, "cache_creation_input_tokens") or 0)
    return Counts(prompt, _count(usage, "completion_tokens", "output_tokens"), reasoning, cached)


def usage_usd(model: ModelFacts, usage: Mapping[str, Any], clock: Clock) -> Decimal | None:
    """What an answer's `usage` object costs at `clock`'s moment; None when no price is known.

    Cached input is charged at its own price where the provider says how much it was. What writing to a cache costs is
    not in the facts: None then, and also where the counts cannot be (more cached than there was).
    """
    counts = counts_of(usage)
    if counts.prompt is None or usage.get("cache_creation_input_tokens"):
        return None
    if min(counts.prompt, counts.completion or 0, counts.cached or 0) < 0 or (counts.cached or 0) > counts.prompt:
        return None
    return tokens_usd(model, counts.prompt, counts.completion or 0, clock, cached=counts.cached or 0)


def stated_usd(usage: Mapping[str, Any]) -> Decimal | None:
    """The price that an answer names itself (OpenRouter's `usage.cost`); None when it names none."""
    cost = usage.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, (int, float)) or not math.isfinite(cost) or cost < 0:
        return None
    return Decimal(str(cost))


def _count(usage: Mapping[str, Any], *names: str) -> int | None:
    found = (usage.get(name) for name in names)
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool)), None)


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = usage.get(name)
    return found if isinstance(found, Mapping) else {}


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

    A token of a byte-level tokenizer is at least one byte long, and the JSON around a message is longer than what a
    chat template adds, so this cannot be too low by counting. None when the price or the longest answer is unknown,
    or when `unpriceable` names a reason.
    """
    if unpriceable(body):
        return None
    asked = [limit for name in ("max_completion_tokens", "max_tokens") if (limit := _count(body, name)) and limit > 0]
    longest = max(asked, default=model.max_output_tokens)
    if longest is None:
        return None
    choices = body.get("n")
    return tokens_usd(model, body_bytes, longest * (choices if isinstance(choices, int) and choices > 0 else 1), clock)


def unpriceable(body: Mapping[str, Any]) -> str:
    """Why the facts cannot say what this request costs at most, in a few words; '' when they can."""
    kinds = {
        str(part.get("type"))
        for message in body.get("messages") or ()
        if isinstance(message, Mapping) and isinstance(message.get("content"), list)
        for part in message["content"]
        if isinstance(part, Mapping)
    } - PLAIN_PARTS
    if kinds:
        return f"it carries more than text ({', '.join(sorted(kinds))})"
    if '"cache_control"' in json.dumps(body):
        return "it writes to a cache, whose price is not in the facts"
    if body.get("service_tier") not in PLAIN_TIERS or body.get("speed") == "fast":
        return "it asks for a service tier with a price of its own"
    for tool in body.get("tools") or ():
        if isinstance(tool, Mapping) and tool.get("type", "custom") not in ("function", "custom"):
            return f"its tool {tool.get('type')} is run, and charged for, by the provider"
    for name in ("plugins", "web_search_options", "prompt", "input"):
        if body.get(name):
            return f"`{name}` may cost more than its tokens"
    return ""


PLAIN_PARTS = {"text", "tool_result", "tool_use", "thinking", "redacted_thinking", "reasoning"}
PLAIN_TIERS = (None, "auto", "default", "standard", "standard_only", "on_demand", "flex")


def request_usd(
    provider: Provider, path: str, body: Mapping[str, Any], body_bytes: int, clock: Clock
) -> tuple[Decimal | None, str]:
    """(the most that a request to `provider` can cost, '') or (None, why nobody can say).

    path: of the address that is called. Where a request names several models, the dearest counts.
    """
    if not path.endswith(provider.address.paths["chat"]):
        return None, f"only {provider.address.paths['chat']} has a price in the facts"
    asked = [body.get("model"), *(body.get("models") or () if isinstance(body.get("models"), list) else ())]
    ceilings = []
    for name in asked:
        model = provider.models.get(str(name))
        if model is None:
            return None, f"the facts have no model {name!r}"
        if (reason := unpriceable(body)) or (found := ceiling_usd(model, body, body_bytes, clock)) is None:
            return None, reason or f"the facts have no price, or no longest answer, of {name}"
        ceilings.append(found)
    return max(ceilings), ""


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

    def reserve(self, ceiling_usd: Decimal | None, what: str, why: str = "") -> Decimal:
        """Set `ceiling_usd` aside. Raises LiveRefused when it is unknown (why: the reason) or would pass the limit."""
        with self._lock:
            if ceiling_usd is None:
                raise LiveRefused(
                    f"nobody can say what {what} costs at most{': ' + why if why else ''}",
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
