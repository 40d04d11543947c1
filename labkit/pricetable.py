"""The facts' prices beside somebody else's table of prices: what differs, what the table does not have.

Tables are read in the forms in which they are commonly found: CSV with the facts' own column names, LiteLLM's
`model_prices_and_context_window.json`, models.dev's `api.json`, and llm-prices' `current-v1.json`. It reads a file and
fetches nothing. For `lab facts check FILE`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import facts
from labkit.clock import moment_of
from labkit.errors import ConfigError

if TYPE_CHECKING:
    from labkit.facts import ModelFacts

KINDS = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")
MILLION = Decimal(1_000_000)
ALIASES = {"mistralai": "mistral", "fireworks-ai": "fireworks", "fireworks_ai": "fireworks"}
"""What tables call providers, where it is not the facts' id."""


@dataclass(frozen=True)
class Row:
    """One model's prices in a table: USD per million tokens, in the order of KINDS; None where it has none."""

    provider: str
    model: str
    prices: tuple[Decimal | None, Decimal | None, Decimal | None]


def check_lines(path: str, day: str | None = None) -> tuple[list[str], bool]:
    """The comparison as lines of text, and whether any price differs. Raises ConfigError for a table it cannot read."""
    rows = read_table(Path(path))
    moment = moment_of(day) if day else facts.course_moment()
    known = facts.load(moment)
    table = {(row.provider, row.model): row for row in rows}
    same, differing, absent = 0, [], []
    for name, provider in known.items():
        for model in provider.alive().values():
            row = table.get((name, model.id)) or table.get((name, model.snapshot or ""))
            if row is None:
                absent.append(f"{name}: {model.id}")
                continue
            said = list(_differences(model, row))
            same += not said
            differing += [f"{name}: {model.id}: {one}" for one in said]
    out = [f"{path}: prices of {len(rows)} models, beside the facts as of {moment:%Y-%m-%d}."]
    out += [f"Models with the same prices: {same}"]
    for title, found in (("Prices that differ", differing), ("Living models that the table does not have", absent)):
        out += ["", f"{title}: {len(found) or 'none'}", *(f"  {line}" for line in found)]
    return out, bool(differing)


def _differences(model: ModelFacts, row: Row) -> Iterator[str]:
    for kind, theirs in zip(KINDS, row.prices, strict=True):
        ours = getattr(model.prices, kind) if model.prices else None
        if theirs is not None and ours != theirs:
            told = "not stated" if ours is None else f"{ours.normalize():f}"
            what = kind.removesuffix("_usd_per_mtok").replace("_", " ")
            yield f"{what} {told} in the facts, {theirs.normalize():f} in the table"


def read_table(path: Path) -> list[Row]:
    """The rows of a table of prices. Raises ConfigError when its form is none of those known."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the table cannot be read ({error})", where=str(path)) from None
    try:
        if path.suffix.lower() == ".csv":
            rows = list(_csv(text))
        else:
            rows = list(_json(json.loads(text)))
    except (ValueError, InvalidOperation, AttributeError, TypeError) as error:
        raise ConfigError(f"the table is not as expected ({error})", where=str(path)) from None
    if not rows:
        raise ConfigError(
            "no prices were found in it",
            where=str(path),
            right=f"Columns of a CSV are provider, model, {', '.join(KINDS)}; of JSON, LiteLLM's, models.dev's and "
            "llm-prices' forms are known",
        )
    return rows


def _csv(text: str) -> Iterator[Row]:
    for line in csv.DictReader(text.splitlines()):
        if line.get("provider") and line.get("model"):
            yield _row(line["provider"], line["model"], *(line.get(kind) for kind in KINDS))


def _json(data: Any) -> Iterator[Row]:
    if isinstance(data.get("prices"), list):  # llm-prices
        for one in data["prices"]:
            yield _row(one["vendor"], one["id"], one.get("input"), one.get("input_cached"), one.get("output"))
        return
    for name, one in data.items():
        if not isinstance(one, dict):
            continue
        if isinstance(one.get("models"), dict):  # models.dev
            for model, about in one["models"].items():
                cost = about.get("cost") or {}
                yield _row(name, model, cost.get("input"), cost.get("cache_read"), cost.get("output"))
        elif "input_cost_per_token" in one:  # LiteLLM
            provider = str(one.get("litellm_provider") or name.partition("/")[0])
            costs = (one.get(f"{kind}_cost_per_token") for kind in ("input", "output"))
            into, out = (None if cost is None else _decimal(cost) * MILLION for cost in costs)
            cached = one.get("cache_read_input_token_cost")
            yield _row(
                provider,
                name.removeprefix(f"{provider}/"),
                into,
                None if cached is None else _decimal(cached) * MILLION,
                out,
            )


def _row(provider: str, model: str, *prices: Any) -> Row:
    into, cached, out = (None if price in (None, "") else _decimal(price) for price in prices)
    name = provider.strip().lower()
    return Row(ALIASES.get(name, name), model.strip(), (into, cached, out))


def _decimal(price: Any) -> Decimal:
    return price if isinstance(price, Decimal) else Decimal(str(price))
