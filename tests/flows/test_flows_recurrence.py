"""When a campaign comes again, day by day, over months that are too short and clocks that change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.core.errors import BadInput
from campaigns.flows.scheduling.recurrence import AHEAD, Recurrence

BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


def rule(**values: Any) -> Recurrence:
    given = {"every": "day", "at": "09:00", "zone": "Europe/Oslo", "starts": "2026-01-01"}
    return Recurrence.from_json({**given, **values})


def days(recurrence: Recurrence, n: int = 5, after: datetime = BEFORE) -> list[str]:
    return [one.day.isoformat() for one in islice(recurrence.after(after), n)]


@pytest.mark.parametrize(
    ("month_day", "expected"),
    [
        (31, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        (30, ["2026-01-30", "2026-02-28", "2026-03-30", "2026-04-30", "2026-05-30"]),
        (-1, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        (15, ["2026-01-15", "2026-02-15", "2026-03-15", "2026-04-15", "2026-05-15"]),
    ],
)
def test_months_that_are_too_short_have_it_on_their_last_day(month_day: int, expected: list[str]) -> None:
    assert days(rule(every="month", month_day=month_day)) == expected


def test_in_a_leap_year_the_29th_of_february_counts() -> None:
    assert days(rule(every="month", month_day=29, starts="2028-02-01"), 2) == ["2028-02-29", "2028-03-29"]


def test_weeks_and_days_in_their_rhythm() -> None:
    weekly = rule(every="week", interval=2, weekdays=[0, 3])
    assert days(weekly) == ["2026-01-01", "2026-01-12", "2026-01-15", "2026-01-26", "2026-01-29"]
    assert days(rule(interval=3), 3) == ["2026-01-01", "2026-01-04", "2026-01-07"]


def test_it_comes_at_the_same_time_of_day_when_clocks_change() -> None:
    spring = list(islice(rule(starts="2026-03-28").after(BEFORE), 3))
    assert [one.start.hour for one in spring] == [8, 7, 7]
    # Half past two is left out on the 29th of March, and there twice on the 25th of October: once each all the same.
    nights = rule(at="02:30", starts="2026-10-24", count=3)
    starts = [one.start for one in nights.after(BEFORE)]
    assert starts == [
        datetime(2026, 10, 24, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]
    skipped = next(rule(at="02:30", starts="2026-03-29").after(BEFORE))
    assert skipped.start.astimezone(ZoneInfo("Europe/Oslo")).hour == 3


@pytest.mark.parametrize(
    "zone", ["Pacific/Kiritimati", "Pacific/Niue", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
def test_each_occurrence_comes_once_wherever_one_begins_to_look(zone: str) -> None:
    daily = rule(zone=zone, count=40, starts="2026-09-20")
    all_ = list(daily.after(BEFORE))
    assert len(all_) == 40
    looked, at = [], BEFORE
    while (one := next(daily.after(at), None)) is not None:
        looked.append(one)
        at = one.start
    assert looked == all_
    for one in all_:
        assert one.start.astimezone(ZoneInfo(zone)).date() == one.day


def test_by_each_customers_clock_it_begins_before_the_first_of_them() -> None:
    first = next(rule(zone="").after(BEFORE))
    assert first.day == date(2026, 1, 1)
    assert first.start == datetime(2025, 12, 31, 19, tzinfo=UTC) - AHEAD


def test_it_ends_after_its_day_or_its_count() -> None:
    assert days(rule(until="2026-01-03"), 9) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert len(days(rule(count=4), 9)) == 4
    assert days(rule(count=4), 9, datetime(2026, 1, 3, 12, tzinfo=UTC)) == ["2026-01-04"]


def test_years_later_it_is_found_quickly() -> None:
    old = rule(zone="", starts="2006-01-01")
    assert days(old, 1, datetime(2026, 11, 1, tzinfo=UTC)) == ["2026-11-02"]


def test_windows_have_a_beginning_and_no_end() -> None:
    first = datetime(2026, 1, 2, 8, tzinfo=UTC)
    assert [one.start for one in rule().between(first, first + timedelta(days=2))] == [
        first,
        first + timedelta(days=1),
    ]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"every": "week"}, "weekdays: choose one"),
        ({"every": "month"}, "month_day: say on which day"),
        ({"every": "month", "month_day": 32}, "1 to 31"),
        ({"until": "2025-12-31"}, "lies before the first day"),
        ({"until": "2026-12-31", "count": 2}, "exclude each other"),
        ({"zone": "Mars/Olympus"}, "is no time zone"),
        ({"at": "9:00:30"}, "at"),
        ({"interval": 0}, "interval"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadInput, match=fault):
        rule(**values)


def test_it_is_kept_as_it_was() -> None:
    full = rule(every="month", month_day=-1, until="2027-01-01", wait_days=14, interval=2)
    assert Recurrence.from_json(full.as_json()) == full
    assert full.words == (
        "on the last day of every 2 months at 09:00 (Europe/Oslo), until 1 Jan 2027, nobody again within 14 days"
    )
    assert rule(every="week", weekdays=[4, 0]).words == "every Monday and Friday at 09:00 (Europe/Oslo)"
