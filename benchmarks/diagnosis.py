"""How often `diagnose` names the right cause first, for failures that people reported in public.

    python benchmarks/diagnosis.py [--wrong]

Three lists in tests/data, each row with the thread it comes from. reported_failures.yaml and wider_failures.yaml are in
two halves, told apart by the last bit of the SHA-256 of the source: single rules were tuned on one of them only. (Both
halves were collected by those who wrote the rules, so even `unseen` flatters; wider_failures.yaml says what was right
at first sight.) public_failures.yaml is older: rows known when the rules were made, and rows put aside.
'confidently wrong' counts causes named as likely and not right; 'honestly unknown' no cause named where there is one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from labkit import facts  # noqa: E402
from labkit.diagnosis import diagnose  # noqa: E402
from labkit.diagnosis.cases import exchange_of_case  # noqa: E402
from labkit.yamls import read_yaml  # noqa: E402

LIKELY = 75
DATA = HERE / "tests" / "data"
Row = dict[str, Any]


@dataclass
class Figures:
    """Counts over some rows. misses: a line for each that is not right."""

    rows: int = 0
    first: int = 0
    in_three: int = 0
    confidently_wrong: int = 0
    unknown: int = 0
    misses: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.first} of {self.rows} right first ({self.first / max(self.rows, 1):.0%}), "
            f"{self.in_three} among the first three, {self.confidently_wrong} confidently wrong, "
            f"{self.unknown} honestly unknown"
        )


def halves(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows that rules may be tuned on, and those that they may not, by the last bit of the source's SHA-256."""
    found: dict[str, list[Row]] = {"tuned": [], "unseen": []}
    for row in rows:
        last = hashlib.sha256(row["source"].encode()).digest()[-1]
        found["unseen" if last & 1 and not row.get("tuned") else "tuned"].append(row)
    return found


def measured(rows: Sequence[Row]) -> Figures:
    """What `diagnose` makes of these rows."""
    known, figures = facts.load(), Figures()
    for row in rows:
        found = diagnose(exchange_of_case(row["case"]), facts=known)
        first, right = found.first, row["is"]
        named = [cause.id for cause in found.causes[:3]]
        good = (first.id if first is not None else "unknown") in right
        figures.rows += 1
        figures.first += good
        figures.in_three += good or bool(set(named) & set(right))
        if good:
            continue
        figures.confidently_wrong += first is not None and first.points >= LIKELY
        figures.unknown += first is None
        said = ", ".join(f"{c.id} {c.points}" for c in found.causes) or "unknown"
        figures.misses.append(f"  {row['source']}: {said}; it is {' or '.join(right)}")
    return figures


def main(arguments: list[str]) -> None:
    """Print a line a part."""
    parts: dict[str, list[Row]] = {
        f"{which}, {name}": rows
        for which in ("reported", "wider")
        for name, rows in halves(read_yaml(DATA / f"{which}_failures.yaml").data).items()
    }
    parts |= {
        f"public, {name.replace('_', ' ')}": rows
        for name, rows in read_yaml(DATA / "public_failures.yaml").data.items()
    }
    for name, rows in parts.items():
        figures = measured(rows)
        print(f"{name}: {figures}")
        if "--wrong" in arguments and "unseen" not in name:
            print("\n".join(figures.misses))


if __name__ == "__main__":
    main(sys.argv[1:])
