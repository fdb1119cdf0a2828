"""Messages of Amazon SNS: genuine ones are taken, and nothing but SNS itself is ever asked."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.delivery.hooks.ses import Ses
from campaigns.delivery.hooks.sns import FakeSns, PublicSns, SnsMessages, SnsSite
from campaigns.delivery.hooks.vocabulary import NotAuthentic
from tests.delivery.provider_requests import CERTIFICATE_URL, SNS, TOPIC, SnsSender, confirmation_url
from tests.shop_site import ShopSite, shop_site

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
HOST = "sns.eu-north-1.amazonaws.com"
AGENT = "Tailormail (+https://mail.example)"


@pytest.fixture(scope="module")
def sender() -> SnsSender:
    return SnsSender()


def _tls(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    trusted, private = folder / "trusted.pem", folder / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted


@pytest.fixture
def https_site(tmp_path: Path) -> Iterator[tuple[ShopSite, PublicSns]]:
    """A web server that has SNS's name for this process alone, and the real client that asks it."""
    context, trusted = _tls(HOST, tmp_path)
    with shop_site(context) as site:
        here = frozenset([(HOST, site.port)])
        yield site, PublicSns(AGENT, here, lambda *_: ["127.0.0.1"], str(trusted))


@pytest.fixture(params=["real", "fake"])
def contract(request: pytest.FixtureRequest, https_site: tuple[ShopSite, PublicSns]) -> tuple[SnsSite, str]:
    """A site and its address, where the same stands: the same is asked of the real one and the fake."""
    if request.param == "real":
        shop, site = https_site
        address = f"https://{HOST}:{shop.port}"
        shop.pages["/a.pem"] = (200, {}, b"a certificate")
        shop.pages["/?Action=ConfirmSubscription"] = (200, {}, b"<ok/>")
        return site, address
    fake = FakeSns({f"{SNS}/a.pem": b"a certificate"})
    fake.confirmations.add(f"{SNS}/?Action=ConfirmSubscription")
    return fake, SNS


def test_what_is_there_comes_and_what_is_not_is_refused(contract: tuple[SnsSite, str]) -> None:
    site, address = contract
    assert site.certificate(f"{address}/a.pem") == b"a certificate"
    with pytest.raises(Rejected):
        site.certificate(f"{address}/b.pem")
    site.confirm(f"{address}/?Action=ConfirmSubscription")
    with pytest.raises(Rejected):
        site.confirm(f"{address}/?Action=DeleteTopic")


def test_a_server_in_trouble_may_be_asked_again(https_site: tuple[ShopSite, PublicSns]) -> None:
    shop, site = https_site
    shop.pages["/a.pem"] = (503, {}, b"")
    with pytest.raises(ServiceUnavailable):
        site.certificate(f"https://{HOST}:{shop.port}/a.pem")
    nobody = PublicSns(AGENT, frozenset([(HOST, 1)]), lambda *_: ["127.0.0.1"])
    with pytest.raises(ServiceUnavailable):
        nobody.certificate(f"https://{HOST}:1/a.pem")
    fake = FakeSns()
    fake.away = True
    with pytest.raises(ServiceUnavailable):
        fake.certificate(f"{SNS}/a.pem")


def test_a_redirect_is_not_followed(https_site: tuple[ShopSite, PublicSns]) -> None:
    shop, site = https_site
    shop.pages["/a.pem"] = (302, {"Location": "/b.pem"}, b"")
    shop.pages["/b.pem"] = (200, {}, b"another's certificate")
    with pytest.raises(Rejected, match="redirects"):
        site.certificate(f"https://{HOST}:{shop.port}/a.pem")
    assert not shop.asked["/b.pem"]


def test_a_huge_answer_is_not_read(https_site: tuple[ShopSite, PublicSns]) -> None:
    shop, site = https_site
    shop.pages["/a.pem"] = (200, {}, b"x" * 200_000)
    with pytest.raises(Rejected, match="bytes"):
        site.certificate(f"https://{HOST}:{shop.port}/a.pem")


def test_production_asks_no_private_address(tmp_path: Path) -> None:
    context, trusted = _tls(HOST, tmp_path)
    with shop_site(context) as shop:
        shop.pages["/a.pem"] = (200, {}, b"a certificate")
        site = PublicSns(AGENT, resolve=lambda *_: ["127.0.0.1"], trusted=str(trusted))
        with pytest.raises(Rejected, match="private network"):
            site.certificate(f"https://{HOST}:{shop.port}/a.pem")
        assert not shop.asked


def messages(sender: SnsSender) -> tuple[SnsMessages, FakeSns]:
    fake = FakeSns({CERTIFICATE_URL: sender.certificate(NOW)})
    return SnsMessages(frozenset([TOPIC]), fake), fake


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature(sender: SnsSender, version: str) -> None:
    known, fake = messages(sender)
    ses = Ses(known)
    for words in ("plain", "line\nand \u00fcml\u00e4ut", '{"a": "\\u0000"}', ""):
        headers, body = sender.notification(words, NOW, version=version)
        received = ses.receive(headers, body, NOW)
        assert [item.payload.decode() for item in received.items] == [words]
    assert fake.asked == [CERTIFICATE_URL], "a certificate is fetched once"
    headers, body = sender.notification("x", NOW, version=version, Subject="Amazon SES Email Event")
    assert ses.receive(headers, body, NOW).items, "the subject is signed where there is one"


def test_the_real_client_verifies_as_well(sender: SnsSender, https_site: tuple[ShopSite, PublicSns]) -> None:
    shop, site = https_site
    address = f"https://{HOST}:{shop.port}"
    signer = SnsSender(sender.key, f"{address}/SimpleNotificationService-0a1b2c.pem")
    shop.pages["/SimpleNotificationService-0a1b2c.pem"] = (200, {}, sender.certificate(NOW))
    ask = f"/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=1"
    shop.pages[ask] = (200, {}, b"<ConfirmSubscriptionResponse/>")
    ses = Ses(SnsMessages(frozenset([TOPIC]), site, port=shop.port))
    assert ses.receive(*signer.notification("hello", NOW), NOW).items
    assert not ses.receive(*signer.confirmation(NOW, address + ask), NOW).items
    assert shop.asked[ask] == 1
    assert shop.agents == {AGENT}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"TopicArn": "arn:aws:sns:eu-north-1:999999999999:mail"}, "topic"),
        ({"TopicArn": None}, "topic"),
        ({"SigningCertURL": "https://evil.example/SimpleNotificationService-1.pem"}, "address of SNS"),
        ({"SigningCertURL": CERTIFICATE_URL.replace("https", "http")}, "address of SNS"),
        ({"SigningCertURL": CERTIFICATE_URL.replace("eu-north-1", "us-east-1")}, "address of SNS"),
        ({"SigningCertURL": CERTIFICATE_URL.replace(".com/", ".com:8443/")}, "address of SNS"),
        ({"SigningCertURL": CERTIFICATE_URL.replace(".com/", ".com.evil.example/")}, "address of SNS"),
        ({"SigningCertURL": CERTIFICATE_URL.replace("//sns", "//evil.example@sns")}, "address of SNS"),
        ({"SigningCertURL": CERTIFICATE_URL.replace("//sns", "//evil.example\\@sns")}, "address of SNS"),
        ({"SigningCertURL": f"{SNS}/?x=/SimpleNotificationService-1.pem"}, "address of SNS"),
        ({"SigningCertURL": f"{SNS}/../SimpleNotificationService-1.pem"}, "address of SNS"),
        ({"SigningCertURL": 7}, "address of SNS"),
        ({"SigningCertURL": "https://[::1"}, "address of SNS"),
        ({"SigningCertURL": f"{SNS}/SimpleNotificationService-ffff.pem"}, "no such certificate"),
        ({"Timestamp": "2026-11-21T07:54:59.000Z"}, "too old"),
        ({"Timestamp": "2026-11-21T10:05:01.000Z"}, "too old"),
        ({"Message": "another"}, "signature"),
        ({"MessageId": "another"}, "signature"),
        ({"Subject": "added"}, "signature"),
        ({"Type": "SubscriptionConfirmation"}, "signature"),
        ({"SignatureVersion": "3"}, "version"),
        ({"Signature": "AAAA"}, "signature"),
        ({"Signature": "no base64"}, "signature"),
        ({"Signature": None}, "signature"),
    ],
)
def test_whatever_is_changed_is_refused(sender: SnsSender, change: dict[str, object], why: str) -> None:
    known, fake = messages(sender)
    headers, body = sender.notification("hello", NOW)
    changed = {**json.loads(body), **change}
    with pytest.raises(NotAuthentic, match=why):
        Ses(known).receive(headers, json.dumps(changed).encode(), NOW)
    assert all(url.startswith(f"{SNS}/SimpleNotificationService-") for url in fake.asked)


def test_the_window_is_an_hour_and_what_clocks_differ_by(sender: SnsSender) -> None:
    known, _ = messages(sender)
    message = sender.notification("hello", NOW)
    assert Ses(known).receive(*message, NOW + timedelta(minutes=61)).items, "SNS tries for up to an hour"
    with pytest.raises(NotAuthentic, match="too old"):
        Ses(known).receive(*message, NOW + timedelta(minutes=66))


def test_a_certificate_that_ran_out_or_of_another_kind_is_none(sender: SnsSender) -> None:
    known, fake = messages(sender)
    message = sender.notification("hello", NOW)
    fake.certificates[CERTIFICATE_URL] = sender.certificate(NOW, days=-1)
    with pytest.raises(NotAuthentic, match="run out"):
        Ses(known).receive(*message, NOW)
    known, fake = messages(sender)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    fake.certificates[CERTIFICATE_URL] = sender.certificate(NOW, key=other)
    with pytest.raises(NotAuthentic, match="another kind"):
        Ses(known).receive(*message, NOW)
    known, fake = messages(sender)
    fake.certificates[CERTIFICATE_URL] = b"<html>"
    with pytest.raises(NotAuthentic):
        Ses(known).receive(*message, NOW)


def test_a_certificate_of_somebody_else_does_not_help_them(sender: SnsSender) -> None:
    known, _ = messages(sender)
    with pytest.raises(NotAuthentic, match="signature"):
        Ses(known).receive(*SnsSender().notification("hello", NOW), NOW)


def test_while_the_certificate_cannot_be_had_sns_comes_again(sender: SnsSender) -> None:
    known, fake = messages(sender)
    fake.away = True
    message = sender.notification("hello", NOW)
    with pytest.raises(ServiceUnavailable):
        Ses(known).receive(*message, NOW)
    fake.away = False
    assert Ses(known).receive(*message, NOW).items


def test_a_subscription_is_confirmed_for_our_topics_only(sender: SnsSender) -> None:
    known, fake = messages(sender)
    fake.confirmations.add(confirmation_url())
    assert Ses(known).receive(*sender.confirmation(NOW), NOW).items == ()
    assert fake.confirmed == [confirmation_url()]
    theirs = "arn:aws:sns:eu-north-1:999999999999:mail"
    with pytest.raises(NotAuthentic, match="topic"):
        Ses(known).receive(*sender.confirmation(NOW, TopicArn=theirs), NOW)
    for url in (
        "https://evil.example/?Action=ConfirmSubscription",
        confirmation_url(theirs),
        confirmation_url(site="http://sns.eu-north-1.amazonaws.com"),
        confirmation_url(site="https://sns.us-east-1.amazonaws.com"),
        f"{SNS}/?Action=DeleteTopic&TopicArn={TOPIC}",
        f"{SNS}/",
    ):
        with pytest.raises(NotAuthentic, match="does not lead to SNS"):
            Ses(known).receive(*sender.confirmation(NOW, url), NOW)
    assert fake.confirmed == [confirmation_url()]


def test_the_end_of_a_subscription_is_noted_and_nothing_is_asked(sender: SnsSender) -> None:
    known, fake = messages(sender)
    message = sender.confirmation(NOW, Type="UnsubscribeConfirmation")
    assert Ses(known).receive(*message, NOW).items == ()
    assert fake.asked == [CERTIFICATE_URL]
