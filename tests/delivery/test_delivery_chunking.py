"""CHUNKING (RFC 3030): the whole transaction in one write, and what its three replies decide together."""

from __future__ import annotations

import time

import pytest
from delivery_servers import CLOSE, DRIP, HANG, RESET, ScriptedRelay, a_mail
from test_delivery_tls_auth import Trust, trust

from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Kind, Outcome

__all__ = ["trust"]  # a fixture

LONG = b"some sixty characters of text, repeated until it is long....\r\n" * 100_000


def send(
    relay: ScriptedRelay, count: int = 1, body: bytes = b"Hello.\r\n", wait: float = 0.5
) -> list[Outcome]:
    transport = SmtpTransport(relay.address, "shop.example", wait, final_timeout=wait, connections=1)
    outcomes = list(transport.send_group(a_mail(n, body=body) for n in range(count)))
    transport.close()
    assert relay.nonsense == []
    return outcomes


def test_what_arrives_has_the_announced_size_and_no_doubled_dots() -> None:
    body = b".\r\n..\r\n.hidden\r\n" + "blåbær\r\n".encode()
    with ScriptedRelay([{"ehlo": "250-r\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME"}]) as relay:
        assert [o.kind for o in send(relay, 20, body)] == [Kind.SENT] * 20
        assert relay.accepted == [a_mail(n, body=body).message for n in range(20)]
        assert relay.connections == 1
        assert "data" not in relay.commands


def test_chunking_without_pipelining_is_left_alone() -> None:
    with ScriptedRelay(pipelining=False, chunking=True) as relay:
        assert [o.kind for o in send(relay, 3)] == [Kind.SENT] * 3
        assert "bdat" not in relay.commands


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        ({"mail#2": "550 5.7.1 not from you"}, Kind.REJECTED, 550),
        ({"mail#2": "451 4.3.0 later"}, Kind.DEFERRED, 451),
        ({"rcpt#2": "550 5.1.1 nobody"}, Kind.REJECTED, 550),
        ({"rcpt#2": "450 4.7.1 greylisted"}, Kind.DEFERRED, 450),
        ({"rcpt#2": "550 5.1.1 nobody", "bdat#2": "250 2.0.0 for nobody"}, Kind.REJECTED, 550),
        ({"rcpt#2": "550 5.1.1 nobody", "bdat#2": CLOSE}, Kind.REJECTED, 550),
        ({"rcpt#2": "550 5.1.1 nobody", "bdat#2": "421 4.3.2 bye"}, Kind.REJECTED, 550),
        ({"bdat#2": "554 5.7.1 spam"}, Kind.REJECTED, 554),
        ({"bdat#2": "452 4.3.1 disk full"}, Kind.DEFERRED, 452),
    ],
)
def test_the_first_refusal_decides_and_concerns_its_mail_only(
    script: dict[str, str], kind: Kind, code: int
) -> None:
    with ScriptedRelay([script, {}], chunking=True) as relay:
        outcomes = send(relay, 4)
        assert [o.kind for o in outcomes] == [Kind.SENT, kind, Kind.SENT, Kind.SENT]
        assert outcomes[1].code == code
        assert relay.accepted == [a_mail(n).message for n in (0, 2, 3)]


@pytest.mark.parametrize("phase", ["mail", "rcpt", "bdat"])
@pytest.mark.parametrize("trouble", [CLOSE, RESET, HANG, DRIP, "not smtp", "354 what"])
def test_once_the_whole_chunk_is_handed_over_silence_is_uncertain(phase: str, trouble: str) -> None:
    with ScriptedRelay([{phase: trouble}], chunking=True) as relay:
        (outcome,) = send(relay)
        assert outcome.kind is Kind.UNCERTAIN
        assert not outcome.may_be_sent_again


@pytest.mark.parametrize("trouble", [CLOSE, RESET, HANG])
def test_a_break_in_the_midst_of_the_chunk_is_before_its_end(trouble: str) -> None:
    with ScriptedRelay([{"body": trouble}], chunking=True) as relay:
        (outcome,) = send(relay, body=LONG)
        assert outcome.kind is Kind.UNREACHED
        assert relay.whole == []


@pytest.mark.parametrize("phase", ["mail", "rcpt", "bdat"])
def test_a_421_at_any_step_is_unreached(phase: str) -> None:
    with ScriptedRelay([{phase: "421 4.3.2 going down"}], chunking=True) as relay:
        (outcome,) = send(relay)
        assert (outcome.kind, outcome.code) == (Kind.UNREACHED, 421)
    with ScriptedRelay([{f"{phase}#3": "421 4.7.0 enough on this connection"}, {}], chunking=True) as relay:
        assert [o.kind for o in send(relay, 6)] == [Kind.SENT] * 6
        assert relay.connections == 2


def test_a_relay_that_reads_a_refused_chunk_as_commands_is_given_up_before_the_next_mail() -> None:
    # It answers the refused chunk and then, out of step, one line more.
    out_of_step = {"rcpt#2": "550 5.1.1 nobody", "bdat#2": "503 5.5.1 no\r\n500 5.5.2 what?"}
    with ScriptedRelay([out_of_step, {}], chunking=True) as relay:
        assert [o.kind for o in send(relay, 4)] == [Kind.SENT, Kind.REJECTED, Kind.SENT, Kind.SENT]
        assert relay.connections == 2


def test_after_a_silence_the_relay_is_asked_for_a_sign_of_life_first() -> None:
    with ScriptedRelay([{"rset": CLOSE}, {}], chunking=True) as relay:
        transport = SmtpTransport(relay.address, "shop.example", 2, connections=1)
        assert [o.kind for o in transport.send_group([a_mail(1)])] == [Kind.SENT]
        time.sleep(1.2)
        announced: list[int] = []
        assert [o.kind for o in transport.send_group([a_mail(2)], announced.append)] == [Kind.SENT]
        transport.close()
        assert (relay.connections, announced) == (2, [2])
        assert relay.accepted == [a_mail(1).message, a_mail(2).message]


@pytest.mark.parametrize("chunking", [True, False])
def test_over_tls_with_bodies_that_no_buffer_holds(trust: Trust, chunking: bool) -> None:
    with ScriptedRelay(chunking=chunking, tls_context=trust.server("localhost")) as relay:
        transport = SmtpTransport(relay.address, "shop.example", 10, ssl_context=trust.client, connections=3)
        mails = [a_mail(n, body=LONG if n % 3 == 0 else b"Hello.\r\n") for n in range(9)]
        assert [o.kind for o in transport.send_group(mails)] == [Kind.SENT] * 9
        transport.close()
        assert sorted(relay.accepted) == sorted(mail.message for mail in mails)
        assert relay.nonsense == []
