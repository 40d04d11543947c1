"""LibreChat's own reader and schema, run by node: the oracle for everything in labkit.config.

They are two npm packages in .outside/librechat, a folder that git ignores. Where they are missing a test says so and
is left out; under LAB_CI they are installed, and their absence is a failure.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".outside" / "librechat"
PACKAGES = ("librechat-data-provider@0.8.524", "js-yaml@4.3.1")


@lru_cache(maxsize=1)
def _missing() -> str:
    """Why the oracle cannot be asked; '' when it can."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        return "node is not installed, and LibreChat's own schema needs it"
    if all((FOLDER / "node_modules" / package.partition("@")[0]).is_dir() for package in PACKAGES):
        return ""
    command = f"npm install --prefix .outside/librechat --ignore-scripts {' '.join(PACKAGES)}"
    if os.environ.get("LAB_CI") and npm is not None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([npm, *command.split()[1:]], cwd=ROOT, capture_output=True, text=True, timeout=600)
        return "" if done.returncode == 0 else f"npm could not install LibreChat's schema: {done.stderr[-300:]}"
    return f"LibreChat's own schema is not installed: {command}"


def needs_node() -> None:
    """Leave the test out, or fail it where everything must be there."""
    if reason := _missing():
        pytest.fail(reason) if os.environ.get("LAB_CI") else pytest.skip(reason)


def run_script(name: str, given: str = "") -> str:
    """What one of the scripts beside this file prints."""
    needs_node()
    done = subprocess.run(
        [str(shutil.which("node")), str(ROOT / "tests" / name), str(FOLDER)],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def node_says(texts: list[str]) -> list[dict[str, Any]]:
    """For each text: `yaml` with js-yaml's complaint, line and column, or `data`, `accepted` and `issues`."""
    found: list[dict[str, Any]] = json.loads(run_script("librechat_oracle.cjs", json.dumps(texts)))
    return found


def canonical(value: Any) -> Any:
    """Our data in the form in which the script prints js-yaml's."""
    if isinstance(value, datetime):
        return {"$date": f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"}
    if isinstance(value, bytes):
        return {"$bytes": list(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be"))
        return {"$map": [[key, canonical(item)] for key, item in pairs]}
    return {"$date": None} if type(value).__name__ == "Invalid" else value
