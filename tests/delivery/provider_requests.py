"""Requests as providers send them to webhooks, signed with keys of our own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from campaigns.delivery.hooks.sendgrid import SIGNATURE, TIMESTAMP

TOPIC = "arn:aws:sns:eu-north-1:123456789012:mail"
SNS = "https://sns.eu-north-1.amazonaws.com"
CERTIFICATE_URL = f"{SNS}/SimpleNotificationService-0a1b2c3d4e5f.pem"
POSTMARK_AUTH = "hooks:a password with spaces"
MAILGUN_KEY = "key-0123456789abcdef"

Request = tuple[dict[str, str], bytes]
"""Headers and body."""


@dataclass
class SnsSender:
    """Signs messages as SNS does; `port` other than None goes into its addresses."""

    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    certificate_url: str = CERTIFICATE_URL

    def certificate(self, now: datetime, days: int = 30, key: object = None) -> bytes:
        """In PEM form, valid around `now`."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        public: Any = key or self.key.public_key()
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    def notification(self, message: object, at: datetime, **changed: object) -> Request:
        """`message` is the text that SES publishes, or what it is the JSON of."""
        words = message if isinstance(message, str) else json.dumps(message)
        facts = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": TOPIC,
            "Message": words,
            "Timestamp": _iso(at),
        }
        return self.signed({**facts, **changed})

    def confirmation(self, at: datetime, url: str | None = None, **changed: object) -> Request:
        """Asks whether the subscription is wanted."""
        facts = {
            "Type": "SubscriptionConfirmation",
            "MessageId": str(uuid.uuid4()),
            "Token": "2336412f37fb687f5d51e6e2425c464de257e",
            "TopicArn": TOPIC,
            "Message": "You have chosen to subscribe ...",
            "SubscribeURL": url or confirmation_url(),
            "Timestamp": _iso(at),
        }
        return self.signed({**facts, **changed})

    def signed(self, facts: dict[str, object], version: str = "") -> Request:
        """The message with its signature; version 1 is SHA-1, 2 is SHA-256."""
        version = version or str(facts.pop("version", "2"))
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        if facts["Type"] != "Notification":
            names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{facts[name]}\n" for name in names if name in facts)
        hash_: hashes.HashAlgorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), hash_)
        proof = {
            "SignatureVersion": version,
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": self.certificate_url,
        }
        return {"Content-Type": "text/plain; charset=UTF-8"}, json.dumps({**facts, **proof}).encode()


def confirmation_url(topic: str = TOPIC, site: str = SNS) -> str:
    """Where a subscription is confirmed."""
    return f"{site}/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37fb687f5d51e6e2425c464de257e"


def ses_mail(message_id: str, recipient: str, mark: str = "") -> dict[str, object]:
    """The part of an SES record that is about the mail."""
    mail: dict[str, object] = {
        "timestamp": "2026-11-21T09:00:00.000Z",
        "source": "hello@fjellandfern.example",
        "messageId": "0102019a-ses-number-000000",
        "destination": [recipient],
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": "Fjell & Fern <hello@fjellandfern.example>"},
            {"name": "Message-ID", "value": message_id},
        ],
        "commonHeaders": {"messageId": "0102019a-ses-number-000000", "subject": "Autumn"},
    }
    if mark:
        mail["tags"] = {"ses:configuration-set": ["mail"], "tailormail": [mark]}
    return mail


def ses_bounce(
    message_id: str,
    recipient: str,
    at: datetime,
    *,
    kind: str = "Permanent",
    subtype: str = "General",
    status: str = "5.1.1",
    words: str = "smtp; 550 5.1.1 user unknown",
    shape: str = "eventType",
    mark: str = "",
    feedback_id: str = "",
) -> dict[str, object]:
    """A bounce as SES publishes it."""
    bounce = {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [
            {"emailAddress": recipient, "action": "failed", "status": status, "diagnosticCode": words}
        ],
        "timestamp": _iso(at),
        "feedbackId": feedback_id or str(uuid.uuid4()),
    }
    return {shape: "Bounce", "bounce": bounce, "mail": ses_mail(message_id, recipient, mark)}


@dataclass
class SendGridSender:
    """Signs batches as SendGrid does."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> str:
        """As SendGrid's settings show it."""
        der = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    def batch(self, events: object, at: datetime) -> Request:
        """One request with these events."""
        body = events if isinstance(events, bytes) else json.dumps(events).encode()
        stamp = str(int(at.timestamp()))
        signature = self.key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: stamp}, body


def sendgrid_event(
    name: str, message_id: str, recipient: str, at: datetime, **more: object
) -> dict[str, object]:
    """One event as it stands in a batch."""
    return {
        "event": name,
        "email": recipient,
        "timestamp": int(at.timestamp()),
        "smtp-id": message_id,
        "sg_event_id": uuid.uuid4().hex,
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        **more,
    }


def postmark(record: dict[str, object], auth: str = POSTMARK_AUTH) -> Request:
    """One event with the password."""
    told = base64.b64encode(auth.encode()).decode()
    return {"Authorization": f"Basic {told}"}, json.dumps(record).encode()


def postmark_bounce(
    mark: str, recipient: str, at: datetime, kind: str = "HardBounce", details: str = ""
) -> dict[str, object]:
    """A bounce as Postmark tells it."""
    return {
        "RecordType": "Bounce",
        "ID": 42,
        "Type": kind,
        "TypeCode": 1,
        "MessageID": "00000000-0000-0000-0000-000000000000",
        "Metadata": {"tailormail": mark},
        "Description": "The server was unable to deliver your message",
        "Details": details,
        "Email": recipient,
        "BouncedAt": at.strftime("%Y-%m-%dT%H:%M:%S.1234567Z"),
    }


def mailgun(event: dict[str, object], at: datetime, key: str = MAILGUN_KEY, token: str = "") -> Request:
    """One event with its signature."""
    token, stamp = token or uuid.uuid4().hex, str(int(at.timestamp()))
    made = hmac.new(key.encode(), (stamp + token).encode(), hashlib.sha256).hexdigest()
    body = {"signature": {"timestamp": stamp, "token": token, "signature": made}, "event-data": event}
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


def mailgun_event(
    name: str, message_id: str, recipient: str, at: datetime, **more: object
) -> dict[str, object]:
    """The `event-data` of one event."""
    return {
        "event": name,
        "id": uuid.uuid4().hex,
        "timestamp": at.timestamp(),
        "recipient": recipient,
        "message": {"headers": {"message-id": message_id.strip("<>"), "to": recipient}},
        "user-variables": {},
        **more,
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
