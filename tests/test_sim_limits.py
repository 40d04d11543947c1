"""Limits that are really counted, by the lab's clock: what is refused when, in which words, and when it works again.

The numbers that a provider was seen to answer with are the oracle: the lab's arithmetic must give the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from conftest import Caller
from labkit import facts
from labkit.clock import Clock
from labkit.errors import FactsError, ParameterError
from labkit.sim import LocalServer
from labkit.sim.limits import Meter, duration

Account = Callable[..., Clock]


@pytest.fixture
def account(call: Caller) -> Iterator[Account]:
    """Opens accounts of given tiers or money, at the lab's moment; returns the clock."""

    def opened(**options: Any) -> Clock:
        clock = Clock(facts.course_moment())
        call.server.reset(clock=clock, **options)
        return clock

    yield opened
    opened()


def ask(call: Caller, provider: str = "openai", **fields: Any) -> httpx.Response:
    return call.post(provider, call.body(provider, "Hello", **{"max_tokens": 2, **fields}))


# --- the arithmetic, against what providers were seen to say --------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "used", "requested", "said"),
    [
        (30000, 29937, 385, "644ms"),  # OpenAI, gpt-4o, 2025
        (30000, 14567, 24754, "18.642s"),  # OpenAI, https://github.com/semanser/codel/issues/72
        (12000, 4437, 9854, "11.455s"),  # Groq, llama-3.3-70b-versatile
    ],
)
def test_the_wait_is_the_one_that_providers_name(limit: int, used: int, requested: int, said: str) -> None:
    meter = Meter(limit, 60, steady=True)
    meter.take(used, 1000.0)
    assert duration(meter.wait_s(requested, 1000.0)) == said


@pytest.mark.parametrize(
    ("limit", "window_s", "taken", "said"),
    [
        (500, 60, 1, "120ms"),  # OpenAI, captured: 499 of 500 requests remain, reset 120ms
        (30000, 60, 4, "8ms"),  # OpenAI, captured: 29996 of 30000 tokens remain, reset 8ms
        (60, 60, 1, "1s"),  # OpenAI's documentation: 59 of 60 remain, reset 1s
        (14400, 86400, 30, "3m0s"),  # Groq's documentation: 14370 of 14400 remain, reset 2m59.56s, 440 ms later
    ],
)
def test_the_reset_is_the_one_that_providers_name(limit: int, window_s: int, taken: int, said: str) -> None:
    meter = Meter(limit, window_s, steady=True)
    meter.take(taken, 0.0)
    assert duration(meter.reset_s(0.0)) == said


def test_groqs_example_is_that_wait_a_little_later() -> None:
    meter = Meter(14400, 86400, steady=True)
    meter.take(30, 0.0)
    assert duration(meter.reset_s(0.44)) == "2m59.56s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.644, "644ms"), (11.455, "11.455s"), (578.016, "9m38.016s"), (360, "6m0s"), (0, "0s"), (3600, "1h0m0s")],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_window_is_full_again_when_the_next_one_begins_and_not_before() -> None:
    meter = Meter(2, 60, steady=False)
    meter.take(2, 30.0)
    assert meter.wait_s(1, 30.0) == 30
    assert meter.wait_s(1, 59.5) == 0.5
    assert meter.wait_s(1, 60.0) == 0
    meter.take(2, 60.0)
    assert meter.used(119.9) == 2


def test_what_never_fits_waits_for_ever() -> None:
    assert Meter(8000, 60, steady=True).wait_s(8001, 0.0) == float("inf")


# --- over HTTP ----------------------------------------------------------------------------------------------------


def test_headers_count_down_and_the_clock_brings_all_back(call: Caller, account: Account) -> None:
    clock = account(tiers={"openai": "free"})
    seen = [ask(call).headers for _ in range(3)]
    assert [h["x-ratelimit-remaining-requests"] for h in seen] == ["2", "1", "0"]
    assert [h["x-ratelimit-reset-requests"] for h in seen] == ["20s", "40s", "1m0s"]
    assert {h["x-ratelimit-limit-requests"] for h in seen} == {"3"}
    clock.advance(60)
    assert ask(call).headers["x-ratelimit-remaining-requests"] == "2"


def test_one_request_too_many_is_refused_until_its_wait_is_over(call: Caller, account: Account) -> None:
    clock = account(tiers={"openai": "free"})
    for _ in range(3):
        assert ask(call).status_code == 200
    for _ in range(2):  # being refused costs nothing
        refused = ask(call)
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert error["type"] == "requests"
        assert error["code"] == "rate_limit_exceeded"
        assert "on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s." in error["message"]
        assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("20", "20000")
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    clock.advance(19.9)
    assert ask(call).headers["retry-after-ms"] == "100"
    clock.advance(0.1)
    assert ask(call).status_code == 200


def test_openai_counts_the_larger_of_prompt_and_max_tokens(call: Caller, account: Account) -> None:
    account(tiers={"openai": "tier 1"})
    model = "gpt-4.1"
    first = ask(call, model=model, max_tokens=29000, stop="e")
    assert first.headers["x-ratelimit-remaining-tokens"] == "1000"
    second = ask(call, model=model, max_tokens=1500)
    assert second.status_code == 429
    assert second.json()["error"]["type"] == "tokens"
    assert "Limit 30000, Used 29000, Requested 1500. Please try again in 1s." in second.json()["error"]["message"]
    assert ask(call, model=model, max_tokens=1000, stop="e").status_code == 200


def test_a_request_larger_than_the_minute_is_429_at_openai_and_no_wait_is_named(call: Caller, account: Account) -> None:
    account(tiers={"openai": "tier 1"})
    refused = ask(call, model="gpt-4.1", max_tokens=30001)
    assert refused.status_code == 429
    assert "Request too large for gpt-4.1" in refused.json()["error"]["message"]
    assert "Limit 30000, Requested 30001" in refused.json()["error"]["message"]
    assert "retry-after" not in refused.headers


def test_a_one_word_prompt_with_large_max_tokens_is_413_at_groq_on_the_free_plan(
    call: Caller, account: Account
) -> None:
    clock = account(tiers={"groq": "free"})
    refused = ask(call, "groq", max_tokens=32000)
    assert refused.status_code == 413
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("tokens", "rate_limit_exceeded")
    assert "on tokens per minute (TPM): Limit 8000, Requested 32" in error["message"]
    assert "retry-after" not in refused.headers
    clock.advance(3600)
    assert ask(call, "groq", max_tokens=32000).status_code == 413, "waiting never helps"
    assert ask(call, "groq", max_tokens=200).status_code == 200


def test_groqs_requests_count_by_the_day_and_its_tokens_by_the_minute(call: Caller, account: Account) -> None:
    clock = account(tiers={"groq": "free"})
    first = ask(call, "groq", max_tokens=100)
    prompt = first.json()["usage"]["prompt_tokens"]
    assert first.headers["x-ratelimit-remaining-requests"] == "999"
    assert first.headers["x-ratelimit-reset-requests"] == "1m26.4s"  # a day in a thousand
    assert first.headers["x-ratelimit-remaining-tokens"] == str(8000 - prompt - 100)
    clock.advance(60)
    second = ask(call, "groq", max_tokens=100).headers
    assert second["x-ratelimit-remaining-tokens"] == str(8000 - prompt - 100)
    assert second["x-ratelimit-remaining-requests"] == "998"
    assert "retry-after" not in second


def test_groqs_refusal_counts_prompt_and_max_tokens(call: Caller, account: Account) -> None:
    account(tiers={"groq": "free"})
    prompt = ask(call, "groq", max_tokens=7000).json()["usage"]["prompt_tokens"]
    refused = ask(call, "groq", max_tokens=2000)
    assert refused.status_code == 429
    over = (prompt + 7000) + (prompt + 2000) - 8000
    message = refused.json()["error"]["message"]
    assert f"Limit 8000, Used {prompt + 7000}, Requested {prompt + 2000}." in message
    assert f"Please try again in {duration(over * 60 / 8000)}." in message
    assert refused.headers["retry-after"] == str(-(-over * 60 // 8000))


def test_anthropics_reset_is_an_instant_and_output_counts_as_it_was_said(call: Caller, account: Account) -> None:
    account(tiers={"anthropic": "start"})
    known = call.server.facts["anthropic"]
    body = call.body("anthropic", "Hello", max_tokens=5)
    headers = {known.key.header: known.key.local, "anthropic-version": "2023-06-01"}
    answer = call.post("anthropic", body, path="/v1/messages", headers=headers)
    assert answer.status_code == 200, answer.text
    usage, told = answer.json()["usage"], answer.headers
    assert told["anthropic-ratelimit-input-tokens-remaining"] == str(2_000_000 - usage["input_tokens"])
    assert told["anthropic-ratelimit-output-tokens-remaining"] == str(400_000 - usage["output_tokens"])
    reset = datetime.fromisoformat(told["anthropic-ratelimit-requests-reset"])
    assert reset == datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC)


def test_tokens_of_a_stream_are_counted_when_it_is_over(call: Caller, account: Account) -> None:
    account()
    body = call.body("mistral", "Hello", max_tokens=4)
    whole = call.post("mistral", body, path="/chat/completions")
    used = whole.json()["usage"]["total_tokens"]
    limit = int(whole.headers["x-ratelimit-limit-tokens-minute"])
    assert whole.headers["x-ratelimit-tokens-query-cost"] == str(used)
    assert whole.headers["x-ratelimit-remaining-tokens-minute"] == str(limit - used)
    streamed = call.post("mistral", {**body, "stream": True}, path="/chat/completions")
    assert streamed.status_code == 200
    third = call.post("mistral", body, path="/chat/completions")
    assert int(third.headers["x-ratelimit-remaining-tokens-minute"]) <= limit - 2 * used - 4


def test_each_model_has_a_count_of_its_own(call: Caller, account: Account) -> None:
    account(tiers={"openai": "free"})
    for _ in range(3):
        ask(call, model="gpt-4.1-mini")
    assert ask(call, model="gpt-4.1-mini").status_code == 429
    assert ask(call, model="gpt-4o-mini").status_code == 200


def test_lists_of_models_and_refusals_cost_nothing(call: Caller, account: Account) -> None:
    account(tiers={"openai": "free"})
    for _ in range(5):
        listed = call.get("openai", "/models")
        assert listed.status_code == 200
        assert not [name for name in listed.headers if name.startswith("x-ratelimit")]
        assert ask(call, temperature=9).status_code == 400
    assert ask(call).headers["x-ratelimit-remaining-requests"] == "2"


def test_deepseek_has_no_quota_but_a_cap_on_requests_at_once(call: Caller, account: Account) -> None:
    account(tiers={"deepseek": "almost empty"})
    call.server.faults.add("deepseek", "slow_first_byte", seconds=2.0)
    statuses: list[int] = []
    texts: list[str] = []

    def one() -> None:
        answer = ask(call, "deepseek", max_tokens=1, thinking={"type": "disabled"})
        statuses.append(answer.status_code)
        texts.append(answer.text)

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 39 + [429]
    assert "Your current concurrency is 40, which exceeds your concurrency limit of 39" in texts[statuses.index(429)]
    call.server.faults.clear()
    assert ask(call, "deepseek", max_tokens=1).status_code == 200, "all places are free again"


def test_a_client_that_goes_away_gives_its_place_back(call: Caller, account: Account) -> None:
    account()
    call.server.pace = "real"
    working = call.server._world.accounts["deepseek"].working
    with (
        pytest.raises(httpx.ReadTimeout),
        call.http.stream(
            "POST",
            call.server.provider_url("deepseek") + "/chat/completions",
            headers=call.headers("deepseek"),
            json=call.body("deepseek", stream=True),
            timeout=httpx.Timeout(5, read=0.4),
        ) as stream,
    ):
        for _ in stream.iter_bytes():
            pass
    for _ in range(100):
        if not +working:
            break
        threading.Event().wait(0.05)
    assert not +working


# --- money --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "status", "words"),
    [
        ("openai", 429, "insufficient_quota"),
        ("deepseek", 402, "Insufficient Balance"),
        ("groq", 400, "blocked_api_access"),
    ],
)
def test_an_empty_account_is_refused_with_each_providers_own_number(
    call: Caller, account: Account, provider: str, status: int, words: str
) -> None:
    clock = account(credit_usd={provider: 0})
    refused = ask(call, provider)
    assert refused.status_code == status
    assert words in refused.text
    assert "retry-after" not in refused.headers
    clock.advance(86400)
    assert ask(call, provider).status_code == status, "waiting does not fill an account"


def test_money_goes_by_the_token_until_it_is_gone(call: Caller, account: Account) -> None:
    account(credit_usd={"openai": "0.00001"})  # gpt-4.1-mini: 0.40 and 1.60 USD for a million tokens
    usage = ask(call, max_tokens=4).json()["usage"]
    left = call.server._world.accounts["openai"].credit_usd
    cost = usage["prompt_tokens"] * 0.40e-6 + usage["completion_tokens"] * 1.60e-6
    assert float(left) == pytest.approx(0.00001 - cost)
    while ask(call, max_tokens=4).status_code == 200:
        pass
    assert ask(call, max_tokens=4).json()["error"]["code"] == "insufficient_quota"


# --- what cannot be -----------------------------------------------------------------------------------------------


def test_a_tier_that_there_is_not_is_answered_with_those_there_are() -> None:
    with pytest.raises(ParameterError, match=r"OpenAI has no account tier 'teir 1'.*Did you mean 'tier 1'"):
        LocalServer(facts.load(), tiers={"openai": "teir 1"})
    with pytest.raises(ParameterError, match="no account tier 'free'"):
        LocalServer(facts.load(), tiers={"lab": "free"})
    with pytest.raises(FactsError, match="Did you mean 'openai'"):
        LocalServer(facts.load(), tiers={"opnai": "free"})
    with pytest.raises(ParameterError, match="without money is not known"):
        LocalServer(facts.load(), credit_usd={"lab": 1})


# --- the SDK waits as long as it was told ---------------------------------------------------------------------------


def test_the_sdk_waits_as_long_as_retry_after_says_and_then_succeeds(
    call: Caller, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = account(tiers={"openai": "free"})
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)

    monkeypatch.setattr("openai._base_client.time.sleep", sleep)
    key, url = call.server.facts["openai"].key.local, call.server.provider_url("openai")
    with openai.OpenAI(api_key=key, base_url=url, max_retries=2) as client:
        for _ in range(4):
            answer = client.chat.completions.create(
                model="gpt-4.1-mini", messages=[{"role": "user", "content": "Hello"}], max_tokens=2
            )
            assert answer.choices
    assert slept == [20.0]
    assert [record.status for record in call.server.log] == [200, 200, 200, 429, 200]


def test_limits_in_a_facts_file_are_data(tmp_path: Path) -> None:
    text = (facts.CONFIGS / "providers" / "openai.yaml").read_text(encoding="utf-8")
    (tmp_path / "openai.yaml").write_text(
        text.replace("requests_per_minute: 3\n", "requests_per_minute: 1\n"), encoding="utf-8"
    )
    with LocalServer(facts.load(folder=tmp_path), tiers={"openai": "free"}) as server:
        headers = {"Authorization": f"Bearer {server.facts['openai'].key.local}"}
        body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        url = server.provider_url("openai") + "/chat/completions"
        assert [httpx.post(url, headers=headers, json=body).status_code for _ in range(2)] == [200, 429]
