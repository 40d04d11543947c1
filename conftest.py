"""What holds for every test run, notebooks under nbval included, before anything else starts.

No key variables, no proxies, a LAB_HOME of its own, no socket that leaves the machine, and the same time zone, width
and hashes everywhere. Done in `pytest_configure`, since fixtures do not reach the kernels that nbval starts.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
GUARD = ROOT / "tests" / "guard"
ORIGINAL = dict(os.environ)
SECRET = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
KEPT = ("LAB_CI", "LAB_WEIGHTS")
FIXED = {
    "COLUMNS": "100",
    "LAB_PACE": "quick",
    "MPLBACKEND": "agg",
    "NO_COLOR": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "TZ": "UTC",
}


def pytest_configure(config: pytest.Config) -> None:
    home = tempfile.mkdtemp(prefix="lab-home-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ.update(clean(ORIGINAL, home))
    for name in set(os.environ) - set(clean(ORIGINAL, home)):
        del os.environ[name]
    sys.path.insert(0, str(GUARD))
    import lab_guard  # noqa: F401  (this process has started already)


def clean(env: dict[str, str], home: str) -> dict[str, str]:
    """`env` as tests are to have it: without keys, proxies and the lab's own settings; LAB_HOME is `home`."""
    kept = {
        name: value
        for name, value in env.items()
        if not name.upper().endswith((*SECRET, "_PROXY")) and (not name.startswith("LAB_") or name in KEPT)
    }
    paths = [str(GUARD), *(part for part in env.get("PYTHONPATH", "").split(os.pathsep) if part and part != str(GUARD))]
    own = {
        "LAB_HOME": home,
        "IPYTHONDIR": str(Path(home, "ipython")),
        "JUPYTER_CONFIG_DIR": str(Path(home, "jupyter-config")),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    return {**kept, **FIXED, **own}


@pytest.fixture(scope="session")
def outside_env() -> dict[str, str]:
    """The environment for a process that may use the network: what the test run itself was started with, less keys."""
    return {
        name: value
        for name, value in ORIGINAL.items()
        if not name.upper().endswith(SECRET) and not name.startswith("LAB_") and name != "PYTHONPATH"
    }
