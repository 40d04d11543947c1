"""Server-sent events: the rules of the HTML standard, and the same events wherever the bytes are cut."""

from __future__ import annotations

import itertools

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import LabError
from labkit.wire.sse import Event, EventParser, events, sse_events, timed_events

STOCKS = b"data: YHOO\ndata: +2\ndata: 10\n\n"

# The worked examples of https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation:
# bytes, and what a browser hands out: (type, data, last event id).
STANDARD = [
    (STOCKS, [("message", "YHOO\n+2\n10", "")]),
    (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [("message", "first event", "1"), ("message", "second event", ""), ("message", " third event", "")],
    ),
    (b"data\n\ndata\ndata\n\ndata:", [("message", "", ""), ("message", "\n", "")]),
    (b"data:test\n\ndata: test\n\n", [("message", "test", ""), ("message", "test", "")]),
    (
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
        [("add", "73857293", ""), ("remove", "2153", "")],
    ),
]

pieces = st.sampled_from(
    [
        b"data", b"data: ", b"data:", b": keep-alive", b"event: ping", b"id: 7", b"id: a\0b", b"retry: 30", b"x", b":",
        b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", "é".encode(), "😀".encode(), "שלום".encode(), b"\xff",
        b"[DONE]",
    ]
)  # fmt: skip
streams = st.lists(pieces, max_size=30).map(b"".join) | st.binary(max_size=60)


def handed_out(data: bytes) -> list[tuple[str, str, str]]:
    return [(e.event, e.data, e.id) for e in sse_events([data]) if e.kind == "data"]


@pytest.mark.parametrize(("data", "expected"), STANDARD)
def test_the_standards_own_examples_come_out_as_it_says(data: bytes, expected: list[tuple[str, str, str]]) -> None:
    assert handed_out(data) == expected


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_counts_the_same(end: bytes) -> None:
    assert handed_out(STOCKS.replace(b"\n", end)) == handed_out(STOCKS)


def test_a_byte_order_mark_at_the_start_is_dropped_and_a_later_one_is_not() -> None:
    assert handed_out(b"\xef\xbb\xbf" + STOCKS) == handed_out(STOCKS)
    assert handed_out(b"\n\xef\xbb\xbfdata: x\n\n") == []


def test_the_last_id_stays_until_another_comes_and_one_with_a_null_is_ignored() -> None:
    stream = b"id: 1\ndata: a\n\ndata: b\n\nid: 2\x00\ndata: c\n\nid\ndata: d\n\n"
    assert [e.id for e in sse_events([stream])] == ["1", "1", "1", ""]


def test_what_a_browser_throws_away_comes_out_under_its_own_kind() -> None:
    stream = b": keep-alive\n\n\nretry: 10\n\ndata: x\n\ndata: cut"
    assert [e.kind for e in sse_events([stream])] == ["comment", "blank", "fields", "data", "unfinished"]
    assert next(sse_events([stream])).data == "keep-alive"


def test_a_field_called_like_a_kind_is_only_a_field() -> None:
    assert [e.kind for e in sse_events([b"unfinished: x\ndata: y\n\n"])] == ["data"]


def test_an_unfinished_end_keeps_what_had_come_of_it() -> None:
    *_, last = sse_events([b'data: {"a": 1}\n\ndata: {"b"'])
    assert (last.kind, last.data, last.raw) == ("unfinished", '{"b"', b'data: {"b"')


@given(data=streams, cuts=st.lists(st.integers(0, 200)))
def test_events_are_the_same_wherever_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    parts = [data[a:b] for a, b in itertools.pairwise(places)]
    whole = list(sse_events([data]))
    assert list(sse_events(parts)) == whole
    assert list(sse_events(bytes([b]) for b in data)) == whole


@given(data=streams)
def test_the_raw_bytes_of_all_events_joined_are_the_stream(data: bytes) -> None:
    assert b"".join(e.raw for e in sse_events([data])) == data


@given(data=st.text(max_size=40))
def test_text_sent_as_data_lines_comes_back_as_it_was(data: str) -> None:
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    stream = "".join(f"data: {line}\n" for line in lines).encode("utf-8", "replace") + b"\n"
    assert handed_out(stream) == [("message", "\n".join(lines).encode("utf-8", "replace").decode(), "")]


def test_an_event_is_handed_out_with_the_byte_that_completes_it() -> None:
    parser = EventParser()
    assert parser.feed(b"data: 1\n") == []
    assert [e.data for e in parser.feed(b"\n")] == ["1"]
    assert parser.close() == []


def test_a_long_line_in_many_small_parts_takes_no_longer_than_its_length_deserves() -> None:
    parser = EventParser()
    for _ in range(100_000):
        assert parser.feed(b"0123456789") == []
    assert parser._seen == 1_000_000  # what was searched once is not searched again
    assert [len(e.data) for e in parser.feed(b"\n\n")] == [0]


def test_events_reads_bytes_text_parts_and_responses_alike() -> None:
    expected = list(sse_events([STOCKS]))
    response = httpx.Response(200, content=STOCKS)
    streamed = httpx.Response(200, stream=httpx.ByteStream(STOCKS))
    for source in (STOCKS, STOCKS.decode(), bytearray(STOCKS), [STOCKS[:5], STOCKS[5:]], response, streamed):
        assert list(events(source)) == expected


def test_events_says_what_it_takes_when_given_something_else() -> None:
    with pytest.raises(LabError, match=r"cannot read a dict.*Give it a response, an exchange of lab\.log, or bytes"):
        events({"choices": []})


def test_timed_events_carry_the_time_of_the_part_that_completes_them() -> None:
    parts = [(0.1, b"data: a\n"), (0.2, b"\ndata: b\n\n"), (0.9, b"data: c")]
    assert [(t, e.data) for t, e in timed_events(parts)] == [(0.2, "a"), (0.2, "b"), (0.9, "c")]


def test_an_event_has_its_fields_in_sight() -> None:
    assert list(sse_events([b"event: ping\ndata: {}\n\n"])) == [
        Event(kind="data", data="{}", event="ping", id="", raw=b"event: ping\ndata: {}\n\n")
    ]
