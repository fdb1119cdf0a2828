"""TLS with a certificate authority made on the spot, and AUTH, against aiosmtpd."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from delivery_servers import Relay, a_mail

from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Kind, Outcome

# aiosmtpd warns, rightly, of logging in without TLS; some tests do just that.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


def certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    signer = issuer[1] if issuer else key
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issued_by, critical=False)
    )
    if issuer is None:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        made = made.add_extension(usage, critical=True)
    return made.sign(signer, hashes.SHA256()), key


class Trust:
    """A fresh authority; `server(name)` is a server context for that host name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = certificate("Test authority")
        pem = self._authority[0].public_bytes(serialization.Encoding.PEM).decode()
        self.client = ssl.create_default_context(cadata=pem)

    def server(self, name: str) -> ssl.SSLContext:
        leaf, key = certificate(name, self._authority)
        path = self._folder / f"{name}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path)


def send(address: SmtpAddress, context: ssl.SSLContext | None = None) -> Outcome:
    transport = SmtpTransport(address, "shop.example", timeout=5, ssl_context=context)
    outcomes = list(transport.send_group([a_mail(1), a_mail(2)]))
    transport.close()
    assert outcomes[0].kind is outcomes[1].kind
    return outcomes[0]


def test_starttls_with_a_trusted_certificate(trust: Trust) -> None:
    with Relay(tls_context=trust.server("localhost")) as relay:
        assert send(relay.address("tls=starttls"), trust.client).kind is Kind.SENT
        assert relay.encrypted == [True, True]


def test_implicit_tls(trust: Trust) -> None:
    with Relay(tls_context=trust.server("localhost"), implicit_tls=True) as relay:
        assert send(relay.address("", scheme="smtps"), trust.client).kind is Kind.SENT
        assert len(relay.received) == 2


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_that_is_not_trusted_stops_everything(trust: Trust, scheme: str) -> None:
    with Relay(tls_context=trust.server("localhost"), implicit_tls=scheme == "smtps") as relay:
        outcome = send(relay.address("tls=starttls", scheme=scheme))
        assert outcome.kind is Kind.UNREACHED
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.reply
        assert relay.received == []


def test_a_certificate_of_another_host_stops_everything(trust: Trust) -> None:
    with Relay(tls_context=trust.server("other.example")) as relay:
        outcome = send(relay.address("tls=starttls"), trust.client)
        assert outcome.kind is Kind.UNREACHED
        assert relay.received == []


def test_required_starttls_that_is_not_offered_stops_everything() -> None:
    with Relay() as relay:
        outcome = send(relay.address("tls=starttls"))
        assert outcome.kind is Kind.UNREACHED
        assert "STARTTLS" in outcome.reply
        assert relay.received == []


def test_auto_encrypts_where_it_can_and_goes_on_where_it_cannot(trust: Trust) -> None:
    with Relay(tls_context=trust.server("localhost")) as relay:
        assert send(relay.address("tls=auto")).kind is Kind.SENT
        assert relay.encrypted == [True, True]
    with Relay() as relay:
        assert send(relay.address("tls=auto")).kind is Kind.SENT
        assert relay.encrypted == [False, False]


def test_none_never_encrypts(trust: Trust) -> None:
    with Relay(tls_context=trust.server("localhost")) as relay:
        assert send(relay.address("tls=none")).kind is Kind.SENT
        assert relay.encrypted == [False, False]


def test_login_over_starttls(trust: Trust) -> None:
    with Relay(tls_context=trust.server("localhost"), login=("fern", "p@ss/word")) as relay:
        address = relay.address("tls=starttls", user="fern:p%40ss%2Fword@")
        assert send(address, trust.client).kind is Kind.SENT
        assert len(relay.received) == 2


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_both_mechanisms(mechanism: str) -> None:
    other = {"LOGIN": "PLAIN", "PLAIN": "LOGIN"}[mechanism]
    with Relay(login=("fern", "secret"), auth_exclude_mechanism=[other]) as relay:
        assert send(relay.address("tls=none", user="fern:secret@")).kind is Kind.SENT


def test_a_wrong_password_is_told_and_nothing_is_sent() -> None:
    with Relay(login=("fern", "secret")) as relay:
        outcome = send(relay.address("tls=none", user="fern:wrong@"))
        assert (outcome.kind, outcome.code) == (Kind.UNREACHED, 535)
        assert "wrong" not in outcome.reply
        assert relay.received == []


def test_a_password_that_cannot_be_encoded_is_an_outcome_not_a_crash() -> None:
    with Relay(login=("fern", "secret")) as relay:
        assert send(relay.address("tls=none", user="fern:p%C3%B6@")).kind is Kind.UNREACHED


def test_in_auto_mode_a_password_does_not_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    with Relay(login=("fern", "secret")) as relay:
        address = relay.address("tls=auto", user="fern:secret@")
        assert send(address).kind is Kind.SENT  # to this machine it may
        # Any name that is not this machine's own would do; the test has no other machine.
        monkeypatch.setattr("campaigns.delivery.smtp._is_this_machine", lambda host: False)
        outcome = send(address)
        assert outcome.kind is Kind.UNREACHED
        assert "tls=none" in outcome.reply
