"""A worker that another host could not hear any more: what it knows counts as soon as it can tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from campaigns.core.embedded import EmbeddedUrls
from campaigns.delivery.fake import FakeTransport
from campaigns.delivery.journal import Journal
from campaigns.delivery.transport import Fault, Kind, Outcome, OutgoingMail, unannounced
from campaigns.flows.sending.claims import ClaimedSend, Claims
from campaigns.flows.sending.counters import counts, recount
from campaigns.flows.sending.left_behind import HANGS_AFTER
from campaigns.models import CampaignStatus, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import SECRET, approved, fill_shop, make_runtime
from tests.waiting import until
from tests.workers.processes import ROOT, relay_sink


@pytest.fixture
def elsewhere(servers: EmbeddedUrls, shop: Runtime, tmp_path: Path) -> Iterator[Runtime]:
    """Another host on the same servers."""
    other = make_runtime(servers, tmp_path / "elsewhere").start()
    yield other
    other.close()


def let_leases_run_out(runtime: Runtime, ago: timedelta = timedelta(seconds=1)) -> None:
    with runtime.db.transaction() as session:
        session.execute(text("update worker_leases set lease_until = clock_timestamp() - :ago"), {"ago": ago})


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

    def __init__(self, meanwhile: Runtime, most: int, ago: timedelta = timedelta(seconds=1)) -> None:
        super().__init__()
        self._meanwhile, self._most, self._ago = meanwhile, most, ago

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: object = unannounced
    ) -> Iterator[Outcome]:
        taken = [mail for mail, _ in zip(mails, range(self._most), strict=False)]
        let_leases_run_out(self._meanwhile, self._ago)
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


A_WORKER = """
import sys
from campaigns.core.settings import load_settings
from campaigns.runtime import Runtime
runtime = Runtime(load_settings()).start()
runtime.sending.send_batch(int(sys.argv[1]))
runtime.close()
"""


def a_worker(runtime: Runtime, campaign_id: int) -> subprocess.Popen[bytes]:
    """A process that sends one batch, of the same host as this one."""
    settings = runtime.settings
    told = {
        "DATABASE_URL": settings.database_url or "",
        "REDIS_URL": settings.redis_url or "",
        "DATA_DIR": str(settings.folder),
        "SECRET_KEY": SECRET,
        "PUBLIC_URL": settings.public_url,
        "SMTP_URL": str(settings.smtp_url or ""),
        "BATCH_SIZE": str(settings.batch_size),
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    environment |= {f"TAILORMAIL_{name}": value for name, value in told.items()}
    return subprocess.Popen([sys.executable, "-c", A_WORKER, str(campaign_id)], env=environment)


@pytest.mark.slow
def test_a_worker_that_hangs_loses_its_sends_and_doubles_none_when_it_goes_on(
    servers: EmbeddedUrls, db: object, tmp_path: Path, sample: SampleFiles
) -> None:
    with relay_sink(tmp_path, mails_a_second=20) as relay:
        here = make_runtime(servers, tmp_path / "data", smtp_url=relay.url, batch_size=30).start()
        fill_shop(here, sample)
        campaign_id = planned(here, sample)
        worker = a_worker(here, campaign_id)
        try:
            until(lambda: len(relay.arrivals(here, campaign_id)) > 3, 30)
            worker.send_signal(signal.SIGSTOP)
            before = by_status(here, campaign_id)["sending"]
            let_leases_run_out(here)
            here.recovery.sweep()
            assert by_status(here, campaign_id)["sending"] == before, "it may only be slow"
            let_leases_run_out(here, HANGS_AFTER + timedelta(seconds=1))
            here.recovery.sweep()
            found = by_status(here, campaign_id)
            assert "sending" not in found
            assert 0 < found["uncertain"] <= 4, "no more than were in flight on its connections"
            assert found["planned"] > 10
            # Not all of them: it shall find its campaign still being sent.
            assert here.sending.send_batch(campaign_id).sent == 30
            worker.send_signal(signal.SIGCONT)
            assert worker.wait(30) == 0
            here.sending.work(60)
        finally:
            worker.kill()
            worker.wait()
        received = Counter(send for send, _ in relay.arrivals(here, campaign_id))
        assert set(received.values()) == {1}, "nobody gets it twice"
        found = by_status(here, campaign_id)
        assert (found["sent"], len(received)) == (55, 55), "and what it heard after all counts"
        here.close()


def test_a_revoked_journal_lets_nothing_more_out_and_the_next_claim_is_made_with_another(
    shop: Runtime, sample: SampleFiles
) -> None:
    campaign_id = planned(shop, sample)
    before = by_status(shop, campaign_id)["planned"]
    slow = _Interrupted(shop, most=1000, ago=HANGS_AFTER + timedelta(seconds=1))
    shop.outlet._make = lambda: slow
    worker = shop.outlet.worker
    shop.sending.send_batch(campaign_id)
    assert slow.accepted == [], "a sweeper of this host had planned them anew"
    assert by_status(shop, campaign_id)["planned"] == before
    assert shop.outlet.worker != worker
    shop.outlet._make = FakeTransport
    shop.outlet.close()
    shop.sending.work()
    assert by_status(shop, campaign_id)["sent"] == before
    shop.outlet.close()
    shop.recovery.sweep()
    assert not list(shop.journals.iterdir()), "and nothing of it stays behind"


def begun(runtime: Runtime, campaign_id: int, journal: Journal, count: int) -> list[ClaimedSend]:
    """Sends of the writer of this journal, about to be handed over."""
    worker = f"{runtime.host}:{journal.writer}"
    with runtime.db.transaction() as session:
        taken = Claims(timedelta(0)).take(session, campaign_id, count, worker, runtime.clock.now())
        session.execute(
            text("update sends set status = 'sending', attempts = attempts + 1 where claimed_by = :w"),
            {"w": worker},
        )
        recount(session, campaign_id)
    return taken


def send_of(runtime: Runtime, campaign_id: int, send_id: int) -> Send:
    with runtime.db.transaction() as session:
        return session.get_one(Send, (campaign_id, send_id))


def test_answers_found_in_a_journal_do_what_live_ones_do(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = planned(shop, sample)
    dead = Journal(shop.journals)
    refused, grey, given_up, lost, untouched = (send.id for send in begun(shop, campaign_id, dead, 5))
    with shop.db.transaction() as session:
        session.execute(text("update sends set attempts = 8 where id = :id"), {"id": given_up})
    no_such = Outcome(refused, Kind.REJECTED, 550, "5.1.1", "550 5.1.1 no such user", Fault.RECIPIENT)
    greylisted = "451 4.7.1 greylisted"
    for outcome in (
        no_such,
        Outcome(grey, Kind.DEFERRED, 451, "4.7.1", greylisted),
        Outcome(given_up, Kind.DEFERRED, 451, "4.7.1", greylisted),
        Outcome(lost, Kind.UNREACHED, reply="connection lost"),
    ):
        dead.intent(outcome.send_id)
        dead.outcome(outcome)
    dead.close()
    assert shop.recovery.sweep().sends == {"failed": 2, "planned": 3}

    of = {number: send_of(shop, campaign_id, number) for number in (refused, grey, given_up, lost, untouched)}
    assert (of[refused].reason, of[refused].smtp_reply) == ("rejected (recipient's fault)", no_such.reply)
    with shop.db.transaction() as session:
        assert session.scalar(text("select count(*) from suppressions")) == 1, "the address is dead"
    later = of[grey].not_before
    assert later is not None
    assert later > shop.clock.now(), "it is not tried again at once"
    assert (of[grey].reason, of[grey].smtp_reply, of[grey].attempts) == ("deferred", greylisted, 1)
    assert (of[given_up].status, of[given_up].reason) == ("failed", "gave up after 8 attempts")
    assert (of[lost].reason, of[lost].attempts, of[lost].unreached) == ("unreached", 0, 1)
    assert (of[untouched].attempts, of[untouched].not_before) == (0, None), "it was never tried"
    by_status(shop, campaign_id)


def test_what_a_person_let_be_is_not_planned_anew_by_who_comes_late(
    shop: Runtime, elsewhere: Runtime, sample: SampleFiles
) -> None:
    campaign_id = planned(shop, sample)
    silent = Journal(shop.journals)
    taken = [send.id for send in begun(shop, campaign_id, silent, 3)]
    untouched, grey, answered = taken
    silent.intent(grey)
    silent.outcome(Outcome(grey, Kind.DEFERRED, 451, "4.7.1", "451 4.7.1 greylisted"))
    silent.intent(answered)
    silent.outcome(Outcome(answered, Kind.SENT, 250))
    let_leases_run_out(shop)
    elsewhere.recovery.sweep()
    assert shop.reconciling.let_be(campaign_id, taken, by="anna") == taken
    silent.close()
    shop.recovery.sweep()
    with shop.db.transaction() as session:
        rows = session.execute(select(Send.id, Send.status).where(Send.id.in_(taken))).all()
    assert {row.id: row.status for row in rows} == {
        untouched: "uncertain",
        grey: "uncertain",
        answered: "sent",
    }
    by_status(shop, campaign_id)
