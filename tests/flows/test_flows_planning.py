"""Planning: all of an audience or none of it, and nobody who pauses or cancels waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.audience.freezing import freeze_audience
from campaigns.core.errors import ServiceUnavailable
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import CampaignStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved
from tests.waiting import until

_IN_TIME = 8.0


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    """Another thread, and with it another connection."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


class SlowFreeze:
    """The real freeze, and behind it a statement that takes as long as a million customers would."""

    def __init__(self) -> None:
        self.begun = Event()
        self.seconds = 20.0

    def __call__(self, session: Session, *rest: Any) -> object:
        frozen = freeze_audience(session, *rest)
        self.begun.set()
        session.execute(text("select pg_sleep(:seconds)"), {"seconds": self.seconds})
        return frozen


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowFreeze:
    freeze = SlowFreeze()
    monkeypatch.setattr("campaigns.flows.scheduling.planning.freeze_audience", freeze)
    return freeze


@pytest.fixture
def to_plan(shop: Runtime, sample: SampleFiles) -> int:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    return campaign_id


def freezing(shop: Runtime, other: ThreadPoolExecutor, slow: SlowFreeze, campaign_id: int) -> Future[int]:
    """A plan that is at its freeze."""
    slow.begun.clear()
    plan = other.submit(shop.sending.plan, campaign_id)
    assert slow.begun.wait(10)
    return plan


def sends_of(shop: Runtime, campaign_id: int) -> int:
    with shop.db.transaction() as session:
        found = session.scalar(text("select count(*) from sends where campaign_id = :c"), {"c": campaign_id})
        assert sum(counts(session, campaign_id).values()) == found
    return int(found or 0)


@pytest.mark.parametrize("end", ["pause", "cancel"])
def test_pause_and_cancel_do_not_wait_for_a_freeze_and_end_it(
    shop: Runtime, other: ThreadPoolExecutor, slow: SlowFreeze, to_plan: int, end: str
) -> None:
    plan = freezing(shop, other, slow, to_plan)
    began = time.monotonic()
    change: Callable[[int, str], None] = getattr(shop.campaigns, end)
    change(to_plan, "anna")
    assert time.monotonic() - began < _IN_TIME
    assert shop.campaigns.status(to_plan) == {"pause": "paused", "cancel": "cancelled"}[end]
    assert plan.result(timeout=_IN_TIME) == 0
    assert sends_of(shop, to_plan) == 0
    assert shop.sending.work().batches == 0


def test_what_was_paused_while_freezing_is_frozen_completely_when_resumed(
    shop: Runtime, other: ThreadPoolExecutor, slow: SlowFreeze, to_plan: int
) -> None:
    plan = freezing(shop, other, slow, to_plan)
    shop.campaigns.pause(to_plan, "anna")
    assert plan.result(timeout=_IN_TIME) == 0
    shop.campaigns.resume(to_plan, "anna")
    slow.seconds = 0
    assert shop.sending.plan(to_plan) == 55
    assert sends_of(shop, to_plan) == 80
    shop.sending.work()
    with shop.db.transaction() as session:
        assert counts(session, to_plan) == recount(session, to_plan) == {"sent": 55, "held_back": 25}


def test_a_cancel_at_the_last_moment_counts(
    shop: Runtime, slow: SlowFreeze, to_plan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks of the watch: the freeze is done, and the campaign not yet locked."""
    monkeypatch.setattr("campaigns.flows.scheduling.planning._LOOK_SECONDS", 60.0)

    def cancelled_meanwhile(*given: Any) -> object:
        frozen = freeze_audience(*given)
        shop.campaigns.cancel(to_plan, "anna")
        return frozen

    monkeypatch.setattr("campaigns.flows.scheduling.planning.freeze_audience", cancelled_meanwhile)
    assert shop.sending.plan(to_plan) == 0
    assert shop.campaigns.status(to_plan) == CampaignStatus.CANCELLED
    assert sends_of(shop, to_plan) == 0


def test_who_plans_already_is_not_waited_for(
    shop: Runtime, other: ThreadPoolExecutor, slow: SlowFreeze, to_plan: int
) -> None:
    slow.seconds = 3
    plan = freezing(shop, other, slow, to_plan)
    assert shop.sending.plan(to_plan) == 0
    assert not plan.done()
    assert plan.result(timeout=10) == 55
    assert shop.sending.plan(to_plan) == 0
    assert sends_of(shop, to_plan) == 80


def cut_off(shop: Runtime) -> list[bool]:
    with shop.db.transaction() as session:
        cut = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep(%' and pid <> pg_backend_pid()"
        return list(session.scalars(text(cut)))


def test_a_freeze_whose_connection_was_cut_is_repeated_completely(
    shop: Runtime, other: ThreadPoolExecutor, slow: SlowFreeze, to_plan: int
) -> None:
    plan = freezing(shop, other, slow, to_plan)
    # A freeze says that it has begun a moment before PostgreSQL hears of the statement that takes long.
    until(lambda: cut_off(shop) == [True])
    with pytest.raises(ServiceUnavailable):
        plan.result(timeout=10)
    assert sends_of(shop, to_plan) == 0
    slow.seconds = 0
    assert shop.sending.plan(to_plan) == 55
    assert sends_of(shop, to_plan) == 80


def test_a_worker_that_is_to_end_leaves_its_freeze_to_another(
    shop: Runtime, other: ThreadPoolExecutor, slow: SlowFreeze, to_plan: int
) -> None:
    asked_to_stop = Event()
    shop.stopping = asked_to_stop.is_set  # set before the flow is made
    plan = freezing(shop, other, slow, to_plan)
    asked_to_stop.set()
    assert plan.result(timeout=_IN_TIME) == 0
    assert shop.campaigns.status(to_plan) == CampaignStatus.PLANNING
    asked_to_stop.clear()
    slow.seconds = 0
    assert shop.sending.plan(to_plan) == 55
