"""The check of a librechat.yaml: each grade, each finding at its place, edits as splices, no key ever shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from librechat_probes import PROBES, TOP, endpoint, spec

from labkit import config, facts
from labkit.config.findings import GRADES, looks_like_key
from labkit.errors import ParameterError

FACTS = facts.load()


def found(text: str, profile: str = "current") -> dict[str, str]:
    """code: the finding's whole sentence."""
    return {f.code: str(f) for f in config.loads(text).check(FACTS, profile)}


CASES = [
    ("start-up", "params-endpoint", endpoint("customParams: {defaultParamsEndpoint: groq}"), "There are openAI"),
    ("start-up", "params-key", endpoint("customParams: {paramDefinitions: [{key: temprature}]}"), "'temperature'"),
    ("dropped", "endpoint-dropped", TOP + "endpoints: {custom: [{name: A, apikey: x}]}\n", "`apikey` must be spelled"),
    ("ignored", "removed-key", endpoint("summarize: true"), "`summarization:`"),
    ("ignored", "unknown-key", endpoint("titelConvo: true"), "Did you mean 'titleConvo'"),
    (
        "ignored",
        "unknown-key",
        endpoint("models:\n  default: [a]\n  titleConvo: true"),
        "belongs to endpoints.custom[]",
    ),
    ("ignored", "dead-key", endpoint("titleMessageRole: user"), "nothing reads titleMessageRole"),
    ("surprising", "drop-has-no-effect", endpoint("dropParams: [user, frequency_penalty]"), "Write frequencyPenalty"),
    ("surprising", "drop-model", endpoint("dropParams: [user, model]"), "gpt-3.5-turbo"),
    ("surprising", "add-max-tokens", endpoint("addParams: {max_tokens: 2048}"), "Write maxTokens"),
    ("surprising", "add-is-lost", endpoint("addParams: {seed: 7}"), "seed is lost"),
    ("surprising", "add-stream", endpoint("addParams: {stream: false}"), "disableStreaming"),
    ("surprising", "add-model", endpoint("addParams: {model: other}"), "whatever the menu says"),
    ("surprising", "add-moves-path", endpoint("addParams: {web_search: true}"), "/responses"),
    (
        "surprising",
        "default-max-tokens",
        endpoint("customParams: {paramDefinitions: [{key: max_tokens, default: 5}]}"),
        "not sent",
    ),
    ("surprising", "titles-on", endpoint(), "titleConvo: false"),
    ("surprising", "endpoints-all", TOP + "endpoints: {all: {titleConvo: false}}\n", "not merged"),
    ("surprising", "two-variables", endpoint('apiKey: "${A}-${B}"'), "braces"),
    ("surprising", "shell-syntax", endpoint('apiKey: "${A:-x}"'), "no defaults"),
    ("surprising", "spaces-in-variable", endpoint('apiKey: "${ A }"'), "spaces"),
    ("surprising", "no-braces", endpoint("apiKey: $MISTRAL"), "Write ${MISTRAL}"),
    ("surprising", "doubled-dollar", endpoint('apiKey: "$${A}"'), "docker-compose"),
    ("surprising", "infrastructure-secret", endpoint('apiKey: "${JWT_SECRET}"'), "never puts JWT_SECRET"),
    ("surprising", "user-provided", endpoint("apiKey: user-provided"), 'Write "user_provided"'),
    ("surprising", "same-name", TOP + "endpoints: {custom: [{name: a}, {name: a}]}\n", "the one of line 2"),
    (
        "surprising",
        "base-url-has-path",
        endpoint("baseURL: https://api.mistral.ai/v1/chat/completions"),
        "Give the base only: 'https://api.mistral.ai/v1'",
    ),
    ("surprising", "base-url-without-path", endpoint("baseURL: https://api.mistral.ai"), "'https://api.mistral.ai/v1'"),
    ("surprising", "direct-without-path", endpoint("directEndpoint: true"), "/chat/completions"),
    ("surprising", "another-provider", endpoint("name: Groq"), "Groq is at 'https://api.groq.com/openai/v1'"),
    ("surprising", "another-key", endpoint('apiKey: "${OPENAI_API_KEY}"'), "OpenAI's key"),
    ("surprising", "not-a-url", endpoint("baseURL: api.mistral.ai/v1"), "https://"),
    ("surprising", "unknown-model", endpoint("models: {default: [mistral-smal-latest]}"), "'mistral-small-latest'"),
    (
        "surprising",
        "retired-model",
        endpoint("name: D", "baseURL: https://api.deepseek.com", "models: {default: [deepseek-chat]}"),
        "retired 'deepseek-chat' on 2026-07-24",
    ),
    ("surprising", "refused-parameter", endpoint("dropParams: [stop]"), "dropParams: [user]"),
    ("surprising", "model-id", endpoint("models: {default: ['my model']}"), "letters, digits"),
    ("surprising", "no-such-endpoint", spec("endpoint: Mistrl"), "no endpoint 'Mistrl'"),
    ("surprising", "old-version", "version: 1.2.1\n", "1.3.17"),
    ("secret", "literal-key", endpoint("apiKey: Zm9vYmFyYmF6cXV4"), "a literal value of apiKey"),
]


@pytest.mark.parametrize(("grade", "code", "text", "says"), CASES, ids=[f"{c[1]}-{n}" for n, c in enumerate(CASES)])
def test_each_trap_is_found_and_says_what_is_right(grade: str, code: str, text: str, says: str) -> None:
    findings = found(text)
    assert code in findings
    assert findings[code].endswith(f"[{grade}]")
    assert says in findings[code]


def test_a_good_endpoint_has_no_finding() -> None:
    assert found(endpoint("titleConvo: false", "dropParams: [user]")) == {}


def test_the_legacy_profile_drops_the_names_of_the_wire() -> None:
    text = endpoint("dropParams: [user, frequency_penalty]", "addParams: {max_tokens: 5}", "forcePrompt: true")
    assert not {"drop-has-no-effect", "add-max-tokens", "removed-key"} & set(found(text, "legacy"))


def test_a_finding_names_file_line_and_path() -> None:
    cfg = config.loads(endpoint("dropParams: [user, max_tokens]"), "mine.yaml")
    (one,) = [f for f in cfg.check(FACTS) if f.code == "drop-has-no-effect"]
    assert (one.file, one.line, one.path) == ("mine.yaml", 8, "endpoints.custom[0].dropParams[1]")
    assert str(one).startswith("mine.yaml:8:26: endpoints.custom[0].dropParams[1]: ")
    assert one.grade in GRADES


KEYS = [
    "sk-proj-abcDEF1234567890abcDEF",
    "gsk_abcdefghijklmnop1234567890",
    "xai-abcdefghijklmnop1234567890",
    "AIzaSyA-1234567890abcdefghijk",
    "s3cr3tvalue99",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "form",
    [
        "apiKey: {key}",
        'apiKey: "{key}"',
        'headers: {{Authorization: "Bearer {key}"}}',
        "headers: {{x-api-key: {key}}}",
        "baseURL: https://a.example/v1?api_key={key}",
        "baseURL: https://me:{key}@a.example/v1",
    ],
)
def test_a_key_in_the_file_is_told_by_its_place_and_never_shown(key: str, form: str) -> None:
    cfg = config.loads(endpoint(form.format(key=key)))
    findings = cfg.check(FACTS)
    assert "literal-key" in {f.code for f in findings}
    shown = "\n".join([*map(str, findings), *map(repr, findings), repr(cfg), repr(cfg.endpoints)])
    assert key not in shown
    assert not looks_like_key(shown)


@pytest.mark.parametrize("key", KEYS[:4])
@pytest.mark.parametrize(
    "text",
    [
        "# {key}\nversion: 1.3.17\n",
        "{key}: 1\n",
        "version: {key}\n",
        "a: *{key}\n",
        "a: !{key} x\n",
        "endpoints: {{ {key}: 1 }}\nversion: 1.3.17\n",
        "a: [ {key}\n",
    ],
)
def test_a_key_in_a_strange_place_is_not_shown_either(key: str, text: str) -> None:
    shown = "\n".join(map(str, config.loads(text.format(key=key)).check(FACTS)))
    assert shown
    assert key not in shown


@pytest.mark.parametrize("word", ["ollama", "none", "sk-xxxx", "your-api-key", "user_provided", "${A}", "lm-studio"])
def test_a_word_that_is_no_key_is_not_called_one(word: str) -> None:
    assert "literal-key" not in found(endpoint(f'apiKey: "{word}"'))


def test_the_findings_show_themselves_and_say_each_grade_in_plain_words() -> None:
    text = TOP + "endpoints: {custom: [{name: A, apikey: x, titleMessageRole: user}]}\n"
    findings = config.loads(text, "mine.yaml").check(FACTS)
    told, shown = str(findings), findings._repr_html_()
    for form in (told, shown):
        assert "mine.yaml: LibreChat accepts it; " in form
        assert "dropped" in form
        assert "without a word" in form
    assert "ignored (2): the key has no effect" in told
    assert findings.amiss
    assert not config.loads(endpoint("titleConvo: false", "dropParams: [user]")).check(FACTS).amiss
    several = config.loads(TOP + "endpoints: {custom: [" + "{name: a}, " * 400 + "]}\n").check(FACTS)
    assert len(several.grade("dropped")) == 201
    assert "there are more findings" in str(several)


def test_the_fuzz_finds_no_traceback() -> None:
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, str(root / "benchmarks" / "config_fuzz.py"), "400", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


# --- edits --------------------------------------------------------------------------------------------------------

TEXT = """\
# my settings
version: 1.3.17   # as of today

endpoints:
  custom:
    # the first
    - name: "Mistral"      # a name
      strange: kept
      models: {default: [a, b]}  # a list
      dropParams:
        - user
        - stop   # why not

    - name: Groq
      titleConvo: true
"""


@pytest.mark.parametrize(
    ("keys", "value", "before", "after"),
    [
        (("version",), "1.3.18", "1.3.17", '"1.3.18"'),
        (("endpoints", "custom", 0, "name"), "A", '"Mistral"', '"A"'),
        (("endpoints", "custom", 0, "models", "default", 1), "c", "[a, b]", '[a, "c"]'),
        (("endpoints", "custom", 0, "models", "fetch"), True, "[a, b]}", "[a, b], fetch: true}"),
        (("endpoints", "custom", 1, "titleConvo"), False, "titleConvo: true", "titleConvo: false"),
        (
            ("endpoints", "custom", 0, "titleConvo"),
            False,
            "        - stop   # why not\n",
            "        - stop   # why not\n      titleConvo: false\n",
        ),
        (
            ("endpoints", "custom", 1, "addParams", "top_k"),
            5,
            "Convo: true\n",
            "Convo: true\n      addParams:\n        top_k: 5\n",
        ),
    ],
)
def test_an_edit_changes_its_place_alone(keys: tuple[Any, ...], value: Any, before: str, after: str) -> None:
    edited = config.loads(TEXT).set(keys, value)
    assert edited.text == TEXT.replace(before, after, 1)
    at = edited.data
    for key in keys:
        at = at[key]
    assert at == value


def test_entries_are_added_and_taken_away_with_their_lines() -> None:
    cfg = config.loads(TEXT)
    assert cfg.append(("endpoints", "custom", 0, "dropParams"), "n").text == TEXT.replace(
        "# why not\n", '# why not\n        - "n"\n'
    )
    assert cfg.remove(("endpoints", "custom", 0, "strange")).text == TEXT.replace("      strange: kept\n", "")
    assert cfg.remove(("endpoints", "custom", 0, "models", "default", 0)).text == TEXT.replace("[a, b]", "[b]")
    assert cfg.remove(("endpoints", "custom", 1, "name")).text == TEXT.replace("- name: Groq\n      ", "- ")
    with pytest.raises(ParameterError):
        cfg.remove(("endpoints", "nothing"))


def paths(value: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [keys, *(path for key, inner in pairs for path in paths(inner, (*keys, key)))]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(paths(config.loads(TEXT).data)[1:]),
    st.sampled_from(["x", "no", "", "a: b", "é\n'\"", 5, 1.5, None, True, [], {}, [1, "a"], {"a": {"b": ["c"]}}]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_value_can_be_put_anywhere_and_reads_back(keys: tuple[Any, ...], value: Any, line_break: str) -> None:
    cfg = config.loads(TEXT.replace("\n", line_break))
    edited = cfg.set(keys, value)
    assert edited.problem is None, edited.text
    wanted = config.loads(TEXT).data
    at = wanted
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    assert edited.data == wanted
    assert edited.text.startswith(f"# my settings{line_break}version: ")


# --- whatever the text --------------------------------------------------------------------------------------------

WHOLE = "".join(text for text, _ in list(PROBES.values())[:60])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([TEXT, *(text for text, _ in PROBES.values())]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9), st.text(max_size=6)), min_size=1, max_size=4),
)
def test_any_text_is_read_or_refused_with_a_finding(text: str, cuts: list[tuple[int, int, str]]) -> None:
    for start, length, put in cuts:
        text = text[:start] + put + text[start + length :]
    cfg = config.loads(text)
    findings = cfg.check(FACTS)
    assert cfg.accepted or any(f.grade == "schema" for f in findings)
    assert all("\n" not in str(f) for f in findings)
