"""What every notebook of the lab keeps to, a function a rule: a notebook in, what is wrong with it out, as sentences.

`test_notebooks` applies each rule to each notebook, and shows for each that it can fail.
"""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import exercise_cells
import nbformat

from labkit.exercises.exercise import LEVELS, Exercise

Book = nbformat.NotebookNode
RULES: dict[str, Callable[[Book], list[str]]] = {}

SIZE_BYTES = 600_000
WORDS = range(600, 2501)
CODE_CELLS = range(15, 41)  # beside those of the exercises
EXERCISES = range(3, 7)
MEDIAN_LINES = 7
LINE_CHARACTERS = 92  # what fits beside the file browser in a window of 1200 pixels
IGNORED_CELLS = 3
PARTS = ("Break it on purpose", "with a real key", "Summary", "Playground")

KEY = re.compile(
    r"\b(sk|rk|pk|gsk|xai|hf|ghp|gho|glpat|tgp|fw|AIza|AKIA)[-_]?(?=[\w-]*\d)[A-Za-z0-9_-]{18,}"
    r"|Bearer +(?=\S*\d)[\w.~+/-]{12,}"
)
PATH = re.compile(
    r"(?<![\w.:/])/(home|Users|root|tmp|var|opt|work|usr|mnt|private|Volumes)/|\b[A-Za-z]:\\(?!n\b)\w|file://|site-packages"
)
LINK = re.compile(r"\]\(([^)\s]*)")
# What pandas puts before its tables, <style scoped>, may go: the table stays readable without it.
UNSAFE_HTML = re.compile(
    r"<(style(?! scoped>)|svg|script|link|iframe|canvas)\b|\bvar\(--|\sid=|\son\w+=|javascript:", re.I
)
ASKING = {"input", "getpass", "breakpoint"}
NOT_COMPARABLE = {"interact", "interactive", "interactive_output", "interact_manual", "Output", "clear_output"}
HTTPX_CALLS = {"get", "post", "put", "delete", "head", "patch", "request", "stream", "Client", "AsyncClient"}


def rule(check: Callable[[Book], Iterator[str]]) -> Callable[[Book], list[str]]:
    """Register a generator of complaints under its name."""

    def listed(book: Book) -> list[str]:
        return list(check(book))

    RULES[check.__name__] = listed
    return listed


# --- stored and true ------------------------------------------------------------------------------------------------


@rule
def every_code_cell_is_executed_in_order(book: Book) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(book)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the execution counts are {counts}: run tests/execute_notebooks.py"


@rule
def the_kernel_is_plain_python(book: Book) -> Iterator[str]:
    if book.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"


@rule
def no_widget_state_is_stored(book: Book) -> Iterator[str]:
    if "widgets" in book.metadata:
        yield "metadata.widgets is stored, which breaks GitHub's view"
    for cell, output in outputs(book):
        if any("widget-view" in kind for kind in output.get("data", {})):
            yield f"{cell.id} stores a reference to a widget that is not there"


@rule
def errors_stand_only_where_they_are_expected(book: Book) -> Iterator[str]:
    for cell, output in outputs(book):
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            yield f"{cell.id} ends in {output.ename} and is not tagged raises-exception"


@rule
def nothing_is_written_to_stderr(book: Book) -> Iterator[str]:
    for cell, output in outputs(book):
        if output.get("name") == "stderr":
            yield f"{cell.id} wrote to stderr"


@rule
def few_cells_are_left_uncompared(book: Book) -> Iterator[str]:
    ignored = [c.id for c in code_cells(book) if {"nbval-ignore-output", "nbval-skip"} & set(tags(c))]
    ignored += [c.id for c in code_cells(book) if "NBVAL_" in c.source]
    if len(ignored) > IGNORED_CELLS:
        yield f"{len(ignored)} cells are not compared: {', '.join(ignored)}"


@rule
def the_file_is_small(book: Book) -> Iterator[str]:
    size = len(nbformat.writes(book).encode())
    if size > SIZE_BYTES:
        yield f"it has {size} bytes, more than {SIZE_BYTES}"


# --- safe to share --------------------------------------------------------------------------------------------------


@rule
def nothing_looks_like_a_key(book: Book) -> Iterator[str]:
    for cell, text in texts(book):
        if KEY.search(text):
            yield f"{cell.id} holds something that looks like a key"


@rule
def no_path_of_one_machine_is_in_it(book: Book) -> Iterator[str]:
    for cell, text in texts(book):
        found = PATH.search(text)
        if found:
            yield f"{cell.id} holds a path of one machine: {text[found.start() :][:40]!r}"


@rule
def stored_html_shows_in_an_untrusted_notebook(book: Book) -> Iterator[str]:
    for cell, output in outputs(book):
        found = UNSAFE_HTML.search(joined(output.get("data", {}).get("text/html", "")))
        if found:
            yield f"{cell.id} stores HTML with {found[0]!r}, which JupyterLab takes out"


@rule
def it_is_local_as_shipped(book: Book) -> Iterator[str]:
    for cell, call in calls(book):
        if name_of(call.func) == "Lab" and any(k.arg == "live" for k in call.keywords):
            yield f"{cell.id} goes live without being asked"


# --- runs from top to bottom ----------------------------------------------------------------------------------------


@rule
def every_code_cell_is_plain_python(book: Book) -> Iterator[str]:
    for cell in code_cells(book):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"{cell.id} is not plain Python (a shell line or a magic?): {error.msg}"


@rule
def nothing_waits_for_the_keyboard(book: Book) -> Iterator[str]:
    for cell, call in calls(book):
        if name_of(call.func) in ASKING:
            yield f"{cell.id} calls {name_of(call.func)}(), which no test can answer"


@rule
def no_widget_prints_into_a_cell(book: Book) -> Iterator[str]:
    for cell in code_cells(book):
        for node in nodes(cell):
            word = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            word = node.name if isinstance(node, ast.alias) else word
            if word in NOT_COMPARABLE:
                yield f"{cell.id} uses {word}, whose prints nbval takes for the cell's own"


@rule
def every_httpx_call_shows_its_timeout(book: Book) -> Iterator[str]:
    for cell, call in calls(book):
        bare = isinstance(call.func, ast.Attribute) and name_of(call.func.value) == "httpx"
        if bare and call.func.attr in HTTPX_CALLS and not any(k.arg == "timeout" for k in call.keywords):
            yield f"{cell.id} calls httpx.{call.func.attr} without a timeout in sight"


@rule
def predictions_are_left_to_the_learner(book: Book) -> Iterator[str]:
    for cell, call in calls(book):
        guessed = len(call.args) == 2 and not (isinstance(call.args[1], ast.Constant) and call.args[1].value is ...)
        if name_of(call.func) == "predict" and guessed:
            yield f"{cell.id} has a guess in it already"


# --- teaches --------------------------------------------------------------------------------------------------------


@rule
def it_has_the_parts_of_a_lesson(book: Book) -> Iterator[str]:
    prose = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#+ (.*)$", prose, re.M)
    for part in PARTS:
        if not any(part in heading for heading in headings):
            yield f"no heading says {part!r}"
    if "live_note" not in "".join(cell.source for cell in code_cells(book)):
        yield "no cell says what a live call would cost"


@rule
def it_begins_with_title_goals_and_the_lab(book: Book) -> Iterator[str]:
    first = book.cells[0] if book.cells else None
    if first is None or not re.match(r"# \d\d · ", first.source):
        yield "it does not begin with a title such as '# 03 · Tokens'"
    elif not ("After this notebook you can" in first.source and re.search(r"\d+ minutes", first.source)):
        yield "its first cell does not say what one will be able to do, and in how many minutes"
    code = code_cells(book)
    if not code or "Lab()" not in code[0].source:
        yield "its first code cell does not start the lab"


@rule
def it_is_neither_thin_nor_endless(book: Book) -> Iterator[str]:
    words = len(words_of(book))
    if words not in WORDS:
        yield f"it has {words} words, not {WORDS.start} to {WORDS.stop - 1}"
    lines = [len(c.source.splitlines()) for c in code_cells(book) if not c.id.startswith("exercise-")]
    if len(lines) not in CODE_CELLS:
        yield f"it has {len(lines)} code cells, not {CODE_CELLS.start} to {CODE_CELLS.stop - 1}"
    if lines and statistics.median(lines) > MEDIAN_LINES:
        yield f"half of its code cells have more than {MEDIAN_LINES} lines"


@rule
def code_fits_the_window(book: Book) -> Iterator[str]:
    for cell in code_cells(book):
        for line in cell.source.splitlines():
            if len(line) > LINE_CHARACTERS:
                yield f"{cell.id} has a line of {len(line)} characters: {line.strip()[:40]} ..."


@rule
def links_lead_somewhere(book: Book) -> Iterator[str]:
    for cell in book.cells:
        for target in LINK.findall(cell.source) if cell.cell_type == "markdown" else ():
            if not re.fullmatch(r"https://[\w.-]+\.\w+(/\S*)?|\d\d-[\w-]+\.ipynb(#\S*)?", target):
                yield f"{cell.id} links to {target!r}, which is neither https nor another notebook"


# --- exercises: what their data says, in the notebook ---------------------------------------------------------------


def exercise_problems(book: Book, number: str, exercises: Sequence[Exercise]) -> list[str]:
    """What is wrong with the exercises of notebook `number`: how many, which levels, shown once as their data says."""
    found = []
    wanted = range(1, 2) if number == "00" else EXERCISES
    if len(exercises) not in wanted:
        found.append(f"its module has {len(exercises)} exercises, not {wanted.start} to {wanted.stop - 1}")
    lacking = [level for level in LEVELS if level not in {ex.level for ex in exercises}]
    if lacking and number != "00":
        found.append(f"it has no {' and no '.join(lacking)} exercise; there is to be one of each level")
    called = [call.args[0].value for _, call in calls(book) if name_of(call.func) == "exercise" and call.args]
    for name in called:
        if name not in {ex.id for ex in exercises}:
            found.append(f"it shows the exercise {name!r}, which its module does not have")
    by_id = {cell.id: cell.source for cell in book.cells}
    for place, ex in enumerate(exercises, 1):
        if called.count(ex.id) != 1:
            found.append(f"{ex.id} is shown {called.count(ex.id)} times, not once: run tests/execute_notebooks.py")
        elif by_id.get(exercise_cells.id_of(ex)) != exercise_cells.source_of(ex):
            found.append(f"the cell of {ex.id} is not that of its data: run tests/execute_notebooks.py")
        elif by_id.get(f"about-{exercise_cells.id_of(ex)}") != exercise_cells.text_of(ex, place):
            found.append(f"the text of {ex.id} is not that of its data: run tests/execute_notebooks.py")
    shown = [name for name in called if name in {ex.id for ex in exercises}]
    if shown != [ex.id for ex in exercises if ex.id in shown]:
        found.append("the exercises stand in another order than in their module")
    return found


# --- reading a notebook ---------------------------------------------------------------------------------------------


def code_cells(book: Book) -> list[Book]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def tags(cell: Book) -> list[str]:
    return list(cell.metadata.get("tags", []))


def outputs(book: Book) -> Iterator[tuple[Book, Book]]:
    for cell in code_cells(book):
        for output in cell.outputs:
            yield cell, output


def joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)


def texts(book: Book) -> Iterator[tuple[Book, str]]:
    """Every text of a notebook with its cell: sources, printed outputs, data of every kind but pictures."""
    for cell in book.cells:
        yield cell, cell.source
    for cell, output in outputs(book):
        yield cell, joined(output.get("text", ""))
        yield cell, "\n".join(output.get("traceback", [])) + str(output.get("evalue", ""))
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield cell, joined(data)


def nodes(cell: Book) -> Iterator[ast.AST]:
    try:
        yield from ast.walk(ast.parse(cell.source))
    except SyntaxError:
        return  # `every_code_cell_is_plain_python` says it


def calls(book: Book) -> Iterator[tuple[Book, ast.Call]]:
    for cell in code_cells(book):
        for node in nodes(cell):
            if isinstance(node, ast.Call):
                yield cell, node


def name_of(function: ast.expr) -> str:
    """The last word of what is called: 'post' for `httpx.post`."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def words_of(book: Book) -> list[str]:
    """The words of a notebook's prose; signs of Markdown alone do not count."""
    prose = " ".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    return [word for word in prose.split() if re.search(r"\w", word)]
