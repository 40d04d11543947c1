"""Tables of figures: a pandas DataFrame that says beneath it where its figures come from.

`Table` is a DataFrame in all it does; sorting and filtering keep the note. Unknown values stay None or NaN in the data,
so that they sort last and match no filter, and are shown as `blank`. HTML, plain text and Markdown hold the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from labkit.errors import StorageError
from labkit.keys import scrub
from labkit.view import html

MOST_ROWS = 200
MANY_COLUMNS = 6  # so many and more stand close, to fit beside the file browser in a window of 1000 pixels
LONGEST_TEXT = 60  # of a cell in plain text; HTML and Markdown show it whole
_LINK = re.compile(r"https?://[^\s,;()]+")


class Table(pd.DataFrame):
    """A DataFrame with a `note` beneath it. blank: what an unknown value is shown as."""

    _metadata = ("note", "blank")
    note: str = ""
    blank: str = "not stated"

    @classmethod
    def of(
        cls, rows: Sequence[dict[str, Any]], columns: Sequence[str], *, note: str = "", blank: str = "not stated"
    ) -> Table:
        """A table of these rows. Counts become whole numbers that may be missing, sums stay exact decimals."""
        table = cls({name: _column(name, [row.get(name) for row in rows]) for name in columns})
        table.note, table.blank = note, blank
        return table

    @property
    def _constructor(self) -> type[Table]:
        return Table

    def __str__(self) -> str:
        cells = self._shown()
        head = list(cells.columns)
        rows = [head, *([_cut(cell) for cell in row] for row in cells.itertuples(index=False, name=None))]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        right = [_is_number(name) for name in head]
        lines = [
            "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
            for row in rows
        ]
        return scrub("\n".join([*lines, *(["", self.note] if self.note else [])]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = self._shown()
        numbers = [i for i, name in enumerate(cells.columns) if _is_number(name)]
        rows = [[_roomy(cell) for cell in row] for row in cells.itertuples(index=False, name=None)]
        head = [html.breaking(name) for name in cells.columns]
        drawn = html.table(rows, head, numbers, tight=len(head) >= MANY_COLUMNS, held=True)
        wide = html.Html(f'<div style="overflow-x: auto">{drawn}</div>')
        return scrub(html.join([wide, html.note(self.note) if self.note else ""]))

    def markdown(self) -> str:
        """The table in Markdown, its note beneath it."""
        cells = self._shown()
        sides = ["---:" if _is_number(name) else "---" for name in cells.columns]
        rows = [list(cells.columns), sides, *cells.itertuples(index=False, name=None)]
        lines = ["| " + " | ".join(_in_markdown(cell) for cell in row) + " |" for row in rows]
        return scrub("\n".join([*lines, *(["", self.note] if self.note else [])]))

    def csv(self) -> str:
        """The table as CSV, unrounded, unknown values empty; the first line is the note, after a #."""
        head = f"# {self.note}\n" if self.note else ""
        return scrub(head + str(pd.DataFrame(self).to_csv(index=_named_index(self), lineterminator="\n")))

    def save(self, path: str | Path) -> Path:
        """Write it as the ending of `path` says: .csv or .md. Raises StorageError."""
        target = Path(path)
        if target.suffix.lower() not in (".csv", ".md"):
            raise StorageError(f"{target.suffix or 'no ending'} is no form of a table", right="It is .csv or .md")
        try:
            target.write_text(
                self.csv() if target.suffix.lower() == ".csv" else self.markdown() + "\n",
                encoding="utf-8",
                newline="\n",
            )
        except OSError as error:
            raise StorageError(
                f"the table cannot be written ({error.strerror or error})",
                where=str(target),
                do="Name a file in a folder that exists and that you may write to",
            ) from None
        return target

    def _shown(self) -> pd.DataFrame:
        """Every cell as text, at most MOST_ROWS rows."""
        frame = pd.DataFrame(self).reset_index() if _named_index(self) else pd.DataFrame(self)
        rest = len(frame) - MOST_ROWS
        columns = [str(name) for name in frame.columns]
        rows = [
            [cell_text(name, value, self.blank) for name, value in zip(columns, row, strict=True)]
            for row in frame.head(MOST_ROWS).itertuples(index=False, name=None)
        ]
        if rest > 0:
            rows.append([f"… and {rest} more", *[""] * (len(columns) - 1)][: len(columns)])
        return pd.DataFrame(rows, columns=columns, dtype=object)


def cell_text(name: str, value: Any, blank: str = "not stated") -> str:
    """A value as a table shows it, by the unit in its column's name.

    >>> cell_text("total_s", 1.2345), cell_text("context_tokens", 1000000), cell_text("cost_usd", Decimal("0.00001234"))
    ('1.23', '1,000,000', '0.000012')
    >>> cell_text("input_usd_per_mtok", Decimal("0.150")), cell_text("status", None), cell_text("status", 200)
    ('0.15', 'not stated', '200')
    """
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return blank
    if isinstance(value, str):
        return value or blank
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value) or blank
    if isinstance(value, Decimal):
        if name.endswith("_per_mtok"):
            return f"{value.normalize():f}"
        return f"{value:.{max(2, 1 - value.adjusted())}f}" if value else "0"
    if isinstance(value, float):
        if name.endswith("_s") and "per_s" not in name:
            return f"{value:.2f}"
        return f"{value:,.0f}" if "tokens_" in name and "per_s" not in name and value.is_integer() else f"{value:.1f}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return str(value)
    return f"{int(value):,}" if "tokens" in name else str(int(value))


def _column(name: str, values: list[Any]) -> Any:
    told = [value for value in values if value is not None]
    if told and all(isinstance(value, int) and not isinstance(value, bool) for value in told):
        return pd.array(values, dtype="Int64")
    if told and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in told):
        return pd.array([float("nan") if value is None else float(value) for value in values], dtype="float64")
    return pd.Series(values, dtype=object)


def _is_number(name: str) -> bool:
    """Whether a column is set to the right and never broken: figures, and intervals of figures."""
    if "source" in name:
        return False
    return name in COUNTED or name.endswith(("_s", "_95", "_ms")) or "_usd" in name or "tokens" in name


COUNTED = ("status", "calls", "failed", "repetition", "off_percent", "unpriced_calls")


def _named_index(frame: pd.DataFrame) -> bool:
    return any(name is not None for name in frame.index.names)


def _roomy(cell: str) -> html.Html:
    """A cell with its addresses as links, each shown as its host; one of many words gets room for a few in a line."""
    parts: list[object] = []
    shown, at = "", 0
    for found in _LINK.finditer(cell):
        host = urlsplit(found[0]).hostname or found[0]
        parts += [cell[at : found.start()], link(found[0], host)]
        shown, at = f"{shown}{cell[at : found.start()]}{host}", found.end()
    drawn = html.join([*parts, cell[at:]])
    words = f"{shown}{cell[at:]}"
    if len(words) <= 28 or " " not in words:
        return drawn
    return html.Html(f'<div style="min-width: {120 if len(words) <= 90 else 300}px">{drawn}</div>')


def link(url: str, text: str) -> html.Html:
    """A link that opens beside the notebook."""
    return html.Html(f'<a href="{html.escape(url)}" target="_blank" rel="noopener">{html.escape(text)}</a>')


def _cut(cell: str) -> str:
    line = " ".join(html.visible(cell).split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


def _in_markdown(cell: object) -> str:
    return html.visible(str(cell)).replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>")
