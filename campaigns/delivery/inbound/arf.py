"""Complaints: feedback reports of mailbox providers (RFC 5965, and 6650 on how they are used)."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message

from campaigns.delivery.inbound.arrived import Arrived, addresses_in, headers_of, one_header, own_parts

COMPLAINED, UNSUBSCRIBED, NOTHING = "complained", "unsubscribed", ""

# What a type means for us. A type that nobody knows is to be taken as "other" (RFC 5965, 3.5).
_MEANS = {
    "abuse": COMPLAINED,
    "fraud": COMPLAINED,
    "opt-out": UNSUBSCRIBED,
    "opt-out-list": UNSUBSCRIBED,
    "not-spam": NOTHING,
}
_LONGEST_TYPE = 40


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a report wants: `name` is COMPLAINED, UNSUBSCRIBED or NOTHING.

    `return_paths` are where the mail in question said that its bounces go (Original-Mail-From).
    """

    name: str
    feedback_type: str
    return_paths: tuple[str, ...] = ()


def read_feedback(mail: Arrived) -> Feedback | None:
    """The feedback report in this mail; None where it is none."""
    for part in own_parts(mail.message):
        if part.get_content_type() == "message/feedback-report":
            fields = _fields(part)
            told = one_header(fields.get("Feedback-Type", "")).strip().lower()[:_LONGEST_TYPE]
            origin = addresses_in(one_header(fields.get("Original-Mail-From", "")))
            return Feedback(_MEANS.get(told, NOTHING), told, tuple(origin))
    return None


def is_bare_complaint(mail: Arrived) -> bool:
    """Whether somebody returns a mail without a report, as Microsoft's junk mail reports do.

    Only to be asked of what came to the address for complaints.
    """
    return bool(mail.returned) and mail.message.get_content_maintype() == "multipart"


def _fields(part: Message) -> Message:
    """The parser takes the fields for the headers of an attached mail."""
    payload = part.get_payload()
    if isinstance(payload, list):
        inner = payload[0] if payload else None
        if isinstance(inner, Message) and inner.keys():
            return inner
        coded = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
        if isinstance(inner, Message) and coded in ("base64", "quoted-printable"):
            inner["Content-Transfer-Encoding"] = coded
            raw = inner.get_payload(decode=True)
            return headers_of(raw.lstrip()) if isinstance(raw, bytes) else Message()
    return Message()
