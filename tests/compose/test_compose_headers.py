"""Each rule for headers and parts that FACTS states, one test for each."""

from __future__ import annotations

import email
import email.header
import email.utils
import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import Message

import pytest
from compose_samples import CLOCK, HOSTILE, SIGNER, content, envelope
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from campaigns.compose.content import one_line
from campaigns.compose.dkim import DkimSigner
from campaigns.compose.identity import message_id, parse_message_id
from campaigns.compose.mime import Envelope, build_message, feedback_id
from campaigns.compose.template import load_template
from campaigns.core.clock import FixedClock
from campaigns.core.tokens import Signer

LONGEST = "Wolfeschlegelsteinhausenbergerdorff " * 8
NAMES = [*HOSTILE, LONGEST, "عبد الرحمن", "🎉 Zoë 👩‍👩‍👧", "", " "]
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
DKIM = DkimSigner(KEY, "s1", "fjellandfern.example", CLOCK)


def built(around: Envelope | None = None, *, picks: int = 4, first_name: str = "Søren") -> bytes:
    around = around or envelope()
    filled = content(picks, first_name=first_name, subject=around.subject)
    return build_message(load_template("outdoor").render_for_wire(filled), around, CLOCK, DKIM)


def read(message: bytes) -> Message:
    return email.message_from_bytes(message)


def head(message: bytes) -> str:
    return message.partition(b"\r\n\r\n")[0].decode("ascii") + "\r\n"


def signed_names(message: bytes) -> list[str]:
    signature = head(message).partition("DKIM-Signature:")[2].replace("\r\n ", "")
    found = re.search(r"; ?h=([^;]*);", signature)
    assert found
    return found[1].replace(" ", "").split(":")


@pytest.mark.parametrize("name", NAMES)
def test_each_header_stands_there_once(name: str) -> None:
    message = read(built(envelope(name or "Rain", name)))
    names = [header.lower() for header in message]
    assert sorted(names) == sorted(set(names))
    assert set(names) == {
        "dkim-signature", "to", "subject", "date", "message-id", "list-unsubscribe", "from", "reply-to",
        "list-unsubscribe-post", "list-id", "feedback-id", "mime-version", "content-type",
    }  # fmt: skip


def test_the_message_id_is_a_function_of_the_send() -> None:
    ids = {(c, s): message_id(SIGNER, c, s, "fjellandfern.example") for c in (7, 8) for s in (1, 2)}
    assert len(set(ids.values())) == 4
    for (campaign, send), made in ids.items():
        assert message_id(SIGNER, campaign, send, "fjellandfern.example") == made
        assert parse_message_id(SIGNER, f"<{made}>") == (campaign, send)
    assert message_id(Signer([b"another key, of 32 bytes or more"]), 7, 1, "x.example") != ids[7, 1]


def test_the_date_is_that_of_the_sending_and_not_of_the_queueing() -> None:
    clock = FixedClock(datetime(2026, 10, 5, 8, 30, tzinfo=UTC))
    mail = load_template("outdoor").render_for_wire(content(4))
    first = read(build_message(mail, envelope(), clock))["Date"]
    later = FixedClock(clock.now() + timedelta(days=2, seconds=1))
    second = read(build_message(mail, envelope(), later))["Date"]
    assert email.utils.parsedate_to_datetime(first) == clock.now()
    assert email.utils.parsedate_to_datetime(second) == later.now()
    assert second == "Wed, 07 Oct 2026 08:30:01 +0000"


def test_the_feedback_id_has_four_fields_that_name_nobody() -> None:
    assert read(built())["Feedback-ID"] == "campaign-7:marketing:tailormail:fjell-fern"
    for sender in ("", "李雷", "a" * 200, "a:b:c", "x\r\nBcc: y"):
        fields = feedback_id(7, sender).split(":")
        assert len(fields) == 4 and all(re.fullmatch(r"[a-z0-9-]+", field) for field in fields)


def test_the_list_id_is_of_the_sending_domain() -> None:
    assert read(built())["List-Id"] == "<campaigns.fjellandfern.example>"


def test_unsubscribing_takes_one_click_and_is_signed() -> None:
    """RFC 8058: both headers, an https URL, both in h=."""
    message = built()
    parsed = read(message)
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    targets = re.findall(r"<([^>]+)>", parsed["List-Unsubscribe"])
    assert [target.partition(":")[0] for target in targets] == ["https", "mailto"]
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(signed_names(message))


def test_what_the_bulk_sender_rules_ask_for_is_signed() -> None:
    assert {
        "from", "to", "subject", "date", "message-id", "reply-to", "list-id", "feedback-id", "mime-version",
        "content-type",
    } <= set(signed_names(built()))  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("picks", [0, 5])
def test_text_is_never_base64(name: str, picks: int) -> None:
    message = read(built(envelope(name or "Rain", name), picks=picks, first_name=name))
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    for part in parts:
        assert part["Content-Transfer-Encoding"] in ("quoted-printable", "8bit", "7bit")
        assert part.get_content_charset() == "utf-8"


@pytest.mark.parametrize("name", NAMES)
def test_to_is_never_a_bare_address(name: str) -> None:
    to = read(built(envelope("Rain", name)))["To"].replace("\r\n", "")
    assert to.endswith("<soren@example.com>")
    assert (to == "<soren@example.com>") is (not one_line(name))


@pytest.mark.parametrize("subject", [name for name in NAMES if name.strip()])
def test_the_title_is_the_subject(subject: str) -> None:
    message = read(built(envelope(subject)))
    header = email.header.make_header(email.header.decode_header(message["Subject"].replace("\r\n", "")))
    page = next(part for part in message.walk() if part.get_content_type() == "text/html")
    body = page.get_payload(decode=True)
    assert isinstance(body, bytes)
    title = re.search(r"<title>(.*?)</title>", body.decode(), re.DOTALL)
    assert title and one_line(html.unescape(title[1])) == one_line(str(header)) == one_line(subject)


def test_a_mail_without_a_reply_address_has_no_empty_one() -> None:
    assert read(built(replace(envelope(), reply_to="")))["Reply-To"] is None
