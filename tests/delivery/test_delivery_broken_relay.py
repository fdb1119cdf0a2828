"""A relay that dies, hangs or talks nonsense in each phase: what is safe to repeat, and what is uncertain."""

from __future__ import annotations

import signal
import socket
import time

import pytest
from delivery_servers import CLOSE, DRIP, HANG, RESET, ScriptedRelay, a_mail

from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Kind, Outcome
from tests.waiting import in_time

LONG = b"some sixty characters of text, repeated until it is long....\r\n" * 20_000
both_ways = pytest.mark.parametrize("pipelining", [True, False])


def send(
    relay: ScriptedRelay, count: int = 1, body: bytes = b"Hello.\r\n", wait: float = 0.4, connections: int = 1
) -> list[Outcome]:
    transport = SmtpTransport(
        relay.address, "shop.example", timeout=wait, final_timeout=wait, connections=connections
    )
    outcomes = list(transport.send_group(a_mail(n, body=body) for n in range(count)))
    transport.close()
    return outcomes


@both_ways
@pytest.mark.parametrize("trouble", [CLOSE, RESET, HANG, DRIP, "HTTP/1.1 400 Bad Request", "421 4.3.2 down"])
@pytest.mark.parametrize("phase", ["banner", "ehlo", "mail", "rcpt", "data"])
def test_before_the_dot_nothing_was_handed_over(phase: str, trouble: str, pipelining: bool) -> None:
    with ScriptedRelay([{phase: trouble}], pipelining) as relay:
        (outcome,) = send(relay)
        assert outcome.kind is Kind.UNREACHED
        assert outcome.may_be_sent_again
        assert outcome.reply
        assert relay.dots_seen == 0
        if trouble.startswith("421") and phase != "ehlo":
            assert outcome.code == 421


@both_ways
@pytest.mark.parametrize("trouble", [CLOSE, RESET, HANG])
def test_a_break_in_the_midst_of_the_message_is_before_the_dot(trouble: str, pipelining: bool) -> None:
    with ScriptedRelay([{"body": trouble}], pipelining) as relay:
        (outcome,) = send(relay, body=LONG * 8)
        assert outcome.kind is Kind.UNREACHED
        assert relay.dots_seen == 0


@both_ways
@pytest.mark.parametrize("trouble", [CLOSE, RESET, HANG, DRIP, "not smtp", "354 what"])
def test_after_the_dot_without_a_reply_it_is_uncertain(trouble: str, pipelining: bool) -> None:
    with ScriptedRelay([{"dot": trouble}], pipelining) as relay:
        (outcome,) = send(relay)
        assert outcome.kind is Kind.UNCERTAIN
        assert not outcome.may_be_sent_again
        assert relay.dots_seen == 1


@both_ways
def test_a_421_as_the_reply_to_the_dot_is_a_reply(pipelining: bool) -> None:
    with ScriptedRelay([{"dot": "421 4.3.2 going down"}], pipelining) as relay:
        (outcome,) = send(relay)
        assert (outcome.kind, outcome.code, outcome.enhanced) == (Kind.UNREACHED, 421, "4.3.2")


@both_ways
@pytest.mark.parametrize("phase", ["mail#4", "rcpt#4", "data#4", "dot#4"])
@pytest.mark.parametrize("trouble", ["421 4.7.0 too many mails on this connection", CLOSE, RESET])
def test_in_mid_group_another_connection_takes_over(phase: str, trouble: str, pipelining: bool) -> None:
    with ScriptedRelay([{phase: trouble}, {}], pipelining) as relay:
        kinds = [o.kind for o in send(relay, 10)]
        lost_for_good = phase == "dot#4" and not trouble.startswith("421")
        assert kinds == [Kind.UNCERTAIN if n == 3 and lost_for_good else Kind.SENT for n in range(10)]
        wanted = [a_mail(n).message for n in range(10) if not (n == 3 and lost_for_good)]
        assert relay.accepted == wanted
        assert relay.connections == 2


def test_a_relay_that_is_away_costs_the_group_one_connection_attempt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    transport = SmtpTransport(SmtpAddress(f"smtp://127.0.0.1:{port}?tls=none"), "shop.example", timeout=1)
    outcomes = list(transport.send_group(a_mail(n) for n in range(300)))
    assert [o.send_id for o in outcomes] == list(range(300))
    assert {o.kind for o in outcomes} == {Kind.UNREACHED}
    assert "refused" in outcomes[0].reply


@pytest.mark.parametrize("connections", [1, 4])
def test_a_silent_relay_does_not_make_every_mail_uncertain_nor_take_a_timeout_each(connections: int) -> None:
    with ScriptedRelay([{"dot": HANG}]) as relay:
        started = time.monotonic()
        kinds = [o.kind for o in send(relay, 50, wait=0.3, connections=connections)]
        assert kinds.count(Kind.UNCERTAIN) == relay.dots_seen <= max(2, connections)
        assert kinds.count(Kind.UNREACHED) == 50 - relay.dots_seen
        assert in_time(started, 3)


def test_a_reply_that_drips_in_cannot_outstay_its_time() -> None:
    with ScriptedRelay([{"mail": DRIP}]) as relay:
        started = time.monotonic()
        send(relay, wait=0.5)
        assert in_time(started, 2)


def test_a_refusal_stands_though_the_connection_went_right_after_it() -> None:
    with ScriptedRelay([{"rcpt": "550 5.1.1 nobody", "data": CLOSE}, {}]) as relay:
        first, second = send(relay, 2)
        assert (first.kind, first.address_is_dead) == (Kind.REJECTED, True)
        assert second.kind is Kind.SENT
        assert relay.accepted == [a_mail(1).message]


def test_data_opened_after_a_refused_recipient_is_ended_by_a_lone_dot() -> None:
    with ScriptedRelay([{"rcpt#1": "550 5.1.1 nobody", "dot#1": "554 no valid recipients"}]) as relay:
        first, second = send(relay, 2)
        assert (first.code, second.kind) == (550, Kind.SENT)
        assert (relay.lone_dots, relay.connections) == (1, 1)
        assert relay.accepted == [a_mail(1).message]


def test_no_empty_mail_is_delivered_where_only_the_sender_was_refused() -> None:
    with ScriptedRelay([{"mail#1": "550 5.7.1 not you"}, {}]) as relay:
        first, second = send(relay, 2)
        assert (first.kind, second.kind) == (Kind.REJECTED, Kind.SENT)
        assert relay.lone_dots == 0
        assert relay.accepted == [a_mail(1).message]


def test_an_exception_thrown_in_while_waiting_leaves_no_half_dialogue() -> None:
    class TimeIsUp(Exception):
        pass

    def ring(*_: object) -> None:
        raise TimeIsUp

    with ScriptedRelay([{"dot": HANG}, {}]) as relay:
        transport = SmtpTransport(relay.address, "shop.example", timeout=5)
        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            with pytest.raises(TimeIsUp):
                list(transport.send_group([a_mail(1)]))
        finally:
            signal.signal(signal.SIGALRM, before)
        assert relay.dots_seen == 1
        # The server hangs on its first connection until this ends; on the same dialogue the next mail's
        # commands would be read as if they followed the unanswered dot.
        assert transport._pool.dialogues == []
