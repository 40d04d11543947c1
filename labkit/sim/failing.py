"""The answer of a provider that fails because it was asked to: in its own words, before it looks at the request."""

from __future__ import annotations

import json
from typing import Any

from labkit.sim.call import Call, Reply, refusal
from labkit.sim.faults import PROXY, Fault, answer_of
from labkit.sim.limits import Admission
from labkit.sim.refusal import Refused, refuse


def failing(call: Call) -> Reply | None:
    """The error in place of an answer, when it is such a fault's turn; else None. Raises ParameterError."""
    fault = call.world.faults.turn(call, "instead")
    if fault is None:
        return None
    call.record.fault, call.record.body = fault.kind, _body(call)
    general, call.provider = call.provider, call.provider.face(call.path)
    if fault.kind == "redirect":
        return _elsewhere(call, fault)
    model = str(call.record.body.get("model") or "") if isinstance(call.record.body, dict) else ""
    if fault.kind == "rate_limit":
        return refusal(call, _limited(call, fault, model).answer)
    own = answer_of(call.provider, fault.kind) or answer_of(general, fault.kind)
    if own is not None and own is PROXY.get(fault.kind):  # the provider never saw the request: none of its headers
        return Reply(own.status, {name: str(value) for name, value in own.headers.items()}, str(own.text).encode())
    wait_s = int(fault.options.get("wait_s", 0))
    words = {"model": model, "wait_s": wait_s, "requested": 1000, "affordable": 0, "request_id": call.own_id()}
    reply = refusal(call, refuse(call.provider, fault.kind, own, **words).answer)
    if wait_s:
        reply.headers["retry-after"] = str(wait_s)
    return reply


def _limited(call: Call, fault: Fault, model: str) -> Refused:
    """A 429 whose numbers are those of the account's tier: the limit is used up, one request more is asked for."""
    account = call.world.accounts[call.provider.id]
    call.admission = Admission(account, model)
    return account.used_up(call.admission, fault.options["wait_s"])


def _elsewhere(call: Call, fault: Fault) -> Reply:
    """A redirect; to this very place unless said, so that who follows it asks again."""
    here = f"http://{call.headers.get('host', '')}/{call.provider.id}{call.path}"
    headers = {"location": fault.options["location"] or here, "content-type": "text/html", "content-length": "0"}
    return Reply(int(fault.options["status"]), headers, b"")


def _body(call: Call) -> Any:
    try:
        return json.loads(call.body)
    except ValueError:
        return None
