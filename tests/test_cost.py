"""Cost: exact decimals from usage and the price in force; a budget that holds under concurrency."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import facts
from labkit.clock import Clock
from labkit.cost import Budget, ceiling_usd, shown_usd, tokens_usd, usage_usd
from labkit.errors import LiveRefused, ParameterError

NOON = Clock("2026-11-20T12:00Z")
FLASH = facts.load()["deepseek"].models["deepseek-flash"]
LUNA = facts.load()["openai"].models["gpt-6-luna"]


def test_a_deepseek_usage_is_priced_by_hand_computed_figures() -> None:
    # 1000 read from the cache at 0.003, 500 new at 0.15, 300 written at 0.60 USD per million
    usage = {
        "prompt_tokens": 1500,
        "completion_tokens": 300,
        "prompt_cache_hit_tokens": 1000,
        "prompt_cache_miss_tokens": 500,
    }
    assert usage_usd(FLASH, usage, NOON) == Decimal("0.000258")


def test_an_anthropic_usage_counts_what_the_cache_gave_beside_the_input() -> None:
    # 2000 new at 0.10, 10000 read from the cache at 0.01, 100 written at 0.50 USD per million
    usage = {"input_tokens": 2000, "cache_read_input_tokens": 10_000, "output_tokens": 100}
    haiku = facts.load()["anthropic"].models["claude-haiku-5-5"]
    assert usage_usd(haiku, usage, NOON) == Decimal("0.00035")
    assert usage_usd(haiku, {**usage, "cache_creation_input_tokens": 500}, NOON) is None


def test_the_same_usage_costs_double_at_peak() -> None:
    usage = {"prompt_tokens": 500, "completion_tokens": 300}
    assert usage_usd(FLASH, usage, Clock("2026-11-20T02:00Z")) == 2 * (usage_usd(FLASH, usage, NOON) or 0)


def test_a_long_request_costs_more_as_a_whole() -> None:
    short, long = tokens_usd(LUNA, 272_000, 1000, NOON), tokens_usd(LUNA, 272_001, 1000, NOON)
    assert short == Decimal("0.0277")
    assert long == (272_001 * Decimal("0.20") + 1000 * Decimal("0.75")) / 1_000_000


def test_an_unknown_price_stays_unknown() -> None:
    lab = facts.load()["lab"].model()
    assert tokens_usd(lab, 1, 1, NOON) is None
    assert shown_usd(None) == "not stated"


def test_a_million_small_calls_add_up_exactly() -> None:
    one = tokens_usd(FLASH, 7, 3, NOON)
    assert one is not None
    assert sum((one for _ in range(10_000)), Decimal(0)) * 100 == tokens_usd(FLASH, 7_000_000, 3_000_000, NOON)


def test_impossible_usage_is_refused() -> None:
    with pytest.raises(ParameterError, match="cached is part of prompt"):
        tokens_usd(FLASH, 5, 0, NOON, cached=6)


def test_the_ceiling_counts_every_byte_and_the_longest_answer_of_every_choice() -> None:
    assert ceiling_usd(FLASH, {"max_tokens": 100, "n": 3}, 1000, NOON) == tokens_usd(FLASH, 1000, 300, NOON)
    assert ceiling_usd(FLASH, {}, 1000, NOON) == tokens_usd(FLASH, 1000, 393_216, NOON)


def test_a_budget_refuses_what_would_pass_it_and_says_what_is_left() -> None:
    budget = Budget("0.10")
    held = budget.reserve(Decimal("0.06"), "a call")
    with pytest.raises(LiveRefused, match=r"only 0\.040 USD is left"):
        budget.reserve(Decimal("0.05"), "another call")
    budget.settle(held, Decimal("0.01"))
    budget.reserve(Decimal("0.05"), "another call")


def test_a_call_whose_price_nobody_knows_is_refused() -> None:
    with pytest.raises(LiveRefused, match="nobody can say"):
        Budget().reserve(None, "a call")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30))
def test_concurrent_calls_never_spend_more_than_the_budget(calls: list[tuple[int, int]]) -> None:
    budget = Budget(1)

    def call(ceiling: int, cost: int) -> None:
        try:
            held = budget.reserve(Decimal(ceiling) / 100, "a call")
        except LiveRefused:
            return
        budget.settle(held, Decimal(min(cost, ceiling)) / 100)

    threads = [threading.Thread(target=call, args=one) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.spent_usd <= 1
