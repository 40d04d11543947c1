"""Environments beside the lab's own, for clients that need older versions of what the lab's tests already use.

    python tests/outside.py litellm      make .outside/litellm from tests/litellm.lock, unless it is there already

The lock is written from one pinned version:

    echo litellm==1.103.4 | uv pip compile - --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-header --no-annotate --no-emit-index-url -o tests/litellm.lock

`notebook7` is Jupyter's other face, Notebook 7, for one test of the widgets: notebook>=7.5 and jupyterlab-widgets,
with `-c requirements-test.lock`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

TESTS = Path(__file__).resolve().parent
OUTSIDE = TESTS.parent / ".outside"


def lock(name: str) -> Path:
    """The lock that the environment is made from."""
    return TESTS / f"{name}.lock"


def python(name: str) -> Path:
    """The environment's interpreter, whether it is there or not."""
    return OUTSIDE / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ready(name: str) -> bool:
    """Whether the environment is there, whole, and made from the lock as it is now."""
    mark = OUTSIDE / name / "made-from"
    return python(name).exists() and mark.exists() and mark.read_text() == _digest(name)


def make(name: str) -> None:
    """Make the environment anew with uv, or with pip where there is no uv. Raises CalledProcessError."""
    folder = OUTSIDE / name
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv")
    venv.create(folder, with_pip=uv is None, symlinks=os.name != "nt")
    installer = [uv, "pip", "install", "-p", str(python(name))] if uv else [str(python(name)), "-m", "pip", "install"]
    # The lock is whole. Looking for dependencies, pip would refuse one that asks for an extra ("pydantic[email]").
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(lock(name))]
    if not uv:
        options += ["--no-compile", "--disable-pip-version-check"]
    subprocess.run([*installer, *options], check=True)
    (folder / "made-from").write_text(_digest(name))


def _digest(name: str) -> str:
    return hashlib.sha256(lock(name).read_bytes().replace(b"\r\n", b"\n")).hexdigest()


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        if not ready(wanted):
            print(f"Installing {wanted} for the tests", flush=True)
            make(wanted)
