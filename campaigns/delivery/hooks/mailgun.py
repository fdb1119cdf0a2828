"""Mailgun's webhooks: HMAC-SHA256 over timestamp and token, inside the body; one event a request.

Source: Mailgun's user manual on webhooks and events. The signature does not cover the event: whoever saw one
request could make another with its token, so a token counts once. Mailgun gives up at once at 406.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.delivery.hooks.vocabulary import (
    HookEvent,
    HookItem,
    Meaning,
    NotAuthentic,
    Received,
    check_stamp,
    event_of,
    json_of,
    number_of,
    object_of,
    part_of,
    text_of,
    with_code,
)
from campaigns.delivery.provider_marks import NAME

# Mailgun's reasons for not even trying, in the codes of RFC 3463.
_REASONS = {"suppress-bounce": "5.1.1", "espblock": "5.7.1"}


class Mailgun:
    """The webhook with its HTTP webhook signing key."""

    def __init__(self, signing_key: str) -> None:
        self._key = signing_key.encode()

    def receive(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Received:
        try:
            request = object_of(json_of(body))
            stamp, token, given = (
                text_of(part_of(request, "signature").get(n)) for n in ("timestamp", "token", "signature")
            )
        except BadInput:
            raise NotAuthentic("there is no signature") from None
        made = hmac.new(self._key, (stamp + token).encode(), hashlib.sha256).hexdigest()
        if not token or not hmac.compare_digest(made.encode(), given.encode()):
            raise NotAuthentic("the signature is not Mailgun's")
        check_stamp(stamp, "timestamp", now)
        event = object_of(request.get("event-data"), where="event-data")
        payload = json.dumps(event).encode()
        once = "token " + hashlib.sha256(token.encode()).hexdigest()
        return Received((HookItem(number_of(event.get("id"), payload), payload),), once=once)

    def events(self, payload: bytes) -> list[HookEvent]:
        event = object_of(json_of(payload))
        found = _meaning(event)
        if found is None:
            return []
        headers = part_of(part_of(event, "message"), "headers")
        references = (headers.get("message-id"), part_of(event, "user-variables").get(NAME))
        return [event_of(found, event, "timestamp", references, event.get("recipient"))]


def _meaning(event: Mapping[str, Any]) -> Meaning | None:
    """None for what is passed over."""
    reason = text_of(event.get("reason"))
    match event.get("event"):
        case "delivered":
            return "delivered", _reply(event), True
        case "failed" if event.get("severity") == "temporary":
            return "deferred", _reply(event), False
        case "failed" if reason == "suppress-complaint":
            return "complained", reason, True
        case "failed" if reason == "suppress-unsubscribe":
            return "unsubscribed", reason, True
        case "failed" | "rejected":
            # Given up as too old, it was put off until then: that says nothing final about the address.
            return "bounced", _reply(event) or reason, reason != "old"
        case "complained":
            return "complained", "", True
        case "unsubscribed":
            return "unsubscribed", "", True
    return None


def _reply(event: Mapping[str, Any]) -> str:
    """`550 5.1.1 no such user`; numbers of Mailgun's own (605: known to bounce) are left out."""
    status = part_of(event, "delivery-status")
    code, enhanced = text_of(status.get("code")), text_of(status.get("enhanced-code"))
    words = text_of(status.get("message")) or text_of(status.get("description"))
    enhanced = enhanced or _REASONS.get(text_of(event.get("reason")), "")
    if code.isdecimal() and 200 <= int(code) <= 599 and not words.startswith(code):
        return " ".join(one for one in (code, enhanced, words) if one)
    return with_code(enhanced, words)
