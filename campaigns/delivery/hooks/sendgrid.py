"""Twilio SendGrid's event webhook: ECDSA P-256 over timestamp and body; a list of events in each request.

Source: SendGrid's reference of the event webhook and of its security features. SendGrid sends again for a day what
was not answered with 2xx.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from campaigns.core.errors import BadInput, NotConfigured
from campaigns.delivery.hooks.vocabulary import (
    HookEvent,
    HookItem,
    Meaning,
    NotAuthentic,
    Received,
    check_stamp,
    event_of,
    json_of,
    object_of,
    text_of,
    with_code,
)
from campaigns.delivery.provider_marks import NAME

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"

# What it says it did not even try, and what that means in the codes of RFC 3463.
_DROPPED = {
    "bounced address": "5.1.1",
    "invalid": "5.1.3",
    "recipient list over package quota": "5.7.0",
    "spam content": "5.7.0",
}


class SendGrid:
    """The webhook with its verification key (base64 of the public key, as SendGrid shows it).

    Raises:
        NotConfigured: it is no such key.
    """

    def __init__(self, public_key: str) -> None:
        try:
            key = load_der_public_key(base64.b64decode(public_key, validate=True))
        except (ValueError, binascii.Error):
            key = None
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise NotConfigured(
                "TAILORMAIL_SENDGRID_PUBLIC_KEY: must be the verification key as SendGrid shows it"
            )
        self._key = key

    def receive(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Received:
        stamp = headers.get(TIMESTAMP, "")
        try:
            signature = base64.b64decode(headers.get(SIGNATURE, ""), validate=True)
            self._key.verify(signature, stamp.encode() + body, ec.ECDSA(SHA256()))
        except (ValueError, binascii.Error, InvalidSignature):
            raise NotAuthentic("the signature is not SendGrid's") from None
        check_stamp(stamp, TIMESTAMP, now)
        rows = json_of(body)
        if not isinstance(rows, list):
            raise BadInput("must be a list of events")
        items, problems = [], []
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                problems.append(f"event {number} is no object")
                continue
            payload = json.dumps(row).encode()
            items.append(HookItem(_number_of(row), payload))
        return Received(tuple(items), tuple(problems))

    def events(self, payload: bytes) -> list[HookEvent]:
        row = object_of(json_of(payload))
        found = _meaning(row)
        if found is None:
            return []
        # Its own arguments come back beside its fields; the Message-ID only in events of the delivery.
        return [event_of(found, row, "timestamp", (row.get(NAME), row.get("smtp-id")), row.get("email"))]


def _meaning(row: Mapping[str, Any]) -> Meaning | None:
    """None for what is passed over."""
    reason = text_of(row.get("reason") or row.get("response"))
    match row.get("event"):
        case "delivered":
            return "delivered", reason, True
        case "deferred":
            return "deferred", reason, False
        case "bounce":
            # `blocked`: the other server would not have it just now, or not from this sender.
            return "bounced", with_code(text_of(row.get("status")), reason), row.get("type") != "blocked"
        case "dropped":
            code = next((c for words, c in _DROPPED.items() if reason.lower().startswith(words)), "")
            return ("bounced", with_code(code, reason), True) if code else _refused_before(reason)
        case "spamreport":
            return "complained", "", True
        case "unsubscribe" | "group_unsubscribe":
            return "unsubscribed", "", True
    return None


def _number_of(row: Mapping[str, Any]) -> str:
    """Known by all that it says but `sg_event_id`: that is another one when SendGrid sends an event again."""
    said = {name: value for name, value in row.items() if name != "sg_event_id"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _refused_before(reason: str) -> Meaning:
    """Dropped because this person had objected before, which SendGrid may know from another list of theirs."""
    words = reason.lower()
    if words.startswith("spam reporting"):
        return "complained", reason, True
    if words.startswith("unsubscribed"):
        return "unsubscribed", reason, True
    return "bounced", reason, False
