"""Postmark's webhooks: basic authentication, one event a request.

Source: Postmark's developer documentation of its webhooks and bounce types. Postmark sends again for some hours what
was not answered with 200, but never after 403.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.core.errors import NotConfigured
from campaigns.delivery.hooks.vocabulary import (
    HookEvent,
    HookItem,
    Meaning,
    NotAuthentic,
    Received,
    event_of,
    json_of,
    object_of,
    part_of,
    text_of,
    with_code,
)
from campaigns.delivery.provider_marks import NAME

# Postmark's bounce types: the RFC 3463 code that says the same, and whether it is for good.
_BOUNCES: dict[str, tuple[str, bool]] = {
    "HardBounce": ("5.1.1", True),
    "BadEmailAddress": ("5.1.3", True),
    "AddressChange": ("5.1.6", True),
    "Transient": ("4.4.7", False),
    "SoftBounce": ("4.2.2", False),
    "DnsError": ("4.4.4", False),
    "Undeliverable": ("", False),
    "Unknown": ("", False),
    "Blocked": ("5.7.1", True),
    "SpamNotification": ("5.7.1", True),
    "VirusNotification": ("5.7.1", True),
    "DMARCPolicy": ("5.7.26", True),
    "TemplateRenderingFailed": ("5.6.0", True),
    "SMTPApiError": ("5.3.0", True),
    "InboundError": ("5.3.0", True),
}
_PASSED_OVER = frozenset({"AutoResponder", "ChallengeVerification", "OpenRelayTest", "Subscribe"})


class Postmark:
    """The webhook with its `user:password`.

    Raises:
        NotConfigured: there is no password in it.
    """

    def __init__(self, auth: str) -> None:
        user, _, password = auth.partition(":")
        if not user or not password:
            raise NotConfigured("TAILORMAIL_POSTMARK_WEBHOOK_AUTH: must look like user:password")
        self._auth = auth.encode()

    def receive(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Received:
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        try:
            told = base64.b64decode(given.strip(), validate=True) if scheme.lower() == "basic" else b""
        except (ValueError, binascii.Error):
            told = b""
        if not hmac.compare_digest(told, self._auth):
            raise NotAuthentic("user or password is wrong")
        object_of(json_of(body))
        # Deliveries have no number; what Postmark sends again is the same byte for byte.
        return Received((HookItem(hashlib.sha256(body).hexdigest(), body),))

    def events(self, payload: bytes) -> list[HookEvent]:
        row = object_of(json_of(payload))
        found = _meaning(row)
        if found is None:
            return []
        meaning, at = found
        recipient = row.get("Email") or row.get("Recipient")
        return [event_of(meaning, row, at, [part_of(row, "Metadata").get(NAME)], recipient)]


def _meaning(row: Mapping[str, Any]) -> tuple[Meaning, str] | None:
    """What a row means, and its field that says when; None for what is passed over."""
    kind = text_of(row.get("Type"))
    match row.get("RecordType"):
        case "Delivery":
            return ("delivered", text_of(row.get("Details")), True), "DeliveredAt"
        case "SpamComplaint":
            return ("complained", "", True), "BouncedAt"
        case "Bounce" if kind in ("SpamComplaint", "Unsubscribe"):
            return ("complained" if kind == "SpamComplaint" else "unsubscribed", "", True), "BouncedAt"
        case "Bounce" if kind not in _PASSED_OVER:
            code, permanent = _BOUNCES.get(kind, ("", False))
            words = text_of(row.get("Details")) or text_of(row.get("Description"))
            return ("bounced", with_code(code, words), permanent), "BouncedAt"
        case "SubscriptionChange" if row.get("SuppressSending") is True:
            return _suppressed(text_of(row.get("SuppressionReason"))), "ChangedAt"
    return None


def _suppressed(reason: str) -> Meaning:
    if reason == "HardBounce":
        return "bounced", "5.1.1 Postmark has suppressed the address", True
    return "complained" if reason == "SpamComplaint" else "unsubscribed", "", True
