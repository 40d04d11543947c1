"""The cells of a notebook's exercises, written from their data: what is asked, the blank, the check.

`execute_notebooks` writes them anew before it executes, so that an exercise is changed in one place; `notebook_rules`
says where they differ. New ones come before the summary; where they stand afterwards is up to the author.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell

from labkit.exercises.checking import about
from labkit.exercises.exercise import Exercise

INTRO = (
    "## {section} · Exercises\n\n"
    "Write in the place of `...` and run the cell: the check tries your answer in several cases and says what it saw. "
    "As long as there is a `...`, nothing is counted. `ex.hint()` in a cell of its own gives a hint, again the next; "
    "`ex.solution()` shows a solution. What your code prints is shown with the result. `lab.progress()` draws the map "
    "of what is done."
)


def id_of(ex: Exercise) -> str:
    """The id of an exercise's code cell; that of the text above it begins with 'about-'."""
    return f"exercise-{ex.id}"


def text_of(ex: Exercise, number: int) -> str:
    """The Markdown above an exercise. number: its place in the notebook, from 1."""
    return f"### Exercise {number} · {ex.title}\n\n*{about(ex)}*\n\n{ex.prompt.strip()}"


def source_of(ex: Exercise, answer: str | None = None) -> str:
    """The code of an exercise, with its blank or another answer in it."""
    given = (ex.blank if answer is None else answer).strip("\n")
    return f'ex = lab.exercise("{ex.id}")\n\n{given}\n\nex.check({ex.name})'


def written(book: Any, exercises: Sequence[Exercise]) -> None:
    """Bring a notebook's exercise cells up to date, in place: those that are there, and new ones before the summary."""
    if not exercises:
        return
    if not any(cell.id == "about-exercises" for cell in book.cells):
        sections = [int(n) for cell in book.cells for n in re.findall(r"^## (\d+) · ", cell.source, re.M)]
        intro = INTRO.format(section=max(sections, default=0) + 1)
        book.cells.insert(_summary(book), new_markdown_cell(intro, id="about-exercises"))
    for number, ex in enumerate(exercises, 1):
        by_id = {cell.id: cell for cell in book.cells}
        text, code = by_id.get(f"about-{id_of(ex)}"), by_id.get(id_of(ex))
        if text is None and code is None:
            at = _summary(book)
            book.cells[at:at] = [
                text := new_markdown_cell("", id=f"about-{id_of(ex)}"),
                code := new_code_cell("", id=id_of(ex)),
            ]
        if text is not None:
            text.source = text_of(ex, number)
        if code is not None:
            code.source = source_of(ex)


def _summary(book: Any) -> int:
    """Where the summary begins, or the end of the notebook."""
    places = [n for n, cell in enumerate(book.cells) if re.match(r"## Summary", cell.source)]
    return places[0] if places else len(book.cells)
