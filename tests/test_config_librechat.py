"""The verdict of labkit.config is that of LibreChat's own schema, run by node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from librechat_node import canonical, node_says, run_script
from librechat_probes import PROBES

from labkit import config
from labkit.config import zod
from labkit.config.rules import is_url

URLS = {
    **dict.fromkeys(
        "http://a https:///a http:a ws://a file:///x mailto:x http://${HOST}/x http://[::1]:80 HTTP://A http://ex%41 "
        "http://{{X}}/ http://a_b stdio:x foo: http://user:p@h/ http://0x7f.1 http://ä.de http://a..b http://- "
        "localhost:3000 http:\\\\a\\b http://host.docker.internal:11434/v1".split(),
        True,
    ),
    **dict.fromkeys(
        "${X} ${X}/p http:// http://a:99999 http://a:x a.b http://1.2.3.4.5 http://1.2.3.256 http://[::z] //a "
        "http://a%zz http://a|b http://a^b http://a<b http://%00a 1a:b http://? http://#".split(),
        False,
    ),
}


@pytest.mark.parametrize("name", PROBES)
def test_each_probe_is_judged_as_librechat_judged_it(name: str) -> None:
    text, accepted = PROBES[name]
    cfg = config.loads(text)
    assert cfg.accepted == accepted, cfg.problem or cfg.verdict.issues
    assert any(finding.grade == "schema" for finding in cfg.check()) != accepted


def test_librechat_still_judges_the_probes_so() -> None:
    texts = [text for text, _ in PROBES.values()]
    for (name, (text, accepted)), theirs in zip(PROBES.items(), node_says(texts), strict=True):
        assert theirs.get("accepted", False) == accepted, name
        if "data" in theirs:
            assert canonical(config.loads(text).data) == theirs["data"], name


def test_the_schema_is_the_one_that_is_published() -> None:
    printed = json.loads(run_script("librechat_schema.cjs"))
    assert printed["package"] == "librechat-data-provider 0.8.524"
    assert printed == zod.schema()


def test_every_rule_of_the_schema_that_is_code_has_its_code() -> None:
    from labkit.config.rules import RULES

    named = {node["rule"] for node in zod.schema()["nodes"] if node["kind"] == "rule"}
    assert named == set(RULES)


@pytest.mark.parametrize("url", URLS)
def test_what_is_a_url_is_as_in_javascript(url: str) -> None:
    assert is_url(url) == URLS[url]


def test_a_key_that_the_schema_strips_is_named() -> None:
    cfg = config.loads(PROBES["summarize"][0])
    assert [path[-1] for path in cfg.verdict.ignored] == ["summarize", "summaryModel", "forcePrompt"]


# --- mutations: a good file in which one thing is changed ---------------------------------------------------------

GOOD: dict[str, Any] = {
    "version": "1.3.17",
    "cache": True,
    "interface": {"modelSelect": True, "parameters": True},
    "registration": {"socialLogins": ["github"]},
    "mcpServers": {"files": {"command": "npx", "args": ["-y", "server"]}},
    "endpoints": {
        "all": {"titleConvo": False},
        "custom": [
            {
                "name": "Mistral",
                "apiKey": "${MISTRAL_API_KEY}",
                "baseURL": "https://api.mistral.ai/v1",
                "models": {"default": ["mistral-small-latest"], "fetch": True},
                "titleConvo": True,
                "titleMethod": "completion",
                "headers": {"x-a": "b"},
                "addParams": {"safe_prompt": True, "nested": {"a": [1, None]}},
                "dropParams": ["user"],
                "customParams": {"defaultParamsEndpoint": "custom", "paramDefinitions": [{"key": "temperature"}]},
                "tokenConfig": {"m": {"prompt": 1, "completion": 2, "context": 3}},
            }
        ],
    },
    "modelSpecs": {
        "list": [{"name": "a", "label": "A", "preset": {"endpoint": "Mistral", "model": "m", "max_tokens": "5"}}]
    },
}


def places(value: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [keys] if keys else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += places(inner, (*keys, key))
    return found


def mutated(keys: tuple[Any, ...], how: str, put: Any) -> str:
    data = json.loads(json.dumps(GOOD))
    at = data
    for key in keys[:-1]:
        at = at[key]
    if how == "remove":
        del at[keys[-1]]
    elif how == "rename" and isinstance(at, dict):
        at[str(keys[-1]).lower() + "x"] = at.pop(keys[-1])
    elif how == "add" and isinstance(at, dict):
        at["strange"] = put
    else:
        at[keys[-1]] = put
    return json.dumps(data)


VALUES = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 1e30, "", "a", "true", "openAI", "user_provided", [], ["a"], [1], {}, {"a": "b"}]
)
MUTATIONS = st.builds(
    mutated, st.sampled_from(places(GOOD)), st.sampled_from(["put", "put", "remove", "rename", "add"]), VALUES
)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(MUTATIONS, min_size=40, max_size=40))
def test_librechat_judges_mutations_as_the_check_does(texts: list[str]) -> None:
    for text, theirs in zip([json.dumps(GOOD), *texts], node_says([json.dumps(GOOD), *texts]), strict=True):
        cfg = config.loads(text)
        assert cfg.accepted == theirs["accepted"], (text, theirs["issues"], cfg.verdict.issues)


def test_the_frozen_schema_names_its_source() -> None:
    text = (Path(zod.__file__).parent / "schema.json").read_text(encoding="utf-8")
    assert text.startswith('{\n "package": "librechat-data-provider 0.8.524"')
