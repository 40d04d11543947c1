"""Every notebook with its exercises solved, and with misconceptions in them: the two runs beside that as shipped.

A copy of each has its blanks replaced, by the registered solution or by a listed misconception, and its check cells
print outcome and form, which nbval compares. All copies run in one pytest. That as shipped is `labkit.suite`'s.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exercise_cells
import nbformat
import pytest
from nbformat.v4 import new_output

from labkit.copies import ROOT
from labkit.exercises import Exercise, registry

NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "no:cacheprovider", "-q"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def answered(book: Any, exercises: tuple[Exercise, ...], answer: Callable[[Exercise], str], outcome: str) -> int:
    """Put an answer into each exercise cell of `book`, and say what its check is to print. Returns how many."""
    by_id = {cell.id: cell for cell in book.cells}
    for ex in exercises:
        cell = by_id[exercise_cells.id_of(ex)]
        assert cell.source == exercise_cells.source_of(ex)
        checked = exercise_cells.source_of(ex, answer(ex)).replace(
            f"\nex.check({ex.name})", f"\nit = ex.check({ex.name})"
        )
        cell.source = f"{checked}\nprint(it.outcome, '<div' in it._repr_html_(), 'Traceback' in str(it))"
        cell.outputs = [new_output("stream", text=f"{outcome} True False\n")]
        cell.execution_count = 1  # nbval compares only what has run
        cell.metadata["tags"] = ["nbval-check-output"]
    return len(exercises)


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", *NBVAL, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)]
    return subprocess.run([*command, str(folder)], cwd=folder, capture_output=True, text=True, timeout=3600)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A place with what notebooks may look for beside them."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path


def test_solved_all_pass_and_sabotaged_all_miss(clone: Path) -> None:
    count = 0
    for path in NOTEBOOKS:
        exercises = registry.exercises(path.name[:2])
        for name, outcome, answer in (
            ("solved", "passed", lambda ex: ex.solution),
            ("sabotaged", "missed", lambda ex: ex.misconceptions[len(ex.id) % len(ex.misconceptions)].source),
        ):
            book = nbformat.read(path, as_version=4)
            count += answered(book, exercises, answer, outcome)
            (clone / name).mkdir(exist_ok=True)
            nbformat.write(book, clone / name / path.name)
    ended = run(clone)
    assert ended.returncode == 0, ended.stdout[-8000:]
    assert count == 2 * sum(len(registry.exercises(path.name[:2])) for path in NOTEBOOKS) > 0


def test_an_outcome_that_is_not_as_said_is_found(clone: Path) -> None:
    (ex,) = registry.exercises("00")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from labkit import Lab\nlab = Lab()")])
    exercise_cells.written(book, [ex])
    answered(book, (ex,), lambda ex: ex.misconceptions[0].source, "passed")
    nbformat.write(book, clone / "wrong.ipynb")
    ended = run(clone)
    assert ended.returncode == 1
    assert "missed True False" in ended.stdout
