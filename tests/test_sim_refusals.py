"""How the local providers refuse: each case over HTTP, in the words that are known, never with a fault of their own."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Caller

PROVIDERS = ["lab", "openai", "deepseek"]
HELLO = [{"role": "user", "content": "Hello"}]


def error(response: Any) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert list(body) == ["error"]
    return dict(body["error"])


# --- keys ---------------------------------------------------------------------------------------------------------


def test_openai_without_a_key(call: Caller) -> None:
    response = call.post("openai", call.body("openai"), headers={})
    assert response.status_code == 401
    assert error(response)["message"].startswith(
        "You didn't provide an API key. You need to provide your API key in an"
    )


def test_openai_with_a_wrong_key_repeats_its_last_four_characters(call: Caller) -> None:
    response = call.get("openai", "/models", headers={"Authorization": "Bearer sk-abcdefghijklmnopMxYA"})
    assert response.status_code == 401
    found = error(response)
    assert (found["type"], found["param"], found["code"]) == ("invalid_request_error", None, "invalid_api_key")
    assert found["message"].endswith("MxYA. You can find your API key at https://platform.openai.com/account/api-keys.")
    assert "nopMxYA" not in found["message"]


def test_deepseek_without_a_key_is_not_even_json(call: Caller) -> None:
    response = call.get("deepseek", "/models", headers={})
    assert response.status_code == 401
    assert response.text == "Authentication Fails (governor)"
    assert "content-type" not in response.headers


def test_deepseek_with_a_wrong_key(call: Caller) -> None:
    # https://github.com/continuedev/continue/issues/11820
    response = call.post(
        "deepseek", call.body("deepseek"), headers={"Authorization": "Bearer sk-0123456789abcdef0fcc2"}
    )
    assert response.status_code == 401
    assert error(response) == {
        "message": "Authentication Fails, Your api key: ****fcc2 is invalid",
        "type": "authentication_error",
        "param": None,
        "code": "invalid_request_error",
    }


def test_deepseek_with_a_malformed_header(call: Caller) -> None:
    response = call.post("deepseek", call.body("deepseek"), headers={"Authorization": "sk-without-bearer"})
    assert response.status_code == 401
    assert error(response)["message"] == "Authentication Fails (auth header format should be Bearer sk-...)"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("other", PROVIDERS)
def test_each_provider_takes_its_own_key_only(call: Caller, provider: str, other: str) -> None:
    response = call.get(provider, "/models", headers=call.headers(other))
    assert response.status_code == (200 if other == provider else 401)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("header", ["Bearer", "Basic abc", "Bearer \xe9\xe8", "Bearer " + "x" * 5000, "bearer"])
def test_a_strange_header_is_a_401(call: Caller, provider: str, header: str) -> None:
    response = call.get(provider, "/models", headers={"Authorization": header.encode("latin-1")})
    assert response.status_code == 401


def test_the_key_is_looked_at_before_the_body(call: Caller) -> None:
    assert call.post("openai", b"not json", headers={}).status_code == 401


# --- models -------------------------------------------------------------------------------------------------------


def test_openais_unknown_model(call: Caller) -> None:
    # https://github.com/simonw/llm/issues/1553
    response = call.post("openai", {"model": "gpt-nope", "messages": HELLO})
    assert response.status_code == 404
    assert error(response) == {
        "message": "The model `gpt-nope` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": None,
        "code": "model_not_found",
    }
    assert call.get("openai", "/models/gpt-nope").status_code == 404


@pytest.mark.parametrize("model", ["deepseek-chat", "deepseek-reasoner"])
def test_deepseeks_models_retired_on_2026_07_24(call: Caller, model: str) -> None:
    response = call.post("deepseek", {"model": model, "messages": HELLO})
    assert response.status_code == 400
    living = "deepseek-flash, deepseek-v4-pro"
    assert error(response) == {
        "message": f"The supported API model names are {living}, but you passed {model}.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_request_error",
    }


def test_on_an_earlier_day_they_answer(autumn_2025: Caller) -> None:
    for model in ("deepseek-chat", "deepseek-reasoner"):
        assert autumn_2025.chat("deepseek", model=model, max_tokens=5)["model"] == model
    assert "deepseek-flash" not in autumn_2025.get("deepseek", "/models").text
    response = autumn_2025.post("deepseek", {"model": "deepseek-flash", "messages": HELLO})
    assert response.status_code == 400
    assert error(response)["message"] == "Model Not Exist"


def test_deepseeks_words_for_max_tokens_then(autumn_2025: Caller) -> None:
    response = autumn_2025.post("deepseek", autumn_2025.body("deepseek", model="deepseek-chat", max_tokens=8193))
    assert error(response)["message"] == "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_list_holds_the_living_models_and_each_can_be_asked_for(call: Caller, provider: str) -> None:
    listed = call.get(provider, "/models").json()
    assert listed["object"] == "list"
    for entry in listed["data"]:
        assert entry["object"] == "model"
        assert call.get(provider, f"/models/{entry['id']}").json() == entry
        assert call.post(provider, {"model": entry["id"], "messages": HELLO}).status_code == 200


# --- paths and methods --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/chat/completion", "/v1/chat/completions", "/chat/completions/", "", "/", "/models/"]
)
def test_openais_wrong_path(call: Caller, path: str) -> None:
    # https://github.com/harry0703/MoneyPrinterTurbo/issues/57
    response = call.post("openai", call.body("openai"), path=path)
    assert response.status_code == 404
    assert error(response)["message"] == f"Invalid URL (POST /v1{path})"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_wrong_path_is_a_404_and_a_wrong_method_a_405(call: Caller, provider: str) -> None:
    assert call.get(provider, "/nothing/here").status_code == 404
    assert call.get(provider, "/chat/completions").status_code == 405
    assert call.post(provider, {}, path="/models").status_code == 405
    url = call.server.provider_url(provider) + "/chat/completions"
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "NONSENSE"):
        assert call.http.request(method, url, headers=call.headers(provider)).status_code == 405


def test_deepseek_answers_with_and_without_v1(call: Caller) -> None:
    assert call.post("deepseek", call.body("deepseek", max_tokens=1), path="/v1/chat/completions").status_code == 200
    assert call.get("deepseek", "/v1/models").status_code == 200


def test_head_is_get_without_a_body(call: Caller) -> None:
    url = call.server.provider_url("openai") + "/models"
    response = call.http.head(url, headers=call.headers("openai"))
    assert (response.status_code, response.content) == (200, b"")


def test_a_provider_that_is_not_there(call: Caller) -> None:
    response = call.http.get(call.server.url + "/opneai/v1/models")
    assert response.status_code == 404
    assert "/openai" in response.text


# --- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "data", [b"", b"{", b"model=x", b"[]", b"null", b'"text"', b"{'a': 1}", b'{"a": NaN}', b"\xff"]
)
def test_what_is_no_json_object_is_a_400(call: Caller, provider: str, data: bytes) -> None:
    assert call.post(provider, data).status_code == 400


def test_openais_words_for_what_is_not_json(call: Caller) -> None:
    # https://github.com/openai/openai-python/issues/2703
    message = error(call.post("openai", b"{"))["message"]
    assert message.startswith("We could not parse the JSON body of your request. (HINT: This likely means you aren't")


def test_a_body_beyond_the_bound_is_a_413(call: Caller) -> None:
    huge = json.dumps({**call.body("openai"), "user": "x" * (10 * 1024 * 1024)}).encode()
    for provider in PROVIDERS:
        assert call.post(provider, huge).status_code == 413


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_missing(call: Caller, provider: str) -> None:
    model = call.server.facts[provider].model("chat").id
    for body in ({"messages": HELLO}, {"model": model}, {"model": model, "messages": []}, {}):
        assert call.post(provider, body).status_code == 400


def test_the_words_for_a_missing_model(call: Caller) -> None:
    # https://github.com/danielmiessler/Fabric/issues/239 and https://github.com/pig-mesh/deepseek4j/issues/9
    assert error(call.post("openai", {"messages": HELLO}))["message"] == "you must provide a model parameter"
    message = error(call.post("deepseek", {"messages": HELLO}))["message"]
    place = len(json.dumps({"messages": HELLO}, separators=(",", ":")))
    said = "Failed to deserialize the JSON body into the target type: missing field `model` at line 1 column"
    assert message == f"{said} {place}"


def test_the_words_for_no_messages(call: Caller) -> None:
    # https://github.com/CopilotKit/CopilotKit/issues/529
    found = error(call.post("openai", {"model": "gpt-4.1", "messages": []}))
    assert found == {
        "message": "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array "
        "instead.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "empty_array",
    }
    assert error(call.post("deepseek", {**call.body("deepseek"), "messages": []}))["message"] == "Empty input messages"


def test_the_words_for_a_wrong_type_inside_a_message(call: Caller) -> None:
    # https://github.com/pydantic/pydantic-ai/issues/2653
    messages = [*HELLO, {"role": "user", "content": {"text": "Hi"}}]
    found = error(call.post("openai", {**call.body("openai"), "messages": messages}))
    assert found == {
        "message": "Invalid type for 'messages[1].content': expected one of a string or array of objects, but got an "
        "object instead.",
        "type": "invalid_request_error",
        "param": "messages[1].content",
        "code": "invalid_type",
    }
    said = error(call.post("deepseek", {**call.body("deepseek"), "messages": messages}))["message"]
    assert "messages[1]" in said
    assert "invalid type: map" in said


BAD_MESSAGES: list[Any] = [
    "Hello",
    {"role": "user", "content": "Hello"},
    ["Hello"],
    [None],
    [[]],
    [{}],
    [{"role": "user"}],
    [{"content": "Hello"}],
    [{"role": 1, "content": "Hello"}],
    [{"role": "robot", "content": "Hello"}],
    [{"role": "user", "content": None}],
    [{"role": "assistant", "content": None}],
    [{"role": "user", "content": 3}],
    [{"role": "user", "content": True}],
    [{"role": "user", "content": [1]}],
    [{"role": "user", "content": [{"text": "Hello"}]}],
    [{"role": "user", "content": [{"type": "text"}]}],
    [{"role": "user", "content": [{"type": "text", "text": 1}]}],
    [{"role": "user", "content": "Hello", "name": 1}],
    [{"role": "assistant", "content": "", "tool_calls": "x"}],
    [{"role": "assistant", "content": "", "tool_calls": [1]}],
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("messages", BAD_MESSAGES, ids=lambda value: json.dumps(value)[:40])
def test_messages_that_cannot_be_meant_are_a_400(call: Caller, provider: str, messages: Any) -> None:
    assert call.post(provider, {**call.body(provider), "messages": messages}).status_code == 400


def test_an_assistants_turn_of_tool_calls_needs_no_text(call: Caller) -> None:
    tool = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [tool]}]
    turns += [{"role": "tool", "tool_call_id": "call_1", "content": "42"}]
    assert call.post("openai", {**call.body("openai", max_tokens=2), "messages": turns}).status_code == 200


# --- parameters ---------------------------------------------------------------------------------------------------


def test_openais_temperature_out_of_range(call: Caller) -> None:
    found = error(call.post("openai", call.body("openai", temperature=2.1)))
    assert found == {
        "message": "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.1 instead.",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": "decimal_above_max_value",
    }


def test_openai_does_not_know_top_k(call: Caller) -> None:
    for name in ("top_k", "min_p", "repetition_penalty", "temprature"):
        response = call.post("openai", call.body("openai", **{name: 1}))
        assert response.status_code == 400
        assert error(response)["message"] == f"Unrecognized request argument supplied: {name}"


def test_openais_reasoning_models_refuse_what_classic_ones_take(call: Caller) -> None:
    # https://github.com/danny-avila/LibreChat/issues/10737 and the fixture reasoning-model-legacy-parameter-error.json
    found = error(call.post("openai", call.body("openai", model="gpt-5-mini", temperature=0.2)))
    assert found == {
        "message": "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value "
        "is supported.",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": "unsupported_value",
    }
    found = error(call.post("openai", call.body("openai", model="gpt-5-mini", max_tokens=5)))
    assert found == {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
        "instead.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
    fine = call.body("openai", model="gpt-5-mini", temperature=1, max_completion_tokens=5)
    assert call.post("openai", fine).status_code == 200


DEEPSEEK_SAYS = {
    "temperature": (2.5, "Invalid temperature value, the valid range of temperature is [0, 2]"),
    "top_p": (0, "Invalid top_p value, the valid range of top_p is (0, 1.0]"),
    "presence_penalty": (3, "Invalid presence_penalty value, the valid range of presence_penalty is [-2, 2]"),
    "top_logprobs": (
        3,
        "Invalid top_logprobs and logprobs value, logprobs must be set to true if top_logprobs is used.",
    ),
}


@pytest.mark.parametrize("name", DEEPSEEK_SAYS)
def test_deepseeks_words_for_values_out_of_range(call: Caller, name: str) -> None:
    value, message = DEEPSEEK_SAYS[name]
    body = call.body("deepseek", thinking={"type": "disabled"}, **{name: value})
    response = call.post("deepseek", body)
    assert response.status_code == 400
    assert error(response) == {
        "message": message,
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_request_error",
    }


def test_deepseek_takes_fields_that_nobody_knows(call: Caller) -> None:
    assert call.post("deepseek", call.body("deepseek", prompt_cache_key="x", max_tokens=1)).status_code == 200


def test_a_context_too_long_is_counted_in_the_labs_tokens(call: Caller) -> None:
    long = "7" * 1100  # each digit is a token
    found = call.post("lab", call.body("lab", long))
    assert found.status_code == 400
    assert error(found)["code"] == "context_length_exceeded"
    count = int(error(found)["message"].split("resulted in ")[1].split()[0])
    assert 1100 < count < 1200


def test_deepseek_counts_the_answer_towards_the_context(autumn_2025: Caller) -> None:
    body = autumn_2025.body("deepseek", "1 2 3 4 5 " * 12_500, model="deepseek-chat", max_tokens=8000)
    message = error(autumn_2025.post("deepseek", body))["message"]
    words = [word.strip("(") for word in message.split()]
    limit, requested, inside, completion = (int(word) for word in words if word.isdigit())
    assert limit == 128000 < requested == inside + completion
    assert completion == 8000


# --- every bound in the facts -------------------------------------------------------------------------------------


def bounds() -> list[tuple[str, str, Any]]:
    """(provider, parameter, a value just outside) for each bound that the facts give to a chat model."""
    from labkit import facts

    found: list[tuple[str, str, Any]] = []
    for provider in facts.load().values():
        if provider.dialect != "openai-chat":
            continue
        model = provider.model("chat")
        for name, parameter in provider.parameters.items():
            treatment = parameter.treatment(model, thinking=False, body={})
            whole = "number" not in treatment.types
            if treatment.fate in ("unknown", "refused") or treatment.clamped:
                continue
            if treatment.minimum is not None:
                found.append((provider.id, name, int(treatment.minimum) - 1 if whole else treatment.minimum - 0.01))
            if treatment.exclusive_minimum is not None:
                found.append((provider.id, name, int(treatment.exclusive_minimum)))
            if treatment.maximum is not None:
                found.append((provider.id, name, int(treatment.maximum) + 1 if whole else treatment.maximum + 0.01))
            if treatment.max_items is not None:
                found.append((provider.id, name, ["x"] * (treatment.max_items + 1)))
            if treatment.enum:
                found.append((provider.id, name, "no such word"))
            wrong = {"string": 7, "array": 7, "object": 7, "boolean": "yes", "integer": "7", "number": "hot"}
            if treatment.types and name not in ("model", "messages"):
                found.append((provider.id, name, wrong[treatment.types[0]]))
    return found


@pytest.mark.parametrize(("provider", "name", "value"), bounds(), ids=lambda value: str(value)[:24])
def test_a_value_just_outside_what_the_facts_allow_is_refused(
    call: Caller, provider: str, name: str, value: Any
) -> None:
    extra = {"logprobs": True} if name == "top_logprobs" else {}
    extra |= {"thinking": {"type": "disabled"}} if provider == "deepseek" and name != "thinking" else {}
    response = call.post(provider, {**call.body(provider), **extra, name: value})
    assert response.status_code in (400, 422)
    assert name in response.text.lower()


def open_ends() -> list[tuple[str, str, Any]]:
    """Those of `bounds` that are a range's lower end and not allowed."""
    from labkit import facts

    known = facts.load()
    return [
        (provider, name, value)
        for provider, name, value in bounds()
        if not isinstance(value, (str, list)) and known[provider].parameters[name].exclusive_minimum == value
    ]


def test_five_providers_have_ranges_with_an_open_lower_end() -> None:
    assert {provider for provider, _, _ in open_ends()} == {"lab", "deepseek", "fireworks", "mistral", "openrouter"}


@pytest.mark.parametrize(("provider", "name", "value"), open_ends())
def test_a_lower_end_that_is_not_allowed_is_not_said_to_be(call: Caller, provider: str, name: str, value: Any) -> None:
    extra = {"thinking": {"type": "disabled"}} if provider == "deepseek" else {}
    text = call.post(provider, {**call.body(provider), **extra, name: value}).text
    assert not re.search(r"at least|>=|\[0|equal|\{low", text), text
    assert re.search(r"greater than 0|> 0|\(0|positive", text), text


def test_openrouter_and_mistral_name_the_lower_end_as_it_is(call: Caller) -> None:
    found = [call.post("openrouter", call.body("openrouter", top_p=value)) for value in (0, -1)]
    found.append(call.post("openrouter", call.body("openrouter", min_p=-1)))
    assert [each.json()["error"]["message"] for each in found] == [
        "top_p: must be greater than 0",
        "top_p: must be greater than 0",
        "min_p: must be at least 0",
    ]
    # pydantic's own words and types for gt and ge: https://docs.pydantic.dev/latest/errors/validation_errors/
    for name, kind, words in (
        ("repetition_penalty", "greater_than", "Input should be greater than 0"),
        ("top_p", "greater_than_equal", "Input should be greater than or equal to 0"),
    ):
        detail = call.post("mistral", call.body("mistral", **{name: -1})).json()["message"]["detail"][0]
        assert (detail["type"], detail["msg"]) == (kind, words)


# --- anything at all ----------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["", "user", "assistant", "Hello", "deepseek-flash", "gpt-4.1", "lab-chat", "text", "\u00e9", "\x00", "\U0001f600"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    "model messages temperature top_p top_k min_p max_tokens max_completion_tokens stop seed n logprobs "
    "top_logprobs logit_bias stream stream_options thinking response_format tools tool_choice user "
    "reasoning_effort presence_penalty zzz".split()
)
MESSAGES = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("role", "content", "name", "tool_calls"), JSON))
    | st.just(HELLO[0]),
    max_size=3,
)
BODIES = st.builds(
    lambda fields, base: {**base, **fields},
    st.dictionaries(NAMES, JSON, max_size=4),
    st.fixed_dictionaries({"model": WORDS, "messages": MESSAGES | st.just(HELLO), "max_tokens": st.just(1)}),
)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PROVIDERS), BODIES | JSON, st.booleans())
def test_no_body_however_strange_makes_the_server_fail(call: Caller, provider: str, body: Any, known: bool) -> None:
    if known and isinstance(body, dict):
        body = {**body, "model": call.server.facts[provider].model("chat").id}
    response = call.post(provider, json.dumps(body).encode())
    assert response.status_code in (200, 400, 404), response.text
    assert "Traceback" not in response.text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PROVIDERS), st.binary(max_size=200))
def test_no_bytes_however_strange_make_the_server_fail(call: Caller, provider: str, data: bytes) -> None:
    assert call.post(provider, data).status_code == 400


PATH = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="?#\\"), max_size=20)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PROVIDERS), PATH, st.sampled_from(["GET", "POST", "DELETE"]))
def test_no_path_however_strange_makes_the_server_fail(call: Caller, provider: str, path: str, method: str) -> None:
    url = call.server.url + f"/{provider}/" + "".join(f"%{byte:02x}" for byte in path.encode())
    assert call.http.request(method, url, headers=call.headers(provider)).status_code in (200, 404, 405, 400)
