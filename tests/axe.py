"""axe-core, which judges what a page offers to people who use a keyboard or a screen reader.

    python tests/axe.py      install it into .outside/axe, a folder that git ignores, unless it is there already

Where it is missing a test says so and is left out; where everything must be there (LAB_CI) it is installed first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / ".outside" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
PACKAGE = "axe-core@4.10.3"
COMMAND = f"npm install --prefix .outside/axe --ignore-scripts {PACKAGE}"
# ipywidgets gives its slider's handle no name; the number field beside each has the label.
KNOWN = {"aria-input-field-name": "noUi-handle"}


def install() -> str:
    """Why it cannot be had; '' when it is there."""
    if SCRIPT.exists():
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed, and axe-core comes from there"
    (ROOT / ".outside" / "axe").mkdir(parents=True, exist_ok=True)
    done = subprocess.run([npm, *COMMAND.split()[1:]], cwd=ROOT, capture_output=True, text=True, timeout=600)
    return "" if done.returncode == 0 else f"npm could not install axe-core: {done.stderr[-300:]}"


def needs_axe() -> None:
    """Leave the test out, or fail it where everything must be there."""
    if SCRIPT.exists():
        return
    reason = install() if os.environ.get("LAB_CI") else f"axe-core is not installed: {COMMAND}"
    if reason:
        pytest.fail(reason) if os.environ.get("LAB_CI") else pytest.skip(reason)


def violations(page: Any, selector: str) -> list[str]:
    """What is serious or worse inside `selector`, but what is known, in a line each."""
    needs_axe()
    page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    found = page.evaluate("place => axe.run(place, {resultTypes: ['violations']})", selector)["violations"]
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
        if KNOWN.get(each["id"], "\0") not in node["html"]
    ]


if __name__ == "__main__":
    raise SystemExit(install())
