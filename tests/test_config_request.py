"""The request that an endpoint means: every row measured on LibreChat's wire, both profiles, titles, variables."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from librechat_node import run_script

from labkit import config, facts
from labkit.config import Config
from labkit.config.address import provider_at, sendable
from labkit.config.body import adapts, anthropic_limit
from labkit.config.difference import compare
from labkit.config.seen import message_of, seen
from labkit.config.to_librechat import dump
from labkit.config.variables import fill_placeholders, resolve
from labkit.errors import ConfigError, ParameterError

KEY = "made-up-key-of-a-test-0001"
ENV = {"MISTRAL_API_KEY": KEY, "A": "x", "B": "y"}
PANEL = {
    "temperature": 0.3,
    "top_p": 0.9,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.2,
    "max_tokens": 100,
    "stop": ["X"],
}
MODELS = {"default": ["mistral-small-latest", "o3-mini", "gpt-5-mini", "other"]}


def file(*, top: dict[str, Any] | None = None, **fields: Any) -> Config:
    """A configuration with one endpoint, Mistral unless its fields say otherwise; None takes a field away."""
    endpoint = {
        "name": "Mistral",
        "apiKey": "${MISTRAL_API_KEY}",
        "baseURL": "https://api.mistral.ai/v1",
        "models": MODELS,
        **fields,
    }
    kept = {name: value for name, value in endpoint.items() if value is not None}
    return config.loads(dump({"version": "1.3.17", "endpoints": {"custom": [kept], **(top or {})}}))


def body(chosen: dict[str, Any] | None = None, *, model: str = "", profile: str = "current", **fields: Any) -> Any:
    """The body without what every request has: model, user, stream and messages, which are looked at here."""
    cfg = file(**fields)
    name = str(cfg.endpoints[0].name)
    found = json.loads(cfg.request(name, "Hi", chosen=chosen, model=model, profile=profile, env=ENV).content)
    assert found.pop("messages") == [{"role": "user", "content": "Hi"}]
    assert next(iter(found)) == "model"
    return found


BARE = {"model": "mistral-small-latest", "user": "lab-user-id", "stream": True}
ROWS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("1 nothing set", {}, {}, BARE),
    ("2 the panel: top_p is lost", {}, PANEL, {**BARE, **{k: v for k, v in PANEL.items() if k != "top_p"}}),
    (
        "3 the documented recipe for Mistral",
        {"dropParams": ["stop", "user", "frequency_penalty", "presence_penalty"]},
        PANEL,
        {
            "model": BARE["model"],
            "stream": True,
            "temperature": 0.3,
            "frequency_penalty": 0.5,
            "presence_penalty": 0.2,
            "max_tokens": 100,
        },
    ),
    (
        "4 LangChain's names",
        {"dropParams": ["frequencyPenalty", "presencePenalty", "topP", "maxTokens"]},
        PANEL,
        {**BARE, "temperature": 0.3, "stop": ["X"]},
    ),
    (
        "5 only temperature goes",
        {"dropParams": ["temperature", "max_tokens", "top_p", "stream"]},
        PANEL,
        {**BARE, "frequency_penalty": 0.5, "presence_penalty": 0.2, "max_tokens": 100, "stop": ["X"]},
    ),
    ("6 the model dropped", {"dropParams": ["model"]}, {}, {**BARE, "model": "gpt-3.5-turbo"}),
    (
        "7 unknown names as they are",
        {"addParams": {"safe_prompt": True, "top_k": 40, "nested": {"a": 1}}},
        {},
        {**BARE, "safe_prompt": True, "top_k": 40, "nested": {"a": 1}},
    ),
    ("8 max_tokens is not sent", {"addParams": {"max_tokens": 2048}}, {}, BARE),
    ("8 maxTokens is", {"addParams": {"maxTokens": 2048}}, {}, {**BARE, "max_tokens": 2048}),
    (
        "9 addParams win",
        {"addParams": {"temperature": 0.1, "top_p": 0.5, "frequency_penalty": 1}},
        {"temperature": 0.3, "top_p": 0.9, "frequency_penalty": 0.5},
        {**BARE, "temperature": 0.1, "top_p": 0.5, "frequency_penalty": 1},
    ),
    ("10 seed is lost", {"addParams": {"seed": 7}}, {}, BARE),
    ("10 response_format is lost", {"addParams": {"response_format": {"type": "json_object"}}}, {}, BARE),
    ("10 tools are lost", {"addParams": {"tools": [{"type": "function"}]}}, {}, BARE),
    ("10 stream_options are lost", {"addParams": {"stream_options": {"include_usage": True}}}, {}, BARE),
    (
        "11 names of the client that are sent",
        {"addParams": {"logprobs": True, "topLogprobs": 3, "n": 2, "stop": ["Y"]}},
        {},
        {**BARE, "logprobs": True, "top_logprobs": 3, "n": 2, "stop": ["Y"]},
    ),
    ("11 top_logprobs as it is", {"addParams": {"top_logprobs": 3}}, {}, {**BARE, "top_logprobs": 3}),
    ("12 stream: false is ignored", {"addParams": {"stream": False}}, {}, BARE),
    ("12 disableStreaming is not", {"addParams": {"disableStreaming": True}}, {}, {**BARE, "stream": False}),
    ("13 another model", {"addParams": {"model": "other", "messages": []}}, {}, {**BARE, "model": "other"}),
    ("14 another user", {"addParams": {"user": "fixed"}}, {}, {**BARE, "user": "fixed"}),
    ("16 dropped last", {"addParams": {"x": 1}, "dropParams": ["x"]}, {}, BARE),
    (
        "17 defaults of the panel",
        {
            "customParams": {
                "paramDefinitions": [
                    {"key": "temperature", "default": 0.7},
                    {"key": "top_p", "default": 0.8},
                    {"key": "max_tokens", "default": 500},
                ]
            }
        },
        {},
        {**BARE, "temperature": 0.7, "top_p": 0.8},
    ),
    ("20 effort", {}, {"reasoning_effort": "high"}, {**BARE, "reasoning_effort": "high"}),
    (
        "20 effort as an object",
        {"customParams": {"reasoningFormat": "reasoning_object"}},
        {"reasoning_effort": "high", "reasoning_summary": "auto"},
        {**BARE, "reasoning": {"effort": "high", "summary": "auto"}},
    ),
    ("20 no effort", {"customParams": {"reasoningFormat": "disabled"}}, {"reasoning_effort": "high"}, BARE),
    ("22 maxRetries is no field", {"addParams": {"maxRetries": 0}}, {}, BARE),
    (
        "23 a template's switch",
        {"addParams": {"chat_template_kwargs": {"enable_thinking": False}}},
        {},
        {**BARE, "chat_template_kwargs": {"enable_thinking": False}},
    ),
]


@pytest.mark.parametrize(("fields", "chosen", "sent"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_measured_row_of_the_current_profile_leaves_as_it_was_measured(
    fields: dict[str, Any], chosen: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert body(chosen, **fields) == sent


def test_web_search_moves_the_call_to_another_address() -> None:  # row 15
    cfg = file(addParams={"web_search": True})
    made = cfg.request("Mistral", env=ENV)
    assert str(made.url) == "https://api.mistral.ai/v1/responses"
    assert "messages" not in json.loads(made.content)
    router = body(name="OpenRouter", baseURL="https://openrouter.ai/api/v1", addParams={"web_search": True})
    assert router["plugins"] == [{"id": "web"}]


def test_a_reasoning_model_takes_no_sampling_and_another_limit() -> None:  # row 18
    chosen = {**PANEL, "promptPrefix": "Be brief."}
    made = json.loads(file().request("Mistral", "Hi", chosen=chosen, model="o3-mini", env=ENV).content)
    assert made.pop("messages")[0] == {"role": "developer", "content": "Be brief."}
    assert made == {**BARE, "model": "o3-mini", "stop": ["X"], "max_completion_tokens": 100}


def test_gpt_5_is_sent_no_limit_at_all() -> None:  # row 19
    assert body(PANEL, model="gpt-5-mini") == {**BARE, "model": "gpt-5-mini", "stop": ["X"]}


def test_openrouter_is_known_by_its_name_or_address() -> None:  # row 21
    made = file(name="OpenRouter", baseURL="https://openrouter.ai/api/v1").request("OpenRouter", env=ENV)
    assert {"http-referer", "x-title", "x-openrouter-title", "x-openrouter-categories"} <= set(made.headers)
    assert json.loads(made.content)["reasoning"] == {"enabled": True}
    assert "reasoning" not in json.loads(file().request("Mistral", env=ENV).content)


LEGACY_ROWS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("nothing", {}, {}, BARE),
    ("the panel as it is", {}, PANEL, {**BARE, **PANEL}),
    (
        "the documented recipe was exact",
        {"dropParams": ["stop", "user", "frequency_penalty", "presence_penalty"]},
        PANEL,
        {"model": BARE["model"], "stream": True, "temperature": 0.3, "top_p": 0.9, "max_tokens": 100},
    ),
    ("so was the documented example", {"addParams": {"max_tokens": 2048}}, {}, {**BARE, "max_tokens": 2048}),
    ("a seed arrived", {"addParams": {"seed": 7}}, {}, {**BARE, "seed": 7}),
    ("LangChain's names meant nothing", {"dropParams": ["maxTokens"]}, PANEL, {**BARE, **PANEL}),
    ("and were sent as they are", {"addParams": {"maxTokens": 5}}, {}, {**BARE, "maxTokens": 5}),
]


@pytest.mark.parametrize(
    ("fields", "chosen", "sent"), [row[1:] for row in LEGACY_ROWS], ids=[row[0] for row in LEGACY_ROWS]
)
def test_the_legacy_profile_edits_the_body_itself(
    fields: dict[str, Any], chosen: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert body(chosen, profile="librechat-legacy", **fields) == sent


def test_an_unknown_profile_is_named_with_the_two_there_are() -> None:
    with pytest.raises(ParameterError, match=r"'legasy' is no profile.*Did you mean 'legacy'"):
        file().request("Mistral", profile="legasy")


# Addresses ------------------------------------------------------------------------------------------------------


def test_the_address_is_what_is_written_and_the_path() -> None:
    assert str(file(baseURL="https://api.mistral.ai/v1/").request("Mistral", env=ENV).url).endswith(
        "/v1/chat/completions"
    )
    full = "https://api.mistral.ai/v1/chat/completions"
    assert str(file(baseURL=full).request("Mistral", env=ENV).url) == full + "/chat/completions"
    assert str(file(baseURL=full, directEndpoint=True).request("Mistral", env=ENV).url) == full


def test_anthropics_own_api_has_another_address_headers_and_body() -> None:
    cfg = file(
        name="Claude",
        provider="anthropic",
        baseURL="https://api.anthropic.com",
        models={"default": ["claude-sonnet-4-5"]},
    )
    made = cfg.request("Claude", "Hi", env=ENV, chosen={"promptPrefix": "Be brief."})
    assert str(made.url) == "https://api.anthropic.com/v1/messages"
    assert made.headers["x-api-key"] == KEY
    assert made.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in made.headers
    sent = json.loads(made.content)
    assert sent["max_tokens"] == 64000
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert sent["metadata"] == {"user_id": "lab-user-id"}
    assert "user" not in sent
    assert sent["system"] == "Be brief."
    assert sent["messages"] == [{"role": "user", "content": "Hi"}]


def test_default_params_endpoint_reshapes_the_body_alone() -> None:
    cfg = file(customParams={"defaultParamsEndpoint": "anthropic"})
    made = cfg.request("Mistral", env=ENV)
    assert str(made.url).endswith("/v1/chat/completions")
    assert made.headers["authorization"] == f"Bearer {KEY}"
    assert {"thinking", "metadata", "max_tokens", "promptCache"} <= set(json.loads(made.content))
    assert body({"maxOutputTokens": 50}, customParams={"defaultParamsEndpoint": "google"})["maxOutputTokens"] == 50


# Variables, keys, headers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("${A}", "x"),
        (" ${A} ", "x"),
        ("${UNSET}", "${UNSET}"),
        ("pre-${A}", "pre-x"),
        ("${A}-${B}", "${A}-${B}"),
        ("${A}${B}", "${A}${B}"),
        ("x${A}-${B}", "xx-y"),
        ("${A:-default}", "${A:-default}"),
        ("${ A }", "${ A }"),
        ("$A", "$A"),
        ("$${A}", "$x"),
        ("${JWT_SECRET}", "${JWT_SECRET}"),
        ("", ""),
    ],
)
def test_variables_are_filled_in_as_librechat_does(text: str, means: str) -> None:
    assert resolve(text, {**ENV, "JWT_SECRET": "never"}) == means


def test_a_value_keeps_its_line_feed() -> None:
    assert resolve(" ${A} ", {"A": "x\n"}) == "x\n"


@pytest.mark.parametrize("key", ["${NOT_SET}", "${A}-${B}", "${A:-default}", "${MONGO_URI}"])
def test_a_key_that_is_not_filled_in_is_missing(key: str) -> None:
    with pytest.raises(ConfigError, match=r"Missing API Key for Mistral\."):
        file(apiKey=key).request("Mistral", env=ENV)


def test_a_base_url_that_is_not_filled_in_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"Missing Base URL for Mistral\."):
        file(baseURL="${NOT_SET_ANYWHERE}").request("Mistral")


def test_what_the_user_provides_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="no_user_key"):
        file(apiKey="user_provided").request("Mistral", env=ENV)
    made = file(apiKey="user_provided").request("Mistral", env=ENV, user_key="theirs")
    assert made.headers["authorization"] == "Bearer theirs"
    away = file(baseURL="user_provided", headers={"x-a": "1"})
    made = away.request("Mistral", env=ENV, user_key="theirs", user_url="https://api.example.org/v1")
    assert made.headers["authorization"] == "Bearer theirs", "the user's key goes to the user's address"
    assert "x-a" not in made.headers
    assert made.url.host == "api.example.org"


def test_headers_are_filled_in_and_may_replace_the_key() -> None:
    cfg = file(
        headers={
            "x-a": "${A}",
            "x-e": "${NOPE}",
            "x-user": "{{LIBRECHAT_USER_ID}}",
            "x-none": "{{LIBRECHAT_USER_GITHUBID}}",
            "x-typo": "{{LIBRECHAT_USER_IDD}}",
            "Authorization": "Token ${B}",
        }
    )
    made = cfg.request("Mistral", env=ENV)
    told = {k: v for k, v in made.headers.items() if k.startswith("x-") or k == "authorization"}
    assert told == {
        "x-a": "x",
        "x-e": "${NOPE}",
        "x-user": "lab-user-id",
        "x-none": "",
        "x-typo": "{{LIBRECHAT_USER_IDD}}",
        "authorization": "Token y",
    }


def test_a_name_that_no_header_can_carry_goes_as_base64() -> None:
    assert fill_placeholders("{{LIBRECHAT_USER_NAME}}", {"name": "Łó"}) == "b64:xYHDsw=="
    assert fill_placeholders("{{LIBRECHAT_USER_NAME}}", {"name": "Zoë"}) == "Zoë"


def test_without_an_environment_no_key_gets_into_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    assert file().request("Mistral").headers["authorization"] == "Bearer ${MISTRAL_API_KEY}"
    literal = "sk-" + "Zq7" * 12
    cfg = file(apiKey=literal, headers={"Authorization": f"Bearer {literal}"})
    for text in (str(cfg.explain("Mistral")), cfg.explain("Mistral")._repr_html_(), cfg.export("librechat")):
        assert literal not in text
    assert literal not in str(cfg.request("Mistral").headers.raw)


# The silent filter, the gate of models --------------------------------------------------------------------------


@pytest.mark.parametrize("lacks", ["apiKey", "baseURL", "models"])
def test_an_endpoint_that_librechat_drops_makes_no_request_and_is_explained(lacks: str) -> None:
    cfg = file(**{lacks: None})
    with pytest.raises(ConfigError, match=f"drops the endpoint 'Mistral' without a word: {lacks}"):
        cfg.request("Mistral", env=ENV)
    assert "drops the endpoint" in str(cfg.explain("Mistral"))


def test_a_model_that_is_not_listed_is_refused_in_librechats_words() -> None:
    with pytest.raises(ConfigError, match=r"illegal_model_request.*Did you mean 'o3-mini'"):
        file().request("Mistral", model="o3-minni", env=ENV)
    assert file(models={"fetch": True}).request("Mistral", model="anything", env=ENV)


def test_the_first_of_two_endpoints_of_one_name_is_meant() -> None:
    cfg = file()
    both = dict(cfg.data)
    first = both["endpoints"]["custom"][0]
    both["endpoints"] = {"custom": [first, {**first, "baseURL": "https://second.example.org/v1"}]}
    assert config.loads(dump(both)).request("Mistral", env=ENV).url.host == "api.mistral.ai"


def test_a_spec_chooses_endpoint_model_and_values() -> None:
    data = dict(file().data)
    preset = {"endpoint": "Mistral", "model": "other", "temperature": 0, "promptPrefix": "Be brief.", "max_tokens": 5}
    data["modelSpecs"] = {"list": [{"name": "brief", "label": "Brief", "preset": preset}]}
    sent = json.loads(config.loads(dump(data)).request(spec="brief", env=ENV).content)
    assert sent["model"] == "other"
    assert sent["temperature"] == 0
    assert sent["max_tokens"] == 5
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}


# Titles ---------------------------------------------------------------------------------------------------------


def title(cfg: Config, **options: Any) -> dict[str, Any]:
    made = cfg.title("Mistral", "Hi there", env=ENV, **options)
    assert made is not None
    found: dict[str, Any] = json.loads(made.content)
    return found


def test_a_title_is_a_second_request_of_one_user_message_unless_it_is_switched_off() -> None:
    sent = title(file())
    assert {k: v for k, v in sent.items() if k != "messages"} == {**BARE, "stream": False}
    (message,) = sent["messages"]
    assert message["role"] == "user"
    assert message["content"].endswith("Conversation:\nUser: Hi there\nAI: ")
    assert file(titleConvo=False).title("Mistral", env=ENV) is None


def test_a_titles_model_passes_no_gate_and_its_endpoints_fields_apply_to_it() -> None:
    cfg = file(titleModel="not-in-the-list", addParams={"top_k": 4, "maxTokens": 9}, dropParams=["user"])
    sent = title(cfg)
    assert sent["model"] == "not-in-the-list"
    assert sent["top_k"] == 4
    assert "user" not in sent
    assert "max_tokens" not in sent
    assert title(file(titleModel="current_model"), model="other")["model"] == "other"


def test_a_structured_title_asks_for_json() -> None:
    for method in ("structured", "functions"):
        sent = title(file(titleMethod=method))
        assert sent["response_format"]["json_schema"]["name"] == "extract"
        assert sent["messages"][0]["content"].startswith("Analyze this conversation and provide:")
    assert "response_format" not in title(file(titleMethod="completion"))


def test_a_late_title_has_the_answer_and_its_own_words() -> None:
    cfg = file(titleTiming="final", titlePromptTemplate="Q {input} A {output}", titlePrompt="Name it: {convo}")
    assert title(cfg, answer="Hello.")["messages"][0]["content"] == "Name it: Q Hi there A Hello."


def test_a_title_may_be_asked_of_another_endpoint() -> None:
    data = dict(file(titleEndpoint="Second").data)
    second = {
        "name": "Second",
        "apiKey": "${A}",
        "baseURL": "https://second.example.org/v1",
        "models": {"default": ["small"]},
    }
    data["endpoints"] = {"custom": [data["endpoints"]["custom"][0], second]}
    made = config.loads(dump(data)).title("Mistral", env=ENV)
    assert made is not None
    assert made.url.host == "second.example.org"


def test_endpoints_all_hides_the_endpoints_title_settings() -> None:
    cfg = file(titleModel="other", top={"all": {"streamRate": 5}})
    assert title(cfg)["model"] == "mistral-small-latest"
    assert file(top={"all": {"titleConvo": False}}).title("Mistral", env=ENV) is None
    assert "endpoints.all" in cfg.explain("Mistral")["titleModel"].why


def test_a_legacy_title_was_one_system_message_with_a_limit_of_sixteen() -> None:
    cfg = file(baseURL="https://llm.example.org/v1")
    sent = title(cfg, profile="legacy")
    assert [m["role"] for m in sent.pop("messages")] == ["system"]
    assert sent == {
        "model": "gpt-3.5-turbo",
        "temperature": 0.2,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "max_tokens": 16,
    }
    assert title(file(), profile="legacy")["messages"][0]["role"] == "user", "Mistral was a special case"


# Explain, diff, what a user sees --------------------------------------------------------------------------------


def test_each_field_is_explained_with_what_leaves() -> None:
    told = file(
        addParams={"max_tokens": 2048, "top_k": 40, "seed": 7},
        dropParams=["frequency_penalty", "user"],
        titleMessageRole="user",
        summarize=True,
        modelDisplayLabel="Mistral",
        someField=1,
    ).explain("Mistral", chosen=PANEL)
    assert told["addParams.max_tokens"].leaves == "nothing"
    assert told["addParams.top_k"].leaves == "body.top_k = 40"
    assert "option of a call" in told["addParams.seed"].why
    assert told["dropParams[0]"].leaves == "`frequency_penalty` is still sent"
    assert "write `frequencyPenalty`" in told["dropParams[0]"].why
    assert told["dropParams[1]"].leaves == "no user in the body"
    assert told["chosen.top_p"].leaves == "nothing"
    assert told["titleMessageRole"].leaves == told["summarize"].leaves == told["modelDisplayLabel"].leaves == "nothing"
    assert "no such field" in told["someField"].why
    assert told["titleConvo"].leaves == "a second request"
    assert told["titleConvo"].declared == ""
    assert told["addParams.max_tokens"].line
    assert told.title is not None
    with pytest.raises(KeyError):
        told["notThere"]


def test_the_explanation_agrees_with_the_request_on_every_row() -> None:
    for name, fields, chosen, sent in ROWS:
        told = file(**fields).explain("Mistral", chosen=chosen)
        for row in told.rows:
            if row.leaves.startswith("body.") and " = " in row.leaves:
                field, value = row.leaves.removeprefix("body.").split(" = ", 1)
                assert json.dumps(sent[field]) == value, (name, row)


def test_a_difference_names_the_field_and_counts_the_bytes() -> None:
    plain, more = file().request("Mistral"), file(addParams={"top_k": 40}).request("Mistral")
    found = compare(plain, more)
    assert [(line.where, line.first, line.second) for line in found.lines] == [("body.top_k", "—", "40")]
    assert len(found.second) - len(found.first) == len('"top_k":40,')
    assert not compare(plain, plain)
    assert "No difference" in str(compare(plain, plain))
    profiles = file(addParams={"seed": 7}).diff({"profile": "legacy"}, {"profile": "current"}, endpoint="Mistral")
    assert [line.where for line in profiles.lines] == ["body.seed"]


ANSWERS: list[tuple[int, str, dict[str, str], str, int]] = [
    (
        401,
        '{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}',
        {},
        "401 Incorrect API key",
        1,
    ),
    (422, '{"object":"error","message":{"detail":[]}}', {}, "422 status code (no body)", 7),
    (400, '{"object":"error","message":"Expected last role"}', {}, "400 status code (no body)", 1),
    (401, '{"message":"Unauthorized","request_id":"1"}', {}, "401 status code (no body)", 1),
    (422, '{"detail":"x"}', {}, "422 status code (no body)", 7),
    (404, '{"detail":"Not Found"}', {}, "404 status code (no body)", 1),
    (400, '[{"error":{"code":400}}]', {}, "400 status code (no body)", 1),
    (404, '{"error":{"message":"model \\"x\\" not found"}}', {}, '404 model "x" not found', 1),
    (404, "404 page not found", {}, "404 404 page not found", 1),
    (404, '{"error":"model \\"x\\" not found"}', {}, '404 "model \\"x\\" not found"', 1),
    (402, '{"error":{"message":"Insufficient credits","code":402}}', {}, "402 Insufficient credits", 1),
    (502, "<html>bad gateway</html>", {}, "502 <html>bad gateway</html>", 7),
    (429, '{"error":{"message":"Rate limit reached"}}', {"retry-after": "1"}, "429 Rate limit reached", 7),
    (429, '{"error":{"message":"Rate limit reached"}}', {}, "429 Rate limit reached", 1),
    (429, '{"error":{"message":"Rate limit reached"}}', {"retry-after": "120"}, "429 Rate limit reached", 1),
    (429, '{"error":{"message":"Please try again in 9m38.016s"}}', {}, "429 Please try again", 1),
    (429, '{"error":{"message":"try again in 5s"}}', {}, "429 try again in 5s", 7),
    (413, '{"error":{"message":"Request too large"}}', {}, "413 Request too large", 1),
    (429, '{"error":{"message":"You exceeded your current quota"}}', {"retry-after": "1"}, "429 You exceeded", 1),
]


@pytest.mark.parametrize(("status", "text", "headers", "shown", "sent"), ANSWERS)
def test_what_a_librechat_user_sees_is_what_was_measured(
    status: int, text: str, headers: dict[str, str], shown: str, sent: int
) -> None:
    request = file().request("Mistral")
    found = seen(httpx.Response(status, text=text, headers=headers, request=request))
    assert found.message.startswith(shown)
    assert found.sent == sent
    assert found.body == text
    assert message_of(status, text) == found.message


def test_a_page_in_the_place_of_a_stream_is_an_empty_answer() -> None:
    request = file().request("Mistral")
    html = httpx.Response(200, text="<html>", headers={"content-type": "text/html"}, request=request)
    assert seen(html).message == ""
    assert "empty answer" in seen(html).remark
    broken = 'data: {"choices":[]}\n\ndata: {"error":{"message":"x"}}\n\n'
    cut = httpx.Response(200, text=broken, headers={"content-type": "text/event-stream"}, request=request)
    assert seen(cut).message == "Provider disconnected"
    assert seen(httpx.ConnectError("refused", request=request)).message == "Connection error."


# The lab's addresses --------------------------------------------------------------------------------------------


def test_an_address_is_known_by_scheme_host_and_port() -> None:
    known = facts.load()
    assert (found := provider_at("http://host.docker.internal:11434/v1", known))
    assert found.id == "ollama"
    assert (found := provider_at("https://api.mistral.ai/anything", known))
    assert found.id == "mistral"
    for other in ("https://api.mistral.ai.example.org/v1", "http://api.mistral.ai/v1", "no address", "https://[::1"):
        assert provider_at(other, known) is None


def test_a_request_goes_to_the_local_provider_with_its_path_and_the_labs_key() -> None:
    known = facts.load()
    local = {"groq": "http://127.0.0.1:9/groq/openai/v1", "mistral": "http://127.0.0.1:9/mistral/v1"}
    keys = {"groq": "local", "mistral": "local"}
    wrong = file(baseURL="https://api.mistral.ai/v1/chat/completions").request("Mistral")
    sent = sendable(wrong, known, local, keys)
    assert str(sent.url) == "http://127.0.0.1:9/mistral/v1/chat/completions/chat/completions"
    assert sent.headers["authorization"] == "Bearer local"
    assert sent.content == wrong.content
    own = httpx.Request(
        "POST", "https://api.groq.com/openai/v1/chat/completions", headers={"authorization": "Bearer no"}
    )
    assert sendable(own, known, local, keys).headers["authorization"] == "Bearer no", "a key of one's own stays"
    nobody = httpx.Request("POST", "https://llm.example.org/v1")
    assert sendable(nobody, known, local, keys) is nobody


def test_a_claude_is_given_the_limit_and_the_thinking_that_librechats_own_code_gives_it() -> None:
    anthropic = facts.load().get("anthropic")
    assert anthropic is not None
    older = [
        "claude-opus-4",
        "claude-3-5-haiku-20241022",
        "claude-3-7-sonnet-latest",
        "claude-opus-4-1-20250805",
        "claude-opus-4-20250514",
    ]
    models = [*anthropic.models, *older, "claude-sonnet-4-20250514", "claude-haiku-6", "claude-opus-4.6", "no-claude"]
    told = json.loads(run_script("librechat_claude.cjs", json.dumps(models)))
    assert [[adapts(model), anthropic_limit(model)] for model in models] == told
