"""Exports: LibreChat's own schema, a LiteLLM proxy and newman take them; generated files; the menu; the command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import outside
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from librechat_node import canonical, node_says
from librechat_probes import PROBES
from ruamel.yaml import YAML

from conftest import Caller
from labkit import Lab, cli, config, facts
from labkit.config.address import sendable
from labkit.config.from_facts import librechat_yaml
from labkit.config.request import first_model
from labkit.config.seen import seen
from labkit.config.to_librechat import dump
from labkit.errors import ConfigError, LabError, LiveRefused, ParameterError

CONFIGS = facts.CONFIGS
LITERAL = "sk-" + "Zq7" * 12  # made up here
AWKWARD = f"""\
version: 1.3.17
endpoints:
  custom:
    - name: "An Endpoint (EU)"
      apiKey: {LITERAL}
      baseURL: https://api.mistral.ai/v1
      headers: {{Authorization: "Bearer {LITERAL}", x-note: "fine", x-user: "{{{{LIBRECHAT_USER_ID}}}}"}}
      models: {{default: [mistral-small-2603, {{name: other, description: "no: yes"}}], fetch: false}}
      addParams: {{topLogprobs: 2, top_k: 40, temperature: 0.5, on: off, when: 2026-01-02}}
      dropParams: [frequencyPenalty, user]
      titleConvo: false
      # an unknown key, kept
      later: {{1.5: "two\\nlines", "null": null, "": [], "a: b": 1e21}}
    - name: dropped
      apikey: {LITERAL}
    - name: Asked
      apiKey: user_provided
      baseURL: user_provided
      models: {{default: [m], fetch: true}}
"""


def pyyaml(text: str) -> Any:
    return yaml.safe_load(text)


def own(name: str = "librechat.yaml") -> config.Config:
    return config.read(CONFIGS / name)


# What lies in the repository ------------------------------------------------------------------------------------


def test_the_repositorys_librechat_yaml_is_what_the_facts_give() -> None:
    made = librechat_yaml(facts.load())
    there = (CONFIGS / "librechat.yaml").read_text(encoding="utf-8")
    assert there == made, "write it anew: python -m labkit.config.from_facts"


def test_it_has_every_provider_at_its_address_with_living_models_and_no_finding() -> None:
    cfg, known = own(), facts.load()
    providers = {p.label: p for p in known.values() if p.id != "lab"}
    assert {str(e.name) for e in cfg.endpoints} == set(providers)
    assert len(providers) == 8
    for endpoint in cfg.endpoints:
        provider = providers[str(endpoint.name)]
        assert endpoint.baseURL == provider.address.base_url
        if provider.id != "anthropic":  # LibreChat's request for its chat model is one that Anthropic refuses
            assert first_model(endpoint.raw, str(endpoint.baseURL)) == provider.model("chat").id
        assert set(endpoint.models.names) <= set(provider.alive())
    assert [str(finding) for finding in cfg.check()] == []


def test_every_request_of_it_is_answered_by_the_local_providers(call: Caller) -> None:
    known = call.server.facts
    local = {name: call.server.provider_url(name) for name in known}
    keys = {name: known[name].key.local for name in known}
    for endpoint in own().endpoints:
        for request in (own().request(str(endpoint.name), "Hi"), own().title(str(endpoint.name), "Hi")):
            assert request is not None
            answer = call.http.send(sendable(request, known, local, keys))
            assert answer.status_code == 200, (endpoint.name, answer.text)


def test_the_blogs_example_worked_on_its_day_and_does_not_now(call: Caller, autumn_2025: Caller) -> None:
    cfg = own("blog-2025-09.yaml")
    request = cfg.request("Deepseek", "Hi", profile="legacy")
    for caller, status in ((autumn_2025, 200), (call, 400)):
        known = caller.server.facts
        local, keys = {"deepseek": caller.server.provider_url("deepseek")}, {"deepseek": known["deepseek"].key.local}
        answer = caller.http.send(sendable(request, known, local, keys))
        assert answer.status_code == status, answer.text
    assert "deepseek-chat" in seen(answer).message
    told = " ".join(str(finding) for finding in cfg.check())
    assert all(
        word in told for word in ("deepseek-chat", "summarize", "forcePrompt", "max_tokens", "frequency_penalty")
    )


def test_lab_send_keeps_the_chat_and_its_title_as_two_exchanges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PACE", "quick")
    lab, cfg = Lab(), own()
    request, title = cfg.request("Mistral", "Hi"), cfg.title("Mistral", "Hi")
    assert title is not None
    answer = lab.send(request)
    assert answer.status_code == lab.send(title).status_code == 200
    assert answer.text.rstrip().endswith("[DONE]")
    assert [exchange.provider for exchange in lab.log] == ["mistral", "mistral"]
    broken = cfg.set(("endpoints", "custom", 4, "baseURL"), "https://api.mistral.ai/v2")
    assert lab.send(broken.request("Mistral")).status_code == 404
    with pytest.raises(LiveRefused):
        lab.send(httpx.Request("POST", "https://llm.example.org/v1"))


# LibreChat's own format -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["librechat.yaml", "blog-2025-09.yaml"])
def test_an_export_says_the_same_and_is_accepted_by_librechats_own_schema(source: str) -> None:
    cfg = own(source)
    text = cfg.export("librechat")
    again = config.loads(text)
    assert again.data == cfg.data
    assert again.accepted
    assert again.export("librechat") == text
    (told,) = node_says([text])
    assert told["accepted"], told
    assert told["data"] == canonical(cfg.data)


def test_an_awkward_file_is_exported_whole_and_without_its_keys() -> None:
    cfg = config.loads(AWKWARD)
    text = cfg.export("librechat")
    assert LITERAL not in text
    assert LITERAL[5:20] not in text
    expected = json.loads(json.dumps(cfg.data, default=str))
    first, dropped, asked = expected["endpoints"]["custom"]
    first["apiKey"] = "${AN_ENDPOINT_EU_API_KEY}"
    first["headers"]["Authorization"] = "Bearer ${AN_ENDPOINT_EU_API_KEY}"
    dropped["apikey"] = "${DROPPED_API_KEY}"
    again = config.loads(text)
    assert json.loads(json.dumps(again.data, default=str)) == expected
    (told,) = node_says([text])
    assert told["data"] == canonical(again.data)
    assert pyyaml(text)["endpoints"]["custom"][2] == asked
    for format in ("litellm", "env", "postman"):
        assert LITERAL not in cfg.export(format)
    assert LITERAL not in str(cfg.explain()) + str(cfg.menu())


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def plain(value: Any) -> Any:
    """With one kind of number, as JavaScript has it."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(TEXT.filter(lambda key: key != "__proto__"), VALUES, max_size=4))
def test_whatever_is_written_reads_back_the_same_in_three_readers(data: dict[str, Any]) -> None:
    text = dump(data)
    assert plain(config.loads(text).data) == plain(data)
    assert plain(pyyaml(text)) == plain(data)
    assert plain(YAML(typ="safe", pure=True).load(text)) == plain(data)


def test_words_that_look_like_something_else_read_back_in_node() -> None:
    words = ["no", "on", "~", "", "1.0", "0x1f", "12:30", "<<", "=", "&a", "*a", "- a", "a: b", "#", "\t", " x ", "é\u2028\ud7ff\x7f", "{{A}}", "2026-01-02", "'", '"', "\\", "a\nb\n"]  # fmt: skip # noqa: E501
    data = {"k": words, **{word: word for word in words}}
    (told,) = node_says([dump(data)])
    assert told["data"] == canonical(data)


# Variables, LiteLLM ---------------------------------------------------------------------------------------------


def test_the_variables_are_listed_by_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", LITERAL)
    text = own().export("env")
    names = [line for line in text.splitlines() if not line.startswith("#")]
    assert "MISTRAL_API_KEY=" in names
    assert "OPENROUTER_KEY=" in names
    assert all(line.endswith("=") for line in names)
    assert len(names) == 7


def test_litellm_gets_the_same_endpoints_in_its_own_words() -> None:
    made = pyyaml(config.loads(AWKWARD).export("litellm"))
    first = made["model_list"][0]
    assert first["model_name"] == "An Endpoint (EU)/mistral-small-2603"
    assert first["litellm_params"] == {
        "model": "openai/mistral-small-2603",
        "api_base": "https://api.mistral.ai/v1",
        "api_key": "os.environ/AN_ENDPOINT_EU_API_KEY",
        "top_logprobs": 2,
        "extra_body": {"top_k": 40, "on": "off", "when": first["litellm_params"]["extra_body"]["when"]},
        "temperature": 0.5,
        "additional_drop_params": ["frequency_penalty", "user"],
        "extra_headers": {"x-note": "fine"},
    }
    assert made["model_list"][2]["litellm_params"]["api_base"] == "os.environ/ASKED_BASE_URL"
    assert "dropped is left out" in config.loads(AWKWARD).export("litellm")


def needs_proxy() -> None:
    """Leave the test out where the proxy is not installed; install it where everything must be there."""
    if outside.ready("litellm-proxy"):
        return
    if not os.environ.get("LAB_CI"):
        pytest.skip("no litellm proxy here: python tests/outside.py litellm-proxy")
    outside.make("litellm-proxy")


def beside(**more: str) -> dict[str, str]:
    """An environment for another program: no proxies, nothing of the lab's."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY") and k != "PYTHONPATH"}
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", **more}


def test_a_real_litellm_proxy_starts_from_the_export_and_reaches_the_right_provider(
    call: Caller, tmp_path: Path
) -> None:
    needs_proxy()
    known = call.server.facts
    cfg = own()
    variables = {}
    for number, endpoint in enumerate(cfg.endpoints):
        provider = next(p for p in known.values() if p.label == endpoint.name)
        cfg = cfg.set(("endpoints", "custom", number, "baseURL"), call.server.provider_url(provider.id))
        variables[str(endpoint.apiKey).strip("${}")] = provider.key.local
    (tmp_path / "proxy.yaml").write_text(cfg.export("litellm"), encoding="utf-8")
    port = _free_port()
    with (tmp_path / "log").open("wb") as log:
        command = [str(outside.python("litellm-proxy")), "-c", "import litellm; litellm.run_server()"]
        command += ["--config", str(tmp_path / "proxy.yaml"), "--port", str(port), "--host", "127.0.0.1"]
        env = beside(**variables, LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_TELEMETRY="False")
        proxy = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=tmp_path)
        try:
            _wait(f"http://127.0.0.1:{port}/health/liveliness", proxy, tmp_path / "log")
            for name in ("Mistral", "Groq"):
                provider = next(p for p in known.values() if p.label == name)
                body = {
                    "model": f"{name}/{provider.model('chat').id}",
                    "messages": [{"role": "user", "content": "Hi"}],
                    "max_tokens": 8,
                }
                if name == "Mistral":
                    body["user"] = "refused by Mistral, and dropped on the way"
                answer = call.http.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body, timeout=120)
                assert answer.status_code == 200, (answer.text, (tmp_path / "log").read_text()[-2000:])
                assert call.server.log[-1].provider == provider.id
        finally:
            proxy.terminate()
            proxy.wait(30)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the address answers; at most five minutes, for a busy machine."""
    for _ in range(600):
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            if httpx.get(url, trust_env=False, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"the proxy did not start: {log.read_text(errors='replace')[-3000:]}")


# Postman --------------------------------------------------------------------------------------------------------


def test_a_collection_has_each_endpoints_requests_with_variables_for_address_and_key() -> None:
    cfg = own()
    made = json.loads(cfg.export("postman"))
    assert made["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert [folder["name"] for folder in made["item"]] == [e.name for e in cfg.endpoints]
    values = {one["key"]: one["value"] for one in made["variable"]}
    assert values["MISTRAL_BASE_URL"] == "https://api.mistral.ai/v1"
    assert values["MISTRAL_API_KEY"] == ""
    mistral = next(folder for folder in made["item"] if folder["name"] == "Mistral")
    chat, title, models = (item["request"] for item in mistral["item"])
    assert chat["url"]["raw"] == "{{MISTRAL_BASE_URL}}/chat/completions"
    assert {"key": "authorization", "value": "Bearer {{MISTRAL_API_KEY}}", "type": "text"} in chat["header"]
    assert json.loads(chat["body"]["raw"]) == json.loads(cfg.request("Mistral").content)
    assert json.loads(title["body"]["raw"])["stream"] is False
    assert models["method"] == "GET"
    assert models["url"]["raw"] == "{{MISTRAL_BASE_URL}}/models"


NEWMAN = outside.OUTSIDE / "newman" / "node_modules" / "newman" / "bin" / "newman.js"


def needs_newman() -> str:
    """node's path; the test is left out where newman is not installed, and newman installed where it must be there."""
    node, npm = shutil.which("node"), shutil.which("npm")
    command = "npm install --prefix .outside/newman --ignore-scripts newman@6"
    if node and not NEWMAN.exists() and npm and os.environ.get("LAB_CI"):
        (outside.OUTSIDE / "newman").mkdir(parents=True, exist_ok=True)
        subprocess.run([npm, *command.split()[1:]], cwd=outside.OUTSIDE.parent, capture_output=True, timeout=600)
    if node and NEWMAN.exists():
        return node
    reason = f"no newman here: {command}"
    pytest.fail(reason) if os.environ.get("LAB_CI") else pytest.skip(reason)


def test_newman_runs_the_collection_against_the_local_providers(call: Caller, tmp_path: Path) -> None:
    node = needs_newman()
    known = call.server.facts
    labels = {p.label: p for p in known.values()}
    cfg = own()
    urls = {str(e.name): call.server.provider_url(labels[str(e.name)].id) for e in cfg.endpoints}
    (tmp_path / "collection.json").write_text(cfg.export("postman", base_urls=urls), encoding="utf-8")
    command = [node, str(NEWMAN), "run", str(tmp_path / "collection.json"), "--reporters", "json", "--timeout-request"]
    command += ["120000", "--reporter-json-export", str(tmp_path / "report.json")]
    for endpoint in cfg.endpoints:
        provider = labels[str(endpoint.name)]
        name = str(endpoint.apiKey).strip("${}") if "${" in str(endpoint.apiKey) else "OLLAMA_API_KEY"
        command += ["--env-var", f"{name}={provider.key.local}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=beside())
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["run"]
    failed = [(f["source"]["name"], f["parent"].get("name"), f["error"]["message"]) for f in report["failures"]]
    assert failed == [], done.stdout[-1500:]
    assert done.returncode == 0
    assert report["stats"]["requests"]["total"] == 3 * len(cfg.endpoints)


# The menu, the command ------------------------------------------------------------------------------------------

MENU = """\
version: "1.3.17"
endpoints:
  custom:
    - {name: Groq, apiKey: "${A}", baseURL: "https://x.example.org", modelDisplayLabel: Groq, models: {default: [qwen3, gpt-4o]}}
    - {name: lost, apikey: "${A}", baseURL: "https://x.example.org", models: {default: [m]}}
modelSpecs:
  list:
    - {name: b, label: Second, order: 2, group: Tools, groupIcon: wrench, preset: {endpoint: Groq, model: qwen3}}
    - {name: a, label: First, order: 1, default: true, description: the quick one, preset: {endpoint: Groq, model: qwen3}}
    - {name: c, label: Inside, group: Groq, iconURL: spark, preset: {endpoint: Groq, model: gpt-4o}}
"""  # noqa: E501


def test_the_menu_shows_specs_by_order_groups_and_icons() -> None:
    lines = str(config.loads(MENU).menu()).splitlines()
    assert lines == [
        "● First  (the quick one · qwen3)",
        "▸ [wrench] Tools",
        "  · Second  (qwen3)",
        "▸ Groq",
        "  · [spark] Inside  (gpt-4o)",
        "Note: lost is not there: apiKey missing.",
        "Note: Model specs hide the endpoints' own menu; `interface: {modelSelect: true}` brings it back.",
    ]
    shown = str(config.loads(MENU + "interface: {modelSelect: true}\n").menu())
    assert "  · qwen3\n" in shown  # answers under the endpoint's own label, which is not said again
    assert "  · gpt-4o  (answers as GPT-4o)" in shown
    assert "nobody may use anything but" in str(
        config.loads(MENU.replace("  list:", "  enforce: true\n  list:")).menu()
    )


def test_what_is_shown_in_a_notebook_is_inert() -> None:
    bad = "<script>alert(1)</script>"
    cfg = config.loads(MENU.replace("First", bad).replace("the quick one", bad).replace("modelDisplayLabel: Groq", f'iconURL: "{bad}"'))  # fmt: skip # noqa: E501
    for part in (cfg.menu(), cfg.explain("Groq"), cfg.diff({"chosen": {"x": bad}}, {}, endpoint="Groq")):
        assert "<script" not in part._repr_html_()


def test_the_command_explains_and_exports(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = str(CONFIGS / "librechat.yaml")
    assert cli.main(["config", "explain", path, "Mistral"]) == 0
    assert "dropParams[0]" in capsys.readouterr().out
    assert cli.main(["config", "export", path, "--format", "env"]) == 0
    assert "MISTRAL_API_KEY=" in capsys.readouterr().out
    assert cli.main(["config", "menu", path]) == 0
    assert "▸ Mistral" in capsys.readouterr().out
    out = tmp_path / "proxy.yaml"
    assert cli.main(["config", "export", path, "--format", "litellm", "--output", str(out)]) == 0
    assert pyyaml(out.read_text(encoding="utf-8"))["model_list"]
    assert cli.main(["config", "check", path]) == 0
    capsys.readouterr()
    assert cli.main(["config", "explian", path]) == 1
    assert "Did you mean 'explain'?" in capsys.readouterr().err
    assert cli.main(["config", "export", path, "--format", "posman"]) == 1
    assert "Did you mean 'postman'?" in capsys.readouterr().err


def test_what_holds_no_configuration_is_said_and_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="nothing to export"):
        config.loads("- 1\n").export("env")
    with pytest.raises(ParameterError, match="no export called 'xml'"):
        config.loads("version: 1.3.17\n").export("xml")
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n", encoding="utf-8")
    assert cli.main(["config", "explain", str(tmp_path / "bad.yaml")]) == 1
    assert "duplicated mapping key" in capsys.readouterr().out


@pytest.mark.parametrize("format", ["librechat", "litellm", "env", "postman"])
@pytest.mark.parametrize(
    "text",
    ["", "null", "a: 1", "endpoints: 3", "endpoints: {custom: [1, null, {}, {name: [1]}]}", "endpoints: {custom: {}}"],
)
def test_no_shape_of_a_file_ends_in_a_traceback(text: str, format: str) -> None:
    cfg = config.loads(text)
    for make in (lambda: cfg.export(format), cfg.menu, cfg.explain, cfg.request, cfg.title):
        try:
            make()
        except LabError as error:
            assert str(error)  # noqa: PT017


def test_no_probe_of_the_reader_ends_in_a_traceback_of_what_is_made_from_it() -> None:
    done = 0
    for text, _ in PROBES.values():
        cfg = config.loads(text)
        if not isinstance(cfg.data, dict):
            continue
        makers: list[Any] = [cfg.menu, cfg.title, lambda cfg=cfg: cfg.explain(profile="legacy")]
        makers += [lambda cfg=cfg, to=to: cfg.export(to) for to in ("librechat", "litellm", "env", "postman")]
        makers += [lambda cfg=cfg, name=str(one.name): str(cfg.explain(name)) for one in cfg.endpoints]
        for make in makers:
            try:
                make()
            except LabError as error:
                assert str(error)  # noqa: PT017
        done += 1
    assert done > 40
