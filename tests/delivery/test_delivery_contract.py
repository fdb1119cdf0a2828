"""The contract of `Transport`, passed by all: SMTP in each manner, capture, the fake, and journaled ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from delivery_servers import Relay, ScriptedRelay, a_mail

from campaigns.core.clock import SystemClock
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.buckets import Buckets
from campaigns.delivery.capture import CaptureTransport, list_captured
from campaigns.delivery.classify import Phase
from campaigns.delivery.fake import Answer, FakeTransport
from campaigns.delivery.gate import Gate
from campaigns.delivery.journal import Journal
from campaigns.delivery.journaled import JournaledTransport
from campaigns.delivery.relay_plan import RelayPlan
from campaigns.delivery.relays import RelaysTransport
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Fault, Kind, Outcome, OutgoingMail, Transport, unannounced

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
    connections: int = 1


def refuse(phase: str, address: str) -> str | None:
    wanted, code, text = REPLIES.get(address, (None, 0, ""))
    return f"{code} {text}" if wanted == {"data": "final"}.get(phase, phase) else None


@contextmanager
def smtp_harness(folder: Path, pipelining: bool) -> Iterator[Harness]:
    with Relay(refuse, pipelining=pipelining) as relay:
        transport = SmtpTransport(relay.address(), "shop.example", timeout=5)
        yield Harness(transport, lambda: [mail.content for mail in relay.received], True, 4)
        transport.close()


@contextmanager
def chunking_harness(folder: Path, connections: int) -> Iterator[Harness]:
    with ScriptedRelay(chunking=True, refuse=refuse, delay=0.01 * (connections > 1)) as relay:
        transport = SmtpTransport(relay.address, "shop.example", timeout=5, connections=connections)
        yield Harness(transport, lambda: relay.accepted, True, connections)
        transport.close()
        assert relay.nonsense == []


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
def journaled_harness(
    folder: Path, within: Callable[[], AbstractContextManager[Harness]]
) -> Iterator[Harness]:
    with within() as inner:
        journal = Journal(folder / "journal")
        made = JournaledTransport(inner.transport, journal)
        yield Harness(made, inner.received, True, inner.connections)
        journal.close()


class _ForRelay:
    """Gives every mail to one of the relays."""

    def __init__(self, within: Transport, relay: str) -> None:
        self._within, self._relay = within, relay
        self.close = within.close

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        return self._within.send_group((replace(mail, relay=self._relay) for mail in mails), before_data)


@contextmanager
def relays_harness(folder: Path, relay: str) -> Iterator[Harness]:
    """Two relays, of which r1 is away."""
    plan = RelayPlan.model_validate(
        {"relays": [{"name": n, "url": "smtp://x.example"} for n in ("r1", "r2")]}
    )
    with chunking_harness(folder, 3) as inner:
        away = SmtpTransport(SmtpAddress("smtp://127.0.0.1:1?tls=none"), "shop.example", timeout=5)
        gate = Gate(plan, Buckets(None), SystemClock())
        made = RelaysTransport({"r1": lambda: away, "r2": lambda: inner.transport}, gate)
        # What came back from the one is held while the other steps in.
        yield Harness(_ForRelay(made, relay), inner.received, True, inner.connections + 1)


@pytest.fixture(
    params=[
        "smtp",
        "smtp without pipelining",
        "smtp with chunking",
        "smtp with chunking, many connections",
        "capture",
        "fake",
        "journaled",
        "journaled smtp",
        "one of several relays",
        "a relay that steps in",
    ]
)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    makers: dict[str, Callable[[], AbstractContextManager[Harness]]] = {
        "smtp": lambda: smtp_harness(tmp_path, True),
        "smtp without pipelining": lambda: smtp_harness(tmp_path, False),
        "smtp with chunking": lambda: chunking_harness(tmp_path, 1),
        "smtp with chunking, many connections": lambda: chunking_harness(tmp_path, 3),
        "capture": lambda: capture_harness(tmp_path),
        "fake": lambda: fake_harness(tmp_path),
        "journaled": lambda: journaled_harness(tmp_path, lambda: fake_harness(tmp_path)),
        "journaled smtp": lambda: journaled_harness(tmp_path, lambda: chunking_harness(tmp_path, 3)),
        "one of several relays": lambda: relays_harness(tmp_path, "r2"),
        "a relay that steps in": lambda: relays_harness(tmp_path, "r1"),
    }
    with makers[request.param]() as made:
        yield made


def test_each_mail_gets_one_outcome_and_arrives_unchanged(harness: Harness) -> None:
    mails = [a_mail(n, body=b".dot\r\n..two\r\n" + b"x" * 900 + b"\r\n") for n in range(1, 21)]
    outcomes = list(harness.transport.send_group(mails))
    assert sorted(o.send_id for o in outcomes) == list(range(1, 21))
    assert {o.kind for o in outcomes} == {Kind.SENT}
    assert {o.code for o in outcomes} == {250}
    assert sorted(harness.received()) == sorted(mail.message for mail in mails)


def test_a_mail_that_its_composer_calls_clean_arrives_unchanged_too(harness: Harness) -> None:
    mails = [replace(a_mail(n, body=b"x" * 70 + b"\r\n"), clean=True) for n in range(1, 21)]
    assert {o.kind for o in harness.transport.send_group(mails)} == {Kind.SENT}
    assert sorted(harness.received()) == sorted(mail.message for mail in mails)


def test_few_mails_are_taken_ahead_and_one_a_connection_is_announced(harness: Harness) -> None:
    taken: set[int] = set()
    announced: set[int] = set()
    ended: set[int] = set()
    most_ahead = most_announced = 0

    def mails() -> Iterator[OutgoingMail]:
        for number in range(1, 31):
            taken.add(number)
            yield a_mail(number)

    def announce(send_id: int) -> None:
        nonlocal most_ahead, most_announced
        assert send_id in taken - announced
        announced.add(send_id)
        most_ahead = max(most_ahead, len(taken - announced))
        most_announced = max(most_announced, len(announced - ended))

    outcomes = harness.transport.send_group(mails(), announce)
    assert taken == set()
    for outcome in outcomes:
        assert outcome.send_id in announced - ended
        ended.add(outcome.send_id)
    assert ended == announced == set(range(1, 31))
    assert most_announced <= harness.connections
    assert most_ahead <= harness.connections + 1


def test_nothing_is_delivered_that_was_not_announced_and_may_not_go(harness: Harness) -> None:
    def announce(send_id: int) -> None:
        assert a_mail(send_id).message not in harness.received()
        if send_id % 3 == 0:
            raise ServiceUnavailable("journal", "no space left")

    mails = [a_mail(n) for n in range(1, 13)]
    outcomes = {o.send_id: o for o in harness.transport.send_group(mails, announce)}
    assert {n: o.kind for n, o in outcomes.items()} == {
        n: Kind.UNREACHED if n % 3 == 0 else Kind.SENT for n in range(1, 13)
    }
    assert "no space left" in outcomes[3].reply
    assert sorted(harness.received()) == sorted(a_mail(n).message for n in range(1, 13) if n % 3)


def test_when_the_iterable_ends_early_what_was_taken_is_sent(harness: Harness) -> None:
    stop = False
    taken: list[int] = []

    def mails() -> Iterator[OutgoingMail]:
        for number in range(1, 100):
            if stop:
                return
            taken.append(number)
            yield a_mail(number)

    ended: list[int] = []
    for outcome in harness.transport.send_group(mails()):
        ended.append(outcome.send_id)
        stop = len(ended) >= 5
    assert sorted(ended) == taken
    assert 5 <= len(taken) <= 5 + 2 * harness.connections + 1
    assert sorted(harness.received()) == sorted(a_mail(n).message for n in taken)


def test_nothing_comes_of_an_empty_group(harness: Harness) -> None:
    assert list(harness.transport.send_group([])) == []
    assert harness.received() == []


def test_a_caller_may_stop_in_the_middle_and_go_on_with_another_group(harness: Harness) -> None:
    announced: list[int] = []
    outcomes = harness.transport.send_group((a_mail(n) for n in range(1, 10)), announced.append)
    next(outcomes)
    del outcomes
    before = list(announced)
    assert len(before) <= harness.connections
    found = harness.transport.send_group([a_mail(20), a_mail(21)], announced.append)
    assert sorted(o.send_id for o in found) == [20, 21]
    received = harness.received()
    assert {a_mail(n).message for n in (20, 21)} <= set(received) <= {a_mail(n).message for n in announced}
    assert len(received) == len(set(received)) >= 3
    assert sorted(announced) == sorted([*before, 20, 21])


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
