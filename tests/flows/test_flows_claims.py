"""Claiming: each send by one worker, what was put off when its time has come, and nothing left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from campaigns.flows.sending.claims import Claims, give_back
from campaigns.flows.sending.counters import add_counts, counts, recount
from campaigns.models import SendStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved

LEASE = timedelta(seconds=30)


@pytest.fixture
def planned(shop: Runtime, sample: SampleFiles) -> int:
    """A campaign whose sends are planned."""
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    return campaign_id


def take(shop: Runtime, claims: Claims, campaign_id: int, limit: int, worker: str = "w") -> list[int]:
    with shop.db.transaction() as session:
        taken = claims.take(session, campaign_id, limit, worker, shop.clock.now())
    with shop.db.transaction() as session:
        assert counts(session, campaign_id) == recount(session, campaign_id)
    return [send.id for send in taken]


def test_several_workers_take_everything_once(shop: Runtime, planned: int) -> None:
    one, other = Claims(LEASE), Claims(LEASE)
    taken: list[int] = []
    while batch := take(shop, one, planned, 7) + take(shop, other, planned, 5, "v"):
        taken += batch
    assert len(taken) == len(set(taken)) == 55


def test_what_was_given_back_behind_the_mark_is_taken_at_the_end(shop: Runtime, planned: int) -> None:
    claims = Claims(LEASE)
    first = take(shop, claims, planned, 10)
    with shop.db.transaction() as session:
        returned = give_back(session, planned, "w", first)
        assert returned == {SendStatus.CLAIMED: 10}
        add_counts(session, planned, {SendStatus.CLAIMED: -10, SendStatus.PLANNED: 10}, "w")
    taken: list[int] = []
    while batch := take(shop, claims, planned, 10, "v"):
        taken += batch
    assert sorted(taken)[:10] == first
    assert len(taken) == 55


def test_what_was_put_off_comes_first_when_its_time_has_come(shop: Runtime, planned: int) -> None:
    now = shop.clock.now()
    with shop.db.transaction() as session:
        late = session.scalars(
            text(
                "update sends set not_before = :at where campaign_id = :c and id in (select id from sends "
                "where campaign_id = :c and status = 'planned' order by id desc limit 3) returning id"
            ),
            {"at": now - timedelta(minutes=1), "c": planned},
        ).all()
        future = session.scalar(
            text(
                "update sends set not_before = :at where campaign_id = :c and id = (select min(id) from sends "
                "where campaign_id = :c and status = 'planned') returning id"
            ),
            {"at": now + timedelta(hours=1), "c": planned},
        )
    claims = Claims(LEASE)
    assert set(take(shop, claims, planned, 5)) >= set(late)
    rest: list[int] = []
    while batch := take(shop, claims, planned, 20):
        rest += batch
    assert future not in rest
    assert len(rest) == 55 - 5 - 1


def test_one_lease_covers_all_that_a_worker_holds(shop: Runtime, planned: int) -> None:
    take(shop, Claims(timedelta(seconds=-1)), planned, 5, "far-away:1")
    assert shop.recovery.sweep().sends == {"planned": 5}
    with shop.db.transaction() as session:
        assert session.scalar(text("select count(*) from worker_leases")) == 0
    take(shop, Claims(LEASE), planned, 5, "far-away:1")
    assert shop.recovery.sweep().sends == {}


def test_sends_that_wait_for_words_are_taken_by_status(shop: Runtime, planned: int) -> None:
    with shop.db.transaction() as session:
        session.execute(
            text(
                "update sends set status = 'picked' where campaign_id = :c and id in "
                "(select id from sends where campaign_id = :c and status = 'planned' limit 4)"
            ),
            {"c": planned},
        )
        recount(session, planned)
    claims = Claims(LEASE)
    with shop.db.transaction() as session:
        assert claims.take_waiting(session, planned, SendStatus.WRITTEN, 10, "w") == []
        taken = claims.take_waiting(session, planned, SendStatus.PICKED, 3, "w")
    assert {send.status for send in taken} == {SendStatus.PICKED}
    with shop.db.transaction() as session:
        assert len(claims.take_waiting(session, planned, SendStatus.PICKED, 10, "v")) == 1
