"""The threads in which the lab's models compute, so that the server's own thread stays free for the wire.

Work is an iterator; a worker takes one step of one piece of work, then one step of the next, round and round, so
that thirty streams all move. The threads are daemons: a kernel that ends does not wait for a text to be finished.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
_END = object()


class Job(Generic[T]):
    """Work in progress: iterate it (`async for`) on the loop that submitted it. `cancel` stops it after this step."""

    def __init__(self, steps: Iterator[T]) -> None:
        self.cancelled = False
        self._steps = steps
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[object] = asyncio.Queue()

    def cancel(self) -> None:
        """Stop soon; nothing more arrives."""
        self.cancelled = True

    async def __aiter__(self) -> AsyncIterator[T]:
        while (item := await self._arrived.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield cast(T, item)

    def step(self) -> bool:
        """One step, in a worker thread; False when there are no more."""
        try:
            item: object = _END if self.cancelled else next(self._steps, _END)
        except BaseException as error:
            item = error
        more = item is not _END and not isinstance(item, BaseException)
        if not more:
            close: Callable[[], Any] | None = getattr(self._steps, "close", None)
            if close:
                close()
        try:
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return False
        return more


class Workers:
    """A few threads that share all jobs fairly. count: how many; one is right where a step is a NumPy pass."""

    def __init__(self, count: int = 1) -> None:
        self._jobs: deque[Job[Any]] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._running = 0
        for number in range(count):
            threading.Thread(target=self._work, name=f"lab-model-{number}", daemon=True).start()

    def submit(self, steps: Iterator[T]) -> Job[T]:
        """Begin stepping through `steps`; call it on a running event loop."""
        job = Job(steps)
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        return job

    @property
    def busy(self) -> int:
        """How many jobs there are, at work or waiting for their next step."""
        return len(self._jobs) + self._running

    def stop(self) -> None:
        """Cancel what runs and end the threads."""
        with self._changed:
            self._stopped = True
            for job in self._jobs:
                job.cancel()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._stopped:
                    self._changed.wait()
                if not self._jobs:
                    return
                job = self._jobs.popleft()
                self._running += 1
            more = job.step()
            with self._changed:
                self._running -= 1
                if more:
                    if self._stopped:
                        job.cancel()
                    self._jobs.append(job)
                    self._changed.notify()
