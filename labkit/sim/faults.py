"""Faults on demand: what can go wrong, what was asked for, and whose turn it is.

A fault is asked for from Python (`lab.fault`), by any client in the header `x-lab-fault`, or at the admin path
(`/_lab/faults`). The words a failing provider uses come from its facts; what is done to an answer is in `bent`, and
addresses that fail before any HTTP are in `rough`.

    instead   the provider answers with an error: rate_limit, no_credit, server_error, overloaded, …
    answer    a good answer goes wrong on its way: slow_first_byte, stall, cut, truncated_json, …
    address   nothing answers at all: refused, tls, unknown_host
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from labkit.clock import Clock
from labkit.errors import ParameterError, did_you_mean
from labkit.facts import Facts
from labkit.facts.provider import Provider
from labkit.facts.schema import Answer
from labkit.sim.draws import digest
from labkit.sim.refusal import CASES

if TYPE_CHECKING:
    from labkit.sim.call import Call

HEADER = "x-lab-fault"
_NGINX = (
    "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
"""Source: ngx_http_error_502_page, https://github.com/nginx/nginx/blob/master/src/http/ngx_http_special_response.c"""


def _page(status: int, title: str) -> Answer:
    text = _NGINX.replace("{title}", f"{status} {title}")
    headers = {"content-type": "text/html", "server": "nginx"}
    return Answer.model_validate({"status": status, "headers": headers, "text": text, "evidence": "docs"})


PROXY = {"bad_gateway": _page(502, "Bad Gateway"), "timeout": _page(504, "Gateway Time-out")}
"""What a proxy before the provider answers; a provider's own facts come first."""


@dataclass(frozen=True)
class Kind:
    """One thing that can go wrong. options: what may be said of it, with what it is unless said."""

    what: str
    level: Literal["instead", "answer", "address"]
    options: Mapping[str, Any] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "rate_limit": Kind("429: too many requests or tokens; come back in wait_s", "instead", {"wait_s": 2.0}),
    "no_credit": Kind("the account is empty; waiting does not help", "instead"),
    "server_error": Kind("500 in the provider's words", "instead"),
    "bad_gateway": Kind("502: a page of HTML from a proxy before the provider", "instead"),
    "overloaded": Kind("503, or 529 at Anthropic", "instead", {"wait_s": 0.0}),
    "timeout": Kind("504: the proxy gave up waiting, with a page of HTML unless the provider has words", "instead"),
    "capacity": Kind("no room in this service tier: 498 at Groq", "instead"),
    "forbidden": Kind("403: the key may not do this", "instead"),
    "redirect": Kind("the provider sends the caller elsewhere", "instead", {"status": 308, "location": ""}),
    "slow_first_byte": Kind("nothing comes for `seconds`, then all does", "answer", {"seconds": 10.0}),
    "stall": Kind("after `after` pieces nothing comes for `seconds`", "answer", {"after": 3, "seconds": 60.0}),
    "cut": Kind("the connection closes after `after` pieces", "answer", {"after": 3}),
    "reset": Kind("the connection is reset after `after` pieces, 0: before any answer", "answer", {"after": 0}),
    "truncated_json": Kind("the JSON ends in the middle; in a stream, that of piece `after`", "answer", {"after": 3}),
    "error_event": Kind("200, and after `after` pieces an error instead of the rest", "answer", {"after": 3}),
    "malformed_tool_call": Kind("a tool call whose arguments are broken", "answer"),
    "empty_choice": Kind("a choice without any text", "answer"),
    "no_choices": Kind("an answer without any choice", "answer"),
    "content_filter": Kind("the filter cuts the answer after `after` pieces", "answer", {"after": 3}),
    "refused": Kind("nobody listens at the address", "address"),
    "tls": Kind("the address says https where plain HTTP is spoken", "address"),
    "unknown_host": Kind("no computer has that name", "address"),
}
WORDS = frozenset({"model", "wait_s", "requested", "affordable", "request_id"})
"""What a case's answer may have filled when nothing but the fault is known."""
OWN = Kind("a case of this provider alone, in its own words", "instead", {"wait_s": 0.0})
"""What a provider's facts have beside the usual cases is a kind too: spend_limit at Anthropic, say."""


def kind_of(name: str) -> Kind:
    """The kind of that name, or of a provider's own case."""
    return KINDS.get(name, OWN)


@dataclass
class Fault:
    """A fault that was asked for. It ends by itself after `times` requests, or with its `with` block, or by `end()`.

    provider: whose.  kind: a word of KINDS.  times: how often, None for every time.
    lasts_s: until so many seconds of lab time have passed, None for ever.  used: how often it has happened.
    """

    number: int
    provider: str
    kind: str
    times: int | None = None
    lasts_s: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    used: int = 0
    until_s: float | None = None
    ended: bool = False

    def end(self) -> None:
        """From now on it does not happen any more."""
        self.ended = True

    def in_force(self, now_s: float) -> bool:
        """Whether it would happen now."""
        spent = self.times is not None and self.used >= self.times
        return not (self.ended or spent or (self.until_s is not None and now_s >= self.until_s))

    def __enter__(self) -> Fault:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def about(self) -> dict[str, Any]:
        """What it is, as plain data."""
        left = None if self.times is None else max(0, self.times - self.used)
        about = {"number": self.number, "provider": self.provider, "kind": self.kind, "used": self.used, "left": left}
        return {**about, **({"lasts_s": self.lasts_s} if self.lasts_s is not None else {}), **self.options}

    def __repr__(self) -> str:
        often = "every time" if self.times is None else f"{max(0, self.times - self.used)} of {self.times} left"
        said = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"<Fault {self.number}: {self.provider} {self.kind}{said}; {often}, happened {self.used}x>"


class Faults:
    """Every fault in force, oldest first. Safe to change while requests run. clock: whose time `lasts_s` counts."""

    def __init__(self, facts: Facts, clock: Clock) -> None:
        self._facts, self._clock = facts, clock
        self._all: list[Fault] = []
        self._by_header: Counter[bytes] = Counter()
        self._count, self._lock = 0, threading.Lock()

    def add(
        self,
        provider: str,
        kind: str,
        /,
        *,
        times: int | None = None,
        lasts_s: float | None = None,
        **options: Any,
    ) -> Fault:
        """Ask for a fault. Raises ParameterError for what there is not, FactsError for an unknown provider."""
        checked = check(self._facts[provider], kind, options)
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise ParameterError(f"{times!r} is not how often", where="times", right="Give 1 or more, or leave it out")
        if lasts_s is not None and not _number(lasts_s):
            raise ParameterError(f"{lasts_s!r} are no seconds", where="lasts_s", right="Give 0 or more")
        with self._lock:
            self._count += 1
            until_s = None if lasts_s is None else self._clock.now().timestamp() + lasts_s
            fault = Fault(self._count, provider, kind, times, lasts_s, checked, until_s=until_s)
            self._all.append(fault)
        return fault

    def in_force(self) -> list[Fault]:
        """What would happen now, oldest first."""
        now_s = self._clock.now().timestamp()
        with self._lock:
            self._all = [fault for fault in self._all if fault.in_force(now_s)]
            return list(self._all)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.in_force())

    def clear(self) -> None:
        """End all of them."""
        for fault in self.in_force():
            fault.end()

    def address(self, provider: str) -> Fault | None:
        """The fault of the provider's address, the newest when there are several."""
        found = [f for f in self.in_force() if f.provider == provider and kind_of(f.kind).level == "address"]
        return found[-1] if found else None

    def turn(self, call: Call, level: str, fits: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """The fault of that level that happens to this request, counted as used; the header's first, then the newest.

        Faults asked for beforehand happen to requests that ask for text (POST); the header's to any.
        """
        asked = self._of_header(call)
        if asked is not None:
            return asked if kind_of(asked.kind).level == level and fits(asked) and self._still(call, asked) else None
        if call.method != "POST":
            return None
        for fault in reversed(self.in_force()):
            if fault.provider == call.provider.id and kind_of(fault.kind).level == level and fits(fault):
                with self._lock:
                    if fault.in_force(self._clock.now().timestamp()):
                        fault.used += 1
                        return fault
        return None

    def _of_header(self, call: Call) -> Fault | None:
        text = call.headers.get(HEADER)
        if text is None:
            return None
        kind, times, options = read_header(text)
        if kind_of(kind).level == "address":
            raise ParameterError(
                f"{kind!r} happens before a header can be sent",
                where=HEADER,
                do="Ask for it at /_lab/faults: the answer names the address that fails",
            )
        return Fault(0, call.provider.id, kind, times, None, check(call.provider, kind, options, where=HEADER))

    def _still(self, call: Call, fault: Fault) -> bool:
        """Whether the header's `times` are not used up for this very request; the one that succeeds counts anew."""
        if fault.times is None:
            return True
        same = digest(call.provider.id, call.path, call.headers[HEADER], call.body)
        with self._lock:
            self._by_header[same] = 0 if self._by_header[same] >= fault.times else self._by_header[same] + 1
            return self._by_header[same] > 0


def read_header(text: str) -> tuple[str, int | None, dict[str, Any]]:
    """Kind, times and options of `x-lab-fault: stall; after=2; seconds=0.5; times=1`. Raises ParameterError.

    >>> read_header("stall; after=2; seconds=0.5; times=1")
    ('stall', 1, {'after': 2, 'seconds': 0.5})
    """
    kind, *parts = (part.strip() for part in text.split(";"))
    options: dict[str, Any] = {}
    for part in filter(None, parts):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ParameterError(f"{part!r} says nothing", where=HEADER, right="Write NAME=VALUE between semicolons")
        options[name] = _value(value)
    times = options.pop("times", None)
    if times is not None and (not isinstance(times, int) or times < 1):
        raise ParameterError(f"times={times} is not how often", where=HEADER, right="Give 1 or more, or leave it out")
    return kind, times, options


def check(provider: Provider, kind: str, options: Mapping[str, Any], *, where: str = "fault") -> dict[str, Any]:
    """All options of a fault, those not given as they are unless said. Raises ParameterError for what cannot be."""
    kinds = [*KINDS, *own_cases(provider)]
    if kind not in kinds:
        right = f"{did_you_mean(kind, kinds)} Faults there are: {', '.join(kinds)}".strip()
        raise ParameterError(f"no fault is called {kind!r}", where=where, right=right)
    known = kind_of(kind)
    if known.level == "instead" and kind != "redirect" and answer_of(provider, kind) is None:
        raise ParameterError(
            f"how {provider.label} answers then is not known ({kind})",
            where=where,
            right=f"Known are {', '.join(k for k in kinds if k in provider.errors or k in PROXY)}",
        )
    if kind == "content_filter" and provider.native is not None:
        raise ParameterError(f"{provider.label} has no content filter", where=where, do="Ask another provider for it")
    checked = dict(known.options)
    for name, value in options.items():
        if name not in known.options:
            takes = ", ".join(known.options) or "nothing"
            raise ParameterError(f"{kind} takes no {name!r}", where=where, right=f"It takes {takes}")
        if not (isinstance(value, str) if isinstance(known.options[name], str) else _number(value)):
            raise ParameterError(
                f"{name}={value!r} cannot be", where=where, right=f"As in {name}={known.options[name]}"
            )
        checked[name] = value
    if kind == "redirect" and checked["status"] not in (301, 302, 303, 307, 308):
        raise ParameterError(f"{checked['status']} is no redirect", where=where, right="301, 302, 303, 307 and 308 are")
    return checked


def own_cases(provider: Provider) -> list[str]:
    """Cases of this provider alone that can be asked for: no request of itself leads to them."""
    cases = [case for case in provider.errors if case not in (*CASES, *KINDS, "stream_error")]
    return [case for case in cases if set(re.findall(r"\{(\w+)\}", repr(provider.errors[case]))) <= WORDS]


def answer_of(provider: Provider, kind: str) -> Answer | None:
    """The provider's own answer for a fault that replaces the answer, else the proxy's."""
    return provider.errors.get(kind) or PROXY.get(kind)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
