"""Several relays: shares, failover, and never a second copy."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from delivery_servers import Relay, a_mail
from hypothesis import given, settings
from hypothesis import strategies as st
from test_delivery_gate import a_gate

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.fake import (
    ACCEPTED,
    BROKEN_AFTER_THE_DOT,
    BROKEN_BEFORE_THE_DOT,
    Answer,
    FakeTransport,
)
from campaigns.delivery.relays import RelaysTransport
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, Transport, unannounced, unreached


class Away:
    """A relay out of reach: it takes mails one ahead, and none of them further."""

    def __init__(self) -> None:
        self.offered: list[int] = []

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        ahead: deque[OutgoingMail] = deque()
        for mail in mails:
            self.offered.append(mail.send_id)
            ahead.append(mail)
            if len(ahead) > 1:
                yield unreached(ahead.popleft().send_id, "connection refused")
        while ahead:
            yield unreached(ahead.popleft().send_id, "connection refused")

    def close(self) -> None:
        """Nothing is open."""


def mails_to(*relays: str) -> list[OutgoingMail]:
    return [replace(a_mail(n), relay=relay) for n, relay in enumerate(relays, 1)]


def over(
    transports: Sequence[Transport], relays: Sequence[dict[str, Any]] | None = None
) -> tuple[RelaysTransport, Any]:
    gate, _ = a_gate(None, *(relays or [{}] * len(transports)))
    makers = {f"r{n}": (lambda t=t: t) for n, t in enumerate(transports, 1)}
    return RelaysTransport(makers, gate), gate


def test_each_mail_goes_to_the_relay_that_was_chosen_for_it() -> None:
    one, two = FakeTransport(), FakeTransport()
    transport, _ = over([one, two])
    outcomes = list(transport.send_group(mails_to("r1", "r1", "r2", "r1", "r2")))
    assert [o.kind for o in outcomes] == [Kind.SENT] * 5
    assert [m.send_id for m in one.accepted] == [1, 2, 4]
    assert [m.send_id for m in two.accepted] == [3, 5]
    transport.close()
    assert one.closed and two.closed


def test_a_lost_relay_is_stepped_in_for_at_once() -> None:
    away, two = Away(), FakeTransport()
    transport, gate = over([away, two])
    announced: list[int] = []
    outcomes = list(transport.send_group(mails_to(*["r1"] * 20, "r2", "r1"), announced.append))
    assert sorted(o.send_id for o in outcomes) == list(range(1, 23))
    assert {o.kind for o in outcomes} == {Kind.SENT}
    assert [o.send_id for o in outcomes if o.relay != "r2"] == [21], "who really had it, else who was chosen"
    assert sorted(m.send_id for m in two.accepted) == list(range(1, 23))
    assert len(away.offered) <= 3  # the rest did not even try
    assert sorted(announced) == list(range(1, 23))
    assert gate.healthy() == ["r2"]


def test_what_may_have_been_handed_over_is_offered_to_nobody_else() -> None:
    one = FakeTransport({"customer2@customers.example": BROKEN_AFTER_THE_DOT})
    two = FakeTransport()
    transport, _ = over([one, two])
    outcomes = {o.send_id: o.kind for o in transport.send_group(mails_to("r1", "r1", "r1"))}
    assert outcomes == {1: Kind.SENT, 2: Kind.UNCERTAIN, 3: Kind.SENT}
    assert not two.accepted


def test_a_relays_own_answers_stand() -> None:
    one = FakeTransport(
        {
            "customer1@customers.example": Answer(450, "4.7.1 come back"),
            "customer2@customers.example": Answer(550, "5.1.1 nobody"),
        }
    )
    two = FakeTransport()
    transport, gate = over([one, two])
    kinds = [o.kind for o in transport.send_group(mails_to("r1", "r1", "r1"))]
    assert kinds == [Kind.DEFERRED, Kind.REJECTED, Kind.SENT]
    assert not two.accepted
    assert gate.healthy() == ["r1", "r2"]


def test_a_full_disk_is_no_relays_fault() -> None:
    one, two = FakeTransport(), FakeTransport()
    transport, gate = over([one, two])

    def no_room(send_id: int) -> None:
        if send_id == 2:
            raise ServiceUnavailable("the journal", "no space left")

    outcomes = {o.send_id: o for o in transport.send_group(mails_to("r1", "r1", "r1"), no_room)}
    assert [outcomes[n].kind for n in (1, 2, 3)] == [Kind.SENT, Kind.UNREACHED, Kind.SENT]
    assert "no space left" in outcomes[2].reply
    assert not two.accepted
    assert gate.healthy() == ["r1", "r2"]


def test_when_all_are_away_each_mail_comes_back_with_the_reason() -> None:
    transport, gate = over([Away(), Away()])
    outcomes = list(transport.send_group(mails_to(*["r1", "r2"] * 10)))
    assert sorted(o.send_id for o in outcomes) == list(range(1, 21))
    assert {o.kind for o in outcomes} == {Kind.UNREACHED}
    assert any(o.reply == "connection refused" for o in outcomes)
    list(transport.send_group(mails_to("r1", "r2")))
    # Now both are known to be down, and the likeliest is all that the gate names.
    [likeliest] = gate.healthy()
    [again] = transport.send_group(mails_to(likeliest))
    assert again.kind is Kind.UNREACHED


def test_who_steps_in_keeps_to_its_own_limit() -> None:
    two = FakeTransport()
    transport, _ = over([Away(), two], [{}, {"per_second": 1}])
    kinds = Counter(o.kind for o in transport.send_group(mails_to(*["r1"] * 8)))
    assert kinds == {Kind.SENT: 1, Kind.UNREACHED: 7}


def test_a_single_relay_gets_everything_whatever_its_name() -> None:
    only = FakeTransport({"customer1@customers.example": [BROKEN_BEFORE_THE_DOT, ACCEPTED]})
    transport, _ = over([only])
    kinds = [o.kind for o in transport.send_group(mails_to("r1", "", "of yesterday"))]
    assert kinds == [Kind.UNREACHED, Kind.SENT, Kind.SENT]


def test_a_relay_that_is_no_longer_in_the_file_is_stepped_in_for() -> None:
    transport, _ = over([FakeTransport(), FakeTransport()])
    assert {o.kind for o in transport.send_group(mails_to("of yesterday", "r2", ""))} == {Kind.SENT}


def test_an_exception_of_the_iterable_comes_after_the_outcomes_of_what_was_taken() -> None:
    two = FakeTransport()
    transport, _ = over([Away(), two])

    def mails() -> Iterator[OutgoingMail]:
        yield from mails_to("r1", "r1", "r2", "r1")
        raise KeyError("consent lookup failed")

    seen: list[Outcome] = []
    with pytest.raises(KeyError):
        for outcome in transport.send_group(mails()):
            seen.append(outcome)
    assert {(o.send_id, o.kind) for o in seen} == {(n, Kind.SENT) for n in (1, 2, 3, 4)}


class Moody:
    """Anything that the contract allows: mails taken ahead, outcomes in any order, relays that come and go."""

    def __init__(self, rng: Random, handed_over: Counter[int], in_flight: int = 4) -> None:
        self._rng, self._handed_over, self._in_flight = rng, handed_over, in_flight

    def send_group(
        self, mails: Iterable[OutgoingMail], before_data: Callable[[int], None] = unannounced
    ) -> Iterator[Outcome]:
        held: list[OutgoingMail] = []
        source = iter(mails)
        ended = False
        while held or not ended:
            while not ended and len(held) < self._in_flight:
                mail = next(source, None)
                ended = mail is None
                held += [mail] if mail else []
            if held:
                yield self._outcome(held.pop(self._rng.randrange(len(held))), before_data)

    def _outcome(self, mail: OutgoingMail, before_data: Callable[[int], None]) -> Outcome:
        kind = self._rng.choice([Kind.SENT, Kind.SENT, Kind.UNREACHED, Kind.UNCERTAIN, Kind.DEFERRED])
        if kind is Kind.UNREACHED and self._rng.random() < 0.5:
            return unreached(mail.send_id, "refused")
        try:
            before_data(mail.send_id)
        except ServiceUnavailable as error:
            return unreached(mail.send_id, error.message)
        if kind in (Kind.SENT, Kind.UNCERTAIN):
            self._handed_over[mail.send_id] += 1
        code = {Kind.SENT: 250, Kind.DEFERRED: 450}.get(kind)
        return Outcome(mail.send_id, kind, code)

    def close(self) -> None:
        """Nothing is open."""


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, 2**32),
    st.integers(1, 4),
    st.lists(st.integers(1, 5).map(lambda n: f"r{n}"), max_size=60),
    st.floats(0, 0.3),
)
def test_whatever_happens_each_mail_has_one_outcome_and_no_second_copy(
    seed: int, relays: int, to: list[str], disk_trouble: float
) -> None:
    rng, handed_over = Random(seed), Counter[int]()
    transport, _ = over([Moody(rng, handed_over) for _ in range(relays)])

    def announce(send_id: int) -> None:
        if rng.random() < disk_trouble:
            raise ServiceUnavailable("the journal", "no space left")

    outcomes = list(transport.send_group(mails_to(*to), announce))
    assert sorted(o.send_id for o in outcomes) == list(range(1, len(to) + 1))
    assert all(count == 1 for count in handed_over.values())
    told = {o.send_id for o in outcomes if o.kind in (Kind.SENT, Kind.UNCERTAIN)}
    assert told == set(handed_over)


def test_a_real_relay_steps_in_for_one_that_is_away() -> None:
    with Relay() as relay:
        away = SmtpTransport(SmtpAddress("smtp://127.0.0.1:1?tls=none"), "shop.example", timeout=5)
        there = SmtpTransport(relay.address(), "shop.example", timeout=5)
        transport, _ = over([away, there])
        outcomes = list(transport.send_group(mails_to(*["r1", "r1", "r2"] * 10)))
        transport.close()
        assert sorted(o.send_id for o in outcomes) == list(range(1, 31))
        assert {o.kind for o in outcomes} == {Kind.SENT}
        assert len(relay.received) == 30
