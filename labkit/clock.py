"""The lab's clock: what 'now' is for prices, models, headers and waits.

It owns the lab's moment and the passing of lab time. It does not measure durations: real elapsed
time is taken with `time.perf_counter` where it is shown. The local providers, the price in force and
every `sleep=` that a lesson hands out use one `Clock`.

Without a day the lab's now is `moment` in configs/course.yaml, not the calendar's, so that a
notebook run today and one run next year meet the same models, prices and `date` headers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

from labkit.errors import ParameterError


def moment_of(day: str | date | datetime) -> datetime:
    """The UTC moment that `day` means: a date is its noon.

    day: 'YYYY-MM-DD', 'YYYY-MM-DDTHH:MM[:SS][Z]', a date or a datetime (naive is read as UTC).
    Raises ParameterError for anything else.

    >>> moment_of("2025-09-14").isoformat()
    '2025-09-14T12:00:00+00:00'
    """
    if isinstance(day, str):
        text = day.strip()
        try:
            day = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise ParameterError(
                f"{text!r} is not a day", where="day", right="Write it as '2025-09-14' or '2025-09-14T18:30Z'"
            ) from None
    if isinstance(day, datetime):
        return day.replace(tzinfo=UTC) if day.tzinfo is None else day.astimezone(UTC)
    if isinstance(day, date):
        return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    raise ParameterError(f"a day cannot be a {type(day).__name__}", where="day", right="Write it as '2025-09-14'")


def calendar() -> Clock:
    """A clock that shows this computer's own time: what a live call is priced by."""
    return Clock(datetime.now(UTC), running=True)


class Clock:
    """Lab time: stands still at its moment until a lesson moves it, or runs along with real time.

    moment: where it starts.  running: True lets it run with real seconds (what `serve` uses).
    Safe to use from several threads.
    """

    def __init__(self, moment: str | date | datetime, *, running: bool = False) -> None:
        self._start = moment_of(moment)
        self._moved_s = 0.0
        self._real_start = time.monotonic() if running else None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The lab's now, in UTC."""
        run_s = time.monotonic() - self._real_start if self._real_start is not None else 0.0
        with self._lock:
            return self._start + timedelta(seconds=self._moved_s + run_s)

    def timestamp(self) -> int:
        """Seconds since 1970, as `created` fields carry it."""
        return int(self.now().timestamp())

    def http_date(self) -> str:
        """The form of the `date` header (RFC 9110, 5.6.7)."""
        return format_datetime(self.now(), usegmt=True)

    def advance(self, seconds: float) -> None:
        """Move lab time forward by `seconds` >= 0."""
        if seconds < 0:
            raise ParameterError(
                f"time runs forward, not by {seconds} s", where="clock.advance", right="Give 0 or more"
            )
        with self._lock:
            self._moved_s += float(seconds)

    def sleep(self, seconds: float) -> None:
        """What a lesson hands out as `sleep=`: lab time passes at once, no real time does."""
        self.advance(seconds)

    async def asleep(self, seconds: float) -> None:
        """`sleep` for code that awaits."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def __repr__(self) -> str:
        return f"<Clock {self.now():%Y-%m-%dT%H:%M:%SZ}{' running' if self._real_start is not None else ''}>"
