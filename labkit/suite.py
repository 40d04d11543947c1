"""All tests, as `python lab.py test` runs them: the unit tests, then each notebook against its stored outputs.

It only starts pytest; what a test may do (no outside network, no keys, a LAB_HOME of its own) is `conftest.py`'s
business at the top of the clone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from labkit.copies import ROOT
from labkit.errors import ConfigError

STRICT = [
    "--nbval",
    "--nbval-current-env",
    "--nbval-cell-timeout=60",
    "--nbval-sanitize-with",
    "tests/nbval-sanitize.cfg",
]
NOTEBOOKS = ["notebooks", "tests/notebooks"]
NOTHING_COLLECTED = 5  # pytest's exit status


def run_tests(arguments: Sequence[str] = ()) -> int:
    """Run the tests and return pytest's exit status: 0 when all passed.

    arguments: handed to pytest. Where they name files, only those run, notebooks (.ipynb) under nbval.
    Raises ConfigError when the test tools are not installed.
    """
    if find_spec("hypothesis") is None or not (ROOT / "tests").is_dir():
        raise ConfigError(
            "the test tools are not installed", do="Run `python lab.py test` in the lab's folder: it installs them"
        )
    statuses = [_pytest(part) for part in parts(arguments)]
    told = [status for status in statuses if status != NOTHING_COLLECTED]
    return next((status for status in told if status), 0) if told else NOTHING_COLLECTED


def parts(arguments: Sequence[str]) -> list[list[str]]:
    """pytest's argument lists, one a run, for what was asked.

    >>> parts(["-x", "tests/test_clock.py"])
    [['-x', 'tests/test_clock.py']]
    >>> [part[-2:] for part in parts([])]
    [[], ['notebooks', 'tests/notebooks']]
    """
    named = [word for word in arguments if not word.startswith("-") and (ROOT / word.split("::")[0]).exists()]
    options = [word for word in arguments if word not in named]
    books = [word for word in named if word.split("::")[0].endswith(".ipynb") or word.strip("/") in NOTEBOOKS]
    files = [word for word in named if word not in books]
    both = not named
    runs = []
    if both or files:
        runs.append([*options, *files])
    if both or books:
        runs.append([*options, *STRICT, *(books or NOTEBOOKS)])
    return runs


def _pytest(arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT).returncode
