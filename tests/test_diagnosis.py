"""`diagnose`: every rule by its case, the list of public failures, what it says, and what it never does."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import facts
from labkit.diagnosis import codes, diagnose
from labkit.diagnosis.cases import exchange_of_case
from labkit.diagnosis.reading import read
from labkit.diagnosis.rules import Rule, rules
from labkit.errors import LabError, ParameterError
from labkit.yamls import read_yaml

FACTS = facts.load()
DATA = Path(__file__).parent / "data"
PUBLIC = read_yaml(DATA / "public_failures.yaml").data
REPORTED = read_yaml(DATA / "reported_failures.yaml").data
WIDER = read_yaml(DATA / "wider_failures.yaml").data
AWKWARD = ["", "{", "null", "[]", "\x1b[31m", "<script>alert(1)</script>", "\u202eabc", "429", "{'error': ", "🙂" * 50]


def found_for(case: dict[str, Any]) -> Any:
    return diagnose(exchange_of_case(case), facts=FACTS)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_a_rule_is_first_for_its_own_case(rule: Rule) -> None:
    found = found_for(rule.case)
    assert found.first is not None, found
    assert found.first.id == rule.id, found
    assert found.first.evidence or "error" in rule.case
    assert found.first.confirm
    assert found.first.fix


def half_of(row: dict[str, Any]) -> int:
    """1 for the half that no rule may be tuned on: the last bit of the source's SHA-256."""
    return 0 if row.get("tuned") else hashlib.sha256(row["source"].encode()).digest()[-1] & 1


PARTS = {
    "public": [*PUBLIC["looked_at"], *PUBLIC["put_aside"]],
    "reported, tuned": [row for row in REPORTED if half_of(row) == 0],
    "reported, unseen": [row for row in REPORTED if half_of(row) == 1],
    "wider, tuned": [row for row in WIDER if half_of(row) == 0],
    "wider, unseen": [row for row in WIDER if half_of(row) == 1],
}


@pytest.mark.parametrize("part", PARTS)
def test_nine_of_ten_reported_failures_are_named_and_hardly_one_is_named_wrongly(part: str) -> None:
    rows = PARTS[part]
    assert len(rows) >= 70
    right = wrong = sure = 0
    for row in rows:
        first = found_for(row["case"]).first
        good = (first.id if first else "unknown") in row["is"]
        right += good
        sure += good and first is not None and first.points >= 75
        wrong += not good and first is not None and first.points >= 75
    assert right >= 0.9 * len(rows)
    assert wrong <= 0.01 * len(rows)
    assert sure >= 0.6 * right  # caution that calls nothing likely would be worth nothing


def test_every_public_failure_has_its_thread_and_a_known_cause() -> None:
    known = {rule.id for rule in rules()} | {"unknown"}
    rows = [*PARTS["public"], *REPORTED, *WIDER]
    for row in rows:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+/(issues|pull)/\d+", row["source"]), row
        assert set(row["is"]) <= known, row
    sources = [{row["source"] for row in part} for part in (PARTS["public"], REPORTED, WIDER)]
    assert len(set.union(*sources)) == sum(map(len, sources))


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "no_credit"),
        ({"error_code": 18, "error_msg": "Open api qps request limit reached"}, "rate_limit"),
        ({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}}, "content_policy"),
        ({"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}, "wrong_key"),
    ],
)
def test_an_error_inside_a_200_of_another_shape_is_named(body: Any, cause: str) -> None:
    """Shapes of MiniMax, Baidu, Gemini's own API and Cloudflare, from their error pages."""
    assert found_for({"status": 200, "body": body}).first.id == cause


def test_an_answer_of_geminis_own_api_is_an_answer() -> None:
    body = {"candidates": [{"content": {"parts": [{"text": "Paris."}]}, "finishReason": "STOP"}], "usageMetadata": {}}
    assert found_for({"status": 200, "body": body}).fine
    body["candidates"] = [{"content": {"parts": [{"text": "Par"}]}, "finishReason": "MAX_TOKENS"}]
    assert found_for({"status": 200, "body": body}).first.id == "finish_length"


def test_the_two_429_are_told_apart() -> None:
    quota = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    fast = {"error": {"message": "Rate limit reached. Please try again in 1.5s.", "code": "rate_limit_exceeded"}}
    assert found_for({"status": 429, "body": quota}).first.id == "no_credit"
    limited = found_for({"status": 429, "body": fast}).first
    assert limited.id == "rate_limit"
    assert "1.5 s" in limited.note


def test_a_model_almost_spelt_right_is_offered() -> None:
    model = FACTS["groq"].model("chat").id
    url = "https://api.groq.com/openai/v1/chat/completions"
    body = {"error": {"message": f"The model `{model}x` does not exist", "code": "model_not_found"}}
    first = diagnose(_at("groq", {"status": 404, "url": url, "sent": {"model": f"{model}x"}, "body": body})).first
    assert first is not None
    assert f"Did you mean '{model}'?" in first.note


def test_a_host_almost_spelt_right_is_offered() -> None:
    case = {"error": "ConnectError: [Errno -2] Name or service not known", "url": "https://api.depseek.com/chat"}
    note = found_for(case).first.note
    assert "Did you mean 'api.deepseek.com'?" in note
    assert FACTS["deepseek"].address.base_url in note


def test_a_key_variable_almost_spelt_right_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_APIKEY", "not-to-be-shown-anywhere")
    url = "https://api.groq.com/openai/v1/chat/completions"
    first = found_for({"status": 401, "url": url, "body": {"error": {"message": "Invalid API Key"}}}).first
    assert "GROQ_API_KEY" in first.note
    assert "GROQ_APIKEY" in first.note
    assert "not-to-be-shown" not in first.note


def test_a_refused_parameter_is_named_with_what_librechat_needs() -> None:
    body = {"error": {"message": "property 'store' is unsupported, did you mean 'stop'?"}}
    note = found_for({"status": 400, "sent": {"store": True}, "body": body}).first.note
    assert "dropParams: ['store']" in note
    assert "'stop'" in note


def test_the_arithmetic_of_a_context_too_long_is_done() -> None:
    case = next(rule.case for rule in rules() if rule.id == "context_too_long")
    note = found_for(case).first.note
    assert note == "8,000 tokens of prompt + 1,000 for the answer = 9,000; the window is 8,192, 808 too many."


def test_a_key_of_another_provider_is_named_and_never_shown() -> None:
    case = next(rule.case for rule in rules() if rule.id == "other_key")
    found = found_for(case)
    assert "openai" in found.first.evidence[-1]
    assert "sk-proj" not in str(found) + found._repr_html_()


def test_what_is_not_known_is_said_with_three_experiments() -> None:
    found = found_for({"status": 400, "body": {"error": {"message": "computer says no"}}})
    assert found.unknown
    assert found.first is None
    assert len(set(found.next)) == 3
    assert "not known" in str(found)


def test_a_good_answer_is_fine() -> None:
    body = {"choices": [{"message": {"content": "Paris."}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9}}
    found = found_for({"status": 200, "body": body})
    assert found.fine
    assert not found.causes
    assert "Nothing is wrong" in str(found)


def test_a_fix_shows_its_code_and_what_the_server_said_stays_as_it_was() -> None:
    body = {"error": {"message": "Rate limit of `model` [reached](https://example.com/limits)"}}
    found = found_for({"status": 429, "body": body})
    assert found.first is not None
    changed = replace(found.first, fix="Send `n` <b> once.", confirm="See `x-lab-note`.", note="`n` [so](https://x.y)")
    found.causes = (changed, *found.causes[1:])
    card = found._repr_html_()
    assert "Send <code>n</code> &lt;b&gt; once." in card
    assert "See <code>x-lab-note</code>." in card
    assert "`n` [so](https://x.y)" in card
    assert "Rate limit of `model` [reached](https://example.com/limits)" in card
    assert "Send `n` <b> once." in str(found)


def test_markup_in_an_error_stays_inert() -> None:
    text = "<script>alert(1)</script> rate limit \x1b[31m \u202e"
    found = found_for({"status": 429, "body": {"error": {"message": text}}})
    assert "<script>" not in found._repr_html_()
    assert "\x1b" not in found._repr_html_() + str(found)
    assert "\u202e" not in found._repr_html_() + str(found)


def test_an_error_that_echoes_a_key_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "sk-canary-Zq8Xw7Vu6Ts5Rq4Po3"
    monkeypatch.setenv("OPENAI_API_KEY", canary)
    request = httpx.Request("POST", "https://api.openai.com/v1/chat/completions", headers={"x-api-key": canary})
    body = {"error": {"message": f"Incorrect API key provided: {canary}. Also {canary[:8]}***{canary[-6:]}"}}
    found = diagnose(httpx.Response(401, json=body, request=request), facts=FACTS)
    shown = str(found) + repr(found) + found._repr_html_()
    assert found.first is not None
    assert found.first.id == "wrong_key"
    assert not [canary[i : i + 6] for i in range(3, len(canary) - 5) if canary[i : i + 6] in shown]


def test_what_holds_no_exchange_is_refused_in_a_sentence() -> None:
    with pytest.raises(LabError, match="no HTTP exchange"):
        diagnose(3.14, facts=FACTS)


def test_a_case_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ParameterError, match="a case has no 'stauts'"):
        exchange_of_case({"stauts": 400})


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_awkward_bodies_never_break_it(text: str, status: int) -> None:
    kinds = ("application/json", "text/event-stream", "text/html", "application/x-ndjson")
    for kind in kinds:
        found = found_for({"status": status, "text": text, "headers": {"content-type": kind}})
        assert str(found)
        assert found._repr_html_()
    assert str(diagnose(text, facts=FACTS))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "code", "type", "choices", "delta", "loc", "detail", "param", "content", "usage"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(json_values, st.sampled_from([200, 400, 401, 404, 422, 429, 500]))
def test_no_json_breaks_the_reading(body: Any, status: int) -> None:
    found = found_for({"status": status, "body": body})
    assert str(found)


def test_a_page_of_a_megabyte_is_read_quickly_and_shown_short() -> None:
    found = found_for({"status": 502, "headers": {"content-type": "text/html"}, "text": "<html>" + "x" * 1_000_000})
    assert found.first.id == "gateway_page"
    assert len(str(found)) < 10_000


def test_a_pasted_line_gives_its_status_and_words() -> None:
    reading = read("Error code: 404 - {'error': {'message': 'no such thing', 'code': 'model_not_found'}}")
    assert reading.status == 404
    assert reading.codes == ("model_not_found",)


def _at(provider: str, case: dict[str, Any]) -> Any:
    exchange = exchange_of_case(case)
    exchange.provider = provider
    return exchange


def _reworded(value: Any, change: Callable[[str], str], name: str = "") -> Any:
    """A case with `change` applied to the words of its error, and to nothing else."""
    if isinstance(value, dict):
        return {key: _reworded(inner, change, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_reworded(inner, change, name) for inner in value]
    return change(value) if isinstance(value, str) and name in WORDS else value


WORDS = ("line", "error", "message", "detail", "msg", "raw")
MODELS = re.compile(r"\b(?:gpt-|llama-?|claude-|deepseek-|gemini-|sonar|qwen)[\w.:-]*", re.IGNORECASE)
CHANGES: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "wide spacing": lambda text: "  " + text.replace(" ", "  ") + " \n",
    "a router's prefix": lambda text: f"litellm.BadRequestError: AcmeException - {text}",
    "a request's id": lambda text: f"{text} (request id: 20250402)",
    "another model": lambda text: MODELS.sub("acme-9b", text),
    "words around it": lambda text: f"Provider returned an error: {text} Please try again.",
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_failure_in_other_clothes_is_named_as_before(change: str) -> None:
    rows = [row for part in PARTS.values() for row in part]
    right = wrong = 0
    for row in rows:
        first = found_for(_reworded(row["case"], CHANGES[change])).first
        good = (first.id if first else "unknown") in row["is"]
        right += good
        wrong += not good and first is not None and first.points >= 75
    assert right >= 0.95 * len(rows)
    assert wrong <= 0.01 * len(rows)


VAGUE = (
    "Bad Request",
    "Invalid request",
    "Provider returned error",
    "Something went wrong",
    "An error occurred",
    "Unexpected error, please contact support",
    "The operation could not be completed",
    "invalid_request_error",
    "Request failed",
    "Unknown",
)


@pytest.mark.parametrize("text", VAGUE)
def test_words_that_say_nothing_name_no_cause_confidently(text: str) -> None:
    for case in ({"line": text}, {"line": f"Error: 400 {text}"}, {"status": 400, "body": {"error": {"message": text}}}):
        found = found_for(case)
        assert found.unknown, (case, found)
        assert len(set(found.next)) == 3


def test_an_empty_answer_to_a_chat_is_not_called_fine() -> None:
    found = found_for({"status": 200, "text": "", "headers": {"content-type": "application/json"}})
    assert found.first.id == "blank_answer"
    waited = found_for(
        {"status": 200, "text": ": keep-alive\n\n" * 3, "headers": {"content-type": "text/event-stream"}}
    )
    assert waited.first.id == "blank_answer"
    assert not found_for({"status": 200, "text": "OK"}).fine


def test_a_stream_that_stops_within_an_event_is_a_cut_stream() -> None:
    text = 'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\ndata: {"choices": [{"delta": {"con'
    found = found_for({"status": 200, "headers": {"content-type": "text/event-stream"}, "text": text})
    assert found.first.id == "stream_cut"


def test_every_code_of_a_provider_has_its_page_its_day_and_a_known_cause() -> None:
    known = {rule.id for rule in rules()}
    for table in read_yaml(codes.CODES).data:
        assert re.match(r"https://[\w.-]+/\S+$", table["source"]), table
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", str(table["read"])), table
        assert set(table["codes"]) <= known, table
        assert "where" in table or not any(
            str(c).isdigit() for cs in table["codes"].values() for c in cs if c != "20012"
        )
    assert codes.causes() <= known


@pytest.mark.parametrize(
    ("host", "body", "cause"),
    [
        ("dashscope.aliyuncs.com", {"code": "Arrearage", "message": "Access denied."}, "no_credit"),
        ("ark.cn-beijing.volces.com", {"error": {"code": "ModelNotOpen", "message": "No."}}, "not_activated"),
        ("open.bigmodel.cn", {"error": {"code": "1261", "message": "Prompt 超长"}}, "context_too_long"),
        ("open.bigmodel.cn", {"error": {"code": "1215", "message": "请检查文档"}}, "exclusive_fields"),
        ("api.cloudflare.com", {"success": False, "errors": [{"code": 5016, "message": "No."}]}, "terms_to_accept"),
        (
            "hunyuan.tencentcloudapi.com",
            {"Response": {"Error": {"Code": "AuthFailure.SignatureExpire"}}},
            "clock_wrong",
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            {"__type": "ModelTimeoutException", "message": "No."},
            "model_timeout",
        ),
        ("us.ml.cloud.ibm.com", {"errors": [{"code": "token_quota_reached", "message": "No."}]}, "no_credit"),
    ],
)
def test_a_code_that_a_provider_documents_outweighs_the_words(host: str, body: Any, cause: str) -> None:
    found = found_for({"status": 400, "url": f"https://{host}/v1/chat/completions", "body": body})
    assert found.first.id == cause
    assert found.first.points > 90
    assert any(line.startswith("code ") and ", read 20" in line for line in found.first.evidence)


def test_a_bare_number_is_read_only_where_its_provider_answers() -> None:
    body = {"error": {"code": "1261", "message": "No."}}
    elsewhere = found_for({"status": 400, "url": "https://api.example.com/v1/chat/completions", "body": body})
    assert elsewhere.first is None or elsewhere.first.id != "context_too_long"


def test_answers_of_other_dialects_are_read_by_how_they_ended() -> None:
    reply = {"type": "message", "content": [{"type": "output_text", "text": "Hel"}]}
    limit = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": [reply]}
    guarded = {"output": {"message": {"content": [{"text": "No."}]}}, "stopReason": "guardrail_intervened"}
    malformed = {"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL"}]}
    toxic = {"message": {"content": [{"type": "text", "text": ""}]}, "finish_reason": "ERROR_TOXIC"}
    for body, cause in (
        ({"object": "response", **limit}, "finish_length"),
        (guarded, "finish_filter"),
        (malformed, "broken_call"),
        (toxic, "finish_filter"),
    ):
        assert found_for({"status": 200, "body": body}).first.id == cause, body


def test_a_prompt_that_fills_the_window_is_told_from_an_answer_that_was_cut() -> None:
    full = {"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}
    counts = {"prompt_tokens": 4095, "completion_tokens": 1}
    assert found_for({"status": 200, "body": {**full, "usage": counts}}).first.id == "context_full"
    asked = {"status": 200, "sent": {"max_tokens": 1}, "body": {**full, "usage": counts}}
    assert found_for(asked).first.id == "finish_length"


ENVELOPES = (
    lambda inner: {"error": {"message": f"Error when proxying request: {inner}", "type": "one_api_error"}},
    lambda inner: {"error": {"message": "Provider returned error", "metadata": {"raw": inner}}},
    lambda inner: {"error": {"message": inner, "type": "upstream_error", "code": 502}},
    lambda inner: {"error": f"relay: {json.dumps({'error': inner})}"},
)


@pytest.mark.parametrize("status", [429, 500, 502])
@pytest.mark.parametrize("envelope", range(len(ENVELOPES)))
def test_what_an_inner_error_says_outweighs_the_envelope_and_its_status(envelope: int, status: int) -> None:
    for inner, cause in (
        ({"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}, "wrong_key"),
        ({"error": {"message": "Filtered.", "code": "content_filter"}}, "content_policy"),
        ({"error": {"message": "Too long.", "code": "context_length_exceeded"}}, "context_too_long"),
    ):
        found = found_for({"status": status, "body": ENVELOPES[envelope](json.dumps(inner))})
        assert found.first.id == cause, found
    page = "<!DOCTYPE html><html><body><pre>Cannot POST /messages</pre></body></html>"
    assert found_for({"status": status, "body": ENVELOPES[2](page)}).first.id == "wrong_path"


def test_what_an_error_inside_a_stream_says_comes_before_that_it_came_in_one() -> None:
    for code, cause in (("overloaded_error", "overloaded"), ("context_length_exceeded", "context_too_long")):
        text = f'data: {{"error": {{"message": "Sorry.", "code": "{code}"}}}}\n\n'
        found = found_for({"status": 200, "headers": {"content-type": "text/event-stream"}, "text": text})
        assert found.first.id == cause
        assert "error_in_stream" in [c.id for c in found.causes]


def test_what_only_says_what_happened_is_never_called_likely() -> None:
    """A status alone, its own words, or an empty answer may have many causes."""
    bare = [{"status": status, "body": {"message": word}} for status, word in STATUS_WORDS.items()]
    empty = {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}
    for case in [*bare, {"status": 200, "body": empty}, {"status": 200, "body": {"choices": []}}]:
        found = found_for(case)
        assert found.first is None or found.first.sure in ("perhaps", "possible"), found


STATUS_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def test_words_with_another_status_than_their_cause_has_make_nobody_sure() -> None:
    said = {"error": {"message": "Incorrect API key provided."}}
    assert found_for({"status": 401, "body": said}).first.points >= 75
    elsewhere = found_for({"status": 500, "body": said}).first
    assert elsewhere is None or elsewhere.points < 75


def test_two_causes_near_each_other_are_not_likely() -> None:
    text = "Only one system message is allowed. The chat template could not be applied: template error."
    found = found_for({"status": 400, "body": {"error": {"message": text}}})
    assert {"message_order", "no_chat_template"} <= {cause.id for cause in found.causes}
    assert all(cause.points < 75 for cause in found.causes)


def test_no_key_is_not_surely_missing_where_one_was_sent() -> None:
    body = {"error": {"message": "You didn't provide an API key."}}
    assert found_for({"status": 401, "body": body}).first.points < 75
    assert found_for({"status": 401, "auth": "", "body": body}).first.points >= 75


def test_a_key_in_another_header_than_anthropics_is_named() -> None:
    body = {"type": "error", "error": {"type": "authentication_error", "message": "x-api-key header is required"}}
    first = found_for({"status": 401, "url": "https://api.anthropic.com/v1/messages", "body": body}).first
    assert first.id == "key_in_other_header"
    assert "authorization" in first.evidence[-1]


def test_a_streamed_call_that_the_limit_cut_is_named_so_whatever_its_finish_word() -> None:
    piece = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"city": "Pa'}}]}
    parts = [{"choices": [{"delta": piece, "finish_reason": "tool_calls"}]}, {"usage": {"completion_tokens": 32}}]
    text = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
    case = {"status": 200, "headers": {"content-type": "text/event-stream"}, "text": text}
    assert found_for({**case, "sent": {"max_tokens": 32}}).first.id == "finish_length"
    assert found_for({**case, "sent": {"max_tokens": 4000}}).first.id == "broken_call"


def test_tokens_that_came_from_the_cache_are_no_prompt_that_was_cut() -> None:
    usage = {"input_tokens": 14, "cache_read_input_tokens": 8000, "output_tokens": 3}
    body = {"type": "message", "content": [{"type": "text", "text": "Yes."}], "stop_reason": "end_turn", "usage": usage}
    assert found_for({"status": 200, "long_prompt": 40000, "body": body}).fine


def test_an_answer_that_speaks_of_tools_is_not_taken_for_a_call() -> None:
    tools = {"tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {}}}]}
    for text in ("I would call get_weather now.", 'Write {"name": "x"} into the file.'):
        body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
        assert found_for({"status": 200, "sent": tools, "body": body}).fine


def test_a_whole_address_is_not_called_unfilled() -> None:
    for url in ("https://my-resource.openai.azure.com/openai/deployments/gpt/chat/completions", "http://[::1]:8000/v1"):
        found = found_for({"status": 400, "url": url, "body": {"error": {"message": "No."}}})
        assert "unfilled_address" not in [cause.id for cause in found.causes]
