"""The calendar, what is foreseen of campaigns that get into each other's way, and its feed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar as ICalendar
from sqlalchemy import select, text, update

from campaigns.audience.consent import record
from campaigns.core.clock import FixedClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, BadToken, NotFound
from campaigns.core.frequency import FrequencyCap
from campaigns.core.tokens import Signer
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.scheduling.calendar import Calendar
from campaigns.flows.scheduling.calendar_feed import CalendarFeed
from campaigns.flows.scheduling.calendar_outlooks import CalendarOutlooks, Planned, foresee
from campaigns.flows.scheduling.series import begin_series
from campaigns.models import Campaign, ConsoleUser, Customer, Send
from campaigns.models.customer import ADDRESS_CONTEXT
from tests.shop import bare_campaign

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
CAP = FrequencyCap.parse("2/7d")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def calendar(db: Database, clock: FixedClock) -> Calendar:
    return Calendar(db, clock, CAP)


@pytest.fixture
def campaign(db: Database) -> Callable[..., int]:
    def make(name: str, status: str, **values: Any) -> int:
        with db.transaction() as session:
            number = bare_campaign(session)
            session.execute(
                update(Campaign).where(Campaign.id == number).values(name=name, status=status, **values)
            )
            return number

    return make


@pytest.fixture
def people(db: Database, keyring: KeyRing) -> list[int]:
    """Twenty who may be mailed; the first ten live in Norway."""
    with db.transaction() as session:
        found = [
            Customer(
                external_id=f"C{n}",
                country="Norway" if n < 10 else "Italy",
                email_cipher=keyring.encrypt(f"c{n}@shop.example", ADDRESS_CONTEXT),
                email_hmac=keyring.address_hmac(f"c{n}@shop.example"),
            )
            for n in range(20)
        ]
        session.add_all(found)
        session.flush()
        for one in found:
            record(session, one.id, "marketing", "granted", "yes", "test", NOW - timedelta(days=99))
        return [one.id for one in found]


def test_it_shows_what_begins_and_leaves_out_what_is_only_a_wish(
    db: Database, calendar: Calendar, campaign: Callable[..., int], clock: FixedClock
) -> None:
    planned = campaign("Advent", "scheduled", scheduled_at=NOW + timedelta(days=1))
    sent = campaign("Autumn", "sent", started_at=NOW - timedelta(days=1), finished_at=NOW)
    running = campaign("Snow", "sending", started_at=NOW - timedelta(hours=1))
    campaign("Draft", "draft", scheduled_at=NOW + timedelta(days=1))
    campaign("Given up", "cancelled", scheduled_at=NOW + timedelta(days=1))
    stopped = campaign("Stopped", "cancelled", started_at=NOW - timedelta(hours=2))
    campaign("Next year", "scheduled", scheduled_at=NOW + timedelta(days=90))
    weekly = campaign("Weekly", "draft", recurrence={
        "every": "week", "weekdays": [3], "at": "09:00", "zone": "UTC", "starts": "2026-12-01",
    })  # fmt: skip
    with db.transaction() as session:
        pattern = get_campaign(session, weekly)
        pattern.status = "approved"
        begin_series(session, pattern, NOW, "Ada")
    found = calendar.between(NOW - timedelta(days=7), NOW + timedelta(days=14))
    assert [(one.campaign_id, one.kind) for one in found] == [
        (sent, "sent"), (stopped, "cancelled"), (running, "running"), (planned, "planned"),
        (weekly, "run"), (weekly, "run"),
    ]  # fmt: skip
    assert [one.campaign_id for one in calendar.running()] == [running]


def test_clashes_and_the_cap_are_foreseen_from_who_would_be_mailed(
    db: Database,
    calendar: Calendar,
    clock: FixedClock,
    campaign: Callable[..., int],
    people: list[int],
) -> None:
    norway: dict[str, Any] = {"country": ["Norway"]}
    all_: dict[str, Any] = {}
    old = campaign("Old", "sent", started_at=NOW - timedelta(days=2), finished_at=NOW - timedelta(days=2))
    with db.transaction() as session:
        for number in people[:3]:
            session.add(
                Send(campaign_id=old, customer_id=number, status="sent", sent_at=NOW - timedelta(days=2))
            )
    first = campaign("First", "scheduled", scheduled_at=NOW + timedelta(hours=1), segment=norway)
    second = campaign("Second", "scheduled", scheduled_at=NOW + timedelta(hours=13), segment=all_)
    third = campaign("Third", "scheduled", scheduled_at=NOW + timedelta(days=6), segment=all_)
    assert CalendarOutlooks(db, clock, CAP).run() == 3
    found = {one.campaign_id: one for one in calendar.between(NOW, NOW + timedelta(days=9))}
    assert (found[first].audience, found[first].capped) == (10, 0)
    # Three of Norway had one, and one more with the first.
    assert (found[second].audience, found[second].capped) == (20, 3)
    # Norway has two within the week; of the old one's three the old one is then too long ago.
    assert (found[third].audience, found[third].capped) == (20, 7)
    assert [(c.campaign_id, c.customers, c.hours) for c in found[first].clashes] == [(second, 10, 12.0)]
    assert found[third].clashes == ()
    # What was planned and is cancelled is forgotten with the next look.
    with db.transaction() as session:
        get_campaign(session, second).status = "cancelled"
    assert CalendarOutlooks(db, clock, CAP).run() == 2
    assert calendar.foreseen(second) is None


def test_a_sample_stands_for_all_and_without_a_cap_nobody_is_held_back() -> None:
    people = frozenset(range(100))
    planned = [Planned(1, "A", NOW, people), Planned(2, "B", NOW + timedelta(hours=80), people)]
    found = foresee(planned, {}, 0.1, None)
    assert (found[1]["audience"], found[1]["capped"]) == (1000, 0)
    assert found[1]["overlaps"] == []  # they are more than three days apart
    capped = foresee(planned, {}, 0.1, FrequencyCap.parse("1/7d"))
    assert (capped[1]["capped"], capped[2]["capped"]) == (0, 1000)


def test_quiet_days_are_kept_and_said_in_the_log(db: Database, calendar: Calendar) -> None:
    christmas = date(2026, 12, 25)
    calendar.set_quiet(christmas, "Christmas", "Ada")
    calendar.set_quiet(christmas, "Christmas Day", "Ada")
    assert calendar.quiet_days(NOW.date(), date(2027, 1, 1)) == {christmas: "Christmas Day"}
    with pytest.raises(BadInput, match="is over"):
        calendar.set_quiet(date(2026, 11, 1), "", "Ada")
    calendar.unset_quiet(christmas, "Ada")
    assert calendar.quiet_days(NOW.date(), date(2027, 1, 1)) == {}
    with db.transaction() as session:
        said = session.execute(text("select action from audit_entries order by id")).scalars().all()
    assert said == ["calendar.quieted", "calendar.quieted", "calendar.unquieted"]


@pytest.fixture
def feed(db: Database, clock: FixedClock, signer: Signer, calendar: Calendar) -> CalendarFeed:
    return CalendarFeed(
        db, clock, signer, calendar, lambda number: f"https://mail.example/console/campaigns/{number}"
    )


def test_the_feed_is_for_whoever_has_the_link_until_it_is_taken_back(
    db: Database, feed: CalendarFeed, campaign: Callable[..., int]
) -> None:
    campaign("Advent, for all; 10\u2009%", "scheduled", scheduled_at=NOW + timedelta(days=1))
    with db.transaction() as session:
        user = ConsoleUser(name="Ada", role="viewer")
        session.add(user)
        session.flush()
        number = user.id
    assert feed.token(number) == ""
    token = feed.renew(number, "Ada")
    assert feed.token(number) == token
    read = ICalendar.from_ical(feed.feed(token))
    [event] = read.walk("VEVENT")
    assert str(event["summary"]) == "Advent, for all; 10\u2009% (planned)"
    assert event.decoded("dtstart") == NOW + timedelta(days=1)
    newer = feed.renew(number, "Ada")
    for old in (token, "AQ" + "A" * 40):
        with pytest.raises((NotFound, BadToken)):
            feed.feed(old)
    feed.feed(newer)
    with db.transaction() as session:
        session.scalars(select(ConsoleUser)).one().off_since = NOW
    with pytest.raises(NotFound):
        feed.feed(newer)
    feed.revoke(number, "Ada")
    assert feed.token(number) == ""
