"""The lab's clock stands still until it is moved, and reads days the way people write them."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta, timezone

import pytest

from labkit.clock import Clock, moment_of
from labkit.errors import ParameterError


@pytest.mark.parametrize(
    ("day", "iso"),
    [
        ("2025-09-14", "2025-09-14T12:00:00+00:00"),
        (" 2025-09-14 ", "2025-09-14T12:00:00+00:00"),
        ("2025-09-14T18:30Z", "2025-09-14T18:30:00+00:00"),
        ("2025-09-14T18:30:05+02:00", "2025-09-14T16:30:05+00:00"),
        (date(2025, 9, 14), "2025-09-14T12:00:00+00:00"),
        (datetime(2025, 9, 14, 1), "2025-09-14T01:00:00+00:00"),
        (datetime(2025, 9, 14, 1, tzinfo=timezone(timedelta(hours=1))), "2025-09-14T00:00:00+00:00"),
    ],
)
def test_a_day_is_its_noon_and_a_moment_is_itself_in_utc(day: object, iso: str) -> None:
    assert moment_of(day).isoformat() == iso  # type: ignore[arg-type]


@pytest.mark.parametrize("day", ["yesterday", "14.09.2025", "2025-13-01", "", 7, None])
def test_what_is_no_day_is_refused_with_the_right_form(day: object) -> None:
    with pytest.raises(ParameterError, match="2025-09-14"):
        moment_of(day)  # type: ignore[arg-type]


def test_the_clock_stands_still_until_it_is_advanced() -> None:
    clock = Clock("2026-11-20")
    assert clock.now() == clock.now()
    clock.advance(90)
    assert clock.now() - moment_of("2026-11-20") == timedelta(seconds=90)


def test_sleeping_passes_lab_time_and_no_other() -> None:
    clock = Clock("2026-11-20")
    clock.sleep(3600)
    asyncio.run(clock.asleep(3600))
    assert clock.timestamp() - int(moment_of("2026-11-20").timestamp()) == 7200


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ParameterError, match="forward"):
        Clock("2026-11-20").advance(-1)


def test_a_running_clock_goes_on_by_itself() -> None:
    clock = Clock("2026-11-20", running=True)
    first = clock.now()
    while clock.now() == first:
        pass
    assert clock.now() > first


def test_the_date_header_has_the_form_of_rfc_9110() -> None:
    assert Clock("1994-11-06T08:49:37Z").http_date() == "Sun, 06 Nov 1994 08:49:37 GMT"
