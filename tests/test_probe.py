"""The probe: judges from the exchange alone, agrees with the facts, and finds what was altered behind its back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from labkit import facts
from labkit.cli import main
from labkit.errors import ConfigError, LabError, LiveRefused
from labkit.facts.schema import Answer
from labkit.pricetable import check_lines, read_table
from labkit.probe import Seen, compare, probe
from labkit.probe.compare import matches
from labkit.probe.seen import Bound
from labkit.probe.statistics import mean, p_value, same_pairs
from labkit.probe.voices import AnthropicMessages, OllamaChat, OpenAIChat
from labkit.session import Lab
from labkit.sim import LocalServer

KNOWN = facts.load()
PROVIDERS = [name for name in KNOWN if name != "lab"]


def client_of(server: LocalServer, name: str) -> httpx.Client:
    key = server.facts[name].key
    headers = {key.header: f"{key.scheme} {key.local}".strip()}
    return httpx.Client(base_url=server.provider_url(name), headers=headers, timeout=120, trust_env=False)


def probed(server: LocalServer, name: str, model: str | None = None, **options: Any) -> Seen:
    provider = server.facts[name]
    with client_of(server, name) as client:
        return probe(client, provider, model or provider.model("chat").id, sleep=server.clock.sleep, **options)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(facts.load(), pace="quick") as server:
        yield server


# --- judging --------------------------------------------------------------------------------------------------------


def test_the_p_value_of_two_small_samples_is_fishers() -> None:
    # Fisher's exact test of 3 of 3 against 0 of 3, one-sided: 1 / C(6, 3). Of 3 of 4 against 1 of 4, his lady tasting
    # tea, 17/70: Fisher, The Design of Experiments, 1935, chapter 2.
    assert p_value([1, 1, 1], [0, 0, 0], mean) == 1 / 20
    assert p_value([1, 1, 1, 0], [1, 0, 0, 0], mean) == pytest.approx(17 / 70)
    assert p_value([1, 1, 1, 1], [0, 0, 0, 0], mean) == pytest.approx(1 / 70)


def test_equal_samples_are_never_told_apart() -> None:
    assert p_value([1, 2, 3], [1, 2, 3], mean) > 0.5
    assert p_value(["a"] * 6, ["a"] * 6, same_pairs) == 1
    assert p_value(list("abcdef"), list("ghijkl"), same_pairs) == 1


def test_six_alike_against_six_of_all_kinds_is_an_effect() -> None:
    assert p_value(["a"] * 6, list("bcdefg"), same_pairs) == pytest.approx(1 / 924)


def test_large_samples_are_judged_by_drawn_regroupings_alike_each_time() -> None:
    one, other = ["a"] * 12, [str(number) for number in range(12)]
    assert p_value(one, other, same_pairs) == p_value(one, other, same_pairs) < 0.001


# --- reading answers ------------------------------------------------------------------------------------------------


def response(status: int, body: Any, kind: str = "application/json") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, headers={"content-type": kind}, content=content)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"error": {"message": "No.", "type": "x"}}, "No."),
        ({"object": "error", "message": "Flat.", "type": "x"}, "Flat."),
        ({"error": "A string."}, "A string."),
        ({"detail": "Unauthorized"}, "Unauthorized"),
        ({"object": "error", "message": {"detail": [{"msg": "Extra"}]}}, '{"detail": [{"msg": "Extra"}]}'),
        (b"Authentication Fails (governor)", "Authentication Fails (governor)"),
        (b"<html>\n 502\n</html>", "<html> 502 </html>"),
    ],
)
def test_the_words_of_a_refusal_are_found_in_each_skeleton(body: Any, says: str) -> None:
    assert OpenAIChat(KNOWN["openai"]).hear(response(400, body)).message == says


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Paris", "reasoning_content": "thinking"},
        {"content": "Paris", "reasoning": "thinking"},
        {"content": [{"type": "thinking", "thinking": [{"text": "thinking"}]}, {"type": "text", "text": "Paris"}]},
        {"content": "<think>thinking</think>Paris"},
    ],
)  # fmt: skip
def test_working_is_found_wherever_a_provider_puts_it(message: dict[str, Any]) -> None:
    heard = OpenAIChat(KNOWN["openai"]).hear(response(200, {"choices": [{"message": message}]}))
    assert (heard.text, heard.choices[0].working, heard.worked) == ("Paris", "thinking", True)


def test_anthropics_blocks_and_ollamas_lines_are_read() -> None:
    blocks = [{"type": "thinking", "thinking": "w"}, {"type": "text", "text": "a"}, {"type": "tool_use", "name": "f"}]
    heard = AnthropicMessages(KNOWN["anthropic"]).hear(
        response(200, {"content": blocks, "usage": {"output_tokens": 3}})
    )
    assert (heard.text, heard.worked, heard.choices[0].calls, heard.completion_tokens) == ("a", True, 1, 3)
    lines = b'{"message": {"content": "a"}}\n{"message": {"content": "b"}, "done": true, "eval_count": 2}\n'
    heard = OllamaChat(KNOWN["ollama"]).hear(response(200, lines, "application/x-ndjson"))
    assert (heard.text, heard.streamed, heard.completion_tokens) == ("ab", True, 2)


def test_a_body_matches_its_template_and_no_other() -> None:
    told = Answer.model_validate({"status": 400, "body": {"error": {"message": "no {model} here", "code": "{code}"}}})
    assert matches(told, '{"error": {"message": "no x.y here", "code": 7}}')
    assert not matches(told, '{"error": {"message": "no x.y there", "code": 7}}')
    assert not matches(told, '{"error": {"message": "no x.y here", "code": 7, "type": "t"}}')
    assert not matches(told, "no JSON")


# --- the whole probe ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_probe_agrees_with_the_facts(server: LocalServer, name: str) -> None:
    seen = probed(server, name)
    assert [str(one) for one in compare(seen, server.facts[name]) if not one.news] == []
    tried = [one for one in seen.findings if one.verdict not in ("unclear", "not tried")]
    assert len(tried) == len(seen.findings) > 20, [one for one in seen.findings if one not in tried]


def test_the_probe_agrees_with_the_facts_about_ollamas_own_api(server: LocalServer) -> None:
    seen = probed(server, "ollama", native=True)
    assert [str(one) for one in compare(seen, server.facts["ollama"]) if not one.news] == []
    assert {one.verdict for one in seen.findings} == {"honoured", "accepted"}
    assert "options.repeat_penalty" in {one.parameter for one in seen.findings}


def altered() -> facts.Facts:
    """OpenAI as it never was."""
    provider = KNOWN["openai"]
    taken = provider.parameters
    other = {
        "temperature": taken["temperature"].model_copy(update={"maximum": 1.73}),
        "top_logprobs": taken["top_logprobs"].model_copy(update={"maximum": 5}),
        "stop": taken["stop"].model_copy(update={"max_items": 2}),
        "seed": taken["seed"].model_copy(update={"fate": "ignored"}),
        "presence_penalty": taken["presence_penalty"].model_copy(update={"fate": "ignored"}),
        "user": taken["user"].model_copy(
            update={"fate": "refused", "refusal": Answer(status=400, body={"error": {"message": "No user."}})}
        ),
    }
    unknown = provider.unknown_parameter.refusal
    assert unknown is not None
    parameters = {**taken, **other}
    errors = {**provider.errors, "model_unknown": provider.errors["model_unknown"].model_copy(update={"status": 400})}
    there = {key: model for key, model in provider.models.items() if key != "gpt-4o"}
    changed = provider.model_copy(
        update={
            "parameters": parameters,
            "errors": errors,
            "models": there,
            "unknown_parameter": provider.unknown_parameter.model_copy(
                update={"refusal": unknown.model_copy(update={"status": 422})}
            ),
        }
    )
    return facts.Facts({**dict(KNOWN), "openai": changed}, KNOWN.moment)


def test_what_was_altered_behind_its_back_is_reported_and_nothing_else() -> None:
    with LocalServer(altered(), pace="quick") as server:
        seen = probed(server, "openai")
    found = {one.where for one in compare(seen, KNOWN["openai"])}
    refused_as_unknown = {
        f"parameters.{one.parameter}"
        for one in seen.findings
        if one.parameter not in KNOWN["openai"].parameters and "." not in one.parameter
    }
    assert found == {
        "parameters.temperature.maximum",
        "parameters.top_logprobs.maximum",
        "parameters.stop.max_items",
        "parameters.seed",
        "parameters.presence_penalty",
        "parameters.user",
        "errors.model_unknown",
        "models.gpt-4o",
        *refused_as_unknown,
    }
    edges = {one.parameter: one.bounds for one in seen.findings}
    above = next(bound for bound in edges["temperature"] if bound.side == "above")
    assert above.taken is not None
    assert above.refused is not None
    assert above.taken <= 1.73 < above.refused <= above.taken + 0.02
    assert Bound("items", 2, 3, 400) in edges["stop"]


def test_the_facts_say_nothing_to_the_probe() -> None:
    """With facts that claim the contrary of everything, the probe sees the same."""
    with LocalServer(KNOWN, pace="quick") as server:
        provider = server.facts["openai"]
        contrary = {
            name: each.model_copy(update={"fate": "ignored" if each.fate != "ignored" else "honoured", "cases": ()})
            for name, each in provider.parameters.items()
        }
        only = ("temperature", "top_k", "n", "logprobs", "user")
        seen = []
        for told in (provider, provider.model_copy(update={"parameters": contrary, "errors": {}})):
            server.reset()
            with client_of(server, "openai") as client:
                seen.append(probe(client, told, "gpt-4.1-mini", only=only, refusals=False, sleep=server.clock.sleep))
    assert seen[0].findings == seen[1].findings
    verdicts = {one.parameter: one.verdict for one in seen[0].findings}
    assert verdicts == {
        "temperature": "honoured",
        "top_k": "refused",
        "n": "honoured",
        "logprobs": "honoured",
        "user": "accepted",
    }


def test_a_rate_limit_is_waited_out_in_lab_time() -> None:
    with LocalServer(KNOWN, pace="quick", tiers={"openai": "free"}) as server:
        before = server.clock.now()
        seen = probed(server, "openai", only=("top_k", "n"), refusals=False)
        assert [one.verdict for one in seen.findings] == ["refused", "honoured"]
        assert (server.clock.now() - before).total_seconds() > 20


def test_a_model_that_is_not_there_ends_the_probe_with_a_sentence(server: LocalServer) -> None:
    with pytest.raises(LabError, match="a plain request to gpt-nope is answered with 404"):
        probed(server, "openai", "gpt-nope")


# --- live: the same gates as every live call ------------------------------------------------------------------------


def test_live_a_probe_stops_at_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nothing-real-0123456789abcdefgh")
    lab = Lab(pace="quick", live=["openai"], budget_usd="0.0000001")
    with pytest.raises(LabError, match=r"not even a plain request could be sent.*budget"):
        lab.probe("openai")
    assert lab.spent_usd == 0
    assert not issubclass(LiveRefused, ConfigError)


# --- the command line -----------------------------------------------------------------------------------------------


def test_lab_probe_prints_json_and_says_by_its_status_whether_the_facts_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["probe", "openai", "--only", "top_k", "--only", "temperature", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agrees"] is True
    assert {one["parameter"]: one["verdict"] for one in told["seen"]["findings"]} == {
        "temperature": "honoured",
        "top_k": "refused",
    }


def test_lab_probe_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "deepseek", "--only", "temperature", "--body", '{"thinking": {"type": "disabled"}}']) == 0
    out = capsys.readouterr().out
    assert "temperature  honoured" in out
    assert "Differences from the facts: none" in out
    assert main(["probe", "deepseek", "--body", "{"]) == 1
    assert "--body is not JSON" in capsys.readouterr().err


# --- prices beside a table ------------------------------------------------------------------------------------------


def write(tmp_path: Path, name: str, content: Any) -> str:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def test_the_price_tables_that_are_commonly_found_are_read_alike(tmp_path: Path) -> None:
    csv = "provider,model,input_usd_per_mtok,cached_input_usd_per_mtok,output_usd_per_mtok\nopenai,gpt-4o,2.5,1.25,10\n"
    litellm = {
        "sample_spec": {"max_tokens": 1},
        "gpt-4o": {
            "litellm_provider": "openai",
            "input_cost_per_token": 2.5e-06,
            "cache_read_input_token_cost": 1.25e-06,
            "output_cost_per_token": 1e-05,
        },
    }
    modelsdev = {"openai": {"models": {"gpt-4o": {"cost": {"input": 2.5, "cache_read": 1.25, "output": 10}}}}}
    llmprices = {"prices": [{"vendor": "openai", "id": "gpt-4o", "input": 2.5, "input_cached": 1.25, "output": 10}]}
    paths = [write(tmp_path, "a.csv", csv)]
    paths += [write(tmp_path, f"{n}.json", one) for n, one in enumerate((litellm, modelsdev, llmprices))]
    for path in paths:
        (row,) = read_table(Path(path))
        assert (row.provider, row.model) == ("openai", "gpt-4o")
        assert row.prices == (Decimal("2.5"), Decimal("1.25"), Decimal("10"))


def test_facts_check_names_each_price_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "provider,model,input_usd_per_mtok,cached_input_usd_per_mtok,output_usd_per_mtok\n"
    path = write(tmp_path, "t.csv", head + "openai,gpt-4o,2.50,1.25,10\nopenai,gpt-4o-mini,0.15,,0.70\n")
    lines, differs = check_lines(path)
    assert differs
    assert "  openai: gpt-4o-mini: output 0.6 in the facts, 0.7 in the table" in lines
    assert "Models with the same prices: 1" in lines
    assert main(["facts", "check", path]) == 1
    assert "Prices that differ: 1" in capsys.readouterr().out
    same = write(tmp_path, "s.csv", head + "openai,gpt-4o,2.50,1.25,10\n")
    assert main(["facts", "check", same]) == 0


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", "{"), ("a.json", "[]"), ("a.csv", "x,y\n1,2\n"), ("b.json", "{}")]
)
def test_a_table_that_is_none_is_named(tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(ConfigError) as caught:
        read_table(Path(path))
    assert path in str(caught.value)


def test_facts_with_another_word_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["facts", "chekc"]) == 1
    assert "lab facts check FILE" in capsys.readouterr().err
