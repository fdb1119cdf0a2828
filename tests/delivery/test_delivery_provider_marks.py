"""The mark that providers give back: in the mail as each of them wants it, and proven when it comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from delivery_servers import Relay, a_mail

from campaigns.compose.identity import message_id, parse_message_id
from campaigns.core.errors import BadToken
from campaigns.core.tokens import Signer
from campaigns.delivery.fake import FakeTransport
from campaigns.delivery.provider_marks import MarkingTransport, Provider, as_message_id, mark_of
from campaigns.delivery.relay_plan import load_relay_plan
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Kind, OutgoingMail


def test_a_mark_leads_back_to_its_send(signer: Signer) -> None:
    ours = message_id(signer, 12, 345, "mail.example.com")
    mark = mark_of(f"<{ours}>")
    assert mark == mark_of(ours)
    assert set(mark) <= set("0123456789abcdef-"), "Amazon SES takes letters, digits, dashes and underscores"
    assert parse_message_id(signer, as_message_id(mark)) == (12, 345)
    assert as_message_id(f"<{ours}>") == f"<{ours}>"


def test_a_forged_mark_proves_nothing(signer: Signer) -> None:
    for forged in ("12-345-0123456789abcdef", "12-345", "", "-", "x" * 3000):
        with pytest.raises(BadToken):
            parse_message_id(signer, as_message_id(forged))


@pytest.mark.parametrize(
    ("provider", "header", "value"),
    [
        ("ses", "X-SES-MESSAGE-TAGS", "tailormail=s7"),
        ("sendgrid", "X-SMTPAPI", {"unique_args": {"tailormail": "s7"}}),
        ("postmark", "X-PM-Metadata-tailormail", "s7"),
        ("mailgun", "X-Mailgun-Variables", {"tailormail": "s7"}),
    ],
)
def test_each_provider_gets_its_header_and_the_mail_is_untouched(
    provider: Provider, header: str, value: object
) -> None:
    mail = a_mail(7)
    with Relay() as relay:
        transport = MarkingTransport(SmtpTransport(relay.address(), "sender.test", connections=1), provider)
        outcomes = list(transport.send_group([mail]))
        transport.close()
    assert [outcome.kind for outcome in outcomes] == [Kind.SENT]
    content = relay.received[0].content
    assert content.endswith(mail.message), "what DKIM has signed goes out byte for byte"
    found = message_from_bytes(content)[header]
    assert (json.loads(found) if isinstance(value, dict) else found) == value
    for line in content.split(b"\r\n"):
        assert len(line) <= 998


def test_without_a_provider_there_is_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "delivery.toml"
    path.write_text(
        '[[relays]]\nname = "a"\nurl = "smtp://a.example"\n'
        '[[relays]]\nname = "b"\nurl = "smtp://b.example"\nprovider = "ses"\n'
    )
    plan = load_relay_plan(path, None)
    assert [relay.provider for relay in plan.relays] == [None, "ses"]


def test_marking_keeps_the_promises_of_a_transport() -> None:
    fake = FakeTransport({})
    taken: list[int] = []

    def mails() -> Iterator[OutgoingMail]:
        for number in range(3):
            taken.append(number)
            yield a_mail(number)

    found = MarkingTransport(fake, "ses").send_group(mails())
    next(iter(found))
    assert len(taken) < 3, "mails are taken when they are wanted, not before"
