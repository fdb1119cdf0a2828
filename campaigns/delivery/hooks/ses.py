"""Amazon SES by way of SNS: bounces, complaints, deliveries, delays and rejections.

Source: the SES developer guide on event publishing ("eventType") and on feedback notifications
("notificationType"). SES replaces the Message-ID; ours comes back among the original headers, where the identity is
told to include them, and as the message tag of `provider_marks` where events are published by a configuration set.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.core.errors import BadInput
from campaigns.core.log import get_logger
from campaigns.delivery.hooks.sns import SnsMessages
from campaigns.delivery.hooks.vocabulary import (
    HookEvent,
    HookItem,
    NotAuthentic,
    Received,
    json_of,
    moment_of,
    number_of,
    object_of,
    part_of,
    references_of,
    text_of,
    with_code,
)
from campaigns.delivery.provider_marks import NAME

log = get_logger(__name__)

_GREETING = b"Successfully validated SNS topic"
# Kinds of bounces without a code of the other server, in the codes of RFC 3463.
_SUBTYPES = {
    "NoEmail": "5.1.1",
    "Suppressed": "5.1.1",
    "OnAccountSuppressionList": "5.1.1",
    "MailboxFull": "5.2.2",
    "MessageTooLarge": "5.3.4",
    "ContentRejected": "5.7.0",
    "AttachmentRejected": "5.7.0",
}


class Ses:
    """The webhook; `messages` knows the topics that are believed."""

    def __init__(self, messages: SnsMessages) -> None:
        self._messages = messages

    def receive(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Received:
        message = object_of(json_of(body))
        self._messages.check(message, now)
        match message.get("Type"):
            case "Notification":
                payload = str(message.get("Message")).encode("utf-8", "surrogatepass")
                return Received((HookItem(number_of(message.get("MessageId"), payload), payload),))
            case "SubscriptionConfirmation":
                self._messages.confirm(message)
                log.info("ses_topic_confirmed", topic=message["TopicArn"])
                return Received()
            case "UnsubscribeConfirmation":
                log.warning("ses_topic_unsubscribed", topic=message["TopicArn"])
                return Received()
        raise NotAuthentic("the type of the message is unknown")

    def events(self, payload: bytes) -> list[HookEvent]:
        if payload.startswith(_GREETING):
            return []
        message = object_of(json_of(payload))
        mail = part_of(message, "mail")
        return [_with_mail(event, mail) for event in _meaning(message, mail)]


def _with_mail(event: HookEvent, mail: Mapping[str, Any]) -> HookEvent:
    destination = mail.get("destination")
    first = destination[0] if isinstance(destination, list) and destination else ""
    recipient = event.recipient or text_of(first)
    return HookEvent(
        event.name, event.at, _references(mail), recipient, event.reply, event.event_id, event.permanent
    )


def _references(mail: Mapping[str, Any]) -> tuple[str, ...]:
    """Our mark among the tags, then what was the Message-ID."""
    tags = part_of(mail, "tags").get(NAME)
    found = [tags[0]] if isinstance(tags, list) and tags else []
    headers = mail.get("headers")
    for header in headers if isinstance(headers, list) else ():
        if isinstance(header, dict) and text_of(header.get("name")).lower() == "message-id":
            found.append(header.get("value"))
    return references_of([*found, part_of(mail, "commonHeaders").get("messageId")])


def _meaning(message: Mapping[str, Any], mail: Mapping[str, Any]) -> list[HookEvent]:
    """The event as far as it stands outside the mail's own fields; none for what is passed over."""
    match text_of(message.get("eventType") or message.get("notificationType")):
        case "Bounce":
            return [_bounce(part_of(message, "bounce"))]
        case "Complaint":
            complaint = part_of(message, "complaint")
            if complaint.get("complaintFeedbackType") == "not-spam":
                return []
            address, _ = _first(complaint, "complainedRecipients")
            number = text_of(complaint.get("feedbackId"))
            return [HookEvent("complained", _at(complaint), (), address, event_id=number)]
        case "Delivery":
            delivery = part_of(message, "delivery")
            reply = text_of(delivery.get("smtpResponse"))
            return [HookEvent("delivered", _at(delivery), (), reply=reply)]
        case "DeliveryDelay":
            delay = part_of(message, "deliveryDelay")
            address, reply = _first(delay, "delayedRecipients")
            return [HookEvent("deferred", _at(delay), (), address, reply, permanent=False)]
        case "Reject":
            why = text_of(part_of(message, "reject").get("reason"))
            return [HookEvent("bounced", _at(mail), (), reply=f"5.7.0 SES refused the mail: {why}")]
        case "Subscription":
            choice = part_of(message, "subscription")
            if part_of(choice, "newTopicPreferences").get("unsubscribeAll") is True:
                return [HookEvent("unsubscribed", _at(choice), ())]
    return []


def _bounce(bounce: Mapping[str, Any]) -> HookEvent:
    address, reply = _first(bounce, "bouncedRecipients")
    subtype = text_of(bounce.get("bounceSubType"))
    reply = with_code(_SUBTYPES.get(subtype, ""), reply)
    return HookEvent(
        "bounced",
        _at(bounce),
        (),
        address,
        reply or subtype,
        text_of(bounce.get("feedbackId")),
        permanent=bounce.get("bounceType") == "Permanent",
    )


def _first(part: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Address and words of the first recipient: a mail of ours has one."""
    listed = part.get(name)
    one = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    words = text_of(one.get("diagnosticCode")).removeprefix("smtp;").strip()
    return text_of(one.get("emailAddress")), with_code(text_of(one.get("status")), words)


def _at(part: Mapping[str, Any]) -> datetime:
    if "timestamp" not in part:
        raise BadInput("is missing", where="timestamp")
    return moment_of(part["timestamp"], "timestamp")
