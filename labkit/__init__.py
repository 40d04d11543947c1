"""A lab for LLM APIs: real calls that can be seen, broken on purpose and compared.

    from labkit import Lab, show, curl
    lab = Lab()

Functions here take any response, exception or file; what needs the running lab is a method of `Lab`.
Importing this package loads nothing but the standard library: each name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.diagnosis import diagnose as diagnose
    from labkit.retries import retry as retry
    from labkit.session import Lab as Lab
    from labkit.view.anatomy import show as show
    from labkit.view.curl import curl as curl
    from labkit.view.diff import diff as diff

__version__ = "0.1.0"

_HOME = {
    "Lab": "labkit.session",
    "curl": "labkit.view.curl",
    "diagnose": "labkit.diagnosis",
    "diff": "labkit.view.diff",
    "retry": "labkit.retries",
    "show": "labkit.view.anatomy",
}
__all__ = ["Lab", "__version__", "curl", "diagnose", "diff", "retry", "show"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value
    raise AttributeError(f"module 'labkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
