"""A call that goes wrong on purpose: mistakes of the caller and faults of the provider, each as data to be mended.

An `Attempt` is what a caller decides: address, key, body, and which fault the local provider is asked for. No
ipywidgets: the error lab is a shell over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError, ParameterError, did_you_mean
from labkit.sim.faults import KINDS
from labkit.widgets.beside import Run
from labkit.widgets.calls import Call, as_json, follow, place_of
from labkit.widgets.fields import body_of, typed_json

if TYPE_CHECKING:
    from labkit.facts import Provider
    from labkit.session import Lab

NO_FAULT = "nothing"
KEYS = ("the right key", "a wrong key", "no key")
WRONG_KEY = "this-is-no-key"
# Where a fault takes its time the lab waits less, and gives up after PATIENCE_S.
SHORT: dict[str, dict[str, Any]] = {"stall": {"seconds": 6.0}, "slow_first_byte": {"seconds": 6.0}}
PATIENCE_S = {"stall": 2.0, "slow_first_byte": 2.0}
MISTAKES = (
    "wrong key",
    "no key",
    "wrong path",
    "unknown model",
    "retired model",
    "temperature too high",
    "no messages",
    "a role that does not exist",
    "broken JSON",
    "max_tokens is a text",
)


@dataclass(frozen=True)
class Attempt:
    """One call as the caller decides it. path: below the base URL.  key: one of KEYS.  body: text, JSON or not.
    fault: what the local provider is asked to do, or 'nothing'.
    """

    provider: str
    path: str
    key: str
    body: str
    fault: str = NO_FAULT

    @property
    def data(self) -> dict[str, Any]:
        """The body as JSON, {} where it is none."""
        try:
            found = typed_json(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def cases(lab: Lab, provider: str) -> list[str]:
    """What can go wrong with that provider: the caller's mistakes, then the provider's faults."""
    mistakes = [name for name in MISTAKES if name != "retired model" or lab.retired(provider)]
    if not lab.facts[provider].key.required:
        mistakes = [name for name in mistakes if name not in ("wrong key", "no key")]
    return [*mistakes, *faults_of(lab.facts[provider])]


def faults_of(provider: Provider) -> list[str]:
    """The faults that the local provider can have: of refusals only those for which it has words."""
    anyone = ("bad_gateway", "timeout", "redirect")  # a proxy's words, or none
    return [n for n, kind in KINDS.items() if kind.level != "instead" or n in anyone or n in provider.errors]


def right(lab: Lab, provider: str, prompt: str = "Tell me a joke.") -> Attempt:
    """The call as it should be."""
    known = lab.facts[provider]
    body = body_of(known, lab.model(provider), [{"role": "user", "content": prompt}], {"max_tokens": 60})
    return Attempt(provider, known.address.paths["chat"], KEYS[0], as_json(body))


def wrong(lab: Lab, provider: str, case: str) -> Attempt:
    """The call with one thing wrong in it. Raises ParameterError for a case that there is not, naming the nearest."""
    known, good = lab.facts[provider], right(lab, provider)
    body = good.data
    changes: dict[str, Any] = {}
    if case in KINDS:
        return replace(good, fault=case)
    if case == "wrong key":
        return replace(good, key=KEYS[1])
    if case == "no key":
        return replace(good, key=KEYS[2])
    if case == "wrong path":
        return replace(good, path=good.path.rsplit("/", 1)[0] + "/completion")
    if case == "broken JSON":
        return replace(good, body=good.body.rstrip()[:-1])
    if case == "unknown model":
        changes = {"model": f"{body['model']}-9"}
    elif case == "retired model":
        changes = {"model": lab.retired(provider)[0]} if lab.retired(provider) else {}
    elif case == "temperature too high":
        changes = {"temperature": 9}
    elif case == "no messages":
        changes = {"messages": []}
    elif case == "a role that does not exist":
        changes = {"messages": [{"role": "narrator", "content": "Tell me a joke."}]}
    elif case == "max_tokens is a text":
        changes = {"max_tokens": "many"}
    if not changes:
        known_cases = cases(lab, provider)
        raise ParameterError(
            f"{known.label} has no case {case!r}", where="case",
            right=f"There are {', '.join(known_cases)}. {did_you_mean(case, known_cases)}".strip(),
        )  # fmt: skip
    return replace(good, body=as_json({**body, **changes}))


def attempt_call(lab: Lab, attempt: Attempt) -> Call:
    """The call that an attempt makes, not sent yet."""
    known = lab.facts[attempt.provider]
    return Call(known, attempt.data, place_of(lab, known.id), lab.pace)


def send_attempt(lab: Lab, attempt: Attempt, call: Call, run: Run | None = None, tell: Any = None) -> Call:
    """Send it, with the fault in force for this one call."""
    options = SHORT.get(attempt.fault, {})
    asked: Any = nullcontext()
    if attempt.fault != NO_FAULT:
        try:
            asked = lab.fault(attempt.provider, attempt.fault, times=1, **options)
        except LabError as error:  # a live provider, say, that nobody can ask to fail
            call.broke(error, 0.0)
            return call
    with asked:
        return follow(
            lab,
            call,
            tell=tell or (lambda: None),
            run=run,
            timeout_s=PATIENCE_S.get(attempt.fault, 30.0),
            request=lambda client: _request(client, lab.facts[attempt.provider], attempt),
        )


def _request(client: Any, provider: Provider, attempt: Attempt) -> Any:
    header = provider.key.header
    if attempt.key == KEYS[1]:
        client.headers[header] = f"{provider.key.scheme} {WRONG_KEY}".strip()
    elif attempt.key == KEYS[2]:
        client.headers.pop(header, None)
    headers: Mapping[str, str] = {"content-type": "application/json"}
    content = attempt.body.encode("utf-8", "replace")
    return client.build_request("POST", attempt.path.lstrip("/"), content=content, headers=headers)
