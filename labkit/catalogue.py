"""The catalogue: every model of every provider with what the facts say of it, as one table.

It reads facts as of a moment and sends nothing. Each price, speed and word of praise stands beside its source and date;
what no source says is 'not stated'.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from labkit.errors import ParameterError, did_you_mean
from labkit.facts import Prices, price_in_force

if TYPE_CHECKING:
    from labkit.clock import Clock
    from labkit.facts import Facts, ModelFacts, Provider, Source
    from labkit.view.frames import Table

COLUMNS = (
    *("provider", "model", "context_tokens", "max_output_tokens"),
    *("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok", "first_token_s", "tokens_per_s"),
    *("roles", "thinking", "price_rules", "price_source", "speed_source", "strengths", "strengths_source"),
    *("retires", "spoken_by"),
)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def catalogue(
    facts: Facts, clock: Clock, *, providers: Sequence[str] = (), role: str | None = None, unlisted: bool = False
) -> Table:
    """One row a living model: see `COLUMNS`; prices are those in force at `clock`'s moment.

    providers: these alone.  role: models for that role alone.  unlisted: other names for a model and such that a
    provider does not list, too.
    price_rules: when another price holds (peak hours, long inputs).  Speeds are what a caller sees: seconds to the
    first token, tokens a second after it.  strengths: in the facts' words.  spoken_by: the lab model that answers here.
    Raises FactsError for an unknown provider, ParameterError for an unknown role.
    """
    from labkit.view.frames import Table

    now = clock.now()
    roles = sorted({word for provider in facts.values() for model in provider.models.values() for word in model.roles})
    if role is not None and role not in roles:
        raise ParameterError(
            f"no model has the role {role!r}",
            where="lab.models",
            right=f"Roles are {', '.join(roles)}. {did_you_mean(role, roles)}".strip(),
        )
    rows = [
        _row(provider, model, clock)
        for provider in ([facts[name] for name in providers] or list(facts.values()))
        for model in provider.alive(now).values()
        if (role is None or role in model.roles) and (unlisted or model.listed)
    ]
    note = (
        f"Models from the facts of {facts.moment:%Y-%m-%d}; prices in USD per million tokens, in force on "
        f"{now:%Y-%m-%d at %H:%M} UTC. Local answers are given by the model in spoken_by."
    )
    return Table.of(rows, COLUMNS, note=note)


def told(sources: Sequence[Source]) -> str:
    """Sources in one line: address, or what it is, and date."""
    return "; ".join(f"{source.url or source.what} ({source.as_of})" for source in sources)


def _row(provider: Provider, model: ModelFacts, clock: Clock) -> dict[str, Any]:
    at = f"models.{model.id}"
    prices = price_in_force(model, clock)
    speed = provider.speed_of(model)
    speed_at = f"{at}.speed" if model.speed else "speed"
    speed_from = "invented by the lab" if speed.invented else told(provider.sources_of(speed_at))
    return {
        "provider": provider.id,
        "model": model.id,
        "roles": ", ".join(model.roles) or None,
        "thinking": model.thinking,
        "context_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "input_usd_per_mtok": prices.input_usd_per_mtok if prices else None,
        "cached_input_usd_per_mtok": prices.cached_input_usd_per_mtok if prices else None,
        "output_usd_per_mtok": prices.output_usd_per_mtok if prices else None,
        "price_rules": _rules(model, clock) if prices else None,
        "price_source": told(provider.sources_of(f"{at}.prices")[:1]) if prices else None,
        "first_token_s": speed.first_token_s,
        "tokens_per_s": speed.tokens_per_s,
        "speed_source": speed_from if model.speed else f"typical of {provider.label}: {speed_from}",
        "strengths": model.strengths,
        "strengths_source": told(provider.sources_of(at)[:1]) if model.strengths else None,
        "retires": model.retired[:10] if model.retired else None,
        "spoken_by": model.spoken_by,
    }


def _rules(model: ModelFacts, clock: Clock) -> str:
    prices = model.prices
    assert prices is not None
    rules = []
    if prices.peak is not None:
        first, last = DAYS[prices.peak.days[0]], DAYS[prices.peak.days[-1]]
        whole = len(prices.peak.days) == prices.peak.days[-1] - prices.peak.days[0] + 1
        days = f"{first} to {last}" if whole else ", ".join(DAYS[day] for day in prices.peak.days)
        when = f"{', '.join(prices.peak.hours_utc)} UTC, {days}"
        if prices.peak.holds(clock.now()):
            rules.append(f"peak hours ({when}); else {_three(prices)}")
        else:
            rules.append(f"off peak; in peak hours ({when}) {_three(prices.peak)}")
    if prices.long_above_tokens is not None:
        factors = f"×{prices.long_input_factor or 1} in, ×{prices.long_output_factor or 1} out"
        rules.append(f"input above {prices.long_above_tokens:,} tokens: {factors}")
    return "; ".join(rules) or "one price at all hours"


def _three(prices: Prices | Any) -> str:
    figures = (prices.input_usd_per_mtok, prices.cached_input_usd_per_mtok, prices.output_usd_per_mtok)
    return "/".join("?" if figure is None else f"{Decimal(figure).normalize():f}" for figure in figures)
