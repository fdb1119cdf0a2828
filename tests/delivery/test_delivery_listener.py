"""The listener takes mail for our addresses alone, says 250 only of what was taken in, and is not brought down."""

from __future__ import annotations

import smtplib
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_delivery_tls_auth import Trust

from campaigns.core.errors import NotConfigured, ServiceUnavailable
from campaigns.delivery.inbound.arrived import MOST_BYTES
from campaigns.delivery.inbound.listener import Listener
from tests.waiting import until

OURS = "bounce+1.2.abc@bounces.example"
MAIL = b"Subject: hello\r\n\r\n.dot\r\n..dots\r\nend \xff\r\n"


class Taker:
    """Remembers what it is given; `trouble` is raised instead."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, list[str]]] = []
        self.trouble: Exception | None = None
        self.wait = threading.Event()
        self.wait.set()

    def __call__(self, raw: bytes, recipients: Sequence[str]) -> None:
        assert self.wait.wait(10)
        if self.trouble:
            raise self.trouble
        self.taken.append((raw, list(recipients)))


def ours(address: str) -> bool:
    return address.lower().endswith("@bounces.example") and address.lower().startswith(("bounce+", "fbl@"))


@pytest.fixture
def taker() -> Taker:
    return Taker()


def listening(taker: Taker, **options: object) -> Listener:
    return Listener(taker, ours, name="in.example", **options)  # type: ignore[arg-type]


def test_mail_for_us_is_taken_in_byte_for_byte(taker: Taker) -> None:
    with listening(taker) as listener, smtplib.SMTP("127.0.0.1", listener.port) as smtp:
        assert smtp.sendmail("", [OURS, "FBL@Bounces.example"], MAIL) == {}
        smtp.sendmail("someone@else.example", [OURS], MAIL)
    assert taker.taken == [(MAIL, [OURS, "FBL@Bounces.example"]), (MAIL, [OURS])]


@pytest.mark.parametrize(
    "address",
    ["anna@customers.example", "bounce+1.2.abc@elsewhere.example", "postmaster@bounces.example",
     "bounce+1.2.abc%customers.example@bounces.example.", "@bounces.example:anna@customers.example", "anna"],
)  # fmt: skip
def test_it_relays_nothing(taker: Taker, address: str) -> None:
    with listening(taker) as listener, smtplib.SMTP("127.0.0.1", listener.port) as smtp:
        smtp.ehlo()
        smtp.mail("x@y.example")
        assert smtp.rcpt(address)[0] // 100 == 5
        assert smtp.docmd("DATA")[0] == 503
        assert smtp.docmd("VRFY", OURS)[0] == 252
        assert "auth" not in smtp.esmtp_features
    assert not taker.taken


@pytest.mark.parametrize("trouble", [ServiceUnavailable("PostgreSQL", "away"), ZeroDivisionError()])
def test_what_cannot_be_taken_in_now_stays_with_its_sender(taker: Taker, trouble: Exception) -> None:
    taker.trouble = trouble
    with listening(taker) as listener, smtplib.SMTP("127.0.0.1", listener.port) as smtp:
        with pytest.raises(smtplib.SMTPDataError) as told:
            smtp.sendmail("", [OURS], MAIL)
        assert told.value.smtp_code == 451
        taker.trouble = None
        smtp.sendmail("", [OURS], MAIL)
    assert len(taker.taken) == 1


def test_nothing_is_said_before_it_is_taken_in(taker: Taker) -> None:
    taker.wait.clear()
    with listening(taker) as listener, socket.create_connection(("127.0.0.1", listener.port), 5) as talk:
        file = talk.makefile("rb")
        talk.sendall(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n" % OURS.encode())
        while not file.readline().startswith(b"354"):
            pass
        talk.sendall(MAIL + b".\r\n")
        talk.settimeout(0.3)
        with pytest.raises(TimeoutError):
            talk.recv(10)
        talk.settimeout(5)
        taker.wait.set()
        assert talk.recv(100).startswith(b"250 2.0.0")


def test_closing_waits_for_what_was_received(taker: Taker) -> None:
    taker.wait.clear()
    listener = listening(taker).start()
    smtp = smtplib.SMTP("127.0.0.1", listener.port, timeout=10)
    answers: list[object] = []
    sender = threading.Thread(target=lambda: answers.append(smtp.sendmail("", [OURS], MAIL)))
    sender.start()
    time.sleep(0.3)
    closer = threading.Thread(target=listener.close)
    closer.start()
    time.sleep(0.2)
    taker.wait.set()
    closer.join(10)
    sender.join(10)
    assert len(taker.taken) == 1
    assert answers == [{}], "and it was told so"
    smtp.close()


def test_a_mail_that_is_too_long_is_refused_for_good(taker: Taker) -> None:
    with listening(taker) as listener, smtplib.SMTP("127.0.0.1", listener.port) as smtp:
        assert int(smtp.ehlo() and smtp.esmtp_features["size"]) == MOST_BYTES
        with pytest.raises(smtplib.SMTPResponseException) as told:
            smtp.sendmail("", [OURS], b"x" * 998 + (b"\r\n" + b"x" * 998) * 5_100)
        assert told.value.smtp_code == 552
    assert not taker.taken


def test_long_lines_are_taken(taker: Taker) -> None:
    with listening(taker) as listener, smtplib.SMTP("127.0.0.1", listener.port) as smtp:
        smtp.sendmail("", [OURS], b"Subject: x\r\n\r\n" + b"y" * 20_000 + b"\r\n")
    assert len(taker.taken) == 1


def test_a_line_that_never_ends_ends_the_connection(taker: Taker) -> None:
    with listening(taker) as listener, socket.create_connection(("127.0.0.1", listener.port), 5) as talk:
        talk.sendall(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n" % OURS.encode())
        with pytest.raises(OSError):
            for _ in range(3_000):
                talk.sendall(b"x" * 10_000)
    assert not taker.taken


def test_many_mails_over_one_connection_are_not_taken_for_one_that_never_ends(taker: Taker) -> None:
    body = b"Subject: x\r\n\r\n" + (b"y" * 900 + b"\r\n") * 3_000
    with listening(taker) as listener, smtplib.SMTP("127.0.0.1", listener.port) as smtp:
        for _ in range(6):
            smtp.sendmail("", [OURS], body)
    assert len(taker.taken) == 6


def test_too_many_connections_are_sent_away_and_come_back(
    taker: Taker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.delivery.inbound.listener._MOST_CONNECTIONS", 3)
    with listening(taker) as listener:
        talks = [socket.create_connection(("127.0.0.1", listener.port), 5) for _ in range(3)]
        for talk in talks:
            assert talk.recv(100).startswith(b"220")
        with socket.create_connection(("127.0.0.1", listener.port), 5) as one_more:
            assert one_more.recv(100).startswith(b"421")
        for talk in talks:
            talk.close()
        until(lambda: listener.connections == 0)
        with smtplib.SMTP("127.0.0.1", listener.port) as smtp:
            smtp.sendmail("", [OURS], MAIL)
    assert len(taker.taken) == 1


def test_starttls(taker: Taker, tmp_path: Path) -> None:
    trust = Trust(tmp_path)
    with listening(taker, tls=trust.server("localhost")) as listener:
        with smtplib.SMTP("localhost", listener.port) as smtp:
            smtp.starttls(context=trust.client)
            smtp.sendmail("", [OURS], MAIL)
        until(lambda: listener.connections == 0)
    assert len(taker.taken) == 1


def test_lmtp_answers_for_each_recipient(taker: Taker) -> None:
    with listening(taker, lmtp=True) as listener, smtplib.LMTP("127.0.0.1", listener.port) as lmtp:
        assert lmtp.docmd("EHLO", "x")[0] == 500
        assert lmtp.sendmail("", [OURS], MAIL) == {}
        assert lmtp.sendmail("", [OURS, "fbl@bounces.example"], MAIL).keys() == {"fbl@bounces.example"}
        lmtp.sendmail("", ["fbl@bounces.example"], MAIL)
    assert [recipients for _, recipients in taker.taken] == [[OURS], [OURS], ["fbl@bounces.example"]]


def test_a_port_that_is_taken_is_said(taker: Taker) -> None:
    with listening(taker) as listener, pytest.raises(NotConfigured, match=f"127.0.0.1:{listener.port}"):
        listening(taker, port=listener.port).start()


@pytest.mark.parametrize(
    "junk", [b"\0\xff\r\n" * 50, b"GET / HTTP/1.1\r\n\r\n", b"MAIL FROM:<\r\n", b"DATA\r\n.\r\n"]
)
def test_junk_brings_nothing_down(taker: Taker, junk: bytes) -> None:
    with listening(taker) as listener:
        with socket.create_connection(("127.0.0.1", listener.port), 5) as talk:
            talk.sendall(junk)
            talk.recv(100)
        with smtplib.SMTP("127.0.0.1", listener.port) as smtp:
            smtp.sendmail("", [OURS], MAIL)
    assert len(taker.taken) == 1


def test_no_address_reaches_the_log(taker: Taker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    with listening(taker) as listener, smtplib.SMTP("127.0.0.1", listener.port) as smtp:
        smtp.sendmail("anna@customers.example", [OURS], MAIL)
    assert "anna" not in caplog.text
    assert "bounce+" not in caplog.text
