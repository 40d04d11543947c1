"""The threads in which models compute: fair, stoppable, and never in anybody's way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from labkit.sim.workers import Workers


def test_jobs_take_turns() -> None:
    order: list[str] = []
    both_there = threading.Event()

    def counting(name: str) -> Iterator[int]:
        assert both_there.wait(30)
        for number in range(50):
            order.append(name)
            yield number

    async def both() -> list[list[int]]:
        workers = Workers()
        jobs = [workers.submit(counting(name)) for name in "ab"]
        both_there.set()
        found = [[number async for number in job] for job in jobs]
        workers.stop()
        return found

    assert asyncio.run(both()) == [list(range(50)), list(range(50))]
    assert "".join(order) == "ab" * 50


def test_an_error_arrives_where_the_job_is_awaited() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    async def run() -> list[int]:
        workers = Workers()
        steps = aiter(workers.submit(failing()))
        seen = [await anext(steps)]
        with pytest.raises(ValueError, match="broken"):
            await anext(steps)
        workers.stop()
        return seen

    assert asyncio.run(run()) == [1]


def test_a_cancelled_job_is_closed() -> None:
    closed: list[bool] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
                time.sleep(0.001)
        finally:
            closed.append(True)

    async def run() -> None:
        workers = Workers()
        job = workers.submit(endless())
        async for _ in job:
            job.cancel()
        workers.stop()

    asyncio.run(run())
    assert closed == [True]


def test_stopping_ends_jobs_that_would_never_end() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 0
            time.sleep(0.001)

    async def run() -> int:
        workers = Workers()
        jobs = [workers.submit(endless()) for _ in range(3)]
        await anext(aiter(jobs[0]))
        workers.stop()
        for job in jobs:
            async for _ in job:
                pass
        for _ in range(1000):  # a job's last word arrives a moment before its thread lets go of it
            if workers.busy:
                await asyncio.sleep(0.01)
        return workers.busy

    assert asyncio.run(run()) == 0


def test_a_loop_that_is_gone_ends_its_jobs() -> None:
    workers = Workers()

    def slow() -> Iterator[int]:
        while True:
            yield 0
            time.sleep(0.001)

    async def leave() -> None:
        workers.submit(slow())

    asyncio.run(leave())
    deadline = time.monotonic() + 30
    while workers.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    assert workers.busy == 0
    workers.stop()
