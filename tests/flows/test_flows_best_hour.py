"""The hour at which each customer tends to click: counted from people alone, shrunk, and gone with the consent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select, text, update

from campaigns.audience.consent import record, withdraw
from campaigns.audience.privacy import erase_by_id
from campaigns.core.clock import FixedClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.flows.scheduling.best_hour import BestHour, ranked, shares
from campaigns.models import Campaign, ClickHours, Customer, Event, HourProfile
from tests.shop import bare_campaign

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
DAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def hours(db: Database) -> BestHour:
    return BestHour(db, FixedClock(NOW))


@pytest.fixture
def people(db: Database) -> list[int]:
    """Five in Tokyo, nine hours ahead; all but the last grant profiling."""
    with db.transaction() as session:
        found = [Customer(external_id=f"C{n}", timezone="Asia/Tokyo") for n in range(5)]
        session.add_all(found)
        session.flush()
        ids = [one.id for one in found]
        for number in ids[:-1]:
            record(session, number, "profiling", "granted", "yes", "test", NOW - timedelta(days=60))
        return ids


@pytest.fixture
def campaign(db: Database) -> int:
    with db.transaction() as session:
        number = bare_campaign(session)
        session.execute(update(Campaign).values(started_at=DAY))
        return number


def click(db: Database, campaign: int, customer: int, hour: int, n: int = 1, machine: bool = False) -> None:
    """So many clicks at this hour of Tokyo."""
    with db.transaction() as session:
        for _ in range(n):
            nth = session.scalar(text("select nextval('events_id_seq')"))
            session.add(
                Event(
                    campaign_id=campaign,
                    key=f"c{nth}",
                    name="clicked",
                    customer_id=customer,
                    at=DAY + timedelta(hours=hour - 9, minutes=30),
                    machine=machine,
                )
            )


def kept(db: Database) -> dict[int, ClickHours]:
    with db.transaction() as session:
        return {one.customer_id: one for one in session.scalars(select(ClickHours))}


def test_machines_and_customers_without_profiling_have_no_hours(
    db: Database, hours: BestHour, people: list[int], campaign: int
) -> None:
    evening, robot, private = people[0], people[1], people[-1]
    click(db, campaign, evening, 20, 6)
    click(db, campaign, robot, 3, 50, machine=True)
    click(db, campaign, private, 7, 2)
    assert hours.run() == 8
    found = kept(db)
    assert set(found) == {evening}
    assert found[evening].clicks[20] == 6
    assert found[evening].ranked[0] == 20
    with db.transaction() as session:
        profiles = {one.zone: one for one in session.scalars(select(HourProfile))}
    # Summed over all, the hours of those who keep theirs to themselves count as well: they name nobody.
    assert profiles["Asia/Tokyo"].clicks[7] == profiles[""].clicks[7] == 2
    assert profiles[""].clicks[3] == 0


def test_counted_once_however_often_it_runs(
    db: Database, hours: BestHour, people: list[int], campaign: int
) -> None:
    click(db, campaign, people[0], 20, 3)
    assert hours.run() == 3
    assert hours.run() == 0
    click(db, campaign, people[0], 21)
    assert hours.run() == 1
    one = kept(db)[people[0]]
    assert (one.clicks[20], one.clicks[21], sum(one.clicks)) == (3, 1, 4)
    assert sorted(one.ranked) == list(range(24))


def test_one_click_does_not_outweigh_what_all_do_and_ten_do(
    db: Database, hours: BestHour, people: list[int], campaign: int
) -> None:
    once, often, many = people[:3]
    click(db, campaign, many, 19, 200)
    click(db, campaign, once, 4, 1)
    click(db, campaign, often, 4, 10)
    hours.run()
    found = kept(db)
    assert found[once].ranked[0] == 19
    assert found[often].ranked[0] == 4


def test_what_was_counted_goes_with_the_consent_and_with_the_customer(
    db: Database, hours: BestHour, people: list[int], campaign: int, keyring: KeyRing
) -> None:
    click(db, campaign, people[0], 20, 3)
    click(db, campaign, people[1], 20, 3)
    hours.run()
    assert set(kept(db)) == set(people[:2])
    with db.transaction() as session:
        withdraw(session, people[0], "profiling", "test", NOW, NOW)
        erase_by_id(session, keyring, people[1], NOW)
    assert set(kept(db)) == {people[0]}
    hours.run()
    assert kept(db) == {}


def test_an_hour_gains_from_its_neighbours_also_over_midnight() -> None:
    clicks = [0] * 24
    clicks[23] = clicks[0] = clicks[1] = 2
    clicks[12] = 3
    share = shares(clicks)
    assert ranked(share)[0] == 0
    assert share.sum() == pytest.approx(1.0)
    assert ranked(np.full(24, 1 / 24))[0] == 0
