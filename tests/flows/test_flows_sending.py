"""From approved to sent: complete, once each, with consent obeyed on the way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from campaigns.core.errors import Refused
from campaigns.core.jobs import RecordedJobs
from campaigns.delivery.fake import BROKEN_AFTER_THE_DOT, Answer, FakeTransport
from campaigns.delivery.journal import Journal
from campaigns.delivery.transport import Kind, Outcome
from campaigns.demo.inbox import read_inbox
from campaigns.flows.sending.addressees import Addressee, load_addressees
from campaigns.flows.sending.claims import Claims
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import Campaign, CampaignStatus, ConsentState, Customer, Send, SendStatus
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, send_all


def by_status(runtime: Runtime, campaign_id: int) -> dict[str, int]:
    """The counters, after making sure that they agree with the sends."""
    with runtime.db.transaction() as session:
        kept = counts(session, campaign_id)
        assert kept == recount(session, campaign_id)
    return kept


def test_everybody_allowed_gets_the_mail_once_and_all_others_a_reason(
    shop: Runtime, sample: SampleFiles
) -> None:
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    now = by_status(shop, campaign_id)
    inbox = list(read_inbox(shop.settings.captured_mail, campaign_id))
    with shop.db.transaction() as session:
        granted = session.scalars(
            select(ConsentState.customer_id).where(ConsentState.purpose == "marketing", ConsentState.granted)
        ).all()
        sent_to = session.scalars(select(Send.customer_id).where(Send.status == "sent")).all()
        reasons = session.scalars(select(Send.reason).where(Send.status == "held_back")).all()
    assert sorted(sent_to) == sorted(granted)
    assert now["sent"] + now["held_back"] == 80
    assert len(inbox) == len({mail.recipient for mail in inbox}) == now["sent"]
    assert set(reasons) == {"never_asked", "withdrawn"}
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENT


def test_profiling_and_tracking_consents_shape_the_mail(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    with shop.db.transaction() as session:
        sends = session.scalars(select(Send).where(Send.status == "sent")).all()
    assert {kind for s in sends if not s.personal for _, kind, *_ in s.picks or []} == {"best_seller"}
    assert "because_you_bought" in {kind for s in sends if s.personal for _, kind, *_ in s.picks or []}
    inbox = list(read_inbox(shop.settings.captured_mail, campaign_id))
    assert sum(mail.pixel is not None for mail in inbox) == sum(s.tracked for s in sends)
    anonymous = {url for mail in inbox if mail.pixel is None for url in mail.slot_pictures}
    assert len(anonymous) == 2, "pictures of untracked mails identify nobody: all share one URL a slot"
    assert all(not mail.clicks for mail in inbox if mail.pixel is None)


def test_a_second_plan_or_batch_finds_nothing(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    before = by_status(shop, campaign_id)
    assert shop.sending.plan(campaign_id) == 0
    assert shop.sending.send_batch(campaign_id).claimed == 0
    assert by_status(shop, campaign_id) == before


def test_pause_stops_before_the_next_group_and_resume_goes_on(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    shop.line._group = 10
    inner = shop.outlet.transport.send_group

    def pause_after_the_first_group(mails: object, *rest: object) -> object:
        outcomes = list(inner(mails, *rest))  # type: ignore[arg-type]
        shop.campaigns.pause(campaign_id, "test", "looks wrong")
        return outcomes

    monkeypatch.setattr(shop.outlet.transport, "send_group", pause_after_the_first_group)
    assert shop.sending.send_batch(campaign_id).sent == 10
    assert by_status(shop, campaign_id)["sent"] == 10
    assert shop.sending.send_batch(campaign_id).claimed == 0
    monkeypatch.setattr(shop.outlet.transport, "send_group", inner)
    shop.campaigns.resume(campaign_id, "test")
    while shop.sending.send_batch(campaign_id).claimed:
        pass
    assert (
        len(list(read_inbox(shop.settings.captured_mail, campaign_id)))
        == by_status(shop, campaign_id)["sent"]
    )
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENT


def test_unsubscribing_while_it_runs_stops_mail_not_yet_sent(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    with shop.db.transaction() as session:
        send = session.scalars(select(Send).where(Send.status == "planned").limit(1)).one()
    shop.unsubscribing.by_link(shop.signer.sign("unsubscribe", send.campaign_id, send.customer_id, send.id))
    while shop.sending.send_batch(campaign_id).claimed:
        pass
    with shop.db.transaction() as session:
        after = session.get_one(Send, (send.campaign_id, send.id))
    assert (after.status, after.reason) == ("held_back", "withdrawn")
    assert f"/{campaign_id}.{send.id}." not in str(list(Path(shop.settings.captured_mail).glob("*/*.eml")))


def relay(shop: Runtime, answers: dict[str, Answer]) -> FakeTransport:
    """Put a scripted relay in the place of the captured folder."""
    fake = FakeTransport(answers)
    shop.outlet.close()
    shop.outlet._make = lambda: fake
    return fake


def test_what_the_relay_says_decides(shop: Runtime, sample: SampleFiles) -> None:
    people = [c.email for c in _mailable(shop)]
    unknown, unclear, busy = people[:3]
    relay(
        shop,
        {
            unknown: Answer(550, "5.1.1 no such user"),
            unclear: BROKEN_AFTER_THE_DOT,
            busy: Answer(451, "4.7.1 greylisted"),
        },
    )
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    now = by_status(shop, campaign_id)
    assert (now["failed"], now["uncertain"], now["planned"]) == (1, 1, 1)
    assert shop.campaigns.status(campaign_id) == CampaignStatus.SENDING, "greylisted mail is not given up"
    named = shop.reconciling.named(campaign_id)
    assert [row["address"] for row in named] == [unclear]
    assert named[0]["message_id"].startswith("<")
    report = shop.reporting.report(campaign_id)
    assert report.failed_by_reason == {"rejected (recipient's fault)": 1}
    with shop.db.transaction() as session:
        later = session.scalars(select(Send).where(Send.status == "planned")).one()
        assert later.not_before is not None
        assert session.scalar(text("select count(*) from suppressions")) == 1
    second = approved(shop, sample)
    send_all(shop, second)
    held = shop.reporting.report(second).held_back
    assert held["suppressed"] == 1, "a dead address is not mailed again"


def _mailable(shop: Runtime) -> list[Addressee]:
    with shop.db.transaction() as session:
        ids = session.scalars(
            select(ConsentState.customer_id)
            .where(ConsentState.purpose == "marketing", ConsentState.granted)
            .order_by(ConsentState.customer_id)
        ).all()
        return list(load_addressees(session, shop.keyring, ids).values())


def test_a_dead_workers_sends_go_where_its_journal_says(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    dead = Journal(shop.journals)
    worker = f"{shop.host}:{dead.writer}"
    now = shop.clock.now()
    with shop.db.transaction() as session:
        taken = Claims(timedelta(0)).take(session, campaign_id, 4, worker, now)
        sent, in_flight, untouched, claimed = taken
        session.execute(
            text("update sends set status = 'sending' where id = any(:ids)"),
            {"ids": [sent.id, in_flight.id, untouched.id]},
        )
        recount(session, campaign_id)
    dead.intent(sent.id)
    dead.outcome(Outcome(sent.id, Kind.SENT, 250))
    dead.intent(in_flight.id)
    dead.close()  # Its lock is free now, as after a kill; its records stay.

    result = shop.recovery.sweep()
    with shop.db.transaction() as session:
        status = {row[0]: row[1] for row in session.execute(select(Send.id, Send.status))}
    assert status[sent.id] == SendStatus.SENT
    assert status[in_flight.id] == SendStatus.UNCERTAIN
    assert status[untouched.id] == SendStatus.PLANNED
    assert status[claimed.id] == SendStatus.PLANNED
    assert result.sends == {"sent": 1, "uncertain": 1, "planned": 2}
    by_status(shop, campaign_id)
    assert shop.recovery.sweep().sends == {}, "a second sweep finds nothing"


def test_what_is_uncertain_stays_so_when_its_worker_dies_later(shop: Runtime, sample: SampleFiles) -> None:
    """Found by the kill test: the journal was settled, and silence about a send is not "never handed over"."""
    unclear = _mailable(shop)[0].email
    relay(shop, {unclear: BROKEN_AFTER_THE_DOT})
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    assert by_status(shop, campaign_id)["uncertain"] == 1
    journal = shop.outlet.transport.journal
    journal.intent(10**9)  # Something unsettled, so that the journal outlives its worker.
    shop.outlet.close()
    shop.recovery.sweep()
    assert by_status(shop, campaign_id)["uncertain"] == 1


def test_hints_may_be_lost(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    jobs = shop.jobs
    assert isinstance(jobs, RecordedJobs)
    jobs.hints.clear()
    shop.recovery.sweep()
    assert ("plan", campaign_id) in jobs.hints
    shop.sending.plan(campaign_id)
    jobs.hints.clear()
    shop.recovery.sweep()
    assert [hint[0] for hint in jobs.hints] == ["send"]


def test_status_changes_follow_the_table_and_are_recorded(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = shop.campaigns.create_from_file(sample.campaign)
    with pytest.raises(Refused, match="draft and cannot become planning"):
        shop.campaigns.send(campaign_id, "test")
    shop.campaigns.approve(campaign_id, "anna")
    shop.campaigns.approve(campaign_id, "anna")
    shop.campaigns.cancel(campaign_id, "bob", "wrong price")
    with pytest.raises(Refused, match="it has ended"):
        shop.campaigns.approve(campaign_id, "anna")
    history = shop.campaigns.show(campaign_id)["history"]
    assert [(h["from"], h["to"], h["by"]) for h in history] == [
        ("draft", "approved", "anna"),
        ("approved", "cancelled", "bob"),
    ]


def test_a_campaign_for_nobody_is_not_approved(runtime: Runtime, sample: SampleFiles) -> None:
    campaign_id = runtime.campaigns.create_from_file(sample.campaign)
    with pytest.raises(Refused, match="reach nobody"):
        runtime.campaigns.approve(campaign_id, "test")


def test_a_scheduled_campaign_starts_when_its_time_has_come(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.schedule(campaign_id, shop.clock.now(), "test")
    assert shop.recovery.sweep().started == 1
    assert shop.campaigns.status(campaign_id) == CampaignStatus.PLANNING
    with shop.db.transaction() as session:
        assert session.get_one(Campaign, campaign_id).started_at is not None
        assert session.scalar(select(Customer.id).limit(1)) is not None


def test_outcomes_that_could_not_be_committed_are_settled_from_the_journal(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)

    shop.line._group = 40

    def database_away(*_: object) -> None:
        raise ConnectionError("PostgreSQL was stopped after the mails went out")

    with monkeypatch.context() as patch:
        patch.setattr("campaigns.flows.sending.batches.BatchLine._close", database_away)
        with pytest.raises(ConnectionError):
            shop.sending.send_batch(campaign_id)
    received = len(list(read_inbox(shop.settings.captured_mail, campaign_id)))
    assert received == 40
    assert shop.recovery.sweep().sends == {"sent": received}, (
        "the living worker left its journal to the sweeper"
    )
    while shop.sending.send_batch(campaign_id).claimed:
        pass
    now = by_status(shop, campaign_id)
    assert len(list(read_inbox(shop.settings.captured_mail, campaign_id))) == now["sent"]
    assert now.keys() == {"sent", "held_back"}
