"""Reading bodies, drawing ids, masking keys: the parts of the local providers that need no server."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.sim.access import masked, stranger
from labkit.sim.body import LIMIT_LEVELS, NotJson, end_of, read_json
from labkit.sim.draws import Ids, canonical, digest
from labkit.sim.engine import cut
from labkit.sim.refusal import fits, type_words

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_json_can_say_is_read_as_it_was_written(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        rb'["\ud800"]',
        b"[" * 100_000,
        b"[" * (LIMIT_LEVELS + 2) + b"]" * (LIMIT_LEVELS + 2),
        b"1" * 5000,
        b"{} {}",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_not_json_is_refused_with_a_place(data: bytes) -> None:
    with pytest.raises(NotJson) as caught:
        read_json(data)
    assert caught.value.line >= 1
    assert caught.value.column >= 0


@given(st.binary(max_size=60))
def test_any_bytes_are_either_read_or_refused(data: bytes) -> None:
    try:
        value = read_json(data)
    except NotJson:
        return
    json.dumps(value, ensure_ascii=False).encode("utf-8")


def test_a_key_given_twice_keeps_its_last_value() -> None:
    assert read_json(b'{"model": "a", "model": "b"}') == {"model": "b"}


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert read_json(rb'["\ud83d\ude00"]') == ["\U0001f600"]


def test_the_deepest_nesting_that_is_taken_is_serdes() -> None:
    # https://docs.rs/serde_json/latest/serde_json/struct.Deserializer.html#method.disable_recursion_limit
    assert LIMIT_LEVELS == 128
    read_json(b"[" * 128 + b"]" * 128)


def test_the_place_of_an_end_is_counted_in_lines_and_characters() -> None:
    assert end_of(b'{"a":\n "b"}\n') == (2, 5)
    assert end_of(b"{}") == (1, 2)


def test_ids_have_the_form_that_was_asked_for() -> None:
    ids = Ids(b"key")
    assert re.fullmatch(r"chatcmpl-[0-9A-Za-z]{29}", ids.form("chatcmpl-{base62:29}"))
    assert re.fullmatch(r"req_[0-9a-f]{32}", ids.form("req_{hex:32}"))
    assert re.fullmatch(r"[0-9a-f]{100}", ids.form("{hex:100}"))
    assert uuid.UUID(ids.form("{uuid}")).version == 4
    assert ids.form("plain {param}") == "plain {param}"


def test_the_same_key_draws_the_same_ids_and_never_one_twice() -> None:
    first, again = Ids(b"k"), Ids(b"k")
    drawn = [first.form("{hex:16}") for _ in range(50)]
    assert drawn == [again.form("{hex:16}") for _ in range(50)]
    assert len(set(drawn)) == 50


def test_a_digest_knows_where_one_part_ends() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_requests_that_mean_the_same_are_spelt_the_same() -> None:
    assert canonical({"a": 1, "b": [2, "é"]}) == canonical({"b": [2, "é"], "a": 1})


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=0, max_size=80))
def test_a_masked_key_shows_at_most_four_of_its_characters_in_a_row(secret: str) -> None:
    shown = masked("sk-" + secret)
    text = " ".join(shown.values())
    runs = {secret[i : i + 5] for i in range(max(0, len(secret) - 4))}
    assert not any(run in text for run in runs)


def test_the_lab_answers_under_its_own_names_only() -> None:
    for host in ("127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:80"):
        assert stranger({"host": host}) is None
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "", "[", "10.0.0.7"):
        assert stranger({"host": host}) is not None
    assert stranger({"host": "host.docker.internal:8765"}, ["host.docker.internal"]) is None


def test_a_page_of_another_origin_gets_nothing() -> None:
    here = {"host": "127.0.0.1:8765"}
    assert stranger({**here, "origin": "http://localhost:8888"}) is None
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "file://", "http://["):
        assert stranger({**here, "origin": origin}) is not None


def test_a_long_conversation_keeps_the_system_message_and_the_newest_whole_messages() -> None:
    start, system = 1, [0, 1, 7, 7]
    ids = [*system, 1, 4, 4, 4, 4, 1, 8, 8, 1, 9]
    assert cut(ids, system, 10, start) == [*system, 1, 8, 8, 1, 9]
    assert cut(ids, system, 6, start) == [0, 1, 7, 8, 1, 9]


@given(st.integers(2, 60), st.integers(0, 30), st.integers(0, 100))
def test_a_cut_conversation_always_fits_and_ends_as_it_did(room: int, system: int, rest: int) -> None:
    head = [0, *[7] * system]
    ids = [*head, *[1, 5] * rest, 1, 9]
    kept = cut(ids, head, room, 1)
    assert len(kept) <= room
    assert kept[-1] == 9


def test_types_are_told_apart_as_json_does() -> None:
    assert fits(1, ("number",))
    assert fits(1, ("integer",))
    assert not fits(1.0, ("integer",))
    assert not fits(True, ("integer", "number"))
    assert not fits(None, ("string",))
    assert fits({}, ())


def test_both_vocabularies_name_a_wrong_type() -> None:
    # https://github.com/pydantic/pydantic-ai/issues/2653 and https://github.com/tailcallhq/forgecode/issues/2008
    words = type_words([1], ("string",))
    assert (words["got"], words["expected"]) == ("an array", "a string")
    assert (words["serde_got"], words["serde_expected"]) == ("sequence", "a string")
    assert type_words("hot", ("number",))["serde_got"] == 'string "hot"'
    assert type_words(3, ("string", "array"))["expected"] == "one of a string or array"
