"""Every notebook keeps to the rules, every rule can fail, and what is stored belongs to the course and its facts."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import execute_notebooks
import exercise_cells
import nbformat
import notebook_rules as rules
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbval.plugin import get_sanitize_patterns

from labkit import facts
from labkit.exercises import Exercise, Prediction, registry

ROOT = Path(__file__).parent.parent
PATHS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
COURSE = yaml.safe_load((ROOT / "configs" / "course.yaml").read_text(encoding="utf-8"))["notebooks"]
BOOKS = {path.name: nbformat.read(path, as_version=4) for path in PATHS}
NUMBERS = [name[:2] for name in BOOKS if name[:2].isdigit()]


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.parametrize("rule", rules.RULES)
def test_notebook_keeps_the_rule(name: str, rule: str) -> None:
    assert rules.RULES[rule](BOOKS[name]) == []


@pytest.mark.parametrize("name", BOOKS)
def test_notebook_is_valid_for_jupyter(name: str) -> None:
    nbformat.validate(BOOKS[name])


# --- each rule can fail ---------------------------------------------------------------------------------------------


def good() -> Any:
    """A small notebook that keeps every rule."""
    title = "# 99 · Trial\n\nAfter this notebook you can do it, in 5 minutes. " + "word " * 600
    parts = "## 1 · Break it on purpose\n## 2 · The same with a real key\n## Summary\n## Playground\n"
    parts += "[more](https://example.com/a)"
    first = new_code_cell("from labkit import Lab\nlab = Lab()", execution_count=1)
    rest = [new_code_cell("print(1)", execution_count=n) for n in range(2, 16)]
    harmless = "req_43df42d428cdc52e738a2e7036931677 https://example.com/home/x a:\\n"
    rest[0].source = 'httpx.post(url, timeout=30)\nlab.predict("99-x", ...)\nprint(lab.live_note("openai", {}))'
    rest[0].outputs = [new_output("stream", text=harmless)]
    book = new_notebook(cells=[new_markdown_cell(title), first, *rest, new_markdown_cell(parts)])
    book.metadata.kernelspec = nbformat.from_dict(execute_notebooks.KERNEL)
    return book


def code(source: str) -> Callable[[Any], None]:
    return lambda book: book.cells[2].update(source=source)


def prose(old: str, new: str) -> Callable[[Any], None]:
    return lambda book: [c.update(source=c.source.replace(old, new)) for c in book.cells if c.cell_type == "markdown"]


def printed(text: str, **more: str) -> Callable[[Any], None]:
    return lambda book: book.cells[2].update(outputs=[new_output("stream", text=text, **more)])


def shown(kind: str, data: str) -> Callable[[Any], None]:
    return lambda book: book.cells[2].update(outputs=[new_output("display_data", data={kind: data})])


BAD: list[tuple[str, Callable[[Any], Any]]] = [
    ("every_code_cell_is_executed_in_order", lambda book: book.cells[3].update(execution_count=None)),
    ("every_code_cell_is_executed_in_order", lambda book: book.cells[3].update(execution_count=17)),
    ("the_kernel_is_plain_python", lambda book: book.metadata.kernelspec.update(name="venv")),
    ("the_kernel_is_plain_python", lambda book: book.metadata.pop("kernelspec")),
    ("no_widget_state_is_stored", lambda book: book.metadata.update(widgets={})),
    ("no_widget_state_is_stored", shown(execute_notebooks.WIDGET_VIEW, "{}")),
    (
        "errors_stand_only_where_they_are_expected",
        lambda book: book.cells[2].update(outputs=[new_output("error", ename="KeyError", evalue="x", traceback=[])]),
    ),
    ("nothing_is_written_to_stderr", printed("careful", name="stderr")),
    (
        "few_cells_are_left_uncompared",
        lambda book: [cell.metadata.update(tags=["nbval-ignore-output"]) for cell in book.cells[1:5]],
    ),
    (
        "few_cells_are_left_uncompared",
        lambda book: [cell.update(source="# NBVAL_IGNORE_OUTPUT\n1") for cell in book.cells[2:6]],
    ),
    ("the_file_is_small", printed("x" * 600_001)),
    ("nothing_looks_like_a_key", printed("sk-" + "proj-1a2b3c4d5e6f7g8h9i0j")),
    ("nothing_looks_like_a_key", code("headers = {'Authorization': 'Bearer " + "abcdefghijkl1234'}")),
    ("nothing_looks_like_a_key", shown("text/html", "<b>gsk_" + "A1b2C3d4E5f6G7h8I9j0</b>")),
    ("no_path_of_one_machine_is_in_it", printed("File /home/somebody/lab/x.py")),
    ("no_path_of_one_machine_is_in_it", printed("at C:\\Users\\somebody")),
    ("no_path_of_one_machine_is_in_it", code("open('/tmp/x')")),
    ("stored_html_shows_in_an_untrusted_notebook", shown("text/html", "<svg/>")),
    ("stored_html_shows_in_an_untrusted_notebook", shown("text/html", "<b style='color:var(--x)'>")),
    ("stored_html_shows_in_an_untrusted_notebook", shown("text/html", "<div id='x1'>")),
    ("it_is_local_as_shipped", code("lab = Lab(live=['deepseek'])")),
    ("every_code_cell_is_plain_python", code("!curl localhost")),
    ("every_code_cell_is_plain_python", code("%pip install x")),
    ("nothing_waits_for_the_keyboard", code("name = input('?')")),
    ("nothing_waits_for_the_keyboard", code("import getpass\ngetpass.getpass()")),
    ("no_widget_prints_into_a_cell", code("from ipywidgets import interact")),
    ("no_widget_prints_into_a_cell", code("out = ipywidgets.Output()")),
    ("every_httpx_call_shows_its_timeout", code("httpx.post('x', json={})")),
    ("every_httpx_call_shows_its_timeout", code("with httpx.Client() as client: pass")),
    ("predictions_are_left_to_the_learner", code("lab.predict('99-x', 'a')")),
    ("it_has_the_parts_of_a_lesson", prose("## Summary", "")),
    ("it_has_the_parts_of_a_lesson", code("pass")),
    ("it_begins_with_title_goals_and_the_lab", prose("# 99 · Trial", "# Trial")),
    ("it_begins_with_title_goals_and_the_lab", prose("5 minutes", "no time")),
    ("it_begins_with_title_goals_and_the_lab", lambda book: book.cells[1].update(source="import httpx")),
    ("it_is_neither_thin_nor_endless", prose("word word ", "")),
    ("it_is_neither_thin_nor_endless", prose("word ", "word " * 5)),
    ("it_is_neither_thin_nor_endless", lambda book: book.cells.pop(5)),
    ("it_is_neither_thin_nor_endless", lambda book: book.cells.extend(new_code_cell("1") for _ in range(26))),
    ("it_is_neither_thin_nor_endless", lambda book: [cell.update(source="1\n" * 8) for cell in book.cells[2:12]]),
    ("code_fits_the_window", code("x = 1  # " + "far " * 25)),
    ("links_lead_somewhere", prose("https://example.com", "http://example.com")),
    ("links_lead_somewhere", prose("https://example.com/a", "../README.md")),
]


def test_the_good_notebook_keeps_every_rule() -> None:
    book = good()
    nbformat.validate(book)
    assert {name: check(book) for name, check in rules.RULES.items() if check(book)} == {}


@pytest.mark.parametrize(("rule", "spoil"), BAD, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(BAD)])
def test_a_spoilt_notebook_breaks_its_rule(rule: str, spoil: Callable[[Any], Any]) -> None:
    book = good()
    spoil(book)
    assert rules.RULES[rule](book) != []


def test_every_rule_is_proved_able_to_fail() -> None:
    assert {rule for rule, _ in BAD} == set(rules.RULES)


# --- the course, the facts, the predictions -------------------------------------------------------------------------


def test_the_course_and_the_folder_name_the_same_notebooks() -> None:
    assert [path.name for path in PATHS] == [entry["file"] for entry in COURSE if not entry.get("coming")]
    assert all(path.parent == ROOT / "notebooks" for path in PATHS)


@pytest.mark.parametrize("entry", [e for e in COURSE if not e.get("coming")], ids=lambda e: e["number"])
def test_title_and_minutes_are_those_of_the_course(entry: dict[str, Any]) -> None:
    first = BOOKS[entry["file"]].cells[0].source
    assert first.splitlines()[0] == f"# {entry['number']} · {entry['title']}"
    assert f"About {entry['minutes']} minutes" in first


@pytest.mark.parametrize("name", BOOKS)
def test_links_between_notebooks_lead_to_notebooks_that_exist(name: str) -> None:
    targets = {t for cell in BOOKS[name].cells for t in rules.LINK.findall(cell.source) if t.endswith(".ipynb")}
    assert targets <= {path.name for path in PATHS}


@pytest.mark.parametrize("name", BOOKS)
def test_no_model_id_is_typed(name: str) -> None:
    assert typed_ids("\n".join(cell.source for cell in BOOKS[name].cells)) == set()


def test_a_typed_model_id_is_found() -> None:
    assert typed_ids('{"model": "gpt-4o-mini"}') == {"gpt-4o-mini"}
    assert typed_ids("ask deepseek-chat") == {"deepseek-chat"}


def typed_ids(text: str) -> set[str]:
    known = {model for provider in facts.load().values() for model in provider.models}
    return {model for model in known if re.search(rf"(?<![\w.-]){re.escape(model)}(?![\w-])", text)}


@pytest.mark.parametrize("name", BOOKS)
def test_no_key_of_the_local_providers_is_stored(name: str) -> None:
    text = nbformat.writes(BOOKS[name])
    asked = [provider for provider in facts.load().values() if provider.key.required]
    assert [provider.id for provider in asked if provider.key.local in text] == []


def test_every_module_of_a_notebook_has_its_notebook_and_the_other_way_round() -> None:
    found = [registry.NOTEBOOK.fullmatch(name) for name in registry.names()]
    assert sorted(match[1] for match in found if match) == sorted(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_notebook_asks_and_reveals_each_of_its_predictions_once(number: str) -> None:
    book = next(book for name, book in BOOKS.items() if name.startswith(number))
    called = [(rules.name_of(call.func), call.args) for _, call in rules.calls(book)]
    asked = [args[0].value for name, args in called if name == "predict"]
    assert asked == [prediction.id for prediction in registry.predictions(number)]
    assert len([name for name, _ in called if name == "reveal"]) == len(asked) >= 2
    assert all(id.startswith(f"{number}-") for id in asked)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_notebook_shows_each_of_its_exercises_as_their_data_says(number: str) -> None:
    book = next(book for name, book in BOOKS.items() if name.startswith(number))
    assert rules.exercise_problems(book, number, registry.exercises(number)) == []


def test_a_notebook_that_shows_its_exercises_otherwise_is_found() -> None:
    three = [ex for ex in registry.exercises("01") if ex.id in ("01-whole", "01-join", "01-persist")]
    good_book = new_notebook(cells=[new_markdown_cell("## Summary", id="a")])
    exercise_cells.written(good_book, three)
    nbformat.validate(good_book)
    assert good_book.cells[0].id == "about-exercises"
    assert rules.exercise_problems(good_book, "01", three) == []

    def said(number: str, exercises: list[Exercise], *changes: Callable[[Any], Any]) -> str:
        book = copy.deepcopy(good_book)
        for change in changes:
            change(book)
        return " ".join(rules.exercise_problems(book, number, exercises))

    assert "has 2 exercises, not 3 to 6" in said("01", three[:2])
    assert "no free exercise" in said("01", three[:2])
    assert "has 3 exercises, not 1 to 1" in said("00", three)
    assert "which its module does not have" in said("01", three[:2])
    assert "shown 0 times" in said("01", three, lambda book: book.cells.pop(2))
    assert "shown 2 times" in said("01", three, lambda book: book.cells.append(book.cells[2]))
    assert "the cell of 01-whole is not" in said(
        "01", three, lambda b: b.cells[2].update(source=b.cells[2].source + " ")
    )
    assert "the text of 01-whole is not" in said("01", three, lambda b: b.cells[1].update(source="Do it."))
    assert "another order" in said("01", [three[1], three[0], three[2]])


@pytest.mark.parametrize("prediction", registry.predictions(), ids=lambda p: p.id)
def test_every_choice_of_a_prediction_has_words_of_its_own(prediction: Prediction) -> None:
    assert prediction.question.endswith("?")
    if prediction.choices:
        assert prediction.right in prediction.choices
        assert list(prediction.explain) == list(prediction.choices)
        assert len(set(prediction.explain.values())) == len(prediction.choices) >= 3
        assert all(len(text) > 60 for text in prediction.explain.values())
    assert typed_ids(str(prediction)) == set()


# --- executing, and comparing ---------------------------------------------------------------------------------------


def test_executing_keeps_the_picture_of_a_widget_and_drops_its_reference() -> None:
    book = good()
    shown("text/html", "<b>picture</b>")(book)
    book.cells[2].outputs[0].data[execute_notebooks.WIDGET_VIEW] = {"model_id": "1"}
    book.cells[2].metadata.update(tags=["a"], execution={"iopub": "2026"})
    tidied = execute_notebooks.tidy(book)
    assert tidied.cells[2].outputs[0].data == {"text/html": "<b>picture</b>"}
    assert tidied.cells[2].metadata == {"tags": ["a"]}


def test_executing_refuses_a_notebook_that_writes_to_stderr() -> None:
    book = good()
    printed("careful", name="stderr")(book)
    with pytest.raises(execute_notebooks.Unfit, match="careful"):
        execute_notebooks.tidy(book)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://127.0.0.1:43121/lab/v1", "http://127.0.0.1:8765/lab/v1"),
        ("first byte 31 ms, total 1.2 s.", "first byte 0 ms, total 950 ms."),
        ("User-Agent: python-httpx/0.28.1", "User-Agent: python-httpx/1.0.dev3"),
        ("<object at 0x7f00deadbeef>", "<object at 0x7fffcafebabe>"),
    ],
)
def test_what_differs_from_run_to_run_is_made_the_same(one: str, other: str) -> None:
    assert sanitized(one) == sanitized(other)


@pytest.mark.parametrize(
    "text", ["status 401", "7 of 40: 12 tokens in", "temperature 0.50 · entropy 2.03 bits", "12 samples"]
)
def test_what_means_something_is_compared_as_it_is(text: str) -> None:
    assert sanitized(text) == text


def sanitized(text: str) -> str:
    lines = (ROOT / "tests" / "nbval-sanitize.cfg").read_text(encoding="utf-8")
    for pattern, replacement in get_sanitize_patterns(lines):
        text = re.sub(pattern, replacement, text)
    return text
