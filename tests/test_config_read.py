"""labkit.config reads YAML as js-yaml 4.3.1 does: data, refusals and places."""

from __future__ import annotations

import math
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from librechat_node import canonical, node_says

from labkit import config
from labkit.config.cursor import YamlError
from labkit.config.parse import parse
from labkit.config.scalars import spelled
from labkit.errors import ConfigError

TEXTS = [
    "a: no",
    "a: 1_000",
    "a: {{NAME}}",
    "a: 1\na: 2",
    "a:\n\tb: 1",
    "a: 2026-11-20",
    "a: 2026-11-20 12:00:00 +02:00",
    "a: 1e-5\nb: 1e400\nc: 0o17\nd: 0x1f\ne: 017\nf: .5\ng: -.5\nh: 12:30",
    "a: &x {b: 1}\nc:\n  <<: *x\n  d: 2",
    "- a\n- b: c\n  d: e\n-\n- - x\n  - y",
    "a: |\n  x\n  y\n\n\nb: >-\n  f\n  g\n\n  h\n   i\n  j\nc: |+\n  x\n\n",
    "a: \"x\\u0041\\ud83d\\ude00 \\\n  y\"\nb: 'it''s\n  two'",
    "? a\n: b\n? c\nd: e",
    "[a: b, {c, d: e}, ? x : y]",
    "a: !!str 1\nb: !!int '3'\nc: !!binary aGVsbG8=\nd: !!set {a, b}\ne: !foo x",
    "%YAML 1.2\n---\na: 1\n...\n",
    "a: 1\n---\nb: 2",
    "a: *x",
    "# only a comment",
    "",
    "   ",
    "\ufeffa: 1",
    "a : b\nc:d",
    "key: value: x",
    "a: [1,\n  2\n]\nb: 3",
    "a:\n  - 1\n - 2",
    "a:\n- 1\n- 2\nb: {x: 1, y: }",
    "a: `x`",
    "a: @x",
    "a: 'x",
    'a: "\\q"',
    "&a k: &b v\n*a : *b",
    "a: !!map\nb: !!seq",
    "1: a\n1.0: b",
    "null: a\ntrue: b\n1.5: c\n[x, y]: d\n1e21: e\n1e-7: f",
    "a: -\nb: - x",
    "- &a a\n- *a\n- <<: {a: 1}",
    "<<: [{a: 1}, {a: 2, b: 3}]\nb: 9",
    "a: {b: 1, <<: {c: 2}}",
    'a: "multi\n\n  line"\nb: plain\n  multi\n\n  line # c\n',
    "a: ${X}\nb: ${X}-${Y}",
    "a: #c\n  b",
    "a:\n  b: 1\n c: 2",
    "---\n&a\na: b\n",
    "--- >\n x\n",
    "a: !!str\n  12",
    "- !!str\n  a: b",
    "a: &x\n  b: c\nd: *x",
    "x: !<tag:yaml.org,2002:str> 1",
    "%TAG !e! tag:yaml.org,2002:\n---\na: !e!str 1",
    "a: 0b101\nb: +5\nc: -0\nd: 9007199254740993\ne: 123456789012345678901234567890",
    "a: .inf\nb: -.INF\nc: .nan\nd: ~\ne: Null\nf: nUll",
    "a: 'x' y",
    "a: [x] y",
    "{a: 1}: b",
    "? - a\n  - b\n: c",
    "a: >2\n    x\n   y\n",
    "a: |0\n x",
    "a: \x01",
    "\t a: 1",
    "a:\t1\n",
    "a: 1\t# c",
    "a:\n  \tb: 1",
    "- \t- a",
    "a: 2026-13-45",
    "a: 2026-02-30 25:61:61",
    "'a': 1\n\"a\": 2",
    'a: "\\x4"',
    "a: yes\r\nb: 1\rc: 2",
    "...\n",
    "a: b\n...\nc: d",
    "!!str a: b",
    "!a !b c",
    "a: &b",
    "a: &b &c d",
    "a: - b\n   - c",
    'a: "b": c',
    "- - - - a\n    - b",
    "{a: [b, c: d, \"e\": f, 'g' : h]}",
    "{? a, b}",
    "a: |\n\n  x\n b",
    "a: !!null ''\nb: !!null x",
    "a: !!float 1\nb: !!bool yes",
    "a: !!timestamp 2026-01-01",
    "a: 'b'# c",
]


def data(text: str) -> Any:
    return parse(text).data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("0b101", 5),
        ("1e-5", 1e-5),
        ("1.0", 1),
        ("-.5", "-.5"),
        (".5", 0.5),
        ("1e400", "1e400"),
        ("~", None),
        ("nUll", "nUll"),
        ("True", True),
        ("-.INF", -math.inf),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20 12:00:00 +02:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("9007199254740993", 9007199254740992.0),
        ("{{NAME}}", {"[object Object]": None}),
        ("${A}", "${A}"),
    ],
)
def test_a_scalar_is_what_js_yaml_makes_of_it(text: str, value: Any) -> None:
    found = data(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_become_strings_as_in_javascript() -> None:
    text = "1: a\n1.50: b\nnull: c\ntrue: d\n[x, y]: e\n1e21: f\n1e-7: g\n"
    assert list(data(text)) == ["1", "1.5", "null", "true", "x,y", "1e+21", "1e-7"]
    assert [spelled(v) for v in (123456789012345680000, 1e22, -0.0, 0.000001)] == [
        "123456789012345680000",
        "1e+22",
        "0",
        "0.000001",
    ]


def test_a_merge_key_brings_in_what_is_not_written() -> None:
    text = "base: &b {x: 1, y: 2}\nall:\n  <<: *b\n  y: 3\n"
    assert data(text)["all"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicated mapping key", (3, 1)),
        ("a:\n\tb: 1\n", "tab characters", (2, 1)),
        ("a: b: c\n", "bad indentation of a mapping entry", (1, 5)),
        ("a: *x\n", "unidentified alias", (1, 6)),
        ("a: @x\n", "bad indentation of a mapping entry", (1, 4)),
        ("a: 1\n---\nb: 2\n", "single document", (3, 1)),
        ("a: !ENV X\n", "unknown tag", None),
    ],
)
def test_what_js_yaml_refuses_is_a_finding_with_its_place(
    text: str, problem: str, place: tuple[int, int] | None
) -> None:
    found = config.loads(text, "mine.yaml")
    assert found.data is None
    assert found.problem is not None
    assert problem in found.problem.what
    if place is not None:
        assert (found.problem.line, found.problem.column) == place
        assert str(found.problem).startswith(f"mine.yaml:{place[0]}:{place[1]}: ")


def test_every_value_knows_its_line_and_column() -> None:
    cfg = config.loads("\ufeffversion: x\nendpoints:\n  custom:\n    - name: 'A'\n      models: {default: [a, b]}\n")
    places = {
        (): (1, 2),
        ("version",): (1, 11),
        ("endpoints", "custom", 0): (4, 7),
        ("endpoints", "custom", 0, "name"): (4, 13),
        ("endpoints", "custom", 0, "models", "default", 1): (5, 29),
        ("endpoints", "custom", 0, "models", "fetch"): (5, 15),
        ("endpoints", "custom", 7, "name"): (4, 5),
    }
    assert {keys: (cfg.place(keys).line, cfg.place(keys).column) for keys in places} == places
    assert cfg.place(("endpoints", "custom", 0, "name"), key=True).column == 7
    assert str(cfg.place(("version",))) == "librechat.yaml:1:11"


def test_a_value_brought_by_a_merge_has_the_place_where_it_is_written() -> None:
    cfg = config.loads("base: &b\n  x: 1\nall:\n  <<: *b\n")
    assert cfg.place(("all", "x")).line == 2


def ours(text: str) -> dict[str, Any]:
    """What the reader makes of a text, in the words of the script that asks js-yaml."""
    try:
        return {"data": canonical(data(text))}
    except YamlError as error:
        return {"yaml": error.problem}


def theirs(said: dict[str, Any]) -> dict[str, Any]:
    return {key: said[key] for key in ("data", "yaml") if key in said}


def test_js_yaml_says_the_same_of_every_text() -> None:
    for text, said in zip(TEXTS, node_says(TEXTS), strict=True):
        assert ours(text) == theirs(said), text


PIECES = st.sampled_from(
    "a: ¦b: ¦- ¦|-\n¦|\n¦>\n¦: ¦? ¦\n¦\n  ¦\n    ¦ ¦  ¦\t¦#¦# c\n¦&x ¦*x¦!!str ¦!!int ¦!¦<<: ¦'¦\"¦\\¦\\n¦[¦]¦{¦}¦, ¦,"
    "¦>-\n¦1¦1.5¦true¦null¦~¦2026-01-01¦...¦---¦\n---\n¦%YAML 1.2\n¦é¦\u2028¦${A}¦@¦`¦a¦b c¦key¦:¦-".split("¦")
)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(st.lists(PIECES, max_size=14).map("".join), min_size=60, max_size=60))
def test_js_yaml_says_the_same_of_texts_put_together_at_random(texts: list[str]) -> None:
    for text, said in zip(texts, node_says(texts), strict=True):
        if not said.get("cyclic"):  # an alias inside what it names is refused here alone
            assert ours(text) == theirs(said), text


def test_aliases_that_unfold_without_end_are_a_finding() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    found = config.loads("\n".join(lines)).problem
    assert found is not None
    assert "unfold" in found.what
    inside = config.loads("a: &x [*x]").problem
    assert inside is not None
    assert "inside the value" in inside.what


def test_nesting_is_bounded() -> None:
    for text in (
        "[" * 5000,
        "a: " + "{b: " * 5000,
        "- " * 5000,
        "\n".join(" " * n + "a:" for n in range(5000)),
        "? " * 900,
    ):
        problem = config.loads(text).problem
        assert problem is not None
    chain = "\n".join(["a0: &a0 [1]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 1000))])
    problem = config.loads(chain).problem
    assert problem is not None
    assert "nest" in problem.what


def test_a_file_beyond_the_bound_is_one_finding(tmp_path: Any) -> None:
    path = tmp_path / "librechat.yaml"
    path.write_text("# " + "x" * 256 * 1024 + "\n", encoding="utf-8")
    findings = config.read(path).check()
    assert [f.code for f in findings] == ["too-large"]
    assert "larger than 256 kB" in str(findings[0])


def test_what_is_no_file_is_said_in_a_sentence(tmp_path: Any) -> None:
    (tmp_path / "librechat.yaml").write_text("version: 1.3.17\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no such file. Did you mean 'librechat.yaml'"):
        config.read(tmp_path / "librechat.yml")
    with pytest.raises(ConfigError, match="folder"):
        config.read(tmp_path)


def test_bytes_that_are_no_utf_8_are_read_as_node_reads_them(tmp_path: Any) -> None:
    path = tmp_path / "librechat.yaml"
    path.write_bytes(b"version: caf\xe9\n")
    assert config.read(path).data == {"version": "caf\ufffd"}


def test_a_text_of_64_kb_takes_little_memory_and_time() -> None:
    entry = "    - name: 'E{n}'\n      apiKey: '${{K}}'\n      baseURL: https://e{n}.example/v1\n"
    entry += "      models: {{default: [m{n}]}}\n"
    text = "version: 1.3.17\nendpoints:\n  custom:\n"
    while len(text) < 64_000:
        text += entry.format(n=len(text))
    began = time.process_time()
    assert config.loads(text).accepted
    used_s = time.process_time() - began
    tracemalloc.start()
    config.loads(text).check()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"read and judged in {used_s:.2f} s of processor time; {peak_bytes / 1e6:.0f} MB at most for the check")
    assert peak_bytes < 200e6


def test_the_labs_own_files_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.shipped().name == "configs/librechat.yaml"
    assert config.shipped("blog-2025-09.yaml").endpoint("Deepseek").name == "Deepseek"
    with pytest.raises(ConfigError, match=r"Did you mean 'librechat\.yaml'"):
        config.shipped("librechat.yml")
