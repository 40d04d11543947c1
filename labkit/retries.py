"""`retry`: send again what may be sent again, as late as the answer asks, and never beyond a deadline.

On tenacity, which does the looping; what may be retried, and how long to wait, is decided here in two plain functions
(`verdict`, `Policy.wait_s`). Sleeping and the time of day come from the clock that is handed in: a lesson's waits pass
on the lab's clock at once. Sources: full jitter, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/;
retry budget, https://sre.google/sre-book/handling-overload/.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from labkit.diagnosis.reading import Reading, read
from labkit.diagnosis.rules import rules
from labkit.errors import LabError, ParameterError
from labkit.keys import scrub
from labkit.wire.waits import wait_asked_s

if TYPE_CHECKING:
    from tenacity import RetryCallState

PASSING = frozenset({408, 425, 429, 498, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Statuses that may pass by themselves. 409 is not among them: nothing here can know what it conflicts with."""
NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "APIConnectionError", "ConnectionRefusedError")
BROKEN = (
    *("ReadTimeout", "WriteTimeout", "ReadError", "WriteError", "RemoteProtocolError", "APITimeoutError", "Timeout"),
    *("ConnectionError", "ConnectionResetError", "TimeoutError"),
)
BEGUN = re.compile("complete (message )?body|incomplete (chunked )?read|IncompleteRead|ChunkedEncoding", re.IGNORECASE)
"""By these words httpx, urllib3 and aiohttp say that a connection broke in the middle of an answer."""
LASTING = {  # causes that waiting does not cure, though their status may say 429 or 500
    "no_credit": "the account has no money left, and waiting does not bring any",
    "above_minute_budget": "this one request is larger than a whole minute's tokens",
    "model_unknown": "there is no model of that name",
    "context_too_long": "the prompt does not fit, and will not the next time",
    "unknown_host": "no computer has that name",
    "https_to_http": "https is spoken to a port of plain http",
    "certificate": "the certificate is not accepted",
}


class TellsTime(Protocol):
    """What is needed of a clock; `labkit.clock.Clock` has it."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


class RealClock:
    """The computer's own time. Durations do not jump when the date is set anew."""

    def __init__(self) -> None:
        self._began, self._tick = datetime.now(UTC).timestamp(), time.monotonic()

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.fromtimestamp(self._began + time.monotonic() - self._tick, UTC)

    def sleep(self, seconds: float) -> None:
        """Really wait."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Verdict:
    """Whether a call may be sent again, why, and the wait the answer asks for (None: it asks for none)."""

    again: bool
    why: str
    asked_s: float | None = None


class Budget:
    """Retries that all calls together may make: each call earns `share` of one, each retry spends one.

    So an outage multiplies the calls by 1 + share at most, once the first `reserve` are spent. Safe in threads.
    """

    def __init__(self, share: float = 0.1, reserve: float = 10.0) -> None:
        if not (0 <= share <= 1 and reserve >= 0):
            raise ParameterError(f"share={share}, reserve={reserve}", where="Budget", right="0 to 1, and 0 or more")
        self.share, self.reserve, self._left, self._lock = share, reserve, float(reserve), threading.Lock()

    @property
    def left(self) -> float:
        """How many retries may be made now."""
        return self._left

    def earn(self) -> None:
        """A call begins."""
        with self._lock:
            self._left = min(self._left + self.share, max(self.reserve, 1.0))

    def spend(self) -> bool:
        """Take one retry; False when there is none left."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True


@dataclass(frozen=True)
class Policy:
    """How often and how late.

    attempts: calls in all, the first counted.  deadline_s: seconds from the first call after which none begins, and
    beyond which no wait reaches.  first_s, longest_s: the bound of the wait before the first retry, doubled for each
    further one up to the longest; the wait is drawn evenly below the bound (full jitter). What the answer asks for is
    always waited, a little is added to it.  idempotent: whether a second sending does no harm; with False only those
    calls are sent again of which the server surely made nothing.
    """

    attempts: int = 5
    deadline_s: float = 60.0
    first_s: float = 0.5
    longest_s: float = 20.0
    idempotent: bool = True

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.deadline_s, self.first_s, self.longest_s) < 0:
            raise ParameterError(f"{self}", where="retry", right="1 attempt or more, and no negative seconds")

    def wait_s(self, retry: int, asked_s: float | None, chance: float) -> float:
        """Seconds before the retry number `retry` (1 is the first). chance: 0 to 1, drawn by the caller.

        >>> Policy(first_s=1).wait_s(3, None, 0.5), Policy(first_s=1).wait_s(1, 7.0, 0.5)
        (2.0, 7.5)
        """
        bound = min(self.longest_s, self.first_s * 2.0 ** min(retry - 1, 60))
        return bound * chance if asked_s is None else asked_s + min(bound, 1.0) * chance


def verdict(outcome: Any, *, idempotent: bool = True, now_s: float | None = None) -> Verdict:
    """Whether the call that ended in `outcome`, a response or an exception, may be sent again.

    now_s: seconds since 1970, for waits given as a moment.
    """
    try:
        reading = read(outcome)
    except LabError:
        return Verdict(False, "it is no response and no failed call")
    if isinstance(outcome, BaseException) and reading.status is None:
        return _of_failure(outcome, reading, idempotent)
    status = reading.status or 0
    if reading.failure and status < 400:
        return Verdict(False, "the answer had begun: part of it may have been shown or used already")
    if status < 400:
        return Verdict(False, f"status {status}: there is an answer")
    told = reading.headers.get("x-should-retry").lower()
    asked_s = wait_asked_s(reading.headers, reading.body_text, now_s)
    if told == "false":
        return Verdict(False, f"status {status}, and the provider says not to (x-should-retry: false)")
    lasting = _lasting(reading)
    if lasting:
        return Verdict(False, f"status {status}: {lasting}")
    if status not in PASSING and not (told == "true" and status in (409, 423)):
        return Verdict(False, f"status {status}: the same call would be refused again")
    if not idempotent and status not in (408, 425, 429, 498, 503, 529):
        return Verdict(False, f"status {status}: the server may have done the work, and twice would do harm")
    return Verdict(True, f"status {status}", asked_s)


def _of_failure(error: BaseException, reading: Reading, idempotent: bool) -> Verdict:
    lasting = _lasting(reading)
    if lasting:
        return Verdict(False, lasting)
    names = {kind.__name__ for kind in type(error).__mro__}
    name = type(error).__name__
    if names & set(NOT_SENT) and not names & {"APITimeoutError"}:
        return Verdict(True, f"{name}: nothing was sent")
    if not names & set(BROKEN):
        return Verdict(False, f"{name} is nothing that passes")
    if getattr(reading.exchange, "response", None) is not None or BEGUN.search(reading.failure):
        return Verdict(False, "the answer had begun: part of it may have been shown or used already")
    if not idempotent:
        return Verdict(False, f"{name}: the server may have done the work, and twice would do harm")
    return Verdict(True, f"{name}: no answer came")


def _lasting(reading: Reading) -> str:
    """Why waiting cannot help, by the same rules that name causes; '' when it may."""
    best, found = 0, ""
    for rule in rules():
        for clue in rule.clues:
            if clue.points > max(best, 74) and clue.evidence(reading, None) is not None:
                points = rule.points(clue, reading, None)
                best, found = (points, rule.id) if points > max(best, 74) else (best, found)
    return LASTING.get(found, "")


def retry(
    call: Callable[[], Any],
    policy: Policy | None = None,
    *,
    clock: TellsTime | None = None,
    budget: Budget | None = None,
    tell: Callable[[str], None] | None = print,
    chance: Callable[[], float] | None = None,
    **changes: Any,
) -> Any:
    """Call `call()` until it answers, may not be sent again, or attempts, time or budget are used up.

    Returns the last response, whatever its status; raises the last exception. Nothing is retried but what `verdict`
    allows: never 400, 401, 403, 404, an empty account, or a stream that has begun.

    call: makes one whole call, as in `retry(lambda: client.post(…))`; hand over a list's next request, not a used one.
    policy: how often and how late; changes: fields of it, as in attempts=3.  clock: whose time passes; the computer's
    unless given (lab.clock in lessons).  budget: shared by many calls.  tell: what gets a line for each step, None for
    silence.  chance: draws the jitter, 0 to 1.  Raises ParameterError for a policy that cannot be.
    """
    from dataclasses import replace

    from tenacity import Retrying

    plan = replace(policy or Policy(), **changes)
    steps = _Steps(plan, clock or RealClock(), budget, tell or (lambda _: None), chance or random.random)
    if budget is not None:
        budget.earn()
    loop = Retrying(
        retry=steps.may_go_on,
        wait=steps.wait,
        stop=lambda _: False,  # may_go_on knows the deadline; it has to, since the wait belongs to the question
        sleep=steps.sleep,
        retry_error_callback=None,
        reraise=True,
    )
    return loop(call)


class _Steps:
    """One run: what tenacity asks at each step, answered on our clock."""

    def __init__(
        self,
        plan: Policy,
        clock: TellsTime,
        budget: Budget | None,
        tell: Callable[[str], None],
        chance: Callable[[], float],
    ) -> None:
        self.plan, self.clock, self.budget, self.tell, self.chance = plan, clock, budget, tell, chance
        self.began_s = clock.now().timestamp()
        self.wait_s = 0.0

    def may_go_on(self, state: RetryCallState) -> bool:
        """Whether there is a next call, and after how long; says so."""
        assert state.outcome is not None
        outcome = state.outcome.exception() or state.outcome.result()
        if state.outcome.failed and not isinstance(outcome, Exception):
            return False  # Ctrl-C and the like
        now_s = self.clock.now().timestamp()
        found = verdict(outcome, idempotent=self.plan.idempotent, now_s=now_s)
        number, most = state.attempt_number, self.plan.attempts
        if not found.again:
            good = not state.outcome.failed and re.match(r"status [123]\d\d:", found.why)
            if number > 1 or not good:
                self._say(number, f"{found.why}. {'Done' if good else 'Not sent again'}.")
            return False
        if number >= most:
            self._say(number, f"{found.why}. That was the last of {most} attempts.")
            return False
        wait_s = self.plan.wait_s(number, found.asked_s, min(max(self.chance(), 0.0), 1.0))
        left_s = self.began_s + self.plan.deadline_s - now_s
        asked = f" (the answer asks for {found.asked_s:g} s)" if found.asked_s is not None else ""
        if wait_s > left_s:
            self._say(
                number, f"{found.why}. A wait of {wait_s:.1f} s{asked} goes beyond the deadline, {left_s:.1f} s away."
            )
            return False
        if self.budget is not None and not self.budget.spend():
            self._say(number, f"{found.why}. The retry budget is used up: more would only add to the load.")
            return False
        self.wait_s = wait_s
        self._say(number, f"{found.why}. Again in {wait_s:.1f} s{asked}.")
        return True

    def wait(self, _: RetryCallState) -> float:
        """The wait that was decided with the question."""
        return self.wait_s

    def sleep(self, seconds: float) -> None:
        """Let the clock's time pass."""
        if seconds > 0:
            self.clock.sleep(seconds)

    def _say(self, number: int, what: str) -> None:
        self.tell(scrub(f"attempt {number}: {what}"))
