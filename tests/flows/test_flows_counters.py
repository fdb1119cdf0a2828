"""Counters that many workers change at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from campaigns.copywriting.request import CopyRequest
from campaigns.core.embedded import EmbeddedUrls
from campaigns.flows.describing.plans import load_plan
from campaigns.flows.sending import counters
from campaigns.flows.sending.batches import _Run
from campaigns.flows.sending.claims import ClaimedSend
from campaigns.flows.sending.counters import counts, recount
from campaigns.flows.sending.send_moves import Intent, Move, begin
from campaigns.flows.sending.tailoring import Unworded
from campaigns.models import SendStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, make_runtime


def planned(runtime: Runtime, sample: SampleFiles) -> int:
    """A campaign whose audience is frozen."""
    campaign_id = approved(runtime, sample)
    runtime.campaigns.send(campaign_id, "test")
    runtime.sending.plan(campaign_id)
    return campaign_id


def test_two_workers_that_close_their_batches_at_once_do_not_deadlock(
    shop: Runtime, servers: EmbeddedUrls, sample: SampleFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One parks what has no words, the other puts off what was greylisted; both give back the rest.

    Each once counted in two steps, in opposite orders of the counters.
    """
    campaign_id = planned(shop, sample)
    other = make_runtime(servers, tmp_path / "other")
    monkeypatch.setattr(counters, "_WORKER_SHARDS", 1)
    parking, parked = claimed_run(shop, campaign_id)
    putting_off, tried = claimed_run(other, campaign_id)
    with other.db.transaction() as session:
        ids = [send.id for send in tried]
        begin(session, campaign_id, putting_off.worker, [Intent(n, [], 0) for n in ids])
        counters.add_counts(
            session, campaign_id, {SendStatus.CLAIMED: -5, SendStatus.SENDING: 5}, putting_off.worker
        )
    putting_off.ended = [Move(n, SendStatus.PLANNED, "deferred") for n in ids]
    with shop.db.transaction() as session:
        brief = load_plan(session, campaign_id).brief
    request = CopyRequest(brief, "en", "active", "", (), "winter", personal=False)
    unworded = [Unworded(send, [], request, "a cell") for send in parked]

    both_have_counted = Barrier(2)
    usual = counters.add_counts

    def counted_at_once(*given: Any) -> None:
        usual(*given)
        with suppress(BrokenBarrierError):
            both_have_counted.wait(0.5)

    for module in ("batches", "claims"):
        monkeypatch.setattr(f"campaigns.flows.sending.{module}.add_counts", counted_at_once)
    with ThreadPoolExecutor(2) as pool:
        ends = [
            pool.submit(shop.line._close, parking, [], unworded),
            pool.submit(other.line._close, putting_off, [], []),
        ]
        for end in ends:
            end.result(timeout=30)
    with shop.db.transaction() as session:
        assert counts(session, campaign_id) == recount(session, campaign_id)
        assert counts(session, campaign_id) == {"picked": 5, "planned": 50, "held_back": 25}
    other.close()


def claimed_run(runtime: Runtime, campaign_id: int) -> tuple[_Run, list[ClaimedSend]]:
    """A batch of ten that a worker has claimed, and five of them."""
    worker = runtime.outlet.worker
    with runtime.db.transaction() as session:
        claimed = runtime.claims.take(session, campaign_id, 10, worker, runtime.clock.now())
    plan = runtime.sending._plans.of(campaign_id)
    return _Run(plan, worker, {send.id: send.status for send in claimed}, ()), claimed[:5]
