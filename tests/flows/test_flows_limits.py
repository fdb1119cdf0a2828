"""Limits on the way of a mail: two campaigns at once, wishes that change meanwhile, the evening that comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from campaigns.core.clock import FixedClock
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.flows.scheduling import planning
from campaigns.flows.sending.send_moves import begin
from campaigns.models import Campaign, ContactPreference, EngagementState, Send, SendStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, make_runtime, send_all


@pytest.fixture
def two(servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles) -> Iterator[list[Runtime]]:
    """Two processes' worth of engine on the sample shop, where nobody gets more than one mail a week."""
    both = [make_runtime(servers, tmp_path / name, frequency_cap="1/7d").start() for name in ("a", "b")]
    fill_shop(both[0], sample)
    yield both
    for runtime in both:
        runtime.close()


def in_threads(jobs: list[Callable[[], object]]) -> None:
    failed: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed, failed


def test_two_campaigns_that_start_at_once_do_not_both_mail_anybody(
    two: list[Runtime], sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [approved(two[0], sample) for _ in two]
    for campaign_id in ids:
        two[0].campaigns.send(campaign_id, "test")
    together = Barrier(2)

    def freeze(*given: Any) -> object:
        frozen = freeze_audience(*given)
        together.wait(20)  # neither can see the other's
        return frozen

    freeze_audience = planning.freeze_audience
    monkeypatch.setattr(planning, "freeze_audience", freeze)
    in_threads([lambda r=r, c=c: r.sending.plan(c) for r, c in zip(two, ids, strict=True)])  # type: ignore[misc]
    with two[0].db.transaction() as session:
        planned = session.execute(
            select(Send.campaign_id, func.count()).where(Send.status == "planned").group_by(Send.campaign_id)
        ).all()
    assert len(planned) == 2 and planned[0][1] == planned[1][1], "both are to mail everybody"

    def slow_begin(*given: Any) -> set[int]:
        begun = begin(*given)
        time.sleep(0.1)  # so that the other one asks before this is committed
        return begun

    monkeypatch.setattr("campaigns.flows.sending.batches.begin", slow_begin)

    def send(runtime: Runtime, campaign_id: int) -> None:
        together.wait(20)
        while runtime.sending.send_batch(campaign_id).claimed:
            pass

    in_threads([lambda r=r, c=c: send(r, c) for r, c in zip(two, ids, strict=True)])  # type: ignore[misc]
    with two[0].db.transaction() as session:
        mails = session.scalars(select(Send.customer_id).where(Send.status == "sent")).all()
        reasons = session.execute(
            select(Send.reason, func.count())
            .where(Send.status == "held_back", Send.reason == "frequency_cap")
            .group_by(Send.reason)
        ).all()
        statuses = set(session.scalars(select(Campaign.status)))
    assert len(mails) == len(set(mails)) == planned[0][1], "everybody gets one of the two, nobody both"
    assert reasons == [("frequency_cap", planned[0][1])]
    assert statuses == {"sent"}


def test_the_second_campaign_of_the_week_holds_everybody_back_and_the_third_of_the_next_does_not(
    two: list[Runtime], sample: SampleFiles
) -> None:
    first, second, third = (approved(two[0], sample) for _ in range(3))
    send_all(two[0], first)
    send_all(two[0], second)
    with two[0].db.transaction() as session:
        sent = session.scalar(select(func.count()).where(Send.status == "sent"))
        session.execute(update(Send).values(sent_at=Send.sent_at - timedelta(days=7)))
    shown = two[0].campaigns.show(second)
    assert shown["counts"] == {"held_back": 80} and sent
    assert two[0].reporting.report(second).held_back["frequency_cap"] == sent
    assert two[0].campaigns.show(third)["audience_now"]["planned"] == sent
    send_all(two[0], third)
    assert two[0].campaigns.show(third)["counts"]["sent"] == sent


def wishes(runtime: Runtime, campaign_id: int) -> dict[int, str]:
    """Four customers who wait in the campaign do not want it any more; the reason by customer."""
    now = runtime.clock.now()
    with runtime.db.transaction() as session:
        waiting = session.scalars(
            select(Send.customer_id)
            .where(Send.campaign_id == campaign_id, Send.tracked)
            .where(Send.status.in_(("planned", "claimed")))
            .order_by(Send.id)
            .limit(4)
        ).all()
        paused, muted, fewer, resting = waiting
        session.add(
            ContactPreference(customer_id=paused, paused_until=now + timedelta(days=30), muted_topics=[])
        )
        session.add(ContactPreference(customer_id=muted, muted_topics=["Mountains"]))
        session.add(ContactPreference(customer_id=fewer, frequency="weekly", muted_topics=[]))
        session.add(EngagementState(customer_id=resting, mails=9, state="snoozed", state_at=now))
        # Another campaign is faster.
        other = session.scalars(select(Campaign.id).where(Campaign.id != campaign_id)).one()
        session.execute(update(Campaign).where(Campaign.id == other).values(status="sending"))
        session.add(
            Send(
                campaign_id=other,
                customer_id=fewer,
                status="sending",
                personal=False,
                tracked=False,
                intent_at=now,
            )
        )
    return {paused: "paused", muted: "topic_muted", fewer: "frequency_wish", resting: "snoozed"}


@pytest.mark.parametrize("moment", ["frozen", "tailored"])
def test_a_wish_acts_on_mail_that_has_not_left(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Both before a mail is composed, and right before SMTP."""
    campaign_id, _ = approved(shop, sample), approved(shop, sample)
    with shop.db.transaction() as session:
        session.execute(update(Campaign).values(topic="Mountains"))
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    expected: dict[int, str] = {}
    if moment == "frozen":
        expected = wishes(shop, campaign_id)
    else:
        tailor = shop.tailor.tailor

        def tailor_and_wish(*given: Any, **named: Any) -> Any:
            made = tailor(*given, **named)
            expected.update({} if expected else wishes(shop, campaign_id))
            return made

        monkeypatch.setattr(shop.tailor, "tailor", tailor_and_wish)
    while shop.sending.send_batch(campaign_id).claimed:
        pass
    with shop.db.transaction() as session:
        held_back = session.execute(
            select(Send.customer_id, Send.reason).where(
                Send.campaign_id == campaign_id,
                Send.status == "held_back",
                Send.reason.not_in(("never_asked", "withdrawn")),
            )
        ).all()
    assert len(expected) == 4 and {row.customer_id: row.reason for row in held_back} == expected
    assert shop.campaigns.show(campaign_id)["counts"]["held_back"] > 4, "with those who never could be mailed"
    assert shop.campaigns.status(campaign_id) == "sent"


def test_the_evening_comes_while_a_batch_is_on_its_way(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = shop.clock = FixedClock(datetime(2026, 11, 21, 19, 59, tzinfo=UTC))  # before the flows are made
    campaign_id = approved(shop, sample)
    with shop.db.transaction() as session:
        session.execute(update(Campaign).values(delivery={"quiet_hours": ["20:00", "08:00"]}))
        session.execute(text("update customers set timezone = 'UTC'"))
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    shop.line._group = 10
    inner = shop.outlet.transport.send_group

    def until_the_evening(mails: object, *rest: object) -> object:
        outcomes = list(inner(mails, *rest))  # type: ignore[arg-type]
        clock.moment = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
        return outcomes

    monkeypatch.setattr(shop.outlet.transport, "send_group", until_the_evening)
    assert shop.sending.send_batch(campaign_id).sent == 10
    while shop.sending.send_batch(campaign_id).claimed:
        pass
    with shop.db.transaction() as session:
        left = session.execute(
            select(Send.status, Send.reason, Send.not_before, Send.attempts)
            .where(Send.status.not_in(("held_back", "sent")))
            .distinct()
        ).all()
    morning = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert left == [(SendStatus.PLANNED, "quiet hours", morning, 0)]
    assert shop.campaigns.show(campaign_id)["counts"]["sent"] == 10
