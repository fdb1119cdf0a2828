"""The engine as a worker runs it: by turns, at a pace, at hours people like, and ready to stop at any mail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from campaigns.core.clock import FixedClock
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.jobs import RecordedJobs
from campaigns.delivery.fake import Answer, FakeTransport
from campaigns.delivery.transport import Outcome, OutgoingMail, unannounced
from campaigns.demo.inbox import read_inbox
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import Campaign, CampaignStatus, Customer, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, make_runtime, send_all


def on_terms(runtime: Runtime, campaign_id: int, **delivery: object) -> int:
    """The campaign, with other terms of delivery."""
    with runtime.db.transaction() as session:
        session.get_one(Campaign, campaign_id).delivery = dict(delivery)
    return campaign_id


def started(runtime: Runtime, sample: SampleFiles, **delivery: object) -> int:
    """A campaign whose audience is frozen."""
    campaign_id = on_terms(runtime, approved(runtime, sample), **delivery)
    runtime.campaigns.send(campaign_id, "test")
    runtime.sending.plan(campaign_id)
    return campaign_id


def status_of(runtime: Runtime, campaign_id: int) -> dict[str, int]:
    with runtime.db.transaction() as session:
        kept = counts(session, campaign_id)
        assert kept == recount(session, campaign_id)
    return kept


def received(runtime: Runtime, campaign_id: int) -> int:
    inbox = [mail.recipient for mail in read_inbox(runtime.settings.captured_mail, campaign_id)]
    assert len(inbox) == len(set(inbox))
    return len(inbox)


def test_one_task_sends_whatever_is_due_and_ends_the_campaigns(shop: Runtime, sample: SampleFiles) -> None:
    one, other = started(shop, sample), started(shop, sample, weight=3)
    result = shop.sending.work(seconds=60)
    assert not result.more
    assert result.sent == received(shop, one) + received(shop, other) == 110
    assert shop.campaigns.status(one) == shop.campaigns.status(other) == CampaignStatus.SENT


def test_a_task_that_runs_out_of_time_leaves_a_hint(shop: Runtime, sample: SampleFiles) -> None:
    started(shop, sample)
    assert isinstance(shop.jobs, RecordedJobs)
    shop.jobs.hints.clear()
    result = shop.sending.work(seconds=0)
    assert (result.batches, result.more) == (1, True)
    assert shop.jobs.hints == [("send", 1)]


def test_an_urgent_mail_overtakes(shop: Runtime, sample: SampleFiles) -> None:
    usual = started(shop, sample)
    urgent = started(shop, sample, urgent=True)
    shop.sending.work(seconds=0)
    assert received(shop, usual) == 0
    assert received(shop, urgent) > 0


def test_a_pace_is_kept(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = started(shop, sample, per_second=10)
    began = time.monotonic()
    while time.monotonic() - began < 3:
        shop.sending.work(seconds=0.5)
    took = time.monotonic() - began
    assert received(shop, campaign_id) == pytest.approx(10 * took, rel=0.25)
    held = status_of(shop, campaign_id)
    assert held["sent"] + held["planned"] == 55


def test_nobody_is_mailed_in_quiet_hours(shop: Runtime, sample: SampleFiles) -> None:
    shop.clock = FixedClock(datetime(2026, 11, 21, 22, 30, tzinfo=UTC))  # set before the flows are made
    campaign_id = started(shop, sample, quiet_hours=["21:00", "08:00"])
    shop.sending.work(seconds=5)
    with shop.db.transaction() as session:
        rows = session.execute(
            text(
                "select s.status, s.not_before, c.timezone from sends s join customers c on c.id = s.customer_id "
                "where s.campaign_id = :c and s.status <> 'held_back'"
            ),
            {"c": campaign_id},
        ).all()
    asleep = [row for row in rows if row.timezone in ("Europe/Berlin", "Europe/Oslo", "Europe/Paris")]
    assert asleep
    assert {(row.status, row.not_before) for row in asleep} == {
        ("planned", datetime(2026, 11, 22, 7, tzinfo=UTC))
    }
    status_of(shop, campaign_id)


def test_a_worker_that_is_to_end_gives_back_what_it_has_not_begun(
    servers: EmbeddedUrls, db: object, tmp_path: object, sample: SampleFiles
) -> None:
    asked_to_stop = False
    runtime = make_runtime(servers, tmp_path)  # type: ignore[arg-type]
    runtime.stopping = lambda: asked_to_stop
    runtime.start()
    fill_shop(runtime, sample)

    class StopsAfterThree(FakeTransport):
        def send_group(
            self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
        ) -> Iterator[Outcome]:
            nonlocal asked_to_stop
            for number, outcome in enumerate(super().send_group(mails, before_data), 1):
                asked_to_stop = number >= 3
                yield outcome

    fake = StopsAfterThree({})
    runtime.outlet._make = lambda: fake
    campaign_id = started(runtime, sample)
    runtime.sending.work()
    now = status_of(runtime, campaign_id)
    assert now["sent"] == len(fake.accepted) <= 5
    assert now["planned"] == 55 - now["sent"]
    with runtime.db.transaction() as session:
        again = session.scalars(select(Send).where(Send.status == "planned")).all()
    assert {send.attempts for send in again} == {0}, "what was not handed over was not tried"
    assert {send.claimed_by for send in again} == {""}
    asked_to_stop = False
    runtime.close()


def test_while_every_relay_is_away_nothing_is_prepared(
    servers: EmbeddedUrls, db: object, tmp_path: object, sample: SampleFiles
) -> None:
    runtime = make_runtime(servers, tmp_path, smtp_url="smtp://127.0.0.1:1?tls=none").start()  # type: ignore[arg-type]
    fill_shop(runtime, sample)
    campaign_id = started(runtime, sample)
    runtime.sending.work()
    tried = status_of(runtime, campaign_id)
    assert tried["planned"] == 55
    assert runtime.gate.closed
    assert runtime.sending.work().batches == 0
    with runtime.db.transaction() as session:
        tried_for = session.scalars(select(Send).where(Send.unreached > 0)).all()
    assert tried_for
    assert {(send.status, send.reason, send.attempts) for send in tried_for} == {("planned", "unreached", 0)}
    runtime.close()


def test_the_weather_of_the_audience_is_fetched_once(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = started(shop, sample)
    assert shop.warming.run(campaign_id) > 0
    assert shop.warming.run(campaign_id) == 0, "what is fresh is not asked for again"


def test_planning_hints_at_workers_and_at_the_weather(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = started(shop, sample)
    assert isinstance(shop.jobs, RecordedJobs)
    assert [hint for hint in shop.jobs.hints if hint[0] in ("send", "warm")][-2:] == [
        ("send", 2),
        ("warm", campaign_id),
    ]


def test_each_customer_at_their_own_morning(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = started(shop, sample, local_time="09:00")
    with shop.db.transaction() as session:
        found = session.execute(
            text(
                "select s.not_before, c.timezone from sends s join customers c on c.id = s.customer_id "
                "where s.campaign_id = :c and s.status = 'planned'"
            ),
            {"c": campaign_id},
        ).all()
    # By Python's time zones, like the code: PostgreSQL's own may be of another year.
    local = [row.not_before.astimezone(ZoneInfo(row.timezone or "UTC")) for row in found]
    assert {f"{moment:%H:%M}" for moment in local} == {"09:00"}
    assert len({row.not_before for row in found}) > 3
    due = sum(row.not_before <= shop.clock.now() for row in found)
    assert shop.sending.work().sent == due == 0


def test_a_resent_mail_goes_out_again_with_the_same_identity(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    with shop.db.transaction() as session:
        send = session.scalars(select(Send).where(Send.status == "sent").limit(1)).one()
        session.execute(
            text("update sends set status = 'uncertain' where campaign_id = :c and id = :i"),
            {"c": campaign_id, "i": send.id},
        )
        recount(session, campaign_id)
    before = {mail.message_id for mail in read_inbox(shop.settings.captured_mail, campaign_id)}
    assert shop.reconciling.resend(campaign_id, [send.id], by="anna", why="she asked") == [send.id]
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENDING
    shop.sending.work()
    assert status_of(shop, campaign_id).keys() == {"sent", "held_back"}
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENT
    assert {mail.message_id for mail in read_inbox(shop.settings.captured_mail, campaign_id)} == before


def test_an_outage_is_no_reason_to_give_up_at_the_first_greylisting(
    shop: Runtime, sample: SampleFiles
) -> None:
    grey = Answer(451, "4.7.1 greylisted")
    everybody = dict.fromkeys(_addresses(shop), grey)
    fake = FakeTransport(everybody)
    shop.outlet.close()
    shop.outlet._make = lambda: fake
    campaign_id = started(shop, sample)
    with shop.db.transaction() as session:
        session.execute(text("update sends set unreached = 40 where campaign_id = :c"), {"c": campaign_id})
    shop.sending.work()
    now = status_of(shop, campaign_id)
    assert now["planned"] == 55
    with shop.db.transaction() as session:
        assert set(session.scalars(select(Send.attempts).where(Send.status == "planned"))) == {1}


def _addresses(runtime: Runtime) -> list[str]:
    with runtime.db.transaction() as session:
        ids = list(session.scalars(select(Customer.id)))
        return [person.email for person in load_addressees(session, runtime.keyring, ids).values()]


def test_whatever_a_relay_says_can_be_written_down(shop: Runtime, sample: SampleFiles) -> None:
    """A NUL in a far server's words once stopped every worker of the host, again at each start."""
    strange = {mail: Answer(550, "5.7.1 no \x00 way\x1b[31m") for mail in _addresses(shop)}
    fake = FakeTransport(strange)
    shop.outlet.close()
    shop.outlet._make = lambda: fake
    campaign_id = started(shop, sample)
    shop.sending.work()
    assert status_of(shop, campaign_id)["failed"] == 55
    assert shop.recovery.sweep().sends == {}


def test_a_campaign_that_cannot_be_read_does_not_stop_the_others(shop: Runtime, sample: SampleFiles) -> None:
    broken, sound = started(shop, sample), started(shop, sample)
    with shop.db.transaction() as session:
        session.get_one(Campaign, broken).template = "no-such-template"
    shop.sending.work()
    assert shop.campaigns.status(sound) == CampaignStatus.SENT
    assert status_of(shop, broken)["planned"] == 55


def test_a_mail_that_breaks_the_program_fails_alone(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = started(shop, sample)
    usual = shop.letters.prepare
    numbers = iter(range(1000))

    def breaks_once(*args: object) -> object:
        if next(numbers) == 7:
            raise RuntimeError("somebody@example.com")
        return usual(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.letters, "prepare", breaks_once)
    shop.sending.work()
    now = status_of(shop, campaign_id)
    assert (now["sent"], now["failed"]) == (54, 1)
    with shop.db.transaction() as session:
        why = session.scalars(select(Send.reason).where(Send.status == "failed")).one()
    assert why == "cannot compose: RuntimeError", "nobody's address in a reason"


def test_written_mail_goes_out_where_no_model_is_used_any_more(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = started(shop, sample)
    with shop.db.transaction() as session:
        session.execute(
            text("update sends set status = 'picked' where campaign_id = :c and status = 'planned'"),
            {"c": campaign_id},
        )
        recount(session, campaign_id)
    assert shop.wordsmith.work() == 55
    assert status_of(shop, campaign_id)["written"] == 55
    shop.sending.work()
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENT
    assert received(shop, campaign_id) == 55
