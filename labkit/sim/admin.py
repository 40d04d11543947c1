"""The lab's own paths, `/_lab/...`: faults, clock and accounts for clients that are not Python.

    GET    /_lab                        everything: faults in force, kinds there are, moment, accounts
    POST   /_lab/faults                 {"provider": "groq", "kind": "overloaded", "times": 2}
    DELETE /_lab/faults, /_lab/faults/3 end all, or that one
    POST   /_lab/clock                  {"advance_s": 10}
    POST   /_lab/accounts               {"provider": "groq", "tier": "free", "credit_usd": 0.5}: a fresh account

They answer this machine alone, under its own name, whatever other names the server was told to answer under.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from labkit.errors import LabError, ParameterError
from labkit.sim.access import LOOPBACK
from labkit.sim.body import LIMIT_BYTES, NotJson, read_json
from labkit.sim.faults import KINDS, kind_of
from labkit.sim.world import World


def outsider(headers: Mapping[str, str], client: tuple[str, int] | None) -> str | None:
    """A sentence when a request for these paths comes from elsewhere, else None."""
    host = (urlsplit(f"//{headers.get('host', '')}").hostname or "").lower()
    try:
        near = client is None or ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        near = False
    return None if near and host in LOOPBACK else "The lab's own paths answer this machine alone, at 127.0.0.1."


def answer(
    world: World, method: str, path: str, body: bytes, address: Callable[[str], tuple[str, str]] | None
) -> tuple[int, dict[str, Any]]:
    """Status and JSON. path: below /_lab.  address: a provider's base URL and the SDK's, when there is a server."""
    names = [name for name in path.split("/") if name]
    try:
        match method, names:
            case "GET", []:
                return 200, _all(world)
            case "GET", ["faults"]:
                return 200, {"faults": [fault.about() for fault in world.faults]}
            case "POST", ["faults"]:
                return 201, _add(world, _object(body), address)
            case "DELETE", ["faults"]:
                world.faults.clear()
                return 200, {"faults": []}
            case "DELETE", ["faults", number]:
                found = [fault for fault in world.faults if str(fault.number) == number]
                if not found:
                    return 404, {"error": f"No fault in force has the number {number}."}
                found[0].end()
                return 200, found[0].about()
            case "POST", ["clock"]:
                fields = _object(body, "advance_s")
                seconds = fields.get("advance_s")
                if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= 1e9:
                    raise ParameterError("`advance_s` is not a number of seconds", right="Give 0 or more")
                world.clock.advance(seconds)
                return 200, {"moment": world.clock.now().isoformat()}
            case "POST", ["accounts"]:
                fields = _object(body, "provider", "tier", "credit_usd")
                credit = fields.get("credit_usd")
                if isinstance(credit, (bool, list, dict, str)):
                    raise ParameterError("`credit_usd` is not an amount", right="Give a number, or leave it out")
                account = world.accounts.open(_word(fields, "provider"), fields.get("tier"), credit)
                return 200, {"provider": account.provider.id, "tier": account.tier, "credit_usd": credit}
    except LabError as error:
        return 400, {"error": str(error)}
    return 404, {"error": f"There is nothing at {method} /_lab{path}.", "paths": (__doc__ or "").splitlines()[2:7]}


def _add(world: World, fields: dict[str, Any], address: Callable[[str], tuple[str, str]] | None) -> dict[str, Any]:
    provider, kind = _word(fields, "provider"), _word(fields, "kind")
    options = {name: value for name, value in fields.items() if name not in ("provider", "kind")}
    fault = world.faults.add(provider, kind, **options)
    about = fault.about()
    if kind_of(kind).level == "address" and address is not None:
        about["base_url"], about["sdk_base_url"] = address(provider)
    return about


def _all(world: World) -> dict[str, Any]:
    kinds = {name: {"what": kind.what, "options": dict(kind.options)} for name, kind in KINDS.items()}
    accounts = {name: world.accounts[name] for name in world.facts}
    return {
        "moment": world.clock.now().isoformat(),
        "faults": [fault.about() for fault in world.faults],
        "kinds": kinds,
        "accounts": {
            name: {"tier": a.tier or None, "credit_usd": None if a.credit_usd is None else float(a.credit_usd)}
            for name, a in accounts.items()
        },
    }


def _object(body: bytes, *known: str) -> dict[str, Any]:
    try:
        value = read_json(body) if len(body) <= LIMIT_BYTES else None
    except NotJson as error:
        raise ParameterError(f"the body is not JSON ({error})", where="/_lab") from None
    if not isinstance(value, dict):
        raise ParameterError("the body is not a JSON object", where="/_lab")
    strange = [name for name in value if known and name not in known]
    if strange:
        raise ParameterError(f"`{strange[0]}` says nothing here", where="/_lab", right=f"Known are {', '.join(known)}")
    return value


def _word(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ParameterError(f"`{name}` is missing", where="/_lab", right="It is a word, in quotes")
    return value
