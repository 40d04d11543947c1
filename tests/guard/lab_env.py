"""The environment that tests and the executing of notebooks are to have: no keys, no proxies, the same everywhere."""

from __future__ import annotations

import os
from pathlib import Path

GUARD = Path(__file__).parent
ORIGINAL = dict(os.environ)
SECRET = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
KEPT = ("LAB_CI", "LAB_SHOTS", "LAB_WEIGHTS")
FIXED = {
    "COLUMNS": "100",
    "LAB_PACE": "quick",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # Jupyter's: no window, stored figures
    "NO_COLOR": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "TZ": "UTC",
}


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
