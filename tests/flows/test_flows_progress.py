"""How a campaign is going: numbers that add up, a pace from the last seconds, and never a count of sends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text

from campaigns.core.clock import FixedClock, SystemClock
from campaigns.core.db import Database, rows
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.sending import progress
from campaigns.flows.sending.pace_samples import Pace, PaceSamples
from campaigns.flows.sending.progress import Watching, _seconds_left
from campaigns.models import Campaign
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, bare_campaign, send_on
from tests.waiting import in_time


def test_from_frozen_to_sent_the_numbers_add_up(shop: Runtime, sample: SampleFiles) -> None:
    number = approved(shop, sample)
    before = shop.watching.progress(number)
    assert (before.active, before.audience, before.open, before.per_second_now) == (False, 0, 0, None)
    shop.campaigns.send(number, "test")
    planned = shop.sending.plan(number)
    now = shop.watching.progress(number)
    assert (now.active, now.open, now.stages["planned"], now.waits_until) == (True, planned, planned, None)
    assert now.audience == planned + now.stages["held_back"]
    assert now.seconds_left is None  # nothing went out yet, and nothing says how fast it may
    shop.sending.send_batch(number)
    time.sleep(1.1)  # the second that is running does not count yet
    going = shop.watching.progress(number)
    assert going.per_second_now and going.per_second_minute
    assert going.seconds_left is not None
    send_on(shop, number)
    done = shop.watching.progress(number)
    assert (done.status, done.active, done.open, done.stages["sent"]) == ("sent", False, 0, planned)


def test_what_may_not_go_yet_is_said_with_when_it_may(shop: Runtime, sample: SampleFiles) -> None:
    number = approved(shop, sample)
    with shop.db.transaction() as session:
        session.get_one(Campaign, number).delivery = {"quiet_hours": ["00:00", "23:59"], "per_second": 5}
    shop.campaigns.send(number, "test")
    shop.sending.plan(number)
    shop.sending.work(seconds=5)
    found = shop.watching.progress(number)
    if found.open:  # within the one minute of the day that is not quiet they go
        assert found.waits_until is not None and found.waits_until > shop.clock.now()
        assert found.quiet_hours == "00:00 to 23:59"
        assert found.seconds_left is not None and found.seconds_left > 60


def test_the_pace_is_that_of_the_seconds_that_have_passed(redis_client: redis.Redis) -> None:
    samples = PaceSamples(redis_client)
    assert samples.of(7) == Pace(0.0, 0.0)
    samples.add(7, 30)
    samples.add(8, 1000)
    time.sleep(1.1)
    found = samples.of(7)
    assert found is not None
    assert 10 <= found.now <= 30 and found.now == found.minute
    assert 0 < redis_client.ttl("tailormail:pace:7") <= 120


def test_without_redis_there_is_no_pace_and_nobody_waits_twice() -> None:
    samples = PaceSamples(redis.Redis(port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0)))
    began = time.monotonic()
    for _ in range(1000):
        samples.add(1, 10)
    assert samples.of(1) is None
    assert in_time(began, 2)


@pytest.mark.parametrize(
    ("open_", "per_second", "pace", "waits", "left"),
    [
        (100, None, None, 0, None),
        (100, 10.0, None, 0, 10),
        (100, 10.0, Pace(0.0, 2.0), 0, 50),
        (100, 10.0, Pace(5.0, 2.0), 0, 20),
        (100, 10.0, Pace(5.0, 2.0), 3600, 3600),
        (100, None, Pace(0.0, 0.0), 90, 90),
    ],
)
def test_the_time_left(
    open_: int,
    per_second: float | None,
    pace: Pace | None,
    waits: int,
    left: int | None,
    shared_clock: FixedClock,
) -> None:
    now = shared_clock.now()
    last = now + timedelta(seconds=waits) if waits else None
    terms = DeliveryTerms(per_second=per_second)
    assert _seconds_left(open_, terms, pace, last, now) == left


@pytest.fixture
def shared_clock() -> FixedClock:
    return FixedClock(datetime(2026, 12, 1, 8, tzinfo=UTC))


def test_nothing_is_counted_however_many_sends_there_are(db: Database, redis_client: redis.Redis) -> None:
    with db.transaction() as session:
        number = bare_campaign(session)
        session.execute(
            text(
                "insert into sends (campaign_id, customer_id, status, not_before)"
                " select :c, n, case when n % 3 = 0 then 'sent' else 'planned' end,"
                " case when n % 3 = 1 then now() + n * interval '1 second' end from generate_series(1, 30000) n"
            ),
            {"c": number},
        )
        session.execute(text("update campaigns set status = 'sending'"))
        session.execute(text("analyze sends"))
        plan = "\n".join(
            row[0] for row in rows(session, f"explain {progress._WAITING}", {"campaign": number})
        )
    assert "Seq Scan" not in plan and "Sort" not in plan, plan
    assert "ix_sends_fresh" in plan or "campaign_id_id_idx" in plan, plan
    assert Watching(db, SystemClock(), PaceSamples(redis_client)).progress(number).status == "sending"
