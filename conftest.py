"""What holds for every test run, notebooks under nbval included, before anything else starts.

No key variables, no proxies, a LAB_HOME of its own, no socket that leaves the machine, and the same time zone, width
and hashes everywhere. Done in `pytest_configure`, since fixtures do not reach the kernels that nbval starts.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
GUARD = ROOT / "tests" / "guard"
sys.path.insert(0, str(GUARD))

from lab_env import ORIGINAL, SECRET, clean  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    home = tempfile.mkdtemp(prefix="lab-home-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ.update(clean(ORIGINAL, home))
    for name in set(os.environ) - set(clean(ORIGINAL, home)):
        del os.environ[name]
    import lab_guard  # noqa: F401  (this process has started already)

    # Started in the background of a shell, tests inherit that Ctrl-C is ignored, and so would what they start and stop.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def outside_env() -> dict[str, str]:
    """The environment for a process that may use the network: what the test run itself was started with, less keys."""
    return {
        name: value
        for name, value in ORIGINAL.items()
        if not name.upper().endswith(SECRET) and not name.startswith("LAB_") and name != "PYTHONPATH"
    }
