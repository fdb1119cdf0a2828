"""A time on a day, and the hour that suits best, on each customer's own clock, as the database writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import FrozenAudience, freeze_audience
from campaigns.audience.segments import parse_segment
from campaigns.audience.wall_times import BestHours, DayTimes, first_moment, last_moment
from campaigns.core.db import UnitOfWork
from campaigns.core.zones import moment_on, still_on
from campaigns.models import ClickHours, HourProfile, Send

NINE = time(9)
EVERYBODY = parse_segment({})
ZONES = {
    "C1": "Europe/Oslo",
    "C2": "Australia/Lord_Howe",  # summer time is half an hour
    "C3": "Asia/Kathmandu",
    "C4": "Mars/Olympus",  # nobody's
    "C5": "",
    "C6": "America/Los_Angeles",
    "C7": "Pacific/Kiritimati",  # 14 hours ahead
    "C8": "Pacific/Apia",
}


@pytest.fixture
def scattered(scatter: Callable[[Mapping[str, str]], dict[str, int]]) -> dict[str, int]:
    return scatter(ZONES)


def sends(session: UnitOfWork, ids: dict[str, int]) -> dict[str, tuple[str, str, datetime | None]]:
    query = select(Send.customer_id, Send.status, Send.reason, Send.not_before)
    found = {row[0]: (row[1], row[2], row[3]) for row in session.execute(query)}
    return {name: found[ids[name]] for name in ZONES if ids[name] in found}


def freeze(session: UnitOfWork, campaign_id: int, wall: Any, now: datetime) -> FrozenAudience:
    return freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, now, wall=wall)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 4), date(2026, 10, 25), date(2026, 12, 1)])
def test_each_is_due_at_that_time_on_that_day_of_their_own_calendar(
    session: UnitOfWork, scattered: dict[str, int], campaign_id: int, day: date
) -> None:
    start = first_moment(day, NINE)
    frozen = freeze(session, campaign_id, DayTimes(day, NINE, "leave_out", start, "Asia/Tokyo"), start)
    assert frozen == FrozenAudience(len(ZONES), {})
    for name, (_, _, due) in sends(session, scattered).items():
        zone = ZoneInfo("Asia/Tokyo" if name in ("C4", "C5") else ZONES[name])
        assert due is not None
        assert due.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, NINE), name


@pytest.mark.parametrize(
    ("rule", "of_kiritimati"),
    [
        ("at_once", ("planned", "", None)),
        ("next_day", ("planned", "", datetime(2026, 12, 1, 19, tzinfo=UTC))),
        ("leave_out", ("held_back", "time_passed", None)),
    ],
)
def test_those_whose_time_has_passed_follow_the_rule(
    session: UnitOfWork,
    scattered: dict[str, int],
    campaign_id: int,
    rule: Any,
    of_kiritimati: tuple[Any, ...],
) -> None:
    now = datetime(
        2026, 11, 30, 19, 0, 1, tzinfo=UTC
    )  # it was nine there a second ago, and only there and in Apia
    freeze(session, campaign_id, DayTimes(date(2026, 12, 1), NINE, rule, now, "UTC"), now)
    found = sends(session, scattered)
    assert found["C7"] == of_kiritimati
    assert found["C1"] == ("planned", "", datetime(2026, 12, 1, 8, tzinfo=UTC))
    assert {name for name, (status, _, _) in found.items() if status == "held_back"} == (
        {"C7"} if rule == "leave_out" else set()
    )


def test_times_that_clocks_leave_out_or_show_twice() -> None:
    oslo, lord_howe, apia = map(ZoneInfo, ("Europe/Oslo", "Australia/Lord_Howe", "Pacific/Apia"))
    # Clocks are put forward at 2: half past two is half past three.
    assert moment_on(oslo, date(2026, 3, 29), time(2, 30)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    # They are put back at 3: half past two comes at 0:30 and at 1:30 UTC; the second counts once the first is over.
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert moment_on(oslo, date(2026, 10, 25), time(2, 30)) == first
    assert still_on(oslo, date(2026, 10, 25), time(2, 30), first) == first
    assert still_on(oslo, date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 1, tzinfo=UTC)) == second
    assert still_on(oslo, date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 2, tzinfo=UTC)) is None
    # Lord Howe's clocks move by half an hour: from 2:00 to 2:30, and a quarter past two is a quarter to three.
    due = moment_on(lord_howe, date(2026, 10, 4), time(2, 15))
    assert due.astimezone(lord_howe).time() == time(2, 45)
    assert still_on(lord_howe, date(2026, 10, 4), time(2, 15), due) == due
    # Apia had no 30 December 2011: nine o'clock of that day is nine o'clock of the next.
    skipped = moment_on(apia, date(2011, 12, 30), NINE)
    assert skipped.astimezone(apia) == datetime(2011, 12, 31, 9, tzinfo=apia)
    assert still_on(apia, date(2011, 12, 30), NINE, skipped) == skipped


def test_a_day_begins_in_kiritimati_and_ends_in_niue() -> None:
    day = date(2026, 12, 1)
    assert first_moment(day, NINE) == datetime(2026, 11, 30, 19, tzinfo=UTC)
    assert last_moment(day, NINE) == datetime(2026, 12, 1, 21, tzinfo=UTC)  # Etc/GMT+12, where nobody lives


NOW = datetime(2026, 12, 1, 12, 20, tzinfo=UTC)


def knows_hours(session: UnitOfWork, ids: dict[str, int]) -> None:
    def ranked(first: int, second: int) -> list[int]:
        return [first, second, *(h for h in range(24) if h not in (first, second))]

    session.add(ClickHours(customer_id=ids["C1"], clicks=[0] * 24, ranked=ranked(20, 7)))
    session.add(ClickHours(customer_id=ids["C6"], clicks=[0] * 24, ranked=ranked(5, 6)))
    session.add(HourProfile(zone="", clicks=[0] * 24, ranked=ranked(12, 18)))
    session.add(HourProfile(zone="America/Los_Angeles", clicks=[0] * 24, ranked=ranked(9, 18)))
    session.flush()


def hours_of(session: UnitOfWork, ids: dict[str, int]) -> dict[str, int]:
    found = {}
    for name, (_, _, due) in sends(session, ids).items():
        zone = ZoneInfo("UTC" if name in ("C4", "C5") else ZONES[name])
        assert due is not None
        assert -3600 < (due - NOW).total_seconds() < 25 * 3600, name
        found[name] = due.astimezone(zone).hour
    return found


def test_each_is_due_at_their_own_hour_or_at_their_zones_or_everybodys(
    session: UnitOfWork, scattered: dict[str, int], campaign_id: int, grant: Callable[..., None]
) -> None:
    knows_hours(session, scattered)
    grant("C1", "profiling")  # C6 does not: the hours of Los Angeles are used, not their own
    freeze(session, campaign_id, BestHours(NOW, "UTC", range(24)), NOW)
    found = hours_of(session, scattered)
    assert found["C1"] == 20
    assert found["C6"] == 9
    assert {found[name] for name in ("C2", "C3", "C4", "C5", "C7", "C8")} == {12}


def test_hours_that_are_quiet_are_not_taken(
    session: UnitOfWork, scattered: dict[str, int], campaign_id: int, grant: Callable[..., None]
) -> None:
    knows_hours(session, scattered)
    grant("C1", "profiling")
    freeze(session, campaign_id, BestHours(NOW, "UTC", range(6, 20)), NOW)
    assert hours_of(session, scattered)["C1"] == 7


def test_where_nobody_ever_clicked_it_is_ten_o_clock(
    session: UnitOfWork, scattered: dict[str, int], campaign_id: int
) -> None:
    freeze(session, campaign_id, BestHours(NOW, "UTC", range(24)), NOW)
    assert set(hours_of(session, scattered).values()) == {10}
