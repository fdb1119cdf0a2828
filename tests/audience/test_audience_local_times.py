"""Due times by the customers' own clocks, as the database writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import freeze_audience
from campaigns.audience.segments import parse_segment
from campaigns.core.db import UnitOfWork
from campaigns.models import Send

NINE = time(9)
EVERYBODY = parse_segment({})
ZONES = {
    "C1": "Europe/Oslo",
    "C2": "Australia/Sydney",  # summer time ends in April
    "C3": "Asia/Kathmandu",  # a quarter of an hour off
    "C4": "Mars/Olympus",  # nobody's
    "C5": "",
    "C6": "America/Los_Angeles",
    "C7": "Pacific/Kiritimati",  # 14 hours ahead
}


@pytest.fixture
def scattered(scatter: Callable[[Mapping[str, str]], dict[str, int]]) -> dict[str, int]:
    return scatter(ZONES)


def due(session: UnitOfWork, ids: dict[str, int]) -> dict[str, datetime | None]:
    found = {row[0]: row[1] for row in session.execute(select(Send.customer_id, Send.not_before))}
    return {name: found[ids[name]] for name in ZONES}


@pytest.mark.parametrize(
    "day", [datetime(2026, 4, 4, 12, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)]
)
def test_each_customer_is_due_at_that_time_on_their_own_clock(
    session: UnitOfWork, scattered: dict[str, int], campaign_id: int, day: datetime
) -> None:
    freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, day, NINE, "Asia/Tokyo")
    found = due(session, scattered)
    for name, moment in found.items():
        assert moment is not None
        zone = ZoneInfo("Asia/Tokyo" if name in ("C4", "C5") else ZONES[name])
        assert moment.astimezone(zone).time() == NINE, name
        assert 0 <= (moment - day).total_seconds() <= 25 * 3600, name


def test_the_time_may_be_this_very_moment(
    session: UnitOfWork, scattered: dict[str, int], campaign_id: int
) -> None:
    now = datetime(2026, 6, 1, 9, tzinfo=ZoneInfo("Europe/Oslo")).astimezone(UTC)
    freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, now, NINE)
    found = due(session, scattered)
    assert found["C1"] == now
    assert found["C4"] == found["C5"] == datetime(2026, 6, 1, 9, tzinfo=UTC)


def test_without_a_time_everybody_is_due_at_once_and_who_is_held_back_never(
    session: UnitOfWork, scattered: dict[str, int], campaign_id: int, grant: Callable[..., None]
) -> None:
    grant("C2", "marketing", action="withdrawn", at="2026-02-01T00:00:00Z")
    now = datetime(2026, 4, 4, 12, tzinfo=UTC)
    with session.begin_nested() as savepoint:
        freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, now)
        assert set(due(session, scattered).values()) == {None}
        savepoint.rollback()
    freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, now, NINE)
    found = due(session, scattered)
    assert {name for name, moment in found.items() if moment is None} == {"C2"}
