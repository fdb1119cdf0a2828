"""A worker that another host could not hear any more: what it knows counts as soon as it can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.core.embedded import EmbeddedUrls
from campaigns.delivery.fake import FakeTransport
from campaigns.delivery.journal import Journal
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, unannounced
from campaigns.flows.claims import Claims
from campaigns.flows.counters import counts, recount
from campaigns.models import CampaignStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, make_runtime


@pytest.fixture
def elsewhere(servers: EmbeddedUrls, shop: Runtime, tmp_path: Path) -> Iterator[Runtime]:
    """Another host on the same servers."""
    other = make_runtime(servers, tmp_path / "elsewhere").start()
    yield other
    other.close()


def let_leases_run_out(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        session.execute(
            text("update worker_leases set lease_until = clock_timestamp() - interval '1 second'")
        )


def by_status(runtime: Runtime, campaign_id: int) -> dict[str, int]:
    with runtime.db.transaction() as session:
        kept = counts(session, campaign_id)
        assert kept == recount(session, campaign_id)
    return kept


def planned(runtime: Runtime, sample: SampleFiles) -> int:
    campaign_id = approved(runtime, sample)
    runtime.campaigns.send(campaign_id, "test")
    return campaign_id if runtime.sending.plan(campaign_id) else 0


def test_its_journal_says_later_what_never_went_out(
    shop: Runtime, elsewhere: Runtime, sample: SampleFiles
) -> None:
    campaign_id = planned(shop, sample)
    silent = Journal(shop.journals)
    worker = f"{shop.host}:{silent.writer}"
    with shop.db.transaction() as session:
        taken = Claims(timedelta(0)).take(session, campaign_id, 100, worker, shop.clock.now())
        in_flight, answered, *untouched = (send.id for send in taken)
        session.execute(text("update sends set status = 'sending' where claimed_by = :w"), {"w": worker})
        recount(session, campaign_id)
    silent.intent(in_flight)
    silent.intent(answered)
    silent.outcome(Outcome(answered, Kind.SENT, 250))

    let_leases_run_out(shop)
    elsewhere.recovery.sweep()
    assert by_status(shop, campaign_id)["uncertain"] == len(taken), "the other host cannot know"
    elsewhere.recovery.sweep()
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENT, "nothing is left to do"

    silent.close()
    shop.recovery.sweep()
    found = by_status(shop, campaign_id)
    assert (found["uncertain"], found["sent"], found["planned"]) == (1, 1, len(untouched))
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENDING, "or nobody would send them"
    while shop.sending.send_batch(campaign_id).claimed:
        pass
    found = by_status(shop, campaign_id)
    assert (found["uncertain"], found["sent"]) == (1, 1 + len(untouched))
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENT


def test_what_the_journal_left_unknown_stays_so_when_its_removal_was_cut_short(
    shop: Runtime, elsewhere: Runtime, sample: SampleFiles
) -> None:
    campaign_id = planned(shop, sample)
    silent = Journal(shop.journals)
    worker = f"{shop.host}:{silent.writer}"
    with shop.db.transaction() as session:
        (send,) = Claims(timedelta(0)).take(session, campaign_id, 1, worker, shop.clock.now())
        session.execute(text("update sends set status = 'sending' where claimed_by = :w"), {"w": worker})
        recount(session, campaign_id)
    silent.intent(send.id)
    let_leases_run_out(shop)
    elsewhere.recovery.sweep()
    silent.close()
    lock = shop.journals / f"{silent.writer}.lock"
    boot = lock.read_text()
    shop.recovery.sweep()
    lock.write_text(boot)  # Killed after the segments were removed, and before the lock was.
    shop.recovery.sweep()
    assert by_status(shop, campaign_id)["uncertain"] == 1


class _Interrupted(FakeTransport):
    """While it hands over, the lease runs out and another host looks."""

    def __init__(self, meanwhile: Runtime, most: int) -> None:
        super().__init__()
        self._meanwhile, self._most = meanwhile, most

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: object = unannounced
    ) -> Iterator[Outcome]:
        taken = [mail for mail, _ in zip(mails, range(self._most), strict=False)]
        let_leases_run_out(self._meanwhile)
        self._meanwhile.recovery.sweep()
        yield from super().send_group(taken, before_data)  # type: ignore[arg-type]


def test_what_a_living_worker_did_not_hand_over_is_planned_anew(
    shop: Runtime, elsewhere: Runtime, sample: SampleFiles
) -> None:
    campaign_id = planned(shop, sample)
    shop.outlet._make = lambda: _Interrupted(elsewhere, most=3)
    result = shop.sending.send_batch(campaign_id)
    assert (result.sent, result.uncertain) == (3, 0)
    found = by_status(shop, campaign_id)
    assert found["sent"] == 3
    assert "uncertain" not in found
    assert found["planned"] > 0


def test_what_an_abandoned_journal_held_is_found_at_once_and_not_when_the_lease_ends(
    shop: Runtime, sample: SampleFiles
) -> None:
    campaign_id = planned(shop, sample)
    before = by_status(shop, campaign_id)["planned"]
    worker = shop.outlet.worker
    with shop.db.transaction() as session:
        Claims(timedelta(hours=1)).take(session, campaign_id, 5, worker, shop.clock.now())
    shop.outlet.abandon()
    shop.recovery.sweep()
    assert by_status(shop, campaign_id)["planned"] == before
