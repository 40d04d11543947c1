"""`diff`: all that differs between two calls and nothing else, whatever is in them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_view import AWKWARD, SAFE_TAGS, Seen

import labkit
from labkit import diff, facts
from labkit.clock import Clock
from labkit.cost import shown_usd, usage_usd
from labkit.errors import LabError
from labkit.wire import Exchange

FACTS = facts.load()


def call(sent: Any, answer: Any = None, status: int = 200, provider: str = "openai", **headers: str) -> Exchange:
    request = httpx.Request("POST", f"http://127.0.0.1:8765/{provider}/chat/completions", json=sent, headers=headers)
    marks = {"x-lab-provider": provider, "x-lab-model": "lab-chat"}
    return Exchange.of(httpx.Response(status, json=answer or {}, headers=marks, request=request))


def test_the_same_call_twice_differs_in_nothing() -> None:
    one, other = call({"model": "m"}), call({"model": "m"})
    assert len(diff(one, other)) == 0
    assert "Nothing that was recorded differs." in str(diff(one, other))
    assert "Nothing that was recorded differs" in diff(one, other)._repr_html_()


def test_each_leaf_of_the_request_is_told_as_changed_added_or_gone() -> None:
    one = call({"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "Hi"}], "stop": ["a"]})
    other = call({"model": "m", "temperature": 1, "messages": [{"role": "user", "content": "Ho"}], "seed": 7})
    found = {d.what: (d.kind, d.a, d.b) for d in diff(one, other) if d.part == "request"}
    assert found == {
        "temperature": ("changed", "0", "1"),
        "messages[0].content": ("changed", '"Hi"', '"Ho"'),
        "stop[0]": ("only in a", '"a"', "–"),
        "seed": ("only in b", "–", "7"),
    }


def test_headers_status_usage_bytes_and_cost_are_compared() -> None:
    model = FACTS["openai"].model("chat")
    usages = [{"prompt_tokens": 10, "completion_tokens": n, "total_tokens": 10 + n} for n in (5, 500)]
    one = call({"model": model.id}, {"usage": usages[0]}, **{"x-title": "first"})
    other = call({"model": model.id}, {"usage": usages[1]}, status=400, **{"x-title": "second"})
    found = {(d.part, d.what): (d.a, d.b) for d in diff(one, other, facts=FACTS)}
    assert found["request headers", "x-title"] == ("first", "second")
    assert found["status", "status"] == ("200", "400")
    assert found["usage", "completion_tokens"] == ("5", "500")
    lengths = [json.dumps({"usage": usage}, separators=(",", ":")) for usage in usages]
    assert found["measures", "bytes received"] == tuple(str(len(text)) for text in lengths)
    clock = Clock(FACTS.moment)
    prices = tuple(shown_usd(usage_usd(model, usage, clock)) for usage in usages)
    assert found["measures", "cost at the provider's price"] == prices


def test_what_differs_in_every_call_is_left_out() -> None:
    one, other = call({"model": "m"}), call({"model": "m"})
    for number, each in enumerate((one, other)):
        lines = [*each.response.headers, ("date", str(number)), ("x-request-id", f"r-{number}")]
        each.response = type(each.response)(200, "OK", "HTTP/1.1", type(each.response.headers)(lines), b"{}")
    assert len(diff(one, other)) == 0


def test_a_failed_call_can_be_compared_with_one_that_was_answered() -> None:
    request = httpx.Request("POST", "http://127.0.0.1:8765/openai/chat/completions", json={"model": "m"})
    failed = httpx.ReadTimeout("slow", request=request)
    found = {d.what: d.b for d in diff(call({"model": "m"}), failed) if d.part == "status"}
    assert found["status"] == "no answer"
    assert found["error"].startswith("ReadTimeout")


def test_what_is_no_call_is_refused() -> None:
    with pytest.raises(LabError, match="no HTTP exchange"):
        diff(call({}), {"not": "a call"})


def test_it_is_a_name_of_the_package() -> None:
    assert "diff" in labkit.__all__
    assert labkit.diff is diff


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_texts_stay_inert_in_both_forms(text: str) -> None:
    body = {"content": text.encode("utf-8", "replace").decode()}
    view = diff(call({"model": "m"}, body), call({**body, "model": "m"}, {"content": 1}))
    seen = Seen(view._repr_html_())
    assert seen.tags <= SAFE_TAGS
    assert seen.attributes <= {"style"}
    assert not {"\x1b", "\u202e"} & set(str(view) + view._repr_html_())
    assert len(str(view)) < 20_000


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None)
@example(a={}, b={"": {}})
@example(a={"a.b": 1}, b={"a": {"b": 1}})
@example(a={"a[0]": 1}, b={"a": [1]})
@given(a=st.dictionaries(st.text(max_size=3), values), b=st.dictionaries(st.text(max_size=3), values))
def test_no_difference_is_lost_and_none_is_made_up(a: Any, b: Any) -> None:
    found = [d for d in diff(call(a), call(b)) if d.part == "request"]
    assert bool(found) == (json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True))
