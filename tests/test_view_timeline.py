"""When what happened in a call, drawn from what was recorded, and 'not recorded' from anything else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from test_view import SAFE_TAGS, Seen

from labkit import show
from labkit.view.timeline import MOST_TICKS, NOT_RECORDED, steps_of, timeline_html, timeline_text
from labkit.wire import Exchange, ExchangeLog, RecordingTransport, Timings


def streamed(pieces: int = 5, **times: Any) -> Exchange:
    headers = {"content-type": "text/event-stream"}
    exchange = Exchange.of(httpx.Response(200, headers=headers, content=b"", request=httpx.Request("GET", "http://x/")))
    exchange.timings = Timings(**{"connect_s": 0.1, "tls_s": 0.1, "first_byte_s": 0.5, "total_s": 1.0, **times})
    part = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'
    exchange._parts = [(0.5 + 0.5 * n / pieces, part) for n in range(pieces)]
    return exchange


def test_a_stream_has_connect_tls_wait_tokens_and_end_in_order() -> None:
    steps = steps_of(streamed())
    assert [step.name for step in steps] == ["connect", "TLS", "wait", "tokens", "end"]
    assert [(step.start_s, step.end_s) for step in steps] == [(0, 0.1), (0.1, 0.2), (0.2, 0.5), (0.5, 1.0), (1.0, 1.0)]
    assert steps[3].remark == "5 pieces, the first text after 500 ms"


def test_bars_are_as_long_as_they_last() -> None:
    lines = timeline_text(streamed()).splitlines()
    assert [line.count("█") for line in lines] == [4, 4, 12, 20, 1]
    assert lines[3].index("█") - lines[0].index("█") == 20


def test_an_open_connection_has_no_connect_and_says_so() -> None:
    steps = steps_of(streamed(connect_s=None, tls_s=None, reused=True))
    assert [step.name for step in steps] == ["wait", "tokens", "end"]
    assert "on an open connection" in steps[0].remark


def test_what_broke_off_says_so() -> None:
    exchange = streamed()
    exchange.state = "cut"
    assert steps_of(exchange)[-1].remark == "broke off"


def test_a_response_of_another_client_has_none() -> None:
    other = httpx.Response(200, json={}, request=httpx.Request("POST", "http://127.0.0.1:1/x"))
    assert steps_of(Exchange.of(other)) == []
    assert timeline_text(Exchange.of(other)) == NOT_RECORDED
    assert NOT_RECORDED in str(show(other, timeline=True))


def test_the_html_is_inert_and_has_not_more_ticks_than_can_be_seen() -> None:
    html = timeline_html(streamed(pieces=1000))
    seen = Seen(html)
    assert seen.tags <= SAFE_TAGS
    assert seen.attributes <= {"style"}
    assert 20 <= html.count("width: 1px") <= MOST_TICKS


def test_a_call_of_the_labs_own_client_has_one(call: Any) -> None:
    transport = RecordingTransport(log=ExchangeLog())
    with httpx.Client(transport=transport, timeout=60) as client:
        url = call.server.provider_url("openai") + "/chat/completions"
        client.post(url, json=call.body("openai", stream=True), headers=call.headers("openai"))
    names = [step.name for step in steps_of(transport.log[0])]
    assert names == ["connect", "wait", "tokens", "end"]
    times = [step.end_s for step in steps_of(transport.log[0])]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "times", [{}, {"total_s": None}, {"first_byte_s": None}, {"total_s": 0.0, "first_byte_s": 0.0}]
)
def test_no_gap_in_the_record_breaks_the_drawing(times: dict[str, Any]) -> None:
    exchange = streamed(**times)
    assert timeline_text(exchange)
    assert timeline_html(exchange)
