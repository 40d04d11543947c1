"""When each token of an answer is due: at once, or as fast as the provider is known to be.

Speeds are facts of the provider; the lab's model computes ahead of them where it can, and where it cannot the delay
is measured and said (x-lab-late-ms). Durations here are real seconds, not lab time.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from labkit.facts.schema import Speed

PaceName = Literal["real", "quick"]
TIMER_S = 0.02
"""A sleep may end so much too late by itself: Windows' timer ticks every 15.6 ms."""


class Pace:
    """The timetable of one answer. real: False makes everything due at once and nothing late.

    late_s: how far the computing fell behind the timetable, at worst.
    """

    def __init__(self, speed: Speed, *, real: bool) -> None:
        self.speed, self.real, self.late_s = speed, real, 0.0
        self._start = time.perf_counter()
        self._signs = 0

    def due_s(self, tokens: int) -> float:
        """Seconds from the request's arrival to the moment when `tokens` (at least 1) have been said."""
        return self.speed.first_token_s + (max(tokens, 1) - 1) / self.speed.tokens_per_s

    async def until(self, tokens: int) -> None:
        """Wait until `tokens` are due; note how late they already are."""
        if self.real:
            await self._wait(self.due_s(tokens))

    async def before_first(self, every_s: float | None) -> int:
        """Wait for the next sign of life before the first token: its number, or -1 when the token itself is next."""
        first_s = self.due_s(1)
        if not self.real or not every_s:
            return -1
        number = max(int(self._elapsed_s() / every_s), self._signs) + 1  # a timer may fire a hair too early
        if number * every_s >= first_s:
            return -1
        await asyncio.sleep(number * every_s - self._elapsed_s())
        self._signs = number
        return number

    @property
    def spent_s(self) -> float:
        """Seconds since the request arrived."""
        return self._elapsed_s()

    @property
    def late_ms(self) -> int:
        """`late_s` in whole milliseconds; 0 for less than a timer of the operating system can keep."""
        return int(self.late_s * 1000) if self.late_s >= TIMER_S else 0

    async def _wait(self, due_s: float) -> None:
        left_s = due_s - self._elapsed_s()
        if left_s > 0:
            await asyncio.sleep(left_s)
        else:
            self.late_s = max(self.late_s, -left_s)

    def _elapsed_s(self) -> float:
        return time.perf_counter() - self._start
