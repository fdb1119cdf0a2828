from __future__ import annotations

import base64
import types
from dataclasses import replace

import dkim
import pytest
from compose_samples import CLOCK, content, envelope
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from opendkim_judge import can_judge, judge

from campaigns.compose.dkim import DkimSigner
from campaigns.compose.mime import build_message
from campaigns.compose.template import load_template
from campaigns.core.errors import NotConfigured

DOMAIN = "fjellandfern.example"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
MAIL = load_template("outdoor").render_for_wire(content(4))


class _VerifyKey:
    """dkimpy asks PyNaCl for the curve; where that is not installed, OpenSSL does the arithmetic for it."""

    def __init__(self, key: bytes, encoder: object) -> None:
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, data: bytes, signature: bytes) -> None:
        self._key.verify(signature, data)


if not hasattr(dkim, "nacl"):
    dkim.nacl = types.SimpleNamespace(
        signing=types.SimpleNamespace(VerifyKey=_VerifyKey),
        encoding=types.SimpleNamespace(Base64Encoder=None),
        exceptions=types.SimpleNamespace(BadSignatureError=InvalidSignature, ValueError=ValueError),
    )


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


SIGNER = DkimSigner(pem(RSA), "s1", DOMAIN, CLOCK, ed25519=(pem(ED25519), "s2"))


def verdicts(message: bytes) -> list[bool]:
    """What dkimpy says to each signature, by the records that are to be published."""
    records = {f"{name}.".encode(): text.encode() for name, text in SIGNER.records().items()}

    def lookup(name: bytes, timeout: int = 5) -> bytes:
        return records[name]

    checker = dkim.DKIM(message)
    count = message.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    found = []
    for number in range(count):
        try:
            found.append(bool(checker.verify(number, dnsfunc=lookup)))
        except dkim.DKIMException:
            found.append(False)
    return found


def tags(message: bytes, number: int = 0) -> dict[str, str]:
    head = message.partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n ", " ")
    lines = [line for line in head.split("\r\n") if line.startswith("DKIM-Signature:")]
    value = lines[number].partition(":")[2]
    return {
        name.strip(): text.replace(" ", "")
        for name, _, text in (tag.partition("=") for tag in value.split(";"))
    }


def test_both_signatures_verify() -> None:
    message = build_message(MAIL, envelope(), CLOCK, SIGNER)
    assert verdicts(message) == [True, True]
    assert [tags(message, n)["a"] for n in (0, 1)] == ["rsa-sha256", "ed25519-sha256"]
    assert [tags(message, n)["s"] for n in (0, 1)] == ["s1", "s2"]
    assert max(len(line) for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n")) <= 998


@settings(max_examples=30, deadline=None)
@given(subject=st.text(max_size=120), name=st.text(max_size=80))
def test_both_verify_whatever_the_headers_hold(subject: str, name: str) -> None:
    assert verdicts(build_message(MAIL, envelope(subject, name), CLOCK, SIGNER)) == [True, True]


def test_a_message_with_repeated_headers_is_signed_as_it_is() -> None:
    message = (
        b"Received: x\r\nTo: a@x.example\r\nTo: b@x.example\r\nFrom: me@fjellandfern.example\r\n\r\nHello\r\n"
    )
    assert verdicts(SIGNER.sign(message)) == [True, True]


def test_every_header_that_decides_something_is_sealed() -> None:
    message = build_message(MAIL, envelope(), CLOCK, SIGNER)
    named = tags(message)["h"].split(":")
    sealed = {
        "from", "to", "subject", "date", "message-id", "reply-to", "list-unsubscribe", "list-unsubscribe-post",
        "mime-version", "content-type",
    }  # fmt: skip
    assert {name for name in named if named.count(name) == 2} == sealed
    # Signed, but a relay may add its own; and sealed although there is none.
    assert named.count("list-id") == named.count("feedback-id") == named.count("cc") == 1


@pytest.mark.parametrize(
    "added",
    [
        "From: evil@x.example", "To: other@x.example", "Cc: other@x.example", "Subject: You won",
        "Date: Mon, 1 Jan 2024 00:00:00 +0000", "Message-ID: <x@x.example>", "Reply-To: evil@x.example",
        "List-Unsubscribe: <https://evil.example/>", "List-Unsubscribe-Post: List-Unsubscribe=No",
        "MIME-Version: 1.0", "Content-Type: text/plain",
    ],
)  # fmt: skip
@pytest.mark.parametrize("reply_to", ["", "care@fjellandfern.example"])
def test_nobody_adds_a_header_unnoticed(added: str, reply_to: str) -> None:
    message = build_message(MAIL, replace(envelope(), reply_to=reply_to), CLOCK, SIGNER)
    assert verdicts(message) == [True, True]
    on_top = added.encode() + b"\r\n" + message
    head, divider, body = message.partition(b"\r\n\r\n")
    assert verdicts(on_top) == [False, False]
    assert verdicts(head + b"\r\n" + added.encode() + divider + body) == [False, False]


@pytest.mark.parametrize(
    "added", ["Received: from a by b", "Feedback-ID: 1.eu-west-1.x:AmazonSES", "Return-Path: <x@x.example>"]
)
def test_what_relays_add_on_top_does_no_harm(added: str) -> None:
    message = build_message(MAIL, envelope(), CLOCK, SIGNER)
    assert verdicts(added.encode() + b"\r\n" + message) == [True, True]


WHY_NOT = can_judge()


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_opendkim_agrees() -> None:
    message = build_message(MAIL, envelope(), CLOCK, SIGNER)
    good, said = judge(message, SIGNER.records())
    assert good, said
    for tampered in (
        message.replace(b"Storgata", b"Elsewhere"),
        b"Reply-To: evil@x.example\r\n" + message,
        message.replace(b"One-Click", b"Two-Click"),
    ):
        assert tampered != message
        assert not judge(tampered, SIGNER.records())[0]


def test_the_records_are_what_dns_must_say() -> None:
    records = SIGNER.records()
    assert list(records) == [f"s1._domainkey.{DOMAIN}", f"s2._domainkey.{DOMAIN}"]
    raw = base64.b64encode(ED25519.public_key().public_bytes_raw()).decode()
    assert records[f"s2._domainkey.{DOMAIN}"] == f"v=DKIM1; k=ed25519; p={raw}"
    assert records[f"s1._domainkey.{DOMAIN}"].startswith("v=DKIM1; k=rsa; p=MII")


def test_keys_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(NotConfigured, match="must be an Ed25519 key"):
        DkimSigner(pem(RSA), "s1", DOMAIN, ed25519=(pem(RSA), "s2"))
    with pytest.raises(NotConfigured, match="must be an RSA key"):
        DkimSigner(pem(ED25519), "s1", DOMAIN)
    with pytest.raises(NotConfigured, match="cannot be read"):
        DkimSigner(pem(RSA), "s1", DOMAIN, ed25519=(b"nonsense", "s2"))
    with pytest.raises(NotConfigured, match="host names"):
        DkimSigner(pem(RSA), "s1", DOMAIN, ed25519=(pem(ED25519), "s2; d=evil"))
