"""Notices as messages: headers that hold with any name, and what SpamAssassin says."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest

from campaigns.compose.notice_message import build_notice, notice_message_id
from campaigns.compose.notices import LANGUAGES, render_notice
from campaigns.compose.spam_judge import installed_judge
from campaigns.core.clock import FixedClock, SystemClock
from campaigns.core.errors import BadInput
from campaigns.core.tokens import Signer

JUDGE = installed_judge()
VALUES = {
    "url": "https://mail.fjellandfern.example/s/news/AXYdAZYtIJo7HGJDLRO-Og",
    "until": "2026-11-23T14:05:00+00:00",
    "postal_address": "Fjell & Fern, Storgata 12, 9008 Tromsø, Norway",
}
SENDER = ("Fjell & Fern", "hello@fjellandfern.example")
SIGNER = Signer([b"k" * 32])
NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)


def message(
    name: str = "Fjell & Fern",
    recipient: str = "astrid@fjellmail.com",
    language: str = "en",
    at: str = SENDER[1],
) -> bytes:
    rendered = render_notice("confirm_signup", language, name, VALUES)
    return build_notice(rendered, (name, at), recipient, notice_message_id(SIGNER, 12, at), FixedClock(NOW))


def parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage) and not found.defects
    return found


@pytest.mark.parametrize(
    "name",
    [
        "Fjell & Fern",
        'The "best" shop, ever',
        "Ångström & søn " * 6,
        "معطف المطر",
        "🎉 Zoë",
        "A" * 200,
        "=?utf-8?q?x?=",
    ],
)
def test_a_senders_name_arrives_as_it_is(name: str) -> None:
    content = message(name)
    mail = parsed(content)
    # The parser of today leaves spaces between encoded words of a name, against RFC 2047, 6.2; this one does not.
    written, address = parseaddr(message_from_bytes(content, policy=policy.compat32)["From"])
    assert str(make_header(decode_header(written))) == " ".join(name.split())
    assert address == SENDER[1]
    assert mail["Date"].datetime == NOW
    assert content.isascii() and max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_long_and_international_domains_keep_their_headers_whole() -> None:
    domain = ".".join(["langerdomainteil"] * 8) + ".example"
    mail = parsed(message(recipient=f"{'a' * 60}@{domain}", at=f"hello@{domain}"))
    assert mail["Message-ID"] == f"<{notice_message_id(SIGNER, 12, f'hello@{domain}')}>"
    assert mail["To"].addresses[0].addr_spec == f"{'a' * 60}@{domain}"
    assert parsed(message(recipient="bo@bücher.example"))["To"].addresses[0].domain == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "recipient", ["nobody", "søren@fjell.example", "a@b\r\nBcc: c@d.example", "a\r\nb@c.example"]
)
def test_what_is_no_address_becomes_no_header(recipient: str) -> None:
    with pytest.raises(BadInput):
        message(recipient=recipient)


def test_the_message_id_is_the_same_at_every_attempt_and_not_to_be_guessed() -> None:
    assert notice_message_id(SIGNER, 12, SENDER[1]) == notice_message_id(SIGNER, 12, SENDER[1])
    assert notice_message_id(SIGNER, 12, SENDER[1]) != notice_message_id(Signer([b"o" * 32]), 12, SENDER[1])


@pytest.mark.slow
@pytest.mark.skipif(JUDGE is None, reason="spamassassin is missing: apt install spamassassin")
def test_spamassassin_finds_nothing_in_any_language() -> None:
    assert JUDGE is not None
    kinds = ("confirm_signup", "confirm_export", "confirm_erasure")
    identity = notice_message_id(SIGNER, 12, SENDER[1])
    mails = [
        build_notice(
            render_notice(kind, language, SENDER[0], VALUES),
            SENDER,
            "astrid@fjellmail.com",
            identity,
            SystemClock(),
        )
        for kind in kinds
        for language in LANGUAGES
    ]
    verdicts = JUDGE.judge(mails)
    assert len(verdicts) == 15
    assert [(v.score, v.rules) for v in verdicts if v.score >= 1.0] == []
