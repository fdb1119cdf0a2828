"""From a webhook to what follows from it: kept once, handled once, in whatever order, and forgotten in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from campaigns.audience.consent import record
from campaigns.core.clock import FixedClock
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import BadInput, NotFound, ServiceUnavailable
from campaigns.delivery.hooks.vocabulary import NotAuthentic
from campaigns.flows.feedback.payload_store import KEPT, forget_payloads, keep, payload_of
from campaigns.models import ProviderPayload
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.delivery.provider_requests import mailgun, mailgun_event, sendgrid_event
from tests.flows.flows_provider_mail import (
    SECRETS,
    SENDGRID,
    SNS,
    Mail,
    events,
    know_sns,
    mails,
    reason,
    request,
    suppressed,
    tell,
    wants_mail,
)  # fmt: skip
from tests.shop import approved, fill_shop, make_runtime, send_all
from tests.tables import without

PROVIDERS = ("ses", "sendgrid", "postmark", "mailgun")


@pytest.fixture
def told(servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles) -> Iterator[Runtime]:
    runtime = make_runtime(servers, tmp_path / "data", **SECRETS).start()
    runtime.redis.flushdb()
    fill_shop(runtime, sample)
    know_sns(runtime)
    yield runtime
    runtime.close()


@pytest.fixture
def sent(told: Runtime, sample: SampleFiles) -> list[Mail]:
    campaign = approved(told, sample)
    send_all(told, campaign)
    return mails(told, campaign)


def payloads(runtime: Runtime) -> list[ProviderPayload]:
    with runtime.db.transaction() as session:
        return list(session.scalars(select(ProviderPayload).order_by(ProviderPayload.id)))


def test_a_bounce_by_each_provider_ends_the_address(told: Runtime, sent: list[Mail]) -> None:
    now = told.clock.now()
    for provider, mail in zip(PROVIDERS, sent, strict=False):
        what = request(provider, mail, now, now)
        assert told.provider_hooks.take(provider, *what) == 1
        assert not suppressed(told, mail), "the webhook only keeps; workers act"
        assert told.provider_payloads.work() == 1
        assert suppressed(told, mail)
        assert events(told, mail) == {"bounced": 1}
        assert wants_mail(told, mail), "a dead mailbox is no objection"
    assert reason(told) == [("bounced", "provider")] * 4
    assert [hint for hint, _ in told.jobs.hints].count("handle_payloads") == 4  # type: ignore[attr-defined]


def test_repeats_change_nothing(told: Runtime, sent: list[Mail]) -> None:
    now = told.clock.now()
    for provider, mail in zip(PROVIDERS, sent, strict=False):
        what = request(provider, mail, now, now)
        assert tell(told, provider, what) == 1
        if provider == "mailgun":
            with pytest.raises(NotAuthentic, match="came before"):
                tell(told, provider, what)
        else:
            assert tell(told, provider, what) == 0
        assert told.provider_payloads.work() == 0
        assert events(told, mail) == {"bounced": 1}


def test_mailgun_signing_again_what_it_told_already_is_known(told: Runtime, sent: list[Mail]) -> None:
    now = told.clock.now()
    event = mailgun_event("complained", sent[0].message_id, sent[0].address, now)
    assert [tell(told, "mailgun", mailgun(event, now)) for _ in range(3)] == [1, 0, 0]
    assert events(told, sent[0]) == {"complained": 1}


def test_what_comes_is_kept_encrypted_and_says_whom_it_is_about(told: Runtime, sent: list[Mail]) -> None:
    mail, now = sent[0], told.clock.now()
    tell(told, "sendgrid", request("sendgrid", mail, now, now))
    (row,) = payloads(told)
    assert (row.campaign_id, row.send_id, row.customer_id) == (mail.campaign, mail.send, mail.customer)
    assert row.handled_at is not None and row.problem == ""
    assert mail.address.encode() not in row.payload_cipher
    assert mail.address.encode() in payload_of(row, told.keyring)
    with told.db.transaction() as session:
        stored = session.scalar(text("select detail from events where name = 'bounced'"))
    assert stored == {"reply": "550 5.1.1 no such user", "permanent": True, "blame": "dead", "code": "5.1.1"}


def test_payloads_are_forgotten_a_month_after_they_were_handled(told: Runtime, sent: list[Mail]) -> None:
    now = told.clock.now()
    tell(told, "sendgrid", request("sendgrid", sent[0], now, now))
    told.provider_hooks.take("sendgrid", *request("sendgrid", sent[1], now, now))
    assert forget_payloads(told.db, now + KEPT - timedelta(hours=1)) == 0
    told.retention._clock = FixedClock(now + KEPT + timedelta(hours=1))
    told.retention.run()
    assert [row.handled_at for row in payloads(told)] == [None], "what waits is not forgotten"


def test_strangers_and_those_who_are_gone_leave_no_payload(told: Runtime, sent: list[Mail]) -> None:
    now = told.clock.now()
    stranger = sendgrid_event("bounce", "<1@elsewhere.example>", "x@customers.example", now)
    forged = sendgrid_event("bounce", sent[0].message_id[:-30] + "00@x.example>", sent[0].address, now)
    passed_over = sendgrid_event("open", sent[0].message_id, sent[0].address, now)
    tell(told, "sendgrid", SENDGRID.batch([stranger, forged, passed_over], now))
    assert {(row.payload_cipher, row.problem) for row in payloads(told)} == {
        (b"", "not about a mail of ours"),
        (b"", ""),
    }
    told.rights.erase(sent[1].address)
    tell(told, "sendgrid", request("sendgrid", sent[1], now, now))
    assert payloads(told)[-1].payload_cipher == b""
    assert payloads(told)[-1].problem == "about a mail that is no longer known"
    assert not events(told, sent[1])["bounced"]


def test_one_that_cannot_be_read_is_named_and_stops_no_other(told: Runtime, sent: list[Mail]) -> None:
    now = told.clock.now()
    bad = {"event": "bounce", "sg_event_id": "bad", "timestamp": "yesterday"}
    good = sendgrid_event("delivered", sent[0].message_id, sent[0].address, now)
    assert told.provider_hooks.take("sendgrid", *SENDGRID.batch([bad, 7, good], now)) == 2
    assert told.provider_payloads.work() == 2
    assert events(told, sent[0]) == {"delivered": 1}
    assert {row.problem for row in payloads(told)} == {"timestamp: is no time", ""}
    (kept,) = (row for row in payloads(told) if row.problem)
    assert b"yesterday" in payload_of(kept, told.keyring), "so that somebody can find out why"


def test_an_error_that_nobody_foresaw_is_undone_and_noted(
    told: Runtime, sent: list[Mail], monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaigns.flows.feedback import provider_events

    now = told.clock.now()

    def broken(*_: object) -> None:
        raise RuntimeError(sent[0].address)

    with monkeypatch.context() as patch:
        patch.setattr(provider_events, "_act", broken)
        tell(told, "sendgrid", request("sendgrid", sent[0], now, now))
    assert [row.problem for row in payloads(told)] == ["RuntimeError"], "its words may be about the customer"
    assert not events(told, sent[0])
    tell(told, "sendgrid", request("sendgrid", sent[1], now, now))
    assert suppressed(told, sent[1])


def test_while_postgresql_is_away_the_provider_has_to_come_again(told: Runtime, sent: list[Mail]) -> None:
    now = told.clock.now()
    for provider, mail in zip(PROVIDERS, sent, strict=False):
        what = request(provider, mail, now, now)
        with without(told.db), pytest.raises(ServiceUnavailable):
            told.provider_hooks.take(provider, *what)
        assert tell(told, provider, what) == 1, "a request that was not kept has not used up its token"
        assert suppressed(told, mail)


def test_a_webhook_without_a_secret_takes_nothing(runtime: Runtime) -> None:
    for provider in (*PROVIDERS, "mail", "nobody", "../ses"):
        with pytest.raises(NotFound):
            runtime.provider_hooks.take(provider, {}, b"{}")
    assert payloads(runtime) == []


def test_a_subscription_is_confirmed_and_nothing_is_kept(told: Runtime) -> None:
    from tests.delivery.provider_requests import confirmation_url

    fake = know_sns(told)
    fake.confirmations.add(confirmation_url())
    assert told.provider_hooks.take("ses", *SNS.confirmation(told.clock.now())) == 0
    assert fake.confirmed == [confirmation_url()]
    assert payloads(told) == []


def test_a_complaint_is_an_objection(told: Runtime, sent: list[Mail]) -> None:
    mail, now = sent[0], told.clock.now()
    tell(told, "sendgrid", request("sendgrid", mail, now, now, "complained"))
    assert suppressed(told, mail)
    assert not wants_mail(told, mail)
    with told.db.transaction() as session:
        entries = session.execute(
            text(
                "select action, source from consent_entries where customer_id = :c and purpose = 'marketing'"
            ),
            {"c": mail.customer},
        ).all()
    assert ("withdrawn", "complaint") in [tuple(row) for row in entries]
    tell(told, "sendgrid", request("sendgrid", mail, now + timedelta(seconds=1), now, "complained"))
    assert reason(told) == [("complained", "provider")]
    # A grant dated ahead does not outlive it.
    other = sent[1]
    with told.db.transaction() as session:
        record(session, other.customer, "marketing", "granted", "Yes", "shop", now + timedelta(minutes=4))
    tell(told, "sendgrid", request("sendgrid", other, now, now, "complained"))
    assert not wants_mail(told, other)


def test_unsubscribing_at_the_provider_withdraws(told: Runtime, sent: list[Mail]) -> None:
    mail, now = sent[0], told.clock.now()
    for _ in range(2):
        event = sendgrid_event("unsubscribe", "", mail.address, now, tailormail=mail.mark)
        tell(told, "sendgrid", SENDGRID.batch([event], now))
    assert not wants_mail(told, mail)
    assert events(told, mail) == {"unsubscribed": 1}


def test_the_address_that_bounced_is_suppressed_and_not_a_newer_one(told: Runtime, sent: list[Mail]) -> None:
    mail, now = sent[0], told.clock.now()
    former = Mail(mail.campaign, mail.send, mail.customer, "former@customers.example", mail.message_id)
    tell(told, "sendgrid", request("sendgrid", former, now, now))
    assert suppressed(told, former)
    assert not suppressed(told, mail)


def test_an_event_out_of_the_future_counts_from_now(told: Runtime, sent: list[Mail]) -> None:
    now = told.clock.now()
    tell(told, "sendgrid", request("sendgrid", sent[0], now + timedelta(days=900), now))
    with told.db.transaction() as session:
        at = session.scalar(text("select at from events where name = 'bounced'"))
    assert at <= told.clock.now()


def test_raw_bytes_come_back_as_they_came(runtime: Runtime) -> None:
    raw, now = bytes(range(256)), runtime.clock.now()
    with runtime.db.transaction() as session:
        number = keep(session, runtime.keyring, "mail", "x@y", raw, now)
        assert keep(session, runtime.keyring, "mail", "x@y", b"again", now) is None
        assert keep(session, runtime.keyring, "ses", "x@y", b"", now) is not None
        assert payload_of(session.get_one(ProviderPayload, number), runtime.keyring) == raw
    assert runtime.provider_payloads.work() == 1, "what came as mail is not its business"


def test_a_body_that_is_none_is_named(told: Runtime) -> None:
    with pytest.raises(BadInput):
        told.provider_hooks.take("sendgrid", *SENDGRID.batch({"event": "bounce"}, told.clock.now()))
    assert told.provider_hooks.take("sendgrid", *SENDGRID.batch([], told.clock.now())) == 0
