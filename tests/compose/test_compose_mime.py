from __future__ import annotations

import base64
import dataclasses
import email
import email.header
import email.policy
import email.utils
import re
from email.message import EmailMessage

import dkim
import pytest
from compose_samples import CLOCK, HOSTILE, content, envelope
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.compose.content import one_line
from campaigns.compose.dkim import DkimSigner, _relaxed_body
from campaigns.compose.mime import build_message, feedback_id
from campaigns.compose.quoted import quoted
from campaigns.compose.template import WireMail, load_template
from campaigns.core.errors import BadInput, NotConfigured

FILLED = content(4)  # once: its links say the second in which they were made
MAIL = load_template("outdoor").render_for_wire(FILLED)
PLAIN = load_template("outdoor").render(FILLED)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def parse(message: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def display_name(message: bytes) -> str:
    """By RFC 2047; the address parser of the default policy puts blanks between encoded words."""
    raw = email.message_from_bytes(message)["To"].replace("\r\n", "")
    return str(email.header.make_header(email.header.decode_header(email.utils.parseaddr(raw)[0])))


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None and not body.defects
    assert body["Content-Transfer-Encoding"] == "quoted-printable"
    text = body.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


def test_it_reads_back_as_it_was_meant() -> None:
    built = build_message(MAIL, envelope(), CLOCK)
    read = parse(built)
    assert read.get_content_type() == "multipart/alternative"
    assert part(read, "plain") == PLAIN.text
    assert part(read, "html").rstrip("\n") == PLAIN.html.rstrip("\n")
    assert [child.get_content_type() for child in read.iter_parts()] == ["text/plain", "text/html"]
    assert read["From"].addresses[0].display_name == "Fjell & Fern"
    assert read["To"].addresses[0].display_name == "Søren Å"
    assert read["To"].addresses[0].addr_spec == "soren@example.com"
    assert read["Subject"] == "Rain ready"
    assert read["Date"].datetime == CLOCK.now()
    assert read["Reply-To"] == "hello@fjellandfern.example"
    assert read["Message-ID"] == f"<{envelope().message_id}>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert read["List-Unsubscribe"] == (
        f"<{envelope().unsubscribe_url}>, <mailto:unsubscribe@fjellandfern.example?subject=unsubscribe>"
    )
    assert read["List-Id"] == "<campaigns.fjellandfern.example>"
    assert read["Feedback-ID"] == "campaign-7:marketing:tailormail:fjell-fern"
    assert read["MIME-Version"] == "1.0" and "Auto-Submitted" not in read
    assert f"<title>{read['Subject']}</title>" in part(read, "html")


def test_it_is_fit_for_the_wire() -> None:
    built = build_message(MAIL, envelope("Å" * 300, "李雷" * 60), CLOCK)
    assert built.isascii() and built.endswith(b"\r\n")
    assert built.count(b"\n") == built.count(b"\r\n") == built.count(b"\r")
    assert max(len(line) for line in built.split(b"\r\n")) <= 998
    assert max(len(line) for line in built.partition(b"\r\n\r\n")[2].split(b"\r\n")) <= 78
    assert b"base64" not in built


@pytest.mark.parametrize(
    "name", [*HOSTILE, 'a "b" \\c', "A, B <x@y>", "=?utf-8?q?x?=", "x" * 200, "a\r\nBcc: x@y.z"]
)
def test_names_and_subjects_survive(name: str) -> None:
    built = build_message(MAIL, envelope(name, name), CLOCK)
    read = parse(built)
    assert read["Subject"] == one_line(name)
    assert display_name(built) == one_line(name)
    assert read["To"].addresses[0].addr_spec == "soren@example.com"
    assert "Bcc" not in read and len(read["To"].addresses) == 1


@settings(max_examples=80, deadline=None)
@given(subject=st.text(max_size=120), name=st.text(max_size=80), body=st.text(max_size=400))
def test_any_text_survives(subject: str, name: str, body: str) -> None:
    read = parse(
        build_message(WireMail(html=quoted(body), text=quoted(body)), envelope(subject, name), CLOCK)
    )
    assert one_line(str(read["Subject"])) == one_line(subject)
    assert read["To"].addresses[0].addr_spec == "soren@example.com"
    wanted = body.replace("\r\n", "\n").replace("\r", "\n")
    wanted = wanted.encode("utf-8", "replace").decode()
    for kind in ("plain", "html"):
        assert part(read, kind) == wanted


def test_a_customer_without_a_name() -> None:
    built = build_message(MAIL, envelope(to_name=" "), CLOCK)
    assert parse(built)["To"].addresses[0].addr_spec == "soren@example.com"
    assert b"\r\nTo: <soren@example.com>\r\n" in b"\r\n" + built, "a bare address looks like spam"


def test_an_international_domain() -> None:
    around = dataclasses.replace(envelope(), to_address="anna@bücher.example", reply_to="")
    read = parse(build_message(MAIL, around, CLOCK))
    assert read["To"].addresses[0].addr_spec == "anna@xn--bcher-kva.example"
    assert "Reply-To" not in read


@pytest.mark.parametrize(
    "change",
    [
        {"to_address": "a@b.example\r\nBcc: c@d.example"},
        {"to_address": "jürgen@b.example"},
        {"to_address": "nobody"},
        {"to_address": "a@"},
        {"from_address": "a b@c.example"},
        {"message_id": "x> y@z"},
        {"list_id": "a\r\nX: y"},
        {"feedback_id": "a b"},
        {"unsubscribe_url": "javascript:x"},
        {"unsubscribe_url": "https://x.example/>"},
    ],
)
def test_nothing_slips_into_a_header(change: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        build_message(MAIL, dataclasses.replace(envelope(), **change), CLOCK)


def test_the_feedback_id_has_four_fields() -> None:
    assert feedback_id(7, "李雷") == "campaign-7:marketing:tailormail:sender"


def signed() -> bytes:
    signer = DkimSigner(pem(KEY), "s1", "fjellandfern.example", CLOCK)
    return build_message(MAIL, envelope("Å long subject " * 9, "李雷"), CLOCK, signer)


def verifies(message: bytes) -> bool:
    public = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    def lookup(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s1._domainkey.fjellandfern.example."
        return record

    return bool(dkim.verify(message, dnsfunc=lookup))


def test_the_signature_verifies() -> None:
    message = signed()
    assert verifies(message)
    read = parse(message)
    tags = dict(tag.strip().split("=", 1) for tag in str(read["DKIM-Signature"]).split(";"))
    names = tags["h"].replace(" ", "").split(":")
    assert names.count("from") == 2
    assert {"list-unsubscribe", "list-unsubscribe-post", "subject", "date", "to", "message-id"} <= set(names)
    assert tags["c"] == "relaxed/relaxed" and tags["a"] == "rsa-sha256"
    assert max(len(line) for line in message.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    "tamper",
    [
        lambda message: message.replace(b"Storgata", b"Elsewhere"),
        lambda message: message.replace(b"List-Unsubscribe: <https", b"List-Unsubscribe: <http"),
        lambda message: message.replace(b"One-Click", b"Two-Click"),
        lambda message: message.replace(b"\r\nFrom: ", b"\r\nFrom: evil@x.example\r\nFrom: ", 1),
        lambda message: message.replace(b"\r\nTo: ", b"\r\nFrom: evil@x.example\r\nTo: ", 1),
    ],
)
def test_what_was_changed_no_longer_verifies(tamper: object) -> None:
    assert callable(tamper)
    changed = tamper(signed())
    assert changed != signed() and not verifies(changed)


@settings(max_examples=40, deadline=None)
@given(subject=st.text(max_size=120), name=st.text(max_size=80), body=st.text(max_size=400))
def test_any_mail_is_signed_as_it_is_built(subject: str, name: str, body: str) -> None:
    signer = DkimSigner(pem(KEY), "s1", "fjellandfern.example", CLOCK)
    mail = WireMail(html=quoted(body), text=quoted(body) + quoted(name))
    assert verifies(build_message(mail, envelope(subject, name), CLOCK, signer))


@settings(max_examples=40, deadline=None)
@given(
    body=st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b".", b"=20", b"b c"]), max_size=30).map(
        b"".join
    )
)
def test_any_body_verifies(body: bytes) -> None:
    message = b"From:  a@fjellandfern.example \r\nSubject: x\r\n  y\r\n\r\n" + body + b"\r\n"
    assert verifies(DkimSigner(pem(KEY), "s1", "fjellandfern.example", CLOCK).sign(message))


def test_keys_that_cannot_sign() -> None:
    for key in (b"", b"nonsense", pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(NotConfigured):
            DkimSigner(key, "s1", "x.example")
    with pytest.raises(NotConfigured):
        DkimSigner(pem(KEY), "s1; d=evil", "x.example")
    with pytest.raises(BadInput):
        DkimSigner(pem(KEY), "s1", "x.example").sign(b"Subject: no from\r\n\r\nx")


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b".", b"\xc3\xb8"]), max_size=60).map(b"".join))
def test_a_relaxed_body_is_what_the_rfc_says(body: bytes) -> None:
    """RFC 6376, 3.4.4, line by line: the slow way that the fast one has to agree with."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    assert _relaxed_body(body) == b"".join(line + b"\r\n" for line in lines)
