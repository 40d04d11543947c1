"""No proxy between the lab and itself. `lab.py` says the same for its own process; the CLI and `Lab` call this."""

from __future__ import annotations

from collections.abc import MutableMapping

LOOPBACK = ("127.0.0.1", "localhost")


def spare_loopback(env: MutableMapping[str, str]) -> None:
    """Add 127.0.0.1 and localhost to NO_PROXY in `env`, in both spellings, keeping what is there.

    >>> env = {"no_proxy": "intranet.example"}
    >>> spare_loopback(env)
    >>> env["NO_PROXY"], env["no_proxy"]
    ('intranet.example,127.0.0.1,localhost', 'intranet.example,127.0.0.1,localhost')
    """
    given = [env.get(name) or "" for name in ("NO_PROXY", "no_proxy")]
    hosts = list(dict.fromkeys(part.strip() for part in ",".join(given).split(",") if part.strip()))
    if "*" in hosts:
        return
    text = ",".join(hosts + [host for host in LOOPBACK if host not in hosts])
    env["NO_PROXY"] = env["no_proxy"] = text
