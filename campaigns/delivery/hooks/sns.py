"""Amazon SNS, by which Amazon SES tells of its mails: is a message signed by SNS, and for one of our topics?

Source: the SNS developer guide, "Verifying the signatures of Amazon SNS messages". The address of the certificate
stands in the message itself, so it must be that of SNS in the topic's own region, and nothing else is ever asked.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.core.public_http import Origin, PublicHttp, Question, Resolve
from campaigns.delivery.hooks.vocabulary import NotAuthentic, moment_of

SERVICE = "Amazon SNS"
TOLERANCE = timedelta(minutes=65)
"""SNS sends a message that was not taken again for up to an hour, with the time of the first; and clocks differ."""

_SECONDS = 5.0
_LARGEST = 100_000
_MOST_CERTIFICATES = 16
_AT_ONCE = 2
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
_ARN = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{3,30}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class SnsSite(Protocol):
    """The web server of SNS. The real one and the fake pass tests/delivery/test_delivery_sns.py."""

    def certificate(self, url: str) -> bytes:
        """The certificate in PEM form.

        Raises:
            Rejected: there is none, or the address may not be asked.
            ServiceUnavailable: no answer in time.
        """
        ...

    def confirm(self, url: str) -> None:
        """Say that the subscription is wanted.

        Raises:
            As `certificate`.
        """
        ...


class PublicSns:
    """SNS on the open internet. The arguments are those of PublicHttp; redirects are never followed."""

    def __init__(
        self,
        agent: str,
        allowed: frozenset[Origin] = frozenset(),
        resolve: Resolve | None = None,
        trusted: str | None = None,
    ) -> None:
        self._http = PublicHttp(agent, SERVICE, allowed, resolve, trusted)
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def certificate(self, url: str) -> bytes:
        return self._get(url)

    def confirm(self, url: str) -> None:
        self._get(url)

    def _get(self, url: str) -> bytes:
        # Somebody is waiting, and SNS comes again: better than threads that all wait for its web server.
        if not self._room.acquire(blocking=False):
            raise ServiceUnavailable(SERVICE, "is being asked already")
        try:
            return self._http.body(url, Question(_SECONDS, redirects=0), _LARGEST)
        finally:
            self._room.release()


class FakeSns:
    """SNS without a network: gives the certificates that it was given, and remembers what was confirmed."""

    def __init__(self, certificates: Mapping[str, bytes] | None = None) -> None:
        self.certificates = dict(certificates or {})
        self.confirmations: set[str] = set()
        self.asked: list[str] = []
        self.confirmed: list[str] = []
        self.away = False

    def certificate(self, url: str) -> bytes:
        self._note(url)
        if url not in self.certificates:
            raise Rejected("HTTP 404")
        return self.certificates[url]

    def confirm(self, url: str) -> None:
        self._note(url)
        if url not in self.confirmations:
            raise Rejected("HTTP 404")
        self.confirmed.append(url)

    def _note(self, url: str) -> None:
        self.asked.append(url)
        if self.away:
            raise ServiceUnavailable(SERVICE, "no answer in time")


class SnsMessages:
    """Tells whether messages are signed by SNS and for one of `topics` (their ARNs); remembers certificates.

    `port` is where SNS is: for tests, which cannot listen where web servers do.
    """

    def __init__(self, topics: frozenset[str], site: SnsSite, port: int = 443) -> None:
        self._topics = topics
        self._site = site
        self._port = port
        self._known: dict[str, x509.Certificate] = {}

    def check(self, message: Mapping[str, Any], now: datetime) -> None:
        """Nothing, if the message is genuine.

        Raises:
            NotAuthentic: it is not, or it is older than TOLERANCE.
            BadInput: its time is none.
            ServiceUnavailable: the certificate cannot be had now.
        """
        topic, url = message.get("TopicArn"), message.get("SigningCertURL")
        if not isinstance(topic, str) or topic not in self._topics:
            raise NotAuthentic("the topic is not in TAILORMAIL_SES_TOPIC_ARNS")
        if not isinstance(url, str) or not _CERTIFICATE.fullmatch(self._path_at_sns(url, topic)):
            raise NotAuthentic("the certificate is not at the address of SNS")
        if abs(moment_of(message.get("Timestamp"), "Timestamp") - now) > TOLERANCE:
            raise NotAuthentic("the message is too old")
        hash_ = {"1": SHA1, "2": SHA256}.get(str(message.get("SignatureVersion")))
        if hash_ is None:
            raise NotAuthentic("the version of the signature is unknown")
        try:
            signature = base64.b64decode(str(message.get("Signature")), validate=True)
            self._key(url, now).verify(signature, _signed_text(message), padding.PKCS1v15(), hash_())
        except (ValueError, binascii.Error, InvalidSignature):
            raise NotAuthentic("the signature is not that of SNS") from None

    def confirm(self, message: Mapping[str, Any]) -> None:
        """Confirm the subscription that a message, checked before, asks about.

        Raises:
            NotAuthentic: it leads elsewhere than to SNS.
            ServiceUnavailable: SNS does not answer now.
        """
        url, topic = str(message.get("SubscribeURL")), str(message.get("TopicArn"))
        path = self._path_at_sns(url, topic)
        asks = parse_qs(urlsplit(url).query) if path else {}
        if asks.get("Action") != ["ConfirmSubscription"] or asks.get("TopicArn") != [topic]:
            raise NotAuthentic("the confirmation does not lead to SNS")
        try:
            self._site.confirm(url)
        except Rejected as error:
            raise NotAuthentic(f"SNS does not take the confirmation: {error.message}") from None

    def _path_at_sns(self, url: str, topic: str) -> str:
        """The path, if the URL is of SNS in the region of the topic; otherwise empty."""
        arn = _ARN.fullmatch(topic)
        try:
            parts = urlsplit(url)
            port = parts.port or 443
        except ValueError:
            return ""
        if arn is None or not url.isascii() or "@" in parts.netloc or "\\" in url:
            return ""
        host = f"sns.{arn[2]}.amazonaws.com" + (".cn" if arn[1] == "aws-cn" else "")
        fits = parts.scheme == "https" and parts.hostname == host and port == self._port
        return parts.path or "/" if fits else ""

    def _key(self, url: str, now: datetime) -> rsa.RSAPublicKey:
        certificate = self._known.get(url)
        if certificate is None:
            try:
                certificate = x509.load_pem_x509_certificate(self._site.certificate(url))
            except Rejected as error:
                raise NotAuthentic(f"SNS has no such certificate: {error.message}") from None
            if len(self._known) >= _MOST_CERTIFICATES:
                self._known.clear()
            self._known[url] = certificate
        key = certificate.public_key()
        current = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        if not current or not isinstance(key, rsa.RSAPublicKey):
            raise NotAuthentic("the certificate has run out or is of another kind")
        return key


def _signed_text(message: Mapping[str, Any]) -> bytes:
    """What SNS signs: names and values line by line, in alphabetical order."""
    names = _SIGNED if message.get("Type") == "Notification" else _SIGNED_CONFIRMATION
    lines = (f"{name}\n{message[name]}\n" for name in names if isinstance(message.get(name), str))
    return "".join(lines).encode("utf-8", "surrogatepass")
