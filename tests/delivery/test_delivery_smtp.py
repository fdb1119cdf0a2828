"""SmtpTransport against aiosmtpd: what arrives, and what is made of refusals."""

from __future__ import annotations

import time

import pytest
from delivery_servers import Relay, a_mail

from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Fault, Kind, Outcome, OutgoingMail

both_ways = pytest.mark.parametrize("pipelining", [True, False])


def send(relay: Relay, *mails: OutgoingMail) -> list[Outcome]:
    transport = SmtpTransport(relay.address(), "shop.example", timeout=5, connections=1)
    try:
        return list(transport.send_group(mails))
    finally:
        transport.close()


@both_ways
def test_200_mails_over_one_connection_each_once_and_byte_for_byte(pipelining: bool) -> None:
    bodies = [
        b".\r\n..\r\n.hidden\r\n",
        b"x" * 998 + b"\r\n",
        "李雷, Søren & O'Neil <b>\r\n".encode(),
        b"\r\n\r\n.\r\n",
        b"no tabs\tno trailing spaces lost   \r\n" * 2000,
    ]
    with Relay(pipelining=pipelining) as relay:
        mails = [a_mail(n, body=bodies[n % len(bodies)]) for n in range(200)]
        outcomes = send(relay, *mails)
        assert [o.send_id for o in outcomes if o.kind is Kind.SENT] == list(range(200))
        assert [mail.content for mail in relay.received] == [mail.message for mail in mails]
        assert [mail.recipient for mail in relay.received] == [mail.recipient for mail in mails]
        assert {mail.sender for mail in relay.received} == {"bounce@fjellandfern.example"}
        assert relay.connections == 1


@both_ways
@pytest.mark.parametrize(
    ("phase", "reply", "kind", "fault"),
    [
        ("mail", "451 4.3.0 try later", Kind.DEFERRED, None),
        ("mail", "550 5.7.1 not from you", Kind.REJECTED, Fault.SENDER),
        ("rcpt", "450 4.2.1 greylisted", Kind.DEFERRED, None),
        ("rcpt", "550 5.1.1 nobody", Kind.REJECTED, Fault.RECIPIENT),
        ("data", "452 4.3.1 disk full", Kind.DEFERRED, None),
        ("data", "554 5.7.1 spam", Kind.REJECTED, Fault.SENDER),
    ],
)
def test_a_refusal_concerns_its_mail_and_the_connection_goes_on(
    pipelining: bool, phase: str, reply: str, kind: Kind, fault: Fault | None
) -> None:
    def refuse(where: str, address: str) -> str | None:
        return reply if where == phase and address.startswith("bad") else None

    with Relay(refuse, pipelining=pipelining) as relay:
        mails = [a_mail(n, f"{'bad' if n % 3 == 1 else 'good'}{n}@c.example") for n in range(9)]
        if phase == "mail":
            mails = [a_mail(n, sender=f"{'bad' if n % 3 == 1 else 'good'}{n}@c.example") for n in range(9)]
        outcomes = send(relay, *mails)
        assert [o.kind for o in outcomes] == [kind if n % 3 == 1 else Kind.SENT for n in range(9)]
        assert outcomes[1].fault is fault
        assert outcomes[1].reply == reply
        assert outcomes[1].code == int(reply[:3])
        assert relay.connections == 1
        assert [m.content for m in relay.received] == [mails[n].message for n in range(9) if n % 3 != 1]


def test_the_relays_text_is_kept_without_the_recipients_address() -> None:
    with Relay(lambda phase, a: f"550 5.1.1 <{a}> unknown" if phase == "rcpt" else None) as relay:
        (outcome,) = send(relay, a_mail(1, "Ola.Nordmann@customers.example"))
        assert outcome.reply == "550 5.1.1 (address) unknown"


def test_a_mail_beyond_the_relays_size_is_never_started() -> None:
    with Relay(data_size_limit=5000) as relay:
        big, small = send(relay, a_mail(1, body=b"12345678\r\n" * 600), a_mail(2))
        assert (big.kind, big.enhanced, big.fault) == (Kind.REJECTED, "5.3.4", Fault.SENDER)
        assert small.kind is Kind.SENT
        assert relay.received[0].parameters == [f"SIZE={len(a_mail(2).message)}"]


def test_addresses_beyond_ascii_use_smtputf8_where_offered_and_are_rejected_elsewhere() -> None:
    mail = a_mail(1, "søren@customers.example")
    with Relay(enable_SMTPUTF8=True) as relay:
        assert [o.kind for o in send(relay, mail)] == [Kind.SENT]
        assert relay.received[0].recipient == "søren@customers.example"
        assert "SMTPUTF8" in relay.received[0].parameters
    with Relay() as relay:
        (outcome,) = send(relay, mail)
        assert (outcome.kind, outcome.fault, outcome.address_is_dead) == (Kind.REJECTED, Fault.SENDER, False)


def test_a_domain_beyond_ascii_needs_no_smtputf8() -> None:
    with Relay() as relay:
        assert [o.kind for o in send(relay, a_mail(1, "ola@straße.example"))] == [Kind.SENT]
        assert relay.received[0].recipient == "ola@xn--strae-oqa.example"


def test_8_bit_text_is_announced() -> None:
    with Relay() as relay:
        send(relay, a_mail(1, body="blåbær\r\n".encode()), a_mail(2))
        assert [("BODY=8BITMIME" in mail.parameters) for mail in relay.received] == [True, False]


@pytest.mark.parametrize("address", ["a@b.example>\r\nRCPT TO:<c@d.example", "a b@c.example", "@c", "a@", ""])
def test_an_address_cannot_smuggle_a_command(address: str) -> None:
    with Relay() as relay:
        mail = OutgoingMail(1, "bounce@fjellandfern.example", address, b"Subject: x\r\n\r\n", "<1@x>")
        (outcome,) = send(relay, mail)
        assert (outcome.kind, outcome.enhanced) == (Kind.REJECTED, "5.1.3")
        assert relay.received == []


def test_a_lone_line_feed_cannot_end_the_message() -> None:
    smuggled = b"hello\n.\nMAIL FROM:<evil@x.example>\r.\r\nend"
    with Relay() as relay:
        (outcome,) = send(relay, a_mail(1, body=smuggled))
        assert outcome.kind is Kind.SENT
        assert len(relay.received) == 1
        assert relay.received[0].content.endswith(b"hello\r\n.\r\nMAIL FROM:<evil@x.example>\r\n.\r\nend\r\n")


def test_the_null_sender_is_possible() -> None:
    with Relay() as relay:
        mail = OutgoingMail(1, "", "ola@customers.example", b"Subject: x\r\n\r\nx\r\n", "<1@x>")
        assert [o.kind for o in send(relay, mail)] == [Kind.SENT]


def test_a_connection_that_the_relay_closed_while_idle_is_renewed_without_a_word() -> None:
    with Relay(timeout=0.2) as relay:
        transport = SmtpTransport(relay.address(), "shop.example", timeout=5)
        assert [o.kind for o in transport.send_group([a_mail(1)])] == [Kind.SENT]
        time.sleep(0.5)
        assert [o.kind for o in transport.send_group([a_mail(2)])] == [Kind.SENT]
        transport.close()
        assert (len(relay.received), relay.connections) == (2, 2)
