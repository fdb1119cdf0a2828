"""Partitions appear with the campaigns that need them, also when two are created at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.locks import PARTITIONS_LOCK, SCHEDULER_LOCK
from campaigns.models import Campaign, Send
from campaigns.models.partitions import CampaignRange, existing_ranges, is_partition, range_of
from tests.partitions import drop_extra_partitions
from workers.lock import SessionLock


def a_campaign(number: int | None = None) -> Campaign:
    return Campaign(
        id=number, name="Spring", template="outdoor", picks=3, sender="hello@fjellandfern.example",
        postal_address="Fjell & Fern, Storgata 12", brief={}, segment={}, slots=[],
    )  # fmt: skip


@pytest.fixture
def without_extra_partitions(db: Database) -> Iterator[Database]:
    """Before and afterwards there is the first range only."""
    drop_extra_partitions(db)
    yield db
    drop_extra_partitions(db)


def test_a_campaign_of_a_new_range_brings_its_partitions(without_extra_partitions: Database) -> None:
    with without_extra_partitions.transaction() as session:
        assert existing_ranges(session) == [CampaignRange(0)]
        session.add(a_campaign(1_234))
        session.flush()
        session.add(Send(campaign_id=1_234, customer_id=1))
        session.flush()
        there = session.scalar(text("select tableoid::regclass::text from sends"))
        assert there == range_of(1_234).partition("sends") == "sends_p000012"
        assert existing_ranges(session) == [CampaignRange(0), CampaignRange(12)]


def test_numbers_beyond_six_digits_keep_their_own_partition(without_extra_partitions: Database) -> None:
    with without_extra_partitions.transaction() as session:
        session.add_all([a_campaign(123_456_700), a_campaign(123_456_7)])
        session.flush()
        names = [one.partition("sends") for one in existing_ranges(session)]
    assert names == ["sends_p000000", "sends_p012345", "sends_p1234567"]
    assert all(map(is_partition, names)) and not is_partition("sends") and not is_partition("sends_p12")


@pytest.mark.parametrize("round_", range(3))
def test_two_campaigns_created_at_once_do_not_hinder_one_another(
    without_extra_partitions: Database, round_: int
) -> None:
    db, together = without_extra_partitions, Barrier(8)

    def create(number: int) -> int:
        with db.transaction() as session:
            # Everybody has touched the tables before, as a transaction that does more than this has.
            session.execute(text("select count(*) from sends where campaign_id = 5"))
            together.wait(20)
            session.add(a_campaign(number))
            session.flush()
            session.add(Send(campaign_id=number, customer_id=1))
        return number

    numbers = [500 + i for i in range(4)] + [600 + i for i in range(4)]
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, numbers)) == numbers
    with db.transaction() as session:
        assert [one.number for one in existing_ranges(session)] == [0, 5, 6]
        assert session.scalar(text("select count(*) from sends")) == 8


def test_senders_go_on_while_a_partition_is_made(without_extra_partitions: Database) -> None:
    db = without_extra_partitions
    with db.transaction() as session:
        session.add(a_campaign(5))
    with db.transaction() as creating:
        creating.add(a_campaign(700))
        creating.flush()  # The partition is attached; its lock is held until the commit.
        with db.transaction() as sending:
            sending.execute(text("set local lock_timeout = '500ms'"))
            sending.add(Send(campaign_id=5, customer_id=1))
            sending.flush()
            sending.execute(text("update sends set status = 'sent' where campaign_id = 5"))
            sending.execute(text("select count(*) from sends"))


def test_a_scheduler_at_work_does_not_stop_a_new_range(
    without_extra_partitions: Database, servers: EmbeddedUrls
) -> None:
    scheduler = SessionLock(servers.database_url or "", SCHEDULER_LOCK)
    assert scheduler.held()
    try:
        with without_extra_partitions.transaction() as session:
            session.execute(text("set local lock_timeout = '1s'"))
            session.add(a_campaign(800))
            session.flush()
            assert existing_ranges(session) == [CampaignRange(0), CampaignRange(8)]
    finally:
        scheduler.release()


def test_the_wait_for_a_new_range_would_be_noticed(
    without_extra_partitions: Database, servers: EmbeddedUrls
) -> None:
    """The test of the test: who holds the key of partitions does stop it, and `lock_timeout` ends the wait."""
    other = SessionLock(servers.database_url or "", PARTITIONS_LOCK)
    assert other.held()
    try:
        with (
            pytest.raises(OperationalError, match="lock timeout"),
            without_extra_partitions.transaction() as session,
        ):
            session.execute(text("set local lock_timeout = '200ms'"))
            session.add(a_campaign(800))
            session.flush()
    finally:
        other.release()


def test_a_send_of_no_campaigns_range_is_refused(without_extra_partitions: Database) -> None:
    with pytest.raises(Exception, match="no partition"), without_extra_partitions.transaction() as session:
        session.add(Send(campaign_id=900, customer_id=1))
