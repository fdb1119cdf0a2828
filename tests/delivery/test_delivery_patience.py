"""A process that is asked to end in front of a relay that keeps it waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from delivery_servers import DRIP, HANG, ScriptedRelay, a_mail

from campaigns.delivery.patience import Patience
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail

SECONDS = 0.6


def send_while_asked_to_end(
    relay: ScriptedRelay, count: int = 1, after: float = 0.4
) -> tuple[list[Outcome], float]:
    """The outcomes, and how many seconds they came after the process was asked to end."""
    asked = threading.Event()
    timer = threading.Timer(after, asked.set)
    transport = SmtpTransport(
        relay.address, "shop.example", connections=1, patience=Patience(asked.is_set, SECONDS)
    )
    timer.start()
    began = time.monotonic()
    outcomes = list(transport.send_group(_until(asked, count)))
    took = time.monotonic() - began - after
    timer.join()
    transport.close()
    return outcomes, took


def _until(asked: threading.Event, count: int) -> Iterator[OutgoingMail]:
    for number in range(count):
        if asked.is_set():
            return
        yield a_mail(number)


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("trouble", [HANG, DRIP])
@pytest.mark.parametrize("phase", ["banner", "ehlo", "mail", "rcpt", "data", "dot"])
def test_what_is_under_way_is_given_up_after_a_while(phase: str, trouble: str, pipelining: bool) -> None:
    with ScriptedRelay([{phase: trouble}], pipelining) as relay:
        (outcome,), took = send_while_asked_to_end(relay)
    assert outcome.kind is (Kind.UNCERTAIN if phase == "dot" else Kind.UNREACHED)
    assert "this process is to end" in outcome.reply
    assert SECONDS - 0.1 < took < SECONDS + 1


def test_an_answer_within_that_time_still_counts() -> None:
    with ScriptedRelay(delay=0.2) as relay:
        outcomes, took = send_while_asked_to_end(relay, count=100, after=1.0)
    assert {outcome.kind for outcome in outcomes} == {Kind.SENT}
    assert len(outcomes) == len(relay.accepted) < 100
    assert took < SECONDS + 1


def test_with_its_patience_at_an_end_nothing_is_begun() -> None:
    patience = Patience(lambda: True, 0.0)
    with ScriptedRelay() as relay:
        transport = SmtpTransport(relay.address, "shop.example", patience=patience)
        outcomes = list(transport.send_group(a_mail(n) for n in range(3)))
        assert [outcome.kind for outcome in outcomes] == [Kind.UNREACHED] * 3
        assert relay.connections == 0


def test_who_is_not_asked_any_more_has_patience_again() -> None:
    asked = True
    patience = Patience(lambda: asked, 0.0)
    assert patience.over
    asked = False
    assert not patience.over
