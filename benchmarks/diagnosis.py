"""How often `diagnose` names the right cause first, for failures that people reported in public.

    python benchmarks/diagnosis.py [--wrong]

The list is tests/data/public_failures.yaml: rows known when the rules were made, and rows put aside, read only
afterwards and never tuned on. 'wrong' counts only causes named as likely; saying 'unknown' is not wrong, and right
where the words do not tell more.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from labkit import facts  # noqa: E402
from labkit.diagnosis import diagnose  # noqa: E402
from labkit.diagnosis.cases import exchange_of_case  # noqa: E402
from labkit.yamls import read_yaml  # noqa: E402

LIKELY = 75


def measured(rows: list[dict[str, Any]]) -> tuple[int, int, list[str]]:
    """(right first, confidently wrong, a line for each that is not right)."""
    known = facts.load()
    right, wrong, lines = 0, 0, []
    for row in rows:
        found = diagnose(exchange_of_case(row["case"]), facts=known)
        first = found.first
        if (first.id if first is not None else "unknown") in row["is"]:
            right += 1
            continue
        wrong += first is not None and first.points >= LIKELY
        said = ", ".join(f"{c.id} {c.points}" for c in found.causes) or "unknown"
        lines.append(f"  {row['source']}: {said}; it is {' or '.join(row['is'])}")
    return right, wrong, lines


def main(arguments: list[str]) -> None:
    """Print a line a half."""
    rows = read_yaml(HERE / "tests/data/public_failures.yaml").data
    for name, half in rows.items():
        right, wrong, lines = measured(half)
        share = f"{right} of {len(half)} right first ({right / max(len(half), 1):.0%})"
        print(f"{name.replace('_', ' ')}: {share}, {wrong} confidently wrong")
        if "--wrong" in arguments:
            print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
