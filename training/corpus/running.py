"""Whether Python code does what its test cases say, tried in another process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HARNESS = """
import contextlib, io, json, math, sys

def same(found, wanted):
    if isinstance(wanted, dict) and "between" in wanted:
        return wanted["between"][0] <= found <= wanted["between"][1]
    if isinstance(wanted, dict) and "among" in wanted:
        return found in wanted["among"]
    if isinstance(wanted, float) and isinstance(found, (int, float)):
        return math.isclose(found, wanted, rel_tol=1e-4)
    return type(found) is type(wanted) and found == wanted or found == wanted and not isinstance(wanted, bool)

def passes(code, name, cases):
    for arguments, wanted in cases:
        space, printed = {}, io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, space)
            found = space[name](*json.loads(json.dumps(arguments)))
        if found is None:
            found = " ".join(printed.getvalue().split())
        if not same(json.loads(json.dumps(found)), wanted):
            return False
    return True

results = []
for job in json.load(sys.stdin):
    try:
        results.append(passes(*job))
    except BaseException:
        results.append(False)
json.dump(results, sys.stdout)
"""


def code_of(answer: str) -> str:
    """The code in an answer: what stands between fences, else all of it."""
    fenced = re.search(r"```(?:python)?\n(.*?)```", answer, re.DOTALL)
    return fenced[1] if fenced else answer


def passing(jobs: Sequence[tuple[str, Sequence[Any]]], timeout: float = 60) -> list[bool]:
    """For each (code, cases), whether the first function in the code gives the right result in all cases.

    Everything fails together where the process does not end in time.
    """
    named = []
    for code, cases in jobs:
        name = re.search(r"def (\w+)", code)
        named.append((code, name[1] if name else "", cases))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "notes.txt").write_text("one\ntwo\n", encoding="utf-8")
        try:
            ran = subprocess.run(
                [sys.executable, "-I", "-c", HARNESS],
                input=json.dumps(named),
                capture_output=True,
                text=True,
                cwd=folder,
                timeout=timeout,
                check=True,
            )
            return [bool(result) for result in json.loads(ran.stdout)]
        except (subprocess.SubprocessError, ValueError):
            return [False] * len(jobs)
