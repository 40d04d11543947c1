"""Every notebook, run once with random keys in the environment: no piece of one in what it shows, logs or saves.

All loggers write at DEBUG to a file, all exchanges go into a recording and a HAR, and the last are shown in every way
at the end, beside what the notebook itself prints and keeps. A cell that fails is searched too, traceback and all.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from canaries import found, planted
from execute_notebooks import ThisPython, environment_of
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from nbval.kernel import CURRENT_ENV_KERNEL_NAME

from labkit.copies import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
TIMEOUT_S = 600
BEFORE = """
import logging
logging.basicConfig(level=logging.DEBUG, filename="all.log", force=True)
logging.getLogger("labkit.canary").info("the loggers are on")
from labkit import Lab as _Lab
_begin, _labs = _Lab.__init__, []
def _recorded(self, *args, **named):
    _begin(self, *args, **named)
    _labs.append(1)
    self.record(f"all-{len(_labs)}", folder=".")  # each its own: a second lab would be answered from the first's
_Lab.__init__ = _recorded
"""
AFTER = """
from labkit import curl as _curl, diagnose as _diagnose, show as _show
lab.log.save_har("all.har")
for _one in list(lab.log)[-SHOWN:]:
    for _view in (_show(_one, body="all"), _diagnose(_one), _curl(_one), repr(_one)):
        print(_view, repr(_view), getattr(_view, "_repr_html_", str)())
print(len(lab.log), "exchanges", lab, lab.log, lab.log._repr_html_(), lab.log.table().to_string(), lab.progress())
print([repr(_name) for _name in list(globals().values())])
""".replace("SHOWN", "20")


def shown(book: Any) -> str:
    """All outputs as text; pictures left out, for their letters mean nothing."""
    texts = []
    for cell in book.cells:
        for output in cell.get("outputs", []):
            data = {kind: text for kind, text in output.get("data", {}).items() if not kind.startswith("image/png")}
            texts += [json.dumps({**output, "data": data}, ensure_ascii=False), *map(str, data.values())]
            texts.append(str(output.get("text", "")))
    return "\n".join(texts)


def run(book: Any, folder: Path, canaries: dict[str, str]) -> str:
    """Execute the cells in a folder beside copied configs, keys in the environment. Returns what was shown."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    place = folder / "notebooks"
    place.mkdir()
    (folder / "home").mkdir()
    client = NotebookClient(
        book,
        kernel_manager_class=ThisPython,
        kernel_name=CURRENT_ENV_KERNEL_NAME,
        timeout=TIMEOUT_S,
        allow_errors=True,
        resources={"metadata": {"path": str(place)}},
    )
    client.execute(env={**environment_of(str(folder / "home")), **canaries})
    return shown(book)


def errors_of(cell: Any) -> list[str]:
    """The names of the errors that a cell shows."""
    return [output.ename for output in cell.get("outputs", []) if output.output_type == "error"]


def saved(folder: Path) -> str:
    """Every file below the folder."""
    return "".join(path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_run_with_keys_at_hand_shows_and_saves_none(path: Path, tmp_path: Path) -> None:
    canaries = planted()
    book = nbformat.read(path, as_version=4)
    book.cells = [new_code_cell(BEFORE), *book.cells, new_code_cell(AFTER)]
    stored = [errors_of(cell) for cell in book.cells]  # a lesson may show an error on purpose
    out = run(book, tmp_path, canaries)
    for cell, meant in zip(book.cells, stored, strict=True):
        if "raises-exception" not in cell.metadata.get("tags", []):
            assert errors_of(cell) == meant, cell.source[:300]
    kept = saved(tmp_path)
    assert "the loggers are on" in kept
    assert (tmp_path / "notebooks" / "all.har").exists()
    assert " exchanges " in out
    for name, text in (("output", out), ("files", kept)):
        assert found(text, canaries) == [], f"a piece of a key stands in the {name}"


def test_a_notebook_that_shows_a_piece_of_a_key_is_found(tmp_path: Path) -> None:
    canaries = planted()
    name = next(iter(canaries))
    cells = [
        new_code_cell(f"import os\nprint(os.environ[{name!r}][9:15])"),
        new_code_cell(f"open('note.txt', 'w').write(os.environ[{name!r}][20:30])"),
        new_code_cell(f"raise ValueError(os.environ[{name!r}])"),
    ]
    for number, cell in enumerate(cells[:1] + cells[2:]):
        folder = tmp_path / str(number)
        folder.mkdir()
        book = nbformat.v4.new_notebook(cells=[cells[0], cell] if number else [cell])
        assert found(run(book, folder, canaries), canaries) == [name]
    folder = tmp_path / "kept"
    folder.mkdir()
    book = nbformat.v4.new_notebook(cells=[new_code_cell("import os"), cells[1]])
    assert found(run(book, folder, canaries), canaries) == []
    assert found(saved(folder / "notebooks"), canaries) == [name]
