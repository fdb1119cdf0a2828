"""The contract of `Transport`, passed by all: SMTP to aiosmtpd, capture, the fake, and a journaled one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from delivery_servers import Relay, a_mail

from campaigns.delivery.capture import CaptureTransport, list_captured
from campaigns.delivery.classify import Phase
from campaigns.delivery.fake import Answer, FakeTransport
from campaigns.delivery.journal import Journal
from campaigns.delivery.journaled import JournaledTransport
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Fault, Kind, OutgoingMail, Transport

REPLIES = {
    "unknown@customers.example": (Phase.RCPT, 550, "5.1.1 no such user"),
    "full@customers.example": (Phase.RCPT, 552, "5.2.2 mailbox full"),
    "grey@customers.example": (Phase.RCPT, 450, "4.7.1 greylisted, come back"),
    "policy@customers.example": (Phase.FINAL, 550, "5.7.26 unauthenticated mail"),
}


@dataclass
class Harness:
    transport: Transport
    received: Callable[[], list[bytes]]
    refuses: bool


@contextmanager
def smtp_harness(folder: Path, pipelining: bool) -> Iterator[Harness]:
    def refuse(phase: str, address: str) -> str | None:
        wanted, code, text = REPLIES.get(address, (None, 0, ""))
        return f"{code} {text}" if wanted == {"data": "final"}.get(phase, phase) else None

    with Relay(refuse, pipelining=pipelining) as relay:
        transport = SmtpTransport(relay.address(), "shop.example", timeout=5)
        yield Harness(transport, lambda: [mail.content for mail in relay.received], True)
        transport.close()


@contextmanager
def capture_harness(folder: Path) -> Iterator[Harness]:
    def received() -> list[bytes]:
        return [mail.path.read_bytes() for mail in reversed(list_captured(folder, 1000))]

    yield Harness(CaptureTransport(folder), received, False)


@contextmanager
def fake_harness(folder: Path) -> Iterator[Harness]:
    fake = FakeTransport({to: Answer(code, text, phase) for to, (phase, code, text) in REPLIES.items()})
    yield Harness(fake, lambda: [mail.message for mail in fake.accepted], True)


@contextmanager
def journaled_harness(folder: Path) -> Iterator[Harness]:
    with fake_harness(folder) as inner:
        journal = Journal(folder)
        yield Harness(JournaledTransport(inner.transport, journal), inner.received, True)
        journal.close()


@pytest.fixture(params=["smtp", "smtp without pipelining", "capture", "fake", "journaled"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    makers = {
        "smtp": lambda: smtp_harness(tmp_path, True),
        "smtp without pipelining": lambda: smtp_harness(tmp_path, False),
        "capture": lambda: capture_harness(tmp_path),
        "fake": lambda: fake_harness(tmp_path),
        "journaled": lambda: journaled_harness(tmp_path),
    }
    with makers[request.param]() as made:
        yield made


def test_each_mail_gets_one_outcome_in_order_and_arrives_unchanged(harness: Harness) -> None:
    mails = [a_mail(n, body=b".dot\r\n..two\r\n" + b"x" * 900 + b"\r\n") for n in range(1, 21)]
    outcomes = list(harness.transport.send_group(mails))
    assert [o.send_id for o in outcomes] == list(range(1, 21))
    assert {o.kind for o in outcomes} == {Kind.SENT}
    assert {o.code for o in outcomes} == {250}
    assert sorted(harness.received()) == sorted(mail.message for mail in mails)


def test_the_next_mail_is_asked_for_only_after_the_outcome_before_it_was_taken(harness: Harness) -> None:
    given: list[int] = []

    def mails() -> Iterator[OutgoingMail]:
        for number in (1, 2, 3):
            given.append(number)
            yield a_mail(number)

    outcomes = harness.transport.send_group(mails())
    assert given == []
    for number in (1, 2, 3):
        assert next(outcomes).send_id == number
        assert given == list(range(1, number + 1))
        assert len(harness.received()) == number


def test_nothing_comes_of_an_empty_group(harness: Harness) -> None:
    assert list(harness.transport.send_group([])) == []
    assert harness.received() == []


def test_a_caller_may_stop_in_the_middle_and_go_on_with_another_group(harness: Harness) -> None:
    outcomes = harness.transport.send_group(a_mail(n) for n in range(1, 10))
    next(outcomes)
    del outcomes
    assert [o.send_id for o in harness.transport.send_group([a_mail(20), a_mail(21)])] == [20, 21]
    assert len(harness.received()) == 3


def test_an_exception_of_the_iterable_passes_through_and_the_transport_stays_usable(harness: Harness) -> None:
    def mails() -> Iterator[OutgoingMail]:
        yield a_mail(1)
        raise KeyError("consent lookup failed")

    outcomes = harness.transport.send_group(mails())
    assert next(outcomes).kind is Kind.SENT
    with pytest.raises(KeyError):
        next(outcomes)
    assert [o.kind for o in harness.transport.send_group([a_mail(2)])] == [Kind.SENT]
    assert len(harness.received()) == 2


def test_closing_twice_is_harmless_and_a_later_group_works(harness: Harness) -> None:
    list(harness.transport.send_group([a_mail(1)]))
    harness.transport.close()
    harness.transport.close()
    assert [o.kind for o in harness.transport.send_group([a_mail(2)])] == [Kind.SENT]


def test_refusals_concern_one_mail_only_and_say_whose_fault_it_is(harness: Harness) -> None:
    if not harness.refuses:
        pytest.skip("a folder refuses nobody")
    to = ["a@customers.example", *REPLIES, "b@customers.example"]
    mails = [a_mail(n, address) for n, address in enumerate(to)]
    found = {to[o.send_id].split("@")[0]: o for o in harness.transport.send_group(mails)}
    assert {name: (o.kind, o.fault, o.soft, o.enhanced) for name, o in found.items()} == {
        "a": (Kind.SENT, None, False, "2.0.0"),
        "unknown": (Kind.REJECTED, Fault.RECIPIENT, False, "5.1.1"),
        "full": (Kind.REJECTED, Fault.RECIPIENT, True, "5.2.2"),
        "grey": (Kind.DEFERRED, None, False, "4.7.1"),
        "policy": (Kind.REJECTED, Fault.SENDER, False, "5.7.26"),
        "b": (Kind.SENT, None, False, "2.0.0"),
    }
    assert [name for name, o in found.items() if o.address_is_dead] == ["unknown"]
    assert [name for name, o in found.items() if o.may_be_sent_again] == ["grey"]
    assert sorted(harness.received()) == sorted([mails[0].message, mails[-1].message])
