"""Faults on demand: each kind as a caller meets it, from Python, by header and at the lab's own path."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from conftest import Caller
from labkit import facts
from labkit.clock import Clock
from labkit.errors import ParameterError
from labkit.sim import LocalServer
from labkit.sim.faults import KINDS, read_header

VERSION = {"anthropic-version": "2023-06-01"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_time",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def failing(call: Caller) -> Iterator[Any]:
    """A request with an x-lab-fault header."""

    def post(fault: str, provider: str = "openai", **fields: Any) -> httpx.Response:
        body = call.body(provider, "Tell me a story", **{"max_tokens": 12, **fields})
        return call.post(provider, body, headers={**call.headers(provider), "x-lab-fault": fault})

    yield post
    call.server.reset(clock=Clock(facts.course_moment()))


def events(response: httpx.Response) -> list[str]:
    return [event for event in response.text.split("\n\n") if event]


def text_of(response: httpx.Response) -> str:
    data = [json.loads(e.removeprefix("data: ")) for e in events(response) if e.startswith("data: {")]
    return "".join(c["delta"].get("content") or "" for chunk in data for c in chunk.get("choices", ()))


# --- instead of an answer: status and body as the providers send them, copied by hand from what is known of them -----


@pytest.mark.parametrize(
    ("provider", "fault", "status", "words"),
    [
        ("openai", "rate_limit", 429, '"code":"rate_limit_exceeded"'),
        ("openai", "no_credit", 429, '"type":"insufficient_quota","param":null,"code":"insufficient_quota"'),
        ("openai", "server_error", 500, '"type":"server_error"'),
        ("openai", "overloaded", 503, '"code":"server_is_overloaded"'),
        (
            "deepseek",
            "rate_limit",
            429,
            "Your current concurrency is 2501, which exceeds your concurrency limit of 2500",
        ),
        ("deepseek", "no_credit", 402, '{"error":{"message":"Insufficient Balance","type":"unknown_error"'),
        ("deepseek", "overloaded", 503, '"error"'),
        ("mistral", "rate_limit", 429, '"type":"rate_limited","param":null,"code":"1300"'),
        ("mistral", "capacity", 429, '"type":"service_tier_capacity_exceeded","param":null,"code":"3505"'),
        ("groq", "rate_limit", 429, "on tokens per minute (TPM): Limit 250000, Used 250000, Requested 1."),
        ("groq", "no_credit", 400, '"code":"blocked_api_access"'),
        ("groq", "capacity", 498, "Flex Tier Capacity Exceeded"),
        ("groq", "overloaded", 503, "is currently over capacity"),
        ("mistral", "overloaded", 503, '"code":"3505"'),
        ("openrouter", "no_credit", 402, "This request requires more credits, or fewer max_tokens."),
        ("openrouter", "rate_limit", 429, '{"error":{"message":"Rate limit exceeded: free-models-per-day.'),
        ("openrouter", "bad_gateway", 502, '{"error":{"code":502,'),
        (
            "fireworks",
            "rate_limit",
            429,
            '{"error":"Too Many Requests","message":"You have exceeded your usage limits.',
        ),
        ("fireworks", "no_credit", 402, '"error"'),
        ("fireworks", "suspended", 412, '"error"'),
        ("fireworks", "overloaded", 503, '"error"'),
        ("anthropic", "overloaded", 529, '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}'),
        ("anthropic", "rate_limit", 429, '"type":"rate_limit_error"'),
        ("anthropic", "no_credit", 400, "Your credit balance is too low to access the Anthropic API."),
    ],
)
def test_a_failing_provider_uses_its_own_words(
    failing: Any, provider: str, fault: str, status: int, words: str
) -> None:
    response = failing(fault, provider)
    assert response.status_code == status
    assert words in response.text
    assert response.headers["x-lab-fault"] == fault


@pytest.mark.parametrize("provider", list(facts.load()))
def test_every_case_that_replaces_an_answer_is_sent_whole(failing: Any, call: Caller, provider: str) -> None:
    known = call.server.facts[provider]
    for kind, about in KINDS.items():
        if about.level != "instead" or kind not in known.errors:
            continue
        response = failing(kind, provider)
        assert response.status_code == known.errors[kind].status
        assert "{" not in response.text.replace('{"', "").replace("{}", ""), f"a word of {kind} is not filled"


@pytest.mark.parametrize("provider", list(facts.load()))
@pytest.mark.parametrize(("fault", "status", "title"), [("bad_gateway", 502, "502 Bad Gateway")])
def test_a_proxy_answers_with_a_page_and_without_the_providers_headers(
    failing: Any, call: Caller, provider: str, fault: str, status: int, title: str
) -> None:
    if fault in call.server.facts[provider].errors:
        assert failing(fault, provider).status_code == call.server.facts[provider].errors[fault].status
        return
    response = failing(fault, provider)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html"
    assert response.headers["server"] == "nginx"
    assert f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>" in response.text
    assert "x-request-id" not in response.headers


def test_a_rate_limit_names_its_wait_and_its_headers_agree(failing: Any) -> None:
    response = failing("rate_limit; wait_s=7.5")
    assert "Please try again in 7.5s." in response.text
    assert response.headers["retry-after"] == "8"
    assert response.headers["retry-after-ms"] == "7500"
    assert response.headers["x-ratelimit-remaining-tokens"] == "0"
    assert response.headers["x-ratelimit-reset-tokens"] == "7.5s"


def test_a_redirect_leads_back_here_and_followed_with_its_body_it_works(failing: Any, call: Caller) -> None:
    response = failing("redirect")
    assert response.status_code == 308
    assert response.headers["location"] == call.server.provider_url("openai") + "/chat/completions"
    call.server.faults.add("openai", "redirect", times=1)
    followed = call.post("openai", call.body("openai", max_tokens=1), follow_redirects=True)
    assert [hop.status_code for hop in followed.history] == [308]
    assert followed.status_code == 200


def test_a_301_turns_the_post_into_a_get(failing: Any, call: Caller) -> None:
    call.server.faults.add("openai", "redirect", status=301, times=1)
    followed = call.post("openai", call.body("openai", max_tokens=1), follow_redirects=True)
    assert followed.request.method == "GET"
    assert followed.status_code == 405


# --- an answer that goes wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_first_byte_runs_into_the_callers_timeout(call: Caller, failing: Any, stream: bool) -> None:
    call.server.faults.add("openai", "slow_first_byte", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        call.post("openai", call.body("openai", max_tokens=2, stream=stream), timeout=0.3)
    call.server.faults.clear()
    assert call.post("openai", call.body("openai", max_tokens=2, stream=stream), timeout=30).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_first_byte_comes_in_the_end(failing: Any, stream: bool) -> None:
    assert failing("slow_first_byte; seconds=0.05", stream=stream).status_code == 200


def test_a_stall_in_a_stream_comes_after_some_pieces(call: Caller, failing: Any) -> None:
    url, headers = call.server.provider_url("openai") + "/chat/completions", call.headers("openai")
    headers["x-lab-fault"] = "stall; after=3; seconds=30"
    body, got = call.body("openai", "Tell me a story", stream=True, max_tokens=12), list[bytes]()

    def read() -> None:
        with call.http.stream("POST", url, headers=headers, json=body, timeout=httpx.Timeout(30, read=3)) as response:
            for part in response.iter_bytes():
                got.append(part)

    with pytest.raises(httpx.ReadTimeout):
        read()
    assert b"".join(got).count(b"\n\n") == 3


def test_after_a_short_stall_the_rest_comes(failing: Any) -> None:
    response = failing("stall; after=2; seconds=0.05", stream=True)
    assert events(response)[-1] == "data: [DONE]"
    assert json.loads(failing("stall; seconds=0.05").content)["choices"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["cut", "cut; after=0", "cut; after=5"])
def test_a_cut_answer_ends_without_its_end(failing: Any, fault: str, stream: bool) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection without sending complete message body"):
        failing(fault, stream=stream)


@pytest.mark.parametrize(("fault", "stream"), [("reset", False), ("reset", True), ("reset; after=3", True)])
def test_a_reset_connection_is_reset_by_the_peer(failing: Any, fault: str, stream: bool) -> None:
    with pytest.raises(httpx.ReadError) as caught:
        failing(fault, stream=stream)
    cause: BaseException | None = caught.value
    while cause is not None and not isinstance(cause, ConnectionResetError):
        cause = cause.__cause__ or cause.__context__
    assert isinstance(cause, ConnectionResetError)


def test_truncated_json_arrives_whole_and_does_not_parse(failing: Any) -> None:
    response = failing("truncated_json")
    assert response.status_code == 200
    assert len(response.content) == int(response.headers["content-length"])
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_truncated_json_in_a_stream_is_one_event(failing: Any) -> None:
    bad = []
    found = events(failing("truncated_json; after=2", stream=True))
    for number, event in enumerate(found[:-1]):
        try:
            json.loads(event.removeprefix("data: "))
        except json.JSONDecodeError:
            bad.append(number)
    assert bad == [2]
    assert found[-1] == "data: [DONE]"


def test_an_error_event_stands_in_a_200(failing: Any) -> None:
    response = failing("error_event; after=2", stream=True)
    assert response.status_code == 200
    found = events(response)
    assert len(found) == 3
    assert "error" in json.loads(found[-1].removeprefix("data: "))
    assert "error" in failing("error_event").json()


def test_the_content_filter_cuts_the_answer(failing: Any) -> None:
    whole = failing("content_filter").json()["choices"][0]
    assert whole["finish_reason"] == "content_filter"
    response = failing("content_filter; after=3", stream=True)
    data = [json.loads(e.removeprefix("data: ")) for e in events(response)[:-1]]
    assert [c["finish_reason"] for chunk in data for c in chunk["choices"]] == [None, None, None, "content_filter"]
    assert events(response)[-1] == "data: [DONE]"


def test_an_empty_choice_has_no_text_and_no_choices_has_no_choice(failing: Any) -> None:
    assert failing("empty_choice").json()["choices"][0]["message"]["content"] == ""
    assert text_of(failing("empty_choice", stream=True)) == ""
    assert failing("no_choices").json()["choices"] == []
    assert "finish_reason" not in failing("no_choices", stream=True).text


@pytest.mark.parametrize("tools", [[], [TOOL]])
def test_a_malformed_tool_call_has_arguments_that_do_not_parse(failing: Any, tools: list[Any]) -> None:
    offered = {"tools": tools} if tools else {}
    choice = failing("malformed_tool_call", **offered).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    made = choice["message"]["tool_calls"][0]["function"]
    assert made["name"] == ("get_time" if tools else "get_weather")
    with pytest.raises(json.JSONDecodeError):
        json.loads(made["arguments"])


def test_a_malformed_tool_call_is_streamed_as_calls_are(failing: Any, call: Caller) -> None:
    key, url = call.server.facts["openai"].key.local, call.server.provider_url("openai")
    with openai.OpenAI(api_key=key, base_url=url, max_retries=0) as client:
        chunks = list(
            client.chat.completions.create(
                model="gpt-4.1-mini",
                messages=[{"role": "user", "content": "What time is it?"}],
                tools=[TOOL],  # type: ignore[list-item]
                stream=True,
                extra_headers={"x-lab-fault": "malformed_tool_call"},
            )
        )
    deltas = [c.delta.tool_calls[0] for chunk in chunks for c in chunk.choices if c.delta.tool_calls]
    assert deltas[0].function is not None
    assert deltas[0].function.name == "get_time"
    text = "".join(d.function.arguments or "" for d in deltas if d.function)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


@pytest.mark.parametrize(
    ("fault", "reason", "kinds"),
    [
        ("content_filter", "refusal", None),
        ("malformed_tool_call", "tool_use", ["tool_use"]),
        ("empty_choice", "end_turn", []),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_answers_go_wrong_in_its_own_form(
    call: Caller, failing: Any, fault: str, reason: str, kinds: list[str] | None, stream: bool
) -> None:
    import anthropic

    key, url = call.server.facts["anthropic"].key.local, call.server.sdk_url("anthropic")
    asked: Any = {
        "model": call.server.facts["anthropic"].model("chat").id,
        "max_tokens": 12,
        "messages": [{"role": "user", "content": "Tell me a story"}],
        "extra_headers": {"x-lab-fault": fault},
    }
    with anthropic.Anthropic(api_key=key, base_url=url, max_retries=0, default_headers=VERSION) as client:
        if stream:
            found = list(client.messages.create(**asked, stream=True))
            assert found[-1].type == "message_stop"
            assert [e.delta.stop_reason for e in found if e.type == "message_delta"] == [reason]
            blocks = [e.content_block.type for e in found if e.type == "content_block_start"]
        else:
            answer = client.messages.create(**asked)
            assert answer.stop_reason == reason
            blocks = [block.type for block in answer.content]
        assert kinds is None or blocks == kinds  # the filter cuts what is there: working or text


def test_anthropics_error_event_is_raised_by_its_sdk(call: Caller, failing: Any) -> None:
    import anthropic

    key, url = call.server.facts["anthropic"].key.local, call.server.sdk_url("anthropic")
    model = call.server.facts["anthropic"].model("chat").id
    with anthropic.Anthropic(api_key=key, base_url=url, max_retries=0, default_headers=VERSION) as client:
        stream = client.messages.create(
            model=model,
            max_tokens=12,
            messages=[{"role": "user", "content": "Tell me a story"}],
            stream=True,
            extra_headers={"x-lab-fault": "error_event; after=3"},
        )
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            list(stream)


# --- addresses that fail --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "inner"),
    [("refused", ConnectionRefusedError), ("tls", None), ("unknown_host", socket.gaierror)],
)
def test_an_address_fails_in_the_systems_own_way(
    call: Caller, failing: Any, fault: str, inner: type[BaseException] | None
) -> None:
    before = call.server.provider_url("openai")
    with call.server.faults.add("openai", fault):
        url = call.server.provider_url("openai")
        assert url != before
        assert url.endswith("/openai/v1")
        with pytest.raises(httpx.ConnectError) as caught:
            httpx.get(url + "/models", timeout=20, trust_env=False)
        if inner is None:
            assert "SSL" in str(caught.value)
        else:
            cause: BaseException | None = caught.value
            while cause is not None and not isinstance(cause, inner):
                cause = cause.__cause__ or cause.__context__
            assert isinstance(cause, inner)
    assert call.server.provider_url("openai") == before
    assert call.server.provider_url("deepseek") != url


def test_an_address_fault_cannot_come_in_a_header(failing: Any) -> None:
    response = failing("refused")
    assert response.status_code == 400
    assert "happens before a header can be sent" in response.text
    assert "/_lab/faults" in response.text


# --- how often --------------------------------------------------------------------------------------------------


def test_a_fault_happens_so_often_and_is_then_over(call: Caller, failing: Any) -> None:
    fault = call.server.faults.add("openai", "overloaded", times=2)
    statuses = [call.post("openai", call.body("openai", max_tokens=1)).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert fault.used == 2
    assert call.server.faults.in_force() == []


def test_a_fault_ends_with_its_block_and_the_newest_goes_first(call: Caller, failing: Any) -> None:
    def status(provider: str = "openai") -> int:
        return call.post(provider, call.body(provider, max_tokens=1)).status_code

    with call.server.faults.add("openai", "overloaded"):
        assert status() == 503
        with call.server.faults.add("openai", "server_error", times=1):
            assert [status(), status()] == [500, 503]
        assert status("deepseek") == 200, "another provider's affair"
        assert [f.kind for f in call.server.faults] == ["overloaded"]
    assert status() == 200


def test_a_fault_lasts_so_long_by_the_labs_clock(call: Caller, failing: Any) -> None:
    clock = Clock(facts.course_moment())
    call.server.reset(clock=clock)
    call.server.faults.add("openai", "overloaded", lasts_s=30)
    body = call.body("openai", max_tokens=1)
    assert call.post("openai", body).status_code == 503
    clock.advance(29)
    assert call.post("openai", body).status_code == 503
    clock.advance(1)
    assert call.post("openai", body).status_code == 200


def test_the_headers_times_are_counted_for_the_same_request(failing: Any) -> None:
    again = [failing("overloaded; times=2", temperature=1).status_code for _ in range(4)]
    other = failing("overloaded; times=2", temperature=0).status_code
    assert again == [503, 503, 200, 503]
    assert other == 503


def test_a_fault_of_answers_waits_for_an_answer(call: Caller, failing: Any) -> None:
    fault = call.server.faults.add("openai", "cut", times=1)
    assert call.post("openai", b"{").status_code == 400
    assert call.get("openai", "/models").status_code == 200
    assert fault.used == 0
    with pytest.raises(httpx.RemoteProtocolError):
        call.post("openai", call.body("openai", max_tokens=2))


def test_a_fault_is_in_the_servers_log(call: Caller, failing: Any) -> None:
    failing("overloaded")
    failing("truncated_json")
    call.chat("openai", max_tokens=1)
    assert [(record.fault, record.status) for record in call.server.log] == [
        ("overloaded", 503),
        ("truncated_json", 200),
        (None, 200),
    ]


def test_reset_ends_all_faults(call: Caller, failing: Any) -> None:
    call.server.faults.add("openai", "overloaded")
    call.server.reset()
    assert call.server.faults.in_force() == []


def test_the_model_stops_when_its_stream_is_cut(call: Caller, failing: Any) -> None:
    for _ in range(5):
        with pytest.raises(httpx.RemoteProtocolError):
            failing("cut; after=1", stream=True, max_tokens=500)
    for _ in range(200):
        if call.server.busy == 0:
            break
        asyncio.run(asyncio.sleep(0.02))
    assert call.server.busy == 0


# --- what cannot be -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("overlaoded", "Did you mean 'overloaded'?"),
        ("stall; after", "says nothing"),
        ("stall; afterwards=3", "stall takes no 'afterwards'. It takes after, seconds."),
        ("stall; after=x", "after='x' cannot be"),
        ("stall; after=-1", "after=-1 cannot be"),
        ("redirect; status=200", "200 is no redirect"),
        ("cut; times=0", "times=0 is not how often"),
        ("cut; times=often", "times=often is not how often"),
        ("stall; seconds=nan", "seconds=nan cannot be"),
        ("", "no fault is called ''"),
        ("capacity", "how OpenAI answers then is not known"),
    ],
)
def test_a_header_that_cannot_be_meant_is_answered_by_the_lab(failing: Any, header: str, words: str) -> None:
    response = failing(header)
    assert response.status_code == 400
    assert response.headers["content-type"].startswith("text/plain")
    assert words in response.text


def test_python_is_told_the_same() -> None:
    with LocalServer(facts.load()) as server:
        with pytest.raises(ParameterError, match="Did you mean 'overloaded'"):
            server.faults.add("openai", "overlaoded")
        with pytest.raises(ParameterError, match="0 is not how often"):
            server.faults.add("openai", "cut", times=0)
        with pytest.raises(ParameterError, match="are no seconds"):
            server.faults.add("openai", "cut", lasts_s=-1)


def test_ollama_has_no_content_filter_and_says_busy_in_the_form_of_the_path(call: Caller, failing: Any) -> None:
    assert "Ollama has no content filter" in failing("content_filter", "ollama").text
    asked = {"model": call.server.facts["ollama"].model("chat").id, "messages": [{"role": "user", "content": "Hi"}]}
    busy = {"x-lab-fault": "overloaded"}
    native = call.http.post(call.server.url + "/ollama/api/chat", json=asked, headers=busy)
    other = call.http.post(call.server.url + "/ollama/v1/chat/completions", json=asked, headers=busy)
    words = "server busy, please try again.  maximum pending requests exceeded"
    assert (native.status_code, native.json()) == (503, {"error": words})
    assert (other.status_code, other.json()["error"]["message"]) == (503, words)


@pytest.mark.parametrize("fault", ["error_event; after=2", "malformed_tool_call", "empty_choice"])
def test_ollamas_own_stream_goes_wrong_by_the_line(call: Caller, failing: Any, fault: str) -> None:
    asked = {"model": call.server.facts["ollama"].model("chat").id, "messages": [{"role": "user", "content": "Hi"}]}
    asked["options"] = {"num_predict": 6}
    answer = call.http.post(call.server.url + "/ollama/api/chat", json=asked, headers={"x-lab-fault": fault})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    if fault.startswith("error"):
        assert [list(line) for line in lines[2:]] == [["error"]]
        return
    assert "".join(line["message"]["content"] for line in lines) == ""
    assert [line["done"] for line in lines] == ([False, True] if fault.startswith("mal") else [True])
    if fault.startswith("mal"):
        assert lines[0]["message"]["tool_calls"] == [{"function": {"name": "get_weather", "arguments": {}}}]


def test_a_header_is_read() -> None:
    assert read_header("rate_limit") == ("rate_limit", None, {})
    assert read_header("stall; after=2; seconds=0.5; times=1") == ("stall", 1, {"after": 2, "seconds": 0.5})


# --- the lab's own path -------------------------------------------------------------------------------------------


def test_the_labs_path_lists_what_there_is(call: Caller, failing: Any) -> None:
    about = call.http.get(call.server.url + "/_lab").json()
    assert set(about) == {"moment", "faults", "kinds", "accounts"}
    assert about["moment"] == "2026-11-20T12:00:00+00:00"
    assert set(about["kinds"]) == set(KINDS)
    assert about["accounts"]["openai"] == {"tier": "tier 5", "credit_usd": None}


def test_a_fault_is_asked_for_and_ended_at_the_labs_path(call: Caller, failing: Any) -> None:
    url = call.server.url + "/_lab/faults"
    made = call.http.post(url, json={"provider": "openai", "kind": "overloaded", "times": 3})
    assert made.status_code == 201
    assert made.json()["left"] == 3
    assert call.post("openai", call.body("openai")).status_code == 503
    assert call.http.get(url).json()["faults"][0]["used"] == 1
    assert call.http.delete(f"{url}/{made.json()['number']}").status_code == 200
    assert call.http.delete(f"{url}/99").status_code == 404
    assert call.post("openai", call.body("openai", max_tokens=1)).status_code == 200
    call.http.post(url, json={"provider": "openai", "kind": "cut"})
    assert call.http.delete(url).json() == {"faults": []}


def test_an_address_fault_names_the_address_that_fails(call: Caller, failing: Any) -> None:
    fault = {"provider": "openai", "kind": "refused"}
    made = call.http.post(call.server.url + "/_lab/faults", json=fault).json()
    with pytest.raises(httpx.ConnectError):
        call.http.get(made["base_url"] + "/models")


def test_clock_and_accounts_are_moved_at_the_labs_path(call: Caller, failing: Any) -> None:
    url = call.server.url + "/_lab"
    call.server.reset(clock=Clock(facts.course_moment()))
    assert call.http.post(url + "/accounts", json={"provider": "openai", "tier": "free"}).status_code == 200
    statuses = [call.post("openai", call.body("openai", max_tokens=1)).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert call.http.post(url + "/clock", json={"advance_s": 20}).json() == {"moment": "2026-11-20T12:00:20+00:00"}
    assert call.post("openai", call.body("openai", max_tokens=1)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/faults", b"{", 400, "not JSON"),
        ("POST", "/faults", b"[]", 400, "not a JSON object"),
        ("POST", "/faults", b"{}", 400, "`provider` is missing"),
        ("POST", "/faults", b'{"provider":"opnai","kind":"cut"}', 400, "Did you mean 'openai'?"),
        ("POST", "/faults", b'{"provider":"openai","kind":"ctu"}', 400, "Did you mean 'cut'?"),
        ("POST", "/faults", b'{"provider":"openai","kind":"cut","self":1}', 400, "cut takes no 'self'"),
        ("POST", "/faults", b'{"provider":"openai","kind":"cut","times":"2"}', 400, "is not how often"),
        ("POST", "/clock", b'{"advance_s":-1}', 400, "not a number of seconds"),
        ("POST", "/clock", b'{"advance_s":true}', 400, "not a number of seconds"),
        ("POST", "/clock", b'{"to":1}', 400, "`to` says nothing here"),
        ("POST", "/accounts", b'{"provider":"openai","tier":3}', 400, "no account tier"),
        ("POST", "/accounts", b'{"provider":"openai","credit_usd":"much"}', 400, "is not an amount"),
        ("GET", "/nothing", b"", 404, "/_lab/faults"),
        ("PUT", "/faults", b"{}", 404, "There is nothing at PUT"),
    ],
)
def test_what_the_labs_path_does_not_take(
    call: Caller, failing: Any, method: str, path: str, body: bytes, status: int, words: str
) -> None:
    response = call.http.request(method, call.server.url + "/_lab" + path, content=body)
    assert response.status_code == status
    assert words in response.text


def test_the_labs_path_answers_this_machine_alone() -> None:
    with LocalServer(facts.load(), allow_hosts=["host.docker.internal"]) as server:
        url = server.url + "/_lab/faults"
        for headers in ({"Host": "host.docker.internal"}, {"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            assert httpx.get(url, headers=headers).status_code == 403
            assert httpx.delete(url, headers=headers).status_code == 403
        assert httpx.get(url).status_code == 200


# --- the SDK's error classes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limit", openai.RateLimitError),
        ("no_credit", openai.RateLimitError),
        ("server_error", openai.InternalServerError),
        ("bad_gateway", openai.InternalServerError),
        ("overloaded", openai.InternalServerError),
        ("cut", openai.APIConnectionError),
        ("reset", openai.APIConnectionError),
        ("slow_first_byte; seconds=20", openai.APITimeoutError),
    ],
)
def test_the_sdk_raises_its_own_error(call: Caller, failing: Any, fault: str, error: type[Exception]) -> None:
    key, url = call.server.facts["openai"].key.local, call.server.provider_url("openai")
    with (
        openai.OpenAI(api_key=key, base_url=url, max_retries=0, timeout=0.5 if "slow" in fault else 20) as client,
        pytest.raises(error),
    ):
        client.chat.completions.create(
            model="gpt-4.1-mini",
            messages=[{"role": "user", "content": "Hello"}],
            max_tokens=1,
            extra_headers={"x-lab-fault": fault},
        )


@pytest.mark.parametrize("fault", ["refused", "unknown_host", "tls"])
def test_the_sdk_cannot_connect(call: Caller, failing: Any, fault: str) -> None:
    key = call.server.facts["openai"].key.local
    with (
        call.server.faults.add("openai", fault),
        openai.OpenAI(api_key=key, base_url=call.server.provider_url("openai"), max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.models.list()


def test_the_sdk_tries_again_and_succeeds(call: Caller, failing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.time.sleep", lambda _: None)
    call.server.faults.add("openai", "overloaded", times=1)
    call.server.faults.add("openai", "reset", times=1)
    call.server.faults.add("openai", "rate_limit", times=1)
    key, url = call.server.facts["openai"].key.local, call.server.provider_url("openai")
    with openai.OpenAI(api_key=key, base_url=url, max_retries=3) as client:
        answer = client.chat.completions.create(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": "Hello"}], max_tokens=1
        )
    assert answer.choices
    assert [record.fault for record in call.server.log] == ["rate_limit", "overloaded", "reset", None]


def test_an_error_inside_a_stream_is_raised_by_the_sdk(call: Caller, failing: Any) -> None:
    key, url = call.server.facts["openai"].key.local, call.server.provider_url("openai")
    with openai.OpenAI(api_key=key, base_url=url, max_retries=0) as client:
        stream = client.chat.completions.create(
            model="gpt-4.1-mini",
            messages=[{"role": "user", "content": "Hello"}],
            stream=True,
            extra_headers={"x-lab-fault": "error_event; after=1"},
        )
        with pytest.raises(openai.APIError, match="The server had an error"):
            list(stream)
