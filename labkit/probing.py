"""`lab probe`: a probe from the terminal. The work is `labkit.probe`'s; here are the words around it."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

from labkit.errors import ParameterError


def run(
    provider: str,
    *,
    model: str | None = None,
    body: str | None = None,
    only: Sequence[str] = (),
    native: bool = False,
    live: bool = False,
    budget_usd: str = "0.25",
    day: str | None = None,
    as_json: bool = False,
) -> int:
    """Probe one provider and print what was seen; 0 when nothing contradicts the facts, else 1.

    body: JSON of fields that every request has.  live: the real provider, behind key and budget as all live calls.
    Raises LabError.
    """
    from labkit.session import Lab

    greeting = io.StringIO()
    with contextlib.redirect_stdout(greeting):
        lab = Lab(day, live=[provider] if live else (), pace="quick", budget_usd=budget_usd)
        report = lab.probe(
            provider,
            model,
            body=_fields(body),
            only=tuple(only),
            native=native,
            tell=_progress if not as_json else None,
        )
    print(json.dumps(report.as_json(), ensure_ascii=False, indent=2) if as_json else str(report))
    if live and not as_json:
        print(f"\nIt cost {lab.spent_usd} USD.")
    return 0 if report.agrees else 1


def _fields(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ParameterError(f"--body is not JSON ({error})", right='Write it as {"top_p": 0.9}') from None
    if not isinstance(found, dict):
        raise ParameterError("--body is JSON but no object", right='Write it as {"top_p": 0.9}')
    return found


def _progress(parameter: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{parameter} …", end="", file=sys.stderr, flush=True)
