"""Urgent mail passes batches that are already in a worker's hands."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.delivery.fake import FakeTransport
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, unannounced
from campaigns.flows.sending.counters import counts, recount
from campaigns.flows.sending.turns import urgent_waits
from campaigns.models import Campaign, CampaignStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, make_runtime


class DistantRelay(FakeTransport):
    """Takes its time for each mail; `taken` tells when each came."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.06
        self.taken: list[tuple[float, OutgoingMail]] = []

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        for mail in mails:
            for outcome in super().send_group([mail], before_data):
                if outcome.kind is Kind.SENT:  # and not one that was called back before its DATA
                    time.sleep(self.seconds)
                    self.taken.append((time.monotonic(), mail))
                yield outcome


@pytest.fixture
def relay() -> DistantRelay:
    return DistantRelay()


@pytest.fixture
def far(
    servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles, relay: DistantRelay
) -> Iterator[Runtime]:
    """The sample shop, one batch a campaign, and a relay so slow that a batch takes some seconds."""
    runtime = make_runtime(servers, tmp_path, batch_size=100).start()
    runtime.redis.flushdb()
    fill_shop(runtime, sample)
    runtime.outlet._make = lambda: relay
    yield runtime
    runtime.close()


def started(runtime: Runtime, sample: SampleFiles, **changed: Any) -> int:
    """A campaign with other terms of delivery, or another template, whose audience is frozen."""
    campaign_id = approved(runtime, sample)
    template = changed.pop("template", None)
    with runtime.db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        campaign.delivery, campaign.template = changed, template or campaign.template
    runtime.campaigns.send(campaign_id, "test")
    runtime.sending.plan(campaign_id)
    return campaign_id


def of_campaign(runtime: Runtime, campaign_id: int) -> set[int]:
    with runtime.db.transaction() as session:
        return set(
            session.scalars(text("select id from sends where campaign_id = :c"), {"c": campaign_id}).all()
        )


def test_an_urgent_mail_overtakes_a_batch_that_is_on_its_way(
    far: Runtime, sample: SampleFiles, relay: DistantRelay
) -> None:
    usual = started(far, sample)
    worker = Thread(target=far.sending.work, kwargs={"seconds": 60.0})
    relay.seconds = 0.5  # however slow this machine is today: the batch is still on its way then
    worker.start()
    while len(relay.taken) < 3:
        time.sleep(0.02)
    urgent = started(far, sample, urgent=True)
    relay.seconds = 0.1
    ready = time.monotonic()
    worker.join(60)
    urgent_sends = of_campaign(far, urgent)
    order = [mail.send_id in urgent_sends for _, mail in relay.taken]
    first = relay.taken[order.index(True)][0]
    assert first - ready < 4, "the rest of the batch would take five"
    assert order[order.index(True) :].index(False) == 55, "then all that is urgent, then the rest"
    assert len({mail.send_id for _, mail in relay.taken}) == 110
    assert Counter(order) == {True: 55, False: 55}
    for campaign_id in (usual, urgent):
        assert far.campaigns.status(campaign_id) == CampaignStatus.SENT
        with far.db.transaction() as session:
            assert counts(session, campaign_id) == recount(session, campaign_id)


@pytest.mark.parametrize("changed", [{"template": "no-such-template"}, {"local_time": "09:00"}])
def test_an_urgent_campaign_that_can_send_nothing_now_stops_nobody(
    far: Runtime, sample: SampleFiles, relay: DistantRelay, changed: dict[str, str]
) -> None:
    relay.seconds = 0.03
    urgent = started(far, sample, urgent=True, **changed)
    if "local_time" in changed:
        with far.db.transaction() as session:
            session.execute(
                text("update sends set not_before = now() + interval '1 hour' where campaign_id = :c"),
                {"c": urgent},
            )
    started(far, sample)
    result = far.sending.work(seconds=60)
    assert (result.batches, result.sent) == (1, 55)


def test_what_is_urgent_and_may_go_is_seen(shop: Runtime, sample: SampleFiles) -> None:
    usual = started(shop, sample)
    now = shop.clock.now()

    def waits(*but_for: int) -> bool:
        with shop.db.transaction() as session:
            return urgent_waits(session, now, but_for)

    def put(what: str, where: str = "status = 'planned'") -> None:
        with shop.db.transaction() as session:
            session.execute(text(f"update sends set {what} where campaign_id <> {usual} and {where}"))

    assert not waits()
    urgent = started(shop, sample, urgent=True)
    assert waits()
    assert not waits(urgent)
    put("not_before = now() + interval '1 hour'")
    assert not waits()
    put("not_before = now() - interval '1 hour'")
    assert waits()
    put("status = 'written'")
    assert waits()
    put("claimed_by = 'somebody'", "status = 'written'")
    assert not waits()
    put("status = 'planned', not_before = null, claimed_by = ''", "status = 'written'")
    assert waits()
    shop.campaigns.pause(urgent, "test")
    assert not waits()


def test_a_worker_has_a_free_hand_for_an_urgent_campaign_that_is_to_be_frozen(
    far: Runtime, relay: DistantRelay, sample: SampleFiles
) -> None:
    relay.seconds = 0.0
    big = started(far, sample)
    urgent = approved(far, sample)
    with far.db.transaction() as session:
        session.get_one(Campaign, urgent).delivery = {"urgent": True}
    far.sending._batch_size = 10
    far.campaigns.send(urgent, "test")
    done = far.sending.work(60)
    assert (done.batches, done.more) == (1, True), "it ends its task after the batch in its hands"
    far.sending.plan(urgent)
    assert far.sending.work(60).batches > 1
    with far.db.transaction() as session:
        assert not {"planned", "claimed"} & counts(session, big).keys()
