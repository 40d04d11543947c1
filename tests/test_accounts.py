"""Accounts: recorded usages at hand-computed prices, exact totals, and a budget that holds at a paid provider."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Got, Loopback, Reply
from test_sim_anthropic import WHOLE as ANTHROPIC
from test_sim_chat import DEEPSEEK_PLAIN, DEEPSEEK_THINKING, OPENAI
from test_sim_groq import PLAIN as GROQ
from test_sim_groq import REASONED as GROQ_REASONED
from test_sim_mistral import JANUARY, LARGE, LARGE_THINKING
from test_sim_ollama import V1, V1_THINKING
from test_sim_openrouter import WHOLE as OPENROUTER
from test_sim_stream import OPENAI_USAGE

from labkit import facts
from labkit.accounts import Accounts
from labkit.clock import Clock
from labkit.cost import Counts, counts_of, request_usd, shown_usd, stated_usd, usage_usd
from labkit.errors import FactsError, LiveRefused
from labkit.estimates import PUBLISHED, prompt_tokens
from labkit.keys import Secret
from labkit.ledger import Ledger
from labkit.session import Lab
from labkit.wire import Exchange, RecordingTransport, Route

NOON = Clock("2026-11-20T12:00Z")
CANARY = "sk-canary0Q7rT2mZ9xW4vB6"


def usage_in(recorded: str) -> dict[str, Any]:
    usage: dict[str, Any] = json.loads(recorded)["usage"]
    return usage


# Each recorded usage, the model whose price it is given, and what tokens times USD per million come to by hand.
BY_HAND: list[tuple[str, str, Mapping[str, Any], str]] = [
    ("openai", "gpt-4.1-mini", usage_in(OPENAI), "587.2"),  # 16 × 0.40 + 363 × 1.60
    ("openai", "gpt-4.1-mini", usage_in(OPENAI_USAGE), "486.4"),  # 16 × 0.40 + 300 × 1.60
    ("openai", "gpt-4o-mini", {"prompt_tokens": 9, "completion_tokens": 9}, "6.75"),  # 9 × 0.15 + 9 × 0.60
    ("deepseek", "deepseek-v4-pro", usage_in(DEEPSEEK_THINKING), "61.38"),  # 87 × 0.66 + 2 × 1.98
    (
        "deepseek",
        "deepseek-flash",
        {"prompt_tokens": 13, "completion_tokens": 300, "prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": 13},
        "181.95",  # 13 × 0.15 + 300 × 0.60
    ),
    ("deepseek", "deepseek-v4-flash", usage_in(DEEPSEEK_PLAIN), "1.95"),  # 9 × 0.15 + 1 × 0.60
    ("groq", "qwen/qwen3.6-27b", usage_in(GROQ), "209.4"),  # 29 × 0.60 + 64 × 3
    ("groq", "qwen/qwen3.6-27b", usage_in(GROQ_REASONED), "208.2"),  # 27 × 0.60 + 64 × 3, reasoning among the 64
    ("groq", "llama-3.3-70b-versatile", {"prompt_tokens": 45, "completion_tokens": 662}, "549.53"),  # × 0.59, × 0.79
    ("groq", "llama-3.3-70b-versatile", {"prompt_tokens": 45, "completion_tokens": 607}, "506.08"),
    ("mistral", "mistral-small-latest", {"prompt_tokens": 19, "completion_tokens": 2}, "4.05"),  # × 0.15, × 0.60
    ("mistral", "mistral-large-4", usage_in(LARGE), "67.84"),  # 26 × 0.68 + 24 × 2.09
    ("mistral", "mistral-small-latest", usage_in(JANUARY), "262.35"),  # 13 × 0.15 + 434 × 0.60
    ("mistral", "mistral-large-4", usage_in(LARGE_THINKING), "251.76"),  # 26 × 0.68 + 112 × 2.09
    ("fireworks", "accounts/fireworks/models/gpt-oss-120b", {"prompt_tokens": 13, "completion_tokens": 100}, "61.95"),
    ("anthropic", "claude-sonnet-4-5-20250929", {"input_tokens": 12, "output_tokens": 29}, "471"),  # 12 × 3 + 29 × 15
    ("anthropic", "claude-opus-5", usage_in(ANTHROPIC), "42730"),  # 51 × 5 + 1699 × 25
    ("anthropic", "claude-sonnet-5", {"input_tokens": 47, "output_tokens": 373}, "3824"),  # 47 × 2 + 373 × 10
    ("anthropic", "claude-sonnet-4-6", {"input_tokens": 830, "output_tokens": 54}, "3300"),  # 830 × 3 + 54 × 15
    ("ollama", "llama3.2:latest", usage_in(V1), "0"),
    ("ollama", "qwen3:8b", usage_in(V1_THINKING), "0"),
    ("ollama", "llama3.2:latest", {"prompt_tokens": 26, "completion_tokens": 298}, "0"),
    ("openrouter", "liquid/lfm-2.5-2.6b:free", usage_in(OPENROUTER), "0"),
    ("openai", "gpt-4.1-mini", {"prompt_tokens": 8174, "completion_tokens": 30}, "3317.6"),  # through OpenRouter; below
]


@pytest.mark.parametrize(("provider", "model", "usage", "millionths"), BY_HAND)
def test_a_recorded_usage_costs_what_is_computed_by_hand(
    provider: str, model: str, usage: Mapping[str, Any], millionths: str
) -> None:
    assert usage_usd(facts.load()[provider].models[model], usage, NOON) == Decimal(millionths) / 1_000_000


def test_no_recorded_usage_is_left_out() -> None:
    """Whatever the tests of the local providers hold as recorded; of a stream the last count, which is the whole."""
    priced = {_sums(usage) for _, _, usage, _ in BY_HAND}
    recorded = dict(_recorded_usages())
    assert len(recorded) > 15
    left_out = {name: counts_of(usage) for name, usage in recorded.items() if _sums(usage) not in priced}
    assert not left_out


def _sums(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    counts = counts_of(usage)
    return counts.prompt, counts.completion


def _recorded_usages() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(Path(__file__).parent.glob("test_sim_*.py")):
        for name, held in vars(import_module(path.stem)).items():
            lines = [held] if isinstance(held, str) else held if isinstance(held, (list, tuple)) else []
            text = "\n".join(map(str, lines)) if name.isupper() else ""
            found = [match.end() - 1 for match in re.finditer(r'"usage":\s*\{', text)]
            if found:
                usage, _ = json.JSONDecoder().raw_decode(text[found[-1] :])
                yield f"{path.stem}.{name}", usage


def test_openrouters_own_bill_for_a_recorded_call_is_ours() -> None:
    # tests/test_sim_openrouter.py, STREAM: it prints what its host charged for prompt and completion.
    usage = {"prompt_tokens": 8174, "completion_tokens": 30, "cost": 0.0133176}
    ours = usage_usd(facts.load()["openai"].models["gpt-4.1-mini"], usage, NOON)
    assert ours == Decimal("0.0032696") + Decimal("0.000048")
    assert stated_usd(usage) == Decimal("0.0133176")  # with the web search, which its tokens do not show


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (usage_in(OPENAI), Counts(16, 363, 0, 0)),
        (usage_in(DEEPSEEK_THINKING), Counts(87, 2, 2, 0)),
        (usage_in(V1), Counts(61, 24, None, 60)),
        (usage_in(OPENROUTER), Counts(16, 80, 76, 0)),
        ({"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 3}, Counts(15 - 3, 3, None, 7)),
        (
            {"input_tokens": 5, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}},
            Counts(5, 9, 4, None),
        ),
        ({"prompt_tokens": None, "completion_tokens": True, "prompt_tokens_details": "none"}, Counts()),
        ({}, Counts()),
    ],
)
def test_counts_are_read_in_every_providers_words(usage: Mapping[str, Any], counts: Counts) -> None:
    assert counts_of(usage) == counts


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 5, "prompt_cache_hit_tokens": 6},
        {"prompt_tokens": -5},
        {"prompt_tokens": None},
        {"completion_tokens": 5},
        {},
    ],
)
def test_a_usage_that_cannot_be_has_no_price(usage: Mapping[str, Any]) -> None:
    assert usage_usd(facts.load()["deepseek"].models["deepseek-flash"], usage, NOON) is None


@pytest.mark.parametrize("cost", [True, "0.1", None, float("nan"), float("inf"), -1])
def test_only_a_sensible_stated_price_counts(cost: object) -> None:
    assert stated_usd({"cost": cost}) is None


# --- running totals ---------------------------------------------------------------------------------------------------


def test_a_million_calls_add_up_without_drift() -> None:
    ledger, one = Ledger(), Decimal("0.0000003")
    drifting = 0.0
    for _ in range(1_000_000):
        ledger.book("deepseek", "live", Counts(1, 1), one, failed=False)
        drifting += 0.0000003
    assert ledger.total_usd("live") == Decimal("0.3")
    assert drifting != 0.3  # what floats would have made of it
    assert ledger.sums()[0].calls == 1_000_000


def test_local_and_live_stand_apart_and_an_unknown_price_is_no_price() -> None:
    ledger = Ledger()
    ledger.book("groq", "local", Counts(5, 2), None, failed=False)
    ledger.book("groq", "live", Counts(5, 2), Decimal("0.1"), failed=False)
    ledger.book("groq", "live", Counts(), None, failed=False, held_usd=Decimal("0.2"))
    ledger.book("groq", "live", Counts(), Decimal(0), failed=True)
    live, local = ledger.sums()
    assert (local.place, local.row()["cost_usd"], local.row()["unpriced_calls"]) == ("local", None, 1)
    assert (live.place, live.row()["cost_usd"], live.calls, live.failed) == ("live", Decimal("0.3"), 3, 1)


def test_the_running_total_of_local_calls_says_that_nothing_was_spent() -> None:
    lab = Lab(pace="quick")
    body = {"messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 4}
    for provider in ("openai", "deepseek", "openai"):
        with lab.client(provider) as client:
            client.post("/chat/completions", json={**body, "model": lab.model(provider)})
            client.post("/chat/completions", json={"model": "no-such-model"})
    table = lab.costs()
    assert list(table.provider) == ["deepseek", "openai"]
    assert list(table.calls) == [2, 4]
    assert list(table.failed) == [1, 2]
    mini = lab.facts["openai"].models[lab.model("openai")]
    by_hand = sum((usage_usd(mini, e.usage, NOON) or Decimal(0) for e in lab.log if e.provider == "openai"), Decimal(0))
    assert table.cost_usd[1] == by_hand == sum(lab.cost_usd(e) or 0 for e in lab.log if e.provider == "openai")
    assert "would cost, in lab tokens; nothing spent" in str(table)
    assert lab.spent_usd == 0


def test_a_call_costs_what_held_when_it_was_made() -> None:
    lab = Lab(day="2026-11-20T00:59Z", pace="quick")
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, "seed": 1}
    with lab.client("deepseek") as client:
        client.post("/chat/completions", json={**body, "model": lab.model("deepseek")})
        lab.clock.advance(120)  # peak hours begin at 01:00 UTC
        client.post("/chat/completions", json={**body, "model": lab.model("deepseek")})
    flash = lab.facts["deepseek"].models[lab.model("deepseek")]
    before, after = (lab.cost_usd(exchange) for exchange in lab.log)
    assert before == usage_usd(flash, lab.log[0].usage, NOON)
    assert after == 2 * (usage_usd(flash, lab.log[1].usage, NOON) or 0)


# --- estimates --------------------------------------------------------------------------------------------------------


def test_the_estimate_of_a_plain_conversation_is_what_every_local_provider_counts() -> None:
    lab = Lab(pace="quick")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is Łódź? 🙂"}]
    for provider in lab.facts:
        if provider == "anthropic":
            continue  # another form of request; below
        body = {"model": lab.model(provider), "messages": messages}
        said = lab.estimate(provider, body)
        with lab.client(provider) as client:
            answer = client.post("/chat/completions", json={**body, "max_tokens": 1})
        assert counts_of(answer.json()["usage"]).prompt == said.prompt_tokens, provider
    body = {"model": lab.model("anthropic"), "system": "Be brief.", "messages": messages[1:], "max_tokens": 1}
    with lab.client("anthropic") as client:
        answer = client.post(lab.facts["anthropic"].address.paths["chat"], json=body)
    assert counts_of(answer.json()["usage"]).prompt == lab.estimate("anthropic", body).prompt_tokens
    table = lab.estimates()
    assert set(table[table.place == "local"].off_percent) == {0.0}


def test_how_far_off_an_estimate_is_stands_beside_the_published_counts() -> None:
    table = Lab(pace="quick").estimates()
    assert list(table.tokens_in) == [9, 19, 82]
    for (body, counted), guess, off in zip(PUBLISHED, table.estimated_tokens, table.off_percent, strict=True):
        assert guess == prompt_tokens(body)
        assert off == pytest.approx(100 * (guess / counted - 1))
    assert "byte-level BPE" in table.note


def test_an_estimate_names_its_tokenizer_and_both_prices() -> None:
    lab = Lab(pace="quick")
    body = {"model": lab.model("openai"), "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100, "n": 2}
    said = lab.estimate("openai", body)
    assert said.completion_tokens == 200
    assert said.input_usd == said.prompt_tokens * Decimal("0.40") / 1_000_000
    assert said.most_usd == said.input_usd + 200 * Decimal("1.60") / 1_000_000
    assert "Counted with the lab's tokenizer (byte-level BPE, " in str(said)
    with pytest.raises(FactsError, match="Did you mean"):
        lab.estimate("openai", {**body, "model": body["model"][:-1]})


# --- the budget -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "image_url"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "cache_control": {}}]}]}, "writes to a cache"),
        ({"service_tier": "priority"}, "service tier"),
        ({"speed": "fast"}, "service tier"),
        ({"tools": [{"type": "web_search_20260101"}]}, "web_search_20260101"),
        ({"plugins": [{"id": "web"}]}, "plugins"),
        ({"model": "gpt-99"}, "no model 'gpt-99'"),
        ({"models": ["gpt-4.1-mini", "gpt-99"]}, "no model 'gpt-99'"),
    ],
)
def test_what_the_facts_cannot_price_is_not_sent(fields: dict[str, Any], says: str) -> None:
    openai = facts.load()["openai"]
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    path = "/v1/chat/completions"
    assert request_usd(openai, path, body, 100, NOON) == ((100 * Decimal("0.40") + 5 * Decimal("1.60")) / 1_000_000, "")
    ceiling, why = request_usd(openai, path, {**body, **fields}, 100, NOON)
    assert ceiling is None
    assert says in why
    assert request_usd(openai, "/v1/images/generations", body, 100, NOON)[0] is None


def test_of_several_models_the_dearest_counts() -> None:
    openai = facts.load()["openai"]
    body = {"model": "gpt-4.1-mini", "models": ["gpt-4o"], "max_tokens": 10}
    assert request_usd(openai, "/chat/completions", body, 0, NOON)[0] == Decimal("0.0001")


def test_of_two_limits_the_longer_counts() -> None:
    openai = facts.load()["openai"]
    body = {"model": "gpt-4.1-mini", "max_tokens": 10, "max_completion_tokens": 5}
    for wrong in ("many", -3, True, 0, None):
        assert request_usd(openai, "/chat/completions", {**body, "max_completion_tokens": wrong}, 0, NOON)[0]
    assert request_usd(openai, "/chat/completions", body, 0, NOON)[0] == 10 * Decimal("1.60") / 1_000_000


class Paid(Loopback):
    """A paid provider's stand-in: each answer counts what its request says in `test`, whole or as a stream."""

    def __init__(self) -> None:
        super().__init__(self._answer)

    @staticmethod
    def _answer(got: Got) -> Reply:
        if got.method == "GET":
            return Reply(parts=[b'{"object": "list", "data": []}'])
        body = json.loads(got.body)
        wish = body["test"]
        usage = {"prompt_tokens": wish["in"], "completion_tokens": wish["out"]}
        if wish["status"] >= 400:
            return Reply(wish["status"], parts=[b'{"error": {"message": "no"}}'])
        if not body["stream"]:
            return Reply(parts=[json.dumps({"choices": [], "usage": usage}).encode()], cut=wish["cut"])
        parts = [b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n']
        if wish["told"]:
            parts.append(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
        return Reply(
            headers={"content-type": "text/event-stream"}, parts=[*parts, b"data: [DONE]\n\n"], cut=wish["cut"]
        )


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Paid]:
    with Paid() as server:
        yield server  # type: ignore[misc]


def paid_facts(url: str, input_price: Decimal, output_price: Decimal) -> facts.Facts:
    """The facts with DeepSeek at `url`, where a token costs so much."""
    known = facts.load()
    deepseek = known["deepseek"]
    flash = deepseek.models["deepseek-flash"]
    assert flash.prices is not None
    prices = {"input_usd_per_mtok": input_price, "output_usd_per_mtok": output_price, "peak": None}
    flash = flash.model_copy(update={"prices": flash.prices.model_copy(update=prices)})
    address = deepseek.address.model_copy(update={"base_url": url})
    changed = {"address": address, "models": {**deepseek.models, "deepseek-flash": flash}}
    return facts.Facts({**known, "deepseek": deepseek.model_copy(update=changed)}, known.moment)


WISH = st.fixed_dictionaries(
    {
        "in": st.integers(0, 60),
        "out": st.integers(0, 50),
        "status": st.sampled_from([200, 200, 200, 429, 500]),
        "told": st.booleans(),
        "cut": st.booleans(),
    }
)
PRICE = st.decimals(0, 5000, places=3)


@given(
    calls=st.lists(st.tuples(WISH, st.booleans(), st.integers(50, 200)), min_size=1, max_size=8),
    prices=st.tuples(PRICE, PRICE),
    limit=st.decimals("0.0001", "2", places=4),
)
@settings(max_examples=12, deadline=None)
def test_concurrent_calls_at_any_price_whole_or_streamed_never_pass_the_budget(
    stand_in: Paid, calls: list[tuple[dict[str, Any], bool, int]], prices: tuple[Decimal, Decimal], limit: Decimal
) -> None:
    known = paid_facts(stand_in.url, *prices)
    accounts = Accounts(known, NOON, ["deepseek"], NOON, limit)
    accounts._of_hour[NOON.now()] = known
    route = Route("deepseek", stand_in.url, "live", Secret(CANARY, "DEEPSEEK_API_KEY"))
    transport = RecordingTransport(routes=[route], allow=accounts.reserve, settle=accounts.settle)
    before, refused = len(stand_in.got), []

    def call(client: httpx.Client, wish: dict[str, Any], stream: bool, most: int) -> None:
        messages = [{"role": "user", "content": "Hello"}]
        body = {"model": "deepseek-flash", "messages": messages, "max_tokens": most, "stream": stream, "test": wish}
        try:
            with client.stream("POST", "/chat/completions", json=body) as response:
                response.read()
        except LiveRefused as error:
            refused.append(error)
        except httpx.RemoteProtocolError:
            assert wish["cut"]

    with httpx.Client(base_url=stand_in.url, transport=transport, timeout=60) as client:
        threads = [threading.Thread(target=call, args=(client, *one)) for one in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(stand_in.got) - before == len(calls) - len(refused)
    charged = sum((_charged(got, *prices) for got in stand_in.got[before:]), Decimal(0))
    assert charged <= accounts.budget.spent_usd <= limit
    assert accounts.ledger.total_usd("live") == accounts.budget.spent_usd
    assert accounts.budget._reserved == 0


def _charged(got: Got, input_price: Decimal, output_price: Decimal) -> Decimal:
    """What the stand-in would put on the bill for a request, whether or not its answer says or arrives whole."""
    wish = json.loads(got.body)["test"]
    return (wish["in"] * input_price + wish["out"] * output_price) / 1_000_000 if wish["status"] < 400 else Decimal(0)


def test_a_call_that_was_sent_and_never_answered_is_booked_whole_and_one_never_sent_is_free(stand_in: Paid) -> None:
    known = paid_facts(stand_in.url, Decimal(1), Decimal(1))
    accounts = Accounts(known, NOON, ["deepseek"], NOON, 1)
    accounts._of_hour[NOON.now()] = known
    request = httpx.Request(
        "POST", f"{stand_in.url}/chat/completions", json={"model": "deepseek-flash", "max_tokens": 9}
    )
    for kind, free in (("ReadTimeout", False), ("RemoteProtocolError", False), ("ConnectError", True)):
        before = accounts.budget.spent_usd
        held = accounts.reserve(request, Route("deepseek", stand_in.url))
        assert held is not None
        error = getattr(httpx, kind)("gone", request=request)
        exchange = Exchange.of(error)
        exchange.provider, exchange.place = "deepseek", "live"
        accounts.settle(exchange, held)
        assert accounts.budget.spent_usd - before == (0 if free else held.held_usd)


def test_nothing_reaches_the_paid_provider_unless_live_was_asked_for_by_name(
    stand_in: Paid, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = paid_facts(stand_in.url, Decimal(1), Decimal(1))
    monkeypatch.setattr("labkit.facts.load", lambda *_: known)
    monkeypatch.setattr("labkit.session.calendar", lambda: NOON)
    monkeypatch.setenv("DEEPSEEK_API_KEY", CANARY)
    before = len(stand_in.got)
    wish = {"in": 1, "out": 1, "status": 200, "told": True, "cut": False}
    body = {"model": "deepseek-flash", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    lab = Lab(pace="quick")
    with lab.client("deepseek") as client:
        assert client.post("/chat/completions", json=body).headers["x-lab-model"]
    real = httpx.Request("POST", f"{stand_in.url}/chat/completions", json=body, headers={"authorization": "Bearer x"})
    assert lab.send(real).headers["x-lab-provider"] == "deepseek"
    assert {exchange.place for exchange in lab.log} == {"local"}
    assert len(stand_in.got) == before
    capsys.readouterr()
    lab = Lab(live="deepseek", pace="quick", budget_usd="0.01")
    assert "LIVE: deepseek" in capsys.readouterr().out
    for stream in (True, False):
        with lab.client("deepseek") as client:
            client.post("/chat/completions", json={**body, "stream": stream, "test": wish})
    assert len(stand_in.got) == before + 2
    said = capsys.readouterr().out
    for part in ("DeepSeek", "deepseek-flash", "about", "at most", "budget 0.010 USD"):
        assert part in said
    assert said.count("First live call") == 1
    assert lab.spent_usd == Decimal("0.000004")
    assert list(lab.costs().place) == ["live"]
    assert "live: 0.0000040 USD spent of a budget of 0.010 USD" in str(lab.costs())
    with lab.client("deepseek") as client, pytest.raises(LiveRefused, match="budget"):
        client.post("/chat/completions", json={**body, "max_tokens": 100_000, "stream": True, "test": wish})
    assert len(stand_in.got) == before + 2


@pytest.fixture
def paid_deepseek(stand_in: Paid, monkeypatch: pytest.MonkeyPatch) -> Paid:
    """DeepSeek at the stand-in for whoever asks for it live; a token in costs 2 millionths of a USD, one out 5."""
    known = paid_facts(stand_in.url, Decimal(2), Decimal(5))
    monkeypatch.setattr("labkit.facts.load", lambda *_: known)
    monkeypatch.setattr("labkit.session.calendar", lambda: NOON)
    monkeypatch.setenv("DEEPSEEK_API_KEY", CANARY)
    return stand_in


WHOLE = {"in": 30, "out": 8, "status": 200, "told": True, "cut": False}


@pytest.mark.parametrize("workers", [None, 1, 4])
def test_a_comparison_says_what_it_will_cost_and_at_most_before_anything_is_sent(
    paid_deepseek: Paid, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], workers: int | None
) -> None:
    lab = Lab(live="deepseek", pace="quick", budget_usd="0.02")
    before, seen = len(paid_deepseek.got), []
    plan = lab.plan

    def watched(calls: Any) -> str:
        said = plan(calls)
        seen.append((said, len(paid_deepseek.got) - before))
        return said

    monkeypatch.setattr(lab, "plan", watched)
    capsys.readouterr()
    target = {"provider": "deepseek", "test": WHOLE}
    prompts = ["Hello", "What is the capital of France?"]
    found = lab.compare(prompts, [target, "lab"], n=3, max_tokens=8, workers=workers)
    said = capsys.readouterr().out
    assert seen == [(said.rstrip("\n"), 0)]  # nothing had been sent by then, not even a question for the models
    bodies = [exchange.request.json() for exchange in found.exchanges if exchange and exchange.place == "live"]
    assert len(bodies) == 6
    expected = sum(lab.estimate("deepseek", body).most_usd or 0 for body in bodies)
    counted = sum(prompt_tokens(body, think=True) for body in bodies)
    assert expected == (2 * counted + 5 * 8 * 6) / Decimal(1_000_000)
    most = sum(lab._accounts.ceiling_usd("deepseek", body) or 0 for body in bodies)
    assert f"DeepSeek deepseek-flash: 6 calls, about {counted} tokens in; about " in said
    assert f"about {shown_usd(Decimal(expected))} with the longest answers, at most {shown_usd(Decimal(most))}." in said
    assert "Budget 0.020 USD, of which 0 USD is spent." in said
    assert "It may stop the calls" not in said
    assert 0 < lab.spent_usd == 6 * (30 * 2 + 8 * 5) / Decimal(1_000_000) <= most
    assert "First live call" not in said  # said already


def test_what_a_comparison_announces_is_never_passed_by_what_it_sets_aside(paid_deepseek: Paid) -> None:
    lab = Lab(live="deepseek", pace="quick", budget_usd="0.02")
    accounts, held = lab._accounts, []
    reserve = accounts.budget.reserve
    accounts.budget.reserve = lambda *given: held.append(given[0]) or reserve(*given)  # type: ignore[method-assign, func-returns-value]
    found = lab.compare(["Łódź 🙂 " * 9], [{"provider": "deepseek", "test": WHOLE}], n=2, max_tokens=8)
    assert list(found.table.status) == [200, 200]
    bodies = [exchange.request.json() for exchange in found.exchanges if exchange]
    assert sum(held) <= sum(accounts.ceiling_usd("deepseek", body) or 0 for body in bodies)


def test_a_local_comparison_announces_no_cost(paid_deepseek: Paid, capsys: pytest.CaptureFixture[str]) -> None:
    lab = Lab(pace="quick")
    capsys.readouterr()
    before = len(paid_deepseek.got)
    assert set(lab.compare("Hello", ["deepseek", "lab"], n=1, max_tokens=4).table.place) == {"local"}
    assert capsys.readouterr().out == ""
    assert len(paid_deepseek.got) == before


def test_several_live_models_are_announced_one_by_one_and_together(
    paid_deepseek: Paid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    lab = Lab(live=["deepseek", "openai"], pace="quick", budget_usd="0.001")
    ask = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100}
    cheap, dear = {**ask, "model": "deepseek-flash"}, {**ask, "model": lab.model("openai")}
    pictures = {**dear, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}
    said = lab.plan([("deepseek", cheap, 4), ("openai", dear, 2), ("openai", pictures, 1), ("groq", ask, 9)])
    sums = [4 * lab._accounts.ceiling_usd("deepseek", cheap), 2 * lab._accounts.ceiling_usd("openai", dear)]  # type: ignore[operator]
    first, deepseek, openai, whole, budget = said.splitlines()
    assert "the lab's tokenizer" in first
    assert f"4 calls, about {4 * prompt_tokens(cheap, think=True)} tokens in" in deepseek
    assert f"at most {shown_usd(sums[0])}." in deepseek
    assert f"at most {shown_usd(sums[1])}, and 1 of unknown price." in openai
    assert "All together: 7 calls" in whole
    assert f"at most {shown_usd(sum(sums))}, and 1 of unknown price." in whole
    assert "Budget 0.0010 USD" in budget
    assert "It may stop the calls before all are made." in budget
    assert "Calls whose price nobody can say are not sent." in budget


@pytest.mark.parametrize("workers", [1, 5])
def test_a_comparison_beyond_its_budget_stops_in_time_and_its_table_says_so(
    paid_deepseek: Paid, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    target = {"provider": "deepseek", "test": {**WHOLE, "out": 60}}
    lab = Lab(live="deepseek", pace="quick", budget_usd="0.004")
    before = len(paid_deepseek.got)
    found = lab.compare("Hello", [target], n=14, max_tokens=60, workers=workers)
    assert "It may stop the calls before all are made." in capsys.readouterr().out
    paid = [got for got in paid_deepseek.got[before:] if got.method == "POST"]
    refused = found.table[found.table.status.isna()]
    assert len(paid) + len(refused) == 14
    assert len(paid) > 1
    assert len(refused) > 1
    assert refused.failure.str.contains("LiveRefused: .*budget", regex=True).all()
    charged = sum((_charged(got, Decimal(2), Decimal(5)) for got in paid), Decimal(0))
    assert charged == lab.spent_usd <= Decimal("0.004")
