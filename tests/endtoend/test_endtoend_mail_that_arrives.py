"""A campaign goes out, and what comes back arrives: bounce, complaint and unsubscribe, through a real listener."""

from __future__ import annotations

import email
import email.policy
import re
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.audience.suppression import is_suppressed
from campaigns.core.embedded import EmbeddedUrls
from campaigns.delivery.inbound.listener import Listener
from campaigns.models import ConsentState, Event, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.delivery.delivery_servers import Received, Relay
from tests.inbound_mail import About, by_hand, postfix, yahoo_complaint
from tests.shop import approved, fill_shop, make_runtime, send_all

HOST = "bounces.fjellandfern.example"


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running:
        yield running


@pytest.fixture
def out(
    runtime: Runtime, servers: EmbeddedUrls, tmp_path: Path, sample: SampleFiles, relay: Relay
) -> Iterator[Runtime]:
    """A shop that sends through a relay, and whose bounces come back to a domain of their own."""
    fill_shop(runtime, sample)
    sending = make_runtime(
        servers, tmp_path / "data", smtp_url=f"smtp://127.0.0.1:{relay.port}?tls=none", bounce_domain=HOST
    ).start()
    yield sending
    sending.close()


@pytest.fixture
def door(out: Runtime) -> Iterator[Listener]:
    """Where mail for us arrives."""
    accepts = lambda address: out.inbound.accepts(address, {HOST})  # noqa: E731
    with Listener(out.inbound.take, accepts, name="mail.test") as listener:
        yield listener


def deliver(door: Listener, raw: bytes, to: str, sender: str = "") -> None:
    with smtplib.SMTP("127.0.0.1", door.port) as smtp:
        smtp.sendmail(sender, [to], raw)


def told_of(received: Received) -> About:
    """What the receiving server knows of a mail."""
    mail = email.message_from_bytes(received.content, policy=email.policy.default)
    mailto = re.search(r"<mailto:([^?>]+)", str(mail["List-Unsubscribe"]))
    assert mailto
    return About(
        message_id=str(mail["Message-ID"]).strip("<>"),
        return_path=received.sender,
        unsubscribe=mailto[1],
        recipient=received.recipient,
    )


def send_of(runtime: Runtime, event: str) -> tuple[int, int, bool]:
    """(campaign, customer, whether the customer may still get marketing) of the one event of this name."""
    with runtime.db.transaction() as session:
        found = session.scalars(select(Event).where(Event.name == event)).one()
        state = session.get(ConsentState, (found.customer_id, "marketing"))
        assert found.customer_id is not None
        return found.campaign_id, found.customer_id, state is not None and state.granted


def suppressed(runtime: Runtime, address: str) -> bool:
    with runtime.db.transaction() as session:
        return is_suppressed(session, runtime.keyring, address)


def test_what_comes_back_is_heard_and_acted_upon(
    out: Runtime, relay: Relay, door: Listener, sample: SampleFiles
) -> None:
    first = approved(out, sample)
    send_all(out, first)
    assert len(relay.received) > 10
    assert len({mail.sender for mail in relay.received}) == len(relay.received), (
        "a return path of its own each"
    )
    assert all(mail.sender.endswith(f"@{HOST}") and mail.sender.islower() for mail in relay.received)
    bounced, complaining, leaving, waiting = (told_of(mail) for mail in relay.received[:4])

    # Through a server that folds case, and with the Message-ID replaced on the way.
    deliver(
        door,
        postfix(About(return_path=bounced.return_path, recipient=bounced.recipient)),
        bounced.return_path.upper(),
    )
    assert send_of(out, "bounced") == (first, *_customer(out, bounced), True)
    assert suppressed(out, bounced.recipient)

    deliver(door, yahoo_complaint(complaining), f"fbl@{HOST}", "feedback@arf.mail.yahoo.example")
    assert send_of(out, "complained") == (first, *_customer(out, complaining), False)
    assert suppressed(out, complaining.recipient)

    second = approved(out, sample)
    out.campaigns.send(second, "test")
    out.sending.plan(second)
    deliver(door, by_hand(leaving.unsubscribe.upper(), sender=leaving.recipient), leaving.unsubscribe.upper())
    assert send_of(out, "unsubscribed") == (first, *_customer(out, leaving), False)
    relay.received.clear()
    while out.sending.send_batch(second).claimed or out.wordsmith.work():
        pass
    reached = {mail.recipient for mail in relay.received}
    assert waiting.recipient in reached
    assert not reached & {bounced.recipient, complaining.recipient, leaving.recipient}
    with out.db.transaction() as session:
        held = session.scalars(
            select(Send).where(Send.campaign_id == second, Send.status == "held_back")
        ).all()
    assert _customer(out, leaving)[0] in {send.customer_id for send in held}, "it was planned, and did not go"


def _customer(runtime: Runtime, about: About) -> tuple[int]:
    with runtime.db.transaction() as session:
        send_id = int(about.message_id.split(".")[1])
        return (session.scalars(select(Send.customer_id).where(Send.id == send_id)).one(),)


def test_nothing_else_gets_in(out: Runtime, door: Listener) -> None:
    with smtplib.SMTP("127.0.0.1", door.port) as smtp:
        smtp.helo()
        smtp.mail("")
        for address in (
            f"bounce+1.1.0000000000000000@{HOST}", f"unsubscribe+1.1.1.0000000000000000@{HOST}", f"anna@{HOST}",
            "fbl@elsewhere.example", f"postmaster@{HOST}",
        ):  # fmt: skip
            assert smtp.rcpt(address)[0] == 550
        assert smtp.rcpt(f"fbl@{HOST.upper()}")[0] == 250


def test_without_the_database_the_sender_keeps_its_mail(
    out: Runtime, relay: Relay, door: Listener, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_all(out, approved(out, sample))
    about = told_of(relay.received[0])
    with monkeypatch.context() as away:
        nowhere = type(out.db)("postgresql://nobody@127.0.0.1:9/nothing")
        away.setattr(out.db, "engine", nowhere.engine)
        with pytest.raises(smtplib.SMTPDataError) as told:
            deliver(door, postfix(about), about.return_path)
        assert told.value.smtp_code == 451
        with pytest.raises(smtplib.SMTPDataError) as told:
            deliver(door, by_hand(about.unsubscribe), about.unsubscribe)
        assert told.value.smtp_code == 451
        nowhere.close()
    deliver(door, postfix(about), about.return_path)
    assert suppressed(out, about.recipient)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with out.db.transaction() as session:
            if session.scalars(select(Event).where(Event.name == "unsubscribed")).first():
                break
        time.sleep(0.1)
    assert send_of(out, "unsubscribed")[2] is False, "done though that mail did not come again"
