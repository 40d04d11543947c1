"""Whole files as people write them (tests/data/librechat, made up here in the manner of public ones), and fragments.

Each must be read without a traceback; LibreChat's schema must say the same of it; what it drops or ignores without a
word must be named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from librechat_node import canonical, node_says

from labkit import config, facts
from labkit.config.findings import looks_like_key
from labkit.errors import LabError

FOLDER = Path(__file__).parent / "data" / "librechat"
FILES = sorted(FOLDER.glob("*.yaml"))
FACTS = facts.load()

# Whether LibreChat takes it; endpoints it drops; keys it ignores, by their last word.
KNOWN: dict[str, tuple[bool, tuple[str, ...], tuple[str, ...]]] = {
    "a-key-in-it": (True, (), ()),
    "a-package": (False, (), ()),
    "agents-and-memory": (True, (), ("defaultEnabledMcpTools",)),
    "anchors": (False, (), ()),
    "anchors-at-first-use": (True, (), ("summarize", "summarize")),
    "answers-in-words": (False, (), ("endpointsMenu",)),
    "azure": (True, (), ("plugins",)),
    "chinese": (True, (), ()),
    "fragment-endpoint": (False, (), ()),
    "fragment-endpoints": (False, (), ("titleMessageRole",)),
    "fragment-interface": (False, (), ()),
    "gateway-with-banners": (True, (), ("disabled", "disabled", "disabled")),
    "google-with-models": (True, (), ("apiKey", "models", "thinkingLevel", "fetch", "models")),
    "helm": (False, (), ()),
    "lower-case-key": (False, ("Groq", "DeepSeek", "LMStudio"), ("apikey", "baseUrl", "base_url", "model")),
    "many-clouds": (True, (), ("endpointsMenu",)),
    "mistral-example-half-commented": (False, (), ()),
    "native-claude": (True, (), ()),
    "nothing-left": (False, (), ()),
    "ollama-at-the-top": (False, (), ()),
    "ollama-old": (True, (), ("fetch",)),
    "one-line": (True, (), ()),
    "openrouter-free": (True, (), ()),
    "relay-with-headers": (False, (), ("userIdQuery",)),
    "school": (True, (), ("summarize", "summaryModel", "forcePrompt")),
    "specs-without-endpoint": (False, (), ("sidePanel",)),
    "speech-at-the-top": (False, (), ()),
    "tab": (False, (), ()),
    "titles-elsewhere": (True, (), ("maxContextTokens", "forcePrompt", "chatGptLabel")),
    "twice": (False, (), ()),
    "two-custom-blocks": (False, (), ()),
    "windows": (True, (), ()),
    "wrong-indentation": (True, (), ("titleConvo", "titleModel", "modelDisplayLabel", "titleMessageRole")),
}


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_file_as_people_write_them_is_judged_and_what_is_lost_without_a_word_is_named(path: Path) -> None:
    accepted, dropped, ignored = KNOWN[path.stem]
    cfg = config.read(path)
    findings = cfg.check(FACTS)
    assert cfg.accepted == accepted
    assert bool(findings.grade("schema")) != accepted
    for finding, name in zip(findings.grade("dropped"), dropped, strict=True):
        assert f"'{name}' is left out without a word" in finding.what
    assert tuple(f.path.rpartition(".")[2] for f in findings.grade("ignored")) == ignored
    assert all(finding.right for finding in findings if finding.grade in ("ignored", "dropped", "start-up", "secret"))
    assert not looks_like_key(str(findings) + findings._repr_html_() + str(cfg.menu()))


def test_librechats_own_reader_and_schema_say_the_same_of_every_file() -> None:
    for path, theirs in zip(FILES, node_says([text_of(path) for path in FILES]), strict=True):
        cfg = config.read(path)
        assert (cfg.problem is not None) == ("yaml" in theirs), path.stem
        assert cfg.accepted == theirs.get("accepted", False), (path.stem, theirs, cfg.verdict.issues)
        if "yaml" not in theirs:
            assert canonical(cfg.data) == theirs["data"], path.stem
        if cfg.accepted:
            ours = sorted(([*keys] for keys in cfg.verdict.ignored), key=str)
            assert ours == sorted(theirs["ignored"], key=str), path.stem


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_file_can_be_asked_everything_and_exported_to_the_same(path: Path) -> None:
    cfg = config.read(path)
    makers: list[Any] = [cfg.menu, lambda: cfg.check(FACTS, "legacy")]
    makers += [lambda to=to: cfg.export(to) for to in ("litellm", "env", "postman")]
    for one in cfg.endpoints:
        for profile in ("current", "legacy"):
            makers.append(lambda name=str(one.name), p=profile: cfg.explain(name, profile=p)._repr_html_())
            makers.append(lambda name=str(one.name), p=profile: cfg.request(name, profile=p))
            makers.append(lambda name=str(one.name), p=profile: cfg.title(name, profile=p))
    for make in makers:
        try:
            make()
        except LabError as error:
            assert str(error)  # noqa: PT017
    literal = any(
        "${" not in str(one.apiKey) and one.apiKey not in ("user_provided", "ollama") for one in cfg.endpoints
    )
    if cfg.accepted and not literal:  # what stands there as it is becomes a variable
        assert config.loads(cfg.export("librechat")).data == cfg.data


def test_a_key_that_stands_twice_is_named_with_its_first_line() -> None:
    assert "'models' stands in line 8 already" in str(config.read(FOLDER / "twice.yaml").check(FACTS))
    byte_order_mark = config.loads("\ufeffversion: 1.3.17\ncache: true\ncache: false\n")
    assert "3:1" in str(byte_order_mark.problem)
    assert "'cache' stands in line 2 already" in str(byte_order_mark.problem)


MODELS = """\
codellama-34b-instruct codellama/CodeLlama-34b-Instruct-hf command-r-plus-08-2024 codestral-latest
cognitivecomputations/Dolphin3.0-R1-Mistral-24B accounts/cogito/models/cogito-v1-preview gpt-5.3-codex-spark
xai-grok-4-fast-reasoning hf.co/unsloth/gpt-oss-20b-GGUF NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO
us.anthropic.claude-sonnet-4-20250514-v1:0 Qwen/Qwen3-235B-A22B-Instruct-2507-FP8 zephyr-orpo-141b-A35b-v0.1
HuggingFaceH4/starchat2-15b-v0.1 rkllm-qwen2-7b-instruct sk-learn-models-large nvidia/Llama-3.3-Nemotron-Super-49B-v1.5
""".split()


@pytest.mark.parametrize("name", MODELS)
def test_a_models_name_is_not_taken_for_a_key(name: str) -> None:
    assert looks_like_key(name) == ""


def test_the_check_of_a_day_speaks_of_that_day(capsys: pytest.CaptureFixture[str]) -> None:
    from labkit import cli

    blog = str(facts.CONFIGS / "blog-2025-09.yaml")
    assert cli.main(["config", "check", blog, "--day", "2025-09-14"]) == 0
    assert "no findings" in capsys.readouterr().out
    assert cli.main(["config", "explain", blog, "--day", "2025-09-14"]) == 0
    assert "up to 0.7" in capsys.readouterr().out
    assert cli.main(["config", "check", blog, "--day", "2026-11-20"]) == 0
    out = capsys.readouterr().out
    assert "retired 'deepseek-chat' on 2026-07-24" in out
    assert "ignored (3): the key has no effect" in out
    assert cli.main(["config", "check", blog, "--day", "soon"]) == 1
    assert "is not a day" in capsys.readouterr().err


def test_a_claude_that_refuses_librechats_budget_for_thinking_is_named() -> None:
    told = str(config.read(FOLDER / "native-claude.yaml").check(FACTS))
    anthropic = FACTS["anthropic"]
    cheap = anthropic.model("title").id
    assert f"LibreChat gives {cheap} a budget of tokens for thinking, which Anthropic refuses for it" in told
