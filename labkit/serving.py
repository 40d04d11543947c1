"""The local providers on a fixed port, for curl, Postman, SDKs and LibreChat: what `lab serve` does.

The server is `labkit.sim.LocalServer`; here is only the terminal's side of it: what is printed, and the end.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Literal

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    *,
    port: int = 8765,
    host: str = "127.0.0.1",
    allow_hosts: Sequence[str] = (),
    day: str | None = None,
    pace: Literal["real", "quick"] = "real",
    tiers: Mapping[str, str] | None = None,
    as_json: bool = False,
) -> int:
    """Serve until Ctrl-C or SIGTERM; returns the exit status.

    day: the providers as of that day, the lab's moment unless given; from there the clock runs.
    tiers: provider -> account tier whose rate limits hold, where it is not the usual one.
    as_json: print one line, `{"providers": {id: {base_url, sdk_base_url, key, models}}}`, once requests are answered.
    Raises ServerError for a port that cannot be had, ModelFileError, FactsError, ParameterError.
    """
    from labkit import facts, lm
    from labkit.clock import Clock
    from labkit.sim import LocalServer

    clock = Clock(day or facts.course_moment(), running=True)
    known = facts.load(clock.now())
    for name in sorted({model.spoken_by for provider in known.values() for model in provider.alive().values()}):
        lm.load(name)  # a missing or damaged model is said now, not in the first answer
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with LocalServer(
        known, clock=clock, pace=pace, host=host, port=port, allow_hosts=allow_hosts, tiers=tiers
    ) as server:
        about = server.describe()
        if host not in LOOPBACK:
            print(
                f"Careful: {host} may be reached from other machines. Whoever reaches it can use the local models; "
                "no real key and no real provider is behind it.",
                file=sys.stderr,
            )
        print(json.dumps(about, ensure_ascii=False) if as_json else _told(about["providers"], clock), flush=True)
        while not ended.wait(0.5):  # a wait without end would not notice Ctrl-C on Windows
            pass
    if not as_json:
        print("The local providers are closed.")
    return 0


def _told(providers: dict[str, dict[str, object]], clock: object) -> str:
    width = max(len(name) for name in providers)
    lines = [f"  {name:<{width}}  {about['base_url']}  key {about['key']}" for name, about in providers.items()]
    return "\n".join([f"The local providers are open ({clock!r}):", "", *lines, "", "Ctrl-C stops them."])
