"""The local providers: a server on 127.0.0.1 that answers as the real ones do on the wire.

The text comes from the lab's own small models; `x-lab-model` in each answer names the one that spoke.

>>> from labkit import facts
>>> with LocalServer(facts.load()) as server:                                           # doctest: +SKIP
...     server.provider_url("deepseek")
'http://127.0.0.1:54321/deepseek'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.sim.server import LocalServer

if TYPE_CHECKING:
    from labkit.sim.app import create_app as create_app

__all__ = ["LocalServer", "create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":  # Starlette loads when an app is made
        from labkit.sim.app import create_app

        return create_app
    raise AttributeError(f"module 'labkit.sim' has no attribute {name!r}")
