"""Quiet hours on the clocks of many zones, through the changes of summer time."""

from __future__ import annotations

import time as stopwatch
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.core.zones import next_local, zone_named
from campaigns.delivery.quiet import QuietHours

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
MINUTES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))


def at(zone: str, *parts: int) -> datetime:
    year, month, day, hour, minute = parts
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


NIGHT = QuietHours(time(21), time(8))


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("Europe/Oslo", (2026, 6, 1, 20, 59), None),
        ("Europe/Oslo", (2026, 6, 1, 21, 0), (2026, 6, 2, 8, 0)),
        ("Europe/Oslo", (2026, 6, 2, 7, 59), (2026, 6, 2, 8, 0)),
        ("Europe/Oslo", (2026, 6, 2, 8, 0), None),
        ("Europe/Oslo", (2026, 3, 28, 23, 0), (2026, 3, 29, 8, 0)),  # a night of one hour less
        ("Europe/Oslo", (2026, 10, 24, 23, 0), (2026, 10, 25, 8, 0)),  # and of one hour more
        ("Australia/Lord_Howe", (2026, 4, 4, 22, 0), (2026, 4, 5, 8, 0)),  # put back by half an hour
        ("America/Sao_Paulo", (2026, 1, 1, 3, 0), (2026, 1, 1, 8, 0)),
        ("Asia/Kathmandu", (2026, 1, 1, 21, 14), (2026, 1, 2, 8, 0)),
    ],
)
def test_the_night_by_the_clock_of_the_place(
    zone: str, now: tuple[int, ...], until: tuple[int, ...] | None
) -> None:
    assert NIGHT.until(zone, at(zone, *now)) == (at(zone, *until) if until else None)


def test_hours_within_a_day() -> None:
    lunch = QuietHours(time(12), time(13, 30))
    noon = datetime(2026, 1, 1, 12, 15, tzinfo=UTC)
    assert lunch.until("UTC", noon) == datetime(2026, 1, 1, 13, 30, tzinfo=UTC)
    assert lunch.until("UTC", noon + timedelta(hours=2)) is None


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "\0", "é"])
def test_an_unknown_zone_is_the_shops_own(name: str) -> None:
    assert zone_named(name) is None
    shop = QuietHours(time(21), time(8), "Asia/Tokyo")
    assert shop.until(name, datetime(2026, 1, 1, 13, tzinfo=UTC)) == datetime(2026, 1, 1, 23, tzinfo=UTC)


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    early = QuietHours(time(2), time(2, 30))
    first = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)  # 02:10 in Oslo, summer time
    assert early.until("Europe/Oslo", first) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    again = first + timedelta(hours=1)  # 02:10 once more
    assert early.until("Europe/Oslo", again) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_an_end_that_the_clocks_jump_over_is_not_lost() -> None:
    early = QuietHours(time(1), time(2, 30))
    until = early.until("Europe/Oslo", datetime(2026, 3, 29, 0, 15, tzinfo=UTC))
    assert until == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 of the new time


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(ZONES), MOMENTS, MINUTES, MINUTES)
def test_it_is_quiet_until_it_is_not(zone: str, now: datetime, start: time, end: time) -> None:
    if start == end:
        with pytest.raises(ValueError, match="differ"):
            QuietHours(start, end)
        return
    quiet = QuietHours(start, end)
    until = quiet.until(zone, now)
    shown = now.astimezone(ZoneInfo(zone)).time()
    inside = start <= shown < end if start < end else shown >= start or shown < end
    assert (until is not None) == inside
    if until is not None:
        assert now < until <= now + timedelta(hours=26)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(ZONES), MOMENTS, MINUTES)
def test_the_next_time_of_day_comes_within_a_day(zone: str, now: datetime, wanted: time) -> None:
    where = ZoneInfo(zone)
    moment = next_local(where, wanted, now)
    assert now <= moment <= now + timedelta(hours=26)
    shown = moment.astimezone(where)
    existed = shown.replace(fold=shown.fold).time() == wanted
    # Shown exactly, unless the clocks of that day were put forward over it.
    before, after = (moment + timedelta(hours=h) for h in (-3, 1))
    assert existed or before.astimezone(where).utcoffset() != after.astimezone(where).utcoffset()


def test_the_answer_changes_with_the_minute_and_costs_next_to_nothing() -> None:
    night = QuietHours(time(21), time(8))
    last = datetime(2026, 1, 1, 20, 59, 59, tzinfo=UTC)
    assert night.until("UTC", last) is None
    assert night.until("UTC", last + timedelta(seconds=1)) is not None
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    best = min(_seconds_for_ten_thousand(night, now) for _ in range(5))
    assert best / 10_000 < 10e-6  # about 1 us; the bound is for a busy machine


def _seconds_for_ten_thousand(night: QuietHours, now: datetime) -> float:
    started = stopwatch.perf_counter()
    for _ in range(10_000):
        night.until("Europe/Oslo", now)
    return stopwatch.perf_counter() - started
