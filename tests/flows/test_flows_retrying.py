"""What went wrong by cause, and trying failed mails again: only those, all of those, and nobody twice."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.core.clock import FixedClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import BadInput, Refused
from campaigns.core.jobs import RecordedJobs
from campaigns.core.tokens import Signer
from campaigns.delivery.classify import Phase
from campaigns.delivery.fake import Answer, FakeTransport
from campaigns.flows.sending import retrying
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.counters import counts, recount
from campaigns.flows.sending.retrying import Retrying
from campaigns.flows.sending.troubles import TroubleKeeping
from campaigns.models import AuditEntry, Campaign, Event, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.flows.flows_uncertain import NOW, Case, uncertain_case
from tests.shop import Command, approved, make_runtime, send_on

GONE = ("rejected (recipient's fault)", "550 5.1.1 no such user")
BLOCKED = ("rejected (sender's fault)", "550 5.7.1 blocked, see https://lists.example")
FULL = ("rejected (recipient's fault)", "552 5.2.2 mailbox full")
AWAY = ("gave up after 60 attempts", "")
BROKEN = ("cannot compose: no price for SKU-17", "")


@pytest.fixture
def jobs() -> RecordedJobs:
    return RecordedJobs()


@pytest.fixture
def troubles(db: Database, keyring: KeyRing, jobs: RecordedJobs) -> TroubleKeeping:
    return TroubleKeeping(db, FixedClock(NOW), keyring, jobs)


@pytest.fixture
def again(db: Database, jobs: RecordedJobs, troubles: TroubleKeeping) -> Retrying:
    return Retrying(db, FixedClock(NOW), jobs, troubles)


def failed_case(
    db: Database, keyring: KeyRing, signer: Signer, why: Sequence[tuple[str, str]], status: str = "sent"
) -> Case:
    """A campaign with one failed send for each of these reasons and replies, one sent and one uncertain."""
    case = uncertain_case(db, keyring, signer, [*["failed"] * len(why), "sent", "uncertain"], status)
    with db.transaction() as session:
        for number, (reason, reply) in zip(case.sends, why, strict=False):
            send = session.get_one(Send, (case.campaign, number))
            send.reason, send.smtp_reply = reason, reply
    return case


def stand(db: Database, case: Case) -> list[str]:
    with db.transaction() as session:
        assert counts(session, case.campaign) == recount(session, case.campaign)
        found = dict(
            session.execute(select(Send.id, Send.status).where(Send.campaign_id == case.campaign)).all()
        )
    return [found[number] for number in case.sends]


def test_failures_are_grouped_by_cause_and_those_concerned_are_listed_masked(
    db: Database, keyring: KeyRing, signer: Signer, troubles: TroubleKeeping, jobs: RecordedJobs
) -> None:
    case = failed_case(
        db, keyring, signer, [GONE, BLOCKED, GONE, FULL, ("gave up after 5 attempts", ""), AWAY]
    )
    first = troubles.current(case.campaign)
    assert (first.failed, first.counted_at, first.stale) == ((), None, True)
    assert jobs.hints == [("see_to_troubles", 0)]
    assert troubles.work() == 1
    found = troubles.current(case.campaign)
    assert not found.stale and found.counted_at == NOW
    assert [(group.cause.key, group.n) for group in found.failed] == [
        ("no_such_mailbox", 2), ("unreachable", 2), ("blocked", 1), ("mailbox_full", 1),
    ]  # fmt: skip
    assert found.uncertain == (("the worker ended while this mail was being handed over", 1),)
    group = found.group("no_such_mailbox")
    assert group
    page, after = troubles.affected(case.campaign, "failed", group.pairs, limit=1)
    assert [one.external_id for one in page] == ["C0"]
    assert page[0].address == "c•••@d•••.example" and page[0].reply == GONE[1]
    rest, end = troubles.affected(case.campaign, "failed", group.pairs, after or 0, limit=1)
    assert ([one.external_id for one in rest], end) == (["C2"], None)
    assert [one.external_id for one in troubles.all_affected(case.campaign, "failed", group.pairs)] == [
        "C0",
        "C2",
    ]


def test_only_failed_mails_of_the_chosen_causes_are_planned_anew(
    db: Database, keyring: KeyRing, signer: Signer, again: Retrying, jobs: RecordedJobs
) -> None:
    case = failed_case(db, keyring, signer, [GONE, BLOCKED, FULL, BROKEN])
    assert again.ask(case.campaign, ["blocked", "not_written"], "Ada") == 2
    assert again.work() == 2
    assert stand(db, case) == ["failed", "planned", "failed", "planned", "sent", "uncertain"]
    with db.transaction() as session:
        campaign = session.get_one(Campaign, case.campaign)
        assert (campaign.status, campaign.finished_at) == ("sending", None)
        send = session.get_one(Send, (case.campaign, case.sends[1]))
        assert (send.attempts, send.claimed_by, send.not_before) == (0, "", NOW)
        said = session.scalars(select(AuditEntry)).one()
        assert (said.by, said.action, said.detail) == (
            "Ada", "campaign.retried", {"causes": ["blocked", "not_written"]},
        )  # fmt: skip
    assert ("send", 4) in jobs.hints
    [order] = again.orders(case.campaign)
    assert (order.by, order.planned, order.done) == ("Ada", 2, True)
    assert again.work() == 0


def test_what_cannot_succeed_is_refused_with_the_reason(
    db: Database, keyring: KeyRing, signer: Signer, again: Retrying
) -> None:
    case = failed_case(db, keyring, signer, [GONE, GONE])
    with pytest.raises(Refused, match=r"No such mailbox.*do not exist"):
        again.ask(case.campaign, ["no_such_mailbox"], "Ada")
    with pytest.raises(Refused, match="nothing failed that may succeed later"):
        again.ask(case.campaign, [], "Ada")
    with pytest.raises(BadInput, match="there is no cause"):
        again.ask(case.campaign, ["bad luck"], "Ada")
    assert stand(db, case) == ["failed", "failed", "sent", "uncertain"]


def test_without_a_choice_all_that_may_succeed_is_tried_and_nothing_of_a_cancelled_campaign(
    db: Database, keyring: KeyRing, signer: Signer, again: Retrying
) -> None:
    case = failed_case(db, keyring, signer, [GONE, BLOCKED, FULL])
    assert again.ask(case.campaign, [], "Ada") == 2
    with db.transaction() as session:
        session.get_one(Campaign, case.campaign).status = "cancelled"
    assert again.work() == 0
    assert stand(db, case) == ["failed", "failed", "failed", "sent", "uncertain"]
    with pytest.raises(Refused, match="was cancelled"):
        again.ask(case.campaign, [], "Ada")


def test_in_a_paused_campaign_they_wait_for_somebody_to_resume_it(
    db: Database, keyring: KeyRing, signer: Signer, again: Retrying, jobs: RecordedJobs
) -> None:
    case = failed_case(db, keyring, signer, [AWAY], status="paused")
    again.ask(case.campaign, [], "Ada")
    assert again.work() == 1
    with db.transaction() as session:
        assert session.get_one(Campaign, case.campaign).status == "paused"
    assert ("send", 4) not in jobs.hints


def test_killed_between_two_batches_it_goes_on_where_it_stopped(
    db: Database,
    keyring: KeyRing,
    signer: Signer,
    again: Retrying,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrying, "AT_ONCE", 2)
    case = failed_case(db, keyring, signer, [AWAY] * 5)
    again.ask(case.campaign, [], "Ada")
    with monkeypatch.context() as patch:
        calls = []

        def killed_at_the_second(*given: Any) -> None:
            calls.append(given)
            if len(calls) == 2:
                raise KeyboardInterrupt
            real(*given)

        real = retrying.add_counts
        patch.setattr(retrying, "add_counts", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            again.work()
    assert stand(db, case).count("planned") == 2
    assert again.work() == 3
    assert stand(db, case)[:5] == ["planned"] * 5
    assert again.orders(case.campaign)[0].planned == 5


def test_what_fails_again_meanwhile_is_not_tried_a_second_time(
    db: Database, keyring: KeyRing, signer: Signer, again: Retrying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "AT_ONCE", 2)
    case = failed_case(db, keyring, signer, [AWAY] * 4)
    again.ask(case.campaign, [], "Ada")
    real = again._batch
    batches = []

    def fails_at_once(number: int) -> tuple[int, bool]:
        found = real(number)
        batches.append(found)
        with db.transaction() as session:
            session.execute(
                text("update sends set status = 'failed', reason = :why where status = 'planned'"),
                {"why": AWAY[0]},
            )
        return found

    monkeypatch.setattr(again, "_batch", fails_at_once)
    assert again.work() == 4
    assert len(batches) == 3


def refusing(runtime: Runtime, campaign_id: int, answers: dict[str, Answer]) -> FakeTransport:
    fake = FakeTransport(answers)
    runtime.outlet.close()
    runtime.outlet._make = lambda: fake
    return fake


def audience_of(runtime: Runtime, campaign_id: int) -> list[str]:
    with runtime.db.transaction() as session:
        query = select(Send.customer_id).where(Send.campaign_id == campaign_id, Send.status == "planned")
        people = load_addressees(session, runtime.keyring, session.scalars(query).all())
    return sorted(person.email for person in people.values())


@pytest.fixture
def refused(shop: Runtime, sample: SampleFiles) -> tuple[int, list[str], FakeTransport]:
    """A campaign of which ten mails were refused for the sender's sake, and two for want of a mailbox."""
    shop.self_pause = type("Never", (), {"after_batch": lambda self, number: False})()
    number = approved(shop, sample)
    shop.campaigns.send(number, "test")
    shop.sending.plan(number)
    emails = audience_of(shop, number)
    blocked = Answer(550, "5.7.1 blocked", Phase.FINAL)
    gone = Answer(550, "5.1.1 no such user", Phase.RCPT)
    script = dict.fromkeys(emails[:10], blocked) | dict.fromkeys(emails[10:12], gone)
    fake = refusing(shop, number, script)
    send_on(shop, number)
    return number, emails, fake


def test_after_it_was_mended_everybody_has_one_mail_and_the_report_counts_once(
    shop: Runtime, refused: tuple[int, list[str], FakeTransport]
) -> None:
    number, emails, first = refused
    assert shop.campaigns.status(number) == "sent"
    second = refusing(shop, number, {})
    assert shop.retrying.ask(number, [], "Ada") == 10
    assert shop.retrying.work() == 10
    assert shop.campaigns.status(number) == "sending"
    send_on(shop, number)
    assert shop.campaigns.status(number) == "sent"
    assert sorted(mail.recipient for mail in second.accepted) == emails[:10]
    every = [mail.recipient for mail in (*first.accepted, *second.accepted)]
    assert sorted(every) == [email for email in emails if email not in emails[10:12]]
    report = shop.reporting.report(number)
    assert (report.sent, report.failed) == (len(emails) - 2, 2)
    with shop.db.transaction() as session:
        assert counts(session, number) == recount(session, number)
        names = session.scalars(select(Event.name).where(Event.campaign_id == number)).all()
    # A refusal that was not the last word was a delay; it must not make the campaign pause itself later.
    assert sorted(names) == ["bounced"] * 2 + ["deferred"] * 10


def test_whoever_was_suppressed_or_withdrew_meanwhile_is_held_back_on_the_way(
    shop: Runtime, refused: tuple[int, list[str], FakeTransport]
) -> None:
    number, emails, _ = refused
    second = refusing(shop, number, {})
    shop.suppressing.add(emails[0], "complained")
    with shop.db.transaction() as session:
        session.execute(
            text(
                "update consent_states set granted = false where purpose = 'marketing' and customer_id in "
                "(select customer_id from sends where campaign_id = :c and status = 'failed')"
            ),
            {"c": number},
        )
    shop.retrying.ask(number, [], "Ada")
    shop.retrying.work()
    send_on(shop, number)
    assert second.accepted == []
    with shop.db.transaction() as session:
        found = counts(session, number)
        assert found == recount(session, number)
    assert found["failed"] == 2 and shop.campaigns.status(number) == "sent"


def test_retrying_while_mails_go_out_sends_nothing_twice(
    servers: EmbeddedUrls,
    tmp_path: Path,
    shop: Runtime,
    refused: tuple[int, list[str], FakeTransport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrying, "AT_ONCE", 3)
    number, emails, _ = refused
    second = refusing(shop, number, {})
    other = make_runtime(servers, tmp_path / "other").start()
    third = refusing(other, number, {})
    try:
        shop.retrying.ask(number, [], "Ada")
        shop.retrying.ask(number, ["blocked"], "Bob")  # twice, by two people
        with ThreadPoolExecutor(4) as pool:
            plans = [pool.submit(one.retrying.work) for one in (shop, other)]
            sends = [pool.submit(one.sending.work, 10) for one in (shop, other)]
            assert sum(one.result() for one in plans) == 10
            for one in sends:
                one.result()
        send_on(shop, number)
    finally:
        other.close()
    assert sorted(mail.recipient for mail in (*second.accepted, *third.accepted)) == emails[:10]
    with shop.db.transaction() as session:
        assert counts(session, number) == recount(session, number)


def test_the_command_tries_again_what_may_succeed(
    command: Command, shop: Runtime, refused: tuple[int, list[str], FakeTransport]
) -> None:
    number, _, _ = refused
    status, out, _ = command("campaign", "retry", number, "--list")
    assert status == 0
    assert "blocked" in out and "no_such_mailbox" in out
    status, _, err = command("campaign", "retry", number, "--cause", "no_such_mailbox")
    assert status == 1
    assert "not tried again" in err
    status, out, _ = command("campaign", "retry", number, "--cause", "blocked", "--json")
    assert (status, '"mails": 10' in out) == (0, True)
    with shop.db.transaction() as session:
        assert counts(session, number)["planned"] == 10
