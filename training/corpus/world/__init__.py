"""The fillings: what the prompts ask about, one row a line in `*.txt`, columns split at `|`, `#` for comments."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def rows(name: str) -> list[list[str]]:
    """All rows of `<name>.txt`. Raises ValueError where a row has another number of columns than the first."""
    table = []
    for number, line in enumerate((FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        row = [cell.replace("\\n", "\n") for cell in line.split("|")]
        if table and len(row) != len(table[0]):
            raise ValueError(f"{name}.txt: line {number} has {len(row)} columns, not {len(table[0])}")
        table.append(row)
    return table


@cache
def items(name: str) -> list[str]:
    """One of the named lists in `lists.txt`."""
    return next(list(dict.fromkeys(row[1].split(";"))) for row in rows("lists") if row[0] == name)
