"""A process that is asked to end in front of a relay that keeps it waiting."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from delivery_servers import DRIP, HANG, ScriptedRelay, a_mail

from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.abandoning import OutOfPatience, while_patient
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
    began = time.monotonic()
    timer.start()
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
    assert SECONDS - 0.1 < took < SECONDS + 4


def test_an_answer_within_that_time_still_counts() -> None:
    with ScriptedRelay(delay=0.2) as relay:
        outcomes, took = send_while_asked_to_end(relay, count=100, after=1.0)
    assert {outcome.kind for outcome in outcomes} == {Kind.SENT}
    assert len(outcomes) == len(relay.accepted) < 100
    assert took < SECONDS + 4


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


def test_a_resolver_that_does_not_answer_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, usual = threading.Event(), socket.getaddrinfo

    def slow(*args: Any, **options: Any) -> Any:
        answered.wait(30)
        return usual(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with ScriptedRelay() as relay:
        (outcome,), took = send_while_asked_to_end(relay)
        answered.set()
    assert outcome.kind is Kind.UNREACHED
    assert "this process is to end" in outcome.reply
    assert SECONDS - 0.1 < took < SECONDS + 4


def test_a_greeting_of_tls_that_does_not_come_is_left_behind() -> None:
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = SmtpAddress(f"smtp://127.0.0.1:{silent.getsockname()[1]}?tls=implicit")
        transport = SmtpTransport(address, "shop.example", patience=Patience(asked.is_set, SECONDS))
        asked.set()
        began = time.monotonic()
        (outcome,) = transport.send_group([a_mail(0)])
        took = time.monotonic() - began
    assert "this process is to end" in outcome.reply
    assert SECONDS - 0.1 < took < SECONDS + 4


def test_what_comes_of_a_step_that_was_left_behind_is_put_away() -> None:
    done, put_away = threading.Event(), threading.Event()

    def slow() -> str:
        done.wait(30)
        return "connection"

    def away(made: str) -> None:
        assert made == "connection"
        put_away.set()

    asked = False

    def stopping() -> bool:
        nonlocal asked
        first, asked = not asked, True
        return not first

    with pytest.raises(OutOfPatience):
        while_patient(slow, Patience(stopping, 0.0), away)
    assert not put_away.is_set()
    done.set()
    assert put_away.wait(5)


def test_an_error_of_the_step_is_raised() -> None:
    def fails() -> None:
        raise ConnectionRefusedError("nobody there")

    with pytest.raises(ConnectionRefusedError, match="nobody there"):
        while_patient(fails, Patience(), lambda made: None)
