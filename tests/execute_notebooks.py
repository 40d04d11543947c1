"""Execute the lab's notebooks anew and store what they really printed. For authors; it tests nothing.

    python tests/execute_notebooks.py                       all of notebooks/
    python tests/execute_notebooks.py notebooks/00-*.ipynb  only these

Run it with the lab's own Python (`.venv/bin/python`, on Windows `.venv\\Scripts\\python`) after `python lab.py test`
has set that up, whenever a cell, labkit, the facts or the models' weights have changed; then run
`python lab.py test notebooks`, which executes them again and compares.

The cells of exercises are written from their data first (exercise_cells.py). Each notebook gets a fresh kernel and the
environment of the tests (tests/guard/lab_env.py): quick pace, no keys, no way out of the machine, a LAB_HOME of its
own, UTC, fixed width and hashes. A file is replaced only when every cell
worked and nothing was written to stderr. What a notebook must not store is taken out: a widget's state, and the
reference to it (JupyterLab would show it as an error until the cell is run; the picture beside it, as HTML, stays).
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path

import exercise_cells
import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager
from traitlets import Instance

from labkit.exercises import registry

ROOT = Path(__file__).parent.parent
CELL_TIMEOUT_S = 60
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


class ThisPython(AsyncKernelManager):
    """Starts kernels with the Python that runs this file, as nbval does for the tests."""

    kernel_spec_manager = Instance(NbvalKernelspecManager, ())


class Unfit(Exception):
    """A notebook whose outputs are not to be stored, with the reason."""


def execute(path: Path, env: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook at `path` with the outputs of a fresh kernel started in `env`. Raises Unfit."""
    book = nbformat.read(path, as_version=4)
    exercise_cells.written(book, registry.exercises(path.name[:2]))
    client = NotebookClient(
        book,
        kernel_manager_class=ThisPython,
        kernel_name=CURRENT_ENV_KERNEL_NAME,
        timeout=CELL_TIMEOUT_S,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute(env=env)
    except CellExecutionError as error:
        raise Unfit(re.sub(r"\x1b\[[\d;]*m", "", str(error))) from None
    return tidy(book)


def tidy(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook as it is to be stored. Raises Unfit when a cell wrote to stderr."""
    book.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell in book.cells:
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.tags} if cell.metadata.get("tags") else {})
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise Unfit(f"cell {cell.id} wrote to stderr:\n{output.text}")
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return book


def environment_of(home: str) -> dict[str, str]:
    """This process's environment as the tests have it; `home` is LAB_HOME."""
    sys.path.insert(0, str(ROOT / "tests" / "guard"))
    from lab_env import clean

    return clean(dict(os.environ), home)


def main(names: list[str]) -> int:
    """Execute the notebooks named, or all; the exit status says whether every one could be stored."""
    paths = [Path(name).resolve() for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    failed = 0
    for path in paths:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="lab-home-") as home:
            try:
                text = nbformat.writes(execute(path, environment_of(home))) + "\n"
            except Unfit as reason:
                failed += 1
                print(f"{path.name}: left as it was. {reason}", file=sys.stderr)
                continue
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8", newline="\n")
        os.replace(part, path)
        print(f"{path.name}: {time.monotonic() - began:.0f} s, {len(text.encode()) / 1000:.0f} kB", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
