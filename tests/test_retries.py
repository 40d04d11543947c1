"""`retry`: what is sent again, how late, and that it never goes beyond its deadline, on the lab's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.clock import Clock
from labkit.errors import ParameterError
from labkit.retries import Budget, Policy, retry, verdict
from labkit.wire.waits import duration_s, wait_asked_s

NOW = 1_795_000_000.0  # 2026-11-18, a moment for waits that are given as one
REQUEST = httpx.Request("POST", "https://api.example.com/v1/chat/completions", json={"model": "m"})


def answer(status: int, body: Any = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={} if body is None else body, headers=named, request=REQUEST)


def failing(*outcomes: Any) -> Callable[[], Any]:
    """A call that ends in one outcome after the other; the last one for ever."""
    left: Iterator[Any] = iter(outcomes)
    last = [outcomes[-1]]

    def call() -> Any:
        outcome = next(left, last[0])
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return call


@pytest.mark.parametrize("status", [408, 425, 429, 498, 500, 502, 503, 504, 524, 529])
def test_what_passes_is_sent_again(status: int) -> None:
    assert verdict(answer(status)).again


@pytest.mark.parametrize("status", [200, 201, 307, 400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 451, 501, 505])
def test_what_stays_is_not_sent_again(status: int) -> None:
    assert not verdict(answer(status)).again


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
        {"error": {"message": "Your account is suspended due to insufficient balance, please recharge"}},
        {"error": {"message": "Request too large for m on tokens per min (TPM): Limit 30000, Requested 30601."}},
        {"type": "error", "error": {"details": {"error_code": "enforced_spend_limit_reached"}}},
    ],
)
def test_a_429_that_waiting_does_not_cure_is_not_sent_again(body: Any) -> None:
    found = verdict(answer(429, body))
    assert not found.again
    assert found.why.startswith("status 429: ")


def test_the_provider_has_the_last_word() -> None:
    assert not verdict(answer(503, x_should_retry="false")).again
    assert verdict(answer(409, x_should_retry="true")).again
    assert not verdict(answer(401, x_should_retry="true")).again


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ConnectTimeout("t"), httpx.PoolTimeout("t")])
def test_what_was_never_sent_is_sent_again_even_when_twice_does_harm(error: httpx.TransportError) -> None:
    error.request = REQUEST
    assert verdict(error, idempotent=False).again


@pytest.mark.parametrize("error", [httpx.ReadTimeout("t"), httpx.ReadError("e"), httpx.RemoteProtocolError("p")])
def test_what_may_have_been_done_is_sent_again_only_when_that_does_no_harm(error: httpx.TransportError) -> None:
    error.request = REQUEST
    assert verdict(error).again
    assert not verdict(error, idempotent=False).again


def test_a_500_is_not_sent_again_when_twice_does_harm_but_a_429_is() -> None:
    assert not verdict(answer(500), idempotent=False).again
    assert verdict(answer(429), idempotent=False).again


@pytest.mark.parametrize(
    "text", ["[SSL: WRONG_VERSION_NUMBER]", "[Errno -2] Name or service not known", "CERTIFICATE_VERIFY_FAILED"]
)
def test_an_address_that_is_wrong_is_not_tried_again(text: str) -> None:
    assert not verdict(httpx.ConnectError(text, request=REQUEST)).again


def test_other_exceptions_are_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        retry(failing(ZeroDivisionError()), clock=Clock("2026-11-20"), tell=None)
    with pytest.raises(KeyboardInterrupt):
        retry(failing(KeyboardInterrupt()), clock=Clock("2026-11-20"), tell=None)


def test_a_stream_that_had_begun_is_not_sent_again(call: Any) -> None:
    from labkit.wire import ExchangeLog, RecordingTransport

    sent = 0

    def once() -> str:
        nonlocal sent
        sent += 1
        transport = RecordingTransport(log=ExchangeLog())
        headers = {**call.headers("openai"), "x-lab-fault": "cut; after=2"}
        with httpx.Client(transport=transport, timeout=60) as client:
            url = call.server.provider_url("openai") + "/chat/completions"
            with client.stream("POST", url, json=call.body("openai", stream=True), headers=headers) as response:
                return "".join(response.iter_text())

    with pytest.raises(httpx.RemoteProtocolError):
        retry(once, clock=Clock("2026-11-20"), tell=None)
    assert sent == 1


def test_a_stream_that_had_begun_is_known_by_plain_httpxs_own_words_too(call: Any) -> None:
    headers = {**call.headers("openai"), "x-lab-fault": "cut; after=2"}
    url, sent = call.server.provider_url("openai") + "/chat/completions", 0

    def once() -> str:
        nonlocal sent
        sent += 1
        with httpx.stream("POST", url, json=call.body("openai", stream=True), headers=headers, timeout=60) as response:
            return "".join(response.iter_text())

    with pytest.raises(httpx.RemoteProtocolError):
        retry(once, clock=Clock("2026-11-20"), tell=None)
    assert sent == 1


def test_it_says_what_it_did_and_why() -> None:
    said: list[str] = []
    clock = Clock("2026-11-20")
    response = retry(
        failing(answer(503), answer(429, retry_after="7"), answer(200)),
        clock=clock,
        tell=said.append,
        chance=lambda: 0.5,
    )
    assert response.status_code == 200
    assert said == [
        "attempt 1: status 503. Again in 0.2 s.",
        "attempt 2: status 429. Again in 7.5 s (the answer asks for 7 s).",
        "attempt 3: status 200: there is an answer. Done.",
    ]
    assert (clock.now() - Clock("2026-11-20").now()).total_seconds() == pytest.approx(7.75)


def test_a_first_answer_that_is_good_is_not_commented() -> None:
    said: list[str] = []
    retry(failing(answer(200)), clock=Clock("2026-11-20"), tell=said.append)
    assert said == []


def test_the_last_response_or_exception_comes_out() -> None:
    clock = Clock("2026-11-20")
    assert retry(failing(answer(503)), clock=clock, attempts=3, tell=None).status_code == 503
    with pytest.raises(httpx.ReadTimeout):
        retry(failing(httpx.ReadTimeout("slow", request=REQUEST)), clock=clock, attempts=2, tell=None)


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    said: list[str] = []
    clock = Clock("2026-11-20")
    before = clock.now()
    response = retry(failing(answer(429, retry_after="3600"), answer(200)), clock=clock, tell=said.append)
    assert response.status_code == 429
    assert clock.now() == before
    assert "goes beyond the deadline" in said[0]


def test_the_budget_ends_retries_for_all() -> None:
    budget, clock, said = Budget(share=0.1, reserve=3), Clock("2026-11-20"), list[str]()
    calls = 0

    def down() -> httpx.Response:
        nonlocal calls
        calls += 1
        return answer(503)

    for _ in range(100):
        retry(down, clock=clock, budget=budget, tell=said.append, deadline_s=1e9)
    assert calls <= 100 + 3 + 100 * 0.1
    assert any("budget is used up" in line for line in said)


@pytest.mark.parametrize("change", [{"attempts": 0}, {"deadline_s": -1}, {"first_s": -0.1}])
def test_a_policy_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="1 attempt or more"):
        retry(failing(answer(200)), **change)


def test_no_key_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk_Canary9Wx8Yz7Ab6")
    said: list[str] = []
    error = httpx.ConnectError("gsk_Canary9Wx8Yz7Ab6", request=REQUEST)
    with pytest.raises(httpx.ConnectError):
        retry(failing(error), clock=Clock("2026-11-20"), attempts=2, tell=said.append)
    assert "Canary" not in "".join(said)


outcomes = st.one_of(
    st.builds(lambda s: answer(s), st.sampled_from([200, 400, 401, 404, 429, 500, 503, 529])),
    st.builds(lambda s, w: answer(s, retry_after=str(w)), st.sampled_from([429, 503]), st.integers(0, 90)),
    st.builds(lambda w: answer(429, retry_after_ms=str(w)), st.integers(0, 90_000)),
    st.sampled_from([httpx.ConnectError("x", request=REQUEST), httpx.ReadTimeout("x", request=REQUEST)]),
    st.just(answer(429, {"error": {"code": "insufficient_quota", "message": "quota"}})),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(outcomes, min_size=1, max_size=8),
    st.lists(st.floats(0, 30), min_size=9, max_size=9),
    st.integers(1, 8),
    st.floats(0, 120),
    st.floats(0, 1),
)
def test_no_run_breaks_the_policy(
    ends: list[Any], lasts_s: list[float], attempts: int, deadline_s: float, chance: float
) -> None:
    """Never beyond attempts or deadline, never again what must not be, never sooner than the answer asks."""
    clock = Clock("2026-11-20")
    began = clock.now().timestamp()
    starts: list[float] = []
    over: list[tuple[Any, float]] = []
    step = failing(*ends)

    def call() -> Any:
        starts.append(clock.now().timestamp() - began)
        clock.advance(lasts_s[len(starts) - 1])
        index = min(len(starts) - 1, len(ends) - 1)
        over.append((ends[index], clock.now().timestamp() - began))
        return step()

    try:
        retry(call, clock=clock, tell=None, chance=lambda: chance, attempts=attempts, deadline_s=deadline_s)
    except httpx.TransportError:
        pass
    assert len(starts) <= attempts
    assert all(start <= deadline_s + 1e-3 for start in starts[1:])
    for (outcome, ended), start in zip(over, starts[1:], strict=False):
        found = verdict(outcome)
        assert found.again
        assert start - ended >= (found.asked_s or 0) - 1e-3


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 18 Nov 2026 11:07:10 GMT"}, 30.0),
        ({"retry-after": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360.0),
        ({"x-ratelimit-reset-tokens": "7.66s", "x-ratelimit-remaining-tokens": "0"}, 7.66),
        ({"x-ratelimit-reset-requests": "120ms", "x-ratelimit-remaining-requests": "5"}, None),
        ({"x-ratelimit-reset": "1795000030000", "x-ratelimit-remaining": "0"}, 30.0),
        ({"x-ratelimit-reset": "1795000030", "x-ratelimit-remaining": "0"}, 30.0),
        (
            {
                "anthropic-ratelimit-requests-reset": "2026-11-18T11:07:10Z",
                "anthropic-ratelimit-requests-remaining": "0",
            },
            30.0,
        ),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    # 2026-11-18T11:06:40Z is NOW: a value from `date -u -d @1795000000`
    assert wait_asked_s(headers.items(), now_s=NOW) == (None if seconds is None else pytest.approx(seconds))


def test_of_two_exhausted_limits_the_longer_wait_counts() -> None:
    lines = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m",
    }
    assert wait_asked_s(lines.items(), now_s=NOW) == 60.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 20s.", 20.0),
        ("Please try again in 23m58.56s. Need more tokens?", 1438.56),
        ("Please retry after 86400 seconds.", 86400.0),
        ("Please try again in 810ms.", 0.81),
        ('{"retryDelay": "37s"}', 37.0),
        ('{"X-RateLimit-Reset": "1795000030000"}', 30.0),
        ("Please try again later.", None),
    ],
)
def test_a_wait_is_read_from_the_words(text: str, seconds: float | None) -> None:
    assert wait_asked_s([], text, now_s=NOW) == (None if seconds is None else pytest.approx(seconds))


def test_a_date_is_measured_by_the_answers_own_clock() -> None:
    from datetime import UTC, datetime

    lines = {
        "date": format_datetime(datetime.fromtimestamp(NOW - 1e6, UTC), usegmt=True),
        "retry-after": format_datetime(datetime.fromtimestamp(NOW - 1e6 + 45, UTC), usegmt=True),
    }
    assert wait_asked_s(lines.items()) == 45.0


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_waits(text: str) -> None:
    duration_s(text)
    found = wait_asked_s([("retry-after", text), ("x-ratelimit-reset", text), ("x-ratelimit-remaining", "0")], text)
    assert found is None or 0 <= found <= 366 * 86400


def test_the_wait_grows_and_is_bounded() -> None:
    policy = Policy(first_s=0.5, longest_s=8)
    assert [policy.wait_s(n, None, 1.0) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert policy.wait_s(10_000, None, 1.0) == 8


def test_a_bad_day_of_a_local_provider_is_survived_on_the_labs_clock(server: Any, call: Any) -> None:
    clock = Clock("2026-11-20")
    server.faults.add("groq", "overloaded", times=2)
    said: list[str] = []
    response = retry(lambda: call.post("groq", call.body("groq")), clock=clock, tell=said.append, deadline_s=600)
    assert response.status_code == 200, said
    assert len(said) == 3
