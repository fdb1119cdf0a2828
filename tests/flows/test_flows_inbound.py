"""Mail that arrives becomes events and withdrawals, once, for the right send, and only where it is proven."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from email.utils import parseaddr
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.audience.suppression import is_suppressed
from campaigns.compose.identity import message_id
from campaigns.compose.return_path import return_path, unsubscribe_address
from campaigns.core.errors import ServiceUnavailable
from campaigns.demo.inbox import read_inbox
from campaigns.flows.feedback import inbound as inbound_flow
from campaigns.flows.feedback.payload_store import payload_of
from campaigns.flows.sending.addressees import load_addressees
from campaigns.models import ConsentState, Event, ProviderPayload, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.inbound_mail import (
    About,
    by_hand,
    exchange,
    exim,
    gmail,
    microsoft_complaint,
    postfix,
    qmail,
    vacation,
    yahoo_complaint,
)  # fmt: skip
from tests.sent_mails import sent_mails
from tests.shop import approved, send_all
from tests.tables import without

HOST = "bounces.fjellandfern.example"


@pytest.fixture
def sent(runtime: Runtime) -> Runtime:
    """With a campaign of four mails that were sent."""
    sent_mails(runtime)
    return runtime


def a_send(runtime: Runtime, number: int = 0) -> Send:
    with runtime.db.transaction() as session:
        return session.scalars(select(Send).where(Send.status == "sent").order_by(Send.id)).all()[number]


def address_of(runtime: Runtime, send: Send) -> str:
    with runtime.db.transaction() as session:
        return load_addressees(session, runtime.keyring, [send.customer_id])[send.customer_id].email


def about(runtime: Runtime, send: Send) -> About:
    """What a report on this send would return of it."""
    signer, campaign, number = runtime.signer, send.campaign_id, send.id
    return About(
        message_id=message_id(signer, campaign, number, "fjellandfern.example"),
        return_path=return_path(signer, campaign, number, HOST),
        unsubscribe=unsubscribe_address(signer, campaign, send.customer_id, number, HOST),
        recipient=address_of(runtime, send),
    )


def events(runtime: Runtime, name: str = "") -> list[Event]:
    with runtime.db.transaction() as session:
        return [e for e in session.scalars(select(Event).order_by(Event.id)) if e.name == name or not name]


def payloads(runtime: Runtime) -> list[ProviderPayload]:
    with runtime.db.transaction() as session:
        return list(session.scalars(select(ProviderPayload).order_by(ProviderPayload.id)))


def suppressed(runtime: Runtime, send: Send) -> bool:
    with runtime.db.transaction() as session:
        return is_suppressed(session, runtime.keyring, address_of(runtime, send))


def may_be_mailed(runtime: Runtime, send: Send) -> bool:
    with runtime.db.transaction() as session:
        state = session.get(ConsentState, (send.customer_id, "marketing"))
        return state is not None and state.granted


MAKES: dict[str, Callable[..., bytes]] = {"postfix": postfix, "exim": exim, "gmail": gmail, "qmail": qmail}


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("way", ["envelope", "header", "returned mail"])
def test_a_bounce_of_a_dead_mailbox_is_recorded_and_the_address_suppressed(
    sent: Runtime, make: str, way: str
) -> None:
    send = a_send(sent)
    ours = about(sent, send)
    if way == "returned mail":
        raw, envelope = MAKES[make](replace(ours, return_path="x@y.example"), to="hello@shop.example"), []
    else:
        raw = MAKES[make](ours, to="" if way == "header" else "someone@else.example")
        envelope = [ours.return_path.upper()] if way == "envelope" else []
    assert sent.inbound.take(raw, envelope).what == "bounced"
    (event,) = events(sent, "bounced")
    assert (event.campaign_id, event.send_id, event.customer_id) == (
        send.campaign_id,
        send.id,
        send.customer_id,
    )
    assert ours.recipient not in str(event.detail)
    assert suppressed(sent, send)
    assert not any(suppressed(sent, a_send(sent, n)) for n in range(1, 4))
    (kept,) = payloads(sent)
    assert (kept.send_id, kept.customer_id, kept.problem) == (send.id, send.customer_id, "")
    assert kept.handled_at is not None
    assert payload_of(kept, sent.keyring) == raw


def test_a_full_mailbox_is_not_suppressed_at_once(sent: Runtime) -> None:
    send = a_send(sent)
    assert sent.inbound.take(exchange(about(sent, send))).what == "bounced"
    assert len(events(sent, "bounced")) == 1
    assert not suppressed(sent, send)


def test_the_limit_of_soft_bounces_is_the_setting(sent: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sent.__dict__, "settings", sent.settings.model_copy(update={"soft_bounce_limit": 1}))
    send = a_send(sent)
    sent.inbound.take(exchange(about(sent, send)))
    assert suppressed(sent, send)


def test_what_is_the_senders_fault_suppresses_nobody(sent: Runtime) -> None:
    send = a_send(sent)
    raw = postfix(about(sent, send), status="5.7.26", said="550-5.7.26 this mail is not authenticated")
    assert sent.inbound.take(raw).what == "bounced"
    assert not suppressed(sent, send)


def test_a_delay_changes_nothing(sent: Runtime) -> None:
    send = a_send(sent)
    assert sent.inbound.take(gmail(about(sent, send), delayed=True)).what == "deferred"
    assert not suppressed(sent, send)


@pytest.mark.parametrize("complaint", [yahoo_complaint, microsoft_complaint])
@pytest.mark.parametrize("by", ["message_id", "return_path", "unsubscribe"])
def test_a_complaint_is_recorded_and_the_address_suppressed(sent: Runtime, complaint: Any, by: str) -> None:
    send = a_send(sent)
    ours = about(sent, send)
    known = About(**{**About().__dict__, "recipient": ours.recipient, by: getattr(ours, by)})
    assert sent.inbound.take(complaint(known), [f"FBL@{HOST}"]).what == "complained"
    (event,) = events(sent, "complained")
    assert (event.campaign_id, event.send_id) == (send.campaign_id, send.id)
    assert suppressed(sent, send)
    assert not may_be_mailed(sent, send)


def test_a_report_that_says_not_spam_changes_nothing(sent: Runtime) -> None:
    send = a_send(sent)
    assert sent.inbound.take(yahoo_complaint(about(sent, send), kind="not-spam")).what == "ignored"
    assert not events(sent, "complained")
    assert may_be_mailed(sent, send)


def test_a_report_that_says_opt_out_unsubscribes(sent: Runtime) -> None:
    send = a_send(sent)
    assert sent.inbound.take(yahoo_complaint(about(sent, send), kind="opt-out")).what == "unsubscribed"
    assert not may_be_mailed(sent, send)
    assert not suppressed(sent, send)


@pytest.mark.parametrize("older", [False, True], ids=["address", "token of earlier versions"])
@pytest.mark.parametrize("body", ["", "I did not mean it, please go on", "<html>", "\0"])
def test_a_mail_to_unsubscribe_does_so_whatever_it_says(sent: Runtime, body: str, older: bool) -> None:
    send = a_send(sent)
    token = sent.signer.sign("unsubscribe", send.campaign_id, send.customer_id, send.id)
    to = f"unsubscribe+{token}@fjellandfern.example" if older else about(sent, send).unsubscribe
    # From another address than the one that was mailed: people have several, and forward mail.
    assert sent.inbound.take(by_hand(to, body, sender="someone@else.example")).what == "unsubscribed"
    assert not may_be_mailed(sent, send)
    (event,) = events(sent, "unsubscribed")
    assert event.detail["source"] == "unsubscribe by mail"
    assert may_be_mailed(sent, a_send(sent, 1))


@pytest.mark.parametrize(
    "to", ["bounce+{c}.{s}.0000000000000000@{h}", "unsubscribe+{c}.{p}.{s}.0000000000000000@{h}"]
)
def test_what_is_forged_is_neither_obeyed_nor_kept(sent: Runtime, to: str) -> None:
    send = a_send(sent)
    address = to.format(c=send.campaign_id, s=send.id, p=send.customer_id, h=HOST)
    forged = About(return_path=address, recipient=address_of(sent, send))
    before = sent.meters.read()
    assert sent.inbound.take(postfix(forged, to=address)).what == "forged"
    assert sent.inbound.take(by_hand(address)).what == "forged"
    assert not sent.inbound.accepts(address, {HOST})
    sent.meters.flush()
    assert sent.meters.read()[("feedback", "forged")] == before.get(("feedback", "forged"), 0) + 3
    assert not events(sent)
    assert not payloads(sent)


def test_a_report_cannot_suppress_somebody_whom_it_only_names(sent: Runtime) -> None:
    """Who was mailed knows one signed address, and could write a report that names a stranger."""
    send, victim = a_send(sent), a_send(sent, 1)
    own = about(sent, send)
    raw = postfix(replace(own, recipient=address_of(sent, victim)))
    assert sent.inbound.take(raw).what == "bounced"
    assert not suppressed(sent, victim)
    assert address_of(sent, victim) not in str([event.detail for event in events(sent)])


def test_somebody_who_is_away_has_not_bounced(sent: Runtime) -> None:
    send = a_send(sent)
    assert sent.inbound.take(vacation(about(sent, send))).what == "ignored"
    assert not events(sent)


def test_a_mail_without_a_signed_address_is_kept_with_its_problem(sent: Runtime) -> None:
    send = a_send(sent)
    theirs = by_hand(f"unsubscribe@{HOST}", sender=address_of(sent, send))
    taken = sent.inbound.take(theirs)
    assert (taken.what, bool(taken.problem)) == ("unhandled", True)
    assert may_be_mailed(sent, send), "what stands in From is not proven"
    sent.inbound.take(by_hand(f"unsubscribe@{HOST}", sender="a.stranger@else.example"))
    known, stranger = payloads(sent)
    assert (known.customer_id, known.problem) == (send.customer_id, taken.problem)
    assert payload_of(known, sent.keyring) == theirs, "somebody has to read it"
    assert stranger.problem
    assert payload_of(stranger, sent.keyring) == b"", "of a stranger nothing is kept"


def test_the_same_mail_twice_counts_once_also_by_another_way(sent: Runtime) -> None:
    send = a_send(sent)
    ours = about(sent, send)
    raw = postfix(ours)
    assert sent.inbound.take(raw, [ours.return_path]).what == "bounced"
    assert sent.inbound.take(raw.replace(b"\r\n", b"\n")).what == "repeated"
    assert sent.inbound.take(b"Received: from elsewhere\r\n" + raw).what == "repeated"
    assert len(events(sent, "bounced")) == len(payloads(sent)) == 1


def test_unsubscribing_by_a_mail_that_comes_again_does_not_undo_a_later_consent(sent: Runtime) -> None:
    send = a_send(sent)
    raw = by_hand(about(sent, send).unsubscribe)
    sent.inbound.take(raw)
    with sent.db.transaction() as session:
        session.execute(text("update consent_states set granted = true where purpose = 'marketing'"))
    assert sent.inbound.take(raw).what == "repeated"
    assert may_be_mailed(sent, send)


def test_a_bounce_of_a_mail_that_is_gone_is_kept_as_a_problem(sent: Runtime) -> None:
    send = a_send(sent)
    ours = about(sent, send)
    with sent.db.transaction() as session:
        session.execute(text("delete from sends where id = :id"), {"id": send.id})
    taken = sent.inbound.take(postfix(ours))
    assert taken.what == "unhandled"
    assert [p.problem for p in payloads(sent)] == [taken.problem]


def test_damaged_mails_are_taken_in_without_a_stumble(sent: Runtime) -> None:
    send = a_send(sent)
    ours = about(sent, send)
    chance = Random(5)
    pieces = [
        b"\0",
        b"\xff",
        b"\r\n\r\n",
        b"--",
        b"<>",
        b"@",
        b"\xed\xa0\x80",
        b"=?utf-8?q?=00?=",
        b"From: \xff@\0\r\n",
    ]
    for raw in (postfix(ours), yahoo_complaint(ours), by_hand(f"unsubscribe@{HOST}"), gmail(ours)):
        for _ in range(25):
            damaged = bytearray(raw)
            for _ in range(chance.randrange(1, 10)):
                at = chance.randrange(len(damaged))
                damaged[at : at + chance.randrange(30)] = chance.choice(pieces)
            taken = sent.inbound.take(
                bytes(damaged), [chance.choice([f"fbl@{HOST}", ours.return_path, "\udcff@x"])]
            )
            assert "could not be handled" not in taken.problem


def test_without_a_domain_for_bounces_all_is_addressed_to_the_sender(
    shop: Runtime, sample: SampleFiles
) -> None:
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    mail = message_from_bytes(next(read_inbox(shop.settings.captured_mail, campaign_id)).raw)
    sender = parseaddr(mail["From"])[1]
    mailto = re.search(r"<mailto:([^?>]+)\?", mail["List-Unsubscribe"])
    assert mailto
    assert mailto[1].endswith("@" + sender.rpartition("@")[2])
    assert shop.inbound.take(by_hand(mailto[1])).what == "unsubscribed"


def test_a_complaint_about_a_mail_that_is_gone_unsubscribes_whom_its_link_names(sent: Runtime) -> None:
    send = a_send(sent)
    ours = about(sent, send)
    with sent.db.transaction() as session:
        session.execute(text("delete from sends where id = :id"), {"id": send.id})
    assert sent.inbound.take(yahoo_complaint(ours)).what == "unsubscribed"
    assert not may_be_mailed(sent, send)


@pytest.mark.parametrize("kind", ["abuse", "opt-out"])
def test_a_complaint_that_names_nobody_is_a_problem(sent: Runtime, kind: str) -> None:
    taken = sent.inbound.take(yahoo_complaint(kind=kind), [f"fbl@{HOST}"])
    assert taken.what == "unhandled"
    assert [one.problem for one in sent.inbound.problems()] == [taken.problem]
    assert not events(sent)


def test_what_fails_in_an_unforeseen_way_is_kept_and_not_repeated(
    sent: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError("anna.berg@customers.example")

    monkeypatch.setattr(inbound_flow, "take_in", stumble)
    send = a_send(sent)
    raw = postfix(about(sent, send))
    taken = sent.inbound.take(raw)
    assert (taken.what, taken.problem) == ("unhandled", "could not be handled: ZeroDivisionError")
    (kept,) = payloads(sent)
    assert (kept.problem, payload_of(kept, sent.keyring)) == (taken.problem, raw)
    assert sent.inbound.take(raw).what == "repeated"


def test_without_the_database_a_bounce_stays_where_it_is(sent: Runtime) -> None:
    raw = postfix(about(sent, a_send(sent)))
    with without(sent.db), pytest.raises(ServiceUnavailable):
        sent.inbound.take(raw)
    assert sent.inbound.take(raw).what == "bounced"


def test_without_the_database_an_unsubscribe_is_written_to_disk(sent: Runtime) -> None:
    send = a_send(sent)
    raw = by_hand(about(sent, send).unsubscribe)
    with without(sent.db), pytest.raises(ServiceUnavailable):
        sent.inbound.take(raw)
    assert sent.unsubscribing.waiting
    deadline = time.monotonic() + 30
    while may_be_mailed(sent, send) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not may_be_mailed(sent, send), "applied later, though the mail did not come again"
